"""Random programs of many functions, dtypes and layouts give what they give in PyTorch; and what they have found."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch as peer

import wengert
from tests.peer.random_programs import different, program


@pytest.mark.parametrize("first", range(0, 80, 20))
def test_random_programs(first: int) -> None:
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        found = {seed: different(program(seed)) for seed in range(first, first + 20)}
    assert not {seed: fault for seed, fault in found.items() if fault is not None}


@pytest.mark.parametrize("name, arguments", [("unsqueeze_", (0,)), ("t_", ()), ("transpose_", (0, 1)),
                                             ("squeeze_", ())])
@pytest.mark.parametrize("shape", [(3, 2), (3, 1), (1, 3)])
def test_gradients_fit_what_was_turned_where_nothing_is_recorded(name: str, arguments: tuple[int, ...],
                                                                shape: tuple[int, ...]) -> None:
    x = wengert.ones(shape, requires_grad=True)
    y, same = x * 2, wengert.arange(6.0)[:x.numel()]
    with wengert.no_grad():
        getattr(y, name)(*arguments)
    (y.flatten() * same).sum().backward()
    wanted = wengert.arange(6.0)[:x.numel()].reshape(y.shape)
    assert x.grad is not None and x.grad.shape == shape
    assert x.grad.tolist() == (2 * (wanted.t() if name in ("t_", "transpose_") else wanted).reshape(shape)).tolist()


def test_an_expanded_leaf_shares_the_gradient_of_its_memory() -> None:
    for dtype in ("float32", "float64", "complex64"):
        found = []
        for library in (peer, wengert):
            x = library.ones(3, dtype=getattr(library, dtype)).expand(2, 3).detach().requires_grad_()
            (x.as_strided((2, 2), (1, 1)) ** 2 * library.arange(4.0).reshape(2, 2)).sum().abs().backward()
            found.append(x.grad.tolist())
        assert found[0] == found[1]


def test_adjoints_of_no_dimensions() -> None:
    for library in (peer, wengert):
        z = library.tensor(1 + 2j)
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            assert [w.item() for w in (z.H, z.mH, z.adjoint(), z.mT)] == [1 - 2j, 1 - 2j, 1 - 2j, 1 + 2j]
        assert all("0-D" in str(each.message) for each in said)
        with pytest.raises(RuntimeError, match="only supported on matrices"):
            library.ones(2).adjoint()


def test_nothing_and_one_column_and_truth_values() -> None:
    for library in (peer, wengert):
        assert library.empty(0, 3, requires_grad=True).median().requires_grad
        assert not library.vander(library.ones(1, requires_grad=True)).requires_grad
        assert library.isin(element=1, test_elements=library.arange(2)).item()
        for call in (lambda L: L.ldexp(L.ones(2), L.ones(2) > 0), lambda L: L.rsub(L.ones(2) > 0, L.ones(2), alpha=2)):
            with pytest.raises(RuntimeError):
                call(library)
