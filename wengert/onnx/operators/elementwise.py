"""Operators on elements: arithmetic, comparison, logic, activations, casts."""

from __future__ import annotations

import math
from functools import reduce
from typing import Any

import wengert as torch

from ...nn import functional as F
from ..writer import dtype_of
from .table import OPERATORS, aligned, operator, wrapped

UNARY = {
    "Abs": torch.abs, "Acos": torch.acos, "Acosh": torch.acosh, "Asin": torch.asin, "Asinh": torch.asinh,
    "Atan": torch.atan, "Atanh": torch.atanh, "BitwiseNot": torch.bitwise_not, "Ceil": torch.ceil, "Cos": torch.cos,
    "Cosh": torch.cosh, "Erf": torch.erf, "Exp": torch.exp, "Floor": torch.floor, "IsNaN": torch.isnan,
    "Log": torch.log, "Neg": torch.neg, "Not": torch.logical_not, "Reciprocal": torch.reciprocal, "Relu": torch.relu,
    "Round": torch.round, "Sigmoid": torch.sigmoid, "Sign": torch.sign, "Sin": torch.sin, "Sinh": torch.sinh,
    "Softsign": F.softsign, "Sqrt": torch.sqrt, "Tan": torch.tan, "Tanh": torch.tanh, "HardSwish": F.hardswish,
    "Mish": F.mish, "Identity": lambda x: x,
}
BINARY = {
    "Add": torch.add, "Sub": torch.sub, "Mul": torch.mul, "Equal": torch.eq, "Greater": torch.gt,
    "GreaterOrEqual": torch.ge, "Less": torch.lt, "LessOrEqual": torch.le, "And": torch.logical_and,
    "Or": torch.logical_or, "Xor": torch.logical_xor, "BitwiseAnd": torch.bitwise_and, "BitwiseOr": torch.bitwise_or,
    "BitwiseXor": torch.bitwise_xor,
}


def _unary(function: Any) -> Any:
    return lambda call, x: function(x)


def _binary(function: Any) -> Any:
    return lambda call, x, y: function(x, aligned(call, x, y))


OPERATORS.update({name: _unary(function) for name, function in UNARY.items()})
OPERATORS.update({name: _binary(function) for name, function in BINARY.items()})


@operator("Div")
def _div(call: Any, x: Any, y: Any) -> Any:
    y = aligned(call, x, y)
    return torch.div(x, y) if x.is_floating_point() else torch.div(x, y, rounding_mode="trunc")


@operator("Pow")
def _pow(call: Any, x: Any, y: Any) -> Any:
    y = aligned(call, x, y)
    if y.is_floating_point() or x.is_floating_point():
        return torch.pow(x, y).to(x.dtype)
    return torch.pow(x, y.to(x.dtype))


@operator("Mod")
def _mod(call: Any, x: Any, y: Any) -> Any:
    return torch.fmod(x, y) if call.get("fmod", 0) else torch.remainder(x, y)


@operator("BitShift")
def _bit_shift(call: Any, x: Any, y: Any) -> Any:
    wide_x, wide_y = x.to(torch.int64), y.to(torch.int64)
    if call.get("direction") == "LEFT":
        return torch.bitwise_left_shift(wide_x, wide_y).to(x.dtype)
    if x.dtype is torch.uint64:  # whose highest bit is no sign
        kept = torch.bitwise_right_shift(wide_x, wide_y)
        mask = torch.where(wide_y == 0, -1, torch.bitwise_left_shift(torch.ones_like(wide_y), 64 - wide_y) - 1)
        return torch.bitwise_and(kept, mask).to(x.dtype)
    return torch.bitwise_right_shift(wide_x, wide_y).to(x.dtype)


@operator("Max")
def _max(call: Any, *xs: Any) -> Any:
    return reduce(torch.maximum, xs)


@operator("Min")
def _min(call: Any, *xs: Any) -> Any:
    return reduce(torch.minimum, xs)


@operator("Sum")
def _sum(call: Any, *xs: Any) -> Any:
    return reduce(torch.add, xs)


@operator("Mean")
def _mean(call: Any, *xs: Any) -> Any:
    return reduce(torch.add, xs) / len(xs)


@operator("Where")
def _where(call: Any, condition: Any, x: Any, y: Any) -> Any:
    return torch.where(condition, x, y)


@operator("IsInf")
def _is_inf(call: Any, x: Any) -> Any:
    found = torch.isinf(x)
    if not call.get("detect_negative", 1):
        found = found & (x > 0)
    return found if call.get("detect_positive", 1) else found & (x < 0)


@operator("Clip")
def _clip(call: Any, x: Any, low: Any = None, high: Any = None) -> Any:
    if call.version < 11:
        low, high = call.get("min"), call.get("max")
        return x if low is high is None else torch.clamp(x, low, high)
    found = x if low is None else torch.maximum(x, low)
    return found if high is None else torch.minimum(found, high)


@operator("Cast")
def _cast(call: Any, x: Any) -> Any:
    to = call.get("to")
    return x.to(dtype_of(to) if isinstance(to, int) else getattr(torch, str(to).lower()))


@operator("CastLike")
def _cast_like(call: Any, x: Any, like: Any) -> Any:
    return x.to(like.dtype)


@operator("BitCast")
def _bit_cast(call: Any, x: Any) -> Any:
    return x.contiguous().view(dtype_of(call.get("to")))


# --- activations ------------------------------------------------------------------------------------------------------


@operator("Elu")
def _elu(call: Any, x: Any) -> Any:
    return F.elu(x, call.get("alpha", 1.0))


@operator("Celu")
def _celu(call: Any, x: Any) -> Any:
    return F.celu(x, call.get("alpha", 1.0))


@operator("Selu")
def _selu(call: Any, x: Any) -> Any:
    alpha, gamma = call.get("alpha", 1.67326319217681884765625), call.get("gamma", 1.05070102214813232421875)
    return gamma * torch.where(x > 0, x, alpha * torch.expm1(torch.clamp(x, max=0)))


@operator("LeakyRelu")
def _leaky_relu(call: Any, x: Any) -> Any:
    return F.leaky_relu(x, call.get("alpha", 0.01))


@operator("PRelu")
def _prelu(call: Any, x: Any, slope: Any) -> Any:
    if call.version < 7 and slope.dim() == 1 and x.dim() > 1 and slope.numel() > 1:
        slope = slope.reshape(-1, *[1] * (x.dim() - 2))
    return torch.where(x < 0, x * slope, x)


@operator("ThresholdedRelu")
def _thresholded_relu(call: Any, x: Any) -> Any:
    return torch.where(x > call.get("alpha", 1.0), x, 0.0)


@operator("HardSigmoid")
def _hard_sigmoid(call: Any, x: Any) -> Any:
    return torch.clamp(x * call.get("alpha", 0.2) + call.get("beta", 0.5), 0.0, 1.0)


@operator("Shrink")
def _shrink(call: Any, x: Any) -> Any:
    limit, bias = call.get("lambd", 0.5), call.get("bias", 0.0)
    return torch.where(x < -limit, x + bias, torch.where(x > limit, x - bias, torch.zeros_like(x)))


@operator("Softplus")
def _softplus(call: Any, x: Any) -> Any:
    return torch.logaddexp(x, torch.zeros_like(x))


@operator("Gelu")
def _gelu(call: Any, x: Any) -> Any:
    return F.gelu(x, approximate=call.get("approximate", "none"))


@operator("Swish")
def _swish(call: Any, x: Any) -> Any:
    alpha = call.get("alpha", 1.0)
    return F.silu(x) if alpha == 1.0 else x * torch.sigmoid(alpha * x)


def _along(call: Any, x: Any, function: Any) -> Any:
    """Versions before 13 take all dimensions from the axis on for one."""
    if call.version >= 13:
        return function(x, call.get("axis", -1))
    axis = wrapped(call.get("axis", 1), x.dim())
    rows = x.reshape(math.prod(x.shape[:axis]), -1) if x.numel() else x.reshape(math.prod(x.shape[:axis]), 0)
    return function(rows, 1).reshape(x.shape)


@operator("Softmax")
def _softmax(call: Any, x: Any) -> Any:
    return _along(call, x, torch.softmax)


@operator("LogSoftmax")
def _log_softmax(call: Any, x: Any) -> Any:
    return _along(call, x, torch.log_softmax)


@operator("Hardmax")
def _hardmax(call: Any, x: Any) -> Any:
    def one(rows: Any, axis: int) -> Any:
        return torch.zeros_like(rows).scatter(axis, rows.argmax(axis, keepdim=True), 1.0)

    return _along(call, x, one)


@operator("Dropout")
def _dropout(call: Any, x: Any, ratio: Any = None, training: Any = None) -> Any:
    """With the mask, where that is asked for: nothing is dropped unless the input ``training_mode`` says so."""
    trains = bool(training) if training is not None else False
    share = float(ratio) if ratio is not None else call.get("ratio", 0.5)
    if not trains or share == 0.0:
        return (x, torch.ones_like(x, dtype=torch.bool))[: call.wanted]
    kept = torch.rand_like(x) >= share
    return (torch.where(kept, x / (1 - share), 0.0), kept)[: call.wanted]


@operator("Einsum")
def _einsum(call: Any, *xs: Any) -> Any:
    return torch.einsum(call.get("equation"), *xs)


