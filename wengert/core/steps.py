"""Steps that the rules of several families share, beside those of `primitive`."""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType
from typing import Any

import numpy as np

from . import generated
from .eighths import in_numpy
from .generated import Elementwise
from .layout import in_rows
from .operands import Array, ByOutput, Dims, Needs, Numbers, Params, Rule, Saved
from .primitive import P, Primitive, conjugate, elementwise
from .symbols import Symbol


def each(function: Rule) -> Rule:
    """A function of Python floats, applied to each element."""
    vectorised = np.frompyfunc(function, 1, 1)
    return lambda xp, x: xp.asarray(vectorised(x), dtype=x.dtype)


def doubles(x: Array) -> np.ndarray:
    """Real numbers of any dtype as float64; TypeError for complex ones, which would lose their imaginary parts."""
    return np.asarray(x).astype(np.float64, copy=False, casting="same_kind")


def of_doubles(formula: Elementwise, by_numpy: Rule, x: Array, *more: Array) -> Any:
    """A formula of doubles on an array of any floats, and of what is known of it already in doubles: by its kernel,
    else by numpy."""
    wide = doubles(x)
    found = generated.by_formula(formula, wide, *more)
    return np.asarray(by_numpy(wide, *more) if found is None else found).astype(x.dtype, copy=False)


def in_doubles(name: str, formula: Rule) -> dict[str, Any]:
    """``eval`` and ``lower`` of the primitive ``name`` by one formula of doubles, written with primitives, that runs on
    arrays and on a kernel's symbols. Floats of other dtypes are made doubles on the way."""

    def eval(xp: ModuleType, x: Array) -> Any:
        return of_doubles(getattr(P, name), formula, x)

    def lower(builder: Any, x: Any) -> Any:
        if builder.dtype != "float64":
            raise NotImplementedError("a formula of doubles")
        return formula(Symbol(builder, x)).value

    return {"eval": eval, "lower": lower}


def horner(coefficients: Sequence[float], x: Numbers) -> Any:
    """A polynomial, its highest coefficient first."""
    total: Any = coefficients[0]
    for coefficient in coefficients[1:]:
        total = total * x + coefficient
    return total


def argsorted(xp: ModuleType, x: Array, dim: int) -> Array:
    """The places of the elements in ascending order, equal ones as they stand, NaN last. (Of bfloat16 numpy's sorts
    would leave NaN anywhere.)"""
    return xp.argsort(in_numpy(x), axis=dim, kind="stable")


def of_float(name: str, eval: str | Rule, derivative: Rule | float, saves: str, **rest: Any) -> Primitive:
    """An elementwise primitive of one operand, which integers enter as floats."""
    return elementwise(name, eval, derivative=derivative, saves=saves, promotion="float", **rest)


def transposed(x: Numbers) -> Any:
    """The conjugate transpose of the last two dimensions."""
    rank = len(x.shape)
    return conjugate(P.permute(x, dims=(1, 0) if rank == 2 else (*range(rank - 2), rank - 1, rank - 2)))


def chained(*factors: Any) -> Any:
    """The product of matrices, from the left."""
    product = factors[0]
    for factor in factors[1:]:
        product = P.matmul(product, factor)
    return product


def main_diagonal(x: Numbers) -> Any:
    """The diagonal of the last two dimensions."""
    rank = len(x.shape)
    return P.diagonal(x, offset=0, dim1=rank - 2, dim2=rank - 1)


# --- primitives that pick an element of each slice along ``dim``: results are (values, indices) -----------------------


def picked(xp: ModuleType, x: Array, place: Array, dim: int, keepdim: bool) -> tuple[Array, Array]:
    """The results, given the indices with that dimension kept."""
    value = xp.take_along_axis(x, place, dim)
    if not keepdim:
        value, place = xp.squeeze(value, dim), xp.squeeze(place, dim)
    return in_rows(value), in_rows(place)


def picked_vjp(ct: ByOutput, saved: Saved, params: Params, needs: Needs) -> tuple[Any, ...]:
    """The cotangent goes to the element that was picked."""
    shape, place, dim, grad = saved[-1][0], saved[1][1], params["dim"], ct[0]
    if not shape:
        return (grad,)
    if not params.get("keepdim", False):
        kept = _kept(place.shape, dim)
        grad, place = P.reshape(grad, shape=kept), P.reshape(place, shape=kept)
    return (P.scatter_add(P.zeros_of(grad, shape=shape), place, grad, dim=dim),)


def picked_jvp(tangents: Sequence[Any], operands: Sequence[Any], out: tuple[Numbers, Numbers],
               params: Params) -> tuple[Any, None]:
    """The tangent of the element that was picked."""
    place, dim = out[1], params["dim"]
    if params.get("keepdim", False) or not tangents[0].shape:
        return P.gather(tangents[0], place, dim=dim), None
    rows = P.gather(tangents[0], P.reshape(place, shape=_kept(place.shape, dim)), dim=dim)
    return P.reshape(rows, shape=tuple(place.shape)), None


def _kept(shape: Dims, dim: int) -> Dims:
    return (*shape[:dim], 1, *shape[dim:])
