"""What the reference says of errors and dtypes: found by calling with wrong arguments, and with other dtypes."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Iterator
from typing import Any

import wengert
from wengert.optim import Optimizer

from .calls import (
    Chain,
    Path,
    aside,
    chain,
    changeable,
    given,
    listed,
    longer,
    name_of,
    of_shape,
    refusal,
    with_arguments,
)

SIDE_EFFECTS = ("wengert.serialization", "wengert.settings", "wengert.random", "wengert.distributed",
                "wengert.multiprocessing", "wengert.utils.data", "wengert.core.memory")
"""Modules whose functions change the process or start others: they are not called with wrong arguments."""

@functools.cache
def dtypes(value: Any) -> str:
    """A sentence about the dtype of what comes, or nothing if no tensor does."""
    link = chain(value)
    if link is None or not link.works:
        return ""
    with aside():
        kinds = [(part.dtype, path) for path, part in link.leaves() if isinstance(part, wengert.Tensor)]
        plain = given(link, {})
        first = next((dtype for dtype, _ in kinds if dtype in _WIDER), None)
        other = None if first is None else given(link, {
            path: part.detach().to(_WIDER[first]) for path, part in link.leaves()
            if isinstance(part, wengert.Tensor) and part.dtype == first})
    if not plain:
        return ""
    told = [str(dtype).removeprefix("torch.") for dtype in plain]
    if first is not None and other is not None and len(other) == len(plain):
        told = ["that of the operands" if dtype == first and changed == _WIDER[first] else name
                for dtype, changed, name in zip(plain, other, told, strict=True)]
    elif inspect.isclass(value) and issubclass(value, wengert.nn.Module):
        told = ["that of the parameters" if dtype.is_floating_point else name
                for dtype, name in zip(plain, told, strict=True)]
    where = "" if kinds else " in the example"
    if len(set(told)) == 1:
        dtype = told[0].replace("that of", "of")
        return f"The result{'s' * (len(told) > 1)}{where} {'have' if len(told) > 1 else 'has'} the dtype {dtype}."
    return f"The dtypes of the results are, in turn, {listed(told)}." if len(told) < 5 else ""


_WIDER = {wengert.float32: wengert.float64, wengert.int64: wengert.int32, wengert.complex64: wengert.complex128}



@functools.cache
def errors(value: Any) -> tuple[tuple[str, str], ...] | None:
    """Which errors come of which wrong arguments, by the error's class: found by giving them. None where none was
    given."""
    link = chain(value)
    module = getattr(value, "__module__", None) or ""
    if link is None or not link.works or not with_arguments(value) or module.startswith(SIDE_EFFECTS):
        return None
    found: dict[str, dict[str, list[str]]] = {}
    with aside():
        for case, name, changed in _cases(link):
            error = refusal(link, changed)
            if error is not None and name not in (names := found.setdefault(error, {}).setdefault(case, [])):
                names.append(name)
    return tuple((error, _told(cases)) for error, cases in sorted(found.items()))


def _told(cases: dict[str, list[str]]) -> str:
    """What is wrong with which arguments, those in one clause of which the same is said, and the same verb once."""
    by_names: dict[tuple[str, ...], list[str]] = {}
    for case, some in cases.items():
        by_names.setdefault(tuple(some), []).append(case)
    clauses = []
    for names, said in by_names.items():
        held = [case.removeprefix("holds ") for case in said if case.startswith("holds ")]
        told = [case for case in said if not case.startswith("holds ")]
        told += [f"holds {listed(held, 'or')}" for _ in held[:1]]
        clauses.append(f"{listed([f'`{name}`' for name in names], 'or')} {listed(told, 'or')}")
    return "; ".join(clauses)


def _cases(link: Chain) -> Iterator[tuple[str, str, dict[Path, Any]]]:
    """Wrong arguments: what is wrong, in words, the parameter's name, and what takes its argument's place."""
    for path, part in link.leaves():
        name = name_of(path)
        if name == "self":  # a method is called on a tensor
            continue
        dimension = name.startswith(("dim", "axis"))
        wrong: list[tuple[str, Any]] = []
        if isinstance(part, wengert.Tensor):
            wrong.append(("is no tensor", "text"))
            if changeable(part):
                wrong += _wrong_tensors(part)
        elif type(part) in (int, float):
            wrong.append(("is no number", "text"))
            wrong += [("names a dimension that is not there", 100)] if dimension else [
                ("is negative", type(part)(-7))] if part >= 0 else []
        elif type(part) is str:
            wrong.append(("is none of the words that it may be", "no such word"))
        elif part is not None and type(part) is not bool:
            wrong.append((next((told for kind, told in _KINDS.items() if isinstance(part, kind)), "cannot be called"
                               if callable(part) else f"is no `{type(part).__name__}`"), "text"))
        for case, other in wrong:
            yield case, name, {path: other}


_KINDS = {wengert.nn.Module: "is no module", Optimizer: "is no optimiser", type: "is no class",
          wengert.dtype: "is no dtype", wengert.device: "is no device"}


def _wrong_tensors(tensor: wengert.Tensor) -> Iterator[tuple[str, Any]]:
    """A tensor in other forms that may not be taken."""
    yield "has no dimensions", of_shape(tensor, ())
    yield "has two dimensions more", of_shape(tensor, (2, 2, *tensor.shape))
    for axis in range(tensor.ndim):
        yield "has another length along an axis than what it goes with", longer(tensor, {axis: 1})
    values = tensor.detach()
    yield "holds truth values", values.to(wengert.bool)
    yield "holds whole numbers", values.to(wengert.int64)
    yield "holds real numbers", values.to(wengert.float32)
    yield "holds complex numbers", values.to(wengert.complex64)
