"""``torch._utils``: what saved files and packages name of it."""

from __future__ import annotations

from typing import Any

from ..hollows import fill

fill(vars(), functions="_rebuild_tensor _rebuild_tensor_v2 _rebuild_parameter _rebuild_parameter_with_state "
                       "_flatten_dense_tensors _unflatten_dense_tensors")


class ExceptionWrapper:
    """An exception on its way from another process or thread."""

    def __init__(self, exc_info: Any = None, where: str = "in background") -> None:
        import sys

        kind, value, _ = sys.exc_info() if exc_info is None else exc_info
        self.exc_type, self.exc_msg, self.where = kind, str(value), where

    def reraise(self) -> None:
        """Raises it again, with where it came from."""
        assert self.exc_type is not None
        raise self.exc_type(f"Caught {self.exc_type.__name__} {self.where}.\nOriginal {self.exc_msg}")


def _element_size(dtype: Any) -> int:
    """The bytes of an element."""
    return dtype.itemsize


def _get_device_index(device: Any, optional: bool = False, allow_cpu: bool = False) -> int:
    """-1 for the CPU. Raises ValueError for other devices."""
    if str(device) == "cpu" and allow_cpu:
        return -1
    raise ValueError(f"Expected a torch.device with a specified index or an integer, but got:{device}")


def _get_available_device_type() -> None:
    """None: there is no accelerator."""
    return None
