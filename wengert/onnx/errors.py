"""``torch.onnx.errors``: what exporting and loading raise."""

from __future__ import annotations

__all__ = ["OnnxExporterError", "OnnxExporterWarning", "SymbolicValueError", "UnsupportedOperatorError"]


class OnnxExporterError(RuntimeError):
    """A model that cannot be written as ONNX, or a file that cannot be read.

    >>> issubclass(torch.onnx.OnnxExporterError, RuntimeError)
    True
    """


class UnsupportedOperatorError(OnnxExporterError):
    """An operation that ONNX, or wengert, has no form for; the message names it, and the line that uses it."""


class SymbolicValueError(OnnxExporterError):
    """A size that varies where a number has to be known."""


class OnnxExporterWarning(UserWarning):
    """What is exported otherwise than the program says."""
