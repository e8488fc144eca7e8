"""Random programs of many functions, dtypes and layouts, held against PyTorch: values, dtypes, strides, what requires a
gradient, what is refused, and derivatives of first and second order. ``python -m tests.peer.random_programs 0 10000``
runs those of so many seeds.

The one idea to know: both libraries run the same statements, and every statement's outcome is compared before the next
one's, so that a report names the statement that differs. What PyTorch refuses for a limit of its own (`LIMITS`) may be
computed here; everything else it refuses is refused.
"""

from __future__ import annotations

import math
import random
import re
import signal
import sys
import warnings
from collections import Counter
from typing import Any

import numpy as np
import torch as peer

import wengert
from tools.conformance.comparison import Mismatch, same
from tools.conformance.derivatives import total

FLOATING = "float32 float64 float16 bfloat16 complex64 complex128".split()
INTEGERS = "int64 int32 uint8 bool int8".split()
LAYOUTS = "plain plain transposed stepped expanded".split()
SHAPES: list[tuple[int, ...]] = [(3,), (2, 3), (3, 3), (2, 3, 4), (1, 3), (), (4, 1), (0, 3), (3, 2)]

ONE = (
    [f"x.{name}()" for name in """\
     abs neg sin cos exp log sqrt tanh sigmoid relu square reciprocal rsqrt floor ceil round trunc sign erf log1p
     expm1 sinh cosh tan atan asin acos asinh acosh atanh exp2 log2 log10 isnan isinf isfinite frac lgamma digamma
     erfc logit sgn angle conj resolve_conj positive deg2rad nan_to_num clone contiguous detach t squeeze flatten
     ravel tril triu sum mean prod amax amin max min var std any all argmax argmin nansum median count_nonzero diag
     diagonal trace diff nanmean unique det pinverse rot90 half bfloat16 bool""".split()]
    + [f"F.{name}(x)" for name in """\
       softsign softplus gelu silu mish elu selu hardswish hardtanh logsigmoid tanhshrink relu6""".split()]
    + [text.strip() for text in """\
     x.T; x.mT; x.real; x.imag; x.flip(0); x.cumsum(-1); x.cumprod(0); x.cummax(-1)[0]; x.logcumsumexp(0);
     x.softmax(-1); x.log_softmax(0); x.sort(-1)[0]; x.argsort(dim=0, stable=True); x.norm(); x.logsumexp(-1);
     x.unsqueeze(d // 2); x.expand(2, *x.shape); x.repeat(*([2] + [1] * max(d - 1, 0))); x.roll(1, 0);
     L.outer(x.flatten()[:3], x.flatten()[-3:]); L.kron(x[:1], x[-1:]); x @ x.mT; x[0]; x[..., -1]; x[::2]; x[-1:];
     x[x.abs() > 0.5]; x[[0, -1, 0]]; x.narrow(0, 0, 1); x.select(-1, 0); x.chunk(2, -1)[0]; x.split(1)[-1];
     x.unbind(-1)[0]; x.transpose(0, -1); x.permute(tuple(range(d)[::-1])); x.movedim(0, -1); x.view(-1);
     x.reshape(2, -1); x.to(L.float64); x.to(L.float32); x.to(L.complex64); x.nan_to_num().clamp(-100, 100).long();
     x.clamp(-0.5, 0.5); x.clamp(min=0); x.clamp(x * 0 - 0.3, x * 0 + 0.3); x ** 2; x ** 0.5; x ** -1.5; 2 ** x;
     x * 2; x + 1.5; 1 - x; 1 / x; x // 0.7; x % 0.7; x.fmod(0.7); x.tril(-1).mT; x.topk(1, -1); x.kthvalue(1, 0);
     x.abs().log().cumsum(0); x.renorm(2, 0, 1.0); x.masked_fill(x > 0, 0.25); L.where(x > 0, x, x * 0.1);
     x.lerp(x * x, 0.3); x.addcmul(x, x, value=0.5); x.addcdiv(x, x * x + 1); F.dropout(x, 0.5);
     F.layer_norm(x, x.shape[-1:]); F.normalize(x, dim=-1); F.pad(x, (1, 2)); F.pad(x, (1, 1), mode="reflect");
     F.one_hot(x.abs().long() % 4, 4); L.bincount(x.flatten().abs().long() % 5); x.histc(4);
     x.flatten()[:3].diagflat(); L.atleast_3d(x); x.tile(2); L.tensordot(x, x, dims=([-1], [-1]));
     L.einsum("...i,...i->...", x, x); L.cdist(x, x + 1); x.inverse();
     (x @ x.mT + L.eye(x.shape[-2], dtype=x.dtype)).logdet(); L.linalg.svdvals(x); L.linalg.eigvalsh(x @ x.mH);
     L.linalg.cholesky(x @ x.mH + L.eye(x.shape[-2], dtype=x.dtype)); L.linalg.qr(x)[1].abs();
     L.linalg.solve(x @ x.mT + L.eye(x.shape[-2], dtype=x.dtype), x); L.vander(x.flatten()[:3]); L.matrix_exp(x);
     L.stack([x, x * 2], -1); L.cat([x, x * 2], -1); L.hstack([x, x]); x.swapaxes(0, -1); x.unfold(-1, 2, 1);
     x.as_strided((2, 2), (1, 1)); L.view_as_real(x); x.mean(0); x.sum(0, keepdim=True); x.var(0);
     x.std(-1, correction=0); x.amax(0); x.prod(0); x.norm(1, -1); L.linalg.vector_norm(x, math.inf, 0);
     L.linalg.vector_norm(x, 3, -1); x.quantile(0.3);
     F.interpolate(x[None, None] if d == 1 else x[None], scale_factor=2); x.take(L.tensor([0, 1, 0])); x.triu(1);
     x.put(L.tensor([0, 1]), x.flatten()[:2] * 3); x.index_add(0, L.tensor([0]), x[:1]);
     x.index_copy(0, L.tensor([0]), x[-1:]); x.gather(-1, L.zeros((1,) * d, dtype=L.int64)); F.leaky_relu(x, 0.1);
     x.heaviside(x * 0 + 0.5); x.copysign(-1.0); x.hypot(x + 1); x.atan2(x + 2); x.xlogy(x.abs() + 1); x.fmax(-x);
     x.minimum(x * x); x.logaddexp(-x); x == x.round(); x < 0.3; x & 3; x.bitwise_or(1); x ^ 1; x << 1;
     x.ldexp(L.tensor(2)); x.nextafter(x + 1); x.gcd(x * 0 + 6)""".split(";")]
)
"""Expressions of one tensor ``x`` of ``d`` dimensions."""

TWO = (
    [f"L.{name}(x, y)" for name in """\
     add sub mul div pow maximum minimum fmax fmin atan2 hypot fmod remainder floor_divide true_divide copysign eq
     ne lt le gt ge logical_and logical_or logical_xor xlogy logaddexp matmul dot outer dist bmm inner kron
     nextafter heaviside bitwise_and bitwise_or ldexp float_power""".split()]
    + [text.strip() for text in """\
     L.where(x.abs() > y.abs(), x, y); L.lerp(x, y, 0.25); F.mse_loss(x, y); F.smooth_l1_loss(x, y);
     F.huber_loss(x, y, reduction="none"); F.l1_loss(x, y, reduction="sum"); L.cat([x, y], 0); L.stack([x, y], 0);
     F.cosine_similarity(x, y, dim=-1); F.pairwise_distance(x, y); L.rsub(x, y, alpha=2);
     L.addcmul(x, y, y, value=-0.5); F.binary_cross_entropy_with_logits(x, y.sigmoid()); x.masked_fill(y > 0, 1.0);
     L.tensordot(x, y, dims=1); L.cross(x, y, dim=-1)""".split(";")]
)
"""Expressions of two tensors."""

WRITES = (
    [f"x.{name}_()" for name in """\
     zero sin exp relu abs neg sqrt tanh sigmoid square floor t squeeze round trunc sign rsqrt reciprocal log
     erf""".split()]
    + [text.strip() for text in """\
     x.add_(y); x.sub_(y); x.mul_(y); x.div_(y); x.copy_(y); x.fill_(2); x.clamp_(-0.4, 0.4); x.pow_(2);
     x.masked_fill_(x > 0, 0.5); x.__setitem__(0, y[0]); x.__setitem__(slice(None, None, 2), y[::2]);
     x.index_add_(0, L.tensor([0]), y[:1]); x.transpose_(0, -1); x.unsqueeze_(0); x.addcmul_(y, y, value=0.1);
     x.lerp_(y, 0.5); x.cumsum_(0); x.clamp_min_(0); x.remainder_(0.7); x.__setitem__(x > 0.2, 0.0); x.fmod_(0.7);
     x.mul_(2); x.add_(1.5); x.__ixor__(1)""".split(";")]
)
"""Writes to ``x``."""

CODE = {text: compile(text, text, "eval") for text in (*ONE, *TWO, *WRITES)}

LIMITS = re.compile("|".join((
    "has been modified by an inplace operation",  # it keeps more for its backward than is needed
    "does not support automatic differentiation for outputs with complex dtype",
    "Function \\w+ returned an invalid gradient at index",  # of indices smaller than their source
    "Expected isFloatingType\\(grad.scalar_type\\(\\)\\)",  # of gradients that go from real to complex numbers
    "single memory location",  # what is read before it is written may be the same memory
    "not implemented for '(ComplexHalf|Half|BFloat16)'",
    "Found dtype \\w+ but expected \\w+",  # of a backward of its own
    "Autograd not support dtype", "value cannot be converted to type uint8_t",
    "Negation, the `-` operator, on a bool tensor",  # in its own backward
    "view size is not compatible with input tensor's size",
)))
"""What PyTorch says where it cannot do what it takes for meaningful."""

LAID = frozenset(("x.conj()", "2 ** x", "x.mH"))
"""What lies otherwise: a conjugate is worked out at once here, and powers of a number lie as the exponents do."""

Statement = tuple[Any, ...]


def program(seed: int) -> list[Statement]:
    """The statements of a seed: leaves, values of one and of two earlier ones, and writes."""
    choose = random.Random(seed)
    found: list[Statement] = []
    base = choose.choice(SHAPES)
    for k in range(choose.choice((2, 3))):
        dtype = choose.choice(FLOATING if choose.random() < 0.8 else INTEGERS)
        shape = base if choose.random() < 0.7 else choose.choice(SHAPES)
        found.append(("leaf", dtype, shape, choose.choice(LAYOUTS), choose.random() < 0.85, seed * 10 + k))
    count = len(found)
    for _ in range(choose.randint(2, 9)):
        kind, x, y = choose.random(), choose.randrange(count), choose.randrange(count)
        x = count - 1 if choose.random() < 0.5 else x
        if kind < 0.78:
            found.append(("value", choose.choice(ONE if kind < 0.5 else TWO), x, y, True))
            count += 1
        else:
            found.append(("write", choose.choice(WRITES), x, y, choose.random() >= 0.15))
    return found


def leaf(library: Any, dtype: str, shape: tuple[int, ...], layout: str, grad: bool, seed: int) -> Any:
    """A tensor of random numbers that lies in memory as ``layout`` says."""
    layout = layout if shape else "plain"
    laid = {"transposed": shape[::-1], "stepped": tuple([2 * n for n in shape]),
            "expanded": (1, *shape[1:])}.get(layout, shape)
    draw = np.random.RandomState(seed % 2**32)
    numbers = np.asarray(draw.uniform(-2, 2, laid))
    if dtype.startswith("complex"):
        numbers = numbers + 1j * draw.uniform(-2, 2, laid)
    elif dtype in INTEGERS:
        numbers = np.round(np.abs(numbers) * 2 if dtype == "uint8" else numbers * 2).astype(np.int64)
    x = library.tensor(numbers).to(getattr(library, dtype))
    x = {"transposed": lambda: x.permute(*range(len(shape))[::-1]), "expanded": lambda: x.expand(*shape),
         "stepped": lambda: x[tuple(slice(None, None, 2) for _ in shape)]}.get(layout, lambda: x)().detach()
    return x.requires_grad_() if grad and (x.is_floating_point() or x.is_complex()) else x


class Run:
    """A program as one library carries it out, a statement at a time."""

    def __init__(self, library: Any) -> None:
        self.library, self.values, self.leaves = library, [], []  # type: ignore[var-annotated]
        library.manual_seed(1)

    def step(self, statement: Statement) -> tuple[Any, Exception | None]:
        """The value of a statement and its refusal, one of which is None; of a write, what was written to."""
        library = self.library
        if statement[0] == "leaf":
            made = leaf(library, *statement[1:])
            self.leaves.append(made)
            self.values.append(made)
            return made, None
        _, text, i, j, grad = statement
        x, y = self.values[i], self.values[j]
        made, refusal = None, None
        if x is not None and y is not None:
            try:
                with library.set_grad_enabled(grad):
                    names = {"L": library, "F": library.nn.functional, "x": x, "y": y, "d": x.dim(), "math": math}
                    made = eval(CODE[text], names)
                made = made[0] if isinstance(made, (tuple, list)) else made
            except Exception as error:
                refusal = error
        if statement[0] == "value":
            self.values.append(made if isinstance(made, library.Tensor) else None)
        return x if statement[0] == "write" else self.values[-1], refusal

    def gradients(self, of: Any, order: int) -> Any:
        """Those of the leaves; or of these again, None where they depend on nothing."""
        xs = [x for x in self.leaves if x.requires_grad]
        for _ in range(order):
            if isinstance(of, list) and not of:
                return None
            number = total(self.library, of)
            of = self.library.autograd.grad(number, xs, allow_unused=True, create_graph=True)
            last, of = of, [g for g in of if g is not None and g.requires_grad]
        return [self.library.zeros_like(x) if g is None else g.detach() for g, x in zip(last, xs, strict=True)]


def lies(x: Any) -> tuple[int, ...]:
    return tuple([step for step, n in zip(x.stride(), x.shape, strict=True) if n > 1]) if x.numel() else ()


def roughness(statements: list[Statement]) -> tuple[float, float]:
    """How far values may be apart that were computed in the narrowest of a program's dtypes."""
    text = str(statements)
    return (0.1, 0.1) if "float16" in text or "half" in text else (1e-3, 1e-3) if re.search(
        "float32|complex64|int|bool", text) else (0.0, 0.0)


def requires(x: Any) -> bool | None:
    try:
        return bool(x.requires_grad and not x.is_leaf) or bool(x.requires_grad)
    except RuntimeError:
        return None  # of a view whose base has got a history without it


def different(statements: list[Statement]) -> tuple[str, str, str] | None:
    """What differs first: of which kind, at which text, and how."""
    theirs, ours, rough = Run(peer), Run(wengert), roughness(statements)
    for statement in statements:
        (value, refusal), (mine, problem) = theirs.step(statement), ours.step(statement)
        text = str(statement[1])
        if refusal is not None and LIMITS.search(str(refusal)):
            return None
        if problem is not None and refusal is None and value is not None and not (value.numel() and value.dim()):
            return None  # it returns before it looks at the dtype
        if type(problem).__name__ == "InplaceError" and (refusal is not None or text == "x.copy_(y)"):
            return None  # what is wrong in two ways is said first here; so is what is expanded, though it be itself
        if (refusal is None) != (problem is None):
            return "refused", text, f"{refusal!r} in PyTorch, {problem!r} here"
        if refusal is not None:
            kind = next(each for each in type(refusal).__mro__ if each.__module__ == "builtins")
            if not isinstance(problem, kind):
                return "class", text, f"{refusal!r} in PyTorch, {problem!r} here"
            continue
        if value is None or mine is None:
            if (value is None) != (mine is None):
                return "value", text, "a tensor in one of the two alone"
            continue
        try:
            same(mine, value, rough=rough)
        except Mismatch as error:
            return "value", text, str(error)
        if lies(mine) != lies(value) and text not in LAID:
            return "strides", text, f"{lies(value)} in PyTorch, {lies(mine)} here"
        if requires(mine) != requires(value) and (mine.is_floating_point() or mine.is_complex()):
            return "requires_grad", text, f"{requires(value)} in PyTorch, {requires(mine)} here"
    last = [k for k, x in enumerate(theirs.values) if x is not None and requires(x) and not x.is_leaf and x.numel()]
    for order in range(1, (3 if rough[0] < 0.1 else 2) if last else 1):  # halves leave nothing of a second one
        found = []
        for run in (theirs, ours):
            try:
                found.append((run.gradients(run.values[last[-1]], order), None))
            except Exception as error:
                found.append((None, error))
        (wanted, refusal), (got, problem) = found
        if refusal is not None:
            if problem is None and not LIMITS.search(str(refusal)) and order == 1:
                return "backward", "", f"{refusal!r} in PyTorch"
            return None
        if problem is not None:
            return "backward", "", f"here {problem!r}"
        if got is None or wanted is None:
            return None
        try:
            same(got, wanted, rough=rough)
        except Mismatch as error:
            return f"derivative {order}", "", str(error)
    return None


def main(first: int, last: int) -> int:
    kinds: Counter[str] = Counter()
    signal.signal(signal.SIGALRM, signal.default_int_handler)
    for seed in range(first, last):
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            fault = different(program(seed))
        if fault is not None:
            kinds[fault[0]] += 1
            print(seed, *fault, flush=True)
    print(f"{last - first} programs, {kinds.total()} differ: {dict(kinds)}")
    return int(bool(kinds))


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2])))
