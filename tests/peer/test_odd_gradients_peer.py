"""Gradients whose squares overflow, infinities and NaN in one element, through every optimiser: that element, and no
other, is left as PyTorch leaves it."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
import torch

import wengert

OPTIMIZERS: list[tuple[str, dict[str, Any]]] = [
    ("Adam", {}), ("Adam", {"amsgrad": True}), ("Adam", {"weight_decay": 0.1}), ("AdamW", {}),
    ("AdamW", {"maximize": True}), ("NAdam", {}), ("RAdam", {}), ("RAdam", {"betas": (0.9, 0.8)}), ("RMSprop", {}),
    ("RMSprop", {"momentum": 0.9}), ("Adamax", {}), ("Adagrad", {}), ("Adadelta", {}), ("Adafactor", {}),
    ("SGD", {"momentum": 0.9}), ("ASGD", {}), ("Rprop", {}),
]
ODD = {"float32": (1e20, -1e25, 3e30, np.inf, np.nan, 1e-30), "float64": (1e160, -1e200, np.inf, np.nan, 1e-200)}


def steps(lib: Any, name: str, settings: dict[str, Any], dtype: str, odd: float, size: int) -> np.ndarray[Any, Any]:
    parameter = lib.linspace(1, 2, size, dtype=getattr(lib, dtype)).requires_grad_()
    optimizer = getattr(lib.optim, name)([parameter], lr=0.1, **settings)
    for number in range(7):
        gradient = lib.linspace(-1, 1, size, dtype=getattr(lib, dtype))
        if number == 1:  # once, so that what comes later is seen too
            gradient[1] = odd
        parameter.grad = gradient
        optimizer.step()
    return parameter.detach().numpy()


@pytest.mark.parametrize(("name", "settings"), OPTIMIZERS)
def test_one_odd_gradient(name: str, settings: dict[str, Any]) -> None:
    for dtype, values in ODD.items():
        for odd in values:
            for size in (3, 5000):  # a small array, and one for which code is generated
                with warnings.catch_warnings(), np.errstate(all="ignore"):
                    warnings.simplefilter("ignore")
                    want, got = (steps(lib, name, settings, dtype, odd, size) for lib in (torch, wengert))
                np.testing.assert_allclose(got, want, rtol=2e-5, atol=1e-6, err_msg=f"{dtype}, {odd}, {size}")
