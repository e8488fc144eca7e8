"""How a call becomes a node: promote the operands, evaluate the primitive, record it if a gradient is needed.

`apply` does this for any primitive and any operands; the hot paths in `hot` do the same with the common case first, and
`dispatch` chooses between the two. Text of errors is built after the failure, from the primitive's ``spec`` rule.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import inf
from typing import Any

import numpy as np

from ..core import dtypes
from ..core.dtypes import DType, category, from_numpy
from ..core.errors import DTypeError, ShapeError, allocation_failed, is_of_allocation, needs_strided
from ..core.layout import in_order
from ..core.primitive import EIGHTHS, HALVES, NARROW, P, Primitive, evaluate, widened, with_rounded_numbers
from ..core.quantity import Quantity
from ..core.spec import Spec
from ..core.state import state
from .absent import Absent
from .alias import SEVERAL, attach_view, edge_of, shares, type_name, unseen
from .evaluation import Watcher, tell
from .tape import Edge, HalfNode, Node, Out
from .tensor import TENSORS, Tensor, make, unlike

ndarray = np.ndarray
new = object.__new__
NUMBERS = (bool, int, float, complex, np.number, np.bool_)
FAILURES = (ValueError, TypeError, IndexError, OverflowError, MemoryError, ZeroDivisionError)
"""What evaluation raises where the operands or parameters do not fit; `reworded` puts it into our words."""


def apply(primitive: Primitive, operands: tuple[Any, ...], params: dict[str, Any]) -> Any:
    """Runs a primitive on tensors and numbers. Returns a tensor, or a tuple of them."""
    here = state.here
    watcher = here["watcher"]
    if watcher is not None and watcher.intercepts:
        found = watcher.shortcut(primitive, operands, params)
        return watcher.own(_intercepted, watcher, primitive, operands, params) if found is None else found
    values, edges, dtype, half = _read(primitive, operands, here["grad"])
    if primitive.refuses and (dtype is None or dtype.char in primitive.refuses):
        check_takes(primitive.name, primitive.refuses, *operands)
    if dtype is None and primitive.agree:
        _check_agreement(primitive, operands, params)
    if dtype is None and primitive.promotion is not None:
        operands = promote(primitive, operands)
        values, edges, dtype, half = _read(primitive, operands, here["grad"])
    try:
        if half:
            data = here["quiet"](widened, primitive, with_rounded_numbers(primitive, values), params)
        elif primitive.lower is not None:
            data = evaluate(primitive, values, params)
        else:
            data = here["quiet"](primitive.run, *values, **params)
    except FAILURES as error:
        return refused(primitive, operands, params, error)
    if primitive.kind == "elementwise" and (half or primitive.lower is None):  # else `evaluate` has seen to it
        data = in_order(data, *values)
    if primitive.multiple:
        out: Any = tuple([bare(part) for part in data])
    else:
        out = bare(data)
    node = None
    if edges is not None and (primitive.multiple or out._data.dtype.kind in "fcVW"):
        node = record(primitive, operands, edges, out, params, half)
    if primitive.kind == "view":
        whole = operands[0]
        if shares(data, whole._data):
            attach_view(whole, out, primitive, params, here["grad"])
    if watcher is not None:
        tell(watcher, primitive, operands, params, out, node)
    return out


def refused(primitive: Primitive, operands: tuple[Any, ...], params: dict[str, Any], error: Exception) -> Any:
    """What is left to do where evaluation failed: operands without elements have a way of their own (`nowhere`); any
    other failure is raised in our words."""
    if any([type(x) in TENSORS and type(x._data) is Absent for x in operands]):
        return elsewhere(primitive, operands, params)
    if any([type(x) in TENSORS and x._data.dtype.char == EIGHTHS for x in operands]):
        return bare(state.quiet(widened, primitive, [x._data if type(x) in TENSORS else x for x in operands], params))
    said = reworded(primitive, operands, params, error)
    raise said from (None if said is error else error)


def elsewhere(primitive: Primitive, operands: tuple[Any, ...], params: dict[str, Any]) -> Any:
    """Runs an operation on meta tensors. `nowhere` puts its own here."""
    raise RuntimeError("wengert.tensors.nowhere has not been imported")


def _intercepted(watcher: Watcher, primitive: Primitive, operands: tuple[Any, ...], params: dict[str, Any]) -> Any:
    """`apply` where somebody stands in the place of evaluation, or has to be there."""
    here, tracer = state.here, watcher.tracer
    if tracer is not None:
        operands = tracer.lifted(operands)
    _, edges, dtype, half = _read(primitive, operands, here["grad"])
    if primitive.refuses and (dtype is None or dtype.char in primitive.refuses):
        check_takes(primitive.name, primitive.refuses, *operands)
    if dtype is None and primitive.agree:
        _check_agreement(primitive, operands, params)
    if dtype is None and primitive.promotion is not None:
        operands = promote(primitive, operands)
        if tracer is not None:
            operands = tracer.lifted(operands)
        _, edges, dtype, half = _read(primitive, operands, here["grad"])
    try:
        data = watcher.evaluate(primitive, operands, params)
    except FAILURES as error:
        said = reworded(primitive, operands, params, error)
        raise said from (None if said is error else error)
    if tracer is None and primitive.kind == "elementwise":
        data = in_order(data, *[x._data if type(x) in TENSORS else x for x in operands])
    out: Any = tuple([bare(part) for part in data]) if primitive.multiple else bare(data)
    node = None
    if edges is not None and (primitive.multiple or out._data.dtype.kind in "fcVW"):
        node = record(primitive, operands, edges, out, params, half)
    if primitive.kind == "view":
        whole = operands[0]
        if shares(data, whole._data) if tracer is None else tracer.shares(out, whole):
            attach_view(whole, out, primitive, params, here["grad"])
    if watcher.told:
        tell(watcher, primitive, operands, params, out, node)
    return out


def _read(primitive: Primitive, operands: tuple[Any, ...], grad: bool) -> tuple[list[Any], Any, Any, bool]:
    """The values of the operands; their edges, or None where nothing is to be recorded; the dtype in which they are,
    if the primitive can compute with them so: tensors of one dtype, and beside floating ones Python numbers; and
    whether the first is in half precision."""
    promotion = primitive.promotion
    values: list[Any] = []
    edges: list[Any] = []
    needed, alike, apart = False, True, promotion == "where"  # whose first operand is a truth value
    dtype = kind = None
    for x in operands:
        edge = None
        if type(x) in TENSORS:
            value = x._data
            values.append(value)
            if apart:
                apart = False
            elif dtype is None:
                dtype = value.dtype
            elif value.dtype is not dtype:
                alike = False
            if grad:
                edge = x._edge if x._alias is None else edge_of(x)
                if edge is not None:
                    needed = True
        else:
            values.append(x)
            if x is not None:
                kind = type(x)
                if kind is not float and kind is not int:
                    alike = False
        edges.append(edge)
    half = dtype is not None and dtype.char in NARROW
    if not alike or (dtype is not None and (kind is not None or promotion == "float") and dtype.kind not in "fc"
                     and not (half and primitive.widens)):
        dtype = None
    return values, tuple(edges) if needed and primitive.records else None, dtype, half


def _check_agreement(primitive: Primitive, operands: tuple[Any, ...], params: dict[str, Any]) -> None:
    """Raises if operands that must be of one dtype are not."""
    found = [operands[place]._data.dtype for place in primitive.agree
             if place < len(operands) and type(operands[place]) in TENSORS]
    if not found:
        check_strided(primitive.name, *operands)
    first, *others = found
    mixed = primitive.mixes and first.char in HALVES and all(other == np.float32 for other in others)
    if not mixed and any(other != first for other in others):
        names = [type_name(from_numpy(dtype).name) for dtype in (first, *others)]
        error = TypeError(f"operands must have the same dtype, but got {', '.join(names[:-1])} and {names[-1]}")
        cure = f"; convert them first, as the first by .to({from_numpy(others[-1])}), if the others are to stay"
        raise type(said := reworded(primitive, operands, params, error))(f"{said}{cure}")


def check_takes(op: str, refused: str, *operands: Any) -> None:
    """Raises if the tensors among the operands are of dtypes that ``op`` does not take, of those with numpy's letters
    ``refused``: all of them, as beside another they are converted, or a complex one, to which others are."""
    taken = [x._data.dtype for x in operands if type(x) in TENSORS]
    wrong = [dtype for dtype in taken if dtype.char in refused]
    if wrong and (len(wrong) == len(taken) or any([dtype.kind in "cW" for dtype in wrong])):
        kind = type_name(from_numpy(wrong[-1]).name)
        raise DTypeError(f"[{op}] \"{op}\" not implemented for '{kind}'; convert the tensor with .to(...) first")


def check_none(op: str, refused: str, *operands: Any) -> None:
    """Raises if one of the tensors among the operands is of a dtype with one of numpy's letters ``refused``."""
    for x in operands:
        if type(x) in TENSORS and x._data.dtype.char in refused:
            check_takes(op, refused, x)


def check_constant(op: str, **arguments: Any) -> None:
    """Raises where a tensor by which ``op`` is not differentiated requires a gradient, as PyTorch does."""
    if state.grad:
        for name, x in arguments.items():
            if x is not None and x.requires_grad:
                raise RuntimeError(f"[{op}] The function '{op}' is not differentiable with respect to argument "
                                   f"'{name}'. This input cannot have requires_grad True; give {name}.detach()")


def bare(data: Any) -> Tensor:
    """A tensor around what a primitive gave, off the tape."""
    if type(data) is ndarray:
        out: Tensor = new(Tensor)
        out._data = data
    else:
        out = unlike(data)
        if isinstance(out._data, Tensor):  # which evaluation took for an array, as it is in no layout of arrays
            raise needs_strided("evaluation", out._data.layout)
    out._edge = out._alias = out._cell = out._rare = None
    return out


def record(
    primitive: Primitive, operands: Sequence[Any], edges: tuple[Edge | None, ...], out: Any, params: dict[str, Any],
    half: bool
) -> Node:
    """Puts a node on the tape for ``out``, a tensor or a tuple of tensors; ``half`` of operands in half precision."""
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
            keeps = primitive.keeps
            kept = [t if keeps is None or place in keeps else None for place, t in enumerate(tensor)]
            saved[i] = tuple([None if t is None else t._data for t in kept])
            for t in [t for t in kept if t is not None]:
                cell = t._cell = [0, None]
                guards.append((cell, 0))
        else:
            saved[i] = tensor
            if type(tensor) is ndarray:  # an operand that a rule made, such as positions: nobody else can write to it
                guards.append(([0, None], 0))
    if wants_shapes:
        shapes = [x._data.shape if type(x) in TENSORS else () for x in operands]
        if primitive.kind != "elementwise" or any(
                [shape != out._data.shape for shape, x in zip(shapes, operands, strict=True) if type(x) in TENSORS]):
            saved[-1] = tuple(shapes)
    shape: Any
    dtype: Any
    if type(out) is tuple:
        shape, dtype = tuple([t._data.shape for t in out]), tuple([t._data.dtype for t in out])
    else:
        shape, dtype = out._data.shape, out._data.dtype
    node: Node
    if half and primitive.kind != "view":
        node = HalfNode(primitive, params, edges, tuple(saved), guards, shape, dtype)
        node.dtypes = [from_numpy(x._data.dtype) if type(x) in TENSORS else None for x in operands]
    else:
        node = Node(primitive, params, edges, tuple(saved), guards, shape, dtype)
    if type(out) is tuple:
        for i, tensor in enumerate(out):
            if tensor._data.dtype.kind in "fcVW":
                tensor._edge = Out(node, i)
    else:
        out._edge = node
    return node


def in_one_node(primitive: Primitive, x: Any, params: dict[str, Any], compute: Callable[[], Sequence[Any]]
                ) -> tuple[Any, ...]:
    """The tensors that ``compute()`` makes of ``x``, with one node for all of them, of a primitive that gives the same.
    Where somebody stands in the place of evaluation each keeps the nodes that it was computed by."""
    here = state.here
    watcher = here["watcher"]
    edge = edge_of(x) if here["grad"] else None
    alone = edge is None or (watcher is not None and watcher.intercepts)
    recording = here["grad"]
    here["grad"] = recording and alone
    try:
        out = tuple(compute())
    finally:
        here["grad"] = recording
    if recording and out and out[0]._alias is not None:  # views: none of them may be written
        seen = unseen(x)
        for part in out:
            place = part._alias
            place.tracked, place.generation = SEVERAL, seen
    if alone:
        return out
    node = record(primitive, (x,), (edge,), out, params, x._data.dtype.char in NARROW)
    if watcher is not None:
        tell(watcher, primitive, (x,), params, out, node)
    return out


# --- promotion --------------------------------------------------------------------------------------------------------


def promote(primitive: Primitive, operands: tuple[Any, ...]) -> tuple[Any, ...]:
    """Operands in the dtype in which they meet; Python numbers stay numbers, of a kind that fits it."""
    if ndarray in [type(x) for x in operands]:  # a constant of a rule, beside a tensor
        if not any([type(x) in TENSORS for x in operands]):
            raise TypeError(f"{primitive.name}(): argument 'input' (position 1) must be Tensor, not numpy.ndarray")
        operands = tuple([make(x, None) if type(x) is ndarray else x for x in operands])
    if primitive.promotion == "number":
        refuse_truth_values(primitive.name, operands)
    first = 1 if primitive.promotion == "where" else 0
    meeting = operands[first:]
    target = result_type(primitive.name, meeting)
    if primitive.promotion == "float" and category(target) < 2:
        target = dtypes.get_default_dtype()
    return operands[:first] + tuple([_meet(x, target, primitive.promotion == "compare") for x in meeting])


def refuse_truth_values(op: str, operands: Sequence[Any]) -> None:
    """Raises if an operand holds truth values, of which there is no difference."""
    truths = [x._data.dtype.kind == "b" if type(x) in TENSORS else isinstance(x, (bool, np.bool_)) for x in operands]
    if any(truths):
        which, instead = (("two bool tensors", "Use the `^` or `logical_xor()` operator instead.") if all(truths) else
                          ("a bool tensor", "If you are trying to invert a mask, use the `~` or `logical_not()` "
                                            "operator instead."))
        raise DTypeError(f"[{op}] Subtraction, the `-` operator, with {which} is not supported. {instead} Got "
                         f"{', '.join(str(spec_of(x)) for x in operands)}")


def result_type(op: str, operands: Sequence[Any]) -> DType:
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
            check_strided(op, x)
            raise TypeError(f"{op}(): argument must be Tensor or a number, not {type(x).__name__}")
    return dtypes.result_type(dimensioned, zero_dim, scalars)


def _meet(x: Any, target: DType, compares: bool) -> Any:
    if type(x) in TENSORS:
        return x if x._data.dtype == target.numpy else P.cast(x, dtype=target, back=from_numpy(x._data.dtype))
    if type(x) is int and not -2**63 <= x < 2**64:
        raise OverflowError(f"an integer of 64 bits was expected; got {x}, which is too big to convert")
    if x is None or (compares and target.kind in "fc" and target.itemsize > 2):
        return x
    if compares and target.kind == "f" and target.itemsize == 2:  # with the number that the dtype can hold
        return float(state.quiet(np.asarray, float(x), target.numpy))
    return number_for(x, target)


def number_for(x: Any, target: DType) -> Any:
    """A Python number of the kind of ``target``; integers beyond its range wrap round, as in PyTorch."""
    if isinstance(x, Quantity) and (target.kind in "fc" or (target.kind in "iu" and isinstance(x, int))):
        return x.cast(target)
    if target.kind == "f":
        return float(x)
    if target.kind == "c":
        return complex(x) if isinstance(x, (complex, np.complexfloating)) else float(x)
    if target.kind == "b":
        return bool(x)
    value, bits = int(x), 8 * target.itemsize
    wrapped = value & ((1 << bits) - 1)
    return wrapped - (1 << bits) if target.kind == "i" and wrapped >> (bits - 1) else wrapped


def check_number(op: str, value: Any, dtype: DType, halves: bool = True) -> None:
    """Raises for a Python number beyond the range of ``dtype``, in which it is to be written. Negative ints may wrap
    round in an unsigned type, and NaN and infinity are in the range of floating types; without ``halves`` everything is
    in that of half precision, as where PyTorch makes a tensor of the number first."""
    kind = type(value)
    if kind is int and not -2**63 <= value < 2**64:
        raise OverflowError(f"[{op}] an integer of 64 bits was expected; got {value}, which is too big to convert")
    if (kind is not int and kind is not float) or dtype.kind == "b":
        return
    if dtype.kind == "c":
        dtype = dtypes.to_real(dtype)
    if dtype.kind == "f":
        if value != value or abs(value) == inf or (dtype.itemsize == 2 and not halves):
            return
        high = dtypes.finfo(dtype).max
        low = -high
    else:
        limits = dtypes.iinfo(dtype)
        wraps = dtype.kind == "u" and kind is int
        low, high = -limits.max if wraps else limits.min, limits.max
    if not low <= value <= high:
        raise RuntimeError(f"[{op}] value cannot be converted to type {dtype.name} without overflow: {low} to {high} "
                           f"was expected; got {value}; convert the tensor to a wider dtype")


def check_strided(op: str, *operands: Any) -> None:
    """Raises `LayoutError` if one of the operands is a sparse tensor."""
    for x in operands:
        if isinstance(x, Tensor) and type(x) not in TENSORS:
            raise needs_strided(op, x.layout)


_NO_NUMBERS = (str, bytes, tuple, list, dict, slice, ndarray, type(None))


def stored_number(op: str, value: Any, dtype: DType, halves: bool = True) -> Any:
    """A Python number as it is put into a tensor of ``dtype``: checked as by `check_number`, and real where that is.

    Raises RuntimeError for an imaginary part that would be lost, TypeError for what is no number.
    """
    if isinstance(value, _NO_NUMBERS):
        raise TypeError(f"{op}(): argument 'value' must be Number or Tensor, not {type(value).__name__}")
    if isinstance(value, (complex, np.complexfloating)):
        if dtype.kind == "b":
            return bool(value)
        if dtype.kind != "c":
            if value.imag:
                raise RuntimeError(f"[{op}] value cannot be converted to type {dtype.name} without overflow: {value}"
                                   " is complex; pass a real number")
            value = value.real
    check_number(op, value, dtype, halves)
    return float(value) if type(value) is int and dtype.kind == "f" and abs(value) >= 2**63 else value


# --- errors -----------------------------------------------------------------------------------------------------------


def spec_of(x: object) -> Any:
    """The spec of a tensor; other operands as they are."""
    return Spec(tuple(x._data.shape), from_numpy(x._data.dtype)) if isinstance(x, Tensor) else x


def reworded(primitive: Primitive, operands: Sequence[Any], params: dict[str, Any], error: Exception) -> Exception:
    """The failure in our words: those of the spec rule, or numpy's with the operands named."""
    check_strided(primitive.name, *operands)
    if isinstance(error, (ShapeError, DTypeError)) or str(error).startswith("["):
        return error
    if is_of_allocation(error):
        return allocation_failed(primitive.name, error)
    specs = [spec_of(x) for x in operands]
    try:
        if primitive.promotion == "number":
            refuse_truth_values(primitive.name, operands)
        primitive.spec(*specs, **params)
    except (ShapeError, DTypeError) as worded:
        return worded
    except (*FAILURES, RuntimeError):
        pass  # the spec rule fails where evaluation did: its words are not better than those of `error`
    came = ", ".join(str(s) for s in specs)
    kind = IndexError if isinstance(error, IndexError) else DTypeError if isinstance(error, TypeError) else ShapeError
    if isinstance(error, TypeError) and "ufunc" in str(error):
        types = " and ".join(type_name(s.dtype.name) for s in specs if isinstance(s, Spec))
        name = primitive.name
        if name == "signbit":
            return kind(f"signbit is not implemented for complex tensors; got {came}")
        return kind(f"[{name}] \"{name}_cpu\" not implemented for '{types}'; got {came}; convert them first")
    fix = "; count from 0, or from the end from -1" if kind is IndexError else ""
    return kind(f"[{primitive.name}] {error}; got {came}{fix}")
