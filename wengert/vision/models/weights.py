"""Trained weights by their names. None come with wengert, and none are fetched: what to do instead is said.

The names are here so that programs which import them, and use them or not, can run; each knows its address and the
transform that its images need.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from enum import Enum
from typing import Any, NoReturn, TypeVar

from wengert import Tensor

from ..transforms import functional

ADDRESS = "https://download.pytorch.org/models/"
Build = TypeVar("Build", bound=Callable[..., Any])
BUILDERS: dict[str, Callable[..., Any]] = {}


class ImageClassification:
    """What images go through before a network that was trained on ImageNet.

    Pictures or tensors are resized (the shorter edge to ``resize_size``), cropped in the middle to ``crop_size``, made
    tensors of 0…1, and normalised by ImageNet's mean and deviation.
    """

    def __init__(self, *, crop_size: int = 224, resize_size: int = 256, mean: tuple[float, ...] = (0.485, 0.456, 0.406),
                 std: tuple[float, ...] = (0.229, 0.224, 0.225)) -> None:
        self.crop_size, self.resize_size, self.mean, self.std = crop_size, resize_size, mean, std

    def __call__(self, img: Any) -> Tensor:
        img = functional.center_crop(functional.resize(img, [self.resize_size]), [self.crop_size])
        if not isinstance(img, Tensor):
            img = functional.pil_to_tensor(img)
        return functional.normalize(functional.convert_image_dtype(img), self.mean, self.std)


class WeightsEnum(Enum):
    """The weights that there are for one network; the value of each is the name of its file.

    >>> from wengert.vision import models
    >>> issubclass(models.ResNet18_Weights, models.WeightsEnum)
    True
    """

    @property
    def url(self) -> str:
        """Where the file can be downloaded with a browser."""
        return ADDRESS + self.value

    @property
    def transforms(self) -> Callable[..., ImageClassification]:
        """What makes the transform that images need: ``weights.transforms()``."""
        return functools.partial(ImageClassification, resize_size=232 if self.name == "IMAGENET1K_V2" else 256)

    def get_state_dict(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Raises RuntimeError, which says how to load a file."""
        raise RuntimeError(_advice("get_state_dict", self))


def _advice(name: str, weights: WeightsEnum) -> str:
    return (
        f"[{name}] weights=None was expected: wengert fetches no trained weights; download {weights.url} and write "
        f"model = {'...' if name == 'get_state_dict' else name}(); model.load_state_dict(torch.load({weights.value!r}))"
    )


def builder(kind: type[WeightsEnum]) -> Callable[[Build], Build]:
    """A decorator for the function that makes a network: takes its ``weights`` apart, and keeps the function's name.

    The function takes the network's own arguments; what is made of it also takes ``weights`` (or, as it was once
    called, ``pretrained``) and ``progress``. Raises RuntimeError if weights are asked for.
    """

    def decorate(build: Build) -> Build:
        @functools.wraps(build)
        def make(weights: Any = None, progress: bool = True, **options: Any) -> Any:
            weights = options.pop("pretrained", weights)
            if isinstance(weights, str):
                if weights not in kind.__members__:
                    known = list(kind.__members__)
                    raise ValueError(f"[{build.__name__}] one of {known} was expected; got {weights!r}")
                weights = kind[weights]
            if weights is True:
                weights = kind["DEFAULT"]
            if weights is not None and weights is not False:
                if not isinstance(weights, kind):
                    raise TypeError(f"[{build.__name__}] one of {kind.__name__} was expected; got {weights!r}")
                raise RuntimeError(_advice(build.__name__, weights))
            return build(**options)

        make.__signature__ = inspect.signature(make, follow_wrapped=False)  # type: ignore[attr-defined]
        BUILDERS[build.__name__] = make
        return make  # type: ignore[return-value]

    return decorate


def list_models() -> list[str]:
    """The names of the networks that there are.

    >>> from wengert.vision import models
    >>> models.list_models()[:2]
    ['alexnet', 'densenet121']
    """
    return sorted(BUILDERS)


def get_model(name: str, **config: Any) -> Any:
    """A network by its name. Raises ValueError if there is none.

    >>> from wengert.vision import models
    >>> models.get_model("resnet18", num_classes=10).fc
    Linear(in_features=512, out_features=10, bias=True)
    """
    if name.lower() not in BUILDERS:
        raise ValueError(f"Unknown model {name}; there are {', '.join(list_models())}")
    return BUILDERS[name.lower()](**config)
