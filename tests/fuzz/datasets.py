"""Files of data sets: IDX as it is and compressed, and the pickles of CIFAR."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import random
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tests.vision_files import idx, python2_batch
from wengert.io import CheckpointError
from wengert.vision.datasets.mnist import read_idx
from wengert.vision.datasets.pickles import read_pickle

from .damage import damaged
from .target import Target

PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "": bytes, ".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress
}


def file_target(
    reader: Callable[[Path], Any], content: bytes, make: Callable[[random.Random], bytes], suffix: str = "",
    **options: Any,
) -> Target:
    """A target that reads its cases from a file."""
    handle, path = tempfile.mkstemp(suffix)
    os.close(handle)

    def run(case: bytes) -> str:
        Path(path).write_bytes(case)
        reader(Path(path))
        return "read"

    return Target(make=make, run=run, refusals=(CheckpointError,), samples=[content], may=("open",), **options)


def idx_target(suffix: str) -> Target:
    plain = idx(np.arange(120, dtype=np.uint8).reshape(2, 6, 10))
    pack = PACKERS[suffix]

    def make(chance: random.Random) -> bytes:
        if suffix and chance.random() < 0.5:
            return damaged(pack(plain), chance)
        return pack(damaged(plain[:16], chance) + plain[16:] if chance.random() < 0.7 else damaged(plain, chance))

    # Unpacking takes its dictionary: that of .xz is of 8 megabytes, and says so itself.
    return file_target(read_idx, pack(plain), make, suffix, memory=40_000_000)


def cifar() -> Target:
    content = python2_batch(np.arange(2 * 3072).reshape(2, 3072).astype(np.uint8), [1, 300], "labels")
    places = [at for at in range(len(content)) if not 150 < at < len(content) - 60]

    def make(chance: random.Random) -> bytes:
        if chance.random() < 0.2:
            return damaged(content, chance)
        at = chance.choice(places)  # near the ends, where the program is
        return content[:at] + damaged(content[at : at + 12], chance) + content[at + 12 :]

    return file_target(read_pickle, content, make)


TARGETS: dict[str, Callable[[], Target]] = {
    **{f"idx{suffix}": lambda suffix=suffix: idx_target(suffix) for suffix in PACKERS},
    "cifar": cifar,
}
