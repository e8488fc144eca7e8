"""Distances of all pairs of rows: generated code against what is written out, both ways, whatever the sizes."""

from __future__ import annotations

import numpy as np
import pytest

import wengert as torch
from wengert.nn import functional as F
from wengert.prims import distances

SIZES = (((3, 4), (2, 4)), ((1, 1), (1, 1)), ((5, 17), (33, 17)), ((2, 7, 300), (19, 300)), ((2, 1, 6, 3), (3, 5, 3)),
         ((9, 2), (70, 2)))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_generated_code_against_what_is_written_out(dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rng, kind = np.random.default_rng(0), getattr(torch, dtype)
    tolerance = 1e-5 if dtype == "float32" else 1e-13
    for ours, others in SIZES:
        x, y = (torch.tensor(rng.normal(size=shape), dtype=kind, requires_grad=True) for shape in (ours, others))
        with torch.no_grad():
            y[..., :1, :] = x.reshape(-1, x.shape[-1])[0]  # of which the distance is 0
        results = []
        for way in ("generated", "written out"):
            with monkeypatch.context() as patch:
                if way == "written out":
                    patch.setattr(distances, "_generated", lambda x: None)
                out = torch.cdist(x, y)
                weight = torch.arange(out.numel(), dtype=kind).reshape(out.shape).cos()
                results.append((out, *torch.autograd.grad(out, (x, y), weight)))
        for found, wanted in zip(*results, strict=True):
            assert found.dtype == kind and found.shape == wanted.shape and found.stride() == wanted.stride()
            assert torch.allclose(found, wanted, rtol=tolerance, atol=tolerance * 10)


def test_pairs_of_one_side_layouts_and_second_derivatives() -> None:
    x = torch.randn(6, 3, dtype=torch.float64, requires_grad=True)
    y = torch.randn(3, 4, dtype=torch.float64).t().requires_grad_()
    rows, others = torch.triu_indices(6, 6, 1)
    assert torch.allclose(F.pdist(x), (x[rows] - x[others]).norm(dim=-1), rtol=1e-13, atol=0)
    assert torch.autograd.gradcheck(F.pdist, x) and torch.autograd.gradgradcheck(F.pdist, x)
    assert torch.autograd.gradcheck(torch.cdist, (x, y)) and torch.autograd.gradgradcheck(torch.cdist, (x, y))
    wanted = torch.cdist(x, y)
    assert torch.allclose(torch.compile(torch.cdist)(x, y), wanted, rtol=1e-13, atol=0)
    assert torch.allclose(torch.func.vmap(torch.cdist, in_dims=(None, 0))(x, y[None])[0], wanted, rtol=1e-13, atol=0)
    assert torch.cdist(x[:0], y).shape == (0, 4) and torch.equal(torch.cdist(x[:, :0], y[:, :0]), torch.zeros(6, 4))
    twice = torch.cdist(x, x)
    assert torch.equal(twice.diagonal(), torch.zeros(6))
    (slope,) = torch.autograd.grad(twice.sum(), x)
    assert bool(slope.isfinite().all())
