"""One function out of many small questions: whether this is that object, whether this list has those members."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import is_
from typing import Any

from .whose import WRITTEN


class Questions:
    """Expressions of Python's, each a question, and the names that stand for objects in them.

    The one idea to know: comparing identities in one expression costs a twentieth of what calling a method for each
    question does. Nothing of the user's goes into the text: objects are named, and even keys are.
    """

    def __init__(self) -> None:
        self._names: dict[str, Any] = {}
        self._known: dict[int, str] = {}
        self._expressions: dict[str, None] = {}

    def __call__(self, thing: object) -> str:
        """The name of an object."""
        name = self._known.get(id(thing))
        if name is None:
            name = self._known[id(thing)] = f"x{len(self._names)}"
            self._names[name] = thing
        return name

    def add(self, *expressions: str) -> None:
        """Further questions; the same one is asked once."""
        self._expressions.update(dict.fromkeys(expressions))

    def same(self, expression: str, thing: object) -> None:
        """Is this object what the expression gives?"""
        self.add(f"{expression} is {self(thing)}")

    def members(self, expression: str, things: tuple[Any, ...]) -> str:
        """Are these objects the members of the list that the expression gives?"""
        alike = f"all(map({self(is_)}, {expression}, {self(things)}))"
        return f"len({expression}) == {len(things)} and {alike}"

    def function(self) -> Callable[[], bool]:
        """Whether the answer to all is yes. It is no where something is not there any more."""
        return self.written("holds()", ["try:", f" return {self.expression}", *self.gone("False")], {})

    @property
    def expression(self) -> str:
        """Whether the answer to all is yes, as an expression."""
        return " and ".join(self._expressions) or "True"

    @staticmethod
    def gone(answer: str) -> list[str]:
        """The end of a ``try`` round the expression: the ``answer`` where something is not there any more."""
        return ["except (KeyError, AttributeError, ValueError, IndexError):", f" return {answer}"]

    def written(self, head: str, lines: Sequence[str], more: Mapping[str, Any]) -> Any:
        """The function of these lines, in which objects have the names that they have here, and some ``more``."""
        variables = {**self._names, **more}
        text = "\n".join([f"def {head}:", *[f" {line}" for line in lines], ""])
        exec(compile(text, WRITTEN, "exec"), variables)
        return variables[head.partition("(")[0]]
