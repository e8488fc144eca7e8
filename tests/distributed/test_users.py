"""What programs ask of `torch.distributed` beside training loops: `programs/users.py`, on two and on three ranks."""

from __future__ import annotations

import re

import pytest

from tests.distributed.ranks import PROGRAMS, launch

CASES = re.findall(r"^def case_(\w+)", (PROGRAMS / "users.py").read_text("utf-8"), re.MULTILINE)


@pytest.mark.parametrize("ranks", [2, 3])
def test_what_users_ask(ranks: int) -> None:
    done = launch("users.py", ranks=ranks)
    assert done.code == 0, done.err
    assert done.lines(0) == CASES
