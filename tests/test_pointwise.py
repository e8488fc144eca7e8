"""Elementwise functions: closed forms, promotion, gradients at the places where conventions matter, in-place forms."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import wengert as torch

NUMPY = {
    "exp": np.exp,
    "log": np.log,
    "sqrt": np.sqrt,
    "sin": np.sin,
    "cos": np.cos,
    "tan": np.tan,
    "tanh": np.tanh,
    "expm1": np.expm1,
    "log1p": np.log1p,
    "log2": np.log2,
    "log10": np.log10,
    "floor": np.floor,
    "ceil": np.ceil,
    "trunc": np.trunc,
    "abs": np.abs,
    "reciprocal": lambda x: 1 / x,
    "rsqrt": lambda x: 1 / np.sqrt(x),
    "square": np.square,
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "sinh": np.sinh,
    "cosh": np.cosh,
    "atan": np.arctan,
    "asinh": np.arcsinh,
    "neg": np.negative,
    "sign": np.sign,
    "exp2": np.exp2,
    "erf": np.vectorize(math.erf),
    "erfc": np.vectorize(math.erfc),
    "lgamma": np.vectorize(math.lgamma),
    "deg2rad": np.deg2rad,
}


@pytest.mark.parametrize("name", NUMPY)
def test_functions_against_numpy(name: str) -> None:
    x = np.random.RandomState(0).uniform(0.2, 3, (3, 4))
    for result in (
        getattr(torch, name)(torch.tensor(x)),
        getattr(torch.tensor(x), name)(),
        getattr(torch.tensor(x), name + "_")(),
    ):
        np.testing.assert_allclose(result.numpy(), NUMPY[name](x), rtol=1e-12)


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        (torch.ones(2), torch.ones(2, dtype=torch.float64), torch.float64),
        (torch.ones(2), torch.ones((), dtype=torch.float64), torch.float32),
        (torch.ones(2), 2.5, torch.float32),
        (torch.ones(2, dtype=torch.int64), 2.5, torch.float32),
        (torch.ones(2, dtype=torch.int32), 2, torch.int32),
        (torch.ones(2, dtype=torch.uint8), torch.ones(2, dtype=torch.int8), torch.int16),
        (torch.ones(2, dtype=torch.bool), torch.ones(2, dtype=torch.bool), torch.bool),
        (torch.ones(2), 1j, torch.complex64),
    ],
)
def test_promotion(left: Any, right: Any, expected: Any) -> None:
    assert (left + right).dtype is expected
    assert torch.add(left, right).dtype is expected


def test_integers_become_floats_in_float_functions_and_division() -> None:
    x = torch.tensor([1, 4, 9])
    assert torch.sqrt(x).tolist() == [1.0, 2.0, 3.0] and torch.sqrt(x).dtype is torch.float32
    assert (x / 2).dtype is torch.float32 and (x // 2).tolist() == [0, 2, 4] and (x // 2).dtype is torch.int64
    assert torch.div(torch.tensor([-7]), 2, rounding_mode="trunc").item() == -3
    assert torch.div(torch.tensor([-7]), 2, rounding_mode="floor").item() == -4
    assert (torch.tensor([-7]) % 3).item() == 2 and torch.fmod(torch.tensor([-7]), 3).item() == -1


def gradient(function: Any, *values: float) -> list[float]:
    tensors = [torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in values]
    return [g.item() for g in torch.autograd.grad(function(*tensors), tensors)]


@pytest.mark.parametrize(
    ("function", "values", "expected"),
    [
        (torch.relu, (0.0,), [0.0]),
        (torch.abs, (0.0,), [0.0]),
        (torch.sqrt, (0.0,), [math.inf]),
        (lambda x: x.clamp(0, 1), (1.0,), [1.0]),
        (lambda x: x.clamp(0, 1), (1.1,), [0.0]),
        (torch.maximum, (2.0, 2.0), [0.5, 0.5]),
        (torch.fmax, (2.0, 2.0), [1.0, 0.0]),
        (lambda x: x**0, (0.0,), [0.0]),
        (lambda x: 0**x, (2.0,), [0.0]),
        (torch.pow, (0.0, 2.0), [0.0, 0.0]),
        (torch.floor, (1.5,), [0.0]),
        (torch.sinc, (0.0,), [0.0]),
        (torch.atan2, (0.0, 0.0), [0.0, 0.0]),
        (torch.xlogy, (0.0, 0.0), [0.0, math.nan]),
        (lambda x: torch.where(x > 0, x, 0.0), (-1.0,), [0.0]),
        (lambda x: x.nan_to_num(), (math.nan,), [0.0]),
        (torch.exp, (0.0,), [1.0]),
    ],
)
def test_gradients_where_conventions_matter(function: Any, values: Any, expected: list[float]) -> None:
    np.testing.assert_array_equal(gradient(function, *values), expected)


def test_complex_gradients_are_conjugate_cotangents() -> None:
    z = torch.tensor([3 + 4j], dtype=torch.complex128, requires_grad=True)
    assert torch.autograd.grad(z.abs().sum(), z)[0].tolist() == [0.6 + 0.8j]
    assert torch.autograd.grad((z * z.conj()).real.sum(), z)[0].tolist() == [6 + 8j]


def test_in_place_forms_write_and_check_first() -> None:
    x = torch.ones(3)
    y = x[:2]
    assert y.add_(2, alpha=3) is y and x.tolist() == [7.0, 7.0, 1.0]
    before = torch.ones(2, dtype=torch.int64)
    with pytest.raises(RuntimeError, match="can't be cast"):
        before.mul_(0.5)
    assert before.tolist() == [1, 1]
    with pytest.raises(RuntimeError, match="leaf"):
        torch.ones(2, requires_grad=True).add_(1)
    with pytest.raises(RuntimeError, match="output with shape"):
        torch.ones(1).add_(torch.ones(3))


def test_in_place_forms_of_optimisers_agree_with_the_plain_ones() -> None:
    x, a, b = (torch.tensor(np.random.RandomState(i).uniform(1, 2, (2, 3))) for i in range(3))
    for name, arguments, options in [
        ("addcmul", (a, b), {"value": 0.3}),
        ("addcdiv", (a, b), {"value": -2}),
        ("lerp", (a, 0.1), {}),
        ("lerp", (a, 0.9), {}),
        ("add", (a,), {"alpha": -0.5}),
        ("sub", (a,), {"alpha": 2}),
        ("mul", (0.9,), {}),
        ("addcmul", (a[0], b), {}),
        ("addcdiv", (a, b[:, :1]), {}),
    ]:
        written = x.clone()
        assert getattr(written, name + "_")(*arguments, **options) is written
        np.testing.assert_allclose(written.numpy(), getattr(x, name)(*arguments, **options).numpy(), rtol=1e-14)


def test_where_with_one_argument_and_numbers() -> None:
    mask = torch.tensor([[True, False], [True, True]])
    rows, columns = torch.where(mask)
    assert rows.tolist() == [0, 1, 1] and columns.tolist() == [0, 0, 1]
    assert torch.where(mask, 1.0, 0).dtype is torch.float32


def test_comparisons() -> None:
    x = torch.tensor([0.1, math.nan])
    assert (x == 0.1).tolist() == [True, False] and (x != x).tolist() == [False, True]
    assert torch.isclose(torch.tensor([1.0]), torch.tensor([1.0 + 1e-6])).item() and torch.equal(x[:1], x[:1])
    assert torch.allclose(x, x, equal_nan=True) and not torch.allclose(x, x)
    with pytest.raises(RuntimeError):
        torch.lt(torch.tensor([1j]), 1)


@pytest.mark.parametrize(
    ("name", "x", "expected"),
    [
        ("i0", 1.0, 1.2660658777520084),
        ("digamma", 1.0, -0.5772156649015329),
        ("erfinv", 0.5, 0.4769362762044699),
        ("logit", 0.75, math.log(3)),
    ],
)
def test_special_functions_at_known_points(name: str, x: float, expected: float) -> None:
    assert getattr(torch, name)(torch.tensor(x, dtype=torch.float64)).item() == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize(
    ("name", "x", "expected"),
    [
        ("i1", 1.0, 0.5651591039924851),
        ("i0e", 60.0, float(np.i0(60.0) * np.exp(-60.0))),
        ("erfcx", 10.0, 0.05614099274382259),
        ("log_ndtr", -30.0, -454.3212439563432),
        ("ndtri", 0.975, 1.959963984540054),
        ("entr", 0.5, math.log(2) / 2),
    ],
)
def test_the_special_namespace_at_known_points(name: str, x: float, expected: float) -> None:
    found = getattr(torch.special, name)(torch.tensor(x, dtype=torch.float64)).item()
    assert found == pytest.approx(expected, rel=1e-12)
    assert torch.special.zeta(torch.tensor(2.0, dtype=torch.float64), 1.0).item() == pytest.approx(
        math.pi**2 / 6, rel=1e-14
    )


def test_bits_of_frequent_powers() -> None:
    x = torch.tensor(np.random.RandomState(0).uniform(0.5, 2, 100).astype(np.float32))
    assert torch.equal(x**2, x * x) and torch.equal(x**3, x * x * x) and torch.equal(x**0.5, x.sqrt())
    assert torch.tensor([2, -1]).pow(torch.tensor([-1, -1])).tolist() == [0, -1]


def test_zeta_has_no_derivative_by_its_exponent_and_says_so() -> None:
    exponent, q = torch.tensor(2.5, requires_grad=True), torch.tensor(1.5, requires_grad=True)
    torch.special.zeta(2.5, q).backward()
    assert q.grad is not None and q.grad.item() == pytest.approx(-0.7677, abs=1e-4)
    with pytest.raises(NotImplementedError, match=r"\[zeta\] a derivative by its second operand only"):
        torch.special.zeta(exponent, q).backward()


@pytest.mark.parametrize("call", ["torch.add(x, 2, x)", "x.add(2, x)", "torch.sub(x, 2, x)",
                                  "torch.addcmul(x, 2, x, x)"])
def test_the_deprecated_factor_in_the_middle(call: str) -> None:
    x = torch.tensor([1.0, 3.0])
    with pytest.warns(UserWarning, match="deprecated"):
        got = eval(call, {"torch": torch, "x": x})
    assert got.tolist() == (x + 2 * x * x if "addcmul" in call else x - 2 * x if "sub" in call else 3 * x).tolist()


@pytest.mark.parametrize("call", ["torch.add(x, x, 2)", "torch.mul(x, x, x)", "x.__add__(x, x)",
                                  "torch.add(x, 2, x, x)"])
def test_operands_too_many(call: str) -> None:
    with pytest.raises(TypeError):
        eval(call, {"torch": torch, "x": torch.ones(2)})


@pytest.mark.parametrize("dtype", [torch.int64, torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize(("low", "high"), [(0, torch.tensor(2)), (torch.tensor(-1), 2), (-1.5, torch.tensor(1.25)),
                                           (torch.tensor(True), 3.0)])
def test_a_bound_without_dimensions_is_a_number_beside_one(low: Any, high: Any, dtype: torch.dtype) -> None:
    x = torch.tensor([-3, 0, 1, 5]).to(dtype)
    numbers = [bound.item() if isinstance(bound, torch.Tensor) else bound for bound in (low, high)]
    for found in (x.clamp(low, high), torch.clip(x, max=high, min=low)):
        torch.testing.assert_close(found, x.clamp(*numbers), rtol=0, atol=0)
    with pytest.raises(TypeError, match="must both be tensors, or both be numbers"):
        x.clamp(0, torch.tensor(2.0, requires_grad=True))
    with pytest.raises(TypeError, match="must both be tensors, or both be numbers"):
        x.clamp(torch.tensor([0, 1, 2, 3]), 4)
