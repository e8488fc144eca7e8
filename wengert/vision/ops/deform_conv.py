"""Convolution that reads the input where offsets say (Dai et al., 2017; with masks Zhu et al., 2018)."""

from __future__ import annotations

import math
from typing import Any

import wengert as torch
from wengert import Tensor, nn


def _pair(value: Any) -> tuple[int, int]:
    first, second = (value, value) if isinstance(value, int) else value
    return first, second


def deform_conv2d(input: Tensor, offset: Tensor, weight: Tensor, bias: Tensor | None = None,
                  stride: int | tuple[int, int] = (1, 1), padding: int | tuple[int, int] = (0, 0),
                  dilation: int | tuple[int, int] = (1, 1), mask: Tensor | None = None) -> Tensor:
    """A convolution of ``input`` (N, C, H, W) by ``weight`` (C', C / groups, kH, kW) whose points are moved: each, at
    each place of the output, by (dy, dx) of ``offset`` (N, 2 · G · kH · kW, H', W'), and weighed by ``mask`` (N, G ·
    kH · kW, H', W'), for each of G groups of channels. Between pixels the four around count, outside there are zeros.
    Gradients reach all operands. Raises RuntimeError where shapes do not go together.

    >>> import wengert as torch
    >>> from wengert.vision import ops
    >>> image = torch.arange(9.0).reshape(1, 1, 3, 3)
    >>> ops.deform_conv2d(image, torch.full((1, 2, 3, 3), 0.5), torch.ones(1, 1, 1, 1))[0, 0, 0]
    tensor([2.0000, 3.0000, 1.7500])
    """
    (down, right), (top, left), (apart, aside) = _pair(stride), _pair(padding), _pair(dilation)
    samples, channels, height, width = input.shape
    out_channels, in_group, kh, kw = weight.shape
    points = kh * kw
    rows, columns = offset.shape[-2:]
    _check(input, offset, weight, mask, ((height + 2 * top - apart * (kh - 1) - 1) // down + 1,
                                         (width + 2 * left - aside * (kw - 1) - 1) // right + 1))
    moved = offset.reshape(samples, -1, points, 2, rows, columns)
    groups = moved.shape[1]
    down_by = torch.arange(kh, dtype=input.dtype).mul(apart).repeat_interleave(kw).reshape(points, 1, 1)
    aside_by = torch.arange(kw, dtype=input.dtype).mul(aside).repeat(kh).reshape(points, 1, 1)
    y = moved[:, :, :, 0] + down_by + (torch.arange(rows, dtype=input.dtype) * down - top).reshape(rows, 1)
    x = moved[:, :, :, 1] + aside_by + (torch.arange(columns, dtype=input.dtype) * right - left)
    planes = input.reshape(samples, groups, channels // groups, height * width)
    taken = _between(planes, y.flatten(2), x.flatten(2), height, width)
    if mask is not None:
        taken = taken * mask.reshape(samples, groups, 1, points * rows * columns)
    parts = channels // in_group
    patches = taken.reshape(samples, parts, in_group * points, rows * columns)
    out = weight.reshape(parts, out_channels // parts, in_group * points) @ patches
    out = out.reshape(samples, out_channels, rows, columns)
    return out if bias is None else out + bias.reshape(1, -1, 1, 1)


def _check(input: Tensor, offset: Tensor, weight: Tensor, mask: Tensor | None, size: tuple[int, int]) -> None:
    points = weight.shape[2] * weight.shape[3]
    groups = offset.shape[1] // (2 * points)
    if not groups:
        raise RuntimeError("the shape of the offset tensor at dimension 1 is not valid. It should be a multiple of 2 * "
                           f"weight.size[2] * weight.size[3].\nGot offset.shape[1]={offset.shape[1]}, while 2 * "
                           f"weight.size[2] * weight.size[3]={2 * points}")
    channels = input.shape[1]
    wanted = {"offset": (input.shape[0], 2 * groups * points, *size), "mask": (input.shape[0], groups * points, *size)}
    for name, given in (("offset", offset), ("mask", mask)):
        if given is not None and tuple(given.shape) != wanted[name]:
            raise RuntimeError(f"[deform_conv2d] {name} of shape {wanted[name]} was expected; got {tuple(given.shape)}")
    if channels % groups or channels % weight.shape[1] or weight.shape[0] % (channels // weight.shape[1]):
        raise RuntimeError(f"[deform_conv2d] channels that groups divide were expected; got {channels} of the input, "
                           f"{groups} groups of offsets, and weight of shape {tuple(weight.shape)}")


def _between(planes: Tensor, y: Tensor, x: Tensor, height: int, width: int) -> Tensor:
    """The values of planes (N, G, C, H · W) at points (N, G, P) between pixels, (N, G, C, P); zeros lie outside."""
    above, before = y.detach().floor(), x.detach().floor()
    share_y, share_x = y - above, x - before
    out: Any = 0
    for down, along_y in ((0, 1 - share_y), (1, share_y)):
        for right, along_x in ((0, 1 - share_x), (1, share_x)):
            row, column = above + down, before + right
            inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
            place = row.clamp(0, height - 1).long() * width + column.clamp(0, width - 1).long()
            where = place.unsqueeze(2).expand(*planes.shape[:3], place.shape[-1])
            weight = torch.where(inside, along_y * along_x, torch.zeros((), dtype=y.dtype))
            out = out + torch.gather(planes, -1, where) * weight.unsqueeze(2)
    return out


class DeformConv2d(nn.Module):
    """`deform_conv2d` with a weight and a bias of its own; offsets and masks are given with each input.

    >>> from wengert.vision import ops
    >>> image = torch.arange(64.0).reshape(1, 1, 8, 8)
    >>> ops.DeformConv2d(1, 2, kernel_size=3)(image, torch.zeros(1, 18, 6, 6)).shape
    torch.Size([1, 2, 6, 6])
    """

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int | tuple[int, int],
                 stride: int | tuple[int, int] = 1, padding: int | tuple[int, int] = 0,
                 dilation: int | tuple[int, int] = 1, groups: int = 1, bias: bool = True) -> None:
        super().__init__()
        if in_channels % groups:
            raise ValueError("in_channels must be divisible by groups")
        if out_channels % groups:
            raise ValueError("out_channels must be divisible by groups")
        self.in_channels, self.out_channels, self.groups = in_channels, out_channels, groups
        self.kernel_size, self.stride = _pair(kernel_size), _pair(stride)
        self.padding, self.dilation = _pair(padding), _pair(dilation)
        self.weight = nn.Parameter(torch.empty(out_channels, in_channels // groups, *self.kernel_size))
        self.bias: Tensor | None
        self.register_parameter("bias", nn.Parameter(torch.empty(out_channels)) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws weight and bias anew, as `nn.Conv2d` does."""
        nn.init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            bound = 1 / math.sqrt(self.weight[0].numel())
            nn.init.uniform_(self.bias, -bound, bound)

    def forward(self, input: Tensor, offset: Tensor, mask: Tensor | None = None) -> Tensor:
        """`deform_conv2d` of ``input``."""
        return deform_conv2d(input, offset, self.weight, self.bias, self.stride, self.padding, self.dilation, mask)

    def __repr__(self) -> str:
        text = f"{type(self).__name__}({self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}"
        text += f", stride={self.stride}"
        text += f", padding={self.padding}" if self.padding != (0, 0) else ""
        text += f", dilation={self.dilation}" if self.dilation != (1, 1) else ""
        text += f", groups={self.groups}" if self.groups != 1 else ""
        return text + (", bias=False)" if self.bias is None else ")")
