"""The collectives on any objects that can be pickled. As with PyTorch's, give them ranks that you trust alone:
unpickling runs what the sender wrote."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np

from . import transport
from .collectives import group_of, root_of
from .groups import Call


def _pickled(value: Any) -> Any:
    return np.frombuffer(bytearray(pickle.dumps(value, protocol=5)), np.uint8)


def all_gather_object(object_list: list[Any], obj: Any, group: Any = None) -> None:
    """Puts the object of rank i into ``object_list[i]``, on all ranks."""
    found = group_of(group)
    if found is None:
        return
    if len(object_list) != found.size():
        raise ValueError(f"[all_gather_object] a list of {found.size()} places was expected; got {len(object_list)}")
    object_list[:] = found.run("all_gather_object", "", lambda call: _gathered(call, obj, None))


def _gathered(call: Call, value: Any, root: int | None) -> Any:
    mine = _pickled(value)
    sizes = transport.allgather(call, np.array([mine.size], np.int64)).view(np.int64)[:, 0]
    padded = np.zeros(int(sizes.max()), np.uint8)
    padded[: mine.size] = mine
    rows = transport.allgather(call, padded) if root is None else transport.gather(call, padded, root)
    return None if rows is None else [pickle.loads(row[:size].tobytes()) for row, size in zip(rows, sizes, strict=True)]


def gather_object(obj: Any, object_gather_list: list[Any] | None = None, dst: int | None = None, group: Any = None,
                  group_dst: int | None = None) -> None:
    """`all_gather_object` for rank ``dst`` (0) alone; others give no list."""
    found = group_of(group)
    if found is None:
        return
    root = root_of(found, 0 if dst is None and group_dst is None else dst, group_dst, "gather_object")
    if (found.rank() == root) != (object_gather_list is not None):
        raise ValueError("[gather_object] object_gather_list was expected on the destination rank, and on no other")
    objects = found.run("gather_object", f"to {root}", lambda call: _gathered(call, obj, root))
    if object_gather_list is not None:
        object_gather_list[:] = objects


def broadcast_object_list(object_list: list[Any], src: int | None = None, group: Any = None, device: Any = None,
                          group_src: int | None = None) -> None:
    """Replaces the objects in the list by those of rank ``src`` (0)."""
    found = group_of(group)
    if found is None:
        return
    root = root_of(found, 0 if src is None and group_src is None else src, group_src, "broadcast_object_list")

    def body(call: Call) -> Any:
        mine = _pickled(list(object_list)) if found.rank() == root else np.empty(0, np.uint8)
        size = np.array([mine.size], np.int64)
        transport.broadcast(call, size, root)
        whole = mine if found.rank() == root else np.empty(int(size[0]), np.uint8)
        transport.broadcast(call, whole, root)
        return None if found.rank() == root else pickle.loads(whole.tobytes())

    objects = found.run("broadcast_object_list", f"from {root} of {len(object_list)}", body)
    if objects is not None:
        object_list[:] = objects


def scatter_object_list(scatter_object_output_list: list[Any], scatter_object_input_list: list[Any] | None = None,
                        src: int | None = None, group: Any = None, group_src: int | None = None) -> None:
    """Puts the i-th object of rank ``src`` (0) at the first place of rank i's list."""
    found = group_of(group)
    if found is None:
        return
    if not isinstance(scatter_object_output_list, list) or not scatter_object_output_list:
        raise ValueError("Expected argument scatter_object_output_list to be a list of size at least 1.")
    root = root_of(found, 0 if src is None and group_src is None else src, group_src, "scatter_object_list")
    here = found.rank() == root
    if here and (scatter_object_input_list is None or len(scatter_object_input_list) != found.size()):
        raise ValueError(f"[scatter_object_list] one object for each of {found.size()} ranks was expected on the "
                         "source")

    def body(call: Call) -> Any:
        rows = [_pickled(each) for each in scatter_object_input_list or ()] if here else []
        sizes = np.array([row.size for row in rows] if here else [0] * found.size(), np.int64)
        transport.broadcast(call, sizes, root)
        longest = int(sizes.max())
        parts = np.zeros((found.size(), longest), np.uint8) if here else None
        for index, row in enumerate(rows):
            assert parts is not None
            parts[index, : row.size] = row
        out = np.empty(longest, np.uint8)
        transport.scatter(call, parts, out, root)
        return pickle.loads(out[: int(sizes[found.rank()])].tobytes())

    scatter_object_output_list[0] = found.run("scatter_object_list", f"from {root}", body)
