"""`GradScaler`: scales a loss so that small gradients of low precision do not vanish, and the gradients back."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from typing import Any

from ..autograd.modes import no_grad
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
        self._scale, self._growth_tracker = tensor(init_scale, dtype=float32), tensor(0, dtype=int32)
        self._growth_factor, self._backoff_factor = growth_factor, backoff_factor
        self._growth_interval = growth_interval
        self._states: dict[int, tuple[OptState, Tensor | None]] = {}
        """Of the optimisers met since the last update: what was done, and whether a gradient was not finite."""

    def is_enabled(self) -> bool:
        """Whether it scales anything."""
        return self._enabled

    def get_scale(self) -> float:
        """The present factor; 1 if disabled."""
        return self._scale.item() if self._enabled else 1.0

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
        if isinstance(outputs, Tensor):
            return outputs * self._scale
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
        did, _ = self._state(optimizer)
        if did is OptState.UNSCALED:
            raise RuntimeError("unscale_() has already been called on this optimizer since the last update().")
        if did is OptState.STEPPED:
            raise RuntimeError("unscale_() is being called after step().")
        self._unscale(optimizer)

    def _state(self, optimizer: Optimizer) -> tuple[OptState, Tensor | None]:
        return self._states.get(id(optimizer), (OptState.READY, None))

    def _unscale(self, optimizer: Optimizer) -> None:
        bad: Tensor | None = None
        with no_grad():
            inverse = self._scale.double().reciprocal().float()
            for group in optimizer.param_groups:
                for parameter in group["params"]:
                    if parameter.grad is None:
                        continue
                    if parameter.grad.dtype is float16:
                        raise ValueError("Attempting to unscale FP16 gradients.")
                    grad = parameter.grad
                    its = ~(grad.coalesce().values() if grad.is_sparse else grad).isfinite().all()
                    bad = its if bad is None else bad | its
                    parameter.grad.mul_(inverse)
        self._states[id(optimizer)] = OptState.UNSCALED, bad

    def step(self, optimizer: Optimizer, *args: Any, **kwargs: Any) -> Any:
        """``optimizer.step(...)``, left out if a gradient is infinite or not a number.

        Raises RuntimeError for a closure or a second step before `update`, AssertionError without gradients.
        """
        if not self._enabled:
            return optimizer.step(*args, **kwargs)
        if "closure" in kwargs:
            raise RuntimeError("Closure use is not currently supported if GradScaler is enabled.")
        did, _ = self._state(optimizer)
        if did is OptState.STEPPED:
            raise RuntimeError("step() has already been called since the last update().")
        if did is OptState.READY:
            self.unscale_(optimizer)
        bad = self._state(optimizer)[1]
        if bad is None:
            raise AssertionError("No inf checks were recorded for this optimizer.")
        result = only_where(~bad, lambda: optimizer.step(*args, **kwargs))
        self._states[id(optimizer)] = OptState.STEPPED, bad
        return result

    def update(self, new_scale: float | Tensor | None = None) -> None:
        """Sets the factor for the next iteration, to ``new_scale`` if that is given.

        Raises AssertionError where no optimiser has been unscaled since the last update.
        """
        if not self._enabled:
            return
        with no_grad():
            if isinstance(new_scale, Tensor):
                self._scale.copy_(new_scale)
            elif new_scale is not None:
                self._scale.fill_(new_scale)
            else:
                self._adapt([bad for _, bad in self._states.values() if bad is not None])
        self._states.clear()

    def _adapt(self, found: list[Tensor]) -> None:
        if not found:
            raise AssertionError("No inf checks were recorded prior to update.")
        bad, scale = found[0], self._scale
        for other in found[1:]:
            bad = bad | other
        good = self._growth_tracker + 1
        enough = good == self._growth_interval
        grown = scale * self._growth_factor
        grown = where(enough & grown.isfinite(), grown, scale)
        scale.copy_(where(bad, scale * self._backoff_factor, grown))
        self._growth_tracker.copy_(where(bad | enough, 0, good))

    def state_dict(self) -> dict[str, Any]:
        """Factor and settings; empty if disabled."""
        if not self._enabled:
            return {}
        return {
            "scale": self.get_scale(),
            "growth_factor": self._growth_factor,
            "backoff_factor": self._backoff_factor,
            "growth_interval": self._growth_interval,
            "_growth_tracker": int(self._growth_tracker),
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes over what `state_dict` returned. Raises RuntimeError for an empty one."""
        if not self._enabled:
            return
        if not state_dict:
            raise RuntimeError(
                "The source state dict is empty, possibly because it was saved from a disabled instance of GradScaler."
            )
        self._scale.fill_(state_dict["scale"])
        self._growth_factor = state_dict["growth_factor"]
        self._backoff_factor = state_dict["backoff_factor"]
        self._growth_interval = state_dict["growth_interval"]
        self._growth_tracker.fill_(state_dict["_growth_tracker"])
