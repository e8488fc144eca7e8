"""Questions about Intel's MKL library, which wengert does not use."""

from __future__ import annotations


def is_available() -> bool:
    """False."""
    return False
