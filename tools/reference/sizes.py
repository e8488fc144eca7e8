"""What the reference says of shapes: found by calling with other sizes."""

from __future__ import annotations

import functools
import inspect
import itertools
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

import wengert
from wengert.optim import Optimizer

from .calls import Chain, Path, aside, chain, changeable, listed, longer, name_of, names_of, of_shape, refusal, sizes

TRIED = 3000
"""How many calls one name may cost: what needs more says only what its example shows."""

Variable = tuple[Path, int]
"""An axis of a tensor, or (with -1) a whole number."""


class Measurement:
    """The chain of a name tried with other sizes."""

    def __init__(self, link: Chain) -> None:
        self.link, self.tried = link, 0
        leaves = dict(link.leaves())
        self.tensors = {path: part for path, part in leaves.items()
                        if isinstance(part, wengert.Tensor) and changeable(part)}
        self.numbers = {path: part for path, part in leaves.items() if type(part) is int and part > 0
                        and not str(path[1]).startswith(("dim", "axis"))}
        self.base = self.attempt({})

    def attempt(self, changed: dict[Path, Any]) -> tuple[tuple[int, ...], ...] | None:
        """The shapes of what comes of other arguments, or None if they are refused."""
        self.tried += 1
        if self.tried > TRIED:
            return None
        try:
            return sizes(self.link.run(changed))
        except Exception:
            return None

    def size(self, variable: Variable) -> int:
        path, axis = variable
        return self.numbers[path] if axis < 0 else self.tensors[path].shape[axis]

    def grown(self, variables: Sequence[Variable], more: int) -> tuple[tuple[int, ...], ...] | None:
        """What comes when these variables, and no others, are larger."""
        return self.attempt(self._larger(dict.fromkeys(variables, more)))

    def _larger(self, by: dict[Variable, int]) -> dict[Path, Any]:
        """Arguments with these variables so much larger."""
        changed: dict[Path, Any] = {}
        for path in dict.fromkeys(path for path, _ in by):
            axes = {axis: more for (other, axis), more in by.items() if other == path and more}
            if axes:
                changed[path] = self.numbers[path] + axes[-1] if -1 in axes else longer(self.tensors[path], axes)
        return changed

    @functools.cached_property
    def _other_values(self) -> list[tuple[tuple[int, ...], ...]]:
        results = [self.attempt({path: change(tensor.detach()) for path, tensor in self.tensors.items()})
                   for change in (wengert.zeros_like, wengert.ones_like)]
        ranks = [len(shape) for shape in self.base or ()]
        return [result for result in results if result is not None and [len(shape) for shape in result] == ranks]

    def of_other_values(self) -> list[tuple[tuple[int, ...], ...]]:
        """The shapes that come of tensors of the same shapes with nothing but zeros, and ones."""
        return self._other_values

    def grown_apart(self, one: Sequence[Variable], more: int, other: Sequence[Variable], less: int
                    ) -> tuple[tuple[int, ...], ...] | None:
        """What comes when one group of variables is larger by ``more``, and another by ``less``."""
        return self.attempt(self._larger({**dict.fromkeys(one, more), **dict.fromkeys(other, less)}))

    def groups(self) -> list[list[Variable]]:
        """The variables that can be changed, those together that must agree."""
        left: list[Variable] = [(path, axis) for path, tensor in self.tensors.items() for axis in range(tensor.ndim)]
        left += [(path, -1) for path in self.numbers]
        found: list[list[Variable]] = []
        while left:
            first = left.pop(0)
            alone = self.grown([first], 1)
            if alone is not None and (first[1] >= 0 or alone != self.base):
                found.append([first])
                continue
            same = [other for other in left if self.size(other) == self.size(first)]
            for count in (1, 2, 3, len(same)):
                group = next(([first, *some] for some in itertools.combinations(same, count)
                              if count and self.grown([first, *some], 1) is not None), None)
                if group:
                    found.append(group)
                    left = [other for other in left if other not in group]
                    break
        return found


LETTERS = "nmkpqrstuvwabcdefgh"


@functools.cache
def shapes(value: Any) -> str:
    """One or two sentences about the shapes that a name takes and gives, or nothing if tensors have no part in it."""
    if inspect.isclass(value) and issubclass(value, Optimizer):
        return "Takes parameters of any shapes; what it keeps of each has that parameter's shape."
    link = chain(value)
    if link is None or not link.works:
        return ""
    with aside():
        measured = Measurement(link)
        if measured.base is None:
            return _taken_only(link, measured)
        told = _any_shape(measured) or _lettered(measured)
    if inspect.isclass(value) and issubclass(value, wengert.distributions.Distribution):
        return told.replace("the result has", "a sample has").replace("Gives", "A sample has").replace(
            "The result is", "A sample is").replace("→", "→ samples")
    return told


_EVERY = ((), (3,), (4, 2), (2, 3, 4), (2, 1, 3, 4))
"""Shapes of every number of dimensions, where anything may be given."""


def _taken_only(link: Chain, measured: Measurement) -> str:
    """What is said of shapes where no tensor comes."""
    if not measured.tensors:
        return ""
    names = listed([f"`{name}`" for name in names_of(list(measured.tensors))])
    every = all(refusal(link, {path: of_shape(tensor, shape) for path, tensor in measured.tensors.items()}) is None
                for shape in _EVERY)
    if every:
        return f"{names}: any shape. No tensor comes of it."
    taken = [f"`{name}` `{_tuple([str(size) for size in tensor.shape])}`"
             for tensor, name in zip(measured.tensors.values(), names_of(list(measured.tensors)), strict=True)]
    return f"{', '.join(taken)} in the example. No tensor comes of it."


def _any_shape(measured: Measurement) -> str:
    """What can be said of any number of dimensions: elementwise, or reduced to one number."""
    tensors = list(measured.tensors.items())
    if not tensors or len(tensors) > 4:
        return ""
    results = [measured.attempt({path: of_shape(tensor, shape) for path, tensor in tensors}) for shape in _EVERY]
    if None in results:
        return ""
    names = listed([f"`{name}`" for name in names_of([path for path, _ in tensors])])
    count = len(results[0] or ())
    given = "the result has" if count == 1 else "each result has"
    if all(result == ((),) * count for result in results):
        return f"{names}: any shape{_agree(tensors)}. The result is a single number, `()`."
    if not all(result == (shape,) * count for shape, result in zip(_EVERY, results, strict=True)):
        return ""
    if len(tensors) == 1:
        return f"{names}: any shape; {given} the same."
    wide = {path: of_shape(tensor, (2, 1, 4) if place % 2 else (3, 1))
            for place, (path, tensor) in enumerate(tensors)}
    if measured.attempt(wide) == ((2, 3, 4),) * count:
        return f"{names}: any shapes that broadcast against each other; {given} the shape to which they do."
    return f"{names}: any shape, the same for all; {given} it too."


def _agree(tensors: list[Any]) -> str:
    return ", the same for all" if len(tensors) > 1 else ""


def _lettered(measured: Measurement) -> str:
    """The shapes with a letter for each size that can vary."""
    base = measured.base
    assert base is not None
    groups = measured.groups()
    letters: dict[Variable, str] = {}
    free = iter(LETTERS)
    effects: dict[str, tuple[int, Any, Any]] = {}
    for group in groups:
        named = next((name_of(path) for path, axis in group if axis < 0
                      and (len(path) == 2 or path[1] == "kwargs")), None)
        one, two = measured.grown(group, 1), measured.grown(group, 2)
        if any(other is None or [len(shape) for shape in other] != [len(shape) for shape in base]
               for other in (one, two)):
            continue
        letter = named or next(free, "")
        if not letter or letter in effects:
            continue
        letters |= dict.fromkeys(group, letter)
        effects[letter] = (measured.size(group[0]), one, two)
    taken = [f"`{name}` `{_tuple([letters.get((path, axis), str(size)) for axis, size in enumerate(tensor.shape)])}`"
             for (path, tensor), name in zip(measured.tensors.items(), names_of(list(measured.tensors)), strict=True)]
    free_numbers: dict[str, list[str]] = {}
    for path in measured.numbers:
        size = letters.get((path, -1))
        if size is not None and size != name_of(path):
            free_numbers.setdefault(name_of(path), []).append(size)
    taken += [f"`{name}` `{_tuple(some)}`" for name, some in free_numbers.items()]
    given = [_tuple([_expression(measured, letters, effects, place, axis) for axis in range(len(shape))])
             for place, shape in enumerate(base)]
    stars = _stars(measured)
    if stars:
        taken, given = [_starred(part) for part in taken], [_starred(part) for part in given]
    if len(given) > 4:
        given = [*given[:3], f"… ({len(given)} tensors)"]
    result = ", ".join(part if part.startswith("…") else f"`{part}`" for part in given)
    result += ", where the values decide how many `…` are" if "(…" in result or ", …" in result else ""
    return f"{', '.join(taken)} → {result}." if taken else f"Gives {result}."


def _starred(text: str) -> str:
    """The shape in a text with any leading dimensions."""
    return re.sub(r"(^|`)\((.*?),?\)(`?)$",
                  lambda match: f"{match[1]}(*{', ' * bool(match[2])}{match[2]}){match[3]}", text)


def _stars(measured: Measurement) -> bool:
    """Whether any leading dimensions may stand before."""
    base = measured.base
    assert base is not None
    lead = (2, 3)
    changed = {path: of_shape(tensor, (*lead, *tensor.shape)) for path, tensor in measured.tensors.items()}
    return bool(changed) and measured.attempt(changed) == tuple((*lead, *shape) for shape in base)


def _expression(measured: Measurement, letters: dict[Variable, str], effects: dict[str, tuple[int, Any, Any]],
                place: int, axis: int) -> str:
    """A size of a result by the letters that it follows from."""
    size = (measured.base or ())[place][axis]
    if any(other[place][axis] != size for other in measured.of_other_values()):
        return "…"
    slopes: dict[str, int] = {}
    curved = []
    for letter, (_, one, two) in effects.items():
        first, second = one[place][axis] - size, two[place][axis] - size
        if second != 2 * first:
            curved.append(letter)
        elif first:
            slopes[letter] = first
    if curved or not slopes:
        group = {letter: [variable for variable, other in letters.items() if other == letter] for letter in effects}
        extreme = _extreme(measured, group, place, axis)
        return extreme or (_floor(measured, group[curved[0]], curved[0], place, axis) if curved else str(size))
    product = int(np.prod([effects[letter][0] for letter in slopes]))
    if len(slopes) > 1 and size and all(slope * effects[letter][0] == size for letter, slope in slopes.items()):
        factor = size // product
        return "·".join([str(factor)] * (factor != 1) + list(slopes))
    rest = size - sum(slope * effects[letter][0] for letter, slope in slopes.items())
    return _sum([*((slope, letter) for letter, slope in slopes.items()), (rest, "")])


def _sum(terms: list[tuple[int, str]]) -> str:
    """A sum of multiples of letters, what is added before what is taken away."""
    text = ""
    for factor, letter in sorted(terms, key=lambda term: term[0] < 0):
        shown = letter if letter and abs(factor) == 1 else f"{abs(factor)}·{letter}" if letter else str(abs(factor))
        text += f" {'-' if factor < 0 else '+'} {shown}" if factor else ""
    return text.removeprefix(" + ").strip()


def _extreme(measured: Measurement, group: dict[str, list[Variable]], place: int, axis: int) -> str:
    """The size of a result that is the smaller, or the larger, of two that may vary."""
    for (first, one), (second, other) in itertools.combinations(group.items(), 2):
        here, there = measured.size(one[0]), measured.size(other[0])
        far = abs(here - there) + 2
        for extreme in (min, max):
            if all((sizes := measured.grown_apart(one, more, other, less)) is not None and len(sizes) > place
                   and len(sizes[place]) > axis and sizes[place][axis] == extreme(here + more, there + less)
                   for more, less in ((0, 0), (far, 0), (0, far), (far, far))):
                return f"{extreme.__name__}({first}, {second})"
    return ""


def _floor(measured: Measurement, group: list[Variable], letter: str, place: int, axis: int) -> str:
    """The size of a result that grows by steps, as of windows that move by more than one: a fraction rounded down."""
    steps = [measured.grown(group, more) for more in range(9)]
    if any(step is None for step in steps):
        return f"{letter}_out"
    found, start = [step[place][axis] for step in steps if step is not None], measured.size(group[0])
    for divisor, factor, added in itertools.product(range(2, 7), (1, 2, 3), range(-24, 25)):
        if all((factor * (start + more) + added) // divisor == size for more, size in enumerate(found)):
            # The form of windows, ⌊(L - 3) / 2⌋ + 1, where something is taken away.
            whole = -(added // divisor) if added < 0 and factor == 1 else 0
            inner = _sum([(factor, letter), (added + whole * divisor, "")])
            return _sum([(1, f"⌊{f'({inner})' if ' ' in inner else inner} / {divisor}⌋"), (-whole, "")])
    return f"{letter}_out"


def _tuple(parts: list[str]) -> str:
    return f"({', '.join(parts)}{',' if len(parts) == 1 else ''})"


