"""Every public function that takes plain tensors, inside transformations: a batch against a loop, forward against
backward. What is not there by nature (shapes and branches by values) is listed."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import wengert as torch
from wengert.autograd.derivatives import moving, pull, push
from wengert.func import hessian, laplacian, vmap
from wengert.nn import functional
from wengert.ops.registry import FUNCTIONS
from wengert.tensors.tensor import Tensor

RANDOM = ("rand", "dropout", "bernoulli", "normal", "gumbel", "multinomial", "poisson", "lowrank", "gamma", "rrelu",
          "dirichlet", "fractional", "seed", "rng_state", "empty", "binomial")
BY_VALUE = {"argwhere", "histogram", "nonzero", "tensor", "unique", "unique_consecutive", "where", "matrix_rank",
            "nan_to_num", "quantile", "nanquantile", "lobpcg"}
"""Functions that look at values, or begin with random ones, in one of their forms: they raise, and say so."""
UP_TO_A_FACTOR = {"svd", "eig", "qr"}
FORMS = {"one": (1, ()), "two": (2, ()), "three": (3, ()), "along": (1, (0,))}


def functions() -> Iterator[tuple[str, Callable[..., Any]]]:
    for home in (FUNCTIONS, vars(functional), vars(torch.linalg)):
        for name, function in sorted(home.items()):
            if callable(function) and not name.startswith("_") and not name.endswith("_"):
                if not any(part in name for part in RANDOM):
                    yield name, function


def tensors_of(out: Any) -> list[Tensor]:
    if isinstance(out, (tuple, list)):
        return [tensor for part in out for tensor in tensors_of(part)]
    return [out] if isinstance(out, Tensor) else [][out is None:]


def made(count: int, *shape: int) -> list[Tensor]:
    random = np.random.RandomState(count)
    return [torch.tensor(random.uniform(0.1, 0.9, shape)) for _ in range(count)]


@pytest.mark.parametrize("form", FORMS)
def test_a_batch_is_a_loop(form: str) -> None:
    count, rest = FORMS[form]
    tried, wrong = 0, []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, function in functions():
            for shape in ((3, 4, 4), (3, 4)):
                given = made(count, *shape)
                try:
                    rows = [tensors_of(function(*[x[i] for x in given], *rest)) for i in range(3)]
                except Exception:  # not a function of such arguments
                    continue
                if not rows[0] or len({tuple(tuple(t.shape) for t in row) for row in rows}) > 1:
                    continue
                tried += 1
                try:
                    ours = tensors_of(vmap(lambda *xs, f=function: f(*xs, *rest))(*given))
                except (RuntimeError, TypeError) as error:  # TypeError: of a tensor in the place of a number
                    if name not in BY_VALUE:
                        wrong.append((name, repr(error)[:100]))
                    continue
                for mine, column in zip(ours, zip(*rows, strict=True), strict=True):
                    theirs = np.stack([part.detach().numpy() for part in column])
                    same = mine.shape == theirs.shape and (name in UP_TO_A_FACTOR or np.allclose(
                        mine.detach().numpy(), theirs, rtol=1e-7, atol=1e-9, equal_nan=True))
                    if not same:
                        wrong.append((name, "differs"))
    assert wrong == []
    assert tried > 40


OF_HERMITIAN = {"cholesky", "cholesky_ex", "eigh", "eigvalsh"}
"""Whose forward derivative takes the tangent to be Hermitian, where their gradient is made so."""


@pytest.mark.parametrize("form", FORMS)
def test_forward_is_backward(form: str) -> None:
    """J v by forward mode against the derivative of J'u by u, times v."""
    count, rest = FORMS[form]
    tried, wrong = 0, []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, function in functions():
            if name in ("logcumsumexp", "xlogy"):  # where u is 0, their backward is not smooth in it; infinite
                continue
            if name == "lobpcg":  # its vectors' signs are those of a random start: tests/test_eigenpairs.py has it
                continue
            for shape in ((4, 4), (4,)):
                given, tangents = made(count, *shape), made(count + 1, *shape)[:count]
                if name in OF_HERMITIAN and len(shape) == 2:
                    given, tangents = [x @ x.mT + 1 for x in given], [t + t.mT for t in tangents]

                def run(xs: Any, function: Any = function) -> list[Tensor]:
                    return [out for out in tensors_of(function(*xs, *rest)) if out.is_floating_point()]

                try:
                    leaves = [x.clone().requires_grad_() for x in given]
                    outs = run(leaves)
                    cts = [torch.zeros_like(out.detach()).requires_grad_() for out in outs]
                    theirs = pull(pull(outs, leaves, cts), cts, tangents, create_graph=False)
                except Exception:  # not a function of such arguments, or not one with two derivatives
                    continue
                if not any(out.requires_grad for out in outs):
                    continue
                tried += 1
                pairs = zip(*push(run, given, tangents), strict=True)
                for mine, its in zip([moving(*pair) for pair in pairs], theirs, strict=True):
                    if not np.allclose(mine.detach().numpy(), its.detach().numpy(), rtol=1e-7, atol=1e-8,
                                       equal_nan=True):
                        wrong.append(name)
    assert wrong == []
    assert tried > 20


def test_what_looks_among_sorted_numbers_takes_all_examples_at_once() -> None:
    rng = np.random.default_rng(0)
    tables, keys = (torch.from_numpy(np.sort(rng.standard_normal(shape), -1)) for shape in ((4, 6), (4, 3, 5)))
    pairs = [(torch.searchsorted, tables, keys), (torch.searchsorted, tables, keys[:, 0, 0]),
             (torch.searchsorted, torch.stack([tables] * 3, 1), keys), (torch.isin, (keys * 2).round(), tables.round())]
    a = torch.from_numpy(rng.standard_normal((4, 3, 3)))
    packed, pivots = torch.linalg.ldl_factor(a + a.mT)
    wide = torch.from_numpy(rng.standard_normal((4, 2, 3, 2)))
    for function, x, y in pairs:
        for dims in ((0, 0), (None, 0), (0, None)):
            found = vmap(function, in_dims=dims)(*[z if d == 0 else z[0] for z, d in zip((x, y), dims, strict=True)])
            wanted = [function(x[i if dims[0] == 0 else 0], y[i if dims[1] == 0 else 0]) for i in range(4)]
            assert torch.equal(found, torch.stack(wanted)), (function.__name__, dims)
    for b in (wide[:, 0], wide):
        for dims in ((0, 0, 0), (None, None, 0), (0, 0, None)):
            given = [z if d == 0 else z[0] for z, d in zip((packed, pivots, b), dims, strict=True)]
            found = vmap(torch.linalg.ldl_solve, in_dims=dims)(*given)
            places = [[i if d == 0 else 0 for d in dims] for i in range(4)]
            wanted = [torch.linalg.ldl_solve(packed[i], pivots[j], b[k]) for i, j, k in places]
            torch.testing.assert_close(found, torch.stack(wanted))


def test_a_laplacian_is_the_trace_of_the_hessian() -> None:
    tried, wrong = 0, []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, function in functions():
            if name in OF_HERMITIAN:
                continue
            for shape in ((2, 2), (4,)):
                def total(p: Any, function: Any = function, shape: Any = shape) -> Any:
                    outs = [out for out in tensors_of(function(p.reshape(shape))) if out.is_floating_point()]
                    return sum([(out * torch.arange(1.0, out.numel() + 1, dtype=out.dtype).reshape(out.shape)).sum()
                                for out in outs], start=p.sum() * 0)

                (point,) = made(1, 4)
                try:
                    wanted = torch.trace(hessian(total)(point))
                except Exception:  # not a function of such arguments, or not one with two derivatives
                    continue
                tried += 1
                if not np.allclose(laplacian(total, point).item(), wanted.item(), rtol=1e-7, atol=1e-8, equal_nan=True):
                    wrong.append(name)
    assert wrong == []
    assert tried > 150
