"""``wengert.masked``: the public names of `wengert.ops.masked`."""

from __future__ import annotations

from .ops.masked import *  # noqa: F403
from .ops.masked import __all__ as __all__
from .ops.masked import _input_mask as _input_mask
