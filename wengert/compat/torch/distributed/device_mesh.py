"""``torch.distributed.device_mesh``: names alone."""

from __future__ import annotations

from ..hollows import fill

fill(vars(), classes="DeviceMesh", functions="init_device_mesh")
