"""``x[index]`` and ``x[index] = value``.

Ints, slices, None and Ellipsis are applied first, as a view; index tensors and masks then act on that view. (numpy
treats an int beside an index array as an index array; PyTorch does not, and neither do we.)
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.errors import KindError, OutOfRangeError, ShapeError
from ..core.frames import warn
from ..core.primitive import P
from ..core.state import state
from .alias import check_writable, overlaps_itself, type_name, write, wrote
from .apply import NUMBERS, stored_number
from .evaluation import known, tracing
from .hot import unary
from .inplace import check_apart, needs_tape, overwrite, snapshot
from .tape import OnTape
from .tensor import TENSORS, Tensor, wrap

_sliced = unary(P.slice)


def getitem(x: Tensor, index: Any) -> Any:
    """The part of ``x`` that ``index`` shows: a view for basic indices, a copy where tensors or masks index."""
    if type(index) is int:
        return _slice(x, (index,))
    basic, places, arrays = parse(x, index)
    part = x if basic is None else _slice(x, basic)
    if not arrays:
        return part
    try:
        return P.index(part, *arrays, places=places)
    except IndexError as error:
        raise out_of_range(part, places, arrays, error) from error


def _slice(x: Tensor, basic: tuple[Any, ...]) -> Any:
    try:
        return _sliced(x, params={"index": basic})
    except IndexError as error:
        if not x._data.ndim:
            why = ("slice() cannot be applied to a 0-dim tensor." if type(basic[0]) is slice else
                   "invalid index of a 0-dim tensor. Use `tensor.item()` in Python or `tensor.item<T>()` in C++ to "
                   "convert a 0-dim tensor to a number")
            raise OutOfRangeError(f"[slice] {why}; got {basic}") from error
        raise OutOfRangeError(str(error).replace("axis", "dimension")) from error


def out_of_range(part: Tensor, places: Sequence[bool], arrays: Sequence[Tensor], error: Exception) -> Exception:
    if "shape mismatch" in str(error):
        shapes = ", ".join(str(list(a._data.shape)) for a in arrays)
        return IndexError(f"shape mismatch: indexing tensors could not be broadcast together with shapes {shapes}")
    if "boolean index" in str(error):
        mask = next(a for a in arrays if a._data.dtype == bool)
        found = re.search(r"along (?:axis|dimension) (\d+)", str(error))
        first = max(places.index(True), 0)
        place = int(found[1]) if found else first
        return IndexError(f"The shape of the mask {list(mask._data.shape)} at index {place - first} does not match the "
                          f"shape of the indexed tensor {list(part._data.shape)} at index {place}")
    if "from an empty" in str(error):
        return OutOfRangeError(f"[index] index is out of bounds for dimension with size 0; got a tensor of shape "
                               f"{list(part._data.shape)}; an index without elements was expected")
    return OutOfRangeError(str(error).replace("axis", "dimension"))


_INDICES = frozenset(("bool", "uint8", "int32", "int64"))
"""The names of the dtypes that index tensors may have."""


def setitem(x: Tensor, index: Any, value: Any) -> None:
    """Writes ``value``, a tensor or number broadcast to the part, into the part of ``x`` that ``index`` shows."""
    if type(index) in TENSORS and index._data.dtype == np.uint8 and index._data.ndim and not (
            type(value) in TENSORS and value._data.size != 1):
        raise RuntimeError("[setitem] masked_fill_ only supports boolean masks, but got mask with dtype unsigned char; "
                           "convert it with .bool()")
    basic, places, arrays = parse(x, index)
    if isinstance(value, np.ndarray):
        value = wrap(value)
    elif not isinstance(value, (Tensor, *NUMBERS)):
        raise KindError(f"[setitem] can't assign a {type(value).__name__} to a torch.{type_name(x._data.dtype)}Tensor; "
                        "make it a tensor")
    elif arrays and isinstance(value, Tensor) and value._data.dtype != x._data.dtype:
        _check_dtypes(x, value, arrays)
    part = x if basic is None else _slice(x, basic)
    if isinstance(value, Tensor) and value._data.ndim:
        value = _drop_leading(value, part._data.ndim if not arrays else _rank(part, arrays))
    if not arrays:
        overwrite(part, value, "setitem")
        return
    value = stored_number("setitem", value, x.dtype, halves=False)
    check_apart("setitem", (value, *arrays), part, whole=True)
    direct = state.watcher is None and not needs_tape(part, value)
    check_writable(part, "setitem", elements=not direct)
    if direct:
        if not part._data.flags.c_contiguous and overlaps_itself(part._data):
            warn("Use of index_put_, index_fill_ and masked_fill_ on expanded tensors is deprecated: all elements that "
                 "share a place in memory get what one of them gets; clone() the tensor before", UserWarning)
        source = value._data if isinstance(value, Tensor) else value
        where = _where(places, arrays)
        try:
            part._data[where] = state.quiet(np.asarray(source).astype, part._data.dtype)
        except IndexError as error:
            raise out_of_range(part, places, arrays, error) from error
        except ValueError as error:
            raise no_room("setitem", part, places, arrays, value) from error
        wrote(part)
        return
    put = P.index_put(snapshot(part, False), value, *arrays, places=places)
    write(part, put, "setitem")


def no_room(op: str, part: Tensor, places: Sequence[bool], arrays: Sequence[Tensor], value: Any) -> ShapeError:
    """The error of a value that does not broadcast to what index arrays show."""
    shown = np.broadcast_to(np.empty(()), part._data.shape)[_where(places, arrays)].shape
    return ShapeError(f"[{op}] shape mismatch: value tensor of shape {list(value.shape)} cannot be broadcast to "
                      f"indexing result of shape {list(shown)}")


def _check_dtypes(x: Tensor, value: Tensor, arrays: Sequence[Tensor]) -> None:
    """Raises for a value of another dtype, but for a 0-d one where only masks say where it goes."""
    if value._data.ndim or any(a._data.dtype != bool for a in arrays):
        raise RuntimeError(f"[setitem] Index put requires the source and destination dtypes match; got {value.dtype} "
                           f"for a tensor of {x.dtype}; convert the value with .to({x.dtype})")


def _rank(part: Tensor, arrays: Sequence[Tensor]) -> int:
    """The number of dimensions of what index arrays show: they broadcast, and a mask stands for as many dimensions as
    it has and shows one."""
    masks = [a._data.dtype == bool for a in arrays]
    taken = sum(a._data.ndim if mask else 1 for a, mask in zip(arrays, masks, strict=True))
    shown = max(1 if mask else a._data.ndim for a, mask in zip(arrays, masks, strict=True))
    return part._data.ndim - taken + shown


def _drop_leading(value: OnTape, rank: int) -> Any:
    """Leading dimensions of size 1 of an assigned value, beyond the ``rank`` of the part, do not count."""
    extra = value._data.ndim - rank
    if extra <= 0 or any(n != 1 for n in value._data.shape[:extra]):
        return value
    return P.reshape(value, shape=value._data.shape[extra:])


def _where(places: Sequence[bool], arrays: Sequence[Tensor]) -> tuple[Any, ...]:
    found = iter(arrays)
    return tuple(next(found)._data if place else slice(None) for place in places)


_APART = (slice, type(None), type(Ellipsis), list, tuple, range, np.ndarray, Tensor)
"""What makes of a list an index of several dimensions."""


def parse(x: Tensor, index: Any) -> tuple[tuple[Any, ...] | None, tuple[bool, ...], list[Any]]:
    """An index as its basic part (None where there is none), the dimensions of the rest that have an index array, and
    these arrays."""
    if type(index) is int or type(index) is slice:
        return (_checked(index),), (), []
    items = index if type(index) is tuple else (index,)
    if type(index) is list and len(index) < 32 and any(isinstance(i, _APART) for i in index):
        items = tuple(index)  # as numpy once did, and PyTorch does
    if state.watcher is not None and tracing():
        items = _without_masks(items)
    items = _spread_ellipsis(tuple([i if type(i) is int else _item(i) for i in items]), x._data.ndim)
    if TENSORS.isdisjoint(map(type, items)):
        return items, (), []
    basic: list[Any] = []
    places: list[bool] = []
    arrays: list[Any] = []
    for at, item in enumerate(items):
        if type(item) in TENSORS:
            mask = item._data.dtype == bool
            if mask and 0 in item._data.shape:
                _check_empty_mask(x, items[:at], item)
            basic.extend([slice(None)] * (item._data.ndim if mask and item._data.ndim else 0 if mask else 1))
            if mask and not item._data.ndim:
                basic.append(None)
                item = P.reshape(item, shape=(1,))
            places.append(True)
            arrays.append(item)
        else:
            basic.append(item)
            if not isinstance(item, int):
                places.append(False)
    nothing = all(type(i) is slice and i == slice(None) for i in basic)
    return (None if nothing else tuple(basic)), tuple(places), arrays


def _check_empty_mask(x: Tensor, before: Sequence[Any], mask: Tensor) -> None:
    """Raises for a mask that has a size of 0 where the tensor has none: numpy lets those pass for every tensor."""
    first = sum(item._data.ndim if type(item) in TENSORS and item._data.dtype == bool else item is not None
                for item in before)
    shape = mask._data.shape
    if x._data.shape[first : first + len(shape)] != shape:
        raise IndexError(f"The shape of the mask {list(shape)} does not match the shape of the indexed tensor "
                         f"{list(x._data.shape)} from dimension {first} on")


def _without_masks(items: tuple[Any, ...]) -> tuple[Any, ...]:
    """An index for a recording: masks, where they are known, as the places that they show."""
    plain: list[Any] = []
    for item in items:
        mask = _item(item) if isinstance(item, (list, np.ndarray, *TENSORS)) else None
        array = None
        if isinstance(mask, Tensor) and mask._data.dtype == bool and mask._data.ndim:
            array = known(mask)
        plain += [item] if array is None else map(wrap, array.nonzero())
    return tuple(plain)


def _item(item: Any) -> Any:
    """One entry of an index: an int, a checked slice, None, Ellipsis, or a tensor of int64 or bool."""
    if isinstance(item, (bool, np.bool_)):
        return wrap(np.array(bool(item)))
    if isinstance(item, (int, np.integer)):
        return int(item)
    if isinstance(item, slice):
        return _checked(item)
    if item is None or item is Ellipsis:
        return item
    if type(item) in TENSORS:
        array = item._data
        if array.dtype.kind not in "iub":
            raise IndexError("tensors used as indices must be long, int, byte or bool tensors")
        if array.dtype == np.uint8:
            if array.ndim:
                warn("indexing with dtype torch.uint8 is now deprecated, please use a dtype torch.bool instead")
            return P.cast(item, dtype=np.dtype(bool))
        if not array.ndim and array.dtype.kind in "iu" and (number := known(item)) is not None:
            return int(number)
        if array.ndim and array.dtype.name not in _INDICES:
            raise IndexError(f"tensors used as indices must be long, int, byte or bool tensors; got {item.dtype}")
        return item
    if isinstance(item, (list, tuple, range, np.ndarray)):
        plain: Any = item if isinstance(item, np.ndarray) else [getattr(i, "_data", i) for i in item]
        array = np.asarray(plain)
        if not array.size:
            array = array.astype(np.int64)
        if array.dtype.kind == "f" and plain is not item:
            array = array.astype(np.int64)  # PyTorch reads a list as int64, whatever is in it
        if array.dtype.kind == "U":
            raise TypeError(f"[index] integers were expected in a list of indices; got {array.flat[0]!r:.40}")
        if array.dtype.kind not in "iub":
            raise IndexError("tensors used as indices must be long, int, byte or bool tensors")
        return wrap(array if array.dtype == bool else array.astype(np.int64))
    error = TypeError if isinstance(item, (str, bytes)) else IndexError
    raise error("[index] only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid "
                f"indices (got {type(item).__name__}); convert it, with int(...) or .long()")


_PLACES = (int, type(None))


def _checked(item: object) -> Any:
    if type(item) is slice:
        start, stop, step = item.start, item.stop, item.step
        if step is None and type(start) in _PLACES and type(stop) in _PLACES:
            return item
        if any([i is not None and not hasattr(i, "__index__") for i in (start, stop, step)]):
            raise TypeError("[index] slice indices must be integers or None or have an __index__ method; got "
                            f"{start!r}, {stop!r} and {step!r}")
        start, stop, step = (None if i is None else i.__index__() for i in (start, stop, step))
        if step is not None and step <= 0:
            raise ValueError("slice step cannot be zero" if not step else "step must be greater than zero")
        return slice(start, stop, step)
    return item


def _spread_ellipsis(items: tuple[Any, ...], rank: int) -> tuple[Any, ...]:
    taken = 0
    for item in items:
        if type(item) in TENSORS and item._data.dtype == bool:
            taken += item._data.ndim
        elif item is not None and item is not Ellipsis:
            taken += 1
    if taken > rank:
        raise OutOfRangeError(f"[index] too many indices for tensor of dimension {rank}; got {taken}; leave some out")
    if type(Ellipsis) not in map(type, items):
        return items
    position = next(i for i, item in enumerate(items) if item is Ellipsis)
    rest = items[position + 1:]
    if any(item is Ellipsis for item in rest):
        raise IndexError("an index can only have a single ellipsis ('...')")
    return (*items[:position], *(slice(None),) * (rank - taken), *rest)
