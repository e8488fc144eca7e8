"""Machine code generated at run time, for large arrays in eager mode.

From the bottom: `code` writes the LLVM IR of a function, `vectors` expressions into it, `math` the transcendental
functions among them, `emit` a loop round them; `jit` compiles and links, through `cache`, which keeps objects on disk;
`runtime` and `threads` share a kernel among threads. `kernels` is what elementwise primitives call; each other file is
one sort of kernels. llvmlite is imported when the first is made. Of wengert only ``core`` may be imported here.

As PyTorch's ``torch.compiler`` is this module, it also has the names by which programs speak to `compile`; higher
floors make them, and they are loaded when they are asked for.
"""

from .._public import publish as _publish
from .cache import clear_cache as clear_cache
from .threads import get_num_threads as get_num_threads
from .threads import set_num_threads as set_num_threads

_publish(
    __name__,
    late={
        "nn.compiled": "compile",
        "tracing.control": (
            "allow_in_graph assume_constant_result cudagraph_mark_step_begin disable is_compiling is_dynamo_compiling "
            "is_exporting list_backends load_compiled_function reset set_stance wrap_numpy"
        ),
    },
    base=__name__.rpartition(".")[0],
)
