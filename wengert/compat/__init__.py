"""Running PyTorch programs unmodified: the command ``wengert run``.

`finder` lets ``import torch`` find wengert, `program` and `notebook` run a file so, `report` says which names of torch
it asks for, and `compare` runs it under PyTorch too and looks for the first number that differs.
"""

from .finder import torch_is_wengert

__all__ = ["torch_is_wengert"]
