"""DLPack capsules of types that numpy lacks: bfloat16, complex32 and the floating types of 8 bits.

The one idea to know: numpy makes and reads the capsule, of unsigned integers as wide; what says the type inside it is
changed, as the protocol lays it out (dlpack.h).
"""

from __future__ import annotations

import ctypes
from typing import Any

from ..core import dtypes
from ..core.dtypes import DType

CODES: dict[str, tuple[int, int]] = {
    "bfloat16": (4, 16), "complex32": (5, 32), "float8_e4m3fn": (10, 8), "float8_e4m3fnuz": (11, 8),
    "float8_e5m2": (12, 8), "float8_e5m2fnuz": (13, 8), "float8_e8m0fnu": (14, 8),
}
"""DLPack's code and width of each type."""
_UNSIGNED = 1


class _Type(ctypes.Structure):
    _fields_ = (("code", ctypes.c_uint8), ("bits", ctypes.c_uint8), ("lanes", ctypes.c_uint16))


class _Tensor(ctypes.Structure):
    _fields_ = (("data", ctypes.c_void_p), ("device_type", ctypes.c_int32), ("device_id", ctypes.c_int32),
                ("ndim", ctypes.c_int32), ("dtype", _Type), ("shape", ctypes.c_void_p), ("strides", ctypes.c_void_p),
                ("byte_offset", ctypes.c_uint64))


class _Versioned(ctypes.Structure):
    _fields_ = (("major", ctypes.c_uint32), ("minor", ctypes.c_uint32), ("context", ctypes.c_void_p),
                ("deleter", ctypes.c_void_p), ("flags", ctypes.c_uint64), ("tensor", _Tensor))


def _type_in(capsule: Any) -> _Type | None:
    """What says the type inside of a capsule; None in one that was used, or is of another kind."""
    name_of, pointer_of = ctypes.pythonapi.PyCapsule_GetName, ctypes.pythonapi.PyCapsule_GetPointer
    name_of.restype, name_of.argtypes = ctypes.c_char_p, [ctypes.py_object]
    pointer_of.restype, pointer_of.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    name = name_of(capsule)
    if name not in (b"dltensor", b"dltensor_versioned"):
        return None
    address = pointer_of(capsule, name)
    found: _Type = (_Tensor.from_address(address) if name == b"dltensor"
                    else _Versioned.from_address(address).tensor).dtype
    return found


def exported(array: Any, name: str, **options: Any) -> Any:
    """The capsule of an array of the type called ``name``, one of `CODES`."""
    code, bits = CODES[name]
    capsule = array.view(f"u{bits // 8}").__dlpack__(**options)
    kind = _type_in(capsule)
    assert kind is not None
    kind.code = code
    return capsule


def imported(capsule: Any) -> DType | None:
    """Makes a capsule of one of these types one of integers, which numpy reads, and says which type it was; None, and
    the capsule as it is, for another."""
    kind = _type_in(capsule)
    if kind is None or kind.lanes != 1:
        return None
    name = next((name for name, form in CODES.items() if form == (kind.code, kind.bits)), None)
    if name is None:
        return None
    kind.code = _UNSIGNED
    return dtypes.by_name(name)
