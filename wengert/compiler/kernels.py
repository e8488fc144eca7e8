"""What the eager dispatcher calls: elementwise primitives on large arrays, by generated code.

`run_large` takes a primitive and its operands and returns the result, or None where numpy should compute it: no
``lower`` rule, an operand that is small, strided or of another dtype, an operation that float64 lacks. `kernel_for`
gives the kernel itself. Both compile at first use; the object comes from the disk cache where that has it.

A kernel is made for a primitive, a dtype and a pattern of operands (arrays and scalars) and serves every shape.
"""

from __future__ import annotations

import ctypes
import struct
from typing import Any

import numpy as np

from ..core.dtypes import bfloat16
from ..core.generated import LARGE, Elementwise, too_late
from . import memory, runtime, threads
from .emit import ARRAY, HALVES, SCALAR, TRUTHS, Lower, elementwise_module
from .jit import engine, statistics
from .vectors import BFLOAT16

__all__ = ["Kernel", "compile_elementwise", "kernel_for", "run_large", "statistics"]

CHEAP = 8
"""A kernel of fewer instructions than this is as fast as its memory, and mostly numpy's is too."""

LARGE_IF_CHEAP = 65536
"""Elements from which on a cheap kernel beats numpy: it needs the second thread for that."""

CHUNK_BYTES = 32768
"""Bytes of one operand that a thread takes at most at once."""

SMALLEST_CHUNK = 1024
"""Elements that a thread takes at least at once."""

_CODES = {"f": "float32", "d": "float64"}
_DTYPES = {np.dtype(name): name for name in _CODES.values()}
_SAFE_INTEGER = 2**53
_TRUTH = np.dtype(bool)
_PADDING = tuple((0,) * (runtime.OPERANDS - 1 - k) for k in range(runtime.OPERANDS))


class Kernel:
    """Generated code for one expression, dtype and pattern. Calling it, ``kernel(out, *operands)``, fills ``out``.

    ``out`` and the operands that the pattern calls arrays are C-contiguous and of one shape; ``out`` has the dtype
    ``result`` and may be one of the operands itself, but not overlap one otherwise. Scalars are Python numbers. Arrays
    that the pattern has in half precision, and a result in ``half``, are computed with in float32.
    Raises `ValueError` where an array is not as described. The code is freed with the object.
    """

    __slots__ = ("_address", "_descriptor", "_library", "_padding", "cost", "dtype", "least", "pattern", "result")

    def __init__(self, lower: Lower, dtype: str, pattern: str, half: str = "") -> None:
        if len(pattern) >= runtime.OPERANDS:
            raise ValueError(f"[kernel] at most {runtime.OPERANDS - 1} operands were expected; got {len(pattern)}")
        module = elementwise_module(lower, dtype, pattern, engine().machine, half)
        self._library = engine().load(module.text, "kernel")
        self.dtype, self.result, self.pattern = np.dtype(dtype), _dtype_of(module.result), pattern
        self.cost = (module.cost + 3 * (1 + len(pattern))) / module.lanes
        slow_in_numpy = half or TRUTHS in pattern or pattern[0] in HALVES
        self.least = LARGE_IF_CHEAP if module.cost < CHEAP and not slow_in_numpy else LARGE
        arrays = 1 | sum(2 << k for k, form in enumerate(pattern) if form != SCALAR)
        self._descriptor = (ctypes.c_int64 * 6)(self._library.addresses["kernel"], arrays,
                                                self.result.itemsize.bit_length() - 1,
                                                CHUNK_BYTES // self.dtype.itemsize, SMALLEST_CHUNK, 0)
        self._address = ctypes.addressof(self._descriptor)
        self._padding = _PADDING[len(pattern)]

    def __call__(self, out: np.ndarray, *operands: np.ndarray | float) -> np.ndarray:
        self._check(out, operands)
        return self.run(out, *operands)

    def run(self, out: np.ndarray, *operands: np.ndarray | float) -> np.ndarray:
        """The same without any check: wrong operands corrupt memory."""
        words = [id(x) if form != SCALAR else _bits(float(x)) for x, form in zip(operands, self.pattern, strict=True)]
        count = out.size
        threads.pool().run(self._address, count, count * self.cost, id(out), *words, *self._padding)
        return out

    def _check(self, out: np.ndarray, operands: tuple[Any, ...]) -> None:
        if len(operands) != len(self.pattern):
            raise ValueError(f"[kernel] {len(self.pattern)} operands were expected; got {len(operands)}")
        if type(out) is np.ndarray and not out.flags.writeable:
            raise ValueError("[kernel] a writeable output was expected; got a read-only array")
        arrays = [(x, _dtype_of(form) if form in HALVES else _TRUTH if form == TRUTHS else self.dtype)
                  for x, form in zip(operands, self.pattern, strict=True) if form != SCALAR]
        for x, dtype in [(out, self.result), *arrays]:
            if type(x) is not np.ndarray or x.shape != out.shape or x.dtype != dtype or not x.flags.c_contiguous:
                raise ValueError(
                    f"[kernel] a C-contiguous array of shape {np.shape(out)} and dtype {dtype} was expected; got "
                    f"{type(x).__name__} of shape {np.shape(x)}, dtype {getattr(x, 'dtype', None)}")


def generated_code_is_possible() -> bool:
    """Whether this interpreter's arrays are laid out as generated code expects, and it can still make some."""
    return _possible and not too_late()


def compile_elementwise(lower: Lower, dtype: str, pattern: str = ARRAY, half: str = "") -> Kernel | None:
    """The kernel of an expression; None where the dtype lacks one of its operations. Only the caller keeps it."""
    if not generated_code_is_possible():
        return None
    try:
        return Kernel(lower, dtype, pattern, half)
    except NotImplementedError:
        return None


_kernels: dict[tuple[Elementwise, str], Kernel | None] = {}
_least: dict[Elementwise, int] = {}


def kernel_for(primitive: Elementwise, dtype_name: str, pattern: str | None = None) -> Kernel | None:
    """The kernel of a primitive for "float32" or "float64"; None where there is none.

    ``pattern`` has a letter an operand, "a" for an array, "s" for a scalar, "?" for an array of truth values, and
    numpy's letter for an array in half precision, to which the result is then rounded; without it all are arrays.
    """
    if primitive.lower is None or dtype_name not in _CODES.values():
        return None
    pattern = pattern or ARRAY * primitive.arity
    key = primitive, dtype_name + pattern
    if key not in _kernels:
        half = next((form for form in pattern if form in HALVES), "")
        kernel = _kernels[key] = compile_elementwise(primitive.lower, dtype_name, pattern, half)
        _least[primitive] = kernel.least if kernel is not None else LARGE
    return _kernels[key]


def run_large(primitive: Elementwise, *operands: Any) -> np.ndarray | None:
    """The result of a primitive on large arrays as a fresh array; None where numpy should compute it.

    The operands are arrays of one shape, one memory order (C or Fortran, which the result has too), and one dtype, or
    of truth values; and numbers: Python's, or arrays of one element of that dtype. Half precision is computed with in
    float32, and rounded once. Where rows lie apart, they are copied first, if more is to be done than to read them.
    """
    lead: Any = None
    dtype: Any = None
    pattern = ""
    words = []
    c_order = f_order = True
    for x in operands:
        if type(x) is np.ndarray and x.size != 1:
            form = ARRAY
            if lead is None:
                lead, shape = x, x.shape
                if x.size < _least.get(primitive, LARGE):
                    return None
            elif x.shape != shape:
                return None
            if x.dtype is _TRUTH:
                form = TRUTHS
            elif dtype is None:
                dtype = x.dtype
            elif x.dtype != dtype:
                return None
            flags = x.flags
            if not flags.c_contiguous:
                c_order = False
            if f_order and not flags.f_contiguous:
                f_order = False
            pattern += form
            words.append(id(x))
        elif (type(x) is float or type(x) is int and -_SAFE_INTEGER <= x <= _SAFE_INTEGER
              or type(x) is np.ndarray or isinstance(x, np.floating)):
            pattern += SCALAR
            words.append(0)
        else:
            return None
    if lead is None:
        return None
    apart = not (c_order or f_order)
    if apart and not all([x.ndim == 0 or _in_rows(x) for x in operands if type(x) is np.ndarray]):
        return None
    name = _DTYPES.get(dtype)
    if name is None:
        if dtype is None or dtype.char not in HALVES or not dtype.isnative:
            return None
        name, pattern = "float32", pattern.replace(ARRAY, dtype.char)
    if SCALAR in pattern:
        for k, x in enumerate(operands):
            if pattern[k] == SCALAR:
                if isinstance(x, (np.ndarray, np.floating)):
                    if x.dtype != dtype or x.ndim > lead.ndim:
                        return None
                    x = x.item()
                words[k] = _bits(float(x))
    try:
        kernel = _kernels[primitive, name + pattern]
    except KeyError:
        kernel = kernel_for(primitive, name, pattern)
    count = lead.size
    if kernel is None or count < kernel.least:
        return None
    if apart:
        if kernel.least != LARGE:
            return None
        operands = tuple([np.ascontiguousarray(x) if type(x) is np.ndarray and x.ndim else x for x in operands])
        words = [word if form == SCALAR else id(x) for x, form, word in zip(operands, pattern, words, strict=True)]
    out = np.empty(shape, kernel.result, "F" if f_order and not c_order else "C")
    threads.pool().run(kernel._address, count, count * kernel.cost, id(out), *words, *kernel._padding)
    return out


def run_formula(formula: Elementwise, *operands: np.ndarray) -> np.ndarray | None:
    """The result of a formula of many steps, of arrays of float64 of one shape, whatever the size, laid as numpy lays
    it; None where numpy should compute it."""
    first = operands[0]
    kernel = kernel_for(formula, "float64") if first.size else None
    if kernel is None or not first.dtype.isnative:
        return None
    flags = first.flags
    if not (flags.c_contiguous or flags.f_contiguous):
        first = first.copy(order="K")  # dense, so that the result, which lies alike, has its elements in the same order
    out = np.empty_like(first)
    if any([x.strides != out.strides for x in operands[1:]]):
        return None
    return kernel.run(out, first, *operands[1:])


def _in_rows(x: np.ndarray) -> bool:
    """Whether the elements lie in the order of rows, if apart."""
    strides = x.strides
    return strides[-1] > 0 and all([outer >= inner for outer, inner in zip(strides, strides[1:], strict=False)])


_casts: dict[str, Kernel | None] = {}


def cast_large(x: np.ndarray, dtype: np.dtype[Any]) -> np.ndarray | None:
    """A large dense array of float32 in half precision, or the other way; None where numpy should convert it."""
    flags, kinds = x.flags, x.dtype.char + dtype.char
    if not (flags.c_contiguous or flags.f_contiguous):
        return None
    if kinds not in _casts:
        pattern, half = (ARRAY, dtype.char) if x.dtype.char == "f" else (x.dtype.char, "")
        _casts[kinds] = compile_elementwise(lambda _, x: x, "float32", pattern, half)
    kernel = _casts[kinds]
    if kernel is None:
        return None
    return kernel.run(np.empty(x.shape, dtype, "C" if flags.c_contiguous else "F"), x)


def _dtype_of(name: str) -> np.dtype[Any]:
    """numpy's dtype of a name, or of the letter of a kind of half precision."""
    return bfloat16.numpy if name == BFLOAT16 else np.dtype(name)


def _bits(number: float) -> int:
    """The bits of a float64 as a signed integer."""
    return struct.unpack("<q", struct.pack("<d", number))[0]


_possible = memory.arrays_are_as_expected()
memory.retain_freed_memory()
