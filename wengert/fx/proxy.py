"""`Proxy`: stands for a value while a program is traced, and notes what is done with it as nodes of a graph.

The one idea to know: operators, methods and attributes of a proxy give proxies; functions ask it by
``__torch_function__``; and what would need a value (a condition, a length, a loop over it) raises `TraceError`.
"""

from __future__ import annotations

import dis
import inspect
import operator
import sys
from collections.abc import Callable, Iterator
from typing import Any

from ..overrides import arm, is_tensor_method_or_property
from .code import MAGIC
from .graph import Graph
from .node import BASE_TYPES, Node, qualified_name


class TraceError(ValueError):
    """What a program does with a proxy cannot be told by a graph."""


def _reaches(found: Any, seen: set[int]) -> Proxy | None:
    """A proxy among arguments, or None."""
    if isinstance(found, Proxy):
        return found
    parts = found if isinstance(found, tuple | list) else list(found.values()) if isinstance(found, dict) else (
        (found.start, found.stop, found.step) if isinstance(found, slice) else ())
    for part in parts:
        proxy = _reaches(part, seen)
        if proxy is not None:
            return proxy
    return None


def proxy_in(*values: Any) -> Proxy | None:
    """The first proxy in nests of arguments, None where there is none."""
    return _reaches(values, set())


class TracerBase:
    """What makes nodes of what proxies are asked; `Tracer` runs a program for it."""

    graph: Graph
    record_stack_traces = False

    def create_node(self, kind: str, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any],
                    name: str | None = None, type_expr: Any = None) -> Node:
        """A new node of the graph; the place where all of them are made."""
        return self.graph.create_node(kind, target, args, kwargs, name, type_expr)

    def proxy(self, node: Node) -> Proxy:
        """What stands for a node's value."""
        return Proxy(node, self)

    def create_proxy(self, kind: str, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any],
                     name: str | None = None, type_expr: Any = None, proxy_factory_fn: Any = None) -> Proxy:
        """A new node of arguments that may hold proxies, and what stands for its value."""
        made = self.create_node(kind, target, self.create_arg(tuple(args)), self.create_arg(dict(kwargs)), name,
                                type_expr)
        return self.proxy(made) if proxy_factory_fn is None else proxy_factory_fn(made)

    def create_arg(self, a: Any) -> Any:
        """An argument as nodes have it: the nodes of proxies, in nests of tuples, lists, dicts and slices. Raises
        NotImplementedError for other things."""
        if isinstance(a, Proxy):
            return a.node
        if hasattr(a, "__fx_create_arg__"):
            return a.__fx_create_arg__(self)
        if isinstance(a, tuple) and hasattr(a, "_fields"):
            parts = [self.create_arg(part) for part in a]
            return self.create_node("call_function", type(a), tuple(parts), {}) if proxy_in(*a) else type(a)(*parts)
        if isinstance(a, tuple | list):
            return type(a)([self.create_arg(part) for part in a])
        if isinstance(a, dict):
            if proxy_in(*a):
                raise RuntimeError("Keys for dictionaries used as an argument cannot contain a Node. Got key: "
                                   f"{next(iter(a))}")
            return {self.create_arg(key): self.create_arg(part) for key, part in a.items()}
        if isinstance(a, slice):
            return slice(*[self.create_arg(part) for part in (a.start, a.stop, a.step)])
        if isinstance(a, range):
            return range(*[self.create_arg(part) for part in (a.start, a.stop, a.step)])
        if isinstance(a, BASE_TYPES) or isinstance(a, Node) or callable(a) and not hasattr(a, "parameters"):
            return a
        raise NotImplementedError(f"argument of type: {type(a)}")

    def to_bool(self, obj: Proxy) -> bool:
        """Raises TraceError: which way a condition goes depends on values."""
        raise TraceError("symbolically traced variables cannot be used as inputs to control flow")

    def iter(self, obj: Proxy) -> Iterator[Any]:
        """Raises TraceError: how often a loop runs depends on values."""
        raise TraceError("Proxy object cannot be iterated. This can be attempted when the Proxy is used in a loop or "
                         "as a *args or **kwargs function argument. See the torch.fx docs on pytorch.org for a more "
                         "detailed explanation of what types of control flow can be traced, and check out the Proxy "
                         "docstring for help troubleshooting Proxy iteration errors")

    def keys(self, obj: Proxy) -> Any:
        """What ``**proxy`` reads: a proxy of its keys."""
        return Attribute(obj, "keys")()


class GraphAppendingTracer(TracerBase):
    """What makes nodes of a graph that is there already, for proxies made by hand."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph


class Proxy:
    """Stands for the value of a node.

    >>> from wengert import fx
    >>> traced = fx.symbolic_trace(lambda x: torch.relu(x) + 1)
    >>> [node.op for node in traced.graph.nodes]
    ['placeholder', 'call_function', 'call_function', 'output']
    """

    def __init__(self, node: Node, tracer: TracerBase | None = None) -> None:
        self.tracer = GraphAppendingTracer(node.graph) if tracer is None else tracer
        self.node = node
        arm()  # functions are to ask proxies from their first call

    def __repr__(self) -> str:
        return f"Proxy({self.node.name})"

    def __getattr__(self, k: str) -> Any:
        if k.startswith("__") and k.endswith("__") or k in ("node", "tracer", "_fx_repr_fn"):
            raise AttributeError(k)
        return Attribute(self, k)

    def __call__(self, *args: Any, **kwargs: Any) -> Proxy:
        return self.tracer.create_proxy("call_method", "__call__", (self, *args), kwargs)

    def __iter__(self) -> Iterator[Any]:
        frame = sys._getframe(1)
        for instruction in dis.get_instructions(frame.f_code):
            if instruction.offset == frame.f_lasti and instruction.opname == "UNPACK_SEQUENCE":
                item: Any = self
                return iter([item[index] for index in range(int(instruction.arg or 0))])
        return self.tracer.iter(self)

    def __abs__(self) -> Proxy:
        return self.tracer.create_proxy("call_function", operator.abs, (self,), {})

    def __bool__(self) -> bool:
        return self.tracer.to_bool(self)

    def __len__(self) -> int:
        raise RuntimeError("'len' is not supported in symbolic tracing by default. If you want this call to be "
                           "recorded, please call torch.fx.wrap('len') at module scope")

    def keys(self) -> Any:
        """A proxy of the keys, for ``**proxy``."""
        return self.tracer.keys(self)

    @classmethod
    def __torch_function__(cls, orig_method: Any, types: Any, args: Any = (), kwargs: Any = None) -> Proxy:
        kwargs = kwargs or {}
        found = proxy_in(args, kwargs)
        if found is None:
            raise TraceError(f"[fx] a proxy among the arguments was expected; {orig_method} has none")
        if is_tensor_method_or_property(orig_method) and not qualified_name(orig_method).startswith("torch."):
            return found.tracer.create_proxy("call_method", orig_method.__name__, args, kwargs)
        name = qualified_name(orig_method)
        if name.startswith("torch.Tensor."):
            return found.tracer.create_proxy("call_method", name.removeprefix("torch.Tensor."), args, kwargs)
        if name == "torch.einsum" and isinstance(args[-1], (list, tuple)) and isinstance(args[0], str):
            args = (args[0], *args[-1])  # noted as if they had been given one by one
        if name.startswith("torch.nn.functional.") and name.rpartition(".")[2] not in _AS_CALLED:
            args, kwargs = _by_name(orig_method, args, kwargs)
        return found.tracer.create_proxy("call_function", orig_method, args, kwargs)


_AS_CALLED = frozenset("""avg_pool1d avg_pool2d avg_pool3d bilinear gelu hardshrink linear logsigmoid one_hot prelu
    scaled_dot_product_attention softplus softshrink""".split())
"""The functions of `nn.functional` whose arguments are noted as they are given; of all others every argument that has a
default is noted by its name, as PyTorch does, so that passes find it."""


def _by_name(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    signature = inspect.signature(function)
    bound = signature.bind(*args, **kwargs)
    bound.apply_defaults()
    needed = [name for name, parameter in signature.parameters.items() if parameter.default is parameter.empty]
    return (tuple(bound.arguments[name] for name in needed),
            {name: value for name, value in bound.arguments.items() if name not in needed})


class Attribute(Proxy):
    """An attribute of a proxy: a node where it is used as a value, none where it is a method that is called."""

    def __init__(self, root: Proxy, attr: str) -> None:
        self.root, self.attr, self.tracer = root, attr, root.tracer
        self._node: Node | None = None

    @property
    def node(self) -> Node:  # type: ignore[override]
        """The node that reads the attribute, made when it is first asked for."""
        if self._node is None:
            self._node = self.tracer.create_proxy("call_function", getattr, (self.root, self.attr), {}).node
        return self._node

    def __call__(self, *args: Any, **kwargs: Any) -> Proxy:
        return self.tracer.create_proxy("call_method", self.attr, (self.root, *args), kwargs)


def _forward(target: Callable[..., Any]) -> Any:
    return lambda self, *args: self.tracer.create_proxy("call_function", target, (self, *args), {})


def _reflected(target: Callable[..., Any]) -> Any:
    return lambda self, other: self.tracer.create_proxy("call_function", target, (other, self), {})


for _name in MAGIC:
    _target = getattr(operator, _name)
    _plain = _name.rstrip("_")
    setattr(Proxy, f"__{_plain}__", _forward(_target))
    if MAGIC[_name].count("{}") == 2 and _plain not in ("eq", "ne", "lt", "gt", "le", "ge", "getitem"):
        setattr(Proxy, f"__r{_plain}__", _reflected(_target))
Proxy.__hash__ = object.__hash__  # type: ignore[method-assign]  # which defining __eq__ takes away
