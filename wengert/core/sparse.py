"""Arrays that keep only what is not zero: by coordinates, and by compressed rows or columns.

What a sparse tensor holds in the place of an array, and what the tape carries as a sparse gradient. It adds up with
arrays and with its like under numpy's own functions, so that the engine adds cotangents without knowing of it; for
everything else that numpy is asked, it raises `LayoutError`.

The one idea to know: values are an ordinary array, one entry an element that is kept (with dimensions of its own
behind, where the last dimensions are dense); where these stand is in other arrays, which nobody writes to. Nothing here
knows tensors or the tape.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NoReturn, Self

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from .errors import ShapeError, needs_strided
from .layout import layout, sparse_coo, sparse_csc, sparse_csr
from .operands import Array
from .primitive import HALVES

Shape = tuple[int, ...]


class SparseArray(NDArrayOperatorsMixin):
    """What the layouts have in common: ``values`` (count, \\*dense), ``shape``, and answers to numpy."""

    __slots__ = ("shape", "values")

    tensor_class: Any = None
    """The class of the tensors that hold it, which stands above."""
    layout: layout
    blocks: Shape = ()
    """The height and width of the blocks that are kept in the place of numbers."""
    shape: Shape
    values: Array

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.values.dtype

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return product(self.shape)

    @property
    def itemsize(self) -> int:
        return int(self.values.dtype.itemsize)

    @property
    def nbytes(self) -> int:
        return self.size * self.itemsize

    @property
    def count(self) -> int:
        """How many entries are kept."""
        return len(self.values)

    @property
    def dense_dim(self) -> int:
        """How many dimensions each value has itself."""
        return self.values.ndim - 1

    def with_values(self, values: Array) -> Any:
        """The same places with other values."""
        raise NotImplementedError

    def coordinates(self) -> Coordinates:
        """The same by coordinates."""
        raise NotImplementedError

    def copy(self, order: str = "C") -> Any:
        return self.with_values(self.values.copy())

    def astype(self, dtype: Any, copy: bool = True) -> Any:
        return self.with_values(self.values.astype(dtype, copy=copy))

    def become(self, other: Self) -> None:
        """Takes on what another one is: how a tensor is written in place."""
        for slot in ("shape", "values", *type(self).__slots__):
            setattr(self, slot, getattr(other, slot))

    def dense(self) -> np.ndarray:
        """The array that this stands for."""
        here = self.coordinates().coalesced_form()
        out = np.zeros(self.shape, self.dtype)
        here.entries_of(out)[here.keys()] = here.values
        return out

    # --- what numpy is asked ------------------------------------------------------------------------------------------

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, out: Any = None, **options: Any) -> Any:
        rule = _RULES.get(ufunc) if method == "__call__" and not options else None
        target = None if out is None else out[0]
        if ufunc is np.add and type(target) is np.ndarray and target is inputs[0] and add_into(target, inputs[1]):
            return target
        if ufunc is np.add and out is None:
            inputs = inputs[::-1]  # PyTorch's engine adds what has come first to what comes
        result = NotImplemented if rule is None else rule(*inputs)
        if result is NotImplemented:
            raise needs_strided(ufunc.__name__, self.layout)
        if target is None or target is result:
            return result
        if type(target) is np.ndarray:
            target[...] = result
        elif type(target) is type(result):
            target.become(result)
        else:
            return result  # a dense sum in the place of a sparse one
        return target

    def __array__(self, *_: object, **__: object) -> NoReturn:
        self._refuse("its memory")

    def __len__(self) -> NoReturn:
        self._refuse("its length")

    def __bool__(self) -> NoReturn:
        self._refuse("its truth")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):  # who probes for a tensor, or for a protocol
            raise AttributeError(name)
        self._refuse(name)

    def _refuse(self, what: str) -> NoReturn:
        raise needs_strided(what, self.layout)


class Coordinates(SparseArray):
    """Values at coordinates: ``indices`` (sparse dimensions, count), in any order and more than once, in which case the
    values add up. ``coalesced``: each once, in row-major order."""

    __slots__ = ("coalesced", "indices")

    layout = sparse_coo

    def __init__(self, indices: Array, values: Array, shape: Shape, coalesced: bool = False) -> None:
        self.indices, self.values, self.shape = indices, values, tuple(shape)
        self.coalesced = coalesced or len(values) < 2

    @property
    def sparse_dim(self) -> int:
        return len(self.indices)

    def with_values(self, values: Array) -> Coordinates:
        return Coordinates(self.indices, values, self.shape[:self.sparse_dim] + values.shape[1:], self.coalesced)

    def coordinates(self) -> Coordinates:
        return self

    def keys(self) -> Array:
        """The coordinates of each entry as one number, by their order in memory."""
        return flattened(self.indices, self.shape)

    def entries_of(self, array: Array) -> Any:
        """A row-major array of this shape with its sparse dimensions as one, which `keys` number."""
        count = product(self.shape[:self.sparse_dim])
        return array.reshape(count, *self.shape[self.sparse_dim:])

    def coalesced_form(self) -> Coordinates:
        """The same with each coordinate once, in order."""
        if self.coalesced:
            return self
        order, starts, places = grouping(self.keys())
        values = add_groups(self.values[order], starts)
        return Coordinates(self.indices[:, order[starts]], values, self.shape, True)

    def transposed(self, dims: Sequence[int]) -> Coordinates:
        """The dimensions in another order, sparse ones before dense ones as before."""
        count = self.sparse_dim
        dense = [d - count + 1 for d in dims[count:]]
        values = self.values.transpose(0, *dense) if dense else self.values
        coalesced = self.coalesced and list(dims[:count]) == list(range(count))
        return Coordinates(self.indices[list(dims[:count])], values, tuple([self.shape[d] for d in dims]), coalesced)

    def transpose(self, *dims: Any) -> Coordinates:
        """numpy's name for `transposed`: what the rule of a view asks of a cotangent."""
        order = dims[0] if len(dims) == 1 and not isinstance(dims[0], int) else dims
        order = [d % self.ndim for d in order] if order else list(range(self.ndim))[::-1]
        if sorted(order[:self.sparse_dim]) != list(range(self.sparse_dim)):
            self._refuse("transpose")
        return self.transposed(order)


class Compressed(SparseArray):
    """Values of a matrix row by row (`sparse_csr`) or column by column (`sparse_csc`): ``compressed`` says where each
    row begins and the last one ends, ``plain`` the column of each value."""

    __slots__ = ("compressed", "layout", "plain")

    def __init__(self, kind: layout, compressed: Array, plain: Array, values: Array, shape: Shape) -> None:
        self.layout, self.compressed, self.plain = kind, compressed, plain
        self.values, self.shape = values, tuple(shape)

    sparse_dim = 2

    def with_values(self, values: Array) -> Compressed:
        return Compressed(self.layout, self.compressed, self.plain, values, self.shape[:2] + values.shape[1:])

    def like(self, x: Coordinates) -> Compressed:
        """What stands at coordinates, in the layout of this one."""
        return compressed(x, self.layout)

    def coordinates(self) -> Coordinates:
        lines = np.repeat(np.arange(len(self.compressed) - 1), np.diff(self.compressed))
        by_row = self.layout is sparse_csr
        plain = self.plain.astype(np.int64, copy=False)
        indices = np.stack([lines, plain] if by_row else [plain, lines])
        keys = flattened(indices, self.shape)
        return Coordinates(indices, self.values, self.shape, bool((keys[1:] > keys[:-1]).all()))

    def transposed(self) -> Compressed:
        kind = sparse_csc if self.layout is sparse_csr else sparse_csr
        return Compressed(kind, self.compressed, self.plain, self.values, self.shape[::-1])


# --- coordinates as numbers -------------------------------------------------------------------------------------------


def product(sizes: Sequence[int]) -> int:
    count = 1
    for n in sizes:
        count *= int(n)
    return count


def flattened(indices: Array, shape: Shape) -> Array:
    """Coordinates as one number each: their place in a row-major array of the sparse dimensions."""
    keys = np.zeros(indices.shape[1:], np.int64)
    for index, n in zip(indices, shape, strict=False):
        keys = keys * n + index
    return keys


def unflattened(keys: Array, shape: Shape) -> Array:
    """The coordinates, (dimensions, count), of places in a row-major array."""
    rows: list[Any] = []
    for n in reversed(shape):
        rows.append(keys % max(n, 1))
        keys = keys // max(n, 1)
    return np.stack(rows[::-1]) if rows else np.zeros((0, len(keys)), np.int64)


def grouping(keys: Array) -> tuple[Array, Array, Array]:
    """The stable order that sorts keys; in it, the start of each run of equal ones; and the run of each key."""
    order = np.argsort(keys, kind="stable")
    in_order = keys[order]
    first = np.ones(len(keys), bool)
    first[1:] = in_order[1:] != in_order[:-1]
    places = np.empty(len(keys), np.int64)
    places[order] = np.cumsum(first) - 1
    return order, np.flatnonzero(first), places


def add_groups(values: Array, starts: Array) -> Array:
    """The sums of runs of values along the first dimension, each beginning at a start; of half precision in float32."""
    if len(starts) == len(values):
        return values
    if values.dtype.kind == "b":
        return np.logical_or.reduceat(values, starts, axis=0)
    wide = values.astype(np.float32) if values.dtype.char in HALVES else values
    return sum_runs(starts, len(values), wide.__getitem__).astype(values.dtype, copy=False)


def sum_runs(starts: Array, count: int, terms: Callable[[Array], Array]) -> np.ndarray:
    """The sums of runs among ``count`` rows, each beginning at a start, in their order; ``terms(at)`` are the rows at
    these places. The first of all runs are added at once, then the second, and so on; what is left of long runs by
    numpy, which is slow for short ones."""
    lengths = np.diff(np.append(starts, count))
    order = np.argsort(-lengths, kind="stable")
    starts, lengths = starts[order], lengths[order]
    total = terms(starts)
    for step in range(1, min(int(lengths[0]), _PASSES)):
        left = int(np.searchsorted(-lengths, -step))  # the runs that are longer than this
        total[:left] += terms(starts[:left] + step)
    left = int(np.searchsorted(-lengths, -_PASSES))
    if left:
        rest = lengths[:left] - _PASSES
        ends = np.cumsum(rest)
        at = np.repeat(starts[:left] + _PASSES - (ends - rest), rest) + np.arange(ends[-1])
        total[:left] += np.add.reduceat(terms(at), ends - rest, axis=0)
    sums = np.empty_like(total)
    sums[order] = total
    return sums


_PASSES = 64


def places_of(wanted: Array, keys: Array) -> tuple[Array, Array]:
    """Where wanted keys stand among sorted ones, and which of them are there; those that are not have place 0."""
    places = np.searchsorted(keys, wanted)
    places[places == len(keys)] = 0
    found = keys[places] == wanted if len(keys) else np.zeros(len(wanted), bool)
    return np.where(found, places, 0), found


# --- sums and products ------------------------------------------------------------------------------------------------


def added(x: Any, y: Any) -> Any:
    """The sum of two, of which one at least is sparse: sparse where both are."""
    if not isinstance(x, SparseArray) or not isinstance(y, SparseArray):
        sparse, other = (x, y) if isinstance(x, SparseArray) else (y, x)
        if type(other) is not np.ndarray or other.shape != sparse.shape:
            return NotImplemented
        here = sparse.coordinates().coalesced_form()
        out = other.astype(np.result_type(other, here.values), order="C")
        here.entries_of(out)[here.keys()] += here.values
        return out
    if x.shape != y.shape:
        raise ShapeError(f"[add] expected sizes of 'self' and 'other' to match, but {list(x.shape)} != "
                         f"{list(y.shape)}; sparse tensors do not broadcast")
    if isinstance(x, Compressed) and isinstance(y, Compressed):
        return x.like(_merged(x.coordinates().coalesced_form(), y.coordinates().coalesced_form()))
    return _merged(x.coordinates(), y.coordinates())


def add_into(target: np.ndarray, x: SparseArray, factor: float = 1) -> bool:
    """Adds a sparse array, times a number, to a row-major array in place, touching what it keeps alone; whether it
    could."""
    if target.shape != x.shape or not target.flags.c_contiguous:
        return False
    here = x.coordinates().coalesced_form()
    here.entries_of(target)[here.keys()] += here.values if factor == 1 else here.values * factor
    return True


def _merged(x: Coordinates, y: Coordinates) -> Coordinates:
    """Entries of both in the order in which two lists merge; equal ones that meet become one, as in PyTorch."""
    if x.sparse_dim != y.sparse_dim:
        raise ShapeError(f"[add] tensors with {x.sparse_dim} sparse dimensions were expected; got {y.sparse_dim}; "
                         "convert them by to_sparse(sparse_dim)")
    both = np.concatenate([x.values, y.values.astype(np.result_type(x.values, y.values), copy=False)])
    indices, count = np.concatenate([x.indices, y.indices], 1), x.count
    if not (x.values.flags.c_contiguous and y.values.flags.c_contiguous):
        return Coordinates(indices, both, x.shape)  # one list behind the other, again as in PyTorch
    keys = flattened(indices, x.shape)
    if x.coalesced and y.coalesced:
        order, starts, _ = grouping(keys)
    else:
        order, starts = _merging_order(keys[:count].tolist(), keys[count:].tolist())
    return Coordinates(indices[:, order[starts]], add_groups(both[order], starts), x.shape,
                       x.coalesced and y.coalesced)


def _merging_order(first: list[int], second: list[int]) -> tuple[Array, Array]:
    """The order in which two lists of keys, sorted or not, are merged head by head, and where each result starts."""
    order: list[int] = []
    starts: list[int] = []
    i = j = 0
    m, n = len(first), len(second)
    while i < m and j < n:
        starts.append(len(order))
        a, b = first[i], second[j]
        if a <= b:
            order.append(i)
            i += 1
        if b <= a:
            order.append(m + j)
            j += 1
    rest = [*range(i, m), *range(m + j, m + n)]
    starts.extend(range(len(order), len(order) + len(rest)))
    return np.array([*order, *rest], np.int64), np.array(starts, np.int64)


def _scaled(ufunc: np.ufunc) -> Any:
    def rule(x: Any, y: Any) -> Any:
        """A sparse array times, or by, a number; times an array of its shape it is sparse too."""
        if not isinstance(x, SparseArray):
            return rule(y, x) if ufunc is np.multiply else NotImplemented
        if np.ndim(y) == 0 and not isinstance(y, SparseArray):
            return x.with_values(ufunc(x.values, y))
        if type(y) is np.ndarray and y.shape == x.shape and ufunc is np.multiply:
            here = x.coordinates()
            picked = here.entries_of(np.ascontiguousarray(y))[here.keys()]
            return x.with_values(x.values * picked.reshape(x.values.shape))
        return NotImplemented

    return rule


def _each(ufunc: np.ufunc) -> Any:
    return lambda x: x.with_values(ufunc(x.values))


_RULES: dict[np.ufunc, Any] = {
    np.add: added,
    np.subtract: lambda x, y: added(x, -y),
    np.multiply: _scaled(np.multiply),
    np.true_divide: _scaled(np.true_divide),
    np.negative: _each(np.negative),
    np.conjugate: _each(np.conjugate),
}
"""What numpy's functions mean for what the tape does to a sparse cotangent."""


def matrix_product(x: SparseArray, y: Array) -> np.ndarray:
    """A sparse matrix (n, m) times an array (m, k): each row of the result is the sum over the row's entries."""
    here = x.coordinates()
    rows, columns = here.indices
    values = here.values
    order = None if here.coalesced else np.argsort(rows, kind="stable")
    if order is not None:
        rows, columns, values = rows[order], columns[order], values[order]
    dtype = np.result_type(values, y)
    wide = np.float32 if dtype.char in HALVES else dtype
    out = np.zeros((x.shape[0], y.shape[1]), wide)
    if len(rows):
        first = np.ones(len(rows), bool)
        first[1:] = rows[1:] != rows[:-1]
        starts = np.flatnonzero(first)
        weights, factor = values.astype(wide, copy=False)[:, None], y.astype(wide, copy=False)
        out[rows[starts]] = sum_runs(starts, len(rows), lambda at: weights[at] * factor[columns[at]])
    return out.astype(dtype, copy=False)


def sparse_product(x: SparseArray, y: SparseArray) -> Coordinates:
    """The product of two sparse matrices, coalesced."""
    left, right = x.coordinates().coalesced_form(), y.coordinates().coalesced_form()
    begins = row_starts(right.indices[0], right.shape[0])
    counts = (begins[1:] - begins[:-1])[left.indices[1]]
    which = np.repeat(np.arange(left.count), counts)
    within = np.arange(len(which)) - np.repeat(np.cumsum(counts) - counts, counts)
    other = begins[left.indices[1]][which] + within
    dtype = np.result_type(left.values, right.values)
    wide = np.float32 if dtype.char in HALVES else dtype
    values = left.values[which].astype(wide) * right.values[other].astype(wide)
    indices = np.stack([left.indices[0][which], right.indices[1][other]])
    found = Coordinates(indices, values, (x.shape[0], y.shape[1])).coalesced_form()
    return found.with_values(found.values.astype(dtype, copy=False))


# --- from one layout to another ---------------------------------------------------------------------------------------


def row_starts(rows: Array, count: int) -> Array:
    """Where each of ``count`` rows begins among sorted row numbers, and where the last ends."""
    return np.searchsorted(rows, np.arange(count + 1)).astype(np.int64)


def compressed(x: Coordinates, kind: layout) -> Compressed:
    """A matrix by coordinates as compressed rows or columns."""
    x = x.coalesced_form()
    rows, columns = x.indices
    if kind is sparse_csr:
        return Compressed(kind, row_starts(rows, x.shape[0]), columns, x.values, x.shape)
    order = np.argsort(columns, kind="stable")
    return Compressed(kind, row_starts(columns[order], x.shape[1]), rows[order], x.values[order], x.shape)


def from_dense(array: np.ndarray, sparse_dim: int) -> Coordinates:
    """What is not zero in an array, by its first ``sparse_dim`` dimensions."""
    lead = array.shape[:sparse_dim]
    rows = array.reshape(product(lead), product(array.shape[sparse_dim:]))
    keys = np.flatnonzero((rows != 0).any(1))
    values = rows[keys].reshape(len(keys), *array.shape[sparse_dim:])
    return Coordinates(unflattened(keys, lead), values, array.shape, True)


__all__ = ["Compressed", "Coordinates", "SparseArray"]
