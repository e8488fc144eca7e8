"""`autograd.why_nan` and `autograd.watch`, on the operations that make NaN and infinity most often."""

from __future__ import annotations

import sys
from typing import Any

import pytest

import wengert as torch
from wengert import nn
from wengert.autograd import watch, why_nan
from wengert.core.state import state
from wengert.nn import functional as F


def leaf(*values: float) -> Any:
    return torch.tensor(values, requires_grad=True)


def here(offset: int = 0) -> str:
    return f"{__file__}:{sys._getframe(1).f_lineno + offset}"


FORWARD = [
    ("log", lambda x: x.log(), (1.0, 0.0), "log of 0"),
    ("log", lambda x: x.log(), (1.0, -1.0), "log of a negative number"),
    ("sqrt", lambda x: x.sqrt(), (1.0, -1.0), "sqrt of a negative number"),
    ("exp", lambda x: x.exp(), (1.0, 100.0), "overflow"),
    ("div", lambda x: 1 / x, (1.0, 0.0), "division by 0"),
    ("pow", lambda x: x**-1.5, (1.0, 0.0), "power"),
    ("acos", lambda x: x.acos(), (1.0, 1.5), "domain"),
    ("mul", lambda x: x * 1e30 * 1e30, (1.0, 1.0), "range of the dtype"),
]


@pytest.mark.parametrize(("op", "function", "values", "cause"), FORWARD)
@pytest.mark.parametrize("watched", [True, False])
def test_forward(op: str, function: Any, values: Any, cause: str, watched: bool) -> None:
    x = leaf(*values)
    if watched:
        with watch() as seen:
            loss = function(x * 1.0).sum()
        assert seen.first is not None
    else:
        loss = function(x * 1.0).sum()
    answer = why_nan(loss)
    assert answer.reason == "forward"
    assert answer.text.startswith((op, "reciprocal" if op == "div" else op))
    assert cause in answer.text or op == "div"
    assert answer.cure
    assert answer.line == (f"{__file__}:{function.__code__.co_firstlineno}" if watched else None)
    assert "first at index" in answer.text


BACKWARD = [
    ("sqrt", lambda x: x.sqrt(), "infinite"),
    ("sqrt", lambda x: torch.where(x > 0, x.sqrt(), x), "0 * Inf"),
    ("log", lambda x: x.log().masked_fill(x == 0, 0.0), "0 * Inf"),
    ("pow", lambda x: x**0.5, "infinite derivative"),
    ("div", lambda x: torch.where(x > 0, 1 / x, x), "0 * Inf"),
]


@pytest.mark.parametrize(("op", "function", "cause"), BACKWARD)
@pytest.mark.parametrize("watched", [True, False])
def test_backward(op: str, function: Any, cause: str, watched: bool) -> None:
    x = leaf(4.0, 0.0)
    if watched:
        with watch():
            loss = function(x).sum()
            loss.backward()
    else:
        loss = function(x).sum()
    answer = why_nan(loss)
    assert answer.reason == "backward"
    assert "backward of" in answer.text and cause in answer.text
    assert op in answer.text or op == "div"
    assert "index 1" in answer.text
    assert answer.line == (f"{__file__}:{function.__code__.co_firstlineno}" if watched else None)


def test_the_module_is_named() -> None:
    class Entropy(nn.Module):
        def forward(self, p: Any) -> Any:
            return -(p * p.log()).sum()

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.Sequential(nn.ReLU(), Entropy())

        def forward(self, x: Any) -> Any:
            return self.inner(x)

    with watch() as seen:
        loss = Net()(leaf(0.0, 1.0))
        loss.backward()
    assert "inner.1 (Entropy)" in str(why_nan(loss))
    assert seen.first.module == "inner.1 (Entropy)"
    assert seen.first.operands == ["operand 0: float32 [2], from 0 to 1, 1 zeros"]
    assert seen.first.indices == [(0,)]


def test_nan_in_the_data() -> None:
    x = torch.tensor([1.0, float("nan")])
    w = leaf(1.0, 1.0)
    with watch():
        loss = (w * x).sum()
    answer = why_nan(loss)
    assert answer.reason == "entered"
    assert "1 NaN" in answer.text


def test_weights_that_a_step_has_broken() -> None:
    w = leaf(0.0, 4.0)
    optimizer = torch.optim.SGD([w], lr=0.1)
    with watch() as seen:
        for _ in range(2):
            optimizer.zero_grad()
            line = here(1)
            loss = (w.sqrt() * 2).sum()
            loss.backward()
            optimizer.step()
    assert seen.first is not None and seen.first.phase == "backward"
    answer = why_nan(loss)
    assert (answer.reason, answer.line) == ("backward", line)


def test_a_step_that_overflows() -> None:
    w = leaf(1.0)
    optimizer = torch.optim.SGD([w], lr=1e38)
    with watch() as seen:
        (w * 1e10).sum().backward()
        optimizer.step()
    assert seen.first is not None and "step" in seen.first.op


def test_infinities_that_were_asked_for_are_no_finding() -> None:
    scores = torch.randn(2, 3, requires_grad=True)
    mask = torch.tensor([[False, True, False], [False, False, True]])
    with watch() as seen:
        F.softmax(scores.masked_fill(mask, float("-inf")), 1)[:, 0].sum().backward()
    assert seen.first is None


def test_a_row_that_is_masked_altogether() -> None:
    scores = torch.zeros(1, 2, requires_grad=True)
    with watch():
        loss = scores.masked_fill(torch.ones(1, 2) > 0, float("-inf")).softmax(1).sum()
    assert why_nan(loss).reason == "forward"


def test_finite_and_freed() -> None:
    w = leaf(1.0, 2.0)
    loss = (w * w).sum()
    assert why_nan(loss).reason == "finite"
    loss.backward()
    assert why_nan(loss).reason == "freed"
    assert why_nan(loss).text.startswith("the loss is finite, and so are the gradients of its leaves (1 of 1 have one)")
    assert why_nan(torch.tensor(1.0)).reason == "finite"


@pytest.mark.parametrize(("function", "said"), [
    (lambda x: torch.where(x > 0, x.sqrt(), x).sum(), "has NaN (shape [2]), which went into sqrt, where"),
    (lambda x: (x ** 0.5).sum(), "has Inf (shape [2]), which went into pow"),
    (lambda x: x.sqrt().sum(), "has Inf (shape [2]), which went into sqrt"),
])
def test_after_backward_on_a_finite_loss_it_says_what_is_left(function: Any, said: str) -> None:
    x = leaf(4.0, 0.0)
    loss = function(x)
    loss.backward()
    answer = why_nan(loss)
    assert answer.reason == "freed" and f"the loss is finite, but the gradient of a leaf {said}" in answer.text
    del x
    assert why_nan(loss).text.startswith("the loss is finite, and no leaf with a gradient is left")


def test_watching_changes_no_result_and_leaves_nothing_behind() -> None:
    def step() -> list[Any]:
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Dropout(0.5), nn.Linear(4, 1))
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        model(torch.randn(5, 3)).pow(2).mean().backward()
        optimizer.step()
        return [parameter.tolist() for parameter in model.parameters()]

    plain = step()
    with watch():
        assert step() == plain
    assert state.watcher is None


def test_double_backward_under_watch() -> None:
    x = leaf(2.0)
    with watch() as seen:
        (first,) = torch.autograd.grad((x**3).sum(), x, create_graph=True)
        (second,) = torch.autograd.grad(first.sum(), x)
    assert second.tolist() == [12.0]
    assert seen.first is None


class Broken(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        return x * 1

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        return grad * float("nan")


REPORTED = {
    "half precision overflows": (lambda x: (x * 300).half() ** 2, "pow", "beyond the range of the dtype"),
    "negative to a fraction": (lambda x: (-x) ** 0.5, "pow", "negative number to a fractional power"),
    "zero to a negative power": (lambda x: (x - 1) ** -1.0, "pow", "0 to a negative power"),
    "tiny divisor": (lambda x: x * 1e30 / 1e-30, "div", "beyond the range of the dtype"),
    "zero divisor": (lambda x: x / (x - 1), "div", "division by 0"),
    "only ignored targets": (
        lambda x: torch.nn.functional.cross_entropy(x.expand(2, 2), torch.tensor([-100, -100])),
        "nll_loss",
        "all are ignore_index",
    ),
    "deviation of one": (lambda x: x.std(), "std", "fewer than two elements"),
    "everything masked": (lambda x: x.masked_fill(x > 0, float("-inf")).softmax(0), "softmax", "Inf - Inf"),
}


@pytest.mark.filterwarnings("ignore:std")
@pytest.mark.parametrize("name", REPORTED)
def test_mistakes_that_people_report(name: str) -> None:
    program, op, cause = REPORTED[name]
    x = torch.tensor([1.0], requires_grad=True)
    with watch() as seen:
        loss = program(x).sum()
    assert (seen.first.op, seen.first.phase) == (op, "forward")
    assert cause in str(why_nan(loss))


def test_a_function_of_ones_own_is_named() -> None:
    x = torch.tensor([1.0], requires_grad=True)
    with watch() as seen:
        loss = Broken.apply(x).sum()
        loss.backward(retain_graph=True)
    assert (seen.first.op, seen.first.phase) == ("Broken", "backward")
    assert "the backward of Broken" in str(why_nan(loss))


def test_pairwise_distances_with_themselves() -> None:
    x = torch.ones(2, 2, requires_grad=True)
    with watch() as seen:
        ((x[:, None] - x[None]) ** 2).sum(-1).sqrt().sum().backward()
    assert (seen.first.op, seen.first.phase) == ("sqrt", "backward") and "1e-12" in seen.first.cure


def test_a_watch_tells_what_it_has_seen() -> None:
    x = torch.zeros(2, requires_grad=True)
    with torch.autograd.watch() as seen:
        loss = x.sqrt().sum()
        assert str(seen).startswith("no NaN and no infinity was made")
        loss.backward()
    assert str(seen) == str(seen.first) and str(seen).startswith("the backward of sqrt at ")
    assert "test_why_nan.py:" in str(seen)


def test_a_leaf_whose_gradient_alone_is_not_finite() -> None:
    x = torch.tensor([0.0, 1.0], requires_grad=True)
    torch.where(x > 0, x.log(), 0 * x).sum().backward()
    answer = torch.autograd.why_nan(x)
    assert answer.reason == "backward" and "its gradient is not" in answer.text
    with pytest.raises(TypeError, match=r"\[why_nan\] a tensor was expected as loss; got float"):
        torch.autograd.why_nan(1.0)  # type: ignore[arg-type]
