"""Where storages of a file belong: the tags of devices, and who brings a storage to one.

The one idea to know: a registry in order of priority, asked from its beginning; wengert's own entries are those of the
CPU and the meta device.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..core.device import device
from ..core.errors import DeviceError
from ..ops.arguments import real
from ..ops.storage import UntypedStorage
from .errors import reporting

Tag = Callable[[Any], str | None]
Restore = Callable[[Any, str], Any]

_package_registry: list[tuple[int, Tag, Restore]] = []


def register_package(priority: int, tagger: Tag, deserializer: Restore) -> None:
    """Adds a kind of place: ``tagger(storage)`` gives its tag, or None for storages of others; ``deserializer(storage,
    location)`` gives the storage there, or None for the tags of others. Lower priorities are asked first.

    Raises TypeError where the priority is no number, or what is to be called cannot be.

    >>> torch.serialization.register_package(30, lambda storage: None, lambda storage, location: None)
    """
    real(priority, "register_package")  # before anything is entered: a bad entry would break every load that follows
    for given in (tagger, deserializer):
        if not callable(given):
            raise TypeError(f"[register_package] functions were expected for tagger and deserializer; got {given!r}")
    _package_registry.append((priority, tagger, deserializer))
    _package_registry.sort(key=lambda entry: entry[0])


def location_tag(storage: Any) -> str:
    """The tag of the place where a storage is. Raises RuntimeError where nobody knows it.

    >>> torch.serialization.location_tag(torch.ones(2).untyped_storage())
    'cpu'
    """
    for _, tagger, _ in _package_registry:
        found = tagger(storage)
        if found:
            return found
    raise RuntimeError(f"[location_tag] don't know how to determine data location of {type(storage).__name__}; "
                       "register_package() adds kinds of places")


def default_restore_location(storage: Any, location: str) -> Any:
    """The storage at the place that a tag names. Raises RuntimeError where nobody knows it.

    >>> storage = torch.ones(2).untyped_storage()
    >>> torch.serialization.default_restore_location(storage, "cpu") is storage
    True
    """
    for _, _, restore in _package_registry:
        found = restore(storage, location)
        if found is not None:
            return found
    with reporting("the name of a device"):
        device(location)
    raise DeviceError(
        f"Attempting to deserialize object on {location!r}, but wengert has only the CPU. If you are running on "
        f"a CPU-only machine, please use torch.load with map_location=torch.device('cpu') to map your storages to the "
        f"CPU."
    )


def _tag_of(kind: str) -> Tag:
    return lambda storage: kind if storage.device.type == kind else None


def _stays(storage: Any, location: str) -> Any:
    return storage if location.partition(":")[0] == "cpu" else None


def _to_meta(storage: Any, location: str) -> Any:
    return UntypedStorage(storage.nbytes(), device="meta") if location == "meta" else None


register_package(10, _tag_of("cpu"), _stays)
register_package(22, _tag_of("meta"), _to_meta)

__all__ = ["default_restore_location", "location_tag", "register_package"]
