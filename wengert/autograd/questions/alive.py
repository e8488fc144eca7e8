"""`live`: which graphs are in memory, how large they are, and who keeps them.

Nothing is registered while programs run: the question itself walks Python's own list of objects.
"""

from __future__ import annotations

import gc
import sys
import types
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...tensors.tape import Leaf, ancestors, node_of
from ...tensors.tensor import Tensor
from .answers import bytes_text, operation, short

SHOWN = 20
"""So many graphs are printed, and their holders searched for."""


@dataclass(frozen=True, slots=True)
class LiveGraph:
    """One graph that is alive: the tensor at its root, what it holds, and what holds it.

    ``nodes`` counts operations; ``saved`` is the bytes of the arrays that they saved, each counted once; ``line`` is
    where the root was made (if recorded); ``holders`` are names of what refers to the root; ``count`` says how many
    tensors made at the same place with the same shape stand together in this entry.
    """

    operation: str
    shape: tuple[int, ...]
    nodes: int
    saved: int
    line: str | None
    holders: tuple[str, ...]
    count: int = 1

    def __str__(self) -> str:
        many = f"{self.count} tensors" if self.count > 1 else "1 tensor"
        where = f" at {short(self.line)}" if self.line else ""
        held = ", held by " + "; ".join(self.holders) if self.holders else ""
        return (
            f"{many} {list(self.shape)} made by {self.operation}{where}: {self.nodes:,} nodes, "
            f"{bytes_text(self.saved)} saved{held}"
        )


@dataclass(frozen=True, slots=True)
class Live:
    """What `live` found: ``graphs``, the largest first, and the sums over all of them, what they share counted once."""

    graphs: tuple[LiveGraph, ...] = ()
    nodes: int = 0
    saved: int = 0
    hints: tuple[str, ...] = field(default=())

    def __str__(self) -> str:
        if not self.graphs:
            return "no graph is alive"
        head = f"{self.nodes:,} nodes alive, {bytes_text(self.saved)} saved for backward"
        more = [f"  ... and {len(self.graphs) - SHOWN} more"] if len(self.graphs) > SHOWN else []
        return "\n".join(
            [head, *(f"  {graph}" for graph in self.graphs[:SHOWN]), *more, *(f"  hint: {hint}" for hint in self.hints)]
        )

    __repr__ = __str__


def live() -> Live:
    """The graphs that are alive in this process: their roots, sizes, lines, and what keeps them.

    A root is a tensor with a history that is no part of the history of another living tensor. Lines are known for what
    ran under `watch` or `record_lines`. Takes time in proportion to all objects of the program.

    >>> import wengert as torch
    >>> w = torch.ones(5, 7, requires_grad=True)
    >>> kept = [(w * 2).sinh() for _ in range(2)]
    >>> [graph.count for graph in torch.autograd.live().graphs if graph.operation == "sinh"]
    [2]
    """
    tensors: dict[Any, list[Any]] = {}
    for thing in gc.get_objects():
        if issubclass(type(thing), Tensor):
            node = node_of(_edge(thing))
            if node is not None and type(node) is not Leaf:
                tensors.setdefault(node, []).append(thing)
    every = _reach(tensors)
    inner = {node_of(edge) for node in every for edge in node.edges if edge is not None}
    groups: dict[Any, list[Any]] = {}
    for node, same in tensors.items():
        if node not in inner:
            key = operation(node), tuple(same[0]._data.shape), getattr(node, "line", None)
            groups.setdefault(key, []).append(node)
    ours = {id(same) for same in tensors.values()}
    names = _variables()
    sized = [(_reach(nodes), key, nodes) for key, nodes in groups.items()]
    sized.sort(key=lambda entry: (_saved(entry[0]), len(entry[0])), reverse=True)
    graphs = []
    for place, (reached, (op, shape, line), nodes) in enumerate(sized):
        held: dict[str, None] = {}
        for node in nodes[:3] if place < SHOWN else ():
            for tensor in tensors[node]:
                held.update(dict.fromkeys(_holders(tensor, ours, names)))
        count = sum(len(tensors[node]) for node in nodes)
        graphs.append(LiveGraph(op, shape, len(reached), _saved(reached), line, tuple(held)[:4], count))
    carried = [graph for graph, (reached, _, _) in zip(graphs, sized, strict=True) if _repeats(graph, reached)]
    return Live(tuple(graphs), len(every), _saved(every), tuple(_hints(graphs, carried)))


def _edge(tensor: Tensor) -> Any:
    """The history of a tensor as it is, without rebuilding it."""
    try:
        return tensor._edge
    except AttributeError:  # a tensor that is only half made
        return None


def _reach(nodes: Iterable[Any]) -> set[Any]:
    """The operations that these nodes reach, themselves included."""
    return {node for node in ancestors(nodes) if type(node) is not Leaf}


def _saved(nodes: set[Any]) -> int:
    """The bytes of the arrays that the nodes saved, each memory once."""
    found: dict[int, int] = {}
    for node in nodes:
        for value in getattr(node, "saved", None) or ():
            for array in value if type(value) is tuple else (value,):
                if isinstance(array, np.ndarray):
                    owner = array
                    while isinstance(owner.base, np.ndarray):
                        owner = owner.base
                    found[id(owner)] = owner.nbytes
    return sum(found.values())


def _variables() -> dict[int, str]:
    """The local variables of everything that runs, by the id of their value. (A running function does not count among
    the referrers that Python knows.)"""
    names: dict[int, str] = {}
    for top in sys._current_frames().values():
        frame: types.FrameType | None = top
        while frame is not None:
            if frame.f_globals.get("__name__") != __name__ and frame.f_locals is not frame.f_globals:
                for name, value in frame.f_locals.items():
                    names.setdefault(id(value), f"variable {name} of {frame.f_code.co_name}()")
            frame = frame.f_back
    return names


def _holders(tensor: Tensor, ours: set[int], names: dict[int, str]) -> list[str]:
    """Names of what refers to a tensor."""
    found = [names[id(tensor)]] if id(tensor) in names else []
    for referrer in gc.get_referrers(tensor):
        if isinstance(referrer, dict):
            key = next((key for key, value in referrer.items() if value is tensor), None)
            if isinstance(key, str):
                found.append(_of_dict(referrer, key))
            elif key is not None:
                found.append("a dict")
        elif isinstance(referrer, (list, tuple)):
            if id(referrer) not in ours:
                found.append(f"a {type(referrer).__name__} of {len(referrer)}{_name_of(referrer, names)}")
        elif not isinstance(referrer, types.FrameType):
            attributes = getattr(referrer, "__dict__", {}).items()
            found.extend(
                f"attribute {name} of a {type(referrer).__name__}" for name, value in attributes if value is tensor
            )
    return list(dict.fromkeys(found))


def _of_dict(table: dict[str, Any], key: str) -> str:
    """The name of an entry: a global, an attribute, or a place in a dict."""
    if "__name__" in table and "__builtins__" in table:
        return f"global {key} of {table['__name__']}"
    for owner in gc.get_referrers(table):
        if getattr(owner, "__dict__", None) is table:
            return f"attribute {key} of a {type(owner).__name__}"
    return f"entry {key!r} of a dict"


def _name_of(container: object, names: dict[int, str]) -> str:
    """`` (name)`` of a list that a variable, a global or an attribute names."""
    if id(container) in names:
        return f" ({names[id(container)]})"
    for referrer in gc.get_referrers(container):
        if isinstance(referrer, dict):
            key = next((key for key, value in referrer.items() if value is container and isinstance(key, str)), None)
            if key is not None:
                return f" ({_of_dict(referrer, key)})"
    return ""


def _repeats(graph: LiveGraph, reached: set[Any]) -> bool:
    """Whether one operation of one line is in the history of each tensor more than a hundred times."""
    if len(reached) <= 100 * graph.count:
        return False
    counts = Counter((operation(node), getattr(node, "line", None)) for node in reached)
    return max(counts.values()) > 100 * graph.count


def _hints(graphs: list[LiveGraph], carried: list[LiveGraph]) -> list[str]:
    hints = []
    if any(graph.count > 10 for graph in graphs):
        hints.append("many graphs of one kind are kept: store loss.item() or loss.detach(), not the loss")
    if any(graph.nodes > 100 * max(1, graph.count) and graph.operation in ("add", "sub") for graph in graphs):
        hints.append("a history grows by adding: total += loss.item(), or update parameters under no_grad()")
    elif carried:
        hints.append(f"a history of {carried[0].nodes:,} nodes repeats the same step: a state that is carried from one "
                     "iteration to the next keeps all before it; h = h.detach() between them")
    return hints
