"""ONNX models as modules: the ONNX project's own tests of nodes, round trips, training, subgraphs, bad files."""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import wengert as torch
import wengert.nn.functional as F
from tests.exchange.models import CASES
from tests.exchange.running import assert_same, expected, ran, session
from tools import onnx_operators
from wengert import nn
from wengert.onnx.arguments import flat_results
from wengert.onnx.errors import OnnxExporterError, UnsupportedOperatorError

FLOAT, INT64, BOOL = TensorProto.FLOAT, TensorProto.INT64, TensorProto.BOOL


def info(name: str, kind: int = FLOAT, shape: Any = None) -> Any:
    return helper.make_tensor_value_info(name, kind, shape)


def model(nodes: list[Any], inputs: list[Any], outputs: list[Any], opset: int = 18, **initializers: Any) -> Any:
    held = [numpy_helper.from_array(np.asarray(value), name) for name, value in initializers.items()]
    graph = helper.make_graph(nodes, "made", inputs, outputs, held)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])


# --- the ONNX project's own tests -------------------------------------------------------------------------------------


def test_the_operators_of_the_onnx_project() -> None:
    """The page says what passes; nothing that passed may fail, and the share is asked for."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        results = onnx_operators.results()
    passing, failing = onnx_operators.summary(results)
    assert len(passing) >= 0.9 * (len(passing) + len(failing))
    assert onnx_operators.page(results) == onnx_operators.PAGE.read_text("utf-8")


# --- round trips ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CASES)
def test_a_round_trip(name: str) -> None:
    """Exported and loaded, a model has the same parameters, numbers and gradients, also for another batch."""
    torch.manual_seed(2)
    case = CASES[name]
    first, example = case.make().eval(), case.example(2)
    program = torch.onnx.export(first, example, input_names=["x"], dynamic_axes=case.axes)
    second = torch.onnx.load(program.model_proto)
    # An integer of the state is a count of batches, which eval mode does not read.
    state = {key: value for key, value in first.state_dict().items() if value.dtype is not torch.int64}
    found = second.state_dict()
    assert {key for key, _ in first.named_parameters()} == {key for key, _ in second.named_parameters()}
    for key, value in state.items():
        assert torch.equal(found[key], value)
    for batch in (2, 3):
        args = case.example(batch)
        one, other = list(flat_results(first(*args))), list(flat_results(second(*args)))
        assert_same([x.detach().numpy() for x in other], [x.detach().numpy() for x in one])
        for results, of in ((one, first), (other, second)):
            of.zero_grad()
            sum((x * x).sum() for x in results).backward()
        wanted = dict(first.named_parameters())
        for key, parameter in second.named_parameters():
            np.testing.assert_allclose(parameter.grad.numpy(), wanted[key].grad.numpy(), rtol=2e-4, atol=2e-5)


@pytest.mark.parametrize("name", ["mlp", "cnn", "vit", "unet"])
def test_a_loaded_model_is_exported_again(name: str) -> None:
    torch.manual_seed(3)
    case = CASES[name]
    once = torch.onnx.export(case.make(), case.example(2), input_names=["x"], dynamic_axes=case.axes)
    loaded = torch.onnx.load(once.model_proto)
    twice = torch.onnx.export(loaded, case.example(2), input_names=["x"], dynamic_axes=case.axes)
    args = case.example(3)
    assert_same(ran(session(twice.model_proto), args), expected(loaded, args))


def test_a_loaded_model_trains_and_compiles() -> None:
    torch.manual_seed(4)
    loaded = torch.onnx.load(torch.onnx.export(CASES["mlp"].make(), CASES["mlp"].example(2), input_names=["x"],
                                               dynamic_axes={"x": {0: "batch"}}).model_proto).train()
    x, y = torch.randn(32, 6), torch.randint(0, 3, (32,))
    optimizer = torch.optim.Adam(loaded.parameters(), 0.05)
    losses = []
    for _ in range(40):
        optimizer.zero_grad()
        loss = F.cross_entropy(loaded(x), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.2 * losses[0]
    assert torch.allclose(torch.compile(loaded)(x), loaded(x), atol=1e-5)


# --- what becomes of initializers, inputs and outputs -----------------------------------------------------------------


def test_floating_initializers_are_parameters_and_settings_are_buffers() -> None:
    proto = model([helper.make_node("MatMul", ["x", "w"], ["y"]),
                   helper.make_node("Clip", ["y", "low"], ["z"]),
                   helper.make_node("Reshape", ["z", "shape"], ["out"])],
                  [info("x")], [info("out")], w=np.eye(2, dtype=np.float32), low=np.float32(0.5),
                  shape=np.array([-1], np.int64))
    loaded = torch.onnx.load(proto)
    assert [name for name, _ in loaded.named_parameters()] == ["w"]
    assert {name for name, _ in loaded.named_buffers()} == {"low", "shape"}
    assert loaded(torch.tensor([[0.0, 2.0]])).tolist() == [0.5, 2.0]
    assert loaded(x=torch.tensor([[0.0, 2.0]])).tolist() == [0.5, 2.0]


def test_inputs_that_are_missing_or_unknown_are_named() -> None:
    loaded = torch.onnx.load(model([helper.make_node("Add", ["a", "b"], ["y"])], [info("a"), info("b")], [info("y")]))
    with pytest.raises(TypeError, match="missing: b"):
        loaded(torch.ones(1))
    with pytest.raises(TypeError, match="got 1 by place and c"):
        loaded(torch.ones(1), c=torch.ones(1))


def test_an_input_with_an_initializer_may_be_replaced() -> None:
    proto = model([helper.make_node("Add", ["a", "b"], ["y"])], [info("a"), info("b")], [info("y")],
                  b=np.array([1.0], np.float32))
    loaded = torch.onnx.load(proto)
    assert loaded.input_names == ["a"]
    assert loaded(torch.ones(1)).item() == 2.0
    assert loaded(torch.ones(1), b=torch.tensor([5.0])).item() == 6.0


@pytest.mark.parametrize("name", ["layer", "layer.weight", ".", "a..b", "weight", "forward.x", "x/y::z"])
def test_any_name_of_an_initializer(name: str) -> None:
    held = {name: np.ones(2, np.float32), "layer.weight.inner": np.ones(2, np.float32)}
    proto = model([helper.make_node("Add", ["x", name], ["y"]), helper.make_node("Add", ["y", "layer.weight.inner"],
                                                                                ["z"])],
                  [info("x")], [info("z")], **held)
    loaded = torch.onnx.load(proto)
    assert loaded(torch.ones(2)).tolist() == [3.0, 3.0]
    assert len(list(loaded.parameters())) == 2


# --- subgraphs and functions ------------------------------------------------------------------------------------------


def test_if_sees_what_lies_around_it_and_is_differentiated() -> None:
    then = helper.make_graph([helper.make_node("Mul", ["x", "w"], ["t"])], "then", [], [info("t")])
    other = helper.make_graph([helper.make_node("Sub", ["x", "w"], ["e"])], "else", [], [info("e")])
    proto = model([helper.make_node("If", ["c"], ["y"], then_branch=then, else_branch=other)],
                  [info("c", BOOL), info("x")], [info("y")], w=np.array([3.0], np.float32))
    loaded = torch.onnx.load(proto)
    x = torch.tensor([2.0], requires_grad=True)
    loaded(torch.tensor(True), x).backward()
    assert x.grad.item() == 3.0 and next(loaded.parameters()).grad.item() == 2.0
    assert loaded(torch.tensor(False), x).item() == -1.0


def test_loop_is_differentiated_through_its_steps() -> None:
    body = helper.make_graph(
        [helper.make_node("Mul", ["v", "w"], ["next"]), helper.make_node("Identity", ["go"], ["goes"]),
         helper.make_node("Identity", ["next"], ["seen"])], "body",
        [info("i", INT64, []), info("go", BOOL, []), info("v")], [info("goes", BOOL), info("next"), info("seen")])
    proto = model([helper.make_node("Loop", ["n", "", "x"], ["last", "all"], body=body)],
                  [info("n", INT64, []), info("x")], [info("last"), info("all")], w=np.array([2.0], np.float32))
    loaded = torch.onnx.load(proto)
    last, every = loaded(torch.tensor(3), torch.tensor([1.0]))
    assert last.item() == 8.0 and every.reshape(-1).tolist() == [2.0, 4.0, 8.0]
    last.sum().backward()
    assert next(loaded.parameters()).grad.item() == 12.0


def test_scan_sums_along_an_axis() -> None:
    body = helper.make_graph([helper.make_node("Add", ["s", "v"], ["new"]), helper.make_node("Identity", ["new"],
                                                                                            ["out"])],
                             "body", [info("s"), info("v")], [info("new"), info("out")])
    proto = model([helper.make_node("Scan", ["s0", "xs"], ["s", "ys"], body=body, num_scan_inputs=1)],
                  [info("s0"), info("xs")], [info("s"), info("ys")])
    last, every = torch.onnx.load(proto)(torch.zeros(1), torch.tensor([[1.0], [2.0], [3.0]]))
    assert last.item() == 6.0 and every.reshape(-1).tolist() == [1.0, 3.0, 6.0]


def test_a_function_of_the_models_own() -> None:
    opset = [helper.make_opsetid("", 18)]
    function = helper.make_function("mine", "Scaled", ["a"], ["b"],
                                    [helper.make_node("LeakyRelu", ["a"], ["b"])], opset, attributes=["alpha"])
    function.node[0].attribute.append(onnx.AttributeProto(name="alpha", ref_attr_name="alpha",
                                                          type=onnx.AttributeProto.FLOAT))
    graph = helper.make_graph([helper.make_node("Scaled", ["x"], ["y"], domain="mine", alpha=0.5)], "g", [info("x")],
                              [info("y")])
    proto = helper.make_model(graph, opset_imports=[*opset, helper.make_opsetid("mine", 1)], functions=[function])
    assert torch.onnx.load(proto)(torch.tensor([-2.0, 2.0])).tolist() == [-1.0, 2.0]


@pytest.mark.parametrize("opset", [6, 9, 11, 13, 18, 21])
def test_softmax_of_every_version(opset: int) -> None:
    """Until 12 it took all dimensions from the axis on for one."""
    loaded = torch.onnx.load(model([helper.make_node("Softmax", ["x"], ["y"], axis=1)], [info("x")], [info("y")],
                                   opset))
    x = torch.randn(2, 3, 4)
    wanted = torch.softmax(x, 1) if opset >= 13 else torch.softmax(x.reshape(2, 12), 1).reshape(2, 3, 4)
    assert torch.allclose(loaded(x), wanted)


# --- files ------------------------------------------------------------------------------------------------------------


def test_weights_in_a_file_beside_it(tmp_path: Path) -> None:
    torch.manual_seed(5)
    first = nn.Linear(40, 30)
    program = torch.onnx.export(first, (torch.ones(1, 40),))
    program.save(tmp_path / "m.onnx", external_data=True)
    assert (tmp_path / "m.onnx.data").stat().st_size >= 4800 > (tmp_path / "m.onnx").stat().st_size
    x = torch.randn(1, 40)
    assert torch.allclose(torch.onnx.load(tmp_path / "m.onnx")(x), first(x))
    (tmp_path / "m.onnx.data").unlink()
    with pytest.raises(OnnxExporterError, match=r"the weights of weight were expected in a file beside the model's"):
        torch.onnx.load(tmp_path / "m.onnx")


def test_sources_of_a_model(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    program = torch.onnx.export(nn.Linear(2, 2), (torch.ones(1, 2),), path)
    data = path.read_bytes()
    x = torch.ones(1, 2)
    wanted = torch.onnx.load(path)(x)
    for source in (str(path), data, io.BytesIO(data), program.model_proto):
        assert torch.equal(torch.onnx.load(source)(x), wanted)


def test_what_is_no_model_says_so(tmp_path: Path) -> None:
    data = torch.onnx.export(nn.Linear(20, 20), (torch.ones(1, 20),)).model_proto.SerializeToString()
    for bad in (b"not a model, but some words", data[: len(data) // 2], b"\xff" * 100):
        with pytest.raises(OnnxExporterError, match=r"^\[onnx.load\] an ONNX model was expected"):
            torch.onnx.load(bad)
    with pytest.raises(OnnxExporterError, match="without a graph"):
        torch.onnx.load(b"")
    with pytest.raises(FileNotFoundError):
        torch.onnx.load(tmp_path / "absent.onnx")
    with pytest.raises(TypeError, match=r"a path, bytes, a file or a ModelProto was expected; got a int"):
        torch.onnx.load(3)


def test_unknown_operators_are_named_before_anything_runs() -> None:
    proto = model([helper.make_node("Wonder", ["x"], ["y"]), helper.make_node("Fused", ["y"], ["z"], domain="com.else"),
                   helper.make_node("Relu", ["z"], ["out"])], [info("x")], [info("out")])
    with pytest.raises(UnsupportedOperatorError, match="got Wonder, com.else.Fused, of version 18"):
        torch.onnx.load(proto)


def test_a_weight_of_too_few_bytes_is_named() -> None:
    proto = model([helper.make_node("Add", ["x", "w"], ["y"])], [info("x")], [info("y")],
                  w=np.ones(4, np.float32))
    proto.graph.initializer[0].raw_data = b"\0" * 7
    with pytest.raises(OnnxExporterError, match="as many elements as w has were expected"):
        torch.onnx.load(proto)


def test_a_value_that_nothing_gives_is_named() -> None:
    proto = model([helper.make_node("Add", ["x", "nobody"], ["y"])], [info("x")], [info("y")])
    with pytest.raises(OnnxExporterError, match="'nobody', which nothing gives"):
        torch.onnx.load(proto)(torch.ones(1))
