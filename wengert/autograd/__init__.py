"""Differentiation: running the tape back, switching it off, watching it, extending it."""

from importlib import import_module
from typing import Any

from .._missing import MissingError
from . import functional, graph
from .engine import backward, grad
from .function import Function, once_differentiable
from .gradcheck import GradcheckError, gradcheck, gradgradcheck
from .modes import (
    enable_grad,
    inference_mode,
    is_grad_enabled,
    is_inference_mode_enabled,
    no_grad,
    set_grad_enabled,
)
from .questions import live, strict_zero, watch, why_nan, why_none
from .variable import Variable
from .watchers import (
    detect_anomaly,
    is_anomaly_check_nan_enabled,
    is_anomaly_enabled,
    record_lines,
    set_detect_anomaly,
)

__all__ = [
    "Function",
    "GradcheckError",
    "Variable",
    "backward",
    "detect_anomaly",
    "enable_grad",
    "functional",
    "grad",
    "gradcheck",
    "gradgradcheck",
    "graph",
    "inference_mode",
    "is_anomaly_check_nan_enabled",
    "is_anomaly_enabled",
    "is_grad_enabled",
    "is_inference_mode_enabled",
    "live",
    "no_grad",
    "once_differentiable",
    "record_lines",
    "set_detect_anomaly",
    "set_grad_enabled",
    "strict_zero",
    "watch",
    "why_nan",
    "why_none",
]


def __getattr__(name: str) -> Any:
    if name == "profiler":
        return import_module(f"{__name__}.profiler")
    raise MissingError(__name__, name, lambda: [*__all__, "profiler"], f"module {__name__!r} has no attribute {name!r}")
