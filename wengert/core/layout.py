"""Names for how elements lie in memory: layouts and memory formats. They compare by identity and print as PyTorch's."""

from __future__ import annotations


class _Named:
    """A constant of the package's namespace that prints, copies and pickles as its name."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"torch.{self.name}"

    def __reduce__(self) -> str:
        return self.name


class layout(_Named):
    """How a tensor's elements are stored. There is one so far, `strided`: a dense array with a stride a dimension."""

    __slots__ = ()


class memory_format(_Named):
    """In which order a new tensor's dimensions lie in memory: `contiguous_format` (row-major), `preserve_format` (as in
    the source), `channels_last` (N, H, W, C of an (N, C, H, W) tensor), `channels_last_3d`."""

    __slots__ = ()


strided = layout("strided")
contiguous_format = memory_format("contiguous_format")
preserve_format = memory_format("preserve_format")
channels_last = memory_format("channels_last")
channels_last_3d = memory_format("channels_last_3d")

CHANNELS_LAST = {channels_last: 4, channels_last_3d: 5}
"""The formats with the channels innermost, and the number of dimensions that each is for."""
