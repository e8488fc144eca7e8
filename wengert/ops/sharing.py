"""Tensors that several processes see: `Tensor.share_memory_`, and how a tensor goes to another process.

Pickled for another process (by a queue or a pipe, or as an argument under spawn), a tensor's memory moves into a
segment, and what goes is the segment's descriptor: both processes then see each other's writes, as with PyTorch.
"""

from __future__ import annotations

import gc
import sys
from typing import Any

import numpy as np

from ..core import dtypes, segments
from ..core.segments import Segment
from ..tensors.tensor import TENSORS, Tensor, wrap
from .registry import method


@method("share_memory_")
def share_memory_(self: Tensor) -> Tensor:
    """Moves this tensor's memory to where other processes can see it, and returns the tensor.

    Processes forked afterwards share it, and so do processes that the tensor is sent to. Tensors that share its memory
    move with it; numpy arrays made of it before stay behind. Raises NotImplementedError on Windows.

    >>> import wengert as torch
    >>> torch.zeros(2).share_memory_().is_shared()
    True
    """
    self._concrete("share_memory_")
    if segments.owner_of(self._data) is None:
        _move(self)
    register()
    return self


@method("is_shared")
def is_shared(self: Tensor) -> bool:
    """Whether other processes can see this tensor's memory: after `share_memory_`, or where it came from one.

    >>> torch.ones(2).is_shared()
    False
    """
    return segments.owner_of(self._data) is not None


# --- moving -----------------------------------------------------------------------------------------------------------


def _move(tensor: Tensor) -> None:
    """Copies the memory in which a tensor lies to a new segment, and has every tensor that lies there lie here."""
    alone = _holders(tensor) in _ALONE
    root = _bottom(tensor._data)
    low, high = np.lib.array_utils.byte_bounds(root)
    start = root.__array_interface__["data"][0]
    segment = segments.enlist(segments.allocate(high - low))
    moved = segments.place(segment, root.dtype, root.shape, root.strides, start - low)
    np.copyto(moved, root)
    # Arrays do not know who holds them, so where the tensor is not alone all objects are looked through.
    others = () if alone else [each for each in gc.get_objects() if type(each) in TENSORS]
    for each in {id(each): each for each in (tensor, *others)}.values():
        array = each._data
        if array is root:
            each._data = moved
        elif isinstance(array, np.ndarray) and _bottom(array) is root:
            each._data = _part(moved, array, array.__array_interface__["data"][0] - start)


def _bottom(array: Any) -> Any:
    """The array that owns the memory of ``array``, also where a strided view is in between."""
    while getattr(array.base, "base", None) is not None or isinstance(array.base, np.ndarray):
        array = array.base
    return array


def _part(whole: np.ndarray, pattern: np.ndarray, offset: int) -> np.ndarray:
    """The array that lies in ``whole``, ``offset`` bytes after its first element, as ``pattern`` lies in its owner."""
    buffer: Any = whole if whole.flags.c_contiguous else whole.T
    if pattern.size and buffer.flags.c_contiguous and whole.dtype.kind not in "VW":
        return np.ndarray(pattern.shape, pattern.dtype, buffer, offset, pattern.strides)
    owner = segments.owner_of(whole)
    origin = whole.__array_interface__["data"][0] - owner.address
    return segments.place(owner, pattern.dtype, pattern.shape, pattern.strides, origin + offset)


def _holders(tensor: Tensor) -> tuple[int, int]:
    """How many references there are to a tensor's array and to that array's owner."""
    root = _bottom(tensor._data)
    return sys.getrefcount(tensor._data), 0 if root is tensor._data else sys.getrefcount(root)


# What `_holders` finds for a tensor that shares its memory with nobody, whether it is all of the memory or a view of
# it; interpreters count differently.
_ALONE = {_holders(wrap(np.empty(1))), _holders(wrap(np.empty(1)[:]))}


# --- on the way -------------------------------------------------------------------------------------------------------


def register() -> None:
    """Has the pickler of ``multiprocessing`` share the memory of tensors of every class that there is by now."""
    from multiprocessing.reduction import ForkingPickler

    for kind in TENSORS:
        ForkingPickler.register(kind, reduce_shared)


def reduce_shared(tensor: Tensor) -> tuple[Any, ...]:
    """How a tensor is pickled for another process. Raises RuntimeError for one with a history."""
    if not tensor.is_leaf:
        raise RuntimeError(
            "Cowardly refusing to serialize non-leaf tensor which requires_grad, since autograd does not support "
            "crossing process boundaries.  If you just want to transfer the data, call detach() on the tensor before "
            "serializing (e.g., putting it on the queue)."
        )
    if not segments.AVAILABLE or not tensor.numel():
        return tensor.__reduce_ex__(2)
    segment = segments.owner_of(tensor._data)
    if segment is None or segment.descriptor is None:
        _move(tensor)
        segment = segments.owner_of(tensor._data)
    from multiprocessing.reduction import DupFd

    data = tensor._data
    geometry = data.shape, data.strides, data.__array_interface__["data"][0] - segment.address
    handle = DupFd(segment.descriptor), segment.size
    return _rebuild_shared, (type(tensor), handle, tensor.dtype.name, geometry, tensor.requires_grad, tensor.__dict__)


def _rebuild_shared(
    cls: type, handle: tuple[Any, int], dtype: str, geometry: Any, requires_grad: bool, attributes: dict[str, Any]
) -> Tensor:
    """The tensor that `reduce_shared` sent: its memory is mapped here, and not copied."""
    duplicate, size = handle
    owner: Segment = segments.adopt(duplicate.detach(), size)
    shape, strides, offset = geometry
    kind = dtypes.by_name(dtype).numpy
    out: Any = object.__new__(cls)
    out._data = segments.place(owner, kind, shape, strides, offset)
    out._edge = out._alias = out._cell = out._rare = None
    out.__dict__.update(attributes)
    return out.requires_grad_() if requires_grad else out
