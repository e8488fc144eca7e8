"""Paths below ``torch.jit``."""
