"""``torch.__config__``: how this was built."""

from __future__ import annotations

import numpy

from ...settings import get_num_threads
from ...version import __version__


def show() -> str:
    """What computes: wengert, NumPy and LLVM, with their versions."""
    try:
        import llvmlite
    except ImportError:
        code = "without generated code (no llvmlite)"
    else:
        code = f"llvmlite {llvmlite.__version__}"
    return f"wengert {__version__}, built with:\n  - NumPy {numpy.__version__}\n  - {code}\n"


def parallel_info() -> str:
    """The threads that kernels use."""
    return f"ATen/Parallel:\n\tat::get_num_threads() : {get_num_threads()}\n"
