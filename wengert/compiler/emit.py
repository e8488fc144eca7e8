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
from .vectors import Machine

ARRAY, SCALAR = "a", "s"
"""The forms of an operand in a pattern: "as" is an array and then a scalar."""

Lower = Callable[..., Operand]


@dataclass(frozen=True, slots=True)
class KernelModule:
    """The IR of a kernel, and what a caller must know of it."""

    text: str
    result: str
    """The dtype of the output: that of the operands, or "bool"."""
    cost: int
    """The number of vector instructions a vector of elements takes."""
    lanes: int


def elementwise_module(lower: Lower, dtype: str, pattern: str, machine: Machine) -> KernelModule:
    """The module of an elementwise kernel.

    ``lower(builder, *operands)`` writes the expression; ``pattern`` has a letter an operand: `ARRAY` or `SCALAR`.
    Raises `NotImplementedError` where the expression has an operation that the dtype lacks.
    """
    return _Elementwise(dtype, machine).module(lower, pattern)


class _Elementwise:
    """Writes the loop round an expression: first over the array, then over the rest on the stack."""

    def __init__(self, dtype: str, machine: Machine) -> None:
        self.code = Code()
        self.math = MathBuilder(self.code, dtype, machine)
        self.places: dict[int, Operand] = {}
        """Where the arrays' elements from ``start`` on are, the output's under 0."""
        self.stacks: dict[int, Operand] = {}
        """Room for a vector of each on the stack."""

    def module(self, lower: Lower, pattern: str) -> KernelModule:
        """The whole module."""
        code, math, lanes = self.code, self.math, self.math.lanes
        inputs = [k for k, form in enumerate(pattern, 1) if form == ARRAY]
        for k in inputs:
            self._address(k, math.element)
        scalars = {k: self._scalar(k) for k, form in enumerate(pattern, 1) if form == SCALAR}
        _, start, stop = code.parameters
        count = code.sub(stop, start)
        rest = code.binary("and", count, lanes - 1)
        whole = code.sub(count, rest)
        code.branch(code.compare("ne", whole, 0), "pass", "remainder")
        code.label("remainder")
        code.branch(code.compare("ne", rest, 0), "gather", "done")
        code.label("gather")
        for k in inputs:
            code.store(math.zero, self.stacks[k], align=64)
            code.copy(self.stacks[k], math.at(self.places[k], whole), code.mul(rest, math.bits // 8))
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
        values = [math.load(math.at(runs[k], index)) if form == ARRAY else scalars[k]
                  for k, form in enumerate(pattern, 1)]
        result = lower(math, *values)
        cost = code.cost - before
        stored = code.convert("zext", result, f"<{lanes} x i8>") if result.is_mask else result
        element, size = ("i8", 1) if result.is_mask else (math.element, math.bits // 8)
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
        known = self._direction(inputs)
        for block, place in (("begin", self.places[0]), ("gather", self.stacks[0])):
            for phi, value in zip((out, backwards, step), (place, *known), strict=True):
                phi.edge(value, block)
        return KernelModule(module(code), "bool" if result.is_mask else math.dtype, cost, lanes)

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
