"""Half precision beside Python numbers, held against PyTorch to the bit: a number is rounded to the tensor's dtype
first, but as a second factor, a divisor or a weight, which stay what they are. And the next number of a dtype."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import wengert

SIZES = [300, 70_000]  # of which the larger are generated code
CALLS: dict[str, Callable[[Any, Any, float], Any]] = {
    name: lambda T, x, s, name=name: getattr(T, name)(x, s)
    for name in "add sub mul div true_divide remainder fmod floor_divide pow eq ne lt le gt ge rsub".split()
}
CALLS |= {f"{name} of a number": lambda T, x, s, name=name: getattr(T, name)(s, x)
          for name in "add sub mul div remainder pow".split()}
CALLS |= {f"{name}_": lambda T, x, s, name=name: getattr(x.clone(), name)(s)
          for name in "add_ sub_ mul_ div_ remainder_ fmod_ floor_divide_ pow_".split()}
CALLS |= {
    "x + s": lambda T, x, s: x + s, "s + x": lambda T, x, s: s + x, "x - s": lambda T, x, s: x - s,
    "s - x": lambda T, x, s: s - x, "x * s": lambda T, x, s: x * s, "s * x": lambda T, x, s: s * x,
    "x / s": lambda T, x, s: x / s, "x % s": lambda T, x, s: x % s, "s % x": lambda T, x, s: s % x,
    "x // s": lambda T, x, s: x // s, "x ** s": lambda T, x, s: x ** s, "s ** x": lambda T, x, s: abs(s) ** x,
    "lerp": lambda T, x, s: T.lerp(x, x * 2, s), "where": lambda T, x, s: T.where(x > 0, x, s),
    "masked_fill": lambda T, x, s: x.masked_fill(x > 0, s), "clamp": lambda T, x, s: x.clamp(max=s),
    "leaky_relu": lambda T, x, s: T.nn.functional.leaky_relu(x, s),
    "threshold": lambda T, x, s: T.nn.functional.threshold(x, s, s / 3),
}


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("call", CALLS)
def test_a_number_beside_half_precision_has_pytorchs_bits(call: str, dtype: str, size: int) -> None:
    power = "pow" in call or "**" in call  # which differ in float32's last bit, and so once in 50,000 in half's
    drawn = np.random.RandomState(3).uniform(0.01 if power else -3, 3, 300 if power else size)
    drawn[:2] = 0.7, 1.4
    for number in (0.7, 1.1, -0.3):
        got, wanted = (CALLS[call](T, T.tensor(drawn).to(getattr(T, dtype)), number) for T in (wengert, torch))
        assert str(got.dtype) == str(wanted.dtype)
        np.testing.assert_array_equal(got.double().numpy(), wanted.double().numpy(), err_msg=f"{number}")


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_the_next_number_is_one_of_the_dtype(dtype: str, size: int) -> None:
    drawn = np.append(np.random.RandomState(3).uniform(-1, 1, size), [0.0, -0.0, 1.0, math.inf, math.nan])
    found = []
    for T in (wengert, torch):
        x = T.tensor(drawn).to(getattr(T, dtype))
        found.append([T.nextafter(x, other).double().numpy() for other in (x.flip(0), x * 0 + 1, x * 0 - math.inf)])
    for got, wanted in zip(*found, strict=True):
        np.testing.assert_array_equal(got, wanted)
