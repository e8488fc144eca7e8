"""A model as the graph that TensorBoard draws: what one call of it computes, each operation inside of its modules.

The one idea to know: a node is called by the modules that it lies in, ``Net/Linear[hidden]/addmm``, and TensorBoard
makes boxes of the slashes.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tensorboard.compat.proto.attr_value_pb2 import AttrValue
from tensorboard.compat.proto.config_pb2 import RunMetadata
from tensorboard.compat.proto.graph_pb2 import GraphDef
from tensorboard.compat.proto.node_def_pb2 import NodeDef
from tensorboard.compat.proto.step_stats_pb2 import DeviceStepStats, StepStats
from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
from tensorboard.compat.proto.versions_pb2 import VersionDef

from ...autograd.modes import no_grad
from ...ops.aten import operator_of
from ...tensors.evaluation import Watcher
from ...tensors.tensor import Tensor
from .._pytree import tree_leaves


class _Drawing(Watcher):
    """Writes down a node for each operation, in the modules that are being called."""

    def __init__(self, model: Any) -> None:
        self.nodes: list[NodeDef] = []
        self.scope: list[str] = []
        self._names: dict[int, str] = {}
        self._kept: list[Any] = []  # so that no two of them are called alike
        self._counts: dict[str, int] = {}
        self._parameters: dict[int, str] = {}
        self._called = {id(module): f"{type(module).__name__}[{path.rpartition('.')[2]}]" if path
                        else type(module).__name__ for path, module in model.named_modules()}
        for path, module in model.named_modules():
            parts = path.split(".") if path else []
            above = [self._called[id(model.get_submodule(".".join(parts[:end])))] for end in range(len(parts) + 1)]
            for name, tensor in (*module._parameters.items(), *module._buffers.items()):
                if tensor is not None:
                    self._parameters.setdefault(id(tensor), "/".join([*above, name]))

    def node(self, name: str, op: str, inputs: list[str], value: Any = None) -> str:
        """Adds a node; its name, made one of its own."""
        count = self._counts[name] = self._counts.get(name, -1) + 1
        made = NodeDef(name=f"{name}_{count}" if count else name, op=op, input=inputs)
        if isinstance(value, Tensor):
            shape = TensorShapeProto(dim=[TensorShapeProto.Dim(size=size) for size in value.shape])
            made.attr["_output_shapes"].CopyFrom(AttrValue(list=AttrValue.ListValue(shape=[shape])))
        self.nodes.append(made)
        return made.name

    def call(self, tensor: Tensor, name: str) -> None:
        """What a tensor is called from here on."""
        self._names[id(tensor)] = name
        self._kept.append(tensor)

    def named(self, tensor: Tensor) -> str:
        """What a tensor is called; one that was not seen before is a parameter, or a constant."""
        if id(tensor) not in self._names:
            where = self._parameters.get(id(tensor))
            op = "prim::Constant" if where is None else "Parameter"
            self.call(tensor, self.node(where or "/".join([*self.scope, "constant"]), op, [], tensor))
        return self._names[id(tensor)]

    def computed(self, primitive: Any, operands: tuple[Any, ...], params: dict[str, Any], out: Any) -> None:
        inputs = [self.named(x) for x in operands if isinstance(x, Tensor)]
        word = operator_of(primitive, operands).name
        several = out if isinstance(out, (tuple, list)) else [out]
        name = self.node("/".join([*self.scope, word]), f"aten::{word}", inputs, several[0])
        for each in several:
            if isinstance(each, Tensor):
                self.call(each, name)

    @contextmanager
    def inside(self, model: Any) -> Iterator[None]:
        """A context in which the modules of a model say when they begin and end."""

        def begin(module: Any, arguments: Any) -> None:
            self.scope.append(self._called[id(module)])

        def end(module: Any, arguments: Any, out: Any) -> None:
            self.scope.pop()

        handles = [handle for module in model.modules()
                   for handle in (module.register_forward_pre_hook(begin, prepend=True),
                                  module.register_forward_hook(end))]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()


def graph(model: Any, inputs: Any, verbose: bool = False) -> tuple[GraphDef, RunMetadata]:
    """The graph of one call of ``model`` with ``inputs``, a tensor or a tuple of arguments, and where it ran. With
    ``verbose`` its nodes are printed. The mode of the model stays as it is; nothing is recorded for a gradient."""
    drawing = _Drawing(model)
    arguments = tuple(inputs) if isinstance(inputs, (tuple, list)) else (inputs,)
    for place, tensor in enumerate(each for each in tree_leaves(arguments) if isinstance(each, Tensor)):
        drawing.call(tensor, drawing.node(f"input/input_{place}" if place else "input/input", "IO Node", [], tensor))
    with no_grad(), drawing.inside(model), drawing:
        out = model(*arguments)
    for place, tensor in enumerate(each for each in tree_leaves(out) if isinstance(each, Tensor)):
        drawing.node(f"output/output.{place + 1}", "IO Node", [drawing.named(tensor)], tensor)
    if verbose:
        print(*(f"{node.name} = {node.op}({', '.join(node.input)})" for node in drawing.nodes), sep="\n")
    where = RunMetadata(step_stats=StepStats(dev_stats=[DeviceStepStats(device="/device:CPU:0")]))
    return GraphDef(node=drawing.nodes, versions=VersionDef(producer=22)), where
