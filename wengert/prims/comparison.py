"""Comparisons, logic and choice, element by element."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np

from ..core.operands import Array, Rule
from ..core.primitive import elementwise
from ..core.samples import cases


def _constant(name: str, eval: str | Rule, arity: int = 2, promotion: str = "compare", **rest: Any) -> Any:
    return elementwise(name, eval, derivative=(None,) * arity, saves=("",) * arity, promotion=promotion, **rest)


def _ordered(name: str) -> Any:
    """A comparison of order, which complex numbers do not have (numpy would compare them by their real parts)."""

    def evaluate(xp: ModuleType, x: Array, y: Array) -> Array:
        if (getattr(x, "dtype", None) or np.dtype(type(x))).kind in "cW" or (
                getattr(y, "dtype", None) or np.dtype(type(y))).kind in "cW":
            raise NotImplementedError(f'"{name}_cpu" not implemented for complex numbers, which have no order')
        return getattr(xp, name)(x, y)

    return evaluate


_INTEGERS = cases((np.array([12, -7, 0]), np.array([3, 2, 1])))
eq = _constant("eq", "equal")
ne = _constant("ne", "not_equal")
lt = _constant("lt", _ordered("less"))
le = _constant("le", _ordered("less_equal"))
gt = _constant("gt", _ordered("greater"))
ge = _constant("ge", _ordered("greater_equal"))
logical_and = _constant("logical_and", "logical_and")
logical_or = _constant("logical_or", "logical_or")
logical_xor = _constant("logical_xor", "logical_xor")
logical_not = _constant("logical_not", "logical_not", 1)
isnan = _constant("isnan", "isnan", 1)
isinf = _constant("isinf", "isinf", 1)
isfinite = _constant("isfinite", "isfinite", 1)
signbit = _constant("signbit", "signbit", 1)
bitwise_and = _constant("bitwise_and", "bitwise_and", promotion="same", samples=_INTEGERS)
bitwise_or = _constant("bitwise_or", "bitwise_or", promotion="same", samples=_INTEGERS)
bitwise_xor = _constant("bitwise_xor", "bitwise_xor", promotion="same", samples=_INTEGERS)
bitwise_not = _constant("bitwise_not", "bitwise_not", 1, promotion="same", samples=cases((np.array([12, -7, 0]),)))


def _shift(name: str) -> Any:
    def evaluate(xp: ModuleType, x: Array, y: Array) -> Array:
        if xp.result_type(x, y).kind == "b":
            raise NotImplementedError(f"\"{name}_cpu\" not implemented for 'Bool'")
        return getattr(xp, name)(x, y)

    return evaluate


left_shift = _constant("left_shift", _shift("left_shift"), promotion="same", samples=_INTEGERS)
right_shift = _constant("right_shift", _shift("right_shift"), promotion="same", samples=_INTEGERS)


def _where_eval(xp: ModuleType, condition: Array, x: Array, y: Array) -> Array:
    return xp.where(condition, x, y)


where = elementwise(
    "where", _where_eval, promotion="where",
    selects=lambda condition, x, y, out: condition, saves=("", "x", "x"),
    lower=lambda b, c, x, y: b.select(b.truth(c), x, y),
    samples=cases((np.array([[True], [False]]), (2, 3), (3,)), (np.array([True, False]), (2,), 0.5)),
)
