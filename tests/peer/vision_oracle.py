"""torchvision as an oracle, and what the comparisons with it share: pictures, transforms, and how to hold two results
against each other."""

from __future__ import annotations

import random
import sys
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import wengert
from wengert import vision

torch = pytest.importorskip("torch")
Image = pytest.importorskip("PIL.Image")
_LIBRARY = torch.library.Library("torchvision", "FRAGMENT")


def load() -> Any:
    """The module torchvision; the tests that ask are skipped where it is not installed.

    Its wheels need PyTorch's libraries for CUDA; with a PyTorch for the CPU its compiled part does not load, and it
    stumbles over the absence of two operators. They are declared here; nothing that is compared uses them.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return pytest.importorskip("torchvision")
        except RuntimeError:
            for name in ("nms", "qnms"):
                _LIBRARY.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        # What the first attempt left half done would be found again.
        for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
            del sys.modules[name]
        return pytest.importorskip("torchvision")


torchvision = load()
SIDES: tuple[tuple[Any, Any], ...] = ((wengert, vision), (torch, torchvision))


def picture(mode: str = "RGB", width: int = 37, height: int = 29, seed: int = 0) -> Any:
    """A picture with edges, smooth parts and noise."""
    rng = np.random.RandomState(seed)
    y, x = np.mgrid[0:height, 0:width]
    smooth = np.stack([x * 255 / width, y * 255 / height, (x + y) * 127 / (width + height)], -1)
    smooth[5:15, 8:20] = (250, 10, 60)
    noisy = np.clip(smooth + rng.normal(0, 25, smooth.shape), 0, 255).astype(np.uint8)
    colours = Image.fromarray(noisy)
    if mode == "F":
        return Image.fromarray(noisy[..., 0].astype(np.float32) / 255)
    if mode == "I":
        return Image.fromarray(noisy[..., 0].astype(np.int32) * 100)
    if mode == "I;16":
        return Image.fromarray(noisy[..., 0].astype(np.uint16) * 100)
    if mode in ("LA", "RGBA"):
        colours.putalpha(colours.convert("L"))
    return colours.convert(mode)


def as_array(result: Any) -> Any:
    return np.array(result) if isinstance(result, Image.Image) else result.detach().numpy()


def run(side: int, make: Callable[..., Any], image: Any, seed: int = 0) -> Any:
    """What a transform or function gives, or the class of error that it raises."""
    lib, vis = SIDES[side]
    lib.manual_seed(seed)
    random.seed(seed)
    given = lib.from_numpy(image.copy()) if isinstance(image, np.ndarray) else image
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return make(lib, vis.transforms)(given)


def parts(result: Any) -> tuple[Any, ...]:
    return result if isinstance(result, tuple) else (result,)


def same(make: Callable[..., Any], image: Any, seeds: int = 3, apart: float = 0, share: float = 0) -> None:
    """Asserts equal results for several seeds; with tensors no value further off than ``apart``, except for a share of
    the pixels (those where rounding decides which of two neighbours is nearest)."""
    for seed in range(seeds):
        ours, theirs = (parts(run(side, make, image, seed)) for side in (0, 1))
        assert len(ours) == len(theirs)
        for mine, want in zip(ours, theirs, strict=True):
            if isinstance(want, Image.Image):
                assert (mine.mode, mine.size) == (want.mode, want.size)
            else:
                assert str(mine.dtype) == str(want.dtype)
            a, b = as_array(mine), as_array(want)
            assert a.shape == b.shape
            if apart or share:
                wrong = np.abs(a.astype(np.float64) - b.astype(np.float64)) > apart
                assert wrong.mean() <= share, (wrong.mean(), np.abs(a.astype(float) - b.astype(float)).max())
            else:
                np.testing.assert_array_equal(a, b)


RGB_TRANSFORMS: dict[str, Callable[..., Any]] = {
    "Resize": lambda lib, T: T.Resize(20),
    "Resize both": lambda lib, T: T.Resize((15, 50)),
    "Resize max": lambda lib, T: T.Resize(25, max_size=30),
    "Resize nearest": lambda lib, T: T.Resize(20, T.InterpolationMode.NEAREST),
    "Resize bicubic": lambda lib, T: T.Resize(50, T.InterpolationMode.BICUBIC),
    "Resize number": lambda lib, T: T.Resize(20, 1),
    "CenterCrop": lambda lib, T: T.CenterCrop(16),
    "CenterCrop odd": lambda lib, T: T.CenterCrop((11, 14)),
    "CenterCrop larger": lambda lib, T: T.CenterCrop((40, 20)),
    "RandomCrop": lambda lib, T: T.RandomCrop(20),
    "RandomCrop padded": lambda lib, T: T.RandomCrop(29, padding=4),
    "RandomCrop reflect": lambda lib, T: T.RandomCrop((29, 30), padding=(2, 3), padding_mode="reflect"),
    "RandomCrop needed": lambda lib, T: T.RandomCrop((50, 60), pad_if_needed=True, fill=(1, 2, 3)),
    "flips": lambda lib, T: T.Compose([T.RandomHorizontalFlip(), T.RandomVerticalFlip(0.3)]),
    "RandomRotation": lambda lib, T: T.RandomRotation(40),
    "RandomRotation all": lambda lib, T: T.RandomRotation(
        (10, 80), T.InterpolationMode.BILINEAR, expand=True, fill=(9, 8, 7)
    ),
    "RandomRotation center": lambda lib, T: T.RandomRotation(40, center=(3, 5), fill=6),
    "ColorJitter": lambda lib, T: T.ColorJitter(0.4, 0.4, 0.4, 0.2),
    "ColorJitter some": lambda lib, T: T.ColorJitter(brightness=(0.5, 2.0), hue=(-0.5, 0.5)),
    "Grayscale": lambda lib, T: T.Grayscale(),
    "Grayscale 3": lambda lib, T: T.Grayscale(3),
    "RandomGrayscale": lambda lib, T: T.RandomGrayscale(0.5),
    "Pad": lambda lib, T: T.Pad(3),
    "Pad two": lambda lib, T: T.Pad((1, 4), fill=(1, 2, 3)),
    "Pad four": lambda lib, T: T.Pad((1, 2, 3, 4), padding_mode="edge"),
    "Pad reflect": lambda lib, T: T.Pad(5, padding_mode="reflect"),
    "Pad symmetric": lambda lib, T: T.Pad((5, 2), padding_mode="symmetric"),
    "Lambda": lambda lib, T: T.Lambda(lambda image: image.rotate(90)),
    "RandomResizedCrop": lambda lib, T: T.RandomResizedCrop(24),
    "RandomResizedCrop narrow": lambda lib, T: T.RandomResizedCrop((10, 20), scale=(0.9, 1.0), ratio=(5.0, 6.0)),
    "RandomApply": lambda lib, T: T.RandomApply([T.CenterCrop(10), T.Pad(2)], 0.5),
    "RandomChoice": lambda lib, T: T.RandomChoice([T.CenterCrop(10), T.Pad(2)], p=[1, 3]),
    "RandomOrder": lambda lib, T: T.RandomOrder([T.CenterCrop(10), T.Pad(2), T.Resize(9)]),
    "RandomAffine": lambda lib, T: T.RandomAffine(30),
    "RandomAffine all": lambda lib, T: T.RandomAffine(
        30, (0.1, 0.2), (0.7, 1.3), (-10, 10, -5, 5), T.InterpolationMode.BILINEAR, fill=5, center=(4, 7)
    ),
    "RandomAffine shear": lambda lib, T: T.RandomAffine(0, shear=20),
    "RandomPerspective": lambda lib, T: T.RandomPerspective(0.6, p=0.8, fill=3),
    "FiveCrop": lambda lib, T: T.FiveCrop(12),
    "TenCrop": lambda lib, T: T.TenCrop((12, 10), vertical_flip=True),
    "RandomInvert": lambda lib, T: T.RandomInvert(),
    "RandomPosterize": lambda lib, T: T.RandomPosterize(3),
    "RandomSolarize": lambda lib, T: T.RandomSolarize(100),
    "RandomAdjustSharpness": lambda lib, T: T.RandomAdjustSharpness(2.5),
    "RandomAutocontrast": lambda lib, T: T.RandomAutocontrast(),
    "RandomEqualize": lambda lib, T: T.RandomEqualize(),
    "ToTensor": lambda lib, T: T.ToTensor(),
    "PILToTensor": lambda lib, T: T.PILToTensor(),
    "Normalize": lambda lib, T: T.Compose([T.ToTensor(), T.Normalize((0.5, 0.4, 0.3), (0.2, 0.3, 0.4))]),
    "RandomErasing": lambda lib, T: T.Compose([T.ToTensor(), T.RandomErasing(0.9)]),
    "RandomErasing value": lambda lib, T: T.Compose([T.ToTensor(), T.RandomErasing(1, value=(1, 2, 3))]),
    "ConvertImageDtype": lambda lib, T: T.Compose([T.PILToTensor(), T.ConvertImageDtype(lib.float64)]),
    "back": lambda lib, T: T.Compose([T.ToTensor(), T.ToPILImage()]),
    "AutoAugment": lambda lib, T: T.AutoAugment(),
    "AutoAugment cifar": lambda lib, T: T.AutoAugment(T.AutoAugmentPolicy.CIFAR10, fill=7),
    "AutoAugment svhn": lambda lib, T: T.AutoAugment(T.AutoAugmentPolicy.SVHN),
    "RandAugment": lambda lib, T: T.RandAugment(3, 12),
    "TrivialAugmentWide": lambda lib, T: T.TrivialAugmentWide(),
}
