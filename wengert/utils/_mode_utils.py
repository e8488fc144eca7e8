"""``torch.utils._mode_utils``, which PyTorch's testing modules and packages with modes of their own import."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

no_dispatch = nullcontext
"""A context in which no mode sees operators: there are none below functions here."""


def all_same_mode(modes: Sequence[Any]) -> bool:
    """Whether all are the same one."""
    return all(mode == modes[0] for mode in modes)
