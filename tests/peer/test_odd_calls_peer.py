"""Calls that are rare and right, held against PyTorch: old forms of arguments, numbers before tensors, random values in
place of a history, generators under no_grad, singular matrices, large and tiny numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.peer.agreement import MODULES
from tests.peer.side_by_side import both

Program = Callable[[Any], Any]


def ones(T: Any, *shape: int) -> Any:
    return T.ones(*shape, dtype=T.float64)


OLD_FORMS: dict[str, Program] = {
    "sub": lambda T: T.sub(ones(T, 2), 2, ones(T, 2)), "x.sub": lambda T: ones(T, 2).sub(2, ones(T, 2)),
    "x.add_": lambda T: ones(T, 2).add_(2, ones(T, 2)), "x.sub_": lambda T: ones(T, 2).sub_(-0.5, ones(T, 2)),
    "x.add_, recorded": lambda T: (ones(T, 2).requires_grad_() * 1).add_(-0.1, ones(T, 2) * 3).detach(),
    "addcmul": lambda T: T.addcmul(ones(T, 2), 2, ones(T, 2), ones(T, 2) * 3),
    "addcdiv": lambda T: T.addcdiv(ones(T, 2), 2, ones(T, 2), ones(T, 2) * 3),
    "x.addcmul_": lambda T: ones(T, 2).addcmul_(2, ones(T, 2), ones(T, 2)),
    "addmm": lambda T: T.addmm(2, ones(T, 2, 2), 3, ones(T, 2, 2), ones(T, 2, 2)),
    "addmm, beta": lambda T: T.addmm(2, ones(T, 2, 2), ones(T, 2, 2), ones(T, 2, 2)),
    "x.addmm": lambda T: ones(T, 2, 2).addmm(2, 3, ones(T, 2, 2), ones(T, 2, 2)),
    "x.addmm_": lambda T: ones(T, 2, 2).addmm_(2, ones(T, 2, 2), ones(T, 2, 2)),
    "addmv": lambda T: T.addmv(2, ones(T, 2), 3, ones(T, 2, 2), ones(T, 2)),
    "x.addmv_": lambda T: ones(T, 2).addmv_(2, 3, ones(T, 2, 2), ones(T, 2)),
    "baddbmm": lambda T: T.baddbmm(2, ones(T, 1, 2, 2), 3, ones(T, 1, 2, 2), ones(T, 1, 2, 2)),
    "addbmm": lambda T: T.addbmm(2, ones(T, 2, 2), 3, ones(T, 1, 2, 2), ones(T, 1, 2, 2)),
    "addr": lambda T: T.addr(2, ones(T, 2, 2), 3, ones(T, 2), ones(T, 2)),
    "x.addr_": lambda T: ones(T, 2, 2).addr_(2, 3, ones(T, 2), ones(T, 2)),
}


@pytest.mark.parametrize("name", OLD_FORMS)
def test_factors_may_stand_between_the_tensors_as_they_once_did(name: str) -> None:
    both(OLD_FORMS[name], warned=False)


@pytest.mark.parametrize("name", ["add", "sub", "mul", "div", "true_divide", "multiply", "floor_divide", "remainder",
                                  "pow", "xlogy", "float_power", "rsub"])
def test_a_number_may_come_first(name: str) -> None:
    both(lambda T: getattr(T, name)(2.0, T.tensor([3.0, 4.0])))
    both(lambda T: [T.add(1.0, 2.0), T.mul(2, 3), T.div(1, 2), T.sub(1, 2.0)])


@pytest.mark.parametrize("name", ["normal_", "uniform_", "exponential_", "bernoulli_", "random_", "cauchy_",
                                  "log_normal_", "geometric_"])
def test_random_values_take_the_place_of_a_history(name: str) -> None:
    def program(T: Any) -> Any:
        x = T.ones(4, requires_grad=True)
        y = x * 2
        part = y[:2]
        getattr(part, name)(*([0.5] if name == "geometric_" else []))
        y.sum().backward()
        return [x.grad, y.requires_grad, part.requires_grad]

    both(program)


def test_what_is_thrown_into_a_generator_reaches_its_body() -> None:
    def program(T: Any) -> Any:
        log: list[Any] = []

        @T.no_grad()
        def steps() -> Any:
            try:
                while True:
                    try:
                        log.append((yield T.is_grad_enabled()))
                    except ValueError as error:
                        log.append((str(error), T.is_grad_enabled()))
            finally:
                log.append(("closed", T.is_grad_enabled()))

        running = steps()
        seen = [next(running), running.send(3), running.throw(ValueError("thrown")), T.is_grad_enabled()]
        running.close()
        return [seen, log]

    both(program)


ODD: dict[str, Program] = {
    "integer powers below zero": lambda T: [2 ** T.tensor([-1, 3]), (-1) ** T.tensor([-1, -2]), 1 ** T.tensor([-5])],
    "functional_call of what is not there": lambda T: T.func.functional_call(
        T.nn.Linear(1, 1, bias=False), {"weight": T.ones(1, 1), "other": T.ones(1)}, (T.ones(1, 1),)),
    "functional_call, strict": lambda T: T.func.functional_call(
        T.nn.Linear(1, 1, bias=False), {"weight": T.ones(1, 1), "other": T.ones(1)}, (T.ones(1, 1),), strict=True),
    "complex to real": lambda T: [float(T.tensor(1 + 0j)), int(T.tensor(2 + 0j))],
    "complex to real, refused": lambda T: float(T.tensor(1 + 1j)),
    "numpy under no_grad": lambda T: T.no_grad()(lambda: T.ones(1, requires_grad=True).numpy().tolist())(),
    "a list of index tensors": lambda T: T.arange(12).reshape(3, 4)[[T.tensor([0, 1]), T.tensor([1, 2])]],
    "a list of lists": lambda T: T.arange(12).reshape(3, 4)[[[0, 1], [1, 2]]],
    "a list of numbers": lambda T: T.arange(12).reshape(3, 4)[[0, 2]],
    "a list of one tensor": lambda T: T.arange(12).reshape(3, 4)[[T.tensor([0, 1])]],
    "cdist of a negative norm": lambda T: T.cdist(T.ones(2, 2), T.ones(2, 2), p=-1.0),
    "cosine_similarity, broadcast": lambda T: T.nn.functional.cosine_similarity(
        T.arange(1.0, 5).reshape(1, 4), T.arange(3.0).reshape(3, 1), dim=1),
    "cov of one variable": lambda T: [T.cov(T.tensor([[1.0, 2.0, 4.0]])), T.cov(T.ones(3)), T.cov(T.tensor(3.0))],
    "int8 accumulated": lambda T: T.tensor([100, 100], dtype=T.int8).cumsum(0, dtype=T.int8),
    "broadcast_to": lambda T: [T.ones(3).broadcast_to(2, 3), T.ones(3).broadcast_to((2, 3))],
    "igamma of large numbers": lambda T: [
        f(T.tensor([a], dtype=T.float64), T.tensor([x], dtype=T.float64)) for f in (T.igamma, T.igammac)
        for a, x in ((1e30, 1e30), (1e13, 1e13 + 3e6), (1e15, 1.1e15), (1e13, 1e13 - 1e6))],
    "digamma of large numbers": lambda T: T.digamma(T.tensor([1e20, 1e300, float("inf")], dtype=T.float64)),
    "std of tiny numbers": lambda T: [T.tensor([1e-25, 3e-25], dtype=T.float64).std(), T.tensor([1e-15, 3e-15]).std()],
    "expanded, reshaped in place": lambda T: [T.ones(1, 3).expand(2, 3).t_(), T.ones(1, 3).expand(2, 3).unsqueeze_(0)],
    "expanded, filled": lambda T: [T.ones(1, 3).expand(2, 3).fill_(2), T.ones(1, 3).expand(2, 3).zero_()],
    "expanded, added to": lambda T: T.ones(1, 3).expand(2, 3).add_(1),
}


@pytest.mark.parametrize("name", ODD)
def test_odd_calls(name: str) -> None:
    both(ODD[name], rtol=1e-6, warned=False)


def test_the_gradient_of_a_norm_that_is_too_small() -> None:
    def program(T: Any) -> Any:
        a = T.tensor([[1e-9, 0.0], [0.0, 0.0], [3.0, 4.0]], dtype=T.float64, requires_grad=True)
        b = T.tensor([[1.0, 1.0]], dtype=T.float64, requires_grad=True)
        y = T.nn.functional.cosine_similarity(a, b)
        y.sum().backward()
        return [y, a.grad, b.grad]

    both(program)


@pytest.mark.parametrize("options", [{"stride": 1, "output_padding": 1, "dilation": 2},
                                     {"stride": 2, "output_padding": 2, "dilation": 3},
                                     {"stride": (1, 3), "output_padding": (1, 2), "dilation": (2, 1)}], ids=str)
def test_output_padding_of_a_stride_or_more(options: dict[str, Any]) -> None:
    def program(T: Any) -> Any:
        x, w = (T.from_numpy(np.random.RandomState(seed).standard_normal(shape)).requires_grad_()
                for seed, shape in enumerate(((1, 2, 3, 3), (2, 2, 2, 2))))
        y = T.nn.functional.conv_transpose2d(x, w, **options)
        return [y, *T.autograd.grad((y * y).sum(), (x, w))]

    both(program)


@pytest.mark.parametrize("name", ["t_", "squeeze_", "unsqueeze_", "transpose_"])
def test_a_parameter_in_another_shape_is_trained_on(name: str) -> None:
    def program(T: Any) -> Any:
        layer = T.nn.Linear(2, 3)
        with T.no_grad():
            getattr(layer.weight, name)(*{"unsqueeze_": (0,), "transpose_": (0, 1)}.get(name, ()))
        weight = layer.weight
        (weight * 2).sum().backward()
        kept = isinstance(weight, T.nn.Parameter)
        return [weight.requires_grad, weight.is_leaf, kept, list(weight.shape), weight.grad]

    both(program)


@pytest.mark.parametrize("name", ["slogdet", "logdet"])
def test_a_singular_matrix_has_an_infinite_gradient(name: str) -> None:
    for T in MODULES:
        x = T.tensor([[1.0, 2.0], [2.0, 4.0]], requires_grad=True)
        found = getattr(T, name)(x)
        (found if name == "logdet" else found[1]).backward()
        assert bool(x.grad.isinf().all())


@pytest.mark.parametrize("name", ["erfinv", "sinc"])
def test_the_result_may_be_overwritten(name: str) -> None:
    def program(T: Any) -> Any:
        x = (T.ones(3, dtype=T.float64) * 0.3).requires_grad_()
        y = getattr(T, name)(x)
        y.add_(1)
        y.sum().backward()
        return x.grad

    both(program)
