"""Chains of changes drawn from a list: AutoAugment, RandAugment, TrivialAugment, AugMix. The lists and scales are those
of `transforms.autoaugment`; the draws are those of torchvision's second transforms, which differ from the first."""

from __future__ import annotations

from typing import Any

import wengert as torch
from wengert import Tensor

from ....core.geometry import check_count
from ....utils._pytree import tree_flatten, tree_unflatten
from ... import tv_tensors
from .. import autoaugment as plain
from ..autoaugment import AutoAugmentPolicy, Strengths
from . import functional
from .functional import mode
from .geometry import fill_for
from .transform import IMAGES, Transform, fits

HIGHEST = {torch.uint8: 255, torch.int8: 127, torch.int16: 32767, torch.int32: 2147483647,
           torch.int64: 9223372036854775807}


class _Chain(Transform):
    """What all share: the one image of a sample is changed, and what would have to move with it is refused."""

    def __init__(self, interpolation: Any, fill: Any) -> None:
        super().__init__()
        self.interpolation, self.fill = mode(interpolation), fill

    def forward(self, *inputs: Any) -> Any:
        """The sample with its image changed. Raises TypeError without one, with several, or beside boxes, masks and
        points."""
        flat, spec = tree_flatten(inputs if len(inputs) > 1 else inputs[0])
        places = []
        for place, (each, needs) in enumerate(zip(flat, self._needs_transform_list(flat), strict=True)):
            if needs and fits(each, IMAGES):
                places.append(place)
            elif isinstance(each, (tv_tensors.BoundingBoxes, tv_tensors.Mask, tv_tensors.KeyPoints)):
                raise TypeError(f"Inputs of type {type(each).__name__} are not supported by {type(self).__name__}()")
        if not places:
            raise TypeError("Found no image in the sample.")
        if len(places) > 1:
            raise TypeError("Auto augment transformations are only properly defined for a single image or video, but "
                            f"found {len(places)}.")
        flat[places[0]] = self.changed(flat[places[0]])
        return tree_unflatten(flat, spec)

    def changed(self, image: Any) -> Any:
        """The image, changed."""
        raise NotImplementedError

    def apply(self, image: Any, name: str, strength: float) -> Any:  # type: ignore[override]
        """One change of an image."""
        if name == "Solarize":
            strength = strength / 255.0 * (HIGHEST.get(image.dtype, 1) if isinstance(image, Tensor) else 255)
        out = plain.change(image.as_subclass(Tensor) if isinstance(image, Tensor) else image, name, strength,
                           self.interpolation, fill_for(self.fill, image))
        return tv_tensors.wrap(out, like=image) if isinstance(image, tv_tensors.TVTensor) else out


def _drawn(scales: dict[str, Strengths]) -> str:
    return list(scales)[int(torch.randint(len(scales), ()))]


def _with_sign(strength: float, signed: bool) -> float:
    return -strength if signed and torch.rand(()) <= 0.5 else strength


class AutoAugment(_Chain):
    """One of 25 pairs of changes, each made with a probability of its own (Cubuk et al., 2019). ``policy`` says which
    list; tensors must be of uint8."""

    def __init__(self, policy: AutoAugmentPolicy = AutoAugmentPolicy.IMAGENET, interpolation: Any = "nearest",
                 fill: Any = None) -> None:
        super().__init__(interpolation, fill)
        self.policy, self._policies = policy, plain.AutoAugment(policy).policies

    def changed(self, image: Any) -> Any:
        """The image after the pair."""
        scales = plain.for_size(10, *functional.get_size(image))
        for name, probability, step in self._policies[int(torch.randint(len(self._policies), ()))]:
            if not torch.rand(()) <= probability:
                continue
            scale, signed = scales[name]
            strength = 0.0 if scale is None or step is None else _with_sign(float(scale[step]), signed)
            image = self.apply(image, name, strength)
        return image


class RandAugment(_Chain):
    """``num_ops`` changes drawn, all of the strength ``magnitude`` of ``num_magnitude_bins`` (Cubuk et al., 2020)."""

    def __init__(self, num_ops: int = 2, magnitude: int = 9, num_magnitude_bins: int = 31,
                 interpolation: Any = "nearest", fill: Any = None) -> None:
        super().__init__(interpolation, fill)
        if not isinstance(num_ops, int) or num_ops < 0:
            raise ValueError(f"num_ops should be a non-negative integer, but got {num_ops} instead.")
        check_count("RandAugment", "num_ops", num_ops)
        self.num_ops, self.magnitude, self.num_magnitude_bins = num_ops, magnitude, num_magnitude_bins

    def changed(self, image: Any) -> Any:
        """The image after the changes."""
        size = functional.get_size(image)
        for _ in range(self.num_ops):
            scales = plain.for_size(self.num_magnitude_bins, *size)
            del scales["Invert"]
            name = _drawn(scales)
            scale, signed = scales[name]
            image = self.apply(image, name, 0.0 if scale is None else _with_sign(float(scale[self.magnitude]), signed))
        return image


class TrivialAugmentWide(_Chain):
    """One change drawn, of a strength drawn from ``num_magnitude_bins`` (Müller and Hutter, 2021)."""

    def __init__(self, num_magnitude_bins: int = 31, interpolation: Any = "nearest", fill: Any = None) -> None:
        super().__init__(interpolation, fill)
        self.num_magnitude_bins = num_magnitude_bins

    def changed(self, image: Any) -> Any:
        """The image after the change."""
        scales = plain.wide(self.num_magnitude_bins)
        name = _drawn(scales)
        scale, signed = scales[name]
        strength = 0.0
        if scale is not None:
            strength = _with_sign(float(scale[int(torch.randint(self.num_magnitude_bins, ()))]), signed)
        return self.apply(image, name, strength)


class AugMix(_Chain):
    """The image mixed with ``mixture_width`` chains of changes of it, by weights drawn (Hendrycks et al., 2020).
    ``severity`` of 10 bounds the strengths; a chain is ``chain_depth`` long, or 1 to 3 if that is not positive;
    without ``all_ops`` brightness, colour, contrast and sharpness are left out. Tensors must be of uint8."""

    def __init__(self, severity: int = 3, mixture_width: int = 3, chain_depth: int = -1, alpha: float = 1.0,
                 all_ops: bool = True, interpolation: Any = "bilinear", fill: Any = None) -> None:
        super().__init__(interpolation, fill)
        plain.check_severity(severity)
        plain.check_chains(mixture_width, chain_depth)
        self.severity, self.mixture_width, self.chain_depth = severity, mixture_width, chain_depth
        self.alpha, self.all_ops = alpha, all_ops

    def changed(self, image: Any) -> Any:
        """The mixture."""
        scales = plain.mixing_scales(functional.get_size(image), self.all_ops)
        pixels = image if isinstance(image, Tensor) else functional.pil_to_tensor(image)

        def draw() -> tuple[str, float]:
            name = _drawn(scales)
            scale, signed = scales[name]
            if scale is None:
                return name, 0.0
            return name, _with_sign(float(scale[int(torch.randint(self.severity, ()))]), signed)

        def change(part: Tensor, name: str, strength: float) -> Tensor:
            like = tv_tensors.wrap(part, like=image) if isinstance(image, tv_tensors.TVTensor) else part
            return self.apply(like, name, strength).as_subclass(Tensor)

        rank = 5 if isinstance(image, tv_tensors.Video) else 4
        mixed = plain.mixture(pixels.as_subclass(Tensor), rank, self, draw, change)
        if isinstance(image, tv_tensors.TVTensor):
            return tv_tensors.wrap(mixed, like=image)
        return mixed if isinstance(image, Tensor) else functional.to_pil_image(mixed)


__all__ = ["AugMix", "AutoAugment", "AutoAugmentPolicy", "RandAugment", "TrivialAugmentWide"]
