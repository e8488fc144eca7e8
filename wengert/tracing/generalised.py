"""One program for many sizes: recordings for some sizes, compared, give the graph for others.

A `Family` has the recordings of one function that differ in nothing but sizes that may vary. Sizes are vectors of
integers, and those of a new call are written as a combination of the recorded ones, with weights that add up to 1. If
every integer of the graphs depends on sizes by ``a · size + b``, that of the new graph is the same combination of those
of the recordings; a float is a form of such an integer. Everything else must be the same. Where that does not hold,
products of sizes are looked at like sizes, which takes more recordings.

Note [sizes]: nothing proves that an integer depends on a size in this way, so a graph is used only where all of this
holds. A recording that no combination needed was compared with the combination of the others, and was the same. The
rules of all primitives give the shapes that the new graph says. All that the user's code found out about sizes
(`sizes`) is so for the new ones, and what it computed of them and gave to operations is what the graph has. Sizes of 0
and 1 are recorded by themselves, as they broadcast. Otherwise the function is recorded for these sizes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import partial
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np

from ..core.computed import floats_in
from ..ir import GraphError, InstructionGraph, Interpreter, Value, prune, verify
from ..native import NativeProgram, Runner, SharedCode
from ..tensors.tensor import Tensor
from .arguments import Arguments
from .backward import Backward
from .combination import Combination, Unlike, Weights, check_same
from .control import settings
from .program import Program, Recording
from .sizes import SizeNotes

LEVELS = 3
MOST = 64
"""A family keeps so many programs, those last used."""


class Mark(NamedTuple):
    """That a size may vary, from ``low`` to ``high``; ``must``: it is said where it is recorded one by one."""

    low: int
    high: float
    must: bool


STATIC = Mark(1, 0, False)
"""That of a size that does not vary."""


def mark(tensor: Tensor, dim: int, how: Mark) -> None:
    """Notes of an argument to be what its size in a dimension may become."""
    tensor._rarely().setdefault("sizes", {})[dim] = how


class Families:
    """The recordings of one function that serve several sizes: those of all tensors among the arguments where
    ``every``, else those that are marked, and those that have varied: of which calls came with two different ones,
    while everything else was alike. A mark is for the argument, whichever tensor it is at a later call."""

    def __init__(self, every: bool) -> None:
        self._every = every
        self._seen: dict[Any, tuple[int, ...]] = {}
        """Without ``every``: the sizes of a recording, by all else of its key."""
        self._marks: dict[tuple[str, int], Mark] = {}
        self._families: list[Family] = []
        self._said = False

    def note(self, arguments: Arguments) -> None:
        """Notes the marks of the arguments."""
        for name, tensor in zip(arguments.names, arguments.tensors, strict=True):
            for dim, how in (tensor._rare or {}).get("sizes", {}).items():
                self._marks[name, dim] = how

    def _look_at(self, arguments: Arguments) -> None:
        """Marks the sizes that are not those of a recording before, where these are all that is not."""
        key, sizes, called = arguments.sizes(lambda *_: True)
        before = self._seen.setdefault(key, sizes)
        for size, was, (name, dim) in zip(sizes, before, called, strict=True):
            if size != was:
                self._marks.setdefault((name, dim), Mark(2, float("inf"), False))

    def _varies(self, name: str, dim: int, size: int) -> bool:
        how = self._marks.get((name, dim))
        return self._every if how is None else how.low <= size <= how.high

    @property
    def recorded(self) -> int:
        """How many recordings count: one of those that have become one program."""
        return sum([1 if family.checked else len(family.samples) for family in self._families])

    def program(self, arguments: Arguments) -> Program | None:
        """The program for a call, made of the recordings for other sizes; None where there is none."""
        key, sizes, _ = arguments.sizes(self._varies)
        for family in self._families if sizes else ():
            if family.fits(key, arguments):
                found = family.program(sizes, arguments)
                if found is not None:
                    return found
        return None

    def share(self, program: Program, arguments: Arguments) -> None:
        """Has a program that was made of recordings run on code that serves other sizes too, where there is such."""
        _, sizes, _ = arguments.sizes(self._varies)
        program.sizes.share(program, sizes)

    def record(self, arguments: Arguments, run: Callable[[SizeNotes | None], Program]) -> tuple[Program, str | None]:
        """A recording, by ``run``, which serves other sizes if it can; and why those before did not serve these, if
        somebody is to be told, which is once."""
        if settings.automatic and not self._every:
            self._look_at(arguments)
        key, sizes, varying = arguments.sizes(self._varies)
        called = [f"{name}.shape[{dim}]" for name, dim in varying]
        if not sizes:
            return run(None), None
        notes = SizeNotes()
        try:
            program = run(notes)
        except Exception:
            if self._every or any(how.must for how in self._marks.values()):
                raise
            return run(None), None  # nobody has asked for sizes that vary
        assert program.recording is not None, program
        sample = Sample(sizes, program, program.recording, notes)
        known = [family for family in self._families if family.fits(key, arguments)]
        program.sizes = next((family for family in known if family.add(sample)), None)
        if program.sizes is None:
            program.sizes = Family(key, called, sample)
            self._families.append(program.sizes)
        reasons = [family.reason for family in known if family.failed]
        if not reasons or self._said or not any(how.must for how in self._marks.values()):
            return program, None
        self._said = True
        return program, reasons[0]


class Sample:
    """One recording of a family: at which sizes, with which program, and what its code asked of sizes."""

    def __init__(self, sizes: tuple[int, ...], program: Program, recording: Recording, notes: SizeNotes) -> None:
        self.sizes, self.program, self.recording, self.notes = sizes, program, recording, notes


class Family:
    """Recordings that differ in sizes alone, for all that is known; ``made`` counts the programs made of them.

    ``reason`` is why the last size that was asked for had to be recorded.
    """

    def __init__(self, key: Any, called: list[str], first: Sample) -> None:
        self.key, self.called, self.samples = key, called, [first]
        self.basis = [first]
        self.level = 0
        """How numbers may depend on sizes: see `_features`."""
        self.checked = self.failed = False
        self.made = 0
        self.reason = "others have to be recorded before they are known"
        self.codes: dict[tuple[frozenset[int] | None, tuple[int, ...]], SharedCode] = {}
        """The machine code for all sizes, of the function and of each half of its backward pass, by the sizes that
        vary in it."""
        self.alone: str | None = None
        """Why each size has a code of its own, if so."""

    def fits(self, key: Any, arguments: Arguments) -> bool:
        """Whether a call differs from the recorded ones in nothing but sizes."""
        return bool(key == self.key and self.samples[0].program.mismatch_beside_key(arguments) is None)

    def add(self, sample: Sample) -> bool:
        """Takes a further recording in; False, and nothing done, where it is not like the others."""
        before = self.basis, self.level, self.checked
        self.samples.append(sample)
        for level in range(self.level, LEVELS):
            try:
                self._compare(level)
                return True
            except Unlike as error:
                self.reason = str(error)
        self.samples.pop()
        self.basis, self.level, self.checked = before
        self.failed = True
        return False

    def _compare(self, level: int) -> None:
        """Finds out which recordings say something new, and holds the others against these. Raises `Unlike`."""
        self.basis, self.level, self.checked = self.samples[:1], level, False
        for sample in self.samples[1:]:
            weights = self._weights(sample.sizes)
            if weights is None:
                _combined([*self.basis, sample], [Fraction(0)] * len(self.basis) + [Fraction(1)])
                self.basis = [*self.basis, sample]
                self.checked = False
                continue
            found = _combined(self.basis, weights)
            check_same(found.recording, sample.recording)
            if found.read != sample.notes.read or found.steps != sample.program.results.steps():
                raise Unlike("a size that is read does not grow evenly with the arguments'")
            self.checked = True

    def _weights(self, sizes: tuple[int, ...]) -> Weights | None:
        columns = list(zip(*[each.sizes for each in self.samples], strict=True))
        chosen = [d for d, column in enumerate(columns) if len(set(column)) > 1 and column not in columns[:d]]
        return _weights([_features(each.sizes, chosen, self.level) for each in self.basis],
                        _features(sizes, chosen, self.level))

    def program(self, sizes: tuple[int, ...], arguments: Arguments) -> Program | None:
        """The program for further sizes; None where these recordings do not tell it."""
        weights = self._weights(sizes) if self.checked else None
        if weights is None:
            return None
        try:
            found = _combined(self.basis, weights)
            self._check(found)
            program = found.program(self.samples[0].program, arguments)
        except (Unlike, GraphError) as error:
            self.reason, self.failed = str(error), True
            return None
        self.made += 1
        program.sizes = self
        return program

    def share(self, program: Program, sizes: tuple[int, ...]) -> None:
        """Has a program, made for these sizes, run on code that serves other sizes too, where all sizes that vary grow
        with one or two of them; each half of what is differentiated outside on its own."""
        space = _space([sample.sizes for sample in self.samples])
        if space is None:
            self.alone = "more than two of them vary independently of each other"
        n = None if space is None or self.alone is not None else space.numbers(sizes)
        if space is None or n is None or not isinstance(program.runner, Runner):
            return
        program.runner.share = partial(self._shared, None, space, n)
        if program.backward is not None:
            make = program.backward.make

            def make_half(graph: InstructionGraph, given: frozenset[int]) -> Interpreter | Runner:
                runner = make(graph, given)
                if isinstance(runner, Runner):
                    runner.share = partial(self._shared, given, space, n)
                return runner

            program.backward.make = make_half

    def _shared(self, half: frozenset[int] | None, space: _Space, n: tuple[int, ...], runner: Runner,
                given: Sequence[np.ndarray]) -> NativeProgram | None:
        """The program of a runner for the sizes n, of code that serves other sizes too."""

        def graph(numbers: tuple[int, ...]) -> InstructionGraph:
            weights = self._weights(space.sizes(numbers))
            if weights is None:
                raise NotImplementedError("sizes that the recordings do not tell")
            try:
                forward, backward = _combined(self.basis, weights).halves(self.samples[0].program)
            except (Unlike, GraphError) as error:
                raise NotImplementedError(str(error)) from None
            return forward if half is None or backward is None else backward.half(half).graph

        key = half, space.free
        if key not in self.codes and self.alone is None:
            try:
                self.codes[key] = SharedCode(graph, n, given, runner.graph, runner.in_place, runner.stages,
                                             runner.loose)
            except NotImplementedError as error:
                self.alone = str(error)
        code = self.codes.get(key)
        return None if code is None else code.program(runner.graph, given, n)

    @property
    def code(self) -> SharedCode | None:
        """The machine code of the function itself for all sizes, once there is one; the last."""
        return next((code for (half, _), code in reversed(self.codes.items()) if half is None), None)

    def _check(self, found: _Combined) -> None:
        """Note [sizes]."""
        for sample in self.samples:
            words = sample.notes.hold(found.read)
            if words is not None:
                raise Unlike(words)
        for place, given in enumerate(found.given):
            if self.samples[0].notes.given[place](found.read) != given:
                raise Unlike("a number that the function computes of sizes does not grow evenly with them")

    def words(self) -> list[str]:
        """Which sizes vary, what it has been recorded for, and what has been made of that."""
        columns = list(zip(*[sample.sizes for sample in self.samples], strict=True))
        lines = [f"{name}: recorded at {', '.join(map(str, column))}"
                 for name, column in zip(self.called, columns, strict=True) if len(set(column)) > 1]
        if not self.checked:
            return [*lines, self.reason]
        if self.code is not None:
            code = f"one machine code for {self.code.used} of them"
        else:
            code = "each has a code of its own" + (f": {self.alone}" if self.alone else "")
        return [*lines, f"{self.made} further made of these; {code}"]


class _Combined:
    """The graphs for further sizes, and what the user's code would have read and given."""

    def __init__(self, recording: Recording, values: dict[Value, Value], read: list[int], given: list[Any],
                 steps: list[Any]) -> None:
        self.recording, self.values, self.read, self.given, self.steps = recording, values, read, given, steps

    def halves(self, like: Program) -> tuple[InstructionGraph, Backward | None]:
        """The graph, and that of the way back where the function is differentiated outside."""
        graph = verify(self.recording.graphs[0])
        if like.backward is None:
            return prune(graph), None
        was, back = like.backward, verify(self.recording.graphs[1])
        prune(graph)
        return graph, Backward(graph, prune(back, after=graph), [self.values[value] for value in was.kept],
                               was.places, was.sources, was.origins, was.orders,
                               {(self.values[value], number) for value, number in was.cuts if value in self.values},
                               was.opaque)

    def program(self, like: Program, arguments: Arguments) -> Program:
        graph, backward = self.halves(like)
        return like.for_sizes(graph, arguments.key(), like.results.for_values(self.values, self.steps), backward)


class _Space:
    """Sizes of which each is a sum of multiples of 1 and the ``free`` ones, and of ``products`` of two of these, as
    some recorded ones say. Raises `ValueError` where they do not."""

    def __init__(self, samples: Sequence[tuple[int, ...]], free: tuple[int, ...], products: bool) -> None:
        self.free, self._products = free, products
        self._basis: list[tuple[int, ...]] = []
        for each in samples:
            if self._weights(self._numbers(each)) is None:
                self._basis.append(each)
        if len(self._basis) != len(self._features(samples[0])) or any(self.numbers(each) is None for each in samples):
            raise ValueError("[compile] sizes that grow with the free ones were expected")

    def _numbers(self, sizes: tuple[int, ...]) -> tuple[int, ...]:
        return tuple([sizes[d] for d in self.free])

    def _features(self, numbers: tuple[int, ...]) -> list[int]:
        return _features(numbers[:len(self.free)], range(len(self.free)), int(self._products))

    def _weights(self, numbers: tuple[int, ...]) -> Weights | None:
        return _weights([self._features(self._numbers(each)) for each in self._basis], self._features(numbers))

    def numbers(self, sizes: tuple[int, ...]) -> tuple[int, ...] | None:
        """The free ones of sizes; None where the others are not as they say."""
        numbers = self._numbers(sizes)
        return numbers if self._sizes(numbers) == [*sizes] else None

    def _sizes(self, numbers: tuple[int, ...]) -> list[Fraction]:
        weights = self._weights(numbers) or []
        return [sum([w * n for w, n in zip(weights, column, strict=False)], Fraction(0))
                for column in zip(*self._basis, strict=True)]

    def sizes(self, numbers: tuple[int, ...]) -> tuple[int, ...]:
        """The sizes of which these are the free ones."""
        found = self._sizes(numbers)
        if any(size.denominator != 1 for size in found):
            raise NotImplementedError("sizes of which one is a fraction of another")
        return tuple(map(int, found))


def _space(samples: Sequence[tuple[int, ...]]) -> _Space | None:
    """The space of as few free sizes as possible, at most two, in which all of some sizes are; None where there is
    none."""
    varying = [d for d, column in enumerate(zip(*samples, strict=True)) if len(set(column)) > 1]
    pairs = [*combinations(varying, 2)]
    for free, products in (*[((d,), False) for d in varying], *[(pair, False) for pair in pairs],
                           *[(pair, True) for pair in pairs]):
        try:
            return _Space(samples, free, products)
        except ValueError:
            pass  # others are to be tried
    return None


def _features(sizes: tuple[int, ...], chosen: Sequence[int], level: int) -> list[int]:
    """What numbers are sums of multiples of: 1 and the sizes; products of two of the ``chosen`` ones; their squares."""
    pairs = [sizes[c] * sizes[d] for c in chosen for d in chosen if c < d] if level else []
    return [1, *sizes, *pairs, *[sizes[d] ** 2 for d in chosen if level > 1]]


def _weights(basis: Sequence[Sequence[int]], wanted: Sequence[int]) -> Weights | None:
    """The weights with which vectors add up to the one that is wanted; None where there are none."""
    rows = [[Fraction(each[d]) for each in basis] + [Fraction(n)] for d, n in enumerate(wanted)]
    done = 0
    for column in range(len(basis)):
        pivot = next((r for r in range(done, len(rows)) if rows[r][column]), None)
        if pivot is None:  # never for a basis
            return None
        rows[done], rows[pivot] = rows[pivot], rows[done]
        rows[done] = [x / rows[done][column] for x in rows[done]]
        for r, row in enumerate(rows):
            if r != done and row[column]:
                rows[r] = [x - row[column] * y for x, y in zip(row, rows[done], strict=True)]
        done += 1
    return None if any(row[-1] for row in rows[done:]) else [rows[r][-1] for r in range(len(basis))]


def _combined(basis: Sequence[Sample], weights: Weights) -> _Combined:
    """The recordings of a basis at these weights. Raises `Unlike`."""
    made = Combination(weights, [sample.recording for sample in basis])
    instrs = [instr for graph in basis[0].recording.graphs for instr in graph.instrs]
    made.floats = [*dict.fromkeys([1.0, *floats_in([(*i.operands, *i.params.values()) for i in instrs])])]
    read = made.numbers([sample.notes.read for sample in basis], "sizes that are read")
    given = [[find(sample.notes.read) for find in sample.notes.given] for sample in basis]
    halves = made.aligned([sample.recording.graphs for sample in basis], "graphs")
    recording = Recording([made.graph(list(graphs)) for graphs in halves])
    steps = made.numbers([sample.program.results.steps() for sample in basis], "views among the results")
    return _Combined(recording, made.values, read, made.numbers(given, "numbers computed of sizes"), steps)
