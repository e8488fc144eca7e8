"""Runs one call on wengert and on PyTorch and holds values, dtypes, shapes, gradients and second-order gradients
equal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import wengert

torch = pytest.importorskip("torch")

TOLERANCE = {"float64": 1e-9, "complex128": 1e-9, "float32": 2e-5, "complex64": 2e-5, "float16": 2e-3, "bfloat16": 2e-2}


def numbers(shape: tuple[int, ...], dtype: str, low: float = -2.0, high: float = 2.0, seed: int = 0) -> np.ndarray:
    """Reproducible numbers of a dtype: uniform in [low, high], integers rounded, truth values by sign."""
    random = np.random.RandomState(seed + 7 * len(shape))
    values = random.uniform(low, high, shape)
    if dtype == "bool":
        return np.asarray(values > (low + high) / 2)
    if dtype.startswith("complex"):
        values = values + 1j * random.uniform(low, high, shape)
    if "int" in dtype:
        values = np.rint(values * 3)
        values = np.abs(values) if dtype.startswith("u") else values
    return np.asarray(values).astype(dtype)


def both(array: Any, requires_grad: bool = False) -> tuple[Any, Any]:
    """An array as a tensor of wengert's and one of PyTorch's; other values as they are."""
    if not isinstance(array, np.ndarray):
        return array, array
    ours, theirs = wengert.tensor(array.copy()), torch.from_numpy(np.array(array))
    if requires_grad and array.dtype.kind in "fc":
        ours.requires_grad_()
        theirs.requires_grad_()
    return ours, theirs


def parts(result: Any) -> list[Any]:
    """The tensors of a result, in a list."""
    if isinstance(result, (tuple, list)):
        return [part for entry in result for part in parts(entry)]
    return [result]


def as_array(value: Any) -> Any:
    """The numbers of a tensor of either sort, or a Python value as an array."""
    if hasattr(value, "detach"):
        value = value.detach()
        value = value.resolve_conj() if hasattr(value, "resolve_conj") else value
        return np.asarray(value.numpy(force=True))
    return np.asarray(value)


def assert_same(ours: Any, theirs: Any, what: str, tolerance: float | None = None) -> None:
    """Equal shape, dtype and numbers (NaN equal to NaN; within the dtype's tolerance)."""
    assert hasattr(ours, "detach") == hasattr(theirs, "detach"), f"{what}: one result is a tensor, the other is not"
    if hasattr(ours, "detach"):
        assert tuple(ours.shape) == tuple(theirs.shape), f"{what}: shape {tuple(ours.shape)}, not {tuple(theirs.shape)}"
        assert repr(ours.dtype) == repr(theirs.dtype), f"{what}: dtype {ours.dtype}, not {theirs.dtype}"
    a, b = as_array(ours), as_array(theirs)
    if b.dtype.kind in "fc":
        close = TOLERANCE.get(b.dtype.name, 1e-9) if tolerance is None else tolerance
        np.testing.assert_allclose(a, b, rtol=close, atol=close, equal_nan=True, err_msg=what)
    else:
        np.testing.assert_array_equal(a, b, err_msg=what)


def assert_agrees(
    call: Callable[..., Any],
    operands: tuple[Any, ...],
    *,
    second: bool = True,
    tolerance: float | None = None,
    pick: Callable[[Any], Any] | None = None,
) -> None:
    """``call(module, *tensors)`` agrees: its results, their gradients by random cotangents, and the gradients of those.
    ``pick`` maps a result to what is to be compared, where the rest is a matter of convention."""
    pairs = [both(x, requires_grad=True) for x in operands]
    ours_in, theirs_in = [p[0] for p in pairs], [p[1] for p in pairs]
    ours, theirs = call(wengert, *ours_in), call(torch, *theirs_in)
    if pick is not None:
        ours, theirs = pick(ours), pick(theirs)
    ours, theirs = parts(ours), parts(theirs)
    assert len(ours) == len(theirs)
    for i, (a, b) in enumerate(zip(ours, theirs, strict=True)):
        assert_same(a, b, f"result {i}", tolerance)
        assert getattr(a, "requires_grad", False) == getattr(b, "requires_grad", False), f"result {i}: history"
    outs = [(a, b) for a, b in zip(ours, theirs, strict=True) if getattr(b, "requires_grad", False)]
    if not outs:
        return
    leaves = [(a, b) for a, b in zip(ours_in, theirs_in, strict=True) if getattr(b, "requires_grad", False)]
    first, wanted = _gradients_of_both(outs, leaves, 100, second)
    for i, (a, b) in enumerate(zip(first, wanted, strict=True)):
        _compare(a, b, f"gradient {i}", tolerance)
    if second:
        _second_order(first, wanted, leaves, None if tolerance is None else 10 * tolerance)


def _second_order(first: Any, wanted: Any, leaves: Any, tolerance: float | None) -> None:
    grads = [(a, b) for a, b in zip(first, wanted, strict=True) if a is not None and b is not None and b.requires_grad]
    constant = [b for a, b in grads if not a.requires_grad]
    for b in constant:
        slopes = torch.autograd.grad(
            b, [t for _, t in leaves], torch.ones_like(b), allow_unused=True, retain_graph=True
        )
        assert all(s is None or not bool((s != 0).any()) for s in slopes), "a gradient has lost its history"
    grads = [(a, b) for a, b in grads if a.requires_grad]
    if grads:
        ours, theirs = _gradients_of_both(grads, leaves, 200, False)
        for i, (a, b) in enumerate(zip(ours, theirs, strict=True)):
            _compare(a, b, f"second gradient {i}", tolerance)


def _gradients_of_both(outs: Any, leaves: Any, seed: int, create_graph: bool) -> Any:
    cts = []
    for i, (_, b) in enumerate(outs):
        like = as_array(b)
        cts.append(both(numbers(like.shape, like.dtype.name, -1, 1, seed=seed + i)))
    return [
        module.autograd.grad(
            [o[side] for o in outs],
            [t[side] for t in leaves],
            [c[side] for c in cts],
            create_graph=create_graph,
            allow_unused=True,
        )
        for side, module in enumerate((wengert, torch))
    ]


def _compare(ours: Any, theirs: Any, what: str, tolerance: float | None) -> None:
    """Gradients agree; where one library has None the other may have zeros."""
    if ours is None or theirs is None:
        other = theirs if ours is None else ours
        assert other is None or not as_array(other).any(), f"{what}: only one of the two is None"
        return
    assert_same(ours, theirs, what, tolerance)


def assert_both_raise(call: Callable[[Any], Any]) -> None:
    """Both raise, and what wengert raises is of the class that PyTorch raises."""
    with pytest.raises(Exception) as theirs:  # noqa: B017
        call(torch)
    expected = tuple(c for c in (TypeError, IndexError, ValueError, RuntimeError) if isinstance(theirs.value, c))
    with pytest.raises(expected):
        call(wengert)


def tensor_of(module: Any) -> Callable[[Any], Any]:
    """Makes a tensor of a module from an array."""
    return (lambda x: torch.from_numpy(np.array(x))) if module is torch else wengert.tensor


def cases(table: dict[str, Any]) -> list[Any]:
    """A table as parameters of a test, named by its keys."""
    return [pytest.param(entry, id=name) for name, entry in table.items()]
