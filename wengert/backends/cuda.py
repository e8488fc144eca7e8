"""The settings of CUDA's matrix products, which are not used: they can be set and read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from .._missing import answers


class _Matmul:
    """How CUDA would multiply matrices."""

    allow_tf32 = False
    allow_fp16_reduced_precision_reduction = True
    allow_bf16_reduced_precision_reduction = True
    fp32_precision = "none"


matmul = _Matmul()


def is_built() -> bool:
    """False: there is no CUDA back end yet.

    >>> torch.backends.cuda.is_built()
    False
    """
    return False


class SDPAParams:
    """What would be asked of a kernel of attention on a device: queries, keys, values, mask, dropout, causality.

    >>> torch.backends.cuda.SDPAParams.__name__
    'SDPAParams'
    """

    def __init__(self, query: Any, key: Any, value: Any, attn_mask: Any, dropout: float, is_causal: bool,
                 enable_gqa: bool) -> None:
        self.query, self.key, self.value, self.attn_mask = query, key, value, attn_mask
        self.dropout, self.is_causal, self.enable_gqa = dropout, is_causal, enable_gqa


can_use_flash_attention = can_use_efficient_attention = can_use_cudnn_attention = answers(
    False, "False: these are kernels of CUDA devices.")
is_flash_attention_available = is_ck_sdpa_available = answers(False, "False: there is no CUDA back end.")


class _Kernels:
    """Which kernels of attention a program allows; noted, and not looked at: there is one way here."""

    allowed: ClassVar[dict[str, bool]] = dict.fromkeys(("flash", "mem_efficient", "math", "cudnn"), True)


def _allow(kernel: str) -> Callable[[bool], None]:
    def enable(enabled: bool) -> None:
        _Kernels.allowed[kernel] = bool(enabled)

    enable.__name__ = enable.__qualname__ = f"enable_{kernel}_sdp"
    enable.__doc__ = (f"Notes whether a device may compute attention by its kernel {kernel!r}: there is no device. "
                      f"Raises nothing: whatever is given counts as true or false.\n\n"
                      f">>> torch.backends.cuda.enable_{kernel}_sdp(True)\n"
                      f">>> torch.backends.cuda.{kernel}_sdp_enabled()\nTrue")
    return enable


def _allowed(kernel: str) -> Callable[[], bool]:
    def enabled() -> bool:
        return _Kernels.allowed[kernel]

    enabled.__name__ = enabled.__qualname__ = f"{kernel}_sdp_enabled"
    enabled.__doc__ = (f"What was said last of the kernel {kernel!r}; at first True.\n\n"
                       f">>> torch.backends.cuda.{kernel}_sdp_enabled()\nTrue")
    return enabled


enable_flash_sdp, flash_sdp_enabled = _allow("flash"), _allowed("flash")
enable_mem_efficient_sdp, mem_efficient_sdp_enabled = _allow("mem_efficient"), _allowed("mem_efficient")
enable_math_sdp, math_sdp_enabled = _allow("math"), _allowed("math")
enable_cudnn_sdp, cudnn_sdp_enabled = _allow("cudnn"), _allowed("cudnn")
