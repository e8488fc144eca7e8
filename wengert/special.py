"""``wengert.special``: the public names of `wengert.ops.special_functions`."""

from __future__ import annotations

from .ops.special_functions import *  # noqa: F403
from .ops.special_functions import __all__ as __all__
