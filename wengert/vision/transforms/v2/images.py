"""Transforms of the kinds, the numbers and the colours of images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import wengert as torch

from ... import tv_tensors
from .. import fixed
from .. import random_colours as plain
from . import functional
from .transform import ByChance, Check, Transform, is_picture, query_chw


class ToImage(Transform):
    """Tensors, arrays and pictures as images, `tv_tensors.Image`, whose numbers stay.

    >>> from wengert.vision.transforms import v2
    >>> type(v2.ToImage()(np.zeros((2, 2, 3), dtype=np.uint8))).__name__
    'Image'
    """

    _transformed_types: tuple[Check, ...] = (functional.is_pure_tensor, is_picture, np.ndarray)

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """One as an image."""
        return functional.to_image(inpt)


class PILToTensor(Transform):
    """Pictures of Pillow's as tensors of bytes (C, H, W)."""

    _transformed_types: tuple[Check, ...] = (is_picture,)

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """One as a tensor."""
        return functional.pil_to_tensor(inpt)


class ToPILImage(Transform):
    """Tensors, images and arrays as pictures of Pillow's."""

    _transformed_types: tuple[Check, ...] = (functional.is_pure_tensor, tv_tensors.Image, np.ndarray)

    def __init__(self, mode: str | None = None) -> None:
        super().__init__()
        self.mode = mode

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """One as a picture."""
        return functional.to_pil_image(inpt, self.mode)


class ToPureTensor(Transform):
    """Images, masks and boxes as plain tensors.

    >>> from wengert.vision import tv_tensors
    >>> from wengert.vision.transforms import v2
    >>> boxes = tv_tensors.BoundingBoxes(torch.tensor([[1, 1, 9, 9]]), format="XYXY", canvas_size=(6, 8))
    >>> type(v2.ToPureTensor()(boxes)).__name__
    'Tensor'
    """

    _transformed_types: tuple[Check, ...] = (tv_tensors.TVTensor,)

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """One as a tensor."""
        return inpt.as_subclass(torch.Tensor)


class ToDtype(Transform):
    """Numbers in another dtype: images and films in ``dtype``, or each kind in that of a dictionary ``{kind: dtype,
    "others": dtype}``, where None leaves it. ``scale`` makes the largest number that of the new dtype. Raises
    ValueError where a dictionary does not say what to do.

    >>> from wengert.vision.transforms import v2
    >>> v2.ToDtype(torch.float32, scale=True)(torch.tensor([[[0, 255]]], dtype=torch.uint8))
    tensor([[[0., 1.]]])
    """

    def __init__(self, dtype: Any, scale: bool = False) -> None:
        super().__init__()
        if not isinstance(dtype, (dict, torch.dtype)):
            raise ValueError(f"dtype must be a dict or a torch.dtype, got {type(dtype)} instead")
        self.dtype, self.scale = dtype, scale

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """One in its dtype."""
        if isinstance(self.dtype, torch.dtype):
            image = functional.is_pure_tensor(inpt) or isinstance(inpt, (tv_tensors.Image, tv_tensors.Video))
            wanted = self.dtype if image else None
        elif type(inpt) in self.dtype or "others" in self.dtype:
            wanted = self.dtype.get(type(inpt), self.dtype.get("others"))
        else:
            raise ValueError(f"No dtype was specified for type {type(inpt)}. If you only need to convert the dtype of "
                             "images or videos, you can just pass e.g. dtype=torch.float32. If you're passing a dict "
                             'as dtype, you can use "others" as a catch-all key e.g. dtype={tv_tensors.Mask: '
                             'torch.int64, "others": None}')
        return inpt if wanted is None or is_picture(inpt) else functional.to_dtype(inpt, wanted, self.scale)

    def extra_repr(self) -> str:
        """The dtype and the scale."""
        return f"dtype={self.dtype}, scale={self.scale}"


class ConvertImageDtype(Transform):
    """`ToDtype` with ``scale``, by its old name."""

    _transformed_types: tuple[Check, ...] = (functional.is_pure_tensor, tv_tensors.Image)

    def __init__(self, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.dtype = dtype

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """One in the dtype."""
        return functional.to_dtype(inpt, self.dtype, True)


class ToTensor(Transform):
    """Pictures and arrays (H, W, C) as tensors (C, H, W) of floats from 0 to 1: `ToImage` and `ToDtype` by an old
    name."""

    _transformed_types: tuple[Check, ...] = (is_picture, np.ndarray)

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """One as a tensor."""
        return functional.plain.to_tensor(inpt)


class Normalize(Transform):
    """(image - ``mean``) / ``std`` for each channel. Raises TypeError for pictures."""

    def __init__(self, mean: Sequence[float], std: Sequence[float], inplace: bool = False) -> None:
        super().__init__()
        self.mean, self.std, self.inplace = list(mean), list(std), inplace

    def check_inputs(self, flat_inputs: list[Any]) -> None:
        """Raises for pictures."""
        if any(map(is_picture, flat_inputs)):
            raise TypeError(f"{type(self).__name__}() does not support PIL images.")

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """One normalised."""
        return functional.normalize(inpt, self.mean, self.std, self.inplace)


class Grayscale(Transform):
    """Grey, in 1 or 3 channels."""

    def __init__(self, num_output_channels: int = 1) -> None:
        super().__init__()
        self.num_output_channels = num_output_channels

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """One in grey."""
        return functional.rgb_to_grayscale(inpt, self.num_output_channels)


class RandomGrayscale(ByChance):
    """Grey with the probability ``p``, in as many channels as before."""

    def __init__(self, p: float = 0.1) -> None:
        super().__init__(p)

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """The number of channels."""
        return {"num_input_channels": query_chw(flat_inputs)[0]}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """One in grey."""
        return functional.rgb_to_grayscale(inpt, params["num_input_channels"])


class RGB(Transform):
    """Three channels.

    >>> from wengert.vision.transforms import v2
    >>> v2.RGB()(torch.ones(1, 2, 2)).shape
    torch.Size([3, 2, 2])
    """

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """One in three channels."""
        return functional.grayscale_to_rgb(inpt)


class ColorJitter(Transform):
    """Brightness, contrast, saturation and hue drawn, in an order drawn; settings as in `transforms.ColorJitter`."""

    def __init__(self, brightness: Any = None, contrast: Any = None, saturation: Any = None, hue: Any = None) -> None:
        super().__init__()
        ranges = plain.ColorJitter(brightness or 0, contrast or 0, saturation or 0, hue or 0)
        self.brightness, self.contrast = ranges.brightness, ranges.contrast
        self.saturation, self.hue = ranges.saturation, ranges.hue

    @staticmethod
    def get_params(*ranges: Any) -> Any:
        """The order and the four factors."""
        return plain.ColorJitter.get_params(*ranges)

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """The order and the four factors."""
        order, *factors = self.get_params(self.brightness, self.contrast, self.saturation, self.hue)
        return {"order": order.tolist(), "factors": factors}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """One in other colours."""
        changes = (functional.adjust_brightness, functional.adjust_contrast, functional.adjust_saturation,
                   functional.adjust_hue)
        for place in params["order"]:
            if params["factors"][place] is not None:
                inpt = changes[place](inpt, params["factors"][place])
        return inpt


class RandomChannelPermutation(Transform):
    """The channels in an order drawn.

    >>> from wengert.vision.transforms import v2
    >>> image = torch.arange(48, dtype=torch.uint8).reshape(3, 4, 4)
    >>> v2.RandomChannelPermutation()(image).shape
    torch.Size([3, 4, 4])
    """

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """The order."""
        return {"permutation": torch.randperm(query_chw(flat_inputs)[0]).tolist()}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """One in that order."""
        return functional.permute_channels(inpt, params["permutation"])


class GaussianBlur(Transform):
    """Blurred by a normal curve whose width is drawn from ``sigma``."""

    def __init__(self, kernel_size: int | Sequence[int], sigma: float | Sequence[float] = (0.1, 2.0)) -> None:
        super().__init__()
        checked = plain.GaussianBlur(kernel_size, sigma)
        self.kernel_size, self.sigma = checked.kernel_size, checked.sigma

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """The width."""
        sigma = plain.GaussianBlur.get_params(self.sigma[0], self.sigma[1])
        return {"sigma": [sigma, sigma]}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """One blurred."""
        return functional.gaussian_blur(inpt, self.kernel_size, params["sigma"])


class GaussianNoise(Transform):
    """Normal noise added, cut to what the dtype holds if ``clip``.

    >>> from wengert.vision.transforms import v2
    >>> v2.GaussianNoise()(torch.zeros(3, 4, 4)).shape
    torch.Size([3, 4, 4])
    """

    def __init__(self, mean: float = 0.0, sigma: float = 0.1, clip: bool = True) -> None:
        super().__init__()
        self.mean, self.sigma, self.clip = mean, sigma, clip

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """One with noise."""
        return functional.gaussian_noise(inpt, self.mean, self.sigma, self.clip)


def _by_chance(name: str, change: Callable[..., Any], setting: str = "") -> Any:
    """A transform that changes colours with a probability; its one setting comes first."""

    class Made(ByChance):
        __doc__ = f"`functional.{change.__name__}` with the probability ``p``."

        def __init__(self, *args: Any, **options: Any) -> None:
            names = [*([setting] if setting else []), "p"]
            given = {"p": 0.5, **dict(zip(names, args, strict=False)), **options}
            if set(given) != set(names) or len(args) > len(names):
                raise TypeError(f"{name}() takes {', '.join(names)}; got {len(args)} by place and {', '.join(options)}")
            super().__init__(given["p"])
            if setting:
                setattr(self, setting, given[setting])

        def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
            """One changed."""
            return change(inpt, *([getattr(self, setting)] if setting else []))

    Made.__name__ = Made.__qualname__ = name
    return Made


RandomInvert = _by_chance("RandomInvert", functional.invert)
RandomPosterize = _by_chance("RandomPosterize", functional.posterize, "bits")
RandomSolarize = _by_chance("RandomSolarize", functional.solarize, "threshold")
RandomAdjustSharpness = _by_chance("RandomAdjustSharpness", functional.adjust_sharpness, "sharpness_factor")
RandomAutocontrast = _by_chance("RandomAutocontrast", functional.autocontrast)
RandomEqualize = _by_chance("RandomEqualize", functional.equalize)


class LinearTransformation(Transform):
    """``(flat image - mean_vector) @ transformation_matrix``; settings as in `transforms.LinearTransformation`. Raises
    TypeError for pictures."""

    _transformed_types: tuple[Check, ...] = (functional.is_pure_tensor, tv_tensors.Image, tv_tensors.Video)

    def __init__(self, transformation_matrix: torch.Tensor, mean_vector: torch.Tensor) -> None:
        super().__init__()
        self._plain = fixed.LinearTransformation(transformation_matrix, mean_vector)
        self.transformation_matrix, self.mean_vector = transformation_matrix, mean_vector

    def check_inputs(self, flat_inputs: list[Any]) -> None:
        """Raises TypeError for pictures."""
        if any(is_picture(each) for each in flat_inputs):
            raise TypeError(f"{type(self).__name__}() does not support PIL images.")

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """One transformed."""
        out = self._plain(inpt.as_subclass(torch.Tensor))
        return tv_tensors.wrap(out, like=inpt) if isinstance(inpt, tv_tensors.TVTensor) else out


class RandomPhotometricDistort(Transform):
    """Brightness, contrast, saturation and hue by factors drawn from these ranges, and the channels in another order,
    each with the probability ``p`` (Liu et al., *SSD*, 2016).

    >>> from wengert.vision.transforms import v2
    >>> image = torch.arange(48, dtype=torch.uint8).reshape(3, 4, 4)
    >>> v2.RandomPhotometricDistort()(image).shape
    torch.Size([3, 4, 4])
    """

    def __init__(self, brightness: tuple[float, float] = (0.875, 1.125), contrast: tuple[float, float] = (0.5, 1.5),
                 saturation: tuple[float, float] = (0.5, 1.5), hue: tuple[float, float] = (-0.05, 0.05), p: float = 0.5
                 ) -> None:
        super().__init__()
        self.brightness, self.contrast, self.saturation, self.hue, self.p = brightness, contrast, saturation, hue, p

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """The factors, None for what stays; whether contrast comes first; the order."""
        channels = query_chw(flat_inputs)[0]
        params: dict[str, Any] = {
            name: float(torch.empty(1).uniform_(*getattr(self, name))) if torch.rand(1) < self.p else None
            for name in ("brightness", "contrast", "saturation", "hue")}
        params["first"] = bool(torch.rand(()) < 0.5)
        params["order"] = torch.randperm(channels).tolist() if torch.rand(1) < self.p else None
        return params

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """One changed."""
        names = ["brightness", "contrast", "saturation", "hue"] if params["first"] else [
            "brightness", "saturation", "hue", "contrast"]
        for name in names:
            if params[name] is not None:
                inpt = getattr(functional, f"adjust_{name}")(inpt, params[name])
        return inpt if params["order"] is None else functional.permute_channels(inpt, params["order"])


class JPEG(Transform):
    """Written as a JPEG, of a quality drawn from ``quality``, one number or (least, most), and read again. Raises
    TypeError or ValueError for what are no numbers from 1 to 100.

    >>> from wengert.vision.transforms import v2
    >>> image = torch.arange(48, dtype=torch.uint8).reshape(3, 4, 4)
    >>> v2.JPEG(50)(image).shape
    torch.Size([3, 4, 4])
    """

    def __init__(self, quality: int | Sequence[int]) -> None:
        super().__init__()
        if isinstance(quality, bool):
            raise TypeError("quality can't be bool")
        bounds = [quality, quality] if isinstance(quality, int) else quality
        if not isinstance(bounds, Sequence):
            raise TypeError("quality should be a sequence of length 2.")
        if len(bounds) != 2:
            raise ValueError("quality should be a sequence of length 2.")
        if not (all(isinstance(each, int) for each in bounds) and 1 <= bounds[0] <= bounds[1] <= 100):
            raise ValueError(f"quality must be an integer from 1 to 100, got quality ={quality}")
        self.quality = bounds

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """The quality."""
        return {"quality": int(torch.randint(self.quality[0], self.quality[1] + 1, ()))}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """One written and read."""
        return functional.jpeg(inpt, params["quality"])


class UniformTemporalSubsample(Transform):
    """``num_samples`` images of a film (..., T, C, H, W), at equal distances.

    >>> from wengert.vision.transforms import v2
    >>> v2.UniformTemporalSubsample(2)(torch.zeros(5, 3, 4, 4)).shape
    torch.Size([2, 3, 4, 4])
    """

    _transformed_types: tuple[Check, ...] = (torch.Tensor,)

    def __init__(self, num_samples: int) -> None:
        super().__init__()
        self.num_samples = num_samples

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """One with fewer."""
        return functional.uniform_temporal_subsample(inpt, self.num_samples)
