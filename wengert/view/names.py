"""What nodes are called: variables of the calling function, parameters of its modules, the targets of assignments."""

from __future__ import annotations

import ast
import linecache
import types
from collections.abc import Collection, Iterator, Mapping
from functools import lru_cache
from itertools import groupby
from typing import Any

from ..core.errors import InplaceError
from ..tensors.alias import edge_of
from ..tensors.tape import Out
from ..tensors.tensor import TENSORS
from .model import output_id

_MOST = 200


def scopes_of(frame: types.FrameType | None) -> list[dict[str, Any]]:
    """The variables of a function, as they are now, and those of its module."""
    if frame is None:
        return []
    here = frame.f_locals
    return [here] if here is frame.f_globals else [dict(here), frame.f_globals]


def names_in(scopes: list[dict[str, Any]]) -> dict[int, str]:
    """Names for nodes (by sequence number) and for constant arrays (by address) that variables hold.

    Parameters of a module are called by their path in it. Variables of the function go before globals, and in each a
    variable that is the tensor before one that holds it among others.
    """
    found: dict[int, str] = {}
    for name, tensor in held_in(scopes):
        _name(found, name, tensor)
    return found


def held_in(scopes: list[dict[str, Any]], kinds: Collection[type] = TENSORS) -> Iterator[tuple[str, Any]]:
    """The tensors (of these classes) that variables hold and modules have, the best name of each first."""
    for scope in scopes:
        variables = _variables(scope)
        modules = _outermost(variables)
        for variable, module in modules:
            for path, parameter in module.named_parameters():
                yield f"{variable}.{path}" if len(modules) > 1 else path, parameter
        for name, value in sorted(variables, key=lambda pair: type(pair[1]) not in kinds):
            yield from _tensors(name, value, kinds)


def values_in(scopes: list[dict[str, Any]]) -> Iterator[tuple[Any, Any]]:
    """The places on the tape, with their values, of the tensors that variables hold and that nobody can have written to
    since."""
    for scope in scopes:
        for name, value in _variables(scope):
            for _, tensor in _tensors(name, value):
                edge = _edge(tensor)
                unwritten = tensor._alias is None and (tensor._cell is None or not tensor._cell[0])
                if edge is not None and unwritten:
                    yield edge, tensor._data


def modules_in(scopes: list[dict[str, Any]]) -> dict[int, str]:
    """The variables that hold the modules of a function that are not part of others: names by address."""
    return {id(module): name for name, module in _outermost(_variables(scopes[0]))} if scopes else {}


def _variables(scope: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """The variables of a scope, and the modules that it holds as attributes of ``self`` or in short lists and dicts."""
    found = [(name, value) for name, value in list(scope.items()) if name.isidentifier() and not name.startswith("_")]
    inner: list[tuple[str, Any]] = []
    for name, value in found:
        if type(value) in (list, tuple) and len(value) <= _MOST:
            inner += [(f"{name}[{i}]", item) for i, item in enumerate(value)]
        elif type(value) is dict and len(value) <= _MOST:
            inner += [(f"{name}[{key!r}]", item) for key, item in value.items()]
        elif name == "self" and not is_module(value):
            inner += list(getattr(value, "__dict__", {}).items())
    return found + [(name, item) for name, item in inner if is_module(item)]


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


def module_texts(module: Any, prefix: str = "") -> dict[str, str]:
    """What a module and its parts are, by their paths: ``{"0": "Linear(in_features=4, ...)", "1": "Tanh()"}``."""
    parts = ((".".join(filter(None, (prefix, path))), part) for path, part in module.named_modules())
    return {path: f"{type(part).__name__}({part.extra_repr()})" for path, part in parts if path}


def modules_of(scopes: list[dict[str, Any]]) -> dict[str, str]:
    """The same of the modules of a function that are not part of others, with their variable before it where they are
    several, as in the names of parameters."""
    modules = _outermost(_variables(scopes[0])) if scopes else []
    found: dict[str, str] = {}
    for variable, module in modules:
        found.update(module_texts(module, variable if len(modules) > 1 else ""))
    return found


def classes_of(scopes: list[dict[str, Any]]) -> dict[str, type]:
    """The classes of the modules of a function, by the same paths, and of the whole, "", where it is one."""
    modules = _outermost(_variables(scopes[0])) if scopes else []
    return {".".join(filter(None, (variable if len(modules) > 1 else "", path))): type(part)
            for variable, module in modules for path, part in module.named_modules()}


def is_module(value: Any) -> bool:
    """Whether a value is an `nn.Module` (told by its methods: this layer does not import `nn`)."""
    kind = type(value)
    return (
        hasattr(kind, "named_parameters")
        and hasattr(kind, "named_modules")
        and "_parameters" in getattr(value, "__dict__", ())
    )


def _tensors(name: str, value: Any, kinds: Collection[type] = TENSORS) -> Iterator[tuple[str, Any]]:
    """Tensors that a variable holds: itself, or in a short list, tuple or dict, or as an attribute of ``self``."""
    if type(value) in kinds:
        yield name, value
    elif type(value) in (list, tuple) and len(value) <= _MOST:
        yield from ((f"{name}[{i}]", item) for i, item in enumerate(value) if type(item) in kinds)
    elif type(value) is dict and len(value) <= _MOST:
        yield from ((f"{name}[{key!r}]", item) for key, item in value.items() if type(item) in kinds)
    elif name == "self" and hasattr(value, "__dict__"):
        yield from ((key, item) for key, item in vars(value).items() if type(item) in kinds)


def _edge(tensor: Any) -> Any:
    """The place of a tensor on the tape, or None."""
    try:
        return edge_of(tensor)
    except InplaceError:  # a view without history of a storage that has one: it is no part of any graph
        return None


def _name(found: dict[int, str], name: str, tensor: Any) -> None:
    edge = _edge(tensor)
    if edge is None:
        found.setdefault(id(tensor._data), name)
    elif type(edge) is Out:
        found.setdefault(output_id(edge.node.sequence, edge.index), name)
    else:
        found.setdefault(edge.sequence, name)


def assigned_names(nodes: list[tuple[int, str, list[int], int]]) -> dict[int, str]:
    """Names from the lines that made nodes (each a number, its line, the ids of its results, the turn of the loop that
    it stands in): for the last node of a run on a line ``name = ...`` that name; on a line ``a, b = ...`` the names of
    the results of the last node, or of the last nodes."""
    found: dict[int, str] = {}
    for (line, _), group in groupby(nodes, key=lambda node: (node[1], node[3])):
        targets = _targets(line) if line else ()
        run = list(group)
        numbers, results = [node[0] for node in run], run[-1][2]
        if len(targets) == 1:
            found[numbers[-1]] = targets[0]
        elif targets and len(results) == len(targets):
            found.update({id: name for id, name in zip(results, targets, strict=True) if name})
        elif targets and len(results) < 2 and len(numbers) >= len(targets):
            last = numbers[-len(targets) :]
            found.update({id: name for id, name in zip(last, targets, strict=True) if name})
    return found


@lru_cache(maxsize=4096)
def _targets(line: str) -> tuple[str, ...]:
    """The variables that the statement on a line assigns; "" for a target that is no plain variable."""
    path, _, number = line.rpartition(":")
    try:
        tree = ast.parse(linecache.getline(path, int(number)).strip())
    except (SyntaxError, ValueError):
        return ()
    statement = tree.body[0] if len(tree.body) == 1 else None
    if not isinstance(statement, ast.Assign):
        return ()
    target = statement.targets[0]
    parts = target.elts if isinstance(target, (ast.Tuple, ast.List)) else [target]
    names = tuple([part.id if isinstance(part, ast.Name) else "" for part in parts])
    return names if any(names) else ()


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
