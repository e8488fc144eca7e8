"""``torch.ops.profiler``: spans of a profile that begin and end by calls, as `record_function` makes them by a block.

>>> import wengert as torch
>>> with torch.autograd.profiler.profile() as prof:
...     span = torch.ops.profiler._record_function_enter("step")
...     _ = torch.ones(3) + 1
...     torch.ops.profiler._record_function_exit(span)
>>> sorted(event.key for event in prof.key_averages())
['aten::add', 'step']
"""

from __future__ import annotations

from ..autograd.profiler import record_function


def _record_function_enter(name: str, args: str | None = None) -> record_function:
    """Begins a span of that name, and gives what ends it."""
    return record_function(name, args).__enter__()


def _record_function_exit(span: record_function) -> None:
    """Ends a span."""
    span.__exit__()


_record_function_enter_new = _record_function_enter
"""The name by which PyTorch's `record_function` calls it today."""
