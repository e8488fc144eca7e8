"""`why_nan`: which operation, forward or backward, made the first NaN or infinity?"""

from __future__ import annotations

from typing import Any, cast

import numpy as np

from ...core.primitive import evaluate
from ...tensors.alias import edge_of
from ...tensors.tape import Edge, Leaf, Node, Out, ancestors, is_data, node_of
from ...tensors.tensor import Tensor
from ..flow import Flow
from .answers import WATCH, Answer, finite, step
from .numbers import Finding, backward_finding, forward_finding


def why_nan(loss: Tensor) -> Answer:
    """The first operation behind ``loss``, forward or backward, that made a NaN or an infinity from finite values.

    What ran under `watch` has been looked at already, with lines and modules, also after ``backward()``. Otherwise the
    tape is searched: values that it saved or can compute again, then a run of the chain rule, for which the graph must
    not have been freed. ``reason`` is "forward", "backward", "entered" (it came in with the data or with a
    parameter), "freed" or "finite".

    >>> import wengert as torch
    >>> x = torch.tensor([1.0, 0.0], requires_grad=True)
    >>> print(torch.autograd.why_nan((x.log() * x).sum()))
    log made Inf from finite operands: log of 0
      operand 0: float32 [2], from 0 to 1, 1 zeros
      first at index 1
      cure: log(x.clamp(min=1e-8)); for probabilities use log_softmax, or cross_entropy and ... on the logits
    """
    if not isinstance(cast(Any, loss), Tensor):
        raise TypeError(f"[why_nan] a tensor was expected as loss; got {type(loss).__name__}")
    root = edge_of(loss)
    if type(root) is Leaf and finite(loss) and loss.grad is not None and not finite(loss.grad):
        kept = (loss.grad._rare or {}).get("finding")
        return _answer(kept) if kept is not None else Answer(
            "backward", "it is finite, and its gradient is not: the run back that brought it is over",
            f"ask for the loss, why_nan(loss), before backward(), or {WATCH}")
    if root is None:
        kept = (loss._rare or {}).get("finding")
        if kept is not None:
            return _answer(kept)
        if finite(loss):
            return Answer("finite", "it is finite and has no history")
        return Answer("entered", "it is not finite and has no history to search", WATCH)
    order = ancestors([root])
    # An infinity on the way to a finite loss was not selected, and matters only if backward got to it.
    blame = ("backward",) if finite(loss) else ("forward", "backward")
    found = _recorded(order, blame)
    if found is None and "forward" in blame:
        found = _searched_forward(order)
    if found is not None:
        return _answer(found)
    found, freed = _searched_backward(root, order, loss)
    if found is not None:
        return _answer(found)
    if freed:
        return Answer("freed", f"{_left_behind(order, loss)}; what operations saved was freed by backward()",
                      f"ask before backward(), or {WATCH}")
    if not finite(loss):
        return Answer("forward", "the loss is not finite, but the values in between were not kept", WATCH)
    return Answer("finite", "the loss and every gradient behind it are finite")


def _left_behind(order: list[Node | Leaf], loss: Tensor) -> str:
    """What can be said when the graph is gone: of the loss, of the gradients of the leaves, and of the operations that
    took those leaves."""
    said = "the loss is finite" if finite(loss) else "the loss is not finite"
    leaves = {node: node.variable for node in order if type(node) is Leaf and node.variable is not None}
    grads = {node: variable.grad for node, variable in leaves.items() if variable.grad is not None}
    if not grads:
        return f"{said}, and no leaf with a gradient is left"
    wrong = [node for node, grad in grads.items() if not finite(grad)]
    if not wrong:
        return f"{said}, and so are the gradients of its leaves ({len(grads)} of {len(leaves)} have one)"
    kind = "NaN" if any(np.isnan(grads[node]._data).any() for node in wrong) else "Inf"
    took = dict.fromkeys(step(node) for node in reversed(order) if type(node) is not Leaf
                         and any(edge is not None and node_of(edge) in wrong for edge in node.edges))
    shapes = ", ".join(str(list(leaves[node].shape)) for node in wrong[:3])
    return f"{said}, but the gradient of a leaf has {kind} (shape {shapes}), which went into {', '.join([*took][:3])}"


def _answer(finding: Finding) -> Answer:
    earlier = finding.earlier
    if (finding.entered or finding.from_infinity) and earlier is not None and not earlier.entered:
        finding = earlier
    text, _, cure = str(finding).partition("\n  cure: ")
    return Answer("entered" if finding.entered else finding.phase, text, cure, finding.line or None)


def _recorded(order: list[Node | Leaf], blame: tuple[str, ...]) -> Finding | None:
    """What a watch has noted on the nodes: the oldest that was made forward, else what entered, else backward."""
    noted = [node.rare for node in order if node.rare is not None]
    forward = [rare["finding"] for rare in reversed(noted) if "finding" in rare] if "forward" in blame else []
    made = [finding for finding in forward if not finding.entered]
    backward = [rare["back"] for rare in noted if "back" in rare]
    return next(iter(made or forward or backward), None)


def _searched_forward(order: list[Node | Leaf]) -> Finding | None:
    """Goes through the values of the tape, oldest first; those that nothing kept are computed again."""
    values: dict[Any, Any] = {}
    entered: Finding | None = None
    for node in reversed(order):
        if type(node) is Leaf:
            if node.variable is not None:
                values[node] = node.variable._data
            continue
        operands, value = _known(node, values)
        if value is None:
            continue
        values[node] = value
        if not finite(value) and not any(x is None for x in operands):
            rare = node.rare or {}
            finding = forward_finding(node.primitive.name, operands, node.params, value, rare.get("line") or "",
                                      rare.get("module") or "")
            if finding is not None and not finding.entered:
                return finding
            entered = entered or finding
    return entered


def _known(node: Node, values: dict[Any, Any]) -> tuple[list[Any], Any]:
    """The operands of a node, as far as they are known, and its value, or None."""
    primitive = getattr(node, "primitive", None)
    saved = node.saved
    if primitive is None or primitive.multiple or type(saved) is not tuple:
        return [], None
    if (node.rare is not None and "packed" in node.rare) or any(cell[0] != count for cell, count in node.guards):
        return [], None
    operands = []
    for position, edge in enumerate(node.edges):
        value = saved[position] if position < len(saved) else None
        if value is None and edge is not None and type(edge) is not Out:
            value = values.get(edge)
        operands.append(value)
    out = saved[len(node.edges)] if len(saved) > len(node.edges) else None
    if is_data(out):
        return operands, out
    if any(x is None for x in operands) or primitive.kind == "random":
        return operands, None
    return operands, np.asarray(evaluate(primitive, operands, node.params))


def _searched_backward(root: Edge, order: list[Node | Leaf], loss: Tensor) -> tuple[Finding | None, bool]:
    """Runs the chain rule: the first node that sends on what is not finite; whether the graph was freed."""
    flow = Flow([(root, np.ones_like(loss._data))], order)
    for (node, position), grad in flow.sent.items():
        found = None if finite(grad) else backward_finding(node, flow.arrived[node], position, grad)
        if found is not None:
            return found, False
    return None, flow.freed is not None
