"""A siamese network on pairs of shapes: contrastive, triplet and cosine losses, hooks, a custom Dataset and Sampler."""

import random

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import BatchSampler, DataLoader, Dataset, Sampler, WeightedRandomSampler

np.random.seed(0)
random.seed(1)
torch.manual_seed(2)


class Pairs(Dataset):
    def __init__(self, n):
        self.x = np.random.randn(n, 1, 8, 8).astype("float32")
        self.y = np.random.randint(0, 3, n)
        for i, y in enumerate(self.y):
            self.x[i, 0, y * 2 : y * 2 + 2] += 3

    def __len__(self):
        return len(self.x)

    def __getitem__(self, index):
        same = index % 2
        choices = np.where((self.y == self.y[index]) == bool(same))[0]
        other = int(choices[index % len(choices)])
        return {"left": self.x[index], "right": torch.from_numpy(self.x[other]), "label": float(same), "y": self.y[index]}


class EveryThird(Sampler):
    def __init__(self, source):
        self.source = source

    def __iter__(self):
        return iter(list(range(0, len(self.source), 3)) + torch.randperm(len(self.source)).tolist()[:4])

    def __len__(self):
        return (len(self.source) + 2) // 3 + 4


class ContrastiveLoss(nn.Module):
    def __init__(self, margin=2.0):
        super().__init__()
        self.margin = margin

    def forward(self, output1, output2, label):
        distance = F.pairwise_distance(output1, output2, keepdim=True)
        return torch.mean(label * torch.pow(distance, 2)
                          + (1 - label) * torch.pow(torch.clamp(self.margin - distance, min=0.0), 2))


class Siamese(nn.Module):
    def __init__(self):
        super().__init__()
        self.cnn = nn.Sequential(nn.ReflectionPad2d(1), nn.Conv2d(1, 4, 3), nn.ReLU(inplace=True),
                                 nn.BatchNorm2d(4), nn.Dropout2d(p=0.2), nn.MaxPool2d(2))
        self.fc = nn.Sequential(nn.Flatten(), nn.Linear(64, 10), nn.PReLU(), nn.Linear(10, 4))

    def forward_once(self, x):
        return self.fc(self.cnn(x))

    def forward(self, a, b):
        return self.forward_once(a), self.forward_once(b)


data = Pairs(24)
net = Siamese()
seen = []
handle = net.fc[1].register_forward_hook(lambda module, inputs, output: seen.append(output.detach().abs().mean().item()))
net.fc[3].register_full_backward_hook(lambda module, gi, go: print("  grad", float(go[0].norm())))
net.register_forward_pre_hook(lambda module, inputs: tuple(x * 0.5 for x in inputs))
optimizer = torch.optim.RMSprop(net.parameters(), lr=1e-3, alpha=0.99, eps=1e-8, weight_decay=0.0005, momentum=0.9)
criterion = ContrastiveLoss()
loader = DataLoader(data, batch_sampler=BatchSampler(EveryThird(data), batch_size=5, drop_last=False))
print(len(loader))
for batch in loader:
    left, right, label = batch["left"], batch["right"], batch["label"]
    print(left.shape, label.dtype, batch["y"])
    optimizer.zero_grad()
    a, b = net(left, right)
    loss = criterion(a, b, label.float().unsqueeze(1))
    loss.backward()
    optimizer.step()
    print("loss", loss)
handle.remove()
print([round(v, 4) for v in seen])
weights = [0.1 if y == 0 else 1.0 for y in data.y]
loader = DataLoader(data, batch_size=6, sampler=WeightedRandomSampler(weights, 12, replacement=True))
triplet = nn.TripletMarginLoss(margin=1.0, p=2)
for batch in loader:
    a, b = net(batch["left"], batch["right"])
    loss = triplet(a, b, b.roll(1, 0)) + F.cosine_embedding_loss(a, b, torch.where(batch["label"] > 0, 1, -1))
    optimizer.zero_grad(set_to_none=False)
    loss.backward()
    optimizer.step()
    print(batch["y"].tolist(), f"{loss.item():.5f}", F.cosine_similarity(a, b).mean().item())
