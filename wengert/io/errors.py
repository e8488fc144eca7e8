"""The one error of reading and writing checkpoints, and how foreign failures become it."""

from __future__ import annotations

import json
import pickle
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager


class CheckpointError(RuntimeError, pickle.UnpicklingError):
    """A file that is no checkpoint, is damaged, or asks for something that reading it may not bring in.

    It is both of the classes that PyTorch raises in these cases.
    """


# What readers of damaged bytes raise: numbers out of range, records that end early, text that is no text. The code that
# runs under `reporting` interprets bytes and nothing else, so that none of these can be a mistake of the program's.
_DAMAGE = (
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    NotImplementedError,
    OSError,
    RecursionError,
    RuntimeError,
    TypeError,
    ValueError,
    json.JSONDecodeError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
)


@contextmanager
def reporting(what: str) -> Iterator[None]:
    """Turns what damaged bytes raise into a `CheckpointError` that begins with ``what``."""
    try:
        yield
    except (CheckpointError, ImportError):
        raise
    except _DAMAGE as error:
        raise CheckpointError(
            f"[load] {what} was expected, but it is damaged or not what it claims to be: "
            f"{error or type(error).__name__}; take the file from where it was written once more"
        ) from error
