"""Every odd argument of every case, each case in a process of its own that a crash or a hang cannot spoil."""

from __future__ import annotations

import json
import os
import resource
import signal
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import torch

import wengert

from .beside import difference
from .cases import Case
from .different import reason
from .odd import odd

SECONDS = 20  # that one call may take
MOST_MEMORY = 12 << 30  # more than any call needs; it protects the machine


@dataclass
class Found:
    """What came of a group."""

    calls: int = 0
    differing: list[list[Any]] = field(default_factory=list)
    """[name, text, what is odd, with gradients or without, kind, message]"""
    on_purpose: int = 0
    died: list[str] = field(default_factory=list)


def variants(case: Case) -> Iterator[tuple[int, str, list[Any]]]:
    yield 0, "as is", list(case.values)
    for place, value in enumerate(case.values):
        for what, other in odd(value):
            yield place, what, [*case.values[:place], other, *case.values[place + 1:]]


def work(case: Case, begin: int, file: Any) -> None:
    """Tells each variant's number before it is tried, and what was found."""
    torch.set_num_threads(1)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    for number, (place, what, values) in enumerate(variants(case)):
        if number < begin:
            continue
        print(json.dumps([number, case.written(place, what)]), file=file, flush=True)
        signal.alarm(SECONDS)
        odd_place = -1 if what == "as is" else place
        for grad in (False, True):
            try:
                found = difference(case, values, odd_place, grad)
            except Exception as error:  # noqa: BLE001 - a fault of this tool, which is to be seen in the table
                found = ("not comparable", repr(error)[:200])
            if found:
                print(json.dumps([case.name, case.written(place, what), what, grad, *found]), file=file, flush=True)
                break
        signal.alarm(0)
    print("null", file=file, flush=True)


def walk(cases: list[Case]) -> Found:
    wengert.set_num_threads(1)
    found = Found()
    for case in cases:
        begin: int | None = 0
        while begin is not None:
            begin = _until_it_dies(case, begin, found)
    return found


def _until_it_dies(case: Case, begin: int, found: Found) -> int | None:
    """Adds what a process finds from a variant on; the number of the variant behind the one that it died of."""
    with tempfile.TemporaryFile("w+") as file:
        child = os.fork()
        if not child:
            try:
                work(case, begin, file)
            finally:
                os._exit(0)
        os.waitpid(child, 0)
        file.seek(0)
        lines = [json.loads(line) for line in file.read().splitlines()]
    begun = [line for line in lines if line is not None and len(line) == 2]
    for line in lines:
        if line is not None and len(line) > 2:
            if reason(line[0], line[2], line[4], line[5]) is None:
                found.differing.append(line)
            else:
                found.on_purpose += 1
    found.calls += len(begun)
    if lines and lines[-1] is None:
        return None
    if not begun:
        raise RuntimeError(f"[odd_calls] a process of {case.name} ended before its first call")
    found.died.append(begun[-1][1])
    return begun[-1][0] + 1
