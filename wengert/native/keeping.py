"""Blueprints on disk, beside the code: what a process has planned, another need not plan again.

The one idea to know: a plan depends on the graph, on how what it is given lies, on the machine, and on wengert's own
source, and all of these are in its `key_of`. What is read is held against the graph before anything is made of it
(`_Reader`): it is text, of which nothing runs. What cannot be told apart for certain is not kept.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from functools import cache
from math import prod
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from ..compiler import cache as disk
from ..compiler.blas import openblas
from ..compiler.jit import engine
from ..core.dtypes import DType
from ..core.geometry import first_and_last
from ..core.primitive import Primitive
from ..ir import InstructionGraph, Value
from . import entry
from .blueprint import Blueprint, Computed, Drawn, Frame, Known, Memory, Seen
from .functions import Work
from .loops import DTYPES
from .schedule import LINE
from .translation import Lying

LARGEST = 2**20
"""Bytes of constants up to which a blueprint is kept."""

_FORMAT = "plan2"
_PACKAGES = ("core", "prims", "ir", "compiler", "native")
"""What a plan is made by."""

Given = Sequence[np.ndarray[Any, Any]]


class UnsoundError(ValueError):
    """A text that is no blueprint of the graph."""


_UNSOUND = ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError
"""What a text that `write` has not written makes `read` raise."""


# --- what a plan depends on -------------------------------------------------------------------------------------------


def key_of(graph: InstructionGraph, given: Given, in_place: bool, loose: frozenset[int] = frozenset()) -> str | None:
    """The name of the plan of a graph for arrays that lie like these; None where it cannot be told from others."""
    source = _source()
    if source is None:
        return None
    try:
        lines = [f"{instr.primitive.name} {_told(instr.operands)} {_told(instr.params)} {instr.results}"
                 for instr in graph.instrs]
    except TypeError:
        return None
    every = (graph.inputs, graph.states, [value for value, _ in graph.constants])
    declared = [f"{value} {value.spec}" for values in every for value in values]
    lying = [(array.shape, array.strides, array.dtype.str) for array in given]
    effects = [(effect.kind, effect.target, effect.value) for effect in graph.effects]
    digest = hashlib.sha256()
    for _, array in graph.constants:
        digest.update(f"{array.dtype.str} {array.shape} {array.strides}".encode() + array.tobytes())
    blas = openblas()
    return disk.key_of(
        _FORMAT, source, engine().identity, np.__version__, repr(None if blas is None else blas.word), repr(in_place),
        repr(sorted(loose)), "\n".join(lines), repr((declared, lying, graph.generators, effects, graph.outputs)),
        digest.hexdigest())


@cache
def _source() -> str | None:
    """What wengert's own source is, where plans are made; None where it cannot be read."""
    digest, root = hashlib.sha256(), Path(__file__).parent.parent
    try:
        for package in _PACKAGES:
            for path in sorted((root / package).glob("*.py")):
                content = path.read_bytes()
                digest.update(f"{package}/{path.name} {len(content)}\n".encode() + content)
    except OSError:
        return None
    return digest.hexdigest()


_PLAIN = frozenset({int, float, bool, complex, str, bytes, type(None), Value})


def _told(value: Any) -> str:
    """A text that nothing else has. Raises `TypeError` where that is not sure."""
    kind = type(value)
    if kind in _PLAIN:
        return repr(value)
    if kind in (tuple, list):
        return f"{kind.__name__}({', '.join([repr(x) if type(x) in _PLAIN else _told(x) for x in value])})"
    if kind is dict:
        return f"{{{', '.join([f'{_told(name)}: {_told(x)}' for name, x in value.items()])}}}"
    if isinstance(value, Primitive):
        return f"P.{value.name}"
    if isinstance(value, DType):
        return f"dtype {value.name}"
    if isinstance(value, np.dtype):
        return f"numpy {value.str}"
    if kind is slice:
        return f"slice{_told((value.start, value.stop, value.step))}"
    if value is Ellipsis:
        return "..."
    raise TypeError(f"a parameter of a known type was expected; got {kind.__name__}")


# --- as text ----------------------------------------------------------------------------------------------------------


def write(key: str, blueprint: Blueprint) -> None:
    """Keeps a blueprint, unless its constants are large or it has numbers that cannot be written down."""
    if sum([array.nbytes for array in blueprint.constants]) > LARGEST:
        return
    constants = [np.ascontiguousarray(array) for array in blueprint.constants]
    fields = {
        "arrays": blueprint.arrays,
        "constants": [(array.dtype.str, array.shape) for array in constants],
        "fresh": blueprint.fresh, "effects": blueprint.effects, "outputs": blueprint.outputs,
        "arena": blueprint.arena, "frames": blueprint.frames,
        "steps": [_step_as_data(step) for step in blueprint.steps],
        "modules": blueprint.modules, "cycles": blueprint.cycles, "asks_openblas": blueprint.asks_openblas,
    }
    try:
        text = json.dumps(fields, separators=(",", ":"))
    except TypeError:  # a complex number for numpy
        return
    disk.write(key, b"\n".join([text.encode(), b"".join([array.tobytes() for array in constants])]))


def _step_as_data(step: Work | Computed) -> list[Any]:
    if isinstance(step, Work):
        return ["work", step.function, step.items, step.largest, *[number for place in step.places for number in place]]
    operands = [[type(x).__name__, *x] if isinstance(x, (Seen, Drawn, Known)) else x for x in step.operands]
    return ["numpy", step.instr, operands, step.results]


def read(key: str, graph: InstructionGraph, given: Given, in_place: bool, loose: frozenset[int] = frozenset()
         ) -> Blueprint | None:
    """What was kept under this key, held against the graph; None where there is nothing, or nothing sound."""
    content = disk.read(key)
    if content is None:
        return None
    text, _, numbers = content.partition(b"\n")
    try:
        return _Reader(graph, given, in_place, loose).blueprint(json.loads(text), numbers)
    except _UNSOUND:
        return None


def _unsound(what: str, came: object) -> NoReturn:
    raise UnsoundError(f"[keeping] {what} was expected; got {came!r}")


def _expect(right: bool, what: str, came: object) -> None:
    if not right:
        _unsound(what, came)


def _count(number: Any, below: int | None = None) -> int:
    if type(number) is not int or number < 0 or below is not None and number >= below:
        _unsound("a number from 0 on" if below is None else f"a number from 0 to {below - 1}", number)
    return number


class _Reader:
    """Makes a blueprint of data, of which nothing is taken for granted."""

    def __init__(self, graph: InstructionGraph, given: Given, in_place: bool, loose: frozenset[int] = frozenset()
                 ) -> None:
        self.graph, self.given, self.in_place, self.loose = graph, given, in_place, loose
        self.arrays: list[Memory] = []
        self.arena = 0
        self.constants: list[np.ndarray[Any, Any]] = []

    def blueprint(self, data: dict[str, Any], numbers: bytes) -> Blueprint:
        self.arena = _count(data["arena"])
        self.arrays = [Memory(*x) for x in data["arrays"]]
        self._check_arrays()
        self.constants = self._constants(data["constants"], numbers)
        fresh = [(_count(number, len(self.arrays)), tuple([_count(n) for n in shape]), tuple(order))
                 for number, shape, order in data["fresh"]]
        for number, shape, order in fresh:
            _expect(self.arrays[number].kind == "fresh" and self.arrays[number].size == prod(shape),
                    "an array that is given out", self.arrays[number])
            _expect(sorted(order) == [*range(len(shape))] and all(type(d) is int for d in order), "an order", order)
        made = [(self.arrays[number].dtype, shape) for number, shape, _ in fresh]
        outputs = self._outputs(data["outputs"], made)
        turned = {number for at, (is_made, number) in enumerate(outputs) if is_made and at in self.loose}
        _expect(all([*order] == sorted(order) or number in turned for number, (*_, order) in enumerate(fresh)),
                "arrays in rows", data["fresh"])
        frames = [Frame(*x) for x in data["frames"]]
        for frame in frames:
            _expect(frame.dtype in DTYPES and type(frame.number) in (int, float, bool), "a frame", frame)
            end = _count(frame.offset) + _count(frame.size) * np.dtype(frame.dtype).itemsize
            _expect(not frame.offset % LINE and end <= self.arena, "a frame inside the arena", frame)
        modules = [(key, names) for key, names in data["modules"]]
        functions = [name for _, names in modules for name in names]
        _expect(all(type(name) is str and name for name in functions) and len({*functions}) == len(functions)
                and all(type(key) is str and key.isalnum() for key, _ in modules), "names of functions", functions)
        _expect(type(data["cycles"]) in (int, float) and type(data["asks_openblas"]) is bool, "an amount of work",
                data["cycles"])
        known = {*functions, ""}
        return Blueprint(
            self.arrays, self.constants, fresh, self._effects(data["effects"], made),
            outputs, self.arena, frames, [self._step(x, known) for x in data["steps"]],
            modules, data["cycles"], data["asks_openblas"])

    def _check_arrays(self) -> None:
        for array in self.arrays:
            _expect(array.kind in ("given", "constant", "fresh", "called") and array.dtype in DTYPES, "an array", array)
            _count(array.size)
        came = [Memory("given", array.dtype.name, Lying(array.shape, array.strides, array.dtype).in_elements()[1])
                for array in self.given]
        _expect(self.arrays[:len(came)] == came and all(x.kind != "given" for x in self.arrays[len(came):]),
                f"the arrays {came} at first", self.arrays)

    def _constants(self, data: list[Any], numbers: bytes) -> list[np.ndarray[Any, Any]]:
        found, at = [], 0
        for name, shape in data:
            dtype, count = np.dtype(name), prod([_count(n) for n in shape])
            end = at + count * dtype.itemsize
            _expect(not dtype.hasobject and end <= len(numbers), "numbers", (dtype, count))
            found.append(np.frombuffer(numbers[at:end], dtype, count).reshape(shape).copy())
            at = end
        _expect(at == len(numbers), f"{at} bytes of constants", len(numbers))
        own = [(x.dtype, x.size) for x in self.arrays if x.kind == "constant"]
        _expect([(array.dtype.name, array.size) for array in found[:len(own)]] == own, f"constants {own}", data)
        return found

    def _effects(self, data: list[Any], made: list[Any]) -> list[int | None]:
        for effect, at in zip(self.graph.effects, data, strict=True):
            if at is not None and effect.value is not None:
                self._same(effect.value, made[_count(at, len(made))])
            else:
                _expect(at is None and (effect.value is None or self.in_place and effect.kind == "write"),
                        "the value of an effect", at)
        return data

    def _outputs(self, data: list[Any], made: list[Any]) -> list[tuple[bool, int]]:
        given = [(array.dtype.name, array.shape) for array in self.given]
        found = [(fresh, number) for fresh, number in data]
        for value, (fresh, number) in zip(self.graph.outputs, found, strict=True):
            _expect(type(fresh) is bool, "whether an output is made", fresh)
            among = made if fresh else given
            self._same(value, among[_count(number, len(among))])
        return found

    def _same(self, value: Value, array: tuple[str, tuple[int, ...]]) -> None:
        wanted = value.spec.dtype.name, tuple(value.spec.shape)
        _expect(array == wanted, f"an array {wanted}", array)

    def _step(self, data: list[Any], known: set[str]) -> Work | Computed:
        if data[0] == "work":
            _, function, items, largest, *numbers = data
            _expect(function in known, "a function of the modules", function)
            places = [*zip(numbers[::2], numbers[1::2], strict=True)]
            for place in places:
                self._check_place(*place)
            _expect(bool(function) or len(places) == 1, "the one place of a guard", places)
            return Work(function, _count(items), _count(largest), places)
        _expect(data[0] == "numpy", "a step", data[0])
        _, number, operands, results = data
        instr = self.graph.instrs[_count(number, len(self.graph.instrs))]
        _expect(len(operands) == len(instr.operands), "the operands of an instruction", operands)
        for value, result in zip(instr.results, results, strict=True):
            array = self.arrays[_count(result - entry.FIRST, len(self.arrays))]
            _expect(array == Memory("called", value.spec.dtype.name, prod(value.spec.shape)), f"{value.spec}", array)
        return Computed(number, [self._operand(x) for x in operands], results)

    def _operand(self, data: Any) -> Any:
        if type(data) is not list:
            _expect(data is None or type(data) in (int, float, bool), "a number", data)
            return data
        kind, *fields = data
        if kind == "Drawn":
            return Drawn(_count(fields[0], len(self.graph.generators)))
        if kind == "Known":
            return Known(_count(fields[0], len(self.constants)))
        _expect(kind == "Seen", "an operand", kind)
        slot, offset, name, shape, strides = fields
        seen = Seen(slot, _count(offset), name, tuple(shape), tuple(strides))
        _expect(name in DTYPES and all(type(x) is int for x in (*shape, *strides)), "an array", seen)
        span = first_and_last(seen.shape, seen.strides, offset)
        if span is not None:
            self._check_place(slot, span[0])
            self._check_place(slot, span[1] + np.dtype(name).itemsize)
        return seen

    def _check_place(self, slot: int, offset: int) -> None:
        """A place inside what is there; a step goes on from it as far as its code goes."""
        if slot == entry.ARENA:
            _count(offset, self.arena + 1)
        elif slot in entry.BLAS.values():
            _expect(openblas() is not None and offset == 0, "OpenBLAS's product", offset)
        else:
            _count(offset, self.arrays[_count(slot - entry.FIRST, len(self.arrays))].bytes + 1)
