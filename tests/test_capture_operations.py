"""Operations whose way depends on values, or that look at memory, are recorded: they look in a run, not before."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import wengert as torch
import wengert.nn.functional as F
from wengert import nn
from wengert.core.errors import TraceError
from wengert.core.primitive import P
from wengert.ir import verify

LABELS = [[1, 2], [3, 1]]


def gradient_of_products(x: Any) -> Any:
    x = x.detach().requires_grad_()
    torch.cumprod(x, 1).sin().sum().backward()
    return x.grad


RECORDED: dict[str, tuple[Callable[[Any], Any], tuple[int, ...]]] = {
    "rrelu": (lambda x: F.rrelu(x, training=True), (5, 3)),
    "histc": (lambda x: torch.histc(x, 7), (30,)),
    "rank": (lambda x: torch.linalg.matrix_rank(x @ x.T), (4, 2)),
    "ctc_loss": (lambda x: F.ctc_loss(x.log_softmax(2), torch.tensor(LABELS), (6, 3), (2, 2)), (6, 2, 5)),
    "cumprod": (gradient_of_products, (3, 6)),
    "lerp to a number": (lambda x: (x * 2).lerp_(torch.tensor(3.0, dtype=x.dtype), x), (3, 4)),
    "strides": (lambda x: torch.as_strided(x, (2, 3), (1, 2)).mul_(3), (3, 4)),
    "strides of a part": (lambda x: (x * 2)[1:].as_strided((2, 2), (1, 1)), (3, 4)),
    "logarithm of a determinant": (lambda x: torch.logdet(x @ x.T + torch.eye(3)), (3, 4)),
}


@pytest.mark.parametrize("name", RECORDED)
def test_what_looks_at_values_is_one_instruction(name: str) -> None:
    function, shape = RECORDED[name]
    captured, compiled = torch.capture(function), torch.compile(function, fullgraph=True)
    for seed in range(4):
        x = torch.from_numpy(np.random.default_rng(seed).standard_normal(shape))
        if seed % 2:
            x[..., 1] = 0  # another formula, where zeros matter
        found = []
        for run in (function, captured, compiled):
            torch.manual_seed(seed)
            found.append(run(x.clone()))
        assert torch.equal(found[0], found[1]) and torch.allclose(found[0], found[2], rtol=1e-12)
    assert len(captured.programs) == len(compiled.programs) == 1


def test_one_element_by_indices_that_are_tensors_has_no_dimensions() -> None:
    def f(x: Any, i: Any) -> Any:
        return x[i, i], x[i, i] * x[i]

    x, i = torch.arange(9.0).reshape(3, 3), torch.tensor(2)
    for run in (f, torch.capture(f), torch.compile(f, fullgraph=True)):
        one, row = run(x, i)
        assert one.shape == () and one == 8 and row.tolist() == [48.0, 56.0, 64.0]


def test_a_gradient_through_strides_is_added_up() -> None:
    def gradient(x: Any) -> Any:
        w = x.detach().requires_grad_()
        (w * w).as_strided((3, 2), (1, 1)).sum().backward()
        return w.grad

    x = torch.arange(6.0)
    assert torch.capture(gradient)(x).tolist() == gradient(x).tolist() == [0.0, 4.0, 8.0, 6.0, 0.0, 0.0]


def test_the_place_of_an_argument_in_memory_is_not_recorded() -> None:
    memory = torch.arange(8.0)
    captured = torch.capture(lambda x: x.as_strided((2,), (1,), 1))
    with pytest.raises(TraceError, match="count from its own beginning"):
        captured(memory[4:])
    part = torch.capture(lambda x: x.as_strided((2,), (2,)))
    assert part(memory[:4]).tolist() == [0.0, 2.0] and part(memory[4:]).tolist() == [4.0, 6.0]
    assert torch.capture(lambda: memory[2:].as_strided((2,), (1,), 1))().tolist() == [1.0, 2.0]
    assert torch.capture(lambda: memory[2:].storage_offset() + 0)() == 2


def test_memory_that_does_not_lie_in_rows_is_refused_with_a_cure() -> None:
    with pytest.raises(TraceError, match=r"contiguous\(\)"):
        torch.capture(lambda x: (x.mT * 2).as_strided((2,), (1,)))(torch.ones(3, 4))


def test_a_second_derivative_of_products_with_zeros() -> None:
    x = torch.tensor([2.0, 0.0, 3.0], dtype=torch.float64, requires_grad=True)

    def products(x: Any) -> Any:
        return torch.cumprod(x, 0).sum()

    found = []
    for function in (torch.compile(products, fullgraph=True), products):
        (first,) = torch.autograd.grad(function(x), x, create_graph=True)
        (second,) = torch.autograd.grad(first @ torch.tensor([1.0, 2.0, 4.0], dtype=torch.float64), x)
        found.append((first.tolist(), second.tolist()))
    assert found[0] == found[1]


def test_lazy_modules_take_their_shape_before_a_recording() -> None:
    layer = nn.LazyLinear(3)
    captured = torch.capture(lambda x: layer(x))
    assert captured(torch.ones(2, 5)).shape == (2, 3) and not captured.programs
    assert torch.equal(captured(torch.ones(2, 5)), layer(torch.ones(2, 5))) and len(captured.programs) == 1


def test_the_rule_for_the_spec_takes_every_parameter_of_a_primitive() -> None:
    """A recording may have any parameter that evaluation has, and is verified by the rule for the spec."""
    missing = {}
    for name in dir(P):
        primitive = getattr(P, name)
        if name.startswith("_") or isinstance(primitive.eval, str):
            continue
        taken = inspect.signature(primitive.spec).parameters
        if any(parameter.kind is parameter.VAR_KEYWORD for parameter in taken.values()):
            continue
        given = list(inspect.signature(primitive.eval).parameters.values())[1:]
        names = [p.name for p in given if p.kind is p.KEYWORD_ONLY or (
            p.kind is p.POSITIONAL_OR_KEYWORD and p.default is not p.empty)]
        lacking = [each for each in names if each not in taken]
        if lacking:
            missing[name] = lacking
    assert not missing


def test_a_tensor_that_takes_another_shape_at_every_call_is_recorded_for_each() -> None:
    def world() -> Any:
        w = torch.arange(12.0).reshape(3, 4)

        def step() -> Any:
            w.unsqueeze_(0)
            w.mul_(2)
            return w * 1

        return step

    plain, compiled = world(), torch.compile(world(), fullgraph=True)
    for _ in range(4):
        expected, found = plain(), compiled()
        assert expected.shape == found.shape and torch.equal(expected, found)
    verify(compiled.graph)
