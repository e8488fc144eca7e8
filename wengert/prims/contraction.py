"""Products of matrices. BLAS does the work: through numpy, or, for large ones, on our own threads
(`wengert.compiler.blas`)."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from types import ModuleType
from typing import Any

import numpy as np

from ..core.batching import call, rank_of, ranked, size_of, spread
from ..core.dtypes import from_numpy
from ..core.errors import ShapeError
from ..core.generated import LARGE_PRODUCT, too_late
from ..core.layout import in_rows
from ..core.operands import Array, Dims, Needs, Numbers, Params, Saved
from ..core.primitive import TRUTHS, P, bilinear, conjugate, fit, fused
from ..core.samples import cases
from ..core.spec import Spec, broadcast_shapes
from ..core.steps import transposed


def _large_product(x: Array, y: Array) -> Any:
    """The product by our threads; None where it is small, or numpy should do it."""
    if x.size * y.shape[-1] < LARGE_PRODUCT or too_late():
        return None
    from ..compiler.blas import product

    return product(x, y)


def _matmul(xp: ModuleType, x: Array, y: Array) -> Array:
    if x.ndim == 2 and y.ndim == 2:
        result = _large_product(x, y) if x.shape[1] == y.shape[0] else None
        return x.dot(y) if result is None else result
    if y.ndim == 2 and x.ndim > 2 and x.size:
        return _matmul(xp, x.reshape(-1, x.shape[-1]), y).reshape(*x.shape[:-1], y.shape[-1])
    if x.ndim == y.ndim > 2 and x.shape[-1] == y.shape[-2]:
        result = _large_product(x, y)
        if result is not None:
            return result
    if y.ndim == 1 and x.ndim > 1 and x.shape[-1] == y.shape[0] and x.size:
        result = _large_product(x.reshape(-1, x.shape[-1]), y[:, None])
        if result is not None:
            return result.reshape(x.shape[:-1])
    if x.ndim == 1 and y.ndim == 2 and x.shape[0] == y.shape[0]:
        result = _large_product(x[None], y)
        if result is not None:
            return result.reshape(-1)
    if x.ndim > 2 and y.ndim > 2 and x.shape[-1] == y.shape[-2] == 1:
        return in_rows(x * y)  # for which numpy would call BLAS once a matrix
    return in_rows(xp.matmul(x, y))


def _matmul_spec(x: Spec, y: Spec) -> Spec:
    if not x.shape or not y.shape:
        raise ShapeError(f"[matmul] both arguments to matmul need to be at least 1D, but they are {len(x.shape)}D "
                         f"and {len(y.shape)}D")
    inner = y.shape[-2] if len(y.shape) > 1 else y.shape[0]
    if x.shape[-1] != inner:
        if len(y.shape) == 1 and len(x.shape) == 2:
            raise ShapeError(f"[matmul] size mismatch, got input ({x.shape[0]}), mat ({x.shape[0]}x{x.shape[1]}), vec "
                             f"({inner}): shapes cannot be multiplied; the last size of the first operand must be the "
                             f"only size of the second; got shapes {x.shape} and {y.shape}; transpose one of them "
                             "(.mT), or check the order")
        raise ShapeError(
            f"[matmul] mat1 and mat2 shapes cannot be multiplied ({_rows(x)}x{x.shape[-1]} and {inner}x"
            f"{y.shape[-1] if len(y.shape) > 1 else 1}); the last size of the first operand must be the "
            f"{'second-to-last' if len(y.shape) > 1 else 'only'} size of the second; got shapes {x.shape} and "
            f"{y.shape}; transpose one of them (.mT), or check the order")
    lead = broadcast_shapes(x.shape[:-2], y.shape[:-2], op="matmul")
    rows = x.shape[-2:-1] if len(x.shape) > 1 else ()
    columns = y.shape[-1:] if len(y.shape) > 1 else ()
    dtype = x.dtype if x.dtype is y.dtype else from_numpy(np.result_type(x.dtype.numpy, y.dtype.numpy))
    return Spec(lead + rows + columns, dtype)


def _rows(x: Spec) -> int:
    return x.shape[-2] if len(x.shape) > 1 else 1


def _matmul_left(ct: Any, y: Any, shape: Dims, params: Params) -> Any:
    if type(ct) is np.ndarray and ct.ndim == y.ndim == 2 and ct.size * len(y) < LARGE_PRODUCT and y.dtype.kind == "f":
        return ct.dot(y.T)  # at once, as every program runs it
    if len(y.shape) == 1:
        return fit(ct[..., None] * conjugate(y) if len(shape) > 1 else ct * conjugate(y), shape)
    if len(shape) == 1:
        if len(y.shape) == 2:
            return P.matmul(conjugate(y), ct)
        row = P.matmul(ct[..., None, :], transposed(y))
        return fit(row[..., 0, :], shape)
    return fit(P.matmul(ct, transposed(y)), shape)


def _matmul_right(ct: Any, x: Any, shape: Dims, params: Params) -> Any:
    if type(ct) is np.ndarray and ct.ndim == x.ndim == 2 and ct.size * x.shape[1] < LARGE_PRODUCT and (
            x.dtype.kind == "f"):
        return x.T.dot(ct)
    if len(x.shape) == 1:
        return fit(conjugate(x)[:, None] * ct[..., None, :] if len(shape) > 1 else ct * conjugate(x), shape)
    if len(shape) == 1:
        if len(x.shape) == 2:
            return P.matmul(ct, conjugate(x))
        return fit(P.matmul(transposed(x), ct[..., None])[..., 0], shape)
    if len(shape) == 2 and len(x.shape) > 2:
        count = prod(x.shape[:-1])
        rows = P.reshape(x, shape=(count, x.shape[-1]))
        return P.matmul(transposed(rows), P.reshape(ct, shape=(count, shape[-1])))
    return fit(P.matmul(transposed(x), ct), shape)


def _label(params: Params) -> str:
    return str(params.get("label", "Mm"))


def _matmul_batch(primitive: Any, operands: Sequence[Any], mapped: Sequence[bool], params: Params) -> Any:
    """Vectors as matrices of one row or column; what each example multiplies stacked, or, where only one operand
    differs, as further rows of it."""
    x, y = operands
    (x_mapped, y_mapped), (x_rank, y_rank) = mapped, map(rank_of, operands, mapped)
    if not y_mapped and (y_rank == 2 or x_rank == 1 == y_rank):
        return P.matmul(x, y, **params)  # its examples are further rows
    if not x_mapped and y_rank == 1 and x_rank == 2:
        return P.matmul(y, P.permute(x, dims=(1, 0)), **params)
    if not x_mapped and x_rank == 2 and y_rank == 2 and y.shape[-1] == 1:  # a column an example: a row of one product
        columns = P.reshape(y, shape=(y.shape[0], y.shape[1]))
        out = P.matmul(columns, P.permute(x, dims=(1, 0)), **params)
        return P.reshape(out, shape=(*out.shape, 1))
    if x_rank == y_rank == 1:
        return P.sum(x * y, dim=(1,))
    rows = x[..., None, :] if x_rank == 1 else x
    columns = y[..., None] if y_rank == 1 else y
    rows, columns = ranked((rows, columns), mapped)
    out = P.matmul(rows, columns, **params)
    if x_rank == 1:
        out = out[..., 0, :]
    return out[..., 0] if y_rank == 1 else out


def _matmul_rows(saved: Saved, needs: Needs) -> Any:
    left, right = map(len, saved[-1])
    if all(needs) or right > 2 or (needs[1] and left > 2):
        return None

    def for_left(ct: Numbers, saved: Saved, params: Params, needs: Needs) -> tuple[Any, ...]:
        y = saved[1]
        return (P.matmul(ct, transposed(y)) if right == 2 else ct[..., None] * conjugate(y)), None

    def for_right(ct: Numbers, saved: Saved, params: Params, needs: Needs) -> tuple[Any, ...]:
        x = saved[0]
        if left == 1:
            return None, conjugate(x)[:, None] * ct[..., None, :] if right == 2 else ct[..., None] * conjugate(x)
        return None, P.matmul(transposed(x), ct) if right == 2 else P.matmul(ct, conjugate(x))

    return for_left if needs[0] else for_right


matmul = bilinear(
    "matmul", batch=_matmul_batch, rows=_matmul_rows, eval=lambda xp, x, y, label="": _matmul(xp, x, y),
    spec=lambda x, y, label="": _matmul_spec(x, y), label=_label, agree=(0, 1),
    transposes=(_matmul_left, _matmul_right),
    samples=cases(((2, 3), (3, 4)), ((3,), (3, 2)), ((2, 3), (3,)), ((3,), (3,)), ((2, 1, 2, 3), (4, 3, 2)),
                  ((2, 4, 3), (3, 2)), ((4, 3), (2, 3, 2)), ((3,), (2, 3, 2)), ((2, 2, 3), (3,))), refuses=TRUTHS,
)


def _addmm(xp: ModuleType, base: Array, x: Array, y: Array, beta: complex = 1, alpha: complex = 1,
           label: str = "") -> Array:
    product = _matmul(xp, x, y)
    if alpha != 1:
        product = product * alpha
    if beta != 0:  # for 0 no product: NaN and infinity in what is not wanted do not count
        product = product + (base if beta == 1 else base * beta)
    return product.astype(x.dtype, copy=False)


def _addmm_vjp(ct: Numbers, saved: Saved, params: Params, needs: Needs) -> tuple[Any, ...]:
    _, x, y, _, shapes = saved
    beta, alpha = params.get("beta", 1), params.get("alpha", 1)
    for_base = None
    if needs[0]:
        for_base = fit(ct if beta == 1 else ct * conjugate(beta), shapes[0])
    scaled = ct if alpha == 1 else ct * conjugate(alpha)
    return (for_base, _matmul_left(scaled, y, shapes[1], params) if needs[1] else None,
            _matmul_right(scaled, x, shapes[2], params) if needs[2] else None)


def _addmm_batch(primitive: Any, operands: Sequence[Any], mapped: Sequence[bool], params: Params) -> Any:
    beta, alpha = params.get("beta", 1), params.get("alpha", 1)
    product, is_mapped = call(P.matmul, operands[1:], mapped[1:], {})
    product = product if alpha == 1 else product * alpha
    if beta == 0:
        return spread(product, is_mapped, size_of(operands, mapped))
    base, product = ranked((operands[0], product), (mapped[0], is_mapped))
    return product + (base if beta == 1 else base * beta)


def _total(terms: Sequence[Any], out: Numbers) -> Any:
    """The sum of terms, some of which may have to be broadcast to the result's shape."""
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total if total.shape == out.shape else P.expand(total, shape=tuple(out.shape))


def _addmm_jvp(tangents: Sequence[Any], operands: Sequence[Any], out: Numbers, params: Params) -> Any:
    (base, left, right), (_, x, y) = tangents, operands
    beta, alpha = params.get("beta", 1), params.get("alpha", 1)
    terms = [] if base is None else [base if beta == 1 else base * beta]
    for pair in (None if left is None else (left, y), None if right is None else (x, right)):
        if pair is not None:
            terms.append(P.matmul(*pair) if alpha == 1 else P.matmul(*pair) * alpha)
    return _total(terms, out)


addmm = fused(
    "addmm", _addmm, batch=_addmm_batch,
    arity=3, agree=(0, 1, 2), vjp=_addmm_vjp, label=lambda params: str(params.get("label", "Addmm")),
    saves=lambda needs: ["shapes"] + ["z"] * needs[1] + ["y"] * needs[2],
    spec=lambda base, x, y, beta=1, alpha=1, label="": _matmul_spec(x, y),
    samples=cases(((2, 4), (2, 3), (3, 4)), ((4,), (2, 3), (3, 4), {"beta": 0.5, "alpha": 2.0}),
                  ((5, 2, 4), (5, 2, 3), (5, 3, 4)), ((2,), (2, 3), (3,))),
    jvp=_addmm_jvp,
    doc="beta · base + alpha · (x @ y), base broadcast.", refuses=TRUTHS,
)


def _linear(xp: ModuleType, x: Array, weight: Array, bias: Array | None = None, label: str = "") -> Array:
    out = _matmul(xp, x, weight.T)
    if bias is None:
        return out
    return xp.add(out, bias, out) if out.dtype == bias.dtype and out.ndim else out + bias


def _linear_spec(x: Spec, weight: Spec, bias: Spec | None = None, label: str = "") -> Spec:
    if not x.shape or len(weight.shape) not in (1, 2) or x.shape[-1] != weight.shape[-1]:
        rows = 1
        for n in x.shape[:-1]:
            rows *= n
        last = x.shape[-1] if x.shape else 0
        raise ShapeError(
            f"[linear] mat1 and mat2 shapes cannot be multiplied ({rows}x{last} and "
            f"{weight.shape[-1]}x{weight.shape[0]}); "
            f"an input whose last size is in_features = {weight.shape[-1]} was expected; got input {x.shape} and "
            f"weight {weight.shape}; check in_features, or reshape the input")
    return Spec((*x.shape[:-1], *weight.shape[:-1]), x.dtype)


def _linear_vjp(ct: Numbers, saved: Saved, params: Params, needs: Needs) -> tuple[Any, ...]:
    x, weight, shapes = saved[0], saved[1], saved[-1]
    for_x = P.matmul(ct, conjugate(weight)) if needs[0] else None
    for_weight = None
    if not any(needs[1:]):
        return for_x, None, None
    flat = ct if len(ct.shape) == 2 else P.reshape(ct, shape=(prod(ct.shape[:-1]), ct.shape[-1]))
    if needs[1]:
        rows = x if len(x.shape) == 2 else P.reshape(x, shape=(prod(x.shape[:-1]), x.shape[-1]))
        for_weight = P.matmul(P.permute(flat, dims=(1, 0)), conjugate(rows))
    if len(needs) < 3:
        return for_x, for_weight
    for_bias = None
    if needs[2]:  # a bias may have rows of its own
        for_bias = fit(P.sum(flat, dim=(0,)) if len(shapes[2]) < 2 else ct, shapes[2])
    return for_x, for_weight, for_bias


def _linear_rows(saved: Saved, needs: Needs) -> Any:
    return None if any(needs[1:]) else _linear_vjp


def _linear_batch(primitive: Any, operands: Sequence[Any], mapped: Sequence[bool], params: Params) -> Any:
    x, weight, *rest = operands
    if not any(mapped[1:]):
        return P.linear(*operands, **params)  # the examples are further rows
    turned = weight if rank_of(weight, mapped[1]) == 1 else transposed_view(weight)
    out, is_mapped = call(P.matmul, (x, turned), mapped[:2], {})
    if not rest or rest[0] is None:
        return out
    out, bias = ranked((out, rest[0]), (is_mapped, mapped[2]))
    return out + bias


def transposed_view(x: Numbers) -> Any:
    """The last two dimensions exchanged (and, unlike `transposed`, nothing conjugated)."""
    rank = len(x.shape)
    return P.permute(x, dims=(*range(rank - 2), rank - 1, rank - 2))


def _linear_jvp(tangents: Sequence[Any], operands: Sequence[Any], out: Numbers, params: Params) -> Any:
    (left, right, *bias), (x, weight, *_) = tangents, operands
    terms = [P.linear(*pair) for pair in ((left, weight), (x, right)) if pair[0] is not None and pair[1] is not None]
    return _total([*terms, *[t for t in bias if t is not None]], out)


linear = fused(
    "linear", _linear, batch=_linear_batch, arity=3, spec=_linear_spec, vjp=_linear_vjp, agree=(0, 1, 2),
    label=lambda params: str(params.get("label", "Addmm")),
    saves=lambda needs: ["shapes"] + ["y"] * needs[0] + ["x"] * needs[1], rows=_linear_rows,
    jvp=_linear_jvp, samples=cases(((5, 3), (2, 3), (2,)), ((2, 4, 3), (2, 3))),
    sends=lambda edges: (*edges[2:], *edges[:2]),
    doc="x @ weight.T + bias, with weight (out_features, in_features): one node and one pass for the usual layer.",
    refuses=TRUTHS,
)
