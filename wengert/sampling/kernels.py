"""Generated code for random numbers: normal float32 numbers in blocks of sixteen, and the exchanges of a shuffle.

The results are those of `box_muller` and `integers`, which say what is computed and why in this way; here the
processor's own fused multiply-add replaces their emulation of one, and a loop their detour round it. Both are asked
for when an array is first large enough to be worth it.
"""

from __future__ import annotations

import ctypes
import struct
from functools import cache
from itertools import count
from typing import Any

import numpy as np

from ..compiler.jit import Library, engine
from . import cephes

__all__ = ["exchange", "normal_blocks"]

_LANES = 8  # half a block


def normal_blocks(values: np.ndarray[Any, Any], mean: float, std: float) -> bool:
    """Turns uniform float32 numbers in place into normal ones; False, and nothing done, where numpy is faster.

    ``values`` is a contiguous vector whose length is a multiple of 16.
    """
    code = _code()
    if code is None:
        return False
    code.normal_blocks(values.ctypes.data, values.size // 16, mean, std)
    return True


def exchange(order: np.ndarray[Any, Any], partners: np.ndarray[Any, Any]) -> bool:
    """Exchanges, one step after another, the elements ``step`` and ``partners[step]`` of ``order``; both are int64.

    False, and nothing done, where there is no generated code.
    """
    code = _code()
    if code is None:
        return False
    code.exchange(order.ctypes.data, partners.ctypes.data, partners.size)
    return True


class _Code:
    """The linked functions. The words to draw take most of the time, so one thread does."""

    def __init__(self) -> None:
        self._library: Library = engine().load(_normal_blocks_ir() + _EXCHANGE, "normal_blocks", "exchange")
        addresses = self._library.addresses
        word, number = ctypes.c_int64, ctypes.c_float
        self.normal_blocks: Any = ctypes.CFUNCTYPE(None, word, word, number, number)(addresses["normal_blocks"])
        self.exchange: Any = ctypes.CFUNCTYPE(None, word, word, word)(addresses["exchange"])


@cache
def _code() -> _Code | None:
    """The functions; None on a processor whose fused multiply-add would be a call of the C library."""
    return _Code() if engine().machine.fused else None


class _Writer:
    """Writes instructions on vectors of eight float32, or of eight int32 of the same bits."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._names = count()

    def emit(self, instruction: str) -> str:
        name = f"%v{next(self._names)}"
        self.lines.append(f"  {name} = {instruction}")
        return name

    def real(self, operation: str, x: str, y: str) -> str:
        """``fadd``, ``fsub`` or ``fmul``, rounded as it stands: no flag allows the two of a pair to be fused."""
        return self.emit(f"{operation} <{_LANES} x float> {x}, {y}")

    def fused(self, x: str, y: str, z: str) -> str:
        """``x * y + z``, rounded once."""
        return self.call("llvm.fma.v8f32", x, y, z)

    def call(self, function: str, *operands: str) -> str:
        listed = ", ".join(f"<{_LANES} x float> {x}" for x in operands)
        return self.emit(f"call <{_LANES} x float> @{function}({listed})")

    def integer(self, operation: str, x: str, y: str | int) -> str:
        return self.emit(f"{operation} <{_LANES} x i32> {x}, {splat_integer(y) if isinstance(y, int) else y}")

    def to_bits(self, x: str) -> str:
        return self.emit(f"bitcast <{_LANES} x float> {x} to <{_LANES} x i32>")

    def from_bits(self, x: str) -> str:
        return self.emit(f"bitcast <{_LANES} x i32> {x} to <{_LANES} x float>")

    def polynomial(self, x: str, coefficients: tuple[float, ...]) -> str:
        """Horner's scheme, the highest power first."""
        value = splat(coefficients[0])
        for coefficient in coefficients[1:]:
            value = self.fused(value, x, splat(coefficient))
        return value


def splat(number: float | np.floating[Any]) -> str:
    """The constant with a number, rounded to float32, in every lane."""
    bits = struct.unpack("<Q", struct.pack("<d", float(np.float32(number))))[0]
    return "<" + ", ".join([f"float 0x{bits:016X}"] * _LANES) + ">"


def splat_integer(number: int) -> str:
    """The constant with an integer in every lane."""
    return "<" + ", ".join([f"i32 {number}"] * _LANES) + ">"


def _logarithm(w: _Writer, x: str) -> str:
    bits = w.to_bits(x)
    exponent = w.integer("ashr", w.integer("sub", bits, int(cephes.SQRT_HALF_BITS)), 23)
    x = w.real("fsub", w.from_bits(w.integer("sub", bits, w.integer("shl", exponent, 23))), splat(1.0))
    power = w.emit(f"sitofp <{_LANES} x i32> {exponent} to <{_LANES} x float>")
    square = w.real("fmul", x, x)
    value = w.real("fmul", w.polynomial(x, cephes.LOG_POLYNOMIAL), x)
    value = w.fused(value, square, w.real("fmul", power, splat(cephes.LN2_LOW)))
    value = w.real("fsub", value, w.real("fmul", square, splat(0.5)))
    return w.real("fadd", w.real("fadd", x, value), w.real("fmul", power, splat(cephes.LN2_HIGH)))


def _sine_cosine(w: _Writer, x: str) -> tuple[str, str]:
    scaled = w.real("fmul", x, splat(cephes.FOUR_OVER_PI))
    octant = w.emit(f"fptosi <{_LANES} x float> {scaled} to <{_LANES} x i32>")
    octant = w.integer("and", w.integer("add", octant, 1), -2)
    multiple = w.emit(f"sitofp <{_LANES} x i32> {octant} to <{_LANES} x float>")
    for part in cephes.QUARTER_PI:
        x = w.fused(multiple, splat(-part), x)
    square = w.real("fmul", x, x)
    cosine = w.real("fmul", w.polynomial(square, cephes.COSINE_POLYNOMIAL), square)
    negative_half = w.real("fmul", square, splat(-0.5))
    cosine = w.real("fadd", w.fused(cosine, square, negative_half), splat(1.0))
    sine = w.real("fmul", w.polynomial(square, cephes.SINE_POLYNOMIAL), square)
    sine = w.fused(sine, x, x)

    sine_bits, cosine_bits = w.to_bits(sine), w.to_bits(cosine)
    odd = w.integer("and", w.integer("lshr", octant, 1), 1)
    swapped = w.integer("and", w.integer("xor", sine_bits, cosine_bits), w.integer("sub", splat_integer(0), odd))
    sine_sign = w.integer("shl", w.integer("and", octant, 4), 29)
    cosine_sign = w.integer("shl", w.integer("and", w.integer("add", octant, 2), 4), 29)
    sine = w.from_bits(w.integer("xor", w.integer("xor", sine_bits, swapped), sine_sign))
    return sine, w.from_bits(w.integer("xor", w.integer("xor", cosine_bits, swapped), cosine_sign))


def _normal_blocks_ir() -> str:
    vector = f"<{_LANES} x float>"
    w = _Writer()
    u1 = w.real("fsub", splat(1.0), "%first")
    radius = w.call("llvm.sqrt.v8f32", w.real("fmul", splat(-2.0), _logarithm(w, u1)))
    sine, cosine = _sine_cosine(w, w.real("fmul", splat(cephes.TWO_PI), "%second"))
    cosines = w.fused(w.real("fmul", radius, cosine), "%std", "%mean")
    sines = w.fused(w.real("fmul", radius, sine), "%std", "%mean")
    body = "\n".join(w.lines)

    def splatted(name: str) -> str:
        return f"""
  %{name}.lane = insertelement {vector} poison, float %{name}.number, i64 0
  %{name} = shufflevector {vector} %{name}.lane, {vector} poison, <{_LANES} x i32> zeroinitializer"""

    return f"""
declare {vector} @llvm.fma.v8f32({vector}, {vector}, {vector})
declare {vector} @llvm.sqrt.v8f32({vector})

define void @normal_blocks(ptr %values, i64 %blocks, float %mean.number, float %std.number) nounwind {{
entry:{splatted("mean")}{splatted("std")}
  %some = icmp ne i64 %blocks, 0
  br i1 %some, label %block, label %done
block:
  %i = phi i64 [ 0, %entry ], [ %next, %block ]
  %offset = mul i64 %i, 16
  %place = getelementptr float, ptr %values, i64 %offset
  %behind = getelementptr float, ptr %place, i64 {_LANES}
  %first = load {vector}, ptr %place, align 4
  %second = load {vector}, ptr %behind, align 4
{body}
  store {vector} {cosines}, ptr %place, align 4
  store {vector} {sines}, ptr %behind, align 4
  %next = add i64 %i, 1
  %more = icmp ult i64 %next, %blocks
  br i1 %more, label %block, label %done
done:
  ret void
}}
"""


_EXCHANGE = """
define void @exchange(ptr %order, ptr %partners, i64 %count) nounwind {
entry:
  %some = icmp ne i64 %count, 0
  br i1 %some, label %step, label %done
step:
  %i = phi i64 [ 0, %entry ], [ %next, %step ]
  %partner.place = getelementptr i64, ptr %partners, i64 %i
  %partner = load i64, ptr %partner.place
  %here = getelementptr i64, ptr %order, i64 %i
  %there = getelementptr i64, ptr %order, i64 %partner
  %a = load i64, ptr %here
  %b = load i64, ptr %there
  store i64 %b, ptr %here
  store i64 %a, ptr %there
  %next = add i64 %i, 1
  %more = icmp ult i64 %next, %count
  br i1 %more, label %step, label %done
done:
  ret void
}
"""
