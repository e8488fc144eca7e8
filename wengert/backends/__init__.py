"""Switches of PyTorch's back ends, so that programs which set them run. None changes what wengert computes: its
algorithms are deterministic and of full precision."""

from . import cuda, cudnn, mkl, mkldnn, mps, openmp

__all__ = ["cuda", "cudnn", "mkl", "mkldnn", "mps", "openmp"]
