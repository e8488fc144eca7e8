"""Functions of the namespace are pickled by name, as PyTorch's are: a model may hold one and go to another process."""

from __future__ import annotations

import copy
import pickle

import pytest

import wengert as torch
from wengert import nn, ops


@pytest.mark.parametrize("name", sorted(ops.FUNCTIONS))
def test_a_function_comes_back_as_itself(name: str) -> None:
    function = ops.FUNCTIONS[name]
    assert pickle.loads(pickle.dumps(function)) is function


def test_a_module_that_holds_one_is_pickled() -> None:
    class_of = nn.TransformerEncoderLayer(4, 2, 8, activation=torch.relu)
    again = pickle.loads(pickle.dumps(class_of))
    assert again.activation is copy.deepcopy(class_of).activation is torch.relu
