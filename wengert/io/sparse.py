"""Sparse tensors in files: their parts, and what makes a tensor of these again.

What a file says is checked as what a user says is: by the functions that check the parts of `sparse_coo_tensor`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from ..core.layout import layout, sparse_coo, sparse_csc, sparse_csr
from ..core.sparse import Compressed, Coordinates
from ..tensors.tensor import Tensor, wrap

LAYOUTS = {str(kind): kind for kind in (sparse_coo, sparse_csr, sparse_csc)}
"""The layouts that files may name."""


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
    rank = 2 if kind is sparse_coo else 1
    if any(part.dtype.kind != "i" or part.ndim != rank for part in places) or not values.ndim:
        raise ValueError("indices of a sparse tensor were expected")
    places = [part if part.dtype == np.int32 and kind is not sparse_coo else part.astype(np.int64, copy=False)
              for part in places]
    if len(values) != places[-1].shape[-1]:
        raise ValueError("one value for each index was expected")
    if kind is sparse_coo:
        data = Coordinates(places[0], values, tuple(size), coalesced is True)
        return making.plain(data), partial(making.check_coordinates, "load", data)
    if values.ndim != 1 or not len(places[0]):
        raise ValueError("one value for each index was expected")
    sparse = Compressed(kind, places[0], places[1], values, tuple(size))
    return making.plain(sparse), partial(making.check_compressed, "load", kind, places[0], places[1], tuple(size))


__all__ = ["LAYOUTS", "of_parts", "parts_of"]
