"""Paths below ``torch.profiler``."""
