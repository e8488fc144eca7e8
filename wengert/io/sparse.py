"""Sparse tensors in files: their parts, and what makes a tensor of these again.

What a file says is checked as what a user says is: by the functions that check the parts of `sparse_coo_tensor`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from ..core.layout import layout, sparse_bsc, sparse_bsr, sparse_coo, sparse_csc, sparse_csr, strided
from ..core.sparse import Coordinates
from ..core.tiles import BLOCKED, compressed_of
from ..tensors.tensor import Tensor, wrap

LAYOUTS = {str(kind): kind for kind in (sparse_coo, sparse_csr, sparse_csc, sparse_bsr, sparse_bsc)}
"""The layouts of sparse tensors that files may name."""
NAMED = {str(strided): strided, **LAYOUTS}
"""All layouts that files may name."""


def parts_of(tensor: Any) -> tuple[str, list[Tensor], tuple[int, ...], bool]:
    """The name of a sparse tensor's layout, its parts as dense tensors, its shape, and whether it is coalesced."""
    data = tensor._data
    if isinstance(data, Coordinates):
        arrays, coalesced = [data.indices, data.values], data.coalesced
    else:
        arrays, coalesced = [data.compressed, data.plain, data.values], False
    return str(data.layout), [wrap(array) for array in arrays], tuple(data.shape), coalesced


def of_parts(name: Any, parts: Any, size: Any, coalesced: Any = None) -> tuple[Any, Callable[[], None]]:
    """The sparse tensor of these parts, and what checks it once their memory has been read. Raises ValueError."""
    from ..ops.sparse import making

    kind: layout | None = name if isinstance(name, layout) and str(name) in LAYOUTS else LAYOUTS.get(str(name))
    if kind is None:
        raise ValueError(f"a layout among {', '.join(LAYOUTS)} was expected; got {name!s:.40}")
    if not isinstance(parts, (list, tuple)) or len(parts) != (2 if kind is sparse_coo else 3):
        raise ValueError(f"the parts of a tensor of layout {kind} were expected")
    if not all(isinstance(part, Tensor) and type(part._data) is np.ndarray for part in parts):
        raise ValueError("strided tensors as the parts of a sparse one were expected")
    if not isinstance(size, (list, tuple)) or any(type(n) is not int or n < 0 for n in size):
        raise ValueError("a size of integers was expected")
    *places, values = [part._data for part in parts]
    rank = 2 if kind is sparse_coo else places[-1].ndim
    if any(part.dtype.kind != "i" or not part.ndim or part.ndim != rank for part in places) or not values.ndim:
        raise ValueError("indices of a sparse tensor were expected")
    places = [part if part.dtype == np.int32 and kind is not sparse_coo else part.astype(np.int64, copy=False)
              for part in places]
    if kind is sparse_coo and len(values) != places[-1].shape[-1]:
        raise ValueError("one value for each index was expected")
    if kind is sparse_coo:
        data = Coordinates(places[0], values, tuple(size), coalesced is True)
        return making.plain(data), partial(making.check_coordinates, "load", data)
    inside = places[0].shape[:-1] == places[1].shape[:-1] and values.shape[:rank] == places[1].shape
    if values.ndim < rank + 2 * (kind in BLOCKED) or not places[0].shape[-1] or not inside:
        raise ValueError("one value, or one block, for each index was expected")
    sparse = compressed_of(kind, places[0], places[1], values, tuple(size))
    check = partial(making.check_parts, "load", kind, places[0], places[1], values.shape, tuple(size))
    return making.plain(sparse), check


__all__ = ["LAYOUTS", "NAMED", "of_parts", "parts_of"]
