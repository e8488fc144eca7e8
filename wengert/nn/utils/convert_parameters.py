"""PyTorch's path to the functions of `clipping` that take parameters for one vector."""

from .clipping import parameters_to_vector, vector_to_parameters

__all__ = ["parameters_to_vector", "vector_to_parameters"]
