"""How samples become a batch."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping, MutableMapping, MutableSequence, Sequence
from typing import Any

import numpy as np

from ...core.dtypes import float64
from ...core.errors import in_words
from ...core.state import state
from ...core.trees import ContainerKind, Nests, sequence
from ...ops import as_tensor, stack, tensor
from ...tensors.tensor import Tensor, wrap

_empty: Callable[[tuple[int, ...], np.dtype], np.ndarray] = np.empty


@in_words
def default_collate(batch: Sequence[Any]) -> Any:
    """Puts samples together, with the batch as the first dimension.

    Tensors and arrays are stacked; numbers become a tensor (floats of float64); strings and bytes stay a list; dicts,
    named tuples and sequences are collated member by member, where a tuple becomes a list. Raises TypeError for
    anything else and RuntimeError for sequences of different lengths.

    >>> import wengert as torch
    >>> torch.utils.data.default_collate([(torch.tensor([1.0]), 0), (torch.tensor([2.0]), 1)])
    [tensor([[1.],
            [2.]]), tensor([0, 1])]
    """
    if default_collate_fn_map != _KNOWN:
        return collate(batch, collate_fn_map=default_collate_fn_map)
    return _collate(batch, default_collate)


def _collate(batch: Sequence[Any], inner: Callable[[Sequence[Any]], Any]) -> Any:
    """A batch of the usual samples, of containers by ``inner`` for each of their members."""
    first = batch[0]
    if isinstance(first, Tensor):
        return _stacked(batch)
    if isinstance(first, np.ndarray):
        if first.dtype.kind in "SUaO":
            raise _unknown(first.dtype)
        return _stacked([as_tensor(array) for array in batch])
    if isinstance(first, np.generic) and first.dtype.kind in "biufc":
        alike = {*map(type, batch)} == {type(first)}
        return as_tensor(np.array(batch, dtype=first.dtype) if alike else batch)
    if isinstance(first, float):
        return tensor(batch, dtype=float64)
    if isinstance(first, int):
        return tensor(batch)
    if isinstance(first, (str, bytes)):
        return batch
    container = _NESTS.container(first)
    if container is None:
        raise _unknown(type(first))
    columns: Iterable[Sequence[Any]]
    if isinstance(first, Mapping):
        columns = ([sample[key] for sample in batch] for key in first)
    else:
        if not hasattr(first, "_fields") and any(len(sample) != len(first) for sample in batch):
            raise RuntimeError("each element in list of batch should be of equal size")
        columns = zip(*batch, strict=True)
    return container.together([inner(column) for column in columns], container.apart(first)[1])


@in_words
def collate(batch: Sequence[Any], *, collate_fn_map: Mapping[Any, Callable[..., Any]] | None = None) -> Any:
    """Puts samples together as `default_collate`, but those of a class in ``collate_fn_map``, or of a tuple of classes
    there, by what that says: ``function(batch, *, collate_fn_map)``.

    >>> from wengert.utils.data.collate import collate
    >>> joined = {torch.Tensor: lambda batch, *, collate_fn_map=None: torch.cat(batch)}
    >>> collate([(torch.tensor([1.0]),), (torch.tensor([2.0]),)], collate_fn_map=joined)
    [tensor([1., 2.])]
    """
    first = batch[0]
    if collate_fn_map is not None:
        function = collate_fn_map.get(type(first))
        if function is None:
            function = next((each for kind, each in collate_fn_map.items() if isinstance(first, kind)), None)
        if function is not None and function is not _usual:
            return function(batch, collate_fn_map=collate_fn_map)
    return _collate(batch, lambda column: collate(column, collate_fn_map=collate_fn_map))


def _usual(batch: Sequence[Any], *, collate_fn_map: Any = None) -> Any:
    """What `default_collate` does with tensors, arrays, numbers and text."""
    return _collate(batch, default_collate)


_KNOWN: dict[Any, Callable[..., Any]] = dict.fromkeys(
    (Tensor, np.ndarray, (np.bool_, np.number), float, int, str, bytes), _usual)
default_collate_fn_map = dict(_KNOWN)
"""How `default_collate` puts samples of a class together: what is added here, or replaced, holds."""


def set_memory(empty: Callable[[tuple[int, ...], np.dtype], np.ndarray]) -> None:
    """Makes ``empty(shape, dtype)`` the source of memory for batches; a worker's is shared."""
    global _empty
    _empty = empty


def _stacked(samples: Sequence[Tensor]) -> Tensor:
    """The samples along a new first dimension, as `stack` gives them, written straight into a batch's memory."""
    try:
        arrays = [sample._data for sample in samples]
    except AttributeError:
        return stack(list(samples), 0)  # which says what else there is
    shape, dtype = arrays[0].shape, arrays[0].dtype
    alike = all(type(array) is np.ndarray and array.shape == shape and array.dtype == dtype for array in arrays)
    if not alike or state.watcher is not None or any(map(_has_history, samples)):
        return stack(list(samples), 0)
    if not shape and dtype.kind in "biuf":
        return wrap(np.array([array.item() for array in arrays], dtype))
    batch = _empty((len(arrays), *shape), dtype)
    if not shape:
        batch[...] = arrays
        return wrap(batch)
    np.concatenate(arrays, out=batch.reshape(len(arrays) * shape[0], *shape[1:]))
    return wrap(batch)


def _has_history(sample: Tensor) -> bool:
    """Whether it is more than its numbers: of a class of its own, or with a past."""
    if type(sample) is not Tensor or sample._edge is not None:
        return True
    return sample._alias is not None and sample.requires_grad


@in_words
def default_convert(data: Any) -> Any:
    """Arrays and numpy numbers within ``data`` as tensors, all else as it is: what happens to samples not batched.
    Raises no errors: what cannot be a tensor stays what it is.

    >>> torch.utils.data.default_convert({"x": np.array([1, 2]), "name": "a"})
    {'x': tensor([1, 2]), 'name': 'a'}
    """
    return _NESTS.map(_converted, data)


def _converted(leaf: Any) -> Any:
    if isinstance(leaf, (np.ndarray, np.generic)) and np.asarray(leaf).dtype.kind not in "SUO":
        return as_tensor(leaf)
    return leaf


def _alike(values: Sequence[Any], pattern: Any) -> Any:
    """``values`` in a collection of the type of ``pattern``, as far as that type lets itself be made."""
    members = dict(zip(pattern, values, strict=True)) if isinstance(pattern, Mapping) else values
    try:
        if isinstance(pattern, (MutableMapping, MutableSequence)):
            # The type may have more to it than its members, so a copy is changed.
            clone = copy.copy(pattern)
            for key, member in members.items() if isinstance(members, dict) else enumerate(members):
                clone[key] = member
            return clone
        return type(pattern)(members)
    except TypeError:
        return members


_NESTS = Nests({
    (str, bytes): None,
    Mapping: ContainerKind(lambda value: (value.values(), value), _alike, lambda value, count: value),
    tuple: sequence(list),
    Sequence: ContainerKind(lambda value: (value, value), _alike),
})
for _leaf in (Tensor, np.ndarray, int, float, str):  # the usual leaves are known without asking the families
    _NESTS.register(_leaf, None)


def _unknown(kind: Any) -> TypeError:
    return TypeError(
        "default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found " + str(kind)
    )
