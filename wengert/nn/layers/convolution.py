"""Convolutional layers. Weights and biases start uniform in ±1/√(number of products in a window)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from ...ops import empty
from ...tensors.tensor import Tensor
from .. import init
from ..functional import convolution as functional
from ..functional.padding import pad
from ..module import Module
from ..parameter import Parameter

_MODES = ("zeros", "reflect", "replicate", "circular")


def _spread(value: Any, rank: int) -> Any:
    """An int for every dimension; a tuple as it is."""
    return tuple(value) if isinstance(value, Iterable) else (value,) * rank


class Convolution(Module):
    """What all convolutional layers share: their parameters, how these start, and how they print."""

    weight: Parameter
    bias: Parameter | None

    def __init__(self, in_channels: int, out_channels: int, kernel_size: tuple[int, ...], stride: tuple[int, ...],
                 padding: Any, dilation: tuple[int, ...], output_padding: tuple[int, ...], groups: int, bias: bool,
                 padding_mode: str, transposed: bool, device: Any, dtype: Any) -> None:
        super().__init__()
        _check_channels(in_channels, out_channels, groups)
        _check_padding(padding, stride, padding_mode)
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = kernel_size
        self.stride = stride
        self.padding = padding
        self.dilation = dilation
        self.transposed = transposed
        self.output_padding = output_padding
        self.groups = groups
        self.padding_mode = padding_mode
        sizes = (in_channels, out_channels // groups) if transposed else (out_channels, in_channels // groups)
        self.weight = Parameter(empty((*sizes, *kernel_size), device=device, dtype=dtype))
        self.register_parameter("bias", Parameter(empty(out_channels, device=device, dtype=dtype)) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws weight and bias anew, as PyTorch does."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            inputs = self.weight.shape[1] * math.prod(self.kernel_size)
            if inputs != 0:
                bound = 1 / math.sqrt(inputs)
                init.uniform_(self.bias, -bound, bound)

    def _ends(self) -> list[int]:
        """The padding as `pad` takes it: pairs, from the last dimension backwards."""
        if self.padding == "same":
            pairs = functional.same_padding(self.kernel_size, self.dilation)
        elif self.padding == "valid":
            pairs = [(0, 0)] * len(self.kernel_size)
        else:
            pairs = [(p, p) for p in self.padding]
        return [n for pair in reversed(pairs) for n in pair]

    @property
    def _reversed_padding_repeated_twice(self) -> list[int]:
        """The name by which PyTorch's own layers, and those derived from them, ask for it."""
        return self._ends()

    def extra_repr(self) -> str:
        rank = len(self.kernel_size)
        text = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"
        if self.padding != (0,) * rank:
            text += f", padding={self.padding}"
        if self.dilation != (1,) * rank:
            text += f", dilation={self.dilation}"
        if self.output_padding != (0,) * rank:
            text += f", output_padding={self.output_padding}"
        if self.groups != 1:
            text += f", groups={self.groups}"
        if self.bias is None:
            text += ", bias=False"
        if self.padding_mode != "zeros":
            text += f", padding_mode={self.padding_mode}"
        return text


def _check_channels(in_channels: int, out_channels: int, groups: int) -> None:
    if groups <= 0:
        raise ValueError("groups must be a positive integer")
    if in_channels % groups != 0:
        raise ValueError("in_channels must be divisible by groups")
    if out_channels % groups != 0:
        raise ValueError("out_channels must be divisible by groups")


def _check_padding(padding: Any, stride: tuple[int, ...], mode: str) -> None:
    if isinstance(padding, str):
        if padding not in ("same", "valid"):
            raise ValueError(f"Invalid padding string {padding!r}, should be one of {{'same', 'valid'}}")
        if padding == "same" and any(s != 1 for s in stride):
            raise ValueError("padding='same' is not supported for strided convolutions")
    if mode not in _MODES:
        raise ValueError(f"padding_mode must be one of {_MODES}, but got padding_mode='{mode}'")


class _Direct(Convolution):
    """A convolution in ``rank`` dimensions."""

    rank: int
    function: Callable[..., Tensor]

    def __init__(self, in_channels: int, out_channels: int, kernel_size: Any, stride: Any = 1, padding: Any = 0,
                 dilation: Any = 1, groups: int = 1, bias: bool = True, padding_mode: str = "zeros", device: Any = None,
                 dtype: Any = None) -> None:
        rank = self.rank
        super().__init__(in_channels, out_channels, _spread(kernel_size, rank), _spread(stride, rank),
                         padding if isinstance(padding, str) else _spread(padding, rank), _spread(dilation, rank),
                         (0,) * rank, groups, bias, padding_mode, False, device, dtype)

    def forward(self, input: Tensor) -> Tensor:
        return self._conv_forward(input, self.weight, self.bias)

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        padding = self.padding
        if self.padding_mode != "zeros":
            input, padding = pad(input, self._ends(), mode=self.padding_mode), 0
        return type(self).function(input, weight, bias, self.stride, padding, self.dilation, self.groups)


class _Transposed(Convolution):
    """The transpose of a convolution in ``rank`` dimensions."""

    rank: int
    function: Callable[..., Tensor]

    def __init__(self, in_channels: int, out_channels: int, kernel_size: Any, stride: Any = 1, padding: Any = 0,
                 output_padding: Any = 0, groups: int = 1, bias: bool = True, dilation: Any = 1,
                 padding_mode: str = "zeros", device: Any = None, dtype: Any = None) -> None:
        if padding_mode != "zeros":
            raise ValueError(f'Only "zeros" padding mode is supported for {type(self).__name__}')
        rank = self.rank
        super().__init__(in_channels, out_channels, _spread(kernel_size, rank), _spread(stride, rank),
                         _spread(padding, rank), _spread(dilation, rank), _spread(output_padding, rank), groups, bias,
                         padding_mode, True, device, dtype)

    def forward(self, input: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        """``output_size`` chooses the sizes of the result where several are possible. Raises ValueError."""
        extra = self.output_padding if output_size is None else self._output_padding(input, output_size)
        return type(self).function(input, self.weight, self.bias, self.stride, self.padding, extra, self.groups,
                                   self.dilation)

    def _output_padding(self, input: Tensor, output_size: Sequence[int]) -> tuple[int, ...]:
        """What must be added to the smallest possible result to reach ``output_size``."""
        rank, lead = self.rank, input.dim() - self.rank
        wanted = tuple(output_size)
        if len(wanted) == lead + rank:
            wanted = wanted[lead:]
        if len(wanted) != rank:
            raise ValueError(
                f"ConvTranspose{rank}D: for {input.dim()}D input, output_size must have {rank} or {lead + rank} "
                f"elements (got {len(output_size)})"
            )
        least = [
            (n - 1) * s - 2 * p + d * (k - 1) + 1
            for n, s, p, d, k in zip(input.shape[lead:], self.stride, self.padding, self.dilation, self.kernel_size,
                                     strict=True)
        ]
        most = [n + s - 1 for n, s in zip(least, self.stride, strict=True)]
        if any(not low <= n <= high for n, low, high in zip(wanted, least, most, strict=True)):
            raise ValueError(
                f"requested an output size of {list(output_size)}, but valid sizes range from {least} to {most} (for "
                f"an input of {list(input.shape[lead:])})"
            )
        return tuple(n - low for n, low in zip(wanted, least, strict=True))


class Conv1d(_Direct):
    """A convolution over ``(N, in_channels, L)`` or ``(in_channels, L)``.

    out[n, o, t] = bias[o] + Σ weight[o, i, j] · x[n, i, stride t + dilation j − padding], the sum over the channels i
    of the group and the places j of the kernel (a cross-correlation, as it is called elsewhere).

    ``weight`` is ``(out_channels, in_channels / groups, k)``, ``bias`` ``(out_channels,)`` or None. ``padding`` is a
    number, ``"same"`` or ``"valid"``; ``padding_mode`` one of `nn.functional.pad`, with ``"zeros"`` for constant.
    Raises ValueError for numbers that do not fit.

    >>> layer = nn.Conv1d(4, 8, kernel_size=3, padding=1)
    >>> layer(torch.ones(2, 4, 10)).shape, layer.weight.shape
    (torch.Size([2, 8, 10]), torch.Size([8, 4, 3]))
    """

    rank = 1
    function = functional.conv1d


class Conv2d(_Direct):
    """A convolution over ``(N, in_channels, H, W)`` or ``(in_channels, H, W)``; see `Conv1d`.

    >>> import wengert as torch
    >>> from wengert import nn
    >>> layer = nn.Conv2d(1, 4, 3, padding=1)
    >>> layer
    Conv2d(1, 4, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1))
    >>> layer(torch.zeros(2, 1, 8, 8)).shape
    torch.Size([2, 4, 8, 8])
    """

    rank = 2
    function = functional.conv2d


class Conv3d(_Direct):
    """A convolution over ``(N, in_channels, D, H, W)`` or ``(in_channels, D, H, W)``; see `Conv1d`.

    >>> nn.Conv3d(2, 3, kernel_size=3)(torch.ones(1, 2, 8, 8, 8)).shape
    torch.Size([1, 3, 6, 6, 6])
    """

    rank = 3
    function = functional.conv3d


class ConvTranspose1d(_Transposed):
    """The transpose of a `Conv1d` with the same stride, padding and dilation: from its results' shape to its inputs'.

    ``weight`` is ``(in_channels, out_channels / groups, k)``, ``bias`` ``(out_channels,)`` or None.

    >>> nn.ConvTranspose1d(4, 8, kernel_size=2, stride=2)(torch.ones(2, 4, 10)).shape
    torch.Size([2, 8, 20])
    """

    rank = 1
    function = functional.conv_transpose1d


class ConvTranspose2d(_Transposed):
    """The transpose of a `Conv2d`; see `ConvTranspose1d`.

    >>> nn.ConvTranspose2d(4, 8, kernel_size=2, stride=2)(torch.ones(2, 4, 10, 10)).shape
    torch.Size([2, 8, 20, 20])
    """

    rank = 2
    function = functional.conv_transpose2d


class ConvTranspose3d(_Transposed):
    """The transpose of a `Conv3d`; see `ConvTranspose1d`.

    >>> nn.ConvTranspose3d(4, 8, kernel_size=2, stride=2)(torch.ones(2, 4, 5, 5, 5)).shape
    torch.Size([2, 8, 10, 10, 10])
    """

    rank = 3
    function = functional.conv_transpose3d
