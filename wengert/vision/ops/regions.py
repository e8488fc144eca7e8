"""Parts of images brought to one size: pooling of regions of interest.

Sampling between pixels is the same along both axes, so what a region takes of each row and column is a matrix: a region
pooled is ``rows · image · columnsᵀ``, two products, which are differentiated as all products are. Regions are fixed
numbers: no gradient reaches boxes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import wengert as torch
from wengert import Tensor, nn

Size = int | Sequence[int]
Boxes = Tensor | Sequence[Tensor]


def _regions(op: str, boxes: Boxes) -> np.ndarray:
    """The regions as rows (image, x1, y1, x2, y2) of float64."""
    if isinstance(boxes, Tensor):
        if boxes.ndim != 2 or boxes.shape[1] != 5:
            raise ValueError(f"[{op}] The boxes tensor shape is not correct as Tensor[K, 5]; got {tuple(boxes.shape)}")
        return boxes.detach().numpy().astype(np.float64)
    if not isinstance(boxes, (list, tuple)):
        raise TypeError(f"[{op}] boxes is expected to be a Tensor[L, 5] or a List[Tensor[K, 4]]; got "
                        f"{type(boxes).__name__}")
    rows = []
    for image, each in enumerate(boxes):
        if each.ndim != 2 or each.shape[1] != 4:
            raise ValueError(f"[{op}] The shape of the tensor in the boxes list is not correct as List[Tensor[L, 4]]; "
                             f"got {tuple(each.shape)}")
        rows.append(np.concatenate([np.full((len(each), 1), image), each.detach().numpy()], 1))
    return np.concatenate(rows) if rows else np.zeros((0, 5))


def _pair(size: Size) -> tuple[int, int]:
    height, width = (size, size) if isinstance(size, int) else size
    return height, width


def _checked(op: str, input: Tensor, boxes: Boxes) -> np.ndarray:
    if input.ndim != 4:
        raise ValueError(f"[{op}] images (N, C, H, W) were expected; got shape {tuple(input.shape)}")
    regions = _regions(op, boxes)
    images = regions[:, 0]
    if len(images) and not (0 <= images.min() and images.max() < input.shape[0]):
        raise IndexError(f"[{op}] regions of images 0 to {input.shape[0] - 1} were expected; got {images.min():g} to "
                         f"{images.max():g}")
    return regions


def _between(start: np.ndarray, length: np.ndarray, bins: int, samples: int, size: int) -> np.ndarray:
    """What each bin of each region takes of ``size`` pixels, (K, bins, size): the mean of points between them, so many
    a bin as ``samples`` says or, for 0 and below, as there are pixels in it."""
    step = length / bins
    counts = np.full(len(start), samples) if samples > 0 else np.ceil(step).astype(int)
    out = np.zeros((len(start), bins, size))
    most = int(counts.max(initial=0))
    if not most or not size:
        return out
    point = np.arange(most)
    with np.errstate(divide="ignore", invalid="ignore"):
        inside = (point + 0.5)[None, :] * (step / counts)[:, None]
    at = start[:, None, None] + np.arange(bins)[None, :, None] * step[:, None, None] + inside[:, None, :]
    counted = np.broadcast_to(point < counts[:, None, None], at.shape) & (at >= -1) & (at <= size)
    at = np.where(counted, np.maximum(at, 0), 0)
    low = np.minimum(at.astype(int), size - 1)
    high = np.minimum(low + 1, size - 1)
    at = np.where(low == size - 1, low, at)
    share = np.where(counted, 1 / np.maximum(counts, 1)[:, None, None], 0)
    region, place = np.arange(len(start))[:, None, None], np.arange(bins)[None, :, None]
    np.add.at(out, (region, place, low), share * (1 - (at - low)))
    np.add.at(out, (region, place, high), share * (at - low))
    return out


def _matrices(regions: np.ndarray, size: tuple[int, int], scale: float, samples: int, aligned: bool, least: float,
              input: Tensor) -> tuple[Tensor, Tensor]:
    """What regions take of rows, (K, bins, H), and of columns, (K, bins, W)."""
    corners = regions[:, 1:] * scale - (0.5 if aligned else 0.0)
    sides = corners[:, 2:] - corners[:, :2]
    if least:
        sides = np.maximum(sides, least)
    rows = _between(corners[:, 1], sides[:, 1], size[0], samples, input.shape[2])
    columns = _between(corners[:, 0], sides[:, 0], size[1], samples, input.shape[3])
    return torch.asarray(rows, dtype=input.dtype), torch.asarray(columns, dtype=input.dtype)


def _by_image(regions: np.ndarray) -> list[tuple[int, Tensor]]:
    """The images with regions, each with the places of these."""
    images = regions[:, 0].astype(int)
    return [(int(image), torch.asarray(np.flatnonzero(images == image))) for image in np.unique(images)]


def _gathered(found: list[tuple[Tensor, Tensor]], shape: tuple[int, ...], input: Tensor) -> Tensor:
    """The results of all images in the order of the regions."""
    if not found:
        return input.new_zeros(shape) + 0 * input.sum()
    order = torch.argsort(torch.cat([places for places, _ in found]))
    return torch.cat([result for _, result in found])[order]


def roi_align(input: Tensor, boxes: Boxes, output_size: Size, spatial_scale: float = 1.0, sampling_ratio: int = -1,
              aligned: bool = False) -> Tensor:
    """Each region of ``input`` (N, C, H, W) as (K, C, *output_size): means of points between pixels (He et al., *Mask
    R-CNN*, 2017).

    ``boxes`` are rows (image, x1, y1, x2, y2), or a list with boxes (L, 4) for each image, times ``spatial_scale`` in
    pixels. ``sampling_ratio``: points a bin and axis, by default as many as pixels. ``aligned`` moves by half a
    pixel, as the centres of pixels ask for. Raises ValueError for other shapes.

    >>> import wengert as torch
    >>> from wengert.vision import ops
    >>> image = torch.arange(16.0).reshape(1, 1, 4, 4)
    >>> ops.roi_align(image, [torch.tensor([[0.0, 0.0, 3.0, 3.0]])], 1, aligned=True, sampling_ratio=1)
    tensor([[[[5.]]]])
    """
    regions, size = _checked("roi_align", input, boxes), _pair(output_size)
    rows, columns = _matrices(regions, size, spatial_scale, sampling_ratio, aligned, 0 if aligned else 1.0, input)
    channels, height, width = input.shape[1:]
    found = []
    for image, places in _by_image(regions):
        flat = input[image].transpose(0, 1).reshape(height, channels * width)
        part = (rows[places].reshape(-1, height) @ flat).reshape(len(places), size[0] * channels, width)
        pooled = (part @ columns[places].mT).reshape(len(places), size[0], channels, size[1])
        found.append((places, pooled.transpose(1, 2)))
    return _gathered(found, (0, channels, *size), input)


def _groups(op: str, input: Tensor, size: tuple[int, int]) -> int:
    bins = size[0] * size[1]
    if input.shape[1] % bins:
        raise ValueError(f"[{op}] input channels must be a multiple of pooling height * pooling width, {bins}; got "
                         f"{input.shape[1]}")
    return input.shape[1] // bins


def _position_sensitive(input: Tensor, regions: np.ndarray, size: tuple[int, int], rows: Tensor, columns: Tensor,
                        channels: int) -> Tensor:
    found = []
    for image, places in _by_image(regions):
        bins = input[image].reshape(channels, *size, *input.shape[2:])
        part = torch.einsum("kph,cpqhw->kcpqw", rows[places], bins)
        found.append((places, torch.einsum("kcpqw,kqw->kcpq", part, columns[places])))
    return _gathered(found, (0, channels, *size), input)


def ps_roi_align(input: Tensor, boxes: Boxes, output_size: Size, spatial_scale: float = 1.0, sampling_ratio: int = -1
                 ) -> Tensor:
    """`roi_align` in which each bin has channels of its own: ``input`` (N, C · bins, H, W) gives (K, C, *output_size)
    (Li et al., *Light-head R-CNN*, 2017). Raises ValueError where the channels are no multiple of the bins.

    >>> from wengert.vision import ops
    >>> regions = torch.tensor([[0.0, 0.0, 0.0, 4.0, 4.0]])
    >>> ops.ps_roi_align(torch.ones(1, 4, 8, 8), regions, output_size=2)
    tensor([[[[1., 1.],
              [1., 1.]]]])
    """
    regions, size = _checked("ps_roi_align", input, boxes), _pair(output_size)
    channels = _groups("ps_roi_align", input, size)
    rows, columns = _matrices(regions, size, spatial_scale, sampling_ratio, True, 0, input)
    return _position_sensitive(input, regions, size, rows, columns, channels)


def _pixels(regions: np.ndarray, scale: float) -> np.ndarray:
    """The corners on whole pixels, halves away from zero."""
    corners = regions[:, 1:].astype(np.float32) * np.float32(scale)
    return np.trunc(corners + np.copysign(np.float32(0.5), corners)).astype(int)


def _spans(start: np.ndarray, length: np.ndarray, bins: int, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Where the bins of each region begin and end, (K, bins), between 0 and ``most``."""
    step = (length.astype(np.float32) / np.float32(bins))[:, None]
    place = np.arange(bins, dtype=np.float32)[None, :]
    low, high = np.floor(place * step).astype(int), np.ceil((place + 1) * step).astype(int)
    return np.clip(low + start[:, None], 0, most), np.clip(high + start[:, None], 0, most)


def roi_pool(input: Tensor, boxes: Boxes, output_size: Size, spatial_scale: float = 1.0) -> Tensor:
    """The largest pixel in each bin of each region: ``input`` (N, C, H, W) gives (K, C, *output_size); a bin without a
    pixel gives 0 (Girshick, *Fast R-CNN*, 2015). ``boxes`` as in `roi_align`, rounded to pixels.

    >>> from wengert.vision import ops
    >>> image = torch.arange(64.0).reshape(1, 1, 8, 8)
    >>> regions = torch.tensor([[0.0, 0.0, 0.0, 4.0, 4.0]])
    >>> ops.roi_pool(image, regions, output_size=2)
    tensor([[[[18., 20.],
              [34., 36.]]]])
    """
    regions, size = _checked("roi_pool", input, boxes), _pair(output_size)
    channels, height, width = input.shape[1:]
    corners = _pixels(regions, spatial_scale)
    sides = np.maximum(corners[:, 2:] - corners[:, :2] + 1, 1)
    tops, bottoms = _spans(corners[:, 1], sides[:, 1], size[0], height)
    lefts, rights = _spans(corners[:, 0], sides[:, 0], size[1], width)
    numbers = input.detach().numpy()
    images = regions[:, 0].astype(int)
    largest = np.zeros((len(regions), channels, *size), np.int64)  # where, in (N, C, H, W) as one row
    filled = np.zeros((len(regions), 1, *size), bool)
    plane = np.arange(channels) * height * width
    for k, p, q in np.ndindex(len(regions), *size):
        top, bottom, left, right = tops[k, p], bottoms[k, p], lefts[k, q], rights[k, q]
        if top < bottom and left < right:
            at = numbers[images[k], :, top:bottom, left:right].reshape(channels, -1).argmax(1)
            row, column = np.divmod(at, right - left)
            largest[k, :, p, q] = images[k] * channels * height * width + plane + (top + row) * width + left + column
            filled[k, 0, p, q] = True
    pooled = input.reshape(-1)[torch.asarray(largest)] if input.numel() else input.new_zeros(largest.shape)
    return torch.where(torch.asarray(filled), pooled, torch.zeros((), dtype=input.dtype))


def ps_roi_pool(input: Tensor, boxes: Boxes, output_size: Size, spatial_scale: float = 1.0) -> Tensor:
    """The mean of the pixels in each bin of each region, each bin of its own channels: ``input`` (N, C · bins, H, W)
    gives (K, C, *output_size) (Dai et al., *R-FCN*, 2016). Raises ValueError where the channels are no multiple of
    the bins.

    >>> from wengert.vision import ops
    >>> regions = torch.tensor([[0.0, 0.0, 0.0, 4.0, 4.0]])
    >>> ops.ps_roi_pool(torch.ones(1, 4, 8, 8), regions, output_size=2)
    tensor([[[[1., 1.],
              [1., 1.]]]])
    """
    regions, size = _checked("ps_roi_pool", input, boxes), _pair(output_size)
    channels = _groups("ps_roi_pool", input, size)
    corners = _pixels(regions, spatial_scale)
    sides = np.maximum(corners[:, 2:] - corners[:, :2], 1)
    weights = []
    for axis, bins, pixels in ((1, size[0], input.shape[2]), (0, size[1], input.shape[3])):
        low, high = _spans(corners[:, axis], sides[:, axis], bins, pixels - 1)  # torchvision leaves out the last pixel
        within = (np.arange(pixels) >= low[..., None]) & (np.arange(pixels) < high[..., None])
        weights.append(torch.asarray(within / np.maximum(high - low, 1)[..., None], dtype=input.dtype))
    return _position_sensitive(input, regions, size, weights[0], weights[1], channels)


class _Pooling(nn.Module):
    """A function of this file with its settings kept."""

    settings: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={getattr(self, name)}' for name in self.settings)})"


class RoIAlign(_Pooling):
    """`roi_align` as a module.

    >>> from wengert.vision import ops
    >>> image = torch.arange(64.0).reshape(1, 1, 8, 8)
    >>> regions = torch.tensor([[0.0, 0.0, 0.0, 4.0, 4.0]])
    >>> ops.RoIAlign(2, spatial_scale=1.0, sampling_ratio=2)(image, regions).shape
    torch.Size([1, 1, 2, 2])
    """

    settings = ("output_size", "spatial_scale", "sampling_ratio", "aligned")

    def __init__(self, output_size: Size, spatial_scale: float, sampling_ratio: int, aligned: bool = False) -> None:
        super().__init__()
        self.output_size, self.spatial_scale = output_size, spatial_scale
        self.sampling_ratio, self.aligned = sampling_ratio, aligned

    def forward(self, input: Tensor, rois: Boxes) -> Tensor:
        """The regions of ``input``, (K, C, *output_size)."""
        return roi_align(input, rois, self.output_size, self.spatial_scale, self.sampling_ratio, self.aligned)


class RoIPool(_Pooling):
    """`roi_pool` as a module.

    >>> from wengert.vision import ops
    >>> image = torch.arange(64.0).reshape(1, 1, 8, 8)
    >>> regions = torch.tensor([[0.0, 0.0, 0.0, 4.0, 4.0]])
    >>> ops.RoIPool(2, spatial_scale=1.0)(image, regions)
    tensor([[[[18., 20.],
              [34., 36.]]]])
    """

    settings: Any = ("output_size", "spatial_scale")
    pool = staticmethod(roi_pool)

    def __init__(self, output_size: Size, spatial_scale: float) -> None:
        super().__init__()
        self.output_size, self.spatial_scale = output_size, spatial_scale

    def forward(self, input: Tensor, rois: Boxes) -> Tensor:
        """The regions of ``input``, (K, C, *output_size)."""
        return self.pool(input, rois, self.output_size, self.spatial_scale)


class PSRoIPool(RoIPool):
    """`ps_roi_pool` as a module.

    >>> from wengert.vision import ops
    >>> regions = torch.tensor([[0.0, 0.0, 0.0, 4.0, 4.0]])
    >>> ops.PSRoIPool(2, spatial_scale=1.0)(torch.ones(1, 4, 8, 8), regions).shape
    torch.Size([1, 1, 2, 2])
    """

    pool = staticmethod(ps_roi_pool)


class PSRoIAlign(_Pooling):
    """`ps_roi_align` as a module.

    >>> from wengert.vision import ops
    >>> regions = torch.tensor([[0.0, 0.0, 0.0, 4.0, 4.0]])
    >>> ops.PSRoIAlign(2, spatial_scale=1.0, sampling_ratio=2)(torch.ones(1, 4, 8, 8), regions).shape
    torch.Size([1, 1, 2, 2])
    """

    settings = ("output_size", "spatial_scale", "sampling_ratio")

    def __init__(self, output_size: Size, spatial_scale: float, sampling_ratio: int) -> None:
        super().__init__()
        self.output_size, self.spatial_scale, self.sampling_ratio = output_size, spatial_scale, sampling_ratio

    def forward(self, input: Tensor, rois: Boxes) -> Tensor:
        """The regions of ``input``, (K, C, *output_size)."""
        return ps_roi_align(input, rois, self.output_size, self.spatial_scale, self.sampling_ratio)
