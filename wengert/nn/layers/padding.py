"""Layers that pad the last dimensions. ``padding`` is one number for all ends, or one for each from the last dimension
backwards: ``(left, right, top, bottom, ...)``."""

from __future__ import annotations

from typing import Any

from ...tensors.tensor import Tensor
from ..functional.geometry import tuple_of
from ..functional.padding import pad
from ..module import Module


class _Pad(Module):
    """Padding of ``rank`` dimensions in the way that ``mode`` says; see `nn.functional.pad`."""

    rank: int
    mode: str

    def __init__(self, padding: Any) -> None:
        super().__init__()
        self.padding = tuple_of(padding, 2 * self.rank, type(self).__name__, "padding")

    def forward(self, input: Tensor) -> Tensor:
        return pad(input, self.padding, mode=self.mode)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class _ConstantPad(_Pad):
    """Padding with ``value``."""

    mode = "constant"

    def __init__(self, padding: Any, value: float) -> None:
        super().__init__(padding)
        self.value = value

    def forward(self, input: Tensor) -> Tensor:
        return pad(input, self.padding, value=self.value)

    def extra_repr(self) -> str:
        return f"padding={self.padding}, value={self.value}"


class _Zeros(_ConstantPad):
    """Padding with zeros: laid over a `ConstantPad1d` or its likes."""

    def __init__(self, padding: Any) -> None:
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class ConstantPad1d(_ConstantPad):
    """Pads the last dimension with ``value``."""

    rank = 1


class ZeroPad1d(_Zeros, ConstantPad1d):
    """Pads the last dimension with zeros."""


class ReflectionPad1d(_Pad):
    """Pads the last dimension with its mirror image, without the edge."""

    rank = 1
    mode = "reflect"


class ReplicationPad1d(_Pad):
    """Pads the last dimension with its edge."""

    rank = 1
    mode = "replicate"


class CircularPad1d(_Pad):
    """Pads the last dimension with what stands at the other end."""

    rank = 1
    mode = "circular"


class ConstantPad2d(_ConstantPad):
    """Pads the last two dimensions with ``value``."""

    rank = 2


class ZeroPad2d(_Zeros, ConstantPad2d):
    """Pads the last two dimensions with zeros."""


class ReflectionPad2d(_Pad):
    """Pads the last two dimensions with their mirror image, without the edge."""

    rank = 2
    mode = "reflect"


class ReplicationPad2d(_Pad):
    """Pads the last two dimensions with their edge."""

    rank = 2
    mode = "replicate"


class CircularPad2d(_Pad):
    """Pads the last two dimensions with what stands at the other end."""

    rank = 2
    mode = "circular"


class ConstantPad3d(_ConstantPad):
    """Pads the last three dimensions with ``value``."""

    rank = 3


class ZeroPad3d(_Zeros, ConstantPad3d):
    """Pads the last three dimensions with zeros."""


class ReflectionPad3d(_Pad):
    """Pads the last three dimensions with their mirror image, without the edge."""

    rank = 3
    mode = "reflect"


class ReplicationPad3d(_Pad):
    """Pads the last three dimensions with their edge."""

    rank = 3
    mode = "replicate"


class CircularPad3d(_Pad):
    """Pads the last three dimensions with what stands at the other end."""

    rank = 3
    mode = "circular"
