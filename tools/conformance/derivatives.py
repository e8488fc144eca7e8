"""The columns of derivatives: first and second order, complex, of reference inputs, forward."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

import wengert

from .comparison import Inapplicable, attempt, same, tensors
from .database import Call, mapped
from .samples import backward_dtype, calls, chosen, each, ours_of


def differentiable(nest: Any) -> list[Any]:
    return [x for x in tensors(nest) if x.requires_grad]


def total(lib: Any, result: Any) -> Any:
    """A number that every element of every result enters with a weight of its own."""
    whole = None
    for part in tensors(result):
        if part.requires_grad and part.numel():
            part = lib.view_as_real(part.resolve_conj() if lib is torch else part) if part.is_complex() else part
            weights = lib.linspace(0.5, 1.5, part.numel(), dtype=lib.float64).to(part.dtype).reshape(tuple(part.shape))
            term = (part * weights).sum()
            whole = term if whole is None else whole + term.to(whole.dtype)
    return whole


def derivatives(lib: Any, function: Callable[..., Any], call: Call, order: int) -> list[Any]:
    """Gradients of the weighted total of a call's results, or the gradients of such a total of those gradients."""
    args, kwargs = call.theirs() if lib is torch else call.ours()
    wanted = differentiable([args, kwargs])
    # The first writing of a leaf may be in place, and the first order of a linear function is a constant.
    args, kwargs = mapped((args, kwargs), lambda x: x * 1 if any(x is leaf for leaf in wanted) else x)
    result, problem = attempt(function, args, kwargs)
    if problem is not None:
        raise problem
    result = call.processed(result, lib is not torch)
    if not wanted or (whole := total(lib, result)) is None:
        return []
    grads = lib.autograd.grad(whole, wanted, create_graph=order > 1, allow_unused=True)
    if order > 1:
        known = [g for g in grads if g is not None and g.requires_grad]
        whole = total(lib, known)
        # A linear function's gradient is a constant, which may have a history of zeros or none.
        grads = [None] * len(wanted) if whole is None else lib.autograd.grad(whole, wanted, allow_unused=True)
    # None and zeros say the same.
    return [lib.zeros_like(x) if g is None else g for g, x in zip(grads, wanted, strict=True)]


def same_derivatives(ours: Callable[..., Any], theirs: Callable[..., Any], call: Call, order: int) -> None:
    try:
        want = derivatives(torch, theirs, call, order)
    except Exception as error:  # noqa: BLE001 - PyTorch has no derivative of this sample
        raise Inapplicable from error
    got = derivatives(wengert, ours, call, order)
    if want or got:
        same([g.detach() for g in got], [g.detach() for g in want])


def gradient(name: str, order: int, entry: Any) -> None:
    dtype = backward_dtype(entry, getattr(torch, name))
    if order > 1 and not entry.supports_gradgrad:
        raise Inapplicable
    ours = ours_of(entry)
    each(
        calls(entry, dtype, requires_grad=True, most=24 if order == 1 else 16),
        lambda call: same_derivatives(ours, entry.op, call, order),
    )


def reference_gradient(entry: Any) -> None:
    if entry.reference_inputs_func is None:
        raise Inapplicable
    dtype = backward_dtype(entry, torch.float64)
    ours = ours_of(entry)
    samples = map(Call, chosen(entry.reference_inputs("cpu", dtype, requires_grad=True), 30))
    each(samples, lambda call: same_derivatives(ours, entry.op, call, 1))


def forward_mode(entry: Any) -> None:
    if not entry.supports_forward_ad:
        raise Inapplicable
    dtype = backward_dtype(entry, torch.float64)
    ours = ours_of(entry)

    def pushed(lib: Any, function: Callable[..., Any], call: Call) -> Any:
        args, kwargs = call.theirs() if lib is torch else call.ours()
        primals = tuple(x.detach() for x in differentiable([args, kwargs]))
        wanted = [id(x) for x in differentiable([args, kwargs])]
        if not primals:
            raise Inapplicable
        tangents = tuple(
            lib.linspace(0.5, 1.5, x.numel(), dtype=lib.float64).to(x.dtype).reshape(tuple(x.shape)) for x in primals
        )

        def placed(*values: Any) -> Any:
            remaining = dict(zip(wanted, values, strict=True))
            a, k = mapped((args, kwargs), lambda x: remaining.get(id(x), x))
            result = call.processed(function(*a, **k), lib is not torch)
            return tuple(x for x in tensors(result) if x.is_floating_point() or x.is_complex())

        result, problem = attempt(lambda: lib.func.jvp(placed, primals, tangents)[1], (), {})
        if problem is not None:
            raise problem
        return result

    def check(call: Call) -> None:
        try:
            want = pushed(torch, entry.op, call)
        except Exception as error:  # noqa: BLE001 - PyTorch has no forward derivative of this sample
            raise Inapplicable from error
        same(pushed(wengert, ours, call), want)

    each(calls(entry, dtype, requires_grad=True, most=12), check)
