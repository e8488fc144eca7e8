"""The dtype in which two operands meet: every pair of dtypes, as tensors, 0-d tensors and numbers, against PyTorch."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest

import wengert

torch = pytest.importorskip("torch")
pytest.importorskip("ml_dtypes")
pytestmark = pytest.mark.filterwarnings("ignore:ComplexHalf support is experimental")

DTYPES = ("bool uint8 int8 int16 int32 int64 float16 bfloat16 float32 float64 complex32 complex64 complex128 "
          "float8_e4m3fn float8_e5m2").split()
NUMBERS = (True, 2, 1.5, 1 + 1j)

OPERATIONS: dict[str, Callable[[Any, Any, Any], Any]] = {
    "add": lambda torch, x, y: torch.add(x, y),
    "subtract": lambda torch, x, y: x - y,
    "subtract from": lambda torch, x, y: y - x,
    "multiply": lambda torch, x, y: x * y,
    "divide": lambda torch, x, y: x / y,
    "divide into": lambda torch, x, y: y / x,
    "floor divide": lambda torch, x, y: x // y,
    "remainder": lambda torch, x, y: x % y,
    "power": lambda torch, x, y: torch.pow(x, y),
    "power of": lambda torch, x, y: y**x,
    "less": lambda torch, x, y: x < y,
    "equal": lambda torch, x, y: x == y,
    "and": lambda torch, x, y: x & y,
    "where": lambda torch, x, y: torch.where(torch.tensor([True, False]), x, y),
    "cat": lambda torch, x, y: torch.cat([x.reshape(-1), torch.as_tensor(y).reshape(-1)]),
    "result_type": lambda torch, x, y: torch.zeros(0, dtype=torch.result_type(x, y)),
    "add_": lambda torch, x, y: x.clone().add_(y),
    "div_": lambda torch, x, y: x.clone().div_(y),
    "fill": lambda torch, x, y: x.masked_fill(torch.tensor([True, False]), y),
}

def outcome(torch: Any, operation: Callable[[Any, Any, Any], Any], first: Any, second: Any) -> str:
    x, y = (
        v if not isinstance(v, tuple) else torch.ones(() if v[1] == 0 else 2, dtype=getattr(torch, v[0]))
        for v in (first, second)
    )
    try:
        return str(operation(torch, x, y).dtype)
    except (RuntimeError, TypeError) as error:
        return "error: NotImplementedError" if isinstance(error, NotImplementedError) else "error"


def left_out(name: str, first: Any, second: Any) -> bool:
    """Truth values to the power of truth values, and complex numbers put into a real tensor, are errors; so are powers
    of numbers of 8 bits, of which PyTorch gives the first alone."""
    kinds = {v[0] if isinstance(v, tuple) else type(v).__name__ for v in (first, second)}
    if name == "power" and second is True and any("float8" in kind for kind in kinds):
        return True
    return (name.startswith("power") and kinds == {"bool"}) or (name == "fill" and any("complex" in k for k in kinds))


@pytest.mark.parametrize("name", OPERATIONS)
def test_two_operands_meet_where_pytorch_s_do(name: str) -> None:
    tensors = [(dtype, rank) for dtype in DTYPES for rank in (1, 0)]
    differ = []
    for first, second in itertools.product(tensors, [*tensors, *NUMBERS]):
        if left_out(name, first, second):
            continue
        theirs = outcome(torch, OPERATIONS[name], first, second)
        ours = outcome(wengert, OPERATIONS[name], first, second)
        if theirs.endswith("NotImplementedError") and ours == "torch.complex32":
            continue  # there is no kernel for it there, and here it is computed as everything is
        if not ours.startswith(theirs):  # ours of a dtype is a NotImplementedError, a kind of RuntimeError, throughout
            differ.append((first, second, theirs, ours))
    assert not differ, f"{len(differ)}: {differ[:8]}"
