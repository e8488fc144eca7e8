"""Functions that drop elements or whole channels at random, from the default generator, as PyTorch does."""

from __future__ import annotations

import math

from ...core.errors import DTypeError, ShapeError
from ...core.frames import warn
from ...ops import empty, empty_like
from ...ops.registry import check_flag
from ...tensors.alias import check_writable, type_name
from ...tensors.given import check_tensor
from ...tensors.overrides import UNASKED, asking, once_more
from ...tensors.tape import shown_as
from ...tensors.tensor import Tensor

# What selu approaches for x → −∞, negated: the value that dropped elements take in `alpha_dropout`.
_ALPHA = 1.7580993408473766


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Zeroes each element with probability ``p`` and divides the others by 1 − p; the identity if not ``training``.

    (Srivastava et al., 2014.) Raises ValueError if ``p`` is not within [0, 1].

    >>> _ = torch.manual_seed(0)
    >>> F.dropout(torch.ones(6), 0.5)
    tensor([0., 0., 2., 0., 0., 0.])
    >>> F.dropout(torch.ones(3), 0.5, training=False)
    tensor([1., 1., 1.])
    """
    try:
        check_tensor("dropout", input)
        _check_probability(p)
        return _drop(input, tuple(input.shape), p, training, inplace)
    except UNASKED:
        return once_more(dropout, input, p, training, inplace)


@asking
def dropout1d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """`dropout` of whole channels of ``(N, C, L)`` or ``(C, L)``.

    >>> _ = torch.manual_seed(0)
    >>> F.dropout1d(torch.ones(4, 2), 0.5)
    tensor([[0., 0.],
            [0., 0.],
            [2., 2.],
            [0., 0.]])
    """
    _check_probability(p)
    if input.dim() not in (2, 3):
        raise RuntimeError(
            f"dropout1d: Expected 2D or 3D input, but received a {input.dim()}D input. Note that dropout1d exists to "
            "provide channel-wise dropout on inputs with 1 spatial dimension, a channel dimension, and an optional "
            "batch dimension (i.e. 2D or 3D inputs)."
        )
    if inplace and input.dim() == 2:
        check_writable(input, "dropout1d")
    batch = input.shape[:1] if input.dim() == 3 else ()
    return _drop(input, (*batch, input.shape[-2], 1), p, training, inplace)


@asking
def dropout2d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """`dropout` of whole channels of ``(N, C, H, W)``. A 3-D input is ``(N, C, L)`` still, as in PyTorch.

    >>> _ = torch.manual_seed(0)
    >>> F.dropout2d(torch.ones(1, 4, 2, 2), 0.5).sum((2, 3))
    tensor([[0., 0., 8., 0.]])
    """
    _check_probability(p)
    _warn_unless("dropout2d", 2, input, (3, 4))
    if input.dim() == 3:
        warn(
            "dropout2d: Received a 3D input to dropout2d and assuming that channel-wise 1D dropout behavior is desired "
            "- input is interpreted as shape (N, C, L), where C is the channel dim. This behavior will change in a "
            "future release to interpret the input as one without a batch dimension, i.e. shape (C, H, W). To maintain "
            "the 1D channel-wise dropout behavior, please switch to using dropout1d instead.",
        )
    return drop_channels(input, p, training, inplace)


@asking
def dropout3d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """`dropout` of whole channels of ``(N, C, D, H, W)`` or ``(C, D, H, W)``.

    >>> _ = torch.manual_seed(0)
    >>> F.dropout3d(torch.ones(1, 4, 2, 2, 2), 0.5).sum((2, 3, 4))
    tensor([[ 0.,  0., 16.,  0.]])
    """
    _check_probability(p)
    _warn_unless("dropout3d", 3, input, (4, 5))
    if training and not input.dim():
        raise ShapeError("[dropout3d] Feature dropout requires at least 2 dimensions in the input; got none")
    if input.dim() == 5:
        return drop_channels(input, p, training, inplace)
    if inplace:
        check_writable(input, "dropout3d")
    return _drop(input, (*input.shape[:1], *(1,) * (input.dim() - 1)), p, training, inplace)


@asking
def alpha_dropout(input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False) -> Tensor:
    """The `dropout` that keeps mean and variance of `selu` activations (Klambauer et al., 2017).

    >>> _ = torch.manual_seed(0)
    >>> F.alpha_dropout(torch.ones(4), 0.5, training=True)
    tensor([-0.7792, -0.7792,  1.6656, -0.7792])
    """
    _check_probability(p)
    return _alpha_drop(input, tuple(input.shape), p, training, inplace)


@asking
def feature_alpha_dropout(input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False) -> Tensor:
    """`alpha_dropout` of whole channels of ``(N, C, ...)``.

    >>> _ = torch.manual_seed(0)
    >>> F.feature_alpha_dropout(torch.ones(1, 3, 2), 0.5, training=True)[0]
    tensor([[-0.7792, -0.7792],
            [-0.7792, -0.7792],
            [ 1.6656,  1.6656]])
    """
    _check_probability(p)
    return _alpha_drop(input, None, p, training, inplace)


def _drop(input: Tensor, mask_shape: tuple[int, ...] | None, p: float, training: bool, inplace: bool) -> Tensor:
    check_flag("dropout", "training", training)
    if not training or p == 0 or input.numel() == 0:
        return input
    if p == 1:
        return input.mul_(0) if inplace else input * input.new_zeros(())
    mask = _kept(input, mask_shape, p).div_(1 - p)
    return shown_as(input.mul_(mask) if inplace else input * mask, "dropout")


def _kept(input: Tensor, mask_shape: tuple[int, ...] | None, p: float) -> Tensor:
    """Ones with probability 1 − p, one a channel unless a shape is given, drawn in the order of the input's memory
    where the mask has its shape.

    Raises DTypeError for integers, which the mask cannot scale.
    """
    mask_shape = _channel_shape(input) if mask_shape is None else mask_shape
    if input._data.dtype.kind in "biu":
        kind = type_name(input.dtype.name)
        raise DTypeError(f"[dropout] result type Float can't be cast to the desired output type {kind}; a tensor of"
                         " floating numbers was expected")
    same = mask_shape == tuple(input.shape)
    return (empty_like(input) if same else empty(mask_shape, dtype=input.dtype)).bernoulli_(1 - p)


def drop_channels(input: Tensor, p: float, training: bool, inplace: bool) -> Tensor:
    """`dropout` of whole channels of ``(N, C, ...)``, whatever the number of dimensions."""
    return _drop(input, None, p, training, inplace)


def _alpha_drop(input: Tensor, mask_shape: tuple[int, ...] | None, p: float, training: bool, inplace: bool) -> Tensor:
    check_flag("alpha_dropout", "training", training)
    if not training or p == 0 or input.numel() == 0:
        return input
    if p == 1:
        return input.mul_(0) if inplace else input * input.new_zeros(())
    keep = _kept(input, mask_shape, p)
    scale = 1 / math.sqrt((_ALPHA * _ALPHA * p + 1) * (1 - p))
    shift = (keep - 1) * (_ALPHA * scale) + _ALPHA * scale * p
    mask = keep * scale
    return input.mul_(mask).add_(shift) if inplace else input * mask + shift


def _channel_shape(input: Tensor) -> tuple[int, ...]:
    if input.dim() < 2:
        raise RuntimeError(
            f"[feature_dropout] Feature dropout requires at least 2 dimensions in the input; got {tuple(input.shape)}"
        )
    return (*input.shape[:2], *(1,) * (input.dim() - 2))


def _check_probability(p: float) -> None:
    if not 0.0 <= p <= 1.0:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")


def _warn_unless(name: str, spatial: int, input: Tensor, ranks: tuple[int, ...]) -> None:
    if input.dim() not in ranks:
        warn(
            f"{name}: Received a {input.dim()}-D input to {name}, which is deprecated and will result in an error in a "
            f"future release. To retain the behavior and silence this warning, please use dropout instead. Note that "
            f"{name} exists to provide channel-wise dropout on inputs with {spatial} spatial dimensions, a channel "
            f"dimension, and an optional batch dimension (i.e. {spatial + 1}D or {spatial + 2}D inputs).",
        )
