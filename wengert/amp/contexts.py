"""`autocast`: a block, or a decorator, in which operations that are quicker in a lower precision are computed in it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial, wraps
from typing import Any

from ..core.blocks import Block
from ..core.dtypes import DType, bfloat16, float16
from ..core.errors import DTypeError
from ..core.frames import warn
from ..core.state import state
from ..utils import checkpoint as checkpoints
from .casting import arm, switches

DEVICES = ("cpu", "cuda", "mtia", "maia", "xpu", "ipu", "hpu", "xla", "mps")


class autocast(Block):
    """A block, or a decorator, in which matrix products, convolutions, attention and recurrent layers are computed in
    ``dtype``, bfloat16 (the default) or float16, and what needs the range or the precision (losses, factorisations,
    Fourier transforms, ``prod``) in float32. Everything else is computed in the precision of its operands.

    Gradients have the dtypes of their tensors: a parameter in float32 gets one in float32. A parameter is cast once in
    a block, unless it is written in between or ``cache_enabled`` is false. ``enabled=False`` ends it for a part of a
    block, and what is computed there is in the precision of its operands, so convert those first. Call ``backward()``
    outside. What is listed is in docs/coming_from_pytorch.md.

    Raises ValueError for a device that is no string, RuntimeError for an unknown one. There is no device but the CPU:
    ``"cuda"`` warns and changes nothing. Another dtype warns and turns it off.

    >>> import wengert as torch
    >>> model, x = torch.nn.Linear(4, 2), torch.ones(3, 4)
    >>> with torch.autocast("cpu", dtype=torch.bfloat16):
    ...     y = model(x)
    ...     loss = torch.nn.functional.mse_loss(y, torch.zeros(3, 2))
    >>> y.dtype, loss.dtype
    (torch.bfloat16, torch.float32)
    >>> loss.backward()
    >>> model.weight.grad.dtype
    torch.float32
    """

    def __init__(self, device_type: str, dtype: DType | None = None, enabled: bool = True,
                 cache_enabled: bool | None = None) -> None:
        check_device(device_type)
        self.device = device_type
        self.fast_dtype = switches.dtype(device_type) if dtype is None else dtype
        if not isinstance(self.fast_dtype, DType):
            raise DTypeError(f"[autocast] torch.bfloat16 or torch.float16 was expected as dtype; got {dtype!r}")
        self._cache_enabled = switches.cache if cache_enabled is None else bool(cache_enabled)
        if enabled and device_type == "cuda":
            warn("User provided device_type of 'cuda', but CUDA is not available or torch_xla is imported. Disabling "
                 "autocast.", UserWarning)
            enabled = False
        elif enabled and self.fast_dtype not in (bfloat16, float16):
            name = device_type.upper()
            warn(f"In {name} autocast, but the target dtype is not supported. Disabling autocast.\n{name} Autocast "
                 "only supports dtypes of torch.bfloat16, torch.float16 currently.", UserWarning)
            enabled = False
        self._enabled = bool(enabled)

    def __enter__(self) -> autocast:
        here, device, low = switches, self.device, self.fast_dtype
        if self._enabled and device == "cpu":
            arm()
        before = {name: here.__dict__[name] for name in ("enabled", "dtypes", "cache", "nesting")}
        enabled, dtypes = here.enabled | {device: self._enabled}, here.dtypes | {device: low}
        casting = state.casting if device != "cpu" else low if self._enabled else None
        self.ends_with(partial(state.here.update, casting=state.casting), partial(here.__dict__.update, before),
                       *(() if here.nesting else (here.kept.clear,)))
        # The last thing done, and no call, after which Python would look for Ctrl-C.
        here.nesting, here.cache, here.enabled, here.dtypes, state.casting = (
            here.nesting + 1, self._cache_enabled, enabled, dtypes, casting)
        return self

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        if not callable(function):
            raise TypeError(f"[autocast] autocast()(func) requires a callable, but got {type(function).__name__}. Did "
                            "you mean to use autocast as a context manager? For example:\n"
                            "    with torch.autocast(device_type=...):\n        output = model(input)")

        @wraps(function)
        def within(*args: Any, **kwargs: Any) -> Any:
            with again(self):
                return function(*args, **kwargs)

        return within


def again(block: autocast) -> autocast:
    """A fresh block of the same settings, so that a decorated function may call itself."""
    fresh = autocast.__new__(autocast)
    fresh.__dict__.update({name: value for name, value in block.__dict__.items() if name != "close"})
    return fresh


def check_device(device_type: Any) -> None:
    """Raises ValueError for what is no string, RuntimeError for an unknown device."""
    if not isinstance(device_type, str):
        raise ValueError(f"[autocast] Expected `device_type` of type `str`, got: `{type(device_type)}`; pass 'cpu'")
    if device_type not in DEVICES:
        raise RuntimeError(f"[autocast] Expected one of {', '.join(DEVICES)} device type at start of device string: "
                           f"{device_type}; got an unsupported autocast device_type '{device_type}'; use 'cpu'")


def is_autocast_available(device_type: str) -> bool:
    """Whether the device is one that `autocast` takes.

    >>> from wengert.amp import is_autocast_available
    >>> is_autocast_available("cpu")
    True
    """
    return device_type in DEVICES


def _as_now() -> Callable[[], AbstractContextManager[Any]]:
    """What makes a block in which `autocast` is as it is here for the CPU."""
    on, low, cache = switches.enabled.get("cpu"), switches.dtype("cpu"), switches.cache
    return nullcontext if on is None else partial(autocast, "cpu", low, on, cache)


checkpoints.block_as_now = _as_now
