"""The larger data sets of `wengert.vision` against torchvision, on tiny files in their formats: the same samples of the
same files, and the same refusals."""

from __future__ import annotations

import lzma
import shutil
import struct
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.peer.test_vision_data_peer import one_more, samples
from tests.peer.vision_oracle import SIDES, picture
from tests.vision_files import idx


def agree(ours: Any, theirs: Any, *attributes: str) -> None:
    assert repr(ours) == repr(theirs) and len(ours) == len(theirs) > 0
    for name in attributes:
        assert getattr(ours, name) == getattr(theirs, name), name
    for (a, s), (b, t) in zip(samples(ours), samples(theirs), strict=True):
        np.testing.assert_array_equal(a, b)
        assert s == t and type(s) is type(t)


def refuse_alike(make: Any) -> str:
    """Both raise the same class; the message of ours."""
    with pytest.raises(Exception) as theirs:
        make(SIDES[1][1].datasets)
    with pytest.raises(theirs.type) as ours:
        make(SIDES[0][1].datasets)
    return str(ours.value)


def save_picture(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    picture(width=8, height=6, seed=seed).save(path)


@pytest.mark.parametrize("what", ["train", "test", "test10k", "nist", None])
def test_qmnist(tmp_path: Path, what: str | None) -> None:
    raw = tmp_path / "QMNIST" / "raw"
    raw.mkdir(parents=True)
    rng = np.random.RandomState(0)
    for name, count in (("qmnist-train", 5), ("qmnist-test", 4), ("xnist", 3)):
        (raw / f"{name}-images-idx3-ubyte").write_bytes(idx(rng.randint(0, 256, (count, 28, 28)).astype(np.uint8)))
        labels = rng.randint(0, 10, (count, 8)).astype(">i4")
        (raw / f"{name}-labels-idx2-int").write_bytes(struct.pack(">BBBBII", 0, 0, 12, 2, count, 8) + labels.tobytes())
    sets = [vis.datasets.QMNIST(tmp_path, what, train=False, target_transform=one_more) for _, vis in SIDES]
    agree(*sets, "classes", "class_to_idx", "what", "compat")
    ours, theirs = (vis.datasets.QMNIST(tmp_path, what, compat=False) for _, vis in SIDES)
    assert ours[0][1].tolist() == theirs[0][1].tolist() and str(ours[0][1].dtype) == str(theirs[0][1].dtype)
    assert ours.targets.tolist() == theirs.targets.tolist()
    for name in ("xnist-images-idx3-ubyte", "xnist-labels-idx2-int"):  # ours also reads what is still compressed
        (raw / f"{name}.xz").write_bytes(lzma.compress((raw / name).read_bytes()))
        (raw / name).unlink()
    assert len(SIDES[0][1].datasets.QMNIST(tmp_path, "nist")) == 3
    assert "Dataset not found" in refuse_alike(lambda sets: sets.QMNIST(tmp_path / "elsewhere", what))
    assert "test10k" in refuse_alike(lambda sets: sets.QMNIST(tmp_path, "test20k"))


def test_inaturalist_of_2021(tmp_path: Path) -> None:
    folders = ["00000_Animalia_Chordata_Aves_Piciformes_Picidae_Picus_viridis",
               "00001_Animalia_Chordata_Aves_Passeriformes_Paridae_Parus_major",
               "00002_Plantae_Tracheophyta_Liliopsida_Poales_Poaceae_Poa_annua"]
    for place, folder in enumerate(folders):
        for number in range(place + 1):
            save_picture(tmp_path / "2021_valid" / folder / f"{number}.png", place + number)
    kinds = ["full", "kingdom", "phylum", "class", "order", "family", "genus"]
    for target in ("full", "order", kinds):
        sets = [vis.datasets.INaturalist(tmp_path, "2021_valid", target) for _, vis in SIDES]
        agree(*sets, "all_categories", "categories_index", "categories_map", "index", "target_type")
    for kind in kinds:
        assert sets[0].category_name(kind, 0) == sets[1].category_name(kind, 0)
    for wrong in (("order", 9), ("tribe", 0)):
        assert "Invalid" in refuse_alike(lambda _, wrong=wrong: sets[_ is SIDES[1][1].datasets].category_name(*wrong))
    assert "super" in refuse_alike(lambda sets: sets.INaturalist(tmp_path, "2021_valid", "super"))
    assert "not found" in refuse_alike(lambda sets: sets.INaturalist(tmp_path, "2021_train"))
    (tmp_path / "2021_valid" / "00009_too_short").mkdir()
    assert "wrong number of pieces" in refuse_alike(lambda sets: sets.INaturalist(tmp_path, "2021_valid"))


@pytest.mark.parametrize("version", ["2017", "2018"])
def test_inaturalist_of_old(tmp_path: Path, version: str) -> None:
    for place, folder in enumerate(["Birds/1", "Birds/0", "Plants/2"]):
        save_picture(tmp_path / version / folder / f"{place}.jpg", place)
    sets = [vis.datasets.INaturalist(tmp_path, version, ["full", "super"], loader=lambda path: picture(width=4))
            for _, vis in SIDES]
    agree(*sets, "all_categories", "categories_index", "categories_map")
    save_picture(tmp_path / version / "Plants" / "7" / "a.jpg", 0)
    if version == "2018":
        assert "Missing category 3" in refuse_alike(lambda sets: sets.INaturalist(tmp_path, version))


def test_places365(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "categories_places365.txt").write_text("/a/airfield 0\n/b/beach 1\n")
    (tmp_path / "places365_val.txt").write_text("one.png 1\ntwo.png 0\n")
    (tmp_path / "places365_test.txt").write_text("one.png\n")
    (tmp_path / "places365_train_standard.txt").write_text("/b/beach/one.png 1\n")
    for path in ("val_large/one.png", "val_large/two.png", "val_256/one.png", "val_256/two.png", "test_large/one.png",
                 "data_256_standard/b/beach/one.png"):
        save_picture(tmp_path / path, len(path))
    assert "corrupted" in refuse_alike(lambda sets: sets.Places365(tmp_path, "val"))  # not those that were published
    for _, vis in SIDES:
        module = __import__(vis.datasets.Places365.__module__, fromlist=["check_integrity"])
        monkeypatch.setattr(module, "check_integrity", lambda path, md5: Path(path).is_file())
    for split, small in (("val", False), ("val", True), ("test", False), ("train-standard", True)):
        sets = [vis.datasets.Places365(str(tmp_path), split, small) for _, vis in SIDES]
        agree(*sets, "classes", "class_to_idx", "imgs", "targets", "variant", "images_dir")
    agree(*(vis.datasets.Places365(tmp_path, "val", target_transform=one_more) for _, vis in SIDES))
    assert "does not exist" in refuse_alike(lambda sets: sets.Places365(tmp_path, "train-challenge"))


def write_imagenet(root: Path) -> None:
    """A development kit of three classes in two groups, and the archives of a few images."""
    scipy = pytest.importorskip("scipy.io")
    data = root / "ILSVRC2012_devkit_t12" / "data"
    data.mkdir(parents=True)
    rows = [(1, "n01", "tench, Tinca tinca", "a fish", 0), (2, "n02", "goldfish", "another", 0),
            (3, "n03", "hen", "a bird", 0), (4, "n04", "fish", "a group", 2)]
    names = ("ILSVRC2012_ID", "WNID", "words", "gloss", "num_children")
    synsets = np.array(rows, dtype=[(name, object) for name in names])
    scipy.savemat(data / "meta.mat", {"synsets": synsets})
    (data / "ILSVRC2012_validation_ground_truth.txt").write_text("3\n1\n2\n1\n")
    with tarfile.open(root / "ILSVRC2012_devkit_t12.tar.gz", "w:gz") as kit:
        kit.add(root / "ILSVRC2012_devkit_t12", "ILSVRC2012_devkit_t12")
    made = root / "made"
    with tarfile.open(root / "ILSVRC2012_img_val.tar", "w") as archive:
        for place in range(4):
            save_picture(made / f"ILSVRC2012_val_{place}.jpeg", place)
            archive.add(made / f"ILSVRC2012_val_{place}.jpeg", f"ILSVRC2012_val_{place}.jpeg")
    with tarfile.open(root / "ILSVRC2012_img_train.tar", "w") as archive:
        for wnid in ("n01", "n02", "n03"):
            with tarfile.open(made / f"{wnid}.tar", "w") as inner:
                save_picture(made / f"{wnid}_0.jpeg", int(wnid[1:]))
                inner.add(made / f"{wnid}_0.jpeg", f"{wnid}_0.jpeg")
            archive.add(made / f"{wnid}.tar", f"{wnid}.tar")


def test_imagenet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_imagenet(tmp_path / "published")
    for number, (_, vis) in enumerate(SIDES):
        shutil.copytree(tmp_path / "published", tmp_path / f"side{number}" / "root")
        module = __import__(vis.datasets.ImageNet.__module__, fromlist=["ARCHIVE_META"])
        with pytest.raises(RuntimeError, match="devkit_t12.* is not present in the root directory or is corrupted"):
            vis.datasets.ImageNet(tmp_path / f"side{number}" / "root")  # not the archive that was published
        for part, (name, _) in module.ARCHIVE_META.items():
            monkeypatch.setitem(module.ARCHIVE_META, part, (name, None))
    for split in ("train", "val"):
        sets = []
        for number, (_, vis) in enumerate(SIDES):
            monkeypatch.chdir(tmp_path / f"side{number}")
            sets.append(vis.datasets.ImageNet("root", split))
            images = [(as_read, target) for as_read, target in samples(sets[-1])]
            sets[-1] = (sets[-1], images)
        (ours, mine), (theirs, want) = sets
        assert repr(ours) == repr(theirs)
        for name in ("classes", "class_to_idx", "wnids", "wnid_to_idx", "imgs", "targets", "split_folder"):
            assert getattr(ours, name) == getattr(theirs, name), name
        for (a, s), (b, t) in zip(mine, want, strict=True):
            np.testing.assert_array_equal(a, b)
            assert s == t
    # What the one has unpacked, the other reads.
    (tmp_path / "side0" / "root" / "meta.bin").unlink()
    shutil.copy(tmp_path / "side1" / "root" / "meta.bin", tmp_path / "side0" / "root")
    assert SIDES[0][1].datasets.ImageNet(tmp_path / "side0" / "root", "val").classes == theirs.classes
    shutil.copy(tmp_path / "side0" / "root" / "meta.bin", tmp_path / "side1" / "root")
    assert SIDES[1][1].datasets.ImageNet(tmp_path / "side1" / "root", "val").classes == theirs.classes
    refuse_alike(lambda sets: sets.ImageNet(tmp_path / "elsewhere"))
