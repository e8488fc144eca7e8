"""``torch.torch_version``: a version that is a text, and that can be compared with texts and tuples of numbers."""

from __future__ import annotations

import re
from typing import Any

from ._public import publish as _publish

__all__ = ["TorchVersion"]

_FORM = re.compile(r"v?(\d+(?:\.\d+)*)(?:[-_.]?(a|b|c|rc|alpha|beta|pre|preview|dev)[-_.]?(\d*))?(?:[-_.]?post(\d+))?"
                   r"(?:\+([a-z0-9.]+))?", re.IGNORECASE)
_STAGES = {"dev": -4, "a": -3, "alpha": -3, "b": -2, "beta": -2, "c": -1, "rc": -1, "pre": -1, "preview": -1}


class TorchVersion(str):
    """The version of an API as a text, ``"2.13.0"``. Comparisons with versions, texts and tuples or lists of their
    parts are those of versions (PEP 440); with texts that are none, those of texts.

    >>> from wengert.torch_version import TorchVersion
    >>> TorchVersion("2.13.0") >= (2, 4), TorchVersion("2.13.0") > "2.9", TorchVersion("2.13.0") == "2.13"
    (True, True, True)
    """

    def _compare(self, other: Any) -> tuple[Any, Any] | None:
        """What stands for this and the other in a comparison; None where there is none."""
        if isinstance(other, (tuple, list)):
            other = ".".join(map(str, other))
        elif not isinstance(other, str):  # a Version of the package packaging reads as its text
            other = str(other) if hasattr(other, "release") else None
        if other is None:
            return None
        ours, theirs = _key(str(self)), _key(str(other))
        return (str(self), str(other)) if ours is None or theirs is None else (ours, theirs)

    def __lt__(self, other: Any) -> bool:
        pair = self._compare(other)
        return NotImplemented if pair is None else pair[0] < pair[1]

    def __le__(self, other: Any) -> bool:
        pair = self._compare(other)
        return NotImplemented if pair is None else pair[0] <= pair[1]

    def __gt__(self, other: Any) -> bool:
        pair = self._compare(other)
        return NotImplemented if pair is None else pair[0] > pair[1]

    def __ge__(self, other: Any) -> bool:
        pair = self._compare(other)
        return NotImplemented if pair is None else pair[0] >= pair[1]

    def __eq__(self, other: object) -> bool:
        pair = self._compare(other)
        return NotImplemented if pair is None else pair[0] == pair[1]

    def __ne__(self, other: object) -> bool:
        pair = self._compare(other)
        return NotImplemented if pair is None else pair[0] != pair[1]

    __hash__ = str.__hash__


def _key(text: str) -> Any:
    """What orders a version; None for a text that is none."""
    found = _FORM.fullmatch(text.strip())
    if found is None:
        return None
    release = [int(part) for part in found[1].split(".")]
    while release and not release[-1]:
        release.pop()
    stage = _STAGES[found[2].lower()] if found[2] else 0
    local = [(1, int(part), "") if part.isdigit() else (0, 0, part) for part in (found[5] or "").split(".") if part]
    return release, stage, int(found[3] or 0), -1 if found[4] is None else int(found[4]), local


_publish(__name__)
