"""``torch.distributed.optim``: names alone."""

from __future__ import annotations

from ..hollows import fill

fill(vars(), classes="ZeroRedundancyOptimizer DistributedOptimizer PostLocalSGDOptimizer", functions="")
