"""``torch._C._profiler``: the calls that are going on, as lists of frames."""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from typing import Any


def gather_traceback(python: bool, script: bool, cpp: bool) -> traceback.StackSummary:
    """The calls of Python that are going on; of TorchScript and C++ there are none to tell of."""
    return traceback.extract_stack()[:-1] if python else traceback.StackSummary()  # type: ignore[return-value]


def symbolize_tracebacks(tracebacks: Sequence[Sequence[traceback.FrameSummary]]) -> list[list[dict[str, Any]]]:
    """Each as a list of frames, the innermost first, with ``name``, ``filename`` and ``line``."""
    return [[{"name": frame.name, "filename": frame.filename, "line": frame.lineno} for frame in reversed(frames)]
            for frames in tracebacks]
