"""Data sets of images: published formats, damaged and hostile files, downloads from a server of the test's own."""

from __future__ import annotations

import gzip
import io
import operator
import os
import pickle
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import wengert
from tests.vision_files import cifar_files, expect, idx, md5, write_cifar, write_image_folder, write_mnist
from wengert.utils.data import DataLoader
from wengert.vision import datasets, transforms
from wengert.vision.datasets import utils
from wengert.vision.datasets.mnist import read_idx
from wengert.vision.datasets.pickles import read_pickle

pytest.importorskip("PIL")


class Server:
    """What a server has, by path, and the paths that it was asked for."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.cut_off: set[str] = set()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked.append(self.path)
                content = outer.files.get(self.path)
                if content is None:
                    return self.send_error(404)
                self.send_response(200)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content[: len(content) // 2] if self.path in outer.cut_off else content)

            def log_message(self, *_: Any) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.http.server_port}"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    made = Server()
    thread = threading.Thread(target=made.http.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield made
    made.http.shutdown()
    thread.join()
    made.http.server_close()


def leftovers(folder: Path) -> list[str]:
    return [name for _, _, names in os.walk(folder) for name in names if name.endswith(".tmp")]


@pytest.mark.parametrize("compressed", [False, True])
def test_mnist(tmp_path: Path, compressed: bool) -> None:
    write_mnist(tmp_path / "MNIST" / "raw", compressed=compressed)
    change = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.5,), (0.5,))])
    data = datasets.MNIST(str(tmp_path), train=True, transform=change, target_transform=operator.neg)
    assert data.data.shape == (6, 28, 28) and data.data.dtype == wengert.uint8
    assert data.targets.dtype == wengert.int64 and len(data) == 6
    image, target = data[2]
    assert image.shape == (1, 28, 28) and target == -int(data.targets[2])
    assert wengert.allclose(image[0], data.data[2] / 127.5 - 1, atol=1e-6)
    assert len(datasets.MNIST(tmp_path, train=False)) == 4
    assert data.class_to_idx["3 - three"] == 3
    images, targets = next(iter(DataLoader(data, 3)))
    assert images.shape == (3, 1, 28, 28) and targets.shape == (3,)
    assert repr(data).splitlines()[:4] == [
        "Dataset MNIST", "    Number of datapoints: 6", f"    Root location: {tmp_path}", "    Split: Train",
    ]
    with pytest.raises(IndexError):
        data[6]
    with pytest.warns(UserWarning, match="train_labels has been renamed targets"):
        assert data.train_labels is data.targets
    assert pickle.loads(pickle.dumps(data)).transform(data.data[0].numpy()).shape == (1, 28, 28)


def test_the_kin_of_mnist(tmp_path: Path) -> None:
    for kind in (datasets.FashionMNIST, datasets.KMNIST):
        write_mnist(tmp_path / kind.__name__ / "raw")
        assert len(kind(tmp_path).classes) == 10 and kind(tmp_path)[0][0].size == (28, 28)
    write_mnist(tmp_path / "EMNIST" / "raw", {"emnist-letters-train": 3}, compressed=True)
    letters = datasets.EMNIST(tmp_path, "letters")
    assert len(letters) == 3 and letters.classes[:3] == ["N/A", "a", "b"]
    assert [len(names) for names in letters.classes_split_dict.values()] == [62, 47, 47, 27, 10, 10]
    with pytest.raises(ValueError, match="Unknown value 'words' for argument split"):
        datasets.EMNIST(tmp_path, "words")
    with pytest.raises(RuntimeError, match="Dataset not found"):
        datasets.MNIST(tmp_path)


@pytest.mark.parametrize("content, text", [
    (b"", "an IDX file was expected"),
    (b"\x89PNG1234", "an IDX file was expected"),
    (idx(np.zeros((2, 28, 28), np.uint8))[:-1], "was expected"),
    (b"\0\0\x08\x03" + b"\xff" * 12, "was expected"),
    (b"\0\0\x08\x03\0", "was expected"),
])
def test_damaged_idx_files(tmp_path: Path, content: bytes, text: str) -> None:
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(RuntimeError, match=text):
        read_idx(tmp_path / "file")
    (tmp_path / "file.gz").write_bytes(gzip.compress(content))
    with pytest.raises(RuntimeError, match=text):
        read_idx(tmp_path / "file.gz")
    (tmp_path / "file.gz").write_bytes(gzip.compress(idx(np.zeros(3, np.uint8)))[:-9])
    with pytest.raises(RuntimeError, match="is damaged"):
        read_idx(tmp_path / "file.gz")


def test_idx_files_of_other_numbers(tmp_path: Path) -> None:
    for code, kind in ((9, ">i1"), (11, ">i2"), (12, ">i4"), (13, ">f4"), (14, ">f8")):
        array = np.array([[1, -2, 3]], kind)
        (tmp_path / "file").write_bytes(bytes([0, 0, code, 2, 0, 0, 0, 1, 0, 0, 0, 3]) + array.tobytes())
        assert read_idx(tmp_path / "file").tolist() == [[1, -2, 3]]


def test_labels_that_do_not_fit(tmp_path: Path) -> None:
    write_mnist(tmp_path / "MNIST" / "raw")
    (tmp_path / "MNIST" / "raw" / "train-labels-idx1-ubyte").write_bytes(idx(np.zeros(3, np.uint8)))
    with pytest.raises(RuntimeError, match="6 images and 3 labels"):
        datasets.MNIST(tmp_path)


@pytest.mark.parametrize("kind", [datasets.CIFAR10, datasets.CIFAR100])
def test_cifar(tmp_path: Path, kind: type[datasets.CIFAR10], monkeypatch: pytest.MonkeyPatch) -> None:
    write_cifar(tmp_path, kind, monkeypatch)
    data = kind(tmp_path, transform=transforms.ToTensor())
    count = 4 * len(kind.train_list)
    assert data.data.shape == (count, 32, 32, 3) and len(data.targets) == count == len(data)
    first = np.random.RandomState(0).randint(0, 256, (4, 3072)).astype(np.uint8)
    image, target = data[1]
    assert np.array_equal((image * 255).round().numpy(), first[1].reshape(3, 32, 32)) and type(target) is int
    assert data.classes[2] == "class 2" and data.class_to_idx["class 2"] == 2
    assert len(kind(tmp_path, train=False)) == 4
    (tmp_path / kind.base_folder / kind.meta["filename"]).write_bytes(b"other")
    with pytest.raises(RuntimeError, match="not found or corrupted.*cifar-10"):
        kind(tmp_path)


@pytest.mark.parametrize("protocol", range(2, 6))
@pytest.mark.parametrize("dtype", ["uint8", "<i8", ">f4"])
def test_pickles_of_arrays(tmp_path: Path, protocol: int, dtype: str) -> None:
    data = np.arange(6).reshape(2, 3).astype(dtype)
    value = {"data": data, "columns": np.asfortranarray(data), "labels": [1, 2], "more": ("text", 2.5, None, b"\xff")}
    (tmp_path / "file").write_bytes(pickle.dumps(value, protocol))
    read = read_pickle(tmp_path / "file")
    for name in ("data", "columns"):
        assert np.array_equal(read[name], value[name]) and read[name].dtype == np.dtype(dtype)
    assert read["labels"] == [1, 2] and read["more"] == value["more"]


class Hostile:
    def __init__(self, *what: Any) -> None:
        self.what = what

    def __reduce__(self) -> Any:
        return self.what[0], tuple(self.what[1:])


@pytest.mark.parametrize("value, text", [
    (Hostile(os.system, "touch ran"), "asks for posix.system"),
    (Hostile(eval, "open('ran', 'w')"), "asks for __builtin__.eval"),
    (Hostile(getattr, "text", "upper"), "asks for __builtin__.getattr"),
    (Hostile(np.load, "x"), "asks for numpy.*load"),
    (np.array([None, 1]), "array of numbers was expected"),
    (np.array(["text"]), "array of numbers was expected"),
    (np.dtype("u1"), "maker of an array"),
    ({"data": np.float64(3)}, "asks for"),
])
def test_pickles_run_nothing(tmp_path: Path, value: Any, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file").write_bytes(pickle.dumps(value, 2))
    with pytest.raises(RuntimeError, match=text):
        read_pickle("file")
    assert os.listdir() == ["file"]


def test_damaged_pickles_are_refused(tmp_path: Path) -> None:
    whole = cifar_files(datasets.CIFAR10)["data_batch_1"]
    rng = np.random.RandomState(0)
    path = tmp_path / "file"
    refused = 0
    for _ in range(500):
        damaged = bytearray(whole[: rng.randint(len(whole))] if rng.rand() < 0.3 else whole)
        for _ in range(rng.randint(1, 4) if damaged else 0):
            damaged[rng.randint(min(len(damaged), 200))] = rng.randint(256)
        path.write_bytes(damaged)
        try:
            read_pickle(path)
        except RuntimeError as error:
            assert "[load]" in str(error)
            refused += 1
    assert refused > 250


def test_a_file_of_cifar_with_something_else_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kind = datasets.CIFAR10
    for content in ([1, 2], {"data": 3, "labels": [1]}, {"data": np.zeros((2, 5), np.uint8), "labels": [1, 2]}):
        files = {**cifar_files(kind), "test_batch": pickle.dumps(content, 2)}
        folder = tmp_path / kind.base_folder
        folder.mkdir(exist_ok=True)
        for name, data in files.items():
            (folder / name).write_bytes(data)
        expect(kind, files, monkeypatch)
        with pytest.raises(RuntimeError, match=r"\[CIFAR10\] .* expected"):
            kind(tmp_path, train=False)


def test_image_folders(tmp_path: Path) -> None:
    write_image_folder(tmp_path)
    data = datasets.ImageFolder(tmp_path, transform=transforms.CenterCrop(5), target_transform=str)
    assert data.classes == ["cats", "dogs"] and data.class_to_idx == {"cats": 0, "dogs": 1}
    names = [Path(path).relative_to(tmp_path).as_posix() for path, _ in data.samples]
    assert names == ["cats/a.PNG", "cats/b.png", "cats/more/c.bmp", "dogs/d.jpg"]
    assert data.targets == [0, 0, 0, 1] and data.imgs is data.samples
    assert [(image.mode, image.size, target) for image, target in (data[0], data[3])] == [
        ("RGB", (5, 5), "0"), ("RGB", (5, 5), "1"),
    ]
    notes = datasets.DatasetFolder(tmp_path, lambda path: Path(path).read_text(), (".txt",), allow_empty=True)
    assert [notes[0]] == [("no image", 1)] and len(notes) == 1
    (tmp_path / "zebras").mkdir()
    with pytest.raises(FileNotFoundError, match="Found no valid file for the classes zebras. Supported extensions"):
        datasets.ImageFolder(tmp_path)
    with pytest.raises(FileNotFoundError, match="Couldn't find any class folder"):
        datasets.ImageFolder(tmp_path / "zebras")
    with pytest.raises(ValueError, match="Both extensions and is_valid_file"):
        datasets.folder.make_dataset(tmp_path)


def test_fake_data_and_the_arguments_of_all() -> None:
    wengert.manual_seed(1)
    before = wengert.get_rng_state()
    data = datasets.FakeData(3, (1, 2, 2), 10)
    # What torchvision 0.28 gives.
    pixels = [(list(np.array(image).ravel()), target) for image, target in data]
    assert pixels == [([136, 182, 213, 144], 7), ([168, 68, 15, 158], 9), ([100, 199, 175, 205], 0)]
    assert wengert.equal(wengert.get_rng_state(), before)
    with pytest.raises(ValueError, match="Only transforms or transform/target_transform"):
        datasets.VisionDataset(transforms=lambda x, y: (x, y), transform=str)
    both = datasets.vision.StandardTransform(str, abs)
    assert both(1, -2) == ("1", 2) and repr(both).splitlines()[0] == "StandardTransform"


def test_celeba(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image = pytest.importorskip("PIL.Image")
    folder = tmp_path / "celeba"
    (folder / "img_align_celeba").mkdir(parents=True)
    names = [f"{n:06}.jpg" for n in range(1, 5)]
    for place, name in enumerate(names):
        image.new("RGB", (6, 7), (place * 10, 0, 0)).save(folder / "img_align_celeba" / name)
    rows = {
        "list_eval_partition.txt": [f"{name} {place // 2}" for place, name in enumerate(names)],
        "identity_CelebA.txt": [f"{name} {place + 100}" for place, name in enumerate(names)],
        "list_bbox_celeba.txt": ["4", "image_id x_1 y_1 width height", *(f"{name}  1 2  3 4" for name in names)],
        "list_landmarks_align_celeba.txt": ["4", "lefteye_x lefteye_y", *(f"{name} 9  8" for name in names)],
        "list_attr_celeba.txt": ["4", "Bald Smiling", *(f"{name} -1  1" for name in names)],
    }
    files = {name: "\n".join(lines).encode() + b"\n" for name, lines in rows.items()}
    for name, content in files.items():
        (folder / name).write_bytes(content)
    with pytest.raises(RuntimeError, match="cannot be downloaded by wengert; get img_align_celeba.zip"):
        datasets.CelebA(tmp_path, download=True)
    sums = [(md5(files[name]), name) for _, name in datasets.CelebA.file_list]
    monkeypatch.setattr(datasets.CelebA, "file_list", sums)
    data = datasets.CelebA(tmp_path, "valid", ["attr", "identity", "bbox", "landmarks"])
    assert len(data) == 2 and data.attr_names == ["Bald", "Smiling"] and data.filename == names[2:]
    picture, (attributes, identity, box, landmarks) = data[0]
    assert picture.size == (6, 7) and attributes.tolist() == [0, 1] and identity.item() == 102
    assert box.tolist() == [1, 2, 3, 4] and landmarks.tolist() == [9, 8]
    assert len(datasets.CelebA(tmp_path, "all")) == 4
    with pytest.raises(ValueError, match="Unknown value 'hair'"):
        datasets.CelebA(tmp_path, target_type="hair")


def serve_mnist(server: Server, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Puts the four files on the server; the class then expects them there."""
    write_mnist(folder, compressed=True)
    resources = []
    for name, _ in datasets.MNIST.resources:
        server.files[f"/good/{name}"] = (folder / name).read_bytes()
        resources.append((name, md5(server.files[f"/good/{name}"])))
    monkeypatch.setattr(datasets.MNIST, "resources", resources)
    monkeypatch.setattr(datasets.MNIST, "mirrors", [f"{server.address}/none/", f"{server.address}/good/"])


def test_downloading_mnist(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    serve_mnist(server, tmp_path / "source", monkeypatch)
    data = datasets.MNIST(tmp_path / "root", download=True)
    assert len(data) == 6 and len(server.asked) == 8  # each from the second mirror
    assert "train-images-idx3-ubyte.gz: 100%" in capsys.readouterr().err
    assert len(os.listdir(tmp_path / "root" / "MNIST" / "raw")) == 8 and leftovers(tmp_path) == []
    assert len(datasets.MNIST(tmp_path / "root", train=False, download=True)) == 4 and len(server.asked) == 8


def test_downloads_that_fail_leave_nothing(tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    serve_mnist(server, tmp_path / "source", monkeypatch)
    name = "/good/train-images-idx3-ubyte.gz"
    whole = server.files[name]
    server.files[name] = whole[:-1] + b"?"
    with pytest.raises(RuntimeError, match="MD5 checksum should be .*") as error:
        datasets.MNIST(tmp_path / "root", download=True)
    assert "404" in str(error.value) or "Not Found" in str(error.value)
    assert os.listdir(tmp_path / "root" / "MNIST" / "raw") == []
    server.files[name], server.cut_off = whole, {name}
    with pytest.raises(RuntimeError, match="connection ended after|IncompleteRead"):
        datasets.MNIST(tmp_path / "root", download=True)
    assert os.listdir(tmp_path / "root" / "MNIST" / "raw") == []


def test_without_a_network_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets.MNIST, "mirrors", ["http://127.0.0.1:9/"])
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with pytest.raises(RuntimeError) as error:
        datasets.MNIST(tmp_path, download=True)
    text = str(error.value)
    assert "train-images-idx3-ubyte.gz could not be downloaded" in text and "refused" in text
    assert f"put it at {tmp_path / 'MNIST' / 'raw' / 'train-images-idx3-ubyte.gz'}" in text
    with pytest.raises(ValueError, match="an address that begins with http"):
        utils.download_url("file:///etc/passwd", tmp_path)


def test_downloading_cifar(tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    kind = datasets.CIFAR10
    files = cifar_files(kind)
    expect(kind, files, monkeypatch)
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(f"{kind.base_folder}/{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    server.files["/cifar.tar.gz"] = archive.getvalue()
    monkeypatch.setattr(kind, "url", f"{server.address}/cifar.tar.gz")
    monkeypatch.setattr(kind, "tgz_md5", md5(archive.getvalue()))
    assert len(kind(tmp_path, download=True)) == 20
    assert len(kind(tmp_path, train=False, download=True)) == 4 and len(server.asked) == 1
    assert leftovers(tmp_path) == []


def test_downloading_emnist(tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = {f"emnist-digits-{part}": 3 for part in ("train", "test")}
    write_mnist(tmp_path / "source", parts, compressed=True)
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        for path in (tmp_path / "source").iterdir():
            file.write(path, f"gzip/{path.name}")
    server.files["/gzip.zip"] = archive.getvalue()
    monkeypatch.setattr(datasets.EMNIST, "url", f"{server.address}/gzip.zip")
    monkeypatch.setattr(datasets.EMNIST, "md5", md5(archive.getvalue()))
    assert len(datasets.EMNIST(tmp_path / "root", "digits", download=True)) == 3


@pytest.mark.parametrize("name", ["../out", "/tmp/out", "a/../../out", "..\\out", "C:\\out", "link"])
def test_archives_do_not_leave_their_folder(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "deep" / "folder"
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as tar:
        good = tarfile.TarInfo("good")
        good.size = 1
        tar.addfile(good, io.BytesIO(b"x"))
        member = tarfile.TarInfo(name)
        member.size = 1
        if name == "link":
            member.type, member.linkname, member.size = tarfile.SYMTYPE, "/tmp", 0
        tar.addfile(member, io.BytesIO(b"x"))
    with pytest.raises(RuntimeError, match="leads out of its folder|no plain file"):
        utils.extract_archive(tmp_path / "a.tar.gz", folder)
    if name != "link":
        with zipfile.ZipFile(tmp_path / "a.zip", "w") as file:
            file.writestr("good", "x")
            file.writestr(name, "x")
        with pytest.raises(RuntimeError, match="leads out of its folder"):
            utils.extract_archive(tmp_path / "a.zip", folder)
    assert sorted(os.listdir(tmp_path)) in (["a.tar.gz"], ["a.tar.gz", "a.zip"])


def test_archives_of_all_kinds(tmp_path: Path) -> None:
    for name, mode in (("a.tar", "w"), ("a.tgz", "w:gz"), ("a.tar.xz", "w:xz"), ("a.tar.bz2", "w:bz2")):
        with tarfile.open(tmp_path / name, mode) as tar:  # type: ignore[call-overload]
            folder = tarfile.TarInfo("inner")
            folder.type = tarfile.DIRTYPE
            tar.addfile(folder)
            member = tarfile.TarInfo("inner/file")
            member.size = 4
            tar.addfile(member, io.BytesIO(b"text"))
        target = tmp_path / name.replace(".", "_")
        assert utils.extract_archive(str(tmp_path / name), target, remove_finished=True) == str(target)
        assert (target / "inner" / "file").read_bytes() == b"text" and not (tmp_path / name).exists()
    (tmp_path / "b.txt.gz").write_bytes(gzip.compress(b"text"))
    assert utils.extract_archive(str(tmp_path / "b.txt.gz")) == str(tmp_path / "b.txt")
    assert (tmp_path / "b.txt").read_bytes() == b"text" and utils.check_integrity(tmp_path / "b.txt", md5(b"text"))
    with pytest.raises(RuntimeError, match="Unknown compression or archive type: '.rar'"):
        utils.extract_archive(tmp_path / "a.rar")
    assert utils.list_dir(tmp_path) and utils.list_files(tmp_path, ".txt") == ["b.txt"]
