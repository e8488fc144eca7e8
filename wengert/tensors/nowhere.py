"""Operations on meta tensors: what the result would be, found without elements.

An operation notices that an operand holds an `Absent` by the error with which its evaluation fails (`refused` in
`apply`), and runs again with `Nowhere` in the place of evaluation: then the ``spec`` rules of primitives give shapes
and dtypes, views are the ghosts' views, writes write nothing, and the tape works as ever, also back.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np

from ..core.dtypes import from_numpy
from ..core.errors import NoDataError, ShapeError
from ..core.geometry import LARGEST, bytes_of, check_inside, row_major, strided_view
from ..core.layout import has_channels_last
from ..core.primitive import P, Primitive, evaluate, has_spec_rule, on_dummies
from ..core.spec import Spec
from ..core.state import state
from ..prims.draws import SAMPLERS
from . import apply as apply_module
from .absent import Absent, absent, dense_like, is_absent
from .alias import shares
from .evaluation import Tracer
from .inplace import overwrite
from .tape import Leaf
from .tensor import TENSORS, Tensor, item_of, make, root_of

_BY_VALUE = frozenset({"masked_select", "bincount", "histogram", "histogram_grid", "matrix_rank", "hash_tensor"})
"""Primitives whose result, or its shape, depends on elements."""
_LIKE_IMAGES = frozenset({"convolution", "max_pool", "window_sum", "window_take", "normalize", "pad", "cat", "roll"})
"""Primitives besides the elementwise ones whose results lie with the channels innermost where their operand does."""
_IN_ORDER = frozenset({"cast", "clone", "fill", "zeros_like", "overwrite", "flip"})
"""Those whose results lie in the order of their operand."""
COUNTED = 2**22
"""The most elements of operands of a primitive without a shape rule: its shape is read off an evaluation on ones."""


class Nowhere(Tracer):
    """Stands in the place of evaluation while an operation on meta tensors runs; other operations in it run as ever."""

    records = False

    # --- operations ---------------------------------------------------------------------------------------------------

    def evaluate(self, primitive: Primitive, operands: tuple[Any, ...], params: dict[str, Any]) -> Any:
        values = [x._data if type(x) in TENSORS else x for x in operands]
        if not any([type(value) is Absent for value in values]):
            return evaluate(primitive, values, params)
        if primitive.kind == "view" and type(values[0]) is Absent:
            return _part(primitive, values[0], params)
        _check_known(primitive, values)
        specs = [Spec(value.shape, from_numpy(value.dtype)) if type(x) in TENSORS else value
                 for x, value in zip(operands, values, strict=True)]
        if not has_spec_rule(primitive):
            return _by_stand_ins(primitive, values, params)
        found: Any = primitive.spec(*specs, **params)
        if primitive.multiple:
            return tuple([absent(spec.shape, spec.dtype.numpy) for spec in found])
        return absent(found.shape, found.dtype.numpy, _layout(primitive, values, found.shape, params))

    def draw(self, sampler: str, generator: Any, operands: tuple[Any, ...], params: dict[str, Any]) -> Any:
        values = [x._data if isinstance(x, Tensor) else x for x in operands]
        if any([type(value) is Absent for value in values]):
            return make(sampled(sampler, values, params), None)
        return make(SAMPLERS[sampler].run(generator, *values, **params), None)

    # --- memory -------------------------------------------------------------------------------------------------------

    def write(self, tensor: Any, new: Any) -> bool:
        if is_absent(new) and not is_absent(tensor):
            new._data._refuse("")
        state.quiet(np.copyto, tensor._data, new._data, "unsafe")
        return False

    def shares(self, part: Any, whole: Any) -> bool:
        if is_absent(part) and is_absent(whole):
            return part._data.root is whole._data.root
        return not is_absent(part) and not is_absent(whole) and shares(part._data, whole._data)

    def lies(self, tensor: Any, absolute: bool) -> tuple[int, int]:
        data = tensor._data
        if type(data) is Absent:
            root = data.root
            reach = 0 if 0 in root.shape else 1 + sum((n - 1) * s // root.itemsize
                                                      for n, s in zip(root.shape, root.strides, strict=True))
            return data.offset, reach
        root = root_of(data)
        start = data.__array_interface__["data"][0] - root.__array_interface__["data"][0]
        return start // data.itemsize, bytes_of(root).nbytes // data.itemsize

    def shared(self, tensor: Any) -> Any:
        return tensor._data

    def frozen(self, tensor: Any) -> Any:
        return tensor._data.again() if is_absent(tensor) else tensor._data.copy()

    def relaid(self, tensor: Any, change: Callable[..., Any], arguments: tuple[Any, Any]) -> None:
        pass

    # --- elements -----------------------------------------------------------------------------------------------------

    def value(self, tensor: Any, what: str) -> Any:
        return tensor._data

    def known(self, tensor: Any) -> Any:
        return None if is_absent(tensor) else tensor._data

    def item(self, tensor: Any) -> Any:
        return item_of(tensor._data)

    def only_where(self, condition: Any, run: Callable[[], Any]) -> None:
        if is_absent(condition) or bool(condition):
            run()

    # --- training -----------------------------------------------------------------------------------------------------

    def grad_of(self, tensor: Any) -> Any:
        return tensor._edge.grad

    def set_grad(self, tensor: Any, value: Any) -> None:
        if type(tensor._edge) is Leaf:
            tensor._edge.grad = value
        else:
            tensor._rarely()["grad"] = value

    def accumulate(self, leaf: Leaf, ct: Any) -> None:
        variable = leaf.variable
        if variable is not None and is_absent(ct) and not is_absent(variable):
            ct._data._refuse("")
        if leaf.grad is None:
            leaf.grad = P.clone(ct)
        elif state.grad:
            leaf.grad = leaf.grad + ct
        else:
            overwrite(leaf.grad, leaf.grad + ct, "add_")


def _by_stand_ins(primitive: Primitive, values: Sequence[Any], params: dict[str, Any]) -> Any:
    """How the results of a primitive without a shape rule lie, read off an evaluation on ones that lie as its operands.
    Raises `NoDataError` where that would take long."""
    count = sum(value.size for value in values if type(value) is Absent)
    if count > COUNTED:
        raise NoDataError(f"[{primitive.name}] operands of the meta device with at most {COUNTED:,} elements were "
                          f"expected, as the shape of its result is found by evaluating it; got {count:,}")
    dummies = [np.ones(0, value.dtype) if type(value) is Absent else value for value in values]
    for place, value in enumerate(values):
        if type(value) is Absent:
            order = sorted(range(value.ndim), key=lambda dim: -value.strides[dim])
            rows = np.ones([value.shape[dim] for dim in order], value.dtype)
            dummies[place] = rows.transpose([order.index(dim) for dim in range(value.ndim)])
    found = on_dummies(primitive, dummies, params)
    parts = [absent(part.shape, part.dtype, [step // part.itemsize for step in part.strides])
             for part in map(np.asarray, found if primitive.multiple else (found,))]
    return tuple(parts) if primitive.multiple else parts[0]


def _part(primitive: Primitive, whole: Absent, params: dict[str, Any]) -> Absent:
    """What a view primitive shows of a ghost; where numpy would have to copy, another memory."""
    ghost = whole.ghost
    if primitive is P.reshape:
        shape = _resolved(ghost, params["shape"])
        strides = viewed(ghost.shape, ghost.strides, shape)
        if strides is None:
            return absent(shape, ghost.dtype)
        return whole.part(strided_view(ghost, shape, strides))
    if primitive is P.as_strided:
        width = ghost.itemsize
        check_inside("as_strided", LARGEST // width, params["size"], params["stride"], params.get("offset", 0))
        steps = [step * width for step in params["stride"]]
        root = whole.root
        start = strided_view(root, (params.get("offset", 0) + 1,), (width,))[-1:]
        return whole.part(strided_view(start, params["size"], steps))
    return whole.part(primitive.run(ghost, **params))


def _resolved(ghost: Any, shape: Sequence[int]) -> tuple[int, ...]:
    """A shape with its -1 worked out. Raises `ShapeError` where the elements do not fit."""
    size = ghost.size
    rest = prod(n for n in shape if n != -1)
    found = tuple([size // rest if n == -1 and rest else n for n in shape])
    if prod(found) != size:
        raise ShapeError(f"[reshape] shape '{list(shape)}' is invalid for input of size {size}")
    return found


def viewed(shape: Sequence[int], strides: Sequence[int], wanted: Sequence[int]) -> tuple[int, ...] | None:
    """The strides with which an array of this geometry shows the same elements in another shape; None where it cannot.

    >>> viewed((2, 3, 4), (12, 4, 1), (6, 4))
    (4, 1)
    >>> viewed((3, 2), (1, 3), (6,)) is None
    True
    """
    if 0 in shape:
        return row_major(wanted)
    sizes = [(n, s) for n, s in zip(shape, strides, strict=True) if n != 1]
    found: list[int] = []
    place = 0
    for n in wanted:
        if n == 1:
            found.append(found[-1] if found else 0)
            continue
        if place == len(sizes):
            return None
        have, step = sizes[place]
        while have < n or have % n:  # run the next dimension into this one, where they lie as one
            place += 1
            if place == len(sizes) or step != sizes[place][0] * sizes[place][1]:
                return None
            have, step = have * sizes[place][0], sizes[place][1]
        found.append(step * (have // n))
        if have == n:
            place += 1
        else:
            sizes[place] = (have // n, step)
    width = sizes[-1][1] if sizes else 1
    for dim in range(len(wanted) - 1, -1, -1):  # a dimension of size 1 has the stride that rows would give it
        if wanted[dim] == 1:
            found[dim] = width if dim == len(wanted) - 1 else found[dim + 1] * wanted[dim + 1]
    return tuple(found)


def _check_known(primitive: Primitive, values: Sequence[Any]) -> None:
    """Raises where the result depends on elements: of a mask as an index, or of what is counted."""
    masked = any(type(x) is Absent and x.dtype.kind == "b" for x in values[1:])
    if primitive.name in _BY_VALUE or primitive.name == "index" and masked:
        raise NoDataError(f"[{primitive.name}] attempted to run this operator with Meta tensors, but its result "
                          "depends on their elements, which are not there; run it on the CPU")


def _layout(primitive: Primitive, values: Sequence[Any], shape: Sequence[int], params: dict[str, Any]
            ) -> tuple[int, ...]:
    """The strides of a result, in elements."""
    shaped = [x for x in values if hasattr(x, "strides") and len(x.shape) == len(shape) and len(shape)]
    if primitive.kind == "elementwise" or primitive.name in _IN_ORDER and params.get("order") != "C":
        if primitive.name == "overwrite":
            return dense_like(values[0])
        full = [x for x in shaped if x.shape == tuple(shape)]
        if full and not any(0 in x.strides for x in full[:1]):
            return dense_like(full[0])
    elif primitive.name in _LIKE_IMAGES and shaped:
        first = shaped[0].ghost if type(shaped[0]) is Absent else shaped[0]
        if has_channels_last(first):
            return dense_like(first, shape)
    return row_major(shape)


# --- where operations notice ------------------------------------------------------------------------------------------


def nowhere(run: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    """Runs a function with `Nowhere` in the place of evaluation."""
    with Nowhere():
        return run(*arguments, **options)


def by_user() -> bool:
    """Whether code outside of wengert called the operation that runs, not a function that is composed of it."""
    frame: Any = sys._getframe(1)
    ours = __name__.partition(".")[0]
    while frame is not None and frame.f_globals.get("__name__", "").startswith(_CALLING):
        frame = frame.f_back
    return frame is None or frame.f_globals.get("__name__", "").partition(".")[0] != ours


_HOME = __name__.rpartition(".tensors.")[0]
_CALLING = tuple([f"{_HOME}.{module}" for module in (
    "tensors.", "core.", "ops.operators", "ops.registry", "ops.arithmetic", "ops.pointwise", "ops.comparison",
    "ops.matrix", "amp.casting")])
"""The modules through which an operation goes that was called from outside."""


def noticed(primitive: Primitive, operands: tuple[Any, ...], params: dict[str, Any]) -> Any:
    """The result of an operation whose evaluation failed because an operand has no elements."""
    _check_one_device(primitive, operands)
    return nowhere(apply_module.apply, primitive, operands, params)


_TOGETHER = frozenset({"linear", "addmm", "convolution", "cat", "baddbmm"})


def _check_one_device(primitive: Primitive, operands: tuple[Any, ...]) -> None:
    """Raises for tensors of both devices beside each other; one without dimensions may be a number. What wengert
    composes may bring in constants of its own."""
    if primitive.name not in _TOGETHER and (primitive.kind not in ("elementwise", "bilinear") or not by_user()):
        return
    here = [x for x in operands if type(x) in TENSORS and not is_absent(x) and x._data.ndim]
    if here:
        first = next(x for x in operands if type(x) in TENSORS and (is_absent(x) or x._data.ndim))
        away, there = ("cpu", "meta") if is_absent(first) else ("meta", "cpu")
        raise RuntimeError(f"[{primitive.name}] Expected all tensors to be on the same device: Tensor on device {away} "
                           f"is not on the expected device {there}! Move one of them with .to(...)")


def sampled(sampler: str, values: Sequence[Any], params: dict[str, Any]) -> Absent:
    """What a sampler (prims/draws.py) would give, without elements; the generator does not move on."""
    specs = [Spec(x.shape, from_numpy(x.dtype)) if hasattr(x, "dtype") else x for x in values]
    spec = SAMPLERS[sampler].spec(*specs, **params)
    return absent(spec.shape, spec.dtype.numpy)


apply_module.elsewhere = noticed
