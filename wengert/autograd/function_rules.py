"""How a user's `Function` runs inside transformations: by its ``vmap`` or ``jvp``, or by what follows from backward.

The value is computed by the level below, where the Function is applied as ever, so that the tape there has its
backward. On the tape of the level itself it has a node of its own, whose context ``setup_context`` fills.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..core.batching import spread
from ..core.primitive import P
from ..core.state import state
from ..tensors.alias import edge_of, same_memory, version_cell
from ..tensors.tensor import TENSORS, Tensor
from . import function
from .batching import BatchLevel
from .engine import grad
from .forward import DualLevel
from .function import Function, FunctionContext, applied, results_of
from .levels import Level, off_tape
from .modes import enable_grad, no_grad


class VmapInfo(NamedTuple):
    """What a Function's ``vmap`` is told: the number of examples, and `vmap`'s ``randomness``."""

    batch_size: int
    randomness: str


def transformed(cls: type[Function], inside: Level, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The result of ``cls.apply(*args)`` at a level."""
    args = inside.lifted(args)
    recorded = state.grad and any(edge_of(x) is not None for x in args if type(x) in TENSORS)
    old_style = cls.setup_context is Function.setup_context
    lacks = cls.jvp is Function.jvp and cls.backward is Function.backward and cls.vjp is Function.vjp
    if lacks and isinstance(inside, DualLevel):
        raise NotImplementedError("You must implement the jvp function for custom autograd.Function to use it with "
                                  f"forward mode AD: {cls.__name__} defines neither it nor backward")
    if recorded and old_style:
        if isinstance(inside, DualLevel) and cls.jvp is not Function.jvp:
            return _pushed_and_recorded(cls, inside, args, kwargs)
        _check_nothing_below(cls, inside, args)
        return applied(cls, args, kwargs)[1]
    if isinstance(inside, BatchLevel):
        output = _batched(cls, inside, args, kwargs)
    elif isinstance(inside, DualLevel):
        output = _pushed(cls, inside, args, kwargs)
    else:
        output = inside.called(lambda *values: cls.apply(*values, **kwargs), args)
    if not recorded:
        return output
    node = cls._node_class(args)
    single = not isinstance(output, tuple)
    cls.setup_context(node.context, args, output)
    found = results_of(node, args, (output,) if single else output)
    return found[0] if single else found


def _check_nothing_below(cls: type[Function], inside: Level, args: tuple[Any, ...]) -> None:
    """An old Function's ``forward`` fills its context itself: there is one context, for this level's tape."""
    if any(edge_of(inside.inner(x)) is not None for x in args if type(x) in TENSORS):
        raise RuntimeError(
            f"[{cls.__name__}] In order to use an autograd.Function with functorch transforms (vmap, grad, jvp, "
            "jacrev, ...), it must override the setup_context staticmethod, where it is differentiated inside one and "
            "outside it; define forward(*args) and setup_context(ctx, inputs, output)")


# --- vmap -------------------------------------------------------------------------------------------------------------


def _batched(cls: type[Function], inside: BatchLevel, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    pairs = [inside.unmapped(x) if type(x) in TENSORS else (x, False) for x in args]
    values, mapped = tuple([x for x, _ in pairs]), tuple([is_mapped for _, is_mapped in pairs])
    if not any(mapped):
        return _wrapped(inside.below(lambda: cls.apply(*values, **kwargs)), inside.wrapped)
    if cls.vmap is not Function.vmap:
        info = VmapInfo(inside.count, inside.randomness)
        dims = tuple([0 if is_mapped else None for is_mapped in mapped])
        output, out_dims = inside.below(lambda: cls.vmap(info, dims, *values))
        return _placed(cls, inside, output, out_dims)
    run = _generated if cls.generate_vmap_rule else _looped
    return _wrapped(inside.below(run, cls, inside, values, mapped, kwargs), inside.mapped)


def _wrapped(output: Any, wrap: Callable[[Tensor], Tensor]) -> Any:
    if isinstance(output, tuple):
        return tuple([wrap(x) if isinstance(x, Tensor) else x for x in output])
    return wrap(output) if isinstance(output, Tensor) else output


def _placed(cls: type[Function], inside: BatchLevel, output: Any, out_dims: Any) -> Any:
    """What a Function's own ``vmap`` gave, each result with the dimension of the examples that it names."""
    outputs = output if isinstance(output, tuple) else (output,)
    dims = out_dims if isinstance(out_dims, tuple) else (out_dims,) * len(outputs)
    if len(dims) != len(outputs):
        raise RuntimeError(f"[{cls.__name__}] vmap was expected to return (outputs, out_dims) with one dimension an "
                           f"output; got {len(outputs)} outputs and {len(dims)} dimensions")
    found = []
    for x, dim in zip(outputs, dims, strict=True):
        if not isinstance(x, Tensor):
            found.append(x)
        elif dim is None:
            found.append(inside.wrapped(x))
        else:
            order = (dim % x.dim(), *[d for d in range(x.dim()) if d != dim % x.dim()])
            found.append(inside.mapped(inside.below(lambda x=x, order=order: P.permute(x, dims=order))))
    return tuple(found) if isinstance(output, tuple) else found[0]


def _looped(cls: type[Function], inside: BatchLevel, values: Sequence[Any], mapped: Sequence[bool],
            kwargs: dict[str, Any]) -> Any:
    """One application an example."""
    rows = [cls.apply(*[x[i] if m else x for x, m in zip(values, mapped, strict=True)], **kwargs)
            for i in range(inside.count)]
    if not isinstance(rows[0], tuple):
        return P.cat(*[row[None] for row in rows], dim=0)
    return tuple([P.cat(*[part[None] for part in column], dim=0) for column in zip(*rows, strict=True)])


class _Plan(NamedTuple):
    """What a generated rule runs on: the Function, the examples, and which arguments differ from one to the next."""

    function: type[Function]
    examples: int
    randomness: str
    mapped: Sequence[bool]
    kwargs: dict[str, Any]


def _generated(cls: type[Function], inside: BatchLevel, values: Sequence[Any], mapped: Sequence[bool],
               kwargs: dict[str, Any]) -> Any:
    """One application for all examples."""
    return _Generated.apply(_Plan(cls, inside.count, inside.randomness, mapped, kwargs), *values)


class _Generated(Function):
    """A Function whose forward and backward run those of another one at levels of their own, over all examples."""

    @staticmethod
    def forward(ctx: Any, plan: _Plan, *given: Any) -> Any:
        cls, count = plan.function, plan.examples
        with BatchLevel(count, plan.randomness) as level:
            inputs = tuple([level.mapped(x) if m else x for x, m in zip(given, plan.mapped, strict=True)])
            output = cls.forward(*inputs, **plan.kwargs)
            ctx.inner = FunctionContext(ctx._edge(), ctx.needs_input_grad[1:], False)
            cls.setup_context(ctx.inner, inputs, output)
            pairs = [level.unmapped(x) if x is not None else (None, False) for x in ctx.inner._to_save]
            outputs = output if isinstance(output, tuple) else (output,)
            found = [level.unmapped(x) if isinstance(x, Tensor) else (x, True) for x in outputs]
        ctx.plan, ctx.saved_mapped = plan, [is_mapped for _, is_mapped in pairs]
        ctx.save_for_backward(*[x for x, _ in pairs])
        ctx.inner._to_save = ctx.inner._constant = ctx.inner._dirty = ()
        whole = tuple([spread(x, is_mapped, count) for x, is_mapped in found])
        return whole if isinstance(output, tuple) else whole[0]

    @staticmethod
    def backward(ctx: Any, *cts: Any) -> Any:
        saved, plan = ctx.saved_tensors, ctx.plan
        with BatchLevel(plan.examples, plan.randomness) as level:
            ctx.inner._restored = tuple([level.mapped(x) if m and x is not None else x
                                         for x, m in zip(saved, ctx.saved_mapped, strict=True)])
            try:
                found = plan.function.backward(ctx.inner, *[None if ct is None else level.mapped(ct) for ct in cts])
            finally:
                ctx.inner._restored = None
            grads = found if isinstance(found, tuple) else (found,)
            pairs = [(None, False) if g is None else level.unmapped(g) for g in grads]
        return None, *[None if g is None else _for_operand(g, is_mapped, m, plan.examples)
                       for (g, is_mapped), m in zip(pairs, plan.mapped, strict=True)]


def _for_operand(ct: Tensor, is_mapped: bool, operand_mapped: bool, count: int) -> Tensor:
    """A cotangent for an operand: of one that is the same for all examples, the sum of all."""
    if operand_mapped:
        return spread(ct, is_mapped, count)
    return P.sum(ct, dim=(0,)) if is_mapped else ct * count


# --- forward derivatives ----------------------------------------------------------------------------------------------


def _pushed(cls: type[Function], inside: DualLevel, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    pairs = [inside.unpacked(x) if type(x) in TENSORS else (x, None) for x in args]
    primals, tangents = [x for x, _ in pairs], [t for _, t in pairs]
    output, moved = inside.below(_pushed_below, cls, primals, tangents, kwargs)
    found: list[Any] = []
    for x, moves in zip(output if isinstance(output, tuple) else (output,), moved, strict=True):
        written = [arg for arg, primal, tangent in zip(args, primals, tangents, strict=True)
                   if x is primal and isinstance(x, Tensor) and moves is tangent]  # and its tangent with it
        found.append(written[0] if written else inside.dual(x, moves) if isinstance(x, Tensor) else x)
    return tuple(found) if isinstance(output, tuple) else found[0]


def _pushed_and_recorded(cls: type[Function], inside: DualLevel, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """An old Function whose ``forward`` fills its context itself: it runs once more, for the context of this level."""
    with no_grad():
        before = [P.clone(x) if type(x) in TENSORS else x for x in args]
    output = _pushed(cls, inside, args, kwargs)
    outputs = output if isinstance(output, tuple) else (output,)
    written = [type(x) in TENSORS and any(x is out for out in outputs) for x in args]
    node = cls._node_class(args)
    with no_grad():
        again = cls.forward(node.context, *[old if w else x for old, x, w in zip(before, args, written, strict=True)],
                            **kwargs)
    context, again = node.context, again if isinstance(again, tuple) else (again,)
    context._constant = tuple([out for out, other in zip(outputs, again, strict=True)
                               if any(other is x for x in context._constant)])
    context._dirty = tuple([x for x, w in zip(args, written, strict=True) if w])
    found = results_of(node, args, outputs)
    return found if isinstance(output, tuple) else found[0]


def _pushed_below(cls: type[Function], primals: list[Any], tangents: list[Any],
                  kwargs: dict[str, Any]) -> tuple[Any, Sequence[Any]]:
    """The result, and the tangents of its parts, at the level below."""
    if cls.jvp is Function.jvp:
        output = cls.apply(*primals, **kwargs)
        outs = output if isinstance(output, tuple) else (output,)
        still = all(t is None for t in tangents)
        return output, [None] * len(outs) if still else _transposed(cls, primals, tangents, kwargs)
    node, output = applied(cls, tuple(primals), kwargs, forward=True)
    if all(t is None for t in tangents):
        return output, [None] * (len(output) if isinstance(output, tuple) else 1)
    context = node.context
    given = [P.zeros_like(off_tape(x)) if t is None and context._materialize and isinstance(x, Tensor)
             and x.is_floating_point() else t for x, t in zip(primals, tangents, strict=True)]
    context._restored, context._kept = context._kept, ()
    (dirty, constant), context._marked = context._marked, ((), ())
    counts = {its: version_cell(its)[0] for its in tangents if dirty and its is not None}
    try:
        found = cls.jvp(context, *given)
    finally:
        context._restored = None
    found = found if isinstance(found, tuple) else (found,)
    count = len(output) if isinstance(output, tuple) else 1
    if len(found) != count:
        raise RuntimeError(f"[{cls.__name__}] A jvp function returned an incorrect number of forward gradients "
                           f"(expected {count} got {len(found)}); give one a result, None where there is none")
    for out, tangent in zip(output if isinstance(output, tuple) else (output,), found, strict=False):
        if isinstance(tangent, Tensor) and isinstance(out, Tensor) and tangent._data.shape != out._data.shape:
            raise RuntimeError(f"[{cls.__name__}] Trying to set a forward gradient that has a different size than that "
                               f"of the original Tensor, this is not supported. Tensor is of size {list(out.shape)} "
                               f"while the given forward gradient is of size {list(tangent.shape)}.")
        if tangent is not None and any(out is x for x in constant):
            raise RuntimeError(f"[{cls.__name__}] jvp gave a tangent for an output that was marked non-differentiable. "
                               "You should return None at that position instead")
        for x, its in zip(primals, tangents, strict=True):
            if its is None or not isinstance(out, Tensor):
                continue
            if (out is not x and type(x) in TENSORS and tangent is not None and same_memory(out, x)
                    and type(tangent._data) is type(its._data) is np.ndarray):  # under no other level
                _check_view(cls, its, tangent)
            if out is x and any(out is written for written in dirty) and (tangent is not its or counts[its] == (
                    version_cell(its)[0])):
                raise RuntimeError(f"[{cls.__name__}] An inplace custom Function is not modifying the forward mode "
                                   "gradients inplace. If the forward is modifying an input inplace, then the jvp "
                                   "function must modify the corresponding gradient inplace.")
    return output, found


def _check_view(cls: type[Function], its: Tensor, tangent: Tensor) -> None:
    """Of an output that is a view of an argument, or the argument as it is, the tangent has to be a view of ``its``."""
    said = f"[{cls.__name__}] A custom Function's forward is returning a view (or an input as-is) but the jvp is not "
    if not tangent._is_view():
        raise RuntimeError(said + "returning a view. Return a view of the tangent that jvp was given: t.view_as(t)")
    if not same_memory(tangent, its):
        raise RuntimeError(f"{said}returning a view of the given tangent (the jvp is not returning a view of the same "
                           "base); take the view of the tangent itself")


def _transposed(cls: type[Function], primals: list[Any], tangents: list[Any], kwargs: dict[str, Any]) -> list[Any]:
    """The forward derivative by the backward: it is linear in the cotangents, and its adjoint goes forward."""
    create_graph = state.grad
    with enable_grad():
        moving = [i for i, t in enumerate(tangents) if t is not None]
        leaves = [P.reshape(x, shape=x._data.shape) if i in moving and x.requires_grad else
                  off_tape(x).requires_grad_() if i in moving else x for i, x in enumerate(primals)]
        output = cls.apply(*leaves, **kwargs)
        outs = output if isinstance(output, tuple) else (output,)
        reached = [i for i, x in enumerate(outs) if isinstance(x, Tensor) and x.requires_grad]
        cts = [P.zeros_like(off_tape(outs[i])).requires_grad_() for i in reached]
        pulled = grad([outs[i] for i in reached], [leaves[i] for i in moving], cts, create_graph=True,
                      allow_unused=True)
        pairs = [(ct, tangents[i]) for ct, i in zip(pulled, moving, strict=True) if ct is not None and ct.requires_grad]
        found: Sequence[Any] = [None] * len(cts)
        if pairs:
            found = grad([ct for ct, _ in pairs], cts, [t for _, t in pairs], create_graph=create_graph,
                         allow_unused=True)
    by_place = dict(zip(reached, found, strict=True))
    return [by_place.get(i) for i in range(len(outs))]


# --- backward, for many cotangents at once ----------------------------------------------------------------------------


def pulled_singly(inside: BatchLevel, run: Callable[..., Any], cts: Sequence[Any]) -> list[Any]:
    """What a backward gives for cotangents that differ from example to example, by one run an example."""
    pairs: list[tuple[Any, bool]] = [(None, False) if ct is None else inside.unmapped(ct) for ct in cts]

    def below() -> list[Any]:
        rows = [run(*[x[i] if m else x for x, m in pairs]) for i in range(inside.count)]
        return [None if column[0] is None else P.cat(*[part[None] for part in column], dim=0)
                for column in zip(*rows, strict=True)]

    return [None if x is None else inside.mapped(x) for x in inside.below(below)]


function.transformed = transformed
function.pulled_singly = pulled_singly

__all__ = ["VmapInfo", "pulled_singly", "transformed"]
