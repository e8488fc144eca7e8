"""Operands of different dtypes: where PyTorch lets them meet, and where it raises.

Every function here is called with the first of its operands in one dtype and the others in another, in eight pairs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import wengert

torch = pytest.importorskip("torch")


def F(m: Any) -> Any:
    return m.nn.functional


CASES: dict[str, Callable[[Any, Any, Any], Any]] = {
    "mm": lambda m, x, y: m.mm(x(2, 2), y(2, 2)),
    "matmul": lambda m, x, y: x(2, 2)@y(2, 2),
    "bmm": lambda m, x, y: m.bmm(x(1, 2, 2), y(1, 2, 2)),
    "dot": lambda m, x, y: m.dot(x(2), y(2)),
    "mv": lambda m, x, y: m.mv(x(2, 2), y(2)),
    "einsum": lambda m, x, y: m.einsum('ij, jk->ik', x(2, 2), y(2, 2)),
    "einsum1": lambda m, x, y: m.einsum('i, i->i', x(2), y(2)),
    "tensordot": lambda m, x, y: m.tensordot(x(2, 2), y(2, 2)),
    "outer": lambda m, x, y: m.outer(x(2), y(2)),
    "addmm": lambda m, x, y: m.addmm(x(2, 2), y(2, 2), y(2, 2)),
    "addmm2": lambda m, x, y: m.addmm(x(2, 2), x(2, 2), y(2, 2)),
    "addmv": lambda m, x, y: m.addmv(x(2), y(2, 2), y(2)),
    "addbmm": lambda m, x, y: m.addbmm(x(2, 2), y(1, 2, 2), y(1, 2, 2)),
    "baddbmm": lambda m, x, y: m.baddbmm(x(1, 2, 2), y(1, 2, 2), y(1, 2, 2)),
    "addr": lambda m, x, y: m.addr(x(2, 2), y(2), y(2)),
    "inner": lambda m, x, y: m.inner(x(2), y(2)),
    "vdot": lambda m, x, y: m.vdot(x(2), y(2)),
    "kron": lambda m, x, y: m.kron(x(2), y(2)),
    "cross": lambda m, x, y: m.cross(x(1, 3), y(1, 3), dim=1),
    "chain": lambda m, x, y: m.chain_matmul(x(2, 2), y(2, 2)),
    "linear": lambda m, x, y: F(m).linear(x(2, 2), y(2, 2)),
    "linear3": lambda m, x, y: F(m).linear(x(1, 2, 2), y(2, 2), y(2)),
    "linearb": lambda m, x, y: F(m).linear(x(2, 2), x(2, 2), y(2)),
    "linear1": lambda m, x, y: F(m).linear(x(2), y(2, 2)),
    "bilinear": lambda m, x, y: F(m).bilinear(x(2, 2), x(2, 2), y(1, 2, 2)),
    "conv1d": lambda m, x, y: F(m).conv1d(x(1, 1, 3), y(1, 1, 2)),
    "conv1db": lambda m, x, y: F(m).conv1d(x(1, 1, 3), x(1, 1, 2), y(1)),
    "conv2d": lambda m, x, y: F(m).conv2d(x(1, 1, 3, 3), y(1, 1, 2, 2)),
    "convT": lambda m, x, y: F(m).conv_transpose1d(x(1, 1, 3), y(1, 1, 2)),
    "layer_norm": lambda m, x, y: F(m).layer_norm(x(2, 2), (2, ), y(2), y(2)),
    "layer_normw": lambda m, x, y: F(m).layer_norm(x(2, 2), (2, ), y(2)),
    "group": lambda m, x, y: F(m).group_norm(x(2, 2), 1, y(2), y(2)),
    "batch": lambda m, x, y: F(m).batch_norm(x(2, 2), y(2), y(2), training=True),
    "batchw": lambda m, x, y: F(m).batch_norm(x(2, 2), None, None, y(2), y(2), training=True),
    "batche": lambda m, x, y: F(m).batch_norm(x(2, 2), y(2), y(2)),
    "inst": lambda m, x, y: F(m).instance_norm(x(1, 2, 2), weight=y(2), bias=y(2)),
    "sdpa": lambda m, x, y: F(m).scaled_dot_product_attention(x(1, 2, 2), y(1, 2, 2), y(1, 2, 2)),
    "ce_w": lambda m, x, y: F(m).cross_entropy(x(2, 2), m.tensor([0, 1]), y(2)),
    "ce_p": lambda m, x, y: F(m).cross_entropy(x(2, 2), y(2, 2)),
    "nll_w": lambda m, x, y: F(m).nll_loss(x(2, 2), m.tensor([0, 1]), y(2)),
    "bce": lambda m, x, y: F(m).binary_cross_entropy(x(2), y(2)),
    "mse": lambda m, x, y: F(m).mse_loss(x(2), y(2)),
    "l1": lambda m, x, y: F(m).l1_loss(x(2), y(2)),
    "sl1": lambda m, x, y: F(m).smooth_l1_loss(x(2), y(2)),
    "kl": lambda m, x, y: F(m).kl_div(x(2), y(2), reduction='sum'),
    "poisson": lambda m, x, y: F(m).poisson_nll_loss(x(2), y(2)),
    "mrl": lambda m, x, y: F(m).margin_ranking_loss(x(2), y(2), x(2)),
    "cosemb": lambda m, x, y: F(m).cosine_embedding_loss(x(2, 2), y(2, 2), x(2)),
    "triplet": lambda m, x, y: F(m).triplet_margin_loss(x(2, 2), y(2, 2), x(2, 2)),
    "mmw": lambda m, x, y: F(m).multi_margin_loss(x(2, 2), m.tensor([0, 1]), weight=y(2)),
    "cdist": lambda m, x, y: m.cdist(x(2, 2), y(2, 2)),
    "pairwise": lambda m, x, y: F(m).pairwise_distance(x(2, 2), y(2, 2)),
    "dist": lambda m, x, y: m.dist(x(2), y(2)),
    "prelu": lambda m, x, y: F(m).prelu(x(2, 2), y(1)),
    "embedding": lambda m, x, y: F(m).embedding(m.tensor([0]), x(2, 2)),
    "embbagw": lambda m, x, y: F(m).embedding_bag(m.tensor([[0, 1]]), x(2, 2), per_sample_weights=y(1, 2), mode='sum'),
    "rnn": lambda m, x, y: m.nn.RNN(2, 2).to(x(1).dtype)(y(3, 1, 2))[0],
    "lstm": lambda m, x, y: m.nn.LSTM(2, 2).to(x(1).dtype)(y(3, 1, 2))[0],
    "gru": lambda m, x, y: m.nn.GRU(2, 2).to(x(1).dtype)(y(3, 1, 2))[0],
    "lstmh": lambda m, x, y: m.nn.LSTM(2, 2).to(x(1).dtype)(x(3, 1, 2), (y(1, 1, 2), y(1, 1, 2)))[0],
    "gruh": lambda m, x, y: m.nn.GRU(2, 2).to(x(1).dtype)(x(3, 1, 2), y(1, 1, 2))[0],
    "rnncell": lambda m, x, y: m.nn.RNNCell(2, 2).to(x(1).dtype)(y(1, 2)),
    "lstmcell": lambda m, x, y: m.nn.LSTMCell(2, 2).to(x(1).dtype)(y(1, 2))[0],
    "grucell": lambda m, x, y: m.nn.GRUCell(2, 2).to(x(1).dtype)(y(1, 2)),
    "mha": lambda m, x, y: m.nn.MultiheadAttention(2, 1).to(x(1).dtype)(y(2, 1, 2), y(2, 1, 2), y(2, 1, 2))[0],
    "Linear": lambda m, x, y: m.nn.Linear(2, 1).to(x(1).dtype)(y(1, 2)),
    "Conv2d": lambda m, x, y: m.nn.Conv2d(1, 1, 2).to(x(1).dtype)(y(1, 1, 3, 3)),
    "LayerNorm": lambda m, x, y: m.nn.LayerNorm(2).to(x(1).dtype)(y(1, 2)),
    "BatchNorm1d": lambda m, x, y: m.nn.BatchNorm1d(2).to(x(1).dtype)(y(2, 2)),
    "scatter": lambda m, x, y: x(2).scatter(0, m.tensor([0]), y(1)),
    "scatter_add": lambda m, x, y: x(2).scatter_add(0, m.tensor([0]), y(1)),
    "scatter_reduce": lambda m, x, y: x(2).scatter_reduce(0, m.tensor([0]), y(1), 'sum'),
    "index_add": lambda m, x, y: x(2).index_add(0, m.tensor([0]), y(1)),
    "index_copy": lambda m, x, y: x(2).index_copy(0, m.tensor([0]), y(1)),
    "index_put": lambda m, x, y: x(2).index_put((m.tensor([0]), ), y(1)),
    "masked_scatter": lambda m, x, y: x(2).masked_scatter(m.tensor([True, False]), y(1)),
    "index_fill": lambda m, x, y: x(2).index_fill(0, m.tensor([0]), y(1)[0]),
    "setidx": lambda m, x, y: x(2).clone().__setitem__(m.tensor([0]), y(1)),
    "setsl": lambda m, x, y: x(2).clone().__setitem__(slice(0, 1), y(1)),
    "masked_fill": lambda m, x, y: x(2).masked_fill(m.tensor([True, False]), y(1)[0]),
    "lerp": lambda m, x, y: m.lerp(x(2), y(2), .5),
    "lerpw": lambda m, x, y: m.lerp(x(2), x(2), y(2)),
    "addcmul": lambda m, x, y: m.addcmul(x(2), y(2), y(2)),
    "addcdiv": lambda m, x, y: m.addcdiv(x(2), y(2), y(2)),
    "where": lambda m, x, y: m.where(m.tensor([True, False]), x(2), y(2)),
    "solve": lambda m, x, y: m.linalg.solve(m.eye(2, dtype=x(1).dtype), y(2, 2)),
    "cholsolve": lambda m, x, y: m.cholesky_solve(x(2, 2), m.eye(2, dtype=y(1).dtype)),
    "lstsq": lambda m, x, y: m.linalg.lstsq(m.eye(2, dtype=x(1).dtype), y(2, 2))[0],
    "grid": lambda m, x, y: F(m).grid_sample(x(1, 1, 2, 2), y(1, 1, 1, 2), align_corners=False),
    "complex": lambda m, x, y: m.complex(x(2), y(2)),
    "polar": lambda m, x, y: m.polar(x(2), y(2)),
    "bucketize": lambda m, x, y: m.bucketize(x(2), y(2)),
    "searchsorted": lambda m, x, y: m.searchsorted(x(2), y(2)),
    "cat": lambda m, x, y: m.cat([x(2), y(2)]),
    "stack": lambda m, x, y: m.stack([x(2), y(2)]),
    "maximum": lambda m, x, y: m.maximum(x(2), y(2)),
    "quantile": lambda m, x, y: m.quantile(x(3), y(1)),
    "allclose": lambda m, x, y: m.allclose(x(2), y(2)),
    "equal": lambda m, x, y: m.equal(x(2), y(2)),
    "heaviside": lambda m, x, y: m.heaviside(x(2), y(2)),
    "copysign": lambda m, x, y: m.copysign(x(2), y(2)),
    "hypot": lambda m, x, y: m.hypot(x(2), y(2)),
    "atan2": lambda m, x, y: m.atan2(x(2), y(2)),
    "nextafter": lambda m, x, y: m.nextafter(x(2), y(2)),
    "fmod": lambda m, x, y: m.fmod(x(2), y(2)),
    "renorm": lambda m, x, y: m.renorm(x(2, 2), 2, 0, 1),
    "clampt": lambda m, x, y: m.clamp(x(2), y(2)),
    "cosemb2": lambda m, x, y: F(m).cosine_embedding_loss(x(2, 2), x(2, 2), y(2)),
    "mv2": lambda m, x, y: x(2, 2)@y(2),
    "vm": lambda m, x, y: x(2)@y(2, 2),
    "mm3": lambda m, x, y: x(1, 2, 2)@y(2, 2),
    "dotop": lambda m, x, y: x(2)@y(2),
    "igamma": lambda m, x, y: m.igamma(x(2), y(2)),
    "logaddexp": lambda m, x, y: m.logaddexp(x(2), y(2)),
    "xlogy": lambda m, x, y: m.xlogy(x(2), y(2)),
    "zeta": lambda m, x, y: m.special.zeta(x(2), y(2)),
    "histogramw": lambda m, x, y: m.histogram(x(2), y(2))[0],
    "bincountw": lambda m, x, y: m.bincount(m.tensor([0, 1]), y(2)),
    "take_put": lambda m, x, y: x(2).put(m.tensor([0]), y(1)),
    "slice_scatter": lambda m, x, y: m.slice_scatter(x(2), y(1), 0, 0, 1),
    "select_scatter": lambda m, x, y: m.select_scatter(x(2, 2), y(2), 0, 0),
    "diagonal_scatter": lambda m, x, y: m.diagonal_scatter(x(2, 2), y(2)),
    "ormm": lambda m, x, y: m.linalg.multi_dot([x(2, 2), y(2, 2)]),
    "vecdot": lambda m, x, y: m.linalg.vecdot(x(2), y(2)),
    "lcross": lambda m, x, y: m.linalg.cross(x(3), y(3)),
    "addr2": lambda m, x, y: m.addr(y(2, 2), x(2), y(2)),
    "baddbmm2": lambda m, x, y: m.baddbmm(x(1, 2, 2), x(1, 2, 2), y(1, 2, 2)),
    "addmv2": lambda m, x, y: m.addmv(x(2), x(2, 2), y(2)),
    "ger": lambda m, x, y: m.ger(x(2), y(2)),
    "relu_in": lambda m, x, y: x(2).add_(y(2)),
    "copy_": lambda m, x, y: x(2).copy_(y(2)),
    "bilinear of others": lambda m, x, y: F(m).bilinear(x(2, 3), y(2, 3), x(1, 3, 3)),
    "rms_norm": lambda m, x, y: F(m).rms_norm(x(2, 3), (3,), y(3)),
    "vector_norm": lambda m, x, y: m.linalg.vector_norm(x(3), dtype=y(1).dtype),
    "huber": lambda m, x, y: F(m).huber_loss(x(3), y(3)),
    "soft_margin": lambda m, x, y: F(m).soft_margin_loss(x(3), y(3)),
    "bce of weights": lambda m, x, y: F(m).binary_cross_entropy(x(3), x(3), y(3)),
    "logits": lambda m, x, y: F(m).binary_cross_entropy_with_logits(x(3), y(3)),
    "logits of weights": lambda m, x, y: F(m).binary_cross_entropy_with_logits(x(3), x(3), pos_weight=y(3)),
    "cosine_similarity": lambda m, x, y: F(m).cosine_similarity(x(2, 3), y(2, 3)),
    "meshgrid": lambda m, x, y: m.meshgrid(x(2), y(2), indexing="ij")[0],
    "cartesian_prod": lambda m, x, y: m.cartesian_prod(x(2), y(2)),
    "ldexp of powers": lambda m, x, y: m.ldexp(x(2), y(2)) if y(1).dtype is not m.bool else x(1),
    "trapezoid of places": lambda m, x, y: m.trapezoid(x(3), y(3)),
    "take_along_dim": lambda m, x, y: m.take_along_dim(x(2, 2), y(2, 2) * 0, 0) if y(1).dtype is not m.bool else 0,
    "embedding of truths": lambda m, x, y: F(m).embedding(y(2), x(3, 2)),
}
CASES |= {f"{name} of both": (lambda m, x, y, name=name: getattr(F(m), name)(x(3), y(3))) for name in (
    "mse_loss", "smooth_l1_loss", "huber_loss", "hinge_embedding_loss", "soft_margin_loss")}
CASES |= {"cosine_embedding_loss": lambda m, x, y: F(m).cosine_embedding_loss(x(2, 3), y(2, 3), m.ones(2)),
          "margin_ranking_loss": lambda m, x, y: F(m).margin_ranking_loss(x(3), y(3), m.ones(3)),
          "searchsorted": lambda m, x, y: m.searchsorted(x(3), y(2))}
PAIRS = (("float32", "float64"), ("float64", "float32"), ("float32", "float16"), ("float16", "float32"),
         ("float32", "int64"), ("int64", "float32"), ("float32", "bool"), ("bool", "float32"))
OF_COMPLEX = ("mse_loss of both", "smooth_l1_loss of both", "huber_loss of both", "soft_margin_loss of both",
              "bce of weights", "logits of weights", "cosine_similarity", "cosine_embedding_loss",
              "margin_ranking_loss", "searchsorted", "vector_norm", "rms_norm", "bilinear of others")
# What wengert lets compute, or refuses, by choice: it takes more where PyTorch lacks a kernel for a dtype.
LEFT_OUT = {
    *(("sdpa", dtype, "float32") for dtype in ("int64", "bool")), ("polar", "int64", "bool"),
}


def outcome(m: Any, case: Callable[[Any, Any, Any], Any], pair: tuple[str, str]) -> str:
    def ones(dtype: str) -> Any:
        return lambda *shape: m.ones(*shape, dtype=getattr(m, dtype))

    try:
        result = case(m, ones(pair[0]), ones(pair[1]))
    except (RuntimeError, TypeError, ValueError) as error:
        return next(kind.__name__ for kind in (RuntimeError, TypeError, ValueError) if isinstance(error, kind))
    return str(getattr(result, "dtype", result))


@pytest.mark.filterwarnings("ignore:Mismatch dtype", "ignore:Casting complex")
@pytest.mark.parametrize("name", CASES)
def test_operands_meet_or_are_refused_as_in_pytorch(name: str) -> None:
    for pair in PAIRS:
        if (name, *pair) in LEFT_OUT:
            continue
        assert outcome(wengert, CASES[name], pair) == outcome(torch, CASES[name], pair), (name, pair)


@pytest.mark.filterwarnings("ignore:Mismatch dtype", "ignore:Casting complex")
@pytest.mark.parametrize("name", OF_COMPLEX)
def test_complex_numbers_meet_reals_as_in_pytorch(name: str) -> None:
    for pair in (("float32", "complex64"), ("complex64", "float32")):
        assert outcome(wengert, CASES[name], pair) == outcome(torch, CASES[name], pair), (name, pair)


@pytest.mark.parametrize("function", ["relu", "elu", "leaky_relu", "linear"])
def test_an_array_is_no_tensor(function: str) -> None:
    array = torch.ones(2, 2).numpy()
    for m in (wengert, torch):
        with pytest.raises((TypeError, AttributeError)):
            getattr(m.nn.functional, function)(array, *([m.ones(2, 2)] if function == "linear" else []))
