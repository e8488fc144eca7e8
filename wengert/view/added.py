"""What additions and subtractions read and did not keep, as their derivatives do not need it: found again.

The one idea to know: the result tells. An operand that nobody kept is the array, or the number, with which the addition
gives the result that is known, to the last bit; where that result was not kept either, the one with which what was
computed from it comes out as it is known, among those that the program names.
"""

from __future__ import annotations

import ast
import linecache
import math
import re
import types
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from itertools import product
from typing import Any, TypeAlias

import numpy as np

from ..core.primitive import evaluate
from ..tensors.tape import Leaf, Node
from .names import held_in
from .taped import is_custom

MOST = 3
"""So many additions at most are found by what was computed from them,"""
TRIED = 256
"""in at most so many combinations."""


def added_array(node: Node, place: int, other: Any, out: Any, candidates: list[np.ndarray],
                least: int = 2) -> np.ndarray | None:
    """That of the arrays, of so many elements at least, which gives the result of an addition or subtraction, to the
    last bit, as its operand at ``place``; None where none does."""
    if not all(isinstance(value, np.ndarray) and value.dtype.kind == "f" and value.size for value in (other, out)):
        return None
    for array in candidates:
        # A number would be shown as well as a variable of one element that happens to hold it.
        if array.dtype != out.dtype or array.size < least or not _broadcasts(array.shape, other.shape, out.shape):
            continue
        operands = [array, other] if place == 0 else [other, array]
        if np.array_equal(evaluate(node.primitive, operands, node.params), out):
            return array
    return None


def _broadcasts(x: tuple[int, ...], y: tuple[int, ...], result: tuple[int, ...]) -> bool:
    try:
        return np.broadcast_shapes(x, y) == result
    except ValueError:
        return False


def added_number(node: Node, place: int, other: Any, out: Any) -> float | None:
    """The number at ``place`` of an addition or subtraction, worked out from its other operand and its result: the
    shortest one that gives that result exactly. None where the operand is no single number, or is too small beside the
    other one to be worked out."""
    name = node.primitive.name
    known = all(isinstance(value, np.ndarray) and value.dtype.kind == "f" and value.size for value in (other, out))
    if name not in ("add", "sub") or len(node.edges) != 2 or not known or other.shape != out.shape:
        return None
    guesses = (out - other if name == "add" else other - out if place else out + other).astype(np.float64)
    guess = float(guesses.reshape(-1)[0])
    if not np.isfinite(guesses).all() or abs(guess) < 1e-3 * float(np.abs(other).max()):
        return None
    for digits in range(1, 18):
        number = float(f"{guess:.{digits}g}")
        operands = [number, other] if place == 0 else [other, number]
        if np.array_equal(evaluate(node.primitive, operands, node.params), out):
            return number
    return None


Operands: TypeAlias = Callable[[Any, Mapping[int, Any]], list[Any] | None]


class Addends:
    """The operands of additions that nothing kept; ``found`` has those that were found by what was computed from them,
    by the number of the node and the place."""

    def __init__(self, names: Mapping[int, str]) -> None:
        self.names = names
        self.scopes: list[dict[str, Any]] = []
        self.code: types.CodeType | None = None
        self.line = 0
        self.found: dict[tuple[int, int], Any] = {}
        self.written: tuple[set[str], set[tuple[str, str, str]]] = set(), set()

    def program(self, scopes: list[dict[str, Any]], frame: types.FrameType | None) -> None:
        """Takes in what may have been added: the variables, and the code that says so."""
        self.scopes = scopes
        if frame is not None:
            self.code, self.line = frame.f_code, frame.f_lineno

    def operand(self, node: Any, place: int, other: Any, out: Any) -> Any:
        """What an addition of ``other`` with the result ``out`` read at a place and did not keep; None where nothing
        tells."""
        if (node.sequence, place) in self.found:
            return self.found[node.sequence, place]
        arrays = list(self._arrays())
        written = [array for name, array in arrays if self._is_written(node, place, name, {})]
        found = added_array(node, place, other, out, written, least=1)
        if found is None:
            found = added_array(node, place, other, out, [array for _, array in arrays])
        return added_number(node, place, other, out) if found is None else found

    def find(self, order: list[Any], values: Mapping[int, Any], operands: Operands) -> bool:
        """Tries what the program has, and says whether that told; ``operands(node, values)`` are those of a node, None
        where one is not known."""
        additions = [(node, place) for node in order if (place := _unknown(node, values)) is not None]
        if self.code is None or not 0 < len(additions) <= MOST:
            return False
        self._read_code()
        words = self.written[0]
        named: list[tuple[str, Any]] = [(name, array) for name, array in self._arrays() if _first_word(name) in words]
        named += [(word, float(word)) for word in sorted(words) if not word.isidentifier()]
        choices = []
        for node, place in additions:
            fit = [(name, value) for name, value in named if _fits(value, node)]
            written = [(name, value) for name, value in fit if self._is_written(node, place, name, {})]
            choices.append(written or fit)
        if not 0 < math.prod(map(len, choices)) <= TRIED:
            return False
        keys = [(node.sequence, place) for node, place in additions]
        after = order[order.index(additions[0][0]):]
        right = [chosen for chosen in product(*choices)
                 if self._comes_out({key: value for key, (_, value) in zip(keys, chosen, strict=True)}, after, values,
                                    operands)]
        told = self._told([node for node, _ in additions], keys, right)
        self.found = {key: value for key, (_, value) in zip(keys, told, strict=True)} if told else {}
        return bool(told)

    def _told(self, nodes: list[Any], keys: list[tuple[int, int]], right: list[Any]) -> Any:
        """That of the combinations which the results allow that the program writes down; the only one, where it writes
        none; None where several differ."""
        written = []
        for chosen in right:
            texts = {number: name for (number, _), (name, _) in zip(keys, chosen, strict=True)}
            if all(self._is_written(node, place, texts[node.sequence], texts)
                   for node, (_, place) in zip(nodes, keys, strict=True)):
                written.append(chosen)
        right = written or right
        contents = {tuple([(np.shape(value), np.asarray(value, np.float64).tobytes()) for _, value in chosen])
                    for chosen in right}
        return right[0] if len(contents) == 1 else None

    def _comes_out(self, chosen: dict[tuple[int, int], Any], after: list[Any], values: Mapping[int, Any],
                   operands: Operands) -> bool:
        """Whether with these operands all is computed that is known, and each of them takes part in it."""
        self.found = chosen
        trial, reads = dict(values), {number: {number} for number, _ in chosen}
        told: set[int] = set()
        for node in after:
            if type(node) is Leaf or node.primitive.multiple:
                continue
            source = set().union(reads.get(node.sequence, ()),
                                 *[reads.get(getattr(edge, "sequence", -1), ()) for edge in node.edges])
            given = operands(node, trial) if source else None
            if given is None:
                continue
            out, spec = np.asarray(evaluate(node.primitive, given, node.params)), node.specs()[0]
            known = trial.setdefault(node.sequence, out)
            reads[node.sequence] = source
            if spec is not None and out.shape != tuple(spec[0]):
                return False
            if node.sequence in values:
                if not isinstance(known, np.ndarray) or not np.array_equal(out, known):
                    return False
                told |= source
        return told >= {number for number, _ in chosen}

    def _arrays(self) -> Iterator[tuple[str, np.ndarray]]:
        """The constant arrays that variables hold, each under its best name."""
        seen = set()
        for name, tensor in held_in(self.scopes):
            array = tensor._data
            if type(array) is np.ndarray and tensor._edge is None and id(array) not in seen:
                seen.add(id(array))
                yield name, array

    def _read_code(self) -> None:
        if self.code is not None and not self.written[0]:
            self.written = _added_in(self.code, self.line)

    def _is_written(self, node: Any, place: int, name: str, texts: Mapping[int, str]) -> bool:
        """Whether the program says this sum, or difference, in these words; ``texts`` are the operands that were chosen
        for others."""
        self._read_code()
        other = self._text(node.edges[1 - place], texts)
        pair = (other, name) if place else (name, other)
        return (pair[0], node.primitive.name, pair[1]) in self.written[1]

    def _text(self, edge: Any, texts: Mapping[int, str]) -> str:
        """What the program may say for a place on the tape: its name, or the sum that it is."""
        number = getattr(edge, "sequence", -1)
        if number in self.names or number not in texts:
            return self.names.get(number, "")
        place = edge.edges.index(None)
        other = self._text(edge.edges[1 - place], texts)
        sign = "+" if edge.primitive.name == "add" else "-"
        left, right = (other, texts[number]) if place else (texts[number], other)
        return f"{left} {sign} {right}"


def _unknown(node: Any, values: Mapping[int, Any]) -> int | None:
    """The place of the one operand that an addition did not keep and whose result nobody kept."""
    if type(node) is Leaf or is_custom(node) or node.primitive.name not in ("add", "sub") or node.sequence in values:
        return None
    missing = [place for place, edge in enumerate(node.edges) if edge is None]
    return missing[0] if len(missing) == 1 and len(node.edges) == 2 else None


def _fits(value: Any, node: Node) -> bool:
    """Whether a number, or an array, can be an operand of an addition with this result."""
    spec = node.specs()[0]
    if spec is None or type(value) is not np.ndarray:
        return spec is not None
    return value.dtype == spec[1] and _broadcasts(value.shape, spec[0], tuple(spec[0]))


def _first_word(name: str) -> str:
    found = re.match(r"\w+", name)
    return found[0] if found else ""


def _added_in(code: types.CodeType, line: int) -> tuple[set[str], set[tuple[str, str, str]]]:
    """The variables and numbers that stand in sums, differences and calls in the file of some code, and the sums and
    differences of two that the line writes which asks, or where it writes none, the code, or the file; where there is
    no file, as at a prompt, the variables and numbers of the code itself."""
    text = "".join(linecache.getlines(code.co_filename))
    found = _added_in_text(text) if text else None
    if found is not None:
        words, sums = found
        lines = {number for _, _, number in code.co_lines()}
        here = {pair for number, pair in sums if number == line} or {pair for number, pair in sums if number in lines}
        return words, here or {pair for _, pair in sums}
    names = {*code.co_names, *code.co_varnames, *code.co_freevars, *code.co_cellvars}
    return names | {str(float(value)) for value in code.co_consts if type(value) in (int, float)}, set()


@lru_cache(maxsize=8)
def _added_in_text(text: str) -> tuple[set[str], list[tuple[int, tuple[str, str, str]]]] | None:
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return None
    operands: list[ast.expr] = []
    sums: list[tuple[ast.expr, str, ast.expr]] = []
    for part in ast.walk(tree):
        if isinstance(part, ast.BinOp) and isinstance(part.op, (ast.Add, ast.Sub)):
            sums.append((part.left, "add" if isinstance(part.op, ast.Add) else "sub", part.right))
        elif isinstance(part, ast.AugAssign) and isinstance(part.op, (ast.Add, ast.Sub)):
            sums.append((part.target, "add" if isinstance(part.op, ast.Add) else "sub", part.value))
        elif isinstance(part, ast.Call):
            operands += [*part.args, *[keyword.value for keyword in part.keywords]]
            name = getattr(part.func, "attr", "").rstrip("_")
            if name in ("add", "sub") and 0 < len(part.args) <= 2:
                sums.append((part.args[0] if len(part.args) == 2 else part.func.value,  # type: ignore[attr-defined]
                             name, part.args[-1]))
    operands += [operand for left, _, right in sums for operand in (left, right)]
    parts = [part for operand in operands for part in ast.walk(operand)]
    words = {part.id for part in parts if isinstance(part, ast.Name)}
    words |= {part.attr for part in parts if isinstance(part, ast.Attribute)}
    words |= {_text_of(operand) for operand in operands if _is_number(operand)}
    return words, [(left.lineno, (_text_of(left), name, _text_of(right))) for left, name, right in sums]


def _is_number(part: ast.expr) -> bool:
    return isinstance(part, ast.Constant) and type(part.value) in (int, float)


def _text_of(part: ast.expr) -> str:
    """An operand as `Addends` says it: without the object whose attribute it is, numbers as floating ones."""
    if isinstance(part, ast.Constant) and type(part.value) in (int, float):
        return str(float(part.value))  # type: ignore[arg-type]
    if isinstance(part, ast.Attribute) and isinstance(part.value, ast.Name) and part.value.id == "self":
        return part.attr
    if isinstance(part, ast.BinOp) and isinstance(part.op, (ast.Add, ast.Sub)):
        sign = "+" if isinstance(part.op, ast.Add) else "-"
        return f"{_text_of(part.left)} {sign} {_text_of(part.right)}"
    return ast.unparse(part)
