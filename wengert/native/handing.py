"""What a pass leaves in memory for a later one, so that what is dear is computed once.

The one idea to know: an expression that two nests compute of the same elements is one node, so a look at nodes finds
it. The later nest's part around it that needs nothing but what the earlier one reads (as the derivative of an
activation does, in the backward pass) moves into the earlier one as a whole, which stores it. Then the later one reads
that in the place of what it was computed of, and often there is nothing more to move through memory than before.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from .loops import FOLDS, Nest, Node, Place, Reduce, Store, varies
from .plan import DEAR, LARGEST_NEST, SMALL, Plan, row_major
from .steps import Step, places_written

TO_MEMORY = 8
"""Cycles in which a vector is read or stored."""


def handed_on(steps: Sequence[Step], plan: Plan) -> list[Step]:
    """The steps, of which nests leave for later ones what both compute and what is dear."""
    found = list(steps)
    first: dict[Node, int] = {}
    """The nest that computes a dear value first."""
    for at, step in enumerate(found):
        if type(step) is not Nest or prod(step.shape) <= SMALL:
            continue
        for before in dict.fromkeys([first[node] for node in step.nodes() if node in first]):
            _hand(found, before, at, plan)
        for node in found[at].nodes():  # type: ignore[union-attr]
            if node.cost >= DEAR and node.op not in FOLDS:
                first.setdefault(node, at)
    return found


def _hand(steps: list[Step], before: int, at: int, plan: Plan) -> None:
    """Moves from the nest at a step into one before what pays there."""
    early, late = steps[before], steps[at]
    assert type(early) is Nest and type(late) is Nest
    if early.shape != late.shape or len(early.roots) >= LARGEST_NEST:
        return
    read = {node.args[0] for node in early.nodes() if node.op == "load"}
    changed = {place.buffer for step in steps[before:at] for place in places_written(step)}
    kept = {place for place in read if place.buffer not in changed}
    parts = _paying(late, early, _outermost(late, kept))
    if not plan.choose("parts of a pass that another leaves", lambda: len(parts)) == len(parts):
        raise NotImplementedError("plans that hand on other values than the first")
    moved: dict[Node, Node] = {}
    for node in parts:
        place = Place(plan.buffer("arena", node.dtype, prod(late.shape)), 0, row_major(late.shape))
        early.roots.append(Store(node, place))
        moved[node] = plan.nodes.load(place)
    if not moved:
        return
    for node in late.nodes():
        if node not in moved:
            moved[node] = plan.nodes.again(node, moved)
    roots = [Store(moved[root.value], root.place) if type(root) is Store else
             Reduce(root.op, moved[root.value], root.place, root.dims, root.split, root.split_stride)  # type: ignore
             for root in late.roots]
    steps[at] = Nest(late.shape, roots)


def _outermost(nest: Nest, kept: set[Place]) -> list[Node]:
    """The largest parts of a nest's expressions that are computed of these places alone, all along its space."""
    whole = {d for d, n in enumerate(nest.shape) if n > 1}
    along = varies(nest)
    within: set[Node] = set()
    for node in nest.nodes():
        reads = node.op == "load" and node.args[0] in kept or node.op == "const"
        if reads or node.op not in (*FOLDS, "pick", "load") and all(x in within for x in node.operands):
            within.add(node)
    used = {root.value for root in nest.roots}
    used.update(x for node in nest.nodes() if node not in within for x in node.operands)
    return [node for node in nest.nodes() if node in within and node in used and node.operands and along[node] == whole]


def _paying(late: Nest, early: Nest, parts: Sequence[Node]) -> list[Node]:
    """The parts that take longer to compute, as far as the earlier nest does that anyway, than memory takes."""
    known, along = set(early.nodes()), varies(late)
    left, stack = set[Node](), [root.value for root in late.roots]
    while stack:
        node = stack.pop()
        if node not in left and node not in parts:
            left.add(node)
            stack += node.operands
    found = []
    for part in parts:
        both = sum(x.cost for x in part.under() if x in known and along[x] == along[part])
        spares = any(x.op == "load" and along[x] == along[part] and x not in left for x in part.under())
        if both > (1 if spares else 2) * TO_MEMORY:
            found.append(part)
    return found
