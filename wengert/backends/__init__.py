"""Switches of PyTorch's back ends, so that programs which set them run. None changes what wengert computes: its
algorithms are deterministic and of full precision."""

from contextlib import nullcontext as _nullcontext

from .._switches import switches as _switches
from . import cuda as cuda, cudnn as cudnn, mkl as mkl, mkldnn as mkldnn, mps as mps, openmp as openmp, \
    opt_einsum as opt_einsum

fp32_precision = "none"
"""How precise products in float32 are to be; here they are so in full."""

__allow_nonbracketed_mutation = _nullcontext  # within it PyTorch lets switches be set that it has frozen

_switches(__name__)
