"""What a child process begins with: it has one thread of its parent's, and what the others held stays held for ever.

Whoever keeps a lock, or leaves something half done while it is held, renews it here. To wait for the lock before the
fork, as the compiler does for LLVM's sake, is no way for locks under which a program runs: who holds one may wait for
another that waits too.
"""

from __future__ import annotations

import os
from collections.abc import Callable


def in_child(renew: Callable[[], None]) -> None:
    """``renew()`` runs in each child that is forked off, before the child goes on."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=renew)
