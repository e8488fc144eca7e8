"""Nonlinearities made of straight and bent pieces, whose slope where pieces meet is the one PyTorch chose."""

from __future__ import annotations

from typing import Any

from ..core.batching import native
from ..core.operands import Numbers
from ..core.primitive import REAL_ONLY, P, as_first, elementwise, fused, of_first, opaque, without_derivative
from ..core.samples import cases, reals

hardsigmoid = elementwise(
    "hardsigmoid", lambda xp, x: xp.clip(x + 3, 0, 6) / 6, promotion="float", saves="x",
    vjp=lambda ct, saved, params, needs: (P.where((saved[0] > -3) & (saved[0] < 3), ct / 6, 0.0),),
    samples=reals(-4, 4), in_steps=True,
    doc="clip(x + 3, 0, 6) / 6 (Courbariaux et al., *BinaryConnect*, 2015).", refuses=REAL_ONLY,
)
kinked = fused(
    "kinked", batch=native, spec=of_first(as_first),
    eval=lambda xp, ct, x: xp.array(ct), arity=2, label="ThresholdBackward0", widens=False,
    vjp=lambda ct, saved, params, needs: (ct, P.zeros_like(ct)),
    jvp=lambda tangents, operands, out, params: P.zeros_like(out) if tangents[0] is None else tangents[0],
    samples=cases(((3, 4), (3, 4))),
    doc="The first operand, as something that varies with the second by a derivative of 0.",
)
underivable = opaque(
    "underivable", lambda xp, value, *others, of: value, batch=native, arity=2, label="NotImplemented",
    vjp=lambda ct, saved, params, needs: without_derivative(params["of"])(ct, saved, params, needs),
    missing={"jvp": "it has no derivative", "samples": "it has no derivative"},
    doc="The first operand, which the function ``of`` that name computed past the tape from the others, and of which "
        "nobody knows a derivative: backward says so.",
)
hardswish = elementwise(
    "hardswish", lambda xp, x: x * xp.clip(x + 3, 0, 6) / 6, promotion="float", saves="x",
    derivative=lambda x, out: P.where(x <= -3, 0.0, P.where(x >= 3, 1.0, x / 3 + 0.5)),
    samples=reals(-4, 4), in_steps=True,
    doc="x · clip(x + 3, 0, 6) / 6 (Howard et al., *Searching for MobileNetV3*, 2019).", refuses=REAL_ONLY,
)


def _outside(x: Numbers, limit: float) -> Any:
    """Where x is beyond [−limit, limit]; NaN is nowhere."""
    return (x < -limit) | (x > limit)


hardshrink = elementwise(
    "hardshrink", lambda xp, x, limit: xp.where((x >= -limit) & (x <= limit), x.dtype.type(0), x), saves="x",
    in_steps=True,
    selects=lambda x, out, limit: _outside(x, limit), kinked=True,
    samples=cases(((3, 4), {"limit": 0.5}), ((), {"limit": 0.5})), refuses=REAL_ONLY,
)
softshrink = elementwise(
    "softshrink", saves="x", in_steps=True,
    eval=lambda xp, x, limit: xp.where(x > limit, x - limit, xp.where(x < -limit, x + limit, x * 0)),
    selects=lambda x, out, limit: _outside(x, limit), kinked=True,
    samples=cases(((3, 4), {"limit": 0.5}), ((), {"limit": 0.5})), refuses=REAL_ONLY,
)
prelu = elementwise(
    "prelu", lambda xp, x, weight: xp.where(x > 0, x, weight * x), label="PreluKernel", agree=(0, 1),
    derivative=(lambda x, weight, out: P.where(x > 0, 1.0, weight), lambda x, weight, out: P.where(x > 0, 0.0, x)),
    saves=("x y", "x"), samples=reals((-2, 2), (0.1, 0.9)), kinked=True, refuses=REAL_ONLY,
    in_steps=True,
)
