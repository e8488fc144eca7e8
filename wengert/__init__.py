"""wengert: automatic differentiation you can see, in Python, at machine speed.

With ``import wengert as torch`` it has PyTorch's shape: tensors and the functions on them are here, layers in ``nn``,
optimisers in ``optim``, derivatives in ``autograd`` and ``func``. ``graph`` draws what was computed, ``doctor`` says
what is wrong with a model, ``compile`` makes one native program of a training step.
"""

# The public face: names only; docs/design/architecture.md says where things are made. Importing it loads numpy and the
# standard library; what is listed at the end is imported when first asked for. Type checkers read __init__.pyi, which
# tools/public_stub.py makes.

from __future__ import annotations

from importlib import import_module as _import_module
from math import e, inf, nan, pi

from . import autograd, prims  # prims fills the registry of primitives
from . import ops as _ops
from ._public import publish as _publish
from .autograd import (
    enable_grad, inference_mode, is_grad_enabled, is_inference_mode_enabled, no_grad, set_grad_enabled,
)
from .core import display as _display, dtypes as _dtypes
from .core.device import device
from .core.dtypes import (
    DType as dtype, bfloat16, complex32, complex64, complex128, finfo, float8_e4m3fn, float8_e4m3fnuz, float8_e5m2,
    float8_e5m2fnuz, float8_e8m0fnu, float16, float32, float64, get_default_dtype, iinfo, int8, int16, int32, int64,
    promote_types, set_default_dtype, uint8, uint16, uint32, uint64,
)
from .core.layout import (
    channels_last, channels_last_3d, contiguous_format, layout, memory_format, preserve_format, sparse_bsc, sparse_bsr,
    sparse_coo, sparse_csc, sparse_csr, strided,
)
from .core.spec import Size
from .ops import interop as _interop
from .ops.legacy import TYPES as _TYPES, set_default_tensor_type, typename
from .ops.storage import STORAGES as _STORAGES, TypedStorage, UntypedStorage, is_storage
from .settings import (
    are_deterministic_algorithms_enabled, get_default_device, get_deterministic_debug_mode,
    get_float32_matmul_precision, get_num_interop_threads, get_num_threads,
    is_deterministic_algorithms_warn_only_enabled, is_warn_always_enabled, set_default_device, set_deterministic,
    set_deterministic_debug_mode, set_float32_matmul_precision, set_flush_denormal, set_num_interop_threads,
    set_num_threads, set_warn_always, use_deterministic_algorithms,
)
from .tensors import Tensor, overrides as _overrides, tensor as _tensor_module
from .tensors.generator import Generator, default_generator
from .tensors.printing import set_printoptions
from .version import __version__

bool = _dtypes.bool_
half, float, double = float16, float32, float64
short, int, long = int16, int32, int64
cfloat, cdouble, chalf = complex64, complex128, complex32
newaxis = None

globals().update(_ops.FUNCTIONS)
globals().update(_TYPES)
globals().update(_STORAGES)

_overrides.arm = lambda: _import_module("wengert.overrides").arm()
_display.failure = lambda: _import_module("wengert.examination.failure")
_display.install()
_tensor_module.viewer = lambda: _import_module("wengert.view").graph
_interop.namespace = lambda: _import_module("wengert.array_api")

# What `from wengert import *` takes is here already.
__all__ = [name for name in globals() if not name.startswith("_") and name != "annotations"]

_publish(
    __name__,
    "_dynamo _inductor accelerator amp array_api backends compiler cpu cuda distributed distributions export fft func "
    "futures fx hub io jit library linalg masked multiprocessing nn onnx optim overrides profiler quasirandom random "
    "return_types serialization signal sparse special testing torch_version types utils version vision xpu",
    {
        "amp": "GradScaler autocast",
        "amp.switches": (
            "autocast_decrement_nesting autocast_increment_nesting clear_autocast_cache get_autocast_cpu_dtype "
            "get_autocast_dtype get_autocast_gpu_dtype is_autocast_cache_enabled is_autocast_cpu_enabled "
            "is_autocast_enabled set_autocast_cache_enabled set_autocast_cpu_dtype set_autocast_cpu_enabled "
            "set_autocast_dtype set_autocast_enabled set_autocast_gpu_dtype"
        ),
        "autograd.watchers": "is_anomaly_check_nan_enabled is_anomaly_enabled",
        "compat.extension": "load_ipython_extension unload_ipython_extension",
        "nn.compiled": "compile",
        "cuda": "OutOfMemoryError",
        "examination": "doctor",
        "func": "vmap",
        "fx._symbolic_trace": "_assert",
        "io": "load save",
        "nn.functional": (
            "adaptive_avg_pool1d avg_pool1d bilinear celu_ channel_shuffle conv1d conv2d conv3d conv_tbc "
            "conv_transpose1d conv_transpose2d conv_transpose3d cosine_similarity group_norm layer_norm max_pool1d "
            "max_pool1d_with_indices max_pool2d max_pool3d native_channel_shuffle pairwise_distance pdist "
            "pixel_shuffle pixel_unshuffle rms_norm rrelu rrelu_ selu_ threshold_"
        ),
        "nn.functional.affine": "norm_except_dim",
        "ops.eigenpairs": "lobpcg",
        "ops.sparse": (
            "dsmm hsmm hspmm saddmm smm sparse_bsc_tensor sparse_bsr_tensor "
            "sparse_compressed_tensor sparse_coo_tensor sparse_csc_tensor sparse_csr_tensor "
            "spmm sspaddmm"
        ),
        "nn.functional.native": (
            "affine_grid_generator alpha_dropout_ binary_cross_entropy_with_logits convolution cosine_embedding_loss "
            "ctc_loss dropout_ embedding_renorm_ feature_dropout hinge_embedding_loss kl_div margin_ranking_loss "
            "feature_alpha_dropout_ feature_dropout_ grid_sampler grid_sampler_2d grid_sampler_3d gru gru_cell lstm "
            "native_batch_norm native_group_norm native_layer_norm "
            "lstm_cell poisson_nll_loss rnn_relu rnn_relu_cell rnn_tanh rnn_tanh_cell "
            "triplet_margin_loss"
        ),
        "nn.functional.toplevel": (
            "adaptive_max_pool1d alpha_dropout batch_norm constant_pad_nd dropout embedding embedding_bag "
            "feature_alpha_dropout instance_norm native_dropout"
        ),
        "tracing": "capture",
        "view": "graph summary",
    },
)
