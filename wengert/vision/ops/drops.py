"""What leaves out parts of a network at random: whole branches, and blocks of pixels."""

from __future__ import annotations

from typing import Any

import wengert as torch
from wengert import Tensor, nn


def stochastic_depth(input: Tensor, p: float, mode: str, training: bool = True) -> Tensor:
    """``input`` (N, ...) with samples zeroed with probability ``p``, those that stay divided by 1 − p; ``mode`` is
    ``"row"`` (each sample by itself) or ``"batch"`` (all or none). Raises ValueError for others (Huang et al., *Deep
    networks with stochastic depth*, 2016).

    >>> from wengert.vision import ops
    >>> ops.stochastic_depth(torch.ones(4, 2), p=0.5, mode="row").shape
    torch.Size([4, 2])
    """
    if p < 0.0 or p > 1.0:
        raise ValueError(f"drop probability has to be between 0 and 1, but got {p}")
    if mode not in ("batch", "row"):
        raise ValueError(f"mode has to be either 'batch' or 'row', but got {mode}")
    if not training or p == 0.0:
        return input
    kept = 1.0 - p
    size = [input.shape[0] if mode == "row" else 1, *[1] * (input.dim() - 1)]
    noise = torch.empty(size, dtype=input.dtype, device=input.device).bernoulli_(kept)
    if kept > 0.0:
        noise.div_(kept)
    return input * noise


class StochasticDepth(nn.Module):
    """`stochastic_depth` while training.

    >>> from wengert.vision import ops
    >>> ops.StochasticDepth(0.5, "row").eval()(torch.ones(2, 2))
    tensor([[1., 1.],
            [1., 1.]])
    """

    def __init__(self, p: float, mode: str) -> None:
        super().__init__()
        self.p, self.mode = p, mode

    def forward(self, input: Tensor) -> Tensor:
        """``input`` with samples left out."""
        return stochastic_depth(input, self.p, self.mode, self.training)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(p={self.p}, mode={self.mode})"


def _drop_block(input: Tensor, p: float, block_size: int, inplace: bool, eps: float, training: bool, rank: int
                ) -> Tensor:
    if p < 0.0 or p > 1.0:
        raise ValueError(f"drop probability has to be between 0 and 1, but got {p}.")
    if input.ndim != rank + 2:
        raise ValueError(f"input should be {rank + 2} dimensional. Got {input.ndim} dimensions.")
    if not training or p == 0.0:
        return input
    sizes = input.shape[2:]
    block = min(block_size, *sizes)
    gamma, seeds = p, list(input.shape[:2])
    for size in sizes:
        gamma *= size
        seeds.append(size - block + 1)
    gamma /= block**rank
    for size in sizes:
        gamma /= size - block + 1
    noise = torch.empty(seeds, dtype=input.dtype, device=input.device).bernoulli_(gamma)
    noise = nn.functional.pad(noise, [block // 2] * (2 * rank), value=0)
    pool: Any = nn.functional.max_pool2d if rank == 2 else nn.functional.max_pool3d
    noise = 1 - pool(noise, kernel_size=(block,) * rank, stride=(1,) * rank, padding=block // 2)
    scale = noise.numel() / (eps + noise.sum())
    return input.mul_(noise).mul_(scale) if inplace else input * noise * scale


def drop_block2d(input: Tensor, p: float, block_size: int, inplace: bool = False, eps: float = 1e-6,
                 training: bool = True) -> Tensor:
    """``input`` (N, C, H, W) with squares of ``block_size`` zeroed, about a share ``p`` of it, the rest scaled up
    (Ghiasi et al., *DropBlock*, 2018).

    >>> from wengert.vision import ops
    >>> ops.drop_block2d(torch.ones(2, 3, 8, 8), p=0.2, block_size=3).shape
    torch.Size([2, 3, 8, 8])
    """
    return _drop_block(input, p, block_size, inplace, eps, training, 2)


def drop_block3d(input: Tensor, p: float, block_size: int, inplace: bool = False, eps: float = 1e-6,
                 training: bool = True) -> Tensor:
    """`drop_block2d` of (N, C, D, H, W).

    >>> from wengert.vision import ops
    >>> ops.drop_block3d(torch.ones(2, 3, 8, 8, 8), p=0.2, block_size=3).shape
    torch.Size([2, 3, 8, 8, 8])
    """
    return _drop_block(input, p, block_size, inplace, eps, training, 3)


class DropBlock2d(nn.Module):
    """`drop_block2d` while training.

    >>> from wengert.vision import ops
    >>> ops.DropBlock2d(p=0.2, block_size=3)(torch.ones(2, 3, 8, 8)).shape
    torch.Size([2, 3, 8, 8])
    """

    rank = 2

    def __init__(self, p: float, block_size: int, inplace: bool = False, eps: float = 1e-6) -> None:
        super().__init__()
        self.p, self.block_size, self.inplace, self.eps = p, block_size, inplace, eps

    def forward(self, input: Tensor) -> Tensor:
        """``input`` with blocks left out."""
        return _drop_block(input, self.p, self.block_size, self.inplace, self.eps, self.training, self.rank)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(p={self.p}, block_size={self.block_size}, inplace={self.inplace})"


class DropBlock3d(DropBlock2d):
    """`drop_block3d` while training.

    >>> from wengert.vision import ops
    >>> ops.DropBlock3d(p=0.2, block_size=3)(torch.ones(2, 3, 8, 8, 8)).shape
    torch.Size([2, 3, 8, 8, 8])
    """

    rank = 3
