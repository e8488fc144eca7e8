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
from collections.abc import Sequence
from functools import cached_property
from itertools import groupby
from math import prod
from time import perf_counter
from typing import Any

import numpy as np

from ..compiler import memory, threads
from ..compiler.blas import openblas
from ..compiler.code import Code
from ..compiler.jit import engine
from ..compiler.kernels import generated_code_is_possible
from ..compiler.products import Geometry, Products
from ..core.errors import TraceError
from ..core.forks import in_child
from ..core.primitive import evaluate
from ..ir import InstructionGraph, Interpreter, Value
from . import entry
from .account import StepInfo, assembly_of
from .checks import check_computed
from .emission import Function, form_of, function_of, places_of
from .loops import DTYPES, Buffer, Nest, Place
from .modules import modules_of
from .openblas import product_function
from .origins import helpers, steps_of_values
from .schedule import Schedule
from .stages import Stages, uncollected
from .steps import Call, Guard, Kernel, Layout, Product, Step

WRITTEN = object()
"""Stands for the value of an effect that the program has already written where it belongs."""

WORTH_SHARING = 16000
"""Cycles from which on a step is shared among threads."""


def native(graph: InstructionGraph, given: Sequence[np.ndarray[Any, Any]], in_place: bool = False,
           stages: Stages | None = None) -> NativeProgram | None:
    """The native program of a graph whose inputs and states lie as the arrays given here; None where there is no
    generated code, or nothing of the graph has a native form. ``in_place``: it writes states itself."""
    every = (*graph.inputs, *graph.states, *(result for instr in graph.instrs for result in instr.results))
    if not generated_code_is_possible() or any(value.spec.dtype.name not in DTYPES for value in every):
        return None
    stages = Stages() if stages is None else stages
    try:
        with stages.stage("planning"):
            schedule = Schedule(graph, given, in_place)
    except NotImplementedError:
        return None
    if not any(type(step) in (Nest, Product, Kernel) for step in schedule.steps):
        return None
    if openblas() is None and _asks_openblas(schedule.steps):
        return None
    return NativeProgram(schedule, stages)


def _asks_openblas(steps: Sequence[Step]) -> bool:
    return any(type(step) is Product and step.cut is None for step in steps)


class Runner:
    """Runs a graph as a native program, made when it is first called for arrays that lie as they do then; interpreted
    where nothing of it has a native form. Called like an `Interpreter`. If it must be ``whole``, what numpy would
    compute is a `TraceError` before anything runs."""

    def __init__(self, graph: InstructionGraph, in_place: bool, whole: bool = False, stages: Stages | None = None
                 ) -> None:
        self.graph, self.in_place, self.whole = graph, in_place, whole
        self.stages = Stages() if stages is None else stages
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
            program = native(self.graph, [*inputs, *states], self.in_place, self.stages)
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
            names = list(dict.fromkeys([step.instr.primitive.name for step in program.schedule.steps
                                        if type(step) is Call]))
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

    def __init__(self, schedule: Schedule, stages: Stages) -> None:
        self.schedule, self.graph = schedule, schedule.graph
        self.renew()
        _PROGRAMS.add(self)
        self._frame_of(schedule)
        with stages.stage("writing"):
            writer = _Functions(schedule)
            modules = modules_of([*writer.functions, *writer.products.functions], writer.addresses)
            self.texts = [text for _, text in modules]
            """Its modules, in LLVM's language."""
        with stages.stage("machine code"):
            self.libraries = engine().load_all([(text, ("functions",) if names else ()) for names, text in modules],
                                               threads.get_num_threads())
            self._link(writer, [names for names, _ in modules])
        self.names = ["" if isinstance(step, Call) else step[0] for step in writer.steps]
        """The functions of the steps."""
        self.cycles = writer.cycles
        self._interpreter: Interpreter | None = None
        fresh = {found[0]: found[1].shape for found in (*schedule.effects, *schedule.outputs) if type(found) is tuple}
        self._fresh = [(buffer.slot + self.array_slots, shape, np.dtype(buffer.dtype))
                       for buffer, shape in fresh.items()]
        self._fresh_buffers = list(fresh)
        self.effects_at = [None if found is None else self._fresh_buffers.index(found[0])
                           for found in schedule.effects]
        """For each effect which of the fresh arrays has its value; None where none does."""
        self.outputs_at = [self._fresh_buffers.index(found[0]) if type(found) is tuple else None
                           for found in schedule.outputs]
        """For each output which of the fresh arrays it is; None for one that is an input or a state."""

    def renew(self) -> None:
        """Forgets a run that is going on: in a child that was forked off, it never ends."""
        self._lock = threading.Lock()
        self.given: object = None
        """What stands for the arrays that the frame has: their identities, or a mark of who has given them."""
        self._pool: Any = None

    def _frame_of(self, schedule: Schedule) -> None:
        """Numbers the slots, and fills those that stay."""
        arrays = [b for b in schedule.plan.buffers if b.kind in ("given", "constant", "fresh", "called")]
        for slot, buffer in enumerate(arrays, start=entry.FIRST):
            buffer.slot, buffer.offset = slot, 0
        for buffer in schedule.plan.buffers:
            if buffer.kind == "arena":
                buffer.slot = entry.ARENA
        self.array_slots, self.slots = len(arrays), entry.FIRST + len(arrays)
        table = threads.table(self.slots + self.array_slots)
        self._table, self._frame = table, memory.address(table)
        self._words = (ctypes.c_int64 * len(table)).from_address(self._frame)
        library = openblas()
        if library is not None:
            self._words[0], self._words[1] = library.products["f"], library.products["d"]
        room = np.empty(schedule.arena + 64, np.uint8)
        self._arena, self._words[entry.ARENA] = room, -(-memory.address(room) // 64) * 64
        first = self._words[entry.ARENA] - memory.address(room)
        for begin, buffer in schedule.frames:
            room[first + begin:first + begin + buffer.bytes].view(buffer.dtype)[:] = buffer.frame[-1]
        self._called = [b for b in arrays if b.kind == "called"]
        self._nothing = np.empty(0)  # stands for what numpy has not computed yet
        self._constants = dict(schedule.plan.constants)
        for buffer, array in self._constants.items():
            self._put(buffer, array)

    def _link(self, writer: _Functions, named: Sequence[Sequence[str]]) -> None:
        """Makes the tables of steps, a part between each two numpy calls."""
        address: dict[str, int] = {}
        for names, library in zip(named, self.libraries, strict=True):
            if names:
                found = (ctypes.c_int64 * len(names)).from_address(library.addresses["functions"])
                address.update(zip(names, found, strict=True))
        self.steps: list[Call | entry.Step] = [
            step if isinstance(step, Call) else entry.Step(address.get(step[0], 0), *step[1:]) for step in writer.steps]
        self._room = entry.room_for([step for step in self.steps if isinstance(step, entry.Step)])
        self._words[entry.PLACES] = memory.address(self._room)
        self._parts: list[Any] = []
        """Calls of numpy, and the addresses of tables of what is between them."""
        self._tables = []
        for call, steps in groupby(self.steps, lambda step: isinstance(step, Call)):
            if call:
                self._parts += steps
            else:
                table = entry.table_of([step for step in steps if isinstance(step, entry.Step)], self.array_slots,
                                       self.slots)
                self._tables.append(table)
                self._parts.append(memory.address(table))
        blas = openblas()
        guard = blas.guard if blas is not None and _asks_openblas(self.schedule.steps) else 0
        # A part is one item of a job: so OpenBLAS has one thread while it runs.
        self._descriptor = (ctypes.c_int64 * 6)(entry.library().addresses["entry"], 0, 0, 1, 1, guard)
        self._entry = ctypes.addressof(self._descriptor)

    def _put(self, buffer: Buffer, array: np.ndarray[Any, Any]) -> None:
        self._words[buffer.slot + self.array_slots] = id(array)

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
        return effects, [arrays[x] if isinstance(x, int) else fresh[self._fresh_buffers.index(x[0])]
                         for x in self.schedule.outputs]

    def launch(self, arrays: Sequence[np.ndarray[Any, Any]], generators: Sequence[Any]
               ) -> list[np.ndarray[Any, Any]] | None:
        """Runs the code on the arrays of inputs and states, and returns the arrays that it has made; None where a guard
        has found something wrong, and nothing has been written."""
        with self._lock:
            words = self._words
            ids = [*map(id, arrays)]
            if ids != self.given:
                self.give(arrays, ids)
            fresh = []
            for slot, shape, dtype in self._fresh:
                array = np.empty(shape, dtype)
                words[slot] = id(array)
                fresh.append(array)
            pool = self.attend()
            pool.await_work(self.cycles)
            if not self._called:
                for part in self._parts:
                    pool.launch(pool.control, self._entry, 1, self._frame, part, 0, 0)
            else:
                self._launch_by_parts(pool, arrays, dict(zip(self._fresh_buffers, fresh, strict=True)), generators)
            if self.has_gone_wrong():
                return None
        return fresh

    def give(self, arrays: Sequence[np.ndarray[Any, Any]], mark: object) -> None:
        """Puts the arrays of inputs and states into the frame, for which ``mark`` stands from now on."""
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

    def _launch_by_parts(self, pool: threads.Pool, arrays: Sequence[np.ndarray[Any, Any]],
                         fresh: dict[Buffer, np.ndarray[Any, Any]], generators: Sequence[Any]) -> None:
        """Native parts and numpy calls in turn, until a guard says no."""
        called: dict[Buffer, np.ndarray[Any, Any]] = {}
        for buffer in self._called:
            self._put(buffer, self._nothing)
        for part in self._parts:
            if type(part) is Call:
                self._call(part, arrays, fresh, called, generators)
            else:
                pool.launch(pool.control, self._entry, 1, self._frame, part, 0, 0)
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
        fresh = sum([prod(shape) * dtype.itemsize for _, shape, dtype in self._fresh])
        called, constants = self._called, self._constants.values()
        return {"in between": self.schedule.arena, "given out": fresh, "from numpy": sum([b.bytes for b in called]),
                "constants": sum([array.nbytes for array in constants])}

    def measure(self, arrays: Sequence[np.ndarray[Any, Any]], generators: Sequence[Any], rounds: int) -> None:
        """Measures each step, the least of so many rounds, on arrays that it may write to."""
        with self._lock:
            self.give(arrays, None)
            fresh = [np.empty(shape, dtype) for _, shape, dtype in self._fresh]
            for (slot, _, _), array in zip(self._fresh, fresh, strict=True):
                self._words[slot] = id(array)
            made, called = dict(zip(self._fresh_buffers, fresh, strict=True)), dict[Buffer, Any]()
            for buffer in self._called:
                self._put(buffer, self._nothing)
            pool = self.attend()
            tables = [None if isinstance(step, Call) else entry.table_of([step], self.array_slots, self.slots)
                      for step in self.steps]
            nothing = entry.table_of([], self.array_slots, self.slots)
            best = [float("inf")] * len(tables)
            idle = min([self._timed(pool, nothing) for _ in range(100)])
            for _ in range(rounds):
                for number, (step, table) in enumerate(zip(self.steps, tables, strict=True)):
                    begin = perf_counter()
                    if isinstance(step, Call):
                        self._call(step, arrays, made, called, generators)
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
        pool.launch(pool.control, self._entry, 1, self._frame, memory.address(table), 0, 0)
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

    def _call(self, step: Call, arrays: Sequence[np.ndarray[Any, Any]], fresh: dict[Buffer, np.ndarray[Any, Any]],
              called: dict[Buffer, np.ndarray[Any, Any]], generators: Sequence[Any]) -> None:
        operands = []
        for x in step.operands:
            if type(x) is not tuple:
                operands.append(x)
            elif type(x[0]) is Place:
                operands.append(self._seen(x[0], x[1], arrays, fresh, called))
            else:
                operands.append(generators[x[1]])
        found = evaluate(step.instr.primitive, operands, step.instr.params)
        results = found if step.instr.primitive.multiple else (found,)
        check_computed(step, results)
        for buffer, array in zip(step.results, results, strict=True):
            array = np.ascontiguousarray(array)
            called[buffer] = array
            self._put(buffer, array)

    def _seen(self, place: Place, shape: tuple[int, ...], arrays: Sequence[np.ndarray[Any, Any]],
              fresh: dict[Buffer, np.ndarray[Any, Any]], called: dict[Buffer, np.ndarray[Any, Any]]) -> Any:
        """The array that lies at a place."""
        buffer = place.buffer
        dtype = np.dtype(buffer.dtype)
        strides = [s * dtype.itemsize for s in place.strides]
        if buffer.kind == "arena":
            first = self._words[entry.ARENA] - memory.address(self._arena)
            return np.ndarray(shape, dtype, self._arena, first + _slot_of(place)[1], strides)
        if buffer.kind == "given":
            base = arrays[buffer.slot - entry.FIRST]
        else:
            base = {"constant": self._constants, "fresh": fresh, "called": called}[buffer.kind][buffer]
        if not place.offset and shape == base.shape:
            return base if tuple(strides) == base.strides else np.lib.stride_tricks.as_strided(base, shape, strides)
        flat = np.lib.stride_tricks.as_strided(base, (buffer.size,), (dtype.itemsize,))
        return np.lib.stride_tricks.as_strided(flat[place.offset:], shape, strides)


class _Functions:
    """Writes the module of a schedule, a function per form of step, and what its steps call with which places."""

    def __init__(self, schedule: Schedule) -> None:
        self.functions: list[Code] = []
        self.addresses: dict[str, None] = {}
        """The names of the functions that steps call."""
        self.cycles = 0.0
        self._made: dict[Any, Function] = {}
        self.products = Products(engine().machine)
        self.steps = [step if isinstance(step, Call) else self._step(step) for step in schedule.steps]

    def _step(self, step: Step) -> tuple[str, int, int, list[tuple[int, int]]]:
        """An `entry.Step` with the function's name."""
        if type(step) is Guard:
            return "", 1, 0, [_slot_of(step.place)]
        more: list[tuple[int, int]] = []
        if type(step) is Product and step.cut is not None:
            assert step.panels is not None and step.laid is not None
            places = [step.left.place, step.right.place, step.panels, step.laid, step.out.place]
            function = self._own_product(step.cut, step.panels in step.lays)
        elif type(step) is Product:
            places, more = [step.left.place, step.right.place, step.out.place], [(entry.BLAS[step.dtype], 0)]
            function = self._product(step)
        elif type(step) is Kernel:
            places, function = [*step.reads, *step.writes], self._kernel(step)
        elif type(step) is Layout:
            places, function = [step.source.place, step.out], self._layout(step.cut, step.right)
        else:
            assert type(step) is Nest
            places, function = places_of(step), self._nest(step)
        self.cycles += function.cycles
        self.addresses.setdefault(function.code.name)
        shared = function.cycles >= WORTH_SHARING and function.items >= 2
        return (function.code.name, function.items, max(1, function.items // 16) if shared else 0,
                [*map(_slot_of, places), *more])

    def _nest(self, nest: Nest) -> Function:
        form = form_of(nest)
        if form not in self._made:
            self._made[form] = function_of(nest, f"nest{len(self._made)}", engine().machine)
            self.functions.append(self._made[form].code)
        return self._made[form]

    def _kernel(self, step: Kernel) -> Function:
        if step.form not in self._made:
            self._made[step.form] = Function(*step.form.written(f"kernel{len(self._made)}", engine().machine))
            self.functions.append(self._made[step.form].code)
        return self._made[step.form]

    def _product(self, product: Product) -> Function:
        sides = product.left, product.right, product.out
        form = product.dtype, *[(side.shape, side.place.strides) for side in sides]
        if form not in self._made:
            self._made[form] = product_function(product, f"product{len(self._made)}")
            self.functions.append(self._made[form].code)
        return self._made[form]

    def _own_product(self, cut: Geometry, lays: bool) -> Function:
        form = "product", cut, lays
        if form not in self._made:
            code = self.products.product(cut, f"matrices{len(self._made)}", lays)
            self._made[form] = Function(code, cut.items, cut.cycles)
        return self._made[form]

    def _layout(self, cut: Geometry, right: bool) -> Function:
        form = "layout", right, cut.panel_form() if right else cut.left_form()
        if form not in self._made:
            write = self.products.panels if right else self.products.left
            items = cut.panels if right else cut.tiles
            elements = cut.panel_elements if right else cut.left_elements
            self._made[form] = Function(write(cut, f"laid{len(self._made)}"), prod(cut.batch) * items, elements / 4)
        return self._made[form]


def _slot_of(place: Place) -> tuple[int, int]:
    """Where a place begins: the slot of its buffer, and the bytes from there."""
    buffer = place.buffer
    return buffer.slot, buffer.offset + place.offset * np.dtype(buffer.dtype).itemsize
