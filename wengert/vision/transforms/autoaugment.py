"""Chains of changes drawn from a list: AutoAugment, RandAugment, TrivialAugment. The draws are torchvision's."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from enum import Enum
from typing import Any, NamedTuple

import wengert as torch
from wengert import Tensor, nn

from ..._public import publish as _publish
from ...core.errors import in_words
from ...core.geometry import check_count
from . import functional
from .functional import InterpolationMode
from .random_geometry import fill_for

__all__ = ["AugMix", "AutoAugment", "AutoAugmentPolicy", "RandAugment", "TrivialAugmentWide"]


class AutoAugmentPolicy(Enum):
    """The data set that a list of changes was found for.

    >>> from wengert.vision import transforms
    >>> [policy.value for policy in transforms.AutoAugmentPolicy]
    ['imagenet', 'cifar10', 'svhn']
    """

    IMAGENET = "imagenet"
    CIFAR10 = "cifar10"
    SVHN = "svhn"


# Two changes a line: name, probability, and the place of the strength in its scale of ten (Cubuk et al., *AutoAugment:
# learning augmentation strategies from data*, 2019, appendix).
_POLICIES = {
    AutoAugmentPolicy.IMAGENET: """
        Posterize 0.4 8 / Rotate 0.6 9
        Solarize 0.6 5 / AutoContrast 0.6
        Equalize 0.8 / Equalize 0.6
        Posterize 0.6 7 / Posterize 0.6 6
        Equalize 0.4 / Solarize 0.2 4
        Equalize 0.4 / Rotate 0.8 8
        Solarize 0.6 3 / Equalize 0.6
        Posterize 0.8 5 / Equalize 1.0
        Rotate 0.2 3 / Solarize 0.6 8
        Equalize 0.6 / Posterize 0.4 6
        Rotate 0.8 8 / Color 0.4 0
        Rotate 0.4 9 / Equalize 0.6
        Equalize 0.0 / Equalize 0.8
        Invert 0.6 / Equalize 1.0
        Color 0.6 4 / Contrast 1.0 8
        Rotate 0.8 8 / Color 1.0 2
        Color 0.8 8 / Solarize 0.8 7
        Sharpness 0.4 7 / Invert 0.6
        ShearX 0.6 5 / Equalize 1.0
        Color 0.4 0 / Equalize 0.6
        Equalize 0.4 / Solarize 0.2 4
        Solarize 0.6 5 / AutoContrast 0.6
        Invert 0.6 / Equalize 1.0
        Color 0.6 4 / Contrast 1.0 8
        Equalize 0.8 / Equalize 0.6
    """,
    AutoAugmentPolicy.CIFAR10: """
        Invert 0.1 / Contrast 0.2 6
        Rotate 0.7 2 / TranslateX 0.3 9
        Sharpness 0.8 1 / Sharpness 0.9 3
        ShearY 0.5 8 / TranslateY 0.7 9
        AutoContrast 0.5 / Equalize 0.9
        ShearY 0.2 7 / Posterize 0.3 7
        Color 0.4 3 / Brightness 0.6 7
        Sharpness 0.3 9 / Brightness 0.7 9
        Equalize 0.6 / Equalize 0.5
        Contrast 0.6 7 / Sharpness 0.6 5
        Color 0.7 7 / TranslateX 0.5 8
        Equalize 0.3 / AutoContrast 0.4
        TranslateY 0.4 3 / Sharpness 0.2 6
        Brightness 0.9 6 / Color 0.2 8
        Solarize 0.5 2 / Invert 0.0
        Equalize 0.2 / AutoContrast 0.6
        Equalize 0.2 / Equalize 0.6
        Color 0.9 9 / Equalize 0.6
        AutoContrast 0.8 / Solarize 0.2 8
        Brightness 0.1 3 / Color 0.7 0
        Solarize 0.4 5 / AutoContrast 0.9
        TranslateY 0.9 9 / TranslateY 0.7 9
        AutoContrast 0.9 / Solarize 0.8 3
        Equalize 0.8 / Invert 0.1
        TranslateY 0.7 9 / AutoContrast 0.9
    """,
    AutoAugmentPolicy.SVHN: """
        ShearX 0.9 4 / Invert 0.2
        ShearY 0.9 8 / Invert 0.7
        Equalize 0.6 / Solarize 0.6 6
        Invert 0.9 / Equalize 0.6
        Equalize 0.6 / Rotate 0.9 3
        ShearX 0.9 4 / AutoContrast 0.8
        ShearY 0.9 8 / Invert 0.4
        ShearY 0.9 5 / Solarize 0.2 6
        Invert 0.9 / AutoContrast 0.8
        Equalize 0.6 / Rotate 0.9 3
        ShearX 0.9 4 / Solarize 0.3 3
        ShearY 0.8 8 / Invert 0.7
        Equalize 0.9 / TranslateY 0.6 6
        Invert 0.9 / Equalize 0.6
        Contrast 0.3 3 / Rotate 0.8 4
        Invert 0.8 / TranslateY 0.0 2
        ShearY 0.7 6 / Solarize 0.4 8
        Invert 0.6 / Rotate 0.8 4
        ShearY 0.3 7 / TranslateX 0.9 3
        ShearX 0.1 6 / Invert 0.6
        Solarize 0.7 2 / TranslateY 0.6 7
        ShearY 0.8 4 / Invert 0.8
        ShearX 0.7 9 / TranslateY 0.8 3
        ShearY 0.8 5 / AutoContrast 0.7
        ShearX 0.7 2 / Invert 0.1
    """,
}


class Strengths(NamedTuple):
    """What a change may be given: the scale (None: it takes nothing), and whether the sign is drawn, too."""

    scale: Tensor | None
    signed: bool


def _strengths(
    count: int, colours: float, shears: float, across: float, down: float, turn: float, bits: int
) -> dict[str, Strengths]:
    """The scales, of ``count`` steps, of all changes that RandAugment and TrivialAugment choose from, in their order.

    The others are the largest values: of changes of colours, of shears, of shifts in pixels, of the angle in degrees;
    ``bits`` is how many bits posterizing may take.
    """
    colour = Strengths(torch.linspace(0.0, colours, count), True)
    shear = Strengths(torch.linspace(0.0, shears, count), True)
    kept = 8 - (torch.arange(count) / ((count - 1) / bits)).round().int()
    return {
        "Identity": Strengths(None, False),
        "ShearX": shear,
        "ShearY": shear,
        "TranslateX": Strengths(torch.linspace(0.0, across, count), True),
        "TranslateY": Strengths(torch.linspace(0.0, down, count), True),
        "Rotate": Strengths(torch.linspace(0.0, turn, count), True),
        "Brightness": colour,
        "Color": colour,
        "Contrast": colour,
        "Sharpness": colour,
        "Posterize": Strengths(kept, False),
        "Solarize": Strengths(torch.linspace(255.0, 0.0, count), False),
        "AutoContrast": Strengths(None, False),
        "Equalize": Strengths(None, False),
        "Invert": Strengths(None, False),
    }


def for_size(count: int, height: int, width: int) -> dict[str, Strengths]:
    """The scales for an image, whose size bounds the shifts."""
    return _strengths(count, 0.9, 0.3, 150.0 / 331.0 * width, 150.0 / 331.0 * height, 30.0, 4)


def wide(count: int) -> dict[str, Strengths]:
    """The scales of TrivialAugment, which do not depend on the image."""
    scales = _strengths(count, 0.99, 0.99, 32.0, 32.0, 135.0, 6)
    del scales["Invert"]
    return scales


SEVEREST = 10
"""The steps of AugMix's scales."""


def check_chains(mixture_width: int, chain_depth: int) -> None:
    """Raises ValueError where there are so many changes that they take hours."""
    check_count("AugMix", "mixture_width", mixture_width)
    check_count("AugMix", "chain_depth", chain_depth)


def check_severity(severity: int) -> None:
    """Raises ValueError for a severity that is none of the steps."""
    if not 1 <= severity <= SEVEREST:
        raise ValueError(f"The severity must be between [1, {SEVEREST}]. Got {severity} instead.")


def mixing_scales(size: Sequence[int], all_ops: bool) -> dict[str, Strengths]:
    """The scales of AugMix for an image of ``size`` (height, width), in their order."""
    height, width = size
    scales = _strengths(SEVEREST, 0.9, 0.3, width / 3.0, height / 3.0, 30.0, 4)
    scales["Posterize"] = Strengths(4 - (torch.arange(SEVEREST) / ((SEVEREST - 1) / 4)).round().int(), False)
    names = "ShearX ShearY TranslateX TranslateY Rotate Posterize Solarize AutoContrast Equalize"
    return {name: scales[name] for name in (
        names + (" Brightness Color Contrast Sharpness" if all_ops else "")).split()}


def mixture(pixels: Tensor, rank: int, how: Any, draw: Callable[[], tuple[str, float]],
            change: Callable[[Tensor, str, float], Tensor]) -> Tensor:
    """A tensor of an image, or of a batch of ``rank`` dimensions, mixed with chains of changes of it: ``draw()`` gives
    a change and its strength, ``how`` has the settings of AugMix."""
    batch = pixels.reshape([1] * max(rank - pixels.ndim, 0) + list(pixels.shape))
    count, ones = batch.shape[0], [1] * (batch.ndim - 1)
    share = torch._sample_dirichlet(torch.full((count, 2), float(how.alpha)))
    weights = torch._sample_dirichlet(torch.full((count, how.mixture_width), float(how.alpha))) * share[:, 1:]
    mixed = share[:, 0].reshape(count, *ones) * batch
    for chain in range(how.mixture_width):
        changed = batch
        for _ in range(how.chain_depth if how.chain_depth > 0 else int(torch.randint(1, 4, (1,)).item())):
            changed = change(changed, *draw())
        mixed = mixed + weights[:, chain].reshape(count, *ones) * changed
    return mixed.reshape(pixels.shape).to(pixels.dtype)


def change(img: Any, name: str, strength: float, interpolation: InterpolationMode, fill: Any) -> Any:
    """An image changed in the way ``name`` by ``strength``."""

    def moved(shift: list[int], shear: list[float], center: list[float] | None = None) -> Any:
        return functional.affine(img, 0.0, shift, 1.0, shear, interpolation, fill, center)

    angle = math.degrees(math.atan(strength))
    changes = {
        "Identity": lambda: img,
        "ShearX": lambda: moved([0, 0], [angle, 0.0], [0, 0]),
        "ShearY": lambda: moved([0, 0], [0.0, angle], [0, 0]),
        "TranslateX": lambda: moved([int(strength), 0], [0.0, 0.0]),
        "TranslateY": lambda: moved([0, int(strength)], [0.0, 0.0]),
        "Rotate": lambda: functional.rotate(img, strength, interpolation, fill=fill),
        "Brightness": lambda: functional.adjust_brightness(img, 1.0 + strength),
        "Color": lambda: functional.adjust_saturation(img, 1.0 + strength),
        "Contrast": lambda: functional.adjust_contrast(img, 1.0 + strength),
        "Sharpness": lambda: functional.adjust_sharpness(img, 1.0 + strength),
        "Posterize": lambda: functional.posterize(img, int(strength)),
        "Solarize": lambda: functional.solarize(img, strength),
        "AutoContrast": lambda: functional.autocontrast(img),
        "Equalize": lambda: functional.equalize(img),
        "Invert": lambda: functional.invert(img),
    }
    return changes[name]()


def _sign() -> float:
    return -1.0 if torch.randint(2, (1,)).item() else 1.0


@in_words
class AutoAugment(nn.Module):
    """One of 25 pairs of changes, each made with a probability of its own (Cubuk et al., 2019).

    ``policy`` says which list; ``interpolation`` and ``fill`` are those of turns and shears. Tensors must be of uint8.

    >>> from wengert.vision import transforms
    >>> image = torch.arange(48, dtype=torch.uint8).reshape(3, 4, 4)
    >>> transforms.AutoAugment(transforms.AutoAugmentPolicy.CIFAR10)(image).shape
    torch.Size([3, 4, 4])
    """

    def __init__(self, policy: AutoAugmentPolicy = AutoAugmentPolicy.IMAGENET,
                 interpolation: InterpolationMode = InterpolationMode.NEAREST, fill: Any = None) -> None:
        super().__init__()
        if policy not in _POLICIES:
            raise ValueError(f"The provided policy {policy} is not recognized.")
        self.policy, self.interpolation, self.fill = policy, interpolation, fill
        self.policies = [
            [_parsed(change) for change in line.split(" / ")] for line in _POLICIES[policy].strip().splitlines()
        ]

    @staticmethod
    def get_params(transform_num: int) -> tuple[int, Tensor, Tensor]:
        """The pair, the draws for the two probabilities, and the two signs."""
        return int(torch.randint(transform_num, (1,)).item()), torch.rand(2), torch.randint(2, (2,))

    def forward(self, img: Any) -> Any:
        fill = fill_for(img, self.fill)
        pair, draws, signs = self.get_params(len(self.policies))
        scales = for_size(10, *functional.get_dimensions(img)[1:])
        for place, (name, probability, step) in enumerate(self.policies[pair]):
            if draws[place].item() > probability:
                continue
            scale, signed = scales[name]
            strength = 0.0 if step is None or scale is None else float(scale[step].item())
            if signed and signs[place].item() == 0:
                strength = -strength
            img = change(img, name, strength, self.interpolation, fill)
        return img

    def __repr__(self) -> str:
        return f"{type(self).__name__}(policy={self.policy}, fill={self.fill})"


def _parsed(change: str) -> tuple[str, float, int | None]:
    name, probability, *step = change.split()
    return name, float(probability), int(step[0]) if step else None


@in_words
class RandAugment(nn.Module):
    """``num_ops`` changes drawn, all of the strength ``magnitude`` of ``num_magnitude_bins`` (Cubuk et al., 2020).

    >>> from wengert.vision import transforms
    >>> image = torch.arange(48, dtype=torch.uint8).reshape(3, 4, 4)
    >>> transforms.RandAugment(num_ops=2)(image).shape
    torch.Size([3, 4, 4])
    """

    def __init__(self, num_ops: int = 2, magnitude: int = 9, num_magnitude_bins: int = 31,
                 interpolation: InterpolationMode = InterpolationMode.NEAREST, fill: Any = None) -> None:
        super().__init__()
        check_count("RandAugment", "num_ops", num_ops)
        self.num_ops, self.magnitude, self.num_magnitude_bins = num_ops, magnitude, num_magnitude_bins
        self.interpolation, self.fill = interpolation, fill

    def forward(self, img: Any) -> Any:
        fill = fill_for(img, self.fill)
        scales = for_size(self.num_magnitude_bins, *functional.get_dimensions(img)[1:])
        del scales["Invert"]
        for _ in range(self.num_ops):
            name = list(scales)[int(torch.randint(len(scales), (1,)).item())]
            scale, signed = scales[name]
            strength = 0.0 if scale is None else float(scale[self.magnitude].item())
            img = change(img, name, strength * _sign() if signed else strength, self.interpolation, fill)
        return img

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(num_ops={self.num_ops}, magnitude={self.magnitude}, "
            f"num_magnitude_bins={self.num_magnitude_bins}, interpolation={self.interpolation}, fill={self.fill})"
        )


@in_words
class TrivialAugmentWide(nn.Module):
    """One change drawn, of a strength drawn from ``num_magnitude_bins`` (Müller and Hutter, 2021).

    >>> from wengert.vision import transforms
    >>> image = torch.arange(48, dtype=torch.uint8).reshape(3, 4, 4)
    >>> transforms.TrivialAugmentWide()(image).shape
    torch.Size([3, 4, 4])
    """

    def __init__(self, num_magnitude_bins: int = 31, interpolation: InterpolationMode = InterpolationMode.NEAREST,
                 fill: Any = None) -> None:
        super().__init__()
        self.num_magnitude_bins, self.interpolation, self.fill = num_magnitude_bins, interpolation, fill

    def forward(self, img: Any) -> Any:
        fill = fill_for(img, self.fill)
        scales = wide(self.num_magnitude_bins)
        name = list(scales)[int(torch.randint(len(scales), (1,)).item())]
        scale, signed = scales[name]
        strength = 0.0
        if scale is not None:
            strength = float(scale[int(torch.randint(len(scale), (1,)).item())].item())
        return change(img, name, strength * _sign() if signed else strength, self.interpolation, fill)

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(num_magnitude_bins={self.num_magnitude_bins}, "
            f"interpolation={self.interpolation}, fill={self.fill})"
        )


@in_words
class AugMix(nn.Module):
    """The image mixed with ``mixture_width`` chains of changes of it, by weights drawn from a Dirichlet distribution of
    ``alpha`` (Hendrycks et al., 2020). ``severity`` of 10 bounds the strengths; a chain is ``chain_depth`` long, or 1
    to 3 if that is not positive; without ``all_ops`` brightness, colour, contrast and sharpness are left out.

    Raises ValueError for a severity that is not between 1 and 10. Tensors must be of uint8.

    >>> from wengert.vision import transforms
    >>> image = torch.arange(48, dtype=torch.uint8).reshape(3, 4, 4)
    >>> transforms.AugMix()(image).shape
    torch.Size([3, 4, 4])
    """

    def __init__(self, severity: int = 3, mixture_width: int = 3, chain_depth: int = -1, alpha: float = 1.0,
                 all_ops: bool = True, interpolation: InterpolationMode = InterpolationMode.BILINEAR, fill: Any = None
                 ) -> None:
        super().__init__()
        check_severity(severity)
        check_chains(mixture_width, chain_depth)
        self.severity, self.mixture_width, self.chain_depth = severity, mixture_width, chain_depth
        self.alpha, self.all_ops, self.interpolation, self.fill = alpha, all_ops, interpolation, fill

    def forward(self, orig_img: Any) -> Any:
        pixels = orig_img if isinstance(orig_img, Tensor) else functional.pil_to_tensor(orig_img)
        fill = fill_for(pixels, self.fill) if isinstance(orig_img, Tensor) else self.fill
        scales = mixing_scales(functional.get_dimensions(orig_img)[1:], self.all_ops)

        def draw() -> tuple[str, float]:
            name = list(scales)[int(torch.randint(len(scales), (1,)).item())]
            scale, signed = scales[name]
            if scale is None:
                return name, 0.0
            strength = float(scale[int(torch.randint(self.severity, (1,)).item())].item())
            return name, strength * _sign() if signed else strength

        mixed = mixture(pixels, 4, self, draw, lambda part, name, strength: change(part, name, strength,
                                                                                    self.interpolation, fill))
        return mixed if isinstance(orig_img, Tensor) else functional.to_pil_image(mixed)

    def __repr__(self) -> str:
        names = "severity mixture_width chain_depth alpha all_ops interpolation fill".split()
        return f"{type(self).__name__}({', '.join(f'{name}={getattr(self, name)}' for name in names)})"


_publish(__name__)
