"""Transforms of whole batches and of boxes."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import wengert as torch
from wengert import Tensor, nn

from ....utils._pytree import tree_flatten, tree_unflatten
from ... import tv_tensors
from . import functional
from .functional import is_pure_tensor
from .transform import Check, Transform, fits, get_keypoints, is_picture, query_size

Getter = Callable[[Any], Any]


def labels_of(inputs: Any) -> Any:
    """The labels of a sample: its second part, or of a dictionary the value under ``labels`` or a key like it. Raises
    ValueError where there are none."""
    if isinstance(inputs, (tuple, list)):
        inputs = inputs[1]
    if is_pure_tensor(inputs):
        return inputs
    if not isinstance(inputs, Mapping):
        raise ValueError("When using the default labels_getter, the input passed to forward must be a dictionary or a "
                         f"two-tuple whose second item is a dictionary or a tensor, but got {inputs} instead.")
    for wanted in (lambda key: key == "labels", lambda key: "label" in key):
        for key, value in inputs.items():
            if wanted(key.lower()):
                return value
    raise ValueError("Could not infer where the labels are in the sample. Try passing a callable as the labels_getter "
                     "parameter? If there are no labels in the sample by design, pass labels_getter=None.")


def getter_of(labels_getter: Any) -> Getter:
    """A function that finds the labels of a sample, for ``"default"``, a function, a key, or None for none."""
    if labels_getter == "default":
        return labels_of
    if callable(labels_getter):
        return labels_getter
    if labels_getter is None:
        return lambda inputs: None
    if isinstance(labels_getter, str):
        return lambda inputs: (inputs[1] if isinstance(inputs, (tuple, list)) else inputs)[labels_getter]
    raise ValueError(f"labels_getter should either be 'default', a callable, a key or None, but got {labels_getter}.")


class _Mixing(Transform):
    """What mixes each sample of a batch with the one before it, and their labels."""

    def __init__(self, *, alpha: float = 1.0, num_classes: int | None = None, labels_getter: Any = "default") -> None:
        super().__init__()
        self.alpha, self.num_classes = float(alpha), num_classes
        self._dist = torch.distributions.Beta(torch.tensor([alpha]), torch.tensor([alpha]))
        self._labels_getter = getter_of(labels_getter)

    def forward(self, *inputs: Any) -> Any:
        """The batch, mixed. Raises ValueError for pictures, masks and boxes, and for labels that do not fit."""
        sample = inputs if len(inputs) > 1 else inputs[0]
        flat, spec = tree_flatten(sample)
        if any(fits(each, (is_picture, tv_tensors.BoundingBoxes, tv_tensors.Mask)) for each in flat):
            raise ValueError(f"{type(self).__name__}() does not support PIL images, bounding boxes, keypoints and "
                             "masks.")
        labels = self._checked(self._labels_getter(sample))
        needed = self._needs_transform_list(flat)
        images = [each for each, needs in zip(flat, needed, strict=True) if needs]
        params = {"labels": labels, "batch_size": labels.shape[0], **self.make_params(images)}
        needed[next(place for place, each in enumerate(flat) if each is labels)] = True
        return tree_unflatten([self.transform(each, params) if needs else each
                               for each, needs in zip(flat, needed, strict=True)], spec)

    def _checked(self, labels: Any) -> Tensor:
        if not isinstance(labels, Tensor):
            raise ValueError(f"The labels must be a tensor, but got {type(labels)} instead.")
        if labels.ndim not in (1, 2):
            raise ValueError("labels should be index based with shape (batch_size,) or probability based with shape "
                             f"(batch_size, num_classes), but got a tensor of shape {tuple(labels.shape)} instead.")
        if labels.ndim == 2 and self.num_classes is not None and labels.shape[-1] != self.num_classes:
            raise ValueError("When passing 2D labels, the number of elements in last dimension must match num_classes: "
                             f"{labels.shape[-1]} != {self.num_classes}. You can Leave num_classes to None.")
        if labels.ndim == 1 and self.num_classes is None:
            raise ValueError("num_classes must be passed if the labels are index-based (1D)")
        return labels

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """The images or the labels of the batch, mixed."""
        if inpt is params["labels"]:
            labels = nn.functional.one_hot(inpt, num_classes=self.num_classes or -1) if inpt.ndim == 1 else inpt
            return _mixed(labels if labels.is_floating_point() else labels.float(), params["lam"])
        wanted = 5 if isinstance(inpt, tv_tensors.Video) else 4
        if inpt.ndim != wanted:
            raise ValueError(f"Expected a batched input with {wanted} dims, but got {inpt.ndim} dimensions instead.")
        if inpt.shape[0] != params["batch_size"]:
            raise ValueError("The batch size of the image or video does not match the batch size of the labels: "
                             f"{inpt.shape[0]} != {params['batch_size']}.")
        out = self.mix(inpt.as_subclass(Tensor), params)
        return tv_tensors.wrap(out, like=inpt) if isinstance(inpt, tv_tensors.TVTensor) else out

    def mix(self, images: Tensor, params: dict[str, Any]) -> Tensor:
        """The images of a batch, each mixed with the one before it."""
        raise NotImplementedError


def _mixed(values: Tensor, share: float) -> Tensor:
    return values.roll(1, 0).mul_(1.0 - share).add_(values.mul(share))


class MixUp(_Mixing):
    """Every image laid over the one before it, with the share drawn from Beta(``alpha``, ``alpha``), and their labels
    as probabilities (Zhang et al., *mixup*, 2018). The sample has images (N, C, H, W) and labels (N,) or (N,
    classes).

    >>> from wengert.vision.transforms import v2
    >>> images, labels = v2.MixUp(num_classes=3)(torch.rand(2, 3, 4, 4), torch.tensor([0, 2]))
    >>> images.shape, labels.sum(dim=1)
    (torch.Size([2, 3, 4, 4]), tensor([1., 1.]))
    """

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """The share."""
        return {"lam": float(self._dist.sample(()))}

    def mix(self, images: Tensor, params: dict[str, Any]) -> Tensor:
        """The images laid over each other."""
        return _mixed(images, params["lam"])


class CutMix(_Mixing):
    """A rectangle of every image from the one before it, with the share drawn from Beta(``alpha``, ``alpha``), and
    their labels as probabilities (Yun et al., *CutMix*, 2019).

    >>> from wengert.vision.transforms import v2
    >>> images, labels = v2.CutMix(num_classes=3)(torch.rand(2, 3, 4, 4), torch.tensor([0, 2]))
    >>> images.shape, labels.shape
    (torch.Size([2, 3, 4, 4]), torch.Size([2, 3]))
    """

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """The rectangle, and the share that is left."""
        share = float(self._dist.sample(()))
        height, width = query_size(flat_inputs)
        x, y = int(torch.randint(width, size=(1,))), int(torch.randint(height, size=(1,)))
        side = 0.5 * math.sqrt(1.0 - share)
        across, down = int(side * width), int(side * height)
        x1, y1, x2, y2 = max(x - across, 0), max(y - down, 0), min(x + across, width), min(y + down, height)
        return {"box": (x1, y1, x2, y2), "lam": float(1.0 - (x2 - x1) * (y2 - y1) / (width * height))}

    def mix(self, images: Tensor, params: dict[str, Any]) -> Tensor:
        """The images with rectangles."""
        x1, y1, x2, y2 = params["box"]
        out = images.clone()
        out[..., y1:y2, x1:x2] = images.roll(1, 0)[..., y1:y2, x1:x2]
        return out


class ConvertBoundingBoxFormat(Transform):
    """Boxes in another format.

    >>> from wengert.vision import tv_tensors
    >>> from wengert.vision.transforms import v2
    >>> boxes = tv_tensors.BoundingBoxes(torch.tensor([[1, 1, 9, 9]]), format="XYXY", canvas_size=(6, 8))
    >>> v2.ConvertBoundingBoxFormat("CXCYWH")(boxes).tolist()
    [[5.0, 5.0, 8.0, 8.0]]
    """

    _transformed_types: tuple[Check, ...] = (tv_tensors.BoundingBoxes,)

    def __init__(self, format: str | tv_tensors.BoundingBoxFormat) -> None:
        super().__init__()
        self.format = tv_tensors.BoundingBoxFormat[format.upper()] if isinstance(format, str) else format

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """One in the format."""
        return functional.convert_bounding_box_format(inpt, new_format=self.format)


class ClampBoundingBoxes(Transform):
    """Boxes cut to their image.

    >>> from wengert.vision import tv_tensors
    >>> from wengert.vision.transforms import v2
    >>> boxes = tv_tensors.BoundingBoxes(torch.tensor([[1, 1, 9, 9]]), format="XYXY", canvas_size=(6, 8))
    >>> v2.ClampBoundingBoxes()(boxes).tolist()
    [[1, 1, 8, 6]]
    """

    _transformed_types: tuple[Check, ...] = (tv_tensors.BoundingBoxes,)

    def __init__(self, clamping_mode: str | None = "auto") -> None:
        super().__init__()
        self.clamping_mode = clamping_mode

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """One cut."""
        return functional.clamp_bounding_boxes(inpt, clamping_mode=self.clamping_mode)


class SanitizeBoundingBoxes(Transform):
    """Boxes left out, with their labels and masks, that are smaller than ``min_size`` along a side or ``min_area``, or
    reach out of their image.

    >>> from wengert.vision import tv_tensors
    >>> from wengert.vision.transforms import v2
    >>> boxes = tv_tensors.BoundingBoxes(torch.tensor([[1, 1, 9, 9]]), format="XYXY", canvas_size=(6, 8))
    >>> sample = {"boxes": boxes, "labels": torch.tensor([5])}
    >>> v2.SanitizeBoundingBoxes()(v2.ClampBoundingBoxes()(sample))["labels"]
    tensor([5])
    """

    def __init__(self, min_size: float = 1.0, min_area: float = 1.0, labels_getter: Any = "default") -> None:
        super().__init__()
        if min_size < 1 or min_area < 1:
            raise ValueError(f"min_size and min_area must be >= 1, got {min_size} and {min_area}.")
        self.min_size, self.min_area, self.labels_getter = min_size, min_area, labels_getter
        self._labels_getter = getter_of(labels_getter)

    def forward(self, *inputs: Any) -> Any:
        """The sample without them. Raises ValueError without boxes, or where labels are not as many."""
        sample = inputs if len(inputs) > 1 else inputs[0]
        found = self._labels_getter(sample)
        labels = list(found) if isinstance(found, (tuple, list)) else [] if found is None else [found]
        flat, spec = tree_flatten(sample)
        boxes = [each for each in flat if isinstance(each, tv_tensors.BoundingBoxes)]
        if len(boxes) != 1:
            raise ValueError("[SanitizeBoundingBoxes] one tensor of boxes was expected in the sample; got "
                             f"{len(boxes)}")
        wrong = [each for each in labels if len(each) != len(boxes[0])]
        if wrong:
            raise ValueError(f"Number of boxes (shape={tuple(boxes[0].shape)}) and must match the number of labels. "
                             f"Found labels with shape={tuple(wrong[0].shape)}).")
        kept = functional.sanitize_bounding_boxes(boxes[0], min_size=self.min_size, min_area=self.min_area)[1]
        return tree_unflatten([self._without(each, kept, labels) for each in flat], spec)

    def _without(self, each: Any, kept: Tensor, labels: list[Any]) -> Any:
        mask = isinstance(each, tv_tensors.Mask) and len(each) == len(kept)  # one for each box
        if not (mask or isinstance(each, tv_tensors.BoundingBoxes)):
            return each[kept] if any(each is label for label in labels) else each
        return tv_tensors.wrap(each.as_subclass(Tensor)[kept], like=each)


class SetClampingMode(Transform):
    """Boxes that are cut in another way from here on: ``"soft"``, ``"hard"``, or None for not at all.

    >>> from wengert.vision import tv_tensors
    >>> from wengert.vision.transforms import v2
    >>> boxes = tv_tensors.BoundingBoxes(torch.tensor([[1, 1, 9, 9]]), format="XYXY", canvas_size=(6, 8))
    >>> v2.SetClampingMode("hard")(boxes).clamping_mode
    'hard'
    """

    _transformed_types: tuple[Check, ...] = (tv_tensors.BoundingBoxes,)

    def __init__(self, clamping_mode: str | None) -> None:
        super().__init__()
        if clamping_mode not in (None, "soft", "hard"):
            raise ValueError(f"clamping_mode must be soft, hard or None, got {clamping_mode}")
        self.clamping_mode = clamping_mode

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """Some with the mode."""
        return tv_tensors.wrap(inpt.as_subclass(Tensor), like=inpt, clamping_mode=self.clamping_mode)


class ClampKeyPoints(Transform):
    """Points outside of their image put onto its edge.

    >>> from wengert.vision import tv_tensors
    >>> from wengert.vision.transforms import v2
    >>> points = tv_tensors.KeyPoints(torch.tensor([[1, 1], [9, 9]]), canvas_size=(6, 8))
    >>> v2.ClampKeyPoints()(points).tolist()
    [[1, 1], [7, 5]]
    """

    _transformed_types: tuple[Check, ...] = (tv_tensors.KeyPoints,)

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """Some inside."""
        return functional.clamp_keypoints(inpt)


class SanitizeKeyPoints(Transform):
    """Points, or groups of them, left out, with their labels, that lie outside of their image.

    >>> from wengert.vision import tv_tensors
    >>> from wengert.vision.transforms import v2
    >>> points = tv_tensors.KeyPoints(torch.tensor([[1, 1], [9, 9]]), canvas_size=(6, 8))
    >>> v2.SanitizeKeyPoints()(points).tolist()
    [[1, 1]]
    """

    def __init__(self, labels_getter: Any = None) -> None:
        super().__init__()
        self.labels_getter, self._labels_getter = labels_getter, getter_of(labels_getter)

    def forward(self, *inputs: Any) -> Any:
        """The sample without them. Raises ValueError without points, or where labels are not as many."""
        sample = inputs if len(inputs) > 1 else inputs[0]
        found = self._labels_getter(sample)
        labels = list(found) if isinstance(found, (tuple, list)) else [] if found is None else [found]
        flat, spec = tree_flatten(sample)
        points = get_keypoints(flat)
        for label in labels:
            if not isinstance(label, Tensor):
                raise ValueError("The labels in the input to forward() must be a tensor or None, got "
                                 f"{type(label)} instead.")
            if len(label) != len(points):
                raise ValueError(f"Number of kepyoints (shape={points.shape}) must match the number of labels. Found "
                                 f"labels with shape={label.shape}).")
        cleaned, kept = functional.sanitize_keypoints(points)
        return tree_unflatten([cleaned if each is points else each[kept] if any(each is label for label in labels)
                               else each for each in flat], spec)
