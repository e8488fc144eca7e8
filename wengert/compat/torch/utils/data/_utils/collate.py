"""``torch.utils.data._utils.collate``."""

import re

from ......_public import publish as _publish
from ......utils.data.collate import _usual
from ......utils.data.collate import collate as collate
from ......utils.data.collate import default_collate as default_collate
from ......utils.data.collate import default_collate_fn_map as default_collate_fn_map
from ......utils.data.collate import default_convert as default_convert

collate_tensor_fn = collate_numpy_array_fn = collate_numpy_scalar_fn = _usual
collate_float_fn = collate_int_fn = collate_str_fn = _usual
np_str_obj_array_pattern = re.compile("[SaUO]")
"""The kinds of numpy's dtypes that are no numbers: bytes, text, objects."""

__all__ = ["collate", "collate_float_fn", "collate_int_fn", "collate_numpy_array_fn", "collate_numpy_scalar_fn",
           "collate_str_fn", "collate_tensor_fn", "default_collate", "default_collate_fn_map", "default_convert",
           "np_str_obj_array_pattern"]

_publish(__name__)
