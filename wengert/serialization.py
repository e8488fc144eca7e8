"""`torch.serialization`: saving, loading, and the names that loading may bring in."""

from .io.checkpoint import add_safe_globals, clear_safe_globals, get_safe_globals, load, safe_globals, save

__all__ = ["add_safe_globals", "clear_safe_globals", "get_safe_globals", "load", "safe_globals", "save"]
