"""The dtype in which a leaf's gradient is collected, where it is to be another than the leaf's own; and which data a
tensor may be given."""

from __future__ import annotations

from typing import Any

from ..core.dtypes import DType, from_numpy
from .alias import edge_of
from .tape import Leaf, OnTape


def grad_dtype_of(tensor: OnTape) -> DType | None:
    """What ``Tensor.grad_dtype`` gives."""
    edge = edge_of(tensor)
    if edge is not None and type(edge) is not Leaf:
        raise RuntimeError("[grad_dtype] grad_dtype can only be accessed on leaf tensors; ask a leaf")
    own = from_numpy(tensor._data.dtype)
    return own if edge is None or edge.rare is None else edge.rare.get("grad_dtype", own)


def set_grad_dtype(tensor: OnTape, dtype: DType | None) -> None:
    """What assigning to ``Tensor.grad_dtype`` does."""
    edge = edge_of(tensor)
    if type(edge) is not Leaf:
        what = "leaf tensors" if edge is not None else "tensors that require grad"
        raise RuntimeError(f"[grad_dtype] grad_dtype can only be set on {what}; make the tensor a leaf first, with "
                           "detach().requires_grad_()")
    if dtype is not None and not isinstance(dtype, DType):
        raise TypeError(f"[grad_dtype] a dtype or None was expected; got {type(dtype).__name__}")
    if edge.grad is not None and dtype not in (None, edge.grad.dtype):
        raise RuntimeError(f"[grad_dtype] Cannot set grad_dtype to {dtype} because there is already a gradient of "
                           f"{edge.grad.dtype}; set .grad to None first")
    edge.rarely()["grad_dtype"] = dtype


_NAMES = {"float16": "Half", "bfloat16": "BFloat16", "float32": "float", "float64": "double"}


def check_grad_dtype(value: Any, dtype: DType | None) -> None:
    """Raises RuntimeError if a gradient of another dtype than this one is assigned; None stands for any."""
    if dtype is not None and value.dtype != dtype:
        given, wanted = (_NAMES.get(each.name, each.name) for each in (value.dtype, dtype))
        raise RuntimeError(f"[grad] attempting to assign a gradient with dtype '{given}' to a tensor with grad_dtype "
                           f"'{wanted}'. The gradient must match the tensor's grad_dtype; convert it")


def check_data(tensor: Any, value: Any) -> None:
    """Raises where ``tensor.data`` cannot become ``value``."""
    if not hasattr(value, "_data"):
        raise TypeError(f"Variable data has to be a tensor, but got {type(value).__name__}")
    if tensor._edge is not None and value._data.dtype.kind not in "fcVW":
        raise RuntimeError("data set to a tensor that requires gradients must be floating point or complex dtype")
    if value.layout is not tensor.layout:
        raise RuntimeError(f"[data] incompatible tensor type: {tensor.layout} was expected; got {value.layout}")
