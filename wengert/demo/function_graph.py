"""The function graph of a small formula, read off the tape and written as text.

Everything shown is asked of the tape: the shape of the graph from `grad_fn` and `next_functions`, and the number on
an edge from running that one node backward. Nothing is known beforehand but the names that you give.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import pairwise
from math import prod
from typing import Any, NamedTuple

import wengert
from wengert import Tensor

SIGNS = {"add": "+", "sub": "-", "mul": "*", "div": "/"}


class Edge(NamedTuple):
    """From a node to one of its inputs, with the derivative of the node by that input, all other inputs held still."""

    input: str
    partial: float


class FunctionGraph:
    """The graph of `output`, one of `tensors`: the named one-element tensors that took part in making it.

    Every tensor on the way from `output` to the leaves needs a name; a `ValueError` says so if one has none.

    >>> import wengert
    >>> w = wengert.tensor([2.0], requires_grad=True)
    >>> u = 3 * w
    >>> print(FunctionGraph("u", {"u": u, "w": w}).tree())
    u = mul(w) = 6
    └─ ∂u/∂w = 3 ── w = 2
    """

    def __init__(self, output: str, tensors: Mapping[str, Tensor]) -> None:
        self.output = output
        self.values = {name: tensor.item() for name, tensor in tensors.items()}
        self.operations: dict[str, str] = {}
        self.edges: dict[str, list[Edge]] = {}
        names = {_tape_key(tensor.grad_fn or tensor): name for name, tensor in tensors.items()}
        for name, tensor in tensors.items():
            if tensor.grad_fn is None:
                self.edges[name] = []
                continue
            self.operations[name] = re.sub(r"Backward\d*$", "", tensor.grad_fn.name()).lower()
            nodes = [node for node, _ in tensor.grad_fn.next_functions]
            unnamed = [node.name() for node in nodes if node is not None and _tape_key(node) not in names]
            if unnamed:
                raise ValueError(f"[function graph] a name for every input of {name!r}; none for {', '.join(unnamed)}")
            self.edges[name] = [
                Edge(names[_tape_key(node)], 0.0 if partial is None else partial.item())
                for node, partial in zip(nodes, _local_partials(tensor), strict=True)
                if node is not None
            ]

    def tree(self) -> str:
        """Every node with its value, and on the way to each of its inputs the local partial derivative."""
        return "\n".join(self._branch(self.output, shown=set()))

    def paths(self, leaf: str) -> list[list[str]]:
        """All ways from the output to `leaf`, each as the names of the nodes passed."""
        return list(self._paths_from(self.output, leaf))

    def derivative(self, leaf: str) -> float:
        """The derivative of the output by `leaf`: along each path the product of its edges, over all paths the sum."""
        return sum(prod(self._partials(path)) for path in self.paths(leaf))

    def explain(self, leaf: str) -> str:
        """That sum of products, written out: first with the names of the edges and then with their numbers."""
        paths = self.paths(leaf)
        names = " + ".join(" · ".join(_partial(*step) for step in pairwise(path)) for path in paths)
        numbers = " + ".join(" · ".join(f"{partial:g}" for partial in self._partials(path)) for path in paths)
        return f"d{self.output}/d{leaf} = {names} = {numbers} = {self.derivative(leaf):g}"

    def _formula(self, name: str) -> str:
        if name not in self.operations:
            return name
        operation, inputs = self.operations[name], [edge.input for edge in self.edges[name]]
        if operation in SIGNS and len(inputs) == 2:
            return f"{name} = {inputs[0]} {SIGNS[operation]} {inputs[1]}"
        return f"{name} = {operation}({', '.join(inputs)})"

    def _branch(self, name: str, shown: set[str]) -> Iterator[str]:
        if name in shown and self.edges[name]:
            yield f"{name}, as above"
            return
        shown.add(name)
        yield f"{self._formula(name)} = {self.values[name]:g}"
        for number, edge in enumerate(self.edges[name], start=1):
            last = number == len(self.edges[name])
            first, *rest = self._branch(edge.input, shown)
            yield f"{'└─' if last else '├─'} {_partial(name, edge.input)} = {edge.partial:g} ── {first}"
            yield from (f"{'  ' if last else '│ '} {line}" for line in rest)

    def _paths_from(self, name: str, leaf: str) -> Iterator[list[str]]:
        if name == leaf:
            yield [name]
        for follower in dict.fromkeys(edge.input for edge in self.edges[name]):
            yield from ([name, *path] for path in self._paths_from(follower, leaf))

    def _partials(self, path: list[str]) -> list[float]:
        # A node that uses the same input twice, like w * w, has two edges to it, which count as one: their sum.
        return [
            sum(edge.partial for edge in self.edges[name] if edge.input == follower)
            for name, follower in pairwise(path)
        ]


def _partial(name: str, by: str) -> str:
    return f"∂{name}/∂{by}"


def _tape_key(node: Any) -> int:
    """What identifies a node: the leaf, where the node accumulates a leaf's gradient, and else the node itself."""
    return id(getattr(node, "variable", node))


def _local_partials(tensor: Tensor) -> tuple[Tensor | None, ...]:
    """The derivative of `tensor` by each input of its node: what that node alone makes of a cotangent of one."""
    partials = tensor.grad_fn(wengert.ones_like(tensor))
    return partials if isinstance(partials, tuple) else (partials,)
