"""Other dtypes, copies, contiguity, and questions about types."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from typing import Any

from ..core import dtypes
from ..core.device import CPU, is_meta, require_cpu
from ..core.device import device as Device
from ..core.dtypes import DType, from_numpy
from ..core.errors import DeviceError, KindError
from ..core.layout import (
    CHANNELS_LAST,
    channels_last,
    channels_last_3d,
    check_format,
    check_rank,
    contiguous_format,
    has_channels_last,
    preserve_format,
)
from ..core.layout import memory_format as MemoryFormat
from ..core.primitive import P
from ..core.state import state
from ..tensors.absent import dense_like, is_absent
from ..tensors.alias import edge_of
from ..tensors.apply import result_type as meeting_type
from ..tensors.given import check_operand
from ..tensors.inplace import overwrite
from ..tensors.nowhere import nowhere
from ..tensors.tape import node_and_index
from ..tensors.tensor import Tensor
from .arguments import dtype_of, nothing_of, only
from .registry import function, method


def cast(x: Tensor, dtype: DType) -> Tensor:
    """``x`` in another dtype: itself where it has that dtype already."""
    if x._data.dtype == dtype.numpy:
        return x
    return P.cast(x, dtype=dtype, back=from_numpy(x._data.dtype))


@method("to")
def to(self: Tensor, *args: Any, dtype: Any = None, device: Any = None, other: Any = None, non_blocking: bool = False,
       copy: bool = False, memory_format: Any = None) -> Tensor:
    """This tensor with another dtype or device: ``x.to(dtype)``, ``x.to(device, dtype)``, ``x.to(other)``.

    Returns the tensor itself where nothing changes, unless ``copy``. Raises `DeviceError` for a device other than the
    CPU.

    >>> x = torch.tensor([1, 2])
    >>> x.to(torch.float64).dtype, x.to("cpu") is x
    (torch.float64, True)
    """
    for position, argument in enumerate(args):
        if type(argument) is DType or argument in (float, int, bool, complex):
            dtype = argument
        elif isinstance(argument, (str, Device)):
            device = argument
        elif isinstance(argument, Tensor):
            other = argument
        elif isinstance(argument, MemoryFormat):
            memory_format = argument
        elif isinstance(argument, bool):
            copy = argument if position == len(args) - 1 and sum(isinstance(a, bool) for a in args) == 2 else copy
        elif isinstance(argument, int):
            device = Device("cuda", argument)
        elif argument is not None:
            raise TypeError(f"to() received an invalid combination of arguments - got {type(argument).__name__}: a "
                            f"dtype, a device or a tensor was expected")
    if other is not None and device is None:
        device = other.device
    wanted = other.dtype if other is not None else dtype_of(dtype)
    result = self if wanted is None else cast(self, wanted)
    if device is not None and is_meta(device) is not is_absent(self):
        if is_absent(self):
            result._data._refuse("")
        result = nowhere(_to_nowhere, result)
    if result is self and copy:
        return clone(self) if memory_format is None else clone(self, memory_format=memory_format)
    if memory_format is None or memory_format is preserve_format:
        return result
    if result is self and memory_format is contiguous_format and not has_channels_last(self._data):
        return self  # PyTorch takes any other order for this one
    return contiguous(result, memory_format=memory_format)


def _to_nowhere(x: Tensor) -> Tensor:
    """``x`` on the meta device. A gradient comes back to it only there, where there is none to take."""
    shape = nothing_of(tuple(x.shape), x._data.dtype, strides=dense_like(x._data))
    return P.overwrite(shape, x) if edge_of(x) is not None and state.grad else shape


@method("type")
def type_(self: Tensor, dtype: Any = None, non_blocking: bool = False) -> Any:
    """Without an argument the name of this tensor's type (``'torch.FloatTensor'``); else the tensor in that type.

    >>> x = torch.tensor([1.5, 2.5])
    >>> x.type(), x.type(torch.int64)
    ('torch.FloatTensor', tensor([1, 2]))
    """
    if dtype is None:
        return f"torch.{TYPE_NAMES[self.dtype.name]}"
    if isinstance(dtype, str):
        name = dtype.removeprefix("torch.")
        if name.startswith("cuda."):
            raise DeviceError(f"[type] the CPU was expected: wengert has no cuda back end yet; got type {dtype!r}")
        found = next((known for known, type_name in TYPE_NAMES.items() if type_name == name), None)
        if found is None:
            raise ValueError(f"invalid type: '{dtype}'")
        return cast(self, dtypes.by_name(found))
    if dtype is Tensor:
        return cast(self, dtypes.get_default_dtype())
    legacy = getattr(dtype, "dtype", None) if isinstance(dtype, type) else None
    return cast(self, legacy if legacy is not None else dtype_of(dtype))  # type: ignore[arg-type]


TYPE_NAMES = {"float32": "FloatTensor", "float64": "DoubleTensor", "float16": "HalfTensor",
              "bfloat16": "BFloat16Tensor",
              "int64": "LongTensor", "int32": "IntTensor", "int16": "ShortTensor", "int8": "CharTensor",
              "uint8": "ByteTensor", "bool": "BoolTensor", "complex64": "ComplexFloatTensor",
              "complex128": "ComplexDoubleTensor", "uint16": "UInt16Tensor", "uint32": "UInt32Tensor",
              "uint64": "UInt64Tensor", "complex32": "ComplexHalfTensor",
              **{dtype.name: f"{dtype.name.capitalize()}Tensor" for dtype in dtypes.FLOAT8}}
"""PyTorch's old names for the types of tensors."""


@function(public=False, out=False, checked=True)
def type_as(self: Tensor, other: Tensor) -> Tensor:
    """This tensor in the dtype of another.

    >>> torch.tensor([1, 2]).type_as(torch.ones(1))
    tensor([1., 2.])
    """
    return cast(self, other.dtype)


def _conversion(name: str, dtype: DType) -> None:
    def convert(self: Tensor, *, memory_format: Any = None) -> Tensor:
        return cast(self, dtype) if memory_format is None else to(self, dtype, memory_format=memory_format)

    convert.__doc__ = (f"This tensor as {dtype.name}; itself where it is that already.\n\n"
                       f">>> torch.tensor([0, 1]).{name}().dtype\ntorch.{dtype.name}")
    method(name)(convert)


for _name, _dtype in {"float": "float32", "double": "float64", "half": "float16", "bfloat16": "bfloat16",
                      "int": "int32",
                      "long": "int64", "short": "int16", "char": "int8", "byte": "uint8", "bool": "bool",
                      "cfloat": "complex64", "cdouble": "complex128", "chalf": "complex32"}.items():
    _conversion(_name, dtypes.by_name(_dtype))


@method("cpu")
def cpu(self: Tensor, *, memory_format: Any = None) -> Tensor:
    """This tensor on the CPU, where all are but those of the meta device, which raise NoDataError.

    >>> x = torch.ones(2)
    >>> x.cpu() is x
    True
    """
    return to(self, CPU)


@method("cuda")
def cuda(self: Tensor, device: Any = None, non_blocking: bool = False, memory_format: Any = None) -> Tensor:
    """Raises `DeviceError`: there is no CUDA back end yet.

    >>> torch.ones(2).cuda()
    Traceback (most recent call last):
        ...
    wengert.core.errors.DeviceError: [device] the CPU was expected: wengert has no cuda back end yet; ...
    """
    require_cpu(Device("cuda") if device is None else Device(device) if not isinstance(device, int) else Device("cuda",
                                                                                                                device))
    return self


@method("pin_memory")
def pin_memory(self: Tensor, device: Any = None) -> Tensor:
    """This tensor: pinned memory speeds up copies to an accelerator, and there is none.

    >>> torch.ones(2).pin_memory().shape
    torch.Size([2])
    """
    return self


@method("is_pinned")
def is_pinned(self: Tensor, device: Any = None) -> bool:
    """False: no memory is pinned.

    >>> torch.ones(2).is_pinned()
    False
    """
    return False


# --- copies -----------------------------------------------------------------------------------------------------------


@function(out=False)
def clone(input: Tensor, *, memory_format: Any = None) -> Tensor:
    """A copy, through which gradients flow. Dimensions keep their order in memory, unless ``memory_format`` gives one.

    >>> x = torch.tensor([1.0, 2.0], requires_grad=True)
    >>> y = torch.clone(x)
    >>> y.sum().backward()
    >>> x.grad, y.data_ptr() == x.data_ptr()
    (tensor([1., 1.]), False)
    """
    if memory_format is None or memory_format is preserve_format:
        return P.clone(input)
    check_format("clone", memory_format)
    if memory_format in CHANNELS_LAST:
        return _channels_last(input, memory_format)
    return P.clone(input, order="C")


@method("_lazy_clone")
def _lazy_clone(self: Tensor) -> Tensor:
    """`clone`: PyTorch's copies when the first of the two is written to, which shows in nothing but its time."""
    return clone(self)


def _channels_last(x: Tensor, memory_format: Any) -> Tensor:
    """A copy whose channels, dimension 1, lie innermost in memory."""
    check_rank(x.ndim, memory_format)
    inner = (0, *range(2, x.ndim), 1)
    back = (0, x.ndim - 1, *range(1, x.ndim - 1))
    return P.permute(P.clone(P.permute(x, dims=inner), order="C"), dims=back)


@method("contiguous")
def contiguous(self: Tensor, memory_format: Any = contiguous_format) -> Tensor:
    """This tensor with its elements in row-major order in memory: itself where they are, else a copy.

    >>> x = torch.arange(6).reshape(2, 3).t()
    >>> x.is_contiguous(), x.contiguous().is_contiguous(), x.contiguous().stride()
    (False, True, (2, 1))
    """
    if memory_format is not contiguous_format:
        check_format("contiguous", memory_format)
    if self.is_contiguous(memory_format):
        return self
    return clone(self, memory_format=memory_format)


@method("dim_order")
def dim_order(self: Tensor, *, ambiguity_check: bool | Sequence[Any] = False) -> tuple[int, ...]:
    """The dimensions in the order in which they lie in memory, outermost first.

    ``ambiguity_check=True`` raises RuntimeError where sizes of 1 or equal strides leave that open; with a list of
    memory formats, where the tensor has not exactly one of them. Raises TypeError for anything else.

    >>> import wengert as torch
    >>> torch.empty(2, 3, 4).transpose(0, 2).dim_order()
    (2, 1, 0)
    """
    formats = ambiguity_check if isinstance(ambiguity_check, (list, tuple)) else ()
    if not isinstance(ambiguity_check, (bool, list, tuple)) or any(type(f) is not MemoryFormat for f in formats):
        raise TypeError("[dim_order] The ambiguity_check argument must be a bool or a list of memory formats.; got "
                        f"{ambiguity_check!r}")
    steps = self.stride()
    if formats:
        unclear = sum([self.is_contiguous(each) for each in formats]) != 1
    else:
        unclear = bool(ambiguity_check) and (1 in self.shape or len(set(steps)) < len(steps))
    if unclear:
        raise RuntimeError("[dim_order] The tensor does not have unique dim order, or cannot map to exact one of the "
                           f"given memory formats.; got sizes {list(self.shape)} and strides {list(steps)}")
    dims = range(self.ndim)
    return tuple(dims) if self.is_contiguous() else tuple(sorted(dims, key=lambda dim: -steps[dim]))


def in_format_of(result: Tensor, image: Tensor) -> Tensor:
    """What is computed of an image, in that one's memory format: channels innermost where the image's are, else in
    row-major order."""
    if image._data.ndim > 3 and not image._data.flags.c_contiguous and has_channels_last(image._data):
        return contiguous(result, memory_format=channels_last if image._data.ndim == 4 else channels_last_3d)
    return contiguous(result)


@method("copy_")
def copy_(self: Tensor, other: Any, non_blocking: bool = False) -> Tensor:
    """Writes ``other``, broadcast and cast, into this tensor. Gradients flow to ``other``.

    >>> x = torch.zeros(2, 3)
    >>> x.copy_(torch.tensor([1, 2, 3]))
    tensor([[1., 2., 3.],
            [1., 2., 3.]])
    """
    if type(other) is not Tensor:
        check_operand("copy_", other, "other", 1)
    if non_blocking is not False and type(non_blocking) is not bool:
        raise KindError(f"copy_(): argument 'non_blocking' (position 2) must be bool, not "
                        f"{type(non_blocking).__name__}")
    return overwrite(self, other, "copy_")


@method("fill_")
def fill_(self: Tensor, value: Any) -> Tensor:
    """Fills this tensor with a number or a 0-d tensor."""
    if type(value) is not int and type(value) is not float:
        if isinstance(value, Tensor) and value.ndim:
            raise RuntimeError(f"fill_ only supports 0-dimension value tensor but got tensor with {value.ndim} "
                               "dimensions.")
        check_operand("fill_", value, "value", 1)
    return overwrite(self, value, "fill_")


@method("zero_")
def zero_(self: Tensor) -> Tensor:
    """Fills this tensor with zeros.

    >>> torch.zero_(torch.tensor([1.0, 2.0]))
    tensor([0., 0.])
    """
    return overwrite(self, 0, "zero_")


# --- questions --------------------------------------------------------------------------------------------------------


@function(method=False, out=False, takes_tensor=False)
def is_tensor(obj: Any) -> bool:
    """Whether ``obj`` is a tensor.

    >>> torch.is_tensor(torch.ones(2)), torch.is_tensor([1, 2])
    (True, False)
    """
    return isinstance(obj, Tensor)


@function(method=False, out=False)
def is_floating_point(input: Tensor) -> bool:
    """Whether the elements are of a floating type.

    >>> torch.is_floating_point(torch.tensor(1.0)), torch.is_floating_point(torch.tensor(1))
    (True, False)
    """
    return input.is_floating_point()


@function(method=False, out=False)
def is_complex(input: Tensor) -> bool:
    """Whether the elements are complex.

    >>> torch.is_complex(torch.tensor(1j)), torch.is_complex(torch.tensor(1.0))
    (True, False)
    """
    return input.is_complex()


@function(out=False)
def is_nonzero(input: Tensor) -> bool:
    """Whether the one element of ``input`` is not zero. Raises RuntimeError for more or fewer elements.

    >>> torch.is_nonzero(torch.tensor([0.0])), torch.is_nonzero(torch.tensor(2))
    (False, True)
    """
    if input.numel() != 1:
        raise RuntimeError(f"Boolean value of Tensor with "
                           f"{'no values' if not input.numel() else 'more than one value'} is ambiguous")
    return bool(input)


@function(method=False, out=False)
def numel(input: Tensor) -> int:
    """The number of elements.

    >>> torch.numel(torch.zeros(2, 3, 4))
    24
    """
    return input.numel()


@function(method=False, out=False, takes_tensor=False)
def result_type(*tensors: Any, **named: Any) -> DType:
    """The dtype in which two tensors or numbers meet in arithmetic.

    >>> torch.result_type(torch.tensor([1, 2]), 0.5), torch.result_type(torch.tensor([1.0]), torch.tensor(2))
    (torch.float32, torch.float32)
    """
    operands = (*tensors, *only(named, "tensor other scalar scalar1 scalar2", "result_type").values())
    if len(operands) != 2:
        raise TypeError(f"result_type() takes 2 tensors or numbers; got {len(operands)}")
    return meeting_type("result_type", operands)


@function(method=False, out=False, takes_tensor=False)
def can_cast(from_: DType, to: DType) -> bool:
    """Whether a result of dtype ``from_`` may be stored as ``to``: the kind (bool, integer, floating, complex) may not
    fall.

    >>> torch.can_cast(torch.float64, torch.float32), torch.can_cast(torch.float32, torch.int64)
    (True, False)
    """
    if from_.kind == "b" or from_ is to:
        return True
    return to.kind != "b" and dtypes.category(from_) <= dtypes.category(to)


@method("module_load")
def module_load(self: Tensor, other: Tensor, assign: bool = False) -> Tensor:
    """What `Module.load_state_dict` swaps this parameter or buffer with where it swaps: ``other`` copied into it, or
    with ``assign`` ``other`` itself, detached either way.

    >>> import wengert as torch
    >>> torch.zeros(2).module_load(torch.ones(2))
    tensor([1., 1.])
    """
    return other.detach() if assign else self.copy_(other).detach()


_IDENTITIES = count(1)


def _identity(self: Tensor) -> int:
    """A number of what a tensor object stands for, which `swap_tensors` exchanges. Writing ``.data`` keeps it."""
    rare = self._rarely()
    if "identity" not in rare:
        rare["identity"] = next(_IDENTITIES)
    return int(rare["identity"])


def _hooks_of(self: Tensor) -> Any:
    """The hooks on a tensor's gradient by the ids of their handles; None where there are none."""
    edge = edge_of(self)
    if edge is None:
        return None if self._rare is None else self._rare.get("idle_hooks")
    node, index = node_and_index(edge)
    return (node.rare or {}).get("tensor_hooks", {}).get(index)


def _put_hooks(self: Tensor, hooks: Any) -> None:
    """Hooks in the place of those that there are; a tensor without a history keeps them, though none will run."""
    edge = edge_of(self)
    if edge is None:
        self._rarely()["idle_hooks"] = hooks
    else:
        node, index = node_and_index(edge)
        node.rarely().setdefault("tensor_hooks", {})[index] = {} if hooks is None else hooks


def _stays(self: Tensor) -> None:
    raise RuntimeError("[Tensor] an attribute that can be deleted was expected; got _grad_fn or _backward_hooks; "
                       "detach_() the tensor, or remove() a hook by its handle")


Tensor._cdata = property(_identity)  # type: ignore[attr-defined]
Tensor._grad_fn = property(lambda self: self.grad_fn, None, _stays)  # type: ignore[attr-defined]
Tensor._backward_hooks = property(_hooks_of, _put_hooks, _stays)  # type: ignore[attr-defined]
