"""A word-level language model: an LSTM with tied weights, truncated backpropagation, clipping and a plateau schedule."""

import argparse
import math

import torch
import torch.nn as nn
import torch.nn.functional as F

parser = argparse.ArgumentParser()
parser.add_argument("--epochs", type=int, default=2)
parser.add_argument("--tied", action="store_true", default=True)
args = parser.parse_args()

TEXT = """the quick brown fox jumps over the lazy dog . the dog sleeps in the sun and the fox runs
over the hill . a bird sings in the tree and the sun shines on the hill . the lazy dog barks at the bird .""".split()


class Dictionary(object):
    def __init__(self):
        self.word2idx = {}
        self.idx2word = []

    def add_word(self, word):
        if word not in self.word2idx:
            self.idx2word.append(word)
            self.word2idx[word] = len(self.idx2word) - 1
        return self.word2idx[word]

    def __len__(self):
        return len(self.idx2word)


class RNNModel(nn.Module):
    def __init__(self, ntoken, ninp, nhid, nlayers, dropout=0.5, tie_weights=False):
        super(RNNModel, self).__init__()
        self.ntoken = ntoken
        self.drop = nn.Dropout(dropout)
        self.encoder = nn.Embedding(ntoken, ninp)
        self.rnn = getattr(nn, "LSTM")(ninp, nhid, nlayers, dropout=dropout)
        self.decoder = nn.Linear(nhid, ntoken)
        if tie_weights:
            if nhid != ninp:
                raise ValueError("When using the tied flag, nhid must be equal to emsize")
            self.decoder.weight = self.encoder.weight
        self.init_weights()
        self.nhid = nhid
        self.nlayers = nlayers

    def init_weights(self):
        initrange = 0.1
        nn.init.uniform_(self.encoder.weight, -initrange, initrange)
        nn.init.zeros_(self.decoder.bias)
        nn.init.uniform_(self.decoder.weight, -initrange, initrange)

    def forward(self, input, hidden):
        emb = self.drop(self.encoder(input))
        output, hidden = self.rnn(emb, hidden)
        output = self.drop(output)
        decoded = self.decoder(output)
        decoded = decoded.view(-1, self.ntoken)
        return F.log_softmax(decoded, dim=1), hidden

    def init_hidden(self, bsz):
        weight = next(self.parameters())
        return (weight.new_zeros(self.nlayers, bsz, self.nhid), weight.new_zeros(self.nlayers, bsz, self.nhid))


def batchify(data, bsz):
    nbatch = data.size(0) // bsz
    data = data.narrow(0, 0, nbatch * bsz)
    return data.view(bsz, -1).t().contiguous()


def repackage_hidden(h):
    if isinstance(h, torch.Tensor):
        return h.detach()
    return tuple(repackage_hidden(v) for v in h)


def get_batch(source, i, bptt=4):
    seq_len = min(bptt, len(source) - 1 - i)
    return source[i : i + seq_len], source[i + 1 : i + 1 + seq_len].view(-1)


torch.manual_seed(1111)
corpus = Dictionary()
ids = torch.tensor([corpus.add_word(word) for word in TEXT]).type(torch.int64)
train_data = batchify(ids, 3)
ntokens = len(corpus)
model = RNNModel(ntokens, 16, 16, 2, 0.2, args.tied)
print(model)
print("parameters", sum(p.numel() for p in model.parameters()), "vocabulary", ntokens, tuple(train_data.shape))
criterion = nn.NLLLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=5.0)
scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.25, patience=0)


def evaluate():
    model.eval()
    total_loss = 0.0
    hidden = model.init_hidden(3)
    with torch.no_grad():
        for i in range(0, train_data.size(0) - 1, 4):
            data, targets = get_batch(train_data, i)
            output, hidden = model(data, hidden)
            hidden = repackage_hidden(hidden)
            total_loss += len(data) * criterion(output, targets).item()
    return total_loss / (len(train_data) - 1)


for epoch in range(1, args.epochs + 1):
    model.train()
    hidden = model.init_hidden(3)
    for batch, i in enumerate(range(0, train_data.size(0) - 1, 4)):
        data, targets = get_batch(train_data, i)
        model.zero_grad()
        hidden = repackage_hidden(hidden)
        output, hidden = model(data, hidden)
        loss = criterion(output, targets)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 0.25)
        optimizer.step()
        print("| epoch {:3d} | {:5d} batches | loss {:5.4f} | ppl {:8.3f} | norm {:.4f}".format(
            epoch, batch, loss.item(), math.exp(loss.item()), norm))
    val_loss = evaluate()
    scheduler.step(val_loss)
    print("-" * 20, epoch, f"{val_loss:.4f}", optimizer.param_groups[0]["lr"])

input = torch.randint(ntokens, (1, 1), dtype=torch.long)
hidden = model.init_hidden(1)
with torch.no_grad():
    for i in range(8):
        output, hidden = model(input, hidden)
        word_weights = output.squeeze().div(1.0).exp().cpu()
        word_idx = torch.multinomial(word_weights, 1)[0]
        input.fill_(word_idx)
        print(word_idx, corpus.idx2word[word_idx])
