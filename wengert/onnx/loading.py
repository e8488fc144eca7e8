"""``wengert.onnx.load``: an ONNX model as a `Module` that runs and trains.

The one idea to know: a `Graph` runs its nodes one after the other, each by the function of its operator
(`wengert.onnx.operators`) on tensors, so that the tape sees them as it sees any program. An operator that ONNX itself
writes as others, and that has no function here, is run as these.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

import wengert as torch
from wengert import nn

from ..tensors.evaluation import tracing
from .errors import OnnxExporterError, UnsupportedOperatorError
from .known import known_result
from .operators import OPERATORS, SETTINGS
from .packages import needs
from .program import BUFFERS

DOMAINS = ("", "ai.onnx")


def load(source: Any) -> OnnxModule:
    """Reads an ONNX model: a path, the bytes of a file, something with ``read``, or an ``onnx.ModelProto``.

    Floating initializers become parameters, with the model's names for them in ``state_dict()``, but for those that are
    settings (running statistics, the limits of a Clip), which are buffers, as integers are. The module takes the
    model's inputs, in their order or by name, and gives its output, or a tuple of its outputs. It runs on any size that
    the model is made for, trains, and can be exported again.

    Raises FileNotFoundError for a path that is not there, `OnnxExporterError` for what is no ONNX model, and
    `UnsupportedOperatorError`, which names all operators that wengert does not have, before anything runs. Needs the
    extra ``wengert[onnx]``.

    >>> import wengert as torch
    >>> model = torch.onnx.load("model.onnx")  # doctest: +SKIP
    >>> model(torch.ones(1, 3))                # doctest: +SKIP
    """
    proto, folder = _read(source)
    if not proto.HasField("graph") or not proto.opset_import:
        raise OnnxExporterError("[onnx.load] an ONNX model was expected; got something without a graph, or without "
                                "the versions of its operators")
    return OnnxModule(proto, folder)


def _read(source: Any) -> tuple[Any, str]:
    onnx = needs("onnx")
    if isinstance(source, onnx.ModelProto):
        return source, ""
    folder = ""
    if isinstance(source, (bytes, bytearray)):
        data = bytes(source)
    elif hasattr(source, "read"):
        data = source.read()
    elif isinstance(source, (str, os.PathLike)):
        folder = os.path.dirname(os.path.abspath(source))
        with open(source, "rb") as file:
            data = file.read()
    else:
        raise TypeError(f"[onnx.load] a path, bytes, a file or a ModelProto was expected; got a "
                        f"{type(source).__name__}")
    try:
        return onnx.load_model_from_string(data), folder
    except needs("google.protobuf.message").DecodeError as error:
        raise OnnxExporterError("[onnx.load] an ONNX model was expected; these bytes are none, or not all of "
                                "one") from error


class OnnxModule(nn.Module):
    """An ONNX model, as `load` makes it. ``input_names`` and ``output_names`` are the model's.

    >>> model = torch.onnx.load("model.onnx")  # doctest: +SKIP
    >>> model.input_names                      # doctest: +SKIP
    ['x']
    """

    def __init__(self, proto: Any, folder: str = "") -> None:
        super().__init__()
        versions = {each.domain: each.version for each in proto.opset_import}
        self._functions = {(each.domain, each.name): each for each in proto.functions}
        version = versions.get("", versions.get("ai.onnx", 1))
        kept = {name for entry in proto.metadata_props if entry.key == BUFFERS for name in entry.value.split("\n")}
        self._context = Context(version, self._functions, folder)
        self._graph = Graph(proto.graph, self._context, is_whole=True)
        _refuse_unknown([self._graph], self._context)
        self._places: dict[str, tuple[nn.Module, str]] = {}
        kept |= _settings(proto.graph)
        for held in proto.graph.initializer:
            self._keep(held.name, _array(held, folder), held.name in kept)
        for held in proto.graph.sparse_initializer:
            self._keep(held.values.name, _dense(held), held.values.name in kept)
        self.input_names = [value.name for value in proto.graph.input if value.name not in self._places]
        self.output_names = [value.name for value in proto.graph.output]
        self._known = {name: np.asarray(getattr(owner, last).numpy()) for name, (owner, last) in self._places.items()
                       if not getattr(owner, last).is_floating_point()}

    def _keep(self, name: str, array: np.ndarray, is_setting: bool) -> None:
        """Registers an initializer, where the dots of its name lead."""
        *path, last = name.split(".")
        owner: nn.Module = self
        if not last or not all(path) or name in self._places:
            path, last = [], f"initializer_{len(self._places)}"
        for step in path:
            inner = owner._modules.get(step)
            if inner is None:
                if hasattr(owner, step):
                    owner, last = self, name.replace(".", "_")
                    break
                inner = nn.Module()
                owner.add_module(step, inner)
            owner = inner
        while hasattr(owner, last):
            last += "_"
        tensor = torch.from_numpy(array.copy())
        if tensor.is_floating_point() and not is_setting:
            owner.register_parameter(last, nn.Parameter(tensor))
        else:
            owner.register_buffer(last, tensor)
        self._places[name] = owner, last

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """The model's output, or a tuple of its outputs, for its inputs in their order or by name."""
        given = dict(zip(self.input_names, args, strict=False))
        unknown = [name for name in kwargs if name not in self.input_names and name not in self._places]
        if len(args) > len(self.input_names) or unknown:
            raise TypeError(f"[onnx] the inputs {', '.join(self.input_names)} were expected; got {len(args)} by place"
                            + (f" and {', '.join(unknown)}" if unknown else ""))
        values = {name: getattr(owner, last) for name, (owner, last) in self._places.items()}
        values.update(given)
        values.update(kwargs)
        missing = [name for name in self.input_names if name not in values and name not in self._graph.optional]
        if missing:
            raise TypeError(f"[onnx] values for the inputs {', '.join(self.input_names)} were expected; missing: "
                            f"{', '.join(missing)}")
        values.update({name: None for name in self.input_names if name not in values})
        known = {name: array for name, array in self._known.items() if name not in kwargs}
        found = self._graph.run(values, known)
        return found[0] if len(found) == 1 else tuple(found)

    def extra_repr(self) -> str:
        return f"{len(self._graph.steps)} nodes, {', '.join(self.input_names)} -> {', '.join(self.output_names)}"


def _array(held: Any, folder: str) -> np.ndarray:
    onnx = needs("onnx")
    try:
        found: np.ndarray = onnx.numpy_helper.to_array(held, folder)
    except (FileNotFoundError, onnx.checker.ValidationError) as error:
        raise OnnxExporterError(f"[onnx.load] the weights of {held.name} were expected in a file beside the model's; "
                                f"{error}") from error
    except (ValueError, TypeError) as error:
        raise OnnxExporterError(f"[onnx.load] as many elements as {held.name} has were expected: {error}") from error
    return found


def _dense(held: Any) -> np.ndarray:
    """A sparse initializer, with its zeros."""
    to_array = needs("onnx.numpy_helper").to_array
    values, places = to_array(held.values), to_array(held.indices)
    found = np.zeros(tuple(held.dims), values.dtype)
    if places.ndim == 1:
        found.reshape(-1)[places] = values
    else:
        found[tuple(places.T)] = values
    return found


def _settings(graph: Any) -> set[str]:
    """Initializers that are settings of operators, which do not train."""
    found = set()
    for node in graph.node:
        for place in SETTINGS.get(node.op_type, ()):
            if place < len(node.input):
                found.add(node.input[place])
    return found


# --- running ----------------------------------------------------------------------------------------------------------


class Context:
    """What all graphs of a model share: the version of ONNX's operators, and the model's own functions."""

    def __init__(self, version: int, functions: Mapping[tuple[str, str], Any], folder: str = "") -> None:
        self.version, self.functions, self.folder = version, functions, folder
        self._bodies: dict[Any, Graph | None] = {}

    def body(self, node: Any, inputs: Sequence[Any]) -> tuple[Graph, Any] | None:
        """What an operator is as other operators, if it is: a function of the model, or of ONNX's own."""
        own = self.functions.get((node.domain, node.op_type))
        if own is not None:
            versions = {each.domain: each.version for each in own.opset_import}
            key: Any = ("own", node.domain, node.op_type)
            if key not in self._bodies:
                self._bodies[key] = Graph(own, Context(versions.get("", self.version), self.functions))
            found = self._bodies[key]
            return None if found is None else (found, own)
        defs = needs("onnx").defs
        if node.domain not in DOMAINS or not defs.has(node.op_type):
            return None
        schema = defs.get_schema(node.op_type, self.version, "")
        types = tuple([_type_of(x) for x in inputs])
        key = (node.op_type, types, node.SerializeToString())
        if key not in self._bodies:
            made = _function_of(schema, node, types, self.version)
            self._bodies[key] = None if made is None else Graph(
                made, Context({each.domain: each.version for each in made.opset_import}.get("", self.version), {}))
        found = self._bodies[key]
        return None if found is None else (found, schema)

    def has(self, node: Any) -> bool:
        """Whether an operator can be run, as far as can be told without its inputs."""
        if (node.domain, node.op_type) in self.functions or (node.domain in DOMAINS and node.op_type in OPERATORS):
            return True
        defs = needs("onnx").defs
        if node.domain not in DOMAINS or not defs.has(node.op_type):
            return False
        schema = defs.get_schema(node.op_type, self.version, "")
        return bool(schema.has_function or schema.has_context_dependent_function)


def _type_of(x: Any) -> Any:
    from .writer import ELEMENTS

    return None if x is None or isinstance(x, list) else (ELEMENTS.get(x.dtype.name, 0), tuple(x.shape))


def _function_of(schema: Any, node: Any, types: Sequence[Any], version: int) -> Any:
    onnx = needs("onnx")
    if schema.has_function:
        return schema.function_body
    if not schema.has_context_dependent_function:
        return None
    described = []
    for each in types:
        made = onnx.TypeProto()
        if each is not None:
            made = onnx.helper.make_tensor_type_proto(*each)
        described.append(made.SerializeToString())
    versions = [each for each in schema.context_dependent_function_opset_versions if each <= version]
    if not versions:
        return None
    data = schema.get_context_dependent_function_with_opset_version(max(versions), node.SerializeToString(), described)
    return onnx.FunctionProto.FromString(data) if data else None


class Graph:
    """The nodes of a graph, a subgraph or a function, in their order; ``run`` gives its outputs for its inputs."""

    def __init__(self, proto: Any, context: Context, is_whole: bool = False) -> None:
        is_function = self._is_function = not hasattr(proto, "initializer")
        self.inputs = [each if is_function else each.name for each in proto.input]
        self.outputs = [each if is_function else each.name for each in proto.output]
        self.optional = set() if is_function else {each.name for each in proto.input
                                                   if each.type.HasField("optional_type")}
        self.steps = [Step(node, context) for node in proto.node]
        self.constants = {} if is_function or is_whole else {  # those of the whole model are the module's
            held.name: torch.from_numpy(_array(held, context.folder).copy()) for held in proto.initializer}
        last: dict[str, int] = {}
        for place, step in enumerate(self.steps):
            last.update(dict.fromkeys((*step.inputs, *step.outer), place))
        kept = {*self.outputs, *self.constants, *self.inputs}
        self._dropped: list[list[str]] = [[] for _ in self.steps]
        made = {name for step in self.steps for name in step.outputs}
        for name, place in last.items():
            if name in made and name not in kept:
                self._dropped[place].append(name)

    def run(self, values: Mapping[str, Any], known: Mapping[str, np.ndarray] | None = None,
            attributes: Mapping[str, Any] | None = None) -> list[Any]:
        """The outputs; ``values`` are those of inputs and of what lies around, ``known`` numbers that a recording may
        read, ``attributes`` those of the function that this is the body of."""
        values, known = dict(values), dict(known or {})
        for step, dropped in zip(self.steps, self._dropped, strict=True):
            step.run(values, known, attributes or {})
            for name in dropped:
                values.pop(name, None)
        if self._is_function:  # whose optional outputs nobody may have computed
            return [values.get(name) for name in self.outputs]
        return [values[name] for name in self.outputs]


class Step:
    """One node: its operator, the names of what it takes and gives, and its attributes."""

    def __init__(self, node: Any, context: Context) -> None:
        self.node, self.op, self.context = node, node.op_type, context
        self.inputs, self.outputs = list(node.input), list(node.output)
        self.attributes: dict[str, Any] = {}
        self.referred: dict[str, str] = {}
        for each in node.attribute:
            if each.ref_attr_name:
                self.referred[each.name] = each.ref_attr_name
            else:
                self.attributes[each.name] = _attribute(each, context)
        graphs: list[Graph] = [each for each in self.attributes.values() if isinstance(each, Graph)]
        self.graphs = graphs
        value = self.attributes.get("value") if node.op_type == "Constant" else None
        self.number = None if value is None else value.numpy()
        self.outer: set[str] = {name for graph in graphs for step in graph.steps
                                for name in (*step.inputs, *step.outer)}
        self.outer |= {name for graph in graphs for name in graph.outputs}
        is_own = (node.domain, node.op_type) in context.functions
        self.function = None if is_own or node.domain not in DOMAINS else OPERATORS.get(node.op_type)

    def run(self, values: dict[str, Any], known: dict[str, np.ndarray], attributes: Mapping[str, Any]) -> None:
        """Puts the node's results among the values."""
        try:
            inputs = [values[name] if name else None for name in self.inputs]
        except KeyError as error:
            raise OnnxExporterError(f"[{self.op}] values that are computed before they are used were expected; got "
                                    f"{error.args[0]!r}, which nothing gives") from None
        call = Call(self, values, known, attributes)
        if self.function is not None:
            found = self.function(call, *inputs)
        else:
            found = self._by_body(call, inputs)
        results = found if isinstance(found, tuple) else (found,)
        for name, result in zip(self.outputs, results, strict=False):
            if name:
                values[name] = result
        if tracing():
            self._note_known(call)

    def _by_body(self, call: Call, inputs: Sequence[Any]) -> Any:
        body = self.context.body(self._resolved(call), inputs)
        if body is None:
            raise UnsupportedOperatorError(f"[onnx.load] operators that wengert has were expected; got "
                                           f"{_called(self.node)} of version {self.context.version}")
        graph, schema = body
        attributes = dict(_defaults(schema))
        attributes.update(self.attributes)
        attributes.update({name: call.get(name) for name in self.referred if call.get(name) is not None})
        given = dict.fromkeys(graph.inputs)
        given.update(zip(graph.inputs, inputs, strict=False))
        known = {inner: call.known[name] for inner, name in zip(graph.inputs, self.inputs, strict=False)
                 if name in call.known}
        return tuple(graph.run(given, known, attributes))

    def _resolved(self, call: Call) -> Any:
        """The node with the values of the attributes that it refers to, on which its body may depend."""
        if not self.referred:
            return self.node
        node, make = type(self.node)(), needs("onnx").helper.make_attribute
        node.CopyFrom(self.node)
        del node.attribute[:]
        node.attribute.extend([each for each in self.node.attribute if not each.ref_attr_name])
        node.attribute.extend([make(name, call.get(name)) for name in self.referred if call.get(name) is not None])
        return node

    def _note_known(self, call: Call) -> None:
        """Integers that follow from sizes, so that a recording does not have to read them."""
        known = call.known
        if self.op == "Constant":
            value = self.attributes.get("value")
            ints = self.attributes.get("value_ints", self.attributes.get("value_int"))
            if ints is not None or (value is not None and not value.is_floating_point()):
                known[self.outputs[0]] = np.asarray(ints if value is None else self.number)
        elif self.function is not None and self.inputs and self.op not in ("Shape", "Size"):
            given = [known.get(name) for name in self.inputs if name]
            if all(each is not None for each in given):
                found = known_result(call, [each for each in given if each is not None])
                if found is not None:
                    known[self.outputs[0]] = found


class Call:
    """What the function of an operator sees of its node: attributes, the version, what is asked for, known numbers."""

    def __init__(self, step: Step, values: Mapping[str, Any], known: dict[str, np.ndarray],
                 attributes: Mapping[str, Any]) -> None:
        self.step, self.values, self.known = step, values, known
        self._attributes = attributes
        self.op, self.version, self.wanted = step.op, step.context.version, len(step.outputs)

    def get(self, name: str, default: Any = None) -> Any:
        """An attribute."""
        if name in self.step.referred:
            found = self._attributes.get(self.step.referred[name])
            return default if found is None else found
        return self.step.attributes.get(name, default)

    def ints(self, place: int) -> Any:
        """The integers of an input, as a list; None where it is not given."""
        if place >= len(self.step.inputs) or not self.step.inputs[place]:
            return None
        name = self.step.inputs[place]
        array = self.known.get(name)
        if array is not None:
            return array.reshape(-1).tolist()
        tensor = self.values[name]
        return None if tensor is None else tensor.reshape(-1).tolist()

    def knows(self, place: int, array: np.ndarray) -> None:
        """Notes the numbers of a result, which may be read then while a recording goes on."""
        self.known[self.step.outputs[place]] = array

    def inner(self, name: str, inputs: Sequence[Any], known: Mapping[str, np.ndarray] | None = None) -> list[Any]:
        """Runs a graph that is an attribute, with what lies around it in its reach."""
        graph = self.get(name)
        values = {**self.values, **graph.constants, **dict(zip(graph.inputs, inputs, strict=False))}
        found: list[Any] = graph.run(values, {**self.known, **(known or {})}, self._attributes)
        return found


def _attribute(held: Any, context: Context) -> Any:
    onnx = needs("onnx")
    kinds = onnx.AttributeProto
    if held.type == kinds.GRAPH:
        return Graph(held.g, context)
    if held.type == kinds.TENSOR:
        if held.t.data_type == onnx.TensorProto.STRING:
            return None
        return torch.from_numpy(np.array(_array(held.t, context.folder)))
    value = onnx.helper.get_attribute_value(held)
    if held.type == kinds.STRING:
        return value.decode()
    if held.type == kinds.STRINGS:
        return [each.decode() for each in value]
    return list(value) if held.type in (kinds.INTS, kinds.FLOATS) else value


def _defaults(schema: Any) -> dict[str, Any]:
    """The default attributes of an operator, or of a function of the model's own."""
    if hasattr(schema, "attribute_proto"):
        return {each.name: _attribute(each, Context(1, {})) for each in schema.attribute_proto}
    return {name: _attribute(each.default_value, Context(1, {})) for name, each in schema.attributes.items()
            if each.default_value.type}


def _called(node: Any) -> str:
    return f"{node.domain}.{node.op_type}" if node.domain else str(node.op_type)


def _refuse_unknown(graphs: Sequence[Graph], context: Context) -> None:
    unknown: dict[str, None] = {}
    left = list(graphs)
    while left:
        for step in left.pop().steps:
            if step.function is None and not step.context.has(step.node):
                unknown[_called(step.node)] = None
            left += step.graphs
    if unknown:
        raise UnsupportedOperatorError("[onnx.load] operators that wengert has were expected; got "
                                       f"{', '.join(unknown)}, of version {context.version}, which it does not have")
