"""Random nests of function transformations: `grad`, `vjp`, `jvp`, `vmap`, `jacrev`, `jacfwd`, `hessian`, `linearize`,
`laplacian` of random functions, up to four deep, held against PyTorch's, and against the plain tape.

The one idea to know: a case is a text of choices, from which the same function is built for either library. On the tape
alone (`Tape`) every transformation is a loop: over examples, over rows, over derivatives taken back twice.
"""

from __future__ import annotations

import random
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np

import wengert

from .target import Fault, Target

Function = Callable[[Any], Any]
WIDTH = 3
"""Elements of the argument, and of most values."""
MOST = 27
"""Elements that a result has at most before it is differentiated again."""


# --- random functions of a vector -------------------------------------------------------------------------------------


def _constant(t: ModuleType, seed: int, *shape: int) -> Any:
    # Not a `RandomState`: numpy asks the system for chance before it seeds one, which no compiled function may do.
    return t.from_numpy(np.random.default_rng(seed).uniform(-1, 1, shape))


def _written(t: ModuleType, x: Any, seed: int) -> Any:
    """In place: into a copy, into a part of it, and into fresh zeros."""
    y = x.clone()
    y.mul_(_constant(t, seed, WIDTH))
    y[1:] += x[:-1]
    z = t.zeros_like(x)
    z.copy_(y)
    z[0] = x.sum()
    return z


def _branched(t: ModuleType, x: Any, seed: int) -> Any:
    for i in range(2):
        x = x * (i + 1) if i % 2 else x.sin()
    return x


STEPS: dict[str, Callable[[ModuleType, Any, int], Any]] = {
    "sin": lambda t, x, s: x.sin(),
    "tanh": lambda t, x, s: t.tanh(x * 0.7),
    "sigmoid": lambda t, x, s: t.sigmoid(x) * 2,
    "bell": lambda t, x, s: t.exp(-x * x),
    "softplus": lambda t, x, s: t.nn.functional.softplus(x),
    "square": lambda t, x, s: x**2 + 0.5,
    "root": lambda t, x, s: (x * x + 1.0).sqrt(),
    "scaled": lambda t, x, s: x * _constant(t, s, WIDTH),
    "divided": lambda t, x, s: _constant(t, s, WIDTH) / (x * x + 2.0),
    "matrix": lambda t, x, s: _constant(t, s, WIDTH, WIDTH) @ x,
    "row": lambda t, x, s: x @ _constant(t, s, WIDTH, WIDTH),
    "outer": lambda t, x, s: (x[:, None] * x[None, :]).sum(0) * 0.5,
    "product": lambda t, x, s: x * (x[0] - x[-1]),
    "softmax": lambda t, x, s: t.softmax(x, 0) * 3,
    "log_softmax": lambda t, x, s: t.log_softmax(x, -1),
    "cumsum": lambda t, x, s: x.cumsum(0) * 0.5,
    "prod": lambda t, x, s: x + x.prod(),
    "mean": lambda t, x, s: x - x.mean(),
    "norm": lambda t, x, s: x / (x * x + 1.0).sum(),
    "flip": lambda t, x, s: t.flip(x, (0,)),
    "index": lambda t, x, s: x[t.tensor([2, 0, 0])],
    "cat": lambda t, x, s: t.cat([x[1:], x[:1] * 2]),
    "stack": lambda t, x, s: t.stack([x, x.cos()]).prod(0),
    "where": lambda t, x, s: t.where(_constant(t, s, WIDTH) > 0, x.sin(), x * 0.3),
    "masked": lambda t, x, s: t.where(x > 5.0, x * 0.0, x.tanh()),
    "solve": lambda t, x, s: t.linalg.solve(_constant(t, s, WIDTH, WIDTH) + 4 * t.eye(WIDTH, dtype=t.float64), x),
    "linear": lambda t, x, s: t.nn.functional.linear(x, _constant(t, s, WIDTH, WIDTH), _constant(t, s + 1, WIDTH)),
    "convolution": lambda t, x, s: t.nn.functional.conv1d(x[None, None], _constant(t, s, 1, 1, 3), padding=1)[0, 0],
    "layer_norm": lambda t, x, s: t.nn.functional.layer_norm(x, (WIDTH,)) + x,
    "gelu": lambda t, x, s: t.nn.functional.gelu(x),
    "einsum": lambda t, x, s: t.einsum("ij,j,k->i", _constant(t, s, WIDTH, WIDTH), x, x) * 0.3,
    "tril": lambda t, x, s: (t.tril(x[:, None] + x) * 0.3).sum(1),
    "repeated": lambda t, x, s: x.repeat(2).reshape(2, WIDTH).sum(0),
    "written": _written,
    "branched": _branched,
}


def function_of(t: ModuleType, steps: list[tuple[str, int]]) -> Function:
    """The function that these steps are, one after the other."""

    def run(x: Any) -> Any:
        for name, seed in steps:
            x = STEPS[name](t, x, seed)
        return x

    return run


# --- transformations --------------------------------------------------------------------------------------------------


def _flat(out: Any) -> Any:
    """A result as a vector of at most `MOST` elements."""
    flat = out.reshape(-1)
    return flat if flat.shape[0] <= MOST else flat[:MOST]


def _weighed(t: ModuleType, f: Function, seed: int) -> Function:
    def total(x: Any) -> Any:
        out = _flat(f(x))
        return (out * _constant(t, seed, out.shape[0])).sum()

    return total


def _pulled(lib: Any, f: Function, seed: int, x: Any) -> Any:
    out, pull = lib.f.vjp(f, x)
    return pull(_constant(lib.t, seed, *out.shape))[0] + 0 * x


def _linearized(lib: Any, f: Function, seed: int, x: Any) -> Any:
    _, push = lib.f.linearize(f, x)
    return push(_constant(lib.t, seed, WIDTH))


def _mapped(lib: Any, f: Function, seed: int, x: Any) -> Any:
    """Over a second argument, along the last dimension, and out along another."""
    scales = _constant(lib.t, seed, WIDTH, 2)
    return lib.f.vmap(lambda s, y: f(y * s), in_dims=(1, None), out_dims=-1)(scales, x)


def _mapped_rows(lib: Any, f: Function, seed: int, x: Any) -> Any:
    return lib.f.vmap(f)(lib.t.stack([x, x * 0.5]))


def _laplacian(lib: Any, f: Function, seed: int, x: Any) -> Any:
    """The trace of the Hessian; where the library has a Laplacian, by that."""
    total = _weighed(lib.t, f, seed)
    direct = getattr(lib.f, "laplacian", None)
    return x * (lib.t.trace(lib.f.hessian(total)(x)) if direct is None else direct(total, x))


TRANSFORMS: dict[str, Callable[[Any, Function, int], Function]] = {
    "grad": lambda lib, f, s: lib.f.grad(_weighed(lib.t, f, s)),
    "vjp": lambda lib, f, s: partial(_pulled, lib, f, s),
    "jvp": lambda lib, f, s: lambda x: lib.f.jvp(f, (x,), (_constant(lib.t, s, WIDTH),))[1],
    "jvp both": lambda lib, f, s: lambda x: sum(lib.f.jvp(f, (x,), (_constant(lib.t, s, WIDTH) * x,))),
    "vmap": lambda lib, f, s: partial(_mapped, lib, f, s),
    "vmap rows": lambda lib, f, s: partial(_mapped_rows, lib, f, s),
    "jacrev": lambda lib, f, s: lib.f.jacrev(lambda x: _flat(f(x))),
    "jacfwd": lambda lib, f, s: lib.f.jacfwd(lambda x: _flat(f(x))),
    "hessian": lambda lib, f, s: lib.f.hessian(_weighed(lib.t, f, s)),
    "linearize": lambda lib, f, s: partial(_linearized, lib, f, s),
    "laplacian": lambda lib, f, s: partial(_laplacian, lib, f, s),
}


class Tape:
    """The transformations as loops on the plain tape: an oracle that shares nothing with levels but the primitives."""

    @staticmethod
    def grad(f: Function) -> Function:
        """Of a scalar."""
        return lambda x: Tape._back(f, x, None)

    @staticmethod
    def _back(f: Function, x: Any, ct: Any) -> Any:
        x = x if x.requires_grad else x.detach().requires_grad_()
        return Tape._pull(f(x), x, ct)

    @staticmethod
    def _pull(out: Any, x: Any, ct: Any) -> Any:
        if not out.requires_grad:
            return wengert.zeros_like(x)
        found = wengert.autograd.grad(out, x, ct, create_graph=True, allow_unused=True)[0]
        return wengert.zeros_like(x) if found is None else found

    @staticmethod
    def vjp(f: Function, x: Any) -> tuple[Any, Function]:
        """As `func.vjp`, of one argument."""
        x = x.view_as(x) if x.requires_grad else x.detach().requires_grad_()
        out = f(x)
        return out, lambda ct: (Tape._pull(out, x, ct),)

    @staticmethod
    def jvp(f: Function, primals: tuple[Any], tangents: tuple[Any]) -> tuple[Any, Any]:
        """Back twice: what comes back is linear in the cotangent."""
        x = primals[0].view_as(primals[0]) if primals[0].requires_grad else primals[0].detach().requires_grad_()
        out = f(x)
        ct = wengert.zeros_like(out).detach().requires_grad_()
        return out, Tape._pull(Tape._pull(out, x, ct), ct, tangents[0])

    @staticmethod
    def linearize(f: Function, x: Any) -> tuple[Any, Function]:
        """By `jvp`."""
        return f(x), lambda tangent: Tape.jvp(f, (x,), (tangent,))[1]

    @staticmethod
    def jacrev(f: Function) -> Function:
        """Row by row."""

        def rows(x: Any) -> Any:
            x = x.view_as(x) if x.requires_grad else x.detach().requires_grad_()
            out = f(x)
            flat = out.reshape(-1)
            return wengert.stack([Tape._pull(each, x, None) for each in flat]).reshape(*out.shape, *x.shape)

        return rows

    jacfwd = jacrev

    @staticmethod
    def hessian(f: Function) -> Function:
        """The Jacobian of the gradient."""
        return Tape.jacrev(Tape.grad(f))

    @staticmethod
    def vmap(f: Callable[..., Any], in_dims: Any = 0, out_dims: int = 0) -> Callable[..., Any]:
        """A call an example."""

        def each(*given: Any) -> Any:
            dims = in_dims if isinstance(in_dims, tuple) else (in_dims,) * len(given)
            count = next(x.shape[d] for x, d in zip(given, dims, strict=True) if d is not None)
            return wengert.stack([f(*[x if d is None else x.select(d, i) for x, d in zip(given, dims, strict=True)])
                                  for i in range(count)], out_dims)

        return each


@dataclass
class Case:
    """The steps of the function; the transformations, innermost first, with their seeds; whether it is compiled."""

    steps: list[tuple[str, int]]
    nest: list[tuple[str, int]]
    seed: int
    compiled: bool = False

    def __len__(self) -> int:
        return len(self.steps) + len(self.nest)

    def result(self, lib: Any) -> Any:
        """What the nest gives for the case's vector."""
        x = _constant(lib.t, self.seed, WIDTH)
        found = self.function(lib)
        if self.compiled and lib.t is wengert and lib.f is not Tape:
            found = wengert.compile(found, fullgraph=True)
            found(x * 0.5)
        return found(x).detach().numpy()

    def function(self, lib: Any) -> Function:
        """The nest of transformations."""
        f = function_of(lib.t, self.steps)
        for name, seed in self.nest:
            f = TRANSFORMS[name](lib, f, seed)
        return f


def make(chance: random.Random, compiled: float = 0.0, whole: bool = True) -> Case:
    """A case of a source of chance. Few steps where the nest is deep, as the derivatives grow. Unless the other side's
    `linearize` is a ``whole`` function of the point too (PyTorch's is traced at it, and a constant from then on), it
    is outermost alone."""
    depth = chance.randint(1, 4)
    steps = [(chance.choice(list(STEPS)), chance.randrange(1000)) for _ in range(chance.randint(1, 5 - depth // 2))]
    nest = [(chance.choice(list(TRANSFORMS)), chance.randrange(1000)) for _ in range(depth)]
    # Two of second order at most: on the tape each is a loop of loops, and an eighth derivative takes minutes.
    curved = [i for i, (name, _) in enumerate(nest) if name in ("hessian", "laplacian")]
    nest = [("grad" if i in curved[2:] else name, seed) for i, (name, seed) in enumerate(nest)]
    if not whole:
        nest = [(name if name != "linearize" or i == depth - 1 else "jvp", seed) for i, (name, seed) in enumerate(nest)]
    return Case(steps, nest, chance.randrange(1000), chance.random() < compiled)


def run(case: Case, other: Callable[[], Any]) -> str:
    """Whether the nest gives what the other side's gives; "unknown there" where that has no rule for it. Where PyTorch
    differs the tape decides: its `layer_norm` has a wrong derivative forward over forward, for one."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            expected = case.result(other())
        except (NotImplementedError, RuntimeError) as error:
            return f"unknown there ({str(error)[:40]!r})"
        try:
            found = case.result(SimpleNamespace(t=wengert, f=wengert.func))
        except Exception as error:
            raise Fault(f"{type(error).__name__}: {error}\n{case}") from error
    if _same(found, expected):
        return f"depth {len(case.nest)}"
    if other is _pytorch and _same(found, case.result(_TAPE())):
        return "as the tape, and not PyTorch"
    if found.shape != expected.shape or found.dtype != expected.dtype:
        raise Fault(f"{found.dtype} {found.shape} came; {expected.dtype} {expected.shape} was expected\n{case}")
    raise Fault(f"they differ by {np.abs(found - expected).max():.3g} of {np.abs(expected).max():.3g}\n{case}")


def _same(found: Any, expected: Any) -> bool:
    if found.shape != expected.shape or found.dtype != expected.dtype:
        return False
    scale = float(np.abs(expected[np.isfinite(expected)]).max(initial=0)) + 1e-3
    return np.allclose(found, expected, rtol=1e-7, atol=1e-9 * scale, equal_nan=True)


def _pytorch() -> Any:
    import torch

    return SimpleNamespace(t=torch, f=torch.func)


def _target(other: Callable[[], Any], compiled: float = 0.0, whole: bool = True, quick: int = 60,
            missing: str = "") -> Target:
    return Target(make=partial(make, compiled=compiled, whole=whole), run=partial(run, other=other), refusals=(),
                  memory=None, watched=False, seconds=60.0, quick=quick, missing=missing)


_TAPE = partial(SimpleNamespace, t=wengert, f=Tape)
_ABSENT = "" if find_spec("torch") else "PyTorch is not installed"
TARGETS: dict[str, Callable[[], Target]] = {
    "transforms": partial(_target, _pytorch, whole=False, missing=_ABSENT),
    "transforms-tape": partial(_target, _TAPE),
    "transforms-compiled": partial(_target, _TAPE, 1.0, quick=12),
}
