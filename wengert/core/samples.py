"""Sample inputs for primitives, from which tests are generated: every rule is held against numbers on them.

A primitive's ``samples`` is a function that yields ``(operands, params)``; operands are numpy arrays or numbers. Floats
are float64, so that central differences mean something.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

Sample = tuple[tuple[Any, ...], dict[str, Any]]


def uniform(low: float, high: float, *shape: int, seed: int = 0) -> np.ndarray:
    """Reproducible float64 numbers between ``low`` and ``high``."""
    return np.random.RandomState(1000 * seed + sum(shape)).uniform(low, high, shape)


def reals(*bounds: tuple[float, float] | float) -> Callable[[], Iterator[Sample]]:
    """Samples for an elementwise primitive whose operands lie within ``bounds``: ``reals(-4, 4)`` for one operand,
    ``reals((-4, 4), (0.5, 2))`` for two; of equal shapes, of shapes that broadcast, 0-d, and empty."""
    pairs: list[Any] = list(bounds) if isinstance(bounds[0], tuple) else [bounds]
    shapes = [((3, 4),) * len(pairs), ((),) * len(pairs), ((0, 2),) * len(pairs)]
    if len(pairs) > 1:
        shapes.append(((2, 1, 3), *[(4, 1)] * (len(pairs) - 1)))
        shapes.append(((3,), *[()] * (len(pairs) - 1)))

    def samples() -> Iterator[Sample]:
        for shape_list in shapes:
            numbered = enumerate(zip(pairs, shape_list, strict=True))
            yield tuple(uniform(low, high, *shape, seed=i) for i, ((low, high), shape) in numbered), {}

    return samples


def cases(*listed: tuple[Any, ...]) -> Callable[[], Iterator[Sample]]:
    """Samples written out: each a tuple of operands, its last entry a dict of params if there are any. A tuple of ints
    among the operands stands for float64 numbers of that shape in [-2, 2]."""

    def samples() -> Iterator[Sample]:
        for case in listed:
            params = case[-1] if isinstance(case[-1], dict) else {}
            operands = case[:-1] if isinstance(case[-1], dict) else case
            numbered = enumerate(operands)
            yield tuple(uniform(-2, 2, *x, seed=i) if isinstance(x, tuple) else x for i, x in numbered), params

    return samples
