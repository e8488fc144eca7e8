"""What the eager dispatcher calls: elementwise primitives on large arrays, by generated code.

`run_large` takes a primitive and its operands and returns the result, or None where numpy should compute it: no
``lower`` rule, an operand that is small, strided or of another dtype, an operation that float64 lacks. `kernel_for`
gives the kernel itself. Both compile at first use; the object comes from the disk cache where that has it.

A kernel is made for a primitive, a dtype and a pattern of operands (arrays and scalars) and serves every shape.
"""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from . import memory, threads
from .emit import ARRAY, SCALAR, Lower, elementwise_module
from .jit import engine, statistics
from .runtime import OPERANDS

__all__ = ["Kernel", "compile_elementwise", "kernel_for", "run_large", "statistics"]

DTYPES = {np.dtype(np.float32): "float32", np.dtype(np.float64): "float64"}
"""The dtypes that kernels are made for."""

CHEAP = 16
"""A kernel of fewer instructions than this is as fast as its memory; so is numpy's."""

LARGE = 16384
"""Elements from which on a kernel beats numpy."""

LARGE_IF_CHEAP = 65536
"""Elements from which on a cheap kernel beats numpy: it needs the second thread for that."""

_SAFE_INTEGER = 2**53
_PADDING = (0,) * OPERANDS


class Elementwise(Protocol):
    """What is asked of a primitive here."""

    name: str
    arity: int
    lower: Any


class Kernel:
    """Generated code for one expression, dtype and pattern. Calling it, ``kernel(out, *operands)``, fills ``out``.

    ``out`` and the operands that the pattern calls arrays are C-contiguous and of one shape; ``out`` has the dtype
    ``result`` and may be one of the operands itself, but not overlap one otherwise. Scalars are Python numbers.
    Raises `ValueError` where an array is not as described. The code is freed with the object.
    """

    __slots__ = ("_address", "_library", "cost", "dtype", "lanes", "least", "pattern", "result")

    def __init__(self, lower: Lower, dtype: str, pattern: str) -> None:
        if len(pattern) >= OPERANDS:
            raise ValueError(f"[kernel] at most {OPERANDS - 1} operands were expected; got {len(pattern)}")
        module = elementwise_module(lower, dtype, pattern, engine().machine)
        self._library = engine().load(module.text, "kernel")
        self._address = self._library.addresses["kernel"]
        self.dtype, self.result, self.pattern = np.dtype(dtype), np.dtype(module.result), pattern
        self.cost, self.lanes = module.cost + 3 * (1 + len(pattern)), module.lanes
        self.least = LARGE_IF_CHEAP if self.cost < CHEAP else LARGE

    def __call__(self, out: np.ndarray, *operands: Any) -> np.ndarray:
        self._check(out, operands)
        return self.run(out, *operands)

    def run(self, out: np.ndarray, *operands: Any) -> np.ndarray:
        """The same without any check: wrong operands corrupt memory."""
        count = out.size
        slots = [data_address(out)]
        for x, form in zip(operands, self.pattern, strict=True):
            slots.append(data_address(x) if form == ARRAY else _image(float(x)))
        workers = threads.pool()
        share = count // (4 * workers.threads) + 63 & -64
        largest = threads.CHUNK_BYTES // self.dtype.itemsize
        chunk = largest if share > largest else share if share > 1024 else 1024
        lead = min((-slots[0] & 63) // self.result.itemsize, count)
        workers.run(self._address, count, chunk, lead, count // self.lanes * self.cost, *slots, *_PADDING[len(slots):])
        return out

    def _check(self, out: np.ndarray, operands: tuple[Any, ...]) -> None:
        if len(operands) != len(self.pattern):
            raise ValueError(f"[kernel] {len(self.pattern)} operands were expected; got {len(operands)}")
        if not out.flags.writeable:
            raise ValueError("[kernel] a writeable output was expected; got a read-only array")
        arrays = [(x, self.dtype) for x, form in zip(operands, self.pattern, strict=True) if form == ARRAY]
        for x, dtype in [(out, self.result), *arrays]:
            if type(x) is not np.ndarray or x.shape != out.shape or x.dtype != dtype or not x.flags.c_contiguous:
                raise ValueError(f"[kernel] a C-contiguous array of shape {out.shape} and dtype {dtype} was expected; got "
                                 f"{type(x).__name__} of shape {np.shape(x)}, dtype {getattr(x, 'dtype', None)}")


def compile_elementwise(lower: Lower, dtype: str, pattern: str = ARRAY) -> Kernel | None:
    """The kernel of an expression; None where the dtype lacks one of its operations. Nothing keeps it but the caller."""
    try:
        return Kernel(lower, dtype, pattern)
    except NotImplementedError:
        return None


_kernels: dict[tuple[Any, str, str], Kernel | None] = {}


def kernel_for(primitive: Elementwise, dtype_name: str, pattern: str | None = None) -> Kernel | None:
    """The kernel of a primitive for "float32" or "float64"; None where there is none.

    ``pattern`` has a letter an operand, "a" for an array and "s" for a scalar; without it all are arrays.
    """
    if primitive.lower is None or dtype_name not in ("float32", "float64"):
        return None
    key = primitive, dtype_name, pattern or ARRAY * primitive.arity
    try:
        return _kernels[key]
    except KeyError:
        kernel = _kernels[key] = compile_elementwise(primitive.lower, dtype_name, key[2])
        return kernel


def run_large(primitive: Elementwise, *operands: Any) -> np.ndarray | None:
    """The result of a primitive on large arrays as a fresh array; None where numpy should compute it.

    The operands are arrays of one shape, one dtype and one memory order (C or Fortran, which the result has too), and
    Python numbers or 0-dimensional arrays of that dtype.
    """
    lead: np.ndarray | None = None
    pattern = ""
    c_order = f_order = True
    for x in operands:
        if type(x) is np.ndarray and x.shape:
            if lead is None:
                lead = x
            elif x.shape != lead.shape or x.dtype != lead.dtype:
                return None
            flags = x.flags
            c_order, f_order = c_order and flags.c_contiguous, f_order and flags.f_contiguous
            pattern += ARRAY
        elif type(x) is float or type(x) is int and -_SAFE_INTEGER <= x <= _SAFE_INTEGER:
            pattern += SCALAR
        elif type(x) is np.ndarray:
            pattern += SCALAR
        else:
            return None
    if lead is None or lead.size < LARGE or not (c_order or f_order):
        return None
    dtype = DTYPES.get(lead.dtype)
    if dtype is None or any(type(x) is np.ndarray and x.dtype != lead.dtype for x in operands):
        return None
    kernel = kernel_for(primitive, dtype, pattern)
    if kernel is None or lead.size < kernel.least:
        return None
    return kernel.run(np.empty(lead.shape, kernel.result, "C" if c_order else "F"), *operands)


def _image(number: float) -> int:
    """The bits of a float64 as a signed integer."""
    return struct.unpack("<q", struct.pack("<d", number))[0]


def _choose_data_address() -> Callable[[np.ndarray], int]:
    """The quickest way to an array's address that works here.

    ``array.ctypes.data`` takes a microsecond. In CPython an array object begins with the object head, and then the
    pointer (numpy's C interface promises so); reading that takes a seventh of it.
    """
    probe = np.zeros(3)
    offset, pointer = object.__basicsize__, ctypes.c_void_p

    def quick(array: np.ndarray) -> int:
        return pointer.from_address(id(array) + offset).value or 0

    def plain(array: np.ndarray) -> int:
        return array.ctypes.data

    try:
        import sys
        works = sys.implementation.name == "cpython" and all(quick(x) == plain(x) for x in (probe, probe[1:]))
    except (AttributeError, ValueError):
        works = False
    return quick if works else plain


data_address = _choose_data_address()
memory.retain_freed_memory()
