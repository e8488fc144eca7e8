"""The picture of a compiled function: a group for each native step, with its microseconds."""

from __future__ import annotations

import re
from typing import Any

import pytest

import wengert as torch
import wengert.nn.functional as F
from wengert import nn
from wengert.core.errors import TraceError


@pytest.fixture(scope="module")
def step() -> Any:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.LayerNorm(64), nn.Linear(64, 10))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)

    @torch.compile(fullgraph=True)
    def step(x: Any, y: Any) -> Any:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    step(torch.randn(64, 20), torch.randint(0, 10, (64,)))
    return step


def test_every_instruction_is_a_node_and_nearly_all_are_in_a_step(step: Any) -> None:
    graph = torch.graph(step)
    operations = [node for node in graph if node.kind == "operation"]
    assert len(operations) == sum([len(instr.results) for instr in step.graph.instrs])
    grouped = [node for node in operations if node.module]
    assert len(grouped) >= 0.9 * len(operations)
    assert any("product [64, 20] @ [20, 64]" in node.module for node in grouped)
    numbers = [int(n) for name in {node.module for node in grouped} for n in name.partition(":")[0].split("+")]
    assert sorted(numbers) == [each.number for each in step.kernels if each.words != "check"]
    assert {"x", "y", "lr"} < {node.name for node in graph if node.kind == "constant"}
    written = [node.name for node in operations if node.name.endswith("'")]
    assert len(written) == len([effect for effect in step.graph.effects if effect.value is not None])


def test_nodes_stand_after_their_operands_and_steps_in_a_row(step: Any) -> None:
    graph = torch.graph(step)
    position = {id: at for at, id in enumerate(graph.nodes)}
    assert all(position[edge.source] < position[edge.target] for edge in graph.edges)
    runs = [node.module for node in graph if node.kind == "operation" and node.module]
    changes = sum([a != b for a, b in zip(runs, runs[1:], strict=False)])
    assert changes == len(set(runs)) - 1, "a step that is two groups"


def test_groups_say_how_long_they_take_when_that_is_known() -> None:
    w = torch.randn(30, 8, requires_grad=True)

    @torch.compile(fullgraph=True)
    def compiled(x: Any) -> Any:
        loss = (torch.tanh(x @ w) - x[:, :8]).pow(2).mean()
        loss.backward()
        return loss

    x = torch.randn(40, 30)
    compiled(x)
    assert not any(re.search(r"\d (µs|ns)", node.module) for node in torch.graph(compiled))
    compiled.profile(x, rounds=2)
    graph = torch.graph(compiled)
    assert all(re.search(r", \d+ (µs|ns)$", node.module) for node in graph if node.module)
    total = sum([node.seconds or 0 for node in graph])
    assert total == pytest.approx(sum([each.seconds for each in compiled.kernels]))


def test_steps_are_groups_that_open_in_every_picture(step: Any, tmp_path: Any) -> None:
    graph = torch.graph(step)
    page = graph.save(tmp_path / "step.html").read_text("utf-8")
    assert "pass over 64×64" in page
    svg = graph.svg(depth=1)
    assert "pass over 64×64" in svg and svg.count("row_max") == 0
    assert len(graph.svg(depth=0)) > len(svg)
    short = {node.module for node in graph if 0 < len(node.module) < 24}
    assert short and all(name in graph.text(depth=1) for name in short)


def test_a_compiled_model_has_both_halves() -> None:
    model = nn.Sequential(nn.Linear(20, 32), nn.Tanh(), nn.Linear(32, 4))
    compiled = torch.compile(model)
    x = torch.randn(16, 20)
    compiled(x).sum().backward()
    forward = len(compiled.programs[0].runner.program.kernels)
    assert len(compiled.kernels) > forward and len(compiled.graph.instrs) >= 3
    table = compiled.profile(x, rounds=2)
    assert all(each.seconds is not None for each in compiled.kernels) and "product" in table
    modules = {node.module for node in torch.graph(compiled)}
    assert any(name.startswith("backward ") for name in modules) and any(name[:1].isdigit() for name in modules)
    model.compile()
    with torch.no_grad():
        model(x)
    assert model.forward.kernels and len(torch.graph(model.forward)) > 3


def test_what_has_not_been_called_has_no_picture() -> None:
    with pytest.raises(TraceError, match="call the function"):
        torch.graph(torch.compile(lambda x: x))


def test_what_numpy_computes_is_a_group_too() -> None:
    f = torch.compile(lambda x: (x * 2).sort()[0].exp() + 1)
    f(torch.randn(500))
    assert {node.module for node in torch.graph(f) if node.operation == "sort"} == {"1: numpy: sort"}
