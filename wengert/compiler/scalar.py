"""The scalar-expression builder: named operations on one element, written down as LLVM IR.

A primitive's ``lower`` rule is handed a `Builder` and values of it, and names operations: ``b.mul(x, b.tanh(x))``. A
value stands for one element; what is written is one vector of neighbouring elements (``lanes`` of them), because
every instruction of LLVM reads the same for a vector as for a scalar. So nothing depends on an auto-vectoriser, and
every lane runs the very same instructions: an element's result does not depend on where in the array it stands.

The builder writes text and needs no LLVM; ``jit`` compiles it. `math.MathBuilder` adds the transcendental functions;
it is what ``lower`` rules get.

Floating-point flags: ``contract`` only (a product and a sum may become one fused step). Never nnan, ninf or reassoc:
infinities, NaN and the order of operations mean what they say.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import count

Number = float | int


@dataclass(frozen=True, slots=True)
class Value:
    """An operand of the IR: its text (``%v7`` or a constant) and its kind: ``real``, ``mask`` or ``integer``."""

    text: str
    kind: str
    number: float | None = None
    """The number, where the value is a constant."""


@dataclass(frozen=True, slots=True)
class Machine:
    """What the generated code may assume of the processor: its vector registers and two groups of instructions."""

    vector_bytes: int
    fused: bool
    """There is a fused multiply-add. The accuracies stated in ``math`` hold where there is one."""
    avx512: bool


class Builder:
    """Writes the instructions for one vector of elements.

    ``dtype`` is "float32" or "float64". Every method takes values of this builder, or Python numbers, and returns a
    value. ``lines`` is the IR written so far; ``block`` the label of the basic block it ends in; ``cost`` the number
    of instructions.
    """

    def __init__(self, dtype: str, machine: Machine) -> None:
        self.dtype, self.machine = dtype, machine
        self.single = dtype == "float32"
        self.bits = 32 if self.single else 64
        self.fraction_bits = 23 if self.single else 52
        self.exponent_bias = 127 if self.single else 1023
        self.lanes = machine.vector_bytes * 8 // self.bits
        self.element = "float" if self.single else "double"
        self.real_type = f"<{self.lanes} x {self.element}>"
        self.integer_type = f"<{self.lanes} x i{self.bits}>"
        self.mask_type = f"<{self.lanes} x i1>"
        self.lines: list[str] = []
        self.declarations: dict[str, str] = {}
        self.block = "body"
        self.cost = 0
        self.names = count(1)

    # --- writing ------------------------------------------------------------------------------------------------------

    def emit(self, instruction: str, kind: str = "real") -> Value:
        """Writes one instruction and returns its result."""
        self.cost += 1
        name = f"%v{next(self.names)}"
        self.lines.append(f"  {name} = {instruction}")
        return Value(name, kind)

    def intrinsic(self, name: str, *arguments: Value) -> Value:
        """Calls ``llvm.<name>`` for the vector type of the builder."""
        full = f"@llvm.{name}.v{self.lanes}f{self.bits}"
        self.declarations[full] = f"declare {self.real_type} {full}({', '.join([self.real_type] * len(arguments))})"
        return self.emit(f"call {self.real_type} {full}({', '.join(f'{self.real_type} {a.text}' for a in arguments)})")

    def _real(self, x: Value | Number) -> Value:
        return x if isinstance(x, Value) else self.const(x)

    def _binary(self, instruction: str, x: Value | Number, y: Value | Number) -> Value:
        return self.emit(f"{instruction} contract {self.real_type} {self._real(x).text}, {self._real(y).text}")

    def _compare(self, condition: str, x: Value | Number, y: Value | Number) -> Value:
        return self.emit(f"fcmp {condition} {self.real_type} {self._real(x).text}, {self._real(y).text}", "mask")

    # --- arithmetic ---------------------------------------------------------------------------------------------------

    def const(self, number: Number) -> Value:
        """A constant, rounded to the dtype."""
        number = float(number)
        if self.single:
            try:
                number = struct.unpack("f", struct.pack("f", number))[0]
            except OverflowError:
                number = float("inf") if number > 0 else float("-inf")
        image = struct.unpack("<Q", struct.pack("<d", number))[0]
        return Value(f"splat ({self.element} 0x{image:016X})", "real", number)

    def add(self, x: Value | Number, y: Value | Number) -> Value:
        """x + y"""
        return self._binary("fadd", x, y)

    def sub(self, x: Value | Number, y: Value | Number) -> Value:
        """x - y"""
        return self._binary("fsub", x, y)

    def mul(self, x: Value | Number, y: Value | Number) -> Value:
        """x * y"""
        return self._binary("fmul", x, y)

    def div(self, x: Value | Number, y: Value | Number) -> Value:
        """x / y, correctly rounded"""
        return self._binary("fdiv", x, y)

    def neg(self, x: Value | Number) -> Value:
        """-x (the sign bit flipped, of a NaN too)"""
        return self.emit(f"fneg {self.real_type} {self._real(x).text}")

    def abs(self, x: Value | Number) -> Value:
        """|x|"""
        return self.intrinsic("fabs", self._real(x))

    def fma(self, x: Value | Number, y: Value | Number, z: Value | Number) -> Value:
        """x * y + z, rounded once where the machine can, else twice"""
        if not self.machine.fused:
            return self.add(self.mul(x, y), z)
        return self.intrinsic("fma", self._real(x), self._real(y), self._real(z))

    def min(self, x: Value | Number, y: Value | Number) -> Value:
        """The smaller of x and y; NaN where either is NaN"""
        return self._extreme("olt", x, y)

    def max(self, x: Value | Number, y: Value | Number) -> Value:
        """The larger of x and y; NaN where either is NaN"""
        return self._extreme("ogt", x, y)

    def _extreme(self, condition: str, x: Value | Number, y: Value | Number) -> Value:
        x, y = self._real(x), self._real(y)
        if x.number is None and y.number is not None:
            x, y = y, x
        # This pair is the machine's own min or max: one instruction, which gives y where either operand is NaN.
        best = self.select(self._compare(condition, x, y), x, y)
        return best if x.number is not None else self.select(self.isnan(x), x, best)

    def sqrt(self, x: Value | Number) -> Value:
        """The square root, correctly rounded"""
        return self.intrinsic("sqrt", self._real(x))

    def rsqrt(self, x: Value | Number) -> Value:
        """1 / sqrt(x), both steps correctly rounded: at most 1.5 ulp"""
        return self.div(1.0, self.sqrt(x))

    def reciprocal(self, x: Value | Number) -> Value:
        """1 / x, correctly rounded"""
        return self.div(1.0, x)

    # --- rounding to integers, signs ----------------------------------------------------------------------------------

    def floor(self, x: Value | Number) -> Value:
        """The largest integer not above x"""
        return self.intrinsic("floor", self._real(x))

    def ceil(self, x: Value | Number) -> Value:
        """The smallest integer not below x"""
        return self.intrinsic("ceil", self._real(x))

    def round(self, x: Value | Number) -> Value:
        """The nearest integer, halves to even"""
        return self.intrinsic("roundeven", self._real(x))

    def trunc(self, x: Value | Number) -> Value:
        """x without its fraction"""
        return self.intrinsic("trunc", self._real(x))

    def copysign(self, x: Value | Number, sign: Value | Number) -> Value:
        """|x| with the sign of ``sign``"""
        return self.intrinsic("copysign", self._real(x), self._real(sign))

    # --- comparisons and choices --------------------------------------------------------------------------------------

    def lt(self, x: Value | Number, y: Value | Number) -> Value:
        """x < y, false where either is NaN"""
        return self._compare("olt", x, y)

    def le(self, x: Value | Number, y: Value | Number) -> Value:
        """x <= y, false where either is NaN"""
        return self._compare("ole", x, y)

    def gt(self, x: Value | Number, y: Value | Number) -> Value:
        """x > y, false where either is NaN"""
        return self._compare("ogt", x, y)

    def ge(self, x: Value | Number, y: Value | Number) -> Value:
        """x >= y, false where either is NaN"""
        return self._compare("oge", x, y)

    def eq(self, x: Value | Number, y: Value | Number) -> Value:
        """x == y, false where either is NaN"""
        return self._compare("oeq", x, y)

    def ne(self, x: Value | Number, y: Value | Number) -> Value:
        """x != y, true where either is NaN"""
        return self._compare("une", x, y)

    def isnan(self, x: Value | Number) -> Value:
        """Whether x is NaN"""
        return self._compare("uno", x, x)

    def truth(self, x: Value | Number) -> Value:
        """Whether x is not zero (NaN counts as true); a mask is its own truth"""
        return x if isinstance(x, Value) and x.kind == "mask" else self.ne(x, 0.0)

    def logical_and(self, x: Value | Number, y: Value | Number) -> Value:
        """Whether both are true"""
        return self.emit(f"and {self.mask_type} {self.truth(x).text}, {self.truth(y).text}", "mask")

    def logical_or(self, x: Value | Number, y: Value | Number) -> Value:
        """Whether either is true"""
        return self.emit(f"or {self.mask_type} {self.truth(x).text}, {self.truth(y).text}", "mask")

    def logical_not(self, x: Value | Number) -> Value:
        """Whether x is false"""
        return self.emit(f"xor {self.mask_type} {self.truth(x).text}, splat (i1 true)", "mask")

    def select(self, condition: Value, x: Value | Number, y: Value | Number) -> Value:
        """x where ``condition`` holds, else y. Reals, or two values of the builder of one other kind"""
        x, y = self._real(x), self._real(y)
        kind, mask = self.vector_type(x.kind), self.truth(condition).text
        return self.emit(f"select {self.mask_type} {mask}, {kind} {x.text}, {kind} {y.text}", x.kind)

    # --- the bits of a number: for ``math`` ---------------------------------------------------------------------------

    def integer(self, number: int) -> Value:
        """An integer constant as wide as the dtype."""
        return Value(f"splat (i{self.bits} {number})", "integer")

    def to_bits(self, x: Value) -> Value:
        """The bits of a real as an integer."""
        return self.emit(f"bitcast {self.real_type} {x.text} to {self.integer_type}", "integer")

    def from_bits(self, x: Value) -> Value:
        """The real with these bits."""
        return self.emit(f"bitcast {self.integer_type} {x.text} to {self.real_type}")

    def integer_op(self, instruction: str, x: Value, y: Value | int) -> Value:
        """An integer instruction of LLVM: add, sub, and, or, xor, shl, ashr, lshr."""
        y = y if isinstance(y, Value) else self.integer(y)
        return self.emit(f"{instruction} {self.integer_type} {x.text}, {y.text}", "integer")

    def to_real(self, x: Value) -> Value:
        """A signed integer as a real."""
        return self.emit(f"sitofp {self.integer_type} {x.text} to {self.real_type}")

    def bit_set(self, x: Value, bit: int) -> Value:
        """Whether this bit of an integer is set."""
        masked = self.integer_op("and", x, 1 << bit)
        return self.emit(f"icmp ne {self.integer_type} {masked.text}, zeroinitializer", "mask")

    def scale(self, x: Value, exponent: Value, shifted: Value) -> Value:
        """x * 2**exponent with one rounding, also where that overflows or is subnormal.

        ``exponent`` is a real with an integral value between -1100 and 1100; ``shifted`` the same number plus
        ``rounder``, whose low bits are that integer.
        """
        if self.machine.avx512:
            kind, mask = ("ps", "i16") if self.single else ("pd", "i8")
            name = f"@llvm.x86.avx512.mask.scalef.{kind}.512"
            vector = self.real_type
            self.declarations[name] = f"declare {vector} {name}({vector}, {vector}, {vector}, {mask}, i32)"
            return self.emit(f"call {vector} {name}({vector} {x.text}, {vector} {exponent.text}, "
                             f"{vector} zeroinitializer, {mask} -1, i32 4)")
        # Two factors, each a normal number: 2**floor(n/2) and 2**ceil(n/2). The first product is exact.
        bits = self.to_bits(shifted)
        half = self.integer_op("ashr", bits, 1)
        other = self.integer_op("sub", bits, half)
        for part in (half, other):
            part = self.integer_op("shl", part, self.fraction_bits)
            part = self.integer_op("add", part, self.exponent_bias << self.fraction_bits)
            x = self.mul(x, self.from_bits(part))
        return x

    @property
    def rounder(self) -> float:
        """1.5 * 2**fraction_bits: adding it to a real not too large leaves the nearest integer in the low bits."""
        return 1.5 * 2.0**self.fraction_bits

    def vector_type(self, kind: str) -> str:
        """The IR type of values of a kind."""
        return {"real": self.real_type, "integer": self.integer_type, "mask": self.mask_type}[kind]

    def rarely(self, condition: Value, usual: Sequence[Value], otherwise: Callable[[], Sequence[Value]]) -> list[Value]:
        """``usual``; in the lanes where the condition holds, what ``otherwise`` computes.

        ``otherwise`` writes its instructions into a block that runs only if the condition holds in some lane.
        """
        name = f"rare{next(self.names)}"
        bits = self.emit(f"bitcast {self.mask_type} {condition.text} to i{self.lanes}")
        some = self.emit(f"icmp ne i{self.lanes} {bits.text}, 0")
        self.lines.append(f"  br i1 {some.text}, label %{name}, label %{name}.done")
        before, cost = self.block, self.cost
        self.open_block(name)
        rare = [self.select(condition, value, other) for value, other in zip(otherwise(), usual, strict=True)]
        self.lines.append(f"  br label %{name}.done")
        inside, self.cost = self.block, cost
        self.open_block(f"{name}.done")
        return [self.emit(f"phi {self.vector_type(u.kind)} [ {u.text}, %{before} ], [ {r.text}, %{inside} ]", u.kind)
                for u, r in zip(usual, rare, strict=True)]

    def open_block(self, label: str) -> None:
        """Begins a basic block."""
        self.lines.append(f"{label}:")
        self.block = label

    def widened(self) -> Builder:
        """A builder of float64 with as many lanes, that writes to the same place: for the steps that need it."""
        wide = Builder("float64", replace(self.machine, vector_bytes=2 * self.machine.vector_bytes, avx512=False))
        wide.lines, wide.declarations, wide.names, wide.block = self.lines, self.declarations, self.names, self.block
        return wide
