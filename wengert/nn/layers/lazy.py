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


class LazyModuleMixin:
    """What makes a module's parameters wait for the first input: put it in front of the module's base.

    ``__init__`` makes `UninitializedParameter`s, `initialize_parameters` gives them their shapes. It runs before the
    first call, after which the module is of the class ``cls_to_become``, if there is one.

    >>> import wengert as torch
    >>> from wengert import nn
    >>> class Scale(nn.modules.lazy.LazyModuleMixin, nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.weight = nn.UninitializedParameter()
    ...     def initialize_parameters(self, x):
    ...         self.weight.materialize(x.shape[-1:])
    ...         nn.init.ones_(self.weight)
    ...     def forward(self, x):
    ...         return x * self.weight
    >>> Scale()(torch.zeros(4, 3)).shape
    torch.Size([4, 3])
    """

    cls_to_become: type[Any] | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._wait()

    def _wait(self: Any) -> None:
        """Has the parameters made at the first call, or at the loading of some."""
        self._load_hook = self._register_load_state_dict_pre_hook(self._lazy_load_hook)
        self._initialize_hook = self.register_forward_pre_hook(self._infer_parameters, with_kwargs=True)

    def has_uninitialized_params(self: Any) -> bool:
        """Whether a parameter or buffer has no shape yet."""
        return any(is_lazy(value) for value in (*self._parameters.values(), *self._buffers.values()))

    def initialize_parameters(self, *args: Any, **kwargs: Any) -> None:
        """Gives the parameters their shapes, for inputs like these, and draws them."""
        raise NotImplementedError(f"initialize_parameters is not implemented for {type(self).__name__}")

    def _lazy_load_hook(self: Any, state_dict: Any, prefix: str, *rest: Any) -> None:
        for name, value in (*self._parameters.items(), *self._buffers.items()):
            given = state_dict.get(prefix + name)
            if is_lazy(value) and given is not None and not is_lazy(given):
                value.materialize(given.shape)

    def _infer_parameters(self, module: Any, args: Any, kwargs: Any = None) -> None:
        module.initialize_parameters(*args, **(kwargs or {}))
        if module.has_uninitialized_params():
            raise RuntimeError(f"module {module._get_name()} has not been fully initialized")
        module._initialize_hook.remove()
        module._load_hook.remove()
        del module._initialize_hook, module._load_hook
        if module.cls_to_become is not None:
            module.__class__ = module.cls_to_become

    def _replicate_for_data_parallel(self) -> None:
        raise RuntimeError("Modules with uninitialized parameters can't be used with `DataParallel`. Run a dummy "
                           "forward pass to correctly initialize the modules")


class Lazy(LazyModuleMixin, Module):
    """What the lazy layers share. ``becomes``, said at the head of each class, is the class of the ordinary layer."""

    def __init_subclass__(cls, becomes: type[Module] | None = None, **rest: Any) -> None:
        super().__init_subclass__(**rest)
        if becomes is not None:
            cls.cls_to_become = becomes

    def _know(self, input: Tensor) -> None:
        """Sets what is known of the input's size in numbers."""

    def _draw(self, input: Tensor) -> None:
        """Gives the parameters without a shape theirs, and draws them."""
        raise NotImplementedError

    def initialize_parameters(self, input: Tensor, *args: Any, **kwargs: Any) -> None:
        """Gives the parameters their shapes, for inputs like ``input``, and draws them."""
        self._know(input)
        if self.has_uninitialized_params():
            self._draw(input)

    def reset_parameters(self) -> None:
        """Draws the parameters anew, once they have shapes."""
        if not self.has_uninitialized_params():
            super().reset_parameters()  # type: ignore[misc]


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
        self._wait()

    def _know(self, input: Tensor) -> None:
        self.in_features = input.shape[-1]

    def _draw(self, input: Tensor) -> None:
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
        super(LazyModuleMixin, self).__init__(_groups(args, kwargs), out_channels, *args, **kwargs)
        default_generator.set_state(state)
        made = {"device": kwargs.get("device"), "dtype": kwargs.get("dtype")}
        self.in_channels = 0
        had_bias = self.bias is not None
        self.register_parameter("weight", _lazy_parameter(True, **made))
        self.register_parameter("bias", _lazy_parameter(had_bias, **made))
        self._wait()

    def _know(self, input: Tensor) -> None:
        if input.dim() not in (self.rank + 1, self.rank + 2):
            raise RuntimeError(
                f"Expected {self.rank + 1}D (unbatched) or {self.rank + 2}D (batched) input to {type(self).__name__}, "
                f"but got input of size: {tuple(input.shape)}"
            )
        self.in_channels = input.shape[-self.rank - 1]
        if self.in_channels % self.groups:
            raise ValueError("in_channels must be divisible by groups")

    def _draw(self, input: Tensor) -> None:
        inside, outside = self.in_channels, self.out_channels
        sizes = (inside, outside // self.groups) if self.transposed else (outside, inside // self.groups)
        _shape(self.weight, (*sizes, *self.kernel_size))
        _shape(self.bias, (outside,))
        self.reset_parameters()


def _groups(args: Any, kwargs: Any) -> int:
    """The argument ``groups``, wherever it stands; 1 if it makes no sense, which the layer itself will say."""
    # After the kernel: stride, padding and dilation, or for a transpose output_padding; then groups.
    given = args[4] if len(args) > 4 else kwargs.get("groups", 1)
    return int(given) if hasattr(given, "__index__") and given > 0 else 1


class LazyConv1d(_LazyConvolution, Conv1d, becomes=Conv1d):
    """A `Conv1d` whose ``in_channels`` are those of the first input.

    >>> layer = nn.LazyConv1d(8, kernel_size=3)
    >>> _ = layer(torch.ones(1, 2, 10))
    >>> layer.weight.shape
    torch.Size([8, 2, 3])
    """


class LazyConv2d(_LazyConvolution, Conv2d, becomes=Conv2d):
    """A `Conv2d` whose ``in_channels`` are those of the first input.

    >>> layer = nn.LazyConv2d(8, kernel_size=3)
    >>> _ = layer(torch.ones(1, 2, 10, 10))
    >>> layer.weight.shape
    torch.Size([8, 2, 3, 3])
    """


class LazyConv3d(_LazyConvolution, Conv3d, becomes=Conv3d):
    """A `Conv3d` whose ``in_channels`` are those of the first input.

    >>> layer = nn.LazyConv3d(8, kernel_size=3)
    >>> _ = layer(torch.ones(1, 2, 5, 5, 5))
    >>> layer.weight.shape
    torch.Size([8, 2, 3, 3, 3])
    """


class LazyConvTranspose1d(_LazyConvolution, ConvTranspose1d, becomes=ConvTranspose1d):
    """A `ConvTranspose1d` whose ``in_channels`` are those of the first input.

    >>> layer = nn.LazyConvTranspose1d(8, kernel_size=3)
    >>> _ = layer(torch.ones(1, 2, 10))
    >>> layer.weight.shape
    torch.Size([2, 8, 3])
    """


class LazyConvTranspose2d(_LazyConvolution, ConvTranspose2d, becomes=ConvTranspose2d):
    """A `ConvTranspose2d` whose ``in_channels`` are those of the first input.

    >>> layer = nn.LazyConvTranspose2d(8, kernel_size=3)
    >>> _ = layer(torch.ones(1, 2, 10, 10))
    >>> layer.weight.shape
    torch.Size([2, 8, 3, 3])
    """


class LazyConvTranspose3d(_LazyConvolution, ConvTranspose3d, becomes=ConvTranspose3d):
    """A `ConvTranspose3d` whose ``in_channels`` are those of the first input.

    >>> layer = nn.LazyConvTranspose3d(8, kernel_size=3)
    >>> _ = layer(torch.ones(1, 2, 5, 5, 5))
    >>> layer.weight.shape
    torch.Size([2, 8, 3, 3, 3])
    """


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
        return self.cls_to_become.ranks  # type: ignore[union-attr]

    def _know(self, input: Tensor) -> None:
        self._check_input_dim(input)
        instance = isinstance(self, InstanceNormBase)
        self.num_features = input.shape[0 if instance and input.dim() == self.ranks[0] else 1]

    def _draw(self, input: Tensor) -> None:
        for value in (self.weight, self.bias, self.running_mean, self.running_var):
            _shape(value, (self.num_features,))
        self.reset_parameters()


class LazyBatchNorm1d(_LazyNormalization, BatchNormBase, becomes=BatchNorm1d):
    """A `BatchNorm1d` whose ``num_features`` are those of the first input.

    >>> layer = nn.LazyBatchNorm1d()
    >>> _ = layer(torch.ones(2, 3))
    >>> layer.num_features
    3
    """


class LazyBatchNorm2d(_LazyNormalization, BatchNormBase, becomes=BatchNorm2d):
    """A `BatchNorm2d` whose ``num_features`` are those of the first input.

    >>> layer = nn.LazyBatchNorm2d()
    >>> _ = layer(torch.ones(2, 3, 4, 4))
    >>> layer.num_features
    3
    """


class LazyBatchNorm3d(_LazyNormalization, BatchNormBase, becomes=BatchNorm3d):
    """A `BatchNorm3d` whose ``num_features`` are those of the first input.

    >>> layer = nn.LazyBatchNorm3d()
    >>> _ = layer(torch.ones(2, 3, 4, 4, 4))
    >>> layer.num_features
    3
    """


class LazyInstanceNorm1d(_LazyNormalization, InstanceNormBase, becomes=InstanceNorm1d):
    """An `InstanceNorm1d` whose ``num_features`` are those of the first input.

    >>> layer = nn.LazyInstanceNorm1d()
    >>> _ = layer(torch.ones(1, 3, 4))
    >>> layer.num_features
    3
    """


class LazyInstanceNorm2d(_LazyNormalization, InstanceNormBase, becomes=InstanceNorm2d):
    """An `InstanceNorm2d` whose ``num_features`` are those of the first input.

    >>> layer = nn.LazyInstanceNorm2d()
    >>> _ = layer(torch.ones(1, 3, 4, 4))
    >>> layer.num_features
    3
    """


class LazyInstanceNorm3d(_LazyNormalization, InstanceNormBase, becomes=InstanceNorm3d):
    """An `InstanceNorm3d` whose ``num_features`` are those of the first input.

    >>> layer = nn.LazyInstanceNorm3d()
    >>> _ = layer(torch.ones(1, 3, 4, 4, 4))
    >>> layer.num_features
    3
    """
