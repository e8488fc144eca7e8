"""Machine code generated at run time, for large arrays in eager mode.

From the bottom: `code` writes the LLVM IR of a function, `vectors` expressions into it, `math` the transcendental
functions among them, `emit` a loop round them; `jit` compiles and links, through `cache`, which keeps objects on disk;
`runtime` and `threads` share a kernel among threads. `kernels` is what elementwise primitives call; each other file is
one sort of kernels. llvmlite is imported when the first is made. Of wengert only ``core`` may be imported here.
"""

from .cache import clear_cache
from .threads import get_num_threads, set_num_threads

__all__ = ["clear_cache", "get_num_threads", "set_num_threads"]
