"""``torch._C``: what packages ask PyTorch's compiled part."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

from ...._missing import answers
from ....autograd.forward_ad import _set_fwd_grad_enabled as _set_forward
from ....autograd import inside
from ....core.device import device as device
from ....core.dtypes import DType
from ....core.layout import layout as layout, memory_format as memory_format
from ....core.spec import Size as Size
from ....core.state import state
from ....tensors import Tensor
from ....overrides import (
    DisableTorchFunction as DisableTorchFunction, DisableTorchFunctionSubclass as DisableTorchFunctionSubclass,
    _disabled_torch_function_impl as _disabled_torch_function_impl,
)
from ....ops.storage import _disabled_torch_dispatch_impl as _disabled_torch_dispatch_impl
from ....tensors.generator import Generator as Generator
from ...hollows import fill
from . import (
    _autograd as _autograd, _functions as _functions, _functorch as _functorch, _nn as _nn, _profiler as _profiler,
)
from .tape import (
    _add_cached_tensor as _add_cached_tensor, _is_cached_tensor as _is_cached_tensor,
    _remove_cached_tensor as _remove_cached_tensor, _set_cached_tensors_enabled as _set_cached_tensors_enabled,
    _current_autograd_node as _current_autograd_node,
    _current_graph_task_execution_order as _current_graph_task_execution_order,
    _current_graph_task_id as _current_graph_task_id, _WeakTensorRef as _WeakTensorRef,
    _will_engine_execute_node as _will_engine_execute_node,
)

TensorBase = _TensorBase = Tensor
_is_multithreading_enabled, _is_view_replay_enabled = inside.is_multithreading_enabled, inside.is_view_replay_enabled
_DisableFuncTorch = nullcontext  # function transformations wrap no tensors that it would have to look through
_TensorMeta = type(Tensor)
dtype = DType
_log_api_usage_once = answers(None, "Nothing: wengert counts no uses.")
_get_tracing_state = answers(None, "None: TorchScript traces nothing here.")
_cuda_getDeviceCount = answers(0, "0.")
_is_tracing = answers(False, "False.")
_get_accelerator = answers(device("cpu"), "The CPU: there is no accelerator.")
_jit_set_profiling_executor = _jit_set_profiling_mode = answers(False, "False.")

_cuda_isInBadFork = _are_functorch_transforms_active = _is_tracing
_jit_can_fuse_on_cpu = _jit_can_fuse_on_gpu = _jit_set_texpr_fuser_enabled = _is_tracing
_jit_override_can_fuse_on_cpu = _jit_override_can_fuse_on_gpu = _is_tracing
_jit_set_nvfuser_enabled = _jit_set_nvfuser_guard_mode = _is_tracing
_cuda_clearCublasWorkspaces = _log_api_usage_once

has_mkl = has_mkldnn = has_openmp = has_cuda = has_mps = False
has_lapack = has_spectral = True  # what these words promise is here: decompositions, Fourier transforms

fill(vars(), classes="ScriptObject ScriptModule ScriptFunction ScriptList ScriptDict Graph Value Node Type "
                     "PyTorchFileReader PyTorchFileWriter DispatchKey DispatchKeySet _CudaDeviceProperties")


def _is_torch_function_enabled() -> bool:
    """Whether arguments are asked for ``__torch_function__``."""
    return state.overrides == 0


def _has_torch_function_mode() -> bool:
    """Whether a mode stands in the place of functions."""
    return bool(state.modes)


_is_torch_function_mode_enabled = _has_torch_function_mode


def is_grad_enabled() -> bool:
    """Whether operations are being recorded in this thread."""
    return state.grad


def _set_grad_enabled(mode: bool) -> None:
    """Says whether operations are recorded in this thread."""
    state.grad = bool(mode)


def is_inference_mode_enabled() -> bool:
    """Whether `inference_mode` is on in this thread."""
    return state.inference


def is_autocast_enabled(device_type: str = "cuda") -> bool:
    """Whether `torch.autocast` is on."""
    from ....amp.switches import is_autocast_enabled as asked

    return bool(asked(device_type))


def _set_fwd_grad_enabled(mode: bool) -> None:
    """Turns forward mode on or off in this thread: whether what is computed at a level moves."""
    _set_forward(mode)


def _is_any_autocast_enabled() -> bool:
    """Whether `torch.autocast` is on for some device."""
    from ....amp.switches import _is_any_autocast_enabled as asked

    return bool(asked())


def _is_autocast_available(device_type: str) -> bool:
    """Whether `torch.autocast` takes a device."""
    from ....amp import is_autocast_available as asked

    return bool(asked(device_type))


def _get_default_device() -> str:
    """Where new tensors are made."""
    from ....settings import get_default_device

    return str(get_default_device())


def _get_privateuse1_backend_name() -> str:
    """PyTorch's default."""
    return "privateuseone"


def _dispatch_keys(tensor: Any) -> Any:
    """Raises NotImplementedError: there is no dispatcher of keys here."""
    raise NotImplementedError("[torch._C._dispatch_keys] not in wengert: there is no dispatcher of keys here")
