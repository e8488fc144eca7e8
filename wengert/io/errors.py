"""The errors of reading and writing checkpoints, how foreign failures become them, and how they show what a file
holds."""

from __future__ import annotations

import errno
import lzma
import pickle
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class CheckpointError(pickle.UnpicklingError, RuntimeError):
    """A file that is no checkpoint, is damaged, or asks for something that reading it may not bring in.

    It is both of the classes that PyTorch raises in these cases.
    """


class CheckpointSystemError(CheckpointError, OSError):
    """A disk that is full or fails. The file may be good."""

    def __str__(self) -> str:
        return str(self.args[0])  # without the number, which is in `errno`


class CheckpointEndError(CheckpointError, EOFError):
    """A file without anything in it, or that has been read to its end."""


class CheckpointOrderError(CheckpointError, ValueError):
    """A file whose numbers lie in an order of bytes that is none."""


class FolderError(IsADirectoryError, RuntimeError):
    """A folder where the name of a file was expected. (PyTorch raises RuntimeError.)"""


class UnnamedError(pickle.PicklingError, AttributeError):
    """A function or class that cannot be found by its name. (Python's own pickler raises one of these, by where it
    was made.)"""


class CheckpointMemoryError(CheckpointError, MemoryError):
    """Too little memory. The file may be good."""


# What readers of damaged bytes raise: numbers out of range, records that end early, text that is no text. The code that
# runs under `reporting` interprets bytes and nothing else, so that none of these can be a mistake of the program's.
_DAMAGE = (
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    NotImplementedError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    lzma.LZMAError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
)
# Where a damaged file leads a reader to impossible places in it, or is no compressed stream, the system says these.
_ASTRAY = (None, errno.EINVAL, errno.EOVERFLOW)


@contextmanager
def system_failures(op: str, cure: str) -> Iterator[None]:
    """Turns too little memory and a disk that is full or fails into a `CheckpointError`; ``cure`` ends its message."""
    try:
        yield
    except CheckpointError:
        raise
    except MemoryError as error:
        raise CheckpointMemoryError(
            f"[{op}] memory for all tensors at once was expected; there is not enough; {cure}"
        ) from error
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.ENOMEM):
            raise
        failure = CheckpointSystemError(
            f"[{op}] a disk with room that works was expected; the system says: {error.strerror}; {cure}"
        )
        failure.errno, failure.filename = error.errno, error.filename
        raise failure from error


@contextmanager
def reporting(what: str) -> Iterator[None]:
    """Turns what damaged bytes raise into a `CheckpointError` that begins with ``what``."""
    try:
        with system_failures("load", "the file may be good"):
            yield
    except (CheckpointError, ImportError):
        raise
    except RecursionError as error:
        raise CheckpointError(
            f"[load] {what} that nests no deeper than Python's recursion limit was expected; this one does; raise "
            f"the limit if you trust it"
        ) from error
    except _DAMAGE as error:
        if isinstance(error, OSError) and error.errno not in _ASTRAY:
            raise
        raise CheckpointError(
            f"[load] {what} was expected, but it is damaged or not what it claims to be: "
            f"{escaped(str(error)) or type(error).__name__}; take the file from where it was written once more"
        ) from error


def escaped(text: str) -> str:
    """A text without characters that would move a terminal's cursor or cannot be encoded; of a long one, the start."""
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text[:200])


def shown(value: Any) -> str:
    """A value from a file in few characters.

    A number or a text is shown, of anything else the type alone: what a file nests may be endless.
    """
    if type(value) is int and value.bit_length() > 100:
        return f"an int of {value.bit_length()} bits"
    if type(value) in (str, bytes):
        return ascii(value) if len(value) <= 60 else f"{ascii(value[:60])}..."
    if type(value) in (int, float, bool, type(None)):
        return repr(value)
    if isinstance(value, (tuple, list)) and len(value) <= 8 and all(type(part) is int for part in value):
        return f"[{', '.join(map(shown, value))}]"
    return f"a {type(value).__name__}"
