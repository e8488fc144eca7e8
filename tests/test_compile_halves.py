"""Compiled models that are differentiated outside: what the forward half leaves for the backward one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import wengert as torch
import wengert.nn.functional as F
from wengert import nn
from wengert.native import fresh
from wengert.native.shared import SharedCode


def network() -> nn.Module:
    """Convolutions, which leave channels innermost, and norms between them."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU(),
                         nn.Conv2d(16, 16, 3, padding=1, stride=2), nn.BatchNorm2d(16), nn.GELU(),
                         nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 4)).double()


def images(n: int = 4) -> Any:
    return torch.from_numpy(np.random.default_rng(n).standard_normal((n, 3, 12, 12)))


def gradients(model: Any, loss: Any) -> list[np.ndarray]:
    return [g.detach().numpy() for g in torch.autograd.grad(loss, [*model.parameters()], retain_graph=True)]


def assert_same(found: list[np.ndarray], expected: list[np.ndarray]) -> None:
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12)


def half_of(compiled: Any) -> Any:
    (half,) = compiled.programs[0].backward.made
    return half.run.program


def test_what_is_kept_lies_as_it_suits_the_steps() -> None:
    """No step of either half does nothing but turn an activation from one order of dimensions to another."""
    model, x = network(), images()
    compiled = torch.compile(model)
    assert_same(gradients(model, compiled(x).square().sum()), gradients(model, model(x).square().sum()))
    kept = [array for array in compiled.programs[0].runner.program._fresh if array.rests and len(array.shape) == 4]
    assert kept and all(array.array().strides[1] == 8 for array in kept if array.shape[1] == 16)
    copies = [step.words for step in compiled.kernels if "a copy" in step.words and "4×16" in step.words]
    assert not copies


def test_two_forward_passes_before_either_is_differentiated() -> None:
    model, (x, y) = network().eval(), (images(), images() * 2)
    compiled = torch.compile(model)
    expected = [gradients(model, model(z).square().sum()) for z in (x, y)]
    for _ in range(3):
        first, second = compiled(x), compiled(y)
        assert_same(gradients(model, second.square().sum()), expected[1])
        assert_same(gradients(model, first.square().sum()), expected[0])
        assert_same(gradients(model, (first + 0).square().sum()), expected[0])
        del first, second


def test_memory_is_given_out_again_when_nobody_has_it() -> None:
    model, x = network(), images()
    compiled = torch.compile(model)

    def activations(out: Any) -> list[int]:
        arrays = [array for array in out.grad_fn.arrays.values() if array.ndim == 4 and len(array) == len(x)]
        return sorted([array.ctypes.data for array in arrays if array is not x._data])

    def addresses() -> list[int]:
        out = compiled(x)
        found = activations(out)
        out.sum().backward()
        return found

    addresses()
    assert addresses() == addresses() != []
    kept = compiled(x)
    assert set(addresses()).isdisjoint(activations(kept))
    assert_same(gradients(model, kept.square().sum()), gradients(model, model(x).square().sum()))


def test_second_derivatives_read_what_is_kept() -> None:
    model, x = network().eval(), images().requires_grad_()
    compiled, found = torch.compile(model), []
    for run in (model, compiled, compiled):
        (slope,) = torch.autograd.grad(run(x).square().sum(), x, create_graph=True)
        found.append(gradients(model[0], slope.square().sum()))
    assert_same(found[1], found[0])
    assert_same(found[2], found[0])


def test_training_is_that_of_eager_mode_with_several_shapes() -> None:
    left = []
    for wrap in (lambda model: model, torch.compile):
        model = network()
        run, optimizer = wrap(model), torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
        for step in range(12):
            n = (4, 6, 4)[step % 3]
            optimizer.zero_grad()
            F.cross_entropy(run(images(n)), torch.arange(n) % 4).backward()
            optimizer.step()
        left.append([p.detach().numpy() for p in (*model.parameters(), *model.buffers())])
    assert_same(left[1], left[0])


def test_programs_let_go_where_all_hold_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second, x = torch.compile(network()), torch.compile(network()), images()
    first(x).sum().backward()
    program = first.programs[0].runner.program
    assert any(each.held is not None for each in program._fresh)
    monkeypatch.setattr(fresh, "RESTING", program._rests)
    second(x).sum().backward()
    assert all(each.held is None for each in program._fresh)
    first(x).sum().backward()


def test_what_is_kept_lies_as_it_suits_code_for_many_sizes_too(monkeypatch: pytest.MonkeyPatch) -> None:
    served = []
    made = SharedCode.program

    def noted(code: SharedCode, *args: Any) -> Any:
        served.append(made(code, *args))
        return served[-1]

    monkeypatch.setattr(SharedCode, "program", noted)
    model = network()
    compiled = torch.compile(model, dynamic=True)
    for count in (3, 5, 7, 11):
        x = images(count)
        assert_same(gradients(model, compiled(x).square().sum()), gradients(model, model(x).square().sum()))
    assert served and None not in served  # both halves, of whose arrays those in between have the channels last
    kept = [array for program in served for array in program._fresh if array.rests and array.shape[1:2] == (16,)]
    assert len(kept) > 4 and all(array.array().strides[1] == 8 for array in kept if len(array.shape) == 4)
