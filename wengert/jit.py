"""``torch.jit`` for programs that decorate: everything runs as the Python that it is, and says so once.

There is no TorchScript here. What would compile a module or function returns it; what would write or read a compiled
file raises, as does asking a module for what only a compiled one has.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable, Sequence
from types import UnionType
from typing import Any, Final, NoReturn, Union, get_args, get_origin

from ._public import publish as _publish
from .core.frames import warn
from .futures import Future, settled
from .nn import Module

__all__ = [
    "Attribute", "Error", "Final", "Future", "ScriptFunction", "ScriptModule", "TracerWarning", "annotate",
    "export", "fork", "freeze", "ignore", "interface", "is_scripting", "is_tracing", "isinstance", "load",
    "optimize_for_inference", "save", "script", "script_if_tracing", "script_method", "trace", "trace_module",
    "unused", "wait",
]

# As in a package, so that `import torch.jit.annotations` is tried at all.
__path__: list[str] = []

_said = False


class ScriptModule(Module):
    """The class of compiled modules, of which there are none. A class that derives from it is an ordinary module.

    >>> issubclass(torch.jit.ScriptModule, nn.Module)
    True
    """


class ScriptFunction:
    """The class of compiled functions, of which there are none.

    >>> issubclass(torch.jit.ScriptFunction, nn.Module)
    False
    """


class Error(Exception):
    """What a compiled program raises in PyTorch. Nothing here does: programs run as they are written.

    >>> issubclass(torch.jit.Error, RuntimeError)
    False
    """


class TracerWarning(Warning):
    """What PyTorch's tracer warns with of control flow that it cannot see. Nothing here does: Python runs the
    program.

    >>> issubclass(torch.jit.TracerWarning, Warning)
    True
    """

    @staticmethod
    def ignore_lib_warnings() -> None:
        """Nothing: there are none to ignore."""


def _as_it_is(what: str, obj: Any) -> Any:
    global _said
    if not _said:
        _said = True
        warn(f"torch.jit.{what} returns its argument as it is: wengert has no TorchScript, and Python runs it",
             UserWarning)
    if builtins.isinstance(obj, Module) and not hasattr(obj, "save"):
        obj.__dict__["save"] = save
    return obj


def script(
    obj: Any, optimize: Any = None, _frames_up: int = 0, _rcb: Any = None, example_inputs: Any = None
) -> Any:
    """``obj``, a module, class or function, as it is. The first call warns.

    >>> torch.jit.script(nn.Linear(2, 1))(torch.zeros(3, 2)).shape
    torch.Size([3, 1])
    """
    return _as_it_is("script", obj)


def trace(func: Any, example_inputs: Any = None, *options: Any, **more: Any) -> Any:
    """``func``, a module or function, as it is: control flow stays control flow, and nothing runs here.

    >>> model = nn.Linear(2, 1)
    >>> torch.jit.trace(model, torch.zeros(1, 2))(torch.zeros(3, 2)).shape
    torch.Size([3, 1])
    """
    return _as_it_is("trace", func)


def trace_module(mod: Any, inputs: Any, *options: Any, **more: Any) -> Any:
    """``mod`` as it is.

    >>> model = nn.Linear(2, 1)
    >>> torch.jit.trace_module(model, {"forward": torch.zeros(1, 2)})(torch.zeros(3, 2)).shape
    torch.Size([3, 1])
    """
    return _as_it_is("trace_module", mod)


def script_if_tracing(fn: Callable[..., Any]) -> Callable[..., Any]:
    """``fn``: nothing is ever traced.

    >>> @torch.jit.script_if_tracing
    ... def double(x):
    ...     return 2 * x
    >>> double(torch.tensor([1.0, 2.0]))
    tensor([2., 4.])
    """
    return fn


def script_method(fn: Callable[..., Any]) -> Callable[..., Any]:
    """``fn``, a method of a `ScriptModule`.

    >>> class Double(torch.jit.ScriptModule):
    ...     @torch.jit.script_method
    ...     def forward(self, x):
    ...         return 2 * x
    >>> Double()(torch.tensor([1.0, 2.0]))
    tensor([2., 4.])
    """
    return fn


def export(fn: Callable[..., Any]) -> Callable[..., Any]:
    """``fn``, a method that the compiled module would have too.

    >>> class Double(nn.Module):
    ...     @torch.jit.export
    ...     def twice(self, x):
    ...         return 2 * x
    >>> Double().twice(torch.tensor([1.0, 2.0]))
    tensor([2., 4.])
    """
    return fn


def ignore(drop: Any = False, **options: Any) -> Any:
    """The decorated function, ``@ignore`` or ``@ignore(drop=...)``.

    >>> @torch.jit.ignore
    ... def double(x):
    ...     return 2 * x
    >>> double(torch.tensor([1.0, 2.0]))
    tensor([2., 4.])
    """
    return drop if callable(drop) else lambda fn: fn


def unused(fn: Callable[..., Any]) -> Callable[..., Any]:
    """``fn``. (In a compiled module, calling it would raise.)

    >>> @torch.jit.unused
    ... def double(x):
    ...     return 2 * x
    >>> double(torch.tensor([1.0, 2.0]))
    tensor([2., 4.])
    """
    return fn


_overload = _overload_method = script_method  # forms of an overloaded function, of which Python takes the last


class Attribute:
    """``value``, said to be of a type.

    >>> torch.jit.Attribute(0.5, float)
    0.5
    """

    def __new__(cls, value: Any, type: Any) -> Any:
        return value


def interface(obj: type) -> type:
    """``obj``, a class that names methods.

    >>> @torch.jit.interface
    ... class Doubles:
    ...     def double(self, x: torch.Tensor) -> torch.Tensor:
    ...         pass
    >>> Doubles.__name__
    'Doubles'
    """
    return obj


def annotate(the_type: Any, the_value: Any) -> Any:
    """``the_value``.

    >>> torch.jit.annotate(int, 3)
    3
    """
    return the_value


def isinstance(obj: Any, target_type: Any) -> bool:
    """Whether ``obj`` is of ``target_type``, a type, a tuple of them, or one with the types of what it contains, which
    are asked for as well. Raises RuntimeError for ``list``, ``tuple`` or ``dict`` without these.

    >>> from typing import Dict, List
    >>> torch.jit.isinstance([1, 2], List[int]), torch.jit.isinstance({"a": "b"}, Dict[str, int])
    (True, False)
    """
    if builtins.isinstance(target_type, tuple):
        return any(isinstance(obj, each) for each in target_type)
    origin, inner = get_origin(target_type), get_args(target_type)
    if origin in (Union, UnionType):
        return obj is None or any(isinstance(obj, each) for each in inner)  # as PyTorch's, to which each may be None
    if (origin or target_type) in (list, tuple, dict) and not inner:
        raise RuntimeError(f"[jit.isinstance] the types of what a {(origin or target_type).__name__} contains were "
                           f"expected; got {target_type}; write for example List[int]")
    if origin is list:
        return builtins.isinstance(obj, list) and all(isinstance(each, inner[0]) for each in obj)
    if origin is dict:
        return builtins.isinstance(obj, dict) and all(
            isinstance(key, inner[0]) and isinstance(value, inner[1]) for key, value in obj.items())
    if origin is tuple:
        return builtins.isinstance(obj, tuple) and len(obj) == len(inner) and all(map(isinstance, obj, inner))
    return builtins.isinstance(obj, target_type)


def is_scripting() -> bool:
    """False.

    >>> torch.jit.is_scripting()
    False
    """
    return False


def is_tracing() -> bool:
    """False.

    >>> torch.jit.is_tracing()
    False
    """
    return False


def freeze(mod: Any, preserved_attrs: Sequence[str] | None = None, optimize_numerics: bool = True) -> Any:
    """``mod`` as it is. Raises RuntimeError for a module in training mode, as PyTorch does.

    >>> model = nn.Sequential(nn.Linear(2, 1)).eval()
    >>> torch.jit.freeze(torch.jit.script(model))(torch.zeros(1, 2)).shape
    torch.Size([1, 1])
    """
    if mod.training:
        raise RuntimeError("Freezing is currently only implemented for modules in eval mode. Please call .eval() on "
                           "your module before freezing.")
    return mod


def optimize_for_inference(mod: Any, other_methods: Sequence[str] | None = None) -> Any:
    """``mod`` as it is.

    >>> model = nn.Linear(2, 1).eval()
    >>> torch.jit.optimize_for_inference(torch.jit.script(model))(torch.zeros(1, 2)).shape
    torch.Size([1, 1])
    """
    return mod


def fork(func: Callable[..., Any], *args: Any, **kwargs: Any) -> Future:
    """A future that is done: ``func`` ran at once.

    >>> future = torch.jit.fork(torch.add, torch.tensor(1), torch.tensor(2))
    >>> torch.jit.wait(future)
    tensor(3)
    """
    return settled(func(*args, **kwargs))


def wait(future: Future) -> Any:
    """The result of a future.

    >>> torch.jit.wait(torch.jit.fork(lambda x: 2 * x, torch.tensor(3)))
    tensor(6)
    """
    return future.wait()


def _no_script(what: str) -> NotImplementedError:
    return NotImplementedError(f"[jit.{what}] TorchScript files are not in wengert: save model.state_dict() with "
                               "torch.save, and load it into the module with load_state_dict")


def save(*arguments: Any, **options: Any) -> NoReturn:
    """Raises NotImplementedError: there is no compiled module to write.

    >>> torch.jit.save(nn.Linear(2, 1), "scripted.pt")
    Traceback (most recent call last):
        ...
    NotImplementedError: [jit.save] TorchScript files are not in wengert: save ...
    """
    raise _no_script("save")


def load(f: Any, map_location: Any = None, _extra_files: Any = None, _restore_shapes: bool = False) -> NoReturn:
    """Raises NotImplementedError: TorchScript files are programs in a language that wengert does not run.

    >>> torch.jit.load("scripted.pt")
    Traceback (most recent call last):
        ...
    NotImplementedError: [jit.load] TorchScript files are not in wengert: save ...
    """
    raise _no_script("load")


_publish(__name__)
