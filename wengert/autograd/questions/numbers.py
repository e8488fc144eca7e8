"""Where a NaN or an infinity was made: the description of one operation, and the usual cure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...core.operands import Cotangent
from ...tensors.tape import Node, is_data
from .answers import array_of, at, finite, operation, places_of, ranges


@dataclass(slots=True)
class Finding:
    """One operation that made a NaN or an infinity.

    ``phase`` is "forward" or "backward"; ``kind`` "nan" or "inf"; ``entered`` says that it was not made but came in
    with an operand, ``from_infinity`` that an operand was infinite; ``operands`` describes ranges; ``indices`` are the
    first places in the result (forward) or in the cotangent that was sent on (backward); ``earlier`` is what the watch
    had found before.
    """

    phase: str
    kind: str
    op: str
    line: str = ""
    module: str = ""
    operands: list[str] = field(default_factory=list)
    indices: list[tuple[int, ...]] = field(default_factory=list)
    cure: str = ""
    cause: str = ""
    entered: bool = False
    from_infinity: bool = False
    earlier: Finding | None = None

    def __str__(self) -> str:
        what = "NaN" if self.kind == "nan" else "Inf"
        where = at(self.line or None, self.module)
        if self.entered:
            head = f"{what} came into {self.op}{where} with an operand; no operation that was seen made it"
        elif self.phase == "forward":
            head = f"{self.op}{where} made {what} from {'infinite' if self.from_infinity else 'finite'} operands"
        else:
            head = f"the backward of {self.op}{where} made {what} from a finite gradient"
        if self.cause:
            head += f": {self.cause}"
        lines = [head, *(f"  {operand}" for operand in self.operands)]
        if any(self.indices):  # (of a scalar there is but one)
            lines.append(
                "  first at index " + ", ".join(str(index if len(index) != 1 else index[0]) for index in self.indices)
            )
        if self.cure:
            lines.append(f"  cure: {self.cure}")
        return "\n".join(lines)


def kind_of(array: object) -> str:
    """Whether an array that is not finite has a NaN, or only infinities."""
    return "nan" if np.isnan(array_of(array)).any() else "inf"


def forward_finding(
    op: str, operands: Sequence[Any], params: dict[str, Any], result: object, line: str, module: str
) -> Finding | None:
    """The description of an evaluation whose result is not finite; None where that was asked for (a fill with -inf,
    infinities that stay infinities)."""
    constants = [*params.values(), *(x for x in operands if isinstance(x, (float, complex)))]
    if any(isinstance(x, (float, complex)) and not np.isfinite(x) for x in constants):
        return None
    kind = kind_of(result)
    bad = [x for x in operands if not finite(x)]
    entered = bool(bad) and not (kind == "nan" and all(kind_of(x) == "inf" for x in bad))
    if bad and kind == "inf":
        return None
    array = array_of(result)
    finding = Finding("forward", kind, op, line, module, entered=entered, from_infinity=bool(bad))
    finding.operands = [ranges(f"operand {i}", x) for i, x in enumerate(operands) if x is not None]
    finding.indices = places_of(np.isnan(array) if kind == "nan" else np.isinf(array))
    if entered:
        finding.cure = "look at where that operand comes from: the data, or a parameter after a step that was too long"
    elif bad:
        finding.cause = "Inf - Inf or 0 * Inf"
        finding.cure = "the infinity among the operands is the trouble; mask with a large finite number instead"
    else:
        finding.cause, finding.cure = forward_cure(op, operands)
    return finding


def forward_cure(op: str, operands: Sequence[Any]) -> tuple[str, str]:
    """What usually makes this operation fail on finite operands, and what to do."""
    if op in ("log", "log2", "log10"):
        lowest = array_of(operands[0])
        sign = "a negative number" if lowest is not None and (lowest < 0).any() else "0"
        return (
            f"{op} of {sign}",
            "log(x.clamp(min=1e-8)); for probabilities use log_softmax, or cross_entropy and "
            "binary_cross_entropy_with_logits on the logits",
        )
    if op in ("exp", "exp2", "expm1", "sinh", "cosh"):
        return (
            "overflow: exp of more than 88.7 is beyond float32 (709.7 for float64)",
            "subtract the maximum first, as softmax and logsumexp do, or use log_softmax / "
            "binary_cross_entropy_with_logits",
        )
    if (op == "pow" and _powers_exist(*operands)) or (op in ("div", "reciprocal") and _without_zeros(operands[-1])):
        return _OVERFLOW
    return _FORWARD.get(op, _OVERFLOW)


def _powers_exist(base: object, exponent: object) -> bool:
    """Whether every power is a real number, so that it can only be too large."""
    x, p = (np.asarray(getattr(value, "_data", value), dtype=np.float64) for value in (base, exponent))
    return not bool((((x < 0) & (p != np.floor(p))) | ((x == 0) & (p < 0))).any())


def _without_zeros(divisor: object) -> bool:
    return bool(np.all(np.asarray(getattr(divisor, "_data", divisor)) != 0))


_OVERFLOW = (
    "the result is beyond the range of the dtype",
    "scale the inputs down, lower the learning rate, or clip gradients; use float32 or float64 where float16 overflows",
)
_DOMAIN = ("an operand outside the domain", "clamp the operand to the domain, a little inside its ends")
_FORWARD: dict[str, tuple[str, str]] = {
    "sqrt": ("sqrt of a negative number", "sqrt(x.clamp(min=0) + 1e-12)"),
    "rsqrt": ("rsqrt of 0 or a negative number", "rsqrt(x + 1e-5)"),
    "div": ("a division by 0", "add a small number to the divisor, or divide by where(y == 0, 1, y)"),
    "reciprocal": ("1 / 0", "add a small number to the divisor"),
    "remainder": ("a division by 0", "keep 0 out of the divisor"),
    "fmod": ("a division by 0", "keep 0 out of the divisor"),
    "pow": (
        "0 to a negative power, or a negative number to a fractional power",
        "clamp the base to positive numbers, or use abs() and sign()",
    ),
    "log1p": ("log1p of -1 or less", "clamp the operand above -1"),
    "acos": _DOMAIN,
    "asin": _DOMAIN,
    "atanh": _DOMAIN,
    "acosh": _DOMAIN,
    "logit": _DOMAIN,
    "erfinv": _DOMAIN,
    "nll_loss": ("the mean over no targets: all are ignore_index", "leave out batches without a target"),
    "mean": ("the mean of no elements", "check that the batch or the mask is not empty"),
    "var": ("the variance of fewer than two elements", "correction=0, or a batch of more than one"),
    "std": ("the deviation of fewer than two elements", "correction=0, or a batch of more than one"),
    "softmax": ("a row of -inf only", "leave one place of every row unmasked, or mask with -1e9"),
    "log_softmax": ("a row of -inf only", "leave one place of every row unmasked, or mask with -1e9"),
    "inv": ("a singular matrix", "add a small multiple of the identity, or use pinv"),
}


def backward_finding(node: Node, ct: Cotangent, position: int, grad: object) -> Finding | None:
    """The description of a node that sends on NaN or infinity though what it got was finite; None otherwise."""
    parts = list(ct.values()) if type(ct) is dict else [ct]
    if not all(finite(part) for part in parts if part is not None):
        return None
    rare = node.rare or {}
    array = array_of(grad)
    kind = kind_of(array)
    mask = np.isnan(array) if kind == "nan" else np.isinf(array)
    finding = Finding("backward", kind, operation(node), rare.get("line") or "", rare.get("module") or "")
    saved = (getattr(node, "saved", None) or ()) if "packed" not in rare else ()
    count = len(node.edges)
    for i, value in enumerate(saved[: count + 1] if type(saved) is tuple else ()):
        if is_data(value):
            finding.operands.append(ranges(f"operand {i}" if i < count else "its result", value))
    finding.operands.extend(ranges("the gradient that arrived", part) for part in parts if part is not None)
    finding.indices = places_of(mask)
    arrived = array_of(parts[0])
    zero = arrived is not None and arrived.shape == mask.shape and bool((arrived[mask] == 0).all())
    finding.cause, finding.cure = backward_cure(finding.op, zero)
    return finding


def backward_cure(op: str, zero: bool) -> tuple[str, str]:
    """Why a derivative is not finite, and what to do. ``zero``: the gradient that arrived there was 0."""
    if zero:
        return (
            "0 * Inf: the gradient that arrived there is 0, as the branch was not selected (where, masked_fill, "
            f"clamp), but the derivative of {op} is infinite or undefined there",
            "make the operand safe before the operation: where(ok, log(where(ok, x, 1)), 0); or run backward under "
            "autograd.strict_zero()",
        )
    return _BACKWARD.get(op,
                         (
                             f"the derivative of {op} is not finite there",
                             "keep its operands away from the ends of its domain; clip gradients",
                         ))


_BACKWARD: dict[str, tuple[str, str]] = {
    "sqrt": ("the derivative of sqrt at 0 is infinite", "sqrt(x + 1e-12), or where() with a safe operand"),
    "rsqrt": ("the derivative of rsqrt at 0 is infinite", "rsqrt(x + 1e-5)"),
    "log": ("the derivative of log at 0 is infinite", "log(x.clamp(min=1e-8)) or log(x + 1e-8)"),
    "pow": ("x ** p with p < 1 has an infinite derivative at 0", "(x + 1e-12) ** p"),
    "div": ("a division by (nearly) 0", "add a small number to the divisor"),
    "std": ("the derivative of std is undefined where all values are equal", "(x.var() + 1e-12).sqrt()"),
    "vector_norm": ("the derivative of a norm at 0 is undefined", "(x * x).sum().add(1e-12).sqrt()"),
    "acos": ("the derivative of acos at -1 and 1 is infinite", "acos(x.clamp(-1 + 1e-6, 1 - 1e-6))"),
    "asin": ("the derivative of asin at -1 and 1 is infinite", "asin(x.clamp(-1 + 1e-6, 1 - 1e-6))"),
    "softmax": ("a row of -inf only", "leave one place of every row unmasked"),
    "log_softmax": ("a row of -inf only", "leave one place of every row unmasked"),
    "eigh": ("equal eigenvalues", "perturb the matrix a little; the derivative of eigenvectors is undefined there"),
    "svd": ("equal singular values", "perturb the matrix a little; the derivative of singular vectors is undefined"),
}
