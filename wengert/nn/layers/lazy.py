"""Layers that learn the size of their input from the first input they meet.

Until then their parameters are `UninitializedParameter`s. The first call gives them their shape, draws them, and turns
the layer into the ordinary one: a `LazyLinear` is a `Linear` afterwards.
"""

from __future__ import annotations

from typing import Any

from ...tensors.generator import default_generator
from ...tensors.tensor import Tensor
from ..module import Module
from ..parameter import UninitializedBuffer, UninitializedParameter, is_lazy
from .convolution import Conv1d, Conv2d, Conv3d, Convolution, ConvTranspose1d, ConvTranspose2d, ConvTranspose3d
from .linear import Linear
from .normalization import (
    BatchNorm1d,
    BatchNorm2d,
    BatchNorm3d,
    BatchNormBase,
    InstanceNorm1d,
    InstanceNorm2d,
    InstanceNorm3d,
    InstanceNormBase,
    Normalization,
)


class Lazy(Module):
    """What the lazy layers share. ``becomes``, said at the head of each class, is the class of the ordinary layer."""

    becomes: type[Module]

    def __init_subclass__(cls, becomes: type[Module] | None = None, **rest: Any) -> None:
        super().__init_subclass__(**rest)
        if becomes is not None:
            cls.becomes = becomes

    def has_uninitialized_params(self) -> bool:
        """Whether a parameter or buffer has no shape yet."""
        return any(is_lazy(value) for value in (*self._parameters.values(), *self._buffers.values()))

    def initialize_parameters(self, input: Tensor) -> None:
        """Gives the parameters their shapes, for inputs like ``input``, and draws them."""
        raise NotImplementedError(f"initialize_parameters is not implemented for {type(self).__name__}")

    def _know(self, input: Tensor) -> None:
        """Sets what is known of the input's size in numbers."""

    def reset_parameters(self) -> None:
        """Draws the parameters anew, once they have shapes."""
        if not self.has_uninitialized_params():
            super().reset_parameters()  # type: ignore[misc]

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *rest: Any) -> None:
        for name, value in (*self._parameters.items(), *self._buffers.items()):
            given = state_dict.get(prefix + name)
            if is_lazy(value) and given is not None and not is_lazy(given):
                value.materialize(given.shape)  # type: ignore[union-attr]
        super()._load_from_state_dict(state_dict, prefix, *rest)

    def forward(self, input: Tensor, *args: Any, **kwargs: Any) -> Any:
        self._know(input)
        if self.has_uninitialized_params():
            self.initialize_parameters(input)
        self.__class__ = self.becomes  # type: ignore[assignment]
        return self.forward(input, *args, **kwargs)


def _lazy_parameter(there: bool, device: Any, dtype: Any) -> UninitializedParameter | None:
    return UninitializedParameter(device=device, dtype=dtype) if there else None


class LazyLinear(Lazy, Linear, becomes=Linear):
    """A `Linear` whose ``in_features`` are those of the first input.

    >>> import wengert as torch
    >>> from wengert import nn
    >>> layer = nn.LazyLinear(2)
    >>> layer.weight
    <UninitializedParameter>
    >>> _ = layer(torch.zeros(1, 5))
    >>> layer
    Linear(in_features=5, out_features=2, bias=True)
    """

    def __init__(self, out_features: int, bias: bool = True, device: Any = None, dtype: Any = None) -> None:
        Module.__init__(self)
        self.in_features = 0
        self.out_features = out_features
        self.register_parameter("weight", _lazy_parameter(True, device, dtype))
        self.register_parameter("bias", _lazy_parameter(bias, device, dtype))

    def _know(self, input: Tensor) -> None:
        self.in_features = input.shape[-1]

    def initialize_parameters(self, input: Tensor) -> None:
        self._know(input)
        _shape(self.weight, (self.out_features, self.in_features))
        _shape(self.bias, (self.out_features,))
        self.reset_parameters()


def _shape(value: Any, shape: tuple[int, ...]) -> None:
    if is_lazy(value):
        value.materialize(shape)


class _LazyConvolution(Lazy, Convolution):
    """A convolution whose ``in_channels`` are those of the first input."""

    rank: int

    def __init__(self, out_channels: int, *args: Any, **kwargs: Any) -> None:
        # The ordinary layer with as many inputs as groups is drawn and dropped, so that the arguments are checked; the
        # generator is put back, for PyTorch draws nothing here.
        state = default_generator.get_state()
        super().__init__(_groups(args, kwargs), out_channels, *args, **kwargs)
        default_generator.set_state(state)
        made = {"device": kwargs.get("device"), "dtype": kwargs.get("dtype")}
        self.in_channels = 0
        had_bias = self.bias is not None
        self.register_parameter("weight", _lazy_parameter(True, **made))
        self.register_parameter("bias", _lazy_parameter(had_bias, **made))

    def _know(self, input: Tensor) -> None:
        if input.dim() not in (self.rank + 1, self.rank + 2):
            raise RuntimeError(
                f"Expected {self.rank + 1}D (unbatched) or {self.rank + 2}D (batched) input to {type(self).__name__}, "
                f"but got input of size: {tuple(input.shape)}"
            )
        self.in_channels = input.shape[-self.rank - 1]
        if self.in_channels % self.groups:
            raise ValueError("in_channels must be divisible by groups")

    def initialize_parameters(self, input: Tensor) -> None:
        self._know(input)
        inside, outside = self.in_channels, self.out_channels
        sizes = (inside, outside // self.groups) if self.transposed else (outside, inside // self.groups)
        _shape(self.weight, (*sizes, *self.kernel_size))
        _shape(self.bias, (outside,))
        self.reset_parameters()


def _groups(args: Any, kwargs: Any) -> int:
    """The argument ``groups``, wherever it stands; 1 if it makes no sense, which the layer itself will say."""
    # After the kernel: stride, padding and dilation, or for a transpose output_padding; then groups.
    given = args[4] if len(args) > 4 else kwargs.get("groups", 1)
    return given if isinstance(given, int) and given > 0 else 1


class LazyConv1d(_LazyConvolution, Conv1d, becomes=Conv1d):
    """A `Conv1d` whose ``in_channels`` are those of the first input."""


class LazyConv2d(_LazyConvolution, Conv2d, becomes=Conv2d):
    """A `Conv2d` whose ``in_channels`` are those of the first input."""


class LazyConv3d(_LazyConvolution, Conv3d, becomes=Conv3d):
    """A `Conv3d` whose ``in_channels`` are those of the first input."""


class LazyConvTranspose1d(_LazyConvolution, ConvTranspose1d, becomes=ConvTranspose1d):
    """A `ConvTranspose1d` whose ``in_channels`` are those of the first input."""


class LazyConvTranspose2d(_LazyConvolution, ConvTranspose2d, becomes=ConvTranspose2d):
    """A `ConvTranspose2d` whose ``in_channels`` are those of the first input."""


class LazyConvTranspose3d(_LazyConvolution, ConvTranspose3d, becomes=ConvTranspose3d):
    """A `ConvTranspose3d` whose ``in_channels`` are those of the first input."""


class _LazyNormalization(Lazy, Normalization):
    """A normalising layer whose ``num_features`` are those of the first input."""

    def __init__(self, eps: float = 1e-5, momentum: float | None = 0.1, affine: bool = True,
                 track_running_stats: bool = True, device: Any = None, dtype: Any = None, *, bias: bool = True) -> None:
        super().__init__(0, eps, momentum, affine, track_running_stats, device, dtype, bias=bias)
        for name, there in (("weight", affine), ("bias", affine and bias)):
            self.register_parameter(name, _lazy_parameter(there, device, dtype))
        for name in ("running_mean", "running_var") if track_running_stats else ():
            self.register_buffer(name, UninitializedBuffer(device=device, dtype=dtype))

    @property
    def ranks(self) -> tuple[int, ...]:  # type: ignore[override]
        """Those of the ordinary layer."""
        return self.becomes.ranks  # type: ignore[attr-defined]

    def _know(self, input: Tensor) -> None:
        self._check_input_dim(input)
        instance = isinstance(self, InstanceNormBase)
        self.num_features = input.shape[0 if instance and input.dim() == self.ranks[0] else 1]

    def initialize_parameters(self, input: Tensor) -> None:
        self._know(input)
        for value in (self.weight, self.bias, self.running_mean, self.running_var):
            _shape(value, (self.num_features,))
        self.reset_parameters()


class LazyBatchNorm1d(_LazyNormalization, BatchNormBase, becomes=BatchNorm1d):
    """A `BatchNorm1d` whose ``num_features`` are those of the first input."""


class LazyBatchNorm2d(_LazyNormalization, BatchNormBase, becomes=BatchNorm2d):
    """A `BatchNorm2d` whose ``num_features`` are those of the first input."""


class LazyBatchNorm3d(_LazyNormalization, BatchNormBase, becomes=BatchNorm3d):
    """A `BatchNorm3d` whose ``num_features`` are those of the first input."""


class LazyInstanceNorm1d(_LazyNormalization, InstanceNormBase, becomes=InstanceNorm1d):
    """An `InstanceNorm1d` whose ``num_features`` are those of the first input."""


class LazyInstanceNorm2d(_LazyNormalization, InstanceNormBase, becomes=InstanceNorm2d):
    """An `InstanceNorm2d` whose ``num_features`` are those of the first input."""


class LazyInstanceNorm3d(_LazyNormalization, InstanceNormBase, becomes=InstanceNorm3d):
    """An `InstanceNorm3d` whose ``num_features`` are those of the first input."""
