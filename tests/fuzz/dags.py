"""Small files that say much: pickles whose parts are named again and again, and descriptions of memory in segments.

A program that keeps what it makes and refers to it twice makes an object that is twice as large at each step: tuples
that double, keys that are made of each other, arrays of the same text over and over. What it costs to hold, to hash, to
print and to copy such an object is counted by the reader. A description of memory that is shared with another process,
or comes out of Python's own pickle, is a shape, strides and an offset, which lie inside or are refused.
"""

from __future__ import annotations

import io
import pickle
import random
import struct
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import wengert as torch
from wengert.core import segments
from wengert.core.errors import ShapeError
from wengert.io import CheckpointError, save_torch
from wengert.tensors import tensor as tensors
from wengert.vision.datasets.pickles import read_pickle

from .checkpoints import load, with_program, written
from .damage import altered
from .target import Target

CALLS = {
    "cifar": (b"c_codecs\nencode\n", b"cnumpy\ndtype\n", b"cnumpy.core.numeric\n_frombuffer\n",
              b"cnumpy.core.multiarray\n_reconstruct\n"),
    "pt": (b"c_codecs\nencode\n", b"ccollections\nOrderedDict\n", b"ctorch\nSize\n", b"c__builtin__\nset\n",
           b"c__builtin__\nbytearray\n", b"c__builtin__\ncomplex\n", b"ccollections\nCounter\n"),
}


class Program:
    """A pickle in the making, in which everything that is made is kept under a number."""

    def __init__(self, chance: random.Random, names: Sequence[bytes]) -> None:
        self.chance, self.names, self.kept = chance, names, 0
        self.code = bytearray(b"\x80\x02")

    def keep(self) -> int:
        """Keeps what is on top, and takes it from the stack."""
        self.code += b"r" + struct.pack("<I", self.kept) + b"0"
        self.kept += 1
        return self.kept - 1

    def get(self, number: int | None = None) -> None:
        """Something that was kept, mostly what was made last."""
        if number is None:
            recent = self.kept - 1 - min(int(self.chance.expovariate(1.0)), self.kept - 1)
            number = recent if self.chance.random() < 0.7 else self.chance.randrange(self.kept)
        self.code += b"j" + struct.pack("<I", number)

    def leaf(self) -> None:
        text = self.chance.choice((b"latin1", b"|u1", b"C", b"x" * self.chance.choice((1, 40, 1000))))
        self.code += self.chance.choice((
            b"K\x01", b"J\xff\xff\xff\x7f", b"N", b"\x88", b"G" + struct.pack(">d", 0.5), b"]", b"}", b")",
            b"X" + struct.pack("<I", len(text)) + text, b"U" + bytes([len(text) % 256]) + text[:len(text) % 256]))

    def container(self) -> None:
        """A container of what there is, often of the same twice, or many times."""
        count = self.chance.choice((1, 2, 2, 2, 4, 4, 30))
        kind = self.chance.choice((b"t",) * 40 + (b"l",) * 4 + (b"a",) * 4 + (b"d", b"u"))
        if kind == b"a":
            self.code += b"]("
        elif kind == b"u":
            self.code += b"}("
        else:
            self.code += b"("
        for _ in range(count * (2 if kind in b"du" else 1)):
            self.get()
        self.code += {b"a": b"e"}.get(kind, kind)

    def call(self) -> None:
        """A name that the reader knows, called on some of what there is."""
        self.code += self.chance.choice(self.names) + b"("
        for _ in range(self.chance.choice((1, 1, 2, 2, 3, 4))):
            self.get()
        self.code += b"tR"

    def made(self) -> bytes:
        self.leaf()
        self.keep()
        calls = self.chance.choice((0, 0, 1))
        for _ in range(self.chance.choice((3, 10, 30, 60, 60))):
            self.chance.choice((self.leaf, *[self.container] * 8, *[self.call] * calls))()
            self.keep()
        self.get(self.kept - 1 if self.chance.random() < 0.8 else None)
        return bytes(self.code + b".")


def _program(kind: str) -> Callable[[random.Random], bytes]:
    return lambda chance: Program(chance, CALLS[kind]).made()


def cifar() -> Target:
    path = Path(tempfile.mkdtemp(prefix="wengert-dags-"), "batch")

    def run(case: bytes) -> str:
        path.write_bytes(case)
        read_pickle(path)
        return "read"

    return Target(make=_program("cifar"), run=run, refusals=(CheckpointError,), samples=[pickle.dumps([1, (2,)], 2)],
                  may=("open",), quick=300)


def archive() -> Target:
    whole = written(save_torch)
    make = _program("pt")
    with zipfile.ZipFile(io.BytesIO(whole)) as file:
        plain = with_program(whole, file.read("archive/data.pkl"))
    return Target(make=lambda chance: with_program(whole, make(chance)), run=load, refusals=(CheckpointError,),
                  samples=[plain], quick=300)


# --- memory in segments -----------------------------------------------------------------------------------------------

BYTES = 4096
GOOD: list[Any] = ["<f4", [4, 8], [64, 4], 128]


def described(case: list[Any]) -> str:
    """An array in a segment of `BYTES`, and a tensor that is unpickled in memory of as many: read and written."""
    segment = segments.allocate(BYTES)
    memory = np.zeros(BYTES, np.uint8)
    code, shape, strides, offset = (*case, *GOOD[len(case):])[:4] if isinstance(case, list) else GOOD
    shape, strides = (tuple(x) if isinstance(x, list) else x for x in (shape, strides))
    there = segments.place(segment, np.dtype(code), shape, strides, offset)
    made = tensors._rebuild(torch.Tensor, memory, "float32", (shape, strides, offset), False, {})
    for array in (there, made._data):
        array[...] = 1
        array.tobytes()
    return "placed"


def memory() -> Target:
    def make(chance: random.Random) -> list[Any]:
        case = altered(GOOD, chance)
        if isinstance(case, list) and case and not (isinstance(case[0], str) and case[0] in ("<f4", "<i8", "|u1")):
            case[0] = chance.choice(("<f4", "<f4", "<i8", "|u1"))  # what numpy makes of other words is its own affair
        return case

    return Target(make=make, run=described, refusals=(ShapeError, TypeError, ValueError, OverflowError), samples=[GOOD],
                  length=lambda case: 0, may=("os.",), quick=300)


TARGETS: dict[str, Callable[[], Target]] = {"dag-pickle": cifar, "dag-pt": archive, "shared-memory": memory}
