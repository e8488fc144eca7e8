"""A call that differs from the last one in nothing but numbers: found out quickly, and run at once.

The one idea to know: that a program fits is shown by many small looks at many places, and most of them find, call after
call, the very objects that were there before. So from a call that fitted one function is written that compares every
place with what was in it then, by identity, in one expression. Where the answer is yes, the guards hold, the states
are the arrays that they were and lie as they did, and the table of a run is there already; the lines that enter the
machine code and hand out what it leaves follow in the same function. Where it is no, nothing is known, and the usual
way decides.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..autograd.modes import Marks
from ..core import dtypes
from ..core.state import state
from ..core.trees import LEAF
from ..ir import Value
from ..native import Runner, lines_of_call
from ..tensors.tape import Leaf
from ..tensors.tensor import Tensor, make
from .arguments import Arguments, ArrayPlace, FloatPlace, Given, IntPlace, Place, filled
from .memory import root_of, whole_of
from .outside import Binding, hooks_of
from .program import Program
from .questions import Questions
from .sources import Among, Argument, Gradient, QuantitySource, Setting, Source, resting_grad_of

NOT = object()
"""The answer of `Again.call` where a call is not like the last one."""


def prepare(program: Program, arguments: Arguments) -> None:
    """Makes calls of a program quick that are like this one, which fitted and has been run. Not after the first, which
    is slow already and often unlike, as states come into being. Where calls keep being unlike, that is done ever more
    rarely, as it costs more than a call."""
    if program.calls < 2:
        return
    program.unprepared += 1
    if program.unprepared > program.patience:
        program.unprepared, program.patience = 0, 2 * program.patience + 1
        program.again = program.alike = None
        if program.later.steps and program.mismatch(arguments) is not None:
            return  # what is there by now is not what a call must find
        try:
            questions = _questions(program)
            program.alike = questions.function()
            program.again = Again(program, arguments).function(questions)
        except Unlike:
            if program.alike is None:
                program.patience = 2**60


class Unlike(Exception):
    """A program of whose calls none can be known to be like another: an argument's gradient, a view that it returns."""


class Again:
    """What stays the same from call to call of a program. Made after a call with ``arguments`` that fitted.

    Raises `Unlike` where the program has effects or results that need a closer look.
    """

    def __init__(self, program: Program, arguments: Arguments) -> None:
        runner = program._run
        if not isinstance(runner, Runner) or runner.program is None:
            raise Unlike("it is not one native program")
        if any(spec[3] for spec in arguments.key()[2]) or arguments.key()[3]:
            raise Unlike("its arguments have histories, or share memory")
        if any(name in {value.name for value in program.graph.inputs} for pair in program._shared for name in pair):
            raise Unlike("its arguments share memory with states")
        if program.numbers:
            raise Unlike("it was recorded for the numbers of arrays")
        self.program, self.native = program, runner.program
        self._names, self._varying, self._key = program._names, arguments.varying, arguments.key()
        self._flat = arguments.flat()
        """The leaves of a call whose arguments are not nested; None where they are."""
        self._specs = [(type(t), t._data.shape, t._data.strides, t._data.dtype) for t in arguments.tensors]
        self._quantities: tuple[QuantitySource, ...] = tuple(program._quantities)
        self._values: list[Any] = []
        self._last: list[Any] = [None] * len(self._quantities)
        self._numbers: list[np.ndarray] = []
        self._states = [whole_of(program._bindings[value.name][0].find(())._data) for value in program.graph.states]
        self._roots = {id(root_of(array)) for array in self._states}
        self._is_cut = program.backward is not None
        """Whether its results are differentiated outside: then a run leaves a node, which is the program's business."""
        if not self._is_cut:
            self._effects()
            self._results()
        elif self._flat is None:
            raise Unlike("its arguments are nested")

    def _effects(self) -> None:
        """What effects do that native code does not: gradients that are set or cleared, and versions."""
        program = self.program
        self._set: list[tuple[Leaf, int, tuple[int, ...] | None]] = []
        self._cleared: list[Leaf] = []
        self._written: list[Tensor] = []
        for effect, at in zip(program.graph.effects, self.native.effects_at, strict=True):
            if effect.kind == "write":
                if at is not None or effect.target not in program._bindings:
                    raise Unlike("it writes its arguments, or from copies")
                for binding in program._bindings[effect.target]:
                    tensor = binding.find(())
                    if not any(tensor._cell is other._cell for other in self._written):
                        self._written.append(tensor)
                continue
            leaf = _fixed(program._targets[effect.target])._edge
            if type(leaf) is not Leaf:
                raise Unlike("it sets the gradient of what requires none")
            if at is None:
                self._cleared.append(leaf)
            else:
                assert effect.value is not None, effect
                self._set.append((leaf, at, program._results.orders.get(effect.value)))

    def _results(self) -> None:
        program, native = self.program, self.native
        results = program._results
        if not all(type(w) in (Value, Among) for w in results.where) or results.begun:
            raise Unlike("it gives tensors that were there before, or that begin histories")
        self._of_values = [place for place, w in enumerate(results.where) if type(w) is Value]
        self._views = [(place, w) for place, w in enumerate(results.where) if type(w) is Among]
        found = [native.outputs_at[program.graph.outputs.index(results.given(w))]
                 for w in results.where if type(w) is Value]
        self._made = [at for at in found if at is not None]
        taken = [*self._made, *[at for _, at, _ in self._set]]
        if None in found or len(set(taken)) < len(taken):
            raise Unlike("two of its results are one array")
        self._leaves, self._form = results.leaves, results.form
        self._single = self._form is LEAF and type(self._leaves[0]) is Place and not self._views
        self._nothing = self._form is LEAF and self._leaves[0] is None

    # --- the function -------------------------------------------------------------------------------------------------

    def function(self, ask: Questions) -> Callable[[tuple[Any, ...], dict[str, Any]], Any]:
        """The function of ``(args, kwargs)`` that gives the results of a call like the last one; `NOT` where it is
        none, and then nothing has happened."""
        me = ask(self)
        measured, settings, noted = self._settings(ask)
        lines = [f"if {ask(state)}.watcher is not None and {ask(_watched)}(): return NOT",
                 "try:", f" if not ({ask.expression}): return NOT",
                 *settings, *ask.gone("NOT")]
        if self._flat is None:
            lines += ["arrays, floats = [], []", f"if not {me}._nested(args, kwargs, arrays, floats): return NOT"]
            names = None
        else:
            found, names = self._looks(ask)
            lines += found
        some = "arrays" if names is None else f"[{', '.join(names)}]"
        if names is None or names:
            lines.append(f"if not {me}._apart({some}): return NOT")
        if self._quantities:
            floats = "floats" if names is None else self._floats()
            lines.append(f"if {measured}not {me}._measured({floats}): return NOT")
            lines += noted
        if self._is_cut:
            assert names is not None, "its arguments are not nested"
            tensors = ", ".join([f"t{number}" for number in range(len(names))])
            return ask.written("again(args, kwargs)", [*lines, f"return {me}._cut([{tensors}], {self._floats()})"],
                               {"NOT": NOT, "make": make})
        every = f"[*{some}, *{me}._numbers, *{me}._states]"
        run = None if names is None else lines_of_call(self.native, ask, me, every, dict(enumerate(names)))
        if run is None:
            fresh, generators = "fresh[{}]", ask(self.program._generators)
            run = [f"fresh = {ask(self.native)}.launch({every}, {generators})", "wrong = fresh is None"]
        else:
            fresh = "f{}"
        lines += [*run, f"if wrong: return {me}._fallen(args, kwargs)", *self._ends(ask, fresh)]
        return ask.written("again(args, kwargs)", lines, {"NOT": NOT, "empty": np.empty, "make": make})

    def _looks(self, ask: Questions) -> tuple[list[str], list[str]]:
        """Lines that look whether arguments are like those of the last call, and the names of their arrays."""
        assert self._flat is not None
        lines = [f"if kwargs or len(args) != {len(self._flat)}: return NOT"]
        names: list[str] = []
        for number, leaf in enumerate(self._flat):
            given = f"args[{number}]"
            if type(leaf) in (Place, ArrayPlace):
                if leaf.number != len(names):  # the same tensor twice
                    raise Unlike("a tensor is given twice")
                kind, shape, strides, dtype = self._specs[leaf.number]
                tensor, name = f"t{leaf.number}", f"a{leaf.number}"
                if type(leaf) is Place:
                    lines += [f"{tensor} = {given}",
                              f"if type({tensor}) is not {ask(kind)} or {tensor}._edge is not None: return NOT",
                              f"{name} = {tensor}._data"]
                else:
                    lines.append(f"{name} = {given}")
                lines += [f"if type({name}) is not {ask(np.ndarray)}: return NOT",
                          f"if {name}.shape != {shape!r} or {name}.strides != {strides!r}: return NOT",
                          f"if {name}.dtype != {ask(dtype)}: return NOT"]
                if type(leaf) is ArrayPlace and self._is_cut:
                    lines.append(f"{tensor} = make({name}, None)")
                names.append(name)
            elif isinstance(leaf, FloatPlace):
                lines.append(f"if type({given}) is not {'int' if type(leaf) is IntPlace else 'float'}: return NOT")
            else:
                other = f"{given} is not {ask(leaf)}"
                if type(leaf) in (int, str, bool):
                    other += f" and (type({given}) is not {ask(type(leaf))} or {given} != {ask(leaf)})"
                lines.append(f"if {other}: return NOT")
        return lines, names

    def _settings(self, ask: Questions) -> tuple[str, list[str], list[str]]:
        """What must hold besides for quantities to be looked at, lines that find that out, and lines for when they have
        been looked at: nothing, where all are settings of optimisers, and these are the very objects that they were."""
        places = [source for source in self._quantities if type(source) is Setting]
        if not places or len(places) < len(self._quantities):
            return "", [], []
        now = ", ".join([f"{ask(source.group)}[{ask(source.key)}]" for source in places])
        last = ask(self._last)
        same = " and ".join([f"q{n} is {last}[{n}]" for n in range(len(places))])
        names = ", ".join([f"q{n}" for n in range(len(places))])
        return "not same and ", [f" {names}, = {now},", f" same = {same}"], [f"if not same: {last}[:] = {names},"]

    def _floats(self) -> str:
        """The floats among arguments that are not nested."""
        assert self._flat is not None
        floats = [number for number, leaf in enumerate(self._flat) if isinstance(leaf, FloatPlace)]
        return "[" + ", ".join([f"args[{number}]" for number in floats]) + "]"

    def _ends(self, ask: Questions, fresh: str) -> list[str]:
        """Lines that do what is left when the code has run, and return the results."""
        lines = [f"{ask(self.program)}.calls += 1"]
        for tensor in self._written:
            lines += [f"cell = {ask(tensor)}._cell", f"if cell is None: {ask(tensor)}._cell = [1, None]",
                      "else: cell[0] += 1"]
        lines += [f"{ask(leaf)}.grad = None" for leaf in self._cleared]
        results = self.program._results
        lines += [f"{ask(leaf)}.grad = make({fresh.format(at)}{_turned(order)}, None)" for leaf, at, order in self._set]
        if self.program.later.steps:
            lines.append(f"{ask(self.program.later)}.run()")
        if self._nothing:
            return [*lines, "return None"]
        made = [f"make({fresh.format(at)}{_turned(results.orders.get(results.where[place]))}, None)"
                if place not in results.uncounted else f"{ask(results)}.make({place}, {fresh.format(at)})"
                for place, at in zip(self._of_values, self._made, strict=True)]
        return [*lines, f"return {made[0]}" if self._single else f"return {ask(self)}._built([{', '.join(made)}])"]

    # --- what it asks for ---------------------------------------------------------------------------------------------

    def _built(self, made: list[Any]) -> Any:
        """The results, as the function returns them."""
        found: Any = made
        if self._views:
            found = dict(zip(self._of_values, made, strict=True))
            for place, view in self._views:
                found[place] = view.find(found)
        return self._form.build(filled(self._leaves, found.__getitem__, lambda i: found[i].item()))

    def _cut(self, tensors: list[Tensor], floats: list[float]) -> Any:
        """Runs the forward half, and puts a node on the tape."""
        return self.program.run_fitting(Given(tensors, floats))

    def _fallen(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """A guard has found something: the usual way raises what it is."""
        return self.program.run_fitting(Arguments(self._names, args, kwargs, self._varying))

    def _nested(self, args: tuple[Any, ...], kwargs: dict[str, Any], arrays: list[np.ndarray], floats: list[float]
                ) -> bool:
        """Whether arguments in lists, dicts and the like are like those of the last call; adds their arrays and floats
        to the lists."""
        arguments = Arguments(self._names, args, kwargs, self._varying)
        arrays += [tensor._data for tensor in arguments.tensors]
        floats += arguments.floats
        return arguments.key() == self._key

    def _apart(self, arrays: list[np.ndarray]) -> bool:
        """Whether arguments surely share no memory with each other and with states."""
        roots = {id(array if array.base is None else root_of(array)) for array in arrays}
        return len(roots) == len(arrays) and roots.isdisjoint(self._roots)

    def _measured(self, floats: list[float]) -> bool:
        """Reads the quantities, and says whether all that was found out about them holds."""
        values = [source.find(floats) for source in self._quantities]
        if values != self._values:
            if not all(source.takes(value) for source, value in zip(self._quantities, values, strict=True)):
                return False
            if not all(condition.holds(values) for condition in self.program._conditions):
                return False
            self._values, self._numbers = values, [np.array(value) for value in values]
            self.native.given = None
        return True


def _turned(order: tuple[int, ...] | None) -> str:
    """What is said of an array to have its dimensions in another order."""
    return "" if order is None else f".transpose{order}"


def _watched() -> bool:
    """Whether somebody watches who has to see what a compiled function does: others than `inference_mode`."""
    watcher = state.watcher
    while type(watcher) is Marks:
        watcher = watcher.outer
    return watcher is not None


def _questions(program: Program) -> Questions:
    """All that must be as it is now, besides the arguments: modes, what Python code read, guards, states."""
    if program._layouts or program._assigned or program._turned or program.results.kept:
        # Then what is there now is not what a call must find.
        raise Unlike("its states change more than numbers")
    ask = Questions()
    ask.same(f"{ask(state)}.grad", state.grad)
    ask.same(f"{ask(state)}.casting", state.casting)
    ask.same(f"{ask(state)}.inference", state.inference)
    ask.same(f"{ask(dtypes)}._default", dtypes.get_default_dtype())
    for read in program._reads:
        ask.add(*read.questions(ask))
    for source, there, wants in program._guards:
        _same_tensor(ask, source)
        if there is not None:
            found = f"{ask(_fixed(source)._edge)}.grad" if wants else f"{ask(resting_grad_of)}({ask(_fixed(source))})"
            ask.add(f"{found} is {'not ' if there else ''}None")
    for bound in program._bindings.values():
        for binding in bound:
            _same_tensor(ask, binding.source, binding)
    return ask


def _same_tensor(ask: Questions, source: Source, binding: Binding | None = None) -> None:
    """The tensor at a place is the one that is there now, and holds the array that it holds now, with the edge and the
    hooks that it has now. (How an array lies never changes; a tensor that is to lie otherwise gets another one.)"""
    tensor = _fixed(source)
    if isinstance(source, Gradient):
        _same_tensor(ask, source.owner)
        owner = _fixed(source.owner)
        ask.same(f"{ask(owner._edge)}.grad" if type(owner._edge) is Leaf else f"{ask(resting_grad_of)}({ask(owner)})",
                 tensor)
    ask.same(f"{ask(tensor)}._data", tensor._data)
    ask.same(f"{ask(tensor)}._edge", tensor._edge)
    if type(tensor._edge) is Leaf and tensor._edge.rare is None:
        ask.add(f"{ask(tensor._edge)}.rare is None")
    elif binding is not None and tensor._edge is not None:
        ask.add(f"{ask(hooks_of)}({ask(tensor)}) == {ask(binding.hooks)}")


def _fixed(source: Source) -> Any:
    """The tensor at a place that no argument leads to."""
    owner = source.owner if isinstance(source, Gradient) else source
    if isinstance(owner, Argument):
        raise Unlike("it works on what an argument leads to")
    tensor = source.find(())
    if tensor is None:
        raise Unlike("a state is gone")
    return tensor
