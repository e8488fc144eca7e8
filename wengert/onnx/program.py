"""What `export` gives back: a model in ONNX's form, to look at, to save and to run."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..core.layout import parts_of
from ..core.state import state
from ..tensors.tensor import Tensor, make
from .errors import OnnxExporterError
from .packages import needs

BUFFERS = "wengert.buffers"
"""The key in a model's metadata that lists the initializers that are no parameters, a line each."""
LARGEST = 2**31 - 2**20
"""Bytes that one file of ONNX may have, less some for what is not weights."""


class ONNXProgram:
    """An exported model.

    ``model_proto`` is the model as the package onnx has it (``onnx.ModelProto``). Called with tensors, it runs in
    onnxruntime, which has to be installed for that, and gives a tuple of tensors.

    >>> program = torch.onnx.export(torch.nn.Linear(3, 2), (torch.ones(4, 3),))  # doctest: +SKIP
    >>> [node.op_type for node in program.model_proto.graph.node]                # doctest: +SKIP
    ['Gemm']
    """

    def __init__(self, model_proto: Any) -> None:
        self.model_proto = model_proto
        self._example: Any = None
        self._model: Any = None
        self._session: Any = None

    @property
    def model(self) -> Any:
        """The same as ``model_proto``."""
        return self.model_proto

    def apply_weights(self, state_dict: Mapping[str, Tensor]) -> None:
        """Replaces the weights by those of a ``state_dict`` that have the same names. Raises `OnnxExporterError` where
        one has another shape or dtype."""
        helper = needs("onnx.numpy_helper")
        for held in self.model_proto.graph.initializer:
            tensor = state_dict.get(held.name)
            if tensor is None:
                continue
            old = helper.to_array(held)
            new = parts_of(tensor._data) if tensor._data.dtype.kind == "c" else tensor._data
            if old.shape != new.shape or old.dtype != new.dtype:
                raise OnnxExporterError(f"[apply_weights] {held.name} of shape {list(old.shape)} and {old.dtype} was "
                                        f"expected; got {list(tensor.shape)} and {tensor.dtype}")
            held.CopyFrom(helper.from_array(np.asarray(new, order="C"), held.name))
        self._session = None

    def apply_layout(self, include_initializers: bool = True, keep_initializers_as_inputs: bool = False) -> None:
        """Makes the weights inputs, instead of being kept in the model, or beside it."""
        graph, onnx = self.model_proto.graph, needs("onnx")
        if keep_initializers_as_inputs or not include_initializers:
            known = {value.name for value in graph.input}
            graph.input.extend([onnx.helper.make_tensor_value_info(held.name, held.data_type, list(held.dims))
                                for held in graph.initializer if held.name not in known])
        if not include_initializers:
            del graph.initializer[:]

    def save(self, destination: str | os.PathLike[str] | Any, *, include_initializers: bool = True,
             keep_initializers_as_inputs: bool = False, external_data: bool | None = None) -> None:
        """Writes the model to a file, given by its path or by something with ``write``.

        With ``external_data`` all weights of a kilobyte or more go to a second file, called as the first with
        ``.data`` behind it; if it is not said, that is done where one file would be too large.
        """
        onnx, proto = needs("onnx"), self.model_proto
        if not include_initializers or keep_initializers_as_inputs:
            copied = ONNXProgram(onnx.ModelProto())
            copied.model_proto.CopyFrom(proto)
            copied.apply_layout(include_initializers, keep_initializers_as_inputs)
            proto = copied.model_proto
        if hasattr(destination, "write"):
            destination.write(proto.SerializeToString())
            return
        path = os.fspath(destination)
        weights = sum(len(held.raw_data) for held in proto.graph.initializer)
        if external_data or (external_data is None and weights > LARGEST):
            kept = onnx.ModelProto()
            kept.CopyFrom(proto)
            onnx.save_model(kept, path, save_as_external_data=True, all_tensors_to_one_file=True,
                            location=os.path.basename(path) + ".data", size_threshold=1024)
        else:
            onnx.save_model(proto, path)

    # --- running ------------------------------------------------------------------------------------------------------

    def initialize_inference_session(self, initializer: Any = None) -> None:
        """Starts a session of onnxruntime; ``initializer(bytes)`` may make another one."""
        data = self.model_proto.SerializeToString()
        if initializer is None:
            self._session = needs("onnxruntime").InferenceSession(data, providers=["CPUExecutionProvider"])
        else:
            self._session = initializer(data)

    def release(self) -> None:
        """Ends the session."""
        self._session = None

    def __call__(self, *args: Any, **kwargs: Any) -> tuple[Tensor, ...]:
        """Runs the model in onnxruntime on the arguments of the model that was exported."""
        return tuple([make(np.asarray(found), None) for found in self._run(self._tensors(args, kwargs))])

    def _tensors(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> list[Tensor]:
        from .arguments import Inputs

        found = Inputs(self._model, args, kwargs).tensors
        names = self._names()
        if len(found) != len(names):
            raise OnnxExporterError(f"[ONNXProgram] {len(names)} tensors were expected, {', '.join(names)}; got "
                                    f"{len(found)}")
        return found

    def _names(self) -> list[str]:
        kept = {held.name for held in self.model_proto.graph.initializer}
        return [value.name for value in self.model_proto.graph.input if value.name not in kept]

    def _run(self, tensors: Sequence[Tensor]) -> Any:
        if self._session is None:
            self.initialize_inference_session()
        arrays = {name: np.asarray(tensor._data, order="C")
                  for name, tensor in zip(self._names(), tensors, strict=True)}
        return self._session.run(None, arrays)

    def verify(self, *, rtol: float = 1e-3, atol: float = 1e-4) -> None:
        """Checks the model by ``onnx.checker`` and compares what onnxruntime computes of the example with what wengert
        does. Raises `OnnxExporterError` where they differ."""
        from .arguments import flat_results

        needs("onnx").checker.check_model(self.model_proto, full_check=True)
        modules = list(self._model.modules()) if hasattr(self._model, "modules") else []
        modes = [module.training for module in modules]
        args, kwargs = self._example.filled(self._example.tensors)
        before, state.grad = state.grad, False
        try:
            for module in modules:
                module.training = False
            expected = [tensor._data for tensor in flat_results(self._model(*args, **kwargs))]
        finally:
            state.grad = before
            for module, mode in zip(modules, modes, strict=True):
                module.training = mode
        names = [value.name for value in self.model_proto.graph.output]
        for name, one, other in zip(names, self._run(self._example.tensors), expected, strict=True):
            if one.shape != other.shape or not np.allclose(one, other, rtol=rtol, atol=atol, equal_nan=True):
                raise OnnxExporterError(f"[verify] {name}: the same numbers were expected of onnxruntime and wengert; "
                                        "they differ")

    def __repr__(self) -> str:
        graph = self.model_proto.graph
        return f"<ONNXProgram {graph.name}: {len(graph.node)} nodes, {len(graph.initializer)} initializers>"
