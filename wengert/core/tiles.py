"""Compressed rows or columns of more than one matrix of numbers: batches of matrices, blocks in the place of numbers,
and values with dense dimensions of their own.

The one idea to know: `tiled` goes by coordinates, of batch, row and column, and back by `Tiled.coordinates`; a block is
as many entries there as it has numbers.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .errors import ShapeError
from .layout import layout, sparse_bsc, sparse_bsr, sparse_csc, sparse_csr
from .operands import Array
from .sparse import Compressed, Coordinates, Shape, compressed, flattened, product, unflattened

BLOCKED = (sparse_bsr, sparse_bsc)
"""The layouts of blocks."""
BY_ROWS = (sparse_csr, sparse_bsr)
"""The layouts that compress rows; the others compress columns."""
_TURNED = {sparse_csr: sparse_csc, sparse_csc: sparse_csr, sparse_bsr: sparse_bsc, sparse_bsc: sparse_bsr}


class Tiled(Compressed):
    """``compressed`` (\\*batch, lines + 1), ``plain`` (\\*batch, count), ``values`` (\\*batch, count, \\*blocks,
    \\*dense) of ``shape`` (\\*batch, rows, columns, \\*dense); ``blocks`` is () or the height and width of one."""

    __slots__ = ("blocks",)

    def __init__(self, kind: layout, compressed: Array, plain: Array, values: Array, shape: Shape) -> None:
        super().__init__(kind, compressed, plain, values, shape)
        rank = plain.ndim
        self.blocks: Shape = values.shape[rank:rank + 2] if kind in BLOCKED else ()

    def become(self, other: Any) -> None:
        super().become(other)
        self.compressed, self.plain, self.layout = other.compressed, other.plain, other.layout

    @property
    def count(self) -> int:
        return int(self.plain.shape[-1])

    @property
    def batch(self) -> Shape:
        return self.plain.shape[:-1]

    @property
    def dense_dim(self) -> int:
        return self.values.ndim - self.plain.ndim - len(self.blocks)

    def with_values(self, values: Array) -> Tiled:
        return Tiled(self.layout, self.compressed, self.plain, values, self.shape)

    def like(self, x: Coordinates) -> Compressed:
        return tiled(x, self.layout, self.blocks)

    def coordinates(self) -> Coordinates:
        batches, lines, count = product(self.batch), self.compressed.shape[-1] - 1, self.count
        lengths = np.diff(self.compressed.reshape(batches, lines + 1)).reshape(-1)
        line = np.repeat(np.tile(np.arange(lines), batches), lengths)
        plain = self.plain.reshape(-1).astype(np.int64, copy=False)
        places = [line, plain] if self.layout in BY_ROWS else [plain, line]
        batch = unflattened(np.repeat(np.arange(batches), count), self.batch)
        dense = self.values.shape[self.values.ndim - self.dense_dim:] if self.dense_dim else ()
        if self.blocks:
            high, wide = self.blocks
            down, across = np.divmod(np.arange(high * wide), max(wide, 1))
            places = [(places[0][:, None] * high + down).reshape(-1), (places[1][:, None] * wide + across).reshape(-1)]
            batch = np.repeat(batch, high * wide, 1)
        indices = np.stack([*batch, *places])
        keys = flattened(indices, self.shape)
        return Coordinates(indices, self.values.reshape(len(keys), *dense), self.shape,
                           bool((keys[1:] > keys[:-1]).all()))

    def transposed(self) -> Tiled:
        rank, batch = self.plain.ndim, len(self.batch)
        values = self.values.swapaxes(rank, rank + 1) if self.blocks else self.values
        shape = list(self.shape)
        shape[batch], shape[batch + 1] = shape[batch + 1], shape[batch]
        return Tiled(_TURNED[self.layout], self.compressed, self.plain, values, tuple(shape))

    def chosen(self, dim: int, index: int) -> Compressed:
        """The matrices at one place of a batch dimension."""
        at = (slice(None),) * dim + (index,)
        return compressed_of(self.layout, self.compressed[at], self.plain[at], self.values[at],
                             self.shape[:dim] + self.shape[dim + 1:])


def compressed_of(kind: layout, starts: Array, plain: Array, values: Array, shape: Shape) -> Compressed:
    """Compressed rows or columns of these parts."""
    alone = starts.ndim == 1 and values.ndim == 1 and kind not in BLOCKED
    return (Compressed if alone else Tiled)(kind, starts, plain, values, tuple(shape))


def tiled(x: Coordinates, kind: layout, blocks: Shape = ()) -> Compressed:
    """What stands at coordinates of batch, row and column, as compressed rows or columns, in ``blocks`` where such are
    given. Raises ShapeError where blocks do not fill the matrix, or where matrices of a batch differ in how much they
    keep."""
    if x.sparse_dim == 2 and x.values.ndim == 1 and not blocks:
        return compressed(x, kind)
    x = x.coalesced_form()
    *batch, rows, columns = x.shape[:x.sparse_dim]
    high, wide = blocks or (1, 1)
    if high < 1 or wide < 1 or rows % high or columns % wide:
        raise ShapeError(f"[to_sparse] tensor sparse size ({rows}, {columns}) must be divisible by given blocksize "
                         f"({high}, {wide}); give another one")
    *which, row, column = x.indices
    lines, others = row // high, column // wide
    counts = [rows // high, columns // wide]
    if kind not in BY_ROWS:
        lines, others, counts = others, lines, counts[::-1]
    batches = product(batch)
    matrix = flattened(np.stack(which), tuple(batch)) if batch else np.zeros_like(row)
    keys, place = np.unique((matrix * counts[0] + lines) * max(counts[1], 1) + others, return_inverse=True)
    values = np.zeros((len(keys), high, wide, *x.values.shape[1:]), x.values.dtype)
    values[place, row % high, column % wide] = x.values
    if not blocks:
        values = values.reshape(len(keys), *x.values.shape[1:])
    line = keys // max(counts[1], 1)
    kept = np.bincount(line // max(counts[0], 1), minlength=batches)
    if len(kept) and (kept != kept[0]).any():
        raise ShapeError(f"[to_sparse] Expect the same number of specified elements per batch; got "
                         f"{kept.tolist()[:8]}; convert each matrix by itself")
    count = int(kept[0]) if len(kept) else 0
    lengths = np.bincount(line, minlength=batches * counts[0]).reshape(batches, counts[0])
    starts = np.zeros((batches, counts[0] + 1), np.int64)
    np.cumsum(lengths, 1, out=starts[:, 1:])
    return compressed_of(kind, starts.reshape(*batch, counts[0] + 1), (keys % max(counts[1], 1)).reshape(*batch, count),
                         values.reshape(*batch, count, *values.shape[1:]), x.shape)


__all__ = ["BLOCKED", "BY_ROWS", "Tiled", "compressed_of", "tiled"]
