"""``torch._dynamo.config``: ``recompile_limit``, or ``cache_size_limit``, is how often a function is recorded at most;
with ``automatic_dynamic_shapes`` sizes of arguments that have varied may vary.

Nothing depends on the other names that programs set: a function that cannot be recorded runs as it is and a warning
says so, whatever ``suppress_errors`` is, and is an error with ``fullgraph=True``.
"""

from __future__ import annotations

from .._switches import Switches as _Switches
from .._switches import switches as _switches
from ..tracing.control import settings as _settings

suppress_errors = verbose = assume_static_by_default = False
capture_scalar_outputs = capture_dynamic_output_shape_ops = specialize_int = force_parameter_static_shapes = False
allow_rnn = error_on_recompile = skip_fwd_side_effects_in_bwd_under_checkpoint = False
accumulated_recompile_limit = accumulated_cache_size_limit = 256


class _Config(_Switches):
    @property
    def recompile_limit(self) -> int:
        """How often a function is recorded at most; calls that fit none of the recordings then run as they are."""
        return _settings.recompile_limit

    @recompile_limit.setter
    def recompile_limit(self, limit: int) -> None:
        _settings.recompile_limit = int(limit)

    cache_size_limit = recompile_limit

    @property
    def automatic_dynamic_shapes(self) -> bool:
        """Whether sizes of arguments that differ between calls may vary from then on, where nothing else is said."""
        return _settings.automatic

    @automatic_dynamic_shapes.setter
    def automatic_dynamic_shapes(self, on: bool) -> None:
        _settings.automatic = bool(on)


_switches(__name__, _Config)
