"""The level of a forward derivative: tensors that hold a value and how it moves.

A *dual* tensor holds its ``primal`` (in ``value``) and its ``tangent``, both tensors of the level below; None for a
tangent of zero. Primitives run by their ``jvp`` rules; one with a ``vjp`` alone by the transpose of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core.batching import lifted
from ..core.errors import MissingRuleError
from ..core.frames import user_line
from ..core.primitive import P, Primitive, diagonal
from ..core.state import state
from ..tensors.alias import same_memory
from ..tensors.apply import FAILURES, bare
from ..tensors.inplace import overwrite
from ..tensors.tape import Node
from ..tensors.tensor import TENSORS, Tensor, make
from .batching import BatchLevel
from .engine import grad
from .levels import Level, Lifted, array_of, off_tape, plain_array


class Dual(Lifted):
    """A value and its tangent, of the same shape and dtype; None where it does not move."""

    __slots__ = ("tangent",)

    def __init__(self, level: DualLevel, value: Tensor, tangent: Tensor | None, outside: bool = False) -> None:
        self.level, self.value, self.outside, self.tangent = level, value, outside, tangent
        data = value._data
        self.dtype, self.shape = data.dtype, data.shape
        self._whole, self.steps, self.generation = None, (), 0

    def __repr__(self) -> str:
        return f"Dual({self.value!r}, tangent={self.tangent!r})"

    def text(self, kind: str) -> str:
        """How a tensor that holds it prints: where the program opened the level, as PyTorch's dual tensors do."""
        if not getattr(self.level, "shows", False):
            return f"<traced tensor {self!r}>"
        value = self.value._text(kind)
        return value if self.tangent is None else f"{value[:-1]}, tangent={self.tangent!r})"


class DualLevel(Level):
    """One forward derivative in force."""

    name = "jvp"
    kind = Dual
    shows = False
    """Whether its tensors print as values with tangents."""

    def constant(self, value: Tensor, outside: bool) -> Dual:
        return Dual(self, value, None, outside)

    def dual(self, primal: Tensor, tangent: Tensor | None) -> Tensor:
        """A tensor of this level that moves."""
        return make(Dual(self, primal, tangent), None)

    def unpacked(self, tensor: Tensor) -> tuple[Tensor, Tensor | None]:
        """The primal and the tangent of a tensor, at the level below."""
        if not self.owns(tensor):
            return tensor, None
        data = self.current(tensor)
        return data.value, data.tangent

    def ruled(self, primitive: Primitive, operands: tuple[Any, ...], params: dict[str, Any]) -> Any:
        primals, tangents, moves = [], [], False
        for x in operands:
            tangent = None
            if type(x) in TENSORS:
                data = x._data
                if data.steps and data.generation != data.root.generation:
                    self.settle(data)
                primals.append(data.value)
                tangent = data.tangent
                moves = moves or tangent is not None
            else:
                primals.append(x)
            tangents.append(tangent)
        out = primitive(*primals, **params)
        moved = pushed(primitive, tangents, primals, out, params) if moves else None
        if primitive.multiple:
            found = moved or [None] * len(out)
            return tuple([Dual(self, part, fitting(tangent, part)) for part, tangent in zip(out, found, strict=True)])
        result = Dual(self, out, fitting(moved, out))
        if primitive.kind == "view" and same_memory(out, primals[0]):
            result.part_of(operands[0]._data, (primitive, params))
        return result

    def _settle(self) -> None:
        super()._settle()
        self.told = type(self).told or self.follows

    def below(self, run: Callable[..., Any], *arguments: Any) -> Any:
        if not self.follows or self.outer is None:
            return super().below(run, *arguments)
        self.outer.hushed(1)
        try:
            return super().below(run, *arguments)
        finally:
            self.outer.hushed(-1)

    # --- what those hear who follow a forward derivative --------------------------------------------------------------

    def computed(self, primitive: Primitive, operands: tuple[Any, ...], params: dict[str, Any], out: Any) -> None:
        if self.follows and self.outer is not None:
            self.outer.pushed(self, primitive, operands, params, out)

    def pulled(self, node: Node, ct: Any, grads: Sequence[Any]) -> None:
        if self.follows and self.outer is not None:
            self.outer.pulled(node, ct, grads)

    def writes(self, tensor: Tensor, new: Tensor) -> None:
        if self.follows and self.outer is not None:
            self.outer.writes(tensor, new)

    def frozen(self, tensor: Tensor) -> Any:
        data = super().frozen(tensor)
        if state.watcher is not None and state.watcher.follows:
            state.watcher.stands_for(data, tensor)
        return data

    # --- what runs ----------------------------------------------------------------------------------------------------

    def evaluate(self, primitive: Primitive, operands: tuple[Any, ...], params: dict[str, Any]) -> Any:
        outer = self.outer
        if (type(outer) is BatchLevel and outer.outer is None and primitive.kind == "elementwise"
                and primitive.is_diagonal):
            found = self._through(outer, primitive, operands, params)
            if found is not None:
                return found
        return super().evaluate(primitive, operands, params)

    def brief(self, primitive: Primitive, operands: tuple[Any, ...], params: dict[str, Any], recorded: bool) -> Any:
        if primitive.jvp is None or primitive.multiple or primitive.promotion == "where":
            return None
        if self.outer is not None:
            return self._brief_over_batch(primitive, operands, params)
        primals: list[Any] = []
        tangents: list[Any] = []
        given: list[Any] = []
        moves, dtype = False, None
        for x in operands:
            tangent = moved = None
            if type(x) in TENSORS:
                data = x._data
                if type(data) is Dual and data.level is self:
                    if data.steps and data.generation != data.root.generation:
                        return None
                    x, tangent = data.value, data.tangent
                x = plain_array(x, dtype, recorded)
                if x is None:
                    return None
                dtype = x.dtype
                if tangent is not None:
                    moves, moved = True, plain_array(tangent, dtype, recorded)
                    if moved is None:
                        return None
            elif x is not None and type(x) is not float and type(x) is not int:
                return None
            primals.append(x)
            tangents.append(moved)
            given.append(tangent)
        if dtype is None or dtype.char in primitive.refuses:
            return None
        try:
            out, total = state.here["quiet"](_run_both, primitive, primals, tangents, params, moves)
        except FAILURES:
            return None  # the longer way words it
        return Dual(self, bare(out), _around(total, tangents, given))

    def _brief_over_batch(self, primitive: Primitive, operands: tuple[Any, ...], params: dict[str, Any]) -> Any:
        """The same just above a `vmap` above plain evaluation, of elementwise primitives."""
        outer = self.outer
        if (type(outer) is not BatchLevel or outer.outer is not None or primitive.kind != "elementwise"
                or not primitive.is_diagonal):
            return None
        dtype = None
        for x in operands:
            if type(x) in TENSORS:
                its = x._data.dtype
                if its is not dtype and (dtype is not None or its.char not in "fdFD"):
                    return None
                dtype = its
            elif x is not None and type(x) is not float and type(x) is not int:
                return None
        if dtype is None or dtype.char in primitive.refuses:
            return None
        try:
            return self._through(outer, primitive, operands, params)
        except FAILURES:
            return None  # the longer way words it

    def at_once(self, primitive: Primitive, operands: tuple[Any, ...], params: dict[str, Any]) -> Any:
        primals: list[Any] = []
        tangents: list[Any] = []
        moves, recorded = False, self.records_below()
        for x in operands:
            moved = None
            if type(x) in TENSORS:
                data = x._data
                primal, tangent = array_of(data.value, recorded), data.tangent
                if primal is None or (data.steps and data.generation != data.root.generation):
                    return None
                if tangent is not None:
                    moves, moved = True, array_of(tangent, recorded)
                    if moved is None:
                        return None
                primals.append(primal)
            else:
                primals.append(x)
            tangents.append(moved)
        if moves and primitive.jvp is None:
            return None
        if primitive.kind == "view":
            return self._seen_at_once(primitive, operands[0]._data, params, recorded)
        found = state.here["quiet"](_run_both, primitive, primals, tangents, params, moves)
        out, pushed_ = found
        given = [x._data.tangent if type(x) in TENSORS else None for x in operands]
        if primitive.multiple:
            return tuple([Dual(self, bare(part), _around(tangent, tangents, given))
                          for part, tangent in zip(out, pushed_ or [None] * len(out), strict=True)])
        return Dual(self, bare(out), _around(pushed_, tangents, given))

    def brief_view(self, primitive: Primitive, operands: tuple[Any, ...], params: dict[str, Any],
                   recorded: bool) -> Any:
        x = operands[0]
        if self.outer is not None or len(operands) != 1 or type(x) not in TENSORS:
            return None
        data = x._data
        if (type(data) is not Dual or data.level is not self or array_of(data.value, recorded) is None
                or (data.tangent is not None and array_of(data.tangent, recorded) is None)
                or (data.steps and data.generation != data.root.generation)):
            return None
        try:
            return self._seen_at_once(primitive, data, params, recorded)
        except FAILURES:
            return None  # the longer way words it

    def _seen_at_once(self, primitive: Primitive, data: Dual, params: dict[str, Any], recorded: bool) -> Dual:
        value = self.seen(data.value, primitive.run(data.value._data, **params), primitive, params, recorded)
        tangent = data.tangent
        if tangent is not None:
            tangent = self.seen(tangent, primitive.run(tangent._data, **params), primitive, params, recorded)
        out = Dual(self, value, tangent)
        if value._alias is not None:
            out.part_of(data, (primitive, params))
        return out

    def _through(self, outer: BatchLevel, primitive: Primitive, operands: tuple[Any, ...],
                 params: dict[str, Any]) -> Dual | None:
        """An elementwise primitive of duals of batches: these are lined up, and it runs on the arrays of both levels at
        once. See Note [on arrays] in levels.py; None where that does not hold."""
        pairs: list[Any] = []
        rank, here = 0, self.records_below()
        below = here or outer.records_below()
        for x in operands:
            pair: Any = x
            if type(x) in TENSORS:
                data, primal, tangent = x._data, x, None
                if type(data) is Dual and data.level is self:
                    if data.steps and data.generation != data.root.generation:
                        return None
                    primal, tangent = data.value, data.tangent
                pair = [outer.array_of(primal, here, below),
                        None if tangent is None else outer.array_of(tangent, here, below)]
                if pair[0] is None or (pair[1] is None) is not (tangent is None):
                    return None
                rank = max(rank, len(data.shape))
            pairs.append(pair)
        primals: list[Any] = []
        tangents: list[Any] = []
        mapped = moved = False
        for pair in pairs:
            if type(pair) is not list:
                primals.append(pair)
                tangents.append(None)
                continue
            lined: list[Any] = [None if part is None else lifted(part[0], rank) if part[1] else part[0]
                                for part in pair]
            primals.append(lined[0])
            tangents.append(lined[1])
            mapped = mapped or pair[0][1]
            moved = moved or (pair[1] is not None and pair[1][1])
        out, total = state.here["quiet"](_run_diagonal, primitive, primals, tangents, params)
        value: Any = outer.wrap(out, mapped)
        if total is None or out.dtype.kind not in "fcVW":
            return Dual(self, value, None)
        example = out.shape[1:] if mapped else out.shape
        moved = moved or mapped
        shape = (outer.count, *example) if moved else example
        if total.dtype != out.dtype:
            total = total.astype(out.dtype)
        return Dual(self, value, outer.wrap(total if total.shape == shape else np.broadcast_to(total, shape), moved))

    def settle(self, data: Dual) -> None:
        tangent = data.root.tangent
        for primitive, params in data.steps:
            tangent = None if primitive is None or tangent is None else primitive(tangent, **params)
        data.tangent, data.generation = tangent, data.root.generation

    def put(self, data: Dual, new: Dual, op: str) -> None:
        overwrite(data.value, new.value, op)
        root = data.root
        if root.tangent is None and new.tangent is None:
            return
        root.tangent = written(data, root.tangent, new.tangent)
        root.generation += 1
        if data is root:
            data.generation = root.generation

    def detached(self, data: Dual, value: Tensor) -> Dual:
        return Dual(self, value, None, data.outside)

    def put_outside(self, tensor: Tensor, new: Dual, op: str) -> None:
        check_stays(self.name, new.tangent)
        overwrite(tensor, new.value, op)

    def plain(self, tensor: Tensor, what: str) -> Tensor:
        return self.inner(tensor)


def written(data: Lifted, whole: Tensor | None, part: Tensor | None) -> Tensor | None:
    """How a memory moves, where it moved by ``whole`` before, once what moves by ``part`` is written to the place of
    ``data`` in it; None for what stands still."""
    if part is not None and part._data.dtype != data.dtype:
        part = P.cast(part, dtype=data.value.dtype, back=part.dtype)
    if not data.steps:
        return part
    whole = P.zeros_like(off_tape(data.root.value)) if whole is None else whole
    part = P.zeros_like(off_tape(data.value)) if part is None else part
    return P.scatter_view(whole, part, steps=tuple([step for step in data.steps if step[0] is not None]))


def check_stays(name: str, tangent: Tensor | None) -> None:
    """Raises where a value that moves is written into memory from outside a level, of which the name is given."""
    if tangent is not None and state.grad:
        raise RuntimeError(
            f"[{name}] a tensor made inside the function was expected to be written with a value that moves; got one "
            f"from outside (at {user_line()}); write out of place, or under torch.no_grad(), where the derivative is "
            "dropped")


def _run_both(primitive: Primitive, primals: list[Any], tangents: list[Any], params: dict[str, Any],
              moves: bool) -> tuple[Any, Any]:
    """A primitive and its ``jvp`` rule on arrays; tangents of the dtypes and shapes of what they belong to."""
    out: Any = primitive(*primals, **params)
    out = tuple([np.asarray(part) for part in out]) if primitive.multiple else np.asarray(out)
    if not moves:
        return out, None
    found = pushed(primitive, tangents, primals, out, params)
    if primitive.multiple:
        return out, [_as(tangent, part) for tangent, part in zip(found or [None] * len(out), out, strict=True)]
    return out, _as(found, out)


def _run_diagonal(primitive: Primitive, primals: list[Any], tangents: list[Any],
                  params: dict[str, Any]) -> tuple[Any, Any]:
    out = np.asarray(primitive(*primals, **params))
    return out, diagonal(primitive, tangents, primals, out, params)


def _as(tangent: Any, out: np.ndarray) -> Any:
    """`fitting` of arrays."""
    if tangent is None or out.dtype.kind not in "fcVW":
        return None
    if tangent.dtype != out.dtype:
        tangent = tangent.real if tangent.dtype.kind in "cW" and out.dtype.kind not in "cW" else tangent
        tangent = tangent.astype(out.dtype)
    return tangent if tangent.shape == out.shape else np.broadcast_to(tangent, out.shape)


def _around(tangent: Any, tangents: list[Any], given: list[Any]) -> Tensor | None:
    """The tensor of a tangent: the operand's own, where a rule has passed that on."""
    if tangent is None:
        return None
    for array, tensor in zip(tangents, given, strict=True):
        if tangent is array:
            return tensor
    return bare(tangent)


def fitting(tangent: Tensor | None, out: Tensor) -> Tensor | None:
    """A tangent of the dtype of its value; none for what is no real or complex number."""
    if tangent is None or out._data.dtype.kind not in "fcVW":
        return None
    if tangent._data.dtype != out._data.dtype:
        tangent = P.cast(tangent, dtype=out.dtype, back=tangent.dtype)
    return tangent if tangent._data.shape == out._data.shape else P.expand(tangent, shape=out._data.shape)


def pushed(primitive: Primitive, tangents: Sequence[Any], operands: Sequence[Any], out: Any,
           params: dict[str, Any]) -> Any:
    """The tangent of a result, or one for each of several; None where it does not move."""
    if primitive.jvp is not None:
        return primitive.jvp(tangents, operands, out, params)
    if primitive.vjp is None:
        parts = out if primitive.multiple else (out,)
        if primitive.records and any(part._data.dtype.kind in "fcVW" for part in parts):
            primitive.rule("jvp")  # raises, with the reason why there is none
        return None
    return transposed(primitive, tangents, operands, out, params)


def transposed(primitive: Primitive, tangents: Sequence[Any], operands: Sequence[Any], out: Any,
               params: dict[str, Any]) -> Any:
    """The forward derivative by the backward rule: what a cotangent is pulled to is linear in it, and the adjoint of
    that map takes the tangents forward."""
    if primitive.missing.get("second order") and primitive.jvp is None:
        raise MissingRuleError(f"[{primitive.name}] has no jvp rule: {primitive.missing['second order']}")
    outs = out if primitive.multiple else (out,)
    create_graph = state.grad
    before, state.grad = state.grad, True
    try:
        cts = {i: P.zeros_like(off_tape(part)).requires_grad_() for i, part in enumerate(outs)
               if part._data.dtype.kind in "fcVW"}
        shapes = tuple([x._data.shape if type(x) in TENSORS else () for x in operands])
        needs = tuple([tangent is not None for tangent in tangents])
        rule = primitive.rule("vjp")
        pulled = rule(cts if primitive.multiple else cts[0], (*operands, out, shapes), params, needs)
        pairs = [(ct, tangent) for ct, tangent in zip(pulled, tangents, strict=False)
                 if ct is not None and tangent is not None and ct.requires_grad]
        found = dict.fromkeys(cts)
        if pairs:
            given = [P.cast(t, dtype=ct.dtype, back=t.dtype) if t.dtype != ct.dtype else t for ct, t in pairs]
            grads = grad([ct for ct, _ in pairs], list(cts.values()), given, create_graph=create_graph,
                         allow_unused=True)
            found = dict(zip(cts, grads, strict=True))
    finally:
        state.grad = before
    return [found.get(i) for i in range(len(outs))] if primitive.multiple else found[0]
