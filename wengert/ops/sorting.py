"""Order: sorting, the largest and smallest, distinct values, search in sorted sequences."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core import dtypes
from ..core.errors import DTypeError, ShapeError
from ..core.primitive import COMPLEX, EIGHTHS, TRUTHS, P
from ..core.spec import wrap_dim
from ..tensors.absent import is_readable
from ..tensors.alias import type_name
from ..tensors.apply import check_none, check_takes
from ..tensors.given import check_operand
from ..tensors.tensor import Tensor, make
from .arguments import check_not_empty, integer
from .named import named
from .registry import function

_Sorted = named("sort", "values", "indices")
_Top = named("topk", "values", "indices")
_Kth = named("kthvalue", "values", "indices")


def _sorted(x: Tensor, dim: int, descending: bool, op: str) -> tuple[Tensor, Tensor]:
    if x.is_complex():
        raise RuntimeError(f"[{op}] Sort does not support complex dtypes on CPU; sort x.abs(), or x.real")
    return P.sort(x, dim=wrap_dim(dim, x._data.ndim, op), descending=bool(descending))


@function()
def sort(input: Tensor, dim: int = -1, descending: bool = False, stable: bool | None = False) -> Any:
    """The elements in order along a dimension, and the positions that they had: ``(values, indices)``. NaN counts as
    the
    largest. Equal elements always keep their order here, whether ``stable`` or not.

    >>> torch.sort(torch.tensor([30, 10, 20]))
    torch.return_types.sort(
    values=tensor([10, 20, 30]),
    indices=tensor([1, 2, 0]))
    """
    return _Sorted(_sorted(input, dim, descending, "sort"))


@function()
def argsort(input: Tensor, dim: int = -1, descending: bool = False, stable: bool = False) -> Tensor:
    """The positions of the elements in order along a dimension.

    >>> x = torch.tensor([30, 10, 20])
    >>> order = torch.argsort(x)
    >>> order, x[order]
    (tensor([1, 2, 0]), tensor([10, 20, 30]))
    """
    return _sorted(input.detach(), dim, descending, "argsort")[1]


@function(method=True)
def msort(input: Tensor) -> Tensor:
    """The elements in order along dimension 0.

    >>> torch.msort(torch.tensor([[3, 1], [2, 9]]))
    tensor([[2, 1],
            [3, 9]])
    """
    return _sorted(input, 0, False, "msort")[0]


@function()
def topk(input: Tensor, k: Any, dim: int = -1, largest: bool = True, sorted: bool = True) -> Any:
    """The ``k`` largest (or smallest) elements along a dimension in order, and their positions: ``(values, indices)``.

    >>> torch.topk(torch.tensor([10, 50, 30]), 2)
    torch.return_types.topk(
    values=tensor([50, 30]),
    indices=tensor([1, 2]))
    """
    check_takes("topk", TRUTHS + COMPLEX, input)
    place = wrap_dim(dim, input._data.ndim, "topk")
    count = integer(k, "topk")
    if not 0 <= count <= (input._data.shape[place] if input._data.ndim else 1):
        raise RuntimeError(f"[topk] selected index k out of range; got k={count} for dimension {place} of shape "
                           f"{list(input.shape)}")
    return _Top(P.topk(input, k=count, dim=place, largest=bool(largest)))


@function(checked=True)
def kthvalue(input: Tensor, k: int, dim: int = -1, keepdim: bool = False) -> Any:
    """The ``k``-th smallest element along a dimension, counted from 1, and its position: ``(values, indices)``.

    >>> torch.kthvalue(torch.tensor([40, 10, 30, 20]), 2)
    torch.return_types.kthvalue(
    values=tensor(20),
    indices=tensor(3))
    """
    check_takes("kthvalue", TRUTHS + COMPLEX, input)
    place = wrap_dim(dim, input._data.ndim, "kthvalue")
    check_not_empty("kthvalue", input, place)
    if not 1 <= k <= (input._data.shape[place] if input._data.ndim else 1):
        raise RuntimeError(f"kthvalue(): selected number k out of range for dimension {place}; got k={k} for shape "
                           f"{list(input.shape)}")
    ordered = _sorted(input, dim, False, "kthvalue")
    if not input._data.ndim:
        return _Kth(ordered)
    entry = slice(k - 1, k) if keepdim else k - 1
    return _Kth(tuple(P.clone(P.slice(part, index=(slice(None),) * place + (entry,)), order="C") for part in ordered))


# --- distinct values --------------------------------------------------------------------------------------------------


def _results(op: str, input: Tensor, values: Any, inverse: Any, counts: Any, return_inverse: bool, return_counts: bool,
             place: int = 0) -> Any:
    together = np.moveaxis(np.ascontiguousarray(np.moveaxis(values, place, 0)), 0, place)  # each part in one piece
    found = [P.underivable(make(together, None), input, of=op)]
    found += [make(inverse.astype(np.int64, copy=False), None)] if return_inverse else []
    found += [make(counts.astype(np.int64, copy=False), None)] if return_counts else []
    return found[0] if len(found) == 1 else tuple(found)


@function(out=False)
def unique(input: Tensor, sorted: bool = True, return_inverse: bool = False, return_counts: bool = False,
           dim: int | None = None) -> Any:
    """The distinct elements in ascending order (or the distinct parts along ``dim``); on request also where each
    element
    of ``input`` is among them, and how often each occurs.

    >>> torch.unique(torch.tensor([3, 1, 3, 2]), return_counts=True)
    (tensor([1, 2, 3]), tensor([1, 1, 2]))
    """
    check_takes("unique", COMPLEX + EIGHTHS, input)
    array = input._concrete("unique")
    if dim is None:
        values, inverse, counts = np.unique(array, return_inverse=True, return_counts=True, equal_nan=False)
        return _results("unique", input, values, inverse.reshape(array.shape), counts, return_inverse, return_counts)
    place = wrap_dim(dim, array.ndim, "unique")
    _check_empty_parts("unique", array.shape, place)
    values, inverse, counts = np.unique(array, return_inverse=True, return_counts=True, axis=place, equal_nan=False)
    return _results("unique", input, values, inverse.reshape(-1), counts, return_inverse, return_counts, place)


@function(method=False, out=False)
def _unique2(input: Tensor, sorted: bool = True, return_inverse: bool = False, return_counts: bool = False
             ) -> tuple[Tensor, Tensor, Tensor]:
    """`unique` with always three results, those that were not asked for empty: what PyTorch's composes of."""
    found = unique(input, sorted, return_inverse, return_counts)
    parts = iter(found if isinstance(found, tuple) else (found,))
    values, none = next(parts), make(np.empty(0, np.int64), None)
    return values, next(parts) if return_inverse else none, next(parts) if return_counts else none


@function(method=False, out=False)
def _unique(input: Tensor, sorted: bool = True, return_inverse: bool = False) -> tuple[Tensor, Tensor]:
    """`unique` with always two results, the positions empty where they were not asked for."""
    return _unique2(input, sorted, return_inverse)[:2]


def _check_empty_parts(op: str, shape: tuple[int, ...], place: int) -> None:
    """Raises where the parts along a dimension have no elements, or there are no parts for more than one reason."""
    empty = shape.count(0)
    if empty and shape[place]:
        raise RuntimeError(f"[{op}] There are 0 sized dimensions, and they aren't selected, so unique cannot be "
                           f"applied; got {list(shape)}, dim {place}")
    if empty > 1:
        raise RuntimeError(f"[{op}] Number of zero sized dimensions is more than one, so unique cannot be applied; got "
                           f"{list(shape)}")


@function(out=False)
def unique_consecutive(input: Tensor, return_inverse: bool = False, return_counts: bool = False,
                       dim: int | None = None) -> Any:
    """The elements (or parts along ``dim``) without those that equal the one before; on request also where each went,
    and how many were joined.

    >>> torch.unique_consecutive(torch.tensor([1, 1, 2, 2, 1]))
    tensor([1, 2, 1])
    """
    check_takes("unique_consecutive", COMPLEX + EIGHTHS, input)
    array = input._concrete("unique_consecutive")
    flat = array.reshape(-1) if dim is None else array
    place = 0 if dim is None else wrap_dim(dim, array.ndim, "unique_consecutive")
    if dim is not None:
        _check_empty_parts("unique_consecutive", array.shape, place)
    rows = np.moveaxis(flat, place, 0)
    starts = np.ones(len(rows), bool)
    starts[1:] = (rows[1:] != rows[:-1]).any(tuple(range(1, rows.ndim)))
    first = np.flatnonzero(starts)
    inverse = np.cumsum(starts) - 1
    counts = np.diff(np.append(first, len(rows)))
    return _results("unique_consecutive", input, flat.take(first, place),
                    inverse.reshape(array.shape) if dim is None else inverse, counts, return_inverse, return_counts,
                    place)


# --- search -----------------------------------------------------------------------------------------------------------


@function(method=False)
def searchsorted(sorted_sequence: Tensor, input: Any, *, out_int32: bool = False, right: bool = False,
                 side: str | None = None,
                 sorter: Tensor | None = None) -> Tensor:
    """Where each number of ``input`` would go into the ascending last dimension of ``sorted_sequence``: before its
    equals,
    or after them if ``right`` (``side="right"``). ``sorter`` gives the order of a sequence that is not sorted.

    >>> torch.searchsorted(torch.tensor([10, 20, 30]), torch.tensor([5, 20, 25]))
    tensor([0, 1, 2])
    """
    check_operand("searchsorted", input, "input", 2)
    check_takes("searchsorted", TRUTHS + COMPLEX, sorted_sequence, input)
    check_none("searchsorted", COMPLEX, sorted_sequence, input)
    if side is not None and side not in ("left", "right"):
        raise RuntimeError(f"torch.searchsorted(): side can only be 'left' or 'right' but got {side}")
    if right and side == "left":
        raise RuntimeError("torch.searchsorted(): side and right can't be set to opposites, got side of left while "
                           "right was True")
    after: Any = "right" if right or side == "right" else "left"
    sequence = sorted_sequence.detach()
    if not sequence._data.ndim and (wanted_dims := getattr(input, "ndim", 0)):
        raise ShapeError("torch.searchsorted(): boundaries tensor should have positive dimension, but got 0 dimension "
                         f"beside an input of {wanted_dims}; give it a dimension with .reshape(1)")
    if sorter is not None:
        _check_order(sequence, sorter)
        sequence = P.gather(sequence, sorter, dim=sequence._data.ndim - 1)
    wanted = input.detach() if isinstance(input, Tensor) else make(np.asarray(input, sequence._data.dtype), None)
    if sequence.ndim > 1 and sequence.shape[:-1] != wanted.shape[:-1]:
        raise ShapeError(f"torch.searchsorted(): boundaries tensor should be 1 "
                         f"dimension or the first N-1 dimensions of boundaries "
                         f"tensor and input value tensor must match, but we got boundaries tensor "
                         f"{list(sequence.shape)} and input value "
                         f"tensor {list(wanted.shape)}")
    found = P.searchsorted(sequence, wanted, side=after)
    return found.to(dtypes.int32) if out_int32 else found


def _check_order(sequence: Tensor, sorter: Tensor) -> None:
    """Raises unless ``sorter`` holds places of the sequence, one for each."""
    if sorter.shape != sequence.shape:
        raise ShapeError("torch.searchsorted(): boundary and sorter must have the same size, but got boundary tensor "
                         f"{list(sequence.shape)} and got sorter tensor {list(sorter.shape)}")
    if sorter.dtype is not dtypes.int64:
        raise DTypeError("torch.searchsorted(): sorter must be a tensor of long dtype but got dtype "
                         f"{type_name(sorter._data.dtype)}; argsort gives one")
    length = sequence.shape[-1]
    if is_readable(sorter) and sorter.numel() and not (0 <= int(sorter.min()) and int(sorter.max()) < length):
        raise RuntimeError("torch.searchsorted(): sorter index out of range: places from 0 to "
                           f"{length - 1} were expected")


@function(method=False, takes_tensor=False)
def bucketize(input: Any, boundaries: Tensor, *, out_int32: bool = False, right: bool = False) -> Tensor:
    """Between which of the ascending ``boundaries`` each number of ``input`` lies.

    >>> ages = torch.tensor([3, 18, 40, 70])
    >>> torch.bucketize(ages, torch.tensor([18, 65]), right=True)
    tensor([0, 1, 1, 2])
    """
    if boundaries.ndim != 1:
        raise RuntimeError(f"boundaries tensor must be 1 dimension, but got dim({boundaries.ndim})")
    return searchsorted(boundaries, input, out_int32=out_int32, right=right)
