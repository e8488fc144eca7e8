"""`wengert.vision.ops` against torchvision: what of it is written in Python. Its compiled operations are not there in
this environment; tests/test_vision_ops.py has what they mean, pixel by pixel."""

from __future__ import annotations

import inspect
import sys
from typing import Any

import numpy as np
import pytest

import wengert
from tests.peer.vision_oracle import torch, torchvision
from wengert import vision

OURS, THEIRS = vision.ops, torchvision.ops
PAIRS = ["box_iou", "generalized_box_iou", "distance_box_iou", "complete_box_iou"]
LOSSES = ["generalized_box_iou_loss", "distance_box_iou_loss", "complete_box_iou_loss"]


def boxes(count: int, seed: int, dtype: str) -> np.ndarray:
    rng = np.random.default_rng(seed)
    corners = rng.uniform(0, 20, (count, 2))
    return np.concatenate([corners, corners + rng.uniform(1, 12, (count, 2))], 1).astype(dtype)


def agree(got: Any, wanted: Any, **close: float) -> None:
    assert str(got.dtype) == str(wanted.dtype)
    np.testing.assert_allclose(got.detach().numpy(), wanted.detach().numpy(), **{"rtol": 1e-6, "atol": 1e-7, **close})


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64"])
@pytest.mark.parametrize("name", PAIRS)
def test_overlaps_and_their_gradients(name: str, dtype: str) -> None:
    arrays = [boxes(7, 0, dtype), boxes(5, 1, dtype)]
    results = []
    for library, module in ((wengert, OURS), (torch, THEIRS)):
        leaves = [library.tensor(array, requires_grad=dtype != "int64") for array in arrays]
        out = getattr(module, name)(*leaves)
        if dtype != "int64":
            (out * library.arange(5.0)).sum().backward()
        results.append((out, [leaf.grad for leaf in leaves]))
    agree(results[0][0], results[1][0])
    for got, wanted in zip(results[0][1], results[1][1], strict=True):
        if wanted is not None:
            agree(got, wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@pytest.mark.parametrize("name", LOSSES)
def test_losses_of_boxes_and_their_gradients(name: str, reduction: str) -> None:
    results = []
    for library, module in ((wengert, OURS), (torch, THEIRS)):
        leaves = [library.tensor(boxes(9, seed, "float64"), requires_grad=True) for seed in (0, 1)]
        loss = getattr(module, name)(*leaves, reduction)
        loss.sum().backward()
        results.append((loss, [leaf.grad for leaf in leaves]))
    agree(results[0][0], results[1][0])
    for got, wanted in zip(results[0][1], results[1][1], strict=True):
        agree(got, wanted)


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@pytest.mark.parametrize("alpha", [0.25, -1])
def test_the_focal_loss_and_its_gradient(alpha: float, reduction: str) -> None:
    logits, targets = np.random.default_rng(0).normal(size=(2, 4, 5))
    results = []
    for library, module in ((wengert, OURS), (torch, THEIRS)):
        leaf = library.tensor(logits, requires_grad=True)
        loss = module.sigmoid_focal_loss(leaf, library.tensor((targets > 0).astype(float)), alpha, 1.5, reduction)
        loss.sum().backward()
        results.append((loss, leaf.grad))
    agree(results[0][0], results[1][0])
    agree(results[0][1], results[1][1])


@pytest.mark.parametrize("dtype", ["float32", "int64"])
def test_formats_of_boxes(dtype: str) -> None:
    straight, turned = boxes(6, 0, dtype), np.concatenate([boxes(6, 1, dtype), boxes(6, 2, dtype)[:, :1] * 9], 1)
    for group, start in ((("xyxy", "xywh", "cxcywh"), straight), (("cxcywhr", "xywhr", "xyxyxyxy"), turned)):
        for into in group:
            there = THEIRS.box_convert(torch.tensor(start), group[0], into)
            for out in group:
                agree(OURS.box_convert(wengert.tensor(there.numpy()), into, out), THEIRS.box_convert(there, into, out),
                      rtol=1e-5, atol=1e-4)
            if group[0] == "xyxy":
                agree(OURS.box_area(wengert.tensor(there.numpy()), into), THEIRS.box_area(there, into))


def test_boxes_cut_left_out_and_found() -> None:
    array = boxes(20, 0, "float32")
    agree(OURS.clip_boxes_to_image(wengert.tensor(array), (15, 18)),
          THEIRS.clip_boxes_to_image(torch.tensor(array), (15, 18)))
    agree(OURS.remove_small_boxes(wengert.tensor(array), 5.0), THEIRS.remove_small_boxes(torch.tensor(array), 5.0))
    masks = np.random.default_rng(0).random((4, 9, 8)) > 0.9
    agree(OURS.masks_to_boxes(wengert.tensor(masks)), THEIRS.masks_to_boxes(torch.tensor(masks)))


@pytest.mark.parametrize("samples", [-1, 2])
@pytest.mark.parametrize("aligned", [False, True])
def test_roi_align_and_its_gradient(samples: int, aligned: bool) -> None:
    """torchvision's own words for it in Python, which it compiles where it may. Unlike its compiled operation they do
    not tell points beyond the image from its edge, so the regions lie inside."""
    theirs = inspect.unwrap(sys.modules["torchvision.ops.roi_align"]._roi_align)
    image = np.random.default_rng(0).normal(size=(2, 3, 12, 10))
    rows = np.concatenate([np.arange(6).reshape(6, 1) % 2, boxes(6, 0, "float64")], 1)
    mine = wengert.tensor(image, requires_grad=True)
    other = torch.tensor(image, requires_grad=True)
    got = OURS.roi_align(mine, wengert.tensor(rows), (3, 2), 0.25, samples, aligned)
    wanted = theirs(other, torch.tensor(rows), 0.25, 3, 2, samples, aligned)
    agree(got, wanted)
    (got**2).sum().backward()
    (wanted**2).sum().backward()
    agree(mine.grad, other.grad)


def both(make: Any, *shape: int, seed: int = 0) -> None:
    """A block made by either library: the same state, results, gradients and text."""
    blocks = []
    for library, module in ((wengert, OURS), (torch, THEIRS)):
        library.manual_seed(seed)
        blocks.append(make(module))
    assert repr(blocks[0]) == repr(blocks[1])
    states = [block.state_dict() for block in blocks]
    assert list(states[0]) == list(states[1])
    for name, value in states[1].items():
        agree(states[0][name], value)
    array = np.random.default_rng(1).normal(size=shape).astype("float32")
    leaves = [library.tensor(array, requires_grad=True) for library in (wengert, torch)]
    outs = []
    for library, block, leaf in zip((wengert, torch), blocks, leaves, strict=True):
        library.manual_seed(seed)
        outs.append(block(leaf))
        outs[-1].pow(2).sum().backward()
    agree(*outs, rtol=1e-4, atol=1e-5)
    agree(leaves[0].grad, leaves[1].grad, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(("make", "shape"), [
    (lambda ops: ops.Conv2dNormActivation(3, 4, 3, stride=2), (2, 3, 7, 6)),
    (lambda ops: ops.Conv2dNormActivation(3, 4, (3, 5), dilation=2, norm_layer=None, inplace=None), (2, 3, 9, 9)),
    (lambda ops: ops.Conv3dNormActivation(2, 3, 3), (2, 2, 4, 4, 4)),
    (lambda ops: ops.SqueezeExcitation(4, 2), (2, 4, 3, 3)),
    (lambda ops: ops.MLP(4, [6, 3], dropout=0.5), (5, 4)),
    (lambda ops: ops.Permute([0, 2, 1]), (2, 3, 4)),
    (lambda ops: ops.FrozenBatchNorm2d(3), (2, 3, 4, 4)),
    (lambda ops: ops.StochasticDepth(0.4, "row"), (9, 3)),
    (lambda ops: ops.StochasticDepth(0.4, "batch"), (9, 3)),
    (lambda ops: ops.DropBlock2d(0.3, 3), (2, 3, 8, 8)),
    (lambda ops: ops.DropBlock3d(0.3, 3), (2, 3, 5, 5, 5)),
])
def test_blocks(make: Any, shape: tuple[int, ...]) -> None:
    both(make, *shape)


def test_the_pyramid() -> None:
    results = []
    arrays = {"a": (1, 3, 9, 8), "b": (1, 5, 5, 4), "c": (1, 4, 3, 2)}
    for library, module in ((wengert, OURS), (torch, THEIRS)):
        library.manual_seed(0)
        extra = module.feature_pyramid_network.LastLevelP6P7(4, 6)
        pyramid = module.FeaturePyramidNetwork([3, 5, 4], 6, extra)
        rng = np.random.default_rng(0)
        features = {name: library.tensor(rng.normal(size=shape).astype("float32"), requires_grad=True)
                    for name, shape in arrays.items()}
        out = pyramid(features)
        sum(level.pow(2).sum() for level in out.values()).backward()
        results.append((pyramid.state_dict(), out, features))
    assert list(results[0][0]) == list(results[1][0])
    assert list(results[0][1]) == list(results[1][1])
    for name, level in results[1][1].items():
        agree(results[0][1][name], level, rtol=1e-4, atol=1e-5)
    for name, feature in results[1][2].items():
        agree(results[0][2][name].grad, feature.grad, rtol=1e-3, atol=1e-4)


def test_the_level_for_a_box() -> None:
    array = boxes(50, 0, "float32") * np.float32(9)
    mine, theirs = (ops.poolers.LevelMapper(2, 5) for ops in (OURS, THEIRS))
    agree(mine([wengert.tensor(array)]), theirs([torch.tensor(array)]))


def test_deformable_layers_are_drawn_alike() -> None:
    layers = []
    for library, module in ((wengert, OURS), (torch, THEIRS)):
        library.manual_seed(0)
        layers.append(module.DeformConv2d(4, 6, 3, padding=1, groups=2))
    assert repr(layers[0]) == repr(layers[1])
    for name, value in layers[1].state_dict().items():
        agree(layers[0].state_dict()[name], value)


def test_every_name_of_torchvision_is_there() -> None:
    assert [name for name in THEIRS.__all__ if not hasattr(OURS, name)] == []
    for name in THEIRS.__all__:
        ours = inspect.signature(getattr(OURS, name)).parameters
        assert list(ours)[: len(inspect.signature(getattr(THEIRS, name)).parameters)] == list(
            inspect.signature(getattr(THEIRS, name)).parameters), name
