"""Numbers that a recording reads anew at each call: floats among the arguments, ``lr`` and its kin of optimisers.

While a function is recorded it gets a `Traced` quantity for such a number. Arithmetic gives further quantities, and
goes into the graph as 0-d float64 values, the precision of Python's own floats. A comparison has the outcome that it
has now, and is noted: a call in which it comes out otherwise is another recording. Whatever else asks for the value
(``float(lr)``, ``math.sqrt(lr)``, formatting) fixes it.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

from ..core.dtypes import DType, float64, from_numpy, int64
from ..core.errors import TraceError
from ..core.primitive import Primitive
from ..core.quantity import Quantity
from ..tensors.tensor import Tensor
from .sizes import TracedSize

Find = Callable[[Sequence[float]], float] | None
"""Works out a number from the quantities of a call; None for one that comes from a tensor, which nobody can."""
Number: TypeAlias = Quantity | complex
"""What meets a quantity in arithmetic and comparisons."""


class Condition:
    """Something that was found out about a quantity while recording, and must come out the same at a call."""

    __slots__ = ("find", "found", "test", "words")

    def __init__(
        self, find: Callable[[Sequence[float]], Any], test: Callable[[float], Any], found: Any, words: str
    ) -> None:
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
        self.noted.append(Condition(self._found(), float, self.value, f"the value of {self.words}"))
        return self.value

    def _found(self) -> Callable[[Sequence[float]], float]:
        if self.find is None:
            raise TraceError(
                "[item] the value of a tensor was asked for while a function is being recorded, when there are no "
                "values yet; compute with it, or return it, but let nothing depend on it (torch.where instead of if)"
            )
        return self.find

    # --- arithmetic ---------------------------------------------------------------------------------------------------

    def _with(self, function: Callable[..., Any], other: Any, reflected: bool = False) -> Any:
        if type(other) is TracedSize:
            other = other.fixed()
        if type(other) is TracedInteger:
            other = other.wide()
        if not isinstance(other, Traced) and type(other) not in (int, float, bool):
            return NotImplemented
        pair = (other, self) if reflected else (self, other)
        x, y = (part.find if isinstance(part, Traced) else (lambda _, part=part: part) for part in pair)
        find = None if x is None or y is None else lambda quantities: function(x(quantities), y(quantities))
        tensors = [part.tensor if isinstance(part, Traced) else part for part in pair]
        values = [part.value if isinstance(part, Traced) else part for part in pair]
        words = f"({self.words}, {other.words})" if isinstance(other, Traced) else self.words
        return Traced(function(*tensors), function(*values), find, self.noted, words)

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
        if not isinstance(other, Traced) and type(other) not in (int, float, bool):
            return NotImplemented
        mine = self._found()
        if isinstance(other, Traced):
            its = other._found()
            found = function(self.value, other.value)
            self.noted.append(Condition(lambda q: function(mine(q), its(q)), bool, found,
                                      f"how {self.words} and {other.words} compare"))
            return found
        found = function(self.value, other)
        self.noted.append(Condition(mine, lambda value: function(value, other), found,
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

    def __round__(self, digits: int | None = None) -> Any:
        return round(self.fixed(), digits)

    def __trunc__(self) -> int:
        return int(self.fixed())

    def __floor__(self) -> int:
        return math.floor(self.fixed())

    def __ceil__(self) -> int:
        return math.ceil(self.fixed())

    def __floordiv__(self, other: Any) -> Any:
        return self.fixed() // other

    def __rfloordiv__(self, other: Any) -> Any:
        return other // self.fixed()

    def __mod__(self, other: Any) -> Any:
        return self.fixed() % other

    def __rmod__(self, other: Any) -> Any:
        return other % self.fixed()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self.fixed(), dtype)

    def __float__(self) -> float:
        return float(self.fixed())

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


class Pending(Traced):
    """A quantity of which ``make`` makes an input of the graph once somebody computes with it."""

    __slots__ = ("_made", "make")

    def __init__(self, make: Callable[[], Traced], value: float, noted: list[Condition], words: str) -> None:
        self.make, self.value, self.noted, self.words, self.meets = make, value, noted, words, None
        self._made: Traced | None = None

    def whole(self) -> Traced:
        """The quantity."""
        if self._made is None:
            self._made = self.make()
        return self._made

    @property
    def tensor(self) -> Tensor:  # type: ignore[override]
        return self.whole().tensor

    @property
    def find(self) -> Find:  # type: ignore[override]
        return self.whole().find


class TracedInteger(Traced):
    """A number where Python code sees an int: an argument, or what ``item()`` gives of a tensor of integers or truth
    values, of which its ``tensor`` has the dtype."""

    __slots__ = ()

    __class__ = property(lambda self: int)

    def wide(self) -> Traced:
        """The number as a float of Python."""
        find = self.find
        return Traced(self.tensor.to(float64), float(self.value), find and (lambda q: float(find(q))), self.noted,
                      self.words)

    def cast(self, dtype: DType) -> Quantity:
        if dtype.kind in "fc":
            return self.wide().cast(dtype)
        return TracedInteger(self.tensor, self.value, self.find, self.noted, self.words, dtype)

    def _with(self, function: Callable[..., Any], other: Any, reflected: bool = False) -> Any:
        if type(other) is TracedSize:
            other = other.fixed()
        if function not in _EXACT or type(other) not in (int, bool, TracedInteger):
            return self.wide()._with(function, other, reflected)
        pair = (other, self) if reflected else (self, other)
        x, y = (part.find if type(part) is TracedInteger else (lambda _, part=part: part) for part in pair)
        find = None if x is None or y is None else lambda quantities: function(x(quantities), y(quantities))
        value = function(*[part.value if type(part) is TracedInteger else part for part in pair])
        tensors = [part.tensor.to(int64) if type(part) is TracedInteger else int(part) for part in pair]
        words = f"({self.words}, {other.words})" if type(other) is TracedInteger else self.words
        if find is not None and function is operator.mul:  # Python's integers have no end
            self.noted.append(Condition(find, lambda value: abs(value) < 2**62, abs(value) < 2**62,
                                        f"the size of {words}"))
        return TracedInteger(function(*tensors), value, find, self.noted, words)

    def __neg__(self) -> Any:
        return 0 - self

    def __index__(self) -> int:
        return int(self.fixed())

    def __floordiv__(self, other: Any) -> Any:
        return self._divided(operator.floordiv, other)

    def __mod__(self, other: Any) -> Any:
        return self._divided(operator.mod, other)

    def __divmod__(self, other: Any) -> Any:
        return self // other, self % other

    def _divided(self, function: Callable[[Any, Any], Any], other: Any) -> Any:
        """By a whole number that is not 0, where that is a quantity of integers too."""
        if self.find is None or type(other) is not int or not other:
            return function(self.fixed(), other)
        return self._with(function, other)

    def __getattr__(self, name: str) -> Any:
        if not hasattr(int, name):
            raise AttributeError(f"'int' object has no attribute {name!r}")
        return getattr(self.fixed(), name)


_EXACT = (operator.add, operator.sub, operator.mul, operator.floordiv, operator.mod)


def _of_value(name: str) -> Any:
    """The method of this name, of the number itself."""
    def method(self: TracedInteger, *others: Any) -> Any:
        others = tuple([other.fixed() if isinstance(other, Traced) else other for other in others])
        return getattr(int, name)(self.fixed(), *others)

    method.__name__ = name
    return method


for _name in ("__pow__", "__rpow__", "__and__", "__rand__", "__or__", "__ror__", "__xor__", "__rxor__", "__lshift__",
              "__rlshift__", "__rshift__", "__rrshift__", "__invert__", "__rfloordiv__", "__rmod__", "__rdivmod__"):
    setattr(TracedInteger, _name, _of_value(_name))


NUMBERS = frozenset({bool, int, float, complex})
AS_THEY_ARE = NUMBERS | {type(None), type(...), str, DType, Primitive}
"""The types of parameters that are plain data themselves."""


def plain_parameter(primitive: Primitive, name: str, value: object) -> Any:
    """A parameter as plain data: what does not change and can be written down."""
    if type(value) in AS_THEY_ARE or (type(value) is tuple and all([type(part) in AS_THEY_ARE for part in value])):
        return value
    if not isinstance(value, (Traced, TracedSize)) and isinstance(value, tuple(AS_THEY_ARE)):
        return value
    if type(value) is TracedSize:
        return value.taken()
    if isinstance(value, Traced):
        return value.fixed()
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.dtype):
        return from_numpy(value)
    if isinstance(value, slice):
        return slice(*(plain_parameter(primitive, name, part) for part in (value.start, value.stop, value.step)))
    if isinstance(value, (tuple, list)):
        return tuple([plain_parameter(primitive, name, part) for part in value])
    if isinstance(value, dict):
        return {key: plain_parameter(primitive, name, part) for key, part in value.items()}
    raise TraceError(
        f"[{primitive.name}] a parameter {name} of plain numbers, strings and tuples was expected; got "
        f"{type(value).__name__}, which cannot be recorded"
    )
