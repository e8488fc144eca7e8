"""Arguments that many functions take in the same forms: sizes, dtypes, devices, flags, dimensions."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core import dtypes
from ..core.device import is_meta
from ..core.dtypes import DType
from ..core.errors import OutOfRangeError, TooLargeError
from ..core.layout import strided
from ..core.state import state
from ..tensors.absent import Absent, absent
from ..tensors.alias import type_name
from ..tensors.tensor import TENSORS, Tensor, make

_PYTHON_TYPES = {float: dtypes.float64, int: dtypes.int64, bool: dtypes.bool_, complex: dtypes.complex128}


def dtype_of(dtype: Any) -> DType | None:
    """A ``dtype=`` argument: a `DType`, one of Python's number types (as PyTorch reads them), or None."""
    if dtype is None or type(dtype) is DType:
        return dtype
    try:
        return _PYTHON_TYPES[dtype]
    except (KeyError, TypeError):
        raise TypeError(
            f"[dtype] argument 'dtype' must be torch.dtype, not {type(dtype).__name__}; got {dtype!r}; pass one of "
            "this module's, such as float32"
        ) from None


def check_options(device: Any = None, layout: Any = None, like: Tensor | None = None) -> bool:
    """Whether a new tensor is to be on the meta device: because ``device`` says so, or, if None, that of ``like`` or
    the default. Raises for a device or a layout that wengert does not have."""
    if layout is not None and layout is not strided:
        if type(layout) is not type(strided):
            raise TypeError(f"[layout] argument 'layout' must be torch.layout, not {type(layout).__name__}")
        raise NotImplementedError(f"layout {layout!r} is not in wengert yet; use torch.strided")
    if device is None:
        if like is not None:
            return type(like._data) is Absent
        if not state.devices:
            return False
    return is_meta(device)


def nothing_of(shape: tuple[int, ...], dtype: np.dtype[Any], requires_grad: bool = False,
               strides: tuple[int, ...] | None = None) -> Tensor:
    """A new tensor of the meta device, of a shape, a dtype and strides in elements (rows, if None)."""
    out = make(absent(shape, dtype, strides), None)
    return out.requires_grad_() if requires_grad else out


def check_not_empty(op: str, x: Tensor, dim: int) -> None:
    """Raises where there is no element along ``dim`` to choose."""
    if x._data.ndim and not x._data.shape[dim]:
        raise OutOfRangeError(f"{op}(): Expected reduction dim {dim} to have non-zero size.")


def check_some_tensor(op: str, *operands: Any) -> None:
    """Raises unless one of the operands at least is a tensor."""
    if not any([type(x) in TENSORS for x in operands]):
        raise TypeError(f"{op}() received an invalid combination of arguments - got "
                        f"({', '.join([type(x).__name__ for x in operands])}), but one Tensor at least was expected")


def check_one_dtype(op: str, *operands: Any) -> None:
    """Raises unless those of the operands that are given are of one dtype."""
    first = None
    for x in operands:
        if x is None:
            continue
        if first is None:
            first = x
        elif x._data.dtype != first._data.dtype:
            names = type_name(first._data.dtype), type_name(x._data.dtype)
            raise RuntimeError(f"[{op}] {op}(): self and source expected to have the same dtype, but got self.dtype = "
                               f"{names[0]} and source.dtype = {names[1]}: operands must have the same dtype, but got "
                               f"{names[0]} and {names[1]}; convert one of them with .to(...)")


def finish(array: Any, requires_grad: bool, meta: bool = False) -> Tensor:
    """A new tensor around an array of its own, as a leaf if asked; ``meta`` keeps only how it lies."""
    if meta:
        steps = tuple([step // array.itemsize for step in array.strides])
        return nothing_of(array.shape, array.dtype, requires_grad, steps)
    out = make(array, None)
    return out.requires_grad_() if requires_grad else out


def sizes_of(sizes: tuple[Any, ...], op: str, negative: bool = False) -> tuple[int, ...]:
    """Sizes given as ``f(2, 3)``, ``f((2, 3))`` or ``f([2, 3])``; every one an integer, of which only -1 may be
    negative, and only where ``negative`` allows it."""
    if len(sizes) == 1 and isinstance(sizes[0], (tuple, list)):
        sizes = tuple(sizes[0])
    shape = sizes
    for size in sizes:
        if type(size) is not int:
            shape = integers(sizes, op)
            break
    if shape and min(shape) < (-1 if negative else 0):
        what = f"invalid shape dimension {min(shape)}" if negative else \
            f"Trying to create tensor with negative dimension {min(shape)}: {list(shape)}"
        raise RuntimeError(f"[{op}] {what}; sizes must not be negative")
    return shape


def check_given(op: str, word: str, given: tuple[Any, ...]) -> None:
    """Raises where nothing at all is given for the sizes or dimensions that a function takes one by one; an empty tuple
    says that there are none."""
    if not given:
        raise TypeError(f'{op}() missing 1 required positional arguments: "{word}"')


def integer(value: Any, op: str, plain: bool = False) -> int:
    """An integer argument: an int, or anything that is an index, such as an integer tensor of one element. A ``plain``
    one is no size to PyTorch, which takes tensors without dimensions there alone."""
    dims = getattr(value, "ndim", 0) if plain else 0
    if isinstance(value, (bool, np.bool_)) or not hasattr(value, "__index__") or dims:
        raise TypeError(f"{op}(): argument must be int, or a sequence of ints, not {type(value).__name__}")
    found = int(value.__index__())
    if not -2**63 <= found < 2**63:
        raise TooLargeError(f"[{op}] Overflow when unpacking long long: an integer of 64 bits was expected; got "
                            f"{found}")
    return found


def real(value: Any, op: str) -> float:
    """A real argument: a number, or what has the value of one, such as a tensor of one element."""
    if not hasattr(value, "__float__") and not hasattr(value, "__index__"):  # texts are none, though float() reads them
        raise TypeError(f"{op}(): argument must be float, not {type(value).__name__}")
    try:
        return float(value)
    except OverflowError:
        raise OverflowError(f"[{op}] a number in the range of float64 was expected; got one that is too big to "
                            "convert") from None


def integers(values: Any, op: str) -> tuple[int, ...]:
    """One integer or a sequence of them, as a tuple. (PyTorch takes True for 1 where it is not the first.)"""
    if isinstance(values, (tuple, list)):
        return tuple([value if type(value) is int else int(value) if type(value) is bool and place else
                      integer(value, op) for place, value in enumerate(values)])
    return (integer(values, op),)


def tensors_of(tensors: Any, op: str) -> tuple[Tensor, ...]:
    """A sequence of tensors, as a tuple."""
    if isinstance(tensors, Tensor):
        raise TypeError(f"{op}(): argument 'tensors' (position 1) must be tuple of Tensors, not Tensor; put it in a "
                        "list, or take it apart with unbind()")
    listed = tuple(tensors)
    for position, tensor in enumerate(listed):
        if not isinstance(tensor, Tensor):
            raise TypeError(f"{op}(): expected Tensor as element {position} in argument 0, but got "
                            f"{type(tensor).__name__}")
    return listed


def only(named: dict[str, Any], names: str, op: str) -> dict[str, Any]:
    """``named``, the keywords of a function that takes its sizes by place too. Raises TypeError for one that is none of
    ``names``."""
    for name in named:
        if name not in names.split():
            raise TypeError(f"{op}() got an unexpected keyword argument '{name}'")
    return named
