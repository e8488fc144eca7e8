"""`PostLocalSGDOptimizer`: an optimiser's own steps, with means of the ranks' parameters in between."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..core.frames import warn
from ..optim.optimizer import Optimizer
from .algorithms.model_averaging.averagers import ModelAverager

__all__ = ["PostLocalSGDOptimizer"]


class PostLocalSGDOptimizer(Optimizer):
    """Does what ``optim`` does, and after each step asks ``averager`` for the mean of the parameters.

    >>> from wengert import distributed as dist
    >>> from wengert.distributed.algorithms.model_averaging.averagers import PeriodicModelAverager
    >>> from wengert.distributed.local_sgd import PostLocalSGDOptimizer
    >>> dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    >>> model = nn.Linear(2, 1)
    >>> optimizer = PostLocalSGDOptimizer(torch.optim.SGD(model.parameters(), lr=0.1), PeriodicModelAverager(period=4))
    >>> model(torch.ones(1, 2)).sum().backward()
    >>> optimizer.step()
    >>> dist.destroy_process_group()
    """

    def __init__(self, optim: Optimizer, averager: ModelAverager) -> None:
        self.optim, self.averager = optim, averager
        self.param_groups = optim.param_groups

    @property
    def state(self) -> Any:  # type: ignore[override]
        """The optimiser's."""
        return self.optim.state

    def __repr__(self) -> str:
        return repr(self.optim)

    def state_dict(self) -> dict[str, Any]:
        """The optimiser's, and under ``"step"`` how often the averager was asked."""
        return {**self.optim.state_dict(), "step": self.averager.step}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes such a state; one without ``"step"`` begins at 0, with a warning."""
        self.optim.load_state_dict(state_dict)
        if "step" not in state_dict:
            warn("Loaded state dict does not contain a step counter for an averager. Setting step counter to 0.")
        self.averager.step = state_dict.get("step", 0)
        self.param_groups = self.optim.param_groups

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Moves the parameters, and takes their mean if it is time."""
        loss = self.optim.step() if closure is None else self.optim.step(closure)
        self.averager.average_parameters(self.param_groups)
        return loss

    def zero_grad(self, set_to_none: bool = True) -> None:
        """The optimiser's."""
        self.optim.zero_grad(set_to_none=set_to_none)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """The optimiser's."""
        self.optim.add_param_group(param_group)
