"""The safetensors layout, which wengert reads and writes by itself; the package `safetensors` is the oracle."""

from __future__ import annotations

import io
import json
import random
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import wengert as torch
from tests.fuzz.damage import altered, damaged
from wengert import nn
from wengert.io import CheckpointError, load_file, save_file, save_plain
from wengert.io.layout import HeaderError, read_arrays, write_arrays

try:
    import safetensors.numpy as oracle
    from safetensors import SafetensorError
except ImportError:
    oracle = None

needs_oracle = pytest.mark.skipif(oracle is None, reason="the package safetensors, the oracle, is not installed")


def header(text: str, data: bytes = b"") -> bytes:
    return struct.pack("<Q", len(text)) + text.encode() + data


def test_a_file_by_hand() -> None:
    """The eight bytes, the header and the numbers are those that the format's page describes."""
    file = io.BytesIO()
    write_arrays(file, {"b": np.array([True]), "a": np.array([[1, 2]], np.int16)}, {"by": "me"})
    text = ('{"__metadata__":{"by":"me"},"a":{"dtype":"I16","shape":[1,2],"data_offsets":[0,4]},'
            '"b":{"dtype":"BOOL","shape":[1],"data_offsets":[4,5]}}')
    text += " " * (-len(text) % 8)
    assert file.getvalue() == header(text, bytes([1, 0, 2, 0, 1]))
    arrays, metadata = read_arrays(file)
    assert {name: array.tolist() for name, array in arrays.items()} == {"a": [[1, 2]], "b": [True]}
    assert metadata == {"by": "me"} and list(arrays) == ["a", "b"]


def test_on_a_machine_of_the_other_byte_order(monkeypatch: pytest.MonkeyPatch) -> None:
    arrays = {"a": np.array([1, 2], np.int16), "z": np.array([1 + 2j], np.complex64), "b": np.array([True])}
    here, there = io.BytesIO(), io.BytesIO()
    write_arrays(here, arrays)
    monkeypatch.setattr(sys, "byteorder", "little" if sys.byteorder == "big" else "big")
    write_arrays(there, {name: array.byteswap() for name, array in arrays.items()})
    assert there.getvalue() == here.getvalue()
    assert read_arrays(here)[0]["z"].byteswap().tolist() == [1 + 2j]
    assert arrays["a"].tolist() == [1, 2]


def test_names_that_the_format_cannot_hold(tmp_path: Path) -> None:
    for name in ("\ud800", "__metadata__"):
        with pytest.raises(HeaderError, match=r"\[save\]"):
            save_file({name: torch.ones(1)}, tmp_path / "a")
    with pytest.raises(TypeError, match="strings by name"):
        save_file({"a": torch.ones(1)}, tmp_path / "a", {"a": 1})  # type: ignore[dict-item]
    with pytest.raises(TypeError, match="complex128"):
        save_file({"a": torch.ones(1, dtype=torch.complex128)}, tmp_path / "a")
    # `save` finds another name, and keeps this one where any text can be.
    torch.save({"\ud800": torch.ones(1), "__metadata__": torch.zeros(1)}, tmp_path / "b")
    assert list(torch.load(tmp_path / "b")) == ["\ud800", "__metadata__"]


ENTRY = '{"dtype":"F32","shape":[2],"data_offsets":[0,8]}'
UNSOUND = {
    "a gap": header('{"x":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}}', bytes(3)),
    "an overlap": header(f'{{"x":{ENTRY},"y":{ENTRY}}}', bytes(8)),
    "bytes left over": header(f'{{"x":{ENTRY}}}', bytes(9)),
    "the same name twice": header(f'{{"x":{ENTRY},"x":{ENTRY.replace("0,8", "8,16")}}}', bytes(16)),
    "a truth as a size": header('{"x":{"dtype":"U8","shape":[true],"data_offsets":[0,1]}}', bytes(1)),
    "a fraction": header('{"x":{"dtype":"U8","shape":[1.0],"data_offsets":[0,1]}}', bytes(1)),
    "metadata that are no texts": header('{"__metadata__":{"a":1}}'),
    "nothing but a number": header("1"),
    "a size below zero": header('{"x":{"dtype":"U8","shape":[-1,-1],"data_offsets":[0,1]}}', bytes(1)),
    "65 dimensions": header(f'{{"x":{{"dtype":"U8","shape":{[1] * 65},"data_offsets":[0,1]}}}}', bytes(1)),
    "half of a character": header('{"__metadata__":{"a":"\\ud800"}}'),
    "a type that is a list": header('{"x":{"dtype":[],"shape":[1],"data_offsets":[0,1]}}', bytes(1)),
    "text that is none": struct.pack("<Q", 3) + b'{"\xff',
    "a header longer than the file": struct.pack("<Q", 2**63) + b"{}",
    "an end before the file": header('{"x":{"dtype":"U8","shape":[2],"data_offsets":[0,-500]}}', bytes(2)),
    "an end that is infinite": header('{"x":{"dtype":"U8","shape":[2],"data_offsets":[0,Infinity]}}', bytes(2)),
    "a header of UTF-16": struct.pack("<Q", 4) + b"{\0}\0",
}


@pytest.mark.parametrize("content", UNSOUND.values(), ids=UNSOUND)
def test_unsound_files(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"^\[load\] a"):
        torch.load(path)
    if content is not UNSOUND["bytes left over"]:
        with pytest.raises(CheckpointError, match=r"^\[load\] a"):
            torch.load(io.BytesIO(content))


def test_what_lies_behind_a_file_in_an_object_is_left_there() -> None:
    file = io.BytesIO(UNSOUND["bytes left over"])
    assert torch.load(file)["x"].tolist() == [0.0, 0.0]
    assert file.read() == b"\0"


def test_a_bare_install_saves_and_loads(tmp_path: Path) -> None:
    program = (
        "import sys; sys.modules['safetensors'] = None\n"
        "import wengert as torch; torch.save({'a': torch.ones(2)}, 'a.pt'); print(torch.load('a.pt'))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == "{'a': tensor([1., 1.])}\n"


@needs_oracle
def test_safetensors_files_of_others(tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    arrays = {
        "b": np.arange(6, dtype=np.float32).reshape(2, 3),
        "a": np.array(True),
        "h": np.ones(2, np.float16),
    }
    oracle.save_file(arrays, path, {"format": "np"})
    for got in (torch.load(path), load_file(path), torch.load(io.BytesIO(path.read_bytes()))):
        assert {name: tensor.tolist() for name, tensor in got.items()} == {
            n: a.tolist() for n, a in arrays.items()
        }
        got["b"][0, 0] = 5  # the memory is the tensor's own
    for name in ("uint16", "uint32", "uint64"):
        oracle.save_file({"a": np.array([1, np.iinfo(name).max], name)}, path)
        assert torch.load(path)["a"].tolist() == [1, np.iinfo(name).max]


@needs_oracle
def test_safetensors_files_for_others(tmp_path: Path) -> None:
    x = torch.arange(6.0).view(2, 3)
    save_file(
        {"x": x, "t": x.t(), "h": torch.ones(2, dtype=torch.bfloat16)},
        tmp_path / "a.safetensors",
        {"by": "me"},
    )
    with oracle.safe_open(tmp_path / "a.safetensors", framework="np") as file:
        assert file.metadata() == {"by": "me"}
        assert file.get_tensor("t").tolist() == x.t().tolist()
    assert load_file(tmp_path / "a.safetensors")["h"].dtype is torch.bfloat16
    with pytest.raises(TypeError, match="a dict of tensors by name"):
        save_file({"x": 1}, tmp_path / "b.safetensors")
    # What `save_plain` writes is in that layout too: a state_dict's tensors are found by their names.
    net = nn.Linear(2, 3)
    save_plain({"model": net.state_dict(), "views": [x, x[0]]}, tmp_path / "c.pt")
    arrays = oracle.load_file(tmp_path / "c.pt")
    assert arrays["model.weight"].tolist() == net.weight.tolist()
    assert arrays["views.0"].tolist() == x.tolist()


@needs_oracle
def test_both_take_and_refuse_the_same_files() -> None:
    """Two thousand damaged files: what the oracle takes, we take as the same numbers, and the other way round."""
    file = io.BytesIO()
    arrays = {"a": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.array(5, np.int64), "c": np.zeros((0, 2))}
    write_arrays(file, arrays, {"by": "me"})
    content = file.getvalue()
    length = struct.unpack("<Q", content[:8])[0]
    table = json.loads(content[8 : 8 + length])
    taken = 0
    for seed in range(2000):
        chance = random.Random(f"both {seed}")
        if seed % 2:
            case = damaged(content, chance)
        else:
            case = header(json.dumps(altered(table, chance)), content[8 + length :])
        wanted = by_oracle(case)
        if wanted is None:
            with pytest.raises(CheckpointError):
                read_arrays(io.BytesIO(case))
        else:
            taken += 1
            got, _ = read_arrays(io.BytesIO(case))
            assert {name: (array.dtype, array.shape, array.tobytes()) for name, array in got.items()} == wanted
    assert 100 < taken < 1900


def by_oracle(case: bytes) -> Any:
    try:
        found = oracle.load(case)
    except (SafetensorError, KeyError, ValueError):
        return None
    return {name: (array.dtype, array.shape, array.tobytes()) for name, array in found.items()}
