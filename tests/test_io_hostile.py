"""Small files that ask for much: each is refused, or loads, in little time and memory."""

from __future__ import annotations

import bz2
import functools
import gzip
import io
import json
import lzma
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import wengert as torch
from tests.fuzz.checkpoints import load
from tests.fuzz.target import Target, judge
from tests.vision_files import idx
from wengert.io import CheckpointError, save_plain, save_torch
from wengert.vision.datasets.mnist import read_idx
from wengert.vision.datasets.pickles import read_pickle


def text(value: str) -> bytes:
    return b"X" + len(value.encode()).to_bytes(4, "little") + value.encode()


def archive(program: bytes, storage: bytes = bytes(8)) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as made:
        made.writestr("archive/data.pkl", b"\x80\x02" + program)
        made.writestr("archive/data/0", storage)
    return file.getvalue()


def outcome(content: bytes, run: Callable[[bytes], str] = load, per_byte: int = 64, may: Any = ()) -> str:
    """What comes of a case that may take two seconds and a few megabytes."""
    target = Target(
        make=lambda _: content, run=run, refusals=(CheckpointError,), seconds=2.0, per_byte=per_byte, may=may
    )
    return judge(target, content)


# A tuple of sixty levels, each of which holds the one below twice: 2**60 leaves to whoever walks it.
SHARED = b")" + b"2\x86" * 60
DEEP = b")" + b"\x85" * 100_000
FLOATS = b"ctorch\nFloatStorage\n"
STORAGE = b"(" + text("storage") + FLOATS + text("0") + text("cpu") + b"K\x02tQ"
TENSOR = b"ctorch._utils\n_rebuild_tensor_v2\n(%sK\x00K\x02\x85K\x01\x85\x89ccollections\nOrderedDict\n)R%stR"


def tensor(storage: bytes = STORAGE, rest: bytes = b"") -> bytes:
    return TENSOR % (storage, rest)


def everywhere(what: bytes) -> dict[str, bytes]:
    """Programs that put a value where the machine looks at one."""
    return {
        "a key": b"}" + what + b"Ns.",
        "a member": b"\x8f(" + what + b"\x90.",
        "a frozen member": b"(" + what + b"\x91.",
        "a key of an OrderedDict": b"ccollections\nOrderedDict\n](" + what + b"N\x86e\x85R.",
        "a key of a Counter": b"ccollections\nCounter\n}" + what + b"K\x01s\x85R.",
        "what a Counter counts": b"ccollections\nCounter\n" + what + b"\x85R.",
        "members of a set": b"c__builtin__\nset\n" + what + b"\x85R.",
        "members of members": b"c__builtin__\nset\n](" + what + b"e\x85R.",
        "a persistent id": what + b"Q.",
        "the word of a persistent id": b"(" + what + FLOATS + text("0") + text("cpu") + b"K\x02tQ.",
        "the type of a storage": b"(" + text("storage") + what + text("0") + text("cpu") + b"K\x02tQ.",
        "the name of a storage": b"(" + text("storage") + FLOATS + what + text("cpu") + b"K\x02tQ.",
        "the place of a storage": b"(" + text("storage") + FLOATS + text("0") + what + b"K\x02tQ.",
        "the count of a storage": b"(" + text("storage") + FLOATS + text("0") + text("cpu") + what + b"tQ.",
        "a storage": tensor(what) + b".",
        "a size": b"ctorch\nSize\n" + what + b"\x85R.",
        "the size of a tensor": tensor().replace(b"K\x02\x85", what, 1) + b".",
        "the metadata of a tensor": tensor(rest=what) + b".",
        "a device": b"ctorch\ndevice\n" + what + b"\x85R.",
        "the number of a device": b"ctorch\ndevice\n" + text("cpu") + what + b"\x86R.",
        "what is called": what + b")R.",
        "arguments": b"c__builtin__\nset\n" + what + b"R.",
        "a state": b"ccollections\nOrderedDict\n)R" + what + b"b.",
        "the state of a tensor": b"ctorch._tensor\n_rebuild_from_type_v2\n(ctorch._utils\n_rebuild_tensor_v2\n"
        b"ctorch\nTensor\n" + tensor().split(b"\n", 2)[2][:-1] + what + b"tR.",
        "the maker of a tensor": b"ctorch._tensor\n_rebuild_from_type_v2\n(" + what + b"ctorch\nTensor\n)NtR.",
        "the class of a tensor": b"ctorch._tensor\n_rebuild_from_type_v2\n(ctorch._utils\n_rebuild_parameter\n" + what
        + b")NtR.",
        "a state that makes a dict": b"ctorch._utils\n_rebuild_parameter_with_state\n(" + tensor() + b"\x89N]" + what
        + b"N\x86atR.",
        "bytes": b"c_codecs\nencode\n" + what + b"\x85R.",
        "a name": what + what + b"\x93.",
    }


@pytest.mark.parametrize("where", everywhere(b""))
def test_shared_tuples(where: str) -> None:
    """Nothing that was not looked at is hashed, compared or printed: a walk of this one would not end."""
    outcome(archive(everywhere(SHARED)[where]))


@pytest.mark.parametrize("where", everywhere(b""))
def test_tuples_nested_without_end(where: str) -> None:
    """Python hashes tuples by recursion in C, which ends the process."""
    assert outcome(archive(everywhere(DEEP)[where])) == "refused"


@pytest.mark.parametrize("content", [DEEP + b".", b"]" + DEEP + b"a.", b"]q\x00" + b"]h\x00aq\x00" * 2000 + b"."])
def test_values_nested_without_end_are_refused(content: bytes) -> None:
    with pytest.raises(CheckpointError, match="nest"):
        load(archive(content))


def test_values_that_are_shared_or_hold_themselves_load() -> None:
    found = load_program(b"]q\x00h\x00ah\x00a" + SHARED + b"a.")
    assert found[0] is found and found[1] is found and len(found[2]) == 2


def load_program(program: bytes) -> Any:
    return torch.load(io.BytesIO(archive(program)))


LARGE = b"\x8b" + (100_000).to_bytes(4, "little") + b"\x01" * 100_000  # an int of 800,000 bits
PROGRAMS = {
    "one long int as a key many times": b"}" + LARGE + b"q\x000" + b"h\x00Ns" * 100_000 + b".",
    "equal long texts as keys": b"}" + b"".join(text("a" * 100_000) + b"q%c0" % n for n in range(2))
    + b"h\x00Nsh\x01Ns" * 100_000 + b".",
    "the product of long sizes": tensor().replace(b"K\x02\x85", b"(" + LARGE + b"q\x09" + b"h\x09" * 62 + b"t", 1)
    .replace(b"K\x01\x85", b"(" + b"K\x01" * 63 + b"t", 1) + b".",
    "conjugates of a huge view": tensor(rest=b"}" + text("conj") + b"\x88s").replace(
        b"K\x02\x85K\x01\x85", b"\x8a\x05\x00\x00\x00\x00\x10\x85K\x00\x85") + b".",
    "many copies": b"](" + b"K\x01" * 100_000 + b"tq\x00" + b"0ctorch\nSize\nh\x00\x85R" * 10_000 + b".",
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_that_ask_for_much(name: str) -> None:
    assert outcome(archive(PROGRAMS[name])) == "refused"


def test_truth_values_are_looked_at_once() -> None:
    """Ten thousand tensors in one storage of a megabyte."""
    storage = STORAGE.replace(b"Float", b"Bool").replace(b"K\x02tQ", b"\x8a\x04\x00\x00\x10\x00tQ")
    program = b"](" + storage + b"q\x00" + tensor(b"h\x00") * 10_000 + b"e."
    assert outcome(archive(program, bytes(2**20))) == "loaded"


def test_what_a_file_says_is_shown_without_control_characters() -> None:
    for program in (b"cevil\x1b[2J\nname\n.", b"}" + text("\x1b[2J") + b"Q."):
        with pytest.raises(CheckpointError) as caught:
            load_program(program)
        assert str(caught.value).isprintable(), ascii(str(caught.value))


# --- other readers ----------------------------------------------------------------------------------------------------


def read(reader: Callable[[Path], Any], path: Path) -> Callable[[bytes], str]:
    def run(content: bytes) -> str:
        path.write_bytes(content)
        reader(path)
        return "read"

    return run


def array_of(shape: bytes, data: bytes) -> bytes:
    """A pickle of an array of bytes, as Python 2 wrote it."""
    return (b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R(K\x01" + shape
            + b"cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R\x89" + data + b"tb")


KIND = b"cnumpy\ndtype\n"
PICKLES = {
    "shared lists": b"]q\x00" + b"(h\x00h\x00lq\x000h\x00q\x00" * 40 + b".",
    "a shape that repeats a text": array_of(text("a" * 100_000) + b"\x8a\x04\xff\xff\xff\x7f\x86", b"U\x01a"),
    "a shape of shared tuples": array_of(SHARED, b"U\x01a") + b".",
    "a dtype of shared tuples": KIND + SHARED + b"K\x00K\x01\x87R.",
    "a dtype of many parts": KIND + text(",".join(["f8"] * 100_000)) + b"K\x00K\x01\x87R.",
    "a dtype of deep lists": KIND + DEEP + b"K\x00K\x01\x87R.",
    "shared tuples as a persistent id": SHARED + b"Q.",
    "shared tuples as an order": KIND + b"U\x02u1K\x00K\x01\x87R(K\x03" + SHARED + b"NNNtb.",
    "one text for many arrays": b"T" + (100_000).to_bytes(4, "little") + b"a" * 100_000 + b"q\x00]("
    + array_of(b"\x8a\x03\xa0\x86\x01\x85", b"h\x00") * 10_000 + b"e.",
}


@pytest.mark.parametrize("name", PICKLES)
def test_pickles_of_arrays(name: str, tmp_path: Path) -> None:
    content = b"\x80\x02" + PICKLES[name]
    outcome(content, read(read_pickle, tmp_path / "a"), may=("open",))


OPENERS: dict[str, Callable[[bytes], bytes]] = {".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress}


@pytest.mark.parametrize("suffix", OPENERS)
def test_idx_that_grows_is_not_unpacked(suffix: str, tmp_path: Path) -> None:
    """200 megabytes of zeros, which compress to very little: with a head that agrees, and with one that does not."""
    for count in (200_000_000, 10, 2**32 - 1):
        head = b"\0\0\x08\x01" + count.to_bytes(4, "big")
        content = OPENERS[suffix](head + bytes(200_000_000))
        # (Unpacking .xz takes 8 megabytes for its dictionary.)
        result = outcome(content, read(read_idx, tmp_path / f"a{suffix}"), 400, may=("open",))
        assert result == "refused"


@pytest.mark.parametrize("suffix", OPENERS)
def test_damaged_idx(suffix: str, tmp_path: Path) -> None:
    array = np.arange(60, dtype=np.uint8).reshape(3, 4, 5)
    path, content = tmp_path / f"a{suffix}", OPENERS[suffix](idx(array))
    path.write_bytes(content)
    assert read_idx(path).tolist() == array.tolist()
    refused = 0
    for at in range(len(content)):
        for case in (content[:at], content[:at] + bytes([content[at] ^ 0x55]) + content[at + 1 :]):
            path.write_bytes(case)
            try:
                read_idx(path)
            except CheckpointError as error:
                refused += 1
                assert str(error).startswith("[read_idx]")
    assert refused > len(content)


# --- whatever is saved loads ------------------------------------------------------------------------------------------


def there_and_back(obj: Any, write: Any = torch.save) -> Any:
    file = io.BytesIO()
    write(obj, file)
    file.seek(0)
    return torch.load(file)


@pytest.mark.parametrize("write", [torch.save, save_torch], ids=["save", "save_torch"])
def test_many_dictionaries_with_the_same_keys(write: Any) -> None:
    """As an optimiser's state has them."""
    obj: Any = [{key: 1 for key in range(10)} for _ in range(2000)]
    assert there_and_back(obj, write) == obj
    obj = [dict.fromkeys(range(300), 0.5) for _ in range(100)] + [{1, 2.5, None}, {(1, "a"): 2}]
    assert there_and_back(obj, write) == obj


@pytest.mark.parametrize("write", [torch.save, save_torch], ids=["save", "save_torch"])
def test_the_same_dtype_twice(write: Any) -> None:
    obj = [torch.float32, {"a": torch.float32, "b": torch.int64}, torch.int64]
    assert there_and_back(obj, write) == obj


def test_views_of_another_dtype_share_memory() -> None:
    z = torch.tensor([1 + 2j, 3 + 4j])
    x = torch.ones(4)
    a, b, c, d, e = there_and_back([z, torch.view_as_real(z), z[1:], x, x.view(torch.int32)], save_plain)
    assert a.tolist() == [1 + 2j, 3 + 4j] and b.tolist() == [[1, 2], [3, 4]]
    b[1, 0] = 7
    assert a[1].item() == 7 + 4j == c[0].item()
    e.zero_()
    assert d.tolist() == [0] * 4


@pytest.mark.parametrize("write", [torch.save, save_torch, functools.partial(
    torch.save, _use_new_zipfile_serialization=False)], ids=["save", "save_torch", "legacy"])
def test_views_of_another_dtype_are_refused_as_in_pytorch(write: Any) -> None:
    z = torch.tensor([1 + 2j])
    for obj in ([z, torch.view_as_real(z)], {"a": z, "b": z.untyped_storage()}):
        with pytest.raises(RuntimeError, match="Cannot save multiple tensors or storages that view the same data"):
            there_and_back(obj, write)


def test_views_of_bytes_as_truths_are_looked_at() -> None:
    flags = torch.tensor([True, False])
    file = io.BytesIO()
    save_plain([flags, flags.view(torch.uint8)], file)
    a, b = torch.load(io.BytesIO(file.getvalue()))
    b[1] = 1
    assert a.tolist() == [True, True]
    damaged = file.getvalue()[:-2] + b"\x01\x07"
    with pytest.raises(CheckpointError, match="truth values"):
        torch.load(io.BytesIO(damaged))


def test_keys_that_no_reader_would_take_are_not_written_as_if_it_did() -> None:
    """A key that nests deeper than a reader looks is refused by `save_plain`, and pickled by `save`."""
    key: Any = ()
    for _ in range(60):
        key = (key,)
    file = io.BytesIO()
    with pytest.raises(TypeError, match="keys that a reader refuses"):
        save_plain({key: 1}, file)
    torch.save({key: 1}, file)
    assert torch.load(io.BytesIO(file.getvalue()), weights_only=False) == {key: 1}


def test_metadata_longer_than_a_header_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wengert.io.layout._LONGEST_HEADER", 1000)
    assert there_and_back({"a": "x" * 2000}) == {"a": "x" * 2000}


def test_a_process_survives_what_it_refuses() -> None:
    """What was half made is let go without a crash, in a process of its own."""
    program = "import io, sys, wengert as torch\ntry: torch.load(io.BytesIO(sys.stdin.buffer.read()))\n" \
        "except torch.io.CheckpointError as error: print('refused')"
    for content in (archive(DEEP + b"."), archive(b"]" + b"(]" * 1_000_000), json.dumps([[]]).encode()):
        done = subprocess.run([sys.executable, "-c", program], input=content, capture_output=True)
        assert done.stdout.decode().strip() == "refused", done.stderr.decode()[-500:]
