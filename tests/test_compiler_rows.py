"""Sums, products and extremes of rows, of channels and of everything by generated code."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import wengert as torch
from wengert.compiler import rows, threads
from wengert.compiler.kernels import generated_code_is_possible

pytestmark = pytest.mark.skipif(not generated_code_is_possible(), reason="no generated code here")
EXACTLY: dict[str, Callable[[Any, Any], Any]] = {
    "sum": np.sum, "size": lambda x, d: np.abs(x).sum(d), "square": lambda x, d: (x * x).sum(d), "product": np.prod,
    "max": np.max, "min": np.min, "largest": lambda x, d: np.abs(x).max(d)}
SHAPES = (((300, 301), ((1,), (0, 1), (-1,))), ((20, 30, 41), ((2,), (1, 2), (0, 2), (0, 1, 2))), ((70001,), ((0,),)),
          ((5, 6, 33, 40), ((0, 2, 3), (2, 3))), ((1, 400, 1, 50), ((0, 3), (2, 3), (1, 3))))


@pytest.mark.parametrize("how", EXACTLY)
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_of_groups_and_of_everything(how: str, dtype: str) -> None:
    before = threads.get_num_threads()
    try:
        for shape, dims in SHAPES:
            x = np.random.default_rng(0).normal(size=shape).astype(dtype)
            x = 1 + x / 1000 if how == "product" else x
            for dim in dims:
                found = []
                for count in (1, 3):
                    threads.set_num_threads(count)
                    found.append(rows.reduced(x, dim, how))
                assert found[0] is not None and np.array_equal(*found), "the same bits for any number of threads"
                expected = EXACTLY[how](x.astype(np.float64), dim)
                assert found[0].shape == expected.shape
                tolerance = 2e-5 if dtype == "f4" else 1e-12
                np.testing.assert_allclose(found[0], expected, rtol=tolerance, atol=100 * tolerance)
    finally:
        threads.set_num_threads(before)


def test_a_nan_is_in_its_group_alone() -> None:
    x = np.ones((300, 300), np.float32)
    x[5, 7], x[9, 9] = np.nan, -np.inf
    for how in EXACTLY:
        found = rows.reduced(x, (1,), how)
        assert found is not None and np.isnan(found[5]) and not np.isnan(np.delete(found, 5)).any(), how
        whole = rows.reduced(x, (0, 1), how)
        assert whole is not None and np.isnan(whole)


def test_what_is_left_to_numpy_and_dimensions_that_are_kept() -> None:
    x = np.ones((300, 400), np.float32)
    for array, dim in ((x, (0,)), (x.T, (1,)), (x[:, ::2], (1,)), (x.astype("i8"), (1,)), (x[:3], (1,)), (x, ())):
        assert rows.reduced(array, dim, "sum") is None
    for function in (torch.sum, torch.mean, torch.amax, torch.amin, torch.linalg.vector_norm):
        for dim in (1, -1, (0, 1), (1, 0)):
            kept = function(torch.from_numpy(x), dim=dim, keepdim=True)
            assert kept.shape == ((1, 1) if isinstance(dim, tuple) else (300, 1)) and kept.dtype is torch.float32
            assert torch.equal(kept.reshape(-1), function(torch.from_numpy(x), dim=dim).reshape(-1))
