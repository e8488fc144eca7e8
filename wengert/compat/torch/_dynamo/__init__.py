"""Paths below ``torch._dynamo``."""
