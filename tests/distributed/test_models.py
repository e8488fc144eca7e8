"""Every model in every way of training, and compiled: several ranks give what one process gives."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.distributed.ranks import PROGRAMS, launch


def cases(program: str) -> list[str]:
    return re.findall(r"^def case_(\w+)", (PROGRAMS / program).read_text("utf-8"), re.MULTILINE)


@pytest.mark.parametrize("ranks", [2, 4])
def test_every_model_in_every_way_of_training(ranks: int) -> None:
    done = launch("matrix.py", ranks=ranks)
    assert done.code == 0, done.err
    ways = ("plain", "accumulation", "unused", "uneven")
    wanted = [f"{model} {way}" for model in ("mlp", "cnn", "synchronised cnn", "gpt") for way in ways]
    assert done.lines(0) == [each for each in wanted if each != "synchronised cnn uneven"]


def test_compiled_models_and_what_cannot_be_recorded() -> None:
    done = launch("compiled.py")
    assert done.code == 0, done.err
    assert done.lines(0) == cases("compiled.py")


def test_groups_meshes_objects_messages_and_other_worlds() -> None:
    done = launch("groups.py", ranks=4)
    assert done.code == 0, done.err
    assert done.lines(0) == cases("groups.py")


def test_a_program_as_torchvisions_references_with_synchronised_normalisation(tmp_path: Path) -> None:
    done = launch("references.py", "--sync-bn", "--output-dir", str(tmp_path))
    assert done.code == 0, done.err
    assert [line.partition(":")[0] for line in done.lines(0)[:6]] == ["Epoch", "Test", "EMA"] * 2
    assert done.lines(1) == [] and (tmp_path / "checkpoint.pth").exists()


LOADS = """import torch, torch.distributed as dist
from torch.utils.data import DataLoader, DistributedSampler, TensorDataset
dist.init_process_group()
data = TensorDataset(torch.arange(24.0))
loader = DataLoader(data, batch_size=3, num_workers=2, sampler=DistributedSampler(data, shuffle=False),
                    multiprocessing_context="fork")
total = torch.zeros(1)
for epoch in range(2):
    loader.sampler.set_epoch(epoch)
    for (batch,) in loader:
        mine = batch.sum().reshape(1)
        dist.all_reduce(mine)  # while the workers go on
        total += mine
print(total.item())
"""


def test_workers_that_load_data_are_forked_after_mpi_has_begun(tmp_path: Path) -> None:
    program = tmp_path / "loads.py"
    program.write_text(LOADS)
    done = launch(program)
    assert (done.code, done.lines(0), done.lines(1)) == (0, ["552.0"], ["552.0"]), done
