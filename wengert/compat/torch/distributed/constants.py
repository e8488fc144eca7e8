"""``torch.distributed.constants``: how long the calls of a group wait."""

from __future__ import annotations

from ....distributed.rendezvous import PATIENCE as default_pg_timeout

default_pg_nccl_timeout = None
"""NCCL is not here, as in a PyTorch that was built without it."""

__all__ = ["default_pg_nccl_timeout", "default_pg_timeout"]
