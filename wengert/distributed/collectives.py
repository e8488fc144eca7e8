"""The collectives on tensors, in PyTorch's words. What they give to MPI is in `transport.py`."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from ..core.dtypes import from_numpy
from ..core.errors import DTypeError, LayoutError, ShapeError
from ..core.sparse import Coordinates
from ..tensors.alias import check_writable, overlaps_itself, wrote
from ..tensors.tensor import Tensor
from . import transport
from .groups import Call, GroupError, ProcessGroup, RankError, current, default_group, refuse_recorded
from .transport import ReduceOp
from .watch import DistBackendError
from .work import Work, seconds

Array = np.ndarray[Any, Any]


class MixedError(DTypeError, ValueError):
    """Tensors of several dtypes where one belongs. (PyTorch raises a ValueError for it.)

    >>> from wengert.distributed.collectives import MixedError
    >>> issubclass(MixedError, ValueError)
    True
    """


def group_of(group: Any) -> ProcessGroup | None:
    """The group meant: the default one for None; None where this process is no member."""
    if group is None:
        return default_group()
    if group == -100:
        return None
    if not isinstance(group, ProcessGroup):
        raise GroupError(f"[distributed] a process group was expected; got {type(group).__name__}; make one by "
                         "new_group")
    if current.default is None:
        default_group()
    return group


def array_of(name: str, tensor: Any) -> Array:
    """The array of a tensor. Raises TypeError for what is none, and NotImplementedError for one without elements."""
    refuse_recorded(name)
    if not isinstance(tensor, Tensor):
        raise TypeError(f"[{name}] Invalid function argument: a tensor was expected; got {type(tensor).__name__}")
    if not isinstance(tensor._data, np.ndarray):
        raise LayoutError(f"[{name}] a strided tensor with elements was expected; got one of layout {tensor.layout} on "
                          f"{tensor.device}; convert it first")
    return tensor._data


def contiguous(array: Array) -> Array:
    """The array, or a row-major copy of it."""
    return array if array.flags.c_contiguous else np.ascontiguousarray(array)


def spelt(array: Array) -> str:
    """``float32 [2, 3]``"""
    return f"{from_numpy(array.dtype).name} {list(array.shape)}"


def put(tensor: Tensor, value: Array) -> None:
    """Writes into a tensor what a collective made, unless it is its own memory; notes the write."""
    target = tensor._data
    if value is not target:
        target[...] = value.reshape(target.shape)
    wrote(tensor)


def writable(name: str, tensor: Any) -> Array:
    """The array of a tensor that a collective writes."""
    array = array_of(name, tensor)
    flags = array.flags
    if not flags.c_contiguous and overlaps_itself(array):
        check_writable(tensor, name)
    if not flags.writeable:
        check_writable(tensor, name)
        raise ValueError(f"[{name}] memory that can be written was expected; got a tensor of read-only memory; clone "
                         "it")
    return array


def list_of(name: str, tensors: Any, size: int, like: Array | None = None) -> list[Tensor]:
    """A list of as many tensors as there are ranks, of one shape and dtype."""
    if not isinstance(tensors, (list, tuple)) or not all(isinstance(t, Tensor) for t in tensors):
        raise TypeError(f"[{name}] Invalid function argument: a list of tensors was expected; got "
                        f"{type(tensors).__name__}")
    if len(tensors) != size:
        raise ShapeError(f"[{name}] one tensor for each of {size} ranks was expected; got {len(tensors)}")
    for tensor in tensors:
        array = array_of(name, tensor)
        if like is not None and (array.dtype != like.dtype or array.size != like.size):
            raise ShapeError(f"[{name}] tensors of {spelt(like)} were expected; got one of {spelt(array)}")
    return list(tensors)


def all_reduce(tensor: Tensor, op: ReduceOp = ReduceOp.SUM, group: Any = None, async_op: bool = False) -> Work | None:
    """Puts the values of all ranks together in ``tensor``, on all ranks: their sum, or what ``op`` says.

    Of half precision the sum is that of float32, rounded once. A tensor of layout `sparse_coo` can be summed, and is
    coalesced afterwards. Returns a `Work` with ``async_op``. Raises DTypeError for an ``op`` that the dtype has not,
    and DistError where the ranks disagree or one is gone.

    >>> from wengert import distributed as dist
    >>> dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    >>> x = torch.tensor([1.0, 2.0])
    >>> dist.all_reduce(x)
    >>> x
    tensor([1., 2.])
    >>> dist.destroy_process_group()
    """
    found = group_of(group)
    if isinstance(getattr(tensor, "_data", None), Coordinates):
        return _all_reduce_sparse(found, tensor, op, async_op)
    array = writable("all_reduce", tensor)
    transport.check("all_reduce", array.dtype, op)

    def body(call: Call) -> Any:
        work = contiguous(array)
        transport.allreduce(call, work, op)
        put(tensor, array if work is array else work)
        return tensor

    return _run(found, "all_reduce", _spelt(op, array.dtype, array.shape), body, async_op, array)


def _all_reduce_sparse(group: ProcessGroup | None, tensor: Tensor, op: ReduceOp, async_op: bool) -> Work | None:
    refuse_recorded("all_reduce")
    if op is not ReduceOp.SUM:
        raise RuntimeError(f"[all_reduce] allreduce of sparse tensors only works with ReduceOp.SUM; got {op}")
    data = tensor._data

    def body(call: Call) -> Any:
        tensor._data = transport.sum_sparse(call, data)
        wrote(tensor)
        return tensor

    text = f"SUM of sparse {from_numpy(data.dtype).name} {list(data.shape)} with {data.sparse_dim} sparse dimensions"
    return _run(group, "all_reduce", text, body, async_op)


@lru_cache(4096)
def _spelt(op: ReduceOp, dtype: Any, shape: tuple[int, ...]) -> str:
    return f"{op.name} of {from_numpy(dtype).name} {list(shape)}"


def _run(group: ProcessGroup | None, name: str, text: str, body: Callable[[Call], Any], async_op: bool,
         *arrays: Array) -> Any:
    if group is None:
        return None
    result = group.run(name, text, body, async_op, None, arrays)
    return result if async_op else None


def root_of(group: ProcessGroup | None, rank: int | None, group_rank: int | None, name: str) -> int:
    """A rank's number in the group, given as that of the world or of the group."""
    if group is None:
        return -1
    if (rank is None) == (group_rank is None):
        raise ValueError(f"[{name}] either a rank of the world or one of the group was expected; got "
                         f"{'neither' if rank is None else 'both'}")
    given = rank if group_rank is None else group_rank
    if not isinstance(given, (int, np.integer)):
        raise TypeError(f"[{name}] a whole number was expected as a rank; got {given!r}")
    if group_rank is None:
        return group.number_of(int(given))
    if not 0 <= group_rank < group.size():
        raise RankError(f"[{name}] a rank of the group, 0 to {group.size() - 1}, was expected; got {group_rank}")
    return group_rank


def reduce(tensor: Tensor, dst: int | None = None, op: ReduceOp = ReduceOp.SUM, group: Any = None,
           async_op: bool = False, group_dst: int | None = None) -> Work | None:
    """`all_reduce` for rank ``dst`` alone; on others ``tensor`` stays as it is.

    >>> from wengert import distributed as dist
    >>> dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    >>> x = torch.tensor([1.0, 2.0])
    >>> dist.reduce(x, dst=0)
    >>> x
    tensor([1., 2.])
    >>> dist.destroy_process_group()
    """
    found = group_of(group)
    root = root_of(found, dst, group_dst, "reduce")
    array = writable("reduce", tensor)
    transport.check("reduce", array.dtype, op)

    def body(call: Call) -> Any:
        work = contiguous(array)
        transport.reduce(call, work, op, root)
        put(tensor, array if work is array else work)
        return tensor

    return _run(found, "reduce", f"{op.name} to {root} of {spelt(array)}", body, async_op, array)


def broadcast(tensor: Tensor, src: int | None = None, group: Any = None, async_op: bool = False,
              group_src: int | None = None) -> Work | None:
    """Gives all ranks the values that ``tensor`` has on rank ``src``.

    >>> from wengert import distributed as dist
    >>> dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    >>> x = torch.tensor([1.0, 2.0])
    >>> dist.broadcast(x, src=0)
    >>> x
    tensor([1., 2.])
    >>> dist.destroy_process_group()
    """
    found = group_of(group)
    root = root_of(found, src, group_src, "broadcast")
    array = writable("broadcast", tensor)

    def body(call: Call) -> Any:
        work = contiguous(array)
        transport.broadcast(call, work, root)
        put(tensor, array if work is array else work)
        return tensor

    return _run(found, "broadcast", f"from {root} of {spelt(array)}", body, async_op, array)


def all_gather(tensor_list: list[Tensor], tensor: Tensor, group: Any = None, async_op: bool = False) -> Work | None:
    """Writes the tensor of rank i into ``tensor_list[i]``, on all ranks; all tensors have one shape and dtype.

    >>> from wengert import distributed as dist
    >>> dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    >>> parts = [torch.zeros(2)]
    >>> dist.all_gather(parts, torch.tensor([1.0, 2.0]))
    >>> parts
    [tensor([1., 2.])]
    >>> dist.destroy_process_group()
    """
    found = group_of(group)
    if found is None:
        return None
    array = array_of("all_gather", tensor)
    outs = list_of("all_gather", tensor_list, found.size(), array)

    def body(call: Call) -> Any:
        rows = transport.allgather(call, contiguous(array))
        for out, row in zip(outs, rows, strict=True):
            put(out, row.view(array.dtype))
        return outs

    return _run(found, "all_gather", f"of {spelt(array)}", body, async_op, array)


def all_gather_into_tensor(output_tensor: Tensor, input_tensor: Tensor, group: Any = None, async_op: bool = False
                           ) -> Work | None:
    """`all_gather` into one tensor: along the first dimension, or stacked along a new one.

    >>> from wengert import distributed as dist
    >>> dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    >>> whole = torch.zeros(2)
    >>> dist.all_gather_into_tensor(whole, torch.tensor([1.0, 2.0]))
    >>> whole
    tensor([1., 2.])
    >>> dist.destroy_process_group()
    """
    found = group_of(group)
    if found is None:
        return None
    array, out = array_of("all_gather_into_tensor", input_tensor), writable("all_gather_into_tensor", output_tensor)
    if out.size != array.size * found.size() or out.dtype != array.dtype:
        raise ShapeError(f"[all_gather_into_tensor] output tensor size must be equal to world_size times input tensor "
                         f"size; got {spelt(out)} for {found.size()} ranks' {spelt(array)}")

    def body(call: Call) -> Any:
        put(output_tensor, transport.allgather(call, contiguous(array)).view(array.dtype))
        return output_tensor

    return _run(found, "all_gather_into_tensor", f"of {spelt(array)}", body, async_op, array)


def gather(tensor: Tensor, gather_list: list[Tensor] | None = None, dst: int | None = None, group: Any = None,
           async_op: bool = False, group_dst: int | None = None) -> Work | None:
    """`all_gather` for rank ``dst`` (0) alone; others give no list.

    >>> from wengert import distributed as dist
    >>> dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    >>> parts = [torch.zeros(2)]
    >>> dist.gather(torch.tensor([1.0, 2.0]), parts, dst=0)
    >>> parts
    [tensor([1., 2.])]
    >>> dist.destroy_process_group()
    """
    found = group_of(group)
    if found is None:
        return None
    root = root_of(found, 0 if dst is None and group_dst is None else dst, group_dst, "gather")
    array = array_of("gather", tensor)
    outs = None
    if found.rank() == root:
        if gather_list is None:
            raise ValueError("[gather] Argument ``gather_list`` must be specified on destination rank.")
        outs = list_of("gather", gather_list, found.size(), array)
    elif gather_list:
        raise ValueError("[gather] Argument ``gather_list`` must NOT be specified on non-destination ranks.")

    def body(call: Call) -> Any:
        rows = transport.gather(call, contiguous(array), root)
        if rows is not None and outs is not None:
            for out, row in zip(outs, rows, strict=True):
                put(out, row.view(array.dtype))
        return outs

    return _run(found, "gather", f"to {root} of {spelt(array)}", body, async_op, array)


def scatter(tensor: Tensor, scatter_list: list[Tensor] | None = None, src: int | None = None, group: Any = None,
            async_op: bool = False, group_src: int | None = None) -> Work | None:
    """Writes ``scatter_list[i]`` of rank ``src`` (0) into ``tensor`` of rank i.

    >>> from wengert import distributed as dist
    >>> dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    >>> mine = torch.zeros(2)
    >>> dist.scatter(mine, [torch.tensor([1.0, 2.0])], src=0)
    >>> mine
    tensor([1., 2.])
    >>> dist.destroy_process_group()
    """
    found = group_of(group)
    if found is None:
        return None
    root = root_of(found, 0 if src is None and group_src is None else src, group_src, "scatter")
    array = writable("scatter", tensor)
    given: list[Tensor] | None = None
    if found.rank() == root:
        if not scatter_list:
            raise ValueError("[scatter] Argument ``scatter_list`` must be specified on source rank.")
        given = list_of("scatter", scatter_list, found.size(), array)
    elif scatter_list:
        raise ValueError("[scatter] Argument ``scatter_list`` must NOT be specified on non-source ranks.")

    def body(call: Call) -> Any:
        work = contiguous(array)
        parts = None if given is None else np.stack([each._data.reshape(-1) for each in given])
        transport.scatter(call, parts, work, root)
        put(tensor, array if work is array else work)
        return tensor

    return _run(found, "scatter", f"from {root} of {spelt(array)}", body, async_op,
                *(each._data for each in given or ()))


def reduce_scatter(output: Tensor, input_list: list[Tensor], op: ReduceOp = ReduceOp.SUM, group: Any = None,
                   async_op: bool = False) -> Work | None:
    """Puts the ranks' ``input_list[i]`` together in ``output`` of rank i; the parts may differ in shape.

    >>> from wengert import distributed as dist
    >>> dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    >>> mine = torch.zeros(2)
    >>> dist.reduce_scatter(mine, [torch.tensor([1.0, 2.0])])
    >>> mine
    tensor([1., 2.])
    >>> dist.destroy_process_group()
    """
    found = group_of(group)
    if found is None:
        return None
    array = writable("reduce_scatter", output)
    given = list_of("reduce_scatter", input_list, found.size())
    list_of("reduce_scatter", [given[found.rank()]], 1, array)
    transport.check("reduce_scatter", array.dtype, op)

    def body(call: Call) -> Any:
        parts = np.zeros((len(given), max(each.numel() for each in given)), array.dtype)  # as long as the longest
        for part, each in zip(parts, given, strict=True):
            part[: each.numel()] = each._data.reshape(-1)
        put(output, transport.reduce_scatter(call, parts, op)[: array.size])
        return output

    shapes = ", ".join(dict.fromkeys(spelt(each._data) for each in given))
    return _run(found, "reduce_scatter", f"{op.name} of {shapes}", body, async_op, *(each._data for each in given))


def reduce_scatter_tensor(output: Tensor, input: Tensor, op: ReduceOp = ReduceOp.SUM, group: Any = None,
                          async_op: bool = False) -> Work | None:
    """`reduce_scatter` of one tensor, whose parts are along the first dimension.

    >>> from wengert import distributed as dist
    >>> dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    >>> mine = torch.zeros(2)
    >>> dist.reduce_scatter_tensor(mine, torch.tensor([1.0, 2.0]))
    >>> mine
    tensor([1., 2.])
    >>> dist.destroy_process_group()
    """
    found = group_of(group)
    if found is None:
        return None
    array, whole = writable("reduce_scatter_tensor", output), array_of("reduce_scatter_tensor", input)
    if whole.size != array.size * found.size() or whole.dtype != array.dtype:
        raise ShapeError(f"[reduce_scatter_tensor] input tensor must be the same size as output size times world size; "
                         f"got {spelt(whole)} for {found.size()} ranks' {spelt(array)}")
    transport.check("reduce_scatter_tensor", array.dtype, op)

    def body(call: Call) -> Any:
        parts = contiguous(whole).reshape(found.size(), -1)
        put(output, transport.reduce_scatter(call, parts, op))
        return output

    return _run(found, "reduce_scatter_tensor", f"{op.name} of {spelt(array)}", body, async_op, whole)


def all_to_all(output_tensor_list: list[Tensor], input_tensor_list: list[Tensor], group: Any = None,
               async_op: bool = False) -> Work | None:
    """Sends ``input_tensor_list[i]`` to rank i, and fills ``output_tensor_list[i]`` from it.

    >>> from wengert import distributed as dist
    >>> dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    >>> parts = [torch.zeros(2)]
    >>> dist.all_to_all(parts, [torch.tensor([1.0, 2.0])])
    >>> parts
    [tensor([1., 2.])]
    >>> dist.destroy_process_group()
    """
    found = group_of(group)
    if found is None:
        return None
    outs = list_of("all_to_all", output_tensor_list, found.size())
    given = list_of("all_to_all", input_tensor_list, found.size())
    dtype = given[0]._data.dtype
    if any(each._data.dtype != dtype for each in outs + given):
        raise MixedError("[all_to_all] tensors of one dtype were expected; got several; convert them first")

    def body(call: Call) -> Any:
        received = [np.empty(each._data.shape, dtype) for each in outs]
        _exchange(call, [contiguous(each._data) for each in given], received)
        for out, value in zip(outs, received, strict=True):
            put(out, value)
        return outs

    return _run(found, "all_to_all", f"of {from_numpy(dtype).name}", body, async_op, *(each._data for each in given))


def _exchange(call: Call, parts: Sequence[Array], outs: Sequence[Array]) -> None:
    """`transport.alltoall` after the sizes: one that does not fit would end in MPI's own words."""
    mine = np.array([part.size for part in parts], np.int64)
    sizes = transport.allgather(call, mine).view(np.int64)[:, call.group.rank()]
    for source, (size, out) in enumerate(zip(sizes, outs, strict=True)):
        if size != out.size:
            raise DistBackendError(f"[{call.name}] {out.size} elements were expected from rank {source}; it sends "
                                   f"{size}; the sizes of sender and receiver must agree")
    transport.alltoall(call, parts, outs)


def all_to_all_single(output: Tensor, input: Tensor, output_split_sizes: Sequence[int] | None = None,
                      input_split_sizes: Sequence[int] | None = None, group: Any = None, async_op: bool = False
                      ) -> Work | None:
    """`all_to_all` of the parts of one tensor along the first dimension: equal ones, or as the sizes say.

    >>> from wengert import distributed as dist
    >>> dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    >>> whole = torch.zeros(2)
    >>> dist.all_to_all_single(whole, torch.tensor([1.0, 2.0]))
    >>> whole
    tensor([1., 2.])
    >>> dist.destroy_process_group()
    """
    found = group_of(group)
    if found is None:
        return None
    out, given = writable("all_to_all_single", output), array_of("all_to_all_single", input)
    if out.dtype != given.dtype:
        raise MixedError(f"[all_to_all_single] one dtype was expected; got {spelt(out)} and {spelt(given)}")

    def cut(array: Array, sizes: Sequence[int] | None) -> list[int]:
        if not array.ndim:
            raise ShapeError("[all_to_all_single] a first dimension was expected; got a tensor without dimensions; "
                             "reshape it")
        if not sizes:
            if array.shape[0] % found.size():
                raise ShapeError(f"[all_to_all_single] a first dimension that {found.size()} divides was expected; got "
                                 f"{array.shape[0]}; give the split sizes")
            sizes = [array.shape[0] // found.size()] * found.size()
        if len(sizes) != found.size() or sum(sizes) != array.shape[0] or min(sizes) < 0:
            raise ShapeError(f"[all_to_all_single] {found.size()} sizes that add up to {array.shape[0]} were expected; "
                             f"got {list(sizes)}")
        row = math.prod(array.shape[1:])
        return [size * row for size in sizes]

    into, outof = cut(out, output_split_sizes), cut(given, input_split_sizes)

    def body(call: Call) -> Any:
        received = np.empty(out.size, out.dtype)
        _exchange(call, np.split(contiguous(given).reshape(-1), np.cumsum(outof)[:-1]),
                  np.split(received, np.cumsum(into)[:-1]))
        put(output, received)
        return output

    return _run(found, "all_to_all_single", f"of {from_numpy(out.dtype).name}", body, async_op, given)


def barrier(group: Any = None, async_op: bool = False, device_ids: Any = None) -> Work | None:
    """Waits until all ranks are here.

    >>> from wengert import distributed as dist
    >>> dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    >>> dist.barrier()
    >>> dist.destroy_process_group()
    """
    return _run(group_of(group), "barrier", "", lambda call: None, async_op)


def monitored_barrier(group: Any = None, timeout: Any = None, wait_all_ranks: bool = False) -> None:
    """`barrier` with a timeout of its own. Raises DistBackendError that names who did not come.

    >>> from wengert import distributed as dist
    >>> dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    >>> dist.monitored_barrier()
    >>> dist.destroy_process_group()
    """
    found = group_of(group)
    if found is not None:
        found.run("monitored_barrier", "", lambda call: None, timeout=seconds(timeout))


