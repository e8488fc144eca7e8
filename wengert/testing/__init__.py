"""What tests of wengert, and of programs that use it, are made of."""

from .closeness import assert_allclose as assert_allclose, assert_close as assert_close
from .creation import make_tensor as make_tensor
