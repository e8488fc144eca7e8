"""The dtypes of PyTorch's that wengert holds no elements of: each can be named, printed and compared."""

from __future__ import annotations

from typing import Any

from ..core.dtypes import DType
from ..core.errors import DTypeError


class NamedType(DType):
    """A dtype that no tensor here can have. Raises DTypeError where one is made of it."""

    __slots__ = ()

    def __init__(self, name: str, kind: str, itemsize: int) -> None:
        # Not among those that are found by name: these are the dtypes that tensors can have.
        self.name, self.kind, self.itemsize, self.rank, self._numpy = name, kind, itemsize, -1, None

    @property
    def numpy(self) -> Any:
        """Raises DTypeError: no array here has elements of this type."""
        raise DTypeError(f"[dtype] a dtype that wengert has was expected; got {self!r}, which can be named and "
                         f"compared here, and not held; use int8, uint8 or a float8 type")

    def __reduce__(self) -> tuple[Any, ...]:
        return NAMED.__getitem__, (self.name,)


NAMED = {name: NamedType(name, kind, itemsize) for names, kind, itemsize in (
    ("float4_e2m1fn_x2", "f", 1), ("qint8", "i", 1), ("quint8 quint4x2 quint2x4", "u", 1), ("qint32", "i", 4),
    ("int1 int2 int3 int4 int5 int6 int7", "i", 1), ("uint1 uint2 uint3 uint4 uint5 uint6 uint7", "u", 1),
) for name in names.split()}
