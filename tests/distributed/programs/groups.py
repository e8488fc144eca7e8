"""Groups, meshes, other worlds, objects that cannot be sent, messages of other sizes, and what collectives give back."""

import math
from datetime import timedelta

import torch
import torch.distributed as dist
import torch.nn as nn
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.nn.parallel import DistributedDataParallel as DDP

dist.init_process_group("gloo", timeout=timedelta(seconds=15))
rank, size = dist.get_rank(), dist.get_world_size()
assert size == 4


def raises(error, words, call):
    try:
        call()
    except error as raised:
        assert words in str(raised), (words, str(raised))
    else:
        raise AssertionError(words)


def total(group=None):
    x = torch.ones(1)
    dist.all_reduce(x, group=group)
    return x.item()


def case_parts_of_the_world():
    mine, every = dist.new_subgroups(2)
    assert len(every) == 2 and total(mine) == 2
    assert dist.get_process_group_ranks(mine) == [rank // 2 * 2, rank // 2 * 2 + 1]
    odd_even, _ = dist.new_subgroups_by_enumeration([[0, 2], [1, 3]])
    x = torch.tensor([rank])
    dist.all_reduce(x, group=odd_even)
    assert x.item() == (2 if rank % 2 == 0 else 4)
    raises(ValueError, "must be divisible by group_size=3", lambda: dist.new_subgroups(3))
    raises(ValueError, "must not exceed the world size", lambda: dist.new_subgroups(5))
    raises(ValueError, "each rank in one group", lambda: dist.new_subgroups_by_enumeration([[0, 1], [1, 2]]))
    half = dist.split_group(split_ranks=[[1, 0], [3, 2]])
    assert half.ranks == ([1, 0] if rank < 2 else [3, 2]) and dist.get_rank(half) == 1 - rank % 2
    x = torch.tensor([rank])
    dist.broadcast(x, group=half, group_src=0)
    assert x.item() == (1 if rank < 2 else 3)
    some = dist.split_group(split_ranks=[[0, 3]])
    assert (some is None) == (rank in (1, 2)) and (some is None or total(some) == 2)
    raises(ValueError, "cannot be None or empty", lambda: dist.split_group(split_ranks=[]))
    raises(ValueError, "different numbers from 0 to 3", lambda: dist.split_group(split_ranks=[[0, 0]]))
    inner = dist.split_group(half, [[0], [1]])  # of a group that not all are in
    assert inner.ranks == [rank]
    raises(TypeError, "a process group was expected; got str", lambda: dist.barrier("world"))


def case_mesh():
    mesh = init_device_mesh("cpu", (2, 2), mesh_dim_names=("data", "model"))
    assert mesh.shape == (2, 2) and mesh.ndim == 2 and mesh.size() == 4 and mesh.size(0) == 2
    assert mesh.get_coordinate() == (rank // 2, rank % 2) and mesh.mesh.tolist() == [[0, 1], [2, 3]]
    assert mesh.get_group("data").ranks == [rank % 2, rank % 2 + 2] and total(mesh.get_group(1)) == 2
    assert mesh.get_local_rank("model") == rank % 2 and len(mesh.get_all_groups()) == 2
    line = mesh["model"]
    assert line.mesh.tolist() == [rank // 2 * 2, rank // 2 * 2 + 1] and line.get_group() is mesh.get_group("model")
    assert mesh["model", "data"].mesh.tolist() == [[0, 2], [1, 3]] and mesh["data", "model"] is mesh
    assert mesh == init_device_mesh("cpu", (2, 2), mesh_dim_names=("data", "model")) != line
    assert repr(line) == f"DeviceMesh((model=2), 'cpu', {line.mesh.tolist()})"
    ddp = DDP(nn.Linear(2, 1), device_mesh=mesh["data"])
    ddp(torch.full((1, 2), float(rank))).sum().backward()
    assert ddp.module.weight.grad.tolist() == [[rank % 2 + 1.0] * 2]  # the mean of ranks r and r + 2
    part = DeviceMesh("cpu", [1, 2])
    assert (part.get_coordinate() is None) == (rank in (0, 3))
    if part.get_coordinate() is not None:
        assert total(part.get_group()) == 2
    made = DeviceMesh.from_group(mesh.get_group(0), "cpu", mesh_dim_names=("only",))
    assert made["only"] is made and made.get_local_rank() == rank // 2
    for error, words, call in (
        (RuntimeError, "needs to be specified", lambda: mesh.get_group()),
        (KeyError, "does not exist", lambda: mesh["wrong"]),
        (RuntimeError, "must be unique", lambda: init_device_mesh("cpu", (2, 2), mesh_dim_names=("a", "a"))),
        (RuntimeError, "same length", lambda: init_device_mesh("cpu", (2, 2), mesh_dim_names=("a",))),
        (RuntimeError, "Mesh should not be bigger than default world size 4", lambda: init_device_mesh("cpu", (5,))),
        (ValueError, "the device 'cpu' was expected", lambda: init_device_mesh("cuda", (4,))),
        (RuntimeError, "one axis", lambda: DDP(nn.Linear(1, 1), device_mesh=mesh)),
    ):
        raises(error, words, call)


def case_objects():
    unsent = lambda: 0  # noqa: E731
    words = "an object that can be pickled was expected of rank 1"
    raises(*((Exception, "lambda") if rank == 1 else (dist.DistBackendError, words)),
           lambda: dist.all_gather_object([None] * size, unsent if rank == 1 else rank))
    places = [None] * size if rank == 0 else None
    if rank in (0, 1):
        raises(*((Exception, "lambda") if rank == 1 else (dist.DistBackendError, words)),
               lambda: dist.gather_object(unsent if rank == 1 else rank, places, dst=0))
    else:
        dist.gather_object(rank, places, dst=0)
    raises(*((Exception, "lambda") if rank == 1 else (dist.DistBackendError, words)),
           lambda: dist.broadcast_object_list([unsent if rank == 1 else None], src=1))
    given = [1, unsent, 3, 4] if rank == 0 else None
    raises(*((Exception, "lambda") if rank == 0 else (dist.DistBackendError, "can be pickled")),
           lambda: dist.scatter_object_list([None], given, src=0))
    objects = [None] * size  # and the next one works
    dist.all_gather_object(objects, {"rank": rank})
    assert objects == [{"rank": each} for each in range(size)]
    if rank == 0:
        dist.send_object_list(["a", 2], 1)
    elif rank == 1:
        objects = [None, None]
        assert dist.recv_object_list(objects) == 0 and objects == ["a", 2]


def case_messages():
    if rank == 0:
        for count in (5, 2, 3):
            dist.send(torch.ones(count), 1)
        work = dist.isend(torch.ones(3), 1)
        assert work.get_future().wait()[0].tolist() == [1, 1, 1] and work.is_completed() and work.exception() is None
        for count in range(200):
            dist.isend(torch.full((3,), float(count)), 1, tag=7)  # and dropped
    elif rank == 1:
        words = "12 bytes were expected in recv of float32 [3] from rank 0 at "
        raises(dist.DistBackendError, words, lambda: dist.recv(torch.ones(3), 0))
        raises(dist.DistBackendError, words, lambda: dist.recv(torch.ones(3), 0))
        x = torch.zeros(3)
        assert dist.recv(x) == 0 and x.tolist() == [1, 1, 1]
        x = torch.zeros(3)
        work = dist.irecv(x, 0)
        assert work.get_future().wait()[0] is x and work.is_success() and work.result()[0] is x
        for count in range(200):
            dist.recv(x, 0, tag=7)
            assert x[0].item() == count
        assert not dist.irecv(torch.zeros(1), 2, tag=9).is_completed()  # which nobody sends


def case_work():
    x = torch.ones(2)
    work = dist.all_reduce(x, async_op=True)
    future = work.get_future().then(lambda done: done.value()[0].sum())
    assert work.wait(timedelta(seconds=5)) is True and work.is_completed() and work.is_success()
    assert work.exception() is None and work.result()[0] is x and future.wait().item() == 2 * size
    for op in (dist.broadcast, dist.reduce):
        work = op(x, 0, async_op=True)
        work.wait()
        assert work.result()[0] is x
    outs = [torch.zeros(2) for _ in range(size)]
    work = dist.all_gather(outs, torch.full((2,), float(rank)), async_op=True)
    work.wait()
    assert [out[0].item() for out in outs] == [0, 1, 2, 3]
    work = dist.barrier(async_op=True)
    if rank == 0:
        assert work.wait()
    else:
        work.wait(5.0)
    first = dist.new_group([0, 1], timeout=timedelta(seconds=9))
    assert (rank > 1) or first.timeout == 9


def case_calls_under_way():
    """What makes a group, or a model, comes after what is under way."""
    tensors = [torch.full((200_000,), float(rank)) for _ in range(5)]
    works = [dist.all_reduce(tensor, async_op=True) for tensor in tensors]
    half = dist.split_group(split_ranks=[[0, 1], [2, 3]])
    ddp = DDP(nn.Linear(2, 1), init_sync=False, process_group=half)
    more = [dist.all_reduce(tensor, group=half, async_op=True) for tensor in tensors]
    ddp(torch.ones(1, 2) * (rank + 1)).sum().backward()
    for work in works + more:
        work.wait()
    assert [tensor[0].item() for tensor in tensors] == [12.0] * 5
    assert ddp.module.weight.grad[0, 0].item() == (1.5 if rank < 2 else 3.5)


def case_dtypes():
    kinds = [torch.float8_e4m3fn, torch.float8_e5m2, torch.complex32, torch.uint16, torch.uint32, torch.uint64,
             torch.bfloat16, torch.float16, torch.bool, torch.complex128]
    for dtype in kinds:
        for shape in ((), (3,), (0,), (2, 0, 3)):
            given = torch.full(shape, float(rank % 2)).to(dtype)
            x = given.clone()
            dist.broadcast(x, 1)
            assert x.dtype is dtype and (x.to(torch.complex64) == 1).all()
            outs = [torch.zeros(shape, dtype=torch.float32).to(dtype) for _ in range(size)]
            dist.all_gather(outs, given)
            assert [bool((out.to(torch.complex64) == each % 2).all()) for each, out in enumerate(outs)] == [True] * size
            if "float8" in str(dtype):
                raises(TypeError, f"an operation for {str(dtype)[6:]} was expected; got ReduceOp.SUM; of it there is "
                       "none", lambda x=x: dist.all_reduce(x))
            else:
                dist.all_reduce(x)
                assert (x.to(torch.complex64) == (1 if dtype is torch.bool else size)).all()
    x = torch.zeros(4, 6)[::2, 1::3]  # steps in both directions
    x += rank
    dist.all_reduce(x)
    assert x.tolist() == [[6.0, 6.0], [6.0, 6.0]]
    x = torch.arange(6.0).reshape(2, 3).t()
    dist.broadcast(x, 0)
    assert x.tolist() == [[0, 3], [1, 4], [2, 5]]
    raises(RuntimeError, "single memory location", lambda: dist.all_reduce(torch.ones(1).expand(2)))


def case_derivatives():
    from torch.distributed.nn import functional as F

    x = torch.full((2,), rank + 1.0, dtype=torch.float64, requires_grad=True)

    def gradient(loss):
        return torch.autograd.grad(loss, x)[0].tolist()

    weight = rank + 1.0
    # What is differentiated is the sum of all ranks' losses.
    assert gradient((F.all_reduce(x) * weight).sum()) == [10, 10]
    assert gradient((F.all_reduce(x, dist.ReduceOp.AVG) * weight).sum()) == [2.5, 2.5]
    assert gradient((F.broadcast(x, 2) * weight).sum()) == ([10, 10] if rank == 2 else [0, 0])
    assert gradient((F.reduce(x, 1) * weight).sum()) == [2, 2]
    gathered = F.all_gather(x)
    assert [each[0].item() for each in gathered] == [1, 2, 3, 4]
    assert gradient((torch.stack(gathered) ** 2).sum() * weight) == [20 * (rank + 1)] * 2
    assert gradient(sum(each.sum() for each in F.gather(x, 1)) * weight) == [2, 2]
    assert gradient((F.scatter([x * each for each in range(4)], 3) * weight).sum()) == (
        [0 + 2 + 6 + 12] * 2 if rank == 3 else [0, 0])
    assert gradient((F.reduce_scatter(x, [x * each for each in range(4)]) * weight).sum()) == [20, 20]
    assert gradient((torch.stack(F.all_to_all([x] * 4, [x * each for each in range(4)])) * weight).sum()) == [20, 20]
    y = torch.full((4,), rank + 1.0, dtype=torch.float64, requires_grad=True)
    out = F.all_to_all_single(torch.empty(4, dtype=torch.float64), y)
    assert out.tolist() == [1, 2, 3, 4]
    assert torch.autograd.grad((out * weight).sum(), y)[0].tolist() == [1, 2, 3, 4]
    (first,) = torch.autograd.grad((F.all_reduce(x) ** 3).sum(), x, create_graph=True)  # 4 · 3 s²
    assert first.tolist() == [1200, 1200]
    assert gradient(first.sum()) == [4 * 4 * 6 * 10] * 2
    raises(NotImplementedError, "of others there is no derivative",
           lambda: F.all_reduce(x, dist.ReduceOp.MAX).sum().backward())


def case_synchronised_twice():
    """The gradient of a gradient penalty through SyncBatchNorm is that of BatchNorm on the whole batch."""
    for affine in (True, False):
        many, one = nn.SyncBatchNorm(3, affine=affine).double(), nn.BatchNorm1d(3, affine=affine).double()
        torch.manual_seed(3)
        x, v = torch.randn(8, 3, 5, dtype=torch.float64), torch.randn(8, 3, 5, dtype=torch.float64)
        if affine:
            with torch.no_grad():
                many.weight.copy_(torch.tensor([1.0, 2.0, 3.0])), one.weight.copy_(many.weight)

        def penalty(layer, x, v):
            x = x.clone().requires_grad_()
            (slope,) = torch.autograd.grad((torch.tanh(layer(x)) * v).sum(), x, create_graph=True)
            return torch.autograd.grad(slope.pow(2).sum(), [x, *layer.parameters()])

        wanted = penalty(one, x, v)
        found = penalty(many, x[rank::size], v[rank::size])
        assert torch.allclose(found[0], wanted[0][rank::size], atol=1e-12)
        for its, theirs in zip(found[1:], wanted[1:], strict=True):
            dist.all_reduce(its)
            assert torch.allclose(its, theirs, atol=1e-12)


def case_other_worlds():
    dist.destroy_process_group()
    dist.init_process_group("gloo", rank=size - 1 - rank, world_size=size)
    assert dist.get_rank() == size - 1 - rank
    x = torch.tensor([dist.get_rank()])
    dist.broadcast(x, 0)
    assert x.item() == 0 and total(dist.new_group([0, 1])) in (1, 2)
    dist.destroy_process_group()
    if rank < 3:  # fewer
        dist.init_process_group("gloo", rank=rank, world_size=3)
        assert total() == 3 and total(dist.new_group([0, 2])) in (1, 2)
        dist.destroy_process_group()
    dist.init_process_group("gloo", rank=rank, world_size=size)  # and all again
    assert total() == 4
    ddp = DDP(nn.Linear(2, 1))
    ddp(torch.full((1, 2), float(rank))).sum().backward()
    assert ddp.module.weight.grad.tolist() == [[1.5, 1.5]]


def case_alone():
    assert math.isclose(total(), 4)
    dist.monitored_barrier(timeout=timedelta(seconds=5), wait_all_ranks=True)


for name, case in list(globals().items()):
    if name.startswith("case_"):
        case()
        if dist.get_rank() == 0:
            print(name[5:])
dist.destroy_process_group()
