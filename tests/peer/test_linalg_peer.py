"""Products of matrices and linear algebra against PyTorch: values, gradients, second order, complex numbers, errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import wengert
from tests.peer.derivatives import assert_agrees, assert_both_raise, both, cases, numbers

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.filterwarnings("ignore")

INFINITY = float("inf")


def matrix(*shape: int, dtype: str = "float64", seed: int = 0) -> np.ndarray:
    """A well-conditioned matrix with distinct eigenvalues and singular values."""
    x = numbers(shape, dtype, -1, 1, seed=seed)
    n = min(shape[-2:])
    x[..., range(n), range(n)] += np.arange(2, n + 2)
    return x


def positive(*shape: int, dtype: str = "float64") -> np.ndarray:
    x = matrix(*shape, dtype=dtype)
    return x @ np.swapaxes(x.conj(), -1, -2)


def r(*shape: int, seed: int = 0) -> np.ndarray:
    return numbers(shape, "float64", seed=seed)


PRODUCTS = {
    "mm": (lambda t, x, y: t.mm(x, y), r(2, 3), r(3, 4)),
    "@": (lambda t, x, y: x @ y, r(2, 3), r(3, 4)),
    "mv": (lambda t, x, y: t.mv(x, y), r(2, 3), r(3)),
    "dot": (lambda t, x, y: t.dot(x, y), r(3), r(3, seed=1)),
    "vdot": (lambda t, x, y: t.vdot(x, y), r(3), r(3, seed=1)),
    "bmm": (lambda t, x, y: t.bmm(x, y), r(2, 3, 4), r(2, 4, 2)),
    "vector matrix": (lambda t, x, y: x @ y, r(3), r(3, 2)),
    "vector batch": (lambda t, x, y: x @ y, r(3), r(2, 3, 2)),
    "batch vector": (lambda t, x, y: x @ y, r(2, 4, 3), r(3)),
    "batch matrix": (lambda t, x, y: x @ y, r(2, 4, 3), r(3, 2)),
    "matrix batch": (lambda t, x, y: t.matmul(x, y), r(4, 3), r(2, 3, 2)),
    "broadcast": (lambda t, x, y: x @ y, r(2, 1, 4, 3), r(5, 3, 2)),
    "transposed": (lambda t, x, y: x.mT @ y.T.T, r(3, 2), r(3, 4)),
    "empty": (lambda t, x, y: x @ y, r(2, 0), r(0, 3)),
    "empty batch": (lambda t, x, y: x @ y, r(0, 2, 3), r(3, 2)),
    "addmm": (lambda t, b, x, y: t.addmm(b, x, y, beta=0.5, alpha=2), r(2, 4), r(2, 3), r(3, 4)),
    "addmm broadcast": (lambda t, b, x, y: t.addmm(b, x, y), r(4), r(2, 3), r(3, 4)),
    "addmv": (lambda t, b, x, y: t.addmv(b, x, y, alpha=3), r(2), r(2, 3), r(3)),
    "addmm beta 0": (lambda t, b, x, y: t.addmm(b * float("nan"), x, y, beta=0).detach(), r(4), r(2, 3), r(3, 4)),
    "baddbmm": (lambda t, b, x, y: t.baddbmm(b, x, y, beta=2), r(5, 2, 4), r(5, 2, 3), r(5, 3, 4)),
    "addbmm": (lambda t, b, x, y: t.addbmm(b, x, y), r(2, 4), r(5, 2, 3), r(5, 3, 4)),
    "addr": (lambda t, b, x, y: b.addr(x, y, beta=0.5), r(2, 3), r(2), r(3)),
    "outer": (lambda t, x, y: t.outer(x, y), r(2), r(3)),
    "inner": (lambda t, x, y: t.inner(x, y), r(2, 3), r(4, 3)),
    "kron": (lambda t, x, y: t.kron(x, y), r(2, 3), r(2, 2)),
    "kron ranks": (lambda t, x, y: t.kron(x, y), r(2), r(2, 2)),
    "tensordot": (lambda t, x, y: t.tensordot(x, y, 2), r(2, 3, 4), r(3, 4, 5)),
    "tensordot dims": (lambda t, x, y: t.tensordot(x, y, dims=([1, 0], [0, 2])), r(2, 3, 4), r(3, 5, 2)),
    "tensordot 0": (lambda t, x, y: t.tensordot(x, y, dims=0), r(2), r(3)),
    "cross": (lambda t, x, y: t.cross(x, y, dim=1), r(2, 3), r(2, 3, seed=1)),
    "linalg.cross": (lambda t, x, y: t.linalg.cross(x, y, dim=0), r(3, 2), r(3, 1)),
    "cdist": (lambda t, x, y: t.cdist(x, y), r(2, 4, 3), r(2, 5, 3, seed=1)),
    "cdist 1": (lambda t, x, y: t.cdist(x, y, p=1.0), r(4, 3), r(5, 3, seed=1)),
    "cdist 3": (lambda t, x, y: t.cdist(x, y, 3), r(4, 3), r(5, 3, seed=1)),
    "trace": (lambda t, x: x.trace(), r(3, 4)),
    "chain_matmul": (lambda t, x, y, z: t.chain_matmul(x, y, z), r(2, 5), r(5, 3), r(3, 4)),
    "multi_dot": (lambda t, x, y, z, w: t.linalg.multi_dot([x, y, z, w]), r(5), r(5, 3), r(3, 4), r(4)),
    "block_diag": (lambda t, x, y: t.block_diag(x, y), r(2, 3), r(2)),
    "vecdot": (lambda t, x, y: t.linalg.vecdot(x, y), r(2, 3), r(2, 3, seed=1)),
    "vander": (lambda t, x: t.linalg.vander(x, N=4), r(2, 3)),
    "int": (lambda t, x, y: x @ y, np.arange(6).reshape(2, 3), np.arange(6).reshape(3, 2)),
    "matmul dtype int32": (lambda t, x, y: x @ y, np.arange(3, dtype=np.int32), np.arange(3, dtype=np.int32)),
    "addmm_": (lambda t, b, x, y: (b * 1).addmm_(x, y, alpha=2), r(2, 4), r(2, 3), r(3, 4)),
    "baddbmm_": (lambda t, b, x, y: (b * 1).baddbmm_(x, y), r(5, 2, 4), r(5, 2, 3), r(5, 3, 4)),
}
EINSUMS = {
    "ij,jk->ik": ((2, 3), (3, 4)),
    "ij,jk": ((2, 3), (3, 4)),
    "bij,bjk->bik": ((5, 2, 3), (5, 3, 4)),
    "ii->i": ((3, 3),),
    "ii": ((3, 3),),
    "ij->ji": ((2, 3),),
    "ij->": ((2, 3),),
    "ij->j": ((2, 3),),
    "i,j->ij": ((2,), (3,)),
    "i,i": ((3,), (3,)),
    "ij,ij->i": ((2, 3), (2, 3)),
    "bn,anm,bm->ba": ((2, 3), (5, 3, 4), (2, 4)),
    "...ij,...jk->...ik": ((2, 5, 2, 3), (5, 3, 4)),
    "...ij,jk": ((5, 2, 3), (3, 4)),
    "bhqd,bhkd->bhqk": ((2, 2, 3, 4), (2, 2, 5, 4)),
    "iij,jk->ik": ((3, 3, 2), (2, 4)),
    "ij,kj->ik": ((2, 1), (3, 4)),
    "a,b,c->abc": ((2,), (3,), (4,)),
    "ijk,jil->kl": ((2, 3, 4), (3, 2, 5)),
    "...->": ((2, 3),),
    "b...->...b": ((2, 3, 4),),
    " i j , j -> i ": ((2, 3), (3,)),
    "ik,jk->": ((2, 3), (4, 3)),
    "iji->j": ((3, 2, 3),),
}


@pytest.mark.parametrize("entry", cases(PRODUCTS))
def test_products(entry: Any) -> None:
    twice = not any(entry is PRODUCTS[name] for name in ("cdist", "cdist 1", "cdist 3"))  # PyTorch has it once
    assert_agrees(entry[0], entry[1:], second=twice, tolerance=1e-8)


@pytest.mark.parametrize(
    "entry",
    cases(
        {
            name: PRODUCTS[name]
            for name in (
                "mm",
                "mv",
                "dot",
                "vdot",
                "bmm",
                "vector matrix",
                "batch vector",
                "broadcast",
                "addmm",
                "addmv",
                "baddbmm",
                "outer",
                "inner",
                "kron",
                "tensordot",
                "linalg.cross",
                "vecdot",
                "matrix batch",
                "vector batch",
            )
        }
    ),
)
def test_complex_products(entry: Any) -> None:
    operands = tuple(numbers(x.shape, "complex128", seed=i) for i, x in enumerate(entry[1:]))
    assert_agrees(entry[0], operands, tolerance=1e-8)


@pytest.mark.parametrize(
    "entry", cases({name: PRODUCTS[name] for name in ("mm", "bmm", "addmm", "mv", "dot", "matrix batch")})
)
def test_float32_and_half_products(entry: Any) -> None:
    assert_agrees(entry[0], tuple(x.astype(np.float32) for x in entry[1:]), tolerance=1e-5)
    for name, tolerance in (("float16", 5e-3), ("bfloat16", 5e-2)):
        ours = entry[0](wengert, *[wengert.tensor(x).to(getattr(wengert, name)) for x in entry[1:]])
        theirs = entry[0](torch, *[torch.from_numpy(x).to(getattr(torch, name)) for x in entry[1:]])
        assert repr(ours.dtype) == repr(theirs.dtype)
        np.testing.assert_allclose(ours.double().numpy(), theirs.double().numpy(), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("equation", EINSUMS)
def test_einsum(equation: str) -> None:
    assert_agrees(
        lambda t, *x: t.einsum(equation, *x),
        tuple(r(*s, seed=i) for i, s in enumerate(EINSUMS[equation])),
        tolerance=1e-8,
    )


def symmetric(t: Any, x: Any) -> Any:
    return x + x.mH


def phased(v: Any) -> Any:
    """Eigenvectors without their phase: their elements' sizes."""
    return v.abs() ** 2


LINALG = {
    "inverse": (lambda t, x: t.inverse(x), matrix(3, 3)),
    "inv": (lambda t, x: t.linalg.inv(x), matrix(2, 3, 3)),
    "inv_ex": (lambda t, x: t.linalg.inv_ex(x), matrix(3, 3)),
    "det": (lambda t, x: t.det(x), matrix(3, 3)),
    "det batch": (lambda t, x: x.det(), matrix(2, 3, 3)),
    "logdet": (lambda t, x: t.logdet(x), positive(3, 3)),
    "slogdet": (lambda t, x: t.slogdet(x), matrix(2, 3, 3)),
    "linalg.slogdet": (lambda t, x: t.linalg.slogdet(-x), matrix(3, 3)),
    "solve": (lambda t, x, y: t.linalg.solve(x, y), matrix(3, 3), r(3, 2)),
    "solve vector": (lambda t, x, y: t.linalg.solve(x, y), matrix(3, 3), r(3)),
    "solve batch": (lambda t, x, y: t.linalg.solve(x, y), matrix(2, 3, 3), r(2, 3, 2)),
    "solve right": (lambda t, x, y: t.linalg.solve(x, y, left=False), matrix(3, 3), r(2, 3)),
    "solve broadcast": (lambda t, x, y: t.linalg.solve(x, y), matrix(3, 3), r(4, 3, 2)),
    "solve_ex": (lambda t, x, y: t.linalg.solve_ex(x, y), matrix(3, 3), r(3, 2)),
    "solve_triangular": (lambda t, x, y: t.linalg.solve_triangular(x, y, upper=True), matrix(3, 3), r(3, 2)),
    "solve_triangular lower": (
        lambda t, x, y: t.linalg.solve_triangular(x, y, upper=False, unitriangular=True),
        matrix(3, 3),
        r(3, 2),
    ),
    "solve_triangular right": (
        lambda t, x, y: t.linalg.solve_triangular(x, y, upper=True, left=False),
        matrix(3, 3),
        r(2, 3),
    ),
    "triangular_solve": (lambda t, b, a: t.triangular_solve(b, a)[0], r(3, 2), matrix(3, 3)),
    "cholesky": (lambda t, x: t.linalg.cholesky(x), positive(3, 3)),
    "cholesky upper": (lambda t, x: t.cholesky(x, upper=True), positive(2, 3, 3)),
    "cholesky_ex": (lambda t, x: t.linalg.cholesky_ex(x), positive(3, 3)),
    "cholesky_solve": (lambda t, b, x: t.cholesky_solve(b, t.linalg.cholesky(x)), r(3, 2), positive(3, 3)),
    "cholesky_inverse": (lambda t, x: t.cholesky_inverse(t.linalg.cholesky(x)), positive(3, 3)),
    "qr": (lambda t, x: t.linalg.qr(x), matrix(3, 3)),
    "qr tall": (lambda t, x: t.qr(x), matrix(4, 2)),
    "qr wide": (lambda t, x: t.linalg.qr(x), matrix(2, 4)),
    "qr complete": (lambda t, x: t.linalg.qr(x, mode="complete"), matrix(3, 3)),
    "qr R": (lambda t, x: t.linalg.qr(x)[1], matrix(2, 3, 3)),
    "eigh": (lambda t, x: (lambda w, v: (w, phased(v)))(*t.linalg.eigh(symmetric(t, x))), matrix(3, 3)),
    "eigvalsh": (lambda t, x: t.linalg.eigvalsh(symmetric(t, x)), matrix(2, 3, 3)),
    "eigh U": (lambda t, x: t.linalg.eigvalsh(symmetric(t, x), UPLO="U"), matrix(3, 3)),
    "eig": (lambda t, x: (lambda w, v: (w, phased(v)))(*t.linalg.eig(x)), matrix(3, 3)),
    "eigvals": (lambda t, x: t.linalg.eigvals(x), matrix(2, 3, 3)),
    "svd": (
        lambda t, x: (lambda u, s, v: (phased(u), s, phased(v)))(*t.linalg.svd(x, full_matrices=False)),
        matrix(3, 3),
    ),
    "svd tall": (
        lambda t, x: (lambda u, s, v: (u * s[..., None, :]) @ (v * 2))(*t.linalg.svd(x, full_matrices=False)),
        matrix(4, 2),
    ),
    "svd wide": (lambda t, x: (lambda u, s, v: (phased(u), s, phased(v)))(*t.svd(x)), matrix(2, 4)),
    "svdvals": (lambda t, x: t.linalg.svdvals(x), matrix(2, 4, 3)),
    "svd full": (lambda t, x: t.linalg.svd(x)[1], matrix(4, 2)),
    "svd no vectors": (lambda t, x: t.svd(x, compute_uv=False).S, matrix(4, 2)),
    "pinv": (lambda t, x: t.linalg.pinv(x), matrix(4, 2)),
    "pinv wide": (lambda t, x: t.pinverse(x), matrix(2, 2, 4)),
    **{f"pinv {words}": (lambda t, x, words=words: t.linalg.pinv(x, **{
        key: t.tensor(value, dtype=t.float64) for key, value in words.items()}),
        np.stack([np.diag([1.0, 0.3]), np.diag([4.0, 0.3])])) for words in (
        {"rtol": [0.5, 0.05]}, {"atol": [0.5, 0.05]}, {"atol": 0.5}, {"atol": [2.0, 0.2], "rtol": [0.1, 0.2]},
        {"rtol": [0.5]}, {"atol": [0.0, 0.5]})},
    "pinv rank": (lambda t, x: t.linalg.pinv(x.detach(), rtol=0.1), np.diag([1.0, 2, 1e-5])),
    "lstsq": (lambda t, x, y: t.linalg.lstsq(x, y).solution, matrix(4, 2), r(4, 3)),
    "lstsq all": (lambda t, x, y: tuple(t.linalg.lstsq(x.detach(), y.detach(), driver="gelsd")), matrix(4, 2), r(4, 3)),
    "matrix_exp": (lambda t, x: t.matrix_exp(x), r(3, 3)),
    "matrix_exp large": (lambda t, x: t.linalg.matrix_exp(x * 3), r(2, 3, 3)),
    "matrix_power": (lambda t, x: t.matrix_power(x, 3), r(2, 3, 3)),
    "matrix_power negative": (lambda t, x: t.linalg.matrix_power(x, -2), matrix(3, 3)),
    "matrix_power 0": (lambda t, x: t.matrix_power(x.detach(), 0), matrix(3, 3)),
    "matrix_power 1": (lambda t, x: t.matrix_power(x, 1), matrix(3, 3)),
    "lu": (lambda t, x: t.linalg.lu(x), r(3, 3)),
    "lu_factor": (lambda t, x: t.linalg.lu_factor(x), r(2, 4, 4)),
    "lu tall": (lambda t, x: tuple(t.linalg.lu(x.detach())), r(4, 2)),
    "lu wide": (lambda t, x: tuple(t.linalg.lu(x.detach())), r(2, 4)),
    "lu_solve": (lambda t, x, y: t.linalg.lu_solve(*t.linalg.lu_factor(x), y), r(3, 3), r(3, 2)),
    "vector_norm": (lambda t, x: t.linalg.vector_norm(x, 3, dim=1), r(2, 3)),
    "norm": (lambda t, x: (t.linalg.norm(x), t.linalg.norm(x, dim=0), t.linalg.norm(x[0], 1)), r(2, 3)),
    "matrix_norm": (
        lambda t, x: [t.linalg.matrix_norm(x, o) for o in ("fro", "nuc", 2, -2, 1, -1, INFINITY, -INFINITY)],
        matrix(3, 4),
    ),
    "matrix_norm dims": (
        lambda t, x: [t.linalg.matrix_norm(x, o, dim=(2, 0), keepdim=True) for o in ("fro", "nuc", 2, 1)],
        matrix(2, 3, 4),
    ),
    "norm ord": (
        lambda t, x: (t.linalg.norm(x, 2), t.linalg.norm(x, "nuc"), t.norm(x, "nuc"), t.norm(x, "fro")),
        matrix(3, 4),
    ),
    "cond": (lambda t, x: (t.linalg.cond(x), t.linalg.cond(x.detach(), 1), t.linalg.cond(x, -2)), matrix(3, 3)),
    "matrix_rank": (
        lambda t, x: (t.linalg.matrix_rank(x), t.linalg.matrix_rank(x @ x.T, hermitian=True)),
        np.outer([1.0, 2], [3.0, 4]),
    ),
    "diagonal": (lambda t, x: t.linalg.diagonal(x), matrix(2, 3, 3)),
    "tensorinv": (lambda t, x: t.linalg.tensorinv(x, ind=1), matrix(6, 6).reshape(6, 2, 3)),
    "tensorsolve": (lambda t, x, y: t.linalg.tensorsolve(x, y), matrix(6, 6).reshape(2, 3, 6), r(2, 3)),
}


@pytest.mark.parametrize("lists", [
    ([0, 1], [1, 2], [0, 2]), ([0, 1], [1, 2]), ([..., 30], [30, 2], [..., 2]), ([31, 4], [4, 26], [26, 31]),
    ([0, 1], [1, 2], []), ([0, 52], [52, 1]), ([0], [1, 2]),
])
def test_einsum_of_lists(lists: Any) -> None:
    def call(t: Any) -> Any:
        x, y = t.arange(6.0).reshape(2, 3), t.arange(12.0).reshape(3, 4)
        try:
            return t.einsum(x, lists[0], y, lists[1], *lists[2:]).tolist()
        except (ValueError, RuntimeError) as error:
            return next(kind for kind in type(error).__mro__ if kind in (ValueError, RuntimeError))

    assert call(wengert) == call(torch)


@pytest.mark.parametrize("name", LINALG)
def test_linalg(name: str) -> None:
    call, *operands = LINALG[name]
    assert_agrees(call, tuple(np.ascontiguousarray(x) for x in operands), tolerance=1e-7)


COMPLEX = [
    "inverse",
    "det",
    "slogdet",
    "solve",
    "solve_triangular",
    "eigh",
    "eigvalsh",
    "eig",
    "eigvals",
    "svd",
    "svdvals",
    "pinv",
    "qr",
    "qr R",
    "qr wide",
    "matrix_exp",
    "matrix_power",
    "cholesky",
    "lu",
    "vector_norm",
    "norm",
    "logdet",
    "svd tall",
    "qr tall",
]


@pytest.mark.parametrize("name", COMPLEX)
def test_complex_linalg(name: str) -> None:
    call, *operands = LINALG[name]
    turned = []
    for i, x in enumerate(operands):
        made = (
            matrix(*x.shape, dtype="complex128", seed=i)
            if x.ndim > 1 and x.shape[-1] > 1
            else numbers(x.shape, "complex128")
        )
        turned.append(positive(*x.shape, dtype="complex128") if name in ("cholesky", "logdet") else made)
    assert_agrees(call, tuple(turned), tolerance=1e-7)


@pytest.mark.parametrize(
    "name", ["inverse", "det", "solve", "cholesky", "qr", "svdvals", "eigvalsh", "matrix_exp", "slogdet", "pinv"]
)
def test_float32_linalg(name: str) -> None:
    call, *operands = LINALG[name]
    assert_agrees(call, tuple(x.astype(np.float32) for x in operands), second=False, tolerance=2e-4)


NAMES = {
    "mm": (lambda t, x: x @ x, (3, 3)),
    "mv": (lambda t, x: x.mv(x[0]), (3, 3)),
    "dot": (lambda t, x: x.dot(x), (3,)),
    "bmm": (lambda t, x: t.bmm(x, x), (2, 3, 3)),
    "batched": (lambda t, x: x @ x, (2, 3, 3)),
    "vm": (lambda t, x: x[0] @ x, (3, 3)),
    "addmm": (lambda t, x: t.addmm(x, x, x), (3, 3)),
    "inverse": (lambda t, x: t.inverse(x), (3, 3)),
    "det": (lambda t, x: x.det(), (3, 3)),
    "einsum": (lambda t, x: t.einsum("ij,jk->ik", x, x), (3, 3)),
    "norm": (lambda t, x: t.linalg.norm(x), (3, 3)),
    "qr": (lambda t, x: t.linalg.qr(x)[0], (3, 3)),
    "solve": (lambda t, x: t.linalg.solve(x, x), (3, 3)),
    "svd": (lambda t, x: t.linalg.svd(x)[1], (3, 3)),
    "eigh": (lambda t, x: t.linalg.eigh(x)[0], (3, 3)),
    "outer": (lambda t, x: t.outer(x, x), (3,)),
    "exp": (lambda t, x: t.matrix_exp(x), (3, 3)),
    "pinv": (lambda t, x: t.linalg.pinv(x), (3, 3)),
    "baddbmm": (lambda t, x: t.baddbmm(x, x, x), (2, 3, 3)),
}


@pytest.mark.parametrize("entry", cases(NAMES))
def test_node_names(entry: Any) -> None:
    call, shape = entry
    ours, theirs = both(matrix(*shape) if len(shape) > 1 else r(*shape), requires_grad=True)
    assert call(wengert, ours).grad_fn.name() == call(torch, theirs).grad_fn.name()


def test_named_results_print_as_pytorch_does() -> None:
    ours, theirs = both(np.diag([3.0, 2, 1]))
    for name in ("slogdet", "eigh", "inv_ex", "cholesky_ex", "solve_ex"):
        arguments = 2 if name == "solve_ex" else 1
        assert repr(getattr(wengert.linalg, name)(*[ours] * arguments)) == repr(
            getattr(torch.linalg, name)(*[theirs] * arguments)
        )


ERRORS = {
    "mm sizes": lambda t: t.ones(2, 3) @ t.ones(2, 3),
    "mm ranks": lambda t: t.mm(t.ones(2), t.ones(2, 2)),
    "bmm sizes": lambda t: t.bmm(t.ones(2, 3, 4), t.ones(2, 3, 4)),
    "bmm batch": lambda t: t.bmm(t.ones(2, 3, 4), t.ones(3, 4, 5)),
    "dot sizes": lambda t: t.dot(t.ones(2), t.ones(3)),
    "dot ranks": lambda t: t.dot(t.ones(2, 2), t.ones(2, 2)),
    "dtypes": lambda t: t.ones(2, 2) @ t.ones(2, 2, dtype=t.float64),
    "0d": lambda t: t.ones(()) @ t.ones(2),
    "number": lambda t: t.matmul(t.ones(2), 2.0),
    "operator number": lambda t: t.ones(2) @ 2,
    "mv": lambda t: t.mv(t.ones(2, 3), t.ones(2)),
    "addmm": lambda t: t.addmm(t.ones(3, 3), t.ones(2, 3), t.ones(3, 4)),
    "singular": lambda t: t.inverse(t.zeros(2, 2)),
    "not square": lambda t: t.inverse(t.ones(2, 3)),
    "not positive": lambda t: t.linalg.cholesky(-t.eye(2)),
    "det not square": lambda t: t.det(t.ones(2, 3)),
    "ints": lambda t: t.inverse(t.ones(2, 2, dtype=t.int64)),
    "vector": lambda t: t.linalg.svd(t.ones(3)),
    "einsum letters": lambda t: t.einsum("ij,jk->il", t.ones(2, 2), t.ones(2, 2)),
    "einsum operands": lambda t: t.einsum("ij,jk", t.ones(2, 2)),
    "einsum sizes": lambda t: t.einsum("ij,jk", t.ones(2, 3), t.ones(2, 3)),
    "einsum ranks": lambda t: t.einsum("ijk", t.ones(2, 2)),
    "solve": lambda t: t.linalg.solve(t.eye(2), t.ones(3, 2)),
    "solve singular": lambda t: t.linalg.solve(t.zeros(2, 2), t.ones(2, 1)),
    "norm ord": lambda t: t.linalg.norm(t.ones(2, 2), 7),
    "qr mode": lambda t: t.linalg.qr(t.eye(2), mode="x"),
    "cross": lambda t: t.linalg.cross(t.ones(2), t.ones(2)),
    "cdist": lambda t: t.cdist(t.ones(2, 3), t.ones(2, 4)),
    "tensordot": lambda t: t.tensordot(t.ones(2, 3), t.ones(2, 3), 1),
    "outer": lambda t: t.outer(t.ones(2, 2), t.ones(2)),
    "matrix_power": lambda t: t.matrix_power(t.ones(2, 3), 2),
    "trace": lambda t: t.ones(3).trace(),
    "trace of three dimensions": lambda t: t.trace(t.ones(2, 2, 2)),
    "multi_dot": lambda t: t.linalg.multi_dot([t.eye(2)]),
    "qr r": lambda t: t.linalg.qr(t.eye(2, requires_grad=True), mode="r")[1].sum().backward(),
    "bool mm": lambda t: t.linalg.norm(t.ones(2, dtype=t.int64)),
}


@pytest.mark.parametrize("call", cases(ERRORS))
def test_errors(call: Any) -> None:
    assert_both_raise(call)
