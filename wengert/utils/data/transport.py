"""How batches come from a worker: large arrays in shared memory that goes back and forth, the rest pickled.

The one idea to know: making shared memory is costly, since the system clears and maps every page of it; memory that
both sides have touched is cheap. So a worker's segments circulate. The worker lends one with a batch (`Lender`); when
the last array in it is gone, the loading process (`Borrower`) gives its number back with the next task, and the worker
writes another batch there. Nothing is copied on the receiving side.

A segment is free again when neither side has an array in it: a dataset may keep what it has handed out.
"""

from __future__ import annotations

import io
import math
import os
import pickle
from functools import partial
from typing import Any

import numpy as np

from ...core import dtypes, segments
from ...core.segments import Segment
from ...tensors.tensor import TENSORS, Tensor, wrap
from .channel import Channel, Message

LARGE = 1 << 14
"""Bytes from which on an array goes through shared memory; a smaller one is sooner copied."""

_ROOM = 2  # a free segment serves for an array that fills at least this part of it


class _Loan:
    """What an array's memory belongs to: a segment and its number. Its end is noted in a list, as the number; as
    ``~number`` where this process was forked meanwhile, and the child may still have the array: it is left alone then.
    """

    __slots__ = ("_forks", "descriptor", "ended", "number", "segment")

    def __init__(self, segment: Segment, number: int, ended: list[int]) -> None:
        self.segment, self.number, self.ended = segment, number, ended
        self.descriptor = None  # it goes back, so it is shown to no third process
        self._forks = len(_forks)

    @property
    def address(self) -> int | None:
        return self.segment.address

    @property
    def size(self) -> int:
        return self.segment.size

    def __del__(self) -> None:
        self.ended.append(self.number if self._forks == len(_forks) else ~self.number)


_forks: list[None] = []
"""As long as this process has forked often. No function of Python counts: a Ctrl-C that comes during the fork would be
raised in it, where it is lost."""

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_parent=partial(_forks.append, None))


class Lender:
    """The worker's side: it owns the segments. ``keep`` is how many free ones a batch's array may have in waiting."""

    def __init__(self, keep: int) -> None:
        self._segments: dict[int, Segment] = {}
        self._free: dict[int, int] = {}  # number: bytes, the one that was longest free first
        self._away: set[int] = set()  # lent, and not given back
        self._held: set[int] = set()  # with an array on this side
        self._ended: list[int] = []
        self._dropped: list[int] = []
        self._count = 0
        self._keep = self._limit = keep

    def empty(self, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
        """An array to be filled, in shared memory if it is large."""
        size = math.prod(shape) * dtype.itemsize
        if size < LARGE or not segments.AVAILABLE:
            return np.empty(shape, dtype)
        self._settle()
        number = next((each for each, room in self._free.items() if size <= room <= _ROOM * size), None)
        if number is None:
            number, self._count = self._count, self._count + 1
            self._segments[number] = segments.allocate(size)
        else:
            del self._free[number]
        self._held.add(number)
        return segments.place(_Loan(self._segments[number], number, self._ended), dtype, shape)

    def take_back(self, numbers: list[int]) -> None:
        """Notes that the other side is done with these."""
        for number in numbers:
            if number < 0:
                self._forget(~number)
                continue
            self._away.discard(number)
            if number in self._segments and number not in self._held:
                self._free[number] = self._segments[number].size
        while len(self._free) > self._limit:
            number = next(iter(self._free))
            del self._free[number], self._segments[number]
            self._dropped.append(number)

    def _forget(self, number: int) -> None:
        """Never uses a segment again."""
        self._segments.pop(number, None)
        self._free.pop(number, None)
        self._away.discard(number)
        self._held.discard(number)

    def _settle(self) -> None:
        """Notes which arrays have ended on this side."""
        while self._ended:
            number = self._ended.pop()
            if number < 0:
                self._forget(~number)
                self._dropped.append(~number)
                continue
            self._held.discard(number)
            if number in self._segments and number not in self._away:
                self._free[number] = self._segments[number].size

    def send(self, channel: Channel, content: Any) -> None:
        """Sends anything. Raises what pickling raises, then nothing was sent; EOFError if nobody is left."""
        pickler = _LendingPickler(self, channel.most_descriptors)
        pickler.dump(content)
        payload = pickler.buffer.getvalue()
        spilled = None
        if len(payload) >= LARGE and pickler.room:
            copy = self.empty((len(payload),), np.dtype(np.uint8))
            copy[:] = np.frombuffer(payload, np.uint8)
            spilled = (pickler.lend(copy), len(payload))
            payload = b""
        new = [(number, self._segments[number].size) for number in pickler.new]
        self._away |= pickler.lent
        self._limit = max(self._keep, self._keep * len(pickler.lent))
        dropped, self._dropped = self._dropped, []
        head = pickle.dumps((spilled, new, dropped), 5)
        descriptors = [self._segments[number].descriptor for number in pickler.new]
        channel.send(len(head).to_bytes(4, "little") + head + payload, descriptors)  # type: ignore[arg-type]
        for number in pickler.new:
            self._segments[number].close()

    def number_of(self, array: np.ndarray) -> int | None:
        """The number of the segment in which an array lies, if it can be lent: it is ours and not lent already."""
        loan = segments.owner_of(array)
        if type(loan) is _Loan and loan.ended is self._ended and loan.number not in self._away:
            return loan.number
        return None


class _LendingPickler(pickle.Pickler):
    """Pickles with large arrays lent."""

    def __init__(self, lender: Lender, room: int) -> None:
        self.buffer = io.BytesIO()
        super().__init__(self.buffer, 5)
        self.lender = lender
        self.room = room  # how many more segments can be announced
        self.lent: set[int] = set()
        self.new: list[int] = []
        self._kept: list[np.ndarray] = []  # or their memory would serve twice in one message

    def reducer_override(self, obj: Any) -> Any:
        kind = type(obj)
        if kind in TENSORS:
            return self._tensor(obj)
        if kind is np.ndarray and obj.nbytes >= LARGE and obj.dtype.kind in "biufc":
            return _arriving_array, self._memory(obj)
        return NotImplemented

    def _tensor(self, tensor: Tensor) -> Any:
        if not tensor.is_leaf:
            raise RuntimeError(
                "Cowardly refusing to serialize non-leaf tensor which requires_grad, since autograd does not support "
                "crossing process boundaries; call detach() on the tensor where it is loaded"
            )
        data = tensor._data
        kind = None if type(tensor) is Tensor else type(tensor)
        rest = (kind, tensor.requires_grad, tensor.__dict__) if kind or tensor.requires_grad or tensor.__dict__ else ()
        return _arriving_tensor, (tensor.dtype.name, self._memory(data), *rest)

    def _memory(self, data: np.ndarray) -> tuple[Any, ...]:
        """Where an array is: (number, dtype, shape, strides, offset) of lent memory, or (bytes, dtype, shape)."""
        code = f"u{data.itemsize}" if data.dtype.kind in "VW" else data.dtype.str
        if data.nbytes >= LARGE and self.room:
            number = self.lender.number_of(data)
            if number is None:
                copy = self.lender.empty(data.shape, data.dtype)
                np.copyto(copy, data)
                data, number = copy, self.lender.number_of(copy)
            if number is not None:
                self.lend(data)
                start = self.lender._segments[number].address or 0
                offset = data.__array_interface__["data"][0] - start
                return number, code, data.shape, data.strides, offset
        return bytearray(np.ascontiguousarray(data).view(np.uint8).reshape(-1)), code, data.shape

    def lend(self, data: np.ndarray) -> int:
        """Notes that the segment of ``data`` goes along."""
        number = self.lender.number_of(data)
        assert number is not None
        if number not in self.lent:
            self.lent.add(number)
            self._kept.append(data)
            if self.lender._segments[number].descriptor is not None:
                self.new.append(number)
                self.room -= 1
        return number


class Borrower:
    """The loading process's side: it maps the segments of one worker, and opens what that worker sends."""

    def __init__(self) -> None:
        self._segments: dict[int, Segment] = {}
        self._ended: list[int] = []

    def open(self, message: Message) -> Any:
        """The content of a message. Its large arrays lie in the worker's segments until they are gone."""
        end = 4 + int.from_bytes(message.payload[:4], "little")
        spilled, new, dropped = pickle.loads(memoryview(message.payload)[4:end])
        for (number, size), descriptor in zip(new, message.descriptors, strict=True):
            self._segments[number] = segment = Segment(descriptor, size)
            segment.close()
        for number in dropped:
            self._segments.pop(number, None)
        loans: dict[int, _Loan] = {}
        if spilled is None:
            return _BorrowingUnpickler(io.BytesIO(message.payload[end:]), self, loans).load()
        number, length = spilled
        text = segments.place(self.loan(number, loans), np.dtype(np.uint8), (length,)).tobytes()
        return _BorrowingUnpickler(io.BytesIO(text), self, loans).load()

    def loan(self, number: int, loans: dict[int, _Loan]) -> _Loan:
        """The segment of this number; one loan for all the arrays of a message."""
        found = loans.get(number)
        if found is None:
            found = loans[number] = _Loan(self._segments[number], number, self._ended)
        return found

    def returned(self) -> list[int]:
        """The numbers of the segments that can go back, each told once; ``~number`` of one that can never be used."""
        numbers = [self._ended.pop() for _ in range(len(self._ended))]
        for number in numbers:
            if number < 0:
                self._segments.pop(~number, None)
        return numbers


class _BorrowingUnpickler(pickle.Unpickler):
    """Unpickles what `_LendingPickler` wrote: memory is looked up with this borrower."""

    def __init__(self, file: io.BytesIO, borrower: Borrower, loans: dict[int, _Loan]) -> None:
        super().__init__(file)
        self._borrower, self._loans = borrower, loans

    def find_class(self, module: str, name: str) -> Any:
        found = super().find_class(module, name)
        return partial(found, self._borrower, self._loans) if found in (_arriving_array, _arriving_tensor) else found


def _arriving_array(borrower: Borrower, loans: dict[int, _Loan], where: int | bytearray, code: str,
                    shape: tuple[int, ...], strides: tuple[int, ...] | None = None, offset: int = 0) -> np.ndarray:
    """The array that `_LendingPickler._memory` described."""
    if isinstance(where, int):
        return segments.place(borrower.loan(where, loans), np.dtype(code), shape, strides, offset)
    return np.frombuffer(where, code).reshape(shape) if where else np.empty(shape, code)


def _arriving_tensor(borrower: Borrower, loans: dict[int, _Loan], dtype: str, memory: tuple[Any, ...], kind: Any = None,
                     requires_grad: bool = False, attributes: dict[str, Any] | None = None) -> Tensor:
    """The tensor that `_LendingPickler._tensor` described."""
    array = _arriving_array(borrower, loans, *memory)
    if array.dtype.kind == "u":
        array = array.view(dtypes.by_name(dtype).numpy)
    out = wrap(array)
    if kind is not None:
        # A subclass keeps its attributes and, unlike an ordinary object, its constructor is not called.
        whole, out = out, object.__new__(kind)
        for slot in ("_data", "_edge", "_alias", "_cell", "_rare"):
            setattr(out, slot, getattr(whole, slot))
    if attributes:
        out.__dict__.update(attributes)
    return out.requires_grad_() if requires_grad else out
