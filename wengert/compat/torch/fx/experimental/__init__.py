"""Paths below ``torch.fx.experimental``."""
