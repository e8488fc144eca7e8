"""What a node of the tape tells of itself: its key, what it saved, its settings."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core.dtypes import from_numpy
from ..tensors.evaluation import Unseen
from ..tensors.tape import Out, is_data
from .model import GraphNode, output_id
from .partials import JACOBIAN
from .pushes import bottom
from .values import Summary, summarize


def key_of(edge: Any) -> int:
    """What an edge of the tape goes by: the number of a node, or the id of one of its results."""
    return output_id(edge.node.sequence, edge.index) if type(edge) is Out else int(edge.sequence)


def trusted_saved(node: Any) -> Any:
    """What a node saved, if it is still there, was not overwritten and is not packed away by a hook; else None."""
    if node.saved is None or (node.rare is not None and "packed" in node.rare) or is_custom(node):
        return None
    if any(cell[0] != count for cell, count in node.guards):
        return None
    return tuple([bottom(value) if isinstance(value, Unseen) else value for value in node.saved])


def is_custom(node: Any) -> bool:
    """Whether a node is of a user's `Function`, which saves what it likes: nobody can tell what is an operand."""
    return bool(node.primitive.name == "function")


def retained_gradient(node: Any, place: int) -> Any:
    """The gradient that `retain_grad` kept of a tensor that this node made."""
    for index, reference in (node.rare or {}).get("retains", ()):
        tensor = reference()
        if index == place and tensor is not None and tensor._rare is not None and tensor._rare.get("grad") is not None:
            return tensor._rare["grad"]._data
    return None


def kept_bytes(node: Any) -> int:
    return sum(value.nbytes for value in node.saved or () if isinstance(value, np.ndarray))


def size_of(node: GraphNode | None) -> int:
    return JACOBIAN + 1 if node is None or node.shape is None else math.prod(node.shape)


def summary_of(value: Any, plain: bool = False) -> Summary | None:
    if value is None or isinstance(value, Summary):
        return value
    if not is_data(value) and not isinstance(value, (np.generic, bool, int, float, complex) if plain else np.generic):
        return None
    return summarize(value, histogram=True)


def with_spec(made: GraphNode, value: Any) -> GraphNode:
    if isinstance(value, Summary):
        made.shape, made.dtype = value.shape, value.dtype
    elif isinstance(value, np.ndarray):
        made.shape, made.dtype = tuple(value.shape), from_numpy(value.dtype).name
    return made


_PRIVATE = ("label", "whole")


def settings_text(params: dict[str, Any]) -> str:
    """The settings of an operation in a few words; what is long or private to a rule is left out."""
    words = []
    for name, value in params.items():
        if isinstance(value, (bool, int, float, str, tuple, list)) and name not in _PRIVATE and value != "":
            text = f"{name}={value!r}"
            if len(text) <= 60:
                words.append(text)
    return ", ".join(words)
