"""`wengert.vision.ops` held against what its functions mean, written out pixel by pixel, and against numbers by
hand."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import wengert as torch
from wengert import nn
from wengert.vision import ops


def image(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.asarray(np.random.default_rng(seed).normal(size=shape))


def some_boxes(count: int, side: float = 12.0, seed: int = 0) -> torch.Tensor:
    rng = np.random.default_rng(seed)
    corners = rng.uniform(-1, side, (count, 2))
    return torch.asarray(np.concatenate([corners, corners + rng.uniform(0.1, side / 2, (count, 2))], 1))


def regions(count: int, images: int, side: float = 12.0) -> torch.Tensor:
    chosen = torch.asarray(np.random.default_rng(5).integers(0, images, (count, 1)).astype(float))
    return torch.cat([chosen, some_boxes(count, side)], 1)


def pixel(plane: np.ndarray, y: float, x: float) -> float:
    """The value between pixels, by which regions are sampled."""
    height, width = plane.shape
    if y < -1 or y > height or x < -1 or x > width:
        return 0.0
    y, x = max(y, 0.0), max(x, 0.0)
    low_y, low_x = min(int(y), height - 1), min(int(x), width - 1)
    y, x = (low_y if low_y == height - 1 else y), (low_x if low_x == width - 1 else x)
    high_y, high_x = min(low_y + 1, height - 1), min(low_x + 1, width - 1)
    dy, dx = y - low_y, x - low_x
    return ((1 - dy) * (1 - dx) * plane[low_y, low_x] + (1 - dy) * dx * plane[low_y, high_x]
            + dy * (1 - dx) * plane[high_y, low_x] + dy * dx * plane[high_y, high_x])


def aligned_by_hand(x: Any, rows: Any, size: tuple[int, int], scale: float, samples: int, aligned: bool,
                    sensitive: bool = False) -> np.ndarray:
    x, rows = x.numpy(), rows.numpy()
    channels = x.shape[1] // (size[0] * size[1]) if sensitive else x.shape[1]
    out = np.zeros((len(rows), channels, *size))
    for k, (which, *box) in enumerate(rows):
        x1, y1, x2, y2 = (corner * scale - (0.5 if aligned else 0) for corner in box)
        height, width = y2 - y1, x2 - x1
        if not aligned:
            height, width = max(height, 1), max(width, 1)
        tall, broad = height / size[0], width / size[1]
        down = samples if samples > 0 else math.ceil(tall)
        along = samples if samples > 0 else math.ceil(broad)
        for c, p, q in np.ndindex(channels, *size):
            plane = x[int(which), (c * size[0] + p) * size[1] + q if sensitive else c]
            points = [pixel(plane, y1 + p * tall + (i + 0.5) * tall / down, x1 + q * broad + (j + 0.5) * broad / along)
                      for i in range(down) for j in range(along)]
            out[k, c, p, q] = sum(points) / max(len(points), 1)
    return out


@pytest.mark.parametrize("samples", [-1, 1, 3])
@pytest.mark.parametrize("aligned", [False, True])
@pytest.mark.parametrize("size", [(2, 3), (1, 1)])
def test_roi_align_means_points_between_pixels(samples: int, aligned: bool, size: tuple[int, int]) -> None:
    x, rows = image(2, 3, 7, 6), regions(9, 2)
    got = ops.roi_align(x, rows, size, 0.6, samples, aligned)
    np.testing.assert_allclose(got.numpy(), aligned_by_hand(x, rows, size, 0.6, samples, aligned), atol=1e-12)
    lists = [rows[rows[:, 0] == k][:, 1:] for k in range(2)]
    by_list = ops.RoIAlign(size, 0.6, samples, aligned)(x, lists)
    order = torch.cat([torch.where(rows[:, 0] == k)[0] for k in range(2)])
    torch.testing.assert_close(by_list, got[order])


@pytest.mark.parametrize("samples", [-1, 2])
def test_ps_roi_align_has_channels_for_each_bin(samples: int) -> None:
    x, rows = image(2, 12, 7, 6), regions(6, 2)
    got = ops.ps_roi_align(x, rows, (2, 3), 0.7, samples)
    np.testing.assert_allclose(got.numpy(), aligned_by_hand(x, rows, (2, 3), 0.7, samples, True, True), atol=1e-12)
    torch.testing.assert_close(ops.PSRoIAlign((2, 3), 0.7, samples)(x, rows), got)


def rounded(number: float) -> int:
    return int(math.copysign(math.floor(abs(number) + 0.5), number))


def pooled_by_hand(x: Any, rows: Any, size: tuple[int, int], scale: float, mean: bool) -> np.ndarray:
    x, rows = x.numpy(), rows.numpy()
    channels = x.shape[1] // (size[0] * size[1]) if mean else x.shape[1]
    out = np.zeros((len(rows), channels, *size))
    for k, (which, *box) in enumerate(rows):
        x1, y1, x2, y2 = (rounded(corner * scale) for corner in box)
        spans = []
        for start, end, bins, pixels in ((y1, y2, size[0], x.shape[2]), (x1, x2, size[1], x.shape[3])):
            step = max(end - start + (not mean), 1) / bins
            most = pixels - mean
            spans.append([slice(min(max(math.floor(b * step) + start, 0), most),
                                min(max(math.ceil((b + 1) * step) + start, 0), most)) for b in range(bins)])
        for c, p, q in np.ndindex(channels, *size):
            plane = x[int(which), (c * size[0] + p) * size[1] + q if mean else c]
            part = plane[spans[0][p], spans[1][q]]
            out[k, c, p, q] = 0 if not part.size else part.mean() if mean else part.max()
    return out


@pytest.mark.parametrize("scale", [1.0, 0.5])
def test_roi_pool_takes_the_largest_and_ps_roi_pool_the_mean(scale: float) -> None:
    x, rows = image(2, 4, 8, 7), regions(10, 2)
    np.testing.assert_array_equal(ops.roi_pool(x, rows, (3, 2), scale).numpy(),
                                  pooled_by_hand(x, rows, (3, 2), scale, False))
    got = ops.ps_roi_pool(x, rows, (2, 2), scale)
    np.testing.assert_allclose(got.numpy(), pooled_by_hand(x, rows, (2, 2), scale, True), atol=1e-12)
    torch.testing.assert_close(ops.PSRoIPool((2, 2), scale)(x, rows), got)
    torch.testing.assert_close(ops.RoIPool((3, 2), scale)(x, rows), ops.roi_pool(x, rows, (3, 2), scale))


@pytest.mark.parametrize("pool", [
    lambda x, rows: ops.roi_align(x, rows, 2, 0.7), lambda x, rows: ops.roi_align(x, rows, 2, 0.7, 2, True),
    lambda x, rows: ops.roi_pool(x, rows, 2, 0.7), lambda x, rows: ops.ps_roi_align(x, rows, 2, 0.7),
    lambda x, rows: ops.ps_roi_pool(x, rows, 2, 0.7),
])
def test_regions_are_differentiable_by_the_image(pool: Any) -> None:
    x = image(2, 4, 6, 5).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: pool(x, regions(4, 2, 8.0)), (x,))
    none = pool(x, torch.zeros(0, 5, dtype=torch.float64))
    assert none.shape[0] == 0
    none.sum().backward()
    assert x.grad is not None
    assert not x.grad.any()


def deformed_by_hand(x: Any, offset: Any, weight: Any, mask: Any, stride: tuple[int, int], padding: tuple[int, int],
                     dilation: tuple[int, int]) -> np.ndarray:
    x, offset, weight, mask = (each.detach().numpy() for each in (x, offset, weight, mask))
    samples, channels, height, width = x.shape
    outs, in_group, kh, kw = weight.shape
    groups = mask.shape[1] // (kh * kw)
    out = np.zeros((samples, outs, *offset.shape[2:]))
    parts = channels // in_group

    def value(plane: np.ndarray, y: float, x: float) -> float:
        total = 0.0
        for row in (math.floor(y), math.floor(y) + 1):
            for column in (math.floor(x), math.floor(x) + 1):
                if 0 <= row < height and 0 <= column < width:
                    total += plane[row, column] * (1 - abs(y - row)) * (1 - abs(x - column))
        return total

    for n, o, r, c in np.ndindex(out.shape):
        for within, i, j in np.ndindex(in_group, kh, kw):
            channel = o // (outs // parts) * in_group + within
            point = channel // (channels // groups) * kh * kw + i * kw + j
            y = r * stride[0] - padding[0] + i * dilation[0] + offset[n, 2 * point, r, c]
            z = c * stride[1] - padding[1] + j * dilation[1] + offset[n, 2 * point + 1, r, c]
            out[n, o, r, c] += weight[o, within, i, j] * mask[n, point, r, c] * value(x[n, channel], y, z)
    return out


def test_deform_conv2d_reads_where_offsets_say() -> None:
    stride, padding, dilation = (2, 1), (1, 0), (2, 1)
    x, weight = image(2, 4, 6, 5), image(6, 2, 2, 3, seed=1)
    rows, columns = (6 + 2 - 2 - 1) // 2 + 1, 5 - 2 - 1 + 1
    offset, mask = image(2, 24, rows, columns, seed=2) * 2, image(2, 12, rows, columns, seed=3)
    got = ops.deform_conv2d(x, offset, weight, torch.arange(6.0).double(), stride, padding, dilation, mask)
    wanted = deformed_by_hand(x, offset, weight, mask, stride, padding, dilation) + np.arange(6.0)[:, None, None]
    np.testing.assert_allclose(got.numpy(), wanted, atol=1e-12)


def test_deform_conv2d_without_offsets_is_a_convolution_and_differentiable() -> None:
    x, weight = image(1, 4, 5, 5), image(2, 2, 3, 3, seed=1)
    still = torch.zeros(1, 36, 5, 5, dtype=torch.float64)
    torch.testing.assert_close(ops.deform_conv2d(x, still, weight, padding=1),
                               nn.functional.conv2d(x, weight, padding=1, groups=2))
    offset, mask = image(1, 8, 3, 3, seed=2) * 0.9 + 0.05, image(1, 4, 3, 3, seed=3)
    leaves = [each.requires_grad_() for each in (image(1, 2, 4, 4), offset, image(3, 2, 2, 2), mask)]
    assert torch.autograd.gradcheck(lambda x, o, w, m: ops.deform_conv2d(x, o, w, mask=m), leaves)


def test_deform_conv2d_says_what_does_not_fit() -> None:
    x, weight = image(1, 2, 4, 4), image(2, 2, 2, 2)
    with pytest.raises(RuntimeError, match="multiple of 2"):
        ops.deform_conv2d(x, image(1, 4, 3, 3), weight)
    with pytest.raises(RuntimeError, match=r"offset of shape \(1, 8, 3, 3\)"):
        ops.deform_conv2d(x, image(1, 8, 4, 4), weight)
    with pytest.raises(RuntimeError, match="mask of shape"):
        ops.deform_conv2d(x, image(1, 8, 3, 3), weight, mask=image(1, 8, 3, 3))
    layer = ops.DeformConv2d(4, 6, 3, padding=1, groups=2, bias=False)
    assert repr(layer) == "DeformConv2d(4, 6, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1), groups=2, bias=False)"
    assert layer(torch.ones(1, 4, 5, 5), torch.zeros(1, 18, 5, 5)).shape == (1, 6, 5, 5)
    with pytest.raises(ValueError, match="divisible"):
        ops.DeformConv2d(3, 6, 3, groups=2)


def suppressed(boxes: np.ndarray, scores: np.ndarray, threshold: float) -> list[int]:
    kept: list[int] = []
    for place in sorted(range(len(boxes)), key=lambda place: (-scores[place], place)):
        if all(overlap(boxes[place], boxes[other]) <= threshold for other in kept):
            kept.append(place)
    return kept


def overlap(one: np.ndarray, two: np.ndarray) -> float:
    width = max(min(one[2], two[2]) - max(one[0], two[0]), 0)
    height = max(min(one[3], two[3]) - max(one[1], two[1]), 0)
    area = (one[2] - one[0]) * (one[3] - one[1]) + (two[2] - two[0]) * (two[3] - two[1]) - width * height
    return width * height / area


@pytest.mark.parametrize("threshold", [0.1, 0.5])
def test_nms_keeps_the_best_of_those_that_overlap(threshold: float) -> None:
    boxes = some_boxes(60)
    scores = torch.asarray(np.random.default_rng(1).integers(0, 9, 60) / 8)
    got = ops.nms(boxes, scores, threshold)
    assert got.tolist() == suppressed(boxes.numpy(), scores.numpy(), threshold)
    assert 1 < len(got) < 60
    assert ops.nms(torch.zeros(0, 4), torch.zeros(0), 0.5).shape == (0,)
    with pytest.raises(ValueError, match=r"scores \(N,\)"):
        ops.nms(boxes, scores[:3], 0.5)


@pytest.mark.parametrize("count", [60, 1200])
def test_batched_nms_keeps_categories_apart(count: int) -> None:
    rng = np.random.default_rng(2)
    boxes, kinds = some_boxes(count, 60.0).abs(), torch.asarray(rng.integers(0, 3, count))
    boxes = torch.cat([torch.minimum(boxes[:, :2], boxes[:, 2:]), torch.maximum(boxes[:, :2], boxes[:, 2:])], 1)
    scores = torch.asarray(rng.permutation(count) / count)
    got = ops.batched_nms(boxes, scores, kinds, 0.3)
    kept = []
    for kind in range(3):
        members = np.flatnonzero(kinds.numpy() == kind)
        kept += members[suppressed(boxes.numpy()[members], scores.numpy()[members], 0.3)].tolist()
    assert got.tolist() == sorted(kept, key=lambda place: -scores[place].item())
    assert ops.batched_nms(torch.zeros(0, 4), torch.zeros(0), torch.zeros(0), 0.5).shape == (0,)


def test_overlaps_by_hand() -> None:
    one, two = torch.tensor([[0.0, 0.0, 2.0, 2.0]]), torch.tensor([[1.0, 0.0, 3.0, 2.0], [4.0, 0.0, 6.0, 2.0]])
    close: dict[str, float] = {"rtol": 0, "atol": 1e-6}
    torch.testing.assert_close(ops.box_iou(one, two), torch.tensor([[1 / 3, 0.0]]), **close)
    torch.testing.assert_close(ops.generalized_box_iou(one, two), torch.tensor([[1 / 3, -1 / 3]]), **close)
    torch.testing.assert_close(ops.distance_box_iou(one, two), torch.tensor([[1 / 3 - 1 / 13, -16 / 40]]), **close)
    torch.testing.assert_close(ops.complete_box_iou(one, two), torch.tensor([[1 / 3 - 1 / 13, -16 / 40]]), **close)
    wide = torch.tensor([[0.0, 0.0, 4.0, 2.0]])
    ratio = 4 / math.pi**2 * (math.atan(1) - math.atan(2)) ** 2
    wanted = 0.5 - 1 / 20 - ratio**2 / (0.5 + ratio)
    torch.testing.assert_close(ops.complete_box_iou(one, wide), torch.tensor([[wanted]]), **close)
    torch.testing.assert_close(ops.generalized_box_iou_loss(one, two), torch.tensor([2 / 3, 4 / 3]), **close)
    both = torch.tensor(2 - 1 / 3 + 1 / 13 + 0.4)
    torch.testing.assert_close(ops.distance_box_iou_loss(one, two, "sum"), both, **close)
    torch.testing.assert_close(ops.complete_box_iou_loss(one, wide, "mean"), torch.tensor(1 - wanted), **close)
    assert ops.box_area(torch.tensor([[1, 2, 200, 300]], dtype=torch.int16)).tolist() == [199 * 298]
    for fmt in ("xywh", "cxcywh"):
        torch.testing.assert_close(ops.box_iou(*(ops.box_convert(each, "xyxy", fmt) for each in (one, two)), fmt),
                                   ops.box_iou(one, two), **close)
    with pytest.raises(ValueError, match="Unsupported format"):
        ops.box_iou(one, two, "yxyx")


@pytest.mark.parametrize("loss", [ops.generalized_box_iou_loss, ops.distance_box_iou_loss])
def test_losses_of_boxes_are_differentiable(loss: Any) -> None:
    boxes = some_boxes(6).requires_grad_()
    assert torch.autograd.gradcheck(lambda boxes: loss(boxes, some_boxes(6, seed=3)), (boxes,))
    assert loss(boxes[:0], boxes[:0], "mean").item() == 0
    with pytest.raises(ValueError, match="reduction modes"):
        loss(boxes, boxes, "most")


def test_the_focal_loss_by_hand() -> None:
    logits, targets = torch.tensor([0.0, math.log(3.0)], dtype=torch.float64), torch.tensor([1.0, 0.0]).double()
    wanted = torch.tensor([0.25 * 0.25 * math.log(2), 0.75 * 0.75**2 * math.log(4)], dtype=torch.float64)
    torch.testing.assert_close(ops.sigmoid_focal_loss(logits, targets), wanted)
    torch.testing.assert_close(ops.sigmoid_focal_loss(logits, targets, reduction="mean"), wanted.mean())
    torch.testing.assert_close(ops.sigmoid_focal_loss(logits, targets, -1, 0, "sum"),
                               torch.tensor(math.log(2) + math.log(4)).double())
    assert torch.autograd.gradcheck(lambda x: ops.sigmoid_focal_loss(x, targets), (logits.requires_grad_(),))
    with pytest.raises(ValueError, match="alpha"):
        ops.sigmoid_focal_loss(logits, targets, 2.0)


def test_formats_of_boxes() -> None:
    corners = torch.tensor([[1.0, 2.0, 5.0, 8.0]])
    assert ops.box_convert(corners, "xyxy", "xywh").tolist() == [[1.0, 2.0, 4.0, 6.0]]
    assert ops.box_convert(corners, "xyxy", "cxcywh").tolist() == [[3.0, 5.0, 4.0, 6.0]]
    turned = torch.tensor([[3.0, 5.0, 4.0, 6.0, 90.0]])
    torch.testing.assert_close(ops.box_convert(turned, "cxcywhr", "xyxyxyxy"),
                               torch.tensor([[0.0, 7.0, 0.0, 3.0, 6.0, 3.0, 6.0, 7.0]]), rtol=0, atol=1e-6)
    formats = ["xyxy", "xywh", "cxcywh"], ["cxcywhr", "xywhr", "xyxyxyxy"]
    for group, start in zip(formats, (corners, turned), strict=True):
        for into in group:
            for out in group:
                there = ops.box_convert(start, group[0], into)
                back = ops.box_convert(ops.box_convert(there, into, out), out, group[0])
                torch.testing.assert_close(back, start, rtol=0, atol=1e-5)
    with pytest.raises(ValueError, match="Unsupported"):
        ops.box_convert(corners, "xyxy", "yxyx")
    with pytest.raises(NotImplementedError, match="Unsupported"):
        ops.box_convert(corners, "xyxy", "xywhr")


def test_boxes_cut_left_out_and_found() -> None:
    boxes = torch.tensor([[-1.0, 2.0, 30.0, 8.0], [1.0, 1.0, 1.5, 9.0]])
    assert ops.clip_boxes_to_image(boxes, (6, 20)).tolist() == [[0.0, 2.0, 20.0, 6.0], [1.0, 1.0, 1.5, 6.0]]
    assert ops.remove_small_boxes(boxes, 1.0).tolist() == [0]
    masks = torch.zeros(2, 5, 6, dtype=torch.bool)
    masks[0, 1:3, 2:5] = True
    masks[1, 4, 0] = True
    assert ops.masks_to_boxes(masks).tolist() == [[2.0, 1.0, 4.0, 2.0], [0.0, 4.0, 0.0, 4.0]]
    assert ops.masks_to_boxes(masks[:0]).shape == (0, 4)
    with pytest.raises(ValueError, match="not zero"):
        ops.masks_to_boxes(torch.zeros(1, 2, 2))


def test_the_pyramid_adds_what_is_above() -> None:
    torch.manual_seed(0)
    pyramid = ops.FeaturePyramidNetwork([2, 3], 4, ops.feature_pyramid_network.LastLevelMaxPool())
    assert list(pyramid.state_dict()) == [f"{blocks}.{place}.0.{name}" for blocks in ("inner_blocks", "layer_blocks")
                                          for place in (0, 1) for name in ("weight", "bias")]
    fine, coarse = torch.randn(1, 2, 6, 5), torch.randn(1, 3, 3, 3)
    out = pyramid({"fine": fine, "coarse": coarse})
    above = pyramid.inner_blocks[1](coarse)
    below = pyramid.inner_blocks[0](fine) + nn.functional.interpolate(above, size=(6, 5))
    assert list(out) == ["fine", "coarse", "pool"]
    torch.testing.assert_close(out["fine"], pyramid.layer_blocks[0](below))
    torch.testing.assert_close(out["pool"], pyramid.layer_blocks[1](above)[:, :, ::2, ::2])
    old = {name.replace(".0.weight", ".weight").replace(".0.bias", ".bias"): value
           for name, value in pyramid.state_dict().items()}
    again = ops.FeaturePyramidNetwork([2, 3], 4)
    again.load_state_dict(old)
    torch.testing.assert_close(again({"fine": fine, "coarse": coarse})["fine"], out["fine"])
    for channels in (4, 7):
        more = ops.feature_pyramid_network.LastLevelP6P7(channels, 4)
        levels, names = more([torch.ones(1, 4, 8, 8)], [torch.ones(1, channels, 8, 8)], ["p"])
        assert names == ["p", "p6", "p7"]
        assert [tuple(level.shape[2:]) for level in levels] == [(8, 8), (4, 4), (2, 2)]
    with pytest.raises(TypeError, match="ExtraFPNBlock"):
        ops.FeaturePyramidNetwork([2], 4, nn.ReLU())  # type: ignore[arg-type]


def test_regions_come_from_the_level_of_their_size() -> None:
    pool = ops.MultiScaleRoIAlign(["a", "b"], 3, 2, canonical_scale=16, canonical_level=2)
    features = {"a": image(1, 2, 16, 16), "c": image(1, 2, 2, 2), "b": image(1, 2, 8, 8, seed=1)}
    boxes = torch.tensor([[0.0, 0.0, 6.0, 6.0], [4.0, 4.0, 60.0, 60.0], [1.0, 1.0, 9.0, 7.0]], dtype=torch.float64)
    got = pool(features, [boxes], [(64, 64)])
    assert pool.scales == [0.25, 0.125]
    assert repr(pool) == "MultiScaleRoIAlign(featmap_names=['a', 'b'], output_size=(3, 3), sampling_ratio=2)"
    torch.testing.assert_close(got[:1], ops.roi_align(features["a"], [boxes[:1]], 3, 0.25, 2))
    torch.testing.assert_close(got[1:2], ops.roi_align(features["b"], [boxes[1:2]], 3, 0.125, 2))
    alone = ops.MultiScaleRoIAlign(["b"], (2, 3), 2)
    wanted = ops.roi_align(features["b"], [boxes], (2, 3), 0.125, 2)
    torch.testing.assert_close(alone(features, [boxes], [(64, 64)]), wanted)
    with pytest.raises(ValueError, match="empty"):
        ops.MultiScaleRoIAlign(["a"], 3, 2)(features, [boxes], [])


def test_wrong_regions_are_refused() -> None:
    x = torch.ones(1, 3, 4, 4)
    for call, kind, words in (
        (lambda: ops.roi_align(x, torch.ones(2, 4), 2), ValueError, r"Tensor\[K, 5\]"),
        (lambda: ops.roi_align(x, [torch.ones(2, 5)], 2), ValueError, r"List\[Tensor"),
        (lambda: ops.roi_align(x, "boxes", 2), TypeError, "got str"),
        (lambda: ops.roi_align(x[0], torch.ones(2, 5), 2), ValueError, "images"),
        (lambda: ops.roi_pool(x, torch.ones(2, 5), 2), IndexError, "images 0 to 0"),
        (lambda: ops.ps_roi_pool(x, torch.zeros(2, 5), 2), ValueError, "multiple"),
    ):
        with pytest.raises(kind, match=words):
            call()


def test_dropped_branches_and_blocks() -> None:
    x = torch.ones(400, 2, 3, 3)
    torch.manual_seed(0)
    rows = ops.stochastic_depth(x, 0.25, "row")[:, 0, 0, 0]
    assert set(rows.unique().tolist()) == {0.0, torch.tensor(1 / 0.75).item()}
    assert 0.6 < (rows > 0).float().mean().item() < 0.9
    assert ops.stochastic_depth(x, 0.5, "batch").unique().numel() == 1
    layer = ops.StochasticDepth(0.5, "row")
    assert repr(layer) == "StochasticDepth(p=0.5, mode=row)"
    assert layer.eval()(x) is x
    with pytest.raises(ValueError, match="mode has to be"):
        ops.stochastic_depth(x, 0.5, "column")
    with pytest.raises(ValueError, match="between 0 and 1"):
        ops.stochastic_depth(x, 1.5, "row")
    for drop, size in ((ops.DropBlock2d(0.2, 3), (4, 2, 9, 9)), (ops.DropBlock3d(0.2, 3), (2, 2, 9, 9, 9))):
        full = torch.ones(size)
        out = drop(full)
        zero = out == 0
        assert 0.02 < zero.float().mean().item() < 0.4
        torch.testing.assert_close(out.mean(), torch.tensor(1.0), rtol=0, atol=1e-5)
        pool = nn.functional.max_pool2d if len(size) == 4 else nn.functional.max_pool3d
        seeds = -pool((~zero).float(), 3, 1)  # all of a block is zero somewhere
        assert (seeds == 0).any()
        assert drop.eval()(full) is full
    with pytest.raises(ValueError, match="4 dimensional"):
        ops.drop_block2d(torch.ones(2, 3), 0.5, 3)
    changed = torch.ones(1, 1, 6, 6)
    assert ops.drop_block2d(changed, 0.5, 3, inplace=True) is changed
    assert ops.drop_block3d(torch.ones(1, 1, 4, 4, 4), 0.0, 2).eq(1).all()


def test_blocks_are_made_of_layers() -> None:
    block = ops.Conv2dNormActivation(3, 8, 5, stride=2, dilation=2)
    conv, norm, act = block
    assert (conv.padding, conv.bias, block.out_channels) == ((4, 4), None, 8)
    assert isinstance(norm, nn.BatchNorm2d)
    assert act.inplace
    assert block(torch.ones(2, 3, 9, 9)).shape == (2, 8, 5, 5)
    plain = ops.Conv2dNormActivation(3, 4, (3, 5), norm_layer=None, activation_layer=None)
    assert plain[0].padding == (1, 2)
    assert plain[0].bias is not None
    solid = ops.Conv3dNormActivation(1, 2, 3)
    assert isinstance(solid[1], nn.BatchNorm3d)
    assert solid(torch.ones(2, 1, 4, 4, 4)).shape == (2, 2, 4, 4, 4)
    mlp = ops.MLP(4, [8, 3], norm_layer=nn.LayerNorm, dropout=0.1, inplace=True)
    assert [type(layer).__name__ for layer in mlp] == ["Linear", "LayerNorm", "ReLU", "Dropout", "Linear", "Dropout"]
    assert ops.Permute([0, 2, 1])(torch.ones(2, 3, 4)).shape == (2, 4, 3)
    squeeze = ops.SqueezeExcitation(4, 2)
    x = torch.randn(2, 4, 3, 3)
    weights = torch.sigmoid(squeeze.fc2(torch.relu(squeeze.fc1(x.mean((2, 3), keepdim=True)))))
    torch.testing.assert_close(squeeze(x), x * weights)


def test_frozen_batch_norm_trains_nothing() -> None:
    frozen, norm = ops.FrozenBatchNorm2d(3), nn.BatchNorm2d(3)
    norm(torch.randn(8, 3, 4, 4) * 2 + 1)
    nn.init.uniform_(norm.weight)
    frozen.load_state_dict(norm.state_dict())
    x = torch.randn(2, 3, 4, 4)
    torch.testing.assert_close(frozen(x), norm.eval()(x))
    assert list(frozen.parameters()) == []
    assert repr(frozen) == "FrozenBatchNorm2d(3, eps=1e-05)"


def test_overlaps_of_boxes_with_an_angle() -> None:
    square, turned = torch.tensor([[0.0, 0, 2, 2, 0]]), torch.tensor([[0.0, 0, 2, 2, 45]])
    assert ops.box_iou(square, turned, fmt="cxcywhr").item() == pytest.approx(0.5**0.5, rel=1e-6)
    assert ops.box_iou(turned, turned, fmt="cxcywhr").item() == pytest.approx(1, abs=1e-6)
    apart = torch.tensor([[2.0, 0, 2, 2, 0], [9.0, 0, 2, 2, 30], [0.0, 0, 0, 2, 0], [0.0, 0, 1, 1, 90]])
    assert ops.box_iou(square, apart, fmt="cxcywhr").tolist()[0] == pytest.approx([0, 0, 0, 0.25], abs=1e-6)
    torch.manual_seed(0)
    corners = torch.rand(5, 2, 2).sort(1).values.reshape(5, 4)
    flat = torch.cat([ops.box_convert(corners, "xyxy", "cxcywh"), torch.tensor([[0.0], [90], [180], [-90], [0]])], 1)
    flat[1, [2, 3]], flat[3, [2, 3]] = flat[1, [3, 2]], flat[3, [3, 2]]
    assert torch.allclose(ops.box_iou(flat, flat, fmt="cxcywhr"), ops.box_iou(corners, corners), atol=1e-5)


def test_overlaps_of_boxes_with_an_angle_by_counting() -> None:
    """Against the share of a fine grid's points that lie in both boxes; in all three formats, with batches."""
    torch.manual_seed(1)
    boxes = torch.cat([torch.rand(2, 6, 2) * 2, torch.rand(2, 6, 2) + 0.3, torch.rand(2, 6, 1) * 360], -1).double()
    y, x = torch.meshgrid(torch.linspace(-2, 4, 600).double(), torch.linspace(-2, 4, 600).double(),
                          indexing="ij")
    corner = ops.box_convert(boxes, "cxcywhr", "xyxyxyxy").unflatten(-1, (4, 2))
    edge = corner.roll(-1, -2) - corner
    within = torch.ones(2, 6, 600, 600, dtype=torch.bool)
    for k in range(4):
        within &= (edge[..., k, 0, None, None] * (y - corner[..., k, 1, None, None])
                   - edge[..., k, 1, None, None] * (x - corner[..., k, 0, None, None])) >= 0
    first, second = within[:, :4, None], within[:, None, 2:]
    counted = (first & second).sum((-1, -2)) / (first | second).sum((-1, -2))
    for fmt in ("cxcywhr", "xywhr", "xyxyxyxy"):
        given = ops.box_convert(boxes, "cxcywhr", fmt) if fmt != "cxcywhr" else boxes
        found = ops.box_iou(given[:, :4], given[:, 2:], fmt=fmt)
        assert found.shape == (2, 4, 4) and (found - counted).abs().max() < 0.01, fmt
    a, b = boxes[0, :2].clone().requires_grad_(), boxes[0, 2:5].clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda a, b: ops.box_iou(a, b, fmt="cxcywhr"), (a, b))
