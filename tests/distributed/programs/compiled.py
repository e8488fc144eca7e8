"""compile and `DistributedDataParallel`: inside, outside, around the whole step; and the buckets' way through backward."""

import threading
import warnings

import torch
import torch.distributed as dist
import torch.nn as nn
from models import mlp
from torch.nn.parallel import DistributedDataParallel as DDP

from wengert.distributed import transport

dist.init_process_group("gloo")
rank, size = dist.get_rank(), dist.get_world_size()
torch.manual_seed(0)
x = torch.randn(8, 6, dtype=torch.float64)


def made():
    torch.manual_seed(1)
    return mlp().double()


def step_of(model, optimizer):
    def step(x):
        optimizer.zero_grad()
        model(x).square().mean().backward()
        optimizer.step()

    return step


def trained(wrap, compiles=lambda step: step, part=lambda x: x[rank::size], count=3):
    """The parameters after some steps, and the warnings on the way."""
    inner = made()
    model = wrap(inner)
    step = compiles(step_of(model, torch.optim.SGD(model.parameters(), 0.1)))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(count):
            step(part(x))
    return [p.detach() for p in inner.parameters()], [str(each.message) for each in caught], model


def close(found, wanted):
    assert all(torch.allclose(a, b, rtol=0, atol=1e-12) for a, b in zip(found, wanted, strict=True))


wanted, _, _ = trained(lambda model: model, part=lambda x: x)


def case_inside():
    found, said, model = trained(lambda model: DDP(torch.compile(model)))
    assert said == [] and len(model.module.programs) == 1
    close(found, wanted)


def case_outside():
    found, said, model = trained(lambda model: torch.compile(DDP(model)))
    assert said == [] and len(model.programs) == 1 and "tanh" in str(model.graph)
    close(found, wanted)
    assert list(model.state_dict())[0] == "_orig_mod.module.0.weight"
    with model.no_sync():
        model(x).sum().backward()
    found, said, model = trained(lambda model: torch.compile(DDP(model), fullgraph=True))
    close(found, wanted)


def case_in_place():
    def wrap(model):
        model = DDP(model)
        model.compile(fullgraph=True)
        return model

    found, said, model = trained(wrap)
    assert said == []
    close(found, wanted)


def case_whole_step():
    found, said, model = trained(DDP, torch.compile)
    assert len(said) == 1 and "runs eagerly from now on, because of" in said[0] and "compiled.py:" in said[0], said
    assert "compile the model alone" in said[0]
    close(found, wanted)


def case_a_collective_cannot_be_recorded():
    for call in (lambda t: dist.all_reduce(t), lambda t: dist.broadcast(t, 0), lambda t: dist.barrier() or t,
                 lambda t: dist.send(t, 1 - rank), lambda t: dist.all_gather([t] * size, t),
                 lambda t: dist.all_gather_object([None] * size, 1)):
        try:
            torch.compile(call, fullgraph=True)(torch.ones(2))
        except RuntimeError as error:
            words = str(error)
            assert type(error).__name__ == "TraceError" and "is being recorded" in words, words
            assert "compiled.py:" in words and "outside of the compiled function" in words, words
        else:
            raise AssertionError("recorded")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        eager = torch.compile(lambda t: (dist.all_reduce(t), t)[1])
        assert eager(torch.ones(2)).tolist() == [size, size] == eager(torch.ones(2)).tolist()
    assert len(caught) == 1


def case_reduction_goes_beside_backward():
    """Each bucket but the last is reduced while backward goes on: its reduction waits here for the next layer's
    gradient, which would never come if backward waited for the reduction."""
    layers = threading.Semaphore(0)

    class Told(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x.clone()

        @staticmethod
        def backward(ctx, ct):
            layers.release()
            return ct

    class Layer(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(64, 64)

        def forward(self, x):
            return Told.apply(self.linear(x))

    model = nn.Sequential(*[Layer() for _ in range(6)])
    ddp = DDP(model, bucket_cap_mb=64 * 65 * 4 / (1 << 20))
    told, plain = [], transport.allreduce

    def after_the_next_layer(call, array, op):
        aside = threading.current_thread() is not threading.main_thread()
        if not told:
            layers.acquire()  # that of its own layer
        told.append(aside and layers.acquire(timeout=20))
        plain(call, array, op)

    inputs = torch.randn(4, 64)
    ddp(inputs).sum().backward()  # the order of the buckets is that of the first backward
    ddp(inputs).sum().backward()
    loss = ddp(inputs).sum()
    while layers.acquire(blocking=False):
        pass
    transport.allreduce = after_the_next_layer
    try:
        loss.backward()
    finally:
        transport.allreduce = plain
    assert len(ddp.reducer.buckets) == 6 == len(told)
    assert told == [True] * 5 + [False]  # the last has nothing to hide behind


for name, case in list(globals().items()):
    if name.startswith("case_"):
        case()
        if rank == 0:
            print(name[5:])
dist.destroy_process_group()
