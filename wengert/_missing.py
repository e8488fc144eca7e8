"""What to say when a name of PyTorch's is asked for that wengert does not have."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable


class MissingError(AttributeError):
    """A name that is not there. The text is built when it is read, so that ``hasattr`` stays fast."""

    def __init__(self, owner: str, name: str, known: Callable[[], Iterable[str]], plain: str) -> None:
        super().__init__(name)
        self._owner, self._known, self._plain = owner, known, plain
        self.name: str = name

    def __str__(self) -> str:
        if self.name.startswith("__"):
            return self._plain
        return f"{self._plain}: {explain(self._owner, self.name, self._known())}"


def explain(owner: str, name: str, known: Iterable[str]) -> str:
    """The message for a missing attribute: "not in wengert yet", and the nearest name that is there."""
    near = difflib.get_close_matches(name, [k for k in known if not k.startswith("_")], n=1, cutoff=0.75)
    hint = f"; the nearest thing is {owner}.{near[0]}" if near else ""
    return f"{owner}.{name} is not in wengert yet{hint}"
