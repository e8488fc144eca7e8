"""The loss of a linear layer onto a large number of classes, in one call."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ...autograd import Function, enable_grad, grad, is_grad_enabled
from ...core.dtypes import DType, bfloat16, float16, float32, float64
from ...core.errors import ShapeError
from ...core.frames import warn
from ...ops import cat
from ...ops.halves import in_float32
from ...tensors.tensor import Tensor
from .affine import linear
from .losses import cross_entropy


@dataclass(slots=True, frozen=True)
class LinearCrossEntropyOptions:
    """How `linear_cross_entropy` computes the samples in pieces, so that the scores of all classes are never in memory
    for all samples at once: backward computes those of each piece again.

    ``batch_chunk_size`` is the number of samples in a piece (all, if None), or else ``chunking_method`` chooses it:
    ``"aspect_ratio:N"`` so that a piece's scores take about an N-th of the memory of the input, ``"auto"`` by an N of
    2. The other options are PyTorch's: half precision is always computed with in float32, and
    ``backward(retain_graph=True)`` always works.

    >>> nn.LinearCrossEntropyOptions(batch_chunk_size=128).batch_chunk_size
    128
    """

    allow_retain_graph: bool = False
    batch_chunk_size: int | None = None
    chunking_method: str | None = "auto"
    acc_policy: str = "auto"
    acc_dtype: DType | None = None

    def __post_init__(self) -> None:
        if self.acc_policy not in ("auto", "accurate", "balanced", "compact"):
            raise ValueError(f"invalid acc_policy: {self.acc_policy!r}")
        if self.chunking_method is not None and self.chunking_method != "auto":
            name, colon, factor = self.chunking_method.partition(":")
            if name != "aspect_ratio" or (colon and not (factor.isdigit() and int(factor))):
                raise ValueError(f"invalid chunking_method: {self.chunking_method!r}")
        size = self.batch_chunk_size
        if size is not None and (not isinstance(size, int) or size <= 0):
            raise ValueError(f"batch_chunk_size must be positive int or None, got {size!r}")
        if self.acc_dtype not in (None, float16, bfloat16, float32, float64):
            raise ValueError("acc_dtype must be one of {None, torch.float16, torch.bfloat16, torch.float32, "
                             f"torch.float64}}, got {self.acc_dtype!r}. Pass acc_dtype=None to let the op pick "
                             "automatically.")

    def piece(self, samples: int, features: int, classes: int) -> int:
        """How many samples go together."""
        given, method = self.batch_chunk_size, self.chunking_method
        if method is None or (method == "auto" and given is not None):
            return max(min(given or samples, samples), 1)
        factor = int("2" if method == "auto" else method.partition(":")[2] or "1")
        share = -(-samples // max(-(-classes // max(features, 1)), 1))
        found = max(min((1 << max(share - 1, 0).bit_length()) // factor, samples), 1)
        if given not in (None, found):
            raise ValueError(f"batch_chunk_size (={given}) and chunking_method ('{method}') give different chunk sizes "
                             f"({given} vs {found}); pass only one.")
        return found


@in_float32
def linear_cross_entropy(input: Tensor, linear_weight: Tensor, target: Tensor, *, linear_bias: Tensor | None = None,
                         weight: Tensor | None = None, reduction: str = "mean", ignore_index: int | None = None,
                         label_smoothing: float = 0.0,
                         options: LinearCrossEntropyOptions | None = None) -> Tensor:
    """`cross_entropy` of the logits ``linear(input, linear_weight, linear_bias)``.

    ``input`` is ``(N, F)`` or ``(F,)``; ``linear_weight`` ``(C, F)``, or ``(C, *sizes, F)`` for targets of more
    dimensions; ``linear_bias`` ``(C, *sizes)``. With ``options`` the samples are computed in pieces, where the target
    is of classes, ``sizes`` are none and labels are not smoothed. Raises ShapeError for shapes that do not fit.

    >>> x, w, labels = torch.tensor([[1.0, 0.0]]), torch.eye(2), torch.tensor([0])
    >>> F.linear_cross_entropy(x, w, labels), F.cross_entropy(F.linear(x, w), labels)
    (tensor(0.3133), tensor(0.3133))
    """
    _check(input, linear_weight, linear_bias)
    classes, *sizes, features = linear_weight.shape
    if target.shape == (*input.shape[:-1], classes, *sizes) and ignore_index is not None:
        raise RuntimeError("ignore_index cannot be specified when target contains probabilities")
    ignored = -100 if ignore_index is None else ignore_index
    if options is not None:
        if not sizes and label_smoothing == 0 and target.dtype.kind == "i" and reduction in ("none", "mean", "sum"):
            size = options.piece(input.shape[0] if input.dim() == 2 else 1, features, classes)
            return _in_pieces(input, linear_weight, target, linear_bias, weight, reduction, ignored, size)
        warn("linear_cross_entropy: ``options`` ignored; pieces need a target of classes, one score a class, "
             "no label_smoothing and a reduction that is known", UserWarning)
    bias = None if linear_bias is None else linear_bias.reshape(-1)
    logits = linear(input, linear_weight.reshape(-1, features), bias).reshape(*input.shape[:-1], classes, *sizes)
    return cross_entropy(logits, target, weight, ignore_index=ignored, reduction=reduction,
                         label_smoothing=label_smoothing)


class _Piece(Function):
    """The losses of some samples, which keeps no scores: backward computes them again."""

    @staticmethod
    def losses(rows: Tensor, weight: Tensor, bias: Tensor | None, labels: Tensor, class_weight: Tensor | None,
               ignored: int) -> Tensor:
        return cross_entropy(linear(rows, weight, bias), labels, class_weight, ignore_index=ignored, reduction="none")

    @staticmethod
    def forward(ctx: Any, rows: Tensor, weight: Tensor, bias: Tensor | None, *others: Any) -> Tensor:
        ctx.save_for_backward(rows, weight, bias)
        ctx.others = others
        return _Piece.losses(rows, weight, bias, *others)

    @staticmethod
    def backward(ctx: Any, ct: Tensor) -> tuple[Any, ...]:
        given, needs = ctx.saved_tensors, ctx.needs_input_grad[:3]
        higher = is_grad_enabled()
        with enable_grad():
            again = _Piece.losses(*given, *ctx.others)
        found = iter(grad(again, [x for x, need in zip(given, needs, strict=True) if need], ct, create_graph=higher))
        return (*(next(found) if need else None for need in needs), None, None, None)


def _in_pieces(input: Tensor, weight: Tensor, target: Tensor, bias: Tensor | None, class_weight: Tensor | None,
               reduction: str, ignored: int, size: int) -> Tensor:
    """The loss with the scores of ``size`` samples at a time, which backward computes again."""
    rows, labels = (input, target) if input.dim() == 2 else (input.unsqueeze(0), target.unsqueeze(0))
    parts = [_Piece.apply(rows[i:i + size], weight, bias, labels[i:i + size], class_weight, ignored)
             for i in range(0, max(len(rows), 1), size)]
    loss = cat(parts)
    if reduction == "none":
        return loss if input.dim() == 2 else loss.squeeze(0)
    if reduction == "sum":
        return loss.sum()
    counted = labels != ignored
    shares = counted.to(loss.dtype) if class_weight is None else class_weight[labels.where(counted, 0)] * counted
    return loss.sum() / shares.sum()


def _check(input: Tensor, weight: Tensor, bias: Tensor | None) -> None:
    if input.shape[-1:] != weight.shape[-1:]:
        raise ShapeError("[linear_cross_entropy] expected equal input and linear_weight last dimensions (in_features), "
                         f"got {input.shape[-1]} and {weight.shape[-1]}, respectively")
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
