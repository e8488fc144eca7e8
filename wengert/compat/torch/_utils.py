"""``torch._utils``: what saved files and packages name of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import wengert
from wengert import Tensor

from ...nn.parameter import Parameter


def _rebuild_tensor(storage: Any, storage_offset: int, size: Sequence[int], stride: Sequence[int]) -> Tensor:
    """A tensor of a shape and strides (in elements) in the memory of a typed storage."""
    return wengert.empty(0, dtype=storage.dtype).set_(storage.untyped(), storage_offset, size, stride)


def _rebuild_tensor_v2(storage: Any, storage_offset: int, size: Sequence[int], stride: Sequence[int],
                       requires_grad: bool, backward_hooks: Any, metadata: Any = None) -> Tensor:
    """The same as a leaf that may require gradients; hooks are not kept in files."""
    return _rebuild_tensor(storage, storage_offset, size, stride).requires_grad_(requires_grad)


def _rebuild_parameter(data: Tensor, requires_grad: bool, backward_hooks: Any) -> Parameter:
    """A parameter around a tensor."""
    return Parameter(data, requires_grad)


def _rebuild_parameter_with_state(data: Tensor, requires_grad: bool, backward_hooks: Any, state: Any) -> Parameter:
    """The same with attributes of its own."""
    made = Parameter(data, requires_grad)
    made.__dict__.update(state[0] if isinstance(state, tuple) else state or {})
    return made


def _flatten_dense_tensors(tensors: Sequence[Tensor]) -> Tensor:
    """One row of the elements of several tensors of one dtype."""
    return wengert.cat([tensor.contiguous().view(-1) for tensor in tensors])


def _unflatten_dense_tensors(flat: Tensor, tensors: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """The parts of such a row, as views in the shapes of the tensors."""
    parts = flat.split([tensor.numel() for tensor in tensors])
    return tuple([part.view_as(tensor) for part, tensor in zip(parts, tensors, strict=True)])


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
