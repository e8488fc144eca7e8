"""Reductions and scans. ``dim`` is a tuple of dimensions counted from the front."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.primitive import P, linear, opaque, reduction


def keep(reduced: Any, shape: Any, dim: Any, keepdim: bool) -> Any:
    """``reduced`` with the reduced dimensions of ``shape`` put back as size 1."""
    if keepdim or not shape:
        return reduced
    return P.reshape(reduced, shape=tuple(1 if d in dim else n for d, n in enumerate(shape)))


def _sum(xp: Any, x: Any, dim: Any, keepdim: bool = False) -> Any:
    if x.dtype.kind == "f" and x.dtype.itemsize == 2:
        return xp.add.reduce(x, axis=dim, keepdims=keepdim, dtype=xp.float32).astype(x.dtype)
    return xp.add.reduce(x, axis=dim, keepdims=keepdim)


def _many(name: str) -> Any:
    return lambda params: f"{name}Backward{0 if params.get('whole') else 1}"


sum = linear(
    "sum", lambda xp, x, dim, keepdim=False, whole=False: _sum(xp, x, dim, keepdim),
    transpose=lambda ct, shape, params: P.expand(keep(ct, shape, params["dim"], params.get("keepdim", False)),
                                                 shape=shape),
    label=_many("Sum"),
)


def _count(shape: Any, dim: Any) -> int:
    total = 1
    for d in dim:
        total *= shape[d]
    return total


def _mean(xp: Any, x: Any, dim: Any, keepdim: bool = False, whole: bool = False) -> Any:
    count = _count(x.shape, dim) if x.ndim else 1
    return xp.true_divide(_sum(xp, x, dim, keepdim), x.dtype.type(count) if x.dtype.kind in "fc" else count)


mean = linear(
    "mean", _mean,
    transpose=lambda ct, shape, params: P.expand(
        keep(ct, shape, params["dim"], params.get("keepdim", False)) / (_count(shape, params["dim"]) if shape else 1),
        shape=shape),
    label=_many("Mean"),
)


def _var(xp: Any, x: Any, dim: Any, keepdim: bool = False, correction: float = 1, whole: bool = False) -> Any:
    count = _count(x.shape, dim) if x.ndim else 1
    centred = x - _sum(xp, x, dim, True) / x.dtype.type(count)
    squares = (centred * centred.conj()).real if x.dtype.kind == "c" else centred * centred
    freedom = max(count - correction, 0)
    return _sum(xp, squares, dim, keepdim) / squares.dtype.type(freedom)


def _var_vjp(ct: Any, saved: Any, params: dict[str, Any], needs: Any) -> tuple[Any, ...]:
    x, dim = saved[0], params["dim"]
    freedom = (_count(x.shape, dim) if x.shape else 1) - params.get("correction", 1)
    centred = x - P.mean(x, dim=dim, keepdim=True)
    return (keep(ct, x.shape, dim, params.get("keepdim", False)) * centred * (2.0 / freedom if freedom > 0 else float("nan")),)


var = reduction("var", _var, vjp=_var_vjp, saves=("x",), label=_many("Var"),
                missing={"jvp": "not in wengert yet"})


def _std_vjp(ct: Any, saved: Any, params: dict[str, Any], needs: Any) -> tuple[Any, ...]:
    half = P.where(saved[1] == 0, 0.0, ct / (2 * saved[1]))
    return _var_vjp(half, saved, params, needs)


std = reduction(
    "std", lambda xp, x, dim, keepdim=False, correction=1, whole=False: xp.sqrt(_var(xp, x, dim, keepdim, correction)),
    vjp=_std_vjp, saves=("x", "out"), label=_many("Std"), missing={"jvp": "not in wengert yet"})


def _prod_vjp(ct: Any, saved: Any, params: dict[str, Any], needs: Any) -> tuple[Any, ...]:
    """The product of the others: by two exclusive scans, so that zeros need no special case."""
    x, dim = saved[0], params["dim"]
    if not x.shape:
        return (ct,)
    rest = tuple(d for d in range(len(x.shape)) if d not in dim)
    order = rest + tuple(dim)
    flat = P.reshape(P.permute(x, dims=order), shape=tuple(x.shape[d] for d in rest) + (-1,))
    ones = flat[..., :1] * 0 + 1
    before = P.cumprod(P.cat(ones, flat[..., :-1], dim=len(rest)), dim=len(rest))
    after = P.flip(P.cumprod(P.cat(ones, P.flip(flat, dims=(len(rest),))[..., :-1], dim=len(rest)), dim=len(rest)),
                   dims=(len(rest),))
    others = P.reshape(P.conj(before * after), shape=tuple(x.shape[d] for d in order))
    inverse = tuple(order.index(d) for d in range(len(order)))
    return (keep(ct, x.shape, dim, params.get("keepdim", False)) * P.permute(others, dims=inverse),)


prod = reduction(
    "prod", lambda xp, x, dim, keepdim=False, whole=False: xp.multiply.reduce(x, axis=dim, keepdims=keepdim),
    vjp=_prod_vjp, saves=("x",), label=_many("Prod"), missing={"jvp": "not in wengert yet"})


def _extreme_vjp(ct: Any, saved: Any, params: dict[str, Any], needs: Any) -> tuple[Any, ...]:
    """Ties share the cotangent evenly."""
    x, out, _ = saved
    dim, keepdim = params["dim"], params.get("keepdim", False)
    mask = P.cast(x == keep(out, x.shape, dim, keepdim), dtype=x.dtype)
    count = P.sum(mask, dim=dim, keepdim=True) if x.shape else mask
    return (mask * (keep(ct, x.shape, dim, keepdim) / count),)


def _extreme(name: str, ufunc: str) -> Any:
    def evaluate(xp: Any, x: Any, dim: Any, keepdim: bool = False, whole: bool = False) -> Any:
        return getattr(xp, ufunc).reduce(x, axis=dim, keepdims=keepdim)

    label = {"amax": "Max", "amin": "Min"}[name]
    return reduction(name, evaluate, vjp=_extreme_vjp, saves=("x", "out"),
                     label=lambda params: f"{label}Backward1" if params.get("whole") else name.capitalize(),
                     missing={"jvp": "not in wengert yet"})


amax = _extreme("amax", "maximum")
amin = _extreme("amin", "minimum")
any = reduction("any", lambda xp, x, dim, keepdim=False: xp.logical_or.reduce(x, axis=dim, keepdims=keepdim),
                missing={"vjp": "its result is a truth value", "jvp": "its result is a truth value"})
all = reduction("all", lambda xp, x, dim, keepdim=False: xp.logical_and.reduce(x, axis=dim, keepdims=keepdim),
                missing={"vjp": "its result is a truth value", "jvp": "its result is a truth value"})


def _logsumexp(xp: Any, x: Any, dim: Any, keepdim: bool = False) -> Any:
    peak = xp.maximum.reduce(x, axis=dim, keepdims=True)
    peak = xp.where(xp.isfinite(peak), peak, x.dtype.type(0))
    total = xp.log(_sum(xp, xp.exp(x - peak), dim, True)) + peak
    return total if keepdim else xp.squeeze(total, axis=dim)


def _logsumexp_vjp(ct: Any, saved: Any, params: dict[str, Any], needs: Any) -> tuple[Any, ...]:
    x, out, _ = saved
    kept = (x.shape, params["dim"], params.get("keepdim", False))
    return (keep(ct, *kept) * P.exp(x - keep(out, *kept)),)


logsumexp = reduction("logsumexp", _logsumexp, vjp=_logsumexp_vjp, saves=("x", "out"),
                      missing={"jvp": "not in wengert yet"})


def _softmax(xp: Any, x: Any, dim: int) -> Any:
    if not x.ndim:
        return xp.ones_like(x)
    shifted = xp.exp(x - xp.maximum.reduce(x, axis=dim, keepdims=True))
    return shifted / _sum(xp, shifted, dim, True)


def _softmax_vjp(ct: Any, saved: Any, params: dict[str, Any], needs: Any) -> tuple[Any, ...]:
    out = saved[1]
    product = ct * out
    if not out.shape:
        return (product - product,)
    return (product - out * P.sum(product, dim=(params["dim"],), keepdim=True),)


softmax = reduction("softmax", _softmax, vjp=_softmax_vjp, saves=("out",), missing={"jvp": "not in wengert yet"})


def _log_softmax(xp: Any, x: Any, dim: int) -> Any:
    if not x.ndim:
        return xp.zeros_like(x)
    shifted = x - xp.maximum.reduce(x, axis=dim, keepdims=True)
    return shifted - xp.log(_sum(xp, xp.exp(shifted), dim, True))


def _log_softmax_vjp(ct: Any, saved: Any, params: dict[str, Any], needs: Any) -> tuple[Any, ...]:
    out = saved[1]
    if not out.shape:
        return (ct - ct,)
    return (ct - P.exp(out) * P.sum(ct, dim=(params["dim"],), keepdim=True),)


log_softmax = reduction("log_softmax", _log_softmax, vjp=_log_softmax_vjp, saves=("out",),
                        missing={"jvp": "not in wengert yet"})


# --- scans ------------------------------------------------------------------------------------------------------------


def _reverse_cumsum(ct: Any, dim: int) -> Any:
    return P.flip(P.cumsum(P.flip(ct, dims=(dim,)), dim=dim), dims=(dim,)) if ct.shape else ct


def _scan(ufunc: str) -> Any:
    def evaluate(xp: Any, x: Any, dim: int) -> Any:
        return getattr(xp, ufunc).accumulate(x, axis=dim) if x.ndim else x.copy()

    return evaluate


cumsum = linear("cumsum", _scan("add"), transpose=lambda ct, shape, params: _reverse_cumsum(ct, params["dim"]))


def _cumprod_vjp(ct: Any, saved: Any, params: dict[str, Any], needs: Any) -> tuple[Any, ...]:
    """Without zeros: the reversed sum of ct * out, over x. With zeros: the sum over j of ct_j times the product of the
    others up to j, one position at a time."""
    x, out, _ = saved
    dim = params["dim"]
    if not x.shape:
        return (ct,)
    if not bool((x == 0).any()):
        return (_reverse_cumsum(ct * P.conj(out), dim) / P.conj(x),)
    head = (slice(None),) * dim
    size = x.shape[dim]
    slices = []
    for i in range(size):
        others = P.cat(*(x[(*head, slice(j, j + 1))] if j != i else x[(*head, slice(j, j + 1))] * 0 + 1
                         for j in range(size)), dim=dim)
        tail = (*head, slice(i, None))
        slices.append(P.sum(ct[tail] * P.conj(P.cumprod(others, dim=dim)[tail]), dim=(dim,), keepdim=True))
    return (P.cat(*slices, dim=dim),)


cumprod = reduction("cumprod", _scan("multiply"), vjp=_cumprod_vjp, saves=("x", "out"),
                    missing={"jvp": "not in wengert yet"})


def _sum_to(xp: Any, x: Any, shape: Any) -> Any:
    """Sums away what broadcasting from ``shape`` repeated."""
    extra = x.ndim - len(shape)
    dims = tuple(range(extra)) + tuple(i + extra for i, n in enumerate(shape) if n == 1 and x.shape[i + extra] != 1)
    reduced = _sum(xp, x, dims, True) if dims else x
    return reduced.reshape(shape)


sum_to = linear("sum_to", _sum_to, transpose=lambda ct, shape, params: P.expand(ct, shape=shape), label="Sum")


def _no(reason: str) -> dict[str, str]:
    return {"vjp": reason, "jvp": reason}


_POSITION = "its result is a position"
argmax = opaque("argmax", lambda xp, x, dim=None, keepdim=False: xp.argmax(x, axis=dim, keepdims=keepdim),
                missing=_no(_POSITION))
argmin = opaque("argmin", lambda xp, x, dim=None, keepdim=False: xp.argmin(x, axis=dim, keepdims=keepdim),
                missing=_no(_POSITION))
count_nonzero = opaque("count_nonzero", lambda xp, x, dim: xp.asarray(np.count_nonzero(x, axis=dim)),
                       missing=_no("its result is a count"))
