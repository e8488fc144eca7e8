"""What programs see and change of the tape: places on it, hooks, what its nodes tell, the dtype of gradients."""

from __future__ import annotations

import contextlib
import gc
import weakref
from typing import Any

import pytest

import wengert as torch
from wengert.autograd import Function, grad
from wengert.autograd.graph import GradientEdge, get_gradient_edge, saved_tensors_hooks
from wengert.compat import torch_is_wengert
from wengert.testing import make_tensor


def leaf(*values: float, **options: Any) -> Any:
    return torch.tensor(values, requires_grad=True, **options)


# --- places on the tape -----------------------------------------------------------------------------------------------


def test_an_edge_stands_for_an_output_with_its_shape_and_dtype() -> None:
    x = leaf(1.0, 2.0)
    whole, single = x.sin(), x.cos().sum()
    edge = get_gradient_edge(single)
    assert torch.equal(grad(edge, x, retain_graph=True)[0], -x.sin())
    edges = (edge, get_gradient_edge(whole))
    assert torch.equal(grad(edges, x, (None, torch.ones(2)), retain_graph=True)[0], x.cos() - x.sin())
    with pytest.raises(RuntimeError, match="only for scalar outputs"):
        grad(get_gradient_edge(whole), x)
    with pytest.raises(RuntimeError, match="Mismatch in shape"):
        grad(edge, x, torch.ones(3))
    with pytest.raises(RuntimeError, match="required to have the same dtype"):
        grad(edge, x, torch.ones((), dtype=torch.complex64))
    torch.autograd.backward(edge)
    assert torch.equal(x.grad, -x.sin())


def test_an_edge_keeps_its_graph() -> None:
    x = leaf(2.0)
    edge = get_gradient_edge((x * 3).clone())
    torch.autograd.backward(edge)
    assert x.grad.item() == 3


def test_zeros_for_what_is_not_there_can_be_differentiated() -> None:
    x, y = leaf(1.0), leaf(1.0)
    (zeros,) = grad(x * 2, y, materialize_grads=True, create_graph=True)
    assert zeros.requires_grad and torch.equal(grad(zeros, x, materialize_grads=True)[0], torch.zeros(1))
    assert not grad(x * 2, y, materialize_grads=True)[0].requires_grad
    edge = GradientEdge(y.clone().grad_fn, 0)
    assert grad(x * 2, edge, allow_unused=True) == (None,)
    with pytest.raises(RuntimeError, match="materialize_grads cannot be used"):
        grad(x * 2, edge, materialize_grads=True)
    with pytest.raises(RuntimeError, match="cannot be empty"):
        grad(x * 2, [])


@pytest.mark.parametrize("shape", [(2,), (3, 3, 2), (2, 1)])
def test_batches_of_gradients_of_another_shape(shape: tuple[int, ...]) -> None:
    x = leaf(1.0, 2.0, 3.0)
    with pytest.raises(RuntimeError, match="If `is_grads_batched=True`, we interpret the first"):
        grad(x * 2, x, torch.ones(shape), is_grads_batched=True)


def test_what_a_node_tells_and_takes() -> None:
    x = leaf(1.0, 2.0)
    node = (x * 2).grad_fn
    (meta,) = node._input_metadata
    assert meta.shape == (2,) and meta.dtype == torch.float32
    for cotangents in ((), (torch.ones(2), torch.ones(2))):
        with pytest.raises(TypeError, match=r"expected 1 arguments, got . instead"):
            node(*cotangents)
    assert type(node.next_functions[0][0]).__name__ == "AccumulateGrad"
    values, _ = x.sort()
    assert [meta.shape for meta in values.grad_fn._input_metadata if meta.dtype is not None][0] == (2,)


# --- hooks ------------------------------------------------------------------------------------------------------------


def test_hooks_of_a_node_that_is_an_input_of_backward_run() -> None:
    seen: list[str] = []
    x = leaf(1.0)
    y = x * 2
    y.grad_fn.register_prehook(lambda grads: seen.append("before"))
    y.register_hook(lambda grad: seen.append("tensor"))
    (y * 3).backward(inputs=[y])
    assert seen == ["tensor", "before"] and y.grad.item() == 3 and x.grad is None


def test_a_hook_hears_that_another_output_has_a_gradient() -> None:
    seen: list[Any] = []
    for number, expected in ((0, [1.0]), (1, None)):
        seen.clear()
        outputs = Both.apply(leaf(1.0))
        outputs[0].register_hook(seen.append)
        outputs[number].backward()
        assert [None if grad is None else grad.tolist() for grad in seen] == [expected]


class Both(Function):
    """An argument, twice and three times."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        return x * 2, x * 3

    @staticmethod
    def backward(ctx: Any, first: Any, second: Any) -> Any:
        return first * 2 + second * 3


def test_a_hook_after_accumulation_returns_nothing() -> None:
    x = leaf(1.0)
    x.register_post_accumulate_grad_hook(lambda tensor: tensor.grad)
    with pytest.raises(RuntimeError, match="hooks should return None"):
        (x * 2).backward()


def test_hooks_on_saved_tensors_may_be_entered_again_and_left_in_any_order() -> None:
    seen: list[str] = []

    def named(name: str) -> saved_tensors_hooks:
        def pack(tensor: Any) -> Any:
            seen.append(name)
            return tensor

        return saved_tensors_hooks(pack, lambda tensor: tensor)

    first, second = named("first"), named("second")
    with first, first, second:
        leaf(1.0).exp()
        second.__exit__()
        leaf(1.0).exp()
        second.__enter__()
    assert seen == ["second", "first"]
    seen.clear()
    leaf(1.0).exp().backward()
    assert seen == []
    second.__exit__()  # of none in force


# --- Functions --------------------------------------------------------------------------------------------------------


class Twice(Function):
    """One result in two places."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        out = x * 2
        return out, out

    @staticmethod
    def backward(ctx: Any, first: Any, second: Any) -> Any:
        return first * 2 + second * 2


def test_a_result_that_is_given_twice_is_one_tensor() -> None:
    x = leaf(1.0, dtype=torch.float64)
    a, b = Twice.apply(x)
    assert a is b
    assert torch.autograd.gradcheck(lambda x: sum(Twice.apply(x)), (x,))


class Constant(Function):
    """A result without gradient beside one that has it."""

    quiet = False
    seen: Any = None

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        first, second = x.clone(), x.clone()
        ctx.mark_non_differentiable(second)
        ctx._materialize_non_diff_grads = not Constant.quiet
        return first, second

    @staticmethod
    def backward(ctx: Any, first: Any, second: Any) -> Any:
        Constant.seen = second
        return first


@pytest.mark.parametrize("quiet", [False, True])
def test_zeros_for_what_has_no_gradient(quiet: bool) -> None:
    Constant.quiet = quiet
    Constant.apply(leaf(1.0))[0].backward()
    assert (Constant.seen is None) == quiet


def test_saved_variables_are_saved_tensors() -> None:
    class Old(Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            return x * 2

        @staticmethod
        def backward(ctx: Any, grad: Any) -> Any:
            with pytest.warns(DeprecationWarning, match="saved_variables"):
                (x,) = ctx.saved_variables
            return grad * x

    x = leaf(5.0)
    Old.apply(x).backward()
    assert x.grad.item() == 5


def test_a_mode_around_a_class_is_in_force_while_an_instance_is_made() -> None:
    with pytest.warns(FutureWarning, match="Decorating classes is deprecated"):

        @torch.no_grad()
        class Made:
            def __init__(self) -> None:
                self.recorded = torch.is_grad_enabled()

            def now(self) -> bool:
                return torch.is_grad_enabled()

    made = Made()
    assert not made.recorded and made.now()


def test_a_view_keeps_its_history_when_its_base_leaves_the_tape() -> None:
    x = torch.ones(4, requires_grad=True)
    part = x[:2]
    x.detach_()
    assert part.requires_grad and part._base is x and not x.requires_grad


# --- the dtype of gradients -------------------------------------------------------------------------------------------


class Doubled(Function):
    """Its gradient is of another dtype."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        return x * 2

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        return grad.double()


@pytest.mark.parametrize("dtype", [None, torch.float16, torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("create_graph", [False, True])
def test_a_gradient_is_collected_in_the_dtype_asked_for(dtype: Any, create_graph: bool) -> None:
    x = leaf(1.0, 2.0)
    assert x.grad_dtype == torch.float32
    x.grad_dtype = dtype
    Doubled.apply(x).sum().backward(create_graph=create_graph)
    assert x.grad_dtype is dtype and x.grad.dtype == (torch.float64 if dtype is None else dtype)
    Doubled.apply(x).sum().backward(create_graph=create_graph)
    assert x.grad.tolist() == [2.0, 2.0] and x.grad.dtype == (torch.float64 if dtype is None else dtype)
    x.grad = None


def test_what_grad_dtype_refuses() -> None:
    x = leaf(1.0)
    computed = x * 2
    with pytest.raises(RuntimeError, match="can only be accessed on leaf tensors"):
        _ = computed.grad_dtype
    with pytest.raises(RuntimeError, match="can only be set on leaf tensors"):
        computed.grad_dtype = torch.float16
    x.grad_dtype = torch.float16
    with pytest.raises(RuntimeError, match=r"dtype 'float' to a tensor with grad_dtype 'Half'"):
        x.grad = torch.ones(1)
    x.grad = torch.ones(1, dtype=torch.float16)
    with pytest.raises(RuntimeError, match="Cannot set grad_dtype .* because there is already a gradient"):
        x.grad_dtype = torch.float64
    with pytest.raises(TypeError, match="a dtype or None"):
        x.grad_dtype = "float16"


def test_what_cannot_be_deleted() -> None:
    x = leaf(1.0)
    for name in ("data", "requires_grad"):
        with pytest.raises(RuntimeError, match=rf"\[{name}\] .* deleted"):
            delattr(x, name)


# --- PyTorch's inside -------------------------------------------------------------------------------------------------


def test_what_the_run_of_backward_tells() -> None:
    with torch_is_wengert():
        import torch as face

        c, seen = face._C, []
        x, other = face.ones(1, requires_grad=True), face.ones(1, requires_grad=True)
        y = x.sin()
        z = (y * other).exp()

        def look(grad: Any) -> None:
            seen.append((c._current_graph_task_id(), c._current_autograd_node().name(),
                         [c._will_engine_execute_node(node) for node in (y.grad_fn, z.grad_fn)],
                         [node.name() for node in c._current_graph_task_execution_order()]))

        z.register_hook(look)
        with face.autograd.set_multithreading_enabled(False):
            z.backward(retain_graph=True)
            face.autograd.grad(z, other, retain_graph=True)
        names = ["ExpBackward0", "MulBackward0", "torch::autograd::AccumulateGrad", "SinBackward0",
                 "torch::autograd::AccumulateGrad"]
        assert [entry[1:3] for entry in seen] == [("ExpBackward0", [True, True]), ("ExpBackward0", [False, True])]
        assert seen[1][0] == seen[0][0] + 1 and sorted(seen[0][3]) == sorted(names) and len(seen[1][3]) == 3
        assert c._current_graph_task_id() == -1 and c._current_autograd_node() is None
        with pytest.raises(RuntimeError, match="only be called during the backward pass"):
            c._will_engine_execute_node(z.grad_fn)
        with pytest.raises(RuntimeError, match="expects an grad_fn"):
            c._will_engine_execute_node(z)


def test_nodes_that_are_made_by_name() -> None:
    with torch_is_wengert():
        import torch as face

        functions = face._C._functions
        x = face.ones(1, requires_grad=True)
        assert isinstance(x.exp().grad_fn.next_functions[0][0], functions.AccumulateGrad)
        with pytest.raises(RuntimeError, match="Boom"):
            functions.DelayedError("Boom", 1)(x).backward()
        functions.UndefinedGrad()(x * 2).backward()
        assert x.grad is None
        from torch.autograd._functions import Resize

        assert face.autograd.grad(Resize.apply(x, (1, 1)).sum(), x)[0].shape == (1,)
        y = x.clone()
        y.add_(1)
        with face.autograd._unsafe_preserve_version_counter(y):
            y.add_(1)
        assert y._version == 1
        c = face._C._autograd
        c._unsafe_set_version_counter((y,), (7,))
        assert y._version == 7


def test_what_is_let_go() -> None:
    gc.disable()
    try:
        edge = get_gradient_edge(leaf(1.0).exp())
        reference = weakref.ref(edge.node)
        del edge
        assert reference() is None
    finally:
        gc.enable()


# --- tensors for tests ------------------------------------------------------------------------------------------------

DTYPES = [torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64, torch.uint16, torch.uint64,
          torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.complex64, torch.complex128]


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_made_tensors_lie_in_their_range(dtype: Any) -> None:
    torch.manual_seed(0)
    made = make_tensor(40, 5, dtype=dtype)
    parts = torch.view_as_real(made) if dtype.is_complex else made
    low, high = (0, 1) if dtype == torch.bool else (0, 9) if dtype.kind == "u" else (-9, 9)
    assert made.shape == (40, 5) and made.dtype == dtype and parts.min().item() >= low and parts.max().item() <= high
    gaps = make_tensor((4, 3), dtype=dtype, noncontiguous=True, exclude_zero=True)
    assert gaps.stride() == (6, 2) and not (gaps == 0).any()
    assert make_tensor((), dtype=dtype).shape == () and make_tensor((0, 2), dtype=dtype).numel() == 0
    if dtype.is_floating_point:
        assert make_tensor(100, dtype=dtype, low=-float("inf"), high=float("inf")).isfinite().all()


def test_what_make_tensor_refuses() -> None:
    for options, match in (({"low": float("nan")}, "NaN"), ({"low": 2, "high": 1}, "less than"),
                           ({"low": 300, "high": 400}, "only supports"), ({"requires_grad": True}, "not supported"),
                           ({"noncontiguous": True, "memory_format": torch.contiguous_format}, "mutually exclusive")):
        with pytest.raises(ValueError, match=match):
            make_tensor(2, dtype=torch.uint8, **options)  # type: ignore[arg-type]


# --- what a checkpoint's second run does otherwise --------------------------------------------------------------------


def changing(first: Any, second: Any) -> Any:
    """A function that is another when it runs again."""
    runs: list[Any] = []

    def run(x: Any) -> Any:
        runs.append(None)
        return (first if len(runs) == 1 else second)(x)

    return run


def two(x: Any) -> Any:
    return x.sin().exp()


def three(x: Any) -> Any:
    return two(x).sin()


def wider(x: Any) -> Any:
    return x.sin() * torch.tensor([1.0, 2.0])


@pytest.mark.parametrize(("first", "second", "match"), [
    (three, two, "A different number of tensors was saved"), (two, three, "trying to save more tensors"),
    (two, wider, "tensors have different metadata")])
@pytest.mark.parametrize("debug", [False, True, None])
def test_a_second_run_that_differs(first: Any, second: Any, match: str, debug: bool | None) -> None:
    from wengert.utils import checkpoint as checkpoints

    with checkpoints.set_checkpoint_early_stop(False), checkpoints.set_checkpoint_debug_enabled(debug):
        y = checkpoints.checkpoint(changing(first, second), leaf(1.0), use_reentrant=False, debug=True)
        with pytest.raises(checkpoints.CheckpointError, match=match) as caught:
            y.sum().backward()
    assert ("second run: float32 [1]" in str(caught.value).replace("torch.", "")) == (debug is not False)


def test_a_checkpoint_with_a_run_of_its_own_is_no_part_of_grad() -> None:
    from wengert.utils.checkpoint import checkpoint

    x = leaf(1.0)
    with pytest.raises(RuntimeError, match=r"incompatible with \.grad\(\)"):
        grad(checkpoint(torch.exp, x, use_reentrant=True), x)
    checkpoint(torch.exp, x, use_reentrant=True).backward()
    assert x.grad is not None


def test_a_callback_may_queue_another() -> None:
    from wengert.autograd.variable import Variable

    seen: list[str] = []
    queue = Variable._execution_engine.queue_callback

    def first() -> None:
        seen.append("first")
        queue(lambda: seen.append("second"))

    y = leaf(1.0) * 2
    y.register_hook(lambda grad: queue(first))
    y.backward()
    assert seen == ["first", "second"]


def test_an_error_that_is_no_matter_of_operands_keeps_its_class() -> None:
    y = leaf(1.0) * 2

    def deeper(grad: Any) -> None:
        deeper(grad)

    y.register_hook(deeper)
    with pytest.raises(RecursionError):
        y.backward()


# --- what is saved, before it is brought back -------------------------------------------------------------------------


class Saving(Function):
    """It saves its argument and nothing."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.save_for_backward(x, None)
        return x * 1

    @staticmethod
    def vjp(ctx: Any, grad: Any) -> Any:
        return grad


def test_saved_tensors_of_a_function() -> None:
    y = Saving.apply(leaf(1.0))
    saved, nothing = y.grad_fn._raw_saved_tensors
    with pytest.raises(RuntimeError, match="None is forbidden"):
        nothing.register_hooks(lambda x: x, lambda x: x)
    for hooks in ((lambda x: x,), (1, 1)):
        with pytest.raises(TypeError, match="incompatible function arguments"):
            saved.register_hooks(*hooks)
    assert saved.unpack_hook is None and saved.data.item() == 1
    saved.register_hooks(lambda x: "kept", lambda x: torch.ones(1))
    assert saved.data == "kept" and saved.unpack_hook is not None
    with pytest.raises(RuntimeError, match="already been set"):
        saved.register_hooks(lambda x: x, lambda x: x)
    y.backward()
    with pytest.raises(RuntimeError, match="after they have already been freed"):
        _ = y.grad_fn._raw_saved_tensors


def test_a_module_that_shares_its_name_with_a_function() -> None:
    with torch_is_wengert():
        import torch as face
        from torch.autograd.gradcheck import GradcheckError

        assert callable(face.autograd.gradcheck) and issubclass(GradcheckError, RuntimeError)


def test_warn_always() -> None:
    assert not torch.is_warn_always_enabled()
    torch.set_warn_always(True)
    assert torch.is_warn_always_enabled()
    torch.set_warn_always(False)
    with pytest.raises(TypeError, match="bool"):
        torch.set_warn_always(1)  # type: ignore[arg-type]


# --- what Functions may do in place -----------------------------------------------------------------------------------


class Shifted(Function):
    """One more, in place; or what it is not allowed to mark."""

    @staticmethod
    def forward(ctx: Any, x: Any, how: str) -> Any:
        out = x.add_(1) if how == "input" else (x + 1) if how == "own" else (x + 1).view_as(x)
        ctx.mark_dirty(out)
        return out

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        return grad, None


def test_only_inputs_are_marked_dirty() -> None:
    x = leaf(1.0)
    assert Shifted.apply(x.clone(), "input").item() == 2
    with pytest.warns(UserWarning, match="Only input Tensors should be given"):
        Shifted.apply(x.clone(), "own")
    with pytest.raises(RuntimeError, match="received a tensor that was not an input"):
        Shifted.apply(x.clone(), "view")


class Same(Function):
    """Its argument as it is."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        return x

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        return grad


def test_why_a_view_may_not_be_written() -> None:
    base = leaf(1.0, 2.0).clone()
    with torch.no_grad():
        part = base[:1]
    with pytest.raises(RuntimeError, match="created in no_grad mode and is being modified inplace"):
        part.add_(1)
    given = Same.apply(base)
    with pytest.raises(RuntimeError, match="Output 0 of Same is a view and is being modified inplace. This "
                                           "view was created inside a custom Function"):
        given.add_(1)


def test_one_of_two_names_for_backward() -> None:
    class Both(Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x * 1

        @staticmethod
        def backward(ctx: Any, grad: Any) -> Any:
            return grad

        @staticmethod
        def vjp(ctx: Any, grad: Any) -> Any:
            return grad

    with pytest.raises(RuntimeError, match="Implementing both 'backward' and 'vjp'"):
        Both.apply(leaf(1.0)).backward()


def test_what_is_a_node() -> None:
    from wengert.autograd.graph import Node

    y = leaf(1.0).exp()
    for node in (y.grad_fn, y.grad_fn.next_functions[0][0], Same.apply(y).grad_fn):
        assert isinstance(node, Node) and issubclass(type(node), Node) and Node not in type(node).mro()
    assert not isinstance(None, Node) and not isinstance(Node, Node) and issubclass(Node, Node)
    assert not issubclass(int, Node)


def test_what_was_saved_is_the_leaf_itself() -> None:
    x, places = leaf(1.0, 2.0), torch.tensor([1, 0])
    y = x * x
    assert y.grad_fn._saved_self is x and y.grad_fn._raw_saved_other.data is x
    assert y.grad_fn._raw_saved_self.unpack() is x
    picked = x.reshape(1, 2)[:, places].grad_fn
    none, kept = picked._raw_saved_indices
    kept.register_hooks(lambda t: t, lambda t: t)
    with pytest.raises(RuntimeError, match="None is forbidden"):
        none.register_hooks(lambda t: t, lambda t: t)
    with pytest.raises(RuntimeError, match="from Python is forbidden"):
        torch.autograd.SavedTensor()


def test_what_was_saved_to_be_written_is_read_inside_alone() -> None:
    allowed = torch.autograd.graph.allow_mutation_on_saved_tensors
    with allowed():
        y = (leaf(1.0, 2.0) ** 2).sum()
        with pytest.raises(RuntimeError, match="cannot be nested"), allowed():
            pass
    for again in (allowed(), contextlib.nullcontext()):
        with again, pytest.raises(AssertionError, match="outside of the 'allow_mutation_on_saved_tensors' context"):
            y.backward()


def test_hooks_on_a_view_as_it_was_do_not_see_what_comes_of_a_write() -> None:
    x = leaf(1.0, 2.0).clone()
    part = x[:1]
    part.register_hook(lambda grad: pytest.fail("the view was written"))
    part.mul_(2)
    (part + x).sum().backward()


def test_a_pure_view_may_be_written() -> None:
    class First(Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx._is_pure_view = True
            return x[:1]

        @staticmethod
        def backward(ctx: Any, grad: Any) -> Any:
            return torch.cat([grad, torch.zeros(1)])

    x = leaf(1.0, 2.0)
    whole = x.clone()
    First.apply(whole).mul_(3)
    whole.sum().backward()
    assert x.grad.tolist() == [3.0, 1.0]


def test_checkpoints_of_functions_that_run_backward_themselves() -> None:
    from wengert.utils.checkpoint import checkpoint, set_checkpoint_early_stop

    def plain(x: Any) -> Any:
        return x.sin().exp().sin()

    def with_runs_inside(x: Any) -> Any:
        for _ in range(2):
            grad(plain(x), x)
        return x.sin()

    def kept(function: Any) -> Any:
        return lambda x: checkpoint(function, x, use_reentrant=False)

    def slope(function: Any) -> Any:
        def of(x: Any) -> Any:
            with torch.enable_grad():
                return grad(function(x), x, create_graph=True)[0]

        return of

    x = torch.tensor(0.7, requires_grad=True)
    for early in (True, False):
        for f in (plain, with_runs_inside):
            for order, functions in enumerate([
                    [kept(f), kept(kept(f))], [slope(kept(f)), slope(kept(kept(f)))],
                    [slope(kept(slope(f))), kept(slope(slope(kept(f)))), slope(kept(slope(kept(f))))]]):
                expected: Any = f
                for _ in range(order):
                    expected = slope(expected)
                for function in functions:
                    with set_checkpoint_early_stop(early):
                        assert function(x).item() == pytest.approx(expected(x).item())
                        assert slope(function)(x).item() == pytest.approx(slope(expected)(x).item())


def test_a_function_can_ask_whether_the_graph_is_kept() -> None:
    found = []
    y = leaf(1.0).exp()
    y.register_hook(lambda _: found.append(asked()))
    with torch_is_wengert():
        from torch._C._autograd import _get_current_graph_task_keep_graph as asked

        y.backward(retain_graph=True)
        y.backward()
    assert found == [True, False] and asked()


def test_a_leafs_node_has_notes_too() -> None:
    node = leaf(1.0).exp().grad_fn.next_functions[0][0]
    node.metadata["seen"] = 1
    assert node.metadata == {"seen": 1}


def test_short_names_of_dtypes_and_the_calls_that_go_on() -> None:
    with torch_is_wengert():
        from torch._C._profiler import gather_traceback, symbolize_tracebacks
        from torch.utils._dtype_abbrs import dtype_abbrs

        short = [dtype_abbrs[each] for each in (torch.float32, torch.bfloat16, torch.bool, torch.uint8, torch.complex64,
                                                torch.float8_e4m3fn)]
        assert short == ["f32", "bf16", "b8", "u8", "c64", "f8e4m3fn"]
        (frames,) = symbolize_tracebacks([gather_traceback(True, False, False)])
    assert frames[0]["name"] == "test_short_names_of_dtypes_and_the_calls_that_go_on"
