"""Transforms of whole samples: images, masks and boxes, in any nest, changed alike by one draw.

They take pictures of Pillow's, tensors, and the kinds of `tv_tensors`; what is none of these stays as it is. The same
seed gives the same draws as torchvision's.

>>> import wengert as torch
>>> from wengert.vision import tv_tensors
>>> from wengert.vision.transforms import v2
>>> image = tv_tensors.Image(torch.zeros(3, 4, 6))
>>> boxes = tv_tensors.BoundingBoxes([[0, 0, 2, 2]], format="XYXY", canvas_size=(4, 6))
>>> image, target = v2.RandomHorizontalFlip(p=1.0)(image, {"boxes": boxes, "name": "one"})
>>> target["boxes"].tolist(), target["name"]
([[4, 0, 6, 2]], 'one')
"""

from __future__ import annotations

from ...._public import publish as _publish
from ..functional import InterpolationMode as InterpolationMode
from . import functional as functional
from .autoaugment import (
    AugMix as AugMix, AutoAugment as AutoAugment, AutoAugmentPolicy as AutoAugmentPolicy, RandAugment as RandAugment,
    TrivialAugmentWide as TrivialAugmentWide,
)
from .geometry import (
    CenterCrop as CenterCrop, FiveCrop as FiveCrop, Pad as Pad, RandomAffine as RandomAffine, RandomCrop as RandomCrop,
    RandomErasing as RandomErasing, RandomHorizontalFlip as RandomHorizontalFlip,
    RandomPerspective as RandomPerspective, RandomResize as RandomResize, RandomResizedCrop as RandomResizedCrop,
    RandomRotation as RandomRotation, RandomVerticalFlip as RandomVerticalFlip, Resize as Resize, TenCrop as TenCrop,
)
from .images import (
    JPEG as JPEG, RGB as RGB, ColorJitter as ColorJitter, ConvertImageDtype as ConvertImageDtype,
    GaussianBlur as GaussianBlur, GaussianNoise as GaussianNoise, Grayscale as Grayscale,
    LinearTransformation as LinearTransformation, Normalize as Normalize, PILToTensor as PILToTensor,
    RandomAdjustSharpness as RandomAdjustSharpness, RandomAutocontrast as RandomAutocontrast,
    RandomChannelPermutation as RandomChannelPermutation, RandomEqualize as RandomEqualize,
    RandomGrayscale as RandomGrayscale, RandomInvert as RandomInvert, RandomPosterize as RandomPosterize,
    RandomPhotometricDistort as RandomPhotometricDistort, RandomSolarize as RandomSolarize, ToDtype as ToDtype,
    ToImage as ToImage, ToPILImage as ToPILImage, ToPureTensor as ToPureTensor, ToTensor as ToTensor,
    UniformTemporalSubsample as UniformTemporalSubsample,
)
from .samples import (
    ClampBoundingBoxes as ClampBoundingBoxes, ClampKeyPoints as ClampKeyPoints,
    ConvertBoundingBoxFormat as ConvertBoundingBoxFormat, CutMix as CutMix,
    MixUp as MixUp, SanitizeBoundingBoxes as SanitizeBoundingBoxes,
    SanitizeKeyPoints as SanitizeKeyPoints, SetClampingMode as SetClampingMode,
)
from .scales import (
    ElasticTransform as ElasticTransform, RandomIoUCrop as RandomIoUCrop, RandomShortestSize as RandomShortestSize,
    RandomZoomOut as RandomZoomOut, ScaleJitter as ScaleJitter,
)
from .transform import (
    Compose as Compose, Identity as Identity, Lambda as Lambda, RandomApply as RandomApply,
    RandomChoice as RandomChoice, RandomOrder as RandomOrder, Transform as Transform, check_type as check_type,
    get_bounding_boxes as get_bounding_boxes, get_keypoints as get_keypoints, has_all as has_all, has_any as has_any,
    query_chw as query_chw,
    query_size as query_size,
)

_publish(__name__)
