"""The loss of a linear layer onto a large number of classes, in one call."""

from __future__ import annotations

from typing import Any

from ...core.errors import ShapeError
from ...ops.halves import in_float32
from ...tensors.tensor import Tensor
from .affine import linear
from .losses import cross_entropy


@in_float32
def linear_cross_entropy(input: Tensor, linear_weight: Tensor, target: Tensor, *, linear_bias: Tensor | None = None,
                         weight: Tensor | None = None, reduction: str = "mean", ignore_index: int | None = None,
                         label_smoothing: float = 0.0, options: Any = None) -> Tensor:
    """`cross_entropy` of the logits ``linear(input, linear_weight, linear_bias)``.

    ``input`` is ``(N, F)`` or ``(F,)``; ``linear_weight`` ``(C, F)``, or ``(C, *sizes, F)`` for targets of more
    dimensions; ``linear_bias`` ``(C, *sizes)``. Raises ShapeError for shapes that do not fit, NotImplementedError for
    ``options``: PyTorch's way to compute the same in pieces.
    """
    if options is not None:
        raise NotImplementedError("[linear_cross_entropy] options is not in wengert yet; use options=None")
    _check(input, linear_weight, linear_bias)
    classes, *sizes, features = linear_weight.shape
    bias = None if linear_bias is None else linear_bias.reshape(-1)
    logits = linear(input, linear_weight.reshape(-1, features), bias).reshape(*input.shape[:-1], classes, *sizes)
    if target.shape == logits.shape and ignore_index is not None:
        raise RuntimeError("ignore_index cannot be specified when target contains probabilities")
    return cross_entropy(logits, target, weight, ignore_index=-100 if ignore_index is None else ignore_index,
                         reduction=reduction, label_smoothing=label_smoothing)


def _check(input: Tensor, weight: Tensor, bias: Tensor | None) -> None:
    fits = input.dim() in (1, 2) and weight.dim() >= 2 and input.shape[-1] == weight.shape[-1]
    if not fits or (weight.dim() > 2 and input.dim() == 1):
        raise ShapeError(
            "[linear_cross_entropy] expected an input (N, F) or (F,) and a linear_weight (C, F), or (N, F) and "
            f"(C, *sizes, F); got input {list(input.shape)} and linear_weight {list(weight.shape)}"
        )
    if bias is not None and bias.shape != weight.shape[:-1]:
        raise ShapeError(
            f"[linear_cross_entropy] expected linear_bias of shape {list(weight.shape[:-1])}; got {list(bias.shape)}"
        )
