"""wengert: automatic differentiation you can see, in Python, at machine speed.

The public face, in PyTorch's shape: ``import wengert as torch``. Names only; where things are made is said in
``docs/design/architecture.md``.
"""

from __future__ import annotations

from typing import Any

from . import prims  # noqa: F401  (fills the registry of primitives)
from .core import dtypes as _dtypes
from .core.device import device
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
from .core.dtypes import DType as dtype
from .core.spec import Size
from .tensors import Tensor
from . import ops as _ops
from . import autograd
from .autograd import (
    enable_grad,
    inference_mode,
    is_grad_enabled,
    is_inference_mode_enabled,
    no_grad,
    set_grad_enabled,
)

bool = _dtypes.bool_
half, float, double = float16, float32, float64
short, int, long = int16, int32, int64
cfloat, cdouble = complex64, complex128

globals().update({name: value for name, value in _ops.FUNCTIONS.items()})

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    from ._missing import explain

    raise AttributeError(explain("wengert", name, globals()))
