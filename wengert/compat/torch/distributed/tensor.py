"""``torch.distributed.tensor``: names alone."""

from __future__ import annotations

from ..hollows import fill

fill(vars(), classes="DTensor DeviceMesh Shard Replicate Partial", functions="distribute_tensor distribute_module")
