"""What the doctor sees while the model runs: broadcasting in the loss, a softmax taken twice, units that are dead."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from ..autograd.questions.watching import locate
from ..core.primitive import Primitive
from ..tensors.evaluation import Watcher
from ..tensors.tape import node_of
from ..tensors.tensor import Tensor
from .losses import running, unwanted
from .report import Symptom

DEAD = 0.5
"""A layer is reported when this share of its units is dead for the whole batch."""

FLAT = 1e-3
"""A unit is dead or saturated where the derivative of its activation is below this for every input."""

ACTIVATIONS = frozenset(
    {
        "relu", "threshold", "hardtanh", "clamp", "sigmoid", "tanh", "log_sigmoid", "softplus", "gelu", "gelu_tanh",
        "silu", "mish", "elu", "hardsigmoid", "hardswish",
    }
)
_PER_CHANNEL, _PER_FEATURE = ("convolution",), ("linear", "addmm", "matmul", "lstm", "gru", "rnn")
_LOGITS = {
    "log_softmax": ("cross_entropy takes logits: leave the softmax out", ("softmax", "log_softmax")),
    "binary_cross_entropy_with_logits": ("it takes logits: leave the sigmoid out", ("sigmoid",)),
}


class Observer(Watcher):
    """Looks at every evaluation; ``path`` names the module in which one happens."""

    def __init__(self, path: Callable[[list[Any]], str]) -> None:
        self.path = path
        self.in_loss = False
        self.found: list[Symptom] = []
        self.activations: set[str] = set()
        self.expanded: dict[tuple[str, tuple[int, ...]], tuple[int, ...]] = {}

    def evaluate(self, primitive: Primitive, operands: tuple[Any, ...], params: dict[str, Any]) -> Any:
        result = super().evaluate(primitive, operands, params)
        if self.in_loss and primitive.kind == "elementwise":
            self._meeting(primitive.name, [x for x in operands if isinstance(x, Tensor)], tuple(result.shape))
        elif self.in_loss and primitive.name == "expand":
            self._expansion(tuple(operands[0].shape), tuple(result.shape))
        elif primitive.name in ACTIVATIONS and not self.in_loss and result.ndim > 1 and result.shape[0] > 1:
            self._units(primitive, operands, params, result)
        if self.in_loss and primitive.name in _LOGITS:
            self._twice(primitive.name, operands[0])
        if self.in_loss:
            self._given()
        return result

    def _given(self) -> None:
        """What the loss functions that run now were given, and did not want."""
        for name, given in running():
            for kind, text, cure in unwanted(name, given):
                if all(symptom.kind != kind or symptom.text != text for symptom in self.found):
                    self.found.append(Symptom(kind, text, locate()[0], cure))

    def _twice(self, op: str, operand: Any) -> None:
        """A loss of logits that gets probabilities."""
        cure, before = _LOGITS[op]
        made = _maker(operand)
        if made in before:
            self.found.append(
                Symptom("twice", f"the loss takes {op} of what is the result of {made} already", locate()[0], cure)
            )

    def _meeting(self, op: str, operands: list[Tensor], result: tuple[int, ...]) -> None:
        """Two operands that are broadcast to a shape that neither of them has; of counts as many on both sides, as a
        table of classes is made by comparing each label with each class."""
        shapes = [tuple(x.shape) for x in operands]
        if len({x.numel() for x in operands}) > 1 and not any(x.is_floating_point() for x in operands):
            return
        if len(shapes) == 2 and result not in shapes and all(shape and max(shape) > 1 for shape in shapes):
            self._broadcast(op, shapes[0], shapes[1], result, locate()[0])

    def _expansion(self, shape: tuple[int, ...], result: tuple[int, ...]) -> None:
        """The same, where a loss function expands its operands one after the other."""
        line = locate()[0]
        other = self.expanded.setdefault((line, result), shape)
        if other != shape and result not in (shape, other) and max(shape, default=1) > 1 and max(other, default=1) > 1:
            self._broadcast("the loss", other, shape, result, line)

    def _broadcast(self, op: str, x: tuple[int, ...], y: tuple[int, ...], result: tuple[int, ...], line: str) -> None:
        self.found.append(
            Symptom("broadcast",
                    f"{op} broadcasts {list(x)} and {list(y)} to {list(result)}: every output is compared with every "
                    "target",
                    line,
                    "give both the same shape: output.squeeze(1), or target.unsqueeze(1)")
        )

    def _units(self, primitive: Primitive, operands: Any, params: dict[str, Any], result: Any) -> None:
        """Units whose activation has no slope for the whole batch: channels of images, features of all else."""
        self.activations.add(primitive.name)
        if not isinstance(operands[0], Tensor):
            return
        saved = (*[getattr(x, "_data", x) for x in operands], result, None)
        needs = (True, *[False] * (len(operands) - 1))
        with np.errstate(all="ignore"):
            slope = np.abs(primitive.rule("vjp")(np.ones_like(result), saved, params, needs)[0])
        unit = _unit_axis(operands[0], result.ndim)
        flat = (slope < FLAT).all(axis=tuple(axis for axis in range(result.ndim) if axis != unit))
        dead = int(flat.sum())
        if not dead or dead < DEAD * flat.size:
            return
        line, modules = locate()
        where = f" in {self.path(modules)}" if modules else ""
        head = f"{dead} of {flat.size} units of the {primitive.name}{where}"
        if primitive.name in ("relu", "threshold"):
            text, kind = f"{head} are 0 for the whole batch", "dead_units"
            cure = "a smaller learning rate, biases at 0 or above, normalised inputs, or leaky_relu"
        else:
            text, kind = f"{head} are saturated: their derivative is below {FLAT} for the whole batch", "saturated"
            cure = "normalised inputs, smaller initial weights (Xavier), a normalisation layer before it, or relu"
        self.found.append(Symptom(kind, text, line, cure, self.path(modules) if modules else ""))

    def symptoms(self, caller: str) -> list[Symptom]:
        """The findings, each once; those without a line of the user's get the caller's."""
        return list(dict.fromkeys(s if s.line else replace(s, line=caller) for s in self.found))


def _maker(tensor: Any) -> str:
    """The name of the operation that made a tensor, or nothing."""
    node = node_of(tensor._edge) if isinstance(tensor, Tensor) else None
    return node.primitive.name if node is not None and hasattr(node, "primitive") else ""


def _unit_axis(tensor: Any, dimensions: int) -> int:
    """The dimension of units in what an activation gets: that of channels behind a convolution, the last behind a
    linear layer; else by the number of dimensions."""
    node = node_of(tensor._edge)
    for _ in range(6):
        if node is None or not hasattr(node, "primitive"):
            break
        if node.primitive.name in _PER_CHANNEL:
            return 1
        if node.primitive.name in _PER_FEATURE:
            return dimensions - 1
        node = next((node_of(edge) for edge in node.edges if edge is not None), None)
    return 1 if dimensions > 3 else dimensions - 1
