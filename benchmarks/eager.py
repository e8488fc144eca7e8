"""What the eager library costs: importing it, recording an operation, going backward, a training step, large arrays.

Each workload is written once, as a function of a parameter `torch` that is either library, and returns the function
to be timed. Results that are not kept are dropped, and freed, within the time measured.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import ModuleType
from typing import Any

from benchmarks import networks
from benchmarks.workloads import Build, Workload

SMALL = (8, 8)
LARGE = 1_000_000


def recording(operation: str, operands: int) -> Build:
    """`operation` on 8×8 operands that want gradients: its evaluation and the writing of a node on the tape."""

    def build(torch: ModuleType) -> Callable[[], Any]:
        torch.manual_seed(0)
        tensors = [torch.rand(*SMALL, requires_grad=True) for _ in range(operands)]
        return partial(getattr(torch, operation), *tensors)

    return build


def five_operations(torch: ModuleType) -> Callable[[], Any]:
    """Forward and backward through matmul, add, tanh, mul and sum on 8×8, into the gradients of three leaves."""
    torch.manual_seed(0)
    x = torch.rand(*SMALL)
    w, b, v = leaves = [torch.rand(*SMALL, requires_grad=True) for _ in range(3)]

    def run() -> None:
        ((x @ w + b).tanh() * v).sum().backward()
        for leaf in leaves:
            leaf.grad = None

    return run


def adaline_step(torch: ModuleType) -> Callable[[], Any]:
    """One training step of `Linear(2, 1)` on a minibatch of 10: forward, mean squared error, backward, SGD."""
    torch.manual_seed(0)
    model = torch.nn.Linear(2, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    loss_function = torch.nn.MSELoss()
    features, targets = torch.rand(10, 2), torch.rand(10)

    def step() -> None:
        loss = loss_function(model(features).view(-1), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step


def large(operation: str) -> Build:
    """`operation` on a million float32 between 0.1 and 3, no gradient wanted."""

    def build(torch: ModuleType) -> Callable[[], Any]:
        torch.manual_seed(0)
        x = torch.rand(LARGE) * 2.9 + 0.1
        return partial(torch.nn.functional.gelu if operation == "gelu" else getattr(torch, operation), x)

    return build


WORKLOADS = (
    Workload("import", 0.3),
    *(Workload(f"record {name}, 8×8", 0.9, recording(name, operands))
      for name, operands in (("add", 2), ("mul", 2), ("exp", 1), ("matmul", 2), ("sum", 1))),
    Workload("five operations forward and backward, 8×8", 0.6, five_operations),
    Workload("ADALINE step, minibatch of 10", 0.5, adaline_step),
    *(Workload(f"{name}, 1M float32", 0.6, large(name)) for name in ("exp", "tanh", "log", "sigmoid", "erf", "gelu")),
    Workload("mlp, training step", 0.9, networks.mlp),
    Workload("lenet, training step", 1.5, networks.lenet),
    Workload("resnet20, training step", 2.0, networks.resnet20),
    Workload("lstm, training step", 1.5, networks.lstm),
    Workload("gpt, training step", 1.5, networks.gpt),
    Workload("pointwise, forward and backward", 1.0, networks.pointwise),
)
