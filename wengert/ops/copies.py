"""Copies of views: for each view of a tensor a function that gives its elements in memory of their own.

PyTorch has them for graphs in which no memory is shared; a copy is contiguous, whatever the view was.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.errors import ShapeError
from ..core.layout import contiguous_format
from ..core.state import state
from ..tensors.alias import overlaps_itself, own
from ..tensors.evaluation import one_by_one
from ..tensors.tape import Node, node_of
from ..tensors.tensor import Tensor, make
from .indexing import nonzero
from .joining import chunk, split, split_with_sizes, unbind
from .out import Out
from .registry import FUNCTIONS, METHODS, function
from .shapes import as_strided, place_of


def _contiguous(x: Tensor) -> Tensor:
    return x.clone(memory_format=contiguous_format)


def _copying(view: Callable[..., Any], name: str) -> Callable[..., Any]:
    """The function that copies what ``view`` shows."""

    def copies(input: Tensor, *args: Any, **kwargs: Any) -> Any:
        found = view(input, *args, **kwargs)
        return tuple([_contiguous(part) for part in found]) if isinstance(found, tuple) else _contiguous(found)

    copies.__name__ = copies.__qualname__ = name + "_copy"
    copies.__doc__ = f"`{name}`, with memory of its own."
    law = Out(differentiable=name not in ("split", "split_with_sizes"))  # which PyTorch's lists go without
    return function(method=False, out=law)(copies)


_VIEWS: dict[str, Callable[..., Any]] = {
    "alias": lambda input: input,
    "detach": lambda input: input.detach(),
    "split": split,
    "split_with_sizes": split_with_sizes,
    "unbind": unbind,
    **{name: FUNCTIONS[name] for name in (
        "as_strided", "diagonal", "permute", "select", "squeeze", "t", "transpose", "unsqueeze", "view_as_complex",
        "view_as_real")},
    **{name: METHODS[name] for name in ("expand", "unfold", "view")},
}
for _name, _view in _VIEWS.items():
    _copying(_view, _name)

FUNCTIONS["alias_copy"].__doc__ = """The same elements in memory of its own.

    >>> x = torch.tensor([1, 2])
    >>> torch.alias_copy(x).data_ptr() == x.data_ptr()
    False
    """


@function()
def narrow_copy(input: Tensor, dim: int, start: int, length: int) -> Tensor:
    """`narrow`, with memory of its own."""
    return _contiguous(FUNCTIONS["narrow"](input, dim, start, length))


def _strangers(parts: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """Views that are none in name: no write to one is seen by another. In `inference_mode` they stay views."""
    for part in () if state.inference else parts:
        part._alias = part._cell = None
        node = node_of(part._edge)
        if isinstance(node, Node) and node.name()[:5] == "Split":
            node.rarely()["label"] = f"Unsafe{node.name()}"
    return parts


@function(out=False)
def unsafe_split(tensor: Tensor, split_size: int, dim: int = 0) -> tuple[Tensor, ...]:
    """`split`, whose parts may be written: each as if it had memory of its own, though it has not. What is computed of
    the whole or of another part and then read again, in backward too, may so be wrong; nobody notices.

    >>> torch.unsafe_split(torch.arange(5), 2)
    (tensor([0, 1]), tensor([2, 3]), tensor([4]))
    """
    return _strangers(split(tensor, split_size, dim))


@function(out=False)
def unsafe_split_with_sizes(input: Tensor, split_sizes: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """`split_with_sizes`, as `unsafe_split`.

    >>> torch.unsafe_split_with_sizes(torch.arange(5), [1, 4])
    (tensor([0]), tensor([1, 2, 3, 4]))
    """
    return _strangers(split_with_sizes(input, split_sizes, dim))


@function(out=False)
def unsafe_chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """`chunk`, as `unsafe_split`.

    >>> torch.unsafe_chunk(torch.arange(5), 2)
    (tensor([0, 1, 2]), tensor([3, 4]))
    """
    return _strangers(chunk(input, chunks, dim))


@function()
def as_strided_scatter(input: Tensor, src: Tensor, size: Any, stride: Any,
                       storage_offset: int | None = None) -> Tensor:
    """``input`` with ``src`` written over the part that `as_strided` reads of its memory.

    Raises ShapeError if ``src`` has another shape than ``size``.

    >>> torch.as_strided_scatter(torch.zeros(6), torch.tensor([1.0, 2.0, 3.0]), (3,), (2,))
    tensor([1., 0., 2., 0., 3., 0.])
    """
    if tuple(src.shape) != tuple(size):
        raise ShapeError(f"[as_strided_scatter] expected src to have a size equal to the slice of self. src size = "
                         f"{list(src.shape)}, slice size = {list(size)}")
    # The whole memory is copied, as the part may reach beyond the tensor; that of an expanded one is not, as it could
    # not be written to.
    whole = input.clone(memory_format=contiguous_format)
    if not overlaps_itself(input._data):
        start, room = place_of(input, True)
        memory = as_strided(input, (room,), (1,), 0).clone()
        whole = as_strided(memory, input.shape, input.stride(), start)
    as_strided(whole, size, stride, storage_offset).copy_(src)
    return own(whole)


@function()
def nonzero_static(input: Tensor, *, size: int, fill_value: int = -1) -> Tensor:
    """The first ``size`` rows of `nonzero`, filled up with ``fill_value``.

    >>> torch.nonzero_static(torch.tensor([0, 5, 7]), size=3)
    tensor([[ 1],
            [ 2],
            [-1]])
    """
    if size < 0:
        raise RuntimeError(f"nonzero_static: 'size' must be an non-negative integer; got {size}")

    def padded(input: Tensor) -> Tensor:
        places = nonzero(input)._data[:size]
        found = np.full((size, input.dim()), fill_value, places.dtype)
        found[:len(places)] = places
        return make(found, None)

    return one_by_one(padded, input)
