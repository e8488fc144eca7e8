"""Reductions, scans and statistics against PyTorch: values, dtypes, gradients at ties, second order, names, errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import wengert
from tests.peer.derivatives import assert_agrees, assert_both_raise, assert_same, both, cases, numbers

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.filterwarnings("ignore")

DTYPES = ["float32", "float64", "int64", "int32", "uint8", "bool", "complex64", "complex128"]
INFINITY = float("inf")

WHOLE = {
    "sum": lambda t, x: x.sum(),
    "sum dim": lambda t, x: t.sum(x, 1),
    "sum dims": lambda t, x: x.sum((0, 2)),
    "sum keepdim": lambda t, x: x.sum(-1, keepdim=True),
    "sum axis": lambda t, x: x.sum(axis=0, keepdims=True),
    "sum dtype": lambda t, x: x.sum(0, dtype=t.float64) if not x.is_complex() else x.sum(),
    "sum empty dims": lambda t, x: x.sum(()),
    "mean": lambda t, x: x.mean(),
    "mean dim": lambda t, x: t.mean(x, 1),
    "mean dims": lambda t, x: x.mean((0, 1), True),
    "mean dtype": lambda t, x: x.detach().mean(dtype=t.complex128),
    "prod": lambda t, x: x.prod(),
    "prod dim": lambda t, x: x.prod(1),
    "var": lambda t, x: x.var(),
    "var dim": lambda t, x: t.var(x, 1),
    "var biased": lambda t, x: x.var(unbiased=False),
    "var correction": lambda t, x: x.var((0, 2), correction=0, keepdim=True),
    "std": lambda t, x: x.std(),
    "std dim": lambda t, x: t.std(x, -1, False),
    "std bool": lambda t, x: x.std(False),
    "var_mean": lambda t, x: t.var_mean(x, 1),
    "std_mean": lambda t, x: t.std_mean(x),
    "amax": lambda t, x: x.amax(),
    "amax dim": lambda t, x: t.amax(x, (0, 1)),
    "amin": lambda t, x: x.amin(2, keepdim=True),
    "aminmax": lambda t, x: t.aminmax(x),
    "aminmax dim": lambda t, x: x.aminmax(dim=1),
    "max": lambda t, x: x.max(),
    "min": lambda t, x: t.min(x),
    "max dim": lambda t, x: x.max(1),
    "min dim": lambda t, x: x.min(0, keepdim=True),
    "max pair": lambda t, x: t.max(x, x),
    "argmax": lambda t, x: x.argmax(),
    "argmax dim": lambda t, x: x.argmax(1, keepdim=True),
    "argmin": lambda t, x: t.argmin(x, -1),
    "argmax keep": lambda t, x: t.argmax(x, keepdim=True),
    "all": lambda t, x: x.all(),
    "all dim": lambda t, x: x.all(1),
    "any": lambda t, x: x.any(),
    "any dims": lambda t, x: t.any(x, (0, 1), keepdim=True),
    "count_nonzero": lambda t, x: t.count_nonzero(x),
    "count_nonzero dim": lambda t, x: x.count_nonzero((0, 1)),
    "logsumexp": lambda t, x: x.logsumexp(1),
    "logsumexp dims": lambda t, x: t.logsumexp(x, (0, 2), True),
    "softmax": lambda t, x: x.softmax(1),
    "log_softmax": lambda t, x: t.log_softmax(x, -1),
    "softmax dtype": lambda t, x: x.softmax(0, dtype=t.float64),
    "norm": lambda t, x: x.norm(),
    "norm dim": lambda t, x: x.norm(dim=1),
    "norm 1": lambda t, x: t.norm(x, 1, 0),
    "norm 3": lambda t, x: x.norm(3, (0, 1)),
    "norm inf": lambda t, x: x.norm(INFINITY),
    "norm -inf": lambda t, x: x.norm(-INFINITY, 2),
    "norm 0": lambda t, x: x.norm(0),
    "norm 1.5": lambda t, x: x.norm(1.5, 1, keepdim=True),
    "dist": lambda t, x: t.dist(x, x * 1.5 + 1),
    "dist 1": lambda t, x: t.dist(x, x * 1.5 + 1, 1),
    "cumsum": lambda t, x: x.cumsum(1),
    "cumprod": lambda t, x: x.cumprod(2),
    "cumsum dtype": lambda t, x: x.cumsum(0, dtype=t.complex128),
    "cummax": lambda t, x: x.cummax(1),
    "cummin": lambda t, x: t.cummin(x, 0),
    "logcumsumexp": lambda t, x: t.logcumsumexp(x.real if x.is_complex() else x, 1),
    "nansum": lambda t, x: t.nansum(x, 1),
    "nanmean": lambda t, x: x.nanmean(1),
    "median": lambda t, x: x.median(),
    "median dim": lambda t, x: x.median(1, keepdim=True),
    "nanmedian": lambda t, x: x.nanmedian(0),
    "mode": lambda t, x: x.mode(1).values,
    "quantile": lambda t, x: x.quantile(0.3),
    "diff": lambda t, x: x.diff(),
    "diff 2": lambda t, x: t.diff(x, 2, 1),
    "trapezoid": lambda t, x: t.trapezoid(x, dim=1),
    "trapezoid dx": lambda t, x: t.trapz(x, dx=0.5),
    "cumulative_trapezoid": lambda t, x: t.cumulative_trapezoid(x),
    "cov": lambda t, x: x[0].cov(),
    "corrcoef": lambda t, x: t.corrcoef(x[0]),
    "renorm": lambda t, x: t.renorm(x, 2, 1, 1.5),
    "sum_to_size": lambda t, x: x.sum_to_size(3, 1),
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("call", cases(WHOLE))
def test_reductions(call: Any, dtype: str) -> None:
    x = numbers((2, 3, 4), dtype)
    try:
        call(torch, torch.from_numpy(x))
    except (RuntimeError, TypeError, IndexError):
        with pytest.raises((RuntimeError, TypeError, IndexError)):
            call(wengert, wengert.tensor(x))
        return
    high = dtype in ("float64", "complex128")
    assert_agrees(call, (x,), second=high and call is not WHOLE["logcumsumexp"], tolerance=1e-8 if high else 2e-4)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize(
    "name", ["sum", "mean", "std", "prod", "amax", "softmax", "log_softmax", "logsumexp", "norm", "var"]
)
def test_half_precision(name: str, dtype: str) -> None:
    x = numbers((3, 5), "float32")
    ours = WHOLE[name](wengert, wengert.tensor(x).to(getattr(wengert, dtype)))
    theirs = WHOLE[name](torch, torch.from_numpy(x).to(getattr(torch, dtype)))
    assert repr(ours.dtype) == repr(theirs.dtype)
    assert_same(ours.float(), theirs.float(), name, 1e-2 if dtype == "bfloat16" else 2e-3)


TIES = np.array([[1.0, 3, 3, 0], [2, 2, -1, 2], [0, 0, 0, 0]])
HOLES = np.array([[1.0, np.nan, 3], [2, 0, -1], [np.nan, np.nan, np.nan]])
ZEROS = np.array([[1.0, 0, 2, 3], [0, 0, 1, 2], [4, 5, 6, 7]])
SPECIAL = {
    "max ties": (lambda t, x: x.max(), TIES),
    "min ties": (lambda t, x: x.min(), TIES),
    "max dim ties": (lambda t, x: x.max(1), TIES),
    "amax ties": (lambda t, x: x.amax(1), TIES),
    "amin ties": (lambda t, x: x.amin((0, 1)), TIES),
    "aminmax ties": (lambda t, x: x.aminmax(dim=1), TIES),
    "cummax ties": (lambda t, x: x.cummax(1), TIES),
    "median ties": (lambda t, x: (x.median(), x.nanmedian()), TIES[:, 1:]),
    "argmax ties": (lambda t, x: (x.argmax(1), x.argmin(1), x.argmax()), TIES),
    "mode ties": (lambda t, x: x.mode(1), TIES),
    "norm zero": (lambda t, x: x.norm(dim=1), ZEROS * 0),
    "norm of zeros": (lambda t, x: x.norm(), ZEROS * 0),
    "norm 1 zero": (lambda t, x: x.norm(1), ZEROS),
    "norm 3 zero": (lambda t, x: x.norm(3, 1), ZEROS),
    "norm inf ties": (lambda t, x: x.norm(INFINITY), TIES),
    "prod zeros": (lambda t, x: x.prod(1), ZEROS),
    "prod zero": (lambda t, x: x[0].prod(), ZEROS),
    "cumprod zeros": (lambda t, x: x.cumprod(1), ZEROS),
    "max nan": (lambda t, x: (x.max(), x.max(1), x.amin(1), x.argmax(1)), HOLES),
    "sum nan": (lambda t, x: (x.nansum(), x.nansum(1), x[:2].nanmean(1)), HOLES),
    "median nan": (lambda t, x: (x.median(1), x.nanmedian(1), x.nanmedian(), x.median()), HOLES),
    "cummax nan": (lambda t, x: x.cummax(1), HOLES),
    "nanquantile": (lambda t, x: (x.nanquantile(0.4, 1), x.detach().quantile(0.4, 1)), HOLES[:2]),
    "std zero": (lambda t, x: x.std(1), TIES[2:] + 1),
    "std one": (lambda t, x: x.std(1).isnan(), TIES[:, :1]),
    "any nan": (lambda t, x: (x.any(), x.all()), HOLES),
    "logsumexp inf": (lambda t, x: (x - INFINITY).logsumexp(1), ZEROS[2:]),
    "softmax large": (lambda t, x: (x * 1000).softmax(1), TIES),
    "quantiles": (
        lambda t, x: (x.quantile(t.tensor([0.1, 0.5, 0.9], dtype=t.float64), 1), x.quantile(0.5, 0, keepdim=True)),
        TIES,
    ),
    "quantile lower": (
        lambda t, x: [x.quantile(0.3, 1, interpolation=i) for i in ("lower", "higher", "midpoint", "nearest")],
        TIES,
    ),
    "quantile whole": (lambda t, x: x.quantile(t.tensor([0.2, 0.8], dtype=t.float64), keepdim=True), TIES),
    "logcumsumexp": (lambda t, x: t.logcumsumexp(x, 0).sum(), TIES),
    "diff ends": (lambda t, x: x.diff(prepend=x[:, :1], append=x[:, :2]), TIES),
    "trapezoid x": (lambda t, x: t.trapezoid(x, x[0].cumsum(0)), TIES),
    "cov weights": (
        lambda t, x: x.cov(fweights=t.tensor([1, 2, 1, 3]), aweights=t.tensor([0.5, 1, 2, 1], dtype=t.float64)),
        TIES,
    ),
    "cov corrections": (lambda t, x: (x.cov(correction=0), x[0].cov()), TIES),
    "empty sum": (lambda t, x: (x[:0].sum(), x[:0].sum(0), x[:0].prod(0), x[:0].mean()), TIES),
    "0d": (
        lambda t, x: (
            x[0, 0].sum(),
            x[0, 0].max(),
            x[0, 0].mean(0),
            x[0, 0].max(0),
            x[0, 0].softmax(0),
            x[0, 0].cumsum(0),
            x[0, 0].norm(),
        ),
        TIES,
    ),
    "0d more": (
        lambda t, x: (
            x[0, 0].prod(),
            x[0, 0].amax(),
            x[0, 0].median(),
            x[0, 0].argmax(),
            x[0, 0].argmax(0),
            x[0, 0].logsumexp(0),
            x[0, 0].var(unbiased=False),
        ),
        TIES,
    ),
    "cumsum reversed": (lambda t, x: x.flip(0).cumsum(0).flip(0), TIES),
}


@pytest.mark.parametrize("entry", cases(SPECIAL))
def test_special_cases(entry: Any) -> None:
    call, x = entry
    assert_agrees(call, (np.ascontiguousarray(x),), second=False)


COUNTS = {
    "bincount": (lambda t, x: t.bincount(x), np.array([1, 3, 1, 0])),
    "bincount length": (lambda t, x: x.bincount(minlength=6), np.array([1, 3, 1])),
    "bincount weights": (lambda t, x: t.bincount(x, t.tensor([0.5, 1, 2])), np.array([1, 3, 1])),
    "bincount empty": (lambda t, x: t.bincount(x), np.zeros(0, np.int64)),
    "histc": (lambda t, x: t.histc(x, 5), numbers((20,), "float64")),
    "histc range": (lambda t, x: x.histc(bins=4, min=-1, max=1), numbers((20,), "float32")),
    "histogram": (lambda t, x: t.histogram(x, 5), numbers((20,), "float64")),
    "histogram range": (lambda t, x: t.histogram(x, 3, range=(-1.0, 1.0)), numbers((20,), "float64")),
    "histogram density": (lambda t, x: x.histogram(4, density=True), numbers((20,), "float64")),
    "histogram edges": (
        lambda t, x: t.histogram(x, t.tensor([-1.0, 0, 0.5, 2], dtype=t.float64)),
        numbers((20,), "float64"),
    ),
    "histogram weight": (lambda t, x: t.histogram(x, 3, weight=x * x), numbers((20,), "float64")),
    "mode int": (lambda t, x: x.mode(), np.array([3, 1, 1, 3, 2])),
    "uint8 all": (lambda t, x: (x.all(), x.any(0)), np.array([1, 0, 2], np.uint8)),
}


@pytest.mark.parametrize("entry", cases(COUNTS))
def test_counts(entry: Any) -> None:
    call, x = entry
    with torch.no_grad(), wengert.no_grad():
        assert_agrees(call, (x,))


@pytest.mark.parametrize(
    "call",
    cases(
        {
            name: WHOLE[name]
            for name in (
                "sum",
                "sum dim",
                "mean",
                "mean dim",
                "max",
                "min",
                "max dim",
                "prod",
                "prod dim",
                "std",
                "std dim",
                "var",
                "amax",
                "logsumexp",
                "softmax",
                "log_softmax",
                "norm",
                "norm dim",
                "cumsum",
                "cumprod",
                "cummax",
                "logcumsumexp",
                "median",
                "median dim",
                "mode",
            )
        }
    ),
)
def test_node_names(call: Any) -> None:
    ours, theirs = both(numbers((2, 3, 4), "float64"), requires_grad=True)
    a, b = call(wengert, ours), call(torch, theirs)
    a, b = (a[0], b[0]) if isinstance(a, tuple) else (a, b)
    assert a.grad_fn.name() == b.grad_fn.name()


def test_named_results_print_and_unpack() -> None:
    ours, theirs = both(TIES)
    for name in ("max", "min", "median", "mode", "cummax"):
        a, b = getattr(ours, name)(dim=1), getattr(theirs, name)(dim=1)
        assert repr(a) == repr(b)
        assert a.values is a[0] and a.indices is a[1]
    assert repr(ours.aminmax()) == repr(theirs.aminmax())


def test_out() -> None:
    x = numbers((3, 4), "float64")
    target = wengert.zeros(3, dtype=wengert.float64)
    assert wengert.sum(wengert.tensor(x), 1, out=target) is target
    np.testing.assert_allclose(target.numpy(), x.sum(1))
    values, indices = wengert.zeros(3, dtype=wengert.float64), wengert.zeros(3, dtype=wengert.int64)
    wengert.max(wengert.tensor(x), 1, out=(values, indices))
    np.testing.assert_array_equal(values.numpy(), x.max(1))
    np.testing.assert_array_equal(indices.numpy(), x.argmax(1))


ERRORS = {
    "mean of ints": lambda t: t.ones(2, dtype=t.int64).mean(),
    "std of ints": lambda t: t.ones(2, dtype=t.int64).std(),
    "dim": lambda t: t.ones(2).sum(1),
    "dim max": lambda t: t.ones(2).max(2),
    "repeated": lambda t: t.ones(2, 2).sum((0, 0)),
    "empty max": lambda t: t.ones(0).max(),
    "empty max dim": lambda t: t.ones(2, 0).max(1),
    "empty argmax": lambda t: t.ones(0).argmax(),
    "softmax ints": lambda t: t.ones(2, dtype=t.int64).softmax(0),
    "softmax no dim": lambda t: t.ones(2).softmax(),
    "quantile range": lambda t: t.ones(2).quantile(1.5),
    "quantile ints": lambda t: t.ones(2, dtype=t.int64).quantile(0.5),
    "bincount floats": lambda t: t.bincount(t.ones(2)),
    "bincount negative": lambda t: t.bincount(t.tensor([-1])),
    "cumsum dim": lambda t: t.ones(2).cumsum(1),
    "norm ints": lambda t: t.ones(2, dtype=t.int64).norm(),
    "max complex": lambda t: t.ones(2, dtype=t.complex64).max(),
    "cumsum no dim": lambda t: t.ones(2).cumsum(),
    "empty amax": lambda t: t.ones(0).amax(),
    "histc ints": lambda t: t.histc(t.ones(2, dtype=t.int64)),
    "diff 0d": lambda t: t.ones(()).diff(),
    "cov 3d": lambda t: t.ones(2, 2, 2).cov(),
    "float dim": lambda t: t.ones(2).sum(0.5),
    "median complex": lambda t: t.ones(2, dtype=t.complex64).median(),
}


@pytest.mark.parametrize("call", cases(ERRORS))
def test_errors(call: Any) -> None:
    assert_both_raise(call)
