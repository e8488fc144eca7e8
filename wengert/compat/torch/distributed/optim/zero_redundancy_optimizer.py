"""``torch.distributed.optim.zero_redundancy_optimizer``."""

from .....distributed.zero import ZeroRedundancyOptimizer as ZeroRedundancyOptimizer

__all__ = ["ZeroRedundancyOptimizer"]
