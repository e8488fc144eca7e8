"""A program in PyTorch's words, printed under both: sampler, accumulation, buffers, uneven inputs, groups, objects."""

import torch
import torch.distributed as dist
import torch.nn as nn
import torch.nn.functional as F
from torch.nn.parallel import DistributedDataParallel as DDP
from torch.utils.data import DataLoader, TensorDataset
from torch.utils.data.distributed import DistributedSampler

dist.init_process_group(backend="gloo")
rank, size = dist.get_rank(), dist.get_world_size()
torch.manual_seed(1)
data = TensorDataset(torch.randn(40, 5), torch.randint(3, (40,)))
model = nn.Sequential(nn.Linear(5, 16, bias=False), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 3))
ddp = DDP(model)
optimizer = torch.optim.AdamW(ddp.parameters(), lr=0.01)
schedule = torch.optim.lr_scheduler.StepLR(optimizer, 1, 0.9)
sampler = DistributedSampler(data, shuffle=True, seed=3)
loader = DataLoader(data, batch_size=6, sampler=sampler)
for epoch in range(3):
    sampler.set_epoch(epoch)
    total = torch.zeros(2)
    for number, (x, y) in enumerate(loader):
        if number % 2 == 0:
            with ddp.no_sync():
                (F.cross_entropy(ddp(x), y) / 2).backward()
            continue
        (F.cross_entropy(ddp(x), y) / 2).backward()
        optimizer.step()
        optimizer.zero_grad()
    with torch.no_grad():
        model.eval()
        for x, y in loader:
            total += torch.tensor([(model(x).argmax(1) == y).sum().item(), len(y)])
        model.train()
    dist.all_reduce(total)
    schedule.step()
    if rank == 0:
        print(epoch, total.tolist())
with ddp.join():
    for step in range(2 + rank):
        optimizer.zero_grad()
        x = torch.ones(4, 5) * (step + 1) + torch.arange(4.0)[:, None] * torch.arange(5.0)
        ddp(x).square().mean().backward()
        optimizer.step()
sums = [None] * size
dist.all_gather_object(sums, [round(float(p.detach().sum()), 4) for p in model.parameters()])
assert sums[0] == sums[1], sums
unused = DDP(nn.ModuleDict({"a": nn.Linear(2, 2), "b": nn.Linear(2, 2)}), find_unused_parameters=True)
unused.module.forward = lambda x: unused.module["a" if rank == 0 else "b"](x)
F.mse_loss(unused(torch.ones(3, 2)), torch.zeros(3, 2)).backward()
if rank == 0:
    print([f"{v:.4f}" for v in sums[0]])
    print([p.grad is None for p in unused.parameters()])
dist.destroy_process_group()
