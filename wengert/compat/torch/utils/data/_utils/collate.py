"""``torch.utils.data._utils.collate``."""

from ......_public import publish as _publish
from ......utils.data.collate import default_collate as default_collate
from ......utils.data.collate import default_convert as default_convert

__all__ = ["default_collate", "default_convert"]

_publish(__name__)
