"""Cubic convolution, of which `interpolate` and `grid_sample` both make use, on arrays and tensors."""

from __future__ import annotations

from typing import Any


def cubic_kernel(x: Any, a: float) -> tuple[Any, Any]:
    """The two pieces of the kernel of cubic convolution (Keys, 1981) at the distance ``x``: for x ≤ 1 and for 1 < x <
    2."""
    return ((a + 2) * x - (a + 3)) * x * x + 1, ((a * x - 5 * a) * x + 8 * a) * x - 4 * a


def cubic_weights(part: Any, a: float = -0.75) -> list[tuple[int, Any]]:
    """The four neighbours of a place ``part`` beyond an element, as offsets from that element, with their weights."""
    return [
        (-1, cubic_kernel(part + 1, a)[1]),
        (0, cubic_kernel(part, a)[0]),
        (1, cubic_kernel(1 - part, a)[0]),
        (2, cubic_kernel(2 - part, a)[1]),
    ]


def cubic_slopes(part: Any, a: float = -0.75) -> list[Any]:
    """The derivatives of the weights of `cubic_weights` by ``part``."""

    def near(x: Any) -> Any:
        return (3 * (a + 2) * x - 2 * (a + 3)) * x

    def far(x: Any) -> Any:
        return (3 * a * x - 10 * a) * x + 8 * a

    return [far(part + 1), near(part), -near(1 - part), -far(2 - part)]
