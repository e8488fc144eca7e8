"""What to say when a name of PyTorch's is asked for that wengert does not have."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def explain(owner: str, name: str, known: Iterable[str]) -> str:
    """The message for a missing attribute: "not in wengert yet", and the nearest name that is there."""
    if name.startswith("__"):
        return f"module {owner!r} has no attribute {name!r}"
    near = difflib.get_close_matches(name, [k for k in known if not k.startswith("_")], n=1, cutoff=0.6)
    hint = f"; the nearest thing is {owner}.{near[0]}" if near else ""
    return f"{owner}.{name} is not in wengert yet{hint}"
