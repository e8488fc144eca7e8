"""The primitives, one file a family; the only place where a primitive is defined.

A file here may import from ``core`` only. Rules name other primitives at run time, as ``P.mul``.
"""

from . import (
    activations as activations, arithmetic as arithmetic, comparison as comparison, contraction as contraction,
    conversion as conversion, convolution as convolution, fourier as fourier, incomplete as incomplete,
    indexing as indexing, linalg as linalg, losses as losses, mathematics as mathematics,
    normalization as normalization, piecewise as piecewise, pooling as pooling, recurrent as recurrent,
    reductions as reductions, scans as scans, shapes as shapes, softmaxes as softmaxes, special as special,
    statistics as statistics,
)
