"""Reductions over runs of rows: `segment_reduce`."""

from __future__ import annotations

import math
from typing import Any

from ..core.primitive import REAL_ONLY, P
from ..core.spec import wrap_dim
from ..tensors.apply import check_takes
from ..tensors.tape import labelled
from ..tensors.tensor import Tensor
from .creation import arange, full
from .joining import repeat_interleave
from .pointwise import where
from .registry import function
from .scans import diff

_NAMES = {"sum": "sum", "mean": "sum", "prod": "prod", "max": "amax", "amax": "amax", "min": "amin", "amin": "amin"}
_OF_NOTHING = {"sum": 0.0, "prod": 1.0, "amax": -math.inf, "amin": math.inf}


@function(method=False)
def segment_reduce(data: Tensor, reduce: str, *, lengths: Tensor | None = None, indices: Tensor | None = None,
                   offsets: Tensor | None = None, axis: int = 0, unsafe: bool = False, initial: Any = None) -> Tensor:
    """``data`` (..., N, ...) reduced over runs of dimension ``axis``: ``reduce`` is "sum", "mean", "prod", "max" or
    "min". ``lengths`` (..., runs) says how long each run is, or ``offsets`` (..., runs + 1) where each begins, with the
    end of the last; dimensions before ``axis`` are those of ``data``. ``initial`` stands before each run. An empty run
    gives ``initial``, or what the reduction of nothing is. Raises RuntimeError for lengths that are negative, or do not
    add up to N unless ``unsafe``.

    >>> torch.segment_reduce(torch.tensor([1.0, 2.0, 3.0]), "sum", lengths=torch.tensor([2, 0, 1]))
    tensor([3., 0., 3.])
    """
    if lengths is None and offsets is None:
        raise RuntimeError("segment_reduce(): Either lengths or offsets must be defined.")
    if reduce not in _NAMES:
        raise RuntimeError(f"reduce argument must be either sum, prod, mean, amax or amin, got {reduce}")
    if indices is not None:
        raise RuntimeError("segment_reduce(): indices based reduction is not supported yet.")
    check_takes("segment_reduce", REAL_ONLY, data)
    runs: Any = diff(offsets) if offsets is not None else lengths
    axis = wrap_dim(axis, data.ndim, "segment_reduce")
    _check_runs(data, runs, axis, unsafe)
    above, beside, count = tuple(data.shape[:axis]), tuple(data.shape[axis + 1:]), runs.numel()
    members = repeat_interleave(arange(count), runs.reshape(count))
    rows = data.reshape(math.prod((*above, data.shape[axis])), *beside)[:members.numel()]
    compares = _NAMES[reduce] in ("amax", "amin")
    start = _OF_NOTHING[_NAMES[reduce]] if initial is None or compares else initial
    out = P.scatter_reduce(full((count, *beside), start, dtype=data.dtype),
                           members.reshape(-1, *[1] * len(beside)).expand(rows.shape), rows, dim=0,
                           reduce=_NAMES[reduce], include_self=True)
    if compares and initial is not None:  # where both are as far out, the gradient is the elements' alone
        out = where(out >= initial if _NAMES[reduce] == "amax" else out <= initial, out, initial)
    if reduce == "mean":
        each = runs.reshape(count, *[1] * len(beside))
        out = out / each if initial is None else where(each == 0, out, out / each.clamp(min=1))
    return labelled(out.reshape(*above, runs.shape[-1], *beside), "SegmentReduce")


def _check_runs(data: Any, runs: Any, axis: int, unsafe: bool) -> None:
    """Raises RuntimeError for lengths of runs that are not those of ``data`` along ``axis``."""
    if runs.ndim != axis + 1 or runs.shape[:axis] != data.shape[:axis]:
        raise RuntimeError(f"segment_reduce(): lengths of shape {(*data.shape[:axis], '*')} were expected for axis "
                           f"{axis} of data of shape {tuple(data.shape)}; got {tuple(runs.shape)}")
    if unsafe:
        return
    if bool((runs < 0).any()):
        raise RuntimeError("lengths contains negative value!")
    if bool((runs.sum(-1) != data.shape[axis]).any()):
        raise RuntimeError("segment_reduce(): Expected all rows of lengths along axis to sum to "
                           "data.size(lengths.dim()-1) when !unsafe.")
