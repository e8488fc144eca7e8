"""Pictures, arrays and tensors into each other; normalising; erasing."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

import wengert as torch
from wengert import Tensor

from ....core.errors import in_words
from ...pillow import is_picture, picture_of
from .modes import check_image

if TYPE_CHECKING:
    from PIL.Image import Image

# The numbers in the pictures of these modes, where they are not bytes.
_NUMBERS = {"I": np.int32, "I;16": np.int16, "F": np.float32}


@in_words
def get_dimensions(img: Any) -> list[int]:
    """``[channels, height, width]`` of a picture or of a tensor ``(..., C, H, W)``.

    >>> from wengert.vision.transforms import functional as TF
    >>> TF.get_dimensions(torch.zeros(3, 4, 5))
    [3, 4, 5]
    """
    if is_picture(img):
        width, height = img.size
        return [len(img.getbands()), height, width]
    check_image(img)
    return [1 if img.ndim == 2 else img.shape[-3], img.shape[-2], img.shape[-1]]


@in_words
def get_image_size(img: Any) -> list[int]:
    """``[width, height]`` of a picture or tensor.

    >>> from wengert.vision.transforms import functional as TF
    >>> TF.get_image_size(torch.zeros(3, 4, 5))
    [5, 4]
    """
    return get_dimensions(img)[:0:-1]


@in_words
def get_image_num_channels(img: Any) -> int:
    """The number of channels of a picture or tensor.

    >>> from wengert.vision.transforms import functional as TF
    >>> TF.get_image_num_channels(torch.zeros(3, 4, 5))
    3
    """
    return get_dimensions(img)[0]


@in_words
def to_tensor(pic: Any) -> Tensor:
    """A picture, or an array ``(H, W)`` or ``(H, W, C)``, as a tensor ``(C, H, W)``.

    Bytes become floating point numbers of 0…1; numbers of other dtypes stay as they are. Raises TypeError for what is
    neither, and ValueError for arrays of other dimensions.

    >>> from wengert.vision.transforms import functional as TF
    >>> TF.to_tensor(np.array([[0, 255]], dtype=np.uint8))
    tensor([[[0., 1.]]])
    """
    if is_picture(pic):
        array = np.array(pic, _NUMBERS.get(pic.mode, np.uint8))
        if pic.mode == "1":
            array *= 255
    elif isinstance(pic, np.ndarray):
        array = pic
    else:
        raise TypeError(f"pic should be PIL Image or ndarray. Got {type(pic)}")
    if array.ndim not in (2, 3):
        raise ValueError(f"pic should be 2/3 dimensional. Got {array.ndim} dimensions.")
    channels_first = array[None] if array.ndim == 2 else array.transpose(2, 0, 1)
    image = torch.from_numpy(np.ascontiguousarray(channels_first))
    return image.to(torch.get_default_dtype()).div_(255) if array.dtype == np.uint8 else image


@in_words
def pil_to_tensor(pic: Any) -> Tensor:
    """A picture as a tensor ``(C, H, W)`` of its own numbers, not scaled.

    >>> from wengert.vision.transforms import functional as TF
    >>> image = torch.tensor([[[10, 20], [30, 40]], [[0, 50], [100, 150]], [[5, 6], [7, 8]]], dtype=torch.uint8)
    >>> TF.pil_to_tensor(TF.to_pil_image(image)).shape
    torch.Size([3, 2, 2])
    """
    if not is_picture(pic):
        raise TypeError(f"pic should be PIL Image. Got {type(pic)}")
    array = np.array(pic)
    return torch.from_numpy(array if array.ndim == 3 else array[:, :, None]).permute(2, 0, 1)


def largest(dtype: torch.dtype) -> int:
    """The value that stands for full brightness: the largest integer of the dtype, or 1."""
    if dtype.is_floating_point or dtype == torch.bool:
        return 1
    return int(torch.iinfo(dtype).max)


@in_words
def convert_image_dtype(image: Tensor, dtype: torch.dtype = torch.float) -> Tensor:
    """An image in another dtype, its values scaled: full brightness stays full brightness.

    Raises RuntimeError for casts to integers that the floating point dtype cannot tell apart.

    >>> from wengert.vision.transforms import functional as TF
    >>> TF.convert_image_dtype(torch.tensor([[[0, 51, 255]]], dtype=torch.uint8), torch.float32)
    tensor([[[0.0000, 0.2000, 1.0000]]])
    """
    if not isinstance(image, Tensor):
        raise TypeError("Input img should be Tensor Image")
    source = image.dtype
    if source == dtype:
        return image
    if source.is_floating_point and dtype.is_floating_point:
        return image.to(dtype)
    if source.is_floating_point:
        if dtype == torch.int64 or (source == torch.float32 and dtype == torch.int32):
            raise RuntimeError(f"The cast from {source} to {dtype} cannot be performed safely.")
        # Equal parts of 0…1 for all integers; 1 itself must not become one more than the largest.
        return image.mul(largest(dtype) + 1 - 1e-3).to(dtype)
    if dtype.is_floating_point:
        return image.to(dtype) / largest(source)
    shrink, grow = (largest(source) + 1) // (largest(dtype) + 1), (largest(dtype) + 1) // (largest(source) + 1)
    if largest(source) > largest(dtype):
        return torch.div(image, shrink, rounding_mode="floor").to(dtype)
    return image.to(dtype) * grow


# The mode for each number of channels, if none is asked for, and those that may be asked for.
_MODES = {2: ("LA",), 3: ("RGB", "YCbCr", "HSV"), 4: ("RGBA", "CMYK", "RGBX")}
_GREY_MODES = {"uint8": "L", "int16": "I;16", "int32": "I", "float32": "F"}


@in_words
def to_pil_image(pic: Any, mode: str | None = None) -> Image:
    """A picture of a tensor, ``(C, H, W)`` or ``(H, W)``, or of an array, ``(H, W, C)`` or ``(H, W)``.

    Floating point numbers are scaled by 255 and cut off to bytes, unless ``mode`` is ``"F"``. ``mode`` is one of
    Pillow's; the default is that of the channels (L, LA, RGB, RGBA) and dtype. Raises TypeError and ValueError.

    >>> from wengert.vision.transforms import functional as TF
    >>> image = torch.tensor([[[10, 20], [30, 40]], [[0, 50], [100, 150]], [[5, 6], [7, 8]]], dtype=torch.uint8)
    >>> TF.to_pil_image(image).size
    (2, 2)
    """
    if isinstance(pic, Tensor):
        pic = (pic.permute(1, 2, 0) if pic.ndim == 3 else pic).numpy(force=True)
    elif not isinstance(pic, np.ndarray):
        raise TypeError(f"pic should be Tensor or ndarray. Got {type(pic)}.")
    if pic.ndim not in (2, 3):
        raise ValueError(f"pic should be 2/3 dimensional. Got {pic.ndim} dimensions.")
    channels = 1 if pic.ndim == 2 else pic.shape[2]
    if channels not in (1, 2, 3, 4):
        raise ValueError(f"pic should not have > 4 channels. Got {channels} channels.")
    if pic.dtype.kind == "f" and mode != "F":
        pic = _bytes(pic)
    if channels == 1:
        pic = pic.reshape(pic.shape[:2])
        expected = _GREY_MODES.get(pic.dtype.name)
        if mode is not None and mode != expected:
            raise ValueError(f"Incorrect mode ({mode}) supplied for input type {pic.dtype}. Should be {expected}")
        mode = expected
    elif mode is not None and mode not in _MODES[channels]:
        raise ValueError(f"Only modes {list(_MODES[channels])} are supported for {channels} channels; got {mode!r}")
    elif mode is None and pic.dtype == np.uint8:
        mode = _MODES[channels][0]
    if mode is None:
        raise TypeError(f"Input type {pic.dtype} is not supported")
    if channels > 1 and pic.dtype != np.uint8:
        raise TypeError(f"[to_pil_image] uint8 was expected for {channels} channels; got {pic.dtype}")
    return picture_of(pic, mode)


def _bytes(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Numbers of 0…1 as bytes, as C's conversion makes them: what is outside wraps around."""
    with np.errstate(invalid="ignore"):
        return (array * 255).astype(np.uint8)


@in_words
def normalize(tensor: Tensor, mean: Sequence[float], std: Sequence[float], inplace: bool = False) -> Tensor:
    """``(tensor - mean) / std`` for each channel of a floating point image ``(..., C, H, W)``.

    ``mean`` and ``std`` hold a number for each channel, or one for all. Raises TypeError for integers and ValueError
    for a standard deviation of 0.

    >>> from wengert.vision.transforms import functional as TF
    >>> TF.normalize(torch.tensor([[[0.0, 0.5, 1.0]]]), mean=[0.5], std=[0.5])
    tensor([[[-1.,  0.,  1.]]])
    """
    if not isinstance(tensor, Tensor):
        raise TypeError(f"img should be Tensor Image. Got {type(tensor)}")
    if not tensor.is_floating_point():
        raise TypeError(f"Input tensor should be a float tensor. Got {tensor.dtype}.")
    if tensor.ndim < 3:
        raise ValueError(
            f"Expected tensor to be a tensor image of size (..., C, H, W). Got tensor.size() = {tensor.size()}"
        )
    middle, _ = _for_channels(mean, tensor.dtype)
    width, has_zero = _for_channels(std, tensor.dtype)
    if has_zero:
        raise ValueError(f"std evaluated to zero after conversion to {tensor.dtype}, leading to division by zero.")
    # In place, so that three means for a grey image are an error rather than a broadcast.
    return (tensor if inplace else tensor.clone()).sub_(middle).div_(width)


def _for_channels(values: Any, dtype: torch.dtype) -> tuple[Tensor, bool]:
    """A number for each channel, of shape ``(C, 1, 1)``, and whether one is 0. Plain numbers are kept: they come again
    with every image."""
    if isinstance(values, (list, tuple)) and all(type(value) is float for value in values):
        array, has_zero = _kept_for_channels(tuple(values), dtype)
        return torch.from_numpy(array), has_zero
    tensor = torch.as_tensor(values, dtype=dtype)
    return tensor[:, None, None] if tensor.ndim == 1 else tensor, bool((tensor == 0).any())


@functools.lru_cache(maxsize=64)
def _kept_for_channels(values: tuple[float, ...], dtype: torch.dtype) -> tuple[np.ndarray[Any, Any], bool]:
    # An array, since a tensor would remember where it was made: in a recording, or without gradients.
    array = np.array(values, dtype.numpy)[:, None, None]
    return array, bool((array == 0).any())


@in_words
def erase(img: Tensor, i: int, j: int, h: int, w: int, v: Tensor, inplace: bool = False) -> Tensor:
    """An image ``(..., C, H, W)`` with ``v`` in the rectangle of height ``h`` and width ``w`` at row i, column j.

    >>> from wengert.vision.transforms import functional as TF
    >>> TF.erase(torch.ones(1, 3, 3), i=0, j=1, h=2, w=2, v=torch.zeros(1, 1, 1))
    tensor([[[1., 0., 0.],
             [1., 0., 0.],
             [1., 1., 1.]]])
    """
    if not isinstance(img, Tensor):
        raise TypeError(f"img should be Tensor Image. Got {type(img)}")
    result = img if inplace else img.clone()
    result[..., i : i + h, j : j + w] = v
    return result
