"""Blocks that many networks for images are made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import wengert as torch
from wengert import Tensor, nn

Maker = Callable[..., nn.Module]


class FrozenBatchNorm2d(nn.Module):
    """Batch normalisation of (N, C, H, W) whose statistics, weight and bias are fixed: buffers that nothing trains.

    >>> from wengert.vision import ops
    >>> ops.FrozenBatchNorm2d(3)(torch.ones(2, 3, 4, 4))[0, 0, 0]
    tensor([1.0000, 1.0000, 1.0000, 1.0000])
    """

    weight: Tensor
    bias: Tensor
    running_mean: Tensor
    running_var: Tensor

    def __init__(self, num_features: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.eps = eps
        self.register_buffer("weight", torch.ones(num_features))
        self.register_buffer("bias", torch.zeros(num_features))
        self.register_buffer("running_mean", torch.zeros(num_features))
        self.register_buffer("running_var", torch.ones(num_features))

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        state_dict.pop(prefix + "num_batches_tracked", None)  # checkpoints of a BatchNorm2d have it
        super()._load_from_state_dict(state_dict, prefix, *rest)

    def forward(self, x: Tensor) -> Tensor:
        """``x`` normalised by the fixed statistics."""
        scale = self.weight.reshape(1, -1, 1, 1) * (self.running_var.reshape(1, -1, 1, 1) + self.eps).rsqrt()
        return x * scale + (self.bias.reshape(1, -1, 1, 1) - self.running_mean.reshape(1, -1, 1, 1) * scale)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.weight.shape[0]}, eps={self.eps})"


class ConvNormActivation(nn.Sequential):
    """A convolution, a norm and an activation. Without ``padding`` an odd kernel keeps the size at a stride of 1;
    without a ``norm_layer`` the convolution has a bias."""

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int | tuple[int, ...] = 3,
        stride: int | tuple[int, ...] = 1, padding: int | tuple[int, ...] | str | None = None, groups: int = 1,
        norm_layer: Maker | None = nn.BatchNorm2d, activation_layer: Maker | None = nn.ReLU,
        dilation: int | tuple[int, ...] = 1, inplace: bool | None = True, bias: bool | None = None,
        conv_layer: Maker = nn.Conv2d,
    ) -> None:
        if padding is None:
            if isinstance(kernel_size, int) and isinstance(dilation, int):
                padding = (kernel_size - 1) // 2 * dilation
            else:
                rank = len(kernel_size) if isinstance(kernel_size, tuple) else len(_several(dilation, 2))
                kernel_size, dilation = _several(kernel_size, rank), _several(dilation, rank)
                padding = tuple((k - 1) // 2 * d for k, d in zip(kernel_size, dilation, strict=True))
        layers = [conv_layer(in_channels, out_channels, kernel_size, stride, padding, dilation=dilation, groups=groups,
                             bias=norm_layer is None if bias is None else bias)]
        if norm_layer is not None:
            layers.append(norm_layer(out_channels))
        if activation_layer is not None:
            layers.append(activation_layer(**({} if inplace is None else {"inplace": inplace})))
        super().__init__(*layers)
        self.out_channels = out_channels


def _several(value: int | tuple[int, ...], rank: int) -> tuple[int, ...]:
    return (value,) * rank if isinstance(value, int) else tuple(value)


class Conv2dNormActivation(ConvNormActivation):
    """`ConvNormActivation` of (N, C, H, W).

    >>> from wengert.vision import ops
    >>> ops.Conv2dNormActivation(3, 4, kernel_size=3)(torch.ones(1, 3, 5, 5)).shape
    torch.Size([1, 4, 5, 5])
    """


class Conv3dNormActivation(ConvNormActivation):
    """`ConvNormActivation` of (N, C, D, H, W).

    >>> from wengert.vision import ops
    >>> ops.Conv3dNormActivation(3, 4, kernel_size=3)(torch.ones(1, 3, 5, 5, 5)).shape
    torch.Size([1, 4, 5, 5, 5])
    """

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int | tuple[int, ...] = 3,
        stride: int | tuple[int, ...] = 1, padding: int | tuple[int, ...] | str | None = None, groups: int = 1,
        norm_layer: Maker | None = nn.BatchNorm3d, activation_layer: Maker | None = nn.ReLU,
        dilation: int | tuple[int, ...] = 1, inplace: bool | None = True, bias: bool | None = None,
    ) -> None:
        super().__init__(in_channels, out_channels, kernel_size, stride, padding, groups, norm_layer, activation_layer,
                         dilation, inplace, bias, nn.Conv3d)


class SqueezeExcitation(nn.Module):
    """Channels weighed by what their means say (Hu et al., *Squeeze-and-excitation networks*, 2018, figure 1).

    >>> from wengert.vision import ops
    >>> ops.SqueezeExcitation(4, 2)(torch.ones(1, 4, 3, 3)).shape
    torch.Size([1, 4, 3, 3])
    """

    def __init__(self, input_channels: int, squeeze_channels: int, activation: Maker = nn.ReLU,
                 scale_activation: Maker = nn.Sigmoid) -> None:
        super().__init__()
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc1 = nn.Conv2d(input_channels, squeeze_channels, 1)
        self.fc2 = nn.Conv2d(squeeze_channels, input_channels, 1)
        self.activation = activation()
        self.scale_activation = scale_activation()

    def _scale(self, input: Tensor) -> Any:
        return self.scale_activation(self.fc2(self.activation(self.fc1(self.avgpool(input)))))

    def forward(self, input: Tensor) -> Any:
        """``input`` (N, C, H, W), each channel times its weight."""
        return self._scale(input) * input


class MLP(nn.Sequential):
    """Linear layers, each with a norm, an activation and dropout behind it, the last with dropout alone.

    >>> from wengert.vision import ops
    >>> ops.MLP(4, [8, 2])(torch.ones(3, 4)).shape
    torch.Size([3, 2])
    """

    def __init__(self, in_channels: int, hidden_channels: Sequence[int], norm_layer: Maker | None = None,
                 activation_layer: Maker | None = nn.ReLU, inplace: bool | None = None, bias: bool = True,
                 dropout: float = 0.0) -> None:
        options = {} if inplace is None else {"inplace": inplace}
        layers: list[nn.Module] = []
        for channels in hidden_channels[:-1]:
            layers.append(nn.Linear(in_channels, channels, bias=bias))
            if norm_layer is not None:
                layers.append(norm_layer(channels))
            if activation_layer is not None:
                layers.append(activation_layer(**options))
            layers.append(nn.Dropout(dropout, **options))
            in_channels = channels
        layers += [nn.Linear(in_channels, hidden_channels[-1], bias=bias), nn.Dropout(dropout, **options)]
        super().__init__(*layers)


class Permute(nn.Module):
    """The dimensions of a tensor in another order.

    >>> from wengert.vision import ops
    >>> ops.Permute([0, 2, 1])(torch.ones(2, 3, 4)).shape
    torch.Size([2, 4, 3])
    """

    def __init__(self, dims: Sequence[int]) -> None:
        super().__init__()
        self.dims = dims

    def forward(self, x: Tensor) -> Tensor:
        """``x.permute(dims)``."""
        return x.permute(tuple(self.dims))
