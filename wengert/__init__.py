"""wengert: automatic differentiation you can see, in Python, at machine speed.

The public face, in PyTorch's shape: ``import wengert as torch``. Names only; where things are made is said in
``docs/design/architecture.md``. Importing it loads numpy and the standard library; the packages named in `_LATER` are
imported when first asked for.
"""

from __future__ import annotations

from importlib import import_module as _import_module
from math import e, inf, nan, pi
from typing import Any

from . import (
    autograd,
    prims,  # noqa: F401  (fills the registry of primitives)
)
from . import ops as _ops
from ._missing import MissingError as _MissingError
from .autograd import (
    enable_grad,
    inference_mode,
    is_grad_enabled,
    is_inference_mode_enabled,
    no_grad,
    set_grad_enabled,
)
from .core import dtypes as _dtypes
from .core.device import device
from .core.dtypes import DType as dtype
from .core.dtypes import (
    bfloat16,
    complex64,
    complex128,
    finfo,
    float16,
    float32,
    float64,
    get_default_dtype,
    iinfo,
    int8,
    int16,
    int32,
    int64,
    promote_types,
    set_default_dtype,
    uint8,
)
from .core.layout import (
    channels_last,
    channels_last_3d,
    contiguous_format,
    layout,
    memory_format,
    preserve_format,
    strided,
)
from .core.spec import Size
from .ops.legacy import TYPES as _TYPES
from .ops.legacy import set_default_tensor_type
from .ops.storage import TypedStorage, UntypedStorage, is_storage
from .settings import (
    are_deterministic_algorithms_enabled,
    get_default_device,
    get_deterministic_debug_mode,
    get_float32_matmul_precision,
    get_num_interop_threads,
    get_num_threads,
    is_deterministic_algorithms_warn_only_enabled,
    set_default_device,
    set_deterministic,
    set_deterministic_debug_mode,
    set_float32_matmul_precision,
    set_flush_denormal,
    set_num_interop_threads,
    set_num_threads,
    use_deterministic_algorithms,
)
from .tensors import Tensor
from .tensors import tensor as _tensor
from .tensors.generator import Generator, default_generator
from .tensors.printing import set_printoptions
from .version import __version__

bool = _dtypes.bool_
half, float, double = float16, float32, float64
short, int, long = int16, int32, int64
cfloat, cdouble = complex64, complex128
newaxis = None

globals().update(_ops.FUNCTIONS)
globals().update(_TYPES)

_tensor.viewer = lambda: _import_module("wengert.view").graph

_LATER = (
    "accelerator",
    "amp",
    "backends",
    "compiler",
    "cuda",
    "distributions",
    "distributed",
    "fft",
    "func",
    "futures",
    "hub",
    "io",
    "jit",
    "linalg",
    "multiprocessing",
    "nn",
    "onnx",
    "optim",
    "profiler",
    "random",
    "return_types",
    "serialization",
    "special",
    "testing",
    "utils",
    "version",
    "vision",
)


_SWITCHES = (
    "clear_autocast_cache",
    "get_autocast_cpu_dtype",
    "get_autocast_dtype",
    "get_autocast_gpu_dtype",
    "is_autocast_cache_enabled",
    "is_autocast_cpu_enabled",
    "is_autocast_enabled",
)


def typename(obj: Any, /) -> str:
    """The name of an object's type; of a tensor the old name of its type (``"torch.FloatTensor"``)."""
    if isinstance(obj, Tensor):
        return obj.type()
    kind = obj if isinstance(obj, type) else type(obj)
    module = "" if kind.__module__ in ("builtins", None) else f"{kind.__module__}."
    return module + kind.__qualname__


def _of_layers() -> tuple[str, ...]:
    """The functions of layers that are at the top level as well, such as ``conv2d``."""
    return _import_module("wengert.nn.functional.toplevel").NAMES


def __getattr__(name: str) -> Any:
    if name == "capture":
        return _import_module("wengert.tracing").capture
    if name == "doctor":
        return _import_module("wengert.examination").doctor
    if name in ("graph", "summary"):
        return getattr(_import_module("wengert.view"), name)
    if name in ("load", "save"):
        return getattr(_import_module("wengert.io"), name)
    if name == "compile":
        from .compat.compilation import compile

        return compile
    if name == "OutOfMemoryError":
        return _import_module("wengert.cuda").OutOfMemoryError
    if name == "vmap":
        return _import_module("wengert.func").vmap
    if name == "autocast":
        return _import_module("wengert.amp").autocast
    if name == "GradScaler":
        return _import_module("wengert.amp").GradScaler
    if name in _SWITCHES:
        return getattr(_import_module("wengert.amp.switches"), name)
    if name in _LATER:
        return _import_module(f"wengert.{name}")
    if name in _of_layers():
        return getattr(_import_module("wengert.nn.functional.toplevel"), name)
    raise _MissingError("wengert", name, __dir__, f"module 'wengert' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_LATER, *_SWITCHES, *_of_layers(), "GradScaler", "doctor", "load", "save", "vmap"})
