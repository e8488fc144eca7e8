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
from wengert.func import vmap
from wengert.nn import functional
from wengert.ops.registry import FUNCTIONS
from wengert.tensors.tensor import Tensor

RANDOM = ("rand", "dropout", "bernoulli", "normal", "gumbel", "multinomial", "poisson", "lowrank", "gamma", "rrelu",
          "dirichlet", "fractional", "seed", "rng_state", "empty", "binomial")
BY_VALUE = {"argwhere", "histogram", "nonzero", "tensor", "unique", "unique_consecutive", "where", "matrix_rank",
            "nan_to_num", "quantile", "nanquantile"}
"""Functions that look at values, in one of their forms: they raise, and say so."""
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
                except RuntimeError as error:
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
