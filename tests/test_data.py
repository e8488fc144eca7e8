"""Datasets, samplers and the loader, without PyTorch at hand."""

from __future__ import annotations

import pickle
from collections import namedtuple
from typing import Any

import numpy as np
import pytest

import wengert
from wengert.utils import data

Point = namedtuple("Point", ["x", "y"])

# What PyTorch 2.13 gives.
GOLDEN_FIRST = [[8, 2, 6, 7], [0, 3, 9, 1], [5, 4]]
GOLDEN_SECOND = [[5, 9, 2, 7], [8, 6, 4, 0], [1, 3]]
GOLDEN_SAMPLER = [5, 0, 1, 3, 4, 2]
GOLDEN_SPLIT = [[2, 6, 1, 8, 4, 5, 0], [9, 3, 7]]


def rows(count: int) -> data.TensorDataset:
    return data.TensorDataset(wengert.arange(count * 2).view(count, 2), wengert.arange(count))


def test_batches_of_tensors() -> None:
    batches = list(data.DataLoader(rows(5), batch_size=2))
    assert [y.tolist() for _, y in batches] == [[0, 1], [2, 3], [4]]
    assert batches[1][0].tolist() == [[4, 5], [6, 7]] and isinstance(batches[0], list)
    assert len(data.DataLoader(rows(5), batch_size=2)) == 3
    assert [len(y) for _, y in data.DataLoader(rows(5), batch_size=2, drop_last=True)] == [2, 2]


def test_the_short_way_to_rows_gives_what_the_long_way_gives() -> None:
    class Plain(data.TensorDataset):
        """Not exactly a TensorDataset, so that its samples are collated one by one."""

    short, long = rows(7), Plain(*rows(7).tensors)
    for dataset, other in ((short, long), (data.Subset(short, [5, 1, 3]), data.Subset(long, [5, 1, 3]))):
        for a, b in zip(data.DataLoader(dataset, batch_size=2), data.DataLoader(other, batch_size=2), strict=True):
            assert type(a) is type(b) and all(wengert.equal(x, y) for x, y in zip(a, b, strict=True))


def test_shuffling_is_pytorchs() -> None:
    wengert.manual_seed(123)
    loader = data.DataLoader(rows(10), batch_size=4, shuffle=True)
    assert [y.tolist() for _, y in loader] == GOLDEN_FIRST
    assert [y.tolist() for _, y in loader] == GOLDEN_SECOND
    generator = wengert.Generator().manual_seed(5)
    assert list(data.RandomSampler(range(6), generator=generator)) == GOLDEN_SAMPLER
    parts = data.random_split(range(10), [7, 3], generator=wengert.Generator().manual_seed(42))
    assert [list(part.indices) for part in parts] == GOLDEN_SPLIT


def test_every_iteration_sees_every_sample() -> None:
    loader = data.DataLoader(rows(20), batch_size=3, shuffle=True)
    first, second = (sorted(int(i) for _, y in loader for i in y) for _ in range(2))
    assert first == second == list(range(20))


def test_samples_without_batches() -> None:
    assert [y.item() for _, y in data.DataLoader(rows(3), batch_size=None)] == [0, 1, 2]
    assert list(data.DataLoader([1, 2], batch_size=None)) == [1, 2]


def test_samplers() -> None:
    assert list(data.SequentialSampler("abc")) == [0, 1, 2]
    assert sorted(data.RandomSampler(range(9))) == list(range(9))
    assert len(list(data.RandomSampler(range(9), num_samples=20))) == 20
    assert set(data.RandomSampler(range(3), replacement=True, num_samples=100)) == {0, 1, 2}
    assert sorted(data.SubsetRandomSampler([4, 2])) == [2, 4]
    assert set(data.WeightedRandomSampler([0.0, 1.0], 10)) == {1}
    assert (
        list(data.BatchSampler(range(5), 2, False)) == [[0, 1], [2, 3], [4]]
        and len(data.BatchSampler(range(5), 2, False)) == 3
    )
    assert (
        list(data.BatchSampler(range(5), 2, True)) == [[0, 1], [2, 3]]
        and len(data.BatchSampler(range(5), 2, True)) == 2
    )
    batches = data.DataLoader(rows(4), batch_sampler=[[3, 0], [1]])
    assert [y.tolist() for _, y in batches] == [[3, 0], [1]] and batches.batch_size is None
    assert [y.tolist() for _, y in data.DataLoader(rows(4), sampler=[2, 2], batch_size=2)] == [[2, 2]]


def test_parts_of_several_training_processes() -> None:
    for count, options in ((10, {}), (11, {}), (11, {"drop_last": True}), (2, {"shuffle": False}), (0, {})):
        parts = [data.DistributedSampler(range(count), 4, rank, **options) for rank in range(4)]
        visited = [list(part) for part in parts]
        assert len({len(part) for part in visited}) == 1 and [len(part) for part in parts] == [*map(len, visited)]
        together = [index for part in visited for index in part]
        assert len(set(together)) == (8 if options.get("drop_last") else count)
    sampler = data.DistributedSampler(range(8), 2, 0)
    first = list(sampler)
    sampler.set_epoch(1)
    assert list(sampler) != first


def test_pinned_memory_is_announced_to_be_nothing_here() -> None:
    with pytest.warns(UserWarning, match="no accelerator is found"):
        list(data.DataLoader(rows(3), pin_memory=True))


def test_the_length_of_an_iterator() -> None:
    assert len(iter(data.DataLoader(rows(5), batch_size=2))) == 3


def test_datasets() -> None:
    both = rows(2) + rows(3)
    assert len(both) == 5 and both[3][1].item() == 1 and both[-1][1].item() == 2
    with pytest.raises(ValueError, match="absolute value of index"):
        both[-6]
    assert [y.item() for _, y in data.Subset(both, [4, 0])] == [2, 0]
    assert data.StackDataset([1, 2], "ab")[1] == (2, "b") and data.StackDataset(x=[1, 2])[0] == {"x": 1}
    with pytest.raises(AssertionError, match="Size mismatch between tensors"):
        data.TensorDataset(wengert.ones(2), wengert.ones(3))


def test_iterable_datasets() -> None:
    class Count(data.IterableDataset[int]):
        def __iter__(self) -> Any:
            return iter(range(5))

    assert [batch.tolist() for batch in data.DataLoader(Count(), batch_size=2)] == [[0, 1], [2, 3], [4]]
    assert [batch.tolist() for batch in data.DataLoader(Count(), batch_size=2, drop_last=True)] == [[0, 1], [2, 3]]
    assert [batch.tolist() for batch in data.DataLoader(Count(), batch_size=5)] == [[0, 1, 2, 3, 4]]
    assert list(data.DataLoader(Count() + Count(), batch_size=None)) == [0, 1, 2, 3, 4] * 2
    with pytest.raises(ValueError, match="expected unspecified shuffle option"):
        data.DataLoader(Count(), shuffle=True)


def test_a_wrong_length_of_an_iterable_dataset_warns() -> None:
    class Liar(data.IterableDataset[int]):
        def __iter__(self) -> Any:
            return iter(range(5))

        def __len__(self) -> int:
            return 2

    loader = data.DataLoader(Liar())
    assert len([*iter(loader)]) == 5  # list(loader) would ask for the length
    assert len(loader) == 2
    with pytest.warns(UserWarning, match="was reported to be 2"):
        list(loader)


def test_random_split_by_fractions() -> None:
    parts = data.random_split(range(11), [0.5, 0.25, 0.25])
    assert [len(part) for part in parts] == [6, 3, 2] and sorted(i for part in parts for i in part) == list(range(11))
    with pytest.warns(UserWarning, match="Length of split at index 1 is 0"):
        data.random_split(range(2), [1.0, 0.0])
    with pytest.raises(ValueError, match="Sum of input lengths"):
        data.random_split(range(3), [1, 1])


def test_collation() -> None:
    collate = data.default_collate
    assert collate([1, 2]).dtype is wengert.int64 and collate([1.5, 2.5]).dtype is wengert.float64
    assert collate([np.float32(1), np.float32(2)]).dtype is wengert.float32
    assert collate([np.ones(2), np.zeros(2)]).tolist() == [[1, 1], [0, 0]]
    assert collate(["a", "b"]) == ["a", "b"] and collate([b"a"]) == [b"a"]
    point = collate([Point(1, "a"), Point(2, "b")])
    assert isinstance(point, Point) and point.x.tolist() == [1, 2] and tuple(point.y) == ("a", "b")
    nested = collate([{"a": [1, (2, 3)]}, {"a": [4, (5, 6)]}])
    assert nested["a"][0].tolist() == [1, 4] and [t.tolist() for t in nested["a"][1]] == [[2, 5], [3, 6]]
    with pytest.raises(
        TypeError, match="batch must contain tensors, numpy arrays, numbers, dicts or lists; found <class 'object'>"
    ):
        collate([object()])
    with pytest.raises(RuntimeError, match="each element in list of batch should be of equal size"):
        collate([[1, 2], [3]])


def test_conversion_of_samples() -> None:
    converted = data.default_convert({"a": np.ones(2), "b": ["x", np.int64(3)], "c": (1, np.zeros(1))})
    assert converted["a"].tolist() == [1, 1] and converted["b"][0] == "x" and converted["b"][1].item() == 3
    assert converted["c"][0] == 1 and converted["c"][1].tolist() == [0]


def test_a_collate_function_of_ones_own() -> None:
    assert list(data.DataLoader([1, 2, 3], batch_size=2, collate_fn=sum)) == [3, 3]
    assert list(data.DataLoader(rows(3), batch_size=2, collate_fn=len)) == [2, 1]


def test_datasets_that_fetch_many_at_once() -> None:
    class Many(data.Dataset[int]):
        def __len__(self) -> int:
            return 4

        def __getitems__(self, indices: list[int]) -> list[int]:
            return [10 * index for index in indices]

    assert [batch.tolist() for batch in data.DataLoader(Many(), batch_size=3)] == [[0, 10, 20], [30]]
    assert [batch.tolist() for batch in data.DataLoader(data.Subset(Many(), [3, 1]), batch_size=2)] == [[30, 10]]


@pytest.mark.parametrize(
    "call, error, text",
    [
        (lambda: data.DataLoader(rows(3), prefetch_factor=2), ValueError, "could only be specified in multiprocessing"),
        (lambda: data.DataLoader(rows(3), persistent_workers=True), ValueError, "needs num_workers > 0"),
        (lambda: data.DataLoader(rows(3), num_workers=1, prefetch_factor=-1), ValueError, "should be non-negative"),
        (
            lambda: data.DataLoader(rows(3), num_workers=1, multiprocessing_context="no"),
            ValueError,
            "should specify a valid start method",
        ),
        (
            lambda: data.DataLoader(rows(3), num_workers=1, multiprocessing_context=3),
            TypeError,
            "should be a valid context object",
        ),
        (lambda: data.DataLoader(rows(3), multiprocessing_context="spawn"), ValueError, "but got num_workers=0"),
        (lambda: iter(data.DataLoader(rows(3), timeout=1)), AssertionError, "a timeout needs num_workers > 0"),
        (lambda: pickle.dumps(iter(data.DataLoader(rows(3)))), NotImplementedError, "cannot be pickled"),
        (lambda: data.default_collate([wengert.ones(2), 3]), TypeError, "expected Tensor as element 1"),
        (lambda: data.DistributedSampler(range(3)), ValueError, "give num_replicas and rank, or call"),
        (lambda: data.DistributedSampler(range(3), 2, 2), ValueError, "Invalid rank 2, rank should be in"),
        (lambda: data.DataLoader(rows(3), num_workers=-1), ValueError, "num_workers option should be non-negative"),
        (lambda: data.DataLoader(rows(3), batch_size=0), ValueError, "batch_size should be a positive integer value"),
        (
            lambda: data.DataLoader(rows(3), sampler=[0], shuffle=True),
            ValueError,
            "sampler option is mutually exclusive with shuffle",
        ),
        (
            lambda: data.DataLoader(rows(3), batch_sampler=[[0]], shuffle=True),
            ValueError,
            "batch_sampler option is mutually exclusive",
        ),
        (
            lambda: data.DataLoader(rows(3), batch_size=None, drop_last=True),
            ValueError,
            "batch_size=None option disables auto-batching",
        ),
        (lambda: data.RandomSampler(range(3), replacement=3), TypeError, "replacement should be a boolean value"),
        (lambda: data.RandomSampler([]), ValueError, "num_samples should be a positive integer value"),
        (
            lambda: setattr(data.DataLoader(rows(3)), "sampler", 3),
            ValueError,
            "should not be set after DataLoader is initialized",
        ),
    ],
)
def test_misuse(call: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        call()


def test_loaders_of_other_packages_change_how_they_iterate() -> None:
    """By `_get_iterator`, as torch-geometric's do, and by another order while it is not settled, as timm's."""

    class Doubled(data.DataLoader[Any]):
        def _get_iterator(self) -> Any:
            return (2 * batch for batch in super()._get_iterator())

    class Again(data.DataLoader[Any]):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            self._DataLoader__initialized = False
            self.batch_sampler = [[0], [0, 1]]
            self._DataLoader__initialized = True

    assert [batch.tolist() for batch in Doubled([1, 2, 3], 2)] == [[2, 4], [6]]
    again = Again([5, 6], 2)
    assert again._index_sampler is again.batch_sampler
    assert ([batch.tolist() for batch in again], len(again)) == ([[5], [5, 6]], 2)
    with pytest.raises(ValueError, match="should not be set after"):
        again.batch_sampler = [[1]]
