"""opacus: ways of computing the gradients of each example, on convolutions, embeddings and norms."""

# ruff: noqa: B023, E731, E741
import warnings

import opacus
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from tests.packages.printing import attempt, seeded

warnings.simplefilter("ignore")

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
