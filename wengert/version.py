"""What this build is: its version, and that it has no CUDA."""

from __future__ import annotations

__version__ = "0.1.0"
cuda: str | None = None
hip: str | None = None
debug = False
git_version = ""
