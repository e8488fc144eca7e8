"""`replace_pattern`: parts of a graph that look like another graph, put anew."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from wengert import nn

from ._symbolic_trace import symbolic_trace
from .graph import Graph
from .graph_module import GraphModule
from .node import Node, map_aggregate


class Match(NamedTuple):
    """One place where the pattern was found: the node that gave its result, and the node for each of the pattern's."""

    anchor: Node
    nodes_map: dict[Node, Any]


def _graph_of(given: Callable[..., Any] | Graph) -> Graph:
    if isinstance(given, Graph):
        return given
    return given.graph if isinstance(given, GraphModule) else symbolic_trace(given).graph


def _alike(pattern: Any, found: Any, places: dict[Node, Any]) -> bool:
    """Whether arguments are alike, as far as ``places`` say, which learn of them."""
    if isinstance(pattern, Node):
        return _node_alike(pattern, found, places)
    if isinstance(pattern, tuple | list):
        return isinstance(found, tuple | list) and len(pattern) == len(found) and all(
            _alike(a, b, places) for a, b in zip(pattern, found, strict=True))
    if isinstance(pattern, dict):
        return isinstance(found, dict) and pattern.keys() == found.keys() and all(
            _alike(part, found[key], places) for key, part in pattern.items())
    if isinstance(pattern, slice):
        return isinstance(found, slice) and all(
            _alike(getattr(pattern, part), getattr(found, part), places) for part in ("start", "stop", "step"))
    return not isinstance(found, Node) and type(pattern) is type(found) and bool(pattern == found)


def _node_alike(pattern: Node, found: Any, places: dict[Node, Any]) -> bool:
    if pattern in places:
        return places[pattern] is found
    if pattern.op == "placeholder":
        places[pattern] = found
        return True
    if not isinstance(found, Node) or (pattern.op, pattern.target) != (found.op, found.target):
        return False
    places[pattern] = found
    return _alike(pattern.args, found.args, places) and _alike(pattern.kwargs, found.kwargs, places)


def _matches(graph: Graph, pattern: Graph) -> list[Match]:
    """The places of a pattern in a graph, none of which share a node. What lies inside one is used inside it alone."""
    result = pattern.output_node().args[0]
    anchors = list(result) if isinstance(result, tuple | list) else [result]
    found: list[Match] = []
    taken: set[Node] = set()
    for node in graph.nodes:
        places: dict[Node, Any] = {}
        if len(anchors) != 1 or not _node_alike(anchors[0], node, places):
            continue
        inner = {place for part, place in places.items() if part.op != "placeholder"}
        used_outside = any(user not in inner for place in inner if place is not node for user in place.users)
        if not used_outside and not inner & taken:
            taken |= inner
            found.append(Match(node, places))
    return found


def replace_pattern(gm: GraphModule, pattern: Callable[..., Any] | Graph, replacement: Callable[..., Any] | Graph
                    ) -> list[Match]:
    """Puts ``replacement`` in the place of every part of the graph that is alike ``pattern``, both functions of the
    same arguments with one result, and makes the code anew. A part is alike if its operations,
    their targets and constants are; arguments of the pattern stand for anything. What a part computes
    on its way must be used inside it alone. Returns the parts.

    >>> import wengert as torch
    >>> from wengert.fx import replace_pattern, symbolic_trace
    >>> traced = symbolic_trace(lambda x: torch.relu(x + x))
    >>> len(replace_pattern(traced, lambda x: x + x, lambda x: 2 * x))
    1
    >>> traced(torch.tensor([3.0, -1.0]))
    tensor([6., 0.])
    """
    old, new = _graph_of(pattern), _graph_of(replacement)
    arguments = [[node for node in graph.nodes if node.op == "placeholder"] for graph in (old, new)]
    matches = _matches(gm.graph, old)
    moved: dict[Node, Node] = {}
    for match in matches:
        places = {theirs: _now(match.nodes_map.get(ours), moved)
                  for ours, theirs in zip(*arguments, strict=True)}
        # As late as can be: before the first node that uses it.
        first = next((node for node in gm.graph.nodes if node in match.anchor.users), match.anchor)
        with gm.graph.inserting_before(first):
            result = gm.graph.graph_copy(new, places)
        match.anchor.replace_all_uses_with(result)
        moved[match.anchor] = result
        for part, place in _backwards(old, match):
            if part.op != "placeholder" and not place.users:
                gm.graph.erase_node(place)
    for name, module in (replacement.named_modules() if isinstance(replacement, nn.Module) else ()):
        if name and not hasattr(gm, name):
            gm.add_submodule(name, module)
    gm.recompile()
    return matches


def _now(value: Any, moved: dict[Node, Node]) -> Any:
    """A value with the nodes that were replaced meanwhile."""
    return map_aggregate(value, lambda leaf: moved.get(leaf, leaf) if isinstance(leaf, Node) else leaf)


def _backwards(pattern: Graph, match: Match) -> list[tuple[Node, Any]]:
    return [(part, match.nodes_map[part]) for part in reversed(pattern.nodes) if part in match.nodes_map]
