"""``torch.distributed._composable.fsdp``: names alone. Whoever imports it has ``torch.distributed.fsdp``, as in
PyTorch."""

from __future__ import annotations

from ..... import distributed as _distributed
from ....hollow_modules import hollow_module

_fsdp = hollow_module("torch.distributed.fsdp")
vars(_distributed).setdefault("fsdp", _fsdp)
FSDPModule, fully_shard = vars(_fsdp)["FSDPModule"], vars(_fsdp)["fully_shard"]
