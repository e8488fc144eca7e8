"""LU, LDLᴴ and Householder's reflections against PyTorch: values, gradients, dtypes, batches, errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import wengert
from tests.peer.derivatives import assert_agrees, numbers

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.filterwarnings("ignore")

SHAPES = [(3, 3), (4, 2), (2, 4), (1, 1), (2, 3, 3), (2, 5, 3), (2, 3, 5), (2, 2, 4, 4)]
EMPTY = [(0, 0), (3, 0), (0, 3), (0, 2, 2), (2, 0, 0)]
DTYPES = ["float64", "float32", "complex128", "complex64"]


def matrix(*shape: int, dtype: str = "float64", seed: int = 0) -> np.ndarray:
    return np.ascontiguousarray(numbers(shape, dtype, -1, 1, seed=seed))


def symmetric(*shape: int, dtype: str = "float64", hermitian: bool = False, seed: int = 0) -> np.ndarray:
    x = matrix(*shape, dtype=dtype, seed=seed)
    y = np.swapaxes(x, -1, -2)
    return np.ascontiguousarray(x + (y.conj() if hermitian else y))


def outcome(side: Any, call: Callable[..., Any], arrays: tuple[Any, ...]) -> Any:
    try:
        found = call(side, *[side.tensor(x) if isinstance(x, np.ndarray) else x for x in arrays])
    except Exception as error:  # noqa: BLE001
        return type(error)
    return found if isinstance(found, tuple) else (found,)


def agree(call: Callable[..., Any], *arrays: Any) -> None:
    """Both sides give the same, by the same names, or raise."""
    ours, theirs = outcome(wengert, call, arrays), outcome(torch, call, arrays)
    if isinstance(theirs, type):
        assert isinstance(ours, type) and issubclass(ours, theirs), (ours, theirs)
        return
    assert not isinstance(ours, type), ours
    assert type(ours).__name__ == type(theirs).__name__ and len(ours) == len(theirs)
    for mine, its in zip(ours, theirs, strict=True):
        assert str(mine.dtype) == str(its.dtype) and tuple(mine.shape) == tuple(its.shape)
        assert mine.numel() == 0 or 1 in mine.shape or mine.stride() == its.stride()
        tolerance = 2e-5 if its.dtype in (torch.float32, torch.complex64) else 1e-11
        np.testing.assert_allclose(mine.numpy(), its.numpy(), rtol=tolerance, atol=tolerance)


# --- LU ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES + EMPTY)
def test_lu(shape: tuple[int, ...], dtype: str) -> None:
    x = matrix(*shape, dtype=dtype)
    agree(lambda s, x: s.linalg.lu_factor(x), x)
    agree(lambda s, x: s.linalg.lu_factor_ex(x), x)
    agree(lambda s, x: s.linalg.lu_factor_ex(x, check_errors=True), x)
    agree(lambda s, x: s.linalg.lu(x), x)
    agree(lambda s, x: s.lu_unpack(*s.linalg.lu_factor(x)), x)
    agree(lambda s, x: s.lu_unpack(*s.linalg.lu_factor(x), unpack_data=False), x)
    agree(lambda s, x: s.lu_unpack(*s.linalg.lu_factor(x), unpack_pivots=False), x)
    for infos in (False, True):
        agree(lambda s, x, i=infos: tuple([*s.lu(x, get_infos=i)]), x)
        agree(lambda s, x, i=infos: tuple([*x.lu(get_infos=i)]), x)


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
@pytest.mark.parametrize("shape", [(3, 3), (4, 2), (2, 4), (2, 5, 3), (2, 3, 5), (2, 2, 2)])
def test_gradients_of_lu(shape: tuple[int, ...], dtype: str) -> None:
    x = matrix(*shape, dtype=dtype)
    assert_agrees(lambda t, x: t.linalg.lu_factor(x).LU, (x,), second=shape[-1] == shape[-2], tolerance=1e-6)
    assert_agrees(lambda t, x: t.linalg.lu(x), (x,), second=shape[-1] == shape[-2], tolerance=1e-6)
    assert_agrees(lambda t, x: t.linalg.lu(x).L, (x,), second=False, tolerance=1e-6)
    assert_agrees(lambda t, x: t.linalg.lu(x).U, (x,), second=False, tolerance=1e-6)


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
@pytest.mark.parametrize("left", [True, False])
@pytest.mark.parametrize("adjoint", [True, False])
@pytest.mark.parametrize("shapes", [((3, 3), (3, 2)), ((2, 3, 3), (2, 3, 4)), ((3, 3), (2, 3, 1)), ((2, 3, 3), (3, 2))])
def test_lu_solve(shapes: Any, adjoint: bool, left: bool, dtype: str) -> None:
    a, b = matrix(*shapes[0], dtype=dtype), matrix(*shapes[1], dtype=dtype, seed=1)
    b = b if left else np.ascontiguousarray(np.swapaxes(b, -1, -2))
    assert_agrees(lambda t, a, b: t.linalg.lu_solve(*t.linalg.lu_factor(a), b, left=left, adjoint=adjoint), (a, b),
                  second=False, tolerance=1e-7)
    agree(lambda s, a, b: s.lu_solve(b, *s.linalg.lu_factor(a)), a, b)


def test_singular_factors() -> None:
    for x in (np.zeros((2, 2)), np.array([[1.0, 2.0], [2.0, 4.0]]), np.stack([np.eye(2), np.zeros((2, 2))])):
        agree(lambda s, x: s.linalg.lu_factor(x), x)
        agree(lambda s, x: s.linalg.lu_factor_ex(x), x)
        agree(lambda s, x: s.linalg.lu_factor_ex(x, check_errors=True), x)
        agree(lambda s, x: s.linalg.lu(x), x)


# --- LDLᴴ -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("hermitian", [False, True])
@pytest.mark.parametrize("shape", [(1, 1), (2, 2), (5, 5), (12, 12), (3, 6, 6), (2, 2, 3, 3), (0, 0), (0, 2, 2)])
def test_ldl(shape: tuple[int, ...], hermitian: bool, dtype: str) -> None:
    for seed in range(5):
        x = symmetric(*shape, dtype=dtype, hermitian=hermitian, seed=seed)
        agree(lambda s, x: s.linalg.ldl_factor(x, hermitian=hermitian), x)
        agree(lambda s, x: s.linalg.ldl_factor_ex(x, hermitian=hermitian), x)
        b = matrix(*shape[:-1], 3, dtype=dtype, seed=seed + 10)
        agree(lambda s, x, b: s.linalg.ldl_solve(*s.linalg.ldl_factor(x, hermitian=hermitian), b, hermitian=hermitian),
              x, b)


def test_ldl_reads_the_lower_triangle_and_solves() -> None:
    x = symmetric(7, 7)
    agree(lambda s, x: s.linalg.ldl_factor(x), np.tril(x) + 5 * np.triu(np.ones((7, 7)), 1))
    solution = wengert.linalg.ldl_solve(*wengert.linalg.ldl_factor(wengert.tensor(x)), wengert.tensor(x))
    np.testing.assert_allclose(solution.numpy(), np.eye(7), atol=1e-12)
    for special in (np.array([[0.0, 1.0], [1.0, 0.0]]), np.zeros((2, 2)), np.array([[1.0, 2.0], [2.0, 4.0]])):
        agree(lambda s, x: s.linalg.ldl_factor_ex(x), special)
        agree(lambda s, x: s.linalg.ldl_factor(x), special)
    agree(lambda s, a, b: s.linalg.ldl_solve(*s.linalg.ldl_factor(a), b), symmetric(2, 3, 3), matrix(3, 1))


def test_what_has_no_derivative() -> None:
    def backward(call: Callable[..., Any]) -> Callable[..., Any]:
        def run(side: Any, x: Any) -> Any:
            out = call(side, x.requires_grad_())[0]
            assert out.requires_grad
            out.sum().backward()

        return run

    for call in (lambda s, x: s.linalg.ldl_factor(x), lambda s, x: s.geqrf(x),
                 lambda s, x: s.linalg.ldl_solve(*s.linalg.ldl_factor(x.detach()), x)):
        agree(backward(call), symmetric(3, 3))


# --- reflections ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES + EMPTY)
def test_geqrf(shape: tuple[int, ...], dtype: str) -> None:
    agree(lambda s, x: s.geqrf(x), matrix(*shape, dtype=dtype))
    agree(lambda s, x: x.geqrf(), matrix(*shape, dtype=dtype))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(3, 3), (4, 2), (5, 1), (2, 3, 3), (2, 5, 3), (3, 0), (0, 3, 2)])
def test_householder_product(shape: tuple[int, ...], dtype: str) -> None:
    x = matrix(*shape, dtype=dtype)
    for count in range(shape[-1] + 1):
        tau = matrix(*shape[:-2], count, dtype=dtype, seed=1)
        agree(lambda s, x, tau: s.linalg.householder_product(x, tau), x, tau)
        agree(lambda s, x, tau: s.orgqr(x, tau), x, tau)
        agree(lambda s, x, tau: x.orgqr(tau), x, tau)


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
@pytest.mark.parametrize("shape", [(3, 3), (4, 2), (2, 5, 3)])
def test_gradients_of_reflections(shape: tuple[int, ...], dtype: str) -> None:
    x = matrix(*shape, dtype=dtype)
    # (PyTorch's gradient is that of factors which make the reflections unitary)
    packed, tau = torch.geqrf(torch.from_numpy(x))
    operands = packed.numpy().copy(), tau.numpy().copy()
    assert_agrees(lambda t, a, tau: t.linalg.householder_product(a, tau), operands, second=False, tolerance=1e-7)
    none = operands[0], operands[1][..., :0].copy()
    assert_agrees(lambda t, a, tau: t.linalg.householder_product(a, tau), none, second=False)
    for left in (True, False):
        for transpose in (True, False):
            other = matrix(*shape[:-2], *((shape[-2], 2) if left else (2, shape[-2])), dtype=dtype, seed=2)
            assert_agrees(lambda t, a, tau, c, e=left, f=transpose: t.ormqr(a, tau, c, left=e, transpose=f),
                          (*operands, other), second=False, tolerance=1e-7)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(3, 3), (4, 2), (2, 5, 3)])
def test_ormqr(shape: tuple[int, ...], dtype: str) -> None:
    x, tau = matrix(*shape, dtype=dtype), matrix(*shape[:-2], shape[-1], dtype=dtype, seed=1)
    for left in (True, False):
        for transpose in (True, False):
            other = matrix(*shape[:-2], *((shape[-2], 2) if left else (2, shape[-2])), dtype=dtype, seed=2)
            agree(lambda s, a, t, c, e=left, f=transpose: s.ormqr(a, t, c, left=e, transpose=f), x, tau, other)
            agree(lambda s, a, t, c, e=left, f=transpose: a.ormqr(t, c, e, f), x, tau, other)


def test_no_reflections_give_a_tensor_of_its_own() -> None:
    for side in (wengert, torch):
        other = side.ones(3, 2, requires_grad=True) * 1
        out = side.ormqr(side.ones(3, 0), side.ones(0), other)
        assert out.data_ptr() != other.data_ptr() and bool((out == other).all())


# --- what is refused --------------------------------------------------------------------------------------------------

REFUSED: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    "lu_factor vector": (lambda s, x: s.linalg.lu_factor(x), ((3,),)),
    "lu_factor int": (lambda s, x: s.linalg.lu_factor(x.long()), ((3, 3),)),
    "lu_factor half": (lambda s, x: s.linalg.lu_factor(x.half()), ((3, 3),)),
    "lu_factor pivot": (lambda s, x: s.linalg.lu_factor(x, pivot=False), ((3, 3),)),
    "lu_factor_ex pivot": (lambda s, x: s.linalg.lu_factor_ex(x, pivot=False), ((3, 3),)),
    "lu pivot": (lambda s, x: s.linalg.lu(x, pivot=False), ((3, 3),)),
    "lu_solve pivots": (lambda s, x, b: s.linalg.lu_solve(x, s.tensor([1, 2, 3]), b), ((3, 3), (3, 2))),
    "lu_solve wide": (lambda s, x, b: s.linalg.lu_solve(x, s.tensor([1, 2]).int(), b), ((2, 3), (2, 2))),
    "lu_solve rows": (lambda s, x, b: s.linalg.lu_solve(x, s.tensor([1, 2]).int(), b), ((2, 2), (3, 2))),
    "lu_solve dtypes": (lambda s, x, b: s.linalg.lu_solve(x, s.tensor([1, 2]).int(), b.float()), ((2, 2), (2, 2))),
    "lu_unpack pivots": (lambda s, x: s.lu_unpack(x, s.tensor([1, 2])), ((2, 2),)),
    "ldl wide": (lambda s, x: s.linalg.ldl_factor(x), ((2, 3),)),
    "ldl vector": (lambda s, x: s.linalg.ldl_factor(x), ((3,),)),
    "ldl int": (lambda s, x: s.linalg.ldl_factor(x.long()), ((3, 3),)),
    "ldl_solve vector": (lambda s, x, b: s.linalg.ldl_solve(x, s.tensor([1, 2]).int(), b), ((2, 2), (2,))),
    "ldl_solve rows": (lambda s, x, b: s.linalg.ldl_solve(x, s.tensor([1, 2]).int(), b), ((2, 2), (3, 2))),
    "ldl_solve dtypes": (lambda s, x, b: s.linalg.ldl_solve(x, s.tensor([1, 2]).int(), b.float()), ((2, 2), (2, 2))),
    "ldl_solve pivots": (lambda s, x, b: s.linalg.ldl_solve(x, s.tensor([1]).int(), b), ((2, 2), (2, 2))),
    "product wide": (lambda s, x, t: s.linalg.householder_product(x, t), ((2, 3), (2,))),
    "product many": (lambda s, x, t: s.linalg.householder_product(x, t), ((3, 2), (3,))),
    "product dtypes": (lambda s, x, t: s.linalg.householder_product(x, t.float()), ((3, 2), (2,))),
    "product vector": (lambda s, x, t: s.linalg.householder_product(x, t), ((3,), (2,))),
    "product batch": (lambda s, x, t: s.linalg.householder_product(x, t), ((2, 3, 2), (2,))),
    "product batches": (lambda s, x, t: s.linalg.householder_product(x, t), ((2, 3, 2), (3, 2))),
    "geqrf vector": (lambda s, x: s.geqrf(x), ((3,),)),
    "geqrf int": (lambda s, x: s.geqrf(x.long()), ((3, 3),)),
    "ormqr rows": (lambda s, x, t, c: s.ormqr(x, t, c), ((3, 2), (2,), (2, 2))),
    "ormqr many": (lambda s, x, t, c: s.ormqr(x, t, c), ((3, 2), (3,), (3, 2))),
    "ormqr right": (lambda s, x, t, c: s.ormqr(x, t, c, left=False), ((3, 2), (2,), (2, 4))),
    "ormqr vector": (lambda s, x, t, c: s.ormqr(x, t, c), ((3, 2), (2,), (3,))),
    "ormqr dtypes": (lambda s, x, t, c: s.ormqr(x, t, c.float()), ((3, 2), (2,), (3, 2))),
    "ormqr batch": (lambda s, x, t, c: s.ormqr(x, t, c), ((2, 3, 2), (2, 2), (3, 2))),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(name: str) -> None:
    call, shapes = REFUSED[name]
    agree(call, *[matrix(*shape, seed=i) for i, shape in enumerate(shapes)])


@pytest.mark.parametrize("dtype", ["float64", "float32", "complex128"])
@pytest.mark.parametrize("upper", [False, True])
def test_some_matrices_of_a_batch_have_no_factor(dtype: str, upper: bool) -> None:
    """Which leaves the others as they are; of these there is as much as LAPACK found, and where it stopped."""
    random = np.random.default_rng(0)
    x = random.standard_normal((4, 5, 5)) + (1j * random.standard_normal((4, 5, 5)) if dtype == "complex128" else 0)
    x = (x @ x.conj().swapaxes(-1, -2) + np.eye(5)).astype(dtype)
    x[1, 3, 3], x[2], x[3, 0, 0] = -1, x[2][::-1], 0
    for part in (x, x.reshape(2, 2, 5, 5), x[1], x[:0], x[:, :0, :0]):
        got, want = (lib.linalg.cholesky_ex(lib.tensor(part), upper=upper) for lib in (wengert, torch))
        np.testing.assert_allclose(got.L.numpy(), want.L.numpy(), rtol=1e-4, atol=1e-4)
        np.testing.assert_array_equal(got.info.numpy(), want.info.numpy())
        assert str(got.info.dtype) == str(want.info.dtype)


def test_some_matrices_of_a_batch_are_singular() -> None:
    x = np.stack([2 * np.eye(2), [[1.0, 2.0], [2.0, 4.0]], np.zeros((2, 2)), [[0.0, 1.0], [1.0, 0.0]]])
    for name, rest in (("inv_ex", ()), ("solve_ex", (np.ones((4, 2, 1)),)), ("solve_ex", (np.ones((4, 2)),))):
        got, want = (getattr(lib.linalg, name)(*(lib.tensor(each) for each in (x, *rest))) for lib in (wengert, torch))
        np.testing.assert_array_equal(got.info.numpy(), want.info.numpy())
        for place in (0, 3):
            np.testing.assert_allclose(got[0][place].numpy(), want[0][place].numpy())
        for place in (1, 2):
            assert not got[0][place].isfinite().any()


@pytest.mark.parametrize("upper", [False, True])
def test_triangles_with_a_zero_on_the_diagonal(upper: bool) -> None:
    """Which are no error: their solutions are infinite or NaN from there on."""
    a = np.array([[[2.0, 0, 0], [1, 0, 0], [3, 4, 5]], [[1.0, 0, 0], [2, 3, 0], [4, 5, 6]], np.zeros((3, 3))])
    a, b = a.swapaxes(-1, -2) if upper else a, np.array([[1.0, 2], [3, 1], [4, 5]])
    turned = b.T.copy()
    for call in (lambda lib: lib.linalg.solve_triangular(lib.tensor(a), lib.tensor(b), upper=upper),
                 lambda lib: lib.linalg.solve_triangular(lib.tensor(a), lib.tensor(turned), upper=upper, left=False),
                 lambda lib: lib.cholesky_solve(lib.tensor(b), lib.tensor(a[0]), upper=upper)):
        got, want = (call(lib).numpy() for lib in (wengert, torch))
        np.testing.assert_allclose(got, want, rtol=1e-12)
