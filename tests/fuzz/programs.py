"""Random training steps, recorded and compiled: each gives and leaves behind what it gives and leaves behind as it is.

A step that cannot be recorded must say so with the user's line. What differs by rounding alone is counted as "close":
some rules of backward have a faster form for plain arrays, whose last bits differ from those of the recorded one.

Note [ill-posed steps]: a value says nothing where the step itself, run as it is, gives another one (by as much, or a
sixteenth of it) when numbers move in the last place: all that it is given, or every operand of every instruction of
its recording, each by one unit up or down or not at all. The first is the condition of the step; the second is what
rounding may do to it, such as to an optimiser that divides a gradient by its own size where the gradient is a sum that
cancels. Such a value is counted as "unstable". No step is left out for what it is made of.
"""

from __future__ import annotations

import random
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from typing import Any
from unittest import mock

import numpy as np

import wengert as torch
from wengert.core.errors import TraceError
from wengert.core.primitive import evaluate
from wengert.ir import interpreter

from .steps import Step, outcomes, random_step
from .target import Fault, Target

SHAKES = 32
"""How often a step in which something differs is run with other last bits."""


def run(case: tuple[Step, list[Any]], wrap: Callable[[Any], Any] = torch.capture,
        unit: float | None = None) -> str:
    """What came of a step: it is the "same", "close", or refused, for which the error names one of its lines."""
    step, expected = case
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            found = outcomes(step, wrap)
        except TraceError as error:
            lines = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == step.file]
            if not lines and step.file not in str(error):
                raise Fault(f"refused without a line of the step: {error}\n{step.source}") from error
            raise
        except Exception as error:
            raise Fault(f"{type(error).__name__}: {error}\n{step.source}") from error
    return _judged(step, found, expected, unit)


def _judged(step: Step, found: list[Any], expected: list[Any], unit: float | None) -> str:
    pairs = [pair for call, wanted in zip(found, expected, strict=True) for pair in zip(call, wanted, strict=True)]
    if all(_same(came, wanted) for came, wanted in pairs):
        return "same"
    terms = max([_scale(wanted) for _, wanted in pairs])
    others = [number for number, (came, wanted) in enumerate(pairs) if not _close(came, wanted, terms, unit)]
    if not others:
        return "close"
    for number in sorted(set(others) - _unstable(step, pairs)):
        came, wanted = pairs[number]
        raise Fault(f"value {number} is {came} where {wanted} was expected\n{step.source}")
    return "unstable"


def _unstable(step: Step, pairs: list[tuple[Any, Any]]) -> set[int]:
    """The numbers of those values that are ill-posed: see Note [ill-posed steps]."""
    found: set[int] = set()
    for seed in range(SHAKES):
        for run in (partial(outcomes, step, shaken=seed), partial(_rounded_otherwise, step, seed)):
            with np.errstate(all="ignore"):
                try:
                    shaken = [value for call in run() for value in call]
                except TraceError:  # what cannot be recorded is only given other numbers
                    continue
                except Exception:  # a matrix that is now singular, for one: it stands at the edge of an error
                    return set(range(len(pairs)))
            found |= {number for number, (value, (came, wanted)) in enumerate(zip(shaken, pairs, strict=False))
                      if _distance(value, wanted) * 16 >= _distance(came, wanted)}
    return found


def _rounded_otherwise(step: Step, seed: int) -> list[Any]:
    """The `outcomes` where each operand of each instruction that computes something has moved by a unit or not."""
    units = np.random.default_rng(seed)

    def moved(x: Any) -> Any:
        if not isinstance(x, np.ndarray) or x.dtype.kind not in "fc":
            return x
        unit = np.finfo(x.dtype).eps
        return (x * (1 + units.integers(-1, 2, x.shape) * unit)).astype(x.dtype)

    def evaluated(primitive: Any, operands: Any, params: Any) -> Any:
        if primitive.kind not in ("view", "random"):
            operands = [moved(x) for x in operands]
        return evaluate(primitive, operands, params)

    with mock.patch.object(interpreter, "evaluate", evaluated):
        return outcomes(step, torch.capture)


def _distance(one: Any, other: Any) -> float:
    """The largest difference; infinite where two results cannot be compared, or one is no number and the other is."""
    if one is None or other is None or one.dtype != other.dtype or one.shape != other.shape:
        return 0.0 if one is other else float("inf")
    if one.dtype.kind not in "fc":
        return 0.0 if one.tobytes() == other.tobytes() else float("inf")
    same = (one == other) | ((one != one) & (other != other))
    return float(np.nan_to_num(np.where(same, 0.0, np.abs(one - other)), nan=np.inf).max(initial=0.0))


def _same(came: Any, wanted: Any) -> bool:
    if came is None or wanted is None:
        return came is wanted
    return came.dtype == wanted.dtype and came.shape == wanted.shape and (
        came.dtype.kind == "V" or np.array_equal(came, wanted, equal_nan=came.dtype.kind in "fc")) and (
        came.dtype.kind != "V" or came.tobytes() == wanted.tobytes())


def _scale(values: Any) -> float:
    """The largest number that is finite."""
    if values is None or values.dtype.kind not in "fc":
        return 0.0
    return float(np.abs(values[np.isfinite(values)]).max(initial=0))


def _close(came: Any, wanted: Any, terms: float, unit: float | None) -> bool:
    """Whether two results differ by rounding alone. Where ``terms`` cancel, as in the sum of normalised numbers, what
    is left is their rounding. ``unit`` is that of their dtype, if it is not given."""
    if _same(came, wanted):
        return True
    if came is None or wanted is None or came.dtype != wanted.dtype or came.shape != wanted.shape:
        return False
    if came.dtype.kind not in "fc":
        return False
    unit = unit or float(np.finfo(came.dtype).eps)
    rounding = unit * max(1e2 * _scale(wanted), 16 * min(terms, 1e3)) + unit
    return np.allclose(came, wanted, rtol=1e3 * unit, atol=rounding, equal_nan=True)


def make(chance: random.Random) -> tuple[Step, list[Any]]:
    return random_step(chance.randrange(2**40))


def compiled(case: tuple[Step, list[Any]]) -> str:
    """`run` as a native program, in float32: what differs by 1e-5 of what it is differs."""
    return run(case, partial(torch.compile, fullgraph=True), 1e-8)


def compiled_wide(case: tuple[Step, list[Any]]) -> str:
    """The same in float64, where 1e-12 of it is much, unless some of it is computed in a narrower dtype."""
    narrow = any(word in case[0].source for word in ("float()", "float32", "half()", "bfloat16()"))
    with _in_float64():
        return run(case, partial(torch.compile, fullgraph=True), 1e-8 if narrow else 1e-15)


def beside(case: tuple[Step, list[Any]]) -> str:
    """The same step with PyTorch, in float64: it is the "same", "close", or refused there. (What the generator of
    random numbers is left in is not compared: PyTorch keeps a number in store elsewhere.)"""
    import torch as pytorch

    step, expected = case
    pytorch.set_default_dtype(pytorch.float64)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = outcomes(step, library=pytorch)
    except Exception as error:
        return f"refused by PyTorch ({type(error).__name__})"
    finally:
        pytorch.set_default_dtype(pytorch.float32)
    with _in_float64():
        return _judged(step, expected[:-1], found[:-1], 1e-9)


def make_wide(chance: random.Random) -> tuple[Step, list[Any]]:
    with _in_float64():
        return make(chance)


@contextmanager
def _in_float64() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


def target(make: Callable[[random.Random], Any] = make, run: Callable[[Any], str] = run) -> Target:
    return Target(make=make, run=run, refusals=(TraceError,), length=lambda case: len(case[0].source), memory=None,
                  watched=False, seconds=60.0, quick=40)


def _peer() -> Target:
    missing = "" if find_spec("torch") else "PyTorch is not installed"
    return replace(target(make_wide, beside), refusals=(), missing=missing)


TARGETS: dict[str, Callable[[], Target]] = {
    "programs": target,
    "programs-compiled": partial(target, make_wide, compiled_wide),
    "programs-compiled-float32": partial(target, make, compiled),
    "pytorch": _peer}
