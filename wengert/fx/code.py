"""A graph as Python: the text of a function that does what the graph says, and the globals that it needs.

The one idea to know: each node is one statement, and a name is given up (``x = None``) by the last statement that uses
it, so that memory is freed as it is in the program that was traced.
"""

from __future__ import annotations

import builtins
import math
import typing
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import wengert as torch

from .leaves import wrap
from .naming import Namespace
from .node import Node, is_from_torch, map_arg, qualified_name, type_text

_BINARY = {
    "add": "+", "sub": "-", "mul": "*", "floordiv": "//", "truediv": "/", "mod": "%", "pow": "**", "lshift": "<<",
    "rshift": ">>", "and_": "&", "or_": "|", "xor": "^", "matmul": "@", "eq": "==", "ne": "!=", "lt": "<", "gt": ">",
    "le": "<=", "ge": ">=",
}
MAGIC = {**{name: f"{{}} {sign} {{}}" for name, sign in _BINARY.items()}, "pos": "+{}", "neg": "-{}", "invert": "~{}",
         "getitem": "{}[{}]"}
"""The functions of `operator` that are written as expressions."""
INPLACE = {f"i{name.rstrip('_')}": f"{{}} {sign}= {{}}" for name, sign in _BINARY.items()
           if sign not in ("==", "!=", "<", ">", "<=", ">=")}
"""Those that are written as statements."""


@dataclass
class PythonCode:
    """The text ``src`` of a function ``forward``, and its ``globals``.

    >>> code = torch.fx.symbolic_trace(lambda x: x + 1).graph.python_code("self")
    >>> "x + 1" in code.src, "torch" in code.globals
    (True, True)
    """

    src: str
    globals: dict[str, Any] = field(default_factory=dict)


def _reaches(path: str, value: Any) -> bool:
    """Whether ``torch.a.b`` is this value."""
    owner: Any = torch
    for part in path.split(".")[1:]:
        owner = getattr(owner, part, None)
    return owner is value


class CodeGen:
    """Writes the Python of a graph.

    >>> torch.fx.CodeGen().add_global("print", print)
    'print'
    """

    def __init__(self) -> None:
        self._namespace = Namespace()
        self._globals: dict[str, Any] = {}
        self._wrapped: dict[str, None] = {}

    def add_global(self, hint: str, value: Any) -> str:
        """The name under which a value is found by the code."""
        if is_from_torch(value) and value is not torch.device:
            name = hint if hint.startswith("torch.") else qualified_name(value)
            if _reaches(name, value):
                return name
        if getattr(builtins, hint, None) is value:
            return hint
        name = self._namespace.create_name(hint.replace(".", "_"), value)
        self._globals[name] = value
        return name

    # --- pieces of text -----------------------------------------------------------------------------------------------

    def value_text(self, value: Any) -> str:
        """An argument as Python."""
        if isinstance(value, Node):
            return repr(value)
        if isinstance(value, tuple) and hasattr(value, "_fields"):
            return f"{self.add_global(qualified_name(type(value)), type(value))}{self._plain(tuple(value))}"
        if isinstance(value, tuple | list | dict | slice):
            return self._plain(value)
        if isinstance(value, float) and not math.isfinite(value):
            return repr(value)  # inf and nan are among the globals
        if isinstance(value, torch.device):
            self._globals["device"] = torch.device
        elif isinstance(value, type) or callable(value) and not isinstance(value, torch.Tensor | torch.dtype):
            return self.add_global(qualified_name(value), value)
        return repr(value)

    def _plain(self, value: Any) -> str:
        if isinstance(value, slice):
            return f"slice({', '.join(map(self.value_text, (value.start, value.stop, value.step)))})"
        if isinstance(value, dict):
            return "{" + ", ".join(f"{key!r}: {self.value_text(part)}" for key, part in value.items()) + "}"
        inside = ", ".join(map(self.value_text, value))
        if isinstance(value, list):
            return f"[{inside}]"
        return f"({inside}{',' if len(value) == 1 else ''})"

    def arguments_text(self, args: Sequence[Any], kwargs: dict[str, Any]) -> str:
        """Arguments as they stand between parentheses."""
        return ", ".join([*map(self.value_text, args), *(f"{key} = {self.value_text(a)}" for key, a in kwargs.items())])

    @staticmethod
    def path_text(base: str, target: str) -> str:
        """An attribute of an attribute; ``getattr`` where a part is no name."""
        for part in target.split("."):
            base = f"{base}.{part}" if part.isidentifier() else f'getattr({base}, "{part}")'
        return base

    def kind_text(self, kind: Any) -> str:
        """An annotation."""
        if isinstance(kind, str):
            return kind
        text = type_text(kind)
        origin = getattr(kind, "__origin__", None)
        if origin is not None:
            inner = ", ".join(map(self.kind_text, kind.__args__))
            name = getattr(kind, "_name", None)
            head = (self.add_global(f"typing.{name}", getattr(typing, name)) if name
                    else self.add_global(type_text(origin), origin))
            return f"{head}[{inner}]" if inner else head
        return self.add_global(text, kind) if isinstance(kind, type) else text

    # --- statements ---------------------------------------------------------------------------------------------------

    def _call_function(self, node: Node) -> str:
        target, args = node.target, node.args
        module, name = getattr(target, "__module__", None), getattr(target, "__name__", "")
        texts = [self.value_text(a) for a in args]
        if module == "_operator" and name in MAGIC:
            return f"{node!r} = {MAGIC[name].format(*texts)}"
        if module == "_operator" and name in INPLACE:
            return f"{INPLACE[name].format(*texts)};  {node!r} = {texts[0]}"
        called = self.add_global(qualified_name(target), target)
        if called == "getattr" and len(args) == 2 and isinstance(args[1], str) and args[1].isidentifier():
            return f"{node!r} = {self.path_text(texts[0], args[1])}"
        if node.meta.get("is_wrapped"):
            self._wrapped[called] = None
        return f"{node!r} = {called}({self.arguments_text(args, node.kwargs)})"

    def statement(self, node: Node) -> str:
        """A node that is neither placeholder nor output, as a statement."""
        if node.op == "call_function":
            return self._call_function(node)
        if node.op == "get_attr":
            return f"{node!r} = {self.path_text('self', node.target)}"
        args, base = node.args, "self"
        if node.op == "call_method":
            base, args = self.value_text(args[0]), args[1:]
        return f"{node!r} = {self.path_text(base, node.target)}({self.arguments_text(args, node.kwargs)})"

    def _parameter(self, node: Node) -> str:
        kind = f" : {self.kind_text(node.type)}" if node.type is not None else ""
        default = f" = {self.value_text(node.args[0])}" if node.args else ""
        return f"{node.target}{kind}{default}"

    def generate(self, graph: Any) -> PythonCode:
        """The text of a graph."""
        self._globals = {"inf": math.inf, "nan": math.nan, "NoneType": type(None), "torch": torch}
        for node in graph.nodes:  # the names of nodes are no globals'
            self._namespace.create_name(node.name, node)
        last = _last_uses(graph)
        parameters, body, returned = ["self"], [], ""
        for node in graph.nodes:
            if node.op == "placeholder":
                parameters.append(self._parameter(node))
                plain = node.target.replace("*", "")
                if plain != repr(node):
                    body.append(f"{node!r} = {plain}\n")
            elif node.op == "output":
                returned = f" -> {self.kind_text(node.type)}" if node.type is not None else ""
                body.append(f"return {self.value_text(node.args[0])}\n")
            else:
                done = [*last.get(node, []), *([] if node.users else [node])]
                given_up = f";  {' = '.join([*map(repr, done), 'None'])}" if done else ""
                body.append(f"{self.statement(node)}{given_up}\n")
        lines = "".join(f"    {line}" for line in (body or ["pass\n"]))
        marker = self.add_global("wrap", wrap) if self._wrapped else ""
        wraps = "\n".join(f'{marker}("{name}")' for name in self._wrapped)
        return PythonCode(f"\n{wraps}\n\ndef forward({', '.join(parameters)}){returned}:\n{lines}    ",
                          self._globals)


def _last_uses(graph: Any) -> dict[Node, list[Node]]:
    """For each node those that nothing behind it uses."""
    seen: set[Node] = set()
    last: dict[Node, list[Node]] = {}
    for user in reversed(graph.nodes):
        def note(node: Node, user: Node = user) -> Node:
            if node not in seen:
                seen.add(node)
                last.setdefault(user, []).append(node)
            return node

        map_arg(user.args, note)
        map_arg(user.kwargs, note)
    return last
