"""``torch.distributed.fsdp``: names alone."""

from __future__ import annotations

from ..hollows import fill

fill(
    vars(),
    classes="""BackwardPrefetch CPUOffload CPUOffloadPolicy FSDPModule FullOptimStateDictConfig FullStateDictConfig
               FullyShardedDataParallel MixedPrecision MixedPrecisionPolicy OffloadPolicy
               ShardedOptimStateDictConfig ShardedStateDictConfig ShardingStrategy StateDictType""",
    functions="fully_shard register_fsdp_forward_method",
)
