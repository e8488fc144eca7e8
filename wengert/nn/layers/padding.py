"""Layers that pad the last dimensions. ``padding`` is one number for all ends, or one for each from the last dimension
backwards: ``(left, right, top, bottom, ...)``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ...tensors.tensor import Tensor
from ..functional.padding import pad
from ..module import Module


class _Pad(Module):
    """Padding of ``rank`` dimensions in the way that ``mode`` says; see `nn.functional.pad`."""

    rank = 0
    mode = ""

    def __init_subclass__(cls, rank: int | None = None, mode: str | None = None, **rest: Any) -> None:
        super().__init_subclass__(**rest)
        # Only what is said: what a class merely inherits must not hide what a later base says.
        if rank is not None:
            cls.rank = rank
        if mode is not None:
            cls.mode = mode

    def __init__(self, padding: Any) -> None:
        super().__init__()
        self.padding = tuple(padding) if isinstance(padding, Iterable) else (padding,) * (2 * self.rank)

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


class ConstantPad1d(_ConstantPad, rank=1):
    """Pads the last dimension with ``value``.

    >>> nn.ConstantPad1d((1, 2), 7.0)(torch.tensor([[1.0, 2.0]]))
    tensor([[7., 1., 2., 7., 7.]])
    """


class ZeroPad1d(_Zeros, ConstantPad1d):
    """Pads the last dimension with zeros.

    >>> nn.ZeroPad1d((1, 2))(torch.tensor([[1.0, 2.0]]))
    tensor([[0., 1., 2., 0., 0.]])
    """


class ReflectionPad1d(_Pad, rank=1, mode="reflect"):
    """Pads the last dimension with its mirror image, without the edge.

    >>> nn.ReflectionPad1d(2)(torch.tensor([[1.0, 2.0, 3.0]]))
    tensor([[3., 2., 1., 2., 3., 2., 1.]])
    """


class ReplicationPad1d(_Pad, rank=1, mode="replicate"):
    """Pads the last dimension with its edge.

    >>> nn.ReplicationPad1d(2)(torch.tensor([[1.0, 2.0, 3.0]]))
    tensor([[1., 1., 1., 2., 3., 3., 3.]])
    """


class _CircularPad(_Pad):
    """Padding with what stands at the other end."""

    mode = "circular"

    def forward(self, input: Tensor) -> Tensor:
        if input.dim() not in (self.rank + 1, self.rank + 2):
            raise ValueError(f"expected {self.rank + 1}D or {self.rank + 2}D input (got {input.dim()}D input)")
        return super().forward(input)


class CircularPad1d(_CircularPad, rank=1):
    """Pads the last dimension with what stands at the other end.

    >>> nn.CircularPad1d(2)(torch.tensor([[1.0, 2.0, 3.0]]))
    tensor([[2., 3., 1., 2., 3., 1., 2.]])
    """


class ConstantPad2d(_ConstantPad, rank=2):
    """Pads the last two dimensions with ``value``.

    >>> nn.ConstantPad2d(1, 7.0)(torch.zeros(1, 1, 2))[0]
    tensor([[7., 7., 7., 7.],
            [7., 0., 0., 7.],
            [7., 7., 7., 7.]])
    """


class ZeroPad2d(_Zeros, ConstantPad2d):
    """Pads the last two dimensions with zeros.

    >>> nn.ZeroPad2d(1)(torch.ones(1, 1, 2))[0]
    tensor([[0., 0., 0., 0.],
            [0., 1., 1., 0.],
            [0., 0., 0., 0.]])
    """


class ReflectionPad2d(_Pad, rank=2, mode="reflect"):
    """Pads the last two dimensions with their mirror image, without the edge.

    >>> nn.ReflectionPad2d(1)(torch.tensor([[[1.0, 2.0], [3.0, 4.0]]]))[0]
    tensor([[4., 3., 4., 3.],
            [2., 1., 2., 1.],
            [4., 3., 4., 3.],
            [2., 1., 2., 1.]])
    """


class ReplicationPad2d(_Pad, rank=2, mode="replicate"):
    """Pads the last two dimensions with their edge.

    >>> nn.ReplicationPad2d(1)(torch.tensor([[[1.0, 2.0], [3.0, 4.0]]]))[0]
    tensor([[1., 1., 2., 2.],
            [1., 1., 2., 2.],
            [3., 3., 4., 4.],
            [3., 3., 4., 4.]])
    """


class CircularPad2d(_CircularPad, rank=2):
    """Pads the last two dimensions with what stands at the other end.

    >>> nn.CircularPad2d(1)(torch.tensor([[[1.0, 2.0], [3.0, 4.0]]]))[0]
    tensor([[4., 3., 4., 3.],
            [2., 1., 2., 1.],
            [4., 3., 4., 3.],
            [2., 1., 2., 1.]])
    """


class ConstantPad3d(_ConstantPad, rank=3):
    """Pads the last three dimensions with ``value``.

    >>> nn.ConstantPad3d(1, 0.0)(torch.ones(1, 2, 2, 2)).shape
    torch.Size([1, 4, 4, 4])
    """


class ZeroPad3d(_Zeros, ConstantPad3d):
    """Pads the last three dimensions with zeros.

    >>> nn.ZeroPad3d(1)(torch.ones(1, 2, 2, 2)).shape
    torch.Size([1, 4, 4, 4])
    """


class ReflectionPad3d(_Pad, rank=3, mode="reflect"):
    """Pads the last three dimensions with their mirror image, without the edge.

    >>> nn.ReflectionPad3d(1)(torch.ones(1, 2, 2, 2)).shape
    torch.Size([1, 4, 4, 4])
    """


class ReplicationPad3d(_Pad, rank=3, mode="replicate"):
    """Pads the last three dimensions with their edge.

    >>> nn.ReplicationPad3d(1)(torch.ones(1, 2, 2, 2)).shape
    torch.Size([1, 4, 4, 4])
    """


class CircularPad3d(_CircularPad, rank=3):
    """Pads the last three dimensions with what stands at the other end.

    >>> nn.CircularPad3d(1)(torch.ones(1, 2, 2, 2)).shape
    torch.Size([1, 4, 4, 4])
    """
