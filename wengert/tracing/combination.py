"""Graphs of one function, recorded for some sizes, put together to that for others; see `generalised`.

The one idea to know: what recordings have at one place is looked at together. Integers are added up with the weights
of the recordings; what is not a number must be the same in all. Where that is not so, `Unlike` says what differs.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from ..core.computed import FORMS
from ..core.spec import Spec
from ..ir import Effect, Instr, InstructionGraph, Value
from .program import Recording

Weights = list[Fraction]


class Unlike(Exception):
    """What keeps recordings from being one program."""


class Combination:
    """Puts things together that recordings have at the same place. ``values`` leads from those of the first graph."""

    def __init__(self, weights: Weights, recordings: Sequence[Recording]) -> None:
        self._weights = weights
        self._read = set().union(*[recording.read for recording in recordings])
        self.values: dict[Value, Value] = {}
        self._places: list[dict[Value, int]] = [{} for _ in weights]
        self._count = 0
        self.floats = [1.0]
        """What may stand in the form of a float that depends on a size."""

    def graph(self, graphs: list[InstructionGraph]) -> InstructionGraph:
        first = graphs[0]
        made = InstructionGraph(first.name)
        for field in ("inputs", "states", "generators"):
            getattr(made, field).extend(map(self._value, self.aligned([getattr(g, field) for g in graphs], field)))
        for constants in self.aligned([g.constants for g in graphs], "constants"):
            value = self._value([value for value, _ in constants], f"c{self._count}")
            is_read = bool(self._read & {value for value, _ in constants})
            made.constants.append((value, self._constant(value, [array for _, array in constants], is_read)))
        for instrs in self.aligned([g.instrs for g in graphs], "instructions"):
            made.instrs.append(self._instr(list(instrs)))
        for effects in self.aligned([g.effects for g in graphs], "effects"):
            one = effects[0]
            if any((e.kind, e.target) != (one.kind, one.target) for e in effects):
                raise Unlike("other tensors are written")
            made.effects.append(Effect(one.kind, one.target, self.of([e.value for e in effects])))
        made.outputs = [self.of(list(outputs)) for outputs in self.aligned([g.outputs for g in graphs], "results")]
        made.counted = first.counted
        return made

    def aligned(self, lists: list[Any], what: str) -> Any:
        if len({len(each) for each in lists}) > 1:
            raise Unlike(f"the number of {what} depends on a size")
        return zip(*lists, strict=True)

    def _value(self, values: Sequence[Value], name: str = "") -> Value:
        """A value that is defined here; the backward half's may be those of the forward one."""
        if values[0] in self.values:
            return self._known(values)
        first = values[0]
        made = self.values[first] = Value(name or first.name, self.of([value.spec for value in values]))
        for places, value in zip(self._places, values, strict=True):
            places[value] = self._count
        self._count += 1
        return made

    def _known(self, values: Sequence[Value]) -> Value:
        if len({places.get(value) for places, value in zip(self._places, values, strict=True)}) > 1:
            raise Unlike("which values meet depends on a size")
        return self.values[values[0]]

    def _instr(self, instrs: list[Instr]) -> Instr:
        first = instrs[0]
        if any(each.primitive is not first.primitive for each in instrs):
            raise Unlike(f"which operations run depends on a size, at {first.line}")
        try:
            operands, params = (self.of([each.operands for each in instrs]), self.of([each.params for each in instrs]))
            results = tuple([self._value(each, str(self._count)) for each in
                             self.aligned([each.results for each in instrs], "results")])
        except Unlike as error:
            raise Unlike(f"{error}, in {first.primitive.name} at {first.line}") from None
        return Instr(first.primitive, operands, params, results, first.line)

    def numbers(self, lists: list[list[Any]], what: str) -> list[Any]:
        return [self.of(list(numbers)) for numbers in self.aligned(lists, what)]

    def of(self, things: list[Any]) -> Any:
        """What stands at one place in each recording, for the new sizes."""
        first = things[0]
        kind = type(first)
        if any(type(each) is not kind for each in things):
            raise Unlike("what is computed depends on a size")
        if kind is Value:
            return self._known(things)
        if kind is Spec:
            if any(each.dtype is not first.dtype for each in things):
                raise Unlike("a dtype depends on a size")
            return Spec(self._shape([each.shape for each in things]), first.dtype)
        if kind is int:
            return self._integer(things)
        if kind is float:
            return self._float(things)
        if kind in (tuple, list):
            if len({len(each) for each in things}) > 1 and all(_is_repeated(each) for each in things):
                count = self._integer([len(each) for each in things])
                return kind([self._integer([each[0] for each in things])] * count)
            return kind([self.of(list(parts)) for parts in self.aligned(things, "numbers")])
        if kind is dict:
            if any([*each] != [*first] for each in things):
                raise Unlike("parameters depend on a size")
            return {key: self.of([each[key] for each in things]) for key in first}
        if kind is slice:
            return slice(*[self.of([getattr(each, part) for each in things]) for part in ("start", "stop", "step")])
        if any(each is not first and each != first for each in things):
            raise Unlike(f"{first!r:.40} depends on a size")
        return first

    def _shape(self, shapes: list[Any]) -> Any:
        shape = self.of(shapes)
        if any(n <= 1 and n != old for n, old in zip(shape, shapes[0], strict=True)):
            raise Unlike("a size is 0 or 1 for this one, which may broadcast")
        return shape

    def _constant(self, value: Value, arrays: list[np.ndarray], is_read: bool) -> Any:
        """The array of a constant; of one that is not read, but filled, the shape is all that matters."""
        return self._array(arrays) if is_read else np.zeros(value.spec.shape, arrays[0].dtype)

    def _integer(self, numbers: list[int]) -> int:
        if all(n == numbers[0] for n in numbers):
            return numbers[0]
        found = sum([weight * n for weight, n in zip(self._weights, numbers, strict=True)], Fraction(0))
        if found.denominator != 1:
            raise Unlike("a number does not grow evenly with a size")
        return int(found)

    def _float(self, numbers: list[float]) -> float:
        """The same in all; or a form of a number that is the same in all and of an integer, to the last bit."""
        if all(n == numbers[0] or (n != n and numbers[0] != numbers[0]) for n in numbers):
            return numbers[0]
        for number in self.floats:
            for guess, form in FORMS:
                found = [guess(number, n) for n in numbers]
                if all(m is not None and form(number, m) == n for m, n in zip(found, numbers, strict=True)):
                    return form(number, self._integer([m for m in found if m is not None]))
        raise Unlike("a float depends on a size in a way that is not known")

    def _array(self, arrays: list[np.ndarray]) -> np.ndarray:
        """Constants: equal ones, ones filled with one number, and ones that grow evenly along each dimension."""
        first = arrays[0]
        if any(a.dtype != first.dtype or a.ndim != first.ndim for a in arrays):
            raise Unlike("a constant depends on a size")
        if all(a.shape == first.shape and np.array_equal(a, first, equal_nan=first.dtype.kind in "fc")
               for a in arrays):
            return first
        shape = self.of([a.shape for a in arrays])
        if any(not a.size for a in arrays) or min(shape, default=1) < 1:
            raise Unlike("a constant is empty for some sizes")
        starts = [a.flat[0] for a in arrays]
        if all((a == start).all() for a, start in zip(arrays, starts, strict=True)) and len(set(starts)) == 1:
            return np.full(shape, starts[0], first.dtype)
        steps = [[_step(a, d) for d in range(a.ndim)] for a in arrays]
        if first.dtype.kind not in "iuf" or any(not np.array_equal(_even(a.shape, start, step, a.dtype), a)
                                                for a, start, step in zip(arrays, starts, steps, strict=True)):
            raise Unlike("a constant made of numbers depends on a size")
        start = self._integer([_whole(x) for x in starts])
        return _even(shape, start, [self._integer([_whole(x) for x in along]) for along in zip(*steps, strict=True)],
                     first.dtype)


def _is_repeated(numbers: Any) -> bool:
    """Whether it is one integer over and over, as the sequences that each step of a recurrence has."""
    return len(numbers) > 1 and type(numbers[0]) is int and all(n == numbers[0] for n in numbers)


def _whole(number: Any) -> int:
    if number != int(number):
        raise Unlike("a constant made of numbers depends on a size")
    return int(number)


def _step(array: np.ndarray, dim: int) -> Any:
    """How much an array grows from the first to the second element along a dimension."""
    if array.shape[dim] == 1:
        return 0
    second = tuple([int(d == dim) for d in range(array.ndim)])
    return array[second].item() - array.flat[0].item()


def _even(shape: tuple[int, ...], start: Any, steps: Sequence[Any], dtype: np.dtype[Any]) -> np.ndarray:
    found = np.full(shape, start, dtype)
    for dim, step in enumerate(steps):
        along = (np.arange(shape[dim]) * step).reshape(tuple([-1 if d == dim else 1 for d in range(len(shape))]))
        found = (found + along).astype(dtype)
    return found


class _Equality(Combination):
    """Goes through two recordings together, and says where they differ."""

    def __init__(self, recordings: Sequence[Recording]) -> None:
        super().__init__([Fraction(1), Fraction(0)], recordings)

    def _integer(self, numbers: list[int]) -> int:
        return int(self._one(numbers))

    def _float(self, numbers: list[float]) -> float:
        return float(self._one(numbers))

    def _array(self, arrays: list[np.ndarray]) -> np.ndarray:
        first, other = arrays
        return first if np.array_equal(first, other, equal_nan=first.dtype.kind in "fc") else self._one([0, 1])

    def _one(self, numbers: list[Any]) -> Any:
        first, other = numbers
        if first != other and (first == first or other == other):
            raise Unlike("a number does not grow evenly with a size")
        return first


def check_same(one: Recording, other: Recording) -> None:
    """Raises `Unlike` where two recordings are not the same graph."""
    made = _Equality([one, other])
    for pair in zip(one.graphs, other.graphs, strict=True):
        made.graph(list(pair))
