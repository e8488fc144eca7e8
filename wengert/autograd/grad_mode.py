"""The switches of recording, by the name that PyTorch's module for them has."""

from __future__ import annotations

from .modes import (
    enable_grad as enable_grad,
)
from .modes import (
    inference_mode as inference_mode,
)
from .modes import (
    no_grad as no_grad,
)
from .modes import (
    set_grad_enabled as set_grad_enabled,
)

__all__ = ["enable_grad", "inference_mode", "no_grad", "set_grad_enabled"]
