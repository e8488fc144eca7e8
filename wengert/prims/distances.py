"""The Euclidean distances of all pairs of rows, as one primitive where nobody looks on, and written out elsewhere."""

from __future__ import annotations

from math import prod
from types import ModuleType
from typing import Any

import numpy as np

from ..core.batching import all_spread
from ..core.generated import too_late
from ..core.operands import Array, Dims, Needs, Numbers, Params, Saved
from ..core.primitive import REAL_ONLY, P, fit, fused, of_first
from ..core.samples import cases
from ..core.spec import Spec, broadcast_shapes


def apart(x: Numbers, y: Numbers) -> Any:
    """All differences of a row of ``x`` (..., N, M) and one of ``y`` (..., K, M): (..., N, K, M)."""
    return x[..., :, None, :] - y[..., None, :, :]


def _lead(x: Any, y: Any) -> Dims:
    return broadcast_shapes(tuple(x.shape[:-2]), tuple(y.shape[:-2]), op="cdist")


def _by_examples(x: Array, lead: Dims) -> Array:
    """(B, N, M), all examples one after the other."""
    if x.ndim == 3 and x.shape[:1] == lead:
        return x
    return np.broadcast_to(x, (*lead, *x.shape[-2:])).reshape(prod(lead), *x.shape[-2:])


def _generated(x: Array) -> Any:
    """The module of generated code, where it should be asked."""
    if x.dtype.char not in "fd" or too_late():
        return None
    from ..compiler import distances

    return distances


def _evaluate(xp: ModuleType, x: Array, y: Array) -> Array:
    generated = _generated(x)
    if generated is not None:
        lead = _lead(x, y)
        found = generated.distances(_by_examples(x, lead), _by_examples(y, lead))
        if found is not None:
            return found.reshape(*lead, x.shape[-2], y.shape[-2])
    return P.vector_norm(apart(x, y), ord=2.0, dim=(max(x.ndim, y.ndim),))


def _vjp(ct: Numbers, saved: Saved, params: Params, needs: Needs) -> tuple[Any, ...]:
    """ct (x − y) / ‖x − y‖, summed over the others; 0 where a distance is."""
    x, y, out, shapes = saved
    share = P.where(out == 0, 0.0, ct / out)
    if all([type(each) is np.ndarray for each in (ct, x, y, out)]):
        generated = _generated(x)
        if generated is not None:
            lead = _lead(x, y)
            weight, rows, others = (_by_examples(each, lead) for each in (share, x, y))
            found = (generated.distances_back(weight, rows, others) if needs[0] else None,
                     generated.distances_back(weight.swapaxes(1, 2), others, rows) if needs[1] else None)
            if all([part is not None for part, need in zip(found, needs, strict=True) if need]):
                return tuple([None if part is None else fit(part.reshape(*lead, *each.shape[-2:]), shape)
                              for part, each, shape in zip(found, (x, y), shapes, strict=True)])
    parts, rank = apart(x, y) * share[..., None], len(out.shape) + 1
    return (fit(P.sum(parts, dim=(rank - 2,)), shapes[0]) if needs[0] else None,
            fit(-P.sum(parts, dim=(rank - 3,)), shapes[1]) if needs[1] else None)


def _shape(x: Spec, y: Spec) -> Dims:
    return (*_lead(x, y), x.shape[-2], y.shape[-2])


def _batch(primitive: Any, operands: Any, mapped: Any, params: Params) -> Any:
    x, y = all_spread(operands, mapped)
    rank = max(len(x.shape), len(y.shape))
    x, y = (each[(slice(None), *(None,) * (rank - len(each.shape)))] for each in (x, y))
    return primitive(x, y)


cdist = fused(
    "cdist", _evaluate, arity=2, spec=of_first(_shape), vjp=_vjp, saves=("x", "y", "out", "shapes"), batch=_batch,
    agree=(0, 1), refuses=REAL_ONLY, label="Cdist",
    missing={"jvp": "the transpose of the vjp takes its place"},
    samples=cases(((3, 4), (2, 4)), ((2, 3, 5), (4, 5)), ((1, 3, 1), (2, 1, 2, 1))),
    doc="The Euclidean distances of all rows of x (..., N, M) from all of y (..., K, M), where nobody looks on or "
        "transforms; elsewhere it is written out.",
)
