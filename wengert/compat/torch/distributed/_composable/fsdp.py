"""``torch.distributed._composable.fsdp``: names alone."""

from importlib import import_module

_home = import_module("torch.distributed.fsdp")  # under this name, so that it becomes an attribute of its package
FSDPModule, fully_shard = _home.FSDPModule, _home.fully_shard
