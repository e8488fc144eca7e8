"""Functions of no family: parts of numbers, numerical gradients, Python functions on elements, questions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np

from ..core.errors import DTypeError, ShapeError
from ..core.primitive import COMPLEX, P
from ..core.spec import wrap_dims
from ..tensors.alias import is_inference as made_in_inference
from ..tensors.alias import own, type_name
from ..tensors.apply import check_takes
from ..tensors.given import check_tensor
from ..tensors.inplace import overwrite
from ..tensors.tensor import Tensor, make
from .arguments import integer, integers
from .creation import tensor
from .joining import cat
from .named import named
from .out import Out
from .registry import METHODS, function, method
from .shapes import as_strided

_Frexp = named("frexp", "mantissa", "exponent")


@function()
def frexp(input: Tensor) -> Any:
    """Mantissas from 0.5 to 1 and powers of two whose products are ``input``: ``(mantissa, exponent)``.

    >>> torch.frexp(torch.tensor([1.0, 6.0]))
    torch.return_types.frexp(
    mantissa=tensor([0.5000, 0.7500]),
    exponent=tensor([1, 3], dtype=torch.int32))
    """
    if not input.is_floating_point():
        raise DTypeError(f"[frexp] torch.frexp() only supports floating-point dtypes; got {input.dtype}")
    exponent = P.frexp_exponent(input.detach())
    # In two steps, as the power of two for the smallest numbers would overflow.
    half = (-exponent).div(2, rounding_mode="floor")
    scaled = input * P.pow(2.0, half.to(input.dtype))
    return _Frexp((scaled * P.pow(2.0, (-exponent - half).to(input.dtype)), exponent))


@function(method=False, out=False)
def gradient(input: Tensor, *, spacing: Any = None, dim: Any = None, edge_order: int = 1) -> tuple[Tensor, ...]:
    """Derivatives along dimensions (all by default), by differences of second order inside; a tensor each.

    ``spacing``: the distance of samples, one number for all dimensions or one a dimension, or a 1-D tensor of
    coordinates a dimension. ``edge_order``: the order of the one-sided differences at the ends, 1 or 2. Raises
    RuntimeError for a dimension of too few samples, and for ``spacing`` that does not fit.

    >>> import wengert as torch
    >>> torch.gradient(torch.tensor([1.0, 4.0, 9.0, 16.0]), spacing=(torch.tensor([1.0, 2.0, 3.0, 4.0]),))
    (tensor([3., 4., 6., 7.]),)
    """
    if input._data.dtype == np.uint8:
        raise RuntimeError("[gradient] torch.gradient does not support uint8 input.")
    if type(edge_order) is not int:
        edge_order = integer(edge_order, "gradient", plain=True)
    if edge_order not in (1, 2):
        raise RuntimeError(f"[gradient] torch.gradient only supports edge_order=1 and edge_order=2; got {edge_order}")
    dims = wrap_dims(None if dim is None else integers(dim, "gradient"), input.dim(), "gradient")
    spacing = 1 if spacing is None else spacing
    steps = list(spacing) if isinstance(spacing, (tuple, list)) else [spacing] * len(dims)
    if len(steps) != len(dims):
        raise ShapeError(f"[gradient] expected one spacing per dimension; got {len(steps)} for the dimensions {dims}")
    found = []
    for d, step in zip(dims, steps, strict=True):
        size = input.shape[d]
        if size < edge_order + 1:
            raise RuntimeError(f"[gradient] expected each dimension size to be at least edge_order+1; got size {size} "
                               f"at dimension {d}")
        uneven = isinstance(step, Tensor) and step.dim() > 0
        if uneven and tuple(step.shape) != (size,):
            raise ShapeError(f"[gradient] Expected each tensor in spacing to have the length of its dimension, {size}; "
                             f"got shape {list(step.shape)} for dimension {d}")
        found.append((_uneven_differences if uneven else _even_differences)(input, d, step, edge_order))
    return tuple(found)


def _shifted(x: Tensor, dim: int, count: int) -> list[Tensor]:
    """``count`` views along ``dim``, the i-th of which begins at i and ends as many before the end as are to come."""
    return [x.narrow(dim, i, x.shape[dim] - count + 1) for i in range(count)]


def _even_differences(x: Tensor, dim: int, step: Any, edge_order: int) -> Tensor:
    if edge_order == 1:
        first, last = (x.narrow(dim, i + 1, 1) - x.narrow(dim, i, 1) for i in (0, x.shape[dim] - 2))
    else:
        low, high = (_shifted(x.narrow(dim, i, 3), dim, 3) for i in (0, x.shape[dim] - 3))
        first = low[0] * -1.5 + low[1] * 2 + low[2] * -0.5
        last = high[0] * 0.5 + high[1] * -2 + high[2] * 1.5
    inner = [(x.narrow(dim, 2, x.shape[dim] - 2) - x.narrow(dim, 0, x.shape[dim] - 2)) / 2]
    return cat([first, *inner, last], dim) / step


def _uneven_differences(x: Tensor, dim: int, coordinates: Tensor, edge_order: int) -> Tensor:
    """The derivatives of the parabolas through three neighbours each."""
    size = x.shape[dim]
    column = coordinates.reshape(-1, *(1,) * (x.dim() - 1 - dim))
    along = column.dim() - x.dim() + dim
    steps = column.narrow(along, 1, size - 1) - column.narrow(along, 0, size - 1)

    def at(i: int) -> Tensor:
        return steps.narrow(along, i % (size - 1), 1)

    parts = []
    if size > 2:
        before, after = _shifted(steps, along, 2)
        whole = before + after
        left, middle, right = _shifted(x, dim, 3)
        inner = (left * (-after / (before * whole)) + middle * ((after - before) / (before * after))
                 + right * (before / (after * whole)))
        parts.append(inner)
    if edge_order == 1:
        first, last = ((x.narrow(dim, i + 1, 1) - x.narrow(dim, i, 1)) / at(i) for i in (0, size - 2))
    else:
        (a, b), (c, d) = (at(0), at(1)), (at(-2), at(-1))
        low, high = (_shifted(x.narrow(dim, i, 3), dim, 3) for i in (0, size - 3))
        first = (low[0] * (-(2 * a + b) / (a * (a + b))) + low[1] * ((a + b) / (a * b))
                 + low[2] * (-a / (b * (a + b))))
        last = (high[0] * (d / (c * (c + d))) + high[1] * (-(c + d) / (c * d))
                + high[2] * ((2 * d + c) / (d * (c + d))))
    return cat([first, *parts, last], dim)


@function(out=Out(differentiable=False))
def hash_tensor(input: Tensor, dim: Any = (), *, keepdim: bool = False, mode: int = 0) -> Tensor:
    """A number, uint64, by which tensors of equal elements are alike: the exclusive or of the elements' bits, as
    float64 or int64; of all, or along ``dim``. Raises RuntimeError for a ``mode`` other than 0.

    >>> import wengert as torch
    >>> torch.hash_tensor(torch.tensor([[1, 2], [5, 7]]), 1)
    tensor([3, 2], dtype=torch.uint64)
    """
    if mode != 0:
        raise RuntimeError(f"[hash_tensor] Unknown hash_tensor mode: {mode}; 0 was expected")
    check_takes("hash_tensor", COMPLEX, input)
    dims = wrap_dims(None if isinstance(dim, (tuple, list)) and not dim else dim, input.dim(), "hash_tensor")
    return P.hash_tensor(input.detach(), dim=dims, keepdim=bool(keepdim))


@function(method=False, out=False)
def unravel_index(indices: Tensor, shape: Any) -> tuple[Tensor, ...]:
    """The coordinates in ``shape``, one tensor per dimension, of places in the flattened tensor.

    >>> torch.unravel_index(torch.tensor([0, 5]), (2, 3))
    (tensor([0, 1]), tensor([0, 2]))
    """
    if indices._data.dtype.kind not in "iu":
        raise DTypeError(f"[unravel_index] expected 'indices' to be integer dtype, but got {indices.dtype}; convert it "
                         "with .long()")
    if not isinstance(shape, (int, np.integer, Sequence)):
        raise TypeError("[unravel_index] expected 'shape' to be int or sequence of ints, but got "
                        f"{type(shape).__name__}")
    if isinstance(shape, Sequence) and not all(isinstance(n, (int, np.integer)) for n in shape):
        raise TypeError("[unravel_index] expected 'shape' sequence to only contain ints, but got "
                        f"{', '.join(type(n).__name__ for n in shape)}")
    sizes = integers(shape, "unravel_index")
    if any(n < 0 for n in sizes):
        raise ValueError(f"[unravel_index] 'shape' cannot have negative values, but got {tuple(sizes)}")
    if not sizes:
        return ()
    steps = tensor([prod(sizes[dim + 1:]) for dim in range(len(sizes))])
    coordinates = indices.unsqueeze(-1) // steps % tensor(sizes)
    return tuple([own(coordinates[..., dim]) for dim in range(len(sizes))])


@function(method=False)
def fill(input: Tensor, value: Any) -> Tensor:
    """A tensor of the shape and dtype of ``input`` with ``value`` everywhere; its gradient by ``input`` is 0.

    >>> torch.fill(torch.tensor([1.0, 2.0]), 7)
    tensor([7., 7.])
    """
    return input.clone().fill_(value)


@function(out=False)
def is_signed(input: Tensor) -> bool:
    """Whether the dtype has negative numbers.

    >>> torch.is_signed(torch.ones(2)), torch.is_signed(torch.ones(2, dtype=torch.uint8))
    (True, False)
    """
    return input._data.dtype.kind not in "bu"


@function(out=False)
def is_inference(input: Tensor) -> bool:
    """Whether a tensor was made in `inference_mode`, or is a view of such a one: it can be neither saved for backward
    nor written outside of that mode; its ``clone()`` can.

    >>> with torch.inference_mode():
    ...     x = torch.ones(2)
    >>> torch.is_inference(x), torch.is_inference(x[:1]), torch.is_inference(x.clone())
    (True, True, False)
    """
    return made_in_inference(input)


@function(method=False, out=False, checked=True)
def is_same_size(input: Tensor, other: Tensor) -> bool:
    """Whether two tensors have the same shape.

    >>> torch.is_same_size(torch.ones(2, 3), torch.zeros(2, 3))
    True
    """
    check_tensor("is_same_size", input)
    check_tensor("is_same_size", other, "other", 2)
    return tuple(input.shape) == tuple(other.shape)


@method("is_same_size")
def _is_same_size(self: Tensor, other: Tensor) -> bool:
    """Whether two tensors have the same shape.

    >>> torch.ones(2, 3).is_same_size(torch.zeros(2, 3))
    True
    """
    check_tensor("is_same_size", other, "other")
    return tuple(self.shape) == tuple(other.shape)


def _without_history(op: str, *tensors: Tensor) -> None:
    if any(tensor.requires_grad for tensor in tensors):
        raise RuntimeError(f"[{op}] Can't call {op}() on Variable that requires grad. Use var.detach().{op}() instead.")


@method("apply_")
def apply_(self: Tensor, callable: Callable[[Any], Any]) -> Tensor:
    """Replaces each element by what a Python function gives for it: slow, and without a derivative.

    >>> torch.tensor([1.0, 2.0]).apply_(lambda x: x + 10)
    tensor([11., 12.])
    """
    _without_history("apply_", self)
    values = [callable(value) for value in self._data.reshape(-1).tolist()]
    return overwrite(self, make(np.array(values).astype(self._data.dtype).reshape(self._data.shape), None), "apply_")


@method("map_")
def map_(self: Tensor, tensor: Tensor, callable: Callable[[Any, Any], Any]) -> Tensor:
    """Replaces each element by what a Python function gives for it and the one of ``tensor`` in its place.

    >>> torch.tensor([1.0, 2.0]).map_(torch.tensor([10.0, 20.0]), lambda x, y: x + y)
    tensor([11., 22.])
    """
    check_tensor("map_", tensor, "other")
    _without_history("map_", self, tensor)
    if tensor._data.dtype != self._data.dtype:
        raise TypeError(f"map_: expected torch.{type_name(self._data.dtype)}Tensor for 'other' (got "
                        f"torch.{type_name(tensor._data.dtype)}Tensor)")
    other = tensor.expand(self.shape)._data
    pairs = zip(self._data.reshape(-1).tolist(), other.reshape(-1).tolist(), strict=True)
    values = np.array([callable(a, b) for a, b in pairs])
    return overwrite(self, make(values.astype(self._data.dtype).reshape(self._data.shape), None), "map_")


@method("_view_func")
def _view_func(self: Tensor, new_base: Tensor, symint_visitor_fn: Any = None, tensor_visitor_fn: Any = None) -> Tensor:
    """This view, by the same steps, of another tensor of the base's shape. Raises RuntimeError for what is no view;
    what would change the steps on the way is not in wengert.

    >>> x = torch.arange(6).view(2, 3)
    >>> x[1]._view_func(torch.ones(6))
    tensor([1., 1., 1.])
    """
    if symint_visitor_fn is not None or tensor_visitor_fn is not None:
        raise NotImplementedError("[_view_func] the steps of a view as they are were expected; got a function that is "
                                  "to change them, which is not in wengert; take another view")
    if self._alias is None or not self._alias.steps:
        raise RuntimeError("[_view_func] a view was expected; got a tensor that is none")
    out = new_base
    for primitive, params in self._alias.steps:
        out = primitive(out, **params)
    return out


METHODS["_view_func_unsafe"] = METHODS["_view_func"]


@method("_rev_view_func_unsafe")
def _rev_view_func_unsafe(self: Tensor, new_view: Tensor) -> Tensor:
    """A tensor that lies as this view's base in the memory of another one that lies as this view. Raises RuntimeError
    for what is no view, and where that memory does not reach so far.

    >>> x = torch.arange(6.0)
    >>> x[2:]._rev_view_func_unsafe(x[2:].detach())
    tensor([0., 1., 2., 3., 4., 5.])
    """
    base = self._base
    if base is None:
        raise RuntimeError("[_rev_view_func_unsafe] a view was expected; got a tensor that is none")
    return as_strided(new_view, base.shape, base.stride(), base.storage_offset())
