"""Derivatives of functions of tensors, as functions: `grad`, `vjp`, `jvp`, `jacrev`, `hessian`.

The one idea to know: each records the function on the tape from inputs of its own and keeps the derivative
differentiable, so that another derivative around it, or the caller's own `backward`, goes through. Where nothing
outside needs that, the results are cut off from the tape.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from .. import autograd
from ..autograd import enable_grad, is_grad_enabled
from ..ops.registry import FUNCTIONS
from ..tensors.tensor import Tensor
from .trees import flatten

Function = Callable[..., Any]
Numbers = int | tuple[int, ...]


def _own(leaves: Iterable[Any]) -> list[Any]:
    """Inputs to differentiate by: those on the tape, and new leaves for the others."""
    own = []
    for leaf in leaves:
        if isinstance(leaf, Tensor) and (leaf.is_floating_point() or leaf.is_complex()):
            leaf = leaf.view_as(leaf) if leaf.requires_grad else leaf.detach().requires_grad_()
        own.append(leaf)
    return own


def _settled(results: Sequence[Any], own: Sequence[Any]) -> list[Any]:
    """Results cut off from the tape, unless it leads to tensors other than our own inputs."""
    mine = {id(x) for x in own if isinstance(x, Tensor) and x.is_leaf}
    return [x.detach() if isinstance(x, Tensor) and not (is_grad_enabled() and _leads_out(x, mine)) else x
            for x in results]


def _leads_out(x: Tensor, mine: set[int]) -> bool:
    if x.grad_fn is None:
        return x.requires_grad and id(x) not in mine
    stack, seen = [x.grad_fn], set()
    while stack:
        node = stack.pop()
        if node in seen:
            continue
        seen.add(node)
        if hasattr(node, "variable"):
            if node.variable is not None and id(node.variable) not in mine:
                return True
        else:
            stack.extend(below for below, _ in node.next_functions if below is not None)
    return False


def _grads(outputs: Sequence[Any], inputs: Sequence[Any], cotangents: Any = None) -> list[Any]:
    """The gradients of outputs by inputs, still on the tape; zeros where they do not depend."""
    reached = [i for i, out in enumerate(outputs) if out.requires_grad]
    wanted = [x for x in inputs if isinstance(x, Tensor) and x.requires_grad]
    if not reached or not wanted:
        return [FUNCTIONS["zeros_like"](x) for x in inputs]
    given = None if cotangents is None else [cotangents[i] for i in reached]
    found = iter(autograd.grad([outputs[i] for i in reached], wanted, given, create_graph=True, allow_unused=True))
    grads = [next(found) if isinstance(x, Tensor) and x.requires_grad else None for x in inputs]
    return [FUNCTIONS["zeros_like"](x) if g is None else g for x, g in zip(inputs, grads, strict=True)]


def _chosen(args: tuple[Any, ...], argnums: Numbers) -> tuple[Any, tuple[int, ...]]:
    """The arguments that ``argnums`` names, one or a tuple of them, and their places. Raises RuntimeError."""
    places = (argnums,) if isinstance(argnums, int) else tuple(argnums)
    for place in places:
        if not -len(args) <= place < len(args):
            raise RuntimeError(f"[func] Got argnum={place}, but only {len(args)} positional inputs")
    counted = tuple(place % len(args) for place in places)
    return (args[counted[0]] if isinstance(argnums, int) else tuple(args[i] for i in counted)), counted


def _with(args: tuple[Any, ...], places: tuple[int, ...], chosen: Any, single: bool) -> list[Any]:
    changed = list(args)
    for place, value in zip(places, (chosen,) if single else chosen, strict=True):
        changed[place] = value
    return changed


def _split(op: str, result: Any, has_aux: bool) -> tuple[Any, Any]:
    if not has_aux:
        return result, None
    if not (isinstance(result, tuple) and len(result) == 2):
        raise RuntimeError(f"[{op}] with has_aux=True the function should return a tuple (output, aux); got "
                           f"{type(result).__name__}")
    return result


def _tensors(op: str, leaves: Sequence[Any]) -> None:
    for leaf in leaves:
        if not isinstance(leaf, Tensor):
            raise RuntimeError(f"[{op}] the function was expected to return tensors; got {type(leaf).__name__}")


def grad_and_value(func: Function, argnums: Numbers = 0, has_aux: bool = False) -> Function:
    """A function that returns the gradient of ``func``, whose result is a scalar, and that result.

    ``argnums``: by which arguments, an int or a tuple of them; each a tensor or a nest of tensors. With ``has_aux``,
    ``func`` returns ``(output, aux)`` and the result is ``(gradient, (output, aux))``. Raises RuntimeError where the
    output is no scalar.
    """

    @functools.wraps(func)
    def both(*args: Any, **kwargs: Any) -> Any:
        chosen, places = _chosen(args, argnums)
        leaves, form = flatten(chosen)
        with enable_grad():
            own = _own(leaves)
            result = func(*_with(args, places, form.build(own), isinstance(argnums, int)), **kwargs)
            out, aux = _split("grad", result, has_aux)
            if not isinstance(out, Tensor) or out.dim():
                what = f"tensor with {out.dim()} dims" if isinstance(out, Tensor) else type(out).__name__
                raise RuntimeError(f"[grad] Expected f(*args) to return a scalar tensor, got {what}; reduce it, or use "
                                   "jacrev")
            grads = _grads([out], own)
        *grads, out = _settled([*grads, out], own)
        if not has_aux:
            return form.build(grads), out
        extra, made = flatten(aux)
        return form.build(grads), (out, made.build(_settled(extra, own)))

    return both


def grad(func: Function, argnums: Numbers = 0, has_aux: bool = False) -> Function:
    """A function that returns the gradient of ``func``; with ``has_aux``, ``(gradient, aux)``. See `grad_and_value`.

    >>> import wengert as torch
    >>> torch.func.grad(torch.func.grad(torch.sin))(torch.tensor(0.5))
    tensor(-0.4794)
    """
    both = grad_and_value(func, argnums, has_aux)

    @functools.wraps(func)
    def gradient(*args: Any, **kwargs: Any) -> Any:
        found, value = both(*args, **kwargs)
        return (found, value[1]) if has_aux else found

    return gradient


def vjp(func: Function, *primals: Any, has_aux: bool = False) -> tuple[Any, ...]:
    """The output of ``func`` and a function from cotangents of it to a tuple of those of ``primals``; aux, if asked."""
    leaves, form = flatten(primals)
    with enable_grad():
        own = _own(leaves)
        out, aux = _split("vjp", func(*form.build(own)), has_aux)
        outputs, made = flatten(out)
        _tensors("vjp", outputs)

    def pull(cotangents: Any, retain_graph: bool = True, create_graph: bool | None = None) -> Any:
        given, _ = flatten(cotangents)
        if [tuple(c.shape) for c in given] != [tuple(o.shape) for o in outputs]:
            raise RuntimeError(f"[vjp] Expected pytree structure and shapes of cotangents to be those of the outputs; "
                               f"got {[tuple(c.shape) for c in given]} for {[tuple(o.shape) for o in outputs]}")
        with enable_grad():
            grads = _grads(outputs, own, given)
        found = form.build(_settled(grads, own))
        return found[0] if len(found) == 1 else found

    result = made.build(_settled(outputs, own))
    pull_all = pull if len(primals) != 1 else lambda *args, **kwargs: (pull(*args, **kwargs),)
    return (result, pull_all, aux) if has_aux else (result, pull_all)


def jvp(func: Function, primals: tuple[Any, ...], tangents: tuple[Any, ...], *, strict: bool = False,
        has_aux: bool = False) -> tuple[Any, ...]:
    """The output of ``func`` and its directional derivative along ``tangents``; aux, if asked.

    It runs backward twice: the cotangent's map is linear, and its derivative by the cotangent is the forward one.
    """
    leaves, form = flatten(primals)
    directions, _ = flatten(tangents)
    with enable_grad():
        own = _own(leaves)
        out, aux = _split("jvp", func(*form.build(own)), has_aux)
        outputs, made = flatten(out)
        _tensors("jvp", outputs)
        seeds = [FUNCTIONS["zeros_like"](o).requires_grad_() for o in outputs]
        moved = _grads(_grads(outputs, own, seeds), seeds, directions)
    settled = _settled([*outputs, *moved], [*own, *seeds])
    pair = made.build(settled[: len(outputs)]), made.build(settled[len(outputs) :])
    return (*pair, aux) if has_aux else pair


def jacrev(func: Function, argnums: Numbers = 0, *, has_aux: bool = False, chunk_size: int | None = None) -> Function:
    """A function that returns the Jacobian of ``func``: for each output and input a tensor of both their shapes.

    One backward run an element of the output. ``chunk_size`` is accepted and changes nothing.

    >>> import wengert as torch
    >>> torch.func.jacrev(torch.sin)(torch.tensor([0.0, 1.0]))
    tensor([[1.0000, 0.0000],
            [0.0000, 0.5403]])
    """

    @functools.wraps(func)
    def jacobian(*args: Any, **kwargs: Any) -> Any:
        chosen, places = _chosen(args, argnums)
        leaves, form = flatten(chosen)
        with enable_grad():
            own = _own(leaves)
            result = func(*_with(args, places, form.build(own), isinstance(argnums, int)), **kwargs)
            out, aux = _split("jacrev", result, has_aux)
            outputs, made = flatten(out)
            _tensors("jacrev", outputs)
            blocks = [_rows(output, own) for output in outputs]
        found = made.build(form.build(_settled(block, own)) for block in blocks)
        return (found, aux) if has_aux else found

    return jacobian


def _rows(output: Tensor, inputs: Sequence[Any]) -> list[Any]:
    """The Jacobian of one output by each input."""
    rows = []
    for place in range(output.numel()):
        seed = FUNCTIONS["zeros"](output.numel(), dtype=output.dtype)
        seed[place] = 1
        rows.append(_grads([output], inputs, [seed.view(output.shape)]))
    if not rows:
        return [x.new_zeros((*output.shape, *x.shape)) for x in inputs]
    return [FUNCTIONS["stack"](parts).view(*output.shape, *x.shape)
            for parts, x in zip(zip(*rows, strict=True), inputs, strict=True)]


def jacfwd(func: Function, argnums: Numbers = 0, has_aux: bool = False, *, randomness: str = "error") -> Function:
    """What `jacrev` returns, and by the same way: there is no forward mode yet, which would pay for few inputs."""
    return jacrev(func, argnums, has_aux=has_aux)


def hessian(func: Function, argnums: Numbers = 0) -> Function:
    """A function that returns the matrix of second derivatives of ``func``: the Jacobian of its Jacobian."""
    return jacfwd(jacrev(func, argnums), argnums)
