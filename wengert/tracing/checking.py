"""Whether a recorded function does what the function does: both are run, and all that they leave behind is compared.

The one idea to know: where they differ, the recording tells whether it or its machine code is wrong, as it can be
interpreted. The first instruction whose code is wrong is found by halving: code is made for the instructions up to
some point, with all that the rest needs for results; these are right before the one looked for, and wrong after it.

Note [ill-posed]: what differs because rounding is all that it is (a gradient that cancels, which Adam divides by its
own size) is no fault. A value is such where the recording, interpreted with operands that move by a unit in the last
place or not, gives another one by as much, or a sixteenth of it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core.errors import TraceError
from ..ir import Instr, InstructionGraph, Interpreter, Value, copied, format_instr
from ..native import Runner
from ..tensors.alias import edge_of
from ..tensors.tape import Leaf, node_of
from ..tensors.tensor import Tensor
from .arguments import Arguments
from .backward import CompiledNode
from .keeping import Keeper
from .nests import RESULTS
from .program import Program, like

_TOLERANCES = {2: 1e-3, 4: 1e-5, 8: 1e-12}
"""Relative differences that are taken for rounding, by the bytes of a (real) number."""


class _Before:
    """All that a call of a program may change, as it was: memory, gradients, places, random numbers, requirements."""

    def __init__(self, program: Program, arguments: Arguments) -> None:
        self.memories = program.places(arguments)
        self.arrays = {name: array.copy() for name, array in self.memories.items()}
        self.generators = [(source, source.state_array()) for source in program.generators]
        self._kept = [(read, read.now()) for read, _ in program.results.kept]
        self._held = program.later.kept()
        self._tensors = Keeper()
        self._gradients: list[tuple[Leaf, Tensor | None]] = []
        for tensor in program.tensors(arguments):
            self._tensors.keep(tensor)
            edge = edge_of(tensor)
            self._gradients += [(edge, edge.grad)] if isinstance(edge, Leaf) else []
        self._values = [(tensor, tensor._data, tensor._data.copy()) for _, tensor in self._gradients
                        if tensor is not None]

    def put_back(self) -> None:
        self._tensors.restore()
        for name, array in self.memories.items():
            np.copyto(array, self.arrays[name])
        for leaf, tensor in self._gradients:
            leaf.grad = tensor
        for tensor, array, values in self._values:
            tensor._data = array
            np.copyto(array, values)
        for read, was in self._kept:
            read.put(was)
        for holder, was in self._held:
            holder.clear()
            holder.update(was)
        for source, state in self.generators:
            source.set_state_array(state)


def checked(name: str, program: Program, arguments: Arguments, run: Callable[[], Any]) -> Any:
    """Runs the function as it is, puts back what it changed, runs its program, and returns the result of that.

    Raises `TraceError` where they differ by more than rounding, and names what differs and the first instruction of
    which that is so. The way back from a result that is differentiated outside is compared with its recording.
    """
    before = _Before(program, arguments)
    given = [*map(like, program.inputs(arguments)), *[
        like(program.memory_of(value.name, arguments.tensors)) for value in program.graph.states]]
    generators = [source.clone_state() for source in program.generators]

    def left(result: object) -> dict[str, Any]:
        return {
            **{f"result {i}": _rounded(array, program.value_at(f"result {i}"), program.graph)
               for i, array in enumerate(_arrays(result))},
            **{place: array.copy() for place, array in before.memories.items()},
            **{place: None if tensor is None else tensor._data.copy()
               for place, tensor in program.gradients(arguments).items()},
            **{read.words: _array_of(read.now()) for read, _ in program.results.kept},
        }

    try:
        expected = left(run())
    finally:
        before.put_back()
    result = program.run_fitting(arguments)
    came = left(result)
    for place, wanted in expected.items():
        reason = _difference(wanted, came[place])
        if reason is None:
            continue
        begins = (f"[compile] {name}, compiled, was expected to do what it does as it is; {place} differs: {reason}. ")
        if _is_behind_a_mask(wanted, came[place]):
            raise TraceError(f"{begins}NaN or infinity behind a mask of constants counts for nothing in compiled code: "
                             "look for where it comes from")
        value = program.value_at(place)
        if value is None or not _is_ill_posed(program.graph, value, given, generators, wanted, came[place]):
            raise TraceError(f"{begins}{_said(_first_wrong(program.graph, given, generators))}")
    _check_backward(name, result)
    return result


def _rounded(result: object, value: Value | None, graph: InstructionGraph) -> object:
    """A result; a float that comes from tensors in the narrowest dtype that it has gone through."""
    if type(result) is not float or value is None:
        return result
    needed, dtypes = {value}, [value.spec.dtype]
    for instr in reversed(graph.instrs):
        if not needed.isdisjoint(instr.results):
            needed.update(instr.values())
            dtypes += [x.spec.dtype for x in instr.values() if x.spec.dtype.is_floating_point]
    return np.asarray(result, min(dtypes, key=lambda dtype: dtype.itemsize).numpy)


def _check_backward(name: str, result: object) -> None:
    """Compares the way back from a result with its recording, for cotangents of ones."""
    tensors = [leaf for leaf in RESULTS.flatten(result)[0] if isinstance(leaf, Tensor)]
    nodes = [node_of(edge) for edge in map(edge_of, tensors) if edge is not None]
    node = next((node for node in nodes if isinstance(node, CompiledNode) and node.arrays), None)
    if node is None:
        return
    backward = node.backward
    half = backward.whole
    given = [*[backward.lying(value, node.arrays[value]) for value in backward.kept],
             *[np.ones(value.spec.shape, value.spec.dtype.numpy) for value in half.graph.inputs[len(backward.kept):]]]
    expected, came = _outputs(Interpreter(half.graph), given, []), half.run(given)[1]
    for number, (one, other) in enumerate(zip(expected, came, strict=True)):
        reason = _difference(one, other)
        if reason is not None and not _is_behind_a_mask(one, other) and not _is_ill_posed(
                half.graph, half.graph.outputs[number], given, [], one, other):
            raise TraceError(f"[compile] the gradients of {name}, compiled, were expected to be those of its "
                             f"recording; gradient {number} differs: {reason}. "
                             f"{_said(_first_wrong(half.graph, given, []))}")


def _said(where: Instr | None) -> str:
    if where is None:
        return ("The recording, interpreted, differs as well: the function does not do the same at each call, or this "
                "is a fault of wengert's. Run it with compile(disable=True)")
    line = "" if where.line is None else f" ({where.line})"
    return (f"The first instruction that differs is {format_instr(where)}{line}. This is a fault of wengert's: run it "
            "with compile(disable=True)")


def _first_wrong(graph: InstructionGraph, given: Sequence[np.ndarray], generators: Sequence[Any]) -> Instr | None:
    """The first instruction whose machine code gives another number than numpy; None where there is none."""
    def wrong(end: int) -> bool:
        part = _part(graph, end)
        expected, came = [_outputs(make, given, generators) for make in (Interpreter(part), Runner(part, False))]
        return any(_difference(one, other) is not None and not _is_behind_a_mask(one, other) and not _is_ill_posed(
            part, value, given, generators, one, other)
            for value, one, other in zip(part.outputs, expected, came, strict=True))

    if not wrong(len(graph.instrs)):
        return None
    return graph.instrs[bisect_left(range(1, len(graph.instrs)), True, key=wrong)]


def _part(graph: InstructionGraph, end: int) -> InstructionGraph:
    """The first instructions of a graph; its results are all that the rest, effects and outputs need of them."""
    part = copied(graph)
    part.instrs, part.effects = part.instrs[:end], []
    needed = {*graph.roots(), *(value for instr in graph.instrs[end:] for value in instr.values())}
    part.outputs = [result for instr in part.instrs for result in instr.results if result in needed]
    return part


class _Moved(Interpreter):
    """Interprets a graph with operands that have moved by a unit in the last place, or not, by chance."""

    def __init__(self, graph: InstructionGraph, seed: int) -> None:
        super().__init__(graph)
        self._chance = np.random.default_rng(seed)

    def evaluated(self, instr: Instr, operands: list[Any]) -> Any:
        if instr.primitive.kind not in ("view", "random"):
            operands = [self._moved(x) for x in operands]
        return super().evaluated(instr, operands)

    def _moved(self, x: Any) -> Any:
        if not isinstance(x, np.ndarray) or x.dtype.kind not in "fc":
            return x
        return (x * (1 + self._chance.integers(-1, 2, x.shape) * np.finfo(x.dtype).eps)).astype(x.dtype)


def _is_ill_posed(graph: InstructionGraph, value: Value, given: Sequence[np.ndarray], generators: Sequence[Any],
                  expected: Any, came: Any) -> bool:
    """Whether a value, which differs, is nothing but rounding: Note [ill-posed]."""
    if not all(isinstance(x, np.ndarray) and x.dtype.kind in "fc" for x in (expected, came)):
        return False
    part = copied(graph)
    part.effects, part.outputs = [], [value]
    still, far = _outputs(Interpreter(part), given, generators)[0], _distance(came, expected)
    return any(_distance(_outputs(_Moved(part, seed), given, generators)[0], still) * 16 >= far for seed in range(16))


def _outputs(run: Interpreter | Runner, given: Sequence[np.ndarray], generators: Sequence[Any]) -> list[np.ndarray]:
    count = len(run.graph.inputs)
    with np.errstate(all="ignore"):
        return run(given[:count], given[count:], [each.clone_state() for each in generators])[1]


def _distance(one: np.ndarray, other: np.ndarray) -> float:
    """The largest difference; infinite where one is no number and the other is."""
    if one.shape != other.shape:
        return float("inf")
    same = (one == other) | ((one != one) & (other != other))
    with np.errstate(all="ignore"):
        return float(np.nan_to_num(np.where(same, 0.0, np.abs(one - other)), nan=np.inf).max(initial=0.0))


def _is_behind_a_mask(expected: object, came: object) -> bool:
    """Whether what differs is NaN where there is a number in compiled code."""
    if not isinstance(expected, np.ndarray) or not isinstance(came, np.ndarray) or expected.shape != came.shape:
        return False
    if expected.dtype.kind not in "fc" or came.dtype != expected.dtype:
        return False
    lost = np.isnan(expected) & np.isfinite(came)
    return bool(lost.any()) and _difference(expected[~lost], came[~lost]) is None


def _arrays(result: object) -> list[Any]:
    return [_array_of(leaf) for leaf in RESULTS.flatten(result)[0]]


def _array_of(thing: Any) -> Any:
    return thing._data.copy() if isinstance(thing, Tensor) else thing


def _difference(expected: object, came: object) -> str | None:
    if not isinstance(expected, np.ndarray) or not isinstance(came, np.ndarray):
        return None if expected is came or (
            type(expected) is type(came) and expected == came) else f"{expected!r:.60} was expected, {came!r:.60} came"
    if expected.shape != came.shape or expected.dtype != came.dtype:
        return f"{expected.dtype}{list(expected.shape)} was expected, {came.dtype}{list(came.shape)} came"
    if expected.dtype.kind not in "fcVW":
        return None if np.array_equal(expected, came) else "other numbers"
    wide = (expected.astype(complex if expected.dtype.kind == "c" else float), came.astype(
        complex if expected.dtype.kind == "c" else float))
    size = expected.itemsize // (2 if expected.dtype.kind == "c" else 1)
    scale = np.abs(wide[0][np.isfinite(wide[0])]).max(initial=0.0)
    close = np.isclose(*wide, rtol=_TOLERANCES[size], atol=_TOLERANCES[size] * scale, equal_nan=True)
    if close.all():
        return None
    place = tuple(int(i) for i in np.argwhere(~close)[0])
    return f"at {place} {expected[place]} was expected, {came[place]} came ({int((~close).sum())} elements differ)"
