"""Runs a layer, or a call, under wengert and under PyTorch and holds them against each other: initial weights bit for
bit, text, outputs, gradients of inputs and parameters, buffers, second order, errors."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

import wengert
import wengert.nn

OURS = SimpleNamespace(lib=wengert, nn=wengert.nn, F=wengert.nn.functional)
THEIRS = SimpleNamespace(lib=torch, nn=torch.nn, F=torch.nn.functional)
SIDES = (OURS, THEIRS)
TOLERANCE = {"float32": {"rtol": 2e-4, "atol": 3e-5}, "float64": {"rtol": 1e-8, "atol": 1e-9}}


def flat(value: Any) -> list[Any]:
    """The tensors in a result: of tuples, all of them."""
    if isinstance(value, (tuple, list)):
        return [tensor for part in value for tensor in flat(part)]
    return [] if value is None else [value]


def numbers(tensors: Any) -> list[Any]:
    return [None if t is None else t.detach().numpy() for t in tensors]


def agree(ours: list[Any], theirs: list[Any], dtype: str) -> None:
    assert len(ours) == len(theirs)
    for mine, its in zip(ours, theirs, strict=True):
        assert (mine is None) == (its is None)
        if its is not None:
            assert mine.shape == its.shape and mine.dtype == its.dtype
            finite = np.abs(its[np.isfinite(its)]) if its.dtype.kind == "f" else np.zeros(0)
            scale = max(1.0, float(finite.max(initial=0.0)))  # sums of large terms may cancel
            np.testing.assert_allclose(mine, its, rtol=TOLERANCE[dtype]["rtol"], atol=TOLERANCE[dtype]["atol"] * scale)


def weighted(side: Any, outs: list[Any]) -> Any:
    """A number that depends on every element of the results differently."""
    total = 0
    for k, out in enumerate(outs):
        if out.dtype.is_floating_point:
            ct = np.random.RandomState(k).standard_normal(tuple(out.shape))
            total = total + (out * side.lib.tensor(ct).to(out.dtype)).sum()
    return total


def outcome(
    side: Any, function: Callable[..., Any], arrays: Any, module: Any = None, second: bool = False
) -> list[Any]:
    """Results, gradients of the operands and of the module's parameters, and its buffers."""
    operands = [side.lib.tensor(a.copy()) if isinstance(a, np.ndarray) else a for a in arrays]
    leaves = [
        t.requires_grad_()
        for t, a in zip(operands, arrays, strict=True)
        if isinstance(a, np.ndarray) and a.dtype.kind == "f"
    ]
    leaves += [] if module is None else list(module.parameters())
    outs = flat(function(*operands))
    results = numbers(outs)
    loss = weighted(side, outs)
    grads = side.lib.autograd.grad(loss, leaves, allow_unused=True, create_graph=second) if leaves else ()
    results += numbers(grads)
    if second:
        norm = sum((g * g).sum() for g in grads if g is not None and g.requires_grad)
        if not isinstance(norm, int):
            results += numbers(side.lib.autograd.grad(norm, leaves, allow_unused=True))
    return results + ([] if module is None else numbers(module.buffers()))


def same_layer(
    make: Callable[[Any], Any], *shapes: Any, dtype: str = "float64", second: bool = False, evaluate: bool = True
) -> None:
    """A layer of both sides with the same seed: its weights and text, and two calls in training and one in
    evaluation."""
    layers = []
    for side in SIDES:
        side.lib.manual_seed(7)
        layers.append(make(side.nn))
    ours, theirs = layers
    assert repr(ours) == repr(theirs)
    states = [layer.state_dict() for layer in layers]
    assert list(states[0]) == list(states[1])
    for name in states[0]:
        assert np.array_equal(states[0][name].numpy(), states[1][name].numpy()), name
    random = np.random.RandomState(0)
    for mode in (True, True, False) if evaluate else (True,):
        arrays = [random.standard_normal(s).astype(dtype) if isinstance(s, tuple) else s for s in shapes]
        found: dict[Any, list[Any]] = {}
        for side, layer in zip(SIDES, layers, strict=True):
            getattr(layer, "double" if dtype == "float64" else "float")().train(mode)
            side.lib.manual_seed(3)
            found[side.lib] = outcome(side, layer, arrays, layer, second)
        agree(found[wengert], found[torch], dtype)


def same_call(call: Callable[..., Any], *arrays: Any, dtype: str = "float64", second: bool = False) -> None:
    given = [a.astype(dtype) if isinstance(a, np.ndarray) and a.dtype.kind == "f" else a for a in arrays]
    mine, its = (outcome(side, lambda *x, side=side: call(side, *x), given, second=second) for side in SIDES)
    agree(mine, its, dtype)


def array(*shape: int) -> np.ndarray:
    return np.random.RandomState(sum(shape)).standard_normal(shape)


def same_error(call: Callable[[Any], Any]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(Exception) as theirs:  # noqa: B017, PT011
            call(THEIRS)
        with pytest.raises(type(theirs.value)):
            call(OURS)
