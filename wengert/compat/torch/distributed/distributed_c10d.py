"""``torch.distributed.distributed_c10d``: what `torch.distributed` has, and names of its inside."""

from __future__ import annotations

from ....distributed import *  # noqa: F403
from ....distributed.collectives import group_of
from ....distributed.groups import default_group as _get_default_group


def _rank_not_in_group(group: object) -> bool:
    """Whether this process is outside of the group."""
    return group is not None and group_of(group) is None


__all__ = ["_get_default_group", "_rank_not_in_group"]
