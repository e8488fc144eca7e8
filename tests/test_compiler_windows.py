"""Generated code for the weights' gradients of groups of one sample each, against numpy's windows and products."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import wengert as torch
from wengert.func import grad, vmap
from wengert.prims import convolution

CASES = (  # groups, channels of the input and the output a group, sizes, kernel, stride, dilation
    (128, 6, 16, (14, 14), (5, 5), (1, 1), (1, 1)), (128, 1, 6, (32, 32), (5, 5), (1, 1), (1, 1)),
    (50, 3, 7, (9, 8), (3, 2), (2, 1), (1, 2)), (90, 2, 4, (40,), (7,), (1,), (2,)),
    (60, 2, 5, (6, 7, 8), (3, 2, 3), (1, 2, 1), (1, 1, 1)), (4000, 2, 4, (5, 5), (5, 5), (2, 2), (1, 1)))


def given(case: tuple[Any, ...], dtype: str) -> tuple[Any, ...]:
    groups, inputs, outputs, sizes, kernel, stride, dilation = case
    out = tuple((n - (k - 1) * d - 1) // s + 1 for n, k, s, d in zip(sizes, kernel, stride, dilation, strict=True))
    rng = np.random.default_rng(0)
    x = rng.standard_normal((1, groups * inputs, *sizes)).astype(dtype)
    ct = rng.standard_normal((1, groups * outputs, *out)).astype(dtype)
    return x, ct, kernel, stride, dilation, groups


@pytest.mark.parametrize("dtype", ["f", "d"])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_numbers(monkeypatch: pytest.MonkeyPatch, case: tuple[Any, ...], dtype: str) -> None:
    from wengert.compiler import windows

    arguments, found = given(case, dtype), []
    kept = windows.weights_of_groups
    monkeypatch.setattr(windows, "weights_of_groups", lambda *given: (found.append(kept(*given)), found[-1])[1])
    result = convolution._weight_of_one(*arguments)
    assert len(found) == 1 and found[0] is result  # by generated code
    monkeypatch.setattr(convolution, "_generated", lambda *given: None)
    wanted = convolution._weight_of_one(*arguments)
    np.testing.assert_allclose(result, wanted, rtol=0, atol=np.abs(wanted).max() * (1e-5 if dtype == "f" else 1e-13))


def test_any_number_of_threads() -> None:
    arguments, usual, found = given(CASES[0], "f"), torch.get_num_threads(), []
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            found.append(convolution._weight_of_one(*arguments))
    finally:
        torch.set_num_threads(usual)
    assert all((each == found[0]).all() for each in found[1:])


@pytest.mark.parametrize("padding", [0, 2])
def test_gradients_of_examples(padding: int) -> None:
    x, w = torch.randn(40, 3, 12, 11), torch.randn(8, 3, 3, 5)

    def loss(w: Any, x: Any) -> Any:
        return torch.nn.functional.conv2d(x[None], w, padding=padding).sin().sum()

    found = vmap(grad(loss), in_dims=(None, 0))(w, x)
    for i in (0, 17, 39):
        torch.testing.assert_close(found[i], grad(loss)(w, x[i]), rtol=1e-4, atol=1e-3)
