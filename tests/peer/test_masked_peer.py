"""`wengert.masked` against PyTorch: every function, over dtypes, dimensions and masks: values, gradients, errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import wengert  # noqa: E402

REDUCTIONS = "sum prod amax amin mean norm var std logsumexp".split()
ALONG = "cumsum cumprod softmax log_softmax softmin median normalize argmax argmin".split()
SIDES = (wengert, torch)
DTYPES = "float64 float32 bfloat16 complex128 int64 int16 uint8 bool".split()
SHAPE = (3, 2, 4)
random = np.random.default_rng(0)
VALUES = random.uniform(-2, 2, SHAPE)
MASKS = {
    "none": None, "some": random.random(SHAPE) > 0.4, "row": random.random(4) > 0.4,
    "column": random.random((2, 1)) > 0.3,
    "nothing": np.zeros(SHAPE, bool), "numbers": (random.random(SHAPE) > 0.4).astype(np.int64),
}
DIMS: list[Any] = [None, 0, -1, (0, 2), ()]


def made(side: Any, dtype: str, grad: bool) -> Any:
    x = side.tensor(VALUES).to(getattr(side, dtype))
    if dtype == "complex128":
        x = x + 1j * side.tensor(VALUES[::-1].copy())
    return x.requires_grad_() if grad and (x.is_floating_point() or x.is_complex()) else x


def outcome(side: Any, call: Any, dtype: str) -> Any:
    """The result and the gradient, as arrays; or the class of the error."""
    x = made(side, dtype, True)
    try:
        out = call(side, x)
    except Exception as error:  # noqa: BLE001
        return type(error)
    grad = None
    if out.requires_grad:
        # (of numbers: a gradient of infinite results is NaN on both sides)
        side.where(side.isfinite(out), out, side.zeros_like(out)).abs().sum().backward()
        grad = x.grad
    return out, grad


def numbers(x: Any) -> Any:
    x = x.detach()
    return (x.float() if str(x.dtype).endswith("bfloat16") else x).numpy()


def agree(call: Any, dtype: str) -> None:
    ours, theirs = outcome(wengert, call, dtype), outcome(torch, call, dtype)
    if isinstance(theirs, type):
        assert isinstance(ours, type) and issubclass(ours, theirs), (ours, theirs)
        return
    assert not isinstance(ours, type), ours
    tolerance = {"bfloat16": 2e-2, "float64": 1e-12, "complex128": 1e-12}.get(dtype, 2e-6)
    for mine, its in zip(ours, theirs, strict=True):
        if its is None:  # which is zeros where wengert has a rule for them, as for the norm of order 0
            assert mine is None or not mine.any()
        else:
            assert mine is not None
            assert str(mine.dtype) == str(its.dtype) and tuple(mine.shape) == tuple(its.shape)
            np.testing.assert_allclose(numbers(mine), numbers(its), rtol=tolerance, atol=tolerance, equal_nan=True)


def mask_of(side: Any, name: str) -> Any:
    return None if MASKS[name] is None else side.tensor(MASKS[name])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("name", REDUCTIONS)
def test_reductions(name: str, mask: str, dtype: str) -> None:
    if (name, dtype) == ("prod", "bfloat16"):
        pytest.skip("PyTorch rounds between the dimensions")
    for dim in DIMS:
        for keepdim in (False, True):
            agree(lambda s, x, d=dim, k=keepdim: getattr(s.masked, name)(
                x, dim=d, keepdim=k, mask=mask_of(s, mask)), dtype)


@pytest.mark.filterwarnings("ignore:Casting complex values")
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("name", ALONG)
def test_along_a_dimension(name: str, mask: str, dtype: str) -> None:
    for dim in (0, 1, -1):
        options = {"ord": 2.0} if name == "normalize" else {}
        agree(lambda s, x, d=dim, o=options: getattr(s.masked, name)(x, dim=d, mask=mask_of(s, mask), **o), dtype)


@pytest.mark.parametrize("dtype", ["float64", "float32", "int64"])
def test_settings(dtype: str) -> None:
    for ord in (0, 1, 2.0, 3, float("inf"), -float("inf")):
        agree(lambda s, x, o=ord: s.masked.norm(x, o, 1, mask=mask_of(s, "some")), dtype)
        agree(lambda s, x, o=ord: s.masked.normalize(x, o, 1, eps=0.5, mask=mask_of(s, "some")), dtype)
    for options in ({"unbiased": False}, {"unbiased": True}, {"correction": 2}, {"correction": 0.5},
                    {"unbiased": True, "correction": 1}):
        agree(lambda s, x, o=options: s.masked.var(x, 1, mask=mask_of(s, "some"), **o), dtype)
        agree(lambda s, x, o=options: s.masked.std(x, 1, mask=mask_of(s, "some"), **o), dtype)
    for name in ("sum", "prod", "mean", "amax", "logsumexp", "norm", "var"):
        agree(lambda s, x, n=name: getattr(s.masked, n)(x, 1, dtype=s.float64, mask=mask_of(s, "some")), dtype)


@pytest.mark.parametrize("dtype", [dtype for dtype in DTYPES if dtype != "complex128"])
def test_logaddexp(dtype: str) -> None:
    for first in ("none", "some"):
        for second in ("none", "row"):
            agree(lambda s, x, a=first, b=second: s.masked.logaddexp(
                x, made(s, dtype, False), input_mask=mask_of(s, a), other_mask=mask_of(s, b)), dtype)


@pytest.mark.parametrize("name", ["cumsum", "cumprod", "softmax", "log_softmax", "softmin", "median", "sum", "prod"])
def test_single_numbers(name: str) -> None:
    for side_mask in (None, True, False):
        agree(lambda s, x, m=side_mask: getattr(s.masked, name)(
            x[0, 0, 0], 0, mask=None if m is None else s.tensor(m)), "float64")


def test_what_does_not_fit() -> None:
    agree(lambda s, x: s.masked.sum(x, mask=s.ones(1, *SHAPE)), "float64")
    agree(lambda s, x: s.masked.sum(x, mask=s.ones(5)), "float64")
    agree(lambda s, x: s.masked.sum(x, (1, 1)), "float64")
    agree(lambda s, x: s.masked.sum(x, 3), "float64")
    agree(lambda s, x: s.masked.cumsum(x, 3), "float64")


def test_every_name() -> None:
    ours = set(wengert.masked.__all__)
    assert ours == set(torch.masked.__all__) - {"MaskedTensor", "masked_tensor", "as_masked_tensor", "is_masked_tensor"}
    assert ours == {*REDUCTIONS, *ALONG, "logaddexp"}
