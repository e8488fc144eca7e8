"""Images made larger or smaller, and channels exchanged for space.

Interpolation is a linear map along each dimension by itself: a choice of places for the nearest neighbour, a matrix for
the others.
"""

from __future__ import annotations

import math
from functools import lru_cache
from math import prod
from typing import Any, cast

import numpy as np

from ...core.cubic import cubic_kernel, cubic_weights
from ...core.dtypes import float64, uint8
from ...core.errors import ShapeError
from ...core.frames import warn
from ...core.geometry import check_room
from ...core.primitive import INTEGERS, REAL_ONLY, P
from ...core.windows import check_window
from ...ops import tensor
from ...ops.arguments import integers, real
from ...ops.conversion import in_format_of
from ...ops.halves import in_float32
from ...tensors.alias import own
from ...tensors.apply import check_takes
from ...tensors.overrides import asking
from ...tensors.tape import labelled
from ...tensors.tensor import Tensor
from .geometry import batched, exactly
from .pooling import adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d

_SCALES = ("scales",), ("scales_h", "scales_w"), ("scales_d", "scales_h", "scales_w")
"""What PyTorch's nodes call the scales that were given, by the rank."""
_RANKS = {"linear": 1, "bilinear": 2, "bicubic": 2, "lanczos": 2, "trilinear": 3}


@in_float32
def interpolate(input: Tensor, size: Any = None, scale_factor: Any = None, mode: str = "nearest",
                align_corners: bool | None = None, recompute_scale_factor: bool | None = None,
                antialias: bool = False) -> Tensor:
    """``input``, ``(N, C, *sizes)``, with its sizes brought to ``size`` or multiplied by ``scale_factor``.

    ``mode`` is ``"nearest"``, ``"nearest-exact"``, ``"area"`` (the mean), ``"linear"`` (one dimension),
    ``"bilinear"`` or ``"bicubic"`` (two), ``"trilinear"`` (three). ``align_corners`` puts the centres of the corner
    elements upon each other, for the last four. ``antialias``, for the modes of two dimensions, lets every element
    that disappears have its say, as Pillow does; ``"lanczos"`` needs it. Raises ValueError for arguments that do not
    fit.

    >>> import wengert as torch
    >>> F.interpolate(torch.tensor([[[1.0, 2.0]]]), scale_factor=2)
    tensor([[[1., 1., 2., 2.]]])
    """
    rank = input.dim() - 2
    given = size if size is not None else scale_factor
    _check_mode(mode, rank, align_corners, isinstance(given, (tuple, list)) and len(given) != rank)
    if antialias and (mode not in _REACH or rank != 2):
        raise ValueError(
            "Anti-alias option is restricted to bilinear, bicubic, and lanczos modes and requires a 4-D tensor as input"
        )
    if mode == "lanczos" and not antialias:
        raise ValueError("lanczos interpolation mode requires antialias=True")
    if mode == "lanczos" and align_corners:
        raise ValueError("Lanczos mode does not support align_corners=True")
    sizes, scales = _target(input, size, scale_factor, recompute_scale_factor)
    if mode == "area":
        return (adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d)[rank - 1](input, sizes)
    given = input
    bytes_too = mode in ("nearest", "nearest-exact", "bilinear", "bicubic", "lanczos")
    check_takes(f"upsample_{mode}", REAL_ONLY.replace("B", "") if bytes_too else REAL_ONLY, input)
    in_bytes = input.dtype is uint8
    order = list(enumerate(zip(sizes, scales, strict=True), start=2))
    for dim, (count, scale) in reversed(order) if in_bytes else order:
        n = input.shape[dim]
        if mode.startswith("nearest"):
            places = _nearest(n, count, scale, mode == "nearest-exact")
            if count != n or (places != np.arange(n)).any():
                input = _pick(input, dim, places)
            continue
        if antialias:
            matrix = _smooth_matrix(n, count, scale, bool(align_corners), mode)
        else:
            matrix = _matrix(n, count, scale, bool(align_corners), mode == "bicubic")
        if in_bytes:
            input = _resampled_bytes(input, matrix, dim)
        else:
            input = P.resample(input, tensor(matrix, dtype=input.dtype), dim=dim)
    name = "".join([word.capitalize() for word in mode.split("-")])
    shown: dict[str, Any] = dict(zip(_SCALES[rank - 1], scales, strict=True))
    if not mode.startswith("nearest"):
        shown["align_corners"] = bool(align_corners)
    return labelled(own(in_format_of(input, given), given), f"Upsample{name}{rank}D{'Aa' if antialias else ''}",
                    output_size=sizes, self_sym_sizes=given.shape, **shown)


def _resampled_bytes(input: Tensor, matrix: Any, dim: int) -> Tensor:
    """Bytes along ``dim`` as sums of bytes, with weights of 16 bits, rounded to bytes: as Pillow has it, and PyTorch.
    Of the dimensions, the last comes first."""
    matrix = np.asarray(matrix, np.float64)
    bits = next(bits for bits in range(23) if bits == 22 or int(0.5 + matrix.max() * 2 ** (bits + 1)) >= 1 << 15)
    whole = np.trunc(matrix * 2**bits + np.copysign(0.5, matrix))
    sums = P.resample(input.to(float64), tensor(whole, dtype=float64), dim=dim)
    return ((sums + 2 ** (bits - 1)) / 2**bits).floor().clamp(0, 255).to(uint8)


@asking
def upsample(
    input: Tensor, size: Any = None, scale_factor: Any = None, mode: str = "nearest", align_corners: bool | None = None
) -> Tensor:
    """The old name of `interpolate`.

    >>> F.upsample(torch.tensor([[[1.0, 2.0]]]), scale_factor=2)
    tensor([[[1., 1., 2., 2.]]])
    """
    warn("`nn.functional.upsample` is deprecated. Use `nn.functional.interpolate` instead.")
    return interpolate(input, size, scale_factor, mode, align_corners)


def _check_mode(mode: str, rank: int, align_corners: bool | None, other_sizes: bool = False) -> None:
    """Raises for a mode that is none, or is for other inputs; with ``other_sizes`` these are the first to be wrong."""
    if mode in ("nearest", "area", "nearest-exact"):
        if align_corners is not None:
            raise ValueError(
                "align_corners option can only be set with the interpolating modes: linear | bilinear | bicubic | "
                "trilinear"
            )
    if other_sizes:
        return
    if mode not in (*_RANKS, "nearest", "area", "nearest-exact") or not 1 <= rank <= 3:
        raise NotImplementedError(
            f"Input Error: Only 3D, 4D and 5D input Tensors supported (got {rank + 2}D) for the modes: nearest | "
            f"linear | bilinear | bicubic | trilinear | area | nearest-exact (got {mode})"
        )
    if mode in _RANKS and _RANKS[mode] != rank:
        raise NotImplementedError(f"Got {rank + 2}D input, but {mode} mode needs {_RANKS[mode] + 2}D input")


def _check_whole(op: str, input: Tensor) -> None:
    """Raises for a batch of nothing; there may be no examples."""
    if 0 in input.shape[1:]:
        raise ShapeError(f"[{op}] Expected {input.dim() - 1}D or {input.dim()}D (batch mode) tensor for input with "
                         f"possibly 0 batch size and non-zero dimensions for input, but got: {list(input.shape)}")


def _target(
    input: Tensor, size: Any, scale_factor: Any, recompute: bool | None
) -> tuple[tuple[int, ...], list[float | None]]:
    """The sizes wanted, and the scale that was given for each, or None."""
    rank = input.dim() - 2
    if size is not None and scale_factor is not None:
        raise ValueError("only one of size or scale_factor should be defined")
    if size is None and scale_factor is None:
        raise ValueError("either size or scale_factor should be defined")
    given = size if size is not None else scale_factor
    many = tuple(given) if isinstance(given, (tuple, list)) else (given,) * rank
    if len(many) != rank:
        raise ValueError(
            "Input and output must have the same number of spatial dimensions, but got input with spatial dimensions "
            f"of {list(input.shape[2:])} and {'output size' if size is not None else 'scale_factor'} of {given}. "
            "Please provide input tensor in (N, C, d1, d2, ...,dK) format and one number for each of them."
        )
    if size is not None:
        if recompute:
            raise ValueError("recompute_scale_factor is not meaningful with an explicit size.")
        return _checked(input, list(integers(many, "interpolate"))), [None] * rank
    if not recompute and isinstance(many[0], Tensor):  # PyTorch looks at the first alone
        raise TypeError("interpolate(): argument 'scale_factor' must be float or tuple of floats, not Tensor")
    scales = [real(s, "interpolate") for s in many]
    if not all(math.isfinite(n * s) for n, s in zip(input.shape[2:], scales, strict=True)):
        raise ShapeError(f"[interpolate] finite scale factors were expected; got {scale_factor}")
    sizes = _checked(input, [math.floor(n * s) for n, s in zip(input.shape[2:], scales, strict=True)])
    return sizes, [None if recompute else s for s in scales]


def _checked(input: Tensor, sizes: list[int]) -> tuple[int, ...]:
    """The sizes that are wanted, if there can be a result of them."""
    if min(sizes) < 1 or 0 in input.shape[1:]:
        raise ShapeError(
            f"[interpolate] Input and output sizes should be greater than 0, but got input {tuple(input.shape[2:])} "
            f"and output {tuple(sizes)}"
        )
    check_room("interpolate", (*input.shape[:2], *sizes), input.element_size())
    return tuple(sizes)


def _step(n: int, count: int, scale: float | None) -> float:
    return n / count if scale is None else 1.0 / scale


@lru_cache(maxsize=256)
def _nearest(n: int, count: int, scale: float | None, exact: bool) -> Any:
    """The place from which each element is taken. In single precision, as PyTorch: it decides where it is a tie."""
    step = np.float32(_step(n, count, scale))
    start = np.arange(count, dtype=np.float32) + np.float32(0.5 if exact else 0)
    return np.minimum(np.floor(start * step).astype(np.int64), n - 1)


def _pick(input: Tensor, dim: int, places: Any) -> Tensor:
    """The elements at ``places``; where each is repeated as often as all others, without an index."""
    sizes, count = tuple(input.shape), len(places)
    times = count // sizes[dim]
    if count == times * sizes[dim] and (places == np.arange(count) // times).all():
        wide = P.expand(input.unsqueeze(dim + 1), shape=(*sizes[: dim + 1], times, *sizes[dim + 1 :]))
        return P.reshape(wide, shape=(*sizes[:dim], count, *sizes[dim + 1 :]))
    return cast(Tensor, P.index(input, places, places=(False,) * dim + (True,), label="IndexSelect"))


@lru_cache(maxsize=256)
def _matrix(n: int, count: int, scale: float | None, align: bool, cubic: bool) -> Any:
    """The linear map from ``n`` elements to ``count``, as an ``(n, count)`` matrix."""
    if align:
        at = np.arange(count) * ((n - 1) / (count - 1) if count > 1 else 0.0)
    else:
        at = (np.arange(count) + 0.5) * _step(n, count, scale) - 0.5
        at = at if cubic else np.maximum(at, 0.0)
    low = np.floor(at).astype(np.int64)
    part = at - low
    columns, matrix = np.arange(count), np.zeros((n, count))
    for offset, weight in cubic_weights(part) if cubic else ((0, 1 - part), (1, part)):
        np.add.at(matrix, (np.clip(low + offset, 0, n - 1), columns), weight)
    return matrix


@lru_cache(maxsize=256)
def _smooth_matrix(n: int, count: int, scale: float | None, align: bool, mode: str) -> Any:
    """`_matrix` with a kernel as wide as the step where elements become fewer, as Pillow has it."""
    step = (n - 1) / (count - 1) if align and count > 1 else 0.0 if align else _step(n, count, scale)
    stretch = max(step, 1.0)
    reach = _REACH[mode] * stretch
    centres = (np.arange(count) + 0.5) * step
    first = np.maximum((centres - reach + 0.5).astype(np.int64), 0)
    last = np.minimum((centres + reach + 0.5).astype(np.int64), n)
    places = np.arange(n)[:, None]
    weights = _filter((places - centres + 0.5) / stretch, mode)
    matrix = np.where((places >= first) & (places < last), weights, 0.0)
    return matrix / matrix.sum(0)


_REACH = {"bilinear": 1, "bicubic": 2, "lanczos": 3}


def _filter(x: Any, mode: str) -> Any:
    """The weight at the distance ``x``: a triangle, cubic convolution with a = -1/2, or a windowed sinc."""
    x = np.abs(x)
    if mode == "bilinear":
        return np.maximum(1 - x, 0.0)
    if mode == "lanczos":
        return np.where(x < 3, np.sinc(x) * np.sinc(x / 3), 0.0)
    near, far = cubic_kernel(x, -0.5)
    return np.where(x < 1, near, np.where(x < 2, far, 0.0))


# --- channels and space -----------------------------------------------------------------------------------------------


@asking
def pixel_shuffle(input: Tensor, upscale_factor: int) -> Tensor:
    """``(..., C r², H, W)`` as ``(..., C, H r, W r)`` (Shi et al., 2016). Raises RuntimeError where r² does not
    divide.

    >>> F.pixel_shuffle(torch.tensor([1.0, 2.0, 3.0, 4.0]).reshape(4, 1, 1), 2)
    tensor([[[1., 2.],
             [3., 4.]]])
    """
    r = upscale_factor
    *lead, channels, height, width = _planes("pixel_shuffle", input, "upscale_factor", r)
    if channels % (r * r):
        raise RuntimeError(
            "[pixel_shuffle] pixel_shuffle expects its input's 'channel' dimension to be divisible by the square of "
            f"upscale_factor, but input.size(-3)={channels} is not divisible by {r * r}"
        )
    split = input.reshape(prod(lead), channels // (r * r), r, r, height, width).permute(0, 1, 4, 2, 5, 3)
    return _regrouped(split.reshape(*lead, channels // (r * r), height * r, width * r), input, "PixelShuffle")


@asking
def pixel_unshuffle(input: Tensor, downscale_factor: int) -> Tensor:
    """The inverse of `pixel_shuffle`. Raises RuntimeError where the factor does not divide.

    >>> F.pixel_unshuffle(torch.tensor([[[1.0, 2.0], [3.0, 4.0]]]), 2).flatten()
    tensor([1., 2., 3., 4.])
    """
    r = downscale_factor
    *lead, channels, height, width = _planes("pixel_unshuffle", input, "downscale_factor", r)
    for name, dim, n in (("height", -2, height), ("width", -1, width)):
        if n % r:
            raise RuntimeError(
                f"[pixel_unshuffle] pixel_unshuffle expects {name} to be divisible by downscale_factor, but "
                f"input.size({dim})={n} is not divisible by {r}"
            )
    if not input.numel():
        return input.clone()  # as it is, as PyTorch has it
    split = input.reshape(prod(lead), channels, height // r, r, width // r, r).permute(0, 1, 3, 5, 2, 4)
    return _regrouped(split.reshape(*lead, channels * r * r, height // r, width // r), input, "PixelUnshuffle")


def _regrouped(result: Tensor, input: Tensor, label: str) -> Tensor:
    return labelled(own(in_format_of(result, input), input), label)


def _planes(op: str, input: Tensor, name: str, factor: int) -> tuple[int, ...]:
    """The shape of an input with channels, height and width. Raises ShapeError without these, or without a factor."""
    if factor < 1:
        raise ShapeError(f"[{op}] {op} expects a positive {name}, but got {factor}")
    if input.dim() < 3:
        raise ShapeError(
            f"[{op}] {op} expects input to have at least 3 dimensions, but got input with {input.dim()} dimension(s)"
        )
    return input.shape


@asking
def channel_shuffle(input: Tensor, groups: int) -> Tensor:
    """The channels of ``(N, C, ...)`` dealt out: the first of every group, then the second, ... (Zhang et al.,
    2018).

    >>> x = torch.arange(6.0).reshape(1, 6, 1)
    >>> F.channel_shuffle(x, 2).flatten()
    tensor([0., 3., 1., 4., 2., 5.])
    """
    if input.dim() < 3 or groups < 1:
        raise ShapeError(
            "[channel_shuffle] channel_shuffle expects input with > 2 dims and a positive number of groups; got an "
            f"input with sizes {list(input.shape)} and groups={groups}"
        )
    samples, channels = input.shape[:2]
    if channels % groups:
        raise RuntimeError(
            f"[channel_shuffle] Number of channels must be divisible by groups. Got {channels} channels and {groups} "
            f"groups."
        )
    planes = input.reshape(samples, groups, channels // groups, math.prod(input.shape[2:]))
    dealt = planes.transpose(1, 2).reshape(input.shape)
    return _regrouped(dealt, input, "ChannelShuffle")


@asking
def unfold(input: Tensor, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Tensor:
    """The windows of ``(N, C, H, W)`` or ``(C, H, W)`` as columns: ``(N, C · kernel, windows)``. Raises ShapeError.

    >>> F.unfold(torch.arange(9.0).reshape(1, 1, 3, 3), 2)[0]
    tensor([[0., 1., 3., 4.],
            [1., 2., 4., 5.],
            [3., 4., 6., 7.],
            [4., 5., 7., 8.]])
    """
    input, alone = batched(input, 2, "unfold")
    check_takes("unfold", INTEGERS, input)
    _check_whole("unfold", input)
    out = P.patches(input, **_window("unfold", kernel_size, dilation, padding, stride))
    return out.squeeze(0) if alone else out


@asking
def fold(
    input: Tensor, output_size: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1
) -> Tensor:
    """The sum of the columns ``(N, C · kernel, windows)`` where `unfold` took them from: ``(N, C, *output_size)``.
    Raises ShapeError where there are not as many as ``output_size`` has windows.

    >>> columns = F.unfold(torch.ones(1, 1, 3, 3), 2)
    >>> F.fold(columns, (3, 3), 2)[0, 0]
    tensor([[1., 2., 1.],
            [2., 4., 2.],
            [1., 2., 1.]])
    """
    sizes, window = (
        exactly(output_size, 2, "fold", "output_size"),
        _window("fold", kernel_size, dilation, padding, stride),
    )
    input, alone = batched(input, 1, "fold")
    check_takes("col2im_out_cpu", INTEGERS, input)
    _check_whole("fold", input)
    places = math.prod(window["size"])
    if input.shape[1] % places:
        raise ShapeError(
            "[fold] Expected size of input's dimension 1 to be divisible by the product of kernel_size, but got "
            f"input.size(1)={input.shape[1]} and kernel_size={window['size']}."
        )
    count = math.prod(
        (n + 2 * p - d * (k - 1) - 1) // s + 1 for n, k, s, p, d in zip(sizes, *window.values(), strict=True)
    )
    if input.shape[2] != count:
        raise ShapeError(
            f"[fold] Given output_size={sizes}, kernel_size={window['size']}, dilation={window['dilation']}, padding="
            f"{window['padding']}, stride={window['stride']}, expected size of input's dimension 2 to match the "
            f"calculated number of sliding blocks {count}, but got input.size(2)={input.shape[2]}."
        )
    out = P.patches_sum(input, sizes=sizes, **window)
    return out.squeeze(0) if alone else out


def _window(op: str, kernel_size: Any, dilation: Any, padding: Any, stride: Any) -> dict[str, tuple[int, ...]]:
    window = {
        "size": exactly(kernel_size, 2, op, "kernel_size"),
        "stride": exactly(stride, 2, op, "stride"),
        "padding": exactly(padding, 2, op, "padding"),
        "dilation": exactly(dilation, 2, op, "dilation"),
    }
    check_window(op, *window.values())
    return window
