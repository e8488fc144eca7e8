"""Modes that are asked for every operation, forward and backward, and the counter of operations that is one."""

from __future__ import annotations

from typing import Any

import pytest

import wengert as torch
from wengert import nn
from wengert.compat.torch.utils._python_dispatch import TorchDispatchMode, _get_current_dispatch_mode
from wengert.compat.torch.utils.flop_counter import FlopCounterMode


class Log(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.seen.append(str(func))
        return func(*args, **(kwargs or {}))


def gradients(model: Any, x: Any) -> list[Any]:
    model.zero_grad()
    x.grad = None
    model(x).square().sum().backward()
    return [x.grad, *[p.grad for p in model.parameters()]]


def test_a_mode_sees_forward_and_backward_and_changes_nothing() -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Conv1d(5, 2, 3), nn.BatchNorm1d(2))
    x = torch.randn(2, 5, 3, requires_grad=True)
    expected = [g.clone() for g in gradients(model, x)]
    with Log() as log:
        found = gradients(model, x)
    assert all(torch.allclose(a, b, atol=1e-5) for a, b in zip(found, expected, strict=True))
    assert any("addmm" in word or "mm" in word for word in log.seen)
    assert len(log.seen) > 10
    before = len(log.seen)
    gradients(model, x)
    assert len(log.seen) == before  # out of force


def test_what_a_mode_gives_is_the_result() -> None:
    class Zeroes(TorchDispatchMode):
        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            made = func(*args, **(kwargs or {}))
            return made * 0 if func == torch.ops.aten.sin.default else made

    with Zeroes():
        assert (torch.ones(2).sin() + 1).tolist() == [1.0, 1.0]
        assert torch.ones(2).cos()[0] != 0


def test_modes_nest_and_views_stay_views() -> None:
    with Log() as outer:
        assert _get_current_dispatch_mode() is outer
        with Log() as inner:
            y = torch.arange(4.0).view(2, 2)
            y[0].add_(1)
    assert _get_current_dispatch_mode() is None
    assert inner.seen == outer.seen
    assert y._is_view() and y.tolist() == [[1.0, 2.0], [2.0, 3.0]]
    assert inner.seen[0] == "aten.view.default"


def test_wrong_results_and_keys() -> None:
    class Nothing(TorchDispatchMode):
        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            return None

    with Nothing(), pytest.raises(TypeError, match="a tensor was expected as the result of aten.exp.default"):
        torch.ones(1).exp()
    with TorchDispatchMode(), pytest.raises(NotImplementedError, match="defines __torch_dispatch__"):
        torch.ones(1).exp()
    with pytest.raises(NotImplementedError, match="no key of PyTorch's dispatcher"):
        TorchDispatchMode("python")


def test_a_tensor_class_with_a_dispatch_is_refused() -> None:
    class Wrapped(torch.Tensor):
        @classmethod
        def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            return func(*args, **(kwargs or {}))

    with pytest.raises(NotImplementedError, match="no dispatcher"):
        torch.Tensor._make_subclass(Wrapped, torch.ones(2))


def test_operators_by_name() -> None:
    aten = torch.ops.aten
    assert aten.mm.default == aten.mm == aten.mm.default.overloadpacket
    assert repr(aten.mm) == "aten.mm" and repr(aten.mm.default) == "aten.mm.default"
    assert {aten.mm: 1}[aten.mm.default] == 1
    assert aten.add.Tensor(torch.ones(1), torch.ones(1)).item() == 2.0


def test_operations_of_products_forward_and_backward() -> None:
    """The numbers are PyTorch's: two for a multiply-add; a backward has a product for each operand that wants one."""
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
    with FlopCounterMode(display=False) as counter:
        model(torch.randn(16, 4)).sum().backward()
    assert counter.get_flop_counts() == {
        "Global": {"aten.addmm": 1536, "aten.mm": 2048}, "Sequential": {"aten.addmm": 1536, "aten.mm": 2048},
        "Sequential.0": {"aten.addmm": 1024, "aten.mm": 1024}, "Sequential.2": {"aten.addmm": 512, "aten.mm": 1024}}
    assert model[0].weight.grad.shape == (8, 4)
    images = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 4, 3, stride=2))
    with FlopCounterMode(display=False) as counter:
        images(torch.randn(2, 3, 10, 10)).sum().backward()
    assert counter.get_flop_counts()["Global"] == {"aten.convolution": 104832, "aten.convolution_backward": 123264}
