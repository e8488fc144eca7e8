"""``torch.distributed.optim``: optimisers of several processes; of others names alone."""

from __future__ import annotations

from .....distributed.local_sgd import PostLocalSGDOptimizer as PostLocalSGDOptimizer
from .....distributed.zero import ZeroRedundancyOptimizer as ZeroRedundancyOptimizer
from ....hollows import fill

fill(vars(), classes="DistributedOptimizer", functions="")
