"""``torch._inductor``: of PyTorch's code generator there are the switches, which change nothing. What is compiled here,
is by one compiler with no choices to make (docs/design/compiler.md)."""

from __future__ import annotations

from typing import Any

from .._public import publish as _publish
from ..tracing.compiled import MODES as _MODES
from ..tracing.control import cudagraph_mark_step_begin as cudagraph_mark_step_begin

__all__ = ["config", "cudagraph_mark_step_begin", "list_mode_options", "list_options"]


def list_mode_options(mode: str | None = None, dynamic: bool | None = None) -> dict[str, Any]:
    """The options that a mode of `compile` stands for, or those of every mode: none, as all modes are one here. Raises
    RuntimeError for another mode."""
    known: dict[str, dict[str, Any]] = {each: {} for each in _MODES if each is not None}
    if mode is None:
        return known
    if mode not in known:
        raise RuntimeError(f"Unrecognized mode={mode}, should be one of: {', '.join(map(repr, known))}")
    return known[mode]


def list_options() -> list[str]:
    """The names of the switches in `config`."""
    from . import config

    return sorted(name for name in vars(config) if not name.startswith("_"))


_publish(__name__, "config")
