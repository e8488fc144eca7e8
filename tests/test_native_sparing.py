"""What a mask leaves out of products is not computed, and nothing changes but that."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import wengert as torch
from wengert.compiler.jit import engine
from wengert.compiler.kernels import generated_code_is_possible
from wengert.compiler.products import geometry
from wengert.native import sparing
from wengert.native.checks import check
from wengert.native.loops import Buffer, LoopError, Place
from wengert.native.steps import Matrices, Product
from wengert.nn import functional as F

pytestmark = [pytest.mark.filterwarnings("error"),
              pytest.mark.skipif(not generated_code_is_possible(), reason="no generated code here")]


def causal(length: int) -> Any:
    return torch.ones(length, length).tril()


MASKS = {
    "causal": causal,
    "a window": lambda n: causal(n) * torch.ones(n, n).triu(-5),
    "blocks": lambda n: (torch.arange(n)[:, None] // 16 == torch.arange(n)[None, :] // 16).float(),
    "the future": lambda n: torch.ones(n, n).triu(),
    "one for all": lambda n: (torch.arange(n) < n - 20).float().expand(n, n),
}


def filled(scores: Any, mask: Any) -> Any:
    return torch.softmax(scores.masked_fill(mask == 0, -torch.inf), -1)


def added(scores: Any, mask: Any) -> Any:
    return torch.softmax(scores + torch.zeros_like(mask).masked_fill(mask == 0, -torch.inf), -1)


def chosen(scores: Any, mask: Any) -> Any:
    return torch.softmax(torch.where(mask != 0, scores, torch.tensor(-torch.inf)), -1)


def multiplied(scores: Any, mask: Any) -> Any:
    return scores * mask


def step_of(mask_of: Any, weights_of: Any, dtype: Any) -> Any:
    def step(q: Any, k: Any, v: Any) -> Any:
        mask = mask_of(q.shape[-2]).to(dtype)
        out = weights_of(q @ k.transpose(-1, -2) * 0.25, mask) @ v
        (out * out).sum().backward()
        return out.detach(), q.grad.clone(), k.grad.clone(), v.grad.clone()

    return step


def operands(shape: tuple[int, ...], dtype: Any) -> list[Any]:
    torch.manual_seed(0)
    return [torch.randn(shape, dtype=dtype, requires_grad=True) for _ in range(3)]


def shares(step: Any) -> list[int]:
    """How much of each product is computed where not all of it is, in percent."""
    return [int(found) for kernel in step.kernels for found in re.findall(r"a mask leaves (\d+)%", kernel.words)]


@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("weights", [filled, added, chosen, multiplied])
@pytest.mark.parametrize(("length", "dtype"), [(64, "float32"), (45, "float32"), (130, "float64")])
def test_masks_of_every_sort_are_as_in_eager_mode(mask: str, weights: Any, length: int, dtype: str) -> None:
    kind = getattr(torch, dtype)
    step, shape = step_of(MASKS[mask], weights, kind), (2, 2, length, 16)
    expected = step(*operands(shape, kind))
    compiled = torch.compile(step)
    for found, right in zip(compiled(*operands(shape, kind)), expected, strict=True):
        scale = float(right.abs().max())
        assert float((found - right).abs().max()) <= (1e-5 if dtype == "float32" else 1e-12) * scale
    assert shares(compiled), "some of each is left out"


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_no_bit_depends_on_threads_or_on_what_is_left_out(monkeypatch: pytest.MonkeyPatch, threads: int) -> None:
    def run() -> list[bytes]:
        compiled = torch.compile(step_of(causal, filled, torch.float32))
        results = compiled(*operands((2, 3, 77, 24), torch.float32))
        return [result.numpy().tobytes() for result in results]

    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        spared = run()
        monkeypatch.setattr(sparing, "MOST_SPANS", 0)
        monkeypatch.setenv("WENGERT_CACHE_DIR", "")
        assert run() == spared
    finally:
        torch.set_num_threads(before)


def test_the_products_of_causal_attention_forward_and_back() -> None:
    def step(q: Any, k: Any, v: Any) -> Any:
        out = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        out.sum().backward()
        return out.detach()

    compiled = torch.compile(step)
    compiled(*operands((1, 2, 256, 32), torch.float32))
    assert len(shares(compiled)) == 6, "scores, values, and two for each of these in the backward pass"
    assert max(shares(compiled)) <= 61, "little more than half of each"
    products = [info for info in compiled.kernels if "product" in info.words]
    whole = sum(2 * 2 * 256 * 256 * 32 for _ in products)
    assert sum(info.flops for info in products) < 0.6 * whole


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("weights", [filled, added, chosen, multiplied])
def test_what_is_no_number_behind_a_mask_is_met_as_in_eager_mode(weights: Any, wrong: float) -> None:
    """In each operand; numbers are drawn once; and the next call with numbers goes its own way again."""
    def step(q: Any, k: Any, v: Any) -> Any:
        p = F.dropout(weights(q @ k.transpose(-1, -2), causal(64)), 0.25)
        loss = (p @ v).square().sum()
        return loss, *torch.autograd.grad(loss, [q, k, v]), torch.rand(2)

    compiled = torch.compile(step, fullgraph=True)
    for place in (None, 0, 1, 2, None):
        found = []
        for run in (step, compiled):
            given = operands((64, 16), torch.float32)
            if place is not None:
                with torch.no_grad():
                    given[place][60, 3] = wrong
            torch.manual_seed(1)
            found.append([part.detach().numpy() for part in (*run(*given), torch.rand(2))])
        for one, other in zip(*found, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-4)
    assert shares(compiled)


def test_what_is_not_computed_of_a_function_that_is_differentiated_outside() -> None:
    """Cotangents that are no numbers behind a mask."""
    def forward(q: Any, k: Any, v: Any) -> Any:
        return filled(q @ k.transpose(-1, -2), causal(64)) @ v

    compiled, found = torch.compile(forward, fullgraph=True), []
    for run in (forward, compiled):
        given, ct = operands((64, 16), torch.float32), torch.ones(64, 16)
        ct[3] = float("nan")
        found.append([g.numpy() for g in torch.autograd.grad(run(*given), given, ct)])
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-4)


def test_a_mask_that_comes_with_each_call_leaves_nothing_out() -> None:
    def forward(x: Any, y: Any, mask: Any) -> Any:
        return filled(x @ x.transpose(-1, -2), mask) @ y

    x, y = torch.randn(64, 16), torch.randn(64, 16)
    compiled = torch.compile(forward)
    for mask in (causal(64), causal(64).T.contiguous()):
        np.testing.assert_allclose(compiled(x, y, mask).numpy(), forward(x, y, mask).numpy(), rtol=1e-4, atol=1e-5)
    assert not shares(compiled)


def test_scores_that_something_else_reads_are_all_computed() -> None:
    def forward(x: Any, y: Any) -> Any:
        scores = x @ x.transpose(-1, -2)
        return filled(scores, causal(64)) @ y, scores.sum(-1)

    x, y = torch.randn(64, 16), torch.randn(64, 16)
    compiled = torch.compile(forward)
    for found, right in zip(compiled(x, y), forward(x, y), strict=True):
        np.testing.assert_allclose(found.numpy(), right.numpy(), rtol=1e-4, atol=1e-4)
    assert len(shares(compiled)) == 1, "the product of the weights and values alone"


def test_spans_are_checked() -> None:
    cut = geometry(engine().machine, "float32", (), (64, 32, 64), (32, 1), (64, 1), (64, 1))
    assert cut is not None
    sizes = {"left": (64, 32), "right": (32, 64), "out": (64, 64)}
    sides = {name: Matrices(Place(Buffer(n, "arena", "float32", shape[0] * shape[1]), 0, (shape[1], 1)), shape)
             for n, (name, shape) in enumerate(sizes.items())}
    for spans in (((0, 32),), ((0, 33),) * (cut.tiles * cut.panels), ((5, 4),) * (cut.tiles * cut.panels)):
        wrong = replace(cut, spans=spans, alone=True)
        right = sides["right"].place
        with pytest.raises(LoopError, match="part of the depth"):
            check(Product(**sides, dtype="float32", cut=wrong, panels=right, laid=right))
