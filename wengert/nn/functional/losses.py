"""Loss functions. Each returns a 0-d tensor, or with ``reduction="none"`` the loss of every element.

``size_average`` and ``reduce`` are PyTorch's old way to choose a reduction and still work, with a warning.
"""

from __future__ import annotations

from ...core.dtypes import int64, uint8
from ...core.errors import DTypeError, ShapeError
from ...core.frames import warn
from ...core.primitive import COMPLEX, REAL_ONLY, TRUTHS, P
from ...ops import broadcast_shapes, broadcast_tensors, xlogy
from ...ops.arguments import integer
from ...ops.halves import in_float32
from ...tensors.apply import check_constant, check_none, check_takes
from ...tensors.overrides import UNASKED, asking, once_more
from ...tensors.tensor import Tensor
from .reduction import choose, reduced


def mse_loss(input: Tensor, target: Tensor, size_average: bool | None = None, reduce: bool | None = None,
             reduction: str = "mean", weight: Tensor | None = None) -> Tensor:
    """(x − y)². Warns where the shapes differ and are broadcast.

    ``weight``, of the shape of ``input``, weighs the elements; the mean is then a weighted mean.

    >>> import wengert as torch
    >>> F.mse_loss(torch.tensor([1.0, 4.0]), torch.tensor([1.0, 1.0]))
    tensor(4.5000)
    """
    try:
        reduction = choose(reduction, size_average, reduce)
        check_takes("mse_loss", REAL_ONLY, input, target)
        if input._data.dtype is not target._data.dtype:
            check_none("mse_loss", COMPLEX, input, target)
        _check_weight(weight, input)
        if input.shape != target.shape:
            input, target = _broadcast(input, target)
        if weight is None:
            return P.mse_loss(input, target, reduction=reduction)
        return _weighted_mean(P.mse_loss(input, target, reduction="none"), weight, reduction)
    except UNASKED:
        return once_more(mse_loss, input, target, size_average, reduce, reduction, weight)


@asking
def l1_loss(input: Tensor, target: Tensor, size_average: bool | None = None, reduce: bool | None = None,
            reduction: str = "mean", weight: Tensor | None = None) -> Tensor:
    """|x − y|. Warns where the shapes differ and are broadcast. ``weight`` as for `mse_loss`.

    >>> F.l1_loss(torch.tensor([1.0, 5.0]), torch.tensor([2.0, 2.0]))
    tensor(2.)
    """
    reduction = choose(reduction, size_average, reduce)
    _check_weight(weight, input)
    if input.shape != target.shape:
        input, target = _broadcast(input, target)
    loss = (input - target).abs()
    return reduced(loss, reduction) if weight is None else _weighted_mean(loss, weight, reduction)


@asking
def smooth_l1_loss(input: Tensor, target: Tensor, size_average: bool | None = None, reduce: bool | None = None,
                   reduction: str = "mean", beta: float = 1.0) -> Tensor:
    """½ (x − y)² / β where |x − y| < β, else |x − y| − ½ β. Raises RuntimeError for a negative β.

    >>> F.smooth_l1_loss(torch.tensor([0.5, 3.0]), torch.zeros(2), reduction="none")
    tensor([0.1250, 2.5000])
    """
    reduction = choose(reduction, size_average, reduce)
    if beta < 0:
        raise RuntimeError(f"[smooth_l1_loss] smooth_l1_loss does not support negative values for beta; got {beta}")
    check_takes("smooth_l1_loss", REAL_ONLY, input, target)
    if input._data.dtype is not target._data.dtype:
        check_none("smooth_l1_loss", COMPLEX, input, target)
    if input.shape != target.shape:
        input, target = _broadcast(input, target)
    if beta == 0:
        return reduced((input - target).abs(), reduction)
    return P.smooth_l1_loss(input, target, reduction=reduction, beta=beta)


@asking
def huber_loss(
    input: Tensor, target: Tensor, reduction: str = "mean", delta: float = 1.0, weight: Tensor | None = None
) -> Tensor:
    """½ (x − y)² where |x − y| < δ, else δ (|x − y| − ½ δ). Raises RuntimeError unless δ > 0.

    >>> F.huber_loss(torch.tensor([0.5, 3.0]), torch.zeros(2), reduction="none")
    tensor([0.1250, 2.5000])
    """
    reduction = choose(reduction)
    if delta <= 0:
        raise RuntimeError(f"[huber_loss] huber_loss does not support non-positive values for delta; got {delta}")
    check_takes("huber_loss", REAL_ONLY, input, target)
    if input._data.dtype is not target._data.dtype:
        check_none("huber_loss", REAL_ONLY, input)
        check_none("huber_loss", COMPLEX, target)
    _check_weight(weight, input)
    if input.shape != target.shape:
        input, target = _broadcast(input, target)
    if weight is None:
        return P.huber_loss(input, target, reduction=reduction, delta=delta).to(input.dtype)
    return reduced(P.huber_loss(input, target, reduction="none", delta=delta) * weight, reduction)


@asking
def kl_div(input: Tensor, target: Tensor, size_average: bool | None = None, reduce: bool | None = None,
           reduction: str = "mean", log_target: bool = False) -> Tensor:
    """The Kullback-Leibler divergence y (log y − x), of log-probabilities x and probabilities y.

    ``log_target`` says that the target holds logarithms too. ``reduction="batchmean"`` is the divergence itself;
    ``"mean"`` divides by the number of elements and warns.

    >>> p, q = torch.tensor([0.5, 0.5]), torch.tensor([0.9, 0.1])
    >>> F.kl_div(q.log(), p, reduction="sum")
    tensor(0.5108)
    """
    batch_mean = reduction == "batchmean"
    if reduction == "mean" and size_average is None and reduce is None:
        warn("reduction: 'mean' divides the total loss by both the batch size and the support size."
             "'batchmean' divides only by the batch size, and aligns with the KL div math definition."
             "'mean' will be changed to behave the same as 'batchmean' in the next major release.")
    reduction = choose("sum" if batch_mean else reduction, size_average, reduce)
    _check_floats("kl_div", input, target)
    loss = target.exp() * (target - input) if log_target else xlogy(target, target) - target * input
    total = reduced(loss, reduction)
    return total / input.shape[0] if batch_mean and input.dim() else total


@asking
def binary_cross_entropy(input: Tensor, target: Tensor, weight: Tensor | None = None, size_average: bool | None = None,
                         reduce: bool | None = None, reduction: str = "mean") -> Tensor:
    """−(y log x + (1 − y) log(1 − x)), of probabilities x and targets y in [0, 1] of the same shape.

    ``weight`` is broadcast to that shape. Raises ValueError for different shapes and RuntimeError for an x outside
    [0, 1].

    >>> F.binary_cross_entropy(torch.tensor([0.9, 0.2]), torch.tensor([1.0, 0.0]), reduction="none")
    tensor([0.1054, 0.2231])
    """
    reduction = choose(reduction, size_average, reduce)
    if input.shape != target.shape:
        raise ValueError(
            f"Using a target size ({target.shape}) that is different to the input size ({input.shape}) is deprecated. "
            "Please ensure they have the same size."
        )
    if weight is None:
        return P.binary_cross_entropy(input, target, reduction=reduction)
    check_none("binary_cross_entropy", REAL_ONLY, input)
    check_none("binary_cross_entropy", COMPLEX, weight)
    check_constant("binary_cross_entropy", weight=weight)
    loss = P.binary_cross_entropy(input, target, weight.expand(target.shape), reduction=reduction)
    return loss if weight.dtype is input.dtype else loss.to(input.dtype)


def _check_floats(op: str, *operands: Tensor) -> None:
    for x in operands:
        if not x.is_floating_point():
            raise DTypeError(f"[{op}] floating input and target were expected; got {x.dtype}; convert with .float()")


@asking
def binary_cross_entropy_with_logits(input: Tensor, target: Tensor, weight: Tensor | None = None,
                                     size_average: bool | None = None, reduce: bool | None = None,
                                     reduction: str = "mean", pos_weight: Tensor | None = None) -> Tensor:
    """`binary_cross_entropy` of σ(x), computed from x without loss of accuracy.

    ``weight`` and ``pos_weight``, the weight of positive targets, are broadcast to the shape of ``input``. Raises
    ValueError for different shapes.

    >>> import wengert as torch
    >>> F.binary_cross_entropy_with_logits(torch.tensor([0.0]), torch.tensor([1.0]))
    tensor(0.6931)
    """
    reduction = choose(reduction, size_average, reduce)
    if input.shape != target.shape:
        raise ValueError(f"Target size ({target.shape}) must be the same as input size ({input.shape})")
    if target._data.dtype is not input._data.dtype:
        _check_floats("binary_cross_entropy_with_logits", input, target)
    weights = [weight, pos_weight] if pos_weight is not None else [weight] if weight is not None else []
    if weights:
        check_constant("binary_cross_entropy_with_logits", weight=weight, pos_weight=pos_weight)
    if weights or target._data.dtype is not input._data.dtype:
        check_none("binary_cross_entropy_with_logits", REAL_ONLY, input)
        check_none("binary_cross_entropy_with_logits", COMPLEX, target, weight, pos_weight)
        check_none("binary_cross_entropy_with_logits", TRUTHS, pos_weight)
        for given in weights:
            if given is not None and broadcast_shapes(input.shape, given.shape) != input.shape:
                raise ShapeError(f"[binary_cross_entropy_with_logits] output with shape {list(input.shape)} doesn't "
                                 f"match the broadcast shape {list(broadcast_shapes(input.shape, given.shape))}; "
                                 "weights that broadcast to the input were expected")
        loss = P.binary_cross_entropy_with_logits(input, target, *weights, reduction=reduction)
        return loss.to(target.dtype) if target.is_floating_point() else loss
    return P.binary_cross_entropy_with_logits(input, target, reduction=reduction)


def nll_loss(input: Tensor, target: Tensor, weight: Tensor | None = None, size_average: bool | None = None,
             ignore_index: int = -100, reduce: bool | None = None, reduction: str = "mean") -> Tensor:
    """−x[n, target[n]]: the negative log-likelihood of classes, given log-probabilities.

    ``input`` is ``(C,)``, ``(N, C)`` or ``(N, C, d₁, ...)``; ``target`` ``()``, ``(N,)`` or ``(N, d₁, ...)`` of int64.
    ``weight``, ``(C,)``, weighs classes, and the mean is weighted. Targets equal to ``ignore_index`` count nothing.
    Raises ValueError or ShapeError for shapes that do not fit, IndexError for a target that is no class.

    >>> scores = torch.tensor([[0.0, 0.0], [10.0, 0.0]])
    >>> F.nll_loss(F.log_softmax(scores, dim=1), torch.tensor([1, 0]), reduction="none")
    tensor([6.9315e-01, 4.5418e-05])
    """
    try:
        reduction = choose(reduction, size_average, reduce)
        _check_classes(input, target, weight)
        if type(ignore_index) is not int:
            ignore_index = integer(ignore_index, "nll_loss")
        if input.dim() == 1:
            input, target = input.unsqueeze(0), target.reshape(1)
            loss = _nll(input, target, weight, reduction, ignore_index)
            return loss.squeeze(0) if reduction == "none" else loss
        return _nll(input, target, weight, reduction, ignore_index)
    except UNASKED:
        return once_more(nll_loss, input, target, weight, size_average, ignore_index, reduce, reduction)


@in_float32
def cross_entropy(input: Tensor, target: Tensor, weight: Tensor | None = None, size_average: bool | None = None,
                  ignore_index: int = -100, reduce: bool | None = None, reduction: str = "mean",
                  label_smoothing: float = 0.0) -> Tensor:
    """`nll_loss` of ``log_softmax(input)``.

    ``input`` is ``(C,)``, ``(N, C)`` or ``(N, C, d₁, ...)``. ``target`` holds classes, as for `nll_loss`, or
    probabilities in the shape of ``input``. ``label_smoothing`` mixes that share of the uniform distribution into the
    target (Szegedy et al., 2016). Raises what `nll_loss` raises, and RuntimeError for a bad ``label_smoothing``.

    >>> import wengert as torch
    >>> scores = torch.tensor([[2.0, 0.0, 0.0], [0.0, 3.0, 0.0]], requires_grad=True)
    >>> F.cross_entropy(scores, torch.tensor([0, 1]))
    tensor(0.1672, grad_fn=<NllLossBackward0>)
    """
    reduction = choose(reduction, size_average, reduce)
    if not 0.0 <= label_smoothing <= 1.0:
        raise RuntimeError(f"[cross_entropy] label_smoothing must be between 0.0 and 1.0. Got: {label_smoothing}")
    dim = 0 if input.dim() == 1 else 1
    if target._data.shape == input._data.shape and input.dim():
        if not target.is_floating_point():
            raise RuntimeError(
                "[cross_entropy] Expected floating point type for target with class probabilities, got "
                f"{target.dtype}; for classes give a target of shape {(*input.shape[:dim], *input.shape[dim + 1 :])}"
            )
        return _probabilities(input, target, weight, ignore_index, reduction, label_smoothing, dim)
    if input.dim():
        log_probabilities = input.log_softmax(dim)
    else:
        raise ValueError("[cross_entropy] Expected 1 or more dimensions (got 0)")
    hard = nll_loss(log_probabilities, target, weight, ignore_index=ignore_index, reduction=reduction)
    if label_smoothing == 0:
        return hard
    return _smoothed(hard, log_probabilities, target, weight, ignore_index, reduction, label_smoothing, dim)


def _probabilities(
    input: Tensor, target: Tensor, weight: Tensor | None, ignore_index: int, reduction: str, smoothing: float, dim: int
) -> Tensor:
    """Cross-entropy with a distribution over the classes as the target."""
    if ignore_index >= 0:
        raise RuntimeError("[cross_entropy] ignore_index is not supported for floating point target")
    classes = input.shape[dim]
    _check_class_weight(weight, classes)
    if smoothing > 0:
        target = target * (1 - smoothing) + smoothing / classes
    products = input.log_softmax(dim) * target
    if weight is not None:
        products = products * _along(weight, dim, input.dim())
    if reduction == "none":
        return -products.sum(dim)
    total = -products.sum()
    return total / (input.numel() // classes) if reduction == "mean" else total


def _smoothed(hard: Tensor, log_probabilities: Tensor, target: Tensor, weight: Tensor | None, ignore_index: int,
              reduction: str, smoothing: float, dim: int) -> Tensor:
    """The loss for classes, with the share ``smoothing`` of it replaced by that of the uniform distribution."""
    classes = log_probabilities.shape[dim]
    if weight is None:
        uniform = -log_probabilities.sum(dim)
    else:
        uniform = -(log_probabilities * _along(weight, dim, log_probabilities.dim())).sum(dim)
    ignored = target == ignore_index
    uniform = uniform.masked_fill(ignored, 0.0)
    if reduction == "sum":
        uniform = uniform.sum()
    elif reduction == "mean":
        if weight is None:
            uniform = uniform.sum() / (~ignored).sum()
        else:
            if target.dtype is uint8:
                raise RuntimeError("[cross_entropy] expected scalar type Long but found Byte; convert the target with "
                                   ".long()")
            chosen = weight[target.masked_fill(ignored, 0).long()]
            uniform = uniform.sum() / chosen.masked_fill(ignored, 0.0).sum()
    return (1 - smoothing) * hard + uniform * (smoothing / classes)


def _nll(input: Tensor, target: Tensor, weight: Tensor | None, reduction: str, ignore_index: int) -> Tensor:
    if weight is None:
        return P.nll_loss(input, target, reduction=reduction, ignore_index=ignore_index)
    check_constant("nll_loss", weight=weight)
    return P.nll_loss(input, target, weight, reduction=reduction, ignore_index=ignore_index)


def _along(weight: Tensor, dim: int, rank: int) -> Tensor:
    """A weight of classes, shaped so that it broadcasts along dimension ``dim`` of ``rank``."""
    return weight.reshape(-1, *(1,) * (rank - 1 - dim))


def _broadcast(input: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    warn(
        f"Using a target size ({target.shape}) that is different to the input size ({input.shape}). This will likely "
        "lead to incorrect results due to broadcasting. Please ensure they have the same size.",
    )
    input, target = broadcast_tensors(input, target)
    return input, target


def _check_weight(weight: Tensor | None, input: Tensor) -> None:
    if weight is not None and weight.shape != input.shape:  # as it came, before it is broadcast
        raise ShapeError("Weights and input must have the same size.")


def _weighted_mean(loss: Tensor, weight: Tensor, reduction: str) -> Tensor:
    """The loss of weighted elements, reduced; a mean is one of the weights too."""
    weighted = loss * weight
    return weighted.sum() / weight.sum() if reduction == "mean" else reduced(weighted, reduction)


def _check_class_weight(weight: Tensor | None, classes: int) -> None:
    if weight is not None and tuple(weight.shape) != (classes,):
        raise ShapeError(
            f"[nll_loss] weight tensor should be defined either for all {classes} classes or no classes but got weight "
            f"tensor of shape: {list(weight.shape)}"
        )


def _check_classes(input: Tensor, target: Tensor, weight: Tensor | None) -> None:
    scores, classes = input._data.shape, target._data.shape
    if weight is None and len(scores) == 2 and classes == scores[:1] and target._data.dtype == int64.numpy:
        return
    rank = input.dim()
    if rank == 0:
        raise ValueError("[nll_loss] Expected 1 or more dimensions (got 0)")
    given, expected = tuple(target.shape), (*input.shape[:1], *input.shape[2:]) if rank > 1 else ()
    if rank > 1 and input.shape[0] != (given[0] if given else None):
        raise ValueError(f"[nll_loss] Expected input batch_size ({input.shape[0]}) to match target batch_size "
                         f"({given[0] if given else 0}); got input {tuple(input.shape)} and target {given}")
    if target.dtype is not int64 and target.dtype is not uint8:
        raise RuntimeError(
            f"[nll_loss] expected target dtype to be Long or Byte, but got {target.dtype}; convert it with .long()"
        )
    if rank > 2 and target.dtype is uint8:
        raise RuntimeError("[nll_loss] expected scalar type Long but found Byte; convert the target with .long()")
    if given != expected and not (rank == 1 and given == (1,)):
        raise ShapeError(f"[nll_loss] Expected target size {list(expected)}, got {list(given)} (input of shape "
                         f"{tuple(input.shape)}: the second dimension is that of the classes)")
    _check_class_weight(weight, input.shape[0 if rank == 1 else 1])
