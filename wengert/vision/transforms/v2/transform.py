"""What transforms of this package share: a sample may be any nest of images, masks, boxes and other things, and one
draw is for all of it."""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from typing import Any

import wengert as torch
from wengert import Tensor, nn

from ....utils._pytree import tree_flatten, tree_unflatten
from ... import tv_tensors
from . import functional

Check = type | Callable[[Any], bool]


def is_picture(value: Any) -> bool:
    """Whether this is a picture of Pillow's, which need not be installed."""
    return hasattr(value, "getbands") and not isinstance(value, Tensor)


def fits(value: Any, checks: Sequence[Check]) -> bool:
    """Whether a value is of one of the kinds."""
    return any(isinstance(value, check) if isinstance(check, type) else check(value) for check in checks)


IMAGES: tuple[Check, ...] = (functional.is_pure_tensor, tv_tensors.Image, is_picture, tv_tensors.Video)


def check_type(obj: Any, types_or_checks: Sequence[Check]) -> bool:
    """Whether a value is of one of the kinds, or a check says so.

    >>> from wengert.vision import tv_tensors
    >>> from wengert.vision.transforms import v2
    >>> boxes = tv_tensors.BoundingBoxes(torch.tensor([[1, 1, 9, 9]]), format="XYXY", canvas_size=(6, 8))
    >>> v2.check_type(boxes, (tv_tensors.BoundingBoxes,))
    True
    """
    return fits(obj, types_or_checks)


def has_any(flat_inputs: Sequence[Any], *types_or_checks: Check) -> bool:
    """Whether a part of a sample is of one of the kinds.

    >>> from wengert.vision import tv_tensors
    >>> from wengert.vision.transforms import v2
    >>> boxes = tv_tensors.BoundingBoxes(torch.tensor([[1, 1, 9, 9]]), format="XYXY", canvas_size=(6, 8))
    >>> image = torch.arange(48, dtype=torch.uint8).reshape(3, 4, 4)
    >>> v2.has_any([image, boxes], tv_tensors.BoundingBoxes, tv_tensors.Mask)
    True
    """
    return any(fits(each, types_or_checks) for each in flat_inputs)


def has_all(flat_inputs: Sequence[Any], *types_or_checks: Check) -> bool:
    """Whether a sample has a part of each of the kinds.

    >>> from wengert.vision import tv_tensors
    >>> from wengert.vision.transforms import v2
    >>> boxes = tv_tensors.BoundingBoxes(torch.tensor([[1, 1, 9, 9]]), format="XYXY", canvas_size=(6, 8))
    >>> image = torch.arange(48, dtype=torch.uint8).reshape(3, 4, 4)
    >>> v2.has_all([image, boxes], tv_tensors.BoundingBoxes, tv_tensors.Mask)
    False
    """
    return all(has_any(flat_inputs, check) for check in types_or_checks)


def _first(flat_inputs: Sequence[Any], kind: type, what: str) -> Any:
    found = [each for each in flat_inputs if isinstance(each, kind)]
    if not found:
        raise ValueError(f"No {what} were found in the sample")
    if len(found) > 1:
        raise ValueError(f"Found multiple {what} instances in the sample")
    return found[0]


def get_bounding_boxes(flat_inputs: Sequence[Any]) -> Any:
    """The boxes of a sample. Raises ValueError unless there is one tensor of them.

    >>> from wengert.vision import tv_tensors
    >>> from wengert.vision.transforms import v2
    >>> boxes = tv_tensors.BoundingBoxes(torch.tensor([[1, 1, 9, 9]]), format="XYXY", canvas_size=(6, 8))
    >>> image = torch.arange(48, dtype=torch.uint8).reshape(3, 4, 4)
    >>> v2.get_bounding_boxes([image, boxes]).tolist()
    [[1, 1, 9, 9]]
    """
    return _first(flat_inputs, tv_tensors.BoundingBoxes, "bounding boxes")


def get_keypoints(flat_inputs: Sequence[Any]) -> Any:
    """The points of a sample. Raises ValueError unless there is one tensor of them.

    >>> from wengert.vision import tv_tensors
    >>> from wengert.vision.transforms import v2
    >>> points = tv_tensors.KeyPoints(torch.tensor([[1, 1], [9, 9]]), canvas_size=(6, 8))
    >>> image = torch.arange(48, dtype=torch.uint8).reshape(3, 4, 4)
    >>> list(v2.get_keypoints([image, points]))[0].shape
    torch.Size([2])
    """
    return _first(flat_inputs, tv_tensors.KeyPoints, "keypoints")


def _the_one(sizes: set[tuple[int, ...]], what: str) -> tuple[int, ...]:
    if not sizes:
        raise TypeError(f"No {what} was found in the sample")
    if len(sizes) > 1:
        raise ValueError(f"Found multiple sizes in the sample: {', '.join(map(str, sorted(sizes)))}")
    return sizes.pop()


def query_chw(flat_inputs: list[Any]) -> tuple[int, ...]:
    """(channels, height, width) of the images of a sample. Raises TypeError without any, ValueError where they
    differ.

    >>> from wengert.vision.transforms import v2
    >>> v2.query_chw([torch.zeros(3, 4, 5)])
    (3, 4, 5)
    """
    return _the_one({tuple(functional.get_dimensions(each)) for each in flat_inputs if fits(each, IMAGES)},
                    "image or video")


def query_size(flat_inputs: list[Any]) -> tuple[int, ...]:
    """(height, width) of the images, masks, boxes and points of a sample.

    >>> from wengert.vision.transforms import v2
    >>> v2.query_size([torch.zeros(3, 4, 5)])
    (4, 5)
    """
    kinds = (*IMAGES, tv_tensors.Mask, tv_tensors.BoundingBoxes, tv_tensors.KeyPoints)
    return _the_one({tuple(functional.get_size(each)) for each in flat_inputs if fits(each, kinds)},
                    "image, video, mask, bounding box or keypoint")


class Transform(nn.Module):
    """The base of all: `make_params` draws for the whole sample, `transform` changes each part of it.

    Of plain tensors the first is the image, if there is no other; the rest stays as it is.

    >>> from wengert.vision.transforms import v2
    >>> class Doubled(v2.Transform):
    ...     def transform(self, inpt, params):
    ...         return inpt * 2
    >>> Doubled()({"a": torch.tensor([1, 2])})
    {'a': tensor([2, 4])}
    """

    _transformed_types: tuple[Check, ...] = (Tensor, is_picture)

    def check_inputs(self, flat_inputs: list[Any]) -> None:
        """Raises for a sample that cannot be transformed."""

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """What is drawn for a sample."""
        return {}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """A part of the sample, changed. NotImplementedError here: a class derived from this has it."""
        raise NotImplementedError("[Transform] transform was expected in the class that derives from it")

    def forward(self, *inputs: Any) -> Any:
        """The sample, changed: what was given as one or as several."""
        flat, spec = tree_flatten(inputs if len(inputs) > 1 else inputs[0])
        self.check_inputs(flat)
        return tree_unflatten(self._changed(flat), spec)

    def _changed(self, flat: list[Any]) -> list[Any]:
        needed = self._needs_transform_list(flat)
        params = self.make_params([each for each, needs in zip(flat, needed, strict=True) if needs])
        return [self.transform(each, params) if needs else each for each, needs in zip(flat, needed, strict=True)]

    def _needs_transform_list(self, flat_inputs: list[Any]) -> list[bool]:
        explicit = any(fits(each, (tv_tensors.Image, tv_tensors.Video, is_picture)) for each in flat_inputs)
        needed = []
        for each in flat_inputs:
            needs = fits(each, self._transformed_types)
            if needs and functional.is_pure_tensor(each):
                needs, explicit = not explicit, True
            needed.append(needs)
        return needed

    def extra_repr(self) -> str:
        """The settings."""
        kinds = (bool, int, float, str, tuple, list, enum.Enum)
        return ", ".join(f"{name}={value}" for name, value in self.__dict__.items()
                         if not name.startswith("_") and name != "training" and isinstance(value, kinds))


class ByChance(Transform):
    """A transform that happens with the probability ``p``."""

    def __init__(self, p: float = 0.5) -> None:
        if not 0.0 <= p <= 1.0:
            raise ValueError("`p` should be a floating point value in the interval [0.0, 1.0].")
        super().__init__()
        self.p = p

    def forward(self, *inputs: Any) -> Any:
        """The sample, changed or not."""
        sample = inputs if len(inputs) > 1 else inputs[0]
        flat, spec = tree_flatten(sample)
        self.check_inputs(flat)
        if torch.rand(1).item() >= self.p:
            return sample
        return tree_unflatten(self._changed(flat), spec)


class Compose(Transform):
    """Several transforms, one after the other. Raises TypeError and ValueError for what is no sequence, or an empty
    one."""

    def __init__(self, transforms: Sequence[Callable[..., Any]]) -> None:
        super().__init__()
        self.transforms = _several(transforms)

    def forward(self, *inputs: Any) -> Any:
        """The sample after all of them."""
        return _in_turn(self.transforms, inputs)

    def extra_repr(self) -> str:
        """A line a transform."""
        return "\n".join(f"    {each}" for each in self.transforms)


def _several(transforms: Any) -> Any:
    if not isinstance(transforms, (Sequence, nn.ModuleList)):
        raise TypeError("Argument transforms should be a sequence of callables")
    if not len(transforms):
        raise ValueError("Pass at least one transform")
    return transforms


def _in_turn(transforms: Any, inputs: tuple[Any, ...]) -> Any:
    several = len(inputs) > 1
    outputs: Any = inputs if several else inputs[0]
    for transform in transforms:
        outputs = transform(*outputs) if several else transform(outputs)
    return outputs


class RandomApply(Compose):
    """All transforms, or with the probability 1 - ``p`` none."""

    def __init__(self, transforms: Any, p: float = 0.5) -> None:
        super().__init__(transforms)
        if not 0.0 <= p <= 1.0:
            raise ValueError("`p` should be a floating point value in the interval [0.0, 1.0].")
        self.p = p

    def forward(self, *inputs: Any) -> Any:
        """The sample after all of them, or as it was."""
        if torch.rand(1).item() >= self.p:
            return inputs if len(inputs) > 1 else inputs[0]
        return _in_turn(self.transforms, inputs)


class RandomChoice(Compose):
    """One of the transforms, drawn with the weights ``p``."""

    def __init__(self, transforms: Sequence[Callable[..., Any]], p: Sequence[float] | None = None) -> None:
        super().__init__(transforms)
        weights = [1.0] * len(transforms) if p is None else list(p)
        if len(weights) != len(transforms):
            raise ValueError(f"Length of p doesn't match the number of transforms: {len(weights)} != {len(transforms)}")
        self.p = [weight / sum(weights) for weight in weights]

    def forward(self, *inputs: Any) -> Any:
        """The sample after the one."""
        return self.transforms[int(torch.multinomial(torch.tensor(self.p), 1))](*inputs)


class RandomOrder(Compose):
    """All transforms, in an order drawn."""

    def forward(self, *inputs: Any) -> Any:
        """The sample after all of them."""
        return _in_turn([self.transforms[place] for place in torch.randperm(len(self.transforms)).tolist()], inputs)


class Lambda(Transform):
    """A function of those parts of a sample that are of the ``types``, by default of all."""

    def __init__(self, lambd: Callable[[Any], Any], *types: type) -> None:
        super().__init__()
        self.lambd, self.types = lambd, types or (object,)
        self._transformed_types = self.types

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """What the function gives."""
        return self.lambd(inpt)

    def extra_repr(self) -> str:
        """The function and the types."""
        return f"{getattr(self.lambd, '__name__', self.lambd)}, types={[kind.__name__ for kind in self.types]}"


class Identity(Transform):
    """Nothing.

    >>> from wengert.vision.transforms import v2
    >>> v2.Identity()(torch.tensor([1, 2]))
    tensor([1, 2])
    """

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """The same."""
        return inpt
