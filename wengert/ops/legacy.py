"""PyTorch's old tensor types: ``FloatTensor(2, 3)``, ``LongTensor([1, 2])``, ``isinstance(x, FloatTensor)``.

They make ordinary tensors; a type of tensor is no class of its own but a dtype.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core import dtypes
from ..core.device import require_cpu
from ..core.dtypes import DType
from ..core.layout import strided
from ..core.spec import Size
from ..tensors.creation import array_from
from ..tensors.tensor import Tensor, make
from .arguments import sizes_of
from .conversion import TYPE_NAMES


class TensorType(type):
    """The metaclass of the old types: calling one makes a tensor, and a tensor is its instance by dtype."""

    dtype: DType

    def __new__(meta, name: str, bases: tuple[type, ...], body: dict[str, Any]) -> TensorType:  # noqa: N804
        if bases:
            raise TypeError(f"type 'torch.{bases[0].__name__}' is not an acceptable base type: derive from Tensor")
        return super().__new__(meta, name, bases, body)

    def __call__(cls, *data: Any, device: Any = None) -> Tensor:  # noqa: N805
        require_cpu(device)
        if len(data) == 1 and isinstance(data[0], Tensor):
            if data[0].dtype is not cls.dtype:
                raise TypeError(f"expected {cls.dtype} (got {data[0].dtype}); convert with .to({cls.dtype})")
            return data[0].detach()
        if len(data) == 1 and not isinstance(data[0], (int, np.integer, Size)):
            if isinstance(data[0], float):
                raise TypeError("new(): data must be a sequence (got float)")
            return make(array_from(data[0], None).astype(cls.dtype.numpy, copy=False), None)
        return make(np.empty(sizes_of(data, cls.__name__) if data else (0,), cls.dtype.numpy), None)

    def __instancecheck__(cls, instance: Any) -> bool:  # noqa: N805
        return isinstance(instance, Tensor) and instance.dtype is cls.dtype and instance.layout is strided

    def __repr__(cls) -> str:  # noqa: N805
        return f"<class 'torch.{cls.__name__}'>"


TYPES: dict[str, TensorType] = {
    name: TensorType(name, (), {"dtype": dtypes.by_name(dtype), "__module__": "torch", "__doc__": (
        f"Tensors of dtype {dtype}.\n\n>>> torch.{name}(2, 3).dtype, torch.{name}(2, 3).shape\n"
        f"(torch.{dtype}, torch.Size([2, 3]))")})
    for dtype, name in TYPE_NAMES.items() if not name.startswith(("Complex", "UInt"))
}


def set_default_tensor_type(t: Any) -> None:
    """Makes the dtype of an old type (``FloatTensor``, or its name) the default. `set_default_dtype` is today's way.
    Raises TypeError for what is no such type, or one of whole numbers.

    >>> torch.set_default_tensor_type(torch.FloatTensor)
    >>> torch.get_default_dtype()
    torch.float32
    """
    if isinstance(t, str):
        name = t.removeprefix("torch.")
        if name not in TYPES:
            raise TypeError(f"invalid type object: {t!r}; use set_default_dtype and set_default_device")
        t = TYPES[name]
    if not isinstance(t, TensorType):
        raise TypeError("invalid type object: only floating-point types are supported as the default type")
    dtypes.set_default_dtype(t.dtype)


def typename(obj: Any, /) -> str:
    """The name of an object's type; of a tensor the old name of its type (``"torch.FloatTensor"``).

    >>> torch.typename(torch.ones(2)), torch.typename([])
    ('torch.FloatTensor', 'list')
    """
    if isinstance(obj, Tensor):
        return obj.type()
    kind = obj if isinstance(obj, type) else type(obj)
    module = "" if kind.__module__ in ("builtins", None) else f"{kind.__module__}."
    if module.startswith("wengert.nn.layers."):  # PyTorch's place for them, by which programs sort modules
        module = module.replace("wengert.nn.layers.", "torch.nn.modules.", 1)
    return module + kind.__qualname__
