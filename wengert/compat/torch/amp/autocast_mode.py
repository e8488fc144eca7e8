"""``torch.amp.autocast_mode``: `autocast`, and the decorators of a Function's forward and backward."""

from ....amp import autocast as autocast
from ....amp import custom_bwd as custom_bwd
from ....amp import custom_fwd as custom_fwd
from ....amp import is_autocast_available as is_autocast_available
from ....amp.switches import _cast as _cast

__all__ = ["autocast", "custom_bwd", "custom_fwd", "is_autocast_available"]
