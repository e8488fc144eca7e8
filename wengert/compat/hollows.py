"""What stands for a class, function or module of PyTorch's that wengert has not."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any


def _message(name: str) -> str:
    return f"[{name}] not in wengert: it can be imported and asked about, and not used"


def hollow(name: str) -> Any:
    """A class called ``name`` of which nothing is an instance. Making one raises NotImplementedError; a class derived
    from it can be made."""
    module, _, short = name.rpartition(".")

    def make(cls: type, *arguments: Any, **options: Any) -> Any:
        if cls is made:
            raise NotImplementedError(_message(name))
        return object.__new__(cls)

    made: type = type(short, (), {"__new__": make, "__module__": module, "__doc__": "Not in wengert.",
                                       "__class_getitem__": classmethod(lambda cls, item: cls)})
    return made


def hollow_function(name: str) -> Callable[..., Any]:
    """A function called ``name`` that raises NotImplementedError."""

    def refuse(*arguments: Any, **options: Any) -> Any:
        raise NotImplementedError(_message(name))

    refuse.__name__ = refuse.__qualname__ = name.rpartition(".")[2]
    refuse.__doc__ = "Raises NotImplementedError: not in wengert."
    return refuse


def fill(namespace: dict[str, Any], classes: str = "", functions: str = "") -> None:
    """Puts hollow classes and functions into the namespace of a module that stands for one of PyTorch's."""
    own = namespace["__name__"].replace("wengert.compat.torch", "torch", 1)
    namespace.update({name: hollow(f"{own}.{name}") for name in classes.split()})
    namespace.update({name: hollow_function(f"{own}.{name}") for name in functions.split()})


def is_hollow(value: Any) -> bool:
    """Whether a value stands for something that is not there."""
    return not isinstance(value, ModuleType) and getattr(value, "__doc__", "") in (
        "Not in wengert.", "Raises NotImplementedError: not in wengert.")
