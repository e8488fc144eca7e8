"""``torch.multiprocessing.reductions``: a reference to a memory that does not keep it alive."""

from __future__ import annotations

import weakref
from typing import Any

from ....core.geometry import bytes_of
from ....ops.storage import UntypedStorage


class StorageWeakRef:
    """A weak reference to the memory of a storage: equal to another one to the same memory.

    >>> import wengert as torch
    >>> x = torch.ones(3)
    >>> reference = StorageWeakRef(x.untyped_storage())
    >>> reference == StorageWeakRef(x[1:].untyped_storage()), reference.expired()
    (True, False)
    """

    def __init__(self, storage: UntypedStorage) -> None:
        self.cdata = storage.data_ptr()
        root = storage._root
        self._memory: weakref.ref[Any] = weakref.ref(root if root.base is None else bytes_of(root).base)

    def expired(self) -> bool:
        """Whether the memory is gone."""
        return self._memory() is None

    def __hash__(self) -> int:
        return self.cdata

    def __eq__(self, other: object) -> bool:
        return isinstance(other, StorageWeakRef) and self.cdata == other.cdata
