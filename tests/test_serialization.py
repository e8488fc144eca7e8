"""`torch.serialization` beyond `save` and `load`: settings, mapped files, places, subclasses, and what a file names."""

from __future__ import annotations

import functools
import io
import mmap
import pickle
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import wengert as torch
from wengert import serialization
from wengert.io import CheckpointError, save_plain, save_torch
from wengert.utils.serialization import config


class Tagged(torch.Tensor):
    pass


class Point:
    def __init__(self, x: int) -> None:
        self.x = x


def again(obj: Any, **options: Any) -> Any:
    file = io.BytesIO()
    torch.save(obj, file)
    file.seek(0)
    return torch.load(file, **options)


WRITERS = {"safetensors": save_plain, "archive": torch.save}


@pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)
def test_a_mapped_file(tmp_path: Path, write: Any) -> None:
    """Equal to what is read; what is written to its tensors stays in memory, or goes to the file where that is said."""
    path = tmp_path / "x.pt"
    made = {"a": torch.randn(100, 3), "b": torch.arange(5), "c": torch.tensor([True, False]), "e": torch.zeros(0, 2)}
    write(made, path)
    read = torch.load(path, mmap=True)
    assert all(torch.equal(read[name], made[name]) for name in made)
    assert read["a"].untyped_storage().nbytes() == 1200
    read["a"].fill_(3.0)
    assert torch.equal(torch.load(path)["a"], made["a"])
    with config.patch("load.mmap", True), serialization.set_default_mmap_options(mmap.MAP_SHARED):
        torch.load(path)["b"].fill_(7)
    assert torch.load(path)["b"].tolist() == [7] * 5  # whatever checksum the file has of it
    assert serialization.get_default_mmap_options() == mmap.MAP_PRIVATE


def test_what_cannot_be_mapped() -> None:
    with pytest.raises(ValueError, match="f must be a file path"):
        torch.load(io.BytesIO(b"x"), mmap=True)
    with pytest.raises(ValueError, match="MAP_PRIVATE"):
        serialization.set_default_mmap_options(2**20)


@pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)
def test_map_location_is_asked_for_each_storage(write: Any) -> None:
    file = io.BytesIO()
    base = torch.arange(6.0)
    write([base, base[2:], torch.ones(3)], file)
    seen = []
    file.seek(0)
    torch.load(file, map_location=lambda storage, place: seen.append((storage.nbytes(), place)))
    assert sorted(seen) == [(12, "cpu"), (24, "cpu")]
    file.seek(0)
    assert [x.device.type for x in torch.load(file, map_location={"cpu": "meta"})] == ["meta"] * 3
    file.seek(0)
    with pytest.raises(RuntimeError, match="nowhere"):
        torch.load(file, map_location=lambda storage, place: serialization.default_restore_location(storage, "nowhere"))


FORMS = {**WRITERS, "legacy": functools.partial(torch.save, _use_new_zipfile_serialization=False)}


@pytest.mark.parametrize("write", FORMS.values(), ids=FORMS)
def test_several_objects_in_one_file(write: Any) -> None:
    file = io.BytesIO()
    for number in range(3):
        write(torch.full((3,), number), file)
    file.seek(0)
    assert [torch.load(file)[0].item() for _ in range(3)] == [0, 1, 2]
    with pytest.raises(EOFError, match="seek"):
        torch.load(file)


def test_storages_and_tensors_share_memory_again() -> None:
    x = torch.arange(4.0)
    made, storage = again([x, x.storage()])
    made.fill_(5.0)
    assert storage.tolist() == [5.0] * 4
    assert storage.dtype is torch.float32
    bytes_of_it, again_untyped = again([x.to(torch.uint8), x.untyped_storage()])
    assert bytes_of_it.tolist() == [0, 1, 2, 3]
    assert again_untyped.tolist() == x.untyped_storage().tolist()
    with pytest.raises(RuntimeError, match="view the same data as different types"):
        again([x, x.storage(), x.untyped_storage()])


@pytest.mark.parametrize("weights_only", [True, False])
def test_a_subclass_of_tensor(weights_only: bool) -> None:
    x = torch.arange(4.0)
    y = x[1:].as_subclass(Tagged)
    y.note = "kept"
    if weights_only:
        with pytest.raises(pickle.UnpicklingError, match="Weights only load failed.*Tagged"):
            again(y)
    with serialization.safe_globals([Tagged]):
        plain, made = again([x, y], weights_only=weights_only)
    assert type(made) is Tagged
    assert made.note == "kept"
    plain.fill_(9.0)
    assert made.tolist() == [9.0] * 3


def test_layouts_are_values() -> None:
    assert again({"a": torch.strided, "b": [torch.sparse_coo, Point]}, weights_only=False)["b"][0] is torch.sparse_coo
    assert again({"a": torch.strided})["a"] is torch.strided


def test_unsafe_globals() -> None:
    file = io.BytesIO()
    torch.save([Point(1), torch.ones(2)], file)
    for allowed, expected in (([], [f"{__name__}.Point"]), ([Point], [])):
        file.seek(0)
        with serialization.safe_globals(allowed):
            assert serialization.get_unsafe_globals_in_checkpoint(file) == expected


def test_skipped_data() -> None:
    file = io.BytesIO()
    with serialization.skip_data():
        torch.save({"a": torch.ones(4)}, file)
        with pytest.raises(RuntimeError, match="skip_data"):
            torch.load(file)
    file.seek(0)
    assert torch.load(file)["a"].tolist() == [0.0] * 4


@pytest.mark.parametrize("order", ["big", "little", None])
def test_byte_orders(order: str | None) -> None:
    """The file's word for it; without one, what was set."""
    file, changed = io.BytesIO(), io.BytesIO()
    save_torch(torch.arange(4.0), file)
    with zipfile.ZipFile(file) as before, zipfile.ZipFile(changed, "w") as after:
        for name in before.namelist():
            content = before.read(name)
            if name.endswith("byteorder"):
                if order is None:
                    continue
                content = order.encode()
            if "/data/" in name and order != "little":
                content = b"".join([content[i:i + 4][::-1] for i in range(0, len(content), 4)])
            after.writestr(name, content)
    changed.seek(0)
    if order is None:
        serialization.set_default_load_endianness(serialization.LoadEndianness.BIG)
    try:
        assert torch.load(changed).tolist() == [0.0, 1.0, 2.0, 3.0]
    finally:
        serialization.set_default_load_endianness(None)
    with pytest.raises(TypeError, match="LoadEndianness"):
        serialization.set_default_load_endianness("big")  # type: ignore[arg-type]


@pytest.mark.parametrize("entry", [("first", len, len), (1, None, len), (1, len, "cpu")])
def test_what_is_no_kind_of_place_is_not_entered(entry: Any) -> None:
    before = list(serialization._package_registry)
    with pytest.raises(TypeError, match="register_package"):
        serialization.register_package(*entry)
    assert serialization._package_registry == before


def test_places() -> None:
    storage = torch.ones(3).untyped_storage()
    entry = (1, lambda s: "mine" if s.nbytes() == 12 else None, lambda s, place: s if place == "mine" else None)
    serialization.register_package(*entry)
    try:
        assert serialization.location_tag(storage) == "mine"
        assert serialization.default_restore_location(storage, "mine") is storage
    finally:
        serialization._package_registry.remove(entry)
    assert serialization.location_tag(storage) == "cpu"
    assert serialization.default_restore_location(storage, "meta").device.type == "meta"
    with pytest.raises(RuntimeError):
        serialization.default_restore_location(storage, "nowhere")


def test_versions_of_modules() -> None:
    import types

    module = types.ModuleType("m")
    module.__version__ = "1.2.3"  # type: ignore[attr-defined]
    assert serialization.check_module_version_greater_or_equal(module, (1, 2, 3))
    assert not serialization.check_module_version_greater_or_equal(module, (1, 3, 0))
    module.__version__ = "x"  # type: ignore[attr-defined]
    with pytest.raises(RuntimeError, match="malformed"):
        serialization.check_module_version_greater_or_equal(module, (1,))
    with pytest.warns(UserWarning, match="malformed"):
        assert serialization.check_module_version_greater_or_equal(module, (1,), False)


def test_arguments() -> None:
    with pytest.raises(ValueError, match="pickle protocol"):
        torch.save(1, io.BytesIO(), pickle_protocol=99)
    with pytest.raises(TypeError, match="nope"):
        again(1, weights_only=True, nope=1)
    with pytest.raises(CheckpointError, match="empty file"):
        torch.load(io.BytesIO())
    with pytest.raises(AttributeError):
        config.patch("load.nothing", 1).__enter__()


def test_what_old_files_and_packages_name() -> None:
    from wengert.compat.torch import _utils

    storage = torch.arange(6.0).storage()
    made = _utils._rebuild_tensor_v2(storage, 1, (2, 2), (2, 1), True, {})
    assert made.tolist() == [[1.0, 2.0], [3.0, 4.0]]
    assert made.requires_grad
    storage[1] = 9.0
    assert made[0, 0] == 9.0
    parameter = _utils._rebuild_parameter_with_state(torch.ones(2), False, {}, {"note": 1})
    assert isinstance(parameter, torch.nn.Parameter)
    assert parameter.note == 1
    rows = [torch.ones(2, 2), torch.zeros(3)]
    parts = _utils._unflatten_dense_tensors(_utils._flatten_dense_tensors(rows), rows)
    assert all(torch.equal(part, row) for part, row in zip(parts, rows, strict=True))


def test_hooks_are_not_saved() -> None:
    x = torch.ones(2, requires_grad=True)
    x.register_hook(lambda grad: grad)
    for write in WRITERS.values():
        with pytest.warns(UserWarning, match="backward hook .* will not be serialized"):
            write(x, io.BytesIO())


def test_the_environment_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    file = io.BytesIO()
    torch.save(Point(3), file)

    def loads(**options: Any) -> bool:
        file.seek(0)
        try:
            return torch.load(file, **options).x == 3
        except pickle.UnpicklingError:
            return False

    assert [loads(), loads(weights_only=False)] == [False, True]
    monkeypatch.setenv("TORCH_FORCE_WEIGHTS_ONLY_LOAD", "1")
    assert [loads(), loads(weights_only=False)] == [False, False]
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    with pytest.raises(RuntimeError, match="both were set"):
        loads()
    monkeypatch.delenv("TORCH_FORCE_WEIGHTS_ONLY_LOAD")
    assert [loads(), loads(weights_only=True)] == [True, False]


def test_typed_storages_of_files(tmp_path: Path) -> None:
    path = tmp_path / "numbers"
    torch.FloatStorage.from_file(path, True, 4).fill_(3.0)
    assert torch.FloatStorage.from_file(path, False, 4).tolist() == [3.0] * 4


def records_of(content: bytes) -> dict[str, tuple[int, bytes]]:
    """The records of an archive by name: where the bytes begin, and these."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        found = {}
        for entry in archive.infolist():
            lengths = content[entry.header_offset + 26:entry.header_offset + 30]
            begin = entry.header_offset + 30 + lengths[0] + 256 * lengths[1] + lengths[2] + 256 * lengths[3]
            found[entry.filename] = begin, archive.read(entry)
        return found


@pytest.mark.parametrize("alignment", [64, 4096])
def test_the_records_of_an_archive(alignment: int, tmp_path: Path) -> None:
    file = io.BytesIO()
    with config.patch("save.storage_alignment", alignment):
        torch.save([torch.ones(3), torch.ones(5)], file)
    records = records_of(file.getvalue())
    texts = {name.removeprefix("archive/"): text for name, (_, text) in records.items()}
    assert texts["version"] == b"3\n" and texts["byteorder"] == b"little"
    assert texts[".storage_alignment"] == str(alignment).encode() and len(texts[".data/serialization_id"]) == 40
    for key in ("0", "1"):
        assert records[f"archive/data/{key}"][0] % alignment == 0
    torch.save(1, tmp_path / "net.v2.pt", _disable_byteorder_record=True)
    names = set(records_of((tmp_path / "net.v2.pt").read_bytes()))
    assert "net.v2/data.pkl" in names and "net.v2/byteorder" not in names
    torch.save(1, tmp_path / ".pt")
    assert torch.load(tmp_path / ".pt") == 1


class Counting(pickle._Pickler):  # type: ignore[name-defined]
    made = 0

    def save(self, *arguments: Any, **options: Any) -> Any:
        Counting.made += 1
        return super().save(*arguments, **options)


class InC(pickle.Pickler):
    pass


class Watching(pickle.Unpickler):
    names: list[str] = []

    def find_class(self, module: str, name: str) -> Any:
        self.names.append(name)
        return super().find_class(module, name)


@pytest.mark.parametrize("kind", [Counting, InC])
@pytest.mark.parametrize("legacy", [False, True])
def test_another_module_in_the_place_of_pickle(kind: Any, legacy: bool) -> None:
    module = SimpleNamespace(Pickler=kind, Unpickler=Watching)
    x, file, before = torch.arange(4.0), io.BytesIO(), Counting.made
    torch.save({"a": x, "b": x[1:], "p": Point(3)}, file, pickle_module=module,
               _use_new_zipfile_serialization=not legacy)
    assert (Counting.made > before) is (kind is Counting)
    file.seek(0)
    with pytest.raises(RuntimeError, match="explicit pickle_module"):
        torch.load(file, pickle_module=module, weights_only=True)
    Watching.names.clear()
    made = torch.load(file, pickle_module=module)
    made["a"].zero_()
    assert made["b"].tolist() == [0.0] * 3 and made["p"].x == 3
    assert "Point" in Watching.names


def test_an_order_of_bytes_that_is_none() -> None:
    file, changed = io.BytesIO(), io.BytesIO()
    torch.save(torch.ones(2), file)
    with zipfile.ZipFile(file) as before, zipfile.ZipFile(changed, "w") as after:
        for name in before.namelist():
            after.writestr(name, b"middle" if name.endswith("byteorder") else before.read(name))
    for kind in (ValueError, CheckpointError):
        changed.seek(0)
        with pytest.raises(kind, match="Unknown endianness type"):
            torch.load(changed)
