"""Loading with worker processes against PyTorch: one program under both, which print the same."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")

PROGRAM = """
import random, sys, warnings
import numpy as np
if sys.argv[1] == "wengert":
    import wengert as torch
    from wengert.utils.data import *
else:
    import torch
    from torch.utils.data import *
warnings.simplefilter("ignore")

class Augmented(Dataset):
    def __init__(self, count):
        self.images = torch.arange(count * 64).reshape(count, 1, 8, 8).float()
    def __len__(self):
        return len(self.images)
    def __getitem__(self, index):
        image = self.images[index]
        top, left = torch.randint(0, 3, (2,)).tolist()
        image = image[:, top:top + 6, left:left + 6]
        if random.random() < 0.5:
            image = image.flip(2)
        return image + float(np.random.randint(0, 100)) + torch.rand(1), index, {"t": torch.tensor(float(index))}

class Stream(IterableDataset):
    def __init__(self, lengths):
        self.lengths = lengths
    def __iter__(self):
        info = get_worker_info()
        number = 0 if info is None else info.id
        for step in range(self.lengths[number]):
            yield number * 100 + step + torch.rand(1)

class Eager(Sampler):
    def __init__(self, count):
        self.count = count
    def __iter__(self):
        return iter(torch.randperm(self.count).tolist())
    def __len__(self):
        return self.count

def init(number):
    random.seed(get_worker_info().seed + 1)

def show(batch):
    if isinstance(batch, (list, tuple)):
        return [show(each) for each in batch]
    if isinstance(batch, dict):
        return {key: show(value) for key, value in batch.items()}
    return (batch.dtype, batch.tolist()) if hasattr(batch, "tolist") else batch

def run(dataset, **options):
    torch.manual_seed(11); random.seed(12); np.random.seed(13)
    if options.pop("own", False):
        options["generator"] = torch.Generator().manual_seed(14)
    if options.pop("eager", False):
        options["sampler"] = Eager(len(dataset))
    loader = DataLoader(dataset, **options)
    for _ in range(2):
        print([show(batch) for batch in loader])
    if dataset is images:  # how far an iterable dataset's worker gets before a new start, PyTorch leaves to chance
        print(show(next(iter(loader))), show([batch for batch, _ in zip(loader, range(3))]))
    print(torch.rand(1).item(), random.random(), np.random.rand())

images = Augmented(21)
for options in (
    {}, {"shuffle": True}, {"shuffle": True, "own": True}, {"drop_last": True, "worker_init_fn": init},
    {"eager": True}, {"batch_size": None, "shuffle": True}, {"batch_size": None, "eager": True},
):
    for workers in ({}, {"num_workers": 2}, {"num_workers": 2, "persistent_workers": True, "prefetch_factor": 3}):
        if workers or "worker_init_fn" not in options:
            run(images, **{"batch_size": 4, **options, **workers})
run(images, batch_sampler=[[3, 1], [2], [20, 0, 4]], num_workers=2)
for lengths in ((5, 5), (2, 9), (9, 2), (0, 3), (0, 0)):
    for workers in ({}, {"num_workers": 2}, {"num_workers": 2, "persistent_workers": True}):
        for options in ({"batch_size": 2}, {"batch_size": 2, "drop_last": True}, {"batch_size": None}):
            if lengths[0] and lengths[1]:
                run(Stream(lengths), **options, **workers)
            elif workers:
                print([show(batch) for batch in DataLoader(Stream(lengths), **options, **workers)])
"""

ERRORS = """
import sys
if sys.argv[1] == "wengert":
    import wengert as torch
    from wengert.utils.data import *
else:
    import torch
    from torch.utils.data import *

class Failing(Dataset):
    def __init__(self, error): self.error = error
    def __len__(self): return 4
    def __getitem__(self, index):
        if index == 2:
            raise self.error
        return index

class Two(Exception):
    def __init__(self, a, b): super().__init__(a, b)

for error in (ValueError("x"), KeyError("y"), Two(1, 2), StopIteration(), IndexError("z")):
    try:
        for batch in DataLoader(Failing(error), num_workers=2):
            print(batch.tolist())
    except Exception as raised:
        lines = str(raised).splitlines()
        print(type(raised), lines[:2], lines[-1])
"""


@pytest.mark.parametrize("name", ["PROGRAM", "ERRORS"])
def test_one_program_under_both(name: str, tmp_path: Path) -> None:
    path = tmp_path / "program.py"
    path.write_text(globals()[name])
    seen = []
    for library in ("wengert", "torch"):
        command = [sys.executable, str(path), library]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
        seen.append(done.stdout.splitlines())
    assert len(seen[0]) == len(seen[1]) > 4
    for ours, theirs in zip(*seen, strict=True):
        assert ours == theirs


@pytest.mark.parametrize("count", [0, 1, 7, 12])
@pytest.mark.parametrize("options", [{}, {"shuffle": False}, {"seed": 5}, {"drop_last": True}])
def test_the_distributed_sampler(count: int, options: dict[str, object]) -> None:
    import torch

    import wengert

    for replicas in (1, 3, 5):
        for rank in range(replicas):
            samplers = [
                lib.utils.data.distributed.DistributedSampler(range(count), replicas, rank, **options)
                for lib in (wengert, torch)
            ]
            for epoch in range(2):
                for sampler in samplers:
                    sampler.set_epoch(epoch)
                try:
                    theirs = list(samplers[1])
                except ZeroDivisionError:
                    continue
                assert list(samplers[0]) == theirs and len(samplers[0]) == len(samplers[1])
