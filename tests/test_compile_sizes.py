"""One program for many sizes: what is made of a few recordings does what the function does, for every size."""

from __future__ import annotations

import copy
import math
import warnings
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import wengert as torch
import wengert.nn.functional as F
from wengert import nn
from wengert.core.errors import TraceError
from wengert.tracing.generalised import _weights

Make = Callable[[], Callable[..., Any]]
SIZES = (8, 12, 20, 9, 16, 128, 7, 64, 300, 101, 2, 3, 40)


def rows(n: int) -> Any:
    return torch.from_numpy(np.random.default_rng(n).standard_normal((n, 6)))


def held_against_eager(make: Make, sizes: Any = SIZES, inputs: Callable[..., Any] = rows) -> Any:
    """Calls a function for these sizes, compiled and as it is, and compares what comes; returns the compiled one."""
    torch.manual_seed(0)
    plain = make()
    torch.manual_seed(0)
    compiled = torch.compile(make(), dynamic=True, fullgraph=True)
    torch._dynamo.config.recompile_limit = 100
    try:
        for size in sizes:
            given = inputs(size)
            given = given if isinstance(given, tuple) else (given,)
            results = []
            for run in (plain, compiled):
                torch.manual_seed(1)
                results.append(flat(run(*given)))
            for expected, found in zip(*results, strict=True):
                assert expected.shape == found.shape
                assert torch.allclose(expected, found, rtol=1e-9, atol=1e-12, equal_nan=True), size
    finally:
        torch._dynamo.config.recompile_limit = 8
    return compiled


def flat(found: Any) -> list[Any]:
    return [each if isinstance(each, torch.Tensor) else torch.tensor(each)
            for each in (found if isinstance(found, (tuple, list)) else (found,))]


def made(compiled: Any) -> int:
    """How many programs were made without recording."""
    return sum([family.made for family in compiled.sizes._families])


def a_training_step() -> Callable[..., Any]:
    model = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.2), nn.Linear(8, 3)).double()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)

    def step(x: Any) -> Any:
        optimizer.zero_grad()
        out = model(x)
        labels = torch.arange(out.shape[0]) % 3
        loss = F.cross_entropy(out, labels) + out.pow(2).sum() / x.shape[0]
        loss.backward()
        optimizer.step()
        return loss

    return step


def test_a_training_step_is_recorded_three_times_for_all_sizes() -> None:
    compiled = held_against_eager(a_training_step)
    assert made(compiled) == len(SIZES) - 3 and len(compiled.programs) == len(SIZES)
    assert "x.shape[0]: recorded at 8, 12, 20" in compiled.explain()
    assert f"{len(SIZES) - 3} further made of these" in compiled.explain()


# Whatever is done with a size gives what eager gives. Beside it: whether programs are made for other sizes.
USES: dict[str, tuple[Callable[[Any], Any], bool]] = {
    "a mean by hand": (lambda x: x.sum(0) / x.shape[0], True),
    "a shape": (lambda x: x.reshape(x.shape[0] * 3, 2).sum(1).view(x.size(0), -1) * 2, True),
    "zeros": (lambda x: torch.zeros(x.shape[0], 2) + x[:, :2], True),
    "positions": (lambda x: x + torch.arange(x.shape[0])[:, None], True),
    "the last row": (lambda x: x[x.shape[0] - 1] * 2, True),
    "halves": (lambda x: x[x.shape[0] // 2:] * 2, False),
    "a variance": (lambda x: x.var(0) + x.std(0, correction=0), True),
    "random numbers": (lambda x: torch.rand(x.shape[0], 6) * x, True),
    "a comparison": (lambda x: x * 2 if x.shape[0] < 30 else x * 3, True),
    "a comparison inside": (lambda x: x * 2 if (x @ x.T).shape[1] < 30 else x * 3, True),
    "a cut": (lambda x: x[:100].sum(0) * (2 if x[:100].shape[0] < 100 else 3), False),
    "the smaller": (lambda x: x[:min(x.shape[0], 16)].sum(), True),
    "a remainder": (lambda x: F.pad(x, (0, 0, 0, -x.shape[0] % 4)).sum(0) * (1 + x.shape[0] % 4), False),
    "a root": (lambda x: x / math.sqrt(x.shape[0]), False),
    "a power": (lambda x: x * x.shape[0] ** 2, False),
    "text": (lambda x: x * len(f"{x.shape[0]}"), False),
    "a loop": (lambda x: sum([x[i] * i for i in range(x.shape[0])]), False),
    "the length": (lambda x: x * len(x), False),
    "the count": (lambda x: x * (2 if x.numel() > 200 else 3), False),
    "the count by a function": (lambda x: x * (2 if torch.numel(x) > 200 else 3), False),
    "a fraction": (lambda x: x * float(Fraction(x.shape[0], 4)), False),
    "all but one": (lambda x: x[1:] - x[:-1], True),
    "bytes": (lambda x: x * (2 if x.nbytes > 1000 else 3), False),
    "the strides": (lambda x: x.T.clone() * (x.T.contiguous().stride(0) % 5), False),
    "a table": (lambda x: x * {8: 2.0}.get(x.shape[0], 3.0), False),
    "a type": (lambda x: x * (2 if type(x.shape[0]) is int else 3), False),
    "a result": (lambda x: (x * 2, x.shape[0]), False),
    "windows": (lambda x: F.max_pool1d(x.T, 2), False),
    "an average of windows": (lambda x: F.adaptive_avg_pool1d(x.T, 2), False),
    "sorting": (lambda x: x.sort(0)[0], True),
    "the median": (lambda x: x.median(0)[0], False),
    "distances": (lambda x: torch.cdist(x, x), True),
    "a mask": (lambda x: (x @ x.T).masked_fill(torch.ones(x.shape[0], x.shape[0]).tril() == 0, 0.0), True),
}


@pytest.mark.parametrize("name", USES)
def test_every_use_of_a_size_gives_what_eager_gives(name: str) -> None:
    function, general = USES[name]
    compiled = held_against_eager(lambda: function)
    assert (made(compiled) > 0) or not general, compiled.programs[0].sizes.reason


def test_two_sizes_vary_on_their_own() -> None:
    attention = nn.MultiheadAttention(6, 2, batch_first=True).double()

    def make() -> Callable[..., Any]:
        inner = copy.deepcopy(attention)

        def f(x: Any) -> Any:
            causal = torch.ones(x.shape[1], x.shape[1]).triu(1).bool()
            return inner(x, x, x, attn_mask=causal)[0]

        return f

    def inputs(size: tuple[int, int]) -> Any:
        return torch.from_numpy(np.random.default_rng(size[0]).standard_normal((*size, 6)))

    sizes = [(4, 5), (3, 5), (7, 5), (4, 9), (6, 11), (5, 2), (2, 30), (9, 13), (1, 4), (40, 3)]
    compiled = held_against_eager(make, sizes, inputs)
    assert made(compiled) >= 3 and "shape[1]: recorded at" in compiled.explain()


def a_convolutional_step(training: bool) -> Callable[..., Any]:
    model = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2),
                          nn.Conv2d(4, 4, 3), nn.Flatten(), nn.Linear(16, 3)).double().train(training)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)

    def step(x: Any, y: Any) -> Any:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        return loss

    return step


@pytest.mark.parametrize("training", [True, False])
def test_the_batch_of_a_convolutional_network_varies(training: bool) -> None:
    def images(n: int) -> Any:
        chance = np.random.default_rng(n)
        return torch.from_numpy(chance.standard_normal((n, 1, 8, 8))), torch.from_numpy(chance.integers(0, 3, n))

    compiled = held_against_eager(lambda: a_convolutional_step(training), (8, 5, 12, 7, 3, 20), images)
    assert made(compiled) == 3


def test_batch_and_length_of_a_transformer_vary() -> None:
    def make() -> Callable[..., Any]:
        words, places, out = nn.Embedding(9, 8).double(), nn.Embedding(40, 8).double(), nn.Linear(8, 9).double()
        layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True).double()

        def loss(tokens: Any) -> Any:
            length = tokens.shape[1]
            if length > 40:
                raise ValueError("too long")
            x = words(tokens) + places(torch.arange(length))
            x = layer(x, src_mask=torch.triu(torch.ones(length, length), 1).bool())
            return F.cross_entropy(out(x)[:, :-1].reshape(-1, 9), tokens[:, 1:].reshape(-1))

        return loss

    def tokens(size: tuple[int, int]) -> Any:
        return torch.from_numpy(np.random.default_rng(size[1]).integers(0, 9, size))

    sizes = [(8, 5), (4, 5), (6, 5), (8, 9), (3, 7), (7, 4), (9, 12), (5, 20), (4, 40)]
    compiled = held_against_eager(make, sizes, tokens)
    assert made(compiled) == 3
    with pytest.raises(ValueError, match="too long"):
        compiled(tokens((2, 41)))


def test_the_result_is_differentiated_outside_for_every_size() -> None:
    layer = nn.Linear(6, 2).double()
    compiled = torch.compile(layer, dynamic=True)
    for size in SIZES:
        x = rows(size).requires_grad_()
        found = torch.autograd.grad(compiled(x).sin().sum(), [x, *layer.parameters()])
        for a, b in zip(torch.autograd.grad(layer(x).sin().sum(), [x, *layer.parameters()]), found, strict=True):
            assert torch.allclose(a, b, rtol=1e-10, atol=1e-12)
    assert made(compiled._compiled) == len(SIZES) - 3


def test_states_and_generators_go_on_through_all_sizes() -> None:
    def make() -> Callable[..., Any]:
        total = torch.zeros(6)

        def f(x: Any) -> Any:
            total.add_((torch.rand_like(x) * x).sum(0).float())
            return total * 1

        return f

    torch.manual_seed(3)
    compiled = torch.compile(make(), dynamic=True, fullgraph=True)
    found = [compiled(rows(n)).tolist() for n in SIZES]
    torch.manual_seed(3)
    plain = make()
    assert np.allclose(found, [plain(rows(n)).tolist() for n in SIZES], rtol=1e-5)


def test_another_mode_is_another_family() -> None:
    layer = nn.Dropout(0.5)
    compiled = torch.compile(layer, dynamic=True)
    for n in (4, 5, 6, 7):
        for training in (True, False):
            layer.train(training)
            torch.manual_seed(n)
            found = compiled(rows(n))
            torch.manual_seed(n)
            assert torch.equal(found, layer(rows(n)))
    assert len(compiled._compiled.sizes._families) == 2 and made(compiled._compiled) == 2


def test_a_mark_is_for_the_argument_and_within_its_range() -> None:
    compiled = torch.compile(lambda x: x.sum(0) / x.shape[0], fullgraph=True)
    first = rows(8)
    torch._dynamo.mark_dynamic(first, 0, max=50)
    compiled(first)
    for n in (9, 10, 11, 12, 60):
        assert torch.allclose(compiled(rows(n)), rows(n).mean(0))
    assert made(compiled) == 2
    assert compiled(torch.ones(9, 7, dtype=torch.float64)).tolist() == [1.0] * 7  # another size, which is not marked
    assert "sizes that vary" in compiled.explain()


def test_without_a_mark_a_size_that_has_varied_may_vary() -> None:
    compiled = torch.compile(lambda x, y: (x * 2).sum(0) + y, fullgraph=True)
    for n in (4, 5, 6, 7):
        compiled(rows(n), torch.ones(6))
    assert made(compiled) == 0
    for n in range(8, 20):
        assert torch.equal(compiled(rows(n), torch.ones(6)), rows(n).mul(2).sum(0) + 1)
    assert made(compiled) == 12 and "x.shape[0]: recorded at 5, 6, 7" in compiled.explain()
    assert compiled._count() == 2  # the first, and one for all others


def test_a_size_that_is_handed_on_to_what_asks_for_its_type() -> None:
    """It is a number, in a recording for this size alone; where sizes were to vary, it is refused."""

    def scaled(x: Any, n: Any) -> Any:
        return x * (2 if type(n) is int else 3)

    compiled = torch.compile(lambda x: scaled(x, x.shape[0]), fullgraph=True)
    for n in (4, 5, 6, 7, 8, 5):
        assert torch.equal(compiled(rows(n)), rows(n) * 2)
    assert made(compiled) == 0
    with pytest.raises(TraceError, match=r"n, a size, and may ask for its type\(\)"):
        torch.compile(lambda x: scaled(x, x.shape[0]), fullgraph=True, dynamic=True)(rows(4))


def test_without_a_mark_each_size_is_a_recording_if_that_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch._dynamo.config, "automatic_dynamic_shapes", False)
    compiled = torch.compile(lambda x: x * 2)
    for n in (4, 5, 6, 7, 8):
        compiled(rows(n))
    assert made(compiled) == 0 and "sizes that vary" not in compiled.explain()
    static = torch.compile(lambda x: x * 2, dynamic=True)
    for n in (4, 5, 6, 7):
        x = rows(n)
        torch._dynamo.mark_static(x, 0)
        static(x)
    assert made(static) == 0


def test_a_marked_size_that_cannot_vary_is_told_once() -> None:
    def told(mark: Callable[[Any, int], None]) -> list[str]:
        compiled = torch.compile(lambda x: sum([x[i] for i in range(x.shape[0])]))
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            for n in (4, 5, 6, 7):
                x = rows(n)
                mark(x, 0)
                compiled(x)
        return [str(each.message) for each in said]

    (message,) = told(torch._dynamo.mark_dynamic)
    assert "marked as dynamic" in message and "depends on a size" in message
    assert not told(torch._dynamo.maybe_mark_dynamic)


def test_sizes_that_become_one_program_do_not_use_up_the_limit() -> None:
    compiled = torch.compile(lambda x: x * 2, dynamic=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for n in range(2, 100):
            assert compiled(rows(n)).shape == (n, 6)
    assert len(compiled.programs) <= 3 + 64


def test_marks_are_for_dimensions_of_tensors() -> None:
    with pytest.raises(TypeError, match="a tensor was expected"):
        torch._dynamo.mark_dynamic(3, 0)
    with pytest.raises(IndexError, match="dimension"):
        torch._dynamo.mark_dynamic(torch.ones(2), 1)


def test_dynamic_false_takes_no_marks() -> None:
    compiled = torch.compile(lambda x: x * 2, dynamic=False)
    for n in (4, 5, 6, 7):
        x = rows(n)
        torch._dynamo.mark_dynamic(x, 0)
        compiled(x)
    assert compiled.sizes is None and len(compiled.programs) == 4


def test_what_is_refused_is_refused_for_every_size() -> None:
    compiled = torch.compile(lambda x: x if x.sum() > 0 else -x, dynamic=True, fullgraph=True)
    for n in (4, 5):
        with pytest.raises(TraceError, match="value of a tensor"):
            compiled(rows(n))


@pytest.mark.parametrize("seed", range(5))
def test_weights_give_the_sizes_that_they_are_for(seed: int) -> None:
    choose = np.random.default_rng(seed)
    basis = [(1, *map(int, pair)) for pair in choose.integers(2, 50, (3, 2))]
    wanted = (1, *map(int, choose.integers(2, 50, 2)))
    weights = _weights(basis, wanted)
    assert weights is not None and sum(weights) == 1
    assert tuple(sum([w * each[d] for w, each in zip(weights, basis, strict=True)]) for d in range(3)) == wanted
    assert _weights(basis[:2], wanted) is None
