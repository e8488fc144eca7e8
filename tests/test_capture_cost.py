"""Recording a function costs no more than two calls of it: what it computes meanwhile is little."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import wengert as torch
from tests.training_steps import classifying_step
from wengert import nn
from wengert.ir import interpreter
from wengert.tracing import recorder, shadows


class Last(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lstm, self.head = nn.LSTM(8, 64, batch_first=True), nn.Linear(64, 4)

    def forward(self, x: Any) -> Any:
        return self.head(self.lstm(x)[0][:, -1])


def mlp() -> tuple[Any, Any]:
    return nn.Sequential(nn.Linear(32, 128), nn.GELU(), nn.Dropout(0.2), nn.Linear(128, 4)), (256, 32)


def images() -> tuple[Any, Any]:
    return nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
                         nn.Linear(8 * 225, 4)), (16, 3, 32, 32)


def transformer() -> tuple[Any, Any]:
    layer = nn.TransformerEncoderLayer(64, 2, 128, dropout=0.0, batch_first=True)
    return nn.Sequential(layer, nn.Flatten(), nn.Linear(64 * 32, 4)), (16, 32, 64)


def lstm() -> tuple[Any, Any]:
    return Last(), (64, 10, 8)


@pytest.mark.parametrize("make", [mlp, images, transformer, lstm])
def test_recording_computes_less_than_a_step(make: Callable[[], tuple[Any, Any]], monkeypatch: Any) -> None:
    """Counted in numbers that primitives give: while a training step is recorded, and where that is run by numpy."""
    model, shape = make()
    x, y = torch.randn(shape), torch.randint(0, 4, (shape[0],))
    step = torch.capture(classifying_step(model, torch.optim.AdamW(model.parameters(), lr=0.01)))
    counted = ctypes.c_int64(0)  # of which a recording knows nothing

    def counting(evaluate: Callable[..., Any]) -> Callable[..., Any]:
        def run(primitive: Any, *given: Any) -> Any:
            found = evaluate(primitive, *given)
            if primitive.kind != "view":
                counted.value += sum([part.size for part in (found if primitive.multiple else (found,))
                                      if isinstance(part, np.ndarray)])
            return found

        return run

    for module in (recorder, shadows, interpreter):
        monkeypatch.setattr(module, "evaluate", counting(module.evaluate))  # type: ignore[attr-defined]
    program = step.record(x, y)
    recorded, counted.value = counted.value, 0
    program(x, y)
    # Random numbers are drawn, indices looked at, and small arrays computed: no forward pass, nor one of pooling anew.
    assert counted.value > 10_000 and recorded < counted.value / 8, f"{recorded} of {counted.value}"
