"""Models trained by several ranks on parts of the batch, beside one process on the whole batch: the same weights."""

import sys
import warnings

import torch
import torch.distributed as dist
import torch.nn as nn
import torch.nn.functional as F
from models import Branches, Gpt, cnn, mlp
from torch.distributed.optim import ZeroRedundancyOptimizer
from torch.nn.parallel import DistributedDataParallel as DDP
from torch.utils.checkpoint import checkpoint

dist.init_process_group("gloo")
rank, size = dist.get_rank(), dist.get_world_size()
STEPS = 4


def made(build, dtype):
    torch.manual_seed(3)
    return build().to(dtype)


def batches(shape, dtype, count=12):
    torch.manual_seed(7)
    return [(torch.randn(count, *shape, dtype=dtype), torch.randn(count, 3, dtype=dtype)) for _ in range(STEPS)]


def mine(batch):
    return tuple(each[rank::size] for each in batch)


def sgd(model):
    return torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-3)


def close(one, many, dtype, what):
    limit = 1e-12 if dtype is torch.float64 else 1e-6
    for (name, its), theirs in zip(one.state_dict().items(), many.state_dict().values(), strict=True):
        worst = float((its - theirs).abs().max()) if its.numel() else 0.0
        assert worst <= limit * max(1.0, float(its.abs().max())), (what, name, worst)


def train(model, data, optimizer, loss=F.mse_loss):
    for x, y in data:
        optimizer.zero_grad()
        loss(model(x), y).backward()
        optimizer.step()


def case_mlp(dtype):
    one, many = made(mlp, dtype), made(mlp, dtype)
    if rank:
        nn.init.zeros_(many[0].weight)  # rank 0's are everybody's
    data = batches((6,), dtype)
    ddp = DDP(many, bucket_cap_mb=0.002)
    train(one, data, sgd(one))
    train(ddp, map(mine, data), sgd(ddp))
    close(one, many, dtype, "mlp")
    assert len(ddp.reducer.buckets) > 1 and list(ddp.state_dict()) == [f"module.{name}" for name in one.state_dict()]
    fresh = made(mlp, dtype)
    DDP(fresh).load_state_dict(ddp.state_dict())
    close(fresh, many, dtype, "state_dict")
    fresh.load_state_dict(ddp.module.state_dict())


def case_views_and_static(dtype):
    for options in ({"gradient_as_bucket_view": True}, {"static_graph": True}, {"find_unused_parameters": True}):
        one, many = made(mlp, dtype), made(mlp, dtype)
        data = batches((6,), dtype)
        ddp = DDP(many, **options)
        train(one, data, sgd(one))
        train(ddp, map(mine, data), sgd(ddp))
        close(one, many, dtype, options)


def case_cnn(dtype):
    one, many = made(cnn, dtype), nn.SyncBatchNorm.convert_sync_batchnorm(made(cnn, dtype))
    data = batches((2, 8, 8), dtype)
    train(one, data, sgd(one))
    train(DDP(many), map(mine, data), sgd(many))
    close(one, many, dtype, "SyncBatchNorm")
    many.eval(), one.eval()
    assert torch.allclose(one(data[0][0]), many(data[0][0]), atol=1e-5)
    # Without it each rank has its own statistics, and rank 0's are kept.
    many = DDP(made(cnn, dtype))
    train(many, map(mine, data), sgd(many))
    with torch.no_grad():
        many(mine(data[0])[0])
    means = [None] * size
    dist.all_gather_object(means, many.module[0].weight)
    assert all(torch.equal(means[0], each) for each in means)


def case_gpt(dtype):
    one, many = made(Gpt, dtype), made(Gpt, dtype)
    torch.manual_seed(5)
    data = [(torch.randint(11, (12, 5)), torch.randint(11, (12, 5))) for _ in range(STEPS)]

    def loss(out, tokens):
        return F.cross_entropy(out.flatten(0, 1), tokens.flatten())

    train(one, data, sgd(one), loss)
    train(DDP(many), map(mine, data), sgd(many), loss)
    close(one, many, dtype, "GPT")


def case_accumulation(dtype):
    one, many = made(mlp, dtype), made(mlp, dtype)
    data = batches((6,), dtype)
    ddp = DDP(many)
    for model, optimizer, each in ((one, sgd(one), lambda b: b), (ddp, sgd(many), mine)):
        for pair in (data[:2], data[2:]):
            optimizer.zero_grad()
            for number, batch in enumerate(pair):
                x, y = each(batch)
                if number == 0 and model is ddp:
                    with ddp.no_sync():
                        F.mse_loss(ddp(x), y).backward()
                else:
                    F.mse_loss(model(x), y).backward()
            optimizer.step()
    close(one, many, dtype, "accumulation")
    local = [None] * size
    with ddp.no_sync():
        loss = F.mse_loss(ddp(mine(data[0])[0]), mine(data[0])[1])
    ddp.zero_grad()
    loss.backward()  # outside: what counts is where the forward pass was
    dist.all_gather_object(local, many[0].weight.grad)
    assert not torch.equal(local[0], local[1])


def case_unused(dtype):
    one, many = made(Branches, dtype), made(Branches, dtype)
    data = batches((6,), dtype)
    ddp = DDP(many, find_unused_parameters=True)
    first, second = sgd(one), sgd(many)
    for step, (x, y) in enumerate(data):
        first.zero_grad(), second.zero_grad()
        # In one process: the mean of what the ranks do.
        sum(F.mse_loss(one(x[r::size], [step % 2, r % 3]), y[r::size]) for r in range(size)).div(size).backward()
        F.mse_loss(ddp(mine((x, y))[0], which=[step % 2, rank % 3]), mine((x, y))[1]).backward()
        assert many.never.weight.grad is None and many.parts[1].weight.grad is not None
        first.step(), second.step()
    close(one, many, dtype, "unused")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        ddp = DDP(made(Branches, dtype))
        F.mse_loss(ddp(mine(data[0])[0], which=[0]), mine(data[0])[1]).backward()
    words = str(caught[-1].message)
    assert "none came of" in words and "never.weight" in words and "find_unused_parameters=True" in words, words


def case_uneven(dtype):
    one, many = made(mlp, dtype), made(mlp, dtype)
    data = batches((6,), dtype)
    ddp = DDP(many)
    counts = [STEPS - (r % 2) * 2 for r in range(size)]
    first, second = sgd(one), sgd(many)
    for step, (x, y) in enumerate(data):
        first.zero_grad()
        there = [r for r in range(size) if step < counts[r]]
        sum(F.mse_loss(one(x[r::size]), y[r::size]) for r in there).div(size).backward()
        first.step()
    with ddp.join():
        train(ddp, map(mine, data[: counts[rank]]), second)
    close(one, many, dtype, "join")
    try:
        with ddp.join(throw_on_early_termination=True):
            train(ddp, map(mine, data[: counts[rank]]), second)
    except RuntimeError as error:
        assert "exhausted" in str(error)
    else:
        raise AssertionError("early termination")


def case_checkpoints_and_second_order(dtype):
    class Segments(nn.Module):
        def __init__(self, reentrant):
            super().__init__()
            self.first, self.second, self.reentrant = mlp(), nn.Linear(3, 3), reentrant

        def forward(self, x):
            return self.second(checkpoint(self.first, x, use_reentrant=self.reentrant))

    data = batches((6,), dtype)
    for reentrant in (False, True):
        one, many = made(lambda: Segments(reentrant), dtype), made(lambda: Segments(reentrant), dtype)
        data = [(x.requires_grad_(), y) for x, y in data]
        train(one, data, sgd(one))
        train(DDP(many), [tuple(e.detach().requires_grad_(e.requires_grad) for e in mine(b)) for b in data], sgd(many))
        close(one, many, dtype, f"checkpoint {reentrant}")
    one, many = made(mlp, dtype), made(mlp, dtype)
    ddp = DDP(many)
    for model, optimizer, each in ((one, sgd(one), lambda b: b), (ddp, sgd(many), mine)):
        for batch in batches((6,), dtype):
            x, y = each(batch)
            x = x.clone().requires_grad_()
            optimizer.zero_grad()
            out = model(x)
            slope = torch.autograd.grad(out.sum(), x, create_graph=True)[0]
            (F.mse_loss(out, y) + slope.pow(2).mean()).backward()
            optimizer.step()
    close(one, many, dtype, "gradient penalty")


def case_compiled(dtype):
    one, many = made(mlp, dtype), made(mlp, dtype)
    data = batches((6,), dtype)
    train(one, data, sgd(one))
    train(DDP(torch.compile(many)), map(mine, data), sgd(many))
    close(one, many, dtype, "compiled")


def case_zero(dtype):
    one, many = made(mlp, dtype), made(mlp, dtype)
    data = batches((6,), dtype)
    first = torch.optim.AdamW(one.parameters(), lr=0.01)
    second = ZeroRedundancyOptimizer(many.parameters(), torch.optim.AdamW, lr=0.01)
    train(one, data, first)
    train(DDP(many), map(mine, data), second)
    close(one, many, dtype, "zero")
    assert 0 < len(second.optim.state) < len(first.state)
    second.consolidate_state_dict(0)
    if rank == 0:
        its, theirs = first.state_dict(), second.state_dict()
        assert list(its["state"]) == list(theirs["state"])
        for number, state in its["state"].items():
            assert torch.allclose(state["exp_avg"], theirs["state"][number]["exp_avg"])
        box = [theirs]
    else:
        box = [None]
    dist.broadcast_object_list(box)
    third = ZeroRedundancyOptimizer(many.parameters(), torch.optim.AdamW, lr=0.5)
    third.load_state_dict(box[0])
    train(one, data, first)
    train(DDP(many), map(mine, data), third)
    close(one, many, dtype, "zero, loaded")


def case_hooks(dtype):
    from torch.distributed.algorithms.ddp_comm_hooks import default_hooks, powerSGD_hook

    def in_two_steps(state, bucket):
        """A hook of the program's own, with two collectives one after the other, as PowerSGD has."""
        buffer = bucket.buffer()
        state.append((bucket.index(), bucket.is_last(), [g.shape for g in bucket.gradients()]))
        first = dist.all_reduce(buffer, async_op=True).get_future()
        return first.then(lambda done: done.value()[0].div_(size))

    calls = []
    for hook, state, exact in ((default_hooks.allreduce_hook, None, True), (in_two_steps, calls, True),
                               (default_hooks.fp16_compress_hook, None, False),
                               (default_hooks.bf16_compress_wrapper(default_hooks.allreduce_hook), None, False),
                               (powerSGD_hook.powerSGD_hook, powerSGD_hook.PowerSGDState(None, 2, 2), False)):
        one, many = made(mlp, dtype), made(mlp, dtype)
        data = batches((6,), dtype)
        ddp = DDP(many)
        ddp.register_comm_hook(state, hook)
        train(one, data, sgd(one))
        train(ddp, map(mine, data), sgd(many))
        if exact:
            close(one, many, dtype, hook)
        weights = [None] * size
        dist.all_gather_object(weights, many[0].weight)
        assert all(torch.equal(each, weights[0]) for each in weights)
        assert float((one[0].weight - many[0].weight).abs().max()) < 0.05
    assert calls and calls[0][0] == 0 and calls[-1][1]


def case_sampler(dtype):
    from torch.utils.data import DistributedSampler

    sampler = DistributedSampler(range(11))
    assert (sampler.rank, sampler.num_replicas) == (rank, size)
    seen = [None] * size
    dist.all_gather_object(seen, list(sampler))
    assert {each for part in seen for each in part} == set(range(11))


def case_wrong(dtype):
    for build, error, words in (
        (lambda: DDP(nn.ReLU()), RuntimeError, "doesn't have any parameter"),
        (lambda: DDP(mlp(), device_ids=[0]), ValueError, "device_ids"),
        (lambda: DDP(3), TypeError, "a module was expected"),
    ):
        try:
            build()
        except error as raised:
            assert words in str(raised), raised
        else:
            raise AssertionError(words)


chosen = sys.argv[1:]
for name, case in list(globals().items()):
    if name.startswith("case_") and (not chosen or name[5:] in chosen):
        for dtype in (torch.float64, torch.float32):
            case(dtype)
        if rank == 0:
            print(name[5:])
dist.destroy_process_group()
