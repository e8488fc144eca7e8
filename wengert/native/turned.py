"""Products that are computed turned, as what follows them wants their columns side by side.

The one idea to know: ``(x @ y).T`` is ``y.T @ x.T``, sums in the same order. The gradient of a transposed operand, as
the keys of attention are, comes in columns and is then only moved; turned, it is where it belongs as soon as it is
there, as the product's tail.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..compiler.jit import engine
from ..compiler.products import geometry
from .loops import FOLDS, Nest, Node, Place, Store
from .plan import Plan, row_major
from .steps import Matrices, Product, Step, places_read
from .tails import Shown, tail_of


def turned(steps: Sequence[Step], plan: Plan) -> list[Step]:
    """The steps with products turned where a nest can follow them then, and cannot as they are."""
    found = list(steps)
    readers: dict[Any, list[int]] = {}
    for number, step in enumerate(found):
        for buffer in {place.buffer for place in places_read(step)}:
            readers.setdefault(buffer, []).append(number)
    for number, step in enumerate(found):
        if type(step) is not Product or step.tail is not None or step.out.place.buffer.kind != "arena":
            continue
        read = readers.get(step.out.place.buffer, [])
        nest = found[read[0]] if len(read) == 1 else None
        if type(nest) is not Nest or not _alone(step, readers) or (
                tail_of(step, nest, plan.nodes) is not None):
            continue
        pair = _turned(step, nest, plan)
        if pair is not None and tail_of(*pair, plan.nodes) is not None:
            found[number], found[read[0]] = pair
    return found


def _alone(product: Product, readers: dict[Any, list[int]]) -> bool:
    """Whether a product lays out its operands itself, and nothing else reads that."""
    cut = product.cut
    return cut is not None and cut.by_panels and not cut.lay_left and product.panels in product.lays and (
        product.panels.buffer not in readers)


def _turned(product: Product, nest: Nest, plan: Plan) -> tuple[Product, Nest] | None:
    """The product of the turned operands, and the nest that reads it so, in the space of the result."""
    places = {node.args[0] for node in nest.nodes() if node.op == "load"} | {root.place for root in nest.roots}
    mine = [place for place in places if place.buffer is product.out.place.buffer]
    shown = Shown.of(nest.shape, mine[0], product) if len(mine) == 1 else None
    if shown is None or any(type(root) is not Store for root in nest.roots) or any(
            node.op in (*FOLDS, "pick") for node in nest.nodes()):
        return None
    left, right, out = (_swapped(side) for side in (product.right, product.left, product.out))
    shape = out.shape
    out = Matrices(Place(out.place.buffer, 0, row_major(shape)), shape)
    cut = geometry(engine().machine, product.dtype, shape[:-2], (shape[-2], left.shape[-1], shape[-1]),
                   left.place.strides, right.place.strides, out.place.strides)
    if cut is None or cut.cut or not cut.by_panels or cut.lay_left:
        return None
    there: dict[Place, Place] = {}
    for place in places:
        seen = out.place if place == mine[0] else shown.place(place)
        if seen is None:
            return None
        there[place] = seen if place == mine[0] else _swapped(Matrices(seen, product.out.shape)).place
    found: dict[Node, Node] = {}
    for node in nest.nodes():
        found[node] = plan.nodes.again(node, found, there.__getitem__)
    panels = Place(plan.buffer("arena", cut.dtype, cut.panel_elements), 0, ())
    made = Product(left, right, out, product.dtype, cut, panels, panels, (panels,))
    return made, Nest(shape, [Store(found[root.value], there[root.place]) for root in nest.roots])


def _swapped(side: Matrices) -> Matrices:
    """The matrices with rows as columns."""
    *batch, rows, columns = side.shape
    *outer, down, along = side.place.strides
    return Matrices(Place(side.place.buffer, side.place.offset, (*outer, along, down)), (*batch, columns, rows))
