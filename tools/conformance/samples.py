"""Samples of an entry, and the comparison of a call under both libraries."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch

from .comparison import TOLERANCES, Inapplicable, Mismatch, array, attempt, dtype_name, same, same_error, short, tensors
from .database import ROUGH, Call, counterpart

# How many samples of an entry a column takes, evenly from all of them.
MOST_SAMPLES = 40
NARROW = (torch.float16, torch.bfloat16, torch.float32)
# Entries that give positions of elements, and where their argument ``dim`` stands after the input.
WHERE_DIM_STANDS = {"sort": 0, "argsort": 0, "topk": 1, "kthvalue": 1, "mode": 0}
# Entries whose numbers are whatever lay in memory: kinds and shapes alone are compared.
UNINITIALISED = {
    "empty", "empty_like", "empty_strided", "empty_permuted", "new_empty", "new_empty_strided", "resize_",
}


def chosen(samples: Iterable[Any], most: int = MOST_SAMPLES) -> list[Any]:
    """At most so many, evenly from the whole list."""
    try:
        whole = list(samples)
    except Exception as error:  # noqa: BLE001 - the database itself cannot make them, in this dtype say
        raise Inapplicable from error
    return whole if len(whole) <= most else [whole[i * len(whole) // most] for i in range(most)]


def ours_of(entry: Any) -> Callable[..., Any]:
    return counterpart(entry.op, entry.name)


def calls(entry: Any, dtype: Any, requires_grad: bool = False, most: int = MOST_SAMPLES) -> list[Call]:
    return [Call(sample) for sample in chosen(entry.sample_inputs("cpu", dtype, requires_grad=requires_grad), most)]


def each(samples: Iterable[Call], check: Callable[[Call], None]) -> None:
    """Runs a check on every sample; a failure says on which, and how many others fail."""
    first, failed, count = "", 0, 0
    for call in samples:
        count += 1
        try:
            check(call)
        except Inapplicable:
            count -= 1
        except Exception as error:  # noqa: BLE001 - a missing name or a crash of Python's is a finding as well
            text = str(error) if isinstance(error, Mismatch) else short(error)
            failed += 1
            first = first or f"{text} -- {str(call)[:400]}"
    if failed:
        raise Mismatch(f"[{failed}/{count}] {first}")
    if not count:
        raise Inapplicable


def main_dtype(entry: Any) -> Any:
    """The dtype in which columns about something else than dtypes look at an entry."""
    for dtype in (torch.float64, torch.float32, torch.int64, torch.bool, torch.complex128):
        if entry.supports_dtype(dtype, "cpu"):
            return dtype
    raise Inapplicable


def backward_dtype(entry: Any, dtype: Any) -> Any:
    if not entry.supports_autograd or dtype not in entry.supported_backward_dtypes("cpu"):
        raise Inapplicable
    return dtype


def both(ours: Callable[..., Any], theirs: Callable[..., Any], call: Call, entry: Any) -> tuple[Any, Any]:
    """Runs both and compares values, or refusals, in which case both results are None."""
    its_args, its_kwargs = call.theirs()
    want, refusal = attempt(theirs, its_args, its_kwargs)
    my_args, my_kwargs = call.ours()
    got, problem = attempt(ours, my_args, my_kwargs)
    if refusal is not None:
        same_error(problem, refusal)
        return None, None
    if problem is not None:
        raise problem
    try:
        alike(call, got, want, entry)
    except Mismatch:
        if not nearer(got, want, theirs, call):
            raise
    return got, want


def alike(call: Call, got: Any, want: Any, entry: Any) -> None:
    """Asserts that two results agree; of what has several right answers (signs of vectors, say) the part that has one,
    which the database names."""
    values, rough = entry.name not in UNINITIALISED, ROUGH.get(entry.name, (0.0, 0.0))
    try:
        same(got, want, values, rough)
    except Mismatch:
        if entry.name in WHERE_DIM_STANDS and not call.sample.kwargs.get("stable"):
            same(elements_at(call, entry.name, got), elements_at(call, entry.name, want), values)
            return
        wanted = call.processed(want, False)
        if wanted is want:
            raise
        same(call.processed(got, True), wanted, values, rough)


def elements_at(call: Call, name: str, result: Any) -> list[Any]:
    """Positions as the elements that stand there, beside the other results: PyTorch leaves open which of equal elements
    comes first, or is picked."""
    sample, place = call.sample, WHERE_DIM_STANDS[name]
    dim = sample.kwargs.get("dim", sample.args[place] if len(sample.args) > place else -1)
    found = []
    for part in tensors(result):
        if dtype_name(part) == "int64" and (sample.input.dtype != torch.int64 or part is tensors(result)[-1]):
            source = call.theirs()[0][0] if isinstance(part, torch.Tensor) else call.ours()[0][0]
            index = part if part.dim() == source.dim() else part.unsqueeze(dim)
            part = source.take_along_dim(index, dim) if source.dim() else source
        found.append(part)
    return found


def nearer(got: Any, want: Any, theirs: Callable[..., Any], call: Call) -> bool:
    """Whether results in half or single precision are as near to PyTorch's in float64 as PyTorch's own: it rounds
    intermediate values, and so is not what is right."""
    if not any(part.dtype in NARROW for part in tensors(want)):
        return False
    exact, problem = attempt(theirs, *Call(call.sample.transform(in_float64)).theirs())
    if problem is not None:
        return False
    parts = [tensors(result) for result in (got, want, exact)]
    if len({len(part) for part in parts}) > 1:
        return False
    for mine, its, right in zip(*parts, strict=True):
        if its.dtype not in NARROW:
            continue
        if tuple(mine.shape) != tuple(its.shape) or dtype_name(mine) != dtype_name(its):
            return False
        a, b, c = array(mine), array(its), array(right)
        rtol, atol = TOLERANCES[dtype_name(its)]
        with np.errstate(all="ignore"):
            c = c.astype(a.dtype)  # what is too large for it is infinite
            fine = np.isclose(a, b, rtol, atol, equal_nan=True) | np.isclose(a, c, rtol, atol, equal_nan=True)
            fine |= np.abs(a - c) <= np.abs(b - c)
        if not fine.all():
            return False
    return True


def in_float64(value: Any) -> Any:
    return value.double() if isinstance(value, torch.Tensor) and value.dtype in NARROW else value


def compared(ours: Callable[..., Any], theirs: Callable[..., Any], entry: Any, call: Call) -> None:
    """`both` for what it raises."""
    both(ours, theirs, call, entry)
