"""``torch.utils.serialization.config``: what `save` and `load` do where a call does not say.

``load.mmap``: whether files are mapped; ``load.endianness`` and ``load.mmap_flags``: what `torch.serialization`'s
functions of these names set; ``save.storage_alignment``: at which multiples the numbers of a storage begin in an
archive; ``save.compute_crc32``: what is asked, though archives have checksums always. Nothing depends on the others.
``config.patch("load.mmap", True)`` sets one for a while.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import SimpleNamespace as _Group
from typing import Any

from ..._switches import Switches as _Switches
from ..._switches import switches as _switches

load: Any = _Group(mmap=False, endianness=None, mmap_flags=None, calculate_storage_offsets=False)
save: Any = _Group(compute_crc32=True, use_pinned_memory_for_d2h=False, storage_alignment=64)


class _Config(_Switches):
    @contextmanager
    def patch(self, changes: Any = None, value: Any = None, **more: Any) -> Iterator[None]:
        """Sets names such as ``"load.mmap"`` for a while. Raises AttributeError for one that is not there."""
        wanted = {**({changes: value} if isinstance(changes, str) else changes or {}), **more}
        with ExitStack() as stack:
            for name, new in wanted.items():
                group, _, key = name.partition(".")
                place = getattr(self, group)
                stack.callback(setattr, place, key, getattr(place, key))
                setattr(place, key, new)
            yield


_switches(__name__, _Config)
