"""The types of results with names: ``return_types.sort`` and the like."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._public import publish as _publish
from .ops.named import RETURN_TYPES as _RETURN_TYPES

if TYPE_CHECKING:

    def __getattr__(name: str) -> type: ...


globals().update(_RETURN_TYPES)
_publish(__name__)
