"""What all operations on sparse tensors stand on: their nodes, and the way from a sparse tensor to its values and back.

The one idea to know: an operation here is a `Function`, whose forward computes on sparse arrays and whose backward is
written with operations on tensors, dense or sparse, so that every higher order is there. What is not linear reads the
values (`values_of`), computes with them as with any dense tensor, and puts the result in their places (`with_values`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...autograd.function import Function, FunctionNode, applied
from ...core.dtypes import DType, from_numpy
from ...core.errors import in_words
from ...core.sparse import Coordinates, SparseArray, places_of
from ...core.tiles import Tiled
from ...tensors.sparse import SparseTensor, check_untraced
from ...tensors.tape import labelled, node_of
from ...tensors.tensor import Tensor, make

FUNCTIONS: dict[str, Callable[..., Any]] = {}
"""What sparse tensors can do, by the name of the public function."""

METHODS: dict[str, Callable[..., Any]] = {}
"""What is a method of sparse tensors besides."""


def function(*names: str, method: bool = True) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Registers the decorated function as what the public functions of these names do with sparse tensors; and, as a
    ``method``, what the methods of these names do."""

    def register(plain: Callable[..., Any]) -> Callable[..., Any]:
        plain = in_words(plain)
        for name in names:
            FUNCTIONS[name] = plain
            if method:
                METHODS[name] = plain
        return plain

    return register


def method(*names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Registers the decorated function as methods of sparse tensors."""

    def register(plain: Callable[..., Any]) -> Callable[..., Any]:
        plain = in_words(plain)
        METHODS.update(dict.fromkeys(names, plain))
        return plain

    return register


class OperationNode(FunctionNode):
    """A node of an operation on sparse tensors; it bears PyTorch's name."""

    def name(self) -> str:
        return type(self).__name__


class Operation(Function):
    """The base of operations on sparse tensors. A subclass named ``Mm`` records ``MmBackward0``."""

    def __init_subclass__(cls, label: str = "", **rest: Any) -> None:
        super().__init_subclass__(**rest)
        name = label or f"{cls.__name__}Backward0"
        cls._node_class = cls._backward_cls = _class(cls, name)

    @classmethod
    def apply(cls, *args: Any, **kwargs: Any) -> Any:
        check_untraced(cls.__name__.lower())
        return applied(cls, args, kwargs)[1]


def is_sparse(x: Any) -> bool:
    """Whether ``x`` is a sparse tensor, of whatever layout."""
    return isinstance(x, SparseTensor)


def named(out: Any, name: str) -> Any:
    """``out``, its node called by PyTorch's name for the operation: ``"Sin"``."""
    node: Any = node_of(out._edge)
    if isinstance(node, OperationNode):
        node.__class__ = _class(node.function, f"{name}Backward0")
        return out
    return labelled(out, name)


_classes: dict[tuple[Any, str], type] = {}


def _class(function: Any, name: str) -> Any:
    """The class of the nodes of a function, by that name."""
    if (function, name) not in _classes:
        _classes[function, name] = type(name, (OperationNode,), {"function": function, "__module__": __name__})
    return _classes[function, name]


def plain(data: Any) -> Tensor:
    """A tensor around data, without history."""
    return make(data, None)


# --- there and back ---------------------------------------------------------------------------------------------------


class Coalesce(Operation):
    """The same tensor with each coordinate once."""

    @staticmethod
    def forward(ctx: Any, x: SparseTensor) -> Tensor:
        return plain(x._data.coalesced_form())

    @staticmethod
    def backward(ctx: Any, ct: Tensor) -> Tensor:
        return ct


@method("coalesce")
def coalesce(self: SparseTensor) -> SparseTensor:
    """This tensor with each coordinate once, in row-major order, what stood there several times added up; itself where
    it is so already. Raises RuntimeError for compressed layouts."""
    check_untraced("coalesce")
    if self._coordinates("coalesce").coalesced:
        return self
    out: SparseTensor = Coalesce.apply(self)
    return out


class Values(Operation):
    """The values of a coalesced tensor."""

    @staticmethod
    def forward(ctx: Any, x: SparseTensor) -> Tensor:
        ctx.places = x._data
        return plain(x._data.values)

    @staticmethod
    def backward(ctx: Any, ct: Tensor) -> Tensor:
        return with_values(ctx.places, ct)


class SparseTensorOf(Operation, label="SparseCooTensorWithDimsAndTensorsBackward0"):
    """Values in the places of a sparse array."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, places: SparseArray) -> Tensor:
        ctx.places = out = places.with_values(values._data)
        return plain(out)

    @staticmethod
    def backward(ctx: Any, ct: Tensor) -> tuple[Any, ...]:
        return values_at(ct, ctx.places), None


def settled(x: SparseTensor) -> SparseTensor:
    """The tensor, coalesced if it is by coordinates: what has values that are a function of it."""
    return coalesce(x) if isinstance(x._data, Coordinates) else x


def values_of(x: SparseTensor) -> Tensor:
    """The values of a coalesced or compressed tensor, with their history."""
    out: Tensor = Values.apply(x)
    return out


def with_values(places: SparseArray, values: Tensor) -> Any:
    """A sparse tensor with these values in the places of a sparse array."""
    return SparseTensorOf.apply(values, places)


def values_at(x: Tensor, places: SparseArray) -> Tensor:
    """What a tensor of the shape, dense or sparse, has in the places of a sparse array."""
    here = places.coordinates()
    if not isinstance(x, SparseTensor):
        rows = x.reshape(*here.entries_of(np.broadcast_to(np.empty((), bool), x._data.shape)).shape)
        return _as_kept(rows[plain(here.keys())], places)
    x = settled(x)
    there = x._data.coordinates()
    if here.indices is there.indices and here.coalesced:
        return _as_kept(values_of(x), places)
    if there.sparse_dim != here.sparse_dim:
        return values_at(to_dense(x), places)
    order = None if there.coalesced else np.argsort(there.keys(), kind="stable")  # compressed by columns
    keys = there.keys() if order is None else there.keys()[order]
    at, found = places_of(here.keys(), keys)
    if order is not None and len(order):
        at = order[at]
    values = values_of(x).reshape(there.values.shape) if isinstance(x._data, Tiled) else values_of(x)
    if not there.count:
        return _as_kept(values.new_zeros((here.count, *values.shape[1:])), places)
    picked = values[plain(at)]
    if found.all():
        return _as_kept(picked, places)
    return _as_kept(picked * plain(found.reshape(-1, *[1] * (picked.ndim - 1))).to(picked.dtype), places)


def _as_kept(values: Tensor, places: SparseArray) -> Tensor:
    """One value an entry in the shape in which a sparse array keeps them: batches and blocks are dimensions there."""
    return values.reshape(places.values.shape) if isinstance(places, Tiled) else values


class ToDense(Operation):
    """The dense tensor; its cotangent where the sparse one keeps values, or everywhere."""

    @staticmethod
    def forward(ctx: Any, x: SparseTensor, masked: bool) -> Tensor:
        ctx.places, ctx.masked = x._data, masked
        return plain(x._data.dense())

    @staticmethod
    def backward(ctx: Any, ct: Tensor) -> tuple[Any, ...]:
        return masked_like(ct, ctx.places) if ctx.masked else in_layout(ct, ctx.places), None


def to_dense(x: SparseTensor, masked: bool = True) -> Tensor:
    """The dense tensor."""
    out: Tensor = ToDense.apply(x, masked)
    return out


def masked_like(x: Tensor, places: SparseArray) -> Any:
    """What a tensor has where a sparse array keeps values: a sparse tensor of that layout."""
    if isinstance(places, Coordinates):
        places = places.coalesced_form()
    return with_values(places, values_at(x, places))


def in_layout(x: Tensor, like: SparseArray) -> Any:
    """A dense tensor in the layout of a sparse array."""
    if isinstance(like, Coordinates):
        return x.to_sparse(like.sparse_dim)
    return x.to_sparse(layout=like.layout, blocksize=like.blocks or None, dense_dim=like.dense_dim)


def dtype_of(x: Any) -> DType:
    """The dtype of a tensor."""
    return from_numpy(x._data.dtype)
