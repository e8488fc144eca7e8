"""Modules that normalise along a dimension."""

from __future__ import annotations

from ...tensors.tensor import Tensor
from ..functional import softmaxes as functional
from ..module import Module


class _Along(Module):
    """A function along ``dim``."""

    def __init__(self, dim: int | None = None) -> None:
        super().__init__()
        self.dim = dim

    def extra_repr(self) -> str:
        return f"dim={self.dim}"


class Softmax(_Along):
    """exp(x) / Σ exp(x), the sum along ``dim``.

    >>> nn.Softmax(dim=1)(torch.tensor([[1.0, 2.0, 3.0]]))
    tensor([[0.0900, 0.2447, 0.6652]])
    """

    def forward(self, input: Tensor) -> Tensor:
        return functional.softmax(input, self.dim)


class LogSoftmax(_Along):
    """log(softmax(x)) along ``dim``.

    >>> nn.LogSoftmax(dim=0)(torch.tensor([1000.0, 0.0]))
    tensor([    0., -1000.])
    """

    def forward(self, input: Tensor) -> Tensor:
        return functional.log_softmax(input, self.dim)


class Softmin(_Along):
    """softmax(−x) along ``dim``.

    >>> nn.Softmin(dim=1)(torch.tensor([[1.0, 2.0, 3.0]]))
    tensor([[0.6652, 0.2447, 0.0900]])
    """

    def forward(self, input: Tensor) -> Tensor:
        return functional.softmin(input, self.dim)


class Softmax2d(Module):
    """Softmax over the channels of ``(N, C, H, W)`` or ``(C, H, W)``. Raises ValueError for another rank.

    >>> nn.Softmax2d()(torch.zeros(1, 4, 2, 2)).sum(1)[0]
    tensor([[1., 1.],
            [1., 1.]])
    """

    def forward(self, input: Tensor) -> Tensor:
        if input.dim() not in (3, 4):
            raise ValueError(f"Softmax2d: expected input to be 3D or 4D, got {input.dim()}D instead")
        return functional.softmax(input, -3)
