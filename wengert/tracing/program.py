"""A recorded function: its graph, where the states are in the user's world, and how a run leaves its effects there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core.dtypes import get_default_dtype
from ..core.errors import TraceError
from ..core.primitive import P
from ..core.spec import Spec
from ..core.state import state
from ..ir import InstructionGraph, Interpreter, Value, copied
from ..native import WRITTEN, Runner, Stages, StepInfo
from ..tensors.alias import edge_of, version_cell, wrote
from ..tensors.tape import Leaf, Out
from ..tensors.tensor import Tensor, make
from .arguments import Arguments, Given, Place, filled
from .arrays import alike
from .backward import COMPILED, Backward, CompiledNode
from .explanation import explain
from .later import Later
from .memory import root_of, step_within, whole_of
from .outside import Binding, hooks_of
from .quantities import Condition
from .reads import Reads
from .results import Results
from .sources import Among, Begun, Captured, Found, Gradient, Owner, QuantitySource


class Recording:
    """The graphs of a program before what nobody needs was taken out, so that all that the function did is compared."""

    def __init__(self, graphs: Sequence[InstructionGraph]) -> None:
        self.graphs = [copied(each) for each in graphs]
        self.read: set[Value] = set()
        """The values of which more than the shape matters: not those of empty(), which are filled."""
        needed: set[Value] = set()
        for graph in reversed(self.graphs):
            self.read.update(graph.roots())
            needed.update(graph.roots())
            for instr in reversed(graph.instrs):
                if instr.primitive.kind == "random" or not needed.isdisjoint(instr.results):
                    needed.update(instr.values())
                    if instr.primitive is not P.fill:
                        self.read.update(instr.values())


class Program:
    """One recording of a function, for one key of its arguments. Calling it runs the graph.

    ``graph`` is the recorded graph. Raises `TraceError` where a call does not fit the recording: other shapes or
    numbers, a state that has been replaced by one of another shape, a gradient that is there and was not.
    """

    def __init__(
        self,
        graph: InstructionGraph,
        names: list[str],
        key: tuple[Any, ...],
        bindings: dict[str, list[Binding]],
        guards: list[tuple[Owner, bool | None, bool]],
        results: Results,
        shared: set[tuple[str, str]],
        leaks: list[str],
        reads: Reads,
        quantities: list[QuantitySource],
        conditions: list[Condition],
        backward: Backward | None,
        generators: list[Any],
        layouts: list[tuple[Owner, bool, Callable[..., Any], tuple[Any, Any]]],
        assigned: list[tuple[Owner, Owner]],
        turned: list[tuple[Owner, bool, bool]],
    ) -> None:
        self.graph = graph
        self.leaks = leaks
        self._names, self._key, self._modes = names, key, modes()
        self._bindings, self._shared = bindings, shared
        self._guards, self._reads, self._quantities, self._conditions = guards, reads, quantities, conditions
        self._targets = {f"{source.name}.grad": source for source, *_ in guards}
        self._results, self.backward, self._generators = results, backward, generators
        self._layouts, self._assigned, self._turned = layouts, assigned, turned
        self.printed = reads.printed
        self.calls = 0
        self.again: Callable[[tuple[Any, ...], dict[str, Any]], Any] | None = None
        """Runs a call that is like the last one (`again.prepare`)."""
        self.alike: Callable[[], bool] | None = None
        """Whether all but the arguments is as it was when this was made; no says nothing."""
        self.unprepared, self.patience = 0, 0
        """How many calls were not like the last one, and how many of them it takes to look for what is alike anew."""
        self._run: Interpreter | Runner = Interpreter(graph)
        self.stages = Stages()
        self.recording: Recording | None = None
        self.numbers: list[tuple[int, np.ndarray]] = []
        """Which arrays among the arguments the function looked at, and the numbers that it found there."""
        self.later = Later()
        """What is done at the end of each call."""
        self.sizes: Any = None
        """The `generalised.Family` of recordings that differ in sizes alone, if it is one of these."""

    def tensors_of(self, state: str) -> list[Tensor]:
        """The tensors from outside the arguments that lie in the memory of the state of this name."""
        return [binding.source.find([]) for binding in self._bindings[state]
                if isinstance(binding.source, (Captured, Found))]

    def memory_of(self, state: str, tensors: Sequence[Tensor] = ()) -> np.ndarray:
        """The whole memory of a state, as it is now; of one that an argument leads to, with the arguments' tensors."""
        return whole_of(self._bindings[state][0].find(tensors)._data)

    @property
    def generators(self) -> list[Any]:
        """The generators of random numbers that it draws from."""
        return self._generators

    @property
    def key(self) -> tuple[Any, ...]:
        """The key of the calls that it is for."""
        return self._key

    @property
    def results(self) -> Results:
        """What it gives back."""
        return self._results

    def for_sizes(self, graph: InstructionGraph, key: tuple[Any, ...], results: Results, backward: Backward | None
                  ) -> Program:
        """The same program for other sizes of its arguments, with the graph and the results for these."""
        made = Program(graph, self._names, key, self._bindings, self._guards, results, self._shared, [], self._reads,
                       self._quantities, self._conditions, backward, self._generators, self._layouts, self._assigned,
                       self._turned)
        made.numbers, made.later = self.numbers, self.later
        return made

    def compile(self, whole: bool = False) -> None:
        """From now on a native program runs, of the same meaning up to rounding. Where a run gives what a backward half
        reads, the states are written last, from copies, as that wants them as they were. If it must be native as a
        ``whole``, what numpy would compute raises `TraceError` when it first runs."""
        shown = {self._results.given(where) for where in self._results.where if type(where) is Value}
        loose = frozenset() if self.backward is None else frozenset([
            number for number, value in enumerate(self.graph.outputs)
            if value in self.backward.keeps and value not in shown])
        self._run = Runner(self.graph, self.backward is None, whole, self.stages, loose)
        if self.backward is not None:
            self.backward.make = lambda graph, _: Runner(graph, False, whole)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Runs the graph on these arguments and the states as they are now, and applies the effects."""
        return self.run(Arguments(self._names, args, kwargs))

    def run(self, arguments: Arguments) -> Any:
        """`__call__` with the arguments taken apart."""
        reason = self.mismatch(arguments)
        if reason is not None:
            raise TraceError(
                f"[{self.graph.name}] a call like the recorded one was expected; {reason}; record it anew"
            )
        return self.run_fitting(arguments)

    def run_fitting(self, arguments: Given) -> Any:
        """`run` for arguments that are known to fit."""
        self.calls += 1
        tensors = arguments.tensors
        for source, before, _ in self._turned:
            if not before:
                source.find(tensors).requires_grad_(True)
        wholes = {
            name: whole_of(bound[0].find(tensors)._data) for name, bound in self._bindings.items()
        }
        inputs = self.inputs(arguments)
        effects, outputs = self._run(inputs, [wholes[value.name] for value in self.graph.states],
                                     self._generators)
        memories = [*inputs, *wholes.values()]
        given: list[np.ndarray] = []
        node = None
        if self.backward is not None:
            node = self._node(arguments, dict(zip((*self.graph.inputs, *self.graph.states, *self.graph.outputs),
                                                  (*inputs, *wholes.values(), *outputs), strict=True)))
        made: dict[int, Any] = {
            i: self._results.make(i, _own(outputs[self.graph.outputs.index(self._results.given(where))], memories,
                                          given))
            for i, where in enumerate(self._results.where)
            if type(where) is Value
        }
        self._apply(effects, tensors, wholes, memories, given)
        for owner, source in self._assigned:
            leaf = owner.find(tensors)._edge
            assert isinstance(leaf, Leaf), leaf
            leaf.grad = source.find(tensors)
        for source, grad, change, (args, kwargs) in self._layouts:
            tensor = source.find(tensors)  # a leaf, if it is to begin one when it has taken its shape
            before, state.grad = state.grad, grad and type(tensor._edge) is not Leaf
            try:
                change(tensor, *args, **kwargs)
            finally:
                state.grad = before
        for source, _, now in self._turned:
            source.find(tensors).requires_grad_(now)
        for i, gradient in self._results.begun:
            leaf = made[i]._edge = Leaf(made[i])
            leaf.grad = None if gradient is None else made[gradient]
        if node is not None and self.backward is not None:
            node.guards = [(cell, cell[0]) for cell, _ in node.guards]  # a new shape counts as a write
            node.wholes = [(value, edge, cell, cell[0]) for value, edge, cell, _ in node.wholes]
            self._attach(node, self.backward.places, made)
        for i, where in enumerate(self._results.where):
            if isinstance(where, Among):
                made[i] = where.find(made)
            elif not isinstance(where, Value):  # a tensor of the user's, found when the effects have been applied
                made[i] = where.find(tensors)
        for i in self._results.retained:
            if made[i].requires_grad:
                made[i].retain_grad()
        result = self._results.handed_out(self._results.form.build(
            filled(self._results.leaves, made.__getitem__, lambda i: made[i].item())))
        self.later.run()
        return result

    def inputs(self, arguments: Given) -> list[np.ndarray]:
        """The arrays of a call that are no states: those of its tensors, and its numbers."""
        numbers = [np.array(source.find(arguments.floats)) for source in self._quantities]
        return [*[tensor._data for tensor in arguments.tensors], *numbers]

    def profile(self, arguments: Arguments, rounds: int) -> None:
        """Measures the steps of the native program on copies of all that it is given."""
        if not isinstance(self._run, Runner):
            raise TraceError("[profile] a compiled program was expected; this one is interpreted")
        states = [whole_of(self._bindings[value.name][0].find(arguments.tensors)._data) for value in self.graph.states]
        arrays = [*map(like, [*self.inputs(arguments), *states])]
        count = len(arrays) - len(states)
        generators = [source.clone_state() for source in self._generators]
        self._run.profile(arrays[:count], arrays[count:], generators, rounds)
        if self.backward is not None:
            _, outputs = self._run(arrays[:count], arrays[count:], generators)
            values = (*self.graph.inputs, *self.graph.states, *self.graph.outputs)
            known = dict(zip(values, [*arrays, *outputs], strict=True))
            half = self.backward.whole
            given = [known.get(value) for value in half.graph.inputs]
            assert isinstance(half.run, Runner), half
            half.run.profile([np.ones(value.spec.shape, value.spec.dtype.numpy) if array is None else np.asarray(
                array, order="C") for value, array in zip(half.graph.inputs, given, strict=True)], [], [], rounds)

    @property
    def runner(self) -> Interpreter | Runner:
        """What runs the graph."""
        return self._run

    @property
    def kernels(self) -> list[StepInfo]:
        """The steps of the native program, if it has been made; then those of its backward half, if that has run."""
        runs = [self._run, *([] if self.backward is None else [half.run for half in self.backward.made])]
        programs = [run.program for run in runs if isinstance(run, Runner) and run.program is not None]
        return [step for program in programs for step in program.kernels]

    def places(self, arguments: Arguments) -> dict[str, np.ndarray]:
        """The memory that a run may write to, by the names of inputs and states."""
        tensors = arguments.tensors
        found = {name: whole_of(bound[0].find(tensors)._data) for name, bound in self._bindings.items()}
        return {**dict(zip(arguments.names, (tensor._data for tensor in tensors), strict=True)), **found}

    def tensors(self, arguments: Arguments) -> list[Tensor]:
        """The tensors of the user's that a run finds: arguments, and those that lie in the memory of states."""
        return [*arguments.tensors, *[binding.find(arguments.tensors) for bound in self._bindings.values()
                                      for binding in bound]]

    def gradients(self, arguments: Arguments) -> dict[str, Tensor | None]:
        """The gradients that a run may set, as they are now, by their names."""
        return {name: Gradient(source).find(arguments.tensors) for name, source in self._targets.items()}

    def value_at(self, place: str) -> Value | None:
        """What a place holds after a run: memory by its name, a gradient by its, or ``result 0``; None where that is
        no value of its own."""
        word, _, number = place.rpartition(" ")
        if word == "result":
            leaf = self._results.leaves[int(number)]
            where = self._results.where[leaf.number] if isinstance(leaf, Place) else None
            return where if type(where) is Value else None
        given = {output: value for value, (output, _) in self._results.laid.items()}
        return next((given.get(effect.value, effect.value) for effect in self.graph.effects  # type: ignore[arg-type]
                     if effect.target == place), None)

    # --- differentiation outside --------------------------------------------------------------------------------------

    def _node(self, arguments: Given, arrays: dict[Value, np.ndarray]) -> CompiledNode:
        """The node on the tape for a run that is going on; its values are apart from memory that effects will write."""
        backward, tensors = self.backward, arguments.tensors
        assert backward is not None
        written = {effect.target for effect in self.graph.effects if effect.kind == "write"}
        for value in (*self.graph.inputs, *self.graph.states):
            if value.name in written:
                arrays[value] = arrays[value].copy()
        edges: list[Any] = []
        wholes: list[Any] = []
        guards: list[Any] = []
        for source in backward.sources:
            if isinstance(source, Begun):
                edges.append(None)  # which `_attach` puts there
                continue
            tensor = source.find(tensors)
            assert tensor is not None, source.name
            edges.append(edge_of(tensor))
            for value in (*self.graph.inputs, *self.graph.states):
                if arrays[value] is tensor._data:
                    wholes.append((value, edges[-1], version_cell(tensor), version_cell(tensor)[0]))
        read = [*zip(self.graph.inputs, tensors, strict=False)]
        read += [(value, self._bindings[value.name][0].find(tensors)) for value in self.graph.states]
        guarded = []
        for value, tensor in read:
            if value in backward.keeps and value.name not in written:
                cell = version_cell(tensor)
                guards.append((cell, cell[0]))
                guarded.append(arrays[value])
        views = [array for array in [arrays[value] for value in backward.kept] if array.base is not None]
        owners = {id(root_of(tensor._data)): tensor for _, tensor in read} if views else {}
        for array in views:  # as numpy leaves them where it runs the graph
            owner = owners.get(id(root_of(array)))
            if owner is not None:
                cell = version_cell(owner)
                guards.append((cell, cell[0]))
                guarded.append(array)
        node = CompiledNode(COMPILED, {}, tuple(edges), (tuple(guarded), None), guards, (), ())
        node.backward, node.arrays, node.wholes = backward, arrays, wholes
        return node

    def _attach(self, node: CompiledNode, places: list[int], made: dict[int, Any]) -> None:
        """Makes results those of a node, which notices writes into those that the way back reads."""
        assert self.backward is not None
        kept = [node.arrays[value] for value in self.backward.kept]
        node.shape = tuple([made[place]._data.shape for place in places])
        node.dtype = tuple([made[place]._data.dtype for place in places])
        begun = [source.place for source in self.backward.sources if type(source) is Begun]
        node.edges = tuple([made[source.place]._edge if type(source) is Begun else edge
                            for source, edge in zip(self.backward.sources, node.edges, strict=True)])
        for number, place in enumerate([*places, *begun]):
            tensor = made[place]
            if number < len(places):
                tensor._edge = Out(node, number)
            if any(array is tensor._data or array.base is tensor._data for array in kept):
                cell = version_cell(tensor)
                node.guards = (*node.guards, (cell, cell[0]))
                node.saved = ((*node.saved[0], tensor._data), None)

    def _apply(
        self, values: list[np.ndarray | None], tensors: Sequence[Tensor], wholes: dict[str, np.ndarray],
        memories: list[np.ndarray], given: list[np.ndarray],
    ) -> None:
        """Applies the effects. All their values are there, apart from all memory, before the first write."""
        effects = self.graph.effects
        ready = [value if value is None or value is WRITTEN else _own(value, memories, given) for value in values]
        for effect, array in zip(effects, ready, strict=True):
            if effect.kind == "write" and array is not None:
                whole = wholes.get(effect.target)
                if whole is None:
                    place = [value.name for value in self.graph.inputs].index(effect.target)
                    whole, written = tensors[place]._data, [tensors[place]]
                else:
                    written = [binding.find(tensors) for binding in self._bindings[effect.target]]
                if array is not WRITTEN:
                    np.copyto(whole, array)
                cells: list[Any] = []
                for tensor in written:
                    if not any(tensor._cell is cell for cell in cells):
                        wrote(tensor)
                        cells.append(tensor._cell)
            else:
                tensor = self._targets[effect.target].find(tensors)
                order = self._results.orders.get(effect.value)
                gradient = None if array is None else make(array if order is None else array.transpose(order), None)
                if isinstance(tensor._edge, Leaf):
                    tensor._edge.grad = gradient
                else:
                    tensor._rarely()["grad"] = gradient

    # --- does a call fit ----------------------------------------------------------------------------------------------

    def mismatch(self, arguments: Arguments) -> str | None:
        """Why this call cannot run on this recording; None where it can."""
        key = arguments.key()
        if key != self._key:
            return _difference(self._key, key, arguments.names)
        return self.mismatch_beside_key(arguments)

    def mismatch_beside_key(self, arguments: Arguments) -> str | None:
        """`mismatch` for arguments whose key is right, or differs in nothing but sizes that may vary."""
        if self._modes != modes():
            return f"it was recorded with {self._modes}, now it is {modes()}"
        quantities = [source.find(arguments.floats) for source in self._quantities]
        for quantity, value in zip(self._quantities, quantities, strict=True):
            if not quantity.takes(value):
                return f"{quantity.name} was a number of another kind then and is {value!r} now"
        for outcome in self._conditions:
            if not outcome.holds(quantities):
                return f"{outcome.words} is another now"
        tensors = arguments.tensors
        for place, numbers in self.numbers:
            if not alike(tensors[place]._data, numbers):
                return f"the numbers of {arguments.names[place]} are others now"
        if self.alike is not None and self.alike():
            return None if not tensors else self._shares_otherwise(tensors)
        for read in self._reads:
            if not read.holds():
                return read.change()
        for source, there, wants in self._guards:
            if (type(source.find(tensors)._edge) is Leaf) is not wants:
                return f"{source.name} {'required a gradient' if wants else 'required no gradient'} then"
            if there is not None and (Gradient(source).find(tensors) is not None) is not there:
                return f"{source.name}.grad was {'there then and is None' if there else 'None then and is there'} now"
        for value in self.graph.states:
            reason = _moved(value, self._bindings[value.name], tensors)
            if reason is not None:
                return reason
        return self._shares_otherwise(tensors)

    def _shares_otherwise(self, tensors: Sequence[Tensor]) -> str | None:
        if sharing(self.graph, self._bindings, tensors) != self._shared:
            return "other tensors among arguments and states share memory now"
        return None

    # --- for people ---------------------------------------------------------------------------------------------------

    def explain(self) -> str:
        """What the recording takes, keeps and leaves behind, and what it has become, as text."""
        return explain(self)

    def __str__(self) -> str:
        return str(self.graph)

    def __repr__(self) -> str:
        return f"<program {self.graph.name}: {len(self.graph.instrs)} instructions>"


def like(array: np.ndarray) -> np.ndarray:
    """A copy that lies as the array does."""
    extent = 1 + sum([abs(s) * (n - 1) for n, s in zip(array.shape, array.strides, strict=True)]) // array.itemsize
    room = np.zeros(extent if array.size else 0, array.dtype)
    copy = np.lib.stride_tricks.as_strided(room, array.shape, array.strides)
    np.copyto(copy, array)
    return copy


def modes() -> tuple[Any, ...]:
    """The switches under which a function was recorded."""
    return (f"grad mode {'on' if state.grad else 'off'}", f"default dtype {get_default_dtype().name}",
            f"autocast {state.casting or 'off'}", f"inference mode {'on' if state.inference else 'off'}")


def _own(array: np.ndarray, memories: list[np.ndarray], given: list[np.ndarray]) -> np.ndarray:
    """The array, copied where somebody else's memory, or that of an array given out before, is under it."""
    if (
        array.base is not None
        or not array.flags.writeable
        or any(array is other for other in (*memories, *given))
    ):
        array = np.array(array)
    given.append(array)
    return array


def sharing(
    graph: InstructionGraph, bindings: dict[str, list[Binding]], tensors: Sequence[Tensor]
) -> set[tuple[str, str]]:
    """Which inputs and states lie on one memory."""
    roots: dict[int, list[str]] = {}
    found: set[tuple[str, str]] = set()
    for value in graph.states:
        root = root_of(bindings[value.name][0].find(tensors)._data)
        found.update((other, value.name) for other in roots.setdefault(id(root), []))
        roots[id(root)].append(value.name)
    for value, tensor in zip(graph.inputs, tensors, strict=False):  # after the tensors come numbers
        for other in roots.get(id(root_of(tensor._data)), ()):
            whole = whole_of(bindings[other][0].find(tensors)._data)
            if np.may_share_memory(whole, tensor._data):
                found.add((value.name, other))
    return found


def _moved(value: Value, bound: list[Binding], tensors: Sequence[Tensor]) -> str | None:
    """Why a state is not where it was; None where it is."""
    first = bound[0].source.find(tensors)
    if first is None:
        return f"%{value.name} is gone"
    whole = whole_of(first._data)
    if Spec(tuple(whole.shape), value.spec.dtype) != value.spec or whole.dtype != value.spec.dtype.numpy:
        return f"%{value.name} was {value.spec} then and is {whole.dtype}{list(whole.shape)} now"
    for binding in bound:
        tensor = binding.source.find(tensors)
        if tensor is None or root_of(tensor._data) is not root_of(first._data):
            return f"tensors that shared the memory of %{value.name} do not share it now"
        if step_within(whole, tensor._data) != binding.steps:
            return f"a view of %{value.name} lies elsewhere now"
        if hooks_of(tensor) != binding.hooks:
            return f"{binding.source.name} had other hooks then"
        if (tensor._edge is not None) is not binding.requires_grad:
            return f"{binding.source.name} {'required' if binding.requires_grad else 'did not require'} a gradient then"
    return None


def _difference(then: Sequence[Any], now: Sequence[Any], names: list[str]) -> str:
    if then[:2] != now[:2]:
        return "numbers, strings or the nest of the arguments differ"
    for name, before, after in zip(names, then[2], now[2], strict=False):
        if before != after:
            words = ("shape", "dtype", "strides", "requires_grad")
            which = next(i for i in range(4) if before[i] != after[i])
            return f"argument {name!r} had {words[which]} {before[which]} then and has {after[which]} now"
    return "other arguments share memory now"
