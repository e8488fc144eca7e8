"""What programs ask about devices of other makers, of which PyTorch's modules speak and of which there are none
here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .._missing import absent, answers
from ..core.errors import DeviceError


def fill(namespace: dict[str, Any], device: str) -> None:
    """Puts into a module what is asked of a kind of device: it is not available, there are none of it, what only waits
    or resets does nothing, and what needs one raises DeviceError."""

    def needs(name: str) -> Callable[..., Any]:
        return absent(DeviceError, f"[{device}.{name}] a device of the kind {device} was expected; wengert has none; "
                                   f"ask {device}.is_available() first, or use the CPU")

    namespace |= {
        **dict.fromkeys(("is_available", "is_initialized", "is_bf16_supported", "_is_in_bad_fork", "is_tf32_supported"),
                        answers(False, "False: there are none here.")),
        **dict.fromkeys(("device_count", "memory_allocated", "memory_reserved", "max_memory_allocated",
                         "max_memory_reserved", "current_allocated_memory", "driver_allocated_memory"),
                        answers(0, "0: there are none here.")),
        **dict.fromkeys(("synchronize", "empty_cache", "manual_seed", "manual_seed_all", "seed", "seed_all",
                         "reset_peak_memory_stats", "set_rng_state_all", "clear_graph_cache"),
                        answers(None, "Nothing: there are none here.")),
        **{name: needs(name) for name in (
            "current_device", "set_device", "device", "get_device_name", "get_device_properties", "current_stream",
            "get_device_capability", "mem_get_info", "get_rng_state", "set_rng_state", "recommended_max_memory")},
        "get_rng_state_all": answers([], "No states: there are none here."),
    }
