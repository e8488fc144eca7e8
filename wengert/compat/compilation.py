"""``torch.compile`` until wengert compiles whole functions: it returns its argument, and says so once."""

from __future__ import annotations

import warnings
from typing import Any

_said = False


def compile(model: Any = None, **options: Any) -> Any:
    """``model``, a module or function, as it is; without it, a decorator that does the same.

    PyTorch's options (``fullgraph``, ``dynamic``, ``backend``, ``mode``, ``options``, ``disable``) are accepted and
    change nothing. The first call warns.
    """
    global _said
    if not _said:
        _said = True
        warnings.warn(
            "torch.compile returns its argument as it is: wengert does not compile whole functions yet",
            UserWarning,
            stacklevel=2,
        )
    unknown = set(options) - {"fullgraph", "dynamic", "backend", "mode", "options", "disable"}
    if unknown:
        raise TypeError(f"compile() got an unexpected keyword argument {sorted(unknown)[0]!r}")
    return (lambda function: function) if model is None else model
