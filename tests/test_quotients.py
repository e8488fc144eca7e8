"""Remainders and whole quotients of large arrays have the bits of few elements, whatever signs, sizes and edges."""

from __future__ import annotations

import numpy as np
import pytest

import wengert as torch
from wengert.core.generated import LARGE
from wengert.core.quotients import by_quotient


@pytest.mark.parametrize("name", ["fmod", "remainder", "floor_divide"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_large_arrays_have_the_bits_of_few_elements(name: str, dtype: str) -> None:
    rng, function = np.random.default_rng(0), getattr(np, name)
    tiny = float(np.finfo(dtype).smallest_subnormal)
    taken = 0
    for low, high in ((-1, 1), (-20, 1), (0, 0), (-6, -6), (-300, -300)):
        x = rng.normal(size=LARGE + 3) * 10.0 ** rng.uniform(low, high, LARGE + 3)
        y = rng.normal(size=LARGE + 3) * 10.0 ** high
        y = np.where(np.abs(y) < 1e-3 * 10.0**high, 10.0**high, y)
        x[:999] = y[:999] * rng.integers(-9, 9, 999)  # quotients that are whole, or next to it
        x[999:1999] = y[999:1999] * rng.integers(-9, 9, 1000) * (1 + 2.0**-52)
        x[:4] = 0.0, -0.0, tiny, -tiny
        x, y = x.astype(dtype), y.astype(dtype)
        for divisor in (y, y[:1], float(y[7])):
            with np.errstate(all="ignore"):
                wanted = function(x, np.asarray(divisor, dtype))
                found = by_quotient(name, x, divisor)
            if found is not None:
                taken += 1
                assert np.array_equal(found.view(np.uint8), wanted.view(np.uint8))
            whole = getattr(torch, name)(torch.tensor(x), torch.tensor(divisor, dtype=getattr(torch, dtype)))
            assert np.array_equal(whole.numpy(), wanted, equal_nan=True)
    assert taken >= 8


def test_what_is_not_finite_or_too_large_is_left_to_numpy() -> None:
    x = np.linspace(-9, 9, LARGE, dtype=np.float32)
    for place, number in ((x, np.inf), (x, np.nan), (x, 1e30)):
        place = place.copy()
        place[5] = number
        assert by_quotient("fmod", place, 0.7) is None
    for divisor in (0.0, np.inf, np.nan, 1e-30):
        assert by_quotient("fmod", x, divisor) is None
    assert by_quotient("fmod", x[:9], 0.7) is None and by_quotient("fmod", x.astype(np.int64), 3) is None
