"""What a thread knows while it computes: whether to record, and whether anybody watches.

Reading an attribute of `state` is all that a plain operation pays for every rare feature.
"""

from __future__ import annotations

import contextvars
import threading
from typing import Any

import numpy as np


class State(threading.local):
    """Thread-local switches.

    ``grad``       whether operations are recorded on the tape
    ``inference``  whether `inference_mode` is on
    ``watcher``    None on the plain path; else who watches evaluation or stands in its place (tensors/evaluation.py)
    ``quiet``      calls a function in a context where numpy does not warn about overflow, division by zero and the
                   like, as tensors have IEEE arithmetic; entering `numpy.errstate` costs ten times as much. It must
                   not be nested.
    ``devices``    where tensors are made that ask for no device: the first of them, the CPU if there is none
    ``modes``      what stands in the place of public functions, the innermost first (tensors/overrides.py)
    ``overrides``  whether arguments and modes are asked for ``__torch_function__``
    ``casting``    the dtype to which `autocast` casts what operations are given, None where it does not; nothing but
                   the functions on its lists reads it, and these once there has been an `autocast` (amp/casting.py)
    ``here``       this thread's switches as a dict, for the hot paths: fetching it costs as much as reading one
                   attribute, and a look-up in it a third of that
    """

    def __init__(self) -> None:
        context = contextvars.copy_context()
        context.run(np.seterr, all="ignore")
        self.grad: bool = True
        self.inference: bool = False
        self.watcher: Any = None
        self.devices: tuple[Any, ...] = ()
        self.modes: tuple[Any, ...] = ()
        self.overrides: int = 0
        self.casting: Any = None
        self.quiet = context.run
        self.here: dict[str, Any] = self.__dict__


state = State()
