"""``torch.utils.model_zoo``: the name under which weights were once loaded from an address."""

from ...._public import publish as _publish
from ....hub import load_state_dict_from_url as load_url

__all__ = ["load_url"]

_publish(__name__)
