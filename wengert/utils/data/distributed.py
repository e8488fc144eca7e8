"""`DistributedSampler`: the part of a dataset that one of several training processes visits."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sized

from ...core.errors import in_words
from ...core.frames import warn
from ...core.geometry import check_room
from ...ops import randperm
from ...tensors.generator import Generator
from .sampler import Sampler

default_group: Callable[[], tuple[int, int]] | None = None
"""Rank and size of the default process group, which `distributed.init_process_group` puts here."""


@in_words
class DistributedSampler(Sampler[int]):
    """Every ``num_replicas``-th index of the dataset, from ``rank`` on: the replicas together visit it once.

    All replicas visit equally many: with ``drop_last`` what is left over is not visited, else the first indices are
    visited again. With ``shuffle`` the order is drawn from ``seed`` plus the epoch of `set_epoch`, in every replica the
    same; whoever iterates a second time without `set_epoch` gets the same order again, and a warning. ``num_replicas``
    and ``rank`` are those of the default process group if they are not given. Raises ValueError for a rank that is
    none; RuntimeError where there is no group to ask.

    >>> list(torch.utils.data.DistributedSampler(range(5), num_replicas=2, rank=1, shuffle=False))
    [1, 3, 0]
    """

    def __init__(self, dataset: Sized, num_replicas: int | None = None, rank: int | None = None, shuffle: bool = True,
                 seed: int = 0, drop_last: bool = False) -> None:
        if num_replicas is None or rank is None:
            if default_group is None:
                raise ValueError("[DistributedSampler] a process group was expected, as not both are given; there is "
                                   "none; give num_replicas and rank, or call init_process_group first")
            own_rank, size = default_group()
            rank = own_rank if rank is None else rank
            num_replicas = size if num_replicas is None else num_replicas
        if not 0 <= rank < num_replicas:
            raise ValueError(f"Invalid rank {rank}, rank should be in the interval [0, {num_replicas - 1}]")
        self.dataset = dataset
        self.num_replicas = num_replicas
        self.rank = rank
        self.epoch = 0
        self._iterated = self._told = False
        self.drop_last = drop_last
        count = len(dataset)
        self.num_samples = count // num_replicas if drop_last else math.ceil(count / num_replicas)
        self.total_size = self.num_samples * num_replicas
        self.shuffle = shuffle
        self.seed = seed

    def __iter__(self) -> Iterator[int]:
        count = len(self.dataset)
        if self.shuffle and self._iterated and not self._told:
            self._told = True
            warn(f"[DistributedSampler] set_epoch was expected between two epochs; without it this one has the order "
                 "of "
                 f"epoch {self.epoch} again; call sampler.set_epoch(epoch) before each")
        self._iterated = True
        if self.shuffle:
            order = randperm(count, generator=Generator().manual_seed(self.seed + self.epoch)).tolist()
        else:
            order = list(range(count))
        if order and self.total_size > count:
            check_room("DistributedSampler", (self.total_size,), 8)
            order *= math.ceil(self.total_size / count)
        return iter(order[: self.total_size][self.rank :: self.num_replicas])

    def __len__(self) -> int:
        return self.num_samples

    def set_epoch(self, epoch: int) -> None:
        """Says which epoch the next iteration is of, for another order in every epoch."""
        self.epoch = epoch
        self._told = True
