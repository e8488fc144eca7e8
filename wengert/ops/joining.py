"""Tensors put together and taken apart, repeated and reversed."""

from __future__ import annotations

import builtins
import itertools
from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from ..core.dtypes import get_default_dtype
from ..core.errors import DTypeError, RankError, ShapeError
from ..core.frames import warn
from ..core.geometry import TENSOR, check_room
from ..core.layout import has_channels_last
from ..core.primitive import P
from ..core.spec import wrap_dim, wrap_dims
from ..tensors.alias import own, type_name
from ..tensors.apply import in_one_node, result_type
from ..tensors.evaluation import one_by_one
from ..tensors.tape import labelled
from ..tensors.tensor import Tensor, make
from .arguments import check_given, integer, integers, only, tensors_of
from .conversion import cast
from .registry import function, method
from .shapes import expand, sliced, unsqueeze, view

# --- together ---------------------------------------------------------------------------------------------------------


def _joined(listed: tuple[Tensor, ...], dim: int, op: str) -> Tensor:
    """Tensors one after another, in their common dtype. As in PyTorch, an empty vector fits beside every shape."""
    if not listed:
        raise ValueError(f"[{op}] expected a non-empty list of Tensors")
    counted = [x for x in listed if x._data.shape != (0,)] or list(listed[:1])
    first = counted[0]._data.shape
    if not first:
        raise RuntimeError(f"zero-dimensional tensor (at position {listed.index(counted[0])}) cannot be "
                           f"concatenated [{op}]")
    place = wrap_dim(dim, len(first), op)
    for x in counted:
        shape = x._data.shape
        if shape == first:
            continue
        if len(shape) != len(first):
            raise ShapeError(f"[{op}] Tensors must have same number of dimensions: got {len(first)} and "
                             f"{len(shape)}; the shapes are {', '.join(str(tuple(y._data.shape)) for y in listed)}")
        if shape[:place] + shape[place + 1:] != first[:place] + first[place + 1:]:
            wrong = next(d for d, (n, m) in enumerate(zip(shape, first, strict=True)) if d != place and n != m)
            number = next(i for i, y in enumerate(listed) if y is x)
            raise ShapeError(f"[{op}] Sizes of tensors must match except in dimension {place}. Expected size "
                             f"{first[wrong]} but got size {shape[wrong]} for tensor number {number} in the list; the "
                             f"shapes are "
                             f"{', '.join(str(tuple(y._data.shape)) for y in listed)}")
    dtype = listed[0]._data.dtype
    if any([x._data.dtype is not dtype for x in listed]):
        target = result_type(op, listed)
        counted = [cast(x, target) for x in counted]
    return P.cat(*counted, dim=place)


@function(method=False, aliases=("concat", "concatenate"), takes_tensor=False)
def cat(tensors: Any, dim: int = 0) -> Tensor:
    """Tensors one after another along an existing dimension; all other sizes must be the same.

    >>> import wengert as torch
    >>> torch.cat([torch.zeros(2), torch.ones(1)])
    tensor([0., 0., 1.])
    """
    return _joined(tensors_of(tensors, "cat"), dim, "cat")


@function(method=False, takes_tensor=False)
def stack(tensors: Any, dim: int = 0) -> Tensor:
    """Tensors of one shape along a new dimension.

    >>> torch.stack([torch.tensor([1, 2]), torch.tensor([3, 4])])
    tensor([[1, 2],
            [3, 4]])
    >>> torch.stack([torch.tensor([1, 2]), torch.tensor([3, 4])], dim=1)
    tensor([[1, 3],
            [2, 4]])
    """
    listed = tensors_of(tensors, "stack")
    if not listed:
        raise RuntimeError("[stack] stack expects a non-empty TensorList")
    shape = listed[0]._data.shape
    for position, x in enumerate(listed):
        if x._data.shape != shape:
            raise ShapeError(f"[stack] stack expects each tensor to be equal size, but got {list(shape)} at entry "
                             f"0 and {list(x._data.shape)} at entry {position}")
    place = wrap_dim(dim, len(shape) + 1, "stack")
    if place < len(shape) and builtins.all([not x._data.flags.c_contiguous and has_channels_last(x._data)
                                            for x in listed]):  # images one after the other, seen apart
        whole = _joined(tuple(listed), place, "stack")
        return labelled(own(P.reshape(whole, shape=(*shape[:place], len(listed), *shape[place:]))), "Stack")
    raised = (*shape[:place], 1, *shape[place:])
    rows = tuple([P.reshape(x, shape=raised, label="Unsqueeze") for x in listed])
    return labelled(_joined(rows, place, "stack"), "Stack")


def _at_least(rank: int, shown: str) -> Callable[..., Any]:
    def raised(x: Tensor) -> Tensor:
        shape = x._data.shape
        if len(shape) >= rank:
            return x
        if rank == 3:
            return view(x, 1, prod(shape), 1) if len(shape) < 2 else unsqueeze(x, -1)
        return P.reshape(x, shape=(1,) * (rank - len(shape)) + tuple(shape))

    def plain(*tensors: Any) -> Any:
        if len(tensors) == 1 and isinstance(tensors[0], Tensor):
            return raised(tensors[0])
        listed = tensors_of(tensors[0] if len(tensors) == 1 else tensors, f"atleast_{rank}d")
        return tuple([raised(x) for x in listed])

    plain.__name__ = plain.__qualname__ = f"atleast_{rank}d"
    plain.__doc__ = (f"Tensors, one or several, with dimensions of size 1 put in until they have {rank}.\n\n"
                     f">>> torch.atleast_{rank}d(torch.tensor([4, 5])).shape\n{shown}")
    return function(method=False, out=False, takes_tensor=False)(plain)


atleast_1d = _at_least(1, "torch.Size([2])")
atleast_2d = _at_least(2, "torch.Size([1, 2])")
atleast_3d = _at_least(3, "torch.Size([1, 2, 1])")


def _some(tensors: Any, op: str) -> tuple[Tensor, ...]:
    """The tensors, of which there must be one."""
    listed = tensors_of(tensors, op)
    if not listed:
        raise RuntimeError(f"{op} expects a non-empty TensorList")
    return listed


@function(method=False, takes_tensor=False)
def hstack(tensors: Any) -> Tensor:
    """Tensors side by side: along dimension 1, vectors along dimension 0.

    >>> torch.hstack([torch.tensor([[1], [2]]), torch.tensor([[3], [4]])])
    tensor([[1, 3],
            [2, 4]])
    """
    listed = atleast_1d(list(_some(tensors, "hstack")))
    return _joined(listed, 0 if listed[0].ndim == 1 else 1, "hstack")


@function(method=False, takes_tensor=False, aliases=("row_stack",))
def vstack(tensors: Any) -> Tensor:
    """Tensors below each other: along dimension 0, vectors as rows.

    >>> torch.vstack([torch.tensor([1, 2]), torch.tensor([3, 4])])
    tensor([[1, 2],
            [3, 4]])
    """
    return _joined(tuple(atleast_2d(list(_some(tensors, "vstack")))), 0, "vstack")


@function(method=False, takes_tensor=False)
def dstack(tensors: Any) -> Tensor:
    """Tensors behind each other: along dimension 2.

    >>> torch.dstack([torch.tensor([1, 2]), torch.tensor([3, 4])])
    tensor([[[1, 3],
             [2, 4]]])
    """
    return _joined(tuple(atleast_3d(list(_some(tensors, "dstack")))), 2, "dstack")


@function(method=False, takes_tensor=False)
def column_stack(tensors: Any) -> Tensor:
    """Tensors side by side, vectors as columns.

    >>> torch.column_stack([torch.tensor([1, 2]), torch.tensor([[3, 4], [5, 6]])])
    tensor([[1, 3, 4],
            [2, 5, 6]])
    """
    listed = tensors_of(tensors, "column_stack")
    return _joined(tuple(P.reshape(x, shape=(x.numel(), 1)) if x.ndim <= 1 else x for x in listed), 1, "column_stack")


@function(method=False, out=False, takes_tensor=False)
def block_diag(*tensors: Any) -> Tensor:
    """A matrix with the given matrices (or vectors, as rows) along its diagonal, zeros elsewhere; of none, 1×0.

    >>> torch.block_diag(torch.ones(2, 2), torch.tensor([[5.0]]))
    tensor([[1., 1., 0.],
            [1., 1., 0.],
            [0., 0., 5.]])
    """
    blocks = [atleast_2d(x) for x in tensors_of(tensors, "block_diag")]
    if not blocks:
        return make(np.zeros((1, 0), get_default_dtype().numpy), None)
    for position, block in enumerate(blocks):
        if block.ndim > 2:
            raise RuntimeError(f"torch.block_diag: Input tensors must have 2 or fewer dimensions. Input {position} "
                               f"has {block.ndim} dimensions")
    width, rows, left = sum(block.shape[1] for block in blocks), [], 0
    for block in blocks:
        right = left + block.shape[1]
        rows.append(P.pad(block, widths=((0, 0), (left, width - right))))
        left = right
    return labelled(_joined(tuple(rows), 0, "block_diag"), "BlockDiag")


# --- apart ------------------------------------------------------------------------------------------------------------


@function(out=False)
def split(tensor: Tensor, split_size_or_sections: Any = None, dim: int = 0, **named: Any) -> tuple[Tensor, ...]:
    """Parts along a dimension: of one size (the last may be smaller), or of the sizes in a list. The parts are views.

    >>> torch.split(torch.arange(5), 2)
    (tensor([0, 1]), tensor([2, 3]), tensor([4]))
    >>> torch.split(torch.arange(5), [1, 4])
    (tensor([0]), tensor([1, 2, 3, 4]))
    """
    sizes = only(named, "split_size", "split").get("split_size", split_size_or_sections)
    if not tensor._data.ndim:
        raise RuntimeError("split expects at least a 1-dimensional tensor")
    place = wrap_dim(dim, tensor._data.ndim, "split")
    n = tensor._data.shape[place]
    if isinstance(sizes, (list, tuple)):
        listed = integers(sizes, "split_with_sizes")
        if any(size < 0 for size in listed):
            raise RuntimeError("split_with_sizes expects split_sizes have only non-negative entries, but got "
                               f"split_sizes={list(listed)}")
        if sum(listed) != n:
            raise RuntimeError(f"split_with_sizes expects split_sizes to sum exactly to {n} (input tensor's size "
                               f"at dimension {place}), but got split_sizes={list(listed)}")
        return _in_sizes(tensor, place, tuple(listed), "SplitWithSizes")
    size = integer(sizes, "split")
    if size < 0 or (not size and n):
        raise RuntimeError(f"split expects split_size be non-negative, but got split_size={size}" if size < 0 else
                           f"split_size can only be 0 if dimension size is 0, but got dimension size of {n}")
    starts = range(0, n, size) if n else range(1)
    check_room("split", (len(starts),), TENSOR)
    return _in_sizes(tensor, place, tuple([min(size, n - start) for start in starts]), "Split")


def _in_sizes(tensor: Tensor, dim: int, sizes: tuple[int, ...], label: str) -> tuple[Tensor, ...]:
    """Views of so many places of a dimension each."""
    def cut() -> list[Tensor]:
        return [sliced(tensor, dim, end - size, end, label)
                for size, end in zip(sizes, itertools.accumulate(sizes), strict=True)]

    return in_one_node(P.parts, tensor, {"dim": dim, "sizes": sizes, "label": label}, cut)


@function(out=False)
def split_with_sizes(input: Any, split_sizes: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """Parts of the given sizes along a dimension: views.

    >>> torch.split_with_sizes(torch.arange(5), [1, 4])
    (tensor([0]), tensor([1, 2, 3, 4]))
    """
    return split(input, list(split_sizes), dim)


@function(out=False)
def chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """At most ``chunks`` parts of equal size along a dimension; the last may be smaller. The parts are views.

    >>> torch.chunk(torch.arange(5), 2)
    (tensor([0, 1, 2]), tensor([3, 4]))
    """
    if not input._data.ndim:
        raise RuntimeError("chunk expects at least a 1-dimensional tensor")
    if type(chunks) is not int:
        chunks = integer(chunks, "chunk", plain=True)
    if chunks <= 0:
        raise RuntimeError(f"chunk expects `chunks` to be greater than 0, got: {chunks}")
    place = wrap_dim(dim, input._data.ndim, "chunk")
    n = input._data.shape[place]
    if not n:
        check_room("chunk", (chunks,), TENSOR)
        return tuple([sliced(input, place, 0, 0) for _ in range(chunks)])
    return split(input, -(-n // chunks), place)


@function(out=False)
def tensor_split(input: Tensor, indices_or_sections: Any = None, dim: int = 0, **named: Any) -> tuple[Tensor, ...]:
    """Parts along a dimension: a number of nearly equal ones, or those between the given positions.

    >>> torch.tensor_split(torch.arange(5), 2), torch.tensor_split(torch.arange(5), [1, 3])
    ((tensor([0, 1, 2]), tensor([3, 4])), (tensor([0]), tensor([1, 2]), tensor([3, 4])))
    """
    for name in ("indices", "sections"):
        indices_or_sections = only(named, "indices sections", "tensor_split").get(name, indices_or_sections)
    if not input._data.ndim:
        raise RuntimeError("tensor_split expected at least a 1-dimensional tensor, but got a tensor with 0 dims")
    place = wrap_dim(dim, input._data.ndim, "tensor_split")
    n = input._data.shape[place]
    if isinstance(indices_or_sections, Tensor):
        if indices_or_sections._data.ndim > 1:
            raise RuntimeError("tensor_split expected tensor_indices_or_sections to be a zero-dimensional or "
                               f"one-dimensional tensor, but got a tensor with {indices_or_sections.ndim} dims")
        if indices_or_sections._data.dtype != np.int64:
            raise RuntimeError("tensor_split expected tensor_indices_or_sections to have dtype of long, but got "
                               f"{type_name(indices_or_sections._data.dtype)}; convert it with .long()")
        indices_or_sections = indices_or_sections.tolist()
    if isinstance(indices_or_sections, (list, tuple)):
        cuts = [0, *(slice(None, i).indices(n)[1] for i in integers(indices_or_sections, "tensor_split")), n]
    else:
        sections = integer(indices_or_sections, "tensor_split")
        if sections <= 0:
            raise RuntimeError(f"number of sections must be larger than 0, got {sections}")
        check_room("tensor_split", (sections,), TENSOR)
        small, larger = divmod(n, sections)
        cuts = [i * small + min(i, larger) for i in range(sections + 1)]
    return tuple([sliced(input, place, start, max(start, stop)) for start, stop in itertools.pairwise(cuts)])


def _splitter(name: str, dim: int, shown: str) -> None:
    def plain(input: Tensor, indices_or_sections: Any = None, **named: Any) -> tuple[Tensor, ...]:
        along = 0 if dim == 1 and input.ndim == 1 else dim
        if input.ndim <= along or (name == "vsplit" and input.ndim < 2):
            raise RuntimeError(f"torch.{name} requires a tensor with at least {(2, 1, 3)[dim]} "
                               f"dimension, but got a tensor with {input.ndim} dimensions!")
        for key in ("indices", "sections"):
            indices_or_sections = only(named, "indices sections", name).get(key, indices_or_sections)
        if isinstance(indices_or_sections, int) and (indices_or_sections <= 0
                                                     or input.shape[along] % indices_or_sections):
            raise RuntimeError(f"torch.{name} attempted to split along dimension "
                               f"{along}, but the size of the dimension "
                               f"{input.shape[along]} is not divisible by the split_size {indices_or_sections}!")
        return tensor_split(input, indices_or_sections, along)

    plain.__name__ = plain.__qualname__ = name
    plain.__doc__ = (f"Parts along dimension {dim}: equally many positions each, or between the given positions.\n\n"
                     f">>> [tuple(part.shape) for part in torch.{name}(torch.zeros(4, 4, 4), [1, 3])]\n{shown}")
    function(out=False)(plain)


_splitter("hsplit", 1, "[(4, 1, 4), (4, 2, 4), (4, 1, 4)]")
_splitter("vsplit", 0, "[(1, 4, 4), (2, 4, 4), (1, 4, 4)]")
_splitter("dsplit", 2, "[(4, 4, 1), (4, 4, 2), (4, 4, 1)]")


@function(out=False)
def unbind(input: Tensor, dim: int = 0) -> tuple[Tensor, ...]:
    """The parts at every position of a dimension, without that dimension, as views.

    >>> torch.unbind(torch.tensor([[1, 2], [3, 4]]))
    (tensor([1, 2]), tensor([3, 4]))
    """
    if not input._data.ndim:
        raise IndexError("Dimension specified as 0 but tensor has no dimensions")
    place = wrap_dim(dim, input._data.ndim, "unbind")
    head = (slice(None),) * place
    check_room("unbind", (input._data.shape[place],), TENSOR)

    def cut() -> list[Tensor]:
        return [P.slice(input, index=(*head, i), label="Unbind") for i in range(input._data.shape[place])]

    return in_one_node(P.parts, input, {"dim": place, "label": "Unbind"}, cut)


# --- repeated and turned ----------------------------------------------------------------------------------------------


@method("repeat")
def repeat(self: Tensor, *repeats: Any, **named: Any) -> Tensor:
    """This tensor repeated ``repeats`` times along each dimension; new dimensions may be put in front.

    >>> torch.tensor([1, 2]).repeat(2, 3)
    tensor([[1, 2, 1, 2, 1, 2],
            [1, 2, 1, 2, 1, 2]])
    """
    if named:
        repeats = (only(named, "repeats", "repeat")["repeats"],)
    check_given("repeat", "repeats", repeats)
    times = integers(repeats[0] if len(repeats) == 1 else repeats, "repeat")
    shape = self._data.shape
    if len(times) < len(shape):
        raise RuntimeError("Number of dimensions of repeat dims can not be smaller than number of dimensions of tensor")
    if any(n < 0 for n in times):
        raise RuntimeError(f"Trying to create tensor with negative dimension in repeat({list(times)})")
    shape = (1,) * (len(times) - len(shape)) + tuple(shape)
    pairs = list(zip(times, shape, strict=True))
    ones = P.reshape(self, shape=tuple(itertools.chain(*((1, n) for _, n in pairs))))
    wide = expand(ones, *itertools.chain(*pairs)) if pairs else ones
    whole = P.reshape(P.clone(wide, order="C"), shape=tuple(m * n for m, n in pairs), label="Repeat")
    return labelled(own(whole), "Repeat", repeats=tuple(times), self_sym_sizes=self.shape)


@function(out=False)
def tile(input: Tensor, *dims: Any, **named: Any) -> Tensor:
    """Like `repeat`; where fewer numbers are given than there are dimensions, ones are put in front of them.

    >>> torch.tile(torch.tensor([1, 2]), (2, 2))
    tensor([[1, 2, 1, 2],
            [1, 2, 1, 2]])
    """
    dims = (only(named, "dims", "tile")["dims"],) if named else dims
    check_given("tile", "dims", dims)
    times = integers(dims[0] if len(dims) == 1 else dims, "tile")
    return repeat(input, ((1,) * (input._data.ndim - len(times)) + times))


@function(out=False, checked=True)
def repeat_interleave(input: Tensor, repeats: Any = None, dim: int | None = None, *,
                      output_size: int | None = None) -> Tensor:
    """Every element (or part along ``dim``) repeated in place: as often as ``repeats`` says, a number or one each.
    With one argument, the positions of `repeats`, a tensor, repeated.

    >>> torch.repeat_interleave(torch.tensor([1, 2, 3]), torch.tensor([2, 0, 1]))
    tensor([1, 1, 3])
    """
    if repeats is None:
        return one_by_one(lambda times: make(np.repeat(np.arange(times.numel()), times._data), None), input)
    if not isinstance(repeats, Tensor):
        repeats = integer(repeats, "repeat_interleave")
    times = repeats._data if isinstance(repeats, Tensor) else np.asarray(repeats)
    if times.dtype.char not in "il":
        raise DTypeError(f"[repeat_interleave] \"repeat_interleave_cpu\" not implemented for "
                         f"'{type_name(times.dtype)}': repeats must be int32 or int64")
    if times.ndim > 1:
        raise RuntimeError(f"[repeat_interleave] repeats must be 0-dim or 1-dim tensor; got {times.ndim} dimensions")
    source = P.reshape(input, shape=(input.numel(),)) if dim is None else input
    place = wrap_dim(0 if dim is None else dim, source._data.ndim, "repeat_interleave")
    n = source._data.shape[place] if source._data.ndim else 1
    if dim is not None and not source._data.ndim:
        raise RankError(f"[repeat_interleave] Dimension specified as {dim} but tensor has no dimensions")
    if times.ndim and times.size not in (1, n):
        raise RuntimeError(f"[repeat_interleave] repeats must have the same size as input along dim, but got "
                           f"repeats.size(0) = {times.size} and input.size({place}) = {n}")

    def places(repeats: Any) -> Tensor:
        times = repeats._data if isinstance(repeats, Tensor) else np.asarray(repeats)
        if times.size and times.min() < 0:
            raise RuntimeError("[repeat_interleave] Repeats must be non-negative: repeats can not be negative")
        found = np.repeat(np.arange(n), times)
        if output_size is not None and output_size != len(found):
            raise RuntimeError("[repeat_interleave] allocated size does not match required size: "
                               f"output_size={len(found)} was expected; got {output_size}")
        return make(found, None)

    order = one_by_one(places, repeats)
    return P.index(source, order, places=(False,) * place + (True,), label="IndexSelect")


@function(out=False)
def flip(input: Tensor, *dims: Any, **named: Any) -> Tensor:
    """With the order along the given dimensions reversed; a copy.

    >>> torch.flip(torch.tensor([[1, 2], [3, 4]]), (0, 1))
    tensor([[4, 3],
            [2, 1]])
    """
    dims = (only(named, "dims", "flip")["dims"],) if named else dims
    check_given("flip", "dims", dims)
    listed = integers(dims[0] if len(dims) == 1 else dims, "flip")
    turned = wrap_dims(listed, input._data.ndim, "flip") if listed else ()
    return P.flip(input, dims=turned)


@function(out=False)
def fliplr(input: Tensor) -> Tensor:
    """With the order along dimension 1 reversed.

    >>> torch.fliplr(torch.tensor([[1, 2], [3, 4]]))
    tensor([[2, 1],
            [4, 3]])
    """
    if input.ndim < 2:
        raise RuntimeError("Input must be >= 2-d.")
    return flip(input, 1)


@function(out=False)
def flipud(input: Tensor) -> Tensor:
    """With the order along dimension 0 reversed.

    >>> torch.flipud(torch.tensor([[1, 2], [3, 4]]))
    tensor([[3, 4],
            [1, 2]])
    """
    if input.ndim < 1:
        raise RuntimeError("Input must be >= 1-d.")
    return flip(input, 0)


@function(out=False)
def roll(input: Tensor, shifts: Any, dims: Any = None) -> Tensor:
    """Moved along dimensions, what falls off coming in at the other end; without ``dims``, as one flat row.

    >>> torch.roll(torch.tensor([1, 2, 3, 4]), 1)
    tensor([4, 1, 2, 3])
    """
    moves = integers(shifts, "roll")
    if not moves:
        raise RuntimeError("`shifts` required: one number of places at least; got none")
    if dims is None or isinstance(dims, (tuple, list)) and not dims:
        if len(moves) != 1:
            raise RuntimeError(f"shifts and dimensions must align. shifts: {len(moves)}, dims:0")
        flat = P.roll(P.reshape(input, shape=(input.numel(),)), shifts=moves, dims=(0,))
        return labelled(own(P.reshape(flat, shape=tuple(input._data.shape))), "Roll")
    places = integers(dims, "roll")
    if len(places) != len(moves):
        raise RuntimeError(f"shifts and dimensions must align. shifts: {len(moves)}, dims:{len(places)}")
    return P.roll(input, shifts=moves, dims=tuple(wrap_dim(d, input._data.ndim, "roll") for d in places))


@function(out=False, checked=True)
def rot90(input: Tensor, k: int = 1, dims: Any = (0, 1)) -> Tensor:
    """Turned by 90 degrees, ``k`` times, in the plane of two dimensions, from the first towards the second.

    >>> torch.rot90(torch.tensor([[1, 2], [3, 4]]))
    tensor([[2, 4],
            [1, 3]])
    """
    if len(dims) != 2 or input.ndim < 2:
        raise RuntimeError(f"expected total rotation dims == 2 and dims >= 2, but got {len(dims)} and {input.ndim}")
    first, second = (wrap_dim(d, input.ndim, "rot90") for d in dims)
    if first == second:
        raise RuntimeError(f"expected rotation dims to be different, but got dim0 = {dims[0]} and dim1 = {dims[1]}")
    order = list(range(input.ndim))
    order[first], order[second] = second, first
    turns, k = k, k % 4
    if k == 2:
        turned = P.flip(input, dims=(first, second))
    elif k == 1:
        turned = own(P.permute(P.flip(input, dims=(second,)), dims=tuple(order)))
    else:
        turned = P.flip(P.permute(input, dims=tuple(order)), dims=(second,)) if k else P.clone(input)
    return labelled(turned, "Rot90", k=turns, dims=tuple(dims))


# --- matrices ---------------------------------------------------------------------------------------------------------


def _triangle(name: str, which: str, shown: str) -> None:
    primitive = getattr(P, name)

    def plain(input: Tensor, diagonal: int = 0) -> Tensor:
        if input.ndim < 2:
            raise RuntimeError(f"{name}: input tensor must have at least 2 dimensions")
        return primitive(input, diagonal=integer(diagonal, name))

    plain.__name__ = plain.__qualname__ = name
    plain.__doc__ = (f"The {which} triangle of matrices up to the given diagonal, zeros elsewhere.\n\n"
                     f">>> torch.{name}(torch.ones(2, 3))\n{shown}")
    function(inplace=True)(plain)


_triangle("tril", "lower", "tensor([[1., 0., 0.],\n        [1., 1., 0.]])")
_triangle("triu", "upper", "tensor([[1., 1., 1.],\n        [0., 1., 1.]])")


@function(out=False, checked=True)
def diag_embed(input: Tensor, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """Matrices of zeros, in dimensions ``dim1`` and ``dim2``, with the last dimension of ``input`` on a diagonal.

    >>> torch.diag_embed(torch.tensor([1, 2]), offset=1)
    tensor([[0, 1, 0],
            [0, 0, 2],
            [0, 0, 0]])
    """
    rank, n = input.ndim + 1, input.shape[-1] if input.ndim else 1
    first, second = wrap_dim(dim1, rank, "diag_embed"), wrap_dim(dim2, rank, "diag_embed")
    if first == second:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    side = n + abs(offset)
    shape = list(input.shape[:-1])
    for place in sorted((first, second)):
        shape.insert(place, side)
    step = (P.diagonal, {"offset": offset, "dim1": first, "dim2": second})
    return labelled(P.view_adjoint(input, step=step, shape=tuple(shape)), "DiagEmbed", offset=offset,
                    dim1=first, dim2=second)


@function(checked=True)
def diag(input: Tensor, diagonal: int = 0) -> Tensor:
    """Of a vector the matrix with it on the diagonal; of a matrix its diagonal, as a copy.

    >>> torch.diag(torch.tensor([1, 2]))
    tensor([[1, 0],
            [0, 2]])
    >>> torch.diag(torch.tensor([[1, 2], [3, 4]]))
    tensor([1, 4])
    """
    if input.ndim not in (1, 2):
        raise RuntimeError(f"diag(): Supports 1D or 2D tensors. Got {input.ndim}D")
    if input.ndim == 1:
        return diag_embed(input, diagonal)
    return labelled(P.clone(P.diagonal(input, offset=diagonal, dim1=0, dim2=1)), "DiagonalBackward0_copy",
                    offset=diagonal, dim1=0, dim2=1, self_sym_sizes=input.shape)


@function(out=False, checked=True)
def diagflat(input: Tensor, offset: int = 0) -> Tensor:
    """The matrix with all elements of ``input`` on a diagonal.

    >>> torch.diagflat(torch.tensor([[1, 2], [3, 4]]))
    tensor([[1, 0, 0, 0],
            [0, 2, 0, 0],
            [0, 0, 3, 0],
            [0, 0, 0, 4]])
    """
    return diag_embed(P.reshape(input, shape=(input.numel(),)), offset)


# --- grids ------------------------------------------------------------------------------------------------------------


@function(method=False, out=False, takes_tensor=False)
def meshgrid(*tensors: Any, indexing: str | None = None) -> tuple[Tensor, ...]:
    """Coordinate grids of vectors, as expanded views. ``indexing="ij"``: dimension i follows vector i; ``"xy"``: the
    first two are exchanged.

    >>> rows, columns = torch.meshgrid(torch.tensor([1, 2]), torch.tensor([10, 20, 30]), indexing="ij")
    >>> rows + columns
    tensor([[11, 21, 31],
            [12, 22, 32]])
    """
    listed = tensors_of(tensors[0] if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)) else tensors,
                        "meshgrid")
    if indexing is None:
        warn("torch.meshgrid: in an upcoming release, it will be required to pass the indexing argument.",
             UserWarning)
        indexing = "ij"
    if indexing not in ("ij", "xy"):
        raise RuntimeError(f"torch.meshgrid: indexing must be one of \"xy\" or \"ij\", but received: {indexing}")
    if not listed:
        raise RuntimeError("meshgrid expects a non-empty TensorList")
    if any([x._data.dtype != listed[0]._data.dtype for x in listed]):
        raise RuntimeError("[meshgrid] torch.meshgrid expects all tensors to have the same dtype; convert them first")
    if any(x.ndim > 1 for x in listed):
        raise RuntimeError(f"torch.meshgrid: Expected 0D or 1D tensor in the tensor list but got: "
                           f"{[tuple(x.shape) for x in listed]}")
    turned = indexing == "xy" and len(listed) > 1
    if turned:
        listed = (listed[1], listed[0], *listed[2:])
    shape = tuple(x.numel() for x in listed)
    grids = [expand(P.reshape(x, shape=(1,) * i + (shape[i],) + (1,) * (len(shape) - i - 1)), *shape) for i,
             x in enumerate(listed)]
    if turned:
        grids[0], grids[1] = grids[1], grids[0]
    return tuple(grids)


@function(method=False, out=False, takes_tensor=False)
def cartesian_prod(*tensors: Any) -> Tensor:
    """All combinations of one element of each vector, as rows.

    >>> torch.cartesian_prod(torch.tensor([1, 2]), torch.tensor([7, 8]))
    tensor([[1, 7],
            [1, 8],
            [2, 7],
            [2, 8]])
    """
    listed = tensors_of(tensors, "cartesian_prod")
    for x in listed:
        if x._data.ndim != 1:
            raise RuntimeError(f"[cartesian_prod] Expect a 1D vector, but got shape {list(x.shape)}; flatten() it")
    if len(listed) == 1:
        return listed[0]
    columns = [P.reshape(grid, shape=(grid.numel(),)) for grid in meshgrid(*listed, indexing="ij")]
    return stack(columns, 1)


@function(method=False, out=False, checked=True)
def combinations(input: Tensor, r: int = 2, with_replacement: bool = False) -> Tensor:
    """All choices of ``r`` elements of a vector, in order, as rows.

    >>> torch.combinations(torch.tensor([1, 2, 3]))
    tensor([[1, 2],
            [1, 3],
            [2, 3]])
    """
    if input.ndim != 1:
        raise RuntimeError("Expect a 1D vector, but got shape " + str(list(input.shape)))
    if r < 0:
        raise RuntimeError(f"[combinations] Expect a non-negative number, but got {r}")
    if not r:
        return input[:0]
    choose = itertools.combinations_with_replacement if with_replacement else itertools.combinations
    rows = np.array(list(choose(range(input.numel()), r)), np.int64).reshape(-1, r)
    return P.index(input, make(rows, None), places=(True,))
