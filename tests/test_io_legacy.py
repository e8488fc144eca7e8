"""The files that PyTorch wrote before 1.6, as they are (`test_io.py` reads one whole), and damaged or hostile."""

from __future__ import annotations

import io
import pickletools
from pathlib import Path

import numpy as np
import pytest

import wengert as torch
from wengert.io import CheckpointError, machine

LEGACY = Path(__file__).parent / "golden" / "legacy.pt"
KEY = b"X\x01\x00\x00\x000"
VIEW = b"X\x01\x00\x00\x001K\x01K\x01\x87"  # one element, from 1 on
LIST = b"]" + KEY + b"a"
FLOATS = (1).to_bytes(8, "little") + np.float32(2.5).tobytes()


def tensor_of(count: bytes = b"K\x01", size: bytes = b"K\x01\x85", view: bytes = b"N") -> bytes:
    """The part of a program that makes a tensor of one storage."""
    storage = b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\n" + KEY + b"X\x03\x00\x00\x00cpu"
    return (b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + count + view + b"tQK\x00" + size +
            b"K\x01\x85\x89ccollections\nOrderedDict\n)RtR")


def legacy(program: bytes, keys: bytes = LIST, *storages: bytes) -> bytes:
    """A file around a program, the list of its storages, and these."""
    head = LEGACY.read_bytes()[:15] + b"\x80\x02M\xe9\x03.\x80\x02}."
    return head + b"\x80\x02" + program + b".\x80\x02" + keys + b"." + b"".join(storages)


LEGACY_FILES: dict[str, tuple[bytes, str]] = {
    "another version": (LEGACY.read_bytes()[:15] + b"\x80\x02K\x01.\x80\x02}.", "version 1001"),
    "no storages": (legacy(tensor_of(), b"]"), "its list of storages"),
    "another storage": (legacy(tensor_of(), b"]X\x01\x00\x00\x001a", FLOATS), "its list of storages"),
    "a storage twice": (legacy(tensor_of(), b"](" + KEY * 2 + b"e", FLOATS), "no list of the names"),
    "more numbers": (legacy(tensor_of(), LIST, (2).to_bytes(8, "little") + bytes(8)), "1 elements"),
    "a negative count": (legacy(tensor_of(), LIST, b"\xff" * 8 + bytes(4)), "1 elements"),
    "fewer numbers": (legacy(tensor_of(), LIST, FLOATS[:-1]), "ends early"),
    "more than the file holds": (legacy(tensor_of(count=b"J\xff\xff\xff\x7f")), "2147483647 elements in"),
    "a tensor outside": (legacy(tensor_of(size=b"K\x02\x85"), LIST, FLOATS), "inside its memory"),
    "a part outside": (legacy(tensor_of(view=VIEW), LIST, FLOATS),
                       "1 elements from 1 on, of the 1"),
    "code": (legacy(b"cos\nsystem\nX\x01\x00\x00\x00x\x85R"), r"asks for os\.system"),
    "code in the head": (LEGACY.read_bytes()[:15] + b"\x80\x02cos\nsystem\n.", r"its head asks for os\.system"),
    "a storage in the head": (LEGACY.read_bytes()[:15] + b"\x80\x02K\x01Q.", "its head refers to a storage"),
    "code in the list": (legacy(tensor_of(), b"cos\nsystem\n"), r"its head asks for os\.system"),
    "text": (legacy(b"I5\n"), "the instruction 'I'"),
    "a string that is longer than the file": (legacy(b"\x8e" + b"\xff" * 7 + b"\x7f"), "ends early"),
}


@pytest.mark.parametrize("name", LEGACY_FILES)
def test_a_damaged_file_of_before_1_6(name: str) -> None:
    content, words = LEGACY_FILES[name]
    with pytest.raises(CheckpointError, match=words):
        torch.load(io.BytesIO(content))


def test_files_of_before_1_6_whose_parts_are_of_one_storage() -> None:
    """A part of a storage shares its memory, in files before 0.4; numbers behind the last storage are left alone."""
    program = b"](" + tensor_of(count=b"K\x02", size=b"K\x02\x85") + tensor_of(count=b"K\x02", view=VIEW) + b"e"
    numbers = (2).to_bytes(8, "little") + np.array([2.5, 3.5], np.float32).tobytes()
    whole, part = torch.load(io.BytesIO(legacy(program, LIST, numbers, b"more")))
    assert (whole.tolist(), part.tolist()) == ([2.5, 3.5], [3.5])
    version = whole._version
    part.fill_(7)
    assert whole.tolist() == [2.5, 7.0] and whole._version == version + 1


def test_where_a_pickle_ends_is_what_the_standard_library_says() -> None:
    """Every instruction that the machine has is passed over with all that belongs to it."""
    fixed = {"uint1": 1, "uint2": 2, "int4": 4, "uint4": 4, "uint8": 8, "float8": 8}
    counted = {pickletools.TAKEN_FROM_ARGUMENT1: 1, pickletools.TAKEN_FROM_ARGUMENT4: 4,
               pickletools.TAKEN_FROM_ARGUMENT4U: 4, pickletools.TAKEN_FROM_ARGUMENT8U: 8}
    seen = 0
    for opcode in pickletools.opcodes:
        code, argument = ord(opcode.code), opcode.arg
        if code in machine._INSTRUCTIONS:
            seen += 1
            expected = (fixed.get(argument.name, 0), counted.get(argument.n, 0),
                        2 * (argument.name == "stringnl_noescape_pair")) if argument else (0, 0, 0)
            assert (machine._FIXED.get(code, 0), machine._COUNTED.get(code, 0), machine._LINES.get(code, 0)) == expected
    assert seen == len(machine._INSTRUCTIONS)
