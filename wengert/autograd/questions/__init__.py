"""Questions that the tape can answer: why is a gradient None, where did the NaN come from, what keeps graphs alive."""

from .alive import Live, LiveGraph, live
from .answers import Answer
from .missing import why_none
from .numbers import Finding
from .origin import why_nan
from .watching import watch
from .zeros import strict_zero

__all__ = ["Answer", "Finding", "Live", "LiveGraph", "live", "strict_zero", "watch", "why_nan", "why_none"]
