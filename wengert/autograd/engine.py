"""Running the tape back by the chain rule.

The nodes that the roots reach are collected in a list, not by recursion, and run in descending order of their sequence
numbers: a node is always younger than its operands, so every cotangent is complete when its node runs. A leaf's is
added to its gradient as soon as it is complete. On the plain
path cotangents are arrays and rules compute at the speed of numpy; with ``create_graph``, and while a function is being
recorded, they are tensors, and what the rules do is recorded like everything else.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter
from types import FrameType
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from ..core.errors import DTypeError, GradError, InplaceError, ShapeError, worded
from ..core.forks import in_child
from ..core.frames import warn
from ..core.operands import Array, ByOutput
from ..core.primitive import P
from ..core.state import state
from ..tensors import tensor as tensor_module
from ..tensors.absent import Absent
from ..tensors.alias import edge_of, wrote
from ..tensors.evaluation import leave_inside
from ..tensors.nowhere import nowhere
from ..tensors.tape import Edge, Leaf, Node, Out, node_and_index, node_of, overwritten
from ..tensors.tensor import Tensor, make

Seeds: TypeAlias = Tensor | Sequence[Tensor | None] | None
"""Cotangents of the roots as users give them; None for a 1."""


_by_sequence = attrgetter("sequence")


class Pass:
    """One run of the tape: the cotangents that wait for their node, and which of them are sums of our own."""

    __slots__ = ("__weakref__", "_nodes", "accumulates", "callbacks", "create_graph", "order", "owned", "pending",
                 "retains", "tensors")

    def __init__(self, create_graph: bool, tensors: bool) -> None:
        self.pending: dict[Node | Leaf, Any] = {}
        self.owned: set[Node | Leaf] = set()
        self.create_graph, self.tensors = create_graph, tensors
        self.order: list[Node | Leaf] = []
        self._nodes: set[Node | Leaf] | None = None
        self.accumulates, self.retains = True, False
        self.callbacks: list[Callable[[], None]] | None = None
        """What is called when it is over."""

    def nodes(self) -> set[Node | Leaf]:
        """The nodes that run in it, if a cotangent arrives."""
        if self._nodes is None:
            self._nodes = set(self.order)
        return self._nodes

    def add(self, edge: Edge, ct: Array | Tensor) -> None:
        """Adds a contribution to the cotangent of ``edge``: the first is borrowed, the second makes a sum of our own,
        later ones are added to it in place."""
        if type(edge) is Out:
            parts = self.pending.setdefault(edge.node, {})
            parts[edge.index] = ct if edge.index not in parts else self.sum(parts[edge.index], ct)
            return
        pending = self.pending
        previous = pending.get(edge)
        if previous is None:
            pending[edge] = ct
        elif self.tensors:
            pending[edge] = previous + ct
        elif edge in self.owned or (sys.getrefcount(previous) == _ALONE + 1 and can_hold(previous, ct)):
            state.quiet(np.add, previous, ct, previous)
        else:
            total = pending[edge] = state.quiet(np.add, previous, ct)
            if type(total) is np.ndarray:
                self.owned.add(edge)

    def sum(self, x: Array | Tensor, y: Array | Tensor) -> Any:
        """A new sum of two cotangents; of arrays without numpy's warnings, as infinities may meet."""
        return x + y if self.tensors else state.quiet(np.add, x, y)


def can_hold(x: Any, y: Any) -> bool:
    """Whether the sum of two cotangents may take the place of the first, where nobody else refers to that."""
    return (type(x) is np.ndarray and type(y) is np.ndarray and x.base is None and x.flags.writeable
            and x.shape == y.shape and x.dtype is y.dtype and x.strides == y.strides)


def running_order(roots: Iterable[Edge]) -> list[Node | Leaf]:
    """The nodes that the roots reach, in the order in which they run, which is PyTorch's: the youngest first, and a
    leaf as soon as the last of the nodes that lead to it has run."""
    seen = {node_of(root) for root in roots}
    leaves = {node for node in seen if type(node) is Leaf}
    found = [node for node in seen if type(node) is not Leaf]
    for node in found:  # which grows as nodes are found
        for edge in node.edges:
            if edge is None:
                continue
            if type(edge) is Leaf:
                leaves.add(edge)
                continue
            below = edge.node if type(edge) is Out else edge  # `node_of`, without a call for each edge
            if below not in seen:
                seen.add(below)
                found.append(below)
    found.sort(key=_by_sequence)
    order: list[Node | Leaf] = []
    for node in found:  # the oldest first: a leaf that is met is one that this node completes
        if leaves:
            sends = node.primitive.sends
            for edge in node.edges[::-1] if sends is None else sends(node.edges)[::-1]:
                if edge in leaves:
                    leaves.remove(edge)
                    order.append(edge)
        order.append(node)
    order.extend(leaves)
    order.reverse()
    return order


_NAMES = frozenset({"label", "metadata", "saved", "shown"})
"""What is noted on nodes that is no function of the user's."""


def is_own(node: Node | Leaf) -> bool:
    """Whether a node runs code of wengert's own alone: it has no hooks, and is of no Function of the user's."""
    if node.rare is not None and not node.rare.keys() <= _NAMES:
        return False
    return type(node) is Leaf or type(node).pull is Node.pull


def leading(order: Sequence[Node | Leaf], targets: set[Node | Leaf]) -> set[Node | Leaf]:
    """Those of the nodes, given youngest first, that lead to a target: they must run for it (a target itself need
    not)."""
    found: set[Node | Leaf] = set()
    for node in reversed(order):
        for edge in node.edges:
            below = edge.node if type(edge) is Out else edge  # `node_of`, without a call for each edge
            if below in found or below in targets:
                found.add(node)
                break
    return found


def run(roots: list[tuple[Edge, Tensor]], *, inputs: list[Edge] | None, retain_graph: bool, create_graph: bool,
        accumulate: bool) -> list[Any]:
    """Runs the tape back from ``roots``, pairs of an edge and its cotangent (a tensor).

    ``inputs``: the edges asked for; their cotangents are returned (None where none arrives). ``accumulate`` adds what
    arrives at leaves to their gradients.
    """
    watcher = state.watcher
    tensors = create_graph or (watcher is not None and (watcher.tracer is not None or watcher.rules))
    add_to = accumulate_grad if create_graph or not tensors else accumulate_tensor
    if roots and type(roots[0][1]._data) is Absent and (watcher is None or watcher.tracer is None):
        return list(nowhere(run, roots, inputs=inputs, retain_graph=retain_graph, create_graph=create_graph,
                            accumulate=accumulate))
    outer = getattr(_here, "run", None)
    if outer is not None:
        depth = getattr(_here, "depth", 0) + 1
        if depth > _DEEP:
            return in_thread(outer, run, roots, inputs=inputs, retain_graph=retain_graph, create_graph=create_graph,
                             accumulate=accumulate)
    this = Pass(create_graph, tensors)
    this.accumulates, this.retains = accumulate, retain_graph
    for root, seed in roots:
        this.add(root, seed if tensors else seed._data)
    ends = None if watcher is None else watcher.begins_own()
    order = running_order([root for root, _ in roots])
    if ends is not None and not all([is_own(node) for node in order]):
        ends()
        ends = None
    targets = needed = None
    if inputs is not None:
        targets = {node_of(edge) for edge in inputs}
        needed = leading(order, targets)
        order = [node for node in order if node in needed or node in targets]
    captured: dict[Node | Leaf, Any] = {}
    this.order, pending = order, this.pending
    if outer is not None:
        _here.depth = depth
    _here.run = this
    grad_before = state.grad
    state.grad = create_graph
    as_tensors, quiet = make if tensors else None, state.quiet
    ct: Any = None
    grads: Any = None
    try:
        for node in order:
            ct = pending.pop(node, None)
            if ct is None:
                continue
            rare = node.rare
            if rare is not None:
                ct = tensor_hooks(rare, ct, tensors)
            if targets is not None:
                if node in targets:
                    captured[node] = ct
                if needed is not None and node not in needed and not (
                        accumulate and (type(node) is Leaf or (rare is not None and "prehooks" in rare))):
                    continue
            if rare is not None and "prehooks" in rare:
                ct = node_prehooks(rare, ct, tensors)
            if type(node) is Leaf:
                if accumulate:
                    if not tensors and sys.getrefcount(ct) == _ALONE:
                        accumulate_owned(node, ct)
                    else:
                        add_to(node, ct, create_graph)
                    if rare is not None:
                        after_accumulation(node, rare, ct)
                continue
            if as_tensors is None and rare is None and type(node) is Node and node.saved is not None:
                for cell, count in node.guards:  # `Node.pull`, without a call for each node
                    if cell[0] != count:
                        raise InplaceError(overwritten(node, cell, count))
                rule = node.primitive.vjp
                if rule is None:
                    rule = node.primitive.rule("vjp")
                grads = quiet(rule, ct, node.saved, node.params, node.edges)
            else:
                grads = node.pull(ct, as_tensors)
            if rare is not None and "hooks" in rare:
                grads = node_hooks(rare, grads, ct, tensors)
            if watcher is not None:
                grads = watcher.passes(node, ct, grads)
                watcher.pulled(node, ct, grads)
            for edge, grad in zip(node.edges, grads, strict=False):
                if edge is None or grad is None:
                    continue
                if edge in pending or type(edge) is Out:
                    this.add(edge, grad)
                else:
                    pending[edge] = grad
            grads = grad = None  # a cotangent that only its node waits for is that node's own
            if not retain_graph:
                node.free()
    except Exception as error:
        if watcher is not None:
            watcher.failed(node)
        spoken = isinstance(error, (ValueError, IndexError, ArithmeticError, MemoryError))
        wording = worded("backward", error) if spoken else None
        if wording is None:
            raise
        raise wording from error
    finally:
        if ends is not None:
            ends()
        state.grad, _here.run = grad_before, outer
        if outer is not None:
            _here.depth -= 1
        if state.watcher is not watcher:  # hooks that a hook entered and did not leave end with the run
            leave_inside(watcher)
    if this.callbacks is not None:
        _here.run = this
        try:
            for callback in this.callbacks:  # which may add others
                callback()
        finally:
            _here.run = outer
    if inputs is None:
        return []
    ct = None
    return [pick(captured, edge) for edge in inputs]


_here = threading.local()
_DEEP = 40
"""So many runs may be inside each other in one thread, whose stack each of them makes deeper."""


def in_thread(outer: Pass, function: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    """What ``function`` gives in a thread of its own, with this thread's switches, while this one waits: Functions
    whose backward runs backward may be nested deeper than one stack holds."""
    found: list[Any] = []
    switches = {name: value for name, value in state.here.items() if name not in ("quiet", "here")}

    def call() -> None:
        state.here.update(switches)
        _here.run = outer
        try:
            found.extend((True, function(*arguments, **options)))
        except BaseException as error:  # raised again where it is waited for
            found.extend((False, error))

    thread = threading.Thread(target=call, name="backward", daemon=True)
    thread.start()
    thread.join()
    done, result = found
    if not done:
        raise result
    return result


def queue_callback(callback: Callable[[], None]) -> None:
    """Calls ``callback()`` when the run of backward that is going on in this thread is over, and all gradients are
    there. Raises RuntimeError outside of any."""
    this = innermost()
    if this is None:
        raise RuntimeError("[queue_callback] Final callbacks can only be installed during backward pass; there is none "
                           "in this thread; call it in a hook, or in a Function's backward")
    if this.callbacks is None:
        this.callbacks = []
    this.callbacks.append(callback)


def running() -> Pass:
    """The innermost run of the tape in this thread. Raises RuntimeError outside of any."""
    found = innermost()
    if found is None:
        raise RuntimeError("[running] a run of backward was expected; there is none in this thread")
    return found


def innermost() -> Pass | None:
    """The innermost run of the tape in this thread, if there is one."""
    return getattr(_here, "run", None)


def outermost() -> Pass | None:
    """The outermost run of the tape in this thread, if there is one: what runs inside (a checkpointed segment) is over
    before it. Like `current_node`, it asks the frames."""
    frame: FrameType | None = sys._getframe(1)
    found: Pass | None = None
    while frame is not None:
        if frame.f_code is run.__code__:
            found = frame.f_locals["this"]
        frame = frame.f_back
    return found


def current_node() -> Node | Leaf | None:
    """The node that the innermost run of the tape in this thread is at, None outside of any. The loop tells nobody
    where it is, which would cost every node: its frame is asked."""
    frame = sys._getframe(1)
    while frame is not None and frame.f_code is not run.__code__:
        frame = frame.f_back  # type: ignore[assignment]
    return None if frame is None else frame.f_locals.get("node")


def _alone() -> int:
    """What `sys.getrefcount` says of an object that one local variable refers to (it differs between Pythons)."""
    array = np.empty(0)
    return sys.getrefcount(array)


_ALONE = _alone()
_accumulating = threading.Lock()


def _renew() -> None:
    global _accumulating
    _accumulating = threading.Lock()


in_child(_renew)


def pick(captured: dict[Node | Leaf, Any], edge: Edge) -> Tensor | None:
    """The cotangent that arrived at an edge, as a tensor of its own memory; None where none did."""
    node, index = node_and_index(edge)
    found = captured.get(node)
    if type(found) is dict:
        found = found.get(index)
    if found is None or isinstance(found, Tensor):
        return found
    own = (
        sys.getrefcount(found) == _ALONE + 1
        and type(found) is np.ndarray
        and found.base is None
        and found.flags.writeable
    )
    return make(found if own else found.copy("K"), None)


def accumulate_owned(leaf: Leaf, ct: Array) -> None:
    """Like `accumulate_grad`, for an array that nobody else refers to: it may become the gradient itself."""
    variable = leaf._variable()
    if (
        leaf.grad is None
        and (variable is None or variable._data.dtype is ct.dtype)
        and type(ct) is np.ndarray
        and ct.base is None
        and ct.flags.writeable
        and (variable is None or (type(variable._data) is np.ndarray and ct.strides == variable._data.strides))
    ):
        with _accumulating:
            if leaf.grad is None:
                leaf.grad = make(ct, None)
                return
    accumulate_grad(leaf, ct, False)


def accumulate_grad(leaf: Leaf, ct: Any, create_graph: bool) -> None:
    """Adds a cotangent to a leaf's gradient: in place, unless the run itself is being recorded."""
    watcher = state.watcher
    if watcher is not None and watcher.tracer is not None:
        watcher.tracer.accumulate(leaf, ct)
        return
    variable = leaf._variable()
    if variable is not None and (leaf.rare is None or "grad_dtype" not in leaf.rare):
        ct = of_dtype(ct, variable)
    with _accumulating:
        if create_graph:
            # A copy of its own; that it is written into new memory shows in the graph, as in PyTorch.
            if leaf.grad is None:
                leaf.grad = make(np.empty_like(ct._data), None).copy_(ct)
            else:
                first, second = (ct, leaf.grad) if _is_dense_beside(ct._data, leaf.grad._data) else (leaf.grad, ct)
                leaf.grad = first + second
        elif leaf.grad is None:
            leaf.grad = make(ct.copy() if variable is None else alike(ct, variable._data), None)
        elif leaf.grad._data.dtype != ct.dtype:
            leaf.grad.add_(make(ct, None))  # of a leaf whose ``grad_dtype`` is another: in the dtype that is there
        else:
            total = leaf.grad._data
            summed = (state.quiet(np.add, ct, total) if _is_dense_beside(ct, total)
                      else state.quiet(np.add, total, ct, total))
            if summed is total:
                wrote(leaf.grad)
            else:  # a dense sum, where the gradient had been sparse
                leaf.grad = make(summed, None)


def _is_dense_beside(ct: Array, total: Array) -> bool:
    """Whether a dense cotangent meets a sparse gradient, to which nothing dense can be added."""
    return type(total) is not np.ndarray and type(ct) is np.ndarray


def accumulate_tensor(leaf: Leaf, ct: Tensor, create_graph: bool) -> None:
    """Like `accumulate_grad`, where rules run on tensors though nothing is recorded."""
    watcher = state.watcher
    accumulate_grad(leaf, ct if watcher is not None and watcher.tracer is not None else ct._data, False)


def alike(ct: Array, value: Array) -> Array:
    """A copy of a gradient that lies in memory as its tensor's value does, in row-major order if that has gaps."""
    if type(value) is not np.ndarray or value.flags.c_contiguous or type(ct) is not np.ndarray:
        return ct.copy()
    copy = np.empty_like(value, ct.dtype)
    if copy.strides != value.strides or copy.shape != ct.shape:
        return ct.copy()
    copy[...] = ct
    return copy


def of_dtype(ct: Array | Tensor, tensor: Tensor) -> Array | Tensor:
    """A cotangent in the dtype of its tensor. Rules widen that of bfloat16: beside a Python float, numpy does so."""
    dtype = tensor._data.dtype
    if ct.dtype == (tensor.dtype if isinstance(ct, Tensor) else dtype):
        return ct
    return P.cast(ct, dtype=tensor.dtype, back=ct.dtype) if isinstance(ct, Tensor) else ct.astype(dtype)


def after_accumulation(leaf: Leaf, rare: dict[str, Any], ct: Array | Tensor) -> None:
    """Runs the hooks that wait for a gradient to be complete: the leaf tensor's, and its node's."""
    variable = leaf.variable
    if variable is not None:
        for hook in list(rare.get("post_hooks", {}).values()):
            if hook(variable) is not None:
                raise RuntimeError("[register_post_accumulate_grad_hook] Tensor post accumulate grad hooks should "
                                   "return None.; change the tensor's .grad in place instead")
    for hook in list(rare.get("hooks", {}).values()):
        hook((), (_tensor(ct),))


# --- hooks: only nodes with a ``rare`` dict come here -----------------------------------------------------------------


def _tensor(ct: Array | Tensor | None) -> Any:
    """A cotangent for a hook to see: a tensor of its own memory, as the array may be somebody else's too."""
    return ct if ct is None or isinstance(ct, Tensor) else make(ct.copy("K"), None)


def _back(ct: Tensor | None, tensors: bool) -> Any:
    return ct if ct is None or tensors else ct._data


def tensor_hooks(rare: dict[str, Any], ct: Array | Tensor | ByOutput, tensors: bool) -> Any:
    """Runs the tensors' hooks on a node's cotangent, and keeps it where ``retain_grad`` asked for it."""
    if rare.get("grad_dtype") is not None and not isinstance(ct, dict):
        wanted = rare["grad_dtype"]
        ct = P.cast(ct, dtype=wanted, back=ct.dtype) if isinstance(ct, Tensor) else ct.astype(wanted.numpy)
    if "tensor_hooks" not in rare and "retains" not in rare:
        return ct
    parts = ct if isinstance(ct, dict) else {0: ct}
    for index, hooks in rare.get("tensor_hooks", {}).items():
        if hooks and index not in parts:  # another output of this node has a gradient
            for hook in list(hooks.values()):
                hook(None)
        elif hooks:
            grad = _tensor(parts[index])
            for hook in list(hooks.values()):
                changed = hook(grad)
                if changed is not None:
                    grad = _checked(changed, grad, hook)
            parts[index] = _back(grad, tensors)
    for index, reference in rare.get("retains", ()):
        tensor = reference()
        if tensor is not None and index in parts:
            kept = tensor._rarely().get("grad")
            grad = _tensor(parts[index])
            tensor._rarely()["grad"] = grad.clone() if kept is None else kept + grad
    return parts if type(ct) is dict else parts[0]


def _checked(changed: object, grad: Tensor, hook: Callable[..., Any]) -> Any:
    if not isinstance(changed, Tensor):
        raise TypeError(f"expected Variable, but hook returned '{type(changed).__name__}'")
    if changed._data.shape != grad._data.shape:
        raise ShapeError(
            f"[hook] hook '{getattr(hook, '__name__', hook)}' has changed the size of value: a gradient of shape "
            f"{list(grad._data.shape)} was expected; got {list(changed._data.shape)}"
        )
    if changed._data.dtype != grad._data.dtype:
        raise DTypeError(
            f"[hook] hook '{getattr(hook, '__name__', hook)}' has changed the type of value: {grad.dtype} was "
            f"expected; got {changed.dtype}"
        )
    return changed


def _alike(changed: object, grads: tuple[Any, ...], hook: Callable[..., Any]) -> tuple[Any, ...]:
    """What a node's hook gave in the place of several gradients, each as the one that it was given."""
    parts = changed if isinstance(changed, tuple) else (changed,)
    if len(parts) != len(grads):
        name = getattr(hook, "__name__", type(hook).__name__)
        raise RuntimeError(f"[hook] hook '{name}' has returned an incorrect number of values (got {len(parts)}, but "
                           f"expected {len(grads)})")
    return tuple([new if new is None or old is None else _checked(new, old, hook)
                  for new, old in zip(parts, grads, strict=True)])


def node_prehooks(rare: dict[str, Any], ct: Array | Tensor | ByOutput, tensors: bool) -> Any:
    """Runs a node's own hooks on grad_outputs, before it."""
    parts = ct if isinstance(ct, dict) else {0: ct}
    grads = tuple([_tensor(parts.get(i)) for i in range(max(parts) + 1)])
    for hook in list(rare["prehooks"].values()):
        changed = hook(grads)
        if changed is not None:
            grads = _alike(changed, grads, hook)
    parts = {i: _back(grad, tensors) for i, grad in enumerate(grads) if grad is not None}
    return parts if type(ct) is dict else parts.get(0)


def node_hooks(rare: dict[str, Any], grads: Sequence[Any], ct: Array | Tensor | ByOutput, tensors: bool) -> Any:
    """Runs a node's own hooks on (grad_inputs, grad_outputs), after it."""
    parts = ct if isinstance(ct, dict) else {0: ct}
    outputs = tuple([_tensor(parts.get(i)) for i in range(max(parts) + 1)])
    inputs = tuple([_tensor(grad) for grad in grads])
    for hook in list(rare["hooks"].values()):
        changed = hook(inputs, outputs)
        if changed is not None:
            inputs = _alike(changed, inputs, hook)
    return tuple([_back(grad, tensors) for grad in inputs])


# --- the public functions ---------------------------------------------------------------------------------------------


class GradientEdge(NamedTuple):
    """A place on the tape: a node and the number of its output. It may stand for a tensor among the inputs of
    `backward` and `grad`, and, with a gradient given, among the outputs.

    >>> y = torch.tensor(3.0, requires_grad=True) * 2
    >>> edge = torch.autograd.graph.GradientEdge(y.grad_fn, 0)
    >>> torch.autograd.grad(y * y, edge)
    (tensor(12.),)
    """

    node: Any
    output_nr: int


def _sequence(value: Any) -> list[Any]:
    return [value] if isinstance(value, (Tensor, GradientEdge)) else list(value)


def _at(place: GradientEdge) -> Edge:
    """The edge of a place on the tape."""
    node: Edge = place.node
    return Out(node, place.output_nr) if isinstance(node, Node) and _has_parts(node) else node


def _has_parts(node: Node) -> bool:
    return node.primitive.multiple


def _cotangents(op: str, outputs: list[Any], given: Seeds) -> list[tuple[Edge, Tensor]]:
    """Pairs of edge and cotangent for the outputs; a missing cotangent is 1 for a single element, else an error."""
    cts: list[Any] = [None] * len(outputs) if given is None else _sequence(given)
    if len(cts) != len(outputs):
        raise RuntimeError(
            f"[{op}] got {len(outputs)} tensors and {len(cts)} gradients; one gradient per tensor was expected"
        )
    pairs = []
    for i, (output, ct) in enumerate(zip(outputs, cts, strict=True)):
        if isinstance(output, GradientEdge):
            place = _stand_in(output)
            pairs.append((_at(output), _implied(op, place) if ct is None else _fitting(op, i, place, ct)))
            continue
        edge = edge_of(output)
        if edge is None:
            raise GradError(
                f"[{op}] element {i} of tensors does not require grad and does not have a grad_fn; a tensor "
                "computed from one with requires_grad=True was expected; was it detached, or made under no_grad()?"
            )
        pairs.append((edge, _implied(op, output) if ct is None else _fitting(op, i, output, ct)))
    return pairs


def _stand_in(place: GradientEdge) -> Tensor:
    """A tensor with the shape and dtype of the value that a place on the tape stands for."""
    if type(place.node) is Leaf:
        variable = place.node.variable
        return make(np.empty(0), None) if variable is None else variable
    spec = place.node.specs()[place.output_nr]
    return make(np.broadcast_to(np.zeros((), spec[1]), spec[0]), None)


def _implied(op: str, output: Tensor) -> Tensor:
    """The cotangent 1 of a single real element."""
    if output._data.size != 1:
        raise GradError(f"[{op}] grad can be implicitly created only for scalar outputs; got shape "
                        f"{list(output._data.shape)}; reduce it (.sum(), .mean()) or pass its gradient")
    if output._data.dtype.kind in "cW":
        raise GradError(
            f"[{op}] grad can be implicitly created only for real scalar outputs but got {output.dtype}; take its "
            "real part or pass its gradient"
        )
    if type(output._data) is Absent or state.watcher is not None and state.watcher.tracer is not None:
        return P.fill(output.detach(), value=1)
    one = np.empty_like(output._data)
    one.fill(1)  # a third of the cost of np.ones
    return make(one, None)


def _fitting(op: str, i: int, output: Tensor, ct: object) -> Tensor:
    """A given cotangent, checked against its output."""
    if not isinstance(ct, Tensor):
        raise TypeError(f"[{op}] gradients can be either Tensors or None; got {type(ct).__name__}")
    if ct._data.shape != output._data.shape:
        raise ShapeError(
            f"Mismatch in shape: grad_output[{i}] has a shape of {ct.shape} and output[{i}] has a shape of "
            f"{output.shape}."  # PyTorch's words, to the letter
        )
    if (ct._data.dtype.kind in "cW") != (output._data.dtype.kind in "cW"):
        raise DTypeError(
            f"[{op}] For complex Tensors, both grad_output and output are required to have the same dtype. "
            f"Mismatch in dtype: grad_output[{i}] has a dtype of {ct.dtype} and output[{i}] has a dtype of "
            f"{output.dtype}."
        )
    return ct if ct._data.dtype == output._data.dtype else P.cast(ct, dtype=output.dtype, back=ct.dtype)


def backward(tensors: Tensor | Sequence[Tensor], grad_tensors: Seeds = None, retain_graph: bool | None = None,
             create_graph: bool = False, grad_variables: Seeds = None,
             inputs: Tensor | Sequence[Tensor] | None = None) -> None:
    """Adds the gradients of ``tensors`` by the leaves of their graph to the leaves' ``.grad``.

    ``grad_tensors`` are the cotangents, one per tensor and of its shape; None stands for 1 for a single element.
    ``retain_graph`` (default: ``create_graph``) keeps the graph for another run. ``inputs`` restricts the accumulation
    to these leaves (or other tensors of the graph). Raises `GradError`.

    >>> x = torch.tensor([1.0, 2.0], requires_grad=True)
    >>> torch.autograd.backward(x * x, torch.tensor([1.0, 10.0]))
    >>> x.grad
    tensor([ 2., 40.])
    """
    outputs = _sequence(tensors)
    pairs = _cotangents("backward", outputs, grad_tensors if grad_variables is None else grad_variables)
    edges = None
    if inputs is not None:
        asked = _sequence(inputs)
        if not asked:
            raise RuntimeError("`inputs` argument to `backward()` cannot be empty.")
        edges = [_edge("backward", tensor) for tensor in asked]
        for tensor in asked:
            if isinstance(tensor, Tensor):
                tensor.retain_grad()
    keep = create_graph if retain_graph is None else retain_graph
    if create_graph:
        warn("Using backward() with create_graph=True will create a reference cycle between the parameter and its "
             "gradient, which keeps memory until Python collects cycles. We recommend using autograd.grad when "
             "creating the graph to avoid this; or reset the .grad fields of your parameters to None after use")
    run(pairs, inputs=edges, retain_graph=keep, create_graph=create_graph, accumulate=True)


tensor_module.engine = backward


def over_batch(run: Callable[[Sequence[Tensor]], Sequence[Any]], cts: Sequence[Tensor]) -> tuple[Any, ...]:
    """Runs back for all places along the first dimension of cotangents. `derivatives.batched_grad` comes here."""
    raise RuntimeError("wengert.autograd.derivatives has not been imported")


def _edge(op: str, tensor: Tensor | GradientEdge) -> Edge:
    if isinstance(tensor, GradientEdge):
        return _at(tensor)
    edge = edge_of(tensor)
    if edge is None:
        raise GradError(
            f"[{op}] One of the differentiated Tensors does not require grad; call requires_grad_() on it before "
            f"it is used; got one of shape {list(tensor._data.shape)}"
        )
    return edge


def _shape_of(tensor: Tensor | GradientEdge) -> object:
    return list(tensor._data.shape) if isinstance(tensor, Tensor) else "of an edge"


def grad(outputs: Tensor | Sequence[Tensor], inputs: Tensor | Sequence[Tensor], grad_outputs: Seeds = None,
         retain_graph: bool | None = None, create_graph: bool = False, only_inputs: bool = True,
         allow_unused: bool | None = None, is_grads_batched: bool = False,
         materialize_grads: bool = False) -> tuple[Any, ...]:
    """The gradients of ``outputs`` by ``inputs``, in a tuple; no ``.grad`` is touched.

    Arguments as for `backward`. An input that the outputs do not depend on raises `GradError`, unless
    ``allow_unused`` (then None) or ``materialize_grads`` (then zeros). With ``is_grads_batched`` each of
    ``grad_outputs`` has a first dimension more, and so have the gradients: one run back for all places along it.

    >>> x = torch.tensor(3.0, requires_grad=True)
    >>> slope, = torch.autograd.grad(x**3, x, create_graph=True)
    >>> slope
    tensor(27., grad_fn=<MulBackward0>)
    >>> torch.autograd.grad(slope, x)
    (tensor(18.),)
    """
    if is_grads_batched:
        given = [] if grad_outputs is None else _sequence(grad_outputs)
        if not given or any(ct is None or not ct._data.ndim or not ct._data.shape[0] for ct in given):
            raise GradError("[grad] is_grads_batched expected a grad_outputs for every output, with a first dimension "
                            "for the batch, of one or more; give them, or call grad() without is_grads_batched")
        for output, ct in zip(_sequence(outputs), given, strict=False):
            shape = _stand_in(output).shape if isinstance(output, GradientEdge) else output.shape
            if ct.shape[1:] != shape:
                raise ShapeError(f"[grad] If `is_grads_batched=True`, we interpret the first dimension of each "
                                 f"grad_output as the batch dimension: a shape of {list(shape)} was expected behind "
                                 f"it; got {list(ct.shape)}; give one gradient of the output's shape an example")
        return over_batch(lambda cts: grad(outputs, inputs, cts, bool(retain_graph or create_graph), create_graph,
                                           only_inputs, allow_unused, materialize_grads=materialize_grads), given)
    if allow_unused is False and materialize_grads:
        raise ValueError(
            "Expected allow_unused to be True or not passed when materialize_grads=True, but got: allow_unused=False."
        )
    outs, ins = _sequence(outputs), _sequence(inputs)
    if not ins:
        raise RuntimeError("[grad] `inputs` argument to `grad()` cannot be empty.; got an empty sequence; name the "
                           "tensors to differentiate by")
    pairs = _cotangents("grad", outs, grad_outputs)
    try:
        edges = [_edge("grad", tensor) for tensor in ins]
    except AttributeError:
        if all(isinstance(tensor, (Tensor, GradientEdge)) for tensor in ins):
            raise
        kinds = ", ".join(type(tensor).__name__ for tensor in ins)
        raise GradError(f"[grad] all inputs have to be Tensors or GradientEdges, but got {kinds}") from None
    keep = create_graph if retain_graph is None else retain_graph
    found = run(pairs, inputs=edges, retain_graph=keep, create_graph=create_graph, accumulate=False)
    for i, (tensor, ct) in enumerate(zip(ins, found, strict=True)):
        if isinstance(tensor, GradientEdge) and (ct is not None or (allow_unused and not materialize_grads)):
            continue
        if ct is None:
            if materialize_grads and isinstance(tensor, GradientEdge):
                raise GradError("[grad] materialize_grads cannot be used when the given input is a GradientEdge, as it "
                                f"has no tensor to make zeros like; input {i} is one: give the tensor itself")
            if materialize_grads:
                found[i] = P.zeros_like(tensor.detach()).requires_grad_(create_graph)
            elif not allow_unused:
                raise GradError(
                    f"[grad] The differentiated Tensor at index {i} (shape {_shape_of(tensor)}) appears to not "
                    "have been used in the graph. Set allow_unused=True if this is the desired behavior."
                )
        else:
            found[i] = of_dtype(ct, tensor)
    return tuple(found)
