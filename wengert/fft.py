"""``wengert.fft``: the public names of `wengert.ops.fourier`."""

from __future__ import annotations

from .ops.fourier import *  # noqa: F403
from .ops.fourier import __all__ as __all__
