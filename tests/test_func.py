"""Transformations of functions in one another: with the tape, views and writes, random numbers, errors."""

from __future__ import annotations

import gc
from collections import defaultdict, deque
from typing import Any

import numpy as np
import pytest

import wengert as torch
from wengert import nn
from wengert.autograd import Function, forward_ad
from wengert.func import (
    functional_call,
    grad,
    grad_and_value,
    hessian,
    jacfwd,
    jacrev,
    jvp,
    laplacian,
    linearize,
    stack_module_state,
    vjp,
    vmap,
)
from wengert.tensors.tensor import Tensor


def values(*shape: int, seed: int = 0) -> Tensor:
    return torch.tensor(np.random.RandomState(seed).uniform(-1, 1, shape))


def close(ours: Any, theirs: Any, tolerance: float = 1e-9) -> None:
    assert tuple(ours.shape) == tuple(theirs.shape)
    assert np.allclose(ours.detach().numpy(), theirs.detach().numpy(), rtol=tolerance, atol=tolerance)


def loop(f: Any, *columns: Any) -> Any:
    return torch.stack([f(*row) for row in zip(*columns, strict=True)])


# --- nests ------------------------------------------------------------------------------------------------------------

X, M = values(4), values(4, 3, seed=1)


def curve(x: Any) -> Any:
    """A function with a branch on a plain number, a loop, a view and a write."""
    total = x.sin()
    for i in range(3):
        total = total * x.cos() + i
    part = total.clone()
    part[0] = (x * x).sum()
    part[1:].mul_(x[:-1])
    return part.tanh() if x.shape[0] > 2 else part


def scalar(x: Any) -> Any:
    return (curve(x) ** 2).sum() * x.exp().mean()


@pytest.mark.parametrize("outer", ["jacfwd", "jacrev", "vmap of jvp", "vmap of vjp"])
@pytest.mark.parametrize("inner", ["jacfwd", "jacrev", "grad"])
def test_second_derivatives_agree_in_any_order(outer: str, inner: str) -> None:
    first = {"jacfwd": jacfwd, "jacrev": jacrev, "grad": grad}[inner](scalar)
    eye = torch.eye(4, dtype=torch.float64)
    ways = {
        "jacfwd": lambda: jacfwd(first)(X), "jacrev": lambda: jacrev(first)(X),
        "vmap of jvp": lambda: vmap(lambda t: jvp(first, (X,), (t,))[1])(eye),
        "vmap of vjp": lambda: vmap(lambda u: vjp(first, X)[1](u)[0])(eye),
    }
    close(ways[outer](), hessian(scalar)(X), 1e-10)
    step = 1e-5
    differences = torch.stack([(grad(scalar)(X + step * e) - grad(scalar)(X - step * e)) / (2 * step) for e in eye])
    close(hessian(scalar)(X), differences, 1e-7)


def test_third_derivatives() -> None:
    wanted = jacrev(jacrev(jacrev(scalar)))(X)
    close(jacfwd(jacfwd(jacfwd(scalar)))(X), wanted)
    close(jacfwd(jacrev(jacfwd(scalar)))(X), wanted)
    close(vmap(jacfwd(hessian(scalar)))(torch.stack([X, X * 0.5]))[0], wanted)


def test_a_batch_of_anything_is_a_loop() -> None:
    rows = values(5, 4, seed=2)
    for f in (curve, scalar, grad(scalar), jacrev(curve), jacfwd(curve), hessian(scalar),
              lambda x: jvp(curve, (x,), (x * x,))[1], lambda x: vjp(curve, x)[1](x)[0]):
        close(vmap(f)(rows), loop(f, rows))
        close(vmap(vmap(f))(rows[None]), loop(f, rows)[None])
        close(vmap(f, in_dims=1, out_dims=-1)(rows.T), torch.movedim(loop(f, rows), 0, -1))


def test_derivatives_of_a_batch_are_those_of_a_loop() -> None:
    rows = values(5, 4, seed=2)
    close(grad(lambda r: vmap(scalar)(r).sum())(rows), grad(lambda r: loop(scalar, r).sum())(rows))
    close(jvp(vmap(curve), (rows,), (rows * rows,))[1], jvp(lambda r: loop(curve, r), (rows,), (rows * rows,))[1])
    close(hessian(lambda x: vmap(lambda r: scalar(r * x))(rows).sum())(X),
          hessian(lambda x: loop(lambda r: scalar(r * x), rows).sum())(X))


def test_the_tape_goes_through_and_hooks_run() -> None:
    weight = values(4, seed=3).requires_grad_()
    rows, seen = values(5, 4, seed=2), []
    weight.register_hook(lambda g: seen.append(g.shape))
    vmap(grad(lambda x: (x * weight).sin().sum()))(rows).pow(2).sum().backward()
    wanted = weight.detach().clone().requires_grad_()
    inside = (rows * wanted).cos() * wanted
    inside.pow(2).sum().backward()
    close(weight.grad, wanted.grad)
    assert seen == [(4,)]
    weight.grad = None
    jvp(lambda x: (x * weight).sin(), (X,), (X,))[1].sum().backward()
    close(weight.grad, grad(lambda w: ((X * w).cos() * X * w).sum())(weight.detach()))


def test_backward_inside() -> None:
    def inside(x: Any) -> Any:
        leaf = x.detach().clone().requires_grad_()
        scalar(leaf).backward()
        return leaf.grad

    rows = values(5, 4, seed=2)
    close(vmap(inside)(rows), loop(grad(scalar), rows))

    def by_autograd(x: Any) -> Any:
        x = x.clone().requires_grad_()
        (first,) = torch.autograd.grad(scalar(x), x, create_graph=True)
        return torch.autograd.grad(first.sum(), x)[0]

    close(vmap(by_autograd)(rows), loop(lambda x: hessian(scalar)(x).sum(0), rows))


def test_detach_and_no_grad_cut_every_level() -> None:
    rows = values(5, 4, seed=2)
    close(grad(lambda r: vmap(lambda x: (x.detach() * x).sum())(r).sum())(rows), rows)
    assert jvp(lambda x: x.detach() * 2, (X,), (X,))[1].abs().sum() == 0

    def frozen(x: Any) -> Any:
        with torch.no_grad():
            factor = x * 2
        return (factor * x).sum()

    close(grad(lambda r: vmap(frozen)(r).sum())(rows), rows * 2)
    close(vmap(grad(frozen))(rows), rows * 2)


def test_control_flow_on_a_value_that_only_moves() -> None:
    def f(x: Any) -> Any:
        while x < 10:
            x = x * x + 1
        return x if float(x) > 0 else -x

    x = torch.tensor(1.5, dtype=torch.float64)
    close(jvp(f, (x,), (torch.ones_like(x),))[1], grad(f)(x))


@pytest.mark.parametrize("wrap", [torch.capture, torch.compile], ids=["capture", "compile"])
def test_inside_a_recorded_function(wrap: Any) -> None:
    rows = values(5, 4, seed=2)
    for f in (vmap(grad(scalar)), lambda r: hessian(scalar)(r[0]), lambda r: jvp(vmap(curve), (r,), (r,))[1],
              lambda r: vmap(lambda x: jacfwd(curve)(x).sum(0))(r)):
        compiled = wrap(f, fullgraph=True) if wrap is torch.compile else wrap(f)
        for _ in range(2):
            close(compiled(rows), f(rows))


def test_a_recorded_function_inside() -> None:
    compiled = torch.compile(scalar)
    rows = values(5, 4, seed=2)
    compiled(X)
    close(vmap(grad(compiled))(rows), loop(grad(scalar), rows))
    close(hessian(compiled)(X), hessian(scalar)(X))


def test_linearize_runs_the_function_once() -> None:
    calls = []

    def counted(x: Any, y: Any) -> Any:
        calls.append(1)
        return curve(x) * y.sum(), (x @ y).exp()

    out, push = linearize(counted, X, X * 2)
    for seed in (4, 5):
        t, u = values(4, seed=seed), values(4, seed=seed + 10)
        for ours, theirs in zip(push(t, u), jvp(lambda a, b: (curve(a) * b.sum(), (a @ b).exp()), (X, X * 2),
                                                (t, u))[1], strict=True):
            close(ours, theirs)
    close(vmap(lambda t: push(t, t)[0])(torch.eye(4, dtype=torch.float64)).T,
          jacfwd(lambda a: curve(a) * (X * 2).sum())(X) + torch.outer(curve(X), torch.ones(4, dtype=torch.float64)))
    assert len(calls) == 1
    close(out[0], curve(X) * (X * 2).sum())


# --- views and writes -------------------------------------------------------------------------------------------------


def test_writes_of_examples_into_what_was_made_inside() -> None:
    def f(x: Any) -> Any:
        table = torch.zeros(3, 4, dtype=torch.float64)
        middle, flat = table[1], table.view(-1)
        table[0] = x
        middle += x * 2
        flat[8:].copy_(x.exp())
        table.t()[0, 2] = x.sum()
        return table * 1

    rows = values(5, 4, seed=2)
    close(vmap(f)(rows), loop(f, rows))
    close(vmap(jacrev(f))(rows), loop(jacrev(f), rows))
    close(jacfwd(f)(X), jacrev(f)(X))
    close(vmap(jacfwd(f))(rows), loop(jacrev(f), rows))


def test_a_write_to_a_view_of_an_argument() -> None:
    def f(x: Any) -> Any:
        y = x.clone()
        y.T[0].mul_(y[0].sum())
        y[:, 1:].add_(1)
        return y

    stacked = values(2, 3, 3, seed=4)
    close(vmap(f)(stacked), loop(f, stacked))
    close(jvp(f, (stacked[0],), (stacked[1],))[1],
          torch.einsum("ijkl,kl->ij", jacrev(f)(stacked[0]), stacked[1]))


def test_what_is_outside_is_written_only_with_what_is_the_same_for_all() -> None:
    counter, rows = torch.zeros(()), values(5, 4)
    vmap(lambda x: (counter.add_(1), x)[1])(rows)
    assert counter == 1
    with pytest.raises(RuntimeError, match=r"\[vmap\] vmap: inplace .* from outside \(at .*test_func.py:\d+\)"):
        vmap(lambda x: (counter.add_(x.sum()), x)[1])(rows)
    with pytest.raises(RuntimeError, match=r"\[jvp\] a tensor made inside"):
        jvp(lambda x: (counter.add_(x.float().sum()), x)[1], (X,), (X,))
    assert counter == 1


def test_batch_normalisation_in_evaluation_and_training() -> None:
    net = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3)).double()
    net(values(8, 4))
    net.eval()
    images = values(5, 6, 4, seed=2)
    close(vmap(net)(images), loop(net, images), 1e-7)
    net.train()
    with pytest.raises(RuntimeError, match="vmap: inplace"):
        vmap(net)(images)


# --- random numbers ---------------------------------------------------------------------------------------------------


def test_the_three_modes_of_random_numbers() -> None:
    x = torch.zeros(3, 2)
    with pytest.raises(RuntimeError, match=r"randomness error mode.*test_func.py:\d+\): vmap\(..., randomness='diff"):
        vmap(lambda a: a + torch.randn(2))(x)
    torch.manual_seed(0)
    different = vmap(lambda a: a + torch.randn(2), randomness="different")(x)
    torch.manual_seed(0)
    assert torch.equal(different, torch.randn(3, 2))
    same = vmap(lambda a: a + torch.randn(2), randomness="same")(x)
    assert torch.equal(same[0], same[1]) and torch.equal(same[0], same[2])
    same = vmap(lambda a: torch.bernoulli(a), randomness="same")(torch.full((3, 50), 0.5))
    assert torch.equal(same[0], same[1])
    dropped = vmap(lambda a: nn.functional.dropout(a, 0.5), randomness="different")(torch.ones(4, 100))
    assert not torch.equal(dropped[0], dropped[1]) and 0.2 < float((dropped == 0).float().mean()) < 0.8
    order = vmap(lambda a: torch.randperm(5) + a.long(), randomness="different")(torch.zeros(4))
    assert all(sorted(row) == [0, 1, 2, 3, 4] for row in order.tolist())
    with pytest.raises(RuntimeError, match="randomness error mode"):
        vmap(lambda a: a + torch.randn(2), chunk_size=1)(x)


# --- what is refused, in which words ----------------------------------------------------------------------------------


@pytest.mark.parametrize("look", [
    lambda x: x if x.sum() > 0 else -x, lambda x: x * x.sum().item(), lambda x: x * float(x[0]),
    lambda x: x[x > 0], lambda x: torch.masked_select(x, x > 0), lambda x: torch.tensor(x.tolist()),
], ids=["if", "item", "float", "mask", "masked_select", "tolist"])
def test_values_of_an_example_cannot_be_looked_at(look: Any) -> None:
    rows = values(3, 4) + 2
    with pytest.raises(RuntimeError, match=r"\[vmap\].*test_func.py:\d+\).*chunk_size=1"):
        vmap(look)(rows)
    close(vmap(look, chunk_size=1)(rows), loop(look, rows))


def test_wrong_calls_leave_everything_as_it_was() -> None:
    rows = values(3, 4)
    before = rows.clone()
    for call, kind in [
        (lambda: vmap(lambda x: x, chunk_size=0)(rows), ValueError),
        (lambda: vmap(lambda x: x, in_dims=3)(rows), ValueError),
        (lambda: vmap(lambda x: x, out_dims=None)(rows), ValueError),
        (lambda: vmap(lambda x: x, in_dims=(0, 0))(rows), ValueError),
        (lambda: jvp(curve, (X,), (rows,)), RuntimeError),
        (lambda: jvp(curve, (X,), (X, X)), RuntimeError),
        (lambda: jvp(curve, (X,), (1.0,)), RuntimeError),
        (lambda: jvp(curve, X, X), RuntimeError),
        (lambda: jacfwd(curve, argnums=2)(X), RuntimeError),
        (lambda: hessian(scalar)(torch.tensor([1, 2, 3])), ValueError),
        (lambda: linearize(curve, X)[1](rows), RuntimeError),
        (lambda: vmap(lambda x: x.undefined)(rows), AttributeError),
    ]:
        with pytest.raises(kind):
            call()
        assert torch.equal(rows, before) and not rows.requires_grad
        close(vmap(curve)(rows), loop(curve, rows))


def test_a_tensor_that_got_out_says_where_it_is_from() -> None:
    kept: list[Any] = []
    vmap(lambda x: (kept.append(x), x)[1])(values(3, 4))
    with pytest.raises(RuntimeError, match=r"\[vmap\] a tensor of this moment was expected"):
        kept[0] * 2


def test_chunks() -> None:
    rows = values(7, 4)
    for size in (1, 2, 3, 7, 100):
        close(vmap(scalar, chunk_size=size)(rows), loop(scalar, rows))
        close(jacrev(curve, chunk_size=size)(X), jacrev(curve)(X))
        close(jacfwd(curve, chunk_size=size)(X), jacrev(curve)(X))


def test_out_dims_in_nests() -> None:
    rows = values(5, 2, 3)
    out = vmap(lambda x: (x, {"sum": x.sum(0), "all": x.sum()}), out_dims=(-1, {"sum": 1, "all": 0}))(rows)
    assert out[0].shape == (2, 3, 5) and out[1]["sum"].shape == (3, 5) and out[1]["all"].shape == (5,)


# --- modules ----------------------------------------------------------------------------------------------------------


def test_an_ensemble() -> None:
    models = [nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 2)).double() for _ in range(3)]
    parameters, buffers = stack_module_state(models)
    inputs = values(6, 4)

    def one(p: Any, b: Any, x: Any) -> Any:
        return functional_call(models[0], (p, b), (x,))

    out = vmap(one, in_dims=(0, 0, None))(parameters, buffers, inputs)
    close(out, torch.stack([model(inputs) for model in models]))
    out.pow(2).sum().backward()
    for i, model in enumerate(models):
        model(inputs).pow(2).sum().backward()
        for name, parameter in model.named_parameters():
            close(parameters[name].grad[i], parameter.grad)


def test_tied_weights_in_a_batch() -> None:
    net = nn.Sequential(nn.Linear(3, 3, bias=False), nn.Tanh(), nn.Linear(3, 3, bias=False)).double()
    net[2].weight = net[0].weight
    stacked = values(4, 3, 3)
    out = vmap(lambda w, x: functional_call(net, {"0.weight": w}, (x,)), (0, None))(stacked, values(3))
    close(out, loop(lambda w: (w @ (w @ values(3)).tanh()), stacked))


# --- a user's Function ------------------------------------------------------------------------------------------------


class Rounded(Function):
    """Rounding with a straight-through gradient: what composition would give differs from backward."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Any) -> Any:
        return x.round() * 3

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.save_for_backward(*inputs)
        ctx.save_for_forward(*inputs)

    @staticmethod
    def backward(ctx: Any, ct: Any) -> Any:
        (x,) = ctx.saved_tensors
        return ct * x * x


class Looped(Rounded):
    generate_vmap_rule = False

    @staticmethod
    def forward(x: Any) -> Any:
        return torch.from_numpy(np.round(x.detach().numpy()) * 3)


class WithRules(Rounded):
    generate_vmap_rule = False

    @staticmethod
    def vmap(info: Any, in_dims: Any, x: Any) -> Any:
        assert info.batch_size == x.shape[in_dims[0]]
        return WithRules.apply(x.movedim(in_dims[0], 0)), 0

    @staticmethod
    def jvp(ctx: Any, t: Any) -> Any:
        (x,) = ctx.saved_tensors
        return t * x * x


class OldStyle(Function):
    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.save_for_backward(x)
        return x.round() * 3

    @staticmethod
    def backward(ctx: Any, ct: Any) -> Any:
        return ct * ctx.saved_tensors[0] ** 2


@pytest.mark.parametrize("custom", [Rounded, Looped, WithRules, OldStyle])
def test_a_function_keeps_its_derivative_in_every_nest(custom: Any) -> None:
    rows = values(3, 4) * 2

    def f(x: Any) -> Any:
        return custom.apply(x * 2).sin().sum()

    def slope(x: Any) -> Any:
        return ((x * 2).round() * 3).cos() * (2 * x) ** 2 * 2

    close(vmap(f)(rows), loop(f, rows))
    close(grad(f)(rows), slope(rows))
    close(grad(lambda r: vmap(f)(r).sum())(rows), slope(rows))
    close(vmap(grad(f))(rows), slope(rows))
    close(jvp(f, (X,), (X,))[1], (slope(X) * X).sum())
    close(vmap(lambda x: jvp(f, (x,), (x,))[1])(rows), (slope(rows) * rows).sum(1))
    close(jacrev(lambda x: custom.apply(x))(X), torch.diag(X * X))
    close(jacfwd(lambda x: custom.apply(x))(X), torch.diag(X * X))


def test_a_function_of_several_with_constants() -> None:
    class Scaled(Function):
        generate_vmap_rule = True

        @staticmethod
        def forward(x: Any, w: Any, power: int) -> Any:
            return x**power * w, x + w

        @staticmethod
        def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
            x, w, ctx.power = inputs
            ctx.save_for_backward(x, w, output[0])

        @staticmethod
        def backward(ctx: Any, ct: Any, other: Any) -> Any:
            x, w, out = ctx.saved_tensors
            return ct * ctx.power * x ** (ctx.power - 1) * w + other, ct * out / w + other, None

    rows, weight = values(3, 4) + 2, values(4, seed=5) + 2

    def ours(x: Any, w: Any) -> Any:
        a, b = Scaled.apply(x, w, 3)
        return (a * b).sum()

    def plain(x: Any, w: Any) -> Any:
        return (x**3 * w * (x + w)).sum()

    for f in (lambda g: vmap(g, (0, None))(rows, weight), lambda g: vmap(grad(g, (0, 1)), (0, None))(rows, weight)[1],
              lambda g: grad(lambda w: vmap(g, (0, None))(rows, w).sum())(weight),
              lambda g: jvp(g, (rows[0], weight), (weight, rows[0]))[1],
              lambda g: vmap(lambda x: grad_and_value(g)(x, weight)[0])(rows)):
        close(f(ours), f(plain))


def test_gradients_for_a_batch_of_cotangents() -> None:
    x = values(4).requires_grad_()
    y = curve(x)
    eye = torch.eye(4, dtype=torch.float64)
    (rows,) = torch.autograd.grad(y, x, eye, retain_graph=True, is_grads_batched=True)
    close(rows, jacrev(curve)(x.detach()))
    out = OldStyle.apply(x)
    (rows,) = torch.autograd.grad(out, x, eye, is_grads_batched=True)
    close(rows, torch.diag(x.detach() ** 2))


def test_nothing_waits_for_the_garbage_collector() -> None:
    """Values of a level form no circle: what is dropped is freed at once."""

    def run() -> None:
        rows = values(3, 4)
        weight = rows.clone().requires_grad_()
        vmap(grad(lambda x: (Rounded.apply(x) * x.view(2, 2).sum()).sum()))(rows)
        vmap(scalar)(weight).sum().backward()
        hessian(scalar)(X)
        jacfwd(curve)(X)
        jvp(curve, (X,), (X,))
        with torch.autograd.forward_ad.dual_level():
            dual = torch.autograd.forward_ad.make_dual(X, X)
            torch.autograd.forward_ad.unpack_dual((dual * dual).sum())

    run()
    gc.collect()
    gc.disable()
    try:
        run()
        assert gc.collect() == 0
    finally:
        gc.enable()


def test_what_a_level_has_made_is_plain_when_it_is_left() -> None:
    x = torch.tensor(3.0, requires_grad=True)
    with forward_ad.dual_level():
        u = forward_ad.make_dual(x, torch.tensor(1.0)) * 2
        v = u.sin()
        v.backward()
    assert type(u._data) is type(v._data) is type(x.grad._data) is np.ndarray
    assert u.item() == 6.0 and x.grad.item() == pytest.approx(2 * np.cos(6.0))


def test_a_hessian_keeps_its_dependence_on_what_is_outside() -> None:
    """One row of a Jacobian inside a forward derivative is stacked where the tape below goes on."""
    x = torch.tensor([0.3, -0.7, 1.1], dtype=torch.float64)

    def second(x: Any) -> Any:
        return hessian(lambda y: (y.sin() * y**2).sum())(x).sum()

    found = grad(second)(x)
    third = (lambda y: -y**2 * y.cos() - 6 * y * y.sin() + 6 * y.cos())(x)
    assert torch.allclose(found, third)
    leaf = x.clone().requires_grad_()
    second(leaf).backward()
    assert torch.allclose(leaf.grad, third)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32, torch.float64])
def test_casts_move_as_what_they_cast(dtype: Any) -> None:
    x, t = torch.tensor([1.0, 2.0]), torch.tensor([0.5, -1.0])
    for run in (lambda x: x.to(dtype), lambda x: (x.to(dtype) * 2).to(torch.float32) / 2, lambda x: x.to(dtype).sin()):
        moved = jvp(run, (x,), (t,))[1]
        expected = t if run(x).dtype != dtype or run(x).equal(x.to(dtype)) else t * x.cos()
        assert moved.to(torch.float32).tolist() == pytest.approx(expected.tolist(), abs=0.02)
    with forward_ad.dual_level():
        tangent = forward_ad.unpack_dual(forward_ad.make_dual(x, t).to(dtype)).tangent
        assert tangent.dtype == dtype and tangent.to(torch.float32).equal(t)
    assert jvp(lambda x: x.to(torch.int64).to(torch.float32), (x,), (t,))[1].equal(torch.zeros(2))


def test_a_hessian_of_a_hundred_inputs_against_differences_of_values() -> None:
    rng = np.random.default_rng(0)
    a, b = (torch.from_numpy(rng.standard_normal((100, 100)) / 10) for _ in range(2))
    point = rng.standard_normal(100)

    def f(x: Any) -> Any:  # of a point, or of many
        return (torch.tanh(x @ a) * torch.sin(x @ b)).sum(-1) + (x**3).sum(-1) / 6 + torch.logsumexp(x, -1)

    found = hessian(f)(torch.from_numpy(point)).numpy()
    assert found.shape == (100, 100) and found.dtype == np.float64
    step = 1e-4 * np.eye(100)
    wanted = np.zeros((100, 100))
    for i in range(100):  # the second mixed differences of the values alone
        corners = [f(torch.from_numpy(point + s * step[i] + t * step)).numpy() for s in (1, -1) for t in (1, -1)]
        wanted[i] = (corners[0] - corners[1] - corners[2] + corners[3]) / 4e-8
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-6)
    for way in (jacfwd(jacfwd(f)), jacrev(jacrev(f)), jacrev(jacfwd(f))):
        np.testing.assert_allclose(way(torch.from_numpy(point)).numpy(), found, rtol=0, atol=1e-12)
    assert laplacian(f, torch.from_numpy(point)).item() == pytest.approx(np.trace(found), abs=1e-10)


class Pair:
    """A container of the program's own."""

    def __init__(self, x: Any, y: Any, name: str = "") -> None:
        self.x, self.y, self.name = x, y, name


def test_containers_that_the_program_has_registered_are_nests() -> None:
    tree = torch.utils._pytree
    tree.register_pytree_node(Pair, lambda p: ([p.x, p.y], p.name), lambda parts, name: Pair(*parts, name))
    x, rows = torch.arange(3.0), torch.arange(6.0).view(2, 3)
    found = grad(lambda p: (p.x * p.y).sum())(Pair(x, x + 1, "n"))
    assert isinstance(found, Pair) and found.name == "n"
    assert torch.equal(found.x, x + 1) and torch.equal(found.y, x)
    out = vmap(lambda p: Pair(p.x * 2, p.x + p.y), in_dims=(Pair(0, None, "m"),))(Pair(rows, x, "m"))
    assert torch.equal(out.x, rows * 2) and torch.equal(out.y, rows + x)
    value, moved = jvp(lambda p: Pair(p.y, p.x**2), (Pair(x, x),), (Pair(x, torch.ones(3)),))
    assert torch.equal(moved.x, torch.ones(3)) and torch.equal(moved.y, 2 * x * x) and torch.equal(value.y, x * x)
    with pytest.raises(ValueError, match="in_dims is not compatible"):
        vmap(lambda p: p.x, in_dims=(Pair(0, None, "other"),))(Pair(rows, x, "m"))
    with pytest.raises(RuntimeError, match="same python structure"):
        jvp(lambda p: p.x, (Pair(x, x),), (Pair(x, x, "other"),))
    for nest in (deque([x], 4), defaultdict(list, {0: x})):
        g = grad(lambda nest: (nest[0] ** 2).sum())(nest)
        assert type(g) is type(nest) and torch.equal(g[0], 2 * x)


@pytest.mark.parametrize("recording", [True, False])
def test_per_sample_gradients_by_a_parameter_that_requires_a_gradient(recording: bool) -> None:
    """Parameters that are given as they are, not detached: each example's gradient is its own all the same."""
    w, x = torch.tensor([1.0, 2.0], requires_grad=True), torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    with torch.set_grad_enabled(recording):
        each = torch.func.vmap(torch.func.grad(lambda w, x: (w * x).sum() ** 2), in_dims=(None, 0))(w, x)
        rows = torch.func.vmap(torch.func.jacrev(lambda w, x: w * x * w), in_dims=(None, 0))(w, x)
    expected = torch.stack([2 * (w.detach() * row).sum() * row for row in x])
    assert torch.equal(each.detach(), expected)
    assert torch.equal(rows.detach(), torch.stack([torch.diag(2 * w.detach() * row) for row in x]))
    if recording:  # and the gradient of the gradient leads on to the parameter outside
        (outer,) = torch.autograd.grad(each.sum(), w)
        assert torch.allclose(outer, torch.stack([2 * row * row.sum() for row in x]).sum(0))
    assert each.requires_grad == recording
