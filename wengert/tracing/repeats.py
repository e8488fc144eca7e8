"""What is done alike with tensor after tensor, written down once and repeated: an optimiser's update of its parameters.

The one idea to know: what a first run has written down is a *script*, a row of instructions with places for the values
of the run's own tensors. For tensors like those the script is written down again with their values at these places: the
very instructions that another run would write, while nothing runs. What it would compute is owed (`shadows`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core.primitive import evaluate
from ..core.spec import Shape, Spec
from ..core.state import state
from ..ir import Instr, Value
from ..tensors.alias import check_writable, version_cell, wrote
from ..tensors.tensor import Tensor
from .capturing import Capturing
from .shadows import Debt, Log
from .values import Cut, Memory

_BY_ELEMENTS = ("cast", "fill", "overwrite")
"""Primitives of other kinds that say nothing of shapes either."""


class Script:
    """What a run on tensors with the values ``own`` has written down, with the shadows in ``log``. ``written`` says
    which value each of the memories holds in the end that it has written, by their numbers; ``versions`` how often it
    has moved on the version of each tensor. The first of the tensors says of which shape the large values are."""

    def __init__(self, instrs: Sequence[Instr], log: Log, own: Sequence[Value], written: dict[int, Value],
                 versions: Sequence[int], cuts: set[Cut]) -> None:
        self.instrs, self.versions, self.shape = instrs, versions, own[0].spec.shape
        self.cuts = [[number for number in range(len(instr.operands)) if (instr.results[0], number) in cuts]
                     for instr in instrs]
        """Of each instruction the operands that have no history: Note [cuts] in `backward`."""
        self.literal: dict[Value, Any] = {}
        """The shadows of the values that the run has met beside those of its tensors."""
        places = {value: place for place, value in enumerate(own)}
        specs: dict[Spec, int] = {}
        self.operands: list[list[int | None]] = []
        """Of each instruction which operands are values of the run, by the numbers of these."""
        self.results: list[list[int]] = []
        """Of each instruction the specs of its results, by their numbers."""
        for instr, (arrays, _) in zip(instrs, log, strict=True):
            self.literal.update([(x, array) for x, array in zip(instr.operands, arrays, strict=True)
                                 if type(x) is Value and x not in places])
            self.operands.append([places.get(x) if type(x) is Value else None for x in instr.operands])
            self.results.append([specs.setdefault(result.spec, len(specs)) for result in instr.results])
            places.update([(result, len(places) + i) for i, result in enumerate(instr.results)])
        self.specs = [*specs]
        self.written = {place: places[value] for place, value in written.items()}
        self.fits_any_shape = all([
            instr.primitive.kind == "elementwise" or instr.primitive.name in _BY_ELEMENTS for instr in instrs
        ]) and all([type(x) is not np.ndarray or x.shape in (self.shape, ()) for operands, results in log
                   for x in (*operands, *results)])

    def for_shape(self, shape: Shape) -> list[Spec]:
        """The specs of its values where the large ones are of another shape."""
        if shape == self.shape:
            return self.specs
        return [spec._replace(shape=shape) if spec.shape == self.shape else spec for spec in self.specs]

    def numbers(self, own: Sequence[Any]) -> list[Any]:
        """The numbers of all its values, of those that it begins with."""
        found = [*own]
        for instr, places in zip(self.instrs, self.operands, strict=True):
            given = [self.literal.get(x, x) if place is None else found[place]
                     for x, place in zip(instr.operands, places, strict=True)]
            made = evaluate(instr.primitive, given, instr.params)
            found += [np.asarray(part) for part in (made if instr.primitive.multiple else (made,))]
        return found


class Repeats:
    """Does what is done alike with tensor after tensor. ``shared`` are the tensors that each run meets beside its own:
    there may be no others."""

    def __init__(self, recorder: Capturing, shared: Sequence[Tensor]) -> None:
        self._recorder = recorder
        self._shared = {recorder.read(recorder.place(tensor))[0] for tensor in shared}
        self._scripts: dict[Any, Script] = {}
        """By the dtypes of the tensors, and by their shapes too where not any shape will do."""

    def __call__(self, run: Callable[[], None], *own: Tensor) -> None:
        """Does what ``run()`` does, which works on its ``own`` tensors alone, and returns nothing."""
        memories = self._memories(own)
        if memories is None:
            run()
            return
        arrays = [memory.array for memory in memories]
        shape = arrays[0].shape
        kinds = shape == (), 0 in shape, *[(x.dtype, x.shape == shape, x.shape == ()) for x in arrays]
        exact = kinds, *[x.shape for x in arrays]
        script = self._scripts.get(kinds) or self._scripts.get(exact)
        if script is not None:
            self._repeat(script, own, memories)
            return
        script = self._written(run, own, memories)
        if script is not None:
            self._scripts[kinds if script.fits_any_shape else exact] = script

    def _memories(self, own: Sequence[Tensor]) -> list[Memory] | None:
        """The memories of the tensors, where each is all of one, in rows, and no two hold one value."""
        recorder = self._recorder
        if recorder.outer is not None or state.watcher is not recorder or recorder.lost:
            return None
        if state.grad or recorder.back is not None:
            return None
        traced = [recorder.place(tensor) for tensor in own]
        memories = [each.memory for each in traced]
        if any([each.steps or memory.origin is not None or not memory.array.flags.c_contiguous
                for each, memory in zip(traced, memories, strict=True)]):
            return None
        values = {memory.value for memory in memories}
        return memories if len(values) == len(own) and values.isdisjoint(self._shared) else None

    def _written(self, run: Callable[[], None], own: Sequence[Tensor], memories: list[Memory]) -> Script | None:
        """Runs, and gives what that has written down, if it can be repeated."""
        recorder, graph = self._recorder, self._recorder.graph
        values = [memory.value for memory in memories]
        begin, constants, versions = len(graph.instrs), len(graph.constants), [version_cell(x)[0] for x in own]
        log = recorder.log = []
        try:
            journal = recorder.journaled(run)
        finally:
            recorder.log = None
        instrs = graph.instrs[begin:]
        foreign = {*graph.states, *graph.inputs[:len(recorder.stand_ins)]}.difference(values, self._shared)
        if (len(graph.constants) > constants or not journal.keys() <= set(memories) or len(log) < len(instrs)
                or any([instr.primitive.kind == "random" or not foreign.isdisjoint(instr.values()) or
                        not recorder.independent.isdisjoint(instr.results) for instr in instrs])
                or any([not memory.array.flags.c_contiguous for memory in journal])):
            return None
        written = {memories.index(memory): memory.value for memory in journal}
        known = {*values, *[result for instr in instrs for result in instr.results]}
        if not known.issuperset(written.values()):
            return None
        return Script(instrs, log, values, written,
                      [version_cell(x)[0] - before for x, before in zip(own, versions, strict=True)], recorder.cuts)

    def _repeat(self, script: Script, own: Sequence[Tensor], memories: list[Memory]) -> None:
        """Writes a script down for other tensors."""
        for place in script.written:
            check_writable(own[place], "step")
        recorder, graph = self._recorder, self._recorder.graph
        specs = script.for_shape(memories[0].value.spec.shape)
        values, number, line = [memory.value for memory in memories], graph.counted, recorder.line()
        for instr, places, sorts, cuts in zip(
                script.instrs, script.operands, script.results, script.cuts, strict=True):
            operands = tuple([x if place is None else values[place]
                              for x, place in zip(instr.operands, places, strict=True)])
            results = tuple([Value(str(number + i), specs[sort]) for i, sort in enumerate(sorts)])
            number += len(results)
            graph.instrs.append(Instr(instr.primitive, operands, instr.params, results, line))
            recorder.cuts.update([(results[0], cut) for cut in cuts])
            values += results
        graph.counted = number
        arrays = [memory.array for memory in memories]
        made = sorted({place for place in script.written.values() if place >= len(own)})
        shadows = dict(enumerate(arrays))
        rooms = [np.empty(values[place].spec.shape, values[place].spec.dtype.numpy) for place in made]
        shadows.update(zip(made, recorder.shadows.owe(Debt(
            [*arrays, *script.literal.values()], tuple(rooms),
            lambda: [script.numbers(arrays)[place] for place in made]), apart=True), strict=True))
        for place, value in script.written.items():
            recorder.replace(memories[place], values[value], shadows[value])
        for tensor, moves in zip(own, script.versions, strict=True):
            for _ in range(moves):
                wrote(tensor)
