"""`transforms.v2` on samples, `tv_tensors`, and features from inside a network: against numbers by hand."""

from __future__ import annotations

import copy
import warnings
from typing import Any

import numpy as np
import pytest

import wengert as torch
from wengert import nn
from wengert.vision import models, tv_tensors
from wengert.vision.models.feature_extraction import create_feature_extractor, get_graph_node_names
from wengert.vision.transforms import v2
from wengert.vision.transforms.v2 import functional as F


def boxes(*rows: list[float], format: str = "XYXY", size: tuple[int, int] = (4, 6)) -> Any:
    return tv_tensors.BoundingBoxes([list(map(float, row)) for row in rows], format=format, canvas_size=size)


def sample() -> tuple[Any, dict[str, Any]]:
    image = tv_tensors.Image(torch.arange(24, dtype=torch.uint8).reshape(1, 4, 6))
    mask = tv_tensors.Mask(torch.arange(24, dtype=torch.uint8).reshape(4, 6))
    both = boxes([0, 0, 2, 1], [1, 1, 6, 4])
    return image, {"boxes": both, "mask": mask, "labels": torch.tensor([3, 4]), "name": "x"}


def test_a_sample_is_flipped_as_a_whole() -> None:
    image, target = v2.RandomHorizontalFlip(1.0)(*sample())
    assert type(image) is tv_tensors.Image
    assert image[0, 0].tolist() == target["mask"][0].tolist() == [5, 4, 3, 2, 1, 0]
    assert target["boxes"].tolist() == [[4, 0, 6, 1], [0, 1, 5, 4]]
    assert (target["name"], target["labels"].tolist()) == ("x", [3, 4])
    assert v2.RandomVerticalFlip(1.0)(sample()[1]["boxes"]).tolist() == [[0, 3, 2, 4], [1, 0, 6, 3]]


def test_boxes_follow_what_moves() -> None:
    given = boxes([1, 1, 5, 3])
    assert F.resize(given, [8, 6]).tolist() == [[1, 2, 5, 6]]
    assert F.resize(given, [8, 6]).canvas_size == (8, 6)
    assert F.crop(given, 1, 2, 2, 3).tolist() == [[0, 0, 3, 2]]
    assert F.pad(given, [1, 2, 3, 4]).tolist() == [[2, 3, 6, 5]]
    assert F.pad(given, [1, 2, 3, 4]).canvas_size == (10, 10)
    assert F.center_crop(given, [2, 2]).tolist() == [[0, 0, 2, 2]]
    square = boxes([0, 0, 2, 1], size=(4, 4))
    torch.testing.assert_close(F.rotate(square, 90.0).as_subclass(torch.Tensor), torch.tensor([[0.0, 2.0, 1.0, 4.0]]))
    moved = F.affine(square, 0.0, [1, 2], 1.0, [0.0, 0.0])
    torch.testing.assert_close(moved.as_subclass(torch.Tensor), torch.tensor([[1.0, 2.0, 3.0, 3.0]]))
    whole = tv_tensors.BoundingBoxes(torch.tensor([[1, 1, 4, 2]]), format="XYWH", canvas_size=(4, 6))
    flipped = F.horizontal_flip(whole)
    assert (flipped.tolist(), flipped.dtype, flipped.format.value) == ([[1, 1, 4, 2]], torch.int64, "XYWH")
    corners = [[0, 0], [6, 0], [6, 4], [0, 4]]
    moved = F.perspective(given, corners, [[x + 1, y + 2] for x, y in corners])
    torch.testing.assert_close(moved.as_subclass(torch.Tensor), torch.tensor([[2.0, 3.0, 6.0, 4.0]]))  # cut at 6 by 4
    for points in ([], corners[:3]):
        with pytest.raises(ValueError, match="exactly four corners"):
            F.perspective(given, points, points)


def test_boxes_with_an_angle_keep_their_sides() -> None:
    turned = boxes([3, 2, 2, 1, 30], format="CXCYWHR")
    assert F.horizontal_flip(turned).tolist() == [[3, 2, 2, 1, -30]]
    assert F.vertical_flip(turned).tolist() == [[3, 2, 2, 1, 150]]
    again = F.rotate(F.rotate(turned, 25.0), -25.0)
    torch.testing.assert_close(again.as_subclass(torch.Tensor), turned.as_subclass(torch.Tensor), rtol=0, atol=1e-4)
    for mode, width in (("soft", 4.0), ("hard", 4.0), (None, 8.0)):  # upright, half of it beyond the left edge
        beyond = tv_tensors.BoundingBoxes([[0.0, 2.0, 8.0, 2.0, 0.0]], format="CXCYWHR", canvas_size=(4, 6),
                                          clamping_mode=mode)
        assert F.clamp_bounding_boxes(beyond)[0, 2].item() == pytest.approx(width)
    slanted = boxes([0, 2, 4, 2, 45], format="CXCYWHR")
    hard = F.clamp_bounding_boxes(slanted, clamping_mode="hard")
    corners = F.convert_bounding_box_format(hard, new_format="XYXYXYXY").reshape(4, 2)
    assert corners.min() >= -1e-4
    assert hard[0, 4].item() % 90 == pytest.approx(45)
    assert len(F.sanitize_bounding_boxes(turned)[0]) == 1
    with pytest.raises(ValueError, match="have to be passed"):
        F.clamp_bounding_boxes(torch.ones(1, 5), "CXCYWHR", (4, 6))


def test_a_kind_of_ones_own() -> None:
    class Flow(tv_tensors.TVTensor):
        pass

    class Finer(Flow):
        pass

    calls = []

    @F.register_kernel(F.resize, Flow)
    def resize(flow: Any, size: Any, **options: Any) -> Any:
        calls.append((size, sorted(options)))
        return flow

    given = torch.ones(2, 4, 6).as_subclass(Finer)
    out = v2.Resize([2, 3])({"image": torch.ones(1, 4, 6), "flow": given})
    assert (out["flow"] is given, out["image"].shape) == (True, (1, 2, 3))
    assert calls == [([2, 3], ["antialias", "interpolation", "max_size"])]
    assert v2.RandomHorizontalFlip(1.0)(given) is given  # for which it has no kernel
    for functional, kind, words in (("resiz", Flow, "Could not find"), (len, Flow, "namespace"),
                                    ("resize", torch.Tensor, "subclasses"), ("resize", tv_tensors.Mask, "builtin"),
                                    ("resize", Flow, "already")):
        with pytest.raises(ValueError, match=words):
            F.register_kernel(functional, kind)


def test_of_plain_tensors_the_first_is_the_image() -> None:
    flip = v2.RandomHorizontalFlip(1.0)
    first, second = flip(torch.tensor([[[1, 2]]]), torch.tensor([[[1, 2]]]))
    assert (first.tolist(), second.tolist()) == ([[[2, 1]]], [[[1, 2]]])
    image, other = flip(tv_tensors.Image(torch.tensor([[[1, 2]]])), torch.tensor([[[1, 2]]]))
    assert (image.tolist(), other.tolist()) == ([[[2, 1]]], [[[1, 2]]])


def test_kinds_say_what_they_are() -> None:
    image = tv_tensors.Image(torch.ones(2, 3))
    assert image.shape == (1, 2, 3)
    assert type(image * 2) is torch.Tensor
    assert type(image.clone()) is type(copy.deepcopy(image)) is tv_tensors.Image
    assert type(tv_tensors.wrap(image * 2, like=image)) is tv_tensors.Image
    with tv_tensors.set_return_type("TVTensor"):
        assert type(image * 2) is tv_tensors.Image
    assert type(image * 2) is torch.Tensor
    assert tv_tensors.Video(torch.ones(2, 3, 4, 4)).requires_grad is False
    assert repr(boxes([1, 2, 3, 4])).endswith("format=BoundingBoxFormat.XYXY, canvas_size=(4, 6), clamping_mode=soft)")
    for call, words in (
        (lambda: tv_tensors.Image(torch.ones(2)), "2D or higher"), (lambda: tv_tensors.Video(torch.ones(2)), "4D"),
        (lambda: boxes([1, 2, 3, 4])._made(torch.ones(1, 4), "XYXY", (1, 1), "mild"), "clamping_mode"),
        (lambda: tv_tensors.BoundingBoxes(torch.ones(1, 1, 4), format="XYXY", canvas_size=(1, 1)), "1D or 2D"),
        (lambda: tv_tensors.BoundingBoxes([[1, 2, 3, 4, 5]], format="XYWHR", canvas_size=(1, 1)), "floating point"),
        (lambda: tv_tensors.set_return_type("array"), "return_type"),
    ):
        with pytest.raises(ValueError, match=words):
            call()


def test_numbers_and_kinds_are_converted() -> None:
    array = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    image = v2.ToImage()(array)
    assert type(image) is tv_tensors.Image
    assert image[:, 0, 1].tolist() == [3, 4, 5]
    floats = v2.ToDtype(torch.float32, scale=True)(image)
    torch.testing.assert_close(floats.as_subclass(torch.Tensor), image.as_subclass(torch.Tensor) / 255)
    normal = v2.Normalize([0.5, 0.5, 0.5], [0.5, 0.5, 0.5])(floats)
    torch.testing.assert_close(normal.as_subclass(torch.Tensor), floats.as_subclass(torch.Tensor) * 2 - 1)
    assert type(v2.ToPureTensor()(image)) is torch.Tensor
    chosen = v2.ToDtype({tv_tensors.Mask: torch.int64, "others": None})(sample())
    assert (chosen[0].dtype, chosen[1]["mask"].dtype) == (torch.uint8, torch.int64)
    with pytest.raises(ValueError, match="No dtype was specified"):
        v2.ToDtype({tv_tensors.Mask: torch.int64})(image)
    assert v2.RGB()(torch.ones(1, 2, 2)).shape == (3, 2, 2)
    assert v2.RandomSolarize(3, p=1.0)(image).max().item() >= 244
    with pytest.raises(TypeError, match="RandomInvert"):
        v2.RandomInvert(0.5, 3)
    noisy = v2.GaussianNoise(sigma=0.1)(torch.full((3, 20, 20), 0.5))
    assert 0.05 < noisy.std().item() < 0.15


def test_boxes_that_are_too_small_go_with_their_labels() -> None:
    kept = v2.SanitizeBoundingBoxes(min_size=2)(sample()[1])
    assert (kept["boxes"].tolist(), kept["labels"].tolist()) == ([[1, 1, 6, 4]], [4])
    with pytest.raises(ValueError, match="Could not infer"):
        v2.SanitizeBoundingBoxes()({"boxes": boxes([1, 1, 3, 3])})
    assert len(v2.SanitizeBoundingBoxes(labels_getter=None)({"boxes": boxes([1, 1, 3, 3])})["boxes"]) == 1
    assert v2.ClampBoundingBoxes()(boxes([-1, 0, 9, 3])).tolist() == [[0, 0, 6, 3]]
    turned = v2.ConvertBoundingBoxFormat("CXCYWH")(boxes([1, 1, 3, 4]))
    assert (turned.tolist(), turned.format) == ([[2, 2.5, 2, 3]], tv_tensors.BoundingBoxFormat.CXCYWH)


@pytest.mark.parametrize("kind", [v2.MixUp, v2.CutMix])
def test_a_batch_is_mixed_with_its_labels(kind: Any) -> None:
    torch.manual_seed(3)
    images = torch.stack([torch.full((1, 6, 8), float(n)) for n in range(4)])
    mixed, labels = kind(num_classes=4)(images, torch.arange(4))
    assert labels.sum(1).tolist() == pytest.approx([1.0] * 4)
    share = labels[2, 2].item()
    assert labels[2, 1].item() == pytest.approx(1 - share)
    assert mixed[2].mean().item() == pytest.approx(2 * share + 1 - share, abs=1e-5)
    for sample, words in (((images, torch.arange(4)), "num_classes must be passed"), ((images, "x"), "dictionary"),
                          ((images[0], torch.arange(4)), "batched input"), ((images, torch.arange(3)), "batch size")):
        with pytest.raises(ValueError, match=words):
            kind(num_classes=None if "must" in words else 4)(*sample)
    with pytest.raises(ValueError, match="does not support"):
        kind(num_classes=4)(boxes([1, 1, 2, 2]), torch.arange(1))


def test_transforms_are_put_together() -> None:
    flip = v2.RandomHorizontalFlip(1.0)
    assert v2.Compose([flip, flip])(torch.tensor([[[1, 2]]])).tolist() == [[[1, 2]]]
    assert v2.RandomApply([flip], 0.0)(torch.tensor([[[1, 2]]])).tolist() == [[[1, 2]]]
    assert v2.RandomChoice([flip])(torch.tensor([[[1, 2]]])).tolist() == [[[2, 1]]]
    assert v2.RandomOrder([flip, flip, flip])(torch.tensor([[[1, 2]]])).tolist() == [[[2, 1]]]
    assert v2.Lambda(lambda x: x + 1, int)([1, "a"]) == [2, "a"]
    assert "RandomHorizontalFlip(p=1.0)" in repr(v2.Compose([flip]))
    three: Any = 3
    for make, kind in ((lambda: v2.Compose([]), ValueError), (lambda: v2.Compose(three), TypeError),
                       (lambda: v2.RandomChoice([flip], [1, 2]), ValueError),
                       (lambda: v2.RandomApply([flip], 2), ValueError),
                       (lambda: v2.RandomHorizontalFlip(-1), ValueError), (lambda: v2.Resize(None), ValueError)):
        with pytest.raises(kind):
            make()
    with pytest.raises(TypeError, match="No image"):
        v2.RandomCrop(2)("x", 3)
    with pytest.raises(ValueError, match="multiple sizes"):
        v2.RandomCrop(2)(tv_tensors.Image(torch.ones(1, 3, 3)), tv_tensors.Mask(torch.ones(4, 4)))
    with pytest.raises(ValueError, match="larger than"):
        v2.RandomCrop(9)(torch.ones(1, 3, 3))


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.drop, self.last = nn.Linear(3, 4), nn.Dropout(0.5), nn.Linear(4, 2)

    def forward(self, x: Any) -> Any:
        hidden = torch.relu(self.first(x)) + 1
        if self.training:
            hidden = self.drop(hidden)
        return self.last(torch.relu(hidden))


def test_features_come_from_inside_a_network() -> None:
    net = Net()
    with pytest.warns(UserWarning, match="subsequence of those obtained in train mode"):
        train, evaluated = get_graph_node_names(net)
    assert train == ["x", "first", "relu", "add", "drop", "relu_1", "last"]
    assert evaluated == [name for name in train if name != "drop"]
    extractor = create_feature_extractor(net, {"relu": "hidden", "first": "linear"}, suppress_diff_warning=True)
    x = torch.randn(5, 3)
    out = extractor(x)
    assert list(out) == ["linear", "hidden"]
    torch.testing.assert_close(out["hidden"], torch.relu(net.first(x)))
    assert list(extractor.state_dict()) == ["first.weight", "first.bias"]
    out["hidden"].sum().backward()
    assert net.first.weight.grad is not None
    both = create_feature_extractor(net, train_return_nodes=["drop"], eval_return_nodes=["add"],
                                    suppress_diff_warning=True)
    assert list(both(x)) == ["drop"]
    assert list(both.eval()(x)) == ["add"]
    again = copy.deepcopy(both)
    assert type(again).__name__ == "Net"
    torch.testing.assert_close(again(x)["add"], both(x)["add"])
    assert list(again.train()(x)) == ["drop"]
    assert net.training


def test_nodes_that_are_not_there_are_named() -> None:
    net = nn.Sequential(nn.Linear(2, 3), nn.ReLU())
    with pytest.raises(ValueError, match="node: '7' is not present"):
        create_feature_extractor(net, ["7"])
    with pytest.raises(ValueError, match="should be specified"):
        create_feature_extractor(net)
    with pytest.raises(ValueError, match="both should be specified"):
        create_feature_extractor(net, train_return_nodes=["1"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        names = get_graph_node_names(models.resnet18())[0]
    assert names[:3] == ["x", "conv1", "bn1"]
    assert "layer1.0.relu_1" in names


@pytest.mark.parametrize("made", [
    lambda: v2.AugMix(mixture_width=2**64), lambda: v2.AugMix(chain_depth=2**64), lambda: v2.RandAugment(2**64),
])
def test_counts_that_would_take_hours_are_refused(made: Any) -> None:
    with pytest.raises(ValueError, match="of at most 10,000 was expected"):
        made()
