"""Exchange with other array libraries: DLPack both ways, and the array API standard's two methods. (numpy's protocols
are on `Tensor` itself.)"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..tensors.capsules import imported
from ..tensors.tensor import Tensor, make
from .arguments import check_options
from .conversion import to
from .creation import from_numpy
from .registry import function, method


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

    Raises `DeviceError` where the memory is not the CPU's, and BufferError for a dtype that wengert does not have.

    >>> array = np.array([1.0, 2.0])
    >>> x = torch.from_dlpack(array)
    >>> x += 1
    >>> array
    array([2., 3.])
    """
    check_options(device)
    source = ext_tensor if hasattr(ext_tensor, "__dlpack__") else _Capsule(ext_tensor)
    if isinstance(source, Tensor):
        shared = source.detach()
        return shared.clone() if copy else shared
    array = _read(source)
    if copy:
        return make(array.copy(), None)
    if not array.flags.writeable and not isinstance(ext_tensor, np.ndarray):
        # Older exporters cannot say whether their memory may be written; numpy then assumes not, PyTorch that it may.
        array = _writable(array)
    return from_numpy(array)


def _read(source: Any) -> np.ndarray:
    """The array that an object shares, also of a type that numpy lacks."""
    try:
        return np.from_dlpack(source)
    except (BufferError, RuntimeError):
        capsule = source.__dlpack__()
        dtype = imported(capsule)
        if dtype is None:
            raise
        codes = np.from_dlpack(_Capsule(capsule))
        return (codes if codes.flags.writeable else _writable(codes)).view(dtype.numpy)


def _writable(array: np.ndarray) -> np.ndarray:
    interface = dict(array.__array_interface__)
    interface["data"] = (interface["data"][0], False)
    holder = type("Exported", (), {"__array_interface__": interface, "owner": array})()
    return np.asarray(holder)


@function(method=False, out=False)
def to_dlpack(tensor: Tensor) -> Any:
    """A DLPack capsule of the tensor's memory.

    >>> x = torch.arange(3)
    >>> torch.from_dlpack(torch.to_dlpack(x)).data_ptr() == x.data_ptr()
    True
    """
    return tensor.__dlpack__()


@method("to_device")
def to_device(self: Tensor, device: Any, /, *, stream: Any = None) -> Tensor:
    """This tensor on ``device``, by the array API standard's name. Raises ValueError for a ``stream``: the CPU has
    none.

    >>> torch.ones(2).to_device("cpu").device
    device(type='cpu')
    """
    if stream is not None:
        raise ValueError(f"[to_device] no stream was expected, as the CPU has none; got {stream!r}")
    return to(self, device)


@method("__array_namespace__")
def array_namespace(self: Tensor, *, api_version: str | None = None) -> Any:
    """The array API standard's functions of tensors: `wengert.array_api`. Raises ValueError for a version of the
    standard that they do not follow."""
    found = namespace()
    if api_version not in (None, *found.VERSIONS):
        raise ValueError(f"[__array_namespace__] one of the versions {', '.join(found.VERSIONS)} was expected; got "
                         f"{api_version!r}")
    return found


def namespace() -> Any:
    """Loads the module behind ``__array_namespace__``. The public face puts `wengert.array_api` here."""
    raise RuntimeError("the package's public face has not been imported")
