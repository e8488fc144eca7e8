"""The memory of a training step beside PyTorch's: `python -m benchmarks.memory`.

Each library runs in a process of its own, three steps. The peak is the highest resident size of the process; what the
steps add is the peak less what was resident before them, with the library imported, the model built and its input made.
Both libraries also load code during the first step, which counts: wengert its compiler (llvmlite, some 35 MB), PyTorch
its kernels. Linux only: the sizes come from /proc/self/status.
"""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module

from benchmarks import networks
from benchmarks.comparison import environment
from benchmarks.sides import LIBRARIES, THREADS

BAR = 1.5
STEPS = 3
NAMES = ("mlp", "lenet", "resnet20", "lstm", "gpt", "pointwise")


def resident(field: str) -> int:
    """A size of this process in bytes: ``VmRSS`` now, ``VmHWM`` at its highest."""
    with open("/proc/self/status") as file:
        for line in file:
            if line.startswith(field + ":"):
                return int(line.split()[1]) * 1024
    raise RuntimeError(f"/proc/self/status has no {field}")


def measure(library: str, name: str) -> tuple[int, int]:
    """The peak of this process in bytes after the steps of one network, and what they added."""
    torch = import_module(library)
    torch.set_num_threads(THREADS)
    step = getattr(networks, name)(torch)
    before = resident("VmRSS")
    for _ in range(STEPS):
        step()
    peak = resident("VmHWM")
    return peak, peak - before


def main() -> int:
    if len(sys.argv) == 3:
        print(*measure(sys.argv[1], sys.argv[2]))
        return 0
    print(f"{'':10} | {'peak of the process':^34} | {'added by the steps':^34}")
    print(f"{'':10} | {'wengert':>10} {'PyTorch':>10} {'ratio':>12} | {'wengert':>10} {'PyTorch':>10} {'ratio':>12}")
    missed = 0
    for name in NAMES:
        answers = []
        for library in LIBRARIES:
            command = [sys.executable, "-m", "benchmarks.memory", library, name]
            answer = subprocess.run(command, capture_output=True, text=True, check=True, env=environment())
            answers.append([int(word) for word in answer.stdout.split()])
        cells = [f"{name:10}"]
        for ours, theirs in zip(*answers, strict=True):
            ratio = ours / theirs
            missed += ratio > BAR
            word = "missed" if ratio > BAR else "ok"
            cells.append(f"{ours / 2**20:7.1f} MB {theirs / 2**20:7.1f} MB {ratio:5.2f} {word:>6}")
        print(" | ".join(cells), flush=True)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
