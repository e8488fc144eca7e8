"""The transforms by the name that torchvision's module for them has."""

from __future__ import annotations

from ..._public import publish as _publish
from .containers import (
    Compose as Compose, Lambda as Lambda, RandomApply as RandomApply, RandomChoice as RandomChoice,
    RandomOrder as RandomOrder,
)
from .fixed import (
    CenterCrop as CenterCrop, ConvertImageDtype as ConvertImageDtype, FiveCrop as FiveCrop, Grayscale as Grayscale,
    LinearTransformation as LinearTransformation, Normalize as Normalize, Pad as Pad, PILToTensor as PILToTensor,
    Resize as Resize, TenCrop as TenCrop, ToPILImage as ToPILImage, ToTensor as ToTensor,
)
from .functional import InterpolationMode as InterpolationMode
from .random_colours import (
    ColorJitter as ColorJitter, GaussianBlur as GaussianBlur, RandomAdjustSharpness as RandomAdjustSharpness,
    RandomAutocontrast as RandomAutocontrast, RandomEqualize as RandomEqualize, RandomGrayscale as RandomGrayscale,
    RandomInvert as RandomInvert, RandomPosterize as RandomPosterize, RandomSolarize as RandomSolarize,
)
from .random_geometry import (
    ElasticTransform as ElasticTransform, RandomAffine as RandomAffine, RandomCrop as RandomCrop,
    RandomErasing as RandomErasing, RandomHorizontalFlip as RandomHorizontalFlip,
    RandomPerspective as RandomPerspective, RandomResizedCrop as RandomResizedCrop, RandomRotation as RandomRotation,
    RandomVerticalFlip as RandomVerticalFlip,
)

_publish(__name__)
