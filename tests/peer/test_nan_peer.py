"""NaN, infinity and kinks, held against PyTorch: what activations, bounds, pools and resamplings make of them, and
whether they stay where they are in results and gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.peer.agreement import MODULES

nan, inf = float("nan"), float("inf")
VALUES = [nan, inf, -inf, 0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.0, -2.0, 3.0, -3.0, 6.0, 20.0, -20.0, 0.1, -0.1, 6.5, -3.5]
Function = Callable[[Any, Any], Any]


def values(T: Any) -> Any:
    return T.from_numpy(np.array(VALUES))


def numbers(T: Any, *shape: int) -> Any:
    return T.from_numpy(np.random.RandomState(0).standard_normal(shape))


def same(got: list[Any], want: list[Any], what: object) -> None:
    assert len(got) == len(want), what
    for mine, its in zip(got, want, strict=True):
        np.testing.assert_allclose(mine.detach().numpy(), its.detach().numpy(), rtol=1e-6, atol=1e-9, err_msg=str(what))


ACTIVATIONS: dict[str, tuple[Any, ...]] = {
    "relu": (), "relu6": (), "leaky_relu": (), "elu": (), "selu": (), "celu": (2.0,), "silu": (), "softsign": (),
    "tanhshrink": (), "hardshrink": (), "softshrink": (), "hardtanh": (-2.0, 3.0), "rrelu": (),
    "threshold": (0.1, 20.0),
    "logsigmoid": (), "mish": (),
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_at_kinks_and_beyond(name: str) -> None:
    """Values and the first two derivatives; of straight pieces the second is 0, not missing."""
    found = []
    for T in MODULES:
        x = values(T).requires_grad_()
        y = getattr(T.nn.functional, name)(x, *ACTIVATIONS[name])
        (first,) = T.autograd.grad(y.sum(), x, create_graph=True)
        (second,) = T.autograd.grad(first.sum(), x)
        found.append([y, first, second])
    same(*found, name)


def test_the_slope_of_prelu_and_its_second_derivatives() -> None:
    found = []
    for T in MODULES:
        x, weight = numbers(T, 9).requires_grad_(), T.tensor([0.25], dtype=T.float64, requires_grad=True)
        (first,) = T.autograd.grad(T.nn.functional.prelu(x, weight).sum(), x, create_graph=True)
        found.append([first, *T.autograd.grad(first.sum(), (x, weight))])
    same(*found, "prelu")


@pytest.mark.parametrize("bounds", [(0.0, nan), (nan, 1.0), (nan, nan), (None, nan), (nan, None), (-1.0, 1.0),
                                    (1.0, -1.0), (inf, None)], ids=str)
def test_bounds_that_are_nan(bounds: tuple[Any, Any]) -> None:
    for as_tensors in (False, True):
        found = []
        for T in MODULES:
            x = values(T).requires_grad_()
            given = [b if b is None or not as_tensors else T.tensor(b, dtype=T.float64) for b in bounds]
            y = x.clamp(*given)
            found.append([y, *T.autograd.grad(y.sum(), x)])
        same(*found, as_tensors)


def test_steps_and_softmax_at_nan() -> None:
    found = []
    for T in MODULES:
        x = T.tensor(nan, requires_grad=True)
        y = T.softmax(x, 0)
        (gradient,) = T.autograd.grad(y, x)
        others = [T.heaviside(values(T), T.tensor(0.3, dtype=T.float64)), T.log_softmax(T.tensor(inf), 0),
                  T.softmax(T.tensor(-inf), 0), T.nn.functional.hardswish(values(T)), T.digamma(T.tensor([0.0, -0.0]))]
        found.append([y, gradient, *others])
    same(*found, "steps")


def test_the_second_derivative_of_i1_at_0() -> None:
    found = []
    for T in MODULES:
        x = T.tensor([0.0, 0.5], dtype=T.float64, requires_grad=True)
        (first,) = T.autograd.grad(T.special.i1(x).sum(), x, create_graph=True)
        found.append([first, *T.autograd.grad(first.sum(), x)])
    same(*found, "i1")


def functional(name: str, *rest: Any, **options: Any) -> Function:
    return lambda T, x: getattr(T.nn.functional, name)(x, *rest, **options)


WINDOWS: list[tuple[str, Function, tuple[int, ...]]] = [
    *((f"interpolate {mode} {options}", functional("interpolate", mode=mode, **options), shape)
      for mode, shape in (("nearest", (1, 2, 4, 4)), ("bilinear", (1, 2, 4, 4)), ("bicubic", (1, 2, 4, 4)),
                          ("area", (1, 2, 4, 4)), ("linear", (1, 2, 4)), ("trilinear", (1, 1, 4, 4, 4)))
      for options in ({"scale_factor": 2}, {"scale_factor": 0.75})),
    ("interpolate smoothly", functional("interpolate", size=(3, 3), mode="bilinear", antialias=True), (1, 2, 4, 4)),
    ("adaptive_avg_pool1d", functional("adaptive_avg_pool1d", 3), (1, 2, 4)),
    ("adaptive_avg_pool2d", functional("adaptive_avg_pool2d", 3), (1, 2, 4, 4)),
    ("adaptive_avg_pool3d", functional("adaptive_avg_pool3d", (2, 3, 3)), (1, 2, 3, 4, 4)),
    ("adaptive_max_pool2d", functional("adaptive_max_pool2d", 3), (1, 2, 4, 4)),
    *((f"max_pool2d {rest}", functional("max_pool2d", *rest), (1, 2, 6, 6))
      for rest in ((2,), (3, 1, 1), (2, 2, 0, 2))),
    ("max_pool1d", functional("max_pool1d", 2), (1, 2, 6)),
    ("max_pool3d", functional("max_pool3d", 2), (1, 2, 4, 4, 4)),
    *((f"avg_pool2d {rest}", functional("avg_pool2d", *rest), (1, 2, 6, 6)) for rest in ((2,), (3, 1, 1))),
    *((f"conv2d {options}", lambda T, x, o=options: T.nn.functional.conv2d(x, numbers(T, 3, 2, 3, 3), **o),
       (1, 2, 5, 5)) for options in ({}, {"padding": 1}, {"stride": 2, "padding": 1})),
]


@pytest.mark.parametrize("value", [nan, inf])
@pytest.mark.parametrize(("name", "function", "shape"), WINDOWS, ids=[name for name, _, _ in WINDOWS])
def test_one_value_spoils_what_it_touches(name: str, function: Function, shape: tuple[int, ...], value: float) -> None:
    """In the input, and in the cotangent."""
    found = []
    for T in MODULES:
        x = numbers(T, *shape)
        x[tuple(n // 2 for n in shape)] = value
        x.requires_grad_()
        spoilt = function(T, x)
        plain = numbers(T, *shape).requires_grad_()
        y = function(T, plain)
        ct = T.ones_like(y)
        ct[tuple(n // 2 for n in ct.shape)] = value
        found.append([spoilt, *T.autograd.grad(spoilt.sum(), x), *T.autograd.grad(y, plain, ct)])
    same(*found, name)


@pytest.mark.parametrize("mode", ["bilinear", "nearest", "bicubic"])
def test_a_place_that_is_nan_is_read_as_pytorch_reads_it(mode: str) -> None:
    found = []
    for T in MODULES:
        image, grid = numbers(T, 1, 1, 4, 4).requires_grad_(), numbers(T, 1, 3, 3, 2)
        grid[0, 1, 1, 0], grid[0, 2, 1, 1], grid[0, 0, 0, 0] = nan, T.inf, -T.inf
        y = T.nn.functional.grid_sample(image, grid, mode=mode, align_corners=False)
        found.append([y])
    same(*found, mode)


@pytest.mark.parametrize("rounding", ["floor", "trunc"])
def test_rounded_quotients_have_gradients_of_zero(rounding: str) -> None:
    found = []
    for T in MODULES:
        x, y = numbers(T, 5).requires_grad_(), numbers(T, 5).requires_grad_()
        quotient = T.div(x, y, rounding_mode=rounding)
        assert quotient.requires_grad
        found.append([quotient, *T.autograd.grad(quotient.sum(), (x, y))])
    same(*found, rounding)
