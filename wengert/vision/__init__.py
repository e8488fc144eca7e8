"""Images: datasets, transforms, and the classical networks, in torchvision's shape.

``import torchvision`` finds this package under ``wengert run``. It is a program like any user's: it sees wengert by its
public face only. Pictures are Pillow's, which comes with the extra ``wengert[vision]`` and is imported where it is
used; every module here imports without it. ``docs/vision.md`` is the user's page.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from .._missing import MissingError
from ..version import __version__

_PARTS = ("datasets", "io", "models", "transforms", "utils")
__all__ = ["__version__", "get_image_backend", "set_image_backend", *_PARTS]


def get_image_backend() -> str:
    """The library that reads pictures: ``"PIL"``, which is Pillow."""
    return "PIL"


def set_image_backend(backend: str) -> None:
    """Sets the library that reads pictures. There is one, ``"PIL"``; ValueError for others."""
    if backend != "PIL":
        raise ValueError(f"[set_image_backend] 'PIL' was expected, the one library that wengert uses; got {backend!r}")


def __getattr__(name: str) -> Any:
    if name in _PARTS:
        return import_module(f"{__name__}.{name}")
    raise MissingError(__name__, name, lambda: __all__, f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_PARTS})
