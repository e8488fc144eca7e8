"""``torch.distributed._tensor.experimental``: names alone."""

from __future__ import annotations

from ...hollows import fill

fill(vars(), functions="implicit_replication context_parallel local_map")
