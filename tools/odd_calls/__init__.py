"""Calls with one argument made odd, on PyTorch and on wengert: `python -m tools.odd_calls [GROUP ...]`.

A right call is taken, something odd put in the place of one argument after another (another dtype, size or type, NaN, a
size of 0, ...), and what both libraries make of it compared: the class of an error, values, dtypes, shapes, strides,
gradients. The one idea to know: PyTorch is run beside, on copies of the same arguments; nothing is stored.
"""
