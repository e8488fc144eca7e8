"""What says when the mean of the ranks' parameters is taken: every so many steps."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any

from ....core.frames import warn
from ...groups import default_group
from .utils import average_parameters_or_parameter_groups

__all__ = ["ModelAverager", "PeriodicModelAverager"]

EACH = ("When {} is 1, no need to use model averaging: gradients that DistributedDataParallel reduces in backward are "
        "as many, and give the same.")


class ModelAverager(ABC):
    """Takes means of parameters over ``process_group``, all ranks if None; ``step`` counts how often it was asked.

    >>> from wengert.distributed.algorithms.model_averaging.averagers import ModelAverager, PeriodicModelAverager
    >>> issubclass(PeriodicModelAverager, ModelAverager)
    True
    """

    def __init__(self, process_group: Any = None) -> None:
        self.process_group = default_group() if process_group is None else process_group
        self.step = 0

    @abstractmethod
    def average_parameters(self, params: Iterable[Any]) -> None:
        """Takes the mean of parameters, or of those of an optimiser's groups, if it is time; called after each step."""


class PeriodicModelAverager(ModelAverager):
    """Takes the mean at every ``period``-th step, from step ``warmup_steps`` on.

    Raises ValueError for a period below 1 and for a negative number of steps.

    >>> from wengert import distributed as dist
    >>> from wengert.distributed.algorithms.model_averaging.averagers import PeriodicModelAverager
    >>> dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    >>> averager = PeriodicModelAverager(period=4, warmup_steps=100)
    >>> averager.average_parameters(nn.Linear(2, 1).parameters())
    >>> averager.step
    1
    >>> dist.destroy_process_group()
    """

    def __init__(self, period: int, warmup_steps: int = 0, process_group: Any = None) -> None:
        super().__init__(process_group)
        if warmup_steps < 0:
            raise ValueError("Arg ``warmup_steps`` must be a non-negative number.")
        if period < 1:
            raise ValueError("Arg ``period`` must be a positive value.")
        if period == 1:
            warn(EACH.format("period"))
        self.warmup_steps, self.period = warmup_steps, period

    def average_parameters(self, params: Iterable[Any]) -> None:
        """Takes the mean of parameters, or of those of an optimiser's groups, if it is time; called after each step."""
        if self.step >= self.warmup_steps and (self.step - self.warmup_steps) % self.period == 0:
            average_parameters_or_parameter_groups(params, self.process_group)
        self.step += 1
