"""The level without writes: what a function writes to what it made becomes a new value there.

The one idea to know: a tensor of this level holds a tensor of the level below, its value, and a write replaces the
value. Whoever looks on from below (a recorder, a watcher) sees operations and no write; parts of a memory follow it by
the view steps that every level keeps. What is written to an argument is put into its memory once, at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..core.primitive import P, Primitive
from ..tensors.alias import same_memory
from ..tensors.inplace import overwrite
from ..tensors.tensor import TENSORS, Tensor, make
from .levels import Level, Lifted


class Replaced(Lifted):
    """A value that is replaced where it would be written."""

    __slots__ = ()

    def __init__(self, level: WritelessLevel, value: Tensor, outside: bool = False) -> None:
        super().__init__(level, value, outside)
        self.shape = value._data.shape

    def __repr__(self) -> str:
        return f"Replaced({self.value!r})"


class WritelessLevel(Level):
    """One `functionalize` in force; with ``copies`` results of views are memories of their own below."""

    name = "functionalize"
    kind = Replaced

    def __init__(self, copies: bool) -> None:
        self.copies = copies
        self.arguments: dict[int, Tensor] = {}
        """What stands for the arguments inside, by their ``id``."""

    def constant(self, value: Tensor, outside: bool) -> Replaced:
        return Replaced(self, value, outside)

    def argument(self, value: Tensor, shared: bool) -> Tensor:
        """An argument as a tensor of this level. One that is ``shared``, as it lies in the memory of another argument,
        is written through, as what comes from outside is: both must see it."""
        found = self.arguments[id(value)] = make(Replaced(self, value, shared), None)
        return found

    def lift(self, tensor: Tensor) -> Tensor:
        known = self.arguments.get(id(tensor))
        return super().lift(tensor) if known is None else known

    def at_once(self, primitive: Primitive, operands: tuple[Any, ...], params: dict[str, Any]) -> Any:
        return None

    def ruled(self, primitive: Primitive, operands: tuple[Any, ...], params: dict[str, Any]) -> Any:
        values = [self.settled(x._data) if type(x) in TENSORS else x for x in operands]
        result = primitive(*values, **params)
        if primitive.multiple:
            return tuple([Replaced(self, part) for part in result])
        part = primitive.kind == "view" and same_memory(result, values[0])
        out = Replaced(self, P.clone(result) if part and self.copies else result)
        if part:
            out.part_of(operands[0]._data, (primitive, params))
        return out

    def called(self, run: Callable[..., Any], args: Sequence[Any]) -> Any:
        output = self.below(run, *[self.inner(x) if type(x) in TENSORS else x for x in args])
        outs = output if isinstance(output, tuple) else (output,)
        found = tuple([self.wrapped(x) if isinstance(x, Tensor) else x for x in outs])
        return found if isinstance(output, tuple) else found[0]

    def settled(self, data: Replaced) -> Tensor:
        """The value of a tensor as it is now."""
        if data.steps and data.generation != data.root.generation:
            self.settle(data)
        value: Tensor = data.value
        return value

    def settle(self, data: Replaced) -> None:
        value = data.root.value
        for primitive, params in data.steps:
            value = value.detach() if primitive is None else primitive(value, **params)
        data.value, data.generation = P.clone(value) if self.copies else value, data.root.generation

    def put(self, data: Replaced, new: Replaced, op: str) -> None:
        value, root = new.value, data.root
        if value._data.dtype != data.dtype:
            value = P.cast(value, dtype=data.value.dtype, back=value.dtype)
        steps = tuple([step for step in data.steps if step[0] is not None])
        root.value = P.scatter_view(root.value, value, steps=steps) if steps else value
        root.generation += 1
        if data is root:
            data.generation = root.generation

    def put_outside(self, tensor: Tensor, new: Replaced, op: str) -> None:
        known = self.arguments.get(id(tensor))
        if known is None or known._data.outside:
            overwrite(tensor, new.value, op)
        else:
            self.put(known._data, new, op)

    def detached(self, data: Replaced, value: Tensor) -> Replaced:
        out = Replaced(self, value)
        out.part_of(data, (None, {}))
        return out

    def frozen(self, tensor: Tensor) -> Any:
        if not self.owns(tensor) or tensor._data.outside:
            return super().frozen(tensor)
        return Replaced(self, self.current(tensor).value)  # which nobody will write

    def plain(self, tensor: Tensor, what: str) -> Tensor:
        return self.inner(tensor)
