"""What `nn.SyncBatchNorm` computes: batch normalisation by the mean and the variance of all ranks' batches together.

Forward sends each rank's count, mean and sum of squares about it, as (Chan et al., 1983) puts them together without
loss; backward sends the two sums over the batch that the derivative has (Ioffe & Szegedy, 2015, section 3).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..autograd.function import Function
from ..core.dtypes import from_numpy
from ..core.state import state
from ..tensors.alias import wrote
from ..tensors.tensor import Tensor, make
from . import transport
from .collectives import group_of
from .groups import Call, ProcessGroup
from .nn.functional import all_reduce
from .transport import ReduceOp


def synchronised(layer: Any, input: Tensor) -> Tensor | None:
    """``layer``, a `SyncBatchNorm`, of ``input``, ``(N, C, ...)``; None where no other process has a part."""
    group = group_of(layer.process_group)
    if group is None or group.size() == 1:
        return None
    if input.shape[1] != layer.num_features:
        raise ValueError(f"[SyncBatchNorm] {layer.num_features} features were expected; got {input.shape[1]}")
    out, mean, unbiased = _Normalised.apply(input, layer.weight, layer.bias, layer.eps, group)
    if layer.training and layer.track_running_stats:
        layer.num_batches_tracked.add_(1)
        momentum = 1.0 / float(layer.num_batches_tracked) if layer.momentum is None else layer.momentum
        for running, new in ((layer.running_mean, mean._data), (layer.running_var, unbiased._data)):
            running._data[...] = (1 - momentum) * running._data + momentum * new
            wrote(running)
    return out


def _exchange(group: ProcessGroup, name: str, rows: Any) -> Any:
    """The array of each rank, ``(ranks, *rows.shape)``."""

    def body(call: Call) -> Any:
        return transport.allgather(call, rows).view(rows.dtype).reshape(group.size(), *rows.shape)

    return group.run(name, f"of {rows.shape}", body)


class _Normalised(Function):
    """``(x - mean) / sqrt(variance + eps) * weight + bias``, with the mean and variance of all ranks."""

    @staticmethod
    def forward(ctx: Any, input: Tensor, weight: Tensor | None, bias: Tensor | None, eps: float, group: ProcessGroup
                ) -> Any:
        x = input._data
        wide = x.astype(np.float64 if x.dtype == np.float64 else np.float32, copy=False)
        axes = (0, *range(2, x.ndim))
        shape = (1, -1) + (1,) * (x.ndim - 2)
        count = x.size // x.shape[1]
        rows = np.zeros((3, x.shape[1]), np.float64)
        if count:
            rows[0] = count
            rows[1] = wide.mean(axes, dtype=np.float64)
            rows[2] = ((wide - rows[1].reshape(shape)) ** 2).sum(axes, dtype=np.float64)
        counts, means, squares = np.moveaxis(_exchange(group, "SyncBatchNorm.forward", rows), 1, 0)
        total = float(counts[:, 0].sum())
        if total <= 1:
            raise ValueError(f"Expected more than 1 value per channel when training, got input size {input.shape}")
        mean = (counts * means).sum(0) / total
        variance = (squares + counts * (means - mean) ** 2).sum(0) / total
        scale = (1.0 / np.sqrt(variance + eps)).astype(wide.dtype)
        normal = (wide - mean.astype(wide.dtype).reshape(shape)) * scale.reshape(shape)
        out = normal if weight is None else normal * weight._data.reshape(shape)
        out = out if bias is None else out + bias._data.reshape(shape)
        ctx.group, ctx.total, ctx.eps, ctx.axes, ctx.shape = group, total, eps, axes, shape
        ctx.mean, ctx.scale = mean.astype(wide.dtype).reshape(shape), scale.reshape(shape)
        ctx.save_for_backward(input, weight)
        ctx.has_bias = bias is not None
        of_running = make(mean, None), make(variance * (total / (total - 1)), None)
        ctx.mark_non_differentiable(*of_running)
        return make(out.astype(x.dtype, copy=False), None), *of_running

    @staticmethod
    def backward(ctx: Any, ct: Tensor, *others: Any) -> Any:
        input, weight = ctx.saved_tensors
        if state.grad:
            return _derivative(ctx, input, weight, ct)
        cts = ct._data.astype(ctx.scale.dtype, copy=False)
        x = (input._data.astype(ctx.scale.dtype, copy=False) - ctx.mean) * ctx.scale
        sums = np.stack([cts.sum(ctx.axes, dtype=np.float64), (cts * x).sum(ctx.axes, dtype=np.float64)])
        of_bias, of_weight = sums.astype(x.dtype)
        everywhere = sums.copy()

        def body(call: Call) -> None:
            transport.allreduce(call, everywhere, ReduceOp.SUM)

        ctx.group.run("SyncBatchNorm.backward", f"of {sums.shape}", body)
        mean_ct, mean_ct_x = ((everywhere / ctx.total).astype(x.dtype)).reshape(2, *ctx.shape)
        scale = ctx.scale if weight is None else ctx.scale * weight._data.reshape(ctx.shape)
        back = scale * (cts - mean_ct - x * mean_ct_x)
        return (make(back.astype(ct._data.dtype, copy=False), None), None if weight is None else make(of_weight, None),
                make(of_bias, None) if ctx.has_bias else None, None, None)


def _derivative(ctx: Any, input: Any, weight: Any, ct: Any) -> Any:
    """`_Normalised.backward` in operations that can be differentiated in turn: the statistics, which are saved as
    numbers, are computed once more from the input, and what they are sums over all ranks of is again (`all_reduce`)."""

    def over_all(x: Any) -> Any:
        return all_reduce(x.sum(ctx.axes, keepdim=True), ReduceOp.SUM, ctx.group) / ctx.total

    wide = from_numpy(ctx.scale.dtype)
    x, cts = input.to(wide), ct.to(wide)
    centred = x - over_all(x)
    scale = (over_all(centred * centred) + ctx.eps).rsqrt()
    normal = centred * scale
    of_weight, of_bias = (cts * normal).sum(ctx.axes), cts.sum(ctx.axes)
    back = scale * (cts - over_all(cts) - normal * over_all(cts * normal))
    if weight is not None:
        back = back * weight.reshape(ctx.shape)
    return (back.to(ct.dtype), None if weight is None else of_weight.to(weight.dtype),
            of_bias.to(ct.dtype) if ctx.has_bias else None, None, None)
