"""Questions about oneDNN, which wengert does not use."""

from __future__ import annotations

enabled = True


def is_available() -> bool:
    """False."""
    return False
