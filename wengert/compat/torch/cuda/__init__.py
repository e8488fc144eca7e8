"""Paths below ``torch.cuda``."""
