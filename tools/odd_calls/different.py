"""What differs from PyTorch on purpose: where PyTorch crashes, gives nonsense, or says what only it can mean."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import NamedTuple


class Different(NamedTuple):
    """Patterns, as of file names, of a case's name, of what is odd, of the kind of difference, and of its message."""

    name: str
    odd: str
    kind: str
    message: str
    why: str


DIFFERENT: tuple[Different, ...] = ()


def reason(name: str, odd: str, kind: str, message: str) -> str | None:
    """Why a difference is meant, or None."""
    for each in DIFFERENT:
        asked = zip((name, odd, kind, message), each, strict=False)
        if all(fnmatchcase(text, wanted) for text, wanted in asked):
            return each.why
    return None
