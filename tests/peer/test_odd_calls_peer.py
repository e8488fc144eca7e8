"""Every function of `torch.distributed` with odd input, in two processes, beside gloo: the same values, or an error
that the same clause catches."""

from __future__ import annotations

import subprocess
import sys
from fnmatch import fnmatch
from importlib.util import find_spec
from pathlib import Path

import pytest

PROGRAMS = Path(__file__).parent / "programs"
pytestmark = pytest.mark.skipif(find_spec("mpi4py") is None, reason="needs pip install 'wengert[distributed]'")

OTHERWISE = {
    "odd_collectives": {
        "int16.*": "gloo has no int16 but in messages",
        "complex*.PRODUCT": "which gloo refuses",
        "all_reduce.sliced": "gloo reduces the memory between the elements",
        "all_reduce.expanded": "one memory, written once by each element",
        "all_gather.tuple": "a tuple is a list of tensors too",
        "all_gather.shape": "as many elements are enough", "all_gather.zero_d_1": "so too", "into.zero_d": "so too",
        "into.stack": "stacked, as NCCL does it", "rs.tensor_2d": "so too", "rs.tensor_nonc": "so too",
        "scatter.strided*": "gloo sends memory in its order",
        "a2a.ok": "parts of several sizes, as NCCL and MPI take them", "a2a.nonc": "copied",
        "a2a.odd": "gloo sends nothing and says nothing", "a2a.zero_d": "so too",
        "reduce.in_alone1": "outside of a group nothing is done", "broadcast.alone1": "so too", "p2p.group": "so too",
        "p2p.batch_empty": "a ValueError, where theirs is an IndexError by chance", "p2p.op_repr": "in other words",
    },
    "odd_groups": {
        "objects.few": "a ValueError before anything is sent", "objects.many": "so too",
        "groups.empty": "a group of nobody", "groups.*_method*": "of no public documentation; not there",
        "ops.from_int": "an Enum's members are found by their values",
    },
}


def calls(program: str, package: str, meeting: Path) -> list[dict[str, str]]:
    """By the names of the calls what came of them, on each of two ranks."""
    ranks = [subprocess.Popen([sys.executable, str(PROGRAMS / f"{program}.py"), package, str(rank), str(meeting)],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for rank in (0, 1)]
    try:
        said = [rank.communicate(timeout=120) for rank in ranks]
    finally:
        for rank in ranks:
            rank.kill()
            rank.wait()
    assert [rank.returncode for rank in ranks] == [0, 0], said
    return [dict(line.split(" | ", 1) for line in out.splitlines() if " | " in line) for out, _ in said]


def alike(ours: str, theirs: str) -> bool:
    """Whether two values are the same, or our error is one of theirs too."""
    if ours.startswith("!") and theirs.startswith("!"):
        return theirs[1:].split()[0] in ours[1:].partition(" # ")[0].split()
    return ours == theirs


@pytest.mark.parametrize("program", OTHERWISE)
def test_odd_calls(program: str, tmp_path: Path) -> None:
    ours, theirs = (calls(program, package, tmp_path / package) for package in ("wengert", "torch"))
    assert [set(each) for each in ours] == [set(each) for each in theirs] and len(ours[0]) > 120
    patterns = OTHERWISE[program]
    differing = {name: (mine[name], its[name]) for mine, its in zip(ours, theirs, strict=True) for name in mine
                 if not alike(mine[name], its[name])}
    unexpected = {name: said for name, said in differing.items() if not any(fnmatch(name, each) for each in patterns)}
    assert unexpected == {}
    gone = [each for each in patterns if not any(fnmatch(name, each) for name in differing)]
    assert gone == [], "these are alike by now"
