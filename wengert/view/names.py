"""What nodes are called: variables of the calling function, parameters of its modules, the targets of assignments."""

from __future__ import annotations

import ast
import linecache
import os
import sys
import types
from collections.abc import Iterator, Mapping
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from typing import Any

from ..core.errors import InplaceError
from ..tensors.alias import edge_of
from ..tensors.tape import Out
from ..tensors.tensor import TENSORS
from .graph import Graph

_MOST = 200
_PACKAGE = str(Path(__file__).parent.parent) + os.sep
_DEMO = _PACKAGE + "demo" + os.sep


def caller() -> types.FrameType | None:
    """The innermost frame outside this package."""
    frame: types.FrameType | None = sys._getframe(1)
    while frame is not None and is_inside(frame.f_code):
        frame = frame.f_back
    return frame


def is_inside(code: types.CodeType) -> bool:
    """Whether code belongs to this package (its demo is a program like a user's)."""
    return code.co_filename.startswith(_PACKAGE) and not code.co_filename.startswith(_DEMO)


def scopes_of(frame: types.FrameType | None) -> list[dict[str, Any]]:
    """The variables of a function, as they are now, and those of its module."""
    if frame is None:
        return []
    here = frame.f_locals
    return [here] if here is frame.f_globals else [dict(here), frame.f_globals]


def names_in(scopes: list[dict[str, Any]]) -> dict[int, str]:
    """Names for nodes (by sequence number) and for constant arrays (by address) that variables hold.

    Parameters of a module are called by their path in it. Variables of the function go before globals.
    """
    found: dict[int, str] = {}
    for scope in scopes:
        variables = _variables(scope)
        modules = _outermost(variables)
        for variable, module in modules:
            for path, parameter in module.named_parameters():
                _name(found, f"{variable}.{path}" if len(modules) > 1 else path, parameter)
        for name, value in variables:
            for full, tensor in _tensors(name, value):
                _name(found, full, tensor)
    return found


def modules_in(scopes: list[dict[str, Any]]) -> dict[int, str]:
    """The variables that hold the modules of a function that are not part of others: names by address."""
    return {id(module): name for name, module in _outermost(_variables(scopes[0]))} if scopes else {}


def _variables(scope: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return [(name, value) for name, value in list(scope.items()) if not name.startswith("_")]


def _outermost(variables: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
    """The modules among variables that no other among them contains, each once."""
    modules = {id(value): (name, value) for name, value in reversed(variables) if is_module(value)}
    inner = {id(part) for _, module in modules.values() for _, part in module.named_modules() if part is not module}
    return [pair for key, pair in reversed(modules.items()) if key not in inner]


def module_names(module: Any) -> dict[int, str]:
    """The parameters of a module by their path in it: names by sequence number."""
    found: dict[int, str] = {}
    for path, parameter in module.named_parameters():
        _name(found, path, parameter)
    return found


def is_module(value: Any) -> bool:
    """Whether a value is an `nn.Module` (asked by its methods: this layer does not know that one)."""
    kind = type(value)
    return (
        hasattr(kind, "named_parameters")
        and hasattr(kind, "named_modules")
        and "_parameters" in getattr(value, "__dict__", ())
    )


def _tensors(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Tensors that a variable holds: itself, or in a short list, tuple or dict, or as an attribute of ``self``."""
    if type(value) in TENSORS:
        yield name, value
    elif type(value) in (list, tuple) and len(value) <= _MOST:
        yield from ((f"{name}[{i}]", item) for i, item in enumerate(value) if type(item) in TENSORS)
    elif type(value) is dict and len(value) <= _MOST:
        yield from ((f"{name}[{key!r}]", item) for key, item in value.items() if type(item) in TENSORS)
    elif name == "self" and hasattr(value, "__dict__"):
        yield from ((key, item) for key, item in vars(value).items() if type(item) in TENSORS)


def _name(found: dict[int, str], name: str, tensor: Any) -> None:
    try:
        edge = edge_of(tensor)
    except InplaceError:  # a view without history of a storage that has one: it is no part of any graph
        return
    if edge is None:
        found.setdefault(id(tensor._data), name)
    elif type(edge) is not Out:
        found.setdefault(edge.sequence, name)
    elif edge.index == 0:
        found.setdefault(edge.node.sequence, name)


def assigned_names(lines: list[tuple[int, str]]) -> dict[int, str]:
    """For the last node of each run of nodes on one line ``name = ...``: that name."""
    found = {}
    for line, group in groupby(lines, key=lambda pair: pair[1]):
        name = _target(line) if line else ""
        if name:
            found[list(group)[-1][0]] = name
    return found


@lru_cache(maxsize=4096)
def _target(line: str) -> str:
    """The variable that the statement on a line assigns, or nothing."""
    path, _, number = line.rpartition(":")
    try:
        tree = ast.parse(linecache.getline(path, int(number)).strip())
    except (SyntaxError, ValueError):
        return ""
    statement = tree.body[0] if len(tree.body) == 1 else None
    if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
        return statement.targets[0].id
    return ""


def source_excerpt(line: str, around: int = 2) -> list[tuple[int, str]]:
    """The numbered source lines around ``"file:line"``; nothing where the file cannot be read."""
    path, _, number = line.rpartition(":")
    if not number.isdigit():
        return []
    rows = [
        (n, linecache.getline(path, n).rstrip())
        for n in range(max(1, int(number) - around), int(number) + around + 1)
    ]
    return rows if any(text for _, text in rows) else []


def leaf_modules(graph: Graph) -> None:
    """Puts leaves that are parameters into the module that uses them, and operations whose module nobody recorded into
    the module whose parameters they read."""
    users: dict[int, list[int]] = {}
    for edge in graph.edges:
        users.setdefault(edge.source, []).append(edge.target)
    recorded = any(node.module for node in graph)
    if not recorded:
        for node in graph:
            if node.kind == "leaf" and "." in node.name:
                for target in users.get(node.id, ()):
                    graph.nodes[target].module = graph.nodes[target].module or node.name.rpartition(".")[0]
    for node in graph:
        if node.kind != "operation":
            homes = {(graph.nodes[id].module, graph.nodes[id].call) for id in users.get(node.id, ())}
            if len(homes) == 1:
                node.module, node.call = homes.pop()
            elif node.kind == "leaf" and homes:
                node.module, node.call = _common([module for module, _ in homes]), 0


def _common(paths: list[str]) -> str:
    """The longest path that all paths begin with."""
    parts = [path.split(".") if path else [] for path in paths]
    shared: list[str] = []
    for names in zip(*parts, strict=False):
        if len(set(names)) > 1:
            break
        shared.append(names[0])
    return ".".join(shared)
