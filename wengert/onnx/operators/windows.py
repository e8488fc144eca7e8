"""Convolution, pooling and normalisation.

What slides over a tensor is said by ``kernel_shape``, ``strides``, ``dilations`` and ``pads``, or ``auto_pad``, which a
`Window` reads. Padding may differ at the two ends, which wengert's own layers do not have: there it is put round the
tensor beforehand.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import wengert as torch

from ...nn import functional as F
from .table import along, operator, wrapped


class Window:
    """What slides over the last ``rank`` dimensions of a tensor of these sizes."""

    def __init__(self, call: Any, sizes: Sequence[int], kernel: Sequence[int]) -> None:
        rank = len(kernel)
        self.kernel = list(kernel)
        self.strides = call.get("strides", [1] * rank)
        self.dilations = call.get("dilations", [1] * rank)
        pads = call.get("pads", [0] * 2 * rank)
        self.before, self.after = list(pads[:rank]), list(pads[rank:])
        auto = call.get("auto_pad", "NOTSET")
        if auto in ("SAME_UPPER", "SAME_LOWER"):
            for d, (n, k, s, step) in enumerate(zip(sizes, kernel, self.strides, self.dilations, strict=True)):
                total = max((-(-n // s) - 1) * s + (k - 1) * step + 1 - n, 0)
                small = total // 2
                self.before[d], self.after[d] = (small, total - small) if auto == "SAME_UPPER" else (
                    total - small, small)
        elif auto == "VALID":
            self.before, self.after = [0] * rank, [0] * rank

    def pairs(self, after: Sequence[int] | None = None) -> list[int]:
        """The padding as `F.pad` takes it, from the last dimension on."""
        ends = self.after if after is None else after
        return [n for pair in list(zip(self.before, ends, strict=True))[::-1] for n in pair]

    def counts(self, sizes: Sequence[int], ceil: bool) -> list[int]:
        """How many windows there are; with a ceiling no window starts in the padding at the end."""
        found = []
        for n, k, s, step, a, b in zip(sizes, self.kernel, self.strides, self.dilations, self.before, self.after,
                                       strict=True):
            room = n + a + b - (k - 1) * step - 1
            count = (-(-room // s) if ceil else room // s) + 1
            if ceil and (count - 1) * s >= n + a:
                count -= 1
            found.append(count)
        return found

    def ends(self, sizes: Sequence[int], counts: Sequence[int]) -> list[int]:
        """How far beyond the end the windows reach."""
        return [max((count - 1) * s + (k - 1) * step + 1 - n - a, 0) for count, s, k, step, n, a in zip(
            counts, self.strides, self.kernel, self.dilations, sizes, self.before, strict=True)]


@operator("Conv")
def _conv(call: Any, x: Any, weight: Any, bias: Any = None) -> Any:
    rank = x.dim() - 2
    window = Window(call, x.shape[2:], weight.shape[2:])
    groups = call.get("group", 1)
    padding = window.before
    if window.before != window.after:
        x, padding = F.pad(x, window.pairs()), [0] * rank
    if rank <= 3:
        function = (F.conv1d, F.conv2d, F.conv3d)[rank - 1]
        return function(x, weight, bias, window.strides, padding, window.dilations, groups)
    raise NotImplementedError(f"[Conv] up to 3 dimensions were expected; got {rank}")


@operator("ConvTranspose")
def _conv_transpose(call: Any, x: Any, weight: Any, bias: Any = None) -> Any:
    rank = x.dim() - 2
    window = Window(call, x.shape[2:], weight.shape[2:])
    extra = call.get("output_padding", [0] * rank)
    least = [(n - 1) * s + (k - 1) * d + 1 for n, s, k, d in zip(
        x.shape[2:], window.strides, window.kernel, window.dilations, strict=True)]
    wanted, auto = call.get("output_shape"), call.get("auto_pad", "NOTSET")
    if wanted is None and auto in ("SAME_UPPER", "SAME_LOWER"):
        wanted = [n * s for n, s in zip(x.shape[2:], window.strides, strict=True)]
    if wanted is not None:
        for d, (size, has) in enumerate(zip(wanted[-rank:], least, strict=True)):
            total = has + extra[d] - size
            small = total // 2
            window.before[d], window.after[d] = (total - small, small) if auto != "SAME_UPPER" else (
                small, total - small)
    function = (F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d)[rank - 1]
    found = function(x, weight, None, window.strides, 0, 0, call.get("group", 1), window.dilations)
    after = [b - e for b, e in zip(window.after, extra, strict=True)]
    pairs = [n for a, b in list(zip(window.before, after, strict=True))[::-1] for n in (-a, -b)]
    found = F.pad(found, pairs) if any(pairs) else found
    return found if bias is None else found + along(bias, 1, found.dim())


# --- pooling ----------------------------------------------------------------------------------------------------------


def _lowest(x: Any) -> Any:
    return float("-inf") if x.is_floating_point() else torch.iinfo(x.dtype).min


def _views(call: Any, x: Any, value: Any, kernel: Sequence[int] | None = None) -> tuple[Any, Window, list[int]]:
    """All windows of a padded tensor: ``(N, C, *counts, prod(kernel))``."""
    sizes = list(x.shape[2:])
    window = Window(call, sizes, kernel or call.get("kernel_shape"))
    counts = window.counts(sizes, bool(call.get("ceil_mode", 0)))
    padded = F.pad(x, window.pairs(window.ends(sizes, counts)), value=value)
    return _windows(padded, window, counts), window, counts


def _windows(padded: Any, window: Window, counts: Sequence[int]) -> Any:
    found = padded
    for d, (k, s, step, count) in enumerate(zip(window.kernel, window.strides, window.dilations, counts, strict=True)):
        found = found.unfold(d + 2, (k - 1) * step + 1, s).narrow(d + 2, 0, count)[..., ::step]
    return found.flatten(2 + len(counts)) if len(counts) > 1 else found


@operator("MaxPool")
def _max_pool(call: Any, x: Any) -> Any:
    """With the places of the maxima, where they are asked for, counted through the whole tensor."""
    windows, window, counts = _views(call, x, _lowest(x))
    best = windows.argmax(-1, keepdim=True)
    values = torch.gather(windows, -1, best).squeeze(-1)
    if call.wanted < 2:
        return values
    sizes, rank = list(x.shape[2:]), len(counts)
    rest, place = best.squeeze(-1), torch.zeros(best.shape[:-1], dtype=torch.int64)
    spots: list[Any] = []
    for d in range(rank - 1, -1, -1):
        within, rest = rest % window.kernel[d], rest // window.kernel[d]
        spots.insert(0, along(torch.arange(counts[d]) * window.strides[d] - window.before[d], d + 2, rank + 2)
                     + within * window.dilations[d])
    steps = _row_major(sizes) if not call.get("storage_order", 0) else [math.prod(sizes[:d]) for d in range(rank)]
    for spot, step in zip(spots, steps, strict=True):
        place = place + spot * step
    lead = torch.arange(x.shape[0] * x.shape[1]).reshape(x.shape[0], x.shape[1], *[1] * rank)
    return values, place + lead * math.prod(sizes)


def _row_major(sizes: Sequence[int]) -> list[int]:
    return [math.prod(sizes[d + 1:]) for d in range(len(sizes))]


@operator("AveragePool")
def _average_pool(call: Any, x: Any) -> Any:
    windows, window, counts = _views(call, x, 0.0)
    total = windows.sum(-1)
    ones = torch.ones(1, 1, *x.shape[2:], dtype=x.dtype)
    if call.get("count_include_pad", 0):
        ones = F.pad(ones, window.pairs(), value=1.0)
        ends = [e - a for e, a in zip(window.ends(x.shape[2:], counts), window.after, strict=True)]
        ones = F.pad(ones, [n for e in ends[::-1] for n in (0, max(e, 0))])
    else:
        ones = F.pad(ones, window.pairs(window.ends(x.shape[2:], counts)))
    return total / _windows(ones, window, counts).sum(-1)


@operator("LpPool")
def _lp_pool(call: Any, x: Any) -> Any:
    p = call.get("p", 2)
    windows, _, _ = _views(call, torch.abs(x) ** p, 0.0)
    return windows.sum(-1) ** (1 / p)


def _everywhere(x: Any) -> list[int]:
    return list(range(2, x.dim()))


@operator("GlobalAveragePool")
def _global_average_pool(call: Any, x: Any) -> Any:
    return x.mean(_everywhere(x), keepdim=True)


@operator("GlobalMaxPool")
def _global_max_pool(call: Any, x: Any) -> Any:
    return x.amax(_everywhere(x), keepdim=True)


@operator("GlobalLpPool")
def _global_lp_pool(call: Any, x: Any) -> Any:
    return torch.linalg.vector_norm(x, float(call.get("p", 2)), _everywhere(x), keepdim=True)


@operator("MaxUnpool")
def _max_unpool(call: Any, x: Any, index: Any, shape: Any = None) -> Any:
    rank = x.dim() - 2
    window = Window(call, x.shape[2:], call.get("kernel_shape"))
    least = [(n - 1) * s + k - a - b for n, s, k, a, b in zip(
        x.shape[2:], window.strides, window.kernel, window.before, window.after, strict=True)]
    flat = torch.zeros(x.shape[0] * x.shape[1] * math.prod(least), dtype=x.dtype)
    found = flat.scatter(0, index.reshape(-1), x.reshape(-1)).reshape(*x.shape[:2], *least)
    if shape is None:
        return found
    wanted = call.ints(2)[-rank:]
    return F.pad(found, [n for have, want in list(zip(least, wanted, strict=True))[::-1] for n in (0, want - have)])


@operator("Col2Im")
def _col2im(call: Any, x: Any, image: Any, block: Any) -> Any:
    """The sum of windows into an image of any number of dimensions: places are counted through the padded image."""
    sizes, kernel = call.ints(1), call.ints(2)
    window = Window(call, sizes, kernel)
    padded = [n + a + b for n, a, b in zip(sizes, window.before, window.after, strict=True)]
    counts = window.counts(sizes, False)
    rank = len(sizes)
    place: Any = torch.zeros([1] * 2 * rank, dtype=torch.int64)
    for d, step in enumerate(_row_major(padded)):
        inner = along(torch.arange(kernel[d]) * window.dilations[d], d, 2 * rank)
        outer = along(torch.arange(counts[d]) * window.strides[d], rank + d, 2 * rank)
        place = place + (inner + outer) * step
    n, channels = x.shape[0], x.shape[1] // math.prod(kernel)
    rows = x.reshape(n, channels, -1)
    found = torch.zeros(n, channels, math.prod(padded), dtype=x.dtype).scatter_add(
        2, place.reshape(1, 1, -1).expand(n, channels, -1), rows).reshape(n, channels, *padded)
    for d, (a, size) in enumerate(zip(window.before, sizes, strict=True)):
        found = found.narrow(d + 2, a, size)
    return found


# --- normalisation ----------------------------------------------------------------------------------------------------


@operator("BatchNormalization")
def _batch_normalization(call: Any, x: Any, scale: Any, bias: Any, mean: Any, var: Any) -> Any:
    eps, momentum, rank = call.get("epsilon", 1e-5), call.get("momentum", 0.9), x.dim()
    if call.version >= 14 and call.get("training_mode", 0):
        over = [d for d in range(rank) if d != 1]
        own_mean, own_var = x.mean(over), x.var(over, unbiased=False)
        found = F.batch_norm(x, None, None, scale, bias, True, 0.0, eps)
        return (found, mean * momentum + own_mean * (1 - momentum),
                var * momentum + own_var * (1 - momentum))[: call.wanted]
    shape = [1, -1, *[1] * (rank - 2)]
    normal = (x - mean.reshape(shape)) * torch.rsqrt(var.reshape(shape) + eps)
    return (normal * scale.reshape(shape) + bias.reshape(shape)).to(x.dtype)


@operator("InstanceNormalization")
def _instance_normalization(call: Any, x: Any, scale: Any, bias: Any) -> Any:
    return F.instance_norm(x, weight=scale, bias=bias, eps=call.get("epsilon", 1e-5))


@operator("LayerNormalization")
def _layer_normalization(call: Any, x: Any, scale: Any, bias: Any = None) -> Any:
    axis, eps = wrapped(call.get("axis", -1), x.dim()), call.get("epsilon", 1e-5)
    over = list(range(axis, x.dim()))
    if call.wanted == 1 and tuple(scale.shape) == tuple(x.shape[axis:]):
        return F.layer_norm(x, x.shape[axis:], scale, bias, eps)
    mean = x.mean(over, keepdim=True)
    deviation = torch.rsqrt(x.var(over, unbiased=False, keepdim=True) + eps)
    found = (x - mean) * deviation * scale
    return (found if bias is None else found + bias, mean, deviation)[: call.wanted]


@operator("GroupNormalization")
def _group_normalization(call: Any, x: Any, scale: Any, bias: Any) -> Any:
    groups = call.get("num_groups")
    if call.version < 21:  # a number a group, not a channel
        each = x.shape[1] // groups
        scale, bias = scale.repeat_interleave(each), bias.repeat_interleave(each)
    return F.group_norm(x, groups, scale, bias, call.get("epsilon", 1e-5))


@operator("LRN")
def _lrn(call: Any, x: Any) -> Any:
    size, alpha = call.get("size"), call.get("alpha", 1e-4)
    before = (size - 1) // 2
    squares = F.pad((x * x).movedim(1, -1), [before, size - 1 - before]).unfold(-1, size, 1).sum(-1).movedim(-1, 1)
    return x / (call.get("bias", 1.0) + alpha / size * squares) ** call.get("beta", 0.75)


# --- losses -----------------------------------------------------------------------------------------------------------


@operator("NegativeLogLikelihoodLoss")
def _negative_log_likelihood_loss(call: Any, x: Any, target: Any, weight: Any = None) -> Any:
    return F.nll_loss(x, target.to(torch.int64), weight, ignore_index=call.get("ignore_index", -100),
                      reduction=call.get("reduction", "mean"))


@operator("SoftmaxCrossEntropyLoss")
def _softmax_cross_entropy_loss(call: Any, scores: Any, target: Any, weight: Any = None) -> Any:
    logs = torch.log_softmax(scores, 1)
    loss = F.nll_loss(logs, target.to(torch.int64), weight, ignore_index=call.get("ignore_index", -100),
                      reduction=call.get("reduction", "mean"))
    return (loss, logs)[: call.wanted]
