"""Running the tape back by the chain rule.

The nodes that the roots reach are collected with an explicit stack and run in descending order of their sequence
numbers: a node is always younger than its operands, so every cotangent is complete when its node runs. On the plain
path cotangents are arrays and rules compute at the speed of numpy; with ``create_graph``, and while a function is being
recorded, they are tensors, and what the rules do is recorded like everything else.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from operator import attrgetter
from typing import Any

import numpy as np

from ..core.errors import GradError, ShapeError
from ..core.primitive import P
from ..core.state import state
from ..tensors.alias import wrote
from ..tensors.tape import Leaf, Out
from ..tensors.tensor import Tensor, make, on_tape

_by_sequence = attrgetter("sequence")


class Pass:
    """One run of the tape: the cotangents that wait for their node, and which of them are sums of our own."""

    __slots__ = ("create_graph", "owned", "pending", "tensors")

    def __init__(self, create_graph: bool, tensors: bool) -> None:
        self.pending: dict[Any, Any] = {}
        self.owned: set[Any] = set()
        self.create_graph, self.tensors = create_graph, tensors

    def add(self, edge: Any, ct: Any) -> None:
        """Adds a contribution to the cotangent of ``edge``: the first is borrowed, the second makes a sum of our own,
        later ones are added to it in place."""
        if type(edge) is Out:
            parts = self.pending.setdefault(edge.node, {})
            parts[edge.index] = ct if edge.index not in parts else parts[edge.index] + ct
            return
        pending = self.pending
        previous = pending.get(edge)
        if previous is None:
            pending[edge] = ct
        elif self.tensors or edge not in self.owned:
            pending[edge] = previous + ct
            if type(pending[edge]) is np.ndarray:
                self.owned.add(edge)
        else:
            np.add(previous, ct, previous)


def collect(roots: Iterable[Any], targets: set[Any] | None) -> list[Any]:
    """The nodes that the roots reach, youngest first; only those that lead to ``targets``, where given."""
    seen: set[Any] = set()
    stack = [edge.node if type(edge) is Out else edge for edge in roots]
    while stack:
        node = stack.pop()
        if node in seen:
            continue
        seen.add(node)
        for edge in node.edges:
            if edge is not None:
                below = edge.node if type(edge) is Out else edge
                if below not in seen:
                    stack.append(below)
    order = sorted(seen, key=_by_sequence, reverse=True)
    if targets is None:
        return order
    leading = set(targets)
    for node in reversed(order):
        if any([(edge.node if type(edge) is Out else edge) in leading for edge in node.edges if edge is not None]):
            leading.add(node)
    return [node for node in order if node in leading]


def run(
    roots: list[tuple[Any, Any]],
    *,
    inputs: list[Any] | None,
    retain_graph: bool,
    create_graph: bool,
    accumulate: bool,
) -> list[Any]:
    """Runs the tape back from ``roots``, pairs of an edge and its cotangent (a tensor).

    ``inputs``: the edges asked for; their cotangents are returned (None where none arrives). ``accumulate`` adds what
    arrives at leaves to their gradients.
    """
    special = state.special
    tensors = create_graph or (special is not None and special.traces)
    this = Pass(create_graph, tensors)
    for edge, ct in roots:
        this.add(edge, ct if tensors else ct._data)
    targets = None if inputs is None else {edge.node if type(edge) is Out else edge for edge in inputs}
    captured: dict[Any, Any] = {}
    grad_before = state.grad
    state.grad = create_graph
    as_tensors = on_tape if tensors else None
    try:
        for node in collect([edge for edge, _ in roots], targets):
            ct = this.pending.pop(node, None)
            if ct is None:
                continue
            if node.rare is not None:
                ct = before_node(node, ct, tensors)
            if targets is not None and node in targets:
                captured[node] = ct
                if type(node) is not Leaf and targets == {node}:
                    break
            if type(node) is Leaf:
                if accumulate:
                    if not tensors and sys.getrefcount(ct) == 2 and targets is None:
                        accumulate_owned(node, ct)
                    else:
                        accumulate_grad(node, ct, create_graph)
                continue
            grads = node.pull(spread(ct) if type(ct) is dict else ct, as_tensors)
            if node.rare is not None and "hooks" in node.rare:
                grads = after_node(node, grads, ct, tensors)
            if special is not None:
                special.pulled(node, ct, grads)
            for edge, grad in zip(node.edges, grads, strict=False):
                if edge is not None and grad is not None:
                    this.add(edge, grad)
            if not retain_graph:
                node.free()
    finally:
        state.grad = grad_before
    if inputs is None:
        return []
    return [pick(captured, edge) for edge in inputs]


def spread(parts: dict[int, Any]) -> Any:
    """The cotangents of a node with several outputs, by number; missing ones are absent."""
    return parts


def pick(captured: dict[Any, Any], edge: Any) -> Any:
    """The cotangent that arrived at an edge, as a tensor; None where none did."""
    found = captured.get(edge.node if type(edge) is Out else edge)
    if type(found) is dict:
        found = found.get(edge.index if type(edge) is Out else 0)
    if found is None or isinstance(found, Tensor):
        return found
    return make(found if type(found) is np.ndarray and found.flags.owndata and found.flags.writeable else np.array(found), None)


def accumulate_owned(leaf: Leaf, ct: Any) -> None:
    """Like `accumulate_grad`, for an array that nobody else refers to: it may become the gradient itself."""
    if leaf.grad is None and type(ct) is np.ndarray and ct.base is None and ct.flags.writeable and ct.flags.c_contiguous:
        leaf.grad = make(ct, None)
        after_accumulation(leaf)
        return
    accumulate_grad(leaf, ct, False)


def accumulate_grad(leaf: Leaf, ct: Any, create_graph: bool) -> None:
    """Adds a cotangent to a leaf's gradient: in place, unless the run itself is being recorded."""
    special = state.special
    if special is not None and special.traces:
        special.accumulate(leaf, ct)
    elif leaf.grad is None:
        leaf.grad = ct if isinstance(ct, Tensor) and create_graph else make(np.array(getattr(ct, "_data", ct)), None)
    elif create_graph:
        leaf.grad = leaf.grad + ct
    else:
        total = leaf.grad._data
        state.quiet(np.add, total, getattr(ct, "_data", ct), total)
        wrote(leaf.grad)
    after_accumulation(leaf)


def after_accumulation(leaf: Leaf) -> None:
    if leaf.rare is not None and "post_hooks" in leaf.rare:
        variable = leaf.variable
        for hook in list(leaf.rare["post_hooks"].values()):
            hook(variable)


# --- hooks: only nodes with a ``rare`` dict come here -----------------------------------------------------------------


def _tensor(ct: Any) -> Any:
    return ct if ct is None or isinstance(ct, Tensor) else make(ct, None)


def _back(ct: Any, tensors: bool) -> Any:
    return ct if ct is None or tensors else ct._data


def before_node(node: Any, ct: Any, tensors: bool) -> Any:
    """Runs the hooks on a node's cotangent: tensor hooks, retained gradients, the node's own pre-hooks."""
    rare = node.rare
    parts = ct if type(ct) is dict else {0: ct}
    for index, hooks in rare.get("tensor_hooks", {}).items():
        if index in parts:
            grad = _tensor(parts[index])
            for hook in list(hooks.values()):
                changed = hook(grad)
                if changed is not None:
                    grad = _checked(changed, grad)
            parts[index] = _back(grad, tensors)
    for index, reference in rare.get("retains", ()):
        tensor = reference()
        if tensor is not None and index in parts:
            grad = _tensor(parts[index])
            kept = tensor._rarely().get("grad")
            tensor._rarely()["grad"] = grad.clone() if kept is None else kept + grad
    if "prehooks" in rare:
        count = max(parts) + 1
        grads = tuple(_tensor(parts.get(i)) for i in range(count))
        for hook in list(rare["prehooks"].values()):
            changed = hook(grads)
            if changed is not None:
                grads = changed if isinstance(changed, tuple) else (changed,)
        parts.update({i: _back(grad, tensors) for i, grad in enumerate(grads)})
    return parts if type(ct) is dict else parts[0]


def _checked(changed: Any, grad: Any) -> Any:
    if not isinstance(changed, Tensor):
        raise TypeError(f"expected Variable, but hook returned '{type(changed).__name__}'")
    if changed._data.shape != grad._data.shape:
        raise RuntimeError(f"[hook] hook '{list(grad._data.shape)}' has changed the size of value to {list(changed._data.shape)}")
    return changed


def after_node(node: Any, grads: Any, ct: Any, tensors: bool) -> Any:
    """Runs a node's own hooks on (grad_inputs, grad_outputs)."""
    parts = ct if type(ct) is dict else {0: ct}
    outputs = tuple(_tensor(parts.get(i)) for i in range(max(parts) + 1))
    inputs = tuple(_tensor(grad) for grad in grads)
    for hook in list(node.rare["hooks"].values()):
        changed = hook(inputs, outputs)
        if changed is not None:
            inputs = changed if isinstance(changed, tuple) else (changed,)
    return tuple(_back(grad, tensors) for grad in inputs)


# --- the public functions ---------------------------------------------------------------------------------------------


def _sequence(value: Any) -> list[Any]:
    return [value] if isinstance(value, Tensor) else list(value)


def _cotangents(op: str, outputs: list[Any], given: Any) -> list[tuple[Any, Any]]:
    """Pairs of edge and cotangent for the outputs; a missing cotangent is 1 for a single element, else an error."""
    cts = [None] * len(outputs) if given is None else _sequence(given)
    if len(cts) != len(outputs):
        raise RuntimeError(f"[{op}] got {len(outputs)} tensors and {len(cts)} gradients; one gradient a tensor was expected")
    pairs = []
    for output, ct in zip(outputs, cts, strict=True):
        edge = output._node if output._alias is None else output.requires_grad and output._node
        if not edge:
            raise GradError(f"[{op}] element 0 of tensors does not require grad and does not have a grad_fn; a tensor "
                            "computed from one with requires_grad=True was expected; was it detached, or made under no_grad()?")
        if ct is None:
            if output._data.size != 1:
                raise GradError(f"[{op}] grad can be implicitly created only for scalar outputs; got shape "
                                f"{list(output._data.shape)}; reduce it (.sum(), .mean()) or pass its gradient")
            if output._data.dtype.kind == "c":
                raise GradError(f"[{op}] grad can be implicitly created only for real scalar outputs but got {output.dtype}")
            ct = P.fill(output.detach(), value=1)
        elif ct._data.shape != output._data.shape:
            raise ShapeError(f"[{op}] Mismatch in shape: grad_output[0] has a shape of {list(ct._data.shape)} and output[0] "
                             f"has a shape of {list(output._data.shape)}.")
        elif (ct._data.dtype.kind == "c") != (output._data.dtype.kind == "c"):
            raise RuntimeError(f"[{op}] For complex Tensors, both grad_output and output are required to have the same dtype; "
                               f"got {ct.dtype} and {output.dtype}")
        pairs.append((edge, ct if ct._data.dtype == output._data.dtype else P.cast(ct, dtype=output.dtype, back=ct.dtype)))
    return pairs


def backward(
    tensors: Any,
    grad_tensors: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    grad_variables: Any = None,
    inputs: Any = None,
) -> None:
    """Adds the gradients of ``tensors`` by the leaves of their graph to the leaves' ``.grad``.

    ``grad_tensors`` are the cotangents, one a tensor and of its shape; None stands for 1 for a single element.
    ``retain_graph`` (default: ``create_graph``) keeps the graph for another run. ``inputs`` restricts the accumulation
    to these leaves (or other tensors of the graph). Raises `GradError`.
    """
    outputs = _sequence(tensors)
    pairs = _cotangents("backward", outputs, grad_tensors if grad_variables is None else grad_variables)
    edges = None
    asked = []
    if inputs is not None:
        asked = _sequence(inputs)
        if not asked:
            raise RuntimeError("'inputs' argument to backward() cannot be empty.")
        edges = [_edge("backward", tensor) for tensor in asked]
    keep = create_graph if retain_graph is None else retain_graph
    arrived = run(pairs, inputs=edges, retain_graph=keep, create_graph=create_graph, accumulate=True)
    for tensor, ct in zip(asked, arrived, strict=False):
        if not tensor.is_leaf and ct is not None:
            kept = tensor._rarely()
            kept["retains"] = True
            kept["grad"] = ct if kept.get("grad") is None else kept["grad"] + ct


def _edge(op: str, tensor: Any) -> Any:
    if not tensor.requires_grad:
        raise GradError(f"[{op}] One of the differentiated Tensors does not require grad; call requires_grad_() on it "
                        "before it is used")
    return tensor._node


def grad(
    outputs: Any,
    inputs: Any,
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    only_inputs: bool = True,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> tuple[Any, ...]:
    """The gradients of ``outputs`` by ``inputs``, in a tuple; no ``.grad`` is touched.

    Arguments as for `backward`. An input that the outputs do not depend on raises `GradError`, unless
    ``allow_unused`` (then None) or ``materialize_grads`` (then zeros).
    """
    if is_grads_batched:
        raise NotImplementedError("grad(is_grads_batched=True) is not in wengert yet; the nearest thing is a loop over grad()")
    if allow_unused is False and materialize_grads:
        raise ValueError("Expected allow_unused to be True or not passed when materialize_grads=True, but got: allow_unused=False.")
    outs, ins = _sequence(outputs), _sequence(inputs)
    pairs = _cotangents("grad", outs, grad_outputs)
    edges = [_edge("grad", tensor) for tensor in ins]
    keep = create_graph if retain_graph is None else retain_graph
    found = run(pairs, inputs=edges, retain_graph=keep, create_graph=create_graph, accumulate=False)
    for i, (tensor, ct) in enumerate(zip(ins, found, strict=True)):
        if ct is None:
            if materialize_grads:
                found[i] = P.zeros_like(tensor.detach())
            elif not allow_unused:
                raise GradError("[grad] One of the differentiated Tensors appears to not have been used in the graph. Set "
                                f"allow_unused=True if this is the desired behavior. (input {i}, shape {list(tensor._data.shape)})")
    return tuple(found)
