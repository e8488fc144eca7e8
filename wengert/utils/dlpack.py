"""Exchange of memory with other array libraries: `from_dlpack` and `to_dlpack`."""

from __future__ import annotations

from ..ops.interop import from_dlpack, to_dlpack

__all__ = ["from_dlpack", "to_dlpack"]
