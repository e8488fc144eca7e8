"""Random numbers as arrays, the same as PyTorch's for the same seed.

`twister` is the stream of words, `reals`, `integers` and `gammas` make numbers of it, by way of `box_muller` the normal
ones; `kernels` does the two longest loops as machine code. Nothing here knows a tensor: `wengert.tensors.generator`
puts tensors on top.
"""
