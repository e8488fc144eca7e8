"""``torch.fx.experimental.proxy_tensor``: recording by dispatch, which there is none of here."""

from __future__ import annotations

from ....._missing import answers
from ....hollows import fill

get_proxy_mode = answers(None, "None: no such recording is running.")
fill(vars(), classes="ProxyTorchDispatchMode", functions="make_fx")
