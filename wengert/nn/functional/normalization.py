"""Normalisation by statistics of a batch, of an example, or of a group of channels."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

from numpy import ndarray

from ...autograd.levels import level
from ...autograd.modes import no_grad
from ...core.dtypes import bfloat16, finfo, float16, float32, promote_types
from ...core.errors import ShapeError
from ...core.primitive import INTEGERS, REAL_ONLY, TRUTHS, P
from ...core.quantity import Quantity
from ...core.state import state
from ...ops.accumulation import writes_directly
from ...ops.arguments import real
from ...ops.conversion import in_format_of
from ...ops.halves import in_float32
from ...tensors.alias import own, wrote
from ...tensors.apply import check_constant, check_takes
from ...tensors.overrides import UNASKED, asking, once_more
from ...tensors.tensor import Tensor
from .geometry import sizes_given
from .padding import pad
from .pooling import avg_pool2d, avg_pool3d


@asking
def batch_norm(input: Tensor, running_mean: Tensor | None, running_var: Tensor | None, weight: Tensor | None = None,
               bias: Tensor | None = None, training: bool = False, momentum: float = 0.1, eps: float = 1e-5) -> Tensor:
    """(x − mean) / √(variance + eps) · weight + bias for every channel of ``(N, C, ...)`` (Ioffe & Szegedy, 2015).

    In ``training``, mean and variance are those of the batch, and the running ones, if given, move towards them in
    place by ``momentum`` (the running variance towards the unbiased one). Otherwise the running ones are used. Raises
    ValueError where a channel has a single value in training, and RuntimeError for sizes that do not fit.

    >>> x = torch.tensor([[1.0, 10.0], [3.0, 30.0]])
    >>> F.batch_norm(x, None, None, training=True)
    tensor([[-1.0000, -1.0000],
            [ 1.0000,  1.0000]])
    >>> F.batch_norm(x, torch.tensor([2.0, 20.0]), torch.tensor([1.0, 100.0]))
    tensor([[-1.0000, -1.0000],
            [ 1.0000,  1.0000]])
    """
    channels = input.shape[1] if input.dim() > 1 else min(input.numel(), 1)
    for name, given in (
        ("running_mean", running_mean),
        ("running_var", running_var),
        ("weight", weight),
        ("bias", bias),
    ):
        if given is not None and given.numel() != channels:
            raise ShapeError(f"[batch_norm] {name} should contain {channels} elements not {given.numel()}")
    _check_running("batch_norm", running_mean, running_var)
    if eps < 0 or (training and not eps):
        kind = "positive during training" if training else "non-negative"
        raise ValueError(f"batch_norm eps must be {kind}, but got {eps}")
    for given in (weight, bias, running_mean, running_var):
        if given is not None and given._data.dtype is not input._data.dtype:
            _check_mixed("batch_norm", input, weight, bias, running_mean, running_var)
    if not input.numel():
        return _of_nothing(input, weight, bias, 0)
    if running_mean is not None:
        check_constant("batch_norm", running_mean=running_mean, running_var=running_var)
    if not training:
        if running_mean is None or running_var is None:
            raise RuntimeError("[batch_norm] running_mean and running_var must be defined in evaluation mode")
        return _by_running(input, running_mean, running_var, weight, bias, eps)
    if eps <= 0:
        raise ValueError(f"batch_norm eps must be positive during training, but got {eps}")
    count = input.numel() // max(channels, 1)
    if count == 1:
        raise ValueError(f"Expected more than 1 value per channel when training, got input size {input.shape}")
    dims = (0, *range(2, input.dim()))
    shape = (1, channels, *(1,) * (input.dim() - 2))
    affine = _shaped(weight, bias, shape)
    if affine and type(affine[-1]._data) is not ndarray and level() is not None:
        # Inside a transformation they may vary where the statistics, which are written, do not.
        out, mean, variance = P.normalize(input, dim=dims, eps=eps)
        out = out if affine[0] is None else out * affine[0]
        out = out if len(affine) < 2 else out + affine[1]
    else:
        out, mean, variance = P.normalize(input, *affine, dim=dims, eps=eps)
    if running_mean is not None:
        _move(running_mean, mean, 1 - momentum, momentum)
    if running_var is not None:
        _move(running_var, variance, 1 - momentum, momentum * (count / (count - 1)))
    return out


def _check_running(op: str, mean: Tensor | None, variance: Tensor | None) -> None:
    if (mean is None) != (variance is None):
        raise ValueError("running_mean and running_var must either both be None or neither be None")
    if mean is not None and variance is not None and (mean.dim() != 1 or variance.dim() != 1):
        raise ShapeError(f"[{op}] running statistics of 1 dimension were expected; got shapes {list(mean.shape)} and "
                         f"{list(variance.shape)}")


def _move(running: Tensor, latest: Tensor, keep: float, share: float) -> None:
    """``keep`` of a running statistic, in place, and ``share`` of the latest one."""
    array, new = running._data, latest._data
    if writes_directly(running, keep, share) and type(new) is ndarray and new.dtype is array.dtype:
        state.quiet(_move_array, array, new.reshape(array.shape), keep, share)
        wrote(running)
        return
    with no_grad():
        running.mul_(keep).add_(P.reshape(latest, shape=tuple(running.shape)), alpha=share)


def _move_array(running: ndarray, latest: ndarray, keep: float, share: float) -> None:
    running *= keep
    running += latest * share


def _of_nothing(input: Tensor, weight: Tensor | None, bias: Tensor | None, place: Any) -> Tensor:
    """What normalising no elements gives: none. Weight and bias, of which ``place`` fits, get gradients of 0, and there
    are no statistics."""
    check_takes("normalize", REAL_ONLY, input)
    out = input.clone() if weight is None else input * weight[place]
    return out if bias is None else out + bias[place]


def _check_mixed(op: str, input: Tensor, *parameters: Tensor | None) -> None:
    """Raises unless the parameters are all of the input's dtype, or all float32 beside an input in half precision."""
    check_takes(op, REAL_ONLY, input)
    dtypes = {x.dtype for x in parameters if x is not None}
    if dtypes != {input.dtype} and not (dtypes == {float32} and input.dtype in (float16, bfloat16)):
        raise RuntimeError(f"[{op}] parameters and statistics of the input's dtype, {input.dtype}, were expected (or "
                           f"all of float32 beside half precision); got {', '.join(sorted(map(str, dtypes)))}; convert "
                           "the input or the module with .to(...)")


def _by_running(
    input: Tensor, mean: Tensor, variance: Tensor, weight: Tensor | None, bias: Tensor | None, eps: float
) -> Tensor:
    shape = (1, -1, *(1,) * (input.dim() - 2))
    wide = promote_types(input.dtype, float32)
    scale = (variance.to(wide) + eps).rsqrt()
    if weight is not None:
        scale = scale * weight
    out = (input - mean.reshape(shape).to(wide)) * scale.reshape(shape)
    return in_format_of((out if bias is None else out + bias.reshape(shape)).to(input.dtype), input)


def _shaped(weight: Tensor | None, bias: Tensor | None, shape: Any) -> tuple[Any, ...]:
    """Weight and bias as operands of `normalize`: as few as there are, in the shape in which they broadcast."""
    given = (bias, weight)  # the weight's node is the younger one: its gradient is complete first
    parts = [part if part is None or part._data.shape == shape else P.reshape(part, shape=shape) for part in given]
    parts.reverse()
    while parts and parts[-1] is None:
        parts.pop()
    return tuple(parts)


def layer_norm(input: Tensor, normalized_shape: Sequence[int], weight: Tensor | None = None, bias: Tensor | None = None,
               eps: float = 1e-5) -> Tensor:
    """Every example to mean 0 and variance 1 over its last dimensions, which are ``normalized_shape`` (Ba et al.,
    2016).

    ``weight`` and ``bias`` have that shape. Raises ShapeError.

    >>> F.layer_norm(torch.tensor([[1.0, 3.0], [10.0, 30.0]]), (2,))
    tensor([[-1.0000,  1.0000],
            [-1.0000,  1.0000]])
    """
    try:
        if type(eps) is not float and not isinstance(eps, Quantity):
            eps = real(eps, "layer_norm")
        shape = _trailing("layer_norm", input, normalized_shape, weight, bias)
        rank = input.dim()
        dims = tuple(range(rank - len(shape), rank))
        if not input.numel():
            return _of_nothing(input, weight, bias, ...)
        return P.normalize(input, *_shaped(weight, bias, shape), dim=dims, eps=eps, label="NativeLayerNorm")[0]
    except UNASKED:
        return once_more(layer_norm, input, normalized_shape, weight, bias, eps)


@in_float32
def rms_norm(
    input: Tensor, normalized_shape: Sequence[int], weight: Tensor | None = None, eps: float | None = None
) -> Tensor:
    """x / √(mean of x² + eps) · weight over the last dimensions (Zhang & Sennrich, 2019). ``eps`` is the dtype's own
    where it is None. Raises ShapeError.

    >>> F.rms_norm(torch.tensor([[3.0, 4.0]]), (2,))
    tensor([[0.8485, 1.1314]])
    """
    shape = _trailing("rms_norm", input, normalized_shape, weight, None)
    if input._data.dtype.kind in "biu":
        check_takes("rms_norm", INTEGERS + TRUTHS, input)
    dims = tuple(range(-len(shape), 0))
    small = finfo(input.dtype).eps if eps is None else eps
    out = input * (input.square().mean(dims, keepdim=True) + small).rsqrt()
    return in_format_of(out if weight is None else (out * weight).to(input.dtype), input)


def _trailing(
    op: str, input: Tensor, normalized_shape: Sequence[int], weight: Tensor | None, bias: Tensor | None
) -> tuple[int, ...]:
    shape = sizes_given(op, "normalized_shape", normalized_shape)
    if not shape:
        raise RuntimeError(
            f"[{op}] Expected normalized_shape to be at least 1-dimensional, i.e., containing at least one element"
        )
    for name, given in (("weight", weight), ("bias", bias)):
        if given is not None and given._data.shape != shape:
            raise ShapeError(f"[{op}] Expected {name} to be of same shape as normalized_shape, but got {name} of shape "
                             f"{list(given.shape)} and normalized_shape = {list(shape)}")
    if input._data.shape[-len(shape) :] != shape:
        raise ShapeError(f"[{op}] Given normalized_shape={list(shape)}, expected input with shape [*, "
                         f"{', '.join(map(str, shape))}], but got input of size{list(input.shape)}")
    return shape


@asking
def group_norm(
    input: Tensor, num_groups: int, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5
) -> Tensor:
    """Every example to mean 0 and variance 1 over groups of channels of ``(N, C, ...)`` (Wu & He, 2018). Raises
    RuntimeError where the groups do not divide the channels.

    >>> F.group_norm(torch.tensor([[1.0, 3.0, 10.0, 30.0]]), 2)
    tensor([[-1.0000,  1.0000, -1.0000,  1.0000]])
    """
    if input.dim() < 2:
        raise RuntimeError(f"[group_norm] Expected at least 2 dimensions for input tensor but received {input.dim()}")
    samples, channels = input.shape[:2]
    if num_groups < 1 or channels % num_groups:
        raise RuntimeError(
            "[group_norm] Expected number of channels in input to be divisible by num_groups, from 1 on, but got input "
            f"of shape {list(input.shape)} and num_groups={num_groups}"
        )
    for name, given in (("weight", weight), ("bias", bias)):
        if given is not None and tuple(given.shape) != (channels,):
            raise ShapeError(f"[group_norm] Expected {name} to be a vector of size equal to the number of channels in "
                             f"input, but got {name} of shape {list(given.shape)} and input of shape "
                             f"{list(input.shape)}")
    if prod(input.shape[1:]) // num_groups * samples == 1:
        raise ValueError(f"Expected more than 1 value per channel when training, got input size {input.shape}")
    grouped = input.reshape(samples, num_groups, channels // num_groups, prod(input.shape[2:]))
    affine = _shaped(weight, bias, (1, num_groups, channels // num_groups, 1))
    out = P.normalize(grouped, *affine, dim=(2, 3), eps=eps, label="NativeGroupNorm")[0]
    return own(in_format_of(out.reshape(input.shape), input))


@asking
def instance_norm(input: Tensor, running_mean: Tensor | None = None, running_var: Tensor | None = None,
                  weight: Tensor | None = None, bias: Tensor | None = None, use_input_stats: bool = True,
                  momentum: float = 0.1, eps: float = 1e-5) -> Tensor:
    """Every channel of every example of ``(N, C, ...)`` to mean 0 and variance 1 (Ulyanov et al., 2016).

    The running statistics, if given, move in place towards the means over the batch; without ``use_input_stats`` they
    are what is used. Raises ValueError where a channel has a single value.

    >>> F.instance_norm(torch.tensor([[[1.0, 3.0], [10.0, 30.0]]]))[0]
    tensor([[-1.0000,  1.0000],
            [-1.0000,  1.0000]])
    """
    if not use_input_stats:
        return batch_norm(input, running_mean, running_var, weight, bias, False, momentum, eps)
    _check_running("instance_norm", running_mean, running_var)
    for name, given in (("weight", weight), ("bias", bias)):
        if given is not None and given.dim() > 1:
            raise ShapeError(f"[instance_norm] {name} should have 1 dimension; got shape {list(given.shape)}")
    count = prod(input.shape[2:])
    if count == 1:
        raise ValueError(f"Expected more than 1 spatial element when training, got input size {input.shape}")
    if running_mean is not None:
        check_constant("instance_norm", running_mean=running_mean, running_var=running_var)
    shape = (1, input.shape[1], *(1,) * (input.dim() - 2))
    dims = tuple(range(2, input.dim()))
    out, mean, variance = P.normalize(input, *_shaped(weight, bias, shape), dim=dims, eps=eps)
    rows = tuple(input.shape[:2])
    if not input.numel():
        return out
    with no_grad():
        if running_mean is not None:
            running_mean.mul_(1 - momentum).add_(mean.detach().reshape(rows).mean(0), alpha=momentum)
        if running_var is not None:
            unbiased = variance.detach().reshape(rows).mean(0) * (count / (count - 1))
            running_var.mul_(1 - momentum).add_(unbiased, alpha=momentum)
    return out


@in_float32
def local_response_norm(input: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> Tensor:
    """x / (k + α · mean of x² over ``size`` neighbouring channels)^β (Krizhevsky et al., 2012).

    >>> F.local_response_norm(torch.tensor([[[1.0], [10.0], [1.0]]]), size=3, alpha=1.0).flatten()
    tensor([0.0700, 0.6949, 0.0700])
    """
    if input.dim() < 3:
        raise ValueError(f"Expected 3D or higher dimensionality input (got {input.dim()} dimensions)")
    if input.numel() == 0:
        return input
    squares = input.mul(input)
    ends = (size // 2, (size - 1) // 2)
    if input.dim() == 3:
        means = avg_pool2d(pad(squares.unsqueeze(1), (0, 0, *ends)), (size, 1), stride=1).squeeze(1)
    else:
        planes = squares.view(input.shape[0], 1, input.shape[1], input.shape[2], -1)
        means = avg_pool3d(pad(planes, (0, 0, 0, 0, *ends)), (size, 1, 1), stride=1).squeeze(1).view(input.shape)
    return in_format_of(input / means.mul(alpha).add(k).pow(beta), input)
