"""Derivatives of functions of tensors: Jacobians, Hessians, and their products with vectors, as in
``torch.autograd.functional``. All by backward; a product J v by differentiating backward in its cotangent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.primitive import P
from ..tensors.alias import edge_of
from ..tensors.tensor import Tensor, make
from .engine import grad
from .modes import enable_grad

__all__ = ["hessian", "hvp", "jacobian", "jvp", "vhp", "vjp"]


def _tuple(what: str, value: Any) -> tuple[bool, tuple[Any, ...]]:
    """Whether a value is several tensors, and they."""
    many = isinstance(value, (tuple, list))
    tensors = tuple(value) if many else (value,)
    for i, tensor in enumerate(tensors):
        if not isinstance(tensor, Tensor):
            raise TypeError(
                f"The {what} given must be either a Tensor or a tuple of Tensors but the value at index {i} has type "
                f"{type(tensor).__name__}."
            )
    return many, tensors


def _prepared(inputs: tuple[Any, ...], create_graph: bool) -> tuple[Any, ...]:
    """Inputs to differentiate by: on the tape of the caller where the result shall be differentiable, else apart."""
    if create_graph:
        return tuple(
            [
                P.reshape(x, shape=x._data.shape) if edge_of(x) is not None else x.detach().requires_grad_()
                for x in inputs
            ]
        )
    return tuple([x.detach().requires_grad_() for x in inputs])


def _run(
    func: Callable[..., Any], inputs: Any, create_graph: bool
) -> tuple[bool, tuple[Any, ...], bool, tuple[Any, ...]]:
    many_in, tensors = _tuple("inputs", inputs)
    prepared = _prepared(tensors, create_graph)
    many_out, outputs = _tuple("outputs of the user-provided function", func(*prepared))
    return many_in, prepared, many_out, outputs


def _vectors(name: str, v: Any, like: tuple[Any, ...]) -> tuple[Any, ...]:
    """The vector of a product, of the shapes of ``like``; it may be left out where that is a single number."""
    if v is None:
        if len(like) != 1 or like[0]._data.size != 1:
            raise RuntimeError(
                f"[{name}] The vector v can only be None if the user-provided function has a single element; pass v"
            )
        return (make(np.ones_like(like[0]._data), None),)
    _, vectors = _tuple("vector v", v)
    if len(vectors) != len(like) or any(a._data.shape != b._data.shape for a, b in zip(vectors, like, strict=True)):
        raise RuntimeError(
            f"[{name}] v has invalid size: should be {[list(x._data.shape) for x in like]} but got "
            f"{[list(x._data.shape) for x in vectors]}"
        )
    return vectors


def _grads(outputs: Any, inputs: Any, cts: Any, create_graph: bool, strict: bool, name: str) -> tuple[Any, ...]:
    """Gradients with zeros where nothing depends; ``strict`` raises there."""
    live = [(o, ct) for o, ct in zip(outputs, cts, strict=True) if edge_of(o) is not None]
    found: tuple[Any, ...] = (None,) * len(inputs)
    if live:
        found = grad(
            [o for o, _ in live],
            list(inputs),
            [ct for _, ct in live],
            retain_graph=True,
            create_graph=create_graph,
            allow_unused=True,
        )
    if strict and any(g is None for g in found):
        raise RuntimeError(
            f"[{name}] The output of the user-provided function is independent of input "
            f"{next(i for i, g in enumerate(found) if g is None)}. This is not allowed in strict mode."
        )
    return tuple([make(np.zeros_like(x._data), None) if g is None else g for x, g in zip(inputs, found, strict=True)])


def _result(many: bool, tensors: tuple[Any, ...], create_graph: bool) -> Any:
    tensors = tensors if create_graph else tuple([t.detach() for t in tensors])
    return tensors if many else tensors[0]


def vjp(func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> Any:
    """``(func(*inputs), v^T J)``: the product of a vector, of the shape of the output, with the Jacobian."""
    with enable_grad():
        many_in, tensors, many_out, outputs = _run(func, inputs, create_graph)
        found = _grads(outputs, tensors, _vectors("vjp", v, outputs), create_graph, strict, "vjp")
    return _result(many_out, outputs, create_graph), _result(many_in, found, create_graph)


def jvp(func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> Any:
    """``(func(*inputs), J v)``: the product of the Jacobian with a vector of the shape of the inputs."""
    with enable_grad():
        _, tensors, many_out, outputs = _run(func, inputs, create_graph)
        vectors = _vectors("jvp", v, tensors)
        cts = tuple([make(np.zeros_like(o._data), None).requires_grad_() for o in outputs])
        transposed = _grads(outputs, tensors, cts, True, strict, "jvp")
        found = _grads(transposed, cts, vectors, create_graph, False, "jvp")
    return _result(many_out, outputs, create_graph), _result(many_out, found, create_graph)


def jacobian(
    func: Callable[..., Any],
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    strategy: str = "reverse-mode",
) -> Any:
    """The Jacobian, of shape ``(*output.shape, *input.shape)``: nested tuples ``[output][input]`` of several.
    ``vectorize`` is accepted; rows are computed one by one."""
    with enable_grad():
        many_in, tensors, many_out, outputs = _run(func, inputs, create_graph)
        rows = tuple(
            [_result(many_in, _jacobians(output, tensors, create_graph, strict), create_graph) for output in outputs]
        )
    return rows if many_out else rows[0]


def _jacobians(output: Any, inputs: tuple[Any, ...], create_graph: bool, strict: bool) -> tuple[Any, ...]:
    array = output._data
    rows = []
    for place in np.ndindex(array.shape):
        ct = np.zeros(array.shape, array.dtype)
        ct[place] = 1
        rows.append(_grads((output,), inputs, (make(ct, None),), create_graph, strict, "jacobian"))
    found = []
    for i, x in enumerate(inputs):
        shape = (*array.shape, *x._data.shape)
        if not rows:
            found.append(make(np.zeros(shape, array.dtype), None))
            continue
        flat = [P.reshape(row[i], shape=(1, *x._data.shape)) for row in rows]
        found.append(P.reshape(P.cat(*flat, dim=0), shape=shape))
    return tuple(found)


def _scalar(name: str, output: Any) -> Any:
    if not isinstance(output, Tensor):
        raise RuntimeError(f"[{name}] The function given should return a single Tensor, not {type(output).__name__}")
    if output._data.size != 1:
        raise RuntimeError(
            f"[{name}] The Tensor returned by the function given should contain a single element; got shape "
            f"{list(output._data.shape)}"
        )
    return P.reshape(output, shape=())


def hessian(
    func: Callable[..., Any],
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    outer_jacobian_strategy: str = "reverse-mode",
) -> Any:
    """The Hessian of a function with a single number as its value: the Jacobian of its gradient."""
    many_in, _ = _tuple("inputs", inputs)
    return jacobian(_gradient_of(func, many_in, "hessian", strict), inputs, create_graph, strict)


def _gradient_of(func: Callable[..., Any], many: bool, name: str, strict: bool) -> Callable[..., Any]:
    def gradient(*xs: Any) -> Any:
        output = _scalar(name, func(*xs))
        found = _grads((output,), xs, (make(np.ones_like(output._data), None),), True, strict, name)
        return found if many else found[0]

    return gradient


def vhp(func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> Any:
    """``(func(*inputs), v^T H)``: the product of a vector with the Hessian of a function that gives one number."""
    many_in, tensors = _tuple("inputs", inputs)
    _, product = vjp(_gradient_of(func, many_in, "vhp", strict), inputs, v, create_graph, False)
    return _value(func, tensors, create_graph), product


def hvp(func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> Any:
    """``(func(*inputs), H v)``. The Hessian is symmetric, so this is `vhp`, which is cheaper than a product J v."""
    return vhp(func, inputs, v, create_graph, strict)


def _value(func: Callable[..., Any], tensors: tuple[Any, ...], create_graph: bool) -> Any:
    output = func(*tensors)
    return output if create_graph else output.detach()
