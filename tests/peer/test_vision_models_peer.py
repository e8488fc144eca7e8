"""`wengert.vision.models` against torchvision: the same names, the same weights for the same seed, the same outputs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import wengert
from tests.peer.vision_oracle import SIDES, picture, torch, torchvision
from wengert import vision

NETWORKS: list[tuple[str, dict[str, Any], int]] = [
    ("resnet18", {"num_classes": 7}, 64),
    ("resnet34", {"zero_init_residual": True, "num_classes": 3}, 64),
    ("resnet50", {"replace_stride_with_dilation": [False, True, True], "num_classes": 3}, 64),
    ("resnext50_32x4d", {"num_classes": 3}, 64),
]


@pytest.mark.parametrize("name, options, size", NETWORKS)
def test_networks(name: str, options: dict[str, Any], size: int) -> None:
    made = []
    for lib, vis in SIDES:
        lib.manual_seed(0)
        made.append(getattr(vis.models, name)(weights=None, **options).eval())
    compare_weights(*made)
    assert repr(made[0]) == repr(made[1])
    # What follows is from the same weights to the last bit.
    made[0].load_state_dict({key: wengert.from_numpy(value.numpy()) for key, value in made[1].state_dict().items()})
    x = np.random.RandomState(0).standard_normal((2, 3, size, size)).astype(np.float32)
    outputs = [net(lib.from_numpy(x)).detach().numpy() for net, (lib, _) in zip(made, SIDES, strict=True)]
    np.testing.assert_allclose(outputs[0], outputs[1], rtol=2e-4, atol=2e-4 * np.abs(outputs[1]).max())


def compare_weights(ours: Any, theirs: Any) -> None:
    mine, want = ours.state_dict(), theirs.state_dict()
    assert list(mine) == list(want)
    for key, value in want.items():
        # Normally distributed: PyTorch's logarithms and cosines differ in the last bit from one machine to the next.
        np.testing.assert_allclose(mine[key].numpy(), value.numpy(), rtol=4e-7, atol=1e-8, err_msg=key)
    assert wengert.rand(1).item() == torch.rand(1).item()


@pytest.mark.parametrize("name", [
    "resnet101", "resnet152", "resnext101_32x8d", "wide_resnet50_2", "wide_resnet101_2", "alexnet", "vgg11", "vgg11_bn",
    "vgg13", "vgg13_bn", "vgg16", "vgg16_bn", "vgg19", "vgg19_bn",
])
def test_shapes_of_the_large_networks(name: str) -> None:
    """Names and shapes alone: their weights are drawn as those of the small ones, and take seconds."""
    shapes = []
    for lib, vis in SIDES:
        with pytest.MonkeyPatch.context() as patch:
            for draw in ("kaiming_normal_", "kaiming_uniform_", "normal_", "uniform_"):
                patch.setattr(lib.nn.init, draw, lambda tensor, *args, **kwargs: tensor)
            made = getattr(vis.models, name)(num_classes=5)
        shapes.append({key: tuple(value.shape) for key, value in made.state_dict().items()})
    assert shapes[0] == shapes[1]


def narrower(linear: Any) -> Any:
    """The class of linear layers with far fewer inputs and outputs than are asked for."""

    class Narrow(linear):  # type: ignore[misc]
        def __init__(self, inputs: int, outputs: int) -> None:
            super().__init__(inputs % 97 + 1, outputs % 89 + 1)

    return Narrow


def test_initial_weights_of_vgg_and_alexnet() -> None:
    """Of small copies: the classes draw as the full networks do."""
    for kind in ("VGG", "AlexNet"):
        made = []
        for lib, vis in SIDES:
            lib.manual_seed(3)
            features = lib.nn.Sequential(lib.nn.Conv2d(3, 4, 3), lib.nn.BatchNorm2d(4))
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(lib.nn, "Linear", narrower(lib.nn.Linear))
                made.append(vis.models.VGG(features) if kind == "VGG" else vis.models.AlexNet())
        compare_weights(*made)


def test_weights_have_the_addresses_and_transforms_of_torchvision() -> None:
    for name in dir(vision.models):
        if not name.endswith("_Weights"):
            continue
        ours, theirs = getattr(vision.models, name), getattr(torchvision.models, name)
        for weights in ours:
            assert weights.url == getattr(theirs, weights.name).url
        assert ours.DEFAULT.name == theirs.DEFAULT.name
        mine, want = (kind.DEFAULT.transforms()(picture(width=300, height=280)).numpy() for kind in (ours, theirs))
        np.testing.assert_allclose(mine, want, rtol=0, atol=1e-6)
