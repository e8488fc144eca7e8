"""`grid_sample` by generated code and written out: one result, every mode, padding, rank, dtype and size."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import wengert as torch
from wengert.core.operands import Array
from wengert.nn import functional as F
from wengert.prims import grids

MODES = [(rank, mode, padding, align) for rank, mode, padding, align in itertools.product(
    (2, 3), ("bilinear", "nearest", "bicubic"), ("zeros", "border", "reflection"), (False, True))
    if rank == 2 or mode != "bicubic"]
SIZES = ((2, 3, 4, 5, 3), (1, 1, 1, 1, 1), (2, 2, 7, 1, 6))
NEEDS = ((True, True), (True, False), (False, True))
ODD = (np.nan, 1.0, -1.0, np.inf, -np.inf, 0.0, 1e30)


def operands(rank: int, sizes: tuple[int, ...], dtype: str) -> tuple[Array, Array, Array]:
    rng = np.random.default_rng(0)
    x = rng.normal(size=sizes[: rank + 2]).astype(dtype)
    grid = rng.uniform(-2.3, 2.3, (sizes[0], *(3, 4, 2)[:rank], rank)).astype(dtype)
    grid.flat[: len(ODD)] = ODD
    return x, grid, rng.normal(size=(*x.shape[:2], *grid.shape[1:-1])).astype(dtype)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_generated_code_takes_the_steps_that_are_written_out(dtype: str) -> None:
    for (rank, mode, padding, align), sizes in itertools.product(MODES, SIZES):
        x, grid, ct = operands(rank, sizes, dtype)
        how = {"mode": mode, "padding": padding, "align": align}
        with np.errstate(all="ignore"):
            wanted = grids.sampled(x, grid, **how)
            gradients = grids.sampled_back(ct, x, grid, (True, True), **how)
        generated = grids._generated(x)
        assert np.array_equal(generated.sampled(x, grid, **how), wanted, equal_nan=True)
        for needs in NEEDS if mode == "nearest" else NEEDS[:1]:
            found = generated.sampled_back(ct, x, grid, needs, **how)
            for part, true, need in zip(found, gradients, needs, strict=True):
                assert (part is None) is not need
                if need:
                    np.testing.assert_allclose(part, true, rtol=1e-5 if dtype == "f4" else 1e-13, atol=1e-5)


def test_layouts_threads_and_nothing() -> None:
    x, grid, _ = (torch.tensor(array) for array in operands(2, (2, 3, 40, 50), "f4"))
    many = grid.repeat(1, 200, 1, 1)
    wanted = F.grid_sample(x, many, align_corners=False)
    turned = x.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2)
    assert torch.equal(F.grid_sample(turned, many, align_corners=False).nan_to_num(), wanted.nan_to_num())
    strided = torch.stack([many, many], -1)[..., 0]
    assert torch.equal(F.grid_sample(x, strided, align_corners=False).nan_to_num(), wanted.nan_to_num())
    before = torch.compiler.get_num_threads()
    torch.compiler.set_num_threads(1)
    alone = F.grid_sample(x, many, align_corners=False)
    torch.compiler.set_num_threads(before)
    assert torch.equal(alone.nan_to_num(), wanted.nan_to_num())
    assert F.grid_sample(x, grid[:, :0], align_corners=False).shape == (2, 3, 0, 4)
    assert F.grid_sample(x[:, :0], grid, align_corners=False).shape == (2, 0, 3, 4)


def test_who_looks_on_sees_the_same() -> None:
    """Recorded, batched, forward and differentiated twice."""
    x, grid, _ = (torch.tensor(array) for array in operands(2, (1, 2, 3, 4), "f8"))
    grid = grid.nan_to_num(0.3, 0.9, -0.9).clamp(-1.3, 1.3) + 0.013
    for mode, padding in (("bilinear", "reflection"), ("nearest", "zeros"), ("bicubic", "border")):

        def read(x: torch.Tensor, grid: torch.Tensor, mode: str = mode, padding: str = padding) -> torch.Tensor:
            return F.grid_sample(x, grid, mode, padding, align_corners=False)

        wanted = read(x, grid)
        assert torch.allclose(torch.compile(read)(x, grid), wanted, rtol=1e-12, atol=1e-12)
        assert torch.allclose(torch.func.vmap(read)(x[:, None], grid[:, None])[:, 0], wanted, rtol=1e-12, atol=1e-12)
        leaves = x.clone().requires_grad_(), grid.clone().requires_grad_()
        torch.autograd.gradcheck(read, leaves)
        torch.autograd.gradgradcheck(read, leaves)
        _, tangent = torch.func.jvp(read, (x, grid), (x, grid))
        by_rows = torch.autograd.grad(read(*leaves), leaves, torch.ones_like(wanted))
        assert abs(tangent.sum() - sum((g * v).sum() for g, v in zip(by_rows, (x, grid), strict=True))) < 1e-9
