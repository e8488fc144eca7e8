"""What goes wrong in a worker, on its way to the process that asked."""

from __future__ import annotations

import pickle
import sys
import traceback
from typing import Any, NoReturn


class Failure:
    """An exception as its type and its traceback in words; the exception itself may not survive the way.

    Made while an exception is handled; ``where`` is said in the message.
    """

    def __init__(self, where: str) -> None:
        kind, error, trace = sys.exc_info()
        self.where = where
        self.kind: Any = kind
        self.name = "" if kind is None else kind.__name__
        self.text = "".join(traceback.format_exception(kind, error, trace))

    def __getstate__(self) -> dict[str, Any]:
        """An exception's type that cannot be pickled, being local to a function, say, becomes RuntimeError."""
        try:
            pickle.dumps(self.kind)
        except (pickle.PicklingError, AttributeError, TypeError):
            return {**self.__dict__, "kind": RuntimeError}
        return self.__dict__

    def reraise(self) -> NoReturn:
        """Raises an exception of the same type, with the worker's traceback in its message.

        RuntimeError where the type does not let itself be made from a message alone.
        """
        message = f"Caught {self.name} {self.where}.\nOriginal {self.text}"
        if self.kind is KeyError:
            message = _Verbatim(message)
        try:
            error = self.kind(message=message) if getattr(self.kind, "message", None) else self.kind(message)
        except Exception:
            # The constructor is anybody's code: whatever it raises, the message must come through.
            raise RuntimeError(message) from None
        raise error


class _Verbatim(str):
    """A text that a KeyError, which shows the ``repr`` of its key, shows as it is."""

    __slots__ = ()

    def __repr__(self) -> str:
        return self
