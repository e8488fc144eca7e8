"""A program in which rank 1 comes some seconds after rank 0, and nothing is said for longer than the timeout after."""

import os
import sys
import time
from datetime import timedelta

import torch
import torch.distributed as dist

if os.environ["RANK"] == "1":
    time.sleep(float(sys.argv[1]))
dist.init_process_group("gloo", timeout=timedelta(seconds=5))
x = torch.ones(3)
dist.all_reduce(x)
time.sleep(8)
dist.all_reduce(x)
print(x.sum().item())
