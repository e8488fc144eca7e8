"""`Node`: one step of a `Graph`, and what its arguments are made of.

The one idea to know: a node's arguments are Python values, nests of tuples, lists, dicts and slices with other nodes in
the places of what those compute; setting them keeps the users of each node.
"""

from __future__ import annotations

import builtins
import types
from collections.abc import Callable
from typing import Any

import wengert as torch

from ..overrides import resolve_name
from .immutable_collections import immutable_dict, immutable_list

OPERATIONS = ("placeholder", "get_attr", "call_function", "call_method", "call_module", "output")
BASE_TYPES = (str, int, float, bool, complex, torch.dtype, torch.Tensor, torch.device, torch.memory_format,
              torch.layout, type(None), type(...))
"""What stands in arguments as it is."""


def map_aggregate(a: Any, fn: Callable[[Any], Any]) -> Any:
    """A nest of tuples, lists, dicts and slices with ``fn(leaf)`` in the place of each leaf; lists and dicts of it
    cannot be changed."""
    if isinstance(a, tuple):
        parts = [map_aggregate(part, fn) for part in a]
        return type(a)(*parts) if hasattr(a, "_fields") else tuple(parts)
    if isinstance(a, list):
        return immutable_list([map_aggregate(part, fn) for part in a])
    if isinstance(a, dict):
        return immutable_dict([(key, map_aggregate(part, fn)) for key, part in a.items()])
    if isinstance(a, slice):
        return slice(*[map_aggregate(part, fn) for part in (a.start, a.stop, a.step)])
    return fn(a)


def map_arg(a: Any, fn: Callable[[Node], Any]) -> Any:
    """`map_aggregate` of the nodes in ``a``; other leaves stay.

    >>> from wengert import fx
    >>> model = fx.symbolic_trace(nn.Sequential(nn.Linear(2, 3), nn.ReLU()))
    >>> node = next(iter(model.graph.nodes))
    >>> fx.map_arg([node, 1], lambda one: one.name)
    ['input_1', 1]
    """
    return map_aggregate(a, lambda leaf: fn(leaf) if isinstance(leaf, Node) else leaf)


def is_from_torch(value: Any) -> bool:
    """Whether a function or class is one of wengert's, which goes by PyTorch's name in code."""
    return (getattr(value, "__module__", None) or "").partition(".")[0] in ("wengert", "torch")


_AT_THE_TOP = frozenset("""adaptive_avg_pool1d avg_pool1d bilinear celu_ channel_shuffle conv1d conv2d conv3d conv_tbc
    conv_transpose1d conv_transpose2d conv_transpose3d cosine_similarity native_channel_shuffle pairwise_distance pdist
    pixel_shuffle pixel_unshuffle relu_ rrelu_ selu_ threshold_""".split())
"""The functions of `nn.functional` that PyTorch has at the top, and calls so."""


def qualified_name(target: Any) -> str:
    """The name of a function with its module's: ``"torch.nn.functional.relu"``, ``"_operator.add"``, ``"len"``."""
    name = getattr(target, "__name__", None)
    if name is None:
        raise RuntimeError(f"[fx] a function with a name was expected; got {target!r}")
    if getattr(builtins, name, None) is target:
        return str(name)
    if isinstance(target, types.MethodDescriptorType | types.WrapperDescriptorType):
        return f"{target.__objclass__.__module__}.{target.__objclass__.__name__}.{name}"
    module = getattr(target, "__module__", None) or ""
    if not is_from_torch(target):
        return f"{module}.{name}" if module else str(name)
    if module.startswith("wengert.nn.functional"):
        return f"torch.{name}" if name in _AT_THE_TOP else f"torch.nn.functional.{name}"
    if getattr(torch, name, None) is target:
        return f"torch.{name}"
    found = resolve_name(target) if not isinstance(target, type) else None
    return found or ".".join(["torch", *module.removeprefix("wengert.compat.torch").split(".")[1:], name])


def type_text(kind: Any) -> str:
    """How an annotation is written: ``torch.Tensor``, ``int``, ``typing.Optional[torch.Tensor]``."""
    if isinstance(kind, type) and not hasattr(kind, "__origin__"):
        if kind.__module__ == "builtins":
            return kind.__qualname__
        if kind is torch.Tensor:
            return "torch.Tensor"
        return f"{kind.__module__}.{kind.__qualname__}"
    if kind is ...:
        return "..."
    if isinstance(kind, types.FunctionType):
        return kind.__name__
    return repr(kind).replace("wengert.tensors.tensor.", "torch.")


def _argument_text(a: Any) -> str:
    if hasattr(a, "_fx_repr_fn"):
        return str(a._fx_repr_fn())
    if isinstance(a, list):
        return f"[{', '.join(map(_argument_text, a))}]"
    if isinstance(a, tuple):
        return f"({', '.join(map(_argument_text, a))}{',' if len(a) == 1 else ''})"
    if isinstance(a, dict):
        return "{" + ", ".join(f"{key}: {_argument_text(value)}" for key, value in a.items()) + "}"
    return f"%{a}" if isinstance(a, Node) else str(a)


class Node:
    """One step of a graph: ``op`` is one of `OPERATIONS`, ``target`` what is called or read (a function; the name of a
    method, a submodule or an attribute), ``args`` and ``kwargs`` what with. ``users`` are the nodes that use its
    result, ``meta`` is for whoever works on the graph.

    >>> from wengert import fx
    >>> model = fx.symbolic_trace(nn.Sequential(nn.Linear(2, 3), nn.ReLU()))
    >>> [(node.op, node.name) for node in model.graph.nodes]
    [('placeholder', 'input_1'), ('call_module', '_0'), ('call_module', '_1'), ('output', 'output')]
    """

    def __init__(self, graph: Any, name: str, op: str, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any],
                 return_type: Any = None) -> None:
        if op not in OPERATIONS:
            raise AssertionError(f"[fx.Node] one of {', '.join(OPERATIONS)} was expected; got {op!r}")
        if op == "call_function" and not callable(target):
            raise ValueError(f"Node [graph = {graph}, name = '{name}'] target {target} has type "
                             f"{type_text(type(target))} but a Callable is expected")
        if op != "call_function" and not isinstance(target, str):
            raise ValueError(f"Node [graph = {graph}, name = '{name}'] target {target} has type "
                             f"{type_text(type(target))} but a str is expected")
        self.graph, self.name, self.op, self.target, self.type = graph, name, op, target, return_type
        self._args: tuple[Any, ...] = ()
        self._kwargs: dict[str, Any] = {}
        self._input_nodes: dict[Node, None] = {}
        self.users: dict[Node, None] = {}
        self.meta: dict[str, Any] = {}
        self._erased = False
        self._prev = self._next = self
        self._set(args, kwargs)

    # --- order --------------------------------------------------------------------------------------------------------

    @property
    def next(self) -> Node:
        """The node behind this one."""
        return self._next

    @property
    def prev(self) -> Node:
        """The node before this one."""
        return self._prev

    def prepend(self, x: Node) -> None:
        """Puts ``x``, a node of the same graph, before this one."""
        if self.graph is not x.graph:
            raise AssertionError("Attempting to move a Node into a different Graph")
        if self is x:
            return
        x._unlink()
        before = self._prev
        before._next, x._prev = x, before
        x._next, self._prev = self, x

    def append(self, x: Node) -> None:
        """Puts ``x``, a node of the same graph, behind this one."""
        self._next.prepend(x)

    def _unlink(self) -> None:
        self._prev._next, self._next._prev = self._next, self._prev

    # --- arguments ----------------------------------------------------------------------------------------------------

    @property
    def args(self) -> tuple[Any, ...]:
        """The arguments by position. Setting them keeps all nodes' users."""
        return self._args

    @args.setter
    def args(self, args: tuple[Any, ...]) -> None:
        self._set(args, self._kwargs)

    @property
    def kwargs(self) -> dict[str, Any]:
        """The arguments by name. Setting them keeps all nodes' users."""
        return self._kwargs

    @kwargs.setter
    def kwargs(self, kwargs: dict[str, Any]) -> None:
        self._set(self._args, kwargs)

    def _set(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        for used in self._input_nodes:
            used.users.pop(self, None)
        self._input_nodes = {}

        def note(node: Node) -> Node:
            self._input_nodes[node] = None
            node.users[self] = None
            return node

        self._args, self._kwargs = map_arg(tuple(args), note), map_arg(dict(kwargs), note)

    @property
    def all_input_nodes(self) -> list[Node]:
        """The nodes whose results this one uses, each once."""
        return list(self._input_nodes)

    def update_arg(self, idx: int, arg: Any) -> None:
        """Sets one argument by position."""
        args = list(self.args)
        args[idx] = arg
        self.args = tuple(args)

    def insert_arg(self, idx: int, arg: Any) -> None:
        """Puts an argument before the one at a position."""
        if not 0 <= idx <= len(self.args):
            raise AssertionError("insert_args index must be between 0 and len(self.args)")
        self.args = (*self.args[:idx], arg, *self.args[idx:])

    def update_kwarg(self, key: str, arg: Any) -> None:
        """Sets one argument by name."""
        self.kwargs = {**self.kwargs, key: arg}

    def replace_all_uses_with(self, replace_with: Node, delete_user_cb: Callable[[Node], bool] = lambda user: True, *,
                              propagate_meta: bool = False) -> list[Node]:
        """Puts another node into the arguments of all users (for which ``delete_user_cb`` holds), and returns these."""
        if propagate_meta:
            replace_with.meta.update(self.meta)
        changed = [user for user in list(self.users) if delete_user_cb(user)]
        for user in changed:
            user.replace_input_with(self, replace_with)
        return changed

    def replace_input_with(self, old_input: Node, new_input: Node) -> None:
        """Puts ``new_input`` in the place of ``old_input`` in the arguments."""
        def replaced(node: Node) -> Node:
            return new_input if node is old_input else node

        self._set(map_arg(self.args, replaced), map_arg(self.kwargs, replaced))

    def is_impure(self, impure_random: bool = True) -> bool:
        """Whether the node does more than compute a result: it stays although nothing uses it."""
        if self.op in ("placeholder", "output"):
            return True
        if self.op == "call_function":
            return qualified_name(self.target) in IMPURE or self.target in _impure
        if self.op == "call_module" and self.graph.owning_module is not None:
            return bool(getattr(self.graph.owning_module.get_submodule(self.target), "_is_impure", False))
        return False

    @property
    def stack_trace(self) -> str | None:
        """Where the node was recorded, if the tracer keeps it."""
        return self.meta.get("stack_trace")

    @stack_trace.setter
    def stack_trace(self, trace: str | None) -> None:
        self.meta["stack_trace"] = trace

    # --- text ---------------------------------------------------------------------------------------------------------

    def __repr__(self) -> str:
        return self.name

    def _target_text(self) -> str:
        if isinstance(self.target, str):
            return self.target
        name = qualified_name(self.target)
        if getattr(self.target, "__module__", "") == "builtins":
            return f"builtins.{name}"
        return name.replace("_operator.", "operator.", 1) if name.startswith("_operator.") else name

    def format_node(self, placeholder_names: list[str] | None = None, maybe_return_typename: list[str] | None = None
                    ) -> str | None:
        """The node as a line, such as ``%add : [num_users=1] = call_function[target=operator.add](args = (%x, 1),
        kwargs = {})``. With ``placeholder_names`` a placeholder is noted there, and gives None."""
        kind = f"{type_text(self.type)} " if self.type else ""
        head = f"%{self.name} : {kind}[num_users={len(self.users)}] = {self.op}[target={self._target_text()}]"
        if self.op == "placeholder":
            if placeholder_names is not None:
                placeholder_names.append(self.target + (f": {type_text(self.type)}" if self.type else ""))
                return None
            return head + (f"(default={self.args[0]})" if self.args else "")
        if self.op == "get_attr":
            return head
        if self.op == "output":
            if self.type and maybe_return_typename is not None:
                maybe_return_typename[0] = f" -> {type_text(self.type)}"
            return f"return {self.args[0]}"
        return f"{head}(args = {_argument_text(self.args)}, kwargs = {_argument_text(self.kwargs)})"

    def __reduce__(self) -> Any:
        raise TypeError("[fx.Node] nodes are pickled with their graph")


IMPURE = {"torch._assert", "torch._assert_async", "torch.manual_seed", "torch.set_grad_enabled", "print",
          "torch._C._set_grad_enabled"}
_impure: set[Any] = set()


def has_side_effect(fn: Any) -> Any:
    """Marks a function as one that does more than compute its result; returns it.

    >>> from wengert import fx
    >>> def said(text):
    ...     print(text)
    >>> fx.has_side_effect(said) is said
    True
    """
    _impure.add(fn)
    return fn
