"""Ctrl-C at random moments of training, saving, loading and exit: the process ends by itself, and is sound until then.

A case is a child process. A timer interrupts it many times as Ctrl-C would (`signal.default_int_handler` raises
KeyboardInterrupt between any two instructions); it goes on each time, and says what is not as it was before. The last
interrupt comes while it exits.
"""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from .target import Fault, Target

ROOT = Path(__file__).parents[2]
INTERRUPTS = 11
"""In a case, beside the one at exit."""

SECONDS = 90
"""In which a child has ended, on a busy machine too."""

PROGRAM = '''
import hashlib, os, random, signal, sys, time
import wengert as torch
from wengert.compiler import blas, threads

seed, folder, interrupts = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
path, chance, library = os.path.join(folder, "model"), random.Random(seed), blas.openblas()
torch.set_num_threads(3)
usual = library and library.get_threads()
nn = torch.nn


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.lstm, self.last = nn.Linear(300, 200), nn.LSTM(20, 32), nn.Linear(32, 10)
        self.conv = nn.Conv2d(1, 4, 3, padding=1)

    def forward(self, x):
        hidden = torch.tanh(self.first(x)) + self.conv(x[:, :200].reshape(-1, 1, 10, 20)).mean(1).flatten(1)
        return self.last(self.lstm(hidden.view(64, 10, 20))[0][-1])


def trained(steps):
    torch.manual_seed(0)
    model = Model()
    optimizer, x = torch.optim.Adam(model.parameters()), torch.randn(64, 300)
    for _ in range(steps):
        optimizer.zero_grad()
        (model(x) ** 2).mean().backward()
        optimizer.step()
    return model.state_dict()


def digest(state):
    return hashlib.sha256(b"".join(value.numpy().tobytes() for value in state.values())).hexdigest()


def save():
    torch.save(chance.choice(states), path)


states = [trained(1), trained(2)]
known = [digest(state) for state in states]
activities = {"train": lambda: trained(2), "save": save, "load": lambda: torch.load(path)}
save()
lasts = {}
for name, activity in activities.items():
    activity()
    begin = time.perf_counter()
    activity()
    lasts[name] = time.perf_counter() - begin

signal.signal(signal.SIGALRM, signal.default_int_handler)
for number in range(interrupts):
    name = list(activities)[number % len(activities)]
    try:
        signal.setitimer(signal.ITIMER_REAL, chance.uniform(0.00005, 2 * lasts[name]))
        for _ in range(20):
            activities[name]()
    except KeyboardInterrupt:
        print("interrupted", name)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    save()  # what an interrupted one left goes with the next
    sound = {
        "threads": torch.get_num_threads() == 3, "gradients": torch.is_grad_enabled(),
        "OpenBLAS": library is None or library.get_threads() == usual,
        "file": digest(torch.load(path)) in known, "files": os.listdir(folder) == ["model"],
        "results": digest(trained(2)) == known[1],
    }
    for what, holds in sound.items():
        if not holds:
            print("FAULT:", what, "after an interrupt of", name, os.listdir(folder) if what == "files" else "")
print("exits", flush=True)
signal.setitimer(signal.ITIMER_REAL, chance.uniform(0.00005, 0.05))
'''


def make(chance: random.Random) -> int:
    return chance.randrange(2**32)


def run(case: int) -> str:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-c", PROGRAM, str(case), folder, str(INTERRUPTS)]
        try:
            done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=SECONDS)
        except subprocess.TimeoutExpired as hang:
            raise Fault(f"the process did not end; it said {hang.stdout!r}") from hang
    lines = done.stdout.splitlines()
    faults = [line for line in lines if line.startswith("FAULT")]
    if faults:
        raise Fault("; ".join(faults))
    # By itself, by the uncaught KeyboardInterrupt, or by the signal once the interpreter had put its handler away.
    if "exits" not in lines or done.returncode not in (0, 1, -signal.SIGINT, -signal.SIGALRM):
        raise Fault(f"the process ended with {done.returncode}: {done.stderr[-1000:]}")
    return f"case of {sum(line.startswith('interrupted') for line in lines)} interrupts and {done.returncode} at exit"


def target() -> Target:
    return Target(make, run, (), length=lambda _: 0, memory=None, seconds=SECONDS, watched=False, quick=5)


TARGETS = {"interrupts": target} if hasattr(signal, "setitimer") else {}
