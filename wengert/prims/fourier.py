"""Discrete Fourier transforms over dimensions, by numpy's FFT: of complex values, of real ones, and back to real ones.

The one idea to know: a transform is a linear map F times a scale, and PyTorch's cotangents are conjugated, so that the
adjoint of the forward transform is the inverse one *with the same scale*. Numpy names scales by direction
(``"backward"`` scales the inverse by 1/n, ``"forward"`` the transform itself), hence `_SWAPPED`. Results lie as
PyTorch's do, the transformed dimensions innermost (`_laid`): numpy writes into memory made so.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType
from typing import Any

import numpy as np

from ..core.batching import along
from ..core.layout import order_of
from ..core.operands import Array, Dims, DType, Numbers, Params
from ..core.primitive import P, linear

_SWAPPED = {"backward": "forward", "ortho": "ortho", "forward": "backward"}
_COMPLEX = {"samples": "its operand is complex, and the walk over the registry takes differences of real operands"}
_COMPLEX_RESULT = {"samples": "its result is complex, and the walk over the registry takes differences of real results"}


def _by_stride(strides: Dims, dims: Sequence[int]) -> list[int]:
    """The dimensions, the outermost in memory first."""
    return sorted(dims, key=lambda d: -strides[d])


def _laid(strides: Dims, inner: Sequence[int], sizes: Sequence[int], dtype: DType) -> Array:
    """Memory for the transform of what has these strides: row-major with the dimensions ``inner`` innermost, in this
    order, and the others outside as they were."""
    rank = len(strides)
    order = [*_by_stride(strides, [d for d in range(rank) if d not in inner]), *inner]
    dense = np.empty([sizes[d] for d in order], dtype)
    return dense.transpose([order.index(d) for d in range(rank)])


def _complex(xp: ModuleType, x: Array, dim: Dims, norm: str, inverse: bool = False) -> Array:
    result = _laid(x.strides, _by_stride(x.strides, dim), x.shape, x.dtype)
    return (xp.fft.ifftn if inverse else xp.fft.fftn)(x, axes=dim, norm=norm, out=result)


def _real(xp: ModuleType, x: Array, dim: Dims, norm: str, whole: bool = False) -> Array:
    last, dtype = dim[-1], np.result_type(x.dtype, np.complex64)
    if whole:  # of several dimensions a complex copy is transformed, which is dense
        strides = x.strides if len(dim) == 1 or order_of(x) == "K" else tuple(range(x.ndim, 0, -1))
        return xp.fft.fftn(x, axes=dim, norm=norm, out=_laid(strides, _by_stride(strides, dim), x.shape, dtype))
    sizes = [n // 2 + 1 if d == last else n for d, n in enumerate(x.shape)]
    inner = [*_by_stride(x.strides, dim[:-1]), last]
    return xp.fft.rfftn(x, axes=dim, norm=norm, out=_laid(x.strides, inner, sizes, dtype))


def _to_real(xp: ModuleType, x: Array, dim: Dims, norm: str, size: int) -> Array:
    """PyTorch transforms all dimensions but the last first, and lays these innermost; then the last one."""
    last, first, strides = dim[-1], dim[:-1], x.strides
    outer = [*_by_stride(strides, [d for d in range(x.ndim) if d not in dim]), *_by_stride(strides, first)]
    sizes = [size if d == last else n for d, n in enumerate(x.shape)]
    return xp.fft.irfftn(x, [sizes[d] for d in dim], axes=dim, norm=norm,
                         out=_laid(strides, [*outer, last], sizes, x.real.dtype))


def _adjoint(ct: Numbers, params: Params) -> Any:
    """The adjoint of the transform that ``params`` describe, applied to a complex cotangent."""
    return P.fft_complex(ct, dim=params["dim"], norm=_SWAPPED[params["norm"]], inverse=not params.get("inverse", False))


fft_complex = linear(
    "fft_complex", _complex, batch=along,
    label="FftC2C", transpose=lambda ct, shape, params: _adjoint(ct, params), missing=_COMPLEX,
    doc="The transform of complex values over dim; sizes stay. norm is the one who bears 1/n, in numpy's words.",
)


def _real_transpose(ct: Numbers, shape: Dims, params: Params) -> Any:
    """The real part of the adjoint; the half of the spectrum that was left out got no cotangent."""
    last = params["dim"][-1]
    absent = shape[last] - ct.shape[last]
    if absent:
        ct = P.pad(ct, widths=tuple((0, absent if d == last else 0) for d in range(len(shape))))
    return P.copy_real(_adjoint(ct, params))


fft_real = linear(
    "fft_real", batch=along, eval=_real,
    label="FftR2C", transpose=_real_transpose, missing=_COMPLEX_RESULT,
    doc="The transform of real values over dim, the last up to frequency n // 2 only, unless it is the whole.",
)


def _back_transpose(ct: Numbers, shape: Dims, params: Params) -> Any:
    """The spectrum of the cotangent; frequencies that stand for their mirror image as well count twice."""
    dim, size = params["dim"], params["size"]
    spectrum = P.fft_real(ct, dim=dim, norm=_SWAPPED[params["norm"]])
    times = np.ones((shape[dim[-1]],) + (1,) * (len(shape) - 1 - dim[-1]), getattr(ct.dtype, "numpy", ct.dtype))
    times[1 : (size + 1) // 2] = 2
    return P.mul(spectrum, times)


fft_to_real = linear(
    "fft_to_real", batch=along, eval=_to_real,
    label="FftC2R", transpose=_back_transpose, missing=_COMPLEX,
    doc="The inverse transform over dim of a spectrum of which the last dimension holds one half: real, of that size.",
)
