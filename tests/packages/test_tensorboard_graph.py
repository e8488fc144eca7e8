"""`SummaryWriter.add_graph`: each edge leads to a node, and what is computed twice has two nodes."""

from __future__ import annotations

import pytest

import wengert as torch
from wengert import nn

pytest.importorskip("tensorboard")


class Twice(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(2, 2)
        self.register_buffer("scale", torch.ones(2))

    def forward(self, x: torch.Tensor, y: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"sum": self.layer(self.layer(x)) * self.scale + y, "parts": x.split(1)[0]}


def test_the_graph_of_a_model() -> None:
    from wengert.utils.tensorboard.graph import graph

    model = Twice()
    found, _ = graph(model, (torch.ones(3, 2), torch.zeros(2)))
    names = [node.name for node in found.node]
    assert len(set(names)) == len(names)
    assert all(each in names for node in found.node for each in node.input)
    assert [node.op for node in found.node].count("aten::addmm") == 2
    assert {"input/input", "input/input_1", "output/output.1", "output/output.2", "Twice/scale",
            "Twice/Linear[layer]/weight", "Twice/Linear[layer]/bias"} <= set(names)
    assert not model._forward_hooks and not model.layer._forward_pre_hooks
