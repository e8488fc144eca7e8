"""Pooling: what is computed of the windows that slide over the last dimensions, without parameters.

Linear maps come in pairs of which each is the other's adjoint: `window_sum` and `window_spread`, `window_take` and
`window_put`, `patches` and `patches_sum`. All go place by place of the kernel, each place one strided pass over the
whole array; kernels are small, so that these are few.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from types import ModuleType
from typing import Any

import numpy as np

from ..core.batching import along_first, each, folded, native
from ..core.dtypes import int32, uint8
from ..core.generated import LARGE, too_late
from ..core.layout import in_rows, laid_as
from ..core.operands import Array, Dims, DType, Needs, Numbers, Params, Rule, Saved
from ..core.primitive import COMPLEX, P, bilinear, conjugate, fused, linear, of_first, opaque
from ..core.samples import cases, uniform
from ..core.spec import Spec
from ..core.windows import checked_out_sizes, framed, places, reach, windowed


def widths_of(sizes: Dims, out: Dims, size: Dims, stride: Dims, padding: Dims,
            dilation: Dims) -> tuple[tuple[int, int], ...]:
    """How far the windows reach beyond the input, on the left and on the right; negative where they fall short."""
    return tuple((p, r - n - p) for n, p, r in zip(sizes, padding, reach(out, size, stride, dilation), strict=True))


def _frame(
    op: str, x: Array, size: Dims, stride: Dims, padding: Dims, dilation: Dims, ceil: bool, value: float
) -> tuple[Dims, Array]:
    """The number of windows, and the input padded for them."""
    sizes = x.shape[x.ndim - len(size):]
    out = checked_out_sizes(op, sizes, size, stride, padding, dilation, ceil)
    widths = widths_of(sizes, out, size, stride, padding, dilation)
    if all(a == 0 and b <= 0 for a, b in widths):
        return out, x
    return out, framed(x, tuple((a, max(b, 0)) for a, b in widths), value)


def _unframe(padded: Array, sizes: Dims, padding: Dims) -> Array:
    """The part of an array made by `_blank` that belongs to the input."""
    inside: list[Any] = [slice(p, p + n) for n, p in zip(sizes, padding, strict=True)]
    return padded[(..., *inside)]


def _blank(xp: ModuleType, lead: Dims, sizes: Dims, out: Dims, size: Dims, stride: Dims, padding: Dims,
           dilation: Dims, dtype: DType) -> Array:
    whole = (max(r, n + p) for r, n, p in zip(reach(out, size, stride, dilation), sizes, padding, strict=True))
    return xp.zeros((*lead, *whole), dtype)


def _inside(sizes: Dims, out: Dims, size: Dims, stride: Dims, dilation: Dims) -> bool:
    """Whether windows without padding lie inside these sizes."""
    return all(r <= n for r, n in zip(reach(out, size, stride, dilation), sizes, strict=True))


def _pooled(op: str) -> Any:
    """The shape of what has one element a window."""

    def shape(x: Spec, size: Dims, stride: Dims, padding: Dims, dilation: Dims | None = None, ceil: bool = False
              ) -> Dims:
        lead = len(x.shape) - len(size)
        return (*x.shape[:lead], *checked_out_sizes(op, x.shape[lead:], size, stride, padding,
                                                    dilation or (1,) * len(size), ceil))

    return shape


def _spread(x: Spec, *others: Any, sizes: Dims, **params: Any) -> Dims:
    """The shape of what windows were taken of."""
    return (*x.shape[:len(x.shape) - len(sizes)], *sizes)


# --- maxima -----------------------------------------------------------------------------------------------------------


def _lowest(dtype: DType) -> Any:
    return -np.inf if dtype.kind not in "iub" else np.iinfo(dtype).min


def _generated(x: Array) -> Any:
    """The module of generated code, where it should be asked; it is loaded by the first array that is large."""
    if x.size < LARGE or x.dtype.char not in "fd" or too_late():
        return None
    from ..compiler import pooling

    return pooling


def _max_pool(xp: ModuleType, x: Array, size: Dims, stride: Dims, padding: Dims, dilation: Dims,
              ceil: bool = False) -> Array:
    out, padded = _frame("max_pool", x, size, stride, padding, dilation, ceil, _lowest(x.dtype))
    generated = _generated(padded)
    if generated is not None:
        found = generated.maxima(padded, out, size, stride, dilation)
        if found is not None:
            return laid_as(found, x)
    first, *rest = places(out, size, stride, dilation)
    best = padded[first].copy()
    for place in rest:
        xp.maximum(best, padded[place], out=best)
    return laid_as(best, x)


def _max_pool_vjp(ct: Numbers, saved: Saved, params: Params, needs: Needs) -> tuple[Any, ...]:
    x = saved[0]
    geometry = {name: params[name] for name in ("size", "stride", "padding", "dilation")}
    # The result is computed anew and not kept: programs overwrite it, as in `relu_(max_pool2d(x, 2))`.
    winner = P.window_winner(x, P.max_pool(x, **params), **geometry)
    sizes = tuple(x.shape[len(x.shape) - len(params["size"]):])
    return (P.window_put(ct, winner, sizes=sizes, **geometry),)


def _max_pool_jvp(tangents: Sequence[Any], operands: Sequence[Any], out: Numbers, params: Params) -> Any:
    geometry = {name: params[name] for name in ("size", "stride", "padding", "dilation")}
    return P.window_take(tangents[0], P.window_winner(operands[0], out, **geometry), **geometry)


def _geometry(size: Dims, stride: Dims, padding: Dims, dilation: Dims, **rest: Any) -> dict[str, Any]:
    return {"size": size, "stride": stride, "padding": padding, "dilation": dilation, **rest}


_PLAIN = _geometry((2, 2), (2, 2), (0, 0), (1, 1))
_OVERLAPPING = _geometry((3, 2), (2, 1), (1, 0), (1, 2))

max_pool = fused(
    "max_pool", _max_pool, batch=native, spec=of_first(_pooled("max_pool")),
    vjp=_max_pool_vjp, jvp=_max_pool_jvp, saves=("x",),
    label=lambda params: f"MaxPool{len(params['size'])}DWithIndices",
    samples=cases(((2, 4, 5), _PLAIN), ((1, 2, 5, 6), _OVERLAPPING),
                  ((5,), _geometry((3,), (2,), (1,), (1,), ceil=True))),
    doc="The largest element of every window; of equal ones the first gets the gradient.", refuses=COMPLEX,
)


def _winner(xp: ModuleType, x: Array, best: Array, size: Dims, stride: Dims, padding: Dims, dilation: Dims) -> Array:
    """The place of the kernel, counted row by row, where each window's maximum stands; of NaNs the last one's."""
    out = best.shape[best.ndim - len(size):]
    sizes = x.shape[x.ndim - len(size):]
    widths = widths_of(sizes, out, size, stride, padding, dilation)
    padded = x
    if any(a > 0 or b > 0 for a, b in widths):
        padded = framed(x, tuple((a, max(b, 0)) for a, b in widths), _lowest(x.dtype))
    generated = _generated(padded)
    if generated is not None and best.flags.c_contiguous:
        winner = generated.winners(padded, out, size, stride, dilation)
        if winner is not None:
            return winner
    found = places(out, size, stride, dilation)
    kind = xp.dtype(xp.uint8 if len(found) < 256 else xp.int32)
    winner = xp.full_like(best, len(found) - 1, kind)  # which lies as the maxima do
    # From the last place to the first, so that the first of equal ones stays. Arithmetic on whole arrays is eight times
    # as fast as a copy under a mask: winner - i is kept where the place differs, and becomes 0 where it does not.
    for i in range(len(found) - 2, -1, -1):
        differs = padded[found[i]] != best
        winner -= kind.type(i)
        winner *= differs.view(xp.uint8) if kind.itemsize == 1 else differs
        winner += kind.type(i)
    if x.dtype.kind not in "iub" and xp.isnan(best).any():
        for i, place in enumerate(found):
            xp.copyto(winner, winner.dtype.type(i), where=xp.isnan(padded[place]))
    return winner


window_winner = opaque(
    "window_winner", _winner, arity=2, batch=native,
    spec=lambda x, best, size, **geometry: Spec(best.shape, uint8 if prod(size) < 256 else int32),
    missing={"vjp": "its result is a position", "jvp": "its result is a position"},
    samples=cases(((2, 4, 4), uniform(-2, 2, 2, 2, 2), _PLAIN)),
    doc="Of x and the maxima of its windows: the place of the kernel where each stands, counted row by row.",
)


def _take(xp: ModuleType, x: Array, winner: Array, size: Dims, stride: Dims, padding: Dims, dilation: Dims) -> Array:
    out = winner.shape[winner.ndim - len(size):]
    sizes = x.shape[x.ndim - len(size):]
    padded = framed(x, tuple((a, max(b, 0)) for a, b in widths_of(sizes, out, size, stride, padding, dilation)))
    result = xp.zeros(winner.shape, x.dtype)
    for i, place in enumerate(places(out, size, stride, dilation)):
        xp.copyto(result, padded[place], where=winner == i)
    return result


def _put(xp: ModuleType, ct: Array, winner: Array, size: Dims, stride: Dims, padding: Dims, dilation: Dims,
         sizes: Dims) -> Array:
    rank = len(size)
    out = winner.shape[winner.ndim - rank:]
    generated = _generated(ct) if not any(padding) and _inside(sizes, out, size, stride, dilation) else None
    if generated is not None:
        found = generated.put(ct, winner, sizes, size, stride, dilation)
        if found is not None:
            return found
    padded = _blank(xp, winner.shape[:-rank], sizes, out, size, stride, padding, dilation, ct.dtype)
    # Windows that share no element write theirs; others add. Bits are multiplied by 0 or 1, so that NaN and infinity
    # stay where they are, and at the speed of numbers.
    apart = all(s >= d * (k - 1) + 1 for k, s, d in zip(size, stride, dilation, strict=True))
    bits = f"i{ct.dtype.itemsize}"
    whole, sent = padded.view(bits), ct.view(bits)
    for i, place in enumerate(places(out, size, stride, dilation)):
        if apart:
            xp.multiply(sent, winner == i, whole[place])
        else:
            padded[place] += (sent * (winner == i)).view(ct.dtype)
    return _unframe(padded, sizes, padding)


def _moved(ct: Numbers, saved: Saved, other: Rule, params: Params, count: int) -> tuple[Any, ...]:
    geometry = {name: params[name] for name in ("size", "stride", "padding", "dilation")}
    return (other(ct, saved[1], **geometry), *(None,) * (count - 1))


def _take_vjp(ct: Numbers, saved: Saved, params: Params, needs: Needs) -> tuple[Any, ...]:
    sizes = tuple(saved[-1][0][-len(params["size"]):])
    return P.window_put(ct, saved[1], sizes=sizes, **params), None


def _put_vjp(ct: Numbers, saved: Saved, params: Params, needs: Needs) -> tuple[Any, ...]:
    return _moved(ct, saved, P.window_take, params, 2)


_WINNERS = np.array([[[0, 3], [1, 2]], [[2, 2], [0, 1]]], np.int16)
window_take = fused(
    "window_take", _take, arity=2, batch=native, spec=of_first(lambda x, winner, **params: winner.shape),
    vjp=_take_vjp, saves=("y", "shapes"),
    jvp=lambda tangents, operands, out, params: P.window_take(tangents[0], operands[1], **params),
    samples=cases(((2, 4, 4), _WINNERS, _PLAIN)), doc="Of every window the element at the given place of the kernel.",
)
window_put = fused(
    "window_put", _put, arity=2, batch=native, spec=of_first(_spread),
    vjp=_put_vjp, saves=("y",), label="MaxPool2DWithIndicesBackward",
    jvp=lambda tangents, operands, out, params: P.window_put(tangents[0], operands[1], **params),
    samples=cases(((2, 2, 2), _WINNERS, _PLAIN | {"sizes": (4, 4)}),
                  ((2, 2, 2), _WINNERS, _geometry((2, 2), (1, 1), (0, 0), (1, 1), sizes=(3, 3)))),
    doc="The adjoint of window_take: each window's element added where it came from.",
)


# --- sums -------------------------------------------------------------------------------------------------------------


def _ones(size: Dims) -> tuple[int, ...]:
    return (1,) * len(size)


def _window_sum(xp: ModuleType, x: Array, size: Dims, stride: Dims, padding: Dims, ceil: bool = False) -> Array:
    out, padded = _frame("avg_pool", x, size, stride, padding, _ones(size), ceil, 0)
    first, *rest = places(out, size, stride, _ones(size))
    total = padded[first].copy()
    for place in rest:
        total += padded[place]
    return laid_as(total, x, least_rank=len(size) + 2) if total.ndim < 5 else in_rows(total)


def _window_spread(xp: ModuleType, ct: Array, size: Dims, stride: Dims, padding: Dims, sizes: Dims) -> Array:
    rank = len(size)
    out = ct.shape[ct.ndim - rank:]
    padded = _blank(xp, ct.shape[:-rank], sizes, out, size, stride, padding, _ones(size), ct.dtype)
    apart = all(s >= k for k, s in zip(size, stride, strict=True))
    for place in places(out, size, stride, _ones(size)):
        if apart:
            padded[place] = ct
        else:
            padded[place] += ct
    return _unframe(padded, sizes, padding)


def _without(params: Params, name: str) -> dict[str, Any]:
    return {key: value for key, value in params.items() if key != name}


def _sum_transpose(ct: Numbers, shape: Dims, params: Params) -> Any:
    return P.window_spread(ct, sizes=tuple(shape[-len(params["size"]):]), **_without(params, "ceil"))


def _spread_transpose(ct: Numbers, shape: Dims, params: Params) -> Any:
    """Where the windows were counted with ``ceil``, the last of them are part of the shape to come back to."""
    rank = len(params["size"])
    geometry = _without(params, "sizes")
    sizes, size = ct.shape[len(ct.shape) - rank:], params["size"]
    plain = checked_out_sizes("avg_pool", sizes, size, params["stride"], params["padding"], _ones(size))
    return P.window_sum(ct, ceil=tuple(shape[-rank:]) != plain, **geometry)


window_sum = linear(
    "window_sum", _window_sum, batch=native, spec=of_first(_pooled("avg_pool")), transpose=_sum_transpose, widens=True,
    label=lambda params: f"AvgPool{len(params['size'])}D",
    samples=cases(((2, 4, 5), {"size": (2, 2), "stride": (2, 2), "padding": (0, 0)}),
                  ((1, 5), {"size": (3,), "stride": (2,), "padding": (1,)}),
                  ((1, 6), {"size": (3,), "stride": (2,), "padding": (0,), "ceil": True})),
    doc="The sum of every window; padding counts as zero.",
)
window_spread = linear(
    "window_spread", _window_spread, batch=native, spec=of_first(_spread),
    transpose=_spread_transpose, widens=True, label="AvgPool2DBackward",
    samples=cases(((2, 2, 2), {"size": (2, 2), "stride": (2, 2), "padding": (0, 0), "sizes": (4, 5)}),
                  ((1, 3), {"size": (3,), "stride": (2,), "padding": (1,), "sizes": (5,)})),
    doc="The adjoint of window_sum: each window's value added to every element that it covers.",
)


# --- resampling -------------------------------------------------------------------------------------------------------


def _resample(xp: ModuleType, x: Array, matrix: Array, dim: int) -> Array:
    moved = x.swapaxes(dim, -1)
    if xp.isfinite(x).all():
        result = P.matmul(moved, matrix)
    else:  # where a weight is 0 nothing is read: neither NaN nor infinity is near
        result = xp.empty((*moved.shape[:-1], matrix.shape[1]), x.dtype)
        for place, weights in enumerate(matrix.T):
            read = xp.flatnonzero(weights)
            result[..., place] = moved[..., read] @ weights[read]
    return in_rows(result.swapaxes(dim, -1))


def _resampled(x: Spec, matrix: Spec, dim: int) -> Dims:
    return (*x.shape[:dim], matrix.shape[1], *x.shape[dim + 1:])


def _resample_right(ct: Numbers, x: Numbers, shape: Dims, params: Params) -> Any:
    dims = tuple([d for d in range(len(x.shape)) if d != params["dim"]])
    rows, columns = (P.reshape(P.permute(each, dims=(*dims, params["dim"])), shape=(-1, each.shape[params["dim"]]))
                     for each in (conjugate(x), ct))
    return P.matmul(P.permute(rows, dims=(1, 0)), columns)


def _resample_batch(primitive: Any, operands: Sequence[Any], mapped: Sequence[bool], params: Params) -> Any:
    return (each if mapped[1] else along_first)(primitive, operands, mapped, params)


resample = bilinear(
    "resample", _resample, batch=_resample_batch, spec=of_first(_resampled), agree=(0, 1), label="Mm",
    transposes=(lambda ct, matrix, shape, params: P.resample(ct, P.permute(matrix, dims=(1, 0)), **params),
                _resample_right),
    samples=cases(((2, 3, 4), np.array([[0.5, 0], [0.5, 0.25], [0, 0.75]]), {"dim": 1})),
    doc="x times a constant matrix along one dimension: every new element a sum of a few old ones.",
)


# --- patches ----------------------------------------------------------------------------------------------------------


def _patches(xp: ModuleType, x: Array, size: Dims, stride: Dims, padding: Dims, dilation: Dims) -> Array:
    out, padded = _frame("unfold", x, size, stride, padding, dilation, False, 0)
    view = windowed(padded, out, size, stride, dilation)
    return xp.array(view).reshape(x.shape[0], x.shape[1] * prod(size), prod(out))


def _patched(x: Spec, size: Dims, stride: Dims, padding: Dims, dilation: Dims) -> Dims:
    out = checked_out_sizes("unfold", x.shape[2:], size, stride, padding, dilation)
    return (x.shape[0], x.shape[1] * prod(size), prod(out))


def _patches_sum(xp: ModuleType, ct: Array, size: Dims, stride: Dims, padding: Dims, dilation: Dims,
                 sizes: Dims) -> Array:
    out = checked_out_sizes("fold", sizes, size, stride, padding, dilation)
    channels = ct.shape[1] // prod(size)
    padded = _blank(xp, (ct.shape[0], channels), sizes, out, size, stride, padding, dilation, ct.dtype)
    parts = ct.reshape(ct.shape[0], channels, prod(size), *out)
    for i, place in enumerate(places(out, size, stride, dilation)):
        padded[place] += parts[:, :, i]
    return xp.ascontiguousarray(_unframe(padded, sizes, padding))


patches = linear(
    "patches", _patches, batch=folded, spec=of_first(_patched), label="Im2Col",
    transpose=lambda ct, shape, params: P.patches_sum(ct, sizes=tuple(shape[2:]), **params),
    samples=cases(((1, 2, 4, 5), _OVERLAPPING)),
    doc="The windows of (N, C, *sizes) as columns: (N, C * kernel, windows).",
)
patches_sum = linear(
    "patches_sum", _patches_sum, batch=folded, spec=of_first(
        lambda x, size, sizes, **params: (x.shape[0], x.shape[1] // prod(size), *sizes)), label="Col2Im", widens=True,
    transpose=lambda ct, shape, params: P.patches(ct, **_without(params, "sizes")),
    samples=cases(((1, 8, 4), _PLAIN | {"sizes": (4, 5)})),
    doc="The adjoint of patches: columns added where they came from.",
)


# --- fractional: where the windows lie is drawn ----------------------------------------------------------------------


def _fractional_places(xp: ModuleType, samples: Array, sizes: Dims, kernel: Dims, counts: Dims) -> Any:
    """The place in its plane of every element of every window: ``(N, C, windows, elements)``.

    Of two dimensions the first sample is of the width, of three it is of the depth, as in PyTorch.
    """
    rank = len(sizes)
    lead = samples.shape[:2]
    result = np.zeros((*lead, *(1,) * (2 * rank)), np.int64)
    for dim, (n, k, count) in enumerate(zip(sizes, kernel, counts, strict=True)):
        drawn = samples[..., rank - 1 - dim if rank == 2 else dim]
        starts = _fractional_starts(drawn, n, k, count)
        line = starts[..., :, None] + np.arange(k)
        shape = [1] * (2 * rank)
        shape[dim], shape[rank + dim] = count, k
        result = result * n + line.reshape(*lead, *shape)
    return result.reshape(*lead, int(np.prod(counts)), int(np.prod(kernel)))


def _fractional_starts(drawn: Array, n: int, k: int, count: int) -> Any:
    """Where each window begins; the last ends with the plane. In the precision of the sample, as in PyTorch."""
    if count == 1:
        return np.full((*drawn.shape, 1), n - k)
    step = drawn.dtype.type(n - k) / drawn.dtype.type(count - 1)
    drawn = drawn[..., None]
    starts = ((np.arange(count).astype(drawn.dtype) + drawn) * step).astype(np.int64)
    starts -= (drawn * step).astype(np.int64)
    starts[..., -1] = n - k
    return starts


fractional_places = opaque(
    "fractional_places", _fractional_places, arity=1, batch=folded,
    missing={"vjp": "it gives places", "jvp": "it gives places"},
    samples=cases((uniform(0, 1, 1, 2, 2), {"sizes": (5, 6), "kernel": (2, 2), "counts": (2, 3)})),
    doc="Where in its plane every element of every window of a fractional pooling lies; of numbers between 0 and 1.",
)
