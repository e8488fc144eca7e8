"""Images of noise."""

from __future__ import annotations

from typing import Any

import wengert as torch

from ..transforms.functional import to_pil_image
from .vision import Transform, VisionDataset


class FakeData(VisionDataset):
    """``size`` pictures of noise with targets drawn from ``num_classes``, the same ones each time.

    ``image_size`` is ``(channels, height, width)``; the image of an index is drawn from the seed index +
    ``random_offset``, and the generator's state is put back.

    >>> from wengert.vision import datasets
    >>> image, label = datasets.FakeData(size=2, image_size=(3, 8, 8))[0]
    >>> image.size
    (8, 8)
    """

    def __init__(
        self,
        size: int = 1000,
        image_size: tuple[int, int, int] = (3, 224, 224),
        num_classes: int = 10,
        transform: Transform | None = None,
        target_transform: Transform | None = None,
        random_offset: int = 0,
    ) -> None:
        super().__init__(transform=transform, target_transform=target_transform)
        self.size, self.image_size, self.num_classes = size, image_size, num_classes
        self.random_offset = random_offset

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        if index >= len(self):
            raise IndexError(f"{type(self).__name__} index out of range")
        state = torch.get_rng_state()
        torch.manual_seed(index + self.random_offset)
        image = torch.randn(*self.image_size)
        target = torch.randint(0, self.num_classes, size=(1,))[0]
        torch.set_rng_state(state)
        picture, changed = self._changed(to_pil_image(image), target)
        return picture, changed.item()

    def __len__(self) -> int:
        return self.size
