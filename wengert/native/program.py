"""A native program: its code, its memory, and a call of it.

The one idea to know: all code works on one *frame*, a table of addresses: OpenBLAS's products, the arena, and the
arrays of a call. A call puts the array objects into the frame and enters the code once; only where numpy has something
to compute does it come back in between. Nothing of the user's is written before everything that can fail is done.
"""

from __future__ import annotations

import ctypes
import threading
import weakref
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from itertools import groupby
from time import perf_counter
from typing import Any, Protocol

import numpy as np

from ..compiler import memory, threads
from ..compiler.blas import openblas
from ..compiler.jit import Library, engine
from ..compiler.kernels import generated_code_is_possible
from ..core.errors import TraceError
from ..core.forks import in_child
from ..core.primitive import evaluate
from ..ir import InstructionGraph, Interpreter, Value
from . import entry, keeping
from .account import StepInfo, assembly_of
from .blueprint import Blueprint, Computed, Drawn, Known, Seen, asks_openblas, blueprint_of
from .checks import check_computed
from .fresh import Fresh, FreshArrays, hold
from .functions import Work
from .loops import DTYPES, Nest
from .origins import helpers, steps_of_values
from .schedule import Schedule
from .stages import Stages, uncollected
from .steps import Call, Kernel, Product, Step
from .translation import Lying

WRITTEN = object()
"""Stands for the value of an effect that the program has already written where it belongs."""


def native(graph: InstructionGraph, given: Sequence[np.ndarray[Any, Any]], in_place: bool = False,
           stages: Stages | None = None, loose: frozenset[int] = frozenset()) -> NativeProgram | None:
    """The native program of a graph whose inputs and states lie as the arrays given here; None where there is no
    generated code, or nothing of the graph has a native form. ``in_place``: it writes states itself; ``loose`` outputs,
    by their numbers, may lie in any order. What planning found out is kept on disk (`keeping`), and planned anew where
    that lacks it."""
    if not may_be_native(graph):
        return None
    stages = Stages() if stages is None else stages
    planning = Planning(graph, given, in_place, loose)
    with stages.stage("reading"):
        key = keeping.key_of(graph, given, in_place, loose)
        blueprint = None if key is None else keeping.read(key, graph, given, in_place, loose)
        found = None if blueprint is None else engine().load_kept(_symbols(blueprint))
    if blueprint is not None and found is not None:
        return NativeProgram(planning, blueprint, found, loose)
    try:
        with stages.stage("planning"):
            schedule = planning.schedule
    except NotImplementedError:
        return None
    if not is_native(schedule.steps):
        return None
    with stages.stage("writing"):
        blueprint = planning.blueprint
    with stages.stage("machine code"):
        symbols = [names for _, names in _symbols(blueprint)]
        libraries = engine().load_all([*zip(planning.texts, symbols, strict=True)], threads.get_num_threads())
        if key is not None:
            keeping.write(key, blueprint)
        return NativeProgram(planning, blueprint, libraries, loose)


def _symbols(blueprint: Blueprint) -> list[tuple[str, tuple[str, ...]]]:
    return [(key, ("functions",) if names else ()) for key, names in blueprint.modules]


def may_be_native(graph: InstructionGraph) -> bool:
    """Whether there is generated code, for all that a graph has."""
    every = (*graph.inputs, *graph.states, *(value for value, _ in graph.constants),
             *(result for instr in graph.instrs for result in instr.results))
    return generated_code_is_possible() and all(value.spec.dtype.name in DTYPES for value in every)


def is_native(steps: Sequence[Step]) -> bool:
    """Whether any step has a native form, and what it calls is there."""
    return any(type(step) in (Nest, Product, Kernel) for step in steps) and (
        openblas() is not None or not asks_openblas(steps))


class Planned(Protocol):
    """What people are shown of a program: its graph, its steps, and its modules in LLVM's language."""

    graph: InstructionGraph

    @property
    def schedule(self) -> Schedule: ...

    @property
    def texts(self) -> list[str]: ...


class Planning:
    """What is found out about a graph for arrays that lie as those given here, each when it is first asked for: where a
    program was kept on disk, people alone ask."""

    def __init__(self, graph: InstructionGraph, given: Sequence[np.ndarray[Any, Any]], in_place: bool,
                 loose: frozenset[int] = frozenset()) -> None:
        self.graph, self.in_place, self._loose = graph, in_place, loose
        self._given = [Lying(array.shape, array.strides, array.dtype) for array in given]

    @cached_property
    def schedule(self) -> Schedule:
        """The steps in order. Raises `NotImplementedError` where there can be none."""
        with uncollected():
            return Schedule(self.graph, self._given, self.in_place, loose=self._loose)

    @property
    def blueprint(self) -> Blueprint:
        """The schedule as numbers and names."""
        return self._written[0]

    @property
    def texts(self) -> list[str]:
        """Its modules in LLVM's language."""
        return self._written[1]

    @cached_property
    def _written(self) -> tuple[Blueprint, list[str]]:
        with uncollected():
            return blueprint_of(self.schedule)


class Runner:
    """Runs a graph as a native program, made when it is first called for arrays that lie as they do then; interpreted
    where nothing of it has a native form. Called like an `Interpreter`. If it must be ``whole``, what numpy would
    compute is a `TraceError` before anything runs."""

    def __init__(self, graph: InstructionGraph, in_place: bool, whole: bool = False, stages: Stages | None = None,
                 loose: frozenset[int] = frozenset()) -> None:
        self.graph, self.in_place, self.whole, self.loose = graph, in_place, whole, loose
        self.stages = Stages() if stages is None else stages
        self.share: Callable[[Runner, Sequence[np.ndarray[Any, Any]]], NativeProgram | None] | None = None
        """Makes the program of code that serves other sizes too, where that can be done (`shared`)."""
        self.program: NativeProgram | None = None
        self._run: Any = None

    def __call__(
        self, inputs: Sequence[np.ndarray[Any, Any]], states: Sequence[np.ndarray[Any, Any]] = (),
        generators: Sequence[Any] = ()
    ) -> tuple[list[Any], list[np.ndarray[Any, Any]]]:
        """The values of the effects and the outputs; `WRITTEN` for an effect that is done."""
        if self._run is None:
            self._make(inputs, states)
        return self._run(inputs, states, generators)

    def _make(self, inputs: Sequence[np.ndarray[Any, Any]], states: Sequence[np.ndarray[Any, Any]]) -> None:
        with uncollected():
            program = None if self.share is None else self.share(self, [*inputs, *states])
            if program is None:
                program = native(self.graph, [*inputs, *states], self.in_place, self.stages, self.loose)
        if self.whole:
            self._refuse_numpy(program)
        self.program, self._run = program, program or Interpreter(self.graph)

    def profile(self, inputs: Sequence[np.ndarray[Any, Any]], states: Sequence[np.ndarray[Any, Any]],
                generators: Sequence[Any], rounds: int) -> None:
        """Measures the steps of the native program, where there is one, on arrays that it may write to."""
        if self._run is None:
            self._make(inputs, states)
        if self.program is not None:
            self.program.measure([*inputs, *states], generators, rounds)

    def _refuse_numpy(self, program: NativeProgram | None) -> None:
        if program is None:
            names = list(dict.fromkeys([instr.primitive.name for instr in self.graph.instrs]))
        else:
            names = list(dict.fromkeys([self.graph.instrs[step.instr].primitive.name for step in program.steps
                                        if isinstance(step, Computed)]))
        if names:
            raise TraceError(f"[compile] a function all of which is machine code was expected; got {', '.join(names)}, "
                             'which numpy computes; compile without fullgraph="native", or leave that outside')

    def describe(self) -> list[str]:
        """What is native and what is not, as lines of text."""
        if self._run is None:
            return ["compiled when it is first run"]
        return ["interpreted: nothing in it has a native form"] if self.program is None else self.program.describe()


_PROGRAMS: weakref.WeakSet[NativeProgram] = weakref.WeakSet()


def _renew() -> None:
    for program in _PROGRAMS:
        program.renew()


in_child(_renew)


class NativeProgram:
    """Called like an `Interpreter`: with the arrays of inputs and states, and generators."""

    def __init__(self, planning: Planned, blueprint: Blueprint, libraries: Sequence[Library],
                 resting: Iterable[int] = ()) -> None:
        self.planning, self.graph, self._blueprint = planning, planning.graph, blueprint
        self.libraries = libraries
        self.renew()
        _PROGRAMS.add(self)
        self._make_frame(blueprint)
        self._link(blueprint)
        self.names = [step.function if isinstance(step, Work) else "" for step in blueprint.steps]
        """The functions of the steps."""
        self.cycles = blueprint.cycles
        self._interpreter: Interpreter | None = None
        self._fresh = FreshArrays([
            Fresh(entry.FIRST + number + self.array_slots, shape, order, np.dtype(blueprint.arrays[number].dtype))
            for number, shape, order in blueprint.fresh])
        self.effects_at = blueprint.effects
        """For each effect which of the fresh arrays has its value; None where none does."""
        self.outputs_at = [number if made else None for made, number in blueprint.outputs]
        """For each output which of the fresh arrays it is; None for one that is an input or a state."""
        rests = [at for at in [self.outputs_at[number] for number in resting] if at is not None]
        for at in rests:
            self._fresh[at].rests = True
        self._rests = sum([self._fresh[at].bytes for at in rests])

    @property
    def schedule(self) -> Schedule:
        """What its steps are."""
        return self.planning.schedule

    @property
    def texts(self) -> list[str]:
        """Its modules, in LLVM's language."""
        return self.planning.texts

    def renew(self) -> None:
        """Forgets a run that is going on: in a child that was forked off, it never ends."""
        self._lock = threading.Lock()
        self.given: object = None
        """What stands for the arrays that the frame has: their identities, or a mark of who has given them."""
        self._pool: Any = None

    def _make_frame(self, blueprint: Blueprint) -> None:
        """Makes the frame, and fills the slots that stay."""
        self.array_slots, self.slots = len(blueprint.arrays), entry.FIRST + len(blueprint.arrays)
        table = threads.table(self.slots + self.array_slots)
        self._table, self._frame = table, memory.address(table)
        self._words = (ctypes.c_int64 * len(table)).from_address(self._frame)
        library = openblas()
        asked = {slot for step in blueprint.steps if isinstance(step, Work) for slot, _ in step.places}
        for name, slot in entry.BLAS.items():
            if slot in asked and library is not None:
                self._words[slot] = library.product(np.dtype(name).char)
        room = np.empty(blueprint.arena + 64, np.uint8)
        self._arena, self._words[entry.ARENA] = room, -(-memory.address(room) // 64) * 64
        first = self._words[entry.ARENA] - memory.address(room)
        for frame in blueprint.frames:
            dtype = np.dtype(frame.dtype)
            begin = first + frame.offset
            room[begin:begin + frame.size * dtype.itemsize].view(dtype)[:] = frame.number
        slots = [slot for slot, array in enumerate(blueprint.arrays, entry.FIRST) if array.kind == "constant"]
        self._constants = dict(zip(slots, blueprint.constants, strict=False))
        self._called = [slot for slot, array in enumerate(blueprint.arrays, entry.FIRST) if array.kind == "called"]
        self._nothing = np.empty(0)  # stands for what numpy has not computed yet
        for slot, array in self._constants.items():
            self._put(slot, array)

    def _link(self, blueprint: Blueprint) -> None:
        """Makes the tables of steps, a part between each two numpy calls."""
        address: dict[str, int] = {}
        for (_, names), library in zip(blueprint.modules, self.libraries, strict=True):
            if names:
                found = (ctypes.c_int64 * len(names)).from_address(library.addresses["functions"])
                address.update(zip(names, found, strict=True))
        self.steps: list[Computed | entry.Step] = [
            entry.Step(address.get(step.function, 0), *step[1:]) if isinstance(step, Work) else step
            for step in blueprint.steps]
        self._repeats = any([isinstance(step, entry.Step) and not step.function and step.items == entry.AGAIN
                             for step in self.steps])
        """Whether it may be that the graph is to be interpreted, and gives a result."""
        self._room = entry.room_for([step for step in self.steps if isinstance(step, entry.Step)])
        self._words[entry.PLACES] = memory.address(self._room)
        self._parts: list[Any] = []
        """Calls of numpy, and the addresses of tables of what is between them."""
        self._tables = []
        for call, steps in groupby(self.steps, lambda step: isinstance(step, Computed)):
            if call:
                self._parts += steps
            else:
                table = entry.table_of([step for step in steps if isinstance(step, entry.Step)], self.array_slots,
                                       self.slots)
                self._tables.append(table)
                self._parts.append(memory.address(table))
        blas = openblas()
        guard = blas.guard if blas is not None and blueprint.asks_openblas else 0
        # A part is one item of a job: so OpenBLAS has one thread while it runs.
        self._descriptor = (ctypes.c_int64 * 6)(entry.library().addresses["entry"], 0, 0, 1, 1, guard)
        self._entry = ctypes.addressof(self._descriptor)

    def _put(self, slot: int, array: np.ndarray[Any, Any]) -> None:
        self._words[slot + self.array_slots] = id(array)

    def __call__(
        self, inputs: Sequence[np.ndarray[Any, Any]], states: Sequence[np.ndarray[Any, Any]] = (),
        generators: Sequence[Any] = ()
    ) -> tuple[list[Any], list[np.ndarray[Any, Any]]]:
        """The values of the effects (None for those that clear, `WRITTEN` for those that are done) and the outputs.
        All are arrays of their own, but for outputs that are inputs or states."""
        arrays = [*inputs, *states]
        fresh = self.launch(arrays, generators)
        if fresh is None:
            return self._interpreted(inputs, states, generators)
        effects: list[Any] = [fresh[at] if at is not None else None if effect.value is None else WRITTEN
                              for effect, at in zip(self.graph.effects, self.effects_at, strict=True)]
        return effects, [fresh[number] if made else arrays[number] for made, number in self._blueprint.outputs]

    def launch(self, arrays: Sequence[np.ndarray[Any, Any]], generators: Sequence[Any]
               ) -> list[np.ndarray[Any, Any]] | None:
        """Runs the code on the arrays of inputs and states, and returns the arrays that it has made; None where a guard
        has found something wrong, and nothing has been written."""
        with self._lock:
            drawn = [generator.state_array() for generator in generators] if self._repeats else []
            words = self._words
            ids = [*map(id, arrays)]
            if ids != self.given:
                self.give(arrays, ids)
            fresh = []
            for each in self._fresh:
                array = each.array()
                words[each.slot] = id(array)
                fresh.append(array)
            pool = self.attend()
            pool.await_work(self.cycles)
            if not self._called:
                for part in self._parts:
                    pool.launch(pool.control, self._entry, 1, self._frame, part, *threads.NO_MORE)
            else:
                self._launch_by_parts(pool, self._lying(arrays, fresh), generators)
            if self._rests:
                hold(self._fresh, self._rests)
            if self.has_gone_wrong():
                for generator, was in zip(generators, drawn, strict=False):
                    generator.set_state_array(was)
                return None
        return fresh

    def give(self, arrays: Sequence[np.ndarray[Any, Any]], mark: object) -> None:
        """Puts the arrays of inputs and states into the frame, for which ``mark`` stands from now on. Raises
        `ValueError` where there are more or fewer than the graph has: others would be written, or old ones read."""
        wanted = len(self.graph.inputs) + len(self.graph.states)
        if len(arrays) != wanted:
            raise ValueError(f"[compile] the {wanted} arrays of inputs and states were expected; got {len(arrays)}")
        for slot, array in enumerate(arrays, start=entry.FIRST + self.array_slots):
            self._words[slot] = id(array)
        self.given = mark

    def attend(self) -> threads.Pool:
        """The process's pool, which the frame knows."""
        pool = threads.pool()
        if pool is not self._pool:
            self._words[entry.CONTROL], self._words[entry.LAUNCH] = pool.control, pool.launch_address
            self._pool = pool
        return pool

    def has_gone_wrong(self) -> bool:
        """Whether a guard has found something wrong in the last run; asked once."""
        wrong = bool(self._words[entry.WRONG])
        if wrong:
            self._words[entry.WRONG] = 0
        return wrong

    def _lying(self, arrays: Sequence[np.ndarray[Any, Any]], fresh: Sequence[np.ndarray[Any, Any]]
               ) -> dict[int, np.ndarray[Any, Any]]:
        """The arrays of a run by their slots, but for those that numpy has yet to compute."""
        given = enumerate(arrays, entry.FIRST)
        made = {entry.FIRST + number: array
                for (number, *_), array in zip(self._blueprint.fresh, fresh, strict=True)}
        return {**dict(given), **made, **self._constants}

    def _launch_by_parts(self, pool: threads.Pool, lying: dict[int, np.ndarray[Any, Any]], generators: Sequence[Any]
                         ) -> None:
        """Native parts and numpy calls in turn, until a guard says no."""
        for slot in self._called:
            self._put(slot, self._nothing)
        for part in self._parts:
            if type(part) is Computed:
                self._call(part, lying, generators)
            else:
                pool.launch(pool.control, self._entry, 1, self._frame, part, *threads.NO_MORE)
            if self._words[entry.WRONG]:
                return

    @cached_property
    def kernels(self) -> list[StepInfo]:
        """What its steps are, and do."""
        origin = self.schedule.plan.origin
        return [StepInfo(self, number, step, origin.get(id(step))) for number, step in enumerate(self.schedule.steps)]

    @cached_property
    def steps_of_values(self) -> dict[Value, int]:
        """In which step each value of the graph is computed, by its number."""
        return steps_of_values(self.schedule)

    @cached_property
    def helpers(self) -> dict[int, list[int]]:
        """For a step the numbers of those before it that work for it alone."""
        return helpers(self.schedule, self.steps_of_values)

    @cached_property
    def last_of_step(self) -> dict[int, Value]:
        """The last value of the graph that each step computes."""
        numbers = self.steps_of_values
        results = [result for instr in self.graph.instrs for result in instr.results if result in numbers]
        return {numbers[value]: value for value in results}

    @cached_property
    def assembly(self) -> str:
        """The code in the processor's language."""
        return "\n".join(map(assembly_of, self.texts))

    @property
    def text(self) -> str:
        """The code in LLVM's language."""
        return "\n".join(self.texts)

    @property
    def memory(self) -> dict[str, int]:
        """Bytes: of the arena, of what a run makes and gives out, of what numpy's calls leave until its end, and of
        constants. Their sum is what a run needs at most beside what it is given."""
        fresh = sum([each.bytes for each in self._fresh])
        called = [self._blueprint.arrays[slot - entry.FIRST].bytes for slot in self._called]
        return {"in between": self._blueprint.arena, "given out": fresh, "from numpy": sum(called),
                "constants": sum([array.nbytes for array in self._constants.values()])}

    def measure(self, arrays: Sequence[np.ndarray[Any, Any]], generators: Sequence[Any], rounds: int) -> None:
        """Measures each step, the least of so many rounds, on arrays that it may write to."""
        with self._lock:
            self.give(arrays, None)
            fresh = [each.array() for each in self._fresh]
            for each, array in zip(self._fresh, fresh, strict=True):
                self._words[each.slot] = id(array)
            lying = self._lying(arrays, fresh)
            for slot in self._called:
                self._put(slot, self._nothing)
            pool = self.attend()
            tables = [None if isinstance(step, Computed) else entry.table_of([step], self.array_slots, self.slots)
                      for step in self.steps]
            nothing = entry.table_of([], self.array_slots, self.slots)
            best = [float("inf")] * len(tables)
            idle = min([self._timed(pool, nothing) for _ in range(100)])
            for _ in range(rounds):
                for number, (step, table) in enumerate(zip(self.steps, tables, strict=True)):
                    begin = perf_counter()
                    if isinstance(step, Computed):
                        self._call(step, lying, generators)
                        seconds = perf_counter() - begin
                    else:
                        pool.await_work(self.cycles)
                        seconds = max(0.0, self._timed(pool, table) - idle)
                    best[number] = min(best[number], seconds)
            self._words[entry.WRONG] = 0
        for info, seconds in zip(self.kernels, best, strict=True):
            info.seconds = seconds

    def _timed(self, pool: threads.Pool, table: Any) -> float:
        begin = perf_counter()
        pool.launch(pool.control, self._entry, 1, self._frame, memory.address(table), *threads.NO_MORE)
        return perf_counter() - begin

    def describe(self) -> list[str]:
        """Passes, products and numpy calls, as lines of text."""
        steps = self.schedule.steps
        calls = Counter(step.instr.primitive.name for step in steps if type(step) is Call)
        lines = [f"{count} {word}" for kind, word in ((Nest, "passes over memory"), (Product, "products of matrices"))
                 for count in [sum(type(step) is kind for step in steps)]]
        kernels = Counter(step.name for step in steps if type(step) is Kernel)
        lines += [f"{count} native {name}" for name, count in kernels.items()]
        return [*lines, f"{self.schedule.arena} bytes for what is in between",
                *(f"numpy computes {name} ({count})" for name, count in calls.items())]

    def _interpreted(self, *given: Any) -> Any:
        """What the graph means: it raises the error that a guard has noticed."""
        if self._interpreter is None:
            self._interpreter = Interpreter(self.graph)
        return self._interpreter(*given)

    # --- what numpy computes ------------------------------------------------------------------------------------------

    def _call(self, step: Computed, lying: dict[int, np.ndarray[Any, Any]], generators: Sequence[Any]) -> None:
        """Lets numpy compute an instruction; what comes of it is then found at its slots."""
        instr, operands = self.graph.instrs[step.instr], []
        for x in step.operands:
            if type(x) is Seen:
                operands.append(self._seen(x, lying))
            elif type(x) is Drawn:
                operands.append(generators[x.number])
            else:
                operands.append(self._blueprint.constants[x.number] if type(x) is Known else x)
        found = evaluate(instr.primitive, operands, instr.params)
        results = found if instr.primitive.multiple else (found,)
        check_computed(instr, results)
        for slot, array in zip(step.results, results, strict=True):
            lying[slot] = np.ascontiguousarray(array)
            self._put(slot, lying[slot])

    def _seen(self, seen: Seen, lying: dict[int, np.ndarray[Any, Any]]) -> Any:
        """The array that numpy is to see."""
        dtype = np.dtype(seen.dtype)
        if seen.slot == entry.ARENA:
            first = self._words[entry.ARENA] - memory.address(self._arena)
            return np.ndarray(seen.shape, dtype, self._arena, first + seen.offset, seen.strides)
        base = lying[seen.slot]
        if not seen.offset and seen.shape == base.shape:
            return base if seen.strides == base.strides else np.lib.stride_tricks.as_strided(
                base, seen.shape, seen.strides)
        size = self._blueprint.arrays[seen.slot - entry.FIRST].size
        flat = np.lib.stride_tricks.as_strided(base, (size,), (dtype.itemsize,))
        return np.lib.stride_tricks.as_strided(flat[seen.offset // dtype.itemsize:], seen.shape, seen.strides)
