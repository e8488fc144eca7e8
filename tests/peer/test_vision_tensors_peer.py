"""`wengert.vision.transforms` of tensors against torchvision: the same draws, the same numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.peer.vision_oracle import RGB_TRANSFORMS, SIDES, as_array, picture, run, same

TENSOR_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "hflip": lambda F: F.hflip,
    "vflip": lambda F: F.vflip,
    "crop": lambda F: lambda x: F.crop(x, 3, 4, 10, 11),
    "crop outside": lambda F: lambda x: F.crop(x, -3, 20, 50, 40),
    "center_crop": lambda F: lambda x: F.center_crop(x, [40, 12]),
    "five_crop": lambda F: lambda x: F.five_crop(x, [10, 12]),
    "ten_crop": lambda F: lambda x: F.ten_crop(x, [10, 12]),
    "pad": lambda F: lambda x: F.pad(x, [1, 2, 3, 4], 7),
    "pad cut": lambda F: lambda x: F.pad(x, [-1, 2, 3, -4]),
    "pad edge": lambda F: lambda x: F.pad(x, [1, 2], padding_mode="edge"),
    "pad reflect": lambda F: lambda x: F.pad(x, 3, padding_mode="reflect"),
    "pad symmetric": lambda F: lambda x: F.pad(x, [3, -1, 2, 4], padding_mode="symmetric"),
    "resize nearest": lambda F: lambda x: F.resize(x, [15, 50], F.InterpolationMode.NEAREST),
    "resize exact": lambda F: lambda x: F.resize(x, 15, F.InterpolationMode.NEAREST_EXACT),
    "invert": lambda F: F.invert,
    "solarize": lambda F: lambda x: F.solarize(x, 0.4),
    "brightness": lambda F: lambda x: F.adjust_brightness(x, 1.4),
    "saturation": lambda F: lambda x: F.adjust_saturation(x, 0.3),
    "grey": lambda F: lambda x: F.rgb_to_grayscale(x, 3),
    "autocontrast": lambda F: F.autocontrast,
    "erase": lambda F: lambda x: F.erase(x, 2, 3, 5, 6, x[..., :1, :1]),
}
CLOSE_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "resize": lambda F: lambda x: F.resize(x, [15, 50]),
    "resize rough": lambda F: lambda x: F.resize(x, 15, antialias=False),
    "resize bicubic": lambda F: lambda x: F.resize(x, [40, 20], F.InterpolationMode.BICUBIC),
    "resized_crop": lambda F: lambda x: F.resized_crop(x, 2, 3, 20, 18, [9, 12]),
    "contrast": lambda F: lambda x: F.adjust_contrast(x, 1.7),
    "hue": lambda F: lambda x: F.adjust_hue(x, -0.3),
    "gamma": lambda F: lambda x: F.adjust_gamma(x, 0.6, 1.1),
    "sharpness": lambda F: lambda x: F.adjust_sharpness(x, 1.8),
    "blur": lambda F: lambda x: F.gaussian_blur(x, [3, 7], [0.8, 1.5]),
    "rotate": lambda F: lambda x: F.rotate(x, 33.0, F.InterpolationMode.BILINEAR, fill=[0.3]),
    "rotate nearest": lambda F: lambda x: F.rotate(x, -71.0, expand=True, fill=[0.3, 1.0, 2.0]),
    "rotate quarter": lambda F: lambda x: F.rotate(x, 90, expand=True),
    "rotate center": lambda F: lambda x: F.rotate(x, 20, center=[3, 9]),
    "affine": lambda F: lambda x: F.affine(x, 20.0, [3, -4], 1.2, [5.0, -3.0], F.InterpolationMode.BILINEAR),
    "affine nearest": lambda F: lambda x: F.affine(x, 20.0, [3, -4], 0.7, [5.0, -3.0], fill=[1.0], center=[2, 3]),
    "perspective": lambda F: lambda x: F.perspective(
        x, [[0, 0], [36, 0], [36, 28], [0, 28]], [[2, 3], [30, 1], [33, 25], [4, 27]], fill=[0.5]
    ),
}


@pytest.mark.parametrize("dtype", ["float32", "float64", "uint8"])
@pytest.mark.parametrize("batched", [False, True])
@pytest.mark.parametrize("name", [*TENSOR_FUNCTIONS, *CLOSE_FUNCTIONS])
def test_tensors(name: str, batched: bool, dtype: str) -> None:
    image = np.array(picture()).transpose(2, 0, 1)
    image = np.stack([image, image[:, ::-1]]) if batched else image
    image = np.ascontiguousarray(image) if dtype == "uint8" else (image / 255).astype(dtype)
    function = TENSOR_FUNCTIONS.get(name) or CLOSE_FUNCTIONS[name]
    apart, share = 0.0, 0.0
    if name in CLOSE_FUNCTIONS:
        # Values that hang on the order of additions; bytes may then round the other way.
        apart, share = (1.0, 0.0) if dtype == "uint8" else (3e-5 if dtype == "float32" else 1e-9, 0.0)
        if "nearest" in name or "quarter" in name or "center" in name:
            apart, share = 0.0 if dtype == "uint8" else 1e-6, 0.004
    same(lambda lib, T: function(T.functional), image, 1, apart, share)


@pytest.mark.parametrize("name", ["equalize", "posterize"])
def test_tensors_of_bytes(name: str) -> None:
    image = np.ascontiguousarray(np.array(picture()).transpose(2, 0, 1))
    arguments = (3,) if name == "posterize" else ()
    same(lambda lib, T: lambda x: getattr(T.functional, name)(x, *arguments), image)


@pytest.mark.parametrize("name", [
    "RandomCrop padded", "flips", "RandomGrayscale", "RandomInvert", "FiveCrop", "RandomApply", "CenterCrop",
])
def test_transforms_of_tensors(name: str) -> None:
    image = np.array(picture()).transpose(2, 0, 1).astype(np.float32) / 255
    same(RGB_TRANSFORMS[name], image, seeds=6)


def test_elastic_transform_and_whitening() -> None:
    image = np.array(picture()).transpose(2, 0, 1).astype(np.float32) / 255
    same(lambda lib, T: T.ElasticTransform(20.0, 3.0), image, 2, apart=1e-4)
    matrix = np.random.RandomState(0).standard_normal((12, 12)).astype(np.float32)
    small = np.ascontiguousarray(image[:, :2, :2])
    same(lambda lib, T: T.LinearTransformation(lib.from_numpy(matrix), lib.ones(12)), small, 1, apart=1e-5)


@pytest.mark.parametrize("value", ["random", 0.5])
def test_random_erasing(value: Any) -> None:
    image = np.array(picture()).transpose(2, 0, 1).astype(np.float32) / 255
    same(lambda lib, T: T.RandomErasing(0.8, value=value), image, 8, apart=1e-6)


@pytest.mark.parametrize("source", ["uint8", "int16", "int32", "float32", "float64"])
@pytest.mark.parametrize("target", ["uint8", "int16", "int32", "int64", "float32", "float64"])
def test_convert_image_dtype(source: str, target: str) -> None:
    values = np.random.RandomState(0).rand(3, 4, 5)
    image = values.astype(source) if source[0] == "f" else (values * np.iinfo(source).max).astype(source)
    try:
        run(1, lambda lib, T: lambda x: T.functional.convert_image_dtype(x, getattr(lib, target)), image)
    except RuntimeError:
        with pytest.raises(RuntimeError, match="cannot be performed safely"):
            run(0, lambda lib, T: lambda x: T.functional.convert_image_dtype(x, getattr(lib, target)), image)
    else:
        same(lambda lib, T: lambda x: T.functional.convert_image_dtype(x, getattr(lib, target)), image)


@pytest.mark.parametrize("mode", [None, "RGB", "YCbCr", "HSV"])
def test_to_pil_image(mode: str | None) -> None:
    rng = np.random.RandomState(0)
    same(lambda lib, T: lambda x: T.functional.to_pil_image(x, mode), rng.rand(3, 5, 7).astype(np.float32))
    same(lambda lib, T: lambda x: T.functional.to_pil_image(x, mode), (rng.rand(3, 5, 7) * 255).astype(np.uint8))
    if mode is None:
        for shape, dtype in (((1, 5, 7), "int16"), ((5, 7), "int32"), ((4, 5, 7), "uint8"), ((2, 5, 7), "float32")):
            same(lambda lib, T: T.ToPILImage(), (rng.rand(*shape) * 200).astype(dtype))
        array = (rng.rand(5, 7, 3) * 255).astype(np.uint8)
        ours, theirs = (as_array(vis.transforms.functional.to_pil_image(array)) for _, vis in SIDES)
        np.testing.assert_array_equal(ours, theirs)
