"""Wrong input to every function of `func`, `forward_ad` and `autograd.functional`: the class of PyTorch's error, our
form of message, and nothing changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import wengert
import wengert.func
from tests.peer.agreement import builtin_kind
from wengert.core.state import state

torch = pytest.importorskip("torch")
pytestmark = [pytest.mark.filterwarnings("ignore::DeprecationWarning"),
              pytest.mark.filterwarnings("ignore::UserWarning"),
              pytest.mark.filterwarnings("ignore::FutureWarning")]

VALUES: dict[str, Callable[[Any], Any]] = {
    "a number": lambda T: 1.5, "None": lambda T: None, "text": lambda T: "x", "a list of numbers": lambda T: [1.0, 2.0],
    "integers": lambda T: T.tensor([1, 2, 3]), "truths": lambda T: T.tensor([True, False, True]),
    "an empty tuple": lambda T: (), "a dict of text": lambda T: {"a": "b"}, "no elements": lambda T: T.zeros(0),
    "another shape": lambda T: T.ones(2), "a scalar": lambda T: T.tensor(1.0), "a module": lambda T: T.nn.Linear(3, 3),
    "an object": lambda T: object, "a list of tensors": lambda T: [T.ones(3), T.ones(3)],
}


def cube(x: Any) -> Any:
    return x**3


def total(x: Any) -> Any:
    return (x**3).sum()


CALLS: dict[str, Callable[[Any, Any], Any]] = {
    "grad": lambda T, v: T.func.grad(total)(v),
    "grad of what gives it": lambda T, v: T.func.grad(lambda x: v)(T.ones(3)),
    "grad with aux": lambda T, v: T.func.grad(lambda x: v, has_aux=True)(T.ones(3)),
    "grad by argnums": lambda T, v: T.func.grad(total, argnums=v)(T.ones(3)),
    "grad_and_value": lambda T, v: T.func.grad_and_value(total)(v),
    "vjp": lambda T, v: T.func.vjp(cube, v)[0],
    "vjp of what gives it": lambda T, v: T.func.vjp(lambda x: v, T.ones(3)),
    "vjp of a cotangent": lambda T, v: T.func.vjp(cube, T.ones(3))[1](v),
    "vjp of cotangents": lambda T, v: T.func.vjp(lambda x: (x, x), T.ones(3))[1]((v, T.ones(3))),
    "jvp": lambda T, v: T.func.jvp(cube, (v,), (T.ones(3),)),
    "jvp of a tangent": lambda T, v: T.func.jvp(cube, (T.ones(3),), (v,)),
    "jvp of primals": lambda T, v: T.func.jvp(cube, v, (T.ones(3),)),
    "jvp of tangents": lambda T, v: T.func.jvp(cube, (T.ones(3),), v),
    "jvp of what gives it": lambda T, v: T.func.jvp(lambda x: v, (T.ones(3),), (T.ones(3),)),
    "jacrev": lambda T, v: T.func.jacrev(cube)(v),
    "jacrev of what gives it": lambda T, v: T.func.jacrev(lambda x: v)(T.ones(3)),
    "jacrev by argnums": lambda T, v: T.func.jacrev(cube, argnums=v)(T.ones(3)),
    "jacfwd": lambda T, v: T.func.jacfwd(cube)(v),
    "jacfwd of what gives it": lambda T, v: T.func.jacfwd(lambda x: v)(T.ones(3)),
    "hessian": lambda T, v: T.func.hessian(total)(v),
    "hessian of what gives it": lambda T, v: T.func.hessian(lambda x: v)(T.ones(3)),
    "vmap": lambda T, v: T.func.vmap(cube)(v),
    "vmap of another": lambda T, v: T.func.vmap(lambda x, y: x)(T.ones(3), v),
    "vmap of what gives it": lambda T, v: T.func.vmap(lambda x: v)(T.ones(3)),
    "vmap of in_dims": lambda T, v: T.func.vmap(cube, in_dims=v)(T.ones(3, 3)),
    "vmap of out_dims": lambda T, v: T.func.vmap(cube, out_dims=v)(T.ones(3, 3)),
    "vmap of randomness": lambda T, v: T.func.vmap(cube, randomness=v)(T.ones(3, 3)),
    "functional_call": lambda T, v: T.func.functional_call(T.nn.Linear(3, 3), v, (T.ones(3),)),
    "functional_call of a module": lambda T, v: T.func.functional_call(v, {"weight": T.ones(3, 3)}, (T.ones(3),)),
    "functional_call of a tensor": lambda T, v: T.func.functional_call(T.nn.Linear(3, 3), {"weight": v}, (T.ones(3),)),
    "stack_module_state": lambda T, v: T.func.stack_module_state(v),
    "stack_module_state of": lambda T, v: T.func.stack_module_state([T.nn.Linear(3, 3), v]),
    **{f"functional.{name}": lambda T, v, name=name, f=f: getattr(T.autograd.functional, name)(f, v)
       for name, f in (("jacobian", cube), ("hessian", total))},
    **{f"functional.{name}": lambda T, v, name=name: getattr(T.autograd.functional, name)(cube, v, T.ones(3))
       for name in ("vjp", "jvp")},
    **{f"functional.{name}": lambda T, v, name=name: getattr(T.autograd.functional, name)(total, v, T.ones(3))
       for name in ("hvp", "vhp")},
    **{f"functional.{name} of v": lambda T, v, name=name: getattr(T.autograd.functional, name)(cube, T.ones(3), v)
       for name in ("vjp", "jvp")},
    **{f"functional.{name} of v": lambda T, v, name=name: getattr(T.autograd.functional, name)(total, T.ones(3), v)
       for name in ("hvp", "vhp")},
    **{f"functional.{name} of what gives it": lambda T, v, name=name: getattr(T.autograd.functional, name)(
        lambda x: v, T.ones(3)) for name in ("jacobian", "hessian", "vjp")},
}


def make_dual(T: Any, primal: Any, tangent: Any) -> Any:
    with T.autograd.forward_ad.dual_level():
        return T.autograd.forward_ad.make_dual(primal, tangent)


def unpack_dual(T: Any, v: Any) -> Any:
    with T.autograd.forward_ad.dual_level():
        return T.autograd.forward_ad.unpack_dual(v)


CALLS |= {
    "make_dual": lambda T, v: make_dual(T, v, T.ones(3)),
    "make_dual of a tangent": lambda T, v: make_dual(T, T.ones(3), v),
    "unpack_dual": unpack_dual, "exit_dual_level": lambda T, v: T.autograd.forward_ad.exit_dual_level(level=v),
}

LAXER = {
    ("functional.jacobian", "no elements"): "a Jacobian without elements is one",
    ("functional.hessian", "no elements"): "a Hessian without elements is one",
    ("functional.jacobian of what gives it", "no elements"): "a Jacobian without rows is one",
    ("functional.jacobian of what gives it", "an empty tuple"): "no outputs have no Jacobians",
    ("functional_call of a tensor", "None"): "a parameter may be None; what a layer says to it is the layer's",
}
"""What wengert takes and PyTorch does not, and why."""


def outcome(call: Callable[[Any, Any], Any], T: Any, make: Callable[[Any], Any]) -> Exception | None:
    try:
        call(T, make(T))
    except Exception as error:  # noqa: BLE001 - the class is what is compared
        return error
    return None


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("name", CALLS)
def test_the_class_of_the_error(name: str, value: str) -> None:
    theirs = outcome(CALLS[name], torch, VALUES[value])
    ours = outcome(CALLS[name], wengert, VALUES[value])
    assert state.watcher is None and wengert.is_grad_enabled()
    assert wengert.autograd.forward_ad._current() is None
    if theirs is None:
        assert ours is None, f"PyTorch takes it; wengert raises {ours!r}"
    elif (name, value) not in LAXER:
        assert ours is not None, f"PyTorch raises {theirs!r}"
        assert isinstance(ours, builtin_kind(theirs)), f"PyTorch raises {theirs!r}, wengert {ours!r}"


def test_what_was_given_is_as_it_was() -> None:
    """A call that raises, in the middle of the function too, leaves tensors, gradients and switches alone."""
    x = wengert.arange(3.0).requires_grad_()

    def fails(y: Any) -> Any:
        z = y.clone()
        z.mul_(2)
        (z.sum() * y.sum()).sin()
        raise KeyError("in the middle")

    F, A = wengert.func, wengert.autograd.functional
    ways = [lambda: F.grad(fails)(x), lambda: F.vjp(fails, x), lambda: F.jvp(fails, (x,), (x,)),
            lambda: F.jacrev(fails)(x), lambda: F.jacfwd(fails)(x), lambda: F.hessian(fails)(x),
            lambda: F.vmap(fails)(x), lambda: F.vmap(F.grad(fails))(x), lambda: F.linearize(fails, x),
            lambda: F.laplacian(fails, x), lambda: F.hvp(fails, x, x), lambda: A.jacobian(fails, x),
            lambda: A.hessian(fails, x), lambda: A.vjp(fails, x), lambda: A.jvp(fails, x, x),
            lambda: A.hvp(fails, x, x), lambda: A.vhp(fails, x, x), lambda: F.vmap(fails, chunk_size=1)(x)]
    for way in ways:
        with pytest.raises(KeyError, match="in the middle"):
            way()
        assert x.tolist() == [0.0, 1.0, 2.0] and x.grad is None and x.grad_fn is None and x._version == 0
        assert state.watcher is None and wengert.is_grad_enabled()
