"""``torch.distributed.optim``: `ZeroRedundancyOptimizer`; of the others names alone."""

from __future__ import annotations

from ....distributed.zero import ZeroRedundancyOptimizer as ZeroRedundancyOptimizer
from ...hollows import fill

fill(vars(), classes="DistributedOptimizer PostLocalSGDOptimizer", functions="")
