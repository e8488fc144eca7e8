"""Generators of random numbers that a compiled function makes itself: with a seed they draw the same at every call."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import wengert as torch
from wengert.core.errors import TraceError

X = torch.arange(4.0)
SEED, NOTHING = 5, None
OLD = torch.Generator()


def of_numpy(x: Any) -> Any:
    return x + torch.from_numpy(np.random.RandomState(3).rand(4))


def of_a_seed_by_name(x: Any) -> Any:
    return x + torch.from_numpy(np.random.RandomState(seed=SEED).standard_normal(4))


def of_computed_seeds(x: Any) -> Any:
    return torch.stack([x + torch.from_numpy(np.random.RandomState(i + 1).rand(4)) for i in range(3)])


def of_a_new_numpy_generator(x: Any) -> Any:
    return x + torch.from_numpy(np.random.default_rng(3).random(4))


def of_python(x: Any) -> Any:
    order = [0, 1, 2, 3]
    source = random.Random(7)
    source.shuffle(order)
    return x[order] + source.gauss(0, 1)


def of_a_state(x: Any) -> Any:
    source = random.Random(1)
    source.setstate(random.Random(7).getstate())
    return x + source.random()


def of_a_generator(x: Any) -> Any:
    source = torch.Generator().manual_seed(3)
    drawn = torch.randn(4, generator=source)
    drawn += x
    return drawn * torch.empty(4).uniform_(generator=source) + torch.randperm(4, generator=source)


def of_a_generator_as_it_begins(x: Any) -> Any:
    return x + torch.randint(0, 9, (4,), generator=torch.Generator())


def of_one_that_was_there(x: Any) -> Any:
    return x + torch.rand(4, generator=OLD)


@pytest.mark.parametrize("function", [
    of_numpy, of_a_seed_by_name, of_computed_seeds, of_a_new_numpy_generator, of_python, of_a_state, of_a_generator,
    of_a_generator_as_it_begins, of_one_that_was_there])
def test_what_has_a_seed_draws_as_in_eager_mode(function: Callable[[Any], Any]) -> None:
    found = []
    for run in (function, torch.compile(function, fullgraph=True)):
        OLD.manual_seed(1)
        found.append([*[run(X) for _ in range(3)], OLD.get_state(), torch.get_rng_state()])
    assert all(torch.equal(one, other) for one, other in zip(*found, strict=True))


def by_nothing(x: Any) -> Any:
    return x + torch.from_numpy(np.random.RandomState(NOTHING).rand(4))


def by_no_argument(x: Any) -> Any:
    return x + torch.from_numpy(np.random.RandomState().rand(4))


def by_pythons_chance(x: Any) -> Any:
    return x + random.Random().random()


def by_the_system(x: Any) -> Any:
    return x + random.SystemRandom().random()


def by_chance(x: Any) -> Any:
    source = torch.Generator()
    source.seed()
    return x + torch.rand(4, generator=source)


def by_the_one_of_all(x: Any) -> Any:
    random.seed(3)
    return x + random.random()


@pytest.mark.parametrize("function", [
    by_nothing, by_no_argument, by_pythons_chance, by_the_system, by_chance, by_the_one_of_all])
def test_what_begins_by_chance_is_refused(function: Callable[[Any], Any]) -> None:
    with pytest.raises(TraceError, match="pass the"):
        torch.compile(function, fullgraph=True)(X)


def test_another_seed_is_another_recording() -> None:
    global SEED
    run = torch.compile(of_a_seed_by_name, fullgraph=True)
    first = run(X)
    try:
        SEED = 6
        assert torch.equal(run(X), of_a_seed_by_name(X)) and not torch.equal(run(X), first)
    finally:
        SEED = 5
