"""Thousands of damaged checkpoints: each loads, or raises `CheckpointError`. None crashes, hangs or runs code.

The damage is seeded, and of two sorts: to the bytes of a file; and to its meaning (the pickle's program, the JSON
document), wrapped up again so that checksums and lengths are right and the damage reaches the reader's inner parts.
"""

from __future__ import annotations

import io
import json
import random
import sys
import tracemalloc
import zipfile
from argparse import Namespace
from collections import Counter, OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import wengert as torch
from wengert.io import CheckpointError, save_torch

pytest.importorskip("safetensors")

GOLDEN = Path(__file__).parent / "golden" / "checkpoint.pt"
ROUNDS = 3000
# No mutant is longer than a few kilobytes, so that none has a reason to take more memory than this.
MOST_MEMORY = 4_000_000

# What running code would have to do. (Importing is an event as well, but wengert itself imports late.)
EVENTS = (
    "exec",
    "compile",
    "os.",
    "subprocess.",
    "shutil.",
    "socket.",
    "ctypes.",
    "pickle.",
    "open",
    "marshal.",
    "code.",
    "object.__setattr__",
)
seen: list[str] = []
watching = hooked = False


def watch(event: str, arguments: tuple[Any, ...]) -> None:
    if watching and event.startswith(EVENTS):
        seen.append(f"{event} {arguments!r:.100}")


def sample() -> dict[Any, Any]:
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
    }


def written(write: Callable[[Any, Any], None], obj: Any = None) -> bytes:
    file = io.BytesIO()
    write(obj or sample(), file)
    return file.getvalue()


def damaged(content: bytes, chance: random.Random) -> bytes:
    """The content after one to four small accidents."""
    data = bytearray(content)
    for _ in range(chance.choice((1, 1, 1, 2, 4))):
        at, length = chance.randrange(len(data) + 1), chance.choice((1, 1, 2, 4, 8, 40))
        match chance.randrange(7):
            case 0:
                data[at : at + 1] = bytes([chance.randrange(256)])
            case 1:
                data[at : at + length] = chance.choice((b"\xff", b"\x00", b"\x7f", b"\x80")) * length
            case 2:
                del data[at : at + length]
            case 3:
                data[at:at] = data[at : at + length]
            case 4:
                data[at:at] = chance.randbytes(length)
            case 5:
                other = chance.randrange(len(data) + 1)
                data[at : at + length] = data[other : other + length]
            case 6:
                del data[at:]
        if not data:
            break
    return bytes(data)


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


VALUES: list[Any] = [
    None,
    True,
    -1,
    0,
    1,
    2**31,
    2**63,
    -(2**64),
    1.5,
    "",
    "x",
    "a",
    [],
    {},
    [[]],
    {"tensor": 0},
    {"dict": {}},
    {"set": [[]]},
    {"record": "a"},
    [0, 0],
    [9, 9],
    [-4],
    "../a",
    "complex64",
    "__class__",
    {"tuple": [{}]},
]


def altered(node: Any, chance: random.Random) -> Any:
    """The JSON value with one part of it replaced, removed, renamed or repeated."""
    if chance.random() < 0.15 or not isinstance(node, (dict, list)) or not node:
        return chance.choice(VALUES)
    copied = dict(node) if isinstance(node, dict) else list(node)
    key = chance.choice(list(copied)) if isinstance(copied, dict) else chance.randrange(len(copied))
    action = chance.random()
    if action < 0.75:
        copied[key] = altered(copied[key], chance)
    elif action < 0.85:
        del copied[key]
    elif isinstance(copied, dict):
        copied[chance.choice([*copied, "strides", "order", "dtype", "shape", "offset", "tuple", "set"])] = (
            copied.pop(key)
        )
    else:
        copied.append(copied[key])
    return copied


def mutants() -> dict[str, Callable[[random.Random], bytes]]:
    layout, archive, golden = written(torch.save), written(save_torch), GOLDEN.read_bytes()
    length = int.from_bytes(layout[:8], "little")
    text = layout[8 : 8 + length]
    header = json.loads(text)
    document = json.loads(header["__metadata__"]["wengert"])
    with zipfile.ZipFile(io.BytesIO(archive)) as file:
        program = file.read("archive/data.pkl")
    with zipfile.ZipFile(io.BytesIO(golden)) as file:
        foreign = file.read("checkpoint/data.pkl")

    def redocumented(chance: random.Random) -> bytes:
        inner = json.dumps(altered(document, chance))
        return with_header(layout, json.dumps({**header, "__metadata__": {"wengert": inner}}).encode())

    return {
        "safetensors, bytes": lambda chance: damaged(layout, chance),
        "safetensors, start": lambda chance: damaged(layout[:16], chance) + layout[16:],
        "safetensors, header": lambda chance: with_header(layout, damaged(text, chance)),
        "safetensors, parts of the header": lambda chance: with_header(
            layout, json.dumps(altered(header, chance)).encode()
        ),
        "safetensors, document": redocumented,
        "archive, bytes": lambda chance: damaged(archive, chance),
        "archive, table of contents": lambda chance: archive[:-900] + damaged(archive[-900:], chance),
        "archive, program": lambda chance: with_program(archive, damaged(program, chance)),
        "file of PyTorch, program": lambda chance: with_program(golden, damaged(foreign, chance)),
    }


def load(content: bytes, weights_only: bool = True) -> str:
    global watching
    watching = True
    try:
        torch.load(io.BytesIO(content), weights_only=weights_only)
        return "loaded"
    except CheckpointError as error:
        assert str(error).startswith("[load]")
        return "refused"
    finally:
        watching = False


@pytest.mark.filterwarnings("ignore:Duplicate name:UserWarning")
@pytest.mark.parametrize("name", mutants())
def test_damaged_files(name: str) -> None:
    make = mutants()[name]
    for content in (written(torch.save), written(save_torch), GOLDEN.read_bytes()):
        assert load(content) == "loaded"  # and whatever is imported late, is now
    global hooked
    if not hooked:
        sys.addaudithook(watch)  # for ever: there is no way to remove one
        hooked = True
    # Where a pickle may run, the watch sees it do so.
    assert load(written(torch.save, Namespace(a=1)), weights_only=False) == "loaded"
    assert any(event.startswith("pickle.find_class") for event in seen)
    seen.clear()
    results: Counter[str] = Counter()
    rounds = ROUNDS // 5 if "PyTorch" in name else ROUNDS
    with np.errstate(all="ignore"):
        for seed in range(rounds):
            results[load(make(random.Random(f"{name} {seed}")))] += 1
    assert seen == []
    assert results["refused"] > rounds / 4
    assert results["loaded"] > 0 or "start" in name


def test_damaged_files_on_the_disk(tmp_path: Path) -> None:
    """These are read by another way than what is in memory."""
    make, path = mutants()["safetensors, bytes"], tmp_path / "file"
    for seed in range(300):
        content = make(random.Random(f"disk {seed}"))
        path.write_bytes(content)
        try:
            torch.load(path)
            result = "loaded"
        except CheckpointError:
            result = "refused"
        assert result == load(content)


def test_damaged_files_take_little_memory() -> None:
    makers = mutants()
    for make in makers.values():
        load(make(random.Random(0)))
    for name, make in makers.items():
        for seed in range(60):
            content = make(random.Random(f"memory {name} {seed}"))
            tracemalloc.start()
            load(content)
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            assert peak < MOST_MEMORY, (name, seed, peak)
