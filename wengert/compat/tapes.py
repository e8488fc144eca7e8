"""The graphs behind the first ``backward()`` of a program, under wengert and under PyTorch, and what differs.

The one idea to know: each is made in a process of its own, the one in which the program runs anyway, and comes as JSON;
what the two tapes say in different words is brought to one: operations are called as PyTorch calls their nodes, and
changes of shape that differ are taken out, as what reads them tells whether that matters.
"""

from __future__ import annotations

import math
import os
import runpy
import sys
from pathlib import Path
from typing import Any

from ..view import Comparison, Difference, Graph
from ..view.model import GraphEdge
from .looking import FirstGraph
from .program import find_program, run_script
from .torch_tape import FirstTape, operation

SHAPES = frozenset({"t", "view", "expand", "reshape_alias", "unsafe_view", "unsqueeze", "squeeze", "transpose",
                    "permute", "alias", "as_strided"})
"""Changes of shape, which two programs that compute the same make at different places."""


PRODUCTS = {"matmul": "matmul", "linear": "addmm", "bilinear": "bilinear"}
"""Our products, of tensors of any number of dimensions, and what they are called: PyTorch reshapes around its own,
which have two or three."""


def main(arguments: list[str]) -> int:
    """``python -m wengert.compat.tapes wengert|torch FILE ...``: runs what follows, as ``wengert run`` or ``python``
    does, and writes the graph behind its first ``backward()`` to the file, if there is one."""
    which, out, *rest = arguments
    keeper: Any = FirstGraph() if which == "wengert" else FirstTape()
    try:
        with keeper:
            return _run_under_wengert(rest) if which == "wengert" else _run_under_torch(rest)
    finally:
        graph = keeper.graph if which == "torch" or keeper.graph is None else named_as_pytorch_does(keeper)
        if graph is not None:
            Path(out).write_text(graph.to_json(), encoding="utf-8")


def _run_under_wengert(arguments: list[str]) -> int:
    """What ``wengert run`` does with these arguments: a script, or ``-m`` and a module."""
    if arguments[0] == "-m":
        spec = find_program(arguments[1])
        return run_script(str(spec.origin), arguments[2:], spec)
    return run_script(arguments[0], arguments[1:])


def _run_under_torch(arguments: list[str]) -> int:
    """What ``python`` does with them."""
    as_module = arguments[0] == "-m"
    name, *sys.argv[1:] = arguments[as_module:]
    sys.argv[0] = name
    sys.path.insert(0, os.getcwd() if as_module else str(Path(name).resolve().parent))
    if as_module:
        runpy.run_module(name, run_name="__main__", alter_sys=True)
    else:
        runpy.run_path(name, run_name="__main__")
    return 0


def named_as_pytorch_does(keeper: FirstGraph) -> Graph:
    """The graph of our tape without constants, which PyTorch's does not have, its operations called as there."""
    graph = keeper.graph
    assert graph is not None
    found = graph.subgraph(lambda node: node.kind != "constant")
    found.roots = graph.roots
    for node in found:
        label = operation(keeper.labels.get(node.id, node.operation))
        node.operation = PRODUCTS.get(node.operation, label) if label in SHAPES else label
        node.parameters = ""
    return found


def compared(ours: Graph, theirs: Graph, relative: float, absolute: float) -> Comparison:
    """What differs between our graph and PyTorch's. Values are the same up to ``absolute`` and a part of
    ``relative``."""
    while True:
        _shape_products(Comparison(ours, theirs, twins=True))
        found = Comparison(ours, theirs, ("wengert", "PyTorch"), relative, absolute, twins=True)
        extra = [{each.before for each in found.differences if _is_shape(ours, each.before)},
                 {each.after for each in found.differences if _is_shape(theirs, each.after)}]
        if not any(extra):
            found.differences = [each for each in found.differences if not _follows(found, each)]
            return found
        ours, theirs = without(ours, extra[0]), without(theirs, extra[1])


def _shape_products(found: Comparison) -> None:
    """Gives the products of PyTorch's that are paired with one of ours of as many elements the shape of ours."""
    for first, second in found.pairs:
        a, b = found.before.nodes[first], found.after.nodes[second]
        if a.operation in PRODUCTS.values() and None not in (a.shape, b.shape) and a.shape != b.shape:
            if math.prod(a.shape or ()) == math.prod(b.shape or ()):
                b.shape = a.shape
                for summary in filter(None, (b.value, b.gradient)):
                    summary.shape = a.shape or ()


def _is_shape(graph: Graph, id: int | None) -> bool:
    return id is not None and graph.nodes[id].operation in SHAPES and graph.nodes[id].outputs == 1


def _follows(found: Comparison, each: Difference) -> bool:
    """Whether nothing differs but an operand that is in one of the two alone, which is a difference of its own."""
    if each.words != "reads other operands":
        return False
    both = [{pair[side] for pair in found.pairs} for side in (0, 1)]
    sides = ((found.before, each.before), (found.after, each.after))
    return any(edge.target == id and edge.source not in matched
               for (graph, id), matched in zip(sides, both, strict=True) for edge in graph.edges)


def without(graph: Graph, ids: set[int | None]) -> Graph:
    """The graph without these nodes, each of one operand, which takes their place."""
    place = {edge.target: edge.source for edge in graph.edges if edge.target in ids}

    def source(id: int) -> int:
        while id in place:
            id = place[id]
        return id

    kept = [edge for edge in graph.edges if edge.target not in place]
    edges = [GraphEdge(id, edge.target, edge.place, edge.output, graph.nodes[id].shape, sent=edge.sent)
             for edge, id in ((edge, source(edge.source)) for edge in kept)]
    nodes = {id: node for id, node in graph.nodes.items() if id not in place}
    return Graph(nodes, edges, [source(id) for id in graph.roots], graph.modules)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
