"""How much is checked and said of collectives, in PyTorch's words. Here every collective is compared among the ranks at
every level (`groups.py`); programs may still ask for one, and set it."""

from __future__ import annotations

import os
from enum import Enum

VARIABLE = "TORCH_DISTRIBUTED_DEBUG"


class DebugLevel(Enum):
    """A level of `set_debug_level`.

    >>> from wengert import distributed as dist
    >>> dist.DebugLevel.DETAIL.value
    2
    """

    OFF = 0
    INFO = 1
    DETAIL = 2

    def __int__(self) -> int:
        return self.value


def get_debug_level() -> DebugLevel:
    """The level: that of ``TORCH_DISTRIBUTED_DEBUG`` in the environment, or OFF.

    >>> from wengert import distributed as dist
    >>> dist.get_debug_level()
    <DebugLevel.OFF: 0>
    """
    return _now.level


def set_debug_level(level: DebugLevel) -> None:
    """Sets the level.

    >>> from wengert import distributed as dist
    >>> dist.set_debug_level(dist.DebugLevel.INFO)
    >>> dist.get_debug_level()
    <DebugLevel.INFO: 1>
    >>> dist.set_debug_level(dist.DebugLevel.OFF)
    """
    if not isinstance(level, DebugLevel):
        raise TypeError(f"[set_debug_level] a DebugLevel was expected; got {level!r}; give for example DebugLevel.INFO")
    _now.level = level


def set_debug_level_from_env() -> None:
    """Sets the level that ``TORCH_DISTRIBUTED_DEBUG`` says. Raises RuntimeError for a word that is none.

    >>> from wengert import distributed as dist
    >>> dist.set_debug_level_from_env()
    """
    word = os.environ.get(VARIABLE, "OFF").upper()
    if word not in DebugLevel.__members__:
        raise RuntimeError(f"The value of {VARIABLE} must be OFF, INFO, or DETAIL; got {word}.")
    _now.level = DebugLevel[word]


class _Level:
    level = DebugLevel.OFF


_now = _Level()
set_debug_level_from_env()
