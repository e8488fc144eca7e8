"""A graph as JSON text, and back: every field is checked, so that what was read can be drawn."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from typing import Any

from .model import KINDS, GraphEdge, GraphModel, GraphNode
from .values import Summary

VERSION = 1


def to_json(graph: GraphModel, indent: int | None = None) -> str:
    """The text of a graph, without the fields that say nothing."""
    data = {
        "wengert graph": VERSION,
        "roots": graph.roots,
        **({"modules": graph.modules} if graph.modules else {}),
        "nodes": [_lean(node) for node in graph],
        "edges": [_lean(edge) for edge in graph.edges],
    }
    return strict_json(data, indent=indent)


def strict_json(data: Any, **options: Any) -> str:
    """JSON text in which NaN and the infinities, which JSON does not have, are words; halves of characters, which no
    encoding has, are JSON's escapes."""
    try:
        text = json.dumps(data, ensure_ascii=False, allow_nan=False, **options)
    except ValueError:
        text = json.dumps(_strict(data), ensure_ascii=False, allow_nan=False, **options)
    return _HALVES.sub(lambda half: f"\\u{ord(half[0]):04x}", text)


_HALVES = re.compile("[\ud800-\udfff]")
_WORDS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def _strict(data: Any) -> Any:
    if isinstance(data, float) and not math.isfinite(data):
        return "NaN" if math.isnan(data) else "Infinity" if data > 0 else "-Infinity"
    if isinstance(data, dict):
        return {key: _strict(value) for key, value in data.items()}
    return [_strict(value) for value in data] if isinstance(data, (list, tuple)) else data


def _lean(item: GraphNode | GraphEdge) -> dict[str, Any]:
    """The fields of a node or an edge that say something: a default is left out."""
    kept: dict[str, Any] = {}
    for name, field in type(item).__dataclass_fields__.items():
        value = getattr(item, name)
        if isinstance(value, Summary):
            kept[name] = _lean_summary(value)
        elif value is not None and (name in ("id", "kind") or value != field.default):
            kept[name] = value
    return kept


def _lean_summary(summary: Summary) -> dict[str, Any]:
    names = type(summary).__dataclass_fields__
    pairs = ((name, getattr(summary, name)) for name in names)
    return {name: value for name, value in pairs if value or name in ("shape", "dtype")}


# --- reading ----------------------------------------------------------------------------------------------------------


def read_json(text: str) -> tuple[dict[int, GraphNode], list[GraphEdge], list[int], dict[str, str]]:
    """Nodes, edges, roots and modules of a text that `to_json` wrote. Raises ValueError, with the place, for any
    other text."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"[graph] JSON text was expected; {error}; was the file cut off?") from None
    if not isinstance(data, dict) or data.get("wengert graph") != VERSION:
        raise ValueError(f'[graph] an object with "wengert graph": {VERSION} was expected; got '
                         f"{str(data)[:60]!r}; write the file with Graph.to_json()")
    nodes: dict[int, GraphNode] = {}
    for i, row in enumerate(_list(data, "nodes")):
        node = _item(row, f"nodes[{i}]", GraphNode, _NODE)
        if node.id in nodes:
            raise ValueError(f"[graph] nodes[{i}]: an id of its own was expected; {node.id} is there twice")
        nodes[node.id] = node
    order = {id: i for i, id in enumerate(nodes)}
    edges = []
    for i, row in enumerate(_list(data, "edges")):
        edge = _item(row, f"edges[{i}]", GraphEdge, _EDGE)
        if edge.source not in order or edge.target not in order:
            raise ValueError(f"[graph] edges[{i}]: ids of nodes were expected; got {edge.source} → {edge.target}")
        if order[edge.source] >= order[edge.target]:
            raise ValueError(f"[graph] edges[{i}]: an edge from an earlier node to a later one was expected; got "
                             f"{edge.source} → {edge.target}; a computation has no cycles")
        edges.append(edge)
    _check_partials(nodes, edges)
    roots = _list(data, "roots")
    if not all(_whole(root) and root in order for root in roots):
        raise ValueError(f"[graph] roots: a list of ids of nodes was expected; got {roots!r}")
    modules = data.get("modules", {})
    if not isinstance(modules, dict) or not all(isinstance(words, str) for words in modules.values()):
        raise ValueError(f"[graph] modules: an object of texts was expected; got {str(modules)[:60]}")
    return nodes, edges, roots, modules


def _check_partials(nodes: dict[int, GraphNode], edges: list[GraphEdge]) -> None:
    """Raises for a matrix that does not fit the values at its ends (that of an operation with several results: the
    matrices around it)."""
    bundles: dict[int, int] = {}
    for i, edge in enumerate(edges):
        if edge.partial is None:
            continue
        source, target = nodes[edge.source], nodes[edge.target]
        rows = bundles.setdefault(target.id, len(edge.partial)) if target.shape is None else math.prod(target.shape)
        columns = len(edge.partial[0])
        wanted = bundles.setdefault(source.id, columns) if source.shape is None else math.prod(source.shape)
        if (len(edge.partial), columns) != (rows, wanted):
            raise ValueError(f"[graph] edges[{i}].partial: a matrix of {rows}×{wanted} was expected; got "
                             f"{len(edge.partial)}×{columns}")


def _list(data: dict[str, Any], what: str) -> list[Any]:
    rows = data.get(what)
    if not isinstance(rows, list):
        raise ValueError(f"[graph] {what}: a list was expected; got {type(rows).__name__}")
    return rows


Check = tuple[str, Callable[[Any], bool]]


def _item(row: Any, where: str, kind: Any, checks: dict[str, Check]) -> Any:
    """A node, an edge or a summary from its fields."""
    if not isinstance(row, dict):
        raise ValueError(f"[graph] {where}: an object was expected; got {type(row).__name__}")
    unknown = [name for name in row if name not in checks]
    missing = [name for name in _NEEDED[kind] if name not in row]
    if unknown or missing:
        wrong = f"the unknown field {unknown[0]!r}" if unknown else f"no field {missing[0]!r}"
        raise ValueError(f"[graph] {where}: the fields {', '.join(checks)} were expected; got {wrong}")
    fields: dict[str, Any] = {}
    for name, value in row.items():
        words, good = checks[name]
        if value is None and name in _OPTIONAL and name not in _NEEDED[kind]:
            continue
        if name in ("value", "gradient", "tangent", "sent", "pushed"):
            fields[name] = _summary(value, f"{where}.{name}")
            continue
        value = _loose(value)
        if not good(value):
            raise ValueError(f"[graph] {where}.{name}: {words} was expected; got {str(value)[:60]}")
        fields[name] = tuple(value) if name in ("shape", "calls") else value
    return kind(**fields)


def _summary(row: Any, where: str) -> Summary:
    found: Summary = _item(row, where, Summary, _SUMMARY)
    if found.values is None and found.size == 0:
        found.values = []
    if found.values is not None and len(found.values) != found.size:
        raise ValueError(f"[graph] {where}.values: {found.size} numbers were expected; got {len(found.values)}")
    return found


def _loose(value: Any) -> Any:
    """A value with the words for NaN and the infinities turned back into numbers, in lists at any depth."""
    if isinstance(value, list):
        return [_loose(entry) for entry in value]
    return _WORDS.get(value, value) if isinstance(value, str) else value


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63


def _count(value: Any) -> bool:
    return _whole(value) and value >= 0


def _number(value: Any) -> bool:
    return _whole(value) or isinstance(value, float)


def _entry(value: Any) -> bool:
    pair = isinstance(value, list) and len(value) == 2 and all(map(_number, value))
    return isinstance(value, bool) or _number(value) or pair


def _sizes(value: Any) -> bool:
    return isinstance(value, list) and all(map(_count, value))


def _matrix(value: Any) -> bool:
    rows = isinstance(value, list) and value and all(isinstance(row, list) and row for row in value)
    return bool(rows) and all(len(row) == len(value[0]) and all(map(_number, row)) for row in value)


_text: Check = "a text", lambda value: isinstance(value, str)
_id: Check = "a whole number", _whole
_some: Check = "a number from 0", _count
_real: Check = "a number", _number
_shape: Check = "a list of sizes", _sizes
_inner: Check = "an object", lambda value: isinstance(value, dict)

_SUMMARY: dict[str, Check] = {
    "shape": _shape,
    "dtype": _text,
    "norm": _real,
    "minimum": _real,
    "maximum": _real,
    "zeros": _real,
    "nan": _some,
    "inf": _some,
    "values": ("a list of numbers", lambda value: isinstance(value, list) and all(map(_entry, value))),
    "histogram": ("a list of counts", _sizes),
    "grid": ("a matrix of numbers", _matrix),
}
_NODE: dict[str, Check] = {
    "id": _id,
    "kind": (f"a kind among {', '.join(KINDS)}", lambda value: value in KINDS),
    "operation": _text,
    "name": _text,
    "shape": _shape,
    "dtype": _text,
    "value": _inner,
    "gradient": _inner,
    "tangent": _inner,
    "line": _text,
    "module": _text,
    "calls": ("a list of numbers", _sizes),
    "kept": _some,
    "seconds": _real,
    "backward_seconds": _real,
    "parameters": _text,
    "outputs": _some,
    "masked": ("true or false", lambda value: isinstance(value, bool)),
}
_EDGE: dict[str, Check] = {
    "source": _id,
    "target": _id,
    "place": _some,
    "output": _some,
    "shape": _shape,
    "partial": ("a matrix of numbers", _matrix),
    "diagonal": ("true or false", lambda value: isinstance(value, bool)),
    "sent": _inner,
    "pushed": _inner,
}
_NEEDED: dict[Any, tuple[str, ...]] = {
    GraphNode: ("id", "kind"),
    GraphEdge: ("source", "target"),
    Summary: ("shape", "dtype"),
}
_OPTIONAL = ("shape", "dtype", "value", "gradient", "seconds", "backward_seconds", "partial", "sent", "values",
             "tangent", "pushed")
