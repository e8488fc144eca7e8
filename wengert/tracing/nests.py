"""What the arguments and the results of a compiled function may be nested in.

Beside tuples, lists and dicts these are dataclasses, namespaces, and dicts of other types with what attributes they
have, as models of other packages return them. Another one of the same type is made without its ``__init__``, which may
do anything: its members are put where they were. A dataclass among the arguments in which no tensor is stays as it is,
a thing whose attributes are read (`reads`).
"""

from __future__ import annotations

import dataclasses
from collections import OrderedDict, UserDict, defaultdict
from collections.abc import Iterable, Sequence
from types import SimpleNamespace
from typing import Any

from ..core.spec import Size
from ..core.trees import ContainerKind, Nests, mapping, sequence
from ..tensors.tensor import TENSORS, Tensor


def _names(value: Any) -> tuple[str, ...]:
    """The attributes of an object: the fields that are set, in their order, and what else it holds."""
    fields = [field.name for field in dataclasses.fields(value)] if dataclasses.is_dataclass(value) else []
    held = getattr(value, "__dict__", {})
    return (*[name for name in fields if name in held or hasattr(value, name)],
            *[name for name in held if name not in fields])


def _object_apart(value: Any) -> tuple[Iterable[Any], Any]:
    names = _names(value)
    return [getattr(value, name) for name in names], (type(value), names)


def _object_together(members: Sequence[Any], context: Any) -> Any:
    kind, names = context
    made = kind.__new__(kind)
    for name, member in zip(names, members, strict=True):
        object.__setattr__(made, name, member)  # frozen ones too
    return made


OBJECT = ContainerKind(_object_apart, _object_together, lambda context, count: context[1])
"""Dataclasses, namespaces and what else its attributes make up."""


def _dict_apart(value: Any) -> tuple[Iterable[Any], Any]:
    held = getattr(value, "__dict__", {})
    factory = value.default_factory if isinstance(value, defaultdict) else None
    return [*value.values(), *held.values()], (type(value), tuple(value), tuple(held), factory)


def _dict_together(members: Sequence[Any], context: Any) -> Any:
    kind, keys, names, factory = context
    base = OrderedDict if issubclass(kind, OrderedDict) else dict
    made = base.__new__(kind)
    for key, member in zip(keys, members, strict=False):
        base.__setitem__(made, key, member)
    if issubclass(kind, defaultdict):
        made.default_factory = factory
    if names:
        vars(made).update(zip(names, members[len(keys):], strict=True))
    return made


OTHER_DICT = ContainerKind(_dict_apart, _dict_together, lambda context, count: (*context[1], *context[2]))
"""Dicts of any type, with their attributes."""

_FAMILIES: dict[Any, ContainerKind | None] = {
    Size: None, (tuple, list): sequence(), dict: OTHER_DICT, (SimpleNamespace, UserDict): OBJECT,
}
_LEAVES = (*TENSORS, int, float, bool, str, type(None))


def _dataclass(value: Any) -> ContainerKind | None:
    return OBJECT if dataclasses.is_dataclass(value) and not isinstance(value, type) else None


def _with_tensors(value: Any) -> ContainerKind | None:
    return _dataclass(value) if _holds_tensors(value) else None


def _holds_tensors(value: Any) -> bool:
    container = RESULTS.container(value)
    return isinstance(value, Tensor) if container is None else any(map(_holds_tensors, container.apart(value)[0]))


RESULTS = Nests(_FAMILIES, _dataclass)
ARGUMENTS = Nests(_FAMILIES, _with_tensors)
for _nests in (RESULTS, ARGUMENTS):
    _nests.register(dict, mapping())
    for _kind in _LEAVES:
        _nests.register(_kind, None)  # found without a look at their bases
