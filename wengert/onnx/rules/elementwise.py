"""Elementwise primitives: nodes of one name, and the primitives' own rules, run on symbols.

The one idea to know: ``eval(xp, x, ...)`` of an elementwise primitive says how it is computed, in numpy's functions.
`FUNCTIONS` has what each of these is in ONNX, and `derived` runs ``eval`` with them. So a primitive needs a line here
only where ONNX has an operator for the whole of it, or where its rule looks at numbers.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...core.dtypes import bool_
from ...core.primitive import P
from ..writer import NoFormError, Numpy, Symbol, Writer
from .table import absent, rule

# --- numpy's functions ------------------------------------------------------------------------------------------------


def _node(kind: str) -> Any:
    return lambda w, *operands: w.op(kind, *operands)


def _comparing(kind: str) -> Any:
    return lambda w, x, y: w.both(kind, x, y, dtype=bool_)


def _is_real(x: Any) -> bool:
    return bool(x.dtype.kind == "f")


def _expm1(w: Writer, x: Symbol) -> Any:
    """2 exp(x/2) sinh(x/2), which keeps its digits near 0; an infinity there times 0 is none: at -inf it is -1."""
    half = x * 0.5
    return w.where(x < -20.0, w.op("Exp", x) - 1.0, w.op("Exp", half) * 2.0 * w.op("Sinh", half))


def _log1p(w: Writer, x: Symbol) -> Any:
    """log(u) x / (u - 1) with u = 1 + x, as rounded: it keeps its digits near 0 (Higham, *Accuracy and Stability of
    Numerical Algorithms*, 2002, section 1.14.1)."""
    u = x + 1.0
    log = w.op("Log", u)
    return w.where(u == 1.0, x, w.where(w.op("IsInf", u, dtype=bool_), log, log * (x / (u - 1.0))))


def _either_nan(w: Writer, x: Any, y: Any) -> Any:
    """What Max and Min give is not said where an operand is NaN; here the result is NaN."""
    found = None
    for each in (x, y):
        if isinstance(each, Symbol) and _is_real(each):
            is_nan = w.op("IsNaN", each, dtype=bool_)
            found = is_nan if found is None else found | is_nan
    return found


def _extreme(kind: str) -> Any:
    def write(w: Writer, x: Any, y: Any) -> Any:
        like = x if isinstance(x, Symbol) else y
        if like.dtype is bool_:
            return w.both("Or" if kind == "Max" else "And", x, y)
        found, is_nan = w.both(kind, x, y), _either_nan(w, x, y)
        both_known = not isinstance(x, Symbol) or not isinstance(y, Symbol)
        return found if is_nan is None else w.where(is_nan, like if both_known else x + y, found)

    return write


def _skipping_nan(kind: str) -> Any:
    extreme = _extreme(kind)

    def write(w: Writer, x: Any, y: Any) -> Any:
        found = w.both(kind, x, y) if (x if isinstance(x, Symbol) else y).dtype is not bool_ else extreme(w, x, y)
        for one, other in ((x, y), (y, x)):
            if isinstance(one, Symbol) and _is_real(one):
                found = w.where(w.op("IsNaN", one, dtype=bool_), other, found)
        return found

    return write


def _clip(w: Writer, x: Symbol, low: Any, high: Any, out: Any = None) -> Any:
    return clamp(w, None, x, low, high)


def _trunc(w: Writer, x: Symbol) -> Any:
    return x if not _is_real(x) else w.where(x < 0.0, w.op("Ceil", x), w.op("Floor", x))


def _signbit(w: Writer, x: Symbol) -> Any:
    if not _is_real(x):
        return x < 0
    return (x < 0.0) | ((x == 0.0) & ((1.0 / x) < 0.0))


def _copysign(w: Writer, x: Any, y: Any) -> Any:
    like = x if isinstance(x, Symbol) else y
    x, y = (each if isinstance(each, Symbol) else w.number(each, like.dtype) for each in (x, y))
    size = w.op("Abs", x)
    return w.where(_signbit(w, y), -size, size)


def _hypot(w: Writer, x: Any, y: Any) -> Any:
    x, y = (w.op("Abs", each if isinstance(each, Symbol) else w.number(each, (x if isinstance(x, Symbol) else y).dtype))
            for each in (x, y))
    large, small = w.both("Max", x, y), w.both("Min", x, y)
    ratio = small / w.where(large == 0.0, 1.0, large)
    found = large * w.op("Sqrt", ratio * ratio + 1.0)
    infinite = w.op("IsInf", x, dtype=bool_) | w.op("IsInf", y, dtype=bool_)
    return w.where(infinite, math.inf, found)


def _arctan2(w: Writer, y: Any, x: Any) -> Any:
    """The angle by the quotient of the smaller coordinate by the larger, put into its octant."""
    like = (x if isinstance(x, Symbol) else y).dtype
    x, y = (each if isinstance(each, Symbol) else w.number(each, like) for each in (x, y))
    across, up = w.op("Abs", x), w.op("Abs", y)
    large, small = w.both("Max", across, up), w.both("Min", across, up)
    both_infinite = w.op("IsInf", small, dtype=bool_)
    ratio = w.where(both_infinite, 1.0, small / w.where(large == 0.0, 1.0, large))
    angle = w.op("Atan", ratio)
    angle = w.where(up > across, math.pi / 2 - angle, angle)
    angle = w.where(_signbit(w, x), math.pi - angle, angle)
    return w.where(_signbit(w, y), -angle, angle)


def _logaddexp(w: Writer, x: Any, y: Any) -> Any:
    large, gap = w.both("Max", x, y), w.op("Abs", x - y)
    found = large + _log1p(w, w.op("Exp", -gap))
    return w.where(w.op("IsInf", large, dtype=bool_), large, found)


def _logaddexp2(w: Writer, x: Any, y: Any) -> Any:
    return _logaddexp(w, x * math.log(2), y * math.log(2)) * (1 / math.log(2))


def _fmod(w: Writer, x: Any, y: Any) -> Any:
    like = (x if isinstance(x, Symbol) else y).dtype
    x, y = (each if isinstance(each, Symbol) else w.number(each, like) for each in (x, y))
    return w.op("Mod", x, y, fmod=1)


def _remainder(w: Writer, x: Any, y: Any) -> Any:
    like = (x if isinstance(x, Symbol) else y).dtype
    x, y = (each if isinstance(each, Symbol) else w.number(each, like) for each in (x, y))
    if like.kind != "f":
        return w.op("Mod", x, y)
    rest = w.op("Mod", x, y, fmod=1)
    return w.where((rest != 0.0) & w.both("Xor", rest < 0.0, y < 0.0), rest + y, rest)


def _floor_divide(w: Writer, x: Any, y: Any) -> Any:
    like = (x if isinstance(x, Symbol) else y).dtype
    x, y = (each if isinstance(each, Symbol) else w.number(each, like) for each in (x, y))
    if like.kind != "f":
        return (x - w.op("Mod", x, y)) / y
    whole = (x - _remainder(w, x, y)) / y
    return w.where(y == 0.0, x / y, w.op("Floor", whole + 0.5))


def _both_bits(kind: str, logical: str) -> Any:
    def write(w: Writer, x: Any, y: Any) -> Any:
        like = (x if isinstance(x, Symbol) else y).dtype
        return w.both(logical if like is bool_ else kind, x, y)

    return write


def _not_bits(w: Writer, x: Symbol) -> Any:
    return ~x if x.dtype is bool_ else w.op("BitwiseNot", x)


def _truth(w: Writer, x: Symbol) -> Symbol:
    return x if x.dtype is bool_ else w.cast(x, bool_)


def _logical(kind: str) -> Any:
    return lambda w, x, y: w.op(kind, *[_truth(w, each if isinstance(each, Symbol) else w.number(each, bool_))
                                        for each in (x, y)], dtype=bool_)


def _finite(w: Writer, x: Symbol) -> Any:
    return ~(_infinite(w, x) | _nan(w, x))


def _infinite(w: Writer, x: Symbol) -> Any:
    return w.op("IsInf", x, dtype=bool_) if _is_real(x) else _never(w, x)


def _nan(w: Writer, x: Symbol) -> Any:
    return w.op("IsNaN", x, dtype=bool_) if _is_real(x) else _never(w, x)


def _never(w: Writer, x: Symbol) -> Any:
    return x != x if x.dtype is not bool_ else w.both("Xor", x, x)


def _arithmetic(kind: str, logical: str = "") -> Any:
    """A node, or, where both operands are truth values, one of logic."""

    def write(w: Writer, x: Any, y: Any) -> Any:
        like = (x if isinstance(x, Symbol) else y).dtype
        if like is bool_:
            if not logical:
                raise NoFormError("truth values have no such arithmetic")
            return w.both(logical, x, y)
        return w.both(kind, x, y)

    return write


def _heaviside(w: Writer, x: Symbol, y: Any) -> Any:
    return w.where(x == 0, y, w.cast(x > 0, x.dtype))


def _sinc(w: Writer, x: Symbol) -> Any:
    angle = x * math.pi
    return w.where(x == 0.0, 1.0, w.op("Sin", angle) / w.where(x == 0.0, 1.0, angle))


FUNCTIONS: dict[str, Any] = {
    **{name: _node(kind) for name, kind in {
        "negative": "Neg", "abs": "Abs", "absolute": "Abs", "exp": "Exp", "log": "Log", "sqrt": "Sqrt", "sin": "Sin",
        "cos": "Cos", "tan": "Tan", "tanh": "Tanh", "sinh": "Sinh", "cosh": "Cosh", "arcsin": "Asin", "arccos": "Acos",
        "arctan": "Atan", "arcsinh": "Asinh", "arccosh": "Acosh", "arctanh": "Atanh", "floor": "Floor",
        "ceil": "Ceil", "rint": "Round", "sign": "Sign", "reciprocal": "Reciprocal", "positive": "Identity",
    }.items()},
    **{name: _comparing(kind) for name, kind in {
        "less": "Less", "greater": "Greater", "less_equal": "LessOrEqual", "greater_equal": "GreaterOrEqual"}.items()},
    "add": _arithmetic("Add", "Or"), "subtract": _arithmetic("Sub"), "multiply": _arithmetic("Mul", "And"),
    "true_divide": _arithmetic("Div"), "divide": _arithmetic("Div"), "power": _arithmetic("Pow"),
    "equal": _comparing("Equal"), "not_equal": lambda w, x, y: ~w.both("Equal", x, y, dtype=bool_),
    "maximum": _extreme("Max"), "minimum": _extreme("Min"), "fmax": _skipping_nan("Max"), "fmin": _skipping_nan("Min"),
    "clip": _clip, "where": lambda w, condition, x, y: w.where(condition, x, y),
    "square": lambda w, x: FUNCTIONS["multiply"](w, x, x), "exp2": lambda w, x: w.op("Exp", x * math.log(2)),
    "expm1": _expm1, "log1p": _log1p, "log2": lambda w, x: w.op("Log", x) * (1 / math.log(2)),
    "log10": lambda w, x: w.op("Log", x) * (1 / math.log(10)), "trunc": _trunc, "signbit": _signbit,
    "copysign": _copysign, "hypot": _hypot, "arctan2": _arctan2, "logaddexp": _logaddexp, "logaddexp2": _logaddexp2,
    "fmod": _fmod, "remainder": _remainder, "mod": _remainder, "floor_divide": _floor_divide,
    "bitwise_and": _both_bits("BitwiseAnd", "And"), "bitwise_or": _both_bits("BitwiseOr", "Or"),
    "bitwise_xor": _both_bits("BitwiseXor", "Xor"), "bitwise_not": _not_bits,
    "logical_and": _logical("And"), "logical_or": _logical("Or"), "logical_xor": _logical("Xor"),
    "logical_not": lambda w, x: ~_truth(w, x), "isfinite": _finite, "isinf": _infinite, "isnan": _nan,
    "heaviside": _heaviside, "sinc": _sinc, "deg2rad": lambda w, x: x * (math.pi / 180),
    "rad2deg": lambda w, x: x * (180 / math.pi), "zeros_like": lambda w, x: x - x,
}


def derived(name: str) -> Any:
    """The rule by which a primitive computes arrays, run on symbols."""

    def write(w: Writer, outs: Any, *operands: Any, **params: Any) -> Any:
        primitive, numpy = getattr(P, name), Numpy(w, FUNCTIONS)
        evaluate = primitive.eval
        if isinstance(evaluate, str):
            return getattr(numpy, evaluate)(*operands, **params)
        return evaluate(numpy, *operands, **params)

    return write


def _direct(name: str) -> Any:
    """A function of numpy's for the whole of a primitive, whose own rule looks at dtypes first."""
    return lambda w, outs, *operands, **params: FUNCTIONS[name](w, *operands)


DERIVED = """acos acosh addcdiv addcmul asin asinh atan atan2 atanh bitwise_and bitwise_not bitwise_or bitwise_xor
copysign cos cosh deg2rad div elu eq exp exp2 expm1 fmax fmin frac gelu_tanh hypot isfinite isinf isnan log log10
log1p log2 log_sigmoid logaddexp2 logical_and logical_not logical_or logical_xor
maximum minimum mul ne positive rad2deg signbit sin sinc sinh sqrt square sub tan tanh"""
for _name in DERIVED.split():
    rule(_name)(derived(_name))


# --- operators of ONNX for the whole of a primitive -------------------------------------------------------------------


def _whole(kind: str, **attributes: Any) -> Any:
    return lambda w, outs, x, **params: w.op(kind, x, **attributes)


for _name, _kind in {"sigmoid": "Sigmoid", "relu": "Relu", "erf": "Erf", "reciprocal": "Reciprocal",
                     "mish": "Mish", "hardswish": "HardSwish", "neg": "Neg", "conj": "Identity"}.items():
    rule(_name)(_whole(_kind))
rule("hardsigmoid")(_whole("HardSigmoid", alpha=1 / 6, beta=0.5))


@rule("abs")
def _abs(w: Writer, outs: Any, x: Symbol) -> Any:
    return x if x.dtype is bool_ else w.op("Abs", x)


@rule("silu")
def _silu(w: Writer, outs: Any, x: Symbol) -> Any:
    return x * w.op("Sigmoid", x)


@rule("gelu")
def _gelu(w: Writer, outs: Any, x: Symbol) -> Any:
    if w.opset >= 20:
        return w.op("Gelu", x)
    return x * (w.op("Erf", x * math.sqrt(0.5)) + 1.0) * 0.5


@rule("rsqrt")
def _rsqrt(w: Writer, outs: Any, x: Symbol) -> Any:
    return w.op("Reciprocal", w.op("Sqrt", x))


@rule("pow")
def _pow(w: Writer, outs: Any, x: Any, y: Any) -> Any:
    if type(y) in (int, float) and y == 2:
        return x * x
    found = w.both("Pow", x, y)
    if outs[0].dtype.kind == "f" or not isinstance(y, Symbol):
        return found
    base = x if isinstance(x, Symbol) else w.number(x, y.dtype)
    return w.where((y < 0) & (base == 0), 0, found)  # an infinity, of which wengert has no integer


@rule("sign", "sgn")
def _sign(w: Writer, outs: Any, x: Symbol) -> Any:
    if x.dtype is bool_:
        return x
    found = w.op("Sign", x)
    return w.where(_nan(w, x), 0.0, found) if _is_real(x) else found


for _name, _kind in {"lt": "less", "le": "less_equal", "gt": "greater", "ge": "greater_equal"}.items():
    rule(_name)(_direct(_kind))


for _name in ("floor_divide", "remainder", "fmod", "heaviside", "logaddexp"):
    rule(_name)(_direct(_name))


@rule("trunc_divide")
def _trunc_divide(w: Writer, outs: Any, x: Any, y: Any) -> Any:
    found = w.both("Div", x, y)
    return _trunc(w, found)


def _rounding(kind: str) -> Any:
    """Integers are whole already."""
    return lambda w, outs, x: w.op(kind, x) if _is_real(x) else x


rule("floor")(_rounding("Floor"))
rule("ceil")(_rounding("Ceil"))
rule("trunc")(lambda w, outs, x: _trunc(w, x))


@rule("round")
def _round(w: Writer, outs: Any, x: Symbol, decimals: int = 0) -> Any:
    if not _is_real(x):
        return x
    if not decimals:
        return w.op("Round", x)
    scale = 10.0 ** abs(decimals)
    return w.op("Round", x * scale) / scale if decimals > 0 else w.op("Round", x / scale) * scale


@rule("clamp", "hardtanh")
def clamp(w: Writer, outs: Any, x: Symbol, low: Any = None, high: Any = None) -> Any:
    low, high = (None if each is None else w.number(each, x.dtype) for each in (low, high))
    return x if low is high is None else w.op("Clip", x, low, high)


@rule("leaky_relu")
def _leaky_relu(w: Writer, outs: Any, x: Symbol, negative_slope: float = 0.01) -> Any:
    return w.op("LeakyRelu", x, alpha=negative_slope) if _is_real(x) else w.where(x > 0, x, x * negative_slope)


@rule("softplus")
def _softplus(w: Writer, outs: Any, x: Symbol, beta: float = 1.0, threshold: float = 20.0) -> Any:
    scaled = x if beta == 1.0 else x * beta
    smooth = w.op("Softplus", scaled)
    return w.where(scaled > threshold, x, smooth if beta == 1.0 else smooth / beta)


@rule("threshold")
def _threshold(w: Writer, outs: Any, x: Symbol, limit: float, value: float) -> Any:
    return w.where(x <= limit, w.number(value, x.dtype), x)


@rule("hardshrink")
def _hardshrink(w: Writer, outs: Any, x: Symbol, limit: float) -> Any:
    return w.where((x >= -limit) & (x <= limit), 0.0, x)


@rule("softshrink")
def _softshrink(w: Writer, outs: Any, x: Symbol, limit: float) -> Any:
    return w.where(x > limit, x - limit, w.where(x < -limit, x + limit, x * 0.0))


@rule("prelu")
def _prelu(w: Writer, outs: Any, x: Symbol, weight: Symbol) -> Any:
    return w.where(x > 0.0, x, x * weight)


@rule("where")
def _where(w: Writer, outs: Any, condition: Any, x: Any, y: Any) -> Any:
    x, y = (w.cast(each, outs[0].dtype) if isinstance(each, Symbol) else w.number(each, outs[0].dtype)
            for each in (x, y))
    return w.where(_truth(w, condition), x, y)


@rule("masked_fill")
def _masked_fill(w: Writer, outs: Any, x: Symbol, mask: Symbol, value: Any) -> Any:
    return w.where(_truth(w, mask), w.number(value, x.dtype), x)


@rule("lerp")
def _lerp(w: Writer, outs: Any, x: Any, y: Any, weight: Any) -> Any:
    gap = y - x
    if not isinstance(weight, Symbol):
        return x + gap * weight if weight < 0.5 else y - gap * (1 - weight)
    return w.where(w.op("Abs", weight) < 0.5, x + weight * gap, y - gap * (1.0 - weight))


@rule("nan_to_num")
def _nan_to_num(w: Writer, outs: Any, x: Symbol, nan: float = 0.0, posinf: Any = None, neginf: Any = None) -> Any:
    if not _is_real(x):
        return x
    info = np.finfo(x.dtype.numpy)
    high, low = float(info.max) if posinf is None else posinf, float(info.min) if neginf is None else neginf
    found = w.where(_nan(w, x), nan, x)
    found = w.where(w.op("IsInf", x, dtype=bool_, detect_negative=0), high, found)
    return w.where(w.op("IsInf", x, dtype=bool_, detect_positive=0), low, found)


@rule("logit")
def _logit(w: Writer, outs: Any, x: Symbol) -> Any:
    return w.op("Log", x / (1.0 - x))


def _x_times(log: str) -> Any:
    def write(w: Writer, outs: Any, x: Any, y: Any) -> Any:
        x, y = (each if isinstance(each, Symbol) else w.number(each, outs[0].dtype) for each in (x, y))
        return w.where((x == 0.0) & ~_nan(w, y), 0.0, x * FUNCTIONS[log](w, y))

    return write


rule("xlogy")(_x_times("log"))
rule("xlog1py")(_x_times("log1p"))


@rule("erfc")
def _erfc(w: Writer, outs: Any, x: Symbol) -> Any:
    """1 - erf(x): small values of the tail have an absolute error of the last digit of 1."""
    return 1.0 - w.op("Erf", x)


@rule("entr")
def _entr(w: Writer, outs: Any, x: Symbol) -> Any:
    inside = x > 0.0
    found = -x * w.op("Log", w.where(inside, x, 1.0))
    return w.where(inside | _nan(w, x), w.where(_nan(w, x), x, found), w.where(x == 0.0, 0.0, w.number(-math.inf,
                                                                                                    x.dtype)))


@rule("cast")
def _cast(w: Writer, outs: Any, x: Symbol, dtype: Any, back: Any = None) -> Any:
    return w.cast(x, outs[0].dtype)


def _shifted(grows: bool) -> Any:
    """x times, or divided by, two to the y, rounded down: ONNX shifts only numbers without a sign."""

    def write(w: Writer, outs: Any, x: Any, y: Any) -> Any:
        x, y = (each if isinstance(each, Symbol) else w.number(each, outs[0].dtype) for each in (x, y))
        power = w.both("Pow", 2, y)
        return x * power if grows else _floor_divide(w, x, power)

    return write


rule("left_shift")(_shifted(True))
rule("right_shift")(_shifted(False))


@rule("angle")
def _angle(w: Writer, outs: Any, x: Symbol) -> Any:
    return w.where(_nan(w, x), x, w.where(x < 0.0, math.pi, w.number(0.0, x.dtype)))


@rule("kinked")
def _kinked(w: Writer, outs: Any, ct: Symbol, x: Symbol) -> Any:
    """A mark for a second derivative, which is nothing where there is none."""
    return ct


@rule("underivable")
def _underivable(w: Writer, outs: Any, value: Symbol, *others: Symbol, of: str) -> Any:
    """A mark for backward, which is nothing in a model that only computes."""
    return value


absent("ONNX has no operator for special functions, and a series of nodes would be slow and inexact",
       "airy_ai bessel_j0 bessel_j1 bessel_y0 bessel_y1 chebyshev_polynomial_t chebyshev_polynomial_u "
       "chebyshev_polynomial_v chebyshev_polynomial_w erfcx erfinv hermite_polynomial_h hermite_polynomial_he i0 i0e "
       "i1 i1e igamma igammac laguerre_polynomial_l legendre_polynomial_p lgamma log_ndtr modified_bessel_i0 "
       "modified_bessel_i1 modified_bessel_k0 modified_bessel_k1 ndtri polygamma scaled_modified_bessel_k0 "
       "scaled_modified_bessel_k1 shifted_chebyshev_polynomial_t shifted_chebyshev_polynomial_u "
       "shifted_chebyshev_polynomial_v shifted_chebyshev_polynomial_w spherical_bessel_j0 zeta")
absent("ONNX cannot look at the bits of a number", "nextafter frexp_exponent hash_tensor")
absent("ONNX has no greatest common divisor", "gcd lcm")
