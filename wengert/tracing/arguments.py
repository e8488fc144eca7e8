"""The arguments of a recorded function: taken apart into tensors and a key, and results put together again.

A key holds values, never addresses: tensors by shape, dtype, layout and whether they want gradients, and which of them
share memory; numbers, strings and None by value. Two calls with equal keys may run the same graph.
"""

from __future__ import annotations

import enum
import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.dtypes import DType
from ..core.errors import TraceError
from ..core.spec import Size
from ..core.trees import Nests, mapping, sequence
from ..tensors.tape import Leaf
from ..tensors.tensor import TENSORS, Tensor

PLAIN = (bool, int, float, complex, str, bytes, type(None), DType, slice, Size)
_PLAIN_ARGUMENTS = (*PLAIN, enum.Enum)

NESTS = Nests({Size: None, (tuple, list): sequence(), dict: mapping(dict)})
"""What arguments and results may be nested in."""


class Place:
    """Stands among the leaves of a nest for the tensor of this number."""

    __slots__ = ("number",)

    def __init__(self, number: int) -> None:
        self.number = number


class Arguments:
    """One call's arguments: ``tensors`` with their ``names``, and the nest they were taken from.

    The same tensor given twice is one tensor. Raises `TraceError`, which names the argument, for what is neither a
    tensor nor a plain value.
    """

    def __init__(self, names: list[str], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.tensors: list[Tensor] = []
        self._leaf_of: list[int] = []
        self._positional = [*names, *(f"argument {i}" for i in range(len(names), len(args)))]
        self._places: dict[int, Place] = {}
        leaves, self._form = NESTS.flatten((args, kwargs))
        self._leaves = [self._taken(number, leaf) for number, leaf in enumerate(leaves)]

    def _taken(self, number: int, value: Any) -> Any:
        """The place of the tensor that is this leaf, met now or before; a plain value as it is."""
        if type(value) in TENSORS:
            place = self._places.get(id(value))
            if place is None:
                if value.requires_grad and type(value._edge) is not Leaf:
                    raise TraceError(
                        f"[capture] tensors without a history were expected; got argument {self._called[number]!r}, "
                        f"which {value.grad_fn.name()} computed; detach() it, or compute it inside the function"
                    )
                place = self._places[id(value)] = Place(len(self.tensors))
                self.tensors.append(value)
                self._leaf_of.append(number)
            return place
        if isinstance(value, _PLAIN_ARGUMENTS):
            return value
        raise TraceError(
            f"[capture] arguments that are tensors, numbers, strings, None, or tuples, lists and dicts of these were "
            f"expected; got argument {self._called[number]!r}, a {type(value).__name__}; let the function refer to it "
            "instead"
        )

    @property
    def names(self) -> list[str]:
        """What the tensors are called: the parameter, and the keys to where they are nested in it."""
        return [self._called[leaf] for leaf in self._leaf_of]

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
        return self._form, tuple(map(_frozen, self._leaves)), specs, overlaps

    def filled(self, stand_ins: dict[int, Tensor]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments with other tensors in the places of these."""
        args, kwargs = self._form.build(filled(self._leaves, stand_ins.__getitem__))
        return args, kwargs


def _frozen(leaf: Any) -> tuple[type, Any]:
    """A leaf as something hashable in which 1, 1.0 and True differ, and NaN is equal to itself."""
    return type(leaf), leaf.number if type(leaf) is Place else repr(leaf)


def filled(leaves: list[Any], at: Callable[[int], Any]) -> list[Any]:
    """The leaves with ``at(number)`` in each place."""
    return [at(leaf.number) if type(leaf) is Place else leaf for leaf in leaves]
