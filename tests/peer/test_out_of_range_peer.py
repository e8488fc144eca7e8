"""Numbers written into tensors whose dtype cannot hold them: refused, wrapped round or made infinite as in PyTorch."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

import wengert

torch = pytest.importorskip("torch")
pytest.importorskip("ml_dtypes")

DTYPES = ("uint8", "int8", "int16", "int32", "int64", "bool", "float16", "bfloat16", "float32")
NUMBERS = (300, -1, -200, 1.7, math.nan, math.inf, -1e9, 1e9, 2**40, 2**70, 70000, 1e40, -math.inf, True, 3.99e38)
WRITES: dict[str, Callable[[Any, Any, Any], Any]] = {
    "setitem": lambda m, t, v: t.__setitem__(0, v) or t,
    "setitem_idx": lambda m, t, v: t.__setitem__(m.tensor([0]), v) or t,
    "setitem_mask": lambda m, t, v: t.__setitem__(m.tensor([True, False]), v) or t,
    "setitem_sl": lambda m, t, v: t.__setitem__(slice(None), v) or t,
    "fill_": lambda m, t, v: t.fill_(v),
    "masked_fill": lambda m, t, v: t.masked_fill(m.tensor([True, False]), v),
    "masked_fill_": lambda m, t, v: t.masked_fill_(m.tensor([True, False]), v),
    "full": lambda m, t, v: m.full((1,), v, dtype=t.dtype),
    "full_like": lambda m, t, v: m.full_like(t, v),
    "new_full": lambda m, t, v: t.new_full((1,), v),
    "tensor": lambda m, t, v: m.tensor([v], dtype=t.dtype),
    "index_fill": lambda m, t, v: t.index_fill(0, m.tensor([0]), v),
    "scatter": lambda m, t, v: t.scatter(0, m.tensor([0]), v),
    "clamp_max": lambda m, t, v: t.clamp(max=v),
    "clamp_min": lambda m, t, v: t.clamp(min=v),
    "where": lambda m, t, v: m.where(m.tensor([True, False]), t, v),
    "pad": lambda m, t, v: m.nn.functional.pad(t, (1, 0), value=v),
    "fill_diag": lambda m, t, v: m.stack([t, t]).fill_diagonal_(v),
    "constant_": lambda m, t, v: m.nn.init.constant_(t, v),
    "masked_scalar": lambda m, t, v: t.masked_fill(m.tensor([True, False]), m.tensor(v)),
    "setT": lambda m, t, v: t.__setitem__(0, m.tensor(v)) or t,
    "full of two": lambda m, t, v: m.full((2,), v, dtype=t.dtype),
    "new_full of two": lambda m, t, v: t.new_full((2,), v),
    "fill_ of one": lambda m, t, v: t[:1].clone().fill_(v),
    "threshold": lambda m, t, v: m.nn.functional.threshold(t, 0.0, v),
    "alpha": lambda m, t, v: m.add(t, t, alpha=v), "addcmul": lambda m, t, v: m.addcmul(t, t, t, value=v),
    "lerp": lambda m, t, v: m.lerp(t, t + 1, v),
    "fillT": lambda m, t, v: t.fill_(m.tensor(v)),
}
# An integer beyond 64 bits is read by torch.tensor and pad as a float; bounds of float32 and bool are not looked at.
LEFT_OUT = {("tensor", 2**70), ("pad", 2**70), ("clamp_max", True), ("clamp_min", True),
            *((f"clamp_{side}", number) for side in ("min", "max") for number in (2**70, 1e40, 3.99e38))}


def outcome(m: Any, write: Callable[[Any, Any, Any], Any], dtype: str, number: Any) -> str:
    try:
        result = write(m, m.ones(2, dtype=getattr(m, dtype)), number)
    except (RuntimeError, OverflowError, ValueError):
        return "refused"
    return f"{result.tolist()} {result.dtype}"


COMPLEX = ("setitem", "setitem_idx", "setitem_mask", "fill_", "masked_fill", "full", "full_like", "scatter",
           "constant_")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", COMPLEX)
def test_a_complex_number_is_written_where_it_is_real(name: str, dtype: str) -> None:
    for number in (1 + 0j, 1 + 2j):
        assert outcome(wengert, WRITES[name], dtype, number) == outcome(torch, WRITES[name], dtype, number), number


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", WRITES)
def test_a_number_out_of_range_is_taken_or_refused_as_in_pytorch(name: str, dtype: str) -> None:
    if (name, dtype) == ("alpha", "float16"):
        return  # the product is computed in float32, in which PyTorch does not hold the factor
    for number in NUMBERS:
        if (name, number) in LEFT_OUT and dtype in ("float32", "bool", "float16", "bfloat16"):
            continue
        assert outcome(wengert, WRITES[name], dtype, number) == outcome(torch, WRITES[name], dtype, number), number
