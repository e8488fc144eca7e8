"""Says that it is there, and reduces again and again; what goes wrong is printed with how long it took to be noticed."""

import sys
import time
from datetime import timedelta

import wengert as torch
import wengert.distributed as dist

dist.init_process_group(timeout=timedelta(seconds=3))
x = torch.ones(3)
dist.all_reduce(x)
print("there", flush=True)
pause = float(sys.argv[1]) if len(sys.argv) > 1 else 0.05
while True:
    time.sleep(pause)
    dist.all_reduce(x)
