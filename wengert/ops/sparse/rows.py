"""Rows of a table whose gradient is sparse: what `nn.functional.embedding` with ``sparse=True`` is."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.sparse import Coordinates
from ...tensors.tensor import Tensor
from .operation import Operation, plain, with_values


class Embedding(Operation):
    """The rows of a table (rows, width) that integers number; the gradient has an entry for each of these."""

    @staticmethod
    def forward(ctx: Any, table: Tensor, numbers: Tensor, padding: int | None) -> Tensor:
        rows = numbers._data
        if rows.size and (rows.min() < 0 or rows.max() >= len(table._data)):
            raise IndexError("[embedding] index out of range in self")
        ctx.rows, ctx.padding, ctx.shape = rows.astype(np.int64).reshape(-1), padding, table._data.shape
        return plain(table._data[rows])

    @staticmethod
    def backward(ctx: Any, ct: Tensor) -> tuple[Any, ...]:
        rows, values = ctx.rows, ct.reshape(len(ctx.rows), *ctx.shape[1:])
        if ctx.padding is not None:
            kept = np.flatnonzero(rows != ctx.padding)
            rows, values = rows[kept], values[plain(kept)]
        places = Coordinates(rows.reshape(1, -1), np.zeros((len(rows), *ctx.shape[1:]), bool), ctx.shape)
        return with_values(places, values), None, None


def rows_of(table: Tensor, numbers: Tensor, padding: int | None) -> Tensor:
    """The rows of a table that integers of shape (...) number, (..., width), with a sparse gradient. The row
    ``padding`` gets none. Raises IndexError for a number that is no row."""
    out: Tensor = Embedding.apply(table, numbers, padding)
    return out
