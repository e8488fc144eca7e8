"""Images read at places between their elements: `grid_sample`, and the grids of affine maps.

A place is given from −1 to 1 along each dimension. Reading is a choice of neighbours, which is a gather, weighted by
how near each is; gradients for the image and for the places follow from that.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from math import prod

from ...core.errors import RankError, ShapeError
from ...core.frames import warn
from ...core.primitive import REAL_ONLY
from ...ops import cat, linspace, ones, where, zeros_like
from ...ops.halves import in_float32
from ...tensors.alias import own
from ...tensors.apply import check_takes
from ...tensors.overrides import asking
from ...tensors.tape import labelled
from ...tensors.tensor import Tensor
from .cubic import cubic_weights
from .geometry import sizes_given

GRID_SAMPLE_INTERPOLATION_MODES = {"bilinear": 0, "nearest": 1, "bicubic": 2}
GRID_SAMPLE_PADDING_MODES = {"zeros": 0, "border": 1, "reflection": 2}


@in_float32
def grid_sample(input: Tensor, grid: Tensor, mode: str = "bilinear", padding_mode: str = "zeros",
                align_corners: bool | None = None) -> Tensor:
    """``input``, ``(N, C, H, W)`` or ``(N, C, D, H, W)``, read at the places ``grid``, ``(N, *sizes, 2)`` or
    ``(N, *sizes, 3)``: ``(N, C, *sizes)`` (Jaderberg et al., *Spatial Transformer Networks*, 2015).

    The last dimension of ``grid`` holds x, y(, z), each from −1 to 1: from the centre of the first element to that of
    the last with ``align_corners``, else from edge to edge. ``mode`` is ``"bilinear"``, ``"nearest"`` or ``"bicubic"``
    (four dimensions only); ``padding_mode`` says what lies outside: ``"zeros"``, the ``"border"``, or the image's
    ``"reflection"``. Raises ValueError for other words, ShapeError for shapes that do not fit.

    >>> import wengert as torch
    >>> image = torch.arange(4.0).reshape(1, 1, 2, 2)
    >>> F.grid_sample(image, torch.tensor([[[[0.0, 0.0], [1.0, 1.0]]]]), align_corners=True)
    tensor([[[[1.5000, 3.0000]]]])
    """
    _check_words(mode, padding_mode)
    check_takes("grid_sample", REAL_ONLY, input)
    if align_corners is None:
        warn(_DEFAULT_CHANGED)
    _check_sampling(input, grid, mode)
    align = bool(align_corners)
    sizes = input.shape[2:]
    # The grid names the last dimension of the image first.
    at = [_unnormalised(grid[..., -1 - dim], n, align) for dim, n in enumerate(sizes)]
    if mode != "bicubic":
        at = [_padded(x, n, padding_mode, align) for x, n in zip(at, sizes, strict=True)]
    taps = _TAPS[mode]
    neighbours = [taps(x) for x in at]
    total: Tensor | None = None
    for chosen in itertools.product(*neighbours):
        places, weights = [place for place, _ in chosen], [weight for _, weight in chosen]
        if mode == "bicubic":
            places = [_padded(x, n, padding_mode, align) for x, n in zip(places, sizes, strict=True)]
        part = _read(input, places, weights)
        total = part if total is None else total + part
    assert total is not None
    return labelled(total, f"GridSampler{len(sizes)}D")


_DEFAULT_CHANGED = (
    "Default grid_sample and affine_grid behavior has changed to align_corners=False since 1.3.0. Please specify "
    "align_corners=True if the old behavior is desired. See the documentation of grid_sample for details."
)


def _check_words(mode: str, padding_mode: str) -> None:
    if mode not in GRID_SAMPLE_INTERPOLATION_MODES:
        raise ValueError(
            f"nn.functional.grid_sample(): expected mode to be 'bilinear', 'nearest' or 'bicubic', but got: '{mode}'"
        )
    if padding_mode not in GRID_SAMPLE_PADDING_MODES:
        raise ValueError(
            "nn.functional.grid_sample(): expected padding_mode to be 'zeros', 'border', or 'reflection', but got: "
            f"'{padding_mode}'"
        )


def _check_sampling(input: Tensor, grid: Tensor, mode: str) -> None:
    got = f"got input with sizes {list(input.shape)} and grid with sizes {list(grid.shape)}"
    if input.dim() not in (4, 5) or input.dim() != grid.dim():
        raise (ShapeError if input.dim() and grid.dim() else RankError)(
            f"[grid_sample] expected 4D or 5D input and grid with same number of dimensions, but {got}")
    if input.shape[0] != grid.shape[0]:
        raise ShapeError(f"[grid_sample] expected grid and input to have same batch size, but {got}")
    if grid.shape[-1] != input.dim() - 2:
        raise ShapeError(f"[grid_sample] expected grid to have size {input.dim() - 2} in last dimension, but {got}")
    if min(input.shape[2:]) == 0:
        raise ShapeError(f"[grid_sample] expected input to have non-empty spatial dimensions, but {got}")
    if mode == "bicubic" and input.dim() != 4:
        raise ShapeError("[grid_sample] bicubic interpolation only supports 4D input")
    if input.dtype is not grid.dtype:
        raise RuntimeError("[grid_sample] expected input and grid to have the same dtype; got input of "
                           f"{input.dtype} and grid of {grid.dtype}; convert one: grid.to(input.dtype)")


def _unnormalised(x: Tensor, n: int, align: bool) -> Tensor:
    """From −1 ... 1 to positions, the first element being at 0."""
    return (x + 1) / 2 * (n - 1) if align else ((x + 1) * n - 1) / 2


def _padded(x: Tensor, n: int, padding_mode: str, align: bool) -> Tensor:
    """Positions brought inside; where that moves them to the edge they pass no gradient, at the edge itself neither."""
    if padding_mode == "zeros":
        return x
    if padding_mode == "reflection":
        x = _reflected(x, 0.0, n - 1.0) if align else _reflected(x, -0.5, n - 0.5)
    inside = (x > 0) & (x < n - 1)
    return where(inside, x, x.detach().nan_to_num(0.0).clamp(0, n - 1))


def _reflected(x: Tensor, low: float, high: float) -> Tensor:
    """Positions mirrored at ``low`` and ``high`` until they lie between."""
    span = high - low
    if span == 0:
        return zeros_like(x)
    away = (x - low).abs()
    turns = (away.detach() / span).floor()
    rest = away - turns * span
    return where(turns % 2 == 0, rest + low, high - rest)


def _nearest(x: Tensor) -> list[tuple[Tensor, Tensor]]:
    # The weight is 1, but depends on the place, whose gradient is zero and not missing.
    place = x.detach()
    return [(place.round(), 1 + where(place.isfinite(), x - place, zeros_like(x)) * 0)]


def _linear(x: Tensor) -> list[tuple[Tensor, Tensor]]:
    low = x.detach().floor()
    return [(low, low + 1 - x), (low + 1, x - low)]


def _cubic(x: Tensor) -> list[tuple[Tensor, Tensor]]:
    low = x.detach().floor()
    return [(low + offset, weight) for offset, weight in cubic_weights(x - low)]


_TAPS: dict[str, Callable[[Tensor], list[tuple[Tensor, Tensor]]]] = {
    "bilinear": _linear, "nearest": _nearest, "bicubic": _cubic,
}


def _read(input: Tensor, places: Sequence[Tensor], weights: Sequence[Tensor]) -> Tensor:
    """The elements at whole positions, zero outside, each times the product of its weights."""
    inside, index, weight = None, None, None
    for x, factor, n in zip(places, weights, input.shape[2:], strict=True):
        here = (x >= 0) & (x <= n - 1)
        place = where(here, x.detach(), zeros_like(x)).long()
        inside = here if inside is None else inside & here
        index = place if index is None else index * n + place
        weight = factor if weight is None else weight * factor
    assert inside is not None and index is not None and weight is not None
    samples, channels = input.shape[:2]
    flat = index.reshape(samples, 1, prod(index.shape[1:]))
    planes = input.reshape(samples, channels, prod(input.shape[2:]))
    values = planes.gather(2, flat.expand(samples, channels, flat.shape[2]))
    values = values.reshape(samples, channels, *inside.shape[1:])
    return where(inside.unsqueeze(1), values, zeros_like(values)) * weight.unsqueeze(1)


@asking
def affine_grid(theta: Tensor, size: Sequence[int], align_corners: bool | None = None) -> Tensor:
    """The places at which `grid_sample` applies an affine map: ``(N, H, W, 2)`` for ``theta`` ``(N, 2, 3)`` and
    ``size`` ``(N, C, H, W)``; ``(N, D, H, W, 3)`` for ``(N, 3, 4)`` and ``(N, C, D, H, W)``.

    Raises ValueError for a ``theta`` that does not fit, NotImplementedError for another number of dimensions.

    >>> identity = torch.tensor([[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]])
    >>> F.affine_grid(identity, (1, 1, 2, 2), align_corners=True)[0, 0]
    tensor([[-1., -1.],
            [ 1., -1.]])
    """
    if align_corners is None:
        warn(_DEFAULT_CHANGED)
    if not theta.is_floating_point():
        raise ValueError(f"Expected theta to have floating point type, but got {theta.dtype}")
    size = sizes_given("affine_grid", "size", size)
    rank = len(size) - 2
    if rank not in (2, 3):
        raise NotImplementedError(
            "affine_grid only supports 4D and 5D sizes, for 2D and 3D affine transforms, respectively. Got size "
            f"{size}."
        )
    if theta.dim() != 3 or theta.shape[1:] != (rank, rank + 1):
        raise ValueError(
            f"Expected a batch of {rank}D affine matrices of shape Nx{rank}x{rank + 1} for size {size}. Got "
            f"{theta.shape}."
        )
    sizes = size[2:]
    if align_corners and min(sizes) == 1:
        warn(
            "Since version 1.3.0, affine_grid behavior has changed for unit-size grids when align_corners=True. This "
            "is not an intended use case of affine_grid. See the documentation of affine_grid for details.",
        )
    elif min(size) <= 0:
        raise ValueError(f"Expected non-zero, positive output size. Got {size}")
    columns = []
    for dim in reversed(range(rank)):  # x first
        line = _line(sizes[dim], bool(align_corners), theta)
        shape = [1] * rank
        shape[dim] = sizes[dim]
        columns.append(line.reshape(shape).expand(*sizes).reshape(-1, 1))
    columns.append(ones(columns[0].shape, dtype=theta.dtype))
    base = cat(columns, 1)
    grid = (base @ theta.transpose(1, 2)).reshape(size[0], *sizes, rank)
    return labelled(own(grid), "AffineGridGenerator")


def _line(n: int, align: bool, like: Tensor) -> Tensor:
    """The centres of ``n`` elements in −1 ... 1; a single one is in the middle."""
    if n == 1:
        return ones(1, dtype=like.dtype) * 0
    line = linspace(-1, 1, n, dtype=like.dtype)
    return line if align else line * (n - 1) / n
