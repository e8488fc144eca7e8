"""Numbers that a recording reads anew at each call: floats among the arguments, ``lr`` and its kin of optimisers.

While a function is recorded it gets a `Traced` quantity for such a number. Arithmetic gives further quantities, and
goes into the graph as 0-d float64 values, the precision of Python's own floats. A comparison has the outcome that it
has now, and is noted: a call in which it comes out otherwise is another recording. Whatever else asks for the value
(``float(lr)``, ``math.sqrt(lr)``, formatting) fixes it.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from ..core.dtypes import DType
from ..core.quantity import Quantity
from ..tensors.tensor import Tensor

Find = Callable[[Sequence[float]], float]
"""Works out a number from the quantities of a call."""
Number: TypeAlias = Quantity | complex
"""What meets a quantity in arithmetic and comparisons."""


class Condition:
    """Something that was found out about a quantity while recording, and must come out the same at a call."""

    __slots__ = ("find", "found", "test", "words")

    def __init__(self, find: Find, test: Callable[[float], Any], found: Any, words: str) -> None:
        self.find, self.test, self.found, self.words = find, test, found, words

    def holds(self, quantities: Sequence[float]) -> bool:
        found = self.test(self.find(quantities))
        return found == self.found or (found != found and self.found != self.found)


class Traced(Quantity):
    """A quantity of a recording. ``tensor`` is its 0-d tensor in the graph, ``value`` what it is now, ``find`` works it
    out from the quantities of a call, and ``meets`` is the dtype of what it meets, if that is known."""

    __slots__ = ("find", "meets", "noted", "tensor", "value", "words")

    def __init__(
        self, tensor: Tensor, value: float, find: Find, noted: list[Condition], words: str, meets: DType | None = None
    ) -> None:
        self.tensor, self.value, self.find, self.noted = tensor, value, find, noted
        self.words, self.meets = words, meets

    def cast(self, dtype: DType) -> Quantity:
        return Traced(self.tensor, self.value, self.find, self.noted, self.words, dtype)

    def fixed(self) -> float:
        self.noted.append(Condition(self.find, float, self.value, f"the value of {self.words}"))
        return self.value

    # --- arithmetic ---------------------------------------------------------------------------------------------------

    def _with(self, function: Callable[..., Any], other: Number, reflected: bool = False) -> Any:
        if isinstance(other, Quantity):
            assert type(other) is Traced
            mine, its = self.find, other.find
            return Traced(function(self.tensor, other.tensor), function(self.value, other.value),
                          lambda quantities: function(mine(quantities), its(quantities)), self.noted,
                          f"({self.words}, {other.words})")
        if type(other) not in (int, float, bool):
            return NotImplemented
        find = self.find
        if reflected:
            return Traced(function(other, self.tensor), function(other, self.value),
                          lambda quantities: function(other, find(quantities)), self.noted, self.words)
        return Traced(function(self.tensor, other), function(self.value, other),
                      lambda quantities: function(find(quantities), other), self.noted, self.words)

    def __add__(self, other: Number) -> Any:
        return self._with(operator.add, other)

    def __radd__(self, other: Number) -> Any:
        return self._with(operator.add, other, True)

    def __sub__(self, other: Number) -> Any:
        return self._with(operator.sub, other)

    def __rsub__(self, other: Number) -> Any:
        return self._with(operator.sub, other, True)

    def __mul__(self, other: Number) -> Any:
        return self._with(operator.mul, other)

    def __rmul__(self, other: Number) -> Any:
        return self._with(operator.mul, other, True)

    def __truediv__(self, other: Number) -> Any:
        return self._with(operator.truediv, other)

    def __rtruediv__(self, other: Number) -> Any:
        return self._with(operator.truediv, other, True)

    def __pow__(self, other: Number) -> Any:
        return self._with(operator.pow, other)

    def __rpow__(self, other: Number) -> Any:
        return self._with(operator.pow, other, True)

    def __neg__(self) -> Any:
        return self * -1.0

    def __pos__(self) -> Any:
        return self

    def __abs__(self) -> Any:
        return -self if self < 0 else self

    # --- what is found out --------------------------------------------------------------------------------------------

    def _compare(self, function: Callable[[Any, Any], bool], other: object) -> Any:
        if isinstance(other, Quantity):
            assert type(other) is Traced
            mine, its = self.find, other.find
            found = function(self.value, other.value)
            self.noted.append(Condition(lambda q: function(mine(q), its(q)), bool, found,
                                      f"how {self.words} and {other.words} compare"))
            return found
        if type(other) not in (int, float, bool):
            return NotImplemented
        found = function(self.value, other)
        self.noted.append(Condition(self.find, lambda value: function(value, other), found,
                                  f"how {self.words} and {other!r} compare"))
        return found

    def __eq__(self, other: object) -> Any:
        return self._compare(operator.eq, other)

    def __ne__(self, other: object) -> Any:
        return self._compare(operator.ne, other)

    def __lt__(self, other: Number) -> Any:
        return self._compare(operator.lt, other)

    def __le__(self, other: Number) -> Any:
        return self._compare(operator.le, other)

    def __gt__(self, other: Number) -> Any:
        return self._compare(operator.gt, other)

    def __ge__(self, other: Number) -> Any:
        return self._compare(operator.ge, other)

    def __bool__(self) -> bool:
        return bool(self != 0.0)

    def __float__(self) -> float:
        return self.fixed()

    def __int__(self) -> int:
        return int(self.fixed())

    def __hash__(self) -> int:
        return hash(self.fixed())

    def __str__(self) -> str:
        return str(self.fixed())

    def __format__(self, form: str) -> str:
        return format(self.fixed(), form)

    def __repr__(self) -> str:
        return repr(self.value)

    def __getattr__(self, name: str) -> Any:
        if not hasattr(float, name):
            raise AttributeError(f"'float' object has no attribute {name!r}")
        return getattr(self.fixed(), name)
