"""The right calls, by groups: patterns of the files beside and of the fuzzers, and the layers and functions of
``tests/peer/nn_cases.py``.

A pattern is a call as text, in which what may be made odd stands in braces: ``torch.add({t(2, 3)}, {t(3)},
alpha={2})``; ``names.py`` says what it is made of. ``patterns/GROUP.txt`` has one in each line that is not empty and
begins with no ``#``.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tests.fuzz.class_patterns import CLASS_PATTERNS
from tests.fuzz.patterns import PATTERNS
from tests.peer import nn_cases
from tests.peer.nn_grid import arrays_of

from .names import NAMES

PLACE = Path(__file__).with_name("patterns")
SLOT = re.compile(r"\{((?:[^{}])*)\}")
CALLED = re.compile(r"\w*\.[a-zA-Z_]\w*(?:\.\w+)*")

# Which of the fuzzers' patterns, by the beginnings of their names, belong to which group.
OF_FUZZERS = {"optim": ("optim", "scheduler"), "utils": ("utils", "init"), "distributions": ("D.",),
              "data": ("data.", "rnn."), "func": ("func", "autograd", "checkpoint", "storage", "Generator"),
              "torch": ("torch.", "Tensor.")}
OTHERWISE = {"layer_norm"}  # whose inputs do not come first in its call: among the patterns
MOST = 3  # patterns of one name
MOST_LAYERS = 2  # cases of one layer or function


class Case:
    """A right call: ``values`` of its arguments (PyTorch's), and ``call`` of a library with arguments."""

    def __init__(self, name: str, values: list[Any], call: Callable[[Any, list[Any]], Any],
                 written: Callable[[int, str], str], fresh: Callable[[Any, int], Any] | None = None) -> None:
        self.name, self.values, self.call = name, values, call
        self.written = written
        """The call's text with a word in the place of one argument."""
        self.fresh = fresh
        """Makes a right argument anew for a library, by its number; else it is carried over from PyTorch's."""


def pattern(name: str, text: str) -> Case:
    slots = SLOT.findall(text)

    def filled(fill: Callable[[int, str], str]) -> str:
        number = iter(range(len(slots)))
        return SLOT.sub(lambda slot: fill(next(number), slot[1]), text)

    code = compile(filled(lambda number, right: f"_given[{number}]"), f"<{name}>", "eval")
    codes = [compile(slot.strip(), f"<{name}>", "eval") for slot in slots]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        values = [eval(code, NAMES[torch]) for code in codes]
    return Case(name, values,
                lambda lib, given: eval(code, {**NAMES[lib], "_given": given}),
                lambda place, word: filled(lambda number, right: f"«{word}»" if number == place else right),
                lambda lib, number: eval(codes[number], NAMES[lib]))


def layer(name: str, case: nn_cases.Case, of_class: bool) -> Case:
    """A case of a layer, whose arguments are made odd like its inputs, or of a function of ``nn.functional``."""
    def as_tensor(x: Any) -> Any:
        return torch.tensor(x) if isinstance(x, np.ndarray) else x

    inputs = [as_tensor(value) for value, _ in arrays_of(case, "float32")]
    first, second = len(inputs), len(inputs) + len(case.args)
    values = [*inputs, *map(as_tensor, case.args), *map(as_tensor, case.kwargs.values())]

    def call(lib: Any, given: list[Any]) -> Any:
        options = dict(zip(case.kwargs, given[second:], strict=True))
        if not of_class:
            return getattr(lib.nn.functional, name)(*given[:second], **options)
        lib.manual_seed(7)
        made = getattr(lib.nn, name)(*given[first:second], **options)
        lib.manual_seed(3)
        results = made(*given[:first])
        return [results, [value.detach().clone() for value in made.state_dict().values()], repr(made), Parameters(made)]

    def written(place: int, word: str) -> str:
        parts = [f"{tuple(x.shape)} {x.dtype}" if isinstance(x, torch.Tensor) else repr(x) for x in values]
        parts[place] = f"«{word}»"
        options = [f"{key}={part}" for key, part in zip(case.kwargs, parts[second:], strict=True)]
        return f"{name}({', '.join([*parts[first:second], *options])}) of {', '.join(parts[:first])}" if of_class \
            else f"{name}({', '.join([*parts[:second], *options])})"

    return Case(f"nn.{name}" if of_class else f"F.{name}", values, call, written)


class Parameters:
    """A layer's parameters: their gradients are compared, and not they."""

    def __init__(self, made: Any) -> None:
        self.leaves = [] if type(made).__name__.startswith("Lazy") else list(made.parameters())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Parameters)

    __hash__ = None  # type: ignore[assignment] # as of anything that compares


def _few(cases: list[Any], most: int) -> list[Any]:
    return cases[:: max(1, -(-len(cases) // most))][:most]


def _of_tables(group: str) -> Iterator[Case]:
    if group in ("nn", "functional"):
        table = nn_cases.LAYERS if group == "nn" else nn_cases.FUNCTIONS
        for name, listed in table.items():
            if name not in OTHERWISE:
                yield from (layer(name, case, group == "nn") for case in _few(listed, MOST_LAYERS))
    for patterns in (CLASS_PATTERNS, PATTERNS):
        for name, texts in patterns.items():
            if name.startswith(OF_FUZZERS.get(group, ())):
                yield from (pattern(name, text) for text in texts[:MOST])


def cases(group: str) -> list[Case]:
    found = list(_of_tables(group))
    file = PLACE / f"{group}.txt"
    for text in file.read_text().splitlines() if file.exists() else ():
        if text.strip() and not text.startswith("#"):
            called = CALLED.search(text)  # or what is written as an operator
            name = "Tensor" if called is None else called[0]
            found.append(pattern(name if name[0] != "." else f"Tensor{name}", text))
    return found


def groups() -> list[str]:
    return sorted({"functional", "nn", *OF_FUZZERS, *(file.stem for file in PLACE.glob("*.txt"))})
