"""Hooks on tensors, on leaves after accumulation, on nodes, on saved tensors; checkpoints."""

from __future__ import annotations

import gc
from typing import Any

import pytest

import wengert as torch
from wengert.autograd import grad, graph
from wengert.autograd.graph import saved_tensors_hooks
from wengert.core.errors import InplaceError
from wengert.utils.checkpoint import CheckpointError, checkpoint, checkpoint_sequential


def leaf(*values: float) -> Any:
    return torch.tensor(values if len(values) != 1 else values[0], requires_grad=True)


# --- tensors ----------------------------------------------------------------------------------------------------------


def test_tensor_hooks_see_and_change_the_gradient() -> None:
    x = leaf(2.0)
    y = x * x
    seen: list[float] = []
    first = y.register_hook(lambda g: seen.append(g.item()))
    y.register_hook(lambda g: g * 10)
    y.register_hook(lambda g: seen.append(g.item()))
    (y * 3).backward(retain_graph=True)
    assert seen == [3.0, 30.0] and x.grad.item() == 120.0
    first.remove()
    (y * 3).backward()
    assert seen == [3.0, 30.0, 30.0]


def test_a_handle_is_a_context_manager() -> None:
    x = leaf(2.0)
    with x.register_hook(lambda g: g * 0):
        (x * x).backward()
    (x * x).backward()
    assert x.grad.item() == 4.0


def test_a_hook_on_a_leaf_sees_the_sum() -> None:
    x = leaf(2.0)
    seen: list[float] = []
    x.register_hook(lambda g: seen.append(g.item()))
    (x * 3 + x * 4).backward()
    assert seen == [7.0]


def test_hooks_run_before_a_gradient_is_captured() -> None:
    x = leaf(2.0)
    y = x * x
    y.register_hook(lambda g: g * 10)
    x.register_hook(lambda g: g + 1)
    by_y, by_x = grad(y * 3, (y, x))
    assert by_y.item() == 30.0 and by_x.item() == 121.0


def test_a_hook_that_writes_its_gradient_changes_nothing_else() -> None:
    x, y, v = leaf(1.0, 2.0), leaf(3.0, 4.0), torch.ones(2)
    x.register_hook(lambda g: g.clamp_(max=0.5))
    (x + y).backward(v)
    assert x.grad.tolist() == [0.5, 0.5] and y.grad.tolist() == [1.0, 1.0] and v.tolist() == [1.0, 1.0]


def test_hooks_are_recorded_with_create_graph() -> None:
    x = leaf(2.0)
    y = x * 1
    y.register_hook(lambda g: g * x)
    (g,) = grad(y * 3, x, create_graph=True)
    assert g.item() == 6.0 and grad(g, x)[0].item() == 3.0


def test_wrong_hooks() -> None:
    y = leaf(1.0, 2.0) * 1
    with pytest.raises(RuntimeError, match="doesn't require gradient"):
        torch.zeros(1).register_hook(lambda g: g)
    with y.register_hook(lambda g: g[:1]), pytest.raises(RuntimeError, match="has changed the size of value"):
        y.sum().backward()
    with y.register_hook(lambda g: 3), pytest.raises(TypeError, match="hook returned 'int'"):
        y.sum().backward()


def test_hook_on_one_of_several_outputs() -> None:
    x = torch.tensor([3.0, 1.0, 2.0], requires_grad=True)
    values, _ = torch.topk(x, 2)
    values.register_hook(lambda g: g * 5)
    values.sum().backward()
    assert x.grad.tolist() == [5.0, 0.0, 5.0]


def test_post_accumulate_grad_hooks() -> None:
    x = leaf(1.0, 2.0)
    seen: list[Any] = []

    def step(p: Any) -> None:
        seen.append((p is x, p.grad.tolist()))
        p.grad = None

    handle = x.register_post_accumulate_grad_hook(step)
    (x * 3).sum().backward()
    assert seen == [(True, [3.0, 3.0])] and x.grad is None
    handle.remove()
    (x * 3).sum().backward()
    assert len(seen) == 1
    with pytest.raises(RuntimeError, match="non-leaf"):
        (x * 1).register_post_accumulate_grad_hook(step)


# --- nodes ------------------------------------------------------------------------------------------------------------


def test_node_hooks() -> None:
    x, y = leaf(2.0), leaf(3.0)
    z = x * y
    seen: list[Any] = []

    def before(outputs: Any) -> Any:
        seen.append(("before", [g.item() for g in outputs]))
        return (outputs[0] * 10,)

    def after(inputs: Any, outputs: Any) -> Any:
        seen.append(("after", [g.item() for g in inputs], [g.item() for g in outputs]))
        return (inputs[0] + 1, inputs[1])

    z.grad_fn.register_prehook(before)
    z.grad_fn.register_hook(after)
    (z * 1.0).backward()
    assert seen == [("before", [1.0]), ("after", [30.0, 20.0], [10.0])]
    assert x.grad.item() == 31.0 and y.grad.item() == 20.0


def test_hooks_on_the_node_of_a_leaf() -> None:
    x = leaf(2.0)
    y = x * x
    seen: list[Any] = []
    node = y.grad_fn.next_functions[0][0]
    node.register_hook(lambda inputs, outputs: seen.append((inputs, outputs[0].item(), x.grad.item())))
    node.register_prehook(lambda outputs: (outputs[0] * 2,))
    y.backward()
    assert seen == [((), 8.0, 8.0)] and x.grad.item() == 8.0


# --- saved tensors ----------------------------------------------------------------------------------------------------


def test_saved_tensors_hooks() -> None:
    x = leaf(1.0, 2.0)
    store: list[Any] = []

    def pack(t: Any) -> int:
        assert not torch.is_grad_enabled()
        store.append(t.detach().clone())
        return len(store) - 1

    with saved_tensors_hooks(pack, lambda i: store[i]):
        y = (x * x).exp()
    assert [t.tolist() for t in store[:2]] == [[1.0, 2.0], [1.0, 2.0]] and len(store) == 3
    y.sum().backward()
    assert x.grad.tolist() == pytest.approx([5.43656, 218.3926], rel=1e-5)
    with pytest.raises(RuntimeError, match="second time"):
        y.sum().backward()


def test_saved_tensors_hooks_inside_and_outside() -> None:
    x = leaf(3.0)
    outer: list[str] = []
    with saved_tensors_hooks(lambda t: (outer.append("outer"), t)[1], lambda t: t):
        with saved_tensors_hooks(lambda t: (outer.append("inner"), t * 2)[1], lambda t: t):
            y = x * x
        z = x * x
    w = x * x
    assert outer == ["inner", "inner", "outer", "outer"]
    assert [grad(v, x)[0].item() for v in (y, z, w)] == [12.0, 6.0, 6.0]


def test_saved_tensors_hooks_cover_functions_and_second_order() -> None:
    class Square(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx: Any, ct: Any) -> Any:
            (x,) = ctx.saved_tensors
            return ct * 2 * x

    x = leaf(3.0)
    packed: list[Any] = []
    with saved_tensors_hooks(lambda t: (packed.append(t), t)[1], lambda t: t):
        y = Square.apply(x)
    assert len(packed) == 1 and packed[0].requires_grad
    (g,) = grad(y, x, create_graph=True)
    assert grad(g, x)[0].item() == 2.0


def test_wrong_pack_and_unpack() -> None:
    x = leaf(3.0)
    with (
        pytest.raises(RuntimeError, match="modifying its input in place"),
        saved_tensors_hooks(lambda t: t.mul_(2), lambda t: t),
    ):
        x * torch.ones(())
    with saved_tensors_hooks(lambda t: 0, lambda t: t):
        y = x * x
    with pytest.raises(TypeError, match="unpack_hook expected to be a Tensor"):
        y.backward()
    with graph.disable_saved_tensors_hooks("not here"), pytest.raises(RuntimeError, match="not here"):
        saved_tensors_hooks(lambda t: t, lambda t: t).__enter__()
    with graph.save_on_cpu(pin_memory=False):
        y = x * x
    assert grad(y, x)[0].item() == 6.0


def test_gradient_edges_and_versions() -> None:
    x = leaf(3.0)
    y = x * x
    edge = graph.get_gradient_edge(y)
    assert edge.node is y.grad_fn and edge.output_nr == 0
    assert isinstance(y.grad_fn, graph.Node)
    graph.increment_version(x)
    with pytest.raises(InplaceError):
        y.backward()
    with pytest.raises(RuntimeError, match="does not require gradients"):
        graph.get_gradient_edge(torch.zeros(1))


# --- checkpoints ------------------------------------------------------------------------------------------------------


def cubed(x: Any, factor: float = 1.0) -> Any:
    return (x * x * x * factor).sin()


@pytest.mark.parametrize("use_reentrant", [True, False])
def test_checkpoint_gives_the_same_gradients(use_reentrant: bool) -> None:
    x = leaf(0.5, 1.5)
    calls: list[bool] = []

    def function(x: Any) -> Any:
        calls.append(torch.is_grad_enabled())
        return cubed(x)

    y = checkpoint(function, x, use_reentrant=use_reentrant)
    assert y.tolist() == cubed(x).tolist() and len(calls) == 1
    y.sum().backward()
    assert calls == ([False, True] if use_reentrant else [True, True])
    assert x.grad.tolist() == grad(cubed(x).sum(), x)[0].tolist()


def test_checkpoint_saves_nothing_but_its_arguments() -> None:
    import weakref

    kept: list[Any] = []

    def function(x: Any) -> Any:
        y = x * 2
        kept.append(weakref.ref(y))
        kept.append(weakref.ref(y._data))
        return (y * y).sum()

    x = leaf(0.5, 1.5)
    y = checkpoint(function, x, use_reentrant=False)
    assert [reference() for reference in kept] == [None, None]
    y.backward()
    assert x.grad.tolist() == [4.0, 12.0]


def test_checkpoint_with_keywords_nested_retained_and_to_second_order() -> None:
    x = leaf(0.5, 1.5)

    def outer(x: Any) -> Any:
        return checkpoint(cubed, x, factor=2.0, use_reentrant=False) * x

    y = checkpoint(outer, x, use_reentrant=False).sum()
    plain = (cubed(x, 2.0) * x).sum()
    expected = grad(plain, x, create_graph=True)[0]
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad.tolist() == pytest.approx([2 * g for g in expected.tolist()])
    (g,) = grad(checkpoint(outer, x, use_reentrant=False).sum(), x, create_graph=True)
    assert grad(g.sum(), x)[0].tolist() == pytest.approx(grad(expected.sum(), x)[0].tolist())
    with pytest.raises(ValueError, match="keyword"):
        checkpoint(cubed, x, factor=2.0, use_reentrant=True)


@pytest.mark.parametrize("use_reentrant", [True, False])
def test_checkpoint_draws_the_same_random_numbers_again(use_reentrant: bool) -> None:
    x = torch.ones(20, requires_grad=True)

    def noisy(x: Any) -> Any:
        return x * x * torch.rand(20)

    torch.manual_seed(7)
    y = checkpoint(noisy, x, use_reentrant=use_reentrant)
    after = torch.rand(1).item()
    y.sum().backward()
    assert x.grad.tolist() == pytest.approx((2 * y).tolist())
    torch.manual_seed(7)
    torch.rand(20)
    assert torch.rand(1).item() == after


def test_checkpoint_notices_a_function_that_changes() -> None:
    x = leaf(0.5, 1.5)
    turns = iter([1, 2, 1, 0, 1, 3])

    def changing(x: Any) -> Any:
        for _ in range(next(turns)):
            x = x * x
        return x

    y = checkpoint(changing, x, use_reentrant=False, early_stop=False)
    with pytest.raises(CheckpointError, match="different number of tensors"):
        y.sum().backward()
    y = checkpoint(changing, x, use_reentrant=False)
    with pytest.raises(CheckpointError, match="different number of tensors"):
        y.sum().backward()

    def growing(x: Any) -> Any:
        return x.expand(next(turns), 2) ** 2

    y = checkpoint(growing, x, use_reentrant=False)
    with pytest.raises(CheckpointError, match="different metadata"):
        y.sum().backward()
    with pytest.raises(ValueError, match="determinism_check"):
        checkpoint(cubed, x, use_reentrant=False, determinism_check="maybe")


def test_checkpoint_notices_a_write_inside() -> None:
    def spoils(x: Any) -> Any:
        y = x * 1
        z = y * y
        y.add_(1)
        return z

    x = leaf(0.5, 1.5)
    with pytest.raises(InplaceError, match="inside the checkpointed function"):
        checkpoint(spoils, x, use_reentrant=False, early_stop=False).sum().backward()


def test_checkpoint_sequential_and_contexts() -> None:
    x = leaf(0.5, 1.5)
    functions = [torch.sin, cubed, torch.exp, torch.sin]
    expected = torch.sin(torch.exp(cubed(torch.sin(x))))
    for use_reentrant in (True, False):
        y = checkpoint_sequential(functions, 2, x, use_reentrant=use_reentrant)
        assert y.tolist() == expected.tolist()
        assert (
            grad(y.sum(), x)[0].tolist() == grad(expected.sum(), x, retain_graph=True)[0].tolist()
            if not use_reentrant
            else y.requires_grad
        )
    with pytest.raises(ValueError, match="segments"):
        checkpoint_sequential(functions, 5, x, use_reentrant=False)
    with pytest.warns(UserWarning, match="use_reentrant parameter should be passed explicitly"):
        assert checkpoint(torch.sin, x).tolist() == torch.sin(x).tolist()
    entered: list[str] = []

    class Watch:
        def __init__(self, name: str) -> None:
            self.name = name

        def __enter__(self) -> None:
            entered.append(self.name)

        def __exit__(self, *exception: object) -> None:
            pass

    checkpoint(cubed, x, use_reentrant=False, context_fn=lambda: (Watch("first"), Watch("again"))).sum().backward()
    assert entered == ["first", "again"]


def test_checkpoints_without_grad_and_without_cycles() -> None:
    x = leaf(0.5, 1.5)
    with torch.no_grad():
        assert not checkpoint(cubed, x, use_reentrant=False).requires_grad
    gc.disable()
    try:
        gc.collect()
        for use_reentrant in (True, False):
            checkpoint(cubed, x, use_reentrant=use_reentrant).sum().backward()
            before = len(gc.get_objects())
            for _ in range(10):
                checkpoint(cubed, x, use_reentrant=use_reentrant).sum().backward()
            assert len(gc.get_objects()) <= before + 5
    finally:
        gc.enable()


def test_hooks_entered_while_backward_runs_end_with_it() -> None:
    def unpack(x: Any) -> Any:
        inner.__enter__()
        return x

    inner = torch.autograd.graph.saved_tensors_hooks(lambda x: x, unpack)
    x = leaf(0.5, 1.5)
    with inner:
        y = torch.sin(x).sum()
        y.backward()
    z = torch.exp(x)
    z.grad_fn._raw_saved_result.register_hooks(lambda x: x, lambda x: x)  # which has none yet
    z.sum().backward()
    for _ in range(3):
        inner.__exit__(None, None, None)  # leaving more often than entering does nothing
    assert torch.equal(x.grad, torch.cos(x) + torch.exp(x))
