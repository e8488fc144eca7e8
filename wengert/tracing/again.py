"""A call that differs from the last one in nothing but numbers: found out quickly, and run at once.

The one idea to know: that a program fits is shown by many small looks at many places, and most of them find, call after
call, the very objects that were there before. So from a call that fitted one function is written, ``holds``, that
compares every place with what was in it then, by identity, in one expression. Where it says yes, the guards hold, the
states are the arrays that they were and lie as they did, and the table of a run is there already. Where it says no,
nothing is known, and the usual way decides.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core import dtypes
from ..core.state import state
from ..core.trees import LEAF
from ..ir import Value
from ..native import Runner
from ..tensors.tape import Leaf
from ..tensors.tensor import Tensor, make
from .arguments import Arguments, FloatPlace, Place, filled
from .memory import root_of, whole_of
from .outside import Binding, hooks_of
from .program import Program
from .questions import Questions
from .sources import Argument, Gradient, QuantitySource, Source

NOT = object()
"""The answer of `Again.call` where a call is not like the last one."""


def prepare(program: Program, arguments: Arguments) -> None:
    """Makes calls of a program quick that are like this one, which fitted and has been run. Where calls keep being
    unlike, that is done ever more rarely, as it costs more than a call."""
    program.unprepared += 1
    if program.unprepared > program.patience:
        program.unprepared, program.patience = 0, 2 * program.patience + 1
        program.again = program.alike = None
        try:
            program.alike = _questions(program).function()
            program.again = Again(program, arguments, program.alike).call
        except Unlike:
            if program.alike is None:
                program.patience = 2**60


class Unlike(Exception):
    """A program of whose calls none can be known to be like another: an argument's gradient, a view that it returns."""


class Again:
    """What stays the same from call to call of a program. Made after a call with ``arguments`` that fitted.

    Raises `Unlike` where the program has effects or results that need a closer look.
    """

    def __init__(self, program: Program, arguments: Arguments, holds: Callable[[], bool]) -> None:
        runner = program._run
        if not isinstance(runner, Runner) or runner.program is None or program.backward is not None:
            raise Unlike("it is not one native program")
        if any(spec[3] for spec in arguments.key()[2]) or arguments.key()[3]:
            raise Unlike("its arguments have histories, or share memory")
        if any(name in {value.name for value in program.graph.inputs} for pair in program._shared for name in pair):
            raise Unlike("its arguments share memory with states")
        self.program, self.native = program, runner.program
        self._names, self._key = program._names, arguments.key()
        self._flat = arguments.flat()
        """The leaves of a call whose arguments are not nested; None where they are."""
        self._specs = [(type(t), t._data.shape, t._data.strides, t._data.dtype) for t in arguments.tensors]
        self._quantities: tuple[QuantitySource, ...] = tuple(program._quantities)
        self._values: list[Any] = []
        self._numbers: list[np.ndarray] = []
        self._states = [whole_of(program._bindings[value.name][0].find(())._data) for value in program.graph.states]
        self._roots = {id(root_of(array)) for array in self._states}
        self._effects()
        self._results()
        self.holds = holds

    def _effects(self) -> None:
        """What effects do that native code does not: gradients that are set or cleared, and versions."""
        program = self.program
        self._set: list[tuple[Leaf, int]] = []
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
            elif at is None:
                self._cleared.append(_fixed(program._targets[effect.target])._edge)
            else:
                self._set.append((_fixed(program._targets[effect.target])._edge, at))

    def _results(self) -> None:
        program, native = self.program, self.native
        where = program._results.where
        if not all(type(w) is Value for w in where):
            raise Unlike("it gives tensors that were there before")
        found = [native.outputs_at[program.graph.outputs.index(w)] for w in where if type(w) is Value]
        self._made = [at for at in found if at is not None]
        taken = [*self._made, *[at for _, at in self._set]]
        if None in found or len(set(taken)) < len(taken):
            raise Unlike("two of its results are one array")
        self._leaves, self._form = program._results.leaves, program._results.form
        self._single = self._form is LEAF and type(self._leaves[0]) is Place
        self._nothing = self._form is LEAF and self._leaves[0] is None

    # --- whether a call is like the last one --------------------------------------------------------------------------

    def call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The results of a call like the last one. `NOT` where it is none; then nothing has happened."""
        if state.watcher is not None or not self.holds():
            return NOT
        arrays: list[np.ndarray] = []
        floats: list[float] = []
        if self._flat is None or kwargs:
            if not self._nested(args, kwargs, arrays, floats):
                return NOT
        elif not self._alike(self._flat, args, arrays, floats):
            return NOT
        if arrays and not self._apart(arrays):
            return NOT
        if self._quantities and not self._measured(floats):
            return NOT
        return self._run([*arrays, *self._numbers, *self._states], args, kwargs)

    def _alike(self, leaves: list[Any], args: tuple[Any, ...], arrays: list[np.ndarray], floats: list[float]) -> bool:
        """Whether arguments are like those of the last call; adds their arrays and floats to the lists."""
        if len(args) != len(leaves):
            return False
        for leaf, given in zip(leaves, args, strict=True):
            kind = type(leaf)
            if kind is Place:
                expected, shape, strides, dtype = self._specs[leaf.number]
                if type(given) is not expected or given._edge is not None or leaf.number != len(arrays):
                    return False
                data = given._data
                if data.shape != shape or data.strides != strides or data.dtype != dtype:
                    return False
                arrays.append(data)
            elif kind is FloatPlace:
                if type(given) is not float:
                    return False
                floats.append(given)
            elif given is not leaf and (type(given) is not kind or kind not in (int, str, bool) or given != leaf):
                return False
        return True

    def _nested(self, args: tuple[Any, ...], kwargs: dict[str, Any], arrays: list[np.ndarray], floats: list[float]
                ) -> bool:
        """`_alike` for arguments in lists, dicts and the like."""
        arguments = Arguments(self._names, args, kwargs)
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
            if any(type(value) is not float for value in values):
                return False
            if not all(condition.holds(values) for condition in self.program._conditions):
                return False
            self._values, self._numbers = values, [np.array(value) for value in values]
        return True

    # --- the run ------------------------------------------------------------------------------------------------------

    def _run(self, arrays: list[np.ndarray], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        program = self.program
        fresh = self.native.launch(arrays, program._generators)
        if fresh is None:  # a guard has found something: the usual way raises what it is
            return program.run_fitting(Arguments(self._names, args, kwargs))
        program.calls += 1
        for tensor in self._written:
            cell = tensor._cell
            if cell is None:
                tensor._cell = [1, None]
            else:
                cell[0] += 1
        for leaf in self._cleared:
            leaf.grad = None
        for leaf, at in self._set:
            leaf.grad = make(fresh[at], None)
        if self._nothing:
            return None
        if self._single:
            return make(fresh[self._made[0]], None)
        made = [make(fresh[at], None) for at in self._made]
        return self._form.build(filled(self._leaves, made.__getitem__, lambda i: made[i].item()))


def _questions(program: Program) -> Questions:
    """All that must be as it is now, besides the arguments: modes, what Python code read, guards, states."""
    if program._layouts or program._assigned:  # then what is there now is not what a call must find
        raise Unlike("its states change more than numbers")
    ask = Questions()
    ask.same(f"{ask(state)}.grad", state.grad)
    ask.same(f"{ask(dtypes)}._default", dtypes.get_default_dtype())
    for read in program._reads:
        ask.add(*read.questions(ask))
    for source, there in program._guards:
        _same_tensor(ask, source)
        if there is not None:
            ask.add(f"{ask(_fixed(source)._edge)}.grad is {'not ' if there else ''}None")
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
        ask.same(f"{ask(_fixed(source.owner)._edge)}.grad", tensor)
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
