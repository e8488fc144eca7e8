"""What the doctor sees while the model runs: broadcasting in the loss, and units that are dead."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..autograd.diagnosis.watching import locate
from ..core.primitive import Primitive
from ..tensors.special import Special
from ..tensors.tensor import Tensor
from .report import Symptom

DEAD = 0.5
"""A layer is reported when this share of its units is zero for the whole batch."""


class Examination(Special):
    """Looks at every evaluation; ``path`` names the module in which one happens."""

    def __init__(self, path: Callable[[list[Any]], str]) -> None:
        self.path = path
        self.in_loss = False
        self.found: list[Symptom] = []
        self.expanded: dict[tuple[str, tuple[int, ...]], tuple[int, ...]] = {}

    def evaluate(self, primitive: Primitive, operands: tuple[Any, ...], params: dict[str, Any]) -> Any:
        result = super().evaluate(primitive, operands, params)
        if self.in_loss and primitive.kind == "elementwise":
            self._meeting(
                primitive.name, [tuple(x.shape) for x in operands if isinstance(x, Tensor)], tuple(result.shape)
            )
        elif self.in_loss and primitive.name == "expand":
            self._expansion(tuple(operands[0].shape), tuple(result.shape))
        elif primitive.name == "relu" and result.ndim > 1 and result.shape[0] > 1:
            self._units(result)
        return result

    def _meeting(self, op: str, shapes: list[tuple[int, ...]], result: tuple[int, ...]) -> None:
        """Two operands that are broadcast to a shape that neither of them has."""
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
            Symptom(
                "broadcast",
                f"{op} broadcasts {list(x)} and {list(y)} to {list(result)}: every output is compared with every "
                "target",
                line,
                "give both the same shape: output.squeeze(1), or target.unsqueeze(1)",
            )
        )

    def _units(self, result: Any) -> None:
        """Units (last dimension; of images the second) that are zero for the whole batch."""
        unit = 1 if result.ndim > 2 else result.ndim - 1
        alive = (result > 0).any(axis=tuple(axis for axis in range(result.ndim) if axis != unit))
        dead = int(alive.size - alive.sum())
        if dead and dead >= DEAD * alive.size:
            line, modules = locate()
            where = f" in {self.path(modules)}" if modules else ""
            self.found.append(
                Symptom(
                    "dead_units",
                    f"{dead} of {alive.size} units of the relu{where} are 0 for the whole batch",
                    line,
                    "a smaller learning rate, biases at 0 or above, normalised inputs, or leaky_relu",
                )
            )

    def symptoms(self, caller: str) -> list[Symptom]:
        """The findings, each once; those without a line of the user's get the caller's."""
        return list(dict.fromkeys(s if s.line else Symptom(s.kind, s.text, caller, s.cure) for s in self.found))
