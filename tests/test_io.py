"""`save` and `load`: what goes in comes out, a kill harms nothing, other kinds of files and unsafe ones are refused."""

from __future__ import annotations

import functools
import io
import os
import pickle
import signal
import stat
import subprocess
import sys
import tarfile
import threading
import zipfile
from argparse import Namespace
from collections import Counter, OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies

import wengert as torch
from tests.golden.make_checkpoint import contents
from wengert import nn
from wengert.io import CheckpointError, save_plain, save_torch
from wengert.serialization import add_safe_globals, clear_safe_globals, get_safe_globals, safe_globals

GOLDEN = Path(__file__).parent / "golden" / "checkpoint.pt"
LEGACY = GOLDEN.with_name("legacy.pt")
KINDS = [
    torch.bool,
    torch.uint8,
    torch.int8,
    torch.int16,
    torch.int32,
    torch.int64,
    torch.float16,
    torch.bfloat16,
    torch.float32,
    torch.float64,
    torch.complex64,
    torch.complex128,
]


def there_and_back(obj: Any, write: Any = torch.save) -> Any:
    file = io.BytesIO()
    write(obj, file)
    file.seek(0)
    return torch.load(file)


def assert_same(got: Any, want: Any) -> None:
    """Asserts that two objects are alike in every respect that a file can keep."""
    assert type(got) is type(want)
    if isinstance(want, torch.Tensor):
        assert (got.dtype, got.shape, got.requires_grad) == (want.dtype, want.shape, want.requires_grad)
        assert got.is_leaf
        assert got.detach().reshape(-1).tolist() == want.detach().reshape(-1).tolist()
    elif isinstance(want, np.ndarray):
        assert got.dtype == want.dtype
        np.testing.assert_array_equal(got, want)
    elif isinstance(want, dict):
        assert list(got) == list(want)
        for key in want:
            assert_same(got[key], want[key])
        assert getattr(got, "_metadata", None) == getattr(want, "_metadata", None)
    elif isinstance(want, (list, tuple)):
        assert len(got) == len(want)
        for one, other in zip(got, want, strict=True):
            assert_same(one, other)
    else:
        assert got == want or got != got


# --- what goes in comes out -------------------------------------------------------------------------------------------

PLAIN = [
    None,
    True,
    0,
    -(2**70),
    2.5,
    -0.0,
    float("nan"),
    float("inf"),
    1 + 2j,
    "",
    "text ü \ud800",
    b"",
    b"\x00\xff",
    bytearray(b"xy"),
    [],
    {},
    (),
    [[1], (2, [3])],
    {"a": {"b": 1}},
    {1: "one", (1, "a"): 2, None: 3, 2.5: 4},
    OrderedDict([("b", 1), ("a", 2)]),
    OrderedDict([(2, 1), (1, 2)]),
    Counter("aab"),
    {1, 2},
    frozenset({"a"}),
    torch.Size([2, 3]),
    torch.float32,
    torch.device("cpu"),
    torch.device("cuda:1"),
    {"dict": 1},
    {"tensor": 0},
    np.float64(2.5),
    np.int32(3),
    np.bool_(True),
    np.arange(6, dtype=np.uint16).reshape(2, 3),
    np.zeros((0, 2)),
]


@pytest.mark.parametrize("obj", PLAIN, ids=repr)
@pytest.mark.parametrize("write", [torch.save, save_plain])
def test_plain_objects(obj: Any, write: Any) -> None:
    if write is torch.save and isinstance(obj, (np.generic, np.ndarray)):
        with pytest.raises(pickle.UnpicklingError, match="Unsupported global: GLOBAL numpy"):
            there_and_back(obj)
        return
    assert_same(there_and_back(obj, write), obj)
    assert_same(there_and_back({"in": [obj]}, write), {"in": [obj]})


PLAIN_KEYS = (
    strategies.integers()
    | strategies.floats(allow_nan=False)
    | strategies.none()
    | strategies.text()
    | strategies.binary()
    | strategies.sampled_from([True, 1 + 2j, *KINDS])
)
KEYS = PLAIN_KEYS | strategies.tuples(PLAIN_KEYS, PLAIN_KEYS)
SCALARS = PLAIN_KEYS | strategies.floats() | strategies.complex_numbers()
OBJECTS = strategies.recursive(
    SCALARS | strategies.builds(torch.arange, strategies.integers(0, 5)) | strategies.frozensets(KEYS),
    lambda inner: (
        strategies.lists(inner)
        | strategies.tuples(inner, inner)
        | strategies.dictionaries(KEYS, inner)
        | strategies.builds(OrderedDict, strategies.lists(strategies.tuples(strategies.text(), inner)))
    ),
    max_leaves=20,
)


@settings(deadline=None, max_examples=80)
@given(OBJECTS)
def test_any_plain_object(obj: Any) -> None:
    assert_same(there_and_back(obj), obj)
    assert_same(there_and_back(obj, save_plain), obj)


def test_keys_that_only_a_pickle_holds() -> None:
    for obj in (
        {torch.device("cpu"): 1},
        {np.float64(1.0): 2},
        {torch.Size([1])},
        {(1, torch.device("cpu")): 1},
    ):
        file = io.BytesIO()
        torch.save(obj, file)
        file.seek(0)
        assert torch.load(file, weights_only=False) == obj


@pytest.mark.parametrize("write", [torch.save, save_torch])
@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_dtypes(kind: Any, write: Any) -> None:
    tensors = [
        torch.tensor([[0, 1], [1, 0]]).to(kind),
        torch.tensor(1).to(kind),
        torch.zeros(0, 3, dtype=kind),
    ]
    assert_same(there_and_back(tensors, write), tensors)


@pytest.mark.parametrize("write", [torch.save, save_torch])
def test_kinds_of_tensors(write: Any) -> None:
    x = torch.ones(2, requires_grad=True)
    named = torch.ones(1)
    named.origin = {"file": "a", "steps": (1, 2)}
    frozen = nn.Parameter(torch.ones(2), requires_grad=False)
    frozen.shared = True
    given = [x, nn.Parameter(torch.zeros(2)), frozen, named, torch.arange(3)]
    got = there_and_back(given, write)
    assert_same(got, given)
    assert got[3].origin == named.origin
    assert got[2].shared is True
    result = there_and_back(x * 2, write)
    assert result.requires_grad and result.is_leaf  # as in PyTorch, the history stays behind
    for persistent in (True, False):
        buffer = there_and_back(nn.Buffer(torch.ones(1), persistent=persistent), write)
        assert type(buffer) is nn.Buffer and buffer.persistent is persistent


@pytest.mark.parametrize("write", [torch.save, save_torch])
def test_shared_memory_stays_shared(write: Any) -> None:
    base = torch.arange(12.0).view(3, 4)
    views = {"base": base, "row": base[1], "transposed": base.t(), "again": base, "some": base[::2, 1:3]}
    got = there_and_back(views, write)
    assert_same(got, views)
    assert got["again"] is got["base"]
    assert got["transposed"].stride() == (1, 4)
    got["base"][1, 2] = 100
    assert got["row"][2] == 100 == got["transposed"][2, 1]
    # Backward notices the write through another of them, as with the originals.
    weight = torch.ones(4, requires_grad=True)
    product = got["row"] * weight
    got["base"].zero_()
    with pytest.raises(RuntimeError, match="modified|written|overwritten"):
        product.sum().backward()


def test_layouts_in_memory_are_kept() -> None:
    channels = torch.rand(2, 3, 4, 5).contiguous(memory_format=torch.channels_last)
    expanded = torch.ones(1).expand(1000, 1000)
    complex_views = torch.arange(8.0).to(torch.complex64)
    given = {"channels": channels, "expanded": expanded, "all": complex_views, "odd": complex_views[1::2]}
    file = io.BytesIO()
    torch.save(given, file)
    assert len(file.getvalue()) < 3000
    file.seek(0)
    got = torch.load(file)
    assert_same(got, given)
    for name in given:
        assert got[name].stride() == given[name].stride()


@pytest.mark.parametrize(("write", "alone"), [(torch.save, False), (save_plain, True)])
def test_a_part_of_a_large_tensor(write: Any, alone: bool) -> None:
    """Is stored with the whole memory, as in PyTorch, but by `save_plain`."""
    file = io.BytesIO()
    write(torch.zeros(1_000_000)[10:12], file)
    assert (len(file.getvalue()) < 1000) is alone
    file.seek(0)
    assert torch.load(file).untyped_storage().nbytes() == (8 if alone else 4_000_000)


def test_tied_weights_stay_tied() -> None:
    weight = nn.Parameter(torch.ones(2, 2))
    got = there_and_back({"in": weight, "out": weight, "data": weight.detach()})
    assert got["in"] is got["out"]
    with torch.no_grad():
        got["in"].fill_(5)
    assert got["data"].tolist() == [[5, 5], [5, 5]]


def test_what_no_json_holds_is_pickled_and_yet_safe() -> None:
    """Objects that contain themselves, or are nested deeply, take the other form, and load by default all the same."""
    knot: list[Any] = [torch.ones(2)]
    knot.append(knot)
    got = there_and_back(knot)
    assert got[1] is got and got[0].tolist() == [1, 1]
    deep: Any = []
    for _ in range(150):
        deep = [deep]
    assert there_and_back(deep) == deep
    wide: Any = [1]
    for _ in range(60):
        wide = [wide, wide]
    got = there_and_back(wide)  # 2**60 ones, were they written out
    for _ in range(60):
        assert got[0] is got[1]
        got = got[0]
    assert got == [1]


# --- models and optimisers --------------------------------------------------------------------------------------------


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(3, 4), nn.Linear(4, 1)
        self.register_buffer("count", torch.zeros((), dtype=torch.int64))

    def forward(self, x: Any) -> Any:
        self.count += 1
        return self.second(torch.tanh(self.first(x)))


def train(net: Net, optimizer: Any, steps: int) -> list[float]:
    losses = []
    x = torch.arange(12.0).view(4, 3) / 10
    for _ in range(steps):
        optimizer.zero_grad()
        loss = (net(x) - 1).square().mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


@pytest.mark.parametrize("write", [torch.save, save_torch])
def test_state_dict(tmp_path: Path, write: Any) -> None:
    torch.manual_seed(0)
    net = Net()
    write(net.state_dict(), tmp_path / "net.pt")
    got = torch.load(tmp_path / "net.pt")
    assert type(got) is OrderedDict
    assert got._metadata == net.state_dict()._metadata
    other = Net()
    assert str(other.load_state_dict(got)) == "<All keys matched successfully>"
    for mine, its in zip(net.state_dict().values(), other.state_dict().values(), strict=True):
        assert_same(mine, its)
    assigned = Net()
    assigned.load_state_dict(torch.load(tmp_path / "net.pt"), assign=True)
    assert type(assigned.first.weight) is nn.Parameter and assigned.first.weight.requires_grad
    del got["second.bias"]
    with pytest.raises(RuntimeError, match=r"Missing key\(s\) in state_dict: \"second.bias\""):
        other.load_state_dict(got)


@pytest.mark.parametrize(
    "make",
    [
        lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True),
        lambda p: torch.optim.Adam(p, lr=0.05, amsgrad=True),
        lambda p: torch.optim.AdamW([{"params": list(p)[:2], "lr": 0.1}, {"params": list(p)[2:]}], lr=0.05),
    ],
    ids=["sgd", "adam", "adamw"],
)
def test_resuming_gives_the_same_trajectory(tmp_path: Path, make: Any) -> None:
    path = tmp_path / "checkpoint.pt"
    torch.manual_seed(0)
    net = Net()
    net_again = Net()
    optimizer, optimizer_again = make(list(net.parameters())), make(list(net_again.parameters()))
    train(net, optimizer, 5)
    torch.save(
        {
            "epoch": 5,
            "model": net.state_dict(),
            "optimizer": optimizer.state_dict(),
            "random": torch.get_rng_state(),
        },
        path,
    )
    expected = train(net, optimizer, 10)
    noise = torch.randn(3)
    checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    assert checkpoint["epoch"] == 5
    assert all(type(key) is int for key in checkpoint["optimizer"]["state"])
    net_again.load_state_dict(checkpoint["model"])
    optimizer_again.load_state_dict(checkpoint["optimizer"])
    torch.set_rng_state(checkpoint["random"])
    assert train(net_again, optimizer_again, 10) == expected
    assert torch.randn(3).tolist() == noise.tolist()


# --- files ------------------------------------------------------------------------------------------------------------


def test_paths_and_file_objects(tmp_path: Path) -> None:
    for path in (
        str(tmp_path / "a.pt"),
        tmp_path / "b.safetensors",
        tmp_path / "c",
    ):
        torch.save({"x": torch.ones(2)}, path)
        assert torch.load(path)["x"].tolist() == [1, 1]
    with open(tmp_path / "d.pt", "wb") as file:
        file.write(b"before")
        torch.save([1, 2], file)
    with open(tmp_path / "d.pt", "rb") as file:
        file.seek(6)
        assert torch.load(file) == [1, 2]
    assert [name for name in os.listdir(tmp_path) if name.endswith(".tmp")] == []
    with (
        open(tmp_path / "a.pt", encoding="latin1") as text,
        pytest.raises(CheckpointError, match="open it with 'rb'"),
    ):
        torch.load(text)
    with pytest.raises(AttributeError, match="'write' attribute"):
        torch.save(1, 5)
    with pytest.raises(AttributeError, match="'read' attribute"):
        torch.load(5)
    with pytest.raises(FileNotFoundError):
        torch.load(tmp_path / "none.pt")
    with pytest.raises(RuntimeError, match="Parent directory .*none does not exist"):
        torch.save(1, tmp_path / "none" / "a.pt")
    with pytest.raises(IsADirectoryError):
        torch.save(1, tmp_path)


@pytest.mark.skipif(os.name != "posix", reason="links, permissions and pipes of Unix")
def test_links_permissions_and_pipes(tmp_path: Path) -> None:
    target, link, pipe = tmp_path / "target.pt", tmp_path / "link.pt", tmp_path / "pipe"
    torch.save(1, target)
    plain = tmp_path / "plain"
    plain.write_bytes(b"")
    assert stat.S_IMODE(target.stat().st_mode) == stat.S_IMODE(plain.stat().st_mode)
    target.chmod(0o640)
    link.symlink_to(target)
    torch.save(2, link)
    assert link.is_symlink() and torch.load(target) == 2
    assert stat.S_IMODE(target.stat().st_mode) == 0o640
    os.mkfifo(pipe)
    got: list[Any] = []
    reader = threading.Thread(target=lambda: got.append(pipe.read_bytes()))
    reader.start()
    torch.save([3], pipe)
    reader.join()
    assert torch.load(io.BytesIO(got[0])) == [3] and stat.S_ISFIFO(pipe.stat().st_mode)


def test_a_failure_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.pt"
    torch.save(1, path)
    with pytest.raises((AttributeError, pickle.PicklingError), match="lambda|local"):
        torch.save({"x": torch.ones(3), "f": lambda: 1}, path)
    with pytest.raises(TypeError, match=r"argparse.Namespace.* PyTorch would refuse"):
        save_torch(Namespace(a=1), path)
    assert torch.load(path) == 1
    assert os.listdir(tmp_path) == ["a.pt"]


WRITER = """
import sys
import wengert as torch
from tests.golden.make_checkpoint import contents
from wengert.io import save_torch
write = torch.save if sys.argv[2] == "save" else save_torch
number = 0
while True:
    number += 1
    write({"x": torch.full((300_000,), float(number)), "number": number}, sys.argv[1])
    print(number, flush=True)
"""


@pytest.mark.parametrize("write", ["save", "save_torch"])
def test_a_kill_leaves_a_whole_file(tmp_path: Path, write: str) -> None:
    path = tmp_path / "a.pt"
    random = np.random.RandomState(0)
    for _ in range(4):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path), write], stdout=subprocess.PIPE, text=True
        )
        assert writer.stdout is not None
        done = int(writer.stdout.readline())
        # Somewhere in the middle of one of the writes that follow.
        threading.Event().wait(random.uniform(0, 0.02))
        writer.send_signal(signal.SIGKILL if os.name == "posix" else signal.SIGTERM)
        done = max([done, *map(int, writer.stdout.read().split())])
        writer.wait()
        writer.stdout.close()
        got = torch.load(path)
        assert got["number"] in (done, done + 1)
        assert (got["x"] == got["number"]).all()


# --- files of others --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("file", [GOLDEN, LEGACY], ids=["zip", "before 1.6"])
def test_a_file_of_pytorch(file: Path) -> None:
    got = torch.load(file)
    expected = contents(torch)
    model, _ = expected.pop("model"), expected.pop("optimizer")
    assert set(got) - set(expected) == {"model", "optimizer"}
    for name, value in expected.items():
        assert_same(got[name], value)
    got["base"][1, 2] = 100
    assert got["row"][2] == 100 == got["transposed"][2, 1]
    for name, tensor in model.items():
        torch.testing.assert_close(got["model"][name], tensor)
    assert got["model"]._metadata["0"] == {"version": 1}
    layers = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))
    torch.optim.SGD(layers.parameters(), lr=0.1, momentum=0.9).load_state_dict(got["optimizer"])
    assert torch.load(file, weights_only=False)["base"].tolist() == expected["base"].tolist()


def test_files_of_the_other_byte_order() -> None:
    swapped = io.BytesIO()
    widths = [1, 1, 1, 2, 4, 8, 2, 2, 4, 8, 4, 8]  # of a part of a complex number
    with zipfile.ZipFile(GOLDEN) as source, zipfile.ZipFile(swapped, "w") as target:
        for entry in source.infolist():
            content = source.read(entry)
            record = entry.filename.rpartition("data/")[2]
            if record.isdigit() and 2 <= int(record) < 14:
                content = np.frombuffer(content, f"u{widths[int(record) - 2]}").byteswap().tobytes()
            elif record.isdigit():
                content = np.frombuffer(content, np.uint32).byteswap().tobytes()
            target.writestr(entry.filename, b"big" if entry.filename.endswith("byteorder") else content)
    swapped.seek(0)
    assert_same(torch.load(swapped)["kinds"], torch.load(GOLDEN)["kinds"])


@pytest.mark.parametrize(
    "place",
    [
        "cpu",
        torch.device("cpu"),
        {"cuda:0": "cpu"},
        lambda storage, location: storage,
        lambda storage, location: storage.cpu(),
    ],
    ids=["str", "device", "dict", "function", "cpu()"],
)
def test_map_location(place: Any) -> None:
    assert torch.load(program(tensor_at("cuda:0")), map_location=place).tolist() == [0.0]


def test_map_location_elsewhere() -> None:
    with pytest.raises(RuntimeError, match=r"map_location=torch.device\('cpu'\)"):
        torch.load(program(tensor_at("cuda:0")))
    with pytest.raises(RuntimeError, match=r"'cuda:1'"):
        torch.load(program(tensor_at("cuda:0")), map_location={"cuda:0": "cuda:1"})
    with pytest.raises(RuntimeError, match="no cuda"):
        torch.load(GOLDEN, map_location="cuda")
    with pytest.raises(TypeError, match="map_location"):
        torch.load(GOLDEN, map_location=5)
    with pytest.raises(ZeroDivisionError):
        torch.load(GOLDEN, map_location=lambda storage, location: 1 / 0)


# --- the opt-in to pickle ---------------------------------------------------------------------------------------------


def test_whole_models_are_an_opt_in(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    net = nn.Sequential(OrderedDict(a=nn.Linear(2, 3), b=nn.ReLU()))
    torch.save(net, path)
    for options in ({}, {"weights_only": True}):
        with pytest.raises(CheckpointError, match=r"wengert.nn\.\S+, which is neither.*weights_only=False"):
            torch.load(path, **options)
    got = torch.load(path, weights_only=False)
    assert repr(got) == repr(net)
    assert_same(got.a.weight, net.a.weight)
    assert type(got.a.weight) is nn.Parameter
    with pytest.raises(RuntimeError, match="Can not safely load weights when explicit pickle_module"):
        torch.load(path, weights_only=True, pickle_module=pickle)


def test_mixed_checkpoints(tmp_path: Path) -> None:
    """A checkpoint with the program's arguments beside the weights, as many programs write it."""
    torch.save({"model": nn.Linear(1, 1).state_dict(), "args": Namespace(lr=0.1)}, tmp_path / "a.pt")
    with pytest.raises(pickle.UnpicklingError, match=r"argparse.Namespace"):
        torch.load(tmp_path / "a.pt")
    assert torch.load(tmp_path / "a.pt", weights_only=False)["args"].lr == 0.1
    with safe_globals([Namespace]):
        assert torch.load(tmp_path / "a.pt")["args"] == Namespace(lr=0.1)
    assert get_safe_globals() == []
    add_safe_globals([(Namespace, "argparse.Namespace")])
    assert torch.load(tmp_path / "a.pt")["args"] == Namespace(lr=0.1)
    clear_safe_globals()


def test_classes_and_functions_kept_as_values() -> None:
    """What a name stands for is what comes out, not what the reader knows it by."""
    file = io.BytesIO()
    kept = {"class": Namespace, "function": functools.reduce, "ordered": OrderedDict,
            "part": functools.partial(int, base=2)}
    torch.save({**kept, "list": [Namespace, (Namespace(a=1), int)]}, file)
    with safe_globals([Namespace, functools.partial, int, (functools.reduce, "functools.reduce")]):
        got = torch.load(io.BytesIO(file.getvalue()))
    assert [got[name] for name in list(kept)[:3]] == [Namespace, functools.reduce, OrderedDict]
    assert type(got["part"]) is functools.partial and got["part"]("101") == 5
    assert got["list"] == [Namespace, (Namespace(a=1), int)]


def test_what_only_makes_others_is_no_value() -> None:
    for program in (b"ctorch._utils\n_rebuild_tensor_v2\n.", b"]ctorch._utils\n_rebuild_tensor_v2\na."):
        with pytest.raises(CheckpointError, match="the maker of a value"):
            torch.load(io.BytesIO(archive_of({"a/data.pkl": b"\x80\x02" + program})))


def test_an_activation_of_a_whole_model(tmp_path: Path) -> None:
    layer = nn.TransformerEncoderLayer(4, 2, 8, activation=nn.functional.gelu).eval()
    torch.save(layer, tmp_path / "a.pt")
    parts = [*{type(module) for module in layer.modules()}, nn.functional.gelu]
    with safe_globals(parts):
        got = torch.load(tmp_path / "a.pt")
    x = torch.ones(3, 1, 4)
    assert_same(got(x).detach(), layer(x).detach())


# --- what is refused --------------------------------------------------------------------------------------------------

STORAGE = b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000"


def text(value: str) -> bytes:
    return b"X" + len(value).to_bytes(4, "little") + value.encode()


def tensor_at(
    location: str = "cpu",
    count: bytes = b"K\x01",
    offset: bytes = b"K\x00",
    size: bytes = b"K\x01\x85",
    stride: bytes = b"K\x01\x85",
) -> bytes:
    """The program that makes a tensor of one storage."""
    return (
        b"ctorch._utils\n_rebuild_tensor_v2\n("
        + STORAGE
        + text(location)
        + count
        + b"tQ"
        + offset
        + size
        + stride
        + b"\x89ccollections\nOrderedDict\n)RtR."
    )


def program(code: bytes, **records: bytes) -> io.BytesIO:
    """An archive around a pickle, with one storage of one float32."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in {
            "data.pkl": b"\x80\x02" + code,
            "data/0": bytes(4),
            "version": b"3\n",
            **records,
        }.items():
            archive.writestr(f"archive/{name}", content)
    file.seek(0)
    return file


def test_the_programs_of_these_tests_are_right() -> None:
    assert torch.load(program(tensor_at())).tolist() == [0.0]
    assert torch.load(program(b"K\x05.")) == 5


@pytest.mark.parametrize("place", ["meta", {"cpu": "meta"}], ids=str)
@pytest.mark.parametrize(("code", "parts"), [
    (b"]q\x00(" + tensor_at()[:-1] + b"h\x00e.", list),
    (b"}q\x00(" + text("t") + tensor_at()[:-1] + text("x") + b"h\x00u.", lambda made: [made["t"], made["x"]]),
], ids=["list", "dict"])
def test_containers_that_hold_themselves_are_gone_through_once(code: bytes, parts: Any, place: Any) -> None:
    """On the way to the meta device: three bytes of a file must not take for ever."""
    made = torch.load(program(code), map_location=place)
    tensor, same = parts(made)
    assert tensor.is_meta and same is made


CODE = {
    "a call": b"cposix\nsystem\n" + text("touch {path}") + b"\x85R.",
    "eval": b"c__builtin__\neval\n" + text("open('{path}','w')") + b"\x85R.",
    "a name on the stack": text("builtins") + text("exec") + b"\x93" + text("open('{path}','w')") + b"\x85R.",
    "an instance": b"(" + text("touch {path}") + b"ios\nsystem\n.",
    "an object": b"(cos\nsystem\n" + text("touch {path}") + b"o.",
    "a new object": b"csubprocess\nPopen\n" + text("touch {path}") + b"\x85\x81.",
    "an attribute of a known name": b"ctorch._utils\n_rebuild_tensor_v2.__globals__\n.",
    "a module": b"ctorch\nload\n" + text("{path}") + b"\x85R.",
    "an extension": b"\x82\x01.",
    "state of a tensor": tensor_at()[:-1] + b"}" + text("_data") + b"K\x01sb.",
    "state of a name": b"ctorch\nfloat32\n}" + text("name") + text("x") + b"sb.",
    "state of a function": b"ctorch._utils\n_rebuild_tensor_v2\n}" + text("__code__") + b"Nsb.",
    "methods of an OrderedDict": b"ccollections\nOrderedDict\n)R}" + text("items") + b"Nsb.",
    "calling what is no maker": b"K\x01)R.",
    "calling a class of storages": b"ctorch\nFloatStorage\n)R.",
}


@pytest.mark.parametrize("code", CODE.values(), ids=CODE)
def test_no_code_runs(code: bytes, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    marked = code.replace(b"{path}", str(trace).encode())
    for size, at in [
        (code[i + 1 : i + 5], i) for i in range(len(code)) if code[i : i + 1] == b"X" and b"{path}" in code
    ]:
        length = int.from_bytes(size, "little") + len(str(trace)) - len("{path}")
        if b"{path}" in code[at + 5 : at + 5 + int.from_bytes(size, "little")]:
            marked = marked[:at] + b"X" + length.to_bytes(4, "little") + marked[at + 5 :]
    with pytest.raises(CheckpointError):
        torch.load(program(marked))
    assert not trace.exists()


def test_names_are_refused_by_name() -> None:
    with pytest.raises(CheckpointError, match=r"asks for posix\.system"):
        torch.load(program(CODE["a call"]))
    with pytest.raises(CheckpointError, match=r"a nested tensor \(torch._utils._rebuild_nested_tensor\)"):
        torch.load(program(b"ctorch._utils\n_rebuild_nested_tensor\n."))
    with pytest.raises(CheckpointError, match="quint8"):
        torch.load(program(b"ctorch\nquint8\n."))
    with pytest.raises(CheckpointError, match=r"torch\.nn\.modules\.nothing\.Such.*state_dict"):
        torch.load(program(b"ctorch.nn.modules.nothing\nSuch\n)R."), weights_only=False)


BAD = {
    "storage of another length": tensor_at(count=b"K\x02"),
    "storage of a huge length": tensor_at(count=b"\x8a\x08" + b"\xff" * 7 + b"\x7f"),
    "size beyond the storage": tensor_at(size=b"K\x02\x85"),
    "offset beyond the storage": tensor_at(offset=b"K\x01"),
    "negative offset": tensor_at(offset=b"J\xff\xff\xff\xff"),
    "negative stride": tensor_at(stride=b"J\xff\xff\xff\xff\x85"),
    "huge size": tensor_at(size=b"\x8a\x08" + b"\xff" * 7 + b"\x7f\x85", stride=b"K\x00\x85"),
    "rank of size and stride": tensor_at(size=b"K\x01K\x01\x86"),
    "hundred dimensions": tensor_at(size=b"(" + b"K\x01" * 100 + b"t", stride=b"(" + b"K\x01" * 100 + b"t"),
    "size no int": tensor_at(size=b"G?\xf0\x00\x00\x00\x00\x00\x00\x85"),
    "unknown device": tensor_at("moon"),
    "memo far away": b"K\x01r\xff\xff\xff\xfej\x00\x00\x00\x00.",
    "long that is not there": b"\x8b\xff\xff\xff\x7f.",
    "text that is not there": b"X\xff\xff\xff\xff.",
    "bytes that are not there": b"\x8e" + b"\xff" * 8 + b".",
    "bytes by number": b"c__builtin__\nbytearray\nJ\xff\xff\xff\x7f\x85R.",
    "unhashable key": b"}]K\x01s.",
    "tensor as key": b"}" + tensor_at()[:-1] + b"K\x01s.",
    "tuples of tuples as key": b"}" + b")" + b"2\x86" * 60 + b"K\x01s.",
    "deep tuple as key": b"}" + b")" + b"\x85" * 100_000 + b"K\x01s.",
    "copies of copies": b"]("
    + b"K\x01" * 100_000
    + b"eq\x00"
    + b"c__builtin__\nset\nh\x00\x85R0" * 10_000
    + b".",
    "numbers of one hash": b"}("
    + b"".join(b"\x8a\x0b" + (n * (2**61 - 1)).to_bytes(11, "little") + b"N" for n in range(30_000))
    + b"u.",
    "no end": b"K\x01",
    "nothing": b"",
    "empty stack": b".",
    "mark as the end": b"(.",
    "protocol 9": b"\x80\x09N.",
    "items for a list": b"]K\x01K\x02s.",
    "odd items": b"}(K\x01u.",
    "mark missing": b"K\x01t.",
    "storage of two types": b"("
    + STORAGE
    + text("cpu")
    + b"K\x01tQ"
    + STORAGE.replace(b"Float", b"Int")
    + text("cpu")
    + b"K\x01tQt.",
    "path for a storage": tensor_at().replace(text("0"), text("../data/0")),
}


@pytest.mark.parametrize("code", BAD.values(), ids=BAD)
def test_bad_programs(code: bytes) -> None:
    with pytest.raises(CheckpointError, match=r"^\[load\]"):
        torch.load(program(code))


def test_attributes_of_tensors_hide_nothing() -> None:
    make = b"ctorch._utils\n_rebuild_tensor_v2\n"
    arguments = tensor_at().removeprefix(make).removesuffix(b"R.")
    for name in ("_data", "__class__", "shape", "sum", "no identifier"):
        code = (
            b"ctorch._tensor\n_rebuild_from_type_v2\n("
            + make
            + b"ctorch\nTensor\n"
            + arguments
            + b"}"
            + text(name)
        )
        with pytest.raises(CheckpointError, match=f"{name!r} is none that can be set"):
            torch.load(program(code + b"NstR."))


def archive_of(names: dict[str, bytes], **options: Any) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", **options) as archive:
        for name, content in names.items():
            archive.writestr(name, content)
    return file.getvalue()


def legacy_tar() -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        archive.addfile(tarfile.TarInfo("storages"))
    return file.getvalue()


def header(text: str, data: bytes = b"") -> bytes:
    return len(text).to_bytes(8, "little") + text.encode() + data


def document(node: str, tensors: str = "[]", entry: str = "", data: bytes = b"", version: int = 1) -> bytes:
    inner = f'{{"version":{version},"object":{node},"tensors":{tensors}}}'.replace("\\", "\\\\").replace(
        '"', '\\"'
    )
    return header(f'{{"__metadata__":{{"wengert":"{inner}"}}{entry}}}', data)


ONE = dict(entry=',"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}', data=bytes(8))
TRUTH = dict(entry=',"x":{"dtype":"BOOL","shape":[2],"data_offsets":[0,2]}', data=b"\x01\x07")
PKL = {"a/data.pkl": b"\x80\x02N."}
FILES: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "an empty file"),
    "before 1.6, cut off": (b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.", "before 1.6"),
    "tar": (legacy_tar(), "tar archive"),
    "bare pickle": (pickle.dumps({"a": 1}), "bare pickle"),
    "text": (b"hello, world of files", "of another kind"),
    "header too long": ((10**9).to_bytes(8, "little") + b"{" + b" " * 100, "a header of 1000000000 bytes"),
    "header beyond the file": ((90_000_000).to_bytes(8, "little") + b'{"a":1}', "damaged"),
    "header no json": (header('{"x":'), "damaged"),
    "tensor beyond the file": (
        header('{"x":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}', bytes(8)),
        "damaged",
    ),
    "shape and length differ": (
        header('{"x":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}', bytes(8)),
        "damaged",
    ),
    "huge shape": (
        header('{"x":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,8]}}', bytes(8)),
        "damaged",
    ),
    "unknown dtype": (header('{"x":{"dtype":"F99","shape":[2],"data_offsets":[0,8]}}', bytes(8)), "F99"),
    "float4": (header('{"x":{"dtype":"F4","shape":[2],"data_offsets":[0,2]}}', bytes(2)), "F4"),
    "truth values": (document("1", **TRUTH), "truth values"),
    "newer version": (document("1", version=2), "newer wengert"),
    "document no json": (header('{"__metadata__":{"wengert":"nonsense"}}'), "damaged"),
    "document a list": (header('{"__metadata__":{"wengert":"[]"}}'), "damaged"),
    "unknown kind": (document('{"exec":"1"}'), "one of the kinds"),
    "no kind": (document("{}"), "one of the kinds"),
    "no such tensor": (document('{"tensor":0}'), "there is no tensor 0"),
    "negative tensor": (document('{"tensor":-1}', '[{"record":"x"}]', **ONE), "there is no tensor -1"),
    "no such record": (document('{"tensor":0}', '[{"record":"y"}]', **ONE), "damaged"),
    "strides beyond": (
        document('{"tensor":0}', '[{"record":"x","shape":[3],"strides":[4],"offset":0}]', **ONE),
        "damaged",
    ),
    "offset before": (
        document('{"tensor":0}', '[{"record":"x","shape":[1],"strides":[4],"offset":-4}]', **ONE),
        "damaged",
    ),
    "askew": (
        document('{"tensor":0}', '[{"record":"x","shape":[1],"strides":[4],"offset":2}]', **ONE),
        "do not fit",
    ),
    "huge": (
        document(
            '{"tensor":0}', '[{"record":"x","shape":[4611686018427387904],"strides":[0],"offset":0}]', **ONE
        ),
        "damaged",
    ),
    "parts of complex": (
        document('{"tensor":0}', '[{"record":"x","dtype":"complex128"}]', **ONE),
        "parts of complex128",
    ),
    "order": (document('{"tensor":0}', '[{"record":"x","order":[0,1]}]', **ONE), "damaged"),
    "attribute": (
        document('{"tensor":0}', '[{"record":"x","attributes":{"_data":1}}]', **ONE),
        "'_data' is none",
    ),
    "deep": (document("[" * 100_000 + "]" * 100_000), "nests no deeper"),
    "unhashable": (document('{"set":[[]]}'), "damaged"),
    "numbers of one hash": (
        document('{"set":[' + ",".join(str(n * (2**61 - 1)) for n in range(30_000)) + "]}"),
        "more work",
    ),
    "long number": (document("1" * 100_000), "damaged"),
    "zip of nothing": (b"PK\x05\x06" + bytes(18), "no data.pkl"),
    "zip cut short": (archive_of(PKL)[:-5], "damaged"),
    "zip without a pickle": (archive_of({"a/version": b"3"}), "no data.pkl"),
    "two pickles": (archive_of({**PKL, "b/data.pkl": b"N."}), "no data.pkl"),
    "torchscript": (archive_of({**PKL, "a/constants.pkl": b"N."}), "TorchScript"),
    "compressed": (archive_of({"a/data.pkl": bytes(10**6)}, compression=zipfile.ZIP_DEFLATED), "compressed"),
    "path up": (archive_of({**PKL, "a/../../etc/passwd": b"x"}), "outside"),
    "path from the root": (archive_of({**PKL, "/etc/passwd": b"x"}), "outside"),
    "path of windows": (archive_of({**PKL, "a\\..\\x": b"x"}), "outside"),
    "drive of windows": (archive_of({**PKL, "c:/x": b"x"}), "outside"),
    "byte order": (archive_of({**PKL, "a/byteorder": b"middle"}), "byte order"),
    "flipped bit": (archive_of({"a/data.pkl": b"\x80\x02K\x05."}).replace(b"K\x05.", b"K\x04."), "CRC"),
}


@pytest.mark.parametrize(("content", "message"), FILES.values(), ids=FILES)
def test_files_of_other_kinds(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    for source in (path, io.BytesIO(content)):
        with pytest.raises(CheckpointError, match=rf"^\[load\][\s\S]*{message}"):
            torch.load(source)


def test_overlapping_records() -> None:
    """A small archive whose records all are the same bytes of it, which would unpack to many times its length."""
    content = archive_of({"a/data.pkl": b"\x80\x02N." + bytes(10_000)})
    start = content.index(b"PK\x01\x02")
    end = content.index(b"PK\x05\x06")
    entries = b"".join(content[start:end].replace(b"a/data.pkl", b"a/data/%03d" % n) for n in range(500))
    tail = bytearray(content[end:])
    tail[8:12] = (500).to_bytes(2, "little") * 2
    tail[12:16] = len(entries).to_bytes(4, "little")
    with pytest.raises(CheckpointError, match="together longer than the file"):
        torch.load(io.BytesIO(content[:start] + entries + bytes(tail)))


def test_a_truncated_file_at_every_length() -> None:
    file = io.BytesIO()
    torch.save({"x": torch.ones(3), "y": [1, "two"]}, file)
    for content in (file.getvalue(), program(tensor_at()).getvalue()):
        for length in range(len(content)):
            with pytest.raises(CheckpointError):
                torch.load(io.BytesIO(content[:length]))
