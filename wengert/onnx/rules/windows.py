"""Convolution, pooling, normalisation."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from ...core.dtypes import float32, int64
from ..sizes import Extent
from ..writer import NoFormError, Symbol, Writer
from .elementwise import FUNCTIONS
from .reductions import reduced
from .table import absent, rule


@rule("convolution")
def _convolution(w: Writer, outs: Any, x: Symbol, weight: Symbol, bias: Symbol | None = None, *, stride: Any,
                 padding: Any, dilation: Any, groups: int = 1, transposed: bool = False, extra: Any = None) -> Any:
    assert weight.shape is not None, weight
    shared: dict[str, Any] = {"kernel_shape": list(weight.shape[2:]), "strides": list(stride), "group": groups,
                              "dilations": list(dilation), "pads": [*padding, *padding]}
    if not transposed:
        return w.op("Conv", x, weight, bias, **shared)
    more = list(extra or [])
    if any(n < 0 for n in more):
        raise NoFormError("a negative output padding")
    return w.op("ConvTranspose", x, weight, bias, output_padding=more if any(more) else None, **shared)


@rule("convolution_weight")
def _convolution_weight(w: Writer, outs: Any, x: Symbol, ct: Symbol, kernel: Any, stride: Any, padding: Any,
                        dilation: Any, groups: int = 1) -> Any:
    """A convolution of the input by the cotangent, where samples are the channels; each group's beside the others'."""
    assert x.shape is not None and ct.shape is not None, x
    rank = len(kernel)
    sizes, windows = x.shape[2:], ct.shape[2:]
    space = range(3, 3 + rank)
    count, inner, outer = x.shape[0], x.shape[1] // groups, ct.shape[1] // groups
    data = w.permute(w.reshape(x, [count, groups, inner, *sizes]), [2, 1, 0, *space])
    data = w.reshape(data, [inner, count * groups, *sizes])
    filters = w.permute(w.reshape(ct, [count, groups, outer, *windows]), [1, 2, 0, *space])
    filters = w.reshape(filters, [groups * outer, count, *windows])
    found = w.op("Conv", data, filters, kernel_shape=list(windows), strides=list(dilation), dilations=list(stride),
                 group=groups, pads=[*padding, *padding])
    found = w.op("Slice", found, w.ints([0] * rank), w.ints(kernel), w.ints(range(2, 2 + rank)))
    return w.op("Transpose", found, perm=[1, 0, *range(2, 2 + rank)])


def _pads(w: Writer, x: Symbol, out: Any, size: Any, stride: Any, padding: Any, dilation: Any, ceil: bool
          ) -> dict[str, Any]:
    """The padding by which as many windows fit as wengert has: those that a ceiling adds are at the end."""
    assert x.shape is not None, x
    sizes = x.shape[len(x.shape) - len(size):]
    if not ceil:
        return {"pads": [*padding, *padding]}
    counts = out.shape[len(out.shape) - len(size):]
    if any(isinstance(n, Extent) for n in (*sizes, *counts)):
        raise NoFormError("a ceiling of a size that varies")
    reach = [(n - 1) * s + d * (k - 1) + 1 for n, s, d, k in zip(counts, stride, dilation, size, strict=True)]
    return {"pads": [*padding, *[max(r - n - p, 0) for r, n, p in zip(reach, sizes, padding, strict=True)]]}


def _framed(w: Writer, x: Symbol, out: Any, rank: int, write: Any) -> Any:
    """Runs an operator for (N, C, *sizes) on what has other dimensions in front."""
    assert x.shape is not None, x
    if len(x.shape) == rank + 2:
        return write(x)
    sizes = x.shape[len(x.shape) - rank:]
    lead = prod(x.shape[:len(x.shape) - rank]) if not any(isinstance(n, Extent) for n in x.shape) else -1
    flat = w.reshape(x, [lead, 1, *sizes])
    flat.shape = (lead, 1, *sizes)
    return w.reshape(write(flat), out.shape)


@rule("max_pool")
def _max_pool(w: Writer, outs: Any, x: Symbol, size: Any, stride: Any, padding: Any, dilation: Any, ceil: bool = False
              ) -> Any:
    pads = _pads(w, x, outs[0], size, stride, padding, dilation, ceil)
    return _framed(w, x, outs[0], len(size), lambda x: w.op(
        "MaxPool", x, kernel_shape=list(size), strides=list(stride), dilations=list(dilation), **pads))


@rule("window_sum")
def _window_sum(w: Writer, outs: Any, x: Symbol, size: Any, stride: Any, padding: Any, ceil: bool = False) -> Any:
    pads = _pads(w, x, outs[0], size, stride, padding, (1,) * len(size), ceil)

    def write(x: Symbol) -> Any:
        return w.op("AveragePool", x, kernel_shape=list(size), strides=list(stride), count_include_pad=1,
                    **pads) * float(prod(size))

    return _framed(w, x, outs[0], len(size), write)


@rule("patches")
def _patches(w: Writer, outs: Any, x: Symbol, size: Any, stride: Any, padding: Any, dilation: Any) -> Any:
    """A convolution of each channel with all kernels of one 1."""
    assert x.shape is not None, x
    channels, places = x.shape[1], prod(size)
    kernels = np.tile(np.eye(places).reshape(places, 1, *size), (channels, *(1,) * (len(size) + 1)))
    found = w.op("Conv", x, w.constant(kernels, x.dtype), kernel_shape=list(size), strides=list(stride),
                 pads=[*padding, *padding], dilations=list(dilation), group=channels)
    return w.reshape(found, outs[0].shape)


@rule("patches_sum")
def _patches_sum(w: Writer, outs: Any, ct: Symbol, size: Any, stride: Any, padding: Any, dilation: Any, sizes: Any
                 ) -> Any:
    return w.op("Col2Im", ct, w.ints(sizes), w.ints(size), strides=list(stride), pads=[*padding, *padding],
                dilations=list(dilation))


@rule("add")
def _add(w: Writer, outs: Any, x: Any, y: Any) -> Any:
    found = _batch_normalization(w, x, y)
    return FUNCTIONS["add"](w, x, y) if found is None else found


def _batch_normalization(w: Writer, scaled: Any, shift: Any) -> Any:
    """Batch normalisation in eval mode, which wengert records as (x - mean) (weight / sqrt(var + eps)) + bias, each of
    these laid along the channels, as the one operator for it; None for any other sum."""

    def made(symbol: Any, name: str) -> Any:
        known = w.producers.get(getattr(symbol, "name", ""))
        return known[1] if known is not None and known[0] == name else None

    product = made(scaled, "mul")
    centred = product and made(product[0], "sub")
    if not centred:
        return None
    x = centred[0]
    laid = [made(each, "reshape") for each in (centred[1], product[1], shift)]
    if not isinstance(x, Symbol) or not all(laid) or len(x.shape or ()) < 2:
        return None
    mean, factor, bias = (each[0] for each in laid)
    parts = made(factor, "mul")
    root = parts and made(parts[0], "rsqrt")
    variance = root and made(root[0], "add")
    if not variance or type(variance[1]) is not float:
        return None
    assert x.shape is not None, x
    along = (1, x.shape[1], *[1] * (len(x.shape) - 2))
    fits = [each.shape for each in (centred[1], product[1], shift)] == [along] * 3
    each_channel = [each.shape for each in (mean, variance[0], parts[1], bias)] == [(x.shape[1],)] * 4
    if not fits or not each_channel:
        return None
    return w.op("BatchNormalization", x, parts[1], bias, mean, variance[0], epsilon=variance[1])


@rule("normalize")
def _normalize(w: Writer, outs: Any, x: Symbol, weight: Symbol | None = None, bias: Symbol | None = None, *,
               dim: Sequence[int], eps: float, label: str = "") -> Any:
    assert x.shape is not None, x
    rank = len(x.shape)
    dim = sorted(d % rank for d in dim)
    wide = [None if each is None else _as(w, each, float32) if each.dtype.itemsize == 2 else each
            for each in (x, weight, bias)]
    x_, weight_, bias_ = wide
    assert x_ is not None, x
    last = tuple(x.shape[dim[0]:])
    if outs[1] is outs[2] is None and [*dim] == [*range(dim[0], rank)] and weight is not None and (
            weight.shape == last and (bias is None or bias.shape == last)):
        return w.cast(w.op("LayerNormalization", x_, weight_, bias_, axis=dim[0], epsilon=eps), x.dtype), None, None
    mean = reduced(w, "ReduceMean", x_, dim, True)
    centred = x_ - mean
    variance = reduced(w, "ReduceMean", centred * centred, dim, True)
    found = centred / w.op("Sqrt", variance + eps)
    found = found if weight_ is None else found * weight_
    found = found if bias_ is None else found + bias_
    return w.cast(found, x.dtype), mean, variance


def _as(w: Writer, x: Symbol, dtype: Any) -> Symbol:
    found = w.cast(x, dtype)
    found.shape = x.shape
    return found


@rule("window_winner")
def _window_winner(w: Writer, outs: Any, x: Symbol, best: Symbol, size: Any, stride: Any, padding: Any, dilation: Any
                   ) -> Any:
    """The first place of the largest, among the places of every window beside each other."""
    assert x.shape is not None and best.shape is not None, x
    rank, lead = len(size), len(x.shape) - len(size)
    sizes, counts = x.shape[lead:], best.shape[lead:]
    if any(isinstance(n, Extent) for n in (*sizes, *counts)):
        raise NoFormError("the places of maxima of a size that varies")
    reach = [(n - 1) * s + d * (k - 1) + 1 for n, s, d, k in zip(counts, stride, dilation, size, strict=True)]
    after = [max(r - n - p, 0) for r, n, p in zip(reach, sizes, padding, strict=True)]
    lowest = -np.inf if x.dtype.kind == "f" else int(np.iinfo(x.dtype.numpy).min)
    found = w.op("Pad", x, w.ints([0] * lead + [*padding] + [0] * lead + after), w.number(lowest, x.dtype))
    for d in range(rank):
        places = np.arange(counts[d])[:, None] * stride[d] + np.arange(size[d]) * dilation[d]
        found = w.op("Gather", found, w.constant(places, int64), axis=lead + 2 * d)
    order = [*range(lead), *range(lead, lead + 2 * rank, 2), *range(lead + 1, lead + 2 * rank, 2)]
    rows = w.op("Reshape", w.op("Transpose", found, perm=order), w.ints([0] * (lead + rank) + [-1]))
    return w.op("ArgMax", rows, dtype=int64, axis=lead + rank, keepdims=0)


absent("it is recorded in backward passes alone", "normalize_gradient window_put window_spread window_take")
absent("its windows are drawn at random", "fractional_places")
absent("it is written out wherever it is recorded", "cdist grid_sample")
