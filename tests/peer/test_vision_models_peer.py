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
    ("densenet121", {"num_classes": 3, "drop_rate": 0.1}, 32),
    ("mobilenet_v3_small", {"num_classes": 3, "width_mult": 0.75}, 64),
    ("mobilenet_v3_small", {"num_classes": 3, "dilated": True, "reduced_tail": True}, 64),
    ("mobilenet_v3_large", {"num_classes": 3, "width_mult": 1.4}, 64),
    ("mobilenet_v2", {"num_classes": 3, "width_mult": 0.5}, 64),
    ("squeezenet1_0", {"num_classes": 3}, 64),
    ("squeezenet1_1", {"num_classes": 3}, 64),
    ("inception_v3", {"num_classes": 3, "init_weights": False, "transform_input": True}, 75),
]


@pytest.mark.filterwarnings("ignore:The default weight init")
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
    "vgg13", "vgg13_bn", "vgg16", "vgg16_bn", "vgg19", "vgg19_bn", "densenet161", "densenet169", "densenet201",
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


def test_inception_in_training() -> None:
    """Scores, those of the auxiliary classifier, and the weights' gradients, from weights drawn by its own rule."""
    results = []
    for lib, vis in SIDES:
        lib.manual_seed(1)
        with pytest.warns(FutureWarning, match="init"):
            net = vis.models.inception_v3(num_classes=3, dropout=0.0)
        x = lib.from_numpy(np.random.RandomState(0).standard_normal((3, 3, 299, 299)).astype(np.float32))
        out = net(x)
        assert isinstance(out, vis.models.InceptionOutputs) and out._fields == ("logits", "aux_logits")
        (out.logits.square().sum() + out.aux_logits.square().sum()).backward()
        results.append([net.Conv2d_1a_3x3.conv.weight.detach().numpy(), out.logits.detach().numpy(),
                        out.aux_logits.detach().numpy(), net.AuxLogits.conv1.conv.weight.grad.numpy()])
    np.testing.assert_allclose(results[0][0], results[1][0], rtol=4e-7, atol=1e-8)
    for mine, want in zip(results[0][1:], results[1][1:], strict=True):
        np.testing.assert_allclose(mine, want, rtol=2e-3, atol=2e-3 * np.abs(want).max())


def test_a_dense_network_that_computes_twice() -> None:
    """With `memory_efficient` the gradients are those without, and torchvision's."""
    grads = []
    for lib, vis in (*SIDES, SIDES[0]):
        lib.manual_seed(2)
        net = vis.models.DenseNet(4, (2, 2), 8, num_classes=3, memory_efficient=len(grads) < 2)
        x = lib.from_numpy(np.random.RandomState(0).standard_normal((2, 3, 32, 32)).astype(np.float32))
        net(x.requires_grad_()).square().sum().backward()
        grads.append([x.grad.numpy(), *(parameter.grad.numpy() for parameter in net.parameters())])
    most = max(np.abs(want).max() for want in grads[1])  # some, before a normalisation, are rounding alone
    for mine, want, once in zip(*grads, strict=True):
        np.testing.assert_allclose(mine, want, rtol=1e-3, atol=1e-5 * most)
        np.testing.assert_allclose(mine, once, rtol=1e-5, atol=1e-7 * most)


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
