"""`GradScaler`: scales a loss so that small gradients of low precision do not vanish, and the gradients back."""

from __future__ import annotations

import enum
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from ..autograd.modes import no_grad
from ..core.device import CPU
from ..core.dtypes import float16, float32, int32
from ..core.frames import warn
from ..ops import tensor, where
from ..optim import Optimizer
from ..tensors.evaluation import only_where
from ..tensors.tensor import Tensor


class OptState(enum.Enum):
    """What has been done with an optimiser since the last `GradScaler.update`."""

    READY = 0
    UNSCALED = 1
    STEPPED = 2


def _refresh_per_optimizer_state() -> dict[str, Any]:
    """What is known of an optimiser before anything was done."""
    return {"stage": OptState.READY, "found_inf_per_device": {}}


def update_scale(scale: Tensor, growth_tracker: Tensor, found_inf: Tensor, growth_factor: float, backoff_factor: float,
                 growth_interval: int) -> Tensor:
    """Lets the factor shrink where ``found_inf`` is not 0, and else grow after ``growth_interval`` good steps, if what
    it would become is finite. Factor and count are written in place."""
    bad, good = found_inf != 0, growth_tracker + 1
    enough = good == growth_interval
    grown = scale * growth_factor
    grown = where(enough & grown.isfinite(), grown, scale)
    scale.copy_(where(bad, scale * backoff_factor, grown))
    growth_tracker.copy_(where(bad | enough, 0, good))
    return scale


def unscale(grads: Iterable[Tensor], found_inf: Tensor, inv_scale: Tensor) -> None:
    """Multiplies gradients in place, and makes ``found_inf`` 1 where an element of them is not finite."""
    for grad in grads:
        found_inf.copy_(where(grad.isfinite().all(), found_inf, 1.0))
        grad.mul_(inv_scale)


class GradScaler:
    """Scales losses by a factor that grows while gradients stay finite and shrinks when they do not.

    ``device`` is "cuda", of which there is none, so that the scaler is disabled as in PyTorch, or "cpu". A disabled
    scaler hands losses through and calls the optimiser. The factor and the count of good steps are tensors, and what
    hangs on their values is chosen by `where`, so that a step with a scaler can be compiled.

    >>> import wengert as torch
    >>> weight = torch.ones(2, requires_grad=True)
    >>> scaler, optimizer = torch.amp.GradScaler("cpu", init_scale=8.0), torch.optim.SGD([weight], lr=0.5)
    >>> scaler.scale((3 * weight).sum()).backward()
    >>> scaler.step(optimizer)
    >>> scaler.update()
    >>> weight.detach(), scaler.get_scale()
    (tensor([-0.5000, -0.5000]), 8.0)
    """

    def __init__(self, device: str = "cuda", init_scale: float = 2.0**16, growth_factor: float = 2.0,
                 backoff_factor: float = 0.5, growth_interval: int = 2000, enabled: bool = True) -> None:
        self._device = device
        if enabled and device != "cpu":
            warn(
                f"torch.{device}.amp.GradScaler is enabled, but {device.upper()} is not available.  Disabling.",
                UserWarning,
            )
            enabled = False
        self._enabled = enabled
        if not enabled:
            return
        if growth_factor <= 1.0:
            raise AssertionError("The growth factor must be > 1.0.")
        if backoff_factor >= 1.0:
            raise AssertionError("The backoff factor must be < 1.0.")
        self._init_scale, self._init_growth_tracker = init_scale, 0
        self._factor, self._good = tensor(init_scale, dtype=float32), tensor(0, dtype=int32)
        self._begun = False
        """Whether it has scaled anything: before, PyTorch's has no factor yet, and says so."""
        self._growth_factor, self._backoff_factor = growth_factor, backoff_factor
        self._growth_interval = growth_interval
        self._per_optimizer_states: dict[int, dict[str, Any]] = defaultdict(_refresh_per_optimizer_state)
        """Of the optimisers met since the last update: what was done, and, as 1.0 on its device, whether a gradient was
        not finite."""

    @property
    def _scale(self) -> Tensor | None:
        return self._factor if self._begun else None

    @property
    def _growth_tracker(self) -> Tensor | None:
        return self._good if self._begun else None

    def _lazy_init_scale_growth_tracker(self, dev: Any = None) -> None:
        self._begun = True

    def _check_scale_growth_tracker(self, funcname: str) -> tuple[Tensor, Tensor]:
        """The factor and the count of good steps. Raises AssertionError where nothing was scaled yet."""
        if not self._begun:
            raise AssertionError(f"Attempted {funcname} but _scale is None.  This may indicate your script did not use "
                                 "scaler.scale(loss or outputs) earlier in the iteration.")
        return self._factor, self._good

    def _get_growth_tracker(self) -> int:
        return int(self._good) if self._enabled and self._begun else self._init_growth_tracker if self._enabled else 0

    def __getstate__(self) -> dict[str, Any]:
        if self._enabled and self._per_optimizer_states:
            raise AssertionError("A GradScaler instance may only be pickled at the beginning of an iteration, or at "
                                 "the end after scaler.update().")
        state = dict(self.__dict__)
        if self._enabled:
            state["_per_optimizer_states"] = None
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        if self._enabled:
            self._per_optimizer_states = defaultdict(_refresh_per_optimizer_state)

    def is_enabled(self) -> bool:
        """Whether it scales anything."""
        return self._enabled

    def get_scale(self) -> float:
        """The present factor; 1 if disabled."""
        return self._factor.item() if self._enabled else 1.0

    def get_growth_factor(self) -> float:
        """By what the factor grows."""
        return self._growth_factor

    def set_growth_factor(self, new_factor: float) -> None:
        """Sets by what the factor grows."""
        self._growth_factor = new_factor

    def get_backoff_factor(self) -> float:
        """By what the factor shrinks."""
        return self._backoff_factor

    def set_backoff_factor(self, new_factor: float) -> None:
        """Sets by what the factor shrinks."""
        self._backoff_factor = new_factor

    def get_growth_interval(self) -> int:
        """After how many good steps the factor grows."""
        return self._growth_interval

    def set_growth_interval(self, new_interval: int) -> None:
        """Sets after how many good steps the factor grows."""
        self._growth_interval = new_interval

    def scale(self, outputs: Any) -> Any:
        """A tensor, or tensors in lists, tuples and other iterables, times the factor. Raises ValueError for others."""
        if not self._enabled:
            return outputs
        if not self._begun:
            self._begun = True
        if isinstance(outputs, Tensor):
            return outputs * self._factor
        if isinstance(outputs, Iterable):
            scaled = map(self.scale, outputs)
            return type(outputs)(scaled) if isinstance(outputs, (list, tuple)) else scaled
        raise ValueError("outputs must be a Tensor or an iterable of Tensors")

    def unscale_(self, optimizer: Optimizer) -> None:
        """Divides the gradients of the optimiser's parameters by the factor, once before each step.

        Raises RuntimeError for a second time, or after the step; ValueError for gradients of float16.
        """
        if not self._enabled:
            return
        self._check_scale_growth_tracker("unscale_")
        did = self._per_optimizer_states[id(optimizer)]["stage"]
        if did is OptState.UNSCALED:
            raise RuntimeError("unscale_() has already been called on this optimizer since the last update().")
        if did is OptState.STEPPED:
            raise RuntimeError("unscale_() is being called after step().")
        inverse = self._factor.double().reciprocal().float()
        self._per_optimizer_states[id(optimizer)] = {
            "stage": OptState.UNSCALED,
            "found_inf_per_device": self._unscale_grads_(optimizer, inverse, tensor(0.0), False)}

    def _unscale_grads_(self, optimizer: Optimizer, inv_scale: Tensor, found_inf: Tensor, allow_fp16: bool
                        ) -> dict[Any, Tensor]:
        """Multiplies the gradients, and says of their device whether one is not finite."""
        bad: Tensor | None = None
        with no_grad():
            for group in optimizer.param_groups:
                for parameter in group["params"]:
                    if parameter.grad is None:
                        continue
                    if parameter.grad.dtype is float16 and not allow_fp16:
                        raise ValueError("Attempting to unscale FP16 gradients.")
                    grad = parameter.grad
                    its = ~(grad.coalesce().values() if grad.is_sparse else grad).isfinite().all()
                    bad = its if bad is None else bad | its
                    parameter.grad.mul_(inv_scale)
            return {} if bad is None else {CPU: where(bad, 1.0, found_inf)}

    def _found_inf_per_device(self, optimizer: Optimizer) -> dict[Any, Tensor]:
        found: dict[Any, Tensor] = self._per_optimizer_states[id(optimizer)]["found_inf_per_device"]
        return found

    def _check_inf_per_device(self, optimizer: Optimizer) -> dict[Any, Tensor]:
        """Looks for gradients that are not finite, which stay as they are."""
        found = self._unscale_grads_(optimizer, tensor(1.0), tensor(0.0), True)
        self._per_optimizer_states[id(optimizer)]["found_inf_per_device"] = found
        return found

    def step(self, optimizer: Optimizer, *args: Any, **kwargs: Any) -> Any:
        """``optimizer.step(...)``, left out if a gradient is infinite or not a number.

        Raises RuntimeError for a closure or a second step before `update`, AssertionError without gradients.
        """
        if not self._enabled:
            return optimizer.step(*args, **kwargs)
        if "closure" in kwargs:
            raise RuntimeError("Closure use is not currently supported if GradScaler is enabled.")
        self._check_scale_growth_tracker("step")
        state = self._per_optimizer_states[id(optimizer)]
        if state["stage"] is OptState.STEPPED:
            raise RuntimeError("step() has already been called since the last update().")
        if state["stage"] is OptState.READY:
            self.unscale_(optimizer)
            state = self._per_optimizer_states[id(optimizer)]
        found = list(state["found_inf_per_device"].values())
        if not found:
            raise AssertionError("No inf checks were recorded for this optimizer.")
        result = only_where(found[0] == 0, lambda: optimizer.step(*args, **kwargs))
        state["stage"] = OptState.STEPPED
        return result

    def update(self, new_scale: float | Tensor | None = None) -> None:
        """Sets the factor for the next iteration, to ``new_scale`` if that is given.

        Raises AssertionError where no optimiser has been unscaled since the last update.
        """
        if not self._enabled:
            return
        scale, good = self._check_scale_growth_tracker("update")
        with no_grad():
            if isinstance(new_scale, Tensor):
                if new_scale.numel() != 1 or new_scale.requires_grad:
                    raise AssertionError("new_scale should be a float or a 1-element torch.cuda.FloatTensor or "
                                         "torch.FloatTensor with requires_grad=False.")
                scale.copy_(new_scale.reshape(()))
            elif new_scale is not None:
                scale.fill_(new_scale)
            else:
                found = [bad for state in self._per_optimizer_states.values()
                         for bad in state["found_inf_per_device"].values()]
                if not found:
                    raise AssertionError("No inf checks were recorded prior to update.")
                total = found[0]
                for other in found[1:]:
                    total = total + other
                update_scale(scale, good, total, self._growth_factor, self._backoff_factor, self._growth_interval)
        self._per_optimizer_states.clear()

    def state_dict(self) -> dict[str, Any]:
        """Factor and settings; empty if disabled."""
        if not self._enabled:
            return {}
        return {
            "scale": self.get_scale(),
            "growth_factor": self._growth_factor,
            "backoff_factor": self._backoff_factor,
            "growth_interval": self._growth_interval,
            "_growth_tracker": self._get_growth_tracker(),
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes over what `state_dict` returned. Raises RuntimeError for an empty one."""
        if not self._enabled:
            return
        if not state_dict:
            raise RuntimeError(
                "The source state dict is empty, possibly because it was saved from a disabled instance of GradScaler."
            )
        self._init_scale, self._init_growth_tracker = state_dict["scale"], state_dict["_growth_tracker"]
        self._factor.fill_(state_dict["scale"])
        self._growth_factor = state_dict["growth_factor"]
        self._backoff_factor = state_dict["backoff_factor"]
        self._growth_interval = state_dict["growth_interval"]
        self._good.fill_(state_dict["_growth_tracker"])
