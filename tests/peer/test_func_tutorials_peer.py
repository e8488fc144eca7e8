"""The tutorials about functions of functions, in our words, on both libraries: Jacobians and Hessians by every way,
gradients example by example, ensembles, tangent kernels, forward mode, Functions of one's own, batches and chance."""

from __future__ import annotations

from collections import OrderedDict
from functools import partial
from typing import Any

import numpy as np
import pytest

from tests.peer.side_by_side import both

pytest.importorskip("torch")
pytestmark = [pytest.mark.filterwarnings("ignore::DeprecationWarning"),
              pytest.mark.filterwarnings("ignore::UserWarning")]


def numbers(T: Any, *shape: int, seed: int = 0) -> Any:
    return T.from_numpy(np.random.RandomState(seed).uniform(-1, 1, shape))


def agree(*found: Any) -> None:
    """Within one library: all ways give the same."""
    for other in found[1:]:
        np.testing.assert_allclose(other.detach().numpy(), found[0].detach().numpy(), rtol=1e-9, atol=1e-11)


# --- Jacobians, Hessians, and their products --------------------------------------------------------------------------


def predict(T: Any, weight: Any, bias: Any, x: Any) -> Any:
    return T.nn.functional.linear(x, weight, bias).tanh()


def jacobians_every_way(T: Any) -> Any:
    weight, bias, x = numbers(T, 5, 4), numbers(T, 5, seed=1), numbers(T, 4, seed=2)
    point = x.clone().requires_grad_()
    rows = [T.autograd.grad(predict(T, weight, bias, point), point, unit)[0] for unit in T.eye(5, dtype=T.float64)]
    by_loop = T.stack(rows)
    f = partial(predict, T, weight, bias)
    _, pull = T.func.vjp(f, x)
    (by_map,) = T.func.vmap(pull)(T.eye(5, dtype=T.float64))
    columns = T.func.vmap(lambda unit: T.func.jvp(f, (x,), (unit,))[1], out_dims=1)(T.eye(4, dtype=T.float64))
    old = T.autograd.functional.jacobian(f, x)
    vectorised = T.autograd.functional.jacobian(f, x, vectorize=True)
    forward = T.autograd.functional.jacobian(f, x, vectorize=True, strategy="forward-mode")
    found = (by_loop, by_map, columns, T.func.jacrev(f)(x), T.func.jacfwd(f)(x), old, vectorised, forward,
             T.func.jacrev(f, chunk_size=2)(x), T.func.jacfwd(f, randomness="same")(x))
    agree(*found)
    return found


def jacobians_by_parameters(T: Any) -> Any:
    T.manual_seed(0)
    model = T.nn.Sequential(T.nn.Linear(4, 3), T.nn.Tanh(), T.nn.Linear(3, 2)).double()
    x, parameters = numbers(T, 4), dict(model.named_parameters())

    def outputs(parameters: Any, x: Any) -> Any:
        return T.func.functional_call(model, parameters, x)

    backward = T.func.jacrev(outputs, argnums=0)(parameters, x)
    forward = T.func.jacfwd(outputs, argnums=0)(parameters, x)
    for name in parameters:
        agree(backward[name], forward[name])
    return backward, T.func.jacrev(outputs, argnums=(0, 1))(parameters, x)


def hessians_every_way(T: Any) -> Any:
    weight, bias, x = numbers(T, 3, 4), numbers(T, 3, seed=1), numbers(T, 4, seed=2)
    f, F = partial(predict, T, weight, bias), T.func
    found = (F.hessian(f)(x), F.jacfwd(F.jacfwd(f))(x), F.jacfwd(F.jacrev(f))(x), F.jacrev(F.jacfwd(f))(x),
             F.jacrev(F.jacrev(f))(x))
    agree(*found)

    def total(x: Any) -> Any:
        return f(x).sum()

    by_functional = (T.autograd.functional.hessian(total, x), T.autograd.functional.hessian(total, x, vectorize=True),
                     T.autograd.functional.hessian(total, x, vectorize=True, outer_jacobian_strategy="forward-mode"))
    agree(found[0].sum(0), *by_functional)
    return found, by_functional[:2], by_functional[2].detach()  # PyTorch's requires grad, with nothing to send it to


def hessians_of_a_batch(T: Any) -> Any:
    weight, bias, xs = numbers(T, 3, 4), numbers(T, 3, seed=1), numbers(T, 5, 4, seed=2)
    f = partial(predict, T)
    each = T.func.vmap(T.func.hessian(f, argnums=2), in_dims=(None, None, 0))(weight, bias, xs)
    jacobians = T.func.vmap(T.func.jacrev(f, argnums=2), in_dims=(None, None, 0))(weight, bias, xs)
    summed = T.func.jacrev(lambda w, b, x: f(w, b, x).sum(dim=0), argnums=2)(weight, bias, xs).movedim(1, 0)
    agree(jacobians, summed)
    agree(each[2], T.func.hessian(f, argnums=2)(weight, bias, xs[2]))
    return each, jacobians


def products_with_a_hessian(T: Any) -> Any:
    weight, bias = numbers(T, 3, 4), numbers(T, 3, seed=1)
    xs, vs = numbers(T, 5, 4, seed=2), numbers(T, 5, 4, seed=3)

    def total(x: Any) -> Any:
        return predict(T, weight, bias, x).sum()

    def forward_over_reverse(f: Any, x: Any, v: Any) -> Any:
        return T.func.jvp(T.func.grad(f), (x,), (v,))[1]

    def reverse_over_reverse(f: Any, x: Any, v: Any) -> Any:
        _, pull = T.func.vjp(T.func.grad(f), x)
        return pull(v)[0]

    def reverse_over_forward(f: Any, x: Any, v: Any) -> Any:
        return T.func.grad(lambda x: T.func.jvp(f, (x,), (v,))[1])(x)

    x, v = xs[0], vs[0]
    found = (forward_over_reverse(total, x, v), reverse_over_reverse(total, x, v), reverse_over_forward(total, x, v),
             T.autograd.functional.hvp(total, x, v)[1], T.autograd.functional.vhp(total, x, v)[1],
             T.func.hessian(total)(x) @ v, T.func.linearize(T.func.grad(total), x)[1](v))
    agree(*found)
    return found, T.func.vmap(partial(forward_over_reverse, total))(xs, vs), T.func.vmap(
        partial(reverse_over_reverse, total))(xs, vs)


# --- gradients example by example -------------------------------------------------------------------------------------


def per_sample_every_way(T: Any) -> Any:
    T.manual_seed(0)
    nn, functional = T.nn, T.nn.functional
    model = nn.Sequential(OrderedDict(conv=nn.Conv2d(1, 3, 3), act=nn.ReLU(), pool=nn.MaxPool2d(2), flat=nn.Flatten(),
                                      last=nn.Linear(27, 4))).double()
    data, targets = numbers(T, 5, 1, 8, 8), T.arange(5) % 4
    naive = []
    for i in range(5):
        loss = functional.cross_entropy(model(data[i][None]), targets[i][None])
        naive.append(T.autograd.grad(loss, list(model.parameters())))
    by_loop = [T.stack(column) for column in zip(*naive, strict=True)]
    parameters = {name: p.detach() for name, p in model.named_parameters()}
    buffers = {name: b.detach() for name, b in model.named_buffers()}

    def compute_loss(parameters: Any, buffers: Any, sample: Any, target: Any) -> Any:
        out = T.func.functional_call(model, (parameters, buffers), (sample[None],))
        return functional.cross_entropy(out, target[None])

    results = []
    for chunk in (None, 1, 2, 5):
        found = T.func.vmap(T.func.grad(compute_loss), in_dims=(None, None, 0, 0), chunk_size=chunk)(
            parameters, buffers, data, targets)
        for mine, looped in zip(found.values(), by_loop, strict=True):
            agree(mine, looped)
        results.append(found)
    values = T.func.vmap(T.func.grad_and_value(compute_loss), in_dims=(None, None, 0, 0))(
        parameters, buffers, data, targets)[1]
    return results[0], values


# --- ensembles --------------------------------------------------------------------------------------------------------


def ensembles(T: Any) -> Any:
    T.manual_seed(0)
    import copy

    nn = T.nn
    models = [nn.Sequential(nn.Flatten(), nn.Linear(16, 6), nn.ReLU(), nn.Linear(6, 3)).double() for _ in range(4)]
    data = numbers(T, 4, 5, 1, 4, 4)
    parameters, buffers = T.func.stack_module_state(models)
    base = copy.deepcopy(models[0]).to("meta")

    def fmodel(parameters: Any, buffers: Any, x: Any) -> Any:
        return T.func.functional_call(base, (parameters, buffers), (x,))

    own = T.vmap(fmodel)(parameters, buffers, data)
    same = T.vmap(fmodel, in_dims=(0, 0, None))(parameters, buffers, data[0])
    agree(own, T.stack([model(part) for model, part in zip(models, data, strict=True)]))
    agree(same, T.stack([model(data[0]) for model in models]))
    losses = T.vmap(lambda p, b, x: fmodel(p, b, x).pow(2).mean())(parameters, buffers, data)
    losses.sum().backward()
    agree(parameters["1.weight"].grad, T.stack([
        T.autograd.grad(model(part).pow(2).mean(), model[1].weight)[0]
        for model, part in zip(models, data, strict=True)]))
    return own, same, losses, parameters, {name: p.grad for name, p in parameters.items()}


# --- tangent kernels --------------------------------------------------------------------------------------------------


def tangent_kernels_both_ways(T: Any) -> Any:
    T.manual_seed(0)
    net = T.nn.Sequential(T.nn.Linear(3, 4), T.nn.Tanh(), T.nn.Linear(4, 2)).double()
    parameters = {name: p.detach() for name, p in net.named_parameters()}
    x1, x2 = numbers(T, 4, 3), numbers(T, 3, 3, seed=1)

    def single(parameters: Any, x: Any) -> Any:
        return T.func.functional_call(net, parameters, (x[None],))[0]

    def contracted(compute: str) -> Any:
        left = T.func.vmap(T.func.jacrev(single), (None, 0))(parameters, x1)
        right = T.func.vmap(T.func.jacrev(single), (None, 0))(parameters, x2)
        how = {"full": "Naf,Mbf->NMab", "trace": "Naf,Maf->NM", "diagonal": "Naf,Maf->NMa"}[compute]
        return sum(T.einsum(how, left[name].flatten(2), right[name].flatten(2)) for name in parameters)

    def by_products(compute: str) -> Any:
        def kernel(a: Any, b: Any) -> Any:
            _, pull = T.func.vjp(lambda p: single(p, a), parameters)

            def row(unit: Any) -> Any:
                return T.func.jvp(lambda p: single(p, b), (parameters,), pull(unit))[1]

            return T.vmap(row)(T.eye(2, dtype=T.float64))

        found = T.vmap(T.vmap(kernel, (None, 0)), (0, None))(x1, x2)
        how = {"full": "NMab->NMab", "trace": "NMaa->NM", "diagonal": "NMaa->NMa"}[compute]
        return T.einsum(how, found)

    for compute in ("full", "trace", "diagonal"):
        agree(contracted(compute), by_products(compute))
    return contracted("full"), by_products("trace")


# --- the tour ---------------------------------------------------------------------------------------------------------


def tour(T: Any) -> Any:
    x, y = numbers(T, 3), numbers(T, 3, seed=1)
    F = T.func
    aux = F.grad(lambda x: (x.sin().sum(), x.cos()), has_aux=True)(x)
    jacobian, aux2 = F.jacrev(lambda x: (x.sin(), x.cos()), has_aux=True)(x)
    forward, aux3 = F.jacfwd(lambda x: (x.sin(), x.cos()), has_aux=True)(x)
    out, push = F.linearize(lambda x: x.sin() * x, x)
    moved = F.vmap(lambda x, y: (x * y).sum(), in_dims=(1, None))(numbers(T, 3, 4), y)
    nested = F.vmap(lambda d: d["a"] @ d["b"][0], in_dims=({"a": 0, "b": [None]},))(
        {"a": numbers(T, 4, 3), "b": [x]})
    places = F.vmap(lambda x: (x * 2, x.sum()), in_dims=-1, out_dims=(-1, 0))(numbers(T, 3, 4))
    return aux, jacobian, aux2, forward, aux3, out, push(y), push(x), moved, nested, places


def no_grad_inside_and_outside(T: Any) -> Any:
    x = numbers(T, 3)[0]

    def f(x: Any) -> Any:
        with T.no_grad():
            shift = x**2
        return x**3 - shift

    inside = T.func.grad(f)(x)
    with T.no_grad():
        outside = T.func.grad(lambda x: x**3)(x)
    return inside, outside


def side_effects(T: Any) -> Any:
    """What a function keeps elsewhere, and what it writes into what it was given."""
    seen = []

    def f(x: Any) -> Any:
        seen.append(tuple(x.shape))
        return x.sin().sum()

    x = numbers(T, 3)
    return T.func.grad(f)(x), T.func.vmap(f)(numbers(T, 2, 3)), seen


def tied(T: Any) -> Any:
    class Tied(T.nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.first = T.nn.Linear(3, 3, bias=False)
            self.second = T.nn.Linear(3, 3, bias=False)
            self.second.weight = self.first.weight

        def forward(self, x: Any) -> Any:
            return self.second(self.first(x))

    T.manual_seed(0)
    model, x = Tied(), T.ones(2, 3)
    one = {"first.weight": 2 * T.eye(3)}
    return (T.func.functional_call(model, one, (x,)), T.func.functional_call(model, one, (x,), tie_weights=False),
            T.func.functional_call(model, {"second.weight": 2 * T.eye(3)}, x),
            T.func.functional_call(model, {**one, "second.weight": T.eye(3)}, (x,), tie_weights=False),
            T.func.functional_call(model, one, (x,), strict=True))


def tied_apart(T: Any) -> Any:
    module = T.nn.Sequential(T.nn.Linear(2, 2, bias=False), T.nn.Linear(2, 2, bias=False))
    module[1].weight = module[0].weight
    return T.func.functional_call(module, {"0.weight": T.eye(2), "1.weight": T.zeros(2, 2)}, (T.ones(1, 2),))


def strictly_missing(T: Any) -> Any:
    return T.func.functional_call(T.nn.Linear(2, 2), {"weight": T.eye(2)}, (T.ones(1, 2),), strict=True)


def strictly_unknown(T: Any) -> Any:
    layer = T.nn.Linear(2, 2)
    return T.func.functional_call(layer, {**dict(layer.named_parameters()), "other": T.eye(2)}, (T.ones(1, 2),),
                                  strict=True)


def migrated(T: Any) -> Any:
    """What `make_functional`, `make_functional_with_buffers` and `combine_state_for_ensemble` were used for."""
    T.manual_seed(0)
    model = T.nn.Sequential(T.nn.Linear(3, 3), T.nn.BatchNorm1d(3)).double()
    parameters, buffers = dict(model.named_parameters()), dict(model.named_buffers())
    x = numbers(T, 5, 3)

    def functional(parameters: Any, buffers: Any, x: Any) -> Any:
        return T.func.functional_call(model, (parameters, buffers), (x,))

    new = {name: b.clone() for name, b in buffers.items()}
    out = functional(parameters, new, x)
    detached = {name: p.detach() for name, p in parameters.items()}
    grads = T.func.grad(lambda p: functional(p, {k: b.clone() for k, b in buffers.items()}, x).pow(3).sum())(detached)
    models = [T.nn.Linear(2, 2) for _ in range(3)]
    return out, new, grads, T.func.stack_module_state(models)


# --- limitations ------------------------------------------------------------------------------------------------------


def norms_without_running_statistics(T: Any) -> Any:
    T.manual_seed(0)
    results = []
    for norm in (T.nn.GroupNorm(2, 4), T.nn.InstanceNorm1d(4), T.nn.BatchNorm1d(4, track_running_stats=False),
                 T.nn.BatchNorm1d(4).eval()):
        net = T.nn.Sequential(T.nn.Conv1d(1, 4, 3), norm).double()
        parameters, buffers = dict(net.named_parameters()), dict(net.named_buffers())
        detached = {name: p.detach() for name, p in parameters.items()}

        def loss(p: Any, x: Any, net: Any = net, buffers: Any = buffers) -> Any:
            return T.func.functional_call(net, (p, buffers), (x[None],)).pow(3).sum()

        results.append(T.vmap(T.func.grad(loss), (None, 0))(detached, numbers(T, 3, 1, 8)))
    return results


def norm_with_running_statistics(T: Any) -> Any:
    net = T.nn.BatchNorm1d(4).double()
    return T.vmap(lambda x: net(x))(numbers(T, 2, 3, 4))


def mutated_by_a_batch(T: Any) -> Any:
    def f(x: Any, y: Any) -> Any:
        x.add_(y)
        return x

    return T.vmap(f, in_dims=(None, 0))(numbers(T, 1), numbers(T, 3, 1))


def truth(T: Any) -> Any:
    return T.vmap(lambda x: x if x.sum() == 0 else x * 2)(numbers(T, 3))


def an_item(T: Any) -> Any:
    return T.vmap(lambda x: x.item())(numbers(T, 3))


def by_value(T: Any) -> Any:
    return T.vmap(T.nonzero)(numbers(T, 3, 2))


def chance_by_default(T: Any) -> Any:
    return T.vmap(lambda x: x + T.randn(()))(numbers(T, 3))


def a_result_that_is_no_tensor(T: Any) -> Any:
    return T.vmap(lambda x: "text")(numbers(T, 3))


def a_loss_of_two_elements(T: Any) -> Any:
    return T.func.grad(lambda x: x)(numbers(T, 2))


def a_loss_that_is_no_tensor(T: Any) -> Any:
    return T.func.grad(lambda x: 1.0)(numbers(T, 2))


def aux_that_is_missing(T: Any) -> Any:
    return T.func.grad(lambda x: x.sum(), has_aux=True)(numbers(T, 2))


def tangents_of_other_shapes(T: Any) -> Any:
    return T.func.jvp(lambda x: x, (numbers(T, 2),), (numbers(T, 3),))


def tangents_that_are_missing(T: Any) -> Any:
    return T.func.jvp(lambda x, y: x, (numbers(T, 2), numbers(T, 2)), (numbers(T, 2),))


def primals_in_no_tuple(T: Any) -> Any:
    return T.func.jvp(lambda x: x, numbers(T, 2), numbers(T, 2))


def cotangents_of_another_form(T: Any) -> Any:
    _, pull = T.func.vjp(lambda x: (x, x), numbers(T, 2))
    return pull(numbers(T, 2))


def sizes_that_differ(T: Any) -> Any:
    return T.vmap(lambda x, y: x)(numbers(T, 2), numbers(T, 3))


def dims_of_another_form(T: Any) -> Any:
    return T.vmap(lambda x, y: x, in_dims=(0,))(numbers(T, 2), numbers(T, 2))


def a_dim_out_of_range(T: Any) -> Any:
    return T.vmap(lambda x: x, in_dims=2)(numbers(T, 2, 2))


def a_number_mapped(T: Any) -> Any:
    return T.vmap(lambda x, y: x)(numbers(T, 2), 3)


def a_chunk_of_none(T: Any) -> Any:
    return T.vmap(lambda x: x, chunk_size=0)(numbers(T, 2))


def places_of_another_form(T: Any) -> Any:
    return T.vmap(lambda x: (x, x), out_dims=(0, 0, 0))(numbers(T, 2, 2))


def a_place_out_of_range(T: Any) -> Any:
    return T.vmap(lambda x: x, out_dims=3)(numbers(T, 2, 2))


def argnums_out_of_range(T: Any) -> Any:
    return T.func.jacrev(lambda x: x, argnums=2)(numbers(T, 2))


def argnums_twice(T: Any) -> Any:
    return T.func.grad(lambda x, y: (x * y).sum(), argnums=(0, 0))(numbers(T, 2), numbers(T, 2))


def argnums_of_text(T: Any) -> Any:
    return T.func.grad(lambda x: x.sum(), argnums="x")(numbers(T, 2))


def models_of_two_classes(T: Any) -> Any:
    return T.func.stack_module_state([T.nn.Linear(2, 2), T.nn.Bilinear(2, 2, 2)])


def models_in_two_modes(T: Any) -> Any:
    return T.func.stack_module_state([T.nn.Linear(2, 2), T.nn.Linear(2, 2).eval()])


def integers(T: Any) -> Any:
    return T.func.jvp(lambda x: x * 2, (T.tensor([1, 2]),), (T.tensor([1, 2]),))


def both_chunk_and_ways(T: Any) -> Any:
    return T.func.jacrev(lambda x: x, chunk_size=-1)(numbers(T, 2))


# --- chance -----------------------------------------------------------------------------------------------------------


def same_chance(T: Any) -> Any:
    T.manual_seed(3)
    x = T.zeros(4, 3)
    return (T.vmap(lambda x: x + T.randn(3), randomness="same")(x),
            T.vmap(lambda x: T.nn.functional.dropout(T.ones(6) + 0 * x.sum(), 0.5), randomness="same")(x),
            T.vmap(lambda x: T.rand_like(x[0]) + T.rand(2), randomness="same", in_dims=1)(x))


def other_chance(T: Any) -> Any:
    """Each example has numbers of its own; which, is up to the library."""
    T.manual_seed(3)
    x, results = T.zeros(4, 50), []
    for f in (lambda x: x + T.randn(50), lambda x: T.nn.functional.dropout(x + 1, 0.5), lambda x: T.bernoulli(x + 0.5),
              lambda x: T.rand_like(x), lambda x: T.randperm(50) + 0 * x, lambda x: x.clone().normal_()):
        found = T.vmap(f, randomness="different")(x)
        assert not bool((found[0] == found[1]).all())
        results.append(tuple(found.shape))
    same = T.vmap(lambda x: T.randperm(50) + 0 * x, randomness="same")(x)
    assert bool((same[0] == same[1]).all())
    return results


def chance_within_a_jacobian(T: Any) -> Any:
    T.manual_seed(3)
    found = T.func.jacfwd(lambda x: x * T.rand(3), randomness="same")(T.ones(3))
    assert bool((found.diagonal() > 0).all()) and int((found != 0).sum()) == 3
    return tuple(found.shape)


def an_unknown_chance(T: Any) -> Any:
    return T.vmap(lambda x: x, randomness="often")(numbers(T, 3))


# --- forward mode -----------------------------------------------------------------------------------------------------


def dual_modules(T: Any) -> Any:
    """Parameters taken away, and dual ones put there."""
    fw = T.autograd.forward_ad
    T.manual_seed(0)
    model, x = T.nn.Linear(5, 4).double(), numbers(T, 6, 5)
    parameters = {name: p for name, p in model.named_parameters()}
    tangents = {name: numbers(T, *p.shape, seed=4) for name, p in parameters.items()}
    with fw.dual_level():
        for name, p in parameters.items():
            delattr(model, name)
            setattr(model, name, fw.make_dual(p, tangents[name]))
        out = model(x)
        found = fw.unpack_dual(out)
        primal, tangent = found.primal, found.tangent
    other = T.nn.Linear(5, 4).double()
    functional = T.func.jvp(lambda p: T.func.functional_call(other, p, (x,)),
                            ({k: p.detach() for k, p in parameters.items()},), (tangents,))
    agree(tangent, functional[1])
    return primal, tangent.detach(), functional


def dual_functions(T: Any) -> Any:
    """A Function with `jvp`, that keeps something on its context for both ways."""
    fw = T.autograd.forward_ad

    class Fn(T.autograd.Function):  # type: ignore[misc, name-defined]
        @staticmethod
        def forward(ctx: Any, foo: Any) -> Any:
            result = T.exp(foo)
            ctx.result = result
            return result

        @staticmethod
        def jvp(ctx: Any, gI: Any) -> Any:
            gO = gI * ctx.result
            del ctx.result
            return gO

    primal = numbers(T, 10).requires_grad_()
    tangent = numbers(T, 10, seed=1)
    with fw.dual_level():
        found = fw.unpack_dual(Fn.apply(fw.make_dual(primal, tangent)))
        checked = T.autograd.gradcheck(Fn.apply, (primal,), check_forward_ad=True, check_backward_ad=False,
                                       check_undefined_grad=False, check_batched_grad=False)
        return found.tangent.detach(), checked


def saved_for_both(T: Any) -> Any:
    class Product(T.autograd.Function):  # type: ignore[misc, name-defined]
        @staticmethod
        def forward(x: Any, y: Any) -> Any:
            return x * y

        @staticmethod
        def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
            ctx.save_for_backward(*inputs)
            ctx.save_for_forward(*inputs)

        @staticmethod
        def backward(ctx: Any, ct: Any) -> Any:
            x, y = ctx.saved_tensors
            return ct * y, ct * x

        @staticmethod
        def jvp(ctx: Any, left: Any, right: Any) -> Any:
            x, y = ctx.saved_tensors
            return left * y + x * right

    x, y = numbers(T, 4), numbers(T, 4, seed=1)
    return (T.func.jvp(Product.apply, (x, y), (y, x)), T.func.grad(lambda x: Product.apply(x, y).sum())(x),
            T.func.vjp(Product.apply, x, y)[1](y))


def dual_levels(T: Any) -> Any:
    fw = T.autograd.forward_ad
    x, v = numbers(T, 3), numbers(T, 3, seed=1)
    with fw.dual_level():
        dual = fw.make_dual(x, v)
        seen = fw.unpack_dual(dual)
        assert seen.tangent is not None and fw.unpack_dual(x).tangent is None
        plain = fw.unpack_dual(T.sin(x))
        assert plain.tangent is None
        out = fw.unpack_dual((dual * x + dual.sin().sum()).view(3, 1))
    assert fw.unpack_dual(dual).tangent is None
    return seen, out, plain.primal


# --- Functions of one's own -------------------------------------------------------------------------------------------


def generated_rule(T: Any) -> Any:
    class Cube(T.autograd.Function):  # type: ignore[misc, name-defined]
        generate_vmap_rule = True

        @staticmethod
        def forward(x: Any) -> Any:
            return x**3, 3 * x**2

        @staticmethod
        def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
            ctx.save_for_backward(inputs[0], output[1])

        @staticmethod
        def backward(ctx: Any, ct: Any, other: Any) -> Any:
            x, slope = ctx.saved_tensors
            return ct * slope + other * 6 * x

    x = numbers(T, 3, 4)

    def cube(x: Any) -> Any:
        return Cube.apply(x)[0]

    return (T.vmap(cube)(x), T.vmap(cube, in_dims=1, out_dims=1)(x), T.vmap(T.func.grad(lambda r: cube(r).sum()))(x),
            T.func.grad(lambda x: T.vmap(cube)(x).sum())(x), T.func.jacrev(cube)(x[0]), T.vmap(T.vmap(cube))(x),
            T.func.grad(lambda s: T.func.grad(lambda q: cube(q).sum())(s).sum())(x[0]))


def own_rule(T: Any) -> Any:
    seen = []

    class Scaled(T.autograd.Function):  # type: ignore[misc, name-defined]
        @staticmethod
        def forward(x: Any, y: Any, factor: float) -> Any:
            return x * y * factor

        @staticmethod
        def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
            x, y, ctx.factor = inputs
            ctx.save_for_backward(x, y)

        @staticmethod
        def backward(ctx: Any, ct: Any) -> Any:
            x, y = ctx.saved_tensors
            return ct * y * ctx.factor, ct * x * ctx.factor, None

        @staticmethod
        def vmap(info: Any, in_dims: Any, x: Any, y: Any, factor: float) -> Any:
            seen.append((info.batch_size, info.randomness, tuple(in_dims)))
            x = x if in_dims[0] is None else x.movedim(in_dims[0], 0)
            y = y if in_dims[1] is None else y.movedim(in_dims[1], 0)
            return Scaled.apply(x, y, factor), 0

    x, y = numbers(T, 3, 4), numbers(T, 4, seed=1)
    found = (T.vmap(lambda a: Scaled.apply(a, y, 2.0))(x), T.vmap(lambda a, b: Scaled.apply(a, b, 3.0))(x, x),
             T.vmap(T.func.grad(lambda a: Scaled.apply(a, y, 2.0).sum()))(x))
    return found, seen


def no_rule(T: Any) -> Any:
    class Plain(T.autograd.Function):  # type: ignore[misc, name-defined]
        @staticmethod
        def forward(x: Any) -> Any:
            return x * 2

        @staticmethod
        def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
            pass

        @staticmethod
        def backward(ctx: Any, ct: Any) -> Any:
            return ct * 2

    return T.func.grad(lambda x: Plain.apply(x).sum())(numbers(T, 3)), T.func.jacrev(Plain.apply)(numbers(T, 3, 1)[0])


# --- the functional interface -----------------------------------------------------------------------------------------


def functional_interface(T: Any) -> Any:
    A = T.autograd.functional
    x, y, v = numbers(T, 3), numbers(T, 3, seed=1), numbers(T, 3, seed=2)

    def exp_reducer(x: Any) -> Any:
        return x.exp().sum(dim=0)

    def adder(x: Any, y: Any) -> Any:
        return 2 * x + 3 * y * x

    def reducer(x: Any, y: Any) -> Any:
        return (2 * x.pow(2) + 3 * y.pow(2)).sum()

    square, w = numbers(T, 3, 3), numbers(T, 3, seed=3)
    return (A.vjp(exp_reducer, square, w), A.vjp(adder, (x, y), v), A.jvp(exp_reducer, square, square),
            A.jvp(adder, (x, y), (v, w)), A.jacobian(exp_reducer, square), A.jacobian(adder, (x, y)),
            A.hessian(lambda x: x.pow(3).sum(), square), A.hessian(reducer, (x, y)), A.vhp(reducer, (x, y), (v, w)),
            A.hvp(reducer, (x, y), (v, w)), A.hvp(lambda x: x.pow(3).sum(), square, square),
            A.vjp(lambda x: x.exp().sum(), x), A.hessian(lambda x: x.pow(2).sum(), x[0]))


def functional_vectorised(T: Any) -> Any:
    A = T.autograd.functional
    x, y = numbers(T, 3), numbers(T, 2, 2, seed=1)

    def f(x: Any, y: Any) -> Any:
        return x.outer(y.sum(0)).sin(), (y @ y).sum() * x

    plain = A.jacobian(f, (x, y))
    backward = A.jacobian(f, (x, y), vectorize=True)
    forward = A.jacobian(f, (x, y), vectorize=True, strategy="forward-mode")
    for i in range(2):
        for j in range(2):
            agree(plain[i][j], backward[i][j], forward[i][j])
    g = lambda x, y: f(x, y)[0].sum() * y.sum()  # noqa: E731
    hessians = (A.hessian(g, (x, y)), A.hessian(g, (x, y), vectorize=True),
                A.hessian(g, (x, y), vectorize=True, outer_jacobian_strategy="forward-mode"))
    for i in range(2):
        for j in range(2):
            agree(*[h[i][j] for h in hessians])
    return plain, backward, forward, hessians[:2]


def functional_create_graph(T: Any) -> Any:
    A = T.autograd.functional
    x, v = numbers(T, 3).requires_grad_(), numbers(T, 3, seed=1)
    found = []
    for make in (lambda: A.jacobian(lambda x: x**3, x, create_graph=True),
                 lambda: A.hessian(lambda x: (x**4).sum(), x, create_graph=True),
                 lambda: A.vjp(lambda x: x**3, x, v, create_graph=True)[1],
                 lambda: A.jvp(lambda x: x**3, x, v, create_graph=True)[1],
                 lambda: A.hvp(lambda x: (x**4).sum(), x, v, create_graph=True)[1],
                 lambda: A.vhp(lambda x: (x**4).sum(), x, v, create_graph=True)[1],
                 lambda: A.jacobian(lambda x: x**3, x, create_graph=True, vectorize=True)):
        out = make()
        assert out.requires_grad
        found += [out, T.autograd.grad(out.sum(), x)[0]]
    return found


def functional_not_strict(T: Any) -> Any:
    A = T.autograd.functional
    x = numbers(T, 3)
    apart = T.ones(3, dtype=T.float64)
    return (A.jacobian(lambda x: apart, x), A.hessian(lambda x: apart.sum(), x), A.vjp(lambda x: apart.sum(), x)[1],
            A.jvp(lambda x: apart, x, x)[1], A.hvp(lambda x: x.sum(), x, x)[1], A.vhp(lambda x: x.sum(), x, x)[1],
            A.hessian(lambda x: x.sum(), x))


STRICT = {
    "jacobian": lambda T, A, x: A.jacobian(lambda x: T.ones(3, dtype=x.dtype), x, strict=True),
    "jacobian by another": lambda T, A, x: A.jacobian(lambda x, y: x * 2, (x, x), strict=True),
    "jacobian, vectorised": lambda T, A, x: A.jacobian(lambda x: x, x, strict=True, vectorize=True),
    "jacobian that is constant": lambda T, A, x: A.jacobian(lambda x: x * 2, x, strict=True, create_graph=True),
    "hessian": lambda T, A, x: A.hessian(lambda x: x.sum(), x, strict=True),
    "hessian of none": lambda T, A, x: A.hessian(lambda x: T.ones((), dtype=x.dtype), x, strict=True),
    "vjp": lambda T, A, x: A.vjp(lambda x: T.ones((), dtype=x.dtype), x, strict=True),
    "vjp by another": lambda T, A, x: A.vjp(lambda x, y: x.sum(), (x, x), strict=True),
    "jvp": lambda T, A, x: A.jvp(lambda x: T.ones(3, dtype=x.dtype), x, x, strict=True),
    "hvp": lambda T, A, x: A.hvp(lambda x: x.sum(), x, x, strict=True),
    "vhp": lambda T, A, x: A.vhp(lambda x: x.sum(), x, x, strict=True),
    "outputs that are no tensors": lambda T, A, x: A.jacobian(lambda x: 1.0, x),
    "outputs in a list": lambda T, A, x: A.jacobian(lambda x: [x, x], x),
    "inputs that are no tensors": lambda T, A, x: A.jacobian(lambda x: x, 1.0),
    "inputs in a list": lambda T, A, x: A.jacobian(lambda x: x, [x]),
    "hessian of more than a number": lambda T, A, x: A.hessian(lambda x: x, x),
    "hessian of two": lambda T, A, x: A.hessian(lambda x: (x.sum(), x.sum()), x),
    "vjp without a vector": lambda T, A, x: A.vjp(lambda x: x, x),
    "vjp with another vector": lambda T, A, x: A.vjp(lambda x: x, x, x[:2]),
    "vjp with two vectors": lambda T, A, x: A.vjp(lambda x: x, x, (x, x)),
    "jvp without a vector": lambda T, A, x: A.jvp(lambda x: x, x),
    "jvp with another vector": lambda T, A, x: A.jvp(lambda x: x, x, x[:2]),
    "hvp without a vector": lambda T, A, x: A.hvp(lambda x: x.sum(), x),
    "hvp with another vector": lambda T, A, x: A.hvp(lambda x: x.sum(), x, x[:2]),
    "vhp without a vector": lambda T, A, x: A.vhp(lambda x: x.sum(), x),
    "hvp of more than a number": lambda T, A, x: A.hvp(lambda x: x, x, x),
    "a strategy there is not": lambda T, A, x: A.jacobian(lambda x: x, x, vectorize=True, strategy="sideways"),
    "forward, not vectorised": lambda T, A, x: A.jacobian(lambda x: x, x, strategy="forward-mode"),
    "forward, with a graph": lambda T, A, x: A.jacobian(lambda x: x, x, vectorize=True, strategy="forward-mode",
                                                        create_graph=True),
    "hessian, a strategy there is not": lambda T, A, x: A.hessian(lambda x: x.sum(), x, vectorize=True,
                                                                  outer_jacobian_strategy="sideways"),
}

PROGRAMS = [
    jacobians_every_way, jacobians_by_parameters, hessians_every_way, hessians_of_a_batch, products_with_a_hessian,
    per_sample_every_way, ensembles, tangent_kernels_both_ways, tour, no_grad_inside_and_outside, side_effects, tied,
    tied_apart, strictly_missing, strictly_unknown, migrated, norms_without_running_statistics,
    norm_with_running_statistics, mutated_by_a_batch, truth, an_item, by_value, chance_by_default,
    a_result_that_is_no_tensor, a_loss_of_two_elements, a_loss_that_is_no_tensor, aux_that_is_missing,
    tangents_of_other_shapes, tangents_that_are_missing, primals_in_no_tuple, cotangents_of_another_form,
    sizes_that_differ, dims_of_another_form, a_dim_out_of_range, a_number_mapped, a_chunk_of_none,
    places_of_another_form, a_place_out_of_range, argnums_out_of_range, argnums_twice, argnums_of_text,
    models_of_two_classes, models_in_two_modes, integers, both_chunk_and_ways, same_chance, other_chance,
    chance_within_a_jacobian, an_unknown_chance, dual_modules, dual_functions, saved_for_both, dual_levels,
    generated_rule, own_rule, no_rule, functional_interface, functional_vectorised, functional_create_graph,
    functional_not_strict,
]


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
def test_programs(program: Any) -> None:
    both(program, rtol=1e-7, atol=1e-9, warned=False)


@pytest.mark.parametrize("name", STRICT)
def test_strictness_and_wrong_calls_of_the_functional_interface(name: str) -> None:
    both(lambda T: STRICT[name](T, T.autograd.functional, numbers(T, 3)), warned=False)
