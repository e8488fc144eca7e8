"""entmax: sparse normalisations with their derivatives, by sorting and by bisection, and a training by their losses"""

import torch
from entmax import Entmax15Loss, EntmaxBisectLoss, SparsemaxLoss, budget_bisect, entmax15, entmax_bisect, sparsemax

torch.manual_seed(0)
x = torch.randn(8, 5, dtype=torch.float64, requires_grad=True)
for name, compute in (("sparsemax", sparsemax), ("entmax15", entmax15), ("bisect", lambda x: entmax_bisect(x, 1.3)),
                      ("budget", lambda x: budget_bisect(x, budget=2))):
    y = compute(x)
    (gradient,) = torch.autograd.grad((y * torch.arange(5.0)).sum(), x)
    print(name, *y[0].tolist(), *gradient[0].tolist())
alpha = torch.tensor(1.4, dtype=torch.float64, requires_grad=True)
print("alpha", *[value.sum().item() for value in torch.autograd.grad((entmax_bisect(x, alpha) ** 2).sum(), (x, alpha))])
network, classes = torch.nn.Linear(5, 4).double(), torch.randint(0, 4, (8,))
optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
for of in (Entmax15Loss(), SparsemaxLoss(), EntmaxBisectLoss(1.2)):
    for _ in range(3):
        optimizer.zero_grad()
        loss = of(network(x.detach()), classes).mean()
        loss.backward()
        optimizer.step()
    print("loss", loss.item())
