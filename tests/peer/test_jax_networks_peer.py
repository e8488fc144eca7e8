"""The networks of the benchmarks that are written by name in jax compute what wengert's do, from the same numbers."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest

import wengert as torch
from benchmarks import architectures, networks

pytest.importorskip("jax")

NETWORKS = {"resnet20": networks, "separable": architectures, "bigru": architectures, "unet": architectures,
            "vit": architectures, "wavenet": architectures}


@pytest.mark.parametrize("name", NETWORKS)
def test_losses_after_some_steps(name: str) -> None:
    """The first loss is of the same weights, those after it of what the optimiser has made of them."""
    from benchmarks import with_jax

    step = getattr(NETWORKS[name], name)(torch)
    found = inspect.getclosurevars(step).nonlocals
    model, losses = found["model"], list[float]()
    found["loss_function"].register_forward_hook(lambda module, given, loss: losses.append(loss.item()))
    start = _numbers(model.named_parameters()), _numbers(
        [(key, buffer) for key, buffer in model.named_buffers() if not key.endswith("num_batches_tracked")])
    given = [found[key].numpy().copy() for key in ("inputs", "labels")]
    other = getattr(with_jax, name)(start, given)
    others = [float(other()) for _ in range(4)]
    for _ in range(4):
        step()
    # Rounding grows from step to step where batches are normalised.
    np.testing.assert_allclose(others[:2], losses[:2], rtol=2e-3)
    np.testing.assert_allclose(others, losses, rtol=2e-2)
    assert abs(losses[-1] - losses[0]) > 1e-3


@pytest.mark.parametrize("name", NETWORKS)
def test_they_start_from_as_many_numbers(name: str) -> None:
    from benchmarks import jax_architectures

    model = inspect.getclosurevars(getattr(NETWORKS[name], name)(torch)).nonlocals["model"]
    seen: dict[str, Any] = {}
    with pytest.MonkeyPatch.context() as patch:
        plain = jax_architectures._started
        patch.setattr(jax_architectures, "_started", lambda *given: seen.setdefault("start", plain(*given)))
        getattr(jax_architectures, name)()
    weights, statistics = seen["start"]
    assert {key: value.shape for key, value in weights.items()} == {
        key: tuple(value.shape) for key, value in model.named_parameters()}
    assert {key: value.shape for key, value in statistics.items()} == {
        key: tuple(value.shape) for key, value in model.named_buffers() if not key.endswith("num_batches_tracked")}


def _numbers(named: Any) -> dict[str, Any]:
    return {key: value.detach().numpy().copy() for key, value in named}


