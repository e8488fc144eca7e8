"""What becomes of tensors while a function is recorded: traced arrays on memories of the graph.

A tensor of the user's that is met (*touched*) enters the graph as a state bound to its memory, and holds a traced array
until the end, so that no operation can look at its numbers. That and what the tape notes on it meanwhile (nodes,
versions, places on storages) is put back at the end. Where a program finds such a tensor, or a view of it, again is
said here too. What operations make of traced arrays is the business of `recorder`.
"""

from __future__ import annotations

import gc
import sys
import threading
import weakref
from abc import ABC
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Self

import numpy as np

from ..core.errors import NoDataError, TraceError
from ..core.forks import in_child
from ..core.frames import user_line
from ..core.primitive import Primitive
from ..core.state import state
from ..ir import InstructionGraph, Value
from ..tensors.absent import Absent
from ..tensors.alias import edge_of, is_recorded
from ..tensors.evaluation import Tracer
from ..tensors.tape import Leaf, next_sequence
from ..tensors.tensor import TENSORS, Tensor, make
from .keeping import Keeper
from .later import Later
from .memory import root_of, step_within, whole_of
from .names import Names
from .outside import Binding, Slot, has_resting_grad, spec_of
from .places import Read
from .quantities import Condition, Pending, Traced, TracedInteger
from .reads import Reads
from .shadows import Log, Shadows
from .sizes import SizeNotes
from .sources import Argument, Captured, Found, Gradient, Held, Owner, Part, QuantitySource, Setting, Source
from .values import Cut, Memory, Step, TracedArray

MOST_NUMBERS = 1024
"""Of so many whole numbers in an argument, lengths of sequences say, a recording may be for certain ones."""

_RECORDING: list[Capturing] = []
"""The recordings that are going on, of all threads."""


def _end_those_of_others() -> None:
    """In a child that was forked off, the tensors and places that another thread was recording are as they were."""
    for recorder in [each for each in _RECORDING if each.thread != threading.get_ident()]:
        recorder.keeper.restore()
        recorder.reads.undo()
        _RECORDING.remove(recorder)


in_child(_end_those_of_others)


class Capturing(Tracer, ABC):
    """The tensors of one recording, into ``graph``. A context manager around the run."""

    def __init__(self, name: str, names: Names, reads: Reads, sizes: SizeNotes | None = None) -> None:
        self.sizes = sizes
        """Where it is noted what the user's code asks of sizes, if the recording is to serve others."""
        self.graph, self.names, self.reads = InstructionGraph(name), names, reads
        self.start = next_sequence()
        self.keeper = Keeper()
        self.roots: dict[int, Any] = {}
        self.memories: dict[int, tuple[Memory, np.ndarray]] = {}
        self.stand_ins: dict[int, Tensor] = {}
        self.bindings: dict[str, list[Binding]] = {}
        self.called: dict[int, str] = {}
        """What tensors of the user's are called, by their identity: of those on one memory the first as the memory."""
        self.slots: dict[int, Slot] = {}
        self.resting: dict[int, Slot] = {}
        """The slots of tensors, by their identity, that have stopped collecting gradients."""
        self.stale: set[int] = set()
        """The stand-ins, by their identity, of arguments with a gradient from when they wanted one."""
        self.turned: dict[int, tuple[Tensor, Owner, bool]] = {}
        """Tensors of the user's that began or stopped to require gradients: where each is found, and whether it did
        before."""
        self.gradients: dict[int, Gradient] = {}
        self.traced_arrays: list[weakref.ref[TracedArray]] = []
        self.quantities: list[QuantitySource] = []
        self.conditions: list[Condition] = []
        self.settings: dict[Any, Traced] = {}
        self.shown: list[dict[str, Any]] = []
        """Groups of optimisers that code of the user's may read."""
        self.later = Later()
        self.generators: dict[int, tuple[Value, Any, Any]] = {}
        self.histories: set[int] = set()
        """The leaves that stand for histories outside, by their identity."""
        self.assigned: list[tuple[Owner, Owner]] = []
        """Leaves of which ``.grad`` becomes a tensor of the user's: where both are found."""
        self.layouts: list[tuple[Owner, bool, Callable[..., Any], tuple[Any, Any]]] = []
        """Tensors of the user's that take another shape, with gradients or without, by which method, in this order."""
        self.ready: list[tuple[Any, dict[Any, Any]]] = []
        """Optimisers that have made a step, and the states that they had ready before it."""
        self.log: Log | None = None
        """The shadows of the instructions that are written down, while somebody wants them."""
        self.journal: dict[Memory, tuple[Value, np.ndarray]] | None = None
        """What memories held before they were written, while that is noted."""
        self.lost: dict[Memory, Memory] = {}
        """Memories whose copies have been written: Note [x of i]."""
        self.independent: set[Value] = set()
        """Values that depend on nothing that the function is given: these can be looked at."""
        self.of_arrays: set[Value] = set()
        """Those of them that depend on arrays: who looks at one looks at these."""
        self.arrays: dict[int, int] = {}
        """The arrays among the arguments, by their identity: which argument each is."""
        self.looks = True
        """Whether a recording may be for certain numbers of its arguments."""
        self.whole: dict[Value, frozenset[int]] = {}
        """Values that depend on nothing but a few whole numbers or truths in arguments, and on which of these."""
        self.few: dict[int, np.ndarray] = {}
        """The arrays of these arguments."""
        self.looked: dict[int, np.ndarray] = {}
        """Which of these Python code has looked at, and the numbers that it has found."""
        self.cuts: set[Cut] = set()
        """Where a value goes into an instruction without its history: Note [cuts]."""
        self.back: set[Value] | None = None
        """While the way back is recorded: the values that have been made since it began."""
        self.shadows = Shadows()
        reads.quantity = self.pending
        self._line: str | None = None
        """The user's line, where it is known as long as something of wengert's own runs."""

    def line(self) -> str:
        return user_line() if self._line is None else self._line

    def own(self, run: Callable[..., Any], *operands: Any) -> Any:
        """Other watchers may call the user's code: those inside have not passed this on, and those outside are told."""
        if self._line is not None or self.outer is not None:
            return run(*operands)
        return self._on_one_line(run, *operands)

    def _on_one_line(self, run: Callable[..., Any], *operands: Any) -> Any:
        """Runs wengert's own code, called from one line of the user's, with nobody looking on: it calls none of the
        user's, and a look at each call costs more than the call."""
        profile = sys.getprofile()
        sys.setprofile(None)
        self._line = user_line()
        try:
            return run(*operands)
        finally:
            self._line = None
            sys.setprofile(profile)

    def begins_own(self) -> Callable[[], None] | None:
        if self._line is not None or self.outer is not None:
            return None
        profile = sys.getprofile()
        sys.setprofile(None)
        self._line = user_line()

        def ends() -> None:
            self._line = None
            sys.setprofile(profile)

        return ends

    def __enter__(self) -> Self:
        self.thread = threading.get_ident()
        _RECORDING.append(self)
        return super().__enter__()

    def __exit__(self, *exception: object) -> None:
        self.leave()
        self.keeper.restore()
        _RECORDING.remove(self)

    def release(self) -> None:
        """Lets go of every tensor, so that only those traced arrays live on to which somebody else refers."""
        self.slots.clear()
        self.resting.clear()
        self.turned.clear()
        self.settings.clear()
        self.stand_ins.clear()
        self.memories.clear()
        self.keeper = Keeper()

    def living(self) -> list[TracedArray]:
        """The traced arrays that there still are."""
        return [
            traced
            for traced in (reference() for reference in self.traced_arrays)
            if traced is not None and traced.alive
        ]

    def give_numbers(self, living: Sequence[TracedArray]) -> bool:
        """Gives tensors that live on the numbers that they have, where these depend on nothing that the function is
        given; returns whether all do. The last that is done."""
        known = [traced for traced in living if traced.memory.value in self.independent]
        for traced in known:
            numbers = self.shadows.known(traced.memory.array)
            for primitive, params in traced.steps:
                numbers = np.asarray(primitive.run(numbers, **params))
            for owner in gc.get_referrers(traced):
                if type(owner) in TENSORS and owner._data is traced:
                    owner._data = numbers
        self.shadows = Shadows()
        return len(known) == len(living)

    def traced_array(self, memory: Memory, steps: tuple[Step, ...], value: Value, array: np.ndarray) -> TracedArray:
        """A new traced array, remembered so that it can be ended with the recording."""
        made = TracedArray(memory, steps, value, array, user_line() if self._line is None else self._line)
        made.sizes = self.sizes
        self.traced_arrays.append(weakref.ref(made))
        return made

    def fresh(self, value: Value, array: np.ndarray) -> TracedArray:
        """A traced array for a value on a memory of its own."""
        memory = Memory(value, array)
        memory.counts = not state.inference
        return self.traced_array(memory, (), value, array)

    def place(self, tensor: Tensor) -> TracedArray:
        """The traced array of a tensor; one of the user's is captured when it is first touched."""
        data = tensor._data
        if type(data) is TracedArray:
            return data
        if type(data) is Absent:
            raise NoDataError("[compile] a tensor with elements was expected; got one of the meta device, of which "
                              "there is nothing to compute; call the function without compiling it")
        if type(tensor) not in TENSORS:
            raise TraceError(f"[compile] a strided tensor was expected; got one of layout {tensor.layout}, which is "
                             "not recorded; call the function without compiling it, or convert it with to_dense()")
        self.keeper.keep(tensor)
        if type(edge_of(tensor)) not in (Leaf, type(None)):  # its history goes on outside: here it is a leaf
            tensor._alias = None
            tensor._edge = Leaf(tensor)
            self.histories.add(id(tensor._edge))
        return self._placed(tensor, data, self.gradients.get(id(tensor)))

    def hold(self, tensor: Tensor, read: Read) -> None:
        """Makes a tensor that was made of an array of the user's one on a state: the array's memory."""
        array = tensor._data
        found = self._placed(tensor, array, Held(read, read.words))
        if found.memory.generation == 0:
            self.independent.add(found.memory.value)
            self.of_arrays.add(found.memory.value)

    def _placed(self, tensor: Tensor, data: np.ndarray, source: Source | None) -> TracedArray:
        memory, steps = self._capture(tensor, data, source)
        found = self.traced_array(memory, (), memory.value, memory.array)
        found.steps, found.generation = steps, -1
        tensor._data = found
        self.read(found)
        return found

    def _capture(self, tensor: Tensor, array: np.ndarray, source: Source | None) -> tuple[Memory, tuple[Step, ...]]:
        """The memory that an array of the user's is a part of, made a state of the graph if it is not one, and the way
        to the array from the whole. ``source``: where it is found, if not by the tensor."""
        root = root_of(array)
        if id(root) not in self.memories:
            whole = whole_of(array)
            name = self.names.free(source.name) if source is not None else self.names.of(tensor)
            value = Value(name, spec_of(whole))
            self.memories[id(root)] = Memory(value, whole, name), whole
            self.roots[id(root)] = root
            self.graph.states.append(value)
            self.bindings[name] = []
            self.called[id(tensor)] = name
        memory, whole = self.memories[id(root)]
        steps = step_within(whole, array)
        name = str(memory.source)
        self.bindings[name].append(Binding(source or self.outside(tensor, name), tensor, steps))
        return memory, steps

    def outside(self, tensor: Tensor, name: str) -> Captured | Found:
        """Where a program finds a tensor of the user's that is no argument: where Python code found it, if it did."""
        read = self.reads.of_tensor(tensor)
        return Captured(tensor, name) if read is None else Found(read, name)

    def quantity(self, source: QuantitySource, value: float) -> Traced:
        """A number that each call reads anew: an input of the graph."""
        place = len(self.quantities)
        self.quantities.append(source)
        array = np.array(value)
        found = Value(self.names.free(source.name), spec_of(array))
        self.graph.inputs.append(found)
        tensor = make(self.fresh(found, array), None)
        return (TracedInteger if type(value) is int else Traced)(
            tensor, value, lambda quantities: quantities[place], self.conditions, source.name)

    def setting(self, group: dict[str, Any], key: str, value: object) -> Any:
        """A setting of an optimiser that is a float, or some, as quantities; None for another."""
        if isinstance(value, Pending):
            return value.whole()
        if type(value) is float:
            return value if self.reads.has_set(group, key) else self.quantity_of_group(group, key, None, value)
        if type(value) is tuple and value and all(isinstance(part, float) for part in value):
            return tuple([part.whole() if isinstance(part, Pending) else self.quantity_of_group(group, key, i, part)
                          for i, part in enumerate(value)])
        return None

    def pending(self, group: dict[str, Any], key: str, value: object) -> Any:
        """What stands for a setting where code of the user's may read it; None where it is no float, nor some."""
        self.shown.append(group)
        if self.later.is_behind(group):
            raise TraceError(f"[lr_scheduler] the step of a schedule was expected after all that reads param_group"
                             f"[{key!r}] in a function that is being recorded, as it is made at the end of each call; "
                             "read that outside the function")
        def of(place: int | None, value: float) -> Pending:
            return Pending(lambda: self.quantity_of_group(group, key, place, value), value, self.conditions, key)

        if type(value) is float:
            return of(None, value)
        if type(value) is tuple and value and all(type(part) is float for part in value):
            return tuple([of(i, part) for i, part in enumerate(value)])
        return None

    def quantity_of_group(self, group: dict[str, Any], key: str, place: int | None, value: float) -> Traced:
        """A setting of an optimiser as a quantity, the same one whenever it is asked for."""
        known = id(group), key, place
        if known not in self.settings:
            self.settings[known] = self.quantity(Setting(group, key, place), value)
        return self.settings[known]

    def argument(self, place: int, name: str, tensor: Tensor) -> Tensor:
        """The tensor that the function gets in the place of an argument."""
        name = self.names.free(name)
        value = Value(name, spec_of(tensor._data))
        self.graph.inputs.append(value)
        traced = self.traced_array(Memory(value, tensor._data, name), (), value, tensor._data)
        stand_in = self.stand_ins[place] = make(traced, None)
        if self.looks and tensor._data.dtype.kind in "iub" and tensor._data.size <= MOST_NUMBERS:
            self.whole[value], self.few[place] = frozenset([place]), tensor._data
        given = tensor._edge
        if given is None and has_resting_grad(tensor):
            self.stale.add(id(stand_in))
        if tensor.requires_grad:
            leaf = stand_in._edge = Leaf(stand_in)
            source = Argument(place, name)
            was = given.grad if type(given) is Leaf else None
            self.slots[id(leaf)] = Slot(leaf, source, was)
            if was is not None:
                self.gradients[id(was)] = Gradient(source)
        return stand_in

    def every_slot(self) -> list[Slot]:
        """The slots of all leaves, and of what has been one."""
        return list({id(slot): slot for slot in (*self.slots.values(), *self.resting.values())}.values())

    def turns(self) -> list[tuple[Owner, bool, bool]]:
        """Where the tensors are that began or stopped to require gradients, whether they did, and whether they do."""
        found = [(source, before, edge_of(tensor) is not None) for tensor, source, before in self.turned.values()]
        return [(source, before, now) for source, before, now in found if not (before and now)]

    def read(self, traced: TracedArray) -> tuple[Value, np.ndarray]:
        """The value that a traced array stands for now, and its shadow: read anew through its steps after a write."""
        memory = traced._memory
        if memory is None:
            memory = traced.memory  # which raises
        if self.lost or memory.origin is not None:
            self._refuse_lost(memory)
        if traced.generation != memory.generation:
            value, array = memory.value, memory.array
            for i, (primitive, params) in enumerate(traced.steps, start=1):
                key = repr(traced.steps[:i])
                if key not in memory.parts:
                    memory.parts[key] = self._run(primitive, (value,), (array,), params)
                value, array = memory.parts[key]
            traced.refresh(value, array)
        return traced._value, traced._array  # type: ignore[return-value]  # it is alive

    def _run(self, primitive: Primitive, operands: Sequence[Any], arrays: Sequence[Any], params: dict[str, Any]
             ) -> tuple[Value, np.ndarray]:
        """Writes down a primitive of one result, with the operands' shadows; gives its value and shadow."""
        array = np.asarray(self.shadows.evaluate(primitive, arrays, params))
        return self._add(primitive, operands, arrays, params, (array,))[0], array

    def _add(self, primitive: Primitive, operands: Sequence[Any], arrays: Sequence[Any], params: dict[str, Any],
             results: Sequence[np.ndarray]) -> tuple[Value, ...]:
        """Writes down an instruction, of which the shadows are known."""
        made = self.graph.add(primitive, operands, params, [spec_of(array) for array in results], self.line())
        if self.log is not None:
            self.log.append((tuple(arrays), tuple(results)))
        if self.back is not None:
            self.back.update(made)
        independent, places = self.independent, frozenset[int]()
        for x in operands:
            if type(x) is Value and x not in independent:
                if x not in self.whole:
                    return made
                places |= self.whole[x]
        if primitive.kind == "random":
            return made
        if places:
            self.whole.update(dict.fromkeys(made, places))
        else:
            independent.update(made)
            if self.of_arrays and not self.of_arrays.isdisjoint([x for x in operands if type(x) is Value]):
                self.of_arrays.update(made)
        return made

    def replace(self, memory: Memory, value: Value, array: np.ndarray) -> None:
        """Ends a write: the memory holds another value."""
        if self.journal is not None:
            self.journal.setdefault(memory, (memory.value, memory.array))
        memory.replace(value, array)
        memory.line = self.line()

    def journaled(self, run: Callable[[], Any]) -> dict[Memory, tuple[Value, np.ndarray]]:
        """Runs, and gives what the memories held before that have been written."""
        before, self.journal = self.journal, {}
        try:
            run()
            journal = self.journal
        finally:
            self.journal = before
        if before is not None:
            for memory, held in journal.items():
                before.setdefault(memory, held)
        return journal

    def _refuse_lost(self, memory: Memory) -> None:
        """Note [x of i]: where i is a tensor, x[i] is a view in eager mode, as the value of i is known, and a copy in a
        recording. So x may not be read when its copy has been written, but by the very assignment that puts the copy
        back (as ``x[i] += 1`` does), and the copy may not be read when x has been written."""
        written, origin = self.lost.get(memory), memory.origin
        if written is None and origin is not None and origin[0].generation != origin[1]:
            written = origin[0]
        if written is not None:
            raise TraceError(
                "[index] tensors that do not share memory were expected; got x[i], where i is a tensor, and x, of "
                f"which one is written at {written.line} and the other used: while a function is being recorded x[i] "
                "is a copy; write x[i] = ... or x[i] += ... instead, or clone() it"
            )

    def refuse_lost_writes(self) -> None:
        """Raises where what was written to a copy should have been in memory of the user's: Note [x of i]."""
        for memory in self.lost:
            if memory.source is not None:
                self._refuse_lost(memory)

    def source_of(self, tensor: Tensor) -> Owner:
        """Where a program finds a tensor of the user's."""
        places = (place for place, stand_in in self.stand_ins.items() if stand_in is tensor)
        place = next(places, None)
        name = str(self.place(tensor).memory.source)
        if place is not None:
            return Argument(place, name)
        if id(tensor) not in self.called:
            self.called[id(tensor)] = self.names.of(tensor)
        return self.outside(tensor, self.called[id(tensor)])

    def part_of(self, tensor: Tensor) -> Part | None:
        """Where a program finds a tensor that is a view of one of the user's; None if it is not."""
        memory = self.place(tensor).memory
        if memory.source is None:
            return None
        for whole, source in self._wholes(memory):
            found = self.steps_between(whole, tensor)
            if found is not None:
                return Part(source, found[0], memory.source, found[1])
        if edge_of(tensor) is None:
            steps = self.place(tensor).steps
            for binding in self.bindings.get(memory.source, ()):
                count = len(binding.steps)
                if isinstance(binding.source, Held) and steps[:count] == binding.steps:
                    return Part(binding.source, steps[count:], memory.source, True)
        return None

    def steps_between(self, whole: Tensor, tensor: Tensor) -> tuple[Sequence[Step], bool] | None:
        """By which view steps a tensor comes from another on its memory, and whether detached from its history; None
        where it does not."""
        if edge_of(tensor) is None:
            first, steps = list(self.place(whole).steps), list(self.place(tensor).steps)
            rest = steps[len(first):]
            return (rest, not rest or edge_of(whole) is not None) if steps[:len(first)] == first else None
        part, base = tensor._alias, whole._alias
        if part is None or base is None or part.storage is not base.storage or not is_recorded(part):
            return None
        count = len(base.steps)
        return (part.steps[count:], False) if part.steps[:count] == base.steps and part.steps[count:] else None

    def _wholes(self, memory: Memory) -> Iterator[tuple[Tensor, Owner]]:
        """The user's tensors on a memory, and where they are found."""
        for place, stand_in in self.stand_ins.items():
            if self.place(stand_in).memory is memory:
                yield stand_in, Argument(place, str(memory.source))
        if not self.layouts:  # else these lie differently when the program looks for them
            for binding in self.bindings.get(str(memory.source), ()):
                if isinstance(binding.source, (Captured, Found)):
                    yield binding.source.find(()), binding.source

    def is_outside(self, tensor: Tensor) -> bool:
        """Whether a tensor is the user's: captured, not met yet, or the stand-in of an argument."""
        return (
            type(tensor._data) is not TracedArray
            or tensor in self.keeper
            or any(tensor is stand_in for stand_in in self.stand_ins.values())
        )
