"""Running the tape back: what `backward` and `grad` do, and the modes in which things are recorded."""

from __future__ import annotations

import threading
import warnings
from typing import Any

import numpy as np
import pytest

import wengert as torch
from wengert.autograd import backward, grad
from wengert.core.errors import GradError


def leaf(*values: float) -> Any:
    return torch.tensor(values if len(values) != 1 else values[0], requires_grad=True)


# --- backward and grad ------------------------------------------------------------------------------------------------


def test_backward_accumulates() -> None:
    x = leaf(1.0, 2.0)
    (x * x).sum().backward()
    kept = x.grad
    (x * 3).sum().backward()
    assert x.grad.tolist() == [5.0, 7.0]
    assert x.grad is kept, "added to in place, as PyTorch does"
    x.grad = None
    (x * 3).sum().backward()
    assert x.grad.tolist() == [3.0, 3.0] and kept.tolist() == [5.0, 7.0]


def test_gradients_of_non_scalars_are_weighted() -> None:
    x = leaf(1.0, 2.0)
    (x * x).backward(torch.tensor([1.0, 10.0]))
    assert x.grad.tolist() == [2.0, 40.0]
    assert grad(x * x, x, torch.tensor([1.0, 10.0]))[0].tolist() == [2.0, 40.0]
    assert grad([x * x, x * 3], [x], [torch.tensor([1.0, 0.0]), torch.ones(2)])[0].tolist() == [5.0, 3.0]


def test_backward_of_several_tensors() -> None:
    x, y = leaf(2.0), leaf(3.0)
    backward([x * y, x * x], [None, torch.tensor(10.0)])
    assert x.grad.item() == 43.0 and y.grad.item() == 2.0
    with pytest.raises(RuntimeError, match="got 2 tensors and 1 gradients"):
        backward([x * y, x], [torch.tensor(1.0)])


def test_backward_of_a_leaf() -> None:
    x = leaf(2.0)
    x.backward()
    assert x.grad.item() == 1.0
    assert grad(x, x)[0].item() == 1.0


def test_gradient_as_the_cotangent_of_another_dtype() -> None:
    x = leaf(1.0, 2.0)
    (x * x).backward(torch.ones(2, dtype=torch.float64))
    assert x.grad.dtype == torch.float32


def test_a_tensor_used_many_times() -> None:
    x = leaf(3.0)
    y = x * x
    (y + y * y + y + x).backward()
    assert x.grad.item() == 2 * 6 + 4 * 27 + 1


def test_backward_to_some_inputs_only() -> None:
    x, y = leaf(2.0), leaf(3.0)
    z = x * y
    (z * z).backward(inputs=[x])
    assert x.grad.item() == 36.0 and y.grad is None
    z = x * y
    (z * z).backward(inputs=z)
    assert z.grad.item() == 12.0 and x.grad.item() == 36.0 and y.grad is None
    with pytest.raises(RuntimeError, match="cannot be empty"):
        (x * y).backward(inputs=[])


def test_backward_twice_wants_retain_graph() -> None:
    x = leaf(2.0)
    y = x * x
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad.item() == 8.0
    with pytest.raises(
        RuntimeError, match="Trying to backward through the graph a second time.*MulBackward0.*retain_graph=True"
    ):
        y.backward()
    assert x.grad.item() == 8.0


def test_a_graph_that_saved_nothing_can_run_twice() -> None:
    x = leaf(1.0, 2.0)
    y = (x + 1).sum()
    y.backward()
    y.backward()
    assert x.grad.tolist() == [2.0, 2.0]


def test_a_number_counts_as_saved() -> None:
    y = leaf(2.0) * 3.0
    y.backward()
    with pytest.raises(GradError, match="second time"):
        y.backward()


def test_the_lectures_relu_example() -> None:
    x, w, b = torch.tensor(3.0), leaf(2.0), leaf(1.0)
    a = (x * w + b).relu()
    assert grad(a, w, retain_graph=True)[0].item() == 3.0
    assert grad(a, b)[0].item() == 1.0


def test_part_of_a_graph_that_is_not_needed_does_not_run() -> None:
    """Nor is it freed."""
    x = leaf(2.0)
    y = x * x
    z = y * 3
    w = y * y
    grad(z, y)
    assert grad([w, y * 2], [y])[0].item() == 10.0
    assert grad(y, x)[0].item() == 4.0
    with pytest.raises(RuntimeError, match="second time"):
        grad(w, y)


def test_an_input_and_what_it_was_made_from() -> None:
    x = leaf(2.0)
    y = x * x
    z = y * 3
    by_y, by_x = grad(z, (y, x))
    assert by_y.item() == 3.0 and by_x.item() == 12.0


def test_unused_inputs() -> None:
    x, y = leaf(1.0, 2.0), leaf(3.0)
    z = (x * x).sum()
    with pytest.raises(
        RuntimeError, match="index 1 .shape ... appears to not have been used in the graph.*allow_unused=True"
    ):
        grad(z, (x, y), retain_graph=True)
    assert grad(z, (x, y), allow_unused=True, retain_graph=True)[1] is None
    assert grad(z, (x, y), materialize_grads=True)[1].tolist() == 0.0
    with pytest.raises(ValueError, match="allow_unused"):
        grad(z, (x, y), allow_unused=False, materialize_grads=True)
    with pytest.raises(RuntimeError, match="is_grads_batched expected a grad_outputs"):
        grad(z, x, is_grads_batched=True)


def test_grad_touches_no_grad_attribute() -> None:
    x = leaf(2.0)
    grad(x * x, x)
    assert x.grad is None


def test_higher_orders() -> None:
    x = leaf(2.0)
    y = x * x * x * x
    for expected in (32.0, 48.0, 48.0, 24.0):
        (y,) = grad(y, x, create_graph=True)
        assert y.item() == expected


def test_backward_with_create_graph_can_be_differentiated() -> None:
    x = leaf(2.0)
    (x * x * x).backward(create_graph=True)
    assert x.grad.requires_grad and x.grad.item() == 12.0
    assert grad(x.grad, x)[0].item() == 12.0
    x.grad = None


def test_cotangents_can_require_grad() -> None:
    x, v = leaf(2.0), leaf(1.0)
    (g,) = grad(x * x, x, v, create_graph=True)
    assert grad(g, v)[0].item() == 4.0


def test_complex_gradients_are_conjugate() -> None:
    z = torch.tensor(1 + 2j, requires_grad=True)
    (z * z.conj()).real.backward()
    assert z.grad.item() == 2 * (1 + 2j)
    w = torch.tensor([1 + 1j], requires_grad=True)
    assert grad(w * w, w, torch.tensor([1 + 0j]))[0].tolist() == [2 - 2j]
    with pytest.raises(RuntimeError, match="only for real scalar outputs"):
        (z * z).backward()


# --- memory of gradients ----------------------------------------------------------------------------------------------


def test_gradients_share_memory_with_nothing() -> None:
    x, y, v = leaf(1.0, 2.0), leaf(3.0, 4.0), torch.ones(2)
    (x + y).backward(v)
    x.grad.add_(10)
    assert y.grad.tolist() == [1.0, 1.0] and v.tolist() == [1.0, 1.0]
    for g in grad(x + y, (x, y, x), v):
        g.add_(10)
    assert v.tolist() == [1.0, 1.0]
    a, b, c = grad(x + y, (x, y, x), v)
    assert len({g.data_ptr() for g in (a, b, c, v)}) == 4
    (g,) = grad(x * y, x, v)
    g.add_(10)
    assert y.tolist() == [3.0, 4.0]
    x.grad = None
    (x + y).backward(v, create_graph=True)
    assert x.grad.data_ptr() != v.data_ptr()
    x.grad = y.grad = None


def test_gradients_of_a_product_with_ones_are_not_the_operands() -> None:
    x = leaf(1.0, 2.0)
    x.sum().backward()
    x.grad.add_(1)
    assert x.grad.tolist() == [2.0, 2.0]
    (g,) = grad(x.reshape(2, 1).expand(2, 3).sum(), x)
    g.mul_(2)
    assert g.tolist() == [6.0, 6.0]


# --- leaves and attributes --------------------------------------------------------------------------------------------


def test_leaf_rules() -> None:
    x = torch.zeros(2)
    assert x.is_leaf and not x.requires_grad and x.grad_fn is None
    assert x.requires_grad_() is x and x.requires_grad and x.is_leaf
    y = x * 2
    assert not y.is_leaf and y.requires_grad
    with pytest.raises(RuntimeError, match="only change requires_grad flags of leaf"):
        y.requires_grad_(False)
    z = y.detach()
    assert z.is_leaf and not z.requires_grad
    x.requires_grad = False
    assert not (x * 2).requires_grad


def test_gradient_survives_requires_grad_off_and_on() -> None:
    x = leaf(2.0)
    (x * x).backward()
    x.requires_grad_(False)
    assert x.grad.item() == 4.0
    x.requires_grad_()
    assert x.grad.item() == 4.0


def test_reading_grad_of_a_non_leaf_warns() -> None:
    y = leaf(2.0) * 2
    with pytest.warns(UserWarning, match="not a leaf Tensor"):
        assert y.grad is None
    y.retain_grad()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert y.grad is None


def test_retain_grad() -> None:
    x = leaf(2.0)
    y = x * x
    y.retain_grad()
    y.retain_grad()
    (y * 3).backward(retain_graph=True)
    assert y.grad.item() == 3.0 and y.retains_grad and not x.retains_grad
    with pytest.raises(RuntimeError, match="requires_grad=False"):
        torch.zeros(1).retain_grad()
    x.retain_grad()
    assert not x.retains_grad


def test_assigning_grad_checks_it() -> None:
    x = leaf(1.0, 2.0)
    with pytest.raises(RuntimeError, match="size"):
        x.grad = torch.zeros(3)
    with pytest.raises(RuntimeError, match="type"):
        x.grad = torch.zeros(2, dtype=torch.float64)
    with pytest.raises(TypeError, match="expected to be a Tensor or None"):
        x.grad = 3
    with pytest.raises(RuntimeError, match="its own grad"):
        x.grad = x
    x.grad = torch.ones(2)
    (x * 2).sum().backward()
    assert x.grad.tolist() == [3.0, 3.0]
    del x.grad
    assert x.grad is None


def test_detach_in_place() -> None:
    x = leaf(2.0)
    y = x * x
    assert y.detach_() is y and y.is_leaf and not y.requires_grad
    with pytest.raises(RuntimeError, match="detach views in-place"):
        (leaf(1.0, 2.0) * 2)[0].detach_()


def test_nodes_are_named_and_linked_as_in_pytorch() -> None:
    x, y = leaf(1.0, 2.0), leaf(3.0, 4.0)
    z = (x * y + x).exp().sum()
    names = []
    node = z.grad_fn
    while node.next_functions:
        names.append(node.name())
        node = node.next_functions[0][0]
    assert names == ["SumBackward0", "ExpBackward0", "AddBackward0", "MulBackward0"]
    assert node.name() == "torch::autograd::AccumulateGrad" and node.variable is x
    assert repr(z.grad_fn).startswith("<SumBackward0 object at 0x")
    assert (x * 2).grad_fn.next_functions[1] == (None, 0)
    part = x * 1
    part[0] = 5.0
    assert part.grad_fn.name() == "torch::autograd::CopySlices"
    z.grad_fn.metadata["note"] = 1
    assert z.grad_fn.metadata == {"note": 1}


def test_outputs_are_numbered() -> None:
    x = torch.tensor([[3.0, 1.0, 2.0]], requires_grad=True)
    values, places = torch.sort(x, dim=1)
    assert values.output_nr == 0 and values.grad_fn.name() == "SortBackward0" and not places.requires_grad
    (values * torch.tensor([1.0, 2.0, 3.0])).sum().backward()
    assert x.grad.tolist() == [[3.0, 1.0, 2.0]]


# --- modes ------------------------------------------------------------------------------------------------------------


def test_modes_as_contexts_and_decorators() -> None:
    x = leaf(2.0)
    with torch.no_grad():
        assert not (x * x).requires_grad and not torch.is_grad_enabled()
        with torch.enable_grad():
            assert (x * x).requires_grad
    with torch.set_grad_enabled(False):
        assert not (x * x).requires_grad
    assert torch.is_grad_enabled()
    torch.set_grad_enabled(False)
    assert not torch.is_grad_enabled()
    torch.set_grad_enabled(True)

    @torch.no_grad()
    def doubled(y: Any) -> Any:
        return y * 2

    @torch.no_grad
    def tripled(y: Any) -> Any:
        return y * 3

    @torch.enable_grad()
    def squared(y: Any) -> Any:
        return y * y

    assert not doubled(x).requires_grad and not tripled(x).requires_grad
    with torch.no_grad():
        assert squared(x).requires_grad
    with torch.inference_mode():
        assert torch.is_inference_mode_enabled() and not (x * x).requires_grad
    with torch.inference_mode(False):
        assert (x * x).requires_grad


def test_modes_are_left_when_an_error_is_raised() -> None:
    with pytest.raises(KeyError):
        with torch.no_grad():
            raise KeyError
    assert torch.is_grad_enabled()


def test_generators_keep_their_mode_to_themselves() -> None:
    @torch.no_grad()
    def steps() -> Any:
        yield torch.is_grad_enabled()
        yield torch.is_grad_enabled()

    running = steps()
    assert next(running) is False
    assert torch.is_grad_enabled()
    assert next(running) is False


def test_modes_belong_to_a_thread() -> None:
    seen = []
    with torch.no_grad():
        thread = threading.Thread(target=lambda: seen.append(torch.is_grad_enabled()))
        thread.start()
        thread.join()
    assert seen == [True]


# --- errors on the way back -------------------------------------------------------------------------------------------


def test_an_error_in_the_middle_leaves_the_mode_and_the_leaves() -> None:
    class Fails(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x * 1

        @staticmethod
        def backward(ctx: Any, ct: Any) -> Any:
            raise KeyError("on the way back")

    x = leaf(2.0)
    y = Fails.apply(x)
    for create_graph in (False, True):
        with pytest.raises(KeyError):
            (y * y).backward(create_graph=create_graph)
        assert torch.is_grad_enabled() and x.grad is None
    with torch.no_grad(), pytest.raises(KeyError):
        y.backward()


def test_a_node_without_rule_says_why() -> None:
    with pytest.raises(RuntimeError, match="floor_divide"):
        (leaf(3.0) // 2).backward()


# --- size and threads -------------------------------------------------------------------------------------------------


def test_a_chain_of_300_000_operations() -> None:
    x = leaf(1.0)
    y = x
    for _ in range(300_000):
        y = y + 1.0
    y.backward()
    assert x.grad.item() == 1.0
    del y


def test_a_long_chain_to_second_order() -> None:
    x = leaf(1.0)
    y = x
    for _ in range(20_000):
        y = y * 1.0
    (g,) = grad(y * y, x, create_graph=True)
    assert grad(g, x)[0].item() == 2.0
    del g, y


def test_two_threads_add_to_one_leaf() -> None:
    x = torch.zeros(1000, requires_grad=True)
    barrier = threading.Barrier(4)

    def work() -> None:
        barrier.wait()
        for _ in range(200):
            (x * 1.0).sum().backward()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    np.testing.assert_array_equal(x.grad.numpy(), np.full(1000, 800.0))


def test_zero_size_and_0_d() -> None:
    x = torch.zeros(0, 3, requires_grad=True)
    (x * 2).sum().backward()
    assert x.grad.shape == (0, 3)
    y = leaf(2.0)
    (y * y).backward()
    assert y.grad.shape == ()


def test_variable() -> None:
    from wengert.autograd import Variable

    data = torch.ones(2)
    x = Variable(data, requires_grad=True)
    assert isinstance(x, Variable) and x.requires_grad and not data.requires_grad
    with torch.no_grad():
        x.add_(1)
    assert data.tolist() == [2.0, 2.0]
