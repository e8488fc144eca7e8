"""What a node has saved, and what may be done with it: hooks of its own, writes that it does not feel; and what is
called when a run of backward is over."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import wengert as torch
from wengert.autograd import Variable, graph
from wengert.core.errors import GradError, InplaceError

# --- writes to what has been saved ------------------------------------------------------------------------------------

WRITES: dict[str, Callable[[Any], Any]] = {
    "mul_": lambda b: b.mul_(3), "zero_": lambda b: b.zero_(), "fill": lambda b: b.__setitem__(slice(1), 7.0),
    "of a view": lambda b: b[1:].add_(5), "copy_": lambda b: b.copy_(torch.ones(3)),
    "twice": lambda b: b.add_(1).exp_(),
}
USES: dict[str, Callable[[Any], Any]] = {
    "sin": lambda b: b.sin(), "exp": lambda b: b.exp(), "product": lambda b: b * b,
    "product with a view": lambda b: b[1:] * b[:2],
    "two results": lambda b: b.sort()[0] * b, "cat": lambda b: torch.cat([b * b, b.tanh()]),
    "own": lambda b: Cube.apply(b),
}


class Cube(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.save_for_backward(x)
        return x * x * x

    @staticmethod
    def backward(ctx: Any, ct: Any) -> Any:
        (x,) = ctx.saved_tensors
        return ct * 3 * x * x


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("use", USES)
def test_saved_values_are_what_they_were_though_written_to(write: str, use: str) -> None:
    start = torch.tensor([0.3, 1.2, -0.7], dtype=torch.float64)
    a = start.clone().requires_grad_()
    USES[use](a.clone()).sum().backward()
    expected, a.grad = a.grad, None
    with graph.allow_mutation_on_saved_tensors():
        b = a.clone()
        out = USES[use](b).sum()
        with torch.no_grad():
            WRITES[write](b)
        out.backward()
    assert torch.equal(a.grad, expected)


def test_outside_of_the_context_a_write_is_noticed() -> None:
    a = torch.ones(3, requires_grad=True)
    with graph.allow_mutation_on_saved_tensors() as kept:
        b = a.clone()
        early = b.sin().sum()
        kept.clear()
        b.mul_(2)
    with pytest.raises(InplaceError):
        early.backward()
    b = a.clone()
    out = b.sin().sum()
    b.mul_(2)
    with pytest.raises(InplaceError):
        out.backward()


def test_second_derivatives_go_through_values_that_were_written_to() -> None:
    a = torch.tensor([0.5, 2.0], dtype=torch.float64, requires_grad=True)
    with graph.allow_mutation_on_saved_tensors():
        b = a * 1
        out = (b * b * b).sum()
        b.mul_(0)
        (first,) = torch.autograd.grad(out, a, create_graph=True)
        (second,) = torch.autograd.grad(first.sum(), a)
    assert torch.allclose(first, 3 * a * a)
    assert torch.allclose(second, 6 * a)


# --- hooks of one saved value -----------------------------------------------------------------------------------------


def test_a_saved_value_can_be_kept_otherwise() -> None:
    x, y = torch.tensor([2.0, 3.0], requires_grad=True), torch.tensor([5.0, 7.0], requires_grad=True)
    out = x * y
    packed: list[Any] = []
    out.grad_fn._raw_saved_self.register_hooks(lambda t: packed.append(t) or t * 10, lambda t: t / 10 + 1)
    out.sum().backward()
    assert [t.tolist() for t in packed] == [[2.0, 3.0]]
    assert x.grad.tolist() == [5.0, 7.0]
    assert y.grad.tolist() == [3.0, 4.0]


def test_both_operands_and_results_take_hooks_once() -> None:
    x, y = torch.tensor([2.0], requires_grad=True), torch.tensor([5.0], requires_grad=True)
    out = x * y
    for name in ("self", "other"):
        getattr(out.grad_fn, f"_raw_saved_{name}").register_hooks(lambda t: t + 1, lambda t: t)
        with pytest.raises(RuntimeError, match="only one pair of hooks is allowed"):
            getattr(out.grad_fn, f"_raw_saved_{name}").register_hooks(lambda t: t, lambda t: t)
    assert out.grad_fn._saved_self.tolist() == [3.0]
    out.sum().backward()
    assert (x.grad.tolist(), y.grad.tolist()) == ([6.0], [3.0])
    e = x.exp()
    e.grad_fn._raw_saved_result.register_hooks(lambda t: 0.0, lambda zero: torch.tensor([4.0]))
    assert torch.autograd.grad(e, x)[0].tolist() == [4.0]


def test_hooks_of_what_is_freed_or_not_there_are_refused() -> None:
    x = torch.tensor([2.0], requires_grad=True)
    out = x.exp()
    raw = out.grad_fn._raw_saved_result
    out.sum().backward()
    with pytest.raises(GradError, match="after it has been freed"):
        raw.register_hooks(lambda t: t, lambda t: t)
    with pytest.raises(AttributeError, match="_raw_saved_weight"):
        x.exp().grad_fn._raw_saved_weight  # noqa: B018
    with pytest.raises(GradError, match="modifying its input in place"):
        (x * 1).exp().grad_fn._raw_saved_result.register_hooks(lambda t: t.mul_(2), lambda t: t)


# --- when backward is over --------------------------------------------------------------------------------------------


def test_callbacks_run_when_all_gradients_are_there() -> None:
    x, w = torch.ones(2, requires_grad=True), torch.full((2,), 3.0, requires_grad=True)
    seen: list[Any] = []

    def later() -> None:
        seen.append((x.grad.tolist(), w.grad.tolist()))

    hidden = x * w
    hidden.register_hook(lambda ct: Variable._execution_engine.queue_callback(later))
    (hidden * 2).sum().backward()
    assert seen == [([6.0, 6.0], [2.0, 2.0])]
    with pytest.raises(RuntimeError, match="only be installed during backward"):
        Variable._execution_engine.queue_callback(later)


def test_callbacks_are_of_the_run_that_is_going_on() -> None:
    order: list[str] = []
    x = torch.ones(2, requires_grad=True)
    queue = Variable._execution_engine.queue_callback

    class Inner(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, a: Any) -> Any:
            return a * 1

        @staticmethod
        def backward(ctx: Any, ct: Any) -> Any:
            queue(lambda: order.append("outer"))
            with torch.enable_grad():
                y = torch.ones(2, requires_grad=True)
                z = y * 2
                z.register_hook(lambda g: queue(lambda: order.append("inner")))
                z.sum().backward()
            order.append("between")
            return ct

    Inner.apply(x).sum().backward()
    assert order == ["inner", "between", "outer"]


# --- names ------------------------------------------------------------------------------------------------------------


def test_nodes_are_instances_of_their_classes() -> None:
    x = torch.ones(2, requires_grad=True)
    assert isinstance((x * 2).grad_fn, type((x * 3).grad_fn))
    assert not isinstance(x.exp().grad_fn, type((x * 3).grad_fn))
    node = Cube.apply(x).grad_fn
    assert isinstance(node, Cube._backward_cls)
    assert isinstance(node, torch.autograd.function.BackwardCFunction)
    assert isinstance(node, graph.Node)
    assert torch.autograd.grad_mode.no_grad is torch.no_grad
    assert torch.autograd.anomaly_mode.detect_anomaly is torch.autograd.detect_anomaly


def test_what_was_copied_before_a_write_is_counted_while_a_node_needs_it() -> None:
    with torch.autograd.graph.allow_mutation_on_saved_tensors() as context:
        a = torch.randn(2, 3, requires_grad=True).clone()
        b, c = a**2, a**2
        assert len(context.tid_to_weakhandle) == 1 and not context.cloned
        a.sin_()
        assert len(context.cloned) == 1  # one copy for both
        d = a**2
        a.sin_()
        assert len(context.cloned) == 2
        del b, c
        assert len(context.cloned) == 1
        d.sum().backward()
        assert not context.cloned
    assert not context.cloned


def test_hooks_may_not_be_disabled_inside_hooks() -> None:
    graph = torch.autograd.graph
    with graph.saved_tensors_hooks(lambda x: x, lambda x: x), pytest.raises(RuntimeError, match="not now"):
        with graph.disable_saved_tensors_hooks("not now"):
            pass
