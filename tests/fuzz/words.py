"""What the texts of calls are made of, for any library with PyTorch's names: its namespaces by their usual names, and
whole uses of what is no single call. The fuzzers (`calls.py`) and `tools.odd_calls` add their own."""

from __future__ import annotations

import math
from typing import Any

import numpy as np


def values(shape: tuple[int, ...], kind: Any, fill: Any = None) -> np.ndarray[Any, Any]:
    """Numbers without pattern (0, 1 and 2 for a dtype of integers or truth values), or ``fill`` everywhere."""
    size = math.prod(shape)
    if fill is not None:
        return np.full(shape, fill)
    if not (kind.is_floating_point or kind.is_complex):
        return (np.arange(size) % 3).reshape(shape)
    return ((np.arange(size) * 7919 % 1009) / 1009 + 0.01).reshape(shape)


def words(lib: Any) -> dict[str, Any]:
    """The names that texts of calls of ``lib`` use."""
    nn = lib.nn

    def schedule(kind: str, *arguments: Any, **options: Any) -> list[Any]:
        """The rates of five steps under a schedule."""
        optimizer = lib.optim.SGD([lib.ones(3, requires_grad=True)], lr=0.5, momentum=0.5)
        scheduler = getattr(lib.optim.lr_scheduler, kind)(optimizer, *arguments, **options)
        rates = []
        for _ in range(5):
            optimizer.step()
            scheduler.step(*([0.5] if kind == "ReduceLROnPlateau" else []))
            rates.append(optimizer.param_groups[0]["lr"])
        return [*rates, scheduler.get_last_lr()]

    def draw(source: Any) -> list[Any]:
        """How long a sampler or a data set is, if it says so, and at most ten of it."""
        count = len(source) if hasattr(source, "__len__") else None
        if hasattr(source, "__iter__"):
            return [count, [part for part, _ in zip(source, range(10), strict=False)]]
        return [count, [source[place] for place in range(min(10 if count is None else count, 10))]]

    class Rows(lib.utils.data.Dataset):
        """A data set of the numbers below ``count``."""

        def __init__(self, count: int) -> None:
            self.count = int(count)
            if self.count > 2**20:
                raise ValueError("too many rows")

        def __len__(self) -> int:
            return len(range(self.count))

        def __getitem__(self, place: int) -> int:
            return range(self.count)[place]

    def leaves(*tensors: Any) -> list[Any]:
        """Parameters with gradients."""
        found = [nn.Parameter(x) for x in tensors]
        sum((x * x).sum() for x in found).backward()
        return found

    return {"torch": lib, "nn": nn, "F": nn.functional, "linalg": lib.linalg, "fft": lib.fft, "special": lib.special,
            "D": lib.distributions, "data": lib.utils.data, "func": lib.func, "rnn": nn.utils.rnn, "init": nn.init,
            "inf": math.inf, "nan": math.nan, "schedule": schedule, "draw": draw, "Rows": Rows, "leaves": leaves}
