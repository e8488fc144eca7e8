"""`summary`: the layers of a model as a table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..autograd.questions.answers import bytes_text
from ..core.display import printable
from ..core.primitive import Primitive
from ..core.state import state
from ..ir.flops import flops
from ..tensors.evaluation import Watcher
from ..tensors.tensor import Tensor
from .names import is_module
from .text import columns
from .values import shape_text


@dataclass
class Layer:
    """One module: its path and class, the shape of its result, parameters of its own, operations, bytes of its
    result."""

    path: str
    kind: str
    depth: int
    shape: tuple[int, ...] | None = None
    parameters: int = 0
    trainable: int = 0
    flops: int = 0
    bytes: int = 0
    calls: int = 0


@dataclass
class ModelSummary:
    """What `summary` returns; printing it gives the table. ``uncounted`` names operations that ran and for which there
    is no formula (see `wengert.ir.flops`)."""

    layers: list[Layer]
    parameters: int
    trainable: int
    parameter_bytes: int
    flops: int
    activation_bytes: int
    uncounted: tuple[str, ...] = ()

    def __str__(self) -> str:
        rows = [("layer", "result", "parameters", "operations", "bytes")]
        for layer in self.layers:
            name = "  " * layer.depth + (f"{layer.path.rpartition('.')[2]}: " if layer.path else "") + layer.kind
            unknown = "·" if layer.calls else "not called"
            cells = (
                unknown if layer.shape is None else shape_text(layer.shape),
                f"{layer.parameters:,}" if layer.parameters else "·",
                f"{layer.flops:,}" if layer.flops else "·",
                bytes_text(layer.bytes) if layer.bytes else "·",
            )
            rows.append((name, *cells))
        lines = columns(rows, 2)
        lines.insert(1, "─" * max(map(len, lines)))
        fixed = self.parameters - self.trainable
        return printable("\n".join(
            [
                *lines,
                lines[1],
                f"{self.parameters:,} parameters ({bytes_text(self.parameter_bytes)})"
                + (f", {fixed:,} of them frozen" if fixed else ""),
                f"{self.flops:,} floating-point operations and {bytes_text(self.activation_bytes)} of results, forward",
                *([f"not counted: {', '.join(self.uncounted)}"] if self.uncounted else []),
            ]
        ))

    __repr__ = __str__


class _Counter(Watcher):
    """Counts operations and result bytes, for the module that is running."""

    def __init__(self) -> None:
        self.running: list[Layer] = []
        self.flops = self.bytes = 0
        self.uncounted: dict[str, None] = {}

    def evaluate(self, primitive: Primitive, operands: tuple[Any, ...], params: dict[str, Any]) -> Any:
        result = super().evaluate(primitive, operands, params)
        results = result if primitive.multiple else (result,)
        count = flops(primitive, operands, results, params)
        if count is None:
            self.uncounted[primitive.name] = None
            count = 0
        size = 0 if primitive.kind == "view" else sum(int(part.nbytes) for part in results)
        self.flops += count
        self.bytes += size
        for layer in self.running:
            layer.flops += count
        return result


def summary(model: Any, *inputs: Any) -> ModelSummary:
    """The layers of a model with the shapes of their results, parameters, floating-point operations and bytes, as they
    are when it is called with ``inputs`` (a tuple stands for several). Printing the result gives a table.

    A multiplication and an addition count as two operations (`wengert.ir.flops` has the formulas); the figures of a
    module include those of its children, its parameters do not. Nothing is recorded and no gradient changes; the model
    runs in its present mode.

    >>> from wengert import nn
    >>> print(wengert.summary(nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2)), wengert.ones(16, 4)))
    layer        result  parameters  operations  bytes
    ──────────────────────────────────────────────────
    Sequential   16×2             ·       1,824  128 B
      0: Linear  16×8            40       1,152  512 B
      1: ReLU    16×8             ·         128  512 B
      2: Linear  16×2            18         544  128 B
    ──────────────────────────────────────────────────
    58 parameters (232 B)
    1,824 floating-point operations and 1.15 KB of results, forward
    """
    if not is_module(model):
        raise TypeError(
            f"[summary] a model (an nn.Module) was expected; got {type(model).__name__}; call summary(model, input)"
        )
    arguments = inputs[0] if len(inputs) == 1 and type(inputs[0]) is tuple else inputs
    counter, layers, handles = _Counter(), [], []
    for path, module in model.named_modules():
        own = list(module.parameters(recurse=False))
        layer = Layer(
            path,
            type(module).__name__,
            path.count(".") + 1 if path else 0,
            parameters=sum(p.numel() for p in own),
            trainable=sum(p.numel() for p in own if p.requires_grad),
        )
        layers.append(layer)
        handles.append(module.register_forward_pre_hook(_enter(counter, layer)))
        handles.append(module.register_forward_hook(_leave(counter, layer)))
    before, state.grad = state.grad, False
    try:
        with counter:
            model(*arguments)
    finally:
        state.grad = before
        for handle in handles:
            handle.remove()
    parameters = list(model.parameters())
    return ModelSummary(
        layers,
        sum(p.numel() for p in parameters),
        sum(p.numel() for p in parameters if p.requires_grad),
        sum(p.nbytes for p in parameters),
        counter.flops,
        counter.bytes,
        tuple(counter.uncounted),
    )


def _enter(counter: _Counter, layer: Layer) -> Any:
    return lambda module, arguments: counter.running.append(layer)


def _leave(counter: _Counter, layer: Layer) -> Any:
    def leave(module: Any, arguments: Any, result: Any) -> None:
        counter.running.remove(layer)
        layer.calls += 1
        if isinstance(result, Tensor):
            layer.shape, layer.bytes = tuple(result.shape), result.nbytes

    return leave
