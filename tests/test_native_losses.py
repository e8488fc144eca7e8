"""Losses, norms and joins in native programs, against eager evaluation."""

from __future__ import annotations

from typing import Any

import pytest

import wengert as torch
from tests.test_native_windows import both
from wengert.nn import functional as F

pytestmark = pytest.mark.filterwarnings("error")

LOSSES = {
    "mse_loss": F.mse_loss, "smooth_l1_loss": lambda x, y, **how: F.smooth_l1_loss(x, y, beta=0.7, **how),
    "huber_loss": lambda x, y, **how: F.huber_loss(x, y, delta=0.4, **how),
    "binary_cross_entropy": lambda x, y, **how: F.binary_cross_entropy(x.sigmoid(), y.sigmoid(), **how),
    "binary_cross_entropy weighted": lambda x, y, **how: F.binary_cross_entropy(
        x.sigmoid(), y.sigmoid(), y.detach().abs(), **how),
    "binary_cross_entropy_with_logits": lambda x, y, **how: F.binary_cross_entropy_with_logits(
        x * 3, y.sigmoid(), pos_weight=y.detach()[0].exp(), **how),
}


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("name", LOSSES)
def test_losses(name: str, reduction: str) -> None:
    torch.manual_seed(0)
    dtype = torch.float64 if name == "huber_loss" else torch.float32
    x, y = (torch.randn(9, 5, dtype=dtype, requires_grad=True) for _ in range(2))

    def step() -> Any:
        loss = LOSSES[name](x, y, reduction=reduction)
        loss.sum().backward()
        return (loss.detach(),)

    both(step, [x, y], 1e-5 if dtype is torch.float32 else 1e-12, (name.split()[0],))


@pytest.mark.parametrize("order", [0, 1, 2, 3.5, float("inf"), -float("inf")])
def test_norms_and_logsumexp(order: float) -> None:
    torch.manual_seed(1)
    x = torch.randn(6, 7, 3, requires_grad=True)

    def step() -> Any:
        norm = torch.linalg.vector_norm(x, order, dim=(0, 2), keepdim=True)
        total = (x / (1 + norm)).logsumexp(1)
        (total.sum() + norm.sum()).backward()
        return norm.detach(), total.detach()

    both(step, [x], 1e-5, ("vector_norm", "logsumexp"))


def test_a_probability_that_is_none_is_an_error() -> None:
    step = torch.compile(lambda x: F.binary_cross_entropy(x, torch.zeros(3)) * 1, fullgraph=True)
    assert float(step(torch.tensor([0.0, 1.0, 0.5]))) > 0
    with pytest.raises(RuntimeError, match="should be between 0 and 1"):
        step(torch.tensor([0.0, 1.5, 0.5]))
    with pytest.raises(RuntimeError, match="should be between 0 and 1"):
        step(torch.tensor([0.0, float("nan"), 0.5]))


def test_joins_lie_as_their_parts_and_stand_in_frames() -> None:
    """A U-Net in small: what came down is joined to what comes up again."""
    torch.manual_seed(0)
    nn = torch.nn
    down, middle = nn.Conv2d(2, 5, 3, padding=1), nn.Conv2d(5, 9, 3, padding=1)
    up, out = nn.ConvTranspose2d(9, 5, 2, 2), nn.Conv2d(10, 3, 3, padding=1)
    x, target = torch.randn(3, 2, 8, 6), torch.randint(3, (3, 8, 6))

    def step() -> Any:
        first = torch.relu(down(x))
        second = torch.relu(middle(F.max_pool2d(first, 2)))
        logits = out(torch.cat((first, up(second)), 1))
        loss = F.cross_entropy(logits, target)
        loss.backward()
        return logits.detach(), loss.detach(), torch.cat((x, x[:, :1]), 1)

    both(step, [p for module in (down, middle, up, out) for p in module.parameters()], 2e-5, ("cat", "convolution"))


MOVED = {
    "flip": lambda x: x.flip((0, 2)) * 2, "roll": lambda x: torch.roll(x, (2, -1, 7), (0, 1, 2)).exp(),
    "tril": lambda x: x.tril(-1) + x[0].t().triu(1).t(), "triu": lambda x: (x * 2).triu(2),
    "max_dim": lambda x: x.max(1).values * 2 + x.max(1).indices, "min_dim": lambda x: x.min(2, keepdim=True)[0] + x,
    "argmax": lambda x: x * x.argmax() + x.argmax(2, keepdim=True), "argmin": lambda x: x * x.argmin(0),
    "any": lambda x: torch.where((x > 1).any(2, keepdim=True), x, -x), "all": lambda x: x * (x < 1).all(0),
    "var": lambda x: x.var((0, 2), correction=0), "std": lambda x: x.std(1, keepdim=True) * x,
    "patches": lambda x: F.unfold(x[:, None], (2, 3), padding=1, stride=(1, 2)),
}


@pytest.mark.parametrize("name", MOVED)
def test_what_moves_or_chooses_elements(name: str) -> None:
    torch.manual_seed(0)
    x = torch.randn(4, 5, 6).mul(3).round().div(3).requires_grad_()
    with torch.no_grad():
        x[1, 2, 3:5] = float("nan") if name in ("max_dim", "argmax") else 0.0

    def step() -> Any:
        out = MOVED[name](x)
        (out * torch.arange(out.numel()).view(out.shape).cos()).sum().backward()
        return (out.detach(),)

    both(step, [x], 1e-5, (name,))
