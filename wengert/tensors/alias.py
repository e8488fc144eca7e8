"""The one law for views and in-place writes.

A *storage* is one memory with one history: the edge of its whole current value, and a generation that counts how often
that edge was replaced. Every tensor on it is the whole or a chain of view steps of it. A write ``t.op_(...)`` means:
``y = op(t, ...)``; the whole becomes ``scatter(whole, y)`` through the chain of ``t``; the version moves on; every
tensor on the storage has its history rebuilt, through its own chain, when it is next used.

A tensor without views has no storage object: its own node is the edge of the whole. The version cell ``[count, line
of the last writer]`` is apart from the storage, because detached tensors share memory and version but not history.

Note [no cycle]: nodes never refer to tensors or storages, only to arrays, version cells and other nodes.
"""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np

from ..core.errors import DTypeError, InplaceError, ShapeError
from ..core.primitive import P, Primitive
from ..core.state import state
from .tape import Cell, Edge, Leaf, Node, OnTape, Out, node_and_index, node_of

Step = tuple[Primitive, dict[str, Any]]


class Storage:
    """One memory with one history; see the module's text. ``shape`` and ``dtype`` are those of the whole, ``base``
    refers to the tensor that is it."""

    __slots__ = ("base", "dtype", "edge", "generation", "shape")

    base: weakref.ref[Any] | None

    def __init__(self, whole: OnTape) -> None:
        self.edge, self.base, self.generation = whole._edge, weakref.ref(whole), 0
        self.shape, self.dtype = whole._data.shape, whole._data.dtype


class Alias:
    """A tensor's place on a storage: the chain of view steps from the whole, and the generation it has seen.

    ``tracked`` is False for a view made where nothing was recorded, `INFERENCE` for one made in `inference_mode`, None
    for one that a user's Function gave, `SEVERAL` for one of several that one function gave: none of them takes part in
    the history, and in the place of a generation it has seen a version, as `unseen` writes it.
    """

    __slots__ = ("generation", "steps", "storage", "tracked")

    def __init__(self, storage: Storage, steps: tuple[Step, ...], tracked: bool | None = True) -> None:
        self.storage, self.steps, self.tracked, self.generation = storage, steps, tracked, storage.generation


INFERENCE: Any = 0
"""In the place of `Alias.tracked`: a view of a normal tensor, made in `inference_mode`."""
SEVERAL: Any = ""
"""In the place of `Alias.tracked`: one of several views that one function gave, such as `unbind`. A write would have to
go through one of several outputs of a node."""


def is_recorded(alias: Alias) -> bool:
    """Whether the steps to a view were recorded, though it may not take part in what is written."""
    return bool(alias.tracked) or alias.tracked is SEVERAL


class Untracked:
    """The version cell of a tensor made in `inference_mode`, and of all that share its memory: nothing is counted. Who
    saves such a tensor for backward reads the count, and so is told that there is none."""

    __slots__ = ()

    def __getitem__(self, place: int) -> Any:
        if place == 0 and not state.inference:
            raise RuntimeError(
                "[backward] Inference tensors cannot be saved for backward: one that keeps count of its versions was "
                "expected; got one made in inference_mode(); use its clone(), or make it under torch.no_grad() instead")
        return None if place else 0

    def __setitem__(self, place: int, value: Any) -> None:
        """Counts nothing."""


def is_inference(tensor: OnTape) -> bool:
    """Whether the tensor was made in `inference_mode`, or is on the memory of such a one."""
    cell: Any = tensor._cell
    return type(cell) is Untracked


def edge_of(tensor: OnTape) -> Edge | None:
    """The tape edge of a tensor's current value, its history rebuilt if another tensor on its storage was written.

    Raises `InplaceError` for a view that is not tracked, whose memory has been written since and has a history: whether
    the gradient should flow through it, nobody can say.
    """
    alias = tensor._alias
    if alias is not None and alias.generation != alias.storage.generation:
        storage = alias.storage
        edge = storage.edge
        if not alias.tracked:
            if edge is not None and alias.steps and alias.generation != unseen(tensor):
                raise InplaceError(_ambiguous(tensor, "view", "its base or another view of its base has been"))
            return tensor._edge
        alias.generation = storage.generation
        set_edge(tensor, None if edge is None else _of_part(alias, edge))
    return tensor._edge


def _of_part(alias: Alias, edge: Edge) -> Edge:
    """The edge of a part of the whole whose edge is given, through its own chain of steps."""
    value = np.broadcast_to(np.zeros((), alias.storage.dtype), alias.storage.shape)
    for primitive, params in alias.steps:
        edge, value = view_node(primitive, params, edge, value)
    return edge


def own_edge(tensor: OnTape) -> Edge | None:
    """`edge_of` that does not raise: a view that is not tracked has the history that it began with."""
    alias = tensor._alias
    return edge_of(tensor) if alias is None or alias.tracked else tensor._edge


def history_shown(tensor: OnTape) -> tuple[Edge | None, str | None]:
    """The edge of a tensor and the name of the node that made it, for its text: "Invalid" where nobody can say."""
    try:
        node = node_of(edge := edge_of(tensor))
    except InplaceError:
        return None, "Invalid"
    return edge, node.name() if isinstance(node, Node) else None


def edge_before_write(tensor: OnTape) -> Edge | None:
    """The edge of the value that a write starts from. That of a view comes from the whole: neither hooks on the view as
    it was nor the Function that gave it have a part in what the write makes of it."""
    edge, alias = edge_of(tensor), tensor._alias
    if alias is None or edge is None or not alias.steps or type(edge) is Leaf:
        return edge
    node: Any = edge.node if type(edge) is Out else edge
    rare = node.rare
    if node.primitive.kind == "view" and (rare is None or "tensor_hooks" not in rare and "hooks" not in rare):
        return edge
    return edge if alias.storage.edge is None else _of_part(alias, alias.storage.edge)


def unseen(tensor: OnTape) -> int:
    """The version of a tensor's memory as a number that is no generation: every look at the history of a view that is
    not tracked finds it so."""
    cell: Any = tensor._cell
    return -1 if type(cell) is Untracked else ~cell[0]


def untrack(tensor: OnTape, why: Any) -> None:
    """Says of a view why it takes no part in the history: what `Alias.tracked` has for it."""
    tensor._alias.tracked, tensor._alias.generation = why, unseen(tensor)


def set_edge(tensor: OnTape, edge: Edge | None) -> None:
    """Gives the tensor's new value its history. ``retain_grad`` asks for the gradient of the value as it now is."""
    old, tensor._edge = tensor._edge, edge
    if tensor._rare is not None and "retains" in tensor._rare:
        node = node_of(old)
        if node is not None and node.rare is not None:
            node.rare["retains"] = [entry for entry in node.rare.get("retains", ()) if entry[1]() is not tensor]
        if edge is not None:
            retain(tensor, edge)


def retain(tensor: OnTape, edge: Edge) -> None:
    """Makes backward keep the cotangent of ``edge`` as the tensor's gradient."""
    node, index = node_and_index(edge)
    node.rarely().setdefault("retains", []).append((index, weakref.ref(tensor)))


def view_node(primitive: Primitive, params: dict[str, Any], edge: Edge, value: Any) -> tuple[Node, Any]:
    """A node for one view step of a value, of which only shape and dtype count, and the part that it yields."""
    part = primitive.run(value, **params)
    node = Node(primitive, params, (edge,), (None, None, (value.shape,)), (), part.shape, part.dtype)
    if state.watcher is not None:
        state.watcher.recorded(node)
    return node, part


def alias_of(tensor: OnTape) -> Alias:
    """The tensor's place on its storage; the storage is made when its first view is."""
    alias: Alias | None = tensor._alias
    if alias is None:
        alias = tensor._alias = Alias(Storage(tensor), ())
    return alias


def version_cell(tensor: OnTape) -> Cell:
    """The version cell of the tensor's memory, shared by all that share the memory."""
    cell: Cell | None = tensor._cell
    if cell is None:
        cell = tensor._cell = [0, None]
    return cell


def attach_view(whole: OnTape, part: OnTape, primitive: Primitive, params: dict[str, Any], recording: bool) -> None:
    """Makes ``part``, whose array is a view of ``whole``'s, a tensor on the same storage; ``recording`` says whether
    its history is kept."""
    alias = whole._alias
    if alias is None:
        alias = alias_of(whole)
    tracked = recording and alias.tracked
    part._alias = place = Alias(alias.storage, (*alias.steps, (primitive, params)), tracked)
    cell = whole._cell
    if cell is None:
        cell = whole._cell = [0, None]
    part._cell = cell
    if not tracked:
        place.generation = unseen(part)


def own(out: Any, *given: OnTape) -> Any:
    """What a function composed of others gives, as a tensor of its own: no view, in name, of a whole that nobody has,
    and a copy where it shows one of the tensors that it was ``given``."""
    for x in given:
        if same_memory(out, x):
            return P.clone(out)
    out._alias = None
    return out


def shares(part: np.ndarray, whole: np.ndarray) -> bool:
    """Whether an array made from ``whole`` is a view of it (one without elements is, as there is nothing to copy)."""
    if part.base is whole or not part.size or (part.base is not None and part.base is whole.base):
        return True
    return bool(np.may_share_memory(part, whole))


def same_memory(x: OnTape, y: OnTape) -> bool:
    """Whether two tensors are one, or views of one memory."""
    return x is y or (x._cell is not None and x._cell is y._cell)


def overlaps_itself(array: np.ndarray) -> bool:
    """Whether two places of an (expanded) array are the same memory."""
    return array.size > 1 and any(s == 0 and n > 1 for s, n in zip(array.strides, array.shape, strict=True))


def check_writable(tensor: OnTape, op: str, elements: bool = True) -> None:
    """Raises, before anything is written, where a write may not happen. ``elements``: whether they get values of their
    own, which those of an expanded tensor cannot have."""
    if is_inference(tensor) and not state.inference:
        raise InplaceError(
            f"[{op}] Inplace update to inference tensor outside InferenceMode is not allowed: a tensor that keeps "
            "count of its versions was expected; got one made in inference_mode(); write to its clone()")
    if elements and overlaps_itself(tensor._data):
        raise InplaceError(
            f"[{op}] unsupported operation: more than one element of the written-to tensor refers to a single memory "
            f"location; got an expanded tensor of shape {tuple(tensor._data.shape)}; clone() it before the write"
        )
    if not state.grad:
        return
    alias = tensor._alias
    if alias is None:
        if type(tensor._edge) is Leaf:
            raise InplaceError(_LEAF.format(op=op, what="a leaf Variable that requires grad"))
        return
    edge = alias.storage.edge
    if not alias.tracked and edge is not None:
        raise InplaceError(_ambiguous(tensor, op, "is being"))
    if type(edge) is Leaf:
        what = "a view of a leaf Variable that requires grad" if alias.steps else "a leaf Variable that requires grad"
        raise InplaceError(_LEAF.format(op=op, what=what))


def _ambiguous(tensor: OnTape, op: str, what: str) -> str:
    """The words for a write to a view of which nobody can say whether gradients flow through it."""
    node, number = node_and_index(tensor._edge)
    why = tensor._alias.tracked
    recorded = isinstance(node, Node)
    if why is INFERENCE or why is False or not recorded:
        made = "inference" if why is INFERENCE else "no_grad"
        whose = f"Output {number} of {_function(node)} is a view of a view which" if recorded else "A view"
        mode = "in normal mode" if why is INFERENCE else "with grad mode enabled"
        words = f"[{op}] {whose} was created in {made} mode and {what} modified inplace {mode}"
    else:
        words = f"[{op}] Output {number} of {_function(node)} is a view and {what} modified inplace"
    return words + (_OF_FUNCTION if why is None else _OF_SEVERAL if why is SEVERAL else
                    _UNRECORDED.format(block="no_grad" if why is False else "inference_mode"))


def _function(node: Any) -> str:
    """What PyTorch calls the function that a node is of: ``"Unbind"``."""
    return str(node.name()).rpartition("Backward")[0] or str(node.name())


_LEAF = ("[{op}] {what} is being used in an in-place operation. A leaf's value is where its gradient is taken; write "
         "under torch.no_grad(), or to a clone()")
_UNRECORDED = (", so that nobody can say whether gradients flow through it. Make the view and write to it either both "
               "inside the {block} block, or both outside it")
_OF_SEVERAL = (". This view is the output of a function that returns multiple views. Such functions do not allow the "
               "output views to be modified inplace. Write out of place, or to a clone()")
_OF_FUNCTION = (". This view was created inside a custom Function (or an input was returned as it is), whose backward "
                "knows nothing of the write; return a clone() from forward, or write out of place")


def wrote(tensor: OnTape, line: str | None = None) -> None:
    """Notes that the tensor's memory has been written."""
    cell = version_cell(tensor)
    cell[0] += 1
    if line is not None:
        cell[1] = line
    elif state.watcher is not None:
        cell[1] = state.watcher.line()


def write(tensor: OnTape, new: OnTape, op: str) -> Any:
    """Ends ``t.op_()``: puts the value of ``new`` = op(old) into the tensor's memory, its history on the tape."""
    target, value = tensor._data, new._data
    if value.shape != target.shape:
        raise ShapeError(f"[{op}] output with shape {list(target.shape)} doesn't match the broadcast shape "
                         f"{list(value.shape)}; an in-place operation cannot change its target's shape")
    if not castable(value.dtype, target.dtype):
        raise DTypeError(f"[{op}] result type {type_name(value.dtype)} can't be cast to the desired output type "
                         f"{type_name(target.dtype)}; write out of place, or convert the operand with .to(...)")
    node = edge_of(new) if state.grad else None
    if node is not None and tensor._alias is not None and not tensor._alias.tracked:
        raise InplaceError(_ambiguous(tensor, op, "is being"))
    watcher = state.watcher
    if watcher is not None:
        watcher.writes(tensor, new)
    if watcher is None or watcher.tracer is None:
        state.quiet(np.copyto, target, value, "unsafe")
    elif watcher.own(watcher.tracer.write, tensor, new):
        return tensor
    wrote(tensor)
    if state.grad:
        if node is not None and value.dtype != target.dtype:
            node = Node(P.cast, {"dtype": target.dtype, "back": value.dtype}, (node,), (None, None, None), (),
                        target.shape, target.dtype)
        rebase(tensor, node)
    return tensor


def rebase(tensor: OnTape, node: Edge | None) -> None:
    """Makes ``node`` the history of the tensor's value, and of the whole storage that it is a part of."""
    alias = tensor._alias
    if alias is None:
        set_edge(tensor, node)
        return
    storage = alias.storage
    if node is None and storage.edge is None:
        return
    if alias.steps:
        node = Node(P.scatter_view, {"steps": alias.steps}, (storage.edge, node), (None, None, None, None), (),
                    storage.shape, storage.dtype)
        if state.watcher is not None:
            state.watcher.recorded(node)
    storage.edge = node
    storage.generation += 1


_RANK = {"b": 0, "u": 1, "i": 1, "f": 2, "V": 2, "c": 3, "W": 3}


def castable(source: np.dtype[Any], target: np.dtype[Any]) -> bool:
    """Whether an in-place result of dtype ``source`` may be stored as ``target``: its category may not fall."""
    return source == target or _RANK[source.kind] <= _RANK[target.kind]


_TYPE_NAMES = {"float32": "Float", "float64": "Double", "int64": "Long", "int32": "Int", "int16": "Short",
               "int8": "Char", "uint8": "Byte", "bool": "Bool", "float16": "Half", "bfloat16": "BFloat16",
               "complex64": "ComplexFloat", "complex128": "ComplexDouble", "uint16": "UInt16", "uint32": "UInt32",
               "uint64": "UInt64", "complex32": "ComplexHalf"}


def type_name(dtype: object) -> str:
    """PyTorch's word for a numpy dtype in messages: ``Float``, ``Long``."""
    name = str(dtype)
    return _TYPE_NAMES.get(name) or (name.capitalize() if name.startswith("float8") else name)
