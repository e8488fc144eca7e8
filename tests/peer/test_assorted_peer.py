"""The functions of `wengert.ops.assorted`, and limits of dtypes, against PyTorch's."""

from __future__ import annotations

from typing import Any

import pytest

import wengert

torch = pytest.importorskip("torch")

CALLS: dict[str, Any] = {
    "frexp": lambda t: t.frexp(t.tensor([8.0, 3.0, 0.0, -0.1])),
    "frexp's gradient": lambda t: (lambda x: t.autograd.grad(x.frexp().mantissa.sum(), x))(
        t.tensor([8.0, 3.0, 5.5], requires_grad=True)),
    "gradient": lambda t: t.gradient(t.tensor([1.0, 4.0, 9.0, 16.0])),
    "gradient of a matrix": lambda t: t.gradient(t.arange(12.0).view(3, 4) ** 2, spacing=[2.0, 0.5]),
    "gradient along one": lambda t: t.gradient(t.arange(12.0).view(3, 4) ** 2, dim=1, spacing=3),
    "gradient of two": lambda t: t.gradient(t.tensor([1.0, 4.0])),
    "unravel_index": lambda t: t.unravel_index(t.tensor([[5, 11], [0, 7]]), (2, 3, 2)),
    "fill": lambda t: (t.fill(t.ones(2, 2), 3), t.fill(t.ones(2, dtype=t.int32), t.tensor(4))),
    "split_with_sizes": lambda t: (t.split_with_sizes(t.arange(5), [1, 4]), t.arange(5).split_with_sizes((2, 3))),
    "is_signed": lambda t: [t.is_signed(t.ones(1).to(d)) for d in (t.uint8, t.int8, t.bool, t.float32)],
    "is_same_size": lambda t: (t.is_same_size(t.ones(2), t.ones(2)), t.ones(2).is_same_size(t.ones(1))),
    "apply_": lambda t: t.arange(4).view(2, 2).apply_(lambda v: v * 2 + 1),
    "map_": lambda t: t.arange(4.0).view(2, 2).map_(t.ones(2), lambda a, b: a - b),
    "finfo": lambda t: [t.finfo(d) for d in (t.float16, t.bfloat16, t.float32, t.float64)],
    "iinfo": lambda t: [t.iinfo(d) for d in (t.uint8, t.int8, t.int16, t.int32, t.int64)],
}
ERRORS = (
    lambda t: t.frexp(t.arange(3)),
    lambda t: t.gradient(t.ones(1)),
    lambda t: t.gradient(t.ones(3, 3), spacing=[1.0]),
    lambda t: t.ones(2, requires_grad=True).apply_(abs),
    lambda t: t.ones(2).map_(t.ones(2, requires_grad=True), max),
)


@pytest.mark.parametrize("name", CALLS)
def test_values(name: str) -> None:
    assert str(CALLS[name](wengert)) == str(CALLS[name](torch))


@pytest.mark.parametrize("number", range(len(ERRORS)))
def test_errors(number: int) -> None:
    for library in (torch, wengert):
        with pytest.raises(RuntimeError):
            ERRORS[number](library)
