"""Brightness, contrast and the like; grey; blurring and sharpening.

Pictures are Pillow's affair. For tensors ``(..., C, H, W)`` most of it is one formula: a blend of the image with a
degenerate one (black, grey, blurred) in a ratio that may exceed 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import wengert as torch
from wengert import Tensor

from ....core.errors import in_words
from ....nn import functional
from ...pillow import is_picture, picture_of, pillow
from .conversion import convert_image_dtype, get_dimensions, largest, pil_to_tensor, to_pil_image
from .geometry import as_batch, like
from .modes import check_image


def _check(img: Any, least: int = 2) -> None:
    """Raises TypeError for what is no image of 1 or 3 channels, or has fewer than ``least`` dimensions."""
    check_image(img)
    if img.ndim < least:
        raise TypeError(f"Input image tensor should have at least {least} dimensions, but found {img.ndim}")
    channels = get_dimensions(img)[0]
    if channels not in (1, 3):
        raise TypeError(f"Input image tensor permitted channel values are [1, 3], but found {channels}")


def _check_factor(name: str, factor: float) -> None:
    if factor < 0:
        raise ValueError(f"{name} ({factor}) is not non-negative.")


def _blend(img: Tensor, other: Tensor, ratio: float) -> Tensor:
    """``ratio`` of the image and the rest of the other, cut off to the range of the image's dtype."""
    return (float(ratio) * img + (1.0 - float(ratio)) * other).clamp(0, largest(img.dtype)).to(img.dtype)


def _numbers(img: Tensor) -> torch.dtype:
    return img.dtype if img.is_floating_point() else torch.float32


@in_words
def rgb_to_grayscale(img: Any, num_output_channels: int = 1) -> Any:
    """A grey image, of one channel or of three equal ones. For tensors 0.2989 R + 0.587 G + 0.114 B, cut off.

    >>> from wengert.vision.transforms import functional as TF
    >>> image = torch.tensor([[[10, 20], [30, 40]], [[0, 50], [100, 150]], [[5, 6], [7, 8]]], dtype=torch.uint8)
    >>> TF.rgb_to_grayscale(image)
    tensor([[[  3,  36],
             [ 68, 100]]], dtype=torch.uint8)
    """
    if is_picture(img):
        return to_grayscale(img, num_output_channels)
    _check(img, 3)
    if num_output_channels not in (1, 3):
        raise ValueError("num_output_channels should be either 1 or 3")
    if img.shape[-3] == 3:
        red, green, blue = img.unbind(-3)
        grey = (0.2989 * red + 0.587 * green + 0.114 * blue).to(img.dtype).unsqueeze(-3)
    else:
        grey = img.clone()
    return grey.expand(img.shape) if num_output_channels == 3 else grey


@in_words
def to_grayscale(img: Any, num_output_channels: int = 1) -> Any:
    """A picture in grey, of one channel (mode L) or of three equal ones (RGB).

    >>> from wengert.vision.transforms import functional as TF
    >>> image = torch.tensor([[[10, 20], [30, 40]], [[0, 50], [100, 150]], [[5, 6], [7, 8]]], dtype=torch.uint8)
    >>> TF.to_grayscale(TF.to_pil_image(image)).mode
    'L'
    """
    if not is_picture(img):
        raise TypeError("Input should be PIL Image")
    if num_output_channels not in (1, 3):
        raise ValueError("num_output_channels should be either 1 or 3")
    grey = img.convert("L")
    return grey if num_output_channels == 1 else pillow().merge("RGB", [grey] * 3)


def _enhanced(img: Any, kind: str, factor: float) -> Any:
    return getattr(pillow("ImageEnhance"), kind)(img).enhance(factor)


@in_words
def adjust_brightness(img: Any, brightness_factor: float) -> Any:
    """An image times ``brightness_factor``: 0 is black, 1 the image.

    >>> from wengert.vision.transforms import functional as TF
    >>> image = torch.tensor([[[10, 20], [30, 40]], [[0, 50], [100, 150]], [[5, 6], [7, 8]]], dtype=torch.uint8)
    >>> TF.adjust_brightness(image, 2.0)[0]
    tensor([[20, 40],
            [60, 80]], dtype=torch.uint8)
    """
    if is_picture(img):
        return _enhanced(img, "Brightness", brightness_factor)
    _check_factor("brightness_factor", brightness_factor)
    _check(img)
    return _blend(img, torch.zeros_like(img), brightness_factor)


@in_words
def adjust_contrast(img: Any, contrast_factor: float) -> Any:
    """An image of other contrast: 0 is its mean grey, 1 the image.

    >>> from wengert.vision.transforms import functional as TF
    >>> image = torch.tensor([[[10, 20], [30, 40]], [[0, 50], [100, 150]], [[5, 6], [7, 8]]], dtype=torch.uint8)
    >>> TF.adjust_contrast(image, 0.5)[0]
    tensor([[30, 35],
            [40, 45]], dtype=torch.uint8)
    """
    if is_picture(img):
        return _enhanced(img, "Contrast", contrast_factor)
    _check_factor("contrast_factor", contrast_factor)
    _check(img)
    grey = rgb_to_grayscale(img) if get_dimensions(img)[0] == 3 else img
    dims = tuple(range(-min(grey.ndim, 3), 0))
    return _blend(img, grey.to(_numbers(img)).mean(dims, keepdim=True), contrast_factor)


@in_words
def adjust_saturation(img: Any, saturation_factor: float) -> Any:
    """An image of other saturation: 0 is grey, 1 the image.

    >>> from wengert.vision.transforms import functional as TF
    >>> image = torch.tensor([[[10, 20], [30, 40]], [[0, 50], [100, 150]], [[5, 6], [7, 8]]], dtype=torch.uint8)
    >>> TF.adjust_saturation(image, 0.0)[:, 0, 0]
    tensor([3, 3, 3], dtype=torch.uint8)
    """
    if is_picture(img):
        return _enhanced(img, "Color", saturation_factor)
    _check_factor("saturation_factor", saturation_factor)
    _check(img)
    return img if get_dimensions(img)[0] == 1 else _blend(img, rgb_to_grayscale(img), saturation_factor)


@in_words
def adjust_sharpness(img: Any, sharpness_factor: float) -> Any:
    """An image of other sharpness: 0 is smoothed, 1 the image. The outermost pixels stay as they are.

    >>> from wengert.vision.transforms import functional as TF
    >>> TF.adjust_sharpness(torch.arange(9.0).reshape(1, 3, 3) / 9, 2.0).shape
    torch.Size([1, 3, 3])
    """
    if is_picture(img):
        return _enhanced(img, "Sharpness", sharpness_factor)
    _check_factor("sharpness_factor", sharpness_factor)
    _check(img)
    if min(img.shape[-2:]) <= 2:
        return img
    kernel = torch.ones(3, 3, dtype=_numbers(img))
    kernel[1, 1] = 5.0
    kernel /= kernel.sum()
    smooth = img.clone()
    smooth[..., 1:-1, 1:-1] = _filtered(img, kernel, [0, 0, 0, 0])
    return _blend(img, smooth, sharpness_factor)


def _filtered(img: Tensor, kernel: Tensor, margins: Sequence[int]) -> Tensor:
    """Each channel of an image by itself convolved with a matrix, the image reflected at its edges."""
    batch = as_batch(img, kernel.dtype)
    channels = batch.shape[-3]
    if any(margins):
        batch = functional.pad(batch, margins, mode="reflect")
    weights = kernel.expand(channels, 1, *kernel.shape)
    return like(functional.conv2d(batch, weights, groups=channels), img)


@in_words
def gaussian_blur(
    img: Any, kernel_size: int | Sequence[int], sigma: float | Sequence[float] | None = None
) -> Any:
    """An image blurred by a normal distribution of ``kernel_size`` (odd numbers: width, height) pixels.

    ``sigma`` is its standard deviation along x and y, by default 0.15 · size + 0.35. Pictures are blurred as tensors.
    Raises TypeError and ValueError for arguments that do not fit.

    >>> from wengert.vision.transforms import functional as TF
    >>> TF.gaussian_blur(torch.ones(1, 3, 3), kernel_size=3, sigma=1.0)
    tensor([[[1.0000, 1.0000, 1.0000],
             [1.0000, 1.0000, 1.0000],
             [1.0000, 1.0000, 1.0000]]])
    """
    if not isinstance(kernel_size, (int, list, tuple)):
        raise TypeError(f"kernel_size should be int or a sequence of integers. Got {type(kernel_size)}")
    sizes = [kernel_size] * 2 if isinstance(kernel_size, int) else list(kernel_size)
    if len(sizes) != 2:
        raise ValueError(f"If kernel_size is a sequence its length should be 2. Got {len(sizes)}")
    if any(size % 2 == 0 or size < 0 for size in sizes):
        raise ValueError(f"kernel_size should have odd and positive integers. Got {sizes}")
    if sigma is None:
        sigma = [size * 0.15 + 0.35 for size in sizes]
    if not isinstance(sigma, (int, float, list, tuple)):
        raise TypeError(f"sigma should be either float or sequence of floats. Got {type(sigma)}")
    widths = [float(sigma)] * 2 if isinstance(sigma, (int, float)) else list(sigma)
    if len(widths) not in (1, 2):
        raise ValueError(f"If sigma is a sequence, its length should be 2. Got {len(widths)}")
    if any(width <= 0 for width in widths):
        raise ValueError(f"sigma should have positive values. Got {widths}")
    if is_picture(img):
        return to_pil_image(gaussian_blur(pil_to_tensor(img), sizes, widths), img.mode)
    check_image(img)
    across, down = (_bell(n, s, _numbers(img)) for n, s in zip(sizes, (widths[0], widths[-1]), strict=True))
    margins = [sizes[0] // 2, sizes[0] // 2, sizes[1] // 2, sizes[1] // 2]
    return _filtered(img, torch.mm(down[:, None], across[None, :]), margins)


def _bell(size: int, sigma: float, dtype: torch.dtype) -> Tensor:
    half = (size - 1) * 0.5
    density = torch.exp(-0.5 * (torch.linspace(-half, half, size, dtype=dtype) / sigma).pow(2))
    return density / density.sum()


@in_words
def adjust_hue(img: Any, hue_factor: float) -> Any:
    """An image whose hues are turned by ``hue_factor``, -0.5…0.5, of the full circle.

    >>> from wengert.vision.transforms import functional as TF
    >>> image = torch.tensor([[[10, 20], [30, 40]], [[0, 50], [100, 150]], [[5, 6], [7, 8]]], dtype=torch.uint8)
    >>> TF.adjust_hue(image, 0.25).shape
    torch.Size([3, 2, 2])
    """
    if not -0.5 <= hue_factor <= 0.5:
        raise ValueError(f"hue_factor ({hue_factor}) is not in [-0.5, 0.5].")
    if is_picture(img):
        if img.mode in ("L", "1", "I", "F"):
            return img
        hue, saturation, value = img.convert("HSV").split()
        # Bytes wrap around, as hues do.
        turned = np.array(hue) + np.uint8(int(hue_factor * 255) % 256)
        return pillow().merge("HSV", (picture_of(turned, "L"), saturation, value)).convert(img.mode)
    _check(img)
    if get_dimensions(img)[0] == 1:
        return img
    hue, saturation, value = _to_hsv(convert_image_dtype(img, torch.float32))
    return convert_image_dtype(_from_hsv((hue + hue_factor) % 1.0, saturation, value), img.dtype)


def _to_hsv(img: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Hue, saturation, value, each 0…1, ``(..., H, W)`` (A. R. Smith, *Color gamut transform pairs*, 1978)."""
    red, green, blue = img.unbind(-3)
    high, low = img.amax(-3), img.amin(-3)
    grey = high == low
    chroma = high - low
    # Where all three are equal the hue is undefined; a divisor of 1 makes it 0.
    ones = torch.ones_like(high)
    saturation = chroma / torch.where(grey, ones, high)
    divisor = torch.where(grey, ones, chroma)
    r, g, b = (high - red) / divisor, (high - green) / divisor, (high - blue) / divisor
    sector = torch.where(high == red, b - g, torch.where(high == green, 2.0 + r - b, 4.0 + g - r))
    return torch.fmod(sector / 6.0 + 1.0, 1.0), saturation, high


def _from_hsv(hue: Tensor, saturation: Tensor, value: Tensor) -> Tensor:
    """The colours ``(..., 3, H, W)`` of hues, saturations and values."""
    sector = torch.floor(hue * 6.0)
    part = hue * 6.0 - sector
    least = (value * (1.0 - saturation)).clamp(0.0, 1.0)
    falling = (value * (1.0 - saturation * part)).clamp(0.0, 1.0)
    rising = (value * (1.0 - saturation * (1.0 - part))).clamp(0.0, 1.0)
    sector = (sector.to(torch.int64) % 6).unsqueeze(0)
    channels = []
    for choices in (
        (value, falling, least, least, rising, value),
        (rising, value, value, falling, least, least),
        (least, least, rising, value, value, falling),
    ):
        channels.append(torch.stack(choices).gather(0, sector)[0])
    return torch.stack(channels, -3)


@in_words
def adjust_gamma(img: Any, gamma: float, gain: float = 1) -> Any:
    """An image of the values ``gain`` · valueᵞ, values taken as 0…1.

    >>> from wengert.vision.transforms import functional as TF
    >>> image = torch.tensor([[[10, 20], [30, 40]], [[0, 50], [100, 150]], [[5, 6], [7, 8]]], dtype=torch.uint8)
    >>> TF.adjust_gamma(image, 2.0)[1]
    tensor([[ 0,  9],
            [39, 88]], dtype=torch.uint8)
    """
    if gamma < 0:
        raise ValueError("Gamma should be a non-negative real number")
    if is_picture(img):
        table = [int((256 - 1e-3) * gain * pow(value / 255.0, gamma)) for value in range(256)] * 3
        return img.convert("RGB").point(table).convert(img.mode)
    _check(img)
    values = img if img.is_floating_point() else convert_image_dtype(img, torch.float32)
    return convert_image_dtype((gain * values.pow(gamma)).clamp(0, 1), img.dtype)


@in_words
def invert(img: Any) -> Any:
    """The negative of an image.

    >>> from wengert.vision.transforms import functional as TF
    >>> image = torch.tensor([[[10, 20], [30, 40]], [[0, 50], [100, 150]], [[5, 6], [7, 8]]], dtype=torch.uint8)
    >>> TF.invert(image)[0]
    tensor([[245, 235],
            [225, 215]], dtype=torch.uint8)
    """
    if is_picture(img):
        return pillow("ImageOps").invert(img)
    _check(img, 3)
    return largest(img.dtype) - img


@in_words
def posterize(img: Any, bits: int) -> Any:
    """An image of bytes with the highest ``bits`` bits of each kept.

    >>> from wengert.vision.transforms import functional as TF
    >>> TF.posterize(torch.tensor([[[0, 100, 255]]], dtype=torch.uint8), bits=1)
    tensor([[[  0,   0, 128]]], dtype=torch.uint8)
    """
    if not 0 <= bits <= 8:
        raise ValueError(f"The number if bits should be between 0 and 8. Got {bits}")
    if is_picture(img):
        return pillow("ImageOps").posterize(img, bits)
    _check(img, 3)
    if img.dtype != torch.uint8:
        raise TypeError(f"Only torch.uint8 image tensors are supported, but found {img.dtype}")
    return img & (256 - 2 ** (8 - bits)) if bits else torch.zeros_like(img)


@in_words
def solarize(img: Any, threshold: float) -> Any:
    """An image with the values from ``threshold`` on inverted.

    >>> from wengert.vision.transforms import functional as TF
    >>> image = torch.tensor([[[10, 20], [30, 40]], [[0, 50], [100, 150]], [[5, 6], [7, 8]]], dtype=torch.uint8)
    >>> TF.solarize(image, threshold=30)[0]
    tensor([[ 10,  20],
            [225, 215]], dtype=torch.uint8)
    """
    if is_picture(img):
        return pillow("ImageOps").solarize(img, threshold)
    _check(img, 3)
    if threshold > largest(img.dtype):
        raise TypeError("Threshold should be less than bound of img.")
    return torch.where(img >= threshold, invert(img), img)


@in_words
def autocontrast(img: Any) -> Any:
    """An image each of whose channels is stretched to the full range; a channel of one value stays.

    >>> from wengert.vision.transforms import functional as TF
    >>> image = torch.tensor([[[10, 20], [30, 40]], [[0, 50], [100, 150]], [[5, 6], [7, 8]]], dtype=torch.uint8)
    >>> TF.autocontrast(image)[0]
    tensor([[  0,  85],
            [170, 255]], dtype=torch.uint8)
    """
    if is_picture(img):
        return pillow("ImageOps").autocontrast(img)
    _check(img, 3)
    bound, dtype = largest(img.dtype), _numbers(img)
    low, high = img.amin((-2, -1), keepdim=True).to(dtype), img.amax((-2, -1), keepdim=True).to(dtype)
    flat = low == high
    scale = bound / torch.where(flat, torch.ones_like(low), high - low)
    low, scale = torch.where(flat, 0.0, low), torch.where(flat, 1.0, scale)
    return ((img - low) * scale).clamp(0, bound).to(img.dtype)


@in_words
def equalize(img: Any) -> Any:
    """An image of bytes whose values are spread so that each is about as frequent.

    >>> from wengert.vision.transforms import functional as TF
    >>> image = torch.tensor([[[10, 20], [30, 40]], [[0, 50], [100, 150]], [[5, 6], [7, 8]]], dtype=torch.uint8)
    >>> TF.equalize(image)[0]
    tensor([[10, 20],
            [30, 40]], dtype=torch.uint8)
    """
    if is_picture(img):
        return pillow("ImageOps").equalize(img)
    _check(img, 3)
    if img.ndim > 4:
        raise TypeError(f"Input image tensor should have 3 or 4 dimensions, but found {img.ndim}")
    if img.dtype != torch.uint8:
        raise TypeError(f"Only torch.uint8 image tensors are supported, but found {img.dtype}")
    planes = img.reshape(-1, *img.shape[-2:])
    return torch.stack([_equalized(plane) for plane in planes]).reshape(img.shape)


def _equalized(plane: Tensor) -> Tensor:
    counts = torch.bincount(plane.reshape(-1).long(), minlength=256)
    # How many pixels go to each step of the result; those of the brightest value do not count.
    step = int(counts[counts != 0][:-1].sum()) // 255
    if step == 0:
        return plane
    table = torch.div(counts.cumsum(0) + step // 2, step, rounding_mode="floor")
    table = functional.pad(table, [1, 0])[:-1].clamp(0, 255).to(torch.uint8)
    return table[plane.long()]
