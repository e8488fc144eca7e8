"""Forward mode, seen: the operations on tensors that move, with their tangents, as nodes of a graph.

The one idea to know: forward mode keeps no tape, so a recording makes one. Each operation of a forward derivative
becomes a node of its own beside what its operands were and how they moved; from there on a picture is made as of any
tape. Where the tape of the level goes on as well (operands require gradients), what it sends back finds the same nodes.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np

from ..autograd.engine import grad
from ..autograd.forward import Dual, pushed
from ..autograd.levels import Lifted
from ..core.errors import MissingRuleError
from ..core.primitive import Primitive
from ..core.state import state
from ..tensors.alias import edge_of
from ..tensors.apply import bare
from ..tensors.tape import Leaf, Node, Out, node_and_index, restored
from ..tensors.tensor import TENSORS

ndarray = np.ndarray
NOTHING: Any = None
"""What a node saves of which nothing can be read back."""


def bottom(value: Any) -> Any:
    """The array under a tensor, or under what it holds at any number of levels; None where there is none."""
    data = value._data if type(value) in TENSORS else value
    while isinstance(data, Lifted):
        data = data.value._data
    return data if type(data) is ndarray else None


def tangent_of(data: Any) -> Any:
    """The array of the tangent that a tensor's data has, through levels that hold it; None where it does not move."""
    while isinstance(data, Lifted):
        if type(data) is Dual:
            return None if data.tangent is None else bottom(data.tangent)
        data = data.value._data
    return None


class Pushes:
    """What a recording has seen of forward derivatives: for data that moves the place on the tape that it makes, and
    for each of its leaves the value and the tangent."""

    def __init__(self) -> None:
        self.places: dict[int, tuple[Any, Any]] = {}
        self.twins: dict[int, Node] = {}
        """Nodes by the number of that which the level's own tape has for the same operation."""
        self.leaves: dict[int, tuple[Leaf, Any, Any, Any]] = {}
        """Leaves by number: themselves, the value, the tangent, and the tensor that was given for the value."""

    def node(self, level: Any, primitive: Primitive, operands: Sequence[Any], params: dict[str, Any], out: Any
             ) -> tuple[Node, list[Any], list[Any], list[Any], list[Any]] | None:
        """The node of an operation, and what its operands and results were and how they moved, as arrays; None where
        none moves."""
        parts = list(out) if primitive.multiple else [out]
        values, tangents, edges = [], [], []
        for x in operands:
            tangent = edge = None
            if type(x) in TENSORS:
                data = x._data
                tangent = tangent_of(data)
                if tangent is not None or edge_of(x) is not None:
                    edge = self._place(x, tangent)
                values.append(bottom(data))
            else:
                values.append(x)
            tangents.append(tangent)
            edges.append(edge)
        if all(tangent is None for tangent in tangents):
            return None
        results = [bottom(part) for part in parts]
        shapes, dtypes = [part._data.shape for part in parts], [part._data.dtype for part in parts]
        node = Node(primitive, params, tuple(edges), NOTHING, (), tuple(shapes) if primitive.multiple else shapes[0],
                    tuple(dtypes) if primitive.multiple else dtypes[0])
        for index, part in enumerate(parts):
            if part._edge is not None:
                self.twins[node_and_index(part._edge)[0].sequence] = node
            if tangent_of(part._data) is not None:
                self._hold(part._data, Out(node, index) if primitive.multiple else node)
        return node, values, tangents, results, [tangent_of(part._data) for part in parts]

    def _place(self, tensor: Any, tangent: Any) -> Any:
        """The place of an operand on the tape that is made: known already, or a new leaf."""
        edge = edge_of(tensor)
        if edge is not None:
            node, index = node_and_index(edge)
            if type(node) is not Leaf and node.sequence in self.twins:
                twin = self.twins[node.sequence]
                return Out(twin, index) if twin.primitive.multiple else twin
        found = self.places.get(id(tensor._data))
        if found is not None and found[0]() is tensor._data:
            return found[1]
        leaf = edge if type(edge) is Leaf else Leaf(tensor)
        data = tensor._data
        self.leaves[leaf.sequence] = leaf, bottom(data), tangent, data.value if type(data) is Dual else tensor
        self._hold(data, leaf)
        return leaf

    def _hold(self, data: Any, place: Any) -> None:
        """Notes the place of what a tensor holds, and of the array at the bottom, which it may hold alone later."""
        for each in (data, bottom(data)):
            if each is not None:
                self.places[id(each)] = weakref.ref(each), place

    def rewritten(self, tensor: Any, new: Any) -> None:
        """Notes that a tensor has the value of another now, and moves as that does."""
        if not getattr(tensor._data, "steps", ()):
            self.stands_for(tensor._data, new)

    def stands_for(self, data: Any, tensor: Any) -> None:
        """Notes that ``data`` is what a tensor is now."""
        found = self.places.get(id(tensor._data))
        if found is not None and found[0]() is tensor._data:
            self._hold(data, found[1])

    def alive(self) -> Iterator[tuple[Any, Any]]:
        """The data that somebody still holds, and its place."""
        for reference, place in self.places.values():
            data = reference()
            if data is not None:
                yield data, place


def pull_on_arrays(node: Node, ct: Any) -> Any:
    """A node's cotangents from an array, also where it has saved what only a level can see: then of the values."""
    if not any(isinstance(value, Lifted) for value in node.saved or ()):
        return node.pull(ct, None)
    saved = tuple([bottom(value) if isinstance(value, Lifted) else value for value in node.saved])
    return state.quiet(node.primitive.rule("vjp"), ct, saved, node.params, node.edges)


def aside(run: Callable[[], Any]) -> Any:
    """Runs something that nobody is to hear of, off the tape."""
    watcher, recording, state.watcher, state.grad = state.watcher, state.grad, None, False
    try:
        return run()
    finally:
        state.watcher, state.grad = watcher, recording


def contributions(primitive: Primitive, values: Sequence[Any], tangents: Sequence[Any], out: Any,
                  params: dict[str, Any]) -> dict[int, Any]:
    """What each operand that moves adds to the tangent of a single result, by its place. Empty where an array is not
    there, or the primitive has no rule to say it."""
    moving = [place for place, tangent in enumerate(tangents) if tangent is not None]
    if primitive.multiple or out is None or any(values[place] is None for place in moving):
        return {}
    operands = [bare(x) if type(x) is ndarray else x for x in values]

    def one(place: int) -> Any:
        only = [bare(t) if i == place else None for i, t in enumerate(tangents)]
        return bottom(pushed(primitive, only, operands, bare(out), params))

    try:
        found = {place: aside(partial(one, place)) for place in moving}
    except MissingRuleError:
        return {}
    return {place: np.broadcast_to(part, out.shape) for place, part in found.items() if part is not None}


def through(node: Node, saved: Any, tangents: dict[int, Any]) -> dict[int, dict[int, Any]]:
    """The same by a node of a tape and what it saved, by the adjoint of its backward rule: for each of its results that
    moves the contributions, by place."""
    rule, multiple = node.primitive.vjp, node.primitive.multiple
    if rule is None or saved is None:
        return {}
    specs = {i: spec for i, spec in enumerate(node.specs()) if spec is not None and spec[1].kind in "fc"}

    def one(place: int) -> Any:
        state.grad = True
        cts = {i: bare(np.zeros(*spec)).requires_grad_() for i, spec in specs.items()}
        kept = tuple([_as_tensors(x) for x in saved])
        sent = rule(cts if multiple else cts[0], kept, node.params, node.edges)[place]
        if sent is None or not sent.requires_grad:
            return [None] * len(cts)
        return grad([sent], list(cts.values()), [bare(np.asarray(tangents[place], sent._data.dtype))],
                    allow_unused=True)

    found: dict[int, dict[int, Any]] = {i: {} for i in specs}
    for place in tangents:
        for (i, spec), part in zip(specs.items(), aside(partial(one, place)), strict=True):
            found[i][place] = np.zeros(*spec) if part is None else bottom(part)
    return found


def _as_tensors(value: Any) -> Any:
    """What a node has saved, with tensors in the place of arrays, but for the shapes."""
    if type(value) is tuple and any(type(part) is ndarray for part in value):
        return tuple([_as_tensors(part) for part in value])
    return restored(value, None) if type(value) is ndarray else value
