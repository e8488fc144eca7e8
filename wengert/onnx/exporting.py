"""``torch.onnx.export``: a model recorded, written as ONNX, and checked.

The one idea to know: the model is recorded as `wengert.capture` records a function, once for each of a few sizes where
sizes vary, and the recordings are put together (`sizes`). What is written is the graph, so whatever Python code the
model runs is gone; parameters and buffers stay, as initializers with the names of ``state_dict()``.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ..core.errors import TraceError
from ..core.frames import user_trace, warn
from ..core.state import state
from ..ir import InstructionGraph, prune
from ..tensors.tensor import Tensor
from ..tracing.arguments import Arguments
from ..tracing.combination import Unlike
from ..tracing.function import record
from ..tracing.program import Program
from ..tracing.sizes import SizeNotes
from ..version import __version__
from .arguments import Axis, Inputs, by_axes, by_shapes, flat_results, resized
from .errors import OnnxExporterError, OnnxExporterWarning, SymbolicValueError
from .packages import needs
from .program import BUFFERS, ONNXProgram
from .sizes import Extent, monomials, put_together
from .translation import Translation, needed
from .writer import ELEMENTS, Symbol

SMALL = 1024
"""Constants of up to so many elements are nodes, larger ones initializers."""
LEAST, DEFAULT = 18, 18
"""The oldest version of the operators that is written, and the one that is written if none is asked for."""
ROOM = 4
"""How many sizes more than the first are recorded for: no larger one where that is the largest."""
_EXPORTING = [False]


def is_in_onnx_export() -> bool:
    """Whether a model is being exported just now, for programs that compute otherwise then.

    >>> import wengert as torch
    >>> torch.onnx.is_in_onnx_export()
    False
    """
    return _EXPORTING[0]


def export(model: Callable[..., Any], args: Any = (), f: str | os.PathLike[str] | Any = None, *,
           kwargs: Mapping[str, Any] | None = None, verbose: bool | None = None,
           input_names: Sequence[str] | None = None, output_names: Sequence[str] | None = None,
           opset_version: int | None = None, dynamo: bool = True, external_data: bool = True,
           dynamic_shapes: Any = None, custom_translation_table: Mapping[Any, Any] | None = None,
           report: bool = False, optimize: bool = True, verify: bool = False, profile: bool = False,
           dump_exported_program: bool = False, artifacts_dir: str | os.PathLike[str] = ".",
           export_params: bool = True, keep_initializers_as_inputs: bool = False,
           dynamic_axes: Mapping[str, Any] | None = None, training: Any = None, operator_export_type: Any = None,
           do_constant_folding: bool = True, custom_opsets: Mapping[str, int] | None = None,
           export_modules_as_functions: Any = False, autograd_inlining: bool = True) -> ONNXProgram | None:
    """Writes a model as ONNX, by recording what it does with example arguments. Needs the extra ``wengert[onnx]``.

    Args:
        model: a `Module`, or a function of tensors. It is exported in eval mode, and afterwards in the mode it was in.
        args: the example's positional arguments, or one tensor. Tensors, also those in tuples, lists and dicts, become
            inputs; everything else keeps its value.
        f: the path of the file, or something with ``write``; None writes none.
        kwargs: the example's keyword arguments.
        input_names, output_names: names of the first inputs and outputs; others are called as the parameters of
            ``forward`` are, and ``output``, or ``output_0``, ``output_1``, ...
        opset_version: the version of ONNX's operators, from 18 on; 18 if not given.
        dynamo: False gives None back, as PyTorch's older exporter does.
        external_data: whether weights go to a second file, ``f`` with ``.data`` behind it, where one file would be
            larger than the 2 GB that it may be.
        dynamic_shapes, dynamic_axes: the dimensions of inputs that vary, ``{"x": {0: "batch"}}``; dimensions of one
            name have one size. Of ``dynamic_axes``, ``{"x": [0]}`` leaves the name to us, of ``dynamic_shapes``,
            ``{"x": {0: Dim.DYNAMIC}}``; names may be a ``Dim`` of `torch.export`, and ``2*Dim("n") + 1``.
        verify: whether to run the model with onnxruntime and compare (`ONNXProgram.verify`).
        export_params: False leaves the weights out: they are inputs then.
        keep_initializers_as_inputs: whether weights are inputs too, so that a run may replace them.
        training: ``TrainingMode.TRAINING`` or ``PRESERVE`` exports the model in train mode, or in its own.

    Options of PyTorch's tools that have no meaning here (``verbose``, ``report``, ``profile``, ``optimize``,
    ``artifacts_dir``, ``dump_exported_program``, ``do_constant_folding``, ``autograd_inlining``) change nothing.

    Returns an `ONNXProgram`. Raises `UnsupportedOperatorError`, which names the operation and the line of the program,
    for what ONNX has no form for, `SymbolicValueError` where the model needs a size that is to vary as a number, and
    ImportError where the package onnx is missing.

    >>> import io, wengert as torch
    >>> model = torch.nn.Linear(3, 2)
    >>> file = io.BytesIO()
    >>> program = torch.onnx.export(model, (torch.ones(4, 3),), file, input_names=["x"], output_names=["y"],
    ...                             dynamic_axes={"x": {0: "batch"}})  # doctest: +SKIP
    >>> [node.op_type for node in program.model_proto.graph.node]      # doctest: +SKIP
    ['Gemm']
    """
    for name, given in (("custom_translation_table", custom_translation_table), ("custom_opsets", custom_opsets),
                        ("export_modules_as_functions", export_modules_as_functions)):
        if given:
            raise NotImplementedError(f"[onnx.export] {name} is not in wengert; the operations of the model are those "
                                      "of ONNX's own domain")
    if not callable(model):
        raise TypeError("[onnx.export] a Module, or a function of tensors, was expected; got a "
                        f"{type(model).__name__}; give the model itself")
    needs("onnx")
    opset = _checked_opset(opset_version)
    inputs = Inputs(model, args, kwargs)
    names = inputs.renamed(input_names)
    with _exporting(model, training):
        axes = (by_shapes(inputs, names, dynamic_shapes) if dynamic_shapes is not None else
                by_axes(names, inputs.tensors, dynamic_axes or {}, output_names or ()))
        program, graph = _recorded(model, inputs, names, axes)
    _warn_of_effects(graph)
    found = _written(model, program, graph, names, output_names, opset)
    found._example, found._model = inputs, model
    if f is not None:
        found.save(f, include_initializers=export_params, keep_initializers_as_inputs=keep_initializers_as_inputs)
    elif not export_params or keep_initializers_as_inputs:
        found.apply_layout(export_params, keep_initializers_as_inputs)
    if verify:
        found.verify()
    return found if dynamo else None


def _checked_opset(version: int | None) -> int:
    if version is None:
        return DEFAULT
    newest = needs("onnx").defs.onnx_opset_version()
    if not isinstance(version, int) or not LEAST <= version <= newest:
        raise OnnxExporterError(f"[onnx.export] opset_version: a version from {LEAST} to {newest} was expected; got "
                                f"{version!r}; wengert writes no older operators")
    return version


@contextlib.contextmanager
def _exporting(model: Any, training: Any) -> Iterator[None]:
    """The model in the mode in which it is exported, and without a tape; everything as it was afterwards."""
    modules = list(model.modules()) if hasattr(model, "modules") else []
    modes = [module.training for module in modules]
    wanted = getattr(training, "name", training) or "EVAL"
    before, state.grad, _EXPORTING[0] = state.grad, False, True
    try:
        if wanted != "PRESERVE":
            for module in modules:
                module.training = wanted == "TRAINING"
        yield
    finally:
        state.grad, _EXPORTING[0] = before, False
        for module, mode in zip(modules, modes, strict=True):
            module.training = mode


# --- recording --------------------------------------------------------------------------------------------------------


def _recorded(model: Callable[..., Any], inputs: Inputs, names: Sequence[str], axes: Sequence[Axis]
              ) -> tuple[Program, InstructionGraph]:
    if not axes:
        program = _record(model, inputs, names, inputs.tensors, None)
        return program, program.graph
    try:
        return _for_sizes(model, inputs, names, axes)
    except (Unlike, OnnxExporterError, TraceError, RuntimeError, ValueError) as error:
        joined = _joined(axes, inputs.tensors)
        if joined == list(axes):
            raise _worded(error) from error
    try:
        return _for_sizes(model, inputs, names, joined)
    except (Unlike, OnnxExporterError, TraceError, RuntimeError, ValueError) as error:
        raise _worded(error) from error


def _worded(error: Exception) -> Exception:
    if isinstance(error, Unlike):
        return SymbolicValueError(f"[onnx.export] a model that does the same for every size was expected; {error}; "
                                  "leave that dimension out of the dynamic ones")
    return error


def _joined(axes: Sequence[Axis], tensors: Sequence[Tensor]) -> list[Axis]:
    """The axes with those that nobody named sharing a name where the example has one size: what must be alike."""
    known: dict[int, str] = {}
    found = []
    for axis in axes:
        name = axis.name if axis.is_given else known.setdefault(tensors[axis.place].shape[axis.dim], axis.name)
        found.append(dataclasses.replace(axis, name=name))
    return found


def _for_sizes(model: Callable[..., Any], inputs: Inputs, names: Sequence[str], axes: Sequence[Axis]
               ) -> tuple[Program, InstructionGraph]:
    """The graph for all sizes: first where everything grows evenly with them, then with products; sizes one more than
    the example's first, then its multiples, as a model may only take these.

    What the model's code decides by a size, or reads of one, need not be looked into: where that changes what is
    computed, the recordings are not of one form."""
    base: dict[str, int] = {}
    for axis in axes:
        size = axis.named_size(inputs.tensors[axis.place].shape[axis.dim])
        first = max(size if axis.most is None else min(size, axis.most - ROOM), 2)
        if base.setdefault(axis.name, first) != first:
            raise OnnxExporterError(f"[onnx.export] one size for all dimensions called {axis.name} was expected; got "
                                    f"{base[axis.name]} and {size}")
    failure: Exception | None = None
    for steps in (dict.fromkeys(base, 1), base):
        known: dict[tuple[int, ...], Program] = {}
        for degree in (1, 2):
            samples = _samples(base, steps, degree)
            try:
                programs = []
                for sizes in samples:
                    key = tuple(sizes.values())
                    if key not in known:
                        known[key] = _record(model, inputs, names, _example(inputs, axes, sizes), PlainSizes())
                    programs.append(known[key])
                recordings = [program.recording for program in programs]
                graph = put_together(samples, [each for each in recordings if each is not None], degree)
                return programs[0], prune(graph)
            except Unlike as error:
                failure = failure or error
            except (TraceError, OnnxExporterError):
                raise
            except (RuntimeError, ValueError) as error:  # the model does not take these sizes
                failure = failure or error
                break
    assert failure is not None, base
    raise failure


class PlainSizes(SizeNotes):
    """Has the whole recording kept, and sizes be plain integers: what follows from them is found by comparison."""

    def shape(self, shape: tuple[int, ...]) -> tuple[Any, ...]:
        return shape

    def fix(self, shape: tuple[int, ...]) -> None:
        """Nothing is fixed."""


def _samples(base: Mapping[str, int], steps: Mapping[str, int], degree: int) -> list[dict[str, int]]:
    """Sizes to record for: enough to find every polynomial of a degree, and one more to hold it against."""
    names = sorted(base)
    found = []
    for product in monomials(names, degree):
        found.append({name: base[name] + steps[name] * product.count(name) for name in names})
    extra = {name: base[name] + steps[name] * (degree + 1 + i) for i, name in enumerate(names)}
    return [*found, extra]


def _example(inputs: Inputs, axes: Sequence[Axis], sizes: Mapping[str, int]) -> list[Tensor]:
    wanted: list[dict[int, int]] = [{} for _ in inputs.tensors]
    for axis in axes:
        wanted[axis.place][axis.dim] = axis.size(sizes[axis.name])
    return [resized(tensor, dims) for tensor, dims in zip(inputs.tensors, wanted, strict=True)]


def _record(model: Callable[..., Any], inputs: Inputs, names: Sequence[str], tensors: Sequence[Tensor],
            sizes: SizeNotes | None) -> Program:
    def exported(*given: Tensor) -> list[Tensor]:
        args, kwargs = inputs.filled(given)
        return [tensor.clone() for tensor in flat_results(model(*args, **kwargs))]

    distinct = [tensor.detach() for tensor in tensors]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"\[capture\] tensors made while")
        try:
            program = record(exported, list(names), Arguments(list(names), tuple(distinct), {}), sizes, once=True)
        except TraceError as error:
            where = user_trace(error.__traceback__)
            if where is not None:
                error.add_note(f"[onnx.export] at {where.tb_frame.f_code.co_filename}:{where.tb_lineno}")
            raise
    return program


def _warn_of_effects(graph: InstructionGraph) -> None:
    written = [effect.target for effect in graph.effects if effect.kind == "write"]
    if written:
        warn(f"[onnx.export] the model writes to {', '.join(written)}, which an ONNX graph cannot keep; the exported "
             "model leaves these writes out", OnnxExporterWarning)
    graph.effects = []
    prune(graph)


# --- writing ----------------------------------------------------------------------------------------------------------


def _names_of_states(model: Any, program: Program, graph: InstructionGraph
                     ) -> tuple[dict[str, str], dict[str, Any], set[str]]:
    """What states are called, by ``state_dict()`` where that has them, their arrays, and which are no parameters."""
    known: dict[int, str] = {}
    if hasattr(model, "named_parameters"):
        for name, tensor in (*model.named_parameters(), *model.named_buffers()):
            known.setdefault(id(tensor), name)
    parameters = {id(each) for each in model.parameters()} if hasattr(model, "parameters") else set()
    names, arrays, buffers = {}, {}, set()
    for value in graph.states:
        tensors = program.tensors_of(value.name)
        whole = next((each for each in tensors if tuple(each.shape) == tuple(value.spec.shape)), None)
        found = next((known[id(each)] for each in tensors if id(each) in known), None)
        names[value.name] = found or value.name
        arrays[value.name] = program.memory_of(value.name) if whole is None else whole._data
        if not any(each.requires_grad or id(each) in parameters for each in tensors):
            buffers.add(names[value.name])
    return names, arrays, buffers


def _written(model: Any, program: Program, graph: InstructionGraph, names: Sequence[str],
             output_names: Sequence[str] | None, opset: int) -> ONNXProgram:
    states, arrays, buffers = _names_of_states(model, program, graph)
    translation = Translation(graph, opset, names, states, arrays, buffers)
    outputs = _output_names(output_names, len(translation.outputs))
    called = type(model).__name__ if hasattr(model, "forward") else getattr(model, "__name__", "graph")
    return ONNXProgram(graph_proto(translation, outputs, called, opset))


def graph_proto(translation: Translation, outputs: Sequence[str], name: str, opset: int) -> Any:
    """The model with what has been translated, as the package onnx has it."""
    nodes = _with_outputs(translation, outputs)
    helper, from_array = needs("onnx").helper, needs("onnx.numpy_helper").from_array
    used = {name for node in nodes for name in node.input}
    writer = translation.writer
    held = {name: from_array(np.asarray(array, order="C"), name)
            for name, array in (*writer.initializers.items(), *writer.constants.items()) if name in used}
    small = [name for name in held if name in writer.constants and writer.constants[name].size <= SMALL]
    nodes[:0] = [helper.make_node("Constant", [], [name], name=f"Constant_{name}", value=held.pop(name))
                 for name in small]
    initializers = list(held.values())
    buffers = [name for name in held if name in writer.constants or name in translation.buffers]
    made = helper.make_graph(nodes, name, [_described(symbol, symbol.name) for symbol in translation.inputs],
                             [_described(symbol, called)
                              for symbol, called in zip(translation.outputs, outputs, strict=True)], initializers)
    proto = helper.make_model(made, opset_imports=[helper.make_opsetid("", opset)], producer_name="wengert",
                              producer_version=__version__, ir_version=_ir_version(opset))
    if buffers:
        helper.set_model_props(proto, {BUFFERS: "\n".join(buffers)})
    return proto


def _ir_version(opset: int) -> int:
    """The oldest version of the file's form that knows these operators, so that older runtimes read it."""
    helper = needs("onnx").helper
    return max(8, int(helper.OP_SET_ID_VERSION_MAP[("ai.onnx", opset)]))


def _output_names(given: Sequence[str] | None, count: int) -> list[str]:
    if given is not None and len(given) > count:
        raise OnnxExporterError(f"[onnx.export] names for at most {count} outputs were expected; got {len(given)}: "
                                f"{', '.join(given)}")
    own = ["output"] if count == 1 else [f"output_{i}" for i in range(count)]
    return [*(given or ()), *own[len(given or ()):]]


def _with_outputs(translation: Translation, names: Sequence[str]) -> list[Any]:
    """The nodes that are needed, with the outputs under their names."""
    writer = translation.writer
    nodes = needed(writer.nodes, [symbol.name for symbol in translation.outputs])
    made = {name for node in nodes for name in node.output}
    renamed: dict[str, str] = {}
    for symbol, name in zip(translation.outputs, names, strict=True):
        if symbol.name in made and symbol.name not in renamed and name not in writer._taken:
            renamed[symbol.name] = name
        else:
            nodes.append(writer.helper.make_node("Identity", [symbol.name], [name], name=f"Identity_{name}"))
    for node in nodes:
        for place, name in enumerate(node.input):
            node.input[place] = renamed.get(name, name)
        for place, name in enumerate(node.output):
            node.output[place] = renamed.get(name, name)
    return nodes


def _described(symbol: Symbol, name: str) -> Any:
    shape = [str(n) if isinstance(n, Extent) else n for n in symbol.shape or ()]
    return needs("onnx").helper.make_tensor_value_info(name, ELEMENTS[symbol.dtype.name], shape)


