"""``wengert.signal``: what PyTorch has for signals, which is windows."""

from __future__ import annotations

from . import windows as windows

__all__ = ["windows"]
