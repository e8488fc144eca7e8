"""Numbers that a dtype cannot hold, in every way of writing one: refused, or wrapped round, as in PyTorch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import wengert

DTYPES = ("uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64", "bool", "float16", "bfloat16",
          "float32", "float64", "complex64")
NUMBERS = (-1.0, -0.5, -1, -255, -256, 255.5, 256.0, 300, -129.0, 70000.0, -3.0e9, 1e19, 1e39, float("nan"),
           float("inf"), 1j, True)


def _set(x: Any, number: Any) -> Any:
    x[0] = number
    return x


WRITES = {
    "fill_": lambda m, x, number: x.fill_(number),
    "setitem": lambda m, x, number: _set(x, number),
    "full": lambda m, x, number: m.full((2,), number, dtype=x.dtype),
    "full_like": lambda m, x, number: m.full_like(x, number),
    "new_full": lambda m, x, number: x.new_full((2,), number),
    "masked_fill": lambda m, x, number: x.masked_fill(x == 0, number),
    "index_fill": lambda m, x, number: x.index_fill(0, m.tensor([0]), number if number != 1j else 0),
    "pad": lambda m, x, number: m.nn.functional.pad(x, (1, 0), value=number),
    "threshold": lambda m, x, number: m.nn.functional.threshold(x, 5, number),
    "scatter": lambda m, x, number: x.scatter(0, m.tensor([0]), number),
}


def outcome(m: Any, write: Any, dtype: str, number: Any) -> Any:
    try:
        return write(m, m.zeros(2, dtype=getattr(m, dtype)), number).tolist()
    except Exception as error:  # noqa: BLE001 - its class is what is compared
        return error


NO_NUMBERS = (None, "x", "1", b"1", [0.5], (0.5,), [], {}, slice(None), np.array(0.5), np.array([1]), np.float32(2))


@pytest.mark.parametrize("name", [name for name in WRITES if name != "pad"])
def test_no_numbers(name: str) -> None:
    differing = []
    for dtype in ("float32", "int64", "bool"):
        for given in NO_NUMBERS:
            if name == "setitem" and isinstance(given, (np.ndarray, np.generic)):
                continue  # which are taken here, as tensors
            want, got = (outcome(m, WRITES[name], dtype, given) for m in (torch, wengert))
            if isinstance(got, Exception) != isinstance(want, Exception) or (
                    not isinstance(want, Exception) and got != want):
                differing.append(f"{dtype}, {given!r}: PyTorch {want!r:.80}; here {got!r:.80}")
    assert differing == []


@pytest.mark.parametrize("name", WRITES)
def test_numbers_out_of_range(name: str) -> None:
    differing = []
    for dtype in DTYPES:
        for number in NUMBERS:
            want, got = (outcome(m, WRITES[name], dtype, number) for m in (torch, wengert))
            if isinstance(want, NotImplementedError):
                continue  # unsigned types of several bytes, with which PyTorch does not compute
            if isinstance(want, Exception):
                kind = next(kind for kind in type(want).__mro__ if kind.__module__ == "builtins")
                alike = isinstance(got, kind)
            else:
                alike = repr(want) == repr(got)
            if not alike:
                differing.append(f"{dtype}, {number!r}: PyTorch {want!r:.80}; here {got!r:.80}")
    assert differing == []
