"""``torch.distributed.distributed_c10d``: what `torch.distributed` has, and names of its inside."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ....distributed import *  # noqa: F403
from ....distributed.groups import ProcessGroup, groups
from ....distributed.groups import default_group as _get_default_group
from ....distributed.rendezvous import _rank_not_in_group, get_backend


class _Groups(Mapping[ProcessGroup, tuple[str, None]]):
    """The groups that there are, each with the name of its back end and, in the place of a store, None."""

    def __getitem__(self, group: ProcessGroup) -> tuple[str, None]:
        if group not in groups:
            raise KeyError(group)
        return get_backend(group), None

    def __iter__(self) -> Iterator[ProcessGroup]:
        return iter(groups)

    def __len__(self) -> int:
        return len(groups)


_pg_map = _Groups()

__all__ = ["_get_default_group", "_pg_map", "_rank_not_in_group"]
