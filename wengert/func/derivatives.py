"""Derivatives of functions of tensors, as functions: `grad`, `vjp`, `jvp`, `jacrev`, `hessian`.

The one idea to know: backward ones record the function on the tape from inputs of their own, and keep the derivative
differentiable where the tape leads on to leaves outside, so that another derivative around it, or the caller's own
`backward`, goes through. Forward ones run the function once on dual tensors (autograd/forward.py). Either may be done
for many rows or columns at once, at a level over the basis.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from ..autograd import enable_grad, is_grad_enabled
from ..autograd.batching import BatchLevel
from ..autograd.derivatives import apart, forward_jacobian, jacobian, moving, pull, push
from ..autograd.forward import DualLevel
from ..autograd.levels import Level, level, off_tape
from ..core.primitive import P
from ..core.state import state
from ..core.trees import LEAF, Structure
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
        if not self.single and not (isinstance(argnums, tuple) and all(isinstance(place, int) for place in argnums)):
            raise RuntimeError(f"[{op}] argnums must be int or Tuple[int, ...], got: {argnums!r}; count the arguments "
                               "from 0")
        self.places = (argnums,) if isinstance(argnums, int) else argnums
        if not self.places and args:
            raise RuntimeError(f"[{op}] argnums must be non-empty; got (); name the arguments to differentiate by")
        for place in self.places:
            if not -len(args) <= place < len(args):
                raise RuntimeError(f"[func] Got argnum={place}, but only {len(args)} positional inputs")
        if len({place % len(args) for place in self.places}) < len(self.places):
            raise RuntimeError(f"[{op}] argnums elements must be unique, got {argnums}; name each argument once")
        leaves, self.chosen = flatten(tuple([args[place] for place in self.places]))
        self.one = self.single and self.chosen.children[0] is LEAF
        forward = op in ("jvp", "jacfwd", "linearize")
        for leaf in leaves:
            if not isinstance(leaf, Tensor) and not forward:
                raise ValueError(f"[{op}] a tensor was expected to differentiate by; got {type(leaf).__name__}; make "
                                 "it one with torch.tensor, or leave it out of argnums")
            if isinstance(leaf, Tensor) and not (leaf.is_floating_point() or leaf.is_complex()):
                kind = ValueError if forward else RuntimeError
                raise kind(f"[{op}] only Tensors of floating point dtype can require gradients; got {leaf.dtype}; "
                           "convert with .float() first")
        self._check_real("inputs", leaves)
        self.inputs = [
            apart(x, True) if isinstance(x, Tensor) and (x.is_floating_point() or x.is_complex()) else x for x in leaves
        ]

    def output(self) -> Any:
        """What the function gives for ``inputs``."""
        return self._output(self.inputs)

    def __call__(self, inputs: Sequence[Any]) -> list[Tensor]:
        outputs, self.form = flatten(self._output(inputs))
        if not outputs and self.op != "linearize":
            raise RuntimeError(f"[{self.op}] the function was expected to return a tensor at least; got none")
        for leaf in outputs:
            if not isinstance(leaf, Tensor):
                raise RuntimeError(f"[{self.op}] the function was expected to return tensors; got "
                                   f"{type(leaf).__name__}")
            if self.op in ("vjp", "jacrev") and not (leaf.is_floating_point() or leaf.is_complex()):
                raise RuntimeError(f"[{self.op}] outputs of a floating point or complex dtype were expected; got "
                                   f"{leaf.dtype}; return it as aux, with has_aux=True")
        self._check_real("outputs", outputs)
        return outputs

    def _check_real(self, what: str, tensors: Sequence[Any]) -> None:
        """Raises where a Jacobian would be one of complex numbers: by rows and by columns it is not the same."""
        if self.op in ("jacrev", "jacfwd"):
            for place, x in enumerate(tensors):
                if isinstance(x, Tensor) and x.is_complex():
                    raise RuntimeError(f"[{self.op}] {self.op}: Expected all {what} to be real but received complex "
                                       f"tensor at flattened {what[:-1]} idx: {place}; take real and imaginary parts "
                                       "apart with torch.view_as_real")

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
        return self.nested(self.settled(values))

    def nested(self, values: Sequence[Any]) -> Any:
        """Values nested as the arguments are."""
        if self.one:
            return values[0]
        built = self.chosen.build(values)
        return built[0] if self.single else built

    def leads_out(self, x: Tensor) -> bool:
        """Whether the tape leads from a tensor to leaves other than our own."""
        edge = edge_of(x)
        if edge is None:
            return False
        own = {edge_of(x) for x in self.inputs if isinstance(x, Tensor)}
        return any([type(node) is Leaf and node not in own and node.variable is not None for node in ancestors([edge])])

    def settled(self, results: Sequence[Any]) -> list[Any]:
        """Results cut off from the tape, unless it leads to leaves other than our own."""
        plain = state.watcher is None
        return [x if not isinstance(x, Tensor) or (plain and x._edge is None and x._alias is None)
                or (is_grad_enabled() and self.leads_out(x)) else self._cut(x) for x in results]

    def _cut(self, x: Tensor) -> Tensor:
        """A result off the tape, and off those below its levels where they end at our own leaves, or nothing
        is recorded, too."""
        below, inside = x, level()
        while isinstance(inside, Level) and inside.owns(below):
            below = inside.inner(below)
            inside = inside.outer if isinstance(inside.outer, Level) else None
            if edge_of(below) is not None and not (is_grad_enabled() and self.leads_out(below)):
                return x.detach()
        return off_tape(x)

    def extra(self) -> Any:
        """``aux``, cut off in the same way."""
        leaves, form = flatten(self.aux)
        return form.build(self.settled(leaves))


def grad_and_value(func: Function, argnums: Argnums = 0, has_aux: bool = False) -> Function:
    """A function that returns the gradient of ``func``, whose result is a scalar, and that result.

    ``argnums``: by which arguments, an int or a tuple of them; each a tensor or a nest of tensors. With ``has_aux``,
    ``func`` returns ``(output, aux)`` and the result is ``(gradient, (output, aux))``. Raises RuntimeError where the
    output is no scalar.

    >>> torch.func.grad_and_value(lambda x: x**3)(torch.tensor(2.0))
    (tensor(12.), tensor(8.))
    """

    @functools.wraps(func)
    def both(*args: Any, **kwargs: Any) -> Any:
        recording = is_grad_enabled()
        with enable_grad():
            call = _Call("grad", func, argnums, has_aux, args, kwargs)
            out = call.output()
            if not isinstance(out, Tensor) or out.dim():
                what = f"tensor with {out.dim()} dims" if isinstance(out, Tensor) else type(out).__name__
                raise RuntimeError(f"[grad] Expected f(*args) to return a scalar tensor, got {what}; reduce it, or use "
                                   "jacrev")
            grads = pull([out], call.inputs, None, create_graph=recording and call.leads_out(out))
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
    """The output of ``func`` and a function from cotangents of it to a tuple of those of ``primals``; aux, if asked.

    >>> value, pull = torch.func.vjp(lambda x: x**2, torch.tensor([1.0, 2.0]))
    >>> value, pull(torch.tensor([1.0, 10.0]))
    (tensor([1., 4.]), (tensor([ 2., 40.]),))
    """
    with enable_grad():
        call = _Call("vjp", func, tuple(range(len(primals))), has_aux, primals, {})
        outputs = call(call.inputs)

    def pull_all(cotangents: Any, retain_graph: bool = True, create_graph: bool | None = None) -> Any:
        given, form = flatten(cotangents)
        if form != call.form:
            raise RuntimeError("[vjp] Expected pytree structure of cotangents to be the same as that of the outputs, "
                               f"{call.form}; got {form}")
        for i, (ct, output) in enumerate(zip(given, outputs, strict=True)):
            if ct is None and not output._data.shape:
                given[i] = P.fill(off_tape(output), value=1)
            elif ct is None:
                raise RuntimeError("[vjp] grad can be implicitly created only for scalar outputs; got None for one of "
                                   f"shape {list(output._data.shape)}; give a cotangent")
            elif not isinstance(ct, Tensor):
                raise TypeError(f"[vjp] gradients can be either Tensors or None, but got {type(ct).__name__}")
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
    """The output of ``func`` and its directional derivative along ``tangents``; aux, if asked.

    >>> torch.func.jvp(lambda x: x**2, (torch.tensor([1.0, 2.0]),), (torch.tensor([1.0, 10.0]),))
    (tensor([1., 4.]), tensor([ 2., 40.]))
    """
    _check_tuples(primals, tangents)
    call = _Forward("jvp", func, tuple(range(len(primals))), has_aux, primals, {})
    outputs, moved = push(call, call.inputs, _directions(call, primals, tangents))
    pair = [call.form.build(outputs), call.form.build(map(moving, outputs, moved))]
    return (*pair, call.aux) if has_aux else tuple(pair)


class _Forward(_Call):
    """A call whose inputs are the caller's own tensors: nothing is recorded for us."""

    def __init__(self, op: str, func: Function, argnums: Argnums, has_aux: bool, args: tuple[Any, ...],
                 kwargs: dict[str, Any]) -> None:
        super().__init__(op, func, argnums, has_aux, args, kwargs)
        self.inputs = flatten(tuple([args[place] for place in self.places]))[0]
        self.outside = state.watcher

    def _output(self, inputs: Sequence[Any]) -> Any:
        result = super()._output(inputs)
        inside = level()
        if self.aux is not None and isinstance(inside, DualLevel):
            leaves, form = flatten(self.aux)
            self.aux = form.build(self._taken_out(inside, x) if isinstance(x, Tensor) else x for x in leaves)
        return result

    def _taken_out(self, inside: DualLevel, x: Tensor) -> Tensor:
        """What ``aux`` holds, outside the levels of this call: the forward derivative, and the one over a basis that
        may lie below it. What differs along the basis (random numbers) is as for its first place."""
        value = inside.unpacked(x)[0]
        over = inside.outer
        if over is self.outside or not isinstance(over, BatchLevel):
            return value
        value, mapped = over.unmapped(value)
        return over.below(lambda: value[0]) if mapped else value


def _check_tuples(primals: Any, tangents: Any) -> None:
    if not isinstance(primals, tuple) or not isinstance(tangents, tuple):
        raise RuntimeError(f"[jvp] Expected primals and tangents to be tuples; got {type(primals).__name__} and "
                           f"{type(tangents).__name__}; write (x,) for a single argument")
    if not primals:
        raise RuntimeError("[jvp] Expected at least one primal; got (); write (x,) for a single argument")


def _directions(call: _Call, primals: Any, tangents: Any) -> list[Any]:
    """The tangents of a call's inputs, held against them."""
    (given, form), (_, wanted) = flatten(tangents), flatten(primals)
    if form != wanted:
        raise RuntimeError("[jvp] Expected primals and tangents to have the same python structure; got "
                           f"{wanted} and {form}")
    for i, (x, t) in enumerate(zip(call.inputs, given, strict=True)):
        if not isinstance(x, Tensor) or not isinstance(t, Tensor):
            raise RuntimeError(f"[jvp] Expected all primals and tangents to be Tensors; got "
                               f"{type(x).__name__} and {type(t).__name__} at place {i}")
        if not (t.is_floating_point() or t.is_complex()):
            raise ValueError(f"[jvp] Expected tangent to be floating point or complex, but got: {t.dtype} at place "
                             f"{i}; convert with .float() first")
        if x._data.shape != t._data.shape:
            raise RuntimeError(f"[jvp] a tangent of the shape of its primal, {list(x._data.shape)}, was expected; "
                               f"got {list(t._data.shape)} at place {i}")
        if x._data.dtype != t._data.dtype:
            given[i] = P.cast(t, dtype=x.dtype, back=t.dtype)
    return given


def linearize(func: Function, *primals: Any) -> tuple[Any, Function]:
    """The output of ``func`` at ``primals``, and the function from tangents of them to that of the output.

    ``func`` runs once. What comes back to its inputs is linear in the cotangent, and is recorded; each tangent runs
    through that record, without computing anything of ``func`` again.

    >>> import wengert as torch
    >>> out, push = torch.func.linearize(torch.sin, torch.tensor(0.0))
    >>> push(torch.tensor(2.0))
    tensor(2.)
    """
    with enable_grad():
        call = _Call("linearize", func, tuple(range(len(primals))), False, primals, {})
        outputs = call(call.inputs)
        cts = [P.zeros_like(off_tape(output)).requires_grad_() for output in outputs]
        back = pull(outputs, call.inputs, cts)
    form = call.form

    def push_all(*tangents: Any) -> Any:
        with enable_grad():
            found = pull(back, cts, _directions(call, primals, tangents))
        return form.build(call.settled(found))

    return form.build(call.settled(outputs)), push_all


def _check_chunk(op: str, chunk_size: int | None) -> None:
    if chunk_size is not None and not isinstance(chunk_size, int):
        raise TypeError(f"[{op}] chunk_size as an int was expected; got {chunk_size!r}; leave it out for as many as "
                        "there is room for")
    if chunk_size is not None and chunk_size < 1:
        raise ValueError(f"[{op}] `chunk_size` should be greater than 0; got {chunk_size}; leave it out for as many as "
                         "there is room for")


def jacrev(func: Function, argnums: Argnums = 0, *, has_aux: bool = False, chunk_size: int | None = None) -> Function:
    """A function that returns the Jacobian of ``func``: for each output and input a tensor of both their shapes.

    One backward run for many elements of the output at once: for ``chunk_size`` of them, for as many as there is room
    for if it is None; of 1, one run an element on plain tensors.

    >>> import wengert as torch
    >>> torch.func.jacrev(torch.sin)(torch.tensor([0.0, 1.0]))
    tensor([[1.0000, 0.0000],
            [0.0000, 0.5403]])
    """
    _check_chunk("jacrev", chunk_size)

    @functools.wraps(func)
    def by_arguments(*args: Any, **kwargs: Any) -> Any:
        recording = is_grad_enabled()
        with enable_grad():
            call = _Call("jacrev", func, argnums, has_aux, args, kwargs)
            blocks = [jacobian(output, call.inputs, recording and call.leads_out(output), chunk=chunk_size)
                      for output in call(call.inputs)]
        found = call.form.build(map(call.arguments, blocks))
        return (found, call.extra()) if has_aux else found

    return by_arguments


def jacfwd(func: Function, argnums: Argnums = 0, has_aux: bool = False, *, chunk_size: int | None = None,
           randomness: str = "error") -> Function:
    """What `jacrev` returns, by columns: one run forward for many elements of the input at once, which pays where
    there are fewer of them than of the output. ``chunk_size`` as for `jacrev`, ``randomness`` as for `vmap`.

    >>> import wengert as torch
    >>> torch.func.jacfwd(lambda x: torch.stack([x, x * x]))(torch.tensor(3.0))
    tensor([1., 6.])
    """
    _check_chunk("jacfwd", chunk_size)

    @functools.wraps(func)
    def by_arguments(*args: Any, **kwargs: Any) -> Any:
        call = _Forward("jacfwd", func, argnums, has_aux, args, kwargs)
        if not call.inputs:
            raise AssertionError("[jacfwd] a tensor to differentiate by was expected; got none in the arguments that "
                                 f"argnums={argnums} names")
        for x in call.inputs:
            if not isinstance(x, Tensor):  # of PyTorch's class, which is that of an attribute asked of no tensor
                raise AttributeError(f"[jacfwd] a tensor was expected to differentiate by; got {type(x).__name__}; "
                                     "make it one with torch.tensor, or leave it out of argnums")
        rows = forward_jacobian(call, call.inputs, chunk_size, randomness)
        found = call.form.build(call.nested(row) for row in rows)
        return (found, call.aux) if has_aux else found

    return by_arguments


def hessian(func: Function, argnums: Argnums = 0) -> Function:
    """A function that returns the second derivatives of ``func``: `jacfwd` of `jacrev`.

    >>> import wengert as torch
    >>> torch.func.hessian(lambda x: (x**3).sum())(torch.tensor([1.0, 2.0]))
    tensor([[ 6.,  0.],
            [ 0., 12.]])
    """
    return jacfwd(jacrev(func, argnums), argnums)
