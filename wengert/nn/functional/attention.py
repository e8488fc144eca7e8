"""Attention: every query's weighted mean of the values, weighted by how its product with their keys compares."""

from __future__ import annotations

import math
from typing import Any

from ...core.dtypes import bool_
from ...core.errors import DTypeError, ShapeError
from ...ops import cat, full, ones, zeros
from ...ops.halves import in_float32
from ...tensors.absent import is_readable
from ...tensors.tape import labelled
from ...tensors.tensor import Tensor
from .affine import linear
from .dropouts import dropout


@in_float32
def scaled_dot_product_attention(query: Tensor, key: Tensor, value: Tensor, attn_mask: Tensor | None = None,
                                 dropout_p: float = 0.0, is_causal: bool = False, scale: float | None = None,
                                 enable_gqa: bool = False) -> Tensor:
    """softmax(Q Kᵀ · scale + mask) V (Vaswani et al., *Attention Is All You Need*, 2017, equation 1).

    ``query`` is ``(..., L, E)``, ``key`` ``(..., S, E)``, ``value`` ``(..., S, V)``; the result ``(..., L, V)``.
    ``attn_mask``, broadcast to ``(..., L, S)``, is added, or if bool says what to attend to; ``is_causal`` lets a query
    attend to no later key; ``scale`` is 1/√E if None; ``dropout_p`` drops weights, always. With ``enable_gqa`` the
    heads of key and value, in the third dimension from the end, are repeated to as many as the query has. Raises
    RuntimeError.

    >>> import wengert as torch
    >>> x = torch.eye(2)
    >>> F.scaled_dot_product_attention(x, x, x, is_causal=True)[0]
    tensor([1., 0.])
    """
    if min(query.dim(), key.dim(), value.dim()) < 2:
        raise RuntimeError(
            "[scaled_dot_product_attention] Expected query, key, and value to all be  at least 2 dimensional, but got "
            f"query.dim: {query.dim()} key.dim: {key.dim()} and value.dim: {value.dim()} instead."
        )
    if not query.dtype is key.dtype is value.dtype:
        raise RuntimeError("[scaled_dot_product_attention] Expected query, key, and value to have the same dtype, but "
                           f"got query.dtype: {query.dtype} key.dtype: {key.dtype} and value.dtype: {value.dtype} "
                           "instead.")
    if is_causal and attn_mask is not None:
        raise RuntimeError(
            "[scaled_dot_product_attention] Explicit attn_mask should not be set when is_causal=True; put the causal "
            "part into the mask"
        )
    if enable_gqa:
        heads = query.shape[-3]
        if not key.shape[-3] or not value.shape[-3]:
            raise ShapeError("[scaled_dot_product_attention] keys and values of one head or more were expected; got "
                             f"{list(key.shape)} and {list(value.shape)}")
        if heads % key.shape[-3] or heads % value.shape[-3]:
            raise ShapeError("[scaled_dot_product_attention] Number of heads in key and value must divide the number "
                             f"of heads in query; got {key.shape[-3]} and {value.shape[-3]} for {heads}")
        key, value = (x.repeat_interleave(heads // x.shape[-3], -3) for x in (key, value))
    factor = 1.0 / math.sqrt(query.shape[-1] or 1) if scale is None else scale
    weights = (query * factor) @ key.transpose(-2, -1)
    if is_causal:
        weights = weights.masked_fill(_later(query.shape[-2], key.shape[-2]), -math.inf)
    elif attn_mask is not None:
        masked = attn_mask.dtype is bool_
        if not masked and not attn_mask.is_floating_point() and attn_mask.dtype is not query.dtype:
            raise DTypeError("[scaled_dot_product_attention] Expected attn_mask dtype to be bool or float or to match "
                             f"query dtype, but got attn_mask.dtype: {attn_mask.dtype} and  query.dtype: "
                             f"{query.dtype} instead.; convert it with .bool()")
        weights = weights.masked_fill(~attn_mask, -math.inf) if masked else weights + attn_mask
    weights = _softmax(weights) if attn_mask is not None else weights.softmax(-1)
    if dropout_p > 0.0:
        weights = dropout(weights, dropout_p)
    if query.dim() == 4 and not dropout_p:
        return labelled(weights @ value, "ScaledDotProductFlashAttentionForCpu")
    return weights @ value


def _later(queries: int, keys: int) -> Tensor:
    return ~ones(queries, keys, dtype=bool_).tril()


def _softmax(scores: Tensor) -> Tensor:
    """The softmax along the last dimension, 0 where everything is masked."""
    nothing = (scores.detach() == -math.inf).all(-1, keepdim=True)
    if is_readable(nothing) and not bool(nothing.any()):
        return scores.softmax(-1)
    return scores.masked_fill(nothing, 0.0).softmax(-1).masked_fill(nothing, 0.0)


def additive(mask: Tensor | None, name: str, like: Tensor) -> Tensor | None:
    """A mask as what is added to scores: −∞ where a bool one is True. Raises AssertionError for an integer one."""
    if mask is None:
        return None
    if mask.dtype is bool_:
        return zeros(mask.shape, dtype=like.dtype, device=like.device).masked_fill(mask, -math.inf)
    if not mask.is_floating_point():
        raise AssertionError(f"only bool and floating types of {name} are supported")
    return mask


@in_float32
def multi_head_attention_forward(
    query: Tensor, key: Tensor, value: Tensor, embed_dim_to_check: int, num_heads: int, in_proj_weight: Tensor | None,
    in_proj_bias: Tensor | None, bias_k: Tensor | None, bias_v: Tensor | None, add_zero_attn: bool, dropout_p: float,
    out_proj_weight: Tensor, out_proj_bias: Tensor | None, training: bool = True,
    key_padding_mask: Tensor | None = None, need_weights: bool = True, attn_mask: Tensor | None = None,
    use_separate_proj_weight: bool = False, q_proj_weight: Tensor | None = None, k_proj_weight: Tensor | None = None,
    v_proj_weight: Tensor | None = None, static_k: Tensor | None = None, static_v: Tensor | None = None,
    average_attn_weights: bool = True, is_causal: bool = False,
) -> tuple[Tensor, Tensor | None]:
    """Attention in ``num_heads`` parts of the projected features; what `nn.MultiheadAttention` computes.

    ``query`` is ``(L, N, E)`` or ``(L, E)``, ``key`` and ``value`` ``(S, N, ·)`` or ``(S, ·)``. ``key_padding_mask`` is
    ``(N, S)`` and ``attn_mask`` ``(L, S)`` or ``(N · heads, L, S)``; bool ones say what to leave out. Returns the
    result and, with ``need_weights``, the weights. Raises AssertionError and RuntimeError for shapes that do not fit.

    >>> x = torch.eye(2).reshape(2, 1, 2)
    >>> w, b = torch.eye(2).repeat(3, 1), torch.zeros(6)
    >>> out = torch.eye(2), torch.zeros(2)
    >>> y, weights = F.multi_head_attention_forward(x, x, x, 2, 1, w, b, None, None, False, 0.0, *out)
    >>> weights[0]
    tensor([[0.6698, 0.3302],
            [0.3302, 0.6698]])
    """
    alone = _check_ranks(query, key, value, key_padding_mask, attn_mask)
    if alone:
        same_key, same_value = key is query, value is key
        query = query.unsqueeze(1)
        key = query if same_key else key.unsqueeze(1)
        value = key if same_value else value.unsqueeze(1)
        key_padding_mask = None if key_padding_mask is None else key_padding_mask.unsqueeze(0)
    length, batch, width = query.shape
    if width != embed_dim_to_check:
        raise AssertionError(f"was expecting embedding dimension of {embed_dim_to_check}, but got {width}")
    if width % num_heads:
        raise AssertionError(f"embed_dim {width} not divisible by num_heads {num_heads}")
    if is_causal and attn_mask is None:
        raise RuntimeError("Need attn_mask if specifying the is_causal hint. You may use the Transformer module method "
                           "`generate_square_subsequent_mask` to create this mask.")
    separate = (q_proj_weight, k_proj_weight, v_proj_weight) if use_separate_proj_weight else None
    _check_features(key, value, separate)
    q, k, v = _projections(query, key, value, in_proj_weight, separate, in_proj_bias)
    mask = _score_mask(query, key, key_padding_mask, attn_mask, num_heads)
    if bias_k is not None and bias_v is not None:
        k, v, mask = cat([k, bias_k.repeat(1, batch, 1)]), cat([v, bias_v.repeat(1, batch, 1)]), _wider(mask)
    q, k, v = (_heads(x, batch, num_heads) for x in (q, k, v))
    k = k if static_k is None else static_k.reshape(k.shape)
    v = v if static_v is None else static_v.reshape(v.shape)
    if add_zero_attn:
        room = zeros(batch, num_heads, 1, width // num_heads, dtype=k.dtype, device=k.device)
        k, v, mask = cat([k, room], 2), cat([v, room], 2), _wider(mask)
    drop = dropout_p if training else 0.0
    weights = None
    if need_weights:
        scores = (q * math.sqrt(1.0 / q.shape[-1])) @ k.transpose(-2, -1)
        weights = (scores if mask is None else scores + mask).softmax(-1)
        weights = dropout(weights, drop) if drop > 0.0 else weights
        out = weights @ v
        weights = weights.mean(1) if average_attn_weights else weights
        weights = weights.squeeze(0) if alone else weights
    else:
        # The hint is taken at its word, as in PyTorch: then the keys added above come after all queries.
        causal = is_causal and key_padding_mask is None
        out = scaled_dot_product_attention(q, k, v, None if causal else mask, drop, is_causal=causal)
    out = linear(out.permute(2, 0, 1, 3).reshape(length, batch, width), out_proj_weight, out_proj_bias)
    return (out.squeeze(1) if alone else out), weights


def _check_ranks(query: Tensor, key: Tensor, value: Tensor, padding: Tensor | None, mask: Tensor | None) -> bool:
    """Whether there is no batch dimension."""
    rank = query.dim()
    if rank not in (2, 3):
        raise AssertionError(f"query should be unbatched 2D or batched 3D tensor but received {rank}-D query tensor")
    kind = "batched" if rank == 3 else "unbatched"
    if key.dim() != rank or value.dim() != rank:
        raise AssertionError(
            f"For {kind} ({rank}-D) `query`, expected `key` and `value` to be {rank}-D but found {key.dim()}-D and "
            f"{value.dim()}-D tensors respectively"
        )
    if padding is not None and padding.dim() != rank - 1:
        raise AssertionError(
            f"For {kind} ({rank}-D) `query`, expected `key_padding_mask` to be `None` or {rank - 1}-D but found "
            f"{padding.dim()}-D tensor instead"
        )
    if mask is not None and mask.dim() not in (2, 3):
        raise AssertionError(
            f"For {kind} ({rank}-D) `query`, expected `attn_mask` to be `None`, 2-D or 3-D but found {mask.dim()}-D "
            "tensor instead"
        )
    if key.shape[:-1] != value.shape[:-1]:
        raise AssertionError(f"key shape {key.shape} does not match value shape {value.shape}: key's sequence and "
                             f"batch dims {key.shape[:2]} do not match value's {value.shape[:2]}")
    return rank == 2


def _check_features(key: Tensor, value: Tensor, separate: Any) -> None:
    """Raises AssertionError for keys and values of other features than those that are projected."""
    if separate is None:
        if key.shape != value.shape:
            raise AssertionError(f"key shape {key.shape} does not match value shape {value.shape}")
        return
    for name, x, weight in (("key", key, separate[1]), ("value", value, separate[2])):
        if weight is not None and x.shape[-1] != weight.shape[-1]:
            raise AssertionError(f"expecting {name} weights shape of {(*weight.shape[:-1], x.shape[-1])}, but got "
                                 f"{weight.shape}")


def _projections(
    query: Tensor, key: Tensor, value: Tensor, packed: Tensor | None, separate: Any, bias: Tensor | None
) -> tuple[Tensor, ...]:
    """Queries, keys and values, by one product where they come from one tensor."""
    if separate is not None:
        parts = (None,) * 3 if bias is None else bias.chunk(3)
        return tuple([linear(x, w, b) for x, w, b in zip((query, key, value), separate, parts, strict=True)])
    assert packed is not None
    if query is key and key is value:
        return tuple(linear(query, packed, bias).chunk(3, -1))
    parts = (None,) * 3 if bias is None else bias.chunk(3)
    weights = packed.chunk(3)
    return tuple([linear(x, w, b) for x, w, b in zip((query, key, value), weights, parts, strict=True)])


def _heads(x: Tensor, batch: int, heads: int) -> Tensor:
    """``(S, N, E)`` as ``(N, heads, S, E / heads)``."""
    return x.reshape(x.shape[0], batch, heads, x.shape[-1] // heads).permute(1, 2, 0, 3)


def _wider(mask: Tensor | None) -> Tensor | None:
    """The mask for one key more, to which everybody may attend."""
    return None if mask is None else cat([mask, full((*mask.shape[:-1], 1), 0.0, dtype=mask.dtype)], -1)


def _score_mask(query: Tensor, key: Tensor, padding: Tensor | None, mask: Tensor | None, heads: int) -> Tensor | None:
    """Both masks as one that is added to the scores ``(N, heads, L, S)``."""
    length, batch, source = query.shape[0], query.shape[1], key.shape[0]
    padding, mask = additive(padding, "key_padding_mask", query), additive(mask, "attn_mask", query)
    if mask is not None:
        wanted = (length, source) if mask.dim() == 2 else (batch * heads, length, source)
        if tuple(mask.shape) != wanted:
            raise RuntimeError(f"The shape of the {mask.dim()}D attn_mask is {mask.shape}, but should be {wanted}.")
        mask = mask if mask.dim() == 2 else mask.reshape(batch, heads, length, source)
    if padding is None:
        return mask
    if tuple(padding.shape) != (batch, source):
        raise AssertionError(f"expecting key_padding_mask shape of {(batch, source)}, but got {padding.shape}")
    padding = padding.reshape(batch, 1, 1, source)
    return padding if mask is None else padding + mask
