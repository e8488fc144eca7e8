"""MAML on sines: an inner loop by autograd.grad(create_graph=True) over fast weights, functional forward."""

import numpy as np
import torch
import torch.nn.functional as F

rng = np.random.RandomState(0)
torch.manual_seed(0)


class MetaModel(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.l1 = torch.nn.Linear(1, 16)
        self.l2 = torch.nn.Linear(16, 16)
        self.l3 = torch.nn.Linear(16, 1)

    def forward(self, x, weights=None):
        w = dict(self.named_parameters()) if weights is None else weights
        x = F.relu(F.linear(x, w["l1.weight"], w["l1.bias"]))
        x = F.relu(F.linear(x, w["l2.weight"], w["l2.bias"]))
        return F.linear(x, w["l3.weight"], w["l3.bias"])


def task():
    amplitude, phase = rng.uniform(0.1, 5.0), rng.uniform(0, np.pi)

    def sample(k):
        x = torch.from_numpy(rng.uniform(-5, 5, (k, 1))).float()
        return x, amplitude * torch.sin(x + phase)

    return sample


model = MetaModel()
outer = torch.optim.Adam(model.parameters(), lr=1e-3)
for iteration in range(5):
    outer.zero_grad()
    total = 0.0
    for _ in range(3):
        sample = task()
        fast = dict(model.named_parameters())
        x, y = sample(10)
        for _ in range(2):
            inner = F.mse_loss(model(x, fast), y)
            grads = torch.autograd.grad(inner, fast.values(), create_graph=True)
            fast = {name: p - 0.01 * g for (name, p), g in zip(fast.items(), grads)}
        x, y = sample(10)
        total = total + F.mse_loss(model(x, fast), y)
    total.backward()
    outer.step()
    print(f"iteration {iteration} meta-loss {total.item() / 3:.5f} grad {model.l2.weight.grad.norm():.5f}")


def hvp(f, x, v):
    (g,) = torch.autograd.grad(f(x), x, create_graph=True)
    return torch.autograd.grad(g, x, grad_outputs=v)[0]


def rosenbrock(x):
    return torch.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


x = torch.tensor([0.3, -0.7, 1.1, 0.5], requires_grad=True)
v = torch.tensor([1.0, 2.0, -1.0, 0.5])
print(hvp(rosenbrock, x, v))
print(torch.autograd.functional.hvp(rosenbrock, x, v))
H = torch.autograd.functional.hessian(rosenbrock, x)
print(H, H @ v)
print(torch.autograd.functional.jacobian(lambda a: torch.cumprod(a, 0), x.detach()))
print(torch.autograd.functional.vjp(lambda a: a.exp().cumsum(0), x.detach(), v))
print(torch.autograd.functional.jvp(lambda a: a.exp().cumsum(0), x.detach(), v))
