"""What bends the result of an elementwise primitive, as one expression for a kernel.

The one idea to know: rules run on symbols, which write down what they compute; given pairs of symbols, a value and how
it moves, they write down the derivative of the rule too. So the second derivative of each primitive of one operand
follows from its backward rule, without another rule for it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from ..core.generated import LARGE, run_large
from ..core.operands import Array
from ..core.primitive import P, Primitive
from ..core.symbols import Symbol


class _Pair(NamedTuple):
    """A value and its tangent; None where it does not move."""

    primal: Symbol
    tangent: Symbol | None

    @property
    def is_mask(self) -> Any:
        """Whether the value is a condition."""
        return self.primal.value.is_mask


class _PairBuilder:
    """Stands for a builder of expressions, and writes the derivative of each step beside it."""

    def __init__(self, builder: Any) -> None:
        self.builder, self.dtype = builder, builder.dtype

    def __getattr__(self, name: str) -> Callable[..., _Pair]:
        if name not in P or P.__getattr__(name).lower is None:
            raise NotImplementedError(f"a kernel's expression has no derivative of {name!r}")
        primitive: Primitive = P.__getattr__(name)

        def step(*values: Any) -> _Pair:
            primals = [x.primal if type(x) is _Pair else x for x in values]
            tangents = [x.tangent if type(x) is _Pair else None for x in values]
            out = primitive(*primals)
            return _Pair(out, _moved(primitive, tangents, primals, out))

        return step


def _moved(primitive: Primitive, tangents: list[Any], operands: list[Any], out: Symbol) -> Symbol | None:
    """The tangent of an elementwise primitive, by its backward rule."""
    total: Symbol | None = None
    for i, tangent in enumerate(tangents if primitive.vjp is not None else ()):
        if tangent is not None:
            needs = tuple([j == i for j in range(len(tangents))])
            term = primitive.rule("vjp")(tangent, (*operands, out, None), {}, needs)[i]
            total = term if total is None else total + term
    return total


class Bend:
    """``slope * second + bend * squares`` of a primitive of one operand, as an expression of what its backward rule
    ``reads`` (the operand, its result), of ``squares`` and, unless there is none, ``second``. To the compiler it is an
    elementwise primitive like any other."""

    def __init__(self, primitive: Primitive, reads: tuple[int, ...], arity: int) -> None:
        self.name, self.primitive, self.reads, self.arity = f"{primitive.name} bend", primitive, reads, arity

    def lower(self, builder: Any, *values: Any) -> Any:
        """The expression for a kernel."""
        symbols = [Symbol(builder, value) for value in values]
        count = len(self.reads)
        saved = [symbols[self.reads.index(i)] if i in self.reads else None for i in (0, 1)]
        squares, second = symbols[count], symbols[count + 1:]
        one = Symbol(builder, builder.const(1.0))
        rule, pairs = self.primitive.rule("vjp"), _PairBuilder(builder)
        (slope,) = rule(one, (*saved, None), {}, (True,))
        moving = [None if x is None else Symbol(pairs, _Pair(x, tangent))
                  for x, tangent in zip(saved, (one, slope), strict=True)]
        (found,) = rule(Symbol(pairs, _Pair(one, None)), (*moving, None), {}, (True,))
        bend = found.value.tangent
        if bend is None:
            raise NotImplementedError("a second derivative of zero")
        total = bend * squares
        return (slope * second[0] + total if second else total).value


_bends: dict[tuple[Primitive, int], Bend] = {}
"""By primitive and number of operands."""


def curved(primitive: Primitive, x: Array, out: Array, squares: Array, slope: Array, second: Array | None
           ) -> Array | None:
    """``bend * squares + slope * second`` of large arrays by a generated kernel; None where there is none."""
    if primitive.arity != 1 or primitive.lower is None or x.size < LARGE:
        return None
    reads = primitive.plan((True,))[0]
    rest = [squares] if second is None or len(reads) > 1 else [squares, second]
    key = primitive, len(reads) + len(rest)
    if key not in _bends:
        _bends[key] = Bend(primitive, reads, key[1])
    found = run_large(_bends[key], [(x, out)[i] for i in reads] + rest)
    if found is not None and second is not None and len(rest) == 1:
        found += slope * second
    return found
