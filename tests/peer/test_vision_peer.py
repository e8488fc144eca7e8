"""`wengert.vision.transforms` of pictures against torchvision: the same draws, the same pixels, the same errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import wengert
from tests.peer.vision_oracle import RGB_TRANSFORMS, SIDES, picture, run, same, torch, torchvision
from wengert import vision


@pytest.mark.parametrize("name", RGB_TRANSFORMS)
def test_pictures(name: str) -> None:
    many = name.startswith(("AutoAugment", "RandAugment", "Trivial"))
    same(RGB_TRANSFORMS[name], picture(), seeds=25 if many else 6)


@pytest.mark.parametrize("name", RGB_TRANSFORMS)
def test_descriptions(name: str) -> None:
    ours, theirs = (repr(RGB_TRANSFORMS[name](lib, vis.transforms)) for lib, vis in SIDES)
    assert ours == theirs or " object at " in theirs


@pytest.mark.parametrize("mode", ["L", "1", "P", "LA", "RGBA", "CMYK", "YCbCr", "HSV", "F", "I", "I;16"])
@pytest.mark.parametrize("name", [
    "Resize", "CenterCrop", "CenterCrop larger", "RandomCrop padded", "flips", "RandomRotation", "RandomAffine", "Pad",
    "Pad reflect", "Grayscale", "ToTensor", "PILToTensor", "RandomResizedCrop", "ColorJitter", "RandomPerspective",
])
def test_pictures_of_other_modes(name: str, mode: str) -> None:
    image = picture(mode)
    try:
        run(1, RGB_TRANSFORMS[name], image)
    except Exception as error:  # noqa: BLE001 - that ours fails, too, is what is tested
        with pytest.raises(Exception) as problem:
            run(0, RGB_TRANSFORMS[name], image)
        assert isinstance(problem.value, type(error)) or isinstance(error, (OSError, ValueError, TypeError))
    else:
        same(RGB_TRANSFORMS[name], image)


def test_blurred_pictures() -> None:
    """Pictures are blurred as tensors: where a sum of products ends just at a half, rounding may differ."""
    same(lambda lib, T: T.GaussianBlur(5, (0.5, 2.0)), picture(), apart=0, share=0.002)
    same(lambda lib, T: T.GaussianBlur((3, 7)), picture("L"), apart=0, share=0.002)


WRONG: list[Callable[..., Any]] = [
    lambda lib, T: T.Resize(2.5),
    lambda lib, T: T.Resize((1, 2, 3)),
    lambda lib, T: T.Resize(20, max_size=10)(picture()),
    lambda lib, T: T.RandomCrop(100)(picture()),
    lambda lib, T: T.CenterCrop((1, 2, 3)),
    lambda lib, T: T.Pad("3"),
    lambda lib, T: T.Pad((1, 2, 3)),
    lambda lib, T: T.Pad(3, padding_mode="no"),
    lambda lib, T: T.Pad(3, fill=(1, 2))(picture()),
    lambda lib, T: T.ColorJitter(-1),
    lambda lib, T: T.ColorJitter(hue=0.7),
    lambda lib, T: T.ColorJitter("1"),
    lambda lib, T: T.RandomRotation(-1),
    lambda lib, T: T.RandomRotation((1, 2, 3)),
    lambda lib, T: T.RandomAffine(3, translate=(2, 0)),
    lambda lib, T: T.RandomAffine(3, scale=(0, 1)),
    lambda lib, T: T.RandomErasing(2),
    lambda lib, T: T.RandomErasing(1, value="ones"),
    lambda lib, T: T.GaussianBlur(4),
    lambda lib, T: T.GaussianBlur(3, -1),
    lambda lib, T: T.Lambda(3),
    lambda lib, T: T.RandomChoice(3),
    lambda lib, T: T.ToTensor()("no image"),
    lambda lib, T: T.ToTensor()(np.zeros(3)),
    lambda lib, T: T.ToPILImage()(lib.zeros(5, 4, 4)),
    lambda lib, T: T.ToPILImage("HSV")(lib.zeros(1, 4, 4)),
    lambda lib, T: T.ToPILImage("L")(lib.zeros(3, 4, 4)),
    lambda lib, T: T.Normalize((0.5,), (0.5,))(picture()),
    lambda lib, T: T.Normalize((0.5,), (0.0,))(lib.zeros(1, 4, 4)),
    lambda lib, T: T.Normalize((0.5,), (0.5,))(lib.zeros(1, 4, 4, dtype=lib.uint8)),
    lambda lib, T: T.Normalize([0.5] * 3, [0.5] * 3)(lib.zeros(1, 4, 4)),
    lambda lib, T: T.Normalize([0.5] * 2, [0.5] * 2)(lib.zeros(3, 4, 4)),
    lambda lib, T: T.functional.adjust_hue(picture(), 0.6),
    lambda lib, T: T.functional.hflip(3),
    lambda lib, T: T.functional.adjust_brightness(lib.zeros(2, 4, 4), 1),
    lambda lib, T: T.functional.posterize(lib.zeros(3, 4, 4), 3),
    lambda lib, T: T.functional.rotate(lib.zeros(3, 4, 4), 3, T.InterpolationMode.BICUBIC),
    lambda lib, T: T.functional.five_crop(picture(), 100),
]


@pytest.mark.parametrize("number", range(len(WRONG)))
def test_wrong_input(number: int) -> None:
    with pytest.raises(Exception) as theirs:
        WRONG[number](torch, torchvision.transforms)
    with pytest.raises(type(theirs.value)):
        WRONG[number](wengert, vision.transforms)
