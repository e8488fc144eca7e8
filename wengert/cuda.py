"""What PyTorch programs ask about CUDA: there is none here, and these functions say so.

Questions have answers (`is_available` is False, `device_count` 0), what only resets or waits does nothing, and what
needs a device raises `DeviceError`.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

from ._missing import absent, answers
from .amp import cuda as amp  # noqa: F401  (torch.cuda.amp)
from .core.errors import DeviceError, OutOfMemoryError  # noqa: F401  (torch.cuda.OutOfMemoryError)

# As in a package, so that `import torch.cuda.amp` is tried at all.
__path__: list[str] = []


def _message(name: str) -> str:
    return (f"[cuda.{name}] a CUDA device was expected; wengert has no cuda back end yet; ask "
            f"cuda.is_available() first, or use the CPU")


def _absent(name: str) -> Callable[..., Any]:
    return absent(DeviceError, _message(name))


is_available = is_initialized = is_bf16_supported = is_current_stream_capturing = answers(
    False, "False: there is no CUDA back end yet."
)
device_count = answers(0, "0: there are no devices.")
memory_allocated = memory_reserved = max_memory_allocated = max_memory_reserved = answers(0, "0 bytes of a device.")
manual_seed = manual_seed_all = seed = seed_all = set_rng_state_all = answers(
    None, "Nothing: there is no generator of a CUDA device. PyTorch does likewise, so that scripts run anywhere."
)
synchronize = empty_cache = ipc_collect = reset_peak_memory_stats = reset_max_memory_allocated = answers(
    None, "Nothing runs, is cached or counted on a device, so that there is nothing to do."
)

init = _absent("init")
current_device = _absent("current_device")
set_device = _absent("set_device")
get_device_name = _absent("get_device_name")
get_device_properties = _absent("get_device_properties")
get_device_capability = _absent("get_device_capability")
current_stream = _absent("current_stream")
default_stream = _absent("default_stream")
mem_get_info = _absent("mem_get_info")
get_rng_state = _absent("get_rng_state")
set_rng_state = _absent("set_rng_state")
default_generators: tuple[Any, ...] = ()


def get_rng_state_all() -> list[Any]:
    """No states: there are no devices.

    >>> torch.cuda.get_rng_state_all()
    []
    """
    return []


def memory_stats(device: Any = None) -> dict[str, Any]:
    """No figures: there are no devices.

    >>> len(torch.cuda.memory_stats())
    0
    """
    return {}


def get_arch_list() -> list[str]:
    """No architectures: nothing is compiled for a device.

    >>> torch.cuda.get_arch_list()
    []
    """
    return []


class Event:
    """Would mark a place in a stream. Making one raises `DeviceError`, as PyTorch without a device raises.

    >>> torch.cuda.Event()
    Traceback (most recent call last):
        ...
    wengert.core.errors.DeviceError: [cuda.Event] a CUDA device was expected; wengert has no ...
    """

    def __init__(self, enable_timing: bool = False, blocking: bool = False, interprocess: bool = False) -> None:
        raise DeviceError(_message("Event"))


class Stream:
    """Would be a queue of a device's work. Making one raises `DeviceError`, as PyTorch without a device raises.

    >>> torch.cuda.Stream()
    Traceback (most recent call last):
        ...
    wengert.core.errors.DeviceError: [cuda.Stream] a CUDA device was expected; wengert has no ...
    """

    def __init__(self, device: Any = None, priority: int = 0) -> None:
        raise DeviceError(_message("Stream"))


class CUDAGraph:
    """Would be a device's work, recorded. Making one raises `DeviceError`, as PyTorch without a device raises.

    >>> torch.cuda.CUDAGraph()
    Traceback (most recent call last):
        ...
    wengert.core.errors.DeviceError: [cuda.CUDAGraph] a CUDA device was expected; wengert has no ...
    """

    def __init__(self, keep_graph: bool = False) -> None:
        raise DeviceError(_message("CUDAGraph"))


class _Context:
    """A context that changes nothing."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, *exception: object) -> None:
        return None


class stream(_Context):
    """A context that would choose a stream; with None, the only one there can be, entering it does nothing.

    >>> with torch.cuda.stream(None):
    ...     torch.ones(2).sum()
    tensor(2.)

    >>> with torch.cuda.StreamContext(None):
    ...     torch.ones(2).sum()
    tensor(2.)
    """

    def __init__(self, stream: Any) -> None:
        if stream is not None:
            raise DeviceError(_message("stream"))


StreamContext = stream


class graph(_Context):
    """A context that would record a device's work. Making one raises `DeviceError`.

    >>> torch.cuda.graph(None)
    Traceback (most recent call last):
        ...
    wengert.core.errors.DeviceError: [cuda.graph] a CUDA device was expected; wengert has no ...
    """

    def __init__(self, cuda_graph: Any, *arguments: Any, **options: Any) -> None:
        raise DeviceError(_message("graph"))


class device(_Context):
    """A context that would choose a CUDA device; as in PyTorch without one, entering it does nothing.

    >>> with torch.cuda.device(None):
    ...     torch.ones(2).sum()
    tensor(2.)
    """

    def __init__(self, device: Any) -> None:
        self.idx = device


class _TensorType(type):
    """The metaclass of PyTorch's old types of tensors on a device: none is an instance, and none can be made."""

    def __call__(cls, *data: Any, **options: Any) -> Any:  # noqa: N805
        raise TypeError(f"type torch.{cls.__qualname__} not available. wengert has no cuda back end yet; use "
                        f"torch.{cls.__name__}, on the CPU")

    def __instancecheck__(cls, instance: Any) -> bool:  # noqa: N805
        return False

    def __repr__(cls) -> str:  # noqa: N805
        return f"<class 'torch.{cls.__qualname__}'>"


def _old_types(place: str) -> dict[str, Any]:
    return {f"{name}Tensor": _TensorType(f"{name}Tensor", (), {
        "__module__": "torch", "__qualname__": f"{place}.{name}Tensor",
        "__doc__": f"Would be tensors of a CUDA device. Calling it raises TypeError.\n\n>>> isinstance(torch.ones(2), "
                   f"torch.{place}.{name}Tensor)\nFalse"})
        for name in "BFloat16 Bool Byte Char Double Float Half Int Long Short".split()}


globals().update(_old_types("cuda"))
sparse = ModuleType(f"{__name__}.sparse", "PyTorch's old types of sparse tensors on a device.")
vars(sparse).update(_old_types("cuda.sparse"))
cudart = _absent("cudart")
