"""``torch.distributed._tensor``: names alone."""

from __future__ import annotations

from ...hollows import fill

fill(vars(), classes="DTensor Shard Replicate", functions="distribute_tensor")
