"""`symbolic_trace`: a program run with proxies in the place of its arguments, and the graph of what it did.

The one idea to know: while a program is traced, calls of modules and the reading of their parameters pass by the
tracer. A module of `nn` is one node; any other is run, so that what it does is seen.
"""

from __future__ import annotations

import builtins
import contextlib
import functools as functools
import inspect
import math
import threading
from collections.abc import Callable, Iterator, Sequence
from types import CodeType, FunctionType, ModuleType
from typing import Any

import wengert as torch
from wengert import nn

from ..core.forks import in_child
from ._compatibility import compatibility as compatibility
from .graph import Graph
from .graph_module import GraphModule
from .leaves import WRAPPED, wrap
from .node import BASE_TYPES, Node, is_from_torch
from .proxy import Proxy, TracerBase, proxy_in

# By these names, and those of the functions below, torch-geometric's tracer is written.
_orig_module_call, _orig_module_getattr = nn.Module.__call__, nn.Module.__getattr__



class ScriptObject:
    """An attribute of TorchScript's; nothing is one here."""


_lock = threading.RLock()
"""Held while a program is traced: what is patched for one tracer is brought back before another patches it."""


def _renew() -> None:
    """A child goes on though another thread held the lock."""
    global _lock
    _lock = threading.RLock()


in_child(_renew)


def _leaf(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function that is noted where it gets a proxy."""
    def noted(*args: Any, **kwargs: Any) -> Any:
        proxy = proxy_in(args, kwargs)
        if proxy is None:
            return function(*args, **kwargs)
        found = proxy.tracer.create_proxy("call_function", function, args, kwargs)
        found.node.meta["is_wrapped"] = True
        return found

    noted.__wrapped__ = function  # type: ignore[attr-defined]
    return noted


class _Patcher:
    """Names set in namespaces for a while, as a context."""

    def __init__(self) -> None:
        self._before: list[tuple[Any, str, Any, bool]] = []
        self._seen: set[int] = set()

    def item(self, namespace: dict[str, Any], name: str, value: Any) -> None:
        """Sets a global."""
        self._before.append((namespace, name, namespace.get(name), name in namespace))
        namespace[name] = value

    def patch_method(self, owner: type, name: str, value: Any, deduplicate: bool = True) -> None:
        """Sets an attribute of a class; ``deduplicate`` is PyTorch's and changes nothing."""
        self._before.append((owner, name, vars(owner).get(name), name in vars(owner)))
        setattr(owner, name, value)

    def search(self, namespace: dict[str, Any], leaves: set[int]) -> None:
        """Makes leaves of the globals that are among these functions."""
        if id(namespace) not in self._seen:
            self._seen.add(id(namespace))
            for name, value in list(namespace.items()):
                if not name.startswith("_") and callable(value) and id(value) in leaves:
                    self.item(namespace, name, _leaf(value))

    def __enter__(self) -> _Patcher:
        return self

    def __exit__(self, *failure: object) -> None:
        """Brings everything back."""
        for owner, name, value, there in reversed(self._before):
            if isinstance(owner, dict):
                if there:
                    owner[name] = value
                else:
                    del owner[name]
            elif there:
                setattr(owner, name, value)
            else:
                delattr(owner, name)


def _patch_wrapped_functions(patcher: _Patcher) -> None:
    """Makes leaves of the functions that programs have named by `wrap`."""
    for (_, name), place in WRAPPED.items():
        function = place.get(name, getattr(builtins, name, None))
        if function is not None:
            patcher.item(place, name, _leaf(function))


def _autowrap_check(patcher: _Patcher, frame_dict: dict[str, Any], function_ids: set[int]) -> None:
    """Makes leaves of the globals that are among these functions."""
    patcher.search(frame_dict, function_ids)


def _only_positional(function: Callable[..., Any], count: int) -> Callable[..., Any]:
    """A function whose ``*args`` and ``**kwargs`` are arguments like others, for which proxies can be given."""
    code: CodeType = function.__code__
    flags = code.co_flags & ~(inspect.CO_VARARGS | inspect.CO_VARKEYWORDS)
    return FunctionType(code.replace(co_argcount=count, co_posonlyargcount=0, co_kwonlyargcount=0, co_flags=flags),
                        function.__globals__, function.__name__, None, function.__closure__)


def _annotations(function: Any) -> dict[str, Any]:
    """The annotations of a function of a program's; those of this package are for its own readers."""
    return {} if is_from_torch(function) else getattr(function, "__annotations__", {})


class Tracer(TracerBase):
    """Traces modules and functions. Derived classes say by `is_leaf_module` which modules are one node, and may change
    how nodes are made. ``autowrap_modules`` and ``autowrap_functions`` are leaves wherever they are called.

    >>> from wengert import fx
    >>> graph = fx.Tracer().trace(nn.Sequential(nn.ReLU(), nn.Tanh()))
    >>> [node.target for node in graph.nodes]
    ['input', '0', '1', 'output']
    """

    root: nn.Module

    def __init__(self, autowrap_modules: Sequence[ModuleType] = (math,),
                 autowrap_functions: Sequence[Callable[..., Any]] = (), param_shapes_constant: bool = False) -> None:
        self._autowrap_search = list(autowrap_modules)
        self._autowrap_function_ids = {id(value) for module in autowrap_modules for name, value in vars(module).items()
                        if not name.startswith("_") and callable(value)} | set(map(id, autowrap_functions))
        self.submodule_paths: dict[nn.Module, str] | None = None
        self.param_shapes_constant = param_shapes_constant
        self.root_module_name = ""
        self.tensor_attrs: dict[torch.Tensor, str] = {}

    # --- what derived classes say -------------------------------------------------------------------------------------

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        """Whether a module is one node: those of `nn` are, but for `nn.Sequential`."""
        return type(m).__module__.startswith(("wengert.nn", "torch.nn")) and not isinstance(m, nn.Sequential)

    def path_of_module(self, mod: nn.Module) -> str:
        """The name of a submodule. Raises NameError for one that is none."""
        if self.submodule_paths is None:
            self.submodule_paths = {module: name for name, module in self.root.named_modules()}
        if mod not in self.submodule_paths:
            raise NameError("module is not installed as a submodule")
        return self.submodule_paths[mod]

    def call_module(self, m: nn.Module, forward: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
                    ) -> Any:
        """What a call of a submodule gives: a proxy, or what its ``forward`` gives."""
        name = self.path_of_module(m)
        return (self.create_proxy("call_module", name, args, kwargs) if self.is_leaf_module(m, name)
                else forward(*args, **kwargs))

    def getattr(self, attr: str, attr_val: Any, parameter_proxy_cache: dict[str, Any]) -> Any:
        """What reading an attribute of a module gives: of a parameter a proxy, always the same one."""
        if isinstance(attr_val, nn.Parameter):
            name = next((name for name, parameter in self.root.named_parameters() if parameter is attr_val), None)
            if name is not None:
                if name not in parameter_proxy_cache:
                    parameter_proxy_cache[name] = self.create_proxy("get_attr", name, (), {})
                return parameter_proxy_cache[name]
        return attr_val

    def create_arg(self, a: Any) -> Any:
        """An argument as nodes have it; of parameters, buffers and modules of the root the node that reads them, other
        tensors become attributes of the root. Raises NameError for a parameter of another module."""
        if isinstance(a, nn.Parameter):
            for name, parameter in self.root.named_parameters():
                if a is parameter:
                    return self.create_node("get_attr", name, (), {})
            raise NameError("parameter is not a member of this module")
        if isinstance(a, torch.Tensor):
            for name, buffer in self.root.named_buffers():
                if a is buffer:
                    return self.create_node("get_attr", name, (), {})
            return self.create_node("get_attr", self._constant(a), (), {})
        if isinstance(a, nn.Module):
            for name, module in self.root.named_modules():
                if a is module:
                    return self.create_node("get_attr", name, (), {})
        return super().create_arg(a)

    def _constant(self, tensor: torch.Tensor) -> str:
        name = self.tensor_attrs.get(tensor)
        if name is None:
            number = 0
            while hasattr(self.root, f"_tensor_constant{number}"):
                number += 1
            name = self.tensor_attrs[tensor] = f"_tensor_constant{number}"
            setattr(self.root, name, tensor)
        return name

    # --- running ------------------------------------------------------------------------------------------------------

    def trace(self, root: nn.Module | Callable[..., Any], concrete_args: dict[str, Any] | None = None) -> Graph:
        """The graph of a module or function; the arguments in ``concrete_args`` (numbers, strings, truth values, None)
        have those values, and calls with others fail."""
        if isinstance(root, nn.Module):
            self.root, function = root, type(root).forward
            self.root_module_name = type(root).__name__
            self.submodule_paths = {module: name for name, module in root.named_modules()}
        else:
            self.root, function = nn.Module(), root
        self.graph = Graph(tracer_cls=type(self))
        self.tensor_attrs = {value: f"{path}.{name}".lstrip(".") for path, module in self.root.named_modules()
                             for name, value in vars(module).items() if isinstance(value, torch.Tensor)}
        plain = inspect.unwrap(function)
        called, arguments = self.create_args_for_root(plain, isinstance(root, nn.Module), concrete_args)
        with _lock, self._patched(plain.__globals__):
            result = called(*arguments)
            self.create_node("output", "output", (self.create_arg(result),), {},
                             type_expr=_annotations(called).get("return"))
        self.submodule_paths = None
        return self.graph

    @contextlib.contextmanager
    def _patched(self, namespace: dict[str, Any]) -> Iterator[None]:
        """Modules' calls and parameters pass by this tracer, and leaves are leaves."""
        patches, cache = _Patcher(), dict[str, Any]()
        call, read = nn.Module.__call__, nn.Module.__getattr__
        here = threading.get_ident()

        def called(module: nn.Module, *args: Any, **kwargs: Any) -> Any:
            if threading.get_ident() != here:
                return call(module, *args, **kwargs)
            patches.search(getattr(type(module).forward, "__globals__", {}), self._autowrap_function_ids)
            return self.call_module(module, lambda *a, **k: call(module, *a, **k), args, kwargs)

        def seen(module: nn.Module, name: str) -> Any:
            value = read(module, name)
            return value if threading.get_ident() != here else self.getattr(name, value, cache)

        with patches:
            patches.patch_method(nn.Module, "__call__", called)
            patches.patch_method(nn.Module, "__getattr__", seen)
            _patch_wrapped_functions(patches)
            _autowrap_check(patches, namespace, self._autowrap_function_ids)
            for module in self._autowrap_search:
                _autowrap_check(patches, vars(module), self._autowrap_function_ids)
            yield

    def create_args_for_root(self, root_fn: Callable[..., Any], is_module: bool,
                             concrete_args: dict[str, Any] | None = None) -> tuple[Callable[..., Any], list[Any]]:
        """The function to call, and proxies of its arguments (before them the module, where it is a method)."""
        code = root_fn.__code__
        parameters = inspect.signature(root_fn).parameters
        names = list(code.co_varnames[:code.co_argcount + code.co_kwonlyargcount])
        arguments: list[Any] = [self.root] if is_module else []
        if is_module and not names:
            raise RuntimeError("``self`` argument cannot be part of *args expansion!")
        kinds = _annotations(root_fn)
        for name in names[is_module:]:
            given = parameters[name].default if name in parameters else inspect.Parameter.empty
            default = () if given is inspect.Parameter.empty else (given,)
            if concrete_args is not None and name in concrete_args:
                arguments.append(self._specialised(name, concrete_args[name], default))
            else:
                arguments.append(self.create_proxy("placeholder", name, default, {}, type_expr=kinds.get(name)))
        flags = {"*": inspect.CO_VARARGS, "**": inspect.CO_VARKEYWORDS}
        stars = [star for star, flag in flags.items() if code.co_flags & flag]
        for star, name in zip(stars, code.co_varnames[len(names):], strict=False):
            arguments.append(self.create_proxy("placeholder", star + name, (), {}, type_expr=kinds.get(name)))
        if code.co_kwonlyargcount or stars:
            root_fn = _only_positional(root_fn, len(arguments))
        return root_fn, arguments

    def _specialised(self, name: str, value: Any, default: tuple[Any, ...]) -> Any:
        """A placeholder that must have a value, and the value."""
        if not isinstance(value, BASE_TYPES) or isinstance(value, torch.Tensor):
            raise NotImplementedError(f"[fx] a number, a string, a truth value or None was expected for the concrete "
                                      f"argument {name!r}; got {type(value).__name__}; trace a function that holds it")
        given = self.create_proxy("placeholder", f"{name}_1", default, {})
        words = f"{name} has been specialized to have value {value} but got another value"
        if value is None:
            self.create_proxy("call_function", _assert_is_none, (given, words), {})
        else:
            self.create_proxy("call_function", _assert, (given == value, words), {})
        return value


def _assert(condition: Any, message: str) -> None:
    """``assert condition, message``; of a proxy it is noted, for every later call."""
    if isinstance(condition, Proxy):
        condition.tracer.create_proxy("call_function", _assert, (condition, message), {})
    else:
        assert condition, message


_assert.__module__ = "torch"  # where it is found, by this module


def _assert_is_none(value: Any, message: str) -> None:
    """``assert value is None, message``."""
    assert value is None, message


def symbolic_trace(root: nn.Module | Callable[..., Any], concrete_args: dict[str, Any] | None = None,
                   enable_cpatching: bool = False) -> GraphModule:
    """A module or function as a `GraphModule`: the graph of what it does, and code made of it.

    >>> import wengert as torch
    >>> from wengert.fx import symbolic_trace
    >>> traced = symbolic_trace(lambda x, y: torch.relu(x + 1) @ y)
    >>> print(traced.graph)
    graph():
        %x : [num_users=1] = placeholder[target=x]
        %y : [num_users=1] = placeholder[target=y]
        %add : [num_users=1] = call_function[target=operator.add](args = (%x, 1), kwargs = {})
        %relu : [num_users=1] = call_function[target=torch.relu](args = (%add,), kwargs = {})
        %matmul : [num_users=1] = call_function[target=operator.matmul](args = (%relu, %y), kwargs = {})
        return matmul
    """
    tracer = Tracer()
    graph = tracer.trace(root, concrete_args)
    name = type(root).__name__ if isinstance(root, nn.Module) else getattr(root, "__name__", "GraphModule")
    return GraphModule(tracer.root, graph, name)


__all__ = ["Node", "Proxy", "Tracer", "symbolic_trace", "wrap"]
