"""Remainders and whole quotients of large arrays of floats by generated code, to the bit of C's ``fmod``.

The one idea to know: where a quotient is less than a significand can count, |x| − ⌊|x| / |y|⌋ |y| is a number of the
dtype, so that one fused multiply-add finds it; as the quotient is rounded, it may be one too large, but never too
small. C's own goes bit by bit, for the largest quotients too.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .generated import LARGE, run_large
from .operands import Array

_BOUND = {"f": 2.0**22, "d": 2.0**51}
"""Quotients below this are counted with bits to spare."""


class _Quotient:
    """``fmod``, ``remainder`` (the sign of the divisor) or ``floor_divide`` as an expression for a kernel, in the steps
    of numpy. To the compiler it is an elementwise primitive like any other."""

    arity = 2

    def __init__(self, name: str) -> None:
        self.name = name

    def lower(self, b: Any, x: Any, y: Any) -> Any:
        """The expression for a kernel."""
        if not b.machine.fused:
            raise NotImplementedError("remainders without a fused multiply-add")
        size, divisor = b.abs(x), b.abs(y)
        rest = b.fma(b.neg(b.trunc(b.div(size, divisor))), divisor, size)
        rest = b.select(b.lt(rest, 0.0), b.add(rest, divisor), rest)
        rest = b.copysign(rest, x)
        if self.name == "fmod":
            return rest
        none = b.eq(rest, 0.0)
        apart = b.lt(b.mul(b.copysign(1.0, rest), y), 0.0)  # of signs; y is not 0
        if self.name == "remainder":
            return b.select(none, b.copysign(0.0, y), b.select(apart, b.add(rest, y), rest))
        quotient = b.div(b.sub(x, rest), y)
        quotient = b.select(b.logical_and(b.logical_not(none), apart), b.sub(quotient, 1.0), quotient)
        whole = b.floor(quotient)
        whole = b.select(b.gt(b.sub(quotient, whole), 0.5), b.add(whole, 1.0), whole)
        return b.select(b.eq(quotient, 0.0), b.copysign(0.0, b.div(x, y)), whole)


_QUOTIENTS = {name: _Quotient(name) for name in ("fmod", "remainder", "floor_divide")}


def by_quotient(name: str, x: Any, y: Any) -> Array | None:
    """The result by generated code; None where numpy should compute it: of few elements, other numbers, and where
    something is not finite, or a quotient may be too large."""
    arrays = [each for each in (x, y) if type(each) is np.ndarray]
    bound = _BOUND.get(arrays[0].dtype.char) if arrays else None
    if bound is None or max([each.size for each in arrays]) < LARGE:
        return None
    most, least = np.abs(x).max(), np.abs(y).min()
    if not (least > 0 and most < bound * float(least) and np.isfinite(np.max(y)) and np.isfinite(np.min(y))):
        return None
    return run_large(_QUOTIENTS[name], (x, y))
