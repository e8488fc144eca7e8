"""What a recorded function gave back and left behind, when it has ended and before the recorder leaves."""

from __future__ import annotations

import copy
import functools
import inspect
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.errors import TraceError
from ..core.spec import Size
from ..ir import Effect, Value
from ..tensors.alias import Alias, Untracked, edge_of, is_recorded
from ..tensors.tape import Leaf
from ..tensors.tensor import Tensor, make
from .arguments import PLAIN, FloatPlace, Place
from .backward import open_ends, used_up
from .nests import RESULTS
from .places import Read
from .quantities import Traced
from .recorder import Recorder
from .sizes import TracedSize
from .sources import Among, Argument, Gradient, Part, Source


class Results:
    """The result of a recorded function: the ``form`` of its nest, its ``leaves`` with a `Place` for each tensor, and
    ``where`` each of them is: an output of the graph, or a tensor of the user's.

    ``kept`` are places where it has put another tensor, as ``self.state = new``, or another rate of an optimiser: these
    are results too, behind the function's own, and are put there in each call. Raises `TraceError` for what is neither
    a tensor nor a plain value.
    """

    def __init__(self, recorder: Recorder, result: object, kept: Sequence[Read] = ()) -> None:
        self.where: list[Source | Part | Among | Value] = []
        self.tensors: list[Any] = []
        """For each of these the tensor itself, while the recording lasts."""
        self._places: dict[int, Place] = {}
        self._recorder = recorder
        held = [read.now() for read in kept]
        self.kept = [(read, isinstance(thing, Tensor) and type(edge_of(thing)) not in (Leaf, type(None))
                      and not open_ends([thing])) for read, thing in zip(kept, held, strict=True)]
        """With each whether its history is used up, as backward() ran through it."""
        self.begun: list[tuple[int, int | None]] = []
        """Which of the results are leaves that the function has made, and where the gradient of each is, if it has
        one."""
        self.retained: list[int] = []
        """Which of them retain their gradients, though they are no leaves."""
        self.uncounted: list[int] = []
        """Which of them were made in `inference_mode`."""
        self.laid: dict[Value, tuple[Value, tuple[int, ...]]] = {}
        """For each value that eager mode leaves dense, but not in rows, the output with its dimensions in the order in
        which they lie, and that in which a view of it has them again."""
        leaves, self.form = RESULTS.flatten((result, *held) if held else result)
        self.leaves = list(map(self._taken, leaves))
        for place in range(len(self.where)):
            self._begin(place)
        self._join()
        for where, tensor in zip(self.where, self.tensors, strict=True):
            if type(where) is Value and recorder.looks:  # a graph that is wanted alone has the results as they are
                self.lay(recorder, where, recorder.place(tensor).array)
        recorder.graph.outputs = [self.given(where) for where in self.where if type(where) is Value]
        del self._recorder, self._places

    def _begin(self, place: int) -> None:
        """Notes a leaf that the function has made, which begins a history; or that a result retains its gradient."""
        tensor = self.tensors[place]
        leaf = edge_of(tensor)
        if type(self.where[place]) is Value and not self._recorder.place(tensor).memory.counts:
            self.uncounted.append(place)
        if leaf is None or type(self.where[place]) is not Value:
            return
        if type(leaf) is not Leaf:
            if tensor._rare is not None and "retains" in tensor._rare:
                self.retained.append(place)
            return
        if leaf.rare is not None:
            raise TraceError("[compile] results without hooks were expected; got a tensor that the function has made, "
                             "and registered a hook on; register it outside")
        slot = self._recorder.slots.get(id(leaf))
        gradient = None if slot is None else slot.current
        if gradient is not None:
            self._taken(gradient)
        self.begun.append((place, None if gradient is None else self._places[id(gradient)].number))

    def lay(self, recorder: Recorder, value: Value, array: np.ndarray) -> Value:
        """The output for a value that eager mode leaves where this array lies."""
        turned = None if value in self.laid else recorder.in_rows(value, array)
        if turned is not None:
            self.laid[value] = turned
        return self.given(value)

    def given(self, value: Value) -> Value:
        """The output of the graph that stands for a value."""
        return self.laid[value][0] if value in self.laid else value

    @functools.cached_property
    def orders(self) -> dict[Any, tuple[int, ...]]:
        """In which order the dimensions of an output are to be, where they are not to be as they are."""
        return {**dict(self.laid.values()), **{value: order for value, (_, order) in self.laid.items()}}

    def make(self, place: int, array: np.ndarray) -> Any:
        """The result at a place, of the array of its output."""
        order = self.orders.get(self.where[place])
        tensor: Any = make(array if order is None else array.transpose(order), None)
        if place in self.uncounted:
            tensor._cell = Untracked()
        return tensor

    def handed_out(self, built: Any) -> Any:
        """The result, of what was built, once what is kept is at its places."""
        if not self.kept:
            return built
        result, *tensors = built
        for (read, is_used_up), tensor in zip(self.kept, tensors, strict=True):
            if is_used_up:
                tensor._edge = used_up(tensor)
            read.put(tensor)
        return result

    def steps(self) -> list[Any]:
        """The steps of the views among the results."""
        return [tuple(where.steps) for where in self.where if isinstance(where, (Part, Among))]

    def for_values(self, values: dict[Value, Value], steps: list[Any]) -> Results:
        """The same of a graph with other values, and with these `steps`."""
        found = copy.copy(self)
        found.where = [*self.where]
        found.laid = {values[value]: (values[turned], order) for value, (turned, order) in self.laid.items()}
        found.__dict__.pop("orders", None)
        left = iter(steps)
        for place, where in enumerate(self.where):
            if type(where) is Value:
                found.where[place] = values[where]
            elif isinstance(where, (Part, Among)):
                found.where[place] = view = copy.copy(where)
                view.steps = next(left)
        return found

    def _taken(self, value: object) -> Any:
        if isinstance(value, Tensor):
            if id(value) not in self._places:
                self._places[id(value)] = Place(len(self.where))
                self.where.append(self._find(value))
                self.tensors.append(value)
            return self._places[id(value)]
        if isinstance(value, Traced):
            self.where.append(self._recorder.read(self._recorder.place(value.tensor))[0])
            self.tensors.append(value.tensor)
            return FloatPlace(len(self.where) - 1)
        if type(value) is TracedSize:
            return value.fixed()
        if type(value) is Size:
            return Size([self._taken(part) for part in value])
        if type(value) is slice:
            return slice(*[self._taken(part) for part in (value.start, value.stop, value.step)])
        if isinstance(value, PLAIN):
            return value
        if inspect.iscoroutine(value):
            value.close()
        raise TraceError(
            f"[capture] a result of tensors, numbers, strings, None, or tuples, lists, dicts and dataclasses of these "
            f"was expected; got a {type(value).__name__}, which a run of the graph could not make again"
        )

    def _join(self) -> None:
        """Makes results that share memory, which the function has made, views of one of them, or, where none is all of
        it, of a result that nobody sees. So is one alone that does not lie in rows."""
        recorder, groups = self._recorder, dict[int, list[int]]()
        for place, (where, tensor) in enumerate(zip(self.where, self.tensors, strict=True)):
            if type(where) is Value and recorder.place(tensor).memory.source is None:
                groups.setdefault(id(recorder.place(tensor).memory), []).append(place)
        for places in groups.values():
            tensors = {place: self.tensors[place] for place in places}
            alone = len({id(tensor) for tensor in tensors.values()}) == 1
            if alone and recorder.place(tensors[places[0]]).array.flags.c_contiguous:
                continue
            wholes = [place for place in places if not recorder.place(tensors[place]).steps]
            if not wholes and self._add_whole([*tensors.values()]):
                wholes = [len(self.where) - 1]
            if wholes:
                base = max(wholes, key=lambda place: edge_of(self.tensors[place]) is not None)
                for place in places:
                    steps = recorder.steps_between(self.tensors[base], tensors[place])
                    if place != base and steps is not None:
                        self.where[place] = Among(base, *steps)

    def _add_whole(self, parts: Sequence[Tensor]) -> bool:
        """Adds all of the memory of which these are parts as a result that nobody sees, with its history, if they have
        some; returns whether it can be known."""
        recorder = self._recorder
        memory = recorder.place(parts[0]).memory
        whole = make(recorder.traced_array(memory, (), memory.value, memory.array), None)
        with_history = [part for part in parts if edge_of(part) is not None]
        if with_history:
            alias = with_history[0]._alias
            if alias is None or type(alias.storage.edge) in (Leaf, type(None)) or any(
                    part._alias is None or part._alias.storage is not alias.storage or not is_recorded(part._alias)
                    or len(part._alias.steps) != len(recorder.place(part).steps) for part in with_history):
                return False
            whole._edge, whole._alias = alias.storage.edge, Alias(alias.storage, ())
        if not memory.counts:
            self.uncounted.append(len(self.where))
        self.where.append(memory.value)
        self.tensors.append(whole)
        return True

    def _find(self, tensor: Tensor) -> Source | Part | Value:
        recorder = self._recorder
        for place, stand_in in recorder.stand_ins.items():
            if tensor is stand_in:
                return Argument(place, recorder.graph.inputs[place].name)
        for slot in recorder.every_slot():
            if slot.source is not None and slot.holds(tensor):
                return Gradient(slot.source)
        traced = recorder.place(tensor)
        if recorder.is_outside(tensor):
            return recorder.outside(tensor, str(traced.memory.source))
        part = recorder.part_of(tensor)
        return recorder.read(traced)[0] if part is None else part


def effects(recorder: Recorder, results: Results, histories: set[str]) -> None:
    """Puts what the function left behind into the graph: writes into memory of the user's, and gradients, which lie as
    the `Results` note. ``histories`` are the arguments that something outside computed."""
    recorder.refuse_lost_writes()
    graph = recorder.graph
    memories = [stand_in._data.memory for stand_in in recorder.stand_ins.values()]
    memories += [memory for memory, _ in recorder.memories.values()]
    for memory in memories:
        if memory.value is not memory.first:
            graph.effects.append(Effect("write", str(memory.source), memory.value))
    for slot in recorder.every_slot():
        if slot.source is None or not slot.assigned or (slot.looked and slot.holds(slot.was)):
            continue
        target = f"{slot.source.name}.grad"
        if slot.source.name in histories or id(slot.leaf) in recorder.histories:
            raise TraceError(
                f"[backward] tensors without a history outside the recorded function were expected; got "
                f"{slot.source.name}, through whose history backward() would go on; compute the loss inside and call "
                "backward() outside, or detach() the argument"
            )
        if slot.current is None:
            graph.effects.append(Effect("clear", target))
        elif recorder.is_outside(slot.current):
            recorder.assigned.append((slot.source, recorder.source_of(slot.current)))
        else:
            value, array = recorder.read(recorder.place(slot.current))
            graph.effects.append(Effect("set", target, results.lay(recorder, value, array)))
    _check_histories(recorder)


def _check_histories(recorder: Recorder) -> None:
    """A tensor of the user's may not end with a history: that ends with the recording."""
    moved = [tensor for tensor in recorder.keeper.changed_histories()
             if id(tensor) not in recorder.turned or edge_of(tensor) is not None]
    moved += [
        tensor
        for tensor in recorder.stand_ins.values()
        if edge_of(tensor) is not None and type(tensor._edge) is not Leaf
    ]
    if moved:
        memory = recorder.place(moved[0]).memory
        raise TraceError(
            f"[capture] tensors from outside were expected to end without history; got %{memory.source}, into which a "
            f"value that requires grad was written at {memory.line}; write under no_grad(), or write a detach()ed value"
        )
