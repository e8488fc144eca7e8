"""The level of a sum of second derivatives: how a value moves along several directions, and how it bends over all.

A *bent* tensor holds its ``value``, its ``firsts`` (the derivatives along the directions, which lie along a first
dimension) and its ``second``, the sum of its second derivatives along each. Of y = p(x), with J and H the first and the
second derivative of the primitive:

    firsts(y)[k] = J firsts(x)[k]        second(y) = J second(x) + sum over k of H[firsts(x)[k], firsts(x)[k]]

The one idea to know: the sum is taken at every step, so that values and second derivatives are computed once, and
first derivatives once a direction, where a forward derivative of a forward one computes all of them for each direction,
and first derivatives twice. J is the primitive's ``jvp`` rule; what H adds is the derivative of that rule, found as the
rule runs on dual tensors. (Li et al., *A computational framework for neural network-based variational Monte Carlo with
Forward Laplacian*, 2023.)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from ..core.batching import lifted
from ..core.primitive import P, Primitive, diagonal
from ..core.state import state
from ..tensors.apply import bare
from ..tensors.inplace import overwrite, same_memory
from ..tensors.tensor import TENSORS, Tensor, make
from .bending import curved
from .derivatives import batched_grad
from .forward import DualLevel, check_stays, fitting, pushed, written
from .levels import Level, Lifted, array_of, off_tape

_EACH = ("mul", "linear", "addmm", "convolution")
"""Primitives of other kinds that are linear in each operand alone, but for what they add."""
_PRODUCTS = ("mul", "linear", "convolution")
"""Those of them that multiply their first two operands."""
_TOGETHER = ("add", "sub", "neg")
"""Those that are linear in all of them together."""

Parts = Sequence[Any]
"""Tensors, one an operand or a result; None where it does not move, or bend."""


class Bent(Lifted):
    """A value, its derivatives along the directions, and the sum of its second derivatives; None for zeros. What does
    not move does not bend."""

    __slots__ = ("firsts", "second")

    def __init__(self, level: SecondLevel, value: Tensor, firsts: Tensor | None, second: Tensor | None,
                 outside: bool = False) -> None:
        super().__init__(level, value, outside)
        self.firsts, self.second = firsts, second
        self.shape = value._data.shape

    def __repr__(self) -> str:
        return f"Bent({self.value!r}, firsts={self.firsts!r}, second={self.second!r})"


class SecondLevel(Level):
    """One sum of second derivatives in force."""

    name = "laplacian"
    kind = Bent

    def constant(self, value: Tensor, outside: bool) -> Bent:
        return Bent(self, value, None, None, outside)

    def bent(self, value: Tensor, firsts: Tensor | None, second: Tensor | None) -> Tensor:
        """A tensor of this level that moves."""
        return make(Bent(self, value, firsts, second), None)

    def unpacked(self, tensor: Tensor) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """The value, the derivatives and the second derivative of a tensor, at the level below."""
        if not self.owns(tensor):
            return tensor, None, None
        data = self.current(tensor)
        return data.value, data.firsts, data.second

    def at_once(self, primitive: Primitive, operands: tuple[Any, ...], params: dict[str, Any]) -> Bent | None:
        """What is linear in the one operand that moves, or maps its elements to elements, on arrays."""
        elements = primitive.kind == "elementwise" and primitive.is_diagonal and not _is_linear(primitive, [0])
        if primitive.multiple or primitive.kind == "view" or primitive.batch is None:
            return None
        recorded = self.records_below()
        values: list[Any] = []
        place, moving = -1, None
        for i, x in enumerate(operands):
            if type(x) in TENSORS:
                data = x._data
                x = array_of(data.value, recorded)
                if x is None or (data.steps and data.generation != data.root.generation):
                    return None
                if data.firsts is not None:
                    if moving is not None:
                        return None
                    place, moving = i, data
            values.append(x)
        if moving is None or not (elements or _is_straight(primitive, place)):
            return None
        first = array_of(moving.firsts, recorded)
        second = None if moving.second is None else array_of(moving.second, recorded)
        if first is None or (second is None) is not (moving.second is None) or first.dtype != values[place].dtype:
            return None
        if elements:
            found = self.below(_elements, primitive, values, params, place, first, second)
            if found is None:
                return None
            value, *parts = found
        else:
            value, *parts = state.here["quiet"](_straight, primitive, values, params, place, first, second)
        moved, bends = [None if part is None else bare(part) for part in parts]
        return Bent(self, bare(value), moved, bends)

    def ruled(self, primitive: Primitive, operands: tuple[Any, ...], params: dict[str, Any]) -> Any:
        values: list[Any] = []
        firsts: list[Any] = []
        seconds: list[Any] = []
        for x in operands:
            data = x._data if type(x) in TENSORS else None
            if data is not None and data.steps and data.generation != data.root.generation:
                self.settle(data)
            values.append(x if data is None else data.value)
            firsts.append(None if data is None else data.firsts)
            seconds.append(None if data is None else data.second)
        out = primitive(*values, **params)
        outs = out if primitive.multiple else (out,)
        moved: Parts = [None] * len(outs)
        bends: Parts = moved
        if any(first is not None for first in firsts):
            moved, bends = _bent(primitive, values, firsts, seconds, out, params)
        results = [Bent(self, part, first, second) for part, first, second in zip(outs, moved, bends, strict=True)]
        if primitive.multiple:
            return tuple(results)
        if primitive.kind == "view" and same_memory(out, values[0]):
            results[0].part_of(operands[0]._data, (primitive, params))
        return results[0]

    def called(self, run: Callable[..., Any], args: Sequence[Any]) -> Any:
        """What a function of tensors that is no primitive gives: the results of a user's Function."""
        triples = [self.unpacked(x) if type(x) in TENSORS else (x, None, None) for x in args]
        values, firsts, seconds = map(list, zip(*triples, strict=True))
        output = self.below(run, *values)
        outs = output if isinstance(output, tuple) else (output,)
        moved: Parts = [None] * len(outs)
        bends: Parts = moved
        if any(first is not None for first in firsts):
            moved, bends = self.below(_bent_by_duals, run, values, firsts, seconds, outs)
        results = [self.bent(part, first, second) if isinstance(part, Tensor) else part
                   for part, first, second in zip(outs, moved, bends, strict=True)]
        return tuple(results) if isinstance(output, tuple) else results[0]

    # --- memory -------------------------------------------------------------------------------------------------------

    def settle(self, data: Bent) -> None:
        firsts, second = data.root.firsts, data.root.second
        for primitive, params in data.steps:
            if primitive is None:
                firsts = second = None
            if firsts is not None:
                (firsts,) = along(partial(_seen, primitive, params), [firsts])
            second = None if second is None else primitive(second, **params)
        data.firsts, data.second, data.generation = firsts, second, data.root.generation

    def put(self, data: Bent, new: Bent, op: str) -> None:
        overwrite(data.value, new.value, op)
        root = data.root
        if root.firsts is None and new.firsts is None:
            return

        (root.firsts,) = along(lambda pair: [written(data, *pair)], [root.firsts, new.firsts])
        root.second = None if root.second is None and new.second is None else written(data, root.second, new.second)
        root.generation += 1
        if data is root:
            data.generation = root.generation

    def detached(self, data: Bent, value: Tensor) -> Bent:
        return Bent(self, value, None, None, data.outside)

    def put_outside(self, tensor: Tensor, new: Bent, op: str) -> None:
        check_stays(self.name, new.firsts)
        overwrite(tensor, new.value, op)

    def plain(self, tensor: Tensor, what: str) -> Tensor:
        return self.inner(tensor)


# --- what moves and bends ---------------------------------------------------------------------------------------------


def along(run: Callable[[Parts], Parts], stacked: Parts) -> list[Any]:
    """What a function of tensors, some of which may be None, gives for each direction, stacked."""
    there = [i for i, x in enumerate(stacked) if x is not None]

    def given(parts: Sequence[Tensor]) -> Parts:
        whole: list[Any] = [None] * len(stacked)
        for i, part in zip(there, parts, strict=True):
            whole[i] = part
        return run(whole)

    return list(batched_grad(given, [stacked[i] for i in there]))


def _seen(primitive: Primitive, params: dict[str, Any], given: Parts) -> list[Any]:
    return [primitive(given[0], **params)]


def _bent(primitive: Primitive, values: Parts, firsts: Parts, seconds: Parts, out: Any,
          params: dict[str, Any]) -> tuple[Parts, Parts]:
    """The derivatives of the results of a primitive along the directions, and the sums of their second ones."""
    moving = [i for i, first in enumerate(firsts) if first is not None]
    outs = out if primitive.multiple else (out,)
    straight = _is_linear(primitive, moving)
    if len(moving) == 1 and primitive.kind == "elementwise" and _is_real(values[moving[0]], out, primitive):
        slope, bend = _slope(primitive, values, out, params, moving[0])
        if bend is not None:
            return _bent_elements(slope, bend, firsts[moving[0]], seconds[moving[0]])
        straight = True

    def rule(tangents: Parts, operands: Parts, result: Any) -> list[Any]:
        found = pushed(primitive, tangents, operands, result, params)
        parts = found or [None] * len(outs) if primitive.multiple else [found]
        return [fitting(tangent, part) for tangent, part in zip(parts, outs, strict=True)]

    moved = along(lambda tangents: rule(tangents, values, out), firsts)
    bent: Parts = [None] * len(outs)
    if any(second is not None for second in seconds):
        bent = rule(seconds, values, out)
    if not straight:
        count = len(firsts)

        def varied(given: Parts) -> Parts:
            tangents, moved_here = given[:count], given[count:]
            with DualLevel() as inside:
                result = [part if tangent is None else inside.dual(part, tangent)
                          for part, tangent in zip(outs, moved_here, strict=True)]
                found = rule(tangents, _duals(inside, values, tangents), result if primitive.multiple else result[0])
                return _tangents(inside, found)

        bent = _summed(bent, along(varied, [*firsts, *moved]))
    return moved, bent


def _is_linear(primitive: Primitive, moving: Sequence[int]) -> bool:
    """Whether the result of a primitive is linear in the operands that move, together, but for a constant."""
    return primitive.kind in ("view", "linear") or primitive.name in _TOGETHER or len(moving) == 1 and (
        primitive.kind == "bilinear" or primitive.name in _EACH)


def _is_straight(primitive: Primitive, place: int) -> bool:
    """Whether `_straight` takes a primitive whose operand at ``place`` alone moves."""
    if primitive.kind == "linear":
        return primitive.arity > 0 and place == 0
    return primitive.name in _TOGETHER or (primitive.kind == "bilinear" or primitive.name in _PRODUCTS) and place < 2


def _straight(primitive: Primitive, values: list[Any], params: dict[str, Any], place: int, first: Any,
              second: Any) -> tuple[Any, Any, Any]:
    """The arrays of a result, its derivatives and its second derivative: of what is linear in one operand."""
    out = np.asarray(primitive(*values, **params))
    tangents: list[Any] = [None] * len(values)
    if second is not None:
        tangents[place] = second
        second = _in_shape(pushed(primitive, tangents, values, out, params), out.shape)
    if primitive.name in _TOGETHER:
        tangents[place] = lifted(first, out.ndim)
        moved = diagonal(primitive, tangents, values, out, params)
        return out, _in_shape(moved, (len(first), *out.shape)), second
    if primitive.kind != "linear":
        values = values[:2]  # without what is added to the product
    mapped = [i == place for i in range(len(values))]
    values = [*values[:place], first, *values[place + 1:]]
    return out, primitive.rule("batch")(primitive, values, mapped, params), second


def _in_shape(array: Any, shape: tuple[int, ...]) -> Any:
    return array if array.shape == shape else np.broadcast_to(array, shape)


def _is_real(x: Tensor, out: Any, primitive: Primitive) -> bool:
    """Whether the derivative of a primitive that maps elements to elements is one factor an element, of its dtype."""
    return primitive.is_diagonal and x._data.dtype.kind == "f" and x._data.dtype == out._data.dtype


def _slope(primitive: Primitive, values: Parts, out: Tensor, params: dict[str, Any],
           place: int) -> tuple[Tensor | None, Tensor | None]:
    """The first and the second derivative of a primitive that maps elements to elements, by one operand, element by
    element; None for zeros."""
    unit: list[Any] = [None] * len(values)
    unit[place] = P.fill(off_tape(values[place]), value=1.0)
    slope = pushed(primitive, unit, values, out, params)
    if slope is None:
        return None, None
    with DualLevel() as inside:
        return inside.unpacked(pushed(primitive, unit, _duals(inside, values, unit), inside.dual(out, slope), params))


def _bent_elements(slope: Any, bend: Any, first: Tensor, second: Tensor | None) -> tuple[Parts, Parts]:
    """`_bent` of a primitive that maps elements to elements: what bends it is computed once, and multiplied by the sum
    of the squares of the operand's derivatives."""
    missing = slope._data.ndim + 1 - first._data.ndim
    lined = first if not missing else P.reshape(first, shape=(
        first._data.shape[0], *(1,) * missing, *first._data.shape[1:]))
    total = P.mul(bend, P.sum(P.mul(first, first), dim=(0,)))
    return [P.mul(lined, slope)], [total if second is None else P.add(P.mul(slope, second), total)]


def _elements(primitive: Primitive, values: list[Any], params: dict[str, Any], place: int, first: Any,
              second: Any) -> tuple[Any, Any, Any] | None:
    """`_bent_elements` on arrays, with the value; None where the second derivative is zero, or an operand complex."""
    quiet = state.here["quiet"]
    x = values[place]
    if x.dtype.kind != "f":
        return None
    unit: list[Any] = [None] * len(values)
    unit[place] = np.ones_like(x)
    out, slope = quiet(_valued, primitive, values, params, unit)
    if out.dtype != x.dtype:
        return None
    if not params:
        found = quiet(_by_kernel, primitive, x, out, slope, first, second)
        if found is not None:
            return found
    tensors = [bare(value) if isinstance(value, np.ndarray) else value for value in values]
    unit[place] = bare(unit[place])
    with DualLevel() as inside:
        tensors[place] = inside.dual(tensors[place], unit[place])
        bend = inside.unpacked(pushed(primitive, unit, tensors, inside.dual(bare(out), bare(slope)), params))[1]
    return None if bend is None else quiet(_curved, out, slope, bend._data, first, second)


def _valued(primitive: Primitive, values: list[Any], params: dict[str, Any], unit: list[Any]) -> tuple[Any, Any]:
    """The arrays of a result and of its derivative."""
    out = np.asarray(primitive(*values, **params))
    return out, np.asarray(pushed(primitive, unit, values, out, params))


def _by_kernel(primitive: Primitive, x: Any, out: Any, slope: Any, first: Any, second: Any) -> Any:
    """`_curved`, what bends it by a generated kernel; None where there is none."""
    bent = curved(primitive, x, out, np.einsum("k...,k...->...", first, first), slope, second)
    return None if bent is None else (out, first * slope, bent)


def _curved(out: Any, slope: Any, bend: Any, first: Any, second: Any) -> tuple[Any, Any, Any]:
    bent = np.einsum("k...,k...->...", first, first) * bend
    if second is not None:
        bent = bent + slope * second
    return out, lifted(first, out.ndim) * slope, _in_shape(bent, out.shape)


def _bent_by_duals(run: Callable[..., Any], values: Parts, firsts: Parts, seconds: Parts,
                   outs: Parts) -> tuple[Parts, Parts]:
    """`_bent` of any function, which runs on dual tensors of dual tensors."""

    def pushes(tangents: Parts, operands: Parts) -> list[Any]:
        with DualLevel() as inside:
            found = run(*_duals(inside, operands, tangents))
            return _tangents(inside, found if isinstance(found, tuple) else (found,))

    def twice(tangents: Parts) -> list[Any]:
        with DualLevel() as outer:
            moved = pushes(tangents, _duals(outer, values, tangents))
            pairs = [(None, None) if tangent is None else outer.unpacked(tangent) for tangent in moved]
        return [*[first for first, _ in pairs], *[second for _, second in pairs]]

    found = along(twice, firsts)
    bent: Parts = [None] * len(outs)
    if any(second is not None for second in seconds):
        bent = pushes(seconds, values)
    return found[:len(outs)], _summed(bent, found[len(outs):])


def _duals(inside: DualLevel, values: Parts, tangents: Parts) -> list[Any]:
    return [x if tangent is None else inside.dual(x, tangent) for x, tangent in zip(values, tangents, strict=True)]


def _tangents(inside: DualLevel, found: Parts) -> list[Any]:
    return [inside.unpacked(x)[1] if isinstance(x, Tensor) else None for x in found]


def _summed(bent: Parts, added: Parts) -> Parts:
    """What is there, and the sums over the directions of what is added."""
    total = []
    for old, new in zip(bent, added, strict=True):
        new = None if new is None else P.sum(new, dim=(0,))
        total.append(old if new is None else new if old is None else P.add(old, new))
    return total


__all__ = ["Bent", "SecondLevel"]
