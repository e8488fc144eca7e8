"""What `autocast` is told, asked and set by itself, and the decorators of a Function's forward and backward."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial, wraps
from typing import Any

import numpy as np

from ..core.dtypes import DType, float64
from ..tensors.tensor import Tensor
from .casting import switches
from .contexts import autocast, check_device


def is_autocast_enabled(device_type: str = "cuda") -> bool:
    """Whether `autocast` is on for a device in this thread; without one, for CUDA, as in PyTorch.

    >>> with torch.autocast("cpu"):
    ...     torch.is_autocast_enabled("cpu"), torch.is_autocast_enabled()
    (True, False)
    """
    check_device(device_type)
    return switches.enabled.get(device_type, False)


def is_autocast_cpu_enabled() -> bool:
    """``is_autocast_enabled("cpu")``, by an older name.

    >>> torch.is_autocast_cpu_enabled()
    False
    """
    return is_autocast_enabled("cpu")


def _is_any_autocast_enabled() -> bool:
    """Whether `autocast` is on for some device."""
    return any(switches.enabled.values())


def set_autocast_enabled(device_type: str | bool, enabled: bool | None = None) -> None:
    """Turns `autocast` on or off for a device, until it is set again or a block ends; without a device, for CUDA.

    Raises TypeError for what is no truth value, RuntimeError for an unknown device.

    >>> torch.set_autocast_enabled("cpu", True)
    >>> (torch.ones(2, 2) @ torch.ones(2, 2)).dtype
    torch.bfloat16
    >>> torch.set_autocast_enabled("cpu", False)
    """
    device, wanted = ("cuda", device_type) if enabled is None else (device_type, enabled)
    if type(wanted) is not bool:
        raise TypeError(f"set_autocast_enabled(): argument 'enabled' (position {1 if enabled is None else 2}) must be "
                        f"bool, not {type(wanted).__name__}")
    check_device(device)
    assert isinstance(device, str)
    switches.put(device, wanted, switches.dtype(device))


def set_autocast_cpu_enabled(enabled: bool) -> None:
    """``set_autocast_enabled("cpu", enabled)``, by an older name. Raises TypeError for what is no truth value.

    >>> torch.set_autocast_cpu_enabled(False)
    """
    set_autocast_enabled("cpu", enabled)


def get_autocast_dtype(device_type: str) -> DType:
    """The lower precision of a device: bfloat16 on the CPU where nothing else was said, float16 on CUDA.

    >>> with torch.autocast("cpu", dtype=torch.float16):
    ...     torch.get_autocast_dtype("cpu")
    torch.float16
    """
    check_device(device_type)
    return switches.dtype(device_type)


def get_autocast_cpu_dtype() -> DType:
    """``get_autocast_dtype("cpu")``, by an older name.

    >>> torch.get_autocast_cpu_dtype()
    torch.bfloat16
    """
    return get_autocast_dtype("cpu")


def get_autocast_gpu_dtype() -> DType:
    """``get_autocast_dtype("cuda")``, by an older name.

    >>> torch.get_autocast_gpu_dtype()
    torch.float16
    """
    return get_autocast_dtype("cuda")


def set_autocast_dtype(device_type: str, dtype: DType) -> None:
    """Says in which lower precision `autocast` computes on a device. Raises TypeError for what is no dtype.

    >>> torch.set_autocast_dtype("cpu", torch.bfloat16)
    """
    check_device(device_type)
    if not isinstance(dtype, DType):
        raise TypeError(f"set_autocast_dtype(): argument 'dtype' (position 2) must be torch.dtype, not "
                        f"{type(dtype).__name__}")
    switches.put(device_type, switches.enabled.get(device_type, False), dtype)


def set_autocast_cpu_dtype(dtype: DType) -> None:
    """``set_autocast_dtype("cpu", dtype)``, by an older name. Raises TypeError for what is no dtype.

    >>> torch.set_autocast_cpu_dtype(torch.bfloat16)
    """
    set_autocast_dtype("cpu", dtype)


def set_autocast_gpu_dtype(dtype: DType) -> None:
    """``set_autocast_dtype("cuda", dtype)``, by an older name. Raises TypeError for what is no dtype.

    >>> torch.set_autocast_gpu_dtype(torch.float16)
    """
    set_autocast_dtype("cuda", dtype)


def is_autocast_cache_enabled() -> bool:
    """Whether `autocast` casts a parameter once in a block and keeps what it gave.

    >>> torch.is_autocast_cache_enabled()
    True
    """
    return switches.cache


def set_autocast_cache_enabled(enabled: bool) -> None:
    """Says whether `autocast` keeps what it has cast. Raises nothing: whatever is given counts as true or false.

    >>> torch.set_autocast_cache_enabled(True)
    """
    switches.cache = bool(enabled)


def clear_autocast_cache() -> None:
    """Lets go of the parameters that `autocast` has cast in this thread.

    >>> torch.clear_autocast_cache()
    """
    switches.kept.clear()


def autocast_increment_nesting() -> int:
    """Counts one more block of `autocast` in this thread, and says how many there are.

    >>> torch.autocast_increment_nesting(), torch.autocast_decrement_nesting()
    (1, 0)
    """
    switches.nesting += 1
    return switches.nesting


def autocast_decrement_nesting() -> int:
    """Counts one block of `autocast` less in this thread, and says how many there are.

    >>> torch.autocast_increment_nesting(), torch.autocast_decrement_nesting()
    (1, 0)
    """
    switches.nesting -= 1
    return switches.nesting


# --- a Function's own -------------------------------------------------------------------------------------------------


def _cast(value: Any, device_type: str, dtype: DType) -> Any:
    """A nest with its floating tensors on the device in another dtype; those of float64 stay as they are."""
    if isinstance(value, Tensor):
        fits = value.is_floating_point() and value.device.type == device_type and value.dtype is not float64
        return value.to(dtype) if fits else value
    if isinstance(value, (str, bytes, np.ndarray)):
        return value
    if isinstance(value, Mapping):
        return {_cast(key, device_type, dtype): _cast(each, device_type, dtype) for key, each in value.items()}
    if isinstance(value, Iterable):
        members = (_cast(each, device_type, dtype) for each in value)
        made: Any = type(value)
        return made(members) if isinstance(value, (list, tuple)) else members
    return value


def custom_fwd(fwd: Callable[..., Any] | None = None, *, device_type: str, cast_inputs: DType | None = None) -> Any:
    """A decorator of a `Function`'s forward, ``@custom_fwd(device_type="cpu")``: with ``cast_inputs`` it runs with
    `autocast` off where it was on, on floating tensors of that dtype; without, as it is. `custom_bwd` then runs
    backward as forward ran.

    Raises ValueError for a device that is no string.

    >>> from wengert.amp import custom_bwd, custom_fwd
    >>> class Product(torch.autograd.Function):
    ...     @staticmethod
    ...     @custom_fwd(device_type="cpu", cast_inputs=torch.float32)
    ...     def forward(ctx, x, y):
    ...         ctx.save_for_backward(x, y)
    ...         return x @ y
    ...     @staticmethod
    ...     @custom_bwd(device_type="cpu")
    ...     def backward(ctx, grad):
    ...         x, y = ctx.saved_tensors
    ...         return grad @ y.T, x.T @ grad
    >>> x = torch.ones(2, 2, dtype=torch.bfloat16, requires_grad=True)
    >>> with torch.autocast("cpu"):
    ...     y = Product.apply(x, torch.eye(2))
    >>> y.dtype
    torch.float32
    """
    _check_name(device_type)
    if fwd is None:
        return partial(custom_fwd, device_type=device_type, cast_inputs=cast_inputs)
    forward = fwd

    @wraps(forward)
    def decorate_fwd(*args: Any, **kwargs: Any) -> Any:
        context, on = args[0], is_autocast_enabled(device_type)
        context._dtype = get_autocast_dtype(device_type)
        context._fwd_used_autocast = on and cast_inputs is None
        if cast_inputs is None or not on:
            return forward(*args, **kwargs)
        with autocast(device_type, enabled=False):
            return forward(context, *_cast(args[1:], device_type, cast_inputs),
                           **_cast(kwargs, device_type, cast_inputs))

    return decorate_fwd


def custom_bwd(bwd: Callable[..., Any] | None = None, *, device_type: str) -> Any:
    """A decorator of a `Function`'s backward, ``@custom_bwd(device_type="cpu")``, which runs with `autocast` on or off
    as forward, decorated by `custom_fwd`, did.

    Raises ValueError for a device that is no string.

    >>> from wengert.amp import custom_bwd, custom_fwd
    >>> class Double(torch.autograd.Function):
    ...     @staticmethod
    ...     @custom_fwd(device_type="cpu")
    ...     def forward(ctx, x):
    ...         return 2 * x
    ...     @staticmethod
    ...     @custom_bwd(device_type="cpu")
    ...     def backward(ctx, grad):
    ...         return 2 * grad
    >>> x = torch.tensor(3.0, requires_grad=True)
    >>> Double.apply(x).backward()
    >>> x.grad
    tensor(2.)
    """
    _check_name(device_type)
    if bwd is None:
        return partial(custom_bwd, device_type=device_type)
    backward = bwd

    @wraps(backward)
    def decorate_bwd(*args: Any, **kwargs: Any) -> Any:
        with autocast(device_type, args[0]._dtype, args[0]._fwd_used_autocast):
            return backward(*args, **kwargs)

    return decorate_bwd


def _check_name(device_type: Any) -> None:
    if not isinstance(device_type, str):
        raise ValueError(f"[custom_fwd] Expected `device_type` of type `str`, got: `{type(device_type)}`; pass 'cpu'")
