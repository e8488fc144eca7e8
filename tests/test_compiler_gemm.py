"""Products for any sizes in the place of OpenBLAS's function, against numpy's in float64."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
import pytest

from wengert.compiler import blas, gemm
from wengert.compiler.jit import engine
from wengert.compiler.vectors import Machine

pytestmark = pytest.mark.skipif(blas.openblas() is None or not engine().machine.fused,
                                reason="numpy has no OpenBLAS of its own here, or products are numpy's")


@pytest.fixture(scope="module")
def functions() -> Any:
    """For each dtype what multiplies ``left @ right`` into ``out``, or adds it, and OpenBLAS's own."""
    library = blas.openblas()
    assert library is not None
    kept, found = [], {}
    integer = ctypes.c_int64 if library.word == "i64" else ctypes.c_int32
    for char, real in (("f", ctypes.c_float), ("d", ctypes.c_double)):
        made, address = gemm.gemm(char, library.word, library.products[char])
        kept.append(made)
        kind = ctypes.CFUNCTYPE(None, *[ctypes.c_int] * 3, *[integer] * 3, real, *[ctypes.c_void_p, integer] * 2, real,
                                ctypes.c_void_p, integer)
        found[char] = [kind(address), kind(library.products[char])]

    def multiply(left: Any, right: Any, out: Any, keep: float = 0.0, own: bool = True) -> None:
        orders, lines = zip(*[blas.matrix_order([s // x.itemsize for s in x.strides], x.shape) for x in (left, right)],
                            strict=True)
        found[out.dtype.char][0 if own else 1](
            101, *orders, *out.shape, left.shape[1], 1.0, left.ctypes.data, lines[0], right.ctypes.data, lines[1], keep,
            out.ctypes.data, out.strides[0] // out.itemsize)

    yield multiply
    del kept


def drawn(rng: Any, rows: int, columns: int, dtype: str, line: int = 0) -> Any:
    """A matrix in rows or in columns, alone or a part of a wider one."""
    if rng.random() < 0.5:
        return drawn(rng, columns, rows, dtype, line).T
    wide = max(columns, line or columns + int(rng.integers(0, 2) * rng.integers(0, 20)))
    return rng.standard_normal((rows, wide)).astype(dtype)[:, :columns]


def test_sizes_orders_and_lines_of_all_sorts(functions: Any) -> None:
    """And nothing is written beside the result."""
    rng = np.random.default_rng(0)
    for case in range(400):
        dtype = "fd"[case % 2]
        rows, depth, columns = (int(rng.integers(1, [20, 70, 600][rng.choice(3, p=[0.3, 0.5, 0.2])])) for _ in range(3))
        line = 1024 if rng.random() < 0.3 else 0  # lines that fall on each other in the cache
        left, right = drawn(rng, rows, depth, dtype, line), drawn(rng, depth, columns, dtype)
        whole, keep = np.full((rows + 2, columns + 40), 7, dtype), float(case % 3 == 0)
        out = whole[1:-1, 20:-20]
        expected = left.astype("d") @ right.astype("d") + keep * 7
        functions(left, right, out, keep)
        near = 1e-5 if dtype == "f" else 1e-13
        scale = np.abs(left).astype("d") @ np.abs(right).astype("d") + 7
        assert (np.abs(out - expected) <= near * scale).all(), (rows, depth, columns, left.strides, right.strides)
        out[:] = 7
        assert (whole == 7).all()


def test_small_products_are_openblas_s(functions: Any) -> None:
    rng = np.random.default_rng(0)
    for rows, depth, columns in ((1, 700, 40), (15, 33, 40), (40, 15, 33), (40, 33, 15)):
        left, right = (rng.standard_normal(shape).astype("f") for shape in ((rows, depth), (depth, columns)))
        own, theirs = np.empty((rows, columns), "f"), np.empty((rows, columns), "f")
        functions(left, right, own)
        functions(left, right, theirs, own=False)
        assert own.tobytes() == theirs.tobytes()


def test_what_is_not_finite_stays_in_its_rows_and_columns(functions: Any) -> None:
    left, right = np.ones((50, 40), "f"), np.ones((40, 70), "f")
    left[17, 3], right[5, 66] = np.nan, np.inf
    out = np.empty((50, 70), "f")
    functions(left, right, out)
    expected = np.full((50, 70), 40.0)
    expected[:, 66] = np.inf
    expected[17] = np.nan
    np.testing.assert_array_equal(out, expected)


def test_where_it_takes_the_place_of_openblas() -> None:
    wide, narrow = (Machine(vector_bytes=size, fused=True, avx512=size == 64) for size in (64, 32))
    assert gemm.gains(wide, "Haswell") and gemm.gains(wide, "Zen")
    assert not gemm.gains(wide, "SkylakeX") and not gemm.gains(wide, "Cooperlake") and not gemm.gains(narrow, "Haswell")
