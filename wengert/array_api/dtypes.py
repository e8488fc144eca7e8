"""What the standard asks of dtypes, and what the namespace says of itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import wengert as torch
from wengert import Tensor

from .promotion import COMPLEX, REAL, SIGNED, UNSIGNED, common_dtype

_KINDS: dict[str, tuple[torch.dtype, ...]] = {
    "bool": (torch.bool,),
    "signed integer": SIGNED,
    "unsigned integer": (torch.uint8, *UNSIGNED),
    "real floating": REAL,
    "complex floating": COMPLEX,
}
_KINDS["integral"] = _KINDS["signed integer"] + _KINDS["unsigned integer"]
_KINDS["numeric"] = _KINDS["integral"] + _KINDS["real floating"] + _KINDS["complex floating"]
_STANDARD = "bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float32 float64 complex64 complex128".split()


def astype(x: Tensor, dtype: torch.dtype, /, *, copy: bool = True, device: Any = None) -> Tensor:
    """``x`` with its elements converted to ``dtype``; with ``copy=False`` ``x`` itself where nothing is to be done.
    Raises TypeError for complex elements and a real ``dtype``: say ``real(x)``.

    >>> from wengert import array_api as xp
    >>> xp.astype(xp.asarray([1.5, -2.5]), xp.int32)
    tensor([ 1, -2], dtype=torch.int32)
    """
    if x.is_complex() and not dtype.is_complex and dtype is not torch.bool:
        raise TypeError(f"[astype] a complex dtype was expected for complex elements; got {dtype}; take real(x) first")
    return x.to(device=device, dtype=dtype, copy=copy)


def can_cast(from_: torch.dtype | Tensor, to: torch.dtype, /) -> bool:
    """Whether promotion leads from a dtype, or an array's, to ``to``, within one kind."""
    dtype = from_.dtype if isinstance(from_, Tensor) else from_
    if dtype is to:
        return True
    same = [kind for kind in ("integral", "numeric") if dtype in _KINDS[kind] and to in _KINDS[kind]]
    if not same or (dtype in _KINDS["integral"]) != (to in _KINDS["integral"]):
        return False
    try:
        return common_dtype(dtype, to) is to
    except TypeError:  # uint64 and a signed dtype
        return False


@dataclass(frozen=True)
class FloatingInfo:
    """The limits of a floating dtype: plain numbers, and the real dtype that they are of."""

    bits: int
    eps: float
    max: float
    min: float
    smallest_normal: float
    dtype: torch.dtype


@dataclass(frozen=True)
class IntegerInfo:
    """The limits of an integer dtype."""

    bits: int
    max: int
    min: int
    dtype: torch.dtype


def finfo(type: torch.dtype | Tensor, /) -> FloatingInfo:
    """The limits of a floating dtype, or of an array's; for a complex one, of its parts.

    >>> from wengert import array_api as xp
    >>> xp.finfo(xp.complex64).dtype, xp.finfo(xp.float32).bits
    (torch.float32, 32)
    """
    dtype = type.dtype if isinstance(type, Tensor) else type
    if dtype.is_complex:
        dtype = torch.empty(0, dtype=dtype).real.dtype
    found = torch.finfo(dtype)
    return FloatingInfo(found.bits, found.eps, found.max, found.min, found.smallest_normal, dtype)


def iinfo(type: torch.dtype | Tensor, /) -> IntegerInfo:
    """The limits of an integer dtype, or of an array's."""
    dtype = type.dtype if isinstance(type, Tensor) else type
    found = torch.iinfo(dtype)
    return IntegerInfo(found.bits, found.max, found.min, dtype)


def isdtype(dtype: torch.dtype, kind: torch.dtype | str | tuple[torch.dtype | str, ...]) -> bool:
    """Whether ``dtype`` is of a ``kind``: a dtype, ``"bool"``, ``"signed integer"``, ``"unsigned integer"``,
    ``"integral"``, ``"real floating"``, ``"complex floating"``, ``"numeric"``, or several of these. Raises ValueError
    for another word.

    >>> from wengert import array_api as xp
    >>> xp.isdtype(xp.float32, ("integral", "real floating"))
    True
    """
    if isinstance(kind, tuple):
        return any(isdtype(dtype, each) for each in kind)
    if isinstance(kind, str):
        if kind not in _KINDS:
            raise ValueError(f"[isdtype] a dtype or one of {', '.join(map(repr, _KINDS))} was expected; got {kind!r}")
        return dtype in _KINDS[kind]
    if not isinstance(kind, torch.dtype):
        raise TypeError(f"[isdtype] a dtype, a string or a tuple of them was expected; got {kind!r}")
    return dtype is kind


def result_type(*arrays_and_dtypes: Tensor | torch.dtype | bool | int | float | complex) -> torch.dtype:
    """The dtype that operations between these have. Raises TypeError where there is none."""
    return common_dtype(*arrays_and_dtypes)


class NamespaceInfo:
    """What ``__array_namespace_info__()`` tells: dtypes, devices, and what programs may do."""

    def capabilities(self) -> dict[str, Any]:
        """Masks as indices, shapes that depend on values, and the number of dimensions."""
        return {"boolean indexing": True, "data-dependent shapes": True, "max dimensions": 64}

    def default_device(self) -> torch.device:
        """Where arrays are made."""
        return torch.get_default_device()

    def devices(self) -> list[torch.device]:
        """All devices with memory: the CPU."""
        return [torch.device("cpu")]

    def default_dtypes(self, *, device: Any = None) -> dict[str, torch.dtype]:
        """The dtypes of what is made from Python's numbers, and of indices."""
        real = torch.get_default_dtype()
        return {"real floating": real, "complex floating": torch.promote_types(real, torch.complex64),
                "integral": torch.int64, "indexing": torch.int64}

    def dtypes(self, *, device: Any = None, kind: str | tuple[str, ...] | None = None) -> dict[str, torch.dtype]:
        """The standard's dtypes by name, of a ``kind`` as `isdtype` knows them."""
        found = {name: getattr(torch, name) for name in _STANDARD}
        return found if kind is None else {name: dtype for name, dtype in found.items() if isdtype(dtype, kind)}


def __array_namespace_info__() -> NamespaceInfo:
    """What this namespace has: dtypes, devices, capabilities.

    >>> from wengert import array_api as xp
    >>> xp.__array_namespace_info__().default_dtypes()["integral"]
    torch.int64
    """
    return NamespaceInfo()
