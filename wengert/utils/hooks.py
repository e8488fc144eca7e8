"""``torch.utils.hooks``: the handle that registering a hook returns, and hooks that are not saved."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .._public import publish as _publish
from ..core.frames import warn
from ..tensors.tape import RemovableHandle

__all__ = ["RemovableHandle", "unserializable_hook", "warn_if_has_hooks"]


def unserializable_hook(f: Callable[..., Any]) -> Callable[..., Any]:
    """Marks a hook that saving its tensor leaves out: `warn_if_has_hooks` says nothing of it.

    >>> hook = torch.utils.hooks.unserializable_hook(lambda grad: None)
    >>> x = torch.tensor(1.0, requires_grad=True)
    >>> _ = x.register_hook(hook)
    >>> torch.utils.hooks.warn_if_has_hooks(x)
    """
    f.__torch_unserializable__ = True  # type: ignore[attr-defined]  # PyTorch's name for the mark
    return f


def warn_if_has_hooks(tensor: Any) -> None:
    """Warns for each hook of ``tensor`` that saving it leaves out.

    >>> torch.utils.hooks.warn_if_has_hooks(torch.tensor(1.0, requires_grad=True))
    """
    rare = getattr(tensor._edge, "rare", None) or {}
    for hooks in rare.get("tensor_hooks", {}).values():
        for hook in hooks.values():
            if not hasattr(hook, "__torch_unserializable__"):
                warn(f"backward hook {hook!r} on tensor will not be serialized. If this is expected, you can "
                     "decorate the function with @torch.utils.hooks.unserializable_hook to suppress this "
                     "warning", UserWarning)


_publish(__name__)
