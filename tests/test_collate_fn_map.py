"""How samples of a user's class become a batch, and what else the data loader says of itself."""

from __future__ import annotations

from typing import Any

import pytest

import wengert as torch
from wengert.compat.torch.utils.data._utils.pin_memory import pin_memory
from wengert.utils.data import ConcatDataset, DataLoader, default_collate
from wengert.utils.data.collate import collate, default_collate_fn_map


class Pair:
    def __init__(self, x: int) -> None:
        self.x, self.pinned = x, False

    def pin_memory(self) -> Pair:
        self.pinned = True
        return self


class Tagged(torch.Tensor):
    pass


def total(batch: Any, *, collate_fn_map: Any = None) -> int:
    return sum(pair.x for pair in batch)


def test_a_class_of_the_user() -> None:
    with pytest.raises(TypeError, match="default_collate: batch must contain"):
        default_collate([Pair(1), Pair(2)])
    default_collate_fn_map[Pair] = total
    try:
        assert default_collate([Pair(1), Pair(2)]) == 3
        made = default_collate([(Pair(1), {"a": 2}), (Pair(2), {"a": 3})])
        assert made[0] == 3
        assert made[1]["a"].tolist() == [2, 3]
        assert default_collate([1.5, 2.5]).dtype is torch.float64
    finally:
        del default_collate_fn_map[Pair]
    with pytest.raises(TypeError):
        default_collate([Pair(1)])


def test_collate_with_a_map() -> None:
    joined = {torch.Tensor: lambda batch, *, collate_fn_map=None: torch.cat(batch), Pair: total}
    made = collate([(torch.tensor([1]), Pair(1)), (torch.tensor([2]), Pair(5))], collate_fn_map=joined)
    assert made[0].tolist() == [1, 2]
    assert made[1] == 6
    assert collate([torch.ones(2), torch.ones(2)]).shape == (2, 2)


def test_a_subclass_of_tensor_stays_one() -> None:
    assert type(default_collate([torch.ones(2).as_subclass(Tagged)] * 2)) is Tagged


def test_pinned_memory() -> None:
    pair, x = Pair(1), torch.ones(2)
    made = pin_memory({"a": [pair, x, "word", 3], "b": (pair,)})
    assert pair.pinned
    assert made["a"][1] is x
    assert made["a"][2:] == ["word", 3]
    assert type(made["b"]) is tuple


def test_what_a_loader_and_a_dataset_say() -> None:
    assert DataLoader(range(4))._auto_collation
    assert not DataLoader(range(4), batch_size=None)._auto_collation
    data = ConcatDataset([range(2), range(3)])
    assert ConcatDataset.cumsum([range(2), range(3)]) == data.cumulative_sizes == [2, 5]
    with pytest.warns(DeprecationWarning, match="renamed"):
        assert data.cummulative_sizes == [2, 5]
