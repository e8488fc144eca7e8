"""Tensors: the class, the tape, views and writes, dispatch, creation, indexing, printing, randomness."""

from .dispatch import dispatch
from .tensor import TENSORS, Tensor, make, wrap

__all__ = ["TENSORS", "Tensor", "dispatch", "make", "wrap"]
