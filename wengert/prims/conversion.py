"""Primitives that copy, convert or overwrite values."""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType
from typing import Any

import numpy as np

from ..core.batching import aligned, lifted, native, size_of, spread
from ..core.dtypes import DType, complex32
from ..core.eighths import converted
from ..core.generated import LARGE, cast_array, too_late
from ..core.layout import imag_part, laid_like, order_of, parts_of, real_part
from ..core.operands import Array, Needs, Numbers, Params, Saved
from ..core.primitive import HALVES, P, as_first, elementwise, fit, linear, opaque
from ..core.samples import cases

_COMPLEX = {"samples": "its operand is complex, and the walk over the registry takes differences of real operands"}


def _numpy_dtype(dtype: DType | np.dtype[Any]) -> np.dtype[Any]:
    return dtype.numpy if isinstance(dtype, DType) else dtype


def _cast(xp: ModuleType, x: Array, dtype: DType | np.dtype[Any]) -> Array:
    target = _numpy_dtype(dtype)
    x = xp.asarray(x)
    if x.dtype.kind in "cW" and target.kind not in "cWb":
        x = real_part(x)
    source = x
    if target.char in HALVES and x.dtype.char in "dD":
        # On the way, as PyTorch: two steps round a few numbers otherwise.
        x = x.astype(np.float32 if x.dtype.char == "d" else np.complex64, order_of(x))
    if x.dtype.kind in "VW" or target.kind in "VW":
        return laid_like(converted(x, target, order_of(x)), source)
    return laid_like(cast_array(x, target, order_of(x)), source)


def _cast_lower(b: Any, x: Any, dtype: DType | np.dtype[Any], back: DType | np.dtype[Any] | None = None) -> Any:
    if _numpy_dtype(dtype) != np.dtype(b.dtype):
        raise NotImplementedError("a kernel has one dtype")
    return b.select(x, 1.0, 0.0) if x.is_mask else x


def _cast_vjp(ct: Numbers, saved: Saved, params: Params, needs: Needs) -> tuple[Any, ...]:
    back = params.get("back")
    if back is None or _numpy_dtype(back) == _numpy_dtype(ct.dtype):
        return (ct,)
    return (P.cast(ct, dtype=back, back=ct.dtype),)


cast = opaque(
    "cast", lambda xp, x, dtype, back=None: _cast(xp, x, dtype), label="ToCopy", shape=as_first,
    batch=native,
    vjp=_cast_vjp, lower=_cast_lower,
    jvp=lambda tangents, operands, out, params: P.cast(tangents[0], **params),
    samples=cases(((2, 3), {"dtype": np.dtype(np.float64), "back": np.dtype(np.float64)})),
    doc="Converts to params['dtype']; 'back' is the dtype of the operand, to which the cotangent returns.",
)
def _clone(xp: ModuleType, x: Array, order: str = "K") -> Array:
    if order == "C" and x.size >= LARGE and not x.flags.c_contiguous and not too_late():
        from ..compiler import laying

        found = laying.in_rows(x)
        if found is not None:
            return found
    return xp.array(x, order="C") if order == "C" else laid_like(xp.array(x, order=order_of(x)), x)


clone = linear("clone", _clone,
               transpose=lambda ct, shape, params: ct, batch=native,
               samples=cases(((2, 3), {}), ((), {"order": "C"})), shape=as_first)


def _overwrite(xp: ModuleType, old: Array, new: Array) -> Array:
    result = xp.empty_like(old)
    if result.dtype.kind not in "cW" and getattr(new, "dtype", np.dtype(type(new))).kind in "cW":
        raise RuntimeError("value cannot be converted to type without overflow")
    if result.dtype.kind in "VW" and type(new) is np.ndarray:
        new = converted(new, result.dtype)
    result[...] = new
    return result


def _overwrite_vjp(ct: Numbers, saved: Saved, params: Params, needs: Needs) -> tuple[Any, ...]:
    shapes = saved[-1]
    old = P.zeros_like(ct) if needs[0] else None
    if len(needs) < 2 or not needs[1]:
        return old, None
    return old, fit(ct, shapes[1])


def _overwrite_batch(primitive: Any, operands: Sequence[Any], mapped: Sequence[bool], params: Params) -> Any:
    old, new = operands
    old = spread(old, mapped[0], size_of(operands, mapped))
    return P.overwrite(old, lifted(new, len(old.shape) - 1) if mapped[1] else new)


overwrite = opaque(
    "overwrite", _overwrite, arity=2, shape=as_first, batch=_overwrite_batch, vjp=_overwrite_vjp, saves=("shapes",),
    label=lambda params: "torch::autograd::CopyBackwards",
    jvp=lambda tangents, operands, out, params: None if tangents[1] is None else P.overwrite(operands[0], tangents[1]),
    samples=cases(((2, 3), (3,)), ((2, 3), (2, 3)), ((2,), ())),
    doc="The second operand, broadcast to the shape and cast to the dtype of the first: what an assignment leaves.",
)


def _fill(xp: ModuleType, old: Array, value: complex = 0) -> Array:
    result = xp.empty_like(old)
    result[...] = value if result.dtype.kind not in "VW" else converted(np.asarray(value), result.dtype)
    return result


fill = opaque(
    "fill", _fill, shape=as_first, batch=native,
    label=lambda params: "Zero" if params.get("value", 0) == 0 else "FillBackward2",
    vjp=lambda ct, saved, params, needs: (P.zeros_like(ct),),
    jvp=lambda tangents, operands, out, params: P.zeros_like(tangents[0]),
    samples=cases(((2, 3), {"value": 1.5}), ((), {})),
    doc="A constant in the shape and dtype of the operand.",
)
zeros_like = linear("zeros_like", batch=native, eval=lambda xp, x: laid_like(xp.zeros_like(x, order=order_of(x)), x),
                    transpose=lambda ct, shape, params: P.zeros_like(ct), samples=cases(((2, 3), {})),
                    shape=as_first)

conj = elementwise("conj", lambda xp, x: xp.conj(x) if x.dtype.kind in "cW" else x, widens=False,
                   vjp=lambda ct, saved, params, needs: (P.conj(ct),),
                   jvp=lambda tangents, operands, out, params: P.conj(tangents[0]))
def _angle(xp: ModuleType, x: Array) -> Array:
    if x.dtype.kind in "cW":
        return xp.angle(x).astype(x.real.dtype)
    return xp.where(x < 0, x.dtype.type(np.pi), xp.where(xp.isnan(x), x, x.dtype.type(0)))  # of -0 too it is 0


angle = elementwise(
    "angle", _angle, promotion="float", saves="x",
    vjp=lambda ct, saved, params, needs: (_angle_vjp(ct, saved[0]),),
    jvp=lambda tangents, operands, out, params: _angle_jvp(tangents[0], operands[0]),
)


def _angle_vjp(ct: Numbers, z: Numbers) -> Any:
    """d arg(z) = Im(conj(z) dz) / |z|^2, in PyTorch's convention of conjugate cotangents."""
    if z.dtype.kind not in "cW":
        return P.zeros_like(ct)
    radius = P.abs(z)
    return P.where(radius == 0, 0.0, z * (1j * ct) / (radius * radius))


def _angle_jvp(t: Numbers, z: Numbers) -> Any:
    if z.dtype.kind not in "cW":
        return P.zeros_like(t)
    radius = P.abs(z)
    return P.where(radius == 0, 0.0, P.imag(P.conj(z) * t) / (radius * radius))


def _complex(xp: ModuleType, re: Array, im: Array) -> Array:
    """Part by part: 1j * inf would make NaN of the other part."""
    dtype = complex32.numpy if re.dtype == im.dtype == np.float16 else xp.result_type(re, im, xp.complex64)
    out = xp.empty(np.broadcast_shapes(re.shape, im.shape), dtype)
    parts = parts_of(out)
    parts[..., 0], parts[..., 1] = re, im
    return out


make_complex = opaque(
    "complex", _complex, batch=aligned, arity=2, label="Complex",
    vjp=lambda ct, saved, params, needs: (
        fit(P.copy_real(ct), saved[-1][0]), fit(P.copy_imag(ct), saved[-1][1])), saves=("shapes",),
    jvp=lambda tangents, operands, out, params: P.complex(
        *(P.zeros_like(x) if t is None else t for t, x in zip(tangents, operands, strict=True))),
    samples=cases(((2, 3), (2, 3)), ((), ())),
)
copy_real = linear("copy_real", batch=native,
                   eval=lambda xp, x: xp.array(real_part(x), order="C"),
                   transpose=lambda ct, shape, params: P.complex(ct, P.zeros_like(ct)), missing=_COMPLEX)
copy_imag = linear("copy_imag", batch=native,
                   eval=lambda xp, x: xp.array(imag_part(x), order="C"),
                   transpose=lambda ct, shape, params: P.complex(P.zeros_like(ct), ct),
                   missing=_COMPLEX)
