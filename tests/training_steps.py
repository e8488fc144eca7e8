"""The step of training that tests of recording and compiling take: one statement of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from wengert.nn import functional as F


def classifying_step(model: Any, optimizer: Any) -> Callable[[Any, Any], Any]:
    """The function of inputs and classes that moves the model once and returns the loss before."""

    def step(x: Any, y: Any) -> Any:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss.detach()

    return step
