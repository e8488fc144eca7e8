"""`why_none`: why is this gradient None or zero?

Three things are looked at, in this order: the parameter itself (can it have a gradient at all?), the way back from the
loss (does it lead to the parameter?), and what flows along it (a run of the chain rule that touches no ``.grad``).
What the tape cannot know, because it was cut, is known only where `watch` was on.
"""

from __future__ import annotations

import gc
from typing import Any, cast

import numpy as np

from ...core.operands import Cotangent
from ...core.state import state
from ...tensors.alias import edge_of
from ...tensors.tape import Edge, Leaf, Node, ancestors, is_data, node_of
from ...tensors.tensor import Tensor
from ..engine import leading
from ..flow import Flow
from .answers import WATCH, Answer, array_of, finite, operation, place, short, step
from .watching import Cut, way_of


def why_none(param: Tensor, loss: Tensor) -> Answer:
    """Why the gradient of ``param`` is None or zero, when ``loss`` was differentiated or is about to be.

    Ask before ``backward()``, or after it with ``retain_graph=True``, if the answer may lie in the values. Lines, and
    the places where values left the tape, are known for what ran under `watch`. ``reason`` is one of "integer",
    "frozen", "not_leaf", "no_history", "read", "detached", "no_grad", "replaced", "not_used", "overwritten",
    "dead_relu", "saturated", "not_selected", "constant", "times_zero", "zero", "nan", "hook", "freed", "not_run",
    "fine".

    >>> import wengert as torch
    >>> w = torch.ones(2, requires_grad=True)
    >>> with torch.autograd.watch():
    ...     loss = (w * 2).detach().sum()
    >>> torch.autograd.why_none(w, loss).reason
    'detached'
    """
    for name, value in (("param", param), ("loss", loss)):
        if not isinstance(cast(Any, value), Tensor):
            raise TypeError(f"[why_none] a tensor was expected as {name}; got {type(value).__name__}")
    answer = _of_parameter(param)
    if answer is not None:
        return answer
    leaf, root = edge_of(param), edge_of(loss)
    assert type(leaf) is Leaf  # or there was an answer
    if root is None:
        return _without_history(leaf, loss)
    order = ancestors([root])
    if leaf not in order:
        return _not_reached(param, leaf, order)
    return _of_flow(param, leaf, root, loss, order)


# --- the parameter ----------------------------------------------------------------------------------------------------


def _of_parameter(param: Tensor) -> Answer | None:
    """What can be said from the parameter alone."""
    edge = edge_of(param)
    if param._data.dtype.kind not in "fcVW":
        return Answer("integer",
                      f"a tensor of {param.dtype} cannot have a gradient: only floating and complex ones can",
                      "make it floating: .float(), or write 1.0 where you wrote 1")
    if edge is None:
        cut = _cuts_of(param)
        if cut is not None:
            return Answer(cut.kind, f"requires_grad is False: the tensor came from {cut.op}, {_how(cut)}",
                          _CURES.get(cut.kind, ""), cut.line)
        return Answer("frozen", "requires_grad is False, so nothing is recorded for it",
                      "call requires_grad_() on it before the forward pass, or make it an nn.Parameter")
    if type(edge) is not Leaf:
        node = node_of(edge)
        kept = " and retain_grad() was not called" if not param.retains_grad else ""
        return Answer(
            "not_leaf",
            f"it is not a leaf: {operation(node)}{place(node)} made it{kept}; backward puts gradients into leaves only",
            "make the leaf last: torch.randn(3).mul(0.1).requires_grad_(), or x = x.to(...) before "
            "requires_grad_(); or call retain_grad() on it",
            node.line if type(node) is not Leaf else None,
        )
    return None


def _cuts_of(tensor: Tensor) -> Cut | None:
    cuts = (tensor._rare or {}).get("cuts", ())
    return cuts[-1] if cuts else None


# --- the way back -----------------------------------------------------------------------------------------------------


def _how(cut: Cut) -> str:
    where = (f"at {short(cut.line)}" if cut.line else "") + (f", in module {cut.module}" if cut.module else "")
    return f"{_WORDS[cut.kind]} {where}"


_WORDS = {"detached": "detached", "no_grad": "made under no_grad", "integer": "an integer or truth-valued operation"}
_CURES = {
    "detached": "do not detach there (nor use .data or .numpy()) if the gradient is to flow",
    "no_grad": "move that line out of the no_grad() block (or out of the function decorated with it)",
    "integer": "its result has no derivative; replace it by a smooth one: softmax for argmax, sigmoid for comparing, "
    "float arithmetic for integer",
}


def _from_cut(cut: Cut, leaf: Leaf) -> Answer:
    """The answer for a cut behind which the parameter lies."""
    way = way_of(cut.leaves.get(leaf))
    return Answer(cut.kind, f"the way to it is cut by {cut.op}, {_how(cut)}", _CURES[cut.kind], cut.line,
                  (cut.op, *reversed(way), "the parameter"))


def _without_history(leaf: Leaf, loss: Tensor) -> Answer:
    """The loss has no history at all."""
    for cut in reversed((loss._rare or {}).get("cuts", ())):
        if leaf in cut.leaves:
            return _from_cut(cut, leaf)
    if loss._data.dtype.kind not in "fcVW":
        return Answer("integer", f"the loss is of {loss.dtype}: counting and comparing have no derivative",
                      "use a loss of real numbers, such as cross_entropy instead of the accuracy")
    lost = _lost(leaf)
    if lost is not None:
        return lost
    used = (leaf.rare or {}).get("used")
    off = " Recording is off right now (no_grad)." if not state.grad else ""
    known = f" It was last used at {short(used)}." if used else ""
    return Answer("no_history",
                  f"the loss has no history: nothing it was computed from requires a gradient, or it was "
                  "computed under no_grad, detached, or made anew from a number (item(), numpy(), tensor(x)), or "
                  f"requires_grad was set only after it was computed.{off}{known}",
                  f"call requires_grad_() before the forward pass; to see more, {WATCH}",
                  used)


def _not_reached(param: Tensor, leaf: Leaf, order: list[Node | Leaf]) -> Answer:
    """The loss has a history, but the parameter is not in it."""
    for node in order:
        for group in ((node.rare or {}).get("cuts") or {}).values():
            for cut in reversed(group):
                if leaf in cut.leaves:
                    answer = _from_cut(cut, leaf)
                    return Answer(answer.reason, answer.text, answer.cure, answer.line,
                                  ("the loss", step(node), *answer.path))
    others = [node for node in order if type(node) is Leaf]
    if others == order and (leaf.rare or {}).get("lost") is None:
        return Answer("no_history",
                      "the loss is a leaf: it was made anew from a number or an array, as tensor(loss.item(), "
                      "requires_grad=True) does, and what led to that is not on the tape",
                      "call backward() on the tensor that the loss was computed as, and leave item() to printing; "
                      "requires_grad=True makes no history")
    replaced = _replaced(param, others) or _lost(leaf) or _without_module(param)
    if replaced is not None:
        return replaced
    perhaps = _perhaps_replaced(param, leaf, others)
    if perhaps is not None:
        return perhaps
    watched = any(type(node) is not Leaf and node.line is not None for node in order)
    used = (leaf.rare or {}).get("used")
    if used:
        return Answer("not_used",
                      f"it is used at {short(used)}, but what came of that does not reach this loss: it was "
                      "overwritten, thrown away, or left the tape as a number (item(), numpy(), tensor(x))",
                      "follow the result of that line to the loss",
                      used)
    cure = "use it in forward(), or do not register it" if watched else f"if forward() does use it, {WATCH}"
    extra = "" if watched else ", or the way to it is cut (detach, no_grad, integers, item())"
    return Answer("not_used", f"the loss does not depend on it: it is not used{extra}", cure)


def _replaced(param: Tensor, others: list[Any]) -> Answer | None:
    """Whether the loss was computed with another leaf in its place."""
    same = [
        node
        for node in others
        if node.variable is not None
        and node.variable is not param
        and node.variable.shape == param.shape
        and np.may_share_memory(node.variable._data, param._data)
    ]
    if same and param._data.size:
        return Answer("replaced",
                      "the loss was computed with another leaf on the same memory: this one, or that, was "
                      "made by detach(), .data, Parameter(...) or Variable(...), and has a gradient of its own",
                      _KEEP)
    gone = [node for node in others if node.variable is None and getattr(node.grad, "shape", None) == param.shape]
    if gone:
        return _gone(gone[0], "it")
    twins = [
        node.variable
        for node in others
        if node.variable is not None
        and node.variable.shape == param.shape
        and node.variable._data.dtype == param._data.dtype
        and param._data.size > 1
        and np.array_equal(node.variable._data, param._data)
        and (param._data != param._data.flat[0]).any()
    ]
    if twins:
        return Answer("replaced",
                      "the loss was computed with another leaf that holds the same values: one is a copy of "
                      "the other (clone, deepcopy, or an old model kept by the optimizer)",
                      _KEEP)
    return None


_KEEP = (
    "keep one tensor: write into it in place (with no_grad(): w.copy_(...)), and make the optimizer after the last "
    "assignment"
)


def _gone(node: Node, which: str) -> Answer:
    used = (node.rare or {}).get("used")
    return Answer(
        "replaced",
        f"the loss was computed with a leaf that no longer exists: {which} was replaced by assignment after it was used"
        f"{' at ' + short(used) if used else ''}"
        + (", or it was made of numbers that left the tape (detach, item, tensor(x))" if which != "it" else ""),
        _KEEP,
        used,
    )


def _perhaps_replaced(param: Tensor, leaf: Leaf, others: list[Any]) -> Answer | None:
    """Whether a leaf that is gone and never got a gradient may have been this one before it was replaced."""
    gone = [node for node in others if node.variable is None and node.grad is None]
    if not gone or (leaf.rare or {}).get("used"):
        return None
    return _gone(gone[0], "perhaps this one before it")


def _lost(leaf: Leaf) -> Answer | None:
    """What a watch saw of the values of a leaf leaving for where no gradient comes from."""
    how, line = (leaf.rare or {}).get("lost", (None, None))
    if how is None:
        return None
    return Answer(
        "read",
        f"what was computed from it left the tape by {how} at {short(line)}: what is made of those values has no "
        "history",
        "compute with tensors all the way to the loss: torch.stack([a, b]) for torch.tensor([a, b]), a tensor for its "
        "item(); item() and numpy() are for printing",
        line,
    )


def _without_module(param: Tensor) -> Answer | None:
    """Whether a parameter belongs to no module any more."""
    if type(param).__name__ != "Parameter":
        return None
    for referrer in gc.get_referrers(param):
        if isinstance(referrer, dict) and any(
            isinstance(owner, dict) and owner.get("_parameters") is referrer for owner in gc.get_referrers(referrer)
        ):
            return None
        if hasattr(referrer, "_parameters"):
            return None
    return Answer(
        "replaced",
        "no module holds this parameter: another one took its place (model.weight = nn.Parameter(...)), or the model "
        "that it was part of was made anew",
        "make the optimizer after the last assignment, from the model that is used: SGD(model.parameters(), ...)",
    )


# --- what flows -------------------------------------------------------------------------------------------------------


def _zero(ct: Cotangent) -> bool:
    """Whether a cotangent is zero everywhere."""
    parts = ct.values() if type(ct) is dict else (ct,)
    return not any(np.any(array_of(part)) for part in parts)


def _of_flow(param: Tensor, leaf: Leaf, root: Edge, loss: Tensor, order: list[Node | Leaf]) -> Answer:
    """The parameter is reached: what arrives?"""
    if node_of(root) is leaf:
        return Answer("fine", "the loss is this tensor itself; its gradient is 1")
    flow = Flow([(root, np.ones_like(loss._data))], order)
    if flow.freed is not None:
        if param.grad is None:
            return Answer("not_run",
                          "the way to it is whole, and backward() has run through the graph, but there is no "
                          "gradient: zero_grad() cleared it since, or backward(inputs=...) or grad() asked for others",
                          "read .grad between backward() and zero_grad()")
        if np.any(param.grad._data):
            return Answer("fine", "it has a gradient that is not zero")
        return Answer("freed", "its gradient is zero, and what would say why was freed by backward()",
                      "ask before backward(), or use backward(retain_graph=True)")
    found = flow.arrived.get(leaf)
    if found is not None and not finite(found):
        return Answer("nan", "its gradient is not finite", "ask autograd.why_nan(loss)")
    if found is not None and not _zero(found):
        if param.grad is None:
            return Answer("not_run",
                          "the way to it is whole and a gradient that is not zero would arrive: backward() was "
                          "not called on this loss yet, or zero_grad() has cleared the gradient since",
                          "call loss.backward(), and read .grad before zero_grad()")
        if not np.any(param.grad._data):
            return Answer("hook",
                          "a gradient that is not zero arrives, but .grad is zero: a hook changed it, or "
                          "zero_() cleared it since",
                          "look at the hooks registered on the tensor")
        return Answer("fine", "it has a gradient that is not zero")
    return _blocked(flow, leaf, order)


def _blocked(flow: Flow, leaf: Leaf, order: list[Node | Leaf]) -> Answer:
    """The node at which the gradient on the way to the leaf becomes zero, nearest the loss."""
    leads = leading(order, {leaf}) | {leaf}
    for node in order:
        if node not in leads or type(node) is Leaf or node not in flow.arrived or _zero(flow.arrived[node]):
            continue
        ways = [
            (position, edge) for position, edge in enumerate(node.edges) if edge is not None and node_of(edge) in leads
        ]
        if all((node, position) not in flow.sent or _zero(flow.sent[node, position]) for position, _ in ways):
            return _reason(flow, node, ways[0], leaf, leads)
    return Answer("zero", "its gradient is exactly zero: the contributions along its paths cancel, or each is zero",
                  "print the graph with gradients: print(wengert.graph(loss, gradients=True))")


def _reason(flow: Flow, node: Node, way: tuple[int, Any], leaf: Leaf, leads: set[Any]) -> Answer:
    """Why this node sends zero."""
    op, line = operation(node), node.line
    path = ["the loss", step(node)]
    edge = way[1]
    while edge is not None and node_of(edge) is not leaf and len(path) < 12:
        path.append(step(node_of(edge)))
        edge = next((e for e in node_of(edge).edges if e is not None and node_of(e) in leads), None)
    path.append("the parameter")
    reason, text, cure = _explained(node, op)
    return Answer(reason, f"{op}{place(node)} passes no gradient: {text}", cure, line, tuple(path))


_ZERO: tuple[tuple[tuple[str, ...], str, str, str], ...] = (
    (
        ("relu", "threshold"),
        "dead_relu",
        "none of its {size} inputs is positive, so the relu is dead for all of them",
        "a smaller learning rate, a bias that starts at 0 or above, normalised inputs, or leaky_relu",
    ),
    (
        ("overwrite", "fill", "scatter_view"),
        "overwritten",
        "the value was overwritten in place after it was computed, so the loss reads the new one",
        "write to a clone(), or drop the assignment",
    ),
    (
        ("round", "floor", "ceil", "trunc", "sign", "sgn", "heaviside", "zeros_like", "floor_divide", "trunc_divide"),
        "constant",
        "its result is piecewise constant, with derivative 0 everywhere",
        "leave it out while training, or use a straight-through estimator: x + (x.round() - x).detach()",
    ),
    (
        ("clamp", "hardtanh", "hardsigmoid", "relu6"),
        "saturated",
        "every element lies outside its limits",
        "widen the limits, or scale the inputs",
    ),
    (
        ("sigmoid", "tanh", "softmax", "log_softmax", "log_sigmoid", "erf"),
        "saturated",
        "every element is so large that the derivative of {op} is 0 in this dtype (or a softmax has one place only, "
        "and is constant)",
        "scale the inputs down; normalise; use a loss on the logits",
    ),
    (
        ("where", "masked_fill", "index", "slice", "gather", "masked_select", "max_dim", "min_dim", "amax", "amin",
         "maximum", "minimum", "scatter", "index_put"),
        "not_selected",
        "what depends on the parameter was not selected (or was replaced) in every place",
        "look at the condition, mask or index",
    ),
    (
        ("mul", "matmul", "linear", "addmm", "pow", "square", "convolution"),
        "times_zero",
        "it is multiplied by zeros only",
        "look at the other factor: a mask, zero inputs or zero weights",
    ),
)
"""Why an operation sends a gradient of zero: operations, and reason, text and cure of the answer."""


def _explained(node: Node, op: str) -> tuple[str, str, str]:
    for operations, reason, text, cure in _ZERO:
        if op in operations:
            size = next((value.size for value in node.saved if is_data(value)), 0)
            return reason, text.format(op=op, size=size), cure
    return "zero", "its local derivative is zero at these values", "look at its operands"
