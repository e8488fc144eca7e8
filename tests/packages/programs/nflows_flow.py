"""nflows: a masked autoregressive flow and a coupling flow of splines."""

import torch
from nflows.distributions.normal import StandardNormal
from nflows.flows.base import Flow
from nflows.transforms import (
    CompositeTransform,
    LeakyReLU,
    MaskedAffineAutoregressiveTransform,
    MaskedPiecewiseRationalQuadraticAutoregressiveTransform,
    ReversePermutation,
)

torch.manual_seed(0)
x = torch.randn(64, 2) @ torch.tensor([[1.0, 0.4], [0.0, 0.6]])
KINDS = {
    "affine": lambda: MaskedAffineAutoregressiveTransform(features=2, hidden_features=8),
    "spline": lambda: MaskedPiecewiseRationalQuadraticAutoregressiveTransform(
        features=2, hidden_features=8, num_bins=4, tails="linear", tail_bound=3.0),
}
for name, make in KINDS.items():
    torch.manual_seed(1)
    parts = [part for _ in range(2) for part in (ReversePermutation(2), make(), LeakyReLU(0.5))]
    flow = Flow(CompositeTransform(parts), StandardNormal([2]))
    optimizer = torch.optim.Adam(flow.parameters(), lr=1e-2)
    for _ in range(4):
        optimizer.zero_grad()
        loss = -flow.log_prob(x).mean()
        loss.backward()
        optimizer.step()
        print(name, loss.item())
    torch.manual_seed(2)
    print(name, *flow.sample(3).flatten().tolist())
