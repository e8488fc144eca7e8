"""How many processors there are for this process. Imports nothing of wengert."""

from __future__ import annotations

import os

__all__ = ["processors"]


def processors() -> int:
    """The number of processors that this process may use: those it is bound to, where the system says."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
