"""Random networks of odd sizes, trained for a few steps as native programs and as they are.

Two more targets run with every block of memory against a page that cannot be read (`guard.c`).

Layers, sizes, losses, optimisers, clipping and dtypes are drawn; what is compared are losses, parameters, gradients and
statistics. Machine code adds up in another order, so that equal means equal up to rounding; an optimiser that divides
by the size of a gradient makes noise of a gradient that is zero as large as its eps lets it, so that those run in
float64.
"""

from __future__ import annotations

import random
import warnings
from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial
from typing import Any

import numpy as np

import wengert as torch
import wengert.nn as nn
import wengert.nn.functional as F
from wengert.core.errors import TraceError
from wengert.native.schedule import Schedule

from . import guard
from .target import Fault, Target

ACTIVATIONS: tuple[Callable[[], Any], ...] = (
    nn.ReLU, nn.Tanh, nn.Sigmoid, nn.GELU, nn.SiLU, nn.ELU, nn.LeakyReLU, nn.Softplus, nn.Hardswish, nn.Mish, nn.SELU)


def _some(chance: random.Random, *choices: Any) -> Any:
    return chance.choice(choices)


def _dense(chance: random.Random, width: int, layers: list[Any]) -> int:
    """Appends some layers on features of (N, width); the width after them."""
    for _ in range(chance.randint(1, 3)):
        wide = chance.randint(1, 70)
        layers.append(nn.Linear(width, wide, bias=chance.random() < 0.8))
        width = wide
        if chance.random() < 0.4:
            layers.append(_some(chance, nn.BatchNorm1d, nn.LayerNorm)(width))
        layers.append(chance.choice(ACTIVATIONS)())
        if chance.random() < 0.3:
            layers.append(nn.Dropout(0.25))
    return width


class Sequence(nn.Module):
    """Recurrence or attention over (N, L) characters; (N, features) after it."""

    def __init__(self, chance: random.Random) -> None:
        super().__init__()
        self.width = chance.choice((4, 6, 12, 20))
        self.embedding = nn.Embedding(11, self.width)
        self.kind = chance.choice(("lstm", "gru", "rnn", "attention", "encoder"))
        twice = chance.random() < 0.4
        if self.kind == "attention":
            self.inner: Any = nn.MultiheadAttention(self.width, 2, batch_first=True)
        elif self.kind == "encoder":
            self.inner = nn.TransformerEncoderLayer(self.width, 2, 17, dropout=0.1, batch_first=True,
                                                    norm_first=twice)
        else:
            sort = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}[self.kind]
            hidden = chance.randint(1, 19)
            self.inner = sort(self.width, hidden, num_layers=chance.randint(1, 2), batch_first=True,
                              bidirectional=twice)
            self.width = hidden * (2 if twice else 1)
        self.causal = chance.random() < 0.5

    def forward(self, x: Any) -> Any:
        x = self.embedding(x)
        if self.kind == "attention":
            mask = torch.full((x.shape[1],) * 2, float("-inf"), dtype=x.dtype).triu(1) if self.causal else None
            x = self.inner(x, x, x, attn_mask=mask, need_weights=False)[0] + x
        elif self.kind == "encoder":
            x = self.inner(x)
        else:
            x = self.inner(x)[0]
        return x.mean(1)


def _pictures(chance: random.Random, layers: list[Any], dims: int, channels: int, size: int) -> int:
    """Appends layers on (N, channels, *sizes); the number of features when they are flat."""
    conv = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}[dims]
    norms = {1: (nn.BatchNorm1d, nn.InstanceNorm1d), 2: (nn.BatchNorm2d, nn.InstanceNorm2d),
             3: (nn.BatchNorm3d, nn.InstanceNorm3d)}[dims]
    pools = {1: (nn.MaxPool1d, nn.AvgPool1d), 2: (nn.MaxPool2d, nn.AvgPool2d), 3: (nn.MaxPool3d, nn.AvgPool3d)}[dims]
    for _ in range(chance.randint(1, 3)):
        groups = channels if chance.random() < 0.25 else 1
        wide = chance.randint(1, 3) * groups if groups > 1 else chance.randint(1, 20)
        kernel = min(chance.randint(1, 5), size)
        dilation = 2 if (kernel - 1) * 2 < size and chance.random() < 0.2 else 1
        reach = dilation * (kernel - 1)
        padding, stride = chance.randint(0, kernel // 2), chance.randint(1, 3)
        layers.append(conv(channels, wide, kernel, stride=stride, padding=padding, dilation=dilation, groups=groups,
                           bias=chance.random() < 0.6))
        channels, size = wide, (size + 2 * padding - reach - 1) // stride + 1
        if chance.random() < 0.5 and size > 1:
            layers.append(nn.GroupNorm(1, channels) if chance.random() < 0.3 else chance.choice(norms)(channels))
        layers.append(chance.choice(ACTIVATIONS)())
        if size >= 2 and chance.random() < 0.4:
            layers.append(chance.choice(pools)(2))
            size //= 2
        elif size <= 6 and chance.random() < 0.2:
            layers.append(nn.Upsample(scale_factor=2, mode="nearest"))
            size *= 2
    layers.append(nn.Flatten())
    return channels * size**dims


OPTIMIZERS: dict[str, Callable[..., Any]] = {
    "SGD": lambda p: torch.optim.SGD(p, lr=0.05),
    "momentum": lambda p: torch.optim.SGD(p, lr=0.02, momentum=0.9, weight_decay=1e-3, nesterov=True),
    "Adam": lambda p: torch.optim.Adam(p, lr=1e-3), "AdamW": lambda p: torch.optim.AdamW(p, lr=1e-3, amsgrad=True),
    "RMSprop": lambda p: torch.optim.RMSprop(p, lr=1e-3), "Adagrad": lambda p: torch.optim.Adagrad(p, lr=1e-2),
    "NAdam": lambda p: torch.optim.NAdam(p, lr=1e-3), "Adadelta": lambda p: torch.optim.Adadelta(p),
}
NOISY = {"Adam", "AdamW", "RMSprop", "Adagrad", "NAdam", "Adadelta"}


class Case:
    """A network, its data and how it is trained, made of a seed as often as it is asked for. ``sizes`` are those of the
    batches, if not three are equal."""

    def __init__(self, seed: int, sizes: tuple[int, ...] = ()) -> None:
        self.seed, self.sizes = seed, sizes
        chance = random.Random(seed)
        self.optimizer = chance.choice(list(OPTIMIZERS))
        self.dtype = torch.float64 if self.optimizer in NOISY or chance.random() < 0.5 else torch.float32
        self.loss = chance.choice(("cross", "smooth", "mse", "bce", "huber", "nll"))
        self.clip = chance.choice((None, None, "norm", "value"))
        self.model, self.shape = "", ()

    def make(self) -> tuple[Callable[[Any, Any], Any], Callable[[], list[Any]], list[tuple[Any, Any]]]:
        """A step, what to compare after it, and the batches of three calls."""
        chance = random.Random(self.seed + 1)
        torch.manual_seed(self.seed % 2**31)
        layers: list[Any] = []
        kind, rows = chance.choice(("dense", "1", "2", "2", "3", "sequence")), chance.randint(2, 17)
        if kind == "dense":
            shape: tuple[int, ...] = (rows, chance.randint(1, 90))
            width = shape[1]
        elif kind == "sequence":
            shape = rows, chance.randint(1, 9)
            layers.append(Sequence(chance))
            width = layers[0].width
        else:
            channels, size = chance.randint(1, 6), chance.randint(3, {"1": 40, "2": 15, "3": 7}[kind])
            shape = rows, channels, *(size,) * int(kind)
            width = _pictures(chance, layers, int(kind), channels, size)
        width = _dense(chance, width, layers) if chance.random() < 0.7 else width
        classes = chance.randint(2, 12)
        model = nn.Sequential(*layers, nn.Linear(width, classes)).to(self.dtype)
        self.model, self.shape = repr(model), shape
        optimizer = OPTIMIZERS[self.optimizer](model.parameters())

        def step(x: Any, y: Any) -> Any:
            optimizer.zero_grad()
            loss = self._loss(model(x), y)
            loss.backward()
            if self.clip == "norm":
                nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            elif self.clip == "value":
                nn.utils.clip_grad_value_(model.parameters(), 0.1)
            optimizer.step()
            return loss.detach()

        def inputs(*shape: int) -> Any:
            return torch.randint(0, 11, shape) if kind == "sequence" else torch.randn(shape, dtype=self.dtype)

        batches = [(inputs(n, *shape[1:]), torch.randint(0, classes, (n,))) for n in self.sizes or (rows,) * 3]
        return step, lambda: [*model.state_dict().values(), *(p.grad for p in model.parameters())], batches

    def _loss(self, out: Any, y: Any) -> Any:
        hot = F.one_hot(y, out.shape[1]).to(out.dtype)
        if self.loss == "cross":
            return F.cross_entropy(out, y)
        if self.loss == "smooth":
            return F.cross_entropy(out, y, label_smoothing=0.1, ignore_index=1)
        if self.loss == "nll":
            return F.nll_loss(F.log_softmax(out, 1), y, reduction="sum") * 0.1
        if self.loss == "bce":
            return F.binary_cross_entropy_with_logits(out, hot)
        return F.mse_loss(out, hot) if self.loss == "mse" else F.smooth_l1_loss(out, hot)

    def trained(self, compiled: bool) -> list[Any]:
        """Losses of the calls, and what is left after each."""
        step, left, batches = self.make()
        run: Any = step
        if compiled:
            self.compiled = run = torch.compile(step, fullgraph=True, dynamic=True if self.sizes else None)
        torch.manual_seed(7)
        found: list[Any] = []
        for x, y in batches:
            found += [run(x, y), *left()]
            found = [value if value is None else value.detach().numpy().copy() if type(value) is not np.ndarray
                     else value for value in found]
        return found

    def __str__(self) -> str:
        return f"{self.dtype}, {self.loss}, {self.optimizer}, clip {self.clip}, input {self.shape}\n{self.model}"


def run(case: Case) -> str:
    """The network learns the same, up to rounding, or it cannot be recorded."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        expected = case.trained(compiled=False)
        try:
            found = case.trained(compiled=True)
        except TraceError:
            raise
        except Exception as error:
            raise Fault(f"{type(error).__name__}: {error}\n{case}") from error
    wide = 1e-4 if case.optimizer in NOISY else 1e-8 if case.dtype == torch.float64 else 2e-3
    for number, (came, wanted) in enumerate(zip(found, expected, strict=True)):
        if came is None or wanted is None:
            if came is not wanted:
                raise Fault(f"value {number} is {came} where {wanted} was expected\n{case}")
            continue
        scale = float(np.abs(wanted[np.isfinite(wanted)]).max(initial=0.0))
        # The gradient of a bias before a normalisation is the rounding of terms that cancel.
        if came.dtype != wanted.dtype or not np.allclose(came, wanted, rtol=wide, atol=wide * (scale + 5e-2),
                                                         equal_nan=True):
            worst = np.abs(came.astype("float64") - wanted).max(initial=0.0)
            raise Fault(f"value {number} of {len(found)} is off by {worst}, of {scale}\n{case}")
    if case.seed % 4 == 0:
        _with_other_threads(case, found)
    return "same"


def _with_other_threads(case: Case, found: list[Any]) -> None:
    """The same bits for another number of threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(case.seed // 4 % 7 + 1)
    try:
        again = case.trained(compiled=True)
    finally:
        torch.set_num_threads(before)
    for number, (x, y) in enumerate(zip(found, again, strict=True)):
        if x is not None and not np.array_equal(x, y, equal_nan=True):
            raise Fault(f"value {number} differs with {case.seed // 4 % 7 + 1} threads\n{case}")


def make(chance: random.Random) -> Case:
    return Case(chance.randrange(2**40))


def make_sizes(chance: random.Random) -> Case:
    """A network for batches of many sizes, of which three are recorded."""
    sizes = [chance.randint(2, 40) for _ in range(8)]
    return Case(chance.randrange(2**40), (*chance.sample(range(2, 40), 3), *sizes))


def run_sizes(case: Case) -> str:
    """`run`; and whether the sizes had one code (``shared``), or each its own."""
    run(case)
    families = case.compiled.sizes._families
    return "shared" if any(family.code is not None and family.code.used for family in families) else "alone"


def target() -> Target:
    return Target(make=make, run=run, refusals=(TraceError,), length=lambda case: 0, memory=None, watched=False,
                  seconds=60.0, quick=8)


@cache
def _guard() -> None:
    """From now on every block of memory stands against a page that cannot be read, and every buffer of a program's
    arena, in which steps leave what is in between, is a block of its own."""
    plain = Schedule.lay

    def apart(self: Schedule) -> None:
        plain(self)
        for buffer in self.plan.buffers:
            if buffer.kind == "arena":
                buffer.kind = "constant"
                number = 0 if buffer.frame is None else buffer.frame[-1]
                self.plan.constants[buffer] = np.full(buffer.size, number, buffer.dtype)
        self.frames, self.arena = [], 0

    Schedule.lay = apart  # type: ignore[method-assign]
    guard.start()


def _guarded(start: bool, quick: int = 3, make: Callable[[random.Random], Case] = make,
             run: Callable[[Case], str] = run) -> Target:
    def guarded(case: Case) -> str:
        _guard()
        return run(case)

    return replace(target(), make=make, run=guarded, quick=quick, missing=guard.missing(),
                   environment=lambda: guard.environment(start))


TARGETS: dict[str, Callable[[], Target]] = {
    "networks": target, "networks-guarded": partial(_guarded, False), "networks-guarded-start": partial(_guarded, True),
    "networks-sizes": lambda: replace(target(), make=make_sizes, run=run_sizes, quick=2),
    "networks-sizes-guarded": partial(_guarded, False, 1, make_sizes, run_sizes)}
