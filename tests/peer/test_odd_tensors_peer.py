"""Calls of the functions of tensors, and of what stands beside them, with one odd argument: what is taken gives the
same as PyTorch, and what PyTorch refuses is refused by the same clause."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import wengert
from tests.peer.side_by_side import both

Calls = dict[str, Callable[..., Any]]


def table(T: Any, *rows: list[float], **options: Any) -> Any:
    return T.tensor(list(rows) or [[4.0, 1.0, 0.5], [1.0, 3.0, 0.25], [0.5, 0.25, 2.0]], **options)


# --- flags by place ---------------------------------------------------------------------------------------------------

FLAGS: Calls = {
    "accumulate": lambda T, flag: table(T).put_(T.tensor([1]), T.tensor([1.0]), flag),
    "put": lambda T, flag: T.put(table(T), T.tensor([1]), T.tensor([1.0]), flag),
    "index_put": lambda T, flag: T.index_put(table(T), (T.tensor([1]),), T.tensor([1.0]), flag),
    "sum": lambda T, flag: T.sum(table(T), 0, flag), "mean": lambda T, flag: table(T).mean(0, flag),
    "nansum": lambda T, flag: T.nansum(table(T), 0, flag), "nanmean": lambda T, flag: T.nanmean(table(T), 0, flag),
    "prod": lambda T, flag: T.prod(table(T), 0, flag), "amax": lambda T, flag: T.amax(table(T), 0, flag),
    "max": lambda T, flag: table(T).max(0, flag), "argmax": lambda T, flag: T.argmax(table(T), 0, flag),
    "all": lambda T, flag: T.all(table(T), 0, flag), "logsumexp": lambda T, flag: T.logsumexp(table(T), 0, flag),
    "std": lambda T, flag: T.std(table(T), 0, True, flag), "median": lambda T, flag: T.median(table(T), 0, flag),
    "mode": lambda T, flag: T.mode(table(T), 0, flag), "norm": lambda T, flag: table(T).norm(2, 0, flag),
    "quantile": lambda T, flag: T.quantile(table(T), 0.5, 0, flag),
    "sort": lambda T, flag: T.sort(table(T), 0, flag), "argsort": lambda T, flag: table(T).argsort(0, flag),
    "topk": lambda T, flag: T.topk(table(T), 2, 0, flag), "kthvalue": lambda T, flag: T.kthvalue(table(T), 2, 0, flag),
    "unique": lambda T, flag: T.unique(table(T), flag), "combinations": lambda T, flag: T.combinations(
        T.arange(3), 2, flag),
    "isclose": lambda T, flag: T.isclose(table(T), table(T), 0.1, 0.1, flag),
    "allclose": lambda T, flag: T.allclose(table(T), table(T), 0.1, 0.1, flag),
    "vander": lambda T, flag: T.vander(T.arange(3.0), 3, flag), "svd": lambda T, flag: T.svd(table(T), flag)[1],
    "cholesky": lambda T, flag: T.cholesky(table(T), flag), "qr": lambda T, flag: T.qr(table(T), flag)[1].abs(),
    "cholesky_inverse": lambda T, flag: T.cholesky_inverse(table(T), flag),
    "triangular_solve": lambda T, flag: T.triangular_solve(table(T), table(T), flag),
    "lu_unpack": lambda T, flag: T.lu_unpack(*T.linalg.lu_factor(table(T)), flag),
    "multinomial": lambda T, flag: T.multinomial(table(T), 2, flag),
    "hann_window": lambda T, flag: T.hann_window(5, flag), "kaiser_window": lambda T, flag: T.kaiser_window(5, flag),
    "stft": lambda T, flag: T.stft(T.arange(40.0), 8, 2, 8, T.ones(8), flag, "reflect", False, True, True),
    "pca_lowrank": lambda T, flag: T.pca_lowrank(table(T), 2, flag)[1].shape,
    "svdvals": lambda T, flag: T.linalg.svd(table(T), flag)[1], "matrix_norm": lambda T, flag: T.linalg.matrix_norm(
        table(T), "fro", (0, 1), flag),
    "vector_norm": lambda T, flag: T.linalg.vector_norm(table(T), 2, 0, flag),
    "matrix_rank": lambda T, flag: T.linalg.matrix_rank(table(T), 0.1, flag),
    "pinv": lambda T, flag: T.linalg.pinv(table(T), 0.1, flag),
}
ODD_FLAGS = {"0": 0, "1": 1, "None": None, "word": "x", "half": 2.5, "row": (True,)}


@pytest.mark.parametrize("name", FLAGS)
def test_flags_by_place(name: str) -> None:
    for value in [True, False, *ODD_FLAGS.values()]:
        both(lambda T, value=value: FLAGS[name](T, value), rtol=1e-4, atol=1e-5, warned=False)


# --- linalg -----------------------------------------------------------------------------------------------------------

SINGULAR = [[1.0, 2.0], [2.0, 4.0]]
LINALG: Calls = {
    **{f"matrix_norm order {x!r}": lambda T, x=x: T.linalg.matrix_norm(table(T), x)
       for x in (None, (1,), [1], True, 2.0, 1j, "x", "nuc", np.float64(2), np.int64(1), 3)},
    **{f"norm order {x!r}": lambda T, x=x: T.linalg.norm(table(T), x) for x in (None, (1,), 1j, "x", "nuc", 2.0)},
    **{f"cond order {x!r}": lambda T, x=x: T.linalg.cond(table(T), x) for x in (None, (1,), 1j, "x", "nuc", 1, -2)},
    **{f"order {f} tensor {grad}": lambda T, f=f, grad=grad: getattr(T.linalg, f)(
        table(T), T.tensor(2.0, requires_grad=bool(grad))) for f in ("norm", "matrix_norm", "cond") for grad in (0, 1)},
    **{f"{f} order of a row": lambda T, f=f: getattr(T.linalg, f)(table(T), T.tensor([2.0]))
       for f in ("norm", "vector_norm", "matrix_norm", "cond")},
    **{f"matrix_norm dim {x!r}": lambda T, x=x: T.linalg.matrix_norm(table(T), 1, x)
       for x in (None, 1, (1,), (0, 1, 0), (0, 0), (0, True), np.array([0, 1]), "x", (1.0, 0))},
    "matrix_norm dim tensor": lambda T: T.linalg.matrix_norm(table(T), 1, T.tensor([0, 1])),
    **{f"norm dim {x!r}": lambda T, x=x: T.linalg.norm(table(T), 2, x)
       for x in ((), (0, 1), (0, 1, 0), np.int64(1), 1)},
    "norm of a number": lambda T: T.linalg.norm(T.tensor(2.0), 3.0),
    **{f"{f} to {x}": lambda T, f=f, x=x: getattr(T.linalg, f)(table(T), dtype=getattr(T, x))
       for f in ("matrix_norm", "vector_norm", "norm") for x in ("float64", "float16", "complex64", "int64")},
    **{f"{f} to {x}": lambda T, f=f, x=x: getattr(T.linalg, f)(table(T), dtype=x)
       for f in ("matrix_norm", "vector_norm", "norm") for x in (float, int, None)},
    **{f"{f} of integers": lambda T, f=f: getattr(T.linalg, f)(table(T).long(), dtype=T.float64)
       for f in ("matrix_norm", "vector_norm", "norm")},
    **{f"cond {p!r} of singular": lambda T, p=p: T.linalg.cond(table(T, *SINGULAR), p) for p in ("fro", 1)},
    **{f"cond {p!r} of nothing by 3": lambda T, p=p: T.linalg.cond(T.zeros(2, 0, 3), p) for p in (None, 2, 1, "fro")},
    **{f"matrix_power {n!r}": lambda T, n=n: T.linalg.matrix_power(table(T), n) for n in (True, 2.0, "2", None, 2, -1)},
    "matrix_power tensor": lambda T: T.linalg.matrix_power(table(T), T.tensor(2)),
    "matrix_power row": lambda T: T.linalg.matrix_power(table(T), T.tensor([2])),
    **{f"diagonal {n!r}": lambda T, n=n: T.linalg.diagonal(table(T), offset=n) for n in (True, 1.0, 1, None)},
    **{f"lstsq {a} {b}": lambda T, a=a, b=b: T.linalg.lstsq(T.ones(a), T.ones(b)).solution.shape
       for a, b in (((4, 3), (4, 2)), ((2, 4, 3), (2, 4)), ((1, 4, 3), (2, 4)), ((4, 3), (1, 4, 2)), ((2, 4, 3), (4,)),
                    ((4, 3), (4,)), ((4, 3), (5,)), ((4,), (4,)))},
    **{f"lstsq by {x!r}": lambda T, x=x: T.linalg.lstsq(T.eye(3)[:, :2], T.ones(3, 1), driver=x)
       for x in ("GELSD", "", "x", None, "gelsy")},
    "lstsq residuals": lambda T: [x.requires_grad for x in T.linalg.lstsq(
        T.eye(3)[:, :2].requires_grad_(), T.ones(3, 1))],
    **{f"lu_solve pivots {places}": lambda T, places=places: T.linalg.lu_solve(
        table(T), T.tensor(places, dtype=T.int32), T.ones(3, 1)) for places in ([1, 2, 3], [1, 2], [[1, 2, 3]])},
    "lu_solve batch": lambda T: T.linalg.lu_solve(table(T)[None], T.tensor([1, 2, 3], dtype=T.int32), T.ones(3, 1)),
    **{f"lu_unpack pivots {places}": lambda T, places=places: T.lu_unpack(table(T), T.tensor(places, dtype=T.int32))
       for places in ([1, 2, 3], [0, 1, 2], [1, 2, 9], [1, 2, 3, 1])},
    "lu_unpack batch": lambda T: T.lu_unpack(table(T)[None], T.tensor([1, 3, 3], dtype=T.int32)),
    "lu_unpack wide": lambda T: T.lu_unpack(table(T)[:1], T.tensor([1, 2, 3], dtype=T.int32)),
    "lu of singular": lambda T: T.lu(table(T, *SINGULAR)),
    "slogdet of NaN": lambda T: T.linalg.slogdet(T.full((2, 2), math.nan)),
    "multi_dot None": lambda T: T.linalg.multi_dot([table(T), None]),
    "multi_dot number": lambda T: T.linalg.multi_dot([1.5, table(T)]),
    **{f"{f} array out": lambda T, f=f: getattr(T.linalg, f)(np.eye(3, dtype="float32"), out=T.empty(0))
       for f in ("det", "inv", "cholesky", "pinv", "svdvals", "matrix_exp")},
}


@pytest.mark.parametrize("name", LINALG)
def test_linalg(name: str) -> None:
    both(LINALG[name], rtol=1e-4, atol=1e-5, warned=False)


def test_a_determinant_of_nan_has_a_gradient_of_nan() -> None:
    for T in (torch, wengert):
        x = table(T, [math.nan, 1.0], [1.0, 2.0], requires_grad=True)
        T.linalg.det(x).backward()
        assert x.grad.isnan().all()


# --- data that tensors are made of ------------------------------------------------------------------------------------

DATA: Calls = {
    **{f"list {x}": lambda T, x=x: T.tensor(x) for x in (
        [1, [2]], [[1], 2], [[1, 2], [3]], [1.0, (2.0,)], [(), [3.0]], [[3.0], ()], [0.5, ()], [[[1]], [2]], [[1, [2]]],
        [[1, 2], 3], [np.ones(2), 1.0], [1.0, np.ones(2)], [np.ones(2), np.ones(3)], [[], []], [1, None], [None, 1])},
    "numbers in rows": lambda T: T.tensor([T.tensor([1.0]), T.tensor([[2.0]])]),
    "a row, a number": lambda T: T.tensor([T.tensor([1]), 2.5]), "a number, a row": lambda T: T.tensor([1, T.ones(1)]),
    "two rows": lambda T: T.tensor([T.ones(2), T.ones(2)]), "a row of none": lambda T: T.tensor([T.ones(0)]),
    "nested": lambda T: T.tensor([[T.tensor([1.0]), 2], [3, T.tensor(4)]]),
    "as_tensor": lambda T: T.as_tensor([T.ones(1), 2.0], dtype=T.float64),
    "weights": lambda T: list(T.utils.data.WeightedRandomSampler([0.5, T.tensor([0.5])], 4)),
    "collate": lambda T: T.utils.data.default_collate([np.int64(1), 2.5]),
    "collate alike": lambda T: T.utils.data.default_collate([np.int16(1), np.int16(2)]),
    "unfold": lambda T: table(T).unfold(0, T.tensor(2), T.tensor(1)), "unfold by 1.5": lambda T: table(T).unfold(
        0, 1.5, 1), "unfold numpy's": lambda T: table(T).unfold(np.int64(0), np.int64(2), 1),
}


@pytest.mark.parametrize("name", DATA)
def test_data(name: str) -> None:
    both(DATA[name], warned=False)


# --- distributions ----------------------------------------------------------------------------------------------------

def transformed(T: Any, name: str, values: Any) -> Any:
    return getattr(T.distributions, name)()(values)


DISTRIBUTIONS: Calls = {
    **{f"Beta {x!r}": lambda T, x=x: T.distributions.Beta(x, 1.5).mean
       for x in (None, "x", [1.0], np.float64(2), True)},
    **{f"Beta {x!r} beside": lambda T, x=x: T.distributions.Beta(T.ones(2), x).mean for x in (None, "x", [1.0], 2)},
    **{f"Beta {a}, {b}": lambda T, a=a, b=b: T.distributions.Beta(
        T.ones(2, dtype=getattr(T, a)), T.ones(2, dtype=getattr(T, b))).sample().dtype
       for a in ("float16", "float32", "float64") for b in ("float32", "float64")},
    **{f"Wishart {size}": lambda T, size=size: T.distributions.Wishart(4.5, T.eye(3)).sample(size).shape
       for size in ((), (0,), (2, 0), (True,), (2, False))},
    "softmax of integers": lambda T: transformed(T, "SoftmaxTransform", T.arange(3)),
    "softmax of none": lambda T: transformed(T, "SoftmaxTransform", T.zeros(2, 0)),
    "correlations of integers": lambda T: transformed(T, "CorrCholeskyTransform", T.arange(3)),
}


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_distributions(name: str) -> None:
    both(DISTRIBUTIONS[name], warned=False)


def test_a_mode_that_is_not_there_has_no_gradient() -> None:
    a = wengert.tensor([1.5, 0.5], requires_grad=True)
    wengert.distributions.Kumaraswamy(a, 2.5).mode.sum().backward()
    assert a.grad.isfinite().all() and a.grad[0] != 0 and a.grad[1] == 0


# --- arguments of several forms ---------------------------------------------------------------------------------------

FORMS: Calls = {
    **{f"repeat_interleave {x!r}": lambda T, x=x: T.repeat_interleave(T.ones(3, 2), x, dim=0)
       for x in (2, 2.0, True, (2,), [2], [1, 2, 3], "x", np.array([1, 2, 3]), np.int64(2), 1j)},
    **{f"repeat_interleave {x!r} of {kind}": lambda T, x=x, kind=kind: T.repeat_interleave(
        T.ones(3, 2), T.tensor(x, dtype=getattr(T, kind)), dim=0)
       for x in (2, [2], [1, 2, 0], [1, 2], [[1, 2, 0]]) for kind in ("int64", "int32", "float32", "bool")},
    **{f"repeat_interleave to {size}": lambda T, size=size: T.repeat_interleave(
        T.ones(3, 2), T.tensor([1, 2, 0]), dim=0, output_size=size) for size in (3, 4, 0, -1, None)},
    **{f"tensordot {x!r}": lambda T, x=x: T.tensordot(T.ones(3, 3), T.ones(3, 3), dims=x)
       for x in (1, 0, 2, -1, 1.0, 1.5, None, (1,), ([0], [1]), ([0], [1], [0]), ())},
    **{f"normal {name}": lambda T, make=make: T.normal(*make(T)).shape for name, make in {
        "tensor, number, size": lambda T: (T.tensor(0.0), 1.0, (3,)), "numbers": lambda T: (0.0, 1.0, (3,)),
        "number, tensor, size": lambda T: (0.0, T.tensor([1.0]), (3,)), "tensors": lambda T: (T.ones(2), T.ones(2)),
        "no size": lambda T: (0.0, 1.0), "word": lambda T: ("x", 1.0, (3,))}.items()},
    "where of two": lambda T: T.where(T.tensor([True]), 1.0), "where None": lambda T: T.where(
        T.tensor([True]), None, 1.0),
    "where array": lambda T: T.where(T.tensor([True]), np.ones(1), 1.0),
}


@pytest.mark.parametrize("name", FORMS)
def test_forms(name: str) -> None:
    both(FORMS[name], warned=False)


# --- numbers ----------------------------------------------------------------------------------------------------------

ODD_NUMBERS: Calls = {
    "None": lambda T: None,
    "list": lambda T: [1.0],
    "pair": lambda T: (1.0, 1.0),
    "none of them": lambda T: (),
    "word": lambda T: "x",
    "array": lambda T: np.ones(1),
    "row": lambda T: T.tensor([1.0]),
    "0-d": lambda T: T.tensor(2.0),
    "0-d int": lambda T: T.tensor(2),
    "gradient": lambda T: T.tensor(1.0, requires_grad=True),
    "complex": lambda T: 1j,
    "bool": lambda T: True,
    "numpy's": lambda T: np.float32(1.5),
    "float": lambda T: 0.5,
    "int": lambda T: 2,
}
NUMBERS: Calls = {
    "arange": lambda T, x: T.arange(x, 5.0),
    "arange end": lambda T, x: T.arange(0, x),
    "arange step": lambda T, x: T.arange(0, 5, x),
    "arange alone": lambda T, x: T.arange(x),
    "range": lambda T, x: T.range(x, 5),
    "range step": lambda T, x: T.range(0, 5, x),
    "linspace": lambda T, x: T.linspace(x, 5, 3),
    "linspace end": lambda T, x: T.linspace(0, x, 3),
    "logspace": lambda T, x: T.logspace(x, 2, 3),
    "logspace base": lambda T, x: T.logspace(0, 2, 3, base=x),
    "full": lambda T, x: T.full((2,), x),
    "full_like": lambda T, x: T.full_like(T.ones(2), x),
    "new_full": lambda T, x: T.ones(2).new_full((2,), x),
    "scalar_tensor": lambda T, x: T.scalar_tensor(x),
    "fill_": lambda T, x: T.ones(2).fill_(x),
    "uniform_": lambda T, x: T.ones(2).uniform_(x, 3.0),
    "normal_": lambda T, x: T.ones(2).normal_(0.0, x),
    "exponential_": lambda T, x: T.ones(2).exponential_(x),
    "log_normal_": lambda T, x: T.ones(2).log_normal_(x, 1.0),
    "cauchy_": lambda T, x: T.ones(2).cauchy_(x, 1.0),
    "isclose": lambda T, x: T.isclose(T.ones(2), T.ones(2), x),
    "cdist": lambda T, x: T.cdist(T.ones(2, 3), T.zeros(2, 3), x),
    "lerp": lambda T, x: T.lerp(T.ones(2), T.zeros(2), x),
    "rot90": lambda T, x: T.rot90(T.ones(2, 3), x),
    "copy_": lambda T, x: T.ones(2).copy_(x),
    "addcmul": lambda T, x: T.addcmul(T.ones(2), x, T.ones(2), value=2),
    "addcdiv": lambda T, x: T.addcdiv(T.ones(2), T.ones(2), x),
    "lerp end": lambda T, x: T.lerp(T.ones(2), x, 0.5),
    "view_as": lambda T, x: T.ones(1).view_as(x),
    "expand_as": lambda T, x: T.ones(1).expand_as(x),
    "type_as": lambda T, x: T.ones(1).type_as(x),
    "diff": lambda T, x: T.diff(T.ones(2), prepend=x),
    "requires_grad_": lambda T, x: T.ones(2).requires_grad_(x),
    "wrap": lambda T, x: T.ones(2, 2).fill_diagonal_(0.0, x),
}
# What is not given, here; a complex number whose imaginary part is lost, there.
TAKEN_HERE = {"arange": {"None"}, "arange end": {"None"}, "copy_": {"complex"}}


@pytest.mark.parametrize("name", NUMBERS)
def test_numbers(name: str) -> None:
    for kind, odd in ODD_NUMBERS.items():
        if kind not in TAKEN_HERE.get(name, ()):
            both(lambda T, odd=odd: NUMBERS[name](T, odd(T)), rtol=1e-5, warned=False)


# --- integers that are too large --------------------------------------------------------------------------------------

LARGE: Calls = {
    **{f"{f} of one": lambda T, f=f: getattr(T, f)(2**63) for f in ("zeros", "eye", "randperm", "hann_window")},
    "sizes": lambda T: T.ones((2**63, 2)), "full": lambda T: T.full((2**63,), 1), "linspace": lambda T: T.linspace(
        0, 1, 2**63), "data": lambda T: T.tensor([2**63, 2]), "as_tensor": lambda T: T.as_tensor((2, 2**63)),
    **{f"{f} along": lambda T, f=f: getattr(T.ones(2, 2), f)(2**63) for f in ("sum", "unsqueeze", "softmax", "cumsum")},
    "several": lambda T: T.ones(2, 2).sum((2**63,)), "permute": lambda T: T.ones(2, 2).permute(2**63, 0),
    "expand": lambda T: T.ones(2).expand(2**63, 2), "roll": lambda T: T.roll(
        T.ones(2), 2**63, 0), "narrow": lambda T: T.ones(2).narrow(0, 2**63, 1), "select": lambda T: T.ones(2).select(
        0, 2**63), "split": lambda T: T.ones(2).split(2**63), "topk": lambda T: T.ones(2).topk(2**63),
    "randint": lambda T: T.randint(0, 5, (2**63,)),
}


@pytest.mark.parametrize("name", LARGE)
def test_integers_that_are_too_large(name: str) -> None:
    both(LARGE[name], warned=False)


# --- fft --------------------------------------------------------------------------------------------------------------

FFT: Calls = {
    **{
        f"{f} norm {x!r}": lambda T, f=f, x=x: getattr(T.fft, f)(T.ones(4), norm=x).abs()
        for f in ("fft", "ihfft", "hfft")
        for x in ("", "x", "ortho", "forward", "backward", None, 1)
    },
    **{
        f"{f} of None": lambda T, f=f: getattr(T.fft, f)(T.ones(4, 4), dim=None)
        for f in ("fft2", "ifft2", "rfft2", "irfft2", "hfft2", "ihfft2", "fftn", "rfftn")
    },
    **{
        f"{f} of {dim}": lambda T, f=f, dim=dim: getattr(T.fft, f)(T.arange(6.0).reshape(2, 3), dim=dim)
        for f in ("fftshift", "ifftshift")
        for dim in ((0, 0), (0, 1, 1), (-1, 1), 1, None, (), (2,))
    },
    **{
        f"{f} in {kind}": lambda T, f=f, kind=kind: getattr(T.fft, f)(5, dtype=getattr(T, kind))
        for f in ("fftfreq", "rfftfreq")
        for kind in ("int64", "bool", "float64", "complex64")
    },
}


@pytest.mark.parametrize("name", FFT)
def test_fft(name: str) -> None:
    both(FFT[name], rtol=1e-5, atol=1e-6, warned=False)


def test_what_has_no_derivative_may_be_written_beside_gradients() -> None:
    for T in (torch, wengert):
        x, out = T.ones(2, requires_grad=True), T.zeros(2)
        T.logical_not(x, out=out)
        assert not T.diff(T.arange(3), prepend=T.ones(1)).dtype.is_complex
    both(lambda T: T.diff(T.arange(3), prepend=T.ones(1)))
    both(lambda T: T.bernoulli(T.ones(3, requires_grad=True), 0.5))


# --- operands ---------------------------------------------------------------------------------------------------------

ODD_OPERANDS: Calls = {
    "None": lambda T: None, "array": lambda T: np.ones(3, dtype="float32"), "0-d array": lambda T: np.array(1.0),
    "list": lambda T: [1.0, 1.0, 1.0], "word": lambda T: "x", "int": lambda T: 2, "float": lambda T: 1.5,
    "bool": lambda T: True, "complex": lambda T: T.ones(3, dtype=T.complex64),
}
BESIDE = """
    add atan2 bitwise_and bitwise_left_shift copysign div divide eq float_power floor_divide fmax fmin fmod ge gt
    heaviside hypot igamma igammac is_same_size isin isclose le lerp logaddexp logical_and lt maximum minimum mul ne
    nextafter not_equal pow remainder rsub sub subtract true_divide xlogy fill fill_ full_like quantile nanquantile
    searchsorted nan_to_num polygamma mvlgamma clamp_min clamp_max celu hardshrink diag diag_embed diagflat kthvalue
    special.gammainc special.gammaincc special.chebyshev_polynomial_t special.chebyshev_polynomial_w
    special.hermite_polynomial_he special.laguerre_polynomial_l special.legendre_polynomial_p special.xlog1py
    special.zeta
""".split()


def called(T: Any, name: str, *arguments: Any) -> Any:
    function = T
    for part in name.split("."):
        function = getattr(function, part)
    return function(*arguments)


@pytest.mark.parametrize("name", BESIDE)
def test_what_stands_beside_a_tensor(name: str) -> None:
    for odd in ODD_OPERANDS.values():
        both(lambda T, odd=odd: called(T, name, T.arange(1.0, 4.0), odd(T)), rtol=1e-4, warned=False)
        if name not in ("full_like", "fill", "fill_"):
            both(lambda T, odd=odd: called(T, name, odd(T), T.arange(1.0, 4.0)), rtol=1e-4, warned=False)


# --- writes that may not happen ---------------------------------------------------------------------------------------

WRITES = [name for name in dir(torch.Tensor) if name.endswith("_") and not name.startswith("_")
          and not name.endswith("__") and name not in (
              "logical_and_", "logical_not_", "logical_or_", "logical_xor_",  # which PyTorch lets write into a leaf
              "map2_", "resize_as_sparse_", "sparse_resize_", "sparse_resize_and_clear_")]


def test_arguments_are_read_before_the_target_is_looked_at() -> None:
    """In-place forms of a leaf that requires a gradient: what is wrong with the call is said first."""
    for name in WRITES:
        for given in (lambda T: (), lambda T: (1,), lambda T: (T.ones(2, 3),), lambda T: (T.ones(2, 3) > 0,),
                      lambda T: ("x", 1), lambda T: (0, "x")):
            both(lambda T, name=name, given=given: getattr(T.ones(2, 3, requires_grad=True), name)(*given(T)),
                 warned=False)


def test_a_call_that_is_made_again_keeps_its_target() -> None:
    for T in (torch, wengert):
        x = T.ones(2, 3, requires_grad=True)
        for place in (T.tensor(1), np.int64(1)):
            for function, given in ((T.cat, ([x, x],)), (T.linalg.cross, (x, x))):
                with pytest.raises(RuntimeError, match="automatic differentiation"):
                    function(*given, dim=place, out=T.zeros(0))


# --- words, indices, numbers ------------------------------------------------------------------------------------------

@pytest.mark.parametrize("program", [
    lambda T: T.linalg.eigvalsh(table(T), b"U"), lambda T: T.linalg.eigvalsh(table(T), b"x"),
    lambda T: T.div(table(T), 2, rounding_mode=b"floor"), lambda T: T.div(table(T), 2, rounding_mode=b"x"),
    lambda T: T.meshgrid(T.ones(2), T.ones(2), indexing=b"xy"),
    lambda T: table(T).scatter_reduce(0, T.tensor([[0]]), table(T), b"x"),
])
def test_bytes_are_words(program: Callable[[Any], Any]) -> None:
    both(program)


def test_indices_of_any_type() -> None:
    for index in ("a", b"a", {}, {1}, object(), 1j, float, len, np.float32(1), 1.5, ["a"], [None], [1.5], [1.0, 0],
                  frozenset(), np.int64(1), [True, False], (0, [2.0, 1.5])):
        both(lambda T, index=index: table(T)[index], warned=False)
        both(lambda T, index=index: table(T).__setitem__(index, 1.0), warned=False)


@pytest.mark.parametrize("program", [
    lambda T: T.bincount(T.tensor([0, 1, 1]), T.ones(3, requires_grad=True)),
    lambda T: T.bincount(T.tensor([0, 1, 1]), T.ones(3, requires_grad=True)).sum().backward(),
    lambda T: T.bincount(T.tensor([], dtype=T.int64), T.ones(3), 2),
    lambda T: T.movedim(table(T), 0, (1,)), lambda T: T.movedim(table(T), (0,), 1), lambda T: T.range(1, 0),
    lambda T: T.trapezoid(T.ones(2, 0)), lambda T: T.trapezoid(T.tensor(1.0)), lambda T: T.trapezoid(
        T.ones(3), T.arange(6.0).reshape(2, 3)), lambda T: T.trapezoid(T.ones(2, 3), T.arange(6.0).reshape(2, 3, 1)),
    lambda T: T.var(table(T), True, True), lambda T: T.std(table(T), 0, 1), lambda T: T.sort(table(T), stable=1),
    lambda T: T.sort(table(T), stable=None), lambda T: T.linspace(0, 1, T.tensor([3])),
    lambda T: T.renorm(table(T), 1j, 0, 1.0), lambda T: T.histc(table(T), min=1j), lambda T: T.dist(
        table(T), table(T), 1j), lambda T: T.repeat_interleave(table(T), T.tensor([1, 2, 1], dtype=T.uint8), 0),
    lambda T: table(T).map_(table(T).double(), max), lambda T: table(T).map_(T.ones(2), max),
    lambda T: table(T).resize_as_("x"), lambda T: table(T).is_same_size(1),
    lambda T: T.index_reduce(table(T), 0, T.tensor([0]), T.ones(1, 2), "mean"), lambda T: T.index_put(
        table(T), (T.tensor(1), T.tensor([0, 2])), T.ones(2)), lambda T: T.index_put(table(T), (None,), T.ones(3)),
])
def test_assorted_calls(program: Callable[[Any], Any]) -> None:
    both(program, warned=False)


PRODUCTS: dict[str, tuple[tuple[int, ...], ...]] = {
    "addmm": ((2, 4), (2, 3), (3, 4)), "addmv": ((2,), (2, 3), (3,)), "addr": ((2, 3), (2,), (3,)),
    "addbmm": ((2, 4), (5, 2, 3), (5, 3, 4)), "baddbmm": ((5, 2, 4), (5, 2, 3), (5, 3, 4)),
}


@pytest.mark.parametrize("name", PRODUCTS)
def test_products_that_are_added(name: str) -> None:
    """One operand of another rank or of sizes that would broadcast, and factors of every type."""
    right = PRODUCTS[name]
    for place, shape in enumerate(right):
        others = {(), (1, *shape), (*shape, 1), shape[1:], (*shape[:-1], 1), (1, *shape[1:]), (*shape[:-1], 0)}
        for other in others:
            sizes = [*right[:place], other, *right[place + 1:]]
            both(lambda T, sizes=sizes: getattr(T, name)(*[T.ones(size) for size in sizes]), warned=False)
    for factor in (2.5, True, (1,), [1], 1j, None, "x", np.float64(2), np.int64(2)):
        for word in ("alpha", "beta"):
            both(lambda T, word=word, factor=factor: getattr(T, name)(
                *[T.ones(size) for size in right], **{word: factor}), warned=False)
    for dtype in ("bool", "int64", "complex64"):  # of the first operand alone
        both(lambda T, dtype=dtype: getattr(T, name)(
            T.ones(right[0], dtype=getattr(T, dtype)), *[T.full(size, 0.5) for size in right[1:]], alpha=2),
             warned=False)


@pytest.mark.parametrize("program", [
    lambda T: T.cov(table(T), correction=7, aweights=T.ones(3)), lambda T: T.cov(table(T), aweights=T.zeros(3)),
    lambda T: T.cov(table(T), aweights=T.tensor([1.0, math.nan, 1.0])),
    lambda T: T.cov(table(T), aweights=T.ones(3, dtype=T.bfloat16)), lambda T: T.triu(table(T), 1.0),
    lambda T: T.tril(table(T), "1"), lambda T: T.triu(table(T), True), lambda T: T.triu(table(T), T.tensor([1])),
    lambda T: T.linalg.matrix_power(table(T), 2**63), lambda T: T.linalg.matrix_power(table(T), T.tensor([2])),
    lambda T: T.cartesian_prod(T.tensor(1.0), T.ones(2)), lambda T: T.lobpcg(T.eye(6, dtype=T.int64), k=1)[0],
    lambda T: T.linalg.householder_product(T.ones(4, 3), T.ones(())),
    lambda T: T.cholesky_inverse(table(T), out=T.zeros(2)).stride(),
])
def test_assorted_calls_of_matrices(program: Callable[[Any], Any]) -> None:
    both(program, rtol=1e-5, warned=False)


# --- gradients at odd numbers -----------------------------------------------------------------------------------------

def derived(T: Any, function: Callable[..., Any], *rows: list[float]) -> Any:
    x = table(T, *rows, requires_grad=True)
    result = function(x)
    return result, T.autograd.grad(result.sum(), x)[0]


@pytest.mark.parametrize("function", [
    lambda T, x: T.renorm(x, 2, 0, 1.0), lambda T, x: T.renorm(x, 1, 1, math.inf),
    lambda T, x: x.scatter_reduce(0, T.tensor([[0, 1, 0]]), x.detach(), "mean"),
    lambda T, x: x.index_reduce(0, T.tensor([1, 1]), x[:2], "mean", include_self=False),
    lambda T, x: x.std(1, correction=5), lambda T, x: x.var(0, correction=4), lambda T, x: T.std_mean(x, 0)[0],
])
@pytest.mark.parametrize("rows", [
    ([1.0, 2.0, 4.0], [math.nan, 1.0, 0.5]), ([1e30, 2e30, 4e30], [3.0, 1.0, 0.5]), ([0.1, 0.2, 0.3], [1.0, 2.0, 2.0]),
])
def test_gradients_at_odd_numbers(function: Callable[[Any, Any], Any], rows: Any) -> None:
    both(lambda T: derived(T, lambda x: function(T, x), *rows), rtol=1e-5, warned=False)
