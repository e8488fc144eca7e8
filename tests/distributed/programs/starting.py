"""Says who it is; then rank 1 does what the argument says."""

import os
import socket
import sys
import time
from datetime import timedelta

import wengert as torch
import wengert.distributed as dist

what = sys.argv[1] if len(sys.argv) > 1 else "nothing"
dist.init_process_group(timeout=timedelta(seconds=4))
x = torch.tensor([float(dist.get_rank())])
dist.all_reduce(x)
local = dist.get_node_local_rank(-1)
print(dist.get_rank(), dist.get_world_size(), x.item(), local, socket.gethostname(), flush=True)
if dist.get_rank() == 1:
    match what:
        case "raises":
            raise ValueError("bad luck")
        case "exits":
            sys.exit(3)
        case "goes on":
            time.sleep(1)
            print("to the end", flush=True)
if what in ("raises", "exits"):
    dist.all_reduce(x)
if what == "waits":
    time.sleep(float(sys.argv[2]))
    dist.all_reduce(x)
    os._exit(9)  # nobody comes here
if what == "leaves its group":
    dist.destroy_process_group()
