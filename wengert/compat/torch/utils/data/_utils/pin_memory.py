"""``torch.utils.data._utils.pin_memory``."""

from __future__ import annotations

from typing import Any

from ......_public import publish as _publish


def pin_memory(data: Any, device: Any = None) -> Any:
    """``data``: its tensors as they are, as no device copies from their memory, and objects with a ``pin_memory`` of
    their own as that gives them.

    >>> from wengert.compat.torch.utils.data._utils.pin_memory import pin_memory
    >>> pin_memory(["a", 1])
    ['a', 1]
    """
    from ......tensors.tensor import Tensor

    if isinstance(data, (Tensor, str, bytes)):
        return data
    if hasattr(data, "pin_memory"):
        return data.pin_memory()
    if type(data) is dict:
        return {key: pin_memory(value) for key, value in data.items()}
    if isinstance(data, tuple) and hasattr(data, "_fields"):
        return type(data)(*map(pin_memory, data))
    return type(data)(map(pin_memory, data)) if type(data) in (list, tuple) else data


__all__ = ["pin_memory"]
_publish(__name__)
