"""`autograd.strict_zero`: where no gradient arrives none is passed on, and all else is as it was."""

from __future__ import annotations

from typing import Any

import pytest

import wengert as torch
from wengert import nn
from wengert.autograd import strict_zero
from wengert.core.state import state


def leaf(*values: float) -> Any:
    return torch.tensor(values, requires_grad=True)


def gradient(function: Any, x: Any) -> list[float]:
    x.grad = None
    function(x).sum().backward()
    return x.grad.tolist()


LEAKS = {
    "where": (lambda x: torch.where(x > 0, x.log(), x), [0.25, 1.0]),
    "where sqrt": (lambda x: torch.where(x > 0, x.sqrt(), x), [0.25, 1.0]),
    "where division": (lambda x: torch.where(x > 0, 4 / x, x), [-0.25, 1.0]),
    "masked_fill": (lambda x: x.log().masked_fill(x == 0, 0.0), [0.25, 0.0]),
    "clamp": (lambda x: x.log().clamp(min=-1.0), [0.25, 0.0]),
    "max": (lambda x: x.log().max(), [0.25, 0.0]),
    "maximum": (lambda x: torch.maximum(x.log(), torch.zeros(2)), [0.25, 0.0]),
    "index": (lambda x: x.log()[x > 0], [0.25, 0.0]),
    "relu": (lambda x: x.log().relu(), [0.25, 0.0]),
    "minimum": (lambda x: torch.minimum(4 / x, torch.ones(2) * 2), [-0.25, 0.0]),
    "fmax": (lambda x: torch.fmax(x.log(), torch.zeros(2)), [0.25, 0.0]),
    "relu6": (lambda x: nn.functional.relu6(x.log()), [0.25, 0.0]),
    "hardtanh": (lambda x: nn.functional.hardtanh(x.log(), -1, 2), [0.25, 0.0]),
    "threshold": (lambda x: nn.functional.threshold(x.log(), -1, 0.0), [0.25, 0.0]),
    "clamp to a tensor": (lambda x: x.log().clamp(min=torch.tensor(-1.0)), [0.25, 0.0]),
    "clamp max": (lambda x: (4 / x).clamp(max=2.0), [-0.25, 0.0]),
    "amax": (lambda x: x.log().amax(0), [0.25, 0.0]),
    "amin": (lambda x: (4 / x).amin(0), [-0.25, 0.0]),
    "max along": (lambda x: x.log().max(0)[0], [0.25, 0.0]),
    "sort": (lambda x: x.log().sort(descending=True)[0][:1], [0.25, 0.0]),
    "topk": (lambda x: x.log().topk(1)[0], [0.25, 0.0]),
    "masked_select": (lambda x: x.log().masked_select(x > 0), [0.25, 0.0]),
    "gather": (lambda x: x.log().gather(0, torch.tensor([0])), [0.25, 0.0]),
    "split": (lambda x: x.log().split(1)[0], [0.25, 0.0]),
    "max_pool": (lambda x: nn.functional.max_pool1d(x.log()[None, None], 2), [0.25, 0.0]),
    "index_put": (lambda x: x.log().index_put((torch.tensor([1]),), torch.tensor(0.0)), [0.25, 0.0]),
    "nan_to_num": (lambda x: x.log().nan_to_num(neginf=0.0), [0.25, 0.0]),
}


@pytest.mark.parametrize("name", LEAKS)
def test_branches_that_were_not_selected(name: str) -> None:
    function, expected = LEAKS[name]
    x = leaf(4.0, 0.0)
    assert gradient(function, x) != expected  # the NaN leaks
    with strict_zero():
        assert gradient(function, x) == expected


def test_a_broadcast_operand() -> None:
    x, scale = torch.tensor([4.0, 0.0]), leaf(2.0)
    with strict_zero():
        assert gradient(lambda s: torch.where(x > 0, s / x, torch.zeros(2)), scale) == [0.25]


def test_a_row_of_softmax_that_is_masked_altogether() -> None:
    scores = torch.tensor([[1.0, 2.0], [0.0, 0.0]], requires_grad=True)
    masked = torch.tensor([[False, False], [True, True]])

    def function(scores: Any) -> Any:
        return scores.masked_fill(masked, float("-inf")).softmax(1).masked_fill(masked, 0.0)[:, 0]

    with strict_zero():
        grads = gradient(function, scores)
    assert grads[1] == [0.0, 0.0]
    assert grads[0][0] == pytest.approx(-grads[0][1]) and grads[0][0] > 0


def test_a_row_of_a_matrix_product() -> None:
    x = torch.tensor([[1.0, 2.0], [float("inf"), 1.0]])
    w = torch.tensor([[1.0], [1.0]], requires_grad=True)
    with strict_zero():
        assert gradient(lambda w: (x @ w)[:1], w) == [[1.0], [2.0]]
        layer = nn.Linear(2, 1)
        layer(x)[:1].sum().backward()
    assert layer.weight.grad.tolist() == [[1.0, 2.0]]


ROWS = {
    "logsumexp": lambda x: x.logsumexp(1),
    "norm": lambda x: x.norm(dim=1),
    "std": lambda x: x.std(1),
    "var": lambda x: x.var(1, keepdim=True),
    "prod": lambda x: x.prod(1),
    "layer_norm": lambda x: nn.functional.layer_norm(x, (2,)),
    "softmax": lambda x: x.softmax(1)[:, :1],
}


@pytest.mark.parametrize("name", ROWS)
def test_rows_that_are_not_used(name: str) -> None:
    x = torch.tensor([[1.0, 2.5], [float("inf"), 1.0]], requires_grad=True)
    plain = gradient(ROWS[name], x.detach()[:1].clone().requires_grad_())
    with strict_zero():
        assert gradient(lambda x: ROWS[name](x)[:1], x) == [*plain, [0.0, 0.0]]


def test_weights_do_not_see_images_and_rows_that_are_not_used() -> None:
    x = torch.tensor([[1.0, 2.5], [float("inf"), 1.0]])
    convolution, norm = nn.Conv1d(1, 1, 1), nn.LayerNorm(2)
    with strict_zero():
        convolution(x[:, None])[:1].sum().backward()
        norm(x)[:1].sum().backward()
    assert convolution.weight.grad.tolist() == [[[3.5]]]
    assert norm.weight.grad.sum().item() == pytest.approx(0.0, abs=1e-6)


def test_a_function_of_ones_own_as_a_whole() -> None:
    class Log(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            return x.log()

        @staticmethod
        def backward(ctx: Any, grad: Any) -> Any:
            return grad / ctx.saved_tensors[0]

    x = leaf(0.0)
    with strict_zero():
        assert gradient(lambda x: torch.where(x > 0, Log.apply(x), x), x) == [1.0]


def test_a_nan_that_is_the_result_is_not_hidden() -> None:
    x = leaf(0.0)
    with strict_zero():
        x.sqrt().sum().backward()
    assert x.grad.tolist() == [float("inf")]


def test_under_create_graph() -> None:
    x = leaf(4.0, 0.0)
    with strict_zero():
        (first,) = torch.autograd.grad(torch.where(x > 0, x.log(), x).sum(), x, create_graph=True)
        assert first.tolist() == [0.25, 1.0]
        (second,) = torch.autograd.grad(first[0], x)
    assert second.tolist() == [-0.0625, 0.0]


def test_ordinary_gradients_are_the_same() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    x = torch.randn(5, 3)

    def grads() -> list[Any]:
        model.zero_grad()
        nn.functional.cross_entropy(model(x), torch.tensor([0, 1, 0, 1, 1])).backward()
        return [parameter.grad.tolist() for parameter in model.parameters()]

    plain = grads()
    with strict_zero():
        assert grads() == plain
    assert state.watcher is None
