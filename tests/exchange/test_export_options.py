"""Inputs, outputs, names, sizes, modes, versions and errors of `torch.onnx.export`."""

from __future__ import annotations

import dataclasses
import io
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnx
import pytest

import wengert as torch
import wengert.nn.functional as F
from tests.exchange.models import GPT, Recurrent, ResNet20, UNet
from tests.exchange.running import assert_same, expected, ran, session
from wengert import nn
from wengert.onnx.errors import (
    OnnxExporterError,
    OnnxExporterWarning,
    SymbolicValueError,
    UnsupportedOperatorError,
)


class Of(nn.Module):
    """A module of a function."""

    def __init__(self, function: Any) -> None:
        super().__init__()
        self.function = function

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self.function(*args, **kwargs)


def agree(model: Any, example: tuple[Any, ...], others: Any = (), **options: Any) -> Any:
    """Exports, checks, runs on the example and on others, and gives the program."""
    program = torch.onnx.export(model, example, **options)
    started = session(program.model_proto)
    for args in (example, *others):
        assert_same(ran(started, args), expected(model if isinstance(model, nn.Module) else Of(model), args))
    return program


# --- inputs and outputs -----------------------------------------------------------------------------------------------


class Nested(nn.Module):
    def forward(self, pair: Any, table: Any, scale: float = 2.0, *, mask: Any = None) -> Any:
        a, b = pair
        found = a * scale + b + table["c"]
        return found if mask is None else {"found": found.masked_fill(mask, 0.0), "sum": [found.sum(), (found * 2,)]}


def test_nested_inputs_and_outputs() -> None:
    model = Nested()
    a, b, c, mask = torch.randn(2, 3), torch.randn(3), torch.randn(2, 1), torch.randn(2, 3) > 0
    program = torch.onnx.export(model, ((a, b), {"c": c}, 3.0), kwargs={"mask": mask})
    assert [each.name for each in program.model_proto.graph.input] == ["pair_0", "pair_1", "table_c", "mask"]
    assert [each.name for each in program.model_proto.graph.output] == ["output_0", "output_1", "output_2"]
    found = program((a, b), {"c": c}, 3.0, mask=mask)
    wanted = model((a, b), {"c": c}, 3.0, mask=mask)
    for one, other in zip(found, (wanted["found"], wanted["sum"][0], wanted["sum"][1][0]), strict=True):
        assert torch.allclose(one, other)


def test_a_dict_that_comes_last_is_of_keywords() -> None:
    a, b, c = torch.randn(2, 3), torch.randn(3), torch.randn(2, 1)
    program = torch.onnx.export(Nested(), ((a, b), {"c": c}, 3.0, {"mask": torch.ones(2, 3) > 0}))
    assert [each.name for each in program.model_proto.graph.input][-1] == "mask"


@dataclasses.dataclass
class Output:
    logits: Any
    hidden: Any = None


def test_a_dataclass_and_names() -> None:
    model = Of(lambda x: Output(x + 1, (x * 2, None)))
    program = torch.onnx.export(model, torch.ones(2), input_names=["first"], output_names=["logits"])
    assert [each.name for each in program.model_proto.graph.input] == ["first"]
    assert [each.name for each in program.model_proto.graph.output] == ["logits", "output_1"]


def test_dataclasses_and_namespaces_are_arguments() -> None:
    program = torch.onnx.export(Of(lambda x: x["of"].logits + x["of"].hidden.more), (
        {"of": Output(torch.ones(2), SimpleNamespace(more=torch.ones(2)))},))
    assert [each.name for each in program.model_proto.graph.input] == ["args_0_of_logits", "args_0_of_hidden_more"]
    found = program({"of": Output(torch.ones(2), SimpleNamespace(more=torch.full((2,), 3.0)))})
    assert found[0].tolist() == [4.0, 4.0]


def test_an_input_and_a_parameter_are_given_back() -> None:
    class Gives(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.ones(2))

        def forward(self, x: Any) -> Any:
            return x, self.weight, x.view(-1)[:2], x

    agree(Gives(), (torch.randn(2, 2),))


def test_a_plain_function() -> None:
    w = torch.randn(3, 2)
    program = agree(lambda x: torch.tanh(x @ w), (torch.randn(4, 3),), dynamic_axes={"x": [0]},
                    others=[(torch.randn(7, 3),)])
    assert program.model_proto.graph.input[0].type.tensor_type.shape.dim[0].dim_param == "x_dynamic_axes_1"


@pytest.mark.parametrize("value", [np.ones(2), object()])
def test_what_cannot_be_an_output(value: Any) -> None:
    with pytest.raises(OnnxExporterError, match="a model that returns tensors"):
        torch.onnx.export(Of(lambda x: (x, value)), (torch.ones(1),))


def test_what_is_no_model() -> None:
    with pytest.raises(TypeError, match="a Module, or a function of tensors, was expected; got a int"):
        torch.onnx.export(3, (torch.ones(1),))


def test_too_many_names() -> None:
    with pytest.raises(OnnxExporterError, match="names for at most 1 inputs were expected"):
        torch.onnx.export(Of(torch.exp), (torch.ones(1),), input_names=["a", "b"])
    with pytest.raises(OnnxExporterError, match="names for at most 1 outputs were expected"):
        torch.onnx.export(Of(torch.exp), (torch.ones(1),), output_names=["a", "b"])


# --- sizes ------------------------------------------------------------------------------------------------------------


def test_batch_and_steps_of_a_language_model() -> None:
    torch.manual_seed(0)
    tokens = [(torch.randint(0, 20, (batch, steps)),) for batch, steps in ((1, 5), (3, 11), (4, 1))]
    program = agree(GPT(), (torch.randint(0, 20, (2, 6)),), tokens, input_names=["tokens"],
                    dynamic_axes={"tokens": {0: "batch", 1: "steps"}})
    shape = program.model_proto.graph.output[0].type.tensor_type.shape
    assert [dim.dim_param or dim.dim_value for dim in shape.dim] == ["batch", "steps", 30]


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU, nn.RNN])
def test_batch_and_steps_of_a_recurrent_layer(kind: Any) -> None:
    others = [(torch.randint(0, 20, (batch, steps)),) for batch, steps in ((1, 3), (5, 9))]
    agree(Recurrent(kind, num_layers=2, bidirectional=True), (torch.randint(0, 20, (2, 4)),), others,
          dynamic_shapes=({0: "batch", 1: "steps"},))


def test_height_and_width_of_networks_of_convolutions() -> None:
    agree(ResNet20(), (torch.randn(2, 3, 16, 16),), [(torch.randn(1, 3, 24, 40),), (torch.randn(3, 3, 17, 19),)],
          dynamic_axes={"x": {0: "n", 2: "height", 3: "width"}})
    agree(UNet(), (torch.randn(1, 1, 16, 8),), [(torch.randn(2, 1, 24, 40),)],
          dynamic_axes={"x": {0: "n", 2: "height", 3: "width"}})


class Name:
    """As PyTorch's ``Dim``: an object with a name."""

    def __init__(self, name: str) -> None:
        self.__name__ = name


@pytest.mark.parametrize("shapes", [
    {"a": {0: "n"}, "b": {1: "n"}}, ({0: "n"}, {1: "n"}), [("n", None), (None, "n")],
    {"a": {0: Name("n")}, "b": {1: Name("n")}}, {"a": ["n", 3], "b": {0: None, 1: "n"}},
])
def test_forms_of_dynamic_shapes(shapes: Any) -> None:
    class Two(nn.Module):
        def forward(self, a: Any, b: Any) -> Any:
            return torch.matmul(b, a).sum() + a.mean(0).sum() * b.shape[1]

    agree(Two(), (torch.randn(4, 3), torch.randn(2, 4)), [(torch.randn(7, 3), torch.randn(2, 7))],
          dynamic_shapes=shapes)


def test_sizes_without_a_name_are_one_where_the_model_says_so() -> None:
    agree(Of(lambda x, y: x + y), (torch.randn(3, 2), torch.randn(3, 2)), [(torch.randn(5, 2), torch.randn(5, 2))],
          input_names=["x", "y"], dynamic_axes={"x": [0], "y": [0]})


SIZED = {
    "a view": lambda x: x.view(x.shape[0], -1),
    "a flat view": lambda x: x.reshape(x.shape[0] * x.shape[1], 4),
    "the mean of a size": lambda x: x.sum((0, 1)) / x.shape[0],
    "a variance": lambda x: x.var(0),
    "an expansion": lambda x: torch.ones(1, 1, 4).expand(x.shape[0], x.shape[1], 4) + x,
    "a range": lambda x: x + torch.arange(x.shape[1], dtype=torch.float32)[:, None],
    "a mask": lambda x: torch.tril(torch.ones(x.shape[1], x.shape[1])) @ x,
    "zeros": lambda x: torch.cat([x, torch.zeros(x.shape[0], 1, 4)], 1),
    "the last": lambda x: x[:, -1] + x[:, x.shape[1] - 1],
    "a half": lambda x: x[:, : x.shape[1] - 2],
    "padding": lambda x: F.pad(x, (1, 2, x.shape[1] - 1, 0)),
    "a write": lambda x: torch.zeros_like(x).index_fill(2, torch.tensor([1]), 5.0) + _written(x),
    "topk": lambda x: x.topk(2, 1).values.sum(),
    "a sort": lambda x: x.sort(1).values,
    "chunks": lambda x: torch.cat(x.chunk(2, -1)[::-1], -1),
    "repeat": lambda x: x.repeat(2, 1, 1),
    "an outer product": lambda x: torch.einsum("bti,bsi->bts", x, x),
    "cumsum": lambda x: x.cumsum(1),
    "flip": lambda x: x.flip(0).roll(1, 1),
    "a layer norm over a size": lambda x: F.layer_norm(x, (4,)),
    "a loss": lambda x: F.mse_loss(x, x * 2),
    "one hot": lambda x: F.one_hot(x.argmax(-1), 4),
    "a diagonal": lambda x: torch.diagonal(x @ x.transpose(1, 2), dim1=1, dim2=2),
    "attention": lambda x: F.scaled_dot_product_attention(x, x, x, is_causal=True),
    "a size as a number": lambda x: x.reshape(int(x.shape[0]) * 4, -1) * float(x.shape[1]),
    "a comparison with another size": lambda x: x + torch.zeros(x.shape[0], 1, 4).expand(x.shape),
    "arithmetic with sizes": lambda x: x * x.shape[1] + x.size(0) // 1,
}


def _written(x: Any) -> Any:
    y = x.clone()
    y[:, 0] = 1.0
    y[..., 1] += 2.0
    return y


@pytest.mark.parametrize("name", SIZED)
def test_sizes_stay_symbolic(name: str) -> None:
    others = [(torch.randn(2, 3, 4),), (torch.randn(5, 7, 4),), (torch.randn(3, 3, 4),)]
    agree(Of(SIZED[name]), (torch.randn(3, 5, 4),), others, input_names=["x"],
          dynamic_axes={"x": {0: "batch", 1: "steps"}})


def test_a_loop_over_a_size_names_itself() -> None:
    def steps(x: Any) -> Any:
        total = x[:, 0]
        for t in range(1, x.shape[1]):
            total = total * 0.5 + x[:, t]
        return total

    with pytest.raises(SymbolicValueError, match="a model that does the same for every size was expected"):
        torch.onnx.export(Of(steps), (torch.randn(2, 5),), input_names=["x"], dynamic_axes={"x": {1: "steps"}})
    agree(Of(steps), (torch.randn(2, 5),), [(torch.randn(4, 5),)], input_names=["x"], dynamic_axes={"x": {0: "n"}})


def test_a_condition_on_a_size_is_no_guess() -> None:
    with pytest.raises(SymbolicValueError, match="a size"):
        torch.onnx.export(Of(lambda x: x * 2 if x.shape[0] < 5 else x * 3), (torch.randn(4, 2),), input_names=["x"],
                          dynamic_axes={"x": {0: "n"}})


def test_bad_axes() -> None:
    for axes, words in (({"z": [0]}, "one of the inputs x was expected"),
                        ({"x": [3]}, "a dimension of x, which has 2"), ({"x": 0}, r"or \[0\] was expected; got 0")):
        with pytest.raises(OnnxExporterError, match=words):
            torch.onnx.export(Of(torch.exp), (torch.ones(2, 2),), input_names=["x"], dynamic_axes=axes)
    torch.onnx.export(Of(torch.exp), (torch.ones(2, 2),), input_names=["x"], output_names=["y"],
                      dynamic_axes={"x": [0], "y": {0: "n"}})


# --- modes, versions, options -----------------------------------------------------------------------------------------


def test_modes_are_put_back_even_after_an_error() -> None:
    model = nn.Sequential(nn.Dropout(), nn.BatchNorm1d(3)).train()
    model[1].eval()

    def look(module: Any, args: Any) -> Any:
        return (args[0] * (1 - int(module.training)) + int(torch.onnx.is_in_onnx_export()),)

    model.register_forward_pre_hook(look)
    x = torch.randn(2, 3)
    program = torch.onnx.export(model, (x,))
    assert_same(ran(session(program.model_proto), (x,)), [((x + 1) / np.sqrt(1 + 1e-5)).numpy()])
    with pytest.raises(RuntimeError):
        torch.onnx.export(model, (torch.randn(2, 4),))
    assert [module.training for module in model.modules()] == [True, True, False]
    assert not torch.onnx.is_in_onnx_export() and torch.is_grad_enabled()


def test_train_mode_leaves_writes_out_and_says_so() -> None:
    model = nn.BatchNorm1d(3).train()
    x = torch.randn(4, 3)
    with pytest.warns(OnnxExporterWarning, match="running_mean.*leaves these writes out"):
        program = torch.onnx.export(model, (x,), training=torch.onnx.TrainingMode.TRAINING)
    assert_same(ran(session(program.model_proto), (x,)), [model(x).detach().numpy()])


@pytest.mark.parametrize("opset", range(18, onnx.defs.onnx_opset_version() + 1))
def test_every_version(opset: int) -> None:
    class Each(nn.Module):
        def forward(self, x: Any) -> Any:
            y = F.gelu(x).reshape(-1, 3).softmax(1).split([1, 2], 1)
            return y[1].sum(0), x.max(1), F.pad(x, (1, 1)), x.cumsum(0), F.layer_norm(x, (3,)), x.argmax(1)

    program = torch.onnx.export(Each(), (torch.randn(2, 3),), opset_version=opset)
    onnx.checker.check_model(program.model_proto, full_check=True)
    assert program.model_proto.opset_import[0].version == opset
    x = torch.randn(2, 3)
    found = torch.onnx.load(program.model_proto)(x)
    assert torch.allclose(found[0], Each()(x)[0], atol=1e-6)
    if opset <= 24:  # onnxruntime's newest
        assert_same(ran(session(program.model_proto), (x,)), expected(Each(), (x,)))


@pytest.mark.parametrize("opset", [17, 7, 10**6, "18"])
def test_versions_that_are_not_written(opset: Any) -> None:
    with pytest.raises(OnnxExporterError, match="opset_version: a version from 18 to"):
        torch.onnx.export(Of(torch.exp), (torch.ones(1),), opset_version=opset)


def test_weights_as_inputs(tmp_path: Path) -> None:
    model, x = nn.Linear(3, 2), torch.randn(1, 3)
    for options, count in (({"export_params": False}, 0), ({"keep_initializers_as_inputs": True}, 2)):
        torch.onnx.export(model, (x,), tmp_path / "m.onnx", **options)
        proto = onnx.load(tmp_path / "m.onnx")
        assert [each.name for each in proto.graph.input] == ["input", "weight", "bias"]
        assert len(proto.graph.initializer) == count
    assert torch.onnx.export(model, (x,), io.BytesIO(), dynamo=False) is None


def test_a_program_runs_and_takes_other_weights() -> None:
    model, other, x = nn.Linear(3, 2), nn.Linear(3, 2), torch.randn(4, 3)
    program = torch.onnx.export(model, (x,), verify=True)
    assert torch.allclose(program(x)[0], model(x), atol=1e-6)
    program.apply_weights(other.state_dict())
    assert torch.allclose(program(x)[0], other(x), atol=1e-6)
    with pytest.raises(OnnxExporterError, match=r"weight of shape \[2, 3\]"):
        program.apply_weights(nn.Linear(2, 2).state_dict())
    with pytest.raises(OnnxExporterError, match="1 tensors were expected, input; got 2"):
        program(x, x)


def test_half_precision_is_computed_in_float32() -> None:
    model = nn.Sequential(nn.Linear(4, 8), nn.GELU(), nn.Linear(8, 2)).half()
    x = torch.randn(3, 4).half()
    program = torch.onnx.export(model, (x,))
    assert_same(ran(session(program.model_proto), (x,)), expected(model, (x,)), 2e-3)


def test_tied_and_viewed_weights_are_kept_once() -> None:
    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed = nn.Embedding(5, 3)
            self.head = nn.Linear(3, 5, bias=False)
            self.head.weight = self.embed.weight

        def forward(self, x: Any) -> Any:
            return self.head(self.embed(x)) + self.embed.weight[0].sum()

    program = agree(Tied(), (torch.tensor([1, 2]),))
    assert [each.name for each in program.model_proto.graph.initializer] == ["embed.weight"]


def test_layers_that_onnx_has_are_one_operator() -> None:
    def kinds(model: Any, x: Any) -> list[str]:
        graph = agree(model, (x,), input_names=["x"], dynamic_axes={"x": [0]}).model_proto.graph
        return [node.op_type for node in graph.node if node.op_type not in ("Constant", "Unsqueeze", "Gather")]

    image = torch.randn(2, 3, 8, 8)
    assert kinds(nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2)), image) == [
        "Conv", "BatchNormalization", "Relu", "MaxPool"]
    assert kinds(nn.Sequential(nn.Flatten(2), nn.BatchNorm1d(3), nn.Linear(64, 2), nn.Softmax(1)), image) == [
        "Reshape", "BatchNormalization", "Transpose", "MatMul", "Add", "Softmax"]
    assert kinds(nn.Sequential(nn.LayerNorm(8), nn.Sigmoid(), nn.ConvTranspose2d(3, 2, 2)), image) == [
        "LayerNormalization", "Sigmoid", "ConvTranspose"]
    assert "LSTM" in kinds(nn.LSTM(3, 4), torch.randn(5, 2, 3))


# --- errors -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("function", [
    lambda x: torch.linalg.inv(x), lambda x: torch.lgamma(x), lambda x: torch.fft.fft(x).tan().real,
    lambda x: x.histc(3), lambda x: torch.linalg.svd(x).S, lambda x: torch.poisson(x) + x,
])
def test_what_has_no_form_names_operation_and_line(function: Any) -> None:
    with pytest.raises(UnsupportedOperatorError, match=r"\w+ at .*test_export_options.py:\d+ has none"):
        torch.onnx.export(Of(function), (torch.eye(3),))


def test_values_that_decide_are_refused_with_their_line() -> None:
    with pytest.raises(RuntimeError, match="the value of a tensor was asked for while a function is being recorded"
                       ) as raised:
        torch.onnx.export(Of(lambda x: x * 2 if x.sum() > 0 else x), (torch.ones(3),))
    assert any(note.startswith("[onnx.export] at ") and "test_export_options.py:" in note
               for note in raised.value.__notes__)


def test_what_a_model_keeps_of_a_call_is_undone() -> None:
    class Keeps(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.calls, self.last = 0, None

        def forward(self, x: Any) -> Any:
            self.calls += 1
            self.last = x * 2
            return self.last + 1

    model = Keeps()
    agree(model, (torch.randn(3),))
    assert model.calls == 1 and model.last is not None  # of the call that it was compared with


# --- names of sizes, as `torch.export` has them -----------------------------------------------------------------------


def test_sizes_named_by_dim() -> None:
    Dim = torch.export.Dim
    n, width = Dim("n"), Dim("width", max=9)
    model = Of(lambda x, y: (x.reshape(x.shape[0] // 2, 2, -1).sum(1) + y, torch.arange(x.shape[0]), x.mean(1)))
    program = agree(model, (torch.randn(4, 3), torch.randn(2, 3)), [(torch.randn(10, 8), torch.randn(5, 8))],
                    dynamic_shapes=({0: 2 * n, 1: width}, {0: n, 1: width}))
    shapes = [[d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim]
              for value in program.model_proto.graph.input]
    assert shapes == [["2*n", "width"], ["n", "width"]]


def test_a_size_that_only_depends_on_another() -> None:
    n = torch.export.Dim("n")
    model = Of(lambda x: torch.arange((x.shape[0] - 1) // 2) + x[1::2].sum())
    program = agree(model, (torch.randn(7),), [(torch.randn(13),)], dynamic_shapes={"args_0": {0: 2 * n + 1}})
    assert program.model_proto.graph.input[0].type.tensor_type.shape.dim[0].dim_param == "2*n + 1"


def test_hints_of_dim() -> None:
    Dim = torch.export.Dim
    program = agree(nn.Linear(3, 2), (torch.randn(4, 3),), [(torch.randn(7, 3),)],
                    dynamic_shapes={"input": {0: Dim.DYNAMIC, 1: Dim.STATIC}})
    sizes = program.model_proto.graph.input[0].type.tensor_type.shape.dim
    assert sizes[0].dim_param and sizes[1].dim_value == 3
    assert torch.export.dims("a", "b", max=3)[1].max == 3


@pytest.mark.parametrize("shapes", [{"inputs": {0: "n"}}, ({0: "n"}, {0: "n"})])
def test_shapes_of_no_input(shapes: Any) -> None:
    with pytest.raises(OnnxExporterError, match="dynamic_shapes of the inputs input were expected; got also"):
        torch.onnx.export(nn.Linear(3, 2), (torch.randn(4, 3),), dynamic_shapes=shapes)


@pytest.mark.parametrize("shape, said", [
    ({0: torch.export.Dim("n", min=5)}, "a size of input from 5 to None was expected, as n says; the example has 4"),
    ({0: torch.export.Dim("n", max=3)}, "a size of input from 0 to 3 was expected, as n says; the example has 4"),
    ({0: 3 * torch.export.Dim("n")}, r"a size of 3\*n \+ 0 was expected; the example has 4"),
])
def test_sizes_that_a_dim_does_not_allow(shape: Any, said: str) -> None:
    with pytest.raises(OnnxExporterError, match=said):
        torch.onnx.export(nn.Linear(3, 2), (torch.randn(4, 3),), dynamic_shapes={"input": shape})
