"""Layers that end in a large number of classes: a softmax in clusters, and a linear layer with its loss."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any, NamedTuple

from ...ops import cat, where, zeros_like
from ...tensors.tensor import Tensor
from ..containers import ModuleList, Sequential
from ..functional import softmaxes
from ..functional.vocabulary import LinearCrossEntropyOptions as LinearCrossEntropyOptions
from ..functional.vocabulary import linear_cross_entropy
from ..module import Module
from .linear import Linear
from .losses import WeightedLoss


class _ASMoutput(NamedTuple):
    """What `AdaptiveLogSoftmaxWithLoss` returns: the log-probability of each target, and minus their mean."""

    output: Tensor
    loss: Tensor


class AdaptiveLogSoftmaxWithLoss(Module):
    """Log-softmax over many classes, the frequent ones first (Grave et al., *Efficient softmax approximation for GPUs*,
    2017).

    ``cutoffs`` divides the ``n_classes`` classes into a short list and clusters. The head scores the short list and
    the clusters; each cluster scores its classes through a layer ``div_value`` times narrower than the one before.
    Raises ValueError for cutoffs that do not rise between 1 and ``n_classes − 1``.

    >>> from wengert import nn
    >>> layer = nn.AdaptiveLogSoftmaxWithLoss(16, 100, cutoffs=[10, 50])
    >>> layer.head.weight.shape
    torch.Size([12, 16])
    """

    head: Linear
    tail: ModuleList

    def __init__(self, in_features: int, n_classes: int, cutoffs: Sequence[int], div_value: float = 4.0,
                 head_bias: bool = False, device: Any = None, dtype: Any = None) -> None:
        super().__init__()
        bounds = list(cutoffs)
        if not bounds:
            raise ValueError("cutoffs should be a sequence of length larger than 0")
        rising = all(low < high for low, high in zip([0, *bounds], [*bounds, n_classes], strict=True))
        if not rising or any(int(bound) != bound for bound in bounds):
            raise ValueError(
                "cutoffs should be a sequence of unique, positive integers sorted in an increasing order, where each "
                "value is between 1 and n_classes-1"
            )
        self.in_features = in_features
        self.n_classes = n_classes
        self.cutoffs = [*bounds, n_classes]
        self.div_value = div_value
        self.head_bias = head_bias
        self.shortlist_size = bounds[0]
        self.n_clusters = len(bounds)
        self.head_size = self.shortlist_size + self.n_clusters
        made = {"device": device, "dtype": dtype}
        self.head = Linear(in_features, self.head_size, bias=head_bias, **made)
        self.tail = ModuleList()
        for number, (low, high) in enumerate(self._clusters()):
            width = int(in_features // div_value ** (number + 1))
            first = Linear(in_features, width, bias=False, **made)
            self.tail.append(Sequential(first, Linear(width, high - low, bias=False, **made)))

    def _clusters(self) -> list[tuple[int, int]]:
        return list(zip(self.cutoffs, self.cutoffs[1:], strict=False))

    def reset_parameters(self) -> None:
        """Draws all parameters anew."""
        self.head.reset_parameters()
        for cluster in self.tail:
            for layer in cluster.children():
                layer.reset_parameters()

    def forward(self, input_: Tensor, target_: Tensor) -> _ASMoutput:
        """The log-probability of each target, ``(N,)``, and the mean loss; ``input_`` is ``(N, in_features)`` and
        ``target_`` ``(N,)``, or ``(in_features,)`` and ``()``. Raises RuntimeError for other shapes and classes."""
        _check_target(input_, target_)
        alone = target_.dim() == 0
        input, target = (input_.unsqueeze(0), target_.unsqueeze(0)) if alone else (input_, target_)
        if bool(((target < 0) | (target >= self.n_classes)).any()):
            raise RuntimeError(
                f"Target values should be in [0, {self.n_classes - 1}], but values in range [{target.min().item()}, "
                f"{target.max().item()}] were found. "
            )
        place = target  # among the scores of the head: the class itself, or its cluster
        parts = []
        for number, (low, high) in enumerate(self._clusters()):
            here = (target >= low) & (target < high)
            place = where(here, self.shortlist_size + number, place)
            rows = here.nonzero().squeeze(1)
            if rows.numel():
                scores = softmaxes.log_softmax(self.tail[number](input.index_select(0, rows)), 1)
                chosen = scores.gather(1, (target[rows] - low).unsqueeze(1)).squeeze(1)
                parts.append(zeros_like(input[:, 0]).index_copy(0, rows, chosen))
        output = softmaxes.log_softmax(self.head(input), 1).gather(1, place.unsqueeze(1)).squeeze(1)
        for part in parts:
            output = output + part
        loss = (-output).mean()
        return _ASMoutput(output.squeeze(0) if alone else output, loss)

    def log_prob(self, input: Tensor) -> Tensor:
        """The log-probabilities of all classes: ``(N, n_classes)`` for ``(N, in_features)``."""
        return self._log_prob(input, self.head(input))

    def _log_prob(self, input: Tensor, head_scores: Tensor) -> Tensor:
        head = softmaxes.log_softmax(head_scores, 1)
        parts = [head[:, : self.shortlist_size]]
        for number, cluster in enumerate(self.tail):
            column = self.shortlist_size + number
            parts.append(softmaxes.log_softmax(cluster(input), 1) + head[:, column : column + 1])
        return cat(parts, 1)

    def predict(self, input: Tensor) -> Tensor:
        """The likeliest class of each sample: ``(N,)``. Where the head prefers the short list, the clusters are not
        asked."""
        scores = self.head(input)
        best = scores.argmax(1)
        rare = best >= self.shortlist_size
        if not bool(rare.any()):
            return best
        rows = rare.nonzero().squeeze(1)
        full = self._log_prob(input.index_select(0, rows), scores.index_select(0, rows)).argmax(1)
        return best.index_copy(0, rows, full)


def _check_target(input: Tensor, target: Tensor) -> None:
    if target.dim() > 1:
        raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
    if input.dim() != target.dim() + 1:
        raise RuntimeError(
            f"{target.dim()}D target tensor expects {target.dim() + 1}D input tensors, but found inputs with size "
            f"{input.shape}"
        )
    if target.dim() == 1 and input.shape[0] != target.shape[0]:
        raise RuntimeError("Input and target should have the same size in the batch dimension.")


class LinearCrossEntropyLoss(WeightedLoss):
    """`CrossEntropyLoss` of a linear layer of its own, onto ``num_classes`` scores.

    For targets of more dimensions ``out_features`` gives their sizes; with ``options`` the scores are computed in
    pieces.

    >>> loss = nn.LinearCrossEntropyLoss(in_features=3, num_classes=5)
    >>> loss(torch.ones(2, 3), torch.tensor([0, 4])).shape
    torch.Size([])
    """

    linear: Linear

    def __init__(self, in_features: int, num_classes: int, *, out_features: tuple[int, ...] = (), bias: bool = False,
                 device: Any = None, dtype: Any = None, reduction: str = "mean", weight: Tensor | None = None,
                 ignore_index: int | None = None, label_smoothing: float = 0.0,
                 options: LinearCrossEntropyOptions | None = None) -> None:
        if weight is not None and weight.shape != (num_classes,):
            raise RuntimeError(f"expected weight shape to be {(num_classes,)}, got {tuple(weight.shape)}")
        if not 0 <= label_smoothing <= 1:
            raise RuntimeError(f"expected label_smoothing to be in range [0, 1], got {label_smoothing}")
        super().__init__(weight, reduction=reduction)
        self.num_classes = num_classes
        self.out_features = out_features
        self.ignore_index = ignore_index
        self.label_smoothing = label_smoothing
        self.linear = Linear(in_features, num_classes * prod(out_features), bias=bias, device=device, dtype=dtype)
        self.options = options

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        shape = (self.num_classes, *self.out_features)
        bias = self.linear.bias
        return linear_cross_entropy(input, self.linear.weight.reshape(*shape, self.linear.in_features), target,
                                    linear_bias=None if bias is None else bias.reshape(shape), weight=self.weight,
                                    reduction=self.reduction, ignore_index=self.ignore_index,
                                    label_smoothing=self.label_smoothing, options=self.options)

    def extra_repr(self) -> str:
        return (
            f"in_features={self.linear.in_features}, num_classes={self.num_classes}, out_features={self.out_features}, "
            f"bias={self.linear.bias is not None}, reduction={self.reduction}, ignore_index={self.ignore_index}, "
            f"label_smoothing={self.label_smoothing}, options={self.options}"
        )
