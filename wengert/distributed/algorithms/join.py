"""Uneven inputs: `Join` keeps ranks that are through in step with those that are not.

The one idea to know: each time round, every rank adds one to a sum over all ranks while it has inputs, and none when it
has not. A rank that is through adds none until the sum is none, and in between does what the others' collectives need.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from types import TracebackType
from typing import Any

from ...core.frames import warn
from ...ops.creation import tensor
from ..collectives import all_reduce
from ..work import Work

__all__ = ["Join", "JoinHook", "Joinable"]

MANY = 1000
"""After so many rounds without inputs a rank says that it goes on without."""


class JoinHook:
    """What a rank without inputs does for one `Joinable`: `main_hook` each time round, and `post_hook` at the end.

    >>> from wengert.distributed.algorithms.join import JoinHook
    >>> JoinHook().main_hook()
    """

    def main_hook(self) -> None:
        """Calls the collectives that the others call in one pass."""

    def post_hook(self, is_last_joiner: bool) -> None:
        """Called once all are through; ``is_last_joiner`` on the ranks that had the most inputs."""


class Joinable(ABC):
    """What takes part in `Join`: something whose passes call collectives, and which calls `Join.notify_join_context`
    before the first of them.

    >>> from wengert.distributed.algorithms.join import Joinable
    >>> issubclass(nn.parallel.DistributedDataParallel, Joinable)
    True
    """

    _joined_in: Join | None = None
    """The context in force that it is in."""

    @abstractmethod
    def join_hook(self, **kwargs: Any) -> JoinHook:
        """What to do for it on ranks without inputs; ``kwargs`` are those of `Join`, for all of its joinables."""

    @property
    @abstractmethod
    def join_device(self) -> Any:
        """The device of its collectives."""

    @property
    @abstractmethod
    def join_process_group(self) -> Any:
        """The group of its collectives."""


class Join:
    """A context around a loop that is not equally long on all ranks.

    ``joinables`` call their collectives in this order in each pass. Without ``enable`` nothing is done. With
    ``throw_on_early_termination`` all ranks raise RuntimeError when the first is through. Raises ValueError for no
    joinables, and for ones of several groups.

    >>> from wengert import distributed as dist
    >>> from wengert.distributed.algorithms.join import Join
    >>> dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    >>> model = nn.parallel.DistributedDataParallel(nn.Linear(2, 1))
    >>> with Join([model]):
    ...     for batch in torch.ones(3, 4, 2):
    ...         model(batch).sum().backward()
    >>> dist.destroy_process_group()
    """

    def __init__(self, joinables: Sequence[Joinable], enable: bool = True, throw_on_early_termination: bool = False,
                 **kwargs: Any) -> None:
        if not joinables:
            raise ValueError("The join context manager requires at least one joinable")
        groups = [joinable.join_process_group for joinable in joinables]
        if any(group is not groups[0] for group in groups):
            raise ValueError("Using join context manager with multiple process groups")
        self._group, self._device = groups[0], joinables[0].join_device
        self._enable, self._throws = enable, throw_on_early_termination
        self._joinables = list(joinables)
        self._hooks = [joinable.join_hook(**kwargs) for joinable in joinables]

    def __enter__(self) -> None:
        for joinable in self._joinables:
            joinable._joined_in = self if self._enable else None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
                 ) -> None:
        try:
            if self._enable and kind is None:
                self._follow()
        finally:
            for joinable in self._joinables:
                joinable._joined_in = None

    def _follow(self) -> None:
        """Takes part in the others' collectives until all are through."""
        rounds = 0
        while self._sum(0):
            rounds += 1
            if self._throws:
                self._sum(1)
                raise RuntimeError(f"Rank {self._group.world.rank} exhausted all inputs.")
            if rounds == MANY:
                warn(f"[Join] equally many inputs, nearly, were expected of all ranks; rank {self._group.world.rank} "
                     f"has {MANY} fewer than others, and goes on without")
            for hook in self._hooks:
                hook.main_hook()
        for hook in self._hooks:
            hook.post_hook(rounds == 0)

    def _sum(self, mine: int) -> int:
        count = tensor(mine, device=self._device)
        all_reduce(count, group=self._group)
        return int(count)

    @staticmethod
    def notify_join_context(joinable: Joinable) -> Work | None:
        """Says that this rank has inputs; ``joinable`` calls it in each pass, before its collectives. Returns the work
        of it, None outside of a context and for all but the context's first. Raises RuntimeError where another rank is
        through and all are to end with it."""
        context = joinable._joined_in
        if context is None or context._joinables[0] is not joinable:
            return None
        work = all_reduce(tensor(1, device=context._device), group=context._group, async_op=True)
        if context._throws and context._sum(0):
            raise RuntimeError("Detected at least one rank that exhausted inputs. Throwing across all ranks.")
        return work
