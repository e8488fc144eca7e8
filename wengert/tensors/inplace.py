"""In-place forms, derived from the functional ones by the law of `alias`: ``t.op_()`` writes ``op(t)`` into ``t``."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from ..core.dtypes import from_numpy
from ..core.eighths import converted
from ..core.errors import InplaceError, LayoutError, ShapeError
from ..core.frames import warn
from ..core.primitive import P, Primitive
from ..core.state import state
from .absent import Absent
from .alias import check_writable, edge_before_write, edge_of, overlaps_itself, same_memory, write, wrote
from .apply import FAILURES, reworded, stored_number
from .overrides import once_more
from .tensor import TENSORS, Tensor, make


def needs_tape(*operands: Any) -> bool:
    """Whether an operation on these operands is recorded."""
    return state.grad and any([type(x) in TENSORS and edge_of(x) is not None for x in operands])


def snapshot(tensor: Tensor, op_records: bool) -> Tensor:
    """A tensor with this one's value and history, apart from its storage: what ``op`` reads in ``t.op_()``.

    Where the operation is recorded it gets a copy, since backward may read the old value, and the memory is about to
    change. (PyTorch saves a clone likewise.)
    """
    edge = edge_before_write(tensor) if state.grad else None
    watcher = state.watcher
    if watcher is not None and watcher.tracer is not None:
        return make(watcher.own(watcher.tracer.frozen, tensor), edge)
    data = tensor._data
    if op_records:
        data = data.again() if type(data) is Absent else data.copy()
    return make(data, edge)


_AT_PLACES = frozenset("index_add_ index_copy_ index_fill_ index_put_ index_reduce_ put_ scatter_ scatter_add_ "
                       "scatter_reduce_".split())
"""In-place forms that write at places which an operand names: no operand may share their target's memory. (Others read
all their operands before they write, whatever these share.)"""

BY_PLACES: dict[str, Callable[..., Tensor]] = {}
"""How in-place forms that write some elements alone write those of an expanded tensor: ``(function, tensor, ...)``."""


def inplace(function: Callable[..., Any], name: str) -> Callable[..., Any]:
    """The in-place form of a function of tensors: same arguments, the first one written and returned."""

    def method(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        try:
            check_writable(self, name)
        except AttributeError:
            made: Tensor = once_more(method, self, *args, **kwargs)
            return made
        except LayoutError:  # a sparse tensor's class has a method of its own, or a refusal in that method's name
            made = getattr(type(self), name)(self, *args, **kwargs)
            return made
        except InplaceError:
            by_places = BY_PLACES.get(name)
            if by_places is not None and overlaps_itself(self._data):
                return by_places(function, self, *args, **kwargs)
            check_types(function, self, args, kwargs)
            raise
        if name in _AT_PLACES:
            check_apart(name, (*args, *kwargs.values()), self, whole=True)
        records = needs_tape(self, *args, *kwargs.values())
        if records:
            args = tuple([snapshot(x, True) if type(x) in TENSORS and same_memory(x, self) else x for x in args])
        return write(self, function(snapshot(self, records), *args, **kwargs), name)

    method.__name__ = method.__qualname__ = name
    method.__doc__ = f"In-place version of `{function.__name__}`: writes the result into this tensor and returns it."
    return method


def check_types(function: Callable[..., Any], target: Tensor, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Raises the TypeError of a write that may not happen, if its arguments have one: PyTorch reads them before it
    looks at what they are to change. They are right if the function takes them, or fails on their values."""
    before, state.grad = state.grad, False
    try:
        function(make(target._data, None), *args, **kwargs)
    except (RuntimeError, ValueError, LookupError, ArithmeticError, MemoryError):
        return  # of values, of which the refusal of the write comes first; so do those of dtypes
    finally:
        state.grad = before


def binary_inplace(primitive: Primitive, function: Callable[..., Any], name: str) -> Callable[..., Any]:
    """Like `inplace`, for a binary ufunc: where nothing is recorded, numpy writes its result into the target."""
    general = inplace(function, name)
    run = primitive.run

    def method(self: Tensor, other: Any, **kwargs: Any) -> Any:
        target, here = self._data, state.here
        grad, alias = here["grad"], self._alias
        letter = target.dtype.char
        if (kwargs or here["watcher"] is not None
                or (letter not in "fdFD" and (letter != "l" or type(other) is not int))
                or (grad and (self._edge is not None or (alias is not None and alias.storage.edge is not None)))):
            return general(self, other, **kwargs)
        if type(other) in TENSORS:
            value = other._data
            if value.dtype is not target.dtype or (grad and edge_of(other) is not None):
                return general(self, other)
        elif type(other) is float or type(other) is int:
            value = other
        else:
            return general(self, other)
        cell = self._cell
        if cell is None:
            cell = self._cell = [0, None]
        try:
            if not target.flags.c_contiguous and overlaps_itself(target):
                return general(self, other)
            count = cell[0]
            here["quiet"](run, target, value, target)
        except (ValueError, TypeError, OverflowError, RuntimeError):
            return general(self, other)  # which words the error
        cell[0] = count + 1
        return self

    method.__name__ = method.__qualname__ = name
    method.__doc__ = general.__doc__
    return method if isinstance(primitive.eval, str) else general


def check_apart(op: str, args: Iterable[Any], target: Any, whole: bool = False) -> None:
    """Raises if an operand and the target share a part of their memory; the whole of it they may share, unless
    ``whole``: where a result is written at places of which the operands say which they are."""
    for x in args:
        if type(x) in (tuple, list):
            check_apart(op, x, target, whole)
        elif type(x) in TENSORS and type(target) in TENSORS and (
                whole if x is target else x._cell is not None and x._cell is target._cell):
            a, b = x._data, target._data
            if type(a) is not np.ndarray or type(b) is not np.ndarray or not np.may_share_memory(a, b):
                continue
            place = a.__array_interface__["data"][0] == b.__array_interface__["data"][0]
            if (whole or not (place and a.shape == b.shape and a.strides == b.strides)) and _dense(a) and _dense(b):
                raise InplaceError(f"[{op}] unsupported operation: some elements of the input tensor and the "
                                   "written-to tensor refer to a single memory location. Please clone() the tensor "
                                   "before performing the operation.")


def _dense(array: np.ndarray) -> bool:
    """Whether the elements lie without gaps, in whatever order: only of these can be said at once what they share."""
    step = array.itemsize
    for stride, size in sorted(zip(array.strides, array.shape, strict=True)):
        if size != 1 and stride != step:
            return False
        step *= size
    return True


def overwrite(tensor: Tensor, value: Any, op: str) -> Any:
    """Puts ``value``, a tensor or a number, broadcast and cast, into the tensor's memory and history."""
    check_writable(tensor, op, elements=isinstance(value, Tensor))
    value = _storable(tensor, value, op)
    if state.watcher is None and not needs_tape(tensor, value):
        source = value._data if isinstance(value, Tensor) else value
        try:
            if not isinstance(value, Tensor) and tensor._data.dtype.kind in "iu":
                source = np.array(source).astype(tensor._data.dtype)
            elif tensor._data.dtype.kind in "VW":
                source = state.quiet(converted, np.asarray(source), tensor._data.dtype)
            state.quiet(np.copyto, tensor._data, source, "unsafe")
        except FAILURES as error:
            raise reworded(P.overwrite, (tensor, value), {}, error) from error
        wrote(tensor)
        return tensor
    if isinstance(value, Tensor):
        return write(tensor, P.overwrite(snapshot(tensor, False), value), op)
    return write(tensor, P.fill(snapshot(tensor, False), value=value), op)


def _storable(tensor: Tensor, value: Any, op: str) -> Any:
    """The value, if it broadcasts to the tensor's shape and can be stored in its dtype; of a complex tensor for a real
    target the real part, with PyTorch's warning."""
    if not isinstance(value, Tensor):
        alone = op == "fill_" and tensor._data.size == 1  # of which PyTorch checks the integers alone
        return stored_number(op, value, from_numpy(tensor._data.dtype), halves=op != "setitem" and not alone)
    real = tensor._data.dtype.kind not in "cW"
    target, shape = tensor._data.shape, value._data.shape
    if shape != target:
        lead = len(target) - len(shape)
        if lead < 0:
            raise ShapeError(f"[{op}] output with shape {list(target)} doesn't match the broadcast shape "
                             f"{list(shape)}; an in-place operation cannot change its target's shape")
        for dim, (have, want) in enumerate(zip(shape, target[lead:], strict=True), lead):
            if have not in (1, want):
                raise ShapeError(f"[{op}] The expanded size of the tensor ({want}) must match the existing size "
                                 f"({have}) at non-singleton dimension {dim}.  Target sizes: {list(target)}.  "
                                 f"Tensor sizes: {list(shape)}; give the value a shape that broadcasts to the target's")
    if real and value._data.dtype.kind in "cW":
        warn("Casting complex values to real discards the imaginary part", UserWarning)
        return P.copy_real(value)
    return value
