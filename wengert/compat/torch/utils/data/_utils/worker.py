"""``torch.utils.data._utils.worker``."""

from ......_public import publish as _publish
from ......utils.data.worker import WorkerInfo as WorkerInfo
from ......utils.data.worker import _generate_state as _generate_state
from ......utils.data.worker import get_worker_info as get_worker_info

_worker_info = None
"""What packages clear behind a worker of their own, which was none."""

__all__ = ["WorkerInfo", "get_worker_info"]
_publish(__name__)
