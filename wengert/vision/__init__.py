"""Images: datasets, transforms, and the classical networks, in torchvision's shape.

``import torchvision`` finds this package under ``wengert run``. It is a program like any user's: it sees wengert by its
public face only. Pictures are Pillow's, which comes with the extra ``wengert[vision]`` and is imported where it is
used; every module here imports without it. ``docs/vision.md`` is the user's page.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._public import publish as _publish
from ..version import __version__ as __version__

if TYPE_CHECKING:
    from . import (
        datasets as datasets, io as io, models as models, ops as ops, transforms as transforms,
        tv_tensors as tv_tensors, utils as utils,
    )


def get_image_backend() -> str:
    """The library that reads pictures: ``"PIL"``, which is Pillow.

    >>> from wengert import vision
    >>> vision.get_image_backend()
    'PIL'
    """
    return "PIL"


def set_image_backend(backend: str) -> None:
    """Sets the library that reads pictures. There is one, ``"PIL"``; ValueError for others.

    >>> from wengert import vision
    >>> vision.set_image_backend("PIL")
    """
    if backend != "PIL":
        raise ValueError(f"[set_image_backend] 'PIL' was expected, the one library that wengert uses; got {backend!r}")


_publish(__name__, "datasets io models ops transforms tv_tensors utils")
