"""Discrete Fourier transforms over dimensions, by numpy's FFT: of complex values, of real ones, and back to real ones.

The one idea to know: a transform is a linear map F times a scale, and PyTorch's cotangents are conjugated, so that the
adjoint of the forward transform is the inverse one *with the same scale*. Numpy names scales by direction
(``"backward"`` scales the inverse by 1/n, ``"forward"`` the transform itself), hence `_SWAPPED`.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np

from ..core.batching import along
from ..core.operands import Array, Dims, Numbers, Params
from ..core.primitive import P, linear

_SWAPPED = {"backward": "forward", "ortho": "ortho", "forward": "backward"}
_COMPLEX = {"samples": "its operand is complex, and the walk over the registry takes differences of real operands"}
_COMPLEX_RESULT = {"samples": "its result is complex, and the walk over the registry takes differences of real results"}


def _complex(xp: ModuleType, x: Array, dim: Dims, norm: str, inverse: bool = False) -> Array:
    return (xp.fft.ifftn if inverse else xp.fft.fftn)(x, axes=dim, norm=norm)


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
    "fft_real", batch=along,
    eval=lambda xp, x, dim, norm, whole=False: (xp.fft.fftn if whole else xp.fft.rfftn)(x, axes=dim, norm=norm),
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
    "fft_to_real", batch=along,
    eval=lambda xp, x, dim, norm, size: xp.fft.irfftn(x, [*(x.shape[d] for d in dim[:-1]), size], axes=dim, norm=norm),
    label="FftC2R", transpose=_back_transpose, missing=_COMPLEX,
    doc="The inverse transform over dim of a spectrum of which the last dimension holds one half: real, of that size.",
)
