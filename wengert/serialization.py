"""`torch.serialization`: saving, loading, the names that loading may bring in, and the settings of both."""

import warnings as _warnings
from collections.abc import Callable
from typing import IO, Any, TypeAlias

from ._public import publish as _publish
from .core.device import device
from .io.checkpoint import (
    add_safe_globals,
    clear_safe_globals,
    get_safe_globals,
    get_unsafe_globals_in_checkpoint,
    load,
    safe_globals,
    save,
)
from .io.options import (
    LoadEndianness,
    get_crc32_options,
    get_default_load_endianness,
    get_default_mmap_options,
    set_crc32_options,
    set_default_load_endianness,
    set_default_mmap_options,
    skip_data,
)
from .io.placing import _package_registry as _package_registry
from .io.placing import default_restore_location, location_tag, register_package
from .ops.legacy import TYPES as _TENSOR_TYPES
from .ops.storage import STORAGES as _STORAGE_TYPES
from .ops.storage import StorageType as StorageType

MAP_LOCATION: TypeAlias = Callable[[Any, str], Any] | device | str | dict[str, str] | None
"""Where `load` may be told to put tensors."""
FILE_LIKE: TypeAlias = str | Any | IO[bytes]
"""What `save` and `load` take: a path, or a binary file object."""
DEFAULT_PROTOCOL = 2


class SourceChangeWarning(Warning):
    """What PyTorch says where the source of a saved class has changed. Nothing here says it: sources are not saved.

    >>> issubclass(torch.serialization.SourceChangeWarning, Warning)
    True
    """


def check_module_version_greater_or_equal(module: Any, req_version_tuple: tuple[Any, ...],
                                          error_if_malformed: bool = True) -> bool:
    """Whether a module's ``__version__`` is at least the one given as numbers. Of a version that cannot be compared it
    raises RuntimeError, or warns and says yes.

    >>> import numpy
    >>> torch.serialization.check_module_version_greater_or_equal(numpy, (1, 0, 0))
    True
    """
    try:
        parts = module.__version__.split(".")
        found = tuple([type(wanted)(part) for wanted, part in zip(req_version_tuple, parts, strict=False)])
        return found >= req_version_tuple
    except (AttributeError, TypeError, ValueError) as error:
        message = (f"'{module.__name__}' module version string is malformed '{getattr(module, '__version__', None)}' "
                   f"and cannot be compared with tuple {req_version_tuple}")
        if error_if_malformed:
            raise RuntimeError(message) from error
        _warnings.warn(f"{message}, but continuing assuming that requirement is met", stacklevel=2)
        return True


def storage_to_tensor_type(storage: Any) -> Any:
    """The old type of tensors whose elements a storage holds. Raises AttributeError for what is no storage.

    >>> torch.serialization.storage_to_tensor_type(torch.FloatStorage(2))
    <class 'torch.FloatTensor'>
    """
    return _TENSOR_TYPES[storage.pickle_storage_type().replace("Storage", "Tensor")]


def normalize_storage_type(storage_type: Any) -> Any:
    """The type of storages by its name in `torch`. Raises AttributeError for what is no type, KeyError for a type of
    anything else.

    >>> torch.serialization.normalize_storage_type(torch.FloatStorage) is torch.FloatStorage
    True
    """
    return _STORAGE_TYPES[storage_type.__name__]


__all__ = [
    "LoadEndianness", "SourceChangeWarning", "add_safe_globals", "check_module_version_greater_or_equal",
    "clear_safe_globals", "default_restore_location", "get_crc32_options", "get_default_load_endianness",
    "get_default_mmap_options", "get_safe_globals", "get_unsafe_globals_in_checkpoint", "load", "location_tag",
    "normalize_storage_type", "register_package", "safe_globals", "save", "set_crc32_options",
    "set_default_load_endianness", "set_default_mmap_options", "skip_data", "storage_to_tensor_type",
]
_publish(__name__)
