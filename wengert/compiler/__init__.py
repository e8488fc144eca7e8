"""Machine code generated at run time: for now elementwise kernels for large arrays in eager mode.

From the bottom: `scalar` writes expressions as LLVM IR, `math` the transcendental functions among them, `emit` a loop
round them; `jit` compiles and links, through `cache`, which keeps objects on disk; `runtime` and `threads` share a
kernel among threads; `kernels` is what the dispatcher calls. llvmlite is imported when the first kernel is made.
"""

from .cache import clear_cache
from .threads import get_num_threads, set_num_threads

__all__ = ["clear_cache", "get_num_threads", "set_num_threads"]
