"""Says who it is; then rank 1 does what the argument says."""

import atexit
import os
import signal
import socket
import sys
import time
from datetime import timedelta

import wengert as torch
import wengert.distributed as dist

what = sys.argv[1] if len(sys.argv) > 1 else "nothing"
if what == "lingers":  # what is registered first is done last: when the others have been told that this one ends
    atexit.register(lambda: time.sleep(60 if dist.get_rank() == 0 else 0))
dist.init_process_group(timeout=timedelta(seconds=4))
x = torch.tensor([float(dist.get_rank())])
dist.all_reduce(x)
local = dist.get_node_local_rank(-1)
# A line is written at once, so that those of two ranks do not mix.
sys.stdout.write(f"{dist.get_rank()} {dist.get_world_size()} {x.item()} {local} {socket.gethostname()}\n")
sys.stdout.flush()
if dist.get_rank() == 1:
    match what:
        case "raises":
            raise ValueError("bad luck")
        case "exits":
            sys.exit(3)
        case "goes on":
            time.sleep(1)
            sys.stdout.write("to the end\n")
if what == "stops" and dist.get_rank() == 0:
    time.sleep(1)  # the other is in its end by then
    os.kill(os.getpid(), signal.SIGSTOP)
if what in ("raises", "exits") or (what == "lingers" and dist.get_rank() == 0):
    dist.all_reduce(x)
if what == "waits":
    time.sleep(float(sys.argv[2]))
    dist.all_reduce(x)
    os._exit(9)  # nobody comes here
if what == "leaves its group":
    dist.destroy_process_group()
