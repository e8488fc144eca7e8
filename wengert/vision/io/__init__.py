"""Image files to tensors and back."""

from __future__ import annotations

from ..._public import publish as _publish
from . import image as image
from .image import (
    ImageReadMode as ImageReadMode, decode_image as decode_image, decode_jpeg as decode_jpeg, decode_png as decode_png,
    encode_jpeg as encode_jpeg, encode_png as encode_png, read_file as read_file, read_image as read_image,
    write_file as write_file, write_jpeg as write_jpeg, write_png as write_png,
)

_publish(__name__, "image")
