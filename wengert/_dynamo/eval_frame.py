"""``torch._dynamo.eval_frame``: compiled modules, and what packages ask of it."""

from __future__ import annotations

from .._missing import answers
from ..nn.compiled import OptimizedModule as OptimizedModule
from ..tracing.control import disable as disable

is_dynamo_supported = answers(True, "True: functions can be compiled.")
