"""Every model in every way of training: ranks with parts of the batch give the weights of one process."""

import sys

import torch
import torch.distributed as dist
import torch.nn as nn
import torch.nn.functional as F
from models import Gpt, cnn, mlp
from torch.nn.parallel import DistributedDataParallel as DDP

dist.init_process_group("gloo")
rank, size = dist.get_rank(), dist.get_world_size()
STEPS, COUNT = 4, 12


class Spare(nn.Module):
    """A model with a layer that not every pass uses, and one that none does."""

    def __init__(self, model, width):
        super().__init__()
        self.model, self.spare, self.never = model, nn.Linear(width, width), nn.Linear(width, width)

    def forward(self, x, use=False):
        out = self.model(x)
        return self.spare(out) if use else out


def vectors(dtype):
    return torch.randn(COUNT, 6, dtype=dtype), torch.randn(COUNT, 3, dtype=dtype)


def images(dtype):
    return torch.randn(COUNT, 2, 8, 8, dtype=dtype), torch.randn(COUNT, 3, dtype=dtype)


def texts(dtype):
    return torch.randint(11, (COUNT, 5)), torch.randn(COUNT, 5, 11, dtype=dtype)


def synchronised():
    return nn.SyncBatchNorm.convert_sync_batchnorm(cnn())


# What is built for the ranks, and for one process; the data; the width; whether one process sees the batch as a whole.
# With batch normalisation of each rank's own, one process goes through the ranks' parts one after the other.
MODELS = {
    "mlp": (mlp, mlp, vectors, 3, True),
    "cnn": (cnn, cnn, images, 3, False),
    "synchronised cnn": (synchronised, cnn, images, 3, True),
    "gpt": (Gpt, Gpt, texts, 11, True),
}


def uses(way, r, step):
    """Whether rank r uses the spare layer in a step."""
    return way == "unused" and (r + step) % 2 == 0


def batches(way):
    """How many batches each rank has."""
    return [STEPS - (r % 2) * 2 if way == "uneven" else STEPS for r in range(size)]


def loss_of_one(model, x, y, there, way, step, whole):
    """The sum of the losses that the ranks have, in one process."""
    out = model.model(x) if whole and len(there) == size else None
    losses = []
    for r in there:
        part = model.model(x[r::size]) if out is None else out[r::size]
        losses.append(F.mse_loss(model.spare(part) if uses(way, r, step) else part, y[r::size]))
    return sum(losses) / size


def check(name, way, dtype):
    for_ranks, for_one, data, width, whole = MODELS[name]
    torch.manual_seed(3)
    one = Spare(for_one(), width).to(dtype)
    torch.manual_seed(3 if rank == 0 else 4)  # rank 0's are everybody's
    many = Spare(for_ranks(), width).to(dtype)
    torch.manual_seed(7)
    given = [data(dtype) for _ in range(STEPS)]
    ddp = DDP(many, find_unused_parameters=True, bucket_cap_mb=0.002)
    first, second = (torch.optim.SGD(model.parameters(), lr=0.03, momentum=0.9) for model in (one, many))
    counts = batches(way)
    every = 2 if way == "accumulation" else 1
    for step, (x, y) in enumerate(given):
        if step % every == 0:
            first.zero_grad()
        loss_of_one(one, x, y, [r for r in range(size) if step < counts[r]], way, step, whole).backward()
        if step % every == every - 1:
            first.step()

    def train():
        for step, (x, y) in enumerate(given[: counts[rank]]):
            if step % every == 0:
                second.zero_grad()
            ddp.require_backward_grad_sync = step % every == every - 1
            F.mse_loss(ddp(x[rank::size], use=uses(way, rank, step)), y[rank::size]).backward()
            if step % every == every - 1:
                second.step()

    if way == "uneven":
        with ddp.join():
            train()
    else:
        train()
    limit = 1e-12 if dtype is torch.float64 else 1e-6
    for (label, its), theirs in zip(one.named_parameters(), many.parameters(), strict=True):
        worst = float((its - theirs).detach().abs().max())
        assert worst <= limit * max(1.0, float(its.detach().abs().max())), (name, way, dtype, label, worst)


for name in MODELS:
    for way in ("plain", "accumulation", "unused", "uneven"):
        if (name, way) == ("synchronised cnn", "uneven"):
            continue  # a rank that is through has no statistics to give: PyTorch has the same limit
        if sys.argv[1:] and sys.argv[1] not in (name, way):
            continue
        for dtype in (torch.float64, torch.float32):
            check(name, way, dtype)
        if rank == 0:
            print(name, way)
dist.destroy_process_group()
