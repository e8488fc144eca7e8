"""``%load_ext wengert`` in IPython and in notebooks: from then on ``import torch`` gives wengert.

What was imported as torch before, an installed PyTorch too, is set aside, and back after ``%unload_ext wengert``.
"""

from __future__ import annotations

import atexit
from contextlib import ExitStack
from typing import Any

from .finder import torch_is_wengert

_loaded: list[ExitStack] = []


def load_ipython_extension(shell: Any) -> None:
    """Makes ``import torch`` and ``import torchvision`` give wengert in the running session, and in the processes
    that it starts; a second time changes nothing. IPython calls this for ``%load_ext wengert``.

    >>> wengert.load_ipython_extension(None)
    >>> import torch as now
    >>> now.zeros is wengert.zeros
    True
    >>> wengert.unload_ipython_extension(None)
    """
    if not _loaded:
        stack = ExitStack()
        stack.enter_context(torch_is_wengert())
        _loaded.append(stack)
        atexit.register(unload_ipython_extension, shell)


def unload_ipython_extension(shell: Any) -> None:
    """Puts back what ``torch`` was before. IPython calls this for ``%unload_ext wengert``.

    >>> wengert.load_ipython_extension(None)
    >>> wengert.unload_ipython_extension(None)
    """
    atexit.unregister(unload_ipython_extension)
    while _loaded:
        _loaded.pop().close()
