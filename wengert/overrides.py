"""``torch.overrides``: classes that take part in wengert's functions, and modes that stand in their place.

An object with ``__torch_function__(cls, func, types, args, kwargs)`` is asked instead of every public function that is
called with it, a `TorchFunctionMode` instead of every public function that is called within it. How functions notice is
told in `wengert.tensors.overrides`; a program that uses none of this pays nothing.

>>> import wengert as torch
>>> class Meters:
...     @classmethod
...     def __torch_function__(cls, func, types, args=(), kwargs=None):
...         return func.__name__
>>> torch.add(Meters(), 1)
'add'
"""

from __future__ import annotations

import functools
import inspect
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any, TypeVar

from .core.state import state
from .ops import registry
from .tensors import overrides as mechanism
from .tensors.overrides import ALL_OFF, ARMED, arm_function, ask, asked
from .tensors.overrides import (
    DisableTorchFunction as DisableTorchFunction,
)
from .tensors.overrides import (
    DisableTorchFunctionSubclass as DisableTorchFunctionSubclass,
)
from .tensors.tensor import NOT_WRAPPED, Tensor

__all__ = [
    "BaseTorchFunctionMode", "DisableTorchFunction", "DisableTorchFunctionSubclass", "TorchFunctionMode",
    "enable_reentrant_dispatch", "get_default_nowrap_functions", "get_ignored_functions", "get_overridable_functions",
    "get_testing_overrides", "handle_torch_function", "has_torch_function", "has_torch_function_unary",
    "has_torch_function_variadic", "is_tensor_like", "is_tensor_method_or_property", "resolve_name",
    "wrap_torch_function",
]

_Implementation = TypeVar("_Implementation", bound=Callable[..., Any])

_MODULES = {"torch.nn.functional": "nn.functional", "torch.nn.init": "nn.init",
            "torch.linalg": "linalg", "torch.fft": "fft", "torch.special": "special"}
_AT_TOP = ("nn.functional.native", "nn.functional.toplevel")
"""Where functions of layers are that PyTorch has at the top level, with arguments of their own."""
_OPERATORS = {f"__{name}__": method for method, names in {
    "add": "add radd", "sub": "sub", "mul": "mul rmul", "div": "truediv", "matmul": "matmul", "pow": "pow",
    "neg": "neg", "ne": "ne", "lt": "lt", "le": "le", "gt": "gt", "ge": "ge", "remainder": "mod", "abs": "abs",
    "positive": "pos", "bitwise_and": "rand", "bitwise_or": "ror", "bitwise_xor": "rxor", "add_": "iadd",
    "sub_": "isub", "mul_": "imul", "div_": "itruediv", "pow_": "ipow", "floor_divide_": "ifloordiv",
    "remainder_": "imod",
}.items() for name in names.split()}
"""What those who are asked are told of an operator: that the method was called which does the same."""
_DECLINING = frozenset("""
    __and__ __or__ __xor__ __lshift__ __rshift__ __floordiv__ __eq__ __rsub__ __rtruediv__ __rpow__ __rmod__
    __rfloordiv__ __rmatmul__ __rlshift__ __rrshift__ __iand__ __ior__ __ixor__ __ilshift__ __irshift__
""".split())
"""The other operators with two operands: where nobody has an answer, Python asks the other side."""
_NOT_ASKED = frozenset("""
    is_tensor is_storage manual_seed seed initial_seed get_rng_state set_rng_state promote_types result_type can_cast
    from_numpy frombuffer from_dlpack
""".split())
"""Functions of the namespace that PyTorch does not let anybody stand in for."""
_OF_OBJECTS = frozenset("""
    __new__ __init__ __init_subclass__ __getattr__ __hash__ __torch_function__ __array_priority__ _concrete _rarely
    _set_edge _text _number _real_number _like _copied_nowhere _is_view _make_subclass __reduce_ex__ __dir__
    __array_wrap__ __array_namespace__ __deepcopy__ __format__ as_subclass
""".split())
"""Methods of `Tensor` that are not asked: how Python and wengert itself handle the object."""


def _namespaces() -> list[tuple[str, dict[str, Any]]]:
    package = __package__ or __name__.partition(".")[0]
    import_module(f"{package}.ops.eigenpairs")  # the one module that registers functions when it is first asked for
    functions = {name: value for name, value in registry.FUNCTIONS.items() if name not in _NOT_ASKED}
    for path in _AT_TOP:
        module = import_module(f"{package}.{path}")
        functions |= {name: value for name, value in _public(vars(module)).items()
                      if getattr(value, "__module__", None) == module.__name__}
    functions["norm_except_dim"] = import_module(f"{package}.nn.functional.affine").norm_except_dim
    found = [("torch", functions)]
    found += [(name, vars(import_module(f"{package}.{path}"))) for name, path in _MODULES.items()]
    methods = {name: value for name, value in vars(Tensor).items() if name not in _OF_OBJECTS}
    return [*found, ("torch.Tensor", methods)]


def _public(names: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in names.items() if not name.startswith("_")}


def _functions() -> Iterator[tuple[str, Any]]:
    inside = [(prefix, names if prefix in ("torch", "torch.Tensor") else _public(names))
              for prefix, names in _namespaces()]
    return mechanism.walk(inside)


def arm() -> None:
    """Has all public functions look for somebody to ask, from now on."""
    if mechanism.is_armed():
        return
    for name, method in vars(Tensor).items():
        if type(method) is types.FunctionType and (name in _OPERATORS or name in _DECLINING):
            method.__name__ = name
            arm_function(method, f"torch.Tensor.{name}", vars(Tensor)[_OPERATORS.get(name, name)], is_operator=True)
    for name, function in list(_functions()):
        if name.startswith("torch.Tensor.__"):
            function.__name__ = name.rpartition(".")[2]
        arm_function(function, name)
    for name, value in list(vars(Tensor).items()):
        if isinstance(value, property) and type(value.fget) is types.FunctionType:
            if value.fget in ARMED:  # which is a function too: torch.real(x) and x.real
                value = property(_reading(value.fget), value.fset, doc=value.__doc__)
                setattr(Tensor, name, value)
            read: Any = value.fget
            read.__name__ = name
            arm_function(read, f"torch.Tensor.{name}.__get__", value.__get__)
            if type(value.fset) is types.FunctionType:
                arm_function(value.fset, f"torch.Tensor.{name}.__set__", value.__set__)


_disabled_torch_function_impl = mechanism.disabled


def _reading(function: Callable[[Tensor], Any]) -> Any:
    return lambda self: function(self)


def is_tensor_like(inp: Any) -> bool:
    """Whether an object is a tensor, or takes part in functions as one: has ``__torch_function__``.

    >>> class Metres:
    ...     def __torch_function__(self, func, types, args=(), kwargs=None): ...
    >>> torch.overrides.is_tensor_like(torch.ones(2)), torch.overrides.is_tensor_like(Metres())
    (True, True)
    """
    return type(inp) is Tensor or hasattr(inp, "__torch_function__")


def has_torch_function(relevant_args: Any) -> bool:
    """Whether somebody is to be asked for a call with these arguments: one of them, or a mode.

    >>> torch.overrides.has_torch_function((torch.ones(2), 3))
    False
    """
    if state.overrides == ALL_OFF:
        return False
    return bool(state.modes) or (not state.overrides and bool(asked(relevant_args)))


def has_torch_function_unary(obj: Any) -> bool:
    """`has_torch_function` of one argument.

    >>> torch.overrides.has_torch_function_unary(torch.ones(2))
    False
    """
    return has_torch_function((obj,))


def has_torch_function_variadic(*relevant_args: Any) -> bool:
    """`has_torch_function` of several arguments.

    >>> torch.overrides.has_torch_function_variadic(torch.ones(2), torch.zeros(2))
    False
    """
    return has_torch_function(relevant_args)


def handle_torch_function(public_api: Callable[..., Any], relevant_args: Any, *args: Any, **kwargs: Any) -> Any:
    """Asks the arguments ``relevant_args``, and the modes in force, for what ``public_api(*args, **kwargs)`` gives.

    Raises TypeError where all of them decline, by returning NotImplemented.

    >>> class Metres:
    ...     @classmethod
    ...     def __torch_function__(cls, func, types, args=(), kwargs=None):
    ...         return f"metres were given to {func.__name__}"
    >>> def triple(x):
    ...     if torch.overrides.has_torch_function((x,)):
    ...         return torch.overrides.handle_torch_function(triple, (x,), x)
    ...     return 3 * x
    >>> triple(Metres())
    'metres were given to triple'
    """
    return ask(public_api, [] if state.overrides else asked(relevant_args), args, kwargs)


def wrap_torch_function(dispatcher: Callable[..., Any]) -> Callable[[_Implementation], _Implementation]:
    """A decorator for functions of one's own that ask for ``__torch_function__``: ``dispatcher``, of the same
    arguments, gives those of them that are to be asked.

    >>> class Metres:
    ...     @classmethod
    ...     def __torch_function__(cls, func, types, args=(), kwargs=None):
    ...         return f"metres were given to {func.__name__}"
    >>> @torch.overrides.wrap_torch_function(lambda x: (x,))
    ... def triple(x):
    ...     return 3 * x
    >>> triple(Metres()), triple(torch.tensor(2))
    ('metres were given to triple', tensor(6))
    """

    def decorate(function: Any) -> Any:
        @functools.wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            relevant = dispatcher(*args, **kwargs)
            if has_torch_function(relevant):
                return handle_torch_function(wrapped, relevant, *args, **kwargs)
            return function(*args, **kwargs)

        return wrapped

    return decorate


class TorchFunctionMode:
    """A context in which this object's ``__torch_function__(func, types, args, kwargs)`` is asked instead of every
    public function, also of those that get plain tensors only. Within it the mode itself is off.

    >>> import wengert as torch
    >>> class Counting(torch.overrides.TorchFunctionMode):
    ...     calls = 0
    ...     def __torch_function__(self, func, types, args=(), kwargs=None):
    ...         self.calls += 1
    ...         return func(*args, **(kwargs or {}))
    >>> with Counting() as counting:
    ...     _ = torch.ones(2) + 1
    >>> counting.calls
    2
    """

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """What is to be done instead of ``func(*args, **kwargs)``. Subclasses say."""
        raise NotImplementedError

    def __enter__(self) -> Any:
        arm()
        state.modes = (self, *state.modes)
        return self

    def __exit__(self, *exception: object) -> None:
        state.modes = state.modes[1:]

    @classmethod
    def push(cls, *args: Any, **kwargs: Any) -> Any:
        """``cls(*args, **kwargs)``, as PyTorch once had it."""
        return cls(*args, **kwargs)


class BaseTorchFunctionMode(TorchFunctionMode):
    """A mode that changes nothing.

    >>> with torch.overrides.BaseTorchFunctionMode():
    ...     torch.tensor(1.0) + 1
    tensor(2.)
    """

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return func(*args, **(kwargs or {}))


@contextmanager
def _enable_torch_function() -> Iterator[None]:
    """A context in which everybody is asked, also within one in which nobody is."""
    before, state.overrides = state.overrides, mechanism.ENABLED
    try:
        yield
    finally:
        state.overrides = before


def _get_current_function_mode() -> TorchFunctionMode | None:
    """The innermost mode in force."""
    return state.modes[0] if state.modes else None


def _get_current_function_mode_stack() -> list[Any]:
    """The modes in force, the outermost first."""
    return list(state.modes[::-1])


def get_overridable_functions() -> dict[Any, list[Any]]:
    """The functions that ask for ``__torch_function__``, by the namespace in which they are.

    >>> torch.add in torch.overrides.get_overridable_functions()[torch]
    True
    """
    homes: dict[str, Any] = {"torch.Tensor": Tensor}
    found: dict[Any, list[Any]] = {}
    for name, function in _functions():
        home = name.rpartition(".")[0]
        if home not in homes:
            package = __package__ or ""
            homes[home] = import_module(package + home.removeprefix("torch"))
        found.setdefault(homes[home], []).append(function)
    return found


def get_ignored_functions() -> set[Any]:
    """Public functions that do not ask for ``__torch_function__``.

    >>> isinstance(torch.overrides.get_ignored_functions(), set)
    True
    """
    return {registry.FUNCTIONS[name] for name in _NOT_ASKED if name in registry.FUNCTIONS}


def get_default_nowrap_functions() -> set[Any]:
    """Functions whose results `Tensor.__torch_function__` leaves as they are: attributes that are tensors already.

    >>> len(torch.overrides.get_default_nowrap_functions()) > 0
    True
    """
    return set(NOT_WRAPPED)


def get_testing_overrides() -> dict[Any, Callable[..., Any]]:
    """For each function that asks, one of the same signature that returns -1.

    >>> torch.overrides.get_testing_overrides()[torch.add](1, 2)
    -1
    """
    return {function: _minus_one(function) for _, function in _functions()}


def _minus_one(function: Any) -> Callable[..., Any]:
    def answer(*args: Any, **kwargs: Any) -> int:
        return -1

    answer.__name__ = function.__name__
    answer.__signature__ = inspect.signature(function)  # type: ignore[attr-defined]
    return answer


def resolve_name(f: Any) -> str | None:
    """The full name of a function that asks, such as ``"torch.Tensor.add"``; None for one that does not.

    >>> torch.overrides.resolve_name(torch.Tensor.view)
    'torch.Tensor.view'
    """
    names = {function: name for name, function in _functions()}
    try:
        if f in names:
            return names[f]
    except TypeError:
        return None
    owner = getattr(f, "__self__", None)
    return mechanism.name_of(f) if isinstance(owner, property) else None


def is_tensor_method_or_property(func: Any) -> bool:
    """Whether a function is a method of `Tensor`, or reads one of its attributes.

    >>> torch.overrides.is_tensor_method_or_property(torch.Tensor.add)
    True
    >>> torch.overrides.is_tensor_method_or_property(torch.tensor)
    False
    """
    return func in list(vars(Tensor).values()) or isinstance(getattr(func, "__self__", None), property)


@contextmanager
def enable_reentrant_dispatch() -> Iterator[None]:
    """Does nothing: functions that are asked from within another ask in their turn.

    >>> with torch.overrides.enable_reentrant_dispatch():
    ...     torch.tensor(1.0) + 1
    tensor(2.)
    """
    yield
