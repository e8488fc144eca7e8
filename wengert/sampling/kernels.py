"""Generated code for random numbers: normal float32 numbers in blocks of sixteen, and the exchanges of a shuffle.

The results are those of `box_muller` and `integers`, which say what is computed and why in this way; here the
processor's own fused multiply-add replaces their emulation of one, and a loop their detour round it. Both are asked
for when an array is first large enough to be worth it.
"""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Any

import numpy as np

from ..compiler.code import POINTER, WORD, Code, Operand, module
from ..compiler.jit import Library, engine
from ..compiler.math import MathBuilder
from ..compiler.vectors import Machine
from . import cephes

__all__ = ["exchange", "normal_blocks"]

_HALF = 8  # of a block: the lanes of a vector


def normal_blocks(values: np.ndarray[Any, Any], mean: float, std: float) -> bool:
    """Turns uniform float32 numbers in place into normal ones; False, and nothing done, where numpy is faster.

    ``values`` is a contiguous vector whose length is a multiple of 16.
    """
    kernels = _kernels()
    if kernels is None:
        return False
    check_blocks(values)
    kernels.normal_blocks(values.ctypes.data, values.size // 16, mean, std)
    return True


def exchange(order: np.ndarray[Any, Any], partners: np.ndarray[Any, Any]) -> bool:
    """Exchanges, one step after another, the elements ``step`` and ``partners[step]`` of ``order``; both are int64.

    False, and nothing done, where there is no generated code.
    """
    kernels = _kernels()
    if kernels is None:
        return False
    check_exchange(order, partners)
    kernels.exchange(order.ctypes.data, partners.ctypes.data, partners.size)
    return True


def check_blocks(values: np.ndarray[Any, Any]) -> None:
    """Raises AssertionError for what the code of `normal_blocks` would write beside."""
    assert values.dtype == np.float32 and values.flags.c_contiguous and values.size % (2 * _HALF) == 0, values.shape


def check_exchange(order: np.ndarray[Any, Any], partners: np.ndarray[Any, Any]) -> None:
    """Raises AssertionError for what the code of `exchange` would read or write beside."""
    dense = order.flags.c_contiguous and partners.flags.c_contiguous
    assert order.dtype == partners.dtype == np.int64 and dense and partners.size <= order.size, partners.shape
    assert not partners.size or (partners.min() >= 0 and partners.max() < order.size), order.size


class _Kernels:
    """The linked functions. The words to draw take most of the time, so one thread does."""

    def __init__(self) -> None:
        text = module(_write_normal_blocks(), _write_exchange())
        self._library: Library = engine().load(text, "normal_blocks", "exchange")
        addresses = self._library.addresses
        word, number = ctypes.c_int64, ctypes.c_float
        self.normal_blocks: Any = ctypes.CFUNCTYPE(None, word, word, number, number)(addresses["normal_blocks"])
        self.exchange: Any = ctypes.CFUNCTYPE(None, word, word, word)(addresses["exchange"])


@cache
def _kernels() -> _Kernels | None:
    """The functions; None on a processor whose fused multiply-add would be a call of the C library."""
    return _Kernels() if engine().machine.fused else None


class _Floats(MathBuilder):
    """Vectors of half a block of float32. Every operation is rounded as it stands: no flag allows a product and a sum
    to be fused where `box_muller` does not fuse them."""

    def __init__(self, code: Code) -> None:
        super().__init__(code, "float32", Machine(4 * _HALF, fused=True, avx512=False), contract=False)

    def horner(self, x: Operand, coefficients: tuple[float, ...]) -> Operand:
        """The polynomial, its highest power first."""
        return self.polynomial(x, coefficients[::-1])

    def truncated(self, x: Operand) -> Operand:
        """The integer part."""
        return self.emit(f"fptosi {self.real_type} {x} to {self.integer_type}", self.integer_type)


def _logarithm(w: _Floats, x: Operand) -> Operand:
    bits = w.to_bits(x)
    exponent = w.integer_op("ashr", w.integer_op("sub", bits, int(cephes.SQRT_HALF_BITS)), 23)
    x = w.sub(w.from_bits(w.integer_op("sub", bits, w.integer_op("shl", exponent, 23))), 1.0)
    power = w.to_real(exponent)
    square = w.mul(x, x)
    value = w.mul(w.horner(x, cephes.LOG_POLYNOMIAL), x)
    value = w.fma(value, square, w.mul(power, float(cephes.LN2_LOW)))
    value = w.sub(value, w.mul(square, 0.5))
    return w.add(w.add(x, value), w.mul(power, float(cephes.LN2_HIGH)))


def _sine_cosine(w: _Floats, x: Operand) -> tuple[Operand, Operand]:
    octant = w.truncated(w.mul(x, float(cephes.FOUR_OVER_PI)))
    octant = w.integer_op("and", w.integer_op("add", octant, 1), -2)
    multiple = w.to_real(octant)
    for part in cephes.QUARTER_PI:
        x = w.fma(multiple, -float(part), x)
    square = w.mul(x, x)
    cosine = w.mul(w.horner(square, cephes.COSINE_POLYNOMIAL), square)
    cosine = w.add(w.fma(cosine, square, w.mul(square, -0.5)), 1.0)
    sine = w.mul(w.horner(square, cephes.SINE_POLYNOMIAL), square)
    sine = w.fma(sine, x, x)

    sine_bits, cosine_bits = w.to_bits(sine), w.to_bits(cosine)
    odd = w.integer_op("and", w.integer_op("lshr", octant, 1), 1)
    swapped = w.integer_op("and", w.integer_op("xor", sine_bits, cosine_bits), w.integer_op("sub", w.integer(0), odd))
    sine_sign = w.integer_op("shl", w.integer_op("and", octant, 4), 29)
    cosine_sign = w.integer_op("shl", w.integer_op("and", w.integer_op("add", octant, 2), 4), 29)
    sine = w.from_bits(w.integer_op("xor", w.integer_op("xor", sine_bits, swapped), sine_sign))
    return sine, w.from_bits(w.integer_op("xor", w.integer_op("xor", cosine_bits, swapped), cosine_sign))


def _write_normal_blocks() -> Code:
    code = Code("normal_blocks", {"values": POINTER, "blocks": WORD, "mean": "float", "std": "float"})
    values, blocks, *shared = code.parameters
    w = _Floats(code)
    mean, std = (w.splat(number) for number in shared)
    with code.loop(blocks) as block:
        place = w.at(values, code.mul(block.index, 2 * _HALF))
        behind = w.at(place, _HALF)
        first, second = (code.load(w.real_type, at, align=4) for at in (place, behind))
        radius = w.sqrt(w.mul(-2.0, _logarithm(w, w.sub(1.0, first))))
        sine, cosine = _sine_cosine(w, w.mul(float(cephes.TWO_PI), second))
        code.store(w.fma(w.mul(radius, cosine), std, mean), place, align=4)
        code.store(w.fma(w.mul(radius, sine), std, mean), behind, align=4)
    code.done()
    return code


def _write_exchange() -> Code:
    code = Code("exchange", {"order": POINTER, "partners": POINTER, "count": WORD})
    order, partners, count = code.parameters
    with code.loop(count) as step:
        here, there = code.at(WORD, order, step.index), code.at(WORD, order, code.word(partners, step.index))
        a, b = (code.load(WORD, place, align=8) for place in (here, there))
        code.store(b, here, align=8)
        code.store(a, there, align=8)
    code.done()
    return code
