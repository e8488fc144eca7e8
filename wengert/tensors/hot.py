"""The hot paths: functions behind what programs call a million times, the same steps as `apply` in order.

Each takes the common case (tensors of one dtype on plain memory) and leaves every other to `apply`. What they assume:

- the plain evaluation on arrays gives the result: of watchers, only one that evaluates (`Watcher.intercepts`)
  sends a call to `apply`; any other is told of the finished result and its node, as `apply` tells it;
- numpy checks the shapes, and the primitive's ``spec`` rule words the error afterwards;
- what a node keeps depends only on which operands need gradients, and is looked up once, when the function is made.

Note [order of results]: numpy lays what it computes of operands that lie differently otherwise than PyTorch. Which of
them does not lie in rows is asked where one is a view, as such tensors mostly are, and so nothing is asked of others.

Note [hot paths]: each call in Python costs, so what would be small functions elsewhere is written out in place here,
and a node is filled slot by slot.
"""

from __future__ import annotations

from collections.abc import Callable
from inspect import Parameter, Signature
from typing import Any

import numpy as np

from ..core.errors import KindError
from ..core.generated import LARGE, LARGE_PRODUCT
from ..core.layout import in_order, is_tied
from ..core.primitive import HALVES, Primitive, run_at_once
from ..core.state import state
from .alias import attach_view, edge_of, shares
from .apply import FAILURES, NUMBERS, apply, refused
from .creation import array_from
from .evaluation import tell
from .overrides import rescued
from .tape import Node, next_sequence
from .tensor import TENSORS, Tensor, make

ndarray = np.ndarray
new = object.__new__
empty = np.empty

_ONE_OPERAND = Signature([Parameter("input", Parameter.POSITIONAL_OR_KEYWORD)])
_NO_PARAMS: dict[str, Any] = {}
_MISSING: Any = object()


def _given(*arguments: Any) -> list[Any]:
    return [x for x in arguments if x is not _MISSING]


# The dtypes, by numpy's letters, that a primitive computes in as they are: half precision is computed with in float32.
_FLOATS, _INTEGERS = "fdFD", "bBhHiIlLqQ"
_CHARS = {None: _FLOATS + _INTEGERS + "?", "same": _FLOATS + _INTEGERS + "?", "number": _FLOATS + _INTEGERS,
          "float": _FLOATS, "compare": _FLOATS + _INTEGERS + "?e"}


def unary(primitive: Primitive) -> Callable[..., Any]:
    """The function of one tensor, and of the primitive's parameters as a dict, for a primitive with one result."""
    run, rule, lowered = primitive.run, primitive.eval, primitive.lower is not None
    chars = _CHARS.get(primitive.promotion, "") + ("eE" if primitive.kind == "view" else "")
    chars = "".join([char for char in chars if char not in primitive.refuses])
    records = primitive.records and primitive.promotion != "compare"
    elementwise, view = primitive.kind == "elementwise", primitive.kind == "view"
    composed = elementwise and not isinstance(primitive.eval, str)  # of steps that may lay their result otherwise
    places, wants_shapes = primitive.plan((True,))
    saves_x, saves_out = 0 in places, 1 in places

    def function(input: Any, *, params: dict[str, Any] = _NO_PARAMS) -> Tensor:
        x, here = input, state.here
        watcher = here["watcher"]
        if type(x) not in TENSORS or (watcher is not None and watcher.intercepts):
            return apply(primitive, (x,), params)
        value = x._data
        if value.dtype.char not in chars or (lowered and value.size >= LARGE):
            return apply(primitive, (x,), params)
        try:
            data = here["quiet"](rule, np, value, **params) if params else here["quiet"](run, value)
        except FAILURES as error:
            return refused(primitive, (x,), params, error)
        if type(data) is not ndarray:
            data = np.asarray(data)
        if elementwise and (composed or x._alias is not None) and not value.flags.c_contiguous and (
                composed or is_tied(value.strides)):
            data = in_order(data, value)
        out = new(Tensor)
        out._data = data
        out._edge = out._alias = out._cell = out._rare = None
        if here["grad"]:
            edge = x._edge if x._alias is None else edge_of(x)
            if edge is not None and records and (elementwise or data.dtype.kind in "fcVW"):
                guards: Any = ()
                if saves_x:
                    cell = x._cell
                    if cell is None:
                        cell = x._cell = [0, None]
                    guards = ((cell, cell[0]),)
                if saves_out:
                    cell = out._cell = [0, None]
                    guards = (*guards, (cell, 0))
                node = out._edge = new(Node)
                node.primitive, node.params, node.edges = primitive, params, (edge,)
                node.saved = (value if saves_x else None, data if saves_out else None,
                              (value.shape,) if wants_shapes else None)
                node.guards, node.rare, node.sequence = guards, None, next_sequence()
                node.shape, node.dtype = data.shape, data.dtype
        if view and ((base := data.base) is value or (base is not None and base is value.base) or shares(data, value)):
            attach_view(x, out, primitive, params, here["grad"])
        if watcher is not None:
            tell(watcher, primitive, (x,), params, out, out._edge)
        return out

    function.__name__ = function.__qualname__ = primitive.name
    function.__signature__ = _ONE_OPERAND  # type: ignore[attr-defined]  # the parameters are for the functions of `ops`
    return function


def binary(primitive: Primitive, otherwise: Any = None, full: Callable[..., Any] | None = None,
           numbers_first: bool = True) -> Callable[..., Any]:
    """The function of two operands, the first a tensor, for an elementwise primitive. An operand that is neither tensor
    nor number raises, or gives ``otherwise`` (operators leave it to the other side). Calls with keywords, or of a first
    operand that is no tensor, go to ``full``; without one they raise where there are no ``numbers_first``."""
    run, lowered = primitive.run, primitive.lower is not None
    # What is one step of numpy's is rounded once in half precision too.
    same = primitive.promotion != "float" and (isinstance(primitive.eval, str) or not primitive.widens)
    same = same and not primitive.refuses
    chars, records = _CHARS.get(primitive.promotion, ""), primitive.records and primitive.promotion != "compare"
    chars = "".join([char for char in chars if char not in primitive.refuses])
    keeps = [tuple(place in primitive.plan(needs)[0] for place in range(3))
             for needs in ((False, False), (True, False), (False, True), (True, True))]

    def function(x: Any = _MISSING, y: Any = _MISSING, /, *rest: Any, **options: Any) -> Any:
        here = state.here
        watcher = here["watcher"]
        if rest or options or type(x) not in TENSORS or (watcher is not None and watcher.intercepts):
            return general(x, y, rest, options)
        x_value = x._data
        if type(y) in TENSORS:
            y_value = y._data
            if x_value.dtype is not y_value.dtype or not (same or x_value.dtype.char in chars):
                return apply(primitive, (x, y), {})
        elif (type(y) is float or type(y) is int) and x_value.dtype.char in _FLOATS:
            y_value = y
        else:
            return general(x, y, (), options)
        try:
            data = None
            if lowered and (x_value.size >= LARGE or (y_value is not y and y_value.size >= LARGE)):
                data = run_at_once(primitive, (x_value, y_value))
            if data is None:
                data = here["quiet"](run, x_value, y_value)
        except FAILURES as error:
            return refused(primitive, (x, y), {}, error)
        if type(data) is not ndarray:
            data = np.asarray(data)
        out = new(Tensor)
        out._data = data
        out._edge = out._alias = out._cell = out._rare = None
        if here["grad"]:
            if x._alias is None:
                x_edge = x._edge
            else:
                x_edge = edge_of(x)
                if not x_value.flags.c_contiguous and (y_value is not y or is_tied(x_value.strides)):
                    data = out._data = in_order(data, x_value, y_value)
            if y_value is y:
                y_edge = None
            elif y._alias is None:
                y_edge = y._edge
            else:
                y_edge = edge_of(y)
                if not y_value.flags.c_contiguous:
                    data = out._data = in_order(data, x_value, y_value)
            if (x_edge is not None or y_edge is not None) and records:
                keep_x, keep_y, keep_out = keeps[(x_edge is not None) + 2 * (y_edge is not None)]
                guards: Any = ()
                shapes = None
                if keep_x:
                    cell = x._cell
                    if cell is None:
                        cell = x._cell = [0, None]
                    guards = ((cell, cell[0]),)
                if y_value is not y:
                    if keep_y:
                        y_cell = y._cell
                        if y_cell is None:
                            y_cell = y._cell = [0, None]
                        guard = (y_cell, y_cell[0])
                        guards = (guards[0], guard) if keep_x else (guard,)
                    shape, y_shape = x_value.shape, y_value.shape
                    if shape != y_shape:
                        shapes, shape = (shape, y_shape), data.shape
                else:
                    shape = data.shape
                if keep_out:
                    cell = out._cell = [0, None]
                    guards = (*guards, (cell, 0))
                node = out._edge = new(Node)
                node.primitive, node.params, node.edges = primitive, _NO_PARAMS, (x_edge, y_edge)
                node.saved = (x_value if keep_x else None, y_value if keep_y else None,
                              data if keep_out else None, shapes)
                node.guards, node.rare, node.sequence = guards, None, next_sequence()
                node.shape, node.dtype = shape, data.dtype
        elif x._alias is not None or y_value is not y and y._alias is not None:
            out._data = in_order(data, x_value, y_value)
        if watcher is not None:
            tell(watcher, primitive, (x, y), _NO_PARAMS, out, out._edge)
        return out

    def general(x: Any, y: Any, rest: tuple[Any, ...], options: dict[str, Any]) -> Any:
        if type(x) in TENSORS and type(y) in TENSORS and not (rest or options):
            return apply(primitive, (x, y), {})
        if full is not None:
            for given in (x, y):
                if type(given) is ndarray:
                    raise KindError(f"{primitive.name}(): argument must be Tensor or a number, not numpy.ndarray; use "
                                    "an operator, or torch.from_numpy")
            return full(*_given(x, y), *rest, **options)
        if rest:
            raise TypeError(f"{primitive.name}() takes 2 positional arguments but {2 + len(rest)} were given")
        if not numbers_first and type(x) not in TENSORS:
            raise TypeError(f"[{primitive.name}] the operator of a tensor was expected; got one called on a "
                            f"'{type(x).__name__}' object; let Python choose it, as in x + y")
        if isinstance(y, ndarray):
            y = make(y, None)
        if isinstance(x, NUMBERS) and isinstance(y, NUMBERS):
            x = make(array_from(x, None), None)
        if otherwise is not None and not (type(y) in TENSORS or isinstance(y, NUMBERS)):
            return function(x, y) if rescued((y,), {}) else otherwise
        return apply(primitive, (x, y), {})

    function.__name__ = function.__qualname__ = primitive.name
    return function


def reduction(primitive: Primitive, reduce: Callable[..., Any], general: Callable[..., Any]) -> Callable[..., Any]:
    """The reduction of a whole tensor or of one dimension, for a linear primitive of floating tensors;
    ``reduce(array, axis, None, out, keepdims)`` evaluates it, into ``out`` where that is given. Everything else goes to
    ``general``."""
    everything = [{"dim": tuple(range(rank)), "whole": True} for rank in range(9)]

    def function(input: Any = _MISSING, dim: Any = None, keepdim: Any = False, **options: Any) -> Any:
        x, here = input, state.here
        watcher = here["watcher"]
        if options or type(x) not in TENSORS or (watcher is not None and watcher.intercepts):
            given = {"dim": dim} if dim is not None else {}
            return general(*_given(x), **given, **({"keepdim": keepdim} if keepdim is not False else {}), **options)
        value = x._data
        rank = value.ndim
        if (value.size >= LARGE or (rank > 2 and (rank > 8 or not value.flags.c_contiguous))
                or value.dtype.char not in "fdFD"):
            if rank <= 8 and value.dtype.char in HALVES and dim is None and keepdim is False:
                return apply(primitive, (x,), everything[rank])
            return general(x, dim, keepdim)
        if dim is None and keepdim is False:
            params = everything[rank]
            try:
                data = here["quiet"](reduce, value, None, None, empty((), value.dtype))
            except FAILURES as error:
                return refused(primitive, (x,), params, error)
        elif type(dim) is int and -rank <= dim < rank and type(keepdim) is bool:
            params = {"dim": (dim if dim >= 0 else dim + rank,), "keepdim": keepdim}
            try:
                data = here["quiet"](reduce, value, dim, None, None, keepdim)
            except FAILURES as error:
                return refused(primitive, (x,), params, error)
            if type(data) is not ndarray:
                data = np.asarray(data)
        else:
            return general(x, dim, keepdim)
        out = new(Tensor)
        out._data = data
        out._edge = out._alias = out._cell = out._rare = None
        if here["grad"]:
            edge = x._edge if x._alias is None else edge_of(x)
            if edge is not None:
                node = out._edge = new(Node)
                node.primitive, node.params, node.edges = primitive, params, (edge,)
                node.saved, node.guards, node.rare = (None, None, (value.shape,)), (), None
                node.sequence = next_sequence()
                node.shape, node.dtype = data.shape, data.dtype
        if watcher is not None:
            tell(watcher, primitive, (x,), params, out, out._edge)
        return out

    function.__name__ = function.__qualname__ = primitive.name
    return function


def product(primitive: Primitive, general: Callable[..., Any]) -> Callable[..., Any]:
    """The product of two tensors: of small matrices of one floating dtype here, of all else by ``general(x, y)``."""

    def function(x: Any = _MISSING, y: Any = _MISSING, /, **options: Any) -> Any:
        here = state.here
        watcher = here["watcher"]
        if options or type(x) not in TENSORS or type(y) not in TENSORS or (watcher is not None and watcher.intercepts):
            return general(*_given(x, y), **options)
        x_value, y_value = x._data, y._data
        dtype = x_value.dtype
        if (x_value.ndim != 2 or y_value.ndim != 2 or dtype is not y_value.dtype or dtype.char not in "fdFD"
                or x_value.size * y_value.shape[1] >= LARGE_PRODUCT):
            return general(x, y)
        try:
            data = here["quiet"](x_value.dot, y_value)
        except FAILURES as error:
            return refused(primitive, (x, y), {}, error)
        out = new(Tensor)
        out._data = data
        out._edge = out._alias = out._cell = out._rare = None
        if here["grad"]:
            x_edge = x._edge if x._alias is None else edge_of(x)
            y_edge = y._edge if y._alias is None else edge_of(y)
            if x_edge is not None or y_edge is not None:
                guards: Any = ()
                if y_edge is not None:
                    cell = x._cell
                    if cell is None:
                        cell = x._cell = [0, None]
                    guards = ((cell, cell[0]),)
                if x_edge is not None:
                    cell = y._cell
                    if cell is None:
                        cell = y._cell = [0, None]
                    guards = (*guards, (cell, cell[0]))
                node = out._edge = new(Node)
                node.primitive, node.params, node.edges = primitive, _NO_PARAMS, (x_edge, y_edge)
                node.saved = (None if y_edge is None else x_value, None if x_edge is None else y_value, None,
                              (x_value.shape, y_value.shape))
                node.guards, node.rare, node.sequence = guards, None, next_sequence()
                node.shape, node.dtype = data.shape, data.dtype
        if watcher is not None:
            tell(watcher, primitive, (x, y), _NO_PARAMS, out, out._edge)
        return out

    function.__name__ = function.__qualname__ = primitive.name
    return function
