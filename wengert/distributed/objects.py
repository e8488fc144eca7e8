"""The collectives on any objects that can be pickled. As with PyTorch's, give them ranks that you trust alone:
unpickling runs what the sender wrote."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..tensors.tensor import make
from . import transport
from .collectives import group_of, root_of
from .groups import Call
from .messages import recv, send
from .watch import DistBackendError


def _pickled(value: Any) -> Any:
    """An object's bytes, to be sent; an error that pickling raised goes in its place, so that nobody waits for what
    does not come."""
    try:
        text = pickle.dumps(value, protocol=5)
    except Exception as error:
        return _Unsent(error)
    return np.frombuffer(bytearray(text), np.uint8)


class _Unsent:
    """An object that cannot be pickled: what its error says travels, and the size below zero tells that from it."""

    def __init__(self, error: Exception) -> None:
        self.error = error
        self.bytes = np.frombuffer(bytearray(f"{type(error).__name__}: {error}".encode()), np.uint8)


def _taken(call: Call, rank: int, size: int, row: Any) -> Any:
    """The object that a rank of the group sent. Raises DistBackendError where it could not be pickled there, or cannot
    be unpickled here."""
    data, sender = row[: abs(size)].tobytes(), call.group.ranks[rank]
    if size < 0:
        raise DistBackendError(f"[{call.name}] an object that can be pickled was expected of rank {sender}; "
                               f"{data.decode()}")
    try:
        return pickle.loads(data)
    except Exception as error:
        raise DistBackendError(f"[{call.name}] an object that rank {call.group.world.rank} can unpickle was expected "
                               f"of rank {sender}; {type(error).__name__}: {error}") from error


def _parts(values: Sequence[Any]) -> tuple[list[Any], Any, Exception | None]:
    """Objects as bytes; how many each has, below zero where it is an error; the first error."""
    rows = [_pickled(value) for value in values]
    errors = [row.error for row in rows if isinstance(row, _Unsent)]
    sizes = np.array([-row.bytes.size if isinstance(row, _Unsent) else row.size for row in rows], np.int64)
    return [row.bytes if isinstance(row, _Unsent) else row for row in rows], sizes, errors[0] if errors else None


def all_gather_object(object_list: list[Any], obj: Any, group: Any = None) -> None:
    """Puts the object of rank i into ``object_list[i]``, on all ranks.

    >>> from wengert import distributed as dist
    >>> dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    >>> found = [None]
    >>> dist.all_gather_object(found, {"rank": dist.get_rank()})
    >>> found
    [{'rank': 0}]
    >>> dist.destroy_process_group()
    """
    found = group_of(group)
    if found is None:
        return
    if len(object_list) != found.size():
        raise ValueError(f"[all_gather_object] a list of {found.size()} places was expected; got {len(object_list)}")
    object_list[:] = found.run("all_gather_object", "", lambda call: _gathered(call, obj, None))


def _gathered(call: Call, value: Any, root: int | None) -> Any:
    (mine,), size, error = _parts([value])
    sizes = transport.allgather(call, size).view(np.int64)[:, 0]
    padded = np.zeros(int(abs(sizes).max()), np.uint8)
    padded[: mine.size] = mine
    rows = transport.allgather(call, padded) if root is None else transport.gather(call, padded, root)
    if error is not None:
        raise error
    if rows is None:
        return None
    return [_taken(call, rank, int(size), row) for rank, (row, size) in enumerate(zip(rows, sizes, strict=True))]


def gather_object(obj: Any, object_gather_list: list[Any] | None = None, dst: int | None = None, group: Any = None,
                  group_dst: int | None = None) -> None:
    """`all_gather_object` for rank ``dst`` (0) alone; others give no list.

    >>> from wengert import distributed as dist
    >>> dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    >>> found = [None]
    >>> dist.gather_object("mine", found, dst=0)
    >>> found
    ['mine']
    >>> dist.destroy_process_group()
    """
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
    """Replaces the objects in the list by those of rank ``src`` (0).

    >>> from wengert import distributed as dist
    >>> dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    >>> found = ["any object"]
    >>> dist.broadcast_object_list(found, src=0)
    >>> found
    ['any object']
    >>> dist.destroy_process_group()
    """
    found = group_of(group)
    if found is None:
        return
    root = root_of(found, 0 if src is None and group_src is None else src, group_src, "broadcast_object_list")

    def body(call: Call) -> Any:
        if found.rank() == root:
            (whole,), size, error = _parts([list(object_list)])
        else:
            whole, size, error = None, np.zeros(1, np.int64), None
        transport.broadcast(call, size, root)
        whole = np.empty(abs(int(size[0])), np.uint8) if whole is None else whole
        transport.broadcast(call, whole, root)
        if error is not None:
            raise error
        return None if found.rank() == root else _taken(call, root, int(size[0]), whole)

    objects = found.run("broadcast_object_list", f"from {root} of {len(object_list)}", body)
    if objects is not None:
        object_list[:] = objects


def scatter_object_list(scatter_object_output_list: list[Any], scatter_object_input_list: list[Any] | None = None,
                        src: int | None = None, group: Any = None, group_src: int | None = None) -> None:
    """Puts the i-th object of rank ``src`` (0) at the first place of rank i's list.

    >>> from wengert import distributed as dist
    >>> dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    >>> found = [None]
    >>> dist.scatter_object_list(found, ["mine"], src=0)
    >>> found
    ['mine']
    >>> dist.destroy_process_group()
    """
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
        rows, sizes, error = _parts(scatter_object_input_list or ()) if here else ([], None, None)
        sizes = np.zeros(found.size(), np.int64) if sizes is None else sizes
        transport.broadcast(call, sizes, root)
        longest = int(abs(sizes).max())
        parts = np.zeros((found.size(), longest), np.uint8) if here else None
        for index, row in enumerate(rows):
            assert parts is not None
            parts[index, : row.size] = row
        out = np.empty(longest, np.uint8)
        transport.scatter(call, parts, out, root)
        if error is not None:
            raise error
        if (wrong := np.flatnonzero(sizes < 0)).size and sizes[found.rank()] >= 0:
            raise DistBackendError(f"[{call.name}] objects that can be pickled were expected of rank "
                                   f"{found.ranks[root]}; that for rank {found.ranks[int(wrong[0])]} cannot")
        return _taken(call, root, int(sizes[found.rank()]), out)

    scatter_object_output_list[0] = found.run("scatter_object_list", f"from {root}", body)


def send_object_list(object_list: list[Any], dst: int | None = None, group: Any = None, device: Any = None,
                     group_dst: int | None = None, use_batch: bool = False) -> None:
    """Sends objects to rank ``dst``, which calls `recv_object_list` with as many places.

    >>> from wengert import distributed as dist
    >>> dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    >>> dist.send_object_list(["any object"], dst=3)
    Traceback (most recent call last):
        ...
    wengert.distributed.groups.RankError: Global rank 3 is not part of group <ProcessGroup world of ranks 0>
    >>> dist.destroy_process_group()
    """
    found = group_of(group)
    if found is None:
        return
    peer = found.ranks[root_of(found, dst, group_dst, "send_object_list")]
    (data,), size, error = _parts([list(object_list)])
    send(make(np.append(size, len(object_list)), None), peer, found)
    send(make(data, None), peer, found)
    if error is not None:
        raise error


def recv_object_list(object_list: list[Any], src: int | None = None, group: Any = None, device: Any = None,
                     group_src: int | None = None, use_batch: bool = False) -> int:
    """Replaces the objects in the list by those that rank ``src``, or any, sends; returns the sender's rank.

    >>> from wengert import distributed as dist
    >>> dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    >>> dist.recv_object_list([None], src=3)
    Traceback (most recent call last):
        ...
    wengert.distributed.groups.RankError: Global rank 3 is not part of group <ProcessGroup world of ranks 0>
    >>> dist.destroy_process_group()
    """
    found = group_of(group)
    if found is None:
        return -1
    sizes = np.zeros(2, np.int64)
    peer = recv(make(sizes, None), src, found, 0, group_src)
    data = np.empty(abs(int(sizes[0])), np.uint8)
    recv(make(data, None), peer, found)
    if sizes[1] != len(object_list):
        raise DistBackendError(f"[recv_object_list] {len(object_list)} objects were expected from rank {peer}; it "
                               f"sends {int(sizes[1])}")
    call = Call(found, "recv_object_list", f"from rank {peer}", lambda call: None, None)
    object_list[:] = _taken(call, found.number_of(peer), int(sizes[0]), data)
    return peer
