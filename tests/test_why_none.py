"""`autograd.why_none`, asked about the mistakes that people report most often."""

from __future__ import annotations

import copy
import sys
from typing import Any

import pytest

import wengert as torch
from wengert import nn
from wengert.autograd import watch, why_none
from wengert.core.state import state
from wengert.nn import functional as F


def leaf(*values: float) -> Any:
    return torch.tensor(values, requires_grad=True)


def here(offset: int = 0) -> str:
    """The place of the caller's line, as answers give it."""
    return f"{__file__}:{sys._getframe(1).f_lineno + offset}"


def test_detached_on_the_way() -> None:
    w, head = leaf(1.0, 2.0), leaf(3.0, 4.0)
    with watch():
        line = here(1)
        features = (w * 2).detach()
        loss = (features * head).sum()
    answer = why_none(w, loss)
    assert (answer.reason, answer.line) == ("detached", line)
    assert answer.path[-1] == "the parameter" and "detach" in answer.path
    assert "do not detach" in str(answer)
    assert why_none(head, loss).reason == "not_run"


def test_data_is_a_detach_and_the_whole_loss_may_be_cut() -> None:
    w = leaf(1.0, 2.0)
    with watch():
        line = here(1)
        loss = (w * 2).data.sum()
    answer = why_none(w, loss)
    assert (answer.reason, answer.line) == ("detached", line)


def test_two_cuts_one_after_the_other() -> None:
    w, v = leaf(1.0), leaf(1.0)
    with watch():
        first = (w * 2).detach()
        second = (first * v).detach()
        loss = (second * leaf(1.0)).sum()
    assert why_none(w, loss).reason == "detached"
    assert why_none(v, loss).reason == "detached"


def test_made_under_no_grad_in_a_module() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body, self.head = nn.Linear(2, 2), nn.Linear(2, 1)

        def forward(self, x: Any) -> Any:
            with torch.no_grad():
                x = self.body(x)
            return self.head(x * 2 + 1)

    net = Net()
    with watch():
        loss = net(torch.ones(3, 2)).mean()
    answer = why_none(net.body.weight, loss)
    assert answer.reason == "no_grad"
    assert "body (Linear)" in answer.text


@pytest.mark.parametrize("operation", ["argmax", "compare", "long"])
def test_integer_operations(operation: str) -> None:
    w = leaf(1.0, 5.0, 2.0)
    with watch():
        line = here(1)
        hard = w.argmax() if operation == "argmax" else (w > 2) if operation == "compare" else w.long()
        loss = (hard.float() * torch.ones(3)).sum()
    answer = why_none(w, loss)
    assert (answer.reason, answer.line) == ("integer", line)


def test_an_integer_parameter_and_a_frozen_one() -> None:
    assert why_none(torch.tensor([1, 2]), leaf(1.0).sum()).reason == "integer"
    frozen = nn.Parameter(torch.ones(2), requires_grad=False)
    assert why_none(frozen, (frozen * leaf(1.0)).sum()).reason == "frozen"


def test_not_a_leaf() -> None:
    with watch():
        line = here(1)
        w = torch.ones(3, requires_grad=True) * 0.1
        loss = w.sum()
    loss.backward()
    answer = why_none(w, loss)
    assert (answer.reason, answer.line) == ("not_leaf", line)
    assert "mul" in answer.text and "requires_grad_()" in answer.cure


def test_not_used_and_used_for_something_else() -> None:
    w, v = leaf(1.0), leaf(2.0)
    assert why_none(w, (v * v).sum()).reason == "not_used"
    with watch():
        line = here(1)
        thrown_away = w * 3
        loss = (v * v).sum()
    answer = why_none(w, loss)
    assert (answer.reason, answer.line) == ("not_used", line)
    assert thrown_away.requires_grad


def test_no_history_without_watching_says_what_to_do() -> None:
    w = leaf(1.0)
    answer = why_none(w, torch.tensor((w * 2).item()))
    assert answer.reason == "no_history"
    assert "autograd.watch()" in answer.cure


def test_the_loss_is_a_count() -> None:
    w = leaf(1.0, 2.0)
    assert why_none(w, (w > 1).sum()).reason == "integer"


def test_overwritten_in_place() -> None:
    w = leaf(1.0, 2.0)
    with watch():
        y = w * 2
        line = here(1)
        y[:] = torch.zeros(2)
        loss = y.sum()
    answer = why_none(w, loss)
    assert (answer.reason, answer.line) == ("overwritten", line)


def test_replaced_by_assignment() -> None:
    w = leaf(1.0, 2.0)
    loss = (w * w).sum()
    w = w.detach().requires_grad_()
    loss.backward()
    assert w.grad is None
    assert why_none(w, loss).reason == "replaced"


def test_an_optimizer_that_holds_a_copy_of_the_model() -> None:
    torch.manual_seed(0)
    model = nn.Linear(3, 1)
    old = copy.deepcopy(model)
    loss = model(torch.ones(2, 3)).mean()
    assert why_none(old.weight, loss).reason == "replaced"


def test_a_parameter_around_a_tensor_in_use() -> None:
    w = leaf(1.0, 2.0)
    parameter = nn.Parameter(w)
    assert why_none(parameter, (w * 2).sum()).reason == "replaced"


def test_dead_relu() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
    with torch.no_grad():
        model[0].bias.fill_(-100.0)
    with watch():
        line = here(1)
        loss = model(torch.randn(4, 2)).mean()
    answer = why_none(model[0].weight, loss)
    assert (answer.reason, answer.line) == ("dead_relu", line)
    assert "none of its 12 inputs is positive" in answer.text and "1 (ReLU)" in answer.text


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (lambda w: w.round(), "constant"),
        (lambda w: w.clamp(5.0, 6.0), "saturated"),
        (lambda w: (w * 1e4).sigmoid(), "saturated"),
        (lambda w: torch.where(w > 100, w, torch.zeros(2)), "not_selected"),
        (lambda w: w.masked_fill(w > 0, 1.0), "not_selected"),
        (lambda w: w * torch.zeros(2), "times_zero"),
        (lambda w: w[2:], "zero"),
        (lambda w: w - w, "zero"),
    ],
)
def test_zero_gradients(function: Any, reason: str) -> None:
    w = leaf(1.0, 2.0)
    assert why_none(w, function(w).sum()).reason == reason


def test_softmax_of_one_class() -> None:
    w = leaf(1.0, 2.0)
    assert why_none(w, F.softmax(w.unsqueeze(1), 1).sum()).reason == "saturated"


def test_before_and_after_backward() -> None:
    w = leaf(1.0, 2.0)
    loss = (w * w).sum()
    assert why_none(w, loss).reason == "not_run"
    loss.backward()
    assert why_none(w, loss).reason == "fine"
    w.grad = None
    assert why_none(w, loss).reason == "not_run"
    again = (w.relu() * 0).sum()
    again.backward()
    assert why_none(w, again).reason == "freed"


def test_a_hook_that_clears_the_gradient() -> None:
    w = leaf(1.0, 2.0)
    w.register_hook(lambda grad: grad * 0)
    loss = (w * w).sum()
    loss.backward(retain_graph=True)
    assert why_none(w, loss).reason == "hook"


def test_nan_is_another_question() -> None:
    w = leaf(0.0)
    assert why_none(w, (w.sqrt() * w).sum()).reason == "nan"


def test_asking_changes_nothing() -> None:
    w = leaf(1.0, 2.0)
    loss = (w * w).sum()
    why_none(w, loss)
    assert w.grad is None
    loss.backward()
    assert w.grad.tolist() == [2.0, 4.0]
    assert state.watcher is None


# --- values that left for numbers, arrays and buffers -----------------------------------------------------------------


def _from_item(w: Any, h: Any) -> Any:
    return torch.tensor((w * 2).sum().item(), requires_grad=True)


def _through_numpy(w: Any, h: Any) -> Any:
    return (torch.tensor((w * 2).detach().numpy()) * h).sum()


def _made_anew(w: Any, h: Any) -> Any:
    with pytest.warns(UserWarning, match="detach"):
        again = torch.tensor(w * 2)
    return (again * h).sum()


def _from_a_list(w: Any, h: Any) -> Any:
    a, b = w * 2
    return (torch.tensor([a, b]) * h).sum()


def _by_float(w: Any, h: Any) -> Any:
    return (h * float((w * 2).sum())).sum()


def _tolist(w: Any, h: Any) -> Any:
    return (torch.tensor((w * 2).tolist()) * h).sum()


def _into_a_buffer(w: Any, h: Any) -> Any:
    buffer = torch.zeros(2)
    with torch.no_grad():
        buffer[:] = w * 2
    return (buffer * h).sum()


@pytest.mark.parametrize(
    "program", [_from_item, _through_numpy, _made_anew, _from_a_list, _by_float, _tolist, _into_a_buffer]
)
def test_values_that_left(program: Any) -> None:
    w, h = torch.tensor([1.0, 2.0], requires_grad=True), torch.ones(2, requires_grad=True)
    with watch():
        loss = program(w, h)
    answer = why_none(w, loss)
    assert answer.reason == "read", answer
    code = program.__code__
    last = max(line for _, _, line in code.co_lines() if line is not None)
    assert code.co_firstlineno < int(answer.line.rpartition(":")[2]) <= last
    assert "item() and numpy() are for printing" in answer.cure
    assert why_none(h, loss).reason != "read"


def test_logging_a_loss_is_no_fault() -> None:
    w = torch.tensor([1.0, 2.0], requires_grad=True)
    with watch():
        loss = (w * w).sum()
        loss.item()
        loss.backward(retain_graph=True)
    assert why_none(w, loss).reason == "fine"


def test_the_indices_of_a_maximum() -> None:
    w, h = torch.tensor([1.0, 2.0], requires_grad=True), torch.ones(2, requires_grad=True)
    with watch():
        loss = (w.max(0).indices.float() * h).sum()
    answer = why_none(w, loss)
    assert answer.reason == "integer" and "max" in answer.text


def test_requires_grad_set_after_the_forward_pass() -> None:
    x = torch.tensor([1.0, 2.0])
    loss = (x * 2).sum()
    x.requires_grad_()
    answer = why_none(x, loss)
    assert answer.reason == "no_history" and "set only after it was computed" in answer.text


def test_the_optimizer_holds_a_parameter_that_the_model_has_no_more() -> None:
    model = torch.nn.Linear(2, 1)
    old = model.weight
    model.weight = torch.nn.Parameter(torch.ones(1, 2))
    loss = model(torch.ones(3, 2)).sum()
    answer = why_none(old, loss)
    assert answer.reason == "replaced" and "no module holds" in answer.text
    other = torch.nn.Linear(2, 2)
    assert why_none(other.weight, loss).reason == "not_used"


@pytest.mark.parametrize("layer", ["eval", "dropout"])
def test_the_mode_of_a_model_does_not_matter(layer: str) -> None:
    model = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Dropout(0.5 if layer == "eval" else 0.0))
    model.train(layer != "eval")
    loss = model(torch.ones(1, 2)).sum()
    loss.backward(retain_graph=True)
    assert why_none(model[0].weight, loss).reason == "fine"


def test_a_loss_that_is_a_leaf_is_recognised_without_a_watch() -> None:
    layer = torch.nn.Linear(2, 1)
    loss = layer(torch.ones(3, 2)).square().mean()
    again = torch.tensor(loss.item(), requires_grad=True)
    again.backward()
    answer = why_none(layer.weight, again)
    assert answer.reason == "no_history" and "tensor(loss.item(), requires_grad=True)" in answer.text
    assert why_none(layer.weight, torch.tensor(loss.detach().numpy(), requires_grad=True)).reason == "no_history"
    with pytest.raises(TypeError, match=r"\[why_none\] a tensor was expected as loss; got float"):
        why_none(layer.weight, loss.item())  # type: ignore[arg-type]
