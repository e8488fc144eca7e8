"""Products of large matrices on our own threads, against numpy's."""

from __future__ import annotations

from threading import Thread

import numpy as np
import pytest

import wengert as torch
from wengert.compiler import blas, threads
from wengert.core.generated import LARGE_PRODUCT

pytestmark = pytest.mark.skipif(blas.openblas() is None, reason="numpy has no OpenBLAS of its own here")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("rows", "depth", "columns"), [(64, 784, 128), (1, 30, 70), (33, 17, 5), (200, 100, 3)])
@pytest.mark.parametrize("orders", ["CC", "CF", "FC", "FF"])
def test_a_product_in_every_order(dtype: str, rows: int, depth: int, columns: int, orders: str) -> None:
    random = np.random.default_rng(0)
    x = np.asarray(random.normal(size=(rows, depth)), dtype, order=orders[0])  # type: ignore[call-overload]
    y = np.asarray(random.normal(size=(depth, columns)), dtype, order=orders[1])  # type: ignore[call-overload]
    got = blas.product(x, y)
    assert got is not None and got.dtype == dtype and got.flags.c_contiguous
    np.testing.assert_allclose(got, x @ y, rtol=1e-4 if dtype == "float32" else 1e-11, atol=1e-4)


def test_slices_batches_and_transposed_heads() -> None:
    random = np.random.default_rng(1)
    whole = random.normal(size=(40, 90)).astype(np.float32)
    x, y = whole[::2, :50], whole[:20, 10:60].T
    np.testing.assert_allclose(blas.product(x, y), x @ y, rtol=1e-4, atol=1e-4)
    heads = random.normal(size=(3, 16, 4, 8)).astype(np.float32).swapaxes(1, 2)
    turned = heads.swapaxes(2, 3)
    np.testing.assert_allclose(blas.product(heads, turned), heads @ turned, rtol=1e-4, atol=1e-4)
    stack = random.normal(size=(5, 6, 7))
    np.testing.assert_allclose(blas.product(stack, stack.swapaxes(1, 2)), stack @ stack.swapaxes(1, 2))


def test_what_blas_cannot_read_goes_to_numpy() -> None:
    x = np.ones((40, 40), np.float32)
    assert blas.product(x[::2, ::2], x[:20]) is None
    assert blas.product(x, x.astype(np.float64)) is None
    assert blas.product(np.broadcast_to(x[0], (3, 40)), x) is None
    big = torch.ones(300, 300)[::2, ::2] @ torch.ones(150, 60)
    assert bool((big == 150).all())


def test_numpys_threads_come_back_however_many_threads_multiply() -> None:
    library = blas.openblas()
    assert library is not None
    before = library.get_threads()
    x = np.random.default_rng(2).normal(size=(200, 200)).astype(np.float32)
    expected, results = x @ x, []

    def work() -> None:
        for _ in range(50):
            results.append(blas.product(x, x))

    workers = [Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert library.get_threads() == before
    assert len(results) == 200
    for result in results:
        np.testing.assert_allclose(result, expected, rtol=1e-3, atol=1e-3)


def test_shapes_change_between_calls_and_threads_between_plans() -> None:
    before = threads.get_num_threads()
    try:
        for count in (1, 3, 2):
            threads.set_num_threads(count)
            for rows in (1, 15, 16, 17, 100):
                x, y = np.ones((rows, 8), np.float32), np.ones((8, 40), np.float32)
                assert (blas.product(x, y) == 8).all()
    finally:
        threads.set_num_threads(before)


@pytest.mark.parametrize(("rows", "depth", "columns"),
                         [(161, 127, 161), (65, 301, 257), (301, 65, 257), (127, 161, 49), (1025, 520, 513)])
def test_the_same_bits_for_any_number_of_threads(rows: int, depth: int, columns: int) -> None:
    random = np.random.default_rng(3)
    x, y = random.normal(size=(rows, depth)).astype(np.float32), random.normal(size=(depth, columns)).astype(np.float32)
    before, results = threads.get_num_threads(), []
    try:
        for count in (1, 2, 3, 4, 7):
            threads.set_num_threads(count)
            product, turned = blas.product(x, y), blas.product(y.T, x.T)
            assert product is not None and turned is not None
            results.append(product.tobytes() + turned.tobytes())
    finally:
        threads.set_num_threads(before)
    assert all(result == results[0] for result in results)


@pytest.mark.parametrize("dtype", ["f", "d"])
@pytest.mark.parametrize("sizes", [(128, 64, 300), (300, 30, 33), (700, 20, 16), (9, 300, 127), (5000, 3, 20)])
def test_columns_by_rows_are_one_product_an_element(sizes: tuple[int, int, int], dtype: str) -> None:
    from wengert.compiler import outer

    count, rows, columns = sizes
    rng, usual = np.random.default_rng(0), torch.get_num_threads()
    y = rng.standard_normal((count, 1, columns)).astype(dtype)
    wide = rng.standard_normal((count, 2, columns + 5)).astype(dtype)[:, 1:, 3:3 + columns]
    tall = rng.standard_normal((count, rows, 1)).astype(dtype)
    turned = rng.standard_normal((count, 1, rows)).astype(dtype).swapaxes(1, 2)
    for x in (tall, turned, np.broadcast_to(tall[:1], tall.shape), tall[::-1], tall[:, ::-1]):
        for other in (y, wide, np.broadcast_to(y[:1], y.shape)):
            try:
                for threads in (1, 2):
                    torch.set_num_threads(threads)
                    found = torch.from_numpy(np.array(x)) @ torch.from_numpy(np.array(other))
                    ours = blas.product(x, other)
                    np.testing.assert_array_equal(found.numpy(), x * other)
                    assert ours is None or np.array_equal(ours, x * other)
            finally:
                torch.set_num_threads(usual)
    assert outer.OuterPlan(tall, y).possible and not outer.OuterPlan(tall[::-1], y).possible


@pytest.mark.parametrize("shape", [(513, 700), (700, 513), (3, 400, 500), (1, 400_000), (400_000, 1), (2, 3, 300, 200)])
@pytest.mark.parametrize("transposed", [False, True])
def test_a_matrix_by_a_vector_goes_by_our_threads(shape: tuple[int, ...], transposed: bool,
                                                  monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    x = torch.randn(shape, dtype=torch.float64)
    x = x.mT.contiguous().mT if transposed else x
    calls: list[int] = []
    monkeypatch.setattr(blas, "product", lambda *operands, plain=blas.product: calls.append(1) or plain(*operands))
    row, spread = torch.randn(shape[-1], dtype=torch.float64), torch.randn(2 * shape[-1], dtype=torch.float64)[::2]
    assert torch.allclose(x @ row, (x * row).sum(-1)) and torch.allclose(x @ spread, (x * spread).sum(-1))
    if x.ndim == 2:
        column = torch.randn(shape[0], dtype=torch.float64)
        assert torch.allclose(column @ x, (column[:, None] * x).sum(0))
    assert bool(calls) == (x.numel() >= LARGE_PRODUCT), "numpy would wake OpenBLAS's threads, which spin"
