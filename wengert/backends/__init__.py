"""Switches of PyTorch's back ends, so that programs which set them run. None changes what wengert computes: its
algorithms are deterministic and of full precision."""

from . import cuda as cuda, cudnn as cudnn, mkl as mkl, mkldnn as mkldnn, mps as mps, openmp as openmp, \
    opt_einsum as opt_einsum
