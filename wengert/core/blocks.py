"""`with` blocks whose end nothing can come before.

The one idea to know: Python looks for Ctrl-C where a function of Python begins. An ``__exit__`` in Python that puts a
switch back is at times interrupted before it did, and from then on, say, nothing is recorded. These blocks end in C.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import partial
from operator import call


class Block(io.IOBase):
    """A block that says as it begins, by `ends_with`, what is done as it ends.

    Of `io.IOBase` it has the end of a block: that is C, and calls ``close``, which is C here as well.
    """

    closed = True  # nothing is to be done when one is let go of

    def ends_with(self, *actions: Callable[[], object]) -> None:
        """What is done at the end, in turn: functions of C, or partial ones of them, that return None. Then they are
        let go of."""
        self.close = partial(any, map(call, actions))  # type: ignore[assignment]
