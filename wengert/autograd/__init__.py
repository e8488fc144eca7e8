"""Differentiation: running the tape back, switching it off, watching it, extending it."""

from typing import TYPE_CHECKING

from .._public import publish as _publish
from . import forward_ad as forward_ad, function_rules as function_rules, functional as functional, graph as graph
from .engine import backward as backward, grad as grad
from .function import Function as Function, once_differentiable as once_differentiable
from .gradcheck import GradcheckError as GradcheckError, gradcheck as gradcheck, gradgradcheck as gradgradcheck
from .modes import (
    enable_grad as enable_grad, inference_mode as inference_mode, is_grad_enabled as is_grad_enabled,
    is_inference_mode_enabled as is_inference_mode_enabled, no_grad as no_grad, set_grad_enabled as set_grad_enabled,
)
from .questions import (
    live as live, strict_zero as strict_zero, watch as watch, why_nan as why_nan, why_none as why_none,
)
from .variable import Variable as Variable
from .watchers import (
    detect_anomaly as detect_anomaly, is_anomaly_check_nan_enabled as is_anomaly_check_nan_enabled,
    is_anomaly_enabled as is_anomaly_enabled, record_lines as record_lines, set_detect_anomaly as set_detect_anomaly,
)

if TYPE_CHECKING:
    from . import anomaly_mode as anomaly_mode, grad_mode as grad_mode, profiler as profiler
    from .inside import (
        _calculate_shape as _calculate_shape, _disable_profiler as _disable_profiler,
        _force_original_view_tracking as _force_original_view_tracking, _profiler_enabled as _profiler_enabled,
        _unsafe_preserve_version_counter as _unsafe_preserve_version_counter,
        is_multithreading_enabled as is_multithreading_enabled, is_view_replay_enabled as is_view_replay_enabled,
        SavedTensor as SavedTensor, kineto_available as kineto_available,
        set_multithreading_enabled as set_multithreading_enabled,
    )

_publish(__name__, "anomaly_mode forward_ad functional grad_mode graph profiler", {
    "inside": "kineto_available set_multithreading_enabled is_multithreading_enabled is_view_replay_enabled "
              "_calculate_shape _disable_profiler _profiler_enabled _force_original_view_tracking "
              "_unsafe_preserve_version_counter SavedTensor"})
