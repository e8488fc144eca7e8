"""``torch.utils._device``: the device on which tensors are made, as a context."""

from __future__ import annotations

from types import TracebackType
from typing import Any

from ..core.device import default_device, device


class DeviceContext:
    """A context in which tensors that ask for no device are made on this one: ``with torch.device(...)`` in the form of
    an object of its own."""

    def __init__(self, where: Any) -> None:
        self.device = device(where)

    def __enter__(self) -> DeviceContext:
        self.device.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.device.__exit__(kind, error, trace)


def _get_current_device() -> device:
    """Where tensors are made in this thread."""
    return default_device()
