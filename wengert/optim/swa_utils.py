"""Averages of a model over its training: of its last part (Izmailov et al., *Averaging Weights Leads to Wider Optima
and Better Generalization*, 2018), or with weights that decay (EMA)."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Sequence
from copy import deepcopy
from typing import Any

from ..autograd.modes import no_grad
from ..core.dtypes import int64
from ..core.errors import KindError, in_words
from ..nn.layers.normalization import BatchNormBase
from ..nn.module import Module
from ..ops import tensor
from ..tensors.evaluation import only_where
from ..tensors.tensor import Tensor
from .lr_scheduler.scheduler import LRScheduler, Rates, for_each_group
from .optimizer import Optimizer

__all__ = [
    "AveragedModel", "SWALR", "get_ema_avg_fn", "get_ema_multi_avg_fn", "get_swa_avg_fn", "get_swa_multi_avg_fn",
    "update_bn",
]

One = Callable[[Tensor, Tensor, Any], Tensor]
Many = Callable[[Sequence[Tensor], Sequence[Tensor], Any], None]


def _check_decay(decay: float) -> None:
    if not 0.0 <= decay <= 1.0:
        raise ValueError(f"Invalid decay value {decay} provided. Please provide a value in [0,1] range.")


@in_words
def get_ema_avg_fn(decay: float = 0.999) -> One:
    """The function to ``decay`` · average + (1 − ``decay``) · present, for one tensor. Raises ValueError for a decay
    outside [0, 1].

    >>> average = torch.optim.swa_utils.get_ema_avg_fn(0.9)
    >>> average(torch.tensor(1.0), torch.tensor(2.0), 1)
    tensor(1.1000)
    """
    _check_decay(decay)

    def average(ema_param: Tensor, current_param: Tensor, num_averaged: Any) -> Tensor:
        with no_grad():
            return decay * ema_param + (1 - decay) * current_param

    return average


@in_words
def get_swa_avg_fn() -> One:
    """The function to the mean of all so far, for one tensor.

    >>> average = torch.optim.swa_utils.get_swa_avg_fn()
    >>> average(torch.tensor(1.0), torch.tensor(4.0), 2)
    tensor(2.)
    """

    def average(averaged_param: Tensor, current_param: Tensor, num_averaged: Any) -> Tensor:
        with no_grad():
            return averaged_param + (current_param - averaged_param) / (num_averaged + 1)

    return average


def _for_all(one: One) -> Many:
    """The function that writes what ``one`` gives into each tensor of a list."""

    def average(averaged: Sequence[Tensor], current: Sequence[Tensor], num_averaged: Any) -> None:
        with no_grad():
            for mean, now in zip(averaged, current, strict=True):
                mean.copy_(one(mean, now, num_averaged))

    return average


@in_words
def get_ema_multi_avg_fn(decay: float = 0.999) -> Many:
    """`get_ema_avg_fn` for lists of tensors, in place.

    >>> averages = [torch.tensor([1.0])]
    >>> torch.optim.swa_utils.get_ema_multi_avg_fn(0.9)(averages, [torch.tensor([2.0])], 1)
    >>> averages
    [tensor([1.1000])]
    """
    return _for_all(get_ema_avg_fn(decay))


@in_words
def get_swa_multi_avg_fn() -> Many:
    """`get_swa_avg_fn` for lists of tensors, in place.

    >>> averages = [torch.tensor([1.0])]
    >>> torch.optim.swa_utils.get_swa_multi_avg_fn()(averages, [torch.tensor([4.0])], torch.tensor(2))
    >>> averages
    [tensor([2.])]
    """
    return _for_all(get_swa_avg_fn())


def _copied(mine: Sequence[Tensor], theirs: Sequence[Tensor]) -> None:
    for average, now in zip(mine, theirs, strict=True):
        average.copy_(now)


@in_words
class AveragedModel(Module):
    """A copy of ``model`` that holds the average of its parameters over the calls of `update_parameters`.

    ``avg_fn(average, present, count)`` returns the next average of a tensor; ``multi_avg_fn`` writes those of lists of
    tensors; without either it is the mean. Buffers are copied, or with ``use_buffers`` averaged too. Raises
    AssertionError for both functions.

    >>> import wengert as torch
    >>> model = torch.nn.Linear(1, 1)
    >>> mean = torch.optim.swa_utils.AveragedModel(model)
    >>> mean.update_parameters(model)
    >>> mean.n_averaged
    tensor(1)
    """

    n_averaged: Tensor

    def __init__(self, model: Module, device: Any = None, avg_fn: One | None = None, multi_avg_fn: Many | None = None,
                 use_buffers: bool = False) -> None:
        super().__init__()
        if avg_fn is not None and multi_avg_fn is not None:
            raise AssertionError("Only one of avg_fn and multi_avg_fn should be provided")
        if not hasattr(model, "parameters"):
            raise KindError(f"[AveragedModel] a module was expected; got {type(model).__name__}")
        self.module = deepcopy(model)
        if device is not None:
            self.module = self.module.to(device)
        self.register_buffer("n_averaged", tensor(0, dtype=int64, device=device))
        self.avg_fn = avg_fn
        self.multi_avg_fn = multi_avg_fn
        self.use_buffers = use_buffers

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self.module(*args, **kwargs)

    @in_words
    def update_parameters(self, model: Module) -> None:
        """Takes the parameters of ``model`` into the average; the first call copies them."""
        mine, theirs = self._state(self.module), self._state(model)
        with no_grad():
            only_where(self.n_averaged != 0, lambda: self._average(mine, theirs))
            only_where(self.n_averaged == 0, lambda: _copied(mine, theirs))
            if not self.use_buffers:
                for kept, now in zip(self.module.buffers(), model.buffers(), strict=True):
                    kept.copy_(now)
            self.n_averaged.add_(1)

    def _state(self, model: Module) -> list[Tensor]:
        every: Iterable[Tensor] = model.parameters()
        if self.use_buffers:
            every = itertools.chain(model.parameters(), model.buffers())
        return [each.detach() for each in every]

    def _average(self, mine: list[Tensor], theirs: list[Tensor]) -> None:
        if self.avg_fn is not None:
            _for_all(self.avg_fn)(mine, theirs, self.n_averaged)
            return
        average = get_swa_multi_avg_fn() if self.multi_avg_fn is None else self.multi_avg_fn
        # One call a dtype, as in PyTorch, whose functions look at the first tensor of a list.
        for dtype in dict.fromkeys(each.dtype for each in mine):
            chosen = [pair for pair in zip(mine, theirs, strict=True) if pair[0].dtype is dtype]
            average([pair[0] for pair in chosen], [pair[1] for pair in chosen], self.n_averaged)


@in_words
def update_bn(loader: Iterable[Any], model: Module, device: Any = None) -> None:
    """Computes the running statistics of batch normalisation anew, as the mean over one pass of ``loader``.

    Of a batch that is a list or tuple the first entry is the input.

    >>> model = nn.BatchNorm1d(2)
    >>> torch.optim.swa_utils.update_bn([torch.tensor([[1.0, 10.0], [3.0, 30.0]])], model)
    >>> model.running_mean
    tensor([ 2., 20.])
    """
    layers = {module: module.momentum for module in model.modules() if isinstance(module, BatchNormBase)}
    if not layers:
        return
    was_training = model.training
    model.train()
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None
    with no_grad():
        for batch in loader:
            input = batch[0] if isinstance(batch, (list, tuple)) else batch
            model(input if device is None else input.to(device))
    for layer, momentum in layers.items():
        layer.momentum = momentum
    model.train(was_training)


@in_words
class SWALR(LRScheduler):
    """A schedule that brings the rate to ``swa_lr``, or those of the groups to those of a list, within
    ``anneal_epochs``, along half a cosine or a line, and leaves it there.

    Raises ValueError for another ``anneal_strategy`` or a negative ``anneal_epochs``.

    >>> optimizer = torch.optim.SGD([torch.ones(1, requires_grad=True)], lr=1.0)
    >>> scheduler = torch.optim.swa_utils.SWALR(optimizer, swa_lr=0.2, anneal_epochs=2, anneal_strategy="linear")
    >>> rates = []
    >>> for _ in range(4):
    ...     rates.append(round(scheduler.get_last_lr()[0], 4))
    ...     optimizer.step()
    ...     scheduler.step()
    >>> rates
    [1.0, 0.6, 0.2, 0.2]
    """

    def __init__(self, optimizer: Optimizer, swa_lr: Any, anneal_epochs: int = 10, anneal_strategy: str = "cos",
                 last_epoch: int = -1) -> None:
        for rate, group in zip(for_each_group("swa_lr", optimizer, swa_lr), optimizer.param_groups, strict=True):
            group["swa_lr"] = rate
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}")
        if not isinstance(anneal_epochs, int) or anneal_epochs < 0:
            raise ValueError(f"anneal_epochs must be equal or greater than 0, got {anneal_epochs}")
        self._anneal_strategy = anneal_strategy
        self.anneal_epochs = anneal_epochs
        super().__init__(optimizer, last_epoch)

    def _share(self, step: float) -> float:
        """How much of the way is behind after ``step`` steps."""
        part = max(0.0, min(1.0, step / max(1, self.anneal_epochs)))
        return part if self._anneal_strategy == "linear" else (1 - math.cos(math.pi * part)) / 2

    def get_lr(self) -> Rates:
        self._warn_outside_step()
        step = self._step_count - 1
        if self.anneal_epochs == 0:
            step = max(1, step)
        before, now = self._share(step - 1), self._share(step)
        rates = []
        for group in self.optimizer.param_groups:
            # The present rate lies on the way from some first rate, which it tells.
            target = group["swa_lr"]
            first = target if before == 1 else (group["lr"] - before * target) / (1 - before)
            rates.append(target * now + first * (1 - now))
        return rates
