"""How indices become a batch: the same code in the loading process and in its workers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from ...ops import as_tensor
from .collate import default_collate
from .dataset import IterableDataset, Subset, TensorDataset


class Recipe(NamedTuple):
    """What of a `DataLoader` decides what its batches hold. ``batched``: several samples make one."""

    dataset: Any
    batched: bool
    collate_fn: Callable[[Any], Any]
    drop_last: bool

    def fetcher(self) -> Callable[[Any], Any]:
        """A function that makes a batch of what the sampler gives next, for one run through the dataset. It raises
        StopIteration where an iterable dataset has ended."""
        return _Running(self) if isinstance(self.dataset, IterableDataset) else self._from_indices

    def _from_indices(self, indices: Any) -> Any:
        """The batch of the samples at ``indices``, or the one sample where there are no batches."""
        dataset = self.dataset
        if not self.batched:
            return self.collate_fn(dataset[indices])
        if self.collate_fn is default_collate and type(indices) is list:
            rows = _rows(dataset, indices)
            if rows is not None:
                return rows
        if getattr(dataset, "__getitems__", None):
            return self.collate_fn(dataset.__getitems__(indices))
        return self.collate_fn([dataset[index] for index in indices])


class _Running:
    """A run through an iterable dataset."""

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe
        self._samples: Iterator[Any] = iter(recipe.dataset)
        self._ended = False

    def __call__(self, indices: Any) -> Any:
        if self._ended:
            raise StopIteration
        recipe = self._recipe
        if not recipe.batched:
            return recipe.collate_fn(next(self._samples))
        batch = [sample for _, sample in zip(indices, self._samples, strict=False)]
        self._ended = len(batch) < len(indices)
        if not batch or (self._ended and recipe.drop_last):
            raise StopIteration
        return recipe.collate_fn(batch)


def _rows(dataset: Any, indices: list[Any]) -> list[Any] | None:
    """The batch of a `TensorDataset` at once: each tensor's rows. None for any other dataset."""
    while type(dataset) is Subset:
        indices = [dataset.indices[index] for index in indices]
        dataset = dataset.dataset
    if type(dataset) is not TensorDataset or not all(type(index) is int for index in indices):
        return None
    chosen = as_tensor(indices)
    return [each[chosen] for each in dataset.tensors]
