"""The settings of cuDNN, which is not used: they can be set and read."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

enabled = True
benchmark = False
benchmark_limit = 10
deterministic = False
allow_tf32 = True


def is_available() -> bool:
    """False.

    >>> torch.backends.cudnn.is_available()
    False
    """
    return False


def version() -> None:
    """None: there is no cuDNN.

    >>> torch.backends.cudnn.version() is None
    True
    """
    return None


def is_acceptable(tensor: Any) -> bool:
    """False.

    >>> torch.backends.cudnn.is_acceptable(torch.ones(2))
    False
    """
    return False


@contextlib.contextmanager
def flags(enabled: bool = False, benchmark: bool = False, benchmark_limit: int = 10, deterministic: bool = False,
          allow_tf32: bool = True) -> Iterator[None]:
    """A context with the given settings in force, and those not given as these arguments stand.

    >>> with torch.backends.cudnn.flags(enabled=False):
    ...     torch.backends.cudnn.enabled
    False
    """
    settings = dict(locals())
    before = {name: globals()[name] for name in settings}
    globals().update(settings)
    try:
        yield
    finally:
        globals().update(before)
