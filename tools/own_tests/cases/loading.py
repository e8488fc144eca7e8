"""How `torch.utils.data` draws, gathers and hands over: loaders of all options, samplers, collation, workers."""

from __future__ import annotations

import collections
import itertools
import os
import warnings
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch.testing._internal.common_utils import TestCase
from torch.utils.data import (
    BatchSampler,
    ChainDataset,
    ConcatDataset,
    DataLoader,
    Dataset,
    IterableDataset,
    RandomSampler,
    Sampler,
    SequentialSampler,
    StackDataset,
    Subset,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
    default_collate,
    default_convert,
    get_worker_info,
    random_split,
)
from torch.utils.data._utils.collate import collate, default_collate_fn_map
from torch.utils.data._utils.pin_memory import pin_memory


class Pair(NamedTuple):
    """Two of anything."""

    first: Any
    second: Any


@dataclass
class Record:
    """What collation knows nothing of."""

    value: int


class Squares(Dataset):
    """The squares of the first numbers."""

    def __init__(self, count: int) -> None:
        self.count = count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, place: int) -> int:
        if not 0 <= place < self.count:
            raise IndexError(place)
        return place * place


class InBatches(Squares):
    """What is asked for a whole batch at once."""

    def __getitems__(self, places: list[int]) -> list[int]:
        return [-place for place in places]


class Stream(IterableDataset):
    """Numbers one after another, shared out among workers."""

    def __init__(self, count: int, length: int | None = None) -> None:
        self.count, self.length = count, length

    def __iter__(self) -> Any:
        info = get_worker_info()
        step = 1 if info is None else info.num_workers
        return iter(range(0 if info is None else info.id, self.count, step))


class Long(Stream):
    """A stream that says how long it is, rightly or not."""

    def __len__(self) -> int:
        return self.length or self.count


class Failing(Dataset):
    """Raises an error at a place."""

    def __init__(self, error: Any) -> None:
        self.error = error

    def __len__(self) -> int:
        return 4

    def __getitem__(self, place: int) -> int:
        if place == 2:
            raise self.error
        return place


class Needy(Exception):
    """An error that is not made of a message."""

    def __init__(self, one: int, two: int) -> None:
        super().__init__(f"{one} and {two}")


class Told(Dataset):
    """What a worker knows of itself."""

    def __len__(self) -> int:
        return 4

    def __getitem__(self, place: int) -> list[int]:
        info = get_worker_info()
        return [place, -1 if info is None else info.id, -1 if info is None else info.num_workers,
                torch.get_num_threads(), len(info.dataset) if info else -1]


class Pinned:
    """A batch that knows how it is pinned."""

    def __init__(self, values: list[Any]) -> None:
        self.values = values

    def pin_memory(self) -> Pinned:
        return self


def doubled(values: list[Any]) -> list[Any]:
    return [value * 2 for value in values]


def refusal(call: Any) -> str:
    """The classes of what a call raises, which the other library's error has to be of, or that it raises nothing."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            call()
        except Exception as error:  # noqa: BLE001 - its class is what is recorded
            kinds = [kind.__name__ for kind in type(error).__mro__ if kind.__module__ == "builtins"]
            return " ".join(["raises", *kinds])
    return "nothing"


def warned(call: Any) -> list[str]:
    """The classes of the warnings that a call gives."""
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        call()
    return sorted({each.category.__name__ for each in seen})


class TestLoading(TestCase):
    def setUp(self) -> None:
        super().setUp()
        torch.manual_seed(0)

    # --- loaders ------------------------------------------------------------------------------------------------------

    def test_sizes_of_batches(self) -> None:
        for count, size, last in itertools.product((0, 1, 5, 6), (1, 2, 3, 7, None), (False, True)):
            if size is None and last:
                continue
            loader = DataLoader(Squares(count), batch_size=size, drop_last=last)
            self.record(len(loader), list(loader), loader.batch_size, loader.drop_last)

    def test_shuffling(self) -> None:
        for size in (1, 2, None):
            loader = DataLoader(Squares(6), batch_size=size, shuffle=True)
            self.record(list(loader), list(loader), type(loader.sampler).__name__)

    def test_generators(self) -> None:
        for seed in (0, 1):
            generator = torch.Generator().manual_seed(seed)
            loader = DataLoader(Squares(6), 2, shuffle=True, generator=generator)
            self.record(list(loader), list(loader), torch.rand(1))

    def test_what_a_loader_draws(self) -> None:
        for options in ({}, {"shuffle": True}, {"num_workers": 1}, {"batch_size": None}):
            torch.manual_seed(3)
            list(DataLoader(Squares(4), **options))
            self.record(torch.rand(2))

    def test_options_that_exclude_each_other(self) -> None:
        sampler = SequentialSampler(Squares(4))
        batches = BatchSampler(sampler, 2, False)
        for options in ({"sampler": sampler, "shuffle": True}, {"batch_sampler": batches, "batch_size": 2},
                        {"batch_sampler": batches, "shuffle": True}, {"batch_sampler": batches, "sampler": sampler},
                        {"batch_sampler": batches, "drop_last": True}, {"batch_size": None, "drop_last": True},
                        {"batch_size": None, "shuffle": True}, {"num_workers": -1}, {"timeout": -1},
                        {"prefetch_factor": 2}, {"num_workers": 1, "prefetch_factor": -1}, {"batch_size": 0},
                        {"persistent_workers": True}, {"batch_size": 1.5}, {"batch_size": True}, {"batch_size": "2"},
                        {"multiprocessing_context": "fork"}, {"num_workers": 1, "multiprocessing_context": "x"},
                        {"num_workers": 1, "multiprocessing_context": 3}, {"sampler": 3}, {"batch_sampler": 3},
                        {"timeout": 1}, {"in_order": False}, {"pin_memory_device": "x"}, {"num_workers": "1"},
                        {"generator": 3, "shuffle": True}, {"collate_fn": 3}, {"worker_init_fn": 3},
                        {"shuffle": "yes"}, {"drop_last": "yes"}):
            self.record(sorted(options), refusal(lambda options=options: list(DataLoader(Squares(4), **options))))

    def test_options_of_streams(self) -> None:
        for options in ({"shuffle": True}, {"shuffle": False}, {"sampler": [0]}, {"batch_sampler": [[0]]},
                        {"drop_last": True, "batch_size": 3}, {"batch_size": None}, {"batch_size": 3}):
            self.record(sorted(options), refusal(lambda options=options: list(DataLoader(Stream(4), **options))))

    def test_options_cannot_be_set_later(self) -> None:
        loader = DataLoader(Squares(4))
        for name in ("batch_size", "batch_sampler", "sampler", "drop_last", "dataset", "persistent_workers"):
            self.record(refusal(lambda name=name: setattr(loader, name, None)))
        for name in ("num_workers", "timeout", "collate_fn", "pin_memory"):
            self.record(refusal(lambda name=name: setattr(loader, name, 0)))

    def test_lengths(self) -> None:
        for loader in (DataLoader(Long(7), 3), DataLoader(Long(7), 3, drop_last=True), DataLoader(Long(7), None)):
            self.record(len(loader), list(loader))
        self.record(refusal(lambda: len(DataLoader(Stream(7)))), refusal(lambda: len(Stream(3))))

    def test_a_wrong_length_warns(self) -> None:
        loader = DataLoader(Long(7, 2))
        len(loader)
        self.record(warned(lambda: list(loader)), warned(lambda: list(DataLoader(Long(7, 2)))))

    def test_too_many_workers_warn(self) -> None:
        self.record(warned(lambda: DataLoader(Squares(4), num_workers=1)))

    def test_other_sources(self) -> None:
        for source in ([1, 2, 3], (1, 2), "abc", np.arange(4), torch.arange(4), range(3), {0: "a", 1: "b"}, b"ab"):
            self.record(type(source).__name__, list(DataLoader(source, 2)))
        for source in (3, None, iter([1])):
            self.record(refusal(lambda source=source: list(DataLoader(source))))

    def test_batches_at_once(self) -> None:
        self.record(list(DataLoader(InBatches(5), 2)), list(DataLoader(InBatches(3), None)))
        self.record(list(DataLoader(Subset(InBatches(5), [4, 0, 2]), 2)))

    def test_own_samplers(self) -> None:
        for sampler in ([3, 1], (0, 2), range(2), iter([1, 0]), torch.tensor([2, 0]), np.array([1])):
            self.record(list(DataLoader(Squares(4), 2, sampler=sampler)))
        for sampler in ([[0, 1], [2]], [[3]], [[]], iter([[1]])):
            self.record(refusal(lambda sampler=sampler: list(DataLoader(Squares(4), batch_sampler=sampler))))

    def test_batches_of_no_kind(self) -> None:
        loader = DataLoader(Squares(4), batch_sampler=[[0, 1], [2]])
        self.record(loader.batch_size, loader.drop_last, len(loader), list(loader), loader.sampler is not None)

    def test_own_collation(self) -> None:
        self.record(list(DataLoader(Squares(4), 3, collate_fn=doubled)), list(DataLoader(Squares(3), 2,
                collate_fn=list)),
                    list(DataLoader(Squares(2), None, collate_fn=str)))

    def test_iterators(self) -> None:
        loader = DataLoader(Squares(3))
        first, second = iter(loader), iter(loader)
        self.record(next(first), next(second), next(first), first is second, iter(first) is first, len(first))
        list(first)
        self.record(refusal(lambda: next(first)) and "ended", refusal(lambda: loader[0]))

    def test_errors(self) -> None:
        for error in (ValueError("x"), KeyError("key"), StopIteration(), Needy(1, 2), IndexError(), OSError(2, "x")):
            self.record(refusal(lambda error=error: list(DataLoader(Failing(error)))))

    # --- workers ------------------------------------------------------------------------------------------------------

    def test_workers_keep_the_order(self) -> None:
        for options in ({}, {"batch_size": 3}, {"batch_size": None}, {"prefetch_factor": 1}, {"shuffle": True},
                        {"collate_fn": doubled, "batch_size": 2}, {"pin_memory": False}):
            self.record(list(DataLoader(Squares(7), num_workers=2, **options)))

    def test_workers_of_streams(self) -> None:
        for size in (None, 1, 2, 3):
            self.record(list(DataLoader(Stream(7), size, num_workers=2)))

    def test_what_workers_know(self) -> None:
        self.record(list(DataLoader(Told(), num_workers=2)), list(DataLoader(Told())), get_worker_info())

    def test_errors_of_workers(self) -> None:
        for error in (ValueError("x"), KeyError("key"), Needy(1, 2), IndexError(), OSError(2, "x")):
            self.record(refusal(lambda error=error: list(DataLoader(Failing(error), num_workers=1))))

    def test_what_errors_of_workers_say(self) -> None:
        for error in (ValueError("the reason"), KeyError("the key"), RuntimeError("it")):
            try:
                list(DataLoader(Failing(error), num_workers=1))
            except Exception as caught:  # noqa: BLE001 - its words are what is recorded
                self.record("worker process 0" in str(caught), "Original Traceback" in str(caught),
                            str(error.args[0]) in str(caught))

    def test_errors_of_setting_up(self) -> None:
        def init(number: int) -> None:
            raise ValueError(number)

        self.record(refusal(lambda: list(DataLoader(Squares(2), num_workers=1, worker_init_fn=init))))
        self.record(refusal(lambda: list(DataLoader(Squares(2), num_workers=1, collate_fn=lambda values: 1 / 0))))

    def test_workers_that_stay(self) -> None:
        loader = DataLoader(Squares(5), 2, num_workers=1, persistent_workers=True)
        self.record(list(loader), list(loader), iter(loader) is iter(loader))

    def test_seeds_of_workers(self) -> None:
        class Drawn(Squares):
            def __getitem__(self, place: int) -> Any:
                return torch.randint(0, 1000, (2,))

        generator = torch.Generator().manual_seed(5)
        self.record(list(DataLoader(Drawn(4), num_workers=2, generator=generator)))
        self.record([int(np.random.RandomState(0).randint(9))])

    def test_a_dead_worker(self) -> None:
        class Dying(Squares):
            def __getitem__(self, place: int) -> Any:
                os._exit(1)

        self.record(refusal(lambda: list(DataLoader(Dying(2), num_workers=1))))

    def test_tensors_from_workers(self) -> None:
        class Tensors(Squares):
            def __getitem__(self, place: int) -> Any:
                x = torch.full((2,), float(place))
                return {"x": x, "view": x[:1], "none": [place, "a"], "int": torch.tensor(place)}

        self.record([dict(batch) for batch in DataLoader(Tensors(3), 2, num_workers=1)])

    # --- samplers -----------------------------------------------------------------------------------------------------

    def test_random_samplers(self) -> None:
        for options in ({}, {"replacement": True}, {"num_samples": 3}, {"num_samples": 12}, {"num_samples": 40,
                "replacement":
                        True}, {"generator": torch.Generator().manual_seed(2)}):
            sampler = RandomSampler(Squares(5), **options)
            self.record(list(sampler), len(sampler), list(sampler), torch.rand(1))

    def test_wrong_random_samplers(self) -> None:
        for options in ({"num_samples": 0}, {"num_samples": -1}, {"num_samples": 1.5}, {"num_samples": True},
                {"num_samples":
                        "1"}, {"replacement": 1}, {"replacement": None}):
            self.record(refusal(lambda options=options: RandomSampler(Squares(5), **options)))
        self.record(refusal(lambda: RandomSampler(Squares(0))), refusal(lambda: list(RandomSampler(3))))

    def test_weighted_samplers(self) -> None:
        for options in ({"num_samples": 4}, {"num_samples": 3, "replacement": False}):
            sampler = WeightedRandomSampler([0.1, 0.9, 0.4, 3.0], **options)
            self.record(list(sampler), len(sampler))
        for weights, options in (([1.0], {"num_samples": 0}), ([1.0], {"num_samples": True}), ([[1.0]],
                {"num_samples": 1}),
                                 ([1.0], {"num_samples": 1, "replacement": 1}), ([1.0], {"num_samples": 2,
                                         "replacement": False}),
                                 ([-1.0], {"num_samples": 1}), ([], {"num_samples": 1})):
            self.record(refusal(lambda weights=weights, options=options: list(WeightedRandomSampler(weights,
                    **options))))

    def test_subset_samplers(self) -> None:
        sampler = SubsetRandomSampler([3, 5, 8])
        self.record(list(sampler), len(sampler), list(SubsetRandomSampler(torch.tensor([1, 2]))))

    def test_batch_samplers(self) -> None:
        for size, last in itertools.product((1, 2, 3, 9), (True, False)):
            sampler = BatchSampler(SequentialSampler(range(7)), size, last)
            self.record(list(sampler), len(sampler))
        for size, last in ((0, False), (-1, False), (True, False), (2.0, False), (2, 1), (2, None), ("2", False)):
            self.record(refusal(lambda size=size, last=last: BatchSampler(range(3), size, last)))

    def test_samplers_of_ones_own(self) -> None:
        class Own(Sampler):
            def __iter__(self) -> Any:
                return iter([2, 0])

        self.record(list(DataLoader(Squares(3), sampler=Own())), refusal(lambda: len(Own())),
                    refusal(lambda: len(DataLoader(Squares(3), sampler=Own()))), refusal(lambda: iter(Sampler())))

    # --- data sets ----------------------------------------------------------------------------------------------------

    def test_tensor_datasets(self) -> None:
        rows = TensorDataset(torch.arange(4), torch.arange(8.0).reshape(4, 2))
        self.record(len(rows), rows[1], rows[-1], rows[1:3], rows[[0, 2]], refusal(lambda: rows[4]))
        self.record(refusal(lambda: TensorDataset(torch.ones(2), torch.ones(3))), refusal(lambda: TensorDataset()),
                    refusal(lambda: TensorDataset(torch.tensor(1))))

    def test_concatenation(self) -> None:
        both = ConcatDataset([Squares(3), [7, 8]])
        self.record(len(both), [both[place] for place in range(-5, 5)], both.cumulative_sizes)
        self.record(refusal(lambda: both[5]), refusal(lambda: both[-6]), refusal(lambda: ConcatDataset([])),
                    refusal(lambda: ConcatDataset([Stream(3)])))
        self.record(list(Squares(2) + Squares(3)), type(Squares(2) + [1]).__name__)

    def test_chains(self) -> None:
        self.record(list(ChainDataset([Stream(2), Stream(3)])), list(Stream(1) + Stream(2)),
                    len(ChainDataset([Long(2), Long(3)])), refusal(lambda: list(ChainDataset([[1]]))))

    def test_stacks(self) -> None:
        self.record(StackDataset(Squares(3), [4, 5, 6])[1], StackDataset(a=Squares(2), b=[1, 2])[0],
                len(StackDataset([1])))
        for given, named in (((), {}), (([1],), {"a": [1]}), (([1], [1, 2]), {}), ((), {"a": [1], "b": []})):
            self.record(refusal(lambda given=given, named=named: StackDataset(*given, **named)))
        self.record(StackDataset(InBatches(3), [1, 2, 3]).__getitems__([0, 2]))

    def test_subsets(self) -> None:
        subset = Subset(Squares(9), [8, 1])
        self.record(len(subset), subset[0], subset[[0, 1]] if hasattr(subset, "nope") else subset.__getitems__([1, 0]),
                    refusal(lambda: subset[2]), subset.indices)

    def test_splits(self) -> None:
        for lengths in ([3, 4], [0.5, 0.5], [0.3, 0.3, 0.4], [7], [0, 7], [1.0]):
            self.record([list(part.indices) for part in random_split(range(7), lengths)])
            self.record([list(part.indices) for part in random_split(range(7), lengths,
                    torch.Generator().manual_seed(1))])
        for lengths in ([3, 3], [8], [0.5, 0.6], [-0.5, 1.5], [], ["7"], 7):
            self.record(refusal(lambda lengths=lengths: random_split(range(7), lengths)))

    def test_an_empty_split_warns(self) -> None:
        self.record(warned(lambda: random_split(range(2), [0.1, 0.9])))

    def test_plain_datasets(self) -> None:
        self.record(refusal(lambda: Dataset()[0]), refusal(lambda: len(Dataset())),
                refusal(lambda: iter(IterableDataset())))

    # --- collation ----------------------------------------------------------------------------------------------------

    def test_collated(self) -> None:
        for batch in ([1, 2], [1.5, 2.5], [1, 2.5], [True, False], ["a", "b"], [b"a", b"b"], [torch.ones(2),
                torch.zeros(2)],
                      [np.float32(1), np.float32(2)], [np.int64(1), np.int64(2)], [np.bool_(True)], [np.ones(2),
                      np.zeros(2)],
                      [np.array(1.5), np.array(2.5)], [(1, "a"), (2, "b")], [[1, 2], [3, 4]], [{"a": 1}, {"a": 2}],
                      [{"a": [1, {"b": 2.0}]}], [Pair(1, 2.0), Pair(3, 4.0)], [collections.OrderedDict(a=1, b=2)] * 2,
                      [collections.defaultdict(int, a=1)] * 2, [((1,), [2])] * 2, [torch.tensor(1), torch.tensor(2)],
                      [np.float16(1)], [np.uint8(3)], [1 + 2**40], [[], []], [(), ()], [{}, {}], [[1]], [range(2),
                      range(2)],
                      [collections.UserDict(a=1)] * 2, [np.zeros((2, 0))], [torch.ones(1, dtype=torch.bfloat16)]):
            back = default_collate(batch)
            self.record(type(back).__name__, back)

    def test_not_collated(self) -> None:
        for batch in ([None], [Record(1)], [object()], [1, "a"], [torch.ones(1), torch.ones(2)], [[1], [1, 2]],
                [(1,), (1, 2)],
                      [{"a": 1}, {"b": 1}], [np.array(["a"])], [np.array([object()])], [], [1j], [{1, 2}], [1, None],
                      [torch.ones(1), 1], [np.ones(1), np.ones(2)], [Pair(1, None)], 3, None, [lambda: 1], [1.5, "a"],
                      [{"a": 1}, 1]):
            self.record(str(type(batch[0]) if isinstance(batch, list) and batch else batch), refusal(lambda batch=batch:
                                                                                                  default_collate(batch)))

    def test_extras_of_mappings(self) -> None:
        self.record(default_collate([{"a": 1}, {"a": 2, "b": 3}]))

    def test_converted(self) -> None:
        for value in (1, 1.5, "a", b"a", None, torch.ones(1), np.ones(2), np.float32(1), np.array("a"), [np.ones(1), 2],
                      (np.ones(1),), {"a": np.ones(1)}, Pair(np.ones(1), 1), np.array(2), {"a"}, Record(1).value):
            back = default_convert(value)
            self.record(type(back).__name__, back)

    def test_own_maps_of_collation(self) -> None:
        def records(batch: list[Record], *, collate_fn_map: Any = None) -> Any:
            return torch.tensor([each.value for each in batch])

        table = {**default_collate_fn_map, Record: records}
        self.record(collate([Record(1), Record(2)], collate_fn_map=table), collate([[Record(1)], [Record(2)]],
                collate_fn_map=table))
        self.record(refusal(lambda: collate([Record(1)], collate_fn_map={})))

    def test_shared_results(self) -> None:
        x = torch.ones(2)
        back = default_collate([x])
        back.zero_()
        self.record(x)
        array = np.ones(2)
        default_convert(array).zero_()
        self.record(array.tolist())

    def test_gradients_are_kept(self) -> None:
        x = torch.ones(2, requires_grad=True)
        self.record(default_collate([x, x]).requires_grad)

    def test_pinned(self) -> None:
        own = Pinned([1])
        self.record(pin_memory("a"), pin_memory([1, "b"]), pin_memory(own) is own, pin_memory({"a": 1}),
                pin_memory((1, Pair(1, 2))))


if __name__ == "__main__":
    from torch.testing._internal.common_utils import run_tests

    run_tests()
