"""Data sets of files in folders, a folder for each class."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..pillow import pillow
from .vision import Transform, VisionDataset

IMG_EXTENSIONS = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")
Extensions = str | tuple[str, ...]
Check = Callable[[str], bool]


def has_file_allowed_extension(filename: str, extensions: Extensions) -> bool:
    """Whether a name ends in one of the extensions, in small letters or capitals."""
    return filename.lower().endswith(extensions if isinstance(extensions, str) else tuple(extensions))


def is_image_file(filename: str) -> bool:
    """Whether a name ends as those of images do."""
    return has_file_allowed_extension(filename, IMG_EXTENSIONS)


def pil_loader(path: str | Path) -> Any:
    """The picture in a file, in the mode RGB."""
    with open(path, "rb") as file:
        return pillow().open(file).convert("RGB")


default_loader = pil_loader


def find_classes(directory: str | Path) -> tuple[list[str], dict[str, int]]:
    """The names of the folders in a folder, in order, and the number of each. FileNotFoundError if there is none."""
    classes = sorted(entry.name for entry in os.scandir(directory) if entry.is_dir())
    if not classes:
        raise FileNotFoundError(f"Couldn't find any class folder in {directory}.")
    return classes, {name: place for place, name in enumerate(classes)}


def make_dataset(directory: str | Path, class_to_idx: dict[str, int] | None = None,
                 extensions: Extensions | None = None, is_valid_file: Check | None = None,
                 allow_empty: bool = False) -> list[tuple[str, int]]:
    """The files below the folder of each class, at any depth, each with the number of its class.

    Which files count is said by ``extensions`` or by ``is_valid_file``, one of the two: else ValueError. Raises
    FileNotFoundError for a class without files, unless ``allow_empty``.
    """
    directory = os.path.expanduser(directory)
    if class_to_idx is None:
        class_to_idx = find_classes(directory)[1]
    elif not class_to_idx:
        raise ValueError("'class_to_index' must have at least one entry to collect any samples.")
    if (extensions is None) == (is_valid_file is None):
        raise ValueError("Both extensions and is_valid_file cannot be None or not None at the same time")
    samples: list[tuple[str, int]] = []
    empty = []
    for name in sorted(class_to_idx):
        before = len(samples)
        for folder, _, files in sorted(os.walk(os.path.join(directory, name), followlinks=True)):
            for file in sorted(files):
                path = os.path.join(folder, file)
                if is_valid_file(path) if is_valid_file else has_file_allowed_extension(path, extensions or ()):
                    samples.append((path, class_to_idx[name]))
        if len(samples) == before:
            empty.append(name)
    if empty and not allow_empty:
        known = extensions if isinstance(extensions, str) or extensions is None else ", ".join(extensions)
        hint = f"Supported extensions are: {known}" if known is not None else ""
        raise FileNotFoundError(f"Found no valid file for the classes {', '.join(empty)}. {hint}")
    return samples


class DatasetFolder(VisionDataset):
    """Files in folders: ``root/class/anything.ext``, the folders' names being the classes.

    ``loader`` makes a sample of a path. Which files count is said by ``extensions`` or ``is_valid_file``. ``samples``
    are the paths with their classes' numbers, ``targets`` the numbers, ``classes`` the names. Raises FileNotFoundError.

    >>> from wengert.vision import datasets
    >>> from pathlib import Path
    >>> for name in ("cats", "dogs"):
    ...     Path("pets", name).mkdir(parents=True)
    ...     _ = Path("pets", name, "a.txt").write_text(name)
    >>> data = datasets.DatasetFolder("pets", loader=lambda path: Path(path).read_text(), extensions=(".txt",))
    >>> data.classes, list(data)
    (['cats', 'dogs'], [('cats', 0), ('dogs', 1)])
    """

    def __init__(self, root: str | Path, loader: Callable[[str], Any], extensions: tuple[str, ...] | None = None,
                 transform: Transform | None = None, target_transform: Transform | None = None,
                 is_valid_file: Check | None = None, allow_empty: bool = False) -> None:
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.classes, self.class_to_idx = self.find_classes(self.root)
        self.samples = self.make_dataset(self.root, self.class_to_idx, extensions, is_valid_file, allow_empty)
        self.targets = [target for _, target in self.samples]
        self.loader, self.extensions = loader, extensions

    @staticmethod
    def make_dataset(directory: str | Path, class_to_idx: dict[str, int], extensions: tuple[str, ...] | None = None,
                     is_valid_file: Check | None = None, allow_empty: bool = False) -> list[tuple[str, int]]:
        """The samples; a subclass may find others."""
        if class_to_idx is None:
            raise ValueError("The class_to_idx parameter cannot be None.")
        return make_dataset(directory, class_to_idx, extensions, is_valid_file, allow_empty)

    def find_classes(self, directory: str | Path) -> tuple[list[str], dict[str, int]]:
        """The classes and their numbers; a subclass may find others."""
        return find_classes(directory)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        path, target = self.samples[index]
        return self._changed(self.loader(path), target)

    def __len__(self) -> int:
        return len(self.samples)


class ImageFolder(DatasetFolder):
    """Images in folders, ``root/class/name.png``: pictures in the mode RGB. See `DatasetFolder`. Raises
    FileNotFoundError for a folder without classes, or a class without pictures.

    >>> from wengert.vision import datasets, io
    >>> from pathlib import Path
    >>> Path("photos", "cats").mkdir(parents=True)
    >>> io.write_png(torch.zeros(3, 4, 4, dtype=torch.uint8), "photos/cats/a.png")
    >>> data = datasets.ImageFolder("photos")
    >>> data.classes, data[0][0].size
    (['cats'], (4, 4))
    """

    def __init__(self, root: str | Path, transform: Transform | None = None, target_transform: Transform | None = None,
                 loader: Callable[[str], Any] = default_loader, is_valid_file: Check | None = None,
                 allow_empty: bool = False) -> None:
        extensions = IMG_EXTENSIONS if is_valid_file is None else None
        super().__init__(root, loader, extensions, transform, target_transform, is_valid_file, allow_empty)
        self.imgs = self.samples
