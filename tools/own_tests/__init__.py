"""PyTorch's own tests, and ours over its databases, on PyTorch and on wengert: `python -m tools.own_tests`."""
