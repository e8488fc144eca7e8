"""The tape: a node for each recorded operation, a leaf for each tensor that collects a gradient.

A tensor that needs a gradient refers to the node that made it; a node refers to the nodes of its operands; nothing
refers back, so that reference counting frees a graph the moment its last tensor goes. Values that backward will read
are saved as arrays, each with the version cell of its memory: when the count there has moved on, the value was
overwritten and backward says so.
"""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from operator import attrgetter
from typing import Any, Protocol, TypeAlias, final, overload

import numpy as np

from ..core.device import CPU
from ..core.dtypes import DType, complex64, float32, from_numpy
from ..core.errors import GradError, InplaceError
from ..core.operands import Cotangent, Saved
from ..core.primitive import P, Primitive
from ..core.spec import Size
from ..core.state import state
from .saved_words import RESULTS, ROLES, computed, words_of

Edge: TypeAlias = "Node | Out | Leaf"
"""Where a value comes from and its cotangent goes: a node, one output of a node that has several, or a leaf."""
Cell: TypeAlias = list[Any]
"""The version of a memory: how often it was written, and the line that wrote it last, where lines are recorded."""

Restorer: TypeAlias = "Callable[[Any, Edge | None], Any]"
"""Makes a tensor on the tape of a saved array, and of the edge to what computed it."""



class OnTape(Protocol):
    """What the tape and the law of views know of a tensor, whose class stands above them."""

    _data: Any
    _edge: Edge | None
    _alias: Any
    _cell: Cell | None
    _rare: dict[str, Any] | None


next_sequence = itertools.count().__next__
_by_sequence = attrgetter("sequence")


class Node:
    """One recorded operation.

    ``edges`` has one entry per operand: the node (or `Out`, for one output of several) that made it, or None where no
    gradient flows. ``saved`` is what the primitive's vjp reads; ``guards`` pairs version cells with the counts seen.
    ``shape`` and ``dtype`` are those of the result; of several results, tuples with one entry for each, None for what
    is no tensor. ``rare`` is None, or a dict of what few nodes have: hooks, the source line, retained gradients, a name
    of its own.
    """

    __slots__ = ("__weakref__", "dtype", "edges", "guards", "params", "primitive", "rare", "saved", "sequence", "shape")

    primitive: Primitive
    params: dict[str, Any]
    edges: tuple[Edge | None, ...]
    saved: Any
    guards: Sequence[tuple[Cell, int]]
    rare: dict[str, Any] | None
    sequence: int
    shape: tuple[Any, ...]
    dtype: Any

    def __init__(self, primitive: Primitive, params: dict[str, Any], edges: tuple[Edge | None, ...], saved: Saved,
                 guards: Sequence[tuple[Cell, int]], shape: tuple[Any, ...], dtype: Any) -> None:
        self.primitive, self.params, self.edges = primitive, params, edges
        self.saved, self.guards, self.rare = saved, guards, None
        self.shape, self.dtype = shape, dtype
        self.sequence = next_sequence()

    def specs(self) -> list[tuple[tuple[int, ...], np.dtype[Any]] | None]:
        """Shape and dtype of each result, None for what is no tensor."""
        if not self.primitive.multiple:
            return [(self.shape, self.dtype)]
        return [None if shape is None else (shape, dtype) for shape, dtype in zip(self.shape, self.dtype, strict=True)]

    def name(self) -> str:
        """What PyTorch calls this node: ``"MulBackward0"``."""
        label = None if self.rare is None else self.rare.get("label")
        return self.primitive.node_name(self.params) if label is None else label

    @property
    def next_functions(self) -> tuple[tuple[Node | Leaf | None, int], ...]:
        """The nodes of the operands, each with the number of its output."""
        return tuple([(named(node), index) for node, index in map(node_and_index, self.edges)])

    @property
    def metadata(self) -> dict[str, Any]:
        """A dict for the user's own notes on this node."""
        return self.rarely().setdefault("metadata", {})

    def rarely(self) -> dict[str, Any]:
        """The dict of rare things, made when first needed."""
        if self.rare is None:
            self.rare = {}
        return self.rare

    def register_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """``hook(grad_inputs, grad_outputs)`` runs after this node; grad_inputs become what it returns, if not None."""
        return RemovableHandle(self.rarely().setdefault("hooks", {}), hook)

    def register_prehook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """``hook(grad_outputs)`` runs before this node; what it returns, if not None, replaces grad_outputs."""
        return RemovableHandle(self.rarely().setdefault("prehooks", {}), hook)

    @property
    def line(self) -> str | None:
        """``"file:line"`` of the user's code that recorded this node, where `autograd.record_lines` was on."""
        return None if self.rare is None else self.rare.get("line")

    def unpack(self, as_tensors: Restorer | None) -> Any:
        """The saved values, checked; as tensors on the tape where ``as_tensors(array, edge)`` is given."""
        saved = self.saved
        if saved is None:
            raise GradError(
                f"[backward] Trying to backward through the graph a second time (or directly access saved tensors "
                f"after they have already been freed): the values saved by {self.name()}{at_line(self)} were freed "
                f"when it ran first. Specify retain_graph=True if you need to backward through the graph a second "
                f"time; what a step of a training hands on to the next (a hidden state, a mean) needs a detach()."
            )
        for cell, count in self.guards:
            if cell[0] != count:
                raise InplaceError(overwritten(self, cell, count))
        if self.rare is not None and "packed" in self.rare:
            saved = _unpacked(saved)
        if as_tensors is None:
            return saved
        cells = iter(self.guards)
        return tuple([None if value is None else self._restored(value, i, cells, as_tensors)
                      for i, value in enumerate(saved)])

    def edge_at(self, place: int, outputs: bool) -> Edge | None:
        """The edge of the saved value at ``place``; for an output (whose edge is this node itself) only if wanted."""
        return self.edges[place] if place < len(self.edges) else self if outputs else None

    def _restored(self, value: Any, place: int, cells: Iterator[tuple[Cell, int]], as_tensors: Restorer) -> Any:
        """A saved value as a tensor on the tape, sharing the version of the memory that it was saved from, so that a
        write is noticed by whatever saves it again."""
        if is_data(value):
            tensor = as_tensors(value, self.edge_at(place, True))
            tensor._cell = next(cells)[0]
            return tensor
        if type(value) is not tuple or place != len(self.edges):
            return value
        parts: list[Any] = []
        for index, part in enumerate(value):
            if part is None:  # an output that is not kept
                parts.append(None)
                continue
            tensor = as_tensors(part, Out(self, index) if part.dtype.kind in "fcVW" else None)
            tensor._cell = next(cells)[0]
            parts.append(tensor)
        return tuple(parts)

    def pack(self, pack: Callable[[Any], Any], unpack: Callable[[Any], Any], make: Restorer, only: int | None = None,
             part: int | None = None) -> None:
        """Replaces each saved array, or the ``only`` one at that place (of several, that ``part``), by what
        ``pack(tensor)`` gives, from which ``unpack`` brings it back. Versions are not checked any more, as what was
        packed may be a copy."""
        if not self.guards:
            return

        guards, left = iter(self.guards), []

        def packed(value: Any, edge: Edge | None, chosen: bool) -> Any:
            if not (is_data(value) or type(value) is Packed):
                return value
            guard = next(guards)
            if not chosen or type(value) is Packed:
                left.append(guard)
                return value
            left.append(([0, None], 0))
            variable = edge._variable() if type(edge) is Leaf else None
            tensor = variable if variable is not None and variable._data is value else make(value, edge)
            tensor._cell, count = guard
            handle = Packed(pack(tensor), unpack)
            if tensor._cell[0] != count:
                raise GradError("[saved_tensors_hooks] A saved tensor pack hook is modifying its input in place. "
                                "Tensors provided as input to pack hook can not be modified by in-place operations as "
                                "this can lead to unexpected side-effects; return a changed copy instead.")
            return handle

        count = len(self.edges)
        self.saved = tuple([
            tuple([packed(each, None, only in (None, i) and part in (None, k)) for k, each in enumerate(value)])
            if type(value) is tuple and i == count
            else packed(value, self.edge_at(i, False) if is_data(value) else None, only in (None, i))
            for i, value in enumerate(self.saved)])
        self.guards = tuple(left)
        self.rarely()["packed"] = True

    def keep(self, cell: Cell, copies: dict[int, Any]) -> None:
        """Copies the saved values that lie in the memory of this version, unless they were overwritten already: what is
        written there from now on is not theirs. ``copies``, by the id of the value, are made once."""
        if self.saved is None or not any([its is cell and cell[0] == count for its, count in self.guards]):
            return
        before, after = iter(self.guards), []

        def kept(value: Any) -> Any:
            if not (is_data(value) or type(value) is Packed):
                return value
            its, seen = next(before)
            same = its is cell and cell[0] == seen
            after.append(([0, None], 0) if same else (its, seen))
            if same and id(value) not in copies:
                copies[id(value)] = value.copy()
            return copies[id(value)] if same else value

        count = len(self.edges)
        self.saved = tuple([tuple([kept(part) for part in value]) if type(value) is tuple and i == count
                            else kept(value) for i, value in enumerate(self.saved)])
        self.guards = tuple(after)

    def pull(self, ct: Any, as_tensors: Restorer | None) -> Sequence[Any]:
        """Cotangents of the operands from that of the result: arrays from an array, or tensors from a tensor."""
        rule = self.primitive.vjp or self.primitive.rule("vjp")
        # The edges say which cotangents are needed: where there is none there is None, which is false.
        if as_tensors is not None:
            watcher = state.watcher
            tracer = None if watcher is None else watcher.tracer
            if tracer is not None:
                grads = tracer.pull(self, ct)
                if grads is not None:
                    return grads
            saved = self.unpack(as_tensors)
            grads = (rule(ct, saved, self.params, self.edges) if watcher is None
                     else watcher.own(rule, ct, saved, self.params, self.edges))
            return (kinked(grads[0], saved), *grads[1:]) if self.primitive.kinked and state.grad else grads
        saved = self.saved
        if saved is None or (self.rare is not None and "packed" in self.rare):
            saved = self.unpack(None)
        else:
            for cell, count in self.guards:
                if cell[0] != count:
                    raise InplaceError(overwritten(self, cell, count))
        return state.quiet(rule, ct, saved, self.params, self.edges)

    def free(self) -> None:
        """Lets go of saved values. A node that saved none can still run again."""
        saved = self.saved
        if saved is not None and (self.guards or saved[:-1].count(None) + 1 < len(saved)):
            self.saved, self.guards = None, ()

    @property
    def _input_metadata(self) -> tuple[Meta, ...]:
        """Shape and dtype of each of this node's cotangents, which are those of its results."""
        return tuple([Meta(*((), None) if spec is None else spec) for spec in self.specs()])

    def __call__(self, *cotangents: Any) -> Any:
        """Runs this node alone on tensors: the cotangents of its operands. Raises TypeError for another number of
        them than it has results."""
        count = len(self.specs())
        if len(cotangents) != count:
            raise TypeError(f"[{self.name()}] expected {count} arguments, got {len(cotangents)} instead; give one "
                            "cotangent a result")
        ct = cotangents[0] if not self.primitive.multiple else dict(enumerate(cotangents))
        grads = tuple(self.pull(ct, restored))
        return grads[0] if len(grads) == 1 else grads

    def __repr__(self) -> str:
        return f"<{self.name().rpartition('::')[2]} object at {id(self):#x}>"

    def _sequence_nr(self) -> int:
        """The number by which this node is older or younger than others: of what was recorded later it is larger."""
        return self.sequence


def kinked(grad: Any, saved: Saved) -> Any:
    """A cotangent, a tensor of nobody else's, as one that varies with the saved value by a derivative of 0."""
    value = saved[0] if saved[0] is not None else saved[1]
    if grad is not None and value._edge is not None:
        shapes = (grad._data.shape, value._data.shape)
        node = Node(P.kinked, {}, (grad._edge, value._edge), (None, None, None, shapes), (), shapes[0],
                    grad._data.dtype)
        if state.watcher is not None:
            state.watcher.recorded(node)
        grad._edge = node
    return grad


def _shown(self: Node, word: str) -> Any:
    """What PyTorch shows of a node under ``_saved_...``: saved values by their role, and parameters; under
    ``_raw_saved_...`` a `SavedTensor` for the value."""
    raw = word.startswith("_raw_saved_")
    if not (raw or word.startswith("_saved_")):
        raise AttributeError(f"{self.name()!r} object has no attribute {word!r}")
    role = word.removeprefix("_raw").removeprefix("_saved_")
    if self.rare is not None and role in self.rare.get("saved", ()):
        return self.rare["saved"][role]
    known = words_of(self)
    composed = self.rare is not None and "label" in self.rare
    source = (None if composed else "") if known is None else known.get(role)
    try:
        if source is not None:
            return _found(self, role, source, raw)
        raise LookupError(role)
    except (LookupError, TypeError):  # this node has no such parameter, or has not saved the value
        raise AttributeError(f"{self.name()!r} object has no attribute {word!r}: it has not saved that") from None


def _found(self: Node, role: str, source: str, raw: bool) -> Any:
    """What stands at the place ``source`` of a node, of which `saved_words` says more; for ``""`` where the role says.
    Raises LookupError for what is not there."""
    last = len(self.edges)
    named = source[1:] if source[:1] == "." else role if source == "" and role in self.params else None
    if named in self.params and not raw:
        return self.params[named]
    if source[:1] == "=" and not raw:
        return int(source[1:])
    if role in ("keepdim", "upper", "full_matrices"):  # where it was left out
        return False
    given = self.params.get("places", ())
    if role == "indices" and "places" in self.params:
        before = last - sum(map(bool, given))
        if raw:
            counted = itertools.count(before)
            return tuple([SavedTensor(self, next(counted) if each else None) for each in given])
        found = iter(self.unpack(restored)[before:last])
        return tuple([next(found) if each else None for each in given])
    if self.saved is None:
        self.unpack(None)  # which raises: they were freed
    if role in ("self_sym_sizes", "self_sizes") or source[:5] == "shape":
        return Size(self.saved[last + 1][int(source[6:] or 0)])
    if source[:1] == "!" and not source.startswith("!number."):
        value = computed(self, source[1:])
        if value is None and not source.startswith("!dims"):
            raise LookupError(role)
        return value
    place, _, part = source.removeprefix("!number.").partition(".")
    at = last if place == "out" or (not place and role in RESULTS) else int(place) if place else ROLES[role]
    if at > last or at == last and place != "out" and role not in RESULTS:
        raise LookupError(role)
    if raw and (self.saved[at] is not None or source != ""):
        return SavedTensor(self, at if self.saved[at] is not None else None, int(part) if part else None)
    value = _shown_value(self, at)
    value = value[int(part)] if part and value is not None else value
    if source.startswith("!number.") and not is_data(value) and isinstance(value, (int, float, complex)):
        return restored(np.asarray(value), None)  # PyTorch's nodes keep a number that is multiplied by as a tensor
    if value is None and source == "":
        raise LookupError(role)
    return value


def _listed(self: Node) -> list[str]:
    """The attributes of a node, and the words under which it shows what it has saved."""
    rare = () if self.rare is None else tuple(self.rare.get("saved", ()))
    return [*object.__dir__(self), *[f"_saved_{word}" for word in (*(words_of(self) or ()), *rare)]]


def _shown_value(node: Node, place: int) -> Any:
    """A saved value as a tensor on the tape: the leaf itself, where it is one that is as it was."""
    value = node.unpack(restored)[place]
    edge = node.edge_at(place, False)
    packed = node.rare is not None and "packed" in node.rare
    variable = edge._variable() if type(edge) is Leaf and not packed else None
    return variable if variable is not None and variable._data is getattr(value, "_data", None) else value


class Meta:
    """Shape and dtype of a cotangent that a node gets."""

    is_nested_tensor = is_tensor_subclass = False

    is_cpp_nested_tensor = False
    device = CPU

    def __init__(self, shape: tuple[int, ...], dtype: Any) -> None:
        self.shape, self.dtype = Size(shape), None if dtype is None else from_numpy(dtype)


class SavedTensor:
    """A value that a node has saved, before it is brought back: for hooks of its own. ``place`` is None for what is
    None.

    >>> y = torch.ones(2, requires_grad=True).exp()
    >>> y.grad_fn._raw_saved_result.register_hooks(lambda saved: saved * 2, lambda kept: kept / 2)
    >>> y.grad_fn._saved_result
    tensor([2.7183, 2.7183], grad_fn=<ExpBackward0>)
    """

    def __init__(self, node: Node | None = None, place: int | None = None, part: int | None = None) -> None:
        if node is None:
            raise RuntimeError("[SavedTensor] Trying to create a SavedTensor object from Python is forbidden; ask a "
                               "node for what it has saved: y.grad_fn._raw_saved_self")
        self._node, self._place, self._part = node, -1 if place is None else place, part

    def _parts(self) -> tuple[Any, ...]:
        """What is saved there: one value, or those of several results."""
        saved = None if self._node.saved is None else self._node.saved[self._place]
        parts = saved if type(saved) is tuple else (saved,)
        return parts if self._part is None else (parts[self._part],)

    def _packed(self) -> Packed | None:
        return next((part for part in self._parts() if type(part) is Packed), None)

    def _value(self) -> Any:
        value = _shown_value(self._node, self._place)
        return value if self._part is None else value[self._part]

    @property
    def data(self) -> Any:
        """What a pack hook returned in the place of the value; without one, the value as a tensor on the tape, or off
        it if it is an output of this node."""
        packed = self._packed()
        if packed is not None:
            return packed.handle
        value = self._value()
        output = self._place >= len(self._node.edges)
        return value.detach() if output and hasattr(value, "detach") else value

    def unpack(self) -> Any:
        """The value brought back, as a tensor on the tape."""
        return self._value()

    @property
    def unpack_hook(self) -> Callable[[Any], Any] | None:
        """The hook that brings the value back, if it was packed."""
        packed = self._packed()
        return None if packed is None else packed.unpack

    def register_hooks(self, pack_hook: Any = None, unpack_hook: Any = None) -> None:
        """Keeps what ``pack_hook(tensor)`` returns in the place of the value, and gives it to ``unpack_hook`` when
        backward wants the tensor back. Raises RuntimeError for a value that is gone, or has hooks."""
        for hook in (pack_hook, unpack_hook):
            if not callable(hook):
                raise TypeError(f"[register_hooks] incompatible function arguments: two functions were expected; got "
                                f"{type(hook).__name__}")
        saved = self._node.saved
        if saved is None:
            raise GradError("[register_hooks] Calling register_hooks on a saved tensor after it has been freed. Saved "
                            "intermediate values of the graph are freed when you call .backward(); register before it")
        parts = () if self._place < 0 else self._parts()
        if not [part for part in parts if part is not None]:
            raise GradError("[register_hooks] Calling register_hooks on a saved tensor with value None is forbidden; "
                            "ask another of what the node has saved")
        if any([type(part) is Packed for part in parts]):
            raise GradError("[register_hooks] Calling register_hooks on a saved tensor whose hooks have already been "
                            "set. Hint: only one pair of hooks is allowed at a time.")
        before, state.grad = state.grad, False
        try:
            self._node.pack(pack_hook, unpack_hook, restored, self._place, self._part)
        finally:
            state.grad = before


_classes: dict[tuple[type, str], type] = {}


def named(node: Any) -> Any:
    """A node, its class named as PyTorch's is: what users see of the tape. Until then it is a plain `Node`, whose
    attributes are faster, as it has no ``__getattr__``."""
    kind = type(node)
    if kind is Node or kind is HalfNode:
        name = node.name()
        if (kind, name) not in _classes:
            body = {"__slots__": (), "__module__": "builtins", "__getattr__": _shown, "__dir__": _listed}
            _classes[kind, name] = type(name.rpartition("::")[2], (kind,), body)
        node.__class__ = _classes[kind, name]
    return node


class HalfNode(Node):
    """A node with operands in half precision: its rule runs in float32 or complex64, and what that gives is rounded
    once."""

    __slots__ = ("dtypes",)

    dtypes: list[DType | None]
    """Those of the operands that are tensors."""

    def pull(self, ct: Any, as_tensors: Restorer | None) -> Sequence[Any]:
        rule = self.primitive.rule("vjp")
        saved = self.unpack(as_tensors)
        watcher = state.watcher
        run = state.quiet if as_tensors is None else _called if watcher is None else watcher.own
        grads = run(rule, _wide(ct), (*[_wide(value) for value in saved[:-1]], saved[-1]), self.params, self.edges)
        return [grad if grad is None or dtype is None or getattr(grad.dtype, "numpy", grad.dtype) == dtype.numpy
                else P.cast(grad, dtype=dtype, back=grad.dtype)
                for grad, dtype in zip(grads, self.dtypes, strict=False)]


def _called(function: Callable[..., Any], *arguments: Any) -> Any:
    return function(*arguments)


def _wide(value: Saved | Cotangent | None) -> Any:
    """What is in half precision, of arrays, tensors, and tuples and dicts of them, in float32 or complex64."""
    if type(value) is tuple:
        return tuple([_wide(part) for part in value])
    if type(value) is dict:
        return {place: _wide(part) for place, part in value.items()}
    dtype = getattr(value, "dtype", None)
    if dtype is None:
        return value
    if dtype.itemsize == 2 and dtype.kind in "fV":
        return P.cast(value, dtype=float32, back=dtype)
    return P.cast(value, dtype=complex64, back=dtype) if dtype.itemsize == 4 and dtype.kind in "Wc" else value


def restored(data: Any, edge: Edge | None) -> Any:
    """How a saved array becomes a tensor on the tape again. The class `Tensor`, of which nodes know nothing, puts
    `make` here."""
    raise RuntimeError("wengert.tensors has not been imported")


@final
class Out:
    """One output of a node that has several outputs."""

    __slots__ = ("index", "node")

    def __init__(self, node: Node, index: int) -> None:
        self.node, self.index = node, index


@final
class Leaf:
    """Where the gradient of a leaf tensor is collected: the end of the tape.

    The gradient lives here and not on the tensor, so that tensor and tape form no cycle.
    """

    __slots__ = ("__weakref__", "_variable", "grad", "rare", "sequence")

    edges: tuple[Edge | None, ...] = ()
    next_functions: tuple[tuple[Node | Leaf | None, int], ...] = ()

    def __init__(self, variable: Any) -> None:
        self.grad: Any = None
        self._variable = weakref.ref(variable)
        self.rare: dict[str, Any] | None = None
        self.sequence = next_sequence()

    @property
    def variable(self) -> Any:
        """The leaf tensor, or None once it is gone."""
        return self._variable()

    def name(self) -> str:
        return "torch::autograd::AccumulateGrad"

    def rarely(self) -> dict[str, Any]:
        if self.rare is None:
            self.rare = {}
        return self.rare

    register_hook = Node.register_hook
    register_prehook = Node.register_prehook
    metadata = Node.metadata

    def __repr__(self) -> str:
        return f"<AccumulateGrad object at {id(self):#x}>"


Leaf.__name__ = Leaf.__qualname__ = "AccumulateGrad"  # what programs see of it
Leaf.__module__ = "builtins"


@overload
def node_of(edge: Edge) -> Node | Leaf: ...
@overload
def node_of(edge: Edge | None) -> Node | Leaf | None: ...
def node_of(edge: Edge | None) -> Node | Leaf | None:
    """The node at the lower end of an edge: itself, or that of which it is one output; None for None."""
    return edge.node if type(edge) is Out else edge


@overload
def node_and_index(edge: Edge) -> tuple[Node | Leaf, int]: ...
@overload
def node_and_index(edge: Edge | None) -> tuple[Node | Leaf | None, int]: ...
def node_and_index(edge: Edge | None) -> tuple[Node | Leaf | None, int]:
    """The node at the lower end of an edge, and the number of the output."""
    return (edge.node, edge.index) if type(edge) is Out else (edge, 0)


def ancestors(edges: Iterable[Edge]) -> list[Node | Leaf]:
    """The nodes that the edges lead to and all that those were computed from, leaves included, youngest first."""
    seen = {node_of(edge) for edge in edges}
    found = list(seen)
    for node in found:  # which grows as nodes are found
        for edge in node.edges:
            if edge is not None:
                below = edge.node if type(edge) is Out else edge  # `node_of`, without a call for each edge
                if below not in seen:
                    seen.add(below)
                    found.append(below)
    found.sort(key=_by_sequence, reverse=True)
    return found


def labelled(out: Any, label: str, **shown: Any) -> Any:
    """``out``, its node called ``labelBackward0``, or ``label`` where that says Backward itself; what else PyTorch's
    node has ``shown`` under ``_saved_...``.

    For functions that PyTorch records as one node and wengert composes: the last of the nodes goes by PyTorch's name.
    """
    node = out._edge
    if isinstance(node, Node) and type(node).pull in (Node.pull, HalfNode.pull):
        node.rarely()["label"] = label if "Backward" in label else f"{label}Backward0"
        if shown:
            node.rarely()["saved"] = shown
    return out


def shown_as(out: Any, word: str) -> Any:
    """``out``, whose node, a product, is drawn under the ``word`` for what a function did by it; its name stays."""
    node = out._edge
    if type(node) is Node and node.primitive.name == "mul":
        node.rarely()["shown"] = word
    return out


class RemovableHandle:
    """What registering a hook returns; ``remove()`` takes the hook off. Usable as a context manager.

    >>> x = torch.tensor(1.0, requires_grad=True)
    >>> handle = x.register_hook(lambda grad: 10 * grad)
    >>> handle.remove()
    >>> (2 * x).backward()
    >>> x.grad
    tensor(2.)
    """

    _next_id = itertools.count().__next__

    def __init__(self, hooks: dict[int, Any], hook: Callable[..., Any] | None = None) -> None:
        self.id = RemovableHandle._next_id()
        self._hooks = hooks
        if hook is not None:
            hooks[self.id] = hook

    def remove(self) -> None:
        self._hooks.pop(self.id, None)

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *exception: object) -> None:
        self.remove()


class Packed:
    """What a pack hook made of a saved value, and what brings that back."""

    __slots__ = ("handle", "unpack")

    def __init__(self, handle: Any, unpack: Callable[[Any], Any]) -> None:
        self.handle, self.unpack = handle, unpack


def _unpacked(saved: Saved) -> Saved:
    """Saved values with those that were packed brought back as arrays."""
    values = []
    for value in saved:
        if type(value) is tuple and any([type(part) is Packed for part in value]):
            value = _unpacked(value)
        elif type(value) is Packed:
            tensor = value.unpack(value.handle)
            if not hasattr(tensor, "_data"):
                raise TypeError("Output of saved tensor unpack_hook expected to be a Tensor but got result of type "
                                f"{type(tensor).__name__}")
            value = tensor._data
        values.append(value)
    return tuple(values)


def is_data(value: object) -> bool:
    """Whether a saved value is an array (or a traced value), not a Python number."""
    if value is None or type(value) is tuple or isinstance(value, np.generic):
        return False
    return hasattr(value, "dtype")


def at_line(node: Node | Leaf) -> str:
    """``" at file:line"`` where lines are being recorded, else nothing."""
    line = None if node.rare is None else node.rare.get("line")
    return "" if line is None else f" at {line}"


def overwritten(node: Node, cell: Cell, count: int) -> str:
    """The words for a saved value that was written to before backward read it."""
    place = next(i for i, (c, _) in enumerate(node.guards) if c is cell)
    arrays: list[Any] = []
    for value in node.saved:
        arrays.extend(filter(is_data, value if type(value) is tuple else (value,)))
    what = f"a tensor of shape {list(arrays[place].shape)} and dtype {arrays[place].dtype}"
    writer = f"; it was written at {cell[1]}" if cell[1] else ""
    hint = "" if cell[1] else " Run under autograd.record_lines() to see the lines that saved and that wrote it."
    return (f"[backward] one of the variables needed for gradient computation has been modified by an inplace "
            f"operation: {what}, saved by {node.name()}{at_line(node)}, is at version {cell[0]}; expected version "
            f"{count} instead{writer}. Write out of place (y = y + 1, not y += 1), or clone() the tensor first.{hint}")
