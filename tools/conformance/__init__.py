"""wengert held against PyTorch's own operator database: `python -m tools.conformance`.

The database names every operator of PyTorch with inputs on which PyTorch tests it. Here each entry goes through several
columns (values in a dtype, gradients, in-place form, refusals, ...), each of which either does not apply, holds, or
fails with a message. The one idea to know: PyTorch is run on a copy of the same input at the same moment, and what it
does is what is expected; nothing is stored.
"""
