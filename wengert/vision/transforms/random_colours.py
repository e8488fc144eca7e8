"""Transforms that change colours and sharpness by chance; the draws are torchvision's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import wengert as torch
from wengert import Tensor, nn

from ...core.errors import in_words
from . import functional
from .fixed import KERNEL_SIZES
from .functional.geometry import two_sizes
from .random_geometry import ByChance, happens, uniform

Range = tuple[float, float] | None


@in_words
class ColorJitter(nn.Module):
    """Brightness, contrast, saturation and hue changed by factors drawn, in an order drawn.

    ``brightness``, ``contrast`` and ``saturation`` are (from, to), or a number d for (1 - d, 1 + d); ``hue`` lies in
    -0.5…0.5, a number d stands for (-d, d). Raises TypeError and ValueError.

    >>> from wengert.vision import transforms
    >>> image = torch.arange(48, dtype=torch.uint8).reshape(3, 4, 4)
    >>> transforms.ColorJitter(brightness=0.5, hue=0.1)(image).shape
    torch.Size([3, 4, 4])
    """

    def __init__(self, brightness: float | Sequence[float] = 0, contrast: float | Sequence[float] = 0,
                 saturation: float | Sequence[float] = 0, hue: float | Sequence[float] = 0) -> None:
        super().__init__()
        self.brightness = _factors(brightness, "brightness")
        self.contrast = _factors(contrast, "contrast")
        self.saturation = _factors(saturation, "saturation")
        self.hue = _factors(hue, "hue", 0.0, (-0.5, 0.5))

    @staticmethod
    def get_params(
        brightness: Range, contrast: Range, saturation: Range, hue: Range
    ) -> tuple[Tensor, float | None, float | None, float | None, float | None]:
        """The order, and the four factors, None for what is not changed."""
        order = torch.randperm(4)
        b, c, s, h = (None if part is None else uniform(*part) for part in (brightness, contrast, saturation, hue))
        return order, b, c, s, h

    def forward(self, img: Any) -> Any:
        order, *factors = self.get_params(self.brightness, self.contrast, self.saturation, self.hue)
        changes = (
            functional.adjust_brightness, functional.adjust_contrast, functional.adjust_saturation,
            functional.adjust_hue,
        )
        for place in order.tolist():
            factor = factors[place]
            if factor is not None:
                img = changes[place](img, factor)
        return img

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(brightness={self.brightness}, contrast={self.contrast}, "
            f"saturation={self.saturation}, hue={self.hue})"
        )


def _factors(
    value: float | Sequence[float], name: str, centre: float = 1.0, bound: tuple[float, float] = (0.0, float("inf"))
) -> Range:
    """The range of a factor, None if it leaves the image as it is."""
    if isinstance(value, (int, float)):
        if value < 0:
            raise ValueError(f"If {name} is a single number, it must be non negative.")
        low, high = centre - float(value), centre + float(value)
        if bound[0] == 0:
            low = max(low, 0.0)
    elif isinstance(value, (tuple, list)) and len(value) == 2:
        low, high = float(value[0]), float(value[1])
    else:
        raise TypeError(f"{name} should be a single number or a list/tuple with length 2.")
    if not bound[0] <= low <= high <= bound[1]:
        raise ValueError(f"{name} values should be between {bound}, but got {[low, high]}.")
    return None if low == high == centre else (low, high)


@in_words
class RandomGrayscale(ByChance):
    """An image in grey, with as many channels as it has, with the probability ``p``.

    >>> from wengert.vision import transforms
    >>> image = torch.arange(48, dtype=torch.uint8).reshape(3, 4, 4)
    >>> transforms.RandomGrayscale(p=1.0)(image).shape
    torch.Size([3, 4, 4])
    """

    def __init__(self, p: float = 0.1) -> None:
        super().__init__(p)

    def forward(self, img: Any) -> Any:
        channels = functional.get_image_num_channels(img)
        return functional.rgb_to_grayscale(img, channels) if happens(self.p) else img


@in_words
class GaussianBlur(nn.Module):
    """An image blurred by a normal distribution whose deviation is drawn from ``sigma``, (from, to) or one number.

    >>> from wengert.vision import transforms
    >>> image = torch.arange(48, dtype=torch.uint8).reshape(3, 4, 4)
    >>> transforms.GaussianBlur(3)(image).shape
    torch.Size([3, 4, 4])
    """

    def __init__(self, kernel_size: int | Sequence[int], sigma: float | Sequence[float] = (0.1, 2.0)) -> None:
        super().__init__()
        self.kernel_size = two_sizes(kernel_size, KERNEL_SIZES)
        if any(size <= 0 or size % 2 == 0 for size in self.kernel_size):
            raise ValueError("Kernel size value should be an odd and positive number.")
        if isinstance(sigma, (int, float)):
            if sigma <= 0:
                raise ValueError("If sigma is a single number, it must be positive.")
            sigma = (sigma, sigma)
        if not isinstance(sigma, Sequence) or len(sigma) != 2:
            raise ValueError("sigma should be a single number or a list/tuple with length 2.")
        if not 0.0 < sigma[0] <= sigma[1]:
            raise ValueError("sigma values should be positive and of the form (min, max).")
        self.sigma = sigma

    @staticmethod
    def get_params(sigma_min: float, sigma_max: float) -> float:
        """The standard deviation, in pixels."""
        return uniform(sigma_min, sigma_max)

    def forward(self, img: Any) -> Any:
        sigma = self.get_params(*self.sigma)
        return functional.gaussian_blur(img, self.kernel_size, [sigma, sigma])

    def __repr__(self) -> str:
        return f"{type(self).__name__}(kernel_size={self.kernel_size}, sigma={self.sigma})"


class RandomInvert(ByChance):
    """The negative, with the probability ``p``.

    >>> from wengert.vision import transforms
    >>> image = torch.arange(48, dtype=torch.uint8).reshape(3, 4, 4)
    >>> transforms.RandomInvert(p=1.0)(image)[0, 0]
    tensor([255, 254, 253, 252], dtype=torch.uint8)
    """

    def _change(self, img: Any) -> Any:
        return functional.invert(img)


@in_words
class RandomPosterize(ByChance):
    """Only the highest ``bits`` bits of each byte kept, with the probability ``p``.

    >>> from wengert.vision import transforms
    >>> transforms.RandomPosterize(bits=2, p=1.0)(torch.tensor([[[0, 100, 255]]], dtype=torch.uint8))
    tensor([[[  0,  64, 192]]], dtype=torch.uint8)
    """

    def __init__(self, bits: int, p: float = 0.5) -> None:
        super().__init__(p)
        self.bits = bits

    def _change(self, img: Any) -> Any:
        return functional.posterize(img, self.bits)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(bits={self.bits},p={self.p})"


@in_words
class RandomSolarize(ByChance):
    """Values from ``threshold`` on inverted, with the probability ``p``.

    >>> from wengert.vision import transforms
    >>> image = torch.arange(48, dtype=torch.uint8).reshape(3, 4, 4)
    >>> transforms.RandomSolarize(threshold=10, p=1.0)(image).shape
    torch.Size([3, 4, 4])
    """

    def __init__(self, threshold: float, p: float = 0.5) -> None:
        super().__init__(p)
        self.threshold = threshold

    def _change(self, img: Any) -> Any:
        return functional.solarize(img, self.threshold)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(threshold={self.threshold},p={self.p})"


@in_words
class RandomAdjustSharpness(ByChance):
    """The sharpness changed by ``sharpness_factor``, with the probability ``p``.

    >>> from wengert.vision import transforms
    >>> image = torch.arange(48, dtype=torch.uint8).reshape(3, 4, 4)
    >>> transforms.RandomAdjustSharpness(2.0, p=1.0)(image).shape
    torch.Size([3, 4, 4])
    """

    def __init__(self, sharpness_factor: float, p: float = 0.5) -> None:
        super().__init__(p)
        self.sharpness_factor = sharpness_factor

    def _change(self, img: Any) -> Any:
        return functional.adjust_sharpness(img, self.sharpness_factor)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(sharpness_factor={self.sharpness_factor},p={self.p})"


class RandomAutocontrast(ByChance):
    """Each channel stretched to the full range, with the probability ``p``.

    >>> from wengert.vision import transforms
    >>> image = torch.arange(48, dtype=torch.uint8).reshape(3, 4, 4)
    >>> transforms.RandomAutocontrast(p=1.0)(image)[0, 0]
    tensor([ 0, 17, 34, 51], dtype=torch.uint8)
    """

    def _change(self, img: Any) -> Any:
        return functional.autocontrast(img)


class RandomEqualize(ByChance):
    """Values spread so that each is about as frequent, with the probability ``p``.

    >>> from wengert.vision import transforms
    >>> image = torch.arange(48, dtype=torch.uint8).reshape(3, 4, 4)
    >>> transforms.RandomEqualize(p=1.0)(image).shape
    torch.Size([3, 4, 4])
    """

    def _change(self, img: Any) -> Any:
        return functional.equalize(img)
