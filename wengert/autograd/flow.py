"""The chain rule looked at: what a run of the tape would send where, without running it for anybody.

The one idea to know: it is the engine's walk without what the engine is for. No hook runs, no leaf gets a gradient,
nothing is freed; instead every cotangent is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from ..core.state import state
from ..tensors.tape import Edge, Leaf, Node
from .engine import Pass


class Flow:
    """One run of the chain rule over ``order``, nodes youngest first, from ``roots``, pairs of an edge and its
    cotangent, an array.

    ``arrived`` has the cotangent of each node that got one (a dict by index where a node has several outputs), ``sent``
    what each node sent to the operand at a place, by ``(node, place)``, in the order in which they ran. The run ends
    at the first node whose saved values were ``freed``. ``pull`` runs a node's rule on a cotangent.
    """

    def __init__(self, roots: Iterable[tuple[Edge, np.ndarray]], order: Iterable[Node | Leaf],
                 pull: Callable[[Node, Any], Any] = lambda node, ct: node.pull(ct, None)) -> None:
        this = Pass(create_graph=False, tensors=False)
        self.arrived = this.pending
        self.sent: dict[tuple[Node, int], Any] = {}
        self.freed: Node | None = None
        for root, seed in roots:
            this.add(root, seed)
        before, state.grad = state.grad, False
        watcher, state.watcher = state.watcher, None
        try:
            for node in order:
                ct = self.arrived.get(node)
                if ct is None or type(node) is Leaf:
                    continue
                if node.saved is None:
                    self.freed = node
                    return
                for place, (edge, grad) in enumerate(zip(node.edges, pull(node, ct), strict=False)):
                    if edge is not None and grad is not None:
                        self.sent[node, place] = grad
                        this.add(edge, grad)
        finally:
            state.grad, state.watcher = before, watcher
