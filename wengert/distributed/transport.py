"""Arrays through MPI: every collective on contiguous arrays of numpy, in pieces that MPI's counts can hold.

The one idea to know: what is only moved goes as bytes, so that every dtype can; what is computed with goes in a dtype
that MPI has: half precision as float32 or complex64, rounded once at the end, and truth as bytes under logical
operations.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import Enum
from functools import cache
from typing import Any, ClassVar

import numpy as np

from ..core.dtypes import FLOAT8, complex32, from_numpy
from ..core.errors import DTypeError
from ..core.sparse import Coordinates, unflattened
from .groups import Call, ProcessGroup

PIECE = 1 << 30
"""Bytes that go at once: MPI counts them in 32 bits."""


class ReduceOp(Enum):
    """How values of several processes are put together.

    >>> from wengert import distributed as dist
    >>> dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    >>> x = torch.tensor([1.0, 2.0])
    >>> dist.all_reduce(x, op=dist.ReduceOp.MAX)
    >>> x
    tensor([1., 2.])
    >>> dist.destroy_process_group()
    """

    SUM = 0
    AVG = 1
    PRODUCT = 2
    MIN = 3
    MAX = 4
    BAND = 5
    BOR = 6
    BXOR = 7

    RedOpType: ClassVar[type[ReduceOp]]
    """PyTorch's name for the class of the members."""

    __hash__ = object.__hash__  # an Enum's own takes a microsecond

    def __int__(self) -> int:
        return int(self.value)


ReduceOp.RedOpType = ReduceOp


def supports_complex(reduceOp: ReduceOp) -> bool:
    """Whether complex values can be put together in this way.

    >>> from wengert import distributed as dist
    >>> dist.supports_complex(dist.ReduceOp.SUM), dist.supports_complex(dist.ReduceOp.MAX)
    (True, False)
    """
    return reduceOp in _taken(np.dtype(np.complex64))


_PLAIN = {ReduceOp.SUM: "SUM", ReduceOp.AVG: "SUM", ReduceOp.PRODUCT: "PROD", ReduceOp.MIN: "MIN", ReduceOp.MAX: "MAX",
          ReduceOp.BAND: "BAND", ReduceOp.BOR: "BOR", ReduceOp.BXOR: "BXOR"}
_LOGICAL = {ReduceOp.SUM: "LOR", ReduceOp.MAX: "LOR", ReduceOp.BOR: "LOR", ReduceOp.PRODUCT: "LAND",
            ReduceOp.MIN: "LAND", ReduceOp.BAND: "LAND", ReduceOp.BXOR: "LXOR"}


def check(name: str, dtype: np.dtype[Any], op: ReduceOp) -> None:
    """Raises DTypeError where values of a dtype cannot be put together in this way, ValueError where complex ones
    cannot, and TypeError for no `ReduceOp`."""
    if not isinstance(op, ReduceOp):
        raise TypeError(f"[{name}] a ReduceOp was expected; got {op!r}; give for example ReduceOp.SUM")
    if op in _taken(dtype):
        return
    if dtype.kind == "c" or from_numpy(dtype) is complex32:
        raise ValueError(f"{name} does not support ReduceOp.{op.name} on complex tensors; SUM, AVG or PRODUCT was "
                         "expected")
    there = ", ".join(sorted(each.name for each in _taken(dtype)))
    raise DTypeError(f"[{name}] an operation for {from_numpy(dtype).name} was expected; got ReduceOp.{op.name}; of it "
                     f"there {f'are {there}' if there else 'is none: convert it first'}")


@cache
def _taken(dtype: np.dtype[Any]) -> frozenset[ReduceOp]:
    """The operations that there are for a dtype."""
    kind = from_numpy(dtype).kind
    if from_numpy(dtype) in FLOAT8:
        return frozenset()
    takes: dict[str, Iterable[ReduceOp]] = {
        "b": _LOGICAL.keys(),
        "i": _PLAIN.keys() - {ReduceOp.AVG},
        "u": _PLAIN.keys() - {ReduceOp.AVG},
        "f": _PLAIN.keys() - {ReduceOp.BAND, ReduceOp.BOR, ReduceOp.BXOR},
        "c": {ReduceOp.SUM, ReduceOp.AVG, ReduceOp.PRODUCT},
    }
    return frozenset(takes[kind])


def computed(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The values of a contiguous array in a dtype in which MPI computes: the array itself where it is one."""
    if array.dtype.kind == "b":
        return array.view(np.uint8)
    if array.dtype.char in "fdgFDG" or array.dtype.kind in "iu":
        return array
    return array.astype(np.complex64 if from_numpy(array.dtype) is complex32 else np.float32)


def operation(call: Call, dtype: np.dtype[Any], op: ReduceOp) -> Any:
    """MPI's operation for it."""
    return getattr(call.group.world.mpi, (_LOGICAL if dtype.kind == "b" else _PLAIN)[op])


def pieces(count: int, itemsize: int) -> Iterator[slice]:
    """Slices of ``count`` elements that are small enough each; one where there are none."""
    step = max(1, PIECE // itemsize)
    for start in range(0, max(count, 1), step):
        yield slice(start, min(start + step, count))


def flat(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """A contiguous array as one row."""
    return array.reshape(-1)


def as_bytes(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """A contiguous array as one row of bytes, of the same memory."""
    return array.reshape(-1).view(np.uint8)


def averaged(array: np.ndarray[Any, Any], op: ReduceOp, size: int) -> None:
    """Divides a sum in place where the mean was asked for."""
    if op is ReduceOp.AVG:
        np.divide(array, size, out=array, casting="unsafe")


def allreduce(call: Call, array: np.ndarray[Any, Any], op: ReduceOp) -> None:
    """Puts the values of all ranks together in ``array``, contiguous, on all of them."""
    work = call.buffers = flat(computed(array))
    mpi, communicator, how = call.group.world.mpi, call.group.communicator, operation(call, array.dtype, op)
    if work.nbytes <= PIECE:
        call.wait(communicator.Iallreduce(mpi.IN_PLACE, work, how))
    else:
        for piece in pieces(work.size, work.itemsize):
            call.wait(communicator.Iallreduce(mpi.IN_PLACE, work[piece], how))
    averaged(work, op, call.group.size())
    if work.itemsize != array.itemsize:  # computed in a wider dtype
        flat(array)[...] = work


def reduce(call: Call, array: np.ndarray[Any, Any], op: ReduceOp, root: int) -> None:
    """`allreduce` for the rank ``root`` of the group; on others ``array`` stays as it is."""
    work = flat(computed(array))
    group = call.group
    here = group.rank() == root
    out = np.empty_like(work) if here else None
    call.buffers = work, out
    how = operation(call, array.dtype, op)
    for piece in pieces(work.size, work.itemsize):
        call.wait(group.communicator.Ireduce(work[piece], None if out is None else out[piece], how, root))
    if out is not None:
        averaged(out, op, group.size())
        flat(array)[...] = out.view(bool) if array.dtype.kind == "b" else out


def broadcast(call: Call, array: np.ndarray[Any, Any], root: int) -> None:
    """Gives all ranks the bytes of ``array`` on ``root``."""
    work = call.buffers = as_bytes(array)
    for piece in pieces(work.size, 1):
        call.wait(call.group.communicator.Ibcast(work[piece], root))


def allgather(call: Call, mine: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The bytes of all ranks, ``(ranks, bytes)``; all have equally many."""
    mine = as_bytes(mine)
    return _staged(call, mine.size, call.group.size(),
                   lambda piece, out: call.group.communicator.Iallgather(mine[piece], out))


def gather(call: Call, mine: np.ndarray[Any, Any], root: int) -> np.ndarray[Any, Any] | None:
    """`allgather` for the rank ``root`` of the group, None on others."""
    mine = as_bytes(mine)
    here = call.group.rank() == root
    found = _staged(call, mine.size, call.group.size() if here else 0,
                    lambda piece, out: call.group.communicator.Igather(mine[piece], out if here else None, root))
    return found if here else None


def _staged(call: Call, count: int, rows: int, start: Callable[[slice, np.ndarray[Any, Any]], Any]
            ) -> np.ndarray[Any, Any]:
    """``(rows, count)`` bytes that arrive piece by piece, a piece of every row at once."""
    whole = np.empty((rows, count), np.uint8)
    cut = [*pieces(count, max(1, call.group.size()))]
    for piece in cut:
        out = whole if len(cut) == 1 else np.empty((rows, piece.stop - piece.start), np.uint8)
        call.buffers = out
        call.wait(start(piece, out))
        if out is not whole:
            whole[:, piece] = out
    return whole


def scatter(call: Call, parts: np.ndarray[Any, Any] | None, out: np.ndarray[Any, Any], root: int) -> None:
    """Gives each rank its row of ``parts``, ``(ranks, ...)``, which is on ``root`` alone."""
    out = as_bytes(out)
    rows = None if parts is None else parts.reshape(call.group.size(), -1).view(np.uint8)
    for piece in pieces(out.size, call.group.size()):
        part = None if rows is None else np.ascontiguousarray(rows[:, piece])
        call.buffers = part, out
        call.wait(call.group.communicator.Iscatter(part, out[piece], root))


def reduce_scatter(call: Call, parts: np.ndarray[Any, Any], op: ReduceOp) -> np.ndarray[Any, Any]:
    """The row of this rank of what the ranks' ``parts``, ``(ranks, count)``, give together."""
    size = call.group.size()
    work = computed(parts).reshape(size, -1)
    out = np.empty(work.shape[1], work.dtype)
    how = operation(call, parts.dtype, op)
    for piece in pieces(out.size, work.itemsize * size):
        part = np.ascontiguousarray(work[:, piece])
        call.buffers = part, out
        call.wait(call.group.communicator.Ireduce_scatter_block(part, out[piece], how))
    averaged(out, op, size)
    return out.view(bool) if parts.dtype.kind == "b" else out.astype(parts.dtype, copy=False)


def sum_sparse(call: Call, data: Coordinates) -> Coordinates:
    """The sum of the ranks' sparse arrays of one shape, each coordinate once: all get all entries, as gradients of
    embeddings have few in common."""
    mine = data.coalesced_form()
    counts = allgather(call, np.array([len(mine.values)], np.int64)).view(np.int64).reshape(-1)
    most = int(counts.max())
    keys, values = np.zeros(most, np.int64), np.zeros((most, *mine.values.shape[1:]), mine.values.dtype)
    keys[: len(mine.values)], values[: len(mine.values)] = mine.keys(), mine.values
    rows = allgather(call, keys).view(np.int64)
    parts = allgather(call, values).view(values.dtype).reshape(len(counts), *values.shape)
    indices = unflattened(np.concatenate([row[:count] for row, count in zip(rows, counts, strict=True)]),
                          mine.shape[: mine.sparse_dim])
    together = np.concatenate([part[:count] for part, count in zip(parts, counts, strict=True)])
    return Coordinates(indices, together, mine.shape).coalesced_form()


def alltoall(call: Call, parts: Sequence[np.ndarray[Any, Any]], outs: Sequence[np.ndarray[Any, Any]]) -> None:
    """Sends ``parts[i]`` to rank i of the group, and fills ``outs[i]`` from it: contiguous arrays that may differ in
    size. Messages, one after another in a circle, as sizes may exceed what MPI counts."""
    group = call.group
    here, size = group.rank(), group.size()
    as_bytes(outs[here])[...] = as_bytes(parts[here])
    for step in range(1, size):
        to, source = (here + step) % size, (here - step) % size
        receiving = messages(group, group.communicator.Irecv, outs[source], source, 1)
        sending = messages(group, group.communicator.Isend, parts[to], to, 1)
        call.buffers = parts, outs
        for request in receiving + sending:
            call.wait(request)


def messages(group: ProcessGroup, start: Callable[..., Any], array: np.ndarray[Any, Any], peer: int, tag: int
             ) -> list[Any]:
    """The requests that send or receive a contiguous array."""
    row = as_bytes(array)
    return [start(row[piece], peer, tag) for piece in pieces(row.size, 1)]


def lengths(array: np.ndarray[Any, Any]) -> list[int]:
    """The bytes of each of the `messages` of an array."""
    return [piece.stop - piece.start for piece in pieces(array.nbytes, 1)]
