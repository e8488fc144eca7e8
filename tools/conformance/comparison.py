"""How two results are compared, and what of two calls of both libraries is compared."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch

import wengert

from .database import Inapplicable as Inapplicable
from .database import seeded

# Relative and absolute tolerance by the name of the dtype: a few last places, and room for sums in another order.
TOLERANCES = {
    "float64": (1e-7, 1e-9), "complex128": (1e-7, 1e-9), "float32": (1e-4, 1e-5), "complex64": (1e-4, 1e-5),
    "float16": (4e-3, 1e-3), "complex32": (4e-3, 1e-3), "bfloat16": (3e-2, 1e-2),
}


class Mismatch(Exception):
    """What PyTorch does, and wengert does not."""


def leaves(nest: Any) -> Iterator[Any]:
    """The values of nested tuples, lists and dicts."""
    if isinstance(nest, (tuple, list)) and type(nest).__name__ != "Size":
        for part in nest:
            yield from leaves(part)
    elif isinstance(nest, dict):
        yield from leaves(list(nest.values()))
    else:
        yield nest


def is_tensor(value: Any) -> bool:
    return isinstance(value, (torch.Tensor, wengert.Tensor))


def tensors(nest: Any) -> list[Any]:
    return [value for value in leaves(nest) if is_tensor(value)]


def dtype_name(tensor: Any) -> str:
    return str(tensor.dtype).removeprefix("torch.")


def array(tensor: Any) -> np.ndarray[Any, Any]:
    """A tensor's numbers; bfloat16 as float32, complex32 as complex64."""
    plain = tensor.detach()
    if dtype_name(plain) == "bfloat16":
        plain = plain.float()
    elif dtype_name(plain) == "complex32":
        plain = plain.cfloat()
    return plain.numpy(force=True) if isinstance(plain, torch.Tensor) else plain.numpy()


def attempt(function: Callable[..., Any], args: Any, kwargs: Any) -> tuple[Any, Exception | None]:
    """The result of a call, or its exception; drawn from the same seed on both sides."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            return seeded(function, *args, **kwargs), None
        except Exception as error:  # noqa: BLE001 - either library's refusal is what is compared
            return None, error


def short(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:160]}"


def same_error(ours: Exception | None, theirs: Exception) -> None:
    """Asserts that wengert raises the built-in class that PyTorch raises."""
    kind = next(kind for kind in type(theirs).__mro__ if kind.__module__ == "builtins")
    if ours is None:
        raise Mismatch(f"PyTorch raises {short(theirs)}; here no error")
    if not isinstance(ours, kind):
        raise Mismatch(f"PyTorch raises {short(theirs)}; here {short(ours)}")


def same(got: Any, want: Any, values: bool = True, rough: tuple[float, float] = (0.0, 0.0)) -> None:
    """Asserts that two results agree: how many, kinds, dtypes, shapes and numbers, to the tolerance of the dtype, or to
    a ``rough`` one that is larger."""
    gots, wants = list(leaves(got)), list(leaves(want))
    if len(gots) != len(wants):
        raise Mismatch(f"{len(wants)} results expected; {len(gots)} came")
    for mine, its in zip(gots, wants, strict=True):
        if is_tensor(its):
            same_tensor(mine, its, values, rough)
        elif isinstance(its, Exception):
            same_error(mine if isinstance(mine, Exception) else None, its)
        elif isinstance(its, (float, complex)) and isinstance(mine, (float, complex)):
            if not np.isclose(mine, its, rtol=1e-5, atol=1e-8, equal_nan=True):
                raise Mismatch(f"{its!r} expected; {mine!r} came")
        elif type(its).__module__ == "builtins" and mine != its or type(mine).__name__ != type(its).__name__:
            raise Mismatch(f"{its!r} expected; {mine!r} came")


def same_tensor(mine: Any, its: Any, values: bool, rough: tuple[float, float]) -> None:
    if not isinstance(mine, wengert.Tensor):
        raise Mismatch(f"a tensor expected; {mine!r} came")
    if tuple(mine.shape) != tuple(its.shape):
        raise Mismatch(f"shape {tuple(its.shape)} expected; {tuple(mine.shape)} came")
    if dtype_name(mine) != dtype_name(its):
        raise Mismatch(f"dtype {dtype_name(its)} expected; {dtype_name(mine)} came")
    if not values:
        return
    a, b = array(mine), array(its)
    rtol, atol = map(max, TOLERANCES.get(dtype_name(its), (0.0, 0.0)), rough)
    with np.errstate(all="ignore"):
        near = np.isclose(a, b, rtol=rtol, atol=atol, equal_nan=True)
        if a.dtype.kind == "c":  # beside an infinity numpy asks for the other part's very bits
            near |= (np.isclose(a.real, b.real, rtol=rtol, atol=atol, equal_nan=True)
                     & np.isclose(a.imag, b.imag, rtol=rtol, atol=atol, equal_nan=True))
    if not near.all():
        where = tuple(int(i) for i in np.argwhere(~near)[0])
        raise Mismatch(f"values: {b[where]} expected at {where}; {a[where]} came ({int((~near).sum())} of {near.size})")


def geometry(result: Any, inputs: list[Any]) -> list[Any]:
    """Strides of results, whether they are views, and where in which input's memory they lie."""
    facts = []
    for part in tensors(result):
        steps = tuple(s for s, n in zip(part.stride(), part.shape, strict=True) if n > 1) if part.numel() else ()
        places = [place(part, x) for x in inputs] if part.numel() else []
        facts.append((steps, places))
    return facts


def place(part: Any, of: Any) -> int | None:
    """How many bytes into an input's memory a result begins, or None where it has memory of its own."""
    begin = int(of.data_ptr())
    extent = 1 + sum((n - 1) * s for n, s in zip(of.shape, of.stride(), strict=True))
    inside = of.numel() and begin <= part.data_ptr() < begin + extent * of.element_size()
    return int(part.data_ptr()) - begin if inside else None
