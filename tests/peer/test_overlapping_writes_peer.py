"""Where what names places, or is written there, shares the memory of the target; sizes that are not given."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import pytest
import torch as peer

import wengert

NAMES = ("index_add_ index_copy_ index_fill_ index_put_ index_reduce_ put_ scatter_ scatter_add_ scatter_reduce_ "
         "masked_scatter_ masked_fill_ gather take").split()
"""The forms that write at places, and some that do not."""


def cases(library: Any, name: str, dtype: str) -> Iterator[tuple[str, str]]:
    """The outcome of a form whose operands share a part of the target's memory, lie in the same place, or are it."""
    for shared in ("part", "place", "itself", "none"):
        for kind in ("source", "places", "along", "reduced"):
            memory = library.arange(8, dtype=getattr(library, dtype)) + 1
            target, places = memory[1:5], library.tensor([0, 1, 2, 3])
            other = {"part": memory[:4], "place": memory[1:5], "itself": target, "none": memory.clone()[:4]}[shared]
            if kind == "places":
                memory.remainder_(4)
                other.remainder_(4)
            given = {"source": ((places,), other) if name == "index_put_" else (places, other),
                     "places": ((other,), target.clone()) if name == "index_put_" else (0, other, target.clone()),
                     "along": (0, places, other), "reduced": (0, places, other, "prod")}[kind]
            try:
                getattr(target, name)(*given)
                yield f"{shared}, {kind}", "written"
            except Exception as error:
                yield f"{shared}, {kind}", "refused" if "single memory location" in str(error) else "wrong"


@pytest.mark.parametrize("dtype", ["float64", "int64"])
def test_writes_at_places_refuse_operands_that_share_their_memory(dtype: str) -> None:
    different, refused = [], 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in NAMES:
            for (case, wanted), (_, found) in zip(cases(peer, name, dtype), cases(wengert, name, dtype), strict=True):
                refused += wanted == "refused"
                if wanted != found and "wrong" not in (wanted, found):
                    different.append(f"{name} ({case}): {wanted} in PyTorch, {found} here")
    assert not different and refused > 10


def test_assignment_at_places_refuses_what_shares_its_memory() -> None:
    for library in (peer, wengert):
        x = library.arange(6.0)
        with pytest.raises(RuntimeError, match="single memory location"):
            x[library.tensor([0, 1])] = x[1:3]
        x[library.tensor([0, 1])] = x[1:3].clone()
        assert x.tolist() == [1, 2, 2, 3, 4, 5]


REFUSALS = {
    "flip": lambda L, x: x.flip(), "permute": lambda L, x: x.permute(), "view": lambda L, x: x.view(),
    "reshape": lambda L, x: x.reshape(), "expand": lambda L, x: x.expand(), "repeat": lambda L, x: x.repeat(),
    "tile": lambda L, x: x.tile(), "resize_": lambda L, x: x.resize_(), "zeros": lambda L, x: L.zeros(),
    "new_ones": lambda L, x: x.new_ones(), "rand": lambda L, x: L.rand(),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_no_size_at_all_is_refused_and_an_empty_one_is_not(name: str) -> None:
    for library in (peer, wengert):
        for x in (library.tensor(1.0), library.tensor([1.0, 2.0])):
            with pytest.raises(TypeError):
                REFUSALS[name](library, x)
    x = wengert.tensor(1.0)
    for same in (x.flip(()), x.permute(()), x.view(()), x.reshape(()), x.expand(()), x.repeat(()), x.tile(())):
        assert same.shape == ()
    assert wengert.zeros(()).shape == wengert.zeros(size=()).shape == x.new_ones(()).shape == ()
