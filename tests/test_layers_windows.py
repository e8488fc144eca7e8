"""Convolution, pooling, normalisation, padding and interpolation against closed forms and against plain loops."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest

import wengert as torch
from wengert import nn
from wengert.core.errors import DTypeError, ShapeError
from wengert.nn import functional as F

Array = np.ndarray[Any, Any]


def random(*shape: int) -> Array:
    return np.random.RandomState(sum(shape)).standard_normal(shape)


def convolved(x: Array, w: Array, stride: int, padding: int, dilation: int, groups: int) -> Array:
    """The definition, a loop over everything."""
    x = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    outputs, inner, kh, kw = w.shape
    oh, ow = ((n - dilation * (k - 1) - 1) // stride + 1 for n, k in zip(x.shape[2:], (kh, kw), strict=True))
    out = np.zeros((x.shape[0], outputs, oh, ow))
    for o, i, j in product(range(outputs), range(oh), range(ow)):
        first = o // (outputs // groups) * inner
        rows = slice(i * stride, i * stride + dilation * (kh - 1) + 1, dilation)
        columns = slice(j * stride, j * stride + dilation * (kw - 1) + 1, dilation)
        out[:, o, i, j] = (x[:, first : first + inner, rows, columns] * w[o]).sum((1, 2, 3))
    return out


@pytest.mark.parametrize(
    "stride, padding, dilation, groups", [(1, 0, 1, 1), (2, 1, 1, 1), (1, 2, 2, 1), (3, 1, 2, 2), (1, 1, 1, 4)]
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_convolution_is_its_definition(stride: int, padding: int, dilation: int, groups: int, dtype: Any) -> None:
    x, w = random(2, 4, 7, 8), random(4, 4 // groups, 3, 2)
    out = F.conv2d(torch.tensor(x, dtype=dtype), torch.tensor(w, dtype=dtype), None, stride, padding, dilation, groups)
    assert out.dtype is dtype
    assert np.allclose(out.numpy(), convolved(x, w, stride, padding, dilation, groups), atol=1e-4)


@pytest.mark.parametrize("options", [{}, {"stride": 2, "padding": 1}, {"groups": 2, "dilation": 2}])
def test_transposed_convolution_is_the_adjoint(options: dict[str, Any]) -> None:
    x, w = torch.tensor(random(2, 4, 9, 9)), torch.tensor(random(6, 4 // options.get("groups", 1), 3, 3))
    y = F.conv2d(x, w, **options)
    z = torch.tensor(random(*y.shape))
    back = F.conv_transpose2d(z, w, **options)
    assert back.shape == x.shape
    assert float((y * z).sum()) == pytest.approx(float((x * back).sum()))


def test_convolution_in_half_precision_and_of_nothing() -> None:
    x, w = torch.tensor(random(1, 2, 5, 5)), torch.tensor(random(3, 2, 3, 3))
    for dtype in (torch.float16, torch.bfloat16):
        out = F.conv2d(x.to(dtype), w.to(dtype))
        assert out.dtype is dtype
        assert np.allclose(out.float().numpy(), F.conv2d(x, w).numpy(), atol=0.2)
    assert F.conv2d(torch.zeros(0, 2, 5, 5), w.float()).shape == (0, 3, 3, 3)


def test_wrong_input_to_convolutions_names_the_shapes() -> None:
    layer = nn.Conv2d(3, 4, 3)
    with pytest.raises(ShapeError, match=r"to have 3 channels, but got 2 channels"):
        layer(torch.zeros(1, 2, 5, 5))
    with pytest.raises(ShapeError, match=r"padded input size per channel: \(2 x 2\). Kernel size: \(3 x 3\)"):
        layer(torch.zeros(1, 3, 2, 2))
    with pytest.raises(DTypeError, match=r"Input type \(float64\) and weight type \(float32\) should be the same"):
        layer(torch.zeros(1, 3, 5, 5, dtype=torch.float64))
    with pytest.raises(ValueError, match="in_channels must be divisible by groups"):
        nn.Conv2d(3, 4, 3, groups=2)


def test_pooling_of_known_numbers() -> None:
    x = torch.arange(16.0).reshape(1, 1, 4, 4).requires_grad_()
    out, places = F.max_pool2d(x, 2, return_indices=True)
    assert out.flatten().tolist() == [5, 7, 13, 15] and places.flatten().tolist() == [5, 7, 13, 15]
    out.sum().backward()
    assert x.grad is not None and x.grad.flatten().nonzero().flatten().tolist() == [5, 7, 13, 15]
    assert F.avg_pool2d(x, 2).flatten().tolist() == [2.5, 4.5, 10.5, 12.5]
    assert F.avg_pool2d(x, 3, 2, 1)[0, 0, 0].tolist() == pytest.approx([10 / 9, 24 / 9])
    assert F.avg_pool2d(x, 3, 2, 1, count_include_pad=False)[0, 0, 0].tolist() == pytest.approx([10 / 4, 24 / 6])
    assert F.adaptive_avg_pool2d(x, 1).item() == 7.5
    assert F.max_unpool2d(out, places, 2).sum().item() == 40


def test_the_first_of_equal_maxima_gets_the_gradient() -> None:
    x = torch.zeros(1, 1, 4, requires_grad=True)
    F.max_pool1d(x, 2).sum().backward()
    assert x.grad is not None and x.grad.flatten().tolist() == [1, 0, 1, 0]


def test_batch_normalisation_and_its_running_statistics() -> None:
    layer, x = nn.BatchNorm1d(2, momentum=0.5), torch.tensor([[1.0, 10.0], [3.0, 30.0]])
    out = layer(x)
    assert np.allclose(out.detach().numpy(), [[-1, -1], [1, 1]], atol=1e-4)
    assert layer.running_mean.tolist() == [1, 10] and layer.running_var.tolist() == [1.5, 100.5]
    assert layer.num_batches_tracked.item() == 1
    before = layer.running_mean
    layer(x)
    assert layer.running_mean is before and before.tolist() == [1.5, 15]
    layer.eval()
    assert np.allclose(
        layer(x).detach().numpy()[0], (np.array([1, 10]) - [1.5, 15]) / np.sqrt(layer.running_var.numpy() + 1e-5)
    )
    assert before.tolist() == [1.5, 15]
    average = nn.BatchNorm1d(2, momentum=None)
    average(x), average(x + 2)
    assert average.running_mean.tolist() == [3, 21]


@pytest.mark.parametrize(
    "layer, dims",
    [
        (nn.LayerNorm((3, 4)), (2, 3)),
        (nn.GroupNorm(1, 2), (1, 2, 3)),
        (nn.InstanceNorm2d(2), (2, 3)),
        (nn.BatchNorm2d(2), (0, 2, 3)),
    ],
)
def test_normalised_values_have_mean_0_and_variance_1(layer: Any, dims: tuple[int, ...]) -> None:
    out = layer(torch.tensor(random(5, 2, 3, 4) * 3 + 7).float()).detach().numpy()
    assert np.allclose(out.mean(dims), 0, atol=1e-5) and np.allclose(out.var(dims), 1, atol=1e-3)


def test_normalisation_keeps_its_accuracy_far_from_zero() -> None:
    x = torch.tensor(random(64, 2) + 1e4, dtype=torch.float64)
    exact = F.layer_norm(x.t(), (64,)).numpy()
    assert np.allclose(F.layer_norm(x.t().float(), (64,)).numpy(), exact, atol=2e-3)


def test_checkpoints_of_before_batches_were_counted_load() -> None:
    layer = nn.BatchNorm1d(2)
    state = {name: value for name, value in layer.state_dict().items() if name != "num_batches_tracked"}
    layer.load_state_dict(state)
    assert layer.num_batches_tracked.item() == 0


def test_padding_and_interpolation_of_known_numbers() -> None:
    x = torch.tensor([[1.0, 2.0, 3.0]])
    assert F.pad(x, (2, 1), mode="reflect").tolist() == [[3, 2, 1, 2, 3, 2]]
    assert F.pad(x, (2, 1), mode="replicate").tolist() == [[1, 1, 1, 2, 3, 3]]
    assert F.pad(x, (2, 1), mode="circular").tolist() == [[2, 3, 1, 2, 3, 1]]
    assert F.pad(x, (0, -1, 1, 0), value=9).tolist() == [[9, 9], [1, 2]]
    line = x.unsqueeze(0)
    assert F.interpolate(line, 5, mode="linear", align_corners=True).flatten().tolist() == [1, 1.5, 2, 2.5, 3]
    assert F.interpolate(line, scale_factor=2).flatten().tolist() == [1, 1, 2, 2, 3, 3]
    assert F.interpolate(line, 2, mode="nearest").flatten().tolist() == [1, 2]


def test_shuffles_and_patches_have_inverses() -> None:
    x = torch.tensor(random(2, 8, 4, 6))
    assert torch.equal(F.pixel_unshuffle(F.pixel_shuffle(x, 2), 2), x)
    assert torch.equal(F.channel_shuffle(F.channel_shuffle(x, 2), 4), x)
    columns = F.unfold(x, 2, stride=2)
    assert columns.shape == (2, 32, 6)
    assert torch.equal(F.fold(columns, (4, 6), 2, stride=2), x)


def test_interpolation_says_where_antialiasing_does_not_go() -> None:
    with pytest.raises(ValueError, match="restricted to bilinear, bicubic, and lanczos modes"):
        F.interpolate(torch.zeros(1, 1, 4, 4), 2, mode="nearest", antialias=True)


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_channels_that_stand_last_are_told_how_to_move(rank: int) -> None:
    shape = (2, *[6] * rank, 3)
    layer = getattr(torch.nn, f"Conv{rank}d")(3, 4, 2)
    with pytest.raises(RuntimeError, match=r"the channels stand last: input\.permute\(") as caught:
        layer(torch.ones(shape))
    order = eval(str(caught.value).split("permute")[1].split(" brings")[0])
    assert layer(torch.ones(shape).permute(order)).shape == (2, 4, *[5] * rank)
    with pytest.raises(RuntimeError, match="must be in_channels"):
        layer(torch.ones(2, 5, *[6] * rank))


def test_bytes_are_interpolated_with_weights_of_16_bits() -> None:
    x = torch.tensor([[[[172, 47, 117, 192], [67, 251, 195, 103], [9, 211, 21, 242], [36, 87, 70, 216]]]],
                     dtype=torch.uint8)
    for mode in ("bilinear", "bicubic"):
        for antialias in (False, True):
            out = F.interpolate(x, size=(3, 6), mode=mode, antialias=antialias)
            expected = F.interpolate(x.double(), size=(3, 6), mode=mode, antialias=antialias).clamp(0, 255)
            assert out.dtype is torch.uint8
            # Rows are rounded, and held within bytes, before columns: cubic ones may overshoot there.
            assert (out.double() - expected).abs().max() <= (1.5 if mode == "bilinear" else 8)
    assert F.interpolate(x, size=(2, 2), mode="bilinear").tolist() == [[[[135, 152], [86, 138]]]]


def test_adaptive_means_of_no_channels_and_indices_of_another_dtype() -> None:
    for rank in (1, 2, 3):
        average, pool, unpool = [getattr(F, f"{name}{rank}d")
                                 for name in ("adaptive_avg_pool", "max_pool", "max_unpool")]
        if rank < 3:  # PyTorch's has another rule for three dimensions
            assert average(torch.ones(2, 0, *(6,) * rank), 2).shape == (2, 0, *(2,) * rank)
        else:
            with pytest.raises(ShapeError, match="non-zero size for non-batch dimensions"):
                average(torch.ones(2, 0, 6, 6, 6), 2)
        found, places = pool(torch.ones(1, 1, *(4,) * rank), 2, return_indices=True)
        assert unpool(found, places, 2).shape == (1, 1, *(4,) * rank)
        with pytest.raises(DTypeError, match="elements in indices should be type int64"):
            unpool(found, places.int(), 2)
