"""Machine code generated at run time. For now: elementwise kernels for large arrays in eager mode."""
