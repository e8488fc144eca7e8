"""Models exported, checked by onnx.checker and run by onnxruntime: the numbers are wengert's, for every batch."""

from __future__ import annotations

import pytest

import wengert as torch
from tests.exchange.models import CASES
from tests.exchange.running import assert_same, expected, ran, session


@pytest.mark.parametrize("name", CASES)
def test_a_model_with_a_batch_that_varies(name: str) -> None:
    torch.manual_seed(0)
    case = CASES[name]
    model = case.make().train()
    example = case.example(3)
    program = torch.onnx.export(model, example, input_names=["x"], dynamic_axes=case.axes)
    assert all(module.training for module in model.modules())
    started = session(program.model_proto)
    assert started.get_inputs()[0].shape[0] == "batch"
    for batch in (3, 1, 6):
        args = case.example(batch)
        assert_same(ran(started, args), expected(model, args))


@pytest.mark.parametrize("name", CASES)
def test_a_model_with_sizes_as_they_are(name: str) -> None:
    torch.manual_seed(1)
    case = CASES[name]
    model, args = case.make(), case.example(2)
    started = session(torch.onnx.export(model, args).model_proto)
    assert_same(ran(started, args), expected(model, args))
