"""``torch.amp.grad_scaler``: the scaler, and what it has done with an optimiser."""

from __future__ import annotations

from ....amp.scaler import GradScaler as GradScaler
from ....amp.scaler import OptState as OptState
from ....amp.scaler import _refresh_per_optimizer_state as _refresh_per_optimizer_state

__all__ = ["GradScaler", "OptState"]
