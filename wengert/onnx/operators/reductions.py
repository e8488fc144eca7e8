"""Reductions, scans, order, and products of matrices."""

from __future__ import annotations

from typing import Any

import wengert as torch

from .table import OPERATORS, axes_of, operator, wrapped


def _sum(x: Any, dim: Any, keep: bool) -> Any:
    return x.sum(dim, keepdim=keep).to(x.dtype)


def _prod(x: Any, dim: Any, keep: bool) -> Any:
    for d in sorted(dim, reverse=True):
        x = x.prod(d, keepdim=keep).to(x.dtype)
    return x


def _extreme(name: str) -> Any:
    def reduce(x: Any, dim: Any, keep: bool) -> Any:
        if x.numel() == 0:
            worst = (float("-inf") if name == "amax" else float("inf")) if x.is_floating_point() else (
                torch.iinfo(x.dtype).min if name == "amax" else torch.iinfo(x.dtype).max) if (
                x.dtype is not torch.bool) else name == "amin"
            shape = [1 if d in dim else n for d, n in enumerate(x.shape) if keep or d not in dim]
            return torch.full(shape, worst, dtype=x.dtype)
        return getattr(x, name)(dim, keepdim=keep)

    return reduce


def _mean(x: Any, dim: Any, keep: bool) -> Any:
    return x.mean(dim, keepdim=keep) if x.is_floating_point() else x.to(torch.float64).mean(dim, keepdim=keep).to(
        x.dtype)


def _logsumexp(x: Any, dim: Any, keep: bool) -> Any:
    return x.logsumexp(dim, keepdim=keep) if x.is_floating_point() else x.double().logsumexp(dim, keepdim=keep).to(
        x.dtype)


REDUCTIONS = {
    "ReduceSum": _sum, "ReduceMean": _mean, "ReduceProd": _prod, "ReduceMax": _extreme("amax"),
    "ReduceMin": _extreme("amin"), "ReduceLogSumExp": _logsumexp,
    "ReduceL1": lambda x, dim, keep: _sum(torch.abs(x), dim, keep),
    "ReduceL2": lambda x, dim, keep: torch.linalg.vector_norm(x, 2, dim, keep) if x.is_floating_point() else torch.sqrt(
        _sum(x * x, dim, keep).double()).to(x.dtype),
    "ReduceLogSum": lambda x, dim, keep: torch.log(_sum(x, dim, keep)),
    "ReduceSumSquare": lambda x, dim, keep: _sum(x * x, dim, keep),
}


def _reduction(name: str, reduce: Any) -> Any:
    since = 13 if name == "ReduceSum" else 18

    def run(call: Any, x: Any, axes: Any = None) -> Any:
        dim = axes_of(call, 1, since, x.dim())
        if not dim:
            if call.get("noop_with_empty_axes", 0):
                return reduce(x.unsqueeze(0), [0], False)
            dim = list(range(x.dim()))
        return reduce(x, dim, bool(call.get("keepdims", 1))) if x.dim() else reduce(x.reshape(1), [0], False)

    return run


OPERATORS.update({name: _reduction(name, reduce) for name, reduce in REDUCTIONS.items()})


def _position(name: str) -> Any:
    def run(call: Any, x: Any) -> Any:
        axis, keep = wrapped(call.get("axis", 0), x.dim()), bool(call.get("keepdims", 1))
        if not call.get("select_last_index", 0):
            return getattr(x, name)(axis, keepdim=keep)
        return x.shape[axis] - 1 - getattr(x.flip(axis), name)(axis, keepdim=keep)

    return run


OPERATORS.update({"ArgMax": _position("argmax"), "ArgMin": _position("argmin")})


def _scan(name: str, neutral: int) -> Any:
    def run(call: Any, x: Any, axis: Any) -> Any:
        dim = wrapped(call.ints(1)[0], x.dim())
        found = x.flip(dim) if call.get("reverse", 0) else x
        if call.get("exclusive", 0):
            first = torch.full_like(found.narrow(dim, 0, 1), neutral)
            found = torch.cat([first, found.narrow(dim, 0, x.shape[dim] - 1)], dim)
        found = getattr(found, name)(dim).to(x.dtype)
        return found.flip(dim) if call.get("reverse", 0) else found

    return run


OPERATORS.update({"CumSum": _scan("cumsum", 0), "CumProd": _scan("cumprod", 1)})


@operator("TopK")
def _top_k(call: Any, x: Any, k: Any = None) -> Any:
    axis = wrapped(call.get("axis", -1), x.dim())
    count = call.ints(1)[0] if call.version >= 10 else call.get("k")
    values, places = torch.sort(x, axis, descending=bool(call.get("largest", 1)), stable=True)
    return values.narrow(axis, 0, count), places.narrow(axis, 0, count)


# --- products ---------------------------------------------------------------------------------------------------------


@operator("MatMul")
def _matmul(call: Any, x: Any, y: Any) -> Any:
    return torch.matmul(x, y)


@operator("Gemm")
def _gemm(call: Any, a: Any, b: Any, c: Any = None) -> Any:
    a = a.transpose(0, 1) if call.get("transA", 0) else a
    b = b.transpose(0, 1) if call.get("transB", 0) else b
    alpha, beta = call.get("alpha", 1.0), call.get("beta", 1.0)
    product = torch.matmul(a, b)
    product = product if alpha == 1.0 else (product * alpha).to(product.dtype)
    if c is None or beta == 0.0:
        return product
    return product + (c if beta == 1.0 else (c * beta).to(c.dtype))


@operator("Det")
def _det(call: Any, x: Any) -> Any:
    return torch.det(x)


@operator("LpNormalization")
def _lp_normalization(call: Any, x: Any) -> Any:
    p, axis = call.get("p", 2), call.get("axis", -1)
    size = torch.linalg.vector_norm(x, float(p), axis, keepdim=True)
    return torch.where(size == 0, 0.0, x / torch.where(size == 0, 1.0, size))


@operator("MeanVarianceNormalization")
def _mean_variance_normalization(call: Any, x: Any) -> Any:
    axes = call.get("axes", [0, 2, 3])
    mean = x.mean(axes, keepdim=True)
    variance = (x * x).mean(axes, keepdim=True) - mean * mean
    return (x - mean) / (torch.sqrt(variance) + 1e-9)


@operator("TfIdfVectorizer")
def _tf_idf_vectorizer(call: Any, x: Any) -> Any:
    """Counts of runs of numbers (n-grams, also with gaps) that are in a pool, or their weights where they occur."""
    pool, starts, places = call.get("pool_int64s", []), call.get("ngram_counts"), call.get("ngram_indexes")
    grams: dict[tuple[int, ...], int] = {}
    for n, (start, stop) in enumerate(zip(starts, [*starts[1:], len(pool)], strict=True), start=1):
        for i in range(start, stop, n):
            grams[tuple(pool[i: i + n])] = places[len(grams)]
    rows = x.tolist() if x.dim() > 1 else [x.tolist()]
    size, weights, mode = max(places) + 1, call.get("weights"), call.get("mode")
    found = []
    for row in rows:
        counts = [0.0] * size
        for n in range(call.get("min_gram_length"), call.get("max_gram_length") + 1):
            for gap in range(1, (call.get("max_skip_count") + 1 if n > 1 else 1) + 1):
                for i in range(len(row) - (n - 1) * gap):
                    place = grams.get(tuple(row[i: i + (n - 1) * gap + 1: gap]))
                    if place is not None:
                        counts[place] += 1.0
        if mode != "TF":
            by_place = dict(zip(places, weights or [1.0] * len(places), strict=True))
            counts = [(by_place.get(i, 1.0) if c else 0.0) * (c if mode == "TFIDF" else 1.0)
                      for i, c in enumerate(counts)]
        found.append(counts)
    result = torch.tensor(found, dtype=torch.float32)
    return result if x.dim() > 1 else result[0]
