"""Exchange with other array libraries: DLPack both ways. (numpy's protocols are on `Tensor` itself.)"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..tensors.tensor import Tensor, make
from .arguments import check_options
from .creation import from_numpy
from .registry import function


class _Capsule:
    """A DLPack capsule in an object whose ``__dlpack__`` gives it, which is what numpy reads."""

    def __init__(self, capsule: Any) -> None:
        self._capsule = capsule

    def __dlpack__(self, **options: Any) -> Any:
        return self._capsule

    def __dlpack_device__(self) -> tuple[int, int]:
        return 1, 0


@function(method=False, out=False, takes_tensor=False)
def from_dlpack(ext_tensor: Any, *, device: Any = None, copy: bool | None = None) -> Tensor:
    """A tensor that shares the memory of another library's array, or of a DLPack capsule.

    Raises `DeviceError` where the memory is not the CPU's, and BufferError for a dtype that numpy does not know.
    """
    check_options(device)
    source = ext_tensor if hasattr(ext_tensor, "__dlpack__") else _Capsule(ext_tensor)
    if isinstance(source, Tensor):
        shared = source.detach()
        return shared.clone() if copy else shared
    array = np.from_dlpack(source)
    if copy:
        return make(array.copy(), None)
    if not array.flags.writeable and not isinstance(ext_tensor, np.ndarray):
        # Older exporters cannot say whether their memory may be written; numpy then assumes not, PyTorch that it may.
        array = _writable(array)
    return from_numpy(array)


def _writable(array: np.ndarray) -> np.ndarray:
    interface = dict(array.__array_interface__)
    interface["data"] = (interface["data"][0], False)
    holder = type("Exported", (), {"__array_interface__": interface, "owner": array})()
    return np.asarray(holder)


@function(method=False, out=False)
def to_dlpack(tensor: Tensor) -> Any:
    """A DLPack capsule of the tensor's memory."""
    return tensor.__dlpack__()
