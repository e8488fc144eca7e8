"""Gathers, scatters and scans by generated code, bit for bit what numpy gives step by step."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import numpy as np
import pytest

import wengert as torch
from wengert.compiler import along, laying, threads
from wengert.compiler.kernels import generated_code_is_possible

pytestmark = pytest.mark.skipif(not generated_code_is_possible(), reason="no generated code here")
SHAPES = ((30, 40, 50), (7, 3000), (40000,))
HOW = {"add": np.add, "multiply": np.multiply, "maximum": np.maximum, "minimum": np.minimum}


def cases() -> Any:
    for shape in SHAPES:
        for dim in range(len(shape)):
            yield shape, dim


def numbers(shape: tuple[int, ...], dtype: str) -> np.ndarray:
    return (np.random.default_rng(sum(shape)).normal(size=shape) * 50).astype(dtype)


def index_into(shape: tuple[int, ...], dim: int, count: int) -> np.ndarray:
    return np.random.default_rng(1).integers(0, shape[dim], [count if d == dim else n for d, n in enumerate(shape)])


def places(index: np.ndarray, dim: int) -> tuple[Any, ...]:
    grid: list[Any] = list(np.ogrid[tuple(slice(n) for n in index.shape)])
    grid[dim] = index
    return tuple(grid)


@pytest.mark.parametrize("dtype", ["f4", "f8", "i8", "i4", "i2", "i1", "c8", "?"])
def test_gathers_and_scatters_of_any_size_of_element(dtype: str) -> None:
    for shape, dim in cases():
        x, index = numbers(shape, dtype), index_into(shape, dim, shape[dim] + 20)
        found = along.gather(x, index, dim)
        assert found is not None and found.dtype == x.dtype
        np.testing.assert_array_equal(found, np.take_along_axis(x, index, dim))
        less = index[tuple(slice(None) if d == dim else slice(n - 1) for d, n in enumerate(shape))]
        part = along.gather(x, less, dim)
        if part is not None:
            np.testing.assert_array_equal(part, found[tuple(slice(n) for n in less.shape)])
        source = numbers(index.shape, dtype)
        got, expected = x.copy(), x.copy()
        assert along.scatter(got, index, source, dim, "put")
        expected[places(index, dim)] = source
        np.testing.assert_array_equal(got, expected)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("dtype", ["f4", "f8", "i8", "i4"])
@pytest.mark.parametrize("how", HOW)
def test_what_comes_meets_what_is_there_in_order(how: str, dtype: str) -> None:
    for shape, dim in cases():
        out, index = numbers(shape, dtype), index_into(shape, dim, shape[dim] + 20)
        source = numbers(index.shape, dtype)
        if dtype[0] == "f":
            source.flat[[5, 77]] = np.nan, np.inf
        before = threads.get_num_threads()
        expected = out.copy()
        HOW[how].at(expected, places(index, dim), source)
        try:
            for count in (1, 3):
                threads.set_num_threads(count)
                got = out.copy()
                assert along.scatter(got, index, source, dim, how)
                np.testing.assert_array_equal(got, expected)
        finally:
            threads.set_num_threads(before)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_rows_are_added_where_an_index_says(dtype: str) -> None:
    for shape, dim in cases():
        out, count = numbers(shape, dtype), shape[dim] + 20
        index = np.random.default_rng(2).integers(0, shape[dim], count)
        source = numbers(tuple(count if d == dim else n for d, n in enumerate(shape)), dtype)
        expected = out.copy()
        np.add.at(expected, (slice(None),) * dim + (index,), source)
        assert along.scatter_rows(out, index, source, dim)
        np.testing.assert_array_equal(out, expected)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_scans_go_on_in_double_and_extremes_say_where(dtype: str) -> None:
    for shape, dim in cases():
        x = numbers(shape, dtype) / 40
        for how in ("add", "multiply"):
            expected = HOW[how].accumulate(x.astype(np.float64), axis=dim).astype(dtype)
            np.testing.assert_array_equal(along.running(x, dim, how), expected)
            small = x[tuple(slice(9) for _ in shape)]
            function = torch.cumsum if how == "add" else torch.cumprod
            few = HOW[how].accumulate(small.astype(np.float64), axis=dim).astype(dtype)
            np.testing.assert_array_equal(function(torch.from_numpy(small.copy()), dim).numpy(), few)
        ties = x.round(1)
        ties.flat[::997] = np.nan
        for how in ("maximum", "minimum"):
            found = along.running_extreme(ties, dim, how)
            assert found is not None
            values = HOW[how].accumulate(ties, axis=dim)
            np.testing.assert_array_equal(found[0], values)
            line = np.arange(shape[dim]).reshape([-1 if d == dim else 1 for d in range(len(shape))])
            attained = np.where((ties == values) | (ties != ties), line, 0)
            np.testing.assert_array_equal(found[1], np.maximum.accumulate(attained, axis=dim))


@pytest.mark.parametrize("dtype", ["f4", "f8", "c8", "i4", "u8"])
def test_copies_in_rows_of_any_order_of_dimensions(dtype: str) -> None:
    turned = 0
    for shape in ((300, 257), (1024, 64), (7, 130, 40), (4, 16, 30, 31), (2, 3, 64, 5, 33), (129, 1, 300)):
        x = numbers(shape, dtype)
        for order in permutations(range(len(shape))):
            for y in (x.transpose(order), x.transpose(order)[..., 1:, :-1], x.transpose(order)[::2]):
                found = laying.in_rows(y)
                if found is not None:
                    turned += 1
                    assert found.flags.c_contiguous and np.array_equal(found, y)
    assert turned > 200
    x = numbers((300, 300), dtype)
    for other in (x, x[::-1].T, numbers((300, 300), "i2").T, x[:9].T, np.broadcast_to(x[:, :1], x.shape)):
        assert laying.in_rows(other) is None
    moved = torch.from_numpy(x).t()
    assert np.array_equal(moved.contiguous().numpy(), x.T) and moved.contiguous().is_contiguous()


def test_what_is_left_to_numpy() -> None:
    x, index = numbers((200, 200), "f4"), index_into((200, 200), 0, 200)
    for wrong in (index - 1, index + 1, index.astype(np.int32), index[:3]):
        assert along.gather(x, wrong, 0) is None
        assert not along.scatter(x.copy(), wrong, x[: len(wrong)], 0, "add")
    assert along.gather(x, np.concatenate([index, index], 1), 0) is None, "larger than x"
    assert not along.scatter(x.copy(), index, x.astype("f8"), 0, "add")
    assert not along.scatter(x.copy().T, index, x, 0, "add")
    assert not along.scatter(x.astype("c8"), index, x.astype("c8"), 0, "add")
    assert not along.scatter_rows(x.copy(), np.arange(200) - 1, x, 0)
    assert along.running(x.astype("i8"), 0, "add") is None
    assert not along.scatter_rows(x.copy(), index[0], x[:7], 0)
    with pytest.raises((IndexError, RuntimeError), match="out of bounds"):
        torch.gather(torch.from_numpy(x), 0, torch.from_numpy(index + 1))


@pytest.mark.parametrize("dtype", ["f4", "f8", "i8", "i2", "?"])
def test_the_same_places_of_each_row(dtype: str) -> None:
    x = numbers((300, 200), dtype)
    for index in (np.arange(200)[::-1], np.array([3] * 70), np.random.default_rng(3).integers(0, 200, 500)):
        found = along.take(x, index)
        assert found is not None
        np.testing.assert_array_equal(found, x[:, index])
    assert along.take(x, np.arange(200) - 1) is None and along.take(x[:2], np.arange(200)) is None
    np.testing.assert_array_equal(torch.from_numpy(x)[:, [-1, 3]].numpy(), x[:, [-1, 3]])
