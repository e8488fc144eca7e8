"""``torch.profiler.profiler``: what `torch.profiler` has, and names of its inside."""

from __future__ import annotations

from typing import Any

from ....profiler import *  # noqa: F403
from ....profiler import ProfilerAction


def _default_schedule_fn(_: int) -> Any:
    """Records every step: what a profile does without a schedule."""
    return ProfilerAction.RECORD


__all__ = ["_default_schedule_fn"]
