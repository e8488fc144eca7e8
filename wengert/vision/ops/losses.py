"""Losses of boxes and of detections."""

from __future__ import annotations

import math
from collections.abc import Callable

import wengert as torch
from wengert import Tensor, nn

from .boxes import weighed


def sigmoid_focal_loss(inputs: Tensor, targets: Tensor, alpha: float = 0.25, gamma: float = 2, reduction: str = "none"
                       ) -> Tensor:
    """Binary cross entropy of logits that counts what is right already less: times (1 - p)**``gamma`` for the
    probability p of what is true, and ``alpha`` where the target is 1, 1 - ``alpha`` where it is 0 (-1: neither).
    ``inputs`` and ``targets`` have one shape. Raises ValueError for another ``alpha`` or ``reduction`` (Lin et al.,
    *Focal loss for dense object detection*, 2017).

    >>> from wengert.vision import ops
    >>> ops.sigmoid_focal_loss(torch.tensor([2.0, -1.0]), torch.tensor([1.0, 0.0]), reduction="sum")
    tensor(0.0174)
    """
    if not 0 <= alpha <= 1 and alpha != -1:
        raise ValueError(f"Invalid alpha value: {alpha}. alpha must be in the range [0,1] or -1 for ignore.")
    p = torch.sigmoid(inputs)
    entropy = nn.functional.binary_cross_entropy_with_logits(inputs, targets, reduction="none")
    wrong = 1 - (p * targets + (1 - p) * (1 - targets))
    loss = entropy * wrong**gamma
    if alpha >= 0:
        loss = (alpha * targets + (1 - alpha) * (1 - targets)) * loss
    return _reduced(loss, reduction, loss.mean)


def _reduced(loss: Tensor, reduction: str, mean: Callable[[], Tensor]) -> Tensor:
    if reduction == "none":
        return loss
    if reduction == "sum":
        return loss.sum()
    if reduction == "mean":
        return mean()
    raise ValueError(f"Invalid Value for arg 'reduction': '{reduction} \n Supported reduction modes: 'none', 'mean', "
                     "'sum'")


def _boxes_reduced(loss: Tensor, reduction: str) -> Tensor:
    return _reduced(loss, reduction, lambda: loss.mean() if loss.numel() else 0.0 * loss.sum())


def _floating(boxes: Tensor) -> Tensor:
    return boxes if boxes.dtype in (torch.float32, torch.float64) else boxes.float()


def _shared(boxes1: Tensor, boxes2: Tensor) -> tuple[Tensor, Tensor]:
    """The areas of intersections and unions, pair by pair."""
    low, high = torch.max(boxes1[..., :2], boxes2[..., :2]), torch.min(boxes1[..., 2:], boxes2[..., 2:])
    touching = (high > low).all(-1)
    inside = torch.where(touching, (high - low).prod(-1), torch.zeros((), dtype=boxes1.dtype))
    areas = [(boxes[..., 2:] - boxes[..., :2]).prod(-1) for boxes in (boxes1, boxes2)]
    return inside, areas[0] + areas[1] - inside


def _around(boxes1: Tensor, boxes2: Tensor) -> Tensor:
    return torch.max(boxes1[..., 2:], boxes2[..., 2:]) - torch.min(boxes1[..., :2], boxes2[..., :2])


def generalized_box_iou_loss(boxes1: Tensor, boxes2: Tensor, reduction: str = "none", eps: float = 1e-7) -> Tensor:
    """1 less the generalized intersection over union of boxes (N, 4) with their counterparts (Rezatofighi et al.,
    2019). ``reduction`` is ``"none"``, ``"mean"`` or ``"sum"``; ValueError for another.

    >>> from wengert.vision import ops
    >>> boxes = torch.tensor([[0.0, 0.0, 4.0, 4.0], [0.0, 0.0, 4.0, 2.0], [6.0, 6.0, 9.0, 9.0]])
    >>> others = torch.tensor([[0.0, 0.0, 2.0, 4.0], [6.0, 6.0, 9.0, 9.0]])
    >>> ops.generalized_box_iou_loss(boxes[:2], others, reduction="sum")
    tensor(2.2901)
    """
    boxes1, boxes2 = _floating(boxes1), _floating(boxes2)
    inside, union = _shared(boxes1, boxes2)
    area = _around(boxes1, boxes2).prod(-1)
    return _boxes_reduced(1 - inside / (union + eps) + (area - union) / (area + eps), reduction)


def _distance(boxes1: Tensor, boxes2: Tensor, eps: float) -> tuple[Tensor, Tensor]:
    inside, union = _shared(boxes1, boxes2)
    iou = inside / (union + eps)
    diagonal = (_around(boxes1, boxes2) ** 2).sum(-1) + eps
    first, second = ((boxes[..., :2] + boxes[..., 2:]) / 2 for boxes in (boxes1, boxes2))
    return 1 - iou + ((first - second) ** 2).sum(-1) / diagonal, iou


def distance_box_iou_loss(boxes1: Tensor, boxes2: Tensor, reduction: str = "none", eps: float = 1e-7) -> Tensor:
    """1 less the intersection over union, and the squared distance of the centres by the diagonal around both (Zheng et
    al., 2019, equation 7).

    >>> from wengert.vision import ops
    >>> boxes = torch.tensor([[0.0, 0.0, 4.0, 4.0], [0.0, 0.0, 4.0, 2.0], [6.0, 6.0, 9.0, 9.0]])
    >>> others = torch.tensor([[0.0, 0.0, 2.0, 4.0], [6.0, 6.0, 9.0, 9.0]])
    >>> ops.distance_box_iou_loss(boxes[:2], others, reduction="mean")
    tensor(0.9894)
    """
    boxes1, boxes2 = _floating(boxes1), _floating(boxes2)
    return _boxes_reduced(_distance(boxes1, boxes2, eps)[0], reduction)


def complete_box_iou_loss(boxes1: Tensor, boxes2: Tensor, reduction: str = "none", eps: float = 1e-7) -> Tensor:
    """`distance_box_iou_loss` and what the ratios of the sides differ by (Zheng et al., 2019, equation 10).

    >>> from wengert.vision import ops
    >>> boxes = torch.tensor([[0.0, 0.0, 4.0, 4.0], [0.0, 0.0, 4.0, 2.0], [6.0, 6.0, 9.0, 9.0]])
    >>> others = torch.tensor([[0.0, 0.0, 2.0, 4.0], [6.0, 6.0, 9.0, 9.0]])
    >>> ops.complete_box_iou_loss(boxes[:2], others, reduction="sum")
    tensor(1.9837)
    """
    boxes1, boxes2 = _floating(boxes1), _floating(boxes2)
    loss, iou = _distance(boxes1, boxes2, 1e-7)
    first, second = (torch.atan((boxes[..., 2] - boxes[..., 0]) / (boxes[..., 3] - boxes[..., 1]))
                     for boxes in (boxes1, boxes2))
    return _boxes_reduced(loss + weighed(4 / math.pi**2 * (second - first) ** 2, iou, eps), reduction)
