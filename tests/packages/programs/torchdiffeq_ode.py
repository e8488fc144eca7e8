"""A small neural ODE, trained through dopri5 and through its adjoint, and an event."""

import torch
from torch import nn
from torchdiffeq import odeint, odeint_adjoint

torch.manual_seed(0)
t = torch.linspace(0.0, 2.0, 12)
matrix = torch.tensor([[-0.1, 2.0], [-2.0, -0.1]])
with torch.no_grad():
    target = odeint(lambda t, y: y**3 @ matrix, torch.tensor([[2.0, 0.0]]), t, method="dopri5")
print("target", *target[-1].reshape(-1).tolist())


class Field(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 2))

    def forward(self, t, y):
        return self.net(y**3)


for name, solve in (("direct", odeint), ("adjoint", odeint_adjoint)):
    torch.manual_seed(1)
    field = Field()
    optimizer = torch.optim.RMSprop(field.parameters(), lr=1e-3)
    for _ in range(5):
        optimizer.zero_grad()
        loss = (solve(field, target[0], t) - target).abs().mean()
        loss.backward()
        optimizer.step()
        print(name, loss.item())
for method in ("euler", "midpoint", "rk4", "bosh3", "dopri8", "adaptive_heun"):
    print(method, *odeint(field, target[0], t, method=method)[-1].reshape(-1).tolist())
