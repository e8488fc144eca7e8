"""One machine code for every size of a batch: training steps of four networks against eager ones, and the parts."""

from __future__ import annotations

import random
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import wengert as torch
import wengert.nn.functional as F
from tests.fuzz.networks import make_sizes, run_sizes
from tests.training_steps import classifying_step
from wengert import nn
from wengert.compiler.cells import walk_table
from wengert.compiler.code import Code, module
from wengert.compiler.extents import Sizes, alike, divides, hint, lifted, several, varies
from wengert.compiler.jit import statistics
from wengert.native.shared import Merging, Unlike

Network = tuple[nn.Module, Callable[[int, Any], tuple[Any, Any]]]


class Characters(nn.Module):
    """An LSTM over characters."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.lstm, self.out = nn.Embedding(11, 12), nn.LSTM(12, 20, batch_first=True), nn.Linear(20, 11)

    def forward(self, x: Any) -> Any:
        return self.out(self.lstm(self.embedding(x))[0]).flatten(0, 1)


class Block(nn.Module):
    """Causal attention and a network, each of a norm and added."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads, self.first, self.second = heads, nn.LayerNorm(width), nn.LayerNorm(width)
        self.into, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.inner = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x: Any) -> Any:
        batch, length, width = x.shape
        parts = self.into(self.first(x)).chunk(3, -1)
        q, k, v = (part.reshape(batch, length, self.heads, -1).transpose(1, 2) for part in parts)
        seen = F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).reshape(batch, length, width)
        x = x + self.out(seen)
        return x + self.inner(self.second(x))


class Transformer(nn.Module):
    """A small GPT."""

    def __init__(self, longest: int = 9) -> None:
        super().__init__()
        self.tokens, self.places = nn.Embedding(17, 24), nn.Embedding(longest, 24)
        self.blocks = nn.Sequential(Block(24, 3))
        self.norm, self.head = nn.LayerNorm(24), nn.Linear(24, 17)

    def forward(self, x: Any) -> Any:
        x = self.tokens(x) + self.places(torch.arange(x.shape[1]))
        return self.head(self.norm(self.blocks(x))).flatten(0, 1)


def mlp() -> Network:
    model = nn.Sequential(nn.Linear(20, 40), nn.ReLU(), nn.Dropout(0.1), nn.Linear(40, 10))
    return model, lambda n, chance: (chance.standard_normal((n, 20)), chance.integers(0, 10, n))


def lenet() -> Network:
    model = nn.Sequential(nn.Conv2d(1, 6, 5, padding=2), nn.Tanh(), nn.AvgPool2d(2), nn.Conv2d(6, 16, 3), nn.ReLU(),
                          nn.MaxPool2d(2), nn.Flatten(), nn.Linear(64, 24), nn.ReLU(), nn.Linear(24, 10))
    return model, lambda n, chance: (chance.standard_normal((n, 1, 12, 12)), chance.integers(0, 10, n))


def lstm() -> Network:
    return Characters(), lambda n, chance: (chance.integers(0, 11, (n, 6)), chance.integers(0, 11, n * 6))


def gpt() -> Network:
    return Transformer(), lambda n, chance: (chance.integers(0, 17, (n, 9)), chance.integers(0, 17, n * 9))


def trained(make: Callable[[], Network], batches: list[Any], wrap: Callable[[Any], Any]) -> tuple[Any, list[Any]]:
    """A step, and what it gives for these batches and leaves behind."""
    torch.manual_seed(0)
    model, _ = make()
    model = model.double()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    run = wrap(classifying_step(model, optimizer))
    found = []
    for x, y in batches:
        before = statistics.compiled + statistics.cache_hits
        loss = run(torch.from_numpy(x), torch.from_numpy(y)).item()
        made = statistics.compiled + statistics.cache_hits - before
        found.append((loss, [p.detach().numpy().copy() for p in model.parameters()], made))
    return run, found


def compiled(step: Any) -> Any:
    return torch.compile(step, dynamic=True, fullgraph=True)


@pytest.mark.parametrize("make", [mlp, lenet, lstm, gpt])
def test_every_size_of_a_batch_runs_on_one_code(make: Callable[[], Network], monkeypatch: pytest.MonkeyPatch) -> None:
    """Three sizes are recorded, the fourth makes the code for all, and none after it makes any; a batch of 1 is
    recorded by itself, as it broadcasts."""
    chance, (_, data) = np.random.default_rng(0), make()
    sizes = [8, 12, 20, 16, 1, *range(1, 41), 16, 8, 300]
    batches = [data(n, chance) for n in sizes]
    _, expected = trained(make, batches, lambda step: step)
    step, found = trained(make, batches, compiled)
    for n, (loss, left, _), (its, others, _) in zip(sizes, found, expected, strict=True):
        assert loss == pytest.approx(its, rel=1e-9), n
        for one, other in zip(left, others, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-7, atol=1e-9, err_msg=str(n))
    assert found[3][2] > 0 and [made for _, _, made in found[5:]] == [0] * len(sizes[5:])
    (family,) = [each for each in step.sizes._families if each.code is not None]
    assert family.code.used == len(set(sizes)) - 4 and family.alone is None
    assert f"one machine code for {family.code.used} of them" in step.explain()
    assert "%extents = load" in "".join([kernel.llvm for kernel in step.kernels])


def test_a_weight_in_blocks_is_read_as_it_lies() -> None:
    """Of a convolution whose tiles are others where the batch is known when the code runs alone."""

    def make() -> Network:
        model = nn.Sequential(nn.Conv2d(2, 16, 1), nn.ReLU(), nn.ConvTranspose2d(16, 8, 2, 2), nn.Tanh(),
                              nn.AdaptiveAvgPool2d(1), nn.Flatten())
        return model, lambda n, chance: (chance.standard_normal((n, 2, 8, 8)), chance.integers(0, 8, n))

    chance, (_, data) = np.random.default_rng(0), make()
    batches = [data(n, chance) for n in (3, 4, 6, 5, 7, 2)]
    _, expected = trained(make, batches, lambda step: step)
    step, found = trained(make, batches, compiled)
    for (_, left, _), (_, others, _) in zip(found, expected, strict=True):
        for one, other in zip(left, others, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-7, atol=1e-9)
    assert step.sizes._families[0].code.used == 3


def test_a_model_that_is_differentiated_outside() -> None:
    """A compiled forward half and a compiled backward one, each one code for all sizes."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(7, 12), nn.Tanh(), nn.Linear(12, 3)).double()
    compiled = torch.compile(model, dynamic=True)
    for n in (4, 6, 9, 12, *range(2, 24)):
        x = torch.rand(n, 7, dtype=torch.float64)
        found = []
        for run in (model, compiled):
            model.zero_grad()
            before = statistics.compiled + statistics.cache_hits
            (run(x) ** 2).mean().backward()
            made = statistics.compiled + statistics.cache_hits - before
            found.append([p.grad.numpy() for p in model.parameters()])
        for one, other in zip(*found, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12)
        assert n < 10 or made == 0 or n == 12


def sequences() -> Network:
    """A network over each of several vectors, a norm, and what is left of all of them."""
    model = nn.Sequential(nn.Linear(6, 16), nn.GELU(), nn.LayerNorm(16), nn.Linear(16, 5), nn.Flatten(0, 1))
    return model, lambda n, m, chance: (chance.standard_normal((n, m, 6)), chance.integers(0, 5, n * m))


def convolutions() -> Network:
    """Along sequences of any length."""
    model = nn.Sequential(nn.Conv1d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv1d(8, 6, 1), nn.AdaptiveAvgPool1d(1),
                          nn.Flatten(), nn.Linear(6, 4))
    return model, lambda n, m, chance: (chance.standard_normal((n, 3, m)), chance.integers(0, 4, n))


def language() -> Network:
    """Causal attention over sequences of any length."""
    return Transformer(128), lambda n, m, chance: (chance.integers(0, 17, (n, m)), chance.integers(0, 17, n * m))


def encoder() -> Network:
    """Attention to all places, written by hand, and that of a layer."""

    class Encoder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.into, self.layer = nn.Linear(6, 24), nn.TransformerEncoderLayer(8, 2, 16, 0.0, batch_first=True)
            self.out = nn.Linear(8, 5)

        def forward(self, x: Any) -> Any:
            q, k, v = self.into(x).chunk(3, -1)
            x = (q @ k.transpose(1, 2) / 8 ** 0.5).softmax(-1) @ v
            return self.out(self.layer(x)).flatten(0, 1)

    return Encoder(), lambda n, m, chance: (chance.standard_normal((n, m, 6)), chance.integers(0, 5, n * m))


@pytest.mark.parametrize("make", [sequences, convolutions, language, encoder])
def test_two_sizes_run_on_one_code(make: Callable[[], Any]) -> None:
    """A batch of sequences of a length: what has been recorded a few times is recorded and compiled no more."""
    chance, (_, data) = np.random.default_rng(0), make()
    sizes = [(4, 5), (6, 5), (6, 9), (8, 3), (5, 7), (9, 11), (7, 12),
             *[(n, m) for n in (2, 3, 10, 33) for m in (2, 4, 17, 40)], (64, 100)]
    batches = [data(n, m, chance) for n, m in sizes]
    _, expected = trained(make, batches, lambda step: step)
    step, found = trained(make, batches, compiled)
    for at, (loss, left, _), (its, others, _) in zip(sizes, found, expected, strict=True):
        assert loss == pytest.approx(its, rel=1e-9), at
        for one, other in zip(left, others, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-7, atol=1e-9, err_msg=str(at))
    assert [made for _, _, made in found[7:]] == [0] * len(sizes[7:])
    assert sum([family.code.used for family in step.sizes._families if family.code is not None]) >= len(sizes) - 7


@pytest.mark.parametrize("make", [language, encoder])
def test_sequences_of_every_length_run_on_one_code(make: Callable[[], Any]) -> None:
    """A length of 1 is recorded by itself; of all others three are recorded, and the fourth makes the code."""
    chance, (_, data) = np.random.default_rng(0), make()
    lengths = [9, 14, 23, 17, 1, *chance.permutation(np.arange(1, 41)).tolist(), 100, 128]
    batches = [data(3, m, chance) for m in lengths]
    _, expected = trained(make, batches, lambda step: step)
    step, found = trained(make, batches, compiled)
    for m, (loss, left, _), (its, others, _) in zip(lengths, found, expected, strict=True):
        assert loss == pytest.approx(its, rel=1e-9), m
        for one, other in zip(left, others, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-8, err_msg=str(m))
    assert [made for _, _, made in found[5:]] == [0] * len(lengths[5:])
    assert "one machine code for" in step.explain()


@pytest.mark.parametrize("kind, dynamic", [("LSTM", True), ("GRU", True), ("RNN", True), ("GRU", None)])
def test_sequences_of_any_length_run_on_one_code(kind: str, dynamic: bool | None) -> None:
    """In both directions and two layers, of batches of two sizes with ``dynamic``; the walk over the steps is a table,
    which a length puts in numbers."""

    def trained(wrap: Callable[[Any], Any]) -> tuple[Any, list[Any], list[int]]:
        torch.manual_seed(0)
        layer = getattr(nn, kind)(5, 7, 2, batch_first=True, bidirectional=True).double()
        out = nn.Linear(14, 3).double()
        optimizer = torch.optim.SGD([*layer.parameters(), *out.parameters()], lr=0.1)

        def step(x: Any, y: Any) -> Any:
            optimizer.zero_grad()
            loss = F.cross_entropy(out(layer(x)[0].mean(1)), y)
            loss.backward()
            optimizer.step()
            return loss

        step = wrap(step)
        chance, found, made = np.random.default_rng(0), [], []
        for turn, length in enumerate((4, 6, 9, 7, 5, 8, 11, 3, 2, 12, 20, 13, 1, 14, 33, 5)):
            batch = 3 if dynamic is None else 3 + turn % 4 * (1 + turn % 2)
            x, y = chance.standard_normal((batch, length, 5)), chance.integers(0, 3, batch)
            before = statistics.compiled + statistics.cache_hits
            found.append([step(torch.from_numpy(x), torch.from_numpy(y)).item(),
                          *[p.detach().numpy().copy() for p in layer.parameters()]])
            made.append(statistics.compiled + statistics.cache_hits - before)
        return step, found, made

    step, found, made = trained(lambda step: torch.compile(step, fullgraph=True, dynamic=dynamic))
    for one, other in zip(found, trained(lambda step: step)[1], strict=True):
        for left, right in zip(one, other, strict=True):
            np.testing.assert_allclose(left, right, rtol=1e-9, atol=1e-12)
    (code,) = [family.code for family in step.sizes._families if family.code is not None]
    assert code.used >= 8 and sum(made[10:12]) + sum(made[13:]) == 0


def test_tables_of_steps() -> None:
    """Rows that grow evenly between ones of their own; with fewer than these there is none."""

    def table(n: int) -> Any:
        return walk_table([(5 * step, 5) for step in range(n)], 5, True).reshape(-1, 4)

    at = [37, 41, 43, 47, 53]
    merging = Merging(Sizes((37,)), [(n,) for n in at], [1.0])
    made = merging.of([table(n) for n in at])
    for n in (2, 3, 9):
        np.testing.assert_array_equal(made.at((n,)), table(n))
    with pytest.raises(ValueError, match="fewer rows"):
        made.at((1,))
    with pytest.raises(Unlike):
        merging.of([table(n) ** 2 for n in at])


def test_constants_of_two_numbers_with_a_diagonal_between_them() -> None:
    at = [37, 41, 43, 47, 53]
    merging = Merging(Sizes((37,)), [(n,) for n in at], [1.0])
    for make in (lambda n: np.tri(n, dtype=bool), lambda n: np.triu(np.ones((n, n + 2), bool), 1),
                 lambda n: np.tri(n, n - 1, 3 - n), lambda n: np.broadcast_to(np.tri(n, k=2), (2, n, n))):
        made = merging.of([make(n) for n in at]).at((5,))
        np.testing.assert_array_equal(made, make(5))
        assert made.dtype == make(5).dtype
    for unlike in ([np.eye(n, dtype=bool) for n in at], [np.tri(n, k=n % 3) for n in at],
                   [np.tri(n) * n for n in at]):
        with pytest.raises(Unlike):
            merging.of(unlike)


def test_where_each_size_has_its_own_code_it_is_said_why() -> None:
    """Three sizes that vary independently of each other."""
    weight = torch.ones(3).requires_grad_()

    @torch.compile(dynamic=True, fullgraph=True)
    def step(x: Any, y: Any, z: Any) -> Any:
        return (x * weight).sum() * y.exp().sum() + z.sum()

    for n, m, k in ((4, 5, 6), (6, 5, 7), (6, 9, 8), (8, 3, 5), (9, 11, 2), (7, 12, 13), (5, 6, 3)):
        x, y, z = torch.rand(n, 3), torch.rand(m), torch.rand(k)
        expected = ((x * weight).sum() * y.exp().sum() + z.sum()).item()
        assert step(x, y, z).item() == pytest.approx(expected, rel=1e-5)
    assert all(family.code is None for family in step.sizes._families)
    assert "a code of its own: more than two of them vary independently of each other" in step.explain()


def test_random_networks_of_many_sizes() -> None:
    words = [run_sizes(make_sizes(random.Random(seed))) for seed in range(3)]
    assert words.count("shared") >= 2


# --- extents ----------------------------------------------------------------------------------------------------------


def test_polynomials_are_exact_and_the_rest_is_computed_anew() -> None:
    sizes = Sizes((7,))
    n = sizes.polynomial({(1,): Fraction(1)})
    assert (hint(n * 3 + 2), (n * 3 + 2).find((10,))) == (23, 32)
    assert n + n is n * 2 and alike(n * 4 - n, 3 * n) and (n - n) == 0 and type(n - n) is int
    assert not sizes.conditions
    rounded = -(-n // 4) * 4
    assert [rounded.find((k,)) for k in (1, 4, 5, 9)] == [4, 4, 8, 12]
    assert lifted(max, n, 5).find((2,)) == 5 and lifted(max, 3, 5) == 5
    assert varies(n) and several(n) and not varies(7) and not several(1)
    assert divides(4, n * 8) and not divides(4, n) and divides(4, 8)


def test_what_is_found_out_of_an_extent_must_hold() -> None:
    sizes = Sizes((7,))
    n = sizes.polynomial({(1,): Fraction(1)})
    assert n > 3 and sizes.hold((4,)) is None and sizes.hold((3,)) is not None
    assert list(range(n)) == list(range(7)) and sizes.hold((8,)) is not None and sizes.hold((7,)) is None
    half = Sizes((8,)).polynomial({(1,): Fraction(1, 2)})
    assert half.find((10,)) == 5
    with pytest.raises(ValueError, match="an integer was expected"):
        half.find((3,))


def test_polynomials_of_two_sizes() -> None:
    sizes = Sizes((7, 5))
    n, m = sizes.polynomial({(1, 0): Fraction(1)}), sizes.polynomial({(0, 1): Fraction(1)})
    assert n * m is m * n and (n + m) * (n - m) is n * n - m * m
    assert hint(n * m + 2) == 37 and (n * m + 2).find((3, 4)) == 14 and (n * m - m * n) == 0
    assert divides(6, n * m * 6 + 12) and not divides(4, n * 4 + m) and (n // m).find((9, 4)) == 2
    assert not sizes.conditions
    assert n > m and sizes.hold((4, 3)) is None and sizes.hold((3, 4)) is not None


def test_an_extent_is_a_word_of_the_table() -> None:
    sizes = Sizes((7,))
    n = sizes.polynomial({(0,): Fraction(1), (1,): Fraction(2)})
    code = Code("f", visible=False)
    code.add(n, 1)
    code.done()
    with pytest.raises(NotImplementedError, match="a size that is known at run time alone"):
        str(code)
    code.extents = 3
    text = module(code)
    assert "getelementptr ptr, ptr %places, i64 3" in text and "add i64 %extent0, 1" in text
    assert sizes.table((10,)).tolist() == [21]
    with pytest.raises(NotImplementedError, match="a function for each size"):
        Code(f"tile_{n}")


def test_numbers_that_grow_unevenly_are_no_plan() -> None:
    at = [37, 41, 43, 47, 53]
    merging = Merging(Sizes((37,)), [(n,) for n in at], [1.0])
    assert merging.of([3, 3, 3, 3, 3]) == 3
    assert merging.of([n * n - 1 for n in at]).find((10,)) == 99
    assert merging.of([1 / n for n in at]).find((10,)) == 0.1
    assert merging.of([np.arange(n) for n in at]).at((4,)).tolist() == [0, 1, 2, 3]
    assert merging.of([np.array([0, n, 2 * n]) for n in at]).at((5,)).tolist() == [0, 5, 10]
    for unlike in ([-(-n // 8) for n in at], [[0] * n for n in at], ["a", *"bbbb"], [0.1 * n * n for n in at]):
        with pytest.raises(Unlike):
            merging.of(unlike)
