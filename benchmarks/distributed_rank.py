"""What one rank of the suite `distributed` measures: ``python -m benchmarks.distributed_rank wengert|torch``."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable
from time import perf_counter
from typing import Any

from benchmarks import networks
from benchmarks.sides import TORCH_COMPILE, WENGERT_COMPILE

SIZES = {"4 bytes": (1, 400), "1 MB": (1 << 18, 30), "25 MB": (25 << 18, 6), "100 MB": (100 << 18, 3)}
STEPS = {"mlp": 60, "resnet20": 8}
COMPILED = ", compiled"
"""What follows the name of a step whose model is compiled."""
WARMING = 3
"""Steps before a compiled model is as quick as it gets."""


def typical(action: Callable[[], Any], count: int) -> float:
    """The median of the seconds that an action takes."""
    action()
    seconds = []
    for _ in range(count):
        began = perf_counter()
        action()
        seconds.append(perf_counter() - began)
    return sorted(seconds)[count // 2]


def parallel_step(torch: Any, wrap: Callable[[Any], Any], name: str) -> tuple[Any, networks.Step]:
    """A network in `DistributedDataParallel`, and its step."""
    wrapped: list[Any] = []

    def step_of(torch: Any, model: Any, inputs: Any, labels: Any, optimizer: Any) -> networks.Step:
        wrapped.append(wrap(model))
        return plain(torch, wrapped[0], inputs, labels, optimizer)

    plain, networks.training_step = networks.training_step, step_of
    try:
        step = getattr(networks, name)(torch)
    finally:
        networks.training_step = plain
    return wrapped[0], step


def can_compile(torch: Any) -> bool:
    """Whether a library can compile a model here: PyTorch writes C++."""
    return (WENGERT_COMPILE if torch.__name__ == WENGERT_COMPILE.library else TORCH_COMPILE).missing() is None


def main() -> None:
    torch: Any = importlib.import_module(sys.argv[1])
    dist: Any = importlib.import_module(f"{sys.argv[1]}.distributed")
    parallel: Any = importlib.import_module(f"{sys.argv[1]}.nn.parallel")
    torch.set_num_threads(1)
    dist.init_process_group("gloo")
    found: dict[str, float] = {}
    for name, (count, times) in SIZES.items():
        tensor = torch.zeros(count)
        found[f"all-reduce of {name}"] = typical(lambda tensor=tensor: dist.all_reduce(tensor), times)  # type: ignore[misc]
    wrap = parallel.DistributedDataParallel
    wraps = {"": wrap} | ({COMPILED: lambda model: wrap(torch.compile(model))} if can_compile(torch) else {})
    for name, times in STEPS.items():
        for how, wrapped in wraps.items():
            _, step = parallel_step(torch, wrapped, name)
            for _ in range(WARMING):
                step()
            found[name + how] = typical(step, times)
    if dist.get_rank() == 0:
        print(json.dumps(found))
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
