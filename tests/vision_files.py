"""Tiny data sets of images in the formats that the large ones were published in."""

from __future__ import annotations

import gzip
import hashlib
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest


def idx(array: np.ndarray[Any, Any]) -> bytes:
    """An array of bytes as an IDX file."""
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()


def write_mnist(folder: Path, counts: dict[str, int] | None = None, compressed: bool = False) -> None:
    """Images and labels of every split, by default six for training and four for testing."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, (part, count) in enumerate((counts or {"train": 6, "t10k": 4}).items()):
        rng = np.random.RandomState(number)
        arrays = {
            "images-idx3": rng.randint(0, 256, (count, 28, 28)).astype(np.uint8),
            "labels-idx1": rng.randint(0, 10, count).astype(np.uint8),
        }
        for name, array in arrays.items():
            path = folder / f"{part}-{name}-ubyte{'.gz' if compressed else ''}"
            path.write_bytes(gzip.compress(idx(array)) if compressed else idx(array))


def text(value: str) -> bytes:
    """A string of Python 2 as its pickler of protocol 2 wrote it."""
    return b"U" + bytes([len(value)]) + value.encode()


def number(value: int) -> bytes:
    return b"K" + bytes([value]) if value < 256 else b"M" + struct.pack("<H", value)


def python2_array(array: np.ndarray[Any, Any]) -> bytes:
    """A matrix of bytes as Python 2 pickled it."""
    data = array.tobytes()
    rows, columns = array.shape
    return (
        b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\n" + b"K\x00\x85U\x01b\x87R("
        + number(1) + number(rows) + number(columns) + b"\x86"
        + b"cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
        + b"\x89T" + struct.pack("<I", len(data)) + data + b"tb"
    )


def python2_batch(pixels: np.ndarray[Any, Any], labels: list[int], key: str) -> bytes:
    """A file of CIFAR, as Python 2 pickled it."""
    listed = b"](" + b"".join(number(label) for label in labels) + b"e"
    return b"\x80\x02}(" + text("data") + python2_array(pixels) + text(key) + listed + b"u."


def python2_names(names: list[str], key: str) -> bytes:
    return b"\x80\x02}" + text(key) + b"](" + b"".join(text(name) for name in names) + b"es."


def cifar_files(kind: Any) -> dict[str, bytes]:
    """The files of a data set of the kind given, four images each."""
    files = {}
    hundred = kind.base_folder == "cifar-100-python"
    for place, (name, _) in enumerate([*kind.train_list, *kind.test_list]):
        rng = np.random.RandomState(place)
        pixels = rng.randint(0, 256, (4, 3072)).astype(np.uint8)
        files[name] = python2_batch(pixels, rng.randint(0, 10, 4).tolist(), "fine_labels" if hundred else "labels")
    files[kind.meta["filename"]] = python2_names([f"class {n}" for n in range(10)], kind.meta["key"])
    return files


def write_cifar(root: Path, kind: Any, monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """Writes the files, and makes theirs the checksums that the class expects."""
    files = cifar_files(kind)
    (root / kind.base_folder).mkdir(exist_ok=True)
    for name, content in files.items():
        (root / kind.base_folder / name).write_bytes(content)
    expect(kind, files, monkeypatch)
    return files


def expect(kind: Any, files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    sums = {name: md5(content) for name, content in files.items()}
    monkeypatch.setattr(kind, "train_list", [[name, sums[name]] for name, _ in kind.train_list])
    monkeypatch.setattr(kind, "test_list", [[name, sums[name]] for name, _ in kind.test_list])
    monkeypatch.setattr(kind, "meta", {**kind.meta, "md5": sums[kind.meta["filename"]]})


def md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def write_image_folder(root: Path) -> None:
    """Two classes of pictures in several modes and formats, one of them in a folder below."""
    image = pytest.importorskip("PIL.Image")
    rng = np.random.RandomState(0)
    (root / "cats" / "more").mkdir(parents=True)
    (root / "dogs").mkdir()
    picture = image.fromarray(rng.randint(0, 256, (9, 11, 3)).astype(np.uint8))
    picture.save(root / "cats" / "b.png")
    picture.convert("L").save(root / "cats" / "a.PNG")
    picture.convert("P").save(root / "cats" / "more" / "c.bmp")
    picture.save(root / "dogs" / "d.jpg", quality=90)
    (root / "dogs" / "notes.txt").write_text("no image")
