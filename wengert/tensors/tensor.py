"""`Tensor`: an array, an edge to the tape, a place on a storage.

The class here has what every other module builds on: slots, making, the leaf and gradient attributes, conversion to
Python values. Operations are installed on it by the layer ``ops``, under the names and with the signatures of PyTorch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, SupportsIndex

import numpy as np

from .._missing import MissingError
from ..core import dtypes
from ..core.device import CPU, META, device
from ..core.dtypes import DType, from_numpy
from ..core.eighths import in_numpy
from ..core.errors import DTypeError, GradError, KindError, NoDataError, OutOfRangeError, allocation_failed
from ..core.frames import warn
from ..core.geometry import bytes_of, laid_out, row_major
from ..core.layout import CHANNELS_LAST, dense_with_channels_last, layout, strided
from ..core.operands import Array
from ..core.primitive import P
from ..core.spec import Size, new_tuple, wrap_dim
from ..core.state import state
from . import overrides, tape
from .absent import Absent, absent
from .alias import Alias, Storage, edge_of, history_shown, is_inference, own_edge, retain, type_name, version_cell
from .capsules import CODES, exported
from .collecting import check_data, check_grad_dtype, grad_dtype_of, set_grad_dtype
from .creation import TENSORS, array_from
from .printing import tensor_format, tensor_repr
from .tape import Cell, Edge, Leaf, RemovableHandle, named, node_and_index, node_of

ndarray = np.ndarray


class Tensor:
    """A multi-dimensional array of one dtype whose operations can be differentiated.

    Made by `tensor`, `zeros`, `randn` and the like, or by an operation. ``requires_grad=True`` makes it a leaf whose
    gradient `backward` collects in ``.grad``.

    >>> import wengert as torch
    >>> w = torch.tensor([1.0, 2.0], requires_grad=True)
    >>> (w * w).sum().backward()
    >>> w.grad
    tensor([2., 4.])
    """

    __slots__ = ("__dict__", "__weakref__", "_alias", "_data", "_edge", "_rare", "_cell")
    __array_priority__ = 1000

    _data: Any
    _edge: Edge | None
    _alias: Alias | None
    _cell: Cell | None
    _rare: dict[str, Any] | None

    if TYPE_CHECKING:  # the layer ``ops`` installs the operators; a checker is to know that they are there

        def __add__(self, other: Any) -> Any: ...
        def __neg__(self) -> Any: ...
        def __eq__(self, other: object) -> Any: ...
        def __setitem__(self, index: Any, value: Any) -> None: ...

        __radd__ = __iadd__ = __sub__ = __rsub__ = __isub__ = __mul__ = __rmul__ = __imul__ = __add__
        __truediv__ = __rtruediv__ = __itruediv__ = __floordiv__ = __rfloordiv__ = __ifloordiv__ = __add__
        __mod__ = __rmod__ = __imod__ = __pow__ = __rpow__ = __ipow__ = __matmul__ = __rmatmul__ = __add__
        __and__ = __rand__ = __iand__ = __or__ = __ror__ = __ior__ = __xor__ = __rxor__ = __ixor__ = __add__
        __lshift__ = __rlshift__ = __ilshift__ = __rshift__ = __rrshift__ = __irshift__ = __add__
        __lt__ = __le__ = __gt__ = __ge__ = __getitem__ = __add__
        __ne__ = __eq__
        __pos__ = __abs__ = __invert__ = __neg__

    def __init_subclass__(cls, **rest: Any) -> None:
        super().__init_subclass__(**rest)
        TENSORS.add(cls)
        if overrides.override_of(cls) is not None:
            overrides.arm()

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        """PyTorch's legacy constructor: ``Tensor(2, 3)`` is uninitialised of that shape, ``Tensor([1, 2])`` holds data;
        always of the default dtype."""
        out = object.__new__(cls)
        out._edge = out._alias = out._cell = out._rare = None
        dtype = dtypes.get_default_dtype().numpy
        if len(args) == 1 and isinstance(args[0], Tensor):
            out._data = args[0]._data
            out._cell = version_cell(args[0])
        elif len(args) == 1 and not isinstance(args[0], (int, np.integer, Size)):
            if isinstance(args[0], (float, complex)):
                raise TypeError(f"new(): data must be a sequence (got {type(args[0]).__name__})")
            out._data = array_from(args[0], None).astype(dtype, copy=False)
        else:
            shape = args[0] if len(args) == 1 and isinstance(args[0], Size) else args
            out._data = np.empty(tuple(int(n) for n in shape) if args else (0,), dtype)
        return out

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Runs ``func`` on the tensors as they are, and makes the tensors among its results ones of this class. A
        subclass calls it, by ``super()``, for what it does not see to itself."""
        if not all(issubclass(cls, kind) for kind in types) or overrides.is_of_pytorch(func):
            return NotImplemented
        with overrides.DisableTorchFunctionSubclass():
            result = func(*args, **(kwargs or {}))
        return result if func in NOT_WRAPPED else overrides.converted(result, cls, Tensor)

    # --- what it is ---------------------------------------------------------------------------------------------------

    @property
    def shape(self) -> Size:
        """The sizes of the dimensions.

        >>> torch.ones(2, 3).shape
        torch.Size([2, 3])
        """
        return new_tuple(Size, self._data.shape)

    @property
    def dtype(self) -> DType:
        """The type of the elements.

        >>> torch.tensor([1, 2]).dtype, torch.tensor(0.5).dtype
        (torch.int64, torch.float32)
        """
        return from_numpy(self._data.dtype)

    @property
    def device(self) -> device:
        """Where the elements are: the CPU, or `meta` for a tensor without any.

        >>> torch.ones(2).device
        device(type='cpu')
        """
        return META if type(self._data) is Absent else CPU

    @property
    def ndim(self) -> int:
        """The number of dimensions.

        >>> torch.ones(2, 3).ndim
        2
        """
        return int(self._data.ndim)

    @property
    def is_cuda(self) -> bool:
        """False: there is no such device or layout; `is_sparse` and `is_sparse_csr` are True of sparse tensors.

        >>> x = torch.eye(2)
        >>> x.is_cuda, x.is_mps, x.is_xpu, x.is_mkldnn, x.is_quantized, x.is_nested, x.is_sparse, x.is_sparse_csr
        (False, False, False, False, False, False, False, False)
        >>> x.to_sparse().is_sparse, x.to_sparse_csr().is_sparse_csr
        (True, True)
        """
        return False

    @property
    def is_cpu(self) -> bool:
        """Whether the elements are in memory: not on the meta device.

        >>> torch.ones(2).is_cpu
        True
        """
        return type(self._data) is not Absent

    @property
    def is_meta(self) -> bool:
        """Whether the tensor is on the meta device: a shape without elements.

        >>> torch.ones(2, device="meta").is_meta
        True
        """
        return type(self._data) is Absent

    is_mps = is_xpu = is_sparse = is_quantized = is_mkldnn = is_nested = is_cuda
    is_sparse_csr = is_cuda

    @property
    def layout(self) -> layout:
        """How the elements are stored: `strided`, in an array with steps, or one of the sparse layouts.

        >>> torch.eye(2).layout, torch.eye(2).to_sparse().layout
        (torch.strided, torch.sparse_coo)
        """
        return strided

    def size(self, dim: int | None = None) -> Any:
        """The shape, or the size of one dimension.

        >>> x = torch.zeros(2, 3)
        >>> x.size(), x.size(1)
        (torch.Size([2, 3]), 3)
        """
        if dim is None:
            return new_tuple(Size, self._data.shape)
        shape = self._data.shape
        if not shape:
            raise OutOfRangeError(f"[size] Dimension specified as {dim} but tensor has no dimensions")
        return shape[dim if type(dim) is int and 0 <= dim < len(shape) else wrap_dim(dim, len(shape), "size")]

    def dim(self) -> int:
        """The number of dimensions.

        >>> torch.zeros(2, 3).dim(), torch.tensor(1.0).dim()
        (2, 0)
        """
        return int(self._data.ndim)

    ndimension = dim

    def numel(self) -> int:
        """The number of elements.

        >>> torch.zeros(2, 3).numel()
        6
        """
        return int(self._data.size)

    nelement = numel

    def element_size(self) -> int:
        """The bytes of one element.

        >>> torch.ones(2).element_size(), torch.ones(2, dtype=torch.int8).element_size()
        (4, 1)
        """
        return int(self._data.dtype.itemsize)

    @property
    def itemsize(self) -> int:
        """The bytes of one element.

        >>> torch.ones(2).itemsize
        4
        """
        return int(self._data.dtype.itemsize)

    @property
    def nbytes(self) -> int:
        """The bytes of all elements: `itemsize` times their number.

        >>> torch.ones(2, 3).nbytes
        24
        """
        return int(self._data.size * self._data.dtype.itemsize)

    def stride(self, dim: int | None = None) -> Any:
        """The steps, in elements, from one index to the next, of every dimension or of one.

        >>> x = torch.zeros(2, 3)
        >>> x.stride(), x.t().stride(), x.stride(0)
        ((3, 1), (1, 3), 3)
        """
        array = self._data
        strides = tuple(s // array.itemsize for s in array.strides)
        if not array.size and not any(strides):  # numpy keeps none for a new array without elements
            strides = row_major([max(n, 1) for n in array.shape])
        if dim is None:
            return strides
        if not strides:
            raise OutOfRangeError(f"[stride] Dimension specified as {dim} but tensor has no dimensions")
        return strides[wrap_dim(dim, len(strides), "stride")]

    def storage_offset(self) -> int:
        """The position of the first element in its memory, in elements.

        >>> torch.arange(6).reshape(2, 3)[1].storage_offset()
        3
        """
        if state.watcher is not None and state.watcher.tracer is not None:
            return int(state.watcher.tracer.lies(self, True)[0])
        if type(self._data) is Absent:
            return self._data.offset
        root = root_of(self._data)
        start = self._data.__array_interface__["data"][0] - root.__array_interface__["data"][0]
        return int(start // self._data.itemsize)

    def data_ptr(self) -> int:
        """The address of the first element; 0 for a tensor without elements in memory.

        >>> x = torch.zeros(4)
        >>> x[1:].data_ptr() - x.data_ptr()
        4
        """
        if type(self._data) is Absent:
            return 0
        return int(self._data.ctypes.data)

    def is_contiguous(self, memory_format: object = None) -> bool:
        """Whether the elements lie in memory in row-major order (or that of ``memory_format``), without gaps.

        >>> x = torch.zeros(2, 3)
        >>> x.is_contiguous(), x.t().is_contiguous()
        (True, False)
        """
        array = self._data.ghost if type(self._data) is Absent else self._data
        if memory_format in CHANNELS_LAST:
            return array.ndim == CHANNELS_LAST[memory_format] and dense_with_channels_last(array)
        return bool(array.flags.c_contiguous)

    def is_floating_point(self) -> bool:
        """Whether the elements are real floating-point numbers.

        >>> torch.tensor(1.0).is_floating_point(), torch.tensor(1).is_floating_point()
        (True, False)
        """
        return self.dtype.is_floating_point

    def is_complex(self) -> bool:
        """Whether the elements are complex numbers.

        >>> torch.tensor(1j).is_complex()
        True
        """
        return self._data.dtype.kind in "cW"

    def is_signed(self) -> bool:
        """Whether the elements can be negative.

        >>> torch.tensor([1]).is_signed(), torch.tensor([True]).is_signed()
        (True, False)
        """
        return self.dtype.is_signed

    def get_device(self) -> int:
        """-1, as PyTorch answers for the CPU.

        >>> torch.ones(2).get_device()
        -1
        """
        return -1

    # --- the tape -----------------------------------------------------------------------------------------------------

    @property
    def requires_grad(self) -> bool:
        """Whether a gradient is wanted, of this tensor or what it was computed from. Set only at leaves of real dtype.

        >>> w = torch.ones(2, requires_grad=True)
        >>> (w * 2).requires_grad, w.detach().requires_grad
        (True, False)
        """
        return (self._edge if self._alias is None else own_edge(self)) is not None

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        self.requires_grad_(value)

    @requires_grad.deleter
    def requires_grad(self) -> None:
        raise RuntimeError("[requires_grad] it cannot be deleted; set it to False")

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Makes this leaf collect a gradient, or stop doing so; returns it.

        >>> w = torch.zeros(2).requires_grad_()
        >>> w.requires_grad
        True
        """
        if (kind := type(requires_grad).__name__) != "bool":
            raise KindError(f"requires_grad_(): argument 'requires_grad' (position 1) must be bool, not {kind}")
        if state.watcher is not None and requires_grad is (edge_of(self) is None):
            state.watcher.changes(self, "requires_grad_")
        edge = edge_of(self)
        if requires_grad and edge is None:
            if self._data.dtype.kind not in "fcVW":
                raise DTypeError(
                    "[requires_grad] only Tensors of floating point and complex dtype can require gradients; got "
                    f"{self.dtype}; convert with .float() first")
            if is_inference(self) and not state.inference:
                raise RuntimeError("[requires_grad_] Setting requires_grad=True on inference tensor outside "
                                   "InferenceMode is not allowed; clone() it first")
            leaf = Leaf(self)
            self._set_edge(leaf)
            if self._rare is not None and "grad" in self._rare:
                leaf.grad = self._rare.pop("grad")
        elif not requires_grad and edge is not None:
            if type(edge) is not Leaf:
                raise GradError(
                    "[requires_grad_] you can only change requires_grad flags of leaf variables. If you want to use a "
                    "computed variable in a subgraph that doesn't require differentiation use var_no_grad = "
                    "var.detach().")
            if edge.grad is not None:
                self._rarely()["grad"] = edge.grad
            self._set_edge(None)
        return self

    def _set_edge(self, edge: Edge | None) -> None:
        """Puts the end of a history here. A view that becomes a leaf begins a history of its own."""
        self._edge = edge
        if self._alias is not None:
            if not self._alias.steps:
                self._alias.storage.edge = edge
            elif self._alias.tracked:
                self._alias = None
            else:  # of which a view is no better
                self._alias = Alias(Storage(self), (), self._alias.tracked)

    @property
    def is_leaf(self) -> bool:
        """Whether no recorded operation made this tensor.

        >>> w = torch.ones(2, requires_grad=True)
        >>> w.is_leaf, (w * 2).is_leaf
        (True, False)
        """
        edge = edge_of(self)
        return edge is None or type(edge) is Leaf

    @property
    def grad_fn(self) -> Any:
        """The node that made this tensor; None for a leaf.

        >>> w = torch.ones(2, requires_grad=True)
        >>> (w * 2).grad_fn.name(), w.grad_fn
        ('MulBackward0', None)
        """
        edge = edge_of(self)
        return None if edge is None or type(edge) is Leaf else named(node_of(edge))

    @property
    def output_nr(self) -> int:
        """Which output of its node this tensor is.

        >>> values, places = torch.ones(3, requires_grad=True).max(0)
        >>> values.output_nr
        0
        """
        return node_and_index(edge_of(self))[1]

    @property
    def _base(self) -> Tensor | None:
        """The tensor of which this one is a view, or None for a tensor that is no view."""
        alias = self._alias
        if alias is None or not alias.steps:
            return None
        base = None if alias.storage.base is None else alias.storage.base()
        if base is None:
            root = root_of(self._data)
            base = make(root.reshape(alias.storage.shape), alias.storage.edge)
            base._cell = version_cell(self)
        return base

    def _is_view(self) -> bool:
        """Whether this tensor is a view of another."""
        return self._alias is not None and bool(self._alias.steps)

    def __getattr__(self, name: str) -> Any:
        kind = type(self)
        raise MissingError(kind.__name__, name, lambda: dir(kind),
                           f"{kind.__name__!r} object has no attribute {name!r}")

    @property
    def grad(self) -> Tensor | None:
        """The gradient that `backward` has collected, of this tensor's shape and dtype, or None. It can be set so.

        >>> w = torch.tensor([1.0, 3.0], requires_grad=True)
        >>> (w * w).sum().backward()
        >>> w.grad
        tensor([2., 6.])
        """
        node = self._edge
        if type(node) is Leaf:
            if state.watcher is not None and state.watcher.tracer is not None:
                return state.watcher.tracer.grad_of(self)
            return node.grad
        if node is None and state.watcher is not None and state.watcher.tracer is not None:
            return state.watcher.tracer.resting_grad(self)
        kept = None if self._rare is None else self._rare.get("grad")
        if kept is None and node is not None and not (self._rare and self._rare.get("retains")):
            warn(
                "The .grad attribute of a Tensor that is not a leaf Tensor is being "
                "accessed. Its .grad attribute won't "
                "be populated during autograd.backward(). If you indeed want the .grad field to be populated for a "
                "non-leaf Tensor, use .retain_grad() on the non-leaf Tensor.", UserWarning)
        return kept

    @grad.setter
    def grad(self, value: Tensor | None) -> None:
        if value is not None:
            if not isinstance(value, Tensor):
                raise TypeError(f"assigned grad expected to be a Tensor or None but got grad of type "
                                f"\"{type(value).__name__}\"")
            if value is self:
                raise RuntimeError("can't assign Variable as its own grad")
            if value._data.shape != self._data.shape:
                raise RuntimeError(
                    f"[grad] assigned grad has data of a different size: expected {list(self._data.shape)}, got "
                    f"{list(value._data.shape)}")
            node = self._edge
            if type(node) is Leaf and node.rare is not None and "grad_dtype" in node.rare:
                check_grad_dtype(value, node.rare["grad_dtype"])
            elif value._data.dtype != self._data.dtype:
                raise RuntimeError(f"[grad] assigned grad has data of a different type: expected {self.dtype}, got "
                                   f"{value.dtype}")
        node = self._edge
        if state.watcher is not None and state.watcher.tracer is not None:
            state.watcher.tracer.set_grad(self, value)
        elif type(node) is Leaf:
            node.grad = value
        else:
            self._rarely()["grad"] = value

    @grad.deleter
    def grad(self) -> None:
        self.grad = None

    @property
    def grad_dtype(self) -> DType | None:
        """The dtype in which this leaf's gradient is collected: at first the tensor's own, None for whatever arrives.
        Raises RuntimeError for a tensor that is no leaf, and, to set it, beside a gradient of another dtype.

        >>> w = torch.ones(2, requires_grad=True)
        >>> w.grad_dtype
        torch.float32
        """
        return grad_dtype_of(self)

    @grad_dtype.setter
    def grad_dtype(self, dtype: DType | None) -> None:
        set_grad_dtype(self, dtype)

    def _rarely(self) -> dict[str, Any]:
        if self._rare is None:
            self._rare = {}
        return self._rare

    def backward(self, gradient: Tensor | None = None, retain_graph: bool | None = None, create_graph: bool = False,
                 inputs: Any = None) -> None:
        """Adds the gradient of this tensor by every leaf that it was computed from to the leaf's ``.grad``.

        ``gradient`` is the cotangent of this tensor, of its shape; it may be left out for a single element (1).
        ``retain_graph`` keeps what backward needs for a second run; ``create_graph`` records the run itself, for
        higher derivatives. ``inputs`` restricts the leaves.

        >>> x = torch.tensor([1.0, 2.0], requires_grad=True)
        >>> (x * x).sum().backward()
        >>> x.grad
        tensor([2., 4.])
        """
        engine(self, gradient, retain_graph, create_graph, None, inputs)

    def graph(self, gradients: bool | None = None) -> Any:
        """The computation graph behind this tensor, to look at; see `wengert.graph`.

        >>> x = torch.tensor(2.0, requires_grad=True)
        >>> print((x * x).graph())
        v1 = x * x = 4
        ├─ ∂v1/∂x = 2 ── x = 2
        └─ ∂v1/∂x = 2 ── x = 2
        """
        return viewer()(self, gradients=gradients)

    def retain_grad(self) -> None:
        """Makes backward keep the gradient of this non-leaf tensor in ``.grad``.

        >>> x = torch.tensor(3.0, requires_grad=True)
        >>> y = 2 * x
        >>> y.retain_grad()
        >>> (y * y).backward()
        >>> y.grad, x.grad
        (tensor(12.), tensor(24.))
        """
        edge = edge_of(self)
        if edge is None:
            raise RuntimeError("can't retain_grad on Tensor that has requires_grad=False")
        if type(edge) is not Leaf and not self.retains_grad:
            if state.watcher is not None:
                state.watcher.changes(self, "retain_grad")
            self._rarely()["retains"] = True
            retain(self, edge)

    @property
    def retains_grad(self) -> bool:
        """Whether `retain_grad` was asked of this non-leaf tensor.

        >>> y = torch.ones(2, requires_grad=True) * 2
        >>> y.retain_grad()
        >>> y.retains_grad
        True
        """
        return bool(self._rare and self._rare.get("retains"))

    def register_hook(self, hook: Callable[[Tensor], Tensor | None]) -> RemovableHandle:
        """``hook(grad)`` runs when the gradient of this tensor is computed; what it returns replaces the gradient.

        >>> x = torch.tensor(3.0, requires_grad=True)
        >>> handle = x.register_hook(lambda grad: 10 * grad)
        >>> (x * x).backward()
        >>> x.grad
        tensor(60.)
        >>> handle.remove()
        """
        edge = edge_of(self)
        if edge is None:
            raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
        if state.watcher is not None:
            state.watcher.changes(self, "register_hook")
        node, index = node_and_index(edge)
        return RemovableHandle(node.rarely().setdefault("tensor_hooks", {}).setdefault(index, {}), hook)

    def register_post_accumulate_grad_hook(self, hook: Callable[[Tensor], None]) -> RemovableHandle:
        """``hook(tensor)`` runs after backward has added to this leaf's ``.grad``.

        >>> w = torch.tensor(3.0, requires_grad=True)
        >>> handle = w.register_post_accumulate_grad_hook(lambda w: print("arrived:", w.grad))
        >>> (w * w).backward()
        arrived: tensor(6.)
        """
        edge = edge_of(self)
        if type(edge) is not Leaf:
            raise RuntimeError("post accumulate grad hooks cannot be registered on non-leaf tensors")
        if state.watcher is not None:
            state.watcher.changes(self, "register_post_accumulate_grad_hook")
        return RemovableHandle(edge.rarely().setdefault("post_hooks", {}), hook)

    def detach(self) -> Tensor:
        """A tensor of the same memory without history: no gradient flows through it.

        >>> x = torch.tensor(3.0, requires_grad=True)
        >>> y = x * x
        >>> (y * y.detach()).backward()
        >>> x.grad
        tensor(54.)
        """
        out = self.data
        out._cell = version_cell(self)
        return out

    def detach_(self) -> Tensor:
        """Takes this tensor off the tape: it becomes a leaf that needs no gradient."""
        if self._alias is not None and self._alias.steps:
            raise RuntimeError("Can't detach views in-place. Use detach() instead.")
        if state.watcher is not None and (self._edge is not None or type(self._data) is not ndarray):
            state.watcher.changes(self, "detach_")
        self._set_edge(None)  # views made before keep their history
        return self

    @property
    def data(self) -> Tensor:
        """This tensor without history, sharing its memory but not its version: backward does not notice what is written
        through it. Assigning to it replaces the memory.

        >>> w = torch.ones(2, requires_grad=True)
        >>> w.data.mul_(3)
        tensor([3., 3.])
        >>> w
        tensor([3., 3.], requires_grad=True)
        """
        data, watcher = self._data, state.watcher
        if watcher is not None:
            watcher.detaches(self)
            data = data if watcher.tracer is None else watcher.tracer.shared(self)
        out = make(data, None)
        out._cell = self._cell if is_inference(self) else None
        return out

    @data.setter
    def data(self, value: Tensor) -> None:
        check_data(self, value)
        if state.watcher is not None:
            state.watcher.changes(self, "data")
        self._data = value._data
        self._alias = None

    @data.deleter
    def data(self) -> None:
        raise RuntimeError("[data] a tensor always has data: it cannot be deleted; assign another tensor's, or del the "
                           "tensor")

    @property
    def _version(self) -> int:
        """How often the tensor's memory has been written, by it or by any tensor that shares it."""
        if is_inference(self):
            raise RuntimeError("[_version] Inference tensors do not track version counter; clone() it outside of "
                               "inference_mode to get one that does")
        return 0 if self._cell is None else int(self._cell[0])

    # --- Python values ------------------------------------------------------------------------------------------------

    def _concrete(self, what: str) -> Any:
        """The array. While a function is being recorded there is one only for values that do not depend on what the
        function is given."""
        if state.watcher is not None:
            state.watcher.taken(self, what)
            if state.watcher.tracer is not None:
                return state.watcher.tracer.value(self, what)
        return self._data

    def item(self) -> Any:
        """The value of a tensor of one element, as a Python number.

        >>> torch.tensor([3]).item(), torch.tensor(2.5).item()
        (3, 2.5)
        """
        watcher = state.watcher
        if watcher is not None and watcher.tracer is not None:
            return watcher.tracer.item(self)
        return item_of(self._concrete("item"))

    def tolist(self) -> Any:
        """The elements as (nested lists of) Python numbers.

        >>> torch.tensor([[1, 2], [3, 4]]).tolist()
        [[1, 2], [3, 4]]
        """
        array = self._concrete("tolist")
        try:
            return in_numpy(array).tolist()
        except MemoryError as error:
            raise allocation_failed("tolist", error) from error

    def __bool__(self) -> bool:
        array = self._concrete("bool")
        if array.size != 1:
            raise RuntimeError("Boolean value of Tensor with no values is ambiguous" if array.size == 0 else
                               "Boolean value of Tensor with more than one value is ambiguous")
        return bool(item_of(array))

    def _number(self) -> Any:
        if self._data.size != 1:
            raise ValueError(f"only one element tensors can be converted to Python scalars; got shape "
                             f"{list(self._data.shape)}")
        return self.item()

    def _real_number(self, kind: str) -> Any:
        value = self._number()
        if type(value) is complex:
            if value.imag:
                raise RuntimeError(f"value cannot be converted to type {kind} without overflow")
            return value.real
        return value

    def __int__(self) -> int:
        return int(self._real_number("int64_t"))

    def __float__(self) -> float:
        return float(self._real_number("double"))

    def __complex__(self) -> complex:
        return complex(self._number())

    def __index__(self) -> int:
        if self._data.dtype.kind not in "iub" or self._data.size != 1:
            raise TypeError("only integer tensors of a single element can be converted to an index")
        return int(self.item())

    def __len__(self) -> int:
        if not self._data.ndim:
            raise TypeError("len() of a 0-d tensor")
        return int(self._data.shape[0])

    def __iter__(self) -> Iterator[Tensor]:
        if not self._data.ndim:
            raise TypeError("iteration over a 0-d tensor")
        parts: tuple[Tensor, ...] = self.unbind(0)
        return iter(parts)

    def __contains__(self, element: object) -> bool:
        if not isinstance(element, (Tensor, int, float, complex, np.number)):
            raise RuntimeError(f"Tensor.__contains__ only supports Tensor or scalar, but you passed in a "
                               f"{type(element)}.")
        found = self == element
        return bool(found._concrete("in").any()) if isinstance(found, Tensor) else bool(found)

    def __reversed__(self) -> Tensor:
        return P.flip(self, dims=(0,)) if self._data.ndim else self

    def __hash__(self) -> int:
        return id(self)

    def __repr__(self) -> str:
        return self._text("tensor" if overrides.override_of(type(self)) is None else type(self).__name__)

    def _text(self, kind: str) -> str:
        if type(self._data) is Absent:
            array: Any = self._data
        elif isinstance(self._data, ndarray):
            array = self._concrete("repr")
        else:
            shown = getattr(type(self._data), "text", None)
            return f"<traced tensor {self._data!r}>" if shown is None else shown(self._data, kind)
        edge, fn = history_shown(self)
        return tensor_repr(array, dtype_name=self.dtype.name, default_dtype_name=dtypes.get_default_dtype().name,
                           requires_grad=type(edge) is Leaf, grad_fn_name=fn, kind=kind)

    def __format__(self, spec: str) -> str:
        if type(self._data) is Absent:
            return format(repr(self), "") if not spec else object.__format__(self, spec)
        return tensor_format(self._concrete("format"), spec, text=self.__repr__, class_name=type(self).__name__)

    # --- numpy --------------------------------------------------------------------------------------------------------

    def numpy(self, *, force: bool = False) -> ndarray:
        """The elements as a numpy array that shares this tensor's memory.

        Raises where the tensor requires grad, unless ``force``: use ``detach().numpy()``.

        >>> x = torch.tensor([1.0, 2.0])
        >>> array = x.numpy()
        >>> array[0] = 10
        >>> x
        tensor([10.,  2.])
        """
        array = self._concrete("numpy")
        if type(array) is Absent:
            raise TypeError("can't convert meta device type tensor to numpy: it has no elements. Use Tensor.cpu() to "
                            "copy the tensor to host memory first.")
        if not force and state.grad and edge_of(self) is not None:
            raise RuntimeError("Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead.")
        if array.dtype.kind in "VW":
            wider = "cfloat" if array.dtype.kind == "W" else "float"
            raise TypeError(f"Got unsupported ScalarType {type_name(self.dtype.name)}: numpy has no such dtype; "
                            f"convert with .{wider}() first")
        return array

    def __array__(self, dtype: np.dtype[Any] | type | str | None = None, copy: bool | None = None) -> ndarray:
        return np.array(self.numpy(), dtype=dtype, copy=copy)

    def __array_wrap__(self, array: Array, context: object = None, return_scalar: bool = False) -> Tensor:
        if array.dtype == bool:
            array = array.astype(np.uint8)
        return make(np.asarray(array), None)

    def __dlpack__(self, *, stream: object = None, max_version: tuple[int, int] | None = None,
                   dl_device: tuple[Any, int] | None = None, copy: bool | None = None) -> Any:
        """A DLPack capsule of this tensor's memory, for other array libraries' ``from_dlpack``. Raises BufferError for
        one that requires grad or has no memory."""
        array = self._concrete("__dlpack__")
        if edge_of(self) is not None:
            raise BufferError("Can't export tensors that require gradient, use tensor.detach()")
        if type(array) is Absent:
            raise BufferError("[__dlpack__] a tensor with memory was expected; got one of the meta device")
        if stream is not None and not isinstance(stream, int):
            raise TypeError(f"[__dlpack__] an integer or None was expected as stream; got {type(stream).__name__}")
        if self.dtype.name in CODES:
            return exported(array, self.dtype.name, max_version=max_version, dl_device=dl_device, copy=copy)
        return array.__dlpack__(max_version=max_version, dl_device=dl_device, copy=copy)  # on the CPU none waits

    def __dlpack_device__(self) -> tuple[int, int]:
        """(1, 0): DLPack's word for the CPU. Raises ValueError on the meta device."""
        if type(self._data) is Absent:
            raise ValueError("Unknown device type meta for Dlpack")
        return 1, 0

    # --- copies -------------------------------------------------------------------------------------------------------

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        if id(self) in memo:
            return memo[id(self)]
        if not self.is_leaf:
            raise RuntimeError("Only Tensors created explicitly by the user (graph leaves) support the deepcopy "
                               "protocol at the moment.")
        if type(self._data) is Absent:
            return self._copied_nowhere(memo)
        root, geometry = _stored(self._concrete("deepcopy"))
        if id(root) not in memo:
            memo[id(root)] = root.copy(order="K")  # tensors that share memory share its copy
        out = self._like(_shown(memo[id(root)], self._data.dtype, geometry))
        memo[id(self)] = out
        if self.requires_grad:
            out.requires_grad_()
        grad = self.grad if type(self._edge) is Leaf else None
        if grad is not None:
            out.grad = grad.__deepcopy__(memo)
        if self.__dict__:
            import copy

            out.__dict__.update(copy.deepcopy(self.__dict__, memo))
        return out

    def _copied_nowhere(self, memo: dict[int, Any]) -> Tensor:
        out = memo[id(self)] = self._like(self._data.again())
        return out.requires_grad_(self.requires_grad)

    def _like(self, array: Any) -> Tensor:
        """A tensor of this class around an array."""
        out = object.__new__(type(self))
        out._data = array
        out._edge = out._alias = out._cell = out._rare = None
        return out

    def __reduce_ex__(self, protocol: SupportsIndex) -> tuple[Any, ...]:
        if type(self._data) is Absent:
            return _rebuild_absent, (type(self), tuple(self._data.shape), self.dtype.name, self.stride(),
                                     self.requires_grad, dict(self.__dict__))
        root, geometry = _stored(self._concrete("pickle"))
        # Under the same key as its owner's memory, so that tensors which share memory do so again when read back.
        stored = root.view(f"u{root.itemsize}") if root.dtype.kind in "VW" else root
        return _rebuild, (type(self), stored, self.dtype.name, geometry, self.requires_grad, dict(self.__dict__))


TENSORS.add(Tensor)
NOT_WRAPPED = {vars(Tensor)[name].__get__ for name in ("_base", "grad")}
"""Attributes that are tensors already: `Tensor.__torch_function__` leaves them as they are."""
overrides.PLAIN.add(Tensor)


def engine(*arguments: Any) -> None:
    """Runs the tape back from a tensor. The engine puts `backward` here."""
    raise RuntimeError("wengert.autograd has not been imported")


def viewer() -> Callable[..., Any]:
    """Loads the function behind `Tensor.graph`. The public face puts the viewer here."""
    raise RuntimeError("wengert has not been imported")


_Geometry = tuple[tuple[int, ...], tuple[int, ...], int]


def _stored(array: ndarray) -> tuple[ndarray, _Geometry | None]:
    """The memory that is kept for a tensor, and how the tensor lies in it: (shape, strides, offset), in bytes."""
    root = root_of(array)
    if root is array or root.itemsize != array.itemsize or not (root.flags.c_contiguous or root.flags.f_contiguous):
        return array, None
    offset = array.__array_interface__["data"][0] - root.__array_interface__["data"][0]
    return root, (array.shape, array.strides, offset if array.size else 0)


def _shown(root: ndarray, dtype: np.dtype[Any], geometry: _Geometry | None) -> ndarray:
    """The array that lies in its memory as `_stored` found."""
    if geometry is None:
        return root.view(dtype)
    return laid_out("unpickle", bytes_of(root), dtype, *geometry)


def _rebuild(cls: type, stored: ndarray, dtype: str, geometry: _Geometry | None, requires_grad: bool,
             attributes: dict[str, Any]) -> Tensor:
    """Unpickles a tensor."""
    out: Any = object.__new__(cls)
    out._data = _shown(stored, dtypes.by_name(dtype).numpy, geometry)
    out._edge = out._alias = out._cell = out._rare = None
    out.__dict__.update(attributes)
    if requires_grad:
        out.requires_grad_()
    return out


def _rebuild_absent(cls: type, shape: tuple[int, ...], dtype: str, strides: tuple[int, ...], requires_grad: bool,
                    attributes: dict[str, Any]) -> Tensor:
    """Unpickles a meta tensor."""
    out: Any = object.__new__(cls)
    out._data = absent(shape, dtypes.by_name(dtype).numpy, strides)
    out._edge = out._alias = out._cell = out._rare = None
    out.__dict__.update(attributes)
    return out.requires_grad_(requires_grad)


def root_of(array: Array) -> Any:
    """The array that owns the memory of which ``array`` shows a part, also by numpy's `as_strided`."""
    while isinstance(base := array.base, ndarray) or isinstance(base := getattr(base, "base", None), ndarray):
        array = base
    return array


def item_of(array: Any) -> Any:
    """The value of an array of one element, as a Python number."""
    if array.size != 1:
        raise RuntimeError(f"a Tensor with {array.size} elements cannot be converted to Scalar")
    try:
        value = array.item()
    except NoDataError as error:
        raise RuntimeError("[item] a tensor with elements was expected: Tensor.item() cannot be called on meta "
                           "tensors") from error
    return in_numpy(array).item() if array.dtype.kind in "VW" else value


def make(data: Any, edge: Edge | None) -> Tensor:
    """A tensor around an array (shared, not copied), with the given edge to the tape."""
    if type(data) is ndarray:
        out = object.__new__(Tensor)
        out._data = data
    else:
        out = unlike(data)
    out._edge = edge
    out._alias = out._cell = out._rare = None
    if state.watcher is not None:
        state.watcher.made(out)
    return out


def unlike(data: Any) -> Tensor:
    """The beginning of a tensor around what is no array: a number of numpy's, or what stands for an array."""
    out: Tensor = object.__new__(getattr(type(data), "tensor_class", Tensor))
    out._data = np.asarray(data) if isinstance(data, np.generic) else data
    return out


def numbers_in(value: Any) -> Any:
    """The array of the numbers in a tensor, of a sparse one those that it keeps; anything else as it is."""
    data = getattr(value, "_data", value)
    return data.values if hasattr(type(data), "tensor_class") else data


def wrap(array: Array | np.generic) -> Tensor:
    """A tensor around an array: no copy, no history."""
    return make(array, None)


tape.restored = make

__all__ = ["TENSORS", "Tensor", "make", "wrap"]
