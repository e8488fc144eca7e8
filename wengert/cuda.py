"""What PyTorch programs ask about CUDA: there is none here, and these functions say so.

Questions have answers (`is_available` is False, `device_count` 0), what only resets or waits does nothing, and what
needs a device raises `DeviceError`.
"""

from __future__ import annotations

from typing import Any

from .amp import cuda as amp  # noqa: F401  (torch.cuda.amp)
from .core.errors import DeviceError

# As in a package, so that `import torch.cuda.amp` is tried at all.
__path__: list[str] = []


def _absent(name: str) -> DeviceError:
    return DeviceError(f"[cuda.{name}] a CUDA device was expected; wengert has no cuda back end yet; ask "
                       f"cuda.is_available() first, or use the CPU")


def is_available() -> bool:
    """False: there is no CUDA back end yet."""
    return False


def is_initialized() -> bool:
    """False."""
    return False


def is_bf16_supported(including_emulation: bool = True) -> bool:
    """False: there is no device that could."""
    return False


def device_count() -> int:
    """0."""
    return 0


def init() -> None:
    """Raises `DeviceError`."""
    raise _absent("init")


def current_device() -> int:
    """Raises `DeviceError`."""
    raise _absent("current_device")


def set_device(device: Any) -> None:
    """Raises `DeviceError`."""
    raise _absent("set_device")


def get_device_name(device: Any = None) -> str:
    """Raises `DeviceError`."""
    raise _absent("get_device_name")


def get_device_properties(device: Any = None) -> Any:
    """Raises `DeviceError`."""
    raise _absent("get_device_properties")


def get_device_capability(device: Any = None) -> tuple[int, int]:
    """Raises `DeviceError`."""
    raise _absent("get_device_capability")


class OutOfMemoryError(RuntimeError):
    """What programs catch when a device has no memory left; nothing raises it here."""


def get_rng_state_all() -> list[Any]:
    """No states: there are no devices."""
    return []


def set_rng_state_all(new_states: Any) -> None:
    """Nothing to set."""


def seed() -> None:
    """Nothing: there is no generator of a CUDA device."""


def seed_all() -> None:
    """Nothing: there is no generator of a CUDA device."""


def synchronize(device: Any = None) -> None:
    """Nothing runs elsewhere, so there is nothing to wait for."""


def empty_cache() -> None:
    """Nothing is cached."""


def ipc_collect() -> None:
    """Nothing is shared."""


def manual_seed(seed: int) -> None:
    """Nothing: there is no generator of a CUDA device. PyTorch does likewise, so that scripts run anywhere."""


def manual_seed_all(seed: int) -> None:
    """Nothing: there is no generator of a CUDA device."""


def memory_allocated(device: Any = None) -> int:
    """0."""
    return 0


def memory_reserved(device: Any = None) -> int:
    """0."""
    return 0


def max_memory_allocated(device: Any = None) -> int:
    """0."""
    return 0


def max_memory_reserved(device: Any = None) -> int:
    """0."""
    return 0


def reset_peak_memory_stats(device: Any = None) -> None:
    """Nothing to reset."""


class Event:
    """Would mark a place in a stream. Making one raises `DeviceError`, as PyTorch without a device raises."""

    def __init__(self, enable_timing: bool = False, blocking: bool = False, interprocess: bool = False) -> None:
        raise _absent("Event")


class Stream:
    """Would be a queue of a device's work. Making one raises `DeviceError`, as PyTorch without a device raises."""

    def __init__(self, device: Any = None, priority: int = 0) -> None:
        raise _absent("Stream")


def current_stream(device: Any = None) -> Any:
    """Raises `DeviceError`."""
    raise _absent("current_stream")


def default_stream(device: Any = None) -> Any:
    """Raises `DeviceError`."""
    raise _absent("default_stream")


def mem_get_info(device: Any = None) -> tuple[int, int]:
    """Raises `DeviceError`."""
    raise _absent("mem_get_info")


def get_rng_state(device: Any = "cuda") -> Any:
    """Raises `DeviceError`."""
    raise _absent("get_rng_state")


def get_arch_list() -> list[str]:
    """No architectures: nothing is compiled for a device."""
    return []


class stream:
    """A context that would choose a stream; with None, the only one there can be, entering it does nothing."""

    def __init__(self, stream: Any) -> None:
        if stream is not None:
            raise _absent("stream")

    def __enter__(self) -> None:
        return None

    def __exit__(self, *exception: object) -> None:
        return None


class device:
    """A context that would choose a CUDA device; as in PyTorch without one, entering it does nothing."""

    def __init__(self, device: Any) -> None:
        self.idx = device

    def __enter__(self) -> None:
        return None

    def __exit__(self, *exception: object) -> None:
        return None
