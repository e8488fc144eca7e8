"""Checkpoints against PyTorch: what it writes loads here, what wengert writes for it loads there."""

from __future__ import annotations

import io
import mmap
import warnings
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import wengert
from wengert.io import CheckpointError, save_plain, save_torch

torch = pytest.importorskip("torch")

KINDS = [
    "bool",
    "uint8",
    "int8",
    "int16",
    "int32",
    "int64",
    "float16",
    "bfloat16",
    "float32",
    "float64",
    "complex64",
    "complex128",
]


def plain(value: Any) -> Any:
    """What is to be the same on both sides: values, types, layout in memory, flags."""
    if isinstance(value, (torch.Tensor, wengert.Tensor)):
        kind = "Parameter" if isinstance(value, (torch.nn.Parameter, wengert.nn.Parameter)) else "Tensor"
        strides = value.stride() if value.numel() else ()
        return kind, str(value.dtype), tuple(value.shape), strides, value.requires_grad, value.tolist()
    if isinstance(value, dict):
        metadata = getattr(value, "_metadata", None)
        return (
            type(value).__name__,
            metadata,
            [(plain(k), plain(v)) for k, v in value.items()],
        )
    if isinstance(value, (list, tuple, set)):
        return type(value).__name__, [plain(entry) for entry in value]
    return str(value) if "torch" in repr(value) or "device" in repr(value) else value


def objects(lib: Any) -> dict[str, Any]:
    lib.manual_seed(0)
    base = lib.arange(24.0).view(2, 3, 4)
    net = lib.nn.Sequential(lib.nn.Linear(3, 4), lib.nn.ReLU(), lib.nn.Linear(4, 2))
    optimizer = lib.optim.Adam(net.parameters(), lr=0.1)
    net(lib.ones(5, 3)).sum().backward()
    optimizer.step()
    frozen = lib.nn.Parameter(lib.ones(2), requires_grad=False)
    return {
        "kinds": [lib.tensor([[0, 1], [2, 3]]).to(getattr(lib, kind)) for kind in KINDS],
        "views": [base, base[1], base.transpose(0, 2), base[:, ::2, 1:3], base.flatten()[5], base[0:0]],
        "expanded": lib.ones(2, 1).expand(2, 3),
        "scalar": lib.tensor(1.5),
        "empty": lib.zeros(0, 3),
        "grad": [lib.ones(2, requires_grad=True), lib.ones(2, requires_grad=True) * 2],
        "parameters": [lib.nn.Parameter(lib.zeros(2)), frozen],
        "tied": OrderedDict(a=frozen, b=frozen),
        "net": net.state_dict(),
        "optimizer": optimizer.state_dict(),
        "plain": [
            1,
            -(2**70),
            2.5,
            float("inf"),
            None,
            True,
            "text ü",
            b"\x00\xff",
            (1, (2,)),
            {1},
            1 + 2j,
            bytearray(b"x"),
        ],
        "names": [lib.float32, lib.device("cpu"), lib.Size([2, 3]), lib.device("cuda", 1)],
        "long": list(range(1000)),
        5: {(1, "a"): []},
    }


def test_the_same_objects() -> None:
    """Saved by each and loaded by the other, all is as it was; and so it is as the two make it."""
    theirs, ours = objects(torch), objects(wengert)
    file = io.BytesIO()
    torch.save(theirs, file)
    for options in ({}, {"weights_only": True}, {"weights_only": False}, {"map_location": "cpu"}):
        file.seek(0)
        got = wengert.load(file, **options)
        for name in theirs:
            assert plain(got[name]) == plain(theirs[name]), name
    file = io.BytesIO()
    save_torch(ours, file)
    for weights_only in (True, False):
        file.seek(0)
        got = torch.load(file, weights_only=weights_only)
        for name in ours:
            assert plain(got[name]) == plain(ours[name]), name
    assert got["tied"]["a"] is got["tied"]["b"]
    got["views"][0].zero_()
    assert not got["views"][1].any()


@pytest.mark.parametrize("legacy", [False, True])
def test_what_save_writes_loads_there(tmp_path: Path, legacy: bool) -> None:
    ours = objects(wengert)
    path = tmp_path / "x.pt"
    wengert.save(ours, path, _use_new_zipfile_serialization=not legacy)
    got = torch.load(path, weights_only=True)
    for name in ours:
        assert plain(got[name]) == plain(ours[name]), name
    assert got["views"][0].untyped_storage().nbytes() == ours["views"][0].untyped_storage().nbytes()
    if not legacy:
        mapped = torch.load(path, weights_only=True, mmap=True)
        assert plain(mapped["net"]) == plain(ours["net"])


def test_an_archive_has_the_records_of_pytorchs(tmp_path: Path) -> None:
    names = []
    for lib in (wengert, torch):
        lib.save({"a": lib.ones(3), "b": [lib.zeros(2)]}, tmp_path / "x.pt")
        with zipfile.ZipFile(tmp_path / "x.pt") as archive:
            names.append([entry.filename for entry in archive.infolist()])
    assert names[0] == names[1]


def test_a_map_that_was_written_loads_on_both(tmp_path: Path) -> None:
    path = tmp_path / "x.pt"
    wengert.save(wengert.zeros(3), path)
    with wengert.serialization.set_default_mmap_options(mmap.MAP_SHARED):
        wengert.load(path, mmap=True).fill_(4.0)
    assert wengert.load(path).tolist() == torch.load(path).tolist() == [4.0] * 3


def test_through_wengert_and_back(tmp_path: Path) -> None:
    """A file of PyTorch's, loaded here, saved in the layout of safetensors, loaded, and saved for PyTorch."""
    given = objects(torch)
    torch.save(given, tmp_path / "a.pt")
    save_plain(wengert.load(tmp_path / "a.pt"), tmp_path / "b.pt")
    save_torch(wengert.load(tmp_path / "b.pt"), tmp_path / "c.pt")
    got = torch.load(tmp_path / "c.pt")
    for name in given:
        if name != "views":  # a part of a memory comes back without the rest of it
            assert plain(got[name]) == plain(given[name]), name


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_protocols(protocol: int) -> None:
    file = io.BytesIO()
    given = {"x": torch.arange(3), "y": {"z": (1, b"bytes", {2}, frozenset([3]))}, "long": "x" * 300}
    torch.save(given, file, pickle_protocol=protocol)
    file.seek(0)
    got = wengert.load(file)
    assert plain(got["x"]) == plain(given["x"])
    assert got["y"] == given["y"] and got["long"] == given["long"]


def test_attributes_conjugates_and_buffers() -> None:
    x = torch.ones(2)
    x.note = "hello"
    p = torch.nn.Parameter(torch.ones(2))
    p.note = 5
    z = torch.tensor([1 + 2j])
    file = io.BytesIO()
    torch.save([x, p, z.conj(), z.clone().conj().imag, torch.nn.Buffer(torch.ones(1))], file)
    file.seek(0)
    got = wengert.load(file)
    assert got[0].note == "hello" and got[1].note == 5
    assert got[2].tolist() == [1 - 2j] and got[3].tolist() == [-2.0] and got[4].tolist() == [1.0]


def test_the_same_programs_resume(tmp_path: Path) -> None:
    """Half of a training in PyTorch, the other half here, against the whole in PyTorch."""

    def steps(lib: Any, net: Any, optimizer: Any, count: int) -> list[float]:
        losses = []
        x = lib.arange(12.0).view(4, 3) / 10
        for _ in range(count):
            optimizer.zero_grad()
            loss = (net(x) - 1).pow(2).mean()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        return losses

    nets = [torch.nn.Linear(3, 2), wengert.nn.Linear(3, 2)]
    optimizers = [
        lib.optim.Adam(net.parameters(), lr=0.1) for lib, net in zip((torch, wengert), nets, strict=True)
    ]
    steps(torch, nets[0], optimizers[0], 10)
    torch.save({"net": nets[0].state_dict(), "optimizer": optimizers[0].state_dict()}, tmp_path / "a.pt")
    expected = steps(torch, nets[0], optimizers[0], 20)
    checkpoint = wengert.load(tmp_path / "a.pt")
    nets[1].load_state_dict(checkpoint["net"])
    optimizers[1].load_state_dict(checkpoint["optimizer"])
    np.testing.assert_allclose(steps(wengert, nets[1], optimizers[1], 20), expected, rtol=1e-4)


REFUSED = {
    "quantised": (lambda: torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8), "QInt8|quantised"),
    "module": (lambda: torch.nn.Linear(1, 1), r"torch\.nn\.modules\.linear\.Linear"),
    "numpy": (lambda: np.float64(1.0), "numpy"),
    "path": (lambda: Path("a"), "pathlib"),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(name: str) -> None:
    make, message = REFUSED[name]
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.save({"x": make()}, file)
    file.seek(0)
    with pytest.raises(CheckpointError, match=message):
        wengert.load(file)


def test_tensors_of_the_meta_device() -> None:
    file = io.BytesIO()
    torch.save({"x": torch.zeros(2, 3, device="meta")}, file)
    file.seek(0)
    got = wengert.load(file)["x"]
    assert got.is_meta and got.shape == (2, 3) and got.dtype is wengert.float32


def test_numpy_by_the_opt_in() -> None:
    file = io.BytesIO()
    torch.save({"x": torch.ones(2), "y": np.float64(2.5), "z": np.arange(3)}, file)
    file.seek(0)
    got = wengert.load(file, weights_only=False)
    assert got["x"].tolist() == [1, 1] and got["y"] == 2.5 and got["z"].tolist() == [0, 1, 2]


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("weights_only", [True, False])
def test_the_form_before_1_6(protocol: int, weights_only: bool) -> None:
    base = torch.arange(12.0).view(3, 4)
    complex_numbers = torch.tensor([1 + 2j, 3 - 1j])
    sent = {
        "base": base, "part": base[1:, ::2], "turned": base.t(), "conj": complex_numbers.conj(),
        "neg": torch.tensor([1 + 2j]).conj().imag, "truths": torch.ones(4, dtype=torch.uint8).view(torch.bool),
        "empty": torch.zeros(0, 3), "half": torch.ones(3, dtype=torch.bfloat16), "parameter": torch.nn.Parameter(base),
        "state": torch.nn.BatchNorm1d(2).state_dict(), "kinds": [torch.float16, torch.Size([2]), torch.device("cpu")],
    }
    file = io.BytesIO()
    torch.save(sent, file, pickle_protocol=protocol, _use_new_zipfile_serialization=False)
    file.seek(0)
    got = wengert.load(file, weights_only=weights_only)
    assert str(got) == str(sent)
    got["base"][1, 2] = 100
    assert got["part"][0, 1] == 100 == got["turned"][2, 1] == got["parameter"][1, 2]


def test_old_forms_are_refused() -> None:
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.script(torch.nn.Linear(1, 1)), file)
    file.seek(0)
    with pytest.raises(CheckpointError, match="TorchScript"):
        wengert.load(file)


def test_signatures() -> None:
    import inspect

    for name in ("save", "load"):
        ours, theirs = (inspect.signature(getattr(lib, name)).parameters for lib in (wengert, torch))
        assert [(p.name, p.kind) for p in ours.values()] == [(p.name, p.kind) for p in theirs.values()]
        assert [p.default for p in ours.values()] == [p.default for p in theirs.values()]
