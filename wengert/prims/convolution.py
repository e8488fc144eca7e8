"""Convolution over any number of dimensions, its adjoint, and the gradient of its weight.

One primitive is both the convolution and, with ``transposed=True``, its adjoint; the other is linear in the input
and in the cotangent and gives the weight's gradient. Each is the derivative of the others, so every order is there.

Evaluation goes sample by sample: the windows of one sample, laid out as the columns of a matrix, stay in the cache, and
BLAS multiplies them by the weight straight into the output. See Note [wide rows].
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from ..core.dtypes import from_numpy
from ..core.errors import DTypeError, ShapeError
from ..core.primitive import P, fused
from ..core.samples import cases
from ..core.spec import Spec
from ..core.windows import checked_out_sizes, framed, out_sizes, places, reach, windowed

# Note [wide rows]: where the stride is 1, what one place of the kernel meets is the plane itself, read from another
# starting point. Reading it without a break at the end of the rows makes each line of the matrix one long copy, at
# the price of a few columns that belong to windows across the edge, and are left out of the result. For 3x3 on 16
# channels of 32x32 this takes 2.9 ms where copies of single rows take 4.5 (one thread, batch 32); on 5x5 kernels over
# 14x14, 1.35 ms instead of 1.7. One matrix for the whole batch (5.0 ms), a product for each place of the kernel
# (4.7 ms) and several samples a matrix (3.0 to 4.9 ms) were slower.


def _narrow(x: Any) -> bool:
    return x.dtype.itemsize == 2


def _edges(padding: Any) -> tuple[tuple[int, int], ...]:
    return tuple((p, p) for p in padding)


class _Columns:
    """The windows of one sample after the other as a matrix ``(groups, channels / groups * kernel, columns)``."""

    def __init__(self, x: Any, out: Any, kernel: Any, stride: Any, dilation: Any, groups: int) -> None:
        sizes = x.shape[2:]
        self.out = out
        wide = all(s == 1 for s in stride)
        if wide:
            steps = [prod(sizes[i + 1:]) for i in range(len(sizes))]
            self.count = sum((n - 1) * step for n, step in zip(out, steps, strict=True)) + 1
            item = x.itemsize
            strides = (*x.strides[:2], *(step * d * item for step, d in zip(steps, dilation, strict=True)), item)
            self.source = np.lib.stride_tricks.as_strided(x, (*x.shape[:2], *kernel, self.count), strides)
        else:
            steps = [prod(out[i + 1:]) for i in range(len(out))]
            self.count = prod(out)
            self.source = windowed(x, out, kernel, stride, dilation)
        self.steps = steps
        # A kernel of one place on contiguous planes needs no copy at all.
        self.direct = wide and prod(kernel) == 1
        self.groups = groups
        self.rows = x.shape[1] // groups * prod(kernel)
        if not self.direct:
            self.buffer = np.empty(self.source.shape[1:], x.dtype)
            self.matrix = self.buffer.reshape(groups, self.rows, self.count)

    def of(self, sample: int) -> Any:
        if self.direct:
            return self.source[sample].reshape(self.groups, self.rows, self.count)
        np.copyto(self.buffer, self.source[sample])
        return self.matrix

    def plane(self, channels: int, dtype: Any, like: Any = None) -> tuple[Any, Any]:
        """A matrix ``(groups, channels / groups, columns)`` of zeros, and the view of it that holds the windows'
        places, ``(channels, *out)``."""
        matrix = np.zeros((channels, self.count), dtype)
        strides = (matrix.strides[0], *(step * matrix.itemsize for step in self.steps))
        shown = np.lib.stride_tricks.as_strided(matrix, (channels, *self.out), strides)
        return matrix.reshape(self.groups, channels // self.groups, self.count), shown


def _direct(x: Any, weight: Any, stride: Any, padding: Any, dilation: Any, groups: int) -> Any:
    """The convolution of ``x`` (N, C, *sizes) with ``weight`` (O, C / groups, *kernel); ``padding`` in pairs."""
    kernel, channels = weight.shape[2:], weight.shape[0]
    x = framed(x, padding)
    out = out_sizes(x.shape[2:], kernel, stride, (0,) * len(kernel), dilation)
    result = np.empty((x.shape[0], channels, *out), x.dtype)
    if not result.size:
        return result
    if not x.size or not weight.size:
        result.fill(0)
        return result
    columns = _Columns(x, out, kernel, stride, dilation, groups)
    matrix = np.ascontiguousarray(weight).reshape(groups, channels // groups, columns.rows)
    if columns.count == prod(out):  # no column too many: BLAS writes the result itself
        flat = result.reshape(x.shape[0], groups, channels // groups, columns.count)
        for n in range(x.shape[0]):
            np.matmul(matrix, columns.of(n), out=flat[n])
        return result
    plane, shown = columns.plane(channels, x.dtype)
    for n in range(x.shape[0]):
        np.matmul(matrix, columns.of(n), out=plane)
        result[n] = shown
    return result


def _spread(ct: Any, weight: Any, stride: Any, padding: Any, dilation: Any, groups: int, sizes: Any) -> Any:
    """The adjoint of `_direct` in its input: from (N, O, *out) to (N, C, *sizes)."""
    kernel = weight.shape[2:]
    inner = weight.shape[1]
    channels = inner * groups
    if all(s == 1 for s in stride):
        # The adjoint of a convolution of stride 1 is the convolution with the weight turned round.
        turned = weight.reshape(groups, -1, inner, *kernel).swapaxes(1, 2)
        turned = turned[(..., *(slice(None, None, -1),) * len(kernel))].reshape(channels, -1, *kernel)
        widths = tuple((d * (k - 1) - p, n + p - m) for k, d, p, n, m
                       in zip(kernel, dilation, padding, sizes, ct.shape[2:], strict=True))
        return _direct(ct, turned, stride, widths, dilation, groups)
    out, samples = ct.shape[2:], ct.shape[0]
    whole = tuple(max(a, n + p) for a, n, p in zip(reach(out, kernel, stride, dilation), sizes, padding, strict=True))
    padded = np.zeros((samples, channels, *whole), ct.dtype)
    matrix = np.ascontiguousarray(weight).reshape(groups, weight.shape[0] // groups, -1).swapaxes(1, 2)
    flat = np.ascontiguousarray(ct).reshape(samples, groups, weight.shape[0] // groups, prod(out))
    columns = np.empty((groups, matrix.shape[1], prod(out)), ct.dtype)
    parts = columns.reshape(channels, prod(kernel), *out)
    targets = places(out, kernel, stride, dilation)
    for n in range(samples if ct.size else 0):
        np.matmul(matrix, flat[n], out=columns)
        for i, place in enumerate(targets):
            padded[n][place] += parts[:, i]
    inside: tuple[Any, ...] = (..., *(slice(p, p + n) for n, p in zip(sizes, padding, strict=True)))
    return padded[inside]


def _adjoint_sizes(out: Any, kernel: Any, stride: Any, padding: Any, dilation: Any, extra: Any) -> tuple[int, ...]:
    return tuple(n - 2 * p + e for n, p, e in zip(reach(out, kernel, stride, dilation), padding, extra, strict=True))


def _convolution(
    xp: Any, x: Any, weight: Any, bias: Any = None, *, stride: Any, padding: Any, dilation: Any, groups: int = 1,
    transposed: bool = False, extra: Any = None,
) -> Any:
    if _narrow(x):
        wide = [None if a is None else a.astype(np.float32) for a in (x, weight, bias)]
        return _convolution(xp, *wide, stride=stride, padding=padding, dilation=dilation, groups=groups,
                            transposed=transposed, extra=extra).astype(x.dtype)
    _convolution_spec(_spec(x), _spec(weight), _spec(bias), stride=stride, padding=padding, dilation=dilation,
                      groups=groups, transposed=transposed, extra=extra)
    if transposed:
        sizes = _adjoint_sizes(x.shape[2:], weight.shape[2:], stride, padding, dilation, extra or (0,) * len(stride))
        out = _spread(x, weight, stride, padding, dilation, groups, sizes)
    else:
        out = _direct(x, weight, stride, _edges(padding), dilation, groups)
    if bias is not None:
        out += bias.reshape(-1, *(1,) * len(stride))
    return out


def _spec(x: Any) -> Any:
    return None if x is None else Spec(x.shape, from_numpy(x.dtype))


def _convolution_spec(
    x: Spec, weight: Spec, bias: Spec | None = None, *, stride: Any, padding: Any, dilation: Any, groups: int = 1,
    transposed: bool = False, extra: Any = None,
) -> Spec:
    op, rank = "conv_transpose" if transposed else "convolution", len(stride)
    for other, name in ((weight, "weight"), (bias, "bias")):
        if other is not None and other.dtype is not x.dtype:
            raise DTypeError(f"[{op}] Input type ({x.dtype.name}) and {name} type ({other.dtype.name}) should be the "
                             f"same")
    if len(x.shape) != rank + 2 or len(weight.shape) != rank + 2:
        raise ShapeError(f"[{op}] Expected {rank + 1}D (unbatched) or {rank + 2}D (batched) input to conv{rank}d and "
                         f"a weight of "
                         f"{rank + 2} dimensions; got input {x.shape} and weight {weight.shape}")
    takes = weight.shape[0] if transposed else weight.shape[1] * groups
    if x.shape[1] != takes or weight.shape[0] % groups:
        raise ShapeError(f"[{op}] Given groups={groups}, weight of size {list(weight.shape)}, expected "
                         f"input{list(x.shape)} to have "
                         f"{takes} channels, but got {x.shape[1]} channels instead; the second size of the input "
                         f"must be in_channels")
    kernel, makes = weight.shape[2:], weight.shape[1] * groups if transposed else weight.shape[0]
    if bias is not None and tuple(bias.shape) != (makes,):
        raise ShapeError(f"[{op}] Given weight of size {list(weight.shape)}, expected bias to be 1-dimensional with "
                         f"{makes} "
                         f"elements, but got bias of size {list(bias.shape)} instead")
    if transposed:
        sizes = _adjoint_sizes(x.shape[2:], kernel, stride, padding, dilation, extra or (0,) * rank)
        if any(n < 0 for n in sizes):
            raise ShapeError(f"[{op}] Given input size per channel: {x.shape[2:]}. Calculated output size per "
                             f"channel: {sizes}. "
                             "Output size is too small; give a larger input, or less padding")
    else:
        sizes = checked_out_sizes(op, x.shape[2:], kernel, stride, padding, dilation)
    return Spec((x.shape[0], makes, *sizes), x.dtype)


def _conj(x: Any) -> Any:
    return P.conj(x) if x.dtype.kind == "c" else x


def _geometry(params: dict[str, Any]) -> dict[str, Any]:
    return {name: params[name] for name in ("stride", "padding", "dilation")} | {"groups": params.get("groups", 1)}


def _remainder(sizes: Any, kernel: Any, stride: Any, padding: Any, dilation: Any, groups: int) -> tuple[int, ...]:
    """How far the input of this size reaches beyond the last window: what the adjoint must add."""
    out = out_sizes(sizes, kernel, stride, padding, dilation)
    least = _adjoint_sizes(out, kernel, stride, padding, dilation, (0,) * len(out))
    return tuple(n - m for n, m in zip(sizes, least, strict=True))


def _convolution_vjp(ct: Any, saved: Any, params: dict[str, Any], needs: Any) -> tuple[Any, ...]:
    x, weight, shapes = saved[0], saved[1], saved[-1]
    geometry, transposed = _geometry(params), params.get("transposed", False)
    kernel = tuple(shapes[1][2:])
    for_x = for_weight = None
    if needs[0]:
        if transposed:
            for_x = P.convolution(ct, _conj(weight), **geometry)
        else:
            extra = _remainder(shapes[0][2:], kernel, **geometry)
            for_x = P.convolution(ct, _conj(weight), transposed=True, extra=extra, **geometry)
    if needs[1]:
        big, small = (ct, _conj(x)) if transposed else (_conj(x), ct)
        for_weight = P.convolution_weight(big, small, kernel=kernel, **geometry)
    if len(needs) < 3:
        return for_x, for_weight
    return for_x, for_weight, P.sum(ct, dim=(0, *range(2, len(ct.shape)))) if needs[2] else None


def _convolution_jvp(tangents: Any, operands: Any, out: Any, params: dict[str, Any]) -> Any:
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


convolution = fused(
    "convolution", _convolution, arity=3, spec=_convolution_spec, vjp=_convolution_vjp, jvp=_convolution_jvp,
    saves=lambda needs: ["shapes"] + ["y"] * needs[0] + ["x"] * needs[1], samples=_samples(),
    doc="x (N, C, *sizes) with weight (O, C / groups, *kernel) and an optional bias (O,); transposed: the adjoint in "
        "x, "
        "whose weight is (C, O / groups, *kernel) and whose result is larger by extra.",
)


# --- the gradient of the weight ---------------------------------------------------------------------------------------


def _weight_gradient(
    xp: Any, x: Any, ct: Any, kernel: Any, stride: Any, padding: Any, dilation: Any, groups: int = 1
) -> Any:
    if _narrow(x):
        return _weight_gradient(xp, x.astype(np.float32), ct.astype(np.float32), kernel, stride, padding, dilation,
                                groups).astype(x.dtype)
    x = framed(x, _edges(padding))
    channels, samples = ct.shape[1], x.shape[0]
    result = np.zeros((channels, x.shape[1] // groups, *kernel), x.dtype)
    if not result.size or not ct.size:
        return result
    columns = _Columns(x, ct.shape[2:], kernel, stride, dilation, groups)
    total = result.reshape(groups, channels // groups, columns.rows)
    part = np.empty_like(total)
    narrow = columns.count == prod(ct.shape[2:])
    flat: Any = np.ascontiguousarray(ct).reshape(samples, groups, channels // groups, -1) if narrow else None
    plane, shown = (None, None) if narrow else columns.plane(channels, ct.dtype)
    for n in range(samples):
        if shown is not None:
            shown[...] = ct[n]
        left: Any = plane if flat is None else flat[n]
        np.matmul(left, columns.of(n).swapaxes(1, 2), out=part)
        total += part
    return result


def _weight_gradient_vjp(ct: Any, saved: Any, params: dict[str, Any], needs: Any) -> tuple[Any, ...]:
    x, y, shapes = saved[0], saved[1], saved[-1]
    geometry = _geometry(params)
    for_x = for_y = None
    if needs[0]:
        extra = _remainder(shapes[0][2:], params["kernel"], **geometry)
        for_x = P.convolution(_conj(y), ct, transposed=True, extra=extra, **geometry)
    if needs[1]:
        for_y = P.convolution(_conj(x), ct, **geometry)
    return for_x, for_y


def _weight_gradient_jvp(tangents: Any, operands: Any, out: Any, params: dict[str, Any]) -> Any:
    pairs = (((tangents[0], operands[1]), tangents[0]), ((operands[0], tangents[1]), tangents[1]))
    terms = [P.convolution_weight(*pair, **params) for pair, tangent in pairs if tangent is not None]
    return terms[0] if len(terms) == 1 else terms[0] + terms[1]


convolution_weight = fused(
    "convolution_weight", _weight_gradient, arity=2, vjp=_weight_gradient_vjp, jvp=_weight_gradient_jvp,
    saves=lambda needs: ["shapes"] + ["y"] * needs[0] + ["x"] * needs[1], label="ConvolutionBackward",
    samples=cases(((2, 2, 5), (2, 3, 3), {"kernel": (3,), "stride": (1,), "padding": (0,), "dilation": (1,)}),
                  ((1, 4, 6, 5), (1, 4, 4, 5), {"kernel": (2, 2), "stride": (2, 1), "padding": (1, 1),
                                                "dilation": (1, 2), "groups": 2})),
    doc="The gradient of a convolution's weight, of its input and the cotangent of its result.",
)
