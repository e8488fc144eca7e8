"""Products with rows that an index picks from a small table, which go by the table: against eager evaluation."""

from __future__ import annotations

import random
from collections.abc import Callable
from math import inf, nan
from typing import Any

import pytest

import wengert as torch
from tests.test_native_windows import both, compare
from wengert import nn
from wengert.nn import functional as F

pytestmark = pytest.mark.filterwarnings("error")

Made = tuple[list[Any], Callable[[], Any]]


def made(name: str, draw: random.Random, dtype: Any) -> Made:
    """Leaves, and a function of them that looks rows up and multiplies by them or them."""
    count, width, out = draw.randint(2, 19), draw.randint(33, 50), draw.randint(5, 40)
    batch, length = draw.randint(5, 9), draw.randint(20, 40)
    table = torch.randn(count, width, dtype=dtype, requires_grad=True)
    index = torch.randint(-count, count, (batch, length))
    letters, weight = index % count, torch.randn(out, width, dtype=dtype, requires_grad=True)
    bias = torch.randn(out, dtype=dtype, requires_grad=True)
    layers = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}
    layer = layers.get(name, nn.Linear)(width, out, dtype=dtype)
    if name in layers:
        layer = layers[name](width, out, batch_first=True, bidirectional=True, dtype=dtype)
    functions: dict[str, Callable[[], Any]] = {
        "linear": lambda: F.linear(F.embedding(letters, table), weight, bias),
        "turned": lambda: F.linear(F.embedding(letters, table).transpose(0, 1), weight, bias).relu(),
        "part": lambda: F.embedding(letters, table)[:, 1:] @ weight.T,
        "negative": lambda: table[index] @ weight.T + bias,
        "scaled": lambda: F.linear(F.embedding(letters, table) * width**0.5, weight),
        "padding": lambda: F.linear(F.embedding(letters, table, padding_idx=1), weight),
        "two": lambda: F.linear(F.embedding(letters, table), weight) * (F.embedding(letters, table) @ (weight.T + 1)),
        "both": lambda: F.linear(F.embedding(letters, table), weight).sum() + F.embedding(letters, table).exp().sum(),
        "by columns": lambda: table[:, :17].T.index_select(1, letters[0]).sum() + (table.T[:, letters[0]].T @ weight.T),
        "moved": lambda: F.linear(F.embedding(letters.T, table).reshape(-1, width), weight).reshape(length, batch, out),
        "chosen": lambda: F.linear(torch.where((letters > 0)[..., None], F.embedding(letters, table), 0.0), weight),
        "left": lambda: torch.randn(out, batch * length, dtype=dtype, generator=torch.Generator().manual_seed(0))
        @ F.embedding(letters.flatten(), table),
        "tied": lambda: F.linear(F.embedding(letters, table), table),
    }
    function = functions.get(name, lambda: layer(F.embedding(letters, table))[0])
    return [table, *([*layer.parameters()] if name in layers else [weight, bias])], function


NAMES = ("linear", "turned", "part", "negative", "scaled", "padding", "two", "both", "by columns", "moved", "chosen",
         "left", "tied", "lstm", "gru", "rnn")


@pytest.mark.parametrize("name", NAMES)
def test_products_by_a_table_are_the_products(name: str) -> None:
    for seed, dtype in enumerate([torch.float32, torch.float64]):
        torch.manual_seed(seed)
        leaves, function = made(name, random.Random(seed), dtype)

        def step(function: Callable[[], Any] = function) -> Any:
            out = function()
            out.tanh().square().sum().backward()
            return [out]

        both(step, leaves, 1e-5 if dtype is torch.float32 else 1e-12)


def trained(index: Any, table: Any, layer: Any) -> Callable[[], Any]:
    def step() -> Any:
        table.grad = None
        layer.zero_grad()
        layer(F.embedding(index, table)).square().sum().backward()
        return [table.grad, *(p.grad for p in layer.parameters())]

    return step


def flops(step: Callable[[], Any]) -> int:
    compiled = torch.compile(step, fullgraph=True)
    compiled()
    return sum(kernel.flops or 0 for kernel in compiled.kernels)


def test_a_small_table_saves_arithmetic_and_a_large_one_is_left_alone() -> None:
    layer, products = nn.Linear(64, 96), 3 * 2 * 64 * 96
    few, many = (flops(trained(torch.randint(n, (50, 40)), torch.randn(n, 64, requires_grad=True), layer))
                 for n in (30, 1900))
    assert few < 0.2 * products * 2000 and products * 2000 < many


def test_rows_that_nobody_picks_count_for_nothing() -> None:
    """Whatever is in them: zeros times infinities would be NaN."""
    table = torch.randn(12, 40)
    table[3], table[7] = inf, nan
    table.requires_grad_()
    index = torch.randint(12, (30, 20))
    index[(index == 3) | (index == 7)] = 0
    step = trained(index, table, nn.Linear(40, 24))
    for found, meant in zip(torch.compile(step, fullgraph=True)(), step(), strict=True):
        assert meant.isfinite().all()
        compare(found, meant, 1e-5)


def test_an_index_outside_of_the_table_is_an_error() -> None:
    table, index = torch.randn(12, 40, requires_grad=True), torch.randint(12, (30, 20))
    step = torch.compile(trained(index, table, nn.Linear(40, 24)), fullgraph=True)
    step()
    index[4, 5] = 12
    with pytest.raises(IndexError, match="12"):
        step()


def test_sums_by_an_index_are_the_same_bits_for_any_number_of_threads() -> None:
    before, found = torch.get_num_threads(), []
    try:
        for count in (1, 2, 3):
            torch.set_num_threads(count)
            torch.manual_seed(0)
            step = trained(torch.randint(70, (64, 40)), torch.randn(70, 64, requires_grad=True), nn.Linear(64, 300))
            found.append([x.detach().numpy().tobytes() for x in torch.compile(step, fullgraph=True)()])
    finally:
        torch.set_num_threads(before)
    assert found[0] == found[1] == found[2]


def test_a_batch_of_any_size_is_the_same() -> None:
    table, layer = torch.randn(12, 40, requires_grad=True), nn.Linear(40, 24)

    def step(index: Any) -> Any:
        return trained(index, table, layer)()

    compiled = torch.compile(step, fullgraph=True, dynamic=True)
    for rows in (3, 50, 7, 64, 90):
        index = torch.randint(12, (rows, 20))
        for found, meant in zip(compiled(index), step(index), strict=True):
            compare(found, meant, 1e-5)
