"""Programs of arithmetic, views and in-place writes, and what they mean.

A program is data: a tuple of statements on numbered variables. `run` carries it out with a library of PyTorch's shape
(wengert, or PyTorch itself); `interpret` works out what it must give, without any tape: memories are arrays that are
replaced and never changed, a view is an array of positions in one, and derivatives are carried forward beside the
values, to second order, by arithmetic on jets. The two share nothing but the program. `random_program` makes one.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

__all__ = ["Outcome", "Statement", "gradients", "interpret", "random_program", "run"]


class Statement(NamedTuple):
    """One line of a program. ``kind`` is leaf, constant, compute, view, detach or write; ``what`` names the function;
    ``operands`` are numbers of variables, the written one first. All but a write make the next variable. ``grad`` is
    whether the line stands outside ``no_grad``. ``shape`` is that of a leaf or constant."""

    kind: str
    what: str = ""
    operands: tuple[int, ...] = ()
    grad: bool = True
    shape: tuple[int, ...] = ()


COMPUTE: dict[str, Callable[..., Any]] = {
    "add": lambda x, y: x + y,
    "sub": lambda x, y: x - y,
    "mul": lambda x, y: x * y,
    "twice": lambda x: x * 2.0,
    "sin": lambda x: x.sin(),
    "square": lambda x: x * x,
}
"""Functions of tensors and of jets alike."""

LINEAR = ("add", "sub", "twice")
"""Those that, with `LINEAR_WRITES`, save nothing that a write could spoil."""

VIEWS: dict[str, tuple[int, Callable[[Any], Any], Callable[[np.ndarray], np.ndarray]]] = {
    "all": (0, lambda x: x[...], lambda i: i[...]),
    "first": (1, lambda x: x[0], lambda i: i[0]),
    "tail": (1, lambda x: x[1:], lambda i: i[1:]),
    "strided": (1, lambda x: x[::2], lambda i: i[::2]),
    "empty": (1, lambda x: x[:0], lambda i: i[:0]),
    "last": (1, lambda x: x[..., -1], lambda i: i[..., -1]),
    "narrow": (2, lambda x: x.narrow(1, 0, 1), lambda i: i[:, 0:1]),
    "transpose": (2, lambda x: x.transpose(0, 1), lambda i: i.swapaxes(0, 1)),
    "diagonal": (2, lambda x: x.diagonal(), lambda i: i.diagonal()),
    "unsqueeze": (0, lambda x: x.unsqueeze(0), lambda i: i[None]),
    "expand": (0, lambda x: x.expand(2, *x.shape), lambda i: np.broadcast_to(i, (2, *i.shape))),
    "reshape": (0, lambda x: x.view(-1), lambda i: i.reshape(-1)),
}
"""Views: the least rank, on a tensor, on an array of positions."""

WRITES: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "add_": (lambda x, y: x.add_(y), lambda x, y: x + y),
    "sub_": (lambda x, y: x.sub_(y), lambda x, y: x - y),
    "mul_": (lambda x, y: x.mul_(y), lambda x, y: x * y),
    "copy_": (lambda x, y: x.copy_(y), lambda x, y: x * 0.0 + y),
    "assign": (lambda x, y: x.__setitem__(..., y), lambda x, y: x * 0.0 + y.without_leading_ones(x)),
    "twice_": (lambda x: x.mul_(2.0), lambda x: x * 2.0),
    "zero_": (lambda x: x.zero_(), lambda x: x * 0.0),
    "sin_": (lambda x: x.sin_(), lambda x: x.sin()),
}
"""In-place writes: on a tensor, and as a function of the old value."""

LINEAR_WRITES = ("add_", "sub_", "copy_", "assign", "twice_", "zero_")


@dataclass
class Outcome:
    """What a program gave: the value of each variable (None for one that could not be made), the statements that were
    refused, and, where they were worked out, the derivatives; see `gradients`."""

    values: list[Any]
    refused: set[int]
    first: float | None = None
    second: float | None = None
    error: Exception | None = None


# --- the numbers that go into a program -------------------------------------------------------------------------------


def leaf_value(number: int, shape: tuple[int, ...]) -> np.ndarray:
    """The value of the leaf or constant that is variable ``number``."""
    return np.random.default_rng(number).uniform(-1.0, 1.0, shape)


def direction(number: int, which: int, shape: tuple[int, ...]) -> np.ndarray:
    """The direction in which leaf ``number`` is moved for the ``which``-th derivative."""
    return np.random.default_rng((number, which)).uniform(-1.0, 1.0, shape)


def weight(number: int, shape: tuple[int, ...]) -> np.ndarray:
    """The weight of variable ``number`` in the number that is differentiated: the weighted sum of all variables."""
    return np.random.default_rng((number, 3)).uniform(-1.0, 1.0, shape)


# --- carrying a program out -------------------------------------------------------------------------------------------


def run(
    torch: Any, program: Sequence[Statement], after: Callable[[int, Sequence[Any], bool], None] | None = None
) -> tuple[list[Any], set[int], list[int]]:
    """Carries a program out with a library of PyTorch's shape. Returns the variables, the numbers of the statements
    that it refused with a RuntimeError, and the leaves. ``after(i, variables, refused)`` is called after each."""
    variables: list[Any] = []
    refused: set[int] = set()
    leaves: list[int] = []
    for i, statement in enumerate(program):
        operands = [variables[k] for k in statement.operands]
        made = None
        try:
            if any(operand is None for operand in operands):
                raise RuntimeError("an operand could not be made")
            with torch.set_grad_enabled(statement.grad):
                made = _do(torch, statement, operands, len(variables))
        except RuntimeError:
            refused.add(i)
        if statement.kind == "leaf":
            leaves.append(len(variables))
        if statement.kind != "write":
            variables.append(made)
        if after is not None:
            after(i, variables, i in refused)
    return variables, refused, leaves


def _do(torch: Any, statement: Statement, operands: list[Any], number: int) -> Any:
    kind, what = statement.kind, statement.what
    if kind in ("leaf", "constant"):
        values = leaf_value(number, statement.shape)
        made = torch.tensor(values.tolist(), dtype=torch.float64).reshape(values.shape)
        return made.requires_grad_(kind == "leaf")
    if kind == "compute":
        return COMPUTE[what](*operands)
    if kind == "view":
        return VIEWS[what][1](operands[0])
    if kind == "detach":
        return operands[0].detach()
    return WRITES[what][0](*operands)


def gradients(torch: Any, program: Sequence[Statement]) -> Outcome:
    """Runs a program and differentiates the weighted sum of its variables twice: ``first`` is the derivative when the
    leaves move in one direction, ``second`` that of this when they move in another."""
    variables, refused, leaves = run(torch, program)

    def number(array: np.ndarray) -> Any:
        return torch.tensor(array.tolist(), dtype=torch.float64).reshape(array.shape)

    live, weights = [], []
    values: list[Any] = []
    for k, variable in enumerate(variables):
        values.append(
            None if variable is None else np.array(variable.detach().tolist(), dtype=float).reshape(variable.shape)
        )
        try:
            if variable is not None and variable.requires_grad and (k in leaves or variable.grad_fn is not None):
                live.append(variable)
                weights.append(number(weight(k, tuple(variable.shape))))
        except RuntimeError:
            pass  # a view made under no_grad whose base has since got a history: it takes no part
    outcome = Outcome(values, refused)
    xs = [variables[k] for k in leaves]
    if not live or not xs:
        outcome.first = outcome.second = 0.0
        return outcome
    try:
        first = torch.autograd.grad(live, xs, weights, create_graph=True, allow_unused=True)
        pairs = [
            (g, number(direction(k, 1, tuple(g.shape)))) for k, g in zip(leaves, first, strict=True) if g is not None
        ]
        outcome.first = sum(
            _dot(g, direction(k, 1, tuple(g.shape))) for k, g in zip(leaves, first, strict=True) if g is not None
        )
        pairs = [(g, u) for g, u in pairs if g.requires_grad]
        second: Any = []
        if pairs:
            second = torch.autograd.grad([g for g, _ in pairs], xs, [u for _, u in pairs], allow_unused=True)
        outcome.second = sum(
            _dot(g, direction(k, 2, tuple(g.shape)))
            for k, g in zip(leaves, second, strict=bool(pairs))
            if g is not None
        )
    except RuntimeError as error:
        outcome.error = error
    return outcome


def _dot(gradient: Any, vector: np.ndarray) -> float:
    return float((np.array(gradient.detach().tolist(), dtype=float).reshape(vector.shape) * vector).sum())


# --- working out what it must give ------------------------------------------------------------------------------------


class Jet:
    """A value, its derivatives in two directions, and the mixed second one: the leading axis of ``parts``."""

    def __init__(self, parts: np.ndarray, requires: bool) -> None:
        self.parts, self.requires = parts, requires

    def _other(self, other: Any) -> Jet:
        if isinstance(other, Jet):
            return other
        return Jet(np.stack([np.full((), other), *np.zeros((3,))]), False)

    def _aligned(self, other: Jet) -> tuple[np.ndarray, np.ndarray]:
        a, b = self.parts, other.parts
        rank = max(a.ndim, b.ndim)
        return (
            a.reshape(4, *(1,) * (rank - a.ndim), *a.shape[1:]),
            b.reshape(4, *(1,) * (rank - b.ndim), *b.shape[1:]),
        )

    def __add__(self, other: Any) -> Jet:
        other = self._other(other)
        a, b = self._aligned(other)
        return Jet(a + b, self.requires or other.requires)

    def __sub__(self, other: Any) -> Jet:
        return self + self._other(other) * -1.0

    def __mul__(self, other: Any) -> Jet:
        other = self._other(other)
        a, b = self._aligned(other)
        parts = [
            a[0] * b[0],
            a[1] * b[0] + a[0] * b[1],
            a[2] * b[0] + a[0] * b[2],
            a[3] * b[0] + a[1] * b[2] + a[2] * b[1] + a[0] * b[3],
        ]
        return Jet(np.stack(parts), self.requires or other.requires)

    def without_leading_ones(self, target: Jet) -> Jet:
        """An assigned value may have more dimensions than its target, of size 1."""
        extra = max(self.parts.ndim - target.parts.ndim, 0)
        shape = self.parts.shape[1:]
        return Jet(self.parts.reshape(4, *shape[extra:]), self.requires) if all(n == 1 for n in shape[:extra]) else self

    def sin(self) -> Jet:
        a = self.parts
        sine, cosine = np.sin(a[0]), np.cos(a[0])
        return Jet(np.stack([sine, cosine * a[1], cosine * a[2], cosine * a[3] - sine * a[1] * a[2]]), self.requires)


class Refused(Exception):
    """A statement that the law of views and writes does not allow."""


@dataclass
class ModelMemory:
    """The values that tensors share: replaced by a write, never changed; and how often they were."""

    values: np.ndarray
    version: int = 0


@dataclass
class History:
    """The derivatives of a whole memory, which its tensors share unless they are detached."""

    tangents: np.ndarray
    requires: bool = False
    leaf: bool = False


@dataclass
class ModelTensor:
    """A tensor: positions in a memory, with a history. ``tracked``: not made as a view under no_grad."""

    memory: ModelMemory
    history: History
    positions: np.ndarray
    tracked: bool = True
    version: int = field(default=0)

    def read(self, grad: bool = True) -> Jet:
        values = self.memory.values[self.positions][None]
        none = np.zeros((3, *self.positions.shape))
        if grad and not self.tracked and self.version != self.memory.version and self.history.requires:
            raise Refused
        if not grad or not self.tracked:
            return Jet(np.concatenate([values, none]), False)
        return Jet(np.concatenate([values, self.history.tangents[:, self.positions]]), self.history.requires)


def _place(jet: Jet) -> ModelTensor:
    shape = jet.parts.shape[1:]
    history = History(jet.parts[1:].reshape(3, -1), jet.requires)
    positions = np.arange(history.tangents.shape[1]).reshape(shape)
    return ModelTensor(ModelMemory(jet.parts[0].reshape(-1)), history, positions)


def interpret(program: Sequence[Statement]) -> Outcome:
    """What a program must give; see the module's text."""
    places: list[ModelTensor | None] = []
    refused: set[int] = set()
    for i, statement in enumerate(program):
        made = None
        try:
            made = _meaning(statement, [places[k] for k in statement.operands], len(places))
        except Refused:
            refused.add(i)
        if statement.kind != "write":
            places.append(made)
    outcome = Outcome([None if p is None else p.memory.values[p.positions] for p in places], refused, 0.0, 0.0)
    for k, place in enumerate(places):
        try:
            jet = place.read() if place is not None else None
        except Refused:
            continue
        if jet is not None and outcome.first is not None and outcome.second is not None:
            weights = weight(k, jet.parts.shape[1:])
            outcome.first += float((weights * jet.parts[1]).sum())
            outcome.second += float((weights * jet.parts[3]).sum())
    return outcome


def _meaning(statement: Statement, operands: list[Any], number: int) -> ModelTensor | None:
    kind, what = statement.kind, statement.what
    if any(operand is None for operand in operands):
        raise Refused
    if kind in ("leaf", "constant"):
        leaf, shape = kind == "leaf", statement.shape
        parts = [leaf_value(number, shape), *(direction(number, w, shape) * leaf for w in (1, 2)), np.zeros(shape)]
        place = _place(Jet(np.stack(parts), leaf))
        place.history.leaf = leaf
        return place
    if kind == "compute":
        jets = [operand.read(statement.grad) for operand in operands]
        return _place(_checked(lambda: COMPUTE[what](*jets)))
    source = operands[0]
    if kind == "view":
        source.read(statement.grad)
        return ModelTensor(
            source.memory,
            source.history,
            VIEWS[what][2](source.positions),
            source.tracked and statement.grad,
            source.memory.version,
        )
    if kind == "detach":
        return ModelTensor(source.memory, History(np.zeros_like(source.history.tangents)), source.positions)
    _write(statement, operands)
    return None


def _checked(compute: Callable[[], Jet]) -> Jet:
    try:
        return compute()
    except ValueError:
        raise Refused from None


def _write(statement: Statement, operands: list[ModelTensor]) -> None:
    target = operands[0]
    history, positions = target.history, target.positions
    # Where elements lie on each other, only what leaves the same number in all of them can be written.
    apart = len(np.unique(positions)) == positions.size or statement.what == "zero_"
    if not apart or (statement.grad and history.leaf):
        raise Refused
    jets = [operand.read(statement.grad) for operand in operands]
    new = _checked(lambda: WRITES[statement.what][1](*jets))
    if new.parts.shape[1:] != positions.shape:
        raise Refused
    if statement.grad and not target.tracked and (history.requires or new.requires):
        raise Refused
    values = target.memory.values.copy()
    values[positions] = new.parts[0]
    target.memory.values = values
    target.memory.version += 1
    if statement.grad:
        tangents = history.tangents.copy()
        tangents[:, positions] = new.parts[1:]
        history.tangents, history.requires = tangents, history.requires or new.requires


# --- making programs --------------------------------------------------------------------------------------------------


def random_program(seed: int, length: int = 12, linear: bool = False) -> list[Statement]:
    """A random program, the same for the same seed. ``linear`` ones save nothing that a write could spoil."""
    choose = random.Random(seed)
    shapes: list[tuple[int, ...]] = []
    program: list[Statement] = []

    def add(statement: Statement, shape: tuple[int, ...]) -> None:
        program.append(statement)
        if statement.kind != "write":
            shapes.append(shape)

    square = choose.choice([(2, 2), (3, 3), (2, 3), (3,), ()])
    for kind in ("leaf", choose.choice(["leaf", "constant"])):
        add(Statement(kind, shape=square), square)
    add(Statement("compute", "twice", (0,)), square)
    while len(program) < length:
        grad = choose.random() > 0.1
        kind = choose.choices(["compute", "view", "write", "detach"], [4, 5, 6, 1])[0]
        x = choose.randrange(len(shapes))
        if kind == "compute":
            what = choose.choice(LINEAR if linear else list(COMPUTE))
            pair = what in ("add", "sub", "mul")
            y = choose.choice([k for k, shape in enumerate(shapes) if _broadcast(shapes[x], shape) is not None])
            result = _broadcast(shapes[x], shapes[y]) if pair else shapes[x]
            add(Statement(kind, what, (x, y) if pair else (x,), grad), result or ())
        elif kind == "view":
            what = choose.choice(
                [
                    w
                    for w, (rank, *_) in VIEWS.items()
                    if rank <= len(shapes[x])
                    and w != "reshape"
                    and (w not in ("first", "last", "narrow") or 0 not in shapes[x])
                ]
            )
            add(Statement(kind, what, (x,), grad), VIEWS[what][2](np.zeros(shapes[x])).shape)
        elif kind == "detach":
            add(Statement(kind, "", (x,), grad), shapes[x])
        else:
            what = choose.choice(LINEAR_WRITES if linear else list(WRITES))
            alone = what in ("twice_", "zero_", "sin_")
            y = choose.choice([k for k, shape in enumerate(shapes) if _broadcast(shapes[x], shape) is not None])
            add(Statement(kind, what, (x,) if alone else (x, y), grad), ())
    return program


def _broadcast(a: tuple[int, ...], b: tuple[int, ...]) -> tuple[int, ...] | None:
    try:
        return np.broadcast_shapes(a, b)
    except ValueError:
        return None
