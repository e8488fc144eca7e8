"""Every collective with every dtype, on ranks whose values differ: each rank checks what it gets."""

from datetime import timedelta

import numpy as np
import torch
import torch.distributed as dist
from torch.distributed import ReduceOp

from wengert.distributed import transport

dist.init_process_group("gloo", timeout=timedelta(seconds=15))
rank, size = dist.get_rank(), dist.get_world_size()
assert (rank, size) == (dist.get_rank(dist.group.WORLD), dist.get_world_size(dist.GroupMember.WORLD))
FLOAT8 = (torch.float8_e4m3fn, torch.float8_e5m2, torch.float8_e4m3fnuz, torch.float8_e5m2fnuz, torch.float8_e8m0fnu)
DTYPES = (torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int8, torch.int16, torch.int32,
          torch.int64, torch.uint8, torch.uint16, torch.uint32, torch.uint64, torch.complex32, torch.complex64,
          torch.complex128, torch.bool, *FLOAT8)
WIDER = {torch.float16: torch.float32, torch.bfloat16: torch.float32, torch.complex32: torch.complex64}


def value(of, dtype, shape=(2, 3)):
    """What rank ``of`` has. (Of what has no zero, powers of two.)"""
    plain = (torch.arange(6).reshape(2, 3) % 3 + of).float()
    return (2.0**plain if dtype is torch.float8_e8m0fnu else plain).to(dtype).reshape(shape)


def strided(tensor):
    """The same values in memory that is not contiguous."""
    wide = torch.zeros(*tensor.shape[:-1], 2 * tensor.shape[-1]).to(tensor.dtype)
    wide[..., ::2] = tensor
    return wide[..., ::2]


def turned(tensor):
    """The same values column by column."""
    return tensor.t().contiguous().t()


def same(found, wanted):
    assert found.dtype == wanted.dtype, (found, wanted)
    if found.dtype in FLOAT8:
        found, wanted = found.float(), wanted.float()
    assert torch.equal(found, wanted), (found, wanted)


def put_together(values, op):
    arrays = [v.to(WIDER.get(v.dtype, v.dtype)).numpy() for v in values]
    total = arrays[0].copy()
    for array in arrays[1:]:
        total = {ReduceOp.SUM: np.add, ReduceOp.AVG: np.add, ReduceOp.PRODUCT: np.multiply, ReduceOp.MIN: np.minimum,
                 ReduceOp.MAX: np.maximum, ReduceOp.BAND: np.bitwise_and, ReduceOp.BOR: np.bitwise_or,
                 ReduceOp.BXOR: np.bitwise_xor}[op](total, array).astype(array.dtype)
    if op is ReduceOp.AVG:
        total = (total / len(values)).astype(total.dtype)
    return torch.from_numpy(total).to(values[0].dtype)


def ops_of(dtype):
    arithmetic = [ReduceOp.SUM, ReduceOp.PRODUCT]
    if dtype in FLOAT8:
        return []
    if dtype.is_complex:
        return [*arithmetic, ReduceOp.AVG]
    if dtype.is_floating_point:
        return [*arithmetic, ReduceOp.AVG, ReduceOp.MIN, ReduceOp.MAX]
    return [*arithmetic, ReduceOp.MIN, ReduceOp.MAX, ReduceOp.BAND, ReduceOp.BOR, ReduceOp.BXOR]


def cat(tensors):
    """``torch.cat``, of what has no arithmetic too."""
    out = torch.zeros(2 * len(tensors), 3).to(tensors[0].dtype)
    for at, tensor in enumerate(tensors):
        out[2 * at : 2 * at + 2] = tensor
    return out


def check_all(shaped, group):
    if group in (None, dist.GroupMember.NON_GROUP_MEMBER):
        return
    me, count = dist.get_rank(group), dist.get_world_size(group)
    last = count - 1
    for dtype in DTYPES:
        mine = shaped(value(me, dtype))
        everything = [value(of, dtype) for of in range(count)]

        def room(dtype=dtype):
            return shaped(torch.zeros(2, 3).to(dtype))

        for op in ops_of(dtype):
            x = shaped(mine.clone())
            before = x._version
            assert dist.all_reduce(x, op, group) is None and x._version > before
            same(x, put_together(everything, op))
            x = shaped(mine.clone())
            dist.reduce(x, op=op, group=group, group_dst=last)
            same(x, put_together(everything, op) if me == last else value(me, dtype))
            x = room()
            dist.reduce_scatter(x, [shaped(value(me + to, dtype)) for to in range(count)], op, group)
            same(x, put_together([value(of + me, dtype) for of in range(count)], op))
            x = torch.zeros(2, 3, dtype=dtype)
            dist.reduce_scatter_tensor(x, torch.cat([value(me + to, dtype) for to in range(count)]), op, group)
            same(x, put_together([value(of + me, dtype) for of in range(count)], op))
            x, y = shaped(mine.clone()), mine[:1].clone()
            dist.all_reduce_coalesced([x, y], op, group)
            same(x, put_together(everything, op))
            same(y, put_together([each[:1] for each in everything], op))
        x = shaped(mine.clone())
        dist.broadcast(x, group=group, group_src=last)
        same(x, everything[last])
        outs = [room() for _ in range(count)]
        dist.all_gather(outs, mine, group)
        for found, wanted in zip(outs, everything):
            same(found, wanted)
        pairs = [[room(), torch.zeros(1, 3).to(dtype)] for _ in range(count)]
        dist.all_gather_coalesced(pairs, [mine, mine[:1]], group)
        for (found, first), wanted in zip(pairs, everything):
            same(found, wanted)
            same(first, wanted[:1])
        x = torch.zeros(2 * count, 3).to(dtype)
        dist.all_gather_into_tensor(x, mine, group)
        same(x, cat(everything))
        outs = [room() for _ in range(count)] if me == last else None
        dist.gather(mine, outs, group=group, group_dst=last)
        for found, wanted in zip(outs or (), everything):
            same(found, wanted)
        x = room()
        dist.scatter(x, [shaped(v) for v in everything] if me == 0 else None, group=group, group_src=0)
        same(x, everything[me])
        outs = [room() for _ in range(count)]
        dist.all_to_all(outs, [shaped(value(me + 2 * to, dtype)) for to in range(count)], group)
        for of, found in enumerate(outs):
            same(found, value(of + 2 * me, dtype))
        x = torch.zeros(2 * count, 3).to(dtype)
        dist.all_to_all_single(x, cat([value(me + 2 * to, dtype) for to in range(count)]), group=group)
        same(x, cat([value(of + 2 * me, dtype) for of in range(count)]))
        if count > 1 and me == 0:
            dist.send(mine, group=group, group_dst=last, tag=3)
        elif count > 1 and me == last:
            x = room()
            assert dist.recv(x, group=group, tag=3) == dist.get_global_rank(group, 0)
            same(x, everything[0])


WORLD = dist.group.WORLD
check_all(lambda tensor: tensor, WORLD)
check_all(strided, dist.new_group([0, size - 1]))
check_all(lambda tensor: tensor, dist.new_group([size - 1]))
check_all(turned, dist.split_group(split_ranks=[[1, 0]]))  # in another order
transport.PIECE = 5  # so that all is sent in pieces
check_all(lambda tensor: tensor, WORLD)
transport.PIECE = 1 << 30

# Parts of different sizes.
counts = [of + 1 for of in range(size)]
x = torch.zeros(sum(counts), 2)
dist.all_to_all_single(x, torch.full((size * (rank + 1), 2), float(rank)), counts, [rank + 1] * size)
same(x, torch.cat([torch.full((of + 1, 2), float(of)) for of in range(size)]))
for empty in (torch.zeros(0), torch.tensor(float(rank))):
    dist.all_reduce(empty)
assert empty.item() == sum(range(size))

# Objects.
objects = [None] * size
dist.all_gather_object(objects, {"rank": rank, "long": "x" * (10 ** rank)})
assert [o["rank"] for o in objects] == list(range(size)) and len(objects[1]["long"]) == 10
objects = [None] * size if rank == 1 else None
dist.gather_object((rank,), objects, dst=1)
assert objects == ([(of,) for of in range(size)] if rank == 1 else None)
objects = ["a", torch.ones(3), {1}] if rank == 0 else [None] * 3
dist.broadcast_object_list(objects, src=0)
assert objects[0] == "a" and torch.equal(objects[1], torch.ones(3)) and objects[2] == {1}
objects = [None]
dist.scatter_object_list(objects, [f"for {to}" for to in range(size)] if rank == 0 else None, src=0)
assert objects == [f"for {rank}"]

# What does not wait.
tensors = [torch.full((1000,), float(rank + step)) for step in range(20)]
works = [dist.all_reduce(tensor, async_op=True) for tensor in tensors]
futures = [work.get_future() for work in works]
later = torch.ones(3)
dist.all_reduce(later)  # comes after them, in the same order on all ranks
assert all(work.wait() and work.is_completed() and work.is_success() for work in works)
for step, (tensor, work, future) in enumerate(zip(tensors, works, futures)):
    assert tensor[0].item() == sum(of + step for of in range(size))
    assert work.result()[0] is tensor and future.wait()[0] is tensor
assert later[0].item() == size
if rank < 2:
    out = torch.zeros(4)
    pair = [dist.P2POp(dist.isend, torch.full((4,), float(rank)), 1 - rank), dist.P2POp(dist.irecv, out, 1 - rank)]
    for work in dist.batch_isend_irecv(pair):
        work.wait()
    assert out[0].item() == 1 - rank

# Groups.
others = list(range(1, size))
group = dist.new_group(others)
x = torch.ones(1)
dist.all_reduce(x, group=group)
assert x.item() == (size - 1 if rank else 1)
assert dist.get_rank(group) == rank - 1 and dist.get_world_size(group) == (size - 1 if rank else -1)
if rank:
    assert dist.get_process_group_ranks(group) == others and dist.get_global_rank(group, 0) == 1
    dist.broadcast(x, src=1, group=group)
mine, groups = dist.new_subgroups(1)
dist.all_reduce(x, group=mine)
assert len(groups) == size and dist.get_world_size(mine) == 1
dist.monitored_barrier()
dist.barrier()

# What is wrong is said.
for call, error, words in (
    (lambda: dist.all_reduce(torch.ones(1), ReduceOp.BAND), TypeError, "operation for float32 was expected"),
    (lambda: dist.all_reduce([1]), TypeError, "a tensor was expected; got list"),
    (lambda: dist.all_reduce(torch.ones(1), "sum"), TypeError, "a ReduceOp was expected"),
    (lambda: dist.broadcast(torch.ones(1), size), ValueError, "is not part of group"),
    (lambda: dist.send(torch.ones(1), rank), ValueError, "should not be the same"),
    (lambda: dist.all_gather([torch.ones(1)], torch.ones(1)), ValueError, "one tensor for each of"),
    (lambda: dist.all_gather([torch.ones(2)] * size, torch.ones(1)), ValueError, "tensors of float32"),
    (lambda: dist.init_process_group("gloo"), ValueError, "twice"),
    (lambda: torch.compile(lambda x: dist.all_reduce(x), fullgraph=True)(torch.ones(2)), RuntimeError, "is being "
                                                                                                       "recorded"),
):
    try:
        call()
    except error as raised:
        assert words in str(raised), raised
    else:
        raise AssertionError(words)

# Ending, and beginning again.
dist.destroy_process_group()
assert not dist.is_initialized()
dist.init_process_group("mpi")
x = torch.ones(1)
dist.all_reduce(x)
assert x.item() == size and dist.get_backend() == "mpi"
dist.destroy_process_group()
print("all is well")
