"""What PyTorch programs ask about Intel's accelerators: there is none here, and these functions say so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ._missing import absent, answers
from .core.errors import DeviceError


def _absent(name: str) -> Callable[..., Any]:
    return absent(DeviceError, f"[xpu.{name}] an XPU device was expected; wengert has no XPU back end yet; ask "
                               f"xpu.is_available() first, or use the CPU")


is_available = is_initialized = is_bf16_supported = is_tf32_supported = answers(
    False, "False: there is no XPU back end yet."
)
device_count = answers(0, "0: there are no devices.")
memory_allocated = memory_reserved = max_memory_allocated = answers(0, "0 bytes of a device.")
is_current_stream_capturing = is_available
manual_seed = manual_seed_all = seed = seed_all = empty_cache = reset_peak_memory_stats = answers(
    None, "Nothing: there is no device whose generator or memory it would be about."
)

current_device = _absent("current_device")
current_stream = _absent("current_stream")
get_rng_state = _absent("get_rng_state")
set_rng_state = _absent("set_rng_state")
get_device_capability = _absent("get_device_capability")
get_device_name = _absent("get_device_name")
get_device_properties = _absent("get_device_properties")
init = _absent("init")
mem_get_info = _absent("mem_get_info")
set_device = _absent("set_device")
synchronize = _absent("synchronize")


def get_rng_state_all() -> list[Any]:
    """The states of the generators of all devices: none.

    >>> torch.xpu.get_rng_state_all()
    []
    """
    return []


set_rng_state_all = answers(None, "Nothing: there are no devices.")


class device:
    """A context that would choose an XPU device; as without one, entering it does nothing.

    >>> with torch.xpu.device(None):
    ...     torch.ones(2).sum()
    tensor(2.)
    """

    def __init__(self, device: Any) -> None:
        self.idx = device

    def __enter__(self) -> None:
        return None

    def __exit__(self, *exception: object) -> None:
        return None
