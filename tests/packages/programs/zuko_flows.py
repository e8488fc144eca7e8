"""Nine flows by zuko, their densities, gradients and samples."""

# ruff: noqa: B023, E731, E741
import warnings

import numpy as np
import torch
import zuko

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


for n, f in {
    "nsf": lambda: zuko.flows.NSF(3, 2, transforms=1, hidden_features=(8,)),
    "nice": lambda: zuko.flows.NICE(3, 2, hidden_features=(8,)),
    "naf": lambda: zuko.flows.NAF(2, 0, transforms=1, hidden_features=(8,)),
    "gf": lambda: zuko.flows.GF(2, 0, transforms=1),
    "sospf": lambda: zuko.flows.SOSPF(2, 0, transforms=1, hidden_features=(8,)),
    "bpf": lambda: zuko.flows.BPF(2, 0, transforms=1, hidden_features=(8,)),
    "ncsf": lambda: zuko.flows.NCSF(2, 0, transforms=1, hidden_features=(8,)),
    "unaf": lambda: zuko.flows.UNAF(2, 0, transforms=1, hidden_features=(8,)),
    "gmm": lambda: zuko.flows.GMM(2, 0, 3),
}.items():

    @seeded
    def run():
        m = f()
        d = {"nsf": 3, "nice": 3}.get(n, 2)
        c = torch.randn(4, 2) if d == 3 else None
        x = torch.rand(4, d) * 0.5
        loss = -m(c).log_prob(x).mean() if c is not None else -m().log_prob(x).mean()
        loss.backward()
        torch.manual_seed(2)
        s = (m(c) if c is not None else m()).sample((2,)) if n not in ("gmm",) else torch.zeros(2)
        return loss, sum(p.grad.abs().sum() for p in m.parameters() if p.grad is not None), s

    attempt("zuko_" + n, run)
