"""Looking a model over: `doctor` runs one batch and reports what is wrong, each finding with its line and its cure."""

from .doctor import doctor
from .report import Report, Symptom

__all__ = ["Report", "Symptom", "doctor"]
