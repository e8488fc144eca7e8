"""``torch.utils._dtype_abbrs``: the short names of dtypes, by which PyTorch's logs go."""

from __future__ import annotations

import re

from ....core import dtypes
from ....core.dtypes import DType

_KINDS = {"float": "f", "complex": "c", "int": "i", "uint": "u", "bfloat": "bf"}


def _short(name: str) -> str:
    """``f32`` for ``float32``, ``f8e4m3fn`` for ``float8_e4m3fn``."""
    found = re.fullmatch(r"([a-z]+)(\d+)_?(\w*)", name)
    return "b8" if found is None else _KINDS[found[1]] + found[2] + found[3]


dtype_abbrs = {dtype: _short(dtype.name) for dtype in vars(dtypes).values() if isinstance(dtype, DType)}

__all__ = ["dtype_abbrs"]
