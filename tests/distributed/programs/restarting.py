"""Trains with checkpoints; started again, goes on where it was. Ends itself as the arguments say: at which step; and
takes as long for each as they say."""

import os
import signal
import sys
import time

import torch
import torch.distributed as dist
import torch.nn as nn
from torch.nn.parallel import DistributedDataParallel

folder, dies, pause = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]) if len(sys.argv) > 3 else 0.0
dist.init_process_group("gloo")
rank, size = dist.get_rank(), dist.get_world_size()
torch.manual_seed(0)
model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
path, step = os.path.join(folder, "last.pt"), 0
if os.path.exists(path):
    saved = torch.load(path)
    model.load_state_dict(saved["model"])
    optimizer.load_state_dict(saved["optimizer"])
    step = saved["step"]
ddp = DistributedDataParallel(model)
first = step
while step < 12:
    time.sleep(pause)
    generator = torch.Generator().manual_seed(step)
    x = torch.randn(8, 4, generator=generator)
    optimizer.zero_grad()
    ddp(x[rank::size]).square().mean().backward()
    if step == dies and first == 0 and rank == dies % size:
        os.kill(os.getpid(), signal.SIGKILL)
    optimizer.step()
    step += 1
    if rank == 0:
        torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict(), "step": step}, path + ".new")
        os.replace(path + ".new", path)
    dist.barrier()
if rank == 0:
    print(first, [round(float(p.sum()), 9) for p in model.parameters()])
dist.destroy_process_group()
