"""``torch._foreach_*`` beside PyTorch's: each operation on lists, with numbers, lists and tensors; and in place."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import wengert
from wengert.compat.torch.foreach import FOREACH


def lists(library: Any) -> list[Any]:
    return [library.tensor([0.5, 0.25]), library.tensor([[0.75]])]


CALLS: dict[str, tuple[Any, ...]] = {
    **dict.fromkeys(["abs", "acos", "asin", "ceil", "cos", "exp", "floor", "log", "neg", "reciprocal", "round", "rsqrt",
                     "sigmoid", "sign", "sqrt", "tanh", "trunc", "norm", "max"], ()),
    **dict.fromkeys(["add", "sub", "mul", "div", "maximum", "minimum", "clamp_min", "clamp_max", "pow"], (0.5,)),
    "addcmul": (lists, lists, 2.0), "addcdiv": (lists, lists, 0.5), "lerp": (lists, 0.5),
}


@pytest.mark.parametrize("name", CALLS)
def test_each(name: str) -> None:
    found = []
    for library, run in ((torch, getattr(torch, f"_foreach_{name}")), (wengert, FOREACH[f"_foreach_{name}"])):
        given = [argument(library) if callable(argument) else argument for argument in CALLS[name]]
        found.append([x.tolist() for x in run(lists(library), *given)])
    for theirs, ours in zip(*found, strict=True):
        assert torch.allclose(torch.tensor(theirs), torch.tensor(ours), atol=1e-6)


@pytest.mark.parametrize("name", ["add", "mul", "div", "sub"])
def test_lists_beside_lists_and_in_place(name: str) -> None:
    found = []
    for library, table in ((torch, vars(torch)), (wengert, FOREACH)):
        x = lists(library)
        table[f"_foreach_{name}_"](x, lists(library))
        table[f"_foreach_{name}_"](x, [2.0, 3.0])
        found.append([each.tolist() for each in x])
    assert found[0] == found[1]


def test_what_is_refused() -> None:
    for library, table in ((torch, vars(torch)), (wengert, FOREACH)):
        for given in (([], 1.0), (lists(library), [1.0])):
            with pytest.raises(RuntimeError):
                table["_foreach_add"](*given)
        with pytest.raises(TypeError):
            table["_foreach_add"](library.ones(2), 1.0)
    assert wengert.return_types.max.n_fields == torch.return_types.max.n_fields == 2
    for library in (torch, wengert):
        with pytest.raises(ValueError, match="at least one operand"):
            library.einsum("i,j")
