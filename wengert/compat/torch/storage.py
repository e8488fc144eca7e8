"""``torch.storage``: the classes of what memory a tensor lies in."""

from __future__ import annotations

from ...ops.storage import TypedStorage as TypedStorage
from ...ops.storage import UntypedStorage as UntypedStorage

_StorageBase = UntypedStorage
