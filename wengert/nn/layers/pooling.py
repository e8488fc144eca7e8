"""Pooling layers. What they compute is said with the functions of `wengert.nn.functional`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ...core.errors import RankError
from ...tensors.tensor import Tensor
from ..functional import pooling as functional
from ..functional.fractional import fractional_max_pool2d, fractional_max_pool3d
from ..functional.geometry import exactly, tuple_of
from ..module import Module


class _MaxPool(Module):
    """The maxima of sliding windows; with ``return_indices`` their places as well."""

    function: Callable[..., Any]

    def __init__(self, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1,
                 return_indices: bool = False, ceil_mode: bool = False) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = stride if stride is not None else kernel_size
        self.padding = padding
        self.dilation = dilation
        self.return_indices = return_indices
        self.ceil_mode = ceil_mode

    def forward(self, input: Tensor) -> Any:
        return type(self).function(input, self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode,
                                   self.return_indices)

    def extra_repr(self) -> str:
        return (
            f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, dilation={self.dilation}, "
            f"ceil_mode={self.ceil_mode}"
        )


class _AvgPool(Module):
    """The means of sliding windows."""

    function: Callable[..., Tensor]

    def __init__(self, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
                 count_include_pad: bool = True, divisor_override: int | None = None) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = stride if stride is not None else kernel_size
        self.padding = padding
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad
        self.divisor_override = divisor_override

    def forward(self, input: Tensor) -> Tensor:
        return type(self).function(input, self.kernel_size, self.stride, self.padding, self.ceil_mode,
                                   self.count_include_pad, self.divisor_override)

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class _LPPool(Module):
    """The p-norms of sliding windows."""

    function: Callable[..., Tensor]

    def __init__(self, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False) -> None:
        super().__init__()
        self.norm_type = norm_type
        self.kernel_size = kernel_size
        self.stride = stride
        self.ceil_mode = ceil_mode

    def forward(self, input: Tensor) -> Tensor:
        return type(self).function(input, float(self.norm_type), self.kernel_size, self.stride, self.ceil_mode)

    def extra_repr(self) -> str:
        return (
            f"norm_type={self.norm_type}, kernel_size={self.kernel_size}, stride={self.stride}, "
            f"ceil_mode={self.ceil_mode}"
        )


class _FractionalMaxPool(Module):
    """Windows of ``kernel_size`` at drawn distances: ``output_size`` of them, or ``output_ratio`` of the input's size.

    ``_random_samples`` takes the place of the drawing. Raises ValueError unless exactly one of size and ratio is given,
    or for a ratio that is not between 0 and 1.
    """

    rank: int
    function: Callable[..., Any]

    def __init__(self, kernel_size: Any, output_size: Any = None, output_ratio: Any = None,
                 return_indices: bool = False, _random_samples: Tensor | None = None) -> None:
        super().__init__()
        name = type(self).__name__
        self.kernel_size = exactly(kernel_size, self.rank, name, "kernel_size", RankError)
        self.return_indices = return_indices
        self.register_buffer("_random_samples", _random_samples)
        self.output_size = None if output_size is None else exactly(output_size, self.rank, name, "output_size")
        ratios = output_ratio if isinstance(output_ratio, (tuple, list)) else (output_ratio,) * self.rank
        self.output_ratio = None if output_ratio is None else tuple(ratios)
        if output_size is None and output_ratio is None:
            raise ValueError(f"{name} requires specifying either an output size, or a pooling ratio")
        if output_size is not None and output_ratio is not None:
            raise ValueError("only one of output_size and output_ratio may be specified")
        if self.output_ratio is not None and not all(0 < ratio < 1 for ratio in self.output_ratio):
            raise ValueError(f"output_ratio must be between 0 and 1 (got {output_ratio})")

    def forward(self, input: Tensor) -> Any:
        return type(self).function(input, self.kernel_size, self.output_size, self.output_ratio, self.return_indices,
                                   self._random_samples)


class _AdaptivePool(Module):
    """Windows that divide the input evenly into ``output_size``; None leaves a dimension as it is."""

    function: Callable[..., Any]

    def __init__(self, output_size: Any) -> None:
        super().__init__()
        self.output_size = output_size

    def forward(self, input: Tensor) -> Any:
        return type(self).function(input, self.output_size)

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"


class _AdaptiveMaxPool(_AdaptivePool):
    """The maxima of such windows; with ``return_indices`` their places as well."""

    def __init__(self, output_size: Any, return_indices: bool = False) -> None:
        super().__init__(output_size)
        self.return_indices = return_indices

    def forward(self, input: Tensor) -> Any:
        return type(self).function(input, self.output_size, self.return_indices)


class _MaxUnpool(Module):
    """Puts maxima back to where the indices of a max-pooling layer say they came from."""

    rank: int
    function: Callable[..., Tensor]

    def __init__(self, kernel_size: Any, stride: Any = None, padding: Any = 0) -> None:
        super().__init__()
        name = type(self).__name__
        self.kernel_size = exactly(kernel_size, self.rank, name, "kernel_size", RankError)
        self.stride = tuple_of(stride if stride is not None else kernel_size, self.rank, name, "stride")
        self.padding = tuple_of(padding, self.rank, name, "padding")

    def forward(self, input: Tensor, indices: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        return type(self).function(input, indices, self.kernel_size, self.stride, self.padding, output_size)

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AvgPool1d(_AvgPool):
    """The means of windows that slide over ``(N, C, L)`` or ``(C, L)``.

    >>> nn.AvgPool1d(2)(torch.tensor([[1.0, 3.0, 5.0, 7.0]]))
    tensor([[2., 6.]])
    """

    def __init__(self, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
                 count_include_pad: bool = True) -> None:
        super().__init__(kernel_size, stride, padding, ceil_mode, count_include_pad)
        self.kernel_size = tuple_of(kernel_size, 1, "AvgPool1d", "kernel_size")
        self.stride = tuple_of(stride if stride is not None else kernel_size, 1, "AvgPool1d", "stride")
        self.padding = tuple_of(padding, 1, "AvgPool1d", "padding")

    def forward(self, input: Tensor) -> Tensor:
        return functional.avg_pool1d(input, self.kernel_size, self.stride, self.padding, self.ceil_mode,
                                     self.count_include_pad)


class AvgPool2d(_AvgPool):
    """The means of windows that slide over ``(N, C, H, W)`` or ``(C, H, W)``.

    >>> nn.AvgPool2d(2)(torch.arange(16.0).reshape(1, 4, 4))
    tensor([[[ 2.5000,  4.5000],
             [10.5000, 12.5000]]])
    """

    function = functional.avg_pool2d


class AvgPool3d(_AvgPool):
    """The means of windows that slide over ``(N, C, D, H, W)`` or ``(C, D, H, W)``.

    >>> nn.AvgPool3d(2)(torch.ones(1, 3, 4, 8, 8)).shape
    torch.Size([1, 3, 2, 4, 4])
    """

    function = functional.avg_pool3d


class MaxPool1d(_MaxPool):
    """The maxima of windows that slide over ``(N, C, L)`` or ``(C, L)``.

    >>> nn.MaxPool1d(2)(torch.tensor([[1.0, 4.0, 3.0, 2.0]]))
    tensor([[4., 3.]])
    """

    function = functional.max_pool1d


class MaxPool2d(_MaxPool):
    """The maxima of windows that slide over ``(N, C, H, W)`` or ``(C, H, W)``.

    >>> nn.MaxPool2d(2)(torch.arange(16.0).reshape(1, 4, 4))
    tensor([[[ 5.,  7.],
             [13., 15.]]])
    """

    function = functional.max_pool2d


class MaxPool3d(_MaxPool):
    """The maxima of windows that slide over ``(N, C, D, H, W)`` or ``(C, D, H, W)``.

    >>> nn.MaxPool3d(2)(torch.arange(8.0).reshape(1, 2, 2, 2))
    tensor([[[[7.]]]])
    """

    function = functional.max_pool3d


class LPPool1d(_LPPool):
    """The p-norms of windows that slide over ``(N, C, L)`` or ``(C, L)``.

    >>> nn.LPPool1d(2, kernel_size=2)(torch.tensor([[3.0, 4.0, 6.0, 8.0]]))
    tensor([[ 5., 10.]])
    """

    function = functional.lp_pool1d


class LPPool2d(_LPPool):
    """The p-norms of windows that slide over ``(N, C, H, W)`` or ``(C, H, W)``.

    >>> nn.LPPool2d(2, kernel_size=2)(torch.tensor([[[3.0, 0.0], [0.0, 4.0]]]))
    tensor([[[5.]]])
    """

    function = functional.lp_pool2d


class LPPool3d(_LPPool):
    """The p-norms of windows that slide over ``(N, C, D, H, W)`` or ``(C, D, H, W)``.

    >>> nn.LPPool3d(1, kernel_size=2)(torch.ones(1, 2, 2, 2))
    tensor([[[[8.]]]])
    """

    function = functional.lp_pool3d


class AdaptiveAvgPool1d(_AdaptivePool):
    """The means of windows that divide evenly ``(N, C, L)`` or ``(C, L)``.

    >>> nn.AdaptiveAvgPool1d(2)(torch.tensor([[1.0, 2.0, 3.0, 4.0]]))
    tensor([[1.5000, 3.5000]])
    """

    function = functional.adaptive_avg_pool1d


class AdaptiveAvgPool2d(_AdaptivePool):
    """The means of windows that divide evenly ``(N, C, H, W)`` or ``(C, H, W)``.

    >>> nn.AdaptiveAvgPool2d(1)(torch.arange(16.0).reshape(1, 4, 4))
    tensor([[[7.5000]]])
    """

    function = functional.adaptive_avg_pool2d


class AdaptiveAvgPool3d(_AdaptivePool):
    """The means of windows that divide evenly ``(N, C, D, H, W)`` or ``(C, D, H, W)``.

    >>> nn.AdaptiveAvgPool3d((1, 2, 2))(torch.ones(1, 3, 4, 8, 8)).shape
    torch.Size([1, 3, 1, 2, 2])
    """

    function = functional.adaptive_avg_pool3d


class AdaptiveMaxPool1d(_AdaptiveMaxPool):
    """The maxima of windows that divide evenly ``(N, C, L)`` or ``(C, L)``.

    >>> nn.AdaptiveMaxPool1d(2)(torch.tensor([[1.0, 4.0, 3.0, 2.0]]))
    tensor([[4., 3.]])
    """

    function = functional.adaptive_max_pool1d


class AdaptiveMaxPool2d(_AdaptiveMaxPool):
    """The maxima of windows that divide evenly ``(N, C, H, W)`` or ``(C, H, W)``.

    >>> nn.AdaptiveMaxPool2d(1)(torch.arange(16.0).reshape(1, 4, 4))
    tensor([[[15.]]])
    """

    function = functional.adaptive_max_pool2d


class AdaptiveMaxPool3d(_AdaptiveMaxPool):
    """The maxima of windows that divide evenly ``(N, C, D, H, W)`` or ``(C, D, H, W)``.

    >>> nn.AdaptiveMaxPool3d((1, 2, 2))(torch.ones(1, 3, 4, 8, 8)).shape
    torch.Size([1, 3, 1, 2, 2])
    """

    function = functional.adaptive_max_pool3d


class MaxUnpool1d(_MaxUnpool):
    """The partial inverse of `MaxPool1d`, over ``(N, C, L)`` or ``(C, L)``.

    >>> values, places = nn.MaxPool1d(2, return_indices=True)(torch.tensor([[1.0, 4.0, 3.0, 2.0]]))
    >>> nn.MaxUnpool1d(2)(values, places)
    tensor([[0., 4., 3., 0.]])
    """

    rank = 1
    function = functional.max_unpool1d


class MaxUnpool2d(_MaxUnpool):
    """The partial inverse of `MaxPool2d`, over ``(N, C, H, W)`` or ``(C, H, W)``.

    >>> values, places = nn.MaxPool2d(2, return_indices=True)(torch.tensor([[[1.0, 4.0], [3.0, 2.0]]]))
    >>> nn.MaxUnpool2d(2)(values, places)
    tensor([[[0., 4.],
             [0., 0.]]])
    """

    rank = 2
    function = functional.max_unpool2d


class MaxUnpool3d(_MaxUnpool):
    """The partial inverse of `MaxPool3d`, over ``(N, C, D, H, W)`` or ``(C, D, H, W)``.

    >>> values, places = nn.MaxPool3d(2, return_indices=True)(torch.arange(8.0).reshape(1, 2, 2, 2))
    >>> nn.MaxUnpool3d(2)(values, places).flatten()
    tensor([0., 0., 0., 0., 0., 0., 0., 7.])
    """

    rank = 3
    function = functional.max_unpool3d


class FractionalMaxPool2d(_FractionalMaxPool):
    """The maxima of windows at drawn distances over ``(N, C, H, W)`` or ``(C, H, W)`` (Graham, 2014).

    >>> nn.FractionalMaxPool2d(2, output_size=5)(torch.rand(1, 3, 8, 8)).shape
    torch.Size([1, 3, 5, 5])
    """

    rank = 2
    function = fractional_max_pool2d


class FractionalMaxPool3d(_FractionalMaxPool):
    """The maxima of windows at drawn distances over ``(N, C, D, H, W)`` or ``(C, D, H, W)``.

    >>> nn.FractionalMaxPool3d(2, output_ratio=0.5)(torch.rand(1, 3, 8, 8, 8)).shape
    torch.Size([1, 3, 4, 4, 4])
    """

    rank = 3
    function = fractional_max_pool3d
