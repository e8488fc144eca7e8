"""Paths below ``torch.fx``."""
