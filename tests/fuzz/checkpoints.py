"""Checkpoints: files of `save`, of safetensors and of PyTorch, new and old, damaged as bytes and in their meaning.

Damage to the meaning (the pickle's program, the JSON document) is wrapped up again so that checksums and lengths are
right, and it reaches the reader's inner parts.
"""

from __future__ import annotations

import io
import json
import random
import zipfile
from collections import Counter, OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import wengert as torch
from wengert.io import CheckpointError, save_plain, save_torch
from wengert.io.machine import end_of_pickle

from .damage import altered, damaged
from .target import Target

GOLDEN = Path(__file__).parents[1] / "golden" / "checkpoint.pt"
LEGACY = GOLDEN.with_name("legacy.pt")


def sample() -> dict[Any, Any]:
    """An object with one of everything."""
    base = torch.arange(6.0).view(2, 3)
    weight = torch.nn.Parameter(torch.ones(2))
    return {
        "a": base,
        "b": base[1],
        "t": base.t(),
        "p": weight,
        "d": OrderedDict(x=torch.tensor([True, False])),
        1: Counter("a"),
        "l": [1, 2.5, "s", b"b", None, {1}, (1 + 2j, torch.Size([1]), torch.float32)],
        "c": torch.tensor([1j]),
        "e": torch.ones(1).expand(4, 2),
        "h": torch.ones(2, dtype=torch.bfloat16),
        "z": torch.zeros(0),
        "i": base.to_sparse(),
        "r": base.to_sparse_csr(),
    }


def written(write: Callable[[Any, Any], None], obj: Any = None) -> bytes:
    file = io.BytesIO()
    write(obj or sample(), file)
    return file.getvalue()


def with_program(archive: bytes, program: bytes) -> bytes:
    """The archive around another pickle."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(archive)) as source, zipfile.ZipFile(file, "w") as target:
        for entry in source.infolist():
            target.writestr(
                entry.filename, program if entry.filename.endswith("data.pkl") else source.read(entry)
            )
    return file.getvalue()


def with_header(content: bytes, header: bytes) -> bytes:
    return len(header).to_bytes(8, "little") + header + content[8 + int.from_bytes(content[:8], "little") :]


def load(content: bytes) -> str:
    try:
        loaded = torch.load(io.BytesIO(content))
    except CheckpointError as error:
        assert str(error).startswith("[load]"), error
        raise
    for value in loaded.values() if isinstance(loaded, dict) else ():
        if isinstance(value, torch.Tensor) and value.layout is not torch.strided and value.numel() < 10_000:
            value.to_dense()  # its indices lead nowhere else
    return "loaded"


def target(samples: Sequence[bytes], make: Callable[[random.Random], bytes], **options: Any) -> Target:
    return Target(make=make, run=load, refusals=(CheckpointError,), samples=samples, **options)


WORDS = ("strides", "order", "dtype", "shape", "offset", "tuple", "set", "sparse")


def safetensors() -> dict[str, Callable[[], Target]]:
    layout = written(save_plain)
    text = layout[8 : 8 + int.from_bytes(layout[:8], "little")]
    header = json.loads(text)
    document = json.loads(header["__metadata__"]["wengert"])

    def redocumented(chance: random.Random) -> bytes:
        inner = json.dumps(altered(document, chance, WORDS))
        return with_header(layout, json.dumps({**header, "__metadata__": {"wengert": inner}}).encode())

    makers: dict[str, Callable[[random.Random], bytes]] = {
        "bytes": lambda chance: damaged(layout, chance),
        "start": lambda chance: damaged(layout[:16], chance) + layout[16:],
        "header": lambda chance: with_header(layout, damaged(text, chance)),
        "entries": lambda chance: with_header(layout, json.dumps(altered(header, chance, WORDS)).encode()),
        "document": redocumented,
    }
    return {f"safetensors-{name}": lambda make=make: target([layout], make) for name, make in makers.items()}


def archives() -> dict[str, Callable[[], Target]]:
    archive, golden = written(save_torch), GOLDEN.read_bytes()
    with zipfile.ZipFile(io.BytesIO(archive)) as file:
        program = file.read("archive/data.pkl")
    with zipfile.ZipFile(io.BytesIO(golden)) as file:
        foreign = file.read("checkpoint/data.pkl")
    makers: dict[str, Callable[[random.Random], bytes]] = {
        "bytes": lambda chance: damaged(archive, chance),
        "contents": lambda chance: archive[:-900] + damaged(archive[-900:], chance),
        "program": lambda chance: with_program(archive, damaged(program, chance)),
        "foreign": lambda chance: with_program(golden, damaged(foreign, chance)),
    }
    return {f"pt-{name}": lambda make=make: target([archive, golden], make) for name, make in makers.items()}


def legacy() -> dict[str, Callable[[], Target]]:
    """The form before 1.6: pickles one behind the other, of which the longest makes the object, then the storages."""
    content = LEGACY.read_bytes()
    file, ends = io.BytesIO(content), [0]
    for _ in range(5):
        ends.append(ends[-1] + end_of_pickle(file, len(content) - ends[-1]))
    start, end, data = ends[3:]

    def part(begin: int, stop: int) -> Callable[[random.Random], bytes]:
        return lambda chance: content[:begin] + damaged(content[begin:stop], chance) + content[stop:]

    makers = {"bytes": part(0, len(content)), "head": part(0, start), "program": part(start, end),
              "list": part(end, data), "storages": part(data, len(content))}
    return {f"legacy-{name}": lambda make=make: target([content], make) for name, make in makers.items()}


TARGETS: dict[str, Callable[[], Target]] = {**safetensors(), **archives(), **legacy()}
