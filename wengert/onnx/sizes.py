"""Sizes that vary: one graph for all of them, made of recordings for a few.

The one idea to know: recordings of one model that differ in sizes alone are gone through together, as `torch.compile`
does it (`wengert.tracing.combination`), but what comes is not the graph for one further size: each integer becomes an
`Extent`, a polynomial in the sizes' names, which a rule can write down as nodes. No rule mistakes one for a number:
an `Extent` is no integer, and what has to know a number fails on it by name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import combinations_with_replacement
from typing import Any, NamedTuple

import numpy as np

from ..core.computed import FORMS, floats_in
from ..ir import Instr, InstructionGraph, Value
from ..tracing.combination import Combination, Unlike
from ..tracing.program import Recording

Monomial = tuple[str, ...]


class Extent:
    """A size that depends on others: a sum of products of their names, ``{("batch",): 2, (): 1}`` for 2·batch + 1."""

    __slots__ = ("_key", "terms")

    def __init__(self, terms: Mapping[Monomial, Fraction]) -> None:
        self.terms = {product: factor for product, factor in terms.items() if factor}
        self._key = frozenset(self.terms.items())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Extent) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    def __str__(self) -> str:
        """As ONNX names a size: ``2*batch + 1``."""
        found = []
        for product, factor in sorted(self.terms.items(), key=lambda term: (-len(term[0]), term[0])):
            names = "*".join(product)
            found.append(f"{factor}" if not names else names if factor == 1 else f"{factor}*{names}")
        return " + ".join(found).replace("+ -", "- ")

    def __repr__(self) -> str:
        return f"<extent {self}>"

    def __sub__(self, other: Extent | int) -> Extent | int:
        return self._plus(other, -1)

    def __add__(self, other: Extent | int) -> Extent | int:
        return self._plus(other, 1)

    __radd__ = __add__

    def __rsub__(self, other: int) -> Extent | int:
        return _plain(Extent({product: -factor for product, factor in self.terms.items()})._plus(other, 1))

    def __mul__(self, factor: int) -> Extent | int:
        return _plain(Extent({product: each * factor for product, each in self.terms.items()}))

    __rmul__ = __mul__

    def _plus(self, other: Extent | int, sign: int) -> Extent | int:
        terms = dict(self.terms)
        for product, factor in other.terms.items() if isinstance(other, Extent) else [((), Fraction(other))]:
            terms[product] = terms.get(product, Fraction(0)) + sign * factor
        return _plain(Extent(terms))


def _plain(size: Extent | int) -> Extent | int:
    """A number where an extent has come to be one."""
    if isinstance(size, Extent) and not any(size.terms):
        return int(size.terms.get((), Fraction(0)))
    return size


class Scaled(NamedTuple):
    """A float that depends on a size, by one of the `FORMS` of ``number`` and of the integer ``extent``."""

    form: int
    number: float
    extent: Extent


class Grown(NamedTuple):
    """A constant whose size varies: ``start`` plus ``steps`` times the place along each dimension."""

    shape: tuple[Any, ...]
    dtype: np.dtype[Any]
    start: Any
    steps: tuple[Any, ...]


class Steps(NamedTuple):
    """The ``sizes`` of a recurrent layer where each of ``count`` steps has as many rows."""

    count: Any
    rows: Any


def monomials(names: Sequence[str], degree: int) -> list[Monomial]:
    """All products of up to ``degree`` of the names, the empty one first."""
    return [product for d in range(degree + 1) for product in combinations_with_replacement(sorted(names), d)]


def value_of(product: Monomial, sizes: Mapping[str, int]) -> int:
    """The number that a product of names is for these sizes."""
    found = 1
    for name in product:
        found *= sizes[name]
    return found


class Symbolic(Combination):
    """Puts recordings together to the graph for all sizes: what varies is found as a polynomial of ``degree``, and held
    against the recordings that finding it did not take. Raises `Unlike` where there is none."""

    def __init__(self, samples: Sequence[Mapping[str, int]], recordings: Sequence[Recording], degree: int) -> None:
        super().__init__([Fraction(0)] * len(samples), recordings)
        names = sorted(samples[0])
        self._monomials = monomials(names, degree)
        self._rows = [[Fraction(value_of(product, sizes)) for product in self._monomials] for sizes in samples]
        instrs = [instr for graph in recordings[0].graphs for instr in graph.instrs]
        self.floats = [*dict.fromkeys([1.0, *floats_in([(*i.operands, *i.params.values()) for i in instrs])])]

    def of(self, things: list[Any]) -> Any:
        if all(type(thing) is Steps for thing in things):
            return Steps(*map(self.of, map(list, zip(*things, strict=True))))
        return super().of(things)

    def _instr(self, instrs: list[Instr]) -> Instr:
        return super()._instr([_with_even_steps(instr) for instr in instrs])

    def _shape(self, shapes: list[Any]) -> Any:
        return self.of(shapes)

    def _integer(self, numbers: list[int]) -> Any:
        if all(n == numbers[0] for n in numbers):
            return numbers[0]
        factors = _solved(self._rows, numbers)
        if factors is None:
            raise Unlike("a number does not grow evenly with a size")
        return _plain(Extent(dict(zip(self._monomials, factors, strict=True))))

    def _float(self, numbers: list[float]) -> Any:
        if all(n == numbers[0] or (n != n and numbers[0] != numbers[0]) for n in numbers):
            return numbers[0]
        for number in self.floats:
            for place, (guess, form) in enumerate(FORMS):
                found = [guess(number, n) for n in numbers]
                if all(m is not None and form(number, m) == n for m, n in zip(found, numbers, strict=True)):
                    extent = self._integer([m for m in found if m is not None])
                    return Scaled(place, number, extent)
        raise Unlike("a float depends on a size in a way that is not known")

    def _constant(self, value: Value, arrays: list[np.ndarray], is_read: bool) -> Any:
        if is_read or all(isinstance(n, int) for n in value.spec.shape):
            return super()._constant(value, arrays, is_read)
        return Grown(value.spec.shape, arrays[0].dtype, 0, (0,) * arrays[0].ndim)

    def _array(self, arrays: list[np.ndarray]) -> Any:
        first = arrays[0]
        if all(a.shape == first.shape and np.array_equal(a, first, equal_nan=first.dtype.kind in "fc")
               for a in arrays):
            return first
        if any(not a.size for a in arrays):
            raise Unlike("a constant is empty for some sizes")
        steps = tuple([self.of([_step(a, d) for a in arrays]) for d in range(first.ndim)])
        found = Grown(self.of([a.shape for a in arrays]), first.dtype, self.of([a.flat[0].item() for a in arrays]),
                      steps)
        if any(not _is_even(a) for a in arrays):
            raise Unlike("a constant made of numbers depends on a size")
        return found


def _with_even_steps(instr: Instr) -> Instr:
    if instr.primitive.name not in ("rnn", "lstm", "lstm_projected", "gru"):
        return instr
    sizes = instr.params["sizes"]
    if len(set(sizes)) != 1:
        return instr
    params = {**instr.params, "sizes": Steps(len(sizes), sizes[0])}
    return Instr(instr.primitive, instr.operands, params, instr.results, instr.line)


def _step(array: np.ndarray, dim: int) -> Any:
    if array.shape[dim] == 1:
        return 0
    return array[tuple([int(d == dim) for d in range(array.ndim)])].item() - array.flat[0].item()


def _is_even(array: np.ndarray) -> bool:
    if array.dtype.kind == "c":
        return bool((array == array.flat[0]).all())
    if array.dtype.kind not in "iufb":
        return False
    found: Any = np.full(array.shape, array.flat[0])
    if array.dtype.kind == "b":
        return bool((found == array).all())
    for dim, size in enumerate(array.shape):
        along = np.arange(size) * _step(array, dim)
        found = found + along.reshape(tuple([-1 if d == dim else 1 for d in range(array.ndim)]))
    return bool((found == array).all())


def _solved(rows: Sequence[Sequence[Fraction]], wanted: Sequence[int]) -> list[Fraction] | None:
    """The one solution of a system with more equations than unknowns; None where there is none."""
    table = [[*row, Fraction(n)] for row, n in zip(rows, wanted, strict=True)]
    width = len(rows[0])
    for column in range(width):
        pivot = next((r for r in range(column, len(table)) if table[r][column]), None)
        if pivot is None:
            return None
        table[column], table[pivot] = table[pivot], table[column]
        table[column] = [x / table[column][column] for x in table[column]]
        for r, row in enumerate(table):
            if r != column and row[column]:
                table[r] = [x - row[column] * y for x, y in zip(row, table[column], strict=True)]
    return None if any(row[-1] for row in table[width:]) else [table[r][-1] for r in range(width)]


def put_together(samples: Sequence[Mapping[str, int]], recordings: Sequence[Recording], degree: int
                 ) -> InstructionGraph:
    """The graph for all sizes. Raises `Unlike`, with the reason, where the recordings are not of one form."""
    made = Symbolic(samples, recordings, degree)
    return made.graph([recording.graphs[0] for recording in recordings])
