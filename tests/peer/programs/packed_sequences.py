"""Classification of sequences of different lengths: collate with pad_sequence, packed bidirectional LSTM, CTC."""

import torch
import torch.nn as nn
from torch.nn.utils.rnn import pack_padded_sequence, pack_sequence, pad_packed_sequence, pad_sequence
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(5)


class Sequences(Dataset):
    def __init__(self):
        self.lengths = [5, 2, 7, 3, 4, 6, 1, 5]
        self.items = [torch.randint(1, 10, (length,)) for length in self.lengths]

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        return self.items[i], int(self.items[i].sum() % 2)


def collate(batch):
    sequences, labels = zip(*batch)
    lengths = torch.LongTensor([len(s) for s in sequences])
    return pad_sequence(sequences, batch_first=True), lengths, torch.tensor(labels)


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(10, 6, padding_idx=0)
        self.lstm = nn.LSTM(6, 5, num_layers=2, batch_first=True, bidirectional=True, dropout=0.2)
        self.fc = nn.Linear(20, 2)

    def forward(self, x, lengths):
        packed = pack_padded_sequence(self.embedding(x), lengths, batch_first=True, enforce_sorted=False)
        output, (hidden, cell) = self.lstm(packed)
        output, sizes = pad_packed_sequence(output, batch_first=True)
        last = torch.cat((hidden[-2], hidden[-1]), dim=1)
        mask = torch.arange(output.size(1))[None, :] < sizes[:, None]
        mean = (output * mask.unsqueeze(-1)).sum(1) / sizes.unsqueeze(1)
        return self.fc(torch.cat([last, mean], dim=1)), output


model = Classifier()
print(model)
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
for epoch in range(2):
    for x, lengths, y in DataLoader(Sequences(), batch_size=4, shuffle=True, collate_fn=collate):
        logits, output = model(x, lengths)
        loss = nn.functional.cross_entropy(logits, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        print(tuple(x.shape), lengths.tolist(), y.tolist(), f"{loss.item():.5f}", tuple(output.shape))
print(model.embedding.weight[0], model.embedding.weight.grad[:2])
packed = pack_sequence([torch.tensor([1, 2, 3]), torch.tensor([4, 5]), torch.tensor([6])])
print(packed)
print(pad_packed_sequence(packed))

T, C, N, S = 12, 6, 3, 4
logits = torch.randn(T, N, C, requires_grad=True)
targets = torch.randint(1, C, (N, S), dtype=torch.long)
input_lengths = torch.full((N,), T, dtype=torch.long)
target_lengths = torch.tensor([4, 2, 3])
ctc_loss = nn.CTCLoss(blank=0, zero_infinity=True)
sgd = torch.optim.SGD([logits], lr=2.0, momentum=0.9, nesterov=True)
for step in range(4):
    loss = ctc_loss(logits.log_softmax(2), targets, input_lengths, target_lengths)
    sgd.zero_grad()
    loss.backward()
    sgd.step()
    print("ctc", step, loss.item(), logits.grad.norm().item())
best = logits.argmax(2).t()
print([[int(c) for i, c in enumerate(row) if c and (i == 0 or c != row[i - 1])] for row in best])
