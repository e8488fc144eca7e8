"""Loop emission: from a scalar expression to the IR of a function over whole arrays.

An elementwise kernel is ``void kernel(ptr operands, i64 start, i64 stop)``: it computes the elements from ``start`` to
``stop`` of contiguous arrays. ``operands`` is a table of 8-byte slots: the address of the output, then one slot an
input, either an address or, for a scalar, a float64. The same function serves every shape and every thread.

Note [direction]: a processor compares the low 12 bits of addresses to find out whether a load must wait for a store
still under way. Where the output lies a little behind an input in these bits, every load would wait for the stores
before it (half as slow again); so there the loop runs from the end to the beginning.

The body is written once. What does not fill a vector at the end is copied to a vector on the stack, and the same loop
runs over that: so no element's result depends on where the array was cut.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .code import POINTER, TRUTH, WORD, Code, Operand, module
from .math import MathBuilder
from .vectors import BFLOAT16, FLOAT16, Machine

ARRAY, SCALAR, TRUTHS, HALVES = "a", "s", "?", FLOAT16 + BFLOAT16
"""The forms of an operand in a pattern: "as" is an array and then a scalar, "ee" two arrays of float16, "?a" one of
truth values and one of numbers. What is in half precision is made float32 as it is read, and the result is rounded
once."""

Lower = Callable[..., Operand]


@dataclass(frozen=True, slots=True)
class KernelModule:
    """The IR of a kernel, and what a caller must know of it."""

    text: str
    result: str
    """The dtype of the output: that of the operands, "bool", or the letter of a kind of half precision."""
    cost: int
    """The number of vector instructions a vector of elements takes."""
    lanes: int


def elementwise_module(lower: Lower, dtype: str, pattern: str, machine: Machine, half: str = "") -> KernelModule:
    """The module of an elementwise kernel.

    ``lower(builder, *operands)`` writes the expression; ``pattern`` has a letter an operand: `ARRAY`, `SCALAR` or one
    of `HALVES`. A result that is a number is rounded to the kind of half precision ``half``, if one is given. Raises
    `NotImplementedError` where the expression has an operation that the dtype, or the processor, lacks.
    """
    if FLOAT16 in pattern + half and not machine.halves:
        raise NotImplementedError("no instructions for float16")
    return _Elementwise(dtype, machine, pattern, half).module(lower)


class _Elementwise:
    """Writes the loop round an expression: first over the array, then over the rest on the stack."""

    def __init__(self, dtype: str, machine: Machine, pattern: str, half: str) -> None:
        self.code = Code()
        self.math = MathBuilder(self.code, dtype, machine)
        self.pattern, self.half = pattern, half
        self.places: dict[int, Operand] = {}
        """Where the arrays' elements from ``start`` on are, the output's under 0."""
        self.stacks: dict[int, Operand] = {}
        """Room for a vector of each on the stack."""

    def module(self, lower: Lower) -> KernelModule:
        """The whole module."""
        code, math, lanes, pattern = self.code, self.math, self.math.lanes, self.pattern
        inputs = {k: ("i16", 2) if form in HALVES else ("i8", 1) if form == TRUTHS else (math.element, math.bits // 8)
                  for k, form in enumerate(pattern, 1) if form != SCALAR}
        for k, (element, _) in inputs.items():
            self._address(k, element)
        scalars = {k: self._scalar(k) for k, form in enumerate(pattern, 1) if form == SCALAR}
        _, start, stop = code.parameters
        count = code.sub(stop, start)
        rest = code.binary("and", count, lanes - 1)
        whole = code.sub(count, rest)
        code.branch(code.compare("ne", whole, 0), "pass", "remainder")
        code.label("remainder")
        code.branch(code.compare("ne", rest, 0), "gather", "done")
        code.label("gather")
        for k, (element, size) in inputs.items():
            code.store(Operand("zeroinitializer", f"<{lanes} x {element}>"), self.stacks[k], align=64)
            code.copy(self.stacks[k], code.at(element, self.places[k], whole), code.mul(rest, size))
        code.fall("pass")
        runs = {k: code.phi(POINTER, (self.places[k], "begin"), (self.stacks[k], "gather")) for k in inputs}
        out, backwards, step = code.phi(POINTER), code.phi(TRUTH), code.phi(WORD)  # their edges follow the expression
        limit = code.phi(WORD, (whole, "begin"), (lanes, "gather"))
        last = code.phi(TRUTH, (Operand("false", TRUTH), "begin"), (Operand("true", TRUTH), "gather"))
        first = code.select(backwards, code.sub(limit, lanes), 0)
        code.fall("body")
        index, left = code.phi(WORD, (first, "pass")), code.phi(WORD, (limit, "pass"))
        before = code.cost
        # An array may begin at any byte, and the processors meant here load from there as well.
        values = [scalars[k] if form == SCALAR else self._loaded(form, code.at(inputs[k][0], runs[k], index))
                  for k, form in enumerate(pattern, 1)]
        result = lower(math, *values)
        stored, element, size, name = self._as_kept(result)
        cost = code.cost - before
        code.store(stored, code.at(element, out, index))
        index.edge(code.add(index, step), code.block)
        following = code.sub(left, lanes)
        left.edge(following, code.block)
        code.branch(code.compare("ne", following, 0), "body", "finished")
        code.label("finished")
        code.branch(last, "scatter", "remainder")
        code.label("scatter")
        self._address(0, element)
        code.copy(code.at(element, self.places[0], whole), self.stacks[0], code.mul(rest, size))
        code.fall("done")
        code.done()
        known = self._direction([*inputs])
        for block, place in (("begin", self.places[0]), ("gather", self.stacks[0])):
            for phi, value in zip((out, backwards, step), (place, *known), strict=True):
                phi.edge(value, block)
        return KernelModule(module(code), name, cost, lanes)

    def _loaded(self, form: str, place: Operand) -> Operand:
        """A vector of the elements that begin at a place."""
        math = self.math
        if form == TRUTHS:
            truths = self.code.load(f"<{math.lanes} x i8>", place)
            return math.emit(f"icmp ne {truths.type} {truths}, zeroinitializer", math.mask_type)
        return math.load(place) if form == ARRAY else math.load_half(place, form)

    def _as_kept(self, result: Operand) -> tuple[Operand, str, int, str]:
        """The result as it is stored, LLVM's name of an element, its bytes, and the dtype."""
        math = self.math
        if result.is_mask:
            return self.code.convert("zext", result, f"<{math.lanes} x i8>"), "i8", 1, "bool"
        if self.half:
            return math.as_half(result, self.half), "i16", 2, self.half
        return result, math.element, math.bits // 8, math.dtype

    def _address(self, k: int, element: str) -> None:
        """An array's place, and room on the stack; the output's are known only when the expression is written."""
        code = self.code
        operands, start, _ = code.parameters
        with code.entry():
            self.places[k] = code.at(element, code.address(operands, k), start)
            self.stacks[k] = code.stack(f"<{self.math.lanes} x {element}>", align=64)

    def _scalar(self, k: int) -> Operand:
        """A scalar in every lane."""
        code = self.code
        with code.entry():
            wide = code.load("double", code.parameters[0], k, align=8)
            return self.math.splat(code.convert("fptrunc", wide, "float") if self.math.single else wide)

    def _direction(self, inputs: list[int]) -> tuple[Operand, Operand]:
        """Whether to run backwards, and the step: Note [direction]."""
        code, lanes = self.code, self.math.lanes
        with code.entry():
            out = code.convert("ptrtoint", self.places[0], WORD)
            behind = Operand("false", TRUTH)
            for k in inputs:
                ahead = code.sub(out, code.convert("ptrtoint", self.places[k], WORD))
                near = code.compare("ult", code.sub(code.binary("and", ahead, 4095), 1), 511)
                behind = code.binary("or", behind, near)
            return behind, code.select(behind, -lanes, lanes)
