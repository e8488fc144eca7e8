"""Means over small groups often, and over larger ones seldom."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ....core.frames import warn
from ...rendezvous import get_world_size
from ...subgroups import new_subgroups
from .averagers import EACH, ModelAverager
from .utils import average_parameters_or_parameter_groups

__all__ = ["HierarchicalModelAverager"]


class HierarchicalModelAverager(ModelAverager):
    """Takes means by ``period_group_size_dict``, from periods to sizes of groups, both from small to large: of the
    largest period that divides the step, from step ``warmup_steps`` on. The last size is that of ``process_group``.

    Raises ValueError for no periods, for one below 1, and for other sizes.

    >>> from wengert import distributed as dist
    >>> from wengert.distributed.algorithms.model_averaging import hierarchical_model_averager as averagers
    >>> dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    >>> averager = averagers.HierarchicalModelAverager({4: 1}, warmup_steps=100)
    >>> averager.average_parameters(nn.Linear(2, 1).parameters())
    >>> dist.destroy_process_group()
    """

    def __init__(self, period_group_size_dict: Mapping[int, int] | None = None, warmup_steps: int = 0,
                 process_group: Any = None) -> None:
        super().__init__(process_group)
        sizes = dict(period_group_size_dict or {})
        if not sizes:
            raise ValueError("Arg ``period_group_size_dict`` must not be empty.")
        if next(iter(sizes)) <= 0:
            raise ValueError("The minimum period in arg ``period_group_size_dict`` must be a positive value.")
        if next(reversed(sizes)) == 1:
            warn(EACH.format("the maximum period in arg ``period_group_size_dict``"))
        whole, largest = get_world_size(self.process_group), next(reversed(sizes.values()))
        if largest != whole:
            raise ValueError(f"The last value in arg ``period_group_size_dict`` {largest} must be equal to the size of "
                             f"arg ``process_group`` {whole}.")
        if warmup_steps < 0:
            raise ValueError("Arg ``warmup_steps`` must be a non-negative number.")
        self.warmup_steps = warmup_steps
        self.period_process_group_dict = {
            period: self.process_group if size == whole else new_subgroups(size, group=self.process_group)[0]
            for period, size in sizes.items()}

    def _find_process_group(self) -> Any:
        """The group of the largest period that divides the step; None if none does."""
        groups = reversed(self.period_process_group_dict.items())
        return next((group for period, group in groups if self.step % period == 0), None)

    def average_parameters(self, params: Iterable[Any]) -> None:
        """Takes the mean of parameters, or of those of an optimiser's groups, if it is time; called after each step."""
        group = self._find_process_group() if self.step >= self.warmup_steps else None
        if group is not None:
            average_parameters_or_parameter_groups(params, group)
        self.step += 1
