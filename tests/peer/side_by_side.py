"""Runs one small program under wengert and under PyTorch and holds what it returns against each other.

A program is a function of the module: ``lambda T: T.nn.Linear(2, 3).weight``. What it returns may nest tensors,
numbers, text and modules; modules are compared by their text and their state.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch

import wengert
from tests.peer.agreement import both_raise


def outcome(module: Any, program: Callable[[Any], Any]) -> tuple[Any, Exception | None, list[type[Warning]]]:
    """What a program returns or raises, and the classes of its warnings."""
    module.manual_seed(0)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result, problem = program(module), None
        except Exception as error:  # noqa: BLE001 - the class of error is what is compared
            result, problem = None, error
    return result, problem, [entry.category for entry in caught]


def both(program: Callable[[Any], Any], rtol: float = 1e-6, atol: float = 1e-7, warned: bool = True) -> None:
    """Asserts that a program gives the same under both: results, or the class of the error; and warnings, if
    ``warned``."""
    got, problem, said = outcome(wengert, program)
    want, expected, wanted = outcome(torch, program)
    if both_raise(problem, expected, got):
        return
    if warned:
        assert said == wanted, (said, wanted)
    agree(got, want, rtol, atol)


def agree(got: Any, want: Any, rtol: float, atol: float, path: str = "result") -> None:
    """Asserts that two results agree; ``path`` says where in the whole they stand."""
    if isinstance(want, torch.nn.Module):
        assert repr(got) == repr(want), path
        agree(dict(got.state_dict()), dict(want.state_dict()), rtol, atol, f"{path}.state_dict()")
    elif isinstance(want, torch.Tensor):
        assert isinstance(got, wengert.Tensor), f"{path}: a tensor was expected, got {got!r}"
        assert tuple(got.shape) == tuple(want.shape), path
        assert str(got.dtype) == str(want.dtype), path
        assert got.requires_grad == want.requires_grad, path
        np.testing.assert_allclose(got.detach().numpy(), want.detach().numpy(), rtol=rtol, atol=atol, err_msg=path)
    elif isinstance(want, Mapping):
        assert list(map(str, got)) == list(map(str, want)), path
        for mine, key in zip(got, want, strict=True):
            agree(got[mine], want[key], rtol, atol, f"{path}[{key!r}]")
    elif isinstance(want, (tuple, list)) and not isinstance(want, torch.Size):
        assert len(got) == len(want), path
        for number, (mine, its) in enumerate(zip(got, want, strict=True)):
            agree(mine, its, rtol, atol, f"{path}[{number}]")
    elif isinstance(want, float):
        assert got == want or np.isclose(got, want, rtol=rtol, atol=atol, equal_nan=True), (path, got, want)
    else:
        assert str(got) == str(want), path


def trained(T: Any, model: Any, *inputs: Any, steps: int = 3) -> list[Any]:
    """What a few steps of gradient descent do: outputs, gradients, the model, and the output in evaluation."""
    seen = []
    optimizer = T.optim.SGD(model.parameters(), lr=0.01)
    for _ in range(steps):
        optimizer.zero_grad()
        out = model(*inputs)
        (out * out).sum().backward()
        seen.append([out, [parameter.grad for parameter in model.parameters()]])
        optimizer.step()
    model.eval()
    return [seen, model, model(*inputs)]
