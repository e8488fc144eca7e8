"""What the tape shows of itself, held against PyTorch: classes and saved values of nodes, hooks on several tensors,
places on the tape as inputs and outputs of backward, names of layers' nodes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import pytest

import wengert
from tests.peer.agreement import MODULES
from tests.peer.side_by_side import agree, both

SAVED: dict[str, tuple[Callable[[Any, Any, Any], Any], tuple[str, ...]]] = {
    "pow": (lambda T, x, y: x**3, ("self", "exponent")), "exp": (lambda T, x, y: x.exp(), ("result",)),
    "mul": (lambda T, x, y: x * y, ("self", "other")), "tanh": (lambda T, x, y: x.tanh(), ("result",)),
    "div": (lambda T, x, y: x / y, ("self", "other")), "mm": (lambda T, x, y: x @ y, ("self", "mat2")),
    "log": (lambda T, x, y: x.log(), ("self",)), "sigmoid": (lambda T, x, y: x.sigmoid(), ("result",)),
    "addcmul": (lambda T, x, y: T.addcmul(x, x, y), ("tensor1", "tensor2")),
    "relu": (lambda T, x, y: x.relu(), ("result",)),
}


@pytest.mark.parametrize("name", SAVED)
def test_nodes_have_classes_and_show_what_they_saved(name: str) -> None:
    function, words = SAVED[name]
    found = []
    for T in MODULES:
        x, y = (T.tensor([[0.5, 2.0], [1.5, 0.25]], requires_grad=True) for _ in range(2))
        node = function(T, x, y).grad_fn
        assert isinstance(node, type(node))
        saved = [getattr(node, f"_saved_{word}") for word in words]
        found.append([type(node).__name__, *(each.tolist() if hasattr(each, "tolist") else each for each in saved)])
        function(T, x, y).sum().backward()
    agree(found[0], found[1], 1e-6, 1e-6)


def test_saved_values_that_were_freed_are_an_error() -> None:
    for T in MODULES:
        x = T.ones(2, requires_grad=True)
        y = x.exp()
        y.sum().backward()
        with pytest.raises(RuntimeError, match="freed"):
            y.grad_fn._saved_result  # noqa: B018
        with pytest.raises(AttributeError):
            y.grad_fn._saved_nothing  # noqa: B018


WITHOUT: dict[str, Callable[[Any, Any], Any]] = {
    "heaviside": lambda T, x: T.heaviside(x, T.ones_like(x)),
    "heaviside's value": lambda T, x: T.heaviside(x.detach(), x),
    "unique": lambda T, x: T.unique(x), "unique, by dim": lambda T, x: T.unique(x, dim=0, return_counts=True)[0],
    "unique_consecutive": lambda T, x: T.unique_consecutive(x, return_inverse=True)[0],
    "histogram": lambda T, x: T.histogram(x, 3).hist, "edges": lambda T, x: T.histogram(x, 3).bin_edges,
    "histogramdd": lambda T, x: T.histogramdd(x, [2, 2]).hist,
}


@pytest.mark.parametrize("name", WITHOUT)
def test_what_has_no_derivative_is_on_the_tape_and_backward_says_so(name: str) -> None:
    for T in MODULES:
        y = WITHOUT[name](T, T.tensor([[0.5, 2.0], [1.5, 0.0]], requires_grad=True))
        assert y.requires_grad, T
        with pytest.raises(RuntimeError, match="derivative for .* is not implemented"):
            y.sum().backward()
        assert not WITHOUT[name](T, T.ones(2, 2)).requires_grad


def test_pack_hooks_are_given_the_leaf_itself() -> None:
    for T in MODULES:
        seen: list[Any] = []
        weight = T.nn.Parameter(T.ones(2))
        with T.autograd.graph.saved_tensors_hooks(lambda x, seen=seen: (seen.append(x), x)[1], lambda x: x):
            y = weight * weight
        assert seen[0] is weight and seen[1] is weight
        y.sum().backward()
        assert weight.grad.tolist() == [2.0, 2.0]


def test_a_function_gets_back_the_tensors_that_it_saved() -> None:
    for T in MODULES:
        found: list[Any] = []

        class Keeping(T.autograd.Function):  # type: ignore[name-defined, misc]
            @staticmethod
            def forward(ctx: Any, x: Any, y: Any) -> Any:
                out = x * y
                ctx.save_for_backward(x, y, out)
                return out

            @staticmethod
            def backward(ctx: Any, ct: Any, found: list[Any] = found) -> Any:
                found.extend(ctx.saved_tensors)
                return ct * found[1], None

        x, y = T.ones(2, requires_grad=True), T.full((2,), 3.0)
        out = Keeping.apply(x, y)
        out.sum().backward()
        assert found[0] is x and found[1] is y and found[2] is not out
        assert found[2].grad_fn is out.grad_fn


def test_saved_tensors_may_be_given_away_at_the_first_access() -> None:
    for T in MODULES:
        for times in (1, 2):
            class Giving(T.autograd.Function):  # type: ignore[name-defined, misc]
                clear_saved_tensors_on_access = True

                @staticmethod
                def forward(ctx: Any, x: Any) -> Any:
                    ctx.save_for_backward(x)
                    return x.clone()

                @staticmethod
                def backward(ctx: Any, ct: Any, times: int = times) -> Any:
                    return [ctx.saved_tensors for _ in range(times)][0][0] * ct

            out = Giving.apply(T.ones(2, requires_grad=True)).sum()
            if times == 1:
                out.backward()
                continue
            with pytest.raises(RuntimeError, match="can only be accessed once"):
                out.backward()


def test_dense_gradients_meet_sparse_ones() -> None:
    for T in MODULES:
        for create_graph in (False, True):
            x = T.ones(2, requires_grad=True)
            x.grad = T.sparse_coo_tensor([[1, 1]], T.tensor([1.0, 1.0]), check_invariants=False)
            x.backward(T.tensor([1.5, 2.5]), create_graph=create_graph)
            assert not x.grad.is_sparse and x.grad.tolist() == [1.5, 4.5]


@pytest.mark.parametrize("mode", ["all", "any"])
def test_hooks_on_several_tensors(mode: str) -> None:
    def program(T: Any) -> Any:
        seen: list[Any] = []

        def note(found: Any) -> None:
            seen.append([g if g is None else g.tolist() for g in found] if mode == "all" else found.tolist())

        a, b, unused = (T.ones(2, requires_grad=True) for _ in range(3))
        c = a * b
        d = c * a
        handle = T.autograd.graph.register_multi_grad_hook((a, b, c, d, unused), note, mode=mode)
        d.sum().backward(retain_graph=True)
        c.sum().backward(retain_graph=True)
        handle.remove()
        d.sum().backward()
        return seen

    both(program)


def test_places_on_the_tape_are_inputs_and_outputs() -> None:
    def program(T: Any) -> Any:
        place = T.autograd.graph.get_gradient_edge
        a, b = (T.full((2,), value, requires_grad=True) for value in (2.0, 3.0))
        c = a * b
        top, _ = T.stack([c, a]).max(0)
        edges = [place(c), place(top), place(a)]
        first = T.autograd.grad(top.sum(), edges, retain_graph=True)
        second = T.autograd.grad(place(top), [a, b], T.ones(2), retain_graph=True)
        T.autograd.backward(top.sum(), inputs=[place(a)], retain_graph=True)
        return [first, second, a.grad, b.grad]

    both(program)


@pytest.mark.parametrize("shape", [(3,), (2, 3), (2, 2, 3), (2, 2, 2, 3)], ids=str)
def test_a_layer_goes_by_pytorchs_name_in_any_number_of_dimensions(shape: tuple[int, ...]) -> None:
    both(lambda T: [T.nn.Linear(3, 2, bias=bias)(T.ones(*shape)).grad_fn.name() for bias in (True, False)])


@pytest.mark.parametrize("enable", [True, False])
def test_a_checkpoint_runs_to_its_end_where_it_is_told_to(enable: bool) -> None:
    def program(T: Any) -> Any:
        runs: list[str] = []

        def function(x: Any) -> Any:
            y = x.exp()
            runs.append("end")
            return y

        x = T.ones(2, requires_grad=True)
        with T.utils.checkpoint.set_checkpoint_early_stop(enable):
            y = T.utils.checkpoint.checkpoint(function, x, use_reentrant=False)
        y.sum().backward()
        return [runs, x.grad]

    both(program)


def test_a_state_prints_as_an_ordered_dict() -> None:
    state = wengert.nn.Linear(1, 1).state_dict()
    assert repr(state) == repr(OrderedDict(state)) and repr(state).startswith("OrderedDict(")


def test_a_divergence_may_be_registered_of_any_class() -> None:
    class Own:
        pass

    for T in MODULES:
        T.distributions.kl.register_kl(Own, Own)(lambda p, q: "found")
        assert T.distributions.kl_divergence(Own(), Own()) == "found"
        with pytest.raises(TypeError):
            T.distributions.kl.register_kl(3, Own)


def of_copied_slices(T: Any) -> Any:
    whole = T.zeros(4)
    whole[:2] = T.ones(2, requires_grad=True)
    node = whole.grad_fn
    return [node.name(), type(node).__name__, type(node).__module__, repr(node).partition(" ")[0]]


def of_anomalies(T: Any) -> Any:
    with T.autograd.detect_anomaly():
        x = T.ones(2, requires_grad=True)
        y = (x**3).sum()
        grad, = T.autograd.grad(y, x, create_graph=True)
        on = T.is_anomaly_enabled(), T.is_anomaly_check_nan_enabled()
    lines, parent = y.grad_fn.metadata["traceback_"], grad.grad_fn.metadata["parent_"]
    return [on, "of_anomalies" in lines[-1], parent.name(), T.is_anomaly_enabled()]


def of_missing_values(T: Any) -> Any:
    (T.ones(3, requires_grad=True) * T.ones(3)).grad_fn._raw_saved_self.register_hooks(lambda x: x, lambda x: x)


def of_meta(T: Any) -> Any:
    meta, = T.ones(3, requires_grad=True).exp().grad_fn._input_metadata
    return [meta.shape, str(meta.dtype), str(meta.device), meta.is_nested_tensor, meta.is_cpp_nested_tensor]


def of_detached_duals(T: Any) -> Any:
    forward = T.autograd.forward_ad
    with forward.dual_level():
        y = forward.make_dual(T.ones(2), T.ones(2)).clone()
        return [y.detach_(), forward.unpack_dual(y).tangent]


def of_too_few_tangents(T: Any) -> Any:
    class Two(T.autograd.Function):  # type: ignore[name-defined, misc]
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x.clone(), x.clone()

        @staticmethod
        def jvp(ctx: Any, tangent: Any) -> Any:
            return tangent

    with T.autograd.forward_ad.dual_level():
        Two.apply(T.autograd.forward_ad.make_dual(T.ones(2), T.ones(2)))


def of_a_function_that_writes(T: Any) -> Any:
    class Twice(T.autograd.Function):  # type: ignore[name-defined, misc]
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.mark_dirty(x)
            return x.mul_(2)

        @staticmethod
        def jvp(ctx: Any, tangent: Any) -> Any:
            return tangent.mul_(2)

        @staticmethod
        def backward(ctx: Any, grad: Any) -> Any:
            return grad * 2

    forward, found = T.autograd.forward_ad, []
    for recorded in (False, True):
        with forward.dual_level():
            a = T.full((2,), 5.0, requires_grad=recorded)
            x = forward.make_dual(a.clone(), T.ones(2)) * 3
            y = Twice.apply(x)
            z = y * y
            found += [y is x, *[part.detach() for each in (x, z) for part in forward.unpack_dual(each)],
                      (x[:1] + 0).detach()]
            if recorded:
                found += T.autograd.grad(z.sum(), a)
    return found


def of_tangents_of_another_shape(T: Any) -> Any:
    class Wide(T.autograd.Function):  # type: ignore[name-defined, misc]
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x.clone()

        @staticmethod
        def jvp(ctx: Any, tangent: Any) -> Any:
            return T.ones(5)

    with T.autograd.forward_ad.dual_level():
        Wide.apply(T.autograd.forward_ad.make_dual(T.ones(2), T.ones(2)))


def of_sequence(T: Any) -> Any:
    x = T.ones(2, requires_grad=True).exp()
    return (x * 2).grad_fn._sequence_nr() - x.grad_fn._sequence_nr()


def of_unasked_results(T: Any) -> Any:
    x = T.tensor([1, 1, 2])
    return [*T._unique2(x), *T._unique2(x, return_inverse=True, return_counts=True), *T._unique(x, return_inverse=True)]


def of_a_checkpoint(T: Any) -> Any:
    return T.utils.checkpoint.checkpoint(lambda x: x.exp(), T.ones(2), use_reentrant=True)


SHOWN: dict[str, Callable[[Any], Any]] = {
    "slices that were written": of_copied_slices, "anomalies": of_anomalies, "a value that is not there":
    of_missing_values, "what a node takes": of_meta, "duals off the tape": of_detached_duals,
    "tangents of a Function": of_too_few_tangents, "numbers of nodes": of_sequence, "unique": of_unasked_results,
    "a checkpoint of constants": of_a_checkpoint,
    "a Function that writes duals": of_a_function_that_writes,
    "tangents of another shape": of_tangents_of_another_shape,
    "parts that may be written": lambda T: [
        getattr(T.ones(4, requires_grad=True).clone(), name)(2)[1].grad_fn.name()
        for name in ("unsafe_chunk", "unsafe_split")],
    "rounded quotients": lambda T: [
        [node.name(), node._saved_rounding_mode] for node in (
            T.div(T.ones(2, requires_grad=True), 2.0, rounding_mode=mode).grad_fn for mode in ("trunc", "floor"))],
}


@pytest.mark.parametrize("name", SHOWN)
def test_the_tape_tells_what_pytorchs_tells(name: str) -> None:
    both(SHOWN[name], warned="dual" not in name)  # PyTorch's decompositions warn of themselves
