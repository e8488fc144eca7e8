"""Which module a node stands in, where nobody recorded it: told by parameters, by order, and by the source of modules.

The one idea to know: a module's operations are made one after the other. What stands between two operations of a module
belongs to it too, and what follows its last one where its ``forward`` ends with an operation of its own.
"""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections import Counter
from collections.abc import Mapping
from functools import lru_cache

from .model import GraphEdge, GraphModel, GraphNode


def leaf_modules(graph: GraphModel, modules: Mapping[str, str], classes: Mapping[str, type]) -> None:
    """Puts leaves that are parameters into the module that uses them, and operations whose module nobody recorded into
    the module whose parameters they read; those without parameters into the one of ``modules`` (texts by path, with
    their ``classes``) that does what they do and stands there, or around them."""
    users: dict[int, list[int]] = {}
    for edge in graph.edges:
        users.setdefault(edge.source, []).append(edge.target)
    recorded = any(node.module for node in graph)
    if not recorded:
        for node in graph:
            if node.kind == "leaf" and "." in node.name:
                for target in _readers(graph, users, node.id):
                    graph.nodes[target].module = graph.nodes[target].module or node.name.rpartition(".")[0]
        _modules_in_sequence(graph, users, modules)
        _modules_in_order(graph, modules, classes)
        _modules_between(graph, users)
        for edge in graph.edges:
            if graph.nodes[edge.target].kind == "output":
                graph.nodes[edge.target].module = graph.nodes[edge.source].module
    for node in graph:
        if node.kind in ("leaf", "constant"):
            homes = {(graph.nodes[id].module, graph.nodes[id].calls) for id in users.get(node.id, ())}
            if len(homes) == 1:
                node.module, node.calls = homes.pop()
            elif node.kind == "leaf" and homes:
                node.module, node.calls = _common([module for module, _ in homes]), ()


def _readers(graph: GraphModel, users: dict[int, list[int]], id: int) -> list[int]:
    """What reads a parameter, and what reads it where only its shape was changed for a single user."""
    found = list(users.get(id, ()))
    for target in found:
        further = users.get(target, ())
        if graph.nodes[target].operation in ("reshape", "permute", "expand", "cast") and len(further) == 1:
            found += further
    return found


_SKIPPED = ("identity", "dropout")
"""Modules that may leave no operation."""
_CALLED = {"flatten": "reshape", "unflatten": "reshape", "adaptiveavgpool": "resample mean"}
"""What the operations of modules are called, where not as the module is."""


def _does(text: str, operation: str) -> bool:
    """Whether a module, told by its text, does an operation."""
    kind = re.sub(r"\d+d$", "", text.partition("(")[0]).lower()
    return bool(kind) and operation.replace("_", "") in _CALLED.get(kind, kind).split()


def _modules_in_sequence(graph: GraphModel, users: dict[int, list[int]], modules: Mapping[str, str]) -> None:
    """An operation behind one of the module ``features.3``, or before it, belongs to ``features.4``, or ``features.2``,
    where that module is one that does what the operation does."""
    operands: dict[int, list[int]] = {}
    for source, targets in users.items():
        for target in targets:
            operands.setdefault(target, []).append(source)
    for step, neighbours in ((1, operands), (-1, users)):
        for node in list(graph)[::step]:
            homes = {graph.nodes[id].module for id in neighbours.get(node.id, ())
                     if graph.nodes[id].kind == "operation"}
            if node.kind == "operation" and not node.module and len(homes) == 1:
                node.module = _neighbour(homes.pop(), step, node.operation, modules)


def _neighbour(path: str, step: int, operation: str, modules: Mapping[str, str]) -> str:
    """The path of the module before or behind the one at ``path``, in a sequence, if it does what ``operation`` does;
    otherwise no path."""
    parent, _, number = path.rpartition(".")
    while number.isdecimal():
        number = str(int(number) + step)
        found = f"{parent}.{number}" if parent else number
        kind = re.sub(r"\d+d$", "", modules.get(found, "").partition("(")[0]).lower()
        if _does(modules.get(found, ""), operation):
            return found
        if kind not in _SKIPPED:
            break
    return ""


def _modules_in_order(graph: GraphModel, modules: Mapping[str, str], classes: Mapping[str, type]) -> None:
    """In order of computation: operations of modules without parameters, and then all that stands between two of one
    module, or behind its last one where its ``forward`` ends with an operation of its own."""
    into = graph.into()
    order = [node for node in graph if node.kind == "operation"]
    sources = {node.id: [_operation_of(graph, into, edge.source) for edge in into[node.id]] for node in order}
    children: dict[str, list[str]] = {}
    for path in modules:
        children.setdefault(path.rpartition(".")[0], []).append(path)
    full = {prefix for node in order for prefix in _prefixes(node.module)}
    calls: Counter[str] = Counter()
    inside: dict[str, set[int]] = {}
    reads: dict[str, set[int]] = {}

    def enter(node: GraphNode) -> None:
        for path in _prefixes(node.module) if node.module else ():
            inside.setdefault(path, set()).add(node.id)
            reads.setdefault(path, set()).update(sources[node.id])

    def without_parameters(node: GraphNode, before: str, after: str) -> str:
        around = _common([before, after])
        outside = _prefixes(around)[:-1]
        for path, behind in ((before, True), (after, False)):
            doubtful = False
            for parent in _prefixes(path)[::-1]:
                if parent in outside:
                    break
                found = [child for child in children.get(parent, ())
                         if child not in full and _does(modules[child], node.operation)]
                last = _last_of(classes.get(parent)) if behind and parent != around else None
                if last is not None and f"{parent}.{last}" not in modules:
                    doubtful = True  # it ends with an operation of its own, which this may be
                    continue
                found = [child for child in found if last in (None, child.rpartition(".")[2])]
                if found and doubtful and calls[found[0]] >= _mentions(classes.get(parent), found[0]):
                    return ""
                if found:
                    calls[found[0]] += 1
                    return found[0]
        return ""

    def between(node: GraphNode, before: str, after: str) -> str:
        around = _common([before, after])
        read_here = [id for id in sources[node.id] if graph.nodes[id].kind != "constant"]
        for path in _prefixes(before)[::-1]:
            if path in _prefixes(around):
                break
            own, read = inside.get(path, set()), reads.get(path, set())
            whole = all(id in own or id in read for id in read_here) and any(id in own for id in read_here)
            last = _last_of(classes.get(path))
            ends = last is not None and f"{path}.{last}" not in modules
            if whole and (ends or _is_looked_up(modules.get(path, ""), node.operation)):
                return path
        return "" if modules.get(around, "").startswith(("ModuleList(", "ModuleDict(")) else around

    for node in order:
        enter(node)
    for decide in (without_parameters, between):
        nexts, following = {}, ""
        for node in reversed(order):
            nexts[node.id] = following
            following = node.module or following
        before = ""
        for node in order:
            if not node.module and before:
                node.module = decide(node, before, nexts[node.id])
                enter(node)
            before = node.module or before


def _operation_of(graph: GraphModel, into: Mapping[int, list[GraphEdge]], id: int) -> int:
    """A node, or the operation whose result it is one of."""
    return into[id][0].source if graph.nodes[id].kind == "output" else id


def _prefixes(path: str) -> list[str]:
    """The paths of the modules around a module, and its own, outermost (the whole, "") first."""
    names = path.split(".") if path else []
    return [".".join(names[:count]) for count in range(len(names) + 1)]


def _is_looked_up(text: str, operation: str) -> bool:
    """Whether it is the second operation of an embedding, which gives the rows that were looked up their shape."""
    return text.startswith("Embedding(") and operation == "reshape"


def _mentions(kind: type | None, path: str) -> int:
    """How often the ``forward`` of a module's class names the part with that path."""
    function, name = _forward(kind), path.rpartition(".")[2]
    return 0 if function is None else sum(
        isinstance(each, ast.Attribute) and each.attr == name and isinstance(each.value, ast.Name)
        and each.value.id == "self" for each in ast.walk(function))


@lru_cache(maxsize=1024)
def _forward(kind: type | None) -> ast.stmt | None:
    """The ``forward`` of a program's module as syntax."""
    if kind is None or kind.__module__.partition(".")[2].partition(".")[0] == "nn":
        return None
    try:
        return ast.parse(textwrap.dedent(inspect.getsource(kind.forward))).body[0]  # type: ignore[attr-defined]
    except (OSError, TypeError, SyntaxError, AttributeError):
        return None


def _last_of(kind: type | None) -> str | None:
    """What a module's ``forward`` ends with: the name of the part of it that it calls last, "" for an operation of its
    own, None where its source does not tell (or is not a program's)."""
    function = _forward(kind)
    if function is None:
        return None
    returns = [each.value for each in ast.walk(function) if isinstance(each, ast.Return) and each.value is not None]
    return _made_by(returns[-1], function) if returns else None


def _made_by(value: ast.expr, function: ast.stmt) -> str | None:
    """Which part of ``self`` makes a value, "" for an operation."""
    while isinstance(value, ast.Name):
        stores = [each for each in ast.walk(function) if isinstance(each, (ast.Assign, ast.AugAssign))
                  and each.lineno < value.lineno and any(
                      isinstance(target, ast.Name) and target.id == value.id
                      for target in (each.targets if isinstance(each, ast.Assign) else [each.target]))]
        if not stores:
            return None
        if isinstance(stores[-1], ast.AugAssign):
            return ""
        value = stores[-1].value
    if isinstance(value, ast.Call):
        called = value.func
        while isinstance(called, (ast.Attribute, ast.Subscript)):
            if isinstance(called, ast.Attribute) and isinstance(called.value, ast.Name) and called.value.id == "self":
                return called.attr if called is value.func else None
            called = called.value
        return ""
    return "" if isinstance(value, (ast.BinOp, ast.UnaryOp)) else None


def _modules_between(graph: GraphModel, users: dict[int, list[int]]) -> None:
    """Operations without parameters, such as a relu, belong to the module that is around all nearest operations with
    parameters, before them and after them. What has none before it or none after it stays outside, like a loss."""
    before: dict[int, str | None] = {}
    after: dict[int, str | None] = {}
    operands: dict[int, list[int]] = {}
    for source, targets in users.items():
        for target in targets:
            operands.setdefault(target, []).append(source)
    for found, order, neighbours in ((before, list(graph), operands), (after, list(graph)[::-1], users)):
        for node in order:
            known = [graph.nodes[id].module or found.get(id) for id in neighbours.get(node.id, ())]
            paths = [path for path in known if path is not None]
            found[node.id] = node.module or (_common(paths) if paths else None)
    for node in graph:
        first, last = before[node.id], after[node.id]
        if node.kind == "operation" and not node.module and first and last:
            node.module = _common([first, last])


def _common(paths: list[str]) -> str:
    """The longest path that all paths begin with."""
    parts = [path.split(".") if path else [] for path in paths]
    shared: list[str] = []
    for names in zip(*parts, strict=False):
        if len(set(names)) > 1:
            break
        shared.append(names[0])
    return ".".join(shared)
