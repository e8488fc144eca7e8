"""Sobol sequences: how evenly they fill the cube, and how an engine moves on."""

from __future__ import annotations

import numpy as np
import pytest

import wengert as torch
from wengert.quasirandom import SobolEngine, direction_numbers


@pytest.mark.parametrize("scramble", [False, True])
@pytest.mark.parametrize("dimension", [1, 2, 40, 1200])
def test_every_interval_gets_one_point(dimension: int, scramble: bool) -> None:
    points = SobolEngine(dimension, scramble=scramble, seed=3).draw(64, dtype=torch.float64).numpy()
    cells = np.sort(np.floor(points * 64).astype(int), axis=0)
    assert (cells == np.arange(64)[:, None]).all()


def test_the_first_points_are_known() -> None:
    assert SobolEngine(3).draw(4).tolist() == [[0, 0, 0], [0.5, 0.5, 0.5], [0.75, 0.25, 0.25], [0.25, 0.75, 0.75]]


def test_all_direction_numbers_are_of_the_table() -> None:
    numbers = direction_numbers(SobolEngine.MAXDIM, 30)
    places = np.arange(29, -1, -1)
    odd = numbers >> places
    assert numbers.shape == (21201, 30) and (odd % 2 == 1).all() and (odd < 2 ** np.arange(1, 31)).all()
    assert len(np.unique(numbers, axis=0)) == 21201
    assert (direction_numbers(5, 30) == numbers[:5]).all()


def test_drawing_in_pieces_and_passing_over_gives_the_same_points() -> None:
    whole = SobolEngine(5, scramble=True, seed=1).draw(20)
    engine = SobolEngine(5, scramble=True, seed=1)
    pieces = [engine.draw(n) for n in (1, 3, 0, 6)]
    engine.fast_forward(4)
    pieces += [whole[10:14], engine.draw(6)]
    assert torch.equal(torch.cat(pieces), whole)
    assert engine.num_generated == 20
    assert torch.equal(engine.reset().draw(20), whole)
    assert torch.equal(SobolEngine(5).fast_forward(7).draw(2), SobolEngine(5).draw(9)[7:])


def test_forms_of_drawing() -> None:
    engine = SobolEngine(2)
    out = torch.empty(0)
    assert engine.draw(2, out=out) is out and out.shape == (2, 2)
    assert engine.draw(2, dtype=torch.float64).dtype is torch.float64
    assert engine.draw_base2(2).shape == (4, 2)
    with pytest.raises(ValueError, match="power of 2"):
        engine.draw_base2(4)
    assert repr(SobolEngine(2, scramble=True, seed=4)) == "SobolEngine(dimension=2, scramble=True, seed=4)"
    assert not torch.equal(SobolEngine(2, scramble=True).draw(3), SobolEngine(2, scramble=True).draw(3))


@pytest.mark.parametrize("dimension", [0, -1, 21202])
def test_dimensions_that_there_are_not(dimension: int) -> None:
    with pytest.raises(ValueError, match="Supported range of dimensionality"):
        SobolEngine(dimension)


def test_numbers_that_are_none_are_refused() -> None:
    for call in (lambda: SobolEngine("2"), lambda: SobolEngine(2).draw("a"), lambda: SobolEngine(2).fast_forward(None)):
        with pytest.raises(TypeError):
            call()
    for wrong in (lambda: SobolEngine(2).draw(-1), lambda: SobolEngine(2).fast_forward(-1),
                  lambda: SobolEngine(2).fast_forward(2**30).draw(1)):
        with pytest.raises(ValueError):
            wrong()
