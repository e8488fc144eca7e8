"""`GraphModule`: a module whose ``forward`` is the code of a graph."""

from __future__ import annotations

import linecache
from copy import deepcopy
from typing import Any

import wengert as torch
from wengert import nn

from .code import PythonCode
from .graph import Graph

_count = 0


def _compiled(code: PythonCode) -> Any:
    """The function of a text, which tracebacks show."""
    global _count
    _count += 1
    name = f"<eval_with_key>.{_count}"
    linecache.cache[name] = (len(code.src), None, code.src.splitlines(True), name)
    namespace = dict(code.globals)
    exec(compile(code.src, name, "exec"), namespace)
    return namespace["forward"]


def _copy_path(source: Any, made: nn.Module, path: str) -> None:
    """Puts what ``source`` has at a path into a module, with modules above it where there are none."""
    *above, last = path.split(".")
    for part in above:
        source = getattr(source, part)
        found = getattr(made, part, None)
        if found is source:
            return
        if found is None:
            found = nn.Module()
            setattr(made, part, found)
        made = found
    value = getattr(source, last)
    if isinstance(value, torch.Tensor) and not isinstance(value, nn.Parameter):
        made.register_buffer(last, value)
    else:
        setattr(made, last, value)


class GraphModule(nn.Module):
    """A module with the ``graph``, the ``code`` made of it, and those parameters, buffers and submodules of ``root`` (a
    module, or a dict by path) that the graph names. Setting the graph, or `recompile` after changing it, makes the code
    anew. It can be pickled and copied, and is traced and trained like any module.

    >>> from wengert import fx
    >>> model = fx.symbolic_trace(nn.Sequential(nn.Linear(2, 3), nn.ReLU()))
    >>> fx.GraphModule(model, model.graph)(torch.ones(1, 2)).shape
    torch.Size([1, 3])
    """

    def __new__(cls, *args: Any, **kwargs: Any) -> GraphModule:
        # A class of its own, whose forward is its graph's.
        base = next(kind for kind in cls.__mro__ if "_is_of_one_graph" not in vars(kind))
        made: GraphModule = object.__new__(type(base.__name__, (base,), {
            "_is_of_one_graph": True, "__module__": base.__module__, "__doc__": base.__doc__}))
        return made

    def __init__(self, root: nn.Module | dict[str, Any], graph: Graph, class_name: str = "GraphModule") -> None:
        super().__init__()
        type(self).__name__ = type(self).__qualname__ = class_name
        if isinstance(root, nn.Module):
            self.training = root.training
        paths = {node.target for node in graph.nodes if node.op in ("get_attr", "call_module")}
        if isinstance(root, dict):
            absent = sorted(path for path in paths if path not in root)
            if absent:
                raise RuntimeError(f"Node referenced target {absent[0]} but that target was not provided in ``root``!")
        for node in graph.nodes:
            if node.op in ("get_attr", "call_module"):
                _copy_path(root if isinstance(root, nn.Module) else _Given(root), self, node.target)
        self.graph = graph

    @property
    def graph(self) -> Graph:
        """What the module does."""
        return self.__dict__["_graph"]

    @graph.setter
    def graph(self, graph: Graph) -> None:
        if not isinstance(graph, Graph):
            raise AssertionError(f"Expected a Graph instance, but got {type(graph)}")
        self.__dict__["_graph"] = graph
        graph.owning_module = self
        self.recompile()

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "graph":
            type(self).graph.__set__(self, value)  # type: ignore[attr-defined]  # a property
        else:
            super().__setattr__(name, value)

    def recompile(self) -> PythonCode:
        """Makes the code anew, after the graph has been changed."""
        code = self.graph.python_code("self")
        self.__dict__["_code"] = code.src
        type(self).forward = _compiled(code)
        return code

    @property
    def code(self) -> str:
        """The Python of the graph."""
        return self.__dict__["_code"]

    # --- submodules ---------------------------------------------------------------------------------------------------

    def add_submodule(self, target: str, m: nn.Module) -> bool:
        """Puts a module at a path, with modules above it where there are none; False where something else is in the
        way."""
        *above, last = target.split(".")
        place: Any = self
        for part in above:
            found = getattr(place, part, None)
            if found is None:
                found = nn.Module()
                setattr(place, part, found)
            if not isinstance(found, nn.Module):
                return False
            place = found
        place.add_module(last, m)
        return True

    def delete_submodule(self, target: str) -> bool:
        """Takes out the module at a path; False where there is none."""
        above, _, last = target.rpartition(".")
        try:
            place = self.get_submodule(above)
        except AttributeError:
            return False
        if not isinstance(getattr(place, last, None), nn.Module):
            return False
        delattr(place, last)
        return True

    def delete_all_unused_submodules(self) -> None:
        """Takes out the modules that the graph neither calls nor reads, nor anything beneath or above those."""
        used: set[str] = set()
        for node in self.graph.nodes:
            if node.op in ("call_module", "get_attr"):
                parts = node.target.split(".")
                used |= {".".join(parts[:count]) for count in range(1, len(parts) + 1)}
                if node.op == "call_module":
                    inner = self.get_submodule(node.target).named_modules()
                    used |= {f"{node.target}.{name}" for name, _ in inner if name}
        for name in [name for name, _ in self.named_modules() if name and name not in used]:
            self.delete_submodule(name)

    # --- text and copies ----------------------------------------------------------------------------------------------

    def print_readable(self, print_output: bool = True, **options: Any) -> str:
        """The code as that of a class."""
        lines = [f"class {type(self).__name__}(torch.nn.Module):", *(f"    {line}" if line else ""
                                                                     for line in self.code.lstrip("\n").splitlines())]
        text = "\n".join(lines)
        if print_output:
            print(text)
        return text

    def __str__(self) -> str:
        return "\n".join([super().__str__(), self.code,
                          "# To see more debug info, please use `graph_module.print_readable()`"])

    def __reduce__(self) -> tuple[Any, ...]:
        state = {name: value for name, value in self.__dict__.items() if name not in ("_graph", "_code")}
        return _rebuilt, (state, self.graph, type(self).__name__)

    def __deepcopy__(self, memo: dict[int, Any]) -> GraphModule:
        state = {name: value for name, value in self.__dict__.items() if name not in ("_graph", "_code")}
        made = _rebuilt(deepcopy(state, memo), deepcopy(self.graph, memo), type(self).__name__)
        memo[id(self)] = made
        return made

    def __copy__(self) -> GraphModule:
        return GraphModule(self, self.graph, type(self).__name__)


def _rebuilt(state: dict[str, Any], graph: Graph, name: str) -> GraphModule:
    made = GraphModule.__new__(GraphModule)
    nn.Module.__init__(made)
    made.__dict__.update(state)
    type(made).__name__ = type(made).__qualname__ = name
    made.graph = graph
    return made


class _Given:
    """A dict of values by path, read as attributes are."""

    def __init__(self, values: dict[str, Any], above: str = "") -> None:
        self._values, self._above = values, above

    def __getattr__(self, name: str) -> Any:
        path = f"{self._above}{name}"
        return self._values[path] if path in self._values else _Given(self._values, f"{path}.")
