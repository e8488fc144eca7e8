"""``torch.utils.data._utils``."""

from ......_public import publish as _publish

MP_STATUS_CHECK_INTERVAL = 5.0
"""How many seconds PyTorch waits before it looks whether its workers live."""
python_exit_status = False

_publish(__name__, "collate pin_memory worker")
