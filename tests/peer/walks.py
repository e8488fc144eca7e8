"""Walks of an optimiser under wengert and under PyTorch: where they begin, their gradients, how two are compared."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import wengert

LIBS = (wengert, torch)


def starting_points(lib: Any, dtype: str) -> list[Any]:
    rng = np.random.RandomState(0)
    return [lib.nn.Parameter(lib.tensor(rng.standard_normal(shape).astype(dtype))) for shape in ((3, 4), (4,), ())]


def give_gradients(lib: Any, parameters: list[Any], number: int, dtype: str) -> None:
    """Gradients that depend on where the parameter is; now and then one parameter has none."""
    rng = np.random.RandomState(number)
    for position, parameter in enumerate(parameters):
        noise = lib.tensor(np.asarray(rng.standard_normal(tuple(parameter.shape))).astype(dtype))
        parameter.grad = None if (number + position) % 7 == 3 else parameter.detach() * 0.5 + noise


def walk(lib: Any, name: str, settings: dict[str, Any], dtype: str, steps: int = 50) -> tuple[list[Any], Any]:
    parameters = starting_points(lib, dtype)
    optimizer = getattr(lib.optim, name)(parameters, **settings)
    for number in range(steps):
        give_gradients(lib, parameters, number, dtype)
        optimizer.step()
    return parameters, optimizer


def same_tensors(ours: list[Any], theirs: list[Any], **tolerance: Any) -> None:
    for mine, its in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(mine.detach().numpy(), its.detach().numpy(), **tolerance)


def same_error(call: Callable[[Any, list[Any]], Any]) -> None:
    """Asserts that a wrong call, given a library and parameters, raises the same under both."""
    errors = []
    for lib in LIBS:
        with pytest.raises(Exception) as caught:  # noqa: B017
            call(lib, starting_points(lib, "float32"))
        errors.append(caught.value)
    ours, theirs = errors
    assert isinstance(ours, type(theirs)), f"{ours!r} where PyTorch raises {theirs!r}"
    if isinstance(theirs, ValueError) and "nan" not in str(ours):
        assert str(ours) == str(theirs)
