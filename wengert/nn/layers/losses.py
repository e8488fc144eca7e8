"""Losses as modules. The formulas are with the functions of `wengert.nn.functional`."""

from __future__ import annotations

from ...core.frames import warn
from ...tensors.tensor import Tensor
from ..functional import losses as functional
from ..functional.reduction import from_flags
from ..module import Module


class Loss(Module):
    """The base: ``reduction`` is ``"mean"``, ``"sum"`` or ``"none"``; the flags are PyTorch's old way to say so."""

    reduction: str

    def __init__(self, size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean") -> None:
        super().__init__()
        old = size_average is not None or reduce is not None
        self.reduction = from_flags(size_average, reduce) if old else reduction


class WeightedLoss(Loss):
    """A loss with a weight of classes or elements, kept as a buffer."""

    weight: Tensor | None

    def __init__(self, weight: Tensor | None = None, size_average: bool | None = None, reduce: bool | None = None,
                 reduction: str = "mean") -> None:
        super().__init__(size_average, reduce, reduction)
        self.register_buffer("weight", weight)


class MSELoss(Loss):
    """(x − y)², of two tensors of one shape.

    >>> nn.MSELoss()(torch.tensor([1.0, 4.0]), torch.tensor([1.0, 1.0]))
    tensor(4.5000)
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return functional.mse_loss(input, target, reduction=self.reduction)


class L1Loss(Loss):
    """|x − y|, of two tensors of one shape.

    >>> nn.L1Loss()(torch.tensor([1.0, 5.0]), torch.tensor([2.0, 2.0]))
    tensor(2.)
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return functional.l1_loss(input, target, reduction=self.reduction)


class SmoothL1Loss(Loss):
    """½ (x − y)² / β where |x − y| < β, else |x − y| − ½ β.

    >>> nn.SmoothL1Loss(reduction="none")(torch.tensor([0.5, 3.0]), torch.zeros(2))
    tensor([0.1250, 2.5000])
    """

    def __init__(self, size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean",
                 beta: float = 1.0) -> None:
        super().__init__(size_average, reduce, reduction)
        self.beta = beta

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return functional.smooth_l1_loss(input, target, reduction=self.reduction, beta=self.beta)


class HuberLoss(Loss):
    """½ (x − y)² where |x − y| < δ, else δ (|x − y| − ½ δ).

    >>> nn.HuberLoss(reduction="none")(torch.tensor([0.5, 3.0]), torch.zeros(2))
    tensor([0.1250, 2.5000])
    """

    def __init__(self, reduction: str = "mean", delta: float = 1.0) -> None:
        if not isinstance(delta, (float, int)):
            raise TypeError(f"delta must be a float or int, got: {type(delta)}")
        super().__init__(reduction=reduction)
        self.delta = delta

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return functional.huber_loss(input, target, reduction=self.reduction, delta=self.delta)


class KLDivLoss(Loss):
    """y (log y − x), of log-probabilities x and probabilities y; with ``log_target`` the target holds logarithms.

    >>> p, q = torch.tensor([0.5, 0.5]), torch.tensor([0.9, 0.1])
    >>> nn.KLDivLoss(reduction="sum")(q.log(), p)
    tensor(0.5108)
    """

    def __init__(self, size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean",
                 log_target: bool = False) -> None:
        super().__init__(size_average, reduce, reduction)
        self.log_target = log_target

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return functional.kl_div(input, target, reduction=self.reduction, log_target=self.log_target)


class NLLLoss(WeightedLoss):
    """−x[n, target[n]], of log-probabilities ``(N, C, ...)`` and classes ``(N, ...)``.

    >>> scores = torch.tensor([[0.0, 0.0], [10.0, 0.0]])
    >>> nn.NLLLoss(reduction="none")(nn.LogSoftmax(dim=1)(scores), torch.tensor([1, 0]))
    tensor([6.9315e-01, 4.5418e-05])
    """

    def __init__(self, weight: Tensor | None = None, size_average: bool | None = None, ignore_index: int = -100,
                 reduce: bool | None = None, reduction: str = "mean") -> None:
        super().__init__(weight, size_average, reduce, reduction)
        self.ignore_index = ignore_index

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return functional.nll_loss(input, target, self.weight, ignore_index=self.ignore_index, reduction=self.reduction)


class NLLLoss2d(NLLLoss):
    """The old name of `NLLLoss`. Deprecated.

    >>> nn.NLLLoss2d()(torch.zeros(1, 2, 3, 3).log_softmax(1), torch.zeros(1, 3, 3, dtype=torch.int64))
    tensor(0.6931)
    """

    def __init__(self, weight: Tensor | None = None, size_average: bool | None = None, ignore_index: int = -100,
                 reduce: bool | None = None, reduction: str = "mean") -> None:
        warn("NLLLoss2d has been deprecated. Use NLLLoss instead.", FutureWarning)
        super().__init__(weight, size_average, ignore_index, reduce, reduction)


class CrossEntropyLoss(WeightedLoss):
    """`NLLLoss` of log-softmax: of scores ``(N, C, ...)`` and classes ``(N, ...)`` or probabilities ``(N, C, ...)``.

    >>> scores = torch.tensor([[2.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    >>> nn.CrossEntropyLoss(reduction="none")(scores, torch.tensor([0, 2]))
    tensor([0.2395, 1.0986])
    """

    def __init__(self, weight: Tensor | None = None, size_average: bool | None = None, ignore_index: int = -100,
                 reduce: bool | None = None, reduction: str = "mean", label_smoothing: float = 0.0) -> None:
        super().__init__(weight, size_average, reduce, reduction)
        self.ignore_index = ignore_index
        self.label_smoothing = label_smoothing

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return functional.cross_entropy(input, target, self.weight, ignore_index=self.ignore_index,
                                        reduction=self.reduction, label_smoothing=self.label_smoothing)


class BCELoss(WeightedLoss):
    """−(y log x + (1 − y) log(1 − x)), of probabilities x and targets y of one shape.

    >>> nn.BCELoss(reduction="none")(torch.tensor([0.9, 0.2]), torch.tensor([1.0, 0.0]))
    tensor([0.1054, 0.2231])
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return functional.binary_cross_entropy(input, target, self.weight, reduction=self.reduction)


class BCEWithLogitsLoss(WeightedLoss):
    """`BCELoss` of the sigmoid of scores; ``pos_weight`` weighs positive targets.

    >>> nn.BCEWithLogitsLoss()(torch.tensor([0.0, 5.0]), torch.tensor([1.0, 1.0]))
    tensor(0.3499)
    """

    pos_weight: Tensor | None

    def __init__(self, weight: Tensor | None = None, size_average: bool | None = None, reduce: bool | None = None,
                 reduction: str = "mean", pos_weight: Tensor | None = None) -> None:
        super().__init__(weight, size_average, reduce, reduction)
        self.register_buffer("pos_weight", pos_weight)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return functional.binary_cross_entropy_with_logits(
            input, target, self.weight, reduction=self.reduction, pos_weight=self.pos_weight
        )
