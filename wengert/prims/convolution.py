"""Convolution over any number of dimensions, its adjoint, and the gradient of its weight.

One primitive is both the convolution and, with ``transposed=True``, its adjoint; the other is linear in the input
and in the cotangent and gives the weight's gradient. Each is the derivative of the others, so every order is there.

Large ones are evaluated by generated code (`wengert.compiler.convolution`); small ones, and dtypes that it lacks, by
one product of matrices, whose columns are the windows.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import product
from math import gcd, prod
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from ..core.batching import all_spread, fold, size_of, spread, unfolded
from ..core.dtypes import from_numpy
from ..core.errors import DTypeError, ShapeError
from ..core.generated import too_late
from ..core.geometry import check_room
from ..core.layout import in_rows, laid_as
from ..core.operands import Array, Dims, Needs, Numbers, Pairs, Params, Saved
from ..core.primitive import TRUTHS, P, fused
from ..core.samples import cases
from ..core.spec import Spec
from ..core.windows import check_reach, checked_out_sizes, framed, out_sizes, reach, windowed

# Multiplications from which on generated code is asked for; it may still decline, and numpy does the rest.
_LARGE = 100_000


def _edges(padding: Dims) -> tuple[tuple[int, int], ...]:
    return tuple((p, p) for p in padding)


def _generated(x: Array, work: int) -> Any:
    """The module of generated convolutions, where it should be asked; it is loaded by the first that is large."""
    if work < _LARGE or x.dtype.char not in "fd" or too_late():
        return None
    from ..compiler import convolution

    return convolution


def _columns(x: Array, out: Dims, kernel: Dims, stride: Dims, dilation: Dims, groups: int) -> Array:
    """The windows of ``x`` as the rows of matrices ``(groups, N * windows, channels / groups * kernel)``."""
    rank, inner = len(kernel), x.shape[1] // groups
    seen = windowed(x, out, kernel, stride, dilation).reshape(len(x), groups, inner, *kernel, *out)
    order = (1, 0, *range(3 + rank, 3 + 2 * rank), 2, *range(3, 3 + rank))
    return seen.transpose(order).reshape(groups, len(x) * prod(out), inner * prod(kernel))


def _rows(x: Array, groups: int) -> Array:
    """``x`` (N, channels, *out) as matrices ``(groups, N * windows, channels / groups)``."""
    parts = x.reshape(len(x), groups, x.shape[1] // groups, -1)
    return parts.transpose(1, 0, 3, 2).reshape(groups, -1, parts.shape[2])


def _times(x: Array, y: Array) -> Array:
    """The products of two stacks of matrices; of one, by the faster way that a single one has."""
    return P.matmul(x[0], y[0])[None] if len(x) == 1 else P.matmul(x, y)


def _mostly_padding(padded: Dims, sizes: Dims, out: Dims) -> bool:
    """Whether so little of what the windows slide over is input, or is looked at, that generated code is no match for
    it: its tables grow with the stride and the padding."""
    return prod(padded) > max(2**20, 64 * (prod(sizes) + prod(out)))


class _Placed(NamedTuple):
    """A convolution of an input of one shape with a weight of one shape, placed in its frame."""

    out: tuple[int, ...]
    """How many windows there are along each dimension."""
    stride: tuple[int, ...]
    every: Any
    """The index of the elements of the input that a kernel of one place needs, where those are not all."""
    before: tuple[int, ...]
    """The padding before the input."""
    work: int
    """The number of multiplications."""
    generated: bool
    """Whether generated code is asked for it."""


@lru_cache(maxsize=1024)
def _placed(op: str, shape: Dims, weight: Dims, stride: Dims, padding: Pairs, dilation: Dims, out: Dims | None = None
            ) -> _Placed:
    """Where the windows lie, as many as fit unless ``out`` says how many. Raises ShapeError where they do not lie
    inside the input."""
    kernel, sizes, every = weight[2:], shape[2:], None
    if prod(kernel) == 1 and any(s > 1 for s in stride) and not any(lo or hi for lo, hi in padding):
        every = (..., *[slice(None, None, s) for s in stride])
        sizes, stride = tuple([-(-n // s) for n, s in zip(sizes, stride, strict=True)]), (1,) * len(stride)
    padded = tuple([n + lo + hi for n, (lo, hi) in zip(sizes, padding, strict=True)])
    out = out_sizes(padded, kernel, stride, (0,) * len(kernel), dilation) if out is None else out
    # Of a single window the stride says nothing, and may be of any size.
    stride = tuple([1 if count == 1 else s for s, count in zip(stride, out, strict=True)])
    some = bool(prod(shape) and prod(weight) and prod(out))
    if some:
        check_reach(op, padded, out, kernel, stride, dilation)
    return _Placed(out, stride, every, tuple([lo for lo, _ in padding]), shape[0] * prod(out) * prod(weight),
                   some and not _mostly_padding(padded, sizes, out))


def _direct(x: Array, weight: Array, stride: Dims, padding: Pairs, dilation: Dims, groups: int,
            bias: Array | None = None) -> Array:
    """The convolution of ``x`` (N, C, *sizes) with ``weight`` (O, C / groups, *kernel); ``padding`` in pairs."""
    out, stride, every, before, work, asked = _placed("convolution", x.shape, weight.shape, stride, padding, dilation)
    channels = weight.shape[0]
    shape = (x.shape[0], channels, *out)
    check_room("convolution", shape, x.itemsize)
    if every is not None:
        x = np.ascontiguousarray(x[every])
    generated = _generated(x, work) if asked else None
    if generated is not None:
        result = generated.convolve(x, weight, bias, out, stride, before, dilation, groups)
        if result is not None:
            return result
    if work:
        columns = _columns(framed(x, padding), out, weight.shape[2:], stride, dilation, groups)
        rows = _times(columns, weight.reshape(groups, channels // groups, -1).swapaxes(1, 2))
        result = in_rows(rows.reshape(groups, len(x), prod(out), -1).transpose(1, 0, 3, 2)).reshape(shape)
    else:
        result = np.zeros(shape, x.dtype)
    if bias is not None:
        result += bias.reshape(-1, *(1,) * len(stride))
    return result


def _spread(ct: Array, weight: Array, stride: Dims, padding: Dims, dilation: Dims, groups: int, sizes: Dims) -> Any:
    """The adjoint of `_direct` in its input: from (N, O, *out) to (N, C, *sizes). See Note [phases]."""
    inner, rank = weight.shape[1], len(stride)
    channels = inner * groups
    if prod(ct.shape[2:]) == 1:
        return _spread_one(ct, weight, padding, dilation, groups, sizes)
    turned = weight if groups == 1 else weight.reshape(groups, -1, *weight.shape[1:])
    turned = turned.swapaxes(groups > 1, 1 + (groups > 1)).reshape(channels, -1, *weight.shape[2:])
    shape = (ct.shape[0], channels, *sizes)
    check_room("conv_transpose", shape, ct.itemsize)
    found, everywhere = _phases(stride, weight.shape[2:], padding, dilation, tuple(sizes), ct.shape[2:])
    result = (np.empty if everywhere else np.zeros)(shape, ct.dtype) if prod(stride) > 1 or 0 in shape else None
    for places, edges, apart, inputs in found:
        part = _direct(ct, turned[places], (1,) * rank, edges, apart, groups)
        if result is None:
            result = part
            break
        result[inputs] = part
    if result is None or not _is_spoilt(result, stride) or np.isfinite(weight).all():
        return result
    return _scattered(ct, weight, stride, padding, dilation, groups, sizes)


def _is_spoilt(result: Array, stride: Dims) -> bool:
    """Whether the outermost places of an adjoint hold NaN, where the padding of the cotangent met a weight that is not
    finite: 0 times infinity."""
    ends = [result[(0, slice(None), *slices)] for slices in (
        [slice(None, s) for s in stride], [slice(-s, None) for s in stride])] if result.size else []
    return any([bool(np.isnan(end).any()) for end in ends])


def _scattered(ct: Array, weight: Array, stride: Dims, padding: Dims, dilation: Dims, groups: int, sizes: Dims
               ) -> Array:
    """`_spread` without a product by padding: what each window gets is added where it lies."""
    kernel, out, inner = weight.shape[2:], ct.shape[2:], weight.shape[1]
    parts = _times(_rows(ct, groups), weight.reshape(groups, weight.shape[0] // groups, -1))
    parts = parts.reshape(groups, len(ct), prod(out), inner, *kernel).swapaxes(0, 1).swapaxes(2, 3)
    room = [max(n + p, (count - 1) * s + (k - 1) * d + 1) for n, p, count, s, k, d in
            zip(sizes, padding, out, stride, kernel, dilation, strict=True)]
    whole = np.zeros((len(ct), groups * inner, *room), ct.dtype)
    for place in np.ndindex(*kernel):
        where: list[Any] = [slice(t * d, t * d + (count - 1) * s + 1, s) for t, d, count, s in
                 zip(place, dilation, out, stride, strict=True)]
        taken: Any = (..., *place)
        whole[(..., *where)] += parts[taken].reshape(len(ct), groups * inner, *out)
    inputs: Any = (..., *[slice(p, p + n) for p, n in zip(padding, sizes, strict=True)])
    return np.ascontiguousarray(whole[inputs])


@lru_cache(maxsize=1024)
def _phases(stride: Dims, kernel: Dims, padding: Dims, dilation: Dims, sizes: Dims, windows: Dims
            ) -> tuple[tuple[tuple[Any, Pairs, Dims, Any], ...], bool]:
    """The phases of an adjoint that some place of the kernel meets: the index of these places, the padding of the
    cotangent, the dilation, and the index of the inputs; and whether every input is in one. See Note [phases]."""
    geometry = zip(stride, kernel, padding, dilation, sizes, windows, strict=True)
    along = [[phase_of((i + p) % s, s, k, p, d, n, count) for i in range(min(s, n))]
             for s, k, p, d, n, count in geometry]
    found = []
    for phases in product(*along):
        if all(phase is not None for phase in phases):
            places, edges, apart, inputs = zip(*phases, strict=True)
            found.append(((..., *places), edges, apart, (..., *inputs)))
    return tuple(found), len(found) == prod(map(len, along))


def _spread_one(ct: Array, weight: Array, padding: Dims, dilation: Dims, groups: int, sizes: Dims) -> Array:
    """`_spread` where there is one window: its cotangent times the weight, laid where the window lay."""
    kernel = weight.shape[2:]
    parts = _times(_rows(ct, groups), weight.reshape(groups, weight.shape[0] // groups, -1))
    parts = parts.swapaxes(0, 1).reshape(len(ct), -1, *kernel)
    result = np.zeros((len(ct), parts.shape[1], *sizes), ct.dtype)
    taken: list[Any] = []
    target: list[Any] = []
    for k, p, d, n in zip(kernel, padding, dilation, sizes, strict=True):
        inside = [t for t in range(k) if 0 <= t * d - p < n] or [0]
        first, last = inside[0], inside[-1]
        if not 0 <= first * d - p < n:
            return result
        taken.append(slice(first, last + 1))
        target.append(slice(first * d - p, last * d - p + 1, d))
    result[(..., *target)] = parts[(..., *taken)]
    return result


# Note [phases]: input i meets window j at place t of the kernel if i + padding = j * stride + t * dilation. So the
# inputs with the same remainder (i + padding) mod stride, one phase, meet the same places, every (stride / g)-th with
# g = gcd(stride, dilation): with these the phase is a convolution of stride 1 of the cotangent, dilated by
# dilation / g, its kernel turned round. With stride 1 there is one phase, the whole.


def phase_of(phase: int, stride: int, kernel: int, padding: int, dilation: int, size: int, windows: int) -> Any:
    """Along one dimension: the places of the kernel (from the last), the padding of the cotangent, the dilation, and
    the inputs of the phase; None if these, or the places, are none."""
    common = gcd(stride, dilation)
    step = stride // common
    places = [t for t in range(min(step, kernel)) if t * dilation % stride == phase]
    first = -((phase - padding) // stride)  # of the first input i >= 0 of the phase, (i + padding) // stride
    inputs = slice(first * stride + phase - padding, size, stride)
    count = len(range(*inputs.indices(size)))
    if not places or not count:
        return None
    count_of_places = len(range(places[0], kernel, step))
    last = places[0] + (count_of_places - 1) * step
    taken = slice(last, places[0] - step if places[0] >= step else None, -step)
    apart = dilation // common
    before = (last * dilation - phase) // stride - first
    after = count + apart * (count_of_places - 1) - before - windows
    return taken, (before, after), apart, inputs


def _adjoint_sizes(out: Dims, kernel: Dims, stride: Dims, padding: Dims, dilation: Dims,
                   extra: Dims) -> tuple[int, ...]:
    return tuple(n - 2 * p + e for n, p, e in zip(reach(out, kernel, stride, dilation), padding, extra, strict=True))


def _convolution(xp: ModuleType, x: Array, weight: Array, bias: Array | None = None, *, stride: Dims, padding: Dims,
                 dilation: Dims, groups: int = 1, transposed: bool = False, extra: Dims | None = None) -> Array:
    sizes = _checked(_spec(x), _spec(weight), _spec(bias), stride, padding, dilation, groups, transposed, extra)
    if transposed:
        out = _spread(x, weight, stride, padding, dilation, groups, sizes)
        if bias is not None:
            out += bias.reshape(-1, *(1,) * len(stride))
    else:
        out = _direct(x, weight, stride, _edges(padding), dilation, groups, bias)
    # PyTorch's library for volumes does not compute in float64, and what stands in for it lays them in rows.
    return out if out.ndim < 4 or (out.ndim == 5 and out.dtype == np.float64) else laid_as(out, x, weight)


@lru_cache(maxsize=1024)
def _checked(x: Spec, weight: Spec, bias: Spec | None, stride: Dims, padding: Dims, dilation: Dims, groups: int,
             transposed: bool, extra: Dims | None) -> Dims:
    """The sizes of the result. Raises what `_convolution_spec` does."""
    found = _convolution_spec(x, weight, bias, stride=stride, padding=padding, dilation=dilation, groups=groups,
                              transposed=transposed, extra=extra)
    return tuple(found.shape[2:])


def _spec(x: Array | None) -> Any:
    return None if x is None else Spec(x.shape, from_numpy(x.dtype))


def _channels_cure(shape: tuple[int, ...], takes: int) -> str:
    """What to do about channels that do not fit: where they stand last, as other libraries keep them, say so."""
    if shape[-1] != takes:
        return "the second size of the input must be in_channels"
    last = len(shape) - 1
    alone = f", or permute{(last - 1, *range(last - 1))} of one example alone," if shape[0] == 1 and last > 2 else ""
    return f"the channels stand last: input.permute{(0, last, *range(1, last))}{alone} brings them before the others"


def _convolution_spec(x: Spec, weight: Spec, bias: Spec | None = None, *, stride: Dims, padding: Dims, dilation: Dims,
                      groups: int = 1, transposed: bool = False, extra: Dims | None = None) -> Spec:
    op, rank = "conv_transpose" if transposed else "convolution", len(stride)
    for other, name in ((weight, "weight"), (bias, "bias")):
        if other is not None and other.dtype is not x.dtype:
            raise DTypeError(f"[{op}] Input type ({x.dtype.name}) and {name} type ({other.dtype.name}) should be the "
                             f"same")
    if len(x.shape) != rank + 2 or len(weight.shape) != rank + 2:
        raise ShapeError(f"[{op}] Expected {rank + 1}D (unbatched) or {rank + 2}D (batched) input to conv{rank}d and "
                         f"a weight of {rank + 2} dimensions; got input {x.shape} and weight {weight.shape}")
    takes = weight.shape[0] if transposed else weight.shape[1] * groups
    if x.shape[1] != takes or weight.shape[0] % groups:
        raise ShapeError(f"[{op}] Given groups={groups}, weight of size {list(weight.shape)}, expected "
                         f"input{list(x.shape)} to have "
                         f"{takes} channels, but got {x.shape[1]} channels instead; {_channels_cure(x.shape, takes)}")
    if weight.shape[0] < groups:
        raise ShapeError(f"[{op}] Given groups={groups}, expected weight to be at least {groups} at dimension 0, but "
                         f"got weight of size {list(weight.shape)} instead")
    if transposed and 0 in x.shape[2:] and x.shape[0] and x.shape[1]:
        raise ShapeError(f"[{op}] Only zero batch or zero channel inputs are supported, but got input shape: "
                         f"{list(x.shape)}")
    kernel, makes = weight.shape[2:], weight.shape[1] * groups if transposed else weight.shape[0]
    if bias is not None and tuple(bias.shape) != (makes,):
        raise ShapeError(f"[{op}] Given weight of size {list(weight.shape)}, expected bias to be 1-dimensional with "
                         f"{makes} elements, but got bias of size {list(bias.shape)} instead")
    if transposed:
        sizes = _adjoint_sizes(x.shape[2:], kernel, stride, padding, dilation, extra or (0,) * rank)
        if any(n < 0 for n in sizes):
            raise ShapeError(f"[{op}] Given input size per channel: {x.shape[2:]}. Calculated output size per "
                             f"channel: {sizes}. Output size is too small; give a larger input, or less padding")
    else:
        sizes = checked_out_sizes(op, x.shape[2:], kernel, stride, padding, dilation)
    return Spec((x.shape[0], makes, *sizes), x.dtype)


def _conj(x: Numbers) -> Any:
    return P.conj(x) if x.dtype.kind in "cW" else x


def _geometry(params: Params) -> dict[str, Any]:
    return {name: params[name] for name in ("stride", "padding", "dilation")} | {"groups": params.get("groups", 1)}


def _beyond(sizes: Dims, windows: Dims, kernel: Dims, geometry: dict[str, Any]) -> tuple[int, ...]:
    """How far an input of these sizes reaches beyond the last of so many windows: what the adjoint must add."""
    stride, padding, dilation = geometry["stride"], geometry["padding"], geometry["dilation"]
    least = _adjoint_sizes(windows, kernel, stride, padding, dilation, (0,) * len(windows))
    return tuple(n - m for n, m in zip(sizes, least, strict=True))


def _first_windows(out: Numbers, sizes: Dims) -> Any:
    """With an output padding of a stride or more further windows fit, of which the operand knows nothing."""
    return out if tuple(out.shape[2:]) == tuple(sizes) else out[(..., *[slice(n) for n in sizes])]


def _convolution_vjp(ct: Numbers, saved: Saved, params: Params, needs: Needs) -> tuple[Any, ...]:
    x, weight, shapes = saved[0], saved[1], saved[-1]
    geometry, transposed = _geometry(params), params.get("transposed", False)
    kernel = tuple(shapes[1][2:])
    for_x = for_weight = None
    if needs[0]:
        if transposed:
            for_x = _first_windows(P.convolution(ct, _conj(weight), **geometry), shapes[0][2:])
        else:
            extra = _beyond(shapes[0][2:], ct.shape[2:], kernel, geometry)
            for_x = P.convolution(ct, _conj(weight), transposed=True, extra=extra, **geometry)
    if needs[1]:
        big, small = (ct, _conj(x)) if transposed else (_conj(x), ct)
        for_weight = P.convolution_weight(big, small, kernel=kernel, **geometry)
    if len(needs) < 3:
        return for_x, for_weight
    return for_x, for_weight, P.sum(ct, dim=(0, *range(2, len(ct.shape)))) if needs[2] else None


def _convolution_jvp(tangents: Sequence[Any], operands: Sequence[Any], out: Numbers, params: Params) -> Any:
    total = None
    for i in (0, 1):
        if tangents[i] is not None:
            pair = (tangents[0], operands[1]) if i == 0 else (operands[0], tangents[1])
            term = P.convolution(*pair, **params)
            total = term if total is None else total + term
    if len(tangents) > 2 and tangents[2] is not None:
        row = P.reshape(tangents[2], shape=(-1, *(1,) * len(params["stride"])))
        total = P.expand(row, shape=tuple(out.shape)) if total is None else total + row
    return total


def _samples() -> Any:
    one = {"stride": (1,), "padding": (0,), "dilation": (1,)}
    two = {"stride": (1, 1), "padding": (1, 0), "dilation": (1, 1)}
    coarse = {"stride": (2, 1), "padding": (1, 1), "dilation": (1, 2)}
    return cases(
        ((2, 2, 5), (3, 2, 3), (3,), one), ((2, 2, 4, 5), (3, 2, 3, 2), two),
        ((1, 4, 6, 5), (4, 2, 2, 2), (4,), coarse | {"groups": 2}),
        ((2, 4, 3), (4, 1, 2), one | {"stride": (2,), "groups": 4}), ((2, 3, 3), (2, 3, 1), one),
        ((1, 1, 3, 3, 4), (2, 1, 2, 2, 2), {"stride": (1, 2, 1), "padding": (0, 1, 0), "dilation": (1, 1, 1)}),
        ((2, 3, 4), (3, 2, 3), (2,), one | {"transposed": True}),
        ((1, 4, 3, 3), (4, 2, 2, 3), (4,), coarse | {"groups": 2, "transposed": True, "extra": (1, 0)}),
    )


# Note [folding examples]: what is convolved with one weight is counted through with the samples; with a weight an
# example each example is a group of its own, or its channels are further ones that the same input is looked at for.


def _channels_folded(x: Numbers) -> Any:
    """(B, N, C, *sizes) as (N, B * C, *sizes)."""
    turned = P.permute(x, dims=(1, 0, *range(2, len(x.shape))))
    return P.reshape(turned, shape=(x.shape[1], x.shape[0] * x.shape[2], *x.shape[3:]))


def _channels_unfolded(x: Numbers, count: int) -> Any:
    """The other way round."""
    split = P.reshape(x, shape=(x.shape[0], count, x.shape[1] // count if count else 0, *x.shape[2:]))
    return P.permute(split, dims=(1, 0, *range(2, len(split.shape))))


def _convolution_batch(primitive: Any, operands: Sequence[Any], mapped: Sequence[bool], params: Params) -> Any:
    """See Note [folding examples]."""
    x, weight, *rest = operands
    count = size_of(operands, mapped)
    bias = rest[0] if rest else None
    if mapped[1]:
        groups, transposed = params.get("groups", 1), params.get("transposed", False)
        if mapped[0] or groups > 1 or transposed:
            x, groups = _channels_folded(spread(x, mapped[0], count)), groups * count
        out = P.convolution(x, fold(weight), **{**params, "groups": groups})
        out = _channels_unfolded(out, count)
    elif mapped[0]:
        plain = [bias] if bias is not None and not mapped[2] else []
        out = unfolded(P.convolution(fold(x), weight, *plain, **params), count)
        bias = None if plain else bias
    else:
        out = spread(P.convolution(x, weight, **params), False, count)
    if bias is None:
        return out
    ones = (1,) * len(params["stride"])
    shape = (count, 1, bias.shape[1], *ones) if mapped[2] else (bias.shape[0], *ones)
    return out + P.reshape(bias, shape=shape)


convolution = fused(
    "convolution", _convolution, batch=_convolution_batch,
    arity=3, agree=(0, 1, 2), spec=_convolution_spec, vjp=_convolution_vjp,
    jvp=_convolution_jvp,
    saves=lambda needs: ["shapes"] + ["y"] * needs[0] + ["x"] * needs[1], samples=_samples(),
    doc="x (N, C, *sizes) with weight (O, C / groups, *kernel) and an optional bias (O,); transposed: the adjoint in "
        "x, whose weight is (C, O / groups, *kernel) and whose result is larger by extra.", refuses=TRUTHS,
)


# --- the gradient of the weight ---------------------------------------------------------------------------------------


_LEAST_PLACES, _FEW_WINDOWS, _MANY_CHANNELS, _LEAST_CHANNELS = 64, 16, 32, 4
_BLOCK_BYTES = 2**20
"""What the windows of the groups that are multiplied at once may take: they stay in the cache."""


def _fills_few_vectors(samples: int, shape: Dims, groups: int, out: Dims) -> bool:
    """Whether a product of matrices finds the gradient of the weights of ``shape`` sooner than generated code, which
    adds up along vectors of windows: of one sample (so it is where each example is a group) there are few to add."""
    if samples != 1:
        return False
    if groups > 1 and shape[0] // groups >= _LEAST_CHANNELS and prod(shape[1:]) * prod(out) <= _BLOCK_BYTES // 4:
        return True  # a group's windows stay in the cache
    if prod(shape[1:]) < _LEAST_PLACES:
        return False
    return groups > 1 and out[-1] < _FEW_WINDOWS or shape[0] // groups >= _MANY_CHANNELS


def _weight_of_one(x: Array, ct: Array, kernel: Dims, stride: Dims, dilation: Dims, groups: int) -> Array:
    """The gradient of the weight of one sample: (groups, channels, places of the kernel), a product a group of the
    cotangent with the windows, of which a block of groups is laid out at a time."""
    out, inner = ct.shape[2:], x.shape[1] // groups
    if groups > 1 and _generated(x, ct.size * x.shape[1] // groups * prod(kernel)) is not None:
        from ..compiler.windows import weights_of_groups

        found = weights_of_groups(x, ct, kernel, stride, dilation, groups)
        if found is not None:
            return found
    seen = windowed(x, out, kernel, stride, dilation).reshape(groups, inner, *kernel, *out)
    rows = ct.reshape(groups, -1, prod(out))
    places = inner * prod(kernel)
    result = np.empty((groups, rows.shape[1], places), x.dtype)
    step = max(1, min(groups, _BLOCK_BYTES // (places * prod(out) * x.itemsize)))
    block = np.empty((step, *seen.shape[1:]), x.dtype)
    for start in range(0, groups, step):
        taken = block[:min(step, groups - start)]
        taken[...] = seen[start:start + step]
        columns = taken.reshape(len(taken), places, -1).swapaxes(1, 2)
        result[start:start + step] = P.matmul(rows[start:start + step], columns)
    return result


def _weight_gradient(
    xp: ModuleType, x: Array, ct: Array, kernel: Dims, stride: Dims, padding: Dims, dilation: Dims, groups: int = 1
) -> Array:
    edges = _edges(padding)
    channels, samples = ct.shape[1], x.shape[0]
    shape = (channels, x.shape[1] // groups, *kernel)
    if not ct.size or not x.size:
        return np.zeros(shape, x.dtype)
    out = ct.shape[2:]
    placed = _placed("convolution_weight", x.shape, shape, stride, edges, dilation, out)
    if placed.every is not None:
        x = np.ascontiguousarray(x[placed.every])
    stride = placed.stride
    if _fills_few_vectors(samples, shape, groups, out):
        return _weight_of_one(framed(x, edges), ct, kernel, stride, dilation, groups).reshape(shape)
    generated = _generated(x, placed.work) if placed.generated else None
    if generated is not None:
        result = generated.convolve_weight(x, ct, kernel, stride, padding, dilation, groups)
        if result is not None:
            return result
    columns = _columns(framed(x, edges), out, kernel, stride, dilation, groups)
    return _times(_rows(ct, groups).swapaxes(1, 2), columns).reshape(shape)


def _weight_gradient_vjp(ct: Numbers, saved: Saved, params: Params, needs: Needs) -> tuple[Any, ...]:
    x, y, shapes = saved[0], saved[1], saved[-1]
    geometry = _geometry(params)
    for_x = for_y = None
    if needs[0]:
        extra = _beyond(shapes[0][2:], shapes[1][2:], params["kernel"], geometry)
        for_x = P.convolution(_conj(y), ct, transposed=True, extra=extra, **geometry)
    if needs[1]:
        for_y = _first_windows(P.convolution(_conj(x), ct, **geometry), shapes[1][2:])
    return for_x, for_y


def _weight_gradient_jvp(tangents: Sequence[Any], operands: Sequence[Any], out: Numbers, params: Params) -> Any:
    pairs = (((tangents[0], operands[1]), tangents[0]), ((operands[0], tangents[1]), tangents[1]))
    terms = [P.convolution_weight(*pair, **params) for pair, tangent in pairs if tangent is not None]
    return terms[0] if len(terms) == 1 else terms[0] + terms[1]


def _weight_gradient_batch(primitive: Any, operands: Sequence[Any], mapped: Sequence[bool], params: Params) -> Any:
    """See Note [folding examples]: each example is a group of its own."""
    count = size_of(operands, mapped)
    x, ct = map(_channels_folded, all_spread(operands, mapped))
    out = P.convolution_weight(x, ct, **{**params, "groups": params.get("groups", 1) * count})
    return unfolded(out, count)


convolution_weight = fused(
    "convolution_weight", _weight_gradient, batch=_weight_gradient_batch,
    arity=2,
    spec=lambda x, ct, kernel, groups=1, **params: x._replace(
        shape=(ct.shape[1], x.shape[1] // groups, *kernel)), vjp=_weight_gradient_vjp, jvp=_weight_gradient_jvp,
    saves=lambda needs: ["shapes"] + ["y"] * needs[0] + ["x"] * needs[1], label="ConvolutionBackward",
    samples=cases(((2, 2, 5), (2, 3, 3), {"kernel": (3,), "stride": (1,), "padding": (0,), "dilation": (1,)}),
                  ((1, 4, 6, 5), (1, 4, 4, 5), {"kernel": (2, 2), "stride": (2, 1), "padding": (1, 1),
                                                "dilation": (1, 2), "groups": 2})),
    doc="The gradient of a convolution's weight, of its input and the cotangent of its result.",
)
