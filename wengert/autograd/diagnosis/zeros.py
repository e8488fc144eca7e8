"""`strict_zero`: where no gradient arrives, none is passed on, whatever the derivative is."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.primitive import P
from ...core.state import state
from ...tensors.special import Special, tracing
from .answers import finite

_ALONG = ("softmax", "log_softmax", "cumsum", "cumprod", "logcumsumexp", "sort", "flip")
_PRODUCTS = ("matmul", "linear", "addmm")


class strict_zero(Special):
    """Inside, a branch that was not selected passes no gradient at all, so that no NaN leaks through it.

    What ``where``, ``masked_fill``, ``clamp``, ``relu`` or ``max`` did not select gets the gradient 0, which IEEE
    arithmetic turns into NaN where the derivative behind it is infinite (``log`` and ``sqrt`` at 0, a division by 0).
    In this mode a gradient that is exactly 0 stays 0: element by element through elementwise operations, row by row
    through softmax and matrix products, and as a whole through everything else. ``backward()`` is what must run inside.

    >>> import wengert as torch
    >>> x = torch.tensor([4.0, 0.0], requires_grad=True)
    >>> with torch.autograd.strict_zero():
    ...     torch.where(x > 0, x.log(), x).sum().backward()
    >>> x.grad
    tensor([0.2500, 1.0000])
    """

    def passes(self, node: Any, ct: Any, grads: Any) -> Any:
        grads = super().passes(node, ct, grads)
        primitive = getattr(node, "primitive", None)
        if type(ct) is dict or primitive is None:
            return grads
        if not tracing() and all(grad is None or finite(grad) for grad in grads):
            return grads
        if not isinstance(ct, np.ndarray):
            return _cleared(node, primitive, ct, grads)
        return state.quiet(_cleared, node, primitive, ct, grads)


def _cleared(node: Any, primitive: Any, ct: Any, grads: Any) -> list[Any]:
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
    return list(grads)


def _elementwise(node: Any, primitive: Any, ct: Any, position: int, grad: Any) -> Any:
    """Zero where the cotangent is; a gradient that was summed over broadcast places is summed again without them."""
    if grad.shape == ct.shape:
        return P.where(ct == 0, 0.0, grad)
    derivative = None if primitive.derivative is None else primitive.derivative[position]
    values, shapes = node.saved[:-1], node.saved[-1]
    if derivative is None or shapes is None or not callable(derivative) or not isinstance(ct, np.ndarray):
        return grad
    terms = P.where(ct == 0, 0.0, ct * derivative(*values, **node.params))
    return P.sum_to(terms, shape=shapes[position])


def _product(node: Any, primitive: Any, ct: Any, grads: Any) -> list[Any]:
    """Rows of the result that no gradient reaches count for nothing, whatever stands in the rows of the operand."""
    position = 1 if primitive.name == "addmm" else 0
    x = node.saved[position]
    dead = ~ct.any(axis=-1, keepdims=True)
    if not dead.any() or ct.ndim < 2:
        return list(grads)
    saved = list(node.saved)
    if isinstance(x, np.ndarray) and x.shape[:-1] == ct.shape[:-1]:
        saved[position] = np.where(dead, 0, x).astype(x.dtype)
    again = list(primitive.vjp(ct, tuple(saved), node.params, node.edges))
    if again[position] is not None and again[position].shape[:-1] == ct.shape[:-1]:
        again[position] = np.where(dead, 0, again[position]).astype(again[position].dtype)
    return again
