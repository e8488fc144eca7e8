"""`autograd.live` and the warnings of `autograd.watch`: what keeps graphs alive."""

from __future__ import annotations

import gc
import sys
import warnings
from typing import Any

import pytest

import wengert as torch
from wengert.autograd import live, watch


def mine(answer: Any, word: str) -> list[Any]:
    """The graphs of this test, whatever other tests have left."""
    return [graph for graph in answer.graphs if any(word in holder for holder in graph.holders)]


def test_a_list_of_losses() -> None:
    w = torch.ones(1000, requires_grad=True)
    losses_of_this_test = []
    with watch():
        line = f"{__file__}:{sys._getframe().f_lineno + 2}"
        for _ in range(20):
            losses_of_this_test.append((w * w.exp()).sum())
    answer = live()
    (graph,) = mine(answer, "losses_of_this_test")
    assert (graph.count, graph.nodes, graph.line) == (20, 60, line)
    assert graph.saved == 1000 * 4 * 21  # the weights once, and a result of exp for each loss
    assert any("loss.item()" in hint for hint in answer.hints)
    assert "a list of 20" in str(answer)
    losses_of_this_test.clear()
    assert not mine(live(), "losses_of_this_test")


def test_an_attribute_keeps_a_graph() -> None:
    class Trainer:
        def __init__(self) -> None:
            self.loss_of_trainer = torch.ones(2, 17, requires_grad=True) * 2

    trainer = Trainer()
    (graph,) = mine(live(), "loss_of_trainer")
    assert "Trainer" in graph.holders[0]
    assert (graph.nodes, graph.operation) == (1, "mul")
    del trainer


def test_numbers_and_freed_graphs_keep_nothing() -> None:
    gc.collect()
    before = live().nodes
    w = torch.ones(3, requires_grad=True)
    kept = [(w * w).sum().item() for _ in range(5)]
    also = (w * w).sum().detach()
    assert live().nodes == before
    loss = (w * w).sum()
    assert live().nodes == before + 2
    saved = live().saved
    loss.backward()
    assert live().saved == saved - 12
    assert kept and also is not None


def test_a_loss_with_history_is_summed() -> None:
    w = torch.ones(3, requires_grad=True)
    total: Any = 0.0
    with watch(), pytest.warns(UserWarning, match=r"has added to a tensor with history 101 times.*item\(\)") as caught:
        for _ in range(150):
            loss = (w * w).sum()
            total = loss + total
    assert len(caught) == 1
    with watch(), pytest.warns(UserWarning, match="101 times"):
        total = torch.zeros(())
        for _ in range(150):
            total += (w * w).sum()


def test_sums_of_numbers_and_short_sums_are_fine() -> None:
    w = torch.ones(3, requires_grad=True)
    with watch(), warnings.catch_warnings():
        warnings.simplefilter("error")
        total: Any = 0.0
        for _ in range(150):
            total += (w * w).sum().item()
        total = (w * w).sum()
        for _ in range(50):
            total = total + (w * w).sum()
        hidden = w
        for _ in range(150):
            hidden = hidden + torch.ones(3)  # no loss: not a number


def test_a_parameter_replaced_by_a_tensor_with_a_growing_history() -> None:
    w = torch.ones(3, requires_grad=True)
    with watch(), pytest.warns(UserWarning, match="has replaced a parameter 11 times"):
        for _ in range(20):
            (grad,) = torch.autograd.grad((w * w).sum(), w)
            w = w - 0.1 * grad


def test_a_few_inner_steps_are_fine() -> None:
    w = torch.ones(3, requires_grad=True)
    with watch(), warnings.catch_warnings():
        warnings.simplefilter("error")
        fast = w
        for _ in range(5):
            (grad,) = torch.autograd.grad((fast * fast).sum(), fast)
            fast = fast - 0.1 * grad


def test_watching_keeps_no_graph_alive() -> None:
    gc.collect()
    before = live().nodes
    w = torch.ones(3, requires_grad=True)
    with watch():
        kept = [(w * i).sum().detach() for i in range(10)]
        assert live().nodes == before
    assert len(kept) == 10


def test_a_running_mean_of_losses() -> None:
    w = torch.ones(3, requires_grad=True)
    mean: Any = 0.0
    with watch(), pytest.warns(UserWarning, match="has added to a tensor with history 101 times"):
        for _ in range(130):
            mean = 0.9 * mean + 0.1 * (w * w).sum()


def test_totals_in_a_training_loop() -> None:
    """After backward nothing is saved any more, but the nodes remain."""
    torch.manual_seed(0)
    model = torch.nn.Linear(3, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    metrics_of_this_test: Any = {"loss": 0.0}
    with watch(), pytest.warns(UserWarning, match="101 times"):
        for _ in range(120):
            loss = (model(torch.ones(2, 3)) ** 2).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            metrics_of_this_test["loss"] += loss * 2
    (graph,) = [graph for graph in live().graphs if graph.nodes == 5 * 120]
    assert graph.operation == "add" and graph.saved == 0


def test_an_input_that_is_changed_again_and_again() -> None:
    x = torch.ones(3, requires_grad=True)
    with watch(), pytest.warns(UserWarning, match="has replaced a parameter 11 times"):
        for _ in range(20):
            (grad,) = torch.autograd.grad((x**3).sum(), x)
            x = torch.clamp(x + 0.01 * grad.sign(), -1, 2)


def test_a_hidden_state_that_is_carried_on() -> None:
    torch.manual_seed(0)
    cell = torch.nn.RNNCell(2, 3)
    state_of_this_test = torch.zeros(1, 3)
    for _ in range(120):
        state_of_this_test = cell(torch.ones(1, 2), state_of_this_test)
    answer = live()
    assert mine(answer, "state_of_this_test")
    assert any("h = h.detach()" in hint for hint in answer.hints)
    state_of_this_test = state_of_this_test.detach()
    assert not mine(live(), "state_of_this_test")


def test_the_running_mean_of_numbers_is_fine() -> None:
    w = torch.ones(3, requires_grad=True)
    mean: Any = torch.zeros(())
    with watch(), warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(130):
            mean = 0.9 * mean + 0.1 * (w * w).sum().detach()
