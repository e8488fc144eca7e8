"""`transforms.v2`, `tv_tensors` and `models.feature_extraction` against torchvision: the same draws after the same
seed, the same kinds, boxes, masks and images."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import wengert
from tests.peer.vision_oracle import picture, torch, torchvision
from wengert import vision
from wengert.vision import tv_tensors
from wengert.vision.models import feature_extraction
from wengert.vision.transforms import v2

torchvision_v2 = pytest.importorskip("torchvision.transforms.v2")
torchvision_tensors = pytest.importorskip("torchvision.tv_tensors")
pytest.importorskip("torchvision.models.feature_extraction")
SIDES: tuple[tuple[Any, Any, Any], ...] = ((wengert, v2, tv_tensors), (torch, torchvision_v2, torchvision_tensors))
CASES: dict[str, Callable[[Any, Any], Any]] = {
    "RandomHorizontalFlip": lambda t, lib: t.RandomHorizontalFlip(),
    "RandomVerticalFlip": lambda t, lib: t.RandomVerticalFlip(0.7),
    "Resize": lambda t, lib: t.Resize((15, 20)),
    "Resize of the shorter side": lambda t, lib: t.Resize(16, max_size=18),
    "RandomResize": lambda t, lib: t.RandomResize(10, 30),
    "CenterCrop": lambda t, lib: t.CenterCrop(20),
    "CenterCrop beyond the image": lambda t, lib: t.CenterCrop((40, 20)),
    "RandomResizedCrop": lambda t, lib: t.RandomResizedCrop((16, 14)),
    "RandomCrop": lambda t, lib: t.RandomCrop((20, 18)),
    "RandomCrop padded": lambda t, lib: t.RandomCrop((40, 30), padding=2, pad_if_needed=True, fill=7),
    "Pad": lambda t, lib: t.Pad([1, 2, 3, 4], fill=9),
    "RandomRotation": lambda t, lib: t.RandomRotation(40),
    "RandomRotation expanded": lambda t, lib: t.RandomRotation((20, 50), expand=True),
    "RandomAffine": lambda t, lib: t.RandomAffine(30, (0.1, 0.2), (0.8, 1.2), (5, 10)),
    "RandomAffine bilinear": lambda t, lib: t.RandomAffine(30, (0.1, 0.2), shear=8, interpolation=(
        t.InterpolationMode.BILINEAR)),
    "ColorJitter": lambda t, lib: t.ColorJitter(0.4, 0.3, 0.5, 0.2),
    "Grayscale": lambda t, lib: t.Grayscale(3),
    "RandomGrayscale": lambda t, lib: t.RandomGrayscale(0.5),
    "RGB": lambda t, lib: t.RGB(),
    "GaussianBlur": lambda t, lib: t.GaussianBlur(5),
    "RandomInvert": lambda t, lib: t.RandomInvert(0.6),
    "RandomPosterize": lambda t, lib: t.RandomPosterize(3),
    "RandomSolarize": lambda t, lib: t.RandomSolarize(100),
    "RandomAdjustSharpness": lambda t, lib: t.RandomAdjustSharpness(2.0),
    "RandomAutocontrast": lambda t, lib: t.RandomAutocontrast(),
    "RandomEqualize": lambda t, lib: t.RandomEqualize(),
    "Normalize": lambda t, lib: t.Compose([t.ToImage(), t.ToDtype(lib.float32, scale=True),
                                           t.Normalize([0.5] * 3, [0.2] * 3)]),
    "RandomErasing": lambda t, lib: t.Compose([t.ToImage(), t.RandomErasing(0.8)]),
    "RandomErasing by noise": lambda t, lib: t.Compose([t.ToImage(), t.ToDtype(lib.float32, True),
                                                        t.RandomErasing(1.0, value="random")]),
    "GaussianNoise": lambda t, lib: t.Compose([t.ToImage(), t.ToDtype(lib.float32, True), t.GaussianNoise()]),
    "RandomChannelPermutation": lambda t, lib: t.Compose([t.ToImage(), t.RandomChannelPermutation()]),
    "RandomChoice": lambda t, lib: t.RandomChoice([t.RandomHorizontalFlip(1.0), t.RandomVerticalFlip(1.0)]),
    "RandomOrder": lambda t, lib: t.RandomOrder([t.RandomHorizontalFlip(), t.CenterCrop(20), t.RandomRotation(10)]),
    "RandomApply": lambda t, lib: t.RandomApply([t.CenterCrop(20)], 0.5),
    "SanitizeBoundingBoxes": lambda t, lib: t.SanitizeBoundingBoxes(6.0),
    "ClampBoundingBoxes": lambda t, lib: t.ClampBoundingBoxes(),
    "ConvertBoundingBoxFormat": lambda t, lib: t.ConvertBoundingBoxFormat("CXCYWH"),
    "ToPureTensor": lambda t, lib: t.ToPureTensor(),
    "ScaleJitter": lambda t, lib: t.ScaleJitter((40, 30)),
    "RandomShortestSize": lambda t, lib: t.RandomShortestSize([12, 18, 24], max_size=30),
    "RandomZoomOut": lambda t, lib: t.RandomZoomOut(5, (1.0, 2.0), p=0.8),
    "RandomIoUCrop": lambda t, lib: t.RandomIoUCrop(),
    "RandomPerspective": lambda t, lib: t.RandomPerspective(0.4, p=1.0),
    "ElasticTransform": lambda t, lib: t.ElasticTransform(20.0, 3.0),
    "RandomPhotometricDistort": lambda t, lib: t.RandomPhotometricDistort(p=0.7),
    "SetClampingMode": lambda t, lib: t.SetClampingMode(None),
    "ClampKeyPoints": lambda t, lib: t.ClampKeyPoints(),
    "SanitizeKeyPoints": lambda t, lib: t.SanitizeKeyPoints(),
    "ToDtype by kind": lambda t, lib: t.ToDtype({lib.Tensor: lib.float64, "others": None}),
}


def sample(library: Any, tensors: Any, picture_of_pillow: bool) -> dict[str, Any]:
    rng = np.random.default_rng(1)
    boxes = np.asarray([[2, 3, 12, 15], [10, 5, 30, 25], [0, 0, 5, 5]], np.float32)
    image = picture() if picture_of_pillow else tensors.Image(library.tensor(
        rng.integers(0, 256, (3, 29, 37)).astype(np.uint8)))
    return {"image": image, "boxes": tensors.BoundingBoxes(library.tensor(boxes), format="XYXY", canvas_size=(29, 37)),
            "points": tensors.KeyPoints(library.tensor([[[3.0, 4.0], [30.5, 20.25]], [[36.0, 28.0], [40.0, 10.0]]]),
                                        canvas_size=(29, 37)),
            "mask": tensors.Mask(library.tensor(rng.integers(0, 5, (29, 37)).astype(np.uint8))),
            "labels": library.tensor([1, 2, 3]), "name": "one"}


def numbers(value: Any, library: Any) -> Any:
    if isinstance(value, library.Tensor):
        return value.as_subclass(library.Tensor).detach().numpy()
    return np.asarray(value)


@pytest.mark.filterwarnings("ignore:RandomErasing.. is currently passing through")
@pytest.mark.parametrize("picture_of_pillow", [False, True], ids=["tensor", "picture"])
@pytest.mark.parametrize("name", CASES)
def test_a_sample_is_changed_alike(name: str, picture_of_pillow: bool) -> None:
    for seed in range(3):
        outs = []
        for library, transforms, tensors in SIDES:
            transform = CASES[name](transforms, library)
            library.manual_seed(seed)
            outs.append(transform(sample(library, tensors, picture_of_pillow)))
        assert list(outs[0]) == list(outs[1])
        assert outs[0]["name"] == "one"
        for key in ("image", "boxes", "points", "mask", "labels"):
            got, wanted = outs[0][key], outs[1][key]
            assert type(got).__name__ == type(wanted).__name__
            ours, theirs = numbers(got, wengert), numbers(wanted, torch)
            assert (ours.dtype, ours.shape) == (theirs.dtype, theirs.shape)
            # Colours of bytes are rounded from other sums; what is moved is the same to rounding.
            apart = 1 if key == "image" and theirs.dtype == np.uint8 else 1e-3
            np.testing.assert_allclose(ours.astype(float), theirs.astype(float), rtol=0, atol=apart)
            if key in ("boxes", "points") and name != "ToPureTensor":
                assert got.canvas_size == tuple(wanted.canvas_size)
            if key == "boxes" and name != "ToPureTensor":
                assert (got.format.value, got.clamping_mode) == (wanted.format.value, wanted.clamping_mode)


CHAINS: dict[str, Callable[[Any], Any]] = {
    "AutoAugment": lambda t: t.AutoAugment(),
    "AutoAugment for CIFAR10": lambda t: t.AutoAugment(t.AutoAugmentPolicy.CIFAR10, fill=9),
    "AutoAugment for SVHN": lambda t: t.AutoAugment(t.AutoAugmentPolicy.SVHN),
    "RandAugment": lambda t: t.RandAugment(3, 7),
    "TrivialAugmentWide": lambda t: t.TrivialAugmentWide(),
    "AugMix": lambda t: t.AugMix(),
    "AugMix with few changes": lambda t: t.AugMix(5, 2, 2, 0.5, all_ops=False),
    "JPEG": lambda t: t.JPEG((20, 60)),
}


@pytest.mark.parametrize("picture_of_pillow", [False, True], ids=["tensor", "picture"])
@pytest.mark.parametrize("name", CHAINS)
def test_an_image_goes_through_a_chain_alike(name: str, picture_of_pillow: bool) -> None:
    if name == "JPEG" and not picture_of_pillow:
        pytest.skip("torchvision's compiled operations are not here")
    for seed in range(6):
        outs = []
        for library, transforms, tensors in SIDES:
            library.manual_seed(seed)
            whole = sample(library, tensors, picture_of_pillow)
            outs.append(CHAINS[name](transforms)({"image": whole["image"], "labels": whole["labels"]})["image"])
        assert type(outs[0]).__name__ == type(outs[1]).__name__
        apart = np.abs(numbers(outs[0], wengert).astype(float) - numbers(outs[1], torch).astype(float))
        # Roundings of bytes differ by one here and there; a chain may equalise or posterise such a pixel further.
        assert (apart > 1).mean() < 0.01, (seed, apart.max())


@pytest.mark.parametrize("name", ["AutoAugment", "RandAugment", "TrivialAugmentWide", "AugMix"])
def test_a_chain_refuses_what_would_have_to_move(name: str) -> None:
    for library, transforms, tensors in SIDES:
        with pytest.raises(TypeError, match="are not supported by"):
            getattr(transforms, name)()(sample(library, tensors, False))


@pytest.mark.parametrize("probabilities", [False, True])
@pytest.mark.parametrize("name", ["MixUp", "CutMix"])
def test_a_batch_is_mixed_alike(name: str, probabilities: bool) -> None:
    for seed in range(4):
        outs = []
        for library, transforms, _ in SIDES:
            library.manual_seed(seed)
            images = library.tensor(np.random.default_rng(0).random((4, 3, 8, 9)).astype(np.float32))
            labels = library.tensor(np.eye(3, dtype=np.float32)[[0, 1, 2, 1]]) if probabilities else library.tensor(
                [0, 1, 2, 1])
            outs.append(getattr(transforms, name)(alpha=0.7, num_classes=3)(images, labels))
        for got, wanted in zip(*outs, strict=True):
            np.testing.assert_allclose(got.numpy(), wanted.numpy(), rtol=1e-6)


@pytest.mark.parametrize("compute", [
    lambda t: t + 1, lambda t: t.clone(), lambda t: t.to("cpu"), lambda t: t.sum(), lambda t: t.detach(),
    lambda t: t.clone().add_(1), lambda t: t[0], lambda t: t.float(), lambda t: t.clone().requires_grad_(),
    lambda t: copy.deepcopy(t),
])
def test_what_is_computed_is_a_plain_tensor_or_of_the_kind(compute: Any) -> None:
    for make in (lambda lib, kinds: kinds.Image(lib.ones(3, 2, 2)), lambda lib, kinds: kinds.Mask(lib.ones(2, 2)),
                 lambda lib, kinds: kinds.BoundingBoxes(lib.ones(2, 4), format="XYXY", canvas_size=(3, 3))):
        kinds = [type(compute(make(library, tensors))).__name__ for library, _, tensors in SIDES]
        assert kinds[0] == kinds[1]
        texts = [repr(make(library, tensors)) for library, _, tensors in SIDES]
        assert texts[0] == texts[1]


@pytest.mark.parametrize("name", ["resnet18", "alexnet", "vgg11_bn"])
def test_the_nodes_of_networks_have_torchvision_s_names(name: str) -> None:
    theirs = torchvision.models.feature_extraction.get_graph_node_names(getattr(torchvision.models, name)())
    assert feature_extraction.get_graph_node_names(getattr(vision.models, name)()) == theirs


def test_what_is_inside_a_network_is_the_same() -> None:
    outs = []
    for library, models in ((wengert, vision.models), (torch, torchvision.models)):
        library.manual_seed(0)
        model = models.resnet18(num_classes=5)
        nodes = {"layer1": "one", "layer3.0.relu_1": "two", "flatten": "three"}
        extractor = models.feature_extraction.create_feature_extractor(model, nodes)
        images = library.tensor(np.random.default_rng(0).normal(size=(2, 3, 64, 64)).astype(np.float32))
        outs += [{key: value.detach().numpy() for key, value in extractor.train(training)(images).items()}
                 for training in (False, True)]
        outs.append(list(extractor.state_dict()))
    assert list(outs[0]) == list(outs[3]) == ["one", "two", "three"]
    assert outs[2] == outs[5]
    for ours, theirs in ((outs[0], outs[3]), (outs[1], outs[4])):
        for key, value in theirs.items():
            np.testing.assert_allclose(ours[key], value, rtol=1e-3, atol=1e-4)
