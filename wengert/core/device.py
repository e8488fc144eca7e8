"""Devices: the CPU, and ``meta``, on which tensors have a shape and no elements. Asking for another says so.

The device on which tensors are made, where none is asked for, belongs to the thread: ``with device("meta"):``.
"""

from __future__ import annotations

from typing import Any

from .errors import DeviceError
from .state import state

_TYPES = ("cpu", "cuda", "mps", "xpu", "meta")


class device:
    """Where a tensor's numbers live: ``device("cpu")``, ``device("cuda", 0)``, ``device("cuda:0")``.

    A device can be named whether or not it exists; making a tensor there raises. Usable as a context manager, as
    PyTorch's is.

    >>> torch.device("cuda:1").type, torch.device("cuda:1").index, torch.zeros(2).device
    ('cuda', 1, device(type='cpu'))
    """

    __slots__ = ("index", "type")
    type: str
    index: int | None

    def __init__(self, type: str | int | device, index: int | None = None) -> None:
        kind: str
        if index is not None and index < 0:
            raise RuntimeError(f"[device] Device index must not be negative; got {index}")
        if isinstance(type, device):
            kind, index = type.type, type.index
        elif isinstance(type, int):
            kind, index = "cuda", type
        elif not isinstance(type, str):
            raise TypeError(f"[device] the name of a device was expected, such as 'cpu'; got {type!r}")
        else:
            if not type:
                raise RuntimeError("[device] Device string must not be empty; a device looks like 'cpu' or 'cuda:0'")
            kind, colon, number = type.partition(":")
            if colon:
                if not number.isdigit() or number != str(int(number)):
                    raise RuntimeError(
                        f"[device] Invalid device string: '{type}'; a device looks like 'cpu' or 'cuda:0'"
                    )
                index = int(number)
        if kind not in _TYPES:
            raise RuntimeError(
                f"[device] Expected one of {', '.join(_TYPES)} device type at start of device string: {kind}; got "
                f"'{type}'; use 'cpu'"
            )
        self.type = kind
        self.index = index

    def __repr__(self) -> str:
        index = "" if self.index is None else f", index={self.index}"
        return f"device(type='{self.type}'{index})"

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, device) and (self.type, self.index) == (other.type, other.index)

    def __hash__(self) -> int:
        return hash((self.type, self.index))

    def __reduce__(self) -> tuple[Any, ...]:
        return device, (self.type, self.index)

    def __enter__(self) -> device:
        is_meta(self)
        state.devices = (self, *state.devices)
        return self

    def __exit__(self, *exception: object) -> None:
        state.devices = state.devices[1:]


CPU = device("cpu")
META = device("meta")


def is_meta(where: device | str | int | None) -> bool:
    """Whether a tensor is to have no elements: ``where`` is the meta device, or None where that is the default.

    Raises `DeviceError` for a device that there is not.
    """
    if where is None:
        return bool(state.devices) and state.devices[0].type == "meta"
    if where is CPU:
        return False
    asked = where if type(where) is device else device(where)
    if asked.type == "meta":
        return True
    require_cpu(asked)
    return False


def default_device() -> device:
    """Where tensors are made in this thread."""
    return CPU if not state.devices else state.devices[0]


def require_cpu(where: device | str | int | None) -> None:
    """Raises `DeviceError` unless ``where`` is the CPU (or None)."""
    if where is None or where is CPU:
        return
    asked = device(where)
    if asked.type != "cpu":
        raise DeviceError(
            f"[device] the CPU was expected: wengert has no {asked.type} back end yet; got device '{asked}'; use "
            f"device('cpu'), or choose with: 'cuda' if cuda.is_available() else 'cpu'"
        )
