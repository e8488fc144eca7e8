"""Groups of some of the ranks: by their numbers, in equal parts, and of a group's own."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from operator import index
from typing import Any

from .collectives import group_of
from .environment import says
from .groups import ProcessGroup, default_group
from .rendezvous import GroupMember, chosen_backend
from .work import seconds


def new_group(ranks: Sequence[int] | None = None, timeout: timedelta | None = None, backend: str | None = None,
              pg_options: Any = None, use_local_synchronization: bool = False, group_desc: str | None = None,
              device_id: Any = None) -> Any:
    """A group of some ranks. All ranks of the world call it, in the same order; those that are not in it get a value of
    which collectives do nothing.

    >>> from wengert import distributed as dist
    >>> dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    >>> dist.new_group([0]).size()
    1
    >>> dist.destroy_process_group()
    """
    world_group = default_group()
    world = world_group.world
    name = chosen_backend(backend if backend is not None else world_group.backend)
    chosen = list(range(world.size)) if ranks is None else sorted(map(index, ranks))
    if len(set(chosen)) != len(chosen):
        raise ValueError(f"ranks list must not contain duplicate entries, got {chosen}")
    for each in chosen:
        if not 0 <= each < world.size:
            raise ValueError(f"Rank {each} is out of range. Valid ranks are 0 to {world.size - 1} (world_size="
                             f"{world.size})")
    limit = seconds(timeout) or world_group.timeout
    world.groups += 1
    number = world.groups
    if not use_local_synchronization:
        world_group.run("new_group", f"of {chosen}", lambda call: None)
    if world.rank not in chosen:
        return GroupMember.NON_GROUP_MEMBER
    of_world = world.communicator.Get_group()
    communicator = world.communicator.Create_group(of_world.Incl(chosen), 0 if use_local_synchronization else number)
    return ProcessGroup._of(world, communicator, chosen, f"group {number}", limit, name, group_desc or "undefined")


def new_subgroups(group_size: int | None = None, group: Any = None, timeout: timedelta | None = None,
                  backend: str | None = None, pg_options: Any = None, group_desc: str | None = None
                  ) -> tuple[Any, list[Any]]:
    """Groups of ``group_size`` ranks that follow each other in ``group``, as many as this machine has if none is said;
    returns this rank's, and all of them. All ranks of the world call it.

    >>> from wengert import distributed as dist
    >>> dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    >>> mine, every = dist.new_subgroups(group_size=1)
    >>> mine.size(), len(every)
    (1, 1)
    >>> dist.destroy_process_group()
    """
    found = group_of(group)
    if found is None:
        raise ValueError("[new_subgroups] a group that this rank is in was expected; it is not in that one")
    size = found.size()
    group_size = int(says("LOCAL_WORLD_SIZE") or 1) if group_size is None else group_size
    if group_size <= 0 or group_size > size:
        raise ValueError(f"The arg 'group_size' ({group_size}) must be greater than 0, and must not exceed the world "
                         f"size ({size})")
    if size % group_size:
        raise ValueError(f"The world size ({size}) must be divisible by group_size={group_size}.")
    ranks = [found.ranks[start : start + group_size] for start in range(0, size, group_size)]
    return new_subgroups_by_enumeration(ranks, timeout, backend, pg_options, group_desc)


def new_subgroups_by_enumeration(ranks_per_subgroup_list: Sequence[Sequence[int]], timeout: timedelta | None = None,
                                 backend: str | None = None, pg_options: Any = None, group_desc: str | None = None
                                 ) -> tuple[Any, list[Any]]:
    """Groups of the given ranks; returns this rank's, and all of them.

    >>> from wengert import distributed as dist
    >>> dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    >>> mine, every = dist.new_subgroups_by_enumeration([[0]])
    >>> mine.size(), len(every)
    (1, 1)
    >>> dist.destroy_process_group()
    """
    if not ranks_per_subgroup_list:
        raise ValueError("The arg 'ranks_per_subgroup_list' cannot be empty")
    given = [rank for ranks in ranks_per_subgroup_list for rank in ranks]
    if len(set(given)) != len(given):
        raise ValueError(f"[new_subgroups_by_enumeration] each rank in one group was expected; got {given}")
    groups = [new_group(ranks, timeout, backend, group_desc=group_desc) for ranks in ranks_per_subgroup_list]
    mine = next((made for made in groups if isinstance(made, ProcessGroup)), None)
    return mine, groups


def split_group(parent_pg: ProcessGroup | None = None, split_ranks: Sequence[Sequence[int]] | None = None,
                timeout: timedelta | None = None, pg_options: Any = None, group_desc: str | None = None,
                backend: str | None = None) -> ProcessGroup | None:
    """Cuts a group into several, by numbers in it that do not overlap; returns this rank's part, None where it is in
    none. All ranks of ``parent_pg``, and no others, call it with the same numbers.

    (PyTorch does this for NCCL alone.)

    >>> from wengert import distributed as dist
    >>> dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    >>> dist.split_group(split_ranks=[[0]]).size()
    1
    >>> dist.destroy_process_group()
    """
    if not split_ranks:
        raise ValueError("split_ranks cannot be None or empty")
    parent = group_of(parent_pg)
    if parent is None:
        raise ValueError("[split_group] a group that this rank is in was expected; it is not in that one")
    given = [int(each) for part in split_ranks for each in part]
    if len(set(given)) != len(given) or not all(0 <= each < parent.size() for each in given):
        raise ValueError(f"[split_group] different numbers from 0 to {parent.size() - 1} were expected; got "
                         f"{[list(part) for part in split_ranks]}")
    mine = next((index for index, part in enumerate(split_ranks) if parent.rank() in part), None)
    world = parent.world
    key = 0 if mine is None else list(split_ranks[mine]).index(parent.rank())
    color = world.mpi.UNDEFINED if mine is None else mine
    communicator = parent.run("split_group", f"into {[list(part) for part in split_ranks]}",
                              lambda call: parent.communicator.Split(color, key))
    if mine is None:
        return None
    parent.splits += 1
    ranks = [parent.ranks[each] for each in split_ranks[mine]]
    limit = seconds(timeout) or parent.timeout
    return ProcessGroup._of(world, communicator, ranks, f"{parent.name}, split {parent.splits}.{mine}", limit,
                            chosen_backend(backend or parent.backend), group_desc or f"{parent.group_desc}:split")
