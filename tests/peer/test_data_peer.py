"""`wengert.utils.data` against PyTorch: the same batches in the same order, the generator left at the same place."""

from __future__ import annotations

import itertools
import warnings
from collections import OrderedDict, namedtuple
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import wengert

torch = pytest.importorskip("torch")
pytest.importorskip("torch.utils.data")

LIBS = (wengert, torch)
Point = namedtuple("Point", ["x", "y"])


def plain(value: Any) -> Any:
    """Tensors as nested lists with their dtype, all else as it is, so that both sides compare."""
    if hasattr(value, "tolist") and hasattr(value, "dtype"):
        return (str(value.dtype), value.tolist())
    if isinstance(value, dict):
        return {key: plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [type(value).__name__, *(plain(entry) for entry in value)]
    return value


def rows(lib: Any, count: int) -> Any:
    return lib.utils.data.TensorDataset(lib.arange(count * 2).view(count, 2), lib.arange(count) * 10)


class Squares:
    """A dataset by duck typing."""

    def __len__(self) -> int:
        return 11

    def __getitem__(self, index: int) -> int:
        return index * index


ORDERS: list[tuple[int, dict[str, Any]]] = [
    (10, {}),
    (10, {"batch_size": 3}),
    (10, {"batch_size": 3, "drop_last": True}),
    (10, {"batch_size": 3, "shuffle": True}),
    (1, {"shuffle": True}),
    (10, {"batch_size": None}),
    (10, {"batch_size": None, "shuffle": True}),
    (2, {"batch_size": 5}),
    (70, {"batch_size": 10, "shuffle": True, "drop_last": True}),
    (10, {"batch_size": 4, "shuffle": False}),
]


@pytest.mark.parametrize("count, options", ORDERS)
@pytest.mark.parametrize("seed", [0, 1, 123])
@pytest.mark.parametrize("own", [False, True])
def test_loaders(count: int, options: dict[str, Any], seed: int, own: bool) -> None:
    seen = []
    for lib in LIBS:
        lib.manual_seed(seed)
        generator = lib.Generator().manual_seed(seed + 1) if own else None
        loader = lib.utils.data.DataLoader(rows(lib, count), generator=generator, **options)
        batches = [[plain(batch) for batch in loader] for _ in range(3)]
        seen.append((batches, len(loader), lib.rand(2).tolist(), lib.rand(2, generator=generator).tolist()))
    assert seen[0] == seen[1]


SAMPLERS: list[Callable[[Any, Any], Any]] = [
    lambda d, g: d.SequentialSampler(range(7)),
    lambda d, g: d.RandomSampler(range(7), generator=g),
    lambda d, g: d.RandomSampler(range(7), num_samples=20, generator=g),
    lambda d, g: d.RandomSampler(range(7), num_samples=14, generator=g),
    lambda d, g: d.RandomSampler(range(7), replacement=True, generator=g),
    lambda d, g: d.RandomSampler(range(7), replacement=True, num_samples=100, generator=g),
    lambda d, g: d.RandomSampler(range(7), replacement=True, num_samples=64, generator=g),
    lambda d, g: d.SubsetRandomSampler([5, 3, 8, 1], generator=g),
    lambda d, g: d.WeightedRandomSampler([0.1, 3.0, 0.0, 2.0], 9, generator=g),
    lambda d, g: d.WeightedRandomSampler([0.1, 3.0, 1.0, 2.0], 3, replacement=False, generator=g),
    lambda d, g: d.BatchSampler(d.RandomSampler(range(10), generator=g), 3, False),
    lambda d, g: d.BatchSampler(d.SequentialSampler(range(10)), 3, True),
    lambda d, g: d.BatchSampler([1, 2, 3, 4], 2, False),
]


@pytest.mark.parametrize("number", range(len(SAMPLERS)))
@pytest.mark.parametrize("own", [False, True])
def test_samplers(number: int, own: bool) -> None:
    seen = []
    for lib in LIBS:
        lib.manual_seed(3)
        generator = lib.Generator().manual_seed(4) if own else None
        sampler = SAMPLERS[number](lib.utils.data, generator)
        seen.append(
            (
                [list(sampler) for _ in range(2)],
                len(sampler),
                lib.rand(1).item(),
                lib.rand(1, generator=generator).item(),
            )
        )
    assert seen[0] == seen[1]


@pytest.mark.parametrize("lengths", [[3, 7], [10, 0], [0.3, 0.3, 0.4], [0.25, 0.75], [1.0], [0.5, 0.2]])
@pytest.mark.parametrize("own", [False, True])
def test_random_split(lengths: list[float], own: bool) -> None:
    seen: list[Any] = []
    for lib in LIBS:
        lib.manual_seed(3)
        options = {"generator": lib.Generator().manual_seed(4)} if own else {}
        try:
            parts = lib.utils.data.random_split(range(10), lengths, **options)
            seen.append(([list(part.indices) for part in parts], [list(part) for part in parts], lib.rand(1).item()))
        except ValueError as error:
            seen.append(str(error))
    assert seen[0] == seen[1]


def test_datasets() -> None:
    seen = []
    for lib in LIBS:
        data = lib.utils.data
        both = data.ConcatDataset([rows(lib, 3), rows(lib, 4)])
        subset = data.Subset(both, [6, 0, 3])
        stacked = data.StackDataset(a=Squares(), b=range(11))
        sum_of = rows(lib, 2) + rows(lib, 1)
        seen.append(
            [
                len(both),
                both.cumulative_sizes,
                [plain(both[i]) for i in (0, 2, 3, 6, -1, -7)],
                [plain(subset[i]) for i in range(3)],
                plain(subset.__getitems__([0, 2])),
                len(stacked),
                plain(stacked[3]),
                plain(data.StackDataset(Squares(), range(11))[2]),
                [plain(batch) for batch in data.DataLoader(subset, batch_size=2)],
                len(sum_of),
                [plain(batch) for batch in data.DataLoader(data.Subset(rows(lib, 5), [4, 0, 1]), batch_size=2)],
                [plain(batch) for batch in data.DataLoader(Squares(), batch_size=4)],
                plain(rows(lib, 4)[1:3]),
            ]
        )
    assert seen[0] == seen[1]


def test_datasets_side_by_side_draw_in_the_same_order() -> None:
    class Many:
        """Fetches many at once."""

        def __init__(self, lib: Any) -> None:
            self.lib = lib

        def __len__(self) -> int:
            return 6

        def __getitem__(self, index: int) -> Any:
            return index + self.lib.rand(1)

    class Lots(Many):
        def __getitems__(self, indices: list[int]) -> Any:
            return list(self.lib.rand(len(indices)))

    seen = []
    for lib in LIBS:
        lib.manual_seed(1)
        data = lib.utils.data
        stacks = data.StackDataset(Many(lib), Lots(lib), Many(lib)), data.StackDataset(a=Lots(lib), b=Many(lib))
        seen.append([plain(batch) for stack in stacks for batch in data.DataLoader(stack, 4)])
        Lots.__getitems__ = lambda self, indices: [1]  # type: ignore[assignment]
        with pytest.raises(ValueError, match="Nested dataset's output size mismatch. Expected 4, got 1"):
            list(data.DataLoader(data.StackDataset(Lots(lib)), 4))
        Lots.__getitems__ = lambda self, indices: list(self.lib.rand(len(indices)))  # type: ignore[assignment]
    assert seen[0] == seen[1]


def test_iterable_datasets() -> None:
    seen = []
    for lib in LIBS:

        class Count(lib.utils.data.IterableDataset):  # type: ignore[misc,name-defined]
            def __iter__(self) -> Any:
                return iter(range(7))

        class Measured(Count):
            def __len__(self) -> int:
                return 7

        data = lib.utils.data
        seen.append(
            [
                [plain(batch) for batch in data.DataLoader(Count(), **options)]
                for options in (
                    {},
                    {"batch_size": 3},
                    {"batch_size": 3, "drop_last": True},
                    {"batch_size": None},
                    {"batch_size": 7},
                )
            ]
            + [
                len(data.DataLoader(Measured(), batch_size=3)),
                [plain(b) for b in data.DataLoader(Count() + Count(), batch_size=5)],
            ]
        )
    assert seen[0] == seen[1]


BATCHES: list[Callable[[Any], Any]] = [
    lambda lib: [1, 2],
    lambda lib: [1.5, 2.5],
    lambda lib: [True, False],
    lambda lib: ["a", "b"],
    lambda lib: [b"a", b"b"],
    lambda lib: [lib.tensor([1.0]), lib.tensor([2.0])],
    lambda lib: [np.ones(2), np.zeros(2)],
    lambda lib: [np.float32(1), np.float32(2)],
    lambda lib: [np.int64(1), np.int64(2)],
    lambda lib: [np.array(1), np.array(2)],
    lambda lib: [(1, 2.0), (3, 4.0)],
    lambda lib: [[1, 2], [3, 4]],
    lambda lib: [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}],
    lambda lib: [Point(1, 2), Point(3, 4)],
    lambda lib: [OrderedDict(a=1), OrderedDict(a=2)],
    lambda lib: [{"a": [1, (2, 3)]}, {"a": [4, (5, 6)]}],
    lambda lib: [[1, 2], [3]],
    lambda lib: [object(), object()],
    lambda lib: [None, None],
    lambda lib: [np.array(["a"]), np.array(["b"])],
    lambda lib: [lib.ones(2), lib.ones(3)],
    lambda lib: [range(2), range(2)],
]


@pytest.mark.parametrize("number", range(len(BATCHES)))
@pytest.mark.parametrize("name", ["default_collate", "default_convert"])
def test_collation(number: int, name: str) -> None:
    seen: list[Any] = []
    for lib in LIBS:
        batch = BATCHES[number](lib)
        try:
            result = getattr(lib.utils.data, name)(batch)
            text = "object" if "object at" in repr(result) else plain(result)
            seen.append((type(result).__name__, text))
        except (TypeError, RuntimeError) as error:
            seen.append(type(error) if isinstance(error, TypeError) else RuntimeError)
    assert seen[0] == seen[1]


WRONG: list[Callable[[Any], Any]] = [
    lambda d: d.DataLoader(range(3), batch_size=0),
    lambda d: d.DataLoader(range(3), sampler=[0], shuffle=True),
    lambda d: d.DataLoader(range(3), batch_sampler=[[0]], batch_size=2),
    lambda d: d.DataLoader(range(3), batch_size=None, drop_last=True),
    lambda d: d.DataLoader(range(3), num_workers=-1),
    lambda d: d.DataLoader(range(3), timeout=-1),
    lambda d: d.DataLoader(range(3), prefetch_factor=2),
    lambda d: d.DataLoader(range(3), persistent_workers=True),
    lambda d: d.DataLoader(range(0), shuffle=True),
    lambda d: d.DataLoader(d.ChainDataset([]), shuffle=True),
    lambda d: d.DataLoader(d.ChainDataset([]), sampler=[1]),
    lambda d: d.DataLoader(d.ChainDataset([]), batch_sampler=[[1]]),
    lambda d: setattr(d.DataLoader(range(3)), "batch_size", 3),
    lambda d: d.RandomSampler(range(3), replacement=1),
    lambda d: d.RandomSampler(range(3), num_samples=0),
    lambda d: d.WeightedRandomSampler([1.0], 0),
    lambda d: d.WeightedRandomSampler([1.0], 1, replacement=1),
    lambda d: d.WeightedRandomSampler([[1.0]], 1),
    lambda d: d.BatchSampler([1], True, False),
    lambda d: d.BatchSampler([1], 2, 3),
    lambda d: d.ConcatDataset([]),
    lambda d: d.ConcatDataset([d.ChainDataset([])]),
    lambda d: d.ConcatDataset([range(3)])[-4],
    lambda d: d.StackDataset(),
    lambda d: d.StackDataset(range(3), a=range(3)),
    lambda d: d.StackDataset(range(3), range(2)),
    lambda d: d.Dataset()[0],
    lambda d: list(d.ChainDataset([range(3)])),
    lambda d: d.random_split(range(3), [1, 1]),
    lambda d: d.random_split(range(3), [-0.5, 1.5]),
]


@pytest.mark.parametrize("number", range(len(WRONG)))
def test_wrong_calls_raise_the_same(number: int) -> None:
    errors = []
    for lib in LIBS:
        with pytest.raises(Exception) as caught:  # noqa: B017
            WRONG[number](lib.utils.data)
        errors.append(caught.value)
    assert type(errors[0]) is type(errors[1])
    assert str(errors[0]).split("<")[0] == str(errors[1]).split("<")[0]


def test_tensors_of_different_lengths() -> None:
    for lib in LIBS:
        with pytest.raises(AssertionError, match="Size mismatch between tensors"):
            lib.utils.data.TensorDataset(lib.ones(3), lib.ones(2))


def test_empty_parts_warn() -> None:
    for lib in LIBS:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            lib.utils.data.random_split(range(3), [0.9, 0.1])
        assert (
            [str(entry.message) for entry in caught] == []
            if not caught
            else "Length of split at index 1 is 0" in str(caught[0].message)
        )


def test_two_iterations_at_once() -> None:
    seen = []
    for lib in LIBS:
        lib.manual_seed(5)
        loader = lib.utils.data.DataLoader(rows(lib, 6), batch_size=2, shuffle=True)
        seen.append([plain(pair) for pair in itertools.islice(zip(loader, loader, strict=True), 3)])
    assert seen[0] == seen[1]
