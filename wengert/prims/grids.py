"""Images read at places between their elements, as one primitive where nobody looks on, and written out elsewhere.

The one idea to know: along each dimension a place has some neighbours, each with a weight and the slope of that weight;
an element read is a sum over all choices of a neighbour in every dimension. `sampled` and `sampled_back` say so with
primitives, for arrays and tensors alike; generated code takes the same steps one place after the other.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from math import prod
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from ..core.batching import folded
from ..core.cubic import cubic_slopes, cubic_weights
from ..core.generated import too_late
from ..core.operands import Array, Dims, Needs, Numbers, Params, Saved
from ..core.primitive import REAL_ONLY, P, fused, of_first
from ..core.samples import cases, uniform
from ..core.spec import Spec


class Tap(NamedTuple):
    """A neighbour of each place along one dimension."""

    place: Any
    """Where it is: a whole number, which may lie outside."""
    weight: Any
    slope: Any
    """The derivative of the weight by the place, where it is asked for."""


def _unnormalised(x: Any, n: int, align: bool) -> Any:
    """From −1 ... 1 to positions, the first element being at 0."""
    return (x + 1) / 2 * (n - 1) if align else ((x + 1) * n - 1) / 2


def _padded(x: Any, n: int, padding: str, align: bool, back: bool) -> tuple[Any, Any]:
    """Positions brought inside, and on the way back how they move with those given; where they are moved to the edge
    they do not, at the edge itself neither. None stands for 1."""
    if padding == "zeros":
        return x, None
    slope = None
    if padding == "reflection":
        x, slope = _reflected(x, 0.0, n - 1.0, back) if align else _reflected(x, -0.5, n - 0.5, back)
    inside = (x > 0) & (x < n - 1)
    edge = P.clamp(P.where(x == x, x, 0.0), low=0.0, high=n - 1.0)
    moves = P.where(inside, P.zeros_like(x) + 1 if slope is None else slope, 0.0) if back else None
    return P.where(inside, x, edge), moves


def _reflected(x: Any, low: float, high: float, back: bool) -> tuple[Any, Any]:
    """Positions mirrored at ``low`` and ``high`` until they lie between, and how they move."""
    span = high - low
    if span == 0:
        return P.zeros_like(x), P.zeros_like(x)
    away = P.abs(x - low)
    turns = P.floor(away / span)
    rest = away - turns * span
    even = turns - 2 * P.floor(turns / 2) == 0
    place = P.where(even, rest + low, high - rest)
    if not back:
        return place, None
    sign = P.sgn(x - low)
    return place, P.where(even, sign, -sign)


def _nearest(x: Any, back: bool) -> list[Tap]:
    place = P.round(x)
    # The weight is 1, but depends on the place, whose gradient is zero and not missing.
    still = P.where(P.isfinite(x), x - place, 0.0) * 0
    return [Tap(place, 1 + still, 0.0)]


def _linear(x: Any, back: bool) -> list[Tap]:
    low = P.floor(x)
    return [Tap(low, low + 1 - x, -1.0), Tap(low + 1, x - low, 1.0)]


def _cubic(x: Any, back: bool) -> list[Tap]:
    low = P.floor(x)
    part = x - low
    slopes = cubic_slopes(part) if back else [None] * 4
    return [Tap(low + offset, weight, slope)
            for (offset, weight), slope in zip(cubic_weights(part), slopes, strict=True)]


_TAPS = {"bilinear": _linear, "nearest": _nearest, "bicubic": _cubic}


def _neighbours(x: Any, grid: Any, mode: str, padding: str, align: bool, back: bool
                ) -> tuple[list[list[Tap]], list[tuple[float, Any]]]:
    """The neighbours along each dimension; and how positions there move with the grid, and how these once inside."""
    found, moves = [], []
    for dim, n in enumerate(x.shape[2:]):
        # The grid names the last dimension of the image first.
        at, inner = _unnormalised(grid[..., -1 - dim], n, align), None
        if mode != "bicubic":
            at, inner = _padded(at, n, padding, align, back)
        taps = _TAPS[mode](at, back)
        if mode == "bicubic":
            taps = [tap._replace(place=_padded(tap.place, n, padding, align, False)[0]) for tap in taps]
        found.append(taps)
        moves.append(((n - 1) / 2 if align else n / 2, inner))
    return found, moves


class _Choice(NamedTuple):
    """One neighbour in every dimension: which, where among the elements of a plane, and what is there."""

    taps: Sequence[Tap]
    inside: Any
    index: Any
    values: Any


def _choices(x: Any, neighbours: list[list[Tap]]) -> Iterator[_Choice]:
    samples, channels, *sizes = x.shape
    planes = P.reshape(x, shape=(samples, channels, prod(sizes)))
    for taps in itertools.product(*neighbours):
        inside, index = None, None
        for tap, n in zip(taps, sizes, strict=True):
            here = (tap.place >= 0) & (tap.place <= n - 1)
            place = P.cast(P.where(here, tap.place, 0.0), dtype=np.dtype(np.int64))
            inside = here if inside is None else inside & here
            index = place if index is None else index * n + place
        assert index is not None and inside is not None
        count = prod(index.shape[1:])
        flat = P.expand(P.reshape(index, shape=(samples, 1, count)), shape=(samples, channels, count))
        values = P.reshape(P.gather(planes, flat, dim=2), shape=(samples, channels, *index.shape[1:]))
        inside = inside[:, None]
        yield _Choice(taps, inside, flat, P.where(inside, values, 0.0))


def sampled(x: Numbers, grid: Numbers, mode: str, padding: str, align: bool) -> Any:
    """``x``, (N, C, *sizes), at the places of ``grid``, (N, *places, rank): (N, C, *places); written out."""
    neighbours, _ = _neighbours(x, grid, mode, padding, align, False)
    total: Any = None
    for choice in _choices(x, neighbours):
        part = choice.values * _product([tap.weight for tap in choice.taps])[:, None]
        total = part if total is None else total + part
    return total


def _product(factors: Sequence[Any]) -> Any:
    total = factors[0]
    for factor in factors[1:]:
        total = total * factor
    return total


def sampled_back(ct: Numbers, x: Numbers, grid: Numbers, needs: Needs, mode: str, padding: str, align: bool
                 ) -> tuple[Any, ...]:
    """The cotangents of ``x`` and ``grid``; written out."""
    neighbours, moves = _neighbours(x, grid, mode, padding, align, True)
    samples, channels, *sizes = x.shape
    count = prod(grid.shape[1:-1])
    planes = P.zeros_of(ct, shape=(samples, channels, prod(sizes)))
    slopes: list[Any] = [P.zeros_of(ct, shape=tuple(grid.shape[:-1])) for _ in sizes]
    for choice in _choices(x, neighbours):
        weights = [tap.weight for tap in choice.taps]
        if needs[0]:
            part = P.where(choice.inside, ct * _product(weights)[:, None], 0.0)
            planes = P.scatter_add(planes, choice.index, P.reshape(part, shape=(samples, channels, count)), dim=2)
        if needs[1]:
            seen = P.sum(ct * choice.values, dim=(1,))
            for dim, tap in enumerate(choice.taps):
                slopes[dim] = slopes[dim] + seen * _product([*weights[:dim], tap.slope, *weights[dim + 1:]])
    for_x = P.reshape(planes, shape=tuple(x.shape)) if needs[0] else None
    for_grid = None
    if needs[1]:
        # What was moved to an edge sends 0, of a NaN too.
        last = [(slope * outer if inner is None else P.where(inner == 0, 0.0, slope * (inner * outer)))[..., None]
                for slope, (outer, inner) in zip(slopes, moves, strict=True)]
        for_grid = P.cat(*last[::-1], dim=len(grid.shape) - 1)
    return for_x, for_grid


def _generated(x: Array) -> Any:
    """The module of generated code, where it should be asked."""
    if x.dtype.char not in "fd" or too_late():
        return None
    from ..compiler import grids

    return grids


def _evaluate(xp: ModuleType, x: Array, grid: Array, mode: str, padding: str, align: bool) -> Array:
    generated = _generated(x)
    found = generated.sampled(x, grid, mode, padding, align) if generated is not None else None
    return sampled(x, grid, mode, padding, align) if found is None else found


def _vjp(ct: Numbers, saved: Saved, params: Params, needs: Needs) -> tuple[Any, ...]:
    x, grid = saved[0], saved[1]
    if type(ct) is np.ndarray and type(x) is np.ndarray and type(grid) is np.ndarray:
        generated = _generated(x)
        found = generated.sampled_back(ct, x, grid, needs, **params) if generated is not None else None
        if found is not None:
            return found
    return sampled_back(ct, x, grid, needs, **params)


def _shape(x: Spec, grid: Spec, **params: Any) -> Dims:
    return (*x.shape[:2], *grid.shape[1:-1])


def _settings(mode: str, padding: str, align: bool) -> dict[str, Any]:
    return {"mode": mode, "padding": padding, "align": align}


grid_sample = fused(
    "grid_sample", _evaluate, arity=2, spec=of_first(_shape), vjp=_vjp, saves=("x", "y"), batch=folded, agree=(0, 1),
    label="GridSampler", refuses=REAL_ONLY,
    missing={"jvp": "the transpose of the vjp takes its place"},
    samples=cases(*[((2, 2, 3, 4), uniform(-1.4, 1.4, 2, 2, 3, 2), _settings(mode, padding, align))
                    for mode, padding, align in (("bilinear", "zeros", False), ("bilinear", "reflection", True),
                                                 ("bicubic", "border", False), ("nearest", "zeros", True))],
                  ((1, 2, 2, 3, 3), uniform(-1.4, 1.4, 1, 2, 1, 2, 3), _settings("bilinear", "border", True))),
    doc="x, (N, C, *sizes), read at the places of the grid, (N, *places, rank), where nobody looks on or transforms; "
        "elsewhere it is written out.",
)
