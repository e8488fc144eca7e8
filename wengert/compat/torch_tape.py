"""PyTorch's tape as our graph: what `wengert run --compare --out` lays beside wengert's own.

The one idea to know: `grad_fn` and `next_functions` give the structure, a mode of PyTorch's that sees every call gives
the values and lines while the program runs, and hooks on the nodes give the gradients when backward runs. This is read
in a process of its own, in which `torch` is PyTorch; nothing else here knows it.
"""

from __future__ import annotations

import contextlib
import importlib
import re
import types
from collections.abc import Callable, Iterator
from typing import Any

from ..core.frames import is_own
from ..view.graph import Graph
from ..view.homes import leaf_modules
from ..view.model import GraphEdge, GraphNode, output_id
from ..view.names import assigned_names, classes_of, held_in, modules_of, scopes_of
from ..view.values import Summary, summarize

OPERANDS = {"addmm": (1, 2, 0)}
"""Where PyTorch's node has its operands in another order than ours: the places of its own, in our order."""

PARTS = frozenset({"split", "split_with_sizes", "unbind"})
"""Operations that PyTorch records once for all their results, and we once for each."""

SAME = {"mm": "matmul", "bmm": "matmul", "mv": "matmul", "dot": "matmul", "safe_softmax": "softmax"}
"""Operations that are one of ours under several names."""


def operation(label: str) -> str:
    """What a node is called in a comparison: ``"MulBackward0"`` is mul, ``"NativeLayerNormBackward0"`` layer_norm."""
    words = re.sub(r"Backward\d*$", "", label).replace("2D", "2d").replace("3D", "3d").removeprefix("Native")
    name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", words).lower()
    return SAME.get(name, name)


class FirstTape:
    """A context around a program under PyTorch that keeps the graph behind its first ``backward()``."""

    def __init__(self) -> None:
        self.torch: Any = importlib.import_module("torch")
        self.graph: Graph | None = None
        self.begun = False
        self.results: dict[tuple[Any, int], tuple[Summary | None, str]] = {}
        self.over = contextlib.ExitStack()

    def __enter__(self) -> FirstTape:
        keeper = self

        class Results(self.torch.overrides.TorchFunctionMode):  # type: ignore[name-defined]
            """Notes what each call of the program gives."""

            def __torch_function__(self, function: Any, kinds: Any, arguments: Any = (), options: Any = None) -> Any:
                result = function(*arguments, **(options or {}))
                if not keeper.begun:
                    for each in result if type(result) in (tuple, list) else (result,):
                        if isinstance(each, keeper.torch.Tensor):
                            keeper.note(each)
                return result

        plain = self.torch.Tensor.backward

        def backward(tensor: Any, *arguments: Any, **options: Any) -> Any:
            if keeper.begun or tensor.grad_fn is None:
                return plain(tensor, *arguments, **options)
            keeper.begun = True  # (under a mode PyTorch's backward calls itself, through this)
            with keeper.reading(tensor, scopes_of(_program_frame())):
                return plain(tensor, *arguments, **options)

        self.torch.Tensor.backward = backward
        self.over.callback(setattr, self.torch.Tensor, "backward", plain)
        self.over.enter_context(Results())
        return self

    def __exit__(self, *exception: object) -> None:
        self.over.close()

    def note(self, tensor: Any) -> None:
        """Keeps the summary of a result, and the line of the program that it comes from."""
        node = tensor.grad_fn
        if node is not None and (node, tensor.output_nr) not in self.results:
            frame = _program_frame()
            line = "" if frame is None else f"{frame.f_code.co_filename}:{frame.f_lineno}"
            self.results[node, tensor.output_nr] = self.summary(tensor), line

    def summary(self, tensor: Any) -> Summary | None:
        """What is said of a tensor of PyTorch's; None of one that has no plain memory here."""
        if tensor.device.type != "cpu" or tensor.layout is not self.torch.strided:
            return None
        plain = tensor.detach().resolve_conj().resolve_neg()
        return summarize((plain.float() if plain.dtype is self.torch.bfloat16 else plain).numpy(), histogram=True)

    @contextlib.contextmanager
    def reading(self, loss: Any, scopes: list[dict[str, Any]]) -> Iterator[None]:
        """Around backward of a loss: hooks that note the gradients, and then the graph."""
        nodes = _ancestors(loss.grad_fn)
        arrived: dict[tuple[Any, int], Summary | None] = {}

        def hook_of(node: Any) -> Callable[[Any], None]:
            def hook(gradients: Any) -> None:
                arrived.update({(node, i): self.summary(g) for i, g in enumerate(gradients) if g is not None})
            return hook

        hooks = [node.register_prehook(hook_of(node)) for node in nodes]
        made = _Graph(self, nodes, scopes)
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()
        self.graph = made.graph((loss.grad_fn, loss.output_nr), arrived)
        self.results.clear()


def _program_frame() -> types.FrameType | None:
    """The innermost frame that is neither ours nor PyTorch's."""
    import sys

    torch = importlib.import_module("torch").__path__[0]
    frame: types.FrameType | None = sys._getframe(1)
    while frame is not None:
        file = frame.f_code.co_filename
        if not is_own(file) and not file.startswith((torch, "<frozen runpy")):
            return frame
        frame = frame.f_back
    return None


def _ancestors(root: Any) -> list[Any]:
    """The nodes behind a node, in the order of computation, each leaf before the first that reads it."""
    seen, stack, operations = {root}, [root], []
    while stack:
        node = stack.pop()
        if not hasattr(node, "variable"):
            operations.append(node)
        for other, _ in node.next_functions:
            if other is not None and other not in seen:
                seen.add(other)
                stack.append(other)
    ordered: dict[Any, None] = {}
    for node in sorted(operations, key=lambda node: node._sequence_nr()):
        ordered.update({other: None for other, _ in node.next_functions if hasattr(other, "variable")})
        ordered[node] = None
    return list(ordered)


class _Graph:
    """One graph in the making, of nodes of PyTorch's in order."""

    def __init__(self, tape: FirstTape, nodes: list[Any], scopes: list[dict[str, Any]]) -> None:
        self.tape, self.nodes = tape, nodes
        self.numbers = {node: i + 1 for i, node in enumerate(nodes)}
        self.modules, self.classes = modules_of(scopes), classes_of(scopes)
        self.leaf_values = {node: tape.summary(node.variable) for node in nodes if hasattr(node, "variable")}
        self.names: dict[tuple[Any, int], str] = {}
        leaves = {id(node.variable): node for node in self.leaf_values}
        for name, tensor in held_in(scopes, (tape.torch.Tensor, tape.torch.nn.Parameter)):
            node = leaves.get(id(tensor), tensor.grad_fn)
            if node in self.numbers:
                self.names.setdefault((node, tensor.output_nr if node is tensor.grad_fn else 0), name)
        self.used: dict[Any, list[int]] = {node: [] for node in nodes}

    def id_of(self, node: Any, output: int) -> int:
        """The id of the graph's node for a result."""
        number = self.numbers[node]
        return output_id(number, output) if len(self.used[node]) > 1 else number

    def graph(self, root: tuple[Any, int], arrived: dict[tuple[Any, int], Summary | None]) -> Graph:
        """The graph object, with the gradients that arrived at each result."""
        for node, output in [root, *(edge for each in self.nodes for edge in each.next_functions)]:
            if node is not None and output not in self.used[node]:
                self.used[node].append(output)
        graph = Graph(roots=[self.id_of(*root)])
        # (What PyTorch makes inside of an operation, as the transpose of a weight, has no line and cuts none in two.)
        lines = [(self.numbers[node], line, [self.id_of(node, i) for i in sorted(self.used[node])], 0)
                 for node in self.nodes if node not in self.leaf_values and (line := self._line(node))]
        assigned = assigned_names(lines)
        for node in self.nodes:
            outputs = sorted(self.used[node])
            if len(outputs) > 1 and operation(node.name()) in PARTS:
                for output in outputs:
                    part = self._operation(self.id_of(node, output), node, graph)
                    self._with_result(part, node, output, arrived, assigned)
                continue
            if node in self.leaf_values:
                made = graph.nodes[self.numbers[node]] = GraphNode(self.numbers[node], "leaf")
                made.value = self.leaf_values[node]
            else:
                made = self._operation(self.numbers[node], node, graph)
            if len(outputs) > 1:
                made.outputs = len(outputs)
                for output in outputs:
                    result = GraphNode(self.id_of(node, output), "output", line=made.line)
                    graph.nodes[result.id] = self._with_result(result, node, output, arrived, assigned)
                    graph.edges.append(GraphEdge(made.id, result.id, 0, output, result.shape))
            else:
                self._with_result(made, node, outputs[0], arrived, assigned)
        leaf_modules(graph, self.modules, self.classes)
        graph.modules = self.modules
        return graph

    def _operation(self, id: int, node: Any, graph: Graph) -> GraphNode:
        made = graph.nodes[id] = GraphNode(id, "operation", operation(node.name()), line=self._line(node))
        edges = list(node.next_functions)
        for place, (source, output) in enumerate(edges[at] for at in OPERANDS.get(made.operation, range(len(edges)))):
            if source is not None:
                origin = self.id_of(source, output)
                graph.edges.append(GraphEdge(origin, id, place, output, graph.nodes[origin].shape))
        return made

    def _line(self, node: Any) -> str:
        return next((line for output in (*self.used[node], 0) if (line := self.tape.results.get(
            (node, output), (None, ""))[1])), "")

    def _with_result(self, made: GraphNode, node: Any, output: int, arrived: dict[tuple[Any, int], Summary | None],
                     assigned: dict[int, str]) -> GraphNode:
        """Fills in what is known of one result of a node."""
        made.name = self.names.get((node, output)) or assigned.get(made.id, "")
        if node in self.leaf_values:
            made.shape, made.dtype = tuple(node.variable.shape), str(node.variable.dtype).removeprefix("torch.")
        elif output < len(node._input_metadata):
            spec = node._input_metadata[output]
            made.shape, made.dtype = tuple(spec.shape), str(spec.dtype).removeprefix("torch.")
        made.value = made.value or self.tape.results.get((node, output), (None, ""))[0]
        made.gradient = arrived.get((node, output))
        return made
