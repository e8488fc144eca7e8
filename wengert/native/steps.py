"""The steps of a native program, in the order of which it is a list.

The one idea to know: a step says which places it reads and which it writes, and no more is asked of it by those who
arrange steps and memory (`places_read`, `places_written`). What its code is, `program` knows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ..compiler.products import Geometry
from ..ir import Instr
from .loops import Buffer, Nest, Place, Shape, Store


@dataclass(slots=True, eq=False)
class Matrices:
    """What a product reads or writes: where it begins, and its strides, those of the batch first."""

    place: Place
    shape: Shape


@dataclass(slots=True, eq=False)
class Layout:
    """An operand of a product laid out in panels: the right one, or the left one (`compiler.products`)."""

    source: Matrices
    out: Place
    cut: Geometry
    right: bool


@dataclass(slots=True, eq=False)
class Product:
    """``out = left @ right``, for each of a batch: by code of ours with its ``cut``, else by OpenBLAS. ``panels`` and
    ``laid`` are the operands laid out, and ``lays`` those that the product lays out itself. Each tile goes through the
    ``tail``, if there is one, a nest of the result's shape without reductions, as soon as it is there: what that loads
    from the place of ``out`` is the product, which is then in memory only where the tail stores it. Of ``sums``, values
    of the tail, each tile leaves what its rows add up to: their places have a stride from tile to tile, and one from
    column to column."""

    left: Matrices
    right: Matrices
    out: Matrices
    dtype: str
    cut: Geometry | None = None
    panels: Place | None = None
    laid: Place | None = None
    lays: tuple[Place, ...] = ()
    tail: Nest | None = None
    sums: list[Store] = field(default_factory=list)

    @property
    def ends(self) -> list[Place]:
        """The places that a tail reads and writes beside the product, those that it reads first."""
        if self.tail is None:
            return []
        read = [node.args[0] for node in self.tail.nodes() if node.op == "load" and node.args[0] != self.out.place]
        return list(dict.fromkeys([*read, *(root.place for root in (*self.tail.roots, *self.sums))]))


@dataclass(slots=True, eq=False)
class Call:
    """An instruction that numpy computes. Operands are places with shapes, numbers, or generators by their number."""

    instr: Instr
    operands: list[Any]
    results: list[Buffer]


@dataclass(slots=True, eq=False)
class Guard:
    """The program goes on only where this number is 0; else the graph is interpreted, which says what is wrong, or,
    ``again``, what comes of it."""

    place: Place
    again: bool = False


@dataclass(slots=True, eq=False)
class Kernel:
    """A step with a code of its own: ``form`` writes it (`written`), and steps of equal forms share it. Its operands
    are the places that it reads, and then those that it writes."""

    name: str
    form: Any
    reads: list[Place]
    writes: list[Place]


Step = Nest | Layout | Product | Kernel | Call | Guard


def places_read(step: Step) -> Iterator[Place]:
    """The places that a step reads."""
    if type(step) is Nest:
        for node in step.nodes():
            if node.op == "load":
                yield node.args[0]
            elif node.op == "pick":  # which elements is not known
                yield Place(node.args[0].buffer, 0, ())
    elif type(step) is Product:
        yield from (step.left.place, step.right.place)
        yield from (place for place in (step.panels, step.laid) if place is not None and place not in step.lays)
        if step.tail is not None:
            yield from (node.args[0] for node in step.tail.nodes() if node.op == "load"
                        and node.args[0] != step.out.place)
    elif type(step) is Layout:
        yield step.source.place
    elif type(step) is Kernel:
        yield from step.reads
    elif type(step) is Call:
        yield from (x[0] for x in step.operands if type(x) is tuple and type(x[0]) is Place)
    elif type(step) is Guard:
        yield step.place


def places_written(step: Step) -> Iterator[Place]:
    """The places that a step writes."""
    if type(step) is Nest:
        yield from (root.place for root in step.roots)
    elif type(step) is Product:
        yield from step.lays
        yield from [step.out.place] if step.tail is None else [root.place for root in (*step.tail.roots, *step.sums)]
    elif type(step) is Layout:
        yield step.out
    elif type(step) is Kernel:
        yield from step.writes
    elif type(step) is Call:
        yield from (Place(buffer, 0, ()) for buffer in step.results)
