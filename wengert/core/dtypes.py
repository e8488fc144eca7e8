"""Element types, and PyTorch's lattice by which operands of different types meet.

A `DType` wraps a numpy dtype. bfloat16 and complex32, which numpy lacks, come from the ``ml_dtypes`` package, imported
when an array of one is first made; the floating types of 8 bits are structures of one byte (`core.eighths`). The kind
of their numpy dtypes is not `DType.kind` but ``V``, and ``W`` for complex32.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from .errors import DTypeError

__all__ = ["FLOAT8", "DType", "by_name", "category", "finfo", "from_numpy", "get_default_dtype", "iinfo", "of_scalar",
           "promote_types", "set_default_dtype", "to_complex", "to_real"]

_BY_NAME: dict[str, DType] = {}
_BY_NUMPY: dict[Any, DType] = {}

_CATEGORY = {"b": 0, "u": 1, "i": 1, "f": 2, "c": 3}


class DType:
    """The type of a tensor's elements. Instances are singletons; compare them with ``is`` or ``==``.

    ``name`` is the type's name, ``itemsize`` its width in bytes, ``kind`` the letter for its kind (``b u i f c``).
    It prints as PyTorch's does, so that a program's output is the same under both.

    >>> torch.float32.itemsize, torch.float32.is_floating_point, torch.ones(2).dtype
    (4, True, torch.float32)
    """

    __slots__ = ("_numpy", "itemsize", "kind", "name", "rank")

    # Without ``numpy`` the dtype of the arrays is made when it is first asked for.
    def __init__(self, name: str, numpy: str | None, kind: str, itemsize: int, rank: int) -> None:
        self.name, self.kind, self.itemsize, self.rank = name, kind, itemsize, rank
        self._numpy: Any = None if numpy is None else np.dtype(numpy)
        _BY_NAME[name] = self
        if self._numpy is not None:
            _BY_NUMPY[self._numpy] = self

    @property
    def numpy(self) -> np.dtype[Any]:
        """The numpy dtype of the arrays that hold this type."""
        if self._numpy is None and self in FLOAT8:
            self._numpy = np.dtype([(self.name, np.uint8)])
            _BY_NUMPY[self._numpy] = self
        elif self._numpy is None:
            try:
                import ml_dtypes

                self._numpy = np.dtype(getattr(ml_dtypes, self.name))
            except (ImportError, AttributeError) as error:  # older ones have no complex32
                raise ImportError(f"{self.name} arrays need the package ml_dtypes, 0.6 or later; install it with: "
                                  f"pip install 'wengert[bfloat16]'") from error
            _BY_NUMPY[self._numpy] = self
        return self._numpy

    @property
    def is_floating_point(self) -> bool:
        return self.kind == "f"

    @property
    def is_complex(self) -> bool:
        return self.kind == "c"

    @property
    def is_signed(self) -> bool:
        return self.kind in "ifc" and self is not float8_e8m0fnu

    def to_complex(self) -> DType:
        """The complex type whose parts have this precision. Raises `DTypeError` for integers."""
        if self.kind in "iub":
            raise DTypeError(f"[to_complex] Unknown Complex ScalarType for {self.name}; a floating or complex dtype "
                             "was expected")
        return to_complex(self)

    def to_real(self) -> DType:
        """The real type of this type's parts."""
        return to_real(self)

    def __repr__(self) -> str:
        return f"torch.{self.name}"

    def __reduce__(self) -> tuple[Any, ...]:
        return by_name, (self.name,)

    def __copy__(self) -> DType:
        return self

    def __deepcopy__(self, memo: object) -> DType:
        return self


bool_ = DType("bool", "bool", "b", 1, 0)
uint8 = DType("uint8", "uint8", "u", 1, 1)
int8 = DType("int8", "int8", "i", 1, 1)
int16 = DType("int16", "int16", "i", 2, 2)
int32 = DType("int32", "int32", "i", 4, 3)
int64 = DType("int64", "int64", "i", 8, 4)
uint16 = DType("uint16", "uint16", "u", 2, 2)
uint32 = DType("uint32", "uint32", "u", 4, 3)
uint64 = DType("uint64", "uint64", "u", 8, 4)
float16 = DType("float16", "float16", "f", 2, 5)
bfloat16 = DType("bfloat16", None, "f", 2, 5)
float8_e4m3fn = DType("float8_e4m3fn", None, "f", 1, 5)
float8_e4m3fnuz = DType("float8_e4m3fnuz", None, "f", 1, 5)
float8_e5m2 = DType("float8_e5m2", None, "f", 1, 5)
float8_e5m2fnuz = DType("float8_e5m2fnuz", None, "f", 1, 5)
float8_e8m0fnu = DType("float8_e8m0fnu", None, "f", 1, 5)
float32 = DType("float32", "float32", "f", 4, 6)
float64 = DType("float64", "float64", "f", 8, 7)
complex32 = DType("complex32", None, "c", 4, 5)
complex64 = DType("complex64", "complex64", "c", 8, 6)
complex128 = DType("complex128", "complex128", "c", 16, 7)

_UNSIGNED = (uint16, uint32, uint64)  # meet floating types alone, as in PyTorch
FLOAT8 = (float8_e4m3fn, float8_e4m3fnuz, float8_e5m2, float8_e5m2fnuz, float8_e8m0fnu)
"""Types in which numbers are kept, and not computed with: they meet no other type."""
_default = float32


def by_name(name: str) -> DType:
    """The type called ``name`` (``"float32"``). Raises `DTypeError` for an unknown one."""
    try:
        return _BY_NAME[name]
    except KeyError:
        raise DTypeError(f"[dtype] one of {', '.join(_BY_NAME)} was expected; got {name!r}") from None


def from_numpy(dtype: np.dtype[Any] | type[Any] | str) -> DType:
    """The type that a numpy dtype's arrays have. Raises `DTypeError` where wengert has none."""
    found = _BY_NUMPY.get(dtype)
    if found is not None:
        return found
    dtype = np.dtype(dtype)
    named = _BY_NAME.get(dtype.name)
    if named is not None and dtype == named.numpy:
        return named
    native = _BY_NUMPY.get(dtype.newbyteorder("=")) if dtype.kind in "biufc" else None
    if native is None:
        raise DTypeError(
            f"[dtype] an array of numbers or booleans was expected; got a numpy array of dtype {dtype}; the supported "
            f"dtypes are: {', '.join(_BY_NAME)}; convert with .astype(...) first"
        )
    return native


def get_default_dtype() -> DType:
    """The floating type of tensors made from Python floats; float32 unless set otherwise.

    >>> torch.get_default_dtype(), torch.tensor(1.0).dtype
    (torch.float32, torch.float32)
    """
    return _default


def set_default_dtype(dtype: DType) -> None:
    """Makes ``dtype``, a floating type, the default of tensors made from Python floats. Raises TypeError for anything
    else.

    >>> torch.set_default_dtype(torch.float64)
    >>> torch.tensor(1.0).dtype
    torch.float64
    >>> torch.set_default_dtype(torch.float32)
    """
    global _default
    if not isinstance(dtype, DType) or not dtype.is_floating_point or dtype in FLOAT8:
        raise TypeError(f"only floating-point types are supported as the default type; got {dtype!r}")
    _default = dtype


def to_complex(dtype: DType) -> DType:
    """The complex type whose parts are as precise as ``dtype``; complex64 for bfloat16 and what is not floating.

    Raises `DTypeError` for the floating types of 8 bits.
    """
    if dtype.is_complex:
        return dtype
    if dtype in FLOAT8:
        raise DTypeError(f"[to_complex] Unknown Complex ScalarType for {dtype.name}; convert to a wider type first")
    return complex128 if dtype is float64 else complex32 if dtype is float16 else complex64


def to_real(dtype: DType) -> DType:
    """The type of the parts of ``dtype``; a real type is its own."""
    if not dtype.is_complex:
        return dtype
    return float64 if dtype is complex128 else float16 if dtype is complex32 else float32


def of_scalar(value: object) -> DType:
    """The type that a Python number stands for: bool, int64, the default float, or its complex."""
    if isinstance(value, (bool, np.bool_)):
        return bool_
    if isinstance(value, (int, np.integer)):
        return int64
    if isinstance(value, (float, np.floating)):
        return _default
    if isinstance(value, (complex, np.complexfloating)):
        return to_complex(_default)
    raise TypeError(f"[dtype] a number was expected; got {type(value).__name__}")


def category(dtype: DType) -> int:
    """0 for bool, 1 for integers, 2 for floating types, 3 for complex ones."""
    return _CATEGORY[dtype.kind]


def promote_types(a: DType, b: DType) -> DType:
    """The smallest type to which both convert without loss of kind (PyTorch's lattice).

    uint8 and a signed type meet in the next wider signed type; float16 and bfloat16 meet in float32; an integer and
    a floating type meet in the floating one; a real and a complex type meet in the complex type of the wider parts.
    Raises DTypeError for uint16, uint32 or uint64 beside another type that is not floating, and for a floating type of
    8 bits beside any other.

    >>> torch.promote_types(torch.int64, torch.float16), torch.promote_types(torch.uint8, torch.int8)
    (torch.float16, torch.int16)
    """
    if a is b:
        return a
    if not isinstance(a, DType) or not isinstance(b, DType):
        raise TypeError(f"promote_types(): torch.dtype was expected as both arguments; got {type(a).__name__} and "
                        f"{type(b).__name__}")
    if a in FLOAT8 or b in FLOAT8:
        raise DTypeError("[promote_types] Promotion for Float8 Types is not supported, attempted to promote "
                         f"{a.name} and {b.name}; convert one of them")
    if a in _UNSIGNED or b in _UNSIGNED:
        if a.kind != "f" and b.kind != "f":
            raise DTypeError("[promote_types] Promotion for uint16, uint32, uint64 types is not supported, attempted "
                             f"to promote {a.name} and {b.name}; convert one of them")
        return a if a.kind == "f" else b
    low, high = (a, b) if (category(a), a.rank) <= (category(b), b.rank) else (b, a)
    if category(high) == 3 and category(low) >= 2:
        return to_complex(promote_types(to_real(low), to_real(high)))
    if category(high) != category(low):
        return high
    if category(high) == 1 and low.kind != high.kind and low.itemsize == high.itemsize:
        return int16
    if category(high) == 2 and low.rank == high.rank:
        return float32
    return high


def result_type(dimensioned: Iterable[DType], zero_dim: Iterable[DType], scalars: Iterable[DType]) -> DType:
    """The type of an operation on operands of three priorities: tensors with dimensions, 0-d tensors, Python numbers.

    An operand of lower priority widens the result only if it is of a higher category (bool < int < float < complex).
    """

    def join(types: Iterable[DType]) -> DType | None:
        joined: DType | None = None
        for dtype in types:
            joined = dtype if joined is None else promote_types(joined, dtype)
        return joined

    def combine(higher: DType | None, lower: DType | None) -> DType | None:
        if higher is None or lower is None:
            return lower if higher is None else higher
        if category(higher) >= category(lower):
            return higher
        if category(higher) == 2:
            return to_complex(higher)
        return promote_types(higher, lower)

    result = combine(join(dimensioned), combine(join(zero_dim), join(scalars)))
    if result is None:
        raise TypeError("[result_type] at least one operand was expected")
    return result


class _OfOneDtype:
    """Limits of one dtype, equal to others of the same."""

    dtype: str

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and self.dtype == other.dtype

    def __hash__(self) -> int:
        return hash((type(self), self.dtype))


class finfo(_OfOneDtype):
    """Limits of a floating type: bits, eps, max, min, tiny, smallest_normal, resolution.

    >>> torch.finfo(torch.float32).eps, torch.finfo(torch.float16).max
    (1.1920928955078125e-07, 65504.0)
    """

    def __init__(self, dtype: DType | None = None) -> None:
        dtype = _default if dtype is None else dtype
        if not isinstance(dtype, DType) or category(dtype) < 2:
            raise TypeError(f"torch.finfo() requires a floating point input type. Use torch.iinfo to handle '{dtype}'")
        real = to_real(dtype)
        if real in FLOAT8:
            info: Any = _LIMITS[real.name]
        elif real is bfloat16:
            import ml_dtypes

            info = ml_dtypes.finfo(real.numpy)
        else:
            info = np.finfo(real.numpy)
        self.dtype, self.bits = real.name, int(info.bits)
        self.eps, self.max, self.min = float(info.eps), float(info.max), float(info.min)
        self.tiny = self.smallest_normal = float(info.smallest_normal)
        # A power of ten; numpy's types hold it rounded to themselves.
        self.resolution = 10.0 ** -int(info.precision)

    def __repr__(self) -> str:
        return (f"finfo(resolution={self.resolution:g}, min={self.min:g}, max={self.max:g}, eps={self.eps:g}, "
                f"smallest_normal={self.smallest_normal:g}, tiny={self.tiny:g}, dtype={self.dtype})")


class _Limits(NamedTuple):
    eps: float
    max: float
    min: float
    smallest_normal: float
    bits: int = 8
    precision: int = 0


_LIMITS = {
    "float8_e4m3fn": _Limits(2.0**-3, 448.0, -448.0, 2.0**-6),
    "float8_e4m3fnuz": _Limits(2.0**-3, 240.0, -240.0, 2.0**-7),
    "float8_e5m2": _Limits(2.0**-2, 57344.0, -57344.0, 2.0**-14),
    "float8_e5m2fnuz": _Limits(2.0**-3, 57344.0, -57344.0, 2.0**-15),  # PyTorch's eps; numbers are 2^-2 apart
    "float8_e8m0fnu": _Limits(1.0, 2.0**127, 2.0**-127, 2.0**-127),
}


class iinfo(_OfOneDtype):
    """Limits of an integer type: bits, max, min.

    >>> torch.iinfo(torch.int8).min, torch.iinfo(torch.int8).max
    (-128, 127)
    """

    def __init__(self, dtype: DType) -> None:
        if dtype is bool_:
            raise TypeError("torch.bool is not supported by torch.iinfo")
        if not isinstance(dtype, DType) or category(dtype) != 1:
            raise TypeError(f"torch.iinfo() requires an integer input type. Use torch.finfo to handle '{dtype}'")
        info = np.iinfo(dtype.numpy)
        self.dtype, self.bits, self.max, self.min = dtype.name, int(info.bits), int(info.max), int(info.min)

    def __repr__(self) -> str:
        return f"iinfo(min={self.min:g}, max={self.max:g}, dtype={self.dtype})"
