"""Normalising layers. What they compute is said with the functions of `wengert.nn.functional`."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Integral
from typing import Any

from ...core.dtypes import float64, int64
from ...ops import arange, empty, ones, tensor, zeros
from ...tensors.tensor import Tensor
from .. import init
from ..functional import normalization as functional
from ..functional.padding import pad
from ..functional.pooling import avg_pool3d
from ..module import Module
from ..parameter import Parameter


class Normalization(Module):
    """What the layers with running statistics share.

    ``weight`` and ``bias``, ``(num_features,)``, are there where ``affine``; the buffers ``running_mean``,
    ``running_var`` and ``num_batches_tracked`` where ``track_running_stats``.
    """

    _version = 2
    ranks: tuple[int, ...]
    weight: Parameter | None
    bias: Parameter | None
    running_mean: Tensor | None
    running_var: Tensor | None
    num_batches_tracked: Tensor | None

    def __init__(self, num_features: int, eps: float = 1e-5, momentum: float | None = 0.1, affine: bool = True,
                 track_running_stats: bool = True, device: Any = None, dtype: Any = None, *, bias: bool = True) -> None:
        super().__init__()
        self.num_features = num_features
        self.eps = eps
        self.momentum = momentum
        self.affine = affine
        self.track_running_stats = track_running_stats
        made = {"device": device, "dtype": dtype}
        self.register_parameter("weight", Parameter(empty(num_features, **made)) if affine else None)
        self.register_parameter("bias", Parameter(empty(num_features, **made)) if affine and bias else None)
        self.register_buffer("running_mean", zeros(num_features, **made) if track_running_stats else None)
        self.register_buffer("running_var", ones(num_features, **made) if track_running_stats else None)
        count = tensor(0, dtype=int64, device=device) if track_running_stats else None
        self.register_buffer("num_batches_tracked", count)
        self.reset_parameters()

    def reset_running_stats(self) -> None:
        """Running mean 0, variance 1, no batch seen."""
        if self.running_mean is not None and self.running_var is not None and self.num_batches_tracked is not None:
            self.running_mean.zero_()
            self.running_var.fill_(1)
            self.num_batches_tracked.zero_()

    def reset_parameters(self) -> None:
        """Weight 1, bias 0, and `reset_running_stats`."""
        self.reset_running_stats()
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)

    def _check_input_dim(self, input: Tensor) -> None:
        if input.dim() not in self.ranks:
            wanted = " or ".join(f"{rank}D" for rank in self.ranks)
            raise ValueError(f"expected {wanted} input (got {input.dim()}D input)")

    def _load_from_state_dict(self, state_dict: Any, prefix: str, local_metadata: Any, *rest: Any) -> None:
        """States saved before version 2 lack the number of batches: the layer keeps its own."""
        version, key = local_metadata.get("version", None), prefix + "num_batches_tracked"
        if (version is None or version < 2) and self.track_running_stats and key not in state_dict:
            state_dict[key] = self.num_batches_tracked if self.num_batches_tracked is not None else tensor(0)
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *rest)

    def extra_repr(self) -> str:
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"bias={self.bias is not None}, track_running_stats={self.track_running_stats}"
        )


class BatchNormBase(Normalization):
    """What the layers of batch normalisation share."""

    _normalises_batches = True  # by which ``func``, which stands below, knows them

    def forward(self, input: Tensor) -> Tensor:
        self._check_input_dim(input)
        momentum = 0.0 if self.momentum is None else self.momentum
        if self.training and self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
            if self.momentum is None:  # the plain mean over all batches so far
                momentum = 1.0 / self.num_batches_tracked.to(float64).item()
        by_batch = self.training or (self.running_mean is None and self.running_var is None)
        running = (
            (self.running_mean, self.running_var) if not self.training or self.track_running_stats else (None, None)
        )
        return functional.batch_norm(input, *running, self.weight, self.bias, by_batch, momentum, self.eps)


class BatchNorm1d(BatchNormBase):
    """Batch normalisation of ``(N, C)`` or ``(N, C, L)`` (Ioffe & Szegedy, 2015).

    (x − mean) / √(variance + eps) · weight + bias, each channel with its own; the variance is that of division by the
    number of values, and for the running one of division by one less.

    In training the statistics are the batch's and move the running ones by ``momentum`` (None: their plain mean); in
    evaluation they are the running ones. Raises ValueError for another number of dimensions, or a single value a
    channel.

    >>> layer = nn.BatchNorm1d(2, affine=False)
    >>> layer(torch.tensor([[1.0, 10.0], [3.0, 30.0]]))
    tensor([[-1.0000, -1.0000],
            [ 1.0000,  1.0000]])
    >>> layer.running_mean
    tensor([0.2000, 2.0000])
    """

    ranks = (2, 3)


class BatchNorm2d(BatchNormBase):
    """Batch normalisation of ``(N, C, H, W)``; see `BatchNorm1d`.

    >>> from wengert import nn
    >>> nn.BatchNorm2d(3)
    BatchNorm2d(3, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True)
    """

    ranks = (4,)


class BatchNorm3d(BatchNormBase):
    """Batch normalisation of ``(N, C, D, H, W)``; see `BatchNorm1d`.

    >>> nn.BatchNorm3d(3)(torch.ones(2, 3, 4, 4, 4)).shape
    torch.Size([2, 3, 4, 4, 4])
    """

    ranks = (5,)


synchronised: Callable[[SyncBatchNorm, Tensor], Tensor | None] | None = None
"""Normalises with the other processes, or returns None where there is no other. `distributed` puts it here."""


class SyncBatchNorm(BatchNormBase):
    """`BatchNorm1d` for any number of dimensions from two on, with the statistics of the batch of all processes.

    ``process_group``: the processes; all if None. Without `distributed.init_process_group`, and in evaluation, it is
    batch normalisation within this process.

    >>> net = nn.SyncBatchNorm.convert_sync_batchnorm(nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4)))
    >>> net[1]
    SyncBatchNorm(4, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True)
    """

    def __init__(self, num_features: int, eps: float = 1e-5, momentum: float | None = 0.1, affine: bool = True,
                 track_running_stats: bool = True, process_group: Any = None, device: Any = None, dtype: Any = None, *,
                 bias: bool = True) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias)
        self.process_group = process_group

    def _check_input_dim(self, input: Tensor) -> None:
        if input.dim() < 2:
            raise ValueError(f"expected at least 2D input (got {input.dim()}D input)")

    def forward(self, input: Tensor) -> Tensor:
        if synchronised is not None and (self.training or self.running_mean is None):
            self._check_input_dim(input)
            out: Tensor | None = synchronised(self, input)
            if out is not None:
                return out
        return super().forward(input)

    @classmethod
    def convert_sync_batchnorm(cls, module: Module, process_group: Any = None) -> Module:
        """``module`` with every batch normalisation in it, or itself, replaced by a `SyncBatchNorm` with the same
        parameters and buffers."""
        result = module
        if isinstance(module, BatchNormBase):
            result = cls(module.num_features, module.eps, module.momentum, module.affine, module.track_running_stats,
                         process_group, bias=module.bias is not None)
            result.weight, result.bias = module.weight, module.bias
            result.running_mean, result.running_var = module.running_mean, module.running_var
            result.num_batches_tracked = module.num_batches_tracked
            result.training = module.training
        for name, child in module.named_children():
            result.add_module(name, cls.convert_sync_batchnorm(child, process_group))
        return result


class InstanceNormBase(Normalization):
    """What the layers of instance normalisation share."""

    def __init__(self, num_features: int, eps: float = 1e-5, momentum: float = 0.1, affine: bool = False,
                 track_running_stats: bool = False, device: Any = None, dtype: Any = None, *,
                 bias: bool = True) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias)

    def forward(self, input: Tensor) -> Tensor:
        self._check_input_dim(input)
        alone = input.dim() == self.ranks[0]
        channels = input.shape[0 if alone else 1]
        if channels != self.num_features and self.affine:
            raise ValueError(
                f"expected input's size at dim={0 if alone else 1} to match num_features ({self.num_features}), but "
                f"got: {channels}."
            )
        by_instance = self.training or not self.track_running_stats
        momentum = 0.0 if self.momentum is None else self.momentum
        out = functional.instance_norm(input.unsqueeze(0) if alone else input, self.running_mean, self.running_var,
                                       self.weight, self.bias, by_instance, momentum, self.eps)
        return out.squeeze(0) if alone else out


class InstanceNorm1d(InstanceNormBase):
    """Instance normalisation of ``(N, C, L)`` or ``(C, L)`` (Ulyanov et al., 2016).

    (x − mean) / √(variance + eps) · weight + bias, with mean and variance of one channel of one example.

    >>> nn.InstanceNorm1d(2)(torch.tensor([[[1.0, 3.0], [10.0, 30.0]]]))[0]
    tensor([[-1.0000,  1.0000],
            [-1.0000,  1.0000]])
    """

    ranks = (2, 3)


class InstanceNorm2d(InstanceNormBase):
    """Instance normalisation of ``(N, C, H, W)`` or ``(C, H, W)``.

    >>> nn.InstanceNorm2d(3)(torch.rand(2, 3, 4, 4)).shape
    torch.Size([2, 3, 4, 4])
    """

    ranks = (3, 4)


class InstanceNorm3d(InstanceNormBase):
    """Instance normalisation of ``(N, C, D, H, W)`` or ``(C, D, H, W)``.

    >>> nn.InstanceNorm3d(3)(torch.rand(2, 3, 4, 4, 4)).shape
    torch.Size([2, 3, 4, 4, 4])
    """

    ranks = (4, 5)


class _Affine(Module):
    """A layer whose result is multiplied by a ``weight``, and to which a ``bias`` is added, if they are there."""

    weight: Parameter | None
    bias: Parameter | None

    def _register(self, shape: Any, device: Any, dtype: Any, **there: bool) -> None:
        """Makes the parameters that are ``there``, of one ``shape``, and gives them their first values."""
        for name, wanted in there.items():
            parameter = Parameter(empty(shape, device=device, dtype=dtype)) if wanted else None
            self.register_parameter(name, parameter)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Weight 1, bias 0."""
        for name, fill in (("weight", init.ones_), ("bias", init.zeros_)):
            parameter = getattr(self, name, None)
            if parameter is not None:
                fill(parameter)


class LayerNorm(_Affine):
    """Layer normalisation over the last dimensions, ``normalized_shape`` (Ba et al., 2016).

    (x − mean) / √(variance + eps) · weight + bias, with mean and variance of those dimensions of each example.
    ``weight`` and ``bias`` have that shape; there is none without ``elementwise_affine``.

    >>> layer = nn.LayerNorm(2)
    >>> layer(torch.tensor([[1.0, 3.0], [10.0, 30.0]]))
    tensor([[-1.0000,  1.0000],
            [-1.0000,  1.0000]], grad_fn=<NativeLayerNormBackward0>)
    """

    def __init__(self, normalized_shape: Any, eps: float = 1e-5, elementwise_affine: bool = True, bias: bool = True,
                 device: Any = None, dtype: Any = None) -> None:
        super().__init__()
        self.normalized_shape = _sizes(normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        there = {"weight": elementwise_affine, "bias": elementwise_affine and bias}
        self._register(self.normalized_shape, device, dtype, **there)

    def forward(self, input: Tensor) -> Tensor:
        return functional.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}, "
            f"bias={self.bias is not None}"
        )


class RMSNorm(_Affine):
    """Division by the root mean square of the last dimensions, ``normalized_shape`` (Zhang & Sennrich, 2019).

    x / √(mean(x²) + eps) · weight, with eps the spacing of the dtype at 1 where it is None.

    >>> nn.RMSNorm(2)(torch.tensor([[3.0, 4.0]]))
    tensor([[0.8485, 1.1314]], grad_fn=<MulBackward0>)
    """

    def __init__(self, normalized_shape: Any, eps: float | None = None, elementwise_affine: bool = True,
                 device: Any = None, dtype: Any = None) -> None:
        super().__init__()
        self.normalized_shape = _sizes(normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        self._register(self.normalized_shape, device, dtype, weight=elementwise_affine)

    def forward(self, input: Tensor) -> Tensor:
        return functional.rms_norm(input, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"


class GroupNorm(_Affine):
    """Normalisation over ``num_groups`` groups of the channels of ``(N, num_channels, ...)`` (Wu & He, 2018).

    (x − mean) / √(variance + eps) · weight + bias, with mean and variance of a group of one example.
    Raises ValueError where the groups do not divide the channels.

    >>> nn.GroupNorm(2, 4, affine=False)(torch.tensor([[1.0, 3.0, 10.0, 30.0]]))
    tensor([[-1.0000,  1.0000, -1.0000,  1.0000]])
    """

    def __init__(self, num_groups: int, num_channels: int, eps: float = 1e-5, affine: bool = True, device: Any = None,
                 dtype: Any = None, *, bias: bool = True) -> None:
        super().__init__()
        if num_groups < 1 or num_channels % num_groups != 0:
            raise ValueError(f"[GroupNorm] num_channels ({num_channels}) must be divisible by num_groups "
                             f"({num_groups}), which is 1 or more")
        self.num_groups = num_groups
        self.num_channels = num_channels
        self.eps = eps
        self.affine = affine
        self._register(num_channels, device, dtype, weight=affine, bias=affine and bias)

    def forward(self, input: Tensor) -> Tensor:
        return functional.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}, "
            f"bias={self.bias is not None}"
        )


class _OverChannels(Module):
    """What the two normalisations by the squares in neighbouring channels have in common."""

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> None:
        super().__init__()
        self.size = size
        self.alpha = alpha
        self.beta = beta
        self.k = k

    def extra_repr(self) -> str:
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"


class LocalResponseNorm(_OverChannels):
    """x / (k + α · mean of x² over ``size`` neighbouring channels)^β (Krizhevsky et al., 2012).

    >>> nn.LocalResponseNorm(3, alpha=1.0)(torch.tensor([[[1.0], [10.0], [1.0]]])).flatten()
    tensor([0.0700, 0.6949, 0.0700])
    """

    def forward(self, input: Tensor) -> Tensor:
        return functional.local_response_norm(input, self.size, self.alpha, self.beta, self.k)


class CrossMapLRN2d(_OverChannels):
    """The form of `LocalResponseNorm` that models of Lua Torch have, for images: x / (k + α / ``size`` · Σ x²)^β.

    The sum is over the channels at most ``(size - 1) // 2`` away, and, as Lua Torch and PyTorch have it, over the first
    channel too from there on.

    >>> nn.CrossMapLRN2d(3, alpha=1.0)(torch.tensor([1.0, 10.0, 1.0]).reshape(1, 3, 1, 1)).flatten()
    tensor([0.0700, 0.6949, 0.0695])
    """

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1) -> None:
        super().__init__(size, alpha, beta, k)

    def forward(self, input: Tensor) -> Tensor:
        if input.dim() != 4:
            raise ValueError(f"CrossMapLRN2d: Expected input to be 4D, got {input.dim()}D instead.")
        reach = (self.size - 1) // 2
        squares = input * input
        padded = pad(squares.unsqueeze(1), (0, 0, 0, 0, reach, reach))
        sums = avg_pool3d(padded, (2 * reach + 1, 1, 1), 1).squeeze(1) * (2 * reach + 1)
        late = (arange(input.shape[1]) > reach).to(input.dtype).reshape(-1, 1, 1)
        scale = (sums + squares[:, :1] * late) * (self.alpha / self.size) + self.k
        return input * scale**-self.beta


def _sizes(sizes: Any) -> tuple[Any, ...]:
    return (sizes,) if isinstance(sizes, Integral) else tuple(sizes)
