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

    def _with(self, operation: str, *operands: object) -> Symbol:
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

    def __eq__(self, other: object) -> Any:
        return self._with("eq", self, other)

    def __ne__(self, other: object) -> Any:
        return self._with("ne", self, other)

    __hash__ = object.__hash__

    def __bool__(self) -> bool:
        raise NotImplementedError("a kernel's expression is not chosen by the values of its elements")

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
    if isinstance(x, np.floating):
        return float(x)
    raise NotImplementedError(f"a kernel's expression cannot hold a {type(x).__name__}")


def lowered(primitive: Elementwise, operands: tuple[Any, ...], params: Params) -> Symbol:
    """A primitive on symbols and numbers, by its ``lower`` rule."""
    if primitive.lower is None:
        raise NotImplementedError(f"{primitive.name} has no lower rule")
    builder = next(x.builder for x in operands if isinstance(x, Symbol))
    given = {name: value.value if isinstance(value, Symbol) else value for name, value in params.items()}
    return Symbol(builder, primitive.lower(builder, *(_value(x) for x in operands), **given))


class _Symbols:
    """What stands for numpy where a formula is evaluated on symbols."""

    def __getattr__(self, name: str) -> Any:
        operation = _NAMES.get(name)
        if name.startswith("__"):  # asked by what looks for a protocol, as doctest and inspect do
            raise AttributeError(f"symbols have no {name}")
        if operation is None:
            raise NotImplementedError(f"symbols have no {name}")

        def apply(*xs: Any) -> Symbol:
            b = next(x.builder for x in xs if type(x) is Symbol)
            return Symbol(b, getattr(b, operation)(*[_value(x) for x in xs]))

        return apply

    def clip(self, x: Any, low: Any, high: Any) -> Any:
        return self.minimum(self.maximum(x, low), high)


_NAMES = {"where": "select", "minimum": "min", "maximum": "max", "absolute": "abs", "negative": "neg", "add": "add",
          "subtract": "sub", "multiply": "mul", "true_divide": "div",
          "rint": "round",
          **{name: name for name in ("exp", "exp2", "log", "log1p", "expm1", "tanh", "sqrt", "abs", "trunc", "floor",
                                     "copysign", "isnan")}}
SYMBOLS: Any = _Symbols()
"""The array module of symbols: as much of numpy as kernels have."""


class Steps:
    """A formula ``function(xp, *operands, **params)`` of floats as an expression for a kernel, which takes the same
    steps as numpy, each rounded as it stands. To the compiler it is an elementwise primitive like any other."""

    def __init__(self, name: str, function: Rule, arity: int) -> None:
        self.name, self.function, self.arity = name, function, arity

    def lower(self, builder: Any, *values: Any, **params: Any) -> Any:
        """The expression for a kernel."""
        if builder.dtype not in ("float32", "float64"):
            raise NotImplementedError(f"{self.name} of {builder.dtype}")
        stepwise = builder.stepwise()
        symbols = [_symbol(stepwise, value) for value in values]
        found = self.function(SYMBOLS, *symbols, **{name: _symbol(stepwise, value) for name, value in params.items()})
        return _value(found)


def _symbol(builder: Any, value: Any) -> Any:
    """A builder's value as a symbol; a number, or None, as it is."""
    return value if value is None or type(value) in (int, float) else Symbol(builder, value)


class BackwardExpression:
    """The vjp of an elementwise primitive as an expression of ``(ct, *operands, out)``, as far as it reads them, and of
    parameters: what goes to the operand at ``place``, all being of one shape.

    To the compiler this is an elementwise primitive like any other: it has a name, an arity and a ``lower`` rule.
    """

    def __init__(self, primitive: Elementwise, rule: Rule, reads: tuple[bool, ...], place: int = 0) -> None:
        self.name, self.rule, self.reads, self.place = f"{primitive.name} backward", rule, reads, place
        self.arity = 1 + sum(reads)
        self.needs = tuple([i == place for i in range(len(reads) - 1)])

    def lower(self, builder: Any, *values: Any, **params: Any) -> Any:
        """The expression for a kernel."""
        symbols = [_symbol(builder, value) for value in values]
        rest = iter(symbols[1:])
        saved = tuple([next(rest) if read else None for read in self.reads])
        given = {name: _symbol(builder, value) for name, value in params.items()}
        found = _value(self.rule(symbols[0], (*saved, None), given, self.needs)[self.place])
        if found is values[0]:
            raise NotImplementedError("the cotangent as it is")
        return found
