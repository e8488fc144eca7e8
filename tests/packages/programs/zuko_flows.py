"""Nine flows by zuko, their densities, gradients and samples."""

# ruff: noqa: B023, E731, E741
import warnings

import torch
import zuko

from tests.packages.printing import attempt, seeded

warnings.simplefilter("ignore")

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
