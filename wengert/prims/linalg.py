"""Linear algebra: decompositions, inverses, solutions. LAPACK, through numpy, does the work; leading dimensions
are batches. Matrices that LAPACK makes lie column by column, as LAPACK leaves them and as PyTorch's do (`in_columns`).

Where a rule has a source, it is named. M. Giles, *An extended collection of matrix derivative results*, 2008, has those
of inverse, determinant and eigenvalues. ``ᴴ`` is the conjugate transpose.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import ModuleType
from typing import Any

import numpy as np

from ..core.batching import aligned, native, size_of
from ..core.errors import DTypeError, LinAlgError, ShapeError
from ..core.generated import MANY_SYSTEMS, too_late
from ..core.layout import in_columns
from ..core.operands import Array, ByOutput, DType, Needs, Numbers, Params, Rule, Saved
from ..core.primitive import P, conjugate, fit, linear, opaque
from ..core.samples import cases, uniform
from ..core.spec import Spec, broadcast_shapes
from ..core.steps import chained as _mm
from ..core.steps import main_diagonal as _diagonal
from ..core.steps import transposed as _h

_TRANSPOSED = {"jvp": "it is the transpose of the vjp"}


def _real(x: Numbers) -> Any:
    return P.copy_real(x) if x.dtype.kind in "cW" else x


def _as_operand(grad: Numbers, x: Numbers) -> Any:
    """The cotangent of a real operand is real."""
    return P.copy_real(grad) if grad.dtype.kind in "cW" and x.dtype.kind not in "cW" else grad


def square(name: str, x: Numbers) -> None:
    """Raises unless the last two dimensions of ``x`` are equal, and its elements floating or complex."""
    matrices(name, x)
    if x.shape[-1] != x.shape[-2]:
        raise ShapeError(f"[linalg.{name}] A must be batches of square matrices, but they are {x.shape[-2]} by "
                         f"{x.shape[-1]} matrices; got shape {tuple(x.shape)}")


def matrices(name: str, x: Numbers) -> None:
    """Raises unless ``x`` has at least two dimensions, and floating or complex elements that LAPACK knows."""
    if x.ndim < 2:
        raise ShapeError(f"[linalg.{name}] The input tensor A must have at least 2 dimensions; got shape "
                         f"{tuple(x.shape)}")
    if x.dtype.char not in "fdFD":
        kind = {"float16": "Half", "int64": "Long", "bool": "Bool"}.get(str(x.dtype), str(x.dtype))
        low = x.dtype.kind in "fVW"
        raise DTypeError(f"[linalg.{name}] " + ("Low precision dtypes not supported" if low else
                                                "Expected a floating point or complex tensor as input") +
                         f". Got {kind}; convert with .float() first")


def _square_spec(name: str, x: Spec) -> Spec:
    if len(x.shape) < 2 or x.shape[-1] != x.shape[-2]:
        raise ShapeError(f"[linalg.{name}] A must be batches of square matrices; got shape {x.shape}")
    return x


def _located(why: str, x: Array) -> str:
    """``why`` with the first matrix of a batch that has no inverse, and the place of the first zero in its diagonal, as
    elimination leaves it."""
    if "{element}" not in why:
        return why
    info = np.asarray(P.lu_factor.run(x)[2])
    first = np.flatnonzero(info.reshape(-1))
    batch = f"(Batch element {first[0] if first.size else 0}): " if info.ndim else ""
    return batch + why.format(element=info.reshape(-1)[first[0]] if first.size else x.shape[-1])


_FAILED = {"svd": "The algorithm failed to converge because the input matrix contained non-finite values.",
           "eig": "input tensor should not contain infs or NaNs."}
"""What fails where a matrix has numbers that are not finite."""


def _call(name: str, function: Rule, *arrays: Any, why: str = "", **options: Any) -> Any:
    """A function of numpy.linalg, its failure in our words."""
    try:
        return function(*arrays, **options)
    except np.linalg.LinAlgError as error:
        words = _FAILED.get(name) if not np.isfinite(arrays[0]).all() else None
        said = words or _located(why, arrays[0]) or error
        raise LinAlgError(f"[linalg.{name}] {said}; got shape {tuple(arrays[0].shape)}") from error


def _solved(name: str, why: str, xp: ModuleType, a: Array, b: Array | None) -> Array:
    """X of A X = B, or the inverse of A where there is no B; many small ones by generated code."""
    if a.ndim > 2 and a.size >= MANY_SYSTEMS * a.shape[-1]**2 and not too_late():
        from ..compiler.equations import solutions

        right = np.broadcast_to(np.eye(a.shape[-1], dtype=a.dtype), a.shape) if b is None else b
        found = solutions(a, right)
        if found is not None:
            return found
    return in_columns(_call(name, xp.linalg.inv, a, why=why) if b is None else
                      _call(name, xp.linalg.solve, a, b, why=why))


_SINGULAR = ("The diagonal element {element} is zero, the inversion could not be completed because the input matrix is "
             "singular")


def _matrix(*shape: int, seed: int = 0) -> np.ndarray:
    """A well-conditioned sample: random numbers with a diagonal of distinct size added."""
    x = uniform(-1, 1, *shape, seed=seed)
    n = min(shape[-2:])
    x[..., range(n), range(n)] += np.arange(2, n + 2)
    return x


def _spd(*shape: int) -> np.ndarray:
    x = _matrix(*shape)
    return x @ np.swapaxes(x, -1, -2)


# --- inverse, determinant, solution -----------------------------------------------------------------------------------


def _inv(xp: ModuleType, x: Array, singular: bool = False) -> Array:
    """The inverse; of a singular matrix infinite where ``singular`` ones may come."""
    square("inv", x)
    if singular:
        try:
            return _solved("inv", _SINGULAR, xp, x, None)
        except LinAlgError:
            if x.ndim == 2:
                return in_columns(xp.full_like(x, xp.inf))
            rows = x.reshape(-1, *x.shape[-2:])
            return in_columns(xp.stack([_inv(xp, row, True) for row in rows]).reshape(x.shape))
    return _solved("inv", _SINGULAR, xp, x, None)


inv = opaque(
    "inv",
    _inv,
    batch=native,
    label="LinalgInvEx",
    saves=("out",),
    spec=lambda x, singular=False: _square_spec("inv", x),
    samples=cases((_matrix(3, 3),), (_matrix(2, 3, 3),), (_matrix(3, 3), {"singular": True})),
    vjp=lambda ct, saved, params, needs: (-_mm(_h(saved[1]), ct, _h(saved[1])),),
    jvp=lambda tangents, operands, out, params: -_mm(out, tangents[0], out),
    doc="d(A⁻¹) = −A⁻¹ dA A⁻¹ (Giles, 2.2.3).",
)


def _det(xp: ModuleType, x: Array) -> Array:
    square("det", x)
    return xp.asarray(xp.linalg.det(x))


def _det_vjp(ct: Numbers, saved: Saved, params: Params, needs: Needs) -> tuple[Any, ...]:
    x = saved[0]
    cofactors = P.adjugate(x)
    return (ct[..., None, None] * _h(cofactors),)


def _adjugate(xp: ModuleType, x: Array) -> Array:
    """The adjugate by singular values: adj(U S Vᴴ) = adj(Vᴴ) adj(S) adj(U), which singular matrices have as well; NaN
    for a matrix that has no singular values."""
    known = xp.isfinite(x).all(axis=(-2, -1), keepdims=True)
    if not known.all():
        return xp.where(known, _adjugate(xp, xp.where(known, x, x.dtype.type(0))), x.dtype.type(np.nan))
    u, s, vh = xp.linalg.svd(x)
    n = s.shape[-1]
    others = xp.stack([xp.prod(xp.delete(s, i, axis=-1), axis=-1) for i in range(n)], axis=-1) if n else s
    phase = xp.linalg.det(u) * xp.linalg.det(vh)
    conjugated = xp.swapaxes(vh, -1, -2).conj() * others[..., None, :]
    return (phase[..., None, None] * (conjugated @ xp.swapaxes(u, -1, -2).conj())).astype(x.dtype)


def _adjugate_vjp(ct: Numbers, saved: Saved, params: Params, needs: Needs) -> tuple[Any, ...]:
    """Of adj(A) = det(A) A⁻¹, for an A that has an inverse."""
    x = saved[0]
    inverse = _h(P.inv(x))
    determinant = P.det(x)
    determinant = conjugate(determinant)[..., None, None]
    trace = P.sum(P.sum(ct * conjugate(_h(inverse)), dim=(-1 % len(x.shape),)),
                  dim=(len(x.shape) - 2,))
    return (determinant * (trace[..., None, None] * inverse - _mm(inverse, ct, inverse)),)


adjugate = opaque(
    "adjugate",
    _adjugate,
    batch=native,
    vjp=_adjugate_vjp,
    saves=("x",),
    samples=cases((_matrix(3, 3),)),
    missing=_TRANSPOSED,
    doc="det(A) A⁻¹, and its limit where A has no inverse.",
)
def _trace_of(x: Numbers, y: Numbers) -> Any:
    """tr(X Y)."""
    rank = len(x.shape)
    turned = P.permute(y, dims=(*range(rank - 2), rank - 1, rank - 2))
    return P.sum(x * turned, dim=(rank - 2, rank - 1))


det = opaque(
    "det",
    _det,
    batch=native,
    label="LinalgDet",
    vjp=_det_vjp,
    jvp=lambda tangents, operands, out, params: _trace_of(P.adjugate(operands[0]), tangents[0]),
    saves=("x",),
    samples=cases((_matrix(3, 3),), (_matrix(2, 3, 3),)),
    doc="d det(A) = tr(adj(A) dA) (Jacobi).",
)


def _slogdet(xp: ModuleType, x: Array) -> Any:
    square("slogdet", x)
    sign, size = xp.linalg.slogdet(x)
    return xp.asarray(xp.where(xp.isnan(size), 0, sign), x.dtype), xp.asarray(size)


def _slogdet_vjp(ct: ByOutput, saved: Saved, params: Params, needs: Needs) -> tuple[Any, ...]:
    """d log|det A| = Re tr(A⁻¹ dA), and d sign = i sign Im tr(A⁻¹ dA)."""
    x, (sign, _), _ = saved
    total = ct.get(1)
    if x.dtype.kind in "cW" and ct.get(0) is not None:
        turn = P.copy_imag(ct[0] * P.conj(sign)) * 1j
        total = turn if total is None else total + turn
    if total is None:
        return (P.zeros_like(x),)
    return (total[..., None, None] * _h(P.inv(x, singular=True)),)


def _slogdet_jvp(tangents: Sequence[Any], operands: Sequence[Any], out: Any, params: Params) -> Any:
    trace = _trace_of(P.inv(operands[0], singular=True), tangents[0])
    if trace.dtype.kind not in "cW":
        return None, trace
    return out[0] * P.copy_imag(trace) * 1j, P.copy_real(trace)


slogdet = opaque("slogdet", _slogdet, batch=native, multiple=True, label="LinalgSlogdet", vjp=_slogdet_vjp,
                 jvp=_slogdet_jvp, saves=("x", "out"), samples=cases((_matrix(3, 3),), (_matrix(2, 3, 3),)))


def _solve(xp: ModuleType, a: Array, b: Array) -> Array:
    square("solve", a)
    if b.ndim < 2 or b.shape[-2] != a.shape[-1]:
        raise ShapeError("[linalg.solve] Incompatible shapes of A and B for the equation AX = B: got "
                         f"{tuple(a.shape)} and {tuple(b.shape)}; B needs as many rows as A")
    return _solved("solve", "The solver failed because the input matrix is singular", xp, a, b)


def _solve_spec(a: Spec, b: Spec) -> Spec:
    _square_spec("solve", a)
    return Spec((*broadcast_shapes(a.shape[:-2], b.shape[:-2], op="linalg.solve"), *b.shape[-2:]), b.dtype)


def _solve_vjp(ct: Numbers, saved: Saved, params: Params, needs: Needs) -> tuple[Any, ...]:
    a, _, out, shapes = saved
    for_b = P.solve(_h(a), ct)
    return (fit(-_mm(for_b, _h(out)), shapes[0]) if needs[0] else None, fit(for_b, shapes[1]) if needs[1] else None)


def _solve_jvp(tangents: Sequence[Any], operands: Sequence[Any], out: Numbers, params: Params) -> Any:
    """A dX = dB − dA X."""
    by_a, by_b = tangents
    right = by_b if by_a is None else -P.matmul(by_a, out) if by_b is None else by_b - P.matmul(by_a, out)
    return P.solve(operands[0], right)


def _solve_batch(primitive: Any, operands: Sequence[Any], mapped: Sequence[bool], params: Params) -> Any:
    """Of one matrix the right-hand sides of all examples are columns of one."""
    a, b = operands
    if mapped[0] or len(a.shape) != 2 or len(b.shape) != 3:
        return aligned(primitive, operands, mapped, params)
    count, (rows, columns) = size_of(operands, mapped), b.shape[1:]
    side_by_side = P.reshape(P.permute(b, dims=(1, 0, 2)), shape=(rows, count * columns))
    found = P.reshape(primitive(a, side_by_side, **params), shape=(rows, count, columns))
    return P.permute(found, dims=(1, 0, 2))


solve = opaque(
    "solve",
    _solve,
    batch=_solve_batch,
    arity=2,
    label="LinalgSolveEx",
    spec=_solve_spec,
    vjp=_solve_vjp,
    jvp=_solve_jvp,
    saves=("x", "out", "shapes"),
    samples=cases((_matrix(3, 3), (3, 2)), (_matrix(2, 3, 3), (3, 1)), (_matrix(3, 3), (2, 3, 1))),
    doc="X of A X = B (Giles, 2.2.3). B has its own two last dimensions.",
)


def _triangle(x: Numbers, upper: bool, unit: bool) -> Any:
    """The triangle of a cotangent that the factor has."""
    return P.triu(x, diagonal=1 if unit else 0) if upper else P.tril(x, diagonal=-1 if unit else 0)


def _solve_triangular(xp: ModuleType, a: Array, b: Array, upper: bool, unit: bool = False) -> Array:
    square("solve_triangular", a)
    part = xp.triu(a) if upper else xp.tril(a)
    if unit:
        part = part.copy()
        part[..., range(a.shape[-1]), range(a.shape[-1])] = 1
    try:
        return _solved("solve_triangular", "The solver failed: the diagonal has a zero", xp, part, b)
    except LinAlgError:
        return in_columns(_substituted(part, b, upper))


def _substituted(a: Array, b: Array, upper: bool) -> Array:
    """The solution row by row, which a diagonal with a zero makes infinite or NaN from there on, as BLAS leaves it."""
    n, lead = a.shape[-1], broadcast_shapes(a.shape[:-2], b.shape[:-2], op="solve_triangular")
    x = np.array(np.broadcast_to(b, (*lead, *b.shape[-2:])))
    for i in range(n - 1, -1, -1) if upper else range(n):
        rest = slice(0, i) if upper else slice(i + 1, None)
        x[..., i, :] /= a[..., i, i, None]
        x[..., rest, :] -= a[..., rest, i, None] * x[..., i, None, :]
    return x


def _solve_triangular_vjp(ct: Numbers, saved: Saved, params: Params, needs: Needs) -> tuple[Any, ...]:
    a, _, out, shapes = saved
    upper, unit = params["upper"], params.get("unit", False)
    for_b = P.solve_triangular(_h(a), ct, upper=not upper, unit=unit)
    for_a = fit(_triangle(-_mm(for_b, _h(out)), upper, unit), shapes[0]) if needs[0] else None
    return for_a, fit(for_b, shapes[1]) if needs[1] else None


def _solve_triangular_jvp(tangents: Sequence[Any], operands: Sequence[Any], out: Numbers, params: Params) -> Any:
    by_a, by_b = tangents
    right = by_b
    if by_a is not None:
        moved = P.matmul(_triangle(by_a, params["upper"], params.get("unit", False)), out)
        right = -moved if by_b is None else by_b - moved
    return P.solve_triangular(operands[0], right, **params)


solve_triangular = opaque(
    "solve_triangular", _solve_triangular, batch=_solve_batch,
    arity=2, label="LinalgSolveTriangular", vjp=_solve_triangular_vjp,
    jvp=_solve_triangular_jvp, saves=("x", "out", "shapes"),
    samples=cases((_matrix(3, 3), (3, 2), {"upper": True}), (_matrix(3, 3), (3, 2), {"upper": False, "unit": True})),
)


# --- factorisations ---------------------------------------------------------------------------------------------------


def _cholesky(xp: ModuleType, x: Array, upper: bool = False, partial: bool = False) -> Array:
    """L, of the lower triangle; or Lᴴ, of the upper one. Of matrices that are not positive-definite, where ``partial``
    factors may come, as much as there is."""
    square("cholesky", x)
    if partial:
        try:
            return _cholesky(xp, x, upper)
        except LinAlgError:
            rows = x.reshape(-1, *x.shape[-2:])
            return _stacked_factors([_as_far_as_it_goes(row, upper) for row in rows], x.shape)
    why = "The factorization could not be completed because the input is not positive-definite"
    factor = _call("cholesky", xp.linalg.cholesky, xp.swapaxes(x, -1, -2).conj() if upper else x, why=why)
    if xp.isnan(xp.einsum("...ii->...", factor)).any():
        raise LinAlgError(f"[linalg.cholesky] {why}; got shape {tuple(x.shape)} with NaN")
    return xp.swapaxes(xp.ascontiguousarray(factor).conj(), -1, -2) if upper else in_columns(factor)


def _stacked_factors(factors: list[Array], shape: tuple[int, ...]) -> Array:
    return in_columns(np.stack(factors).reshape(shape))


def _as_far_as_it_goes(x: Array, upper: bool) -> Array:
    """The factor of one matrix, column by column, up to where a diagonal element is not positive: that one stays as it
    is then, and what follows as it came (so LAPACK's potrf)."""
    factor = np.tril(x.conj().T if upper else x)
    for j in range(len(x)):
        row = factor[j, :j]
        square_root = factor[j, j].real - (row * row.conj()).real.sum()
        factor[j, j] = square_root
        if not square_root > 0:
            break
        factor[j, j] = np.sqrt(square_root)
        factor[j + 1:, j] = (factor[j + 1:, j] - factor[j + 1:, :j] @ row.conj()) / factor[j, j]
    return factor.conj().T if upper else factor


def _cholesky_vjp(ct: Numbers, saved: Saved, params: Params, needs: Needs) -> tuple[Any, ...]:
    """I. Murray, *Differentiation of the Cholesky decomposition*, 2016, equation 10: L⁻ᴴ Φ(Lᴴ L̄) L⁻¹, where Φ
    mirrors the lower triangle and halves, so that the result is symmetric."""
    factor = saved[1]
    if params.get("upper"):
        factor, ct = _h(factor), _h(ct)
    overlap = _mm(_h(factor), P.tril(ct))
    middle = (P.tril(overlap) + _h(P.tril(overlap, diagonal=-1))) * 0.5
    right = P.solve_triangular(_h(factor), middle, upper=True)
    return (_h(P.solve_triangular(_h(factor), _h(right), upper=True)),)


def _symmetric_samples() -> Iterator[Any]:
    yield (_spd(3, 3),), {}
    yield (_spd(2, 3, 3),), {}


def _cholesky_jvp(tangents: Sequence[Any], operands: Sequence[Any], out: Numbers, params: Params) -> Any:
    """L Φ(L⁻¹ dA L⁻ᴴ), Φ the lower triangle with half of the diagonal (Murray, equation 8), of a dA that is taken to
    be Hermitian, as PyTorch takes it."""
    factor = _h(out) if params.get("upper") else out
    left = P.solve_triangular(factor, tangents[0], upper=False)
    middle = _h(P.solve_triangular(factor, _h(left), upper=False))
    moved = _mm(factor, (P.tril(middle) + P.tril(middle, diagonal=-1)) * 0.5)
    return _h(moved) if params.get("upper") else moved


cholesky = opaque(
    "cholesky", _cholesky, batch=native, label="LinalgCholeskyEx", vjp=_cholesky_vjp, jvp=_cholesky_jvp, saves=("out",),
    missing={"samples": "its gradient is that by symmetric matrices; central differences leave these"},
)


def _cholesky_solve(xp: ModuleType, b: Array, factor: Array, upper: bool) -> Array:
    square("cholesky_solve", factor)
    lower = xp.swapaxes(factor, -1, -2).conj() if upper else factor
    inner = _solve_triangular(xp, lower, b, upper=False)
    return _solve_triangular(xp, xp.swapaxes(lower, -1, -2).conj(), inner, upper=True)


def _cholesky_solve_vjp(ct: Numbers, saved: Saved, params: Params, needs: Needs) -> tuple[Any, ...]:
    """Of X = A⁻¹ B for A = L Lᴴ: B̄ = A⁻¹ X̄, Ā = −B̄ Xᴴ, L̄ = (Ā + Āᴴ) L. As PyTorch's, L̄ is of all elements of the
    matrix, though one triangle alone is read."""
    _, factor, out, shapes = saved
    for_b = P.cholesky_solve(ct, factor, upper=params["upper"])
    for_factor = None
    if needs[1]:
        square_ct = _mm(for_b, _h(out))
        both = square_ct + _h(square_ct)
        for_factor = fit(-(_mm(factor, both) if params["upper"] else _mm(both, factor)), shapes[1])
    return fit(for_b, shapes[0]) if needs[0] else None, for_factor


cholesky_solve = opaque(
    "cholesky_solve", _cholesky_solve, batch=aligned, arity=2, label="CholeskySolve", vjp=_cholesky_solve_vjp,
    saves=("y", "out", "shapes"),
    missing={**_TRANSPOSED, "samples": "its gradient is that of a whole matrix, of which it reads one triangle"},
    doc="X of A X = B, given the factor L of A = L Lᴴ, or U of A = Uᴴ U.",
)


def _qr(xp: ModuleType, x: Array, mode: str) -> Any:
    matrices("qr", x)
    if mode == "r":
        r = xp.linalg.qr(x, mode="r")
        return xp.empty(0, x.dtype), in_columns(r)
    q, r = xp.linalg.qr(x, mode=mode)
    return in_columns(q), in_columns(r)


def _fold(x: Numbers) -> Any:
    """The lower triangle, mirrored (conjugated) to the upper one; the diagonal real."""
    below = P.tril(x, diagonal=-1)
    return below + _h(below) + P.diag_matrix(_real(_diagonal(x)))


def _square_qr_vjp(q: Numbers, r: Numbers, for_q: Numbers | None, for_r: Numbers | None) -> Any:
    """[Q̄ + Q fold(R R̄ᴴ − Q̄ᴴ Q)] R⁻ᴴ (Walter & Lehmann, *Algorithmic differentiation of linear algebra functions*,
    2012)."""
    inner: Any = None
    if for_r is not None:
        inner = _mm(r, _h(for_r))
    if for_q is not None:
        overlap = _mm(_h(for_q), q)
        inner = -overlap if inner is None else inner - overlap
    bar = _mm(q, _fold(inner))
    if for_q is not None:
        bar = bar + for_q
    return _h(P.solve_triangular(r, _h(bar), upper=True))


def _qr_vjp(ct: ByOutput, saved: Saved, params: Params, needs: Needs) -> tuple[Any, ...]:
    """Wide matrices [X | Y] = Q [U | V]: X as a square one, whose Q has a part in Y = Q V (Liao, Liu, Wang & Xiang,
    *Differentiable programming tensor networks*, 2019)."""
    x, (q, r), _ = saved
    rows, columns = x.shape[-2:]
    if params["mode"] == "r":
        raise RuntimeError("[linalg.qr] The derivative of linalg.qr depends on Q, which is not computed when "
                           "mode='r'. Please use linalg.qr(A, mode='reduced') if you are going to require gradients.")
    if params["mode"] == "complete" and rows > columns:
        raise RuntimeError("[linalg.qr] The QR decomposition is not differentiable when mode='complete' and nrows > "
                           "ncols")
    for_q, for_r = ct.get(0), ct.get(1)
    if rows >= columns:
        return (_square_qr_vjp(q, r, for_q, for_r),)
    head, tail = (Ellipsis, slice(None, rows)), (Ellipsis, slice(rows, None))
    right = None
    if for_r is not None:
        for_v = for_r[tail]
        part = _mm(x[tail], _h(for_v))
        for_q = part if for_q is None else for_q + part
        right = _mm(q, for_v)
    left = _square_qr_vjp(q, r[head], for_q, None if for_r is None else for_r[head])
    right = P.zeros_like(x[tail]) if right is None else right
    return (P.cat(left, right, dim=len(x.shape) - 1),)


qr = opaque(
    "qr", _qr, batch=native, multiple=True, label="LinalgQr", vjp=_qr_vjp, saves=("x", "out"), missing=_TRANSPOSED,
    samples=cases((_matrix(3, 3), {"mode": "reduced"}), (_matrix(4, 2), {"mode": "reduced"}),
                  (_matrix(2, 4), {"mode": "reduced"}), (_matrix(2, 3, 3), {"mode": "complete"})),
)


# --- eigenvalues and singular values ----------------------------------------------------------------------------------


diag_matrix = linear(
    "diag_matrix", batch=native,
    eval=lambda xp, x: x[..., None] * xp.eye(x.shape[-1], dtype=x.dtype), label="DiagEmbed",
    transpose=lambda ct, shape, params: _diagonal(ct), samples=cases(((3,),), ((2, 3),)),
    doc="Square matrices with the last dimension of the operand on their diagonals.",
)


def _gaps(w: Numbers) -> Any:
    """w_j − w_i, and 1 on the diagonal."""
    return w[..., None, :] - w[..., :, None] + P.diag_matrix(P.fill(w, value=1))


def _eigh(xp: ModuleType, x: Array, uplo: str = "L") -> Any:
    square("eigh", x)
    w, v = _call("eigh", xp.linalg.eigh, x, UPLO=uplo)
    return w, in_columns(v)


def _eigh_vjp(ct: ByOutput, saved: Saved, params: Params, needs: Needs) -> tuple[Any, ...]:
    """V (diag(w̄) + (Vᴴ V̄) ∘ 1/(w_j − w_i)) Vᴴ (Giles, 3.1), its Hermitian part: that by Hermitian matrices. Where
    eigenvalues coincide vectors have no derivative."""
    w, v = saved[1]
    for_w, for_v = ct.get(0), ct.get(1)
    if for_v is None:
        return (_mm(v * ct[0][..., None, :], _h(v)),)
    overlap = _mm(_h(v), for_v)
    inner = overlap / _gaps(w)
    inner = inner - P.diag_matrix(_diagonal(inner))
    if for_w is not None:
        inner = inner + P.diag_matrix(for_w)
    return (_mm(v, (inner + _h(inner)) * 0.5, _h(v)),)


def _eigh_jvp(tangents: Sequence[Any], operands: Sequence[Any], out: Any, params: Params) -> Any:
    """dλ = diag(Vᴴ dA V) and dV = V ((Vᴴ dA V) ∘ 1/(w_j − w_i)) (Giles, 3.1), of a dA that is taken to be Hermitian,
    as PyTorch takes it."""
    w, v = out
    inner = _mm(_h(v), tangents[0], v)
    turn = inner / _gaps(w)
    turn = turn - P.diag_matrix(_diagonal(turn))
    return _real(_diagonal(inner)), _mm(v, turn)


eigh = opaque(
    "eigh", _eigh, batch=native, multiple=True, label="LinalgEigh", vjp=_eigh_vjp, jvp=_eigh_jvp, saves=("out",),
    missing={"samples": "its gradient is that by symmetric matrices; central differences leave these"},
)


def _complex_like(dtype: DType) -> Any:
    return np.result_type(dtype, np.complex64)


def _eig(xp: ModuleType, x: Array) -> Any:
    square("eig", x)
    w, v = _call("eig", xp.linalg.eig, x)
    return w.astype(_complex_like(x.dtype)), in_columns(v.astype(_complex_like(x.dtype)))


def _eig_vjp(ct: ByOutput, saved: Saved, params: Params, needs: Needs) -> tuple[Any, ...]:
    """V⁻ᴴ (diag(w̄) + (Vᴴ V̄ − Vᴴ V diag(Re Vᴴ V̄)) ∘ 1/(w_j − w_i)ᴴ) Vᴴ: the eigenvectors have unit length, which the
    middle term keeps (Boeddeker et al., *On the computation of complex-valued gradients*, 2017)."""
    x, (w, v), _ = saved
    for_w, for_v = ct.get(0), ct.get(1)
    if for_v is None:
        inner = ct[0][..., :, None] * _h(v)
        return (_as_operand(P.solve(_h(v), inner), x),)
    overlap = _mm(_h(v), for_v)
    along = P.copy_real(_diagonal(overlap))
    inner = (overlap - _mm(_h(v), v) * along[..., None, :]) / P.conj(_gaps(w))
    inner = inner - P.diag_matrix(_diagonal(inner))
    if for_w is not None:
        inner = inner + P.diag_matrix(for_w)
    return (_as_operand(P.solve(_h(v), _mm(inner, _h(v))), x),)


eig = opaque("eig", _eig, batch=native, multiple=True, label="LinalgEig", vjp=_eig_vjp, saves=("x", "out"),
             samples=cases((_matrix(3, 3),), (_matrix(2, 3, 3),)), missing=_TRANSPOSED)


def _svd(xp: ModuleType, x: Array, full: bool = False) -> Any:
    matrices("svd", x)
    u, s, vh = _call("svd", xp.linalg.svd, x, full_matrices=full)
    return in_columns(u), s, in_columns(vh)


def _skew(x: Numbers) -> Any:
    return x - _h(x)


def _svd_vjp(ct: ByOutput, saved: Saved, params: Params, needs: Needs) -> tuple[Any, ...]:
    """J. Townsend, *Differentiating the singular value decomposition*, 2016; for complex matrices with the imaginary
    diagonal of Wan & Zhang, *Automatic differentiation for complex valued SVD*, 2019."""
    x, (u, s, vh), _ = saved
    for_u, for_s, for_vh = ct.get(0), ct.get(1), ct.get(2)
    rows, columns = x.shape[-2:]
    k = min(rows, columns)
    if params.get("full"):  # the vectors that complete U and V are any basis of the rest, and have no derivative
        u, vh = u[..., :k], vh[..., :k, :]
        for_u = None if for_u is None else for_u[..., :k]
        for_vh = None if for_vh is None else for_vh[..., :k, :]
    if for_u is None and for_vh is None:
        return (_mm(u * ct[1][..., None, :], vh),)
    squares = s * s
    gaps = _gaps(squares)
    inner = None if for_s is None else P.diag_matrix(for_s)
    if x.dtype.kind in "cW" and inner is not None:
        inner = P.cast(inner, dtype=x.dtype, back=s.dtype)
    by_u = None if for_u is None else _mm(_h(u), for_u)
    by_v = None if for_vh is None else _mm(vh, _h(for_vh))
    if by_u is not None:
        term = _skew(by_u) / gaps * s[..., None, :]
        if x.dtype.kind in "cW":
            term = term - P.diag_matrix(_diagonal(term)) + P.diag_matrix(P.copy_imag(_diagonal(by_u)) / s * 1j)
        inner = term if inner is None else inner + term
    if by_v is not None:
        term = _skew(by_v) / gaps * s[..., :, None]
        term = term - P.diag_matrix(_diagonal(term))
        inner = term if inner is None else inner + term
    grad = _mm(u, inner, vh)
    if by_u is not None and rows > k:
        grad = grad + _mm((for_u - _mm(u, by_u)) / s[..., None, :], vh)
    if by_v is not None and columns > k:
        grad = grad + _mm(u, (for_vh - _mm(_h(by_v), vh)) / s[..., :, None])
    return (grad,)


svd = opaque("svd", _svd, batch=native,
             multiple=True, label="LinalgSvd", vjp=_svd_vjp, saves=("x", "out"), missing=_TRANSPOSED,
             samples=cases((_matrix(3, 3),), (_matrix(4, 2),), (_matrix(2, 2, 4),)))


def _pinv(xp: ModuleType, x: Array, rtol: float | tuple[Any, ...], hermitian: bool = False) -> Array:
    """``rtol``: a number, or one for each matrix, nested as they are."""
    matrices("pinv", x)
    return xp.linalg.pinv(x, rcond=rtol, hermitian=hermitian) if x.size else xp.swapaxes(x, -1, -2).copy()


def _pinv_vjp(ct: Numbers, saved: Saved, params: Params, needs: Needs) -> tuple[Any, ...]:
    """G. Golub & V. Pereyra, *The differentiation of pseudo-inverses*, 1973: the transpose of
    dP = −P dA P + P Pᴴ dAᴴ (1 − A P) + (1 − P A) dAᴴ Pᴴ P, for A of constant rank."""
    a, p, _ = saved
    g, ph = _h(ct), _h(p)
    left = _mm(g, p, ph)
    right = _mm(ph, p, g)
    return (-_mm(ph, ct, ph) + left - _mm(a, _mm(p, left)) + right - _mm(_mm(right, p), a),)


pinv = opaque("pinv", _pinv, batch=native, label="LinalgPinv", vjp=_pinv_vjp, saves=("x", "out"), missing=_TRANSPOSED,
              samples=cases((_matrix(3, 3), {"rtol": 1e-12}), (_matrix(4, 2), {"rtol": 1e-12}),
                            (_matrix(2, 2, 4), {"rtol": 1e-12})))


def _matrix_rank(xp: ModuleType, x: Array, absolute: float, relative: float) -> Array:
    largest = xp.maximum.reduce(x, axis=-1, keepdims=True, initial=0)
    return xp.asarray(xp.add.reduce(x > xp.maximum(absolute, relative * largest), axis=-1, dtype=np.int64))


matrix_rank = opaque(
    "matrix_rank", _matrix_rank, batch=native,
    missing={"vjp": "its result is a count", "jvp": "its result is a count"},
    samples=cases(((3,), {"absolute": 0.5, "relative": 0.1})),
    doc="How many of the (singular) values lie above max(absolute, relative · the largest).",
)


# --- exponential ------------------------------------------------------------------------------------------------------

_PADE = (64764752532480000.0, 32382376266240000.0, 7771770303897600.0, 1187353796428800.0, 129060195264000.0,
         10559470521600.0, 670442572800.0, 33522128640.0, 1323241920.0, 40840800.0, 960960.0, 16380.0, 182.0, 1.0)


def _matrix_exp(xp: ModuleType, x: Array) -> Array:
    """Scaling and squaring with the Padé approximant of degree 13 (N. Higham, *The scaling and squaring method for the
    matrix exponential revisited*, 2005)."""
    square("matrix_exp", x)
    if not x.size:
        return x.copy()
    wide = x.astype(np.result_type(x.dtype, np.float64))
    size = float(xp.abs(wide).sum(axis=-2).max())
    if not np.isfinite(size):
        return xp.full_like(x, np.nan)
    squarings = max(0, int(np.ceil(np.log2(size / 5.371920351148152)))) if size > 0 else 0
    a = wide / 2.0**squarings
    b, one = _PADE, xp.eye(x.shape[-1], dtype=wide.dtype)
    a2 = a @ a
    a4 = a2 @ a2
    a6 = a4 @ a2
    odd = a @ (a6 @ (b[13] * a6 + b[11] * a4 + b[9] * a2) + b[7] * a6 + b[5] * a4 + b[3] * a2 + b[1] * one)
    even = a6 @ (b[12] * a6 + b[10] * a4 + b[8] * a2) + b[6] * a6 + b[4] * a4 + b[2] * a2 + b[0] * one
    result = xp.linalg.solve(even - odd, even + odd)
    for _ in range(squarings):
        result = result @ result
    return result.astype(x.dtype)


def _block(x: Numbers, corner: Numbers) -> Any:
    """[[X, C], [0, X]]."""
    last = len(x.shape) - 1
    top = P.cat(x, corner, dim=last)
    return P.cat(top, P.cat(P.zeros_like(x), x, dim=last), dim=last - 1)


def _frechet(x: Numbers, direction: Numbers) -> Any:
    """The derivative of exp at X in a direction: the corner of exp [[X, E], [0, X]] (R. Mathias, *A chain rule
    for matrix functions*, 1996)."""
    n = x.shape[-1]
    return P.matrix_exp(_block(x, direction))[..., :n, n:]


matrix_exp = opaque(
    "matrix_exp", _matrix_exp, batch=native, widens=True,
    label="LinalgMatrixExp", saves=("x",), samples=cases(((3, 3),), ((2, 2, 2),)),
    vjp=lambda ct, saved, params, needs: (_frechet(_h(saved[0]), ct),),
    jvp=lambda tangents, operands, out, params: _frechet(operands[0], tangents[0]),
)
