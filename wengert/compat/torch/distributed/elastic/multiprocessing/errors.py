"""``torch.distributed.elastic.multiprocessing.errors``."""

from __future__ import annotations

import functools
import json
import os
import time
import traceback
from collections.abc import Callable
from typing import Any, TypeVar

from .....hollows import fill

Returned = TypeVar("Returned")
FILE = "TORCHELASTIC_ERROR_FILE"


def record(fn: Callable[..., Returned], error_handler: Any = None) -> Callable[..., Returned | None]:
    """``fn``, of which an error is also written, as JSON, to the file that ``TORCHELASTIC_ERROR_FILE`` names: with
    ``--log-dir`` the launcher sets it. The error is raised; ``sys.exit(0)`` returns None.

    (The launcher shows the first rank's traceback without being told.)

    >>> from wengert.compat.torch.distributed.elastic.multiprocessing.errors import record
    >>> record(len)([1, 2])
    2
    """

    @functools.wraps(fn)
    def recorded(*arguments: Any, **options: Any) -> Returned | None:
        try:
            return fn(*arguments, **options)
        except SystemExit as error:
            if error.code == 0:
                return None
            raise
        except Exception as error:
            _write(error)
            raise

    return recorded


def _write(error: Exception) -> None:
    path = os.environ.get(FILE)
    if not path:
        return
    more = {"py_callstack": traceback.format_exc(), "timestamp": str(int(time.time()))}
    with open(path, "w", encoding="utf-8") as file:
        json.dump({"message": {"message": f"{type(error).__name__}: {error}", "extraInfo": more}}, file)


fill(vars(), classes="ChildFailedError", functions="")
