"""What serves training without being part of a model: data, checkpointing, timing, exchange of memory."""

from typing import TYPE_CHECKING

from .._public import publish as _publish

if TYPE_CHECKING:
    from . import (
        _foreach_utils as _foreach_utils, _mode_utils as _mode_utils, _pytree as _pytree, benchmark as benchmark,
        checkpoint as checkpoint, data as data, dlpack as dlpack, hooks as hooks,
        serialization as serialization,
    )

from ..tensors.swapping import swap_tensors as swap_tensors

_publish(__name__, "_foreach_utils _mode_utils _pytree benchmark checkpoint data dlpack hooks serialization")
