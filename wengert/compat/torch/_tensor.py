"""``torch._tensor``: the class of tensors, and how files of PyTorch's make those of derived classes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ...io.reading import set_state
from ...tensors.tensor import Tensor as Tensor


def _rebuild_from_type_v2(func: Callable[..., Any], new_type: type, args: Sequence[Any], state: Any) -> Any:
    """``func(*args)`` as a tensor of ``new_type``, with the attributes of ``state``."""
    made = func(*args)
    if type(made) is not new_type:
        made = made.as_subclass(new_type)
    if hasattr(made, "__setstate__"):
        made.__setstate__(state)
    elif state is not None:
        set_state(made, state)
    return made
