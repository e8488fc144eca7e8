"""BackPACK: gradients of each example, their variance, and curvature beside the gradient."""

import torch
from backpack import backpack, extend
from backpack.extensions import BatchGrad, BatchL2Grad, DiagGGNExact, SumGradSquared, Variance
from torch import nn

torch.manual_seed(0)
model = extend(nn.Sequential(nn.Flatten(), nn.Linear(12, 8), nn.Sigmoid(), nn.Linear(8, 3)))
lossfunc = extend(nn.CrossEntropyLoss())
x, y = torch.randn(6, 3, 4), torch.randint(0, 3, (6,))
with backpack(BatchGrad(), BatchL2Grad(), SumGradSquared(), Variance(), DiagGGNExact()):
    lossfunc(model(x), y).backward()
for name, parameter in model.named_parameters():
    print(name, *[getattr(parameter, what).abs().sum().item() for what in (
        "grad", "grad_batch", "batch_l2", "sum_grad_squared", "variance", "diag_ggn_exact")])
