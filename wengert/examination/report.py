"""What the doctor found: a `Report` of `Symptom`s, and where in the source a part of a model was made."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from ..autograd.questions.answers import short


@dataclass(frozen=True, slots=True)
class Symptom:
    """One finding. ``kind`` is one word to branch on, ``line`` is ``"file:line"``, ``cure`` says what to do;
    ``part`` is the path of the layer or parameter that it is about, if it is about one."""

    kind: str
    text: str
    line: str | None
    cure: str
    part: str = ""

    def __str__(self) -> str:
        where = f" ({short(self.line)})" if self.line else ""
        return f"[{self.kind}] {self.text}{where}\n    cure: {self.cure}"


@dataclass(frozen=True, slots=True)
class Report:
    """All findings of one examination, in the order in which they should be mended. Printing it prints them."""

    symptoms: tuple[Symptom, ...]

    @property
    def kinds(self) -> list[str]:
        """The kinds of findings, each once."""
        return list(dict.fromkeys(symptom.kind for symptom in self.symptoms))

    def of(self, kind: str) -> list[Symptom]:
        """The findings of one kind."""
        return [symptom for symptom in self.symptoms if symptom.kind == kind]

    def __iter__(self) -> Iterator[Symptom]:
        return iter(self.symptoms)

    def __len__(self) -> int:
        return len(self.symptoms)

    def __str__(self) -> str:
        if not self.symptoms:
            return "doctor: nothing found"
        count = len(self.symptoms)
        head = f"doctor: {count} finding{'s' if count > 1 else ''}"
        return "\n".join([head, *(f"{i}. {symptom}" for i, symptom in enumerate(self.symptoms, 1))])

    __repr__ = __str__


MANY = 3
"""So many findings that differ in the part alone are told as one."""


def grouped(symptoms: Iterable[Symptom]) -> Iterator[Symptom]:
    """The findings, those of one kind about many parts as one: the first, which names the others."""
    alike: dict[Any, list[Symptom]] = {}
    for number, symptom in enumerate(symptoms):
        _, _, cause = symptom.text.partition(": ")
        alike.setdefault((symptom.kind, symptom.cure, cause) if symptom.part else number, []).append(symptom)
    for first, *rest in alike.values():
        if 1 + len(rest) < MANY:
            yield from (first, *rest)
            continue
        parts = [symptom.part for symptom in rest]
        names = ", ".join(parts if len(parts) < 5 else [*parts[:2], "...", parts[-1]])
        yield replace(first, text=f"{first.text}; the same is found in {len(parts)} other parts: {names}")


def assignment(module: Any, name: str) -> str | None:
    """The line at which the class of ``module`` assigns ``self.name``; None where its source cannot be read, and for
    the layers of wengert itself."""
    kind = type(module)
    if kind.__module__.split(".")[0] == __name__.split(".")[0]:
        return None
    try:
        lines, start = inspect.getsourcelines(kind)
        file = inspect.getsourcefile(kind)
    except (OSError, TypeError):
        return None
    pattern = re.compile(rf"\bself\.{re.escape(name)}\b\s*(:[^=]+)?=[^=]")
    for number, text in enumerate(lines):
        if pattern.search(text):
            return f"{file}:{start + number}"
    return f"{file}:{start}"


def origin(model: Any, path: str) -> str | None:
    """The line that made the part of ``model`` at ``path``: the innermost assignment in a class of the user's own."""
    parts = path.split(".")
    for depth in range(len(parts) - 1, -1, -1):
        module = model
        for part in parts[:depth]:
            module = getattr(module, part, None)
        line = assignment(module, parts[depth]) if module is not None else None
        if line is not None:
            return line
    return None
