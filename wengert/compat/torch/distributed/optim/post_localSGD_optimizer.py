"""``torch.distributed.optim.post_localSGD_optimizer``."""

from .....distributed.local_sgd import PostLocalSGDOptimizer as PostLocalSGDOptimizer

__all__ = ["PostLocalSGDOptimizer"]
