"""torchviz: the drawing of a network's graph of gradients, as a text for graphviz."""

import torch
from torch import nn
from torchviz import make_dot

model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))
x = torch.ones(3, 4)
drawn = make_dot(model(x).mean(), params=dict(model.named_parameters()))
text = drawn.source
for name in ("0.weight", "2.bias", "MeanBackward0", "AddmmBackward0", "TanhBackward0", "AccumulateGrad"):
    print(name, text.count(name))
