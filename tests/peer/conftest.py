"""PyTorch is the oracle of every test here, so that none may leave it changed: this looks after each file's tests."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

import pytest

collect_ignore_glob = [] if find_spec("torch") else ["test_*.py"]
"""Without PyTorch there is nothing to hold wengert against."""


def settings_of_the_oracle() -> dict[str, Any]:
    """What a test could set in PyTorch for all that come after it. A mode left on the stack (`set_default_device` puts
    one there) reroutes every function; weighted losses then leave their weights out."""
    import torch
    from torch.overrides import _get_current_function_mode_stack

    return {
        "default dtype": torch.get_default_dtype(), "function modes": _get_current_function_mode_stack(),
        "grad": torch.is_grad_enabled(), "inference": torch.is_inference_mode_enabled(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "anomalies": torch.is_anomaly_enabled(), "autocast": torch.is_autocast_enabled("cpu"),
    }


@pytest.fixture(autouse=True, scope="module")
def oracle_is_left_as_it_was(request: pytest.FixtureRequest) -> Iterator[None]:
    before = settings_of_the_oracle()
    yield
    assert settings_of_the_oracle() == before
