"""`strict_zero`: where no gradient arrives, none is passed on, whatever the derivative is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...core.operands import Array, Cotangent, Numbers
from ...core.primitive import P, Primitive
from ...core.state import state
from ...tensors.evaluation import Watcher, tracing
from ...tensors.tape import Node
from .answers import finite

_ALONG = ("softmax", "log_softmax", "cumsum", "cumprod", "logcumsumexp", "sort", "flip")
_PRODUCTS = ("matmul", "linear", "addmm")


class strict_zero(Watcher):
    """Inside, a branch that was not selected passes no gradient at all, so that no NaN leaks through it.

    What ``where``, ``masked_fill``, ``clamp``, ``relu`` or ``max`` did not select gets the gradient 0, which IEEE
    arithmetic turns into NaN where the derivative behind it is infinite (``log`` and ``sqrt`` at 0, a division by 0).
    In this mode a gradient that is exactly 0 stays 0:

    - element by element through elementwise operations;
    - row by row through reductions along a dimension, softmax, layer and batch normalisation and matrix products, image
      by image through convolutions;
    - as a whole through everything else, a `Function` of your own included, as nobody can say which of its operands
      belongs to which of its results.

    Through what only picks or moves elements (``max``, ``topk``, indexing, views) zeros stay zeros without help.
    ``backward()`` is what must run inside.

    >>> import wengert as torch
    >>> x = torch.tensor([4.0, 0.0], requires_grad=True)
    >>> with torch.autograd.strict_zero():
    ...     torch.where(x > 0, x.log(), x).sum().backward()
    >>> x.grad
    tensor([0.2500, 1.0000])
    """

    def passes(self, node: Node, ct: Cotangent, grads: Sequence[Any]) -> Sequence[Any]:
        grads = super().passes(node, ct, grads)
        primitive = getattr(node, "primitive", None)
        if primitive is None or (not tracing() and all(grad is None or finite(grad) for grad in grads)):
            return grads
        if isinstance(ct, dict):
            return state.quiet(_of_several, node, primitive, ct, grads)
        if not isinstance(ct, np.ndarray):
            return _cleared(node, primitive, ct, grads)
        return state.quiet(_cleared, node, primitive, ct, grads)


def _cleared(node: Node, primitive: Primitive, ct: Numbers, grads: Sequence[Any]) -> list[Any]:
    """The cotangents of the operands with zeros where none arrived."""
    if primitive.kind == "elementwise":
        return [grad if grad is None else _elementwise(node, primitive, ct, i, grad) for i, grad in enumerate(grads)]
    if not isinstance(ct, np.ndarray):
        return list(grads)
    if not ct.any():
        return [grad if grad is None else np.zeros_like(grad) for grad in grads]
    if primitive.name in _ALONG and isinstance(node.params.get("dim"), int):
        dead = ~ct.any(axis=node.params["dim"], keepdims=True)
        return [
            grad if grad is None or grad.shape != ct.shape else np.where(dead, 0, grad).astype(grad.dtype)
            for grad in grads
        ]
    if primitive.name in _PRODUCTS:
        return _product(node, primitive, ct, grads)
    if primitive.kind == "reduction":
        return [grad if grad is None else _reduced(node.params, ct, grad) for grad in grads]
    if primitive.name == "convolution":
        return _images(node, primitive, ct, grads)
    return list(grads)


def _reduced(params: dict[str, Any], ct: Array, grad: Array) -> Array:
    """Zero in every row whose reduction got none."""
    dims = params.get("dim")
    if dims is None or not grad.ndim:
        return grad
    if not params.get("keepdim", False) and ct.ndim < grad.ndim:
        ct = np.expand_dims(ct, tuple(dims) if isinstance(dims, (tuple, list)) else dims)
    return np.where(ct == 0, 0, grad).astype(grad.dtype)


def _images(node: Node, primitive: Primitive, ct: Array, grads: Sequence[Any]) -> list[Any]:
    """Images whose results get no gradient count for nothing, whatever stands in them."""
    x, dead = node.saved[0], ~ct.any(axis=tuple(range(1, ct.ndim)))
    if not dead.any():
        return list(grads)
    saved = list(node.saved)
    if isinstance(x, np.ndarray):
        saved[0] = np.where(dead.reshape(-1, *(1,) * (x.ndim - 1)), 0, x).astype(x.dtype)
    return list(primitive.rule("vjp")(ct, tuple(saved), node.params, node.edges))


def _of_several(node: Node, primitive: Primitive, ct: dict[int, Any], grads: Sequence[Any]) -> list[Any]:
    """The cotangents of the operands of a node with several results."""
    if not all(isinstance(part, np.ndarray) for part in ct.values()):
        return list(grads)
    if not any(part.any() for part in ct.values()):
        return [grad if grad is None else np.zeros_like(grad) for grad in grads]
    if primitive.name != "normalize" or list(ct) != [0]:
        return list(grads)
    dead = ~ct[0].any(axis=node.params["dim"], keepdims=True)
    saved, count = list(node.saved), len(node.edges)
    saved[0] = np.where(dead, 0, saved[0]).astype(saved[0].dtype)
    out, mean, variance = saved[count]
    saved[count] = out, np.where(dead, 0, mean).astype(mean.dtype), np.where(dead, 1, variance).astype(variance.dtype)
    return list(primitive.rule("vjp")(ct, tuple(saved), node.params, node.edges))


def _elementwise(node: Node, primitive: Primitive, ct: Numbers, position: int, grad: Array) -> Any:
    """Zero where the cotangent is; a gradient that was summed over broadcast places is summed again without them."""
    if grad.shape == ct.shape:
        return P.where(ct == 0, 0.0, grad)
    if not isinstance(ct, np.ndarray):
        return grad
    *values, shapes = node.saved
    needs = [i == position for i in range(primitive.arity)]
    terms = primitive.rule("vjp")(ct, (*values, None), node.params, needs)[position]
    return P.sum_to(P.where(ct == 0, 0.0, terms), shape=shapes[position])


def _product(node: Node, primitive: Primitive, ct: Array, grads: Sequence[Any]) -> list[Any]:
    """Rows of the result that no gradient reaches count for nothing, whatever stands in the rows of the operand."""
    position = 1 if primitive.name == "addmm" else 0
    x = node.saved[position]
    dead = ~ct.any(axis=-1, keepdims=True)
    if not dead.any() or ct.ndim < 2:
        return list(grads)
    saved = list(node.saved)
    if isinstance(x, np.ndarray) and x.shape[:-1] == ct.shape[:-1]:
        saved[position] = np.where(dead, 0, x).astype(x.dtype)
    again = list(primitive.rule("vjp")(ct, tuple(saved), node.params, node.edges))
    if again[position] is not None and again[position].shape[:-1] == ct.shape[:-1]:
        again[position] = np.where(dead, 0, again[position]).astype(again[position].dtype)
    return again
