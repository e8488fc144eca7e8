"""Results with names: ``values, indices = x.sort()`` or ``x.sort().values``. They print as PyTorch's named tuples do.
"""

from __future__ import annotations

import operator
from typing import Any

RETURN_TYPES: dict[str, type] = {}
"""The types of such results by the name of their function, which `torch.return_types` shows."""


class NamedResult(tuple[Any, ...]):
    """A tuple whose entries have names. Subclasses are made by `named`."""

    __slots__ = ()
    _fields: tuple[str, ...] = ()

    def __repr__(self) -> str:
        entries = ",\n".join(f"{name}={value!r}" for name, value in zip(self._fields, self, strict=True))
        return f"torch.return_types.{type(self).__name__}(\n{entries})"

    def __reduce__(self) -> tuple[Any, ...]:
        return rebuild, (type(self).__name__, tuple(self))


def named(name: str, *fields: str) -> type[NamedResult]:
    """The type of the results of the function ``name``: made from a tuple, its entries also reached as attributes."""
    members: dict[str, Any] = {"__slots__": (), "_fields": fields, "__module__": "torch.return_types",
                               "n_fields": len(fields), "n_sequence_fields": len(fields), "n_unnamed_fields": 0,
                               "__doc__": f"What `{name}` returns: ({', '.join(fields)})."}
    for position, field in enumerate(fields):
        members[field] = property(operator.itemgetter(position))
    RETURN_TYPES[name] = type(name, (NamedResult,), members)
    return RETURN_TYPES[name]


def rebuild(name: str, values: tuple[Any, ...]) -> NamedResult:
    """Unpickles a result."""
    return RETURN_TYPES[name](values)
