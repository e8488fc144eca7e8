"""The zip archives that PyTorch writes: one pickle, one record for each storage, nothing compressed.

Nothing is ever unpacked to the disk. Every length that the archive states is held against the length of the file before
any memory is taken for it.
"""

from __future__ import annotations

import io
import re
import sys
import zipfile
from typing import IO, Any

import numpy as np

from ..core.dtypes import DType
from .errors import CheckpointError, CheckpointOrderError, reporting, shown
from .layout import check_truths, fill, swap
from .mapping import is_shared, map_array
from .options import assumed_order

_NEWEST = 10  # the newest of the layout's versions that PyTorch reads
_KIND = "a checkpoint of PyTorch (a zip archive)"
_TORCHSCRIPT = (
    "[load] a checkpoint made by torch.save was expected; got a TorchScript program (made by torch.jit.save), which is "
    "code; save the module's state_dict() in PyTorch instead"
)
# Of the parts of an archive: how they begin, the length of what is always there, and where in it the lengths stand of
# what follows (place, bytes).
_PARTS = {
    b"PK\x03\x04": (30, ((18, 4), (26, 2), (28, 2))),
    b"PK\x01\x02": (46, ((28, 2), (30, 2), (32, 2))),
    b"PK\x06\x06": (12, ((4, 8),)),
    b"PK\x06\x07": (20, ()),
    b"PK\x05\x06": (22, ((20, 2),)),
}
# Where a record's header has its checksum, and what stands there once the record was mapped to be written to: what
# writes there later does not know of it.
_SUM, _WRITTEN = 14, b"mmap"
_KEY = re.compile(r"\w[\w.-]*")


def end_of_archive(data: bytes | bytearray) -> int:
    """How many of some bytes belong to the archive that begins there, as its parts say one behind the other; all, where
    they do not say it: of a record that is longer than four bytes can tell, or is described behind its numbers."""
    at = 0
    while (kind := bytes(data[at:at + 4])) in _PARTS:
        length, places = _PARTS[kind]
        if at + length > len(data):
            break
        if kind == b"PK\x03\x04" and (data[at + 6] & 8 or data[at + 18:at + 22] == b"\xff" * 4):
            break
        at += length + sum(int.from_bytes(data[at + place:at + place + size], "little") for place, size in places)
        if kind == b"PK\x05\x06":
            return min(at, len(data))
    return len(data)


class Archive:
    """An open archive whose table of contents has been checked. Raises `CheckpointError` for one that is not sound."""

    def __init__(self, file: IO[bytes], mapped: str | None = None) -> None:
        self._mapped, self._file = mapped, file
        with reporting(_KIND):
            self.length = file.seek(0, 2)
            self._zip = zipfile.ZipFile(file)
            entries = self._zip.infolist()
            if any(entry.filename.endswith("/constants.pkl") for entry in entries):
                raise CheckpointError(_TORCHSCRIPT)
            for entry in entries:
                _check_entry(entry)
            if sum(entry.file_size for entry in entries) > self.length:
                raise ValueError("its records are together longer than the file")
            self._entries = {entry.filename: entry for entry in entries}
            if len(self._entries) != len(entries):
                raise ValueError("two records have one name")
            self._folder = self._only_folder()
            self._swap = self._is_foreign()
            version = f"{self._folder}/version"
            if version in self._entries and int(self._read(version)) > _NEWEST:
                raise ValueError(f"its version is {shown(self._read(version).strip())}; {_NEWEST} is the newest known")

    def _only_folder(self) -> str:
        folders = [name.removesuffix("/data.pkl") for name in self._entries if name.endswith("/data.pkl")]
        if len(folders) != 1 or "/" in folders[0]:
            raise ValueError("it has no data.pkl in a folder of its own")
        return folders[0]

    def _is_foreign(self) -> bool:
        name = f"{self._folder}/byteorder"
        order = self._read(name).decode("ascii") if name in self._entries else assumed_order()
        if order not in ("little", "big"):
            raise CheckpointOrderError(f"[load] a byte order of little or big was expected; got {shown(order)} "
                                       "(Unknown endianness type); take the file from where it was written once more")
        return order != sys.byteorder

    def _read(self, name: str) -> bytes:
        return self._zip.read(self._entries[name])

    def _begin_of(self, entry: zipfile.ZipInfo) -> int:
        """Where in the file the bytes of a record begin: behind its header, its name and what is added there."""
        self._file.seek(entry.header_offset + 26)
        lengths = self._file.read(4)
        return entry.header_offset + 30 + int.from_bytes(lengths[:2], "little") + int.from_bytes(lengths[2:], "little")

    def pickle(self) -> bytes:
        """The program that makes the object."""
        with reporting(_KIND):
            return self._read(f"{self._folder}/data.pkl")

    def program(self) -> IO[bytes]:
        """The same as a file."""
        return io.BytesIO(self.pickle())

    def finish(self) -> None:
        """Does nothing: every storage was read when it was asked for."""

    def storage(self, key: str, dtype: DType | None, count: Any) -> np.ndarray:
        """The numbers of one storage, ``count`` of them; bytes if ``dtype`` is None."""
        if not _KEY.fullmatch(key) or type(count) is not int:
            raise ValueError(f"{shown(key)} names no storage")
        name = f"{self._folder}/data/{key}"
        if name not in self._entries:
            raise ValueError(f"the record {name} is missing")
        entry, width = self._entries[name], 1 if dtype is None else dtype.itemsize
        if entry.file_size != count * width:
            raise ValueError(f"the record {name} has {entry.file_size} bytes; {shown(count)} elements take others")
        kind: np.dtype[Any] = np.dtype(np.uint8) if dtype is None else dtype.numpy
        if self._mapped is not None and not self._swap:
            if is_shared():
                with open(self._mapped, "r+b") as file:
                    file.seek(entry.header_offset + _SUM)
                    file.write(_WRITTEN)
            return check_truths(map_array(self._mapped, self._begin_of(entry), (count,), kind))
        array = np.empty(count, kind)
        self._file.seek(entry.header_offset + _SUM)
        if self._file.read(4) == _WRITTEN:
            self._file.seek(self._begin_of(entry))
            fill(self._file, array)
        else:
            with self._zip.open(entry) as source:
                fill(source, array)
                source.read(1)  # at the end the checksum is compared
        if self._swap and dtype is None:
            raise ValueError("untyped storages of the other byte order cannot be read")
        if self._swap:
            swap(array)
        return check_truths(array)


def _check_entry(entry: zipfile.ZipInfo) -> None:
    parts = entry.filename.split("/")
    if (
        entry.orig_filename != entry.filename
        or "\\" in entry.filename
        or ".." in parts
        or "" in parts[:-1]
        or ":" in parts[0]
    ):
        raise CheckpointError(
            f"[load] records in one folder were expected; got one that names a place outside of it: "
            f"{shown(entry.orig_filename)}"
        )
    if (
        entry.compress_type != zipfile.ZIP_STORED
        or entry.compress_size != entry.file_size
        or entry.flag_bits & 1
    ):
        raise CheckpointError(
            f"[load] records as torch.save writes them were expected; {shown(entry.filename)} is compressed or "
            f"encrypted; unpack the archive and zip it again without"
        )

