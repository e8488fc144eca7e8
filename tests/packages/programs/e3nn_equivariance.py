"""e3nn: spherical harmonics, a gate, linear layers and tensor products that turn with their inputs, trained"""

import torch
from e3nn import nn, o3

torch.manual_seed(0)
irreps = o3.Irreps("2x0e + 1x1o + 1x2e")
x, points = irreps.randn(5, -1), torch.randn(6, 3)
linear = o3.Linear(irreps, "3x0e + 2x1o")
product = o3.FullyConnectedTensorProduct(irreps, irreps, "4x0e + 1x1o")
gate = nn.Gate("2x0e", [torch.tanh], "1x0e", [torch.sigmoid], "1x1o")
print("linear", linear(x).sum().item(), nn.BatchNorm(irreps)(x).sum().item())
print("harmonics", *[value.item() for value in o3.spherical_harmonics([0, 1, 2, 3], points, True).sum(0)])
print("gate", gate(gate.irreps_in.randn(4, -1)).sum().item())
turn = o3.rand_matrix()
before, after = product(x, x), product(*[x @ irreps.D_from_matrix(turn).T] * 2)
print("turned", float(torch.allclose(after[:, :4], before[:, :4], rtol=1e-3, atol=1e-2)))
optimizer = torch.optim.Adam([*linear.parameters(), *product.parameters()], lr=0.02)
for _ in range(4):
    loss = (product(x, x)[:, :4] - 1).pow(2).mean() + linear(x).pow(2).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print("step", loss.item())
