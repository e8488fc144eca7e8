"""How an exported model is checked: by onnx.checker, and by onnxruntime against wengert."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
import onnxruntime

import wengert as torch
from wengert.onnx.arguments import flat_results


def session(proto: Any) -> Any:
    onnx.checker.check_model(proto, full_check=True)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])


def ran(started: Any, args: Sequence[Any]) -> list[Any]:
    names = [each.name for each in started.get_inputs()]
    return started.run(None, {name: np.asarray(x.detach().numpy(), order="C")
                              for name, x in zip(names, args, strict=True)})


def expected(model: Any, args: Sequence[Any]) -> list[Any]:
    model.eval()
    with torch.no_grad():
        return [x.numpy() for x in flat_results(model(*args))]


def assert_same(found: Sequence[Any], wanted: Sequence[Any], tolerance: float = 2e-5) -> None:
    assert len(found) == len(wanted)
    for one, other in zip(found, wanted, strict=True):
        one, other = np.asarray(one), np.asarray(other)
        assert one.shape == other.shape
        assert one.dtype == other.dtype
        np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance)
