"""Quantised numbers: integers with a scale and a zero point."""

from __future__ import annotations

from typing import Any

import wengert as torch

from ..writer import dtype_of
from .table import OPERATORS, along, operator, wrapped


def _spread(call: Any, x: Any, scale: Any) -> Any:
    """A scale, or zero point, laid against what it belongs to: for all, along an axis, or block by block."""
    if scale.dim() == 0 or (scale.dim() == 1 and scale.numel() == 1 and not call.get("block_size", 0)):
        return scale.reshape(())
    axis, block = wrapped(call.get("axis", 1), x.dim()), call.get("block_size", 0)
    if block:
        return scale.repeat_interleave(block, axis).narrow(axis, 0, x.shape[axis])
    return along(scale, axis, x.dim()) if scale.dim() == 1 else scale


@operator("QuantizeLinear")
def _quantize_linear(call: Any, x: Any, scale: Any, zero: Any = None) -> Any:
    dtype = zero.dtype if zero is not None else dtype_of(call.get("output_dtype", 0) or 2)
    scaled = torch.round(x.to(scale.dtype) / _spread(call, x, scale)) if dtype.itemsize and not (
        dtype.is_floating_point) else x / _spread(call, x, scale)
    if dtype.is_floating_point:
        return scaled.to(dtype)
    moved = scaled if zero is None else scaled + _spread(call, x, zero).to(scaled.dtype)
    info = torch.iinfo(dtype)
    return torch.clamp(moved, info.min, info.max).to(dtype)


@operator("DequantizeLinear")
def _dequantize_linear(call: Any, x: Any, scale: Any, zero: Any = None) -> Any:
    wide = x.to(torch.float32)
    centred = wide if zero is None else wide - _spread(call, x, zero).to(torch.float32)
    return (centred * _spread(call, x, scale).to(torch.float32)).to(scale.dtype)


@operator("DynamicQuantizeLinear")
def _dynamic_quantize_linear(call: Any, x: Any) -> Any:
    low, high = torch.clamp(x.min(), max=0), torch.clamp(x.max(), min=0)
    scale = (high - low) / 255
    zero = torch.round(torch.clamp(-low / scale, 0, 255))
    found = torch.clamp(torch.round(x / scale) + zero, 0, 255)
    return found.to(torch.uint8), scale, zero.to(torch.uint8)


def _centred(x: Any, zero: Any, axis: int) -> Any:
    """Integers less their zero point, which may be one for each row, or column, or output channel."""
    wide = x.to(torch.int32)
    if zero is None:
        return wide
    zero = zero.to(torch.int32)
    return wide - (zero.reshape(()) if zero.numel() == 1 else along(zero, axis, x.dim()) if zero.dim() == 1 else zero)


@operator("MatMulInteger")
def _mat_mul_integer(call: Any, x: Any, y: Any, x_zero: Any = None, y_zero: Any = None) -> Any:
    return torch.matmul(_centred(x, x_zero, max(x.dim() - 2, 0)), _centred(y, y_zero, y.dim() - 1))


@operator("QLinearMatMul")
def _q_linear_mat_mul(call: Any, a: Any, a_scale: Any, a_zero: Any, b: Any, b_scale: Any, b_zero: Any, scale: Any,
                      zero: Any) -> Any:
    product = torch.matmul(_centred(a, a_zero, max(a.dim() - 2, 0)), _centred(b, b_zero, b.dim() - 1))
    return _requantised(product, a_scale * b_scale / scale, zero)


def _requantised(total: Any, factor: Any, zero: Any) -> Any:
    info = torch.iinfo(zero.dtype)
    scaled = torch.round(total.to(torch.float64) * factor.to(torch.float64)) + zero.to(torch.float64)
    return torch.clamp(scaled, info.min, info.max).to(zero.dtype)


@operator("ConvInteger")
def _conv_integer(call: Any, x: Any, w: Any, x_zero: Any = None, w_zero: Any = None) -> Any:
    found = OPERATORS["Conv"](call, _centred(x, x_zero, 1).double(), _centred(w, w_zero, 0).double())
    return found.to(torch.int32)


@operator("QLinearConv")
def _q_linear_conv(call: Any, x: Any, x_scale: Any, x_zero: Any, w: Any, w_scale: Any, w_zero: Any, scale: Any,
                   zero: Any, bias: Any = None) -> Any:
    found = OPERATORS["Conv"](call, _centred(x, x_zero, 1).double(), _centred(w, w_zero, 0).double(),
                              None if bias is None else bias.double())
    factor = x_scale * w_scale / scale
    factor = factor if factor.numel() == 1 else along(factor, 1, found.dim())
    return _requantised(found, factor, zero)


