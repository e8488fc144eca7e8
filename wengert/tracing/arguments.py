"""The arguments of a recorded function: taken apart into tensors and a key, and results put together again.

A key holds values, never addresses: tensors by shape, dtype, layout and whether they want gradients, and which of them
share memory; numbers, strings and None by value. Two calls with equal keys may run the same graph.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.dtypes import DType
from ..core.errors import TraceError
from ..core.spec import Size
from ..tensors.tape import Leaf
from ..tensors.tensor import TENSORS

PLAIN = (bool, int, float, complex, str, bytes, type(None), DType, slice)


class Place:
    """Where a tensor stands in a nest of tuples, lists and dicts."""

    __slots__ = ("number",)

    def __init__(self, number: int) -> None:
        self.number = number


class Arguments:
    """One call's arguments: ``tensors`` with their ``names``, and the nest they were taken from.

    The same tensor given twice is one tensor. Raises `TraceError`, which names the argument, for what is neither a
    tensor nor a plain value.
    """

    def __init__(self, names: list[str], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.tensors: list[Any] = []
        self.names: list[str] = []
        self._places: dict[int, Place] = {}
        positional = [*names, *(f"argument {i}" for i in range(len(names), len(args)))]
        self.args = tuple([self._take(value, name) for value, name in zip(args, positional, strict=False)])
        self.kwargs = {name: self._take(value, name) for name, value in kwargs.items()}

    def _take(self, value: Any, name: str) -> Any:
        if type(value) in TENSORS:
            place = self._places.get(id(value))
            if place is None:
                if value.requires_grad and type(value._edge) is not Leaf:
                    raise TraceError(
                        f"[capture] tensors without a history were expected; got argument {name!r}, which "
                        f"{value.grad_fn.name()} computed; detach() it, or compute it inside the function"
                    )
                place = self._places[id(value)] = Place(len(self.tensors))
                self.tensors.append(value)
                self.names.append(name)
            return place
        if isinstance(value, (tuple, list)) and not isinstance(value, Size):
            items = [self._take(item, f"{name}.{i}") for i, item in enumerate(value)]
            return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)
        if isinstance(value, dict):
            return {key: self._take(item, f"{name}.{key}") for key, item in value.items()}
        if isinstance(value, (*PLAIN, Size, enum.Enum)):
            return value
        raise TraceError(
            f"[capture] arguments that are tensors, numbers, strings, None, or tuples, lists and dicts of these were "
            f"expected; got argument {name!r}, a {type(value).__name__}; let the function refer to it instead"
        )

    def key(self) -> tuple[Any, ...]:
        """The key of the call."""
        specs = tuple(
            [
                (
                    t._data.shape,
                    t._data.dtype,
                    None if t._data.flags.c_contiguous else t._data.strides,
                    t.requires_grad,
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
        return _frozen(self.args), _frozen(self.kwargs), specs, overlaps

    def filled(self, stand_ins: dict[int, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments with other tensors in the places of these."""
        return rebuilt(self.args, lambda place: stand_ins[place]), rebuilt(
            self.kwargs, lambda place: stand_ins[place]
        )


def _frozen(nest: Any) -> Any:
    """A nest as something hashable in which 1, 1.0 and True differ, and NaN is equal to itself."""
    if type(nest) is Place:
        return "tensor", nest.number
    if isinstance(nest, (tuple, list)):
        return type(nest), *map(_frozen, nest)
    if isinstance(nest, dict):
        return dict, *((key, _frozen(value)) for key, value in nest.items())
    return type(nest), repr(nest)


def rebuilt(nest: Any, at: Callable[[int], Any]) -> Any:
    """The nest with ``at(number)`` in each place."""
    if type(nest) is Place:
        return at(nest.number)
    if isinstance(nest, (tuple, list)) and not isinstance(nest, Size):
        items = [rebuilt(item, at) for item in nest]
        return type(nest)(*items) if hasattr(nest, "_fields") else type(nest)(items)
    if isinstance(nest, dict):
        return {key: rebuilt(item, at) for key, item in nest.items()}
    return nest
