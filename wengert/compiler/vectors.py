"""Expressions on vectors: named operations on one element, written down as LLVM IR.

A primitive's ``lower`` rule is handed a builder of expressions and values of it, and names operations:
``b.mul(x, b.tanh(x))``. A value stands for one element; what is written is one vector of neighbouring elements
(``lanes`` of them), because every instruction of LLVM reads the same for a vector as for a scalar. So nothing depends
on an auto-vectoriser, and every lane runs the very same instructions: an element's result does not depend on where in
the array it stands.

`Vectors` writes into the `Code` of a function and needs no LLVM; ``jit`` compiles it. `math.MathBuilder` adds the
transcendental functions; it is what ``lower`` rules get.

Floating-point flags: ``contract`` at most (a product and a sum may become one fused step). Never nnan, ninf or reassoc:
infinities, NaN and the order of operations mean what they say.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass, replace
from typing import Any

from .code import Code, Index, Operand

Number = float | int
FLOAT16, BFLOAT16 = "e", "E"
"""numpy's letters for half precision, and ml_dtypes'."""

Term = Operand | Number
"""What an operation takes: a value of the builder, or a Python number."""


@dataclass(frozen=True, slots=True)
class Machine:
    """What the generated code may assume of the processor: its vector registers and two groups of instructions."""

    vector_bytes: int
    fused: bool
    """There is a fused multiply-add. The accuracies stated in ``math`` hold where there is one."""
    avx512: bool
    halves: bool = False
    """float16 is turned into float32, and back, by instructions."""


class Vectors:
    """Writes the instructions for one vector of elements into a `Code`.

    ``dtype`` is "float32" or "float64". Without ``contract`` every product and every sum is rounded as it stands.
    """

    def __init__(self, code: Code, dtype: str, machine: Machine, contract: bool = True) -> None:
        self.code, self.dtype, self.machine = code, dtype, machine
        self.single = dtype == "float32"
        self.bits = 32 if self.single else 64
        self.fraction_bits = 23 if self.single else 52
        self.exponent_bias = 127 if self.single else 1023
        self.lanes = machine.vector_bytes * 8 // self.bits
        self.element = "float" if self.single else "double"
        self.real_type = f"<{self.lanes} x {self.element}>"
        self.integer_type = f"<{self.lanes} x i{self.bits}>"
        self.mask_type = f"<{self.lanes} x i1>"
        self.suffix = f"v{self.lanes}f{self.bits}"
        """How LLVM's intrinsics name the vector."""
        self._contract = " contract" if contract else ""

    def stepwise(self) -> Any:
        """This builder with each sum and each product that is asked for rounded as it stands; its functions are as
        ever."""
        return _Stepwise(self)

    # --- writing ------------------------------------------------------------------------------------------------------

    def emit(self, instruction: str, type: str | None = None) -> Operand:
        """Writes one instruction and returns its result, by default a vector of reals."""
        return self.code.emit(instruction, type or self.real_type)

    def intrinsic(self, name: str, *arguments: Operand) -> Operand:
        """Calls ``llvm.<name>`` for the vectors of reals."""
        return self.code.call(self.real_type, f"llvm.{name}.{self.suffix}", *arguments)

    def _real(self, x: Term) -> Operand:
        return x if isinstance(x, Operand) else self.const(x)

    def _binary(self, instruction: str, x: Term, y: Term) -> Operand:
        return self.emit(f"{instruction}{self._contract} {self.real_type} {self._real(x).text}, {self._real(y).text}")

    def _compare(self, condition: str, x: Term, y: Term) -> Operand:
        x, y = self._real(x), self._real(y)
        return self.emit(f"fcmp {condition} {self.real_type} {x.text}, {y.text}", self.mask_type)

    # --- arithmetic ---------------------------------------------------------------------------------------------------

    def const(self, number: Number) -> Operand:
        """A constant, rounded to the dtype."""
        number = float(number)
        if self.single:
            try:
                number = struct.unpack("f", struct.pack("f", number))[0]
            except OverflowError:
                number = float("inf") if number > 0 else float("-inf")
        image = struct.unpack("<Q", struct.pack("<d", number))[0]
        return Operand(f"splat ({self.element} 0x{image:016X})", self.real_type, number)

    def add(self, x: Term, y: Term) -> Operand:
        """x + y"""
        return self._binary("fadd", x, y)

    def sub(self, x: Term, y: Term) -> Operand:
        """x - y"""
        return self._binary("fsub", x, y)

    def mul(self, x: Term, y: Term) -> Operand:
        """x * y"""
        return self._binary("fmul", x, y)

    def div(self, x: Term, y: Term) -> Operand:
        """x / y, correctly rounded"""
        return self._binary("fdiv", x, y)

    def neg(self, x: Term) -> Operand:
        """-x (the sign bit flipped, of a NaN too)"""
        return self.emit(f"fneg {self.real_type} {self._real(x)}")

    def abs(self, x: Term) -> Operand:
        """|x|"""
        return self.intrinsic("fabs", self._real(x))

    def fma(self, x: Term, y: Term, z: Term) -> Operand:
        """x * y + z, rounded once where the machine can, else twice"""
        if not self.machine.fused:
            return self.add(self.mul(x, y), z)
        return self.intrinsic("fma", self._real(x), self._real(y), self._real(z))

    def min(self, x: Term, y: Term) -> Operand:
        """The smaller of x and y; NaN where either is NaN"""
        return self._extreme("olt", x, y)

    def max(self, x: Term, y: Term) -> Operand:
        """The larger of x and y; NaN where either is NaN"""
        return self._extreme("ogt", x, y)

    def _extreme(self, condition: str, x: Term, y: Term) -> Operand:
        x, y = self._real(x), self._real(y)
        if x.number is None and y.number is not None:
            x, y = y, x
        if x.number is not None and x.number != x.number:
            return x
        # This pair is the machine's own min or max: one instruction, which gives y where either operand is NaN.
        best = self.select(self._compare(condition, x, y), x, y)
        return best if x.number is not None else self.select(self.isnan(x), x, best)

    def sqrt(self, x: Term) -> Operand:
        """The square root, correctly rounded"""
        return self.intrinsic("sqrt", self._real(x))

    def rsqrt(self, x: Term) -> Operand:
        """1 / sqrt(x), both steps correctly rounded: at most 1.5 ulp"""
        return self.div(1.0, self.sqrt(x))

    def reciprocal(self, x: Term) -> Operand:
        """1 / x, correctly rounded"""
        return self.div(1.0, x)

    # --- rounding to integers, signs ----------------------------------------------------------------------------------

    def floor(self, x: Term) -> Operand:
        """The largest integer not above x"""
        return self.intrinsic("floor", self._real(x))

    def ceil(self, x: Term) -> Operand:
        """The smallest integer not below x"""
        return self.intrinsic("ceil", self._real(x))

    def round(self, x: Term) -> Operand:
        """The nearest integer, halves to even"""
        return self.intrinsic("roundeven", self._real(x))

    def trunc(self, x: Term) -> Operand:
        """x without its fraction"""
        return self.intrinsic("trunc", self._real(x))

    def copysign(self, x: Term, sign: Term) -> Operand:
        """|x| with the sign of ``sign``"""
        return self.intrinsic("copysign", self._real(x), self._real(sign))

    # --- comparisons and choices --------------------------------------------------------------------------------------

    def lt(self, x: Term, y: Term) -> Operand:
        """x < y, false where either is NaN"""
        return self._compare("olt", x, y)

    def le(self, x: Term, y: Term) -> Operand:
        """x <= y, false where either is NaN"""
        return self._compare("ole", x, y)

    def gt(self, x: Term, y: Term) -> Operand:
        """x > y, false where either is NaN"""
        return self._compare("ogt", x, y)

    def ge(self, x: Term, y: Term) -> Operand:
        """x >= y, false where either is NaN"""
        return self._compare("oge", x, y)

    def eq(self, x: Term, y: Term) -> Operand:
        """x == y, false where either is NaN"""
        return self._compare("oeq", x, y)

    def ne(self, x: Term, y: Term) -> Operand:
        """x != y, true where either is NaN"""
        return self._compare("une", x, y)

    def isnan(self, x: Term) -> Operand:
        """Whether x is NaN"""
        return self._compare("uno", x, x)

    def truth(self, x: Term) -> Operand:
        """Whether x is not zero (NaN counts as true); a mask is its own truth"""
        return x if isinstance(x, Operand) and x.is_mask else self.ne(x, 0.0)

    def logical_and(self, x: Term, y: Term) -> Operand:
        """Whether both are true"""
        return self.emit(f"and {self.mask_type} {self.truth(x)}, {self.truth(y)}", self.mask_type)

    def logical_or(self, x: Term, y: Term) -> Operand:
        """Whether either is true"""
        return self.emit(f"or {self.mask_type} {self.truth(x)}, {self.truth(y)}", self.mask_type)

    def logical_not(self, x: Term) -> Operand:
        """Whether x is false"""
        return self.emit(f"xor {self.mask_type} {self.truth(x)}, splat (i1 true)", self.mask_type)

    def select(self, condition: Operand, x: Term, y: Term) -> Operand:
        """x where ``condition`` holds, else y. Reals, or two values of the builder of one other type"""
        return self.code.select(self.truth(condition), self._real(x), self._real(y))

    # --- the bits of a number: for ``math`` ---------------------------------------------------------------------------

    def integer(self, number: int) -> Operand:
        """An integer constant as wide as the dtype."""
        return Operand(f"splat (i{self.bits} {number})", self.integer_type)

    def to_bits(self, x: Operand) -> Operand:
        """The bits of a real as an integer."""
        return self.emit(f"bitcast {self.real_type} {x} to {self.integer_type}", self.integer_type)

    def from_bits(self, x: Operand) -> Operand:
        """The real with these bits."""
        return self.emit(f"bitcast {self.integer_type} {x} to {self.real_type}")

    def integer_op(self, instruction: str, x: Operand, y: Operand | int) -> Operand:
        """An integer instruction of LLVM: add, sub, and, or, xor, shl, ashr, lshr."""
        y = y if isinstance(y, Operand) else self.integer(y)
        return self.emit(f"{instruction} {self.integer_type} {x.text}, {y.text}", self.integer_type)

    def to_real(self, x: Operand) -> Operand:
        """A signed integer as a real."""
        return self.emit(f"sitofp {self.integer_type} {x} to {self.real_type}")

    def bit_set(self, x: Operand, bit: int) -> Operand:
        """Whether this bit of an integer is set."""
        masked = self.integer_op("and", x, 1 << bit)
        return self.emit(f"icmp ne {self.integer_type} {masked}, zeroinitializer", self.mask_type)

    def scale(self, x: Operand, exponent: Operand, shifted: Operand, there: Operand | None = None) -> Operand:
        """x * 2**exponent with one rounding, also where that overflows or is subnormal; 0 unless ``there`` holds.

        ``exponent`` is a real with an integral value between -1100 and 1100; ``shifted`` the same number plus
        ``rounder``, whose low bits are that integer. With AVX-512 it may be anything where the result is 0.
        """
        if self.machine.avx512:
            name, kind = ("ps", "i16") if self.single else ("pd", "i8")
            mask = Operand("-1", kind) if there is None else self.code.convert("bitcast", there, kind)
            return self.code.call(self.real_type, f"llvm.x86.avx512.mask.scalef.{name}.512", x, exponent,
                                  Operand("zeroinitializer", self.real_type), mask, Operand("4", "i32"))
        # Two factors, each a normal number: 2**floor(n/2) and 2**ceil(n/2). The first product is exact.
        bits = self.to_bits(shifted)
        half = self.integer_op("ashr", bits, 1)
        other = self.integer_op("sub", bits, half)
        for part in (half, other):
            part = self.integer_op("shl", part, self.fraction_bits)
            part = self.integer_op("add", part, self.exponent_bias << self.fraction_bits)
            x = self.mul(x, self.from_bits(part))
        return x if there is None else self.select(there, x, 0.0)

    def exponent(self, x: Operand) -> Operand:
        """With AVX-512: the largest k with 2**k <= |x|, as a real."""
        return self._wide("getexp", x, self.zero)

    def mantissa(self, x: Operand) -> Operand:
        """With AVX-512: x divided by a power of two so that it lies between 3/4 and 3/2."""
        return self._wide("getmant", x, Operand("3", "i32"), self.zero)

    def logarithm_of_edges(self, result: Operand, x: Operand) -> Operand:
        """With AVX-512: ``result`` for a positive finite x; x where that is infinite or NaN, minus infinity where it is
        0, NaN below. One instruction looks up for each sort of number what to do (4 bits, from the right: NaN, NaN, 0,
        1, minus infinity, infinity, below, above)."""
        return self._wide("fixupimm", result, x, self.integer(0x03530422), Operand("0", "i32"))

    def _wide(self, name: str, *operands: Operand) -> Operand:
        """Calls an instruction of AVX-512 on all lanes, rounding as usual."""
        suffix, mask = ("ps", "i16") if self.single else ("pd", "i8")
        return self.code.call(self.real_type, f"llvm.x86.avx512.mask.{name}.{suffix}.512", *operands,
                              Operand("-1", mask), Operand("4", "i32"))

    @property
    def rounder(self) -> float:
        """1.5 * 2**fraction_bits: adding it to a real not too large leaves the nearest integer in the low bits."""
        return 1.5 * 2.0**self.fraction_bits

    def rarely(self, condition: Operand, usual: Sequence[Operand], otherwise: Callable[[], Sequence[Operand]]
               ) -> Sequence[Operand]:
        """``usual``; in the lanes where the condition holds, what ``otherwise`` computes.

        ``otherwise`` writes its instructions into a block that runs only if the condition holds in some lane.
        """
        code = self.code
        bits = code.convert("bitcast", condition, f"i{self.lanes}")
        some, cost = code.compare("ne", bits, 0), code.cost
        with code.when(some, usual) as rare:
            rare.results = [self.select(condition, x, y) for x, y in zip(otherwise(), usual, strict=True)]
        code.cost = cost
        return rare.results

    def widened(self) -> Vectors:
        """A builder of float64 with as many lanes, that writes to the same place: for the steps that need it."""
        wide = replace(self.machine, vector_bytes=2 * self.machine.vector_bytes, avx512=False)
        return Vectors(self.code, "float64", wide, bool(self._contract))

    # --- memory -------------------------------------------------------------------------------------------------------

    def at(self, pointer: Operand, index: Index) -> Operand:
        """The address of an element."""
        return self.code.at(self.element, pointer, index)

    def load(self, place: Operand, mask: Operand | None = None) -> Operand:
        """A vector that begins at this address; of the lanes that a mask leaves out nothing is read, and they are 0."""
        if mask is None:
            return self.code.load(self.real_type, place)
        return self.code.call(self.real_type, f"llvm.masked.load.{self.suffix}.p0", place, _ALIGN, mask, self.zero)

    def store(self, value: Operand, place: Operand, mask: Operand | None = None) -> None:
        """Write a vector, or of it the lanes of a mask."""
        if mask is None:
            self.code.store(value, place)
        else:
            self.code.call("void", f"llvm.masked.store.{self.suffix}.p0", value, place, _ALIGN, mask)

    def load_half(self, place: Operand, letter: str) -> Operand:
        """A vector of float32 that lies here in half precision, of which numpy's letter says the kind."""
        if letter == FLOAT16:
            half = f"<{self.lanes} x half>"
            return self.code.convert("fpext", self.code.load(half, place), self.real_type)
        bits = self.code.convert("zext", self.code.load(f"<{self.lanes} x i16>", place), self.integer_type)
        return self.from_bits(self.integer_op("shl", bits, 16))

    def as_half(self, x: Operand, letter: str) -> Operand:
        """A vector of float32 rounded to half precision, to the nearest number and to the even one of two."""
        if letter == FLOAT16:
            return self.code.convert("fptrunc", x, f"<{self.lanes} x half>")
        bits = self.to_bits(x)
        odd = self.integer_op("and", self.integer_op("lshr", bits, 16), 1)
        rounded = self.integer_op("add", self.integer_op("add", bits, odd), 0x7FFF)
        nan = self.integer_op("or", self.integer_op("and", bits, 0x80000000), 0x7FC00000)
        bits = self.code.select(self.isnan(x), nan, rounded)
        return self.code.convert("trunc", self.integer_op("lshr", bits, 16), f"<{self.lanes} x i16>")

    def number(self, place: Operand) -> Operand:
        """A single element."""
        return self.code.load(self.element, place, align=self.bits // 8)

    @property
    def zero(self) -> Operand:
        """Zeros."""
        return Operand("zeroinitializer", self.real_type)

    def splat(self, number: Operand) -> Operand:
        """A number in every lane."""
        type = f"<{self.lanes} x {number.type}>"
        first = self.code.emit(f"insertelement {type} poison, {number.type} {number}, i64 0", type)
        return self.code.emit(f"shufflevector {type} {first}, {type} poison, <{self.lanes} x i32> zeroinitializer",
                              type)

    def transposed(self, rows: Sequence[Operand]) -> list[Operand]:
        """The columns of a square of vectors: blocks of it change places, ever larger ones."""
        lanes, step, rows = self.lanes, 1, list(rows)
        while step < lanes:
            low = [j + lanes - step if j & step else j for j in range(lanes)]
            high = [j + lanes if j & step else j + step for j in range(lanes)]
            for i in range(lanes):
                if not i & step:
                    x, y = rows[i], rows[i | step]
                    rows[i], rows[i | step] = self._shuffled(x, y, low), self._shuffled(x, y, high)
            step *= 2
        return rows

    def _shuffled(self, x: Operand, y: Operand, order: Sequence[int]) -> Operand:
        places = ", ".join([f"i32 {place}" for place in order])
        return self.emit(f"shufflevector {self.real_type} {x}, {self.real_type} {y}, <{self.lanes} x i32> <{places}>")

    def first_lanes(self, count: Operand) -> Operand:
        """The mask of the first ``count`` lanes."""
        counts = self.splat(count)
        numbers = ", ".join([f"i64 {k}" for k in range(self.lanes)])
        return self.emit(f"icmp slt {counts.type} <{numbers}>, {counts}", self.mask_type)

    def sweep(self, start: Index, stop: Operand, body: Callable[[Operand, Operand | None], None]) -> None:
        """Write ``body(index, mask)`` for the vectors of elements from ``start`` to ``stop``: once for the full ones,
        and once with the mask of its lanes for the last, where that is not full."""
        code = self.code
        last = code.sub(stop, code.rest(code.sub(stop, start), self.lanes))
        with code.loop(last, start=start, step=self.lanes) as loop:
            body(loop.index, None)
        with code.when(code.less(last, stop)):
            body(last, self.first_lanes(code.sub(stop, last)))


class _Stepwise:
    """What `Vectors.stepwise` gives."""

    def __init__(self, builder: Vectors) -> None:
        self._builder, plain = builder, copy(builder)
        plain._contract = ""
        self.add, self.sub, self.mul = plain.add, plain.sub, plain.mul

    def __getattr__(self, name: str) -> Any:
        return getattr(self._builder, name)


_ALIGN = Operand("1", "i32 immarg")
