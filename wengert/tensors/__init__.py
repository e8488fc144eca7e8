"""Tensors: the class, the tape, views and writes, dispatch, creation, indexing, printing, randomness."""

from .tensor import TENSORS, Tensor, make, wrap

__all__ = ["TENSORS", "Tensor", "make", "wrap"]
