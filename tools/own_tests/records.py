"""What tests saw, kept to compare both libraries: their generators agree, and with them all that is drawn."""

from __future__ import annotations

from typing import Any

RECORDS: dict[str, list[Any]] = {}
"""What each test recorded, by its id."""


def record(test: Any, *values: Any) -> None:
    """Keeps tensors, numbers, words and collections of them for the comparison with the other library's."""
    RECORDS.setdefault(test.id(), []).extend(_plain(value) for value in values)


def _plain(value: Any) -> Any:
    if hasattr(value, "detach"):
        value = value.detach()
        if value.is_sparse:
            value = value.to_dense()
        if value.is_complex():
            value = value.resolve_conj().resolve_neg()
            return [str(value.dtype), list(value.shape), value.real.tolist(), value.imag.tolist()]
        return [str(value.dtype), list(value.shape), value.tolist()]
    if isinstance(value, dict):
        return [[_plain(key), _plain(entry)] for key, entry in value.items()]
    if isinstance(value, (list, tuple)):
        return [_plain(entry) for entry in value]
    return value if isinstance(value, (int, float, bool, type(None))) else str(value)


def differ(ours: Any, theirs: Any, tolerance: float = 1e-3) -> str:
    """Where two records differ; "" where they agree within ``tolerance``."""
    if isinstance(theirs, list):
        if not isinstance(ours, list) or len(ours) != len(theirs):
            return f"{theirs!r:.200} expected; {ours!r:.200} came"
        return next(filter(None, (differ(a, b, tolerance) for a, b in zip(ours, theirs, strict=True))), "")
    if isinstance(theirs, float) and isinstance(ours, float):
        same = ours == theirs or (ours != ours and theirs != theirs)
        close = abs(ours - theirs) <= tolerance * max(1.0, abs(theirs))
        return "" if same or close else f"{theirs} expected; {ours} came"
    if str(theirs).startswith("raises ") and str(ours).startswith("raises "):  # each followed by an error's classes
        return "" if theirs.split()[1] in ours.split() else f"{theirs!r:.200} expected; {ours!r:.200} came"
    return "" if ours == theirs and type(ours) is type(theirs) else f"{theirs!r:.200} expected; {ours!r:.200} came"
