"""Affine maps, distances and look-ups."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from ...autograd.modes import no_grad
from ...core.dtypes import int64, promote_types
from ...core.errors import LayoutError, OutOfRangeError, RankError, ShapeError
from ...core.operands import Array
from ...core.primitive import HALVES, REAL_ONLY, P
from ...core.spec import wrap_dim
from ...core.state import state
from ...ops import arange, broadcast_tensors, div, registry, triu_indices, unique, where
from ...ops.arguments import check_one_dtype
from ...ops.halves import in_float32
from ...ops.linalg import vector_norm
from ...ops.out import COMPUTED
from ...tensors.alias import own
from ...tensors.apply import check_takes
from ...tensors.evaluation import tracing
from ...tensors.overrides import UNASKED, asking, once_more
from ...tensors.tape import labelled
from ...tensors.tensor import Tensor

_PRODUCTS = {1: "SqueezeBackward4", 2: "Mm"}
"""What PyTorch calls the node of a product without a bias, by the rank of the input."""


def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None, *, out: Tensor | None = None) -> Tensor:
    """x Wᵀ + b.

    ``input`` is ``(..., in_features)``, ``weight`` ``(out_features, in_features)`` or ``(in_features,)``, ``bias``
    ``(out_features,)``; the result is ``(..., out_features)`` or ``(...)``. Raises ShapeError.

    >>> x, b = torch.tensor([[1.0, 2.0]]), torch.tensor([0.0, 0.0, 10.0])
    >>> w = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    >>> F.linear(x, w, b)
    tensor([[ 1.,  2., 13.]])
    """
    try:
        if out is not None:
            return COMPUTED(linear, (input, weight, bias), {}, out, "linear")
        if weight.dim() == 1:
            dot = input @ weight
            return dot if bias is None else dot + bias
        if weight.dim() > 2:
            raise ShapeError(f"[linear] t() expects a tensor with <= 2 dimensions, but self is {weight.dim()}D: a "
                             f"weight (out_features, in_features) was expected; got shape {tuple(weight.shape)}")
        try:
            if bias is not None:
                return (P.linear(input, weight, bias) if input.dim() == 2
                        else P.linear(input, weight, bias, label="View"))
            return P.linear(input, weight, label=_PRODUCTS.get(input.dim(), "UnsafeView"))
        except LayoutError:
            return registry.of_sparse("linear", (input, weight, bias), {})
    except UNASKED:
        return once_more(linear, input, weight, bias)


@in_float32
def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x₁ᵀ W x₂ + b.

    ``input1`` is ``(..., in1)``, ``input2`` ``(..., in2)``, ``weight`` ``(out, in1, in2)``, ``bias`` ``(out,)``; the
    result is ``(..., out)``. Raises ShapeError.

    >>> x, y, w = torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0, 4.0]]), torch.eye(2)[None]
    >>> F.bilinear(x, y, w)
    tensor([[11.]])
    """
    for number, (given, expected) in enumerate(((input1, weight.shape[1]), (input2, weight.shape[2])), start=1):
        if given.shape[-1] != expected:
            raise ShapeError(
                f"[bilinear] input{number} size does not match weight size: got {given.shape[-1]} but expected "
                f"{expected} (weight of shape {tuple(weight.shape)})"
            )
    if input1.shape[:-1] != input2.shape[:-1]:
        raise ShapeError("[bilinear] input batch dimensions do not match: got "
                         f"{tuple(input1.shape[:-1])} and {tuple(input2.shape[:-1])}")
    check_one_dtype("bilinear", input1, input2, weight, bias)
    if bias is not None and bias.size(0) != weight.shape[0]:
        raise ShapeError(f"[bilinear] bias size does not match weight size: got {bias.size(0)} but expected "
                         f"{weight.shape[0]}")
    rows = input1.reshape(-1, weight.shape[1])
    # (out, N, in2): every output's matrix applied to every row of the first input.
    halfway = rows @ weight
    result = (halfway * input2.reshape(1, -1, weight.shape[2])).sum(-1).t().contiguous()
    result = result.reshape(*input1.shape[:-1], weight.shape[0])
    return result if bias is None else result + bias


@asking
def embedding(input: Tensor, weight: Tensor, padding_idx: int | None = None, max_norm: float | None = None,
              norm_type: float = 2.0, scale_grad_by_freq: bool = False, sparse: bool = False) -> Tensor:
    """The rows of ``weight`` that ``input`` numbers.

    ``input`` holds integers, any shape ``(...)``; ``weight`` is ``(rows, width)``; the result ``(..., width)``. The row
    ``padding_idx`` gets no gradient. With ``max_norm``, rows that are used and have a larger norm are scaled down in
    place first. ``scale_grad_by_freq`` divides a row's gradient by how often it was used. With ``sparse``
    the gradient of ``weight`` is a sparse tensor that has the rows that were used. Raises IndexError for a number that
    is no row.

    >>> vectors = torch.tensor([[0.0, 0.0], [1.0, 1.0], [2.0, 2.0]])
    >>> F.embedding(torch.tensor([2, 0, 2]), vectors)
    tensor([[2., 2.],
            [0., 0.],
            [2., 2.]])
    """
    if weight.dim() != 2:
        raise (ShapeError if weight.dim() else RankError)(
            f"[embedding] 'weight' must be 2-D; got shape {tuple(weight.shape)}; reshape it to (rows, width)")
    rows = weight.shape[0]
    if padding_idx is not None:
        if not -rows <= padding_idx < rows:
            raise AssertionError("Padding_idx must be within num_embeddings")
        padding_idx %= rows
    if input._data.dtype.name not in ("int64", "int32"):
        raise RuntimeError(
            "[embedding] Expected tensor for argument #1 'indices' to have one of the following scalar types: Long, "
            f"Int; but got {input.type()} instead"
        )
    if max_norm is not None:
        limit_norms(weight, input, max_norm, norm_type)
    try:
        if sparse and state.grad and weight.requires_grad:
            return sparse_rows(weight, input, padding_idx, scale_grad_by_freq)
        rows_read = weight.index_select(0, input.reshape(-1))
        picked = own(P.reshape(rows_read, shape=(*input.shape, *weight.shape[1:]), label="Embedding"), weight)
    except IndexError as error:
        words = str(error).partition("] ")[2].partition(" (index")[0]
        raise OutOfRangeError(f"[embedding] index out of range in self: {words}; indices from 0 to {rows - 1} were "
                              f"expected; num_embeddings must be more than the largest of them") from None
    if not picked.requires_grad:
        return picked
    if padding_idx is not None:
        picked = where((input == padding_idx).unsqueeze(-1), picked.detach(), picked)
    if scale_grad_by_freq:
        counts = input.reshape(-1).bincount(minlength=rows)[input].unsqueeze(-1).to(picked.dtype)
        picked.register_hook(lambda gradient: gradient / counts)
    return picked


def sparse_rows(weight: Tensor, input: Tensor, padding_idx: int | None, scale_grad_by_freq: bool) -> Tensor:
    """The rows of ``weight`` that ``input`` numbers, with a sparse gradient."""
    from ...ops.sparse.rows import rows_of

    if scale_grad_by_freq:
        raise RuntimeError("[embedding] scale_grad_by_freq not supported with sparse gradients; leave it away, or use "
                           "sparse=False")
    return rows_of(weight, input, padding_idx)


def limit_norms(weight: Tensor, input: Tensor, max_norm: float, norm_type: float) -> None:
    """Scale in place the rows of ``weight`` that ``input`` names whose ``norm_type``-norm is above ``max_norm``."""
    with no_grad():
        used = unique(input)
        norms = weight[used].norm(norm_type, dim=-1, keepdim=True)
        scale = where(norms > max_norm, max_norm / (norms + 1e-7), norms.new_ones(()))
        weight[used] = weight[used] * scale


@asking
def one_hot(tensor: Tensor, num_classes: int = -1) -> Tensor:
    """An int64 tensor of one dimension more, 1 at the class that ``tensor`` names and 0 elsewhere.

    ``num_classes=-1`` counts up to the largest class. Raises RuntimeError for a class out of range.

    >>> import wengert as torch
    >>> F.one_hot(torch.tensor([2, 0]))
    tensor([[0, 0, 1],
            [1, 0, 0]])
    """
    if tensor.dtype is not int64:
        raise RuntimeError(f"one_hot is only applicable to index tensor of type LongTensor; got {tensor.type()}")
    if tensor.numel() == 0 and num_classes <= 0:
        raise RuntimeError("Can not infer total number of classes from empty tensor.")
    if num_classes > 0 and tracing():  # the values are not there to be checked
        return (tensor.unsqueeze(-1) == arange(num_classes)).long()
    if tensor.numel() and int(tensor.min()) < 0:
        raise RuntimeError("Class values must be non-negative.")
    largest = int(tensor.max()) if tensor.numel() else -1
    if num_classes == -1:
        num_classes = largest + 1
    elif largest >= num_classes:
        raise RuntimeError("Class values must be smaller than num_classes.")
    return (tensor.unsqueeze(-1) == arange(num_classes)).long().contiguous()


@in_float32
def normalize(
    input: Tensor, p: float = 2.0, dim: int | tuple[int, ...] = 1, eps: float = 1e-12, out: Tensor | None = None
) -> Tensor:
    """x / max(‖x‖ₚ, ε), the norm taken along ``dim``. ``out`` is a tensor to write to, outside the graph.

    >>> F.normalize(torch.tensor([[3.0, 4.0], [0.0, 2.0]]))
    tensor([[0.6000, 0.8000],
            [0.0000, 1.0000]])
    """
    norms = input.norm(p, dim, keepdim=True).clamp_min(eps).expand_as(input)
    return input / norms if out is None else div(input, norms, out=out)


@in_float32
def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """x₁ · x₂ / (max(‖x₁‖, ε) max(‖x₂‖, ε)) along ``dim``.

    >>> a, b = torch.tensor([[1.0, 0.0], [1.0, 0.0]]), torch.tensor([[1.0, 1.0], [-2.0, 0.0]])
    >>> F.cosine_similarity(a, b)
    tensor([ 0.7071, -1.0000])
    """
    check_takes("cosine_similarity", REAL_ONLY, x1, x2)
    if x1.dtype is not x2.dtype:
        if x1.is_complex() or x2.is_complex():
            raise RuntimeError("[cosine_similarity] expected common dtype to be floating point, yet common dtype is "
                               "complex; compare real and imaginary parts")
        common = promote_types(x1.dtype, x2.dtype)
        # Floating tensors are divided by their norms as they are, as in PyTorch.
        x1, x2 = (x if x.is_floating_point() else x.to(common) for x in (x1, x2))
    if x1.shape != x2.shape:
        x1, x2 = broadcast_tensors(x1, x2)
    if not eps >= 0:
        raise RuntimeError(f"[cosine_similarity] eps must be non-negative, got: {eps}")
    shares = []
    for x in (x1, x2):
        norm = x.norm(2, dim, keepdim=True)
        below = (eps - norm.detach()).clamp_min(0)  # a constant: the gradient is that of the norm itself
        shares.append(x / (norm + below))
    return (shares[0] * shares[1]).sum(dim)


@in_float32
def pairwise_distance(x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> Tensor:
    """‖x₁ − x₂ + ε‖ₚ along the last dimension.

    >>> F.pairwise_distance(torch.tensor([[0.0, 0.0]]), torch.tensor([[3.0, 4.0]]))
    tensor([5.0000])
    """
    return (x1 - x2 + eps).norm(p, -1, keepdim=keepdim)


@asking
def pdist(input: Tensor, p: float = 2.0) -> Tensor:
    """The p-norms of the differences of all pairs of rows of ``(N, D)``: ``(N (N − 1) / 2,)``, in the order of the
    upper triangle. Raises ShapeError for another rank, RuntimeError for a negative ``p`` or what is not floating.

    >>> F.pdist(torch.tensor([[0.0, 0.0], [3.0, 4.0], [0.0, 1.0]]))
    tensor([5.0000, 1.0000, 4.2426])
    """
    if input.dim() != 2:
        raise ShapeError(f"[pdist] pdist only supports 2D tensors, got: {input.dim()}D")
    if not p >= 0:
        raise RuntimeError(f"[pdist] pdist only supports non-negative p values; got {p}")
    if not input.is_floating_point():
        raise RuntimeError(f"[pdist] pdist only supports floating-point dtypes; got {input.dtype}")
    check_takes("pdist", HALVES, input)
    n = input.shape[0]
    if p == 2 and state.watcher is None:  # as in `cdist`
        found = P.reshape(P.cdist(input, input), shape=(n * n,))
        return labelled(P.index(found, _pairs(n), places=(True,)), "Pdist")
    rows, others = triu_indices(n, n, 1)
    return vector_norm(input[rows] - input[others], p, -1)


@lru_cache(maxsize=16)
def _pairs(n: int) -> Array:
    """The places of the upper triangle among all elements of an n×n matrix."""
    return np.flatnonzero(np.triu(np.ones((n, n), bool), 1))


@asking
def norm_except_dim(v: Tensor, pow: int = 2, dim: int = 0) -> Tensor:
    """The ``pow``-norms of ``v`` over all dimensions but ``dim``, which keep their places; over all if that is −1.

    >>> torch.norm_except_dim(torch.tensor([[3.0, 4.0], [0.0, 2.0]]), 2, 0)
    tensor([[5.],
            [2.]])
    """
    if dim == -1:
        return vector_norm(v, pow)
    dim = wrap_dim(dim, v.dim(), "norm_except_dim")
    others = tuple(d for d in range(v.dim()) if d != dim)
    return vector_norm(v, pow, others, keepdim=True) if others else v.abs()


def normed(v: Tensor, g: Tensor, dim: int) -> Tensor:
    """g v / ‖v‖."""
    return v * (g / norm_except_dim(v, 2, dim))
