"""Symbols: the third sort of value on which rules run. A rule given symbols writes its formula down for a kernel.

Operators and primitives on symbols call a builder's methods (`wengert.compiler.math.MathBuilder`) by way of the
primitives' ``lower`` rules; what a kernel cannot hold raises NotImplementedError, and then there is no kernel.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .generated import Elementwise
from .operands import Params, Rule


class Symbol:
    """One element of an expression that is being written down."""

    __slots__ = ("builder", "value")

    def __init__(self, builder: Any, value: Any) -> None:
        self.builder, self.value = builder, value

    @property
    def dtype(self) -> np.dtype[Any]:
        """The kernel's dtype, or bool for a condition."""
        return np.dtype(bool if self.value.is_mask else self.builder.dtype)

    def __getattr__(self, name: str) -> Any:
        raise NotImplementedError(f"a kernel's expression has no {name!r}")

    def _with(self, operation: str, *operands: Symbol | float) -> Symbol:
        return Symbol(self.builder, getattr(self.builder, operation)(*(_value(x) for x in operands)))

    def __add__(self, other: Symbol | float) -> Symbol:
        return self._with("add", self, other)

    def __radd__(self, other: Symbol | float) -> Symbol:
        return self._with("add", other, self)

    def __sub__(self, other: Symbol | float) -> Symbol:
        return self._with("sub", self, other)

    def __rsub__(self, other: Symbol | float) -> Symbol:
        return self._with("sub", other, self)

    def __mul__(self, other: Symbol | float) -> Symbol:
        return self._with("mul", self, other)

    def __rmul__(self, other: Symbol | float) -> Symbol:
        return self._with("mul", other, self)

    def __truediv__(self, other: Symbol | float) -> Symbol:
        return self._with("div", self, other)

    def __rtruediv__(self, other: Symbol | float) -> Symbol:
        return self._with("div", other, self)

    def __neg__(self) -> Symbol:
        return self._with("neg", self)

    def __lt__(self, other: Symbol | float) -> Symbol:
        return self._with("lt", self, other)

    def __le__(self, other: Symbol | float) -> Symbol:
        return self._with("le", self, other)

    def __gt__(self, other: Symbol | float) -> Symbol:
        return self._with("gt", self, other)

    def __ge__(self, other: Symbol | float) -> Symbol:
        return self._with("ge", self, other)

    def __and__(self, other: Symbol | float) -> Symbol:
        return self._with("logical_and", self, other)

    def __or__(self, other: Symbol | float) -> Symbol:
        return self._with("logical_or", self, other)

    def __invert__(self) -> Symbol:
        return self._with("logical_not", self)

    def __pow__(self, exponent: float) -> Symbol:
        if exponent != 2:
            raise NotImplementedError("a kernel's expression has squares, and no other powers")
        return self * self


def _value(x: object) -> Any:
    """What a builder takes: its own value, or a number."""
    if isinstance(x, Symbol):
        return x.value
    if type(x) in (int, float):
        return x
    raise NotImplementedError(f"a kernel's expression cannot hold a {type(x).__name__}")


def lowered(primitive: Elementwise, operands: tuple[Any, ...], params: Params) -> Symbol:
    """A primitive on symbols and numbers, by its ``lower`` rule."""
    if primitive.lower is None:
        raise NotImplementedError(f"{primitive.name} has no lower rule")
    builder = next(x.builder for x in operands if isinstance(x, Symbol))
    return Symbol(builder, primitive.lower(builder, *(_value(x) for x in operands), **params))


class BackwardExpression:
    """The vjp of an elementwise primitive of one operand as an expression of ``(ct, x, out)``, as far as it reads them.

    To the compiler this is an elementwise primitive like any other: it has a name, an arity and a ``lower`` rule.
    """

    def __init__(self, primitive: Elementwise, rule: Rule, reads: tuple[bool, bool]) -> None:
        self.name, self.rule, self.reads = f"{primitive.name} backward", rule, reads
        self.arity = 1 + sum(reads)

    def lower(self, builder: Any, *values: Any) -> Any:
        """The expression for a kernel."""
        symbols = [Symbol(builder, value) for value in values]
        rest = iter(symbols[1:])
        saved = tuple(next(rest) if read else None for read in self.reads)
        return self.rule(symbols[0], (*saved, None), {}, (True,))[0].value
