"""Reading and writing images as tensors ``(C, H, W)`` of uint8, through Pillow.

torchvision has decoders of its own; the same files give the same pixels, except that a colour image read as grey may
differ by one, since Pillow weighs the colours in other whole numbers.
"""

from __future__ import annotations

import io
import os
from enum import Enum
from typing import TYPE_CHECKING, Any

import numpy as np

import wengert as torch
from wengert import Tensor

from ..pillow import pillow

if TYPE_CHECKING:
    from PIL.Image import Image


class ImageReadMode(Enum):
    """The channels that a reader gives, whatever is in the file; UNCHANGED: those of the file.

    >>> from wengert.vision import io
    >>> io.ImageReadMode.RGB.value
    3
    """

    UNCHANGED = 0
    GRAY = 1
    GRAY_ALPHA = 2
    RGB = 3
    RGB_ALPHA = 4
    RGBA = RGB_ALPHA


_MODES = {
    ImageReadMode.GRAY: "L",
    ImageReadMode.GRAY_ALPHA: "LA",
    ImageReadMode.RGB: "RGB",
    ImageReadMode.RGB_ALPHA: "RGBA",
}


def read_file(path: str | os.PathLike[str]) -> Tensor:
    """The bytes of a file, as a tensor of uint8 of shape ``(N,)``. Raises RuntimeError if there is none.

    >>> from wengert.vision import io
    >>> io.write_file("two.bin", torch.tensor([1, 2], dtype=torch.uint8))
    >>> io.read_file("two.bin")
    tensor([1, 2], dtype=torch.uint8)
    """
    try:
        with open(path, "rb") as file:
            return torch.from_numpy(np.frombuffer(bytearray(file.read()), np.uint8))
    except OSError as error:
        raise RuntimeError(str(error)) from error


def write_file(filename: str | os.PathLike[str], data: Tensor) -> None:
    """Writes a tensor of uint8 of shape ``(N,)`` as the bytes of a file.

    >>> from wengert.vision import io
    >>> io.write_file("two.bin", torch.tensor([1, 2], dtype=torch.uint8))
    >>> io.read_file("two.bin").tolist()
    [1, 2]
    """
    if data.dtype != torch.uint8 or data.dim() != 1:
        raise RuntimeError(f"[write_file] uint8 of one dimension was expected; got {data.dtype} of {data.dim()}")
    with open(filename, "wb") as file:
        file.write(data.numpy().tobytes())


def decode_image(input: Tensor | str | os.PathLike[str], mode: ImageReadMode | str = ImageReadMode.UNCHANGED,
                 apply_exif_orientation: bool = False) -> Tensor:
    """The image in the bytes given (a tensor as `read_file` makes it), or in a file, as ``(C, H, W)`` of uint8.

    ``mode`` says which channels are wanted, ``apply_exif_orientation`` turns a photograph upright as its file says.
    Raises RuntimeError for what is no image, and for images of more than 8 bits per channel.

    >>> from wengert.vision import io
    >>> image = torch.tensor([[[10, 20], [30, 40]]], dtype=torch.uint8)
    >>> io.decode_image(io.encode_png(image))
    tensor([[[10, 20],
             [30, 40]]], dtype=torch.uint8)

    >>> from wengert.vision import io
    >>> image = torch.tensor([[[10, 20], [30, 40]]], dtype=torch.uint8)
    >>> io.decode_jpeg(io.encode_jpeg(image)).shape
    torch.Size([1, 2, 2])

    >>> from wengert.vision import io
    >>> image = torch.tensor([[[10, 20], [30, 40]]], dtype=torch.uint8)
    >>> io.decode_png(io.encode_png(image))
    tensor([[[10, 20],
             [30, 40]]], dtype=torch.uint8)
    """
    data = input if isinstance(input, Tensor) else read_file(input)
    if data.dtype != torch.uint8 or data.dim() != 1:
        raise RuntimeError(f"[decode_image] uint8 of one dimension was expected; got {data.dtype} of {data.dim()}")
    if isinstance(mode, str):
        mode = ImageReadMode[mode.upper()]
    image = pillow()
    try:
        picture = image.open(io.BytesIO(data.numpy().tobytes()))
        if mode is ImageReadMode.GRAY and picture.format == "JPEG":
            picture.draft("L", picture.size)  # the luminance is in the file: nothing to compute
        picture.load()
    except (OSError, SyntaxError, ValueError, image.DecompressionBombError) as error:
        raise RuntimeError(f"[decode_image] an image was expected; {error}") from error
    if apply_exif_orientation:
        picture = pillow("ImageOps").exif_transpose(picture)
    return _pixels(_plain(picture) if mode is ImageReadMode.UNCHANGED else _in_mode(picture, _MODES[mode]))


decode_png = decode_jpeg = decode_image


def read_image(path: str | os.PathLike[str], mode: ImageReadMode | str = ImageReadMode.UNCHANGED,
               apply_exif_orientation: bool = False) -> Tensor:
    """The image in a file as ``(C, H, W)`` of uint8; see `decode_image`. Raises RuntimeError where there is no such
    file, and for one that is no image.

    >>> from wengert.vision import io
    >>> image = torch.tensor([[[10, 20], [30, 40]]], dtype=torch.uint8)
    >>> io.write_png(image, "grey.png")
    >>> io.read_image("grey.png", io.ImageReadMode.RGB).shape
    torch.Size([3, 2, 2])
    """
    return decode_image(read_file(path), mode, apply_exif_orientation)


def _plain(picture: Image) -> Image:
    """The picture with its channels written out: palettes as the colours they stand for, bits as bytes."""
    if picture.mode == "P":
        return picture.convert("RGBA" if "transparency" in picture.info else "RGB")
    return picture.convert("L") if picture.mode == "1" else picture


def _in_mode(picture: Image, mode: str) -> Image:
    return picture if picture.mode == mode else picture.convert(mode)


def _pixels(picture: Image) -> Tensor:
    pixels = np.array(picture)
    if pixels.dtype != np.uint8:
        raise RuntimeError(f"[decode_image] 8 bits per channel were expected; the image is of mode {picture.mode!r}")
    return torch.from_numpy(pixels if pixels.ndim == 3 else pixels[:, :, None]).permute(2, 0, 1).contiguous()


def encode_png(input: Tensor, compression_level: int = 6) -> Tensor:
    """The bytes of a PNG file of an image, uint8 of shape ``(1 or 3, H, W)``.

    >>> from wengert.vision import io
    >>> image = torch.tensor([[[10, 20], [30, 40]]], dtype=torch.uint8)
    >>> bytes(io.encode_png(image)[1:4].tolist())
    b'PNG'
    """
    if not 0 <= compression_level <= 9:
        raise RuntimeError("Compression level should be between 0 and 9")
    return _encode(input, "png", compress_level=compression_level)


def encode_jpeg(input: Tensor, quality: int = 75) -> Tensor:
    """The bytes of a JPEG file of an image, uint8 of shape ``(1 or 3, H, W)``; ``quality`` is 1…100.

    >>> from wengert.vision import io
    >>> image = torch.tensor([[[10, 20], [30, 40]]], dtype=torch.uint8)
    >>> io.encode_jpeg(image)[:2]
    tensor([255, 216], dtype=torch.uint8)
    """
    if not 1 <= quality <= 100:
        raise ValueError("Image quality should be a positive number between 1 and 100")
    return _encode(input, "jpeg", quality=quality)


def _encode(input: Tensor, format: str, **options: Any) -> Tensor:
    if input.dtype != torch.uint8 or input.dim() != 3 or input.shape[0] not in (1, 3):
        raise RuntimeError(
            f"[encode_{format}] uint8 of shape (1 or 3, H, W) was expected; got {input.dtype} of {tuple(input.shape)}"
        )
    pixels = input.permute(1, 2, 0).contiguous().numpy()
    file = io.BytesIO()
    pillow().fromarray(pixels if pixels.shape[2] == 3 else pixels[:, :, 0]).save(file, format, **options)
    return torch.from_numpy(np.frombuffer(bytearray(file.getbuffer()), np.uint8))


def write_png(input: Tensor, filename: str | os.PathLike[str], compression_level: int = 6) -> None:
    """Writes an image, uint8 of shape ``(1 or 3, H, W)``, as a PNG file.

    >>> from wengert.vision import io
    >>> image = torch.tensor([[[10, 20], [30, 40]]], dtype=torch.uint8)
    >>> io.write_png(image, "grey.png")
    >>> io.read_image("grey.png")
    tensor([[[10, 20],
             [30, 40]]], dtype=torch.uint8)
    """
    write_file(filename, encode_png(input, compression_level))


def write_jpeg(input: Tensor, filename: str | os.PathLike[str], quality: int = 75) -> None:
    """Writes an image, uint8 of shape ``(1 or 3, H, W)``, as a JPEG file.

    >>> from wengert.vision import io
    >>> image = torch.tensor([[[10, 20], [30, 40]]], dtype=torch.uint8)
    >>> io.write_jpeg(image, "grey.jpg")
    >>> io.read_image("grey.jpg").shape
    torch.Size([1, 2, 2])
    """
    write_file(filename, encode_jpeg(input, quality))
