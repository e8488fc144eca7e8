"""Names of PyTorch's inside, and of its parts that wengert has not, for packages that import them.

The one idea to know: what has a meaning here is real; what has none can be imported, named in annotations, derived from
and asked by `isinstance`, and says that it is not in wengert when it is used (`hollow`). These names exist under
``import torch`` alone: ``wengert._C`` there is none.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import wengert

from ..._missing import absent
from ...amp.scaler import unscale, update_scale
from ...futures import Future as Future
from ...jit import ScriptFunction as ScriptFunction, ScriptModule as ScriptModule
from ...nn.functional.grouped import _scaled_mm as _scaled_mm, grouped_mm
from .foreach import FOREACH
from ..hollows import fill, hollow
from ..named_types import NAMED

__all__: list[str] = []

SymInt, SymFloat, SymBool = hollow("torch.SymInt"), hollow("torch.SymFloat"), hollow("torch.SymBool")
fill(vars(), classes="PyTorchFileReader PyTorchFileWriter Event Stream ScriptObject")
legacy_contiguous_format = wengert.contiguous_format


def sym_int(a: Any) -> int:
    """``a`` as an int: sizes are numbers here."""
    return int(a)


def sym_float(a: Any) -> float:
    """``a`` as a float."""
    return float(a)


def sym_not(a: Any) -> bool:
    """``not a``."""
    return not a


def sym_max(a: Any, b: Any) -> Any:
    """The greater of two numbers; a float where one of them is."""
    return max(a, b) + 0 * min(a, b)


def sym_min(a: Any, b: Any) -> Any:
    """The smaller of two numbers; a float where one of them is."""
    return min(a, b) + 0 * max(a, b)


def sym_ite(b: Any, t: Any, f: Any) -> Any:
    """``t if b else f``."""
    return t if b else f


def sym_sum(args: Any) -> Any:
    """The sum of numbers."""
    return sum(args)


def get_device_module(device: Any = None) -> Any:
    """The module that answers for a kind of device: ``torch.cpu``, ``torch.cuda``. Raises RuntimeError for others."""
    kind = "cpu" if device is None else wengert.device(device).type
    if not hasattr(wengert, kind):
        raise RuntimeError(f"Device '{kind}' does not have a corresponding module registered as 'torch.{kind}'.")
    return getattr(wengert, kind)


def _softmax_backward_data(grad_output: Any, output: Any, dim: int, input_dtype: Any) -> Any:
    """The gradient of a softmax's input, from its output and that output's gradient."""
    product = grad_output * output
    return (product - output * product.sum(dim, keepdim=True)).to(input_dtype)


def _amp_foreach_non_finite_check_and_unscale_(scaled_grads: Any, found_inf: Any, inv_scale: Any) -> None:
    """Multiplies gradients by ``inv_scale`` in place, and makes ``found_inf`` 1 where one is not finite."""
    with wengert.no_grad():
        unscale(scaled_grads, found_inf, inv_scale)


def _amp_update_scale_(scale: Any, growth_tracker: Any, found_inf: Any, scale_growth_factor: float,
                       scale_backoff_factor: float, growth_interval: int) -> Any:
    """Lets a scaler's factor shrink or grow, in place."""
    return update_scale(scale, growth_tracker, found_inf, scale_growth_factor, scale_backoff_factor, growth_interval)


def _check_with(error: type[Exception], cond: bool, message: Callable[[], str] | None = None) -> None:
    """Raises ``error``, with what ``message()`` gives, unless ``cond`` holds; TypeError for what is no bool."""
    if not isinstance(cond, bool):
        raise TypeError(f"cond must be a bool, but got {type(cond)}")
    if cond:
        return
    if message is not None and not callable(message):
        raise TypeError("message must be a callable")
    raise error("Expected cond to be True, but got False" if message is None else str(message()))


def _check_tensor_all_with(error: type[Exception], cond: Any, message: Callable[[], str] | None = None) -> None:
    """Raises ``error`` unless every element of a tensor of booleans is true."""
    if not isinstance(cond, wengert.Tensor):
        raise TypeError(f"cond must be a tensor, but got {type(cond)}")
    if cond.dtype is not wengert.bool:
        raise TypeError(f"cond tensor must have dtype torch.bool, but got {cond.dtype}")
    _check_with(error, bool(cond.all()), message)


def _check_tensor_all(cond: Any, message: Callable[[], str] | None = None) -> None:
    """Raises RuntimeError unless every element of a tensor of booleans is true."""
    _check_tensor_all_with(RuntimeError, cond, message)


def _check(cond: bool, message: Callable[[], str] | None = None) -> None:
    """Raises RuntimeError, with what ``message()`` gives, unless ``cond`` holds."""
    _check_with(RuntimeError, cond, message)


def _check_value(cond: bool, message: Callable[[], str] | None = None) -> None:
    """Raises ValueError unless ``cond`` holds."""
    _check_with(ValueError, cond, message)


def _check_index(cond: bool, message: Callable[[], str] | None = None) -> None:
    """Raises IndexError unless ``cond`` holds."""
    _check_with(IndexError, cond, message)


def _check_type(cond: bool, message: Callable[[], str] | None = None) -> None:
    """Raises TypeError unless ``cond`` holds."""
    _check_with(TypeError, cond, message)


def _check_not_implemented(cond: bool, message: Callable[[], str] | None = None) -> None:
    """Raises NotImplementedError unless ``cond`` holds."""
    _check_with(NotImplementedError, cond, message)


def _check_is_size(i: int, message: Callable[[], str] | None = None) -> None:
    """Raises RuntimeError unless ``i`` is a size."""
    _check(i >= 0, message)


def _assert(condition: Any, message: str) -> None:
    """``assert condition, message``, also of a tensor."""
    assert condition, message


def _assert_async(condition: Any, message: str = "Expected Tensor with single nonzero value, but got zero") -> None:
    """Raises RuntimeError unless the tensor holds something true."""
    if not bool(condition):
        raise RuntimeError(message)


def _shape_as_tensor(x: Any) -> Any:
    """The sizes of a tensor, as a tensor of integers."""
    return wengert.tensor(list(x.shape), dtype=wengert.int64)


def _convert_indices_from_coo_to_csr(input: Any, size: int, *, out_int32: bool = False) -> Any:
    """Where each of ``size`` rows begins in sorted row indices, and where the last one ends."""
    ends = wengert.bincount(input, minlength=size).cumsum(0)
    return wengert.cat([ends.new_zeros(1), ends]).to(wengert.int32 if out_int32 else wengert.int64)


def _convert_indices_from_csr_to_coo(crow_indices: Any, col_indices: Any, *, out_int32: bool = False,
                                     transpose: bool = False) -> Any:
    """The row of each element above its column, from where the rows begin; the other way round with ``transpose``."""
    rows = wengert.repeat_interleave(wengert.arange(crow_indices.numel() - 1), crow_indices.diff())
    found = wengert.stack([col_indices, rows] if transpose else [rows, col_indices])
    return found.to(wengert.int32 if out_int32 else wengert.int64)


def _is_functional_tensor(x: Any) -> bool:
    """False: there are none."""
    return False


globals().update(FOREACH)
globals().update(NAMED)


def while_loop(cond_fn: Callable[..., Any], body_fn: Callable[..., Any], carried_inputs: Sequence[Any]
               ) -> tuple[Any, ...]:
    """``body_fn(*carried)`` again and again, as long as ``cond_fn(*carried)`` is true; what is carried at last."""
    carried = tuple(carried_inputs)
    while bool(cond_fn(*carried)):
        carried = tuple(body_fn(*carried))
    return carried


def _removed(name: str, instead: str) -> Callable[..., Any]:
    return absent(RuntimeError, f"This function was deprecated since version 1.9 and is now removed. `torch.{name}` is "
                                f"deprecated in favor of `torch.linalg.{instead}`")


solve, lstsq, eig = _removed("solve", "solve"), _removed("lstsq", "lstsq"), _removed("eig", "eig")
symeig, matrix_rank = _removed("symeig", "eigh"), _removed("matrix_rank", "matrix_rank")
_segment_reduce, _grouped_mm = wengert.segment_reduce, grouped_mm
