"""The level of a forward derivative: tensors that hold a value and how it moves.

A *dual* tensor holds its ``primal`` (in ``value``) and its ``tangent``, both tensors of the level below; None for a
tangent of zero. Primitives run by their ``jvp`` rules; one with a ``vjp`` alone by the transpose of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..core.errors import MissingRuleError
from ..core.frames import user_line
from ..core.primitive import P, Primitive
from ..core.state import state
from ..tensors.inplace import overwrite, same_memory
from ..tensors.tensor import TENSORS, Tensor, make
from .engine import grad
from .levels import Level, Lifted, off_tape


class Dual(Lifted):
    """A value and its tangent, of the same shape and dtype; None where it does not move."""

    __slots__ = ("tangent",)

    def __init__(self, level: DualLevel, value: Tensor, tangent: Tensor | None, outside: bool = False) -> None:
        super().__init__(level, value, outside)
        self.tangent = tangent
        self.shape = value._data.shape

    def __repr__(self) -> str:
        return f"Dual({self.value!r}, tangent={self.tangent!r})"


class DualLevel(Level):
    """One forward derivative in force."""

    name = "jvp"
    kind = Dual

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
            return tuple([Dual(self, part, _fitting(tangent, part)) for part, tangent in zip(out, found, strict=True)])
        result = Dual(self, out, _fitting(moved, out))
        if primitive.kind == "view" and same_memory(out, primals[0]):
            result.part_of(operands[0]._data, (primitive, params))
        return result

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
        moved = new.tangent
        if moved is not None and moved._data.dtype != data.dtype:
            moved = P.cast(moved, dtype=data.value.dtype, back=moved.dtype)
        if data.steps:
            whole = P.zeros_like(off_tape(root.value)) if root.tangent is None else root.tangent
            part = P.zeros_like(off_tape(data.value)) if moved is None else moved
            moved = P.scatter_view(whole, part, steps=tuple([step for step in data.steps if step[0] is not None]))
        root.tangent = moved
        root.generation += 1
        if data is root:
            data.generation = root.generation

    def detached(self, data: Dual, value: Tensor) -> Dual:
        return Dual(self, value, None, data.outside)

    def put_outside(self, tensor: Tensor, new: Dual, op: str) -> None:
        if new.tangent is not None and state.grad:
            raise RuntimeError(
                f"[{self.name}] a tensor made inside the function was expected to be written with a value that moves; "
                f"got one from outside (at {user_line()}); write out of place, or under torch.no_grad(), where the "
                "derivative is dropped")
        overwrite(tensor, new.value, op)

    def plain(self, tensor: Tensor, what: str) -> Tensor:
        return self.inner(tensor)


def _fitting(tangent: Tensor | None, out: Tensor) -> Tensor | None:
    """A tangent of the dtype of its value; none for what is no real or complex number."""
    if tangent is None or out._data.dtype.kind not in "fcV":
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
        if primitive.records and any(part._data.dtype.kind in "fcV" for part in parts):
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
               if part._data.dtype.kind in "fcV"}
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
