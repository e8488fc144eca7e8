"""Checkpoints: objects to files and back.

`save` and `load` have PyTorch's signatures and write and read PyTorch's files (`writing`, `archive`, `legacy`), which
are read by a machine that knows no names but those of tensors and containers (`machine`, `reading`). `save_plain`
writes the safetensors layout (`layout`), with all that is not a tensor as JSON in its header (`encoding`, `decoding`).
``docs/checkpoints.md`` is the user's page. The one idea: a reader brings in nothing that is not on a list in its own
source.
"""

from .checkpoint import load, load_file, save, save_file, save_plain, save_torch
from .errors import CheckpointError

__all__ = ["CheckpointError", "load", "load_file", "save", "save_file", "save_plain", "save_torch"]
