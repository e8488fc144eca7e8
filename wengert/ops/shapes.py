"""Other shapes of the same elements: views where the memory allows, as in PyTorch.

Every function here returns a tensor that shares its operand's memory and history (see ``tensors/alias.py``), except
where its text says that it may copy.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from ..autograd.levels import place_of
from ..core.dtypes import from_numpy
from ..core.errors import InplaceError, ShapeError
from ..core.frames import warn
from ..core.geometry import check_inside, strided_view
from ..core.primitive import P
from ..core.spec import Size, wrap_dim, wrap_dims
from ..core.spec import broadcast_shapes as broadcast_sizes
from ..core.state import state
from ..tensors.absent import Absent, is_readable
from ..tensors.alias import check_writable, type_name, untrack, version_cell, wrote
from ..tensors.hot import unary
from ..tensors.inplace import check_types
from ..tensors.tape import Leaf
from ..tensors.tensor import Tensor, make
from .arguments import check_given, dtype_of, integer, integers, only, sizes_of, tensors_of
from .registry import function, method

ndarray = np.ndarray
_reshape, _permute, _slice = unary(P.reshape), unary(P.permute), unary(P.slice)


def inferred(sizes: tuple[int, ...], x: Tensor, op: str) -> tuple[int, ...]:
    """Sizes with the one -1 among them replaced by what the number of elements of ``x`` leaves for it."""
    count = x._data.size
    if -1 in sizes:
        rest = -prod(sizes)
        if sizes.count(-1) > 1:
            raise ShapeError(f"[{op}] only one dimension can be inferred; got {list(sizes)}")
        if not rest:
            if not count:
                raise ShapeError(f"[{op}] cannot reshape tensor of 0 elements into shape {list(sizes)} because the "
                                 f"unspecified dimension size -1 can be any value and is ambiguous")
        elif count % rest == 0:
            return tuple([count // rest if n == -1 else n for n in sizes])
    elif prod(sizes) == count:
        return sizes
    raise ShapeError(f"[{op}] shape '{list(sizes)}' is invalid for input of size {count}; got a tensor of shape "
                     f"{list(x._data.shape)}")


# --- reshaping --------------------------------------------------------------------------------------------------------


@method("view")
def view(self: Tensor, *shape: Any, size: Any = None, dtype: Any = None) -> Tensor:
    """The same elements in another shape; one size may be -1. ``x.view(dtype)`` reads the bytes as another dtype.

    Raises RuntimeError where the strides do not allow a view: use `reshape` or ``contiguous().view(...)``.

    >>> x = torch.arange(6)
    >>> x.view(2, 3)
    tensor([[0, 1, 2],
            [3, 4, 5]])
    >>> x.view(-1, 2).shape
    torch.Size([3, 2])
    """
    if dtype is not None or (len(shape) == 1 and not isinstance(shape[0], (int, tuple, list, Tensor, np.integer))):
        return _view_dtype(self, dtype if dtype is not None else shape[0])
    if not shape and size is None:
        raise TypeError("view() received an invalid combination of arguments - got (), but sizes, or a dtype, were "
                        "expected")
    sizes = inferred(sizes_of(shape if size is None else (size,), "view", True), self, "view")
    out: Tensor = _reshape(self, params={"shape": sizes})
    if out._alias is None and type(out._data) in (ndarray, Absent):
        raise ShapeError("[view] view size is not compatible with input tensor's size and stride (at least one "
                         f"dimension spans across two contiguous subspaces). Use .reshape(...) instead. Got shape "
                         f"{list(self._data.shape)} with "
                         f"strides {list(self.stride())} to view as {list(sizes)}")
    return out


def _view_dtype(x: Tensor, dtype: Any) -> Tensor:
    wanted = dtype_of(dtype)
    if wanted is None:
        raise TypeError("view(): argument 'size' must be tuple of ints, not NoneType")
    if x.dtype.itemsize != wanted.itemsize:
        _check_view_dtype(x, wanted)
    cell = version_cell(x)
    data = x._data.view(wanted.numpy)
    if not data.size and data.ndim:  # of which numpy forgets the strides
        ratio = x.dtype.itemsize / wanted.itemsize
        data = strided_view(data, data.shape, [*(int(n * ratio) * wanted.itemsize for n in x.stride()[:-1]),
                                               (x.stride(-1) if ratio == 1 else 1) * wanted.itemsize])
    out = make(data, None)
    out._cell = cell
    return out


def _check_view_dtype(x: Tensor, wanted: Any) -> None:
    """Raises unless the elements of a tensor can be read as ones of another size."""
    names = f"{type_name(x._data.dtype)} as {type_name(wanted)} (different element sizes)"
    ratio = wanted.itemsize // x.dtype.itemsize
    why = None
    if not x.ndim:
        why = f"self.dim() cannot be 0 to view {names}"
    elif ratio and x.shape[-1] % ratio:
        why = f"self.size(-1) must be divisible by {ratio} to view {names}, but got {x.shape[-1]}"
    elif ratio and x.storage_offset() % ratio:
        why = f"self.storage_offset() must be divisible by {ratio} to view {names}, but got {x.storage_offset()}"
    elif x.stride(-1) != 1:
        why = f"self.stride(-1) must be 1 to view {names}, but got {x.stride(-1)}"
    elif ratio:
        odd = next((dim for dim, n in enumerate(x.stride()[:-1]) if n % ratio), None)
        if odd is not None:
            why = f"self.stride({odd}) must be divisible by {ratio} to view {names}, but got {x.stride(odd)}"
    if why is not None:
        raise ShapeError(f"[view] {why}; make a copy that fits, with .contiguous() or .reshape(...)")


@function(public=False, out=False, checked=True)
def view_as(self: Tensor, other: Tensor) -> Tensor:
    """This tensor in the shape of ``other``, as a view.

    >>> torch.arange(4).view_as(torch.zeros(2, 2))
    tensor([[0, 1],
            [2, 3]])
    """
    return view(self, other._data.shape)


@function(out=False)
def reshape(input: Tensor, *shape: Any, **named: Any) -> Tensor:
    """The same elements, in row-major order, in another shape; one size may be -1. A view where the strides allow it,
    else a copy.

    >>> torch.reshape(torch.arange(6), (2, -1))
    tensor([[0, 1, 2],
            [3, 4, 5]])
    """
    if named:
        shape = (only(named, "shape", "reshape")["shape"],)
    check_given("reshape", "shape", shape)
    sizes = inferred(sizes_of(shape, "reshape", True), input, "reshape")
    return _reshaped(input, sizes)


def _reshaped(x: Tensor, sizes: tuple[int, ...]) -> Tensor:
    out: Any = _reshape(x, params={"shape": sizes})
    if out._alias is None and out._edge is not None:
        out._edge.params = {"shape": sizes, "label": "UnsafeView"}
    return out


@function(public=False, out=False, checked=True)
def reshape_as(self: Tensor, other: Tensor) -> Tensor:
    """This tensor in the shape of ``other``; a copy where no view can be had.

    >>> torch.arange(4).reshape_as(torch.zeros(2, 2))
    tensor([[0, 1],
            [2, 3]])
    """
    return reshape(self, tuple(other._data.shape))


@function(out=False)
def flatten(input: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """Dimensions ``start_dim`` to ``end_dim`` joined into one. A view where the strides allow it, else a copy.

    >>> torch.flatten(torch.zeros(2, 3, 4)).shape, torch.flatten(torch.zeros(2, 3, 4), start_dim=1).shape
    (torch.Size([24]), torch.Size([2, 12]))
    """
    shape = input._data.shape
    start, end = wrap_dim(start_dim, len(shape), "flatten"), wrap_dim(end_dim, len(shape), "flatten")
    if start > end:
        raise RuntimeError(f"[flatten] start_dim cannot come after end_dim; got {start_dim} and {end_dim}")
    if start == end and shape:
        return input
    return _reshaped(input, (*shape[:start], prod(shape[start:end + 1]), *shape[end + 1:]))


@function(out=False)
def ravel(input: Tensor) -> Tensor:
    """All elements in one dimension. A view where they lie in row-major order, else a copy.

    >>> torch.ravel(torch.tensor([[1, 2], [3, 4]]))
    tensor([1, 2, 3, 4])
    """
    return _reshaped(input.contiguous(), (prod(input._data.shape),))


@function(out=False)
def unflatten(input: Tensor, dim: int, sizes: Any) -> Tensor:
    """Dimension ``dim`` split into dimensions of the given sizes; one may be -1.

    >>> torch.unflatten(torch.zeros(2, 12), 1, (3, -1)).shape
    torch.Size([2, 3, 4])
    """
    shape = input._data.shape
    dim = wrap_dim(dim, len(shape), "unflatten")
    parts = integers(sizes, "unflatten")
    if not parts:
        raise RuntimeError("[unflatten] unflatten: sizes must be non-empty; got ()")
    known = -prod(parts)
    if parts.count(-1) == 1 and known and shape[dim] % known == 0:
        parts = tuple(shape[dim] // known if n == -1 else n for n in parts)
    if prod(parts) != shape[dim]:
        raise ShapeError(f"[unflatten] Provided sizes {list(integers(sizes, 'unflatten'))} don't multiply up to "
                         f"the size of dim {dim} ({shape[dim]}) in the input tensor")
    return view(input, *shape[:dim], *parts, *shape[dim + 1:])


@function(out=False)
def squeeze(input: Tensor, *dim: Any, **named: Any) -> Tensor:
    """Without dimensions of size 1: all of them, or those of ``dim``, an int or a tuple, that have size 1.

    >>> x = torch.zeros(1, 2, 1, 3)
    >>> torch.squeeze(x).shape, torch.squeeze(x, 0).shape
    (torch.Size([2, 3]), torch.Size([2, 1, 3]))
    """
    if named:
        dim = (only(named, "dim", "squeeze")["dim"],)
    shape = input._data.shape
    if not dim:
        return P.reshape(input, shape=tuple([n for n in shape if n != 1]), label="SqueezeBackward0")
    single = not isinstance(dim[0], (tuple, list))
    listed = integers(dim[0] if len(dim) == 1 else dim, "squeeze")
    gone = wrap_dims(listed, len(shape), "squeeze") if listed else ()
    label = "SqueezeBackward1" if single else "SqueezeBackward2"
    kept = tuple([n for i, n in enumerate(shape) if n != 1 or i not in gone])
    return _reshape(input, params={"shape": kept, "label": label})


@function(out=False)
def unsqueeze(input: Tensor, dim: int) -> Tensor:
    """With a dimension of size 1 put in at ``dim``.

    >>> torch.unsqueeze(torch.tensor([1, 2, 3]), 1)
    tensor([[1],
            [2],
            [3]])
    """
    shape = input._data.shape
    place = wrap_dim(dim, len(shape) + 1, "unsqueeze")
    return _reshape(input, params={"shape": (*shape[:place], 1, *shape[place:]), "label": "Unsqueeze"})


# --- order of dimensions ----------------------------------------------------------------------------------------------


@function(out=False)
def permute(input: Tensor, *dims: Any, **named: Any) -> Tensor:
    """Dimensions in the order ``dims``: ``x.permute(2, 0, 1)`` or ``torch.permute(x, (2, 0, 1))``.

    >>> torch.permute(torch.zeros(2, 3, 4), (2, 0, 1)).shape
    torch.Size([4, 2, 3])
    """
    if named:
        dims = (only(named, "dims", "permute")["dims"],)
    check_given("permute", "dims", dims)
    order = integers(dims[0] if len(dims) == 1 and isinstance(dims[0], (tuple, list)) else dims, "permute")
    rank = input._data.ndim
    if len(order) != rank:
        raise RuntimeError(f"permute(): number of dimensions in the "
                           f"tensor input does not match the length of the "
                           f"desired ordering of dimensions i.e. input.dim() = {rank} is not equal to len(dims) = "
                           f"{len(order)}")
    return _permute(input, params={"dims": wrap_dims(order, rank, "permute") if order else ()})


def _swapped(x: Tensor, dim0: int, dim1: int, label: str) -> Tensor:
    rank = x._data.ndim
    first, second = wrap_dim(dim0, rank, "transpose"), wrap_dim(dim1, rank, "transpose")
    order = [*range(rank)]
    if rank:
        order[first], order[second] = second, first
    return _permute(x, params={"dims": tuple(order), "label": label})


@function(out=False)
def transpose(input: Tensor, dim0: int, dim1: int) -> Tensor:
    """With two dimensions exchanged.

    >>> torch.transpose(torch.tensor([[1, 2, 3], [4, 5, 6]]), 0, 1)
    tensor([[1, 4],
            [2, 5],
            [3, 6]])
    """
    return _swapped(input, dim0, dim1, "Transpose")


@function(out=False, aliases=("swapdims",))
def swapaxes(input: Tensor, axis0: int, axis1: int) -> Tensor:
    """With two dimensions exchanged: `transpose` under numpy's name.

    >>> torch.swapaxes(torch.zeros(2, 3, 4), 0, 2).shape
    torch.Size([4, 3, 2])
    """
    return _swapped(input, axis0, axis1, "Transpose")


@function(out=False)
def t(input: Tensor) -> Tensor:
    """The transposed matrix; a vector or number as it is. Raises RuntimeError for more than two dimensions.

    >>> torch.t(torch.tensor([[1, 2], [3, 4]]))
    tensor([[1, 3],
            [2, 4]])
    """
    rank = input._data.ndim
    if rank > 2:
        raise RuntimeError(f"t() expects a tensor with <= 2 dimensions, but self is {rank}D; use .mT or "
                           f".transpose(dim0, dim1)")
    return _permute(input, params={"dims": (1, 0) if rank == 2 else tuple(range(rank)), "label": "T"})


def _all_turned(self: Tensor) -> Tensor:
    """With all dimensions in reverse order, as a view; of a matrix the transposed one.

    >>> torch.tensor([[1, 2], [3, 4]]).T
    tensor([[1, 3],
            [2, 4]])
    """
    return _permute(self, params={"dims": tuple(range(self._data.ndim - 1, -1, -1))})


def _matrices_turned(self: Tensor) -> Tensor:
    """With the last two dimensions exchanged, as a view. Raises RuntimeError for fewer than two dimensions.

    >>> torch.ones(2, 3, 4).mT.shape
    torch.Size([2, 4, 3])
    """
    if not self._data.ndim:
        warn("Tensor.mT is deprecated on 0-D tensors. This function is the identity in these cases.", UserWarning)
        return self
    if self._data.ndim < 2:
        raise RuntimeError(f"tensor.mT is only supported on matrices or batches of matrices. Got "
                           f"{self._data.ndim}-D tensor.")
    return _swapped(self, -2, -1, "Transpose")


@function(out=False)
def adjoint(input: Tensor) -> Tensor:
    """With the last two dimensions exchanged, and conjugated (a copy, where complex).

    >>> torch.adjoint(torch.tensor([[1 + 2j, 3], [0, 1j]]))
    tensor([[1.-2.j, 0.-0.j],
            [3.-0.j, 0.-1.j]])
    """
    if not input._data.ndim:
        warn("adjoint() is deprecated on 0-D tensors. Consider using x.conj().", UserWarning)
    elif input._data.ndim < 2:
        raise ShapeError("tensor.adjoint() is only supported on matrices or batches of matrices. Got 1-D tensor.")
    turned = _swapped(input, -2, -1, "Transpose") if input._data.ndim else input
    return P.conj(turned) if input.is_complex() else turned


def _matrix_adjoint(self: Tensor) -> Tensor:
    """The conjugate transpose of a matrix. Raises RuntimeError unless it has two dimensions, or none.

    >>> torch.tensor([[1 + 2j, 3], [0, 1j]]).H
    tensor([[1.-2.j, 0.-0.j],
            [3.-0.j, 0.-1.j]])
    """
    if self._data.ndim not in (0, 2):
        raise RuntimeError(f"tensor.H is only supported on matrices (2-D tensors). Got {self._data.ndim}-D tensor.")
    return adjoint(self)


Tensor.T = property(_all_turned)  # type: ignore[attr-defined]
Tensor.mT = property(_matrices_turned)  # type: ignore[attr-defined]
Tensor.H = property(_matrix_adjoint)  # type: ignore[attr-defined]
Tensor.mH = property(adjoint)  # type: ignore[attr-defined]


@function(out=False, aliases=("moveaxis",))
def movedim(input: Tensor, source: Any, destination: Any) -> Tensor:
    """With the dimensions ``source`` moved to the places ``destination``; the others keep their order.

    >>> torch.movedim(torch.zeros(2, 3, 4), 0, -1).shape
    torch.Size([3, 4, 2])
    """
    rank = input._data.ndim
    if isinstance(source, (tuple, list)) != isinstance(destination, (tuple, list)):
        raise TypeError("movedim() received an invalid combination of arguments - got "
                        f"({type(source).__name__}, {type(destination).__name__}), but expected two ints, or two "
                        "tuples of ints")
    come = tuple(wrap_dim(d, rank, "movedim") for d in integers(source, "movedim"))
    go = tuple(wrap_dim(d, rank, "movedim") for d in integers(destination, "movedim"))
    if len(come) != len(go):
        raise RuntimeError(f"movedim: Invalid source or destination dims: source ({list(come)} dims) should "
                           f"contain the same number of dims as destination ({list(go)} dims)")
    for word, dims in (("source", come), ("destination", go)):
        if len(set(dims)) != len(dims):
            raise RuntimeError(f"movedim: repeated dim in `{word}` ({list(dims)}); name each dimension once")
    places = dict(zip(go, come, strict=True))
    rest = iter([d for d in range(rank) if d not in come])
    return P.permute(input, dims=tuple(places[i] if i in places else next(rest) for i in range(rank)))


# --- repetition without copies ----------------------------------------------------------------------------------------


@method("expand")
def expand(self: Tensor, *size: Any, implicit: bool = False, **named: Any) -> Tensor:
    """Dimensions of size 1 repeated to the given sizes, without a copy; -1 keeps a size. New dimensions may be put in
    front.

    >>> x = torch.tensor([[1], [2]])
    >>> x.expand(2, 3)
    tensor([[1, 1, 1],
            [2, 2, 2]])
    >>> x.expand(2, 3).stride()
    (1, 0)
    """
    if named:
        size = (only(named, "size", "expand")["size"],)
    check_given("expand", "size", size)
    sizes = sizes_of(size, "expand", negative=True)
    shape = self._data.shape
    lead = len(sizes) - len(shape)
    if lead < 0:
        raise RuntimeError(f"expand({list(shape)}, size={list(sizes)}): the number of sizes provided "
                           f"({len(sizes)}) must be greater "
                           f"or equal to the number of dimensions in the tensor ({len(shape)})")
    wanted = []
    for place, n in enumerate(sizes):
        have = shape[place - lead] if place >= lead else 1
        if n == -1:
            if place < lead:
                raise RuntimeError(f"expand({list(shape)}, size={list(sizes)}): The expanded size of the tensor "
                                   f"(-1) isn't allowed in a leading, non-existing dimension {place}")
            n = have
        if have not in (1, n):
            raise ShapeError(f"[expand] The expanded size of the tensor ({n}) must match the existing size ({have}) at "
                             f"non-singleton dimension {place}. Target sizes: {list(sizes)}. Tensor sizes: "
                             f"{list(shape)}")
        wanted.append(n)
    return P.expand(self, shape=tuple(wanted))


@function(public=False, out=False, checked=True)
def expand_as(self: Tensor, other: Tensor) -> Tensor:
    """This tensor expanded to the shape of ``other``.

    >>> torch.tensor([1, 2, 3]).expand_as(torch.zeros(2, 3))
    tensor([[1, 2, 3],
            [1, 2, 3]])
    """
    return expand(self, other._data.shape)


@function(out=False)
def broadcast_to(input: Tensor, *size: Any, **named: Any) -> Tensor:
    """``input`` expanded to ``size``: sizes, or a tuple of them.

    >>> torch.broadcast_to(torch.tensor([1, 2, 3]), (2, 3))
    tensor([[1, 2, 3],
            [1, 2, 3]])
    """
    return expand(input, sizes_of((only(named, "size", "broadcast_to")["size"],) if named else size, "broadcast_to",
                                  negative=True))


@function(method=False, out=False, takes_tensor=False)
def broadcast_tensors(*tensors: Any) -> tuple[Tensor, ...]:
    """The tensors expanded to the one shape to which they broadcast.

    >>> a, b = torch.broadcast_tensors(torch.tensor([1, 2]), torch.tensor([[10], [20]]))
    >>> a
    tensor([[1, 2],
            [1, 2]])
    """
    listed = tensors_of(tensors[0] if len(tensors) == 1 and isinstance(tensors[0], (tuple, list)) else tensors,
                        "broadcast_tensors")
    shape = broadcast_sizes(*(x._data.shape for x in listed), op="broadcast_tensors")
    return tuple(x if x._data.shape == shape else expand(x, *shape) for x in listed)


@function(method=False, out=False, takes_tensor=False)
def broadcast_shapes(*shapes: Any) -> Size:
    """The shape to which the given shapes broadcast. Raises RuntimeError where they do not.

    >>> torch.broadcast_shapes((2, 1, 3), (4, 1))
    torch.Size([2, 4, 3])
    """
    for shape in shapes:
        if isinstance(shape, float):
            raise RuntimeError(f"Input shapes should be of type ints, a tuple of ints, or a list of ints, got {shape}")
    listed = [integers(shape, "broadcast_shapes") for shape in shapes]
    if any(n < 0 for shape in listed for n in shape):
        raise ValueError("[broadcast_shapes] Attempting to broadcast a dimension with negative length!; got "
                         f"{', '.join(map(str, listed))}")
    return Size(broadcast_sizes(*listed, op="broadcast_shapes"))


# --- parts ------------------------------------------------------------------------------------------------------------


def sliced(x: Tensor, dim: int, start: int, stop: int, label: str = "Slice") -> Tensor:
    """Positions ``start`` to ``stop`` of one dimension; ``label`` is what the node is called."""
    return _slice(x, params={"index": (slice(None),) * dim + (slice(start, stop),), "label": label})


@function(out=False)
def narrow(input: Tensor, dim: int, start: Any, length: int) -> Tensor:
    """``length`` positions of dimension ``dim`` from ``start`` on.

    >>> x = torch.arange(6)
    >>> torch.narrow(x, 0, 2, 3)
    tensor([2, 3, 4])
    """
    shape = input._data.shape
    if not shape:
        raise RuntimeError("narrow() cannot be applied to a 0-dim tensor.")
    if isinstance(start, Tensor) and (start._data.ndim or start._data.dtype.kind not in "iu"):
        raise RuntimeError(f"[narrow] start must be an 0-dim integral Tensor; got {start.dtype} of shape "
                           f"{tuple(start.shape)}")
    dim, first, length = wrap_dim(dim, len(shape), "narrow"), integer(start, "narrow"), integer(length, "narrow")
    n = shape[dim]
    if length < 0:
        raise RuntimeError("narrow(): length must be non-negative.")
    if not -n <= first <= n:
        raise IndexError(f"start out of range (expected to be in range of [{-n}, {n}], but got {first})")
    first += n if first < 0 else 0
    if first + length > n:
        raise RuntimeError(f"start ({first}) + length ({length}) exceeds dimension size ({n}).")
    return sliced(input, dim, first, first + length)


@function(out=False)
def select(input: Tensor, dim: int, index: Any) -> Tensor:
    """The part at one position of dimension ``dim``, without that dimension.

    >>> torch.select(torch.tensor([[1, 2], [3, 4]]), 1, 0)
    tensor([1, 3])
    """
    shape = input._data.shape
    if not shape:
        raise IndexError("select() cannot be applied to a 0-dim tensor.")
    dim, place = wrap_dim(dim, len(shape), "select"), integer(index, "select")
    if not -shape[dim] <= place < shape[dim]:
        raise IndexError(f"select(): index {place} out of range for tensor of size {list(shape)} at dimension {dim}")
    return _slice(input, params={"index": (slice(None),) * dim + (place,)})


@function(out=False)
def diagonal(input: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """The diagonal of two dimensions, as the last dimension; ``offset`` counts to the right.

    >>> x = torch.arange(9).reshape(3, 3)
    >>> torch.diagonal(x), torch.diagonal(x, offset=1)
    (tensor([0, 4, 8]), tensor([1, 5]))
    """
    rank = input._data.ndim
    first, second = wrap_dim(dim1, rank, "diagonal"), wrap_dim(dim2, rank, "diagonal")
    if first == second:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    return P.diagonal(input, offset=offset, dim1=first, dim2=second)


@function(public=False, out=False, checked=True)
def unfold(self: Tensor, dimension: int, size: int, step: int) -> Tensor:
    """Windows of ``size`` positions along a dimension, ``step`` apart, as a view with the window as last dimension.

    >>> torch.arange(5).unfold(0, 3, 1)
    tensor([[0, 1, 2],
            [1, 2, 3],
            [2, 3, 4]])
    """
    shape = self._data.shape
    place = wrap_dim(dimension, len(shape), "unfold")
    n = shape[place] if shape else 1
    if size > n:
        raise RuntimeError(f"maximum size for tensor at dimension {place} is {n} but size is {size}")
    if step <= 0:
        raise RuntimeError(f"step is {step} but must be > 0")
    if not shape:
        return P.reshape(self, shape=(1,)) if size else sliced(P.reshape(self, shape=(1,)), 0, 0, 0)
    return P.unfold(self, dimension=place, size=size, step=step)


@function(out=False, checked=True)
def as_strided(input: Tensor, size: Any, stride: Any, storage_offset: int | None = None) -> Tensor:
    """The memory of ``input`` read with other sizes, strides and offset, in elements. Raises RuntimeError where this
    reaches beyond the memory.

    >>> x = torch.arange(6)
    >>> torch.as_strided(x, (4, 3), (1, 1))
    tensor([[0, 1, 2],
            [1, 2, 3],
            [2, 3, 4],
            [3, 4, 5]])
    """
    sizes, steps = sizes_of((size,), "as_strided"), integers(stride, "as_strided")
    if len(sizes) != len(steps):
        raise RuntimeError(f"mismatch in length of strides and shape: {list(steps)} and {list(sizes)}")
    start, room = place_of(input, storage_offset is not None)
    offset = start if storage_offset is None else storage_offset
    if any(step < 0 for step in steps) or offset < 0:
        raise RuntimeError(f"[as_strided] Negative strides and offsets are not supported; got strides "
                           f"{list(steps)} and offset {offset}")
    check_inside("as_strided", room, sizes, steps, offset)
    return P.as_strided(input, size=sizes, stride=steps, offset=offset, geometry=(input.stride(), start))


# --- complex and real -------------------------------------------------------------------------------------------------


@function(method=False, out=False)
def real(input: Tensor) -> Tensor:
    """The real parts, as a view; of a real tensor the tensor itself.

    >>> torch.real(torch.tensor([1 + 2j, 3 - 4j]))
    tensor([1., 3.])
    """
    return P.real(input) if input.is_complex() else input


@function(method=False, out=False)
def imag(input: Tensor) -> Tensor:
    """The imaginary parts, as a view. Raises RuntimeError for a real tensor.

    >>> x = torch.tensor([1 + 2j, 3 - 4j])
    >>> torch.imag(x)
    tensor([ 2., -4.])
    """
    if not input.is_complex():
        raise RuntimeError("imag is not implemented for tensors with non-complex dtypes.")
    return P.imag(input)


def _set_real(self: Tensor, value: Any) -> None:
    real(self).copy_(value)


def _set_imag(self: Tensor, value: Any) -> None:
    imag(self).copy_(value)


Tensor.real = property(real, _set_real)  # type: ignore[attr-defined]
Tensor.imag = property(imag, _set_imag)  # type: ignore[attr-defined]


@function(method=False, out=False)
def view_as_real(input: Tensor) -> Tensor:
    """A complex tensor as a real one with a last dimension (real, imaginary).

    >>> torch.view_as_real(torch.tensor([1 + 2j, 3 - 4j]))
    tensor([[ 1.,  2.],
            [ 3., -4.]])
    """
    if not input.is_complex():
        raise RuntimeError("view_as_real is only supported for complex tensors")
    return P.view_as_real(input)


@function(method=False, out=False)
def view_as_complex(input: Tensor) -> Tensor:
    """A real tensor with a last dimension (real, imaginary) as a complex one.

    >>> torch.view_as_complex(torch.tensor([[1.0, 2.0], [3.0, -4.0]]))
    tensor([1.+2.j, 3.-4.j])
    """
    array = input._data
    if array.dtype.char not in "efd":
        raise RuntimeError(f"view_as_complex is only supported for half, float and double tensors, but got a "
                           f"tensor of scalar type: {from_numpy(array.dtype)}")
    if not array.ndim:
        raise RuntimeError("Input tensor must have one or more dimensions")
    if array.shape[-1] != 2:
        raise RuntimeError("Tensor must have a last dimension of size 2")
    if array.size and array.strides[-1] != array.itemsize:  # numpy leaves strides of empty arrays at 0
        raise RuntimeError("Tensor must have a last dimension with stride 1")
    if array.size and any(n % (2 * array.itemsize) for n in array.strides[:-1]):
        raise RuntimeError("Tensor must have a stride divisible by 2 for all but last dimension")
    if is_readable(input) and input.storage_offset() % 2:
        raise RuntimeError("Tensor must have a storage_offset divisible by 2")
    return P.view_as_complex(input)


@function(out=False)
def resolve_conj(input: Tensor) -> Tensor:
    """The tensor itself: conjugation is never lazy here.

    >>> torch.resolve_conj(torch.tensor([1 + 2j]).conj())
    tensor([1.-2.j])
    """
    return input


@function(out=False)
def resolve_neg(input: Tensor) -> Tensor:
    """The tensor itself: negation is never lazy here.

    >>> torch.resolve_neg(torch.tensor([1.0, -2.0]))
    tensor([ 1., -2.])
    """
    return input


@method("is_conj")
def is_conj(self: Tensor) -> bool:
    """False: conjugation is never lazy here.

    >>> torch.tensor(1 + 1j).is_conj()
    False
    """
    return False


@method("is_neg")
def is_neg(self: Tensor) -> bool:
    """False: negation is never lazy here.

    >>> torch.tensor(-1.0).is_neg()
    False
    """
    return False


# --- the tensor itself in another shape -------------------------------------------------------------------------------


def _in_place(name: str, change: Any) -> None:
    def plain(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        try:
            check_writable(self, name, elements=False)
        except InplaceError:
            check_types(change, self, args, kwargs)
            raise
        place, before = self._alias, state.grad
        # What is computed later of the other shape has gradients of that one: the change is recorded even where nothing
        # else is, unless this is a leaf, which is one in any shape, or a view, which is read anew.
        state.grad = recorded = before or (place is None and self._edge is not None and type(self._edge) is not Leaf)
        try:
            part = change(self, *args, **kwargs)
        finally:
            state.grad = before
        if state.watcher is not None and state.watcher.tracer is not None:
            state.watcher.tracer.relaid(self, plain, (args, kwargs))
        self._data = part._data
        if recorded:
            self._edge = part._edge
        if place is None or not state.grad and not place.steps and type(self._edge) is Leaf:
            self._alias = None  # it stays the whole; so does a leaf, which is one in any shape
        else:  # it becomes a view like any other
            self._alias = part._alias
            if place.tracked and not state.grad:  # it goes on as the part that it was, read anew
                part._alias.tracked, part._alias.generation = True, -1
        wrote(self)
        if place is not None and not place.tracked:
            untrack(self, place.tracked)
        return self

    plain.__doc__ = f"In-place `{name[:-1]}`: this tensor itself takes the other shape, in the same memory."
    method(name)(plain)


for _name, _change in {"as_strided_": as_strided, "squeeze_": squeeze, "unsqueeze_": unsqueeze, "transpose_": transpose,
                       "swapaxes_": swapaxes, "swapdims_": swapaxes, "t_": t}.items():
    _in_place(_name, _change)
