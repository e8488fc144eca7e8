"""Sobol sequences, the same numbers as PyTorch's: all dimensions of its table, plain and scrambled."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import wengert


def both(*args: Any, **options: Any) -> list[Any]:
    return [lib.quasirandom.SobolEngine(*args, **options) for lib in (wengert, torch)]


def same(ours: Any, theirs: Any) -> None:
    np.testing.assert_array_equal(ours.numpy(), theirs.numpy())


def test_every_direction_number() -> None:
    ours, theirs = both(21201)
    same(ours.sobolstate, theirs.sobolstate)


@pytest.mark.parametrize("dimension", [1, 3, 53, 700])
@pytest.mark.parametrize("options", [{}, {"scramble": True, "seed": 7}, {"scramble": True, "seed": 123456}])
def test_points(dimension: int, options: dict[str, Any]) -> None:
    ours, theirs = both(dimension, **options)
    same(ours.sobolstate, theirs.sobolstate)
    same(ours.shift, theirs.shift)
    for step in (1, 4, 9):
        same(ours.draw(step), theirs.draw(step))
        same(ours.draw(step, dtype=wengert.float64), theirs.draw(step, dtype=torch.float64))
        ours.fast_forward(step)
        theirs.fast_forward(step)
        same(ours.quasi, theirs.quasi)
    assert ours.num_generated == theirs.num_generated and repr(ours) == repr(theirs)
    same(ours.reset().draw(5), theirs.reset().draw(5))


def test_float32_is_rounded_alike() -> None:
    ours, theirs = both(4)
    same(ours.fast_forward(2**24 + 5).draw(100), theirs.fast_forward(2**24 + 5).draw(100))


def test_errors() -> None:
    for lib in (wengert, torch):
        with pytest.raises(ValueError, match="Supported range"):
            lib.quasirandom.SobolEngine(21202)
        engine = lib.quasirandom.SobolEngine(2)
        engine.draw(3)
        with pytest.raises(ValueError, match="power of 2"):
            engine.draw_base2(2)
