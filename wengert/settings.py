"""Switches of the whole program: threads, determinism, precision, the default device. Names of the public face."""

from __future__ import annotations

from typing import Any

from .core.device import default_device, device, is_meta
from .core.device import device as Device
from .core.frames import warn
from .core.state import state

_deterministic = {"enabled": False, "warn_only": False}
_matmul_precision = "highest"
_warn_always = False


def get_num_threads() -> int:
    """How many threads share the work on large arrays.

    >>> torch.get_num_threads() >= 1
    True
    """
    from .compiler.threads import get_num_threads as get

    return get()


def set_num_threads(threads: int, /) -> None:
    """Sets how many threads share the work on large arrays. Raises RuntimeError for a number below one.

    >>> before = torch.get_num_threads()
    >>> torch.set_num_threads(1)
    >>> torch.get_num_threads()
    1
    >>> torch.set_num_threads(before)
    """
    from .compiler.threads import set_num_threads as set_

    if not isinstance(threads, int) or isinstance(threads, bool):
        raise TypeError(f"set_num_threads expects an int, but got {type(threads).__name__}")
    if threads < 1:
        raise RuntimeError(f"[set_num_threads] set_num_threads expects a positive integer; got {threads}")
    set_(threads)


def get_num_interop_threads() -> int:
    """One: operations run one after another.

    >>> torch.get_num_interop_threads() >= 1
    True
    """
    return 1


def set_num_interop_threads(threads: int, /) -> None:
    """Checks its argument; operations run one after another whatever it is. Raises RuntimeError for less than one,
    TypeError for what is no number.

    >>> torch.set_num_interop_threads(1)
    """
    if threads < 1:
        raise RuntimeError(f"[set_num_interop_threads] set_num_interop_threads expects a positive integer; got "
                           f"{threads}")


def set_warn_always(b: bool, /) -> None:
    """Says whether PyTorch repeats warnings that it would give once a process. Here Python's filters decide how often
    a warning is seen; the answer is kept for `is_warn_always_enabled`. Raises TypeError for what is no bool.

    >>> torch.set_warn_always(True)
    >>> torch.is_warn_always_enabled()
    True
    >>> torch.set_warn_always(False)
    """
    global _warn_always
    if not isinstance(b, bool):
        raise TypeError(f"[set_warn_always] setWarnOnlyOnce expects a bool, but got {type(b).__name__}")
    _warn_always = b


def is_warn_always_enabled() -> bool:
    """What `set_warn_always` was last told; at first False.

    >>> torch.is_warn_always_enabled()
    False
    """
    return _warn_always


def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
    """Notes the wish for deterministic algorithms; wengert has no others: results never depend on threads or timing.
    Raises nothing: whatever is given counts as true or false.

    >>> torch.use_deterministic_algorithms(True)
    >>> torch.are_deterministic_algorithms_enabled()
    True
    >>> torch.use_deterministic_algorithms(False)
    """
    _deterministic.update(enabled=bool(mode), warn_only=warn_only)


def are_deterministic_algorithms_enabled() -> bool:
    """What `use_deterministic_algorithms` was last told.

    >>> torch.are_deterministic_algorithms_enabled()
    False
    """
    return _deterministic["enabled"]


def is_deterministic_algorithms_warn_only_enabled() -> bool:
    """The ``warn_only`` that `use_deterministic_algorithms` was last told.

    >>> torch.is_deterministic_algorithms_warn_only_enabled()
    False
    """
    return _deterministic["enabled"] and _deterministic["warn_only"]


def set_deterministic(d: bool) -> None:
    """The name that `use_deterministic_algorithms` had in PyTorch 1.7. Warns that it is the older name; raises no
    errors.

    >>> torch.set_deterministic(False)
    >>> torch.are_deterministic_algorithms_enabled()
    False
    """
    warn("torch.set_deterministic is deprecated and will be removed in a future release. Please use "
         "torch.use_deterministic_algorithms instead", UserWarning)
    use_deterministic_algorithms(d)


def get_deterministic_debug_mode() -> int:
    """0, 1 or 2: determinism not asked for, warned about, demanded.

    >>> torch.get_deterministic_debug_mode()
    0
    """
    return 0 if not _deterministic["enabled"] else 1 if _deterministic["warn_only"] else 2


def set_deterministic_debug_mode(debug_mode: int | str) -> None:
    """`use_deterministic_algorithms` by a level: 0 or "default", 1 or "warn", 2 or "error". Raises RuntimeError for any
    other.

    >>> torch.set_deterministic_debug_mode("warn")
    >>> torch.get_deterministic_debug_mode()
    1
    >>> torch.set_deterministic_debug_mode("default")
    """
    levels: dict[Any, int] = {"default": 0, "warn": 1, "error": 2, 0: 0, 1: 1, 2: 2}
    if debug_mode not in levels:
        raise RuntimeError(f"invalid value of debug_mode, expected one of `default`, `warn`, `error`, 0, 1, 2, but "
                           f"got {debug_mode}")
    level = levels[debug_mode]
    use_deterministic_algorithms(level > 0, warn_only=level == 1)


def get_float32_matmul_precision() -> str:
    """What `set_float32_matmul_precision` was last told.

    >>> torch.get_float32_matmul_precision()
    'highest'
    """
    return _matmul_precision


def set_float32_matmul_precision(precision: str) -> None:
    """Notes the wish; on the CPU matrices of float32 are always multiplied in full precision. Raises RuntimeError for
    what is none of "highest", "high" and "medium".

    >>> torch.set_float32_matmul_precision("high")
    >>> torch.get_float32_matmul_precision()
    'high'
    >>> torch.set_float32_matmul_precision("highest")
    """
    global _matmul_precision
    if precision not in ("highest", "high", "medium"):
        raise RuntimeError(f"[set_float32_matmul_precision] one of 'highest', 'high', 'medium' was expected; got "
                           f"{precision!r}")
    _matmul_precision = precision


def set_flush_denormal(mode: bool) -> bool:
    """False: denormal numbers are never flushed to zero here.

    >>> torch.tensor([1e-310], dtype=torch.float64) > 0
    tensor([True])
    """
    return False


def get_default_device() -> device:
    """Where tensors are made in this thread that ask for no device: the CPU, unless `set_default_device` or
    ``with device("meta"):`` said otherwise.

    >>> torch.get_default_device()
    device(type='cpu')
    """
    return default_device()


def set_default_device(device: Any) -> None:
    """Sets where tensors are made that ask for no device: the CPU (or None), or ``"meta"``. Raises `DeviceError` for
    any other.

    >>> torch.set_default_device("meta")
    >>> torch.ones(2).device
    device(type='meta')
    >>> torch.set_default_device(None)
    """
    is_meta(device)
    inner = state.devices[:-1] if state.devices else ()
    state.devices = inner if device is None else (*inner, Device(device))
