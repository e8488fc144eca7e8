"""Pipes over samples that come one after the other."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from ....._public import publish as _publish
from ...collate import default_collate
from .. import DataChunk, IterDataPipe, functional_datapipe
from .combinatorics import ShufflerIterDataPipe as Shuffler

__all__ = ["Batcher", "Collator", "Concater", "Filter", "IterDataPipe", "IterableWrapper", "Mapper", "Shuffler",
           "UnBatcher", "Zipper"]


class IterableWrapper(IterDataPipe):
    """The samples of any iterable; with ``deepcopy`` each loop goes over a copy of it."""

    def __init__(self, iterable: Iterable[Any], deepcopy: bool = True) -> None:
        self.iterable, self.deepcopy = iterable, deepcopy

    def __iter__(self) -> Iterator[Any]:
        yield from copy.deepcopy(self.iterable) if self.deepcopy else self.iterable

    def __len__(self) -> int:
        return len(self.iterable)  # type: ignore[arg-type]


class _Of(IterDataPipe):
    """A pipe of one other."""

    def __init__(self, datapipe: Iterable[Any]) -> None:
        self.datapipe = datapipe

    def __len__(self) -> int:
        return len(self.datapipe)  # type: ignore[arg-type]


@functional_datapipe("map")
class Mapper(_Of):
    """What ``fn`` makes of each sample; of a sample that is a sequence or a dict, of its ``input_col``, put into
    ``output_col``."""

    def __init__(self, datapipe: Iterable[Any], fn: Callable[..., Any], input_col: Any = None, output_col: Any = None
                 ) -> None:
        super().__init__(datapipe)
        if input_col is None and output_col is not None:
            raise ValueError("`output_col` must be None when `input_col` is None.")
        self.fn, self.input_col, self.output_col = fn, input_col, output_col

    def __iter__(self) -> Iterator[Any]:
        yield from map(self._made, self.datapipe)

    def _made(self, sample: Any) -> Any:
        if self.input_col is None:
            return self.fn(sample)
        several = isinstance(self.input_col, (list, tuple))
        made = self.fn(*[sample[each] for each in self.input_col]) if several else self.fn(sample[self.input_col])
        changed = dict(sample) if isinstance(sample, dict) else list(sample)
        if self.output_col == -1:
            changed.append(made)  # type: ignore[union-attr]
        else:
            changed[self.output_col if self.output_col is not None
                    else self.input_col[0] if several else self.input_col] = made
        return tuple(changed) if isinstance(sample, tuple) else changed


@functional_datapipe("filter")
class Filter(_Of):
    """The samples of which ``filter_fn`` is true."""

    def __init__(self, datapipe: Iterable[Any], filter_fn: Callable[..., bool], input_col: Any = None) -> None:
        super().__init__(datapipe)
        self.filter_fn, self.input_col = filter_fn, input_col

    def __iter__(self) -> Iterator[Any]:
        for sample in self.datapipe:
            if self.filter_fn(sample if self.input_col is None else sample[self.input_col]):
                yield sample

    def __len__(self) -> int:
        raise TypeError(f"{type(self).__name__} instance doesn't have valid length")


@functional_datapipe("batch")
class Batcher(_Of):
    """``batch_size`` samples together, each as ``wrapper_class`` makes of their list; ``drop_last`` leaves out a last
    batch that is not full."""

    def __init__(self, datapipe: Iterable[Any], batch_size: int, drop_last: bool = False,
                 wrapper_class: Callable[[list[Any]], Any] = DataChunk) -> None:
        if batch_size <= 0:
            raise AssertionError("Batch size is required to be larger than 0!")
        super().__init__(datapipe)
        self.batch_size, self.drop_last, self.wrapper_class = batch_size, drop_last, wrapper_class

    def __iter__(self) -> Iterator[Any]:
        batch: list[Any] = []
        for sample in self.datapipe:
            batch.append(sample)
            if len(batch) == self.batch_size:
                yield self.wrapper_class(batch)
                batch = []
        if batch and not self.drop_last:
            yield self.wrapper_class(batch)

    def __len__(self) -> int:
        whole, rest = divmod(super().__len__(), self.batch_size)
        return whole + (1 if rest and not self.drop_last else 0)


@functional_datapipe("unbatch")
class UnBatcher(_Of):
    """The samples of batches; ``unbatch_level`` levels of them, -1 for all."""

    def __init__(self, datapipe: Iterable[Any], unbatch_level: int = 1) -> None:
        super().__init__(datapipe)
        self.unbatch_level = unbatch_level

    def __iter__(self) -> Iterator[Any]:
        if self.unbatch_level < -1:
            raise ValueError("unbatch_level must be -1 or >= 0")
        for sample in self.datapipe:
            yield from self._parts(sample, self.unbatch_level)

    def _parts(self, sample: Any, level: int) -> Iterator[Any]:
        if level == 0 or (level == -1 and not isinstance(sample, (list, DataChunk))):
            yield sample
        elif isinstance(sample, (list, DataChunk)):
            for part in sample:
                yield from self._parts(part, level if level == -1 else level - 1)
        else:
            raise IndexError(f"unbatch_level {self.unbatch_level} exceeds the depth of the DataPipe")

    def __len__(self) -> int:
        raise TypeError(f"{type(self).__name__} instance doesn't have valid length")


@functional_datapipe("collate")
class Collator(Mapper):
    """Batches made into tensors, as `DataLoader` makes them."""

    def __init__(self, datapipe: Iterable[Any], conversion: Any = None, collate_fn: Any = None) -> None:
        super().__init__(datapipe, collate_fn or conversion or default_collate)


@functional_datapipe("concat")
class Concater(IterDataPipe):
    """Several pipes, one after the other."""

    def __init__(self, *datapipes: Iterable[Any]) -> None:
        if not datapipes:
            raise ValueError("Expected at least one DataPipe, but got nothing")
        self.datapipes = datapipes

    def __iter__(self) -> Iterator[Any]:
        for pipe in self.datapipes:
            yield from pipe

    def __len__(self) -> int:
        return sum(map(len, self.datapipes))  # type: ignore[arg-type]


@functional_datapipe("zip")
class Zipper(IterDataPipe):
    """Several pipes beside each other, as long as the shortest."""

    def __init__(self, *datapipes: Iterable[Any]) -> None:
        self.datapipes = datapipes

    def __iter__(self) -> Iterator[Any]:
        yield from zip(*self.datapipes, strict=False)

    def __len__(self) -> int:
        return min([len(pipe) for pipe in self.datapipes])  # type: ignore[arg-type]


_publish(__name__, "combinatorics")
