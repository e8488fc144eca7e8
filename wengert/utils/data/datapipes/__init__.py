"""``torch.utils.data.datapipes``: iterable datasets made one from another by methods, which PyTorch has deprecated.

A pipe is an `IterableDataset`; `functional_datapipe` gives a class of pipes a name under which every pipe makes one of
itself: ``pipe.batch(4)`` is ``Batcher(pipe, 4)``. Pipes over indices (`MapDataPipe`) are datasets likewise.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

from ...._public import publish as _publish
from ..dataset import Dataset, IterableDataset

__all__ = ["DFIterDataPipe", "DataChunk", "IterDataPipe", "MapDataPipe", "functional_datapipe"]


class _Named:
    """What both kinds of pipes share: methods by name."""

    functions: ClassVar[dict[str, Callable[..., Any]]]

    def __getattr__(self, name: str) -> Any:
        if name in type(self).functions:
            return functools.partial(type(self).functions[name], self)
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")

    @classmethod
    def register_function(cls, function_name: str, function: Callable[..., Any]) -> None:
        """Gives all pipes a method."""
        cls.functions[function_name] = function

    @classmethod
    def register_datapipe_as_function(cls, function_name: str, cls_to_register: Callable[..., Any],
                                      enable_df_api_tracing: bool = False) -> None:
        """Gives all pipes a method that makes a pipe of another class. Raises Exception for a name that is taken."""
        if not isinstance(function_name, str):
            raise TypeError(f"[functional_datapipe] a name was expected; got {function_name!r}")
        if function_name in cls.functions:
            raise Exception(f"Unable to add DataPipe function name {function_name} as it is already taken")
        cls.functions[function_name] = cls_to_register


class IterDataPipe(_Named, IterableDataset[Any]):
    """Samples one after the other, and by methods pipes made of them.

    >>> from wengert.utils.data.datapipes.iter import IterableWrapper
    >>> list(IterableWrapper(range(5)).map(lambda x: 10 * x).batch(2))
    [[0, 10], [20, 30], [40]]
    """

    functions: ClassVar[dict[str, Callable[..., Any]]] = {}

    def __iter__(self) -> Iterator[Any]:
        raise NotImplementedError(f"[IterDataPipe] __iter__ was expected in {type(self).__name__}")

    def reset(self) -> None:
        """Nothing: a pipe begins anew with every loop."""


class DFIterDataPipe(IterDataPipe):
    """A pipe of tables.

    >>> issubclass(torch.utils.data.DFIterDataPipe, torch.utils.data.IterDataPipe)
    True
    """


class MapDataPipe(_Named, Dataset[Any]):
    """Samples by index, and by methods pipes made of them.

    >>> class Squares(torch.utils.data.MapDataPipe):
    ...     def __getitem__(self, index):
    ...         return index * index
    >>> Squares()[3]
    9
    """

    functions: ClassVar[dict[str, Callable[..., Any]]] = {}


class DataChunk(list[Any]):
    """Several samples together. Raises TypeError for what cannot be run through.

    >>> torch.utils.data.DataChunk([1, 2]).as_str()
    '[1, 2]'
    """

    def __init__(self, items: Any) -> None:
        if not hasattr(items, "__iter__") and not hasattr(items, "__getitem__"):
            raise TypeError(f"[DataChunk] samples to run through were expected; got {type(items).__name__}; put a "
                            "single one in a list")
        super().__init__(items)
        self.items = items

    def as_str(self, indent: str = "") -> str:
        """The samples in brackets."""
        return indent + "[" + ", ".join(map(str, self)) + "]"

    def raw_iterator(self) -> Iterator[Any]:
        """The samples."""
        return iter(self)


class functional_datapipe:
    """A decorator that gives a class of pipes a name, under which every pipe of its kind makes one of itself. Raises
    TypeError for a class of anything else.

    >>> from wengert.utils.data.datapipes.iter import IterableWrapper
    >>> @torch.utils.data.functional_datapipe("twice")
    ... class Twice(torch.utils.data.IterDataPipe):
    ...     def __init__(self, pipe):
    ...         self.pipe = pipe
    ...     def __iter__(self):
    ...         for sample in self.pipe:
    ...             yield from (sample, sample)
    >>> list(IterableWrapper([1, 2]).twice())
    [1, 1, 2, 2]
    >>> del torch.utils.data.IterDataPipe.functions["twice"]  # the name is free again
    """

    def __init__(self, name: str, enable_df_api_tracing: bool = False) -> None:
        self.name = name

    def __call__(self, cls: type) -> type:
        """The class. Raises TypeError for what is no class of pipes."""
        for kind in (IterDataPipe, MapDataPipe):
            if isinstance(cls, type) and issubclass(cls, kind):
                kind.register_datapipe_as_function(self.name, cls)
                return cls
        raise TypeError("`functional_datapipe` can only decorate IterDataPipe or MapDataPipe")


_publish(__name__, "iter")
