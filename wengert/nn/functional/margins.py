"""Losses of margins and distances, and of counts and densities. Reductions as for `losses`."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ...core.dtypes import int64
from ...core.errors import DTypeError, OutOfRangeError, ShapeError
from ...core.primitive import COMPLEX, HALVES, INTEGERS, REAL_ONLY, TRUTHS, P
from ...ops import arange, broadcast_shapes, full_like, where, zeros_like
from ...ops.arguments import check_one_dtype
from ...ops.halves import in_float32
from ...tensors.absent import is_readable
from ...tensors.alias import type_name
from ...tensors.apply import check_constant, check_none, check_takes
from ...tensors.overrides import asking
from ...tensors.tensor import Tensor
from .activations import logsigmoid
from .affine import pairwise_distance
from .reduction import choose, reduced


@asking
def margin_ranking_loss(input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0,
                        size_average: bool | None = None, reduce: bool | None = None,
                        reduction: str = "mean") -> Tensor:
    """max(0, −y (x₁ − x₂) + margin), with y = ±1 saying which should be the larger. Raises ShapeError.

    >>> better, worse = torch.tensor([2.0, 1.0]), torch.tensor([1.0, 2.0])
    >>> F.margin_ranking_loss(better, worse, torch.ones(2), reduction="none")
    tensor([0., 1.])
    """
    reduction = choose(reduction, size_average, reduce)
    if not input1.dim() == input2.dim() == target.dim():
        raise ShapeError("[margin_ranking_loss] : All input tensors should have same dimension but got sizes: "
                         f"input1: {input1.shape}, input2: {input2.shape}, target: {target.shape} ")
    return ranking_loss(input1, input2, target, margin, reduction)


@in_float32
def ranking_loss(input1: Tensor, input2: Tensor, target: Tensor, margin: float, reduction: str) -> Tensor:
    """`margin_ranking_loss` of tensors that broadcast."""
    check_none("clamp", COMPLEX, input1, input2, target)
    return reduced(P.clamp(-target * (input1 - input2) + margin, low=0.0), reduction)


@in_float32
def hinge_embedding_loss(input: Tensor, target: Tensor, margin: float = 1.0, size_average: bool | None = None,
                         reduce: bool | None = None, reduction: str = "mean") -> Tensor:
    """x where the target is 1, max(0, margin − x) where it is −1.

    >>> F.hinge_embedding_loss(torch.tensor([0.5, 0.5]), torch.tensor([1, -1]), reduction="none")
    tensor([0.5000, 0.5000])
    """
    reduction = choose(reduction, size_average, reduce)
    check_none("hinge_embedding_loss", COMPLEX + INTEGERS, input)
    near = where(target != 1, P.clamp(margin - input, low=0.0), zeros_like(input))
    far = where(target != -1, input, zeros_like(input))
    return reduced(near + far, reduction)


@in_float32
def cosine_embedding_loss(input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0,
                          size_average: bool | None = None, reduce: bool | None = None,
                          reduction: str = "mean") -> Tensor:
    """1 − cos(x₁, x₂) where the target is 1, max(0, cos(x₁, x₂) − margin) where it is −1.

    Inputs are ``(N, D)`` with target ``(N,)``, or ``(D,)`` with target ``()``. Raises ShapeError.

    >>> a, b = torch.tensor([[1.0, 0.0]]), torch.tensor([[1.0, 1.0]])
    >>> F.cosine_embedding_loss(a, b, torch.tensor([1]))
    tensor(0.2929)
    """
    check_none("cosine_embedding_loss", COMPLEX, input1, input2)
    reduction = choose(reduction, size_average, reduce)
    if target.dim() + 1 != input1.dim() or input1.dim() != input2.dim() or target.dim() > 1:
        raise ShapeError(
            f"[cosine_embedding_loss] {target.dim()}D target tensor expects {target.dim() + 1}D input tensors, but "
            f"found inputs with sizes {list(input1.shape)} and {list(input2.shape)}."
        )
    small = 1e-12
    products, first, second = ((a * b).sum(-1) for a, b in ((input1, input2), (input1, input1), (input2, input2)))
    cosine = products / ((first + small) * (second + small)).sqrt()
    none = zeros_like(cosine)
    loss = where(target == 1, 1 - cosine, none) + where(target == -1, P.clamp(cosine - margin, low=0.0), none)
    return reduced(loss, reduction)


@in_float32
def triplet_margin_loss(anchor: Tensor, positive: Tensor, negative: Tensor, margin: float = 1.0, p: float = 2,
                        eps: float = 1e-6, swap: bool = False, size_average: bool | None = None,
                        reduce: bool | None = None, reduction: str = "mean") -> Tensor:
    """max(0, d(a, p) − d(a, n) + margin), d the p-norm of the difference along the last dimension.

    ``swap`` takes the smaller of d(a, n) and d(p, n) (Balntas et al., 2016). Raises ValueError unless margin > 0.

    >>> anchor, near, far = torch.zeros(2, 2), torch.eye(2), 1.5 * torch.eye(2)
    >>> F.triplet_margin_loss(anchor, near, far)
    tensor(0.5000)
    """
    reduction = choose(reduction, size_average, reduce)
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")

    def distance(x: Tensor, y: Tensor) -> Tensor:
        return pairwise_distance(x, y, p, eps)

    return _triplet(anchor, positive, negative, distance, margin, swap, reduction)


@asking
def triplet_margin_with_distance_loss(anchor: Tensor, positive: Tensor, negative: Tensor, *,
                                      distance_function: Callable[[Tensor, Tensor], Tensor] | None = None,
                                      margin: float = 1.0, swap: bool = False, reduction: str = "mean") -> Tensor:
    """`triplet_margin_loss` with a distance of one's own; `pairwise_distance` if None.

    >>> anchor, near, far = torch.zeros(2, 2), torch.eye(2), torch.full((2, 2), 0.75)
    >>> F.triplet_margin_with_distance_loss(anchor, near, far, distance_function=lambda a, b: (a - b).abs().sum(1))
    tensor(0.5000)
    """
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")
    distance = pairwise_distance if distance_function is None else distance_function
    return _triplet(anchor, positive, negative, distance, margin, swap, choose(reduction))


def _triplet(anchor: Tensor, positive: Tensor, negative: Tensor, distance: Callable[[Tensor, Tensor], Tensor],
             margin: float, swap: bool, reduction: str) -> Tensor:
    ranks = [anchor.dim(), positive.dim(), negative.dim()]
    if len(set(ranks)) > 1:
        raise RuntimeError("[triplet_margin_loss] The anchor, positive, and negative tensors are expected to have the "
                           f"same number of dimensions, but got: anchor {ranks[0]}D, positive {ranks[1]}D, and "
                           f"negative {ranks[2]}D inputs")
    near, far = distance(anchor, positive), distance(anchor, negative)
    if swap:
        far = P.minimum(far, distance(positive, negative))
    return reduced(P.clamp(near - far + margin, low=0.0), reduction)


@in_float32
def soft_margin_loss(input: Tensor, target: Tensor, size_average: bool | None = None, reduce: bool | None = None,
                     reduction: str = "mean") -> Tensor:
    """log(1 + e^(−y x)), with y = ±1.

    >>> F.soft_margin_loss(torch.tensor([2.0, 2.0]), torch.tensor([1.0, -1.0]), reduction="none")
    tensor([0.1269, 2.1269])
    """
    reduction = choose(reduction, size_average, reduce)
    check_none("soft_margin_loss", INTEGERS + TRUTHS, input)
    check_constant("soft_margin_loss", target=target)
    if not input.is_complex():
        check_none("soft_margin_loss", COMPLEX, target)
    if broadcast_shapes(input.shape, target.shape) != input.shape:
        raise ShapeError(f"[soft_margin_loss] output with shape {list(input.shape)} doesn't match the broadcast shape "
                         f"{list(broadcast_shapes(input.shape, target.shape))}; a target that broadcasts to the input "
                         "was expected")
    target = target.to(input.dtype)  # as PyTorch, which writes into the target's copy in the input's dtype
    return reduced(P.log1p(P.exp(-target * input)), reduction)


@asking
def multi_margin_loss(input: Tensor, target: Tensor, p: Any = 1, margin: float = 1.0, weight: Tensor | None = None,
                      size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean") -> Tensor:
    """The mean over the other classes of max(0, margin − x[y] + x[i])ᵖ, p being 1 or 2; ``input`` is ``(N, C)`` or
    ``(C,)``, ``weight`` ``(C,)``. Raises ValueError for another p or more dimensions of ``weight``.

    >>> F.multi_margin_loss(torch.tensor([[0.1, 0.8, 0.3]]), torch.tensor([1]))
    tensor(0.2667)
    """
    reduction = choose(reduction, size_average, reduce)
    check_takes("multi_margin_loss", REAL_ONLY + HALVES, input)
    if p not in (1, 2):
        raise ValueError("only p == 1 and p == 2 supported")
    if weight is not None and weight.dim() != 1:
        raise ValueError("weight must be one-dimensional")
    alone = input.dim() <= 1
    samples = 1 if alone else input.shape[0]
    if target.dim() > 1 or target.numel() != samples:
        raise ShapeError("[multi_margin_loss] target tensor should be 1-D with size equal to the number of input "
                         f"samples (batch size). Expected target size [{samples}], but got {list(target.shape)}. Input "
                         f"has shape {list(input.shape)}.")
    scores, classes = (input.reshape(1, -1), target.reshape(1)) if alone else (input, target)
    count = scores.shape[1]
    if samples and not count:
        raise ShapeError("[multi_margin_loss] Expected non-empty vector or matrix with optional 0-dim batch size, but "
                         f"got: {list(input.shape)}")
    if weight is not None and weight.numel() != count:
        raise ShapeError(f"[multi_margin_loss] inconsistent weight size, expected {count} but got {list(weight.shape)}")
    _check_classes("multi_margin_loss", target)
    if is_readable(classes) and classes.numel() and not (0 <= int(classes.min()) and int(classes.max()) < count):
        raise OutOfRangeError(f"[multi_margin_loss] target out of range: classes from 0 to {count - 1} were expected")
    chosen = classes.unsqueeze(1)
    short = margin - scores.gather(1, chosen) + scores
    slack = short if p == 1 else short * short
    if weight is not None:
        check_one_dtype("multi_margin_loss", input, weight)
        check_constant("multi_margin_loss", weight=weight)
        slack = slack * weight[classes].unsqueeze(1)
    slack = where((arange(scores.shape[1]) != chosen) & (short > 0), slack, zeros_like(slack))  # NaN is not above 0
    loss = slack.sum(1) / scores.shape[1]
    return reduced(loss.reshape(target.shape), reduction)


@in_float32
def multilabel_soft_margin_loss(input: Tensor, target: Tensor, weight: Tensor | None = None,
                                size_average: bool | None = None, reduce: bool | None = None,
                                reduction: str = "mean") -> Tensor:
    """The mean over the classes of −(y log σ(x) + (1 − y) log σ(−x)).

    >>> F.multilabel_soft_margin_loss(torch.tensor([[5.0, -5.0]]), torch.tensor([[1.0, 0.0]]))
    tensor(0.0067)
    """
    reduction = choose(reduction, size_average, reduce)
    loss = -(target * logsigmoid(input) + (1 - target) * logsigmoid(-input))
    if weight is not None:
        loss = loss * weight
    classes = input.dim() - 1  # of the input, also where the target has more dimensions
    return reduced(loss.sum(classes) / input.size(classes), reduction)


@in_float32
def poisson_nll_loss(input: Tensor, target: Tensor, log_input: bool = True, full: bool = False,
                     size_average: bool | None = None, eps: float = 1e-8, reduce: bool | None = None,
                     reduction: str = "mean") -> Tensor:
    """eˣ − y x, of the logarithm x of a Poisson rate, or x − y log(x + eps) of the rate itself; ``full`` adds
    Stirling's approximation of log y! where y > 1.

    >>> F.poisson_nll_loss(torch.tensor([0.0, 1.0]), torch.tensor([1.0, 1.0]), reduction="none")
    tensor([1.0000, 1.7183])
    """
    reduction = choose(reduction, size_average, reduce)
    loss = input.exp() - target * input if log_input else input - target * (input + eps).log()
    if full:
        stirling = target * target.log() - target + 0.5 * (2 * math.pi * target).log()
        loss = loss + stirling.masked_fill(target <= 1, 0)
    return reduced(loss, reduction)


@asking
def gaussian_nll_loss(input: Tensor, target: Tensor, var: Any, full: bool = False, eps: float = 1e-6,
                      reduction: str = "mean") -> Tensor:
    """½ (log v + (x − y)² / v), of mean x and variance v, which is at least ``eps``; ``full`` adds ½ log 2π.

    ``var`` has the shape of ``input``, or 1 in the last dimension, or lacks it. Raises ValueError for another, or a
    negative variance.

    >>> mean, target = torch.tensor([0.0]), torch.tensor([2.0])
    >>> F.gaussian_nll_loss(mean, target, torch.tensor([1.0]))
    tensor(2.)
    >>> F.gaussian_nll_loss(mean, target, torch.tensor([4.0]))
    tensor(1.1931)
    """
    if isinstance(var, int):
        raise TypeError(f"gaussian_nll_loss(): argument 'var' must be Tensor or float, not {type(var).__name__}")
    if isinstance(var, float):
        if var < 0:
            raise ValueError("var has negative entry/entries")
        var = full_like(input.detach(), float(var))
    elif is_readable(var) and bool((var < 0).any()):
        raise ValueError("var has negative entry/entries")
    if var.shape != input.shape:
        if input.shape[:-1] == var.shape:
            var = var.unsqueeze(-1)
        elif input.dim() != var.dim() or any(v not in (1, n) for v, n in zip(var.shape, input.shape, strict=True)):
            raise ValueError("var is of incorrect size")
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(reduction + " is not valid")
    if not (var.is_floating_point() or var.is_complex()):
        raise DTypeError(f"[gaussian_nll_loss] result type Float can't be cast to the desired output type "
                         f"{type_name(var.dtype.name)}; give var in a floating dtype")
    # The gradient passes the lower bound as if it were not there.
    bounded = where(var < eps, var - var.detach() + eps, var)
    loss = 0.5 * (bounded.log() + (input - target) ** 2 / bounded)
    if full:
        loss = loss + 0.5 * math.log(2 * math.pi)
    return reduced(loss, reduction)


@asking
def multilabel_margin_loss(input: Tensor, target: Tensor, size_average: bool | None = None, reduce: bool | None = None,
                           reduction: str = "mean") -> Tensor:
    """Σ max(0, 1 − x[y] + x[i]) / C over the classes y of a sample and those i that are not among them.

    ``input`` is ``(N, C)`` or ``(C,)``; ``target``, int64 of the same shape, lists the classes of each sample, ended by
    −1. Raises ShapeError for another shape, RuntimeError for a class that there is not.

    >>> F.multilabel_margin_loss(torch.tensor([[0.1, 0.2, 0.4, 0.8]]), torch.tensor([[3, 0, -1, 1]]))
    tensor(0.8500)
    """
    reduction = choose(reduction, size_average, reduce)
    check_takes("multilabel_margin_loss", INTEGERS + HALVES + COMPLEX, input)
    if input.dim() not in (0, 1, 2) or target.shape != input.shape or 0 in input.shape[-1:]:
        raise ShapeError(
            "[multilabel_margin_loss] expected an input (N, C) or (C,) and a target of the same shape; got input "
            f"{list(input.shape)} and target {list(target.shape)}"
        )
    _check_classes("multilabel_margin_loss", target)
    alone = input.dim() < 2
    scores, listed = (input.reshape(1, -1), target.reshape(1, -1)) if alone else (input, target)
    count = scores.shape[1]
    if is_readable(listed) and bool(((listed >= count) | (listed < -1)).any()):
        raise RuntimeError(
            f"[multilabel_margin_loss] argument #2 'target' is out of range: classes from -1 to {count - 1} were "
            f"expected; got {listed.tolist()!r:.80}"
        )
    counts = (listed < 0).cumsum(1) == 0  # up to the first -1
    classes = where(counts, listed, zeros_like(listed))
    among = ((classes.unsqueeze(2) == arange(count)) & counts.unsqueeze(2)).any(1)
    slack = 1 - scores.gather(1, classes).unsqueeze(2) + scores.unsqueeze(1)
    wanted = counts.unsqueeze(2) & among.logical_not().unsqueeze(1) & (slack > 0)  # NaN is not above 0
    loss = where(wanted, slack, zeros_like(slack)).sum((1, 2)) / count
    return reduced(loss.squeeze(0) if alone else loss, reduction)


def _check_classes(op: str, target: Tensor) -> None:
    if target.dtype is not int64:
        raise RuntimeError(f"[{op}] expected scalar type Long but found {type_name(target._data.dtype)}; convert the "
                           "target with .long()")
