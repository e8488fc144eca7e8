"""What the data sets of images share: a folder, transforms, and a description."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ...utils.data import Dataset

Transform = Callable[[Any], Any]
NOT_FOUND = "Dataset not found. You can use download=True to download it"


class VisionDataset(Dataset[Any]):
    """A data set of images.

    ``root`` is the folder of its files. ``transform`` changes the image and ``target_transform`` the target; or
    ``transforms``, called with both, returns both. Raises ValueError if both kinds are given.

    >>> from wengert.vision import datasets
    >>> class Pairs(datasets.VisionDataset):
    ...     def __getitem__(self, index):
    ...         return index, index * index
    ...     def __len__(self):
    ...         return 3
    >>> Pairs(root=".")[2]
    (2, 4)
    """

    _repr_indent = 4

    def __init__(self, root: str | Path | None = None, transforms: Callable[[Any, Any], Any] | None = None,
                 transform: Transform | None = None, target_transform: Transform | None = None) -> None:
        self.root: Any = os.path.expanduser(root) if isinstance(root, str) else root
        separate = transform is not None or target_transform is not None
        if transforms is not None and separate:
            raise ValueError("Only transforms or transform/target_transform can be passed as argument")
        self.transform, self.target_transform = transform, target_transform
        self.transforms = StandardTransform(transform, target_transform) if separate else transforms

    def __getitem__(self, index: int) -> Any:
        raise NotImplementedError

    def __len__(self) -> int:
        raise NotImplementedError

    def _changed(self, image: Any, target: Any) -> tuple[Any, Any]:
        """A sample after the transforms that the data set was made with."""
        if self.transform is not None:
            image = self.transform(image)
        if self.target_transform is not None:
            target = self.target_transform(target)
        return image, target

    def __repr__(self) -> str:
        rows = [f"Number of datapoints: {len(self)}"]
        if self.root is not None:
            rows.append(f"Root location: {self.root}")
        rows += self.extra_repr().splitlines()
        if self.transforms is not None:
            rows.append(repr(self.transforms))
        return "\n".join([f"Dataset {type(self).__name__}", *(" " * self._repr_indent + row for row in rows)])

    def extra_repr(self) -> str:
        """Further lines for the description."""
        return ""


class StandardTransform:
    """A transform for the image and one for the target as one for both."""

    def __init__(self, transform: Transform | None = None, target_transform: Transform | None = None) -> None:
        self.transform, self.target_transform = transform, target_transform

    def __call__(self, input: Any, target: Any) -> tuple[Any, Any]:
        if self.transform is not None:
            input = self.transform(input)
        if self.target_transform is not None:
            target = self.target_transform(target)
        return input, target

    def __repr__(self) -> str:
        rows = [type(self).__name__]
        for head, part in (("Transform: ", self.transform), ("Target transform: ", self.target_transform)):
            if part is not None:
                first, *rest = repr(part).splitlines()
                rows += [head + first, *(" " * len(head) + row for row in rest)]
        return "\n".join(rows)
