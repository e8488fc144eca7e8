"""The array API standard (2024.12, data-apis.org) on wengert's tensors: what ``x.__array_namespace__()`` gives.

PyTorch's own namespace is no such thing: its ``max`` along an axis gives pairs, its ``std`` corrects by default,
tensors without dimensions give way in promotion. ``import wengert`` stays PyTorch's; here are the standard's functions,
made of the same differentiable operations. SciPy and scikit-learn find them by themselves where dispatch is on:

>>> import wengert as torch
>>> x = torch.tensor([[3.0, 1.0], [2.0, 4.0]], requires_grad=True)
>>> xp = x.__array_namespace__()
>>> xp.max(x, axis=0)
tensor([3., 4.], grad_fn=<AmaxBackward0>)

A tensor's own methods and operators remain PyTorch's (``x.size()`` is a method, steps in slices are positive).
"""

from __future__ import annotations

from math import e as e, inf as inf, nan as nan, pi as pi

from wengert import (
    bool as bool, complex64 as complex64, complex128 as complex128, float32 as float32, float64 as float64,
    int8 as int8, int16 as int16, int32 as int32, int64 as int64, uint8 as uint8, uint16 as uint16, uint32 as uint32,
    uint64 as uint64,
)

from . import fft as fft, linalg as linalg
from .creation import (
    arange as arange, asarray as asarray, empty as empty, empty_like as empty_like, eye as eye,
    from_dlpack as from_dlpack, full as full, full_like as full_like, linspace as linspace, meshgrid as meshgrid,
    ones as ones, ones_like as ones_like, tril as tril, triu as triu, zeros as zeros, zeros_like as zeros_like,
)
from .dtypes import (
    __array_namespace_info__ as __array_namespace_info__, astype as astype, can_cast as can_cast, finfo as finfo,
    iinfo as iinfo, isdtype as isdtype, result_type as result_type,
)
from .elementwise import (
    abs as abs, acos as acos, acosh as acosh, add as add, asin as asin, asinh as asinh, atan as atan, atan2 as atan2,
    atanh as atanh, bitwise_and as bitwise_and, bitwise_invert as bitwise_invert,
    bitwise_left_shift as bitwise_left_shift, bitwise_or as bitwise_or, bitwise_right_shift as bitwise_right_shift,
    bitwise_xor as bitwise_xor, ceil as ceil, clip as clip, conj as conj, copysign as copysign, cos as cos,
    cosh as cosh, divide as divide, equal as equal, exp as exp, expm1 as expm1, floor as floor,
    floor_divide as floor_divide, greater as greater, greater_equal as greater_equal, hypot as hypot, imag as imag,
    isfinite as isfinite, isinf as isinf, isnan as isnan, less as less, less_equal as less_equal, log as log,
    log1p as log1p, log2 as log2, log10 as log10, logaddexp as logaddexp, logical_and as logical_and,
    logical_not as logical_not, logical_or as logical_or, logical_xor as logical_xor, maximum as maximum,
    minimum as minimum, multiply as multiply, negative as negative, nextafter as nextafter, not_equal as not_equal,
    positive as positive, pow as pow, real as real, reciprocal as reciprocal, remainder as remainder, round as round,
    sign as sign, signbit as signbit, sin as sin, sinh as sinh, sqrt as sqrt, square as square, subtract as subtract,
    tan as tan, tanh as tanh, trunc as trunc, where as where,
)
from .linalg import matmul as matmul, tensordot as tensordot, vecdot as vecdot
from .manipulation import (
    all as all, any as any, argmax as argmax, argmin as argmin, argsort as argsort,
    broadcast_arrays as broadcast_arrays, broadcast_shapes as broadcast_shapes, broadcast_to as broadcast_to,
    concat as concat, count_nonzero as count_nonzero, diff as diff, expand_dims as expand_dims, flip as flip,
    isin as isin, matrix_transpose as matrix_transpose, moveaxis as moveaxis, nonzero as nonzero,
    permute_dims as permute_dims, repeat as repeat, reshape as reshape, roll as roll, searchsorted as searchsorted,
    sort as sort, squeeze as squeeze, stack as stack, take as take, take_along_axis as take_along_axis, tile as tile,
    unique_all as unique_all, unique_counts as unique_counts, unique_inverse as unique_inverse,
    unique_values as unique_values, unstack as unstack,
)
from .statistics import (
    cumulative_prod as cumulative_prod, cumulative_sum as cumulative_sum, max as max, mean as mean, min as min,
    prod as prod, std as std, sum as sum, var as var,
)

newaxis = None
__array_api_version__ = "2024.12"
VERSIONS = ("2021.12", "2022.12", "2023.12", "2024.12", "2025.12")
"""The versions of the standard that a program may ask for; each has what the one before it has."""

__all__ = [name for name in globals()
           if name[0] != "_" and name not in ("annotations", "creation", "dtypes", "elementwise", "manipulation",
                                              "promotion", "statistics", "VERSIONS")]
