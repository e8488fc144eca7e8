"""Anomaly detection, by the name that PyTorch's module for it has."""

from __future__ import annotations

from .watchers import detect_anomaly as detect_anomaly
from .watchers import set_detect_anomaly as set_detect_anomaly

__all__ = ["detect_anomaly", "set_detect_anomaly"]
