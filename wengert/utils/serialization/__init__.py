"""``wengert.utils.serialization``: the settings of `save` and `load`, in `config`."""

from . import config as config
