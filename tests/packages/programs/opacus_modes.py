"""opacus: ways of computing the gradients of each example, on convolutions, embeddings and norms."""

# ruff: noqa: B023, E731, E741
import warnings

import numpy as np
import opacus
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

warnings.simplefilter("ignore")


def attempt(name, compute):
    """Prints, of each number or tensor that comes, the sum, and of a tensor the sum weighted by place too."""
    found, numbers = compute(), []
    for value in found if isinstance(found, (tuple, list)) else (found,):
        if isinstance(value, torch.Tensor) and value.numel() > 1:
            flat = value.detach().double().reshape(-1)
            numbers += [
                float(flat.sum()),
                float((flat * torch.arange(1, flat.numel() + 1).double()).sum()) / flat.numel(),
            ]
        else:
            numbers.append(float(value))
    print(name, *[f"{number:.6g}" for number in numbers], flush=True)


def seeded(compute):
    def run(*arguments):
        torch.manual_seed(0)
        np.random.seed(0)
        return compute(*arguments)

    return run


torch.manual_seed(0)
for n, net, x, kw in [
    (
        "conv",
        lambda: nn.Sequential(nn.Conv2d(1, 4, 3), nn.GroupNorm(2, 4), nn.ReLU(), nn.Flatten(), nn.Linear(144, 2)),
        torch.randn(16, 1, 8, 8),
        {},
    ),
    (
        "emb",
        lambda: nn.Sequential(nn.Embedding(10, 4), nn.Flatten(), nn.Linear(20, 2)),
        torch.randint(0, 10, (16, 5)),
        {},
    ),
    (
        "ln",
        lambda: nn.Sequential(nn.Linear(6, 8), nn.LayerNorm(8), nn.Linear(8, 2)),
        torch.randn(16, 6),
        {"clipping": "per_layer", "max_grad_norm": [0.5] * 6},
    ),
    (
        "functorch",
        lambda: nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 2)),
        torch.randn(16, 6),
        {"grad_sample_mode": "functorch"},
    ),
    (
        "ghost",
        lambda: nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 2)),
        torch.randn(16, 6),
        {"grad_sample_mode": "ghost"},
    ),
]:

    @seeded
    def run():
        m = net()
        o = torch.optim.SGD(m.parameters(), 0.1)
        dl = DataLoader(TensorDataset(x, torch.arange(16) % 2), 8)
        e = opacus.PrivacyEngine()
        kk = dict(max_grad_norm=1.0) | kw
        c = nn.CrossEntropyLoss()
        out = e.make_private(
            module=m,
            optimizer=o,
            data_loader=dl,
            noise_multiplier=0.0,
            poisson_sampling=False,
            **(kk | ({"criterion": c} if n == "ghost" else {})),
        )
        if n == "ghost":
            m, o, c, dl = out
        else:
            m, o, dl = out
        for a, b in dl:
            loss = c(m(a), b)
            o.zero_grad()
            loss.backward()
            o.step()
        return [loss.item() if n == "ghost" else loss] + [p for p in m.parameters()]

    attempt("opacus_" + n, run)
