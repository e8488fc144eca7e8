"""The engine's semantics, held against PyTorch: each case is one program, run with both."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import pytest

import wengert

torch = pytest.importorskip("torch")


def numbers(value: Any) -> Any:
    """Tensors as (nested lists of) rounded numbers, anywhere inside a result."""
    if isinstance(value, (wengert.Tensor, torch.Tensor)):
        return numbers(value.detach().tolist())
    if isinstance(value, (list, tuple)):
        return [numbers(item) for item in value]
    if isinstance(value, complex):
        return [round(value.real, 4), round(value.imag, 4)]
    return round(value, 4) if isinstance(value, float) else value


def leaf(t: Any, *values: Any) -> Any:
    return t.tensor(values, requires_grad=True)


def hooks_in_order(t: Any) -> Any:
    x, order = leaf(t, 2.0), []
    y = x * x
    y.register_hook(lambda g: order.append("tensor"))
    y.retain_grad()
    y.register_hook(lambda g: (order.append("tensor again"), g * 3)[1])
    y.grad_fn.register_prehook(lambda outputs: order.append("before"))
    y.grad_fn.register_hook(lambda inputs, outputs: order.append("after"))
    x.register_hook(lambda g: order.append("leaf"))
    x.register_post_accumulate_grad_hook(lambda p: order.append("accumulated"))
    y.sum().backward()
    return order, y.grad, x.grad


def accumulation(t: Any) -> Any:
    x = leaf(t, 1.0, 2.0)
    for _ in range(3):
        (x * x).sum().backward()
    first = x.grad
    (x * 2).sum().backward()
    return x.grad, first is x.grad


def inputs_that_are_no_leaves(t: Any) -> Any:
    x = leaf(t, 1.0, 2.0)
    y = x * 2
    z = y * y
    z.sum().backward(inputs=[y, x])
    return x.grad, y.grad


def capture_after_hooks(t: Any) -> Any:
    x = leaf(t, 1.0)
    y = x * 2
    y.register_hook(lambda g: g * 5)
    y.grad_fn.register_prehook(lambda gs: (gs[0] * 7,))
    # (For both at once PyTorch's gradient of y is that before its hook; ours is the same as for y alone.)
    return [t.autograd.grad((y * 3).sum(), z, retain_graph=True) for z in (y, x)]


def retained_across_writes(t: Any) -> Any:
    x = leaf(t, 1.0, 2.0)
    y = x * 1
    y.retain_grad()
    y.mul_(2)
    y[0] = 5.0
    (y * 3).sum().backward()
    return y.grad, x.grad


def several_outputs(t: Any) -> Any:
    x = leaf(t, 3.0, 1.0, 2.0)
    values, places = x.sort()
    top, _ = x.topk(2)
    a, b, _ = x.split(1)
    low, _ = x.min(0)
    ((values * t.tensor([1.0, 2.0, 3.0])).sum() + top[1] * 10 + a * b + low).backward()
    return x.grad, places, values.grad_fn.name(), a.output_nr


def second_order(t: Any) -> Any:
    x = leaf(t, 0.5, 1.5)
    y = (x.sin() * x.exp()).sum() + (x.unsqueeze(0) @ x.unsqueeze(1)).sum().log()
    (g,) = t.autograd.grad(y, x, create_graph=True)
    (h,) = t.autograd.grad((g * g).sum(), x, create_graph=True)
    return g, h, t.autograd.grad(h.sum(), x)


def complex_values(t: Any) -> Any:
    z = leaf(t, 1 + 2j, 0.5 - 1j)
    x = leaf(t, 2.0, 3.0)
    w = (z * z.conj() * x + z.exp() / x).abs().sum() + (z.real * z.imag).sum() + z.angle().sum()
    return t.autograd.grad(w, (z, x))


def names(t: Any) -> Any:
    x, y = leaf(t, 1.0, 2.0), leaf(t, 3.0, 4.0)
    made = [
        x + y,
        x - y,
        x * y,
        x / y,
        -x,
        x**2,
        x.exp(),
        x.log(),
        x.sin(),
        x.tanh(),
        x.sigmoid(),
        x.relu(),
        x.sqrt(),
        x.abs(),
        x.sum(),
        x.sum(0),
        x.mean(),
        x.max(),
        x[0],
        x[:1],
        x.unsqueeze(0),
        x.view(2, 1),
        x.reshape(1, 2),
        x.clone(),
        x.expand(3, 2),
        x.view(1, 2).t(),
        x.view(1, 2).transpose(0, 1),
        x @ y,
        x.view(1, 2) @ y.view(2, 1),
        x.double(),
        t.cat([x, y]),
        x.cumsum(0),
        x.flip(0),
        t.where(x > 1, x, y),
        x.softmax(0),
        x.log_softmax(0),
        x.squeeze(),
        x.narrow(0, 0, 1),
        x.contiguous() * 1,
        x.prod(),
        x.norm(),
        x.var(),
        x.std(),
        x.gather(0, t.tensor([0])),
        x.index_select(0, t.tensor([0])),
        x.masked_fill(x > 1, 0.0),
        x[t.tensor([0])],
    ]
    return [m.grad_fn.name() for m in made]


def functions_of_ctx(t: Any) -> Any:
    class Scale(t.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any, factor: float) -> Any:
            ctx.factor = factor
            ctx.save_for_backward(x)
            return x * factor, x.round()

        @staticmethod
        def backward(ctx: Any, ct: Any, rounded: Any) -> Any:
            (x,) = ctx.saved_tensors
            return ct * ctx.factor + rounded * x, None

    x = leaf(t, 1.2, 2.7)
    y, r = Scale.apply(x, 3.0)
    (y * y).sum().backward()
    return x.grad, y.grad_fn.name(), r.requires_grad, y.grad_fn.next_functions[0][0].name(), y.grad_fn.factor


def modes(t: Any) -> Any:
    x, seen = leaf(t, 1.0), []

    @t.no_grad()
    def inside(n: int) -> Any:
        seen.append((n, t.is_grad_enabled(), (x * 2).requires_grad))
        if n:
            with t.enable_grad():
                inside(n - 1)
                seen.append((x * 2).requires_grad)

    inside(2)
    with t.inference_mode():
        seen.append((t.is_inference_mode_enabled(), (x * 2).requires_grad))
    return seen, t.is_grad_enabled()


def functional(t: Any) -> Any:
    from importlib import import_module

    f = import_module(f"{t.__name__}.autograd.functional")
    x, y, v = leaf(t, 1.0, 2.0), leaf(t, 3.0, 0.5), t.tensor([1.0, -2.0])
    return [
        f.jacobian(lambda x, y: (x * y, (x * x).sum()), (x, y)),
        f.hessian(lambda x, y: (x * x * y).sum(), (x, y)),
        f.vjp(lambda x: x * x, x, v),
        f.jvp(lambda x: x * x * y, x, v),
        f.hvp(lambda x: (x * x * x).sum(), x, v),
        f.vhp(lambda x: (x * x * x).sum(), x, v),
    ]


def checkpoints(t: Any) -> Any:
    from importlib import import_module

    checkpoint = import_module(f"{t.__name__}.utils.checkpoint").checkpoint
    found = []
    for use_reentrant in (True, False):
        t.manual_seed(3)
        x = leaf(t, 1.0, 2.0)
        y = checkpoint(lambda x: (x * x * t.rand(2)).exp(), x, use_reentrant=use_reentrant)
        y.sum().backward()
        found.append((y, x.grad, t.rand(1)))
    return found


def saved_hooks(t: Any) -> Any:
    x, packed = leaf(t, 1.0, 2.0), []
    with t.autograd.graph.saved_tensors_hooks(lambda s: (packed.append(numbers(s)), s * 2)[1], lambda s: s):
        y = (x * x).exp()
    y.sum().backward()
    return packed, x.grad


def layouts(t: Any) -> Any:
    y = t.ones(3, requires_grad=True)
    y.sum().backward()
    z = t.ones(2, 3, requires_grad=True)
    (z.t() * t.ones(3, 2)).sum().backward()
    return y.grad.stride(), z.grad.stride()


CASES: list[Callable[[Any], Any]] = [
    hooks_in_order,
    accumulation,
    inputs_that_are_no_leaves,
    capture_after_hooks,
    retained_across_writes,
    several_outputs,
    second_order,
    complex_values,
    functions_of_ctx,
    modes,
    functional,
    checkpoints,
    saved_hooks,
    layouts,
]


@pytest.mark.parametrize("case", CASES)
def test_case(case: Callable[[Any], Any]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = numbers(case(torch))
    assert numbers(case(wengert)) == expected


def test_names() -> None:
    ours, theirs = names(wengert), names(torch)
    assert ours == theirs


# --- errors: the same class, and the heart of the message -------------------------------------------------------------

ERRORS: dict[str, Callable[[Any], Any]] = {
    "broadcast": lambda t: t.ones(2, 3) + t.ones(2),
    "matmul": lambda t: t.ones(2, 3) @ t.ones(2, 3),
    "index": lambda t: t.ones(3)[5],
    "indices": lambda t: t.ones(3)[0, 0],
    "index tensor": lambda t: t.ones(3)[t.tensor([7])],
    "leaf": lambda t: leaf(t, 1.0).add_(1),
    "view of leaf": lambda t: leaf(t, 1.0, 2.0)[0].add_(1),
    "expanded": lambda t: t.ones(1).expand(3).add_(1),
    "growing": lambda t: t.ones(3).add_(t.ones(2, 3)),
    "dtype": lambda t: t.arange(3).mul_(0.5),
    "copy": lambda t: t.ones(2).copy_(t.ones(3)),
    "non-scalar": lambda t: leaf(t, 1.0, 2.0).backward(),
    "no grad": lambda t: t.ones(1).backward(),
    "gradient shape": lambda t: leaf(t, 1.0, 2.0).backward(t.ones(3)),
    "unused": lambda t: t.autograd.grad(leaf(t, 1.0).sum(), leaf(t, 1.0)),
    "not required": lambda t: t.autograd.grad(leaf(t, 1.0).sum(), t.ones(1)),
    "integers": lambda t: t.arange(3).requires_grad_(),
    "integers made": lambda t: t.tensor([1], requires_grad=True),
    "no inputs": lambda t: leaf(t, 1.0).backward(inputs=[]),
    "hook size": lambda t: (lambda y: (y.register_hook(lambda g: g[:1]), y.sum().backward()))(leaf(t, 1.0, 2.0) * 1),
    "hook type": lambda t: (lambda y: (y.register_hook(lambda g: 3), y.sum().backward()))(leaf(t, 1.0, 2.0) * 1),
    "hook on constant": lambda t: t.ones(1).register_hook(lambda g: g),
    "retain on constant": lambda t: t.ones(1).retain_grad(),
    "flag of non-leaf": lambda t: (leaf(t, 1.0) * 2).requires_grad_(False),
    "numpy": lambda t: leaf(t, 1.0).numpy(),
    "grad size": lambda t: setattr(leaf(t, 1.0), "grad", t.ones(2)),
    "grad type": lambda t: setattr(leaf(t, 1.0), "grad", 3),
    "detached view": lambda t: (leaf(t, 1.0, 2.0) * 1)[0].detach_(),
    "complex output": lambda t: leaf(t, 1j).sum().backward(),
    "dtype name": lambda t: t.zeros(2, dtype="float32"),
    "device name": lambda t: t.zeros(2, device="gpu"),
    "truth": lambda t: bool(t.ones(2)),
    "deepcopy": lambda t: __import__("copy").deepcopy(leaf(t, 1.0) * 2),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name: str) -> None:
    with pytest.raises(Exception) as theirs:  # noqa: B017, PT011
        ERRORS[name](torch)
    with pytest.raises(type(theirs.value)):
        ERRORS[name](wengert)
