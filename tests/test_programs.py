"""Random programs of arithmetic, views and in-place writes, held against a purely functional interpreter."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import wengert as torch
from wengert.core.errors import InplaceError
from wengert.testing.programs import Outcome, gradients, interpret, random_program, run

# The ways in which a program can be carried out. Each takes (program) and gives its outcome.
EXECUTORS = {"eager": lambda program: gradients(torch, program)}


def assert_agrees(found: Outcome, meant: Outcome) -> None:
    assert found.refused == meant.refused
    for got, expected in zip(found.values, meant.values, strict=True):
        assert (got is None) == (expected is None)
        if got is not None:
            np.testing.assert_allclose(got, expected, atol=1e-12)
    if found.error is None:
        assert found.first == pytest.approx(meant.first, abs=1e-9)
        assert found.second == pytest.approx(meant.second, abs=1e-9)


@pytest.mark.parametrize("executor", EXECUTORS)
@given(st.integers(0, 2**32))
@settings(max_examples=400, deadline=None, derandomize=True)
def test_programs_that_save_nothing_always_differentiate(executor: str, seed: int) -> None:
    program = random_program(seed, length=14, linear=True)
    found = EXECUTORS[executor](program)
    assert found.error is None
    assert_agrees(found, interpret(program))


@pytest.mark.parametrize("executor", EXECUTORS)
@given(st.integers(0, 2**32))
@settings(max_examples=400, deadline=None, derandomize=True)
def test_programs_differentiate_rightly_or_say_what_was_overwritten(executor: str, seed: int) -> None:
    program = random_program(seed, length=14)
    found = EXECUTORS[executor](program)
    assert_agrees(found, interpret(program))
    assert found.error is None or isinstance(found.error, InplaceError)


def test_most_random_programs_run_back() -> None:
    outcomes = [gradients(torch, random_program(seed)) for seed in range(100)]
    assert sum(outcome.error is None for outcome in outcomes) > 60
    assert sum(bool(outcome.first) for outcome in outcomes) > 80


@given(st.integers(0, 2**32))
@settings(max_examples=100, deadline=None, derandomize=True)
def test_a_refused_statement_leaves_every_tensor_as_it_was(seed: int) -> None:
    def history(v: Any) -> Any:
        return v._edge if v._alias is None else v._alias.storage.edge

    def picture(variables: Any) -> list[Any]:
        return [None if v is None else (v.detach().tolist(), v._version, history(v)) for v in variables]

    last: list[Any] = []

    def after(i: int, variables: Any, refused: bool) -> None:
        now = picture(variables)
        if refused:
            for before, there in zip(last, now, strict=False):
                assert before == there
        last[:] = now

    run(torch, random_program(seed, length=14), after)
