"""What tests of wengert, and of programs that use it, are made of."""

from .closeness import assert_allclose, assert_close

__all__ = ["assert_allclose", "assert_close"]
