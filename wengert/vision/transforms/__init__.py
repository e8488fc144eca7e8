"""Images changed before they are learned from: cut, resized, turned, coloured, made into tensors.

Transforms take Pillow's pictures and, most of them, tensors ``(..., C, H, W)``. Those that draw use wengert's generator
as torchvision uses PyTorch's, so that the same seed gives the same images. `functional` has what they do, without the
chance.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..._public import publish as _publish
from . import autoaugment as autoaugment, functional as functional, transforms as transforms
from .autoaugment import (
    AugMix as AugMix, AutoAugment as AutoAugment, AutoAugmentPolicy as AutoAugmentPolicy, RandAugment as RandAugment,
    TrivialAugmentWide as TrivialAugmentWide,
)
from .transforms import (
    CenterCrop as CenterCrop, ColorJitter as ColorJitter, Compose as Compose, ConvertImageDtype as ConvertImageDtype,
    ElasticTransform as ElasticTransform, FiveCrop as FiveCrop, GaussianBlur as GaussianBlur, Grayscale as Grayscale,
    InterpolationMode as InterpolationMode, Lambda as Lambda, LinearTransformation as LinearTransformation,
    Normalize as Normalize, Pad as Pad, PILToTensor as PILToTensor, RandomAdjustSharpness as RandomAdjustSharpness,
    RandomAffine as RandomAffine, RandomApply as RandomApply, RandomAutocontrast as RandomAutocontrast,
    RandomChoice as RandomChoice, RandomCrop as RandomCrop, RandomEqualize as RandomEqualize,
    RandomErasing as RandomErasing, RandomGrayscale as RandomGrayscale, RandomHorizontalFlip as RandomHorizontalFlip,
    RandomInvert as RandomInvert, RandomOrder as RandomOrder, RandomPerspective as RandomPerspective,
    RandomPosterize as RandomPosterize, RandomResizedCrop as RandomResizedCrop, RandomRotation as RandomRotation,
    RandomSolarize as RandomSolarize, RandomVerticalFlip as RandomVerticalFlip, Resize as Resize, TenCrop as TenCrop,
    ToPILImage as ToPILImage, ToTensor as ToTensor,
)

if TYPE_CHECKING:
    from . import v2 as v2

_publish(__name__, "autoaugment functional transforms v2")
