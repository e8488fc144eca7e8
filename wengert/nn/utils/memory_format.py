"""The order in memory of the weights of convolutions."""

from __future__ import annotations

from typing import Any, TypeVar

from ...core.errors import KindError, in_words
from ...core.layout import channels_last, channels_last_3d, contiguous_format, preserve_format
from ..module import Module

__all__ = ["convert_conv2d_weight_memory_format", "convert_conv3d_weight_memory_format"]

ModuleT = TypeVar("ModuleT", bound=Module)

_FORMATS = (contiguous_format, channels_last, channels_last_3d, preserve_format)


@in_words
def convert_conv2d_weight_memory_format(module: ModuleT, memory_format: Any) -> ModuleT:
    """``module`` as it is: tensors here are kept in one order whatever the format. Raises TypeError for what is no
    memory format.

    >>> layer = nn.Conv2d(1, 1, 3)
    >>> nn.utils.convert_conv2d_weight_memory_format(layer, torch.channels_last) is layer
    True
    """
    if not isinstance(module, Module):
        raise KindError(f"a Module was expected; got {type(module).__name__}, which has no children")
    if memory_format not in _FORMATS:
        raise TypeError(f"a memory format, such as torch.channels_last, was expected; got {memory_format!r}")
    return module


@in_words
def convert_conv3d_weight_memory_format(module: ModuleT, memory_format: Any) -> ModuleT:
    """`convert_conv2d_weight_memory_format` for convolutions of three dimensions.

    >>> layer = nn.Conv3d(1, 1, 3)
    >>> nn.utils.convert_conv3d_weight_memory_format(layer, torch.channels_last_3d) is layer
    True
    """
    return convert_conv2d_weight_memory_format(module, memory_format)
