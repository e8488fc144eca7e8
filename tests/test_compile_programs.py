"""Small programs of the sorts that people write, compiled and as they are: each gives and leaves behind the same."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import wengert as torch
from wengert.core.errors import TraceError

PROGRAMS: dict[str, Callable[[Any], Iterator[Any]]] = {}
"""Generators by their names: each takes what wraps its functions, and yields what is to be compared."""


def program(function: Callable[[Any], Iterator[Any]]) -> Callable[[Any], Iterator[Any]]:
    PROGRAMS[function.__name__] = function
    return function


def outcome(function: Callable[[Any], Iterator[Any]], wrap: Callable[..., Any]) -> list[Any]:
    torch.manual_seed(0)
    return [seen(each) for each in (*function(wrap), torch.get_rng_state())]


def seen(thing: Any) -> Any:
    """All that can be told of a tensor, or of what is in a nest."""
    if isinstance(thing, torch.Tensor):
        gradient = thing.grad if thing.is_leaf else None
        return (tuple(thing.shape), thing.dtype, thing.stride(), thing.requires_grad, thing.is_inference(),
                None if gradient is None else seen(gradient), thing.detach()._data.copy())
    if isinstance(thing, (list, tuple)):
        return [seen(each) for each in thing]
    return {key: seen(each) for key, each in thing.items()} if isinstance(thing, dict) else thing


def same(came: Any, wanted: Any) -> bool:
    if type(came) is not type(wanted):
        return False
    if isinstance(came, np.ndarray):
        if came.dtype.kind not in "fc":
            return np.array_equal(came, wanted)
        scale = np.abs(wanted[np.isfinite(wanted)]).max(initial=0.3)
        return np.allclose(came, wanted, rtol=1e-5, atol=1e-5 * scale, equal_nan=True)
    if isinstance(came, (list, tuple)):
        return len(came) == len(wanted) and all(map(same, came, wanted))
    if isinstance(came, dict):
        return came.keys() == wanted.keys() and all(same(came[key], wanted[key]) for key in came)
    return bool(came == wanted)


# --- integers among the arguments -------------------------------------------------------------------------------------


INTEGERS: dict[str, Callable[[Any, int], Any]] = {
    "added": lambda x, i: x + i,
    "multiplied": lambda x, i: i * x * i,
    "divided by": lambda x, i: (x / i, i / x),
    "subtracted": lambda x, i: i - x - i,
    "meets integers": lambda x, i: (x.long() + i, x.byte() * i, (x.long() * 7) // i, x.long() % i, i - x.int()),
    "meets truths": lambda x, i: (x > 0) * i,
    "meets complex numbers": lambda x, i: torch.complex(x, x) * i,
    "compared with": lambda x, i: (x > i, x.long() == i, i >= x),
    "computed with": lambda x, i: x * (i + 3) + x * (2 * i - 1) - i // 2 + i % 3 - i / 4 + -i,
    "as a learning rate": lambda x, i: x * (0.1 / (1 + i)),
    "given back": lambda x, i: (x, i, i + 1, i / 2, i // 3, i % 3),
    "in an alternative": lambda x, i: x * 2 if i > 0 else x + 2,
    "in where": lambda x, i: torch.where(x > 0, x, i),
    "clamped": lambda x, i: x.clamp(-i, i),
    "masked": lambda x, i: x.masked_fill(x > 0, i),
    "as a factor": lambda x, i: torch.add(x, x, alpha=i),
    "filled in": lambda x, i: torch.zeros(3) + i,
}


@pytest.mark.parametrize("name", INTEGERS)
def test_integers_that_vary_are_read_anew(name: str) -> None:
    """From the second value on one recording serves all; a value that must be known is its own."""
    f = torch.compile(INTEGERS[name], fullgraph=True)
    torch.manual_seed(0)
    known = name in ("clamped", "masked", "as a factor")  # each value is a recording, of which there are eight
    for i in (1, 2, 3, 7, 100, 5) if known else (1, 2, 3, 7, 100, 5, 9, 11, 13, 4, 12345, 6):
        x = torch.randn(3) * 3
        assert same(seen(f(x, i)), seen(INTEGERS[name](x, i))), i
    assert known or len(f.programs) <= 2


def test_integers_that_must_be_known_are_part_of_the_recording() -> None:
    uses: list[Callable[[Any, int], Any]] = [
        lambda x, i: x[:i], lambda x, i: x[i], lambda x, i: x.repeat(i), lambda x, i: x * [k for k in range(i)][-1],
        lambda x, i: torch.arange(i) + x[0], lambda x, i: x * (i & 3) + (i << 1) + i.bit_length() + i**2,
        lambda x, i: x * [3, 5, 7, 9][i], lambda x, i: x * {1: 4, 2: 5, 3: 6}[i], lambda x, i: x * len(f"{i:04}"),
        lambda x, i: x * int(i), lambda x, i: x * float(i), lambda x, i: (x, isinstance(i, int), max(i, 2), abs(i)),
        lambda x, i: x.topk(i)[0], lambda x, i: torch.full((2,), i) + torch.tensor(i), lambda x, i: x.sum(i - i),
        lambda x, i: x * 10**12 * (i * 2**40) + (i == 3)]
    for number, use in enumerate(uses):
        f = torch.compile(use, fullgraph=True)
        for i in (1, 3, 2, 3, 1, 2):
            x = torch.tensor([1.0, 2.0, 3.0, 4.0])
            assert same(seen(f(x, i)), seen(use(x, i))), (number, i)


def test_each_integer_is_a_recording_where_nothing_is_to_be_dynamic() -> None:
    f = torch.compile(lambda x, n: x * n["k"][0], dynamic=False)
    for i in range(4):
        assert f(torch.ones(2), {"k": [i]}).tolist() == [i, i]
    assert len(f.programs) == 4
    g = torch.compile(lambda x, n: x * n["k"][0])
    for i in (*range(20), True, 2.5, 2**40):
        assert g(torch.ones(2), {"k": [i]}).tolist() == [i, i]
    assert len(g.programs) == 5


# --- what goes wrong in a run -----------------------------------------------------------------------------------------


def _index_out_of_range(x: Any, i: Any) -> Any:
    return torch.arange(4.0)[i] + x.sum()


def _label_out_of_range(x: Any, i: Any) -> Any:
    return torch.nn.functional.cross_entropy(x, i.expand(3))


def _no_cholesky(x: Any, i: Any) -> Any:
    return torch.linalg.cholesky(x * (3.0 - 2 * i)).sum()


def _singular(x: Any, i: Any) -> Any:
    return torch.linalg.inv(x * (i < 3)).sum()


@pytest.mark.parametrize("again", [0, 2])
@pytest.mark.parametrize("fails", [_index_out_of_range, _label_out_of_range, _no_cholesky, _singular])
def test_a_call_that_fails_when_it_runs_leaves_what_it_leaves_as_it_is(fails: Any, again: int) -> None:
    """Writes and gradients before the line that raises are there afterwards, and the error is the same."""
    def world(wrap: Callable[..., Any]) -> list[Any]:
        w, v = torch.zeros(3), torch.ones(3, requires_grad=True)

        @wrap
        def f(x: Any, i: Any) -> Any:
            w.add_(1)
            v.grad = None
            (v * w).sum().backward()
            out = fails(x, i)
            w.mul_(2)
            return out

        found: list[Any] = []
        for i in (*[1] * again, 3, 1, 1):
            try:
                found.append(f(torch.eye(3), torch.tensor(2 * i if fails is _index_out_of_range else i)))
            except (RuntimeError, IndexError) as error:
                found.append(type(error))
            found.append(seen([w, v]))
        return [seen(each) for each in found]

    came, wanted = world(lambda f: torch.compile(f, fullgraph=True)), world(lambda f: f)
    assert same(came, wanted), f"{came} came, {wanted} was expected"
    assert sum(isinstance(each, type) for each in wanted) == 1


@pytest.mark.parametrize("dtype", [torch.complex64, torch.complex128, torch.float16, torch.bfloat16, torch.uint16])
def test_constants_of_any_dtype_are_given_back(dtype: Any) -> None:
    """What nothing but a constant is left of."""
    f = torch.compile(lambda x: (torch.zeros_like(x.exp().to(dtype)), torch.full((2,), 3, dtype=dtype), x + 1),
                      fullgraph=True)
    for _ in range(3):
        zeros, threes, _ = f(torch.randn(4))
        assert zeros.dtype == threes.dtype == dtype
        assert zeros.tolist() == [0] * 4 and threes.tolist() == [3] * 2


# --- memory and versions ----------------------------------------------------------------------------------------------


OVERLAPPING: dict[str, Callable[[Any], Any]] = {
    "windows": lambda x: x.unfold(0, 3, 2), "strided": lambda x: x.as_strided((3, 2), (1, 1)),
    "windows of windows": lambda x: x.unfold(0, 4, 1).unfold(1, 2, 1), "apart": lambda x: x.unfold(0, 2, 2)}


@pytest.mark.parametrize("view", OVERLAPPING)
@pytest.mark.parametrize("write", [lambda v: v.copy_(torch.arange(float(v.numel())).reshape(v.shape)),
                                   lambda v: v.exponential_(), lambda v: v.mul_(torch.rand(v.shape))])
def test_what_is_written_to_overlapping_views_is_read_from_memory(view: str, write: Callable[[Any], Any]) -> None:
    def f(x: Any) -> Any:
        x = x * 1
        v = OVERLAPPING[view](x)
        write(v)
        return v * 1, v, x

    g = torch.compile(f, fullgraph=True)
    for seed in range(3):
        results = []
        for run in (g, f):
            torch.manual_seed(seed)
            results.append(seen(run(torch.ones(5))))
        assert same(*results), results


def test_writes_to_what_no_way_back_reads_are_no_error() -> None:
    """The first layer's weight of what requires no gradient, any bias. What a second derivative reads is told of."""
    def world(wrap: Callable[..., Any]) -> list[Any]:
        torch.manual_seed(0)
        model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 1))
        f, found = wrap(model), []
        for parameter in (*model.parameters(), *model.parameters()):
            for x in (torch.randn(2, 3), torch.randn(2, 3).requires_grad_()):
                y = f(x).sum()
                with torch.no_grad():
                    parameter.mul_(1.01)
                try:
                    first = torch.autograd.grad(y, [*model.parameters(), *[x] * x.requires_grad])
                    found.append(seen([g.contiguous() for g in first]))
                except RuntimeError as error:
                    found.append("modified by an inplace operation" in str(error))
        return found

    came, wanted = world(torch.compile), world(lambda f: f)
    assert [type(each) for each in wanted[:8]] == [list, bool, list, list, bool, bool, list, list]
    assert same(came, wanted), f"{came} came, {wanted} was expected"
    w = torch.randn(3, requires_grad=True)
    f = torch.compile(lambda x: (torch.sin(x) + w * w).sum())
    for _ in range(3):
        x = torch.randn(3).requires_grad_()
        y = f(x)
        with torch.no_grad():
            w.mul_(1.01)
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            torch.autograd.grad(y, w, create_graph=True)


# --- whole numbers in tensors -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("sort", [torch.nn.LSTM, torch.nn.GRU, torch.nn.RNN])
@pytest.mark.parametrize("is_sorted", [False, True])
def test_lengths_in_a_tensor_are_guarded(sort: Any, is_sorted: bool) -> None:
    """Packed sequences whose lengths are an argument, or computed of one: others are another recording."""
    def world(wrap: Callable[..., Any]) -> list[Any]:
        torch.manual_seed(0)
        layer = sort(3, 4, batch_first=True)
        optimizer = torch.optim.SGD(layer.parameters(), 0.1)

        @wrap
        def step(x: Any, lengths: Any, mask: Any) -> Any:
            optimizer.zero_grad()
            for n in (lengths, mask.sum(1)):
                packed = torch.nn.utils.rnn.pack_padded_sequence(x, n, batch_first=True, enforce_sorted=is_sorted)
                out, n = torch.nn.utils.rnn.pad_packed_sequence(layer(packed)[0], batch_first=True)
                out.square().sum().backward()
            optimizer.step()
            return out.detach(), n

        found: list[Any] = [step]
        for lengths in ([5, 3, 2], [5, 4, 1], [5, 3, 2], [5, 4, 1]):
            n = torch.tensor(lengths)
            found.append(seen([*step(torch.randn(3, 5, 3), n, torch.arange(5) < n[:, None]), *layer.parameters()]))
        return found

    step, *came = world(lambda f: torch.compile(f, fullgraph=True))
    _, *wanted = world(lambda f: f)
    assert same(came, wanted), f"{came} came, {wanted} was expected"
    assert len(step.programs) == 2


def test_numbers_that_nobody_asks_for_are_no_part_of_a_recording() -> None:
    f = torch.compile(lambda x, n: x[n] * n.sum(), fullgraph=True)
    for i in range(10):
        assert f(torch.arange(12.0), torch.tensor([i, i + 1])).tolist() == [i * (2 * i + 1), (i + 1) * (2 * i + 1)]
    assert len(f.programs) == 1
    with pytest.raises(TraceError, match="value of a tensor"):
        torch.compile(lambda x: x * sum(x.tolist()), fullgraph=True)(torch.ones(3))


# --- programs ---------------------------------------------------------------------------------------------------------


def mlp(*layers: Any) -> Any:
    return torch.nn.Sequential(torch.nn.Linear(6, 8), *layers, torch.nn.Linear(8, 3))


def left(*models: Any) -> list[Any]:
    """What training leaves, but for biases before a batch norm, whose gradients are rounding."""
    return [[*model.state_dict().values(), *[p.grad for p in model.parameters()]] for model in models]


@program
def two_steps_over_shared_state(wrap: Any) -> Iterator[Any]:
    maker, judge = mlp(torch.nn.ReLU()), torch.nn.Linear(3, 1)
    first, second = torch.optim.Adam(maker.parameters(), 1e-2), torch.optim.RMSprop(judge.parameters(), 1e-2)

    @wrap
    def judged(x: Any) -> Any:
        second.zero_grad()
        loss = judge(x).mean() - judge(maker(torch.randn(4, 6)).detach()).mean()
        loss.backward()
        second.step()
        for p in judge.parameters():
            p.data.clamp_(-0.3, 0.3)
        return loss.detach()

    @wrap
    def made() -> Any:
        first.zero_grad(set_to_none=False)
        loss = -judge(maker(torch.randn(4, 6))).mean()
        loss.backward()
        first.step()
        return loss.detach()

    for _ in range(4):
        yield judged(torch.randn(4, 3)), made(), left(maker, judge)


@program
def gradient_penalty(wrap: Any) -> Iterator[Any]:
    judge = torch.nn.Sequential(torch.nn.Linear(3, 5), torch.nn.Tanh(), torch.nn.Linear(5, 1))
    optimizer = torch.optim.SGD(judge.parameters(), 0.1)

    @wrap
    def step(x: Any, y: Any) -> Any:
        optimizer.zero_grad()
        part = torch.rand(4, 1)
        between = (part * x + (1 - part) * y).requires_grad_()
        (slope,) = torch.autograd.grad(judge(between).sum(), between, create_graph=True)
        loss = judge(x).mean() - judge(y).mean() + 10 * ((slope.norm(dim=1) - 1) ** 2).mean()
        loss.backward()
        optimizer.step()
        return loss.detach()

    for _ in range(4):
        yield step(torch.randn(4, 3), torch.randn(4, 3)), left(judge)


@program
def scaled_and_clipped_with_a_schedule(wrap: Any) -> Iterator[Any]:
    model = mlp(torch.nn.ReLU())
    optimizer = torch.optim.AdamW(model.parameters(), 1e-2)
    scaler = torch.amp.GradScaler("cpu", init_scale=64.0, growth_interval=2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=9)

    @wrap
    def step(x: Any, most: float) -> Any:
        optimizer.zero_grad()
        loss = model(x).pow(2).mean()
        scaler.scale(loss).backward()
        scaler.unscale_(optimizer)
        size = torch.nn.utils.clip_grad_norm_(model.parameters(), most)
        scaler.step(optimizer)
        scaler.update()
        return loss.detach(), size

    for number in range(6):
        x = torch.randn(4, 6)
        x[0, 0] = float("inf") if number == 3 else 0.0
        yield step(x, 0.1 * (number + 1)), left(model), scaler.get_scale(), optimizer.param_groups[0]["lr"]
        schedule.step()


@program
def modes_change_and_weights_are_averaged(wrap: Any) -> Iterator[Any]:
    model = torch.nn.Sequential(torch.nn.Linear(6, 8, bias=False), torch.nn.BatchNorm1d(8), torch.nn.Dropout(0.5),
                                torch.nn.utils.parametrizations.spectral_norm(torch.nn.Linear(8, 3)))
    average = torch.optim.swa_utils.AveragedModel(model)
    optimizer = torch.optim.SGD(model.parameters(), 0.1, momentum=0.9)

    @wrap
    def step(x: Any, y: Any) -> Any:
        model.train()
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        average.update_parameters(model)
        return loss.detach()

    @wrap
    @torch.no_grad()
    def judged(x: Any, p: float) -> Any:
        model.eval()
        return model(x), average(x) * p

    for number in range(4):
        model[2].p = 0.5 if number < 2 else 0.1
        yield step(torch.randn(4, 6), torch.randint(0, 3, (4,))), judged(torch.randn(4, 6), 0.5 * number), left(model)
    yield left(average), model.training


@program
def micro_batches_in_methods(wrap: Any) -> Iterator[Any]:
    class Trainer:
        def __init__(self) -> None:
            self.model, self.hidden = mlp(torch.nn.Tanh()), {"h": torch.zeros(4, 3)}
            self.optimizer = torch.optim.SGD(self.model.parameters(), 0.1)
            self.step = wrap(self._step)

        def _step(self, x: Any, last: bool, *, scale: float = 0.5) -> Any:
            out = self.model(x) + self.hidden["h"]
            loss = out.square().mean() * scale
            loss.backward()
            self.hidden["h"] = out.detach()
            if last:
                self.optimizer.step()
                self.optimizer.zero_grad()
            return loss.detach()

    one, other = Trainer(), Trainer()
    for number in range(6):
        yield one.step(torch.randn(4, 6), number % 3 == 2), other.step(torch.randn(4, 6), False, scale=0.1 * number)
        yield left(one.model, other.model), one.hidden, other.hidden


@program
def a_cache_of_keys(wrap: Any) -> Iterator[Any]:
    keys = torch.zeros(2, 6, 4)

    @wrap
    def step(x: Any, at: Any) -> Any:
        keys.index_copy_(1, at.reshape(1), x[:, None])
        mask = torch.arange(6) <= at
        return torch.nn.functional.scaled_dot_product_attention(x[:, None], keys, keys, attn_mask=mask), keys[:, :2].mT

    for number in range(6):
        yield step(torch.randn(2, 4), torch.tensor(number)), keys


@program
def models_that_are_differentiated_outside(wrap: Any) -> Iterator[Any]:
    model = mlp(torch.nn.Tanh())
    f, g = wrap(model), wrap(lambda x, w: ((x * w).chunk(2, 1), (x + w).mT))
    w = torch.randn(4, 6, requires_grad=True)
    for _ in range(3):
        x = torch.randn(4, 6, requires_grad=True)
        (slope,) = torch.autograd.grad(f(x).sum(), x, create_graph=True)
        slope.square().sum().backward()
        (one, two), turned = g(x, w)
        turned.mul_(2)
        (one * two + turned.sum()).sum().backward()
        yield slope, one, two, turned, w, left(model)


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_do_compiled_what_they_do_as_they_are(name: str) -> None:
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="(?s).*run(s)? eagerly")
        came = outcome(PROGRAMS[name], torch.compile)
    wanted = outcome(PROGRAMS[name], lambda function: function)
    for number, (one, other) in enumerate(zip(came, wanted, strict=True)):
        assert same(one, other), f"{number}: {one} came, {other} was expected"
