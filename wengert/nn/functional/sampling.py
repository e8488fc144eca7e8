"""Images read at places between their elements: `grid_sample`, and the grids of affine maps.

A place is given from −1 to 1 along each dimension. How it is read, and what goes back to the image and to the places,
is said in `prims/grids.py`.
"""

from __future__ import annotations

from collections.abc import Sequence

from ...core.errors import RankError, ShapeError
from ...core.frames import warn
from ...core.primitive import REAL_ONLY, P
from ...core.state import state
from ...ops import cat, linspace, ones
from ...ops.halves import in_float32
from ...prims.grids import sampled
from ...tensors.alias import own
from ...tensors.apply import check_takes
from ...tensors.overrides import asking
from ...tensors.tape import labelled
from ...tensors.tensor import Tensor
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
    # Who looks on or transforms sees the steps.
    how = P.grid_sample if state.watcher is None else sampled
    total = how(input, grid, mode=mode, padding=padding_mode, align=align)
    return labelled(total, f"GridSampler{input.dim() - 2}D", align_corners=align,
                    interpolation_mode=GRID_SAMPLE_INTERPOLATION_MODES[mode],
                    padding_mode=GRID_SAMPLE_PADDING_MODES[padding_mode])


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
    rank, sizes, places = input.dim(), input.shape, grid.shape
    if (rank in (4, 5) and len(places) == rank and sizes[0] == places[0] and places[-1] == rank - 2 and 0 not in sizes
            and mode != "bicubic" and input.dtype is grid.dtype):
        return
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
