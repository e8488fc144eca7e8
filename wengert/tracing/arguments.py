"""The arguments of a recorded function: taken apart into tensors and a key, and results put together again.

A key holds values, never addresses: tensors by shape, dtype, layout and whether they want gradients, and which of them
share memory; integers, strings and None by value; of a float, that it is one. Two calls with equal keys may run
the same graph.
"""

from __future__ import annotations

import enum
import functools
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from typing import Any

import numpy as np

from ..core.dtypes import DType, from_numpy
from ..core.errors import TraceError
from ..core.spec import Size
from ..core.trees import LEAF
from ..tensors.absent import Absent
from ..tensors.tensor import TENSORS, Tensor
from .nests import ARGUMENTS
from .sources import outside

PLAIN = (bool, int, float, complex, str, bytes, type(None), DType, slice, Size)
_PLAIN_ARGUMENTS = (*PLAIN, enum.Enum, np.generic)


class Place:
    """Stands among the leaves of a nest for the tensor, or the float, of this number."""

    __slots__ = ("number",)

    def __init__(self, number: int) -> None:
        self.number = number


class ArrayPlace(Place):
    """Stands for an array of numpy, by the number of the tensor on its memory."""

    __slots__ = ()


class Same:
    """Stands for an object of any other sort: a call with another one is another recording."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return type(other) is Same and other.value is self.value

    def __hash__(self) -> int:
        return id(self.value)


class FloatPlace(Place):
    """Stands for the float of this number."""

    __slots__ = ()


class IntPlace(FloatPlace):
    """Stands for the integer of this number, among the floats: of those that have varied."""

    __slots__ = ()


class Given:
    """What a program reads of a call's arguments, when it is known to fit: the tensors and the floats among them."""

    def __init__(self, tensors: list[Tensor], floats: list[float]) -> None:
        self.tensors, self.floats = tensors, floats


class Arguments(Given):
    """One call's arguments: ``tensors`` with their ``names``, ``floats`` with theirs, and the nest they came in.

    The same tensor given twice is one tensor; of an array of numpy it is one on its memory. Integers of the names in
    ``varying`` are among the floats. Raises `TraceError`, which names the argument, for arrays of what is no number.
    """

    def __init__(self, names: list[str], args: tuple[Any, ...], kwargs: dict[str, Any],
                 varying: Collection[str] = ()) -> None:
        super().__init__([], [])
        self._leaf_of: list[int] = []
        self._float_leaf_of: list[int] = []
        self._positional = [*names, *(f"argument {i}" for i in range(len(names), len(args)))]
        self._places: dict[int, Place] = {}
        leaves, self._form = ARGUMENTS.flatten((args, kwargs))
        self._leaves = [self._taken(number, leaf) for number, leaf in enumerate(leaves)]
        self.varying: Collection[str] = ()
        if varying:
            self.vary(varying)

    def _taken(self, number: int, value: Any) -> Any:
        """The place of the tensor that is this leaf, met now or before; a plain value as it is."""
        if type(value) in TENSORS:
            place = self._places.get(id(value))
            if place is None:
                place = self._places[id(value)] = Place(len(self.tensors))
                self.tensors.append(value)
                self._leaf_of.append(number)
            return place
        if type(value) is float:
            self.floats.append(value)
            self._float_leaf_of.append(number)
            return FloatPlace(len(self.floats) - 1)
        if type(value) is np.float64:  # a float of Python's with other methods
            return self._taken(number, float(value))
        if isinstance(value, _PLAIN_ARGUMENTS):
            return value
        if isinstance(value, np.ndarray):
            if type(value) is np.ndarray and value.dtype.isnative and all(stride >= 0 for stride in value.strides):
                with suppress(TypeError):
                    from_numpy(value.dtype)
                    return self._of_array(number, value)
            raise TraceError(
                f"[capture] tensors, or arrays of numbers, were expected; got argument {self._called[number]!r}, "
                f"an array of numpy that torch.from_numpy does not take ({value.dtype}); copy it first"
            )
        return Same(value)

    def _of_array(self, number: int, array: np.ndarray) -> ArrayPlace:
        """The place of an array."""
        place = self._places.get(id(array))
        if type(place) is not ArrayPlace:
            place = self._places[id(array)] = ArrayPlace(len(self.tensors))
            self.tensors.append(outside(array))
            self._leaf_of.append(number)
        return place

    def arrays(self) -> dict[int, np.ndarray]:
        """The arrays of numpy, by the numbers of their tensors."""
        return {leaf.number: self.tensors[leaf.number]._data for leaf in self._leaves if type(leaf) is ArrayPlace}

    def vary(self, names: Collection[str]) -> None:
        """Takes the integers of these names for numbers that each call reads anew, as floats are."""
        floats, self.floats, self._float_leaf_of, self.varying = self.floats, [], [], names
        for number, leaf in enumerate(self._leaves):
            if type(leaf) is int and self._called[number] in names:
                self._leaves[number] = IntPlace(len(self.floats))
                self.floats.append(leaf)
            elif isinstance(leaf, FloatPlace):
                self._leaves[number] = type(leaf)(len(self.floats))
                self.floats.append(floats[leaf.number])
            else:
                continue
            self._float_leaf_of.append(number)

    def integers_besides(self, key: tuple[Any, ...]) -> list[str]:
        """The names of the integers in which a call of another key differs, if it differs in nothing else."""
        form, leaves, *rest = self.key()
        if (form, *rest) != (key[0], *key[2:]):
            return []
        differ = [number for number, (one, other) in enumerate(zip(leaves, key[1], strict=True)) if one != other]
        return [self._called[number] for number in differ] if all(
            type(self._leaves[number]) is int and key[1][number][0] is int for number in differ) else []

    def flat(self) -> list[Any] | None:
        """The leaves in their order, where all arguments are leaves and none has a keyword; else None."""
        positional, named = self._form.children
        return self._leaves if not named.children and all(x is LEAF for x in positional.children) else None

    @property
    def names(self) -> list[str]:
        """What the tensors are called: the parameter, and the keys to where they are nested in it."""
        return [self._called[leaf] for leaf in self._leaf_of]

    @property
    def float_names(self) -> list[str]:
        """What the floats, and the integers among them, are called."""
        return [self._called[leaf] for leaf in self._float_leaf_of]

    @functools.cached_property
    def _called(self) -> list[str]:
        """What each leaf is called."""
        paths = ((first if named else self._positional[first], *rest) for named, first, *rest in self._form.paths())
        return [".".join(map(str, path)) for path in paths]

    def key(self) -> tuple[Any, ...]:
        """The key of the call: the form of its nest, its leaves, the specs of its tensors, which of them overlap."""
        specs = tuple(
            [
                (
                    t._data.shape,
                    t._data.dtype if type(t._data) is not Absent else t._data,  # of which no program is kept
                    None if t._data.flags.c_contiguous else t._data.strides,
                    t.requires_grad and ("leaf" if t.is_leaf else "history"),
                )
                for t in self.tensors
            ]
        )
        overlaps = tuple(
            [
                (i, j)
                for j, y in enumerate(self.tensors)
                for i, x in enumerate(self.tensors[:j])
                if np.may_share_memory(x._data, y._data)
            ]
        )
        return self._form, tuple(map(_frozen, self._leaves)), specs, overlaps

    def sizes(self, varies: Callable[[str, int, int], bool]) -> tuple[Any, tuple[int, ...], list[tuple[str, int]]]:
        """The key without those sizes of tensors for which ``varies(name, dimension, size)`` says so, these sizes, and
        of which argument and dimension they are. What is 0 or 1, or of a tensor that does not lie in row-major order,
        does not vary."""
        form, leaves, specs, overlaps = self.key()
        sizes: list[int] = []
        called: list[tuple[str, int]] = []
        others = []
        for name, (shape, dtype, strides, wants) in zip(self.names, specs, strict=True):
            vary = [strides is None and n >= 2 and varies(name, d, n) for d, n in enumerate(shape)]
            sizes += [n for n, varying in zip(shape, vary, strict=True) if varying]
            called += [(name, d) for d, varying in enumerate(vary) if varying]
            others.append((tuple([None if varying else n for n, varying in zip(shape, vary, strict=True)]),
                           dtype, strides, wants))
        return (form, leaves, tuple(others), overlaps), tuple(sizes), called

    def filled(self, stand_ins: Mapping[int, Any], quantities: list[Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments with other tensors and numbers in the places of these."""
        args, kwargs = self._form.build(filled(self._leaves, stand_ins.__getitem__, quantities.__getitem__))
        return args, kwargs


    def refuse_changes(self, given: Sequence[Any], stand_ins: Mapping[int, Any], quantities: list[Any]) -> None:
        """Raises `TraceError` where a function changed the containers that it was given, which no replay would."""
        leaves, form = ARGUMENTS.flatten(given)
        expected = filled(self._leaves, stand_ins.__getitem__, quantities.__getitem__)
        if form != self._form or any(x is not y for x, y in zip(leaves, expected, strict=True)):
            raise TraceError(
                "[compile] a function that leaves its arguments' lists, dicts and dataclasses alone was expected; "
                "this one changes one of them, which a compiled call would leave out; return the new one instead"
            )


def _frozen(leaf: object) -> tuple[type, Any]:
    """A leaf as something hashable in which 1, 1.0 and True differ, and NaN is equal to itself."""
    if type(leaf) is Same:
        return Same, leaf
    return type(leaf), leaf.number if isinstance(leaf, Place) else repr(leaf)


def filled(leaves: list[Any], at: Callable[[int], Any], float_at: Callable[[int], Any]) -> list[Any]:
    """The leaves with ``at(number)`` in the place of each tensor, ``float_at(number)`` in that of each float."""
    return [float_at(leaf.number) if isinstance(leaf, FloatPlace) else at(leaf.number) if isinstance(leaf, Place)
            else leaf.value if type(leaf) is Same else leaf for leaf in leaves]
