"""``torch.types``: the names that annotations of PyTorch programs use."""

from __future__ import annotations

import builtins
import os
from collections.abc import Sequence
from typing import IO, Any, TypeAlias

from ._public import publish as _publish
from .autograd.graph import GradientEdge
from .core.device import device as _device_type
from .core.spec import Size
from .ops.storage import TypedStorage, UntypedStorage
from .tensors import Tensor

__all__ = ["Device", "FileLike", "IntLikeType", "Number", "Storage", "Tensor"]

_int, _float, _bool, _complex = builtins.int, builtins.float, builtins.bool, builtins.complex
_size: TypeAlias = Size | list[int] | tuple[int, ...]
_TensorOrTensors: TypeAlias = Tensor | Sequence[Tensor]
_TensorOrOptionalTensors: TypeAlias = Tensor | Sequence[Tensor | None]
_TensorOrTensorsOrGradEdge: TypeAlias = _TensorOrTensors | GradientEdge | Sequence[GradientEdge]
_symsize = _size
_qscheme: TypeAlias = Any

Number: TypeAlias = builtins.int | builtins.float | builtins.bool
Device: TypeAlias = _device_type | str | builtins.int | None
FileLike: TypeAlias = str | os.PathLike[str] | IO[bytes]
Storage: TypeAlias = TypedStorage | UntypedStorage
IntLikeType: TypeAlias = builtins.int
FloatLikeType: TypeAlias = builtins.float
BoolLikeType: TypeAlias = builtins.bool
_device: TypeAlias = _device_type
PySymType: TypeAlias = builtins.int | builtins.float | builtins.bool
_Number = (builtins.int, builtins.float, builtins.bool)
py_sym_types = (builtins.int, builtins.float, builtins.bool)

_publish(__name__)
