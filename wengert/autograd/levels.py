"""Values other than arrays: what a tensor holds inside a transformation, and how primitives run on it.

A *level* is one transformation in force: a `vmap` (autograd/batching.py) or a forward derivative (autograd/forward.py).
Inside it tensors hold `Lifted` data: one or two tensors of the level below, on which the level's rule runs each
primitive. The level below may be another level, a recorder, or plain evaluation.

The one idea to know: a level stands in the place of evaluation, as the recorder does, and the tape above it works as
ever. So a tensor inside can have two histories: its own, of what this level's program differentiates, and that of the
tensors it holds, on which the world outside runs back. A tensor from outside is a constant of the level, held as it
is: its history goes on below.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import numpy as np

from ..core.errors import TraceError
from ..core.geometry import bytes_of, strided_view
from ..core.primitive import HALVES, P, Primitive
from ..core.state import state
from ..prims.draws import SAMPLERS
from ..tensors.alias import attach_view, edge_of, same_memory, shares
from ..tensors.apply import bare, record
from ..tensors.evaluation import Tracer, Unseen, known, tell
from ..tensors.inplace import overwrite
from ..tensors.tape import Leaf, Node, next_sequence
from ..tensors.tensor import TENSORS, Tensor, make, root_of, version_cell
from . import engine

ndarray = np.ndarray
new = object.__new__

Step = tuple[Any, dict[str, Any]]
"""A view on the way from a memory to a part of it, or (None, {}): from there on without the history below."""


def array_of(value: Tensor, recorded: bool) -> ndarray | None:
    """The array of a tensor of plain memory, not in half precision, without a history where that is to be ``recorded``;
    None for any other."""
    data = value._data
    if type(data) is not ndarray or data.dtype.char in HALVES or (recorded and has_history(value)):
        return None
    return data


def plain_array(value: Tensor, dtype: Any, recorded: bool) -> ndarray | None:
    """`array_of` of a tensor of this dtype, of any floating one that is computed with as it is for None."""
    data = value._data
    if type(data) is not ndarray or (data.dtype.char not in "fdFD" if dtype is None else data.dtype is not dtype):
        return None
    if recorded and (value._edge is not None or (value._alias is not None and value._alias.storage.edge is not None)):
        return None
    return data


def has_history(value: Tensor) -> bool:
    """Whether the tape leads on from a tensor, or from the memory that it is a view of."""
    return value._edge is not None or (value._alias is not None and value._alias.storage.edge is not None)


class Lifted(Unseen):
    """What a tensor holds at a level. A part of a memory is its ``root`` seen through view ``steps``, read anew where
    the root has been replaced (its ``generation`` has moved on): most writes go to the memory below and need not.

    ``outside`` marks memory that the level did not make, where what belongs to the level cannot be put.
    """

    __slots__ = ("__weakref__", "_whole", "dtype", "generation", "level", "outside", "shape", "steps", "value")

    shape: tuple[int, ...]

    def __init__(self, level: Level, value: Tensor, outside: bool = False) -> None:
        self.level, self.value, self.outside = level, value, outside
        self.dtype = value._data.dtype
        self._whole: Any = None
        self.steps: tuple[Step, ...] = ()
        self.generation = 0

    def part_of(self, whole: Lifted, step: Step) -> None:
        """Makes this a part of the memory of ``whole``, by one more view."""
        root = whole.root
        self._whole, self.steps, self.generation = root, (*whole.steps, step), root.generation
        self.outside = whole.outside

    @property
    def root(self) -> Any:
        """The memory that this is a part of: itself, for the whole (which does not refer to itself: no cycle)."""
        return self if self._whole is None else self._whole

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        count = 1
        for n in self.shape:
            count *= n
        return count

    @property
    def itemsize(self) -> int:
        return int(self.dtype.itemsize)

    @property
    def nbytes(self) -> int:
        return self.size * self.itemsize

    @property
    def strides(self) -> tuple[int, ...]:
        strides: tuple[int, ...] = self.value._data.strides
        return strides[len(strides) - len(self.shape):]

    @property
    def flags(self) -> Any:
        one = np.empty(1, self.dtype)
        return strided_view(one, self.shape, self.strides).flags

    def _refuse(self, what: str) -> NoReturn:
        name = self.level.name
        if self.level.ended:
            raise TraceError(f"[{name}] a tensor of this moment was expected; got one that was made inside {name}, and "
                             "has no value outside it; return it from the function")
        raise TraceError(f"[{name}] an operation asked a tensor for {what} inside {name}, when there is none that it "
                         "could see; compute with tensors, or do this outside")


class Level(Tracer):
    """One transformation in force, from entering it to leaving. ``kind`` is the class of its data."""

    records = told = False
    name = ""
    kind: type[Lifted]

    def __enter__(self) -> Any:
        self.run = engine.innermost()
        self.start = next_sequence()
        self.grad = state.grad
        return super().__enter__()

    # --- the level below ----------------------------------------------------------------------------------------------

    def below(self, run: Callable[..., Any], *arguments: Any) -> Any:
        """Calls a function with the level below in force."""
        here = state.here
        watcher, grad = here["watcher"], here["grad"]
        here["watcher"] = self.outer
        here["grad"] = self.records_below()
        try:
            return run(*arguments)
        finally:
            here["watcher"], here["grad"] = watcher, grad

    def records_below(self) -> bool:
        """Whether the tape below goes on. It does where this level's stands still for a run back that began at this
        level, which records nothing on this level's tape alone."""
        if state.grad or not self.grad:
            return state.grad
        run_now = engine.innermost()
        return run_now is not None and run_now is not self.run

    def evaluate(self, primitive: Primitive, operands: tuple[Any, ...], params: dict[str, Any]) -> Any:
        if self.outer is None:
            found = self.at_once(primitive, operands, params)
            if found is not None:
                return found
        return self.below(self.ruled, primitive, operands, params)

    def shortcut(self, primitive: Primitive, operands: tuple[Any, ...], params: dict[str, Any]) -> Any:
        grad = state.here["grad"]
        view = primitive.kind == "view" and not primitive.multiple
        data = (self.brief_view if view else self.brief)(primitive, operands, params, grad or self.records_below())
        if data is None:
            return None
        out: Tensor = new(Tensor)
        out._data = data
        out._edge = out._alias = out._cell = out._rare = None
        if grad and primitive.records and data.dtype.kind in "fcVW":
            edges = tuple([(x._edge if x._alias is None else edge_of(x)) if type(x) in TENSORS else None
                           for x in operands])
            if edges.count(None) < len(edges):
                record(primitive, self.lifted(operands), edges, out, params, False)
        if view and data.root is operands[0]._data.root:
            attach_view(operands[0], out, primitive, params, grad)
        if self.told:
            tell(self, primitive, operands, params, out, out._edge)
        return out

    def brief(self, primitive: Primitive, operands: tuple[Any, ...], params: dict[str, Any], recorded: bool) -> Any:
        """The data of the result in the common case: one floating dtype, Python numbers, arrays of the plain level
        below without a history that would be ``recorded``, one result that is no view. None in any other: Note [on
        arrays]."""
        return None

    def brief_view(self, primitive: Primitive, operands: tuple[Any, ...], params: dict[str, Any],
                   recorded: bool) -> Any:
        """The same of a view of a tensor of this level."""
        return None

    @abstractmethod
    def at_once(self, primitive: Primitive, operands: tuple[Any, ...], params: dict[str, Any]) -> Any:
        """What `ruled` gives, by the same rules on the arrays themselves, where the level below is plain evaluation and
        keeps no history of any operand; None where it does, or there is more to see to. See Note [on arrays]."""

    def seen(self, value: Tensor, data: ndarray, primitive: Primitive, params: dict[str, Any],
             recorded: bool) -> Tensor:
        """A tensor of the plain level below around a view of the array that ``value`` holds."""
        out = bare(data)
        if shares(data, value._data):
            attach_view(value, out, primitive, params, recorded)
        return out

    @abstractmethod
    def ruled(self, primitive: Primitive, operands: tuple[Any, ...], params: dict[str, Any]) -> Any:
        """The data of the result of a primitive, or a tuple of them. Runs with the level below in force."""

    def called(self, run: Callable[..., Any], args: Sequence[Any]) -> Any:
        """What a function of tensors that is no primitive gives, by nothing but levels inside of this one: for levels
        of which `function_rules` knows none of their own."""
        raise NotImplementedError(self.name)

    @abstractmethod
    def constant(self, value: Tensor, outside: bool) -> Any:
        """The data for a tensor of the level below that is the same whatever the level varies."""

    @abstractmethod
    def settle(self, data: Any) -> None:
        """Reads a part anew whose root has been replaced."""

    @abstractmethod
    def put(self, data: Any, new: Any, op: str) -> None:
        """Puts the value of ``new`` into the memory of ``data``. Runs with the level below in force."""

    @abstractmethod
    def put_outside(self, tensor: Tensor, new: Any, op: str) -> None:
        """Puts the value of ``new`` into memory from outside. Runs with the level below in force."""

    def owns(self, tensor: Tensor) -> bool:
        """Whether a tensor holds data of this level."""
        data = tensor._data
        return type(data) is self.kind and data.level is self

    def current(self, tensor: Tensor) -> Any:
        """The data of a tensor of this level, as it is now."""
        data = tensor._data
        if data.steps and data.generation != data.root.generation:
            self.below(self.settle, data)
        return data

    def lift(self, tensor: Tensor) -> Tensor:
        """A tensor from outside as a constant of this level."""
        out: Tensor = make(self.constant(tensor, True), None)
        out._cell = version_cell(tensor)
        return out

    def lifted(self, operands: tuple[Any, ...]) -> tuple[Any, ...]:
        kind = self.kind
        for x in operands:
            if type(x) in TENSORS and (type(x._data) is not kind or x._data.level is not self):
                return tuple([self.lift(x) if type(x) in TENSORS and not self.owns(x) else x for x in operands])
        return operands

    def inner(self, tensor: Tensor) -> Tensor:
        """The tensor of the level below that a tensor holds; one from outside itself."""
        return self.current(tensor).value if self.owns(tensor) else tensor

    # --- what a watcher is told: of tensors of this level nobody outside hears ----------------------------------------

    def recorded(self, node: Node) -> None:
        pass

    def computed(self, primitive: Primitive, operands: tuple[Any, ...], params: dict[str, Any], out: Any) -> None:
        pass

    def made(self, tensor: Tensor) -> None:
        if tensor._edge is None and type(tensor._data) is np.ndarray:
            data = tensor._data
            tensor._data = self.constant(bare(data) if self.outer is None else self.below(make, data, None), False)

    def taken(self, tensor: Tensor, what: str) -> None:
        pass

    def writes(self, tensor: Tensor, new: Tensor) -> None:
        pass

    def detaches(self, tensor: Tensor) -> None:
        pass

    def changes(self, tensor: Tensor, op: str) -> None:
        if not self.owns(tensor):
            super().changes(tensor, op)

    def passes(self, node: Node, ct: Any, grads: Sequence[Any]) -> Sequence[Any]:
        return grads

    def pulled(self, node: Node, ct: Any, grads: Sequence[Any]) -> None:
        pass

    # --- what a tracer is asked ---------------------------------------------------------------------------------------

    def write(self, tensor: Tensor, new: Tensor) -> bool:
        source = self.current(new) if self.owns(new) else self.constant(new, True)
        if not self.owns(tensor):
            self.below(self.put_outside, tensor, source, "copy_")
            return True
        data = self.current(tensor)
        if data.outside:
            self.below(self.put_outside, data.value, source, "copy_")
        else:
            self.below(self.put, data, source, "copy_")
        return False

    def shares(self, part: Tensor, whole: Tensor) -> bool:
        return part._data.root is whole._data.root

    def shared(self, tensor: Tensor) -> Any:
        if not self.owns(tensor):
            return self.constant(self.below(Tensor.detach, tensor), True)
        data = self.current(tensor)
        return self.detached(data, self.below(Tensor.detach, data.value))

    @abstractmethod
    def detached(self, data: Any, value: Tensor) -> Any:
        """The data of a tensor on the memory of ``data``, without history: ``value`` is it at the level below."""

    def frozen(self, tensor: Tensor) -> Any:
        return self.ruled_clone(tensor if self.owns(tensor) else self.lift(tensor))

    def ruled_clone(self, tensor: Tensor) -> Any:
        self.current(tensor)
        return self.below(self.ruled, P.clone, (tensor,), {})

    @abstractmethod
    def plain(self, tensor: Tensor, what: str) -> Tensor:
        """The tensor below that stands for this one where Python asks for its value; raises where none can."""

    def value(self, tensor: Tensor, what: str) -> Any:
        return self.below(self.plain(tensor, what)._concrete, what)

    def known(self, tensor: Tensor) -> Any:
        try:
            value = self.plain(tensor, "")
        except RuntimeError:
            return None
        return self.below(known, value)

    def item(self, tensor: Tensor) -> Any:
        return self.below(self.plain(tensor, "item").item)

    def one_by_one(self, run: Callable[..., Any], tensors: tuple[Any, ...]) -> Any:
        found = self.below(run, *[self.inner(x) if type(x) in TENSORS else x for x in tensors])
        return tuple([self.wrapped(part) for part in found]) if isinstance(found, tuple) else self.wrapped(found)

    def only_where(self, condition: Tensor, run: Callable[[], Any]) -> None:
        if bool(condition):
            run()

    def relaid(self, tensor: Tensor, change: Callable[..., Any], arguments: tuple[Any, Any]) -> None:
        if not self.owns(tensor):
            raise TraceError(f"[{self.name}] a tensor made inside {self.name} was expected to take another shape; got "
                             "one from outside; take a view of it")

    def lies(self, tensor: Tensor, absolute: bool) -> tuple[int, int]:
        return self.below(place_of, self.inner(tensor), absolute)

    def grad_of(self, tensor: Tensor) -> Any:
        edge: Any = tensor._edge
        return edge.grad if self.owns(tensor) else self.below(lambda: tensor.grad)

    def set_grad(self, tensor: Tensor, value: Tensor | None) -> None:
        if not self.owns(tensor):
            self.below(setattr, tensor, "grad", None if value is None else self.inner(value))
        elif type(tensor._edge) is Leaf:
            tensor._edge.grad = value
        else:
            tensor._rarely()["grad"] = value

    def accumulate(self, leaf: Leaf, ct: Tensor) -> None:
        tensor = leaf.variable
        if tensor is None:
            return
        if self.owns(tensor):
            leaf.grad = ct if leaf.grad is None else leaf.grad + ct
        else:
            self.below(self._accumulate_below, leaf, self.collected(ct))

    def collected(self, ct: Tensor) -> Tensor:
        """A cotangent of a tensor from outside, as one for the level below."""
        return self.inner(ct)

    def _accumulate_below(self, leaf: Leaf, ct: Tensor) -> None:
        tracer = None if state.watcher is None else state.watcher.tracer
        if tracer is not None:
            tracer.accumulate(leaf, ct)
        else:
            engine.accumulate_grad(leaf, ct._data, False)

    def draw(self, sampler: str, generator: Any, operands: tuple[Any, ...], params: dict[str, Any]) -> Tensor:
        inner = tuple([self.inner(x) if type(x) in TENSORS else x for x in operands])
        return self.wrapped(self.below(drawn, sampler, generator, inner, params))

    def wrapped(self, value: Tensor) -> Tensor:
        """A new tensor of the level below as a constant of this one."""
        return make(self.constant(value, False), None)


# Note [on arrays]: a level just above plain evaluation could run its rules on the tensors that it holds, as any other
# does. But what the plain level would add to a rule's steps is a history and a promotion of dtypes, and where neither
# is due the rule may as well run on the arrays: a third of the time of small operations, and one kernel where a
# derivative's steps on large arrays would be several. Half precision is left to tensors, which are computed with in
# float32.


def place_of(tensor: Tensor, absolute: bool) -> tuple[int, int]:
    """Where a tensor begins in its memory, and how large that is, in elements. (What is recorded may count from the
    beginning of an argument, unless the ``absolute`` place matters.)"""
    tracer = None if state.watcher is None else state.watcher.tracer
    if tracer is not None:
        return tracer.lies(tensor, absolute)
    return tensor.storage_offset(), bytes_of(root_of(tensor._data)).nbytes // tensor._data.itemsize


def drawn(sampler: str, generator: Any, operands: tuple[Any, ...], params: dict[str, Any]) -> Any:
    """Random numbers, at the level that is in force."""
    tracer = None if state.watcher is None else state.watcher.tracer
    if tracer is not None:
        return tracer.draw(sampler, generator, operands, params)
    values = [x._data if isinstance(x, Tensor) else x for x in operands]
    return make(SAMPLERS[sampler].run(generator, *values, **params), None)


def level() -> Level | None:
    """The innermost level in force in this thread, unless a recorder is further inside."""
    tracer = None if state.watcher is None else state.watcher.tracer
    return tracer if isinstance(tracer, Level) else None


def off_tape(x: Tensor) -> Tensor:
    """A tensor of the same memory without its history at this level; what it has below goes on."""
    inside = level()
    if inside is None:
        return x.detach()
    out = make(x._data if inside.owns(x) else inside.constant(x, True), None)
    out._cell = version_cell(x)
    return out


__all__ = ["Level", "Lifted", "Step", "array_of", "drawn", "level", "off_tape", "overwrite", "same_memory"]
