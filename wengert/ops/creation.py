"""New tensors: from data, filled with a constant, and sequences of numbers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core import dtypes
from ..core.dtypes import DType
from ..core.eighths import CHAR as EIGHTHS
from ..core.eighths import converted
from ..core.errors import ShapeError, needs_strided
from ..core.frames import warn
from ..core.geometry import row_major, strided_view
from ..core.layout import CHANNELS_LAST, check_rank, contiguous_format, laid_like, order_of, preserve_format, strided
from ..core.primitive import P
from ..core.spec import Size
from ..tensors.absent import dense_like
from ..tensors.alias import same_memory, type_name
from ..tensors.apply import stored_number
from ..tensors.creation import array_from
from ..tensors.evaluation import one_by_one
from ..tensors.given import number
from ..tensors.tensor import Tensor, make
from .arguments import (
    check_given,
    check_one_dtype,
    check_options,
    dtype_of,
    finish,
    integer,
    integers,
    nothing_of,
    sizes_of,
)
from .out import TYPED
from .registry import function

_COPY_ADVICE = ("To copy construct from a tensor, it is recommended to use sourceTensor.detach().clone() or "
                "sourceTensor.detach().clone().requires_grad_(True), rather than torch.tensor(sourceTensor).")


@function(method=False, out=False, takes_tensor=False)
def tensor(data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False,
           pin_memory: bool = False) -> Tensor:
    """A new leaf tensor holding a copy of ``data``: a number, nested sequences of numbers, an array.

    Without ``dtype``, Python ints give int64, floats the default dtype, bools bool, complex numbers the default's
    complex type; arrays keep theirs. Raises ValueError for sequences of unequal length, TypeError for what is no
    number.

    >>> import wengert as torch
    >>> torch.tensor([[1, 2], [3, 4]])
    tensor([[1, 2],
            [3, 4]])
    """
    meta = check_options(device, like=data if isinstance(data, Tensor) else None)
    if isinstance(data, Tensor):
        warn(_COPY_ADVICE, UserWarning)
        if meta:
            return nothing_of(tuple(data.shape), (dtype_of(dtype) or data.dtype).numpy, requires_grad)
    elif isinstance(data, np.ndarray) and not issubclass(type(data), np.ndarray):  # it stands for one that is recorded
        return from_numpy(data).to(dtype=dtype, copy=True).requires_grad_(requires_grad)
    return finish(array_from(data, dtype_of(dtype)), requires_grad, meta)


@function(method=False, out=False, takes_tensor=False)
def as_tensor(data: Any, dtype: Any = None, device: Any = None) -> Tensor:
    """``data`` as a tensor, without a copy where it is a tensor or a numpy array of that dtype already.

    >>> array = np.array([1, 2, 3])
    >>> x = torch.as_tensor(array)
    >>> array[0] = 10
    >>> x
    tensor([10,  2,  3])
    """
    wanted = dtype_of(dtype)
    if isinstance(data, Tensor):
        check_options(device)
        return data if wanted is None and device is None else data.to(device=device, dtype=wanted)
    meta = check_options(device)
    if isinstance(data, np.ndarray):
        out = from_numpy(data)
        return out if wanted is None and not meta else out.to(device="meta" if meta else None, dtype=wanted)
    return finish(array_from(data, wanted), False, meta)


@function(method=False, out=False, takes_tensor=False, checked=True)
def asarray(obj: Any, *, dtype: Any = None, device: Any = None, copy: bool | None = None,
            requires_grad: bool = False) -> Tensor:
    """``obj`` as a tensor. ``copy``: True always copies, False never (and raises where it would have to).

    >>> array = np.array([1.0, 2.0])
    >>> torch.asarray(array, copy=True).dtype
    torch.float64
    """
    if hasattr(obj, "__dlpack__") and not isinstance(obj, (Tensor, np.ndarray)):
        obj = np.from_dlpack(obj)
    elif hasattr(obj, "__array__") and not isinstance(obj, (Tensor, np.ndarray, np.generic)):
        obj = np.asarray(obj)  # a storage: its memory
    shared = as_tensor(obj, dtype, device)
    kept = (same_memory(shared, obj) if isinstance(obj, Tensor) else
            isinstance(obj, np.ndarray) and isinstance(shared._data, np.ndarray)
            and np.may_share_memory(shared._data, obj))
    if copy is False and not kept:
        wanted, came = dtype_of(dtype), getattr(obj, "dtype", None)
        into = f" tensor with dtype '{came}' into dtype '{wanted}'" if wanted is not None and came is not None else (
            " the data of the given object")
        raise ValueError(f"[asarray] can't alias{into}: a copy is needed; leave out copy=False")
    if copy and kept:
        shared = shared.clone()
    return shared.requires_grad_() if requires_grad else shared


@function(method=False, out=False, takes_tensor=False)
def from_numpy(ndarray: Any) -> Tensor:
    """A tensor that shares the memory of a numpy array. Raises TypeError for a dtype that wengert does not have.

    >>> array = np.array([1, 2, 3])
    >>> x = torch.from_numpy(array)
    >>> x[0] = 10
    >>> array
    array([10,  2,  3])
    """
    if not isinstance(ndarray, np.ndarray):
        raise TypeError(f"expected np.ndarray (got {type(ndarray).__name__})")
    dtypes.from_numpy(ndarray.dtype)
    if any(stride < 0 for stride in ndarray.strides):
        raise ValueError("At least one stride in the given numpy array is "
                         "negative, and tensors with negative strides are "
                         "not currently supported. (You can probably work around this by making a copy of your "
                         "array with array.copy().)")
    if not ndarray.dtype.isnative:
        raise ValueError("given numpy array has byte order different from the native byte order. Conversion "
                         "between byte orders is currently not supported.")
    if not ndarray.flags.writeable:
        warn("The given NumPy array is not writable, and PyTorch does not support non-writable tensors. "
             "Writing to this tensor raises; copy the array first if you mean to.", UserWarning)
    return make(ndarray if type(ndarray) is np.ndarray else ndarray.view(np.ndarray), None)


@function(method=False, out=False, takes_tensor=False, checked=True)
def frombuffer(buffer: Any, *, dtype: Any, count: int = -1, offset: int = 0, requires_grad: bool = False) -> Tensor:
    """A 1-d tensor over the bytes of an object with Python's buffer interface.

    >>> torch.frombuffer(bytearray([1, 0, 2, 0]), dtype=torch.int16)
    tensor([1, 2], dtype=torch.int16)
    """
    wanted = dtype_of(dtype)
    if wanted is None:
        raise TypeError("frombuffer(): argument 'dtype' must be torch.dtype, not NoneType")
    try:
        length = memoryview(buffer).nbytes
    except TypeError as error:
        raise ValueError("[frombuffer] object does not implement Python buffer protocol. Bytes would; got "
                         f"{type(buffer).__name__}") from error
    if not length or not count:
        raise ValueError(f"[frombuffer] both buffer length ({length}) and count ({count}) must not be 0")
    if not 0 <= offset < length:
        raise ValueError(f"[frombuffer] offset ({offset} bytes) must be non-negative and no greater than buffer length "
                         f"({length} bytes) minus 1")
    left, size = length - offset, wanted.itemsize
    if count < 0 and left % size:
        raise ValueError(f"[frombuffer] buffer length ({left} bytes) after offset ({offset} bytes) must be a multiple "
                         f"of element size ({size})")
    if count * size > left:
        raise ValueError(f"[frombuffer] requested buffer length ({count} * {size} bytes) after offset ({offset} bytes) "
                         f"must not be greater than actual buffer length ({length} bytes)")
    return finish(np.frombuffer(buffer, wanted.numpy, count, offset), requires_grad)


# --- constants --------------------------------------------------------------------------------------------------------


def _numpy_dtype(dtype: Any) -> Any:
    return (dtype_of(dtype) or dtypes.get_default_dtype()).numpy


def _like(input: Tensor, dtype: Any, memory_format: Any) -> np.ndarray:
    """An uninitialised array of a tensor's shape, in its order in memory unless another is asked for."""
    target = dtype_of(dtype)
    data = input._data
    if memory_format in CHANNELS_LAST:
        return in_format(data.shape, data.dtype if target is None else target.numpy, memory_format)
    order: Any = "C" if memory_format is contiguous_format else order_of(data)
    if type(data) is not np.ndarray:  # what stands for it while a function is recorded: its geometry is enough
        data = strided_view(np.empty(1, data.dtype), data.shape, data.strides)
    made = np.empty_like(data, None if target is None else target.numpy, order=order)
    return made if memory_format is contiguous_format else laid_like(made, data)


def _nothing_like(input: Tensor, dtype: Any, memory_format: Any, requires_grad: bool) -> Tensor:
    """A tensor of the meta device of another's shape, in its order in memory unless another is asked for."""
    data, target = input._data, dtype_of(dtype)
    dims = {4: (1, 3, 2, 0), 5: (1, 4, 3, 2, 0)}.get(data.ndim) if memory_format in CHANNELS_LAST else None
    if dims is not None:
        steps, count = [0] * data.ndim, 1
        for dim in dims:
            steps[dim], count = count, count * data.shape[dim]
    elif memory_format is contiguous_format or 0 in data.strides:
        steps = list(row_major(data.shape))
    else:
        steps = list(dense_like(data))
    return nothing_of(data.shape, data.dtype if target is None else target.numpy, requires_grad, tuple(steps))


def in_format(shape: tuple[int, ...], dtype: Any, memory_format: Any) -> np.ndarray:
    """An uninitialised array with the channels, dimension 1, innermost in memory."""
    check_rank(len(shape), memory_format)
    dense = np.empty((shape[0], *shape[2:], shape[1]), dtype)
    return dense.transpose((0, len(shape) - 1, *range(1, len(shape) - 1)))


def zeros_in(layout: Any, shape: tuple[int, ...], dtype: DType, requires_grad: bool) -> Any:
    """A sparse tensor without entries. `ops.layouts` puts its own function here."""
    raise RuntimeError("wengert.ops.layouts has not been imported")


def _constant(name: str, value: Any) -> None:
    """Registers ``zeros``, ``ones`` or ``empty`` (value None), its ``_like`` form, and the method ``new_...``."""
    what = "Zeros" if value == 0 else "Ones" if value == 1 else "Uninitialised elements"

    def make_array(shape: tuple[int, ...], dtype: Any) -> np.ndarray:
        if value == 1 and dtype.char == EIGHTHS:
            return np.full(shape, converted(np.ones(()), dtype))
        return np.zeros(shape, dtype) if value == 0 else np.ones(shape, dtype) if value == 1 else np.empty(shape, dtype)

    def plain(*sizes: Any, size: Any = None, dtype: Any = None, layout: Any = None, device: Any = None,
              requires_grad: bool = False, pin_memory: bool = False, memory_format: Any = None) -> Tensor:
        if size is None:
            check_given(name, "size", sizes)
        shape = sizes_of(sizes if size is None else (size,), name)
        if layout is not None and layout is not strided and value != 1:
            if check_options(device):
                raise needs_strided(f"{name}(device='meta')", layout)
            return zeros_in(layout, shape, dtype_of(dtype) or dtypes.get_default_dtype(), requires_grad)
        if check_options(device, layout):
            return nothing_of(shape, _numpy_dtype(dtype), requires_grad)
        if memory_format is preserve_format:
            raise RuntimeError(f"[{name}] unsupported memory format Preserve: there is no tensor whose order could be "
                               "kept; channels_last or contiguous_format was expected")
        if memory_format in CHANNELS_LAST:
            array = in_format(shape, _numpy_dtype(dtype), memory_format)
            if value is not None:
                array.fill(value)
            return finish(array, requires_grad)
        return finish(make_array(shape, _numpy_dtype(dtype)), requires_grad)

    def like(input: Tensor, *, dtype: Any = None, layout: Any = None, device: Any = None, requires_grad: bool = False,
             memory_format: Any = None, pin_memory: bool = False) -> Tensor:
        if check_options(device, layout, input):
            return _nothing_like(input, dtype, memory_format, requires_grad)
        array = _like(input, dtype, memory_format)
        if value is not None:
            array.fill(value)
        return finish(array, requires_grad)

    def new(self: Tensor, *sizes: Any, size: Any = None, dtype: Any = None, device: Any = None, layout: Any = None,
            requires_grad: bool = False, pin_memory: bool = False) -> Tensor:
        meta = check_options(device, layout, self)
        if size is None:
            check_given(f"new_{name}", "size", sizes)
        shape = sizes_of(sizes if size is None else (size,), f"new_{name}")
        if meta:
            return nothing_of(shape, (dtype_of(dtype) or self.dtype).numpy, requires_grad)
        return finish(make_array(shape, (dtype_of(dtype) or self.dtype).numpy), requires_grad)

    def example(call: str, number: str) -> str:
        shown = "torch.Size([3])" if value is None else f"tensor([{number}, {number}, {number}])"
        return f"\n\n>>> {call}{'.shape' if value is None else ''}\n{shown}"

    plain.__doc__ = (f"{what} of the given size: ``{name}(2, 3)`` or ``{name}((2, 3))``; of ``dtype`` or the default."
                     + example(f"torch.{name}(3)", f"{value}."))
    like.__doc__ = (f"{what} of the shape of ``input``, and of its dtype unless another is given."
                    + example(f"torch.{name}_like(torch.tensor([7, 8, 9]))", f"{value}"))
    new.__doc__ = (f"{what} of the given size, of this tensor's dtype unless another is given."
                   + example(f"torch.tensor([7, 8, 9]).new_{name}(3)", f"{value}"))
    plain.__name__ = plain.__qualname__ = name
    like.__name__ = like.__qualname__ = f"{name}_like"
    new.__name__ = new.__qualname__ = f"new_{name}"
    function(method=False, takes_tensor=False, out=TYPED)(plain)
    function(method=False, out=False)(like)
    function(public=False, out=False)(new)


_constant("zeros", 0)
_constant("ones", 1)
_constant("empty", None)


def _fill_dtype(value: Any, dtype: Any) -> DType:
    if dtype is not None:
        return dtype_of(dtype)  # type: ignore[return-value]
    return value.dtype if isinstance(value, Tensor) else dtypes.of_scalar(value)


@function(method=False, takes_tensor=False, out=TYPED)
def full(size: Any, fill_value: Any, *, dtype: Any = None, layout: Any = None, device: Any = None,
         requires_grad: bool = False, pin_memory: bool = False) -> Tensor:
    """A tensor of the given size filled with one number, whose kind gives the dtype unless ``dtype`` does.

    >>> torch.full((2, 3), 7)
    tensor([[7, 7, 7],
            [7, 7, 7]])
    """
    meta = check_options(device, layout)
    value = number("full", fill_value, "fill_value", 2)
    wanted = _fill_dtype(fill_value, dtype)
    shape = sizes_of((size,), "full")
    value = stored_number("full", value, wanted, halves=math.prod(shape) > 1)
    if meta:
        return nothing_of(shape, wanted.numpy, requires_grad)
    return finish(np.full(shape, array_from(value, wanted)), requires_grad)


@function(method=False, out=False)
def full_like(input: Tensor, fill_value: Any, *, dtype: Any = None, layout: Any = None, device: Any = None,
              requires_grad: bool = False, memory_format: Any = None, pin_memory: bool = False) -> Tensor:
    """A tensor of the shape and dtype of ``input`` filled with one number.

    >>> torch.full_like(torch.zeros(2), 7)
    tensor([7., 7.])
    """
    if check_options(device, layout, input):
        return _nothing_like(input, dtype, memory_format, requires_grad)
    value = number("full_like", fill_value, "fill_value", 2)
    array = _like(input, dtype, memory_format)
    wanted = dtypes.from_numpy(array.dtype)
    value = stored_number("full_like", value, wanted, halves=array.size > 1)
    array[...] = array_from(value, wanted)
    return finish(array, requires_grad)


@function(public=False, out=False)
def new_full(self: Tensor, size: Any, fill_value: Any, *, dtype: Any = None, device: Any = None, layout: Any = None,
             requires_grad: bool = False, pin_memory: bool = False) -> Tensor:
    """A tensor of the given size filled with one number, of this tensor's dtype.

    >>> torch.tensor([1.0]).new_full((2,), 7)
    tensor([7., 7.])
    """
    return full(size, fill_value, dtype=dtype_of(dtype) or self.dtype, device=self.device if device is None else device,
                layout=layout,
                requires_grad=requires_grad)


@function(public=False, out=False)
def new_tensor(self: Tensor, data: Any, *, dtype: Any = None, device: Any = None,
               requires_grad: bool = False) -> Tensor:
    """A tensor holding a copy of ``data``, of this tensor's dtype.

    >>> torch.tensor([1.0]).new_tensor([3, 4])
    tensor([3., 4.])
    """
    return tensor(data, dtype=dtype_of(dtype) or self.dtype, device=self.device if device is None else device,
                  requires_grad=requires_grad)


@function(public=False, out=False)
def new(self: Tensor, *data: Any) -> Tensor:
    """PyTorch's legacy maker: ``x.new(2, 3)`` is uninitialised, ``x.new([1, 2])`` holds data; of this tensor's dtype.

    >>> torch.tensor([1.0]).new([3, 4])
    tensor([3., 4.])
    """
    sequences = (list, tuple, range, np.ndarray, Tensor)
    if len(data) == 1 and isinstance(data[0], sequences) and not isinstance(data[0], Size):
        return make(array_from(data[0], self.dtype), None)
    return make(np.empty(sizes_of(data, "new") if data else (0,), self._data.dtype), None)


@function(method=False, out=False, takes_tensor=False)
def empty_strided(size: Any, stride: Any, *, dtype: Any = None, layout: Any = None, device: Any = None,
                  requires_grad: bool = False, pin_memory: bool = False) -> Tensor:
    """Uninitialised elements of the given size and strides (in elements).

    >>> torch.empty_strided((2, 3), (1, 2)).stride()
    (1, 2)
    """
    meta = check_options(device, layout)
    shape, steps = sizes_of((size,), "empty_strided"), sizes_of((stride,), "empty_strided")
    if len(shape) != len(steps):
        raise ShapeError(f"[empty_strided] dimensionality of sizes ({len(shape)}) must match dimensionality of strides "
                         f"({len(steps)}); give one stride a dimension")
    if meta:
        return nothing_of(shape, _numpy_dtype(dtype), requires_grad, steps)
    need = 0 if 0 in shape else 1 + sum((n - 1) * s for n, s in zip(shape, steps, strict=True))
    flat = np.empty(need, _numpy_dtype(dtype))
    return finish(strided_view(flat, shape, tuple(s * flat.itemsize for s in steps)), requires_grad)


@function(method=False, out=False, takes_tensor=False)
def empty_permuted(size: Any, physical_layout: Any, *, dtype: Any = None, layout: Any = None, device: Any = None,
                   requires_grad: bool = False, pin_memory: bool = False) -> Tensor:
    """Uninitialised elements of the given size, the dimensions dense in memory in the order of ``physical_layout``,
    outermost first. Raises RuntimeError for what is no order of them.

    >>> torch.empty_permuted((2, 3, 4), (0, 2, 1)).stride()
    (12, 1, 3)
    """
    meta = check_options(device, layout)
    shape, order = sizes_of((size,), "empty_permuted"), integers(physical_layout, "empty_permuted")
    if sorted(order) != list(range(len(shape))):
        why = ": Duplicate dim not allowed" if len(set(order)) < len(order) else ""
        raise RuntimeError(f"[empty_permuted] an order of {len(shape)} dimensions was expected{why}; got {list(order)}")
    if meta:
        return P.permute(nothing_of(tuple([shape[d] for d in order]), _numpy_dtype(dtype)), dims=tuple(
            [order.index(d) for d in range(len(shape))])).detach().requires_grad_(requires_grad)
    dense = np.empty([shape[d] for d in order], _numpy_dtype(dtype))
    return finish(dense.transpose([order.index(d) for d in range(len(shape))]), requires_grad)


@function(method=False, out=False, takes_tensor=False)
def scalar_tensor(s: Any, *, dtype: Any = None, layout: Any = None, device: Any = None, requires_grad: bool = False,
                  pin_memory: bool = False) -> Tensor:
    """A number as a tensor without dimensions, of the default dtype unless another is given.

    >>> torch.scalar_tensor(3)
    tensor(3.)
    """
    return full((), s, dtype=dtype_of(dtype) or dtypes.get_default_dtype(), layout=layout, device=device,
                requires_grad=requires_grad)


@function(public=False, out=False)
def new_empty_strided(self: Tensor, size: Any, stride: Any, *, dtype: Any = None, layout: Any = None,
                      device: Any = None, requires_grad: bool = False, pin_memory: bool = False) -> Tensor:
    """`empty_strided` of this tensor's dtype.

    >>> torch.ones(1).new_empty_strided((2, 3), (1, 2)).stride()
    (1, 2)
    """
    return empty_strided(size, stride, dtype=dtype_of(dtype) or self.dtype, layout=layout,
                         device=self.device if device is None else device,
                         requires_grad=requires_grad)


@function(method=False, takes_tensor=False, out=TYPED)
def eye(n: Any, m: Any = None, *, dtype: Any = None, layout: Any = None, device: Any = None,
        requires_grad: bool = False, pin_memory: bool = False) -> Tensor:
    """Ones on the diagonal of an (n, m) matrix, zeros elsewhere.

    >>> torch.eye(2, 3)
    tensor([[1., 0., 0.],
            [0., 1., 0.]])
    """
    meta = check_options(device, layout)
    rows, columns = integer(n, "eye"), integer(n if m is None else m, "eye")
    if rows < 0 or columns < 0:
        which, wrong = ("n", rows) if rows < 0 else ("m", columns)
        raise RuntimeError(f"{which} must be greater or equal to 0, got {wrong}")
    if meta:
        return nothing_of((rows, columns), _numpy_dtype(dtype), requires_grad)
    return finish(converted(np.eye(rows, columns), _numpy_dtype(dtype)), requires_grad)


# --- sequences --------------------------------------------------------------------------------------------------------


def _ends(op: str, start: Any, end: Any, step: Any) -> tuple[Any, Any, Any]:
    """Where numbers begin and end, and by what they grow."""
    ends = [number(op, x, name, place) for place, (name, x) in enumerate(zip(("start", "end", "step"), (
        start, end, step), strict=True), 1)]
    if any([isinstance(x, complex) for x in ends]):
        raise RuntimeError(f"[{op}] value cannot be converted to type double without overflow: real numbers were "
                           f"expected; got {ends}")
    return ends[0], ends[1], ends[2]


@function(method=False, takes_tensor=False, out=TYPED)
def arange(start: Any = None, end: Any = None, step: Any = 1, *, dtype: Any = None, layout: Any = None,
           device: Any = None, requires_grad: bool = False, pin_memory: bool = False) -> Tensor:
    """The numbers from ``start`` (included, 0 if not given) to ``end`` (excluded) by ``step``.

    ``ceil((end - start) / step)`` of them, computed in float64. int64 if all arguments are integers, else the default
    dtype. Raises RuntimeError for a step of zero, or bounds against its sign.

    >>> import wengert as torch
    >>> torch.arange(1, 2.5, 0.5)
    tensor([1.0000, 1.5000, 2.0000])
    """
    meta = check_options(device, layout)
    if end is None:
        if start is None:
            raise TypeError("arange() received an invalid combination of arguments - got (), but an end at least was "
                            "expected")
        start, end = 0, start
    elif start is None:
        start = 0
    start, end, step = _ends("arange", start, end, step)
    whole = all(isinstance(value, int) for value in (start, end, step))
    wanted = dtype_of(dtype) or (dtypes.int64 if whole else dtypes.get_default_dtype())
    if step == 0:
        raise RuntimeError("[arange] step must be nonzero")
    if not (math.isfinite(start) and math.isfinite(end)):
        raise RuntimeError(f"[arange] unsupported range: {start} -> {end}")
    if (end - start) * step < 0:
        raise RuntimeError(f"[arange] upper bound and lower bound inconsistent with step sign: {start} -> {end} by "
                           f"{step}")
    if wanted.kind in "bc" or wanted in dtypes.FLOAT8:
        raise NotImplementedError(f"[arange] \"arange_cpu\" not implemented for '{type_name(wanted.name)}'; count in "
                                  "integers and cast them")
    if wanted.kind in "iu":
        start, end, step = int(start), int(end), int(step)
        if any(abs(value) >= 2**63 + (value < 0) for value in (start, end, step)) and wanted is not dtypes.uint64:
            raise RuntimeError(f"[arange] value cannot be converted to type int64_t without overflow: {start} -> {end}")
        if step == 0:
            raise ValueError(f"[arange] step must be nonzero; got one that is 0 in {wanted}")
    count = -((start - end) // step) if isinstance(start, int) and isinstance(end, int) and isinstance(step, int) else \
        math.ceil((end - start) / step)
    count = count.__index__()  # it may come from the size of a tensor that is being recorded
    if meta:
        return nothing_of((count,), wanted.numpy, requires_grad)
    return finish(_progression(start, step, count, wanted.numpy), requires_grad)


def _progression(start: Any, step: Any, count: int, dtype: Any) -> np.ndarray:
    """``start + i * step``, rounded as by PyTorch's vector code: of the eight (float64: four) elements of a vector the
    first is rounded, and the others are counted from it; the last elements, too few for two vectors, are exact."""
    if dtype.kind in "iub":
        return (start + step * np.arange(count, dtype=np.int64)).astype(dtype)
    wide: Any = np.longdouble if dtype == np.float64 else np.float64  # holds a product before it is rounded
    result = (wide(start) + wide(step) * np.arange(count)).astype(dtype)
    lanes = {"float32": 8, "float64": 4}.get(dtype.name)
    if lanes is not None:
        whole = count - count % (2 * lanes)
        first = result[:whole:lanes].astype(wide)[:, None]
        result[:whole] = (first + wide(step) * np.arange(lanes)).reshape(-1)
    return result


@function(method=False, takes_tensor=False, out=TYPED)
def range_(start: Any = 0, end: Any = None, step: Any = 1, *, dtype: Any = None, device: Any = None, layout: Any = None,
           requires_grad: bool = False) -> Tensor:
    """Deprecated, as in PyTorch: like `arange`, with ``end`` included and floats by default.

    >>> torch.range(1, 4)
    tensor([1., 2., 3., 4.])
    """
    warn("torch.range is deprecated and will be removed in a future "
         "release because its behavior is inconsistent "
         "with Python's range builtin. Instead, use torch.arange, which produces values in [start, end).",
         UserWarning)
    meta = check_options(device, layout)
    if end is None:
        start, end = 0, start
    start, end, step = _ends("range", start, end, step)
    if step == 0 or (end - start) * step < 0:
        raise RuntimeError(f"[range] upper bound and lower bound inconsistent with step sign: {start} -> {end} by "
                           f"{step}")
    count = math.floor((end - start) / step) + 1
    return finish(_progression(start, step, count, _numpy_dtype(dtype)), requires_grad, meta)


@function(method=False, takes_tensor=False, out=TYPED)
def linspace(start: Any, end: Any, steps: int, *, dtype: Any = None, layout: Any = None, device: Any = None,
             requires_grad: bool = False, pin_memory: bool = False) -> Tensor:
    """``steps`` numbers, evenly spaced from ``start`` to ``end``, both included.

    >>> torch.linspace(0, 1, 5)
    tensor([0.0000, 0.2500, 0.5000, 0.7500, 1.0000])
    """
    meta = check_options(device, layout)
    count = integer(steps, "linspace", plain=True)

    def spaced(start: Any, end: Any) -> Tensor:
        start, end = _bound("linspace", start, "start", 1), _bound("linspace", end, "end", 2)
        if meta and count >= 0:
            return nothing_of((count,), _spaced_dtype(start, end, dtype), False)
        return finish(_evenly(start, end, count, _spaced_dtype(start, end, dtype), "linspace"), False)

    return one_by_one(spaced, start, end).requires_grad_(bool(requires_grad))


def _bound(op: str, x: Any, name: str, position: int) -> Any:
    """The number of a bound, which may be that of a tensor with a gradient."""
    if isinstance(x, Tensor):
        if x.ndim:
            raise RuntimeError(f"{op} only supports 0-dimensional start and end tensors, but got {name} with {x.ndim} "
                               "dimension(s).")
        return x.item()
    return number(op, x, name, position)


def _spaced_dtype(start: Any, end: Any, dtype: Any) -> Any:
    if isinstance(start, complex) or isinstance(end, complex):
        inferred = dtypes.to_complex(dtypes.get_default_dtype())
        if dtype is None:
            return inferred.numpy
        if _numpy_dtype(dtype).kind not in "cW":
            raise RuntimeError(f"[linspace] inferred dtype {inferred} can't be safely cast to passed dtype "
                               f"{type_name(_numpy_dtype(dtype))}")
    return _numpy_dtype(dtype)


def _evenly(start: Any, end: Any, count: int, dtype: Any, op: str, fused: bool = True) -> np.ndarray:
    """Counted from the nearer end. A product and its sum are rounded once, as by the processor's ``fused`` instruction;
    in half precision, in which it has none, each of them is."""
    if dtype.kind == "b" or dtype.char == EIGHTHS:
        kind = type_name(dtypes.from_numpy(dtype).name)
        raise NotImplementedError(f"[{op}] \"{op}_cpu\" not implemented for '{kind}'")
    if count < 0:
        raise RuntimeError(f"[{op}] number of steps must be non-negative; got {count}")
    work = np.dtype(np.float64) if dtype.kind in "iub" else dtype
    fused = fused and work.itemsize > 2
    wide: Any = {"f": np.float64, "d": np.longdouble}.get(work.char, np.clongdouble) if fused else work.type
    if dtype.kind in "iu":
        start, end = int(start), int(end)
    first, last = work.type(start), work.type(end)
    if count == 1:
        return np.full(1, first).astype(dtype)
    step = work.type((last - first) / work.type(max(count - 1, 1)))
    places = np.arange(count).astype(np.int64 if fused else work)
    half = count // 2
    result = np.empty(count, work)
    result[:half] = wide(first) + wide(step) * places[:half]
    result[half:] = wide(last) - wide(step) * places[count - 1 - half::-1]
    return result.astype(dtype)


@function(method=False, takes_tensor=False, out=TYPED)
def logspace(start: Any, end: Any, steps: int, base: float = 10.0, *, dtype: Any = None, layout: Any = None,
             device: Any = None, requires_grad: bool = False, pin_memory: bool = False) -> Tensor:
    """``base`` to the powers `linspace` gives.

    >>> torch.logspace(0, 3, 4), torch.logspace(0, 3, 4, base=2)
    (tensor([   1.,   10.,  100., 1000.]), tensor([1., 2., 4., 8.]))
    """
    meta = check_options(device, layout)
    count, base = integer(steps, "logspace", plain=True), number("logspace", base, "base", 4)

    def spaced(start: Any, end: Any) -> Tensor:
        start, end = _bound("logspace", start, "start", 1), _bound("logspace", end, "end", 2)
        wanted = _spaced_dtype(start, end, dtype)
        if wanted.kind == "b" or wanted.char == EIGHTHS:
            raise NotImplementedError(f"[logspace] \"logspace_cpu\" not implemented for "
                                      f"'{type_name(dtypes.from_numpy(wanted).name)}'")
        if wanted.kind in "iu":
            start, end = int(start), int(end)
        work = np.dtype(np.float64) if wanted.kind in "iu" else wanted
        if wanted.kind not in "iu" and wanted.itemsize == 2:
            start, end, work = wanted.type(start), wanted.type(end), np.dtype(np.float32)
        exponents = _evenly(start, end, count, work, "logspace", fused=False)
        powers = np.power(float(base), exponents, dtype=np.complex128 if wanted.kind == "c" else np.float64)
        return finish(powers.astype(wanted), False, meta)

    return one_by_one(spaced, start, end).requires_grad_(bool(requires_grad))


# --- matrices from vectors --------------------------------------------------------------------------------------------


@function(method=False)
def complex_(real: Tensor, imag: Tensor) -> Tensor:
    """The complex numbers with the given parts; both of one floating dtype.

    >>> torch.complex(torch.tensor([1.0, 0.0]), torch.tensor([2.0, -1.0]))
    tensor([1.+2.j, 0.-1.j])
    """
    if not isinstance(imag, Tensor):
        raise TypeError(f"complex(): argument 'imag' (position 2) must be Tensor, not {type(imag).__name__}")
    for part in (real, imag):
        if not part.is_floating_point() or part.dtype in dtypes.FLOAT8:
            raise RuntimeError(f"Expected both inputs to be Half, Float or Double tensors but got "
                               f"{type_name(real._data.dtype)} and {type_name(imag._data.dtype)}")
    if real.dtype is dtypes.bfloat16:
        raise RuntimeError("Expected both inputs to be Half, Float or Double tensors but got BFloat16 and "
                           f"{type_name(imag._data.dtype)}")
    if real.dtype is not imag.dtype:
        raise RuntimeError(f"Expected object of scalar type {real.dtype} but got scalar type {imag.dtype} for "
                           f"second argument")
    return P.complex(real, imag)


@function(method=False)
def polar(abs: Tensor, angle: Tensor) -> Tensor:
    """The complex numbers of the given absolute values and angles.

    >>> torch.polar(torch.tensor([1.0, 2.0]), torch.tensor([0.0, 1.0]))
    tensor([1.0000+0.0000j, 1.0806+1.6829j])
    """
    if abs.dtype not in (dtypes.float32, dtypes.float64):
        raise RuntimeError("Expected both inputs to be Half, Float or Double tensors but got "
                           f"{type_name(abs._data.dtype)} and {type_name(angle._data.dtype)}")
    check_one_dtype("polar", abs, angle)
    return P.complex(abs * P.cos(angle), abs * P.sin(angle))


@function(method=False, checked=True)
def vander(x: Tensor, N: int | None = None, increasing: bool = False) -> Tensor:
    """The Vandermonde matrix of a vector: its powers, column by column.

    >>> torch.vander(torch.tensor([1, 2, 3]))
    tensor([[1, 1, 1],
            [4, 2, 1],
            [9, 3, 1]])
    """
    if x.ndim != 1:
        raise RuntimeError(f"[vander] x must be a one-dimensional tensor; got shape {tuple(x.shape)}")
    columns = x._data.shape[0] if N is None else N
    if columns < 0:
        raise RuntimeError(f"[vander] N must be non-negative; got {N}")
    powers = np.arange(columns) if increasing else np.arange(columns)[::-1]
    base = x if x._data.dtype.kind in "fcVW" else x.to(dtypes.int64)
    if columns < 2:  # a column of ones, which does not depend on x
        base = base.detach()
    return P.pow(P.reshape(base, shape=(*x._data.shape, 1)), make(powers.astype(np.int64), None))


def _triangle_indices(name: str, inside: Any, shown: str) -> None:
    def plain(row: int, col: int, offset: int = 0, *, dtype: Any = None, device: Any = None,
              layout: Any = None) -> Tensor:
        meta = check_options(device, layout)
        wanted = dtype_of(dtype) or dtypes.int64
        if wanted not in (dtypes.int32, dtypes.int64):
            raise NotImplementedError(f"[{name}] \"{name}\" not implemented for '{type_name(wanted.name)}'; int32 and "
                                      "int64 are")
        for side, size in (("row", row), ("col", col)):
            if size < 0:
                raise RuntimeError(f"[{name}] {side} must be non-negative, got {size}")
        places = np.nonzero(inside(np.ones((row, col), bool), offset))
        return finish(np.stack(places).astype(wanted.numpy), False, meta)

    plain.__name__ = plain.__qualname__ = name
    which = "lower" if name == "tril_indices" else "upper"
    plain.__doc__ = (f"The (2, n) row and column numbers of the {which} triangle of a (row, col) matrix.\n\n"
                     f">>> torch.{name}(2, 3)\n{shown}")
    function(method=False, out=False, takes_tensor=False, checked=True)(plain)


_triangle_indices("tril_indices", np.tril, "tensor([[0, 1, 1],\n        [0, 0, 1]])")
_triangle_indices("triu_indices", np.triu, "tensor([[0, 0, 0, 1, 1],\n        [0, 1, 2, 1, 2]])")
