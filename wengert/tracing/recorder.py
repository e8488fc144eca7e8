"""The recorder: stands in the place of evaluation and writes down what runs.

While it is in force the tape works as ever, `backward` is the ordinary engine and an optimiser's update is ordinary
in-place writes; but values are traced arrays of a graph (`capturing`), and a write replaces the value of a memory of
the graph. The user's memory and ``.grad`` are never touched: gradients live in slots of the recorder.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import nan
from typing import Any

import numpy as np

from ..core.dtypes import float64
from ..core.errors import TraceError
from ..core.operands import Cotangent
from ..core.primitive import P, Primitive, evaluate
from ..core.state import state
from ..ir import GENERATOR, Value
from ..tensors.alias import edge_of, shares, write
from ..tensors.tape import Leaf, Node, node_of
from ..tensors.tensor import TENSORS, Tensor, item_of, make
from .capturing import Capturing
from .memory import offset_within, root_of, same_strides
from .outside import Slot, has_resting_grad, resting_grad_of, spec_of
from .quantities import AS_THEY_ARE, NUMBERS, Traced, TracedInteger, plain_parameter
from .repeats import Repeats
from .seeds import is_young
from .sizes import TracedSize
from .sources import Gradient
from .values import TracedArray

_BY_VALUE = {"masked_select", "nonzero", "unique", "repeat_interleave", "bincount"}


class Recorder(Capturing):
    """Records one run of a function into ``graph``. Use as a context manager around the run."""

    # --- what a tracer is asked ---------------------------------------------------------------------------------------

    def evaluate(
        self, primitive: Primitive, operands: tuple[Any, ...], params: dict[str, Any]
    ) -> TracedArray | tuple[TracedArray, ...]:
        if self._line is None:
            return self._on_one_line(self._evaluated, primitive, operands, params)
        return self._evaluated(primitive, operands, params)

    def _evaluated(
        self, primitive: Primitive, operands: tuple[Any, ...], params: dict[str, Any]
    ) -> TracedArray | tuple[TracedArray, ...]:
        if primitive.name in _BY_VALUE or (
            primitive.name == "index" and any(_is_mask(x) for x in operands[1:])
        ):
            raise TraceError(
                f"[{primitive.name}] a result whose shape does not depend on values was expected while a function is "
                "being recorded; got one that does; compute with torch.where, or take it out of the function"
            )
        if self.lost:
            self._put_back(operands)
        values, arrays = [], []
        for operand in operands:
            value, array = self._operand(primitive, operand, operands)
            values.append(value)
            arrays.append(array)
        if params:
            params = {name: value if type(value) in AS_THEY_ARE else plain_parameter(primitive, name, value)
                      for name, value in params.items()}
        if primitive.multiple:
            parts = [np.asarray(part) for part in self.shadows.evaluate(primitive, arrays, params)]
            made = self._add(primitive, values, arrays, params, parts)
            self._cut(made[0], values, operands)
            return tuple([self.fresh(value, part) for value, part in zip(made, parts, strict=True)])
        if primitive.kind == "view":
            array = np.asarray(self.shadows.evaluate(primitive, arrays, params))
            if primitive is P.as_strided and self._lies_as(operands[0], params.get("geometry")):
                return self._of_memory(operands[0], {name: params[name] for name in ("size", "stride", "offset")})
            if shares(array, arrays[0]):
                whole = self.place(operands[0])
                if primitive.name == "slice" and params["index"] == ():
                    return self.traced_array(whole.memory, whole.steps, whole.value, whole.array)
                (value,) = self._add(primitive, values, arrays, params, (array,))
                self._cut(value, values, operands)
                return self.traced_array(whole.memory, (*whole.steps, (primitive, params)), value, array)
            (value,) = self._add(primitive, values, arrays, params, (array,))
            self._cut(value, values, operands)
            return self.fresh(value, array)
        found = self.fresh(*self._run(primitive, values, arrays, params))
        self._cut(found.value, values, operands)
        if primitive is P.index and all([isinstance(x, Tensor) and not x._data.ndim for x in operands[1:]]):
            memory = self.place(operands[0]).memory
            found.memory.origin = memory, memory.generation
        return found

    def _cut(self, result: Value, values: Sequence[Any], operands: Sequence[Any]) -> None:
        """Notes which operands of an instruction have no history here: Note [cuts]."""
        for number, (value, operand) in enumerate(zip(values, operands, strict=True)):
            if type(value) is Value and not self._has_history(value, operand):
                self.cuts.add((result, number))

    def _has_history(self, value: Value, operand: Any) -> bool:
        if self.back is not None and value in self.back:
            return True
        if not isinstance(operand, Tensor) or (self.back is None and not state.grad):
            return False
        edge = edge_of(operand)
        if type(edge) is not Leaf:
            return edge is not None
        leaf = edge.variable
        return leaf is not None and self.is_outside(leaf)  # the history of one that the function made ends there

    def _put_back(self, operands: tuple[Any, ...]) -> None:
        """Note [x of i]: an operation that takes both x and its copy is the assignment."""
        memories = [self.place(x).memory for x in operands if isinstance(x, Tensor)]
        back = [copy for origin, copy in self.lost.items() if origin in memories and copy in memories]
        if back:
            self.lost = {origin: copy for origin, copy in self.lost.items() if copy not in back}
            for copy in back:
                copy.origin = None

    def _operand(self, primitive: Primitive, operand: Any, operands: tuple[Any, ...]) -> tuple[Any, Any]:
        if type(operand) in TENSORS:
            return self.read(self.place(operand))
        if operand is None or type(operand) in NUMBERS:
            return operand, operand
        if isinstance(operand, Tensor):
            return self.read(self.place(operand))
        if isinstance(operand, Traced):
            return self._number(operand, operands)
        if isinstance(operand, np.generic):
            operand = operand.item()
        if type(operand) is TracedSize:
            operand = operand.taken()
        if operand is None or isinstance(operand, (bool, int, float, complex)):
            return operand, operand
        if isinstance(operand, np.ndarray):
            return self._constant(operand), operand
        raise TraceError(
            f"[{primitive.name}] a tensor or a number was expected; got {type(operand).__name__}, which cannot be "
            "recorded"
        )

    def _number(self, quantity: Traced, operands: tuple[Any, ...]) -> tuple[Value, Any]:
        """A quantity in the dtype in which it meets the other operands, as a Python number there would."""
        value, array = self.read(self.place(quantity.tensor))
        dtype, own = quantity.meets, value.spec.dtype
        if dtype is None:  # a comparison, which leaves numbers as they are
            floating = [x.dtype for x in operands if isinstance(x, Tensor) and x.dtype.is_floating_point]
            dtype = floating[0] if floating else own
        if dtype is own:
            return value, array
        return self._run(P.cast, (value,), (array,), {"dtype": dtype, "back": own})

    def _constant(self, array: np.ndarray) -> Value:
        value = Value(f"c{len(self.graph.constants)}", spec_of(array))
        self.graph.constants.append((value, array.copy(order="K")))
        self.independent.add(value)
        return value

    def made(self, tensor: Tensor) -> None:
        """A tensor made of an array inside the function is a constant, unless the array is memory that is known, or one
        of the user's that is an input (`arrays`)."""
        data = tensor._data
        read = self.reads.of_array(data) if type(data) is np.ndarray else None
        if read is not None:
            self.hold(tensor, read)
        elif id(data) in self.arrays:
            tensor._data = self.shared(self.stand_ins[self.arrays[id(data)]])
        elif type(data) is np.ndarray and id(root_of(data)) not in self.memories:
            tensor._data = self.fresh(self._constant(data), data.copy(order="K"))

    def shares(self, part: Tensor, whole: Tensor) -> bool:
        return self.place(part).memory is self.place(whole).memory

    def lies(self, tensor: Tensor, absolute: bool) -> tuple[int, int]:
        traced = self.place(tensor)
        _, array = self.read(traced)
        memory = traced.memory
        if absolute and any(self.place(stand_in).memory is memory for stand_in in self.stand_ins.values()):
            raise TraceError(
                "[storage_offset] the place of a tensor in memory that was there before was expected; got that of an "
                "argument, which may lie elsewhere at another call; clone() it first, or count from its own beginning"
            )
        if not memory.array.flags.c_contiguous:
            raise TraceError(
                "[as_strided] a tensor over memory in row-major order was expected while a function is being recorded; "
                "got one that lies otherwise; call contiguous() on it first"
            )
        return offset_within(memory.array, array), memory.array.size

    def _lies_as(self, tensor: Tensor, geometry: tuple[tuple[int, ...], int] | None) -> bool:
        """Whether a tensor lies in its memory, which is all known, with these strides and from this element on."""
        traced = self.place(tensor)
        whole, array = traced.memory.array, traced.array
        return geometry is not None and whole.flags.c_contiguous and geometry == (
            tuple([s // array.itemsize for s in array.strides]), offset_within(whole, array))

    def _of_memory(self, tensor: Tensor, params: dict[str, Any]) -> TracedArray:
        """The part of a tensor's memory that `as_strided` reads."""
        memory = self.place(tensor).memory
        found = self._run(P.as_strided, (memory.value,), (memory.array,), params)
        return self.traced_array(memory, ((P.as_strided, params),), *found)

    def in_rows(self, value: Value, array: np.ndarray) -> tuple[Value, tuple[int, ...]] | None:
        """A value that lies dense as this array does, with its dimensions in the order of memory, and in which order
        these are to be then; None where it lies in rows, or has gaps."""
        order = tuple(sorted(range(array.ndim), key=lambda d: -array.strides[d]))
        if array.flags.c_contiguous or not array.transpose(order).flags.c_contiguous:
            return None
        turned = self.evaluate(P.permute, (make(self.fresh(value, array), None),), {"dims": order})
        assert isinstance(turned, TracedArray), turned
        return turned.value, tuple([order.index(d) for d in range(array.ndim)])

    def shared(self, tensor: Tensor) -> TracedArray:
        traced = self.place(tensor)
        self.read(traced)
        return self.traced_array(traced.memory, traced.steps, traced.value, traced.array)

    def frozen(self, tensor: Tensor) -> TracedArray:
        traced = self.place(tensor)
        memory = traced.memory
        copy = self.lost.pop(memory, None)  # what is put back is put into the tensor as it is
        found = self.fresh(*self.read(traced))
        if copy is not None:
            self.lost[memory] = self.lost[found.memory] = copy
        return found

    def write(self, tensor: Tensor, new: Tensor) -> bool:
        traced = self.place(tensor)
        old, shadow = self.read(traced)
        value, array = self.read(self.place(new))
        memory = traced.memory
        if traced.steps:
            part = value
            value, array = self._run(P.scatter_view, (memory.value, value), (memory.array, array),
                                     {"steps": traced.steps})
            if not self._has_history(part, new):
                self.cuts.add((value, 1))
        elif array.dtype != shadow.dtype or not same_strides(array, shadow):
            # The memory keeps its dtype and its strides: later results depend on both, to the last bit.
            value, array = self._run(P.overwrite, (old, value), (shadow, array), {})
        self.replace(memory, value, array)
        if memory.origin is not None:
            self.lost[memory.origin[0]] = memory
        return False

    def only_where(self, condition: Tensor, run: Callable[[], Any]) -> None:
        journal = self.journaled(run)
        truth = make(self.evaluate(P.reshape, (condition,), {"shape": ()}), None)
        held, holds = self.read(self.place(truth))
        for memory, (old, array) in journal.items():
            memory.replace(*self._run(P.where, (held, memory.value, old), (holds, memory.array, array), {}))

    def repeating(self, shared: Sequence[Tensor]) -> Repeats:
        return Repeats(self, shared)

    def recorded(self, node: Node) -> None:
        for edge in node.edges:
            below = node_of(edge)
            if below is not None and type(below) is not Leaf and below.sequence < self.start:
                raise TraceError(
                    f"[{node.primitive.name}] a tensor whose history begins inside the recorded function was expected; "
                    f"got one that {below.name()} computed outside; compute it inside, or detach() it"
                )
        super().recorded(node)

    def pulled(self, node: Node, ct: Cotangent, grads: Sequence[Any]) -> None:
        if node.sequence < self.start:
            raise TraceError(
                f"[backward] a history that begins inside the recorded function was expected; got {node.name()}, "
                "which was recorded outside; compute the loss inside the function"
            )
        super().pulled(node, ct, grads)

    def known(self, tensor: Tensor) -> np.ndarray | None:
        value, array = self.read(self.place(tensor))
        if value not in self.independent:
            return None
        if value in self.of_arrays:
            self.reads.look_at_arrays()
        return self.shadows.known(array).copy()

    def value(self, tensor: Tensor, what: str) -> np.ndarray:
        array = self.known(tensor)
        if array is not None:
            return array
        value, shadow = self.read(self.place(tensor))
        if what == "tolist" and value in self.whole:  # lengths of sequences, say
            self.looked.update({place: self.few[place].copy() for place in self.whole[value]})
            return self.shadows.known(shadow).copy()
        raise TraceError(
            f"[{what}] the value of a tensor was asked for while a function is being recorded, when there are no "
            "values yet; compute with tensors (torch.where instead of if), or take the value outside the function"
        )

    def item(self, tensor: Tensor) -> Any:
        value, array = self.read(self.place(tensor))
        if value in self.independent or array.size != 1 or array.dtype.kind not in "fVbiu":
            return item_of(self.value(tensor, "item"))
        single = make(self.evaluate(P.reshape, (tensor,), {"shape": ()}), None)
        if array.dtype.kind in "biu":
            return TracedInteger(single, nan, None, self.conditions, "a tensor")
        wide = make(self.evaluate(P.cast, (single,), {"dtype": float64, "back": spec_of(array).dtype}), None)
        return Traced(wide, nan, None, self.conditions, "a tensor")

    def changes(self, tensor: Tensor, op: str) -> None:
        if self.is_outside(tensor) and not (op == "requires_grad_" and self._turns(tensor)):
            raise TraceError(
                f"[{op}] a tensor made inside the recorded function was expected; got one from outside, which "
                "recording leaves as it is; do this before the function runs"
            )

    def _turns(self, tensor: Tensor) -> bool:
        """Notes that a leaf of the user's begins to require gradients, or stops; its slot rests meanwhile. Says no
        where that is not possible: of a view, of what something outside computed, of an argument with a gradient left
        from before."""
        self.place(tensor)
        edge, alias = edge_of(tensor), tensor._alias
        if (alias is not None and alias.steps) or id(edge) in self.histories or type(edge) not in (Leaf, type(None)):
            return False
        if id(tensor) in self.stale and id(tensor) not in self.resting:
            return False
        if edge is None and id(tensor) not in self.resting and has_resting_grad(tensor):
            self._rest(tensor)
        if isinstance(edge, Leaf):
            self.resting[id(tensor)] = self.slot(edge, tensor)
            del self.slots[id(edge)]
        self.turned.setdefault(id(tensor), (tensor, self.source_of(tensor), edge is not None))
        return True

    def relaid(self, tensor: Tensor, change: Callable[..., Any], arguments: tuple[Any, Any]) -> None:
        if not self.is_outside(tensor):
            return
        self.layouts.append((self.source_of(tensor), state.grad, change, arguments))

    def draws(self, generator: Any, reseeds: bool = False) -> None:
        if is_young(generator):  # it begins at the same place in every call
            return
        raise TraceError(
            "[random] random numbers by one of the functions of the namespace were expected while a function is being "
            "recorded; got a draw by the generator itself, or its state; draw outside, and pass the numbers as an "
            "argument"
        )

    def postpones(self, schedule: Any, run: Callable[[], None], arguments: Sequence[Any]) -> bool:
        later, ours = self.later, [*self.later.young, *[step.schedule for step in self.later.steps]]
        if schedule._is_initial:
            later.young.append(schedule)
        elif all([type(x) in (int, float, type(None)) for x in arguments]) and not any(
                schedule is each for each in ours) and not any(
                group is shown for group in schedule.optimizer.param_groups for shown in self.shown):
            later.leave(schedule, run)
            return True
        return False

    def update(self, run: Callable[[Any], None], group: dict[str, Any]) -> None:
        optimizer: Any = run.__self__  # type: ignore[attr-defined]
        if self.later.is_behind(group):
            raise TraceError("[step] the step of an optimiser was expected before that of its schedule in a function "
                             "that is being recorded, as a schedule makes its step at the end of each call; got it "
                             "after it; exchange the two, or make the schedule's step outside the function")
        state.watcher = None
        try:
            optimizer._settle()
        finally:
            state.watcher = self
        self.ready.append((optimizer, dict(optimizer._ready)))
        self._on_one_line(super().update, run, TracedGroup(self, group))

    def undo_updates(self) -> None:
        """Hides the states again that optimisers have shown since their first step was recorded."""
        for optimizer, ready in self.ready:
            for parameter, entry in ready.items():
                if parameter not in optimizer._ready:
                    optimizer._ready[parameter] = entry
                    optimizer.state.pop(parameter, None)

    def draw(self, sampler: str, generator: Any, operands: tuple[Any, ...], params: dict[str, Any]) -> Tensor:
        if id(generator) not in self.generators and is_young(generator):
            return self._drawn_alike(sampler, generator, operands, params)
        if id(generator) not in self.generators:
            value = Value(self.names.free("generator"), GENERATOR)
            self.graph.generators.append(value)
            self.generators[id(generator)] = value, generator, generator.clone_state()
        source, _, double = self.generators[id(generator)]
        pairs = [self._operand(P.draw, operand, operands) for operand in operands]
        params = {"sampler": sampler, **{name: plain_parameter(P.draw, name, value) for name, value in params.items()}}
        state.watcher = None  # drawing moves the copy of the generator on, which nobody watches
        try:
            array = np.asarray(evaluate(P.draw, (double, *(self.shadows.known(array) if type(array) is np.ndarray
                                                           else array for _, array in pairs)), params))
        finally:
            state.watcher = self
        (value,) = self._add(P.draw, (source, *(value for value, _ in pairs)), (), params, (array,))
        return make(self.fresh(value, array), None)

    def _drawn_alike(self, sampler: str, generator: Any, operands: tuple[Any, ...], params: dict[str, Any]) -> Tensor:
        """What a generator draws that the function has made itself: the same in every call."""
        if any(type(operand) not in (int, float) for operand in operands):
            raise TraceError("[random] plain numbers were expected by a generator that the recorded function makes "
                             "itself; got a tensor, or a number that may change; make the generator outside")
        params = {"sampler": sampler, **{name: plain_parameter(P.draw, name, value) for name, value in params.items()}}
        state.watcher = None
        try:
            drawn = np.asarray(evaluate(P.draw, (generator, *operands), params))
        finally:
            state.watcher = self
        return make(self.fresh(self._constant(drawn), drawn), None)

    # --- gradients ----------------------------------------------------------------------------------------------------

    def slot(self, leaf: Leaf, tensor: Tensor) -> Slot:
        """The slot of a leaf; made, for one of the user's, when it is first asked for."""
        found = self.slots.get(id(leaf)) or self.resting.get(id(tensor))
        if found is not None:
            self.slots[id(leaf)] = found
        else:
            source = self.source_of(tensor) if self.is_outside(tensor) else None
            found = self.slots[id(leaf)] = Slot(leaf, source, leaf.grad if source is not None else None)
            if source is not None and leaf.grad is not None:
                self.gradients[id(leaf.grad)] = Gradient(source)
        return found

    def grad_of(self, tensor: Tensor) -> Tensor | None:
        leaf = tensor._edge
        assert isinstance(leaf, Leaf), leaf
        return self.slot(leaf, tensor).current

    def resting_grad(self, tensor: Tensor) -> Tensor | None:
        if id(tensor) in self.stale and id(tensor) not in self.resting:
            raise TraceError("[grad] an argument that has no gradient was expected, as it requires none; got one with "
                             "a gradient from when it did; clear that, or pass it as an argument of its own")
        slot = self.resting.get(id(tensor))
        if slot is None and self.is_outside(tensor):
            slot = self._rest(tensor)
        return super().resting_grad(tensor) if slot is None else slot.current

    def _rest(self, tensor: Tensor) -> Slot:
        """The slot of a tensor of the user's that requires no gradient, and may have one from when it did."""
        source, was = self.source_of(tensor), resting_grad_of(tensor)
        slot = self.resting[id(tensor)] = Slot(None, source, was)
        if was is not None:
            self.gradients[id(was)] = Gradient(source)
        return slot

    def set_grad(self, tensor: Tensor, value: Tensor | None) -> None:
        if type(tensor._edge) is Leaf:
            self.slot(tensor._edge, tensor).current = value
        elif id(tensor) in self.resting:
            self.resting[id(tensor)].current = value
        elif value is not None or has_resting_grad(tensor):
            if value is None and self.is_outside(tensor):
                self.layouts.append((self.source_of(tensor), state.grad, _cleared, ((), {})))
            else:
                self.changes(tensor, "grad")
            tensor._rarely()["grad"] = value

    def accumulate(self, leaf: Leaf, ct: Tensor) -> None:
        tensor = leaf.variable
        if tensor is None:
            return
        slot = self.slot(leaf, tensor)
        if slot.current is None:
            slot.current = P.clone(ct) if state.grad else make(self._own(ct, tensor), None)
        elif state.grad:
            slot.current = slot.current + ct
        else:
            write(slot.current, P.add(slot.current, ct), "add_")

    def _own(self, ct: Tensor, tensor: Tensor) -> TracedArray:
        """A cotangent on a memory of its own, lying as in eager mode (`engine.alike`): as its tensor does, or in rows.
        A copy in the graph only where it lies otherwise."""
        value, array = self.read(self.place(ct))
        old, like = self.read(self.place(tensor))
        if not like.flags.c_contiguous and np.empty_like(like).strides == like.strides and like.dtype == array.dtype:
            if not same_strides(array, like):
                value, array = self._run(P.overwrite, (old, value), (like, array), {})
        elif not array.flags.c_contiguous:
            value, array = self._run(P.clone, (value,), (array,), {"order": "C"})
        return self.fresh(value, array)


class TracedGroup(dict[str, Any]):
    """The settings of a group of parameters while an update is recorded: the floats among them are quantities."""

    def __init__(self, recorder: Recorder, group: dict[str, Any]) -> None:
        self._recorder, self._group = recorder, group
        self._known: dict[str, Any] = {}
        super().__init__(group)

    def __getitem__(self, key: str) -> Any:
        if key not in self._known:
            self._known[key] = self._setting(key, self._group[key])
        return self._known[key]

    def get(self, key: str, default: object = None) -> Any:
        return self[key] if key in self else default

    def _setting(self, key: str, value: object) -> Any:
        recorder = self._recorder
        found = recorder.setting(self._group, key, value)
        if found is not None:
            return found
        recorder.reads.note(self._group, key, f"param_group[{key!r}]", rooted=True)
        return value


def _cleared(tensor: Tensor) -> None:
    tensor.grad = None


def _is_mask(operand: object) -> bool:
    return isinstance(operand, (Tensor, np.ndarray)) and getattr(operand, "_data", operand).dtype == bool
