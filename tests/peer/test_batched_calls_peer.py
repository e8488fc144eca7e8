"""Functions of several tensors under `vmap`, each subset of their operands mapped: beside a loop over the examples, and
beside PyTorch where it can; and their gradients for each example."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import numpy as np
import pytest

import wengert

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.filterwarnings("ignore")

EXAMPLES = 3
random = np.random.default_rng(0)


def reals(*shape: int) -> np.ndarray:
    return random.uniform(0.1, 0.9, (EXAMPLES, *shape))


def places(high: int, *shape: int) -> np.ndarray:
    return random.integers(0, high, (EXAMPLES, *shape))


def one_of_each(high: int, *shape: int) -> np.ndarray:
    """Places of which none occurs twice in a row."""
    return np.stack([np.stack([random.permutation(high)[: shape[-1]] for _ in range(int(np.prod(shape[:-1])))])
                     .reshape(shape) for _ in range(EXAMPLES)])


def truths(*shape: int) -> np.ndarray:
    return random.uniform(size=(EXAMPLES, *shape)) < 0.5


Case = tuple[Callable[..., Any], tuple[np.ndarray, ...]]
F = "nn.functional"
# name: a function of the module and of the operands of one example; the operands, examples first.
CASES: dict[str, Case] = {
    "bincount": (lambda T, x, w: T.bincount(x, w, minlength=5), (places(5, 4), reals(4))),
    "histogram": (lambda T, x, w: tuple(T.histogram(x, 3, weight=w, range=(0.0, 1.0))), (reals(5), reals(5))),
    "histogram between its extremes": (lambda T, x: tuple(T.histogram(x, 3, density=True)), (reals(5),)),
    "argwhere": (lambda T, x: T.argwhere(x), (np.eye(3)[None, :EXAMPLES].swapaxes(0, 1).repeat(2, 1),)),
    "nonzero_static": (lambda T, x: T.nonzero_static(x, size=4), (truths(3, 2),)),
    "linspace": (lambda T, a, b: T.linspace(a, b, 5, dtype=T.float64), (reals(), reals())),
    "logspace": (lambda T, a, b: T.logspace(a, b, 5, dtype=T.float64), (reals(), reals())),
    "repeat_interleave": (lambda T, x, n: T.repeat_interleave(x, n, dim=0),
                          (reals(3, 2), np.array([[1, 2, 0], [0, 0, 3], [2, 1, 0]]))),
    "quantile": (lambda T, x, q: T.quantile(x, q, dim=0), (reals(5, 2), reals(3))),
    "quantile of one share": (lambda T, x, q: T.quantile(x, q), (reals(5, 2), reals())),
    "quantile nearest": (lambda T, x, q: T.quantile(x, q, dim=1, keepdim=True, interpolation="nearest"),
                         (reals(5, 2), reals(3))),
    "nanquantile": (lambda T, x, q: T.nanquantile(x, q, dim=0), (reals(5, 2), reals(3))),
    "index_fill": (lambda T, x, i, v: x.index_fill(0, i, v), (reals(4, 2), one_of_each(4, 2), reals())),
    "index_add": (lambda T, x, i, s: x.index_add(0, i, s), (reals(4, 2), places(4, 3), reals(3, 2))),
    "index_copy": (lambda T, x, i, s: x.index_copy(0, i, s), (reals(4, 2), one_of_each(4, 3), reals(3, 2))),
    "index_select": (lambda T, x, i: x.index_select(0, i), (reals(4, 2), places(4, 3))),
    "take": (lambda T, x, i: T.take(x, i), (reals(4, 2), places(8, 3))),
    "gather": (lambda T, x, i: x.gather(0, i), (reals(4, 2), places(4, 3, 2))),
    "scatter_add": (lambda T, x, i, s: x.scatter_add(0, i, s), (reals(4, 2), places(4, 3, 2), reals(3, 2))),
    "masked_fill": (lambda T, x, m, v: x.masked_fill(m, v), (reals(4, 2), truths(4, 2), reals())),
    "masked_scatter": (lambda T, x, m, s: x.masked_scatter(m, s), (reals(4, 2), truths(4, 2), reals(4, 2))),
    "where": (lambda T, m, x, y: T.where(m, x, y), (truths(4, 2), reals(4, 2), reals(2))),
    "clamp": (lambda T, x, low, high: T.clamp(x, low, high), (reals(4, 2), reals(2), reals(2))),
    "lerp": (lambda T, x, y, w: T.lerp(x, y, w), (reals(4, 2), reals(4, 2), reals())),
    "nan_to_num": (lambda T, x: T.nan_to_num(x.log(), 1.0, 2.0, 3.0), (reals(4, 2).round(),)),
    "searchsorted": (lambda T, s, x: T.searchsorted(s, x), (np.sort(reals(4)), reals(3))),
    "bucketize": (lambda T, x, b: T.bucketize(x, b), (reals(3), np.sort(reals(4)))),
    "isin": (lambda T, x, y: T.isin(x, y), (places(4, 3), places(4, 2))),
    "cov": (lambda T, x, w: T.cov(x, aweights=w), (reals(3, 4), reals(4))),
    "nll_loss": (lambda T, x, t, w: T.nn.functional.nll_loss(x, t, w), (reals(3, 4), places(4, 3), reals(4))),
    "nll_loss of each": (lambda T, x, t, w: T.nn.functional.nll_loss(x, t, w, reduction="none", ignore_index=1),
                         (reals(3, 4), places(4, 3), reals(4))),
    "cross_entropy": (lambda T, x, t, w: T.nn.functional.cross_entropy(x, t, w, label_smoothing=0.1),
                      (reals(3, 4), places(4, 3), reals(4))),
    "multi_margin_loss": (lambda T, x, t, w: T.nn.functional.multi_margin_loss(x, t, weight=w),
                          (reals(3, 4), places(4, 3), reals(4))),
    "binary_cross_entropy": (lambda T, x, t, w: T.nn.functional.binary_cross_entropy(x, t, w),
                             (reals(3, 4), reals(3, 4), reals(4))),
    "kl_div": (lambda T, x, t: T.nn.functional.kl_div(x, t, reduction="batchmean"), (reals(3, 4), reals(3, 4))),
    "cosine_embedding_loss": (lambda T, x, y, t: T.nn.functional.cosine_embedding_loss(x, y, t),
                              (reals(3, 4), reals(3, 4), places(2, 3) * 2 - 1)),
    "triplet_margin_loss": (lambda T, x, y, z: T.nn.functional.triplet_margin_loss(x, y, z),
                            (reals(3, 4), reals(3, 4), reals(3, 4))),
    "layer_norm": (lambda T, x, w, b: T.nn.functional.layer_norm(x, (4,), w, b), (reals(3, 4), reals(4), reals(4))),
    "rms_norm": (lambda T, x, w: T.nn.functional.rms_norm(x, (4,), w), (reals(3, 4), reals(4))),
    "group_norm": (lambda T, x, w, b: T.nn.functional.group_norm(x, 2, w, b), (reals(3, 4), reals(4), reals(4))),
    "batch_norm": (lambda T, x, m, v: T.nn.functional.batch_norm(x, m, v), (reals(3, 4), reals(4), reals(4))),
    "batch_norm in training": (
        lambda T, x, w, b: T.nn.functional.batch_norm(x, T.zeros(4).double(), T.ones(4).double(), w, b, True),
        (reals(3, 4), reals(4), reals(4))),
    "ctc_loss": (lambda T, x, t: T.nn.functional.ctc_loss(x.log_softmax(2), t, (5, 5), (2, 3)),
                 (reals(5, 2, 4), places(3, 2, 3) + 1)),
    "istft": (lambda T, x, w: T.istft(T.complex(x, x * x), 4, window=w, center=True), (reals(3, 6), reals(4))),
    "solve_triangular": (lambda T, a, b: T.linalg.solve_triangular(a, b, upper=False), (reals(3, 3), reals(3, 2))),
    "prelu": (lambda T, x, w: T.nn.functional.prelu(x - 0.5, w), (reals(3, 4), reals(4))),
    "linear": (lambda T, x, w, b: T.nn.functional.linear(x, w, b), (reals(3, 4), reals(2, 4), reals(2))),
    "bilinear": (lambda T, x, y, w: T.nn.functional.bilinear(x, y, w), (reals(3, 4), reals(3, 2), reals(5, 4, 2))),
    "conv1d": (lambda T, x, w, b: T.nn.functional.conv1d(x, w, b), (reals(2, 4, 6), reals(3, 4, 2), reals(3))),
    "conv_transpose1d": (lambda T, x, w: T.nn.functional.conv_transpose1d(x, w), (reals(2, 4, 6), reals(4, 3, 2))),
    "embedding": (lambda T, i, w: T.nn.functional.embedding(i, w), (places(4, 3), reals(4, 2))),
    "embedding_bag": (lambda T, i, w: T.nn.functional.embedding_bag(i, w), (places(4, 2, 3), reals(4, 2))),
    "one_hot": (lambda T, i: T.nn.functional.one_hot(i, 4), (places(4, 3),)),
    "grid_sample": (lambda T, x, g: T.nn.functional.grid_sample(x, g, align_corners=False),
                    (reals(1, 2, 4, 4), reals(1, 3, 3, 2))),
    "attention": (lambda T, q, k, m: T.nn.functional.scaled_dot_product_attention(q, k, k, m),
                  (reals(2, 3, 4), reals(2, 3, 4), reals(3, 3))),
    "max_unpool1d": (lambda T, x, i: T.nn.functional.max_unpool1d(x, i, 2),
                     (reals(1, 1, 3), np.array([[[[0, 2, 5]]], [[[1, 3, 4]]], [[[0, 3, 4]]]]))),
    "solve": (lambda T, a, b: T.linalg.solve(a + 2 * T.eye(3, dtype=T.float64), b), (reals(3, 3), reals(3, 2))),
    "cholesky_ex": (lambda T, a: tuple(T.linalg.cholesky_ex(a @ a.mT - T.eye(3, dtype=T.float64) * 0.3)),
                    (reals(3, 3),)),
    "cdist": (lambda T, x, y: T.cdist(x, y), (reals(3, 4), reals(2, 4))),
    "tensordot": (lambda T, x, y: T.tensordot(x, y, 1), (reals(3, 4), reals(4, 2))),
    "dropout of nothing": (lambda T, x: T.nn.functional.dropout2d(x, 0.0) + T.nn.functional.alpha_dropout(x, 1.0, True),
                           (reals(2, 3, 4),)),
    "resize_": (lambda T, x: (x * 1).resize_(2, 6), (reals(3, 4),)),
}


def subsets(count: int) -> Iterator[tuple[bool, ...]]:
    return (chosen for chosen in product((True, False), repeat=count) if any(chosen))


def mapped(T: Any, function: Callable[..., Any], operands: tuple[Any, ...], chosen: tuple[bool, ...]) -> list[Any]:
    """The results for all examples, of the operands that are not chosen the first one's."""
    given = [x if is_chosen else x[0] for x, is_chosen in zip(operands, chosen, strict=True)]
    found = T.vmap(function, in_dims=tuple([0 if is_chosen else None for is_chosen in chosen]))(*given)
    return list(found) if isinstance(found, (tuple, list)) else [found]


def looped(function: Callable[..., Any], operands: tuple[Any, ...], chosen: tuple[bool, ...]) -> list[Any]:
    columns = []
    for place in range(EXAMPLES):
        found = function(*[x[place if is_chosen else 0] for x, is_chosen in zip(operands, chosen, strict=True)])
        columns.append(list(found) if isinstance(found, (tuple, list)) else [found])
    return [wengert.stack(column) for column in zip(*columns, strict=True)]


def same(got: list[Any], want: list[Any], what: object) -> None:
    assert len(got) == len(want), what
    for mine, its in zip(got, want, strict=True):
        assert str(mine.dtype) == str(its.dtype), what
        np.testing.assert_allclose(mine.detach().numpy(), its.detach().numpy(), 1e-7, 1e-9, err_msg=str(what))


@pytest.mark.parametrize("name", CASES)
def test_each_subset_of_operands_is_mapped(name: str) -> None:
    function, arrays = CASES[name]
    ours, theirs = (tuple([T.from_numpy(x.copy()) for x in arrays]) for T in (wengert, torch))
    for chosen in subsets(len(arrays)):
        got = mapped(wengert, lambda *x: function(wengert, *x), ours, chosen)
        same(got, looped(lambda *x: function(wengert, *x), ours, chosen), (chosen, "a loop"))
        try:
            want = mapped(torch, lambda *x: function(torch, *x), theirs, chosen)
        except (RuntimeError, ValueError):  # PyTorch does not batch this
            continue
        if name != "index_fill":  # PyTorch takes one example's value for all
            same(got, want, (chosen, "PyTorch"))


CONSTANT = {"nll_loss": (2,), "nll_loss of each": (2,), "cross_entropy": (2,), "multi_margin_loss": (2,),
            "binary_cross_entropy": (2,), "batch_norm": (1, 2)}
"""Operands that may require no gradient."""
UNDERIVABLE = {"bincount", "resize_", "histogram", "histogram between its extremes"}


@pytest.mark.parametrize("name", CASES)
def test_gradients_for_each_example(name: str) -> None:
    function, arrays = CASES[name]
    operands = tuple([wengert.from_numpy(x.copy()) for x in arrays])
    varied = tuple([i for i, x in enumerate(arrays) if x.dtype == np.float64 and i not in CONSTANT.get(name, ())])

    def total(*given: Any) -> Any:
        found = function(wengert, *given)
        parts = found if isinstance(found, tuple) else (found,)
        return sum([(part * part).sum() for part in parts if part.is_floating_point()], wengert.zeros(()))

    plain = [x.detach().requires_grad_(i in varied) for i, x in enumerate(operands)]
    if name in UNDERIVABLE or not total(*[x[0] for x in plain]).requires_grad:
        pytest.skip("its result has no gradient")
    slope = wengert.func.grad(total, argnums=varied)
    for chosen in subsets(len(arrays)):
        same(mapped(wengert, slope, operands, chosen), looped(slope, operands, chosen), chosen)


def test_generators_are_seeded_inside() -> None:
    """Which is no draw; what is drawn afterwards is refused as ever."""

    def seeded(x: Any) -> Any:
        wengert.manual_seed(3)
        return x * 2

    x = wengert.ones(2, 3)
    for chunk in (None, 1):
        assert wengert.vmap(seeded, chunk_size=chunk)(x).sum() == 12
        with pytest.raises(RuntimeError, match="randomness"):
            wengert.vmap(lambda x: seeded(x) * wengert.rand(3), chunk_size=chunk)(x)


@pytest.mark.parametrize("function", [
    lambda T, x: T.bincount(x), lambda T, x: T.argwhere(x), lambda T, x: T.repeat_interleave(T.ones(2), x)])
def test_results_of_several_shapes_are_refused(function: Callable[..., Any]) -> None:
    for T in (wengert, torch):
        with pytest.raises(RuntimeError, match="stack"):
            T.vmap(lambda x, T=T: function(T, x))(T.tensor([[1, 0], [2, 3]]))
