"""``torch._inductor``: of PyTorch's code generator there are the switches, which change nothing. What is compiled here,
is by one compiler with no choices to make (docs/design/compiler.md)."""

from .._public import publish as _publish

__all__ = ["config"]

_publish(__name__, "config")
