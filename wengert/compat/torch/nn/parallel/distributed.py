"""``torch.nn.parallel.distributed``."""

from ....._public import publish as _publish
from .....distributed.parallel import DistributedDataParallel as DistributedDataParallel

__all__ = ["DistributedDataParallel"]

_publish(__name__)
