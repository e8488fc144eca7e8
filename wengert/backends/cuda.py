"""The settings of CUDA's matrix products, which are not used: they can be set and read."""

from __future__ import annotations


class _Matmul:
    """How CUDA would multiply matrices."""

    allow_tf32 = False
    allow_fp16_reduced_precision_reduction = True
    allow_bf16_reduced_precision_reduction = True
    fp32_precision = "none"


matmul = _Matmul()


def is_built() -> bool:
    """False: there is no CUDA back end yet."""
    return False
