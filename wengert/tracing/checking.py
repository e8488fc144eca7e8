"""Whether a recorded function does what the function does: both are run, and all that they leave behind is compared."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.errors import TraceError
from ..tensors.tensor import Tensor, make
from .arguments import Arguments
from .nests import RESULTS
from .program import Program

_TOLERANCES = {2: 1e-3, 4: 1e-5, 8: 1e-12}
"""Relative differences that are taken for rounding, by the bytes of a (real) number."""


def checked(name: str, program: Program, arguments: Arguments, run: Callable[[], Any]) -> Any:
    """Runs the function as it is, puts back what it changed, runs its program, and returns the result of that.

    Raises `TraceError` where they differ by more than rounding, and names what differs.
    """
    memories, leaves = program.places(arguments), program.leaves(arguments)
    before = {name: array.copy() for name, array in memories.items()}
    kept = [(read, read.now()) for read, _ in program.results.kept]
    gradients = {name: (leaf.grad, None if leaf.grad is None else leaf.grad._data.copy())
                 for name, leaf in leaves.items()}
    try:
        plain = _arrays(run())
        left = {name: array.copy() for name, array in memories.items()}
        left |= {name: leaf.grad._data.copy() for name, leaf in leaves.items() if leaf.grad is not None}
        put = {read.words: read.now()._data.copy() for read, _ in kept}
    finally:
        for place, array in memories.items():
            np.copyto(array, before[place])
        for place, (tensor, values) in gradients.items():
            leaves[place].grad = tensor if values is None else make(values, None)
        for read, was in kept:
            read.put(was)
    result = program.run_fitting(arguments)
    found = {place: leaf.grad._data for place, leaf in leaves.items() if leaf.grad is not None}
    results = _arrays(result)
    pairs = {f"result {i}": pair for i, pair in enumerate(zip(plain, results, strict=True))}
    pairs |= {place: (left[place], memories[place]) for place in memories}
    pairs |= {place: (left.get(place), found.get(place)) for place in leaves}
    pairs |= {read.words: (put[read.words], read.now()._data) for read, _ in kept}
    for place, (expected, came) in pairs.items():
        reason = _difference(expected, came)
        if reason is not None and _is_behind_a_mask(expected, came):
            raise TraceError(f"[compile] {name}, compiled, was expected to do what it does as it is; {place} differs: "
                             f"{reason}. NaN or infinity behind a mask of constants counts for nothing in compiled "
                             "code: look for where it comes from")
        if reason is not None:
            raise TraceError(f"[compile] {name}, compiled, was expected to do what it does as it is; {place} differs: "
                             f"{reason}. This is a fault of wengert's: run it with compile(disable=True)")
    return result


def _is_behind_a_mask(expected: object, came: object) -> bool:
    """Whether what differs is NaN where there is a number in compiled code."""
    if not isinstance(expected, np.ndarray) or not isinstance(came, np.ndarray) or expected.shape != came.shape:
        return False
    if expected.dtype.kind not in "fc" or came.dtype != expected.dtype:
        return False
    lost = np.isnan(expected) & np.isfinite(came)
    return bool(lost.any()) and _difference(expected[~lost], came[~lost]) is None


def _arrays(result: object) -> list[Any]:
    return [leaf._data.copy() if isinstance(leaf, Tensor) else leaf for leaf in RESULTS.flatten(result)[0]]


def _difference(expected: object, came: object) -> str | None:
    if not isinstance(expected, np.ndarray) or not isinstance(came, np.ndarray):
        return None if expected is came or expected == came else f"{expected!r:.60} was expected, {came!r:.60} came"
    if expected.shape != came.shape or expected.dtype != came.dtype:
        return f"{expected.dtype}{list(expected.shape)} was expected, {came.dtype}{list(came.shape)} came"
    if expected.dtype.kind not in "fcVW":
        return None if np.array_equal(expected, came) else "other numbers"
    wide = (expected.astype(complex if expected.dtype.kind == "c" else float), came.astype(
        complex if expected.dtype.kind == "c" else float))
    size = expected.itemsize // (2 if expected.dtype.kind == "c" else 1)
    scale = np.abs(wide[0][np.isfinite(wide[0])]).max(initial=0.0)
    close = np.isclose(*wide, rtol=_TOLERANCES[size], atol=_TOLERANCES[size] * scale, equal_nan=True)
    if close.all():
        return None
    place = tuple(int(i) for i in np.argwhere(~close)[0])
    return f"at {place} {expected[place]} was expected, {came[place]} came ({int((~close).sum())} elements differ)"
