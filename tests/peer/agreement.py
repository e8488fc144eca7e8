"""Runs one expression under wengert and under PyTorch and holds the results against each other.

An expression is a function of the module and of the inputs: ``lambda T, x: T.cat([x, x])``. Inputs are given as shapes
(float64 numbers, which get gradients), arrays (as they are), or other values.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch

import wengert

MODULES: tuple[Any, Any] = (wengert, torch)


def arrays(inputs: tuple[Any, ...], seed: int = 0) -> list[Any]:
    """The inputs with shapes replaced by random numbers."""
    random = np.random.RandomState(seed)
    return [random.standard_normal(x) if type(x) is tuple else x for x in inputs]


def tensors(module: Any, values: list[Any], requires_grad: bool) -> list[Any]:
    made = []
    for value in values:
        if isinstance(value, np.ndarray):
            value = module.from_numpy(value.copy())
            if requires_grad and (value.is_floating_point() or value.is_complex()):
                value.requires_grad_()
        made.append(value)
    return made


def flat(result: Any) -> Iterator[Any]:
    """The tensors, and other values, of nested tuples and lists."""
    if isinstance(result, (tuple, list)) and type(result).__name__ != "Size":
        for part in result:
            yield from flat(part)
    else:
        yield result


def is_tensor(x: Any) -> bool:
    return isinstance(x, (wengert.Tensor, torch.Tensor))


def plain(x: Any) -> Any:
    return x.detach().numpy() if is_tensor(x) else x


def same(got: Any, want: Any, exact: bool = True) -> None:
    """Asserts that two results agree: numbers, shapes, dtypes."""
    gots, wants = list(flat(got)), list(flat(want))
    assert len(gots) == len(wants)
    for g, w in zip(gots, wants, strict=True):
        if not is_tensor(w):
            assert str(g) == str(w)
            continue
        assert is_tensor(g), f"a tensor was expected, got {g!r}"
        assert tuple(g.shape) == tuple(w.shape)
        assert str(g.dtype) == str(w.dtype)
        if exact:
            assert np.array_equal(plain(g), plain(w), equal_nan=w.dtype.is_floating_point or w.dtype.is_complex), (g, w)
        else:
            assert np.allclose(plain(g), plain(w), rtol=1e-5, atol=1e-6, equal_nan=True), (g, w)


def geometry(result: Any, inputs: list[Any]) -> list[Any]:
    """Strides, and where in which input's memory each result lies."""
    facts = []
    for part in flat(result):
        if is_tensor(part) and part.numel():
            places = [
                part.data_ptr() - x.data_ptr()
                if is_tensor(x)
                and x.numel()
                and x.data_ptr() <= part.data_ptr() < x.data_ptr() + x.numel() * x.element_size()
                else None
                for x in inputs
            ]
            steps = tuple(s for s, n in zip(part.stride(), part.shape, strict=True) if n > 1)
            facts.append((steps, places))
    return facts


def derivatives(module: Any, function: Callable[..., Any], values: list[Any], twice: bool) -> list[Any]:
    """Gradients of a fixed weighted sum of the results; or of the sum of squares of such gradients, through squares of
    the inputs, so that second order is not zero."""
    leaves = tensors(module, values, True)
    inputs = [x * x if twice and is_tensor(x) and x.requires_grad else x for x in leaves]
    total: Any = None
    random = np.random.RandomState(1)
    for part in flat(function(module, *inputs)):
        if not is_tensor(part) or not part.requires_grad:
            continue
        weights = module.from_numpy(np.asarray(random.standard_normal(tuple(part.shape))))
        term = ((part * part.conj()).real if part.is_complex() else part * part * 0.5 + part) * weights
        total = term.sum() if total is None else total + term.sum()
    if total is None:
        return []
    wanted = [x for x in leaves if is_tensor(x) and x.requires_grad]
    grads = module.autograd.grad(total, wanted, create_graph=twice, allow_unused=True)
    if not twice:
        return list(grads)
    terms = [
        (g * g.conj()).real.sum() if g.is_complex() else (g * g).sum()
        for g in grads
        if g is not None and g.requires_grad
    ]
    if not terms:
        return []
    whole = terms[0]
    for term in terms[1:]:
        whole = whole + term
    return list(module.autograd.grad(whole, wanted, allow_unused=True))


def agree(
    function: Callable[..., Any],
    *inputs: Any,
    exact: bool = True,
    layout: bool = True,
    grads: bool = True,
    seed: int = 0,
) -> None:
    """Asserts that an expression gives the same under both: values, shapes, dtypes, strides, shared memory, gradients,
    second derivatives; or the same class of error."""
    values = arrays(inputs, seed)
    results = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for module in MODULES:
            made = tensors(module, values, False)
            try:
                results.append((function(module, *made), made, None))
            except Exception as error:  # noqa: BLE001 - the class of error is what is compared
                results.append((None, made, error))
    (got, mine, problem), (want, theirs, expected) = results
    if both_raise(problem, expected, got):
        return
    same(got, want, exact)
    same([x for x in mine if is_tensor(x)], [x for x in theirs if is_tensor(x)], exact)  # what was written to
    if layout:
        assert geometry(got, mine) == geometry(want, theirs)
    if grads:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for twice in (False, True):
                same(
                    derivatives(wengert, function, values, twice),
                    derivatives(torch, function, values, twice),
                    exact=False,
                )


def both_raise(ours: Exception | None, theirs: Exception | None, got: Any = "something") -> bool:
    """Whether PyTorch raised. Asserts that wengert, which ``got`` something otherwise, raised an error of the same
    built-in class then, and raises wengert's own where PyTorch raised none."""
    if theirs is not None:
        assert ours is not None, f"PyTorch raises {theirs!r}, wengert gives {got!r}"
        assert isinstance(ours, builtin_kind(theirs)), f"PyTorch raises {theirs!r}, wengert {ours!r}"
    elif ours is not None:
        raise ours
    return theirs is not None


def builtin_kind(error: Exception) -> type[BaseException]:
    """The built-in class of an error of PyTorch's."""
    return next(kind for kind in type(error).__mro__ if kind.__module__ == "builtins")
