"""Layers that change the shape of their input."""

from __future__ import annotations

from typing import Any

from ...tensors.tensor import Tensor
from ..module import Module


class Flatten(Module):
    """Makes one dimension of those from ``start_dim`` to ``end_dim``: ``(N, C, H, W)`` to ``(N, C·H·W)`` by default.

    >>> nn.Flatten()(torch.zeros(32, 3, 4, 4)).shape
    torch.Size([32, 48])
    """

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__()
        self.start_dim = start_dim
        self.end_dim = end_dim

    def forward(self, input: Tensor) -> Tensor:
        return input.flatten(self.start_dim, self.end_dim)

    def extra_repr(self) -> str:
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Unflatten(Module):
    """Makes several dimensions, of sizes ``unflattened_size``, of dimension ``dim``. Raises TypeError for bad sizes.

    >>> nn.Unflatten(1, (3, 4, 4))(torch.zeros(32, 48)).shape
    torch.Size([32, 3, 4, 4])
    """

    def __init__(self, dim: int, unflattened_size: tuple[int, ...] | list[int]) -> None:
        super().__init__()
        if not isinstance(unflattened_size, (tuple, list)):
            raise TypeError(
                f"unflattened_size must be a tuple of ints, but found type {type(unflattened_size).__name__}"
            )
        _check_sizes(unflattened_size)
        self.dim = dim
        self.unflattened_size = unflattened_size

    def forward(self, input: Tensor) -> Tensor:
        return input.unflatten(self.dim, self.unflattened_size)

    def extra_repr(self) -> str:
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"


def _check_sizes(sizes: Any) -> None:
    for position, size in enumerate(sizes):
        if not isinstance(size, int):
            raise TypeError("unflattened_size must be tuple of ints, but found element of type "
                            f"{type(size).__name__} at pos {position}")
