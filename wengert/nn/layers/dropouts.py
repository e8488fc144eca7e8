"""Modules that drop elements or whole channels in training and do nothing in evaluation."""

from __future__ import annotations

from ...tensors.tensor import Tensor
from ..functional import dropouts as functional
from ..module import Module


class DropoutBase(Module):
    """What the dropout layers share. Raises ValueError if ``p`` is not within [0, 1]."""

    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        super().__init__()
        if not 0 <= p <= 1:
            raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
        self.p = p
        self.inplace = inplace

    def extra_repr(self) -> str:
        return f"p={self.p}, inplace={self.inplace}"


class Dropout(DropoutBase):
    """Zeroes each element with probability ``p`` and divides the others by 1 − p (Srivastava et al., 2014).

    Raises ValueError if ``p`` is not within [0, 1].

    >>> import wengert as torch
    >>> from wengert import nn
    >>> _ = torch.manual_seed(0)
    >>> nn.Dropout(0.5)(torch.ones(6))
    tensor([0., 0., 2., 0., 0., 0.])
    >>> nn.Dropout(0.5).eval()(torch.ones(3))
    tensor([1., 1., 1.])
    """

    def forward(self, input: Tensor) -> Tensor:
        return functional.dropout(input, self.p, self.training, self.inplace)


class Dropout1d(DropoutBase):
    """Drops whole channels of ``(N, C, L)`` or ``(C, L)``.

    >>> _ = torch.manual_seed(0)
    >>> nn.Dropout1d(0.5)(torch.ones(4, 2))
    tensor([[0., 0.],
            [0., 0.],
            [2., 2.],
            [0., 0.]])
    """

    def forward(self, input: Tensor) -> Tensor:
        return functional.dropout1d(input, self.p, self.training, self.inplace)


class Dropout2d(DropoutBase):
    """Drops whole channels of ``(N, C, H, W)``.

    >>> _ = torch.manual_seed(0)
    >>> nn.Dropout2d(0.5)(torch.ones(1, 4, 2, 2)).sum((2, 3))
    tensor([[0., 0., 8., 0.]])
    """

    def forward(self, input: Tensor) -> Tensor:
        return functional.dropout2d(input, self.p, self.training, self.inplace)


class Dropout3d(DropoutBase):
    """Drops whole channels of ``(N, C, D, H, W)`` or ``(C, D, H, W)``.

    >>> _ = torch.manual_seed(0)
    >>> nn.Dropout3d(0.5)(torch.ones(1, 4, 2, 2, 2)).sum((2, 3, 4))
    tensor([[ 0.,  0., 16.,  0.]])
    """

    def forward(self, input: Tensor) -> Tensor:
        return functional.dropout3d(input, self.p, self.training, self.inplace)


class AlphaDropout(DropoutBase):
    """The dropout that keeps mean and variance of SELU activations (Klambauer et al., 2017).

    >>> _ = torch.manual_seed(0)
    >>> nn.AlphaDropout(0.5)(torch.ones(4))
    tensor([-0.7792, -0.7792,  1.6656, -0.7792])
    """

    def forward(self, input: Tensor) -> Tensor:
        return functional.alpha_dropout(input, self.p, self.training, self.inplace)


class FeatureAlphaDropout(DropoutBase):
    """Alpha dropout of whole channels of ``(N, C, ...)``.

    >>> _ = torch.manual_seed(0)
    >>> nn.FeatureAlphaDropout(0.5)(torch.ones(1, 3, 2))[0]
    tensor([[-0.7792, -0.7792],
            [-0.7792, -0.7792],
            [ 1.6656,  1.6656]])
    """

    def forward(self, input: Tensor) -> Tensor:
        return functional.feature_alpha_dropout(input, self.p, self.training, self.inplace)
