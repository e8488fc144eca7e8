"""From primitives that work element by element to nodes of the loop IR.

The one idea to know: a primitive's ``lower`` rule names operations of a builder; given a `Writer` it writes nodes down
instead of instructions. Primitives that have no such rule, as a kernel of one dtype could not hold them, have one here,
or are evaluated as they are on symbols (`core/symbols.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from ..core.generated import takes
from ..core.primitive import Primitive
from .loops import INTEGERS, REALS, Node, Nodes

_COMPARISONS = frozenset({"lt", "le", "gt", "ge", "eq", "ne"})
_REAL = frozenset({"add", "sub", "mul", "div", "neg", "abs", "fma", "min", "max", "sqrt", "rsqrt", "reciprocal",
                   "floor", "ceil", "round", "trunc", "copysign", "exp", "exp2", "expm1", "log", "log2", "log10",
                   "log1p", "sin", "cos", "tanh", "sigmoid", "erf", "erfc", "normal_cdf", "pow"})
_INTEGER = frozenset({"add", "sub", "mul", "neg", "min", "max"})


Term: TypeAlias = Node | float
"""What an expression is made of: a node, or a number in its place."""


class Writer:
    """A builder of expressions that writes nodes of one dtype."""

    def __init__(self, nodes: Nodes, dtype: str) -> None:
        self.nodes, self.dtype = nodes, dtype

    def stepwise(self) -> Writer:
        """A builder that rounds each step as it stands: this one says nothing of how steps are rounded."""
        return self

    def const(self, number: float) -> Node:
        return self.nodes.const(number, self.dtype)

    def _term(self, x: Term) -> Node:
        return x if isinstance(x, Node) else self.const(x)

    def __getattr__(self, name: str) -> Callable[..., Node]:
        if name in _COMPARISONS:
            return lambda x, y: self.nodes.node(name, (self._term(x), self._term(y)), "bool", self.dtype)
        if name not in (_REAL if self.dtype in REALS else _INTEGER if self.dtype in INTEGERS else ()):
            raise NotImplementedError(f"there is no {name} of {self.dtype}")
        if name in ("sin", "cos") and self.dtype == "float64":
            raise NotImplementedError("sin and cos of float64 are left to numpy")
        return lambda *xs: self.nodes.node(name, tuple(map(self._term, xs)), self.dtype)

    def isnan(self, x: Term) -> Node:
        if self.dtype not in REALS:
            return self.nodes.const(False, "bool")
        return self.nodes.node("isnan", (self._term(x),), "bool", self.dtype)

    def truth(self, x: Term) -> Node:
        x = self._term(x)
        return x if x.is_mask else self.nodes.node("ne", (x, self.nodes.const(0, x.dtype)), "bool", x.dtype)

    def logical_and(self, x: Term, y: Term) -> Node:
        return self.nodes.node("logical_and", (self.truth(x), self.truth(y)), "bool")

    def logical_or(self, x: Term, y: Term) -> Node:
        return self.nodes.node("logical_or", (self.truth(x), self.truth(y)), "bool")

    def logical_not(self, x: Term) -> Node:
        return self.nodes.node("logical_not", (self.truth(x),), "bool")

    def select(self, condition: Node, x: Term, y: Term) -> Node:
        x, y = self._term(x), self._term(y)
        return self.nodes.node("select", (self.truth(condition), x, y), x.dtype)


def _pow(b: Writer, x: Term, y: Term) -> Node:
    """The exponents for which eager evaluation has short ways too; the others by the function."""
    if b.dtype not in REALS:
        raise NotImplementedError("powers of integers are left to numpy")
    if type(y) in (int, float) and y in _POWERS:
        return _POWERS[y](b, x)
    return b.pow(x, y)


_POWERS: dict[float, Callable[[Writer, Any], Node]] = {
    2: lambda b, x: b.mul(x, x), 3: lambda b, x: b.mul(b.mul(x, x), x), 1: lambda b, x: x, 0.5: lambda b, x: b.sqrt(x),
    -0.5: lambda b, x: b.rsqrt(x), -1: lambda b, x: b.reciprocal(x), -2: lambda b, x: b.reciprocal(b.mul(x, x)),
}


def _mul(b: Writer, x: Term, y: Term) -> Node:
    """Half of 1 + erf(z / sqrt(2)), as derivatives of ``gelu`` have it, is the normal distribution function of z, which
    has a shorter formula and is what the function itself computes."""
    if b.dtype not in REALS:
        return b.mul(x, y)
    whole, factor = _with_constant(b, x, y)
    if factor == 1:
        return whole
    if factor == 0.5 and whole.op == "add":
        erf, one = _with_constant(b, *whole.args)
        if one == 1 and erf.op == "erf" and erf.args[0].op == "mul":
            z, root = _with_constant(b, *erf.args[0].args)
            if root == 0.5**0.5:
                return b.normal_cdf(z)
    return b.mul(x, y)


def _with_constant(b: Writer, x: Term, y: Term) -> tuple[Node, Any]:
    """Two terms with a constant as a number, second; None there if there is none."""
    x, y = (term if isinstance(term, Node) else b.const(term) for term in (x, y))
    x, y = (y, x) if x.op == "const" else (x, y)
    return x, y.args[0] if y.op == "const" else None


def _compare(name: str) -> Callable[..., Node]:
    def lower(b: Writer, x: Term, y: Term) -> Node:
        if b.dtype == "bool":
            different = b.logical_or(b.logical_and(x, b.logical_not(y)), b.logical_and(y, b.logical_not(x)))
            if name not in ("eq", "ne"):
                raise NotImplementedError("truth values are not ordered")
            return different if name == "ne" else b.logical_not(different)
        return getattr(b, name)(x, y)

    return lower


def _bitwise(name: str) -> Callable[..., Node]:
    def lower(b: Writer, *xs: Any) -> Node:
        if b.dtype != "bool":
            raise NotImplementedError("the bits of integers are left to numpy")
        return getattr(b, name)(*xs)

    return lower


def _isinf(b: Writer, x: Term) -> Node:
    return b.eq(b.abs(x), float("inf"))


RULES: dict[str, Callable[..., Node]] = {
    "mul": _mul, **{name: _compare(name) for name in ("eq", "ne", "lt", "le", "gt", "ge")},
    "logical_and": lambda b, x, y: b.logical_and(x, y), "logical_or": lambda b, x, y: b.logical_or(x, y),
    "logical_xor": lambda b, x, y: _compare("ne")(Writer(b.nodes, "bool"), b.truth(x), b.truth(y)),
    "logical_not": lambda b, x: b.logical_not(x), "isnan": lambda b, x: b.isnan(x), "isinf": _isinf,
    "isfinite": lambda b, x: b.lt(b.abs(x), float("inf")), "positive": lambda b, x: x, "pow": _pow,
    "bitwise_and": _bitwise("logical_and"), "bitwise_or": _bitwise("logical_or"),
    "bitwise_not": _bitwise("logical_not"), "conj": lambda b, x: x,
    "masked_fill": lambda b, x, mask, value: b.select(mask, value, x),
    "sgn": lambda b, x: b.select(b.gt(x, 0), 1, b.select(b.lt(x, 0), -1, 0)),
    "sign": lambda b, x: b.select(b.gt(x, 0), 1, b.select(b.lt(x, 0), -1, 0)),
}
"""Rules of primitives whose own ``lower`` would not do: several dtypes, or a parameter."""

def _clamp(b: Writer, x: Node, low: float | None = None, high: float | None = None) -> Node:
    if low is not None and high is not None and low > high:
        return b.const(high)
    x = x if low is None else b.max(x, b.const(low))
    return x if high is None else b.min(x, b.const(high))


RULES.update({
    "clamp": _clamp, "hardtanh": _clamp,
    "threshold": lambda b, x, limit, value: b.select(b.le(x, limit), value, x),
    "deg2rad": lambda b, x: b.mul(x, np.pi / 180), "rad2deg": lambda b, x: b.mul(x, 180 / np.pi),
    "cosh": lambda b, x: b.mul(b.add(b.exp(x), b.exp(b.neg(x))), 0.5),
})


def lowered(primitive: Primitive, nodes: Nodes, dtype: str, operands: tuple[Any, ...], params: dict[str, Any]) -> Node:
    """The primitive on nodes and numbers, worked in ``dtype``. Raises `NotImplementedError` where it has no rule."""
    b: Any = Writer(nodes, dtype)
    rule = RULES.get(primitive.name) or primitive.lower
    if rule is not None:
        if not takes(rule, frozenset(params)):
            raise NotImplementedError(f"{primitive.name} has no rule with {', '.join(params)}")
        found = rule(b, *operands, **params)
        return found if type(found) is Node else b.const(found)
    raise NotImplementedError(f"{primitive.name} has no rule")
