"""Ranks that are started one by one meet by the method that the first argument names."""

import sys
from datetime import timedelta

import wengert as torch
import wengert.distributed as dist

how, rank, size, where = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
limit = timedelta(seconds=float(sys.argv[5]) if len(sys.argv) > 5 else 15)
if how == "store":
    store = dist.TCPStore("127.0.0.1", int(where), size, rank == 0, limit)
    store.set(f"said by {rank}", f"I am {rank}")
    assert store.get(f"said by {1 - rank}") == f"I am {1 - rank}".encode()
    dist.init_process_group("gloo", store=store, rank=rank, world_size=size, timeout=limit)
elif how in ("file store", "prefix store"):
    store = (dist.FileStore(where, size) if how == "file store"
             else dist.PrefixStore("job", dist.TCPStore("127.0.0.1", int(where), size, rank == 0, limit)))
    dist.init_process_group("gloo", store=store, rank=rank, world_size=size, timeout=limit)
elif how == "env":
    dist.init_process_group("gloo", timeout=limit)
else:
    dist.init_process_group("gloo", init_method=where, rank=rank, world_size=size, timeout=limit)
x = torch.tensor([float(rank)])
dist.all_reduce(x)
sys.stdout.write(f"{dist.get_rank()} {dist.get_world_size()} {x.item()}\n")
