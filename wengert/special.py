"""``wengert.special``: the public names of `wengert.ops.special`."""

from __future__ import annotations

from .ops.special import *  # noqa: F403
from .ops.special import __all__ as __all__
