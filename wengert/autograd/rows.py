"""Backward rules given many cotangents at once, along a first dimension that the node does not know of.

The one idea to know: a rule that multiplies elements, or rows by a matrix, does the same to further rows. So a Jacobian
of layers that do nothing else is one run back on plain arrays, without a level over the basis (autograd/batching.py),
which is there for all other rules.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.state import state
from ..tensors.alias import edge_of
from ..tensors.apply import bare
from ..tensors.tape import Leaf, Node, Out
from ..tensors.tensor import Tensor
from .engine import leading, running_order

ndarray = np.ndarray


def rule_for_rows(node: Node) -> Any:
    """The rule of a node as one that takes cotangents with a dimension in front of those of its result, and gives ones
    with the same; None where it has none, or has let go of what it saved. It gets the saved values that `rowwise`
    gives."""
    primitive, saved = node.primitive, node.saved
    if saved is None:
        return None
    if primitive.kind != "elementwise":
        return None if primitive.rows is None else primitive.rows(saved, node.edges)
    shapes = saved[-1]
    alike = shapes is None or all(
        [edge is None or shape == node.shape for edge, shape in zip(node.edges, shapes, strict=True)])
    return primitive.vjp if alike else None


def rowwise(node: Node, saved: Sequence[Any]) -> Sequence[Any]:
    """Saved values for `rule_for_rows`: no elementwise rule is to bring further rows to the shapes of the operands."""
    return (*saved[:-1], None) if node.primitive.kind == "elementwise" else saved


def run_rows(output: Tensor, inputs: Sequence[Any], cts: Tensor) -> list[Tensor] | None:
    """The cotangents of ``inputs`` for each of those of ``output`` along the first dimension of ``cts``, by one run
    back on arrays that records nothing and keeps the tape: zeros for an input that nothing leads to. None, and nothing
    has happened, where a node on the way has no rule for rows, has hooks, or has to say that a value is gone."""
    root = edge_of(output)
    edges = [edge_of(x) if isinstance(x, Tensor) else None for x in inputs]
    targets: Any = set(edges)
    if state.watcher is not None or root is None or None in targets or type(cts._data) is not ndarray:
        return None
    order = running_order([root])
    needed: Any = leading(order, targets)
    rules: dict[Any, Any] = {}
    for node in order:
        if node in needed:
            rules[node] = rule = _rule_of(node)
            if rule is None:
                return None
        elif node in targets and _sees(node):
            return None
    quiet = state.here["quiet"]
    cotangents: dict[Any, Any] = {root: cts._data}
    for node, rule in rules.items():
        ct = cotangents.get(node)
        if ct is None:
            continue
        parts = quiet(rule, ct, rowwise(node, node.saved), node.params, node.edges)
        for edge, part in zip(node.edges, parts, strict=False):
            if edge is not None and part is not None:
                before = cotangents.get(edge)
                cotangents[edge] = part if before is None else quiet(np.add, before, part)
    return _settled(inputs, [cotangents.get(edge) for edge in edges], len(cts._data))


def _settled(inputs: Sequence[Tensor], found: Sequence[ndarray | None], count: int) -> list[Tensor]:
    """Each of the arrays as a tensor of its own memory, in the dtype of its input."""
    results, seen = [], set()
    for x, rows in zip(inputs, found, strict=True):
        dtype = x._data.dtype
        if rows is None:
            rows = np.zeros((count, *x._data.shape), dtype)
        elif rows.base is not None or id(rows) in seen:
            rows = rows.copy()
        seen.add(id(rows))
        results.append(bare(rows if rows.dtype == dtype else rows.astype(dtype)))
    return results


def _sees(node: Any) -> bool:
    """Whether a node has hooks, or other things of its own to see to."""
    return node.rare is not None and (type(node) is Leaf or bool(node.rare.keys() - {"label", "line", "shown"}))


def _rule_of(node: Any) -> Any:
    if (type(node).pull is not Node.pull or _sees(node) or Out in map(type, node.edges)
            or any([cell[0] != count for cell, count in node.guards])):
        return None
    return rule_for_rows(node)
