"""What a primitive is, the registry of all of them, and `P`, the namespace through which rules name each other.

A primitive is an operation that wengert knows how to evaluate and to differentiate; every other operation is composed
of primitives. All that is known of one stands in one statement in one file under ``prims/``. The function that makes
it (`elementwise`, `linear`, `reduction`, `view`, `fused`, `opaque`, ...) is its kind, and the kind derives most rules.

The one idea to know: rules are written once and run on several sorts of values. Given numpy arrays, ``P.mul(x, y)``
and ``x * y`` compute at once; given tensors they are recorded on the tape; given symbols they are written down for a
generated kernel. So a derivative rule serves first order at the speed of numpy, and every higher order for nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, partial
from types import ModuleType
from typing import Any, cast

import numpy as np

from .batching import aligned, along, changed
from .dtypes import from_numpy
from .eighths import CHAR as EIGHTHS
from .eighths import converted, decoded
from .errors import DTypeError, MissingRuleError
from .generated import LARGE, cast_array, run_large
from .layout import in_order
from .namespace import P
from .operands import Array, Dims, Needs, Numbers, Params, Rule, Saved
from .spec import Spec, broadcast_shapes
from .state import state
from .symbols import BackwardExpression, Steps, Symbol, lowered

ndarray = np.ndarray

Partial = Rule | float | None
"""A partial derivative: a function of ``(*operands, out)``, a constant, or None for an operand without one."""
OUT = "out"
_OPERANDS = ("x", "y", "z", "w")

_BATCHED: dict[str, Rule] = {"elementwise": aligned, "reduction": along}
"""The kinds that say how all their primitives are batched."""
_COMPUTING = ("elementwise", "reduction", "bilinear", "fused")

# Values on which a rule computes at once; anything else is a tensor and goes to the dispatcher.
_PLAIN = frozenset({np.ndarray, float, int, bool, complex, type(None), tuple, list, *np.sctypeDict.values()})


class Primitive:
    """One elementary operation with its rules.

    ========== =====================================================================================================
    rule       meaning
    ========== =====================================================================================================
    eval       ``eval(xp, *arrays, **params) -> array``; ``xp`` is the array module. A string names a function of it
    spec       ``spec(*specs, **params) -> Spec``: shape and dtype of the result; raises the worded error
    shape      ``shape(*specs, **params) -> shape`` of the one result, instead of ``spec``: its dtype is then found by
               evaluating on arrays of one element
    vjp        ``vjp(ct, saved, params, needs) -> cotangents``, one per operand, None where ``needs`` is false.
               ``saved`` is ``(*operands, out, shapes)`` with None for what ``saves`` does not name
    jvp        ``jvp(tangents, operands, out, params) -> tangent``, None among the tangents where an operand does not
               move; one a result, in a sequence, for several. What has a vjp alone is pushed forward by its transpose
    batch      ``batch(primitive, operands, mapped, params) -> result``: all examples at once. Operands that ``mapped``
               marks, and the result, have a first dimension more, that of the examples
    lower      ``lower(builder, *operands)``: the scalar expression from which a kernel is generated
    label      what PyTorch calls the node: a string, or ``label(params) -> str``
    saves      the words for what ``vjp`` reads: operands ``x y z w`` (or their positions; ``*`` for all), ``out``,
               ``shapes``; or a function from ``needs`` to them; for elementwise primitives one string per operand,
               of what that operand's derivative reads
    samples    ``samples() -> iterable of (operands, params)``: inputs on which tests hold the rules against numbers
    missing    rules that it lacks, each with the reason
    keeps      of several outputs, the numbers of those that ``out`` in ``saves`` keeps (``saved`` has None for others)
    records    whether its result can have a history: false for elementwise primitives without a vjp
    agree      the places of the operands that must be of one dtype: those that PyTorch does not let meet
    mixes      whether beside an operand in half precision the others of ``agree`` may be float32, all of them
    kinked     whether its derivative varies with its operand only at kinks, so that the second derivative is 0 and is
               recorded as such: PyTorch's activations of straight pieces
    sends      ``sends(edges) -> edges``: those of its operands in the order in which PyTorch's engine sends them their
               cotangents, where that is not the operands' own: leaves are complete in this order
    refuses    numpy's letters of the dtypes for which PyTorch raises, though numpy would compute with them; the hot
               paths take none of them
    behind     of views: ``behind(params, count, shape)``, the parameters of the same view behind a first dimension of
               ``count`` examples
    rows       ``rows(saved, needs)``: the backward rule as one that takes cotangents with a dimension in front of those
               of the result, and gives ones with the same, for what it saved and these needs; None where there is none
    widens     whether operands in half precision are computed with in float32 (complex64), and what comes is rounded
               once: what computes does, what moves or compares elements need not. It refuses numbers of 8 bits
    ========== =====================================================================================================
    """

    __slots__ = ("_saves", "agree", "arity", "batch", "behind", "doc", "eval", "hot_path", "jvp", "keeps", "kind",
                 "kinked", "label", "lower", "missing", "mixes", "multiple", "name", "plans", "promotion", "records",
                 "refuses", "rows", "run", "samples", "sends", "spec", "vjp", "widens")

    def __init__(self, name: str, kind: str, eval: str | Rule, *, arity: int = 1, spec: Rule | None = None,
                 shape: Rule | None = None, vjp: Rule | None = None,
                 saves: Sequence[Any] | Callable[[tuple[bool, ...]], Sequence[Any]] = (),
                 jvp: Rule | None = None, batch: Rule | None = None, lower: Rule | None = None,
                 promotion: str | None = None,
                 label: str | Callable[[Params], str] | None = None, multiple: bool = False,
                 keeps: tuple[int, ...] | None = None, samples: Callable[[], Any] | None = None,
                 missing: dict[str, str] | None = None, agree: tuple[int, ...] = (), mixes: bool = False,
                 widens: bool | None = None, sends: Rule | None = None,
                 kinked: bool = False, refuses: str = "", rows: Rule | None = None, doc: str = "") -> None:
        self.name, self.kind, self.eval, self.arity = name, kind, eval, arity
        self.vjp, self.jvp, self.batch, self.lower = vjp, jvp, batch or _BATCHED.get(kind), lower
        by_rule = partial(_spec_by_dummies, self) if shape is None else partial(_spec_by_elements, self, shape)
        self.spec = by_rule if spec is None else spec
        self._saves, self.promotion, self.multiple, self.keeps = saves, promotion, multiple, keeps
        self.label = label if label is not None else _camel(name)
        self.samples, self.missing, self.doc = samples, missing or {}, doc
        self.run = self.bind(np)
        self.plans: dict[Any, tuple[tuple[Any, ...], bool]] = {}
        self.refuses = refuses
        self.records, self.agree, self.mixes, self.sends, self.kinked = True, agree, mixes, sends, kinked
        self.widens = kind in _COMPUTING and promotion != "compare" if widens is None else widens
        self.behind: Rule | None = None
        self.rows = rows
        self.hot_path: Callable[..., Any] | None = None  # made when first needed

    def bind(self, module: ModuleType) -> Rule:
        """``eval`` with the array module filled in: a function of arrays and parameters."""
        return getattr(module, self.eval) if isinstance(self.eval, str) else partial(self.eval, module)

    def plan(self, needs: tuple[bool, ...]) -> tuple[tuple[Any, ...], bool]:
        """What a node keeps when the operands marked in ``needs`` want gradients: positions of operands (the number
        of operands stands for the output), and whether to keep the operands' shapes."""
        found = self.plans.get(needs)
        if found is None:
            words: set[Any] = set()
            if self.kind == "elementwise":
                for need, reads in zip(needs, cast(Sequence[str], self._saves), strict=False):
                    words.update(reads.split() if need else ())
                words.update(("shapes",) if self.arity > 1 else ())
            else:
                words.update(self._saves(needs) if callable(self._saves) else self._saves)
            shapes = "shapes" in words
            count = len(needs)
            positions = {count if word == OUT else _OPERANDS.index(word) if isinstance(word, str) else word
                         for word in words - {"shapes", "*"}}
            if "*" in words:
                positions.update(range(count))
            found = self.plans[needs] = (tuple(sorted(positions)), shapes)
        return found

    def node_name(self, params: Params) -> str:
        """What PyTorch calls a node of this primitive: ``"MulBackward0"``."""
        label = self.label if isinstance(self.label, str) else self.label(params)
        return label if "Backward" in label or "::" in label else f"{label}Backward0"

    def rule(self, name: str) -> Rule:
        """The rule ``name``, or `MissingRuleError` with the reason why there is none."""
        found = getattr(self, name)
        if found is None:
            raise MissingRuleError(f"[{self.name}] has no {name} rule: {self.missing.get(name, 'not in wengert yet')}")
        return found

    def __call__(self, *operands: Any, **params: Any) -> Any:
        for operand in operands:
            # (a scalar of bfloat16 is plain too)
            if type(operand) not in _PLAIN and not isinstance(operand, np.generic):
                return (lowered if type(operand) is Symbol else dispatcher)(self, operands, params)
        if self.lower is not None:
            result = run_large(self, operands, params)
            if result is not None:
                return result
        return self.run(*operands, **params) if params else self.run(*operands)

    @property
    def is_diagonal(self) -> bool:
        """Whether its forward rule is the one derived from the backward rule of elementwise primitives."""
        return getattr(self.jvp, "func", None) is _diagonal_jvp

    def __repr__(self) -> str:
        return f"<primitive {self.name} ({self.kind})>"

    def __reduce__(self) -> tuple[Any, ...]:
        return getattr, (P, self.name)


def dispatcher(primitive: Primitive, operands: tuple[Any, ...], params: Params) -> Any:
    """Runs a primitive on tensors. The layer of tensors puts its own function here."""
    raise RuntimeError("wengert.tensors has not been imported")


def evaluate(primitive: Primitive, values: Sequence[Any], params: Params) -> Any:
    """The evaluation of a primitive on arrays as eager mode has it, to the strides of the result."""
    result = _evaluated(primitive, values, params)
    return in_order(result, *values) if primitive.kind == "elementwise" else result


def _evaluated(primitive: Primitive, values: Sequence[Any], params: Params) -> Any:
    """The plain evaluation of a primitive on arrays: a generated kernel for large ones, else the array module."""
    for x in values:
        if type(x) is ndarray and x.dtype.char in NARROW:
            values = with_rounded_numbers(primitive, values)
            at_once = primitive.lower is not None and primitive.widens
            result = run_large(primitive, values, params) if at_once else None
            return state.quiet(widened, primitive, values, params) if result is None else result
    if primitive.lower is not None:
        result = run_large(primitive, values, params)
        if result is not None:
            return result
    return state.quiet(primitive.run, *values, **params)


HALVES = "eEO"
"""numpy's letters for half precision: float16, and the bfloat16 and complex32 of ml_dtypes."""
NARROW = HALVES + EIGHTHS
"""Those for what is not computed with as it is: half precision, and the floating types of 8 bits."""
_WIDE = {"e": np.float32, "E": np.float32, "O": np.complex64}
TRUTHS, INTEGERS, COMPLEX = "?", "bBhHiIlLqQ", "FDO"
"""numpy's letters for truth values, integers, and complex numbers, for `Primitive.refuses`."""
INEXACT_ONLY = TRUTHS + INTEGERS
REAL_ONLY = TRUTHS + INTEGERS + COMPLEX


_UNROUNDED = {"mul": 1, "div": 1, "floor_divide": 1, "lerp": 2}
"""The place of a number that PyTorch's kernels take in float32 beside half precision: a second factor, a divisor, a
weight."""


def with_rounded_numbers(primitive: Primitive, values: Sequence[Any]) -> Sequence[Any]:
    """The operands, in which a Python number beside float16 or bfloat16 is rounded to that, as in PyTorch, where it is
    a tensor first."""
    if primitive.kind == "elementwise" and any([type(x) is float for x in values]):
        narrow = next((x.dtype for x in values if type(x) is ndarray and x.dtype.char in "eE"), None)
        if narrow is not None:
            kept = _UNROUNDED.get(primitive.name)
            return [float(state.quiet(narrow.type, x)) if type(x) is float and place != kept else x
                    for place, x in enumerate(values)]
    return values


def run_at_once(primitive: Primitive, operands: Sequence[Any]) -> ndarray | None:
    """`run_large`; and where no kernel takes large arrays in half precision, as they broadcast, the result of float32,
    rounded once: numpy takes some 20 ns for an element of float16."""
    operands = with_rounded_numbers(primitive, operands)
    found = run_large(primitive, operands)
    if found is not None or not primitive.widens:
        return found
    kinds = {x.dtype.char for x in operands if type(x) is ndarray and x.ndim}
    if len(kinds) != 1 or kinds.isdisjoint("eE") or max(np.size(x) for x in operands) < LARGE:
        return None
    return cast(ndarray, state.quiet(widened, primitive, operands, {}))


def widened(primitive: Primitive, values: Sequence[Any], params: dict[str, Any]) -> Any:
    """The evaluation in float32 (of complex32 in complex64) of a primitive on arrays of which some are in half
    precision, rounded once to the dtype of the first of them: sums would stand still at 2048 (float16) or 256
    (bfloat16), and squares overflow. What becomes of numbers of 8 bits is said in `eighths`.
    """
    values, narrow = eighths(primitive, values)
    wide = []
    for x in values:
        if type(x) is ndarray and x.dtype.char in HALVES and primitive.widens:
            narrow = narrow or x.dtype
            # An expanded array is laid in rows first: numpy would lay its copy by the strides of 0.
            x = cast_array(np.array(x, order="C") if 0 in x.strides else x, _WIDE[x.dtype.char])
        wide.append(x)
    found = run_large(primitive, wide, params) if primitive.lower is not None else None
    if found is None:
        found = primitive.run(*wide, **params)
    return tuple([_rounded(part, narrow) for part in found]) if primitive.multiple else _rounded(found, narrow)


def summing_dtype(dtype: np.dtype[Any]) -> Any:
    """The dtype in which elements of ``dtype`` are added up where a primitive sees to that itself."""
    return _WIDE.get(dtype.char, dtype)


def _rounded(result: Array, narrow: np.dtype[Any] | None) -> Any:
    if narrow is None or result.dtype.kind not in "fc":
        return result
    if narrow.char == EIGHTHS:
        return converted(result, narrow)
    if result.dtype.kind == "f":
        return cast_array(result, np.float16 if narrow.char == "O" else narrow)
    return result.astype(narrow) if narrow.char == "O" else result


_MOVE = frozenset({"cast", "cat", "clone", "conj", "copy_real", "diag_matrix", "fill", "flip", "gather", "index",
                   "index_adjoint", "masked_select", "overwrite", "pad", "roll", "scatter", "scatter_view",
                   "view_adjoint", "where", "zeros_like", "zeros_of"})
_TEST = frozenset({"all", "any", "eq", "isfinite", "isinf", "isnan", "ne"})
_MULTIPLY = frozenset({"abs", "linear", "matmul", "mul"})


def eighths(primitive: Primitive, values: Sequence[Any]) -> tuple[Sequence[Any], np.dtype[Any] | None]:
    """The operands of a primitive as it takes them where some are floating numbers of 8 bits, and the dtype to which
    its result is rounded: the codes where it moves elements, float32 where it asks what they are, or multiplies them
    with each other. Raises `DTypeError` for any other primitive: PyTorch does not compute with them."""
    places = [type(x) is ndarray and x.dtype.char == EIGHTHS for x in values]
    if not any(places):
        return values, None
    found = values[places.index(True)].dtype
    multiplied = primitive.name in _MULTIPLY and all(places) and bool(len(values) == 1 or values[1].ndim)
    if primitive.name in _TEST or multiplied:
        wide = [decoded(x) if eighth else x for x, eighth in zip(values, places, strict=True)]
        return wide, found if multiplied else None
    if primitive.kind != "view" and primitive.name not in _MOVE:
        name = from_numpy(found).name
        raise DTypeError(f"[{primitive.name}] \"{primitive.name}_cpu\" not implemented for '{name.capitalize()}': a "
                         f"type that is computed with was expected; came {name}, in which numbers are only kept; "
                         f"convert them with .to(...) first")
    return [converted(np.asarray(x), found) if isinstance(x, (int, float)) and not isinstance(x, bool) else x
            for x in values], None


def register(primitive: Primitive) -> Primitive:
    """Adds a primitive to the registry. Kinds call it; only a primitive of a kind of its own does so itself."""
    primitive.records = primitive.vjp is not None or primitive.kind != "elementwise"
    return P._register(primitive)


# --- kinds ------------------------------------------------------------------------------------------------------------


def without_derivative(name: str) -> Rule:
    """The vjp of what PyTorch puts on the tape too, and knows no derivative of: it raises `MissingRuleError`."""

    def vjp(*_: Any) -> Any:
        raise MissingRuleError(f"[{name}] the derivative for '{name}' is not implemented: it does not vary smoothly "
                               "with its input; detach() the input where no gradient is meant")

    return vjp


def elementwise(name: str, eval: str | Rule, *, derivative: Partial | tuple[Partial, ...] = None,
                selects: Rule | None = None, vjp: Rule | None = None, saves: str | tuple[str, ...] = "",
                promotion: str = "same", in_steps: bool = False, **rest: Any) -> Primitive:
    """A primitive that maps elements to elements, operands broadcast against each other.

    Its derivative is said once, in one of three ways; without any, its result has no history:

    - ``derivative``: one function of ``(*operands, out)``, or one per operand; a number stands for a constant partial,
      None for an operand without one;
    - ``selects``: for what lets elements through or stops them, the function of ``(*operands, out)`` that says which go
      through. The cotangent is selected, not multiplied by 0 or 1, so that no NaN arises from an infinite one. Of
      several operands, the last but one goes through there, and the last elsewhere;
    - ``vjp``: where PyTorch takes other steps and the last bits would differ, or for complex functions that are not
      holomorphic (which need a ``jvp`` too).

    ``saves`` is one string, or one an operand. ``promotion``: ``"same"`` (operands meet in one dtype), ``"float"``
    (integers become the default float first), ``"compare"`` (operands meet, the result is bool), ``"number"`` (as
    ``"same"``, and no operand may be a truth value). ``in_steps``: ``eval`` is made of what symbols can do too
    (`core/symbols.py`), so that its ``lower`` rule follows.
    """
    written_out = vjp is not None
    if sum(way is not None for way in (derivative, selects, vjp)) > 1:
        raise ValueError(f"[{name}] one of derivative, selects and vjp was expected; got several; keep one of them")
    derivatives = derivative if isinstance(derivative, tuple) else (derivative,)
    arity = max(len(derivatives), len(saves) if isinstance(saves, tuple) else 1)
    reads = saves if isinstance(saves, tuple) else (saves,) * arity
    if len(reads) != arity or (derivative is not None and len(derivatives) != arity):
        raise ValueError(f"[{name}] one 'saves' per operand was expected")
    if selects is not None:
        vjp = _selecting_vjp(selects, arity)
    elif any(d is not None for d in derivatives):
        vjp = _multiplying_vjp_n(derivatives) if arity > 1 else _multiplying_vjp_1(cast(Any, derivatives[0]))
    primitive = Primitive(name, "elementwise", eval, arity=arity, saves=reads, promotion=promotion, vjp=vjp,
                          shape=partial(_broadcast, name), **rest)
    if primitive.vjp is None:
        reason = primitive.missing.get("vjp", "its result does not vary smoothly with its operands")
        for rule in ("vjp", "jvp"):
            primitive.missing.setdefault(rule, reason)
    elif primitive.jvp is None:
        primitive.jvp = partial(_diagonal_jvp, primitive)
    if primitive.vjp is not None and (arity == 1 or not written_out):
        primitive.vjp = _by_kernel_if_large(primitive, primitive.vjp)
    if in_steps:
        primitive.lower = Steps(name, cast(Rule, eval), arity).lower
    return register(primitive)


def linear(name: str, eval: str | Rule, *, transpose: Rule, **rest: Any) -> Primitive:
    """A primitive linear in its first operand. ``transpose(ct, shape, params)`` is its adjoint."""

    def vjp(ct: Numbers, saved: Saved, params: Params, needs: Needs) -> tuple[Any, ...]:
        return (transpose(ct, saved[-1][0], params),) + (None,) * (len(needs) - 1)

    def jvp(tangents: Sequence[Any], operands: Sequence[Any], out: Numbers, params: Params) -> Any:
        return primitive(tangents[0], *operands[1:], **params)

    primitive = Primitive(name, "linear", eval, vjp=vjp, jvp=jvp, saves=("shapes",), **rest)
    return register(primitive)


def bilinear(name: str, eval: str | Rule, *, transposes: tuple[Rule, Rule], **rest: Any) -> Primitive:
    """A primitive linear in each of two operands. ``transposes[i](ct, other, shape, params)`` is adjoint in ``i``."""

    def vjp(ct: Numbers, saved: Saved, params: Params, needs: Needs) -> tuple[Any, ...]:
        x, y, _, shapes = saved
        return (transposes[0](ct, y, shapes[0], params) if needs[0] else None,
                transposes[1](ct, x, shapes[1], params) if needs[1] else None)

    def jvp(tangents: Sequence[Any], operands: Sequence[Any], out: Numbers, params: Params) -> Any:
        terms = [primitive(*(t if i == j else x for j, x in enumerate(operands)), **params)
                 for i, t in enumerate(tangents) if t is not None]
        return terms[0] if len(terms) == 1 else terms[0] + terms[1]

    def saves(needs: tuple[bool, ...]) -> list[str]:
        return ["shapes"] + ["y"] * needs[0] + ["x"] * needs[1]

    primitive = Primitive(name, "bilinear", eval, arity=2, vjp=vjp, jvp=jvp, saves=saves, **rest)
    return register(primitive)


def view(name: str, eval: str | Rule, *, adjoint: Rule | None = None, behind: Rule | None = None,
         batch: Rule | None = None, **rest: Any) -> Primitive:
    """A primitive whose result shares its operand's memory.

    ``eval`` must return a view of the operand. ``adjoint(ct, shape, params)``, where given, is a cheaper adjoint than
    the derived one, which adds the cotangent into zeros through the same view. ``behind(params, count, shape)`` are
    the parameters of the same view of ``count`` examples of that shape, behind the dimension along which they lie.
    """

    def vjp(ct: Numbers, saved: Saved, params: Params, needs: Needs) -> tuple[Any, ...]:
        shape = saved[-1][0]
        if adjoint is not None:
            return (adjoint(ct, shape, params),)
        return (P.view_adjoint(ct, step=(primitive, params), shape=shape),)

    def jvp(tangents: Sequence[Any], operands: Sequence[Any], out: Numbers, params: Params) -> Any:
        return primitive(tangents[0], **params)

    if behind is not None:
        batch = changed(behind)
    primitive = Primitive(name, "view", eval, vjp=vjp, jvp=jvp, batch=batch, saves=("shapes",), **rest)
    primitive.behind = behind
    return register(primitive)


def as_first(x: Spec, *others: Any, **params: Any) -> Dims:
    """The shape of a result that has that of the first operand."""
    return x.shape


def of_first(shape: Rule) -> Rule:
    """A ``spec`` rule: the shape by a rule, the dtype of the first operand."""

    def spec(x: Spec, *others: Any, **params: Any) -> Spec:
        return x._replace(shape=tuple(shape(x, *others, **params)))

    return spec


def of_given_shape(x: Spec, *others: Any, shape: Dims, **params: Any) -> Dims:
    """The shape of a result whose parameters say it."""
    return shape


def without_dims(x: Spec, dim: Dims, keepdim: bool = False, **params: Any) -> Dims:
    """The shape that is left when dimensions have been reduced."""
    gone = {d % len(x.shape) for d in dim} if x.shape else set()
    return tuple([1 if d in gone else n for d, n in enumerate(x.shape) if keepdim or d not in gone])


def reduction(name: str, eval: str | Rule, **rest: Any) -> Primitive:
    """A primitive that combines elements along dimensions: params ``dim`` (a tuple) and ``keepdim``."""
    return register(Primitive(name, "reduction", eval, **rest))


def fused(name: str, eval: str | Rule, **rest: Any) -> Primitive:
    """A composition that is one primitive for speed or accuracy."""
    return register(Primitive(name, "fused", eval, **rest))


def opaque(name: str, eval: str | Rule, **rest: Any) -> Primitive:
    """A primitive of which only what is given is known: sorting, indexing, decompositions."""
    return register(Primitive(name, "opaque", eval, **rest))


# --- steps that rules share -------------------------------------------------------------------------------------------


def is_final() -> bool:
    """Whether a function is being recorded, and what a rule computes now will not be differentiated itself: then it may
    record its form for plain arrays as one primitive, so that the bits are the same."""
    watcher = state.watcher
    return watcher is not None and watcher.tracer is not None and watcher.tracer.records and not state.grad


def certain(condition: Any) -> bool:
    """Whether a condition is known to hold everywhere; inside a transformation, or while a function is recorded, that
    may not be known."""
    watcher = state.watcher
    if not isinstance(condition, ndarray) and watcher is not None and watcher.tracer is not None:
        condition = watcher.tracer.known(condition)
    return condition is not None and bool(condition.all())


def fit(grad: Numbers, shape: Dims | None) -> Any:
    """A cotangent in the shape of its operand, summed where that was broadcast; ``shape`` is None where it was not."""
    return grad if shape is None or grad.shape == shape else P.sum_to(grad, shape=shape)


def conjugate(x: Any) -> Any:
    """The complex conjugate of an array, tensor, symbol or number; anything real as it is."""
    if type(x) is complex:
        return x.conjugate()
    dtype = getattr(x, "dtype", None)
    return x if dtype is None or dtype.kind not in "cW" else P.conj(x)


def keep(reduced: Numbers, shape: Dims, dim: Dims, keepdim: bool) -> Any:
    """``reduced`` with the reduced dimensions of ``shape`` put back as size 1; a single number meets any shape."""
    if keepdim or not reduced.shape:
        return reduced
    return P.reshape(reduced, shape=tuple([1 if d in dim else n for d, n in enumerate(shape)]))


# --- derived rules ----------------------------------------------------------------------------------------------------


def _times(ct: Numbers, partial_: Any) -> Any:
    """The cotangent times a local partial derivative (conjugated, where complex: PyTorch's convention)."""
    if type(partial_) in (int, float, bool):
        return ct if partial_ == 1 else -ct if partial_ == -1 else ct * partial_
    if type(partial_) is complex:
        return ct * partial_.conjugate()
    return ct * (P.conj(partial_) if partial_.dtype.kind in "cW" else partial_)


def _through(ct: Numbers, constant: float) -> Any:
    """The cotangent times a constant partial; through a staircase (0) comes none, not even of an infinite one."""
    return _times(ct, constant) if constant else P.zeros_like(ct)


def _multiplying_vjp_1(derivative: Rule | float) -> Rule:
    if not callable(derivative):
        return lambda ct, saved, params, needs: (_through(ct, derivative),)

    def vjp(ct: Numbers, saved: Saved, params: Params, needs: Needs) -> tuple[Any, ...]:
        x, out, _ = saved
        return (_times(ct, derivative(x, out, **params)),)

    return vjp


def _multiplying_vjp_n(derivatives: tuple[Partial, ...]) -> Rule:
    steps: list[tuple[int, Any, bool]] = [
        (i, each, callable(each)) for i, each in enumerate(derivatives) if each is not None]

    def vjp(ct: Numbers, saved: Saved, params: Params, needs: Needs) -> tuple[Any, ...]:
        values, shapes = saved[:-1], saved[-1]
        grads: list[Any] = [None] * len(derivatives)
        for i, derivative, varies in steps:
            if needs[i]:
                grad = _times(ct, derivative(*values, **params)) if varies else _through(ct, derivative)
                grads[i] = grad if shapes is None else fit(grad, shapes[i])
        return tuple(grads)

    return vjp


def _selecting_vjp(selects: Rule, arity: int) -> Rule:
    if arity == 1:

        def vjp_1(ct: Numbers, saved: Saved, params: Params, needs: Needs) -> tuple[Any, ...]:
            x, out, _ = saved
            return (P.where(selects(x, out, **params), ct, 0.0),)

        return vjp_1
    first, second, others = arity - 2, arity - 1, (None,) * (arity - 2)

    def vjp(ct: Numbers, saved: Saved, params: Params, needs: Needs) -> tuple[Any, ...]:
        chosen, shapes = selects(*saved[:-1], **params), saved[-1]
        for_first = fit(P.where(chosen, ct, 0.0), shapes and shapes[first]) if needs[first] else None
        for_second = fit(P.where(chosen, 0.0, ct), shapes and shapes[second]) if needs[second] else None
        return (*others, for_first, for_second)

    return vjp


def _by_kernel_if_large(primitive: Primitive, rule: Rule) -> Rule:
    """The rule, as one generated kernel an operand where the cotangent is a large array and nothing broadcast: each
    step of it by numpy would be a pass over memory."""

    @cache
    def expression(reads: tuple[bool, ...], place: int) -> BackwardExpression:
        return BackwardExpression(primitive, rule, reads, place)

    def vjp(ct: Numbers, saved: Saved, params: Params, needs: Needs) -> tuple[Any, ...]:
        if type(ct) is not ndarray or ct.size < LARGE or saved[-1] is not None or ct.dtype.char in HALVES:
            return cast("tuple[Any, ...]", rule(ct, saved, params, needs))
        reads = tuple([value is not None for value in saved[:-1]])
        read, grads = [ct, *[value for value in saved if value is not None]], []
        for place, need in enumerate(needs):
            grad = run_large(expression(reads, place), read, params) if need else None
            grads.append(rule(ct, saved, params, _alone(len(needs), place))[place] if need and grad is None else grad)
        return tuple(grads)

    return vjp


def _diagonal_jvp(primitive: Primitive, tangents: Sequence[Any], operands: Sequence[Any], out: Numbers,
                  params: Params) -> Any:
    """Forward by way of the backward rule, of the shape of the result."""
    total = diagonal(primitive, tangents, operands, out, params)
    if total is not None and total.shape != out.shape:
        total = P.expand(total, shape=tuple(out.shape))
    return total


def diagonal(primitive: Primitive, tangents: Sequence[Any], operands: Sequence[Any], out: Numbers,
             params: Params) -> Any:
    """The tangents of an elementwise primitive's operands through its backward rule, added up: the Jacobian by one
    operand is diagonal, and so its own transpose, up to the conjugate."""
    rule, total = primitive.rule("vjp"), None
    for i, tangent in enumerate(tangents):
        if tangent is None:
            continue
        needs = _alone(len(tangents), i)
        term = conjugate(rule(conjugate(tangent), (*operands, out, None), params, needs)[i])
        if term is not None:
            total = term if total is None else total + term
    return total


@cache
def _alone(count: int, place: int) -> tuple[bool, ...]:
    """The needs of one operand of ``count`` alone."""
    return tuple([i == place for i in range(count)])


def _spec_by_elements(primitive: Primitive, shape: Rule, *specs: Spec | float, **params: Any) -> Spec:
    """The shape by its rule; the dtype is found by evaluating on one element of each operand."""
    found = tuple(shape(*specs, **params))
    ones = [s._replace(shape=(1,) * len(s.shape)) if isinstance(s, Spec) else s for s in specs]
    key = primitive, *[(type(x), x) for x in (*ones, *params.values())], *params
    try:
        known = _DTYPES.get(key)
    except TypeError:  # parameters that cannot be compared
        return _spec_by_dummies(primitive, *ones, **params)._replace(shape=found)
    if known is None:
        known = _spec_by_dummies(primitive, *ones, **params).dtype
        if len(_DTYPES) < _MOST_DTYPES:
            _DTYPES[key] = known
    return Spec(found, known)


_DTYPES: dict[Any, Any] = {}
"""The dtypes of what has been evaluated on single elements, by the primitive, these and the parameters."""
_MOST_DTYPES = 10_000


def has_spec_rule(primitive: Primitive) -> bool:
    """Whether the shape of its result is found without evaluating it on all of its operands."""
    return getattr(primitive.spec, "func", None) is not _spec_by_dummies


def _broadcast(name: str, *specs: Spec | float, **params: Any) -> Dims:
    return broadcast_shapes(*(s.shape for s in specs if isinstance(s, Spec)), op=name)


def _spec_by_dummies(primitive: Primitive, *specs: Spec | Sequence[Spec] | float, **params: Any) -> Any:
    """The shape and dtype of the result, read off an evaluation on ones."""
    from .dtypes import from_numpy

    made = np.empty if primitive.kind == "view" else np.ones  # a view looks at no element
    result = on_dummies(primitive, [made(s.shape, s.dtype.numpy) if isinstance(s, Spec) else s for s in specs], params)
    if primitive.multiple:
        return tuple(Spec(r.shape, from_numpy(r.dtype)) for r in result)
    return Spec(result.shape, from_numpy(result.dtype))


def on_dummies(primitive: Primitive, dummies: Sequence[Any], params: Params) -> Any:
    """What a primitive gives of ones; in matrices with halves off the diagonal, so that they can be inverted and
    factored."""
    for dummy in dummies if primitive.kind != "view" else ():
        if isinstance(dummy, np.ndarray) and dummy.ndim >= 2 and dummy.dtype.kind in "fc":
            places = range(min(dummy.shape[-2:]))
            dummy[...] = 0.5
            dummy[..., places, places] = 1
    with np.errstate(all="ignore"):
        try:
            return widened(primitive, dummies, params)
        except IndexError:  # an index of 1 into a single place: 0 is right for any that is not empty
            zeros = [x * 0 if isinstance(x, np.ndarray) and x.dtype.kind in "iu" else x for x in dummies]
            return widened(primitive, zeros, params)


def _camel(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))
