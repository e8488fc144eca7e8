"""How a call becomes a node: promote the operands, evaluate the primitive, record it if a gradient is needed.

`apply` does this for any primitive. `unary` and `binary` make the functions behind the operators that programs call a
million times: the same steps with the common case first (two tensors of one dtype, nobody watching). Text of errors is
built after the failure, from the primitive's ``spec`` rule.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core import dtypes
from ..core import primitive as registry
from ..core.dtypes import DType, category, from_numpy
from ..core.errors import DTypeError, ShapeError
from ..core.primitive import LARGE, P, Primitive, run_large
from ..core.spec import Spec
from ..core.state import state
from .alias import attach_view, edge_of, type_name
from .special import evaluate, shares
from .tape import Node, Out, next_sequence
from .tensor import TENSORS, Tensor, make

ndarray = np.ndarray
new = object.__new__
empty = np.empty
NUMBERS = (bool, int, float, complex, np.number, np.bool_)


def apply(primitive: Primitive, operands: tuple[Any, ...], params: dict[str, Any]) -> Any:
    """Runs a primitive on tensors and numbers. Returns a tensor, or a tuple of them."""
    if primitive.promotion is not None:
        operands = promote(primitive, operands)
    if primitive.kind == "view":
        return _apply_view(primitive, operands[0], params)
    special = state.special
    try:
        if special is None:
            values = [x._data if type(x) in TENSORS else x for x in operands]
            data = evaluate(primitive, values, params)
        else:
            data = special.evaluate(primitive, operands, params)
    except (ValueError, TypeError, IndexError, OverflowError) as error:
        raise reworded(primitive, operands, params, error) from error
    if primitive.multiple:
        return _record_many(primitive, operands, params, data)
    if primitive.promotion is not None and data.dtype.kind == "f":
        data = _narrowed(data, operands)
    out = make(data, None)
    if state.grad and (primitive.vjp is not None or primitive.kind != "elementwise"):
        edges = tuple([edge_of(x) if type(x) in TENSORS else None for x in operands])
        if any(edges) and out._data.dtype.kind in "fcV":
            record(primitive, operands, edges, out, params)
    return out


registry.dispatcher = apply


def _narrowed(data: Any, operands: tuple[Any, ...]) -> Any:
    """A result in bfloat16 if the operands met in it: numpy, whose own it is not, widens it beside a Python float."""
    if any([type(x) in TENSORS and x._data.dtype.kind == "V" for x in operands]):
        return data.astype(dtypes.bfloat16.numpy)
    return data


def _apply_view(primitive: Primitive, whole: Any, params: dict[str, Any]) -> Any:
    """A view shares the storage of its operand; where numpy had to copy it is an ordinary result."""
    special = state.special
    try:
        if special is None:
            data = primitive.run(whole._data, **params)
        else:
            data = special.evaluate(primitive, (whole,), params)
    except (ValueError, TypeError, IndexError) as error:
        raise reworded(primitive, (whole,), params, error) from error
    out = make(data, None)
    if state.grad:
        edge = edge_of(whole)
        if edge is not None:
            record(primitive, (whole,), (edge,), out, params)
    if shares(out._data, whole._data) if special is None else special.shares(out, whole):
        attach_view(whole, out, primitive, params)
    return out


def record(primitive: Primitive, operands: Any, edges: Any, out: Any, params: dict[str, Any]) -> None:
    """Puts a node on the tape for ``out``, a tensor or a tuple of tensors."""
    needs = tuple([edge is not None for edge in edges])
    positions, wants_shapes = primitive.plans.get(needs) or primitive.plan(needs)
    count = len(operands)
    saved: list[Any] = [None] * (count + 2)
    guards = []
    for i in positions:
        tensor = operands[i] if i < count else out
        if type(tensor) in TENSORS:
            saved[i] = tensor._data
            cell = tensor._cell
            if cell is None:
                cell = tensor._cell = [0, None]
            guards.append((cell, cell[0]))
        elif type(tensor) is tuple:
            saved[i] = tuple([t._data for t in tensor])
            for t in tensor:
                cell = t._cell = [0, None]
                guards.append((cell, 0))
        else:
            saved[i] = tensor
            if type(tensor) is ndarray:  # an operand that a rule made, such as positions: nobody else can write to it
                guards.append(([0, None], 0))
    if wants_shapes:
        shapes = tuple([x._data.shape if type(x) in TENSORS else () for x in operands])
        if count == 1 or primitive.kind != "elementwise" or any([s != shapes[0] for s in shapes]):
            saved[-1] = shapes
    node = Node(primitive, params, edges, tuple(saved), guards)
    if type(out) is tuple:
        for i, tensor in enumerate(out):
            if tensor._data.dtype.kind in "fcV":
                tensor._node = Out(node, i)
    else:
        out._node = node
    if state.special is not None:
        state.special.recorded(node)


def _record_many(primitive: Primitive, operands: Any, params: dict[str, Any], data: Any) -> tuple[Any, ...]:
    out = tuple([make(part, None) for part in data])
    if state.grad:
        edges = tuple([edge_of(x) if type(x) in TENSORS else None for x in operands])
        if any(edges):
            record(primitive, operands, edges, out, params)
    return out


# --- promotion --------------------------------------------------------------------------------------------------------


def promote(primitive: Primitive, operands: tuple[Any, ...]) -> tuple[Any, ...]:
    """Operands in the dtype in which they meet; Python numbers stay numbers, of a kind that fits it."""
    if _agree(operands, primitive.promotion == "float"):
        return operands
    if ndarray in [type(x) for x in operands]:  # a constant of a rule
        operands = tuple([make(x, None) if type(x) is ndarray else x for x in operands])
    if primitive.promotion == "number":
        _refuse_truth_values(primitive.name, operands)
    first = 1 if primitive.promotion == "where" else 0
    meeting = operands[first:]
    target = result_type(primitive.name, meeting)
    if primitive.promotion == "float" and category(target) < 2:
        target = dtypes.get_default_dtype()
    return operands[:first] + tuple([_meet(x, target, primitive.promotion == "compare") for x in meeting])


def _agree(operands: tuple[Any, ...], floats_only: bool) -> bool:
    """Whether all operands are tensors of one dtype, which is where most calls end."""
    if type(operands[0]) not in TENSORS:
        return False
    dtype = operands[0]._data.dtype
    for x in operands:
        if type(x) not in TENSORS or x._data.dtype is not dtype:
            return False
    return not floats_only or dtype.kind in "fc"


def _refuse_truth_values(op: str, operands: Any) -> None:
    """Raises if an operand holds truth values, of which there is no difference."""
    truths = [x._data.dtype.kind == "b" if type(x) in TENSORS else isinstance(x, (bool, np.bool_)) for x in operands]
    if any(truths):
        which, instead = (("two bool tensors", "use the `^` or `logical_xor()` operator instead") if all(truths) else
                          ("a bool tensor", "to invert a mask, use the `~` or `logical_not()` operator instead"))
        raise DTypeError(f"[{op}] Subtraction, the `-` operator, with {which} is not supported; got "
                         f"{', '.join(str(spec_of(x)) for x in operands)}; {instead}")


def result_type(op: str, operands: Any) -> DType:
    """The dtype in which tensors and numbers meet (PyTorch's rule)."""
    dimensioned: list[DType] = []
    zero_dim: list[DType] = []
    scalars: list[DType] = []
    for x in operands:
        if type(x) in TENSORS:
            (dimensioned if x._data.ndim else zero_dim).append(from_numpy(x._data.dtype))
        elif isinstance(x, NUMBERS):
            scalars.append(dtypes.of_scalar(x))
        elif x is not None:
            raise TypeError(f"{op}(): argument must be Tensor or a number, not {type(x).__name__}")
    return dtypes.result_type(dimensioned, zero_dim, scalars)


def _meet(x: Any, target: DType, compares: bool) -> Any:
    if type(x) in TENSORS:
        return x if x._data.dtype == target.numpy else P.cast(x, dtype=target, back=from_numpy(x._data.dtype))
    if x is None or compares:
        return x
    return number_for(x, target)


def number_for(x: Any, target: DType) -> Any:
    """A Python number of the kind of ``target``; integers beyond its range wrap round, as in PyTorch."""
    if target.kind == "f":
        return float(x)
    if target.kind == "c":
        return complex(x) if isinstance(x, (complex, np.complexfloating)) else float(x)
    if target.kind == "b":
        return bool(x)
    value, bits = int(x), 8 * target.itemsize
    wrapped = value & ((1 << bits) - 1)
    return wrapped - (1 << bits) if target.kind == "i" and wrapped >> (bits - 1) else wrapped


# --- errors -----------------------------------------------------------------------------------------------------------


def spec_of(x: Any) -> Any:
    """The spec of a tensor; other operands as they are."""
    return Spec(tuple(x._data.shape), from_numpy(x._data.dtype)) if isinstance(x, Tensor) else x


def reworded(primitive: Primitive, operands: Any, params: dict[str, Any], error: Exception) -> Exception:
    """The failure in our words: those of the spec rule, or numpy's with the operands named."""
    if isinstance(error, (ShapeError, DTypeError)) or str(error).startswith("["):
        return error
    specs = [spec_of(x) for x in operands]
    try:
        if primitive.promotion == "number":
            _refuse_truth_values(primitive.name, operands)
        primitive.spec(*specs, **params)
    except (ShapeError, DTypeError) as worded:
        return worded
    except (ValueError, TypeError, IndexError, OverflowError, RuntimeError, MemoryError):
        pass  # the spec rule fails where evaluation did: its words are not better than those of `error`
    came = ", ".join(str(s) for s in specs)
    kind = IndexError if isinstance(error, IndexError) else DTypeError if isinstance(error, TypeError) else ShapeError
    if isinstance(error, TypeError) and "ufunc" in str(error):
        types = " and ".join(type_name(s.dtype.name) for s in specs if isinstance(s, Spec))
        name = primitive.name
        return kind(f"[{name}] \"{name}_cpu\" not implemented for '{types}'; got {came}; convert them first")
    fix = "; count from 0, or from the end from -1" if kind is IndexError else ""
    return kind(f"[{primitive.name}] {error}; got {came}{fix}")


# --- the hot paths ----------------------------------------------------------------------------------------------------


# Note [hot paths]: what a program calls a million times is written out here, without a call that can be saved: a node
# is filled slot by slot, and which values it keeps is looked up by which operands need gradients. `record` does the
# same for everything else, in fewer words.

_NO_PARAMS: dict[str, Any] = {}
_MISSING: Any = object()


def _given(*arguments: Any) -> list[Any]:
    return [x for x in arguments if x is not _MISSING]


def unary(primitive: Primitive) -> Callable[[Any], Any]:
    """The function of one tensor for an elementwise primitive."""
    run, lowered = primitive.run, primitive.lower is not None
    kinds, records = "fc" if primitive.promotion == "float" else "fciub", primitive.promotion != "compare"
    saves_x, saves_out = (place in primitive.plan((True,))[0] for place in (0, 1))

    def function(input: Any) -> Any:
        x, here = input, state.here
        if type(x) not in TENSORS or here["special"] is not None:
            return apply(primitive, (x,), {})
        value = x._data
        if value.dtype.kind not in kinds or (lowered and value.size >= LARGE):
            return apply(primitive, (x,), {})
        try:
            data = here["quiet"](run, value)
        except (ValueError, TypeError) as error:
            raise reworded(primitive, (x,), {}, error) from error
        if type(data) is not ndarray:
            data = np.asarray(data)
        out = new(Tensor)
        out._data = data
        out._node = out._alias = out._cell = out._rare = None
        if here["grad"]:
            edge = x._node if x._alias is None else edge_of(x)
            if edge is not None and records:
                guards: Any = ()
                if saves_x:
                    cell = x._cell
                    if cell is None:
                        cell = x._cell = [0, None]
                    guards = ((cell, cell[0]),)
                if saves_out:
                    cell = out._cell = [0, None]
                    guards = (*guards, (cell, 0))
                node = out._node = new(Node)
                node.primitive, node.params, node.edges = primitive, _NO_PARAMS, (edge,)
                node.saved = (value if saves_x else None, data if saves_out else None, None)
                node.guards, node.rare, node.sequence = guards, None, next_sequence()
        return out

    function.__name__ = primitive.name
    return function


def binary(primitive: Primitive, otherwise: Any = None, full: Callable[..., Any] | None = None) -> Callable[..., Any]:
    """The function of two operands, the first a tensor, for an elementwise primitive. An operand that is neither tensor
    nor number raises, or gives ``otherwise`` (operators leave it to the other side). Calls with keywords, or of a first
    operand that is no tensor, go to ``full``."""
    run, lowered = primitive.run, primitive.lower is not None
    same, records = primitive.promotion != "float", primitive.promotion != "compare"
    keeps = [tuple(place in primitive.plan(needs)[0] for place in range(3))
             for needs in ((False, False), (True, False), (False, True), (True, True))]

    def function(x: Any = _MISSING, y: Any = _MISSING, /, **options: Any) -> Any:
        here = state.here
        if options or here["special"] is not None or type(x) not in TENSORS:
            return general(x, y, options)
        x_value = x._data
        if type(y) in TENSORS:
            y_value = y._data
            if x_value.dtype is not y_value.dtype or not (same or x_value.dtype.kind in "fc"):
                return apply(primitive, (x, y), {})
            y_edge = y._node if y._alias is None else edge_of(y)
        elif (type(y) is float or type(y) is int) and x_value.dtype.kind in "fc":
            y_value, y_edge = y, None
        else:
            return general(x, y, options)
        try:
            data = None
            if lowered and x_value.size >= LARGE:
                data = run_large(primitive, (x_value, y_value))
            if data is None:
                data = here["quiet"](run, x_value, y_value)
        except (ValueError, TypeError, OverflowError) as error:
            raise reworded(primitive, (x, y), {}, error) from error
        if type(data) is not ndarray:
            data = np.asarray(data)
        out = new(Tensor)
        out._data = data
        out._node = out._alias = out._cell = out._rare = None
        if here["grad"]:
            x_edge = x._node if x._alias is None else edge_of(x)
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
                    x_shape, y_shape = x_value.shape, y_value.shape
                    if x_shape != y_shape:
                        shapes = (x_shape, y_shape)
                if keep_out:
                    cell = out._cell = [0, None]
                    guards = (*guards, (cell, 0))
                node = out._node = new(Node)
                node.primitive, node.params, node.edges = primitive, _NO_PARAMS, (x_edge, y_edge)
                node.saved = (x_value if keep_x else None, y_value if keep_y else None,
                              data if keep_out else None, shapes)
                node.guards, node.rare, node.sequence = guards, None, next_sequence()
        return out

    def general(x: Any, y: Any, options: dict[str, Any]) -> Any:
        if full is not None:
            return full(*_given(x, y), **options)
        if isinstance(y, ndarray):
            y = make(y, None)
        if otherwise is not None and not (type(y) in TENSORS or isinstance(y, NUMBERS)):
            return otherwise
        return apply(primitive, (x, y), {})

    function.__name__ = primitive.name
    return function


def whole(primitive: Primitive, reduce: Callable[..., Any], general: Callable[..., Any]) -> Callable[..., Any]:
    """The reduction of a whole tensor, for a linear primitive; ``reduce(array, None, None, out)`` evaluates it on a
    floating array, into a 0-d one; ``general(tensor, ...)`` is called for any other, and with further arguments."""
    parameters = [{"dim": tuple(range(rank)), "whole": True} for rank in range(9)]

    def function(x: Any = _MISSING, /, *rest: Any, **options: Any) -> Any:
        here = state.here
        if options or rest or here["special"] is not None or type(x) not in TENSORS:
            return general(*_given(x), *rest, **options)
        value = x._data
        rank = value.ndim
        if rank > 8 or value.dtype.char not in "fdFD":
            return general(x)
        out = new(Tensor)
        out._data = here["quiet"](reduce, value, None, None, empty((), value.dtype))
        out._node = out._alias = out._cell = out._rare = None
        if here["grad"]:
            edge = x._node if x._alias is None else edge_of(x)
            if edge is not None:
                node = out._node = new(Node)
                node.primitive, node.params, node.edges = primitive, parameters[rank], (edge,)
                node.saved, node.guards, node.rare = (None, None, (value.shape,)), (), None
                node.sequence = next_sequence()
        return out

    function.__name__ = primitive.name
    return function


def product(primitive: Primitive, general: Callable[..., Any]) -> Callable[..., Any]:
    """The product of two tensors: of two matrices of one floating dtype here, of all else by ``general(x, y)``."""

    def function(x: Any = _MISSING, y: Any = _MISSING, /, **options: Any) -> Any:
        here = state.here
        if options or here["special"] is not None or type(x) not in TENSORS or type(y) not in TENSORS:
            return general(*_given(x, y), **options)
        x_value, y_value = x._data, y._data
        dtype = x_value.dtype
        if x_value.ndim != 2 or y_value.ndim != 2 or dtype is not y_value.dtype or dtype.char not in "fdFD":
            return general(x, y)
        try:
            data = here["quiet"](x_value.dot, y_value)
        except ValueError as error:
            raise reworded(primitive, (x, y), {}, error) from error
        out = new(Tensor)
        out._data = data
        out._node = out._alias = out._cell = out._rare = None
        if here["grad"]:
            x_edge = x._node if x._alias is None else edge_of(x)
            y_edge = y._node if y._alias is None else edge_of(y)
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
                node = out._node = new(Node)
                node.primitive, node.params, node.edges = primitive, _NO_PARAMS, (x_edge, y_edge)
                node.saved = (None if y_edge is None else x_value, None if x_edge is None else y_value, None,
                              (x_value.shape, y_value.shape))
                node.guards, node.rare, node.sequence = guards, None, next_sequence()
        return out

    function.__name__ = primitive.name
    return function
