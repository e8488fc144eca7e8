"""``torch.jit.annotations``: the words of TorchScript's annotations, which Python does not read."""

from __future__ import annotations

import typing

from .. import _jit_internal

Any, Optional, Union = typing.Any, typing.Optional, typing.Union
List, Tuple, Dict = list, tuple, dict
BroadcastingList1, BroadcastingList2, BroadcastingList3 = [_jit_internal.BroadcastingList1] * 3
