"""How often a nest goes through a row, and what it does each time.

The one idea to know: a value belongs to the *phase* after the last of the folds that it depends on. In a later phase it
is computed anew where that is cheap, and else read from where the earlier one has left it: in an array that the nest
stores it to anyway, or on a *shelf*, memory of the function's own that holds one row and stays in the nearest cache.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from .expressions import Sum
from .loops import FOLDS, Buffer, Node, Place, Reduce, Root, Shape, Store

CHEAP = 3
"""Cycles a vector up to which a value is computed again in a later phase, if it is `EXACT`."""

EXACT = frozenset({"load", "const", "cast", "select", "neg", "abs", "min", "max", "lt", "le", "gt", "ge", "eq", "ne",
                   "isnan", "logical_and", "logical_or", "logical_not", "floor", "ceil", "round", "trunc", "copysign"})
"""What is the same each time. A sum of a product is rounded once or twice, as the loop wants it, and whether a value is
the largest of its row must not depend on that."""

SHELVES = 2**17
"""Bytes that the shelves of a function take at most."""


@dataclass(slots=True, eq=False)
class Total:
    """What a phase combines: the values of a fold or of a reduction, ``root``."""

    root: Node | Reduce
    value: Node
    sum: Sum

    @property
    def thin(self) -> bool:
        """Whether it may be taken in the dtype of its values for a while."""
        return self.sum.op == "sum" and self.value.dtype == "float32"


@dataclass(slots=True, eq=False)
class Phase:
    """One way through a row: the nodes that it needs, operands first, of which it reads those in ``shelved``; what it
    stores and combines on its way; and at its end stores of what is ``alike`` all along the row."""

    number: int
    nodes: list[Node] = field(default_factory=list)
    shelved: dict[Node, Place] = field(default_factory=dict)
    stores: list[Store] = field(default_factory=list)
    totals: list[Total] = field(default_factory=list)
    alike: list[Store] = field(default_factory=list)


def levels_of(nodes: Sequence[Node]) -> dict[Node, int]:
    """The phase of each node; that of a fold is the one after it has been combined."""
    found: dict[Node, int] = {}
    for node in nodes:
        found[node] = max([found[x] for x in node.operands], default=0) + (node.op in FOLDS)
    return found


def phases_of(nodes: Sequence[Node], roots: Sequence[Root], along: set[Node], rows: Shape, room: int,
              again: Mapping[Node, Place]) -> list[Phase]:
    """The phases of a nest with these nodes, operands first, and rows along the dimensions ``rows``. ``along`` has the
    nodes that differ along a row, ``room`` is how many elements a row takes, and ``again`` says from where values that
    the nest stores can be read."""
    levels = levels_of(nodes)
    phases = [Phase(number) for number in range(max(levels.values(), default=0) + 1)]
    for root in roots:
        phase = phases[levels[root.value]]
        if isinstance(root, Reduce):
            phase.totals.append(Total(root, root.value, Sum.of(root.op, root.value.dtype)))
        elif rows and not any(root.place.strides[d] for d in rows):
            phases[-1].alike.append(root)
        else:
            phase.stores.append(root)
    if not rows:
        phases[0].nodes = list(nodes)
        return phases
    for node in nodes:
        if node.op in FOLDS:
            value = node.args[0]
            phases[levels[value]].totals.append(Total(node, value, Sum.of(FOLDS[node.op], value.dtype)))
    _Needs(phases, levels, along, room, again).find(nodes)
    return phases


class _Needs:
    """Finds what each phase computes and what it reads, the last one first: what it does not compute an earlier one has
    to keep."""

    def __init__(self, phases: list[Phase], levels: Mapping[Node, int], along: set[Node], room: int,
                 again: Mapping[Node, Place]) -> None:
        self.phases, self.levels, self.along, self.room = phases, levels, along, room
        self.kept = dict(again)
        self.left = SHELVES

    def find(self, nodes: Sequence[Node]) -> None:
        for phase in reversed(self.phases):
            known = set[Node]()
            stack = [*(store.value for store in phase.stores), *(total.value for total in phase.totals)]
            while stack:
                node = stack.pop()
                if node in known or node not in self.along:
                    continue
                known.add(node)
                place = self._read(node) if self.levels[node] < phase.number else None
                if place is None:
                    stack += node.operands
                else:
                    phase.shelved[node] = place
            phase.nodes = [node for node in nodes if node in known]

    def _read(self, node: Node) -> Place | None:
        """Where a value of an earlier phase is to be read; None where it is computed again."""
        if node.op == "load":
            return None
        size = self.room * np.dtype(node.dtype).itemsize
        if node not in self.kept and self._dear(node) and size <= self.left:
            self.left -= size
            place = self.kept[node] = Place(Buffer(-1, "shelf", node.dtype, self.room), 0, ())
            self.phases[self.levels[node]].stores.append(Store(node, place))
        return self.kept.get(node)

    def _dear(self, node: Node) -> bool:
        """Whether a value is rather kept than computed from what is in memory."""
        total, known, stack = 0, set[Node](), [node]
        while stack:
            x = stack.pop()
            if x in known or x not in self.along:
                continue
            known.add(x)
            total += max(1, x.cost)
            if x is node or x not in self.kept:
                stack += x.operands
                total += CHEAP * (x.op not in EXACT)
        return total > CHEAP
