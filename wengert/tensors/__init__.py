"""Tensors: the class, the tape, views and writes, how a call becomes a node, creation, indexing, printing, randomness."""

from .tensor import TENSORS, Tensor, make, wrap

__all__ = ["TENSORS", "Tensor", "make", "wrap"]
