"""Views and in-place writes, held against PyTorch: the matrix, and random programs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import wengert
from wengert.testing.programs import Outcome, gradients, interpret, random_program, run
from wengert.testing.views import MATRIX

torch = pytest.importorskip("torch")

# Where PyTorch does otherwise, and why we do not follow: it refuses operands that overlap their target in part, and
# cannot run back where the operand is the target. The law gives both a meaning.
DIFFERENT = ("write by itself", "write by own view", "view written by base's view")


def assert_same(ours: Outcome, theirs: Outcome) -> None:
    assert ours.refused == theirs.refused
    for got, expected in zip(ours.values, theirs.values, strict=True):
        assert (got is None) == (expected is None)
        if got is not None:
            np.testing.assert_allclose(got, expected, atol=1e-12)
    if theirs.error is None:
        assert ours.error is None
        assert ours.first == pytest.approx(theirs.first, abs=1e-9)
        assert ours.second == pytest.approx(theirs.second, abs=1e-9)


@pytest.mark.parametrize("name", [name for name in MATRIX if name not in DIFFERENT])
def test_matrix(name: str) -> None:
    ours, theirs = gradients(wengert, MATRIX[name]), gradients(torch, MATRIX[name])
    assert_same(ours, theirs)
    assert (ours.error is None) == (theirs.error is None)


@pytest.mark.parametrize("name", DIFFERENT)
def test_the_differences_are_still_there(name: str) -> None:
    ours, theirs = gradients(wengert, MATRIX[name]), gradients(torch, MATRIX[name])
    assert ours.error is None and not ours.refused
    assert theirs.error is not None or theirs.refused


def tamed(program: Any) -> Any:
    """A program without what PyTorch treats in ways of its own: views made under no_grad, which say that they require
    grad and have no grad_fn; a leaf that has views and is then written under no_grad or through a detached twin, after
    which the gradients of those views get lost; zero_ of an expanded tensor, which it lets pass, unlike other
    writes."""
    lines = [line._replace(grad=True) for line in program]
    lines = [line._replace(kind="compute", what="twice") if line.kind == "detach" else line for line in lines]
    return [line._replace(what="twice_") if line.what == "zero_" else line for line in lines]



def overlaps(program: Any) -> bool:
    """Whether an operand shares its target's memory, which PyTorch refuses or leaves undefined."""
    variables, _, _ = run(torch, program)
    memory = [None if v is None else v.untyped_storage().data_ptr() for v in variables]
    return any(
        line.kind == "write" and len(line.operands) == 2 and memory[line.operands[0]] == memory[line.operands[1]]
        for line in program
    )


def test_random_programs() -> None:
    compared = 0
    for seed in range(500):
        program = tamed(random_program(seed, length=12))
        if overlaps(program):
            continue
        ours, theirs = gradients(wengert, program), gradients(torch, program)
        assert_same(ours, theirs)
        compared += theirs.error is None
        if theirs.error is not None and ours.error is None:
            meant = interpret(program)
            assert ours.first == pytest.approx(meant.first, abs=1e-9)
    assert compared > 150
