"""Functions of no family: parts of numbers, numerical gradients, Python functions on elements, questions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.errors import DTypeError, ShapeError
from ..core.primitive import COMPLEX, TRUTHS, P
from ..core.spec import wrap_dims
from ..tensors.apply import check_takes
from ..tensors.inplace import overwrite
from ..tensors.tensor import Tensor, make
from .arguments import integers
from .joining import cat
from .named import named
from .registry import function, method

_Frexp = named("frexp", "mantissa", "exponent")


@function()
def frexp(input: Tensor) -> Any:
    """Mantissas from 0.5 to 1 and powers of two whose products are ``input``: ``(mantissa, exponent)``."""
    if not input.is_floating_point():
        raise DTypeError(f"[frexp] torch.frexp() only supports floating-point dtypes; got {input.dtype}")
    exponent = P.frexp_exponent(input.detach())
    return _Frexp((input * P.pow(2.0, -exponent.to(input.dtype)), exponent))


@function(method=False, out=False)
def gradient(input: Tensor, *, spacing: Any = 1, dim: Any = None, edge_order: int = 1) -> tuple[Tensor, ...]:
    """Derivatives by central differences along dimensions (all by default), one-sided at the ends; a tensor each.

    ``spacing``: the distance of samples, one number for all dimensions or one per dimension. Raises
    NotImplementedError for uneven spacing and for edges of order 2, RuntimeError for a dimension of fewer than two
    samples.
    """
    if edge_order != 1:
        raise NotImplementedError("[gradient] edge_order=2 is not in wengert yet; use 1")
    dims = wrap_dims(None if dim is None else integers(dim, "gradient"), input.dim(), "gradient")
    steps = list(spacing) if isinstance(spacing, (tuple, list)) else [spacing] * len(dims)
    if any(isinstance(step, Tensor) and step.dim() for step in steps):
        raise NotImplementedError("[gradient] coordinates as spacing are not in wengert yet; give distances")
    if len(steps) != len(dims):
        raise ShapeError(f"[gradient] expected one spacing per dimension; got {len(steps)} for the dimensions {dims}")
    found = []
    for d, step in zip(dims, steps, strict=True):
        size = input.shape[d]
        if size < 2:
            raise RuntimeError(f"[gradient] expected each dimension size to be at least edge_order+1; got size {size} "
                               f"at dimension {d}")
        first, last = (input.narrow(d, i + 1, 1) - input.narrow(d, i, 1) for i in (0, size - 2))
        inner = [(input.narrow(d, 2, size - 2) - input.narrow(d, 0, size - 2)) / 2] if size > 2 else []
        found.append(cat([first, *inner, last], d) / step)
    return tuple(found)


@function(method=False, out=False)
def unravel_index(indices: Tensor, shape: Any) -> tuple[Tensor, ...]:
    """The coordinates in ``shape``, one tensor per dimension, of places in the flattened tensor."""
    check_takes("unravel_index", TRUTHS + COMPLEX + "eEfd", indices)
    sizes = integers(shape, "unravel_index")
    coordinates = []
    for size in reversed(sizes):
        coordinates.append(indices % size)
        indices = indices // size
    return tuple(reversed(coordinates))


@function(method=False)
def fill(input: Tensor, value: Any) -> Tensor:
    """A tensor of the shape and dtype of ``input`` with ``value`` everywhere; its gradient by ``input`` is 0."""
    return input.clone().fill_(value)


@function(out=False)
def is_signed(input: Tensor) -> bool:
    """Whether the dtype has negative numbers."""
    return input._data.dtype.kind not in "bu"


@function(out=False)
def is_inference(input: Tensor) -> bool:
    """False: what `inference_mode` computes is an ordinary tensor here, which may be used and recorded anywhere."""
    return False


@function(method=False, out=False)
def is_same_size(input: Tensor, other: Tensor) -> bool:
    """Whether two tensors have the same shape."""
    return tuple(input.shape) == tuple(other.shape)


@method("is_same_size")
def _is_same_size(self: Tensor, other: Tensor) -> bool:
    """Whether two tensors have the same shape."""
    return tuple(self.shape) == tuple(other.shape)


def _without_history(op: str, *tensors: Tensor) -> None:
    if any(tensor.requires_grad for tensor in tensors):
        raise RuntimeError(f"[{op}] Can't call {op}() on Variable that requires grad. Use var.detach().{op}() instead.")


@method("apply_")
def apply_(self: Tensor, callable: Callable[[Any], Any]) -> Tensor:
    """Replaces each element by what a Python function gives for it: slow, and without a derivative."""
    _without_history("apply_", self)
    values = [callable(value) for value in self._data.reshape(-1).tolist()]
    return overwrite(self, make(np.array(values).astype(self._data.dtype).reshape(self._data.shape), None), "apply_")


@method("map_")
def map_(self: Tensor, tensor: Tensor, callable: Callable[[Any, Any], Any]) -> Tensor:
    """Replaces each element by what a Python function gives for it and the one of ``tensor`` in its place."""
    _without_history("map_", self, tensor)
    other = np.broadcast_to(tensor._data, self._data.shape)
    pairs = zip(self._data.reshape(-1).tolist(), other.reshape(-1).tolist(), strict=True)
    values = np.array([callable(a, b) for a, b in pairs])
    return overwrite(self, make(values.astype(self._data.dtype).reshape(self._data.shape), None), "map_")
