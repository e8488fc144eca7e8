"""`wengert.vision`'s data sets and grids against torchvision: same samples from the same files, same files written."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import wengert
from tests.peer.vision_oracle import SIDES, as_array, torch
from tests.vision_files import write_cifar, write_image_folder, write_mnist
from wengert import vision

GRIDS: list[tuple[tuple[int, ...], dict[str, Any]]] = [
    ((10, 3, 5, 6), {}),
    ((10, 1, 5, 6), {"nrow": 3, "padding": 1}),
    ((7, 3, 4, 4), {"normalize": True, "pad_value": 0.5}),
    ((7, 3, 4, 4), {"normalize": True, "scale_each": True}),
    ((7, 1, 4, 4), {"normalize": True, "value_range": (-1.0, 0.5), "nrow": 2}),
    ((3, 5, 6), {}),
    ((1, 5, 6), {"normalize": True}),
    ((5, 6), {}),
    ((1, 3, 5, 6), {}),
    ((4, 2, 5, 6), {"padding": 0}),
]


@pytest.mark.parametrize("shape, options", GRIDS)
@pytest.mark.parametrize("as_list", [False, True])
def test_grids_and_the_files_they_are_saved_to(shape: tuple[int, ...], options: Any, as_list: bool) -> None:
    values = np.random.RandomState(0).standard_normal(shape).astype(np.float32)
    grids, files = [], []
    for lib, vis in SIDES:
        images = lib.from_numpy(values.copy())
        grid = vis.utils.make_grid(list(images) if as_list else images, **options)
        grids.append(grid.numpy())
        if grid.shape[0] == 3:
            for format in ("png", "jpeg"):
                file = io.BytesIO()
                vis.utils.save_image(list(images) if as_list else images, file, format, **options)
                files.append(file.getvalue())
    np.testing.assert_array_equal(grids[0], grids[1])
    assert files[: len(files) // 2] == files[len(files) // 2 :]


def samples(data: Any) -> list[Any]:
    return [(as_array(image), target) for image, target in data]


def agree(ours: Any, theirs: Any) -> None:
    assert repr(ours) == repr(theirs)
    assert len(ours) == len(theirs)
    for (a, s), (b, t) in zip(samples(ours), samples(theirs), strict=True):
        np.testing.assert_array_equal(a, b)
        assert s == t and type(s) is type(t)
    for name in ("classes", "class_to_idx"):
        assert getattr(ours, name) == getattr(theirs, name)


def one_more(target: int) -> int:
    return target + 1


@pytest.mark.parametrize("name", ["MNIST", "FashionMNIST", "KMNIST"])
@pytest.mark.parametrize("train", [True, False])
def test_mnist(tmp_path: Path, name: str, train: bool) -> None:
    write_mnist(tmp_path / name / "raw")
    sets = [getattr(vis.datasets, name)(str(tmp_path), train, vis.transforms.Pad(1), one_more) for _, vis in SIDES]
    agree(*sets)
    np.testing.assert_array_equal(sets[0].data.numpy(), sets[1].data.numpy())
    assert sets[0].targets.tolist() == sets[1].targets.tolist() and str(sets[1].targets.dtype) == "torch.int64"
    with pytest.raises(RuntimeError, match="Dataset not found"):
        getattr(vision.datasets, name)(tmp_path / "elsewhere")


def test_emnist(tmp_path: Path) -> None:
    for split in ("letters", "bymerge"):
        for part in ("train", "test"):
            write_mnist(tmp_path / "EMNIST" / "raw", {f"emnist-{split}-{part}": 5})
        agree(*(vis.datasets.EMNIST(tmp_path, split, train=False) for _, vis in SIDES))


@pytest.mark.parametrize("name", ["CIFAR10", "CIFAR100"])
def test_cifar(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for _, vis in SIDES:
        write_cifar(tmp_path, getattr(vis.datasets, name), monkeypatch)
    for train in (True, False):
        sets = [getattr(vis.datasets, name)(tmp_path, train) for _, vis in SIDES]
        agree(*sets)
        np.testing.assert_array_equal(sets[0].data, sets[1].data)
        assert sets[0].targets == sets[1].targets


def test_image_folder(tmp_path: Path) -> None:
    write_image_folder(tmp_path)
    sets = [vis.datasets.ImageFolder(str(tmp_path), vis.transforms.ToTensor()) for _, vis in SIDES]
    agree(*sets)
    assert sets[0].samples == sets[1].samples == sets[0].imgs and sets[0].targets == sets[1].targets
    (tmp_path / "empty").mkdir()
    for _, vis in SIDES:
        with pytest.raises(FileNotFoundError, match="Found no valid file for the classes empty"):
            vis.datasets.ImageFolder(tmp_path)
    agree(*(vis.datasets.ImageFolder(tmp_path, allow_empty=True) for _, vis in SIDES))


def test_fake_data() -> None:
    for lib, _ in SIDES:
        lib.manual_seed(5)
    ours, theirs = (vis.datasets.FakeData(6, (3, 8, 9), 4, random_offset=3) for _, vis in SIDES)
    assert repr(ours) == repr(theirs)
    for (a, s), (b, t) in zip(samples(ours), samples(theirs), strict=True):
        # The last bit of a normally distributed number may decide about a byte.
        assert (a != b).mean() < 0.01 and s == t
    assert wengert.rand(1).item() == torch.rand(1).item()


def test_loaders_see_the_same_images() -> None:
    batches = []
    for lib, vis in SIDES:
        T = vis.transforms
        change = T.Compose([T.RandomCrop(12, padding=2), T.RandomHorizontalFlip(), T.ToTensor()])
        data = vis.datasets.FakeData(12, (1, 12, 12), 3, change)
        lib.manual_seed(0)
        loader = lib.utils.data.DataLoader(data, 4, shuffle=True)
        batches.append([(images.numpy(), targets.tolist()) for images, targets in loader])
    for (a, s), (b, t) in zip(*batches, strict=True):
        assert (a != b).mean() < 0.01 and s == t
