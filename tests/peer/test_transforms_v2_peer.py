"""`transforms.v2`, `tv_tensors` and `models.feature_extraction` against torchvision: the same draws after the same
seed, the same kinds, boxes, masks and images."""

from __future__ import annotations

import copy
import enum
import inspect
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


TURNED: dict[str, Callable[[Any, Any, Any], Any]] = {
    "horizontal_flip": lambda t, lib, x: t.horizontal_flip(x),
    "vertical_flip": lambda t, lib, x: t.vertical_flip(x),
    "resize": lambda t, lib, x: t.resize(x, [30, 50]),
    "resize of the shorter side": lambda t, lib, x: t.resize(x, 30, max_size=44),
    "crop": lambda t, lib, x: t.crop(x, 5, 7, 20, 33),
    "crop beyond": lambda t, lib, x: t.crop(x, -5, -7, 60, 80),
    "center_crop": lambda t, lib, x: t.center_crop(x, [21, 70]),
    "pad": lambda t, lib, x: t.pad(x, [1, 2, 3, 4]),
    "resized_crop": lambda t, lib, x: t.resized_crop(x, 3, 4, 20, 30, [11, 17]),
    "rotate": lambda t, lib, x: t.rotate(x, 33.0),
    "rotate expanded": lambda t, lib, x: t.rotate(x, -70.0, expand=True),
    "affine": lambda t, lib, x: t.affine(x, 20.0, [3, 4], 1.2, [5.0, 10.0]),
    "perspective": lambda t, lib, x: t.perspective(x, [[0, 0], [59, 0], [59, 39], [0, 39]],
                                                   [[2, 3], [57, 1], [55, 38], [3, 35]]),
    "elastic": lambda t, lib, x: t.elastic(x, lib.linspace(-0.1, 0.1, 4800).reshape(1, 40, 60, 2)),
    "clamp": lambda t, lib, x: t.clamp_bounding_boxes(x),
}


@pytest.mark.parametrize("clamping_mode", ["soft", "hard", None])
@pytest.mark.parametrize("written", ["CXCYWHR", "XYWHR", "XYXYXYXY", "XYXY", "XYWH", "CXCYWH"])
def test_boxes_of_every_format_move_and_are_cut_alike(written: str, clamping_mode: str | None) -> None:
    """With an angle and without, upright ones among them, some beyond each edge."""
    rng = np.random.default_rng(0)
    boxes = np.concatenate([rng.random((24, 2)) * [70, 50] - 5, rng.random((24, 2)) * 25 + 2,
                            rng.random((24, 1)) * 720 - 360], 1)
    boxes[:6, 4] = [0, 90, -90, 45, 30, 270]  # of 180 rounding may make -180
    whole = torch.tensor(boxes) if written.endswith("R") or len(written) == 8 else torch.tensor(boxes[:, :4])
    start = "cxcywhr" if whole.shape[1] == 5 else "cxcywh"
    given = torchvision.ops.box_convert(whole, start, written.lower()).numpy().astype(np.float32)
    for name, call in TURNED.items():
        outs = [call(transforms.functional, library, tensors.BoundingBoxes(
            library.tensor(given), format=written, canvas_size=(40, 60), clamping_mode=clamping_mode))
            for library, transforms, tensors in SIDES]
        assert tuple(outs[0].canvas_size) == tuple(outs[1].canvas_size), name
        np.testing.assert_allclose(numbers(outs[0], wengert), numbers(outs[1], torch), rtol=1e-3, atol=2e-2,
                                   err_msg=name)


def kernels_of(kind: str) -> list[str]:
    functions = torchvision_v2.functional
    return sorted(name for name in dir(functions) if name.endswith(f"_{kind}") and callable(getattr(functions, name))
                  and not name.startswith(("clamp_", "sanitize_", "to_image", "to_pil")))


ARGUMENTS: dict[str, Any] = {
    "brightness_factor": 1.3, "contrast_factor": 0.7, "gamma": 0.8, "hue_factor": 0.1, "saturation_factor": 1.4,
    "sharpness_factor": 1.5, "angle": 20.0, "translate": [2, 3], "scale": 1.1, "shear": [3.0, 4.0], "top": 2, "left": 3,
    "height": 9, "width": 11, "size": [8, 9], "output_size": [9, 12], "padding": [1, 2, 3, 4], "startpoints": [
        [0, 0], [16, 0], [16, 12], [0, 12]], "endpoints": [[1, 1], [15, 0], [16, 12], [1, 11]], "i": 1, "j": 2, "h": 3,
    "w": 4, "kernel_size": [3, 3], "mean": [0.5, 0.4, 0.3], "std": [0.2, 0.3, 0.4], "permutation": [2, 0, 1], "bits": 3,
    "threshold": 0.5, "num_samples": 2, "canvas_size": (13, 17), "format": "XYXY",
}


@pytest.mark.parametrize("kind", ["image", "video", "mask", "keypoints", "bounding_boxes"])
def test_there_is_a_function_for_each_kind(kind: str) -> None:
    """With torchvision's parameters in its order, and its numbers."""
    rng = np.random.default_rng(2)
    given = {"image": rng.random((3, 13, 17)), "video": rng.random((4, 3, 13, 17)),
             "keypoints": rng.random((5, 2)) * 12, "mask": rng.integers(0, 4, (13, 17)),
             "bounding_boxes": np.array([[1, 2, 7, 9], [3, 0, 16, 12]])}[kind]
    given = given.astype(np.uint8 if kind == "mask" else np.float32)
    for name in kernels_of(kind):
        ours, theirs = getattr(v2.functional, name), getattr(torchvision_v2.functional, name)
        wanted = list(inspect.signature(theirs).parameters.values())
        for mine, other in zip([*inspect.signature(ours).parameters.values()][1:], wanted[1:], strict=True):
            assert (mine.name, mine.default) == (other.name, other.default) or isinstance(other.default, enum.Enum | (
                torch.dtype)), name
        if name.startswith(("jpeg", "get_size_b", "get_size_k", "to_dtype", "grayscale")):
            continue
        outs = []
        for library, function in ((wengert, ours), (torch, theirs)):
            more = {"v": library.ones(3, 3, 4), "displacement": library.zeros(1, 13, 17, 2) + 0.05}
            values = ARGUMENTS | more | ({"mean": 0.1} if "noise" in name else {})
            options = {each.name: values[each.name] for each in wanted[1:] if each.default is inspect.Parameter.empty}
            if "format" in options and library is torch:
                options["format"] = torchvision_tensors.BoundingBoxFormat.XYXY
            library.manual_seed(0)
            outs.append(function(library.tensor(given), **options))
        for found, expected in zip(*(flat(out) for out in outs), strict=True):
            assert type(found).__name__ == type(expected).__name__, name
            np.testing.assert_allclose(np.asarray(found, float), np.asarray(expected, float), rtol=1e-4, atol=1e-4,
                                       err_msg=name)


def flat(value: Any) -> list[Any]:
    return [part for each in value for part in flat(each)] if isinstance(value, (tuple, list)) else [value]
