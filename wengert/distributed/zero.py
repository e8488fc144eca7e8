"""`ZeroRedundancyOptimizer`: each rank keeps the optimiser's state of a part of the parameters (Rajbhandari et al.,
2020, stage 1)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from ..optim.optimizer import Optimizer
from .algorithms.join import Join, Joinable, JoinHook
from .collectives import group_of
from .objects import gather_object
from .parallel import send_from

__all__ = ["ZeroRedundancyOptimizer"]


class _Steps(JoinHook):
    """An optimiser on a rank that is through: it still moves this rank's parameters, of which others have none."""

    def __init__(self, optimizer: ZeroRedundancyOptimizer) -> None:
        self._optimizer = optimizer

    def main_hook(self) -> None:
        self._optimizer.step()


class ZeroRedundancyOptimizer(Optimizer, Joinable):
    """An optimiser of ``optimizer_class(params, **defaults)`` whose state is spread over the ranks.

    Parameters are dealt out by size, the largest first, to the rank that has least. `step` moves a rank's own, and then
    all get all. All ranks call everything here in the same order. ``parameters_as_bucket_view`` changes nothing;
    ``overlap_with_ddp`` raises NotImplementedError.

    >>> from wengert import distributed as dist
    >>> dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    >>> from wengert.distributed.zero import ZeroRedundancyOptimizer
    >>> model = nn.Linear(2, 1)
    >>> optimizer = ZeroRedundancyOptimizer(model.parameters(), torch.optim.SGD, lr=0.1)
    >>> model(torch.ones(1, 2)).sum().backward()
    >>> optimizer.step()
    >>> dist.destroy_process_group()
    """

    def __init__(self, params: Iterable[Any], optimizer_class: type[Optimizer], process_group: Any = None,
                 parameters_as_bucket_view: bool = False, overlap_with_ddp: bool = False, **defaults: Any) -> None:
        if overlap_with_ddp:
            raise NotImplementedError("[ZeroRedundancyOptimizer] overlap_with_ddp=False was expected; a step within "
                                      "backward is not in wengert")
        found = group_of(process_group)
        if found is None:
            raise ValueError("[ZeroRedundancyOptimizer] a group that this rank is in was expected")
        self.process_group = found
        self._optimizer_class, self._settings = optimizer_class, defaults
        self._dealt = self._moved = False
        self._all_states: list[dict[str, Any]] = []
        given = list(params)
        super().__init__(given, dict(defaults))
        self._deal()
        self._dealt = True

    def _deal(self) -> None:
        """Decides whose each parameter is, and makes this rank's optimiser."""
        size = self.process_group.size()
        loads = [0] * size
        self.owner: dict[int, int] = {}
        for group in self.param_groups:
            for parameter in sorted(group["params"], key=lambda p: -p.numel()):
                rank = loads.index(min(loads))
                self.owner[id(parameter)] = rank
                loads[rank] += parameter.numel()
        here = self.process_group.rank()
        parts = [{**{k: v for k, v in group.items() if k != "params"},
                  "params": [p for p in group["params"] if self.owner[id(p)] == here]} for group in self.param_groups]
        self._parts = [index for index, part in enumerate(parts) if part["params"]]
        mine = [parts[index] for index in self._parts]
        self.optim = self._optimizer_class(mine, **self._settings) if mine else None
        if self.optim is not None:
            for index, group in zip(self._parts, self.optim.param_groups, strict=True):
                for name, value in group.items():
                    self.param_groups[index].setdefault(name, value)

    optim: Any = None

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Adds parameters, and deals all out anew; their state must not have begun."""
        super().add_param_group(param_group)
        if self._dealt:
            if self._moved:
                raise RuntimeError("[ZeroRedundancyOptimizer.add_param_group] parameters were expected before the "
                                   "first "
                                   "step; got some after it; make a new optimizer")
            self._deal()

    def step(self, closure: Callable[[], Any] | None = None, **others: Any) -> Any:
        """Moves this rank's parameters and gives them to the others."""
        Join.notify_join_context(self)
        loss, self._moved = None, True
        if self.optim is not None:
            for index, group in zip(self._parts, self.optim.param_groups, strict=True):
                set_here = self.param_groups[index]  # by a scheduler, perhaps
                group.update({k: v for k, v in set_here.items() if k != "params"})
            loss = self.optim.step(closure, **others) if closure is not None else self.optim.step(**others)
        elif closure is not None:
            loss = closure()
        parameters = [p for group in self.param_groups for p in group["params"]]
        for rank in range(self.process_group.size()):
            send_from(self.process_group, [p for p in parameters if self.owner[id(p)] == rank], rank, "parameters")
        return loss

    def join_hook(self, **kwargs: Any) -> JoinHook:
        """What it does in `Join` on a rank that is through."""
        return _Steps(self)

    @property
    def join_device(self) -> Any:
        """The device of the parameters."""
        return self.param_groups[0]["params"][0].device

    @property
    def join_process_group(self) -> Any:
        """The ranks that share the state."""
        return self.process_group

    def consolidate_state_dict(self, to: int = 0) -> None:
        """Collects all states on rank ``to``, for `state_dict` there."""
        group = self.process_group
        mine = {} if self.optim is None else self._local_state()
        found: list[Any] | None = [None] * group.size() if group.rank() == to else None
        gather_object(mine, found, group=group, group_dst=to)
        self._all_states = found or []

    def _numbered(self) -> dict[int, int]:
        parameters = [p for group in self.param_groups for p in group["params"]]
        return {id(p): number for number, p in enumerate(parameters)}

    def _local_state(self) -> dict[str, Any]:
        numbers = self._numbered()
        return {str(numbers[id(p)]): state for p, state in self.optim.state.items()}

    def state_dict(self) -> dict[str, Any]:
        """As the whole optimiser's would be. Raises RuntimeError unless `consolidate_state_dict` was called for this
        rank."""
        if not self._all_states:
            raise RuntimeError("Optimizer state has not been consolidated on this rank. Please call "
                               f"`consolidate_state_dict(to={self.process_group.rank()})` on all ranks beforehand if "
                               "you "
                               "meant to save the global state.")
        numbers = self._numbered()
        groups = [{**{k: v for k, v in group.items() if k != "params"},
                   "params": [numbers[id(p)] for p in group["params"]]} for group in self.param_groups]
        together = {int(number): state for states in self._all_states for number, state in states.items()}
        return {"state": dict(sorted(together.items())), "param_groups": groups}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes a whole optimiser's state; this rank keeps its part."""
        if len(state_dict["param_groups"]) != len(self.param_groups):
            raise ValueError("loaded state dict has a different number of parameter groups")
        for group, saved in zip(self.param_groups, state_dict["param_groups"], strict=True):
            group.update({k: v for k, v in saved.items() if k != "params"})
        if self.optim is None:
            return
        numbers = self._numbered()
        own = self.optim.state_dict()
        mine = [p for group in self.optim.param_groups for p in group["params"]]
        own["state"] = {index: state_dict["state"][numbers[id(p)]] for index, p in enumerate(mine)
                        if numbers[id(p)] in state_dict["state"]}
        self.optim.load_state_dict(own)
