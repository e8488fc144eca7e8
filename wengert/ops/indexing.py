"""Elements picked out and put in by index tensors and masks."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.dtypes import int64
from ..core.errors import IndexDTypeError, OutOfRangeError, ShapeError
from ..core.primitive import COMPLEX, EIGHTHS, TRUTHS, P, Primitive
from ..core.spec import wrap_dim
from ..tensors.absent import is_readable
from ..tensors.alias import check_writable, type_name
from ..tensors.apply import check_number, check_takes, number_for, stored_number
from ..tensors.evaluation import one_by_one, tracing
from ..tensors.given import number
from ..tensors.indexing import no_room, out_of_range, parse, setitem
from ..tensors.inplace import BY_PLACES, inplace, snapshot
from ..tensors.tape import labelled
from ..tensors.tensor import Tensor, make
from .arguments import check_one_dtype, check_some_tensor, integer
from .conversion import cast
from .registry import check_flag, function, method

# --- checks -----------------------------------------------------------------------------------------------------------


_LONG = "int64", "{op}(): Expected a long tensor for index, but got {kind}"
_WHOLE = "int32 int64", "{op}(): Expected dtype int32/int64 for index but got: {kind}"
_INDEX_DTYPES = {"take": _LONG, "put_": _LONG, "index_copy_": _LONG, "index_add_": _WHOLE, "index_reduce_": _WHOLE,
                 "index_fill_": ("int64", "{op}(): Expected dtype int64 for index."),
                 "index_select": ("int32 int64", "{op}(): Expected dtype int32 or int64 for index")}
"""The dtypes of an index, and the words for another."""


def _check_integers(index: Tensor, op: str) -> None:
    kinds, words = _INDEX_DTYPES[op]
    if index._data.dtype.name not in kinds:
        raise IndexDTypeError(words.format(op=op, kind=type_name(index._data.dtype)) + "; convert it with .long()")


def _check_range(index: Tensor, size: int, op: str, error: type[Exception] = RuntimeError,
                 negative: bool = False, dim: int = 0) -> None:
    """Raises where an index is beyond dimension ``dim``, of ``size`` positions (while values are there to be looked
    at)."""
    if not is_readable(index) or not index._data.size:
        return
    array = index._data
    low, high = int(array.min()), int(array.max())
    if high >= size or low < (-size if negative else 0):
        wrong = high if high >= size else low
        if op in ("take", "put_"):
            raise OutOfRangeError(f"{op}(): out of range: tried to access index {wrong} on a tensor of {size} "
                                  f"elements. Indices from {-size} to {size - 1} were expected")
        raise (OutOfRangeError if error is IndexError else error)(
            f"[{op}] index {wrong} is out of bounds for dimension {dim} with size {size} (index out of range in self: "
            f"tried to access index {wrong} on a tensor of {size} elements); indices from {-size if negative else 0} "
            f"to {size - 1} were expected")


def _check_along(x: Tensor, index: Tensor, dim: int, op: str, source: Tensor | None = None) -> None:
    """The rules of gather and scatter: an integer index of as many dimensions, nowhere larger than what it indexes."""
    shape, places = x._data.shape, index._data.shape
    if not index._data.size:  # of any dtype
        return
    if index._data.dtype.name not in ("int32", "int64"):
        raise RuntimeError(f"{op}(): Expected dtype int32/int64 for index; got {index.dtype}; convert it with .long()")
    if len(shape or (1,)) != len(places or (1,)):
        raise RuntimeError(f"[{op}] Index tensor must have the same number of dimensions as self tensor; got shapes "
                           f"{tuple(places)} and {tuple(shape)}")
    for d, n in enumerate(places):
        if (d != dim and n > (shape or (1,))[d]) or (source is not None and n > (source._data.shape or (1,))[d]):
            apart = "" if source is None else f" and to be smaller size than src {list(source._data.shape)}"
            raise RuntimeError(f"[{op}] Expected index {list(places)} to be no larger than self {list(shape)} "
                               f"apart from dimension {dim}{apart}")
    _check_range(index, (shape or (1,))[dim], op, dim=dim)


def _rows(*values: Any) -> tuple[Any, ...]:
    """The tensors with one dimension in place of none: a 0-d one counts as having one element. Numbers stay."""
    return tuple(P.reshape(x, shape=(1,)) if isinstance(x, Tensor) and not x._data.ndim else x for x in values)


def _head(dim: int) -> tuple[bool, ...]:
    """``places`` of an index in dimension ``dim``."""
    return (False,) * dim + (True,)


def _row(index: Tensor, op: str) -> Tensor:
    """An index of one dimension; a 0-d one counts as having one element."""
    _check_integers(index, op)
    if index._data.ndim > 1:
        words = {"index_copy_": f"Index should have dimension 1 or 0 (got {index.ndim})",
                 "index_fill_": "Index has to be a vector/scalar"}
        vector = (f"Index is supposed to be a vector, but got dim: {index.ndim} with type: "
                  f"{type_name(index._data.dtype)} and size: {list(index.shape)}")
        raise OutOfRangeError(f"{op}(): {words.get(op, vector)}; flatten it")
    return index if index._data.ndim else P.reshape(index, shape=(1,))


def _like(op: str, x: Tensor, value: Any) -> Any:
    """A value to put into ``x``: a tensor in its dtype, or a number of its kind. Raises where it is out of range."""
    if isinstance(value, Tensor):
        if not value._data.ndim and value._data.dtype != x._data.dtype and not tracing():
            check_number(op, value.detach().item(), x.dtype)
        return cast(value, x.dtype)
    return number_for(stored_number(op, value, x.dtype), x.dtype)


# --- along a dimension ------------------------------------------------------------------------------------------------


@function()
def gather(input: Tensor, dim: int, index: Tensor, *, sparse_grad: bool = False) -> Tensor:
    """``out[i][j] = input[index[i][j]][j]`` for ``dim=0``: an element for each element of ``index`` (int64), from the
    position that it names in dimension ``dim``. Raises RuntimeError for an index out of range.

    >>> scores = torch.tensor([[10, 11, 12], [20, 21, 22]])
    >>> labels = torch.tensor([[2], [0]])
    >>> torch.gather(scores, 1, labels)
    tensor([[12],
            [20]])
    """
    place = wrap_dim(dim, input._data.ndim, "gather")
    _check_along(input, index, place, "gather")
    if input._data.ndim and index._data.ndim:
        return P.gather(input, index, dim=place)
    return P.reshape(P.gather(*_rows(input, index), dim=0), shape=index._data.shape)


@function()
def take_along_dim(input: Tensor, indices: Tensor, dim: int | None = None) -> Tensor:
    """Like `gather`, the shapes of ``input`` and ``indices`` broadcast against each other; without ``dim``, both flat.

    >>> x = torch.tensor([[30, 10], [5, 7]])
    >>> torch.take_along_dim(x, x.argsort(dim=1), dim=1)
    tensor([[10, 30],
            [ 5,  7]])
    """
    if indices._data.dtype != np.int64:
        raise RuntimeError("torch.take_along_dim(): dtype of indices should be Long but got "
                           f"{type_name(indices._data.dtype)}; convert them with .long()")
    if dim is None:
        return P.gather(P.reshape(input, shape=(input.numel(),)), P.reshape(indices, shape=(indices.numel(),)), dim=0)
    if input.ndim != indices.ndim:
        raise RuntimeError(f"torch.take_along_dim(): input and indices should have the same number of dimensions, "
                           f"but got {input.ndim} dimensions for input, and {indices.ndim} dimensions for indices")
    place = wrap_dim(dim, input.ndim, "take_along_dim")
    shape = np.broadcast_shapes(*((*x._data.shape[:place], 1, *x._data.shape[place + 1:]) for x in (input, indices)))
    wide, places = (P.expand(x, shape=(*shape[:place], x._data.shape[place], *shape[place + 1:])) for x in (input,
                                                                                                            indices))
    _check_range(indices, input._data.shape[place], "take_along_dim", negative=True, dim=place)
    return P.gather(wide, places, dim=place)


def scatter(input: Tensor, dim: int, index: Tensor, src: Any = None, *, value: Any = None,
            reduce: str | None = None) -> Tensor:
    """``input`` with ``src`` (a tensor, or a number as ``value``) put in at the positions that ``index`` names in
    dimension ``dim``: the reverse of `gather`. ``reduce``: "add" or "multiply" combines with what is there.

    >>> labels = torch.tensor([[2], [0]])
    >>> torch.scatter(torch.zeros(2, 3), 1, labels, 1.0)
    tensor([[0., 0., 1.],
            [1., 0., 0.]])
    """
    if src is None:
        src = value
    if src is None:
        raise TypeError("scatter() missing 1 required argument: 'src' or 'value'")
    if reduce is None:
        return _scattered(P.scatter, "scatter", input, dim, index, src)
    names = {"add": "sum", "multiply": "prod"}
    if reduce not in names:
        raise RuntimeError(f"reduce argument must be either add or multiply; got {reduce!r}")
    return _scattered(P.scatter_reduce, "scatter", input, dim, index, src, reduce=names[reduce], include_self=True)


function(inplace=True)(scatter)


@function(inplace=True)
def scatter_add(input: Tensor, dim: int, index: Tensor, src: Tensor) -> Tensor:
    """``input`` with the elements of ``src`` added at the positions that ``index`` names in dimension ``dim``.

    >>> torch.scatter_add(torch.zeros(3), 0, torch.tensor([0, 2, 0]), torch.tensor([1.0, 2.0, 3.0]))
    tensor([4., 0., 2.])
    """
    return _scattered(P.scatter_add, "scatter_add", input, dim, index, src)


_REDUCTIONS = ("sum", "prod", "mean", "amax", "amin")


@function(inplace=True)
def scatter_reduce(input: Tensor, dim: int, index: Tensor, src: Tensor, reduce: str, *,
                   include_self: bool = True) -> Tensor:
    """``input`` with the elements of ``src`` combined at the positions that ``index`` names in dimension ``dim``:
    ``reduce`` is "sum", "prod", "mean", "amax" or "amin". ``include_self``: what is there counts too.

    >>> torch.scatter_reduce(torch.zeros(2), 0, torch.tensor([0, 0, 1]), torch.tensor([5.0, 3.0, 4.0]), "amax")
    tensor([5., 4.])
    """
    check_takes("scatter_reduce", {"mean": TRUTHS, "amax": COMPLEX, "amin": COMPLEX}.get(reduce, ""), input)
    reduce = {"max": "amax", "min": "amin"}.get(reduce, reduce)
    if reduce not in _REDUCTIONS:
        raise RuntimeError(f"reduce argument must be either sum, prod, mean, amax or amin, got {reduce}")
    return _scattered(P.scatter_reduce, "scatter_reduce", input, dim, index, src, reduce=reduce,
                      include_self=include_self)


def _scattered(primitive: Primitive, op: str, input: Tensor, dim: int, index: Tensor, src: Any, **params: Any
               ) -> Tensor:
    """``input`` with elements of ``src``, a tensor of its dtype or, in `scatter` alone, a number, put in."""
    shape, place = input._data.shape, wrap_dim(dim, input._data.ndim, op)
    number = op == "scatter" and not isinstance(src, Tensor)
    _check_along(input, index, place, op, None if number else src)
    if not number and src.dtype is not input.dtype:
        raise RuntimeError(f"scatter(): Expected self.dtype to be equal to src.dtype; got {input.dtype} and "
                           f"{src.dtype}")
    if not index._data.size:  # whatever the shapes: all stays as it is, with the history of what might have been put in
        if number or not src.requires_grad:
            return P.clone(input)
        none = (0,) * max(len(shape), 1)
        index = cast(P.reshape(index, shape=none), int64)
        src = P.reshape(P.slice(P.reshape(src, shape=(src.numel(),)), index=(slice(0, 0),)), shape=none)
    if not (shape and index._data.ndim):
        input, index, src = _rows(input, index, src)
    if number:
        src = _like(op, input, src)
        if params:
            src = make(np.full(index._data.shape, src, input._data.dtype), None)
    out = primitive(input, index, src, dim=place, **params)
    return out if shape else labelled(P.reshape(out, shape=shape), primitive.name.title().replace("_", ""))


@function()
def index_select(input: Tensor, dim: int, index: Tensor) -> Tensor:
    """The parts of ``input`` at the positions in ``index``, a vector, along dimension ``dim``; a copy.

    >>> torch.index_select(torch.tensor([[1, 2], [3, 4], [5, 6]]), 0, torch.tensor([2, 0]))
    tensor([[5, 6],
            [1, 2]])
    """
    place = wrap_dim(dim, input._data.ndim, "index_select")
    row = _row(index, "index_select")
    if not input._data.ndim:
        if row._data.size != 1:
            raise RuntimeError("index_select(): Index to scalar can have only 1 value, got "
                               f"{row._data.size} value(s)")
        _check_range(row, 1, "index_select", IndexError)
        return P.clone(input)
    _check_range(row, input._data.shape[place], "index_select", IndexError, dim=place)
    return P.index(input, row, places=_head(place), label="IndexSelect")


def _put_along(x: Tensor, dim: int, index: Tensor, source: Tensor, op: str, accumulate: bool) -> Tensor:
    place = wrap_dim(dim, x._data.ndim, op)
    row = _row(index, f"{op}_")
    if not x._data.ndim:
        x_row, source_row = P.reshape(x, shape=(1,)), P.reshape(source, shape=(source.numel(),))
        return P.reshape(_put_along(x_row, 0, index, source_row, op, accumulate), shape=())
    shape = x._data.shape
    want = (*shape[:place], row._data.shape[0], *shape[place + 1:])
    if source._data.shape != want and not (len(shape) == 1 and source.numel() == row.numel()):
        along = source._data.shape[place] if place < source._data.ndim else source.numel()
        why = (f"Number of indices ({row.numel()}) should be equal to source.size(dim): ({along}), for dim: {place}"
               if along != row.numel() else
               f"Source/destination tensor must have same slice shapes. Destination slice shape: {list(shape)} without "
               f"dimension {place}")
        raise (RuntimeError if accumulate else OutOfRangeError)(
            f"{op}_(): {why}; source of shape {want} was expected for self of shape {tuple(shape)}; got shape "
            f"{tuple(source.shape)}")
    if source.dtype is not x.dtype:
        raise RuntimeError(f"{op}_(): self ({type_name(x._data.dtype)}) and source ({type_name(source._data.dtype)}) "
                           "must have the same scalar type: self and source expected to have the same dtype, but got "
                           f"(self) {x.dtype} and (source) {source.dtype}")
    _check_range(row, shape[place], op, IndexError, dim=place)
    if source._data.shape != want:
        source = P.reshape(source, shape=want)
    label = "IndexAdd" if accumulate else "IndexCopy"
    return P.index_put(x, source, row, places=_head(place), accumulate=accumulate, label=label)


@function(inplace=True)
def index_add(input: Tensor, dim: int, index: Tensor, source: Tensor, *, alpha: Any = 1) -> Tensor:
    """``input`` with ``alpha`` times the parts of ``source`` added at the positions in ``index`` along ``dim``.

    >>> torch.index_add(torch.zeros(3), 0, torch.tensor([0, 2, 0]), torch.tensor([1.0, 2.0, 3.0]))
    tensor([4., 0., 2.])
    """
    scaled = source if alpha == 1 else P.mul(source, alpha)
    return _put_along(input.contiguous(), dim, index, scaled, "index_add", accumulate=True)


@function(inplace=True)
def index_reduce(input: Tensor, dim: int, index: Tensor, source: Tensor, reduce: str, *,
                 include_self: bool = True) -> Tensor:
    """``input`` with the parts of ``source`` combined at the positions in ``index`` along ``dim``: ``reduce`` is
    "prod", "mean", "amax" or "amin". ``include_self``: what is there counts too.

    >>> torch.index_reduce(torch.ones(2), 0, torch.tensor([0, 0, 1]), torch.tensor([2.0, 3.0, 4.0]), "prod")
    tensor([6., 4.])
    """
    check_takes("index_reduce", TRUTHS + COMPLEX, input)
    if reduce not in _REDUCTIONS[1:]:
        raise RuntimeError(f"index_reduce(): Expected reduce to be one of prod, mean, amax or amin but got {reduce}.")
    if source.dtype is not input.dtype:
        raise RuntimeError(f"index_reduce(): self and source expected to have the same dtype, but got (self) "
                           f"{input.dtype} and (source) {source.dtype}")
    place, row = wrap_dim(dim, input._data.ndim, "index_reduce"), _row(index, "index_reduce_")
    _check_range(row, input._data.shape[place] if input._data.ndim else 1, "index_reduce", IndexError, dim=place)
    shape = source._data.shape
    if shape and shape[place] != row.numel():
        raise OutOfRangeError(f"index_reduce(): Number of indices ({row.numel()}) should be equal to source.size(dim) "
                              f"({shape[place]}), for dim: {place}")
    if shape and (*shape[:place], *shape[place + 1:]) != (*input._data.shape[:place], *input._data.shape[place + 1:]):
        raise RuntimeError("index_reduce(): source tensor shape must match self tensor shape, excluding the specified "
                           f"dimension. Got self.shape = {list(input._data.shape)} source.shape = {list(shape)}")
    along = tuple([-1 if d == place else 1 for d in range(len(shape))])
    everywhere = row.reshape(along).expand(shape) if shape else row.reshape(())
    return scatter_reduce(input, dim, everywhere, source, reduce, include_self=include_self)


@function(inplace=True)
def index_copy(input: Tensor, dim: int, index: Tensor, source: Tensor) -> Tensor:
    """``input`` with the parts of ``source`` put in at the positions in ``index`` along ``dim``.

    >>> torch.index_copy(torch.zeros(3), 0, torch.tensor([2, 0]), torch.tensor([1.0, 2.0]))
    tensor([2., 0., 1.])
    """
    return _put_along(input.contiguous(), dim, index, source, "index_copy", accumulate=False)


@function(inplace=True)
def index_fill(input: Tensor, dim: int, index: Tensor, value: Any) -> Tensor:
    """``input`` filled with a number at the positions in ``index`` along ``dim``.

    >>> torch.index_fill(torch.zeros(2, 3), 1, torch.tensor([0, 2]), 7)
    tensor([[7., 0., 7.],
            [7., 0., 7.]])
    """
    place = wrap_dim(dim, input._data.ndim, "index_fill")
    row = _row(index, "index_fill_")
    if isinstance(value, Tensor) and value._data.ndim:
        raise RuntimeError(f"index_fill_ only supports a 0-dimensional value tensor, but got tensor with "
                           f"{value.ndim} dimension(s).")
    if not input._data.ndim:
        return P.reshape(index_fill(P.reshape(input, shape=(1,)), 0, index, value), shape=())
    _check_range(row, input._data.shape[place], "index_fill", IndexError, negative=True, dim=place)
    if isinstance(value, Tensor):  # by a mask, so that a position that is named twice counts once in the gradient
        size, others = input._data.shape[place], (1,) * (input._data.ndim - place - 1)
        inside = P.index_put(make(np.zeros(size, bool), None), make(np.array(True), None), row, places=_head(0))
        return P.where(P.reshape(inside, shape=(size, *others)), _like("index_fill", input, value), input)
    return P.index_put(input, _like("index_fill", input, value), row, places=_head(place), label="IndexFill")


@function(inplace=True)
def index_put(input: Tensor, indices: Any, values: Tensor, accumulate: bool = False) -> Tensor:
    """``input`` with ``input[indices] = values``; with ``accumulate``, ``+=``, repeated places counted.

    >>> torch.index_put(torch.zeros(3), (torch.tensor([0, 0, 2]),), torch.tensor(1.0), accumulate=True)
    tensor([2., 0., 1.])
    """
    if not isinstance(indices, (tuple, list)):
        raise TypeError("index_put_(): argument 'indices' (position 1) must be tuple of Tensors, not "
                        f"{type(indices).__name__}")
    for place, index in enumerate(indices):
        if not isinstance(index, Tensor):
            raise TypeError(f"index_put_(): expected Tensor as element {place} in argument 1, but got "
                            f"{type(index).__name__}")
    basic, places, arrays = parse(input, tuple([  # one without dimensions is read as a number in x[...]
        P.reshape(index, shape=(1,)) if not index.ndim and index._data.dtype.kind in "iu" else index
        for index in indices]))
    if basic is not None:
        raise IndexError("index_put_(): tensors or None were expected in the tuple of indices")
    if values.dtype is not input.dtype:
        raise RuntimeError("Index put requires the source and destination dtypes match, got "
                           f"{type_name(input._data.dtype)} for the destination and {type_name(values._data.dtype)} "
                           "for the source.")
    try:
        return P.index_put(input, values, *arrays, places=places, accumulate=accumulate)
    except IndexError as error:
        raise out_of_range(input, places, arrays, error) from error
    except ShapeError as error:
        raise no_room("index_put", input, places, arrays, values) from error


def _filled_by_places(index_of: Any) -> Any:
    """The form for `BY_PLACES` of a function that fills what ``index_of(x, *args)`` shows."""

    def write(function: Any, x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        function(snapshot(x, False), *args, **kwargs)  # it says what is wrong with the arguments
        setitem(x, *index_of(x, *args, **kwargs))
        return x

    return write


def _added_by_places(function: Any, x: Tensor, indices: Any, values: Tensor, accumulate: bool = False) -> Tensor:
    if accumulate:
        check_writable(x, "index_put_")
    return _filled_by_places(lambda x, indices, values: (tuple(indices), values))(function, x, indices, values)


BY_PLACES["masked_fill_"] = _filled_by_places(lambda x, mask, value: (mask.expand(x.shape), value))
BY_PLACES["index_fill_"] = _filled_by_places(
    lambda x, dim, index, value: ((slice(None),) * wrap_dim(dim, x._data.ndim) + (index,), value))
BY_PLACES["index_put_"] = _added_by_places


# --- by position in the flat tensor -----------------------------------------------------------------------------------


@function()
def take(input: Tensor, index: Tensor) -> Tensor:
    """The elements of ``input``, seen as one row, at the positions in ``index``, in its shape.

    >>> torch.take(torch.tensor([[10, 11], [12, 13]]), torch.tensor([3, 0]))
    tensor([13, 10])
    """
    _check_integers(index, "take")
    if index.numel() and not input.numel():
        raise OutOfRangeError("take(): tried to take from an empty tensor; an index without elements was expected")
    _check_range(index, input.numel(), "take", IndexError, negative=True)
    return P.index(P.reshape(input, shape=(input.numel(),)), index, places=(True,), label="Take")


def _put(self: Tensor, index: Tensor, source: Tensor, accumulate: bool = False) -> Tensor:
    """``input``, seen as one row, with the elements of ``source`` put in (or added) at the positions in ``index``.

    >>> torch.zeros(2, 2).put(torch.tensor([0, 3]), torch.tensor([1.0, 2.0]))
    tensor([[1., 0.],
            [0., 2.]])
    """
    _check_integers(index, "put_")
    _check_range(index, self.numel(), "put_", IndexError, negative=True)
    if index.numel() != source.numel():
        raise OutOfRangeError(f"put_(): Expected source and index to have the same number of elements, but got "
                           f"source.numel() = {source.numel()}, index.numel() = {index.numel()}")
    check_one_dtype("put_", self, source)
    row, places = P.reshape(self, shape=(self.numel(),)), P.reshape(index, shape=(index.numel(),))
    put = P.index_put(row, P.reshape(source, shape=(source.numel(),)), places, places=(True,), accumulate=accumulate)
    return P.reshape(put, shape=tuple(self._data.shape))


_put.__name__ = "put"
function(inplace=True)(_put)

# --- by masks ---------------------------------------------------------------------------------------------------------


def _check_mask(mask: Tensor, op: str) -> None:
    if mask._data.dtype != bool:
        raise RuntimeError(f"{op}_ only supports boolean masks, but got mask with dtype {mask.dtype}: expected "
                           "BoolTensor for mask; compare or convert with .bool()")


@function(inplace=True)
def masked_fill(input: Tensor, mask: Tensor, value: Any) -> Tensor:
    """``input`` with a number, or a 0-d tensor, wherever ``mask`` (bool, broadcast) is true.

    >>> scores = torch.tensor([1.0, 2.0, 3.0])
    >>> torch.masked_fill(scores, torch.tensor([False, False, True]), -torch.inf).softmax(0)
    tensor([0.2689, 0.7311, 0.0000])
    """
    _check_mask(mask, "masked_fill")
    check_takes("masked_fill", EIGHTHS, input)
    if isinstance(value, Tensor):
        if value._data.ndim:
            raise RuntimeError(f"masked_fill_ only supports a 0-dimensional value tensor, but got tensor with "
                               f"{value.ndim} dimension(s).")
        if value.is_complex() and not input.is_complex():
            raise RuntimeError(f"value cannot be converted to type {input.dtype} without overflow")
        return P.where(mask, _like("masked_fill", input, value), input)
    return P.masked_fill(input, mask, value=_like("masked_fill", input, value))


@function()
def masked_select(input: Tensor, mask: Tensor) -> Tensor:
    """The elements of ``input`` where ``mask`` (bool; the two broadcast) is true, in one dimension.

    >>> x = torch.tensor([[1, 5], [7, 2]])
    >>> torch.masked_select(x, x > 2)
    tensor([5, 7])
    """
    if mask._data.dtype != bool:
        raise RuntimeError(f"masked_select: expected BoolTensor for mask; got {mask.dtype}; compare or convert with "
                           ".bool()")
    shape = np.broadcast_shapes(input._data.shape, mask._data.shape)
    wide, under = (x if x._data.shape == shape else P.expand(x, shape=shape) for x in (input, mask))
    if not shape:
        wide, under = (P.reshape(x, shape=(1,)) for x in (wide, under))
    return P.masked_select(wide, under)


@function(inplace=True)
def masked_scatter(input: Tensor, mask: Tensor, source: Tensor) -> Tensor:
    """``input`` with the elements of ``source``, one after another, wherever ``mask`` is true.

    >>> torch.masked_scatter(torch.zeros(4), torch.tensor([True, False, True, False]), torch.tensor([1.0, 2.0]))
    tensor([1., 0., 2., 0.])
    """
    _check_mask(mask, "masked_scatter")
    if source.dtype is not input.dtype:
        raise RuntimeError(f"masked_scatter: expected self and source to have same dtypes but got "
                           f"{type_name(input._data.dtype)} and {type_name(source._data.dtype)}")
    shape = np.broadcast_shapes(input._data.shape, mask._data.shape)
    wide = input if input._data.shape == shape else P.expand(input, shape=shape)
    if tracing():  # the number of them is not known: each takes the element of its own rank
        chosen = mask if mask._data.shape == shape else P.expand(mask, shape=shape)
        flat = P.reshape(chosen, shape=(-1,))
        rank = P.cumsum(P.cast(flat, dtype=np.dtype(np.int64)), dim=0) - 1
        picked = P.index(P.reshape(source, shape=(-1,)), P.clamp(rank, low=0, high=source.numel() - 1), places=(True,))
        return P.where(chosen, P.reshape(picked, shape=shape), wide)
    under = np.broadcast_to(mask._data, shape)
    count = int(under.sum())
    if count > source.numel():
        raise RuntimeError(f"masked_scatter: Number of elements of source < number of ones in mask: at least "
                           f"{count} were expected; got {source.numel()}")
    chosen = P.slice(P.reshape(source, shape=(source.numel(),)), index=(slice(count),))
    if not shape:
        row = P.index_put(P.reshape(wide, shape=(1,)), chosen, make(under.reshape(1), None), places=(True,))
        return P.reshape(row, shape=())
    return P.index_put(wide.contiguous(), chosen, make(np.ascontiguousarray(under), None), places=(True,))


def _nonzero(array: Any) -> tuple[np.ndarray, ...]:
    return np.nonzero(array if array.ndim else array.reshape(1))


@function()
def nonzero(input: Tensor, *, as_tuple: bool = False) -> Any:
    """The positions of the elements that are not zero, as rows, (n, dimensions); ``as_tuple``: a vector per dimension,
    which can be an index.

    >>> torch.nonzero(torch.tensor([[0, 5], [7, 0]]))
    tensor([[0, 1],
            [1, 0]])
    >>> torch.nonzero(torch.tensor([[0, 5], [7, 0]]), as_tuple=True)
    (tensor([0, 1]), tensor([1, 0]))
    """
    array = input._concrete("nonzero")
    places = _nonzero(array)
    if as_tuple:
        return tuple([make(np.ascontiguousarray(place), None) for place in places])
    rows = np.stack(places).T if array.ndim else np.zeros((len(places[0]), 0), np.int64)  # as PyTorch's lie
    return make(rows, None)


@function(out=False)
def argwhere(input: Tensor) -> Tensor:
    """The positions of the elements that are not zero, as rows.

    >>> torch.argwhere(torch.tensor([[0, 5], [7, 0]]))
    tensor([[0, 1],
            [1, 0]])
    """
    return one_by_one(nonzero, input)


@function(method=False, takes_tensor=False)
def isin(elements: Any = None, test_elements: Any = None, *, element: Any = None, test_element: Any = None,
         assume_unique: bool = False, invert: bool = False) -> Tensor:
    """Whether each element of ``elements`` is one of ``test_elements``; one of them at least is a tensor.

    >>> torch.isin(torch.tensor([1, 2, 3, 4]), torch.tensor([2, 4]))
    tensor([False,  True, False,  True])
    """
    elements = element if elements is None else elements
    test_elements = test_element if test_elements is None else test_elements
    check_some_tensor("isin", elements, test_elements)
    pair = [x.detach() if isinstance(x, Tensor) else make(np.asarray(x), None) for x in (elements, test_elements)]
    for x in pair:
        check_takes("isin", TRUTHS + COMPLEX, x)
    return P.isin(*pair, unique=assume_unique, invert=invert)


# --- fills ------------------------------------------------------------------------------------------------------------


def _filled_diagonal(self: Tensor, fill_value: Any, wrap: bool = False) -> Tensor:
    """With a number on the main diagonal (of all dimensions); ``wrap``: again below it, in a tall matrix."""
    fill_value, shape = number("fill_diagonal_", fill_value, "fill_value", 1), self._data.shape
    if len(shape) < 2:
        raise RuntimeError("dimensions must larger than 1")
    if len(shape) > 2 and len(set(shape)) > 1:
        raise RuntimeError("all dimensions of input must be of equal length")
    mask = np.zeros(shape, bool)
    check_flag("fill_diagonal_", "wrap", wrap)
    np.fill_diagonal(mask, True, wrap)
    return P.where(make(mask, None), _like("fill_diagonal_", self, fill_value), self)


_filled_diagonal.__name__ = _filled_diagonal.__qualname__ = "fill_diagonal"
method("fill_diagonal_")(inplace(_filled_diagonal, "fill_diagonal_")).__doc__ = """Writes a number onto the main
    diagonal of this tensor and returns it; with ``wrap`` again below a matrix that is taller than wide.

    >>> torch.zeros(2, 2).fill_diagonal_(7)
    tensor([[7., 0.],
            [0., 7.]])"""


@function(out=False)
def select_scatter(input: Tensor, src: Tensor, dim: int, index: int) -> Tensor:
    """``input`` with the part at one position of ``dim`` replaced by ``src``; a copy.

    >>> torch.select_scatter(torch.zeros(2, 2), torch.tensor([1.0, 2.0]), 1, 0)
    tensor([[1., 0.],
            [2., 0.]])
    """
    place = wrap_dim(dim, input._data.ndim, "select_scatter")
    return _replaced(input, src, (slice(None),) * place + (integer(index, "select_scatter"),), "select_scatter")


@function(checked=True)
def slice_scatter(input: Tensor, src: Tensor, dim: int = 0, start: int | None = None, end: int | None = None,
                  step: int = 1) -> Tensor:
    """``input`` with ``input[start:end:step]`` along ``dim`` replaced by ``src``; a copy.

    >>> torch.slice_scatter(torch.zeros(4), torch.tensor([1.0, 2.0]), start=1, end=3)
    tensor([0., 1., 2., 0.])
    """
    place = wrap_dim(dim, input._data.ndim, "slice_scatter")
    return _replaced(input, src, (slice(None),) * place + (slice(start, end, step),), "slice_scatter")


def _replaced(x: Tensor, part: Tensor, index: tuple[Any, ...], op: str) -> Tensor:
    shown = np.broadcast_to(np.empty(()), x._data.shape)[index].shape
    if shown != part._data.shape:
        raise ShapeError(f"[{op}] expected src to have a size equal to the slice of self. src size = "
                         f"{list(part.shape)}, slice size = "
                         f"{list(shown)}")
    return P.scatter_view(x, cast(part, x.dtype), steps=((P.slice, {"index": index}),), gaps=True)


@function(out=False)
def diagonal_scatter(input: Tensor, src: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """``input`` with a diagonal replaced by ``src``; a copy.

    >>> torch.diagonal_scatter(torch.zeros(2, 2), torch.tensor([1.0, 2.0]))
    tensor([[1., 0.],
            [0., 2.]])
    """
    first, second = (wrap_dim(d, input._data.ndim, "diagonal_scatter") for d in (dim1, dim2))
    step = (P.diagonal, {"offset": offset, "dim1": first, "dim2": second})
    return P.scatter_view(input, cast(src, input.dtype), steps=(step,), gaps=True)


