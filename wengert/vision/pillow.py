"""Pillow, which is imported when a picture is first met, and what is asked of it in more than one place."""

from __future__ import annotations

import functools
import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from PIL.Image import Image


@functools.cache
def pillow(module: str = "Image") -> ModuleType:
    """A module of Pillow's by its name. Raises ImportError, which names the extra, where Pillow is not installed."""
    try:
        return import_module(f"PIL.{module}")
    except ImportError as error:
        raise ImportError("pictures need Pillow: pip install 'wengert[vision]'") from error


def is_picture(value: Any) -> bool:
    """Whether ``value`` is a picture of Pillow's. If it is, Pillow has been imported."""
    image = sys.modules.get("PIL.Image")
    return image is not None and isinstance(value, image.Image)


def picture_of(array: np.ndarray[Any, Any], mode: str) -> Image:
    """The picture of an array, ``(H, W)`` or ``(H, W, C)``, in one of Pillow's modes, which fits dtype and channels."""
    height, width = array.shape[:2]
    picture: Image = pillow().frombuffer(mode, (width, height), array.tobytes(), "raw", mode, 0, 1)
    return picture
