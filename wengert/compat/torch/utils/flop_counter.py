"""``torch.utils.flop_counter``: the operations of products and convolutions, module by module.

The one idea to know: a watcher of evaluation counts what is computed forward, and hooks on all modules say for which of
them.
"""

from __future__ import annotations

import math
from collections import defaultdict
from typing import Any

from ....autograd.engine import current_node
from ....core.primitive import Primitive
from ....ir.flops import flops
from ....nn.global_hooks import register_module_forward_hook, register_module_forward_pre_hook
from ....nn.module import Module
from ....tensors.evaluation import Watcher
from ....tensors.tape import Node

_PRODUCTS = {"matmul": "aten.mm", "linear": "aten.addmm", "addmm": "aten.addmm", "convolution": "aten.convolution",
             "convolution_weight": "aten.convolution_backward"}

_BACKWARD = {"aten.addmm": "aten.mm", "aten.convolution": "aten.convolution_backward"}


def _shape(value: Any) -> tuple[int, ...]:
    return tuple(getattr(getattr(value, "_data", value), "shape", ()))


class FlopCounterMode(Watcher):
    """Counts, from entering to leaving it, the floating-point operations of matrix products and convolutions, two for a
    multiply-add; those of other operations and of biases are not counted, as in PyTorch.

    A module's operations are counted under its class and path (``"Net.layers.0"``), those of its backward too, and all
    under ``"Global"``. With ``display`` a table is printed at the end, of modules down to ``depth``. ``mods`` and
    ``custom_mapping`` change nothing.

    >>> import wengert
    >>> from wengert import nn
    >>> with FlopCounterMode(display=False) as counter:
    ...     out = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))(wengert.ones(16, 4))
    >>> counter.get_total_flops(), counter.get_flop_counts()["Sequential.0"]
    (1536, {'aten.addmm': 1024})
    """

    rules = True

    def __init__(self, mods: Any = None, depth: int | None = 2, display: bool = True, custom_mapping: Any = None
                 ) -> None:
        self.depth, self.display = depth, display
        self.flop_counts: defaultdict[str, defaultdict[str, int]] = defaultdict(lambda: defaultdict(int))
        self._names: dict[int, str] = {}
        self._running: list[str] = []
        self._handles: list[Any] = []

    def __enter__(self) -> FlopCounterMode:
        self.flop_counts.clear()
        self._names.clear()
        self._handles = [register_module_forward_pre_hook(self._begin),
                         register_module_forward_hook(self._end, always_call=True)]
        super().__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        super().__exit__(*error)
        for handle in self._handles:
            handle.remove()
        self._running.clear()
        if self.display:
            print(self.get_table())

    def _begin(self, module: Module, arguments: Any) -> None:
        if id(module) not in self._names:
            root = type(module).__name__
            self._names |= {id(part): f"{root}.{path}" if path else root for path, part in module.named_modules()}
        self._running.append(self._names[id(module)])

    def _end(self, module: Module, arguments: Any, result: Any) -> None:
        self._running.pop()

    def recorded(self, node: Node) -> None:
        if self._running:
            node.rarely()["modules"] = tuple(self._running)
        super().recorded(node)

    def evaluate(self, primitive: Primitive, operands: tuple[Any, ...], params: dict[str, Any]) -> Any:
        """What the operation gives; it is counted where it is a product."""
        result = super().evaluate(primitive, operands, params)
        operation = _PRODUCTS.get(primitive.name)
        if operation is not None:
            count = flops(primitive, operands, (result,), params) or 0
            biased = {"linear": 2, "convolution": 2, "addmm": 0}.get(primitive.name, len(operands))
            if biased < len(operands) and operands[biased] is not None:
                count -= math.prod(_shape(result))
            if operation == "aten.mm" and len(_shape(operands[0])) > 2:
                operation = "aten.bmm"
            node = current_node()
            of_node = () if node is None or node.rare is None else node.rare.get("modules", ())
            if node is not None:  # in a backward
                operation = _BACKWARD.get(operation, operation)
            for name in {"Global", *self._running, *of_node}:
                self.flop_counts[name][operation] += count
        return result

    def get_total_flops(self) -> int:
        """The operations of everything."""
        return sum(self.flop_counts["Global"].values())

    def get_flop_counts(self) -> dict[str, dict[str, int]]:
        """The operations by module and kind."""
        return {name: dict(counts) for name, counts in self.flop_counts.items()}

    def get_table(self, depth: int | None = None) -> str:
        """A table of modules, their operations and their share."""
        depth = self.depth if depth is None else depth
        whole = self.get_total_flops()
        rows = [(name, counts) for name, counts in sorted(self.flop_counts.items())
                if name == "Global" or depth is None or name.count(".") < depth]
        width = max(len(name) for name, _ in [("Global", None), *rows])
        lines = [f"{'Module':<{width}}  {'FLOP':>15}  % Total"]
        for name, counts in rows:
            count = sum(counts.values())
            lines.append(f"{name:<{width}}  {count:>15,}  {count / max(whole, 1):>7.2%}")
        return "\n".join(lines)

