"""A program in which rank 1 comes to MPI's beginning two seconds after rank 0, or is killed there: rank 0's other
threads run meanwhile."""

import os
import signal
import sys
import threading
import time
from datetime import timedelta

import torch.distributed as dist

from wengert.distributed import world

ticks, inside = [], []
begins = world._init


def slowly(mpi):
    if os.environ["RANK"] == "1":
        time.sleep(2)
        if sys.argv[1] == "is killed":
            print(time.time(), flush=True)
            os.kill(os.getpid(), signal.SIGKILL)
    before = len(ticks)
    level = begins(mpi)
    inside.append(len(ticks) - before)
    return level


def tick():
    while True:
        ticks.append(time.sleep(0.02))


world._init = slowly
threading.Thread(target=tick, daemon=True).start()
dist.init_process_group("gloo", timeout=timedelta(seconds=20))
print(inside[0])
