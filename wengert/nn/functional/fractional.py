"""Fractional max pooling: windows of a fixed size whose places are drawn (Graham, *Fractional Max-Pooling*, 2014)."""

from __future__ import annotations

from math import prod
from typing import Any

from ...core.errors import RankError, ShapeError
from ...core.primitive import P
from ...ops import rand
from ...tensors.alias import own
from ...tensors.overrides import asking
from ...tensors.tensor import Tensor
from .geometry import exactly, tuple_of
from .pooling import maxima


@asking
def fractional_max_pool2d(input: Tensor, kernel_size: Any, output_size: Any = None, output_ratio: Any = None,
                          return_indices: bool = False, _random_samples: Tensor | None = None) -> Any:
    """The maxima of ``output_size`` windows of ``kernel_size``, laid over ``(N, C, H, W)`` or ``(C, H, W)`` at drawn
    distances.

    ``output_ratio``, between 0 and 1, gives the size as a part of the input's. ``_random_samples``, ``(N, C, 2)`` in
    [0, 1), takes the place of the drawing. With ``return_indices`` the place of each maximum in its plane comes too.
    Raises ValueError where neither size nor ratio is given, ShapeError for windows that do not fit.

    >>> _ = torch.manual_seed(0)
    >>> F.fractional_max_pool2d(torch.rand(1, 1, 8, 8), 2, output_size=5).shape
    torch.Size([1, 1, 5, 5])
    """
    samples = _random_samples
    pooled = _pool(2, input, kernel_size, output_size, output_ratio, samples)
    return pooled if return_indices else pooled[0]


@asking
def fractional_max_pool3d(input: Tensor, kernel_size: Any, output_size: Any = None, output_ratio: Any = None,
                          return_indices: bool = False, _random_samples: Tensor | None = None) -> Any:
    """`fractional_max_pool2d` over the last three dimensions; ``_random_samples`` is ``(N, C, 3)``.

    >>> F.fractional_max_pool3d(torch.rand(1, 1, 8, 8, 8), 2, output_ratio=0.5).shape
    torch.Size([1, 1, 4, 4, 4])
    """
    pooled = _pool(3, input, kernel_size, output_size, output_ratio, _random_samples)
    return pooled if return_indices else pooled[0]


def fractional_max_pool2d_with_indices(*args: Any, **kwargs: Any) -> Any:
    """`fractional_max_pool2d` that always returns the places too.

    >>> values, places = F.fractional_max_pool2d_with_indices(torch.rand(1, 1, 8, 8), 2, output_size=5)
    >>> values.shape, places.dtype
    (torch.Size([1, 1, 5, 5]), torch.int64)
    """
    return fractional_max_pool2d(*args, **{**kwargs, "return_indices": True})


def fractional_max_pool3d_with_indices(*args: Any, **kwargs: Any) -> Any:
    """`fractional_max_pool3d` that always returns the places too.

    >>> values, places = F.fractional_max_pool3d_with_indices(torch.rand(1, 1, 8, 8, 8), 2, output_size=4)
    >>> values.shape, places.dtype
    (torch.Size([1, 1, 4, 4, 4]), torch.int64)
    """
    return fractional_max_pool3d(*args, **{**kwargs, "return_indices": True})


def _checked(op: str, samples: Tensor, dtype: Any, wanted: tuple[int, int, int]) -> Tensor:
    """The given samples, those of the batch; they may be more."""
    shape, why = tuple(samples.shape), ""
    if samples.dtype is not dtype:
        why = "have the same dtype as input"
    elif len(shape) != 3:
        why = f"have 3 dimensions, got {len(shape)}"
    elif shape[0] < wanted[0]:
        why = "be no fewer: Expect _random_samples.size(0) no less then input batch size."
    elif shape[1] != wanted[1]:
        why = "fit: Expect _random_samples.size(1) equals to input channel size."
    elif shape[2] != wanted[2]:
        why = f"fit: Expect _random_samples.size(2) equals to {wanted[2]}."
    if why:
        raise ShapeError(f"[{op}] Expect _random_samples to {why}; shape {wanted} and dtype {dtype} were expected; got "
                         f"shape {shape} and dtype {samples.dtype}")
    return samples[:wanted[0]]


def _pool(
    rank: int, input: Tensor, kernel_size: Any, output_size: Any, output_ratio: Any, samples: Tensor | None
) -> tuple[Tensor, Tensor]:
    op = f"fractional_max_pool{rank}d"
    if output_size is None and output_ratio is None:
        raise ValueError(f"{op} requires specifying either an output_size or an output_ratio")
    if input.dim() not in (rank + 1, rank + 2):
        raise (RankError if input.dim() <= rank else ShapeError)(
            f"[{op}] expected a {rank + 1}D or {rank + 2}D input; got {list(input.shape)}")
    sizes, kernel = input.shape[-rank:], exactly(kernel_size, rank, op, "kernel_size")
    if output_size is None:
        ratios = output_ratio if isinstance(output_ratio, (tuple, list)) else (output_ratio,) * rank
        if len(ratios) < rank:
            raise RankError(f"[{op}] {rank} ratios were expected; got output_ratio={output_ratio}")
        if not all(0 < ratio < 1 for ratio in ratios):
            raise ShapeError(f"[{op}] ratios between 0 and 1 were expected; got output_ratio={output_ratio}")
        output_size = [int(n * ratio) for n, ratio in zip(sizes, ratios, strict=False)]
    counts = tuple_of(output_size, rank, op, "output_size")
    # PyTorch asks for room to spare in three dimensions, though none is needed.
    spare = 1 if rank == 3 else 0
    for n, k, count in zip(sizes, kernel, counts, strict=True):
        if count < 0 or k < 1 or count + k - 1 + spare > n:
            raise ShapeError(
                f"[{op}] pool size {k} too large relative to input size {n}: {count} windows of {k} do not fit into "
                f"{n} elements; at most {n - k + 1 - spare} do"
            )
    channels = input.shape[-rank - 1]
    if not channels or 0 in sizes:
        raise ShapeError(f"[{op}] {op}(): Expected input to have non-zero size for non-batch dimensions, but got "
                         f"{list(input.shape)}")
    if 0 in counts:
        none = input.reshape(*input.shape[:-rank], prod(sizes))[..., :0].reshape(*input.shape[:-rank], *counts)
        return none, none.long()
    batch = input.shape[0] if input.dim() == rank + 2 else 1
    if samples is None:
        samples = rand(batch, channels, rank, dtype=input.dtype)
    else:
        samples = _checked(op, samples, input.dtype, (batch, channels, rank))
    places = P.fractional_places(samples.detach(), sizes=tuple(sizes), kernel=tuple(kernel), counts=tuple(counts))
    flat = input.reshape(batch, channels, prod(sizes))
    windows = flat.gather(2, places.reshape(batch, channels, prod(places.shape[2:]))).reshape(places.shape)
    best, chosen = maxima(windows)
    index = places.gather(-1, chosen.unsqueeze(-1)).squeeze(-1)
    shape = (*input.shape[:-rank], *counts)
    return own(best.reshape(shape)), own(index.reshape(shape))
