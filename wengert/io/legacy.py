"""The files that PyTorch wrote before 1.6: bare pickles one behind the other, then the numbers.

A number that says what the file is, a version, and what is known of the machine that wrote it; then the pickle that
makes the object, a pickled list of the names of its storages, and the storages in that order, each as its length and
its elements, little-endian. A storage can only be read when the object's pickle has said of what type it is: until
`finish` its elements are zeros.
"""

from __future__ import annotations

import sys
from typing import IO, Any

import numpy as np

from ..core.dtypes import DType
from .errors import CheckpointError, escaped, reporting, shown
from .keys import Budget
from .layout import check_truths, fill, swap
from .machine import PickleMachine, end_of_pickle

MAGIC = bytes.fromhex("8a0a6cfc9c46f9206aa850192e")
"""PyTorch's magic number as a pickle ends with it, of any protocol that is not text."""

_KIND = "a file of PyTorch before 1.6"
VERSION = 1001
NUMBER = 0x1950A86A20F9469CFC6C
"""The magic number itself."""


class LegacyFile:
    """An open file, up to the object's pickle. Raises `CheckpointError` for one that is not sound."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._storages: dict[str, np.ndarray] = {}
        with reporting(_KIND):
            self.length = self._left = file.seek(0, 2)
            file.seek(0)
            self._plain()  # the magic number
            version, machine = self._plain(), self._plain()
            if type(version) is not int or version != VERSION:
                raise ValueError(f"version {VERSION} was expected; it is of version {shown(version)}")
            if type(machine) is not dict:
                raise TypeError("no description of the machine that wrote it")
            self._start = file.tell()

    def _plain(self) -> Any:
        """The object of the pickle that comes next, of numbers, strings and containers only."""
        return PickleMachine(self._next(), _no_name, _no_id, budget=Budget(self.length)).run()

    def _next(self) -> bytes:
        """The pickle that comes next."""
        begin = self._file.tell()
        count = end_of_pickle(self._file, self.length - begin)
        self._file.seek(begin)
        return self._file.read(count)

    def pickle(self) -> bytes:
        """The program that makes the object."""
        with reporting(_KIND):
            self._file.seek(self._start)
            return self._next()

    def program(self) -> IO[bytes]:
        """The file where that program begins; whoever runs it leaves the file at its end."""
        self._file.seek(self._start)
        return self._file

    def storage(self, key: str, dtype: DType | None, count: Any) -> np.ndarray:
        """Memory for the numbers of one storage, ``count`` of them; bytes if ``dtype`` is None."""
        width = 1 if dtype is None else dtype.itemsize
        if type(count) is not int or not 0 <= count * width <= self._left:
            raise ValueError(f"the storage {shown(key)} of {shown(count)} elements in {self._left} bytes")
        self._left -= count * width
        self._storages[key] = np.zeros(count, np.uint8 if dtype is None else dtype.numpy)
        return self._storages[key]

    def finish(self) -> None:
        """Reads the numbers of all storages that were asked for."""
        with reporting(_KIND):
            keys = self._plain()
            if type(keys) is not list or any(type(key) is not str for key in keys) or len(set(keys)) != len(keys):
                raise TypeError("no list of the names of its storages")
            if set(keys) != self._storages.keys():
                raise ValueError("its list of storages is not that of those it uses")
            for key in keys:
                array = self._storages[key]
                count = self._file.read(8)
                if len(count) < 8 or int.from_bytes(count, "little") != array.size:
                    raise ValueError(f"the storage {shown(key)} has not the {array.size} elements that it is said to")
                fill(self._file, array)
                if sys.byteorder == "big":
                    swap(array)
                check_truths(array)


def _no_name(module: str, name: str) -> Any:
    raise CheckpointError(f"[load] {_KIND} was expected; its head asks for {escaped(f'{module}.{name}')}")


def _no_id(number: Any) -> Any:
    raise CheckpointError(f"[load] {_KIND} was expected; its head refers to a storage")
