"""One machine code for a graph at many sizes: a plan that holds extents in the place of numbers.

The one idea to know: the graph is planned for a few sizes, all of which choose what the first has chosen (`Choices`),
and the plans are gone through together. What is the same in all is so; an integer that differs is a polynomial of the
size, or of the two that vary; a float is a form of such an integer. Of that plan the code is written once, with extents
in a table (`compiler/extents.py`). For a size that comes, the plan is put in numbers, checked like any other (`checks`)
and laid out in memory, which takes no time of LLVM's.

Note [extents]: nothing proves that a number depends on a size in this way. So more plans are compared than the
polynomials need; all of them are for sizes that no other size of the graph is equal to, and that nothing divides; what
the code's writer found out about an extent is noted and must hold; and every step of the plan for a size is checked to
stay inside its buffers. Where one of these fails, the size gets a plan and a code of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields, is_dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np

from ..compiler import threads
from ..compiler.extents import Extent, Numbers, Sizes, product, varies
from ..compiler.jit import Library, engine
from ..core.computed import FORMS, floats_in
from ..ir import Instr, InstructionGraph, Value
from .blueprint import blueprint_of
from .emission import Function
from .functions import Functions, Work, slot_of
from .loops import Buffer, LoopError, Nest, Node, Place
from .modules import modules_of
from .plan import Choices, Plan, lying_order, strides_in
from .program import NativeProgram, is_native, may_be_native
from .schedule import Schedule
from .stages import Stages
from .steps import Layout, Product, Step
from .translation import Lying

POWERS: dict[int, tuple[Numbers, ...]] = {
    1: ((0,), (1,), (2,)),
    2: ((0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (2, 0), (2, 1)),
}
"""Of one size that varies, and of two: the products of which polynomials are sums."""

MORE = 2
"""How many plans are compared beside those that the polynomials need."""

PRIMES = (37, 211, 1009, 4001, 8009)
"""Sizes from one of which on, that near which the size was that came first, primes are planned for."""

Graphs = Callable[[Numbers], InstructionGraph]


class Unlike(NotImplementedError):
    """What keeps plans from being one."""


# --- plans that become one --------------------------------------------------------------------------------------------


class Merging:
    """Puts together what plans for several sizes have at the same place."""

    def __init__(self, sizes: Sizes, at: Sequence[Numbers], floats: Sequence[float]) -> None:
        self._sizes, self._at, self._floats = sizes, at, floats
        self._powers = POWERS[len(at[0])]
        self._inverse = inverse([[product(powers, each) for powers in self._powers] for each in at[:len(self._powers)]])
        self._made: dict[int, tuple[Any, Any]] = {}
        self._integers: dict[tuple[int, ...], Any] = {}

    def of(self, things: Sequence[Any]) -> Any:
        """What stands at one place in each plan, with extents."""
        first = things[0]
        kind = type(first)
        if kind is np.ndarray:
            return self._array(things)
        if any(type(each) is not kind for each in things):
            raise Unlike("a plan depends on the size")
        if kind is int:
            return self._integer(things)
        if kind is float:
            return self._float(things)
        if kind in (tuple, list):
            if len({len(each) for each in things}) > 1:
                raise Unlike("how much there is depends on the size")
            return kind([self.of(parts) for parts in zip(*things, strict=True)])
        if kind is Node or is_dataclass(first) and kind not in (Instr, Value):
            return self._object(things)
        if kind in (Instr, Value):
            return first
        if any(each is not first and each != first for each in things):
            raise Unlike(f"{first!r:.40} depends on the size")
        return first

    def _object(self, things: Sequence[Any]) -> Any:
        first = things[0]
        known = self._made.get(id(first))
        if known is not None:
            if any(x is not y for x, y in zip(known[1], things, strict=True)):
                raise Unlike("what meets depends on the size")
            return known[0]
        made = rebuilt(first, lambda name: self.of([getattr(each, name) for each in things]))
        self._made[id(first)] = made, things
        return made

    def _integer(self, numbers: Sequence[int]) -> Any:
        if all(n == numbers[0] for n in numbers):
            return numbers[0]
        key = tuple(numbers)
        found = self._integers.get(key)
        if found is None:
            found = self._integers[key] = self._polynomial(key)
        return found

    def _polynomial(self, numbers: tuple[int, ...]) -> Extent:
        """The polynomial through the first numbers, which must be right for the others."""
        terms = {powers: sum([a * n for a, n in zip(row, numbers, strict=False)], Fraction(0))
                 for powers, row in zip(self._powers, self._inverse, strict=True)}
        found = self._sizes.polynomial(terms) if all(
            n == sum([factor * product(powers, each) for powers, factor in terms.items() if factor])
            for n, each in zip(numbers, self._at, strict=True)) else 0
        if type(found) is not Extent:
            raise Unlike(f"a number does not grow evenly with the size: {numbers} for {self._at}")
        return found

    def _float(self, numbers: Sequence[float]) -> Any:
        if all(n == numbers[0] or (n != n and numbers[0] != numbers[0]) for n in numbers):
            return numbers[0]
        for rounded in (float, lambda x: float(np.float32(x))):
            for number in self._floats:
                for at, (guess, form) in enumerate(FORMS):
                    found = [guess(number, n) for n in numbers]
                    if any(m is None or rounded(form(number, m)) != n
                           for m, n in zip(found, numbers, strict=True)):
                        continue
                    whole = self._integer([m for m in found if m is not None])
                    return self._formed(rounded, number, at, whole)
        raise Unlike("a float depends on the size in a way that is not known")

    def _formed(self, rounded: Callable[[float], float], number: float, at: int, whole: Any) -> Extent:
        form = FORMS[at][1]
        find = whole.find if varies(whole) else lambda n: whole
        key = "form", rounded is float, number, at, whole.key if varies(whole) else whole
        return self._sizes.known(key, rounded(form(number, find(self._sizes.hint))),
                                 lambda n: rounded(form(number, find(n))))

    def _array(self, arrays: Sequence[Any]) -> Any:
        """A constant: the same for all sizes, or one of which each number grows evenly with the size, or that is
        filled or grows evenly along each of its dimensions."""
        first = arrays[0]
        if any(type(a) is not np.ndarray or a.dtype != first.dtype or a.ndim != first.ndim for a in arrays):
            raise Unlike("a constant depends on the size")
        if all(a.shape == first.shape for a in arrays):
            flat = np.stack([a.ravel() for a in arrays])
            if (flat == flat[0]).all():
                return first
            if first.dtype.kind not in "iu":
                raise Unlike("a constant depends on the size")
            columns, where = np.unique(flat, axis=1, return_inverse=True)
            numbers = [self._integer([int(n) for n in column]) for column in columns.T]
            return Constant(first.shape, first.dtype, numbers, where.reshape(first.shape))
        starts = [a.flat[0] for a in arrays]
        if all((a == start).all() for a, start in zip(arrays, starts, strict=True)) and len(set(starts)) == 1:
            shape = [self._integer(sizes) for sizes in zip(*[a.shape for a in arrays], strict=True)]
            return Constant(tuple(shape), first.dtype, [starts[0].item()], None)
        if first.ndim == 1 and first.dtype.kind in "iu" and all(len(a) > 1 for a in arrays):
            steps = {int(a[1] - a[0]) for a in arrays}
            step = steps.pop()
            if not steps and all(np.array_equal(a, a[0] + step * np.arange(len(a))) for a in arrays):
                return Constant((self._integer([len(a) for a in arrays]),), first.dtype,
                               [self._integer([int(start) for start in starts]), step], None)
        if first.ndim == 2 and first.dtype.kind in "iu" and all(_is_even(a) for a in arrays):
            rows = [self._integers_of([a[row] for a in arrays]) for row in (0, 1, -1, 2)]
            grows = self._integers_of([a[3] - a[2] for a in arrays])
            count = self._integer([len(a) for a in arrays])
            return Rows((count, first.shape[1]), first.dtype, [*rows, grows], None)
        corners = [corner for a in arrays if first.ndim >= 2 and (corner := _corner(a)) is not None]
        if len(corners) == len(arrays) and all(each[1:] == corners[0][1:] for each in corners):
            shape = [self._integer(sizes) for sizes in zip(*[a.shape for a in arrays], strict=True)]
            return Constant(tuple(shape), first.dtype, [*corners[0][1:]], None, self._integer([c[0] for c in corners]))
        raise Unlike("a constant depends on the size")


    def _integers_of(self, rows: Sequence[np.ndarray[Any, Any]]) -> list[Any]:
        return [self._integer([int(n) for n in numbers]) for numbers in zip(*rows, strict=True)]


def _is_even(matrix: np.ndarray[Any, Any]) -> bool:
    """Whether each column grows evenly, but for its first two numbers and its last."""
    between = matrix[2:-1]
    return len(between) > 1 and bool((np.diff(between, axis=0) == between[1] - between[0]).all())


def _corner(array: np.ndarray[Any, Any]) -> tuple[int, Any, Any] | None:
    """Of matrices, all of which are two numbers with a diagonal between them: how far right of the first element that
    begins, and the numbers below it, with it, and above it; None for others."""
    if not array.size or array.dtype.kind not in "biuf":
        return None
    first = array.reshape(-1, *array.shape[-2:])[0]
    below, above = first[-1, 0], first[0, -1]
    corner = int(np.sum(first[0] == below)) - 1 if first[0, 0] == below else -int(np.sum(first[:, 0] == above))
    made = np.where(np.tri(array.shape[-2], array.shape[-1], corner, dtype=bool), below, above)
    return (corner, below.item(), above.item()) if below != above and (array == made).all() else None


class Constant:
    """An array that depends on the size: ``numbers`` dealt out as ``where`` says; else one number everywhere, or the
    first of an even row and its step, or with a ``corner`` what matrices have below a diagonal and above it."""

    def __init__(self, shape: tuple[Any, ...], dtype: np.dtype[Any], numbers: list[Any],
                 where: np.ndarray[Any, Any] | None, corner: Any = None) -> None:
        self.shape, self.dtype, self.numbers, self.where, self.corner = shape, dtype, numbers, where, corner

    def at(self, n: Numbers) -> np.ndarray[Any, Any]:
        shape, numbers = ([x.find(n) if varies(x) else x for x in each] for each in (self.shape, self.numbers))
        if self.where is not None:
            return np.array(numbers, self.dtype)[self.where]
        if self.corner is not None:
            corner = self.corner.find(n) if varies(self.corner) else self.corner
            matrix = np.where(np.tri(shape[-2], shape[-1], corner, dtype=bool), *numbers).astype(self.dtype)
            return np.ascontiguousarray(np.broadcast_to(matrix, shape))
        if len(numbers) == 1:
            return np.full(shape, numbers[0], self.dtype)
        return (numbers[0] + numbers[1] * np.arange(shape[0])).astype(self.dtype)


class Rows(Constant):
    """A matrix that has two rows of its own first and one last, and between them columns that grow evenly, as the table
    of a recurrence's steps: ``numbers`` are these three, the first row between them, and how much it grows."""

    def at(self, n: Numbers) -> np.ndarray[Any, Any]:
        first, second, last, start, step = (
            np.array([x.find(n) if varies(x) else x for x in row], self.dtype) for row in self.numbers)
        count = self.shape[0].find(n) - 3
        if count < 0:
            raise ValueError("fewer rows than are known")
        return np.vstack([first, second, start + np.arange(count)[:, None] * step, last])


class Numbered:
    """Puts a plan in numbers for some sizes; instructions are those of the ``graph`` for them."""

    def __init__(self, n: Numbers, instrs: dict[int, Instr]) -> None:
        self._n, self._instrs = n, instrs
        self._made: dict[int, Any] = {}

    def of(self, x: Any) -> Any:
        kind = type(x)
        if kind is Extent:
            return x.find(self._n)
        if kind in (tuple, list):
            return kind([self.of(y) for y in x])
        if kind is Instr:
            return self._instrs[id(x)]
        if kind in (Constant, Rows):
            return x.at(self._n)
        if kind is Node or is_dataclass(x) and kind is not Value:
            found = self._made.get(id(x))
            if found is None:
                found = self._made[id(x)] = rebuilt(x, lambda name: self.of(getattr(x, name)))
            return found
        return x


_NODE = "op", "args", "dtype", "over"
_ANEW: dict[str, Any] = {"slot": -1, "offset": 0, "_walked": None}
"""What is found out of buffers and nests once more."""


def rebuilt(x: Any, part: Callable[[str], Any]) -> Any:
    """An object of the same class with other parts, which a function gives by their names."""
    if type(x) is Node:
        return Node(*map(part, _NODE))
    made, anew = object.__new__(type(x)), _ANEW if type(x) in (Buffer, Nest) else {}
    for field in fields(x):
        object.__setattr__(made, field.name, anew[field.name] if field.name in anew else part(field.name))
    return made


def inverse(matrix: Sequence[Sequence[int]]) -> list[list[Fraction]]:
    """The inverse of a matrix that has one."""
    count = len(matrix)
    rows = [[*map(Fraction, row), *[Fraction(i == j) for j in range(count)]] for i, row in enumerate(matrix)]
    for i in range(count):
        pivot = next((r for r in range(i, count) if rows[r][i]), None)
        if pivot is None:
            raise Unlike("sizes that do not tell the polynomials")
        rows[i], rows[pivot] = rows[pivot], rows[i]
        rows[i] = [x / rows[i][i] for x in rows[i]]
        for r, row in enumerate(rows):
            if r != i and row[i]:
                rows[r] = [x - row[i] * y for x, y in zip(row, rows[i], strict=True)]
    return [row[count:] for row in rows]


# --- the code ---------------------------------------------------------------------------------------------------------


class _Written(Functions):
    """The functions of a plan with extents, one a step."""

    def __init__(self, schedule: Any) -> None:
        self.of_steps: list[Function | None] = []
        super().__init__(schedule)

    def _step(self, step: Step) -> Work:
        function, places = self.function(step)
        self.of_steps.append(function)
        if function is not None:
            function.code.extents = len(places)
            self.addresses.setdefault(function.code.name)
        return Work("", 0, 0, [])


class _Called(Functions):
    """What steps in numbers call with which places: functions that are written already."""

    def __init__(self, schedule: Any, of_steps: Sequence[Function | None], n: Numbers, extents: Place) -> None:
        self._next: Iterator[Function | None] = iter(of_steps)
        self._n, self._extents = n, extents
        super().__init__(schedule)

    def function(self, step: Step) -> tuple[Function | None, list[tuple[int, int]]]:
        written = next(self._next)
        if written is None:
            return None, self.places(step)
        numbers: list[Any] = [written.items, written.cycles]
        items, cycles = (x.find(self._n) if varies(x) else x for x in numbers)
        return Function(written.code, items, cycles), [*self.places(step), slot_of(self._extents)]


def _parts(schedule: Schedule) -> tuple[Any, ...]:
    """What a schedule is put together of: all that depends on sizes."""
    plan, graph = schedule.plan, schedule.graph
    return (schedule.steps, schedule.effects, schedule.outputs, plan.buffers, [*plan.constants.items()],
            [plan.origin.get(id(step)) for step in schedule.steps],
            [schedule.translation.values[value].node for value in (*graph.inputs, *graph.states)])


class SharedCode:
    """The code of a graph for many sizes, of which one varies, or two do. Raises `NotImplementedError` where there can
    be none."""

    def __init__(self, graphs: Graphs, n: Numbers, given: Sequence[np.ndarray[Any, Any]], like: InstructionGraph,
                 in_place: bool, stages: Stages, loose: frozenset[int] = frozenset()) -> None:
        self.in_place, self.used, self._loose = in_place, 0, loose
        reason: Exception | None = None
        for at in _sizes_for(n):
            try:
                with stages.stage("planning"):
                    self._plan(graphs, at, given, like)
                self._write(stages)
                return
            except (NotImplementedError, LoopError) as error:
                reason = error
        raise NotImplementedError(str(reason))

    def _plan(self, graphs: Graphs, at: Sequence[Numbers], given: Sequence[np.ndarray[Any, Any]], like: InstructionGraph
              ) -> None:
        choices, plans, floats = Choices(shared=True), list[Schedule](), dict[float, None]()
        for n in at:
            graph = graphs(n)
            plans.append(Schedule(graph, _lying(like, graph, given), self.in_place, choices, self._loose))
            if not (may_be_native(graph) and is_native(plans[-1].steps)):
                raise Unlike("nothing of it has a native form")
            floats.update(dict.fromkeys(floats_in([(*i.operands, *i.params.values()) for i in graph.instrs])))
            choices = Choices(take=choices)
        self._first = plans[0]
        self.sizes = Sizes(at[0])
        self._parts = Merging(self.sizes, at, [1.0, *floats]).of([*map(_parts, plans)])
        for step in self._parts[0]:
            if isinstance(step, (Product, Layout)) and step.cut is not None and varies(step.cut.rows):
                if step.cut.lay_left:
                    raise Unlike("rows that are laid out")
                step.cut = replace(step.cut, low=True)

    def _write(self, stages: Stages) -> None:
        with stages.stage("writing"):
            writer = _Written(self._schedule(self._parts, self._first.graph))
            self._functions = writer.of_steps
            modules = modules_of([*writer.functions, *writer.products.functions], writer.addresses)
            self.texts = [text for _, text in modules]
            self._modules = [(engine().key(text), names) for names, text in modules]
        with stages.stage("machine code"):
            self._libraries: list[Library] = engine().load_all(
                [(text, ("functions",) if names else ()) for names, text in modules], threads.get_num_threads())

    def _schedule(self, parts: Any, graph: InstructionGraph) -> Schedule:
        steps, effects, outputs, buffers, constants, origins, _ = parts
        plan = Plan()
        plan.buffers, plan.constants = list(buffers), dict(constants)
        plan.origin = {id(step): origin for step, origin in zip(steps, origins, strict=True) if origin is not None}
        return Schedule.put_together(graph, plan, steps, effects, outputs, self._first)

    def program(self, graph: InstructionGraph, given: Sequence[np.ndarray[Any, Any]], n: Numbers
                ) -> NativeProgram | None:
        """The program for some sizes; None where the code does not serve it, or what is given lies otherwise."""
        if self.sizes.hold(n) is not None:
            return None
        try:
            pairs = zip(self._first.graph.instrs, graph.instrs, strict=True)
            instrs = {id(was): instr for was, instr in pairs}
            parts = Numbered(n, instrs).of(self._parts)
            if any((node.args[0].strides, node.args[0].buffer.size) != Lying.of(array).in_elements()
                   for node, array in zip(parts[-1], given, strict=True)):
                return None
            schedule = self._schedule(parts, graph)
            schedule.lay()
        except (ValueError, LoopError):
            return None
        self.used += 1
        table = self.sizes.table(n)
        buffer = schedule.plan.buffer("constant", "int64", table.size)
        schedule.plan.constants[buffer] = table
        blueprint, _ = blueprint_of(schedule, lambda schedule: _Called(
            schedule, self._functions, n, Place(buffer, 0, (1,))), self._modules)
        return NativeProgram(_Planned(graph, schedule, self.texts), blueprint, self._libraries, self._loose)


class _Planned:
    """What people are shown of a program, as `program.Planning`."""

    def __init__(self, graph: InstructionGraph, schedule: Schedule, texts: list[str]) -> None:
        self.graph, self.schedule, self.texts = graph, schedule, texts


def _lying(like: InstructionGraph, graph: InstructionGraph, given: Sequence[np.ndarray[Any, Any]]) -> list[Lying]:
    """How the arrays would lie for another graph of another size: as they do, or where their size varies side by side,
    the dimensions in the order that they have."""
    found = []
    for was, value, array in zip((*like.inputs, *like.states), (*graph.inputs, *graph.states), given, strict=True):
        shape = tuple(value.spec.shape)
        if shape == tuple(was.spec.shape):
            found.append(Lying.of(array))
            continue
        strides, room = Lying.of(array).in_elements()
        order = lying_order(array.shape, [Place(Buffer(-1, "given", str(array.dtype), room), 0, strides)])
        if strides != strides_in(array.shape, order):
            raise Unlike(f"the elements of %{value.name} do not lie side by side")
        steps = strides_in(shape, order)
        found.append(Lying(shape, tuple([step * array.itemsize for step in steps]), array.dtype))
    return found


def _sizes_for(n: Numbers) -> Iterator[list[Numbers]]:
    """Primes to plan for, different ones for each size that varies, of which the first are near the sizes."""
    count = len(POWERS[len(n)]) + MORE
    near = [[p for p in PRIMES if p >= size] or [PRIMES[-1]] for size in n]
    for attempt in range(3 if len(n) == 1 else 2):  # what has both sizes twice would be too large for any memory
        if all(attempt >= len(starts) for starts in near):
            return
        columns: list[list[int]] = []
        for turn, starts in enumerate(near):
            found, p = list[int](), starts[min(attempt, len(starts) - 1)]
            while len(found) < count:
                if all(p % d for d in range(2, int(p ** 0.5) + 1)) and not any(p in column for column in columns):
                    found.append(p)
                p += 1
            # Those of another size in another order: on a line they would tell less.
            columns.append([found[k * (2 * turn + 1) % count] for k in range(count)])
        yield [*zip(*columns, strict=True)]
