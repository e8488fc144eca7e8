"""Tools for training: clipping gradients, parameters as vectors, sequences of unequal length (`rnn`)."""

from typing import Any

from wengert._missing import MissingError

from . import rnn
from .clipping import (
    clip_grad_norm_,
    clip_grad_value_,
    clip_grads_with_norm_,
    get_total_norm,
    parameters_to_vector,
    vector_to_parameters,
)

__all__ = [
    "clip_grad_norm_",
    "clip_grad_value_",
    "clip_grads_with_norm_",
    "get_total_norm",
    "parameters_to_vector",
    "rnn",
    "vector_to_parameters",
]


def __getattr__(name: str) -> Any:
    raise MissingError(__name__, name, lambda: __all__, f"module {__name__!r} has no attribute {name!r}")
