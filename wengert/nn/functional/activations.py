"""Nonlinearities as functions. Each takes a tensor of any shape and returns one of that shape, unless said otherwise.

Those with ``inplace=True``, and those whose names end in an underscore, overwrite their input and return it.
"""

from __future__ import annotations

import math
from typing import Any

from numpy import generic

from ...core.dtypes import uint8
from ...core.errors import LayoutError, ShapeError
from ...core.primitive import COMPLEX, REAL_ONLY, TRUTHS, P
from ...ops import registry
from ...ops.halves import in_float32
from ...ops.out import COMPUTED
from ...ops.randomness import drawn
from ...ops.registry import with_out
from ...tensors.alias import check_writable, write
from ...tensors.apply import check_takes, number_for, stored_number
from ...tensors.dispatch import dispatch
from ...tensors.given import check_tensor
from ...tensors.inplace import needs_tape, snapshot
from ...tensors.overrides import UNASKED, asking, once_more
from ...tensors.tensor import TENSORS, Tensor

# Klambauer et al., *Self-Normalizing Neural Networks*, 2017, page 4.
SELU_ALPHA = 1.6732632423543772
SELU_SCALE = 1.0507009873554805


def _run(inplace: bool, primitive: Any, input: Tensor, **params: Any) -> Tensor:
    """``primitive(input)``, or the same written over ``input``."""
    for value in params.values():
        if type(value) is not float and type(value) is not int:
            _check_number(primitive.name, value)
    check_tensor(primitive.name, input)
    if not inplace:
        try:
            return dispatch(primitive, (input,), params)
        except LayoutError:
            return registry.of_sparse(primitive.name, (input,), params)
    name = f"{primitive.name}_"
    check_writable(input, name)
    return write(input, primitive(snapshot(input, needs_tape(input)), **params), name)


def _check_number(op: str, value: Any) -> None:
    """Raises for what multiplies as a number does and is none of Python's: then `once_more` finds it in the call."""
    if isinstance(value, complex):
        raise RuntimeError(f"[{op}] value cannot be converted to type float without overflow; got {value}")
    if type(value) in TENSORS or isinstance(value, (generic, tuple, list, str, bytes)):
        raise TypeError(f"{op}(): a number was expected, not {type(value).__name__}")


def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """max(x, 0).

    >>> import wengert as torch
    >>> F.relu(torch.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """
    try:
        return _run(inplace, P.relu, input)
    except UNASKED:
        return once_more(relu, input, inplace)


def relu6(input: Tensor, inplace: bool = False) -> Tensor:
    """min(max(x, 0), 6).

    >>> F.relu6(torch.tensor([-1.0, 3.0, 9.0]))
    tensor([0., 3., 6.])
    """
    try:
        check_takes("relu6", TRUTHS + COMPLEX, input)
        return _between(input, 0.0, 6.0, inplace)
    except UNASKED:
        return once_more(relu6, input, inplace)


def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """x where x > 0, else slope · x.

    >>> F.leaky_relu(torch.tensor([-2.0, 2.0]), 0.1)
    tensor([-0.2000,  2.0000])
    """
    try:
        return _run(inplace, P.leaky_relu, input, negative_slope=negative_slope)
    except UNASKED:
        return once_more(leaky_relu, input, negative_slope, inplace)


def prelu(input: Tensor, weight: Tensor) -> Tensor:
    """x where x > 0, else weight · x (He et al., *Delving Deep into Rectifiers*, 2015).

    ``input`` is ``(N, C, ...)``; ``weight`` has one element, or ``C`` of them. Raises ShapeError.

    >>> F.prelu(torch.tensor([[-4.0, -4.0]]), torch.tensor([0.25, 0.5]))
    tensor([[-1., -2.]])
    """
    try:
        check_tensor("prelu", input)
        if weight.dim() > 1:
            raise ShapeError(f"[prelu] Expected `weight` to be a scalar or 1D tensor, but got: ndim = {weight.dim()}")
        if weight.numel() == 1:
            weight = weight.reshape(())
        else:
            channels = input.shape[1] if input.dim() > 1 else 1
            if weight.numel() != channels:
                raise ShapeError("[prelu] Mismatch of parameter numbers and input channel size. Found parameter "
                                 f"numbers = {weight.numel()} and channel size = {channels} (input of shape "
                                 f"{tuple(input.shape)}); use num_parameters={channels}")
            weight = weight.view(-1, *(1,) * (input.dim() - 2))
        return P.prelu(input, weight)
    except UNASKED:
        return once_more(prelu, input, weight)


def rrelu(
    input: Tensor, lower: float = 1.0 / 8, upper: float = 1.0 / 3, training: bool = False, inplace: bool = False
) -> Tensor:
    """x where x > 0, else slope · x (Xu et al., *Empirical Evaluation of Rectified Activations*, 2015).

    In training each slope is drawn uniformly from ``[lower, upper]``; in evaluation it is the mean of the two.

    >>> F.rrelu(torch.tensor([-8.0, 2.0]), lower=0.25, upper=0.25)
    tensor([-2.,  2.])
    """
    try:
        if lower > upper:
            raise RuntimeError("[rrelu] Lower bound should be less than or equal to the upper bound; got "
                               f"{lower}, {upper}")
        registry.check_flag("rrelu", "training", training)
        if not training:
            return leaky_relu(input if inplace else input.contiguous(), (lower + upper) / 2, inplace)
        check_takes("rrelu_with_noise_out_cpu", REAL_ONLY + "e", input)
        slopes = drawn("rrelu slopes", None, input.detach() <= 0, dtype=input.dtype, numbers=(lower, upper))
        return input.mul_(slopes) if inplace else (input * slopes).contiguous()  # however the input lies, as in PyTorch
    except UNASKED:
        return once_more(rrelu, input, lower, upper, training, inplace)


def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """x where x > 0, else α (eˣ − 1) (Clevert et al., 2015).

    >>> F.elu(torch.tensor([-2.0, 0.0, 2.0]))
    tensor([-0.8647,  0.0000,  2.0000])
    """
    try:
        return _run(inplace, P.elu, input, alpha=alpha)
    except UNASKED:
        return once_more(elu, input, alpha, inplace)


def selu(input: Tensor, inplace: bool = False) -> Tensor:
    """The scaled `elu` under which activations keep mean 0 and variance 1 (Klambauer et al., 2017).

    >>> F.selu(torch.tensor([-1.0, 0.0, 1.0]))
    tensor([-1.1113,  0.0000,  1.0507])
    """
    try:
        return _run(inplace, P.elu, input, alpha=SELU_ALPHA, scale=SELU_SCALE)
    except UNASKED:
        return once_more(selu, input, inplace)


def celu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """x where x > 0, else α (e^(x/α) − 1) (Barron, 2017). Raises RuntimeError for α = 0.

    >>> F.celu(torch.tensor([-2.0, 0.0, 2.0]))
    tensor([-0.8647,  0.0000,  2.0000])
    """
    try:
        if alpha == 0:
            raise RuntimeError("[celu] ZeroDivisionError: alpha cannot be 0 for CELU")
        return _run(inplace, P.elu, input, alpha=alpha, input_scale=1.0 / alpha)
    except UNASKED:
        return once_more(celu, input, alpha, inplace)


def gelu(input: Tensor, approximate: str = "none", *, out: Tensor | None = None) -> Tensor:
    """x Φ(x), with Φ the standard normal distribution function (Hendrycks & Gimpel, 2016).

    ``approximate="tanh"`` takes the paper's formula with tanh for it. Raises RuntimeError for any other word.

    >>> F.gelu(torch.tensor([-1.0, 0.0, 1.0]))
    tensor([-0.1587,  0.0000,  0.8413])
    """
    try:
        if out is not None:
            return COMPUTED(gelu, (input, approximate), {}, out, "gelu")
        check_tensor("gelu", input)
        if approximate == "none":
            return P.gelu(input)
        if approximate == "tanh":
            return P.gelu_tanh(input)
        raise RuntimeError(f"[gelu] approximate argument must be either none or tanh; got {approximate!r}")
    except UNASKED:
        return once_more(gelu, input, approximate, out=out)


def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """x σ(x), also called swish.

    >>> F.silu(torch.tensor([-2.0, 0.0, 2.0]))
    tensor([-0.2384,  0.0000,  1.7616])
    """
    try:
        return _run(inplace, P.silu, input)
    except UNASKED:
        return once_more(silu, input, inplace)


def mish(input: Tensor, inplace: bool = False) -> Tensor:
    """x tanh(softplus(x)) (Misra, 2019).

    >>> F.mish(torch.tensor([-1.0, 0.0, 1.0]))
    tensor([-0.3034,  0.0000,  0.8651])
    """
    try:
        return _run(inplace, P.mish, input)
    except UNASKED:
        return once_more(mish, input, inplace)


@with_out
def softplus(input: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """log(1 + e^(βx)) / β; x itself where βx > ``threshold``.

    >>> F.softplus(torch.tensor([-5.0, 0.0, 30.0]))
    tensor([6.7153e-03, 6.9315e-01, 3.0000e+01])
    """
    check_tensor("softplus", input)
    return P.softplus(input, beta=beta, threshold=threshold)


@in_float32
def softsign(input: Tensor) -> Tensor:
    """x / (1 + |x|).

    >>> F.softsign(torch.tensor([-1.0, 0.0, 3.0]))
    tensor([-0.5000,  0.0000,  0.7500])
    """
    return input / (input.abs() + 1)


def sigmoid(input: Tensor) -> Tensor:
    """1 / (1 + e⁻ˣ).

    >>> F.sigmoid(torch.tensor([-2.0, 0.0, 2.0]))
    tensor([0.1192, 0.5000, 0.8808])
    """
    try:
        check_tensor("sigmoid", input)
        return P.sigmoid(input)
    except UNASKED:
        return once_more(sigmoid, input)


@with_out
def logsigmoid(input: Tensor) -> Tensor:
    """log σ(x).

    >>> F.logsigmoid(torch.tensor([-1000.0, 0.0, 5.0]))
    tensor([-1.0000e+03, -6.9315e-01, -6.7153e-03])
    """
    check_tensor("logsigmoid", input)
    return P.log_sigmoid(input.contiguous())


def tanh(input: Tensor) -> Tensor:
    """The hyperbolic tangent.

    >>> F.tanh(torch.tensor([-1.0, 0.0, 20.0]))
    tensor([-0.7616,  0.0000,  1.0000])
    """
    try:
        check_tensor("tanh", input)
        return P.tanh(input)
    except UNASKED:
        return once_more(tanh, input)


def tanhshrink(input: Tensor) -> Tensor:
    """x − tanh x.

    >>> F.tanhshrink(torch.tensor([-1.0, 0.0, 2.0]))
    tensor([-0.2384,  0.0000,  1.0360])
    """
    try:
        check_tensor("tanhshrink", input)
        return input - P.tanh(input)
    except UNASKED:
        return once_more(tanhshrink, input)


def hardtanh(input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Tensor:
    """x cut off at ``min_val`` and ``max_val``. Raises ValueError if they are the wrong way round.

    >>> F.hardtanh(torch.tensor([-2.0, 0.5, 2.0]))
    tensor([-1.0000,  0.5000,  1.0000])
    """
    try:
        if min_val > max_val:
            raise ValueError(f"[hardtanh] min_val ({min_val}) cannot be greater than max_val ({max_val})")
        check_takes("hardtanh", TRUTHS + COMPLEX, input)
        if input.dtype is uint8 and int(min_val) < 0:
            raise NotImplementedError("[hardtanh] cannot do hardtanh on an unsigned type with negative limits; got "
                                      f"{min_val} and {max_val}")
        return _between(input, min_val, max_val, inplace)
    except UNASKED:
        return once_more(hardtanh, input, min_val, max_val, inplace)


def _between(input: Tensor, low: float, high: float, inplace: bool) -> Tensor:
    """`hardtanh`, whose bounds are whole for integers."""
    if input.dtype.kind in "iu":
        low, high = int(low), int(high)
    return _run(inplace, P.hardtanh, input, low=low, high=high)


def hardsigmoid(input: Tensor, inplace: bool = False) -> Tensor:
    """min(max(x + 3, 0), 6) / 6.

    >>> F.hardsigmoid(torch.tensor([-4.0, 0.0, 1.5, 4.0]))
    tensor([0.0000, 0.5000, 0.7500, 1.0000])
    """
    try:
        return _run(inplace, P.hardsigmoid, input)
    except UNASKED:
        return once_more(hardsigmoid, input, inplace)


def hardswish(input: Tensor, inplace: bool = False) -> Tensor:
    """x · hardsigmoid(x) (Howard et al., *Searching for MobileNetV3*, 2019).

    >>> F.hardswish(torch.tensor([-4.0, -1.5, 1.5, 4.0]))
    tensor([-0.0000, -0.3750,  1.1250,  4.0000])
    """
    try:
        return _run(inplace, P.hardswish, input)
    except UNASKED:
        return once_more(hardswish, input, inplace)


@with_out
def hardshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """x where |x| > ``lambd``, else 0.

    >>> F.hardshrink(torch.tensor([-1.0, -0.3, 0.3, 1.0]))
    tensor([-1.,  0.,  0.,  1.])
    """
    check_tensor("hardshrink", input)
    return P.hardshrink(input, limit=lambd)


@with_out
def softshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """x moved towards 0 by ``lambd``, and no further than 0. Raises RuntimeError for a negative ``lambd``.

    >>> F.softshrink(torch.tensor([-1.0, 0.3, 1.0]))
    tensor([-0.5000,  0.0000,  0.5000])
    """
    if not 0 <= lambd < math.inf:
        raise RuntimeError(f"[softshrink] lambda must be in range [0, ∞), but found {lambd:g}")
    check_tensor("softshrink", input)
    return P.softshrink(input, limit=lambd)


@asking
def threshold(input: Tensor, threshold: float, value: float, inplace: bool = False) -> Tensor:
    """x where x > ``threshold``, else ``value``.

    >>> F.threshold(torch.tensor([-1.0, 0.5, 2.0]), 1.0, 0.0)
    tensor([0., 0., 2.])
    """
    check_takes("threshold", TRUTHS + COMPLEX, input)
    limit, value = (number_for(stored_number("threshold", number, input.dtype), input.dtype)
                    for number in (threshold, value))
    return _run(inplace, P.threshold, input, limit=limit, value=value)


@in_float32
def glu(input: Tensor, dim: int = -1) -> Tensor:
    """a σ(b), with a and b the halves of ``input`` along ``dim`` (Dauphin et al., 2017). Raises ShapeError.

    >>> F.glu(torch.tensor([1.0, 2.0, 0.0, 100.0]))
    tensor([0.5000, 2.0000])
    """
    if input.dim() == 0:
        raise ShapeError("[glu] glu does not support scalars because halving size must be even")
    if input.shape[dim] % 2:
        raise ShapeError(
            f"[glu] Halving dimension must be even, but dimension {dim % input.dim()} is size {input.shape[dim]}"
        )
    check_takes("glu", REAL_ONLY, input)
    kept, gate = input.chunk(2, dim)
    return kept * P.sigmoid(gate)


def relu_(input: Tensor) -> Tensor:
    """`relu` in place."""
    try:
        return relu(input, inplace=True)
    except UNASKED:
        return once_more(relu_, input)


def elu_(input: Tensor, alpha: float = 1.0) -> Tensor:
    """`elu` in place."""
    try:
        return elu(input, alpha, inplace=True)
    except UNASKED:
        return once_more(elu_, input, alpha)


def selu_(input: Tensor) -> Tensor:
    """`selu` in place."""
    try:
        return selu(input, inplace=True)
    except UNASKED:
        return once_more(selu_, input)


def celu_(input: Tensor, alpha: float = 1.0) -> Tensor:
    """`celu` in place."""
    try:
        return celu(input, alpha, inplace=True)
    except UNASKED:
        return once_more(celu_, input, alpha)


def leaky_relu_(input: Tensor, negative_slope: float = 0.01) -> Tensor:
    """`leaky_relu` in place."""
    try:
        return leaky_relu(input, negative_slope, inplace=True)
    except UNASKED:
        return once_more(leaky_relu_, input, negative_slope)


def rrelu_(input: Tensor, lower: float = 1.0 / 8, upper: float = 1.0 / 3, training: bool = False) -> Tensor:
    """`rrelu` in place."""
    try:
        return rrelu(input, lower, upper, training, inplace=True)
    except UNASKED:
        return once_more(rrelu_, input, lower, upper, training)


def hardtanh_(input: Tensor, min_val: float = -1.0, max_val: float = 1.0) -> Tensor:
    """`hardtanh` in place."""
    try:
        return hardtanh(input, min_val, max_val, inplace=True)
    except UNASKED:
        return once_more(hardtanh_, input, min_val, max_val)


def threshold_(input: Tensor, threshold: float, value: float) -> Tensor:
    """`threshold` in place."""
    try:
        return _threshold(input, threshold, value, inplace=True)
    except UNASKED:
        return once_more(threshold_, input, threshold, value)


_threshold = threshold  # which is also the name of a parameter
