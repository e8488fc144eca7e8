"""Transforms made of transforms, and of functions."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

import wengert as torch
from wengert import nn

from ...core.errors import in_words

Transform = Callable[[Any], Any]


def _rows(name: str, rows: Sequence[Any]) -> str:
    return "\n".join([f"{name}(", *(f"    {row}" for row in rows), ")"])


@in_words
class Compose:
    """Several transforms, one after the other.

    >>> from wengert.vision import transforms
    >>> transforms.Compose([transforms.CenterCrop(10), transforms.ToTensor()])
    Compose(
        CenterCrop(size=(10, 10))
        ToTensor()
    )
    """

    def __init__(self, transforms: Sequence[Transform]) -> None:
        self.transforms = transforms

    def __call__(self, img: Any) -> Any:
        for transform in self.transforms:
            img = transform(img)
        return img

    def __repr__(self) -> str:
        return _rows(type(self).__name__, self.transforms)


@in_words
class Lambda:
    """A function as a transform. Raises TypeError if ``lambd`` cannot be called.

    >>> from wengert.vision import transforms
    >>> transforms.Lambda(lambda x: x * 2)(torch.tensor([1, 2]))
    tensor([2, 4])
    """

    def __init__(self, lambd: Transform) -> None:
        if not callable(lambd):
            raise TypeError(f"Argument lambd should be callable, got {type(lambd).__name__!r}")
        self.lambd = lambd

    def __call__(self, img: Any) -> Any:
        return self.lambd(img)

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


@in_words
class RandomTransforms:
    """What `RandomOrder` and `RandomChoice` share: the sequence of transforms."""

    def __init__(self, transforms: Sequence[Transform]) -> None:
        if not isinstance(transforms, Sequence):
            raise TypeError("Argument transforms should be a sequence")
        self.transforms = transforms

    def __repr__(self) -> str:
        return _rows(type(self).__name__, self.transforms)


@in_words
class RandomOrder(RandomTransforms):
    """All transforms, in an order drawn from Python's `random`.

    >>> from wengert.vision import transforms
    >>> image = torch.arange(48, dtype=torch.uint8).reshape(3, 4, 4)
    >>> transforms.RandomOrder([transforms.CenterCrop(3), transforms.Grayscale()])(image).shape
    torch.Size([1, 3, 3])
    """

    def __call__(self, img: Any) -> Any:
        order = list(range(len(self.transforms)))
        random.shuffle(order)
        for place in order:
            img = self.transforms[place](img)
        return img


@in_words
class RandomChoice(RandomTransforms):
    """One of the transforms, drawn from Python's `random` with the weights ``p``, by default equal ones.

    >>> from wengert.vision import transforms
    >>> image = torch.arange(48, dtype=torch.uint8).reshape(3, 4, 4)
    >>> transforms.RandomChoice([transforms.CenterCrop(2), transforms.CenterCrop(3)], p=[1.0, 0.0])(image).shape
    torch.Size([3, 2, 2])
    """

    def __init__(self, transforms: Sequence[Transform], p: Sequence[float] | None = None) -> None:
        super().__init__(transforms)
        if p is not None and not isinstance(p, Sequence):
            raise TypeError("Argument p should be a sequence")
        self.p = p

    def __call__(self, *args: Any) -> Any:
        return random.choices(self.transforms, weights=self.p)[0](*args)

    def __repr__(self) -> str:
        return f"{super().__repr__()}(p={self.p})"


@in_words
class RandomApply(nn.Module):
    """All transforms, or with the probability 1 - ``p`` none.

    >>> from wengert.vision import transforms
    >>> image = torch.arange(48, dtype=torch.uint8).reshape(3, 4, 4)
    >>> transforms.RandomApply([transforms.Grayscale()], p=1.0)(image).shape
    torch.Size([1, 4, 4])
    """

    def __init__(self, transforms: Sequence[Transform] | nn.ModuleList, p: float = 0.5) -> None:
        super().__init__()
        self.transforms = transforms
        self.p = p

    def forward(self, img: Any) -> Any:
        if self.p < torch.rand(1).item():
            return img
        for transform in self.transforms:
            img = transform(img)
        return img

    def __repr__(self) -> str:
        return _rows(type(self).__name__, [f"p={self.p}", *self.transforms])
