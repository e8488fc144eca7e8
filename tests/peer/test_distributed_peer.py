"""Programs of several processes, printed under PyTorch's own launcher and gloo, and under ours."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from socket import socket

import pytest

PROGRAMS = Path(__file__).parent.parent / "distributed" / "programs"
pytestmark = pytest.mark.skipif(find_spec("mpi4py") is None, reason="needs pip install 'wengert[distributed]'")


def said(command: list[str]) -> list[str]:
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return [line.removeprefix("[0] ") for line in done.stdout.splitlines() if not line.startswith("[1]")]


def numbers_agree(ours: list[str], theirs: list[str]) -> None:
    """The same words, and numbers to three digits, as results agree to rounding."""
    number = re.compile(r"-?\d+\.\d+")
    assert [number.sub("#", line) for line in ours] == [number.sub("#", line) for line in theirs]
    for mine, its in zip(number.findall("\n".join(ours)), number.findall("\n".join(theirs)), strict=True):
        assert float(mine) == pytest.approx(float(its), abs=2e-3), (ours, theirs)


def test_a_training_program_under_both_launchers() -> None:
    path = str(PROGRAMS / "sampling.py")
    theirs = said([sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", path])
    ours = said([sys.executable, "-m", "wengert", "launch", "--standalone", "--nproc-per-node", "2", path])
    assert len(ours) == 5
    numbers_agree(ours, theirs)


def test_what_users_ask_holds_of_both() -> None:
    """Those of the cases that ask for the reference's behaviour alone."""
    cases = ("sparse_gradients copies what_was_added_up_before graphs_that_change hooks_of_buffers joined "
             "local_steps").split()
    for module in ("torch.distributed.run", "wengert launch"):
        command = [sys.executable, "-m", *module.split(), "--standalone", "--nproc-per-node", "2",
                   str(PROGRAMS / "users.py"), *cases]
        assert sorted(said(command)) == sorted(cases), module


def launched(module: str, path: str, *arguments: str) -> list[str]:
    """What rank 0, and what is no warning, prints under a launcher, sorted, as ranks print when they like."""
    command = [sys.executable, "-m", *module.split(), "--standalone", "--nproc-per-node", "2", path, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return sorted(re.sub(r"^\[\d\] ", "", line) for line in re.sub(r"(?<=\S)(?=\[GPU)", "\n", done.stdout).splitlines()
                  if line)


def test_a_trainer_with_snapshots_and_resuming(tmp_path: Path) -> None:
    path = str(PROGRAMS / "mingpt.py")
    said = {}
    for side in ("torch.distributed.run", "wengert launch"):
        snapshot = str(tmp_path / f"{side[0]}.pt")
        said[side] = launched(side, path, snapshot, "1"), launched(side, path, snapshot, "2")
    for ours, theirs in zip(said["wengert launch"], said["torch.distributed.run"], strict=True):
        numbers_agree(ours, theirs)
    begun, resumed = said["wengert launch"]
    assert begun.count("Snapshot not found. Training model from scratch") == 2
    assert resumed.count("Resuming training from snapshot at Epoch 1") == 2
    assert not any("Epoch 1 |" in line for line in resumed)


def test_image_classification_as_torchvisions_references_train(tmp_path: Path) -> None:
    path = str(PROGRAMS / "references.py")
    ours, theirs = (launched(side, path, "--output-dir", str(tmp_path))
                    for side in ("wengert launch", "torch.distributed.run"))
    assert len(ours) == 7
    numbers_agree(ours, theirs)


def test_an_optimiser_whose_state_is_spread() -> None:
    path = str(PROGRAMS / "zero.py")
    ours, theirs = ([line for line in launched(side, path) if line[0] != "*"]
                    for side in ("wengert launch", "torch.distributed.run"))
    assert len(ours) == 13
    numbers_agree(ours, theirs)


STORES = """
import sys, {package}.distributed as dist
from datetime import timedelta
def tried(call):
    try:
        return call()
    except RuntimeError as error:  # which DistStoreError is; PyTorch's FileStore raises that itself
        return "RuntimeError" if name == "file" else type(error).__name__
stores = dict(hash=dist.HashStore(), file=dist.FileStore(sys.argv[1], 1),
              tcp=dist.TCPStore("127.0.0.1", 0, is_master=True, timeout=timedelta(seconds=5)))
stores["prefix"] = dist.PrefixStore("inside", dist.HashStore())
for name, store in stores.items():
    store.set_timeout(timedelta(seconds=0.2))
    first = store.num_keys()
    store.set("a", "1")
    said = [store.get("a"), store.add("n", 2), store.add("n", -3), store.get("n"), store.check(["a", "n"]),
            store.check(["a", "b"]), store.num_keys() - first, store.delete_key("a"),
            name == "file" or store.delete_key("a"),  # of which PyTorch's says twice that there was one
            store.num_keys() - first, tried(lambda: store.get("a")), tried(lambda: store.wait(["never"])),
            tried(lambda: store.wait(["n", "never"], timedelta(seconds=0.1))), store.wait(["n"]),
            store.compare_set("n", "-1", "7"), store.compare_set("n", "nothing", "8"),
            store.compare_set("new", "", "5"), store.compare_set("none", "6", "7"),
            store.check(["none"]), store.append("x", "1"), store.append("x", "2"),
            store.get("x"), store.multi_set(["p", "q"], ["1", "2"]), store.multi_get(["q", "p"]),
            name == "file" or store.has_extended_api(), store.timeout]
    if name in ("hash", "tcp", "prefix"):
        said += [store.queue_len("u"), store.queue_push("u", "1"), store.queue_push("u", "2"), store.queue_len("u"),
                 store.queue_pop("u"), store.queue_pop("u", False), tried(lambda: store.queue_pop("u", False))]
    said += [store.barrier("b", 1), tried(lambda: store.barrier("c", 2, timedelta(seconds=0.1)))]
    print(name, said)
"""


def test_stores(tmp_path: Path) -> None:
    ours, theirs = (said([sys.executable, "-c", STORES.format(package=package), str(tmp_path / package)])
                    for package in ("wengert", "torch"))
    assert ours == theirs and len(ours) == 4


def test_the_tutorials_program_by_spawn() -> None:
    def port() -> str:
        with socket() as probe:
            probe.bind(("127.0.0.1", 0))
            return str(probe.getsockname()[1])

    path = str(PROGRAMS / "spawning.py")
    numbers_agree(said([sys.executable, "-m", "wengert", "run", path, port()]), said([sys.executable, path, port()]))
