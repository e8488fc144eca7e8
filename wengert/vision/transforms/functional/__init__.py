"""What the transforms do, as functions without chance: of Pillow's pictures and of tensors ``(..., C, H, W)``."""

from __future__ import annotations

from ...._public import publish as _publish
from .colours import (
    adjust_brightness as adjust_brightness, adjust_contrast as adjust_contrast, adjust_gamma as adjust_gamma,
    adjust_hue as adjust_hue, adjust_saturation as adjust_saturation, adjust_sharpness as adjust_sharpness,
    autocontrast as autocontrast, equalize as equalize, gaussian_blur as gaussian_blur, invert as invert,
    posterize as posterize, rgb_to_grayscale as rgb_to_grayscale, solarize as solarize, to_grayscale as to_grayscale,
)
from .conversion import (
    convert_image_dtype as convert_image_dtype, erase as erase, get_dimensions as get_dimensions,
    get_image_num_channels as get_image_num_channels, get_image_size as get_image_size, normalize as normalize,
    pil_to_tensor as pil_to_tensor, to_pil_image as to_pil_image, to_tensor as to_tensor,
)
from .geometry import (
    center_crop as center_crop, crop as crop, five_crop as five_crop, hflip as hflip, pad as pad, resize as resize,
    resized_crop as resized_crop, ten_crop as ten_crop, vflip as vflip,
)
from .modes import InterpolationMode as InterpolationMode
from .warping import (
    affine as affine, elastic_transform as elastic_transform, perspective as perspective, rotate as rotate,
)

_publish(__name__)
