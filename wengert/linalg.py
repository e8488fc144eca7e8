"""``wengert.linalg``: the public names of `wengert.ops.linalg`."""

from __future__ import annotations

from .ops.linalg import *  # noqa: F403
from .ops.linalg import __all__ as __all__
