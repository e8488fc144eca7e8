"""Derivatives of functions of tensors, as functions: `grad`, `vjp`, `jvp`, `jacrev`, `hessian`.

The one idea to know: each records the function on the tape from inputs of its own and keeps the derivative
differentiable, so that another derivative around it, or the caller's own `backward`, goes through. Where nothing
outside needs that, the results are cut off from the tape.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from ..autograd import enable_grad, is_grad_enabled
from ..autograd.derivatives import apart, jacobian, pull, push
from ..core.trees import Structure
from ..tensors.alias import edge_of
from ..tensors.tape import Leaf, ancestors
from ..tensors.tensor import Tensor
from .trees import flatten

Function = Callable[..., Any]
Argnums = int | tuple[int, ...]


class _Call:
    """A call of the user's function, as a function from a list of tensors to a list of tensors.

    The first are those in the arguments that ``argnums`` names; ``inputs`` are they to differentiate by: as they are on
    the tape, and leaves of our own for the others. What else a call gives is kept: the ``form`` of the output, ``aux``.
    """

    form: Structure
    aux: Any

    def __init__(self, op: str, func: Function, argnums: Argnums, has_aux: bool, args: tuple[Any, ...],
                 kwargs: dict[str, Any]) -> None:
        self.op, self.func, self.has_aux, self.args, self.kwargs = op, func, has_aux, args, kwargs
        self.single = isinstance(argnums, int)
        self.places = (argnums,) if isinstance(argnums, int) else tuple(argnums)
        for place in self.places:
            if not -len(args) <= place < len(args):
                raise RuntimeError(f"[func] Got argnum={place}, but only {len(args)} positional inputs")
        leaves, self.chosen = flatten(tuple([args[place] for place in self.places]))
        for leaf in leaves:
            if isinstance(leaf, Tensor) and not (leaf.is_floating_point() or leaf.is_complex()):
                kind = ValueError if op == "jvp" else RuntimeError
                raise kind(f"[{op}] only Tensors of floating point dtype can require gradients; got {leaf.dtype}; "
                           "convert with .float() first")
        self.inputs = [
            apart(x, True) if isinstance(x, Tensor) and (x.is_floating_point() or x.is_complex()) else x for x in leaves
        ]

    def output(self) -> Any:
        """What the function gives for ``inputs``."""
        return self._output(self.inputs)

    def __call__(self, inputs: Sequence[Any]) -> list[Tensor]:
        outputs, self.form = flatten(self._output(inputs))
        for leaf in outputs:
            if not isinstance(leaf, Tensor):
                raise RuntimeError(f"[{self.op}] the function was expected to return tensors; got "
                                   f"{type(leaf).__name__}")
        return outputs

    def _output(self, inputs: Sequence[Any]) -> Any:
        args = list(self.args)
        for place, value in zip(self.places, self.chosen.build(inputs), strict=True):
            args[place] = value
        result, self.aux = self.func(*args, **self.kwargs), None
        if self.has_aux:
            if not (isinstance(result, tuple) and len(result) == 2):
                raise RuntimeError(f"[{self.op}] with has_aux=True the function should return a tuple (output, aux); "
                                   f"got {type(result).__name__}")
            result, self.aux = result
        return result

    def arguments(self, values: Sequence[Any]) -> Any:
        """Values for the inputs, as the arguments are: nested, and in a tuple where ``argnums`` is one."""
        built = self.chosen.build(self.settled(values))
        return built[0] if self.single else built

    def settled(self, results: Sequence[Any]) -> list[Any]:
        """Results cut off from the tape, unless it leads to leaves other than our own."""
        own = {edge_of(x) for x in self.inputs if isinstance(x, Tensor)}

        def leads_out(x: Tensor) -> bool:
            edge = edge_of(x)
            leaves = () if edge is None else (node for node in ancestors([edge]) if type(node) is Leaf)
            return any(leaf not in own and leaf.variable is not None for leaf in leaves)

        return [x.detach() if isinstance(x, Tensor) and not (is_grad_enabled() and leads_out(x)) else x
                for x in results]

    def extra(self) -> Any:
        """``aux``, cut off in the same way."""
        leaves, form = flatten(self.aux)
        return form.build(self.settled(leaves))


def grad_and_value(func: Function, argnums: Argnums = 0, has_aux: bool = False) -> Function:
    """A function that returns the gradient of ``func``, whose result is a scalar, and that result.

    ``argnums``: by which arguments, an int or a tuple of them; each a tensor or a nest of tensors. With ``has_aux``,
    ``func`` returns ``(output, aux)`` and the result is ``(gradient, (output, aux))``. Raises RuntimeError where the
    output is no scalar.
    """

    @functools.wraps(func)
    def both(*args: Any, **kwargs: Any) -> Any:
        with enable_grad():
            call = _Call("grad", func, argnums, has_aux, args, kwargs)
            out = call.output()
            if not isinstance(out, Tensor) or out.dim():
                what = f"tensor with {out.dim()} dims" if isinstance(out, Tensor) else type(out).__name__
                raise RuntimeError(f"[grad] Expected f(*args) to return a scalar tensor, got {what}; reduce it, or use "
                                   "jacrev")
            grads = pull([out], call.inputs, None)
        (value,) = call.settled([out])
        return call.arguments(grads), (value, call.extra()) if has_aux else value

    return both


def grad(func: Function, argnums: Argnums = 0, has_aux: bool = False) -> Function:
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
    with enable_grad():
        call = _Call("vjp", func, tuple(range(len(primals))), has_aux, primals, {})
        outputs = call(call.inputs)

    def pull_all(cotangents: Any, retain_graph: bool = True, create_graph: bool | None = None) -> Any:
        given, _ = flatten(cotangents)
        if [tuple(c.shape) for c in given] != [tuple(o.shape) for o in outputs]:
            raise RuntimeError(f"[vjp] Expected pytree structure and shapes of cotangents to be those of the outputs; "
                               f"got {[tuple(c.shape) for c in given]} for {[tuple(o.shape) for o in outputs]}")
        with enable_grad():
            found = pull(outputs, call.inputs, given)
        return call.arguments(found)

    result = call.form.build(call.settled(outputs))
    return (result, pull_all, call.extra()) if has_aux else (result, pull_all)


def jvp(func: Function, primals: tuple[Any, ...], tangents: tuple[Any, ...], *, strict: bool = False,
        has_aux: bool = False) -> tuple[Any, ...]:
    """The output of ``func`` and its directional derivative along ``tangents``; aux, if asked."""
    directions, _ = flatten(tangents)
    with enable_grad():
        call = _Call("jvp", func, tuple(range(len(primals))), has_aux, primals, {})
        outputs, moved = push(call, call.inputs, directions)
    pair = [call.form.build(call.settled(part)) for part in (outputs, moved)]
    return (*pair, call.extra()) if has_aux else tuple(pair)


def jacrev(func: Function, argnums: Argnums = 0, *, has_aux: bool = False, chunk_size: int | None = None) -> Function:
    """A function that returns the Jacobian of ``func``: for each output and input a tensor of both their shapes.

    One backward run an element of the output. ``chunk_size`` is accepted and changes nothing.

    >>> import wengert as torch
    >>> torch.func.jacrev(torch.sin)(torch.tensor([0.0, 1.0]))
    tensor([[1.0000, 0.0000],
            [0.0000, 0.5403]])
    """

    @functools.wraps(func)
    def by_arguments(*args: Any, **kwargs: Any) -> Any:
        with enable_grad():
            call = _Call("jacrev", func, argnums, has_aux, args, kwargs)
            blocks = [jacobian(output, call.inputs) for output in call(call.inputs)]
        found = call.form.build(map(call.arguments, blocks))
        return (found, call.extra()) if has_aux else found

    return by_arguments


def jacfwd(func: Function, argnums: Argnums = 0, has_aux: bool = False, *, randomness: str = "error") -> Function:
    """What `jacrev` returns, and by the same way: there is no forward mode yet, which would pay for few inputs."""
    return jacrev(func, argnums, has_aux=has_aux)


def hessian(func: Function, argnums: Argnums = 0) -> Function:
    """A function that returns the matrix of second derivatives of ``func``: the Jacobian of its Jacobian."""
    return jacfwd(jacrev(func, argnums), argnums)
