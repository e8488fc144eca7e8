"""Convolutions and normalisation in native programs, against eager evaluation, over random geometries."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest

import wengert as torch
from wengert.compiler.channels import Axis, Windows, box, joined
from wengert.native.checks import check
from wengert.native.loops import LoopError
from wengert.native.plan import Plan
from wengert.native.steps import Kernel
from wengert.nn import functional as F

pytestmark = pytest.mark.filterwarnings("error")


def compare(found: Any, expected: Any, wide: float) -> None:
    """The same up to rounding, in the size of the largest number."""
    assert found.dtype == expected.dtype and found.shape == expected.shape
    x, y = found.detach().double().numpy(), expected.detach().double().numpy()
    largest = max(1e-6, float(np.abs(y[np.isfinite(y)]).max(initial=0.0)))
    np.testing.assert_allclose(x, y, rtol=wide, atol=wide * largest)


def both(step: Any, leaves: list[Any], wide: float, native: tuple[str, ...] = ()) -> None:
    """A step as it is and compiled: its results and the gradients of leaves; none of ``native`` is numpy's."""
    def run(function: Any) -> list[Any]:
        for leaf in leaves:
            leaf.grad = None
        results = function()
        return [*results, *(leaf.grad.clone() for leaf in leaves if leaf.grad is not None)]

    compiled = torch.compile(step, fullgraph=True)
    expected = run(step)
    for _ in range(2):
        for found, meant in zip(run(compiled), expected, strict=True):
            compare(found, meant, wide)
    text = compiled.explain()
    assert not [name for name in native if f"numpy computes {name} " in text], text


def geometry(draw: random.Random) -> dict[str, Any]:
    """A convolution of one to three dimensions that has at least one window."""
    rank = draw.choice([1, 2, 2, 3])

    def each(*choices: int) -> tuple[int, ...]:
        return tuple(draw.choice(choices) for _ in range(rank))

    kernel, dilation = each(1, 2, 3, 5), each(1, 1, 2)
    least = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
    drawn = each(3, 5, 8) if rank == 3 else each(4, 7, 9, 16, 21)
    groups, inputs, outputs = draw.choice([(1, 1, 3), (1, 5, 7), (1, 16, 17), (1, 2, 32), (2, 2, 4), (3, 1, 1),
                                           (20, 1, 1), (3, 1, 2), (1, 17, 1), (1, 3, 64), (2, 40, 64)])
    return {"groups": groups, "inputs": inputs, "outputs": outputs, "samples": draw.choice([1, 2, 5]),
            "sizes": tuple(max(n, m) for n, m in zip(drawn, least, strict=True)), "kernel": kernel,
            "stride": each(1, 1, 2, 3), "padding": each(0, 1, 2), "dilation": dilation,
            "transposed": draw.random() < 0.35, "bias": draw.random() < 0.6}


@pytest.mark.parametrize("seed", range(24))
def test_convolutions_and_their_gradients(seed: int) -> None:
    g = geometry(random.Random(seed))
    torch.manual_seed(seed)
    dtype, wide = ((torch.float32, 1e-5), (torch.float64, 1e-12))[seed % 2]
    outer, inner = g["groups"] * g["outputs"], g["groups"] * g["inputs"]
    x = torch.randn(g["samples"], inner, *g["sizes"], dtype=dtype, requires_grad=True)
    shape = (inner, g["outputs"]) if g["transposed"] else (outer, g["inputs"])
    weight = torch.randn(*shape, *g["kernel"], dtype=dtype, requires_grad=True)
    bias = torch.randn(outer, dtype=dtype, requires_grad=True) if g["bias"] else None
    convolve = getattr(F, f"conv{'_transpose' * g['transposed']}{len(g['sizes'])}d")
    params = {name: g[name] for name in ("stride", "padding", "dilation", "groups")}

    def step() -> Any:
        y = convolve(x.tanh() if seed % 3 else x, weight, bias, **params)
        loss = (y * y).mean()
        loss.backward()
        return y.detach(), loss.detach()

    try:
        empty = not step()[0].numel()
    except torch.ShapeError:
        empty = True
    if empty:
        pytest.skip("an adjoint of no size")
    leaves = [x, weight] if bias is None else [x, weight, bias]
    both(step, leaves, wide, ("convolution", "convolution_weight"))


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_chains_share_what_lies_in_frames(layout: Any) -> None:
    """Residual blocks with batch norm, a stride, a projection; the same value under several windows."""
    torch.manual_seed(0)
    nn = torch.nn
    first, second = nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.Conv2d(8, 8, 3, 2, 2, dilation=2, bias=False)
    projection, norms = nn.Conv2d(8, 8, 1, 2), [nn.BatchNorm2d(8), nn.BatchNorm2d(8)]
    x = torch.randn(4, 3, 11, 9).contiguous(memory_format=layout)
    parameters = [p for module in (first, second, projection, *norms) for p in module.parameters()]

    def step() -> Any:
        inner = torch.relu(norms[0](first(x)))
        out = torch.relu(norms[1](second(inner)) + projection(inner)).mean((2, 3))
        loss = out.log_softmax(1)[:, 0].mean()
        loss.backward()
        return out.detach(), loss.detach()

    both(step, parameters, 2e-5, ("convolution", "convolution_weight", "normalize", "normalize_gradient"))


@pytest.mark.parametrize(("shape", "weighted"), [((6, 5, 7), (7,)), ((6, 5, 7), (5, 7)), ((33, 40), (40,))])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_layer_norm_and_its_gradient(shape: Any, weighted: Any, dtype: Any) -> None:
    torch.manual_seed(1)
    x = (torch.randn(*shape, dtype=dtype) + 30).requires_grad_()
    weight, bias = (torch.randn(*weighted, dtype=dtype, requires_grad=True) for _ in range(2))

    def step() -> Any:
        out = F.layer_norm(x, weighted, weight, bias)
        (out * out.detach().tanh()).sum().backward()
        return (out.detach(),)

    both(step, [x, weight, bias], 1e-4 if dtype is torch.float32 else 1e-11, ("normalize", "normalize_gradient"))


def test_convolutions_are_the_same_bits_for_any_number_of_threads() -> None:
    def left(threads: int) -> list[Any]:
        before = torch.get_num_threads()
        torch.set_num_threads(threads)
        try:
            torch.manual_seed(0)
            model = torch.nn.Sequential(torch.nn.Conv2d(3, 20, 3, padding=1), torch.nn.BatchNorm2d(20),
                                        torch.nn.ReLU(), torch.nn.Conv2d(20, 6, 5, 2))
            x = torch.randn(9, 3, 21, 17, requires_grad=True)

            @torch.compile(fullgraph=True)
            def step() -> Any:
                out = model(x)
                out.square().sum().backward()
                return out.detach()

            return [step(), x.grad, *(p.grad for p in model.parameters())]
        finally:
            torch.set_num_threads(before)

    first, *others = (left(threads) for threads in (1, 2, 3))
    assert all(torch.equal(a, b) for other in others for a, b in zip(first, other, strict=True))


def test_tiles_cover_windows_and_reads_stay_inside() -> None:
    assert box((5, 10), 28) == (2, 10) and box((7,), 28) == (7,) and box((33,), 28) == (17,) and box((3, 3, 8), 1) == (
        1, 1, 1)
    assert joined((Axis(1, 7, 9), Axis(4, 20, 10), Axis(5, 4, 2), Axis(2, 2, 1))) == (Axis(40, 2, 1),)
    plan = Plan()
    x, weight, out = (plan.whole(plan.buffer("arena", "float32", size), (size,)).node.args[0] for size in (9, 3, 8))
    form = Windows("float32", (Axis(8, 1, 1),), (Axis(3, 1),), 1, 1, 1, 1, False)
    plan.kernel("convolution", form, [x, weight], [out])
    with pytest.raises(LoopError, match="inside a buffer of 9 elements"):
        check(plan.steps[-1])


@pytest.mark.parametrize("seed", range(24))
def test_pooling_and_its_gradients(seed: int) -> None:
    """Windows that overlap, leave gaps, reach into padding and beyond the end; ties, and a NaN."""
    draw = random.Random(seed)
    torch.manual_seed(seed)
    rank = draw.choice([1, 2, 2, 3])

    def each(*choices: int) -> tuple[int, ...]:
        return tuple(draw.choice(choices) for _ in range(rank))

    size, stride, largest = each(1, 2, 3), each(1, 2, 3), seed % 2 == 0
    if seed in (4, 5):
        size = (5,) * rank
    padding = tuple(draw.randint(0, k // 2) for k in size)
    dtype, wide = ((torch.float32, 1e-5), (torch.float64, 1e-12))[seed % 4 // 2]
    shape = (draw.choice([1, 3]), draw.choice([1, 4, 17]), *each(5, 8, 11))
    x = torch.randn(*shape[seed % 3 == 2:], dtype=dtype).mul(4).round().div(4).requires_grad_()
    if seed == 8:
        with torch.no_grad():
            x.view(-1)[3] = float("nan")
    params: dict[str, Any] = {"kernel_size": size, "stride": stride, "padding": padding,
                              "ceil_mode": draw.random() < 0.4}
    if largest:
        params["dilation"] = each(1, 1, 2)
    pool = getattr(F, f"{'max' if largest else 'avg'}_pool{rank}d")

    def step() -> Any:
        out = pool(x * 2, **params)
        (out * torch.arange(out.numel(), dtype=dtype).view(out.shape).sin()).sum().backward()
        return (out.detach(),)

    names = ("max_pool", "window_winner", "window_put", "window_sum", "window_spread")
    both(step, [x], wide, names if max(size) < 5 or rank < 3 else ())


def test_what_would_be_too_many_steps_is_left_to_numpy() -> None:
    """An adjoint of a large stride, and of large windows that overlap; windows side by side are repeated."""
    torch.manual_seed(0)
    x, weight = torch.randn(2, 3, 24, 24, requires_grad=True), torch.randn(4, 3, 8, 8, requires_grad=True)

    def step() -> Any:
        patches, means = F.conv2d(x, weight, stride=8), F.avg_pool2d(x, 12)
        near, most = F.avg_pool2d(x, 7, 6), F.max_pool2d(x, 6)
        (patches.sin().sum() + means.exp().sum() + near.sin().sum() + most.sum()).backward()
        return patches.detach(), means.detach(), near.detach(), most.detach()

    both(step, [x, weight], 1e-5)


@pytest.mark.parametrize(("inputs", "outputs", "form"), [(40, 2, "Dots"), (2, 40, "Windows")])
def test_vectors_hold_the_channels_that_fill_them(inputs: int, outputs: int, form: str) -> None:
    x, weight = torch.randn(2, inputs, 9, 9), torch.randn(outputs, inputs, 3, 3)
    compiled = torch.compile(lambda x: F.conv2d(x.exp(), weight), fullgraph=True)
    compare(compiled(x), F.conv2d(x.exp(), weight), 1e-5)
    program = compiled.programs[0]._run.program
    assert program is not None
    assert [type(step.form).__name__ for step in program.schedule.steps if type(step) is Kernel] == [form]


def test_a_large_weight_is_shared_out_by_its_blocks() -> None:
    torch.manual_seed(0)
    x = torch.randn(3, 64, 6, 5, requires_grad=True)
    weight = torch.randn(192, 64, 3, 3, requires_grad=True)
    grouped = torch.randn(128, 32, 3, 3, requires_grad=True)

    def step() -> Any:
        out, other = F.conv2d(x, weight, padding=1), F.conv2d(x, grouped, groups=2)
        ((out * 0.05).sin().sum() + (other * 0.05).cos().sum()).backward()
        return out.detach(), other.detach()

    both(step, [x, weight, grouped], 1e-5, ("convolution", "convolution_weight"))


def test_few_samples_are_summed_up_by_rows() -> None:
    """The weight's gradient of one large image, in parts of its rows."""
    torch.manual_seed(0)
    x, weight = torch.randn(1, 3, 37, 41, requires_grad=True), torch.randn(6, 3, 3, 3, requires_grad=True)

    def step() -> Any:
        out = F.conv2d(x, weight, padding=1, stride=(1, 2))
        (out * 0.1).sin().sum().backward()
        return (out.detach(),)

    both(step, [x, weight], 1e-5, ("convolution_weight",))
    compiled = torch.compile(step, fullgraph=True)
    compiled()
    program = compiled.programs[0]._run.program
    assert program is not None
    (form,) = [step.form for step in program.schedule.steps if type(step) is Kernel and "weight" in step.name]
    assert form.bands == form.parts == 37 * 21 // 256


@pytest.mark.parametrize(("rank", "batch"), [(1, 3), (2, 3), (2, 1), (3, 2)])
def test_halves_hand_images_over_as_they_lie_around_convolutions(rank: int, batch: int) -> None:
    """The backward half of a function that is differentiated outside reads them with the channels last, as the forward
    one has them, and nothing is turned round on the way; results lie in rows all the same."""
    torch.manual_seed(0)
    kind = (torch.nn.Conv1d, torch.nn.Conv2d, torch.nn.Conv3d)[rank - 1]
    first, second, third = kind(3, 17, 3, padding=1), kind(17, 20, 3, stride=2, padding=1), kind(20, 5, 1)

    def network(x: Any) -> tuple[Any, Any]:
        seen = torch.tanh(first(x))
        return third(torch.relu(second(seen))).square().mean(), seen

    compiled = torch.compile(network, fullgraph=True)
    x = torch.randn(batch, 3, *(9, 8, 7)[:rank], requires_grad=True)
    leaves = [x, *first.parameters(), *second.parameters(), *third.parameters()]
    for pick in (lambda loss, seen: loss + seen.sum(), lambda loss, seen: loss, lambda loss, seen: seen.sin().sum()):
        for _ in range(2):
            ours, theirs = compiled(x), network(x)
            for found, meant in zip(ours, theirs, strict=True):
                compare(found, meant, 1e-5)
                assert found.is_contiguous()
            for found, meant in zip(*[torch.autograd.grad(pick(*each), leaves, allow_unused=True)
                                      for each in (ours, theirs)], strict=True):
                assert (found is None) == (meant is None)
                if found is not None:
                    compare(found, meant, 1e-4)
    images = [array for array in compiled.programs[0].runner.program._fresh
              if array.rests and len(array.shape) == rank + 2 and array.shape[1] in (17, 20)]
    assert images and all(array.array().strides[1] == 4 for array in images), [array.shape for array in images]
    # A second derivative runs both halves again, on tensors.
    slopes = [torch.autograd.grad(function(x)[0], [x], create_graph=True)[0] for function in (compiled, network)]
    ours, theirs = [torch.autograd.grad(slope.square().sum(), [x])[0] for slope in slopes]
    compare(ours, theirs, 1e-4)
