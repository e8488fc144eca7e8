"""`Graph`: what a function or module does, as a list of `Node`s that can be read, changed and written as Python."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from .code import CodeGen, PythonCode
from .naming import Namespace, snake_case
from .node import Node, map_aggregate, map_arg, type_text


class _NodeList:
    """The nodes of a graph in order, or in the opposite one."""

    def __init__(self, graph: Graph, backwards: bool = False) -> None:
        self.graph, self._backwards = graph, backwards

    def __len__(self) -> int:
        return self.graph._count

    def __iter__(self) -> Iterator[Node]:
        root = self.graph._root
        node = root._prev if self._backwards else root._next
        while node is not root:
            if not node._erased:
                yield node
            node = node._prev if self._backwards else node._next

    def __reversed__(self) -> Iterator[Node]:
        return iter(_NodeList(self.graph, not self._backwards))


class _Place:
    """A context whose end brings back where new nodes go."""

    def __init__(self, graph: Graph, insert: Callable[[Node], None]) -> None:
        self._graph, self._before = graph, graph._insert
        graph._insert = insert

    def __enter__(self) -> None:
        return None

    def __exit__(self, *error: object) -> None:
        self._graph._insert = self._before


class Graph:
    """A list of nodes in an order in which they can be computed.

    >>> import wengert as torch
    >>> from wengert.fx import Graph
    >>> graph = Graph()
    >>> x = graph.placeholder("x")
    >>> y = graph.call_function(torch.relu, (x,))
    >>> _ = graph.output(y)
    >>> print(graph)
    graph():
        %x : [num_users=1] = placeholder[target=x]
        %relu : [num_users=1] = call_function[target=torch.relu](args = (%x,), kwargs = {})
        return relu
    """

    def __init__(self, owning_module: Any = None, tracer_cls: type[Any] | None = None,
                 tracer_extras: dict[str, Any] | None = None) -> None:
        self._root = Node(self, "", "output", "", (), {})
        self._names = Namespace()
        self._count = 0
        self._insert: Callable[[Node], None] = self._root.prepend
        self.owning_module = owning_module
        self._tracer_cls = tracer_cls

    @property
    def nodes(self) -> Any:
        """The nodes in order; ``reversed(graph.nodes)`` goes backwards, and both may be changed meanwhile."""
        return _NodeList(self)

    # --- making nodes -------------------------------------------------------------------------------------------------

    def create_node(self, op: str, target: Any, args: tuple[Any, ...] | None = None,
                    kwargs: dict[str, Any] | None = None, name: str | None = None, type_expr: Any = None) -> Node:
        """A new node where nodes are inserted at present (at the end, unless a block says otherwise)."""
        candidate = name if name is not None else self._target_to_str(target)
        node = Node(self, self._names.create_name(candidate), op, target, args or (), kwargs or {}, type_expr)
        self._insert(node)
        self._count += 1
        return node

    @staticmethod
    def _target_to_str(target: Any) -> str:
        text = target if isinstance(target, str) else getattr(target, "__name__", type(target).__name__)
        if text.startswith("__") and text.endswith("__"):
            text = text[2:-2]
        return snake_case(text)

    def placeholder(self, name: str, type_expr: Any = None, default_value: Any = ...) -> Node:
        """An argument of the graph."""
        return self.create_node("placeholder", name, () if default_value is ... else (default_value,),
                                type_expr=type_expr)

    def get_attr(self, qualified_name: str, type_expr: Any = None) -> Node:
        """What is read from the module: ``"layer.weight"``."""
        return self.create_node("get_attr", qualified_name, type_expr=type_expr)

    def call_module(self, module_name: str, args: tuple[Any, ...] | None = None, kwargs: dict[str, Any] | None = None,
                    type_expr: Any = None) -> Node:
        """A call of a submodule."""
        return self.create_node("call_module", module_name, args, kwargs, type_expr=type_expr)

    def call_method(self, method_name: str, args: tuple[Any, ...] | None = None, kwargs: dict[str, Any] | None = None,
                    type_expr: Any = None) -> Node:
        """A call of a method of the first argument."""
        return self.create_node("call_method", method_name, args, kwargs, type_expr=type_expr)

    def call_function(self, the_function: Callable[..., Any], args: tuple[Any, ...] | None = None,
                      kwargs: dict[str, Any] | None = None, type_expr: Any = None, name: str | None = None) -> Node:
        """A call of a function."""
        return self.create_node("call_function", the_function, args, kwargs, name, type_expr)

    def output(self, result: Any, type_expr: Any = None) -> Node:
        """What the graph gives: nodes, and nests of them."""
        return self.create_node("output", "output", (result,), type_expr=type_expr)

    def node_copy(self, node: Node, arg_transform: Callable[[Node], Any] = lambda node: node) -> Node:
        """A copy of a node, of this graph or another one, with ``arg_transform`` of the nodes in its arguments."""
        made = self.create_node(node.op, node.target, map_arg(node.args, arg_transform),
                                map_arg(node.kwargs, arg_transform), node.name, node.type)
        made.meta = dict(node.meta)
        return made

    def graph_copy(self, g: Graph, val_map: dict[Node, Any], return_output_node: bool = False) -> Any:
        """Copies all nodes of ``g`` but its output, notes them in ``val_map`` (where nodes that are there already are
        not copied), and returns what ``g`` returns."""
        for node in g.nodes:
            if node in val_map:
                continue
            if node.op == "output":
                found = map_arg(node.args[0], val_map.__getitem__)
                return (found, node) if return_output_node else found
            val_map[node] = self.node_copy(node, val_map.__getitem__)
        return None

    def __deepcopy__(self, memo: dict[int, Any]) -> Graph:
        made = Graph(tracer_cls=self._tracer_cls)
        places: dict[Node, Any] = {}
        found = made.graph_copy(self, places)
        for node in self.nodes:
            if node.op == "output":
                made.output(found, node.type).meta = dict(node.meta)
        return made

    # --- changing -----------------------------------------------------------------------------------------------------

    def inserting_before(self, n: Node | None = None) -> _Place:
        """From now on, or in a ``with`` block, nodes are inserted before ``n``; without it, at the beginning."""
        return self.inserting_after(self._root) if n is None else _Place(self, self._own(n).prepend)

    def inserting_after(self, n: Node | None = None) -> _Place:
        """From now on, or in a ``with`` block, nodes are inserted behind ``n``; without it, at the end."""
        if n is None:
            return _Place(self, self._root.prepend)
        self._own(n)
        last = n

        def insert(node: Node) -> None:
            nonlocal last
            last.append(node)
            last = node

        return _Place(self, insert)

    def _own(self, node: Node) -> Node:
        if node.graph is not self:
            raise AssertionError("Node to insert before is not in graph.")
        return node

    def erase_node(self, to_erase: Node) -> None:
        """Takes out a node that nothing uses. Raises RuntimeError for one that is used."""
        if to_erase.users:
            raise RuntimeError(f"Tried to erase Node {to_erase} but it still had {len(to_erase.users)} users in the "
                               f"graph: {to_erase.users}!")
        if to_erase.graph is not self:
            raise RuntimeError(f"Attempting to remove {to_erase} from wrong graph!")
        if to_erase._erased:
            return
        to_erase._set((), {})
        to_erase._unlink()
        to_erase._erased = True
        self._count -= 1

    def eliminate_dead_code(self, is_impure_node: Callable[[Node], bool] | None = None) -> bool:
        """Takes out nodes that nothing uses and that do nothing else (`Node.is_impure`); whether there were any."""
        self.lint()
        impure = is_impure_node or (lambda node: node.is_impure())
        before = self._count
        for node in reversed(self.nodes):
            if not node.users and not impure(node):
                self.erase_node(node)
        return self._count < before

    def lint(self) -> None:
        """Raises RuntimeError for nodes that use what comes behind them or is in another graph, for names that are
        given twice, and for targets that the owning module has not."""
        names: set[str] = set()
        seen: set[Node] = set()
        for node in self.nodes:
            if node.op == "call_function" and not callable(node.target):
                raise ValueError(f"Node {node} target {node.target} has type {type_text(type(node.target))} but a "
                                 f"Callable is expected")
            if node.graph is not self:
                raise RuntimeError(f"Node '{node}' does not belong to this Graph!")
            for used in node.all_input_nodes:
                if used.graph is not self:
                    raise RuntimeError(f"Argument '{used}' of Node '{node}' does not belong to this Graph, but was "
                                       f"used as an argument! If you are copying nodes from another graph, make sure "
                                       f"to use ``arg_transform`` on node_copy() to remap values\n{self}")
                if used not in seen:
                    raise RuntimeError(f"Argument '{used}' of Node '{node}' was used before it has been defined! "
                                       f"Please check that Nodes in the graph are topologically ordered\n{self}")
            if node.name in names:
                raise RuntimeError(f"Node redefined name {node.name}!")
            names.add(node.name)
            seen.add(node)
            if self.owning_module is not None and node.op in ("get_attr", "call_module"):
                _lint_target(self.owning_module, node)

    # --- reading ------------------------------------------------------------------------------------------------------

    def find_nodes(self, *, op: str, target: Any = None, sort: bool = True) -> list[Node]:
        """The nodes of an operation, in order; of those with a target, where one is given."""
        return [node for node in self.nodes if node.op == op and target in (None, node.target)]

    def output_node(self) -> Node:
        """The last node, which says what the graph gives."""
        return next(node for node in reversed(self.nodes) if node.op == "output")

    def python_code(self, root_module: str = "self", *, verbose: bool = False) -> PythonCode:
        """A function ``forward`` that does what the graph says."""
        return CodeGen().generate(self)

    def __str__(self) -> str:
        returned = [""]
        lines = [node.format_node(None, returned) for node in self.nodes]
        return "\n    ".join([f"graph(){returned[0]}:", *filter(None, lines)])

    def print_tabular(self) -> None:
        """Prints the nodes as a table."""
        rows = [["opcode", "name", "target", "args", "kwargs"]]
        rows += [[str(part) for part in (n.op, n.name, n.target, n.args, n.kwargs)] for n in self.nodes]
        widths = [max(len(row[i]) for row in rows) for i in range(5)]
        rows.insert(1, ["-" * width for width in widths])
        for row in rows:
            print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())

    def __reduce__(self) -> tuple[Any, ...]:
        places = {node: _At(index) for index, node in enumerate(self.nodes)}
        return _rebuilt, ([(node.op, node.target, map_arg(node.args, places.__getitem__),
                            map_arg(node.kwargs, places.__getitem__), node.name, node.type) for node in self.nodes],
                          self._tracer_cls)


class _At:
    """Stands for a node, by its place, in the arguments of a graph that is written."""

    def __init__(self, index: int) -> None:
        self.index = index


def _rebuilt(rows: list[Any], tracer: Any) -> Graph:
    graph = Graph(tracer_cls=tracer)
    nodes: list[Node] = []
    for op, target, args, kwargs, name, kind in rows:
        args, kwargs = (map_aggregate(part, lambda leaf: nodes[leaf.index] if isinstance(leaf, _At) else leaf)
                        for part in (args, kwargs))
        nodes.append(graph.create_node(op, target, args, kwargs, name, kind))
    return graph


def _lint_target(module: Any, node: Node) -> None:
    place = module
    for part in node.target.split("."):
        if not hasattr(place, part):
            raise RuntimeError(f"Node {node} target {node.target} references nonexistent attribute {part} of {place}")
        place = getattr(place, part)

