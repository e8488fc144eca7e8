"""``torch.func`` against PyTorch's: values, forms of results, nesting, and the classes of errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import wengert
import wengert.func
from tests.peer.side_by_side import both

torch = pytest.importorskip("torch")
# PyTorch compiles its forward mode by what it calls deprecated.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
X = np.array([0.3, -0.7, 1.2])


def x(t: Any) -> Any:
    return t.from_numpy(X.copy())


def m(t: Any) -> Any:
    return t.arange(6.0, dtype=t.float64).view(2, 3).sin()


CASES: dict[str, Any] = {
    "grad": lambda t, f: f.grad(lambda a: (a.sin() * a).sum())(x(t)),
    "grad of grad of grad": lambda t, f: f.grad(f.grad(f.grad(lambda a: a.exp().sin())))(x(t)[0]),
    "grad by two": lambda t, f: f.grad(lambda a, b: (a * b).sum(), argnums=(1, 0))(x(t), x(t) + 1),
    "grad by a dict": lambda t, f: f.grad(lambda p: (p["w"] @ p["b"]).sum())({"w": m(t), "b": x(t)}),
    "grad with aux": lambda t, f: f.grad(lambda a: ((a**2).sum(), {"y": a.exp()}), has_aux=True)(x(t)),
    "grad and value": lambda t, f: f.grad_and_value(lambda a, s=2: (a**s).sum())(x(t), s=3),
    "grad where it does not depend": lambda t, f: f.grad(lambda a, b: a.sum(), argnums=1)(x(t), x(t)),
    "vjp": lambda t, f: (lambda out, pull: (out, pull(t.ones(3, dtype=t.float64))))(*f.vjp(t.tanh, x(t))),
    "vjp of two": lambda t, f: f.vjp(lambda a, b: (a @ b, b.exp()), m(t), x(t))[1](
        (t.ones(2, dtype=t.float64), t.ones(3, dtype=t.float64))),
    "vjp with aux": lambda t, f: f.vjp(lambda a: (a**2, {"y": a.exp()}), x(t), has_aux=True)[::2],
    "jvp with aux": lambda t, f: f.jvp(lambda a: (a**2, {"y": a.exp()}), (x(t),), (x(t),), has_aux=True),
    "jacrev with aux": lambda t, f: f.jacrev(lambda a: (a**2, [a.exp()]), has_aux=True)(x(t)),
    "jvp": lambda t, f: f.jvp(lambda a: (a.sin(), a.sum()), (x(t),), (x(t) + 1,)),
    "jvp of two": lambda t, f: f.jvp(lambda a, b: a @ b, (m(t), x(t)), (m(t) * 2, x(t) ** 2)),
    "jacrev": lambda t, f: f.jacrev(lambda a: a.outer(a))(x(t)),
    "jacrev by two": lambda t, f: f.jacrev(lambda a, b: a @ b, argnums=(0, 1))(m(t), x(t)),
    "jacrev of a dict": lambda t, f: f.jacrev(lambda a: {"s": a.sum(), "p": a**2})(x(t)),
    "jacfwd": lambda t, f: f.jacfwd(lambda a: a.cumsum(0).tanh())(x(t)),
    "hessian": lambda t, f: f.hessian(lambda a: a.prod() + a.pow(3).sum())(x(t)),
    "hessian by two": lambda t, f: f.hessian(lambda a, b: (a @ b).sum() * b.sum(), argnums=(0, 1))(m(t), x(t)),
    "vmap": lambda t, f: f.vmap(lambda row: row / row.norm())(m(t)),
    "vmap over columns": lambda t, f: f.vmap(lambda c: c.sum(), in_dims=1)(m(t)),
    "vmap with a constant": lambda t, f: f.vmap(t.mv, in_dims=(None, 0), out_dims=1)(m(t), m(t)),
    "vmap of two results": lambda t, f: f.vmap(lambda a: (a.sum(), {"t": a * 2}), out_dims=(0, {"t": 1}))(m(t)),
    "vmap of vmap": lambda t, f: f.vmap(f.vmap(lambda a, b: a * b, (0, None)), (None, 0))(x(t), x(t)),
    "vmap of grad": lambda t, f: f.vmap(f.grad(lambda a, b: (a @ b).tanh()), in_dims=(None, 0))(x(t), m(t)),
    "grad of vmap": lambda t, f: f.grad(lambda a: f.vmap(lambda b: (a * b).sum().sin())(m(t)).sum())(x(t)),
    "vmap of keywords": lambda t, f: f.vmap(lambda a, k=1: a * k)(x(t), k=t.tensor([2.0, 3.0, 4.0])),
}


def parts(tree: Any) -> list[Any]:
    if isinstance(tree, dict):
        return [part for key in tree for part in parts(tree[key])]
    return [part for each in tree for part in parts(each)] if isinstance(tree, (tuple, list)) else [tree]


def form(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {key: form(value) for key, value in tree.items()}
    return tuple(form(each) for each in tree) if isinstance(tree, (tuple, list)) else tuple(tree.shape)


@pytest.mark.parametrize("name", CASES)
def test_values(name: str) -> None:
    theirs, ours = CASES[name](torch, torch.func), CASES[name](wengert, wengert.func)
    assert form(ours) == form(theirs)
    for mine, its in zip(parts(ours), parts(theirs), strict=True):
        np.testing.assert_allclose(mine.numpy(), its.numpy(), rtol=1e-7, atol=1e-9)
        assert mine.requires_grad == its.requires_grad


def test_gradients_flow_through_to_the_tape_outside() -> None:
    for t in (torch, wengert):
        weight = t.tensor([1.0, 2.0], requires_grad=True)
        inner = t.func.grad(lambda a, w=weight: (w * a**2).sum())(t.tensor([3.0, 4.0]))
        inner.sum().backward()
        assert weight.grad.tolist() == [6.0, 8.0]
        y = t.tensor([0.5], requires_grad=True)
        t.func.jacrev(lambda a: a**3)(y).sum().backward()
        assert y.grad.tolist() == [3.0]
        with t.no_grad():
            assert not t.func.grad(lambda a, w=weight: (w * a).sum())(t.ones(2)).requires_grad


@pytest.mark.parametrize("call", [
    lambda t: t.func.grad(lambda a: a)(t.ones(2)),
    lambda t: t.func.grad(lambda a: a.sum(), argnums=3)(t.ones(2)),
    lambda t: t.vmap(lambda a, b: a + b)(t.ones(2), t.ones(3)),
    lambda t: t.vmap(lambda a: 1.0)(t.ones(2)),
    lambda t: t.vmap(lambda a: a, in_dims=None)(t.ones(2)),
    lambda t: t.vmap(lambda a: a)(t.tensor(1.0)),
    lambda t: t.vmap(lambda a: a + t.rand(1))(t.ones(2)),
    lambda t: t.vmap(lambda a: a, randomness="some")(t.ones(2)),
    lambda t: t.func.functional_call(t.nn.Linear(1, 1), ({"bias": t.ones(1)}, {"bias": t.ones(1)}), t.ones(1)),
    lambda t: t.func.stack_module_state([]),
])
def test_errors_of_the_same_class(call: Any) -> None:
    with pytest.raises(Exception) as theirs:
        call(torch)
    with pytest.raises(type(theirs.value)):
        call(wengert)


def test_modules_with_other_tensors() -> None:
    for t in (torch, wengert):
        t.manual_seed(0)
        models = [t.nn.Sequential(t.nn.Linear(2, 3), t.nn.BatchNorm1d(3)).eval() for _ in range(2)]
        parameters, buffers = t.func.stack_module_state(models)
        assert sorted(parameters) == ["0.bias", "0.weight", "1.bias", "1.weight"]
        assert parameters["0.weight"].shape == (2, 3, 2) and parameters["0.weight"].requires_grad
        assert buffers["1.running_mean"].shape == (2, 3)
        first = {name: tensor[0] for name, tensor in {**parameters, **buffers}.items()}
        inputs = t.ones(4, 2)
        assert t.equal(t.func.functional_call(models[1], first, (inputs,)), models[0](inputs))


def test_random_numbers_in_a_batch() -> None:
    wengert.manual_seed(0)
    same = wengert.vmap(lambda a: a + wengert.rand(2), randomness="same")(wengert.zeros(3))
    assert wengert.equal(same[0], same[2])
    different = wengert.vmap(lambda a: a + wengert.rand(2), randomness="different")(wengert.zeros(3))
    assert not wengert.equal(different[0], different[2])


NONE_AND_INTEGERS: dict[str, Any] = {
    "results with names": lambda T: tuple(T.vmap(lambda x: x.max(0))(T.arange(6.0).reshape(2, 3))),
    "sorted": lambda T: T.vmap(lambda x: x.sort())(T.arange(6.0).reshape(2, 3)).values,
    "jacobian of a part": lambda T: T.func.jacrev(lambda x: x.max(0).values)(T.tensor([1.0, 3.0])),
    "no examples": lambda T: T.vmap(lambda x: x * 2)(T.zeros(0, 3)),
    "no products": lambda T: T.vmap(lambda x, y: x @ y, out_dims=1)(T.zeros(0, 2, 3), T.zeros(0, 3, 4)),
    "no gradients": lambda T: T.vmap(T.func.grad(lambda x: (x * x).sum()))(T.zeros(0, 3)),
    **{f"{name} of integers": (lambda T, name=name: getattr(T.func, name)(lambda x: (x * 1.0).sum())(T.tensor([1, 2])))
       for name in ("grad", "jacrev")},
    "vjp of integers": lambda T: T.func.vjp(lambda x: x * 2, T.tensor([1, 2])),
}


@pytest.mark.parametrize("name", NONE_AND_INTEGERS)
def test_no_examples_named_results_and_integers(name: str) -> None:
    both(NONE_AND_INTEGERS[name])


def rules(T: Any, w: Any) -> dict[str, Callable[[Any], Any]]:
    """Transforms of a function of a leaf from outside, each as a function of one example."""
    def f(w: Any) -> Any:
        return T.tanh(w).square().sum()
    func = T.func
    return {
        "grad": lambda v: func.grad(f)(w) * v, "value": lambda v: func.grad_and_value(f)(w)[1],
        "vjp": lambda v: func.vjp(f, w)[1](v.sum())[0], "primal": lambda v: func.vjp(f, w)[0],
        "jvp": lambda v: func.jvp(f, (w,), (v,))[1], "jacrev": lambda v: func.jacrev(T.tanh)(w) @ v,
        "jacfwd": lambda v: func.jacfwd(T.tanh)(w) @ v, "hessian": lambda v: func.hessian(f)(w) @ v,
        "plain": lambda v: f(w) * v, "mapped": lambda v: func.vmap(lambda u: func.vjp(f, w)[0] * u)(v),
    }


def test_no_grad_inside_vmap_leaves_no_history_of_leaves_outside() -> None:
    facts = []
    for T in (wengert, torch):
        w = T.arange(3.0).requires_grad_()
        fact = {}
        for name, rule in rules(T, w).items():
            for quiet in (T.no_grad, T.enable_grad):
                for depth in (0, 1, 2):
                    call = quiet()(rule)
                    for _ in range(depth):
                        call = T.func.vmap(call)
                    fact[name, quiet.__name__, depth] = call(T.ones(*(2,) * depth, 3)).requires_grad
        facts.append(fact)
    assert facts[0] == facts[1]
    assert {value for (_, quiet, _), value in facts[1].items() if quiet == "no_grad"} == {False}
