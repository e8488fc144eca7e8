"""The functions of a schedule's steps, and what each step calls with which places.

The one idea to know: steps of one *form* share a function, as places are given to it when it is called.
"""

from __future__ import annotations

from math import prod
from typing import Any, NamedTuple

import numpy as np

from ..compiler.code import Code
from ..compiler.jit import engine
from ..compiler.products import Geometry, Products
from . import entry
from .emission import Function, function_of
from .loops import Nest, Place, form_of, places_of
from .openblas import product_function
from .schedule import Schedule
from .steps import Call, Guard, Kernel, Layout, Product, Step
from .tails import endings_of, sums_form

WORTH_SHARING = 16000
"""Cycles from which on a step is shared among threads."""


class Work(NamedTuple):
    """An `entry.Step` with the name of its function, "" for a guard."""

    function: str
    items: int
    largest: int
    places: list[tuple[int, int]]


class Functions:
    """Writes the module of a schedule, a function per form of step, and what its steps call with which places."""

    def __init__(self, schedule: Schedule) -> None:
        self.functions: list[Code] = []
        self.addresses: dict[str, None] = {}
        """The names of the functions that steps call."""
        self.cycles = 0.0
        self._made: dict[Any, Function] = {}
        self.products = Products(engine().machine)
        self.steps: list[Work | Call] = [
            step if isinstance(step, Call) else self._step(step) for step in schedule.steps]

    def _step(self, step: Step) -> Work:
        function, places = self.function(step)
        if function is None:
            return Work("", entry.AGAIN if isinstance(step, Guard) and step.again else 1, 0, places)
        self.cycles += function.cycles
        self.addresses.setdefault(function.code.name)
        shared = function.cycles >= WORTH_SHARING and function.items >= 2
        return Work(function.code.name, function.items, max(1, function.items // 16) if shared else 0, places)

    def function(self, step: Step) -> tuple[Function | None, list[tuple[int, int]]]:
        """What a step calls, nothing if it is a guard, and with which places."""
        function: Function | None = None
        if type(step) is Product:
            cut = step.cut
            function = self._product(step) if cut is None else self._own_product(step, cut)
        elif type(step) is Kernel:
            function = self._kernel(step)
        elif type(step) is Layout:
            function = self._layout(step.cut, step.right)
        elif type(step) is Nest:
            function = self._nest(step)
        return function, self.places(step)

    @staticmethod
    def places(step: Step) -> list[tuple[int, int]]:
        """The places that a step's function gets."""
        more: list[tuple[int, int]] = []
        if type(step) is Guard:
            found = [step.place]
        elif type(step) is Product and step.cut is not None:
            assert step.panels is not None and step.laid is not None
            found = [step.left.place, step.right.place, step.panels, step.laid, *(step.ends or [step.out.place])]
        elif type(step) is Product:
            found, more = [step.left.place, step.right.place, step.out.place], [(entry.BLAS[step.dtype], 0)]
        elif type(step) is Kernel:
            found = [*step.reads, *step.writes]
        elif type(step) is Layout:
            found = [step.source.place, step.out]
        else:
            assert type(step) is Nest
            found = places_of(step)
        return [*map(slot_of, found), *more]

    def _nest(self, nest: Nest) -> Function:
        form = form_of(nest)
        if form not in self._made:
            self._made[form] = function_of(nest, f"nest{len(self._made)}", engine().machine)
            self.functions.append(self._made[form].code)
        return self._made[form]

    def _kernel(self, step: Kernel) -> Function:
        if step.form not in self._made:
            self._made[step.form] = Function(*step.form.written(f"kernel{len(self._made)}", engine().machine))
            self.functions.append(self._made[step.form].code)
        return self._made[step.form]

    def _product(self, product: Product) -> Function:
        sides = product.left, product.right, product.out
        form = product.dtype, *[(side.shape, side.place.strides) for side in sides]
        if form not in self._made:
            self._made[form] = product_function(product, f"product{len(self._made)}")
            self.functions.append(self._made[form].code)
        return self._made[form]

    def _own_product(self, product: Product, cut: Geometry) -> Function:
        lays, tail = cut.alone or product.panels in product.lays, product.tail
        form = "product", cut, lays, None if tail is None else (form_of(tail), sums_form(product))
        if form not in self._made:
            name = f"matrices{len(self._made)}"
            ending = None if tail is None else endings_of(product, cut, name, engine().machine)
            self._made[form] = Function(self.products.product(cut, name, lays, ending), cut.items, cut.cycles)
        return self._made[form]

    def _layout(self, cut: Geometry, right: bool) -> Function:
        form = "layout", right, cut.panel_form() if right else cut.left_form()
        if form not in self._made:
            write = self.products.panels if right else self.products.left
            items = cut.panels if right else cut.tiles
            elements = cut.panel_elements if right else cut.left_elements
            self._made[form] = Function(write(cut, f"laid{len(self._made)}"), prod(cut.batch) * items, elements / 4)
        return self._made[form]


def slot_of(place: Place) -> tuple[int, int]:
    """Where a place begins: the slot of its buffer, and the bytes from there."""
    buffer = place.buffer
    return buffer.slot, buffer.offset + place.offset * np.dtype(buffer.dtype).itemsize
