"""``torch._inductor.config``: the switches that programs set. Each keeps what it is given; nothing depends on it."""

from __future__ import annotations

from types import SimpleNamespace as _Group

from .._switches import switches as _switches

debug = freezing = max_autotune = max_autotune_gemm = max_autotune_pointwise = coordinate_descent_tuning = False
shape_padding = fx_graph_cache = fx_graph_remote_cache = conv_1x1_as_mm = epilogue_fusion = True
cpp_wrapper = fallback_random = triton_unique_kernel_names = use_mixed_mm = force_disable_caches = False
compile_threads = 1
triton = _Group(cudagraphs=False, unique_kernel_names=False, cudagraph_trees=True)
cpp = _Group(threads=-1, simdlen=None)

_switches(__name__)
