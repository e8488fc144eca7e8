"""One call on both libraries, and what differs: `difference`."""

from __future__ import annotations

import random
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

import wengert
from tools.conformance.comparison import TOLERANCES, Inapplicable, Mismatch, dtype_name, same, short, tensors
from tools.conformance.database import carried, copied, mapped
from tools.conformance.derivatives import total

from .cases import Case, Parameters
from .names import kind_of

Difference = tuple[str, str] | None
"""The kind of what differs, and what it is."""


@dataclass
class Outcome:
    """What came of a call: its result or error, and the gradients or the error of those."""

    result: Any = None
    error: Exception | None = None
    gradients: list[Any] | None = None
    backward_error: Exception | None = None


def given(case: Case, lib: Any, values: list[Any], odd: int, grad: bool) -> list[Any]:
    """The arguments for a library, made anew; floating tensors require gradients if ``grad`` is set."""
    def one(value: Any) -> Any:
        if isinstance(value, torch.Tensor):
            x = copied(value)
            x = x.requires_grad_() if grad and (x.is_floating_point() or x.is_complex()) else x
            return carried(x) if lib is wengert else x
        if isinstance(value, np.ndarray):
            return value.copy()
        return carried(value) if lib is wengert else value

    def of_a_library(value: Any) -> bool:  # a layer, a PackedSequence: made anew and not carried over
        return hasattr(value, "_fields") or not tensors([value])

    return [case.fresh(lib, number) if case.fresh and number != odd and of_a_library(value) else mapped(value, one)
            for number, value in enumerate(values)]


def outcome(case: Case, lib: Any, values: list[Any], odd: int, grad: bool) -> Outcome:
    lib.manual_seed(7)  # for the layers among the arguments
    arguments = given(case, lib, values, odd, grad)
    lib.manual_seed(0)
    random.seed(0)
    np.random.seed(0)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            result = case.call(lib, arguments)
        except Exception as error:  # noqa: BLE001 - its class is what is compared
            return Outcome(error=error)
        if not grad:
            return Outcome(result)
        last = result[-1] if isinstance(result, list) and result else None
        wanted = [x for x in tensors(arguments) if x.requires_grad and x.is_leaf]
        wanted += last.leaves if isinstance(last, Parameters) else []
        try:
            whole = total(lib, result)
            found = lib.autograd.grad(whole, wanted, allow_unused=True) if whole is not None and wanted else []
        except Exception as error:  # noqa: BLE001 - as above
            return Outcome(result, backward_error=error)
    return Outcome(result, gradients=[lib.zeros_like(x) if g is None else g.detach()
                                      for g, x in zip(found, wanted, strict=bool(found))])


def difference(case: Case, values: list[Any], odd: int, grad: bool) -> Difference:
    theirs = outcome(case, torch, values, odd, grad)
    try:
        ours = outcome(case, wengert, values, odd, grad)
    except Inapplicable:
        return None
    # What meets a narrower dtype on its way has no more digits than that.
    rough = max([TOLERANCES.get(dtype_name(x), (0.0, 0.0)) for x in tensors(values)], default=(0.0, 0.0))
    return _of_errors("", ours.error, theirs.error, ours.result, theirs.result) or (
        None if theirs.error else _of_results(ours.result, theirs.result, rough) or _of_gradients(ours, theirs, rough))


def _of_errors(where: str, mine: Exception | None, its: Exception | None, got: Any, want: Any) -> Difference:
    if its is not None and mine is not None:
        if isinstance(mine, kind_of(its)):
            return None
        return f"{where}class {kind_of(its).__name__} -> {kind_of(mine).__name__}", f"{short(its)} || {short(mine)}"
    if its is not None:
        return f"{where}taken {kind_of(its).__name__}", f"{short(its)} || {str(got)[:80]!r}"
    if mine is not None:
        return f"{where}refused {kind_of(mine).__name__}", f"{str(want)[:80]!r} || {short(mine)}"
    return None


def _mismatch(kind: str, got: Any, want: Any, rough: tuple[float, float]) -> Difference:
    try:
        same(got, want, rough=rough)
    except Mismatch as error:
        text = str(error)
        return kind if kind else text.split()[0].rstrip(":") if text.startswith(("values", "dtype", "shape")) else \
            "another thing", text[:200]
    except Exception as error:  # noqa: BLE001 - what is no tensor may refuse to be compared
        return "not comparable", short(error)
    return None


def _of_results(got: Any, want: Any, rough: tuple[float, float]) -> Difference:
    if found := _mismatch("", got, want, rough):
        return found
    for kind, fact in (("strides", _steps), ("requires_grad", lambda part: part.requires_grad)):
        its, mine = ([fact(part) for part in tensors(result)] for result in (want, got))
        if its != mine:
            return kind, f"{its} || {mine}"[:200]
    return None


def _steps(part: Any) -> tuple[int, ...]:
    if not part.numel() or str(part.layout) != "torch.strided":
        return ()
    return tuple(step for step, size in zip(part.stride(), part.shape, strict=True) if size > 1)


def _of_gradients(ours: Outcome, theirs: Outcome, rough: tuple[float, float]) -> Difference:
    found = _of_errors("backward: ", ours.backward_error, theirs.backward_error, ours.gradients, theirs.gradients)
    if found or theirs.backward_error or theirs.gradients is None:
        return found
    return _mismatch("gradient", ours.gradients, theirs.gradients, rough)
