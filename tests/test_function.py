"""`autograd.Function`: operations with a backward of the user's own."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import pytest

import wengert as torch
import wengert.autograd.forward_ad as fwAD
from wengert.autograd import Function, grad, gradcheck, gradgradcheck
from wengert.autograd.function import once_differentiable
from wengert.core.errors import GradError, InplaceError, ShapeError


def numbers(*values: float, grad: bool = True) -> Any:
    return torch.tensor(values, dtype=torch.float64, requires_grad=grad)


class Exp(Function):
    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        y = x.exp()
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx: Any, ct: Any) -> Any:
        (y,) = ctx.saved_tensors
        return ct * y


class Product(Function):
    """Two tensors, a number and a flag; forward without ctx."""

    @staticmethod
    def forward(x: Any, y: Any, factor: float, flag: bool) -> Any:
        return x * y * factor

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        x, y, ctx.factor, _ = inputs
        ctx.save_for_backward(x, y)

    @staticmethod
    def backward(ctx: Any, ct: Any) -> Any:
        x, y = ctx.saved_tensors
        return ct * y * ctx.factor, ct * x * ctx.factor, None, None


class SineCosine(Function):
    """Two outputs."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.save_for_backward(x)
        return x.sin(), x.cos()

    @staticmethod
    def backward(ctx: Any, for_sine: Any, for_cosine: Any) -> Any:
        (x,) = ctx.saved_tensors
        return for_sine * x.cos() - for_cosine * x.sin()


def test_first_and_second_order() -> None:
    x, y = numbers(0.5, 1.5), numbers(2.0, -1.0)
    assert gradcheck(Exp.apply, (x,))
    assert gradgradcheck(Exp.apply, (x,))
    assert gradcheck(lambda x, y: Product.apply(x, y, 3.0, True), (x, y))
    assert gradgradcheck(lambda x, y: Product.apply(x, y, 3.0, True), (x, y))
    assert gradcheck(SineCosine.apply, (x,))
    assert gradgradcheck(SineCosine.apply, (x,))


def test_the_node_is_named_and_linked_as_in_pytorch() -> None:
    x = numbers(1.0)
    y = Exp.apply(x)
    assert y.grad_fn.name() == "ExpBackward"
    assert repr(y).endswith("grad_fn=<ExpBackward>)")
    assert y.grad_fn.next_functions[0][0].variable is x
    assert y.grad_fn.saved_tensors[0].tolist() == y.tolist()
    assert not y.is_leaf


def test_needs_input_grad_and_attributes() -> None:
    seen: list[Any] = []

    class Watch(Function):
        @staticmethod
        def forward(ctx: Any, x: Any, y: Any, n: int) -> Any:
            seen.append(ctx.needs_input_grad)
            ctx.params, ctx.saved, ctx.edges = "these", "names", "are free"
            return x + y

        @staticmethod
        def backward(ctx: Any, ct: Any) -> Any:
            seen.append((ctx.needs_input_grad, ctx.params, ctx.saved, ctx.edges))
            return ct, ct, None

    x, y = numbers(1.0), numbers(1.0, grad=False)
    Watch.apply(x, y, 2).backward()
    assert seen == [(True, False, False), ((True, False, False), "these", "names", "are free")]
    assert x.grad.tolist() == [1.0] and y.grad is None


def test_forward_is_not_recorded_and_under_no_grad_nothing_is() -> None:
    states = []

    class Watch(Exp):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            states.append((torch.is_grad_enabled(), (x * 2).requires_grad))
            return Exp.forward(ctx, x)

    x = numbers(1.0)
    assert Watch.apply(x).requires_grad
    with torch.no_grad():
        assert not Watch.apply(x).requires_grad
    assert not Watch.apply(x.detach()).requires_grad
    assert states == [(False, False)] * 3
    assert torch.is_grad_enabled()


def test_backward_is_recorded_only_with_create_graph() -> None:
    states = []

    class Watch(Exp):
        @staticmethod
        def backward(ctx: Any, ct: Any) -> Any:
            states.append((torch.is_grad_enabled(), ct.requires_grad))
            return Exp.backward(ctx, ct)

    x = numbers(1.0)
    grad(Watch.apply(x), x)
    (g,) = grad(Watch.apply(x), x, create_graph=True)
    assert states == [(False, False), (True, False)]
    assert g.requires_grad


def test_outputs_that_nothing_depends_on() -> None:
    got: list[Any] = []

    class Pair(Function):
        @staticmethod
        def forward(ctx: Any, x: Any, materialize: bool) -> Any:
            ctx.set_materialize_grads(materialize)
            return x * 2, x * 3

        @staticmethod
        def backward(ctx: Any, first: Any, second: Any) -> Any:
            got.append(second)
            return first * 2, None

    x = numbers(1.0, 2.0)
    Pair.apply(x, True)[0].sum().backward()
    Pair.apply(x, False)[0].sum().backward()
    assert got[0].tolist() == [0.0, 0.0] and got[1] is None


def test_mark_non_differentiable_and_integer_outputs() -> None:
    class Sorted(Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            places = (x > 0).long()
            steps = x.round()
            ctx.mark_non_differentiable(steps)
            return x * 2, places, steps

        @staticmethod
        def backward(ctx: Any, ct: Any, places: Any, steps: Any) -> Any:
            return ct * 2

    x = numbers(1.0, -2.0)
    y, places, steps = Sorted.apply(x)
    assert y.requires_grad and not places.requires_grad and not steps.requires_grad
    y.sum().backward()
    assert x.grad.tolist() == [2.0, 2.0]


class Double(Function):
    """Works in place."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.mark_dirty(x)
        x.mul_(2)
        return x

    @staticmethod
    def backward(ctx: Any, ct: Any) -> Any:
        return ct * 2


def test_mark_dirty() -> None:
    x = numbers(1.0, 2.0)
    y = x * 3
    z = Double.apply(y)
    assert z is y and y.grad_fn.name() == "DoubleBackward"
    assert y.tolist() == [6.0, 12.0]
    assert grad(y.sum(), x)[0].tolist() == [6.0, 6.0]


def test_mark_dirty_through_a_view() -> None:
    x = numbers(1.0, 2.0)
    y = x * 3
    Double.apply(y[0])
    assert grad(y.sum(), x)[0].tolist() == [6.0, 3.0]


def test_mark_dirty_spoils_what_was_saved() -> None:
    x = numbers(1.0, 2.0)
    y = x * 3
    z = y * y
    Double.apply(y)
    with pytest.raises(InplaceError, match="modified by an inplace operation"):
        z.sum().backward()


def test_mark_dirty_of_a_leaf_leaves_it_as_it_was() -> None:
    x = numbers(1.0, 2.0)
    with pytest.raises(RuntimeError, match="leaf Variable that requires grad"):
        Double.apply(x)
    assert x.tolist() == [1.0, 2.0] and x.is_leaf


def test_dirty_inputs_must_be_returned() -> None:
    class Forgets(Double):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.mark_dirty(x)
            return x * 2

    with pytest.raises(RuntimeError, match="dirty"):
        Forgets.apply(numbers(1.0) * 1)


def test_an_input_returned_as_it_is_is_a_view_that_cannot_be_written() -> None:
    class Through(Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x

        @staticmethod
        def backward(ctx: Any, ct: Any) -> Any:
            return ct * 10

    x = numbers(1.0)
    y = Through.apply(x)
    assert y is not x and x.is_leaf
    assert grad(y, x)[0].tolist() == [10.0]
    z = Through.apply(x * 1)
    with pytest.raises(RuntimeError, match="custom Function"):
        z.add_(1)
    assert z.tolist() == [1.0]


def test_saved_tensors_are_checked() -> None:
    x = numbers(1.0)
    y = Exp.apply(x)
    y.backward()
    with pytest.raises(RuntimeError, match="second time"):
        y.backward()
    y = Exp.apply(x)
    y.add_(1)
    with pytest.raises(InplaceError, match="saved by ExpBackward"):
        y.backward()
    with pytest.raises(TypeError, match="can only save variables, but argument 1 is of type int"):

        class Wrong(Exp):
            @staticmethod
            def forward(ctx: Any, x: Any) -> Any:
                ctx.save_for_backward(x, 3)
                return x * 1

        Wrong.apply(x)


def test_none_can_be_saved() -> None:
    class Optional(Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(None, x)
            return x * 2

        @staticmethod
        def backward(ctx: Any, ct: Any) -> Any:
            nothing, x = ctx.saved_tensors
            assert nothing is None and x is not None
            return ct * 2

    x = numbers(1.0)
    Optional.apply(x).backward()
    assert x.grad.tolist() == [2.0]


def returning(*grads: Any) -> Any:
    class Returns(Function):
        @staticmethod
        def forward(ctx: Any, x: Any, y: Any) -> Any:
            return x * 1

        @staticmethod
        def backward(ctx: Any, ct: Any) -> Any:
            return grads

    return Returns


@pytest.mark.parametrize(
    "grads, error, words",
    [
        ((None,), GradError, "incorrect number of gradients .expected 2, got 1"),
        ((None, None, numbers(1.0)), GradError, "incorrect number of gradients .expected 2, got 3"),
        (
            (numbers(1.0, 2.0, 3.0), None),
            ShapeError,
            "invalid gradient at index 0 - got .3. but expected shape compatible with .2.",
        ),
        ((3, None), GradError, "expected Variable or None .got int"),
        ((numbers(1.0, 2.0), numbers(1.0)), GradError, "different from None at position 2"),
    ],
)
def test_wrong_gradients(grads: Any, error: type[Exception], words: str) -> None:
    x = numbers(1.0, 2.0)
    with pytest.raises(error, match=words):
        returning(*grads).apply(x, 5).sum().backward()
    assert x.grad is None


def test_gradients_are_fitted_to_the_input() -> None:
    x = torch.ones(2, requires_grad=True)
    returning(torch.ones(3, 2, dtype=torch.float64), None, None).apply(x, 5).sum().backward()
    assert x.grad.tolist() == [3.0, 3.0] and x.grad.dtype == torch.float32


def test_none_for_every_gradient() -> None:
    x = numbers(1.0)
    y = returning(None, None).apply(x, 5)
    y.backward()
    assert x.grad is None
    with pytest.raises(RuntimeError, match="not.*been used"):
        grad(returning(None, None).apply(x, 5), x)


def test_once_differentiable() -> None:
    class Once(Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        @once_differentiable
        def backward(ctx: Any, ct: Any) -> Any:
            assert not torch.is_grad_enabled()
            (x,) = ctx.saved_tensors
            return 2 * x * ct

    x = numbers(3.0)
    assert grad(Once.apply(x), x)[0].tolist() == [6.0]
    (g,) = grad(Once.apply(x), x, create_graph=True)
    assert g.tolist() == [6.0]
    with pytest.raises(RuntimeError, match="once_differentiable"):
        g.backward()


def test_missing_backward_and_legacy_use() -> None:
    class Forward(Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x * 1

    with pytest.raises(NotImplementedError, match="backward"):
        Forward.apply(numbers(1.0)).backward()
    with pytest.warns(DeprecationWarning, match="should not be instantiated"):
        legacy = Forward()
    with pytest.raises(RuntimeError, match="apply"):
        legacy(numbers(1.0))
    for name in ("register_hook", "next_functions", "name", "metadata"):
        with pytest.raises(RuntimeError, match=f"Attribute '{name}' is invalid"):
            getattr(legacy, name)


def test_no_cycle_through_ctx() -> None:
    gc.disable()
    try:
        x = numbers(1.0)
        y = Exp.apply(x)
        z = Double.apply(y * 1)[0:1]
        nodes = [weakref.ref(y.grad_fn), weakref.ref(z.grad_fn)]
        del y, z
        assert [node() for node in nodes] == [None, None]
    finally:
        gc.enable()


def test_functions_nest() -> None:
    class Outer(Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            with torch.enable_grad():
                leaf = x.detach().requires_grad_()
                inner = Exp.apply(leaf) * 2
            ctx.leaf, ctx.inner = leaf, inner
            return inner.detach()

        @staticmethod
        def backward(ctx: Any, ct: Any) -> Any:
            return grad(ctx.inner, ctx.leaf, ct)[0]

    x = numbers(0.0, 1.0)
    Outer.apply(x).sum().backward()
    assert x.grad.tolist() == pytest.approx([2.0, 5.43656365691809])


def test_arguments_left_out_or_named_are_told_to_setup_context() -> None:
    seen: list[Any] = []

    class Pick(Function):
        @staticmethod
        def forward(x: Any, index: int = 1) -> Any:
            return x[index] * 2

        @staticmethod
        def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
            x, ctx.index = inputs
            ctx.shape = x.shape
            seen.append(ctx.index)

        @staticmethod
        def backward(ctx: Any, ct: Any) -> Any:
            whole = ct.new_zeros(ctx.shape)
            whole[ctx.index] = 2 * ct
            return whole, None

    x = torch.ones(3, requires_grad=True)
    for given in ({}, {"index": 2}):
        (found,) = torch.autograd.grad(Pick.apply(x, **given), x)
        assert found.tolist() == ([0.0, 2.0, 0.0] if not given else [0.0, 0.0, 2.0])
    assert seen[:2] == [1, 2]


def test_a_tangent_for_what_was_marked_non_differentiable_is_refused() -> None:
    class Two(Function):
        @staticmethod
        def forward(ctx: Any, x: Any, y: Any) -> Any:
            still = y.clone()
            ctx.mark_non_differentiable(still)
            return x.clone(), still

        @staticmethod
        def jvp(ctx: Any, a: Any, b: Any) -> Any:
            return a, a.clone()

    with torch.autograd.forward_ad.dual_level():
        dual = torch.autograd.forward_ad.make_dual(torch.tensor(2.0), torch.tensor(1.0))
        with pytest.raises(RuntimeError, match="You should return None at that position instead"):
            Two.apply(dual, torch.tensor(3.0))


def test_a_view_made_by_forward_says_so_when_it_is_written() -> None:
    class Same(Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x.view_as(x)

        @staticmethod
        def backward(ctx: Any, ct: Any) -> Any:
            return ct

    trainable = torch.ones(2, requires_grad=True)
    for x in (torch.ones(2), torch.ones(2, requires_grad=True).clone()):
        view = Same.apply(x)
        with pytest.raises(RuntimeError, match="This view was created inside a custom Function"):
            view += trainable


def test_backward_may_run_inside_backward_thousands_of_times() -> None:
    """Each run inside another makes the stack deeper: beyond some of them a thread of its own goes on."""
    class Counting(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            with torch.enable_grad():
                ctx.below = x.detach().requires_grad_() - 1
            return ctx.below.detach()

        @staticmethod
        def backward(ctx, grad):
            if ctx.below < 0:
                return 2 * grad
            with torch.enable_grad():
                (inner,) = torch.autograd.grad(Counting.apply(ctx.below).sum(), ctx.below)
            return inner

    x = torch.tensor(1500.0, requires_grad=True)
    Counting.apply(x).sum().backward()
    assert x.grad == 2


def test_an_error_deep_inside_backward_arrives_outside_and_leaves_nothing_behind() -> None:
    class Failing(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.left = float(x)
            return x.clone()

        @staticmethod
        def backward(ctx, grad):
            if ctx.left == 0:
                raise ValueError("at the bottom")
            with torch.enable_grad():
                Failing.apply(torch.tensor(ctx.left - 1, requires_grad=True)).backward()
            return grad

    for _ in range(2):
        with pytest.raises(ValueError, match="at the bottom"):
            Failing.apply(torch.tensor(130.0, requires_grad=True)).backward()
    with pytest.raises(RuntimeError, match="during backward"):
        torch.autograd.Variable._execution_engine.queue_callback(lambda: None)


class Doubled(torch.autograd.Function):
    """Doubles in place, and returns as many tensors as it is told."""

    @staticmethod
    def forward(ctx, x, count):
        ctx.mark_dirty(x.mul_(2))
        return x if count == 1 else (x, x + 1)

    @staticmethod
    def backward(ctx, *grads):
        return sum(grads) * 2, None


def test_a_view_is_written_by_a_function_of_one_result_only() -> None:
    base = torch.ones(2, requires_grad=True).clone()
    assert Doubled.apply(base[:1], 1).tolist() == [2.0]
    assert [x.tolist() for x in Doubled.apply(torch.ones(2, requires_grad=True).clone(), 2)] == [[2.0, 2.0], [3.0, 3.0]]
    with pytest.raises(RuntimeError, match="cannot return more than one Tensor"):
        Doubled.apply(torch.ones(2, requires_grad=True).clone()[:1], 2)


@pytest.mark.parametrize(("pushed", "words"), [
    (lambda t: t[:2], None), (lambda t: t[:2].clone(), "not returning a view"),
    (lambda t: t.clone()[:2], "not returning a view of the given"),
])
def test_the_tangent_of_a_view_is_a_view_of_the_tangent(pushed, words) -> None:
    class First(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x[:2]

        @staticmethod
        def jvp(ctx, t):
            return pushed(t)

    with fwAD.dual_level():
        x = fwAD.make_dual(torch.ones(3), torch.arange(3.0))
        if words is None:
            assert fwAD.unpack_dual(First.apply(x)).tangent.tolist() == [0.0, 1.0]
        else:
            with pytest.raises(RuntimeError, match=words):
                First.apply(x)


class InPlace(torch.autograd.Function):
    """Doubles in place, and its tangent too if it is told so."""

    @staticmethod
    def forward(ctx, x, written):
        ctx.written = written
        ctx.mark_dirty(x.mul_(2))
        return x

    @staticmethod
    def backward(ctx, grad):
        return grad * 2, None

    @staticmethod
    def jvp(ctx, t, _):
        return t.mul_(2) if ctx.written else t


@pytest.mark.parametrize("grad", [False, True])
def test_a_jvp_in_place_writes_into_the_tangent(grad) -> None:
    with fwAD.dual_level():
        x = fwAD.make_dual(torch.ones(2, requires_grad=grad).clone(), torch.ones(2))
        assert fwAD.unpack_dual(InPlace.apply(x, True)).tangent.tolist() == [2.0, 2.0]
        with pytest.raises(RuntimeError, match="must modify the corresponding gradient inplace"):
            InPlace.apply(x, False)


def test_jvp_is_given_what_was_saved_for_it_only() -> None:
    class Kept(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, forward):
            ctx.save_for_backward(x)
            if forward:
                ctx.save_for_forward(x, x)
            return x.clone()

        @staticmethod
        def jvp(ctx, t, _):
            return t * len(ctx.saved_tensors)

    with fwAD.dual_level():
        x = fwAD.make_dual(torch.ones(1), torch.ones(1))
        assert [fwAD.unpack_dual(Kept.apply(x, way)).tangent.item() for way in (True, False)] == [2.0, 0.0]


def test_once_differentiable_ends_all_gradients_in_one_node() -> None:
    class Product(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, scale, y):
            ctx.scale = scale
            ctx.save_for_backward(x, y)
            return x * y * scale

        @staticmethod
        @torch.autograd.function.once_differentiable
        def backward(ctx, grad):
            x, y = ctx.saved_tensors
            return grad * y * ctx.scale, None, grad * x * ctx.scale

    x, y = torch.ones(2, requires_grad=True), torch.ones(2, requires_grad=True)
    dx, dy = torch.autograd.grad(Product.apply(x, 3, y).sum(), (x, y), create_graph=True)
    assert dx.grad_fn.name() == "Error" and dx.grad_fn is dy.grad_fn
    below = [type(node).__name__ for node, _ in dx.grad_fn.next_functions]
    assert below == ["AccumulateGrad", "NoneType", "AccumulateGrad"]  # one edge an argument, as PyTorch
    with pytest.raises(RuntimeError, match="differentiate twice"):
        dx.sum().backward()
