"""torchsde: a small stochastic differential equation, trained through two solvers and through the adjoint"""

import torch
import torchsde


class Equation(torch.nn.Module):
    noise_type, sde_type = "diagonal", "ito"

    def __init__(self):
        super().__init__()
        self.drift, self.spread = torch.nn.Linear(3, 3), torch.nn.Linear(3, 3)

    def f(self, t, y):
        return torch.tanh(self.drift(y))

    def g(self, t, y):
        return 0.1 * torch.sigmoid(self.spread(y))


torch.manual_seed(0)
equation, start, times = Equation(), torch.randn(4, 3), torch.linspace(0, 1, 5)
optimizer = torch.optim.Adam(equation.parameters(), lr=0.05)
for method in ("euler", "milstein"):
    noise = torchsde.BrownianInterval(t0=0.0, t1=1.0, size=(4, 3), entropy=7)
    loss = torchsde.sdeint(equation, start, times, bm=noise, method=method, dt=0.1)[-1].pow(2).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(method, loss.item(), *[parameter.grad.abs().sum().item() for parameter in equation.parameters()])
noise = torchsde.BrownianInterval(t0=0.0, t1=1.0, size=(4, 3), entropy=9, levy_area_approximation="space-time")
loss = torchsde.sdeint_adjoint(equation, start, times, bm=noise, dt=0.1)[-1].mean()
optimizer.zero_grad()
loss.backward()
print("adjoint", loss.item(), *[parameter.grad.abs().sum().item() for parameter in equation.parameters()])
