"""Floating types of 8 bits: what their codes stand for, and how the nearest code of a number is found.

The one idea to know: numpy sees the codes as a structure of one field, of which it knows no arithmetic; so they can be
moved, and whatever would compute with them fails by itself. Numbers are converted by way of float32, and the codes are
PyTorch's, bit for bit: what is too large becomes infinite where the type has an infinity; float8_e4m3fn, without one,
takes its largest number, and the others NaN. float8_e8m0fnu has neither sign nor zero: it is the exponent alone.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Literal, NamedTuple

import numpy as np

from .dtypes import from_numpy
from .generated import cast_array
from .operands import Array

CHAR = "V"
"""numpy's letter for structures, which are these types alone."""


class _Form(NamedTuple):
    """Bits of exponent and significand, what is taken off the exponent, and the codes of infinity (or of what comes
    of too large a number) and NaN. The types whose name ends in uz have no zero with a sign: that is their NaN."""

    exponent: int
    significand: int
    bias: int
    beyond: int
    nan: int


_FORMS = {
    "float8_e4m3fn": _Form(4, 3, 7, 0x7E, 0x7F),
    "float8_e4m3fnuz": _Form(4, 3, 8, 0x80, 0x80),
    "float8_e5m2": _Form(5, 2, 15, 0x7C, 0x7F),
    "float8_e5m2fnuz": _Form(5, 2, 16, 0x80, 0x80),
}


def in_numpy(array: Array) -> Array:
    """The array in a dtype in which numpy has numbers of its own: bfloat16 and 8 bits in float32, complex32 in
    complex64."""
    if array.dtype.kind not in "VW":
        return array
    if array.dtype.char == CHAR:
        return decoded(array)
    return array.astype(np.complex64 if array.dtype.kind == "W" else np.float32)


def converted(array: Array, dtype: np.dtype[Any], order: Literal["C", "K"] = "K") -> Array:
    """A copy in another dtype, as PyTorch converts: by way of float32 from and to 8 bits."""
    if array.dtype == dtype:
        return array.astype(dtype, order)
    if array.dtype.char == CHAR:
        array = decoded(array)
    elif array.dtype.kind == "W" and dtype.kind == "b":
        array = in_numpy(array)  # ml_dtypes would copy the low byte
    if dtype.char != CHAR:
        return cast_array(array, dtype, order)
    if array.dtype.kind in "cW":
        array = in_numpy(array).real
    return encoded(array.astype(np.float32, order), dtype)


def decoded(codes: Array) -> Array:
    """The numbers that codes stand for, in float32."""
    return np.asarray(_numbers(from_numpy(codes.dtype).name)[codes.view(np.uint8)])


@cache
def _numbers(name: str) -> Array:
    """The number of each code, in float32."""
    codes = np.arange(256)
    if name == "float8_e8m0fnu":
        numbers = np.ldexp(1.0, codes - 127).astype(np.float32)
        numbers.view(np.uint32)[255] = 0x7F800001
        return numbers
    form = _FORMS[name]
    exponent, rest = codes >> form.significand & (1 << form.exponent) - 1, codes & (1 << form.significand) - 1
    size = np.where(exponent > 0, rest + (1 << form.significand), rest)
    numbers = np.ldexp(size.astype(np.float64), np.maximum(exponent, 1) - form.bias - form.significand)
    result = np.where(codes >= 128, -numbers, numbers).astype(np.float32)
    bits = result.view(np.uint32)
    if name == "float8_e5m2":
        special, sign = exponent == 31, codes << 24 & 0x80000000
        bits[special] = np.where(rest > 0, 0x7FC00000 | rest << 21, 0x7F800000)[special] | sign[special]
    elif name == "float8_e4m3fn":
        bits[[127, 255]] = 0x7FF00000, 0xFFF00000
    else:
        bits[128] = 0x7F800001
    return result


def encoded(numbers: Array, dtype: np.dtype[Any]) -> Array:
    """The nearest codes of numbers in float32, of two as near the even one."""
    name = from_numpy(dtype).name
    if name == "float8_e8m0fnu":
        return _exponents(numbers).view(dtype)
    form, between, sizes = _FORMS[name], _between(name), np.abs(numbers)
    codes = np.asarray(np.searchsorted(between, sizes), np.uint8)  # of a number just between, the lower one
    odd = (codes & 1 > 0) & (sizes == between[np.minimum(codes, len(between) - 1)])
    codes = np.where(odd, codes + np.uint8(1), codes)
    codes = np.where(np.isnan(numbers), form.nan, np.where(codes >= len(between), form.beyond, codes))
    codes = codes.astype(np.uint8)
    return np.asarray(codes | _sign(numbers, codes, name), np.uint8).view(dtype)


def _sign(numbers: Array, codes: Array, name: str) -> Array:
    signs = np.signbit(numbers).astype(np.uint8) << np.uint8(7)
    return np.where(codes == 0, np.uint8(0), signs) if name.endswith("uz") else signs


@cache
def _between(name: str) -> Array:
    """The numbers halfway between neighbours among the positive codes, the last of them beyond the largest."""
    numbers = _numbers(name)[:128].astype(np.float64)
    finite = numbers[np.isfinite(numbers)]
    return (finite + np.append(finite[1:], 2 * finite[-1] - finite[-2])) / 2


def _exponents(numbers: Array) -> Array:
    bits = np.asarray(numbers).view(np.uint32) & np.uint32(0x7FFFFFFF)
    exponent, rest = bits >> np.uint32(23), bits & np.uint32(0x7FFFFF)
    half = np.uint32(0x400000)
    up = (rest > half) | ((rest == half) & (exponent > 0))
    return np.asarray(np.where(exponent == 255, exponent, exponent + up), np.uint8)
