"""A program in which rank 1 does what the argument says while the others wait for it."""

import os
import signal
import sys
import time
from datetime import timedelta

import torch
import torch.distributed as dist

dist.init_process_group("gloo", timeout=timedelta(seconds=3))
rank, what = dist.get_rank(), sys.argv[1]
x = torch.ones(3)
dist.all_reduce(x)
if rank == 1:
    print(time.time())  # from here on it is counted how long all take to end
    match what:
        case "raises":
            raise ValueError("bad luck")
        case "exits":
            sys.exit(3)
        case "returns":
            sys.exit(0)
        case "leaves":
            os._exit(0)
        case "is killed":
            os.kill(os.getpid(), signal.SIGKILL)
        case "is stopped":
            os.kill(os.getpid(), signal.SIGSTOP)
        case "calls another":
            dist.broadcast(x, 0)
        case "has another shape":
            x = torch.ones(4)
        case "has another dtype":
            x = torch.ones(3, dtype=torch.int32)
        case "misses a key":
            dist.HashStore().wait(["never"], timedelta(seconds=0.1))
        case "is late":
            time.sleep(15)
        case "sends nothing":
            dist.barrier()
        case "has no such name":
            torch.no_such_name  # noqa: B018
        case "is cut off":  # from the server that watches; MPI would still work
            from wengert.distributed import watch

            watch._watches[0].channel.socket.shutdown(2)
if what == "sends nothing":
    dist.recv(x, 1)
else:
    dist.all_reduce(x)
time.sleep(15)
